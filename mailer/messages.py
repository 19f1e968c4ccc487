"""One function a mail: it loads what the mail says, as it is when the mail leaves, and composes it.

A mail that asks for an answer is sent only while the answer still counts: raises OutdatedError otherwise.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol
from urllib.parse import urlsplit

import settings
from domain import money, tokens
from mailer import letters
from mailer.letters import Letter
from models.access_grant import AccessGrant
from models.account import Account, StaffMember
from models.directory import PartnerMessage
from models.enums import (
    AccessStatus,
    ActionItemStatus,
    InviteKind,
    ModificationKind,
    PartnershipKind,
    ProposalStatus,
    SecurityRole,
    Side,
)
from models.event import Event
from models.link import Link
from models.mail import Mail
from models.partner import Partner, PartnerMember
from models.partnership import AssignedContact, Partnership
from models.project import ActionItem, Project, ProjectMember, ProjectPartner, Rating
from models.proposal import Proposal, ProposalItem
from models.user import User
from models.webhook import WebhookEndpoint


class OutdatedError(Exception):
    """What the mail asks for was answered, replaced or has ended: nobody is to get it any more."""


async def build(mail_id: str, now: datetime) -> Letter:
    """Make the mail of a row. Raises OutdatedError, and letters.UndeliverableError for an address that is none."""
    mail = await Mail.get(id=mail_id).select_related("event", "link", "link__proposal")
    if mail.link is not None:
        _require_open_link(mail.link, now)
    return await MESSAGES[mail.template](mail, now)


def _require_open_link(link: Link, now: datetime) -> None:
    if link.used_at is not None or link.replaced_at is not None or link.expires_at <= now:
        raise OutdatedError
    if link.proposal is not None:
        _require_open(link.proposal, now)


def _require_open(proposal: Proposal, now: datetime) -> None:
    if proposal.status is not ProposalStatus.PENDING or proposal.expires_at is None or proposal.expires_at <= now:
        raise OutdatedError


# ── partnerships ──


async def partnership_offered(mail: Mail, now: datetime) -> Letter:
    """Ask an account owner, or by a link whoever has the address, to answer an offer."""
    return await _ask_for_partnership(mail, now)


async def partnership_reminded(mail: Mail, now: datetime) -> Letter:
    """Ask the same people once more."""
    return await _ask_for_partnership(mail, now)


async def partnership_accepted(mail: Mail, _: datetime) -> Letter:
    """Tell the proposer; by now the client's name is the partner's to know."""
    offer, partnership = await _offer(mail)
    grants = AccessGrant.filter(partnership_id=partnership.id).exclude(status=AccessStatus.DISCONNECTED)
    return letters.compose(
        mail,
        url=_page(partnership),
        partner=partnership.partner.name,
        client=_name(partnership.client) or _asked(offer),
        decider=_name(offer.decided_by),
        title=partnership.title,
        accounts=await grants.count(),
    )


async def partnership_declined(mail: Mail, _: datetime) -> Letter:
    """Tell the proposer, in the client's words; who the client is stays as unknown as it was."""
    offer, partnership = await _offer(mail)
    return letters.compose(
        mail, url=_page(partnership), quote=offer.comment, comment=offer.comment, **_outcome(offer, partnership)
    )


async def partnership_expired(mail: Mail, _: datetime) -> Letter:
    """Tell the proposer that nobody answered."""
    offer, partnership = await _offer(mail)
    return letters.compose(mail, url=_page(partnership), until=offer.expires_at, **_outcome(offer, partnership))


async def partnership_withdrawn_for_you(mail: Mail, _: datetime) -> Letter:
    """Tell the proposer that somebody else of the partner, or the vendor, withdrew the offer."""
    offer, partnership = await _offer(mail)
    decider = _name(offer.decided_by)
    return letters.compose(mail, url=_page(partnership), decider=decider, **_outcome(offer, partnership))


async def partnership_withdrawn(mail: Mail, _: datetime) -> Letter:
    """Tell whoever was asked."""
    offer, partnership = await _offer(mail)
    return letters.compose(
        mail, partner=partnership.partner.name, client=_name(offer.to_client), title=partnership.title
    )


