"""One change: a transaction, the rows that it changes, and the events that record it.

    async with changes.change(by=by) as c:
        taken = await Proposal.filter(id=…, status=PENDING, version=3, expires_at__gt=c.now).update(status=ACCEPTED, …)
        …                                        # 0 rows taken: raise the exact Refusal; raising undoes everything
        c.event("partnership.accepted", stream=partnership.id, …)

The compare-and-set is the transaction's first statement and writes to the row that the rule protects: of two at once
the second waits, reads what the first has committed, and takes 0 rows. Checks that need reads follow it.

Events are written when the block ends, each into its stream: the rows of all streams are locked together, in the order
of their ids, and give each event its version without gaps. An event is sealed by

    commitment = SHA-256(salt ‖ payload)            payload: `payload()`, JSON with sorted keys; salt: 32 random bytes
    digest     = SHA-256(previous digest ‖ stream ‖ NUL ‖ version in decimal ‖ NUL ‖ commitment)

with hashes as their 32 bytes, and 32 zero bytes before a stream's first event. Who an event is shown to besides
`visible_to` (the columns `partner` and `client`) is not sealed: a client that comes in later sees the offer's past.

An Idempotency-Key makes a request safe to send again: see `once`.
"""

import contextlib
import hashlib
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol, TypedDict, Unpack

import orjson
from pydantic import TypeAdapter
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from domain import clock, errors, moves
from models import sql
from models.base import new_id
from models.enums import Audience, Side, UserErrorCode
from models.event import Change as Difference
from models.event import Event, Stream
from models.idempotency import Idempotency
from models.partnership import Partnership

NO_DIGEST = bytes(32).hex()
KEPT = timedelta(hours=24)

on_commit: list[Callable[[], None]] = []
"""Called after each commit that recorded an event: whoever carries events on is woken, and finds them by itself."""


class Actor(Protocol):
    """Who acts: a seat, whoever has just become one, or (without a user) whoever answers for a side by a link."""

    @property
    def user_id(self) -> str | None: ...
    @property
    def side(self) -> Side: ...


class About(TypedDict, total=False):
    """The rows that an event is filed under."""

    partnership_id: str | None
    account_id: str | None
    project_id: str | None
    proposal_id: str | None
    partner_id: str | None
    client_id: str | None


@dataclass(slots=True)
class Change:
    """A transaction that is open, its moment, and what it will have recorded."""

    now: datetime
    by: Actor | None
    on_behalf_of: str | None
    events: list[Event] = field(default_factory=list)

    def event(  # noqa: PLR0913  an event's columns
        self,
        topic: str,
        *,
        stream: str,
        subject: str | None = None,
        audience: Audience = Audience.BOTH,
        reason: str | None = None,
        changes: Iterable[Difference] = (),
        by: Actor | None = None,
        **about: Unpack[About],
    ) -> None:
        """Record a fact of `moves.TOPICS`. `by`: who did it, where the change began before anybody was signed in."""
        if topic not in moves.TOPICS:
            raise LookupError(topic)
        actor = by or self.by
        self.events.append(
            Event(
                id=new_id("event"),
                stream=stream,
                topic=topic,
                subject=subject,
                actor_id=actor and actor.user_id,
                on_behalf_of=self.on_behalf_of,
                side=actor and actor.side,
                reason=reason,
                changes=list(changes),
                visible_to=audience,
                at=self.now,
                **about,
            )
        )

    def event_beside(self, other: Event, topic: str, *, audience: Audience) -> None:
        """Record what followed from an event that is committed: in its stream, about the same, filed under the same."""
        self.event(
            topic,
            stream=other.stream,
            subject=other.subject,
            audience=audience,
            partnership_id=other.partnership_id,
            account_id=other.account_id,
            project_id=other.project_id,
            proposal_id=other.proposal_id,
            partner_id=other.partner_id,
            client_id=other.client_id,
        )


def of_partnership(partnership: Partnership) -> About:
    """Say what the events of a partnership are filed under."""
    return {
        "partnership_id": partnership.id,
        "partner_id": partnership.partner_id,
        "client_id": partnership.client_id,
    }


@contextlib.asynccontextmanager
async def change(*, by: Actor | None, on_behalf_of: str | None = None) -> AsyncIterator[Change]:
    """Open the transaction of one verb. `on_behalf_of`: the side or address for whom the vendor acts (mission 5.4)."""
    async with in_transaction() as connection:
        c = Change(clock.now(), by, on_behalf_of)
        yield c
        if c.events:
            await _record(c.events, connection)
    if c.events and not _inside_once.get():
        announce()


