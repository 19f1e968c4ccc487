"""Projects: work in an account that the client's staff, partners with access and client partners share (mission 3).

Who is on one by a row are client partners' people. They are assigned to it; or it is in an account in which their
company is engaged, by at least one project there, and they are the company's admin, who has a row for every one.
Locks are taken in one order: invites, then the company, its partnership, accounts, projects, and what is in them. What
a company is engaged in, and whom it has, changes under the company's lock; which projects there are, under the
account's.
"""

from collections.abc import Collection, Iterable, Sequence

from tortoise.queryset import QuerySet

from domain import accounts, connections, errors, people_on, policy, states
from domain.changes import About, Change
from domain.seats import Seat
from models.account import Account
from models.enums import AccountStatus, Capability, Role, UserErrorCode
from models.partner import Partner
from models.project import Project, ProjectMember, ProjectPartner
from models.proposal import Proposal

# ── one of them ──


async def find(project_id: str, *path: str, by: Seat) -> Project:
    """Return a project in which the seat may work, its `account` loaded.

    Refuses at `path` NOT_FOUND, WRONG_STATE (the account was cancelled), and of the client's staff and partners what
    `accounts.require` refuses for MANAGE_PROJECTS. A client partner's people work in those that they see.
    """
    project = await policy.find(Project, project_id, *path, by=by)
    await project.fetch_related("account")
    await require_workable(project.account, *path, by=by)
    return project


async def require_workable(account: Account, *path: str, by: Seat) -> None:
    """Refuse at `path` whoever may not work in the projects of an account that they see, as `find` does."""
    if account.status is AccountStatus.CANCELLED:
        raise errors.Refusal(UserErrorCode.WRONG_STATE, "The account was cancelled.", *path)
    if Role.CLIENT_PARTNER not in by.roles:
        await accounts.require(Capability.MANAGE_PROJECTS, account, *path, by=by)


async def lock(project: Project) -> Project:
    """Lock a project whose counts or people change, and return it as it is now, its `account` loaded."""
    held = await Project.filter(id=project.id).select_for_update(no_key=True).get()
    held.account = project.account
    return held


async def lock_all(project_ids: Iterable[str]) -> list[Project]:
    """Lock the accounts of projects, then the projects; return these in the order of their ids, `account` loaded."""
    wanted = Project.filter(id__in=sorted(set(project_ids))).order_by("id")
    held = await connections.lock_accounts([project.account_id for project in await wanted])
    account_of = {account.id: account for account in held}
    projects = await wanted.select_for_update(no_key=True)
    for project in projects:
        project.account = account_of[project.account_id]
    return projects


def about(project: Project) -> About:
    """Say what the events of a project are filed under; its `account` is loaded.

    Not under the account, whose own events are fewer and for others to hear.
    """
    return {"project_id": project.id, "client_id": project.account.client_id}


# ── who is on it ──


def engagements(**of: str) -> QuerySet[ProjectPartner]:
    """Which companies are on which projects now, of the columns given."""
    return ProjectPartner.filter(removed_at__isnull=True, **of)


def places(**of: str) -> QuerySet[ProjectMember]:
    """Who is on which projects now by a row, of the columns given."""
    return ProjectMember.filter(removed_at__isnull=True, **of)


async def admit_admins(c: Change, project: Project) -> None:
    """Put the admins of all companies that are engaged in its account on a new project; the account is locked."""
    engaged = await engagements(account_id=project.account_id)
    companies = await Partner.filter(id__in={each.partner_id for each in engaged}, admin_id__not_isnull=True)
    await ProjectMember.bulk_create(
        [_place(c, project, each.id, each.admin_id or "", is_assigned=False) for each in companies]
    )


