"""What Tortoise 1.1.9 does wrong with our data, put right.

Each patch names the defect, and tests/models/test_traps.py shows it. Remove a patch when its test passes without it on
a newer Tortoise.
"""

import asyncio
import contextlib
import dataclasses
import re
import sqlite3
from collections.abc import Coroutine
from types import TracebackType

import asyncpg
import tortoise.models
from asyncpg.pool import PoolConnectionProxy
from tortoise.backends.base.client import (
    BaseDBAsyncClient,
    ConnectionWrapper,
    PoolConnectionWrapper,
    TransactionalDBClient,
    TransactionContextPooled,
)
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionContext, SqliteTransactionWrapper
from tortoise.connection import get_connections
from tortoise.exceptions import OperationalError, TransactionManagementError
from tortoise.fields import Field
from tortoise.migrations.operations import RunPython
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_editor.sqlite import SqliteSchemaEditor
from tortoise.migrations.schema_generator.state import State
from tortoise.migrations.schema_generator.state_apps import StateApps
from tortoise.models import Model

# What asyncpg raises when the connection that it works on is lost: the last, when that is while it is given back.
LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_remake_table = SqliteSchemaEditor._remake_table
_clone = State.clone
_build_queries = StateApps._build_initial_querysets
_run_python = RunPython.database_forward

# ── transactions ──


async def _uninterrupted(work: Coroutine[None, None, None]) -> bool:
    """Do the work to its end even if this task is cancelled meanwhile; tell whether it was."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
            cancelled = True
    task.result()
    return cancelled


async def _begin(transaction: TransactionalDBClient) -> None:
    """Begin, or having been cancelled meanwhile, undo that."""
    if await _uninterrupted(transaction.begin()):
        await _uninterrupted(transaction.rollback())
        raise asyncio.CancelledError


async def _enter_sqlite(self: SqliteTransactionContext) -> SqliteTransactionWrapper:
    """Tortoise keeps the database's only lock for ever when a task is cancelled here (tortoise-orm #1757)."""
    await self._trxlock.acquire()
    try:
        await self.ensure_connection()
        await _begin(self.connection)
        self.token = get_connections().set(self.connection_name, self.connection)
    except BaseException:
        self._trxlock.release()
        raise
    connection: SqliteTransactionWrapper = self.connection
    return connection


async def _exit_sqlite(
    self: SqliteTransactionContext,
    exc_type: type[BaseException] | None,
    _value: BaseException | None,
    _traceback: TracebackType | None,
) -> None:
    """Tortoise leaves BEGIN open after a TransactionManagementError, and the next transaction commits what it wrote."""
    try:
        if self.connection._finalized:
            return
        if exc_type is None:
            await self.connection.commit()
        else:
            await self.connection.rollback()
    finally:
        get_connections().reset(self.token)
        self._trxlock.release()


async def _enter_pooled(self: TransactionContextPooled) -> TransactionalDBClient:
    """Tortoise never gives the pool its connection back when a task is cancelled here."""
    await self.ensure_connection()
    pool = self.client._parent._pool
    self.client._connection = await pool.acquire()
    try:
        await _begin(self.client)
        self.token = get_connections().set(self.connection_name, self.client)
    except BaseException:
        await _uninterrupted(_give_back(pool, self.client._connection))
        raise
    return self.client


async def _exit_pooled(
    self: TransactionContextPooled,
    exc_type: type[BaseException] | None,
    _value: BaseException | None,
    _traceback: TracebackType | None,
) -> None:
    """Tortoise leaves a task that is cancelled here with the transaction that has ended, for whatever it does next.

    Where the connection is lost, it lets the rollback's failure hide what the rollback was for.
    """
    try:
        if self.client._finalized:
            return
        if exc_type is None:
            await self.client.commit()
        else:
            with contextlib.suppress(*LOST):  # then it is undone by the server, or when the connection is given back
                await self.client.rollback()
    finally:
        get_connections().reset(self.token)
        await _uninterrupted(_give_back(self.client._parent._pool, self.client._connection))


async def _exit_acquired(
    self: PoolConnectionWrapper[PoolConnectionProxy],
    _type: type[BaseException] | None,
    _value: BaseException | None,
    _traceback: TracebackType | None,
) -> None:
    """Tortoise says that a statement failed which was carried out, when its connection is lost only afterwards."""
    if self.connection is not None:
        await _give_back(self.client._pool, self.connection)


async def _give_back(pool: asyncpg.Pool, connection: PoolConnectionProxy) -> None:
    """Release a connection. That it is lost meanwhile fails nobody's work: asyncpg puts a new one in its place."""
    with contextlib.suppress(*LOST):
        await pool.release(connection)


async def _begin_immediate(self: SqliteTransactionWrapper) -> None:
    """Tortoise begins without the write lock; SQLite then refuses to let a reader write, however long it may wait."""
    try:
        await self._connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        raise OperationalError(error) from error


def _acquire_unfinished(self: SqliteTransactionWrapper) -> ConnectionWrapper[SqliteTransactionWrapper]:
    """Tortoise lets a task that was started in a transaction write on after its end, into whose ever is open then."""
    owner: BaseDBAsyncClient = self
    while isinstance(owner, SqliteTransactionWrapper):
        if owner._finalized:
            raise TransactionManagementError("the transaction in which this task was started is over")
        owner = owner._parent
    return ConnectionWrapper(self._lock, self)


async def _execute_many_in_transaction(self: SqliteClient, query: str, values: list[list[object]]) -> None:
    """Tortoise leaves BEGIN open when a task is cancelled here; what is written later is then never committed."""
    async with self._in_transaction() as transaction:
        await transaction.execute_many(query, values)


