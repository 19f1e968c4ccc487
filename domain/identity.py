"""Signing in: who a person is, and through which session the person acts (mission 5.5).

No answer here tells whether an address is known: not by its words, its code or its time.

Sign-ins are counted (`rate_limits`) and passwords hashed before a verb opens its change: a refusal undoes the change
and not the count, also inside `changes.once`. What these verbs hand out is secret, and never kept.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import settings
from domain import changes, clock, errors, passwords, rate_limits, seats, tokens
from domain.rate_limits import Rule
from domain.seats import Seat
from models.base import new_id
from models.enums import Audience, LinkPurpose, Role, Side, SignInMethod, UserErrorCode
from models.link import Link
from models.seat import Seat as SeatRow
from models.seat import Session
from models.user import User

FRESH = timedelta(minutes=10)
SEEN_EVERY = timedelta(minutes=1)
LONGEST_USER_AGENT = 400
BEAT = 0.25

_NO_SEAT = "This sign-in belongs to no company any more. Ask whoever invited you to invite you again."


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that has begun. Its token is shown this once."""

    token: str
    expires_at: datetime
    seat: Seat


@dataclass(frozen=True, slots=True)
class SignInLinkPreview:
    """What the page that a sign-in link opens needs: whom it signs in, and the challenge to hand back."""

    email: str
    expires_at: datetime
    challenge: str


@dataclass(frozen=True, slots=True)
class AdminCreated:
    """One of the vendor's staff; with a sign-in link's token where no password was set."""

    user_id: str
    token: str | None


def address(email: str, *field: str) -> str:
    """Return an e-mail address as it is kept and compared, in lower case. Refuses what is none, INVALID at `field`."""
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415  a server starts without its tables

    try:
        return validate_email(email, check_deliverability=False).normalized.lower()
    except EmailNotValidError as reason:
        raise errors.invalid(f"This is not an e-mail address: {reason}", *field) from None


async def sign_in(*, email: str, password: str, ip: str | None, user_agent: str | None) -> SignedIn:
    """Begin a session by password, in the seat that the person used last.

    Refuses an unknown address and a wrong password alike (INVALID; at `email` what is no address); RATE_LIMITED;
    FORBIDDEN whoever has no seat left.
    """
    now, known_as = clock.now(), address(email, "email")
    await rate_limits.take_from(Rule.SIGN_IN_BY_IP, ip, now)
    await rate_limits.take(Rule.SIGN_IN_BY_ADDRESS, known_as, now)
    user = await User.get_or_none(email=known_as)
    kept = None if user is None else user.password_hash
    if not await passwords.matches(password, kept) or user is None:
        raise _not_right()
    async with changes.change(by=None) as c:
        # Held until the session is written: whoever changes the password now ends this session as well.
        if await User.filter(id=user.id, password_hash=kept).select_for_update(no_key=True).first() is None:
            raise _not_right()
        return await begin(c, user.id, via=SignInMethod.PASSWORD, ip=ip, user_agent=user_agent)


async def sign_in_link_send(*, email: str, ip: str | None) -> None:
    """Have a link mailed that signs the person in once, within 15 minutes; the one sent before stops working.

    Acknowledges whether or not the address is known, and takes the same time. Refuses RATE_LIMITED, and
    INVALID at `email` what is no address.
    """
    now, known_as = clock.now(), address(email, "email")
    await rate_limits.take_from(Rule.LINK_SEND_BY_IP, ip, now)
    await rate_limits.take(Rule.LINK_SEND_BY_ADDRESS, known_as, now)
    async with _on_the_beat(), changes.change(by=None) as c:
        user = await User.filter(email=known_as).select_for_update(no_key=True).first()
        if user and await _latest_seat(user.id):
            link = await tokens.issue_sign_in(user.id, known_as, at=c.now)
            c.event("sign_in.link_requested", stream=user.id, subject=link.id, audience=Audience.VENDOR)


async def sign_in_link_preview(token: str, *, ip: str | None) -> SignInLinkPreview:
    """Tell the page of a sign-in link what it needs; changes nothing.

    Refuses what is no sign-in link (NOT_FOUND), was used or replaced (WRONG_STATE) or has expired (EXPIRED), and
    RATE_LIMITED.
    """
    now = clock.now()
    link = await _open_link(token, ip, now)
    return SignInLinkPreview(link.email, link.expires_at, tokens.challenge(link, now))


