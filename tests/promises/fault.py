"""The processes that are killed, at any moment and without a word, and start anew."""

import asyncio
import itertools
import os
import random
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import httpx2

from tests.promises import forks
from tests.promises.forks import FORKS
from tests.server.serving import http

SERVER = Path(__file__).parents[2] / "server.py"
LONGEST_START = 60.0
# Seconds between two kills, in which work is done.
LIFE = 0.25


@dataclass
class Process:
    """A `serve` at a port of its own, or, without a port, a `worker`. `program`: what Python runs."""

    port: int | None
    environment: dict[str, str]
    program: tuple[str, ...] = (str(SERVER),)
    running: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        command = ["worker"] if self.port is None else ["serve", "--port", str(self.port)]
        self.running = await asyncio.create_subprocess_exec(
            sys.executable, *self.program, *command, cwd=SERVER.parent, env=os.environ | self.environment
        )

    async def until_ready(self) -> None:
        """Wait until it answers; a worker, which answers nobody, is given no time."""
        if self.port is None:
            return
        async with http() as client, asyncio.timeout(LONGEST_START):
            while not await self._is_ready(client):  # noqa: ASYNC110  another process
                await asyncio.sleep(0.05)

    async def _is_ready(self, client: httpx2.AsyncClient) -> bool:
        assert self.runs(), "it ended by itself"
        try:
            return (await client.get(f"{self.url}/health/ready")).status_code == 200
        except httpx2.TransportError:
            return False

    def runs(self) -> bool:
        return self.running is not None and self.running.returncode is None

    async def kill(self) -> None:
        """kill -9."""
        if self.running is not None:
            self.running.kill()
            await self.running.wait()


@dataclass
class Fork(Process):
    """The same, begun without imports, of which a start is made otherwise: for those who are killed again and again."""

    fork: ForkServerProcess | None = None

    async def start(self) -> None:
        arguments = ["worker"] if self.port is None else ["serve", "--port", str(self.port)]
        self.fork = FORKS.Process(target=forks.command, args=(arguments, self.environment))
        await asyncio.to_thread(self.fork.start)

    def runs(self) -> bool:
        return self.fork is not None and self.fork.is_alive()

    async def kill(self) -> None:
        if self.fork is not None:
            self.fork.kill()
            await asyncio.to_thread(self.fork.join)


@dataclass
class Fleet:
    """All processes of the product. `kills`: how many there were."""

    processes: list[Process]
    kills: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311  no secret

    @property
    def urls(self) -> list[str]:
        return [process.url for process in self.processes if process.port is not None]

    async def start(self) -> None:
        for process in self.processes:
            await process.start()
        for process in self.processes:
            await process.until_ready()

    async def suffer(self, kills: int, done: Callable[[], int]) -> None:
        """Kill one after the other, each once it works, and start it anew; return when all work again.

        `done`: how much work was done so far, which is more than kills: where machines are slow, lives are longer.
        """
        for process in itertools.islice(itertools.cycle(self.processes), kills):
            await process.until_ready()
            await asyncio.sleep(self.chance.uniform(0, 2 * LIFE))
            async with asyncio.timeout(LONGEST_START):
                while done() <= self.kills + 1:  # noqa: ASYNC110  other processes do it
                    await asyncio.sleep(0.05)
            await process.kill()
            self.kills += 1
            await process.start()
        for process in self.processes:
            await process.until_ready()

    async def stop(self) -> None:
        for process in self.processes:
            await process.kill()


def fleet(servers: int, workers: int, environment: dict[str, str], of: type[Process] = Process) -> Fleet:
    """So many servers, each at a free port, and workers beside them."""
    ports = [_free_port() for _ in range(servers)]
    return Fleet([of(port, environment) for port in [*ports, *[None] * workers]])


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
