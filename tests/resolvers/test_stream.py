"""Streams from inside: who shares a payload, what is kept for a slow listener, and what a right's end keeps back."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from graphql import GraphQLError
from tortoise import connections

import models
from domain import clock
from domain.seats import Seat
from models.enums import AccessStatus
from outbox import relay
from resolvers import events, reads
from resolvers.context import Caller
from resolvers.engine import Engine, GraphQLRequest, Subscription
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

    def is_writable(self) -> bool:
        return self.can_listen

    def next(self, _: str, payload: bytes) -> None:
        self.heard.append(payload)

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


async def test_who_leaves_leaves_nothing_behind(streams: Streams) -> None:
    two = await pair()
    ears = [await ear(streams, seat, TO_PARTNERSHIP, id=two.partnership.id) for seat in (two.paula, two.clara)]
    assert (len(streams._groups), len(streams._about), len(streams._listeners)) == (2, 1, 2)
    for each in ears:
        streams.forget(each)
    await happens(two)
    assert (len(streams._groups), len(streams._about), len(streams._listeners)) == (0, 0, 0)
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
