import asyncio
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest
from tortoise.exceptions import IntegrityError, OperationalError
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.migrations.operations import RenameField, RenameModel, RunPython, RunSQL
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state_apps import StateApps

import models
from models import database as databases
from models.migrations import __path__ as migrations_path
from models.sql import Dialect
from tests.models import catalogue
from tests.models.catalogue import Index

ROOT = Path(models.__file__).parents[1]

OLDER = {
    "models": {
        "models": ["tests.models.older.tables"],
        "migrations": "tests.models.older.migrations",
        "default_connection": "default",
    }
}
FILLED = """
    insert into project (id, name, code, region, nickname) values
        ('project_1', 'Shop', 'S', 'north', 'shoppy'), ('project_2', 'Blog', 'B', 'north', null);
    insert into task (id, project_id, title, done_at) values
        ('task_1', 'project_1', 'Draw; then build', null),
        ('task_2', 'project_1', 'Draw; then build', '2026-11-21T20:46:00.000000Z'),
        ('task_3', 'project_2', 'Write', null);
"""
NEWEST_INDEXES = [
    Index("project", "code", unique=True),
    Index("project", "id", unique=True),
    Index("project", "name,id"),
    Index("project", "region", unique=True, partial=True),
    Index("project", "region,name", unique=True),
    Index("task", "id", unique=True),
    Index("task", "project_id,id"),
    Index("task", "project_id,title", unique=True, partial=True),
]


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a database that has had a past in the place of ours."""
    monkeypatch.setattr(databases, "APPS", OLDER)


@pytest.fixture
async def filled(blank: str, older: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a database of the oldest form, with rows in it."""
    with monkeypatch.context() as then:
        then.setattr(databases, "NEWEST", "0001_initial")
        await databases.migrate(blank)
    async with databases.connected(blank) as context:
        await context.db().execute_script(FILLED)
    return blank


async def test_a_filled_older_database_keeps_rows_indexes_uniques_checks_and_references(
    filled: str, dialect: Dialect
) -> None:
    async with databases.connected(filled) as context:
        tasks = await context.db().execute_query_dict("select * from task order by id")
        before = await catalogue.indexes(context.db(), dialect)
        assert Index("project", "nickname") in before

    await databases.migrate(filled)

    async with databases.connected(filled) as context:
        db = context.db()
        assert await db.execute_query_dict("select id, name, code, region, budget from project order by id") == [
            {"id": "project_1", "name": "Shop", "code": "S", "region": "north", "budget": 0},
            {"id": "project_2", "name": "Blog", "code": "B", "region": "north", "budget": 0},
        ]
        assert await db.execute_query_dict("select * from task order by id") == tasks
        assert len(tasks) == 3
        assert await catalogue.indexes(db, dialect) == NEWEST_INDEXES
        assert [index for index in before if index.columns != "nickname"] == NEWEST_INDEXES
        assert await catalogue.checks(db, dialect) == {"project_code", "project_budget"}
        assert await catalogue.references(db, dialect) == {("task", "project_id")}


@pytest.mark.parametrize(
    "refused",
    [
        "update project set budget = -1 where id = 'project_1'",
        "update project set code = '' where id = 'project_1'",
        "update project set code = 'B' where id = 'project_1'",
        "update project set name = 'Blog' where id = 'project_1'",
        "update task set done_at = null where id = 'task_2'",
        "update task set project_id = 'project_3' where id = 'task_1'",
    ],
)
async def test_a_migrated_database_refuses_what_its_newest_form_forbids(filled: str, refused: str) -> None:
    await databases.migrate(filled)
    async with databases.connected(filled) as context:
        with pytest.raises(IntegrityError):
            await context.db().execute_query(refused)