def announce() -> None:
    """Wake whoever carries events on."""
    for wake in on_commit:
        wake()


def dialect(connection: BaseDBAsyncClient) -> sql.Dialect:
    """Which of the two databases a connection speaks to."""
    return sql.Dialect(connection.capabilities.dialect)


# ── events ──


async def _record(events: list[Event], connection: BaseDBAsyncClient) -> None:
    heads = await _locked_heads(Counter(event.stream for event in events), events[0].at, connection)
    for event in events:
        version, digest = heads[event.stream]
        event.version = version + 1
        event.salt = secrets.token_hex(32)
        event.commitment = commitment(event)
        event.digest = digest_after(digest, event)
        heads[event.stream] = event.version, event.digest
    await Event.bulk_create(events)
    await Stream.bulk_create(
        [Stream(id=stream, version=version, digest=digest) for stream, (version, digest) in sorted(heads.items())],
        on_conflict=["id"],
        update_fields=["digest"],
    )


async def _locked_heads(
    news: Mapping[str, int], at: datetime, connection: BaseDBAsyncClient
) -> dict[str, tuple[int, str]]:
    """Lock the streams, move their versions on by so many news, and return version and digest as they were."""
    streams = sorted(news)
    rows = ", ".join(f"(:id_{n}, :news_{n}, :no_digest, :at)" for n in range(len(streams)))
    statement, values = sql.bind(
        f"insert into stream (id, version, digest, unsigned_since) values {rows}"  # noqa: S608  placeholders, no values
        " on conflict (id) do update set version = stream.version + excluded.version,"
        " unsigned_since = coalesce(stream.unsigned_since, excluded.unsigned_since) returning id, version, digest",
        {
            "no_digest": NO_DIGEST,
            "at": at,
            **{f"id_{n}": stream for n, stream in enumerate(streams)},
            **{f"news_{n}": news[stream] for n, stream in enumerate(streams)},
        },
        dialect(connection),
    )
    heads = await connection.execute_query_dict(statement, values)
    return {head["id"]: (head["version"] - news[head["id"]], head["digest"]) for head in heads}


# TABLE: what an event's commitment seals: names in the payload, and the columns that they are.
SEALED: Final[Mapping[str, str]] = {
    "id": "id",
    "stream": "stream",
    "version": "version",
    "topic": "topic",
    "subject": "subject",
    "actor": "actor_id",
    "onBehalfOf": "on_behalf_of",
    "side": "side",
    "reason": "reason",
    "changes": "changes",
    "visibleTo": "visible_to",
    "partnership": "partnership_id",
    "account": "account_id",
    "proposal": "proposal_id",
    "at": "at",
    "project": "project_id",
}
# What was sealed before there was such a thing, does not say that there was none.
_ONLY_WHERE_THERE_IS_ONE: Final = {"project"}


def payload(values: Mapping[str, object]) -> bytes:
    """Write what a commitment seals, by the names of `SEALED`: JSON with sorted keys, times as everywhere."""
    told = {name: value for name, value in values.items() if value is not None or name not in _ONLY_WHERE_THERE_IS_ONE}
    return orjson.dumps(told, sql.time_text, orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME)


def commitment(event: Event) -> str:
    """Seal an event's payload with its salt (hexadecimal). What was erased has neither, and keeps its seal."""
    if event.salt is None:
        raise ValueError(f"{event.id} was erased")
    return sealed(event.salt, payload({name: getattr(event, column) for name, column in SEALED.items()}))


def sealed(salt: str, payload: bytes) -> str:
    """Return the commitment to a payload."""
    return hashlib.sha256(bytes.fromhex(salt) + payload).hexdigest()


def digest_after(previous: str, event: Event) -> str:
    """Chain an event to the one before it in its stream (`NO_DIGEST` before the first)."""
    return chained(previous, event.stream, event.version, event.commitment)


def chained(previous: str, stream: str, version: int, commitment: str) -> str:
    """Return the digest of the event that has this place and commitment."""
    place = f"{stream}\0{version}\0".encode()
    return hashlib.sha256(bytes.fromhex(previous) + place + bytes.fromhex(commitment)).hexdigest()


def differences(before: Mapping[str, object], after: Mapping[str, object]) -> list[Difference]:
    """Tell what changed. Keys are columns' names; lists read as text separated by commas."""
    return [
        {"field": _camel(name), "before": text(before.get(name)), "after": text(value)}
        for name, value in after.items()
        if before.get(name) != value
    ]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def text(value: object) -> str | None:
    """Write a value as an event keeps it."""
    match value:
        case None:
            return None
        case StrEnum():
            return value.value
        case date():
            return value.isoformat()
        case list():
            return ", ".join(str(item) for item in value)
        case _:
            return str(value)


