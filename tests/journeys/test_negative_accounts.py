"""What must not happen to an account: refused with its exact code at its exact input, and nothing has changed."""

import asyncio

import pytest

import models
from models.enums import AccessStatus, SecurityRole
from tests import given
from tests.journeys import judge
from tests.journeys import market as companies
from tests.journeys.market import Market
from tests.journeys.portal import Json, Person, mutation

SUBSCRIBED = {"plan": "Agency", "price": "49.90", "currency": "EUR"}
DENIED = {
    "accountOwnerChange": "CAPABILITY_DENIED",
    "accountSubscriptionChange": "CAPABILITY_DENIED",
    "accountCancel": "CAPABILITY_DENIED",
}


async def _place(of: Person, account: str) -> str:
    user = await models.User.get(email=of.address)
    return (await models.StaffMember.get(user_id=user.id, account_id=account, removed_at=None)).id


async def _manager(market: Market) -> Person:
    shop = await models.Account.get(id=market.shop)
    mia = await given.user("Mia Manager", email="mia@clients.example")
    return await companies.signed_in(market.clara.browser, await given.staff(shop, SecurityRole.MANAGER, mia))


async def _the_owners_verbs(market: Market, person: Person) -> dict[str, tuple[str, list[str] | None]]:
    """Try what only an owner may; how each was refused."""
    stan = await _place(market.stan, market.shop)
    return {
        "accountOwnerChange": await person.is_refused("accountOwnerChange", accountId=market.shop, staffId=stan),
        "accountSubscriptionChange": await person.is_refused(
            "accountSubscriptionChange", accountId=market.shop, **SUBSCRIBED
        ),
        "accountCancel": await person.is_refused("accountCancel", accountId=market.shop, reason="X"),
    }


# ── the five that a partner never may (mission 1.7) ──


@pytest.mark.parametrize("access", [AccessStatus.ENABLED, AccessStatus.EXPIRED, AccessStatus.DISABLED])
async def test_1_7_a_partner_never_changes_owner_or_subscription_nor_cancels(
    market: Market, access: AccessStatus
) -> None:
    await models.AccessGrant.filter(account_id=market.shop).update(status=access)
    async with judge.nothing_changes():
        refused = await _the_owners_verbs(market, market.rita)
        assert refused == {verb: (code, ["accountId"]) for verb, code in DENIED.items()}


async def test_1_1_a_partner_answers_no_other_partner_s_offer_inside_an_account(market: Market) -> None:
    offer = (await companies.offer(market))["offer"]["id"]
    async with judge.nothing_changes():
        for verb in ("proposalAccept", "proposalDecline"):
            assert await market.rita.is_refused(verb, proposalId=offer) == ("NOT_FOUND", ["proposalId"])


async def test_1_7_what_a_partner_never_reads_is_denied_by_any_path_and_its_siblings_are_answered(
    market: Market,
) -> None:
    await models.Account.filter(id=market.shop).update(plan="Agency", price=4990, currency="EUR")
    closed = "activityHistory { totalCount } subscription { plan price currency renewsOn } owner { name }"
    read = f"""query Read($id: ID!) {{
      account(id: $id) {{ name {closed} viewerCapabilities }}
      accounts {{ nodes {{ name subscription {{ price }} client {{ accounts {{ nodes {{ name {closed} }} }} }} }} }}
      node(id: $id) {{ ... on Account {{ paid: subscription {{ plan }} status }} }}
    }}"""
    answer = (await market.rita.sends(read, {"id": market.shop})).json()
    nothing = dict.fromkeys(("activityHistory", "subscription", "owner"))
    assert answer["data"] == {
        "account": {
            "name": "Main shop",
            **nothing,
            "viewerCapabilities": ["VIEW_ACCOUNT", "MANAGE_PROJECTS", "MANAGE_CONTACTS", "MANAGE_STAFF"],
        },
        "accounts": {
            "nodes": [
                {
                    "name": "Main shop",
                    "subscription": None,
                    "client": {"accounts": {"nodes": [{"name": "Main shop", **nothing}]}},
                }
            ]
        },
        "node": {"paid": None, "status": "ACTIVE"},
    }
    inside = ["accounts", "nodes", 0, "client", "accounts", "nodes", 0]
    denied = [error["path"] for error in answer["errors"] if error["extensions"] == {"code": "FORBIDDEN"}]
    assert sorted(denied, key=str) == sorted(
        [
            *(["account", name] for name in nothing),
            ["accounts", "nodes", 0, "subscription"],
            *([*inside, name] for name in nothing),
            ["node", "paid"],
        ],
        key=str,
    )
    # To the client itself and to the vendor it is exact, and in the currency's own units.
    document = "query Read($id: ID!) { account(id: $id) { subscription { plan price currency renewsOn } } }"
    for person in (market.clara, market.stan, market.vera):
        assert (await person.reads(document, id=market.shop))["account"]["subscription"] == {
            "plan": "Agency",
            "price": "49.90",
            "currency": "EUR",
            "renewsOn": None,
        }


