"""Positions: each event one, in one order that no reader can fall behind; and its mails with it, once."""

import asyncio
from collections import Counter
from datetime import timedelta
from types import ModuleType

import asyncpg
import pytest

from domain import changes, clock
from models import database as databases
from models.event import Event
from models.mail import Mail
from models.sql import Dialect
from outbox import relay
from tests import given
from tests.outbox import scenes

WRITERS = 6
RELAYS = 4
ROUNDS = 15


async def positions() -> list[tuple[str, int, int | None]]:
    """The log as a reader finds it: stream, version, position."""
    return [(row.stream, row.version, row.pos) for row in await Event.all().order_by("pos", "stream", "version")]


@pytest.mark.usefixtures("database")
async def test_nothing_to_publish_is_nothing() -> None:
    assert await relay.publish(clock.now()) == 0


@pytest.mark.usefixtures("database")
async def test_events_follow_each_other_in_time_and_each_stream_in_its_versions(clock: ModuleType) -> None:
    await scenes.record(stream="b")
    await scenes.record(stream="a")
    clock.advance(timedelta(seconds=1))
    await scenes.record("contact.created", "contact.updated", stream="a")
    assert await relay.publish(clock.now()) == 4
    assert await positions() == [("a", 1, 1), ("b", 1, 2), ("a", 2, 3), ("a", 3, 4)]


@pytest.mark.usefixtures("database")
async def test_a_clock_that_goes_back_turns_no_stream_around(clock: ModuleType) -> None:
    clock.advance(timedelta(hours=1))
    await scenes.record(stream="a")
    clock.advance(timedelta(hours=-1))
    await scenes.record(stream="a")
    await scenes.record(stream="b")
    await relay.publish(clock.now())
    assert await positions() == [("b", 1, 1), ("a", 1, 2), ("a", 2, 3)]


@pytest.mark.usefixtures("database")
async def test_later_events_get_later_positions_and_earlier_ones_keep_theirs() -> None:
    await scenes.record(stream="z")
    await relay.publish(clock.now())
    before = await positions()
    await scenes.record(stream="a")
    await relay.publish(clock.now())
    assert await positions() == [*before, ("a", 1, 2)]


@pytest.mark.usefixtures("database")
async def test_a_backlog_is_published_in_batches_without_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "BATCH", 3)
    await scenes.record(*["contact.created"] * 10)
    assert await relay.publish(clock.now()) == 10
    assert [pos for _, _, pos in await positions()] == list(range(1, 11))


@pytest.mark.usefixtures("database")
async def test_the_mails_of_an_event_are_queued_in_the_transaction_that_gives_it_its_position(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    who = await scenes.companies()
    await scenes.offer_to_client(who)

    async def fail(*_: object) -> None:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(relay, "_queue_mails", fail)
        with pytest.raises(RuntimeError, match="the disk is full"):
            await relay.publish(clock.now())
    assert await Event.filter(pos__not_isnull=True).count() == 0
    assert await Mail.all().count() == 0
    await relay.publish(clock.now())
    assert await Event.filter(pos=None).count() == 0
    assert await Mail.all().count() == 1


@pytest.mark.usefixtures("committed")
async def test_relays_and_writers_at_once_give_each_event_one_position_and_each_mail_one_row() -> None:
    writing = [asyncio.create_task(_write(number)) for number in range(WRITERS)]
    relaying = [asyncio.create_task(_relay(writing)) for _ in range(RELAYS)]
    seen = asyncio.create_task(_follow(relaying))
    counts = await asyncio.gather(*relaying)
    await relay.publish(clock.now())
    log = await positions()
    assert [pos for _, _, pos in log] == list(range(1, WRITERS * ROUNDS + 1))
    for stream in {stream for stream, _, _ in log}:
        versions = [version for other, version, _ in log if other == stream]
        assert versions == list(range(1, len(versions) + 1))
    assert await seen == log
    assert sum(counts) <= len(log)
    mails = Counter(await Mail.all().values_list("event_id", "template", "to_email"))
    assert set(mails.values()) == {1}
    assert len(mails) == WRITERS * ROUNDS


async def _write(number: int) -> None:
    """Commit events that each mail one person: some streams are shared, so that writers wait for each other."""
    person = await given.user(f"Writer{number}")
    for step in range(ROUNDS):
        async with changes.change(by=None) as c:
            c.event("password.changed", stream=f"stream_{(number + step) % 3}", by=scenes.Person(person.id))


async def _relay(writing: list[asyncio.Task[None]]) -> int:
    published = 0
    while not all(task.done() for task in writing):
        published += await relay.publish(clock.now())
        await asyncio.sleep(0)
    return published + await relay.publish(clock.now())


async def _follow(relaying: list[asyncio.Task[int]]) -> list[tuple[str, int, int | None]]:
    """Read the log as a subscriber does: always what is after the last position that was read."""
    log: list[tuple[str, int, int | None]] = []
    done = False
    while True:
        rows = await Event.filter(pos__gt=log[-1][2] if log else 0).order_by("pos")
        log += [(row.stream, row.version, row.pos) for row in rows]
        if done and not rows:
            return log
        done = all(task.done() for task in relaying) and await scenes.all_events_have_positions()
        await asyncio.sleep(0)


async def test_while_another_relay_is_at_work_this_one_leaves_without_waiting(committed: str, dialect: Dialect) -> None:
    if dialect is Dialect.SQLITE:
        pytest.skip("beside SQLite there is one process, and its lock makes the second wait")
    await scenes.record()
    other = await asyncpg.connect(databases.dsn(committed))
    try:
        await other.execute("begin")
        await other.execute("select pg_advisory_xact_lock($1)", relay.RELAY_LOCK)
        async with asyncio.timeout(5):
            assert await relay.publish(clock.now()) == 0
        await other.execute("rollback")
        assert await relay.publish(clock.now()) == 1
    finally:
        await other.close()


async def test_other_processes_hear_of_what_was_published_after_it_was_committed(
    committed: str, dialect: Dialect
) -> None:
    if dialect is Dialect.SQLITE:
        pytest.skip("beside SQLite there is one process")
    heard: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
    other = await asyncpg.connect(databases.dsn(committed))
    try:

        async def count(payload: str) -> None:
            heard.put_nowait((payload, await other.fetchval("select count(*) from event where pos is not null")))

        tasks: set[asyncio.Task[None]] = set()
        await other.add_listener(
            relay.CHANNEL, lambda *said: tasks.add(asyncio.get_running_loop().create_task(count(str(said[-1]))))
        )
        await scenes.record(*["contact.created"] * 3)
        await relay.publish(clock.now())
        async with asyncio.timeout(5):
            assert await heard.get() == ("", 3)
    finally:
        await other.close()
