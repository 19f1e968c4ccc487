"""GraphQL over websockets: the protocol graphql-transport-ws, for queries, mutations and subscriptions.

A socket is one coroutine that reads. What subscriptions bring is written by `Streams`; queries and mutations are
answered by tasks of their own, so that none holds up the others.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from typing import Final, cast
from urllib.parse import urlsplit

import orjson
import structlog
from graphql import GraphQLError
from starlette.types import Receive, Scope, Send

import settings
from domain import clock
from domain.seats import Seat
from models.enums import ErrorCode
from resolvers.context import Caller
from resolvers.documents import refused
from resolvers.engine import Answer, Subscription
from resolvers.stream import Streams, Watch
from web import answers, faults, guard
from web.backend import Backend
from web.documents import Documents, NotKept
from web.guard import Headers, Json, Refused
from web.wires import WebSocket

PROTOCOL: Final = "graphql-transport-ws"
INIT_SECONDS: Final = 5
OPERATIONS: Final = 20
LONGEST_ID: Final = 200
# Sockets of one address that have not signed in, or do not want to.
UNSEATED: Final = 100

Running = Watch | asyncio.Task[None]
log: structlog.stdlib.BoundLogger = structlog.get_logger("sockets")


class _Close(Exception):  # noqa: N818  an outcome: the protocol's own way to refuse
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


_INVALID: Final = (4400, "Invalid message received")
_NOT_INITIALISED: Final = (4401, "Unauthorized")
_FORBIDDEN: Final = (4403, "Forbidden")
_TOO_LATE: Final = (4408, "Connection initialisation timeout")
_TWICE: Final = (4429, "Too many initialisation requests")
_AWAY: Final = (1013, "Try again later")


class Sockets:
    """The endpoint. `documents`: those that HTTP keeps, by whether the caller is signed in."""

    def __init__(self, behind: Backend, documents: Mapping[bool, Documents]) -> None:
        self.behind = behind
        self.documents = documents
        self.unseated: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a socket from its handshake to its end."""
        headers: Headers = dict(scope["headers"])
        await receive()
        address = scope["client"][0] if scope["client"] else ""
        try:
            self._hold_handshake(scope, headers, address)
        except Refused as refusal:
            await _refuse(send, refusal)
            return
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        began = time.perf_counter()
        socket = _Socket(self, headers, address, cast("WebSocket", scope["wire"]))
        try:
            await socket.attend(receive)
        except _Close as end:
            await send({"type": "websocket.close", "code": end.code, "reason": end.reason})
        finally:
            socket.gone()
            ms = round((time.perf_counter() - began) * 1000, 1)
            log.info("closed", path="/graphql", operations=socket.operations, ms=ms)

    def _hold_handshake(self, scope: Scope, headers: Headers, address: str) -> None:
        origin = headers.get(b"origin")
        if origin is not None and not _is_own(origin.decode("latin-1"), headers):
            raise Refused(403, "FORBIDDEN", "This origin may not connect: ask through a server of its own.")
        if PROTOCOL not in scope["subprotocols"]:
            raise Refused(400, "INVALID", f"The subprotocol is {PROTOCOL}.")
        if self.unseated[address] >= UNSEATED:
            raise Refused(429, "LIMIT_EXCEEDED", "Too many sockets of this address have not signed in.")


def _is_own(origin: str, headers: Headers) -> bool:
    """Whether a page of this server opens the socket: where it was asked for, or where it says that it is."""
    here = headers.get(b"host", b"").decode("latin-1")
    said = urlsplit(settings.load().public_url)
    return origin in {f"http://{here}", f"https://{here}", f"{said.scheme}://{said.netloc}"}


async def _refuse(send: Send, refusal: Refused) -> None:
    reply = answers.refusal(refusal, guard.JSON_MEDIA)
    await send({"type": "websocket.http.response.start", "status": reply.status, "headers": list(reply.headers)})
    await send({"type": "websocket.http.response.body", "body": reply.body})


