"""What a mail looks like on the wire, whatever people call themselves."""

from datetime import date, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import ModuleType
from typing import Any

import pytest
from jinja2 import UndefinedError

import settings
from mailer import letters
from models.mail import Mail
from tests.conftest import MOMENT

SCRIPT = "<script>alert(1)</script>"
BREAK = "Jane\r\nBcc: evil@example.com\r\n\r\nHello"


def offered(**columns: object) -> Mail:
    return Mail(
        **{
            "id": "mail_1",
            "template": "partnership-offered",
            "to_email": "jane@client.example",
            "to_name": "Jane Doe",
            "cc": [],
            "created_at": MOMENT,
            **columns,
        }
    )


def composed(mail: Mail, **values: Any) -> EmailMessage:
    """Compose a mail and read it as its receiver does."""
    known: dict[str, Any] = {
        "url": "https://portal.example/l/token",
        "quote": "Dear Jane,\n\nshall we?",
        "partner": "Northwind",
        "proposer": "Paula Partner",
        "client": None,
        "title": "Shop care",
        "description": None,
        "region": "Vienna",
        "starts_on": date(2027, 1, 1),
        "contacts": 2,
        "until": MOMENT + timedelta(days=30),
        **values,
    }
    sent = letters.compose(mail, **known).as_bytes()
    received = message_from_bytes(sent, policy=policy.default)
    assert isinstance(received, EmailMessage)
    assert received.defects == []
    return received


def text(mail: EmailMessage) -> str:
    return _body(mail, "plain")


def html(mail: EmailMessage) -> str:
    return _body(mail, "html")


