"""P1 to P4: kill -9 at any moment, again and again, under load, with the other ends failing too.

The short run is part of the test command; `make promises` kills 200 times.
"""

import asyncio
import json
import os
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

import models
import settings
from domain import clock, webhooks
from models.enums import PartnerMemberRole
from models.sql import Dialect
from outbox.worker import Worker
from resolvers import events
from tests import given
from tests.promises import fault, judge, sinks
from tests.promises.fault import Fleet, Fork
from tests.promises.load import Subscriber, Writer
from tests.server.conftest import SECRET_KEY, chosen  # noqa: F401  a fixture

KILLS = int(os.environ.get("PROMISES_KILLS", "30"))
WRITERS, SUBSCRIBERS = 8, 10
# Seconds after the last kill in which subscribers catch up.
PATIENCE = 30.0
# Seconds for one mail or webhook after that: those that the sinks answer at all take a few milliseconds.
LONGEST_TRY = 2.0
# SQLite is one process; PostgreSQL has two servers and a worker beside them, all of which do the work.
SHAPES = {Dialect.SQLITE: (1, 0), Dialect.POSTGRES: (2, 1)}


@dataclass(frozen=True, slots=True)
class Scene:
    """Northwind's admin writes; Harbour Foods' owner listens to their partnership, in as many sessions as it takes."""

    partner: models.Partner
    partnership: models.Partnership
    admin: models.Seat
    owner: models.Seat
    since: int

    async def writers(self, urls: list[str]) -> list[Writer]:
        tokens = [await signed_in(self.admin, f"writer-{number}") for number in range(WRITERS)]
        return [Writer(token, token, self.partner.id, urls) for token in tokens]

    async def subscribers(self, urls: list[str]) -> list[Subscriber]:
        token, after = await signed_in(self.owner, "listeners"), events.cursor(self.since) or ""
        chances = [random.Random(number) for number in range(SUBSCRIBERS)]  # noqa: S311  no secret
        return [Subscriber(token, self.partnership.id, after, urls, chance) for chance in chances]


async def opened(hook: str) -> Scene:
    """Bring both companies in, and let the vendor's program hear everything."""
    partner, client = await given.partner("Northwind"), await given.client()
    partnership = await given.partnership(partner, client)
    admin = await given.member(partner, PartnerMemberRole.ADMIN)
    owner = await given.staff(await given.account(client))
    await webhooks.create(by=await given.admin(), url=hook, topics=[])
    await Worker(settings.load()).drain()
    last = await models.Event.all().order_by("-pos").first()
    return Scene(
        partner,
        partnership,
        admin=await models.Seat.get(id=admin.id),
        owner=await models.Seat.get(id=owner.id),
        since=(last and last.pos) or 0,
    )


async def signed_in(seat: models.Seat, token: str) -> str:
    await given.session(seat, token)
    return token


async def test_p1_to_p4_hold_through_kills(
    committed: str,
    chosen: Callable[..., None],  # noqa: F811
    dialect: Dialect,
    tmp_path: Path,
) -> None:
    async with sinks.hooks() as hooks, sinks.mails() as mails:
        environment = {
            "DATABASE_URL": committed,
            "DATA_DIR": str(tmp_path),
            "SECRET_KEY": SECRET_KEY,
            "SMTP_URL": f"smtp://127.0.0.1:{mails.port}",
            "WEBHOOK_ALLOW_PRIVATE": "true",
            "LOG_LEVEL": "warning",
        }
        chosen(**environment)
        scene = await opened(hooks.url)
        servers, workers = SHAPES[dialect]
        settings_of_all = {f"COUNTERSIGN_{name}": value for name, value in environment.items()}
        product = fault.fleet(servers, workers, settings_of_all, Fork)
        writers, subscribers = await scene.writers(product.urls), await scene.subscribers(product.urls)
        try:
            await run(scene, product, writers, subscribers)
        finally:
            await product.stop()
        await drain()
        verdict = {
            "P1": await judge.kept(writers),
            "P2": await judge.delivered(hooks.received, mails.received, scene.since),
            "P3": await judge.once(writers),
            "P4": await judge.heard(subscribers, scene.partnership.id, scene.since),
        }
        done = acknowledged(writers)
        came_back = sum(subscriber.connections for subscriber in subscribers)
        figures = {"kills": product.kills, "acknowledged": done, "connections of subscribers": came_back}
        sys.stdout.write(json.dumps({"promise": "P1 to P4", **figures, **verdict}) + "\n")
    assert judge.is_kept(verdict), verdict
    assert (product.kills, done > KILLS, came_back > SUBSCRIBERS) == (KILLS, True, True)


async def run(scene: Scene, product: Fleet, writers: list[Writer], subscribers: list[Subscriber]) -> None:
    """Work while the processes are killed; then let everybody finish. Who fails ends it for all."""
    await product.start()
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        listening = [group.create_task(subscriber.listen()) for subscriber in subscribers]
        writing = [group.create_task(writer.write(stop)) for writer in writers]
        await product.suffer(KILLS, lambda: acknowledged(writers))
        stop.set()
        await asyncio.wait(writing)
        await caught_up(scene, subscribers)
        for task in listening:
            task.cancel()


def acknowledged(writers: list[Writer]) -> int:
    return sum(len(writer.done) for writer in writers)


async def caught_up(scene: Scene, subscribers: list[Subscriber]) -> None:
    """Wait until the last event has a place and everybody has had time to hear of it."""

    async def have_all() -> bool:
        last = await models.Event.filter(stream=scene.partnership.id).order_by("-version").first()
        return all(last is None or last.id in subscriber.seen for subscriber in subscribers)

    async with asyncio.timeout(PATIENCE):
        while not await have_all():  # noqa: ASYNC110  other processes bring it about
            await asyncio.sleep(0.05)


async def drain() -> None:
    """Carry out what waits for its lease or its next try, without waiting: with a clock that is set forward.

    Nor is a sink that hangs waited for as long as the product would: the next try comes with the next hour.
    """
    start, worker = clock.now(), Worker(settings.load())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("outbox.webhooks.LONGEST_ATTEMPT", LONGEST_TRY)
        patch.setattr("outbox.worker.LONGEST_DELIVERY", LONGEST_TRY)
        for hours in range(1, 6):
            with clock.frozen_at(start + timedelta(hours=hours)):
                await worker.drain()
