"""Payments, and the commissions that partners earn by them (mission 1.10)."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from types import ModuleType

import pytest

import models
from domain import jobs, payments
from domain.seats import Seat
from models.enums import AccessStatus, Audience, UserErrorCode
from models.payment import Commission, Payment
from tests import given
from tests.domain.refusals import columns, everything, refused

pytestmark = pytest.mark.usefixtures("database", "clock")

DAY = timedelta(days=1)
PAID_ON = date(2026, 11, 20)


@dataclass
class Earning:
    """An account of 100 jobs to which two partners are connected, and the vendor."""

    account: models.Account
    earliest: models.AccessGrant
    later: models.AccessGrant
    vendor: Seat

    async def pay(self, amount: str = "100.00", reference: str = "INV-1", **given_columns: object) -> str:
        details = {"account_id": self.account.id, "currency": "EUR", "paid_on": PAID_ON, **given_columns}
        return await payments.record(by=self.vendor, amount=Decimal(amount), reference=reference, **details)  # type: ignore[arg-type]


@pytest.fixture
async def earning(clock: ModuleType) -> Earning:
    client, vendor = await given.client(), await given.admin()
    account = await given.account(client)
    first = await given.partner("First", revenue_share_ppm=150_000)
    second = await given.partner("Second", revenue_share_ppm=500_000)
    earliest = await given.grant(await given.partnership(first, client), account)
    clock.advance(DAY)
    later = await given.grant(await given.partnership(second, client), account)
    await jobs.record(by=vendor, account_id=account.id, jobs_created=100)
    clock.advance(DAY)
    return Earning(account, earliest, later, vendor)


async def earned() -> list[tuple[str, int, str]]:
    return [(row.partner_id, row.amount, row.currency) for row in await Commission.all().order_by("id")]


async def told(topic: str) -> list[tuple[object, ...]]:
    events = await models.Event.filter(topic=topic).order_by("id")
    return [(e.stream, e.subject, e.visible_to, e.partner_id, e.client_id, e.account_id, e.changes) for e in events]


def shown(**values: str) -> list[dict[str, str | None]]:
    return [{"field": name, "before": None, "after": value} for name, value in values.items()]


async def test_1_10_the_partner_connected_earliest_earns_its_share(earning: Earning, clock: ModuleType) -> None:
    payment_id = await earning.pay("99.99")
    payment, commission = await Payment.get(), await Commission.get()
    account, partner_id = earning.account, earning.earliest.partner_id
    assert columns(payment) == {
        "id": payment_id,
        "account_id": account.id,
        "reference": "INV-1",
        "amount": 9999,
        "currency": "EUR",
        "paid_on": PAID_ON,
        "recorded_at": clock.now(),
    }
    assert columns(commission) == {
        "id": commission.id,
        "partner_id": partner_id,
        "account_id": account.id,
        "grant_id": earning.earliest.id,
        "payment_id": payment_id,
        "paid": 9999,
        "amount": 1500,
        "currency": "EUR",
        "rate_ppm": 150_000,
        "earned_at": clock.now(),
    }
    paid = shown(amount="99.99", currency="EUR", paidOn="2026-11-20", reference="INV-1")
    assert await told("payment.recorded") == [
        (account.id, payment_id, Audience.VENDOR, None, account.client_id, account.id, paid)
    ]
    details = shown(amount="15.00", currency="EUR", payment="99.99", rate="0.15")
    assert await told("commission.earned") == [
        (partner_id, commission.id, Audience.PARTNER, partner_id, None, account.id, details)
    ]


async def test_a_payment_is_recorded_once_for_each_reference(earning: Earning) -> None:
    first = await earning.pay()
    before = await everything()
    assert await earning.pay("100", " INV-1 ", currency="eur") == first
    assert await everything() == before


@pytest.mark.parametrize(
    "other", [{"amount": "100.01"}, {"currency": "USD"}, {"paid_on": PAID_ON + DAY}, {"account_id": "another"}]
)
async def test_a_reference_belongs_to_one_payment(earning: Earning, other: dict[str, str]) -> None:
    await earning.pay()
    if "account_id" in other:
        other = {"account_id": (await given.account(await given.client())).id}
    async with refused(UserErrorCode.CONFLICT, "reference"):
        await earning.pay(**other)


@pytest.mark.parametrize(
    ("given_columns", "field"),
    [
        ({"amount": "0"}, "amount"),
        ({"amount": "-1"}, "amount"),
        ({"amount": "0.001"}, "amount"),
        ({"currency": "EURO"}, "currency"),
        ({"reference": " "}, "reference"),
    ],
)
async def test_what_is_no_payment_is_invalid(earning: Earning, given_columns: dict[str, str], field: str) -> None:
    async with refused(UserErrorCode.INVALID, field):
        await earning.pay(**given_columns)


async def test_only_the_vendor_records_payments(earning: Earning) -> None:
    owner = await given.staff(earning.account)
    async with refused(UserErrorCode.NOT_FOUND, "accountId"):
        await earning.pay(account_id="account_none")
    async with refused(UserErrorCode.FORBIDDEN):
        earning.vendor = owner
        await earning.pay()


@pytest.mark.parametrize("status", [AccessStatus.DISABLED, AccessStatus.EXPIRED])
async def test_1_4_a_commission_does_not_ask_for_access(earning: Earning, status: AccessStatus) -> None:
    await models.AccessGrant.filter(id=earning.earliest.id).update(status=status)
    await earning.pay()
    assert await earned() == [(earning.earliest.partner_id, 1500, "EUR")]


async def test_1_5_who_is_disconnected_earns_nothing_more_and_nobody_in_its_place(earning: Earning) -> None:
    await earning.pay()
    await models.AccessGrant.filter(id=earning.earliest.id).update(status=AccessStatus.DISCONNECTED)
    await earning.pay(reference="INV-2")
    assert await earned() == [(earning.earliest.partner_id, 1500, "EUR")]
    assert await Payment.all().count() == 2


async def test_without_a_share_agreed_nothing_is_earned(earning: Earning) -> None:
    await models.Partner.filter(id=earning.earliest.partner_id).update(revenue_share_ppm=None)
    await earning.pay()
    assert await earned() == []


async def test_the_share_is_that_of_the_moment(earning: Earning) -> None:
    await earning.pay()
    await models.Partner.filter(id=earning.earliest.partner_id).update(revenue_share_ppm=1_000_000)
    await earning.pay(reference="INV-2")
    assert [amount for _, amount, _ in await earned()] == [1500, 10_000]


async def test_what_rounds_to_nothing_is_no_commission(earning: Earning) -> None:
    await earning.pay("0.03")
    await earning.pay("0.04", reference="INV-2")
    assert [amount for _, amount, _ in await earned()] == [1]


async def test_before_100_jobs_nobody_earns(earning: Earning) -> None:
    account = await given.account(await models.Client.get(id=earning.account.client_id), "Annex")
    await given.grant(await models.Partnership.get(id=earning.earliest.partnership_id), account)
    await earning.pay(account_id=account.id)
    assert await earned() == []
