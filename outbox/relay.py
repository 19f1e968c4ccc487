"""From committed events to what leaves the house: positions, and the mails that stand in the queue.

Writers give an event its place in its stream; its place among all streams is given here, after the commit, because a
number that is drawn before the commit shows later events first. Whoever reads "after position n" misses nothing.
"""

from dataclasses import dataclass
from datetime import datetime

from tortoise import connections
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from domain import changes
from models import sql
from models.event import Event
from models.mail import Mail
from outbox import routes

BATCH = 2_000
# PostgreSQL's channel on which processes hear that something was published. Nothing is said on it but that.
CHANNEL = "countersign"
# Of all the numbers, the one that only the relay at work holds.
RELAY_LOCK = 7_266_219_842

# A stream's events keep their versions' order even where a clock went back between two of them.
PLACE = """
update event set pos = placed.pos from (
  select ordered.id, (select coalesce(max(pos), 0) from event) + row_number() over (
    order by ordered.since, ordered.stream, ordered.version
  ) as pos
  from (
    select id, stream, version, max(at) over (partition by stream order by version) as since
    from event where pos is null
    order by since, stream, version limit :batch
  ) ordered
) placed
where event.id = placed.id and event.pos is null
returning event.pos as pos
"""


@dataclass(frozen=True, slots=True)
class _Found:
    """What `routes.MAILS` finds for each mail."""

    event_id: str
    pos: int
    template: str
    to_email: str
    to_name: str | None
    locale: str | None
    link_id: str | None


async def publish(now: datetime) -> int:
    """Give every committed event its position, and queue its mails in the same transaction; return how many events.

    Of several processes at once, one does it; the others leave without waiting. It does not stop before it has looked
    once more after its last commit, so that what the others came for is not left behind.
    """
    published = 0
    while await Event.exists(pos__isnull=True):
        placed = await _publish_batch(now)
        if placed == 0:
            break
        published += placed
    if published:
        await _tell_other_processes(connections.get("default"))
    return published


async def _publish_batch(now: datetime) -> int:
    async with in_transaction() as connection:
        if not await _is_alone(connection):
            return 0
        statement, values = sql.bind(PLACE, {"batch": BATCH}, changes.dialect(connection))
        positions = [row["pos"] for row in await connection.execute_query_dict(statement, values)]
        if positions:
            await _queue_mails(connection, min(positions), max(positions), now)
        return len(positions)


async def _is_alone(connection: BaseDBAsyncClient) -> bool:
    """Keep other relays out until the transaction ends, however it ends. Beside SQLite there are none."""
    if changes.dialect(connection) is sql.Dialect.SQLITE:
        return True
    [row] = await connection.execute_query_dict("select pg_try_advisory_xact_lock($1) as alone", [RELAY_LOCK])
    return bool(row["alone"])


async def _queue_mails(connection: BaseDBAsyncClient, first: int, last: int, now: datetime) -> None:
    statement, values = sql.bind(routes.MAILS, {"first": first, "last": last}, changes.dialect(connection))
    found = [_Found(**row) for row in await connection.execute_query_dict(statement, values)]
    mails = [
        Mail(
            event_id=mail.event_id,
            template=mail.template,
            to_email=mail.to_email,
            to_name=mail.to_name,
            locale=mail.locale,
            link_id=mail.link_id,
            due_at=now,
            created_at=now,
        )
        for mail in sorted(found, key=lambda mail: mail.pos)
    ]
    # A rule may find a person twice, and two rules of one event the same person: one mail.
    await Mail.bulk_create(mails, ignore_conflicts=True)


async def _tell_other_processes(connection: BaseDBAsyncClient) -> None:
    # After the commit: a NOTIFY inside the transaction would make all writers wait for each other.
    if changes.dialect(connection) is sql.Dialect.POSTGRES:
        await connection.execute_query("select pg_notify($1, '')", [CHANNEL])
