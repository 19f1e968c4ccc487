"""Each test fails without what models/tortoise_patches.py, models/base.py or models/database.py does about a trap.

T1, T2, T7, T8, T9 and T28 are about migrations: see test_migrations.py.
"""

import asyncio
import random
import shutil
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tortoise import Model
from tortoise.connection import get_connection
from tortoise.exceptions import IntegrityError, OperationalError, TransactionManagementError
from tortoise.fields import CharField
from tortoise.migrations.operations import AddField, AlterField, CreateModel
from tortoise.migrations.schema_editor import SqliteSchemaEditor
from tortoise.migrations.schema_generator.state import ModelState, State
from tortoise.migrations.schema_generator.state_apps import StateApps
from tortoise.transactions import in_transaction

import models
from models import base, sql
from models import database as databases
from models.enums import SecurityRole
from models.sql import Dialect
from tests import given

ROOT = Path(models.__file__).parents[1]
MOMENT = datetime(2026, 11, 21, 20, 46, tzinfo=UTC)
CHANCE = random.Random(20261121)  # noqa: S311  no secret


def user(name: str) -> models.User:
    return models.User(name=name, created_at=MOMENT)


async def names() -> list[str]:
    return sorted(found.name for found in await models.User.all())


async def cancelled_somewhere(work: Callable[[], Awaitable[None]], times: int) -> None:
    """Start the work again and again, and cancel it after a moment that is never the same."""
    for _ in range(times):
        task = asyncio.ensure_future(work())
        await asyncio.sleep(CHANCE.random() * 0.003)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


# ── T3, T4, T5: cancelled and inherited transactions ──


async def test_t3_a_cancelled_transaction_gives_its_connection_back(committed: str) -> None:
    async def write() -> None:
        async with in_transaction():
            await user("cancelled").save()
            raise asyncio.CancelledError

    await cancelled_somewhere(write, 200)
    async with asyncio.timeout(10), in_transaction():
        await user("afterwards").save()
    assert await names() == ["afterwards"]


async def test_t3_a_task_that_survives_its_cancelled_transaction_is_outside_of_it(committed: str) -> None:
    async def write_in_time(seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), in_transaction():
                await user("in time").save()
        await names()

    for _ in range(10):
        await asyncio.gather(*(write_in_time(CHANCE.random() * 0.006) for _ in range(20)))
    # However busy the machine is, one is in time.
    await write_in_time(10)
    assert set(await names()) == {"in time"}


async def test_t4_a_cancelled_bulk_create_leaves_no_transaction_open(committed: str) -> None:
    async def write() -> None:
        await models.User.bulk_create([user("in bulk") for _ in range(20)])

    await cancelled_somewhere(write, 60)
    async with asyncio.timeout(10):
        await user("alone").save()
        # Another connection sees what is committed only.
        async with databases.connected(committed):
            seen = await names()
    assert "alone" in seen
    assert seen.count("in bulk") % 20 == 0


async def test_t5_a_task_that_outlives_its_transaction_is_told_so(committed: str) -> None:
    ended = asyncio.Event()

    async def write_later() -> None:
        await ended.wait()
        await user("stray").save()

    async with in_transaction():
        task = asyncio.create_task(write_later())

    class UndoneError(Exception):
        """Ends the other transaction."""

    with suppress(UndoneError):
        async with in_transaction():
            await user("other").save()
            ended.set()
            with pytest.raises(Exception, match=r"is over|released"):
                await task
            raise UndoneError
    assert await names() == []


async def test_a_transaction_that_failed_in_the_orm_is_undone(committed: str) -> None:
    with suppress(TransactionManagementError):
        async with in_transaction():
            await user("undone").save()
            raise TransactionManagementError
    async with in_transaction():
        await user("kept").save()
    assert await names() == ["kept"]


async def test_a_change_that_is_committed_has_not_failed_because_its_connection_is_then_lost(
    committed: str, dialect: Dialect
) -> None:
    only_where_there_are_connections(dialect)
    loop = asyncio.get_running_loop()
    async with in_transaction() as transaction:
        await user("committed").save()
        await transaction.commit()
        # In the turn of the loop in which asyncpg, having seen it open, begins to give it back.
        loop.call_soon(loop.call_soon, transaction._connection.terminate)
    assert await names() == ["committed"]


async def test_a_statement_has_not_failed_because_its_connection_is_then_lost(committed: str, dialect: Dialect) -> None:
    only_where_there_are_connections(dialect)
    async with get_connection(databases.CONNECTION).acquire_connection() as connection:
        assert await connection.fetchval("select 1") == 1
        asyncio.get_running_loop().call_soon(connection.terminate)
    assert await names() == []


async def test_what_ends_a_transaction_is_not_hidden_by_the_loss_of_its_connection(
    committed: str, dialect: Dialect
) -> None:
    only_where_there_are_connections(dialect)

    async def lose() -> None:
        async with in_transaction() as transaction:
            await user("lost").save()
            transaction._connection.terminate()
            raise LookupError

    with pytest.raises(LookupError):
        await lose()
    assert await names() == []


