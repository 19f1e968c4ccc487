"""Node with the official clients, and the running product of the journeys for them to ask."""

import asyncio
import fcntl
import filecmp
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import (  # noqa: F401  fixtures
    admin_link,
    asked,
    beginnings,
    meet,
    northwind,
    partners,
    quick_sign_ins,
    worker,
)
from tests.server.conftest import chosen  # noqa: F401  as above

FOLDER = Path(__file__).parent
MODULES = FOLDER / "node_modules"
PATIENCE = 60


@pytest.fixture(scope="session")
def node() -> Path:
    """Install what package-lock.json names, unless it is what was installed last. Where its programs are."""
    if shutil.which("npm") is None:
        reason = "no official client can be asked: Node.js with npm is not installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    wanted, installed = FOLDER / "package-lock.json", MODULES / "package-lock.json"
    # Runs on different databases share the folder: one installs, the other waits.
    with (FOLDER / "package.json").open() as folder:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if not installed.exists() or not filecmp.cmp(wanted, installed, shallow=False):
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=FOLDER, check=True)  # noqa: S607
            shutil.copyfile(wanted, installed)
    return MODULES / ".bin"


class Script:
    """A program of this folder that prints a line of JSON for each thing that it hears."""

    def __init__(self, process: Any) -> None:
        self._process = process

    async def hears(self) -> Any:
        line = await self._process.stdout.readline()
        if not line:
            pytest.fail((await self._process.stderr.read()).decode() or "it ended without a word")
        return json.loads(line)

    async def told(self, text: str) -> tuple[int | None, bytes]:
        """Tell it everything, and wait for its end: its status, and what it printed."""
        out, _ = await self._process.communicate(text.encode())
        return self._process.returncode, out

    async def rest(self) -> list[Any]:
        """Everything that it prints until its end, which must be a good one."""
        out, err = await self._process.communicate()
        assert (self._process.returncode, err.decode()) == (0, "")
        return [json.loads(line) for line in out.splitlines()]


@asynccontextmanager
async def script(name: str, *arguments: str) -> AsyncIterator[Script]:
    """Run one of this folder's programs for the length of a block."""
    program = shutil.which("node") or "node"
    process = await asyncio.create_subprocess_exec(
        program,
        str(FOLDER / name),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=2**20,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            yield Script(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
