"""The command line, as people run it: a process of its own each time."""

import asyncio
import re
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from tortoise.context import TortoiseContext

from models import database
from models.account import Account, StaffMember
from models.client import Client
from models.enums import (
    AccountStatus,
    InviteKind,
    PartnershipStatus,
    ProposalKind,
    ProposalStatus,
    SecurityRole,
    Side,
)
from models.partner import Partner
from models.partnership import Partnership
from models.proposal import Proposal
from models.sql import Dialect
from models.user import User
from tests.conftest import Copied
from tests.mailer import post_office
from tests.mailer.post_office import Office
from tests.server.processes import Started, forked, started
from tests.server.serving import LONGEST_WAIT, http, until


@pytest.fixture(scope="module")
def start(dialect: Dialect) -> Started:
    """Start a command: as people do on one database, without what is the same on the other."""
    return started if dialect is Dialect.SQLITE else forked


async def run(
    *arguments: str,
    url: str | None = None,
    data_dir: Path,
    typed: str = "",
    status: int = 0,
    start: Started = forked,
) -> tuple[str, str]:
    """Run a command to its end; what it printed and what it complained of."""
    process = await start(*arguments, url=url, data_dir=data_dir)
    async with asyncio.timeout(60):
        printed, complained = await process.communicate(typed.encode())
    assert process.returncode == status, complained.decode()
    return printed.decode(), complained.decode()


@pytest.mark.parametrize(("arguments", "start"), [(["worker"], started), (["serve", "--workers", "2"], forked)])
async def test_sqlite_serves_one_process_alone(arguments: list[str], start: Started, tmp_path: Path) -> None:
    assert await run(*arguments, url="sqlite:///x", data_dir=tmp_path, status=1, start=start) == (
        "",
        "SQLite is used by one process alone: set COUNTERSIGN_DATABASE_URL to PostgreSQL to run more.\n",
    )


async def test_a_missing_setting_is_said_in_a_sentence(tmp_path: Path) -> None:
    _, complained = await run("migrate", url="postgres://localhost/x", data_dir=tmp_path, status=1, start=started)
    assert complained == "The database is not reachable.\n"


async def test_a_database_without_its_tables_is_said_in_a_sentence(blank: str, tmp_path: Path) -> None:
    _, complained = await run("demo", url=blank, data_dir=tmp_path, status=1)
    assert complained == "The database is not migrated: run `python server.py migrate`.\n"


async def test_the_schema_is_printed_without_any_database(tmp_path: Path) -> None:
    printed, _ = await run("schema", url="postgres://nowhere.invalid/x", data_dir=tmp_path, start=started)
    assert re.search(r"^type Partnership implements Node ", printed, re.MULTILINE)


async def test_an_admin_is_made_with_a_password_or_with_a_link_that_signs_in(
    committed: str, start: Started, tmp_path: Path
) -> None:
    person = ("admin-create", "--email", "Vera@Example.com", "--name", "Vera Vendor")
    _, weak = await run(*person, "--password-stdin", url=committed, data_dir=tmp_path, typed="short\n", status=1)
    by_password, _ = await run(
        *person, "--password-stdin", url=committed, data_dir=tmp_path, typed="correct horse battery\n"
    )
    by_link, _ = await run(*person, url=committed, data_dir=tmp_path, start=start)
    vera = await User.get()
    assert weak == "Choose a password of at least 12 characters.\n"
    assert by_password == f"{vera.id}\n"
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/l/[A-Za-z0-9_-]{43}\n", by_link)
    assert (vera.email, vera.is_vendor, vera.password_hash is not None) == ("vera@example.com", True, True)


@dataclass(frozen=True)
class Demo:
    """What the command left in an empty database, and what it printed; `office` is where it might have mailed."""

    url: str
    database: TortoiseContext
    folder: Path
    office: Office
    printed: str

    @property
    def mails(self) -> int:
        return len(list((self.folder / "mail" / "new").iterdir()))


@pytest.fixture(scope="module")
async def demo(copied: Copied, start: Started, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Demo]:
    """Put demo data into an empty database, where mails could be sent."""
    folder = tmp_path_factory.mktemp("demo")
    async with copied() as url, post_office.opened() as office, database.connected(url) as context:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COUNTERSIGN_SMTP_URL", f"smtp://127.0.0.1:{office.port}")
            printed, _ = await run("demo", url=url, data_dir=folder, start=start)
        yield Demo(url, context, folder, office, printed)


