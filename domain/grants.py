"""Grants: a partner's access to an account: asked for, switched on and off, ended, run out (mission 1.3 to 1.6).

How it begins stands in `connections`, how an account is opened in `opening`. All verbs here take the partnership's row
first; the sweeps take the grants that nobody else holds.
"""

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from tortoise.connection import get_connection
from tortoise.expressions import F, Q

import settings
from domain import accounts, changes, connections, errors, inputs, moves, partnerships, policy, requests, shares, states
from domain.changes import Change
from domain.policy import Permission
from domain.seats import Seat
from models import sql
from models.access_grant import AccessGrant
from models.account import Account
from models.enums import AccessStatus, Side, UserErrorCode
from models.partnership import Partnership

# How many days before access expires both sides are warned, each once (mission 1.12).
WARNINGS: Final = (30, 7, 1)
# How many a sweep settles in one transaction.
SWEEP: Final = 100


# ── verbs ──


async def request(*, by: Seat, grant_id: str, message: str | None = None) -> str:
    """Ask to be let in again, for 14 days (REQUEST_DAYS); return the grant's id.

    Refuses NOT_FOUND, FORBIDDEN (only a partner asks), NOT_CONNECTED, WRONG_STATE (the partner has access), and
    ALREADY_PROPOSED.
    """
    policy.require(Permission.GRANT_REQUEST, by=by)
    found = await policy.find(AccessGrant, grant_id, "grantId", by=by)
    said = inputs.text(message, "message")
    async with changes.change(by=by) as c:
        partnership = await _lock_partnership(found)
        await requests.expire_stale(c, grant_id)
        grant = await _locked(c, partnership, grant_id)
        _require("request", grant)
        await requests.ask(c, partnership, grant, said)
    return grant_id


async def enable(*, by: Seat, grant_id: str) -> str:
    """Let a partner in again, and restart the clock of its access; return the grant's id.

    A request that waits is accepted by it. Refuses NOT_FOUND, FORBIDDEN (who owns no account; who belongs to the
    partner as well), CAPABILITY_DENIED (who does not own this one), NOT_CONNECTED, and WRONG_STATE (ENABLED).
    """
    policy.require(Permission.GRANT_ENABLE, by=by)
    found = await policy.find(AccessGrant, grant_id, "grantId", by=by)
    async with changes.change(by=by) as c:
        partnership = await _lock_partnership(found)
        await states.require_another_person(partnership, "grantId", by=by)
        await requests.expire_stale(c, grant_id)
        request_id = await requests.answered(c, grant_id)
        [account] = await connections.lock_accounts([found.account_id])
        await accounts.require_owner([account], "grantId", by=by)
        grant = await _locked(c, partnership, grant_id)
        _require("enable", grant)
        await connections.enable(c, partnership, account, grant, proposal_id=request_id)
    return grant_id


async def disable(*, by: Seat, grant_id: str, reason: str | None = None) -> str:
    """Shut a partner out at once, which stays connected (mission 1.4); return the grant's id.

    A request that waits goes on waiting. Refuses NOT_FOUND, FORBIDDEN (who owns no account), CAPABILITY_DENIED (who
    does not own this one), NOT_CONNECTED, and WRONG_STATE (DISABLED).
    """
    policy.require(Permission.GRANT_DISABLE, by=by)
    found = await policy.find(AccessGrant, grant_id, "grantId", by=by)
    why = inputs.text(reason, "reason")
    async with changes.change(by=by) as c:
        partnership = await _lock_partnership(found)
        await accounts.require_owner([await Account.get(id=found.account_id)], "grantId", by=by)
        grant = await _locked(c, partnership, grant_id)
        _require("disable", grant)
        await AccessGrant.filter(id=grant_id).update(
            status=AccessStatus.DISABLED, expires_at=None, until_at=connections.NEVER, version=F("version") + 1
        )
        connections.record(c, "grant.disabled", partnership, grant, reason=why)
    return grant_id


