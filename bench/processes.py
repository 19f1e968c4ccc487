"""The processes that are measured: started as a user starts them, and read from /proc, so on Linux only."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
import orjson

from bench import load
from models import database

ROOT: Final = Path(__file__).parent.parent
PATIENCE: Final = 20.0
_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")


@dataclass
class Server:
    """A server under way. `ready_after`: seconds from its start to its first answer."""

    pid: int
    port: int
    ready_after: float

    @property
    def cpu(self) -> float:
        """Seconds of CPU that it and its children have taken."""
        return sum(_cpu(pid) for pid in _tree(self.pid))

    @property
    def memory(self) -> float:
        """MiB that are its own, shared with nobody."""
        lines = [
            line.split()
            for pid in _tree(self.pid)
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            if line.startswith("Private_")
        ]
        return sum(int(kib) for _, kib, _ in lines) / 1024


def product(url: str, data_dir: str, port: int) -> tuple[list[str], dict[str, str]]:
    """How the product is started, quiet."""
    settings = {
        "DATABASE_URL": url,
        "DATA_DIR": data_dir,
        "SECRET_KEY": secrets.token_hex(32),
        "LOG_LEVEL": "warning",
    }
    environment = {f"COUNTERSIGN_{name}": value for name, value in settings.items()}
    return [sys.executable, "server.py", "serve", "--port", str(port)], environment


def limit(url: str, port: int) -> tuple[list[str], dict[str, str]]:
    """How the limit is started: by the same HTTP server."""
    command = "-m uvicorn bench.limit:app --loop uvloop --http httptools --ws none --no-access-log --no-server-header"
    return (
        [sys.executable, *command.split(), "--log-level", "warning", "--port", str(port)],
        {"LIMIT_DSN": database.dsn(url)},
    )


@contextmanager
def running(command: list[str], environment: Mapping[str, str], port: int, first: bytes) -> Iterator[Server]:
    """Start a server, wait for its first answer to `first`, and stop it afterwards."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not _answers(port, first):
            if process.poll() is not None or time.perf_counter() - began > PATIENCE:
                raise SystemExit(f"{' '.join(command)} does not answer.")
            time.sleep(0.005)
        yield Server(process.pid, port, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def free_port() -> int:
    """A port of the loopback that nobody listens at."""
    with socket.create_server((load.HOST, 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


def asked(port: int, request: bytes) -> bytes:
    """The body of the answer to one request; empty where there is none."""
    with socket.create_connection((load.HOST, port), timeout=PATIENCE) as connection:
        connection.sendall(request.replace(b"\r\n", b"\r\nconnection: close\r\n", 1))
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    return body if head.startswith(b"HTTP/1.1 200") else b""


def _answers(port: int, request: bytes) -> bool:
    try:
        return bool(asked(port, request))
    except OSError:
        return False


_BACKENDS: Final = "select pid from pg_stat_activity where datname = current_database() and application_name = $1"


async def database_cpu(url: str, application: str) -> float | None:
    """Seconds of CPU that PostgreSQL has taken for an application's open connections; null where it runs elsewhere."""
    connection = await asyncpg.connect(database.dsn(url))
    try:
        rows = await connection.fetch(_BACKENDS, application)
    finally:
        await connection.close()
    try:
        return sum(_cpu(row["pid"]) for row in rows) if all(_is_postgres(row["pid"]) for row in rows) else None
    except FileNotFoundError:
        return None


def _is_postgres(pid: int) -> bool:
    return Path(f"/proc/{pid}/comm").read_text().startswith("postgres")


def _cpu(pid: int) -> float:
    """User and system time, of ended threads too; the kernel scales the ticks to what was really run."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _tree(int(child))


class Load:
    """The load generator's process."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "bench.load"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def put(self, order: load.Order) -> load.Outcome:
        """Have an order carried out."""
        if self._process.stdin is None or self._process.stdout is None:
            raise TypeError
        self._process.stdin.write(orjson.dumps(order) + b"\n")
        self._process.stdin.flush()
        return load.Outcome(**orjson.loads(self._process.stdout.readline()))

    @property
    def cpu(self) -> float:
        """Seconds of CPU that it has taken."""
        return _cpu(self._process.pid)

    def stop(self) -> None:
        """End it."""
        self._process.communicate(timeout=PATIENCE)
