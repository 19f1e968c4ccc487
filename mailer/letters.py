"""From a template and its values to a mail: headers that no value can break, one text in two forms.

What only a mail needs is imported for the first one, so that no process that has none to write waits for it.
"""

import datetime as dt
import re
import textwrap
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import settings
from models.mail import Mail

if TYPE_CHECKING:
    from email.headerregistry import Address, BaseHeader
    from email.message import EmailMessage

    from jinja2 import Environment, Template

TEMPLATES = Path(__file__).parent / "templates"
TEXT_WIDTH = 76
SUBJECT_LENGTH = 150
# Control characters, and those that make a reader see another order of letters than the one that is there.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")

WHITE = re.compile(r"\s+")
EMPTY_LINE = re.compile(r"\n\s*\n")
BETWEEN = {"facts": re.compile(r"\n")}

# What typeshed leaves open: headers are set from addresses, times and texts.
Letter: TypeAlias = "EmailMessage[BaseHeader, object]"
Value: TypeAlias = str | int | bool | dt.datetime | dt.date | None


class UndeliverableError(Exception):
    """No later attempt could succeed: the address is none, or was refused for good."""


def one_line(value: object) -> object:
    """Print a value in a sentence: no line of its own, whoever wrote it."""
    return WHITE.sub(" ", UNSEEN.sub(" ", value)) if isinstance(value, str) else value


def moment(value: dt.datetime) -> str:
    """Write a point in time as people do: `21 December 2026, 20:46 UTC`."""
    return f"{value.day} {value:%B %Y, %H:%M} UTC"


def day(value: dt.date) -> str:
    """Write a date as people do: `21 December 2026`."""
    return f"{value.day} {value:%B %Y}"


def wrapped(text: str) -> str:
    """Break a paragraph into lines that every reader shows as they are; addresses stay whole."""
    return textwrap.fill(text, TEXT_WIDTH, break_long_words=False, break_on_hyphens=False)


@cache
def _environment(*, html: bool, sentences: bool) -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=html,  # noqa: S701  off for the plain text alone
        undefined=StrictUndefined,
        finalize=one_line if sentences else None,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(moment=moment, day=day, wrapped=wrapped)
    return environment


def _layout(*, html: bool) -> "Template":
    """Return what places a letter's words."""
    return _environment(html=html, sentences=False).get_template("layout.mjml.j2" if html else "layout.txt.j2")


def compose(
    mail: Mail,
    *,
    url: str | None = None,
    quote: str | None = None,
    reply_to: str | None = None,
    **values: Value,
) -> Letter:
    """Make the whole mail from its template's words and the values they name.

    `url`: where the button leads, if there is one. `quote`: what somebody wrote, line breaks kept; null where nobody
    did. `reply_to`: the address that answers go to, if not ours. Every repeat of a mail is the same to the byte, its
    Message-ID included. Raises UndeliverableError, and jinja2's UndefinedError for a value that is missing.
    """
    from email.message import EmailMessage

    from mjml import mjml2html

    config = settings.load()
    known = {"vendor": config.vendor_name, "to_email": mail.to_email, **values}
    placed = {
        "vendor": config.vendor_name,
        "support": config.support_address,
        "to_name": one_line(mail.to_name),
        "quote": [one_line(line) for line in (quote or "").strip().splitlines()],
        **({"url": url} if url else {}),
    }
    text, html = _words(mail.template, known, html=False), _words(mail.template, known, html=True)
    sender = _sender()
    message: Letter = EmailMessage()
    message["From"] = sender
    message["To"] = address(mail.to_email, mail.to_name)
    if mail.cc:
        message["Cc"] = [address(copied) for copied in mail.cc]
    if reply_to:
        message["Reply-To"] = address(reply_to)
    message["Subject"] = textwrap.shorten(" ".join(text["subject"]), SUBJECT_LENGTH, placeholder=" …")
    message["Date"] = mail.created_at
    message["Message-ID"] = f"<{mail.id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_layout(html=False).render(placed, **text), cte="quoted-printable")
    marked_up = mjml2html(_layout(html=True).render(placed, **html))
    message.add_alternative(marked_up, subtype="html", cte="quoted-printable")
    message.set_boundary(f"={mail.id}=")
    return message


def address(written: str, name: str | None = None) -> "Address":
    """Make one mailbox of an address and the name of whose it is; raises UndeliverableError for anything else."""
    from email.headerregistry import Address

    from email_validator import EmailNotValidError, validate_email

    try:
        checked = validate_email(written, check_deliverability=False, test_environment=True)
        return Address(str(one_line(name or "")).strip(), addr_spec=checked.ascii_email or checked.normalized)
    except (EmailNotValidError, ValueError) as error:
        raise UndeliverableError("not one e-mail address") from error


def _sender() -> "Address":
    """Read the setting MAIL_FROM: `Name <address>`, or an address alone."""
    written = settings.load().mail_from.strip()
    name, _, bare = written.removesuffix(">").rpartition("<") if written.endswith(">") else ("", "", written)
    return address(bare, name)


def _words(name: str, values: Mapping[str, Value], *, html: bool) -> dict[str, list[str]]:
    """Each block's paragraphs (of `facts`: lines), without line breaks of their own; as Markup for HTML.

    A letter's words are one template of blocks, so that its two forms cannot say different things.
    """
    from markupsafe import Markup

    template = _environment(html=html, sentences=True).get_template(f"{name}.j2")
    context = template.new_context(dict(values))
    kind = Markup if html else str
    return {
        part: [
            kind(" ".join(paragraph.split()))
            for paragraph in BETWEEN.get(part, EMPTY_LINE).split("".join(block(context)))
            if paragraph.strip()
        ]
        for part, block in template.blocks.items()
    }
