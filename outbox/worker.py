"""The loops that carry events on: relay, clock, mails, webhooks. One process serves and works; more may do the same.

Every wake-up is only a hint, and a poll stands behind it: whatever was missed, because a process died or the database
was away, is found a second after both are back.
"""

import asyncio
import contextlib
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncpg
import structlog
from tortoise.connection import get_connection
from tortoise.transactions import in_transaction

from domain import changes, clock
from mailer import letters, maildir, messages
from models import database, sql
from models.enums import Audience, MailStatus, Side
from models.mail import Mail
from outbox import due, relay, webhooks
from settings import Settings

if TYPE_CHECKING:
    from mailer import smtp

POLL = 1.0
SWEEP = 5.0
# A delivery that takes longer has failed; its row is another slot's to take once the lease is over.
LONGEST_DELIVERY = 30.0
LEASE = timedelta(seconds=60)
# Webhooks under way at once, in one process: most wait for somebody else's server.
WEBHOOK_SLOTS = 16
# How long stopping waits for deliveries under way.
GRACE = 5.0
# Seconds before a loop that failed goes on; the last one from then on.
BACKOFF: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
LONGEST_ERROR = 500

# How long after each failed attempt the next one follows; after the last one the mail has failed.
RETRIES: Final = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=12),
    timedelta(hours=24),
)

_IS_DUE: Final = "m.status = 'QUEUED' and m.due_at <= :now and (m.lease_until is null or m.lease_until <= :now)"
CLAIM = f"""
update mail set lease_until = :lease_until, attempts = attempts + 1
where id = (select m.id from mail m where {_IS_DUE} order by m.due_at, m.id limit 1 {{skipping}})
returning id, template, attempts
"""  # noqa: S608  words of this table
# What a poll asks: one question, whatever there may be to do.
WAITING: Final = f"""
select exists (select 1 from event e where e.pos is null) as events,
  exists (select 1 from mail m where {_IS_DUE}) as mails, exists ({webhooks.READY}) as webhooks
"""  # noqa: S608  as above

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Claim:
    """A mail that one slot has to itself; `attempts`, this one included, tells its mark from a later claim's."""

    id: str
    template: str
    attempts: int


