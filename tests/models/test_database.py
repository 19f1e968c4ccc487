import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tortoise.connection import get_connection
from tortoise.exceptions import ConfigurationError
from tortoise.transactions import in_transaction

from models import database as databases
from models import tortoise_patches
from models.sql import Dialect
from resolvers import reads


@pytest.mark.parametrize(
    ("url", "dialect", "dsn"),
    [
        ("postgres://ada:x%40y@db:5433/cs?maxsize=3", Dialect.POSTGRES, "postgresql://ada:x%40y@db:5433/cs"),
        ("postgresql://db/cs", Dialect.POSTGRES, "postgresql://db/cs"),
        ("asyncpg://db/cs", Dialect.POSTGRES, "postgresql://db/cs"),
    ],
)
def test_a_postgresql_url_may_be_written_in_any_usual_way(url: str, dialect: Dialect, dsn: str) -> None:
    assert (databases.dialect(url), databases.dsn(url)) == (dialect, dsn)


def test_a_url_of_another_database_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not with mysql"):
        databases.dialect("mysql://db/cs")


def test_without_a_url_the_database_is_a_file_in_the_data_folder(tmp_path: Path) -> None:
    data_dir = tmp_path / "new" / "data"
    assert databases.url_for(None, data_dir) == f"sqlite://{data_dir}/countersign.sqlite3"
    assert data_dir.is_dir()
    assert databases.url_for("postgres://db/cs", data_dir) == "postgres://db/cs"


async def test_a_database_is_current_once_it_is_migrated(blank: str) -> None:
    async with databases.connected(blank):
        assert not await databases.is_current()
    await databases.migrate(blank)
    async with databases.connected(blank):
        assert await databases.is_current()


async def test_sqlite_enforces_references_and_waits_for_its_turn(committed: str, dialect: Dialect) -> None:
    if dialect is not Dialect.SQLITE:
        pytest.skip("is about SQLite's pragmas")
    assert await _settings("select * from pragma_foreign_keys, pragma_busy_timeout, pragma_journal_mode") == {
        "foreign_keys": 1,
        "timeout": 30000,
        "journal_mode": "wal",
    }


async def test_postgresql_lets_nobody_wait_for_ever(committed: str, dialect: Dialect) -> None:
    if dialect is not Dialect.POSTGRES:
        pytest.skip("is about PostgreSQL's timeouts")
    shown = ", ".join(f"current_setting('{name}') as {name}" for name in databases.POSTGRES_SETTINGS)
    assert await _settings(f"select {shown}") == {
        "statement_timeout": "30s",
        "lock_timeout": "10s",
        "idle_in_transaction_session_timeout": "1min",
    }


async def test_postgresql_is_asked_nothing_but_the_statement(committed: str, dialect: Dialect) -> None:
    if dialect is not Dialect.POSTGRES:
        pytest.skip("is about PostgreSQL's pool")
    async with databases.connected(committed):
        used = await _settings("select pg_backend_pid() as pid")
        await databases.ping()
        async with databases.connected(committed):
            last = await _settings(f"select query from pg_stat_activity where pid = {used['pid']}")
    assert last == {"query": "select 1"}


async def _settings(query: str) -> dict[str, object]:
    [row] = await get_connection(databases.CONNECTION).execute_query_dict(query)
    return dict(row)


# ── a server that is away, or says nothing ──


class Door:
    """Stands in front of PostgreSQL. Cut, it ends what is open and refuses the rest; silent, it swallows every word."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._port = 0
        self.silent = False

    @property
    def url(self) -> str:
        return self._to._replace(netloc=f"{self._to.username}@127.0.0.1:{self._port}").geturl()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
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
            await asyncio.gather(self._pumped(reader, onward_writer), self._pumped(onward_reader, writer))
        self._open -= {writer, onward_writer}

    async def _pumped(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if not self.silent:
                writer.write(data)
                await writer.drain()
        writer.close()


@pytest.fixture
async def door(committed: str, dialect: Dialect) -> AsyncIterator[Door]:
    if dialect is not Dialect.POSTGRES:
        pytest.skip("SQLite is no server")
    door = Door(committed)
    await door.open()
    yield door
    await door.cut()


async def _write() -> None:
    async with in_transaction() as connection:
        await connection.execute_query("select 1")


@pytest.mark.parametrize("work", [databases.ping, _write])
async def test_a_server_that_says_nothing_any_more_keeps_nobody_for_ever(
    door: Door, monkeypatch: pytest.MonkeyPatch, work: Callable[[], Awaitable[None]]
) -> None:
    monkeypatch.setattr(databases, "LONGEST_CONNECT", 1.0)
    monkeypatch.setattr(databases, "LONGEST_ANSWER", 1.0)
    async with databases.connected(door.url):
        await asyncio.gather(*[work() for _ in range(5)])
        door.silent = True
        assert await _ends_of(work, 7) == [TimeoutError] * 7
        door.silent = False
        await asyncio.gather(*[work() for _ in range(5)])


async def test_a_read_waits_for_no_server_that_says_nothing_any_more(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "ANSWER_SECONDS", 1.0)
    read = reads.PostgresReads(door.url, size=2)
    await read.open()
    door.silent = True
    assert await _ends_of(lambda: read.fetch("select 1"), 1) == [TimeoutError]
    door.silent = False
    assert [tuple(row) for row in await read.fetch("select 1")] == [(1,)]
    await read.close()


async def _ends_of(work: Callable[[], Awaitable[object]], times: int) -> list[type[BaseException]]:
    """How each of several at once fails; those that do not end are missing."""
    tasks = [asyncio.ensure_future(work()) for _ in range(times)]
    done, pending = await asyncio.wait(tasks, timeout=20)
    for task in pending:
        task.cancel()
    return [type(error) for task in done if (error := task.exception())]


async def test_while_the_server_is_away_its_driver_fills_no_log(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    async with databases.connected(door.url):
        await databases.ping()
        await door.cut()
        with pytest.raises(tortoise_patches.LOST):
            await databases.ping()
        await asyncio.sleep(0.1)
        assert [record for record in caplog.records if record.name.startswith("asyncpg")] == []
        await door.open()
        await databases.ping()
