"""GraphQL as event streams: the protocol graphql-sse in its mode of distinct connections, one operation each."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

import orjson
from graphql import GraphQLError
from starlette.types import Receive, Send

from domain.seats import Seat
from resolvers.engine import Answer, Subscription
from resolvers.stream import Streams
from web.answers import Reply
from web.guard import EVENT_MEDIA, Field
from web.wires import Http

if TYPE_CHECKING:
    from collections.abc import Coroutine

# How often something is said on a stream that has nothing to say: less than what proxies wait for.
ALIVE_SECONDS: Final = 12

_HEADERS: Final = (
    (b"content-type", EVENT_MEDIA + b"; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)
_ALIVE: Final = b":\n\n"
_COMPLETE: Final = b"event: complete\ndata: \n\n"


def whole(answer: Answer) -> Reply:
    """A query's or mutation's answer, or what refuses an operation, as a stream that ends with it."""
    return Reply(200, _next(answer.body) + _COMPLETE, _HEADERS)


def _next(payload: bytes) -> bytes:
    # JSON from orjson has no line breaks.
    return b"event: next\ndata: %b\n\n" % payload


class EventStream:
    """A subscription as an answer that goes on, as `Streams` listens for it."""

    status = 200

    def __init__(self, streams: Streams, asked: Subscription, seat: Seat, wire: Http) -> None:
        self._streams = streams
        self._asked = asked
        self._wire = wire
        self.seat = seat

    async def serve(self, receive: Receive, send: Send, *more: Field) -> None:
        """Send the stream, until either side ends it."""
        self._send = send
        await send({"type": "http.response.start", "status": self.status, "headers": [*_HEADERS, *more]})
        self._wire.stream = self
        self._stay_alive()
        self._streams.attend(self)
        try:
            await self._streams.subscribe(self, "", self._asked)
        except GraphQLError as error:
            self.end("", error)
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self._streams.forget(self)
            self._wire.stream = None
            self._alive.cancel()

    def _stay_alive(self) -> None:
        self._alive = asyncio.get_running_loop().call_later(ALIVE_SECONDS, self._stay_alive)
        if self._wire.is_writable():
            self._say(_ALIVE)

    def _say(self, words: bytes, *, more: bool = True) -> None:
        """Write, now: the wire is writable, so that nothing is waited for."""
        with suppress(StopIteration):
            sending = self._send({"type": "http.response.body", "body": words, "more_body": more})
            cast("Coroutine[object, None, None]", sending).send(None)

    # ── what `Streams` asks of a listener ──

    def reseat(self, seat: Seat) -> None:
        """Take up what the seat has become."""
        self.seat = seat

    def next(self, _: str, payload: bytes) -> bool:
        """Send the next payload, unless the client does not keep up."""
        keeps_up = self._wire.is_writable()
        if keeps_up:
            self._say(_next(payload))
        return keeps_up

    def end(self, _: str, error: GraphQLError) -> None:
        """End with an error; at once, where the client does not read."""
        if self._wire.is_writable():
            self._say(_next(orjson.dumps({"errors": [error.formatted]})) + _COMPLETE, more=False)
        else:
            self._wire.cut()

    def session_ended(self) -> None:
        """Nothing more: the stream has ended with its only operation."""

    # ── what the wire tells ──

    def on_writable(self) -> None:
        """The client reads again."""
        self._streams.resume(self)

    def on_shutdown(self) -> None:
        """The server stops: the stream ends without an end of its operation, and the client connects anew."""
        if self._wire.is_writable():
            self._say(b"", more=False)
        else:
            self._wire.cut()
