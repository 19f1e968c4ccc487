"""Proposals: everything that waits for somebody's yes, in one state machine; and what each kind's answer does.

Final is final. A state is left by one compare-and-set on the proposal's row (`close`), so of two answers one counts.
Locks are taken in one order: an offer's row, then its invites', links' and partnership's, then the streams'.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from tortoise.expressions import Expression, F, Q, Subquery
from tortoise.queryset import QuerySet

from domain import accounts, changes, errors, inputs, moves, policy, tokens
from domain.changes import Actor, Change
from domain.moves import ProposalMove
from domain.seats import Seat
from models.access_grant import AccessGrant
from models.account import Account
from models.client import Client
from models.enums import (
    Audience,
    InviteKind,
    LinkPurpose,
    ProposalKind,
    ProposalStatus,
    SecurityRole,
    Side,
    UserErrorCode,
)
from models.event import Change as Difference
from models.link import Link
from models.partner import PartnerMember
from models.partnership import AssignedContact, Partnership
from models.proposal import PREFIXES, Proposal, ProposalItem, new_proposal_id

REMIND_AT_MOST_EVERY: Final = timedelta(hours=1)
# After how long somebody who has not answered is reminded, each once (mission 5.3).
REMINDERS: Final = (timedelta(days=3), timedelta(days=7))
# How many a sweep settles in one transaction.
SWEEP: Final = 100


# ── verbs ──


async def accept(  # noqa: PLR0913  the input's fields
    proposal_id: str,
    *,
    by: Seat,
    expected_version: int | None = None,
    comment: str | None = None,
    item_ids: Collection[str] | None = None,
    account_ids: Collection[str] | None = None,
) -> str:
    """Say yes (mission 1.2). Returns the proposal's id.

    An offer: the partnership begins, the contacts lent with it are assigned, and the partner is connected to each of
    `account_ids`; those offered, when null. Refuses NOT_FOUND, FORBIDDEN (also members of any partner company, 1.1),
    WRONG_STATE, EXPIRED, CONFLICT; at `accountIds` CAPABILITY_DENIED accounts of other owners, WRONG_STATE cancelled
    ones, and INVALID none at all where the offer went to an e-mail address.
    """
    move = await _allowed("accept", proposal_id, by=by)
    chosen = None if account_ids is None else inputs.ids(account_ids, "accountIds")
    if item_ids is not None:
        raise errors.invalid("Only a modification is accepted item by item.", "itemIds")
    async with changes.change(by=by) as c:
        offer = await close(
            c, proposal_id, move.target, by_user=by.user_id, comment=comment, expected_version=expected_version
        )
        await _begin_partnership(c, offer, chosen, by=by)
    return proposal_id


async def decline(
    proposal_id: str, *, by: Seat, expected_version: int | None = None, comment: str | None = None
) -> str:
    """Say no; the comment is kept and shown to who asked. Refuses as `accept` does. Returns the proposal's id."""
    move = await _allowed("decline", proposal_id, by=by)
    async with changes.change(by=by) as c:
        offer = await close(
            c, proposal_id, move.target, by_user=by.user_id, comment=comment, expected_version=expected_version
        )
        await end_offers(c, [offer], "decline", reason=offer.comment)
    return proposal_id


async def withdraw(proposal_id: str, *, by: Seat, expected_version: int | None = None) -> str:
    """Take back what one's own side asked; an offer's invite takes the offer with it. Returns the proposal's id.

    Refuses NOT_FOUND, FORBIDDEN, WRONG_STATE, EXPIRED, CONFLICT.
    """
    move = await _allowed("withdraw", proposal_id, by=by)
    async with changes.change(by=by) as c:
        proposal = await close(c, proposal_id, move.target, by_user=by.user_id, expected_version=expected_version)
        if proposal.kind is ProposalKind.PARTNERSHIP_OFFER:
            await end_offers(c, [proposal], "withdraw")
        else:
            await end_invite(c, proposal, "withdraw")
    return proposal_id


