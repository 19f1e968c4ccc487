"""Members: the people of a partner company, each of whom takes one of its licences; who is invited does, too (3.2).

What counts or changes them meets on the company's row, which is locked after its invites and before all else.
"""

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

import settings
from domain import errors, inputs, inviting, moves, states
from domain.changes import Actor, Change
from models.enums import Audience, InviteKind, PartnerMemberRole, ProposalKind, ProposalStatus, UserErrorCode
from models.partner import Partner, PartnerMember
from models.proposal import Proposal

# After these the admin is asked anew with the next project; who has said no is not (mission 3.1).
_ASKED_ANEW = frozenset({ProposalStatus.WITHDRAWN, ProposalStatus.EXPIRED})


# ── who belongs to a company ──


def require_at_domain(partner: Partner, address: str, *path: str) -> None:
    """Refuse DOMAIN_MISMATCH unless an address is at the partner's domain: no sub-domain, no look-alike (3.1)."""
    if inputs.domain_of(address) != partner.domain:
        message = f"The address must be at {partner.domain}."
        raise errors.Refusal(UserErrorCode.DOMAIN_MISMATCH, message, *path)


async def require_other(partner_id: str | None, address: str, *path: str) -> None:
    """Refuse SELF_PARTNERSHIP an address of the partner's own company, or of one of its members (mission 1.1)."""
    members = PartnerMember.filter(partner_id=partner_id, user__email=address, removed_at__isnull=True)
    at_home = Partner.filter(id=partner_id, domain=inputs.domain_of(address))
    if await at_home.exists() or await members.exists():
        message = "This address belongs to the partner's own company: what it asks for takes two."
        raise errors.Refusal(UserErrorCode.SELF_PARTNERSHIP, message, *path)


# ── licences ──


async def lock(partner_id: str) -> Partner:
    """Lock a company whose members, invites or licences change, and return it as it is now."""
    return await Partner.filter(id=partner_id).select_for_update(no_key=True).get()


async def licences_used(c: Change, partner_id: str) -> int:
    """Count a locked company's members and whom it has invited, as `resolvers.people.LICENCES_USED` does."""
    return len(await _licensed(c, partner_id))


async def _licensed(c: Change, partner_id: str) -> set[str]:
    """List the people who take a licence, members and invited ones, however many invites they have."""
    places = PartnerMember.filter(partner_id=partner_id, removed_at__isnull=True).select_related("user")
    members = {place.user.email or place.user_id for place in await places}
    return members | {invite.email or "" for invite in await open_invites(c, partner_id)}


def open_invites(c: Change, partner_id: str) -> QuerySet[Proposal]:
    """Return the invites into a company that wait for an answer, or for the first project to be sent."""
    is_open = Q(status=ProposalStatus.DRAFT) | Q(status=ProposalStatus.PENDING, expires_at__gt=c.now)
    return Proposal.filter(is_open, kind=ProposalKind.INVITE, partner_id=partner_id)


async def require_licence(c: Change, partner_id: str, address: str, *path: str) -> Partner:
    """Lock a company and return it; refuses LICENCES_USED_UP at `path` where it has none left for somebody (3.2).

    Who is invited already, to another of its projects, takes no second one.
    """
    partner = await lock(partner_id)
    licensed = await _licensed(c, partner_id)
    if address not in licensed and len(licensed) >= partner.licences:
        message = "All of the company's licences are used, by members and open invites."
        raise errors.Refusal(UserErrorCode.LICENCES_USED_UP, message, *path)
    return partner


async def require_stranger(c: Change, partner: Partner, address: str, *path: str) -> None:
    """Refuse at `path` whom a locked company need not invite: TAKEN its members, ALREADY_PROPOSED who is invited."""
    if await _is_member(partner.id, address):
        raise errors.Refusal(UserErrorCode.TAKEN, "This person is a member of the company already.", *path)
    if await open_invites(c, partner.id).filter(email=address).exists():
        message = "This person is invited already. Send that invite again, or take it back first."
        raise errors.Refusal(UserErrorCode.ALREADY_PROPOSED, message, *path)


async def _is_member(partner_id: str, address: str | None) -> bool:
    return await PartnerMember.exists(partner_id=partner_id, user__email=address, removed_at__isnull=True)


# ── who comes in ──


async def join(c: Change, partner_id: str, holder: Actor) -> PartnerMember:
    """Make a person a collaborator of a company, and return their place; whoever has one keeps it, and nothing happens.

    The licence was the invite's.
    """
    await lock(partner_id)
    place = PartnerMember.filter(partner_id=partner_id, user_id=holder.user_id, removed_at__isnull=True)
    return await place.first() or await _placed(c, partner_id, holder, PartnerMemberRole.COLLABORATOR)


async def join_as_admin(c: Change, partner_id: str, holder: Actor, *path: str) -> PartnerMember:
    """Make a person the company's one admin, and return their place; refuses ADMIN_EXISTS at `path` (3.3)."""
    if not await Partner.filter(id=partner_id, admin_id__isnull=True).update(admin_id=holder.user_id):
        raise errors.Refusal(UserErrorCode.ADMIN_EXISTS, "The company has a partner admin already.", *path)
    place = PartnerMember.filter(partner_id=partner_id, user_id=holder.user_id, removed_at__isnull=True)
    await place.update(role=PartnerMemberRole.ADMIN)
    return await place.first() or await _placed(c, partner_id, holder, PartnerMemberRole.ADMIN)


async def _placed(c: Change, partner_id: str, holder: Actor, role: PartnerMemberRole) -> PartnerMember:
    member = await PartnerMember.create(partner_id=partner_id, user_id=holder.user_id, role=role, joined_at=c.now)
    c.event(
        "partner.member_joined",
        stream=partner_id,
        subject=member.id,
        audience=Audience.PARTNER,
        partner_id=partner_id,
        by=holder,
    )
    return member


async def bring_admin_in(c: Change, partner: Partner, *path: str) -> None:
    """Send the admin of a locked client-partner company the link that its creation did not (3.1, 3.2).

    A link that is open stays. An invite that was withdrawn or has expired is followed by a new one, which refuses
    LICENCES_USED_UP at `path`. Nobody is asked where the company has an admin, or the one named said no, or is there
    as a collaborator: `partners.transfer_admin` is for those.
    """
    asked = Proposal.filter(kind=ProposalKind.INVITE, invite_kind=InviteKind.PARTNER_ADMIN, partner_id=partner.id)
    latest = await asked.order_by("-id").first()
    if partner.admin_id is not None or latest is None or await _is_member(partner.id, latest.email):
        return
    until = c.now + settings.load().invite_open
    if latest.status is ProposalStatus.DRAFT:
        await inviting.send_prepared(c, latest.id, expires_at=until)
    elif moves.proposal_status(latest.status, latest.expires_at, c.now) in _ASKED_ANEW:
        # Whoever holds a stale one announces it, and may wait for the company.
        await states.announce_expiry(c, await states.expire(c, asked, skip_locked=True))
        await require_licence(c, partner.id, latest.email or "", *path)
        await inviting.send(
            c,
            InviteKind.PARTNER_ADMIN,
            email=latest.email or "",
            name=latest.name,
            expires_at=until,
            partner_id=partner.id,
        )