class Worker:
    """What a process does besides answering.

    `slots` deliveries run side by side; each takes one mail at a time, so that a slow one holds up nobody else's.
    """

    def __init__(self, settings: Settings, *, slots: int = 4) -> None:
        self._webhooks = webhooks.Sender(allow_private=settings.webhook_allow_private)
        self._smtp = _mail_server(settings)
        self._deliver: Callable[[letters.Letter], Awaitable[None]] = (
            self._smtp.deliver if self._smtp else partial(maildir.deliver, folder=settings.data_dir / "mail")
        )
        self._database = database.url_for(settings.database_url, settings.data_dir)
        self._slots = slots
        self._tasks: list[asyncio.Task[None]] = []
        self._listener: asyncio.Task[None] | None = None
        self._said_until: dict[tuple[str, str], float] = {}
        self._stopping = asyncio.Event()
        self._committed = asyncio.Event()
        self._queued = asyncio.Event()
        self._heard = asyncio.Event()

    async def start(self) -> None:
        """Begin, and return; whether the database can be reached yet or not."""
        loops = [self._relay, self._sweep, *[self._slot] * self._slots, *[self._webhook_slot] * WEBHOOK_SLOTS]
        self._tasks = [asyncio.create_task(self._repeat(step)) for step in loops]
        if database.dialect(self._database) is sql.Dialect.POSTGRES:
            self._listener = asyncio.create_task(self._repeat(self._listen))
        changes.on_commit.append(self._committed.set)

    async def stop(self) -> None:
        """End: what is being delivered is finished and marked; what takes too long is left to its lease."""
        if self._committed.set in changes.on_commit:
            changes.on_commit.remove(self._committed.set)
        for wake in (self._stopping, self._committed, self._queued, self._heard):
            wake.set()
        if self._listener:
            self._listener.cancel()
        try:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=GRACE)
        finally:
            ending = [*self._tasks, self._listener] if self._listener else self._tasks
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)
            await self._hang_up()

    async def drain(self) -> None:
        """Do everything that is due at this moment, in this task, and return. What fails waits for its next attempt."""
        try:
            while (
                await relay.publish(clock.now())
                or await _exhausted(self._send_one)
                or await _exhausted(self._webhooks.send_one)
                or await due.sweep(clock.now())  # last, since it asks most and mostly finds nothing
            ):
                pass
        finally:
            await self._hang_up()

    # ── loops ──

    async def _repeat(self, step: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                await step()
                failures = 0
            except Exception as error:  # noqa: BLE001  whatever it was: the loop has to go on, and the log says it
                again = BACKOFF[min(failures, len(BACKOFF) - 1)]
                failures += 1
                with contextlib.suppress(Exception):  # nor does a log that cannot be written end the loop
                    self._say(step.__name__, error, again)
                await _wait(self._stopping, again)

    def _say(self, loop: str, error: Exception, again: float) -> None:
        """Log why a loop failed; of slots that fail alike until it is tried again, the first speaks for all."""
        now, failure = asyncio.get_running_loop().time(), (loop, type(error).__name__)
        if now < self._said_until.get(failure, now):
            return
        self._said_until[failure] = now + again
        # Not `stack`: that word is structlog's own, which takes a text for it and fails at anything else.
        log.warning("worker.failed", loop=loop, error=failure[1], frames=_frames(error), again_in_seconds=again)

    async def _relay(self) -> None:
        self._committed.clear()
        waiting = await _waiting(clock.now())
        if waiting["events"]:
            await relay.publish(clock.now())
            waiting = await _waiting(clock.now())
        if waiting["mails"]:
            self._queued.set()
        if waiting["webhooks"]:
            self._heard.set()
        await _wait(self._committed, POLL)

    async def _sweep(self) -> None:
        if not await due.sweep(clock.now()):
            await _wait(self._stopping, SWEEP)

    async def _slot(self) -> None:
        self._queued.clear()
        if not await self._send_one():
            await self._hang_up()
            await self._queued.wait()

    async def _webhook_slot(self) -> None:
        self._heard.clear()
        if await self._webhooks.send_one():
            self._heard.set()  # where there was one, there may be more
        else:
            await self._heard.wait()

    async def _listen(self) -> None:
        """Hear of what other processes publish; returns when the connection is lost, to be made anew."""
        lost = asyncio.Event()
        connection = await asyncpg.connect(
            database.dsn(self._database), timeout=database.LONGEST_CONNECT, command_timeout=database.LONGEST_ANSWER
        )
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(relay.CHANNEL, lambda *_: self._wake())
            self._wake()  # for what was said while nobody listened
            await lost.wait()
        finally:
            connection.terminate()

    def _wake(self) -> None:
        self._committed.set()
        relay.tell()

    # ── one mail ──

    async def _send_one(self) -> bool:
        """Deliver the mail that has waited longest, if any is due, and mark it. The I/O is in no transaction."""
        claim = await _claim(clock.now())
        if claim is None:
            return False
        self._queued.set()  # where there was one, there may be more: one for each slot
        error = await self._attempt(claim)
        await _mark(claim, error, clock.now())
        return True

    async def _attempt(self, claim: Claim) -> Exception | None:
        if claim.attempts > len(RETRIES) + 1:
            return ExhaustedError("every attempt ended with the process that made it")
        try:
            async with asyncio.timeout(LONGEST_DELIVERY):
                await self._deliver(await messages.build(claim.id, clock.now()))
        except Exception as error:  # noqa: BLE001  whatever it was, it is kept with the mail, which is tried again
            return error
        return None

    async def _hang_up(self) -> None:
        """Keep no connection to the mail server while there is nothing to send."""
        if self._smtp:
            await self._smtp.close()


class ExhaustedError(Exception):
    """No attempt is left."""


def _mail_server(settings: Settings) -> "smtp.Server | None":
    if settings.smtp_url is None:
        return None
    from mailer import smtp  # noqa: PLC0415  only who has a mail server speaks to it

    return smtp.Server(settings.smtp_url.get_secret_value())


async def _exhausted(step: Callable[[], Awaitable[bool]]) -> bool:
    """Repeat a step until there is nothing left to do; return whether there was anything."""
    did = False
    while await step():
        did = True
    return did


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _frames(error: Exception) -> list[str]:
    """Tell where an error came from, without its words: they may hold an address."""
    return [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]


async def _waiting(now: datetime) -> Mapping[str, object]:
    """Tell by WAITING's names what there is to do."""
    connection = get_connection("default")
    values = {"now": now, "at_once": webhooks.AT_ONCE}
    [found] = await connection.execute_query_dict(*sql.bind(WAITING, values, changes.dialect(connection)))
    return found


async def _claim(now: datetime) -> Claim | None:
    async with in_transaction() as connection:
        values = {"now": now, "lease_until": now + LEASE}
        rows = await connection.execute_query_dict(*sql.bind(CLAIM, values, changes.dialect(connection)))
    return Claim(**rows[0]) if rows else None


async def _mark(claim: Claim, error: Exception | None, now: datetime) -> None:
    """Write what came of an attempt, unless the lease ran out and the mail is somebody else's by now."""
    status, due_at = _outcome(claim, error, now)
    async with changes.change(by=None) as c:
        marked = await Mail.filter(id=claim.id, status=MailStatus.QUEUED, attempts=claim.attempts).update(
            status=status,
            due_at=due_at,
            lease_until=None,
            sent_at=now if status is MailStatus.SENT else None,
            last_error=error and f"{type(error).__name__}: {error}"[:LONGEST_ERROR],
        )
        if marked and status is MailStatus.FAILED:
            await _tell_who_asked(c, claim)
    # The error's words, which may hold an address, stay in the row.
    log.info(
        "mail.attempted",
        mail=claim.id,
        template=claim.template,
        attempt=claim.attempts,
        status=status if marked else "TAKEN_OVER",
        error=error and type(error).__name__,
    )


async def _tell_who_asked(c: changes.Change, claim: Claim) -> None:
    """Record that a mail has failed, beside what it told of, for the side that brought it about; else for the vendor.

    Nobody reads of it who may not read what the mail told of.
    """
    mail = await Mail.get(id=claim.id).select_related("event", "event__proposal")
    told = mail.event
    if told is None:
        return
    asked = told.side or (told.proposal.proposed_by_side if told.proposal else Side.VENDOR)
    audience = Audience(asked) if told.visible_to is Audience.BOTH else told.visible_to
    c.event_beside(told, "mail.failed", audience=audience)


def _outcome(claim: Claim, error: Exception | None, now: datetime) -> tuple[MailStatus, datetime]:
    """Tell what a mail is after an attempt, and when it is due (again)."""
    match error:
        case None:
            return MailStatus.SENT, now
        case messages.OutdatedError():
            return MailStatus.CANCELLED, now
        case letters.UndeliverableError() | ExhaustedError():
            return MailStatus.FAILED, now
    if claim.attempts > len(RETRIES):
        return MailStatus.FAILED, now
    return MailStatus.QUEUED, now + RETRIES[claim.attempts - 1]