async def remind(proposal_id: str, *, by: Seat) -> str:
    """Send the question again; a link in it is new, and the old one stops working. Returns the proposal's id.

    Refuses NOT_FOUND, FORBIDDEN, WRONG_STATE, EXPIRED, and RATE_LIMITED within an hour of the last time.
    """
    await _allowed("remind", proposal_id, by=by)
    async with changes.change(by=by) as c:
        await _lock_offer_of(proposal_id)
        rested = Q(sent_at__isnull=True) | Q(sent_at__lte=c.now - REMIND_AT_MOST_EVERY)
        if not await _open(proposal_id, c.now).filter(rested).update(sent_at=c.now):
            raise await _why_not_now(proposal_id, c.now)
        proposal = await Proposal.get(id=proposal_id)
        subject = await _offer_of(proposal) or proposal
        await _send_anew(c, subject)
        await announce(c, "remind", subject)
    return proposal_id


# ── what time does ──


async def expire_due(at: datetime) -> int:
    """Announce the proposals whose time was over at a moment, at most a batch; return how many.

    Nothing depends on it: they have been EXPIRED since their second (mission 5.1a). Each is announced once.
    """
    async with changes.change(by=None) as c:
        due = Proposal.filter(expires_at__lte=at).limit(SWEEP)
        offers = await _expire(c, due.filter(kind=ProposalKind.PARTNERSHIP_OFFER), skip_locked=True)
        # An offer's invite goes with its offer.
        invites = await _expire(c, due.filter(kind=ProposalKind.INVITE, partnership_id=None), skip_locked=True)
    return len(offers) + len(invites)


async def expire_stale(c: Change, offers: QuerySet[Proposal]) -> None:
    """Announce those offers whose time is over, so that they do not block a new one (mission 5.1a)."""
    await _expire(c, offers.filter(kind=ProposalKind.PARTNERSHIP_OFFER), skip_locked=False)


async def remind_due(at: datetime) -> int:
    """Remind of what has waited for 3 and for 7 days, at most a batch; return how many. The links stay as they are.

    Two reminders that are due at once are one. An invite that belongs to an offer is the offer's.
    """
    stages = [Q(reminders__lt=stage, proposed_at__lte=at - waited) for stage, waited in enumerate(REMINDERS, start=1)]
    async with changes.change(by=None) as c:
        waiting = Proposal.filter(Q(*stages, join_type="OR"), status=ProposalStatus.PENDING, expires_at__gt=at)
        own = ~Q(kind=ProposalKind.INVITE, partnership_id__not_isnull=True)
        due = await waiting.filter(own).order_by("id").limit(SWEEP).select_for_update(skip_locked=True, no_key=True)
        second = [proposal.id for proposal in due if proposal.proposed_at and proposal.proposed_at <= at - REMINDERS[1]]
        ids = [proposal.id for proposal in due]
        await Proposal.filter(id__in=ids).update(reminders=1, reminded_at=at)
        await Proposal.filter(id__in=second).update(reminders=2)
        await announce(c, "remind", *due)
    return len(due)


# ── the state machine ──


async def close(  # noqa: PLR0913  what is kept of a decision
    c: Change,
    proposal_id: str,
    status: ProposalStatus,
    *,
    by_user: str | None,
    comment: str | None = None,
    expected_version: int | None = None,
) -> Proposal:
    """Leave PENDING, by compare-and-set, and return the row as it is now. First in its transaction.

    An invite that belongs to an offer locks the offer before it, so that whoever answers either does so in one order.
    Refuses NOT_FOUND, WRONG_STATE (somebody has decided), EXPIRED (time has) or CONFLICT (another version was read).
    """
    await _lock_offer_of(proposal_id)
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
        raise await _why_not(proposal_id, c.now)
    return await Proposal.get(id=proposal_id)


def _open(proposal_id: str, at: datetime) -> QuerySet[Proposal]:
    return Proposal.filter(id=proposal_id, status=ProposalStatus.PENDING, expires_at__gt=at)


async def _lock_offer_of(proposal_id: str) -> None:
    if _kind(proposal_id) is ProposalKind.INVITE:
        invites = Proposal.filter(id=proposal_id, partnership_id__not_isnull=True)
        offer = Partnership.filter(id__in=Subquery(invites.values("partnership_id"))).values("offer_id")
        # Rows, not values or exists(): with those Tortoise drops the lock from the statement.
        await Proposal.filter(id__in=Subquery(offer)).select_for_update(no_key=True).only("id")


