"""Answers documents: queries by their plans, mutations by their verbs and then by their payloads' plans."""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import asyncpg
import orjson
from graphql import GraphQLError, GraphQLSchema, OperationType, get_argument_values
from graphql.execution.values import VariableValues

from domain import changes, clock, errors, identity, seats, tokens
from domain.seats import Seat
from models.enums import ErrorCode, Role
from resolvers import declarations, runtime
from resolvers.compiler import Plan
from resolvers.context import Caller, Outcome, SeatChangedError
from resolvers.documents import InvalidDocumentError, Operation, hold_text, refused
from resolvers.plans import ANONYMOUS_BYTES, SIGNED_IN_BYTES, Kept, Plans
from resolvers.reads import PostgresReads, SqliteReads
from resolvers.selections import RootField, Selector
from resolvers.sources import Feed, Table

if TYPE_CHECKING:
    from resolvers.sources import Verb

_SEATS_BYTES: Final = 8 * 2**20
_SEAT_BYTES: Final = 800
# Hashing a token anew for each request would take longer than to look up its seat.
_digest = lru_cache(maxsize=4096)(tokens.digest)
_CONFLICT: Final = 409
_METHOD_NOT_ALLOWED: Final = 405
_NOT_STREAMED: Final = (
    "Subscribe over a websocket (graphql-transport-ws), or with 'accept: text/event-stream' (graphql-sse)."
)


class GraphQLRequest(NamedTuple):
    """What a client asks. `read_only`: it came by GET, which must change nothing.

    `document_hash`: the SHA-256 that the document is, or is to be, known by; until it is looked up, `query` is empty.
    """

    query: str
    variables: Mapping[str, object] | None = None
    operation_name: str | None = None
    read_only: bool = False
    document_hash: str | None = None


class Answer(NamedTuple):
    """What goes back. `executed`: false where the request was refused whole. `status`: where HTTP has its own word."""

    body: bytes
    executed: bool
    unauthenticated: bool = False
    status: int | None = None


