"""How mails leave: claimed by one slot, delivered outside any transaction, marked; tried again until they arrive."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace

import asyncpg
import pytest
import structlog
from aiosmtpd.smtp import SMTP
from pydantic import SecretStr
from structlog.testing import capture_logs
from tortoise.connection import get_connection
from tortoise.transactions import in_transaction

import settings
from domain import changes, identity, proposals
from domain import clock as the_clock
from mailer import messages
from mailer.letters import Letter, UndeliverableError
from models import database as databases
from models.enums import Audience, LinkPurpose, MailStatus, ProposalStatus
from models.event import Event
from models.link import Link
from models.mail import Mail
from models.notice import Notice
from models.partnership import Partnership
from models.proposal import Proposal
from models.sql import Dialect
from outbox import relay, worker
from outbox.worker import Worker
from settings import LogFormat
from tests import conftest, given, reachable
from tests.conftest import Copied
from tests.mailer import post_office
from tests.mailer.post_office import Office
from tests.outbox import scenes
from web import log

FOR_LONG = 3600.0


@pytest.fixture
def installation(committed: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[settings.Settings]:
    """Point the settings to the test's own database and folder, as an installation has them."""
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", committed.partition("?")[0])
    monkeypatch.setenv("COUNTERSIGN_SECRET_KEY", "the same in every process of one installation")
    settings.load.cache_clear()
    assert settings.load().data_dir == data_dir
    yield settings.load()
    settings.load.cache_clear()


@asynccontextmanager
async def running(*workers: Worker) -> AsyncIterator[None]:
    await asyncio.gather(*[each.start() for each in workers])
    try:
        yield
    finally:
        await asyncio.gather(*[each.stop() for each in workers])


async def queue_mails(count: int) -> list[str]:
    """Commit events that each mail one person; returns the addresses."""
    people = [await given.user(f"Reader{number}") for number in range(count)]
    async with changes.change(by=None) as c:
        for person in people:
            c.event("password.changed", stream=person.id, by=scenes.Person(person.id))
    return sorted(str(person.email) for person in people)


def receivers() -> list[str]:
    return sorted(mail["To"].addresses[0].addr_spec for mail in scenes.arrived())


def block_the_maildir(installed: settings.Settings) -> Path:
    """Put a file where the Maildir belongs: every delivery fails, as on a disk that refuses."""
    folder = installed.data_dir / "mail"
    folder.write_text("in the way")
    return folder


# ── from the event to the Maildir ──


@pytest.mark.usefixtures("installation")
async def test_a_running_worker_delivers_what_is_committed() -> None:
    async with running(Worker(settings.load())):
        people = await queue_mails(12)
        await scenes.eventually(scenes.no_mail_waits)
    assert receivers() == people
    assert set(await Mail.all().values_list("status", "attempts", "lease_until")) == {(MailStatus.SENT, 1, None)}


