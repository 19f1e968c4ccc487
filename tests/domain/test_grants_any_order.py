"""Offers, openings, time, switches, requests, ends and jobs reaching 100 in any order, beside `plain_access.py`."""

from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
)

import models
from domain import clock, grants, jobs, opening, partnerships, policy, proposals
from domain.errors import Refusal
from domain.seats import Seat
from models.enums import SecurityRole
from resolvers import grants as shown
from resolvers.context import Caller
from tests import given
from tests.conftest import MOMENT
from tests.domain import any_order
from tests.domain import plain_access as plain
from tests.domain.any_order import MOSTLY
from tests.domain.plain import DONE
from tests.domain.test_ending import preview as end_preview
from tests.domain.test_grants import preview
from tests.domain.together import Together, together

DAY: Final = timedelta(days=1)
WHO: Final = st.sampled_from(plain.WHO)
ACCOUNT: Final = st.sampled_from(plain.ACCOUNTS)


class AccessInAnyOrder(any_order.AnyOrder):
    """One run."""

    def __init__(self) -> None:
        super().__init__()
        self.world = plain.World()
        self.grant_ids: list[str] = []
        self.request_ids: list[str] = []

    @initialize()
    def begin(self) -> None:
        """Write the two sides; one account is connected."""
        self.run(self._begin())

    async def _begin(self) -> None:
        self.t: Together = await together()
        second = await given.owned(await given.account(self.t.client, "Second shop"), self.t.owner)
        third = await given.account(self.t.client, "Third shop")
        olga, sam = await given.user("Olga Owner"), self.t.sam.user_id
        self.seats = {"paula": self.t.paula, "admin": self.t.admin, "owner": self.t.owner, "sam": self.t.sam}
        self.seats["olga"] = await given.staff(third, user=olga)
        for account, user_id, role in (
            (second, sam, SecurityRole.STAFF),
            (self.t.account, olga.id, SecurityRole.MANAGER),
            (second, olga.id, SecurityRole.MANAGER),
        ):
            await models.StaffMember.create(account=account, user_id=user_id, role=role, joined_at=clock.now())
        self.account_ids = {"first": self.t.account.id, "second": second.id}
        self.partnership_ids = [self.t.partnership.id]
        self.vendor = await given.admin()
        self.grant_ids.append(self.t.grant.id)

    # ── steps ──

    def does(self, expected: str, verb: Awaitable[object]) -> None:
        """Do it, and hold the outcome to the model's."""
        assert self.run(self._outcome(verb)) == expected

    async def _outcome(self, verb: Awaitable[object]) -> str:
        try:
            await verb
        except Refusal as refusal:
            return refusal.code.value
        return DONE

    def grant(self, data: st.DataObject) -> tuple[plain.Grant, str]:
        """Choose any access there is or was, mostly one that is."""
        every = list(range(len(self.grant_ids)))
        live = [n for n in every if self.world.grants[n].status != "DISCONNECTED"]
        is_live = data.draw(MOSTLY) if live else False
        place = data.draw(st.sampled_from(live if is_live else every))
        return self.world.grants[place], self.grant_ids[place]

    @staticmethod
    def who(data: st.DataObject, *mostly: str) -> str:
        return data.draw(st.sampled_from(mostly) if data.draw(MOSTLY) else WHO)

    @rule(account=ACCOUNT, who=st.sampled_from(plain.PARTNER))
    def open(self, account: str, who: str) -> None:
        verb = opening.open_account(self.account_ids[account], by=self.seats[who])
        self.does(self.world.open(who, account), verb)

    @rule(data=st.data())
    def request(self, data: st.DataObject) -> None:
        grant, grant_id = self.grant(data)
        who = self.who(data, *plain.PARTNER)
        self.does(self.world.request(who, grant), grants.request(by=self.seats[who], grant_id=grant_id))
        if len(self.world.requests) > len(self.request_ids):
            rows = self.rows(models.Proposal, kind="ACCESS_REQUEST")
            [made] = {row.id for row in rows} - set(self.request_ids)
            self.request_ids.append(made)

    @rule(verb=st.sampled_from(["enable", "disable"]), data=st.data())
    def switch(self, verb: str, data: st.DataObject) -> None:
        grant, grant_id = self.grant(data)
        who = self.who(data, "owner")
        expected = {"enable": self.world.enable, "disable": self.world.disable}[verb](who, grant)
        does = {"enable": grants.enable, "disable": grants.disable}[verb]
        self.does(expected, does(by=self.seats[who], grant_id=grant_id))

    @rule(confirmed=st.booleans(), data=st.data())
    def disconnect(self, data: st.DataObject, *, confirmed: bool) -> None:
        grant, grant_id = self.grant(data)
        who = self.who(data, "admin", "owner")
        confirmation = self.run(preview(grant_id)) if confirmed else "an old one"
        verb = grants.disconnect(by=self.seats[who], grant_id=grant_id, reason="We part.", confirmation=confirmation)
        self.does(self.world.disconnect(who, grant, confirmed=confirmed), verb)

    @precondition(lambda self: self.world.requests)
    @rule(verb=st.sampled_from(["accept", "accept", "decline", "withdraw"]), data=st.data())
    def answer(self, verb: str, data: st.DataObject) -> None:
        every = list(range(len(self.request_ids)))
        waiting = [n for n in every if self.world.asked(self.world.requests[n]) == "PENDING"]
        is_waiting = data.draw(MOSTLY) if waiting else False
        place = data.draw(st.sampled_from(waiting if is_waiting else every))
        who = self.who(data, *(plain.PARTNER if verb == "withdraw" else ("owner",)))
        does = {"accept": proposals.accept, "decline": proposals.decline, "withdraw": proposals.withdraw}[verb]
        expected = self.world.answer(who, self.world.requests[place], verb)
        self.does(expected, does(self.request_ids[place], by=self.seats[who]))

    @rule(account=ACCOUNT)
    def reach_jobs(self, account: str) -> None:
        self.world.reach_jobs(account)
        self.does(DONE, jobs.record(by=self.vendor, account_id=self.account_ids[account], jobs_created=100))

    @rule(who=WHO, data=st.data())
    def partnership(self, who: str, data: st.DataObject) -> None:
        """End it or begin anew, where that is possible; seldom an end, with which all is over."""
        match self.world.together():
            case "ACTIVE" if data.draw(MOSTLY):
                self.offer_anew()
            case "ACTIVE":
                self.end(who)
            case "OFFERED":
                self.begin_anew(data)
            case _:
                self.offer_anew()
                self.begin_anew(data)

    def end(self, who: str) -> None:
        partnership_id = self.partnership_ids[-1]
        confirmation = self.run(end_preview(partnership_id))
        verb = partnerships.end(
            by=self.seats[who], partnership_id=partnership_id, reason="We part.", confirmation=confirmation
        )
        self.does(self.world.end(who), verb)

    def offer_anew(self) -> None:
        verb = partnerships.offer(
            by=self.t.paula, partner_id=self.t.partner.id, client_id=self.t.client.id, terms={"title": "Shop care"}
        )
        expected = self.world.offer()
        self.does(expected, verb)
        if expected == DONE:
            [made] = {row.id for row in self.rows(models.Partnership)} - set(self.partnership_ids)
            self.partnership_ids.append(made)

    def begin_anew(self, data: st.DataObject) -> None:
        chosen = data.draw(st.lists(ACCOUNT, unique=True))
        [row] = self.rows(models.Partnership, id=self.partnership_ids[-1])
        chosen_ids = [self.account_ids[account] for account in chosen]
        verb = proposals.accept(str(row.offer_id), by=self.t.owner, account_ids=chosen_ids)
        self.does(self.world.accept_offer(chosen), verb)
        for account in chosen if self.world.together() == "ACTIVE" else ():
            of_both = {"partnership_id": self.partnership_ids[-1], "account_id": self.account_ids[account]}
            [made] = self.rows(models.AccessGrant, **of_both)
            self.grant_ids.append(made.id)

    @rule(days=st.sampled_from([1, 3, 13, 14, 23, 29, 30, 59, 60]), sweeps=st.booleans())
    def time_passes(self, days: int, *, sweeps: bool) -> None:
        clock.advance(days * DAY)
        self.world.today += days
        if sweeps:
            for sweep in (proposals.expire_due, grants.expire_due, grants.warn_due):
                self.run(sweep(clock.now()))
            self.world.warn()

    # ── what is seen ──

    @invariant()
    def both_sides_see_what_the_model_says(self) -> None:
        """Compare all that is visible: accesses with their ends and buttons, requests, partnerships, warnings."""
        if self.grant_ids:
            seen, told = self.run(self._found())
            for who in plain.WHO:
                assert seen[who] == self._expected(who), who
            assert told == [each.is_earliest for each in self.world.grants]

    async def _found(self) -> tuple[dict[str, object], list[bool]]:
        return {who: await self._seen(self.seats[who]) for who in plain.WHO}, await self._told()

    def _expected(self, who: str) -> object:
        world = self.world
        return (
            [(*_ends(world, each), world.buttons(each, who)) for each in world.grants],
            [world.asked(each) for each in world.requests],
            [world.together() if n == len(world.partnerships) - 1 else _final(world, n) for n in _places(world)],
        )

    async def _seen(self, by: Seat) -> object:
        owns, asked = shown.OWNS, shown.IS_REQUESTED
        found = await any_order.read(
            f"select {{t}}.id, {policy.GRANT_STATUS} as status, {{t}}.expires_at, {{t}}.last_opened_at,"
            f" {{t}}.warned_days, {owns} as owns, {asked} as asked"
            f" from access_grant {{t}} where {policy.VISIBLE['AccessGrant'][by.side]}",
            by,
        )
        accesses = {row["id"]: row for row in found}
        requests = await any_order.read(
            f"select {{t}}.id, {policy.PROPOSAL_STATUS} as status from proposal {{t}}"
            f" where {{t}}.kind = 'ACCESS_REQUEST' and {policy.VISIBLE['Proposal'][by.side]}",
            by,
        )
        statuses = {row["id"]: row["status"] for row in requests}
        homes = await any_order.read(
            f"select {{t}}.id, {policy.PARTNERSHIP_STATUS} as status from partnership {{t}}"
            f" where {policy.VISIBLE['Partnership'][by.side]}",
            by,
        )
        tiles = {row["id"]: row["status"] for row in homes}
        caller = Caller(by, clock.now())
        return (
            [
                (
                    row["status"],
                    _day(row["expires_at"]),
                    _day(row["last_opened_at"]),
                    row["warned_days"] if row["status"] == "ENABLED" else None,
                    {action.value for action in shown.viewer_can(caller, row["status"], row["owns"], row["asked"])},
                )
                for row in (accesses[grant_id] for grant_id in self.grant_ids)
            ],
            [statuses[request_id] for request_id in self.request_ids],
            [tiles[partnership_id] for partnership_id in self.partnership_ids],
        )

    async def _told(self) -> list[bool]:
        """Hold that an access has expired, and every warning was given, once between two times that it was given.

        Returns of each whether it is the earliest.
        """
        rows = {row.id: row for row in await models.AccessGrant.all()}
        for grant_id in self.grant_ids:
            topics = [event.topic for event in await models.Event.filter(subject=grant_id).order_by("version")]
            since: list[str] = []
            for topic in topics:
                since = [] if topic in {"grant.enabled", "grant.opened", "grant.connected"} else [*since, topic]
                assert since.count("grant.expired") <= 1, topics
                assert since.count("grant.expiring") <= len(plain.WARNINGS), topics
            requested = await models.Proposal.filter(grant_id=grant_id, status="PENDING").count()
            assert requested <= 1
        return [rows[grant_id].is_earliest for grant_id in self.grant_ids]


def _ends(world: plain.World, grant: plain.Grant) -> tuple[str, int | None, int | None, int | None]:
    status = world.status(grant)
    warned = grant.warned[-1] if grant.warned and status == "ENABLED" else None
    return status, grant.expires, grant.opened, warned


def _places(world: plain.World) -> range:
    return range(len(world.partnerships))


def _final(world: plain.World, place: int) -> str:
    """What became of a former partnership: an offer that nobody answered has expired."""
    status, _ = world.partnerships[place]
    return "EXPIRED" if status == "OFFERED" else status


def _day(value: object) -> int | None:
    """Count a moment in days from the start, as the database kept it."""
    if value is None:
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    assert (moment - MOMENT) % DAY == timedelta(0)
    return (moment - MOMENT) // DAY


@pytest.mark.usefixtures("data_dir")
def test_1_3_to_1_6_access_in_any_order_is_what_a_plain_model_says(template: str) -> None:
    any_order.hold(AccessInAnyOrder, template)