async def _ask_for_partnership(mail: Mail, now: datetime) -> Letter:
    offer, partnership = await _offer(mail)
    _require_open(offer, now)
    return letters.compose(
        mail,
        url=_link_url(mail.link) if mail.link else _page(partnership),
        quote=offer.message,
        partner=partnership.partner.name,
        proposer=_name(offer.proposed_by),
        client=_name(offer.to_client),
        title=partnership.title,
        description=partnership.description,
        region=partnership.region,
        starts_on=partnership.starts_on,
        contacts=await AssignedContact.filter(proposal_id=offer.id).count(),
        offered_at=offer.proposed_at,
        until=offer.expires_at,
    )


async def _offer(mail: Mail) -> tuple[Proposal, Partnership]:
    offer = await Proposal.get(id=_event(mail).proposal_id).select_related(
        "proposed_by", "decided_by", "to_client", "partnership", "partnership__partner", "partnership__client"
    )
    if offer.partnership is None:
        raise LookupError(f"{offer.id} offers no partnership")
    return offer, offer.partnership


def _asked(offer: Proposal) -> str | None:
    """Whom the offer went to as the proposer wrote it; null where a client was picked by its id."""
    return offer.client_name or offer.email


def _outcome(offer: Proposal, partnership: Partnership) -> dict[str, str | None]:
    return {"partner": partnership.partner.name, "title": partnership.title, "asked": _asked(offer)}


async def partnership_ended(mail: Mail, _: datetime) -> Letter:
    """Tell the side that did not end it; where the vendor did, both."""
    event = _event(mail)
    partnership = await Partnership.get(id=event.partnership_id).select_related("partner", "client")
    sides = {Side.PARTNER: _name(partnership.partner), Side.CLIENT: _name(partnership.client)}
    return letters.compose(
        mail,
        url=_page(partnership),
        quote=partnership.end_reason,
        partner=sides[Side.PARTNER],
        client=sides[Side.CLIENT],
        title=partnership.title,
        is_direct=partnership.kind is PartnershipKind.DIRECT,
        side=sides.get(partnership.ended_by or Side.VENDOR, settings.load().vendor_name),
        ender=_name(await User.get_or_none(id=event.actor_id)),
        ended_at=partnership.ended_at,
    )


# ── modifications ──


async def modification_submitted(mail: Mail, now: datetime) -> Letter:
    """Ask the other side's people to answer."""
    return await _ask_to_modify(mail, now)


async def modification_reminded(mail: Mail, now: datetime) -> Letter:
    """Ask the same people once more."""
    return await _ask_to_modify(mail, now)


async def modification_countered(mail: Mail, now: datetime) -> Letter:
    """Ask those whose own modification was superseded by this one, and tell its proposer so."""
    return await _ask_to_modify(mail, now)


async def modification_accepted(mail: Mail, _: datetime) -> Letter:
    """Tell the proposer how much of it is in effect."""
    modification, partnership = await _modification(mail)
    items = ProposalItem.filter(proposal_id=modification.id)
    return letters.compose(
        mail,
        quote=modification.comment,
        comment=modification.comment,
        items=await items.count(),
        accepted=await items.filter(accepted=True).count(),
        **_between(modification, partnership),
    )


async def modification_declined(mail: Mail, _: datetime) -> Letter:
    """Tell the proposer, in the other side's words."""
    modification, partnership = await _modification(mail)
    comment = modification.comment
    return letters.compose(mail, quote=comment, comment=comment, **_between(modification, partnership))


async def modification_expired(mail: Mail, _: datetime) -> Letter:
    """Tell the proposer that nobody answered."""
    modification, partnership = await _modification(mail)
    return letters.compose(mail, until=modification.expires_at, **_between(modification, partnership))


async def modification_withdrawn_for_you(mail: Mail, _: datetime) -> Letter:
    """Tell the proposer that somebody else of their side withdrew it."""
    return letters.compose(mail, **_between(*await _modification(mail)))


async def modification_withdrawn(mail: Mail, _: datetime) -> Letter:
    """Tell whoever was asked."""
    return letters.compose(mail, **_between(*await _modification(mail)))


