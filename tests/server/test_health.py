"""The server lives without its database, says so, and goes on by itself when it is back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import httpx2
import pytest

from models import database
from models.sql import Dialect
from tests.server.serving import http, ready, running, until

QUERY = {"query": "{ __typename }"}


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look after the database more often than once a second: what is found, not when, is what is tested here."""
    monkeypatch.setattr("server.ATTEND_SECONDS", 0.05)


class Switch:
    """A door in front of PostgreSQL that a test can close: open connections end, new ones are refused."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._port = 0

    @property
    def url(self) -> str:
        return self._to._replace(netloc=f"{self._to.username}@127.0.0.1:{self._port}").geturl()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for each in self._open:
            each.transport.abort()
        self._open.clear()
        await self._server.wait_closed()
        self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward_reader, onward_writer = await asyncio.open_connection(self._to.hostname, self._to.port or 5432)
        self._open |= {writer, onward_writer}
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(_pumped(reader, onward_writer), _pumped(onward_reader, writer))
        self._open -= {writer, onward_writer}


async def _pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


@pytest.fixture
async def switch(committed: str, dialect: Dialect, chosen: Callable[..., None]) -> AsyncIterator[Switch]:
    if dialect is Dialect.SQLITE:
        pytest.skip("an embedded database is never away")
    door = Switch(committed)
    await door.open()
    chosen(DATABASE_URL=door.url)
    yield door
    await door.close()


async def test_a_server_that_serves_is_alive_and_ready(served: httpx2.AsyncClient) -> None:
    live, ready_ = await served.get("/health/live"), await served.get("/health/ready")
    assert (live.status_code, live.json()) == (200, {"status": "alive"})
    assert (ready_.status_code, ready_.json()) == (200, {"status": "ready"})


async def test_a_database_without_its_tables_is_waited_for(blank: str, chosen: Callable[..., None]) -> None:
    chosen(DATABASE_URL=blank)
    async with running() as url, http(url) as client:

        async def has_looked() -> bool:
            return "migrate" in (await client.get("/health/ready")).text

        await until(has_looked)
        answer = await client.get("/health/ready")
        assert (answer.status_code, answer.json()["problem"]) == (
            503,
            "The database is not migrated: run `python server.py migrate`.",
        )
        assert (await client.post("/graphql", json=QUERY)).status_code == 503
        await database.migrate(blank)
        await ready(client)
        assert (await client.post("/graphql", json=QUERY)).json() == {"data": {"__typename": "Query"}}


async def test_a_database_that_goes_away_is_said_and_waited_for(switch: Switch) -> None:
    async with running() as url, http(url) as client:
        await ready(client)
        await switch.close()
        said = await ready(client, 503)
        refused = await client.post("/graphql", json=QUERY)
        page = await client.get("/l")
        alive = await client.get("/health/live")
        await switch.open()
        await ready(client)
        answered = await client.post("/graphql", json=QUERY)
    assert said.json() == {"status": "not ready", "problem": "The database is not reachable."}
    assert said.headers["retry-after"] == "2"
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert refused.json()["errors"][0]["extensions"] == {"code": "INTERNAL"}
    assert (page.status_code, page.headers["retry-after"]) == (503, "2")
    assert alive.status_code == 200
    assert answered.json() == {"data": {"__typename": "Query"}}


async def test_a_request_that_finds_the_database_gone_before_anybody_noticed_is_503(switch: Switch) -> None:
    async with running() as url, http(url) as client:
        await ready(client)
        await switch.close()
        answer = await client.post("/graphql", json={"query": "{ viewer { user { name } } }"}, headers=SIGNED_IN)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["errors"][0]["extensions"] == {"code": "INTERNAL"}


async def test_a_server_starts_without_its_database_and_takes_up_its_work_later(switch: Switch) -> None:
    await switch.close()
    async with running() as url, http(url) as client:
        refused = await client.post("/graphql", json=QUERY)
        await switch.open()
        await ready(client)
        answered = await client.post("/graphql", json=QUERY)
    assert refused.status_code == 503
    assert answered.json() == {"data": {"__typename": "Query"}}


SIGNED_IN = {"authorization": "Bearer whoever-this-is"}
