"""Streams from inside: who shares a payload, what is kept for a slow listener, and what a right's end keeps back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import orjson
import pytest
from graphql import GraphQLError
from structlog.testing import capture_logs
from tortoise import connections

import models
from domain import changes, clock
from domain.seats import Seat
from models.enums import AccessStatus, Audience, PartnerMemberRole, SecurityRole, Side
from outbox import relay
from resolvers import events, reads
from resolvers.compiler import Plan
from resolvers.context import Caller
from resolvers.engine import Engine, GraphQLRequest, Reader, Subscription
from resolvers.stream import Streams
from schema import roots
from tests import given
from tests.server.listening import TO_PARTNERSHIP, Pair, pair
from tests.server.serving import until


@dataclass(eq=False)
class Ear:
    """A listener that keeps what it hears."""

    seat: Seat
    heard: list[bytes] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    is_open: bool = True
    can_listen: bool = True

    def reseat(self, seat: Seat) -> None:
        self.seat = seat

    def next(self, _: str, payload: bytes) -> bool:
        if self.can_listen:
            self.heard.append(payload)
        return self.can_listen

    def end(self, _: str, error: GraphQLError) -> None:
        self.ended.append(str((error.extensions or {})["code"]))

    def session_ended(self) -> None:
        self.is_open = False

    @property
    def events(self) -> list[Any]:
        return [event for payload in self.heard for event in orjson.loads(payload)["data"].values()]

    async def hears(self, count: int) -> None:
        async def has_heard() -> bool:
            return len(self.heard) >= count

        await until(has_heard)

    async def is_told(self) -> None:
        async def has_been_told() -> bool:
            return bool(self.ended)

        await until(has_been_told)


@pytest.fixture
async def streams(committed: str) -> AsyncIterator[Streams]:
    """Follow an empty log."""
    async with reads.opened(committed) as opened:
        following = Streams(Engine(roots.executable(), opened))
        await following.start()
        yield following
        await following.stop()


async def ear(streams: Streams, seat: Seat, document: str, **variables: object) -> Ear:
    """Subscribe."""
    listener = Ear(seat)
    streams.attend(listener)
    asked = streams._engine.subscription(GraphQLRequest(document, variables), Caller(seat, clock.now()))
    assert isinstance(asked, Subscription), asked
    await streams.subscribe(listener, "it", asked)
    return listener


async def happens(two: Pair, times: int = 1) -> None:
    await two.happens(times=times)
    await relay.publish(clock.now())


async def again(seat: Seat) -> Seat:
    """Another session of the same seat."""
    from domain import seats

    return seats.of_session(await given.session(await models.Seat.get(id=seat.id)))


async def test_a_payload_is_made_once_for_all_who_agree_in_what_it_depends_on(streams: Streams) -> None:
    two = await pair()
    colleague = await given.member(two.partner)
    mine = "subscription ($id: ID!) { partnershipEvents(partnershipId: $id) { proposal { viewerCan } } }"
    ears = [
        await ear(streams, seat, document, id=two.partnership.id)
        for document in (TO_PARTNERSHIP, mine)
        for seat in (two.paula, await again(two.paula), colleague, two.clara)
    ]
    await happens(two)
    for each in ears:
        await each.hears(1)
    payloads = [each.heard[0] for each in ears]
    # Of the first document a company agrees; of the second, which asks what the seat may do, a seat.
    assert [payloads.index(payload) for payload in payloads[:4]] == [0, 0, 0, 0]
    assert [[payloads[n] is payloads[m] for m in range(n)] for n in range(1, 4)] == [
        [True],
        [True, True],
        [False, False, False],
    ]
    assert [[payloads[n] is payloads[m] for m in range(4, n)] for n in range(5, 8)] == [
        [True],
        [False, False],
        [False, False, False],
    ]


# ── notices: to each seat its own, read together ──

TO_NOTICES = """
    subscription ($after: Cursor) {
        notices(after: $after) { id event { topic partnership { viewerCan } } proposal { viewerCan } }
    }
