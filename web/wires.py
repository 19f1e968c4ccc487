"""uvicorn's two protocols, as far as streams need more of them than ASGI offers: `scope["wire"]`.

ASGI lets an application neither see that a reader does not read, nor cut it off, nor end a stream when the server is
told to stop. A reader that takes nothing for `SEND_SECONDS` while something waits for it is cut off here; what waits is
never more than the transport's buffer and one message, since whoever streams sends no more than is taken.
"""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Final, Protocol, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

SEND_SECONDS: Final = 10
# How long those that are told to go may take to read what was sent to them.
PARTING_SECONDS: Final = 1
GOING_AWAY: Final = 1001

# uvicorn's own says, at the level at which requests are logged, which address was opened, with its query.
_QUIET: Final = logging.getLogger("uvicorn.sockets")
_OK: Final = STATUS_LINE[HTTPStatus.OK]
_DROP: Final = struct.pack("ii", 1, 0)


class _Cut:
    """A connection that is cut off where it stays full."""

    transport: asyncio.Transport
    _timer: asyncio.TimerHandle | None = None

    def cut_in(self, seconds: float) -> None:
        """Cut it off after so long, unless it is let be."""
        self.let_be()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.cut)

    def cut(self) -> None:
        """Cut it off, and have the system drop what it still holds for the reader."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP)
        self.transport.abort()

    def let_be(self) -> None:
        """Do not cut it off."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class WebSocket(_Cut, WebSocketsSansIOProtocol):
    """A websocket. `on_writable` is called when it can be written to again."""

    on_writable: Callable[[], None] | None = None

    def handle_connect(self, event: Request) -> None:
        """As uvicorn's; the application, which has not begun yet, finds the wire in its scope."""
        self.logger = _QUIET
        super().handle_connect(event)
        if self.response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            cast("dict[str, object]", self.scope)["wire"] = self

    def write(self, message: bytes) -> None:
        """Send a text message, now; what comes after the connection's end is dropped."""
        if not self.disconnected and not self.close_sent and not self.transport.is_closing():
            self.transport.write(_framed(message))

    def offer(self, message: bytes) -> bool:
        """Send a text message if that can be done without waiting; return whether it was."""
        if not self.writable.is_set() or self.disconnected or self.close_sent or self.transport.is_closing():
            return False
        self.transport.write(_framed(message))
        return True

    def close(self, code: int, reason: str) -> None:
        """Close it, now; what the reader has not read by then is lost."""
        if self.disconnected or self.close_sent:
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        # Until the client says the same; it ends the connection at once, and nothing on its way to us resets it.
        self.close_timer = self.loop.call_later(PARTING_SECONDS, self.cut)

    def pause_writing(self) -> None:
        """The reader does not keep up."""
        super().pause_writing()
        self.cut_in(SEND_SECONDS)

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self.let_be()
        if self.on_writable is not None:
            self.on_writable()

    def connection_lost(self, exc: Exception | None) -> None:
        """As uvicorn's."""
        self.let_be()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server stops: say so, and go, without waiting for a reader that does not read."""
        if self.handshake_complete:
            self.close(GOING_AWAY, "The server stops")
        self.cut_in(PARTING_SECONDS)
        super().shutdown()


def _framed(message: bytes) -> bytes:
    """A text message as one frame of RFC 6455, uncompressed: `websockets` takes thrice as long."""
    length = len(message)
    if length < 126:  # noqa: PLR2004  the length's own byte tells it
        return b"\x81%c%b" % (length, message)
    if length < 65_536:  # noqa: PLR2004  the next two do
        return b"\x81\x7e%b%b" % (length.to_bytes(2, "big"), message)
    return b"\x81\x7f%b%b" % (length.to_bytes(8, "big"), message)


class Stream(Protocol):
    """An answer that goes on."""

    def on_writable(self) -> None:
        """Its connection can be written to again."""

    def on_shutdown(self) -> None:
        """The server stops."""


class Http(_Cut, HttpToolsProtocol):
    """HTTP, with an answer that goes on if the application has set `stream`."""

    stream: Stream | None = None

    def on_message_begin(self) -> None:
        """As uvicorn's; the application finds the wire in its scope."""
        super().on_message_begin()
        cast("dict[str, object]", self.scope)["wire"] = self

    def received(self, scope: Scope) -> bytes | None:
        """The request's body, if all of it has come already, as nearly every one does; null where it is waited for."""
        cycle = self.cycle
        if cycle.scope is not scope or cycle.more_body:
            return None
        self.flow.resume_reading()
        cycle.message_event.clear()
        body, cycle.body = cycle.body, bytearray()
        return bytes(body)

    def answered(self, scope: Scope, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bool:
        """Answer a request 200, in one piece; false where something is in the way and it has to be sent as ever.

        As ever means two messages, and two patterns that uvicorn tries on each header: a tenth of our part of a read.
        """
        cycle = self.cycle
        is_ordinary = cycle.scope is scope and cycle.keep_alive and scope["method"] != "HEAD"
        if not is_ordinary or cycle.response_started or cycle.disconnected or self.flow.write_paused:
            return False
        cycle.response_started = cycle.response_complete = True
        lines = [_OK]
        for name, value in (*self.server_state.default_headers, *headers):
            lines += (name, b": ", value, b"\r\n")
        self.transport.write(b"".join((*lines, b"\r\n", body)))
        cycle.message_event.set()
        cycle.on_response()
        return True

    def is_writable(self) -> bool:
        """Whether more of the answer can be sent without waiting."""
        return not self.flow.write_paused and not self.transport.is_closing()

    def pause_writing(self) -> None:
        """The reader does not keep up."""
        super().pause_writing()
        if self.stream is not None:
            self.cut_in(SEND_SECONDS)

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        if self.stream is not None:
            self.let_be()
            self.stream.on_writable()

    def connection_lost(self, exc: Exception | None) -> None:
        """As uvicorn's."""
        self.let_be()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server stops: what would go on for ever, ends."""
        super().shutdown()
        if self.stream is not None:
            self.cut_in(PARTING_SECONDS)
            self.stream.on_shutdown()
