"""Inviting: somebody is asked by an e-mailed link to come in, is asked again, or no longer (mission 1.8, 3.1, 3.2).

What the holder of the link does is in `invites`.
"""

from datetime import datetime
from typing import TypedDict, Unpack

from tortoise.expressions import F

from domain import accounts, errors, offers, states, tokens
from domain.changes import Actor, Change
from domain.seats import Seat
from models.account import Account
from models.enums import (
    Capability,
    InviteKind,
    ProposalKind,
    ProposalStatus,
    SecurityRole,
    Side,
    UserErrorCode,
)
from models.link import Link
from models.partnership import Partnership
from models.proposal import Proposal, new_proposal_id
from models.user import User

# ── sent, taken back, sent again ──


class Columns(TypedDict, total=False):
    """What else an invite says, and where it leads.

    `from_partner_id`, `from_client_id`: who asks; both null: the vendor. It brings the person into `partner_id`,
    `account_id` or `partnership_id`. `project_ids`: where a new member is put to work as well.
    """

    message: str | None
    client_name: str | None
    from_partner_id: str | None
    from_client_id: str | None
    partner_id: str | None
    account_id: str | None
    partnership_id: str | None
    project_id: str | None
    project_ids: list[str] | None
    role: SecurityRole | None


async def send(
    c: Change, kind: InviteKind, *, email: str, name: str | None, expires_at: datetime, **columns: Unpack[Columns]
) -> str:
    """Invite somebody by an e-mailed link, until a moment; return the invite's id.

    One that belongs to an offer is told of by the offer's own event.
    """
    invite = await _write(
        c,
        kind,
        status=ProposalStatus.PENDING,
        email=email,
        name=name,
        sent_at=c.now,
        expires_at=expires_at,
        **columns,
    )
    await offers.send_link(invite, c.now)
    if not states.is_of_offer(invite):
        await states.announce(c, "send", invite)
    return invite.id


async def prepare(c: Change, kind: InviteKind, *, email: str, name: str, partner_id: str) -> str:
    """Note whom a company invites later, by `send_prepared`; return the invite's id. It has no link, and no end yet."""
    status = ProposalStatus.DRAFT
    return (await _write(c, kind, status=status, email=email, name=name, partner_id=partner_id)).id


async def send_prepared(c: Change, invite_id: str, *, expires_at: datetime) -> None:
    """Send what was prepared; it is asked from now on."""
    prepared = Proposal.filter(id=invite_id, status=ProposalStatus.DRAFT)
    await prepared.update(
        status=ProposalStatus.PENDING,
        proposed_at=c.now,
        sent_at=c.now,
        expires_at=expires_at,
        version=F("version") + 1,
    )
    invite = await Proposal.get(id=invite_id)
    await offers.send_link(invite, c.now)
    await states.announce(c, "send", invite)


async def _write(c: Change, kind: InviteKind, **columns: object) -> Proposal:
    invite = Proposal(
        id=new_proposal_id(ProposalKind.INVITE),
        kind=ProposalKind.INVITE,
        invite_kind=kind,
        proposed_by_id=c.by and c.by.user_id,
        proposed_by_side=c.by.side if c.by else Side.VENDOR,
        proposed_at=c.now,
        created_at=c.now,
        **columns,
    )
    await invite.save(force_create=True)
    return invite


async def require_none_open(account_id: str, at: datetime, *path: str, **of: str) -> None:
    """Refuse ALREADY_PROPOSED at `path` where an invite to an account waits, of the columns given; it is locked."""
    waiting = Proposal.filter(kind=ProposalKind.INVITE, account_id=account_id, status=ProposalStatus.PENDING)
    if await waiting.filter(expires_at__gt=at, **of).exists():
        message = "An invite to this account still waits for an answer. Send it again, or take it back first."
        raise errors.Refusal(UserErrorCode.ALREADY_PROPOSED, message, *path)


async def expire_stale(c: Change, **to: object) -> None:
    """Expire the invites of the columns given whose time is over, and announce it. Before their targets are locked."""
    stale = await states.expire(c, Proposal.filter(kind=ProposalKind.INVITE, **to), skip_locked=False)
    await states.announce_expiry(c, stale)


