"""Databases to test with. TEST_DATABASE=sqlite (the default) or postgres chooses the dialect of a run."""

import asyncio
import gc
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import asyncpg
import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from tortoise.apps import Apps
from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.context import TortoiseContext
from tortoise.transactions import in_transaction

import models
import settings
from domain import clock as the_clock
from domain import passwords
from models import database as databases
from models.sql import Dialect
from server import YOUNG_OBJECTS
from tests.reachable import postgres_url

MOMENT = datetime(2026, 11, 21, 20, 46, tzinfo=UTC)
# Tests make documents, plans and worlds by the thousand and leave them: to look for cycles took a fifth of their time.
OBJECTS_OF_TESTS = 10 * YOUNG_OBJECTS
# They also send more statements than any one server, and PostgreSQL plans anew what its connection has forgotten.
STATEMENTS_OF_TESTS = 2_000
# As cheap as the algorithm allows: how dear hashes are in earnest is tested with the passwords.
LEAST_HASHES = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
EVERY_TABLE = [table._meta.db_table for table in models.TABLES]
# Scripts that delete every row. Rows of two tables point at each other.
SWEPT = {
    # One statement, after which references are checked. `truncate` makes all files anew, however few rows there are.
    Dialect.POSTGRES: f"with {', '.join(f'_{each} as (delete from {each})' for each in EVERY_TABLE)} select",
    Dialect.SQLITE: f"pragma foreign_keys = off; delete from {'; delete from '.join(EVERY_TABLE)};"
    " pragma foreign_keys = on",
}


class _UndoError(Exception):
    """Ends a test's transaction."""


# ── what is run ──

_left_out = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--only-what-asks-a-database",
        action="store_true",
        help="leave out the tests that have the same result on every database, as another run has them",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, where that is asked, the tests that ask no database: nothing that they are given knows the dialect."""
    if config.getoption("--only-what-asks-a-database"):
        asking: list[pytest.Item] = []
        left_out: list[pytest.Item] = []
        for item in items:
            (asking if "dialect" in getattr(item, "fixturenames", ["dialect"]) else left_out).append(item)
        config.stash[_left_out] = len(left_out)
        config.hook.pytest_deselected(items=left_out)
        items[:] = asking


def pytest_configure() -> None:
    """Do not collect while modules come: they stay."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Keep the collector from what stays, as the server does: modules, schema and the tests themselves."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_OF_TESTS)
    gc.enable()


def pytest_report_collectionfinish(config: pytest.Config) -> str:
    if _left_out not in config.stash:
        return ""
    return f"left to the run on another database: {config.stash[_left_out]} tests that ask none"


@pytest.fixture(scope="module")
def uncollected() -> Iterator[None]:
    """Do not collect while a module runs that makes much, nor look through it afterwards: the run ends before long."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


# ── surroundings ──


@pytest.fixture(scope="session")
def dialect() -> Dialect:
    """Tell which database this run tests with."""
    return Dialect(os.environ.get("TEST_DATABASE", "sqlite"))


@pytest.fixture(scope="session", autouse=True)
def _own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let no test read or write the developer's own data."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("COUNTERSIGN_")]:
            patch.delenv(name)
        patch.setenv("COUNTERSIGN_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        settings.load.cache_clear()
        yield
    settings.load.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def _queries_built_once() -> Iterator[None]:
    """Build the filters and queries of all tables once: Tortoise does so each time that it connects."""
    build, built = Apps._build_initial_querysets, list[object]()

    def build_what_is_new(apps: Apps) -> None:
        asked = [apps._connections.get("default").capabilities.dialect, *apps.apps.values()]
        if asked != built:
            build(apps)
            built[:] = asked

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Apps, "_build_initial_querysets", build_what_is_new)
        yield


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the test a DATA_DIR of its own: an empty Maildir, its own key."""
    monkeypatch.setenv("COUNTERSIGN_DATA_DIR", str(tmp_path))
    settings.load.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    settings.load.cache_clear()


