"""Projects: who begins and changes one, and who is on it because of the company (mission 3.2, 3.3)."""

from datetime import date, timedelta
from types import ModuleType
from typing import TYPE_CHECKING, TypedDict, Unpack

import pytest

import models
from domain import changes, engagements, members, policy, projects
from domain.seats import Seat
from models.enums import (
    AccessStatus,
    AccountStatus,
    Audience,
    PartnershipKind,
    PartnershipStatus,
    ProjectStatus,
    SecurityRole,
    UserErrorCode,
)
from tests import given
from tests.domain.refusals import columns, everything, refused
from tests.domain.shared import companies, member, people, shared, told, topics
from tests.domain.together import together

if TYPE_CHECKING:
    from domain.engagements import Description

_NOT_FOUND = UserErrorCode.NOT_FOUND

pytestmark = pytest.mark.usefixtures("database", "clock")


class More(TypedDict, total=False):
    """What a project may begin with."""

    name: str
    partner_id: str
    partner_member_ids: list[str]


async def create(by: Seat, account: models.Account, **more: Unpack[More]) -> models.Project:
    begun: More = {"name": "Move", **more}
    project_id = await engagements.create(by=by, account_id=account.id, **begun)
    return await models.Project.get(id=project_id)


class TestCreate:
    @pytest.mark.parametrize("who", ["admin", "paula", "owner", "sam"])
    async def test_whoever_works_in_an_account_begins_projects(self, clock: ModuleType, who: str) -> None:
        t = await together()
        by = await given.admin() if who == "admin" else getattr(t, who)
        project = await create(by, t.account, name=" Move ")
        assert columns(project) == {
            "id": project.id,
            "account_id": t.account.id,
            "name": "Move",
            "name_key": "move",
            "status": ProjectStatus.PLANNED,
            "starts_on": None,
            "due_on": None,
            "messages": 0,
            "items": 0,
            "items_done": 0,
            "created_at": clock.now(),
        }
        event = await models.Event.get(stream=project.id)
        assert (event.topic, event.subject, event.side, event.visible_to, event.changes) == (
            "project.created",
            project.id,
            by.side,
            Audience.BOTH,
            [{"field": "name", "before": None, "after": "Move"}],
        )
        assert (event.project_id, event.client_id, event.account_id, event.partner_id) == (
            project.id,
            t.client.id,
            None,
            None,
        )

    async def test_3_2_the_vendor_begins_one_with_a_client_partner_and_people_of_it(self, clock: ModuleType) -> None:
        s = await shared()
        cleo = await member(s.cleo)
        project = await create(s.vera, s.shop, partner_id=s.harrow.id, partner_member_ids=[cleo.id])
        assert await companies(project) == [s.harrow.id]
        assert await people(project) == {s.ada.user_id: False, s.cleo.user_id: True}
        # The admin sees the others of the account, too.
        assert await people(s.relaunch) == await people(s.audit) == {s.ada.user_id: False}
        assert await people(s.stocktake) == {}
        place = await models.ProjectMember.get(project_id=project.id, user_id=s.cleo.user_id)
        assert [(topic, subject) for topic, subject, _ in await told(project.id)] == [
            ("project.created", project.id),
            ("project.partner_added", s.harrow.id),
            ("project.member_added", place.id),
        ]
        partnership = await s.partnership(s.acme)
        assert partnership is not None
        assert {name: value for name, value in columns(partnership).items() if value not in (None, False)} == {
            "id": partnership.id,
            "kind": PartnershipKind.INTERMEDIARY,
            "partner_id": s.harrow.id,
            "client_id": s.acme.id,
            "status": PartnershipStatus.ACTIVE,
            "partner_key": "harrow brokers",
            "client_key": "acme",
            "title": "Client partner",
            "version": 1,
            "started_at": clock.now(),
            "changed_at": clock.now(),
            "created_at": clock.now(),
        }
        assert await topics(partnership.id) == ["partnership.started"]

    async def test_3_3_the_admins_of_the_companies_that_are_engaged_see_a_new_one(self) -> None:
        s = await shared()
        await s.add(s.relaunch, s.cleo)
        stranger = await given.client_partner("Strangers")
        await given.member(stranger)
        project = await create(s.owner, s.shop)
        assert await companies(project) == []
        assert await people(project) == {s.ada.user_id: False}
        assert await people(await create(s.owner, s.store)) == {}

    async def test_a_company_whose_admin_has_not_joined_is_engaged_all_the_same(self) -> None:
        s = await shared()
        await models.PartnerMember.filter(user_id=s.ada.user_id).update(removed_at=s.shop.created_at)
        await models.Partner.filter(id=s.harrow.id).update(admin_id=None)
        await s.add(s.relaunch, s.cleo)
        assert await people(await create(s.owner, s.shop)) == {}

    @pytest.mark.parametrize(
        ("who", "more", "code", "field"),
        [
            ("cleo", {}, UserErrorCode.FORBIDDEN, None),
            ("ada", {}, UserErrorCode.FORBIDDEN, None),
            ("olga", {}, UserErrorCode.NOT_FOUND, "accountId"),
            ("owner", {"name": " "}, UserErrorCode.INVALID, "name"),
            ("owner", {"partner_id": "harrow"}, UserErrorCode.FORBIDDEN, "partnerId"),
            ("owner", {"partner_id": "harrow", "partner_member_ids": ["x"]}, UserErrorCode.FORBIDDEN, "partnerId"),
            ("owner", {"partner_member_ids": ["x"]}, UserErrorCode.FORBIDDEN, "partnerMemberIds"),
            ("vera", {"partner_member_ids": ["x"]}, UserErrorCode.INVALID, "partnerId"),
            (
                "vera",
                {"partner_id": "harrow", "partner_member_ids": ["x"]},
                UserErrorCode.NOT_FOUND,
                "partnerMemberIds",
            ),
            ("vera", {"partner_id": "direct"}, UserErrorCode.INVALID, "partnerId"),
            ("vera", {"partner_id": "x"}, UserErrorCode.NOT_FOUND, "partnerId"),
        ],
    )
    async def test_what_is_refused(self, who: str, more: More, code: UserErrorCode, field: str | None) -> None:
        s = await shared()
        known = {"harrow": s.harrow.id, "direct": (await given.partner()).id}
        if "partner_id" in more:
            more = {**more, "partner_id": known.get(more["partner_id"], more["partner_id"])}
        async with refused(code, *filter(None, [field])):
            await create(getattr(s, who), s.shop, **more)

    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (AccessStatus.DISABLED, UserErrorCode.ACCESS_DISABLED),
            (AccessStatus.EXPIRED, UserErrorCode.ACCESS_EXPIRED),
        ],
    )
    async def test_a_partner_without_access_begins_none(self, status: AccessStatus, code: UserErrorCode) -> None:
        t = await together()
        await models.AccessGrant.filter(id=t.grant.id).update(status=status)
        async with refused(code, "accountId"):
            await create(t.paula, t.account)

    async def test_nobody_begins_one_in_a_cancelled_account(self) -> None:
        s = await shared()
        await models.Account.filter(id=s.shop.id).update(status=AccountStatus.CANCELLED)
        for by in (s.owner, s.vera):
            async with refused(UserErrorCode.WRONG_STATE, "accountId"):
                await create(by, s.shop)


