"""A PostgreSQL of one's own, that may be treated badly: made by initdb, in a folder that goes with it."""

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

# Where systems put what belongs to a version of PostgreSQL, and not among everybody's commands.
PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/opt/postgresql*/bin")
NOBODY_ELSE = "postgres"


def binaries() -> Path | None:
    """Where initdb and pg_ctl are."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += [folder for place in PLACES for folder in sorted(Path("/").glob(place[1:]), reverse=True)]
    return next(
        (folder for folder in folders if {"initdb", "pg_ctl"} <= {each.name for each in folder.iterdir()}), None
    )


def obstacle() -> str | None:
    """Say why there can be none; null where there can."""
    if binaries() is None:
        return "initdb and pg_ctl are not installed"
    if os.geteuid() == 0 and not any(each.pw_name == NOBODY_ELSE for each in pwd.getpwall()):
        return f"PostgreSQL does not run as root, and there is no user {NOBODY_ELSE}"
    return None


@dataclass(frozen=True)
class Cluster:
    """One that runs. `restarts`: how often it went down without a word."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    async def restart_at_once(self) -> None:
        """End every process of it in the middle of what it does; its log is read again on the way up."""
        await self._control("restart", "--mode=immediate")

    async def start(self) -> None:
        await asyncio.to_thread(
            _run,
            "initdb",
            "--pgdata",
            str(self._data),
            "--username=postgres",
            "--auth=trust",
            "--no-sync",
            "--no-locale",
        )
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        await self._control("start", f"--options={options}")

    async def stop(self) -> None:
        await self._control("stop", "--mode=immediate")

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    async def _control(self, *words: str) -> None:
        log = str(self.folder / "log")
        await asyncio.to_thread(_run, "pg_ctl", "--pgdata", str(self._data), "--log", log, "--wait", *words)


def _run(program: str, *words: str) -> None:
    folder = binaries()
    assert folder is not None
    whom, groups = (NOBODY_ELSE, ()) if os.geteuid() == 0 else (None, None)
    subprocess.run(
        [str(folder / program), *words],
        check=True,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        user=whom,
        group=whom,
        extra_groups=groups,
    )


@asynccontextmanager
async def opened() -> AsyncIterator[Cluster]:
    """Make one, for the length of a block."""
    with tempfile.TemporaryDirectory(prefix="countersign-") as name:
        if os.geteuid() == 0:
            shutil.chown(name, NOBODY_ELSE, NOBODY_ELSE)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = int(free.getsockname()[1])
        cluster = Cluster(Path(name), port)
        await cluster.start()
        try:
            yield cluster
        finally:
            await cluster.stop()
