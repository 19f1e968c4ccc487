"""What is measured on: rows of companies that work together, made by `data.sql` in one go, alike on every machine."""

import asyncio
import re
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import asyncpg

from models import database

SQL: Final = Path(__file__).with_name("data.sql")

BEGIN: Final = "timestamptz '2026-01-01'"
# After everything that is measured: what is open stays open, who is signed in stays signed in.
LATER: Final = "timestamptz '2100-01-01'"

# As many as small machines have cores.
SIDE_BY_SIDE: Final = 2


@dataclass(frozen=True)
class Sizes:
    """How many rows of what. Everything else follows from these."""

    partners: int
    clients: int
    partnerships_each: int
    partner_contacts_each: int
    client_contacts_each: int
    sessions: int
    # Whose partnerships have twelve contacts and `events_each` events; the others' have one.
    lively_partners: int
    events_each: int
    # Whose active partnerships have access to an account.
    connected_partners: int
    # Client partners, each in all projects of so many clients' accounts, on all but one of which each of its people is.
    brokers: int
    members_each: int = 2
    broker_people_each: int = 5
    engagements_each: int = 50
    projects_each: int = 12

    @property
    def members(self) -> int:
        """Users of partners."""
        return self.partners * self.members_each

    @property
    def vendor(self) -> int:
        """Users of partners and of clients, of each two, and the vendor's one, who is the last of these."""
        return self.members + 2 * self.clients + 1

    @property
    def users(self) -> int:
        """All of them, those of client partners last."""
        return self.vendor + self.brokers * self.broker_people_each

    @property
    def partnerships(self) -> int:
        """Of all partners."""
        return self.partners * self.partnerships_each

    @property
    def partner_contacts(self) -> int:
        """Of all partners."""
        return self.partners * self.partner_contacts_each

    @property
    def contacts(self) -> int:
        """Of all companies."""
        return self.partner_contacts + self.clients * self.client_contacts_each

    def statements(self) -> list[str]:
        """The statements that make the rows; the functions that they use first."""
        names = ("members", "vendor", "users", "partnerships", "partner_contacts", "contacts")
        more = {name: getattr(self, name) for name in names}
        return SQL.read_text().format(**asdict(self), **more, begin=BEGIN, later=LATER).split(";\n\n")


def row_id(prefix: str, number: int) -> str:
    """Return the id of the row with a number, as the filler makes it."""
    return f"{prefix}_01h455vb4pex5vsk{number:010}"


def client_of(sizes: Sizes, partner: int, place: int) -> int:
    """Return the number of the client in a partner's partnership, as the filler chooses it."""
    return 1 + (partner * 37 + place * 101) % sizes.clients


def engaged_client_of(sizes: Sizes, broker: int, place: int) -> int:
    """Return the number of the client in whose first account a client partner works, as the filler chooses it."""
    return 1 + (broker * 37 + place * 79) % sizes.clients


ACTIVE_OF_TEN = 7


def is_active(place: int) -> bool:
    """Tell whether a partner's partnership with this place is active, as the filler decides."""
    return place % 10 < ACTIVE_OF_TEN


def token(seat: int) -> str:
    """Return the bearer token of a seat's first session."""
    return f"token-{seat}"


async def fill(url: str, sizes: Sizes, *, unlogged: bool = False) -> None:
    """Fill a migrated, empty database; if it is to be `unlogged`, its tables need not survive a crash.

    A table is filled before it gets its keys and indexes, which takes a quarter of the time. References are right by
    the way the rows are made, and not checked.
    """
    functions, *inserts = sizes.statements()
    rows: dict[str, list[str]] = {}
    for insert in inserts:
        rows.setdefault(_INTO.findall(insert)[0], []).append(insert)
    connection = await asyncpg.connect(database.dsn(url))
    try:
        await connection.execute(functions)
        constraints = await _taken_off(connection, _CONSTRAINTS)
        indexes = await _taken_off(connection, _INDEXES)
        built: dict[str, list[str]] = {}
        for each in [*constraints, *indexes]:
            if not each["is_reference"]:
                built.setdefault(each["of"], []).append(each["on"])
        tables = [each["name"] for each in await connection.fetch(_TABLES)]
        waiting = deque(
            [
                *([f"alter table {table} set unlogged"] if unlogged else []),
                # The server's own vacuum would come in between.
                f"alter table {table} set (autovacuum_enabled = off)",
                *rows.get(table, []),
                *built.get(table, []),
                f"vacuum analyze {table}",
                f"alter table {table} reset (autovacuum_enabled)",
            ]
            for table in [*rows, *sorted(set(tables) - set(rows))]
        )
        await asyncio.gather(*(_run(url, waiting) for _ in range(SIDE_BY_SIDE)))
        await connection.execute(";".join(each["on"] for each in constraints if each["is_reference"]))
        await connection.execute("drop schema filler cascade")
    finally:
        await connection.close()


_INTO: Final = re.compile(r"^insert into (\w+) ", re.MULTILINE)

_TABLES: Final = """
    select oid::regclass::text as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
"""

# Keys and references, which are taken off before the keys that they need.
_CONSTRAINTS: Final = """
    select conrelid::regclass::text as of, contype = 'f' as is_reference,
      format('alter table %s drop constraint %I', conrelid::regclass, conname) as off,
      format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        || case when contype = 'f' then ' not valid' else '' end as on
    from pg_constraint where connamespace = 'public'::regnamespace and contype in ('f', 'p', 'u')
    order by is_reference desc, conname
"""

# Those that no constraint stands on: asked when there are no constraints any more.
_INDEXES: Final = """
    select i.indrelid::regclass::text as of, false as is_reference,
      format('drop index %s', i.indexrelid::regclass) as off, pg_get_indexdef(i.indexrelid) as on
    from pg_index i join pg_class c on c.oid = i.indrelid
    where c.relnamespace = 'public'::regnamespace order by i.indexrelid::regclass::text
"""


async def _taken_off(connection: asyncpg.Connection, query: str) -> list[asyncpg.Record]:
    """What stands on the tables: it is taken off them, and says how it is put on again."""
    found = await connection.fetch(query)
    await connection.execute(";".join(each["off"] for each in found))
    return list(found)


async def _run(url: str, waiting: deque[list[str]]) -> None:
    """Fill one table after the other, as long as some are waiting."""
    settings = {
        "synchronous_commit": "off",
        # Little is sorted at a time: what fits into a processor's cache is sorted twice as fast, and merged.
        "maintenance_work_mem": "8MB",
        "work_mem": "64MB",
        "max_parallel_maintenance_workers": "0",
    }
    connection = await asyncpg.connect(database.dsn(url), server_settings=settings)
    try:
        while waiting:
            for statement in waiting.popleft():
                await connection.execute(statement)
    finally:
        await connection.close()
