"""The portal's documents on a million rows: one statement a list, and none reads a table that grows from end to end.

The filled database is kept on the server as `cs_screens_…` and made anew when the migrations or the rows change.
"""

import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import orjson
import pytest

from bench import data
from domain import clock
from models import database as databases
from models import sql
from models.sql import Dialect
from outbox import routes
from resolvers.context import Caller
from resolvers.engine import Engine, GraphQLRequest
from resolvers.reads import PostgresReads, Rows
from schema import roots
from tests.reachable import postgres_url

HERE = Path(__file__).parent
MIGRATIONS = Path(databases.__file__).parent / "migrations"

SIZES = data.Sizes(
    partners=10_000,
    clients=10_000,
    partnerships_each=100,
    partner_contacts_each=60,
    client_contacts_each=40,
    sessions=1_000_000,
    lively_partners=30,
    events_each=20,
    connected_partners=2_000,
    brokers=50,
)
A_MILLION = ("assigned_contact", "contact", "event", "notice", "partnership", "proposal", "session")
BUILDING = 7_266_219_842

# A page of 100 with lists of 20 below it takes 2,000 rows; a table read through its index in disguise takes them all.
MOST_ROWS = 5_000

# ── who sends what ──

# The first partnership, and the people of its two companies.
PARTNERSHIP, OFFERED = data.row_id("partnership", 1), data.row_id("partnership", 7)
CLIENT = data.client_of(SIZES, partner=1, place=1)
# The account that the first client partner works in first, and the project in it that has most.
ENGAGED = 2 * data.engaged_client_of(SIZES, broker=1, place=1) - 1
PROJECT = data.row_id("project", (ENGAGED - 1) * SIZES.projects_each + 1)
SEATS = {
    "partner's admin": 1,
    "partner's member": 2,
    "account's owner": SIZES.members + 2 * CLIENT - 1,
    "account's staff": SIZES.members + 2 * CLIENT,
    "project's owner": SIZES.members + ENGAGED,
    "vendor": SIZES.vendor,
    "broker's admin": SIZES.vendor + 1,
    "broker's member": SIZES.vendor + 3,
}
PARTNERS = ("partner's admin", "partner's member")
CLIENTS = ("account's owner", "account's staff")
BROKERS = ("broker's admin", "broker's member")
COMPANIES = PARTNERS + CLIENTS
ALL = (*COMPANIES, *BROKERS, "vendor")

OWN_CONTACT = data.row_id("contact", 10)
CLIENTS_CONTACT = data.row_id("contact", SIZES.partner_contacts + (CLIENT - 1) * SIZES.client_contacts_each + 10)


@dataclass(frozen=True)
class Sent:
    """Who sends a screen, with what, and how many statements answer it where every list has rows.

    The vendor's staff, who see everything, count and search nothing that grows: their pages are companies and the log.
    """

    by: tuple[str, ...]
    statements: int
    variables: tuple[dict[str, object], ...] = ({},)


SCREENS = {
    "account": Sent(("account's owner", "vendor"), 4, ({"id": data.row_id("account", 2 * CLIENT)},)),
    "client": Sent(
        (*CLIENTS, "vendor"),
        3,
        ({"id": data.row_id("client", CLIENT)}, {"id": data.row_id("client", CLIENT), "search": "ada"}),
    ),
    "client_list": Sent(
        PARTNERS,
        1,
        (
            {"first": 50},
            {"first": 50, "orderBy": "NAME", "search": "har"},
            {"first": 50, "orderBy": "EXPIRES", "status": ["ENABLED", "EXPIRED"], "usage": "ACTIVE"},
        ),
    ),
    "client_home": Sent(CLIENTS, 4, ({"first": 50},)),
    "companies": Sent(("vendor",), 2, ({"first": 50},)),
    "contact": Sent(COMPANIES, 1, ({"id": OWN_CONTACT}, {"id": CLIENTS_CONTACT})),
    "contact_history": Sent(ALL, 2, ({"id": CLIENTS_CONTACT},)),
    "contacts": Sent(COMPANIES, 1, ({"first": 100}, {"first": 100, "search": "ada", "purpose": "SUPPORT"})),
    "frame": Sent(ALL, 1),
    "home": Sent(
        COMPANIES,
        2,
        ({"first": 50}, {"first": 50, "orderBy": "CHANGED", "search": "har", "label": ["ACTIVE", "OPEN", "ENDED"]}),
    ),
    "inbox": Sent((*COMPANIES, *BROKERS), 4, ({"first": 50}, {"first": 50, "kind": ["PARTNERSHIP_OFFER"]})),
    "log": Sent(("vendor",), 1, ({"first": 100}, {"first": 100, "topic": ["partnership.offered"]})),
    "modifications": Sent(ALL, 3, ({"id": PARTNERSHIP, "first": 20},)),
    "navigation": Sent(
        (*COMPANIES, *BROKERS),
        1,
        ({"first": 50}, {"first": 50, "search": "har"}, {"first": 50, "orderBy": "LAST_OPENED"}),
    ),
    "notices": Sent(
        ALL, 3, ({"first": 50}, {"first": 50, "unread": True, "urgency": "ACTION"}, {"first": 50, "urgency": "INFO"})
    ),
    "partner": Sent(("partner's admin", "vendor"), 2, ({"id": data.row_id("partner", 1)},)),
    "partnership": Sent(ALL, 3, ({"id": PARTNERSHIP, "team": False}, {"id": OFFERED, "team": False})),
    "partnership_side": Sent(
        COMPANIES,
        3,
        ({"id": PARTNERSHIP, "first": 50}, {"id": PARTNERSHIP, "first": 50, "search": "ada"}),
    ),
    "project": Sent(("project's owner", *BROKERS, "vendor"), 3, ({"id": PROJECT},)),
    "projects": Sent(
        (*COMPANIES, *BROKERS),
        1,
        ({"first": 50}, {"first": 50, "search": "har"}, {"first": 50, "accountId": data.row_id("account", ENGAGED)}),
    ),
    # One for the node, and one for each of the seven types among the nodes.
    "refetch": Sent(
        ALL,
        8,
        (
            {
                "id": PARTNERSHIP,
                "ids": [
                    data.row_id(prefix, number)
                    for prefix, number in {
                        "contact": 10,
                        "offer": 1,
                        "grant": 1,
                        "event": SIZES.contacts + 101,
                        "assigned": 13,
                        "staff": 1,
                        "user": 1,
                    }.items()
                ],
            },
        ),
    ),
    "sessions": Sent(ALL, 1),
    "staff_list": Sent((*CLIENTS, "vendor"), 3, ({"id": data.row_id("account", 2 * CLIENT)},)),
    "webhooks": Sent(
        ("partner's admin", "account's owner", "vendor"), 2, ({"first": 20}, {"first": 20, "status": ["FAILED"]})
    ),
    "work": Sent((*COMPANIES, *BROKERS), 2, ({"first": 50},)),
}
CASES = [
    pytest.param(screen, seat, variables, id=f"{screen} by {seat} {', '.join(variables)}")
    for screen, sent in SCREENS.items()
    for seat in sent.by
    for variables in sent.variables
]


