"""Somebody else's server, which webhooks are posted to, and the ways in which such servers behave."""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from socket import SO_LINGER, SOL_SOCKET, socket
from typing import cast

import orjson
from standardwebhooks import Webhook

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came in."""

    line: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def told(self) -> object:
        return orjson.loads(self.body)

    @property
    def topic(self) -> str:
        return str(orjson.loads(self.body)["type"])

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), UTC)

    def signed_by(self, *secrets: str) -> str:
        """What the signature has to be where these secrets sign, by the standard's library."""
        return " ".join(Webhook(secret).sign(self.id, self.at, self.body.decode()) for secret in secrets)


@dataclass
class Receiver:
    """Where it listens, what it received, and what it does with the next requests; the last one stays."""

    port: int = 0
    connections: int = 0
    received: list[Received] = field(default_factory=list)
    behaves: list[Behaviour] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    open: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/in?key=1"

    @property
    def topics(self) -> list[str]:
        return [each.topic for each in self.received]

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self.open.add(task)
        task.add_done_callback(self.open.discard)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._received(reader, writer)
        finally:
            self.at_once -= 1
            writer.close()

    async def _received(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *rest = head.removesuffix("\r\n\r\n").split("\r\n")
        headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in rest)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.received.append(Received(line, headers, body))
        behaviour = self.behaves.pop(0) if len(self.behaves) > 1 else self.behaves[0]
        await behaviour(writer)


def answers(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    """Answer at once and whole."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()

    return answer


async def hangs(_: asyncio.StreamWriter) -> None:
    """Say nothing, ever."""
    await asyncio.Event().wait()


async def drips_its_head(writer: asyncio.StreamWriter) -> None:
    """Send a header letter by letter, without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\nX-Drip: ")
    while True:
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.01)


async def drips_its_body(writer: asyncio.StreamWriter) -> None:
    """Send a body of which a kilobyte takes an hour."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
    while True:
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.05)


@dataclass
class Flood:
    """Send a gigabyte, as far as anybody reads it."""

    sent: int = 0

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {2**30}\r\n\r\n".encode())
        while self.sent < 2**30:
            writer.write(b"b" * 2**16)
            await writer.drain()
            self.sent += 2**16


async def resets(writer: asyncio.StreamWriter) -> None:
    """Take the request, and cut the connection without a word."""
    raw = cast("socket", writer.get_extra_info("socket"))
    raw.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def talks_nonsense(writer: asyncio.StreamWriter) -> None:
    """Speak something else than HTTP."""
    writer.write(b"220 mail.example ESMTP\r\n")
    await writer.drain()


async def breaks_off(writer: asyncio.StreamWriter) -> None:
    """Promise a body, and end in its middle."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await writer.drain()


@asynccontextmanager
async def opened(
    *behaves: Behaviour, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """Listen for as long as the block lasts. Without a behaviour every request is answered 204."""
    receiver = Receiver(behaves=list(behaves) or [answers(204)])
    server = await asyncio.start_server(receiver.connected, host, port, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in receiver.open:
            task.cancel()
        await asyncio.gather(*receiver.open, return_exceptions=True)
