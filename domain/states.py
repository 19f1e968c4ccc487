"""The one state machine of everything that waits for somebody's yes (`domain/moves.py`), whatever a kind's answer does.

Final is final. A state is left by one compare-and-set on the proposal's row (`close`), so of two answers one counts.
Locks are taken in one order: contacts' rows; then an offer's, its invites', links' and partnership's; of a partnership
that has begun, its own row, then its modifications' and requests'; then accounts', their grants'; then a project's and
its approvals'; and the streams'.
What ends, modifies or connects within a partnership meets on its row; what names a contact and what erases it, on the
contact's.
"""

import dataclasses
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from tortoise.expressions import F, Q, Subquery
from tortoise.queryset import QuerySet

from domain import errors, inputs, moves, policy
from domain.changes import About, Actor, Change
from domain.moves import ProposalMove
from domain.seats import Seat
from models.account import Account, StaffMember
from models.contact import Contact
from models.enums import Audience, PartnershipStatus, ProposalKind, ProposalStatus, Side, UserErrorCode
from models.event import Change as Difference
from models.partner import PartnerMember
from models.partnership import Partnership
from models.project import Project
from models.proposal import PREFIXES, Proposal

REMIND_AT_MOST_EVERY: Final = timedelta(hours=1)

# What a side keeps to itself, also from the vendor.
ALONE: Final[Mapping[Side, Audience]] = {
    Side.PARTNER: Audience.PARTNER_ALONE,
    Side.CLIENT: Audience.CLIENT_ALONE,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """Who says yes, and to what of it; null: to all that is asked."""

    by: Seat
    item_ids: Collection[str] | None
    account_ids: Collection[str] | None


async def require_move(verb: str, proposal_id: str, *, by: Seat) -> ProposalMove:
    """Find the row of the table by which the seat may do this, whatever the state; refuse NOT_FOUND or FORBIDDEN."""
    proposal = await policy.find(Proposal, proposal_id, "proposalId", by=by)
    move = moves.proposal_move(proposal.kind, verb)
    company = by.partner_id or by.client_id
    if move is None or not moves.may(
        move,
        is_own_side=moves.is_own_side(
            company, proposal.from_partner_id, proposal.from_client_id, into=proposal.partner_id, roles=by.roles
        ),
        is_other_side=proposal.approver_id == by.user_id
        or moves.is_other_side(company, proposal.to_partner_id, proposal.to_client_id),
        roles=by.roles,
    ):
        raise errors.Refusal(UserErrorCode.FORBIDDEN, f"It is not yours to {verb}.", "proposalId")
    return move


def kind_of(proposal_id: str) -> ProposalKind | None:
    """Tell a proposal's kind by its id; null: no proposal's id is like that."""
    return _KINDS.get(proposal_id.partition("_")[0])


_KINDS: Final[Mapping[str, ProposalKind]] = {prefix: kind for kind, prefix in PREFIXES.items()}


def is_of_offer(proposal: Proposal) -> bool:
    """Tell whether it is an invite that carries an offer, whose events tell of it."""
    return proposal.kind is ProposalKind.INVITE and proposal.partnership_id is not None


# ── leaving a state ──


async def close(  # noqa: PLR0913  what is kept of a decision
    c: Change,
    proposal_id: str,
    status: ProposalStatus,
    *,
    by_user: str | None,
    comment: str | None = None,
    expected_version: int | None = None,
) -> Proposal:
    """Leave PENDING, by compare-and-set, and return the row as it is now. Before all in its transaction but contacts.

    What it belongs to is locked before it: an invite's offer, a modification's partnership, an approval's project.
    Refuses NOT_FOUND, WRONG_STATE (somebody has decided), EXPIRED (time has) or CONFLICT (another version was read).
    """
    await lock(proposal_id)
    waiting = _open(proposal_id, c.now)
    if expected_version is not None:
        waiting = waiting.filter(version=expected_version)
    closed = await waiting.update(
        status=status,
        version=F("version") + 1,
        decided_by_id=by_user,
        decided_at=c.now,
        comment=inputs.text(comment, "comment"),
    )
    if not closed:
        raise await why_not(proposal_id, c.now)
    return await Proposal.get(id=proposal_id)


async def send_again(c: Change, proposal_id: str) -> Proposal:
    """Note that what is PENDING is sent anew, by compare-and-set, and return it. First in its transaction.

    Refuses as `close` does, and RATE_LIMITED within an hour of the last time.
    """
    await lock(proposal_id)
    rested = Q(sent_at__isnull=True) | Q(sent_at__lte=c.now - REMIND_AT_MOST_EVERY)
    if not await _open(proposal_id, c.now).filter(rested).update(sent_at=c.now):
        raise await _why_not_now(proposal_id, c.now)
    return await Proposal.get(id=proposal_id)


async def lock(proposal_id: str) -> None:
    """Lock what a proposal belongs to, if to anything: whoever else answers or ends it takes it first as well."""
    of_it = Proposal.filter(id=proposal_id, partnership_id__not_isnull=True).values("partnership_id")
    partnership = Partnership.filter(id__in=Subquery(of_it))
    # Rows, not values or exists(): with those Tortoise drops the lock from the statement.
    match kind_of(proposal_id):
        case ProposalKind.INVITE:
            offer = Proposal.filter(id__in=Subquery(partnership.values("offer_id")))
            await offer.select_for_update(no_key=True).only("id")
        case ProposalKind.MODIFICATION | ProposalKind.ACCESS_REQUEST:
            await partnership.select_for_update(no_key=True).only("id")
        case ProposalKind.PROJECT_APPROVAL:
            project = Project.filter(id__in=Subquery(Proposal.filter(id=proposal_id).values("project_id")))
            await project.select_for_update(no_key=True).only("id")


async def lock_contacts(contact_ids: Collection[str]) -> None:
    """Lock contacts, so that none is erased while it is named. First in its transaction; to be checked after it."""
    if contact_ids:
        await Contact.filter(id__in=contact_ids).order_by("id").select_for_update(no_key=True).only("id")


async def lock_partnership(partnership_id: str, verb: str) -> Partnership:
    """Lock a partnership that has begun, and return it. Before all in its transaction but contacts.

    Refuses WRONG_STATE unless it is ACTIVE and a verb of `moves.PARTNERSHIP` is one for its kind.
    """
    partnership = await Partnership.filter(id=partnership_id).select_for_update(no_key=True).get()
    if partnership.status is not PartnershipStatus.ACTIVE:
        message = "The partnership is not active."
        raise errors.Refusal(UserErrorCode.WRONG_STATE, message, "partnershipId")
    if verb not in moves.OF_KIND[partnership.kind]:
        message = "A client partner works in the client's projects: its partnership can only be ended."
        raise errors.Refusal(UserErrorCode.WRONG_STATE, message, "partnershipId")
    return partnership


async def require_another_person(partnership: Partnership, *path: str, by: Seat) -> None:
    """Refuse FORBIDDEN to countersign for one side what one's other company asks: it takes two."""
    is_staff = StaffMember.filter(account__client_id=partnership.client_id, user_id=by.user_id, removed_at__isnull=True)
    is_member = PartnerMember.filter(partner_id=partnership.partner_id, user_id=by.user_id, removed_at__isnull=True)
    if await (is_staff.exists() if by.side is Side.PARTNER else is_member.exists()):
        message = "You belong to the side that asks, too. Let a colleague answer."
        raise errors.Refusal(UserErrorCode.FORBIDDEN, message, *path)


async def cancel(c: Change, within: QuerySet[Proposal]) -> None:
    """Cancel all that is open among some, drafts too: what ended them tells it. What was over by then has expired."""
    await announce_expiry(c, await expire(c, within, skip_locked=False))
    open_ones = within.filter(status__in=[ProposalStatus.DRAFT, ProposalStatus.PENDING])
    await open_ones.update(status=ProposalStatus.CANCELLED, decided_at=c.now, version=F("version") + 1)


async def expire(c: Change, due: QuerySet[Proposal], *, skip_locked: bool) -> list[Proposal]:
    """Write down what time has done: nothing that anybody reads changes by it, so version and decision stay.

    Returns those that were still PENDING; to be announced by `announce_expiry`.
    """
    over = due.filter(status=ProposalStatus.PENDING, expires_at__lte=c.now)
    expired = await over.order_by("id").select_for_update(skip_locked=skip_locked, no_key=True)
    if expired:
        await Proposal.filter(id__in=[proposal.id for proposal in expired]).update(status=ProposalStatus.EXPIRED)
    return expired


async def expire_stale(
    c: Change, proposals: QuerySet[Proposal], undo: Callable[[Change, list[Proposal]], Awaitable[None]]
) -> None:
    """Expire what would block something new although its time is over, undo what it held open, and announce it."""
    stale = await expire(c, proposals, skip_locked=False)
    await undo(c, stale)
    await announce_expiry(c, stale)


async def why_not(proposal_id: str, at: datetime) -> errors.Refusal:
    """Tell why a proposal could not be moved on from where the verb starts."""
    proposal = await Proposal.get_or_none(id=proposal_id)
    if proposal is None:
        return errors.not_found("proposal", "proposalId")
    status = moves.proposal_status(proposal.status, proposal.expires_at, at)
    if status is ProposalStatus.PENDING:
        return conflict(proposal)
    if status is ProposalStatus.EXPIRED:
        return errors.Refusal(UserErrorCode.EXPIRED, "Its time is over. It has to be asked anew.", "proposalId")
    if status is ProposalStatus.DRAFT:
        return errors.Refusal(UserErrorCode.WRONG_STATE, "It was not submitted yet.", "proposalId")
    message = f"It is not open any more: it was {status.replace('_', ' ').lower()}."
    return errors.Refusal(UserErrorCode.WRONG_STATE, message, "proposalId")


def conflict(proposal: Proposal) -> errors.Refusal:
    """Tell that another version was read, and which one there is now."""
    message = f"Somebody has changed it: it is at version {proposal.version} now. Read it again."
    return errors.Refusal(UserErrorCode.CONFLICT, message, "expectedVersion")


async def _why_not_now(proposal_id: str, at: datetime) -> errors.Refusal:
    if await _open(proposal_id, at).exists():
        message = "It was sent less than an hour ago. Give it a little time."
        return errors.Refusal(UserErrorCode.RATE_LIMITED, message, "proposalId")
    return await why_not(proposal_id, at)


def _open(proposal_id: str, at: datetime) -> QuerySet[Proposal]:
    return Proposal.filter(id=proposal_id, status=ProposalStatus.PENDING, expires_at__gt=at)


# ── events ──


async def announce(  # noqa: PLR0913  an event's columns
    c: Change,
    verb: str,
    *proposals: Proposal,
    reason: str | None = None,
    differences: Sequence[Difference] = (),
    audience: Audience | None = None,
    by: Actor | None = None,
) -> None:
    """Record the event that `moves.PROPOSAL` gives a verb, for each proposal, filed under what it is about.

    `audience`: null: both sides; an invite that belongs to an offer is told to its own side. `by`: who did it, where
    that person has become somebody only within the change.
    """
    clients = await _clients(proposals)
    for proposal in proposals:
        move = moves.proposal_move(proposal.kind, verb)
        if move is None or move.topic is None:
            raise LookupError(proposal.kind, verb)
        c.event(
            move.topic,
            stream=stream_of(proposal),
            # What asks for access is in the history of that access.
            subject=proposal.grant_id or proposal.id,
            audience=audience or (Audience.PARTNER if is_of_offer(proposal) else Audience.BOTH),
            reason=reason,
            changes=differences,
            by=by,
            **_about(proposal, clients.get(proposal.account_id)),
        )


def _about(proposal: Proposal, client_of_account: str | None) -> About:
    """Say what a proposal's events are filed under; within a project, under that alone, as everything there is."""
    if proposal.project_id is not None:
        return {"proposal_id": proposal.id, "project_id": proposal.project_id, "client_id": client_of_account}
    return {
        "proposal_id": proposal.id,
        "partnership_id": proposal.partnership_id,
        "account_id": proposal.account_id,
        "partner_id": proposal.from_partner_id or proposal.to_partner_id or proposal.partner_id,
        "client_id": proposal.to_client_id or proposal.from_client_id or client_of_account,
    }


async def announce_expiry(c: Change, expired: Sequence[Proposal]) -> None:
    """Tell that time is over: time has done it, whoever came by and wrote it down, so the proposer is told as well."""
    await announce(dataclasses.replace(c, by=None, on_behalf_of=None), "expire", *expired)


def stream_of(proposal: Proposal) -> str:
    """Name the stream in which a proposal's events are."""
    stream = proposal.project_id or proposal.partnership_id or proposal.partner_id or proposal.account_id
    if stream is None:
        raise LookupError(proposal.id)
    return stream


async def _clients(proposals: Sequence[Proposal]) -> dict[str | None, str]:
    ids = [proposal.account_id for proposal in proposals if proposal.account_id]
    return {account.id: account.client_id for account in await Account.filter(id__in=ids)} if ids else {}