def test_every_screen_is_sent_by_somebody() -> None:
    assert sorted(SCREENS) == sorted(file.stem for file in HERE.glob("*.graphql"))


async def test_a_million_rows_are_there(explained: "Explained") -> None:
    assert await explained.smallest(A_MILLION) >= 0.99e6


@pytest.mark.parametrize(("screen", "seat", "variables"), CASES)
async def test_no_statement_of_a_screen_reads_a_growing_table_from_end_to_end(
    explained: "Explained", screen: str, seat: str, variables: dict[str, object]
) -> None:
    answer, statements = await explained.sent(screen, seat, variables)
    assert "errors" not in answer
    assert 1 <= len(statements) <= SCREENS[screen].statements
    assert [read async for read in explained.long_reads(statements)] == []


@pytest.mark.parametrize("screen", SCREENS)
async def test_a_screen_takes_one_statement_for_each_list(explained: "Explained", screen: str) -> None:
    sent = SCREENS[screen]
    taken = [len((await explained.sent(screen, seat, each))[1]) for seat in sent.by for each in sent.variables]
    assert max(taken) == sent.statements


async def test_5_1_whose_notices_events_are_is_found_without_reading_a_growing_table_from_end_to_end(
    explained: "Explained",
) -> None:
    last = await explained.connection.fetchval("select max(pos) from event")
    between = {"first": last - 10_000, "last": last, "now": clock.now()}
    finding = [sql.bind(each, between, Dialect.POSTGRES) for every in routes.NOTICES_OF.values() for each in every]
    statements = [(query, tuple(values)) for query, values in finding]
    # As the relay has them planned.
    assert [read async for read in explained.long_reads(statements, modes=["force_custom_plan"])] == []


async def test_a_scan_of_a_growing_table_is_found(explained: "Explained") -> None:
    looking = ("select count(*) from contact where email = $1", ("nobody@example.com",))
    walking = ("select id from event where reason = $1 order by id limit 1", ("because",))
    found = [read async for read in explained.long_reads([looking, walking])]
    assert {read.splitlines()[0].rpartition(" of ")[2] for read in found} == {"contact", "event"}


# ── how they are explained ──


