"""What a mail server is handed, and what becomes of a mail that it does not take."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import pytest
from aiosmtpd.smtp import SMTP
from structlog.testing import capture_logs

from mailer import smtp
from mailer.letters import Letter, UndeliverableError
from tests.mailer import post_office
from tests.mailer.post_office import ESCAPED, USER, Office

JANE, COPY = "jane@client.example", "copy@northwind.example"
SENDER = "no-reply@countersign.example"


def letter(number: int = 1, *, to: str = JANE, cc: tuple[str, ...] = ()) -> Letter:
    message: Letter = EmailMessage()
    message["From"] = Address("Countersign", addr_spec=SENDER)
    message["To"] = Address("Jané Doe", addr_spec=to)
    if cc:
        message["Cc"] = [Address(addr_spec=each) for each in cc]
    message["Subject"] = "Grüße"
    message["Message-ID"] = f"<mail_{number}@countersign.example>"
    message.set_content("Dear Jané,\n.\n..\nFrom here on\n", cte="quoted-printable")
    return message


def read(content: bytes) -> EmailMessage:
    mail = message_from_bytes(content, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert mail.defects == []
    return mail


@asynccontextmanager
async def calling(url: str) -> AsyncIterator[smtp.Server]:
    server = smtp.Server(url)
    try:
        yield server
    finally:
        await server.close()


def at(office: Office, scheme: str = "smtp", user: str = "") -> str:
    return f"{scheme}://{user + '@' if user else ''}127.0.0.1:{office.port}"


# ── what arrives ──


async def test_a_mail_arrives_as_it_was_written_at_everybody_in_to_and_cc() -> None:
    async with post_office.opened() as office, calling(at(office)) as server:
        await server.deliver(letter(cc=(COPY, "second@northwind.example")))
    [received] = office.received
    mail = read(received.content)
    assert (received.sender, received.recipients) == (SENDER, [JANE, COPY, "second@northwind.example"])
    assert mail.items() == letter(cc=(COPY, "second@northwind.example")).items()
    assert mail.get_content().replace("\r\n", "\n") == "Dear Jané,\n.\n..\nFrom here on\n"
    assert all(line.endswith(b"\r\n") for line in received.content.splitlines(keepends=True))
    assert received.content.isascii()


# ── connections ──


async def test_twenty_mails_in_a_row_take_one_connection() -> None:
    async with post_office.opened() as office, calling(at(office)) as server:
        for number in range(20):
            await server.deliver(letter(number))
    assert (len(office.received), office.connections, office.asked.count("EHLO")) == (20, 1, 1)


async def test_four_at_once_take_four_connections_and_keep_them() -> None:
    met = asyncio.Barrier(4)

    async def wait(_: SMTP) -> str:
        await met.wait()
        return "250 OK"

    async with post_office.opened() as office, calling(at(office)) as server:
        office.refusals["DATA"] = wait
        for _ in range(3):
            await asyncio.gather(*[server.deliver(letter(number)) for number in range(4)])
        assert (office.connections, office.open_connections) == (4, 4)


async def test_who_has_taken_leave_is_connected_no_more_and_calls_again_for_the_next_mail() -> None:
    async with post_office.opened() as office, calling(at(office)) as server:
        await server.deliver(letter(1))
        await server.close()
        await asyncio.sleep(0.05)
        assert (office.asked.count("QUIT"), office.open_connections) == (1, 0)
        await server.deliver(letter(2))
    assert (len(office.received), office.connections) == (2, 2)


async def test_a_connection_that_broke_between_two_mails_is_made_anew() -> None:
    async def hang_up_afterwards(server: SMTP) -> str:
        asyncio.get_running_loop().call_later(0.02, post_office.hang_up, server)
        return "250 OK"

    async with post_office.opened() as office, calling(at(office)) as server:
        office.refusals["DATA"] = hang_up_afterwards
        await server.deliver(letter(1))
        await asyncio.sleep(0.1)
        del office.refusals["DATA"]
        await server.deliver(letter(2))
    assert (len(office.received), office.connections) == (1, 2)


async def test_a_server_that_is_silent_between_two_mails_is_called_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "LONGEST_WORD", 0.1)
    released = asyncio.Event()

    async def hang(_: SMTP) -> str:
        await released.wait()
        return "250 OK"

    async with post_office.opened() as office, calling(at(office)) as server:
        await server.deliver(letter(1))
        office.refusals["RSET"] = hang
        async with asyncio.timeout(5):
            await server.deliver(letter(2))
        released.set()
    assert (len(office.received), office.connections) == (2, 2)


async def test_after_a_refusal_the_connection_is_good_for_the_next_mail() -> None:
    async with post_office.opened() as office, calling(at(office)) as server:
        office.refusals["gone@client.example"] = "550 5.1.1 unknown"
        with pytest.raises(UndeliverableError):
            await server.deliver(letter(1, to="gone@client.example"))
        await server.deliver(letter(2))
    assert [received.recipients for received in office.received] == [[JANE]]
    assert office.connections == 1


async def test_a_delivery_that_is_given_up_half_way_leaves_no_answer_to_the_next_mail() -> None:
    asked = asyncio.Event()

    async def answer_too_late(_: SMTP) -> str:
        asked.set()
        await asyncio.sleep(0.1)
        return "250 OK"

    async with post_office.opened() as office, calling(at(office)) as server:
        office.refusals["DATA"] = answer_too_late
        given_up = asyncio.create_task(server.deliver(letter(1)))
        await asked.wait()
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        del office.refusals["DATA"]
        await server.deliver(letter(2, to="otto@client.example"))
    assert [received.recipients for received in office.received] == [["otto@client.example"]]
    assert office.connections == 2


# ── what is refused ──


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (JANE, "550 5.1.1 no such user"),
        (JANE, "550 no such user"),
        (JANE, "552 5.2.2 full"),
        (JANE, "553 5.1.3 what is that"),
        ("DATA", "554 5.6.0 the content"),
        ("DATA", "552 5.3.4 too big"),
    ],
)
async def test_what_is_refused_for_good_is_undeliverable(asked: str, answer: str) -> None:
    async with post_office.opened() as office, calling(at(office)) as server:
        office.refusals[asked] = answer
        with pytest.raises(UndeliverableError) as refused:
            await server.deliver(letter())
    assert str(refused.value) == answer
    assert office.received == []


@pytest.mark.parametrize(
    ("asked", "answer", "error"),
    [
        (JANE, "450 4.2.1 busy", aiosmtplib.SMTPRecipientRefused),
        (JANE, "451 4.7.1 grey", aiosmtplib.SMTPRecipientRefused),
        (JANE, "421 4.3.2 going down", aiosmtplib.SMTPRecipientRefused),
        (JANE, "550 5.7.1 relaying denied", aiosmtplib.SMTPRecipientRefused),
        (JANE, "530 5.7.0 authenticate first", aiosmtplib.SMTPRecipientRefused),
        (JANE, "530 authenticate first", aiosmtplib.SMTPRecipientRefused),
        (JANE, "503 5.5.1 bad sequence", aiosmtplib.SMTPRecipientRefused),
        (JANE, "550 5.1.8 sender's domain", aiosmtplib.SMTPRecipientRefused),
        ("MAIL", "550 5.1.7 who are you", aiosmtplib.SMTPSenderRefused),
        ("MAIL", "552 5.3.4 too big", aiosmtplib.SMTPSenderRefused),
        ("DATA", "451 4.3.0 later", aiosmtplib.SMTPDataError),
        ("DATA", "550 5.7.26 unauthenticated", aiosmtplib.SMTPDataError),
    ],
)
async def test_what_is_put_off_or_ours_to_mend_may_be_tried_again(
    asked: str, answer: str, error: type[Exception]
) -> None:
    async with post_office.opened() as office, calling(at(office)) as server:
        office.refusals[asked] = answer
        with pytest.raises(error):
            await server.deliver(letter(1))
        del office.refusals[asked]
        await server.deliver(letter(2))
    assert [read(received.content)["Message-ID"] for received in office.received] == ["<mail_2@countersign.example>"]


async def test_a_copy_that_is_refused_for_good_is_left_out_and_the_log_names_no_address() -> None:
    async with post_office.opened() as office, calling(at(office)) as server:
        office.refusals[COPY] = f"550 5.1.1 <{COPY}> unknown"
        with capture_logs() as logs:
            await server.deliver(letter(cc=(COPY, "second@northwind.example")))
    assert [received.recipients for received in office.received] == [[JANE, "second@northwind.example"]]
    assert logs == [{"event": "mail.copy_refused", "log_level": "warning", "code": 550}]


@pytest.mark.parametrize(("refused", "answer"), [(COPY, "450 4.2.1 busy"), (JANE, "550 5.1.1 unknown")])
async def test_a_mail_goes_to_nobody_while_its_receiver_or_a_copy_is_not_taken(refused: str, answer: str) -> None:
    async with post_office.opened() as office, calling(at(office)) as server:
        office.refusals[refused] = answer
        with pytest.raises((aiosmtplib.SMTPRecipientRefused, UndeliverableError)):
            await server.deliver(letter(cc=(COPY,)))
    assert office.received == []
    assert "DATA" not in office.asked


# ── servers that break ──


async def test_p12_a_server_that_is_not_there() -> None:
    async with post_office.opened() as office:
        nowhere = at(office)
    async with calling(nowhere) as server:
        with pytest.raises(aiosmtplib.SMTPConnectError):
            await server.deliver(letter())


@pytest.mark.parametrize("greeting", [[b"554 5.7.1 not you\r\n"], [b"421 4.3.2 not now\r\n"], [b"what?\r\n"], []])
async def test_p12_a_server_that_greets_nobody_may_be_tried_again(greeting: list[bytes]) -> None:
    async with post_office.scripted(*greeting) as port, calling(f"smtp://127.0.0.1:{port}") as server:
        with pytest.raises(aiosmtplib.SMTPException):
            await server.deliver(letter())


async def test_p12_a_server_that_hangs_at_its_greeting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "LONGEST_ANSWER", 0.1)
    async with post_office.scripted(None) as port, calling(f"smtp://127.0.0.1:{port}") as server:
        with pytest.raises(aiosmtplib.SMTPConnectTimeoutError):
            await server.deliver(letter())


async def test_p12_a_server_that_drops_the_connection_after_data() -> None:
    async def drop(server: SMTP) -> str:
        post_office.hang_up(server)
        return "250 OK"

    async with post_office.opened() as office, calling(at(office)) as server:
        office.refusals["DATA"] = drop
        with pytest.raises(aiosmtplib.SMTPServerDisconnected):
            await server.deliver(letter(1))
        del office.refusals["DATA"]
        await server.deliver(letter(1))
    assert [read(received.content)["Message-ID"] for received in office.received] == ["<mail_1@countersign.example>"]


async def test_p12_a_server_that_hangs_after_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "LONGEST_ANSWER", 0.2)
    released = asyncio.Event()

    async def hang(_: SMTP) -> str:
        await released.wait()
        return "250 OK"

    async with post_office.opened() as office, calling(at(office)) as server:
        office.refusals["DATA"] = hang
        with pytest.raises(aiosmtplib.SMTPReadTimeoutError):
            await server.deliver(letter(1))
        del office.refusals["DATA"]
        await server.deliver(letter(1))
        released.set()
    assert (len(office.received), office.connections) == (1, 2)


async def test_an_answer_that_is_none_ends_the_connection() -> None:
    lines = (b"220 post\r\n", b"250 post\r\n", b"hello?\r\n")
    async with post_office.scripted(*lines, None) as port, calling(f"smtp://127.0.0.1:{port}") as server:
        with pytest.raises(aiosmtplib.SMTPResponseException):
            await server.deliver(letter())
        assert [connection.is_connected for connection in server._idle] == [False]


# ── TLS and signing in ──


async def test_with_a_user_a_mail_leaves_encrypted_and_signed_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = post_office.certificates(tmp_path)
    post_office.trust(known, monkeypatch)
    async with post_office.opened(starttls=known.server) as office, calling(at(office, user=ESCAPED)) as server:
        await server.deliver(letter(1))
        await server.deliver(letter(2))
    assert [(each.is_encrypted, each.user) for each in office.received] == [(True, USER)] * 2
    assert office.connections == 1


async def test_smtps_is_encrypted_from_the_first_byte_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = post_office.certificates(tmp_path)
    post_office.trust(known, monkeypatch)
    async with post_office.opened(tls=known.server) as office, calling(at(office, "smtps", ESCAPED)) as server:
        await server.deliver(letter())
    assert [each.user for each in office.received] == [USER]


async def test_with_a_user_a_server_without_starttls_is_told_no_password() -> None:
    async with post_office.opened() as office, calling(at(office, user=ESCAPED)) as server:
        with pytest.raises(aiosmtplib.SMTPException, match="STARTTLS extension not supported"):
            await server.deliver(letter())
    assert (office.received, set(office.asked)) == ([], {"EHLO"})


async def test_without_a_user_starttls_is_used_where_it_is_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = post_office.certificates(tmp_path)
    post_office.trust(known, monkeypatch)
    async with post_office.opened(starttls=known.server) as offering, post_office.opened() as plain:
        for office in (offering, plain):
            async with calling(at(office)) as server:
                await server.deliver(letter())
    assert [each.is_encrypted for each in offering.received + plain.received] == [True, False]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
@pytest.mark.parametrize("fault", ["unknown authority", "another name"])
async def test_a_certificate_that_does_not_hold_gets_neither_password_nor_mail(
    scheme: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = post_office.certificates(tmp_path, name="elsewhere.example" if fault == "another name" else "127.0.0.1")
    if fault == "another name":
        post_office.trust(known, monkeypatch)
    tls = {"tls" if scheme == "smtps" else "starttls": known.server}
    async with post_office.opened(**tls) as office, calling(at(office, scheme, ESCAPED)) as server:
        with pytest.raises((ssl.SSLCertVerificationError, aiosmtplib.SMTPConnectError)) as refused:
            await server.deliver(letter())
    assert "certificate verify failed" in str(refused.value)
    assert (office.received, set(office.asked) - {"EHLO", "STARTTLS"}) == ([], set())


async def test_a_password_that_is_wrong_may_be_mended_and_is_in_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = post_office.certificates(tmp_path)
    post_office.trust(known, monkeypatch)
    async with (
        post_office.opened(starttls=known.server) as office,
        calling(at(office, user="me:not-the-word")) as server,
    ):
        with pytest.raises(aiosmtplib.SMTPAuthenticationError) as refused:
            await server.deliver(letter())
    assert "not-the-word" not in repr(refused.value)
    assert office.received == []
