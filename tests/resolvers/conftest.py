"""One filled world for every test of this floor: it is only read, so it is made once."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from tortoise.context import TortoiseContext

from domain import clock as the_clock
from models import database as databases
from resolvers import reads
from resolvers.engine import Engine
from resolvers.reads import PostgresReads, SqliteReads
from schema import roots
from tests import conftest
from tests.conftest import Copied
from tests.resolvers import world as worlds
from tests.resolvers.oracle import Oracle
from tests.resolvers.world import World


@dataclass(frozen=True)
class Filled:
    """The world, where it is, and what reads it."""

    world: World
    url: str
    reads: PostgresReads | SqliteReads
    context: TortoiseContext
    oracles: dict[timedelta, Oracle] = field(default_factory=dict)

    def oracle(self, later: timedelta = timedelta()) -> Oracle:
        """Who answers from these rows at their moment, or later: one for all tests, as it keeps who sees which row."""
        if later not in self.oracles:
            moment = conftest.MOMENT + later
            self.oracles[later] = Oracle(roots.executable(), self.world.tables, moment, self.reads.dialect)
        return self.oracles[later]


@pytest.fixture(scope="session")
async def _filled(copied: Copied) -> AsyncIterator[Filled]:
    async with copied() as url, databases.connected(url) as context:
        with the_clock.frozen_at(conftest.MOMENT):
            world = await worlds.filled()
        async with reads.opened(url) as opened:
            yield Filled(world, url, opened, context)


@pytest.fixture
def filled(_filled: Filled) -> Iterator[Filled]:
    """Open the filled world, at the moment for which it was made. To be read only."""
    with _filled.context, the_clock.frozen_at(conftest.MOMENT):
        yield _filled


@pytest.fixture
def engine(filled: Filled) -> Engine:
    """Answer from the filled world, with nothing kept of what was asked before."""
    return Engine(roots.executable(), filled.reads)