class Engine:
    """One for a process. `reads` is where plans read; verbs have their own connections."""

    def __init__(self, schema: GraphQLSchema, reads: PostgresReads | SqliteReads) -> None:
        self._schema = schema
        self._reads = reads
        self._plans = {
            True: Plans(schema, reads.dialect, SIGNED_IN_BYTES),
            False: Plans(schema, reads.dialect, ANONYMOUS_BYTES),
        }
        self._seats: Kept[Seat] = Kept(_SEATS_BYTES)

    def seat_at_hand(self, token: str, now: datetime) -> Seat | None:
        """The seat that a bearer token stood for within this minute: `seat`, where it would neither ask nor note."""
        found = self._seats.get(_digest(token))
        return found if found is not None and identity.was_seen(found.session_id, now) else None

    async def seat(self, token: str, now: datetime) -> Seat | None:
        """The seat that a bearer token stands for; null where it stands for none.

        What was looked up before is taken as it was: it only chooses the plan, whose statements prove the right.
        """
        token_hash = _digest(token)
        found = self._seats.get(token_hash) or await self._looked_up(token_hash, now)
        if found is not None:
            await identity.touch(found.session_id, now)
        return found

    async def execute(self, request: GraphQLRequest, caller: Caller) -> Answer:
        """Answer a request. What is no fault of the caller's is raised."""
        plans = self._plans[caller.seat is not None]
        try:
            operation = plans.operation(request.query, request.operation_name)
            if operation.kind is OperationType.MUTATION:
                return await self._mutated(operation, request, caller, plans)
            if operation.kind is OperationType.SUBSCRIPTION:
                raise refused(ErrorCode.INVALID, _NOT_STREAMED)
            values = operation.coerced(request.variables or {})
            while True:
                plan = plans.of(operation, values, caller)
                try:
                    if plan.snapshot:
                        return await self._at_one_moment(plan, caller, values)
                    return answer_of(await plan.run(self._reads, caller, values, {}), denies=plan.denies)
                except SeatChangedError:
                    caller = await self._seated_again(caller)
        except _REFUSALS as error:
            answer = _refused(error)
            if answer is None:
                raise
            return answer

    async def _at_one_moment(self, plan: Plan, caller: Caller, values: Mapping[str, object]) -> Answer:
        async with self._reads.snapshot() as moment:
            return answer_of(await plan.run(moment, caller, values, {}), denies=plan.denies)

    # ── subscriptions ──

    @property
    def reads(self) -> PostgresReads | SqliteReads:
        """Where plans read."""
        return self._reads

    def feeds(self) -> list[tuple[Feed, Table]]:
        """Everything that can be subscribed to, and whose rows it brings."""
        root = self._schema.subscription_type
        fields = root.fields.values() if root else ()
        return [
            (cast("Feed", declarations.source_of(field)), declarations.table_of(declarations.object_type(field)))
            for field in fields
        ]

    def subscription(self, request: GraphQLRequest, caller: Caller) -> "Subscription | Answer | None":
        """What a request subscribes to; null for any other operation, and for what is refused its answer."""
        try:
            operation = self._plans[caller.seat is not None].operation(request.query, request.operation_name)
            if operation.kind is not OperationType.SUBSCRIPTION:
                return None
            coerced = operation.coerced_slowly(request.variables or {})
            return self._subscribed(operation, coerced, caller)
        except _REFUSALS as error:
            return _refused(error)

    def _subscribed(  # type: ignore[explicit-any]  # graphql-core's own
        self, operation: Operation, coerced: VariableValues, caller: Caller
    ) -> "Subscription":
        root = self._schema.subscription_type
        if root is None:
            raise TypeError("The schema has no subscription type.")
        fields = Selector(operation, operation.shaped(coerced.coerced)).root_fields(root)
        if len(fields) != 1 or not isinstance(field := fields[0], RootField):
            raise refused(ErrorCode.INVALID, "A subscription selects one field.")
        feed, arguments = cast("Feed", declarations.source_of(field.declared)), _arguments(field, coerced)
        if caller.seat is None:
            raise errors.Unauthenticated
        subject = cast("str", arguments[feed.argument]) if feed.argument else caller.seat.id
        after = cast("int | None", arguments.get("after"))
        asked = Subscription(operation, dict(coerced.coerced), field, feed, subject, after)
        self.plan_of(asked, caller.seat)
        return asked

    def plan_of(self, asked: "Subscription", seat: Seat) -> Plan:
        """The plan by which a seat reads what it subscribed to; FORBIDDEN where its roles may not."""
        access = declarations.access_of(asked.field.declared)
        if access is not None and not access.to & seat.roles:
            denied = runtime.Denied(f"Subscription.{asked.field.key}", signed_in=True, to=access.to).error([])
            raise refused(ErrorCode.FORBIDDEN, cast("str", denied["message"]))
        return self._plans[True].of(asked.operation, asked.values, Caller(seat, clock.now()))

    async def payloads(
        self, asked: "Subscription", plan: Plan, readers: Sequence[tuple["Reader", int]]
    ) -> list[list[tuple[int, bytes]]]:
        """What each of some seats reads of what it listens to, each payload with its position: one run of the plan.

        `readers`: each with the position beyond which it reads. They subscribed to the same with the same values, and
        agree in what the plan shares. Whoever sends it holds the seats to their right.
        """
        now = clock.now()
        given = {"listed": listed(readers), "caller": lambda place: Caller(readers[place][0].seat, now)}
        data = await plan.run(self._reads, Caller(readers[0][0].seat, now), asked.values, given)
        key = asked.field.key
        found: list[list[tuple[int, bytes]]] = [[] for _ in readers]
        for place, position, row in cast("dict[str, Iterable[tuple[int, int, object]]]", data)[key]:
            found[place].append((position, body_of({key: row}, denies=plan.denies)))
        return found

    async def seat_today(self, seat: Seat, now: datetime) -> Seat | None:
        """What a session's seat is now; null where either has ended."""
        return await self._looked_up(seat.token_hash, now)

    # ── the seat ──

    async def _looked_up(self, token_hash: str, now: datetime) -> Seat | None:
        found = await seats.of_token_hash(token_hash, now)
        return None if found is None else self._seats.put(token_hash, found, _SEAT_BYTES)

    async def _seated_again(self, caller: Caller) -> Caller:
        """The caller with today's seat; Unauthenticated where the session has ended."""
        if caller.seat is None:
            raise errors.Unauthenticated
        seat = await self._looked_up(caller.seat.token_hash, caller.now)
        if seat is None:
            raise errors.Unauthenticated
        return caller._replace(seat=seat)

    # ── mutations ──

    async def _mutated(
        self,
        operation: Operation,
        request: GraphQLRequest,
        caller: Caller,
        plans: Plans,
    ) -> Answer:
        """Run a document's mutations one after the other, each answered by what it left."""
        if request.read_only:
            return _refusal(refused(ErrorCode.INVALID, "A mutation is sent by POST."), status=_METHOD_NOT_ALLOWED)
        if caller.seat is not None:
            caller = await self._seated_again(caller)
        coerced = operation.coerced_slowly(request.variables or {})
        values = dict(coerced.coerced)
        root = self._schema.mutation_type
        if root is None:
            raise TypeError("The schema has no mutation type.")
        fields = Selector(operation, operation.shaped(values)).root_fields(root)
        _hold_to_rights(fields, caller)
        asked = _Asked(operation, values, plans)
        self._prepare(asked, fields, caller)
        arguments = {field.key: _arguments(field, coerced) for field in fields if isinstance(field, RootField)}
        data: dict[str, object] = {}
        denies = False
        with _idempotent(request, caller):
            for field in fields:
                if isinstance(field, str):
                    data[field] = root.name
                    continue
                outcome = await _called(field, arguments[field.key], caller)
                plan, data[field.key] = await self._payload(asked, field, outcome, caller)
                denies = denies or plan.denies
        return answer_of(data, denies=denies)

    def _prepare(self, asked: "_Asked", fields: list[RootField | str], caller: Caller) -> None:
        """Compile what will read the payloads: what is wrong with a selection is found before anything is done."""
        for field in fields:
            if isinstance(field, RootField):
                asked.plans.of(asked.operation, asked.values, caller, field)

    async def _payload(
        self, asked: "_Asked", field: RootField, outcome: Outcome, caller: Caller
    ) -> tuple[Plan, object]:
        """Read the payload's selection as the caller, or as whom the verb signed in, may see it now."""
        reading = caller._replace(seat=outcome.seat) if outcome.seat else caller
        given = {**outcome.ids, **outcome.secrets}
        while True:
            plan = asked.plans.of(asked.operation, asked.values, reading, field)
            try:
                return plan, await plan.run(self._reads, reading, asked.values, given)
            except SeatChangedError:
                try:
                    reading = await self._seated_again(reading)
                except errors.Unauthenticated:
                    reading = reading._replace(seat=None)