async def _ask_to_modify(mail: Mail, now: datetime) -> Letter:
    modification, partnership = await _modification(mail)
    _require_open(modification, now)
    kinds = [item.kind for item in await ProposalItem.filter(proposal_id=modification.id, accepted__isnull=True)]
    return letters.compose(
        mail,
        quote=modification.message,
        partner=partnership.partner.name,
        client=_name(partnership.client),
        proposer=_name(modification.proposed_by),
        proposed_at=modification.proposed_at,
        adds=kinds.count(ModificationKind.ADD_CONTACT),
        releases=kinds.count(ModificationKind.RELEASE_CONTACT),
        accounts=kinds.count(ModificationKind.ADD_ACCOUNT),
        terms=kinds.count(ModificationKind.CHANGE_TERMS),
        until=modification.expires_at,
        **_between(modification, partnership),
    )


async def _modification(mail: Mail) -> tuple[Proposal, Partnership]:
    modification = await Proposal.get(id=_event(mail).proposal_id).select_related(
        "proposed_by", "decided_by", "partnership", "partnership__partner", "partnership__client"
    )
    if modification.partnership is None:
        raise LookupError(f"{modification.id} modifies no partnership")
    return modification, modification.partnership


def _between(modification: Proposal, partnership: Partnership) -> dict[str, str | None]:
    """Tell who asks whom, where that is read of, and who decided."""
    sides = [_name(partnership.partner), _name(partnership.client)]
    asker, asked = sides if modification.proposed_by_side is Side.PARTNER else reversed(sides)
    return {
        "url": _page(partnership),
        "title": partnership.title,
        "asker": asker,
        "asked": asked,
        "decider": _name(modification.decided_by),
    }


# ── access ──


async def access_requested(mail: Mail, now: datetime) -> Letter:
    """Ask an account's owner to let a partner in again."""
    return await _ask_for_access(mail, now)


async def access_reminded(mail: Mail, now: datetime) -> Letter:
    """Ask the same people once more."""
    return await _ask_for_access(mail, now)


async def access_withdrawn(mail: Mail, _: datetime) -> Letter:
    """Tell whoever was asked."""
    return letters.compose(mail, **await _access(mail))


async def access_withdrawn_for_you(mail: Mail, _: datetime) -> Letter:
    """Tell the proposer that somebody else of the partner withdrew it."""
    return letters.compose(mail, **await _access(mail))


async def access_declined(mail: Mail, _: datetime) -> Letter:
    """Tell the partner, in the owner's words."""
    return letters.compose(mail, quote=_event(mail).reason, why=_event(mail).reason, **await _access(mail))


async def access_unanswered(mail: Mail, _: datetime) -> Letter:
    """Tell the proposer that nobody answered."""
    request = await Proposal.get(id=_event(mail).proposal_id)
    return letters.compose(mail, until=request.expires_at, **await _access(mail))


async def access_enabled(mail: Mail, _: datetime) -> Letter:
    """Tell the partner that it is let in, asked for or not."""
    event = _event(mail)
    is_asked = event.proposal_id is not None
    return letters.compose(mail, quote=event.reason, why=event.reason, is_asked=is_asked, **await _access(mail))


async def access_disabled(mail: Mail, _: datetime) -> Letter:
    """Tell the partner that it is shut out, and stays connected."""
    return letters.compose(mail, quote=_event(mail).reason, why=_event(mail).reason, **await _access(mail))


async def access_disconnected(mail: Mail, _: datetime) -> Letter:
    """Tell both sides' people, in the words of who ended it."""
    event = _event(mail)
    told = await _access(mail)
    company = {Side.PARTNER: told["partner"], Side.CLIENT: told["client"]}.get(event.side or Side.VENDOR)
    partnership = await Partnership.get(id=event.partnership_id)
    told["url"] = _page(partnership)
    return letters.compose(mail, quote=event.reason, company=company or settings.load().vendor_name, **told)