async def _execute_statements(self: SqliteTransactionWrapper, script: str) -> None:
    """Tortoise hands the script to `executescript`, which first commits the transaction that it is in."""
    for statement in _statements(script):
        await self.execute_query(statement)


def _statements(script: str) -> list[str]:
    """Take a script apart, where a semicolon ends a statement and not inside a literal, comment or trigger."""
    statements: list[str] = []
    pending = ""
    for piece in script.split(";"):
        pending += piece + ";"
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return [statement for statement in statements if statement.strip(" \t\r\n;")]


# ── migrations ──


async def _run_script(self: SqliteSchemaEditor, script: str) -> None:
    """Tortoise takes a migration's script apart at every semicolon, those inside literals included."""
    if self.collect_sql:
        self.collected_sql.append(script)
    else:
        await self.client.execute_script(script)


async def _remake_table_whole(
    self: SqliteSchemaEditor,
    model: type[Model],
    create_field: Field[object] | None = None,
    delete_field: Field[object] | None = None,
    alter_fields: list[tuple[Field[object], Field[object]]] | None = None,
) -> None:
    """Tortoise alters a table by making it anew, which deletes the rows that point at it, and loses its indexes.

    The rows are kept by not enforcing references meanwhile (`database.migrate` checks them afterwards); indexes and
    triggers are read before and made again after.
    """
    table = model._meta.db_table
    enforced = await self.client.execute_query_dict("select 1 from pragma_foreign_keys where foreign_keys")
    if enforced and not self.collect_sql:
        raise OperationalError("migrate without foreign_keys: remaking a table would delete the rows that point at it")
    kept = await self.client.execute_query_dict(
        "select sql from sqlite_master where tbl_name = ? and type in ('index', 'trigger') and sql is not null", [table]
    )
    await _remake_table(self, model, create_field=create_field, delete_field=delete_field, alter_fields=alter_fields)
    gone = delete_field and (delete_field.source_field or delete_field.model_field_name)
    for row in kept:
        if not (gone and re.search(rf"\b{gone}\b", row["sql"].partition("(")[2])):
            await self._run_sql(row["sql"])
    for columns in _together(model):
        if gone not in columns:
            name = self._get_unique_constraint_name(model, columns)
            listed = ", ".join(map(self.quote, columns))
            await self._run_sql(
                f"CREATE UNIQUE INDEX IF NOT EXISTS {self.quote(name)} ON {self.quote(table)} ({listed})"
            )


def _together(model: type[Model]) -> list[list[str]]:
    """List the columns of every `unique_together`; in a table as Tortoise creates it they are no index of their own."""
    return [
        [model._meta.fields_map[name].source_field or name for name in names] for names in model._meta.unique_together
    ]


class _Clone(State):
    """What a State was when it was cloned. Its models are made when somebody looks at them."""

    def __init__(self, then: State) -> None:
        self._then = then

    def __getattr__(self, name: str) -> object:
        """Find `models` and `apps`, the fields of a State, where they are not there yet."""
        if name not in {"models", "apps"}:
            raise AttributeError(name)
        made = _clone(self._then)
        self.models, self.apps = made.models, made.apps
        return getattr(self, name)


def _clone_when_needed(self: State) -> State:
    """Tortoise makes every table's model anew before each operation, and hardly an operation looks at what was before.

    Operations exchange fields and options of a State; none changes a field. So it is enough to note which there are.
    """
    noted = {
        key: dataclasses.replace(model, options=dict(model.options), fields=dict(model.fields))
        for key, model in self.models.items()
    }
    return _Clone(State(noted, self.apps))


def _build_no_queries(_self: StateApps) -> None:
    """Tortoise builds every table's filters and queries anew after each operation, and only RunPython asks them."""


async def _run_python_that_asks(
    self: RunPython, app_label: str, old_state: State, new_state: State, state_editor: BaseSchemaEditor | None = None
) -> None:
    """Build what `_build_no_queries` has left out."""
    _build_queries(old_state.apps)
    await _run_python(self, app_label, old_state, new_state, state_editor)


# ── models ──


def _read_no_comments(_model: type[Model]) -> dict[str, str]:
    """Tortoise parses a module's source once for each of its models, to write comments `#:` into the schema."""
    return {}


PATCHES = (
    (tortoise.models, "_get_comments", _read_no_comments),
    (SqliteTransactionContext, "__aenter__", _enter_sqlite),
    (SqliteTransactionContext, "__aexit__", _exit_sqlite),
    (SqliteTransactionWrapper, "begin", _begin_immediate),
    (SqliteTransactionWrapper, "acquire_connection", _acquire_unfinished),
    (SqliteTransactionWrapper, "execute_script", _execute_statements),
    (SqliteClient, "execute_many", _execute_many_in_transaction),
    (TransactionContextPooled, "__aenter__", _enter_pooled),
    (TransactionContextPooled, "__aexit__", _exit_pooled),
    (PoolConnectionWrapper, "__aexit__", _exit_acquired),
    (SqliteSchemaEditor, "_run_sql", _run_script),
    (SqliteSchemaEditor, "_remake_table", _remake_table_whole),
    (State, "clone", _clone_when_needed),
    (StateApps, "_build_initial_querysets", _build_no_queries),
    (RunPython, "database_forward", _run_python_that_asks),
)


def install() -> None:
    """Put every patch in place; doing it again changes nothing."""
    for owner, name, patch in PATCHES:
        setattr(owner, name, patch)
