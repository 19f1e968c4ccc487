"""Two who write, read, do, answer or leave at the same moment: every count is what there is (architecture 3)."""

from collections import Counter

import pytest

import models
from domain import action_items, changes, clock, conversations, people_on, projects, ratings
from domain.seats import Seat
from models.enums import ActionItemStatus, UserErrorCode
from tests.domain.inside import Inside, inside
from tests.domain.test_modifications_at_once import at_once

ROUNDS = 6

pytestmark = pytest.mark.usefixtures("committed", "clock")


async def is_whole(t: Inside) -> None:
    """Hold every count of the project to what there is, and its messages and events to their order."""
    project = await t.now()
    items = await models.ActionItem.filter(project_id=project.id)
    talks = await models.Conversation.filter(project_id=project.id)
    statuses = Counter(item.status for item in items)
    messages = await models.Message.filter(project_id=project.id).order_by("seq")
    assert (project.items, project.items_done, project.messages) == (
        len(items) - statuses[ActionItemStatus.CANCELLED],
        statuses[ActionItemStatus.DONE],
        len(messages),
    )
    for talk in talks:
        seqs = [message.seq for message in messages if message.conversation_id == talk.id]
        assert seqs == list(range(1, talk.last_seq + 1))
    waits: dict[str, list[int]] = {}
    for item in items:
        if item.assignee_id and item.status is ActionItemStatus.OPEN:
            waits.setdefault(item.assignee_id, [0, 0, 0])[0] += 1
    for rating in await models.Rating.filter(project_id=project.id, given_at=None):
        waits.setdefault(rating.requested_from_id, [0, 0, 0])[1] += 1
    for reading in await models.ConversationReading.filter(conversation_id__in=[talk.id for talk in talks]):
        waits.setdefault(reading.user_id, [0, 0, 0])[2] += reading.read_seq
    kept = {user_id: counts for user_id, counts in (await t.tallies()).items() if any(counts)}
    assert kept == {user_id: tuple(counts) for user_id, counts in waits.items()}
    versions = [event.version for event in await models.Event.filter(stream=project.id).order_by("version")]
    assert versions == list(range(1, len(versions) + 1))


async def leave(t: Inside, who: Seat) -> None:
    """Take somebody off, as verbs about members do it: the project is held first."""
    async with changes.change(by=t.owner):
        await projects.lock(await projects.find(t.project.id, by=t.owner))
        members = models.ProjectMember.filter(project_id=t.project.id, user_id=who.user_id)
        await members.update(removed_at=clock.now())
        await people_on.let_go([t.project.id], [who.user_id])


async def done(verb: object) -> str:
    """Tell `at_once` that something without an answer is done."""
    await verb  # type: ignore[misc]  # an awaitable
    return "done"


async def test_3_5_of_messages_at_once_each_has_its_place_and_is_counted() -> None:
    t = await inside()
    talks = [await conversations.start(by=t.owner, project_id=t.project.id, title=title) for title in ("A", "B")]
    for _ in range(ROUNDS):
        outcomes = await at_once(
            *(
                conversations.post(by=by, conversation_id=talk, body="Hello.")
                for by in (t.cleo, t.sam)
                for talk in talks
            ),
            *(conversations.mark_read(by=by, conversation_id=talk) for by in (t.cleo, t.ada) for talk in talks),
        )
        assert set(outcomes) == {"done"}
        await is_whole(t)
    assert (await t.now()).messages == 4 * ROUNDS


async def test_3_5_of_items_at_once_each_is_counted() -> None:
    for _ in range(ROUNDS):
        t = await inside()
        made = [
            await action_items.create(
                by=t.owner, project_id=t.project.id, title="Send the logo", assignee_id=t.cleo.user_id
            )
            for _ in range(2)
        ]
        statuses = (ActionItemStatus.DONE, ActionItemStatus.CANCELLED, ActionItemStatus.DONE)
        outcomes = await at_once(
            *(
                action_items.set_status(by=by, action_item_id=item_id, status=status)
                for item_id in made
                for by, status in zip((t.cleo, t.sam, t.ada), statuses, strict=True)
            ),
            *(
                action_items.create(by=by, project_id=t.project.id, title="Send the logo", assignee_id=t.cleo.user_id)
                for by in (t.sam, t.vera)
            ),
        )
        assert set(outcomes) == {"done"}
        await is_whole(t)


async def test_3_5_of_two_who_ask_one_asks_and_of_two_answers_one_counts() -> None:
    for _ in range(ROUNDS):
        t = await inside()
        asking = (ratings.request(by=t.vera, project_id=t.project.id, user_id=t.cleo.user_id) for _ in range(3))
        outcomes = await at_once(*asking)
        assert Counter(outcomes) == {"done": 1, UserErrorCode.ALREADY_PROPOSED.value: 2}
        asked = await models.Rating.get(project_id=t.project.id)
        answers = await at_once(*(ratings.give(by=t.cleo, rating_id=asked.id, score=score) for score in (1, 5)))
        assert Counter(answers) == {"done": 1, UserErrorCode.WRONG_STATE.value: 1}
        await is_whole(t)


async def test_3_6_whoever_leaves_at_that_moment_has_nothing_waiting() -> None:
    for _ in range(ROUNDS):
        t = await inside()
        item = await action_items.create(
            by=t.owner, project_id=t.project.id, title="Send the logo", assignee_id=t.cleo.user_id
        )
        outcomes = await at_once(
            done(leave(t, t.cleo)),
            action_items.create(by=t.sam, project_id=t.project.id, title="Text", assignee_id=t.cleo.user_id),
            action_items.set_status(by=t.ada, action_item_id=item, status=ActionItemStatus.DONE),
            ratings.request(by=t.vera, project_id=t.project.id, user_id=t.cleo.user_id),
        )
        assert set(outcomes) <= {"done", UserErrorCode.NOT_FOUND.value}
        assert (await t.tallies()).get(t.cleo.user_id, (0, 0, 0)) == (0, 0, 0)
        await is_whole(t)
