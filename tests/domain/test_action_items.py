"""Action items: what is to be done, by whom, and how far a project is (mission 3.5)."""

from datetime import date, timedelta
from types import ModuleType

import pytest

import models
from domain import action_items, people_on
from domain.seats import Seat
from models.enums import AccountStatus, ActionItemStatus, Side, UserErrorCode
from tests import given
from tests.domain.inside import Inside, inside
from tests.domain.refusals import columns, everything, refused

pytestmark = pytest.mark.usefixtures("database", "clock")

OPEN, DONE, CANCELLED = ActionItemStatus.OPEN, ActionItemStatus.DONE, ActionItemStatus.CANCELLED


@pytest.fixture
async def t(database: None) -> Inside:
    return await inside()


async def created(t: Inside, assignee: Seat | None = None) -> str:
    assignee_id = assignee.user_id if assignee else None
    return await action_items.create(by=t.vera, project_id=t.project.id, title="Send the logo", assignee_id=assignee_id)


async def set_status(t: Inside, item_id: str, status: ActionItemStatus) -> None:
    await action_items.set_status(by=t.owner, action_item_id=item_id, status=status)


async def counted(t: Inside) -> tuple[int, int]:
    project = await t.now()
    return project.items, project.items_done


# ── creating ──


async def test_3_5_whoever_is_on_a_project_says_what_is_to_be_done_and_by_whom(t: Inside, clock: ModuleType) -> None:
    made = [
        await action_items.create(
            by=by,
            project_id=t.project.id,
            title=" Send the logo ",
            assignee_id=t.cleo.user_id,
            due_on=date(2026, 12, 1),
        )
        for by in t.everybody
    ]
    assert [columns(row) for row in await models.ActionItem.all().order_by("id")] == [
        {
            "id": item_id,
            "project_id": t.project.id,
            "title": "Send the logo",
            "assignee_id": t.cleo.user_id,
            "due_on": date(2026, 12, 1),
            "status": OPEN,
            "completed_by_id": None,
            "completed_at": None,
            "created_at": clock.now(),
        }
        for item_id in made
    ]
    assert await t.told() == [
        ("action_item.created", item_id, by.user_id, []) for item_id, by in zip(made, t.everybody, strict=True)
    ]
    assert (await counted(t), await t.tallies()) == ((6, 0), {t.cleo.user_id: (6, 0, 0)})


async def test_what_nobody_is_asked_to_do_waits_for_nobody(t: Inside) -> None:
    await action_items.create(by=t.cleo, project_id=t.project.id, title="Send the logo")
    item = await models.ActionItem.get()
    assert (item.assignee_id, item.due_on) == (None, None)
    assert (await counted(t), await t.tallies()) == ((1, 0), {})


async def test_3_3_whoever_does_not_see_the_project_has_nothing_to_do_there(t: Inside, clock: ModuleType) -> None:
    for assignee in (seat.user_id for seat in t.everybody):
        await action_items.create(by=t.vera, project_id=t.project.id, title="Send the logo", assignee_id=assignee)
    strangers = [t.carl.user_id, t.olga.user_id, (await given.user("Nemo")).id, "user_none", ""]
    await models.AccessGrant.filter(id=t.grant.id).update(expires_at=clock.now())
    await t.leave(t.cleo)
    await models.Seat.filter(user_id=t.sam.user_id).update(ended_at=clock.now())
    for assignee in (*strangers, t.paula.user_id, t.cleo.user_id, t.sam.user_id):
        async with refused(UserErrorCode.NOT_FOUND, "assigneeId"):
            await action_items.create(by=t.vera, project_id=t.project.id, title="Send the logo", assignee_id=assignee)


@pytest.mark.parametrize("title", ["", " ", "x" * 201, "two\nlines", "nul\0"])
async def test_a_title_is_one_line(t: Inside, title: str) -> None:
    async with refused(UserErrorCode.INVALID, "title"):
        await action_items.create(by=t.vera, project_id=t.project.id, title=title)


async def test_3_3_a_project_that_is_not_ones_own_does_not_exist(t: Inside) -> None:
    item_id = await created(t)
    for by in (t.carl, t.olga):
        async with refused(UserErrorCode.NOT_FOUND, "projectId"):
            await action_items.create(by=by, project_id=t.project.id, title="Send the logo")
        async with refused(UserErrorCode.NOT_FOUND, "actionItemId"):
            await action_items.set_status(by=by, action_item_id=item_id, status=DONE)


async def test_in_a_cancelled_account_there_is_nothing_to_do(t: Inside) -> None:
    item_id = await created(t, t.cleo)
    await models.Account.filter(id=t.account.id).update(status=AccountStatus.CANCELLED)
    async with refused(UserErrorCode.WRONG_STATE, "projectId"):
        await created(t)
    async with refused(UserErrorCode.WRONG_STATE, "actionItemId"):
        await action_items.set_status(by=t.cleo, action_item_id=item_id, status=DONE)


# ── doing ──