# ── once ──

Outcome = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Request:
    """A request that carries an Idempotency-Key.

    `scope` is the session's id, or `public`. `request_hash` is of the document and its variables.
    """

    scope: str
    key: str
    request_hash: str


idempotency: ContextVar[Request | None] = ContextVar("idempotency", default=None)
"""Set by the endpoint for the length of a request that carries the header."""

_inside_once: ContextVar[bool] = ContextVar("inside_once", default=False)
_in_flight: set[tuple[str, str]] = set()


async def once(response_key: str, verb: Callable[[], Awaitable[Outcome]]) -> Outcome:
    """Run a mutation's verb, or answer what it answered when the request was sent before.

    `response_key` is the mutation's name or alias in the document: a document with several keeps an outcome of each.
    `verb` returns the ids that the payload's selection is read by, and never a secret: it would be kept. The row is
    written in the verb's transaction, around it: there is no effect without its outcome, whatever dies in between. A
    refusal is kept like an answer; for 24 hours. Raises IdempotencyMismatch for another request with the same key,
    and IdempotencyInFlight while the first has not finished.
    """
    request = idempotency.get()
    if request is None:
        return await verb()
    at = clock.now()
    with _alone_in_process(request):
        token = _inside_once.set(True)
        try:
            async with in_transaction() as connection:
                await _alone_in_database(request, connection)
                kept = await _kept(request, at)
                answer = kept.get(response_key)
                if answer is None:
                    answer = await _answer(verb)
                    await _keep(request, {**kept, response_key: answer}, at)
        finally:
            _inside_once.reset(token)
    announce()
    return answer.outcome()


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a mutation answered: ids, or the refusal."""

    ids: Outcome | None = None
    code: UserErrorCode | None = None
    message: str = ""
    path: list[str] = field(default_factory=list)

    def outcome(self) -> Outcome:
        if self.code is not None:
            raise errors.Refusal(self.code, self.message, *self.path)
        return self.ids or {}


_answers = TypeAdapter(dict[str, _Answer])


async def _answer(verb: Callable[[], Awaitable[Outcome]]) -> _Answer:
    # The verb's own change is a savepoint here: a refusal undoes that much, and neither its keeping nor a rate's count.
    try:
        return _Answer(ids=await verb())
    except errors.Refusal as refusal:
        return _Answer(code=refusal.code, message=refusal.message, path=refusal.field or [])


@contextlib.contextmanager
def _alone_in_process(request: Request) -> Iterator[None]:
    name = request.scope, request.key
    if name in _in_flight:
        raise errors.IdempotencyInFlight
    _in_flight.add(name)
    try:
        yield
    finally:
        _in_flight.remove(name)


async def _alone_in_database(request: Request, connection: BaseDBAsyncClient) -> None:
    """Keep other servers out until the transaction ends, however it ends. Beside SQLite there are none."""
    if dialect(connection) is sql.Dialect.SQLITE:
        return
    [row] = await connection.execute_query_dict(
        "select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as alone", [f"{request.scope}\n{request.key}"]
    )
    if not row["alone"]:
        raise errors.IdempotencyInFlight


async def _kept(request: Request, at: datetime) -> dict[str, _Answer]:
    """Tell what the request's mutations answered before, by their names in the document."""
    row = await Idempotency.get_or_none(scope=request.scope, key=request.key, created_at__gt=at - KEPT)
    if row is None:
        return {}
    if row.request_hash != request.request_hash:
        raise errors.IdempotencyMismatch
    return _answers.validate_python(row.outcome)


async def _keep(request: Request, answers: dict[str, _Answer], at: datetime) -> None:
    """Keep the answers for a day from the first of them; what was kept under the key longer ago makes room."""
    await Idempotency.filter(scope=request.scope, key=request.key, created_at__lte=at - KEPT).delete()
    row = Idempotency(
        scope=request.scope,
        key=request.key,
        request_hash=request.request_hash,
        outcome=_answers.dump_python(answers, mode="json"),
        created_at=at,
    )
    await Idempotency.bulk_create([row], on_conflict=["scope", "key"], update_fields=["outcome"])


async def forget_requests(at: datetime) -> int:
    """Delete the outcomes that were kept for their 24 hours; return how many."""
    return await Idempotency.filter(created_at__lte=at - KEPT).delete()
