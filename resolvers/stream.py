"""Subscriptions: what was missed, then what comes, in one order; each payload made once for all who would get the same.

The loop of a process (`Streams._follow`) watches the head of the log: woken when something was published, by this
process or another, and looking by itself twice a second. What is new sends those groups to read that listen to what it
is about. A group are the operations whose payloads are equal byte by byte: of one plan, one subject, and the same
values of everything that the plan binds. Groups that differ only in what a statement can take from a list of seats are
read by one: a notice to a thousand seats costs what one to a few costs. A group keeps a position, not a queue: what it
has not read is in the log, and an operation whose reader is slow leaves its group, and reads by itself from where it
was once the reader goes on.

The right is held to by session and subject of each operation: after what is to be delivered was read and before it is
sent, so that nothing is delivered which was committed after the right had ended; and twice a second for all.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, cast

import asyncpg
import orjson
import structlog
from graphql import GraphQLError, VariableNode

from domain import clock
from domain.seats import Seat
from models import sql
from models.enums import ErrorCode, Side
from models.sql import Dialect
from outbox import relay
from resolvers.compiler import FEED_ROWS, MAX_ROWS, Plan
from resolvers.documents import refused
from resolvers.engine import Engine, Reader, Subscription, listed, reader
from resolvers.statements import LISTED, of_listed

if TYPE_CHECKING:
    from resolvers.sources import Table

# How often the rights of all are looked at, and the log, whether or not anybody said that there is something new.
EVERY: Final = 0.5
# How many operations read at once what they missed: when all come back together, others want to read too.
REPLAYS: Final = 4
# After so many deliveries others have their turn.
DELIVERIES_AT_ONCE: Final = 500

ENDED: Final = {
    ErrorCode.SESSION_ENDED: "The session has ended. Sign in again.",
    ErrorCode.ACCESS_ENDED: "There is nothing here that you may listen to (any more).",
    ErrorCode.RESYNC: "The cursor is ahead of the log. Read anew, and subscribe after the new position.",
    ErrorCode.LIMIT_EXCEEDED: "What was selected takes too long to read. Ask for less.",
    ErrorCode.INTERNAL: "Something went wrong on our side.",
}

_HEAD: Final = "select coalesce(max(pos), 0) from event"
# One row a feed, the subjects as one JSON text: many seats' news are as many subjects.
_NEWS: Final = (
    "select '{key}', {all}(distinct t_.{key}) from event e_ join {table} t_ on t_.{event} = e_.id"
    " where e_.pos > :after and e_.pos <= :head and t_.{key} is not null group by 1"
)
_ALL: Final = {Dialect.POSTGRES: "json_agg", Dialect.SQLITE: "json_group_array"}
# What is listed comes as one JSON text, sessions with the versions of their seats as one object: of the many that are
# looked at only those come back that have lost their right.
_SESSIONS: Final = {Dialect.POSTGRES: "json_each_text(:listed::json)", Dialect.SQLITE: "json_each(:listed)"}
_ENDED: Final = (
    "select w_.key from {listed} w_ where not exists (select 1 from session s_ join seat e_ on e_.id = s_.seat_id"
    " where s_.id = w_.key and s_.ended_at is null and s_.expires_at > :now and e_.ended_at is null"
    " and e_.version = cast(w_.value as int))"
)
# Whose row each of many seats does not see, by the place in the list: the law's own predicate, each with its seat.
_UNSEEN: Final = (
    "select u.id from {listed} where not exists (select 1 from {table} o_ where o_.id = u.subject and {visible})"
)
_AWAY: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, sqlite3.Error)

log: structlog.stdlib.BoundLogger = structlog.get_logger("streams")


class Listener(Protocol):
    """Where payloads go: a websocket, with many operations by their names, or an event stream, with one."""

    @property
    def seat(self) -> Seat: ...

    def reseat(self, seat: Seat) -> None:
        """Take up what the seat has become."""

    def next(self, name: str, payload: bytes) -> bool:
        """Send an operation's next payload; false if it can take none now: it calls `Streams.resume` when it can."""

    def end(self, name: str, error: GraphQLError) -> None:
        """End an operation with an error."""

    def session_ended(self) -> None:
        """Close: whoever listened is not signed in any more. Its operations were ended before."""


