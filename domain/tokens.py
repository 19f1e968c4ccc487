"""Secrets that people hold: session tokens, links in mails, and the challenge that a link's page carries.

The database keeps hashes only. A link's token is not kept at all: it is derived from the link's row and the secret key,
so that a mail that waits in the queue, or is sent again after a crash, holds the very same link, and a copy of the
database holds none.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from tortoise.queryset import QuerySet

import settings
from domain import errors
from models.enums import LinkPurpose, UserErrorCode
from models.link import Link

TOKEN_BYTES = 32
CHALLENGE_OPEN = timedelta(minutes=10)
SIGN_IN_LINK_OPEN = timedelta(minutes=15)

_UNKNOWN = "This link is not valid. Open it exactly as it stands in the e-mail."
_ASK_AGAIN = {
    LinkPurpose.SIGN_IN: "Ask for a new one on the sign-in page.",
    LinkPurpose.INVITE: "Ask whoever invited you to send the invite again.",
}


def new() -> str:
    """Return a session's token: 256 random bits."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(token: str) -> str:
    """Return what the database keeps of a token: its SHA-256 in hexadecimal. Any text has one."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def fingerprint(subject: str) -> str:
    """Return a stand-in for an address, or a request, that tells nothing to who reads the database without the key."""
    return _signed("subject", subject).hex()


def of_link(link: Link) -> str:
    """Return the token that a link's mail carries: bound to its purpose, recipient and version, the same every time."""
    return _text(_signed("link", link.purpose, link.id, link.email, str(link.version)))


async def issue(  # noqa: PLR0913  a link's columns
    purpose: LinkPurpose,
    *,
    email: str,
    at: datetime,
    expires_at: datetime,
    user_id: str | None = None,
    proposal_id: str | None = None,
) -> Link:
    """Write a new link for a user (SIGN_IN) or a proposal (INVITE); the open one before it stops working.

    Inside a transaction that holds the user's or the proposal's row, so that of two at once one link is left open.
    """
    earlier = Link.filter(purpose=purpose, user_id=user_id, proposal_id=proposal_id)
    await _close(earlier, at)
    latest = await earlier.order_by("-version").first()
    link = Link(
        purpose=purpose,
        version=latest.version + 1 if latest else 1,
        email=email,
        user_id=user_id,
        proposal_id=proposal_id,
        created_at=at,
        expires_at=expires_at,
    )
    link.token_hash = digest(of_link(link))
    await link.save(force_create=True)
    return link


async def issue_sign_in(user_id: str, email: str, *, at: datetime) -> Link:
    """Write a new sign-in link for a user, as `issue` does; good for 15 minutes."""
    return await issue(LinkPurpose.SIGN_IN, email=email, user_id=user_id, at=at, expires_at=at + SIGN_IN_LINK_OPEN)


async def revoke(proposal_id: str, *, at: datetime) -> None:
    """Stop the open link of a proposal that has ended otherwise."""
    await _close(Link.filter(proposal_id=proposal_id), at)


async def revoke_sign_ins(user_id: str, *, at: datetime) -> None:
    """Stop a user's open sign-in link."""
    await _close(Link.filter(user_id=user_id, purpose=LinkPurpose.SIGN_IN), at)


async def _close(links: QuerySet[Link], at: datetime) -> None:
    await links.filter(used_at__isnull=True, replaced_at__isnull=True).update(replaced_at=at)


async def find(purpose: LinkPurpose, token: str) -> Link:
    """Return the link of a token, its `user` and `proposal` loaded, in whatever state it is.

    Refuses NOT_FOUND, in one sentence, what was altered, is empty, is no token at all or was made for another purpose.
    """
    link = await Link.filter(token_hash=digest(token), purpose=purpose).select_related("user", "proposal").first()
    if link is None:
        raise errors.Refusal(UserErrorCode.NOT_FOUND, _UNKNOWN, "token")
    return link


def require_open(link: Link, at: datetime) -> None:
    """Refuse a link that was used or replaced by a newer one (WRONG_STATE) or whose time is over (EXPIRED)."""
    what_to_do = _ASK_AGAIN[link.purpose]
    if link.used_at is not None:
        raise errors.Refusal(UserErrorCode.WRONG_STATE, f"This link was used already. {what_to_do}", "token")
    if link.replaced_at is not None:
        message = f"A newer e-mail has replaced this link: open the link in the newest one. {what_to_do}"
        raise errors.Refusal(UserErrorCode.WRONG_STATE, message, "token")
    if link.expires_at <= at:
        raise errors.Refusal(UserErrorCode.EXPIRED, f"This link has expired. {what_to_do}", "token")


async def use(link: Link, at: datetime) -> None:
    """Use a link up, by compare-and-set: of two at once one does, the other is refused as `require_open` refuses."""
    unused = Link.filter(id=link.id, used_at__isnull=True, replaced_at__isnull=True, expires_at__gt=at)
    if not await unused.update(used_at=at):
        require_open(await Link.get(id=link.id), at)
        raise errors.Refusal(UserErrorCode.CONFLICT, "This link was just used. Open it again.", "token")


def challenge(link: Link, at: datetime) -> str:
    """Return what the page of a link hands back with a person's decision: good for ten minutes and this link only."""
    until = str(int((at + CHALLENGE_OPEN).timestamp()))
    return f"{until}.{_text(_signed('challenge', link.token_hash, until))}"


def check_challenge(link: Link, given: str, at: datetime) -> None:
    """Refuse, INVALID at `challenge`, anything but an unexpired challenge of this link."""
    until, _, signature = given.partition(".")
    genuine = _text(_signed("challenge", link.token_hash, until)).encode()
    is_genuine = hmac.compare_digest(genuine, signature.encode("utf-8", "surrogatepass"))
    if not is_genuine or int(until) <= at.timestamp():
        message = "The page was open for too long. Open the link in the e-mail again, and decide within ten minutes."
        raise errors.Refusal(UserErrorCode.INVALID, message, "challenge")


def _signed(*parts: str) -> bytes:
    coded = [part.encode("utf-8", "surrogatepass") for part in parts]
    # Each part behind its length, so that no two lists of parts read the same.
    message = b"".join(len(part).to_bytes(4) + part for part in coded)
    key = settings.load().secret_key.get_secret_value().encode()
    return hmac.digest(key, message, "sha256")


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