"""


async def tell(two: Pair, audience: Audience = Audience.BOTH) -> None:
    """Have something happen that everybody of the companies is told of in person."""
    await record(two, audience)
    await relay.publish(clock.now())


async def record(two: Pair, audience: Audience = Audience.BOTH) -> None:
    """Have the same happen, and nobody told yet."""
    async with changes.change(by=None) as c:
        c.event(
            "partnership.team_changed",
            stream=two.partnership.id,
            subject=two.partnership.id,
            audience=audience,
            partnership_id=two.partnership.id,
            partner_id=two.partner.id,
            client_id=two.client.id,
        )


async def crowd(two: Pair, size: int) -> list[Seat]:
    """So many more people in each of the companies, and one in charge."""
    colleagues = [await given.member(two.partner) for _ in range(size)]
    staff = [await given.staff(two.account, SecurityRole.STAFF) for _ in range(size)]
    return [two.paula, two.clara, await given.member(two.partner, PartnerMemberRole.ADMIN), *colleagues, *staff]


async def own_notices(seat: Seat) -> list[str]:
    return [notice.id for notice in await models.Notice.filter(seat_id=seat.id).order_by("pos")]


def reading_notices(streams: Streams, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that read notices from now on."""
    read, fetch = list[str](), streams._engine.reads.fetch

    def noted(query: str, *values: object) -> Any:
        read.extend([query] if ".urgency" in query else [])
        return fetch(query, *values)

    monkeypatch.setattr(streams._engine.reads, "fetch", noted)
    return read


