"""P1 to P4 on a PostgreSQL that goes down at once, in the middle of everything, and comes back.

A database and three processes of its own take too long for the test command: `make promises` restarts it 10 times.
"""

import asyncio
import json
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from models import database
from models.sql import Dialect
from tests.promises import cluster, fault, judge, sinks
from tests.promises.cluster import Cluster
from tests.promises.fault import Fleet, Fork
from tests.promises.load import Subscriber, Writer
from tests.promises.test_p1_to_p4_kills import SHAPES, Scene, caught_up, drain, opened
from tests.server.conftest import SECRET_KEY, chosen  # noqa: F401  a fixture

RESTARTS = int(os.environ.get("PROMISES_RESTARTS", "0"))
# How much every writer does between two, at least, and the seconds that it goes on at most.
WORK, LIFE = 3, 0.5


async def test_p1_to_p4_hold_through_immediate_restarts_of_postgresql(
    chosen: Callable[..., None],  # noqa: F811
    dialect: Dialect,
    tmp_path: Path,
) -> None:
    if dialect is Dialect.SQLITE:
        pytest.skip("SQLite is no server: it goes down with its process (test_p1_to_p4_kills)")
    if not RESTARTS:
        pytest.skip("immediate restarts are for `make promises`")
    if reason := cluster.obstacle():
        pytest.skip(f"no PostgreSQL of its own: {reason}")
    async with cluster.opened() as postgres, sinks.hooks(hanging=0) as hooks, sinks.mails(hanging=0) as mails:
        environment = {
            "DATABASE_URL": postgres.url,
            "DATA_DIR": str(tmp_path),
            "SECRET_KEY": SECRET_KEY,
            "SMTP_URL": f"smtp://127.0.0.1:{mails.port}",
            "WEBHOOK_ALLOW_PRIVATE": "true",
            "LOG_LEVEL": "warning",
        }
        chosen(**environment)
        await database.migrate(postgres.url)
        settings_of_all = {f"COUNTERSIGN_{name}": value for name, value in environment.items()}
        product = fault.fleet(*SHAPES[Dialect.POSTGRES], settings_of_all, Fork)
        async with database.connected(postgres.url):
            scene = await opened(hooks.url)
            writers, subscribers = await scene.writers(product.urls), await scene.subscribers(product.urls)
        try:
            await run(scene, product, postgres, writers, subscribers)
        finally:
            await product.stop()
        async with database.connected(postgres.url):
            await drain()
            verdict = {
                "P1": await judge.kept(writers),
                "P2": await judge.delivered(hooks.received, mails.received, scene.since),
                "P3": await judge.once(writers),
                "P4": await judge.heard(subscribers, scene.partnership.id, scene.since),
            }
        done = sum(len(writer.done) for writer in writers)
        figures = {"immediate restarts": RESTARTS, "acknowledged": done}
        sys.stdout.write(json.dumps({"promise": "P1 to P4", **figures, **verdict}) + "\n")
    assert judge.is_kept(verdict), verdict
    assert done >= len(writers) * WORK * (RESTARTS + 1)


async def run(
    scene: Scene, product: Fleet, postgres: Cluster, writers: list[Writer], subscribers: list[Subscriber]
) -> None:
    """Work while the database goes down and comes back; then let everybody finish. Who fails ends it for all."""
    await product.start()
    stop, chance = asyncio.Event(), random.Random(11)  # noqa: S311  no secret
    async with asyncio.TaskGroup() as group:
        listening = [group.create_task(subscriber.listen()) for subscriber in subscribers]
        writing = [group.create_task(writer.write(stop)) for writer in writers]
        for _ in range(RESTARTS):
            await at_work(writers)
            await asyncio.sleep(chance.uniform(0, LIFE))
            await postgres.restart_at_once()
        await at_work(writers)
        stop.set()
        await asyncio.wait(writing)
        async with database.connected(postgres.url):
            await caught_up(scene, subscribers)
        for task in listening:
            task.cancel()


async def at_work(writers: list[Writer]) -> None:
    """Wait until everybody has done something more."""
    before = [len(writer.done) for writer in writers]
    async with asyncio.timeout(fault.LONGEST_START):
        while any(  # noqa: ASYNC110  other processes bring it about
            len(writer.done) < done + WORK for writer, done in zip(writers, before, strict=True)
        ):
            await asyncio.sleep(0.05)