async def disconnect(*, by: Seat, grant_id: str, reason: str, confirmation: str) -> str:
    """Disconnect a partner from an account at once, for a reason; `confirmation` is the preview's (mission 1.5).

    Returns the grant's id. A request that waits is cancelled; with the partner's last account of the client, the
    partnership ends. Refuses NOT_FOUND, FORBIDDEN (who is neither the partner's admin nor an owner), REASON_REQUIRED,
    CAPABILITY_DENIED (who does not own this account), NOT_CONNECTED, and STALE_CONFIRMATION where the consequences are
    not those of the preview any more.
    """
    policy.require(Permission.GRANT_DISCONNECT, by=by)
    found = await policy.find(AccessGrant, grant_id, "grantId", by=by)
    why = inputs.text(reason, "reason")
    if why is None:
        raise errors.Refusal(UserErrorCode.REASON_REQUIRED, "Say why: the other side reads it.", "reason")
    async with changes.change(by=by) as c:
        partnership = await _lock_partnership(found)
        if by.side is Side.CLIENT:
            await accounts.require_owner([await Account.get(id=found.account_id)], "grantId", by=by)
        grant = await _locked(c, partnership, grant_id)
        _require("disconnect", grant)
        if confirmation != await confirmation_of(grant_id, c):
            message = "The consequences have changed. Look at them again."
            raise errors.Refusal(UserErrorCode.STALE_CONFIRMATION, message, "confirmation")
        await partnerships.disconnect(c, [partnership], AccessGrant.filter(id=grant_id), reason=why)
    return grant_id


async def _lock_partnership(grant: AccessGrant) -> Partnership:
    return await Partnership.filter(id=grant.partnership_id).select_for_update(no_key=True).get()


async def _locked(c: Change, partnership: Partnership, grant_id: str) -> AccessGrant:
    """Lock a grant and return it as time has left it; that it has expired is announced first (mission 5.1a)."""
    grant = await AccessGrant.filter(id=grant_id).select_for_update(no_key=True).get()
    if moves.grant_status(grant.status, grant.expires_at, c.now) is not grant.status:
        await _expire(c, [grant], {partnership.id: partnership})
    return grant


def _require(verb: str, grant: AccessGrant) -> None:
    """Refuse what does not start from a grant's status."""
    if grant.status is AccessStatus.DISCONNECTED:
        message = "The partner is not connected to this account any more. It takes a new offer."
        raise errors.Refusal(UserErrorCode.NOT_CONNECTED, message, "grantId")
    if not any(move.verb == verb and grant.status in move.sources for move in moves.GRANT):
        message = f"Access is {grant.status.lower()}."
        raise errors.Refusal(UserErrorCode.WRONG_STATE, message, "grantId")


# ── what disconnecting costs ──

# Whether it is the last account of the client that the partner is connected to. `{t}` is the grant.
IS_LAST: Final = (
    "({t}.status <> 'DISCONNECTED' and not exists (select 1 from access_grant g_"
    " where g_.partnership_id = {t}.partnership_id and g_.id <> {t}.id and g_.status <> 'DISCONNECTED'))"
)
_PENDING_REQUEST: Final = (
    "coalesce((select max(q_.id) from proposal q_ where q_.grant_id = {t}.id and "  # noqa: S608  words of this file
    + policy.PROPOSAL_IS_PENDING.replace("{t}", "q_")
    + "), '')"
)
_OF_PARTNERSHIP: Final = (
    f"select {partnerships.CONSEQUENCES.replace('{t}', 'h_')} from partnership h_ where h_.id = {{t}}.partnership_id"  # noqa: S608  words of this file
)
_EARNS: Final = f"case when {shares.EARNS} then 'earns' else '' end"
# All that a disconnection would undo, in one text, as `partnerships.CONSEQUENCES`.
CONSEQUENCES: Final = " || '.' || ".join(
    ["{t}.id", _PENDING_REQUEST, _EARNS, f"case when {IS_LAST} then ({_OF_PARTNERSHIP}) else '' end"]
)


async def confirmation_of(grant_id: str, c: Change) -> str:
    """Return what has to be sent back to disconnect now, as the grant's preview shows it."""
    connection = get_connection("default")
    [row] = await connection.execute_query_dict(
        *sql.bind(
            f"select {CONSEQUENCES} as consequences from access_grant {{t}} where {{t}}.id = :id",  # noqa: S608  no values
            {"id": grant_id, "now": c.now},
            changes.dialect(connection),
            t="o_",
        )
    )
    return partnerships.confirmation(row["consequences"])


# ── what time does ──