class _Socket:
    """One socket, as `Streams` listens for it. `running`: its operations, by the ids that the client gave them."""

    __slots__ = (
        "_address",
        "_agent",
        "_all",
        "_authorization",
        "_seat",
        "_wire",
        "initialised",
        "operations",
        "running",
    )

    def __init__(self, every: Sockets, headers: Headers, address: str, wire: WebSocket) -> None:
        agent = headers.get(b"user-agent")
        self._all = every
        self._address = address
        self._agent = agent.decode("latin-1") if agent else None
        self._authorization = headers.get(b"authorization")
        self._wire = wire
        self._seat: Seat | None = None
        self.initialised = False
        self.operations = 0
        self.running: dict[str, Running] = {}
        every.unseated[address] += 1

    # ── what the client sends ──

    async def attend(self, receive: Receive) -> None:
        """Read until the client leaves; raises _Close where the protocol ends it."""
        try:
            async with asyncio.timeout(INIT_SECONDS) as patience:
                while (message := await receive())["type"] == "websocket.receive":
                    await self._take(_read(message.get("text")), patience)
                    # Who does not read what was answered is not asked for more.
                    await self._wire.writable.wait()
        except TimeoutError:
            raise _Close(*_TOO_LATE) from None

    async def _take(self, message: Json, patience: asyncio.Timeout) -> None:
        match message.get("type"):
            case "connection_init":
                if self.initialised:
                    raise _Close(*_TWICE)
                self.initialised = True
                patience.reschedule(None)
                await self._initialise(message.get("payload"))
            case "ping":
                payload = message.get("payload")
                self._write({"type": "pong"} | ({} if payload is None else {"payload": payload}))
            case "pong":
                pass
            case "subscribe":
                self._subscribe(message.get("id"), message.get("payload"))
            case "complete":
                self._complete(message.get("id"))
            case _:
                raise _Close(*_INVALID)

    async def _initialise(self, payload: object) -> None:
        """Sign the socket in, or leave it anonymous where no token was sent: with the handshake, or in the message."""
        given = {k.lower(): v for k, v in payload.items()} if isinstance(payload, dict) else {}
        authorization = given.get("authorization", self._authorization)
        if authorization is not None:
            await self._sign_in(authorization.encode() if isinstance(authorization, str) else authorization)
        self._write({"type": "connection_ack"})

    async def _sign_in(self, authorization: object) -> None:
        if not isinstance(authorization, bytes):
            raise _Close(*_FORBIDDEN)
        try:
            token = guard.bearer({b"authorization": authorization})
        except Refused:
            raise _Close(*_FORBIDDEN) from None
        try:
            engine, streams = self._all.behind.ready(), self._all.behind.streaming()
            seat = None if token is None else await engine.seat(token, clock.now())
        except Refused:
            raise _Close(*_AWAY) from None
        if seat is None:
            raise _Close(*_FORBIDDEN)
        self._seat = seat
        self._leave_the_unseated()
        streams.attend(self)
        self._wire.on_writable = self._on_writable

    def _subscribe(self, name: object, payload: object) -> None:
        if not self.initialised:
            raise _Close(*_NOT_INITIALISED)
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_ID or not isinstance(payload, dict):
            raise _Close(*_INVALID)
        if name in self.running:
            raise _Close(4409, f"Subscriber for {name} already exists")
        if len(self.running) >= OPERATIONS:
            self._error(name, refused(ErrorCode.LIMIT_EXCEEDED, f"A socket has {OPERATIONS} operations at most."))
            return
        self.operations += 1
        self.running[name] = asyncio.create_task(self._run(name, payload))

    def _complete(self, name: object) -> None:
        """The client wants no more of an operation. A mutation that has begun ends as it would."""
        if not isinstance(name, str):
            raise _Close(*_INVALID)
        ended = self.running.pop(name, None)
        if isinstance(ended, Watch):
            self._streams.leave(ended)

    # ── operations ──

    async def _run(self, name: str, payload: Json) -> None:
        this = cast("asyncio.Task[None]", asyncio.current_task())
        outcome: Answer | Watch | GraphQLError
        try:
            outcome = await self._outcome(name, payload)
        except GraphQLError as error:
            outcome = error
        except Exception as fault:  # noqa: BLE001  nothing above this can answer
            outcome = _masked(fault)
        if self.running.get(name) is not this:
            if isinstance(outcome, Watch):
                self._streams.leave(outcome)
        elif isinstance(outcome, Watch):
            self.running[name] = outcome
        elif isinstance(outcome, GraphQLError):
            self.end(name, outcome)
        else:
            del self.running[name]
            self._answer(name, outcome)

    async def _outcome(self, name: str, payload: Json) -> Answer | Watch:
        """What comes of an operation: an answer, or a subscription under way."""
        try:
            engine = self._all.behind.ready()
            documents = self._all.documents[self._seat is not None]
            request = documents.completed(guard.request_of(payload, read_only=False))
        except Refused as refusal:
            raise refused(ErrorCode(refusal.code), refusal.message) from None
        except NotKept:
            raise refused(ErrorCode.PERSISTED_QUERY_NOT_FOUND, "PersistedQueryNotFound") from None
        caller = Caller(self._seat, clock.now(), self._address or None, self._agent)
        asked = engine.subscription(request, caller)
        if isinstance(asked, Subscription):
            documents.keep(request)
            return await self._streams.subscribe(self, name, asked)
        answer = asked or await engine.execute(request, caller)
        if answer.executed:
            documents.keep(request)
        return answer

    def _answer(self, name: str, answer: Answer) -> None:
        if answer.executed:
            self._wire.write(_next(name, answer.body))
            self._write({"id": name, "type": "complete"})
        else:
            self._write({"id": name, "type": "error", "payload": orjson.loads(answer.body)["errors"]})

    # ── what `Streams` asks of a listener ──

    @property
    def seat(self) -> Seat:
        """Whose socket it is; there is one from the moment that `Streams` knows of it."""
        return cast("Seat", self._seat)

    def reseat(self, seat: Seat) -> None:
        """Take up what the seat has become."""
        self._seat = seat

    def next(self, name: str, payload: bytes) -> bool:
        """Send an operation's next payload, unless the client does not keep up."""
        return self._wire.offer(_next(name, payload))

    def end(self, name: str, error: GraphQLError) -> None:
        """End an operation with an error."""
        self.running.pop(name, None)
        self._error(name, error)

    def session_ended(self) -> None:
        """Close the socket, now: what it says to the client may be lost with a client that does not read."""
        self._wire.close(*_FORBIDDEN)

    def gone(self) -> None:
        """Leave nothing behind."""
        if self._seat is None:
            self._leave_the_unseated()
        else:
            self._streams.forget(self)
        self._wire.on_writable = None
        self.running.clear()

    # ── small things ──

    def _on_writable(self) -> None:
        self._streams.resume(self)

    @property
    def _streams(self) -> Streams:
        return cast("Streams", self._all.behind.streams)

    def _leave_the_unseated(self) -> None:
        self._all.unseated[self._address] -= 1
        if not self._all.unseated[self._address]:
            del self._all.unseated[self._address]

    def _error(self, name: str, error: GraphQLError) -> None:
        self._write({"id": name, "type": "error", "payload": [error.formatted]})

    def _write(self, message: Mapping[str, object]) -> None:
        self._wire.write(orjson.dumps(message))


def _next(name: str, payload: bytes) -> bytes:
    return b'{"id":%b,"type":"next","payload":%b}' % (orjson.dumps(name), payload)


def _read(text: object) -> Json:
    """A message, which is a JSON object of bounded depth."""
    if not isinstance(text, str):
        raise _Close(*_INVALID)
    try:
        return guard.json_object("message", text.encode())
    except Refused:
        raise _Close(*_INVALID) from None


def _masked(fault: Exception) -> GraphQLError:
    if faults.database_is_away(fault):
        return refused(ErrorCode.INTERNAL, "The service is not available at the moment. Try again.")
    log.error("failed", exc_info=fault)
    return refused(ErrorCode.INTERNAL, "Something went wrong on our side.")
