"""Who the outbox's tests are about, what they ask each other, and what arrives in their Maildir."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, Unpack

import settings
from domain import changes, invites, inviting, modifications, partnerships, proposals, tokens
from domain.modifications import Wanted
from domain.seats import Seat
from models.account import Account
from models.client import Client
from models.enums import InviteKind, PartnerMemberRole, SecurityRole, Side
from models.event import Event
from models.link import Link
from models.mail import Mail
from models.partner import Partner
from models.partnership import Partnership
from models.webhook import WebhookEndpoint
from outbox.worker import Worker
from tests import conftest, given

VENDOR = "Countersign <no-reply@countersign.example>"
PAULA = "Paula Partner <paula@northwind.example>"
CLARA = "Clara Client <clara@harbour.example>"
ADDRESS = "jo@island.example"
START = conftest.MOMENT
SENT_AT = "Sat, 21 Nov 2026 20:46:00 +0000"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who acts, without a session."""

    user_id: str
    side: Side = Side.PARTNER


@dataclass(frozen=True, slots=True)
class Companies:
    """Paula of Northwind asks; Clara owns Harbour Foods' account."""

    partner: Partner
    paula: Seat
    client: Client
    account: Account
    clara: Seat


async def companies() -> Companies:
    partner, client = await given.partner("Northwind"), await given.client("Harbour Foods")
    account = await given.account(client, "Main shop")
    paula = await given.user("Paula Partner", email="paula@northwind.example")
    clara = await given.user("Clara Client", email="clara@harbour.example")
    return Companies(
        partner,
        await given.member(partner, PartnerMemberRole.ADMIN, paula),
        client,
        account,
        await given.staff(account, SecurityRole.ACCOUNT_OWNER, clara),
    )


async def offer_to_client(who: Companies, message: str | None = "Shall we?") -> str:
    """Paula offers Harbour Foods a partnership; returns the offer's id."""
    return await _offer(who, client_id=who.client.id, email=None, client_name=None, message=message)


async def offer_to_address(who: Companies, email: str = ADDRESS) -> str:
    """Paula offers whoever has an address a partnership; returns the offer's id."""
    return await _offer(who, client_id=None, email=email, client_name="Island Hotel", message="Shall we?")


async def _offer(
    who: Companies, *, client_id: str | None, email: str | None, client_name: str | None, message: str | None
) -> str:
    partnership_id = await partnerships.offer(
        by=who.paula,
        partner_id=who.partner.id,
        client_id=client_id,
        email=email,
        client_name=client_name,
        terms=partnerships.Terms(title="Shop care", region="Vienna"),
        message=message,
    )
    return str((await Partnership.get(id=partnership_id)).offer_id)


async def invite(by: Seat, to: Partner | Account, email: str = ADDRESS, name: str | None = "Jo Island") -> str:
    """Invite somebody to become a partner's admin or an account's owner; returns the invite's id."""
    async with changes.change(by=by) as c:
        return await inviting.send(
            c,
            InviteKind.PARTNER_ADMIN if isinstance(to, Partner) else InviteKind.ACCOUNT_OWNER,
            email=email,
            name=name,
            expires_at=c.now + settings.load().invite_open,
            partner_id=to.id if isinstance(to, Partner) else None,
            account_id=to.id if isinstance(to, Account) else None,
        )


async def work_together(who: Companies) -> str:
    """Let Harbour Foods accept Northwind's offer; returns the partnership's id, once everybody has heard of it."""
    offer_id = await offer_to_client(who)
    await proposals.accept(offer_id, by=who.clara, account_ids=[who.account.id])
    await drain()
    return (await Partnership.get(offer_id=offer_id)).id


async def propose(by: Seat, partnership_id: str, message: str = "Time for this.", **wanted: Unpack[Wanted]) -> str:
    """Draft and submit a modification; returns its id."""
    drafted = await modifications.draft(by=by, partnership_id=partnership_id, **wanted)
    return await proposals.submit(str(drafted), by=by, message=message)