async def _why_not(proposal_id: str, at: datetime) -> errors.Refusal:
    proposal = await Proposal.get_or_none(id=proposal_id)
    if proposal is None:
        return errors.not_found("proposal", "proposalId")
    status = moves.proposal_status(proposal.status, proposal.expires_at, at)
    if status is ProposalStatus.PENDING:
        message = f"Somebody has changed it: it is at version {proposal.version} now. Read it again."
        return errors.Refusal(UserErrorCode.CONFLICT, message, "expectedVersion")
    if status is ProposalStatus.EXPIRED:
        return errors.Refusal(UserErrorCode.EXPIRED, "Its time is over. It has to be asked anew.", "proposalId")
    message = f"It is not open any more: it was {status.replace('_', ' ').lower()}."
    return errors.Refusal(UserErrorCode.WRONG_STATE, message, "proposalId")


async def _why_not_now(proposal_id: str, at: datetime) -> errors.Refusal:
    if await _open(proposal_id, at).exists():
        message = "It was sent less than an hour ago. Give it a little time."
        return errors.Refusal(UserErrorCode.RATE_LIMITED, message, "proposalId")
    return await _why_not(proposal_id, at)


async def _allowed(verb: str, proposal_id: str, *, by: Seat) -> ProposalMove:
    """Find the row of the table by which the seat may do this, whatever the state; refuse NOT_FOUND or FORBIDDEN."""
    proposal = await policy.find(Proposal, proposal_id, "proposalId", by=by)
    move = moves.proposal_move(proposal.kind, verb)
    company = by.partner_id or by.client_id
    if move is None or not moves.may(
        move,
        is_own_side=moves.is_own_side(company, proposal.from_partner_id, proposal.from_client_id),
        is_other_side=moves.is_other_side(company, proposal.to_partner_id, proposal.to_client_id),
        roles=by.roles,
    ):
        raise errors.Refusal(UserErrorCode.FORBIDDEN, f"It is not yours to {verb}.", "proposalId")
    return move


def _kind(proposal_id: str) -> ProposalKind | None:
    return _KINDS.get(proposal_id.partition("_")[0])


_KINDS: Final[Mapping[str, ProposalKind]] = {prefix: kind for kind, prefix in PREFIXES.items()}


# ── events ──


async def announce(
    c: Change,
    verb: str,
    *proposals: Proposal,
    reason: str | None = None,
    differences: Sequence[Difference] = (),
    by: Actor | None = None,
) -> None:
    """Record the event that `moves.PROPOSAL` gives a verb, for each proposal, filed under what it is about.

    `by`: who did it, where that person has become somebody only within the change.
    """
    clients = await _clients(proposals)
    for proposal in proposals:
        move = moves.proposal_move(proposal.kind, verb)
        if move is None or move.topic is None:
            raise LookupError(proposal.kind, verb)
        c.event(
            move.topic,
            stream=_stream(proposal),
            subject=proposal.id,
            audience=Audience.PARTNER if _is_of_offer(proposal) else Audience.BOTH,
            reason=reason,
            changes=differences,
            by=by,
            partnership_id=proposal.partnership_id,
            account_id=proposal.account_id,
            proposal_id=proposal.id,
            partner_id=proposal.from_partner_id or proposal.to_partner_id or proposal.partner_id,
            client_id=proposal.to_client_id or proposal.from_client_id or clients.get(proposal.account_id),
        )


async def _clients(proposals: Sequence[Proposal]) -> dict[str | None, str]:
    ids = [proposal.account_id for proposal in proposals if proposal.account_id]
    return {account.id: account.client_id for account in await Account.filter(id__in=ids)} if ids else {}


def _stream(proposal: Proposal) -> str:
    stream = proposal.partnership_id or proposal.partner_id or proposal.account_id
    if stream is None:
        raise LookupError(proposal.id)
    return stream


# ── offers ──