def only_where_there_are_connections(dialect: Dialect) -> None:
    if dialect is not Dialect.POSTGRES:
        pytest.skip("is about a server's connections")


async def test_a_script_does_not_commit_the_transaction_that_it_is_in(committed: str) -> None:
    class UndoneError(Exception):
        """Ends the transaction."""

    with suppress(UndoneError):
        async with in_transaction() as connection:
            await user("first").save()
            await connection.execute_script("update app_user set name = 'a;b'; update app_user set locale = 'de'")
            assert await models.User.all().values_list("name", "locale") == [("a;b", "de")]
            raise UndoneError
    assert await names() == []


async def test_t30_after_a_refused_statement_a_nested_transaction_lets_the_outer_one_go_on(database: None) -> None:
    await models.User.create(name="first", email="ada@example.com", created_at=MOMENT)
    async with in_transaction():
        with pytest.raises(IntegrityError):
            async with in_transaction():
                await models.User.create(name="second", email="ada@example.com", created_at=MOMENT)
        await user("third").save()
    assert await names() == ["first", "third"]


async def test_t29_two_that_read_and_then_write_take_turns(committed: str) -> None:
    await models.RateLimit.create(rule="r", subject="s", window_start=MOMENT, count=0)

    async def count_up() -> None:
        async with databases.connected(committed):
            for _ in range(20):
                async with in_transaction():
                    limit = await models.RateLimit.filter(rule="r").select_for_update().get()
                    await asyncio.sleep(0)
                    limit.count += 1
                    await limit.save()

    await asyncio.gather(count_up(), count_up())
    assert (await models.RateLimit.get()).count == 40


# ── T6, T27: what is compared ──


async def test_t6_a_moment_is_the_same_in_every_offset(database: None, dialect: Dialect) -> None:
    noon_in_karachi = datetime(2026, 11, 21, 12, 0, 0, 5, tzinfo=timezone(timedelta(hours=5)))
    await models.User.create(name="Ada", created_at=noon_in_karachi)
    seven = datetime(2026, 11, 21, 7, 0, 0, 5, tzinfo=UTC)
    assert await models.User.filter(created_at=seven).count() == 1
    assert await models.User.filter(created_at__lt=seven).count() == 0
    assert await models.User.filter(created_at__gte=noon_in_karachi).count() == 1
    ada = await models.User.get()
    assert (ada.created_at, ada.created_at.tzinfo) == (seven, UTC)
    async with in_transaction() as connection:
        [row] = await connection.execute_query_dict("select created_at from app_user")
    assert row["created_at"] == (sql.time_text(seven) if dialect is Dialect.SQLITE else seven)
    assert sql.time_text(seven) == "2026-11-21T07:00:00.000005Z"


async def test_t6_a_moment_in_a_raw_statement_is_written_in_the_same_form(database: None, dialect: Dialect) -> None:
    ada = await given.user()
    noon_in_karachi = datetime(2026, 11, 21, 12, 0, tzinfo=timezone(timedelta(hours=5)))
    statement, values = sql.bind(
        "update app_user set created_at = :at where id = :user", {"at": noon_in_karachi, "user": ada.id}, dialect
    )
    async with in_transaction() as connection:
        await connection.execute_query(statement, values)
    assert await models.User.filter(created_at=datetime(2026, 11, 21, 7, tzinfo=UTC)).count() == 1


async def test_t6_a_moment_without_an_offset_is_refused(database: None) -> None:
    with pytest.raises(ValueError, match="needs its offset"):
        await models.User.create(name="Ada", created_at=MOMENT.replace(tzinfo=None))


@pytest.mark.parametrize("search", ["élan", "ELAN", "É", "lan  co", "ＥＬＡＮ"])  # noqa: RUF001  full width, on purpose
async def test_t27_search_by_key_minds_neither_case_nor_accents(database: None, search: str) -> None:
    await given.partner("Élan  Co")
    await given.partner("Strass 1")
    found = await models.Partner.filter(name_key__contains=base.text_key(search))
    assert [partner.name for partner in found] == ["Élan  Co"]


async def test_t27_keys_are_sorted_byte_by_byte(database: None) -> None:
    for name in ("b", "Z", "a-b", "ab", "a b", "Ä"):
        await given.partner(name)
    ordered = await models.Partner.all().order_by("name_key")
    assert [partner.name for partner in ordered] == ["Ä", "a b", "a-b", "ab", "b", "Z"]


@pytest.mark.parametrize(
    ("text", "key"),
    [("Straße", "strasse"), ("  Ǆ  x\t", "dz x"), ("İstanbul", "istanbul"), ("Ångström", "angstrom"), ("", "")],
)
def test_a_key_is_without_case_accents_and_surplus_space(text: str, key: str) -> None:
    assert base.text_key(text) == key