def _body(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def test_a_mail_has_these_headers_and_no_others() -> None:
    mail = composed(offered(cc=["copy@northwind.example", "second@northwind.example"]))
    assert mail.items() == [
        ("From", "Countersign <no-reply@countersign.example>"),
        ("To", "Jane Doe <jane@client.example>"),
        ("Cc", "copy@northwind.example, second@northwind.example"),
        ("Subject", "Northwind offers you a partnership: Shop care"),
        ("Date", "Sat, 21 Nov 2026 20:46:00 +0000"),
        ("Message-ID", "<mail_1@countersign.example>"),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
        ("Content-Type", 'multipart/alternative; boundary="=mail_1="'),
    ]


def test_the_text_says_who_asks_what_why_until_when_and_what_happens_if_nothing_is_done() -> None:
    assert (
        text(composed(offered()))
        == """\
Northwind would like to work with you

Hello Jane Doe,

Paula Partner of Northwind offers you a partnership. It takes effect only if
you accept it: until then nothing is shared, and nobody gets access to
anything of yours.

Opening the page changes nothing. You read the offer there, set up your
sign-in if you have none yet, and then accept or decline.

> Dear Jane,
>
> shall we?

* Offer: Shop care
* Region: Vienna
* Starts on: 1 January 2027
* Offered with it: 2 contacts of Northwind
* Open until: 21 December 2026, 20:46 UTC

Read the offer:
https://portal.example/l/token

If you do nothing, we remind you and the offer ends by itself on 21 December
2026, 20:46 UTC.

--\x20
You get this mail because Northwind made the offer to jane@client.example.
If you do not know them, you can leave it unanswered, or decline it on the
page.
Questions? Write to support@countersign.example.
Countersign
"""
    )


def test_the_html_says_the_same_with_one_button_and_asks_no_other_server_for_anything() -> None:
    page = html(composed(offered()))
    for sentence in ("Northwind would like to work with you", "Hello Jane Doe,", "shall we?", "1 January 2027"):
        assert sentence in page
    assert page.count('href="https://portal.example/l/token"') == 2  # the button, and the plain address beneath
    assert page.count('role="presentation" valign="middle"') == 1
    assert "<img" not in page
    assert "@import" not in page
    assert "<link" not in page


def test_what_people_write_is_text_in_the_html() -> None:
    words = dict.fromkeys(("quote", "partner", "proposer", "title", "description", "region"), SCRIPT)
    page = html(composed(offered(to_name=SCRIPT), **words))
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= len(words) + 1


def test_what_people_write_is_no_mjml_and_no_template() -> None:
    page = html(composed(offered(to_name="</mj-text><mj-raw>{{ 7 * 7 }}"), title='"><mj-include path="/etc/passwd" />'))
    assert "<mj-" not in page
    assert "{{ 7 * 7 }}" in page
    assert "root:" not in page


def test_a_name_with_line_breaks_makes_no_header_and_no_paragraph() -> None:
    mail = composed(offered(to_name=BREAK), partner=BREAK, title=BREAK)
    one_line = "Jane Bcc: evil@example.com Hello"
    assert mail["Bcc"] is None
    assert mail["To"].addresses[0].display_name == one_line
    assert [str(address) for address in mail["To"].addresses] == [f'"{one_line}" <jane@client.example>']
    assert mail["Subject"] == f"{one_line} offers you a partnership: {one_line}"
    assert "\nHello" not in text(mail).removeprefix(f"{one_line} would like to work with you\n\nHello {one_line}")


def test_unseen_characters_do_not_reverse_what_a_reader_sees() -> None:
    mail = composed(offered(to_name="Jane\u202eeoD\u0000\u2066"), title="a\u2028b")
    assert mail["To"].addresses[0].display_name == "Jane eoD"
    assert mail["Subject"] == "Northwind offers you a partnership: a b"


def test_names_of_all_the_world_arrive() -> None:
    mail = composed(offered(to_name="Žofie Nováková"), partner="日本 & Söhne")
    assert mail["To"].addresses[0].display_name == "Žofie Nováková"
    assert mail["Subject"] == "日本 & Söhne offers you a partnership: Shop care"
    assert "Hello Žofie Nováková," in html(mail)
    assert "日本 &amp; Söhne" in html(mail)


def test_a_subject_that_is_too_long_is_shortened() -> None:
    subject = str(composed(offered(), title="word " * 100)["Subject"])
    assert len(subject) <= 150
    assert subject.startswith("Northwind offers you a partnership: word word")
    assert subject.endswith(" …")


@pytest.mark.parametrize(
    "address",
    [
        "b@y>, <evil@z",
        "b@y.example, evil@z.example",
        "b@y.example\r\nBcc: evil@z.example",
        "b",
        "",
        "b@",
        "<b@y.example>",
    ],
)
def test_what_is_not_one_address_is_never_sent_to(address: str) -> None:
    with pytest.raises(letters.UndeliverableError, match="not one e-mail address"):
        composed(offered(to_email=address))
    with pytest.raises(letters.UndeliverableError, match="not one e-mail address"):
        composed(offered(cc=[address]))


def test_a_missing_value_is_an_error_and_not_a_gap() -> None:
    with pytest.raises(UndefinedError, match="'hands_over' is undefined"):
        letters.compose(offered(template="invite-sent"), url="https://portal.example/", place="Northwind")


def test_a_button_that_leads_nowhere_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'url' is undefined"):
        composed(offered(), url=None)


def test_a_repeat_is_the_same_to_the_byte(clock: ModuleType) -> None:
    first = composed(offered()).as_bytes()
    clock.advance(timedelta(days=1))
    assert composed(offered()).as_bytes() == first


@pytest.mark.usefixtures("data_dir")
def test_sender_vendor_and_support_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_MAIL_FROM", "Größe & Co. <hello@vendor.example>")
    monkeypatch.setenv("COUNTERSIGN_VENDOR_NAME", "Größe & Co.")
    monkeypatch.setenv("COUNTERSIGN_SUPPORT_ADDRESS", "help@vendor.example")
    settings.load.cache_clear()
    mail = composed(offered())
    assert mail["From"] == '"Größe & Co." <hello@vendor.example>'
    assert mail["Message-ID"] == "<mail_1@vendor.example>"
    assert text(mail).endswith("\nQuestions? Write to help@vendor.example.\nGröße & Co.\n")
    assert "Größe &amp; Co." in html(mail)