class Subscription(NamedTuple):
    """A document that subscribes, with its values: its root, what that listens to, and from which position on."""

    operation: Operation
    values: Mapping[str, object]
    field: RootField
    feed: Feed
    subject: str
    after: int | None


class Reader(NamedTuple):
    """A seat that reads on in a feed. `as_listed`: who it is and about what it asks, as a list of readers has it."""

    seat: Seat
    as_listed: str


def reader(seat: Seat, subject: str, binds: Collection[str]) -> Reader:
    """A seat that reads about a subject what binds some of its values: what stays of it in a list is written once."""
    stays = {"subject": subject} | {name: value for name, value in seat.bound.items() if name in binds}
    return Reader(seat, orjson.dumps(stays).decode()[1:])


def listed(readers: Iterable[tuple[Reader, int]]) -> str:
    """Readers, each with the position beyond which it reads, as `statements.LISTED` takes them."""
    each = [f'{{"id":{place},"since":{after},{stays}' for place, ((_, stays), after) in enumerate(readers)]
    return f"[{','.join(each)}]"


@dataclass(frozen=True)
class _Asked:
    """A mutation document with its values, and where its plans are kept."""

    operation: Operation
    values: Mapping[str, object]
    plans: Plans


async def _called(field: RootField, arguments: Mapping[str, object], caller: Caller) -> Outcome:
    """Call a field's verb, once for each Idempotency-Key; a refusal is an answer."""
    source = cast("Verb", declarations.source_of(field.declared))
    made: list[Outcome] = []

    async def call() -> changes.Outcome:
        if source.gives is None:
            outcome = cast("Outcome", await source.call(caller, **arguments))
        else:
            outcome = Outcome({source.gives: cast("str", await source.call(by=caller.seat, **arguments))})
        made.append(outcome)
        return dict(outcome.ids)

    try:
        ids = await changes.once(field.key, call)
    except errors.Refusal as refusal:
        error = {"code": refusal.code, "message": refusal.message, "field": refusal.field}
        return Outcome(secrets={"user_errors": [error]})
    done = made[0] if made else Outcome()
    return Outcome(ids, {**done.secrets, "user_errors": []}, done.seat)