# ── T10, T11, T12: drivers ──


async def test_t10_a_process_speaks_to_each_database_in_its_own_dialect(committed: str, tmp_path: Path) -> None:
    other = f"sqlite://{tmp_path / 'other.sqlite3'}"
    await databases.migrate(other)
    async with databases.connected(other):
        await user("there").save()
        assert await names() == ["there"]
    async with databases.connected(committed):
        await user("here").save()
        assert await names() == ["here"]


async def test_t11_execute_query_dict_gives_the_rows_that_an_update_returns(database: None) -> None:
    ada = await given.user("Ada Lovelace")
    async with in_transaction() as connection:
        rows = await connection.execute_query_dict("update app_user set name = 'Ada' returning id, name")
    assert rows == [{"id": ada.id, "name": "Ada"}]


async def test_t12_a_command_that_fails_ends_all_the_same(committed: str) -> None:
    command = """
import asyncio, sys
from models import User, database

async def work():
    async with database.connected(sys.argv[1]):
        await User.all().count()
        raise SystemExit("done for")

asyncio.run(work())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", command, committed, cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(20):
        _, error = await process.communicate()
    assert (process.returncode, error.decode().strip()) == (1, "done for")


# ── T1, T2: SQLite's tables made anew ──


@pytest.fixture
async def sqlite(template: str, dialect: Dialect, tmp_path: Path) -> str:
    """Copy the template, where it is one of SQLite's."""
    if dialect is not Dialect.SQLITE:
        pytest.skip("only SQLite's tables are made anew when they are altered")
    file = tmp_path / "anew.sqlite3"
    shutil.copyfile(urlsplit(template).path, file)
    return f"sqlite://{file}"


async def test_t1_a_table_is_not_made_anew_while_references_are_enforced(sqlite: str) -> None:
    async with databases.connected(sqlite), in_transaction() as connection:
        with pytest.raises(OperationalError, match="without foreign_keys"):
            await SqliteSchemaEditor(connection)._remake_table(models.User)


async def test_t1_a_migration_that_would_leave_orphans_is_refused(sqlite: str) -> None:
    async with databases.connected(sqlite, foreign_keys=False):
        await models.StaffMember.create(account_id="x", user_id="y", role=SecurityRole.STAFF, joined_at=MOMENT)
    with pytest.raises(OperationalError, match="staff_member"):
        await databases.migrate(sqlite)


async def test_t2_a_table_made_anew_keeps_its_indexes(sqlite: str) -> None:
    every = "select tbl_name, name, sql from sqlite_master where type = 'index' and sql is not null order by name"
    async with databases.connected(sqlite, foreign_keys=False), in_transaction() as connection:
        before = await connection.execute_query_dict(every)
        for table in models.TABLES:
            await SqliteSchemaEditor(connection)._remake_table(table)
        after = await connection.execute_query_dict(every)
    assert [row for row in after if row in before] == before
    # Uniques over several columns are indexes of their own from then on.
    uniques = {table._meta.db_table for table in models.TABLES if table._meta.unique_together}
    assert {row["tbl_name"] for row in after if row["name"].startswith("uid_")} == uniques
    assert "webhook_delivery" in uniques - {row["tbl_name"] for row in before if row["name"].startswith("uid_")}


# ── what a model's source says ──


def test_no_comment_is_read_into_the_schema() -> None:
    class Leaf(Model):
        #: How it looks.
        shape = CharField(10)

    assert Leaf._meta.fields_map["shape"].description is None


# ── what a migration costs ──


def test_what_was_before_an_operation_is_made_only_when_it_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    render = ModelState.render

    def noted(self: ModelState, apps: StateApps, *, deepcopy_fields: bool = True) -> type[Model]:
        made.append(self.name)
        return render(self, apps, deepcopy_fields=deepcopy_fields)

    def widths(state: State) -> dict[str, object]:
        columns = state.apps.get_model("trees.Leaf")._meta.fields_map
        return {name: column.constraints["max_length"] for name, column in columns.items()}

    state = State({}, StateApps())
    key = [("id", CharField(30, primary_key=True))]
    for name in ("Leaf", "Root"):
        CreateModel(name, [*key, ("shape", CharField(10))]).state_forward("trees", state)
    monkeypatch.setattr(ModelState, "render", noted)
    before = state.clone()
    AddField("Leaf", "colour", CharField(20)).state_forward("trees", state)
    AlterField("Leaf", "shape", CharField(40)).state_forward("trees", state)
    # Each of both operations makes its own table's, and nobody looks at what was before.
    assert made == ["Leaf", "Leaf"]
    assert widths(state) == {"id": 30, "shape": 40, "colour": 20}
    assert widths(before) == {"id": 30, "shape": 10}
    assert sorted(made[2:]) == ["Leaf", "Root"]