class TestUpdate:
    async def test_what_is_given_changes_and_is_told(self) -> None:
        s = await shared()
        given_: Description = {
            "name": "Second launch",
            "status": ProjectStatus.ACTIVE,
            "starts_on": date(2026, 12, 1),
            "due_on": date(2026, 12, 1),
        }
        assert await engagements.update(by=s.sam, project_id=s.relaunch.id, **given_) == s.relaunch.id
        project = await models.Project.get(id=s.relaunch.id)
        assert columns(project) == {**columns(s.relaunch), **given_, "name_key": "second launch"}
        assert await told(project.id) == [
            (
                "project.updated",
                project.id,
                [
                    {"field": "name", "before": "Relaunch", "after": "Second launch"},
                    {"field": "status", "before": "PLANNED", "after": "ACTIVE"},
                    {"field": "startsOn", "before": None, "after": "2026-12-01"},
                    {"field": "dueOn", "before": None, "after": "2026-12-01"},
                ],
            )
        ]

    async def test_null_empties_a_date_and_leaves_name_and_status(self) -> None:
        s = await shared()
        dated = await given.project(s.shop, "Dated", starts_on=date(2026, 1, 1), due_on=date(2026, 2, 1))
        await engagements.update(by=s.vera, project_id=dated.id, name=None, status=None, starts_on=None, due_on=None)
        assert columns(await models.Project.get(id=dated.id)) == {**columns(dated), "starts_on": None, "due_on": None}

    async def test_nothing_happens_where_all_of_it_was_so(self) -> None:
        s = await shared()
        before = await everything()
        await engagements.update(by=s.owner, project_id=s.relaunch.id)
        await engagements.update(
            by=s.owner, project_id=s.relaunch.id, name="Relaunch ", status=ProjectStatus.PLANNED, due_on=None
        )
        assert await everything() == before

    async def test_it_is_not_due_before_it_starts(self) -> None:
        s = await shared()
        dated = await given.project(s.shop, "Dated", starts_on=date(2026, 1, 2), due_on=date(2026, 2, 1))
        wrong: list[tuple[Description, str]] = [
            ({"due_on": date(2026, 1, 1)}, "dueOn"),
            ({"starts_on": date(2026, 2, 2)}, "startsOn"),
            ({"starts_on": date(2026, 3, 2), "due_on": date(2026, 3, 1)}, "dueOn"),
        ]
        for change, field in wrong:
            async with refused(UserErrorCode.INVALID, field):
                await engagements.update(by=s.owner, project_id=dated.id, **change)

    async def test_others_are_refused(self) -> None:
        s = await shared()
        await s.add(s.relaunch, s.cleo)
        async with refused(UserErrorCode.FORBIDDEN):
            await engagements.update(by=s.cleo, project_id=s.relaunch.id, name="Mine")
        async with refused(UserErrorCode.NOT_FOUND, "projectId"):
            await engagements.update(by=s.olga, project_id=s.relaunch.id, name="Mine")
        async with refused(UserErrorCode.INVALID, "name"):
            await engagements.update(by=s.owner, project_id=s.relaunch.id, name=" ")
        await models.Account.filter(id=s.shop.id).update(status=AccountStatus.CANCELLED)
        async with refused(UserErrorCode.WRONG_STATE, "projectId"):
            await engagements.update(by=s.owner, project_id=s.relaunch.id, name="Mine")
        assert (await policy.find(models.Project, s.relaunch.id, by=s.cleo)).name == "Relaunch"


