"""The judge looks where no user can: into every table, before and after."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import settings
from outbox.worker import Worker
from tests.domain import refusals

# Attempts are counted, the refused ones too.
COUNTED = "rate_limit"

Rows = dict[str, list[dict[str, object]]]


async def carry_on() -> None:
    """Do all that a worker would do at this moment, where none runs: what is due, positions, mails."""
    await Worker(settings.load()).drain()


@asynccontextmanager
async def nothing_changes(*but: str) -> AsyncIterator[None]:
    """Hold the block to leave every row as it was, but for some tables', and nothing that would be mailed later."""
    await carry_on()
    before = await rows(*but)
    yield
    assert await rows(*but) == before
    await carry_on()
    assert await rows(*but) == before


async def count(table: str) -> int:
    """How many rows a table has."""
    return len((await refusals.everything())[table])


async def rows(*but: str) -> Rows:
    """All rows, but those of some tables and the counts of attempts."""
    return {table: found for table, found in (await refusals.everything()).items() if table not in (COUNTED, *but)}