async def cancel(c: Change, **to: object) -> None:
    """Cancel the open invites of the columns given: what ends tells it. Their links stop working.

    Before what they lead to is locked. What was over by then has expired.
    """
    await expire_stale(c, **to)
    waiting = Proposal.filter(kind=ProposalKind.INVITE, status=ProposalStatus.PENDING, **to)
    ids = [invite.id for invite in await waiting.order_by("id").select_for_update(no_key=True)]
    cancelled = Proposal.filter(id__in=ids)
    await cancelled.update(status=ProposalStatus.CANCELLED, decided_at=c.now, version=F("version") + 1)
    links = Link.filter(proposal_id__in=ids, used_at__isnull=True, replaced_at__isnull=True)
    await links.update(replaced_at=c.now)


async def cancel_for(c: Change, user_id: str, **to: object) -> None:
    """Cancel a person's open invites of the columns given, so that they do not come back by one that was left."""
    person = await User.get(id=user_id)
    if person.email is not None:
        await cancel(c, email=person.email, **to)


async def require_none(c: Change, *path: str, **to: object) -> None:
    """Refuse CONFLICT at `path` where somebody was invited, of the columns given, between `cancel` and a lock."""
    waiting = Proposal.filter(kind=ProposalKind.INVITE, status=ProposalStatus.PENDING, expires_at__gt=c.now, **to)
    if await waiting.exists():
        message = "Somebody was invited in this moment. Look at it again."
        raise errors.Refusal(UserErrorCode.CONFLICT, message, *path)


async def withdrawn(c: Change, invite: Proposal) -> None:
    """Undo what an invite held open, once its sender has taken it back, and announce it.

    Refuses whoever may not manage the staff what invites somebody to it, as `require_manager` does.
    """
    await _require_manager(c, invite)
    await end(c, invite, "withdraw")


async def end(c: Change, invite: Proposal, verb: str, *, by: Actor | None = None) -> None:
    """Undo what an invite held open, once it was closed by that verb ("decline", "withdraw"), and announce it.

    One that belongs to an offer takes the offer with it, its decider and comment kept.
    """
    offer = await _offer_of(invite)
    if offer is None:
        await tokens.revoke(invite.id, at=c.now)
        await states.announce(c, verb, invite, reason=invite.comment, by=by)
        return
    offer = await states.close(c, offer.id, invite.status, by_user=invite.decided_by_id, comment=invite.comment)
    await offers.end(c, offer, verb, reason=offer.comment, by=by)


async def reminded(c: Change, invite: Proposal) -> None:
    """Replace an invite's link, and announce it as its offer's, if it belongs to one.

    Refuses whoever may not manage the staff what invites somebody to it, as `require_manager` does.
    """
    await _require_manager(c, invite)
    offer = await _offer_of(invite)
    if offer is not None:
        await offers.reminded(c, offer)
        return
    await offers.send_link(invite, c.now)
    await states.announce(c, "remind", invite)


async def require_manager(account: Account, role: SecurityRole | None, *path: str, by: Seat) -> None:
    """Refuse at `path` who may not manage an account's staff: its owners take an owner (mission 1.7).

    CAPABILITY_DENIED, and of a partner what `accounts.require` refuses besides.
    """
    await accounts.require(Capability.MANAGE_STAFF, account, *path, by=by)
    if role is SecurityRole.ACCOUNT_OWNER:
        await accounts.require(Capability.CHANGE_OWNER, account, *path, by=by)


async def _require_manager(c: Change, invite: Proposal) -> None:
    if invite.invite_kind is InviteKind.STAFF and isinstance(c.by, Seat):
        account = await Account.get(id=invite.account_id)
        await require_manager(account, invite.role, "proposalId", by=c.by)


async def _offer_of(invite: Proposal) -> Proposal | None:
    """Find the offer that an invite belongs to; null: it belongs to none."""
    if not states.is_of_offer(invite):
        return None
    partnership = await Partnership.get(id=invite.partnership_id)
    return await Proposal.get(id=partnership.offer_id)