async def test_a_migration_that_fails_changes_nothing(
    filled: str, dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = import_module("tests.models.older.migrations.0002_wider").Migration
    monkeypatch.setattr(newest, "operations", [*newest.operations, RunSQL("select missing from nowhere")])
    async with databases.connected(filled) as context:
        before = await catalogue.indexes(context.db(), dialect)
    with pytest.raises(OperationalError):
        await databases.migrate(filled)
    async with databases.connected(filled) as context:
        assert await catalogue.indexes(context.db(), dialect) == before
        assert await context.db().execute_query_dict("select nickname from project order by id") == [
            {"nickname": "shoppy"},
            {"nickname": None},
        ]
        assert await context.db().execute_query_dict("select name from tortoise_migrations") == [
            {"name": "0001_initial"}
        ]


async def test_a_migration_in_python_asks_the_tables_as_they_are_then(
    filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[object] = []

    async def ask(apps: StateApps, _: BaseSchemaEditor) -> None:
        tasks = apps.get_model("models.Task").filter(project__budget=0, project__name="Shop")
        found.extend(await tasks.order_by("id").values_list("id", "project__code"))

    newest = import_module("tests.models.older.migrations.0002_wider").Migration
    monkeypatch.setattr(newest, "operations", [*newest.operations, RunPython(ask)])
    await databases.migrate(filled)
    assert found == [("task_1", "S"), ("task_2", "S")]


async def test_three_processes_that_migrate_at_once_migrate_once(blank: str) -> None:
    command = "import asyncio, sys; from models import database; asyncio.run(database.migrate(sys.argv[1]))"
    migrating = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", command, blank, cwd=ROOT, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(3)
    ]
    errors = [(await process.communicate())[1].decode() for process in migrating]
    assert errors == ["", "", ""]
    assert [process.returncode for process in migrating] == [0, 0, 0]
    async with databases.connected(blank) as context:
        applied = await context.db().execute_query_dict("select name from tortoise_migrations order by name")
    assert [row["name"] for row in applied] == sorted(path.stem for path in Path(migrations_path[0]).glob("0*.py"))


# ── our own database ──

FIRST_RELEASE = """
    insert into client (id, name, name_key, created_at) values ('client_1', 'Acme', 'acme', :then);
    insert into partner (id, name, name_key, kind, domain, licences, created_at)
        values ('partner_1', 'Studio', 'studio', 'PARTNER', 'studio.example', 3, :then);
    insert into partnership (
        id, kind, partner_id, client_id, status, partner_key, client_key, title, version, changed_at, hidden_by_partner,
        hidden_by_client, created_at
    ) values (
        'partnership_1', 'DIRECT', 'partner_1', 'client_1', 'ACTIVE', 'studio', 'acme', 'Shop', 2, :then, :no, :no,
        :then
    );
    insert into proposal (
        id, kind, status, version, proposed_by_side, from_partner_id, to_client_id, expires_at, partnership_id,
        reminders, created_at
    ) values (
        'offer_1', 'PARTNERSHIP_OFFER', 'ACCEPTED', 2, 'PARTNER', 'partner_1', 'client_1', :then, 'partnership_1',
        0, :then
    );
    insert into stream (id, version, digest) values ('partnership_1', 2, 'ab');
    insert into event (id, stream, version, topic, changes, visible_to, commitment, digest, at)
        values ('event_1', 'partnership_1', 1, 'partnership.offered', '[]', 'BOTH', 'cd', 'ef', :then);
"""
FILLED_THEN = ("client", "partner", "partnership", "proposal", "stream", "event")


async def test_a_filled_database_of_the_first_release_keeps_its_rows(
    blank: str, dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as then:
        then.setattr(databases, "NEWEST", "0001_initial")
        await databases.migrate(blank)
    no = "false" if dialect is Dialect.POSTGRES else "0"
    async with databases.connected(blank) as context:
        script = FIRST_RELEASE.replace(":then", "'2026-11-21T20:46:00.000000Z'").replace(":no", no)
        await context.db().execute_script(script)
        before = [await context.db().execute_query_dict(f"select * from {table}") for table in FILLED_THEN]

    await databases.migrate(blank)

    async with databases.connected(blank) as context:
        after = [await context.db().execute_query_dict(f"select * from {table}") for table in FILLED_THEN]
        to_sign = await models.Stream.filter(unsigned_since=datetime(2026, 11, 21, 20, 46, tzinfo=UTC)).count()
    kept = [
        [{column: row[column] for column in former} for former, row in zip(*rows, strict=True)]
        for rows in zip(before, after, strict=True)
    ]
    assert [len(rows) for rows in kept] == [1] * len(FILLED_THEN)
    assert kept == before
    assert to_sign == 1, "what was written before heads were signed is signed, too"


async def test_the_migrations_lead_to_the_models(template: str) -> None:
    async with databases.connected(template) as context:
        assert context.apps is not None
        wanted = await MigrationAutodetector(context.apps, databases.APPS).changes()
    assert [writer.as_string() for writer in wanted] == []


async def test_t9_no_migration_renames_what_nobody_renamed(template: str) -> None:
    async with databases.connected(template) as context:
        assert context.apps is not None
        detector = MigrationAutodetector(context.apps, databases.APPS)
        await detector.changes()
    renames = [
        operation.describe()
        for migration in detector.loader.disk_migrations.values()
        for operation in migration.operations
        if isinstance(operation, RenameField | RenameModel)
    ]
    # `makemigrations` takes a column that goes and one that comes for a rename. Name here what really is one.
    assert renames == []


async def test_t28_every_reference_has_an_index(template: str, dialect: Dialect) -> None:
    async with databases.connected(template) as context:
        references = await catalogue.references(context.db(), dialect)
        indexes = await catalogue.indexes(context.db(), dialect)
    indexed = {(index.table, index.columns.split(",")[0]) for index in indexes if not index.partial}
    assert len(references) > 40
    assert references - indexed == set()


async def test_t7_every_check_of_the_models_is_in_the_database(template: str, dialect: Dialect) -> None:
    async with databases.connected(template) as context:
        in_database = await catalogue.checks(context.db(), dialect)
    assert in_database == {check.name for table in models.TABLES for check in table._meta.constraints}
    assert in_database == {
        "account_jobs_created",
        "account_price",
        "contact_one_company",
        "partner_licences",
        "partner_revenue_share",
        "payment_amount",
        "project_file_ready",
        "project_file_size",
        "project_items",
        "project_tally_counts",
        "proposal_approval",
        "proposal_expires",
        "proposal_grant",
        "proposal_invite_kind",
        "rating_given",
        "rating_score",
        "seat_company",
    }


async def test_t8_what_may_be_only_once_has_a_unique_index(template: str, dialect: Dialect) -> None:
    async with databases.connected(template) as context:
        indexes = await catalogue.indexes(context.db(), dialect)
    assert [index for index in indexes if index.unique and index.columns != "id"] == [
        Index("access_grant", "account_id", unique=True, partial=True),
        Index("access_grant", "partner_id,account_id", unique=True, partial=True),
        Index("account_session", "jti_hash", unique=True),
        Index("app_user", "email", unique=True),
        Index("assigned_contact", "partnership_id,contact_id", unique=True, partial=True),
        Index("commission", "payment_id", unique=True),
        Index("conversation_reading", "conversation_id,user_id", unique=True),
        Index("directory_listing", "partner_id", unique=True),
        Index("event", "pos", unique=True),
        Index("event", "stream,version", unique=True),
        Index("idempotency", "scope,key", unique=True),
        Index("link", "token_hash", unique=True),
        Index("mail", "event_id,template,to_email", unique=True),
        Index("message", "conversation_id,seq", unique=True),
        Index("notice", "event_id,seat_id", unique=True),
        Index("notice_preference", "seat_id,topic", unique=True),
        Index("partner", "domain", unique=True, partial=True),
        Index("partner_member", "partner_id", unique=True, partial=True),
        Index("partner_member", "partner_id,user_id", unique=True, partial=True),
        Index("partnership", "partner_id,client_id", unique=True, partial=True),
        Index("partnership_manager", "partnership_id,contact_id", unique=True, partial=True),
        Index("payment", "reference", unique=True),
        Index("project_member", "project_id,partner_id,user_id", unique=True, partial=True),
        Index("project_partner", "project_id,partner_id", unique=True, partial=True),
        Index("project_tally", "project_id,user_id", unique=True),
        Index("proposal", "from_partner_id,email", unique=True, partial=True),
        Index("proposal", "grant_id", unique=True, partial=True),
        Index("proposal", "partnership_id,proposed_by_side", unique=True, partial=True),
        Index("proposal", "partnership_id,proposed_by_side", unique=True, partial=True),
        Index("rate_limit", "rule,subject,window_start", unique=True),
        Index("rating", "project_id,requested_from_id", unique=True, partial=True),
        Index("seat", "user_id", unique=True, partial=True),
        Index("seat", "user_id,client_id", unique=True, partial=True),
        Index("seat", "user_id,partner_id", unique=True, partial=True),
        Index("session", "token_hash", unique=True),
        Index("signed_head", "stream,version", unique=True),
        Index("staff_member", "account_id,user_id", unique=True, partial=True),
        Index("webhook_delivery", "endpoint_id,event_id", unique=True),
    ]
