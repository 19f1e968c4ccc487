"""Reads from which rows vanish for a while, in a transaction that is rolled back.

They have one connection for all that is read, before and then: each statement is prepared once.
"""

import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import orjson

from resolvers import reads
from resolvers.reads import PostgresReads, SqliteReads

# More than are asked.
STATEMENTS = 100_000


class VanishingSqlite(SqliteReads):
    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[SqliteReads]:
        """Nobody writes while a test reads."""
        yield self

    @asynccontextmanager
    async def without(self, rows: Mapping[str, Sequence[str]]) -> AsyncIterator[None]:
        """Read as if there were none of some rows: of each table those with some ids."""
        connection = self._connected()
        connection.execute("begin")
        try:
            for table, ids in rows.items():
                connection.execute(
                    f"delete from {table} where id in (select value from json_each(?))", [orjson.dumps(ids).decode()]
                )
            yield
        finally:
            connection.execute("rollback")

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(self._path, isolation_level=None, cached_statements=STATEMENTS)
        return self._connection


class VanishingPostgres(PostgresReads):
    async def open(self) -> None:
        await super().open()
        [connection] = self._free
        # References are not checked, then: from the start, as PostgreSQL forgets all plans when this changes.
        await connection.execute("set default_transaction_read_only = off; set session_replication_role = replica")

    @asynccontextmanager
    async def without(self, rows: Mapping[str, Sequence[str]]) -> AsyncIterator[None]:
        """Read as if there were none of some rows: of each table those with some ids."""
        [connection] = self._free
        transaction = connection.transaction(isolation="repeatable_read")
        await transaction.start()
        try:
            for table, ids in rows.items():
                await connection.execute(f"delete from {table} where id = any($1)", ids)
            yield
        finally:
            await transaction.rollback()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[VanishingSqlite | VanishingPostgres]:
    """The reads of a database, for the length of a block."""
    usual = reads.of_url(url)
    vanishing: VanishingSqlite | VanishingPostgres
    if isinstance(usual, SqliteReads):
        vanishing = VanishingSqlite(usual._path)
    else:
        vanishing = VanishingPostgres(usual._url, size=1)
    await vanishing.open()
    try:
        yield vanishing
    finally:
        await vanishing.close()
