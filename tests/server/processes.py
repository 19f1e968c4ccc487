"""The command line in processes of their own: begun anew, as people begin them, or as forks that have all imports."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Protocol

from domain import passwords
from tests.conftest import LEAST_HASHES
from tests.promises import forks
from tests.promises.forks import FORKS
from tests.server.conftest import SECRET_KEY

SERVER = Path(__file__).parents[2] / "server.py"


class Process(Protocol):
    """What tests do with a process."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    def send_signal(self, signal: int, /) -> None: ...

    def kill(self) -> None: ...

    async def wait(self) -> int: ...

    async def communicate(self, said: bytes | None = None, /) -> tuple[bytes, bytes]: ...


Started = Callable[..., Awaitable[Process]]


async def started(*arguments: str, url: str | None = None, data_dir: Path) -> Process:
    """Begin `python server.py …`."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, SERVER, *arguments, env=_environment(url, data_dir), stdin=pipe, stdout=pipe, stderr=pipe
    )


async def forked(*arguments: str, url: str | None = None, data_dir: Path) -> Process:
    """Begin the same without a start, for tests of what comes after it."""
    (stdin, said), (out, stdout), (err, stderr) = (FORKS.Pipe(duplex=False) for _ in range(3))
    theirs = (stdin, stdout, stderr)
    fork = FORKS.Process(target=_command, args=(list(arguments), _environment(url, data_dir), theirs))
    await asyncio.to_thread(fork.start)
    for end in theirs:
        end.close()
    return Fork(fork, said, out, err)


@dataclass
class Fork:
    """A process that was forked, and our ends of its pipes."""

    fork: ForkServerProcess
    said: Connection
    out: Connection
    err: Connection

    @property
    def pid(self) -> int:
        assert self.fork.pid is not None
        return self.fork.pid

    @property
    def returncode(self) -> int | None:
        return self.fork.exitcode

    def send_signal(self, signal: int, /) -> None:
        os.kill(self.pid, signal)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        await asyncio.to_thread(self.fork.join)
        assert self.returncode is not None
        return self.returncode

    async def communicate(self, said: bytes | None = None, /) -> tuple[bytes, bytes]:
        if said:
            os.write(self.said.fileno(), said)
        self.said.close()
        out, err, _ = await asyncio.gather(
            asyncio.to_thread(_everything, self.out), asyncio.to_thread(_everything, self.err), self.wait()
        )
        return out, err


def _everything(pipe: Connection) -> bytes:
    with open(os.dup(pipe.fileno()), "rb") as end:  # noqa: PTH123  no path leads there
        return end.read()


def _command(arguments: list[str], environment: dict[str, str], pipes: tuple[Connection, ...]) -> None:
    """Do it in the fork, in the place of all that it has of whoever began the first one."""
    for number, pipe in enumerate(pipes):
        os.dup2(pipe.fileno(), number)
        pipe.close()
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  it stays open
    os.environ.clear()
    # In earnest it is done by processes that are begun anew.
    passwords._argon2id = LEAST_HASHES
    forks.command(arguments, environment)


def _environment(url: str | None, data_dir: Path) -> dict[str, str]:
    chosen = {"COUNTERSIGN_DATA_DIR": str(data_dir), "COUNTERSIGN_SECRET_KEY": SECRET_KEY}
    return os.environ | chosen | ({} if url is None else {"COUNTERSIGN_DATABASE_URL": url})
