"""Which faults mean that the database is away, for a while, rather than that something of ours is wrong."""

import sqlite3
from collections.abc import Iterator

import asyncpg
from tortoise.exceptions import DBConnectionError

_AWAY = (
    OSError,  # refused, reset, timed out
    DBConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InterfaceError,  # the pool's connection is closed
)
_SQLITE_AWAY = ("SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_LOCKED", "SQLITE_READONLY")


def database_is_away(fault: BaseException) -> bool:
    """Whether a fault, or one that it was raised from or wraps, comes from a database that cannot be used now."""
    return any(isinstance(each, _AWAY) or _sqlite_is_away(each) for each in _chain(fault))


def _sqlite_is_away(fault: BaseException) -> bool:
    return isinstance(fault, sqlite3.Error) and getattr(fault, "sqlite_errorname", "").startswith(_SQLITE_AWAY)


def _chain(fault: BaseException | None) -> Iterator[BaseException]:
    while fault is not None:
        yield fault
        yield from (wrapped for wrapped in fault.args if isinstance(wrapped, BaseException))
        fault = fault.__cause__ or fault.__context__
