"""Talking, doing, asking, leaving and coming back in any order, beside `plain_inside.py`: no count ever drifts."""

from collections.abc import Awaitable
from typing import Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

import models
from domain import action_items, clock, conversations, people_on, policy, ratings
from domain.errors import Refusal
from domain.seats import Seat
from models.enums import AccessStatus, ActionItemStatus
from tests import given
from tests.domain import any_order
from tests.domain import plain_inside as plain
from tests.domain.any_order import MOSTLY
from tests.domain.inside import Inside, inside
from tests.domain.plain import DONE

WHO: Final = st.sampled_from(plain.WHO)
PROJECT: Final = st.sampled_from(plain.PROJECTS)
ASSIGNED: Final = st.sampled_from(plain.ASSIGNED)
STATUS: Final = st.sampled_from(ActionItemStatus)
# Conversations and items of a run: so few that to each a lot happens.
FEW: Final = 3
COLUMNS: Final = ("open_items", "ratings", "unread", "items", "items_done")


class InsideInAnyOrder(any_order.AnyOrder):
    """One run."""

    def __init__(self) -> None:
        super().__init__()
        self.world = plain.World()
        self.talk_ids: list[str] = []
        self.item_ids: list[str] = []
        self.rating_ids: list[str] = []

    @initialize()
    def begin(self) -> None:
        """Write two projects of one account; Carl is on the second alone."""
        self.run(self._begin())

    async def _begin(self) -> None:
        self.t: Inside = await inside()
        app = await given.project(self.t.account, "App")
        await given.engaged(app, self.t.broker)
        await given.on_project(app, self.t.ada, is_assigned=False)
        for who in (self.t.cleo, self.t.carl):
            await given.on_project(app, who)
        self.project_ids = {"relaunch": self.t.project.id, "app": app.id}
        self.seats: dict[str, Seat] = {who: getattr(self.t, who) for who in plain.WHO}
        self.names = {seat.user_id: who for who, seat in self.seats.items()}

    # ── steps ──

    def does(self, expected: str, verb: Awaitable[str], made: list[str] | None = None) -> None:
        """Do it, and hold the outcome to the model's; keep the id of what it made."""
        outcome, row_id = self.run(self._outcome(verb))
        assert outcome == expected
        if made is not None and outcome == DONE:
            made.append(row_id)

    async def _outcome(self, verb: Awaitable[str]) -> tuple[str, str]:
        try:
            return DONE, await verb
        except Refusal as refusal:
            return refusal.code.value, ""

    def who(self, data: st.DataObject, project: str) -> str:
        """Choose anybody, mostly somebody who sees the project."""
        there = [who for who in plain.WHO if self.world.sees(who, project)]
        return data.draw(st.sampled_from(there) if data.draw(MOSTLY) else WHO)

    @precondition(lambda self: len(self.talk_ids) < FEW)
    @rule(project=PROJECT, data=st.data())
    def start(self, project: str, data: st.DataObject) -> None:
        who = self.who(data, project)
        verb = conversations.start(by=self.seats[who], project_id=self.project_ids[project], title="The design")
        self.does(self.world.start(who, project), verb, self.talk_ids)

    @precondition(lambda self: self.talk_ids)
    @rule(data=st.data())
    def post(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.talk_ids) - 1))
        talk = self.world.talks[place]
        who = self.who(data, talk.project)
        verb = conversations.post(by=self.seats[who], conversation_id=self.talk_ids[place], body="Hello.")
        self.does(self.world.post(who, talk), verb)

    @precondition(lambda self: self.talk_ids)
    @rule(data=st.data())
    def mark_read(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.talk_ids) - 1))
        talk = self.world.talks[place]
        who = self.who(data, talk.project)
        verb = conversations.mark_read(by=self.seats[who], conversation_id=self.talk_ids[place])
        self.does(self.world.mark_read(who, talk), verb)

    @precondition(lambda self: len(self.item_ids) < FEW)
    @rule(project=PROJECT, data=st.data())
    def create(self, project: str, data: st.DataObject) -> None:
        who, assignee = self.who(data, project), data.draw(st.none() | st.just(self.who(data, project)))
        verb = action_items.create(
            by=self.seats[who],
            project_id=self.project_ids[project],
            title="Send the logo",
            assignee_id=assignee and self.seats[assignee].user_id,
        )
        self.does(self.world.create(who, project, assignee), verb, self.item_ids)

    @precondition(lambda self: self.item_ids)
    @rule(status=STATUS, data=st.data())
    def set_status(self, status: ActionItemStatus, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.item_ids) - 1))
        item = self.world.items[place]
        who = self.who(data, item.project)
        verb = action_items.set_status(by=self.seats[who], action_item_id=self.item_ids[place], status=status)
        self.does(self.world.set_status(who, item, status.value), verb)

    @rule(project=PROJECT, data=st.data())
    def ask(self, project: str, data: st.DataObject) -> None:
        who, person = "vera" if data.draw(MOSTLY) else data.draw(WHO), self.who(data, project)
        verb = ratings.request(
            by=self.seats[who], project_id=self.project_ids[project], user_id=self.seats[person].user_id
        )
        self.does(self.world.ask(who, project, person), verb, self.rating_ids)

    @precondition(lambda self: self.rating_ids)
    @rule(score=st.integers(0, 6), data=st.data())
    def give(self, score: int, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.rating_ids) - 1))
        asked = self.world.asked[place]
        who = asked.person if data.draw(MOSTLY) else data.draw(WHO)
        verb = ratings.give(by=self.seats[who], rating_id=self.rating_ids[place], score=score)
        self.does(self.world.give(who, asked, score), verb)

    @rule(who=ASSIGNED, project=PROJECT)
    def leave_or_come(self, who: str, project: str) -> None:
        if project in self.world.on[who]:
            self.world.leave(who, project)
            self.run(self._leave(self.project_ids[project], self.seats[who]))
        else:
            self.world.come(who, project)
            self.run(self._come(self.project_ids[project], self.seats[who]))

    async def _leave(self, project_id: str, who: Seat) -> None:
        there = models.ProjectMember.filter(project_id=project_id, user_id=who.user_id, removed_at=None)
        assert await there.update(removed_at=clock.now()) == 1
        await people_on.let_go(self.project_ids.values(), self.names)

    async def _come(self, project_id: str, who: Seat) -> None:
        await given.on_project(await models.Project.get(id=project_id), who)

    @rule()
    def let_the_partner_in_or_out(self) -> None:
        self.world.may_open = not self.world.may_open
        status = AccessStatus.ENABLED if self.world.may_open else AccessStatus.DISABLED
        self.run(self._switch(status))

    async def _switch(self, status: AccessStatus) -> None:
        await models.AccessGrant.filter(id=self.t.grant.id).update(status=status)

    # ── what is seen ──

    @invariant()
    def everybody_sees_what_the_model_says(self) -> None:
        """Compare all that is counted, for each in each project and in each conversation; and all that there is."""
        if hasattr(self, "seats"):
            seen, kept = self.run(self._found())
            for who in self.seats:
                assert seen[who] == self._expected(who), who
            assert kept == self._model()

    async def _found(self) -> tuple[dict[str, object], object]:
        return {who: await self._seen(seat) for who, seat in self.seats.items()}, await self._kept()

    def _expected(self, who: str) -> object:
        world = self.world
        seen = [project for project in plain.PROJECTS if world.sees(who, project)]
        return (
            {self.project_ids[project]: (*world.waits(who, project), *world.progress(project)) for project in seen},
            {
                talk_id: world.unread(who, talk)
                for talk_id, talk in zip(self.talk_ids, world.talks, strict=True)
                if talk.project in seen
            },
        )

    async def _seen(self, by: Seat) -> object:
        rows = await any_order.read(
            "select {t}.id, {t}.items, {t}.items_done, coalesce(y_.open_action_items, 0) as open_items,"
            " coalesce(y_.pending_ratings, 0) as ratings, {t}.messages - coalesce(y_.messages_read, 0) as unread"
            " from project {t} left join project_tally y_ on y_.project_id = {t}.id and y_.user_id = :user"
            f" where {{t}}.account_id = :account and {policy.VISIBLE['Project'][by.side]}",
            by,
            account=self.t.account.id,
        )
        talks = await any_order.read(
            "select {t}.id, {t}.last_seq - coalesce(r_.read_seq, 0) as unread from conversation {t}"
            " left join conversation_reading r_ on r_.conversation_id = {t}.id and r_.user_id = :user"
            f" where {policy.VISIBLE['Conversation'][by.side]}",
            by,
        )
        return (
            {row["id"]: tuple(row[column] for column in COLUMNS) for row in rows},
            {row["id"]: row["unread"] for row in talks},
        )

    async def _kept(self) -> object:
        """Read all that is counted and kept, also for those who do not see it now; who waits for nothing has no row."""
        tallies = {
            (row.project_id, self.names[row.user_id]): (row.open_action_items, row.pending_ratings, row.messages_read)
            for row in await models.ProjectTally.all()
        }
        items = await models.ActionItem.all().order_by("id")
        messages = await models.Message.all().order_by("conversation_id", "seq")
        assert all((item.completed_at is None) == (item.completed_by_id is None) for item in items)
        return (
            {key: counts for key, counts in tallies.items() if any(counts)},
            [
                (item.id, item.status.value, self._name(item.assignee_id), self._name(item.completed_by_id))
                for item in items
            ],
            [(message.conversation_id, message.seq, self._name(message.author_id)) for message in messages],
            [(rating.id, rating.score) for rating in await models.Rating.all().order_by("id")],
        )

    def _name(self, user_id: str | None) -> str | None:
        return user_id and self.names[user_id]

    def _model(self) -> object:
        world = self.world
        tallies = {
            (self.project_ids[project], who): (
                sum((item.project, item.assignee, item.status) == (project, who, "OPEN") for item in world.items),
                sum((each.project, each.person) == (project, who) and world.is_open(each) for each in world.asked),
                sum(talk.read.get(who, 0) for talk in world.talks if talk.project == project),
            )
            for project in plain.PROJECTS
            for who in plain.WHO
        }
        items = zip(self.item_ids, world.items, strict=True)
        ratings_left = zip(self.rating_ids, world.asked, strict=True)
        return (
            {key: counts for key, counts in tallies.items() if any(counts)},
            [(item_id, item.status, item.assignee, item.completed_by) for item_id, item in items],
            [
                (talk_id, seq, author)
                for talk_id, talk in zip(self.talk_ids, world.talks, strict=True)
                for seq, author in enumerate(talk.authors, 1)
            ],
            [(rating_id, each.score) for rating_id, each in ratings_left if not each.is_taken_back],
        )


@pytest.mark.usefixtures("data_dir")
def test_3_5_what_waits_in_any_order_is_what_a_plain_model_counts(template: str) -> None:
    any_order.hold(InsideInAnyOrder, template)
