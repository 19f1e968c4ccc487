"""The load: a process of its own that asks over a few connections as fast as it is answered.

It reads one order a line from standard input (`Order`), and writes one `Outcome` a line.
"""

import asyncio
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Final, cast

import orjson
import uvloop

HOST: Final = "127.0.0.1"
CONNECTIONS: Final = 16
_LENGTH: Final = b"content-length: "
_END_OF_HEAD: Final = b"\r\n\r\n"
_MOST_SECONDS: Final = 60


@dataclass(frozen=True)
class Order:
    """Ask the server at a port for so long. `requests`: whole HTTP requests, taken in turn."""

    port: int
    seconds: float
    requests: list[str]


@dataclass
class Outcome:
    """What came of it. Latencies in milliseconds; `wrong`: answers that were no 200, or that had errors."""

    seconds: float
    answers: int
    wrong: int
    p50: float
    p99: float


def http(path: str, headers: dict[str, str], body: bytes) -> bytes:
    """A request, whole."""
    lines = [f"POST {path} HTTP/1.1", f"host: {HOST}", "content-type: application/json", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + _END_OF_HEAD + body


@dataclass
class Measure:
    """One order under way."""

    requests: list[bytes]
    until: float
    latencies: list[float] = field(default_factory=list)
    wrong: int = 0
    asked: int = 0

    def next(self) -> bytes:
        """The request whose turn it is."""
        self.asked += 1
        return self.requests[self.asked % len(self.requests)]


class Connection(asyncio.Protocol):
    """Asks, waits for the whole answer, asks again, until the time is over."""

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self._received = bytearray()
        self._began = 0.0
        self._whole = 0
        self._transport: asyncio.WriteTransport | None = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.WriteTransport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Take a part of the answer."""
        self._received += data
        if not self._whole and (end := self._received.find(_END_OF_HEAD)) >= 0:
            start = self._received.index(_LENGTH) + len(_LENGTH)
            self._whole = end + len(_END_OF_HEAD) + int(self._received[start : self._received.index(b"\r", start)])
        if self._whole and len(self._received) >= self._whole:
            self._answered()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's protocol
        """Whoever closes a connection early has failed what was asked over it."""
        if not self.over.done():
            self._measure.wrong += 1
            self.over.set_result(None)

    def _answered(self) -> None:
        now = time.perf_counter()
        self._measure.latencies.append(now - self._began)
        if not self._received.startswith(b"HTTP/1.1 200") or b'"errors"' in self._received:
            self._measure.wrong += 1
        self._received.clear()
        self._whole = 0
        if now < self._measure.until:
            self._ask()
        elif self._transport is not None:
            self.over.set_result(None)
            self._transport.close()

    def _ask(self) -> None:
        if self._transport is not None:
            self._began = time.perf_counter()
            self._transport.write(self._measure.next())


async def put(order: Order) -> Outcome:
    """Carry out an order."""
    began = time.perf_counter()
    measure = Measure([request.encode() for request in order.requests], began + min(order.seconds, _MOST_SECONDS))
    loop = asyncio.get_running_loop()
    opened = await asyncio.gather(
        *(loop.create_connection(lambda: Connection(measure), HOST, order.port) for _ in range(CONNECTIONS))
    )
    await asyncio.wait_for(asyncio.gather(*(connection.over for _, connection in opened)), _MOST_SECONDS + 10)
    ordered = sorted(measure.latencies)
    return Outcome(
        seconds=time.perf_counter() - began,
        answers=len(ordered),
        wrong=measure.wrong,
        p50=1000 * ordered[len(ordered) // 2],
        p99=1000 * ordered[len(ordered) * 99 // 100],
    )


def main() -> None:
    """Carry out orders until there are no more."""
    for line in sys.stdin:
        outcome = uvloop.run(put(Order(**orjson.loads(line))))
        sys.stdout.write(orjson.dumps(asdict(outcome)).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
