"""A server that speaks S3. It has its own place, since its libraries and ours do not agree on a third's version."""

import asyncio
import fcntl
import filecmp
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.server.serving import http

FOLDER = Path(__file__).parent
PLACE = FOLDER.parents[1] / "var" / "s3"
LOCKED = FOLDER / "requirements.txt"
PYTHON = PLACE / "bin" / "python"
REGION = "eu-north-1"
# Seconds until it answers: it imports much, and the machine may have more to do.
PATIENCE = 60


def _install() -> None:
    """Install what is locked, unless it is what was installed last."""
    PLACE.mkdir(parents=True, exist_ok=True)
    installed = PLACE / LOCKED.name
    with (PLACE / "installing").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if installed.exists() and filecmp.cmp(LOCKED, installed, shallow=False):
            return
        # Another pip would have to be unpacked first. What of it all is imported is compiled then.
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", PLACE], check=True)
        options = ("--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps", "--no-compile")
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", PYTHON, "install", *options, "--requirement", LOCKED],
            check=True,
            capture_output=True,
        )
        shutil.copyfile(LOCKED, installed)


@pytest.fixture(scope="session")
async def s3() -> AsyncIterator[str]:
    """Serve S3 for the length of the run. Where."""
    try:
        _install()
    except subprocess.CalledProcessError as failed:
        reason = f"no S3 can be asked: {failed}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    arguments = ["-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    serving = await asyncio.create_subprocess_exec(
        PYTHON, *arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        async with http(url) as client, asyncio.timeout(PATIENCE):
            while not await _answers(client):  # noqa: ASYNC110  it is another process
                await asyncio.sleep(0.05)
        yield url
    finally:
        serving.kill()
        await serving.wait()


async def _answers(client: httpx2.AsyncClient) -> bool:
    try:
        return (await client.get("/moto-api/")).is_success
    except httpx2.TransportError:
        return False


@pytest.fixture
async def bucket(s3: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make an empty bucket, and give the process its keys. Its URL."""
    name = f"files-{secrets.token_hex(6)}"
    async with http(s3) as client:
        (await client.put(f"/{name}")).raise_for_status()
    chosen = {"ENDPOINT": s3, "REGION": REGION, "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b"}
    for setting, value in chosen.items():
        monkeypatch.setenv(f"AWS_{setting}", value)
    return f"s3://{name}/countersign"


async def keys(s3: str, bucket: str) -> list[str]:
    """List what is in a bucket, as its server says."""
    name = bucket.split("/")[2]
    async with http(s3) as client:
        answer = await client.get(f"/{name}", params={"list-type": "2"})
    return [each.partition("</Key>")[0] for each in answer.text.split("<Key>")[1:]]


async def unfinished(s3: str, bucket: str) -> int:
    """Count the uploads to a bucket that neither ended nor were given up."""
    async with http(s3) as client:
        answer = await client.get(f"/{bucket.split('/')[2]}", params={"uploads": ""})
    return answer.text.count("<Upload>")