async def test_an_account_without_a_plan_has_no_subscription(market: Market) -> None:
    document = "query Read($id: ID!) { account(id: $id) { name subscription { plan } } }"
    for person in (market.clara, market.vera):
        read = await person.reads(document, id=market.shop)
        assert read["account"] == {"name": "Main shop", "subscription": None}


# ── everybody else ──


async def test_1_7_manager_and_staff_are_denied_what_is_the_owners(market: Market) -> None:
    mia = await _manager(market)
    async with judge.nothing_changes():
        for person in (mia, market.stan):
            refused = await _the_owners_verbs(market, person)
            assert refused == {verb: (code, ["accountId"]) for verb, code in DENIED.items()}


async def test_to_strangers_the_account_and_its_staff_do_not_exist(market: Market) -> None:
    stan = await _place(market.stan, market.shop)
    async with judge.nothing_changes():
        for person in (market.paula, market.dora, market.oscar):
            refused = await _the_owners_verbs(market, person)
            assert refused == {verb: ("NOT_FOUND", ["accountId"]) for verb in DENIED}
            assert await person.is_refused("staffRemove", staffId=stan) == ("NOT_FOUND", ["staffId"])
            assert await person.is_refused("staffRoleSet", staffId=stan, role="MANAGER") == ("NOT_FOUND", ["staffId"])
            refused_invite = await person.is_refused(
                "staffInvite", accountId=market.shop, email="x@x.example", role="STAFF"
            )
            assert refused_invite == ("NOT_FOUND", ["accountId"])


async def test_1_7_only_an_owner_makes_an_owner(market: Market) -> None:
    mia, stan = await _manager(market), await _place(market.stan, market.shop)
    async with judge.nothing_changes():
        for person in (market.rita, mia):
            refused = await person.is_refused("staffRoleSet", staffId=stan, role="ACCOUNT_OWNER")
            assert refused == ("CAPABILITY_DENIED", ["role"])
            refused = await person.is_refused(
                "staffInvite", accountId=market.shop, email="x@x.example", role="ACCOUNT_OWNER"
            )
            assert refused == ("CAPABILITY_DENIED", ["role"])
            owner = await _place(market.clara, market.shop)
            assert await person.is_refused("staffRemove", staffId=owner) == ("CAPABILITY_DENIED", ["staffId"])
        assert await market.stan.is_refused("staffRemove", staffId=stan) == ("CAPABILITY_DENIED", ["staffId"])


@pytest.mark.parametrize(
    ("access", "code"), [(AccessStatus.EXPIRED, "ACCESS_EXPIRED"), (AccessStatus.DISABLED, "ACCESS_DISABLED")]
)
async def test_a_partner_without_access_manages_no_staff(market: Market, access: AccessStatus, code: str) -> None:
    stan = await _place(market.stan, market.shop)
    await models.AccessGrant.filter(account_id=market.shop).update(status=access)
    async with judge.nothing_changes():
        refused = await market.rita.is_refused("staffInvite", accountId=market.shop, email="x@x.example", role="STAFF")
        assert refused == (code, ["accountId"])
        # Its staff does not show to it either.
        assert await market.rita.is_refused("staffRemove", staffId=stan) == ("NOT_FOUND", ["staffId"])


async def test_money_is_a_decimal_in_a_string_of_a_known_currency(market: Market) -> None:
    async with judge.nothing_changes():
        for given_, at in (
            ({"price": "49.901"}, ["price"]),
            ({"price": "-0.01"}, ["price"]),
            ({"currency": "XYZ"}, ["currency"]),
            ({"plan": " "}, ["plan"]),
        ):
            refused = await market.clara.is_refused(
                "accountSubscriptionChange", accountId=market.shop, **(SUBSCRIBED | given_)
            )
            assert refused == ("INVALID", at), given_
        for price in (49.9, 49, "1e3", "NaN", "Infinity", "", "9" * 40):
            input_ = {"accountId": market.shop, **SUBSCRIBED, "price": price}
            answer = await market.clara.sends(mutation("accountSubscriptionChange"), {"input": input_})
            [error] = answer.json()["errors"]
            assert (answer.status_code < 500, error["extensions"]) == (True, {"code": "INVALID"}), price


