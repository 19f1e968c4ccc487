"""A run of anything in any order beside a plain model: in one transaction that is undone, at a clock of its own.

PROMISES_RUNS says how many runs of 30 steps: 25 by default, the same each time; `make promises` does 2,000 others.
"""

import asyncio
import contextvars
import os
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from tortoise import Model
from tortoise.connection import get_connection
from tortoise.transactions import in_transaction

from domain import changes, clock
from domain.seats import Seat
from models import database, sql
from tests.conftest import MOMENT, open_at_once

RUNS: Final = int(os.environ.get("PROMISES_RUNS", "25"))
STEPS: Final = 30
MOSTLY: Final = st.sampled_from([True] * 6 + [False])

ROW = TypeVar("ROW", bound=Model)


class _Undo(Exception):  # noqa: N818  ends a run's transaction
    pass


class AnyOrder(RuleBasedStateMachine):
    """One run. `loop` and `context`: where what it awaits is awaited; given by `hold`."""

    loop: asyncio.AbstractEventLoop
    context: contextvars.Context

    def __init__(self) -> None:
        super().__init__()
        self.time = clock.frozen_at(MOMENT)
        self.time.__enter__()
        self.run(self._open())

    async def _open(self) -> None:
        self.transaction = in_transaction()
        await self.transaction.__aenter__()

    @classmethod
    def run(cls, awaitable: Awaitable[Any]) -> Any:
        async def awaited() -> object:
            return await awaitable

        # As a Runner would, which sets a signal's handler each time: that takes longer than most of what is run.
        return cls.loop.run_until_complete(cls.loop.create_task(awaited(), context=cls.context))

    def rows(self, model: type[ROW], **where: object) -> list[ROW]:
        """The rows of a table as they are now."""
        found: list[ROW] = self.run(_found(model, where))
        return found

    def teardown(self) -> None:
        """Undo the run."""
        self.run(self.transaction.__aexit__(_Undo, _Undo(), None))
        self.time.__exit__(None, None, None)


def hold(machine: type[AnyOrder], template: str) -> None:
    """Do the runs on a database that is empty and stays so."""
    with asyncio.Runner() as runner:
        machine.loop, machine.context = runner.get_loop(), contextvars.copy_context()
        opened = database.connected(template)
        machine.run(open_at_once(machine.run(opened.__aenter__())))
        try:
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=RUNS,
                    stateful_step_count=STEPS,
                    deadline=None,
                    database=None,
                    derandomize=RUNS == 25,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            machine.run(opened.__aexit__(None, None, None))


async def read(template: str, by: Seat, **values: object) -> list[dict[str, Any]]:
    """What a template of the declarations finds for a seat."""
    connection = get_connection("default")
    known = {**by.bound, "now": clock.now(), **values}
    statement, bound = sql.bind(template, known, changes.dialect(connection), t="t0")
    return await connection.execute_query_dict(statement, bound)


async def _found(model: type[ROW], where: dict[str, object]) -> list[ROW]:
    return await model.filter(**where)