@pytest.mark.parametrize("size", [1, 15])
async def test_notices_of_all_seats_are_read_by_one_statement_for_each_of_their_roles(
    streams: Streams, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    two = await pair()
    seats = await crowd(two, size)
    document = TO_NOTICES.replace("{ id event", "{ id urgency event")
    ears = [await ear(streams, seat, document) for seat in seats]
    statements = reading_notices(streams, monkeypatch)
    await tell(two)
    for each in ears:
        await each.hears(1)
    # Of the partner's admin, its collaborators, the client's account owner, and its staff.
    assert (len({each.seat.roles for each in ears}), len(statements)) == (4, 4)


async def test_a_notice_reaches_its_own_seat_alone_as_that_seat_may_see_it(streams: Streams) -> None:
    two = await pair()
    seats = await crowd(two, 3)
    ears = [await ear(streams, seat, TO_NOTICES) for seat in seats]
    second = [await ear(streams, seat, TO_NOTICES) for seat in seats]
    await tell(two, Audience.PARTNER)
    for each in ears:
        await each.hears(each.seat.side is Side.PARTNER)
    # Some have read further than others, and are read for together.
    await tell(two)
    for each in ears + second:
        own = await own_notices(each.seat)
        await each.hears(len(own))
        assert [notice["id"] for notice in each.events] == own
        assert len(own) == (2 if each.seat.side is Side.PARTNER else 1)
    alone = [await ear(streams, seat, TO_NOTICES, after=events.cursor(0)) for seat in seats]
    for each, before in zip(alone, ears, strict=True):
        await each.hears(len(before.heard))
        assert each.heard == before.heard
    can = {each.seat.roles: each.events[-1]["event"]["partnership"]["viewerCan"] for each in ears}
    assert len({tuple(actions) for actions in can.values()}) > 1
    # Who agrees in the seat shares the payload itself.
    assert all(a is b for x, y in zip(ears, second, strict=True) for a, b in zip(x.heard, y.heard, strict=True))


async def test_p5_whose_session_ended_hears_nothing_among_many_who_do(streams: Streams) -> None:
    two = await pair()
    ears = [await ear(streams, seat, TO_NOTICES) for seat in await crowd(two, 3)]
    gone, *others = ears
    await models.Session.filter(id=gone.seat.session_id).update(ended_at=clock.now())
    await tell(two)
    await gone.is_told()
    for each in others:
        await each.hears(1)
    assert (gone.heard, gone.ended) == ([], ["SESSION_ENDED"])


async def test_what_is_too_much_at_once_is_read_in_parts(streams: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    two = await pair()
    seats = [await given.member(two.partner) for _ in range(7)]
    monkeypatch.setattr("resolvers.stream.MAX_ROWS", 6)
    ears = [await ear(streams, seat, "subscription { notices { id urgency } }") for seat in seats]
    statements = reading_notices(streams, monkeypatch)
    # One event, and then two at once, are at most so many rows of each seat.
    for events_, parts in ((1, 2), (2, 3)):
        for _ in range(events_):
            await record(two)
        statements.clear()
        await relay.publish(clock.now())
        for each in ears:
            await each.hears(len(own := await own_notices(each.seat)))
            assert [notice["id"] for notice in each.events] == own
        assert len(statements) == parts


async def test_what_cannot_be_read_for_one_seat_is_read_for_the_others(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = await pair()
    ears = [await ear(streams, seat, "subscription { notices { id } }") for seat in await crowd(two, 3)]
    unlucky, *others = ears
    payloads = streams._engine.payloads

    async def failing(
        asked: Subscription, plan: Plan, readers: Sequence[tuple[Reader, int]]
    ) -> list[list[tuple[int, bytes]]]:
        if any(reader.seat.id == unlucky.seat.id for reader, _ in readers):
            raise LookupError
        return await payloads(asked, plan, readers)

    monkeypatch.setattr(streams._engine, "payloads", failing)
    with capture_logs() as lines:
        await tell(two)
        await unlucky.is_told()
        for each in others:
            await each.hears(1)
    assert {line["event"] for line in lines if line["log_level"] == "error"} == {"a subscription failed"}
    assert (unlucky.heard, unlucky.ended) == ([], ["INTERNAL"])
    assert not any(each.ended for each in others)


async def test_what_takes_too_long_for_many_is_read_for_fewer(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = await pair()
    ears = [await ear(streams, await given.member(two.partner), "subscription { notices { id } }") for _ in range(8)]
    payloads, read = streams._engine.payloads, list[int]()

    async def slow(
        asked: Subscription, plan: Plan, readers: Sequence[tuple[Reader, int]]
    ) -> list[list[tuple[int, bytes]]]:
        read.append(len(readers))
        if len(readers) > 2:
            raise asyncpg.QueryCanceledError
        return await payloads(asked, plan, readers)

    monkeypatch.setattr(streams._engine, "payloads", slow)
    await tell(two)
    for each in ears:
        await each.hears(1)
    assert (read, [each.ended for each in ears]) == ([8, 4, 2, 2, 4, 2, 2], [[]] * 8)


async def test_of_one_event_that_is_told_to_many_each_is_told_what_it_may_not_read(streams: Streams) -> None:
    two = await pair()
    document = (
        "subscription { notices { event { id topic at partnership { id label endPreview { statusCreditsLost } } } } }"
    )
    ears = [await ear(streams, await given.staff(two.account, SecurityRole.STAFF), document) for _ in range(3)]
    await tell(two)
    for each in ears:
        await each.hears(1)
    said = [orjson.loads(each.heard[0]) for each in ears]
    assert said == [said[0]] * 3
    assert said[0]["data"]["notices"]["event"]["partnership"]["endPreview"] == {"statusCreditsLost": None}
    assert [(error["path"], error["extensions"]) for error in said[0]["errors"]] == [
        (["notices", "event", "partnership", "endPreview", "statusCreditsLost"], {"code": "FORBIDDEN"})
    ]


async def test_what_keeps_from_the_log_is_said_once_and_that_it_is_over(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = iter([ConnectionRefusedError(), asyncpg.InterfaceError("closed"), LookupError(), LookupError(), OSError()])
    follow = streams._follow

    async def hindered() -> None:
        if (fault := next(faults, None)) is not None:
            raise fault
        await follow()

    with capture_logs() as lines:
        monkeypatch.setattr(streams, "_follow", hindered)

        async def is_over() -> bool:
            streams._news.set()
            return any(line["log_level"] == "info" for line in lines)

        await until(is_over)
        for _ in range(3):
            await is_over()
            await asyncio.sleep(0)
    assert [(line["event"], line["log_level"], line.get("error")) for line in lines] == [
        ("cannot follow the log", "warning", "ConnectionRefusedError"),
        ("cannot follow the log", "error", None),
        ("cannot follow the log", "warning", "OSError"),
        ("follows the log again", "info", None),
    ]


async def test_variables_keep_apart_what_cursors_do_not(streams: Streams) -> None:
    two = await pair()
    await happens(two)
    document = """
        subscription ($id: ID!, $after: Cursor, $whole: Boolean!) {
            partnershipEvents(partnershipId: $id, after: $after) { topic version @include(if: $whole) }
        }
    """
    about = {"id": two.partnership.id}
    late, early, short = [
        await ear(streams, two.paula, document, **about, after=after, whole=whole)
        for after, whole in ((events.cursor(1), True), (events.cursor(0), True), (None, False))
    ]
    await early.hears(1)
    await happens(two)
    for each, count in ((late, 1), (early, 2), (short, 1)):
        await each.hears(count)
    assert late.heard[0] is early.heard[1]
    assert short.events == [{"topic": "partnership.accepted"}]


@pytest.mark.parametrize("ends", ["session", "seat", "version", "access"])
async def test_p5_what_is_committed_after_the_right_ended_is_not_delivered(streams: Streams, ends: str) -> None:
    two = await pair()
    grant = await given.grant(two.partnership, two.account, status=AccessStatus.ENABLED)
    document = "subscription ($id: ID!) { accountEvents(accountId: $id) { topic } }"
    listener = await ear(streams, two.paula, document, id=two.account.id)
    await two.happens_to_account(two.partner)
    await relay.publish(clock.now())
    await listener.hears(1)
    match ends:
        case "session":
            await models.Session.filter(id=two.paula.session_id).update(ended_at=clock.now())
        case "seat":
            await models.Seat.filter(id=two.paula.id).update(ended_at=clock.now())
        case "version":
            await models.Seat.filter(id=two.paula.id).update(version=2, roles=["PUBLIC", "USER"])
        case "access":
            await models.AccessGrant.filter(id=grant.id).update(status=AccessStatus.DISCONNECTED)
    await two.happens_to_account(two.partner)
    await relay.publish(clock.now())
    await listener.is_told()
    assert len(listener.heard) == 1
    assert (listener.ended, listener.is_open) == {
        "session": (["SESSION_ENDED"], False),
        "seat": (["SESSION_ENDED"], False),
        "version": (["ACCESS_ENDED"], True),
        "access": (["ACCESS_ENDED"], True),
    }[ends]


async def test_p11_nothing_is_kept_for_who_does_not_listen_and_all_is_read_when_they_do(streams: Streams) -> None:
    two = await pair()
    slow = await ear(streams, two.paula, TO_PARTNERSHIP, id=two.partnership.id)
    quick = await ear(streams, await again(two.paula), TO_PARTNERSHIP, id=two.partnership.id)
    slow.can_listen = False
    await happens(two, 120)
    await quick.hears(120)
    assert slow.heard == []
    slow.can_listen = True
    streams.resume(slow)
    await slow.hears(120)
    await happens(two)
    await slow.hears(121)
    assert [event["version"] for event in slow.events] == list(range(1, 122))


def kept(streams: Streams) -> tuple[int, ...]:
    return len(streams._groups), len(streams._about), len(streams._listeners), len(streams._to_subjects)


async def test_who_leaves_leaves_nothing_behind(streams: Streams) -> None:
    two = await pair()
    ears = [await ear(streams, seat, TO_PARTNERSHIP, id=two.partnership.id) for seat in (two.paula, two.clara)]
    assert kept(streams) == (2, 1, 2, 2)
    for each in ears:
        streams.forget(each)
    await happens(two)
    assert kept(streams) == (0, 0, 0, 0)
    assert [each.heard for each in ears] == [[], []]


async def test_an_older_log_that_was_restored_is_resync(streams: Streams) -> None:
    two = await pair()
    listener = await ear(streams, two.paula, TO_PARTNERSHIP, id=two.partnership.id)
    await happens(two, 3)
    await listener.hears(3)
    await connections.get("default").execute_script("delete from mail; delete from notice; delete from event")
    await listener.is_told()
    assert listener.ended == ["RESYNC"]


async def test_the_head_of_the_log_is_of_the_same_moment_as_the_answer(streams: Streams) -> None:
    two = await pair()
    document = "query ($id: ID!) { position partnership(id: $id) { history(first: 1) { nodes { cursor } } } }"

    async def write() -> None:
        for _ in range(40):
            await happens(two)

    writing = asyncio.create_task(write())
    moments = set()
    while not writing.done():
        request = GraphQLRequest(document, {"id": two.partnership.id})
        answer = await streams._engine.execute(request, Caller(two.paula, clock.now()))
        data = orjson.loads(answer.body)["data"]
        newest = [node["cursor"] for node in data["partnership"]["history"]["nodes"]]
        # The newest may be committed and not published yet.
        assert newest in ([data["position"]], [None], [])
        moments.add(data["position"])
        await asyncio.sleep(0)
    await writing
    assert len(moments) > 1
