"""The fan-out: 1,000 subscribers, on one process, beside graphql-ws on node.

Two forms: one event that is the same for all (`partnershipEvents`), and one that becomes a notice of its own for each
of 1,000 seats (`notices`). Each subscriber has a session of its own. An event is committed by another process, as any
process of several does it; what is timed is from there until the last subscriber has it: for notices from the commit
that made them, which the peer, that keeps nothing, has no counterpart to. Run by `python -m bench.fanout`; ends with 1
where a goal is missed, and measures the product alone where there is no node.
"""

import asyncio
import base64
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

import orjson
import uvloop
from tortoise import connections

import models
from bench import load, processes
from domain import changes, clock
from models import database
from models.enums import PartnerMemberRole
from outbox import relay
from tests import given
from tests.conftest import new_postgres
from tests.reachable import obstacle

SUBSCRIBERS: Final = 1_000
EVENTS: Final = 15
WARMING: Final = 3
PAUSE: Final = 0.3
AT_ONCE: Final = 25
PATIENCE: Final = 60.0
CPU_GOAL, TIME_GOAL, MEMORY_GOAL = 0.5, 0.7, 0.5
PACKAGES: Final = ("graphql@16", "graphql-ws@6", "ws@8")
FOLDER: Final = processes.ROOT / "var" / "fanout"
PEER: Final = Path(__file__).with_suffix(".mjs")

# TABLE: what is subscribed to, by the name of the form; what both servers send.
DOCUMENTS: Final = {
    "partnershipEvents": """
    subscription ($id: ID!) { partnershipEvents(partnershipId: $id) {
        id cursor topic version at summary reason changes { field before after }
        actor { id name } partnership { id label }
    } }
""",
    "notices": """
    subscription { notices {
        id urgency readAt acknowledgedAt dueAt proposal { id status }
        event { id cursor topic at summary reason actor { id name } partnership { id label } }
    } }
""",
}