@pytest.fixture
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with less work than the product does, for tests in which a password is only something that people give."""
    monkeypatch.setattr(passwords, "_argon2id", LEAST_HASHES)
    monkeypatch.setattr(passwords, "_NOBODYS", LEAST_HASHES.hash(secrets.token_bytes(16)))


@pytest.fixture
def clock() -> Iterator[ModuleType]:
    """Stop the clock at MOMENT; the test moves it by `clock.advance(...)`."""
    with the_clock.frozen_at(MOMENT):
        yield the_clock


# ── databases ──

Copied = Callable[[], AbstractAsyncContextManager[str]]


@pytest.fixture(scope="session")
async def copied(dialect: Dialect, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Copied]:
    """Migrate an empty database, once, and make others like it: `async with copied() as url`."""
    if dialect is Dialect.SQLITE:
        file = tmp_path_factory.mktemp("migrated") / "migrated.sqlite3"
        await databases.migrate(f"sqlite://{file}?synchronous=OFF")
        yield partial(_new_sqlite, file)
        return
    async with new_postgres() as url:
        await databases.migrate(url)
        yield partial(new_postgres, like=urlsplit(url).path[1:])


@pytest.fixture(scope="session")
async def template(copied: Copied) -> AsyncIterator[str]:
    """Make a migrated database in which nobody leaves a row. Its URL."""
    async with copied() as url:
        yield url


class _AtOnce:
    """In the place of aiosqlite's queue: what it is given is done when it is given."""

    def put_nowait(self, task: tuple[asyncio.Future[object] | None, Callable[[], object]]) -> None:
        future, function = task
        try:
            result = function()
        except Exception as error:
            if future is None:
                raise
            future.set_exception(error)
        else:
            if future is not None:
                future.set_result(result)


class _NoThread:
    def __init__(self, target: object, args: object) -> None:
        pass

    def start(self) -> None:
        pass


async def open_at_once(context: TortoiseContext) -> None:
    """Open a database of which this task is the only user. SQLite then works in this thread.

    Whoever is alone waits for each statement anyhow, and to wake a thread and be woken takes longer than most of them.
    PostgreSQL's answers are awaited without a timer for each, of which the loop would keep thousands.
    """
    if isinstance(client := context.db(), AsyncpgDBClient):
        client.extra.update(command_timeout=None, statement_cache_size=STATEMENTS_OF_TESTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aiosqlite.core.SimpleQueue", _AtOnce)
        patch.setattr("aiosqlite.core.Thread", _NoThread)
        await context.db().create_connection(with_db=True)


@pytest.fixture(scope="session")
async def _opened_template(template: str) -> AsyncIterator[TortoiseContext]:
    async with databases.connected(template) as context:
        await open_at_once(context)
        yield context


@pytest.fixture
async def database(_opened_template: TortoiseContext) -> AsyncIterator[None]:
    """Open an empty database in a transaction that is rolled back after the test: whoever else looks sees nothing."""
    with _opened_template, suppress(_UndoError):
        async with in_transaction():
            yield
            raise _UndoError


@pytest.fixture
async def committed(
    dialect: Dialect, template: str, _opened_template: TortoiseContext, copied: Copied
) -> AsyncIterator[str]:
    """Open an empty database in which the test really commits, for tests with connections of their own. Its URL."""
    if dialect is Dialect.POSTGRES:
        with _opened_template:
            yield template
            await _opened_template.db().execute_script(SWEPT[dialect])
    else:
        async with copied() as url, databases.connected(url):
            yield url


@pytest.fixture
async def blank(dialect: Dialect, tmp_path: Path) -> AsyncIterator[str]:
    """Make a database without any table. Its URL."""
    if dialect is Dialect.SQLITE:
        yield f"sqlite://{tmp_path / 'blank.sqlite3'}"
        return
    async with new_postgres() as url:
        yield url


@asynccontextmanager
async def _new_sqlite(like: Path) -> AsyncIterator[str]:
    file = like.with_name(f"{secrets.token_hex(6)}.sqlite3")
    shutil.copyfile(like, file)
    try:
        yield f"sqlite://{file}?synchronous=OFF"
    finally:
        file.unlink()


@asynccontextmanager
async def new_postgres(like: str = "template0") -> AsyncIterator[str]:
    """Make a database on the PostgreSQL server, and drop it afterwards whoever is still connected.

    Nobody pulls the plug of a test: what is committed there need not be on the disk.
    """
    name = f"cs_test_{secrets.token_hex(6)}"
    await _on_server(f"create database {name} template {like} encoding 'UTF8'")
    try:
        await _on_server(f"alter database {name} set synchronous_commit = off")
        yield urlsplit(postgres_url())._replace(path=f"/{name}").geturl()
    finally:
        await _on_server(f"drop database {name} with (force)")


async def _on_server(statement: str) -> None:
    connection = await asyncpg.connect(databases.dsn(postgres_url()))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
