"""One of the processes of P7: accepts every offer it is given, as soon as all the others are ready to."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from typing import TYPE_CHECKING

from domain import proposals
from domain.errors import Refusal
from domain.seats import Seat
from models import database

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

PATIENCE = 60.0


@dataclass(frozen=True)
class Task:
    """What each process is to do."""

    url: str
    offer_ids: list[str]
    account_id: str
    by: Seat


def accept_all(task: Task, ready: Barrier, answers: "Queue[Counter[str]]") -> None:
    """Run in a process of its own; answer how often each outcome came."""
    answers.put(asyncio.run(_accept_all(task, ready)))


async def _accept_all(task: Task, ready: Barrier) -> Counter[str]:
    async with database.connected(task.url):
        ready.wait(PATIENCE)
        return Counter([await _outcome(offer_id, task) for offer_id in task.offer_ids])


async def _outcome(offer_id: str, task: Task) -> str:
    try:
        await proposals.accept(offer_id, by=task.by, account_ids=[task.account_id])
    except Refusal as refusal:
        return refusal.code
    except Exception as fault:  # noqa: BLE001
        return repr(fault)
    return "accepted"
