"""The public directory: who is listed, found by whoever looks, and written to without a sign-in (mission 1.13)."""

import pytest

from tests.journeys import judge
from tests.journeys.market import Market
from tests.journeys.portal import Json, Person, mutation, variables

DIRECTORY = """
query Directory($country: String, $region: String, $service: String, $first: Int, $after: String) {
  directory(country: $country, region: $region, service: $service, first: $first, after: $after) {
    totalCount
    nodes { partnerId name headline region country services }
    pageInfo { hasNextPage endCursor }
  }
}
"""
LISTING = "query Listing($id: ID!) { partner(id: $id) { name listing { headline region country services } } }"
BERGEN = {"headline": "Shops by the sea", "region": "Bergen", "country": "no", "services": ["Shop care", "SEO"]}
ZURICH = {"headline": "Läden am See", "region": "Zürich", "country": "CH", "services": ["Shop care"]}
LETTER = {"fromEmail": "vic@visitor.example", "fromName": "Vic Visitor", "message": "Are you free?"}


async def lists(person: Person, partner: str, listing: Json | None) -> Json | None:
    """Put a partner into the directory, or take it off; what its own page shows then."""
    selection = "partner { listing { headline region country services } }"
    done = await person.does("partnerListingSet", selection, partnerId=partner, listing=listing)
    shown: Json | None = done["partner"]["listing"]
    return shown


async def found(person: Person, **where: object) -> list[str]:
    """The names of those whom a visitor finds."""
    page: Json = (await person.reads(DIRECTORY, **where))["directory"]
    names = [entry["name"] for entry in page["nodes"]]
    assert page["totalCount"] == len(names)
    return names


async def test_1_13_whoever_looks_finds_the_partners_who_agreed_to_be_listed(market: Market) -> None:
    visitor = market.clara.elsewhere()
    assert await found(visitor) == []
    assert await lists(market.rita, market.rivals, ZURICH) == ZURICH
    assert await lists(market.paula, market.northwind, BERGEN) == {**BERGEN, "country": "NO"}
    entries = (await visitor.reads(DIRECTORY))["directory"]["nodes"]
    assert entries == [
        {"partnerId": market.northwind, "name": "Northwind", **BERGEN, "country": "NO"},
        {"partnerId": market.rivals, "name": "Rivals", **ZURICH},
    ]
    for looking in (visitor, market.dora, market.paula, market.vera):
        assert await found(looking) == ["Northwind", "Rivals"]
        assert await found(looking, country=" ch") == ["Rivals"]
        assert await found(looking, region="ZURICH") == ["Rivals"]
        assert await found(looking, service="shop CARE") == ["Northwind", "Rivals"]
        assert await found(looking, service="shop", country="NO") == []
        assert await found(looking, service="seo", country="NO", region="bergen") == ["Northwind"]