class TestAdmin:
    """A company's admin sees every project of the accounts in which it is engaged, whoever that is (mission 3.3)."""

    async def test_who_joins_as_the_admin_sees_them(self) -> None:
        s = await shared()
        await s.add(s.relaunch, s.cleo)
        await s.add(s.rescue)
        await models.ProjectMember.filter(user_id=s.ada.user_id).update(removed_at=s.shop.created_at)
        async with changes.change(by=s.vera) as c:
            await projects.admin_joined(c, s.harrow.id, s.cleo.user_id)
        assert await people(s.relaunch) == {s.cleo.user_id: True}
        assert await people(s.audit) == await people(s.rescue) == {s.cleo.user_id: False}
        assert await people(s.stocktake) == {}

    async def test_with_another_admin_the_old_one_keeps_what_it_is_assigned_to(self) -> None:
        s = await shared()
        await s.add(s.relaunch, s.ada)
        await s.add(s.rescue, s.carl)
        asked = await given.approval(s.audit, s.ada)
        async with changes.change(by=s.vera) as c:
            await members.lock(s.harrow.id)
            await projects.admin_changed(c, s.harrow.id, s.ada.user_id, s.carl.user_id)
        assert await people(s.relaunch) == {s.ada.user_id: True, s.carl.user_id: False}
        assert await people(s.audit) == {s.carl.user_id: False}
        assert await people(s.rescue) == {s.carl.user_id: True}
        assert (await models.Proposal.get(id=asked.id)).status == "CANCELLED"

    async def test_nothing_happens_where_the_company_is_on_no_project(self) -> None:
        s = await shared()
        before = await everything()
        async with changes.change(by=s.vera) as c:
            await projects.admin_joined(c, s.harrow.id, s.ada.user_id)
            await projects.admin_changed(c, s.harrow.id, s.ada.user_id, s.carl.user_id)
            await projects.left_company(c, s.harrow.id, s.cleo.user_id)
        assert await everything() == before


async def test_3_6_who_leaves_the_company_leaves_its_projects_and_nothing_waits_for_them(clock: ModuleType) -> None:
    s = await shared()
    await s.add(s.relaunch, s.cleo, s.carl)
    await s.add(s.rescue, s.cleo)
    waiting = await given.approval(s.relaunch, s.cleo)
    for_carl = await given.approval(s.relaunch, s.carl)
    over = await given.approval(s.rescue, s.cleo, expires_at=clock.now())
    item = await models.ActionItem.create(
        project=s.relaunch, title="Do it", assignee_id=s.cleo.user_id, created_at=clock.now()
    )
    await models.ProjectTally.create(
        project=s.relaunch, account_id=s.shop.id, user_id=s.cleo.user_id, open_action_items=1, messages_read=7
    )
    clock.advance(timedelta(hours=1))
    gone = [(await models.ProjectMember.get(project_id=p.id, user_id=s.cleo.user_id)) for p in (s.relaunch, s.rescue)]
    async with changes.change(by=s.vera) as c:
        await members.lock(s.harrow.id)
        await projects.left_company(c, s.harrow.id, s.cleo.user_id)
    assert await people(s.relaunch) == {s.ada.user_id: False, s.carl.user_id: True}
    assert await people(s.rescue) == {s.ada.user_id: False}
    for project, was in zip((s.relaunch, s.rescue), gone, strict=True):
        assert ("project.member_removed", was.id, []) in await told(project.id)
        now = await models.ProjectMember.get(id=was.id)
        assert columns(now) == {**columns(was), "removed_at": clock.now()}
    statuses = {row.id: row.status for row in await models.Proposal.all()}
    assert statuses == {waiting.id: "CANCELLED", for_carl.id: "PENDING", over.id: "EXPIRED"}
    assert (await models.ActionItem.get(id=item.id)).assignee_id is None
    tally = await models.ProjectTally.get(user_id=s.cleo.user_id)
    assert (tally.open_action_items, tally.messages_read) == (0, 7)


async def test_what_waits_for_somebody_who_still_sees_the_project_stays(clock: ModuleType) -> None:
    """The same person is of the client's staff besides."""
    s = await shared()
    await s.add(s.relaunch, s.cleo)
    cleo = await models.User.get(id=s.cleo.user_id)
    await given.staff(s.shop, SecurityRole.STAFF, cleo)
    waiting = await given.approval(s.relaunch, s.cleo)
    async with changes.change(by=s.vera) as c:
        await projects.left_company(c, s.harrow.id, s.cleo.user_id)
    assert (await models.Proposal.get(id=waiting.id)).status == "PENDING"
