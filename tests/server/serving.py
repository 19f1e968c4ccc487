"""The running server: uvicorn on a free port of the loopback, in a thread with a loop and connections of its own."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx2
import uvicorn

import server
import settings
from web import guard, wires

LONGEST_WAIT = 30.0
# Seconds for one answer: the machine may have more to do.
PATIENCE = 30.0
# Nobody whom tests ask speaks TLS: no client needs to read, for a twentieth of a second, whom the machine trusts.
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def http(url: str = "", timeout: float = PATIENCE) -> httpx2.AsyncClient:
    """Ask servers of ours; cookies are kept, redirects are not followed."""
    return httpx2.AsyncClient(base_url=url, verify=NO_AUTHORITIES, timeout=timeout)


@asynccontextmanager
async def running() -> AsyncIterator[str]:
    """Serve what the settings say, for the length of a block. Where."""
    app = server.create_app(settings.load())
    at = uvicorn.Server(
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

    async def has_started() -> bool:
        return at.started

    thread.start()
    try:
        await until(has_started)
        yield f"http://127.0.0.1:{at.servers[0].sockets[0].getsockname()[1]}"
    finally:
        at.should_exit = True
        await asyncio.to_thread(thread.join, LONGEST_WAIT)
        assert not thread.is_alive()


async def ready(client: httpx2.AsyncClient, status: int = 200) -> httpx2.Response:
    """Wait until the server says that it is ready (or, with 503, that it is not)."""

    async def says_so() -> bool:
        return (await client.get("/health/ready")).status_code == status

    await until(says_so)
    return await client.get("/health/ready")


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something outside this loop is so."""
    async with asyncio.timeout(LONGEST_WAIT):
        while not await is_so():  # noqa: ASYNC110  it is another thread's or process's
            await asyncio.sleep(0.02)


async def errors_of(client: httpx2.AsyncClient, query: str, **more: object) -> list[tuple[str, str]]:
    """Send a request that is refused whole. The code and message of each of its errors."""
    answer = await client.post("/graphql", json={"query": query, **more})
    body = answer.json()
    assert (answer.status_code, list(body)) == (200, ["errors"])
    return [(error["extensions"]["code"], error["message"]) for error in body["errors"]]


async def codes_of(client: httpx2.AsyncClient, query: str, **more: object) -> set[str]:
    return {code for code, _ in await errors_of(client, query, **more)}