async def access_expiring(mail: Mail, now: datetime) -> Letter:
    """Warn both sides, as long as the access is about to expire as the warning says."""
    event = _event(mail)
    grant = await AccessGrant.get(id=event.subject)
    is_open = grant.status is AccessStatus.ENABLED and grant.expires_at is not None and grant.expires_at > now
    [left] = event.changes
    days = int(left["after"] or 0)
    if not is_open or grant.expires_at is None or grant.expires_at > event.at + timedelta(days=days):
        raise OutdatedError
    return letters.compose(mail, days=days, until=grant.expires_at, **await _access(mail))


async def access_expired(mail: Mail, _: datetime) -> Letter:
    """Tell both sides."""
    return letters.compose(mail, **await _access(mail))


async def _ask_for_access(mail: Mail, now: datetime) -> Letter:
    request = await Proposal.get(id=_event(mail).proposal_id).select_related("proposed_by")
    _require_open(request, now)
    return letters.compose(
        mail,
        quote=request.message,
        message=request.message,
        proposer=_name(request.proposed_by),
        proposed_at=request.proposed_at,
        until=request.expires_at,
        **await _access(mail),
    )


async def _access(mail: Mail) -> dict[str, str | None]:
    """Tell whose access to which account an event is about, where that is looked after, and who did it when."""
    event = _event(mail)
    grant = await AccessGrant.get(id=event.subject).select_related("partner", "account__client")
    return {
        "url": _account_page(event),
        "partner": grant.partner.name,
        "account": grant.account.name,
        "client": grant.account.client.name,
        "who": _name(await User.get_or_none(id=event.actor_id)),
        "at": letters.moment(event.at),
    }


# ── invites ──


async def invite_sent(mail: Mail, _: datetime) -> Letter:
    """Bring a person in, by the link."""
    return await _ask_to_join(mail)


async def invite_reminded(mail: Mail, _: datetime) -> Letter:
    """Ask the same person once more; an older mail's link may have been replaced by this one's."""
    return await _ask_to_join(mail)


async def invite_accepted(mail: Mail, _: datetime) -> Letter:
    """Tell the inviter."""
    invite = await _invite(mail)
    account = _name(None if invite.partner else invite.account)
    return letters.compose(mail, part=_part(invite), account=account, **_answered(invite))


async def invite_declined(mail: Mail, _: datetime) -> Letter:
    """Tell the inviter, in the invited person's words."""
    invite = await _invite(mail)
    return letters.compose(mail, quote=invite.comment, comment=invite.comment, **_answered(invite))


async def invite_expired(mail: Mail, _: datetime) -> Letter:
    """Tell the inviter that nobody answered."""
    invite = await _invite(mail)
    return letters.compose(mail, until=invite.expires_at, **_answered(invite))


async def _ask_to_join(mail: Mail) -> Letter:
    invite = await _invite(mail)
    return letters.compose(
        mail,
        url=_link_url(_link(mail)),
        quote=invite.message,
        place=_place(invite),
        account=_name(None if invite.partner else invite.account),
        project=_name(invite.project),
        client=_name(invite.account and invite.account.client),
        hands_over=invite.invite_kind is InviteKind.ACCOUNT_OWNER and invite.from_partner is not None,
        part=_part(invite),
        inviter=_name(invite.proposed_by),
        company=_company(invite),
        invited_at=invite.proposed_at,
        until=invite.expires_at,
    )


async def _invite(mail: Mail) -> Proposal:
    return await Proposal.get(id=_event(mail).proposal_id).select_related(
        "proposed_by", "decided_by", "from_partner", "from_client", "partner", "account__client", "project"
    )


def _company(invite: Proposal) -> str:
    return _name(invite.from_partner) or _name(invite.from_client) or settings.load().vendor_name


def _place(invite: Proposal) -> str:
    place = _name(invite.partner) or _name(invite.account and invite.account.client)
    if place is None:
        raise LookupError(f"{invite.id} leads nowhere")
    return place


def _part(invite: Proposal) -> str:
    """Tell as what the person joins."""
    if invite.partner is not None:
        return "partner admin" if invite.invite_kind is InviteKind.PARTNER_ADMIN else "member"
    return _ROLES[invite.role or SecurityRole.ACCOUNT_OWNER]


