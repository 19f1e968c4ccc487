"""The whole product, as it runs: the server with its worker, a database, a Maildir, and people with addresses."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import cast

import httpx2
import pytest
from tortoise.context import TortoiseContext

import settings
from domain import identity
from models import database as databases
from models.sql import Dialect
from outbox.worker import Worker
from tests.conftest import SWEPT, Copied
from tests.journeys import market as companies
from tests.journeys import northwind as scenes
from tests.journeys.kept import Beginnings, Rows, moved
from tests.journeys.market import Market
from tests.journeys.northwind import Asked, Northwind, Partners
from tests.journeys.portal import Person
from tests.server.conftest import SECRET_KEY, chosen  # noqa: F401  a fixture
from tests.server.serving import http, ready, running

Meets = Callable[[str], Person]


@dataclass(slots=True)
class AtWork:
    """The server's own worker, as the test may end it: from then on nobody mails or keeps time."""

    worker: Worker | None = None
    loop: asyncio.AbstractEventLoop | None = None

    async def stop(self) -> None:
        assert self.worker is not None
        assert self.loop is not None
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.worker.stop(), self.loop))


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> AtWork:
    """Know the worker that the server starts."""
    return watched(monkeypatch)


def watched(patch: pytest.MonkeyPatch) -> AtWork:
    at_work = AtWork()
    start = Worker.start

    async def started(worker: Worker) -> None:
        at_work.worker, at_work.loop = worker, asyncio.get_running_loop()
        await start(worker)

    patch.setattr(Worker, "start", started)
    return at_work


@pytest.fixture(scope="session")
def beginnings(dialect: Dialect, tmp_path_factory: pytest.TempPathFactory) -> Beginnings:
    """Keep what stories begin with: the first to ask for it has it come about."""
    return Beginnings(dialect, tmp_path_factory.mktemp("beginnings"))


@pytest.fixture
async def admin_link(
    committed: str,
    chosen: Callable[..., None],  # noqa: F811
    clock: ModuleType,
    beginnings: Beginnings,
    request: pytest.FixtureRequest,
) -> str:
    """Make Vera one of the vendor's staff, as the command does: the token of the link that it prints."""
    chosen(DATABASE_URL=committed)
    if begun := await beginnings.begin(request.fixturenames):
        return begun
    created = await identity.create_admin(email="vera@vendor.example", name="Vera Vendor", password=None)
    assert created.token is not None
    return created.token


@pytest.fixture
def quick_sign_ins(quick_passwords: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer sign-ins when they are done: tests of the domain hold how long they take."""
    monkeypatch.setattr(identity, "BEAT", 0.001)


@pytest.fixture
async def meet(admin_link: str, worker: AtWork, quick_sign_ins: None) -> AsyncIterator[Meets]:
    """Serve, and let anybody come who has an address."""
    async with running() as url, http(url) as browser:
        await ready(browser)
        yield lambda address: Person(browser, address)


@pytest.fixture
async def northwind(meet: Meets, admin_link: str, beginnings: Beginnings) -> Northwind:
    """Bring the partner in, with two contacts."""
    vera, paula = meet("vera@vendor.example"), meet("paula@northwind.example")
    if begun := beginnings.goes_on("northwind", vera.browser):
        return cast("Northwind", begun)
    return await beginnings.keep("northwind", await scenes.bring_in(vera, admin_link, paula), admin_link)


@pytest.fixture
async def asked(meet: Meets, northwind: Northwind, admin_link: str, beginnings: Beginnings) -> Asked:
    """Let the partner offer, by e-mail, and the owner join."""
    clara = meet("clara@harbour.example")
    if begun := beginnings.goes_on("asked", clara.browser):
        return cast("Asked", begun)
    return await beginnings.keep("asked", await scenes.ask(northwind, clara), admin_link)


@pytest.fixture
async def partners(meet: Meets, asked: Asked, admin_link: str, beginnings: Beginnings) -> Partners:
    """Let the owner accept."""
    if begun := beginnings.goes_on("partners", asked.clara.browser):
        return cast("Partners", begun)
    return await beginnings.keep("partners", await scenes.agree(asked), admin_link)


# ── companies that are there already ──


@dataclass(frozen=True, slots=True)
class Hall:
    """A server without a worker, for many tests after each other: each finds it swept.

    `companies`: those that came in when the first test asked for them, and `rows` what they are then.
    """

    database: TortoiseContext
    browser: httpx2.AsyncClient
    mails: Path
    rows: Rows
    companies: list[Market] = field(default_factory=list)


@pytest.fixture(scope="module")
async def hall(copied: Copied, dialect: Dialect, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hall]:
    """Serve an empty database."""
    folder = tmp_path_factory.mktemp("hall")
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(copied())
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in {"DATA_DIR": str(folder), "SECRET_KEY": SECRET_KEY, "DATABASE_URL": url}.items():
            patch.setenv(f"COUNTERSIGN_{name}", value)
        settings.load.cache_clear()
        worker = watched(patch)
        async with (
            databases.connected(url) as context,
            running() as where,
            http(where) as browser,
        ):
            await ready(browser)
            await worker.stop()
            yield Hall(context, browser, folder / "mail" / "new", Rows(dialect, folder))
    settings.load.cache_clear()


@pytest.fixture
async def market(hall: Hall, dialect: Dialect, clock: ModuleType, quick_sign_ins: None) -> AsyncIterator[Market]:
    """Let the companies come in."""
    with hall.database:
        if hall.companies:
            await hall.rows.put_back()
        else:
            hall.companies.append(await companies.opened(hall.browser))
            await hall.rows.keep()
        yield moved(hall.companies[0], hall.mails, hall.mails)
        await hall.database.db().execute_script(SWEPT[dialect])
    for mail in hall.mails.glob("*"):
        mail.unlink()
