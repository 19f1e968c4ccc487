"""One of the processes of P7: accepts every proposal it is given, as soon as all the others are ready to."""

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
    """What each process is to do. `account_ids`: those that an offer's acceptance connects."""

    url: str
    proposal_ids: list[str]
    by: Seat
    account_ids: list[str] | None = None


def accept_all(task: Task, ready: Barrier, answers: "Queue[Counter[str]]") -> None:
    """Run in a process of its own; answer how often each outcome came."""
    answers.put(asyncio.run(_accept_all(task, ready)))


async def _accept_all(task: Task, ready: Barrier) -> Counter[str]:
    async with database.connected(task.url):
        ready.wait(PATIENCE)
        return Counter([await _outcome(proposal_id, task) for proposal_id in task.proposal_ids])


async def _outcome(proposal_id: str, task: Task) -> str:
    try:
        await proposals.accept(proposal_id, by=task.by, account_ids=task.account_ids)
    except Refusal as refusal:
        return refusal.code
    except Exception as fault:  # noqa: BLE001
        return repr(fault)
    return "accepted"