def _answered(invite: Proposal) -> dict[str, str | None]:
    invited = _name(invite.decided_by) or invite.name or invite.email
    return {"invited": invited, "address": invite.email, "place": _place(invite)}


# ── partner companies and their people ──


async def client_partner_created(mail: Mail, _: datetime) -> Letter:
    """Tell whoever is named as the admin that access comes with the first project: there is no link yet (3.1)."""
    invite = await _invite(mail)
    if invite.status not in {ProposalStatus.DRAFT, ProposalStatus.PENDING}:
        raise OutdatedError
    return letters.compose(mail, company=_name(invite.partner))


async def colleague_invited(mail: Mail, now: datetime) -> Letter:
    """Tell a company's admin whom somebody else invites to join it, and for which project, if for one."""
    invite = await _invite(mail)
    _require_open(invite, now)
    return letters.compose(
        mail,
        url=_company_page(invite.partner_id),
        invited=invite.name or invite.email,
        address=invite.email,
        company=_place(invite),
        project=_name(invite.project),
        client=_name(invite.account and invite.account.client),
        who=await _actor(_event(mail)),
        until=invite.expires_at,
    )


async def member_removed(mail: Mail, _: datetime) -> Letter:
    """Tell the person."""
    event = _event(mail)
    company = await Partner.get(id=event.partner_id)
    return letters.compose(mail, company=company.name, who=await _actor(event), at=event.at)


async def partner_admin_transferred(mail: Mail, _: datetime) -> Letter:
    """Tell the admin before and the admin after, who acted included: it concerns who may do everything."""
    event = _event(mail)
    company = await Partner.get(id=event.partner_id)
    [moved] = event.changes
    places = PartnerMember.filter(id__in=[place for place in (moved["before"], moved["after"]) if place])
    names = {place.id: place.user.name for place in await places.select_related("user")}
    return letters.compose(
        mail,
        url=_company_page(company.id),
        company=company.name,
        before=names.get(moved["before"] or ""),
        after=names.get(moved["after"] or ""),
        who=await _actor(event),
        at=event.at,
    )


async def project_partner_added(mail: Mail, _: datetime) -> Letter:
    """Tell a client partner's admin, or whoever was asked to be it, that the company is on a project, and who is."""
    event = _event(mail)
    company = await Partner.get(id=event.subject)
    engaged = ProjectPartner.filter(project_id=event.project_id, partner_id=company.id, removed_at__isnull=True)
    if not await engaged.exists():
        raise OutdatedError
    assigned = ProjectMember.filter(
        project_id=event.project_id, partner_id=company.id, is_assigned=True, removed_at__isnull=True
    )
    names = sorted(place.user.name for place in await assigned.select_related("user"))
    return letters.compose(
        mail,
        company=company.name,
        people=", ".join(names),
        has_joined=company.admin_id is not None,
        **await _project(mail),
    )


async def project_colleague_added(mail: Mail, _: datetime) -> Letter:
    """Tell a client partner's admin who of the company was put on a project, as long as they are there."""
    event = _event(mail)
    member = await ProjectMember.get(id=event.subject).select_related("partner", "user")
    if member.removed_at is not None:
        raise OutdatedError
    return letters.compose(
        mail,
        company=member.partner.name,
        member=member.user.name,
        has_joined=event.actor_id == member.user_id,
        **await _project(mail),
    )


# ── accounts and their staff ──


async def account_owner_changed(mail: Mail, _: datetime) -> Letter:
    """Tell the owner before and the owner after, who acted included: it concerns who may do everything."""
    event = _event(mail)
    places = await StaffMember.filter(account_id=event.account_id).select_related("user")
    names = {place.id: place.user.name for place in places}
    [moved] = event.changes
    return letters.compose(
        mail,
        url=_account_page(event),
        before=names.get(moved["before"] or ""),
        after=names.get(moved["after"] or ""),
        **await _account(event),
    )