async def sign_in_with_link(token: str, challenge: str, *, ip: str | None, user_agent: str | None) -> SignedIn:
    """Begin a session by a mailed link, which is used up.

    Refuses as `sign_in_link_preview` does, INVALID at `challenge`, and FORBIDDEN whoever has no seat left.
    """
    now = clock.now()
    link = await _open_link(token, ip, now)
    tokens.check_challenge(link, challenge, now)
    async with changes.change(by=None) as c:
        await tokens.use(link, c.now)
        return await begin(c, _owner(link), via=SignInMethod.LINK, ip=ip, user_agent=user_agent)


async def seat_take(seat_id: str, *, by: Seat, ip: str | None, user_agent: str | None) -> SignedIn:
    """Begin a session in another of one's own seats, without signing in again.

    The session that asks goes on beside it, so that two tabs may act for two companies: a token's seat never changes
    under a tab or a stream. Both are listed. The new one began, and ends, when the sign-in that it continues did:
    switching makes no session last longer. Refuses what is not one's own live seat, NOT_FOUND.
    """
    async with changes.change(by=by) as c:
        asking = await _held_session(by, c.now)
        if not await SeatRow.exists(id=seat_id, user_id=by.user_id, ended_at__isnull=True):
            raise errors.not_found("seat", "seatId")
        return await begin(
            c, by.user_id, via=asking.via, ip=ip, user_agent=user_agent, seat_id=seat_id, continued=asking
        )


async def sign_out(*, by: Seat) -> None:
    """End the session that asks. Ending it twice is no fault."""
    await Session.filter(id=by.session_id, ended_at__isnull=True).update(ended_at=clock.now())


async def session_end(session_id: str, *, by: Seat) -> None:
    """End one of one's own sessions; refuses any other, and one that has ended, NOT_FOUND."""
    now = clock.now()
    own = Session.filter(id=session_id, user_id=by.user_id, ended_at__isnull=True, expires_at__gt=now)
    if not await own.update(ended_at=now):
        raise errors.not_found("session", "sessionId")


async def password_change(*, current: str | None, new: str, by: Seat) -> None:
    """Set one's password and end all one's other sessions and open sign-in links.

    `current` is not asked (may be null) of those who signed in by a mailed link within ten minutes; a wrong or missing
    one is INVALID at `current`, a bad new one INVALID at `new`. Refuses RATE_LIMITED, and CONFLICT when it was changed
    meanwhile.
    """
    now = clock.now()
    passwords.check_new(new, field="new")
    await rate_limits.take(Rule.PASSWORD_CHANGE_BY_USER, by.user_id, now)
    user = await User.get(id=by.user_id)
    session = await Session.get(id=by.session_id)
    if not _came_by_link(session, now) and not await passwords.matches(current or "", user.password_hash):
        raise errors.invalid("This is not your current password. Or sign in by link, and set one at once.", "current")
    chosen = await passwords.hash_of(new)
    async with changes.change(by=by) as c:
        if not await User.filter(id=user.id, password_hash=user.password_hash).update(password_hash=chosen):
            raise errors.Refusal(UserErrorCode.CONFLICT, "The password was changed meanwhile: sign in with it.")
        await Session.filter(user_id=user.id, ended_at__isnull=True).exclude(id=session.id).update(ended_at=c.now)
        await tokens.revoke_sign_ins(user.id, at=c.now)
        c.event("password.changed", stream=user.id, subject=user.id, audience=Audience.VENDOR)


async def create_admin(*, email: str, name: str, password: str | None) -> AdminCreated:
    """Make a person one of the vendor's staff, by command. Known already: gives the seat to the person there is.

    Without a password (null), returns the token of a sign-in link, good for 15 minutes; asked again, a new one.
    Refuses INVALID at `email`, `name` or `password`.
    """
    known_as = address(email, "email")
    if not name.strip():
        raise errors.invalid("A person has a name.", "name")
    if password is not None:
        passwords.check_new(password, field="password")
    chosen = None if password is None else await passwords.hash_of(password)
    async with changes.change(by=None) as c:
        user, _ = await User.get_or_create(
            email=known_as, defaults={"id": new_id("user"), "name": name.strip(), "created_at": c.now}
        )
        await User.filter(id=user.id).update(is_vendor=True, password_hash=chosen or user.password_hash)
        await seats.grant(user.id, Side.VENDOR, at=c.now)
        c.event("admin.created", stream=user.id, subject=user.id, audience=Audience.VENDOR)
        link = None if chosen else await tokens.issue_sign_in(user.id, known_as, at=c.now)
    return AdminCreated(user.id, None if link is None else tokens.of_link(link))