def _arguments(  # type: ignore[explicit-any]  # graphql-core's own
    field: RootField, coerced: VariableValues
) -> dict[str, object]:
    """A field's arguments as the verb takes them: the input's own, in our spelling; what was left out, absent."""
    values = get_argument_values(field.declared, field.nodes[0], coerced, hide_suggestions=True)
    hold_text(values)
    plain = _snake(values)
    given = plain.pop("input", {})
    return {**plain, **cast("dict[str, object]", given)}


def _snake(values: Mapping[str, object]) -> dict[str, object]:
    return {
        declarations.snake(name): _snake(value) if isinstance(value, dict) else value for name, value in values.items()
    }


def _hold_to_rights(fields: list[RootField | str], caller: Caller) -> None:
    """Refuse whole what needs a seat where there is none, and two of what may be asked once in a document."""
    sole = 0
    for field in fields:
        if isinstance(field, str):
            continue
        access = declarations.access_of(field.declared)
        if caller.seat is None and access is not None and Role.PUBLIC not in access.to:
            raise errors.Unauthenticated
        sole += cast("Verb", declarations.source_of(field.declared)).sole
    if sole > 1:
        raise refused(ErrorCode.LIMIT_EXCEEDED, "A document signs in, or answers an e-mailed link, once.")


@contextmanager
def _idempotent(request: GraphQLRequest, caller: Caller) -> Iterator[None]:
    """Let verbs know the request's Idempotency-Key, if it has one."""
    if caller.idempotency_key is None:
        yield
        return
    asked = orjson.dumps([request.query, request.operation_name, request.variables], option=orjson.OPT_SORT_KEYS)
    scope = caller.seat.session_id if caller.seat else "public"
    # Keyed: of a sign-in this is a hash of a password, which nobody may try guesses on.
    key = changes.Request(scope, caller.idempotency_key, tokens.fingerprint(asked.decode()))
    before = changes.idempotency.set(key)
    try:
        yield
    finally:
        changes.idempotency.reset(before)


# ── answers ──


def answer_of(data: object, *, denies: bool) -> Answer:
    """The answer of an operation that was executed."""
    return Answer(body_of(data, denies=denies), executed=True)


def body_of(data: object, *, denies: bool) -> bytes:
    """The answer's text; where fields were denied, null and an error each."""
    if not denies:
        return orjson.dumps({"data": data})
    found: list[dict[str, object]] = []
    data = runtime.settle(data, [], found)
    return orjson.dumps({"errors": found, "data": data} if found else {"data": data})


_REFUSALS = (
    InvalidDocumentError,
    GraphQLError,
    errors.Unauthenticated,
    errors.IdempotencyMismatch,
    errors.IdempotencyInFlight,
    asyncpg.QueryCanceledError,
    sqlite3.OperationalError,
)


def _refused(error: Exception) -> Answer | None:  # noqa: PLR0911  one for each way it may end
    """The answer to a request that ended so; null for what is a fault of ours."""
    match error:
        case InvalidDocumentError():
            return _refusal(*error.errors)
        case GraphQLError():
            return _refusal(error)
        case errors.Unauthenticated():
            return _unauthenticated()
        case errors.IdempotencyMismatch():
            message = "This Idempotency-Key was used for another request."
            return _refusal(refused(ErrorCode.IDEMPOTENCY_MISMATCH, message))
        case errors.IdempotencyInFlight():
            message = "The first request with this Idempotency-Key is still being answered."
            return _refusal(refused(ErrorCode.IDEMPOTENCY_MISMATCH, message), status=_CONFLICT)
        case sqlite3.OperationalError() if error.sqlite_errorname != "SQLITE_INTERRUPT":
            return None
    return _refusal(refused(ErrorCode.LIMIT_EXCEEDED, "The answer takes too long to read. Ask for less."))


def _refusal(*found: GraphQLError, status: int | None = None) -> Answer:
    """The answer to a request that was not executed."""
    formatted = [error.formatted for error in found]
    for error in formatted:
        error.setdefault("extensions", {}).setdefault("code", ErrorCode.INVALID.value)
    return Answer(orjson.dumps({"errors": formatted}), executed=False, status=status)


def _unauthenticated() -> Answer:
    message = "Sign in first: this needs a bearer token of a session that has not ended."
    error = refused(ErrorCode.UNAUTHENTICATED, message)
    return Answer(orjson.dumps({"errors": [error.formatted]}), executed=False, unauthenticated=True)
