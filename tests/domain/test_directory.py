"""The public directory of partners, and what its visitors write to them (mission 1.13)."""

from datetime import timedelta
from types import ModuleType
from typing import Any, cast

import pytest

import models
from domain import contacts, directory, partners
from domain.directory import Listing
from domain.errors import Refusal
from models.directory import DirectoryListing, PartnerMessage
from models.enums import Audience, PartnerMemberRole, UserErrorCode
from tests import given
from tests.domain.refusals import columns, everything, refused
from tests.outbox import scenes

pytestmark = pytest.mark.usefixtures("database", "data_dir", "clock")

BERGEN = Listing(
    headline="Shops by the sea", region=" Bergen ", country="no", services=["Shop care", "SHOP  care", "SEO"]
)
SHOWN = {"headline": "Shops by the sea", "region": "Bergen", "country": "NO", "services": ["SHOP  care", "SEO"]}


async def write(to: str, **said: Any) -> None:
    message = {"from_email": "Vic@visitor.example", "from_name": "Vic Visitor", "message": "Are you free?", "ip": None}
    await directory.send_message(partner_id=to, **{**message, **said})


async def told() -> list[tuple[object, ...]]:
    events = await models.Event.all().order_by("id")
    return [(e.topic, e.stream, e.partner_id, e.client_id, e.on_behalf_of, e.changes) for e in events]


def shown(before: dict[str, str] | None, after: dict[str, str] | None) -> list[dict[str, str | None]]:
    names = (before or after or {}).keys()
    return [{"field": n, "before": (before or {}).get(n), "after": (after or {}).get(n)} for n in names]


AS_TEXT = {"headline": "Shops by the sea", "region": "Bergen", "country": "NO", "services": "SHOP  care, SEO"}


async def test_a_partner_puts_itself_into_the_directory_and_takes_itself_off(clock: ModuleType) -> None:
    partner = await given.partner("Northwind")
    paula = await given.member(partner, PartnerMemberRole.ADMIN)
    await directory.set_listing(by=paula, partner_id=partner.id, listing=BERGEN)
    listed = await DirectoryListing.get()
    assert columns(listed) == {
        **SHOWN,
        "id": listed.id,
        "partner_id": partner.id,
        "name_key": "northwind",
        "region_key": "bergen",
        "service_keys": ["shop care", "seo"],
        "listed_at": clock.now(),
    }
    before = await everything()
    await directory.set_listing(by=paula, partner_id=partner.id, listing=BERGEN)
    assert await everything() == before
    await directory.set_listing(by=paula, partner_id=partner.id, listing=None)
    assert await DirectoryListing.all().count() == 0
    before = await everything()
    await directory.set_listing(by=paula, partner_id=partner.id)
    assert await everything() == before
    about = partner.id, partner.id, None, None
    assert await told() == [
        ("partner.listing_set", *about, shown(None, AS_TEXT)),
        ("partner.listing_set", *about, shown(AS_TEXT, None)),
    ]


async def test_5_4_the_vendor_lists_a_partner_visibly_and_what_changed_is_told() -> None:
    partner, vendor = await given.partner("Northwind"), await given.admin()
    await directory.set_listing(by=vendor, partner_id=partner.id, listing=BERGEN)
    await directory.set_listing(by=vendor, partner_id=partner.id, listing={**BERGEN, "region": "Oslo", "services": []})
    listed = await DirectoryListing.get()
    assert (listed.region_key, listed.service_keys) == ("oslo", [])
    changed = [
        {"field": "region", "before": "Bergen", "after": "Oslo"},
        {"field": "services", "before": "SHOP  care, SEO", "after": ""},
    ]
    assert (await told())[1] == ("partner.listing_set", partner.id, partner.id, None, partner.id, changed)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"headline": " "}, "headline"),
        ({"region": "a\nb"}, "region"),
        ({"country": "XX"}, "country"),
        ({"country": "NOR"}, "country"),
        ({"country": ""}, "country"),
        ({"services": [" "]}, "services"),
        ({"services": [f"Service {n}" for n in range(21)]}, "services"),
    ],
)
async def test_what_is_no_listing_is_invalid(wrong: dict[str, Any], field: str) -> None:
    partner = await given.partner()
    paula = await given.member(partner, PartnerMemberRole.ADMIN)
    async with refused(UserErrorCode.INVALID, "listing", field):
        await directory.set_listing(by=paula, partner_id=partner.id, listing=cast("Listing", {**BERGEN, **wrong}))


async def test_a_listing_is_the_partner_admins_and_the_vendors_to_set() -> None:
    partner, rival = await given.partner(), await given.partner("Rival")
    pia = await given.member(partner)
    async with refused(UserErrorCode.FORBIDDEN):
        await directory.set_listing(by=pia, partner_id=partner.id, listing=BERGEN)
    rita = await given.member(rival, PartnerMemberRole.ADMIN)
    async with refused(UserErrorCode.NOT_FOUND, "partnerId"):
        await directory.set_listing(by=rita, partner_id=partner.id, listing=BERGEN)


