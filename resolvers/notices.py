"""What the fields of notices are, and the verbs that answer with a count."""

from collections.abc import Collection

from domain import notices
from models.enums import NoticeChannel
from resolvers.context import Caller, Outcome
from resolvers.sources import Order

UNREAD = "select count(*) from notice n_ where n_.seat_id = {t}.id and n_.read_at is null"
UNREAD_OF_VIEWER = UNREAD.replace("{t}.id", ":seat")
IS_UNREAD = "({t}.read_at is null) = :value"
DUE_AT = (
    "select d_.expires_at from proposal d_ where d_.id = {t}.proposal_id and {t}.urgency = 'ACTION'"
    " and d_.status = 'PENDING'"
)
NEWEST_FIRST = Order("{t}.pos", descending=True, kind="number")


async def mark_read(caller: Caller, *, notice_id: str) -> Outcome:
    """Take one off the unread ones."""
    await notices.mark_read(notice_id, by=caller.signed_in)
    return Outcome()


async def mark_all_read(caller: Caller, *, up_to: int) -> Outcome:
    """Take all up to a position off the unread ones."""
    await notices.mark_all_read(up_to, by=caller.signed_in)
    return Outcome()


async def acknowledge(caller: Caller, *, notice_id: str) -> Outcome:
    """Close one that asks for that."""
    await notices.acknowledge(notice_id, by=caller.signed_in)
    return Outcome()


async def set_preference(caller: Caller, *, topic: str, channels: Collection[NoticeChannel]) -> Outcome:
    """Choose how to hear of a topic."""
    await notices.set_preference(topic, channels, by=caller.signed_in)
    return Outcome()


async def unread(caller: Caller) -> int | None:
    """How many are unread now; null where nobody is signed in any more."""
    return None if caller.seat is None else await notices.unread(caller.seat)


def channels(portal: bool, email: bool) -> list[NoticeChannel]:  # noqa: FBT001  columns
    """The ways that were left on."""
    wanted = {NoticeChannel.PORTAL: portal, NoticeChannel.EMAIL: email}
    return [channel for channel, is_wanted in wanted.items() if is_wanted]
