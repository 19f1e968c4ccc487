"""What is measured on: rows of companies that work together, made by `data.sql` in one go, alike on every machine."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import asyncpg

from models import database

SQL: Final = Path(__file__).with_name("data.sql")

BEGIN: Final = "timestamptz '2026-01-01'"
# After everything that is measured: what is open stays open, who is signed in stays signed in.
LATER: Final = "timestamptz '2100-01-01'"

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


async def fill(url: str, sizes: Sizes, *, unlogged: Sequence[str] = ()) -> None:
    """Fill a migrated, empty database, whose `unlogged` tables need not survive a crash.

    References are right by the way the rows are made and not checked; indexes are built behind them, four times faster.
    """
    connection = await asyncpg.connect(database.dsn(url))
    try:
        for table in unlogged:
            await connection.execute(f"alter table {table} set unlogged")
        indexes = await connection.fetch(_INDEXES)
        await connection.execute(";".join(f"drop index {each['name']}" for each in indexes))
        functions, *rows = sizes.statements()
        await connection.execute(functions)
        await _side_by_side(url, rows)
        await _side_by_side(url, [each["definition"] for each in indexes])
        await connection.execute("drop schema filler cascade")
        await connection.execute("vacuum analyze")
    finally:
        await connection.close()


# Those that no constraint stands on.
_INDEXES: Final = """
    select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
    from pg_index i join pg_class c on c.oid = i.indrelid
    where c.relnamespace = 'public'::regnamespace
    and not exists (select from pg_constraint k where k.conindid = i.indexrelid) order by 1
"""


async def _side_by_side(url: str, statements: Sequence[str]) -> None:
    """Run statements that do not depend on each other, on as many connections as small machines have cores."""
    waiting = deque(statements)
    await asyncio.gather(*(_run(url, waiting) for _ in range(SIDE_BY_SIDE)))


async def _run(url: str, waiting: deque[str]) -> None:
    settings = {
        "synchronous_commit": "off",
        "session_replication_role": "replica",
        "maintenance_work_mem": "256MB",
        "work_mem": "64MB",
        "max_parallel_maintenance_workers": "0",
    }
    connection = await asyncpg.connect(database.dsn(url), server_settings=settings)
    try:
        while waiting:
            await connection.execute(waiting.popleft())
    finally:
        await connection.close()
