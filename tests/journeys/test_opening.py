"""Who is let into an account and what of it is read from outside, through HTTP (mission 1.4, 1.7, 1.9, 1.11)."""

from datetime import timedelta
from types import ModuleType

import pytest

import models
from domain import clock as the_clock
from models.enums import AccessStatus, AccountStatus, SecurityRole
from tests import given
from tests.journeys import judge
from tests.journeys import market as companies
from tests.journeys.market import Market
from tests.journeys.portal import Json, Person, mutation, variables

DAY = timedelta(days=1)
FOUR = ["VIEW_ACCOUNT", "MANAGE_PROJECTS", "MANAGE_CONTACTS", "MANAGE_STAFF"]
ALL = [
    *FOUR,
    "ACCEPT_PARTNER_INVITES",
    "CHANGE_OWNER",
    "VIEW_ACTIVITY_HISTORY",
    "CHANGE_SUBSCRIPTION",
    "CANCEL_ACCOUNT",
]
OPENED = "session { token expiresAt capabilities } grant { id lastOpenedAt }"
MAY = "query May($id: ID!) { account(id: $id) { viewerCapabilities } }"
HISTORY = "query History($id: ID!) { account(id: $id) { name activityHistory { totalCount nodes { topic } } } }"
FROM_OUTSIDE = """
query Outside($id: ID!) {
  account(id: $id) {
    name status usage jobsCreated client { name }
    viewerCapabilities
    staff { totalCount nodes { role user { name email } } }
    partnerAccess { totalCount nodes { status partner { name } } }
  }
}
"""


def text(moment: object) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # type: ignore[attr-defined, no-any-return]


async def grant(market: Market) -> models.AccessGrant:
    """The one of Rivals, whom Rita leads, to Harbour Foods' shop."""
    return await models.AccessGrant.get(partner_id=market.rivals)


async def ended(market: Market, status: AccessStatus) -> None:
    await models.AccessGrant.filter(partner_id=market.rivals).update(status=status)


async def manager(market: Market) -> Person:
    shop = await models.Account.get(id=market.shop)
    seat = await given.staff(shop, SecurityRole.MANAGER, await given.user("Mona Manager"))
    return await companies.signed_in(market.rita.browser, seat)


# ── opening ──


async def test_1_9_a_partner_opens_the_account_and_the_client_reads_that_it_did(
    market: Market, clock: ModuleType
) -> None:
    opened = await market.rita.does("accountOpen", OPENED, accountId=market.shop)
    session = opened.pop("session")
    assert opened == {"grant": {"id": (await grant(market)).id, "lastOpenedAt": text(clock.now())}}
    assert session == {
        "token": session["token"],
        "expiresAt": text(clock.now() + timedelta(minutes=5)),
        "capabilities": FOUR,
    }
    by_staff = await market.stan.does("accountOpen", OPENED, accountId=market.shop)
    assert (by_staff["grant"], by_staff["session"]["capabilities"]) == (None, FOUR[:2])
    assert (await market.clara.reads(HISTORY, id=market.shop))["account"]["activityHistory"] == {
        "totalCount": 2,
        "nodes": [{"topic": "account.opened"}, {"topic": "grant.opened"}],
    }


async def test_p3_an_opening_that_is_sent_twice_with_one_key_is_one_and_its_token_is_shown_once(market: Market) -> None:
    document, sent = mutation("accountOpen", OPENED), variables("accountOpen", {"accountId": market.shop})
    first = (await market.rita.sends(document, sent, idempotency_key="k1")).json()["data"]["accountOpen"]
    token = first["session"]["token"]
    async with judge.nothing_changes():
        again = await market.rita.sends(document, sent, idempotency_key="k1")
    assert again.json()["data"]["accountOpen"] == {**first, "session": None}
    assert await judge.count("account_session") == 1
    [kept] = (await judge.rows())["idempotency"]
    assert token not in str(kept)
    assert token.split(".")[1] not in str(await judge.rows())


async def test_1_9_who_may_not_open_it_is_told_why(market: Market) -> None:
    async with judge.nothing_changes():
        for person, refusal in (
            (market.vera, ("FORBIDDEN", None)),
            (market.paula, ("NOT_FOUND", ["accountId"])),
            (market.dora, ("NOT_FOUND", ["accountId"])),
            (market.oscar, ("NOT_FOUND", ["accountId"])),
        ):
            assert await person.is_refused("accountOpen", accountId=market.shop) == refusal
    for status, code in (
        (AccessStatus.DISABLED, "ACCESS_DISABLED"),
        (AccessStatus.EXPIRED, "ACCESS_EXPIRED"),
        (AccessStatus.DISCONNECTED, "NOT_CONNECTED"),
    ):
        await ended(market, status)
        async with judge.nothing_changes():
            assert await market.rita.is_refused("accountOpen", accountId=market.shop) == (code, ["accountId"])
    await models.Account.filter(id=market.shop).update(status=AccountStatus.CANCELLED)
    async with judge.nothing_changes():
        assert await market.clara.is_refused("accountOpen", accountId=market.shop) == ("WRONG_STATE", ["accountId"])


async def test_1_9_the_keys_that_verify_it_are_published(market: Market) -> None:
    keys = (await market.rita.browser.get("/.well-known/jwks.json")).json()["keys"]
    assert {key.get("alg") for key in keys} == {None, "EdDSA"}
    assert not any("d" in key for key in keys)


# ── what one may do ──