class _Attended(NamedTuple):
    """The operations of a listener; its session, and the version of its seat, as `_SESSIONS` takes them."""

    watches: "dict[Watch, None]"
    session: str


@dataclass(slots=True, eq=False)
class Watch:
    """One operation. `cursor`: the position up to which it has everything. `group`: null once it has ended."""

    listener: Listener
    name: str
    asked: Subscription
    cursor: int
    group: "_Group | None" = None
    catching_up: "asyncio.Task[None] | None" = None


class _Alike(NamedTuple):
    """What operations agree in that are read for together. `shares`: the values of what the plan shares."""

    plan: Plan
    values: bytes
    shares: tuple[object, ...]


class _Key(NamedTuple):
    """What operations of equal payloads agree in. `binds`: the values of what the plan binds."""

    alike: _Alike
    subject: str
    binds: tuple[object, ...]


@dataclass(slots=True, eq=False)
class _Group:
    """Operations of equal payloads. `live`: those that have everything up to `position`, or more; `members`: all.

    `reader`: whoever of them reads for all. `wanted`: a position beyond which nothing is known to have happened;
    `is_read`: whether what is up to there is being read now.
    """

    key: _Key
    asked: Subscription
    reader: Reader
    position: int
    wanted: int
    live: dict[Watch, None] = field(default_factory=dict)
    members: int = 0
    is_read: bool = False


Payloads = list[tuple[int, bytes]]


