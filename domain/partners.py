"""Partner companies: who they are, how they are reached, and who belongs to them (mission 3.1, 3.3, 4.8)."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Final, TypedDict, Unpack

from tortoise.exceptions import IntegrityError

import settings
from domain import changes, companies, errors, inputs, inviting, members, money, people_on, policy, projects, seats
from domain.changes import Change
from domain.policy import Permission
from domain.seats import Seat
from models.account import Account
from models.base import text_key
from models.enums import (
    AccountStatus,
    Audience,
    InviteKind,
    PartnerKind,
    PartnerMemberRole,
    Side,
    UserErrorCode,
)
from models.event import Change as Difference
from models.partner import Partner, PartnerMember
from models.project import Project
from models.seat import Seat as SeatRow

MOST_LICENCES: Final = 1_000_000


async def create(  # noqa: PLR0913  the input's fields
    *,
    by: Seat,
    name: str,
    kind: PartnerKind,
    domain: str,
    licences: int,
    admin_email: str,
    admin_name: str,
    details: Mapping[str, str | None] | None = None,
    copy_address: str | None = None,
) -> str:
    """Create a partner company and invite its admin by mail, for 7 days (INVITE_DAYS); return the company's id.

    The admin of a client partner is told, and gets a link with its first project (mission 3.1). Refuses FORBIDDEN,
    DOMAIN_MISMATCH at `adminEmail` (the admin's address must be at the domain itself), TAKEN at `domain` (another
    client partner's), and INVALID: no licence for the admin's own seat among them.
    """
    policy.require(Permission.PARTNER_CREATE, by=by)
    company = Partner(
        name=inputs.required_line(name, "name"),
        kind=kind,
        domain=inputs.domain(domain, "domain"),
        licences=_checked_licences(licences),
        copy_address=inputs.address(copy_address, "copyAddress"),
        **inputs.details(details, "details"),
    )
    company.name_key = text_key(company.name)
    admin = inputs.required_address(admin_email, "adminEmail")
    invited = inputs.required_line(admin_name, "adminName")
    members.require_at_domain(company, admin, "adminEmail")
    async with changes.change(by=by) as c:
        company.created_at = c.now
        await _save(company)
        admins = InviteKind.PARTNER_ADMIN
        prepared: str | None = None
        if kind is PartnerKind.CLIENT_PARTNER:
            prepared = await inviting.prepare(c, admins, email=admin, name=invited, partner_id=company.id)
        c.event(
            "partner.created",
            stream=company.id,
            subject=company.id,
            partner_id=company.id,
            proposal_id=prepared,
            changes=changes.differences({}, {"name": company.name, "domain": company.domain, "licences": licences}),
        )
        if prepared is None:
            until = c.now + settings.load().invite_open
            await inviting.send(c, admins, email=admin, name=invited, expires_at=until, partner_id=company.id)
    return company.id


async def _save(company: Partner) -> None:
    try:
        await company.save(force_create=True)
    except IntegrityError:
        message = "Another client partner has this domain: one invites its people by it."
        raise errors.Refusal(UserErrorCode.TAKEN, message, "domain") from None


class Description(TypedDict, total=False):
    """What may change of a company. What is left out stays; null clears, except a name."""

    name: str | None
    details: Mapping[str, str | None] | None
    copy_address: str | None


async def update(*, by: Seat, partner_id: str, **given: Unpack[Description]) -> str:
    """Change what is given of a company's own description; the clients of its active partnerships are told (4.8).

    Refuses NOT_FOUND, FORBIDDEN, INVALID. Returns the company's id.
    """
    policy.require(Permission.PARTNER_UPDATE, by=by)
    company = await companies.find_partner(partner_id, "partnerId", by=by)
    columns = inputs.details(given.get("details"), "details")
    if given.get("name") is not None:
        columns["name"] = inputs.required_line(given["name"], "name")
    if "copy_address" in given:
        columns["copy_address"] = inputs.address(given["copy_address"], "copyAddress")
    async with changes.change(by=by, on_behalf_of=companies.acted_for(company, by)) as c:
        await companies.describe(c, company, columns)
    return company.id


async def set_licences(*, by: Seat, partner_id: str, licences: int) -> str:
    """Set how many members a company may have; return its id. Nothing happens where it was so.

    Refuses NOT_FOUND, FORBIDDEN, INVALID: none at all, or fewer than its members and open invites use.
    """
    policy.require(Permission.PARTNER_LICENCES_SET, by=by)
    company = await policy.find(Partner, partner_id, "partnerId", by=by)
    _checked_licences(licences)
    async with changes.change(by=by) as c:
        held = await members.lock(company.id)
        used = await members.licences_used(c, company.id)
        if licences < used:
            raise errors.invalid(f"The company uses {used}, for its members and open invites.", "licences")
        if licences != held.licences:
            await Partner.filter(id=company.id).update(licences=licences)
            moved = changes.differences({"licences": held.licences}, {"licences": licences})
            _record(c, "partner.licences_set", company.id, company.id, moved)
    return company.id


async def set_revenue_share(*, by: Seat, partner_id: str, rate: Decimal | None = None) -> str:
    """Set what a partner earns of each payment from now on, 0 to 1; null: nothing (mission 1.10). Returns its id.

    Nothing happens where it was so. Refuses NOT_FOUND, FORBIDDEN, INVALID: outside 0 to 1, more than 6 decimals.
    """
    policy.require(Permission.PARTNER_REVENUE_SHARE_SET, by=by)
    company = await policy.find(Partner, partner_id, "partnerId", by=by)
    agreed = None if rate is None else money.rate(rate, "rate")
    async with changes.change(by=by) as c:
        rows = Partner.filter(id=company.id)
        held = await rows.select_for_update(no_key=True).get()
        if held.revenue_share_ppm != agreed:
            await rows.update(revenue_share_ppm=agreed)
            before, after = ({"rate": money.rate_of(ppm)} for ppm in (held.revenue_share_ppm, agreed))
            moved = changes.differences(before, after)
            _record(c, "partner.revenue_share_set", company.id, company.id, moved)
    return company.id


# ── members ──


async def invite_member(
    *, by: Seat, partner_id: str, email: str, name: str | None = None, project_ids: Collection[str] | None = None
) -> str:
    """Invite somebody to a company by mail, for 7 days (INVITE_DAYS), which takes a licence; return the invite's id.

    As its admin, where it has none and nobody is asked to be it; else as a collaborator. Of a client partner's people
    one may name `project_ids`: they are assigned once they have joined. Refuses NOT_FOUND, FORBIDDEN, INVALID
    (projects for another company's people), WRONG_STATE (at `partnerId`: a client partner that is on no project; at
    `projectIds`: a cancelled account), COMPANY_NOT_INVITED at `projectIds` (it is not in the project's account),
    LICENCES_USED_UP, and at `email` DOMAIN_MISMATCH, TAKEN (a member) and ALREADY_PROPOSED (invited already).
    """
    policy.require(Permission.MEMBER_INVITE, by=by)
    company = await companies.find_partner(partner_id, "partnerId", by=by)
    address = inputs.required_address(email, "email")
    called = inputs.line(name, "name")
    members.require_at_domain(company, address, "email")
    wanted = await _wanted(company, project_ids, by=by)
    async with changes.change(by=by) as c:
        await inviting.expire_stale(c, partner_id=company.id)
        held = await members.lock(company.id)
        await _require_engaged(held, wanted)
        await members.require_stranger(c, held, address, "email")
        await members.require_licence(c, held.id, address, "partnerId")
        return await inviting.send(
            c,
            await _place_for(c, held),
            email=address,
            name=called,
            expires_at=c.now + settings.load().invite_open,
            from_partner_id=by.partner_id,
            partner_id=held.id,
            project_ids=[project.id for project in wanted] or None,
        )


async def remove_member(*, by: Seat, member_id: str) -> str:
    """Take somebody off a company and all of its projects; return the company's id.

    Their seat there ends at once, and its sessions and streams with it; invites of theirs into the company that were
    left open are cancelled, and what waited for them in projects waits for nobody. Refuses NOT_FOUND, FORBIDDEN,
    INVALID (the admin: another has to be first).
    """
    policy.require(Permission.MEMBER_REMOVE, by=by)
    found = await policy.find(PartnerMember, member_id, "memberId", by=by)
    company = await companies.find_partner(found.partner_id, "memberId", by=by)
    async with changes.change(by=by, on_behalf_of=companies.acted_for(company, by)) as c:
        await inviting.cancel_for(c, found.user_id, partner_id=company.id)
        held = await members.lock(company.id)
        member = await _place(held, member_id)
        if member.user_id == held.admin_id:
            message = "This is the company's admin. Make somebody else its admin first."
            raise errors.invalid(message, "memberId")
        await PartnerMember.filter(id=member.id).update(removed_at=c.now)
        gone = changes.differences({"role": member.role}, {"role": None})
        _record(c, "partner.member_removed", held.id, member.id, gone)
        await projects.left_company(c, held.id, member.user_id)
        await _refresh(c, held, member.user_id)
        await projects.lost(c, [member.user_id], id__in=await people_on.waited_in(member.user_id))
    return company.id


async def transfer_admin(*, by: Seat, partner_id: str, member_id: str) -> str:
    """Make a member the company's admin, and who was it a collaborator, in one step (3.3); return the company's id.

    Nothing happens where it was so. Refuses NOT_FOUND, FORBIDDEN, WRONG_STATE (somebody is invited to be the admin).
    """
    policy.require(Permission.PARTNER_ADMIN_TRANSFER, by=by)
    company = await companies.find_partner(partner_id, "partnerId", by=by)
    async with changes.change(by=by, on_behalf_of=companies.acted_for(company, by)) as c:
        held = await members.lock(company.id)
        new = await _place(held, member_id)
        if new.user_id == held.admin_id:
            return company.id
        places = PartnerMember.filter(partner_id=held.id, removed_at__isnull=True)
        old = await places.get_or_none(user_id=held.admin_id)
        if old is None and await _asks_an_admin(c, held):
            message = "Somebody is invited to be the company's admin. Take that invite back first."
            raise errors.Refusal(UserErrorCode.WRONG_STATE, message, "memberId")
        await places.filter(role=PartnerMemberRole.ADMIN).update(role=PartnerMemberRole.COLLABORATOR)
        await places.filter(id=new.id).update(role=PartnerMemberRole.ADMIN)
        await Partner.filter(id=held.id).update(admin_id=new.user_id)
        # By their places' ids: a name would have to be erased here one day.
        moved = changes.differences({"admin": old and old.id}, {"admin": new.id})
        _record(c, "partner.admin_transferred", held.id, new.id, moved)
        if old is None:
            await projects.admin_joined(c, held.id, new.user_id)
        else:
            await projects.admin_changed(c, held.id, old.user_id, new.user_id)
        await _refresh(c, held, new.user_id, *([] if old is None else [old.user_id]))
    return company.id


async def _wanted(company: Partner, project_ids: Collection[str] | None, *, by: Seat) -> list[Project]:
    """Return the projects on which a company's new member is put; refuses INVALID and NOT_FOUND at `projectIds`."""
    ids = inputs.ids(project_ids, "projectIds")
    if ids and company.kind is not PartnerKind.CLIENT_PARTNER:
        raise errors.invalid("Only a client partner's people are put on projects.", "projectIds")
    return await policy.find_all(Project, ids, "projectIds", by=by)


async def _require_engaged(company: Partner, wanted: Collection[Project]) -> None:
    """Refuse what a locked company's people cannot be invited to: nobody of it signs in before its first project."""
    if company.kind is not PartnerKind.CLIENT_PARTNER:
        return
    accounts = {each.account_id for each in await projects.engagements(partner_id=company.id)}
    if not accounts:
        message = "The company is on no project yet. Its people can join once it is."
        raise errors.Refusal(UserErrorCode.WRONG_STATE, message, "partnerId")
    there = {project.account_id for project in wanted}
    if not there <= accounts:
        message = "The company was not brought into the account of one of these projects."
        raise errors.Refusal(UserErrorCode.COMPANY_NOT_INVITED, message, "projectIds")
    if await Account.exists(id__in=sorted(there), status=AccountStatus.CANCELLED):
        message = "The account of one of these projects was cancelled."
        raise errors.Refusal(UserErrorCode.WRONG_STATE, message, "projectIds")


async def _place_for(c: Change, company: Partner) -> InviteKind:
    """As what a locked company invites somebody."""
    has_admin = company.admin_id is not None or await _asks_an_admin(c, company)
    return InviteKind.PARTNER_MEMBER if has_admin else InviteKind.PARTNER_ADMIN


async def _asks_an_admin(c: Change, company: Partner) -> bool:
    return await members.open_invites(c, company.id).filter(invite_kind=InviteKind.PARTNER_ADMIN).exists()


async def _place(company: Partner, member_id: str) -> PartnerMember:
    member = await PartnerMember.get_or_none(id=member_id, partner_id=company.id, removed_at__isnull=True)
    if member is None:
        raise errors.not_found("partner member", "memberId")
    return member


async def _refresh(c: Change, company: Partner, *user_ids: str) -> None:
    """Let the seats of people follow what has become of their places in a company."""
    theirs = SeatRow.filter(user_id__in=user_ids, side=Side.PARTNER, partner_id=company.id)
    for seat in await theirs.order_by("id"):  # two at most
        await seats.refresh_roles(seat.id, at=c.now)


def _record(c: Change, topic: str, company_id: str, subject: str, moved: Sequence[Difference]) -> None:
    c.event(
        topic,
        stream=company_id,
        subject=subject,
        audience=Audience.PARTNER,
        partner_id=company_id,
        changes=moved,
    )


def _checked_licences(licences: int) -> int:
    if not 1 <= licences <= MOST_LICENCES:
        raise errors.invalid(f"Licences are 1 to {MOST_LICENCES}; the partner admin uses one.", "licences")
    return licences
