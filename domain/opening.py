"""Opening an account: the proof that somebody may act in it, for the vendor's product, and until when it holds.

The proof is a JWT of five minutes; a product that has to know at once that the right has ended asks for its `jti`. Of
that the database keeps the hash, so that a copy of it proves nothing.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from tortoise.expressions import F

import settings
from domain import accounts, changes, connections, errors, policy, signing, tokens
from domain.changes import Change
from domain.policy import Permission
from domain.seats import Seat
from models.access_grant import AccessGrant, AccountSession
from models.account import Account, StaffMember
from models.enums import AccessStatus, Audience, Capability, SecurityRole, Side
from models.partnership import Partnership

OPEN_FOR: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Opened:
    """An opening, with its JWT, which is nowhere else. `grant_id`: null for the account's own staff."""

    grant_id: str | None
    token: str
    expires_at: datetime
    capabilities: list[Capability]


async def open_account(account_id: str, *, by: Seat) -> Opened:
    """Let a partner with access, or one of the account's own staff, into an account; its access lasts anew from now.

    Refuses NOT_FOUND, NOT_CONNECTED (a partner that was connected once), FORBIDDEN (the vendor), CAPABILITY_DENIED,
    ACCESS_EXPIRED, ACCESS_DISABLED, WRONG_STATE (cancelled).
    """
    policy.require(Permission.ACCOUNT_OPEN, by=by)
    await _find(account_id, by=by)
    async with changes.change(by=by) as c:
        [account] = await connections.lock_accounts([account_id])
        if by.side is Side.PARTNER:
            grant_id, place = await _opened_by_partner(c, account, by=by), None
        else:
            grant_id, place = None, await _opened_by_staff(c, account, by=by)
        return await _proven(c, account.id, grant_id, policy.capabilities(place), by=by)


async def forget_sessions(at: datetime) -> int:
    """Delete the openings whose proof is over; return how many. What happened stays in the log."""
    return await AccountSession.filter(expires_at__lte=at).delete()


# Whether the proof of an opening (`:jti_hash`) still holds. Whoever was let in again proves it anew.
HOLDS: Final = (
    "select 1 from account_session x_ join account a_ on a_.id = x_.account_id"  # noqa: S608  names, no values
    " where x_.jti_hash = :jti_hash and x_.expires_at > :now and a_.status <> 'CANCELLED' and exists ("
    "select 1 from access_grant g_ join seat e_ on e_.partner_id = g_.partner_id"
    " where g_.id = x_.grant_id and g_.enabled_at <= x_.opened_at"
    f" and e_.user_id = x_.user_id and e_.ended_at is null and {policy.GRANT_IS_OPEN.replace('{t}', 'g_')}"
    " union all "
    "select 1 from staff_member s_ join seat e_ on e_.user_id = s_.user_id and e_.client_id = a_.client_id"
    " where x_.grant_id is null and s_.account_id = x_.account_id and s_.user_id = x_.user_id"
    " and s_.removed_at is null and s_.joined_at <= x_.opened_at and e_.ended_at is null)"
)


# ── who ──


async def _find(account_id: str, *, by: Seat) -> None:
    """Find the account among the visible. A partner that was connected to it is told so."""
    try:
        await policy.find(Account, account_id, "accountId", by=by)
    except errors.Refusal:
        if by.side is Side.PARTNER and await AccessGrant.exists(partner_id=by.partner_id, account_id=account_id):
            accounts.require_open(None, "accountId")
        raise


async def _opened_by_partner(c: Change, account: Account, *, by: Seat) -> str:
    """Move the grant's end on. Of an opening and a disabling at once one comes first: they meet on its row."""
    connected = AccessGrant.filter(partner_id=by.partner_id, account_id=account.id)
    locked = await connected.exclude(status=AccessStatus.DISCONNECTED).select_for_update(no_key=True)
    await accounts.require(Capability.VIEW_ACCOUNT, account, "accountId", by=by)
    accounts.require_live([account], "accountId")
    [grant] = locked
    until = connections.expires_at(account, enabled_at=grant.enabled_at, last_opened_at=c.now)
    await AccessGrant.filter(id=grant.id).update(
        version=F("version") + 1,
        last_opened_at=c.now,
        used_at=c.now,
        expires_at=until,
        until_at=until or connections.NEVER,
        warned_days=None,
    )
    connections.record(c, "grant.opened", await Partnership.get(id=grant.partnership_id), grant)
    return grant.id


async def _opened_by_staff(c: Change, account: Account, *, by: Seat) -> SecurityRole:
    places = StaffMember.filter(account_id=account.id, user_id=by.user_id, removed_at__isnull=True)
    locked = await places.select_for_update(no_key=True)
    await accounts.require(Capability.VIEW_ACCOUNT, account, "accountId", by=by)
    accounts.require_live([account], "accountId")
    [place] = locked
    c.event(
        "account.opened",
        stream=account.id,
        subject=account.id,
        audience=Audience.CLIENT,
        account_id=account.id,
        client_id=account.client_id,
    )
    return place.role


# ── the proof ──


async def _proven(
    c: Change, account_id: str, grant_id: str | None, capabilities: list[Capability], *, by: Seat
) -> Opened:
    issued_at = int(c.now.timestamp())
    expires_at = datetime.fromtimestamp(issued_at, UTC) + OPEN_FOR
    jti = tokens.new()
    await AccountSession.create(
        jti_hash=tokens.digest(jti),
        account_id=account_id,
        grant_id=grant_id,
        user_id=by.user_id,
        opened_at=c.now,
        expires_at=expires_at,
    )
    chosen = settings.load()
    claims = {
        "iss": chosen.public_url,
        "aud": chosen.account_audience,
        "sub": by.user_id,
        "act": {"sub": by.partner_id} if by.partner_id else None,
        "account": account_id,
        "grant": grant_id,
        "capabilities": capabilities,
        "iat": issued_at,
        "exp": int(expires_at.timestamp()),
        "jti": jti,
    }
    [token] = await signing.sign(signing.Kind.ACCOUNT_SESSION, [claims])
    return Opened(grant_id, token, expires_at, capabilities)
