"""Connections: the rows that connect a partner to an account, and how long its access lasts (mission 1.2, 1.3, 1.5).

Locks are taken after a partnership's, in one order: accounts, then their grants. What starts an account's clock and
what moves a grant's meet on the account's row, so that neither overwrites the other.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from tortoise.expressions import F
from tortoise.queryset import QuerySet

import settings
from domain import accounts
from domain.changes import Change
from models.access_grant import AccessGrant
from models.account import Account
from models.enums import AccessStatus, ProposalStatus
from models.event import Change as Difference
from models.partnership import Partnership
from models.proposal import Proposal

NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)


async def connect(c: Change, partnership: Partnership, chosen: Sequence[Account], *, proposal_id: str | None) -> None:
    """Connect a partnership's partner to accounts, with access enabled. `proposal_id`: what was accepted, if any.

    Refuses WRONG_STATE where one of them was cancelled meanwhile.
    """
    held = await lock_accounts(account.id for account in chosen)
    accounts.require_live(held)
    grants = [_connected(c, partnership, account) for account in held]
    await AccessGrant.bulk_create(grants)
    for grant in grants:
        record(c, "grant.connected", partnership, grant, proposal_id=proposal_id)


async def disconnect(
    c: Change, partnerships: Iterable[Partnership], connected: QuerySet[AccessGrant], *, reason: str
) -> list[str]:
    """Disconnect the partners of partnerships, for a reason, from the accounts of some of their grants.

    The former grants are kept. Those that are disconnected already stay as they are. Return the accounts' ids.
    """
    of = {partnership.id: partnership for partnership in partnerships}
    live = connected.filter(partnership_id__in=[*of]).exclude(status=AccessStatus.DISCONNECTED)
    grants = await live.order_by("id").select_for_update(no_key=True)
    await AccessGrant.filter(id__in=[grant.id for grant in grants]).update(
        status=AccessStatus.DISCONNECTED,
        disconnected_at=c.now,
        expires_at=None,
        until_at=NEVER,
        version=F("version") + 1,
    )
    # With what was asked for last, and has just been cancelled: who asked is told by it.
    asked = Proposal.filter(grant_id__in=[grant.id for grant in grants], status=ProposalStatus.CANCELLED)
    cancelled = {row.grant_id: row.id for row in await asked.filter(decided_at=c.now)}
    for grant in grants:
        proposal_id = cancelled.get(grant.id)
        record(c, "grant.disconnected", of[grant.partnership_id], grant, proposal_id=proposal_id, reason=reason)
    return [grant.account_id for grant in grants]


async def enable(  # noqa: PLR0913  an event's columns
    c: Change,
    partnership: Partnership,
    account: Account,
    grant: AccessGrant,
    *,
    proposal_id: str | None,
    reason: str | None = None,
) -> None:
    """Let a partner in again, from now on as long as if it were connected now (mission 1.3).

    The account and the grant are locked. `proposal_id`: the request that was accepted, if any.
    """
    until = expires_at(account, enabled_at=c.now, last_opened_at=grant.last_opened_at)
    await AccessGrant.filter(id=grant.id).update(
        status=AccessStatus.ENABLED,
        enabled_at=c.now,
        expires_at=until,
        until_at=until or NEVER,
        warned_days=None,
        version=F("version") + 1,
    )
    record(c, "grant.enabled", partnership, grant, proposal_id=proposal_id, reason=reason)


async def lock_accounts(account_ids: Iterable[str]) -> list[Account]:
    """Lock accounts whose clock is read, and return them in the order of their ids. Before their grants."""
    ids = sorted(set(account_ids))
    return await Account.filter(id__in=ids).order_by("id").select_for_update(no_key=True) if ids else []


def expires_at(account: Account, *, enabled_at: datetime, last_opened_at: datetime | None) -> datetime | None:
    """Tell until when a partner may open an account (mission 1.3); null before the account's clock has started."""
    if account.activated_at is None:
        return None
    chosen = settings.load()
    moments = [account.activated_at, enabled_at, last_opened_at, chosen.access_rule_since]
    return max(moment for moment in moments if moment is not None) + chosen.access_idle


def record(  # noqa: PLR0913  an event's columns
    c: Change,
    topic: str,
    partnership: Partnership,
    grant: AccessGrant,
    *,
    proposal_id: str | None = None,
    reason: str | None = None,
    differences: Iterable[Difference] = (),
) -> None:
    """Record what has happened to a grant, in its partnership's stream."""
    c.event(
        topic,
        stream=partnership.id,
        subject=grant.id,
        reason=reason,
        changes=differences,
        partnership_id=partnership.id,
        account_id=grant.account_id,
        proposal_id=proposal_id,
        partner_id=grant.partner_id,
        client_id=partnership.client_id,
    )


def _connected(c: Change, partnership: Partnership, account: Account) -> AccessGrant:
    until = expires_at(account, enabled_at=c.now, last_opened_at=None)
    return AccessGrant(
        partnership_id=partnership.id,
        partner_id=partnership.partner_id,
        account_id=account.id,
        connected_at=c.now,
        enabled_at=c.now,
        expires_at=until,
        account_key=account.name_key,
        used_at=c.now,
        until_at=until or NEVER,
    )
