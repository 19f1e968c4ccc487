"""Databases to test with. TEST_DATABASE=sqlite (the default) or postgres chooses the dialect of a run."""

import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import asyncpg
import pytest
from tortoise.context import TortoiseContext
from tortoise.transactions import in_transaction

import models
import settings
from domain import clock as the_clock
from models import database as databases
from models.sql import Dialect
from tests.reachable import postgres_url

MOMENT = datetime(2026, 11, 21, 20, 46, tzinfo=UTC)
EVERY_TABLE = ", ".join(table._meta.db_table for table in models.TABLES)


class _UndoError(Exception):
    """Ends a test's transaction."""


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


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the test a DATA_DIR of its own: an empty Maildir, its own key."""
    monkeypatch.setenv("COUNTERSIGN_DATA_DIR", str(tmp_path))
    settings.load.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    settings.load.cache_clear()


@pytest.fixture
def clock() -> Iterator[ModuleType]:
    """Stop the clock at MOMENT; the test moves it by `clock.advance(...)`."""
    with the_clock.frozen_at(MOMENT):
        yield the_clock


# ── databases ──


@pytest.fixture(scope="session")
async def template(dialect: Dialect, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Migrate an empty database, once. Its URL; nothing is to be committed there."""
    if dialect is Dialect.SQLITE:
        url = f"sqlite://{tmp_path_factory.mktemp('template') / 'template.sqlite3'}"
        await databases.migrate(url)
        yield url
        return
    async with new_postgres() as url:
        await databases.migrate(url)
        yield url


@pytest.fixture(scope="session")
async def _opened_template(template: str) -> AsyncIterator[TortoiseContext]:
    async with databases.connected(template) as context:
        yield context


@pytest.fixture
async def database(_opened_template: TortoiseContext) -> AsyncIterator[None]:
    """Open an empty database in a transaction that is rolled back after the test: whoever else looks sees nothing."""
    with _opened_template, suppress(_UndoError):
        async with in_transaction():
            yield
            raise _UndoError


@pytest.fixture
async def committed(dialect: Dialect, template: str, tmp_path: Path) -> AsyncIterator[str]:
    """Open an empty database in which the test really commits, for tests with connections of their own. Its URL."""
    url = template
    if dialect is Dialect.SQLITE:
        file = tmp_path / "committed.sqlite3"
        shutil.copyfile(urlsplit(template).path, file)
        url = f"sqlite://{file}?synchronous=OFF"
    async with databases.connected(url) as context:
        yield url
        if dialect is Dialect.POSTGRES:
            await context.db().execute_script(f"truncate {EVERY_TABLE}")


@pytest.fixture
async def blank(dialect: Dialect, tmp_path: Path) -> AsyncIterator[str]:
    """Make a database without any table. Its URL."""
    if dialect is Dialect.SQLITE:
        yield f"sqlite://{tmp_path / 'blank.sqlite3'}"
        return
    async with new_postgres() as url:
        yield url


@asynccontextmanager
async def new_postgres() -> AsyncIterator[str]:
    """Make a database on the PostgreSQL server, and drop it afterwards whoever is still connected."""
    name = f"cs_test_{secrets.token_hex(6)}"
    await _on_server(f"create database {name} template template0 encoding 'UTF8'")
    try:
        yield urlsplit(postgres_url())._replace(path=f"/{name}").geturl()
    finally:
        await _on_server(f"drop database {name} with (force)")


async def _on_server(statement: str) -> None:
    connection = await asyncpg.connect(databases.dsn(postgres_url()))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