async def test_a_commit_wakes_the_worker_and_nobody_waits_for_a_poll(
    installation: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL", FOR_LONG)
    async with running(Worker(installation)):
        await scenes.eventually(scenes.all_events_have_positions)
        people = await queue_mails(3)
        await scenes.eventually(scenes.no_mail_waits, within=5)
    assert receivers() == people


async def test_behind_every_wake_up_stands_a_poll(
    installation: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(Worker(installation)):
        monkeypatch.setattr(changes, "on_commit", [])
        monkeypatch.setattr(relay, "CHANNEL", "nobody_listens_here")
        people = await queue_mails(3)
        await scenes.eventually(scenes.no_mail_waits, within=5)
    assert receivers() == people


async def test_a_poll_that_finds_nothing_to_do_has_asked_one_question(
    installation: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, asked = type(get_connection("default")), list[str]()

    def counted(real: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def ask(self: object, query: str, *values: object) -> object:
            asked.append(query)
            return await real(self, query, *values)

        return ask

    for name in ("execute_query", "execute_query_dict", "execute_script"):
        monkeypatch.setattr(client, name, counted(getattr(client, name)))
    monkeypatch.setattr(worker, "POLL", 0.0)
    await Worker(installation)._relay()
    assert [query.split()[0] for query in asked] == ["select"]


async def test_a_stopped_worker_hears_of_no_commit(installation: settings.Settings) -> None:
    before = list(changes.on_commit)
    async with running(Worker(installation)):
        assert len(changes.on_commit) == len(before) + 1
    assert changes.on_commit == before
    await queue_mails(1)
    assert not await scenes.all_events_have_positions()


async def test_a_worker_that_was_never_started_stops(installation: settings.Settings) -> None:
    await Worker(installation).stop()


async def test_what_another_process_publishes_is_delivered_here_without_a_poll(
    installation: settings.Settings, dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    if dialect is Dialect.SQLITE:
        pytest.skip("beside SQLite there is one process")
    monkeypatch.setattr(worker, "POLL", FOR_LONG)
    async with running(Worker(installation)):
        await scenes.eventually(lambda: _listeners(installation))
        monkeypatch.setattr(changes, "on_commit", [])
        people = await queue_mails(2)
        await relay.publish(the_clock.now())
        await scenes.eventually(scenes.no_mail_waits, within=5)
    assert receivers() == people


async def _listeners(installed: settings.Settings, *, kill: bool = False) -> bool:
    """Whether anybody listens; with `kill`, their connections are cut."""
    connection = await asyncpg.connect(databases.dsn(str(installed.database_url)))
    try:
        found = await connection.fetch(
            "select pid, case when $1 then pg_terminate_backend(pid) end from pg_stat_activity"
            " where datname = current_database() and query ilike 'listen %'",
            kill,
        )
    finally:
        await connection.close()
    return bool(found)


async def test_a_listener_whose_connection_is_cut_listens_again(
    installation: settings.Settings, dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    if dialect is Dialect.SQLITE:
        pytest.skip("beside SQLite nobody listens")
    monkeypatch.setattr(worker, "POLL", FOR_LONG)
    async with running(Worker(installation)):
        await scenes.eventually(lambda: _listeners(installation))
        assert await _listeners(installation, kill=True)
        await scenes.eventually(lambda: _listeners(installation))
        monkeypatch.setattr(changes, "on_commit", [])
        people = await queue_mails(2)
        await relay.publish(the_clock.now())
        await scenes.eventually(scenes.no_mail_waits, within=5)
    assert receivers() == people


async def test_p12_a_database_that_goes_away_and_comes_back_loses_nothing(
    data_dir: Path, dialect: Dialect, copied: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    if dialect is Dialect.SQLITE:
        pytest.skip("SQLite does not go away")
    monkeypatch.setattr(worker, "BACKOFF", (0.05,))
    async with copied() as url:
        monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", url)
        monkeypatch.setenv("COUNTERSIGN_SECRET_KEY", "the same in every process of one installation")
        settings.load.cache_clear()
        assert settings.load().data_dir == data_dir
        async with databases.connected(url):
            with capture_logs() as logs:
                async with running(Worker(settings.load())):
                    people = await queue_mails(2)
                    await scenes.eventually(scenes.no_mail_waits)
                    await _switch(url, on=False)
                    await scenes.eventually(lambda: _enough(logs, "_relay", "_listen"))
                    await _switch(url, on=True)
                    people += await queue_mails(2)
                    await scenes.eventually(scenes.no_mail_waits)
                    await scenes.eventually(lambda: _listeners(settings.load()))
    assert receivers() == sorted(people)


@pytest.mark.parametrize("log_format", LogFormat)
async def test_a_loop_that_failed_goes_on_and_says_so_in_one_line_of_either_form(
    installation: settings.Settings,
    monkeypatch: pytest.MonkeyPatch,
    log_as: Callable[[LogFormat], None],
    log_format: LogFormat,
    capsys: pytest.CaptureFixture[str],
) -> None:
    log_as(log_format)
    _let_the_relay_fail(monkeypatch, 2)
    async with running(Worker(installation)):
        people = await queue_mails(1)
        await scenes.eventually(scenes.no_mail_waits)
    written = [line for line in capsys.readouterr().err.splitlines() if line]
    failed = [line for line in written if "worker.failed" in line]
    assert receivers() == people
    assert (len(failed), [line for line in written if line.startswith((" ", "Traceback"))]) == (2, [])
    for word in ("_relay", "ConnectionRefusedError", "test_worker.py:"):
        assert word in failed[0]


async def test_a_loop_that_failed_goes_on_where_the_log_cannot_be_written(
    installation: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(worker, "log", SimpleNamespace(warning=write, info=worker.log.info))
    _let_the_relay_fail(monkeypatch, 2)
    async with running(Worker(installation)):
        people = await queue_mails(1)
        await scenes.eventually(scenes.no_mail_waits)
    assert receivers() == people


async def test_of_slots_that_fail_alike_one_speaks_for_all(
    installation: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[type[Exception]] = [*[ConnectionRefusedError] * 4, *[BrokenPipeError] * 4]

    async def fail(_: Worker) -> bool:
        if failures:
            raise failures.pop(0)
        return False

    monkeypatch.setattr(worker, "BACKOFF", (0.5,))
    monkeypatch.setattr(Worker, "_send_one", fail)
    with capture_logs() as logs:
        async with running(Worker(installation)):
            await scenes.eventually(_none_of(failures))
    assert [(entry["loop"], entry["error"]) for entry in logs if entry["event"] == "worker.failed"] == [
        ("_slot", "ConnectionRefusedError"),
        ("_slot", "BrokenPipeError"),
    ]


def _none_of(left: Sequence[object]) -> Callable[[], Awaitable[bool]]:
    async def is_none() -> bool:
        return not left

    return is_none


@pytest.fixture
def log_as(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[LogFormat], None]]:
    """Log in a form of an installation's; afterwards as before."""
    handlers, level, configured = logging.root.handlers[:], logging.root.level, structlog.get_config()

    def configure(log_format: LogFormat) -> None:
        log.configure(log_format)
        monkeypatch.setattr(worker, "log", structlog.get_logger())

    yield configure
    structlog.configure(**configured)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    logging.getLogger("uvicorn.error").setLevel(logging.NOTSET)


def _let_the_relay_fail(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    publish, left = relay.publish, iter(range(times))

    async def fail(now: datetime) -> int:
        if next(left, None) is not None:
            raise ConnectionRefusedError
        return await publish(now)

    monkeypatch.setattr(relay, "publish", fail)


async def _switch(url: str, *, on: bool) -> None:
    """Let nobody into a database, and throw out whoever is there; or let them in again."""
    name = url.rpartition("/")[2]
    server = await asyncpg.connect(databases.dsn(reachable.postgres_url()))
    try:
        await server.execute(f"alter database {name} allow_connections {'true' if on else 'false'}")
        if not on:
            await server.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
    finally:
        await server.close()


async def _enough(logs: Sequence[Mapping[str, object]], *loops: str) -> bool:
    failed = [entry["loop"] for entry in logs if entry["event"] == "worker.failed"]
    return all(failed.count(loop) >= 3 for loop in loops)


# ── at least once ──


async def test_p2_killed_between_delivery_and_mark_the_mail_is_delivered_again_as_the_same(
    installation: settings.Settings, clock: ModuleType
) -> None:
    [person] = await queue_mails(1)
    await relay.publish(clock.now())
    program = """
import asyncio, os, signal
import settings
from domain import clock
from datetime import datetime
from mailer import maildir
from models import database
from outbox.worker import Worker

deliver = maildir.deliver
async def deliver_and_die(message, folder):
    await deliver(message, folder)
    os.kill(os.getpid(), signal.SIGKILL)
maildir.deliver = deliver_and_die

async def main():
    config = settings.load()
    async with database.connected(database.url_for(config.database_url, config.data_dir)):
        with clock.frozen_at(datetime.fromisoformat(os.environ["NOW"])):
            await Worker(config).drain()
asyncio.run(main())
"""
    died = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program],
        env={**os.environ, "NOW": clock.now().isoformat()},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    row = await Mail.get()
    assert (row.status, row.attempts, row.lease_until) == (MailStatus.QUEUED, 1, clock.now() + worker.LEASE)
    assert await scenes.drain() == []  # until the lease is over it is the dead one's
    clock.advance(worker.LEASE)
    await Worker(installation).drain()
    first, second = scenes.arrived()
    assert first.as_bytes() == second.as_bytes()
    assert first["Message-ID"] == f"<{row.id}@countersign.example>"
    assert first["To"].addresses[0].addr_spec == person
    row = await Mail.get()
    assert (row.status, row.attempts, row.lease_until, row.sent_at) == (MailStatus.SENT, 2, None, clock.now())


async def test_two_workers_share_the_work_and_no_mail_leaves_twice(
    installation: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = Worker(installation, slots=2), Worker(installation, slots=2)
    met = asyncio.Barrier(2)
    delivered = {name: _counting(each, met, monkeypatch) for name, each in {"one": one, "other": other}.items()}
    people = await queue_mails(30)
    async with running(one, other):
        await scenes.eventually(scenes.no_mail_waits)
    assert receivers() == people
    assert len(delivered["one"]) + len(delivered["other"]) == 30
    assert min(len(delivered["one"]), len(delivered["other"])) > 0


def _counting(of: Worker, met: asyncio.Barrier, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note what a worker delivers; its first delivery waits until the other worker has one, too."""
    delivered: list[str] = []
    deliver = of._deliver

    async def note(letter: Letter) -> None:
        delivered.append(str(letter["Message-ID"]))
        if len(delivered) == 1:
            await met.wait()
        await deliver(letter)

    monkeypatch.setattr(of, "_deliver", note)
    return delivered


async def test_a_slow_delivery_holds_up_no_other(
    installation: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = asyncio.Event()
    one = Worker(installation, slots=2)
    deliver = one._deliver
    stuck: list[Letter] = []

    async def first_is_slow(letter: Letter) -> None:
        if not stuck:
            stuck.append(letter)
            await slow.wait()
        await deliver(letter)

    monkeypatch.setattr(one, "_deliver", first_is_slow)
    people = await queue_mails(10)
    async with running(one):
        await scenes.eventually(lambda: _sent(9))
        assert len(receivers()) == 9
        slow.set()
        await scenes.eventually(scenes.no_mail_waits)
    assert receivers() == people


async def _sent(count: int) -> bool:
    return await Mail.filter(status=MailStatus.SENT).count() == count


async def test_no_transaction_is_open_while_a_mail_is_delivered(
    installation: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Worker(installation, slots=1)
    free: list[bool] = []

    async def look(_: Letter) -> None:
        # Another task writes: on SQLite it would wait for an open transaction until the test's time is over.
        async def write() -> None:
            async with in_transaction():
                await given.user("Somebody else")

        async with asyncio.timeout(5):
            await asyncio.create_task(write())
        free.append(True)

    monkeypatch.setattr(one, "_deliver", look)
    await queue_mails(1)
    await one.drain()
    assert free == [True]


async def test_stopping_lets_a_delivery_finish_and_marks_it(
    installation: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Worker(installation, slots=1)
    deliver, begun = one._deliver, asyncio.Event()

    async def unhurried(letter: Letter) -> None:
        begun.set()
        await asyncio.sleep(0.2)
        await deliver(letter)

    monkeypatch.setattr(one, "_deliver", unhurried)
    await queue_mails(1)
    await one.start()
    await begun.wait()
    await one.stop()
    row = await Mail.get()
    assert (row.status, row.attempts, row.lease_until) == (MailStatus.SENT, 1, None)
    assert len(scenes.arrived()) == 1


async def test_stopping_leaves_a_delivery_that_hangs_to_its_lease(
    installation: settings.Settings, monkeypatch: pytest.MonkeyPatch, clock: ModuleType
) -> None:
    monkeypatch.setattr(worker, "GRACE", 0.1)
    one = Worker(installation, slots=1)
    begun = asyncio.Event()

    async def hang(_: Letter) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(one, "_deliver", hang)
    people = await queue_mails(1)
    await one.start()
    await begun.wait()
    async with asyncio.timeout(5):
        await one.stop()
    assert (await Mail.get()).status is MailStatus.QUEUED
    clock.advance(worker.LEASE)
    await Worker(installation).drain()
    assert receivers() == people


async def test_who_lost_the_lease_marks_nothing(
    installation: settings.Settings, monkeypatch: pytest.MonkeyPatch, clock: ModuleType
) -> None:
    late = Worker(installation)

    async def too_late(_: Letter) -> None:
        clock.advance(worker.LEASE)
        assert await worker._claim(clock.now()) is not None  # another one has the mail now
        raise OSError("and then it failed")

    monkeypatch.setattr(late, "_deliver", too_late)
    await queue_mails(1)
    with capture_logs() as logs:
        await late.drain()
    row = await Mail.get()
    assert (row.status, row.attempts, row.last_error) == (MailStatus.QUEUED, 2, None)
    assert row.lease_until == clock.now() + worker.LEASE
    assert [(entry["attempt"], entry["status"]) for entry in logs] == [(1, "TAKEN_OVER")]


async def test_a_slot_that_has_found_a_mail_wakes_the_others(
    installation: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Worker(installation)
    woken: list[bool] = []

    async def look(_: Letter) -> None:
        woken.append(one._queued.is_set())

    monkeypatch.setattr(one, "_deliver", look)
    await queue_mails(1)
    await one.drain()
    assert woken == [True]


# ── the retry plan ──


async def test_a_delivery_that_fails_is_tried_again_by_the_plan_until_the_mail_has_failed(
    installation: settings.Settings, clock: ModuleType
) -> None:
    folder = block_the_maildir(installation)
    await queue_mails(1)
    queued_at, waits = clock.now(), []
    while True:
        with capture_logs() as logs:
            await Worker(installation).drain()
        row = await Mail.get()
        assert [(entry["event"], entry["attempt"], entry["error"]) for entry in logs] == [
            ("mail.attempted", row.attempts, "FileExistsError")
        ]
        if row.status is not MailStatus.QUEUED:
            break
        assert (row.lease_until, row.sent_at) == (None, None)
        waits.append(row.due_at - clock.now())
        clock.advance(row.due_at - clock.now() - timedelta(microseconds=1))
        assert await scenes.drain() == []
        assert (await Mail.get()).attempts == row.attempts
        clock.advance(timedelta(microseconds=1))
    assert [wait.total_seconds() for wait in waits] == [5, 30, 120, 600, 1800, 7200, 21600, 43200, 86400]
    assert (row.status, row.attempts) == (MailStatus.FAILED, 10)
    assert row.last_error == f"FileExistsError: [Errno 17] File exists: '{folder}'"
    assert clock.now() - queued_at == sum(worker.RETRIES, timedelta())
    folder.unlink()
    clock.advance(timedelta(days=30))
    assert await scenes.drain() == []


async def test_a_delivery_that_works_again_is_marked_as_sent(
    installation: settings.Settings, clock: ModuleType
) -> None:
    folder = block_the_maildir(installation)
    people = await queue_mails(1)
    assert await _drained(installation) == (MailStatus.QUEUED, 1)
    folder.unlink()
    clock.advance(worker.RETRIES[0])
    assert await _drained(installation) == (MailStatus.SENT, 2)
    assert receivers() == people
    assert (await Mail.get()).last_error is None


async def _drained(installed: settings.Settings) -> tuple[MailStatus, int]:
    await Worker(installed).drain()
    row = await Mail.get()
    return row.status, row.attempts


async def test_a_mail_that_cannot_be_written_is_tried_again_and_holds_up_no_other(
    installation: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: Mail, __: object) -> Letter:
        raise KeyError("a value that the template needs")

    monkeypatch.setattr(messages, "MESSAGES", {**messages.MESSAGES, "password-changed": broken})
    who = await scenes.companies()
    await queue_mails(1)
    await scenes.offer_to_client(who)
    await Worker(installation).drain()
    rows = await Mail.all().order_by("template").values_list("template", "status", "last_error")
    assert rows == [
        ("partnership-offered", MailStatus.SENT, None),
        ("password-changed", MailStatus.QUEUED, "KeyError: 'a value that the template needs'"),
    ]


async def test_a_delivery_that_takes_too_long_has_failed(
    installation: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LONGEST_DELIVERY", 0.05)
    one = Worker(installation)
    monkeypatch.setattr(one, "_deliver", lambda _: asyncio.Event().wait())
    await queue_mails(1)
    await one.drain()
    row = await Mail.get()
    assert (row.status, row.attempts, row.last_error) == (MailStatus.QUEUED, 1, "TimeoutError: ")


async def test_an_address_that_is_none_fails_at_once(installation: settings.Settings) -> None:
    await queue_mails(1)
    await relay.publish(the_clock.now())
    await Mail.all().update(to_email="b@y>, <evil@z")
    assert await _drained(installation) == (MailStatus.FAILED, 1)
    assert (await Mail.get()).last_error == "UndeliverableError: not one e-mail address"
    assert scenes.arrived() == []


async def test_a_mail_that_kills_whoever_delivers_it_is_given_up(
    installation: settings.Settings, clock: ModuleType
) -> None:
    await queue_mails(1)
    await relay.publish(clock.now())
    await Mail.all().update(attempts=len(worker.RETRIES) + 1, lease_until=clock.now())
    assert await _drained(installation) == (MailStatus.FAILED, len(worker.RETRIES) + 2)
    assert scenes.arrived() == []


# ── a mail server ──


@pytest.fixture
async def office(installation: settings.Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    """Have the installation hand its mails to a server."""
    async with post_office.opened() as opened:
        monkeypatch.setenv("COUNTERSIGN_SMTP_URL", f"smtp://127.0.0.1:{opened.port}")
        settings.load.cache_clear()
        yield opened


async def test_with_a_mail_server_mails_go_there_on_a_connection_a_slot_and_none_is_kept(
    office: Office, installation: settings.Settings
) -> None:
    async with running(Worker(settings.load(), slots=2)):
        people = await queue_mails(40)
        await scenes.eventually(scenes.no_mail_waits)
        await scenes.eventually(lambda: _all_have_left(office))
        assert office.connections < 10
    assert sorted(address for mail in office.received for address in mail.recipients) == people
    assert not (installation.data_dir / "mail").exists()


async def _all_have_left(office: Office) -> bool:
    return office.open_connections == 0


async def test_p12_what_a_mail_server_puts_off_is_tried_again_by_the_plan_as_the_same_mail(
    office: Office, clock: ModuleType
) -> None:
    [person] = await queue_mails(1)
    office.refusals[person] = "451 4.7.1 grey"
    assert await _drained(settings.load()) == (MailStatus.QUEUED, 1)
    row = await Mail.get()
    assert (row.due_at, row.last_error) == (
        clock.now() + worker.RETRIES[0],
        f"SMTPRecipientRefused: (451, '4.7.1 grey', '{person}')",
    )
    office.refusals.clear()
    clock.advance(worker.RETRIES[0])
    assert await _drained(settings.load()) == (MailStatus.SENT, 2)
    [received] = office.received
    assert f"Message-ID: <{row.id}@countersign.example>\r\n".encode() in received.content
    assert await _failures() == []


async def test_p12_what_a_mail_server_refuses_for_good_has_failed(office: Office) -> None:
    [person] = await queue_mails(1)
    office.refusals[person] = "550 5.1.1 unknown"
    assert await _drained(settings.load()) == (MailStatus.FAILED, 1)
    assert (await Mail.get()).last_error == "UndeliverableError: 550 5.1.1 unknown"
    assert (office.open_connections, await scenes.all_events_have_positions()) == (0, True)


async def test_p2_an_acceptance_that_was_not_heard_makes_the_same_mail_arrive_twice(
    office: Office, clock: ModuleType
) -> None:
    async def take_and_drop(server: SMTP) -> str:
        assert server.envelope is not None
        taken.append(server.envelope.content)
        post_office.hang_up(server)
        return "250 OK"

    taken: list[object] = []
    await queue_mails(1)
    office.refusals["DATA"] = take_and_drop
    assert await _drained(settings.load()) == (MailStatus.QUEUED, 1)
    office.refusals.clear()
    clock.advance(worker.RETRIES[0])
    assert await _drained(settings.load()) == (MailStatus.SENT, 2)
    assert [received.content for received in office.received] == taken


async def test_p12_a_mail_server_that_hangs_after_data_holds_a_slot_no_longer_than_a_delivery_may_take(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = asyncio.Event()

    async def hang(_: SMTP) -> str:
        await released.wait()
        return "250 OK"

    monkeypatch.setattr(worker, "LONGEST_DELIVERY", 0.2)
    await queue_mails(1)
    office.refusals["DATA"] = hang
    assert await _drained(settings.load()) == (MailStatus.QUEUED, 1)
    assert (await Mail.get()).last_error == "TimeoutError: "
    released.set()


async def test_p12_while_no_mail_server_answers_every_mail_waits_and_then_arrives(
    office: Office, clock: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = await queue_mails(5)
    async with post_office.opened() as gone:
        nowhere = SecretStr(f"smtp://127.0.0.1:{gone.port}")
    await Worker(settings.load().model_copy(update={"smtp_url": nowhere})).drain()
    assert set(await Mail.all().values_list("status", "attempts")) == {(MailStatus.QUEUED, 1)}
    clock.advance(worker.RETRIES[0])
    await Worker(settings.load()).drain()
    assert sorted(address for mail in office.received for address in mail.recipients) == people


async def test_a_name_or_an_address_speaks_no_smtp_of_its_own(office: Office) -> None:
    [person, _] = await queue_mails(2)
    await relay.publish(the_clock.now())
    good, bad = await Mail.all().order_by("to_email")
    await Mail.filter(id=good.id).update(to_name="Eve\r\nRCPT TO:<evil@z.example>\r\nBcc: evil@z.example")
    await Mail.filter(id=bad.id).update(to_email="b@y.example>\r\nRCPT TO:<evil@z.example")
    await Worker(settings.load()).drain()
    assert [mail.recipients for mail in office.received] == [[person]]
    assert office.asked.count("RCPT") == 1
    assert b"\r\nBcc:" not in office.received[0].content
    assert (await Mail.get(id=bad.id)).status is MailStatus.FAILED


async def test_what_is_logged_of_a_mail_server_is_no_address_and_no_answer_of_its(office: Office) -> None:
    [person] = await queue_mails(1)
    office.refusals[person] = f"550 5.1.1 <{person}> unknown"
    with capture_logs() as logs:
        await Worker(settings.load()).drain()
    assert [(entry["status"], entry["error"]) for entry in logs] == [(MailStatus.FAILED, "UndeliverableError")]
    assert person not in repr(logs)


# ── who is told that a mail has failed ──


async def _failures() -> list[tuple[str, str | None, Audience]]:
    """Each failure's stream, proposal and audience."""
    found = Event.filter(topic="mail.failed").order_by("id")
    return [(event.stream, event.proposal_id, event.visible_to) for event in await found]


async def _told_of_failures() -> list[str]:
    """Whose seats got a notice of one."""
    return [notice.seat_id for notice in await Notice.filter(event__topic="mail.failed")]


async def test_5_3_a_mail_that_failed_is_told_to_the_side_that_asked_and_mails_nobody(office: Office) -> None:
    who = await scenes.companies()
    offer_id = await scenes.offer_to_address(who)
    office.refusals[scenes.ADDRESS] = "550 5.1.1 unknown"
    await Worker(settings.load()).drain()
    partnership = await Partnership.get()
    assert await _failures() == [(partnership.id, offer_id, Audience.PARTNER)]
    assert await _told_of_failures() == [who.paula.id]
    failed = await Event.get(topic="mail.failed")
    assert (failed.side, failed.subject, failed.changes, failed.reason) == (None, offer_id, [], None)
    assert (failed.partner_id, failed.client_id, failed.partnership_id) == (who.partner.id, None, partnership.id)
    assert await Mail.all().count() == 1


async def test_5_3_of_a_reminder_that_time_sent_the_failure_is_told_to_the_side_that_asked(
    office: Office, clock: ModuleType
) -> None:
    who = await scenes.companies()
    offer_id = await scenes.offer_to_client(who)
    await Worker(settings.load()).drain()
    office.refusals["clara@harbour.example"] = "550 5.1.1 unknown"
    clock.advance(timedelta(days=3))
    await Worker(settings.load()).drain()
    partnership = await Partnership.get()
    assert await _failures() == [(partnership.id, offer_id, Audience.PARTNER)]


async def test_5_3_of_an_answer_that_reaches_nobody_the_failure_is_told_to_the_side_that_answered(
    office: Office,
) -> None:
    who = await scenes.companies()
    offer_id = await scenes.offer_to_client(who)
    office.refusals["paula@northwind.example"] = "550 5.1.1 unknown"
    await proposals.decline(offer_id, by=who.clara)
    await Worker(settings.load()).drain()
    partnership = await Partnership.get()
    assert await _failures() == [(partnership.id, offer_id, Audience.CLIENT)]
    assert await _told_of_failures() == []  # whom the mail was for reads of the answer in the portal


async def test_a_failure_that_no_side_brought_about_is_told_to_the_vendor(office: Office) -> None:
    who = await scenes.companies()
    await identity.sign_in_link_send(email="clara@harbour.example", ip=None)
    office.refusals["clara@harbour.example"] = "550 5.1.1 unknown"
    await Worker(settings.load()).drain()
    assert await _failures() == [(who.clara.user_id, None, Audience.VENDOR)]


async def test_a_failure_is_shown_to_nobody_to_whom_its_cause_is_not(office: Office) -> None:
    who = await scenes.companies()
    async with changes.change(by=who.clara) as c:
        c.event("password.changed", stream=who.clara.user_id, audience=Audience.VENDOR, client_id=who.client.id)
    office.refusals["clara@harbour.example"] = "550 5.1.1 unknown"
    await Worker(settings.load()).drain()
    assert await _failures() == [(who.clara.user_id, None, Audience.VENDOR)]


async def test_who_lost_the_lease_tells_of_no_failure(
    installation: settings.Settings, monkeypatch: pytest.MonkeyPatch, clock: ModuleType
) -> None:
    late = Worker(installation)

    async def too_late(_: Letter) -> None:
        clock.advance(worker.LEASE)
        assert await worker._claim(clock.now()) is not None  # another one has the mail now
        raise UndeliverableError("and then it was refused")

    monkeypatch.setattr(late, "_deliver", too_late)
    await queue_mails(1)
    await late.drain()
    assert ((await Mail.get()).status, await _failures()) == (MailStatus.QUEUED, [])


# ── what is no longer to be sent ──


async def withdraw(offer_id: str, who: scenes.Companies, _: ModuleType) -> None:
    await proposals.withdraw(offer_id, by=who.paula)


async def expire(_: str, __: scenes.Companies, clock: ModuleType) -> None:
    clock.advance(timedelta(days=30))


async def replace(offer_id: str, who: scenes.Companies, clock: ModuleType) -> None:
    clock.advance(timedelta(hours=2))
    await proposals.remind(offer_id, by=who.paula)


async def use(_: str, __: scenes.Companies, clock: ModuleType) -> None:
    await Link.all().update(used_at=clock.now())


async def outlive(_: str, __: scenes.Companies, clock: ModuleType) -> None:
    await Link.all().update(expires_at=clock.now())


async def settle(_: str, __: scenes.Companies, ___: ModuleType) -> None:
    await Proposal.filter(invite_kind__not_isnull=True).update(status=ProposalStatus.ACCEPTED)


Meanwhile = Callable[[str, scenes.Companies, ModuleType], Awaitable[None]]


@pytest.mark.parametrize("meanwhile", [withdraw, expire, replace, use, outlive, settle])
async def test_a_link_that_no_longer_opens_anything_is_not_mailed(
    meanwhile: Meanwhile, installation: settings.Settings, clock: ModuleType
) -> None:
    who = await scenes.companies()
    offer_id = await scenes.offer_to_address(who)
    await relay.publish(clock.now())
    await meanwhile(offer_id, who, clock)
    await Worker(installation).drain()
    row = await Mail.get(template="partnership-offered")
    assert (row.status, row.sent_at, row.last_error) == (MailStatus.CANCELLED, None, "OutdatedError: ")
    assert [str(mail["Subject"]) for mail in scenes.arrived() if "offers you a partnership:" in mail["Subject"]] == []


@pytest.mark.parametrize("meanwhile", [withdraw, expire])
async def test_a_client_is_not_asked_what_is_no_longer_open(
    meanwhile: Meanwhile, installation: settings.Settings, clock: ModuleType
) -> None:
    who = await scenes.companies()
    offer_id = await scenes.offer_to_client(who)
    await relay.publish(clock.now())
    await meanwhile(offer_id, who, clock)
    await Worker(installation).drain()
    assert (await Mail.get(template="partnership-offered")).status is MailStatus.CANCELLED


async def test_of_two_sign_in_links_asked_for_in_a_row_the_newer_is_mailed(installation: settings.Settings) -> None:
    who = await scenes.companies()
    await identity.sign_in_link_send(email="clara@harbour.example", ip=None)
    await relay.publish(the_clock.now())
    await identity.sign_in_link_send(email="clara@harbour.example", ip=None)
    await Worker(installation).drain()
    newest = await Link.get(user_id=who.clara.user_id, purpose=LinkPurpose.SIGN_IN, replaced_at=None)
    rows = await Mail.all().order_by("id").values_list("link_id", "status")
    assert [status for link, status in rows if link == newest.id] == [MailStatus.SENT]
    assert [status for link, status in rows if link != newest.id] == [MailStatus.CANCELLED]
    assert len(scenes.arrived()) == 1


# ── what is logged ──


async def test_the_log_names_no_address_and_no_token(installation: settings.Settings, clock: ModuleType) -> None:
    who = await scenes.companies()
    with capture_logs() as logs:
        await scenes.offer_to_address(who)
        await Worker(installation).drain()
        folder = installation.data_dir / "mail"
        folder.rename(installation.data_dir / "elsewhere")
        block_the_maildir(installation)
        await identity.sign_in_link_send(email="clara@harbour.example", ip=None)
        await Worker(installation).drain()
    mails = {row.template: row for row in await Mail.all()}
    assert logs == [
        {
            "event": "mail.attempted",
            "log_level": "info",
            "mail": mails[template].id,
            "template": template,
            "attempt": 1,
            "status": status,
            "error": error,
        }
        for template, status, error in [
            ("partnership-offered", MailStatus.SENT, None),
            ("sign-in-link-requested", MailStatus.QUEUED, "FileExistsError"),
        ]
    ]
    assert clock.now() == conftest.MOMENT


async def test_the_maildir_is_where_the_data_is(installation: settings.Settings) -> None:
    await queue_mails(1)
    await Worker(installation).drain()
    assert sorted(path.name for path in (installation.data_dir / "mail").iterdir()) == ["cur", "new", "tmp"]