async def test_the_directory_follows_a_partners_new_name() -> None:
    partner = await given.partner("Northwind")
    paula = await given.member(partner, PartnerMemberRole.ADMIN)
    await directory.set_listing(by=paula, partner_id=partner.id, listing=BERGEN)
    await partners.update(by=paula, partner_id=partner.id, name="Ålesund Web")
    assert (await DirectoryListing.get()).name_key == "alesund web"


# ── what a visitor writes ──


async def listed(name: str = "Northwind") -> models.Partner:
    """A listed partner with an admin."""
    partner = await given.partner(name)
    paula = await given.user("Paula Partner", email="paula@northwind.example")
    seat = await given.member(partner, PartnerMemberRole.ADMIN, paula)
    await directory.set_listing(by=seat, partner_id=partner.id, listing=BERGEN)
    return partner


async def test_1_13_a_message_reaches_the_partners_admin_who_answers_the_visitor(clock: ModuleType) -> None:
    partner = await listed()
    await scenes.drain()
    await write(partner.id, message="Are you free?\n> Soon?")
    kept = await PartnerMessage.get()
    assert columns(kept) == {
        "id": kept.id,
        "partner_id": partner.id,
        "from_email": "vic@visitor.example",
        "from_name": "Vic Visitor",
        "message": "Are you free?\n> Soon?",
        "sent_at": clock.now(),
    }
    event = await models.Event.get(topic="partner.message_sent")
    assert (event.subject, event.visible_to, event.actor_id, event.changes, event.reason) == (
        *(kept.id, Audience.PARTNER, None, [], None),
    )
    [mail] = await scenes.drain()
    [sender, to, *rest] = scenes.headers(scenes.PAULA, "Vic Visitor writes to Northwind")
    assert scenes.outline(mail) == [sender, to, ("Reply-To", "vic@visitor.example"), *rest]
    said = scenes.text(mail)
    assert "> Are you free? > > Soon?" in said
    assert "* E-mail: vic@visitor.example" in said
    notices = await models.Notice.filter(event_id=event.id).select_related("seat__user")
    assert [notice.seat.user.name for notice in notices] == ["Paula Partner"]


async def test_nothing_tells_whether_a_partner_is_listed() -> None:
    unlisted = await given.partner("Rival")
    for partner_id in (unlisted.id, "partner_none", ""):
        await write(partner_id, from_email=f"vic@{len(partner_id)}.example")
    assert (await PartnerMessage.all().count(), await models.Event.all().count()) == (0, 0)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"from_email": "vic"}, "fromEmail"),
        ({"from_name": "Vic\nBcc: all@example.com"}, "fromName"),
        ({"message": " \n"}, "message"),
        ({"message": "x" * 10_001}, "message"),
    ],
)
async def test_what_is_no_message_is_invalid(wrong: dict[str, str], field: str) -> None:
    partner = await listed()
    async with refused(UserErrorCode.INVALID, field):
        await write(partner.id, **wrong)


async def test_5_5_a_visitor_writes_five_times_an_hour_whomever_to(clock: ModuleType) -> None:
    partner = await listed()
    for number in range(5):
        await write(partner.id if number % 2 else "partner_none")
    with pytest.raises(Refusal) as caught:
        await write(partner.id, from_email="VIC@visitor.example")
    assert caught.value.code is UserErrorCode.RATE_LIMITED
    await write(partner.id, from_email="val@visitor.example")
    clock.advance(timedelta(hours=1))
    await write(partner.id)
    assert await PartnerMessage.all().count() == 4


async def test_5_5_a_network_writes_twenty_times_an_hour() -> None:
    partner = await listed()
    for number in range(20):
        await write(partner.id, from_email=f"vic{number}@visitor.example", ip="192.0.2.1")
    with pytest.raises(Refusal) as caught:
        await write(partner.id, from_email="val@visitor.example", ip="192.0.2.1")
    assert caught.value.code is UserErrorCode.RATE_LIMITED
    await write(partner.id, from_email="val@visitor.example", ip="192.0.2.2")


async def test_0_10_what_an_erased_person_wrote_is_gone_and_that_somebody_wrote_is_not() -> None:
    partner = await listed()
    vendor = await given.admin()
    contact = await given.contact(await given.client(), "Vic Visitor", email="vic@visitor.example")
    await write(partner.id)
    await write(partner.id, from_email="val@visitor.example")
    await contacts.erase(by=vendor, contact_id=contact.id)
    assert [kept.from_email for kept in await PartnerMessage.all()] == ["val@visitor.example"]
    assert await models.Event.filter(topic="partner.message_sent").count() == 2
    mails = await scenes.drain()
    assert [str(mail["Reply-To"]) for mail in mails] == ["val@visitor.example"]
