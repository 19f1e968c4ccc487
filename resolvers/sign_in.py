"""Signing in and out, and what e-mailed links open: verbs that begin a session, whose token is shown once."""

from domain import identity, invites
from domain.errors import Refusal
from domain.identity import SignedIn
from models.enums import ErrorCode, UserErrorCode
from resolvers.context import Caller, Outcome
from resolvers.documents import refused


async def sign_in(caller: Caller, *, email: str, password: str) -> Outcome:
    """By password."""
    return _begun(await identity.sign_in(email=email, password=password, ip=caller.ip, user_agent=caller.user_agent))


async def sign_in_link_send(caller: Caller, *, email: str) -> Outcome:
    """Mail a link, if the address is known."""
    await identity.sign_in_link_send(email=email, ip=caller.ip)
    return Outcome()


async def sign_in_with_link(caller: Caller, *, token: str, challenge: str) -> Outcome:
    """By a mailed link."""
    return _begun(await identity.sign_in_with_link(token, challenge, ip=caller.ip, user_agent=caller.user_agent))


async def seat_take(caller: Caller, *, seat_id: str) -> Outcome:
    """In another seat."""
    return _begun(await identity.seat_take(seat_id, by=caller.signed_in, ip=caller.ip, user_agent=caller.user_agent))


async def sign_out(caller: Caller) -> Outcome:
    """End this session."""
    await identity.sign_out(by=caller.signed_in)
    return Outcome()


async def session_end(caller: Caller, *, session_id: str) -> Outcome:
    """End another of one's own sessions."""
    await identity.session_end(session_id, by=caller.signed_in)
    return Outcome()


async def password_change(caller: Caller, *, new: str, current: str | None = None) -> Outcome:
    """Set one's password."""
    await identity.password_change(current=current, new=new, by=caller.signed_in)
    return Outcome()


async def invite_accept(  # noqa: PLR0913  the mutation's input
    caller: Caller,
    *,
    token: str,
    challenge: str,
    name: str | None = None,
    password: str | None = None,
    client_name: str | None = None,
    account_name: str | None = None,
) -> Outcome:
    """Join by a mailed invite."""
    accepted = await invites.accept(
        token,
        challenge,
        by=caller.seat,
        name=name,
        password=password,
        client_name=client_name,
        account_name=account_name,
        ip=caller.ip,
        user_agent=caller.user_agent,
    )
    begun = _begun(accepted.signed_in)
    return Outcome({"invite": accepted.invite_id}, begun.secrets, begun.seat)


async def invite_decline(caller: Caller, *, token: str, challenge: str, comment: str | None = None) -> Outcome:
    """Decline a mailed invite."""
    await invites.decline(token, challenge, comment=comment, ip=caller.ip)
    return Outcome()


async def invite_preview(caller: Caller, *, token: str) -> dict[str, object] | None:
    """What a mailed invite is about; null for what is no invite's link."""
    try:
        found = await invites.preview(token, ip=caller.ip)
    except Refusal as refusal:
        _raise_if_too_many(refusal)
        return None
    return {
        "kind": found.kind,
        "status": found.status,
        "email": found.email,
        "from_": found.sender,
        "to": found.recipient,
        "title": found.title,
        "expires_at": found.expires_at,
        "needs_password": found.needs_password,
        "challenge": found.challenge,
    }


async def sign_in_link_preview(caller: Caller, *, token: str) -> dict[str, object] | None:
    """Whom a mailed sign-in link signs in; null for what is none, or can no longer be used."""
    try:
        found = await identity.sign_in_link_preview(token, ip=caller.ip)
    except Refusal as refusal:
        _raise_if_too_many(refusal)
        return None
    return {"email": found.email, "expires_at": found.expires_at, "challenge": found.challenge}


def _begun(signed_in: SignedIn) -> Outcome:
    return Outcome(secrets={"token": signed_in.token, "expires_at": signed_in.expires_at}, seat=signed_in.seat)


def _raise_if_too_many(refusal: Refusal) -> None:
    """A link that is not there answers nothing; too many tries are refused whole."""
    if refusal.code is UserErrorCode.RATE_LIMITED:
        raise refused(ErrorCode.LIMIT_EXCEEDED, refusal.message)
