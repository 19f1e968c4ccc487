"""The running server: uvicorn on a free port of the loopback, in a thread with a loop and connections of its own."""

import asyncio
import itertools
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import cache

import httpx2
import pytest
import uvicorn

import server
import settings
from resolvers import engine
from resolvers.plans import Plans
from web import guard, wires

LONGEST_WAIT = 30.0
# Seconds for one answer: the machine may have more to do.
PATIENCE = 30.0
# Seconds between two of a server's looks at the clock, for its `Date`.
TICK = 0.1
# Nobody whom tests ask speaks TLS: no client needs to read, for a twentieth of a second, whom the machine trusts.
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def http(url: str = "", timeout: float = PATIENCE) -> httpx2.AsyncClient:
    """Ask servers of ours; cookies are kept, redirects are not followed."""
    return httpx2.AsyncClient(base_url=url, verify=NO_AUTHORITIES, timeout=timeout)


class _Server(uvicorn.Server):
    """Begins and ends as soon as it can: uvicorn's own looks ten times a second whether it is to end."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.begun = threading.Event()
        self._ending = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.begun.set()

    async def main_loop(self) -> None:
        for tick in itertools.count():
            if await self.on_tick(tick):
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), TICK)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002  uvicorn's name
        for each in self.servers:
            each.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110  uvicorn's, which are sets
            await asyncio.sleep(0.001)
        await self.lifespan.shutdown()

    def end(self) -> None:
        """Tell it to end, from another thread."""
        self.should_exit = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ending.set)


@asynccontextmanager
async def running() -> AsyncIterator[str]:
    """Serve what the settings say, for the length of a block, by the plans that servers made before. Where."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "Plans", _plans)
        async with _running() as url:
            yield url


# One schema is what all of them serve: what one has compiled, the next need not.
_plans = cache(Plans)


@asynccontextmanager
async def _running() -> AsyncIterator[str]:
    app = server.create_app(settings.load())
    at = _Server(
        uvicorn.Config(
            app,
            port=0,
            loop="uvloop",
            http=wires.Http,
            ws=wires.WebSocket,
            ws_max_size=guard.BODY_LIMIT,
            ws_per_message_deflate=False,
            log_config=None,
        )
    )
    # Not this loop's: what a test does with the database must not wait for the server, nor the other way round.
    thread = threading.Thread(target=at.run)
    thread.start()
    try:
        assert await asyncio.to_thread(at.begun.wait, LONGEST_WAIT)
        yield f"http://127.0.0.1:{at.servers[0].sockets[0].getsockname()[1]}"
    finally:
        at.end()
        await asyncio.to_thread(thread.join, LONGEST_WAIT)
        assert not thread.is_alive()


async def ready(client: httpx2.AsyncClient, status: int = 200) -> httpx2.Response:
    """Wait until the server says that it is ready (or, with 503, that it is not)."""

    answers: list[httpx2.Response] = []

    async def says_so() -> bool:
        answers.append(await client.get("/health/ready"))
        return answers[-1].status_code == status

    await until(says_so)
    return answers[-1]


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something outside this loop is so."""
    async with asyncio.timeout(LONGEST_WAIT):
        while not await is_so():  # noqa: ASYNC110  it is another thread's or process's
            await asyncio.sleep(0.01)


async def errors_of(client: httpx2.AsyncClient, query: str, **more: object) -> list[tuple[str, str]]:
    """Send a request that is refused whole. The code and message of each of its errors."""
    answer = await client.post("/graphql", json={"query": query, **more})
    body = answer.json()
    assert (answer.status_code, list(body)) == (200, ["errors"])
    return [(error["extensions"]["code"], error["message"]) for error in body["errors"]]


async def codes_of(client: httpx2.AsyncClient, query: str, **more: object) -> set[str]:
    return {code for code, _ in await errors_of(client, query, **more)}