_seen: dict[str, datetime] = {}
_MOST_SEEN = 10_000
_NEVER = datetime.min.replace(tzinfo=UTC)


def was_seen(session_id: str, at: datetime) -> bool:
    """Tell whether `touch` would have nothing to do."""
    return at - _seen.get(session_id, _NEVER) < SEEN_EVERY


async def touch(session_id: str, at: datetime) -> None:
    """Note that a session is in use. May be called for every request: writes once a minute, and mostly asks nobody."""
    if was_seen(session_id, at):
        return
    if len(_seen) >= _MOST_SEEN:
        _seen.clear()
    _seen[session_id] = at
    await Session.filter(id=session_id, last_seen_at__lte=at - SEEN_EVERY).update(last_seen_at=at)


async def begin(  # noqa: PLR0913  a session's columns
    c: changes.Change,
    user_id: str,
    *,
    via: SignInMethod,
    ip: str | None,
    user_agent: str | None,
    seat_id: str | None = None,
    continued: Session | None = None,
) -> SignedIn:
    """Write a session inside a change: in the seat asked for, else in the one used last (FORBIDDEN where none is left).

    `continued`: the session whose beginning and end the new one shares. A session of the vendor's staff is recorded.
    """
    row = await SeatRow.get(id=seat_id) if seat_id else await _latest_seat(user_id)
    if row is None:
        raise errors.Refusal(UserErrorCode.FORBIDDEN, _NO_SEAT)
    token = tokens.new()
    session = await Session.create(
        token_hash=tokens.digest(token),
        user_id=user_id,
        seat=row,
        via=via,
        started_at=continued.started_at if continued else c.now,
        last_seen_at=c.now,
        expires_at=continued.expires_at if continued else c.now + settings.load().session_open,
        ip=ip,
        user_agent=user_agent and user_agent[:LONGEST_USER_AGENT],
    )
    seat = seats.of_session(session)
    if Role.ADMIN in seat.roles:
        c.event("session.started", stream=user_id, subject=session.id, audience=Audience.VENDOR, by=seat)
    return SignedIn(token, session.expires_at, seat)


def _not_right() -> errors.Refusal:
    return errors.invalid("The e-mail address or the password is not right.")


@asynccontextmanager
async def _on_the_beat() -> AsyncIterator[None]:
    """End on a beat of a quarter of a second, so that the time taken tells nothing of what was done."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        yield
    finally:
        await asyncio.sleep(-(loop.time() - started) % BEAT)


async def _latest_seat(user_id: str) -> SeatRow | None:
    live = Session.filter(user_id=user_id, seat__ended_at__isnull=True).order_by("-id").select_related("seat")
    latest = await live.first()
    if latest is not None:
        return latest.seat
    return await SeatRow.filter(user_id=user_id, ended_at__isnull=True).order_by("id").first()


async def _open_link(token: str, ip: str | None, now: datetime) -> Link:
    await rate_limits.take_from(Rule.LINK_OPEN_BY_IP, ip, now)
    link = await tokens.find(LinkPurpose.SIGN_IN, token)
    tokens.require_open(link, now)
    return link


def _owner(link: Link) -> str:
    if link.user_id is None:
        raise LookupError(f"{link.id}: a sign-in link of nobody")
    return link.user_id


async def _held_session(by: Seat, now: datetime) -> Session:
    """Return the live session that asks, held until the transaction ends; whoever ends it meanwhile waits."""
    live = Session.filter(id=by.session_id, ended_at__isnull=True, expires_at__gt=now).select_for_update(no_key=True)
    session = await live.first()
    if session is None:
        raise errors.Unauthenticated
    return session


def _came_by_link(session: Session, now: datetime) -> bool:
    return session.via in {SignInMethod.LINK, SignInMethod.INVITE} and now - session.started_at <= FRESH
