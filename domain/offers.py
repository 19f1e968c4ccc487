"""Offers: what becomes of a partnership when its offer is accepted, or ends without (mission 1.1, 1.2, 4.1)."""

from collections.abc import Sequence
from datetime import datetime

from tortoise.exceptions import IntegrityError
from tortoise.expressions import Expression, F, Subquery

from domain import accounts, connections, errors, inputs, moves, policy, states, tokens
from domain.changes import Actor, Change
from domain.states import Answer
from models.account import Account
from models.client import Client
from models.enums import LinkPurpose, PartnershipStatus, ProposalKind, ProposalStatus, UserErrorCode
from models.event import Event
from models.link import Link
from models.partner import PartnerMember
from models.partnership import AssignedContact, Partnership
from models.proposal import Proposal, ProposalItem

# ── what stands in an offer's way ──


async def require_free(
    c: Change, partner_id: str, *, client_id: str | None = None, email: str | None = None
) -> str | None:
    """Refuse ALREADY_PARTNERS or ALREADY_PROPOSED where a partner and a client, or an address, have something open.

    An offer whose time is over is not open: its end is announced first (mission 5.1a). Returns the partnership of the
    two companies that ended last; null: none did.
    """
    offers = Proposal.filter(kind=ProposalKind.PARTNERSHIP_OFFER, from_partner_id=partner_id)
    to_them = offers.filter(email=email) if client_id is None else offers.filter(to_client_id=client_id)
    await states.expire_stale(c, to_them, expired)
    if await to_them.filter(status=ProposalStatus.PENDING).exists():
        raise already_proposed(email)
    if client_id is None:
        return None
    both = Partnership.filter(partner_id=partner_id, client_id=client_id)
    if await both.filter(status=PartnershipStatus.ACTIVE).exists():
        raise errors.Refusal(UserErrorCode.ALREADY_PARTNERS, "You are partners already.", "clientId")
    ended = await both.filter(status=PartnershipStatus.ENDED).order_by("-ended_at", "-id").first()
    return ended.id if ended else None


def already_proposed(email: str | None) -> errors.Refusal:
    """Tell that an offer is still open."""
    message = "Your offer to them still waits for an answer."
    return errors.Refusal(UserErrorCode.ALREADY_PROPOSED, message, "clientId" if email is None else "email")


async def bring_in(c: Change, partnership_id: str, client_id: str) -> None:
    """Make a client the one that an offer to an e-mail address asks, and show it what has happened so far.

    In the change that closes the offer's invite, after `states.close`. Refuses ALREADY_PARTNERS and ALREADY_PROPOSED
    where the two companies have something open already.
    """
    partnership = await Partnership.get(id=partnership_id)
    previous_id = await require_free(c, partnership.partner_id, client_id=client_id)
    try:
        await Partnership.filter(id=partnership_id).update(
            client_id=client_id, previous_id=previous_id, changed_at=c.now
        )
    except IntegrityError:
        raise already_proposed(None) from None
    await Proposal.filter(id=partnership.offer_id).update(to_client_id=client_id)
    await Event.filter(partnership_id=partnership_id).update(client_id=client_id)


# ── yes ──


async def accepted(c: Change, offer: Proposal, answer: Answer) -> None:
    """Begin the partnership: the contacts lent with the offer are assigned, and the accounts chosen connected.

    Refuses FORBIDDEN members of any partner company (1.1); INVALID at `itemIds`; at `accountIds` CAPABILITY_DENIED
    accounts of other owners, WRONG_STATE cancelled ones, and INVALID none at all where it went to an e-mail address.
    """
    if answer.item_ids is not None:
        raise errors.invalid("Only a modification is accepted item by item.", "itemIds")
    if await PartnerMember.exists(user_id=answer.by.user_id, removed_at__isnull=True):
        message = "A member of a partner company cannot accept a partnership for a client."
        raise errors.Refusal(UserErrorCode.FORBIDDEN, message, "proposalId")
    chosen = await _accounts_to_connect(offer, answer)
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
    await states.announce(c, "accept", offer, reason=offer.comment)
    await connections.connect(c, await Partnership.get(id=offer.partnership_id), chosen, proposal_id=offer.id)


async def _accounts_to_connect(offer: Proposal, answer: Answer) -> list[Account]:
    if answer.account_ids is None:
        offered = ProposalItem.filter(proposal_id=offer.id, account_id__not_isnull=True)
        chosen = await Account.filter(id__in=Subquery(offered.values("account_id"))).order_by("id")
    else:
        wanted = inputs.ids(answer.account_ids, "accountIds")
        chosen = await policy.find_all(Account, wanted, "accountIds", by=answer.by)
    if not chosen and offer.email is not None:
        raise errors.invalid("Choose at least one account to connect the partner to.", "accountIds")
    await accounts.require_owner(chosen, "accountIds", by=answer.by)
    accounts.require_live(chosen, "accountIds")
    return chosen


# ── any other end ──


async def declined(c: Change, offer: Proposal) -> None:
    """Undo what an offer held open, once its client has said no, and announce it."""
    await end(c, offer, "decline", reason=offer.comment)


async def withdrawn(c: Change, offer: Proposal) -> None:
    """Undo what an offer held open, once its partner has taken it back, and announce it."""
    await end(c, offer, "withdraw")


async def end(c: Change, offer: Proposal, verb: str, *, reason: str | None = None, by: Actor | None = None) -> None:
    """Undo what an offer held open, once it has left PENDING other than by a yes, and announce it.

    Its partnership follows, the contacts that it would have lent stay at home, its open invite is cancelled and the
    link of that stops working.
    """
    await _move_partnerships([offer], verb, changed_at=c.now, version=F("version") + 1)
    await _let_go([offer], c.now)
    await states.announce(c, verb, offer, reason=reason, by=by)


async def expired(c: Change, offers: Sequence[Proposal]) -> None:
    """Undo what offers held open whose time is over. Nothing that anybody reads changes by it."""
    if offers:
        await _move_partnerships(offers, "expire")
        await _let_go(offers, c.now)


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


# ── the question again ──


async def reminded(c: Change, offer: Proposal) -> None:
    """Replace the link of an offer's open invite, and announce it; who was asked by name gets no link."""
    waiting = Proposal.filter(kind=ProposalKind.INVITE, status=ProposalStatus.PENDING, expires_at__gt=c.now)
    invite = await waiting.filter(partnership_id=offer.partnership_id).first()
    if invite is not None:
        await send_link(invite, c.now)
        await Proposal.filter(id__in=[offer.id, invite.id]).update(sent_at=c.now)
    await states.announce(c, "remind", offer)


async def send_link(invite: Proposal, at: datetime) -> None:
    """Give an invite a new link; the one before stops working."""
    if invite.email is None or invite.expires_at is None:
        raise LookupError(invite.id)
    await tokens.issue(
        LinkPurpose.INVITE, email=invite.email, at=at, expires_at=invite.expires_at, proposal_id=invite.id
    )