class Subscriber(asyncio.Protocol):
    """A client that does as little as can be done: it counts what comes."""

    def __init__(self, audience: "Audience", token: str) -> None:
        self._audience = audience
        self._token = token
        self._read = bytearray()
        self._is_open = False
        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a websocket."""
        self._transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            "GET /graphql HTTP/1.1",
            "host: 127.0.0.1",
            "upgrade: websocket",
            "connection: Upgrade",
            f"sec-websocket-key: {key}",
            "sec-websocket-version: 13",
            "sec-websocket-protocol: graphql-transport-ws",
        ]
        self._write("\r\n".join(lines).encode() + b"\r\n\r\n")

    def data_received(self, data: bytes) -> None:
        """Take up the frames that are whole."""
        self._read += data
        if not self._is_open:
            head, found, rest = self._read.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                raise SystemExit(head.decode())
            self._is_open = True
            self._read = rest
            self._say({"type": "connection_init", "payload": {"authorization": f"Bearer {self._token}"}})
        while (frame := self._frame()) is not None:
            self._take(frame)

    def _frame(self) -> bytes | None:
        read = self._read
        if len(read) < 2:  # noqa: PLR2004  a frame's head
            return None
        length, begins = read[1], 2
        if length == 126:  # noqa: PLR2004  two bytes tell the length
            length, begins = int.from_bytes(read[2:4], "big"), 4
        if len(read) < begins + length:
            return None
        frame = bytes(read[: begins + length])
        del read[: begins + length]
        return frame[begins:] if frame[0] == 0x81 else b""  # noqa: PLR2004  text

    def _take(self, message: bytes) -> None:
        if b'"type":"next"' in message:
            self._audience.heard(message)
        elif b'"type":"connection_ack"' in message:
            self._say(
                {
                    "id": str(uuid.uuid4()),
                    "type": "subscribe",
                    "payload": self._audience.asks,
                }
            )
            self.subscribed.set_result(None)
        elif message and b'"type":"ping"' not in message:
            raise SystemExit(message.decode())

    def _say(self, message: object) -> None:
        """A masked frame; the mask is nought."""
        text = orjson.dumps(message)
        length = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")  # noqa: PLR2004
        self._write(b"\x81" + length + bytes(4) + text)

    def _write(self, data: bytes) -> None:
        self._transport.write(data)


@dataclass
class Audience:
    """Everybody who listens."""

    asks: dict[str, object]
    count: int = 0
    size: int = 0
    all_heard: asyncio.Event = field(default_factory=asyncio.Event)

    def heard(self, message: bytes) -> None:
        """One has it."""
        self.count += 1
        self.size = len(message)
        if self.count == SUBSCRIBERS:
            self.all_heard.set()


@dataclass(frozen=True)
class Measured:
    """CPU in microseconds a delivery, memory in KiB a subscriber, times in ms until all had an event."""

    cpu: float
    memory: float
    times: list[float]
    size: int


async def measured(
    server: processes.Server, asks: dict[str, object], tokens: list[str], happen: Callable[[], Awaitable[float]]
) -> Measured:
    """Have all subscribe, and events happen. `happen` tells when its event was there."""
    before = server.memory
    audience = Audience(asks)
    loop = asyncio.get_running_loop()
    room = asyncio.Semaphore(AT_ONCE)

    async def subscribe(token: str) -> None:
        async with room:
            _, subscriber = await loop.create_connection(lambda: Subscriber(audience, token), load.HOST, server.port)
            await subscriber.subscribed

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(subscribe(token) for token in tokens))
    await asyncio.sleep(2 * PAUSE)
    for _ in range(WARMING):
        await _all_have_it(audience, happen)
    memory = (server.memory - before) * 1024 / SUBSCRIBERS
    cpu = server.cpu
    times = [await _all_have_it(audience, happen) for _ in range(EVENTS)]
    return Measured((server.cpu - cpu) * 1e6 / EVENTS / SUBSCRIBERS, memory, times, audience.size)


async def _all_have_it(audience: Audience, happen: Callable[[], Awaitable[float]]) -> float:
    audience.count = 0
    audience.all_heard.clear()
    began = await happen()
    async with asyncio.timeout(PATIENCE):
        await audience.all_heard.wait()
    took = time.perf_counter() - began
    await asyncio.sleep(PAUSE)
    return took * 1000


# ── the product ──


@dataclass(frozen=True)
class Pair:
    """Two companies, their seats, and as many sessions as there are subscribers."""

    partnership: models.Partnership
    tokens: list[str]

    async def accepted(self) -> float:
        """Commit an event that tells nobody in person, and give it its position; the moment between the two."""
        await self._record("partnership.accepted")
        began = time.perf_counter()
        await relay.publish(clock.now())
        return began

    async def changed(self) -> float:
        """Commit an event that is told to every seat; the moment at which it was."""
        await self._record("partnership.team_changed")
        told: list[float] = []

        def tell() -> None:
            told.append(time.perf_counter())

        relay.on_publish.append(tell)
        await relay.publish(clock.now())
        relay.on_publish.remove(tell)
        return told[0]

    async def _record(self, topic: str) -> None:
        async with changes.change(by=None) as c:
            c.event(
                topic,
                stream=self.partnership.id,
                subject=self.partnership.id,
                reason="Because it is good for both of us.",
                partnership_id=self.partnership.id,
                partner_id=self.partnership.partner_id,
                client_id=self.partnership.client_id,
            )


async def pair(seats_of_each: int) -> Pair:
    """Write them into the connected database."""
    partner, client = await given.partner(), await given.client()
    account = await given.account(client)
    seats = [await given.member(partner, PartnerMemberRole.COLLABORATOR) for _ in range(seats_of_each)]
    seats += [await given.staff(account) for _ in range(seats_of_each)]
    rows = await models.Seat.filter(id__in=[seat.id for seat in seats])
    tokens = [f"subscriber-{n}" for n in range(SUBSCRIBERS)]
    for number, token in enumerate(tokens):
        await given.session(rows[number % len(rows)], token)
    partnership = await given.partnership(partner, client)
    # What autovacuum would do in a minute.
    await connections.get("default").execute_script("analyze")
    return Pair(partnership, tokens)


async def product(url: str, form: str) -> Measured:
    """Measure the product."""
    await database.migrate(url)
    async with database.connected(url):
        two = await pair(SUBSCRIBERS // 2 if form == "notices" else 50)
        happen = two.changed if form == "notices" else two.accepted
        with tempfile.TemporaryDirectory() as folder:
            port = processes.free_port()
            ask = load.http("/graphql", {}, b'{"query":"{vendor{name}}"}')
            with processes.running(*processes.product(url, folder, port), port, ask) as server:
                return await measured(server, asks(form, two.partnership.id), two.tokens, happen)


def asks(form: str, about: str) -> dict[str, object]:
    """What each subscribes to."""
    variables = {"id": about} if form == "partnershipEvents" else {}
    return {"query": DOCUMENTS[form], "variables": variables}


# ── the peer ──


def why_no_peer() -> str | None:
    """Install what the peer needs; say why it cannot be measured, null where it can."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "there is no node"
    if not (FOLDER / "node_modules" / "ws").exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--prefix", str(FOLDER), "--no-audit", "--no-fund", "--silent", *PACKAGES]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            return f"npm does not install its packages: {done.stderr.strip()[-200:]}"
    return None