async def test_the_directory_is_read_in_pages(market: Market) -> None:
    visitor = market.clara.elsewhere()
    await lists(market.rita, market.rivals, ZURICH)
    await lists(market.paula, market.northwind, BERGEN)
    first = (await visitor.reads(DIRECTORY, first=1))["directory"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (2, True)
    rest = (await visitor.reads(DIRECTORY, first=1, after=first["pageInfo"]["endCursor"]))["directory"]
    assert [entry["name"] for entry in (*first["nodes"], *rest["nodes"])] == ["Northwind", "Rivals"]
    assert rest["pageInfo"]["hasNextPage"] is False


async def test_whoever_takes_itself_off_is_found_no_more(market: Market) -> None:
    await lists(market.paula, market.northwind, BERGEN)
    assert await lists(market.paula, market.northwind, None) is None
    assert await found(market.clara.elsewhere()) == []


async def test_a_listing_is_a_companys_own(market: Market) -> None:
    await lists(market.paula, market.northwind, BERGEN)
    async with judge.nothing_changes():
        set_ = {"partnerId": market.northwind, "listing": ZURICH}
        assert await market.rita.is_refused("partnerListingSet", **set_) == ("NOT_FOUND", ["partnerId"])
        assert await market.pia.is_refused("partnerListingSet", **set_) == ("FORBIDDEN", None)
        assert await market.clara.is_refused("partnerListingSet", **set_) == ("FORBIDDEN", None)
        wrong = {"partnerId": market.northwind, "listing": {**ZURICH, "country": "Schweiz"}}
        assert await market.paula.is_refused("partnerListingSet", **wrong) == ("INVALID", ["listing", "country"])
    assert (await market.pia.reads(LISTING, id=market.northwind))["partner"]["listing"]["region"] == "Bergen"
    assert await market.pia.reads(LISTING, id=market.rivals) == {"partner": None}


async def test_5_4_the_vendor_lists_a_partner_on_its_behalf(market: Market) -> None:
    await lists(market.vera, market.northwind, BERGEN)
    history = """query History($id: ID!) {
      partner(id: $id) { history { nodes { topic summary onBehalfOf actor { name } changes { field after } } } }
    }"""
    [told] = (await market.paula.reads(history, id=market.northwind))["partner"]["history"]["nodes"]
    assert told["changes"][0] == {"field": "headline", "after": "Shops by the sea"}
    assert (told["topic"], told["onBehalfOf"], told["actor"]) == (
        *("partner.listing_set", market.northwind, {"name": "Vera Vendor"}),
    )


async def test_1_13_a_visitor_writes_to_a_listed_partner_and_no_address_is_shown(market: Market) -> None:
    await lists(market.paula, market.northwind, BERGEN)
    visitor = market.clara.elsewhere()
    for partner in (market.northwind, market.rivals, "partner_none"):
        await visitor.does("partnerMessageSend", partnerId=partner, **LETTER)
    await judge.carry_on()
    mail = await market.paula.next_mail()
    assert mail.subject == "Vic Visitor writes to Northwind"
    assert "> Are you free?" in mail.text
    assert "vic@visitor.example" in mail.text
    assert (market.paula.unread(), market.pia.unread(), market.rita.unread()) == ([], [], [])
    bell = "{ viewer { notices { nodes { urgency event { topic summary actor { name } subject { id } } } } } }"
    event = {"topic": "partner.message_sent", "summary": "A visitor sent a message.", "actor": None, "subject": None}
    assert (await market.paula.reads(bell))["viewer"]["notices"]["nodes"] == [{"urgency": "INFO", "event": event}]
    assert (await market.pia.reads(bell))["viewer"]["notices"]["nodes"] == []


async def test_5_5_who_writes_too_often_is_told_so_whomever_they_write_to(market: Market) -> None:
    visitor = market.clara.elsewhere()
    for _ in range(5):
        await visitor.does("partnerMessageSend", partnerId="partner_none", **LETTER)
    assert await visitor.is_refused("partnerMessageSend", partnerId="partner_none", **LETTER) == ("RATE_LIMITED", None)


@pytest.mark.parametrize(("field", "value"), [("fromEmail", "vic"), ("fromName", " "), ("message", "")])
async def test_what_is_no_message_is_refused(market: Market, field: str, value: str) -> None:
    wrong = {"partnerId": market.northwind, **LETTER, field: value}
    async with judge.nothing_changes():
        assert await market.clara.elsewhere().is_refused("partnerMessageSend", **wrong) == ("INVALID", [field])


async def test_a_document_writes_once(market: Market) -> None:
    document = mutation("partnerMessageSend").replace(
        "partnerMessageSend(", "a: partnerMessageSend(input: $input) { userErrors { code } } b: partnerMessageSend(", 1
    )
    sent = {"partnerId": market.northwind, **LETTER}
    answer = await market.clara.elsewhere().sends(document, variables("partnerMessageSend", sent))
    assert answer.json()["errors"][0]["extensions"] == {"code": "LIMIT_EXCEEDED"}