async def test_1_7_capabilities_are_those_that_the_verbs_ask_for(market: Market) -> None:
    mona = await manager(market)
    for person, capabilities in (
        (market.clara, ALL),
        (mona, [*FOUR, "VIEW_ACTIVITY_HISTORY"]),
        (market.stan, FOUR[:2]),
        (market.rita, FOUR),
        (market.vera, []),
    ):
        assert await person.reads(MAY, id=market.shop) == {"account": {"viewerCapabilities": capabilities}}
    for status in (AccessStatus.DISABLED, AccessStatus.EXPIRED):
        await ended(market, status)
        assert await market.rita.reads(MAY, id=market.shop) == {"account": {"viewerCapabilities": []}}


async def test_1_7_a_place_at_another_company_counts_only_in_its_own_seat(market: Market) -> None:
    """Rita works in the shop herself, beside leading the partner: as the partner she may do what a partner may."""
    rita = await models.Seat.get(user__email=market.rita.address)
    await models.StaffMember.create(
        account_id=market.shop, user_id=rita.user_id, role=SecurityRole.ACCOUNT_OWNER, joined_at=the_clock.now()
    )
    assert await market.rita.reads(MAY, id=market.shop) == {"account": {"viewerCapabilities": FOUR}}


async def test_1_7_the_activity_history_is_for_those_whose_role_comes_with_it(market: Market) -> None:
    await market.rita.does("accountOpen", accountId=market.shop)
    mona = await manager(market)
    for person in (market.clara, mona, market.vera):
        assert (await person.reads(HISTORY, id=market.shop))["account"]["activityHistory"]["totalCount"] == 1
    # Null without an error: the siblings are answered.
    assert await market.stan.reads(HISTORY, id=market.shop) == {
        "account": {"name": "Main shop", "activityHistory": None}
    }
    answer: Json = (await market.rita.sends(HISTORY, {"id": market.shop})).json()
    assert answer["data"] == {"account": {"name": "Main shop", "activityHistory": None}}
    [error] = answer["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["account", "activityHistory"], "FORBIDDEN")


async def test_1_9_that_staff_opened_it_is_no_partner_s_to_read(market: Market) -> None:
    await market.stan.does("accountOpen", accountId=market.shop)
    assert not [event for event in await models.Event.filter(topic="account.opened") if event.partner_id]
    [event] = await models.Event.filter(topic="account.opened")
    read = "query Read($id: ID!) { node(id: $id) { id } }"
    assert await market.rita.reads(read, id=event.id) == {"node": None}
    assert await market.clara.reads(read, id=event.id) == {"node": {"id": event.id}}


# ── from outside ──


@pytest.mark.parametrize("status", [AccessStatus.EXPIRED, AccessStatus.DISABLED])
async def test_1_6_without_access_a_partner_reads_what_it_needs_to_ask_for_it(
    market: Market, status: AccessStatus
) -> None:
    await given.grant(
        await given.partnership(await given.partner("Third"), await models.Client.get(id=market.harbour)),
        await models.Account.get(id=market.shop),
    )
    within = (await market.rita.reads(FROM_OUTSIDE, id=market.shop))["account"]
    assert [(each["role"], each["user"]["email"]) for each in within["staff"]["nodes"]] == [
        ("ACCOUNT_OWNER", market.clara.address),
        ("STAFF", market.stan.address),
    ]
    await ended(market, status)
    assert (await market.rita.reads(FROM_OUTSIDE, id=market.shop))["account"] == {
        "name": "Main shop",
        "status": "ACTIVE",
        "usage": "INACTIVE",
        "jobsCreated": 0,
        "client": {"name": "Harbour Foods"},
        "viewerCapabilities": [],
        "staff": {"totalCount": 0, "nodes": []},
        "partnerAccess": {"totalCount": 1, "nodes": [{"status": status.value, "partner": {"name": "Rivals"}}]},
    }


async def test_1_6_without_access_no_address_of_the_staff_is_read_where_its_name_still_stands(market: Market) -> None:
    clara = await models.User.get(email=market.clara.address)
    partnership = await models.Partnership.get(partner_id=market.rivals)
    event = await models.Event.create(
        stream=partnership.id,
        version=1,
        topic="partnership.accepted",
        actor=clara,
        visible_to="BOTH",
        changes=[],
        salt="0" * 64,
        commitment="0" * 64,
        digest="0" * 64,
        at=the_clock.now(),
        partnership_id=partnership.id,
        partner_id=market.rivals,
        client_id=market.harbour,
    )
    read = "query Read($id: ID!) { node(id: $id) { ... on Event { actor { name email } } } }"
    named = {"name": "Clara Client"}
    assert await market.rita.reads(read, id=event.id) == {"node": {"actor": {**named, "email": clara.email}}}
    for close in (_disabled, _over):
        await close(market)
        assert await market.rita.reads(read, id=event.id) == {"node": {"actor": {**named, "email": None}}}


async def _disabled(market: Market) -> None:
    await ended(market, AccessStatus.DISABLED)


async def _over(market: Market) -> None:
    await models.AccessGrant.filter(partner_id=market.rivals).update(
        status=AccessStatus.ENABLED, expires_at=the_clock.now()
    )


@pytest.mark.parametrize(
    ("ago", "usage"),
    [
        (None, "INACTIVE"),
        (7 * DAY, "INACTIVE"),
        (7 * DAY - timedelta(microseconds=1), "ACTIVE"),
        (timedelta(), "ACTIVE"),
    ],
)
async def test_1_11_an_account_is_active_while_its_last_job_was_within_7_days(
    market: Market, clock: ModuleType, ago: timedelta | None, usage: str
) -> None:
    await models.Account.filter(id=market.shop).update(last_job_at=None if ago is None else clock.now() - ago)
    read = "query Usage($id: ID!) { account(id: $id) { usage } accounts { nodes { id usage } } }"
    for person in (market.rita, market.clara):
        answer = await person.reads(read, id=market.shop)
        assert answer["account"] == {"usage": usage}
        assert {"id": market.shop, "usage": usage} in answer["accounts"]["nodes"]