async def engage(c: Change, company: Partner, partnership_id: str, projects: Sequence[Project]) -> None:
    """Bring a company onto projects; nothing happens where it is on them. Company and projects are locked.

    `partnership_id`: the company's with the client that they are of. Its admin gets to see all of the accounts.
    """
    ids = [project.id for project in projects]
    known = {each.project_id for each in await engagements(partner_id=company.id).filter(project_id__in=ids)}
    new = [project for project in projects if project.id not in known]
    await ProjectPartner.bulk_create(
        [
            ProjectPartner(
                project_id=project.id,
                account_id=project.account_id,
                partner_id=company.id,
                partnership_id=partnership_id,
                added_at=c.now,
            )
            for project in new
        ]
    )
    for project in new:
        c.event("project.partner_added", stream=project.id, subject=company.id, **about(project))
    if company.admin_id is not None:
        await _admit(c, company.id, company.admin_id, {project.account_id for project in new})


async def assign(c: Change, partner_id: str, user_ids: Collection[str], projects: Sequence[Project]) -> None:
    """Assign people of a company to projects that it is on; nothing happens where they are. All is locked."""
    ids = [project.id for project in projects]
    held = await places(partner_id=partner_id).filter(project_id__in=ids, user_id__in=list(user_ids))
    place_of = {(place.project_id, place.user_id): place for place in held}
    admitted = [place.id for place in held if not place.is_assigned]
    if admitted:
        await ProjectMember.filter(id__in=admitted).update(is_assigned=True)
    new: list[ProjectMember] = []
    for project in projects:
        for user_id in sorted(user_ids):
            place = place_of.get((project.id, user_id))
            if place is not None and place.is_assigned:
                continue
            if place is None:
                place = _place(c, project, partner_id, user_id, is_assigned=True)
                new.append(place)
            c.event("project.member_added", stream=project.id, subject=place.id, **about(project))
    await ProjectMember.bulk_create(new)


async def assign_possible(c: Change, partner_id: str, user_id: str, project_ids: Collection[str]) -> list[str]:
    """Assign somebody who has just joined a company to projects, and return the ids of those where it is possible.

    Where the account was cancelled, or the company is not engaged there (any more), it is not. The company is locked.
    A project of an account in which the company is engaged by others alone, is one of its own from now on.
    """
    company = await Partner.get(id=partner_id)
    engaged = engagements(partner_id=partner_id)
    partnership_of = {each.account_id: each.partnership_id for each in await engaged}
    wanted = Project.filter(id__in=list(project_ids), account_id__in=[*partnership_of])
    locked = await lock_all([project.id for project in await wanted])
    possible = [project for project in locked if project.account.status is not AccountStatus.CANCELLED]
    for partnership_id in sorted({partnership_of[project.account_id] for project in possible}):
        of_client = [each for each in possible if partnership_of[each.account_id] == partnership_id]
        await engage(c, company, partnership_id, of_client)
    await assign(c, partner_id, [user_id], possible)
    return [project.id for project in possible]


# ── who is not any more ──


async def unassign(c: Change, project: Project, place: ProjectMember) -> None:
    """Take somebody off a project; company and project are locked. Its company's admin goes on seeing it."""
    company = await Partner.get(id=place.partner_id)
    if place.user_id == company.admin_id:
        await ProjectMember.filter(id=place.id).update(is_assigned=False)
    else:
        await _end(c, [place])
    c.event("project.member_removed", stream=project.id, subject=place.id, **about(project))


async def disengage(c: Change, partner_id: str, ending: Sequence[ProjectPartner]) -> None:
    """Take a company, which is locked, off projects, its people with it; those projects tell it.

    Its admin goes on seeing those of accounts in which it is engaged by others.
    """
    await connections.lock_accounts([each.account_id for each in ending])
    await ProjectPartner.filter(id__in=[each.id for each in ending]).update(removed_at=c.now)
    left = {each.account_id for each in await engagements(partner_id=partner_id)}
    over = {each.account_id for each in ending} - left
    of = {each.project_id for each in ending}
    company = await Partner.get(id=partner_id)
    here = (
        await places(partner_id=partner_id).filter(account_id__in={each.account_id for each in ending}).order_by("id")
    )
    gone = [place for place in here if place.account_id in over or place.project_id in of]
    staying = [place for place in gone if place.account_id in left and place.user_id == company.admin_id]
    await ProjectMember.filter(id__in=[place.id for place in staying]).update(is_assigned=False)
    await _end(c, [place for place in gone if place not in staying])
    for project in await Project.filter(id__in=of).order_by("id").select_related("account"):
        c.event("project.partner_removed", stream=project.id, subject=partner_id, **about(project))


