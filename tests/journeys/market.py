"""Companies that are there already, as rows: for tests that are about one answer, not about how it all began."""

from dataclasses import dataclass

import httpx2

import models
from domain import seats, tokens
from models.enums import PartnerMemberRole, SecurityRole
from tests import given
from tests.journeys.portal import Json, Person

TERMS = {"title": "Shop care"}


@dataclass(frozen=True, slots=True)
class Market:
    """Two partners, two clients and the vendor, whose people are all signed in.

    Paula leads Northwind, Pia works there; Rita leads Rivals, which Harbour Foods' account is connected to. Clara owns
    that account, Stan is its staff; Oscar owns the other one; Dora owns Island Hotel's. Vera is the vendor's.
    """

    vera: Person
    paula: Person
    pia: Person
    rita: Person
    clara: Person
    stan: Person
    oscar: Person
    dora: Person
    northwind: str
    rivals: str
    harbour: str
    island: str
    shop: str
    store: str
    desk: str
    contact: str


async def opened(browser: httpx2.AsyncClient) -> Market:
    """Write it all."""
    northwind = await given.partner("Northwind", domain="northwind.example")
    rivals = await given.partner("Rivals", domain="rivals.example")
    harbour, island = await given.client("Harbour Foods"), await given.client("Island Hotel")
    shop, store = await given.account(harbour, "Main shop"), await given.account(harbour, "Store")
    desk = await given.account(island, "Front desk")
    people = {
        "vera": await given.admin("Vera Vendor"),
        "paula": await _member("Paula Partner", northwind, PartnerMemberRole.ADMIN),
        "pia": await _member("Pia Partner", northwind, PartnerMemberRole.COLLABORATOR),
        "rita": await _member("Rita Rival", rivals, PartnerMemberRole.ADMIN),
        "clara": await _staff("Clara Client", shop, SecurityRole.ACCOUNT_OWNER),
        "stan": await _staff("Stan Staff", shop, SecurityRole.STAFF),
        "oscar": await _staff("Oscar Owner", store, SecurityRole.ACCOUNT_OWNER),
        "dora": await _staff("Dora Duke", desk, SecurityRole.ACCOUNT_OWNER),
    }
    await given.grant(await given.partnership(rivals, harbour), shop)
    contact = await given.contact(northwind, "Peter Peach")
    return Market(
        **{name: await signed_in(browser, seat) for name, seat in people.items()},
        northwind=northwind.id,
        rivals=rivals.id,
        harbour=harbour.id,
        island=island.id,
        shop=shop.id,
        store=store.id,
        desk=desk.id,
        contact=contact.id,
    )


async def signed_in(browser: httpx2.AsyncClient, seat: seats.Seat) -> Person:
    """Give a seat's user a session: the person in front of the portal."""
    person = await models.User.get(id=seat.user_id)
    assert person.email is not None
    token = tokens.new()
    await given.session(await models.Seat.get(id=seat.id), token)
    return Person(browser, person.email, token)


async def offer(market: Market, **to: object) -> Json:
    """Let Paula offer Harbour Foods, or whom else is meant, a partnership."""
    made = await market.paula.does(
        "partnershipOffer", "partnership { id offer { id } }", **offered(market, **(to or {"clientId": market.harbour}))
    )
    partnership: Json = made["partnership"]
    return partnership


def offered(market: Market, **to: object) -> Json:
    """What an offer of Northwind's says."""
    return {"partnerId": market.northwind, "terms": TERMS, "contactIds": [market.contact], **to}


async def _member(name: str, of: models.Partner, role: PartnerMemberRole) -> seats.Seat:
    return await given.member(of, role, await _person(name, f"{of.name.lower()}.example"))


async def _staff(name: str, of: models.Account, role: SecurityRole) -> seats.Seat:
    return await given.staff(of, role, await _person(name, "clients.example"))


async def _person(name: str, domain: str) -> models.User:
    return await given.user(name, email=f"{name.split(maxsplit=1)[0].lower()}@{domain}")
