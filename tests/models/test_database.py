from pathlib import Path

import pytest
from tortoise.connection import get_connection
from tortoise.exceptions import ConfigurationError

from models import database as databases
from models.sql import Dialect


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


async def _settings(query: str) -> dict[str, object]:
    [row] = await get_connection(databases.CONNECTION).execute_query_dict(query)
    return dict(row)