@pytest.fixture
def filled(demo: Demo) -> Iterator[Demo]:
    """Read what the command left."""
    with demo.database:
        yield demo


async def test_demo_data_is_put_into_an_empty_database_once(filled: Demo) -> None:
    partnerships = await Partnership.all().order_by("id").values()
    second, _ = await run("demo", url=filled.url, data_dir=filled.folder)
    assert filled.printed == second
    assert "mara@countersign.example" in second
    assert await Partnership.all().order_by("id").values() == partnerships
    assert (await Partner.all().count(), await Client.all().count()) == (4, 6)
    assert sorted(row["status"] for row in partnerships) == sorted(
        [
            *[PartnershipStatus.ACTIVE] * 6,
            PartnershipStatus.DECLINED,
            PartnershipStatus.ENDED,
            PartnershipStatus.EXPIRED,
            *[PartnershipStatus.OFFERED] * 3,
            PartnershipStatus.WITHDRAWN,
        ]
    )
    assert [row["hidden_by_partner"] or row["hidden_by_client"] for row in partnerships].count(True) == 2
    ended = [row["id"] for row in partnerships if row["status"] is PartnershipStatus.ENDED]
    assert [row["previous_id"] for row in partnerships if row["previous_id"]] == ended
    modifications = Proposal.filter(kind=ProposalKind.MODIFICATION).order_by("id")
    assert await modifications.values_list("proposed_by_side", "status") == [
        (Side.CLIENT, ProposalStatus.EXPIRED),
        (Side.PARTNER, ProposalStatus.PARTIALLY_ACCEPTED),
        (Side.CLIENT, ProposalStatus.DECLINED),
        (Side.CLIENT, ProposalStatus.SUPERSEDED),
        (Side.PARTNER, ProposalStatus.ACCEPTED),
        (Side.PARTNER, ProposalStatus.ACCEPTED),
        (Side.CLIENT, ProposalStatus.WITHDRAWN),
        (Side.PARTNER, ProposalStatus.DRAFT),
        (Side.PARTNER, ProposalStatus.PENDING),
        (Side.PARTNER, ProposalStatus.DRAFT),
        (Side.CLIENT, ProposalStatus.DRAFT),
    ]
    staff = await StaffMember.filter(account__client__name="Harbour Foods").order_by("role")
    assert [place.role for place in staff] == sorted(SecurityRole)
    handed_over = await Account.get(status=AccountStatus.SETTING_UP)
    waiting = Proposal.filter(status=ProposalStatus.PENDING, account_id=handed_over.id)
    assert [invite.invite_kind for invite in await waiting] == [InviteKind.ACCOUNT_OWNER]
    assert filled.mails > 40


async def test_demo_data_is_mailed_to_nobody(filled: Demo) -> None:
    assert (filled.office.connections, filled.mails > 40) == (0, True)


async def test_demo_data_leaves_a_filled_database_alone(committed: str, tmp_path: Path) -> None:
    await run("admin-create", "--email", "vera@example.com", "--name", "Vera", url=committed, data_dir=tmp_path)
    printed, _ = await run("demo", url=committed, data_dir=tmp_path)
    assert printed == "The database has data already: it was left alone.\n"
    assert await User.all().count() == 1


async def test_a_server_that_is_told_to_stop_finishes_and_ends(committed: str, start: Started, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await start("serve", "--port", str(port), url=committed, data_dir=tmp_path)
    try:
        async with http(f"http://127.0.0.1:{port}") as client:

            async def answers() -> bool:
                try:
                    return (await client.get("/health/ready")).status_code == 200
                except httpx2.TransportError:
                    return False

            await until(answers)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(LONGEST_WAIT):
                await process.wait()
        took = time.monotonic() - began
    finally:
        if process.returncode is None:
            process.kill()
        _, complained = await process.communicate()
    assert (process.returncode, took < 5) == (-signal.SIGTERM, True), complained.decode()
    assert "Traceback" not in complained.decode()