async def _begin_partnership(c: Change, offer: Proposal, account_ids: list[str] | None, *, by: Seat) -> None:
    if await PartnerMember.exists(user_id=by.user_id, removed_at__isnull=True):
        message = "A member of a partner company cannot accept a partnership for a client."
        raise errors.Refusal(UserErrorCode.FORBIDDEN, message, "proposalId")
    chosen = await _accounts_to_connect(offer, account_ids, by=by)
    client = await Client.get(id=offer.to_client_id)
    await _move_partnerships(
        [offer],
        "accept",
        client_key=client.name_key,  # from now on the partner knows whom it works for
        started_at=c.now,
        changed_at=c.now,
        version=F("version") + 1,
    )
    await AssignedContact.filter(proposal_id=offer.id, released_at__isnull=True).update(assigned_at=c.now)
    offered = ProposalItem.filter(proposal_id=offer.id)
    await offered.update(accepted=False)
    await offered.filter(account_id__in=[account.id for account in chosen]).update(accepted=True)
    await announce(c, "accept", offer, reason=offer.comment)
    await _connect(c, offer, chosen)


async def _accounts_to_connect(offer: Proposal, account_ids: list[str] | None, *, by: Seat) -> list[Account]:
    if account_ids is None:
        offered = ProposalItem.filter(proposal_id=offer.id, account_id__not_isnull=True)
        chosen = await Account.filter(id__in=Subquery(offered.values("account_id"))).order_by("id")
    else:
        chosen = await policy.find_all(Account, account_ids, "accountIds", by=by)
    if not chosen and offer.email is not None:
        raise errors.invalid("Choose at least one account to connect the partner to.", "accountIds")
    await accounts.require_owner(chosen, "accountIds", by=by)
    accounts.require_live(chosen, "accountIds")
    return chosen


async def _connect(c: Change, offer: Proposal, chosen: Sequence[Account]) -> None:
    grants = [
        AccessGrant(
            partnership_id=offer.partnership_id,
            partner_id=offer.from_partner_id,
            account_id=account.id,
            connected_at=c.now,
            expires_at=accounts.access_expires_at(account, connected_at=c.now),
        )
        for account in chosen
    ]
    await AccessGrant.bulk_create(grants)
    for grant in grants:
        c.event(
            "grant.connected",
            stream=_stream(offer),
            subject=grant.id,
            partnership_id=offer.partnership_id,
            account_id=grant.account_id,
            proposal_id=offer.id,
            partner_id=grant.partner_id,
            client_id=offer.to_client_id,
        )


async def end_offers(
    c: Change, offers: Sequence[Proposal], verb: str, *, reason: str | None = None, by: Actor | None = None
) -> None:
    """Undo what offers held open, once they have left PENDING other than by a yes, and announce it.

    Their partnerships follow, the contacts that they would have lent stay at home, their open invites are cancelled
    and the links of those stop working.
    """
    await _move_partnerships(offers, verb, changed_at=c.now, version=F("version") + 1)
    await _let_go(offers, c.now)
    await announce(c, verb, *offers, reason=reason, by=by)


async def _move_partnerships(offers: Sequence[Proposal], verb: str, **columns: str | datetime | Expression) -> None:
    move = moves.partnership_move(verb)
    theirs = Partnership.filter(id__in=[offer.partnership_id for offer in offers], status__in=list(move.sources))
    await theirs.update(status=move.target, **columns)


async def _let_go(offers: Sequence[Proposal], at: datetime) -> None:
    """Cancel the open invites of offers that have ended; those whose own time is over have expired."""
    partnerships = [offer.partnership_id for offer in offers]
    await AssignedContact.filter(proposal_id__in=[offer.id for offer in offers], released_at__isnull=True).update(
        released_at=at
    )
    invites = Proposal.filter(kind=ProposalKind.INVITE, partnership_id__in=partnerships, status=ProposalStatus.PENDING)
    await invites.filter(expires_at__lte=at).update(status=ProposalStatus.EXPIRED)
    await invites.update(status=ProposalStatus.CANCELLED, decided_at=at, version=F("version") + 1)
    links = Link.filter(proposal_id__in=Subquery(Proposal.filter(partnership_id__in=partnerships).values("id")))
    await links.filter(used_at__isnull=True, replaced_at__isnull=True).update(replaced_at=at)


