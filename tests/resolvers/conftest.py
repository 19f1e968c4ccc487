"""One filled world for every test of this floor: it is only read, so it is made once."""

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tortoise.context import TortoiseContext

from domain import clock as the_clock
from models import database as databases
from models.sql import Dialect
from resolvers import reads
from resolvers.engine import Engine
from resolvers.reads import PostgresReads, SqliteReads
from schema import roots
from tests import conftest
from tests.resolvers import world as worlds
from tests.resolvers.world import World


@dataclass(frozen=True)
class Filled:
    """The world, where it is, and what reads it."""

    world: World
    url: str
    reads: PostgresReads | SqliteReads
    context: TortoiseContext


@pytest.fixture(scope="session")
async def _filled(dialect: Dialect, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Filled]:
    async with AsyncExitStack() as stack:
        if dialect is Dialect.SQLITE:
            file = tmp_path_factory.mktemp("world") / "world.sqlite3"
            shutil.copyfile(Path(urlsplit(template).path), file)
            url = f"sqlite://{file}?synchronous=OFF"
        else:
            url = await stack.enter_async_context(conftest.new_postgres())
            await databases.migrate(url)
        context = await stack.enter_async_context(databases.connected(url))
        with the_clock.frozen_at(conftest.MOMENT):
            world = await worlds.filled()
        yield Filled(world, url, await stack.enter_async_context(reads.opened(url)), context)


@pytest.fixture
def filled(_filled: Filled) -> Iterator[Filled]:
    """Open the filled world, at the moment for which it was made. To be read only."""
    with _filled.context, the_clock.frozen_at(conftest.MOMENT):
        yield _filled


@pytest.fixture
def engine(filled: Filled) -> Engine:
    """Answer from the filled world, with nothing kept of what was asked before."""
    return Engine(roots.executable(), filled.reads)