async def left_company(c: Change, partner_id: str, user_id: str) -> None:
    """Take somebody who has left a company, and was not its admin, off all of its projects, which tell it.

    The company is locked.
    """
    gone = await places(partner_id=partner_id, user_id=user_id).order_by("id")
    projects = {project.id: project for project in await _end(c, gone)}
    for place in gone:
        c.event(
            "project.member_removed", stream=place.project_id, subject=place.id, **about(projects[place.project_id])
        )


async def admin_joined(c: Change, partner_id: str, user_id: str) -> None:
    """Let a company's new admin see every project of the accounts in which it is engaged. The company is locked."""
    await _admit(c, partner_id, user_id, {each.account_id for each in await engagements(partner_id=partner_id)})


async def admin_changed(c: Change, partner_id: str, old: str, new: str) -> None:
    """Let a company's new admin see what the old one saw, who keeps what they are assigned to. The company is locked.

    What the old one saw as the admin alone is closed to them at once.
    """
    engaged = {each.account_id for each in await engagements(partner_id=partner_id)}
    await connections.lock_accounts(engaged)  # no project comes into being for the old one meanwhile
    await _end(c, await places(partner_id=partner_id, user_id=old).filter(is_assigned=False).order_by("id"))
    await _admit(c, partner_id, new, engaged)


async def _admit(c: Change, partner_id: str, user_id: str, account_ids: Collection[str]) -> None:
    """Let a company's admin see all projects of accounts."""
    await connections.lock_accounts(account_ids)
    known = {place.project_id for place in await places(partner_id=partner_id, user_id=user_id)}
    there = await Project.filter(account_id__in=sorted(account_ids)).order_by("id")
    await ProjectMember.bulk_create(
        [_place(c, each, partner_id, user_id, is_assigned=False) for each in there if each.id not in known]
    )


def _place(c: Change, project: Project, partner_id: str, user_id: str, *, is_assigned: bool) -> ProjectMember:
    return ProjectMember(
        project_id=project.id,
        account_id=project.account_id,
        partner_id=partner_id,
        user_id=user_id,
        is_assigned=is_assigned,
        added_at=c.now,
    )


async def _end(c: Change, gone: Sequence[ProjectMember]) -> list[Project]:
    """End people's places, and what waits for them there; return the projects, which are locked by it."""
    if not gone:
        return []
    projects = await lock_all(place.project_id for place in gone)
    await ProjectMember.filter(id__in=[place.id for place in gone]).update(removed_at=c.now)
    await _let_go(c, projects, {place.user_id for place in gone})
    return projects


async def lost(c: Change, user_ids: Collection[str], **of: object) -> None:
    """Take from people what waits for them in those projects, by columns, that they do not see any more (mission 3.6).

    Their place in an account or a company, or their company's access, has ended. Locks the projects; whoever holds
    their accounts or grants has locked these before.
    """
    held = await Project.filter(**of).order_by("id").select_for_update(no_key=True)
    await _let_go(c, held, user_ids)


async def _let_go(c: Change, held: Sequence[Project], user_ids: Collection[str]) -> None:
    ids = [project.id for project in held]
    await people_on.let_go(ids, user_ids)
    await states.cancel(c, Proposal.filter(id__in=await people_on.unanswerable(ids, user_ids)))
