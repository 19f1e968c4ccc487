"""Jobs: the total so far, and what happens when it reaches 100 (mission 1.3, 1.10)."""

from datetime import timedelta
from types import ModuleType

import pytest

import models
from domain import connections, jobs
from models.enums import AccessStatus, AccountStatus, Audience, UserErrorCode
from tests import given
from tests.domain.refusals import columns, everything, refused

pytestmark = pytest.mark.usefixtures("database", "clock")

DAY = timedelta(days=1)
IDLE = timedelta(days=60)


async def shop(**of_account: object) -> models.Account:
    return await given.account(await given.client(), **of_account)  # type: ignore[arg-type]


async def connected(account: models.Account, name: str = "Northwind", **of_grant: object) -> models.AccessGrant:
    client = await models.Client.get(id=account.client_id)
    return await given.grant(await given.partnership(await given.partner(name), client), account, **of_grant)


async def told() -> list[tuple[object, ...]]:
    events = await models.Event.all().order_by("id")
    return [(e.topic, e.stream, e.subject, e.visible_to, e.account_id, e.client_id, e.changes) for e in events]


async def test_jobs_are_the_total_so_far(clock: ModuleType) -> None:
    account, vendor = await shop(jobs_created=7), await given.admin()
    assert await jobs.record(by=vendor, account_id=account.id, jobs_created=40) == account.id
    assert columns(await models.Account.get(id=account.id)) == {
        **columns(account),
        "jobs_created": 40,
        "last_job_at": clock.now(),
    }
    counted = [{"field": "jobsCreated", "before": "7", "after": "40"}]
    assert await told() == [
        ("jobs.recorded", account.id, account.id, Audience.VENDOR, account.id, account.client_id, counted)
    ]


async def test_the_same_total_again_changes_nothing() -> None:
    account, vendor = await shop(jobs_created=40), await given.admin()
    before = await everything()
    assert await jobs.record(by=vendor, account_id=account.id, jobs_created=40) == account.id
    assert await everything() == before


async def test_a_total_never_falls() -> None:
    account, vendor = await shop(jobs_created=40), await given.admin()
    async with refused(UserErrorCode.WRONG_STATE, "jobsCreated"):
        await jobs.record(by=vendor, account_id=account.id, jobs_created=39)


@pytest.mark.parametrize("total", [-1, 2**31])
async def test_what_is_no_total_is_invalid(total: int) -> None:
    account, vendor = await shop(), await given.admin()
    async with refused(UserErrorCode.INVALID, "jobsCreated"):
        await jobs.record(by=vendor, account_id=account.id, jobs_created=total)


async def test_a_cancelled_account_creates_no_jobs() -> None:
    account, vendor = await shop(status=AccountStatus.CANCELLED), await given.admin()
    async with refused(UserErrorCode.WRONG_STATE, "accountId"):
        await jobs.record(by=vendor, account_id=account.id, jobs_created=1)


async def test_only_the_vendor_counts() -> None:
    account, vendor = await shop(), await given.admin()
    owner = await given.staff(account)
    async with refused(UserErrorCode.FORBIDDEN):
        await jobs.record(by=owner, account_id=account.id, jobs_created=1)
    async with refused(UserErrorCode.NOT_FOUND, "accountId"):
        await jobs.record(by=vendor, account_id="account_none", jobs_created=1)


async def test_1_3_the_clock_starts_at_100_jobs_for_everybody_who_has_access(clock: ModuleType) -> None:
    account, vendor = await shop(jobs_created=99), await given.admin()
    opened = await connected(account, "Opened", connected_at=clock.now() - 9 * DAY, last_opened_at=clock.now() - DAY)
    fresh = await connected(account, "Fresh")
    disabled = await connected(account, "Disabled", status=AccessStatus.DISABLED)
    gone = await connected(account, "Gone", status=AccessStatus.DISCONNECTED, connected_at=clock.now() - 90 * DAY)
    elsewhere = await connected(await shop())
    clock.advance(DAY)
    await jobs.record(by=vendor, account_id=account.id, jobs_created=100)
    now = clock.now()
    stored = {grant.id: columns(grant) for grant in await models.AccessGrant.all()}
    started = {"expires_at": now + IDLE, "until_at": now + IDLE}
    assert stored == {
        opened.id: {**columns(opened), **started, "is_earliest": True},
        fresh.id: {**columns(fresh), **started},
        disabled.id: columns(disabled),
        gone.id: columns(gone),
        elsewhere.id: columns(elsewhere),
    }
    assert (await models.Account.get(id=account.id)).activated_at == now
    about = account.id, account.client_id
    assert [event[:6] for event in await told()] == [
        ("jobs.recorded", account.id, account.id, Audience.VENDOR, *about),
        ("account.activated", account.id, account.id, Audience.BOTH, *about),
    ]


async def test_1_3_the_clock_starts_once(clock: ModuleType) -> None:
    account, vendor = await shop(jobs_created=99), await given.admin()
    grant = await connected(account)
    await jobs.record(by=vendor, account_id=account.id, jobs_created=250)
    clock.advance(DAY)
    await jobs.record(by=vendor, account_id=account.id, jobs_created=251)
    started = clock.now() - DAY
    assert (await models.Account.get(id=account.id)).activated_at == started
    assert (await models.AccessGrant.get(id=grant.id)).expires_at == started + IDLE
    assert [event[0] for event in await told()] == ["jobs.recorded", "account.activated", "jobs.recorded"]


async def test_1_10_of_two_connected_at_one_moment_the_first_row_is_the_earliest(clock: ModuleType) -> None:
    account, vendor = await shop(), await given.admin()
    first, second = await connected(account, "First"), await connected(account, "Second")
    await jobs.record(by=vendor, account_id=account.id, jobs_created=100)
    earliest = {grant.id: grant.is_earliest for grant in await models.AccessGrant.all()}
    assert earliest == {first.id: True, second.id: False}


async def test_an_account_without_partners_is_activated_too() -> None:
    account, vendor = await shop(), await given.admin()
    await jobs.record(by=vendor, account_id=account.id, jobs_created=100)
    assert [event[0] for event in await told()] == ["jobs.recorded", "account.activated"]


async def test_until_then_nothing_expires() -> None:
    account, vendor = await shop(), await given.admin()
    grant = await connected(account)
    await jobs.record(by=vendor, account_id=account.id, jobs_created=99)
    kept = await models.AccessGrant.get(id=grant.id)
    assert (kept.expires_at, kept.until_at, kept.is_earliest) == (None, connections.NEVER, False)
