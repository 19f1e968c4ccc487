"""Engagements: projects begin, and client partners are brought into them and taken off again (mission 3.2, 3.6).

There are four ways in: with a new project, by the project's settings, by its Invite and by the client's Share. All of
them are `_bring_in`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import TypedDict, Unpack

import settings
from domain import (
    accounts,
    changes,
    connections,
    errors,
    inputs,
    inviting,
    members,
    partnerships,
    policy,
    projects,
)
from domain.changes import Change
from domain.policy import Permission
from domain.seats import Seat
from models.account import Account
from models.base import text_key
from models.enums import InviteKind, PartnerKind, ProjectStatus, Side, UserErrorCode
from models.partner import Partner, PartnerMember
from models.partnership import Partnership
from models.project import Project, ProjectMember


@dataclass(frozen=True, slots=True)
class Invited:
    """What inviting somebody came to: exactly one of an invite, and the place of who is a member of the company."""

    invite_id: str | None
    member_id: str | None


# ── a project ──


async def create(
    *,
    by: Seat,
    account_id: str,
    name: str,
    partner_id: str | None = None,
    partner_member_ids: Collection[str] | None = None,
) -> str:
    """Begin a project in an account, with a client partner and people of it if the vendor's staff do; return its id.

    The admins of the client partners that are engaged in the account see it. Refuses NOT_FOUND, FORBIDDEN (at
    `partnerId` and `partnerMemberIds` all but the vendor's staff), what `projects.find` refuses at `accountId`, what
    `add_partner` refuses, and INVALID: a blank name, people without their company.
    """
    policy.require(Permission.PROJECT_CREATE, by=by)
    account = await policy.find(Account, account_id, "accountId", by=by)
    await projects.require_workable(account, "accountId", by=by)
    called = inputs.required_line(name, "name")
    wanted = inputs.ids(partner_member_ids, "partnerMemberIds")
    company = await _company_for(partner_id, wanted, by=by)
    async with changes.change(by=by) as c:
        partnership_id, people = None, []
        if company is not None:
            company, partnership_id = await _lock_company(c, company, account.client_id, "partnerId")
            people = await _people_of(company, wanted, "partnerMemberIds")
        [account] = await connections.lock_accounts([account.id])
        accounts.require_live([account], "accountId")
        project = await Project.create(account_id=account.id, name=called, name_key=text_key(called), created_at=c.now)
        project.account = account
        c.event(
            "project.created",
            stream=project.id,
            subject=project.id,
            changes=changes.differences({}, {"name": called}),
            **projects.about(project),
        )
        await projects.admit_admins(c, project)
        if company is not None and partnership_id is not None:
            await _bring_in(c, company, partnership_id, project, people)
    return project.id


class Description(TypedDict, total=False):
    """What may change of a project. What is left out stays; null clears, except name and status, which it leaves."""

    name: str | None
    status: ProjectStatus | None
    starts_on: date | None
    due_on: date | None


async def update(*, by: Seat, project_id: str, **given: Unpack[Description]) -> str:
    """Change what is given of a project; return its id. Nothing happens where all of it was so.

    Refuses FORBIDDEN, what `projects.find` refuses, and INVALID: a blank name, due before it starts.
    """
    policy.require(Permission.PROJECT_UPDATE, by=by)
    found = await projects.find(project_id, "projectId", by=by)
    wanted: dict[str, object] = {
        column: value for column, value in given.items() if value is not None or column in {"starts_on", "due_on"}
    }
    if "name" in wanted:
        wanted["name"] = inputs.required_line(given["name"], "name")
    async with changes.change(by=by) as c:
        project = await projects.lock(found)
        starts_on, due_on = given.get("starts_on", project.starts_on), given.get("due_on", project.due_on)
        if starts_on is not None and due_on is not None and due_on < starts_on:
            raise errors.invalid("It cannot be due before it starts.", "dueOn" if "due_on" in given else "startsOn")
        was = {column: getattr(project, column) for column in wanted}
        changed = {column: value for column, value in wanted.items() if was[column] != value}
        if changed:
            key = {"name_key": text_key(str(changed["name"]))} if "name" in changed else {}
            await Project.filter(id=project.id).update(**changed, **key)
            c.event(
                "project.updated",
                stream=project.id,
                subject=project.id,
                changes=changes.differences(was, changed),
                **projects.about(project),
            )
    return project_id


# ── in ──


async def add_partner(*, by: Seat, project_id: str, partner_id: str, member_ids: Collection[str]) -> str:
    """Bring a client partner into a project, and people of it; return the project's id. Who is on it already, stays.

    With the client's first project their partnership begins; with the company's first of all, its admin gets the link
    that lets them in (mission 3.1). Refuses NOT_FOUND (a project, a company, at `memberIds` who is no member of it),
    FORBIDDEN, WRONG_STATE (the account was cancelled), INVALID (no client partner), and at `partnerId` what
    `members.bring_admin_in` does.
    """
    policy.require(Permission.PROJECT_PARTNER_ADD, by=by)
    found = await projects.find(project_id, "projectId", by=by)
    wanted = inputs.ids(member_ids, "memberIds")
    company = await _client_partner(partner_id, by=by)
    async with changes.change(by=by) as c:
        company, partnership_id = await _lock_company(c, company, found.account.client_id, "partnerId")
        people = await _people_of(company, wanted, "memberIds")
        [project] = await projects.lock_all([found.id])
        accounts.require_live([project.account], "projectId")
        await _bring_in(c, company, partnership_id, project, people)
    return project_id


async def invite(*, by: Seat, project_id: str, email: str) -> Invited:
    """Bring somebody of a client partner into a project by their e-mail address, whose domain names the company.

    Who is a member of it is put on the project at once; anybody else is invited for 7 days (INVITE_DAYS), takes a
    licence, and is put on it by accepting. Refuses FORBIDDEN, at `projectId` what `projects.find` does, at `email`
    INVALID, DOMAIN_MISMATCH (a client partner's admin brings in its own people), COMPANY_NOT_INVITED (a company that
    the account does not know, or none at all), LICENCES_USED_UP, and ALREADY_PROPOSED (invited into the project).
    """
    policy.require(Permission.PROJECT_INVITE, by=by)
    found = await projects.find(project_id, "projectId", by=by)
    address = inputs.required_address(email, "email")
    if by.partner_id is not None:
        members.require_at_domain(await Partner.get(id=by.partner_id), address, "email")
    async with changes.change(by=by) as c:
        await inviting.expire_stale(c, project_id=found.id, email=address)
        company, partnership_id = await _engaged(address, found.account)
        member = await PartnerMember.get_or_none(partner_id=company.id, user__email=address, removed_at__isnull=True)
        if member is None:
            await members.require_licence(c, company.id, address, "email")
        [project] = await projects.lock_all([found.id])
        accounts.require_live([project.account], "projectId")
        if member is None:
            return Invited(await _send(c, company, project, address, by=by), None)
        await _bring_in(c, company, partnership_id, project, [member.user_id])
        place = await projects.places(partner_id=company.id, project_id=project.id, user_id=member.user_id).get()
    return Invited(None, place.id)


async def _bring_in(
    c: Change, company: Partner, partnership_id: str, project: Project, user_ids: Collection[str]
) -> None:
    """Bring a company, and people of it, onto a project: the one way behind all four (mission 3.2). All is locked."""
    await projects.engage(c, company, partnership_id, [project])
    await projects.assign(c, company.id, user_ids, [project])


async def _lock_company(c: Change, company: Partner, client_id: str, *path: str) -> tuple[Partner, str]:
    """Lock a company that comes into a client's project, its admin invited; return it and their partnership's id."""
    held = await members.lock(company.id)
    await members.bring_admin_in(c, held, *path)
    return held, (await partnerships.of_client_partner(c, held, client_id)).id


async def _engaged(address: str, account: Account) -> tuple[Partner, str]:
    """Lock the client partner of an address, and return it and its partnership with the client.

    Refuses COMPANY_NOT_INVITED at `email`, in the same words, where it is not engaged in the account or there is none.
    """
    company = await Partner.get_or_none(domain=inputs.domain_of(address), kind=PartnerKind.CLIENT_PARTNER)
    if company is not None:
        held = await members.lock(company.id)
        engaged = await projects.engagements(partner_id=company.id, account_id=account.id).first()
        if engaged is not None:
            return held, engaged.partnership_id
    message = "Nobody at this address can be invited: their company was not brought into this account."
    raise errors.Refusal(UserErrorCode.COMPANY_NOT_INVITED, message, "email")


async def _send(c: Change, company: Partner, project: Project, address: str, *, by: Seat) -> str:
    await inviting.require_none_open(project.account_id, c.now, "email", project_id=project.id, email=address)
    return await inviting.send(
        c,
        InviteKind.PROJECT,
        email=address,
        name=None,
        expires_at=c.now + settings.load().invite_open,
        from_partner_id=by.partner_id,
        from_client_id=by.client_id,
        partner_id=company.id,
        account_id=project.account_id,
        project_id=project.id,
    )


async def _company_for(partner_id: str | None, wanted: Collection[str], *, by: Seat) -> Partner | None:
    """Find the client partner that a new project begins with, if any; refuses as `create` does."""
    if partner_id is None and not wanted:
        return None
    if by.side is not Side.VENDOR:
        message = "The vendor brings a client partner in. Share the project once it is there."
        raise errors.Refusal(
            UserErrorCode.FORBIDDEN, message, "partnerMemberIds" if partner_id is None else "partnerId"
        )
    if partner_id is None:
        raise errors.invalid("Say whose people they are.", "partnerId")
    return await _client_partner(partner_id, by=by)


async def _client_partner(partner_id: str, *, by: Seat) -> Partner:
    company = await policy.find(Partner, partner_id, "partnerId", by=by)
    if company.kind is not PartnerKind.CLIENT_PARTNER:
        message = "Only client partners are brought into projects. This partner is connected to accounts."
        raise errors.invalid(message, "partnerId")
    return company


async def _people_of(company: Partner, member_ids: Collection[str], *path: str) -> list[str]:
    """Return the users of members of a locked company; refuses NOT_FOUND at `path` unless all of them are."""
    found = await PartnerMember.filter(id__in=list(member_ids), partner_id=company.id, removed_at__isnull=True)
    if len(found) != len(member_ids):
        raise errors.not_found("partner member", *path)
    return sorted(member.user_id for member in found)


# ── out ──


async def remove_member(*, by: Seat, member_id: str) -> str:
    """Take somebody of a client partner off a project at once; return the project's id.

    What waits for them there waits for nobody, an invite of theirs that was left open is cancelled, and with the last
    project of an account that is closed to them (mission 3.6). A company's admin goes on seeing what it works on.
    Refuses NOT_FOUND (also who is off it already), FORBIDDEN (a client partner's admin: another company's people),
    CAPABILITY_DENIED (who does not own the account), and WRONG_STATE (there as the company's admin alone; a cancelled
    account).
    """
    policy.require(Permission.PROJECT_MEMBER_REMOVE, by=by)
    found = await policy.find(ProjectMember, member_id, "memberId", by=by)
    project = await projects.find(found.project_id, "memberId", by=by)
    if by.side is Side.CLIENT:
        await accounts.require_owner([project.account], "memberId", by=by)
    if by.side is Side.PARTNER and found.partner_id != by.partner_id:
        raise errors.Refusal(UserErrorCode.FORBIDDEN, "This is another company's member.", "memberId")
    async with changes.change(by=by) as c:
        await inviting.cancel_for(c, found.user_id, partner_id=found.partner_id, project_id=project.id)
        await members.lock(found.partner_id)
        [project] = await projects.lock_all([project.id])
        place = await projects.places(id=member_id).get_or_none()
        if place is None:
            raise errors.not_found("project member", "memberId")
        if not place.is_assigned:
            message = "The company's admin sees what the company works on. Take the company off, or transfer the role."
            raise errors.Refusal(UserErrorCode.WRONG_STATE, message, "memberId")
        await projects.unassign(c, project, place)
    return project.id


async def remove_partner(*, by: Seat, project_id: str, partner_id: str) -> str:
    """Take a client partner off a project at once, all of its people with it; return the project's id.

    With its last project of an account that is closed to all of them (mission 3.6), with its last of the client their
    partnership ends; invites that lead there are cancelled. Refuses NOT_FOUND, FORBIDDEN, CAPABILITY_DENIED (who does
    not own the account), WRONG_STATE (a cancelled account), and CONFLICT where somebody was invited meanwhile.
    """
    policy.require(Permission.PROJECT_PARTNER_REMOVE, by=by)
    found = await projects.find(project_id, "projectId", by=by)
    if by.side is Side.CLIENT:
        await accounts.require_owner([found.account], "projectId", by=by)
    if not await projects.engagements(project_id=project_id, partner_id=partner_id).exists():
        raise errors.not_found("partner", "partnerId")
    async with changes.change(by=by) as c:
        await inviting.cancel(c, **await _leading_there(partner_id, found))
        await members.lock(partner_id)
        engaged = await projects.engagements(project_id=project_id, partner_id=partner_id).get_or_none()
        if engaged is None:
            raise errors.not_found("partner", "partnerId")
        partnership = await Partnership.filter(id=engaged.partnership_id).select_for_update(no_key=True).get()
        [project] = await projects.lock_all([project_id])
        accounts.require_live([project.account], "projectId")
        await inviting.require_none(c, "partnerId", **await _leading_there(partner_id, found))
        await projects.disengage(c, partner_id, [engaged])
        if not await projects.engagements(partnership_id=partnership.id).exists():
            await partnerships.close(c, [partnership], reason="Taken off the last project.")
    return project_id


async def _leading_there(partner_id: str, project: Project) -> dict[str, object]:
    """Tell which invites lead where a company is not any more without a project: into that; the last, the account."""
    there = projects.engagements(partner_id=partner_id, account_id=project.account_id)
    if await there.exclude(project_id=project.id).exists():
        return {"partner_id": partner_id, "project_id": project.id}
    return {"partner_id": partner_id, "account_id": project.account_id}