async def expire_due(at: datetime) -> int:
    """Announce the grants whose time was over at a moment, at most a batch; return how many.

    Nothing depends on it: they have been EXPIRED since their second (mission 5.1a). Each is announced once.
    """
    async with changes.change(by=None) as c:
        due = AccessGrant.filter(status=AccessStatus.ENABLED, expires_at__lte=at).order_by("expires_at").limit(SWEEP)
        over = await due.select_for_update(skip_locked=True, no_key=True)
        await _expire(c, over, await _partnerships_of(over))
    return len(over)


async def warn_due(at: datetime) -> int:
    """Warn both sides of access that expires within 30, 7 and 1 days, at most a batch; return how many.

    Of several warnings that are due at once the latest is given. A warning that would be due from the day of the
    opening on (ACCESS_IDLE_DAYS) is none.
    """
    stages = _stages(at)
    found = await _about_to_expire(at, stages)
    if not found:
        return 0
    async with changes.change(by=None) as c:
        # Checked again once they are locked: of two sweeps at once each is warned of by one.
        is_due = [
            Q(warned_days__isnull=True, expires_at__lte=until)
            if warned is None
            else Q(warned_days=warned, expires_at__lte=until)
            for warned, until in stages.items()
        ]
        waiting = AccessGrant.filter(Q(*is_due, join_type="OR"), id__in=found, status=AccessStatus.ENABLED)
        due = await waiting.filter(expires_at__gt=at).order_by("id").select_for_update(skip_locked=True, no_key=True)
        of = await _partnerships_of(due)
        for days in WARNINGS:
            ids = [grant.id for grant in due if _days_left(grant, at) == days]
            await AccessGrant.filter(id__in=ids).update(warned_days=days)
        for grant in due:
            left = changes.differences({}, {"days_left": _days_left(grant, at)})
            connections.record(c, "grant.expiring", of[grant.partnership_id], grant, differences=left)
    return len(due)


def _warnings() -> list[int]:
    idle = settings.load().access_idle
    return [days for days in WARNINGS if timedelta(days=days) < idle]


def _stages(at: datetime) -> dict[int | None, datetime]:
    """Tell of what was warned of last, null for nothing yet: up to which expiry the next warning is due."""
    given: list[int | None] = [None, *WARNINGS]
    coming = {warned: [days for days in _warnings() if warned is None or days < warned] for warned in given}
    return {warned: at + timedelta(days=days[0]) for warned, days in coming.items() if days}


def _days_left(grant: AccessGrant, at: datetime) -> int:
    """Name the warning that is due: the smallest within which access expires."""
    return min(days for days in _warnings() if grant.expires_at and grant.expires_at <= at + timedelta(days=days))


async def _about_to_expire(at: datetime, stages: dict[int | None, datetime]) -> list[str]:
    """Find a batch of those of which a warning is due. Each part reads no row of the index beyond those."""
    if not stages:
        return []
    parts = " union all ".join(
        f"select id from (select id from access_grant where status = 'ENABLED'"  # noqa: S608  numbers of this file
        f" and warned_days {'is null' if warned is None else f'= {warned}'}"
        f" and expires_at > :at and expires_at <= :until_{warned or 0} order by expires_at limit :batch)"
        f" as due_{warned or 0}"
        for warned in stages
    )
    values = {"at": at, "batch": SWEEP, **{f"until_{warned or 0}": until for warned, until in stages.items()}}
    connection = get_connection("default")
    rows = await connection.execute_query_dict(*sql.bind(parts, values, changes.dialect(connection)))
    return [row["id"] for row in rows[:SWEEP]]


async def _partnerships_of(grants: Sequence[AccessGrant]) -> dict[str, Partnership]:
    ids = {grant.partnership_id for grant in grants}
    return {row.id: row for row in await Partnership.filter(id__in=ids)} if ids else {}


async def _expire(c: Change, grants: Sequence[AccessGrant], of: dict[str, Partnership]) -> None:
    """Write down what time has done, and announce it as done by time. `grants` are locked."""
    by_time = dataclasses.replace(c, by=None, on_behalf_of=None)
    await AccessGrant.filter(id__in=[grant.id for grant in grants]).update(status=AccessStatus.EXPIRED)
    for grant in grants:
        grant.status = AccessStatus.EXPIRED
        connections.record(by_time, "grant.expired", of[grant.partnership_id], grant)
