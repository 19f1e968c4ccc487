"""Proposals: the verbs of everything that waits for somebody's yes. What a kind's answer does is a row of a table."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from tortoise.connection import get_connection
from tortoise.expressions import Q

from domain import approvals, changes, inviting, modifications, offers, policy, requests, states
from domain.changes import Change
from domain.policy import Permission
from domain.seats import Seat
from domain.states import Answer
from models import sql
from models.enums import ProposalKind, ProposalStatus
from models.proposal import Proposal

# After how long somebody who has not answered, or taken note, is reminded, each once (mission 5.1, 5.3, 0.9).
REMINDERS: Final = (timedelta(days=3), timedelta(days=7))
# How many a sweep settles in one transaction.
SWEEP: Final = 100

# ── TABLE: what follows, in the same change, once a proposal has left its state by a verb; and announces it ──

Effect = Callable[[Change, Proposal], Awaitable[None]]

_K = ProposalKind

_ACCEPTED: Final[Mapping[ProposalKind, Callable[[Change, Proposal, Answer], Awaitable[None]]]] = {
    _K.PARTNERSHIP_OFFER: offers.accepted,
    _K.MODIFICATION: modifications.accepted,
    _K.ACCESS_REQUEST: requests.accepted,
    _K.PROJECT_APPROVAL: approvals.accepted,
}
_DECLINED: Final[Mapping[ProposalKind, Effect]] = {
    _K.PARTNERSHIP_OFFER: offers.declined,
    _K.MODIFICATION: modifications.declined,
    _K.ACCESS_REQUEST: requests.declined,
    _K.PROJECT_APPROVAL: approvals.declined,
}
_WITHDRAWN: Final[Mapping[ProposalKind, Effect]] = {
    _K.PARTNERSHIP_OFFER: offers.withdrawn,
    _K.MODIFICATION: modifications.withdrawn,
    _K.ACCESS_REQUEST: requests.withdrawn,
    _K.PROJECT_APPROVAL: approvals.withdrawn,
    _K.INVITE: inviting.withdrawn,
}
_REMINDED: Final[Mapping[ProposalKind, Effect]] = {
    _K.PARTNERSHIP_OFFER: offers.reminded,
    _K.MODIFICATION: modifications.reminded,
    _K.ACCESS_REQUEST: requests.reminded,
    _K.PROJECT_APPROVAL: approvals.reminded,
    _K.INVITE: inviting.reminded,
}
# Those that held something open; all are announced together.
_EXPIRED: Final[Mapping[ProposalKind, Callable[[Change, list[Proposal]], Awaitable[None]]]] = {
    _K.PARTNERSHIP_OFFER: offers.expired,
    _K.MODIFICATION: modifications.expired,
}


# ── verbs ──


async def submit(proposal_id: str, *, by: Seat, message: str | None = None, expected_version: int | None = None) -> str:
    """Send one's own side's draft to the other side (mission 4.2, 4.3). Returns the proposal's id.

    Refuses NOT_FOUND, FORBIDDEN (not one's own side's, or nothing that is drafted), and what `modifications.submit`
    refuses.
    """
    policy.require(Permission.PROPOSAL_SUBMIT, by=by)
    await states.require_move("submit", proposal_id, by=by)
    await modifications.submit(proposal_id, by=by, message=message, expected_version=expected_version)
    return proposal_id


async def accept(  # noqa: PLR0913  the input's fields
    proposal_id: str,
    *,
    by: Seat,
    expected_version: int | None = None,
    comment: str | None = None,
    item_ids: Collection[str] | None = None,
    account_ids: Collection[str] | None = None,
) -> str:
    """Say yes (mission 1.2, 4.4). Returns the proposal's id.

    An offer: the partnership begins, the contacts lent with it are assigned, and the partner is connected to each of
    `account_ids`; those offered, when null. A modification: each of `item_ids` takes effect; all, when null. A request
    for access: the partner is let in again. An approval: it is told. Refuses NOT_FOUND, FORBIDDEN, WRONG_STATE,
    EXPIRED, CONFLICT, and what `offers.accepted`, `modifications.accepted`, `requests.accepted` and
    `approvals.accepted` do.
    """
    move = await states.require_move("accept", proposal_id, by=by)
    async with changes.change(by=by) as c:
        proposal = await states.close(
            c, proposal_id, move.target, by_user=by.user_id, comment=comment, expected_version=expected_version
        )
        await _ACCEPTED[proposal.kind](c, proposal, Answer(by, item_ids, account_ids))
    return proposal_id


async def decline(
    proposal_id: str, *, by: Seat, expected_version: int | None = None, comment: str | None = None
) -> str:
    """Say no; the comment is kept and shown to who asked. Returns the proposal's id.

    Refuses NOT_FOUND, FORBIDDEN, WRONG_STATE, EXPIRED, CONFLICT, REASON_REQUIRED at `comment` for a modification, and
    CAPABILITY_DENIED for access to an account that is not the seat's own.
    """
    move = await states.require_move("decline", proposal_id, by=by)
    async with changes.change(by=by) as c:
        proposal = await states.close(
            c, proposal_id, move.target, by_user=by.user_id, comment=comment, expected_version=expected_version
        )
        await _DECLINED[proposal.kind](c, proposal)
    return proposal_id


async def withdraw(proposal_id: str, *, by: Seat, expected_version: int | None = None) -> str:
    """Take back what one's own side asked; an offer's invite takes the offer with it. Returns the proposal's id.

    Refuses NOT_FOUND, FORBIDDEN, WRONG_STATE, EXPIRED, CONFLICT.
    """
    move = await states.require_move("withdraw", proposal_id, by=by)
    async with changes.change(by=by) as c:
        proposal = await states.close(
            c, proposal_id, move.target, by_user=by.user_id, expected_version=expected_version
        )
        await _WITHDRAWN[proposal.kind](c, proposal)
    return proposal_id


async def remind(proposal_id: str, *, by: Seat) -> str:
    """Send the question again; a link in it is new, and the old one stops working. Returns the proposal's id.

    Refuses NOT_FOUND, FORBIDDEN, WRONG_STATE, EXPIRED, and RATE_LIMITED within an hour of the last time.
    """
    await states.require_move("remind", proposal_id, by=by)
    async with changes.change(by=by) as c:
        proposal = await states.send_again(c, proposal_id)
        await _REMINDED[proposal.kind](c, proposal)
    return proposal_id


# ── what time does ──

# An invite that belongs to an offer goes with it.
_BY_ITSELF: Final = ~Q(kind=ProposalKind.INVITE, partnership_id__not_isnull=True)


async def expire_due(at: datetime) -> int:
    """Announce the proposals whose time was over at a moment, at most a batch; return how many.

    Nothing depends on it: they have been EXPIRED since their second (mission 5.1a). Each is announced once.
    """
    async with changes.change(by=None) as c:
        due = Proposal.filter(_BY_ITSELF, expires_at__lte=at).limit(SWEEP)
        expired = await states.expire(c, due, skip_locked=True)
        for kind, effect in _EXPIRED.items():
            await effect(c, [proposal for proposal in expired if proposal.kind is kind])
        await states.announce_expiry(c, expired)
    return len(expired)


async def remind_due(at: datetime) -> int:
    """Remind of what has waited for 3 and for 7 days, at most a batch; return how many. The links stay as they are.

    Two reminders that are due at once are one. An invite that belongs to an offer is the offer's.
    """
    stages = [Q(reminders__lt=stage, proposed_at__lte=at - waited) for stage, waited in enumerate(REMINDERS, start=1)]
    found = await _waiting(at)
    if not found:
        return 0
    async with changes.change(by=None) as c:
        # Checked again once they are locked: of two sweeps at once each is reminded of by one.
        waiting = Proposal.filter(Q(*stages, join_type="OR"), id__in=found, status=ProposalStatus.PENDING)
        due = await waiting.order_by("id").select_for_update(skip_locked=True, no_key=True)
        second = [proposal.id for proposal in due if proposal.proposed_at and proposal.proposed_at <= at - REMINDERS[1]]
        ids = [proposal.id for proposal in due]
        await Proposal.filter(id__in=ids).update(reminders=1, reminded_at=at)
        await Proposal.filter(id__in=second).update(reminders=2)
        await states.announce(c, "remind", *due)
    return len(due)


# Each part reads no row of the index beyond those that are due: its words are the index's.
_WAITING: Final = " union all ".join(
    "select id from (select id from proposal"  # noqa: S608  numbers of this file
    " where status = 'PENDING' and (kind <> 'INVITE' or partnership_id is null)"
    f" and reminders = {reminded} and proposed_at <= :since_{reminded} and expires_at > :at"
    f" order by proposed_at limit :batch) as due_{reminded}"
    for reminded in range(len(REMINDERS))
)


async def _waiting(at: datetime) -> list[str]:
    """Find a batch of what has waited for a reminder, oldest first; none where it is reminded of as an offer."""
    connection = get_connection("default")
    since = {f"since_{reminded}": at - waited for reminded, waited in enumerate(REMINDERS)}
    values = {"at": at, "batch": SWEEP, **since}
    rows = await connection.execute_query_dict(*sql.bind(_WAITING, values, changes.dialect(connection)))
    return [row["id"] for row in rows[:SWEEP]]