@dataclass
class Explained:
    """The filled database: what a seat sends is answered there, and its statements are explained."""

    engine: Engine
    reads: "RecordedReads"
    connection: asyncpg.Connection

    async def smallest(self, tables: tuple[str, ...]) -> float:
        """The rows of the smallest of some tables, as PostgreSQL estimates them."""
        query = "select min(reltuples) from pg_class where oid = any($1::regclass[])"
        smallest: float = await self.connection.fetchval(query, list(tables))
        return smallest

    async def sent(
        self, screen: str, seat: str, variables: Mapping[str, object]
    ) -> tuple[dict[str, Any], list["Statement"]]:
        """The answer to a screen that a seat sends, and the statements that made it."""
        now = clock.now()
        found = await self.engine.seat(data.token(SEATS[seat]), now)
        assert found is not None
        self.reads.statements = []
        document = (HERE / f"{screen}.graphql").read_text()
        caller = Caller(found, now)
        answer = await self.engine.execute(GraphQLRequest(document, variables, None), caller)
        return orjson.loads(answer.body), self.reads.statements

    async def long_reads(
        self, statements: list["Statement"], modes: Sequence[str] = ("force_generic_plan", "force_custom_plan")
    ) -> AsyncIterator[str]:
        """What reads a table sequentially, or too many of its rows by an index, planned with and without the values."""
        for query, values in statements:
            await self.connection.execute(f"prepare explained as {query}")
            for mode in modes:
                await self.connection.execute(f"set plan_cache_mode = {mode}")
                executed = f"execute explained{_arguments(values)}"
                plan = orjson.loads(
                    await self.connection.fetchval(f"explain (analyze, timing off, format json) {executed}")
                )[0]["Plan"]
                for scan in _scans(plan):
                    if scan["Node Type"] == "Seq Scan" or _rows(scan) > MOST_ROWS:
                        yield f"{mode}: {_rows(scan)} rows by {scan['Node Type']} of {scan['Relation Name']}\n{query}"
            await self.connection.execute("deallocate explained")


Statement = tuple[str, tuple[object, ...]]


class RecordedReads(PostgresReads):
    """Reads that can be asked afterwards what was read."""

    statements: list[Statement]

    async def fetch(self, query: str, *values: object) -> Rows:
        self.statements.append((query, values))
        return await super().fetch(query, *values)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["RecordedReads"]:  # type: ignore[override]  # of it only that is asked
        """Nobody writes to the filled database: every moment is the same."""
        yield self

    async def finds(self, query: str, values: Sequence[object]) -> bool:
        """Whether the session lives, where nothing was found: no list, and part of every first statement."""
        return bool(await super().fetch(query, *values))


def _scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes of a plan that read tables."""
    if "Relation Name" in node:
        yield node
    for inner in node.get("Plans", ()):
        yield from _scans(inner)


def _rows(scan: dict[str, Any]) -> int:
    """The rows that a scan looked at, in all of its rounds."""
    each = scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0) + scan.get("Rows Removed by Index Recheck", 0)
    return int(each * scan["Actual Loops"])


def _arguments(values: tuple[object, ...]) -> str:
    return f"({', '.join(_literal(value) for value in values)})" if values else ""


def _literal(value: object) -> str:
    match value:
        case None:
            return "null"
        case int():
            return str(value)
        case list():
            return f"array[{', '.join(_literal(each) for each in value)}]::text[]"
        case datetime():
            return f"'{value.isoformat()}'"
        case _:
            return "'" + str(value).replace("'", "''") + "'"


# ── the filled database ──


@pytest.fixture(scope="module")
async def explained(dialect: Dialect) -> AsyncIterator[Explained]:
    """Open the filled database, made first if it is not there."""
    if dialect is Dialect.SQLITE:
        pytest.skip("statements are explained on PostgreSQL")
    url = await _filled()
    reads = RecordedReads(databases.dsn(url))
    await reads.open()
    connection = await asyncpg.connect(
        databases.dsn(url), statement_cache_size=0, server_settings={"jit": "off", "application_name": "screens"}
    )
    async with databases.connected(url):
        yield Explained(Engine(roots.executable(), reads), reads, connection)
    await connection.close()
    await reads.close()


def _fingerprint() -> str:
    """What the rows are made by: another one, and they are made anew."""
    made_by = [*sorted(MIGRATIONS.glob("*.py")), data.SQL, Path(data.__file__)]
    hashed = hashlib.sha256(repr(SIZES).encode() + b"".join(file.read_bytes() for file in made_by))
    return hashed.hexdigest()[:12]


async def _filled() -> str:
    """The URL of the filled database of this fingerprint; those of others are dropped."""
    name = f"cs_screens_{_fingerprint()}"
    server = await asyncpg.connect(databases.dsn(postgres_url()))
    try:
        await server.execute("select pg_advisory_lock($1)", BUILDING)
        if not await _is_whole(server, name):
            for (old,) in await server.fetch("select datname from pg_database where datname like 'cs\\_screens\\_%'"):
                await server.execute(f"drop database {old} with (force)")
            # Ids and keys are ASCII: compared byte by byte, they are indexed in less time.
            await server.execute(f"create database {name}_ template template0 encoding 'UTF8' locale 'C'")
            await server.execute(f"alter database {name}_ set jit = off")
            await databases.migrate(_url(f"{name}_"))
            await data.fill(_url(f"{name}_"), SIZES, unlogged=True)
            await server.execute(f"alter database {name}_ rename to {name}")
    finally:
        await server.close()
    return _url(name)


async def _is_whole(server: asyncpg.Connection, name: str) -> bool:
    """Whether the database is there, and its unlogged tables have survived."""
    if not await server.fetchval("select exists (select from pg_database where datname = $1)", name):
        return False
    connection = await asyncpg.connect(databases.dsn(_url(name)))
    try:
        whole: bool = await connection.fetchval("select exists (select from contact)")
    finally:
        await connection.close()
    return whole


def _url(name: str) -> str:
    return urlsplit(postgres_url())._replace(path=f"/{name}").geturl()
