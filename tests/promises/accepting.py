"""One of the processes of P7: does all that it is given, as soon as all the others are ready to."""

import asyncio
import gc
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from typing import TYPE_CHECKING

from domain.errors import Refusal
from models import database
from server import YOUNG_OBJECTS
from tests.conftest import open_at_once

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

PATIENCE = 60.0


@dataclass(frozen=True)
class Task:
    """What a process is to do: a verb, and what it is called with each time."""

    url: str
    verb: Callable[..., Awaitable[object]]
    calls: Sequence[Mapping[str, object]]


def do_all(task: Task, ready: Barrier, answers: "Queue[Counter[str]]") -> None:
    """Run in a process of its own; answer how often each outcome came."""
    gc.set_threshold(YOUNG_OBJECTS)
    answers.put(asyncio.run(_do_all(task, ready)))


async def _do_all(task: Task, ready: Barrier) -> Counter[str]:
    async with database.connected(task.url) as context:
        await open_at_once(context)
        ready.wait(PATIENCE)
        return Counter([await _outcome(task.verb, given) for given in task.calls])


async def _outcome(verb: Callable[..., Awaitable[object]], given: Mapping[str, object]) -> str:
    try:
        await verb(**given)
    except Refusal as refusal:
        return refusal.code
    except Exception as fault:  # noqa: BLE001
        return repr(fault)
    return "done"
