"""Two partners on one account: who earns, why the other does not, and what each reads of it (mission 1.10, 1.11)."""

from datetime import timedelta
from types import ModuleType

import models
from tests import given
from tests.journeys import judge
from tests.journeys.market import Market
from tests.journeys.portal import Json, Person

DAY = timedelta(days=1)
COMPANY = """
query Company($id: ID!) {
  partner(id: $id) {
    revenueShare statusCredits
    commissions { totalCount nodes { amount currency payment rate earnedAt account { name } } }
  }
}
"""
CLIENT_LIST = """
query List($search: String, $status: [AccessStatus!], $usage: UsageStatus, $orderBy: AccessGrantOrder) {
  viewer { accessGrants(search: $search, status: $status, usage: $usage, orderBy: $orderBy) {
    totalCount nodes { status account { name } revenueShare { eligible reason } }
  } }
}
"""
STAFF_LIST = """
query Staff($id: ID!) {
  account(id: $id) {
    staff { nodes { role user { name } } }
    partnerAccess { nodes { status lastOpenedAt expiresAt partner { name } } }
  }
}
"""
PAYMENT = {"currency": "EUR", "paidOn": "2026-11-21"}
COMMISSION = "commissions { amount currency payment rate account { name } }"


async def reason(of: Person) -> str:
    """Why a partner's only connection earns, or does not."""
    [grant] = (await of.reads(CLIENT_LIST))["viewer"]["accessGrants"]["nodes"]
    share = grant["revenueShare"]
    assert share["eligible"] is (share["reason"] == "ELIGIBLE")
    return str(share["reason"])


async def pays(market: Market, reference: str, amount: str = "100.00") -> list[Json]:
    paid = await market.vera.does(
        "paymentRecord", COMMISSION, accountId=market.shop, amount=amount, reference=reference, **PAYMENT
    )
    commissions: list[Json] = paid["commissions"]
    return commissions


async def joined(market: Market) -> None:
    """Connect Northwind to the shop too, a day after Rivals."""
    shop = await models.Account.get(id=market.shop)
    between = await given.partnership(
        await models.Partner.get(id=market.northwind), await models.Client.get(id=market.harbour)
    )
    await given.grant(between, shop)


async def agrees(market: Market, partner: str, share: str | None) -> None:
    await market.vera.does("partnerRevenueShareSet", partnerId=partner, rate=share)


async def test_1_10_of_two_partners_the_one_connected_earliest_earns(market: Market, clock: ModuleType) -> None:
    clock.advance(DAY)
    await joined(market)
    assert (await reason(market.rita), await reason(market.paula)) == ("NO_SHARE_AGREED", "NO_SHARE_AGREED")
    await agrees(market, market.rivals, "0.15")
    await agrees(market, market.northwind, "0.5")
    assert (await reason(market.rita), await reason(market.paula)) == ("WAITING_FOR_JOBS", "WAITING_FOR_JOBS")
    assert await pays(market, "INV-1") == []
    jobs = await market.vera.does("jobsRecord", "account { jobsCreated }", accountId=market.shop, jobsCreated=100)
    assert jobs == {"account": {"jobsCreated": 100}}
    assert (await reason(market.rita), await reason(market.paula)) == ("ELIGIBLE", "ANOTHER_PARTNER_FIRST")
    earned = {
        "amount": "15.00",
        "currency": "EUR",
        "payment": "99.99",
        "rate": "0.15",
        "account": {"name": "Main shop"},
    }
    assert await pays(market, "INV-2", "99.99") == [earned]
    # Sent again, it is the same payment; with other details it is none.
    assert await pays(market, "INV-2", "99.99") == [earned]
    other = {"accountId": market.shop, "amount": "100", "reference": "INV-2", **PAYMENT}
    assert await market.vera.is_refused("paymentRecord", **other) == ("CONFLICT", ["reference"])
    now = clock.now().isoformat(timespec="microseconds")[:26] + "Z"
    assert (await market.rita.reads(COMPANY, id=market.rivals))["partner"] == {
        "revenueShare": "0.15",
        "statusCredits": 1,
        "commissions": {"totalCount": 1, "nodes": [{**earned, "earnedAt": now}]},
    }
    assert (await market.paula.reads(COMPANY, id=market.northwind))["partner"] == {
        "revenueShare": "0.5",
        "statusCredits": 1,
        "commissions": {"totalCount": 0, "nodes": []},
    }
    assert await market.paula.reads(COMPANY, id=market.rivals) == {"partner": None}
    # The earlier one goes: nobody takes its place, and whoever comes back comes too late.
    await models.AccessGrant.filter(partner_id=market.rivals).update(status="DISCONNECTED")
    assert await reason(market.paula) == "ANOTHER_PARTNER_FIRST"
    assert await pays(market, "INV-3") == []
    [former] = await models.AccessGrant.filter(partner_id=market.rivals)
    read = "query Grant($id: ID!) { node(id: $id) { ... on AccessGrant { revenueShare { reason } } } }"
    assert (await market.rita.reads(read, id=former.id))["node"] == {"revenueShare": {"reason": "DISCONNECTED"}}
    clock.advance(DAY)
    await given.grant(await models.Partnership.get(id=former.partnership_id), await models.Account.get(id=market.shop))
    assert await reason(market.rita) == "CONNECTED_TOO_LATE"


