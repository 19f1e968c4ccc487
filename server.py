"""The application and the command line: the only room that knows all floors.

What a command needs is imported when it runs, so that none waits for another's libraries.
"""

import argparse
import asyncio
import gc
import inspect
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from resolvers.engine import Engine
    from resolvers.stream import Streams
    from web.backend import Backend

ATTEND_SECONDS = 1
ANSWER_SECONDS = 5
GRACE_SECONDS = 10
# Between two pings of a socket: half of the minute after which proxies commonly close what is silent.
PING_SECONDS = 30
# Objects made beyond those freed before the collector looks among the young ones: a page of 100 makes thousands.
YOUNG_OBJECTS = 20_000
# Bytes that were freed and stay with the process. glibc gives back what is beyond 128 KiB, and with the next large
# answer takes it anew, a page fault for every 4 KiB: a twentieth of a notice to a thousand.
KEPT_BYTES = 16 * 2**20
_M_TRIM_THRESHOLD = -1  # malloc.h's

AWAY = "The database is not reachable."
BROKEN = "Something is wrong on our side: the log says what."
NOT_MIGRATED = "The database is not migrated: run `python server.py migrate`."
ONE_PROCESS = "SQLite is used by one process alone: set COUNTERSIGN_DATABASE_URL to PostgreSQL to run more."


def create_app(chosen: settings.Settings) -> "ASGIApp":
    """Return the ASGI application. It starts without its database too, and takes up its work when that is there."""
    from starlette.applications import Starlette
    from starlette.routing import Mount, Route, WebSocketRoute
    from starlette.staticfiles import StaticFiles

    from web import account_sessions, files, health, history, ide, keys, pages
    from web.backend import Backend
    from web.graphql import GraphQL
    from web.requests import Requests
    from web.sockets import Sockets

    behind = Backend()
    endpoint = GraphQL(behind)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with _attended(behind, chosen):
            yield

    routed = Starlette(
        routes=[
            Route("/health/live", health.Live()),
            Route("/health/ready", health.Ready(behind)),
            Route(keys.PATH, keys.Keys(behind)),
            Route(history.PATH, history.Histories(behind)),
            Route(account_sessions.PATH, account_sessions.AccountSessions(behind)),
            Route(files.PATH, files.Files(behind)),
            WebSocketRoute("/graphql", Sockets(behind, endpoint.documents)),
            *pages.routes(behind, chosen.portal_url),
            Mount(ide.MOUNTED_AT, StaticFiles(directory=ide.FILES)),
        ],
        exception_handlers={404: pages.not_found},
        lifespan=lifespan,
    )
    return Requests(routed, {"/graphql": endpoint})


def app() -> "ASGIApp":
    """Return the application as uvicorn starts it, in each of its processes."""
    gc.disable()
    from web import log

    chosen = settings.load()
    log.configure(chosen.log_format, chosen.log_level)
    application = create_app(chosen)
    _settle()
    _keep_memory()
    return application


def _settle() -> None:
    """Make what stays, modules and schema, and keep the collector from it: a third of a large answer went there.

    Until here it is off, since it would look at each module again for every few that come. Nor does it look once more
    now: next to nothing of all this is garbage.
    """
    from outbox import worker  # noqa: F401  imported for what it imports
    from resolvers import engine  # noqa: F401  as the worker
    from schema import roots

    roots.executable()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    gc.enable()


def _keep_memory() -> None:
    """Have the C library keep KEPT_BYTES, where it is one that can be told."""
    import ctypes

    tell = getattr(ctypes.CDLL(None), "mallopt", None)
    if tell is not None:
        tell(_M_TRIM_THRESHOLD, KEPT_BYTES)


@asynccontextmanager
async def _attended(behind: "Backend", chosen: settings.Settings) -> AsyncIterator[None]:
    """Open the database for as long as the server runs, and watch it."""
    from models import database

    url = database.url_for(chosen.database_url, chosen.data_dir)
    async with database.connected(url, everywhere=True), AsyncExitStack() as opened:
        watch = asyncio.create_task(_watch(behind, chosen, opened))
        try:
            yield
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch


async def _watch(behind: "Backend", chosen: settings.Settings, opened: AsyncExitStack) -> None:
    """Keep the backend's problem true, second by second."""
    import structlog

    log = structlog.get_logger("server")
    while True:
        problem = await _problem(behind, chosen, opened)
        if problem != behind.problem:
            _ = log.info("ready") if problem is None else log.warning("not ready", problem=problem)
        behind.problem = problem
        await asyncio.sleep(ATTEND_SECONDS)


async def _problem(behind: "Backend", chosen: settings.Settings, opened: AsyncExitStack) -> str | None:
    """Tell why the server cannot work now; once it could, everything that works is open."""
    import structlog

    from models import database
    from web import faults

    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await database.ping()
            if behind.engine is None:
                if not await database.is_current():
                    return NOT_MIGRATED
                behind.engine, behind.streams = await _open(chosen, opened)
    except Exception as fault:  # noqa: BLE001  whatever it was, the server goes on and says so
        if faults.database_is_away(fault):
            return AWAY
        structlog.get_logger("server").exception("cannot work")
        return BROKEN
    return None


async def _open(chosen: settings.Settings, opened: AsyncExitStack) -> "tuple[Engine, Streams]":
    from models import database
    from outbox.worker import Worker
    from resolvers import reads
    from resolvers.engine import Engine
    from resolvers.stream import Streams
    from schema import roots

    url = database.url_for(chosen.database_url, chosen.data_dir)
    engine = Engine(roots.executable(), await opened.enter_async_context(reads.opened(url)))
    at_work = Worker(chosen)
    await at_work.start()
    opened.push_async_callback(at_work.stop)
    streams = Streams(engine)
    await streams.start()
    opened.push_async_callback(streams.stop)
    return engine, streams