async def account_subscription_changed(mail: Mail, _: datetime) -> Letter:
    """Tell the owners what they subscribe to from now on, as the change was made."""
    event = _event(mail)
    account = await Account.get(id=event.account_id)
    price = money.decimal_of(account.price, account.currency)
    return letters.compose(
        mail,
        url=_account_page(event),
        plan=account.plan,
        price=price and f"{price} {account.currency}",
        **await _account(event),
    )


async def account_cancelled(mail: Mail, _: datetime) -> Letter:
    """Tell the staff, in the words of who cancelled it."""
    event = _event(mail)
    return letters.compose(mail, quote=event.reason, **await _account(event))


async def staff_role_set(mail: Mail, _: datetime) -> Letter:
    """Tell the person; the role is the one that was given then."""
    event = _event(mail)
    [moved] = event.changes
    role = SecurityRole(moved["after"] or "")
    may = {
        SecurityRole.ACCOUNT_OWNER: "do everything in it, its owner's part included",
        SecurityRole.MANAGER: "work in it, look after its contacts and staff, and read who did what",
        SecurityRole.STAFF: "open it and work on its projects",
    }
    return letters.compose(mail, url=_account_page(event), role=_ROLES[role], may=may[role], **await _account(event))


async def staff_removed(mail: Mail, _: datetime) -> Letter:
    """Tell the person."""
    return letters.compose(mail, **await _account(_event(mail)))


# As what somebody works in an account.
_ROLES: Final[Mapping[SecurityRole, str]] = {
    SecurityRole.ACCOUNT_OWNER: "account owner",
    SecurityRole.MANAGER: "manager",
    SecurityRole.STAFF: "staff",
}


async def _account(event: Event) -> dict[str, str | None]:
    """Tell which account an event is about, whose it is, and who did it when."""
    account = await Account.get(id=event.account_id).select_related("client")
    who = await _actor(event)
    return {"account": account.name, "client": account.client.name, "who": who, "at": letters.moment(event.at)}


async def _actor(event: Event) -> str | None:
    """Tell who did it: of the vendor's staff as such."""
    actor = _name(await User.get_or_none(id=event.actor_id))
    company = settings.load().vendor_name if event.side is Side.VENDOR else None
    return f"{actor} of {company}" if actor and company else actor or company


# ── projects ──


async def approval_requested(mail: Mail, now: datetime) -> Letter:
    """Ask the one person who may answer."""
    return await _ask_to_approve(mail, now)


async def approval_reminded(mail: Mail, now: datetime) -> Letter:
    """Ask that person once more."""
    return await _ask_to_approve(mail, now)


async def approval_accepted(mail: Mail, _: datetime) -> Letter:
    """Tell who asked."""
    approval = await _approval(mail)
    return letters.compose(mail, quote=approval.comment, comment=approval.comment, **await _asked_in(mail, approval))


async def approval_declined(mail: Mail, _: datetime) -> Letter:
    """Tell who asked, in the words of who declined."""
    approval = await _approval(mail)
    return letters.compose(mail, quote=approval.comment, comment=approval.comment, **await _asked_in(mail, approval))


async def approval_expired(mail: Mail, _: datetime) -> Letter:
    """Tell who asked that nobody answered."""
    approval = await _approval(mail)
    return letters.compose(mail, until=approval.expires_at, **await _asked_in(mail, approval))


async def approval_withdrawn(mail: Mail, _: datetime) -> Letter:
    """Tell who was asked."""
    return letters.compose(mail, **await _asked_in(mail, await _approval(mail)))


async def approval_withdrawn_for_you(mail: Mail, _: datetime) -> Letter:
    """Tell who asked that somebody else of their company withdrew it."""
    return letters.compose(mail, **await _asked_in(mail, await _approval(mail)))


async def action_item_created(mail: Mail, _: datetime) -> Letter:
    """Tell whoever is to do it, as long as they are."""
    item = await ActionItem.get(id=_event(mail).subject)
    if item.status is not ActionItemStatus.OPEN or item.assignee_id is None:
        raise OutdatedError
    return letters.compose(mail, title=item.title, due_on=item.due_on, **await _project(mail))


