"""A server to ask."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx2
import pytest

import settings
from tests.server.serving import http, ready, running

SECRET_KEY = "not a secret but long enough for a test"


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Choose settings for the test: `chosen(DATABASE_URL=…)`."""

    def choose(**values: str) -> None:
        for name, value in {"DATA_DIR": str(tmp_path), "SECRET_KEY": SECRET_KEY, **values}.items():
            monkeypatch.setenv(f"COUNTERSIGN_{name}", value)
        settings.load.cache_clear()

    yield choose
    monkeypatch.undo()
    settings.load.cache_clear()


@pytest.fixture
async def served(
    request: pytest.FixtureRequest, committed: str, chosen: Callable[..., None]
) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve an empty database. A client that follows no redirect and keeps cookies, as a browser does.

    A clock that the test stops stands before the worker's first look at what is due, or that would be of today.
    """
    if "clock" in request.fixturenames:
        request.getfixturevalue("clock")
    chosen(DATABASE_URL=committed)
    async with running() as url, http(url) as client:
        await ready(client)
        yield client


@pytest.fixture(scope="module")
async def standing(template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Serve an empty database for all tests of a module, which only ask. Where."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTERSIGN_DATA_DIR", str(tmp_path_factory.mktemp("standing")))
        patch.setenv("COUNTERSIGN_SECRET_KEY", SECRET_KEY)
        patch.setenv("COUNTERSIGN_DATABASE_URL", template)
        settings.load.cache_clear()
        async with running() as url:
            async with http(url) as client:
                await ready(client)
            yield url
    settings.load.cache_clear()


@pytest.fixture
async def asked(standing: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Ask the server that stands for all tests of the module."""
    async with http(standing) as client:
        yield client