def serve(*, host: str, port: int, workers: int) -> None:
    """Answer requests, send mails and keep time, until stopped."""
    gc.disable()
    import uvicorn

    from web import guard

    if workers > 1:
        _require_shared_database()
        gc.enable()
    uvicorn.run(
        "server:app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        loop="uvloop",
        http="web.wires:Http",
        ws="web.wires:WebSocket",
        ws_max_size=guard.BODY_LIMIT,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_SECONDS,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


async def worker() -> None:
    """Send mails and keep time beside `serve`, until stopped. Needs PostgreSQL."""
    from models import database
    from outbox.worker import Worker
    from web import log

    chosen = _require_shared_database()
    log.configure(chosen.log_format, chosen.log_level)
    async with database.connected(database.url_for(chosen.database_url, chosen.data_dir)):
        at_work = Worker(chosen)
        await at_work.start()
        await _told_to_stop()
        await at_work.stop()


async def _told_to_stop() -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, told.set)
    await told.wait()


async def migrate() -> None:
    """Bring the database to the newest form."""
    from models import database

    chosen = settings.load()
    await database.migrate(database.url_for(chosen.database_url, chosen.data_dir))


async def fill() -> None:
    """Put demo data into an empty database and print its sign-ins; a filled one is left alone."""
    import demo

    async with _database():
        sys.stdout.write(await demo.fill())


async def admin_create(*, email: str, name: str, password_stdin: bool) -> None:
    """Make somebody one of the vendor's staff, and print a sign-in link unless a password is set."""
    from domain import identity

    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    async with _database():
        created = await identity.create_admin(email=email, name=name, password=password)
    sys.stdout.write(
        f"{created.user_id}\n" if created.token is None else f"{settings.load().links_url}/l/{created.token}\n"
    )


def sdl() -> None:
    """Print the schema in GraphQL's own language."""
    from schema import roots

    sys.stdout.write(roots.sdl())


def history_verify(*, file: Path, keys: Path | None, anchors: Path | None) -> None:
    """Verify an exported history, without any database; say what is wrong and at which version."""
    from domain import verification

    try:
        verified = verification.verify(file, keys, anchors)
    except verification.BrokenError as broken:
        sys.exit(str(broken))
    sys.stdout.write(f"{verification.summary(verified)}\n")


@asynccontextmanager
async def _database() -> AsyncIterator[None]:
    from models import database
    from web import log

    chosen = settings.load()
    log.configure(chosen.log_format, settings.LogLevel.WARNING)
    async with database.connected(database.url_for(chosen.database_url, chosen.data_dir)):
        if not await database.is_current():
            sys.exit(NOT_MIGRATED)
        yield


def _require_shared_database() -> settings.Settings:
    chosen = settings.load()
    if chosen.embedded:
        sys.exit(ONE_PROCESS)
    return chosen


def _arguments() -> argparse.Namespace:
    """Read the command line: the command as `run`, and what it takes."""
    line = argparse.ArgumentParser("server.py", description="An open GraphQL backend for partnerships.")
    line.add_argument("--version", action="version", version="0.1.0")
    line.set_defaults(run=line.print_help)
    commands = line.add_subparsers(metavar="COMMAND")

    def command(name: str, run: object) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
        added.set_defaults(run=run)
        return added

    added = command("serve", serve)
    added.add_argument("--host", default="127.0.0.1", help="the address to listen at (%(default)s)")
    added.add_argument("--port", default=8000, type=int, help="the port to listen at (%(default)s)")
    added.add_argument("--workers", default=1, type=int, help="processes (%(default)s); more than one needs PostgreSQL")
    command("worker", worker)
    command("migrate", migrate)
    command("demo", fill)
    added = command("admin-create", admin_create)
    added.add_argument("--email", required=True, help="the person's address")
    added.add_argument("--name", required=True, help="the person's name")
    added.add_argument("--password-stdin", action="store_true", help="read a password from standard input")
    command("schema", sdl)
    added = command("history-verify", history_verify)
    added.add_argument("file", type=Path, help="what `/history/{id}.jsonl` answered")
    added.add_argument(
        "--keys", type=Path, help="what `/.well-known/jwks.json` answered; without it signatures are not checked"
    )
    added.add_argument(
        "--anchors", type=Path, help="a file of heads signed before, an earlier export or a folder of such files"
    )
    return line.parse_args()


def main() -> None:
    """Run a command; what a person can mend is said in a sentence."""
    # Most of a command is imports, of which nothing can be collected.
    gc.set_threshold(YOUNG_OBJECTS)
    given = vars(_arguments())
    run = given.pop("run")
    import pydantic

    from domain import errors
    from web import faults

    try:
        outcome = run(**given)
        if inspect.iscoroutine(outcome):
            asyncio.run(outcome)
    except errors.Refusal as refusal:
        sys.exit(refusal.message)
    except pydantic.ValidationError as wrong:
        sys.exit("\n".join(each["msg"].removeprefix("Value error, ") for each in wrong.errors()))
    except Exception as fault:
        if faults.database_is_away(fault):
            sys.exit(AWAY)
        raise
    finally:
        # What is left goes with the process, as it is: looking through it for garbage takes a tenth of a second.
        gc.freeze()


if __name__ == "__main__":
    main()