async def rating_requested(mail: Mail, _: datetime) -> Letter:
    """Ask for a rating, as long as none is given."""
    if not await Rating.exists(id=_event(mail).subject, given_at__isnull=True):
        raise OutdatedError
    return letters.compose(mail, **await _project(mail))


async def project_member_added(mail: Mail, _: datetime) -> Letter:
    """Tell a client partner's person, as long as they are there."""
    member = await ProjectMember.get(id=_event(mail).subject).select_related("partner")
    if member.removed_at is not None:
        raise OutdatedError
    return letters.compose(mail, company=member.partner.name, **await _project(mail))


async def project_member_removed(mail: Mail, _: datetime) -> Letter:
    """Tell a client partner's person, unless they still see it as their company's admin."""
    member = await ProjectMember.get(id=_event(mail).subject)
    if member.removed_at is None:
        raise OutdatedError
    return letters.compose(mail, **await _project(mail))


async def project_partner_removed(mail: Mail, _: datetime) -> Letter:
    """Tell a client partner's admin, who may go on seeing it, and those whose place it has ended."""
    event = _event(mail)
    company = await Partner.get(id=event.subject)
    places = ProjectMember.filter(project_id=event.project_id, partner_id=company.id, removed_at__isnull=True)
    stays = await places.filter(user_id=company.admin_id).exists()
    return letters.compose(mail, company=company.name, admin_stays=stays, **await _project(mail))


async def _ask_to_approve(mail: Mail, now: datetime) -> Letter:
    approval = await _approval(mail)
    _require_open(approval, now)
    return letters.compose(
        mail,
        proposed_at=approval.proposed_at,
        until=approval.expires_at,
        file=_name(approval.file if approval.file and approval.file.deleted_at is None else None),
        **await _asked_in(mail, approval),
    )


async def _approval(mail: Mail) -> Proposal:
    return await Proposal.get(id=_event(mail).proposal_id).select_related(
        "proposed_by", "decided_by", "from_partner", "from_client", "approver", "file"
    )


async def _asked_in(mail: Mail, approval: Proposal) -> dict[str, str | None]:
    """Tell who asks whom what, in which project, and who decided."""
    return {
        **await _project(mail),
        "asker": _company(approval),
        "proposer": _name(approval.proposed_by),
        "approver": _name(approval.approver),
        "decider": _name(approval.decided_by),
        "title": approval.title,
    }


async def _project(mail: Mail) -> dict[str, str | None]:
    """Tell in which project something happened, where that is, and who did it when."""
    event = _event(mail)
    project = await Project.get(id=event.project_id).select_related("account__client")
    return {
        "url": _in_portal(f"projects/{project.id}"),
        "project": project.name,
        "account": project.account.name,
        "client": project.account.client.name,
        "who": await _actor(event) or "Somebody",
        "at": letters.moment(event.at),
    }


# ── signing in ──


async def sign_in_link_requested(mail: Mail, _: datetime) -> Letter:
    """Hand out the one-time link that somebody asked for."""
    link = _link(mail)
    return letters.compose(mail, url=_link_url(link), until=link.expires_at)


async def password_changed(mail: Mail, _: datetime) -> Letter:
    """Tell a person that the way into their sign-in is another now."""
    return letters.compose(mail, at=_event(mail).at)


# ── webhooks ──


async def webhook_disabled(mail: Mail, _: datetime) -> Letter:
    """Tell who answers for a company that its webhook is no more; of its address the host alone, which is no secret."""
    event = _event(mail)
    endpoint = await WebhookEndpoint.get(id=event.subject).select_related("partner", "client")
    company = _name(endpoint.partner) or _name(endpoint.client) or settings.load().vendor_name
    host = urlsplit(endpoint.url).hostname
    return letters.compose(mail, endpoint=endpoint.id, host=host, company=company, at=event.at, reason=event.reason)


# ── the directory ──


async def partner_message(mail: Mail, _: datetime) -> Letter:
    """Hand a listed partner what a visitor has written; the answer goes to the visitor, not through us."""
    sent = await PartnerMessage.get_or_none(id=_event(mail).subject).select_related("partner")
    if sent is None:  # erased
        raise OutdatedError
    return letters.compose(
        mail,
        quote=sent.message,
        reply_to=sent.from_email,
        partner=sent.partner.name,
        sender=sent.from_name,
        address=sent.from_email,
    )


