"""P11: who does not read costs the memory of one buffer, and is cut off; everybody else hears everything.

The short run, in the test command, gives its server less patience; `make promises` does not read for 60 seconds.
"""

import asyncio
import json
import os
import random
import socket
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import models
from resolvers import events
from tests import given
from tests.promises import fault
from tests.promises.fault import Process
from tests.promises.load import Subscriber
from tests.server.conftest import SECRET_KEY, chosen  # noqa: F401  a fixture
from tests.server.listening import TO_PARTNERSHIP, Pair, listening, pair, signed_in
from tests.server.serving import until
from web import wires

# Seconds without reading, and how long the server lets that be.
UNREAD = float(os.environ.get("PROMISES_UNREAD", "3"))
PATIENCE = wires.SEND_SECONDS if UNREAD > wires.SEND_SECONDS else 1
SLOW, QUICK = 12, 2
# What each of the slow does not read is more than the system keeps for it, and all of it much more than may be kept.
EVENTS, WORDS = 80, 100_000
MOST_GROWTH = 20 * 2**20
CLOSED = 7  # Linux's TCP_CLOSE


async def test_p11_who_does_not_read_is_cut_off_and_costs_no_memory(
    committed: str,
    chosen: Callable[..., None],  # noqa: F811
    tmp_path: Path,
) -> None:
    environment = {
        "DATABASE_URL": committed,
        "DATA_DIR": str(tmp_path),
        "SECRET_KEY": SECRET_KEY,
        "LOG_LEVEL": "warning",
    }
    chosen(**environment)
    two = await pair()
    [server] = fault.fleet(1, 0, {f"COUNTERSIGN_{name}": value for name, value in environment.items()}).processes
    server.program = ("-m", "tests.promises.impatient", str(PATIENCE))
    quick = [await reader(two, f"quick-{number}", server.url) for number in range(QUICK)]
    async with AsyncExitStack() as opened:
        await server.start()
        opened.push_async_callback(server.kill)
        await server.until_ready()
        listeners = [asyncio.create_task(each.listen()) for each in quick]
        opened.push_async_callback(ended, listeners)
        await heard_by(quick, await written(two, 5))
        slow = [await silent(two, f"slow-{number}", server.url, opened) for number in range(SLOW)]
        before, began = memory(server), time.monotonic()
        watching = asyncio.create_task(watched(server, slow, began))
        last = await written(two, EVENTS)
        await heard_by(quick, last)
        most, cut = await watching
        # What comes when they are gone, comes.
        await heard_by(quick, await written(two, 1))
    log = [event.id for event in await models.Event.filter(stream=two.partnership.id).order_by("pos")]
    figures = {
        "unread seconds": UNREAD,
        "cut off after": [round(min(cut), 1), round(max(cut), 1)],
        "unread MiB": SLOW * EVENTS * WORDS // 2**20,
        "growth MiB": round((most - before) / 2**20, 1),
    }
    sys.stdout.write(json.dumps({"promise": "P11", **figures}) + "\n")
    assert len(cut) == SLOW, figures
    assert min(cut) >= PATIENCE, figures
    assert most - before < MOST_GROWTH, figures
    assert [(each.seen == log, each.connections) for each in quick] == [(True, 1)] * QUICK


async def reader(two: Pair, token: str, url: str) -> Subscriber:
    """One who reads, in a session of its own."""
    await given.session(await models.Seat.get(id=two.clara.id), token)
    chance = random.Random(token)  # noqa: S311  no secret
    return Subscriber(token, two.partnership.id, events.cursor(0) or "", [url], chance)


async def silent(two: Pair, token: str, url: str, opened: AsyncExitStack) -> socket.socket:
    """One who subscribes, and from then on does not read."""
    await signed_in(two.paula, token)
    at = urlsplit(url)
    wire = socket.socket()
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    wire.connect((at.hostname, at.port))
    wire.setblocking(False)
    each = await opened.enter_async_context(listening(url, token, sock=wire, max_queue=1))
    opened.callback(each.wire.transport.abort)
    await each.ask(TO_PARTNERSHIP, {"id": two.partnership.id})
    await each.settled()
    each.wire.transport.pause_reading()
    return wire


async def written(two: Pair, count: int) -> str:
    """Have so much happen; the last of it."""
    for _ in range(count):
        await two.happens(reason="x" * WORDS)
    last = await models.Event.filter(stream=two.partnership.id).order_by("-version").first()
    assert last is not None
    return last.id


async def heard_by(quick: list[Subscriber], event: str) -> None:
    async def have_all() -> bool:
        return all(event in each.seen for each in quick)

    await until(have_all)


async def watched(server: Process, slow: list[socket.socket], began: float) -> tuple[int, list[float]]:
    """Watch for as long as nothing is read: the most memory that it took, and when each was cut off."""
    most, cut = 0, dict[socket.socket, float]()
    while (after := time.monotonic() - began) < UNREAD or (len(cut) < len(slow) and after < UNREAD + 4 * PATIENCE):
        most = max(most, memory(server))
        for wire in slow:
            if wire not in cut and wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == CLOSED:
                cut[wire] = after
        await asyncio.sleep(0.05)
    return most, [*cut.values()]


def memory(server: Process) -> int:
    """The bytes of memory that it has now."""
    assert server.running is not None
    pages = Path(f"/proc/{server.running.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


async def ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
