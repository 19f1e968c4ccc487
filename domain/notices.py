"""Notices: events addressed to people, as each acts for one company (mission 5.1). The relay writes their rows.

What a person has read is that person's own and no fact for others: it is recorded nowhere else.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from tortoise.connection import get_connection
from tortoise.expressions import Subquery

from domain import changes, errors, moves, policy, proposals
from domain.policy import Permission
from domain.seats import Seat
from models import sql
from models.enums import NoticeChannel, NoticeUrgency, UserErrorCode
from models.event import Event
from models.notice import Notice, NoticePreference
from models.seat import Seat as SeatRow

# ── verbs ──


async def mark_read(notice_id: str, *, by: Seat) -> None:
    """Take a notice off the unread ones; one that was read stays as it is. Refuses NOT_FOUND."""
    policy.require(Permission.NOTICE_MARK_READ, by=by)
    await policy.find(Notice, notice_id, "noticeId", by=by)
    async with changes.change(by=by) as c:
        await Notice.filter(id=notice_id, read_at__isnull=True).update(read_at=c.now)


async def mark_all_read(up_to: int, *, by: Seat) -> None:
    """Take all of the seat's notices up to a position in the log off the unread ones."""
    policy.require(Permission.NOTICES_MARK_READ, by=by)
    async with changes.change(by=by) as c:
        await Notice.filter(seat_id=by.id, pos__lte=up_to, read_at__isnull=True).update(read_at=c.now)


async def acknowledge(notice_id: str, *, by: Seat) -> None:
    """Close an ACTION notice about a change that was made already, for the whole company (mission 0.9).

    What a colleague has acknowledged stays as it is. Refuses NOT_FOUND, and WRONG_STATE what asks for nothing, or for
    an answer to a proposal.
    """
    policy.require(Permission.NOTICE_ACKNOWLEDGE, by=by)
    notice = await policy.find(Notice, notice_id, "noticeId", by=by)
    if notice.urgency is not NoticeUrgency.ACTION:
        raise errors.Refusal(UserErrorCode.WRONG_STATE, "It asks for nothing.", "noticeId")
    if notice.proposal_id is not None:
        message = "It is closed by answering the proposal."
        raise errors.Refusal(UserErrorCode.WRONG_STATE, message, "noticeId")
    async with changes.change(by=by) as c:
        colleagues = SeatRow.filter(side=by.side, partner_id=by.partner_id, client_id=by.client_id)
        theirs = Notice.filter(event_id=notice.event_id, seat_id__in=Subquery(colleagues.values("id")))
        if await theirs.filter(acknowledged_at__isnull=True).update(acknowledged_at=c.now):
            await Notice.filter(id=notice_id, read_at__isnull=True).update(read_at=c.now)
            event = await Event.get(id=notice.event_id)
            c.event_beside(event, "notice.acknowledged", audience=event.visible_to)


async def set_preference(topic: str, channels: Collection[NoticeChannel], *, by: Seat) -> None:
    """Choose how the seat hears of a topic from now on; no channel: not at all.

    Refuses INVALID an unknown topic, and one about access, consent or security, which cannot be muted (mission 5.1).
    """
    policy.require(Permission.NOTICE_PREFERENCE_SET, by=by)
    known = moves.TOPICS.get(topic)
    if known is None:
        raise errors.invalid("There is no such topic: `topics` lists them.", "topic")
    if not known.mutable:
        raise errors.invalid("Notices about access, consent and security cannot be muted.", "topic")
    chosen = NoticePreference(
        seat_id=by.id, topic=topic, portal=NoticeChannel.PORTAL in channels, email=NoticeChannel.EMAIL in channels
    )
    async with changes.change(by=by):
        await NoticePreference.bulk_create(
            [chosen], on_conflict=["seat_id", "topic"], update_fields=["portal", "email"]
        )


# ── what is read ──


async def unread(seat: Seat) -> int:
    """Count the seat's notices that nobody has opened."""
    return await Notice.filter(seat_id=seat.id, read_at__isnull=True).count()


# ── what time does ──


async def remind_due(at: datetime) -> int:
    """Remind of changes that nobody has acknowledged for 3 and for 7 days, at most a batch; return how many.

    Two reminders that are due at once are one.
    """
    async with changes.change(by=None) as c:
        found: set[str] = set()
        for stage, waited in reversed([*enumerate(proposals.REMINDERS, start=1)]):
            found |= await _counted(stage, at - waited)
        for event in await Event.filter(id__in=found).order_by("id"):
            c.event_beside(event, "notice.reminded", audience=event.visible_to)
    return len(found)


# Of two sweeps at once the second waits for the first, and finds its notices counted.
_COUNT: Final = """
update notice set reminders = :stage
where reminders < :stage and acknowledged_at is null and event_id in (
  select n.event_id from notice n
  where n.urgency = 'ACTION' and n.proposal_id is null and n.acknowledged_at is null
    and n.reminders < 2 and n.reminders < :stage and n.created_at <= :since
  order by n.created_at limit :batch
)
returning event_id
"""


async def _counted(stage: int, since: datetime) -> set[str]:
    connection = get_connection("default")
    values = {"stage": stage, "since": since, "batch": proposals.SWEEP}
    rows = await connection.execute_query_dict(*sql.bind(_COUNT, values, changes.dialect(connection)))
    return {row["event_id"] for row in rows}