async def test_3_5_anybody_on_the_project_does_what_is_to_be_done(t: Inside, clock: ModuleType) -> None:
    item_id = await created(t, t.cleo)
    was = columns(await models.ActionItem.get(id=item_id))
    clock.advance(timedelta(days=1))
    assert await action_items.set_status(by=t.sam, action_item_id=item_id, status=DONE) == item_id
    done = {"status": DONE, "completed_by_id": t.sam.user_id, "completed_at": clock.now()}
    assert columns(await models.ActionItem.get(id=item_id)) == {**was, **done}
    assert (await counted(t), await t.tallies()) == ((1, 1), {t.cleo.user_id: (0, 0, 0)})
    assert (await t.told())[1:] == [
        (
            "action_item.status_set",
            item_id,
            t.sam.user_id,
            [{"field": "status", "before": "OPEN", "after": "DONE"}],
        )
    ]


@pytest.mark.parametrize("before", [OPEN, DONE, CANCELLED])
@pytest.mark.parametrize("after", [OPEN, DONE, CANCELLED])
async def test_whatever_an_item_was_it_can_become(
    t: Inside, before: ActionItemStatus, after: ActionItemStatus, clock: ModuleType
) -> None:
    item_id, _ = await created(t, t.cleo), await created(t, t.ada)
    await set_status(t, item_id, before)
    told = len(await t.told())
    clock.advance(timedelta(days=1))
    completed = clock.now() - timedelta(days=1) if before is DONE else clock.now()
    await set_status(t, item_id, after)
    item = await models.ActionItem.get(id=item_id)
    of_done = (t.owner.user_id, completed) if after is DONE else (None, None)
    assert (item.status, item.assignee_id, item.completed_by_id, item.completed_at) == (
        after,
        t.cleo.user_id,
        *of_done,
    )
    assert await counted(t) == {OPEN: (2, 0), DONE: (2, 1), CANCELLED: (1, 0)}[after]
    assert await t.tallies() == {t.cleo.user_id: (int(after is OPEN), 0, 0), t.ada.user_id: (1, 0, 0)}
    changes = [{"field": "status", "before": before.value, "after": after.value}]
    news = [("action_item.status_set", item_id, t.owner.user_id, changes)] if after is not before else []
    assert (await t.told())[told:] == news


# ── whoever leaves ──


async def test_3_6_what_waited_for_somebody_who_left_waits_for_nobody(t: Inside) -> None:
    open_item, done, elsewhere = await created(t, t.cleo), await created(t, t.cleo), await created(t, t.ada)
    await set_status(t, done, DONE)
    for asked in (t.cleo, t.ada):
        await models.Rating.create(
            project=t.project, requested_from_id=asked.user_id, requested_at=t.project.created_at
        )
    given_before = await models.Rating.create(
        project=t.project,
        requested_from_id=t.cleo.user_id,
        score=4,
        requested_at=t.project.created_at,
        given_at=t.project.created_at,
    )
    await models.ProjectTally.filter(user_id=t.cleo.user_id).update(pending_ratings=1, messages_read=7)
    await t.leave(t.cleo)
    await people_on.let_go([t.project.id, t.other.id], [t.cleo.user_id, t.ada.user_id, t.carl.user_id])
    items = {item.id: item.assignee_id for item in await models.ActionItem.all()}
    assert items == {open_item: None, done: t.cleo.user_id, elsewhere: t.ada.user_id}
    ratings = [(rating.id, rating.requested_from_id) for rating in await models.Rating.all().order_by("id")]
    assert ratings[0][1] == t.ada.user_id
    assert ratings[1:] == [(given_before.id, t.cleo.user_id)]
    assert await t.tallies() == {t.cleo.user_id: (0, 0, 7), t.ada.user_id: (1, 0, 0)}


async def test_3_6_whoever_sees_the_project_in_another_seat_keeps_what_waits_there(t: Inside) -> None:
    item_id = await created(t, t.cleo)
    await given.staff(t.account, user=await models.User.get(id=t.cleo.user_id))
    await t.leave(t.cleo)
    before = await everything()
    await people_on.let_go([t.project.id], [t.cleo.user_id])
    assert await everything() == before
    assert (await models.ActionItem.get(id=item_id)).assignee_id == t.cleo.user_id
    assert await people_on.sides_of(t.project, t.cleo.user_id) == {Side.CLIENT}


async def test_3_6_what_is_opened_again_after_its_assignee_left_is_for_anybody(t: Inside) -> None:
    item_id = await created(t, t.cleo)
    await set_status(t, item_id, DONE)
    await t.leave(t.cleo)
    await people_on.let_go([t.project.id], [t.cleo.user_id])
    await set_status(t, item_id, CANCELLED)
    assert (await models.ActionItem.get(id=item_id)).assignee_id == t.cleo.user_id
    await set_status(t, item_id, OPEN)
    assert (await models.ActionItem.get(id=item_id)).assignee_id is None
    assert await t.tallies() == {t.cleo.user_id: (0, 0, 0)}
