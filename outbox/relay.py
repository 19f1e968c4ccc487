"""From committed events to what leaves the house: positions, notices, and the queues of mails and webhooks.

Writers give an event its place in its stream; its place among all streams is given here, after the commit, because a
number that is drawn before the commit shows later events first. Whoever reads "after position n" misses nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from tortoise import connections
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from domain import changes, webhooks
from models import sql
from models.enums import NoticeUrgency
from models.event import Event
from models.mail import Mail
from models.notice import Notice
from models.webhook import WebhookDelivery
from outbox import routes

on_publish: list[Callable[[], None]] = []
"""Called when events may have got their positions, here or in another process: whoever follows the log is woken."""

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
returning event.pos as pos, event.topic as topic
"""


# Which endpoints hear which of the events between two positions.
HEARD = webhooks.heard("e.pos between :first and :last")


@dataclass(frozen=True, slots=True)
class _Batch:
    """Events that have just got their positions, `first` to `last`, and their topics."""

    topics: frozenset[str]
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Addressed:
    """What `routes.NOTICES_OF` finds for each notice."""

    event_id: str
    pos: int
    seat_id: str
    urgency: NoticeUrgency
    proposal_id: str | None


@dataclass(frozen=True, slots=True)
class _Mailed:
    """What `routes.MAILS` finds for each mail."""

    event_id: str
    pos: int
    template: str
    to_email: str
    to_name: str | None
    locale: str | None
    link_id: str | None


ROW = TypeVar("ROW", _Addressed, _Mailed)


async def publish(now: datetime) -> int:
    """Give every committed event its position, notices, mails and deliveries in one transaction; return how many.

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
        tell()
        await _tell_other_processes(connections.get("default"))
    return published


def tell() -> None:
    """Wake whoever follows the log in this process."""
    for wake in on_publish:
        wake()


async def _publish_batch(now: datetime) -> int:
    async with in_transaction() as connection:
        if not await _is_alone(connection):
            return 0
        statement, values = sql.bind(PLACE, {"batch": BATCH}, changes.dialect(connection))
        placed = await connection.execute_query_dict(statement, values)
        if placed:
            positions = [row["pos"] for row in placed]
            batch = _Batch(frozenset(row["topic"] for row in placed), min(positions), max(positions))
            await _give_notice(connection, batch, now)
            await _queue_mails(connection, batch, now)
            await _make_deliveries(connection, batch, now)
        return len(placed)


async def _is_alone(connection: BaseDBAsyncClient) -> bool:
    """Keep other relays out until the transaction ends, however it ends. Beside SQLite there are none.

    Until then every statement is planned for its positions: a plan for any would read whole tables, however few they
    are.
    """
    if changes.dialect(connection) is sql.Dialect.SQLITE:
        return True
    [row] = await connection.execute_query_dict(
        "select pg_try_advisory_xact_lock($1) as alone, set_config('plan_cache_mode', 'force_custom_plan', true)",
        [RELAY_LOCK],
    )
    return bool(row["alone"])


async def _found(
    row: type[ROW], finding: Mapping[str, tuple[str, ...]], batch: _Batch, now: datetime, connection: BaseDBAsyncClient
) -> list[ROW]:
    """Run what `routes` has for a batch's topics, if it has anything."""
    statement = routes.statement(finding, batch.topics)
    if not statement:
        return []
    values = {"first": batch.first, "last": batch.last, "now": now}
    rows = await connection.execute_query_dict(*sql.bind(statement, values, changes.dialect(connection)))
    return [row(**each) for each in rows]


async def _give_notice(connection: BaseDBAsyncClient, batch: _Batch, now: datetime) -> None:
    found = await _found(_Addressed, routes.NOTICES_OF, batch, now, connection)
    notices = [
        Notice(
            event_id=each.event_id,
            pos=each.pos,
            seat_id=each.seat_id,
            urgency=NoticeUrgency(each.urgency),
            proposal_id=each.proposal_id,
            created_at=now,
        )
        for each in sorted(found, key=lambda each: (each.pos, each.urgency))
    ]
    # Two rules of one event may find the same seat: one notice, and what asks something before what only tells.
    await Notice.bulk_create(notices, ignore_conflicts=True)


async def _queue_mails(connection: BaseDBAsyncClient, batch: _Batch, now: datetime) -> None:
    found = await _found(_Mailed, routes.MAILS, batch, now, connection)
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


async def _make_deliveries(connection: BaseDBAsyncClient, batch: _Batch, now: datetime) -> None:
    dialect = changes.dialect(connection)
    between = {"first": batch.first, "last": batch.last, "now": now}
    statement, values = sql.bind(HEARD, between, dialect, chosen=webhooks.CHOSEN[dialect])
    found = await connection.execute_query_dict(statement, values)
    await WebhookDelivery.bulk_create(
        [
            webhooks.new_delivery(row["endpoint_id"], row["event_id"], now)
            for row in sorted(found, key=lambda row: int(row["pos"]))
        ],
        ignore_conflicts=True,
    )


async def _tell_other_processes(connection: BaseDBAsyncClient) -> None:
    # After the commit: a NOTIFY inside the transaction would make all writers wait for each other.
    if changes.dialect(connection) is sql.Dialect.POSTGRES:
        await connection.execute_query("select pg_notify($1, '')", [CHANNEL])