class Streams:
    """All subscriptions of a process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = engine.reads.dialect
        self._news_of_feeds = " union all ".join(
            _NEWS.format(key=feed.key, table=of.name, event=feed.event, all=_ALL[self._dialect])
            for feed, of in engine.feeds()
        )
        self._listeners: dict[Listener, _Attended] = {}
        self._every_session: str | None = None
        self._groups: dict[_Key, _Group] = {}
        self._about: dict[tuple[str, str], dict[_Group, None]] = {}
        self._behind: dict[_Group, None] = {}
        self._to_subjects: dict[Watch, None] = {}
        self._position = 0
        self._news = asyncio.Event()
        self._failing: set[Watch] = set()
        self._obstacle: type[Exception] | None = None
        self._replays = asyncio.Semaphore(REPLAYS)
        self._tasks: set[asyncio.Task[None]] = set()

    # ── the life of a process ──

    async def start(self) -> None:
        """Begin to follow the log, from its head."""
        self._position = await self._head()
        relay.on_publish.append(self._news.set)
        self._begin(self._loop())

    async def stop(self) -> None:
        """End, whatever is under way."""
        relay.on_publish.remove(self._news.set)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _loop(self) -> None:
        loop = asyncio.get_running_loop()
        next_look = loop.time()
        while True:
            is_due = loop.time() >= next_look
            if is_due:
                next_look = loop.time() + EVERY
            try:
                await self._follow()
                if is_due:
                    await self._hold_all_to_their_rights()
                    self._is_unhindered()
            except Exception as fault:  # noqa: BLE001  whatever it was, the loop goes on and the log says it
                self._is_hindered(fault)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(next_look):
                    await self._news.wait()
            self._news.clear()

    def _is_hindered(self, fault: Exception) -> None:
        """Say what keeps us from the log, once for as long as it does; an absent database has many words for it."""
        before, self._obstacle = self._obstacle, type(fault)
        if isinstance(fault, _AWAY):
            if before is None or not issubclass(before, _AWAY):
                log.warning("cannot follow the log", error=type(fault).__name__)
        elif before is not type(fault):
            log.error("cannot follow the log", exc_info=fault)

    def _is_unhindered(self) -> None:
        if self._obstacle is not None:
            self._obstacle = None
            log.info("follows the log again")

    def _begin(self, work: Coroutine[object, object, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # ── operations ──

    def attend(self, listener: Listener) -> None:
        """Hold a listener to its session from now on, whether it subscribes to anything or not."""
        self._listeners[listener] = _Attended({}, _session(listener.seat))
        self._every_session = None

    def forget(self, listener: Listener) -> None:
        """Let a listener go, and all its operations."""
        attended = self._listeners.pop(listener, None)
        self._every_session = None
        for watch in list(attended.watches) if attended else ():
            self.leave(watch)

    async def subscribe(self, listener: Listener, name: str, asked: Subscription) -> Watch:
        """Begin an operation. Raises what refuses it: ACCESS_ENDED where the seat does not see the subject, RESYNC."""
        head = await self._head()
        if asked.after is not None and asked.after > head:
            raise ended(ErrorCode.RESYNC)
        watch = Watch(listener, name, asked, head if asked.after is None else asked.after)
        if watch in await self._without_right([watch]):
            raise ended(ErrorCode.ACCESS_ENDED)
        if listener not in self._listeners:
            return watch
        self._listeners[listener].watches[watch] = None
        self._place(watch)
        return watch

    def leave(self, watch: Watch) -> None:
        """Forget an operation that has ended."""
        self._displace(watch)
        if watch.listener in self._listeners:
            self._listeners[watch.listener].watches.pop(watch, None)

    def resume(self, listener: Listener) -> None:
        """Go on with a listener that can take payloads again."""
        if listener in self._listeners:
            for watch in self._listeners[listener].watches:
                self._go_on(watch)

    def _place(self, watch: Watch) -> None:
        """Put an operation into the group of its equals, or have it read what it has missed of that group."""
        seat = watch.listener.seat
        key = _key(self._engine.plan_of(watch.asked, seat), watch.asked, seat)
        group = self._groups.get(key)
        if group is None:
            reads = reader(seat, key.subject, key.alike.plan.binds)
            group = _Group(key, watch.asked, reads, self._position, self._position)
            self._groups[key] = group
            self._about.setdefault((watch.asked.feed.key, key.subject), {})[group] = None
        watch.group = group
        if watch.asked.feed.about is not None:
            self._to_subjects[watch] = None
        group.members += 1
        self._go_on(watch)

    def _displace(self, watch: Watch) -> None:
        group, watch.group = watch.group, None
        if watch.catching_up is not None:
            watch.catching_up.cancel()
            watch.catching_up = None
        if group is None:
            return
        group.live.pop(watch, None)
        self._to_subjects.pop(watch, None)
        group.members -= 1
        if group.members == 0:
            del self._groups[group.key]
            self._behind.pop(group, None)
            about = (group.asked.feed.key, group.key.subject)
            self._about[about].pop(group)
            if not self._about[about]:
                del self._about[about]

    def _go_on(self, watch: Watch) -> None:
        group = watch.group
        if group is None or watch in group.live or watch.catching_up is not None:
            return
        if watch.cursor >= group.position:
            group.live[watch] = None
        else:
            watch.catching_up = self._begin(self._catch_up(watch, group))

    def _end(self, watch: Watch, code: ErrorCode) -> None:
        if watch.group is not None:
            self.leave(watch)
            watch.listener.end(watch.name, ended(code))

    # ── the log ──

    async def _head(self) -> int:
        [(head,)] = await self._engine.reads.rows(_HEAD, ())
        return head  # type: ignore[return-value]  # a count

    async def _follow(self) -> None:
        """Send those groups to read that listen to what is new, and those again whose reading failed."""
        head = await self._head()
        if head < self._position:
            self._resync(head)
        if not self._groups:
            self._position = head
            return
        if head > self._position:
            news = await self._rows(self._news_of_feeds, {"after": self._position, "head": head})
            self._position = head
            for key, subjects in cast("Sequence[tuple[str, str]]", news):
                for subject in orjson.loads(subjects):
                    for group in self._about.get((key, subject), ()):
                        group.wanted = head
                        self._behind[group] = None
        self._read_on()

    def _read_on(self) -> None:
        """Have those groups read that are behind, whoever is alike together."""
        behind: dict[_Alike, list[_Group]] = {}
        for group in self._behind:
            if not group.is_read:
                group.is_read = True
                behind.setdefault(group.key.alike, []).append(group)
        self._behind.clear()
        for groups in behind.values():
            self._begin(self._read(groups))

    def _resync(self, head: int) -> None:
        """The log is shorter than it was: somebody has restored an older one."""
        for attended in list(self._listeners.values()):
            for watch in list(attended.watches):
                self._end(watch, ErrorCode.RESYNC)
        self._position = head

    async def _rows(self, template: str, values: dict[str, object]) -> Sequence[Sequence[object]]:
        return await self._engine.reads.rows(*sql.bind(template, values, self._dialect))

    # ── reading and sending ──

    async def _read(self, groups: Sequence[_Group]) -> None:
        """Have some groups that are alike read, and again those of which more is wanted by then."""
        are_read = False
        try:
            are_read = await self._read_together(groups)
        finally:
            for group in groups:
                group.is_read = False
                if group.position < group.wanted and group.members:
                    self._behind[group] = None
        if are_read:
            self._read_on()

    async def _read_together(self, groups: Sequence[_Group]) -> bool:
        """Read what is wanted of some groups that are alike, and send it; whether nothing was in the way."""
        try:
            for part in _parts(groups):
                await self._read_part(part)
        except Exception as fault:  # noqa: BLE001  one group's, and nobody else's
            if len(groups) == 1 or (isinstance(fault, _AWAY) and not _takes_too_long(fault)):
                self._failed([watch for group in groups for watch in group.live], fault)
                return False
            middle = len(groups) // 2
            return all([await self._read_together(half) for half in (groups[:middle], groups[middle:])])
        return True

    async def _read_part(self, groups: Sequence[_Group]) -> None:
        """Read what is wanted of as many groups as may be at once, and send it to all who are live."""
        targets = [group.wanted for group in groups]
        found = await self._payloads([(group, group.position) for group in groups if group.live])
        held = set[Watch]().union(*[group.live for group in found])
        if held:
            await self._hold_to_rights(held)
        sent = 0
        for group, target in zip(groups, targets, strict=True):
            payloads = found.get(group, [])
            group.position = payloads[-1][0] if len(payloads) == FEED_ROWS else target
            for watch in self._held(group, held):
                if watch in group.live and not _sent(watch, payloads):
                    del group.live[watch]
                sent += 1
                if sent % DELIVERIES_AT_ONCE == 0:
                    await asyncio.sleep(0)

    def _held(self, group: _Group, held: set[Watch]) -> list[Watch]:
        """The live whose right was looked at since the payloads were read; who has come since reads by itself."""
        if not held.issuperset(group.live):
            for watch in [watch for watch in group.live if watch not in held]:
                del group.live[watch]
                self._go_on(watch)
        return list(group.live)

    async def _catch_up(self, watch: Watch, group: _Group) -> None:
        """Read what one operation has missed, and let it be live."""
        try:
            while watch.cursor < group.position:
                target = group.position
                async with self._replays:
                    payloads = (await self._payloads([(group, watch.cursor)]))[group]
                    await self._hold_to_rights({watch})
                if watch.group is not group or not _sent(watch, payloads):
                    return
                if len(payloads) < FEED_ROWS:
                    watch.cursor = max(watch.cursor, target)
                await asyncio.sleep(0)
            group.live[watch] = None
        except Exception as fault:  # noqa: BLE001  this operation's, and nobody else's
            self._failed([watch], fault)
        finally:
            if watch.catching_up is asyncio.current_task():
                watch.catching_up = None

    async def _payloads(self, asked: Sequence[tuple[_Group, int]]) -> dict[_Group, Payloads]:
        """The next payloads of groups that are alike, each after a position; at most FEED_ROWS of each."""
        if not asked:
            return {}
        first, readers = asked[0][0], [(group.reader, after) for group, after in asked]
        found = await self._engine.payloads(first.asked, first.key.alike.plan, readers)
        return {group: payloads for (group, _), payloads in zip(asked, found, strict=True)}

    def _failed(self, watches: Iterable[Watch], fault: Exception) -> None:
        """What could not be read because the database is away is read again; what never can be, ends."""
        if _takes_too_long(fault):
            code = ErrorCode.LIMIT_EXCEEDED
        elif isinstance(fault, _AWAY):
            log.warning("cannot read for a subscription", error=type(fault).__name__)
            self._failing.update(watches)
            return
        else:
            code = ErrorCode.INTERNAL
            log.error("a subscription failed", exc_info=fault)
        for watch in watches:
            self._end(watch, code)

    # ── rights ──

    async def _hold_all_to_their_rights(self) -> None:
        """See whose session or access has ended; those that wait because the database was away go on."""
        await self._hold_to_sessions(self._listeners)
        await self._hold_to_subjects(list(self._to_subjects))
        while self._failing:
            self._go_on(self._failing.pop())

    async def _hold_to_rights(self, watches: set[Watch]) -> None:
        """End those of some operations that have lost their right."""
        # The list of all sessions is kept: where it is not much longer, it is asked about with less work.
        are_most = 2 * len(watches) >= len(self._listeners)
        await self._hold_to_sessions(self._listeners if are_most else {watch.listener for watch in watches})
        await self._hold_to_subjects(watches & self._to_subjects.keys())

    async def _hold_to_sessions(self, listeners: Collection[Listener]) -> None:
        """Let those listeners go whose session has ended, and have those of whose seat there is a later version."""
        asked = self._sessions(listeners)
        if not asked:
            return
        statement = _ENDED.replace("{listed}", _SESSIONS[self._dialect])
        ended = {row[0] for row in await self._listed(statement, f"{{{asked}}}")}
        if not ended:
            return
        for listener in list(listeners):
            if listener.seat.session_id in ended and listener in self._listeners:
                await self._hold_to_seat(listener)

    def _sessions(self, listeners: Collection[Listener]) -> str:
        if listeners is not self._listeners:
            return ",".join(
                {self._listeners[listener].session for listener in listeners if listener in self._listeners}
            )
        if self._every_session is None:
            self._every_session = ",".join({each.session for each in self._listeners.values()})
        return self._every_session

    async def _hold_to_seat(self, listener: Listener) -> None:
        """Let a listener go on as what its seat is today, or not at all."""
        seat = await self._engine.seat_today(listener.seat, clock.now())
        if listener not in self._listeners:
            return
        watches = list(self._listeners[listener].watches)
        if seat is None:
            for watch in watches:
                self._end(watch, ErrorCode.SESSION_ENDED)
            self.forget(listener)
            listener.session_ended()
            return
        listener.reseat(seat)
        attended = self._listeners[listener] = self._listeners[listener]._replace(session=_session(seat))
        self._every_session = None
        for watch in watches:
            self._displace(watch)
            try:
                self._place(watch)
            except GraphQLError:
                attended.watches.pop(watch)
                listener.end(watch.name, ended(ErrorCode.ACCESS_ENDED))

    async def _hold_to_subjects(self, watches: Collection[Watch]) -> None:
        for watch in await self._without_right(watches):
            self._end(watch, ErrorCode.ACCESS_ENDED)

    async def _without_right(self, watches: Iterable[Watch]) -> list[Watch]:
        """Those of some operations whose seat does not see what they listen to: one statement a kind and side."""
        kinds: dict[tuple[str, Side], dict[tuple[str, str], list[Watch]]] = {}
        for watch in watches:
            about = watch.asked.feed.about
            if about is not None:
                seat = watch.listener.seat
                of_kind = kinds.setdefault((about.name, seat.side), {})
                of_kind.setdefault((watch.asked.subject, seat.id), []).append(watch)
        lost: list[Watch] = []
        for (_, side), of_kind in kinds.items():
            unseen = await self._unseen(side, [alike[0] for alike in of_kind.values()])
            lost += [watch for key in unseen for watch in of_kind[key]]
        return lost

    async def _unseen(self, side: Side, watches: Sequence[Watch]) -> list[tuple[str, str]]:
        """Which subjects, all of one kind, are not there for which seats, all of one side."""
        about = cast("Table", watches[0].asked.feed.about)
        statement, binds = of_listed(
            _UNSEEN.replace("{listed}", LISTED[self._dialect])
            .replace("{table}", about.name)
            .replace("{visible}", (watches[0].asked.feed.heard or about.visible)[side].replace("{t}", "o_"))
        )
        asked = [(watch.listener.seat, watch.asked.subject) for watch in watches]
        readers = [(reader(seat, subject, binds), 0) for seat, subject in asked]
        unseen = [asked[cast("int", place)] for (place,) in await self._listed(statement, listed(readers))]
        return [(subject, seat.id) for seat, subject in unseen]

    async def _listed(self, template: str, listed: str) -> Sequence[Sequence[object]]:
        return await self._rows(template, {"listed": listed, "now": clock.now()})


def ended(code: ErrorCode) -> GraphQLError:
    """Why an operation ends, as its client reads it."""
    return refused(code, ENDED[code])


# Of a seat, what a plan may bind; the moment and the vendor's name are the same for all who are read for together.
_BOUND: Final[Mapping[str, Callable[[Seat], object]]] = {
    "partner": lambda seat: seat.partner_id,
    "client": lambda seat: seat.client_id,
    "user": lambda seat: seat.user_id,
    "broker": lambda seat: seat.broker,
    "for_company": lambda seat: seat.for_company,
    "seat": lambda seat: seat.id,
    "session": lambda seat: seat.session_id,
    "token": lambda seat: seat.token_hash,
    "seat_version": lambda seat: seat.version,
    "now": lambda _: None,
    "active_since": lambda _: None,
    "vendor": lambda _: None,
}


def _key(plan: Plan, asked: Subscription, seat: Seat) -> _Key:
    own = {a.value.name.value for a in asked.field.nodes[0].arguments or () if isinstance(a.value, VariableNode)}
    values = orjson.dumps(
        {name: value for name, value in asked.values.items() if name not in own}, str, orjson.OPT_SORT_KEYS
    )
    alike = _Alike(plan, values, tuple(_BOUND[name](seat) for name in sorted(plan.shares)))
    return _Key(alike, asked.subject, tuple(_BOUND[name](seat) for name in sorted(plan.binds)))


def _session(seat: Seat) -> str:
    """A seat's session, and its version, as `_SESSIONS` takes them."""
    return f'"{seat.session_id}":{seat.version}'


def _parts(groups: Sequence[_Group]) -> Iterator[list[_Group]]:
    """Groups that are alike, as many at once as can bring MAX_ROWS: of each a row, with what it selects, an event."""
    part: list[_Group] = []
    rows = 0
    rows_of_one = groups[0].key.alike.plan.rows // FEED_ROWS
    for group in groups:
        most = min(group.wanted - group.position, FEED_ROWS) * rows_of_one
        if part and rows + most > MAX_ROWS:
            yield part
            part, rows = [], 0
        part.append(group)
        rows += most
    if part:
        yield part


def _sent(watch: Watch, payloads: Payloads) -> bool:
    """Send an operation what of some payloads it does not have yet; false where its listener cannot take it all now."""
    for position, payload in payloads:
        if position > watch.cursor:
            if not watch.listener.next(watch.name, payload):
                return False
            watch.cursor = position
    return True


def _takes_too_long(fault: Exception) -> bool:
    if isinstance(fault, sqlite3.OperationalError):
        return fault.sqlite_errorname == "SQLITE_INTERRUPT"
    return isinstance(fault, asyncpg.QueryCanceledError)