async def test_1_8_a_partner_hands_nothing_over_to_itself_or_twice(market: Market) -> None:
    made = await market.paula.does(
        "accountCreate",
        "account { id status client { name } viewerCapabilities partnerAccess { nodes { status } } }",
        partnerId=market.northwind,
        clientName="Quay Traders",
        accountName="Web shop",
        plan="Business",
    )
    account: Json = made["account"]
    assert account == {
        "id": account["id"],
        "status": "SETTING_UP",
        "client": {"name": "Quay Traders"},
        "viewerCapabilities": ["VIEW_ACCOUNT", "MANAGE_PROJECTS", "MANAGE_CONTACTS", "MANAGE_STAFF"],
        "partnerAccess": {"nodes": [{"status": "ENABLED"}]},
    }
    to = {"accountId": account["id"], "ownerName": "Olga Owner"}
    async with judge.nothing_changes():
        for person, address, refusal in (
            (market.paula, "new@northwind.example", ("SELF_PARTNERSHIP", ["ownerEmail"])),
            (market.paula, "nobody", ("INVALID", ["ownerEmail"])),
            (market.rita, "olga@quay.example", ("NOT_FOUND", ["accountId"])),
            (market.clara, "olga@quay.example", ("FORBIDDEN", None)),
        ):
            assert await person.is_refused("accountHandOver", **to, ownerEmail=address) == refusal, address
    await market.pia.does("accountHandOver", "account { status }", **to, ownerEmail="olga@quay.example")
    async with judge.nothing_changes():
        refused = await market.paula.is_refused("accountHandOver", **to, ownerEmail="other@quay.example")
        assert refused == ("ALREADY_PROPOSED", ["accountId"])


async def test_1_1_no_partner_s_member_takes_over_what_a_partner_hands_over(market: Market) -> None:
    await market.paula.does(
        "accountCreate",
        partnerId=market.northwind,
        clientName="Quay Traders",
        accountName="Web shop",
        plan="Business",
    )
    account = await models.Account.get(name="Web shop")
    await market.paula.does(
        "accountHandOver", accountId=account.id, ownerEmail=market.rita.address, ownerName="Rita Rival"
    )
    await judge.carry_on()
    mail = await market.rita.next_mail()
    page = await market.rita.opens(mail)
    assert (page["kind"], page["from"], page["to"], page["title"], page["needsPassword"]) == (
        "ACCOUNT_OWNER",
        "Northwind",
        "Quay Traders",
        "Account owner of Web shop",
        False,
    )
    async with judge.nothing_changes():
        for person in (market.rita, market.rita.elsewhere(), market.paula):
            refused = await person.is_refused("inviteAccept", token=mail.token, challenge=page["challenge"])
            assert refused == ("FORBIDDEN", None)


# ── the right ends ──


async def test_5_1_whoever_is_removed_is_signed_out_at_once(market: Market) -> None:
    stan = await _place(market.stan, market.shop)
    removed = await market.clara.does("staffRemove", "account { staff { nodes { user { name } role } } }", staffId=stan)
    assert removed["account"]["staff"]["nodes"] == [{"user": {"name": "Clara Client"}, "role": "ACCOUNT_OWNER"}]
    answer = await market.stan.sends("{ viewer { user { name } } }")
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]) == (401, {"code": "UNAUTHENTICATED"})


async def test_of_two_cancellations_at_once_one_counts(market: Market) -> None:
    document = mutation("accountCancel", "account { status partnerAccess { totalCount } }")
    sent = [market.clara.sends(document, {"accountId": market.shop, "reason": "We close."}) for _ in range(2)]
    answers = [answer.json()["data"]["accountCancel"] for answer in await asyncio.gather(*sent)]
    assert sorted([error["code"] for error in answer["userErrors"]] for answer in answers) == [[], ["WRONG_STATE"]]
    [done] = [answer["account"] for answer in answers if not answer["userErrors"]]
    assert done == {"status": "CANCELLED", "partnerAccess": {"totalCount": 0}}
    assert await market.rita.reads("{ accounts { totalCount } }") == {"accounts": {"totalCount": 0}}
    async with judge.nothing_changes():
        refused = await market.clara.is_refused("accountCancel", accountId=market.shop, reason=" ")
        assert refused == ("REASON_REQUIRED", ["reason"])
