"""The processes that are killed, at any moment and without a word, and start anew."""

import asyncio
import itertools
import os
import random
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

SERVER = Path(__file__).parents[2] / "server.py"
LONGEST_START = 30.0
# Seconds between two kills, in which work is done.
LIFE = 0.25


@dataclass
class Process:
    """A `serve` at a port of its own, or, without a port, a `worker`."""

    port: int | None
    environment: dict[str, str]
    running: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        command = ["worker"] if self.port is None else ["serve", "--port", str(self.port)]
        self.running = await asyncio.create_subprocess_exec(
            sys.executable, str(SERVER), *command, env=os.environ | self.environment
        )

    async def until_ready(self) -> None:
        """Wait until it answers; a worker, which answers nobody, is given no time."""
        if self.port is None:
            return
        async with httpx2.AsyncClient() as client, asyncio.timeout(LONGEST_START):
            while not await self._is_ready(client):  # noqa: ASYNC110  another process
                await asyncio.sleep(0.05)

    async def _is_ready(self, client: httpx2.AsyncClient) -> bool:
        assert self.running is not None
        assert self.running.returncode is None, "it ended by itself"
        try:
            return (await client.get(f"{self.url}/health/ready")).status_code == 200
        except httpx2.TransportError:
            return False

    async def kill(self) -> None:
        """kill -9."""
        if self.running is not None:
            self.running.kill()
            await self.running.wait()


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

    async def suffer(self, kills: int) -> None:
        """Kill one after the other, each once it works, and start it anew; return when all work again."""
        for process in itertools.islice(itertools.cycle(self.processes), kills):
            await process.until_ready()
            await asyncio.sleep(self.chance.uniform(0, 2 * LIFE))
            await process.kill()
            self.kills += 1
            await process.start()
        for process in self.processes:
            await process.until_ready()

    async def stop(self) -> None:
        for process in self.processes:
            await process.kill()


def fleet(servers: int, workers: int, environment: dict[str, str]) -> Fleet:
    """So many servers, each at a free port, and workers beside them."""
    ports = [_free_port() for _ in range(servers)]
    return Fleet([Process(port, environment) for port in [*ports, *[None] * workers]])


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