async def test_1_10_what_a_partner_earns_is_its_own_and_the_vendors_to_read(market: Market) -> None:
    await agrees(market, market.rivals, "0.15")
    await market.vera.does("jobsRecord", accountId=market.shop, jobsCreated=150)
    await pays(market, "INV-1")
    assert (await market.vera.reads(COMPANY, id=market.rivals))["partner"]["commissions"]["totalCount"] == 1
    for denied in ("revenueShare", "statusCredits", "commissions { totalCount }"):
        answer = await market.clara.sends(f'{{ partner(id: "{market.rivals}") {{ name {denied} }} }}')
        assert [error["extensions"] for error in answer.json()["errors"]] == [{"code": "FORBIDDEN"}]
    [grant] = await models.AccessGrant.filter(partner_id=market.rivals)
    answer = await market.clara.sends(
        "query Grant($id: ID!) { node(id: $id) { ... on AccessGrant { revenueShare { reason } } } }", {"id": grant.id}
    )
    assert [error["extensions"] for error in answer.json()["errors"]] == [{"code": "FORBIDDEN"}]


async def test_1_10_only_the_vendor_says_what_a_partner_earns(market: Market) -> None:
    async with judge.nothing_changes():
        for rate in ("0.9", None):
            given_ = {"partnerId": market.northwind, "rate": rate}
            assert await market.paula.is_refused("partnerRevenueShareSet", **given_) == ("FORBIDDEN", None)
        for rate in ("1.1", "-0.1", "0.1234567"):
            given_ = {"partnerId": market.northwind, "rate": rate}
            assert await market.vera.is_refused("partnerRevenueShareSet", **given_) == ("INVALID", ["rate"])


async def test_1_11_the_client_list_is_searched_filtered_and_sorted(market: Market, clock: ModuleType) -> None:
    harbour, island = [await models.Client.get(id=each) for each in (market.harbour, market.island)]
    northwind = await models.Partner.get(id=market.northwind)
    store, desk = [await models.Account.get(id=each) for each in (market.store, market.desk)]
    at_harbour, at_island = await given.partnership(northwind, harbour), await given.partnership(northwind, island)
    now = clock.now()
    await given.grant(at_harbour, store, last_opened_at=now, expires_at=now + 9 * DAY)
    await given.grant(at_island, desk, last_opened_at=now - DAY, expires_at=now)
    await given.grant(at_harbour, await models.Account.get(id=market.shop), connected_at=now - 2 * DAY)
    await given.grant(at_harbour, await given.account(harbour, "Gone"), status="DISCONNECTED")
    await models.Account.filter(id=market.desk).update(last_job_at=now)

    async def listed(**which: object) -> list[str]:
        page = (await market.pia.reads(CLIENT_LIST, **which))["viewer"]["accessGrants"]
        assert page["totalCount"] == len(page["nodes"])
        return [grant["account"]["name"] for grant in page["nodes"]]

    assert await listed() == ["Store", "Front desk", "Main shop"]
    assert await listed(orderBy="LAST_OPENED") == ["Store", "Front desk", "Main shop"]
    assert await listed(orderBy="NAME") == ["Front desk", "Main shop", "Store"]
    assert await listed(orderBy="EXPIRES") == ["Front desk", "Store", "Main shop"]
    assert await listed(search="ISLAND") == ["Front desk"]
    assert await listed(search="sto") == ["Store"]
    assert await listed(usage="ACTIVE") == ["Front desk"]
    assert await listed(usage="INACTIVE") == ["Store", "Main shop"]
    assert await listed(status=["EXPIRED"]) == ["Front desk"]
    assert await listed(status=["ENABLED", "DISABLED"]) == ["Store", "Main shop"]
    assert await listed(status=["ENABLED"], search="harbour", usage="INACTIVE", orderBy="NAME") == [
        "Main shop",
        "Store",
    ]
    bar = "query Bar($by: AccountOrder) { viewer { accounts(orderBy: $by) { nodes { name } } } }"
    by_opening = (await market.pia.reads(bar, by="LAST_OPENED"))["viewer"]["accounts"]["nodes"]
    assert [account["name"] for account in by_opening] == ["Store", "Front desk", "Main shop"]


async def test_1_11_the_client_list_is_a_partners(market: Market) -> None:
    for person in (market.clara, market.vera):
        answer = await person.sends(CLIENT_LIST)
        assert [error["extensions"] for error in answer.json()["errors"]] == [{"code": "FORBIDDEN"}]


async def test_1_11_the_staff_list_holds_staff_and_every_partner(market: Market, clock: ModuleType) -> None:
    await joined(market)
    now = clock.now()
    await models.AccessGrant.filter(partner_id=market.rivals).update(last_opened_at=now - DAY, expires_at=now)
    listed = (await market.stan.reads(STAFF_LIST, id=market.shop))["account"]
    staff = [(member["role"], member["user"]["name"]) for member in listed["staff"]["nodes"]]
    assert staff == [("ACCOUNT_OWNER", "Clara Client"), ("STAFF", "Stan Staff")]
    assert listed["partnerAccess"]["nodes"] == [
        {
            "status": "EXPIRED",
            "lastOpenedAt": "2026-11-20T20:46:00.000000Z",
            "expiresAt": "2026-11-21T20:46:00.000000Z",
            "partner": {"name": "Rivals"},
        },
        {"status": "ENABLED", "lastOpenedAt": None, "expiresAt": None, "partner": {"name": "Northwind"}},
    ]
