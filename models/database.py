"""Where the rows are kept, and how they got their present form."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.connection import get_connection
from tortoise.context import TortoiseContext
from tortoise.exceptions import ConfigurationError, OperationalError
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget
from tortoise.migrations.schema_editor import AsyncpgSchemaEditor, SqliteSchemaEditor
from tortoise.transactions import in_transaction

from models.sql import Dialect

APP = "models"
CONNECTION = "default"
NEWEST = "__latest__"
APPS = {APP: {"models": ["models"], "migrations": "models.migrations", "default_connection": CONNECTION}}
# For `tortoise makemigrations`, which compares models with migrations and opens no database.
MAKING_MIGRATIONS = {"connections": {CONNECTION: "sqlite://:memory:"}, "apps": APPS}

DIALECTS = {
    "sqlite": Dialect.SQLITE,
    "postgres": Dialect.POSTGRES,
    "postgresql": Dialect.POSTGRES,
    "asyncpg": Dialect.POSTGRES,
}
SCHEMA_EDITORS = {Dialect.SQLITE: SqliteSchemaEditor, Dialect.POSTGRES: AsyncpgSchemaEditor}

# Of all the numbers, the one that two `migrate` at once must not both hold.
MIGRATION_LOCK = 7_266_219_841
# An embedded database is synced at checkpoints, and whoever finds it locked waits its turn.
SQLITE_PRAGMAS = {"synchronous": "NORMAL", "busy_timeout": "30000"}
# Nobody waits for ever, and nobody who stopped in the middle keeps others waiting.
POSTGRES_SETTINGS = {
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
}
# A server that says nothing any more keeps to no setting. In seconds; an answer has a few more than its statement.
LONGEST_CONNECT = 10.0
LONGEST_ANSWER = 35.0
# No connection is held in reserve: while the database is away, asyncpg logs a traceback each time it has not got one.
POSTGRES_POOL = {"minsize": "0"}


def url_for(database_url: str | None, data_dir: Path) -> str:
    """Tell where the database is; without a URL, a SQLite file in the data folder, which is made if need be."""
    if database_url is not None:
        return database_url
    data_dir.mkdir(parents=True, exist_ok=True)
    return f"sqlite://{data_dir.resolve() / 'countersign.sqlite3'}"


def dialect(url: str) -> Dialect:
    """Tell which of the two databases a URL leads to."""
    scheme = url.partition("://")[0]
    if scheme not in DIALECTS:
        raise ConfigurationError(f"a database URL begins with one of {', '.join(DIALECTS)}, not with {scheme}")
    return DIALECTS[scheme]


def dsn(url: str) -> str:
    """Say a PostgreSQL URL as its own driver reads it: `postgresql://…`, without the query, which is Tortoise's."""
    return urlunsplit(urlsplit(url)._replace(scheme="postgresql", query=""))


@asynccontextmanager
async def connected(
    url: str, *, foreign_keys: bool = True, everywhere: bool = False, patient: bool = False
) -> AsyncIterator[TortoiseContext]:
    """Open the database for the models, and close it whatever happens.

    Without `foreign_keys`, SQLite does not check references: for migrations alone. With `everywhere`, tasks that were
    not started inside the block use it too: for the server alone, one at a time in a process. Who is `patient` waits
    for an answer as long as it takes: for migrations alone.
    """
    # Tortoise keeps INSERT statements by connection and table, and would speak the one dialect to the other database.
    EXECUTOR_CACHE.clear()
    async with TortoiseContext() as context:
        await context.init(
            config={"connections": {CONNECTION: _tortoise_url(url, foreign_keys=foreign_keys)}, "apps": APPS},
            _enable_global_fallback=everywhere,
        )
        if isinstance(client := context.db(), AsyncpgDBClient):
            client.server_settings.update(POSTGRES_SETTINGS)
            client.extra.update(
                timeout=LONGEST_CONNECT, command_timeout=None if patient else LONGEST_ANSWER, reset=_as_it_is
            )
        yield context


async def _as_it_is(connection: object) -> None:
    """Take a connection back as it is: asyncpg has undone what was open, and whatever is set, is set in a transaction.

    What asyncpg resets by itself takes a second way to the server after every statement that is in no transaction.
    """


async def migrate(url: str) -> None:
    """Bring the database to the newest form, in one transaction. Of several at once, each waits for the one before."""
    kind = dialect(url)
    async with connected(url, foreign_keys=False, patient=True), in_transaction() as connection:
        if kind is Dialect.POSTGRES:
            await connection.execute_script("set local statement_timeout = 0; set local lock_timeout = 0")
            await connection.execute_query("select pg_advisory_xact_lock($1)", [MIGRATION_LOCK])
        executor = MigrationExecutor(connection, APPS)
        # First, as Tortoise looks into this table before it makes it: for PostgreSQL the transaction would have failed.
        await executor.recorder.ensure_schema(SCHEMA_EDITORS[kind](connection, atomic=False))
        await executor.migrate([MigrationTarget(APP, NEWEST)])
        if kind is Dialect.SQLITE:
            await _check_references(connection)


def _tortoise_url(url: str, *, foreign_keys: bool) -> str:
    parts = urlsplit(url)
    if dialect(url) is Dialect.POSTGRES:
        pool = POSTGRES_POOL | dict(parse_qsl(parts.query))
        return urlunsplit(parts._replace(scheme="asyncpg", query=urlencode(pool)))
    pragmas = SQLITE_PRAGMAS | dict(parse_qsl(parts.query)) | {"foreign_keys": "ON" if foreign_keys else "OFF"}
    return f"{url.partition('?')[0]}?{urlencode(pragmas)}"


async def _check_references(connection: BaseDBAsyncClient) -> None:
    """See that rebuilding tables left no row without what it points at."""
    orphans = await connection.execute_query_dict("pragma foreign_key_check")
    if orphans:
        raise OperationalError(f"the migration would leave rows that point at nothing: {orphans}")


async def ping() -> None:
    """Ask the connected database anything. Raises what its driver raises when it cannot be asked."""
    await get_connection("default").execute_query("select 1")


async def is_current() -> bool:
    """Tell whether the connected database has its newest form: no migration is left to do."""
    return not await MigrationExecutor(get_connection("default"), APPS).plan([MigrationTarget(APP, NEWEST)])
