import contextlib
import re
from email.headerregistry import AddressHeader
from typing import Final
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog

from mailer.letters import Letter, UndeliverableError

# How long the server may take for one answer, in seconds; a whole delivery has worker.LONGEST_DELIVERY.
LONGEST_ANSWER = 20.0
# For a word between two mails; who is slower is called anew, or left without a goodbye.
LONGEST_WORD = 2.0

# After one of these the connection is good for the next mail; after any other answer it is anybody's guess.
REFUSALS: Final = range(400, 600)
# What is refused for good, by RFC 5321's code: the receiver, or the mail itself.
FOR_GOOD: Final = range(550, 560)
# But not where it is ours to mend, by RFC 3463's code: who we are, how we speak, what we may.
OURS = re.compile(r"5\.(1\.[78]|[57]\.\d+)\b")

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Server:
    """The server that mails are handed to.

    Deliveries may run side by side. Each takes a connection that is idle, or makes one; what broke is made anew.
    """

    def __init__(self, url: str) -> None:
        """`url`: as the setting SMTP_URL. With a user, STARTTLS is demanded; without one, used where it is offered."""
        self._url = urlsplit(url)
        self._idle: list[aiosmtplib.SMTP] = []

    async def deliver(self, message: Letter) -> None:
        """Hand over a mail; when this returns, the server answers for it.

        To everybody in To and Cc, or to nobody yet: a copy's address that is refused for good is left out, though.
        Raises letters.UndeliverableError where the server refuses the receiver or the mail for good; anything else it
        raises may be over at a later attempt. A mail whose acceptance was not heard may have been accepted.
        """
        connection = self._idle.pop() if self._idle else self._new()
        try:
            if not await _is_alive(connection):
                await connection.connect()
            await _hand_over(connection, message)
        except aiosmtplib.SMTPResponseException as refusal:
            if refusal.code not in REFUSALS:
                connection.close()
            if _is_for_good(refusal):
                raise UndeliverableError(f"{refusal.code} {refusal.message}") from refusal
            raise
        except BaseException:
            # In the middle of something: its answer, when it comes, would be taken for the next mail's.
            connection.close()
            raise
        finally:
            self._idle.append(connection)

    async def close(self) -> None:
        """Take leave on every connection that is idle. The next mail makes a new one."""
        leaving, self._idle = self._idle, []
        for connection in leaving:
            with contextlib.suppress(aiosmtplib.SMTPException):
                await connection.quit(timeout=LONGEST_WORD)
            connection.close()

    def _new(self) -> aiosmtplib.SMTP:
        user, password = self._url.username, self._url.password
        return aiosmtplib.SMTP(
            hostname=self._url.hostname,
            port=self._url.port,
            username=user and unquote(user),
            password=password and unquote(password),
            use_tls=self._url.scheme == "smtps",
            start_tls=True if user and self._url.scheme == "smtp" else None,
            timeout=LONGEST_ANSWER,
        )


async def _is_alive(connection: aiosmtplib.SMTP) -> bool:
    """Whether a connection can take the next mail; it has forgotten the last one then."""
    if not connection.is_connected:
        return False
    try:
        await connection.rset(timeout=LONGEST_WORD)
    except aiosmtplib.SMTPException:
        connection.close()
    return connection.is_connected


async def _hand_over(connection: aiosmtplib.SMTP, message: Letter) -> None:
    [sender], [to], copies = (_addresses(message, header) for header in ("From", "To", "Cc"))
    await connection.mail(sender)
    await connection.rcpt(to)
    for copied in copies:
        await _copy(connection, copied)
    await connection.data(message.as_bytes())


async def _copy(connection: aiosmtplib.SMTP, address: str) -> None:
    try:
        await connection.rcpt(address)
    except aiosmtplib.SMTPRecipientRefused as refusal:
        if not _is_for_good(refusal):
            raise
        log.warning("mail.copy_refused", code=refusal.code)


def _addresses(message: Letter, header: str) -> list[str]:
    found = message[header]
    return [each.addr_spec for each in found.addresses] if isinstance(found, AddressHeader) else []


def _is_for_good(refusal: aiosmtplib.SMTPResponseException) -> bool:
    is_of_the_mail = isinstance(refusal, aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError)
    return is_of_the_mail and refusal.code in FOR_GOOD and not OURS.match(refusal.message)