async def end(by: Seat, partnership_id: str, reason: str = "We have grown out of it.") -> None:
    async with changes.change(by=by) as c:
        confirmation = await partnerships.confirmation_of(partnership_id, c)
    await partnerships.end(by=by, partnership_id=partnership_id, reason=reason, confirmation=confirmation)


async def join(clock: ModuleType) -> None:
    """Let whoever holds the one open link, and has a sign-in already, accept its invite."""
    link = await Link.get(used_at=None, replaced_at=None)
    await invites.accept(
        tokens.of_link(link),
        tokens.challenge(link, clock.now()),
        by=None,
        name=None,
        password=None,
        client_name=None,
        account_name=None,
        ip=None,
        user_agent=None,
    )


async def record(*topics: str, stream: str = "user_stream") -> None:
    """Commit events that mail nobody."""
    async with changes.change(by=None) as c:
        for topic in topics or ("contact.created",):
            c.event(topic, stream=stream)


async def test_webhook(endpoint: WebhookEndpoint) -> None:
    """Commit what `webhookTest` does."""
    async with changes.change(by=None) as c:
        c.event(
            "webhook.test",
            stream=endpoint.id,
            subject=endpoint.id,
            partner_id=endpoint.partner_id,
            client_id=endpoint.client_id,
        )


# ── what arrives ──


class Arrived(NamedTuple):
    """A mail, and what it is sorted by: receiver and subject."""

    place: tuple[str, str]
    id: str
    mail: EmailMessage


async def drain() -> list[EmailMessage]:
    """Carry everything on that is due now; return what has newly arrived, by receiver and subject."""
    before = {each.id for each in _arrived()}
    await Worker(settings.load()).drain()
    return [each.mail for each in _arrived() if each.id not in before]


def arrived() -> list[EmailMessage]:
    """Read the whole Maildir, by receiver and subject."""
    return [each.mail for each in _arrived()]


def _arrived() -> list[Arrived]:
    folder = settings.load().data_dir / "mail"
    return sorted(map(_opened, sorted((folder / "new").glob("*"))), key=lambda each: each.place)


# To read a mail takes longer than to write it, and no two that arrive ever have one name.
@lru_cache(maxsize=100)
def _opened(file: Path) -> Arrived:
    mail = read(file)
    return Arrived((str(mail["To"]), str(mail["Subject"])), str(mail["Message-ID"]), mail)


def read(file: Path) -> EmailMessage:
    mail = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert mail.defects == []
    return mail


def outline(mail: EmailMessage) -> list[tuple[str, str]]:
    """Every header in order, but for the two that hold the mail's id, whose form is looked at here."""
    mail_id = str(mail["Message-ID"]).removeprefix("<").partition("@")[0]
    assert mail_id.startswith("mail_")
    assert mail["Message-ID"] == f"<{mail_id}@countersign.example>"
    assert mail["Content-Type"] == f'multipart/alternative; boundary="={mail_id}="'
    return [(name, str(value)) for name, value in mail.items() if name not in {"Message-ID", "Content-Type"}]


def headers(to: str, subject: str, date: str = SENT_AT) -> list[tuple[str, str]]:
    """What `outline` is of a mail to somebody."""
    return [
        ("From", VENDOR),
        ("To", to),
        ("Subject", subject),
        ("Date", date),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
    ]


def text(mail: EmailMessage) -> str:
    """The plain text, its lines joined into paragraphs."""
    body = mail.get_body(("plain",))
    assert body is not None
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in str(body.get_content()).split("\n\n"))


def html(mail: EmailMessage) -> str:
    body = mail.get_body(("html",))
    assert body is not None
    return str(body.get_content())


async def eventually(holds: Callable[[], Awaitable[bool]], within: float = 30) -> None:
    """Wait until something has come about; fail when it does not."""
    async with asyncio.timeout(within):
        while not await holds():  # noqa: ASYNC110  what is waited for is in another process or a database
            await asyncio.sleep(0.02)


async def all_events_have_positions() -> bool:
    return not await Event.exists(pos=None)


async def no_mail_waits() -> bool:
    return await all_events_have_positions() and not await Mail.exists(status="QUEUED")