# ── what mails have in common ──


class Named(Protocol):
    """A company, a person, a place."""

    name: str


def _name(row: Named | None) -> str | None:
    return None if row is None else row.name


def _link_url(link: Link) -> str:
    return f"{settings.load().links_url}/l/{tokens.of_link(link)}"


def _page(partnership: Partnership) -> str:
    return _in_portal(f"partnerships/{partnership.id}")


def _company_page(partner_id: str | None) -> str:
    return _in_portal(f"partners/{partner_id}")


def _account_page(event: Event) -> str:
    return _in_portal(f"accounts/{event.account_id}")


def _in_portal(path: str) -> str:
    """Lead to a page of the portal; where there is none, to where this server is asked by hand."""
    config = settings.load()
    return f"{config.portal_url}/{path}" if config.portal_url else f"{config.public_url}/graphql"


def _event(mail: Mail) -> Event:
    if mail.event is None:
        raise LookupError(f"{mail.id} tells of no event")
    return mail.event


def _link(mail: Mail) -> Link:
    if mail.link is None:
        raise LookupError(f"{mail.id} has no link")
    return mail.link


Message = Callable[[Mail, datetime], Awaitable[Letter]]

# TABLE: a mail's template → the function that makes it.
MESSAGES: Final[Mapping[str, Message]] = {
    "partnership-offered": partnership_offered,
    "partnership-reminded": partnership_reminded,
    "partnership-accepted": partnership_accepted,
    "partnership-declined": partnership_declined,
    "partnership-expired": partnership_expired,
    "partnership-withdrawn": partnership_withdrawn,
    "partnership-withdrawn-for-you": partnership_withdrawn_for_you,
    "partnership-ended": partnership_ended,
    "modification-submitted": modification_submitted,
    "modification-reminded": modification_reminded,
    "modification-countered": modification_countered,
    "modification-accepted": modification_accepted,
    "modification-declined": modification_declined,
    "modification-expired": modification_expired,
    "modification-withdrawn": modification_withdrawn,
    "modification-withdrawn-for-you": modification_withdrawn_for_you,
    "access-requested": access_requested,
    "access-reminded": access_reminded,
    "access-withdrawn": access_withdrawn,
    "access-withdrawn-for-you": access_withdrawn_for_you,
    "access-declined": access_declined,
    "access-unanswered": access_unanswered,
    "access-enabled": access_enabled,
    "access-disabled": access_disabled,
    "access-disconnected": access_disconnected,
    "access-expiring": access_expiring,
    "access-expired": access_expired,
    "invite-sent": invite_sent,
    "invite-reminded": invite_reminded,
    "invite-accepted": invite_accepted,
    "invite-declined": invite_declined,
    "invite-expired": invite_expired,
    "client-partner-created": client_partner_created,
    "colleague-invited": colleague_invited,
    "member-removed": member_removed,
    "partner-admin-transferred": partner_admin_transferred,
    "project-partner-added": project_partner_added,
    "project-colleague-added": project_colleague_added,
    "account-owner-changed": account_owner_changed,
    "account-subscription-changed": account_subscription_changed,
    "account-cancelled": account_cancelled,
    "staff-role-set": staff_role_set,
    "staff-removed": staff_removed,
    "approval-requested": approval_requested,
    "approval-reminded": approval_reminded,
    "approval-accepted": approval_accepted,
    "approval-declined": approval_declined,
    "approval-expired": approval_expired,
    "approval-withdrawn": approval_withdrawn,
    "approval-withdrawn-for-you": approval_withdrawn_for_you,
    "action-item-created": action_item_created,
    "rating-requested": rating_requested,
    "project-member-added": project_member_added,
    "project-member-removed": project_member_removed,
    "project-partner-removed": project_partner_removed,
    "sign-in-link-requested": sign_in_link_requested,
    "password-changed": password_changed,
    "webhook-disabled": webhook_disabled,
    "partner-message": partner_message,
}