async def _expire(c: Change, due: QuerySet[Proposal], *, skip_locked: bool) -> list[Proposal]:
    """Write down what time has done: nothing that anybody reads changes by it, so version and decision stay."""
    over = due.filter(status=ProposalStatus.PENDING, expires_at__lte=c.now)
    expired = await over.order_by("id").select_for_update(skip_locked=skip_locked, no_key=True)
    if not expired:
        return []
    await Proposal.filter(id__in=[proposal.id for proposal in expired]).update(status=ProposalStatus.EXPIRED)
    offers = [proposal for proposal in expired if proposal.kind is ProposalKind.PARTNERSHIP_OFFER]
    if offers:
        await _move_partnerships(offers, "expire")
        await _let_go(offers, c.now)
    # Time has done it, whoever came by and wrote it down: the proposer is told like anybody else.
    await announce(dataclasses.replace(c, by=None, on_behalf_of=None), "expire", *expired)
    return expired


# ── invites ──


async def send_invite(  # noqa: PLR0913  an invite's columns
    c: Change,
    kind: InviteKind,
    *,
    email: str,
    name: str | None,
    expires_at: datetime,
    message: str | None = None,
    client_name: str | None = None,
    from_partner_id: str | None = None,
    partner_id: str | None = None,
    account_id: str | None = None,
    partnership_id: str | None = None,
    role: SecurityRole | None = None,
) -> str:
    """Invite somebody by an e-mailed link, until a moment; return the invite's id.

    `from_partner_id`: who asks; null: the vendor. It brings the person into `partner_id`, `account_id` or
    `partnership_id`. One that belongs to an offer is told of by the offer's own event.
    """
    invite = await Proposal.create(
        id=new_proposal_id(ProposalKind.INVITE),
        kind=ProposalKind.INVITE,
        status=ProposalStatus.PENDING,
        invite_kind=kind,
        email=email,
        name=name,
        message=message,
        client_name=client_name,
        proposed_by_id=c.by and c.by.user_id,
        proposed_by_side=c.by.side if c.by else Side.VENDOR,
        from_partner_id=from_partner_id,
        partner_id=partner_id,
        account_id=account_id,
        partnership_id=partnership_id,
        role=role,
        proposed_at=c.now,
        sent_at=c.now,
        expires_at=expires_at,
        created_at=c.now,
    )
    await _new_link(invite, c.now)
    if not _is_of_offer(invite):
        await announce(c, "send", invite)
    return invite.id


async def end_invite(c: Change, invite: Proposal, verb: str, *, by: Actor | None = None) -> None:
    """Undo what an invite held open, once it was closed by that verb ("decline", "withdraw"), and announce it.

    One that belongs to an offer takes the offer with it, its decider and comment kept.
    """
    offer = await _offer_of(invite)
    if offer is None:
        await tokens.revoke(invite.id, at=c.now)
        await announce(c, verb, invite, reason=invite.comment, by=by)
        return
    offer = await close(c, offer.id, invite.status, by_user=invite.decided_by_id, comment=invite.comment)
    await end_offers(c, [offer], verb, reason=offer.comment, by=by)


async def _send_anew(c: Change, proposal: Proposal) -> None:
    """Replace the link of an invite, or of an offer's open one; who was asked by name gets no link."""
    invites = Proposal.filter(kind=ProposalKind.INVITE, status=ProposalStatus.PENDING, expires_at__gt=c.now)
    if proposal.kind is ProposalKind.INVITE:
        invites = invites.filter(id=proposal.id)
    else:
        invites = invites.filter(partnership_id=proposal.partnership_id)
    invite = await invites.first()
    if invite is not None:
        await _new_link(invite, c.now)
        await Proposal.filter(id__in=[proposal.id, invite.id]).update(sent_at=c.now)


async def _new_link(invite: Proposal, at: datetime) -> None:
    if invite.email is None or invite.expires_at is None:
        raise LookupError(invite.id)
    await tokens.issue(
        LinkPurpose.INVITE, email=invite.email, at=at, expires_at=invite.expires_at, proposal_id=invite.id
    )


def _is_of_offer(proposal: Proposal) -> bool:
    return proposal.kind is ProposalKind.INVITE and proposal.partnership_id is not None


async def _offer_of(proposal: Proposal) -> Proposal | None:
    """Find the offer that an invite belongs to; null: it belongs to none."""
    if not _is_of_offer(proposal):
        return None
    partnership = await Partnership.get(id=proposal.partnership_id)
    return await Proposal.get(id=partnership.offer_id)
