"""The connections that reads use: their own, without session state, and read-only on SQLite."""

import asyncio
import collections
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, cast

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from models.sql import Dialect

Rows = Sequence[Sequence[object]]
DEADLINE_MS: Final = 250
STATEMENTS: Final = 10_000
# How long an answer is waited for: a little longer than PostgreSQL may take, for one that says nothing any more.
ANSWER_SECONDS: Final = 6.0
_STEPS_BETWEEN_LOOKS: Final = 10_000


class _Connection(asyncpg.Connection):
    """A connection that finds its statements by their text alone: asyncpg's own way to them costs a tenth of asking."""

    prepared: dict[str, PreparedStatement]

    async def rows(self, query: str, values: Sequence[object]) -> Rows:
        """The rows of one statement."""
        statement = self.prepared.get(query) or await self._kept(query)
        try:
            return cast("Rows", await statement.fetch(*values))
        except (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError):
            # A migration changed what it reads.
            self.prepared.clear()
            return cast("Rows", await self.fetch(query, *values))

    async def _kept(self, query: str) -> PreparedStatement:
        if len(self.prepared) >= STATEMENTS:
            self.prepared.clear()
        statement = self.prepared[query] = await self.prepare(query)
        return statement


class PostgresReads:
    """A few connections, checked out without the pool's RESET (it costs more than a point read; nothing is ever set).

    `jit = off` and a statement cache that holds every plan: performance.md, part 4. Planned once for all values: else
    PostgreSQL goes on planning anew what joins many tables, for three times the work of reading it.
    """

    dialect = Dialect.POSTGRES

    def __init__(self, url: str, size: int = 8) -> None:
        self._url = url
        self._size = size
        self._free: collections.deque[_Connection] = collections.deque()
        self._waiting: collections.deque[asyncio.Future[_Connection | None]] = collections.deque()
        self._open = 0

    async def open(self) -> None:
        """Connect once, so that a wrong address shows at the start."""
        self._put(await self._get())

    async def close(self) -> None:
        """Close what is free; what is out is closed when it comes back."""
        self._size = 0
        while self._free:
            await self._free.pop().close()

    async def fetch(self, query: str, *values: object) -> Rows:
        """The rows of one statement."""
        free = self._free
        connection = free.pop() if free and not free[-1].is_closed() else await self._get()
        try:
            return await connection.rows(query, values)
        except TimeoutError:
            connection.terminate()
            raise
        finally:
            self._put(connection)

    async def finds(self, query: str, values: Sequence[object]) -> bool:
        """Whether a statement has any row."""
        return bool(await self.fetch(query, *values))

    async def rows(self, query: str, values: Sequence[object]) -> Rows:
        """The rows of one statement, for whoever asks both databases alike."""
        return await self.fetch(query, *values)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["_Snapshot"]:
        """Read one moment of the database, for the length of a block."""
        connection = await self._get()
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                yield _Snapshot(connection)
        except (asyncio.CancelledError, TimeoutError):
            connection.terminate()
            raise
        finally:
            self._put(connection)

    async def fetch_all(self, *asked: tuple[object, ...] | None) -> list[Rows]:
        """The rows of several independent statements, side by side; none for those that need not run."""
        found = iter(await asyncio.gather(*(self.fetch(*one) for one in asked if one)))  # type: ignore[arg-type]
        return [next(found) if one else () for one in asked]

    async def _get(self) -> _Connection:
        while True:
            if self._free:
                connection: _Connection | None = self._free.pop()
            elif self._open < self._size:
                return await self._connect()
            else:
                connection = await self._handed()
            if connection is not None:
                if not connection.is_closed():
                    return connection
                self._open -= 1

    async def _connect(self) -> _Connection:
        self._open += 1
        try:
            connection = await asyncpg.connect(
                self._url,
                connection_class=_Connection,
                statement_cache_size=STATEMENTS,
                max_cacheable_statement_size=0,
                max_cached_statement_lifetime=0,
                timeout=5,
                command_timeout=ANSWER_SECONDS,
                server_settings={
                    "application_name": "countersign reads",
                    "jit": "off",
                    "plan_cache_mode": "force_generic_plan",
                    "statement_timeout": "5000",
                    "default_transaction_read_only": "on",
                },
            )
        except BaseException:
            self._open -= 1
            self._wake()
            raise
        connection.prepared = {}
        return connection

    async def _handed(self) -> _Connection | None:
        """The next connection that comes back; null once one was lost."""
        waiter: asyncio.Future[_Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and (connection := waiter.result()):
                self._put(connection)
            raise

    def _put(self, connection: _Connection) -> None:
        if not self._size:
            connection.terminate()
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        self._free.append(connection)

    def _wake(self) -> None:
        """Let one who waits try to connect: a connection was lost."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


class _Snapshot:
    """One moment of PostgreSQL: what plans ask for, one statement after the other."""

    dialect = Dialect.POSTGRES

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def fetch(self, query: str, *values: object) -> Rows:
        """The rows of one statement."""
        return cast("Rows", await self._connection.fetch(query, *values))

    async def finds(self, query: str, values: Sequence[object]) -> bool:
        """Whether a statement has any row."""
        return bool(await self.fetch(query, *values))

    async def fetch_all(self, *asked: tuple[object, ...] | None) -> list[Rows]:
        """The rows of several."""
        return [await self.fetch(*one) if one else () for one in asked]  # type: ignore[arg-type]


class SqliteReads:
    """One read-only connection, used in line on the loop: a point read costs 6 µs there, and 65 through a thread.

    A statement that runs for over 250 ms is ended (`sqlite3.OperationalError: interrupted`).
    """

    dialect = Dialect.SQLITE

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._until = 0.0

    async def open(self) -> None:
        """Open the file, which must be there."""
        self._connected()

    async def close(self) -> None:
        """Close it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def fetch(self, query: str, *values: object) -> Rows:
        """The rows of one statement."""
        connection = self._connected()
        self._until = time.monotonic() + DEADLINE_MS / 1000
        return connection.execute(query, values).fetchall()

    async def finds(self, query: str, values: Sequence[object]) -> bool:
        """Whether a statement has any row."""
        return bool(self.fetch(query, *values))

    async def rows(self, query: str, values: Sequence[object]) -> Rows:
        """The rows of one statement, for whoever asks both databases alike."""
        return self.fetch(query, *values)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["SqliteReads"]:
        """Read one moment of the database, for the length of a block: through a connection of its own."""
        alone = SqliteReads(self._path)
        alone._connected().execute("begin")
        try:
            yield alone
        finally:
            await alone.close()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(
                f"{self._path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, cached_statements=1_000
            )
            connection.execute("pragma query_only = on")
            connection.execute("pragma busy_timeout = 5000")
            connection.set_progress_handler(lambda: time.monotonic() > self._until, _STEPS_BETWEEN_LOOKS)
            self._connection = connection
        return self._connection


def of_url(url: str) -> PostgresReads | SqliteReads:
    """The reads of a database by its Tortoise URL."""
    if url.startswith("sqlite://"):
        return SqliteReads(Path(url.removeprefix("sqlite://").partition("?")[0]))
    return PostgresReads("postgresql://" + url.partition("://")[2])


@asynccontextmanager
async def opened(url: str) -> "AsyncIterator[PostgresReads | SqliteReads]":
    """The reads of a database, for the length of a block."""
    reads = of_url(url)
    await reads.open()
    try:
        yield reads
    finally:
        await reads.close()