async def peer(form: str) -> Measured:
    """Measure graphql-ws on node, by events of the same words."""
    about = models.base.new_id("partnership")
    seats = [models.base.new_id("seat") for _ in range(SUBSCRIBERS)]
    event = {
        "id": models.base.new_id("event"),
        "cursor": "AAAAAAAAAAESJe__",
        "topic": "partnership.accepted",
        "version": 1,
        "at": "2026-11-21T20:46:00.000000Z",
        "summary": "The offer was accepted.",
        "reason": "Because it is good for both of us.",
        "changes": [],
        "actor": None,
        "partnership": {"id": about, "label": "ACTIVE"},
    }
    said = orjson.dumps({"event": event, "seats": seats if form == "notices" else []})
    port = processes.free_port()

    async def happen() -> float:
        began = time.perf_counter()
        await asyncio.to_thread(processes.asked, port, load.http("/", {}, said))
        return began

    command = ["node", str(PEER), str(port), str(FOLDER)]
    with processes.running(command, {}, port, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n") as server:
        return await measured(server, asks(form, about), seats, happen)


# ── the verdict ──


async def compared() -> bool:
    """Measure both in both forms, and print; whether the goals are met."""
    if reason := await obstacle():
        print(f"There is no PostgreSQL to measure on: {reason}")
        return False
    reason = why_no_peer()
    if reason:
        print(f"graphql-ws on node is not measured: {reason}.")
    forms = sys.argv[1:] or [*DOCUMENTS]
    return all([await _compared(form, with_peer=reason is None) for form in forms])


async def _compared(form: str, *, with_peer: bool) -> bool:
    async with new_postgres() as url:
        ours = await product(url, form)
    print(f"{form}: {SUBSCRIBERS:,} subscribers, {EVENTS} events. Load average {os.getloadavg()[0]:.1f}.")
    print(f"{'':12}{'CPU a delivery':>16}{'until all have it':>20}{'memory a subscriber':>22}{'a message':>12}")
    print(_line("product", ours))
    if not with_peer:
        return True
    theirs = await peer(form)
    print(_line("graphql-ws", theirs))
    ratios = [
        ("CPU a delivery", ours.cpu / theirs.cpu, CPU_GOAL),
        ("until all have it", statistics.median(ours.times) / statistics.median(theirs.times), TIME_GOAL),
        ("memory a subscriber", ours.memory / theirs.memory, MEMORY_GOAL),
    ]
    for name, ratio, goal in ratios:
        print(f"{name:20} {ratio:.2f} of the peer's, goal {goal}{'' if ratio <= goal else ': missed'}")
    return all(ratio <= goal for _, ratio, goal in ratios)


def _line(name: str, found: Measured) -> str:
    times = f"{statistics.median(found.times):.0f} ms ({min(found.times):.0f})"
    return f"{name:12}{found.cpu:>13.1f} µs{times:>20}{found.memory:>18.1f} KiB{found.size:>10} B"


if __name__ == "__main__":
    sys.exit(0 if uvloop.run(compared()) else 1)
