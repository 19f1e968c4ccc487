"""Contacts: each company keeps its own; a partner also its clients' (mission 0.1, 0.2, 0.3, 0.9)."""

from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

import models
from domain import contacts, managers, modifications, partnerships, proposals
from domain.seats import Seat
from models.enums import (
    Audience,
    ContactPurpose,
    PartnerMemberRole,
    PartnershipStatus,
    ProposalStatus,
    SecurityRole,
    Side,
    UserErrorCode,
)
from tests import given
from tests.domain.refusals import columns, everything, refused
from tests.domain.test_changes import chain_breaks_at, history


async def create(by: Seat, organisation_id: str, **given_columns: Any) -> str:
    return await contacts.create(by=by, organisation_id=organisation_id, **given_columns)


@pytest.mark.usefixtures("database", "clock")
class TestCreate:
    async def test_0_1_a_contact_is_written_with_its_purposes(self, clock: ModuleType) -> None:
        partner = await given.partner()
        contact_id = await contacts.create(
            by=await given.member(partner),
            organisation_id=partner.id,
            name=" Grace Hópper ",
            title="CTO",
            email="Grace@Northwind.example",
            phone="+47 1",
            mobile=" ",
            purposes=[ContactPurpose.SUPPORT, ContactPurpose.EMERGENCY, ContactPurpose.SUPPORT],
        )
        assert columns(await models.Contact.get(id=contact_id)) == {
            "id": contact_id,
            "partner_id": partner.id,
            "client_id": None,
            "name": "Grace Hópper",
            "name_key": "grace hopper",
            "title": "CTO",
            "email": "grace@northwind.example",
            "phone": "+47 1",
            "mobile": None,
            "purposes": ["EMERGENCY", "SUPPORT"],
            "created_at": clock.now(),
            "updated_at": clock.now(),
            "erased_at": None,
        }

    async def test_0_1_a_partner_keeps_the_contacts_of_its_clients(self) -> None:
        partner, client = await given.partner(), await given.client()
        await given.partnership(partner, client)
        contact_id = await contacts.create(by=await given.member(partner), organisation_id=client.id, name="Clara")
        assert (await models.Contact.get(id=contact_id)).client_id == client.id
        event = await models.Event.get(topic="contact.created")
        assert (event.stream, event.subject, event.partner_id, event.client_id) == (
            client.id,
            contact_id,
            partner.id,
            client.id,
        )

    async def test_0_1_a_client_keeps_its_own(self) -> None:
        client = await given.client()
        owner = await given.staff(await given.account(client))
        contact_id = await contacts.create(by=owner, organisation_id=client.id, name="Clara")
        assert (await models.Contact.get(id=contact_id)).client_id == client.id

    async def test_1_7_managing_contacts_is_a_capability_that_plain_staff_lack(self) -> None:
        client = await given.client()
        account = await given.account(client)
        staff = await given.staff(account, SecurityRole.STAFF)
        async with refused(UserErrorCode.CAPABILITY_DENIED):
            await contacts.create(by=staff, organisation_id=client.id, name="Clara")
        await contacts.create(
            by=await given.staff(account, SecurityRole.MANAGER), organisation_id=client.id, name="Clara"
        )

    async def test_nobody_keeps_the_other_sides_or_a_former_clients_contacts(self) -> None:
        partner, client, former = await given.partner(), await given.client(), await given.client("Hill Foods")
        await given.partnership(partner, client)
        await given.partnership(partner, former, PartnershipStatus.ENDED)
        owner, member = await given.staff(await given.account(client)), await given.member(partner)
        async with refused(UserErrorCode.FORBIDDEN):
            await contacts.create(by=owner, organisation_id=partner.id, name="Grace")
        async with refused(UserErrorCode.FORBIDDEN):
            await contacts.create(by=member, organisation_id=former.id, name="Grace")

    async def test_a_foreign_company_is_not_found(self) -> None:
        partner, client = await given.partner(), await given.client()
        member = await given.member(await given.partner("Southwind"))
        for company_id in (partner.id, client.id, "partner_none", "client_none", "nonsense"):
            async with refused(UserErrorCode.NOT_FOUND, "organisationId"):
                await contacts.create(by=member, organisation_id=company_id, name="Grace")

    async def test_5_4_the_vendor_acts_for_a_company_visibly(self) -> None:
        partner, vendor = await given.partner(), await given.admin()
        await contacts.create(by=vendor, organisation_id=partner.id, name="Grace")
        event = await models.Event.get(topic="contact.created")
        assert (event.side, event.on_behalf_of) == (Side.VENDOR, partner.id)

    async def test_what_is_typed_is_checked(self) -> None:
        partner = await given.partner()
        member = await given.member(partner)
        for column, value in (
            ("name", " "),
            ("title", "a\nb"),
            ("email", "b@y>, <evil@z"),
            ("phone", "1" * 201),
            ("mobile", "\0"),
        ):
            async with refused(UserErrorCode.INVALID, column):
                await create(member, partner.id, **{"name": "Grace", column: value})


@pytest.mark.usefixtures("database", "clock")
class TestUpdate:
    async def test_what_is_given_changes_and_the_rest_stays(self, clock: ModuleType) -> None:
        partner = await given.partner()
        contact = await given.contact(partner, title="CTO", phone="+47 1", email="grace@northwind.example")
        clock.advance(timedelta(hours=1))
        await contacts.update(
            by=await given.member(partner),
            contact_id=contact.id,
            name="Grâce",
            phone=None,
            purposes=[ContactPurpose.SUPPORT],
        )
        changed = await models.Contact.get(id=contact.id)
        assert columns(changed) == {
            **columns(contact),
            "name": "Grâce",
            "name_key": "grace",
            "phone": None,
            "purposes": ["SUPPORT"],
            "updated_at": clock.now(),
        }

    async def test_0_3_an_event_says_that_an_address_or_number_changed_but_not_to_what(self) -> None:
        partner = await given.partner()
        contact = await given.contact(partner, title="CTO", phone="+47 1")
        await contacts.update(
            by=await given.member(partner),
            contact_id=contact.id,
            title="CEO",
            phone="+47 2",
            mobile="+47 3",
            email="grace@northwind.example",
        )
        event = await models.Event.get(topic="contact.updated")
        assert sorted(event.changes, key=lambda change: change["field"]) == [
            {"field": "email", "before": None, "after": None},
            {"field": "mobile", "before": None, "after": None},
            {"field": "phone", "before": None, "after": None},
            {"field": "title", "before": "CTO", "after": "CEO"},
        ]

    async def test_what_is_so_already_is_not_told(self) -> None:
        partner = await given.partner()
        contact = await given.contact(partner, title="CTO")
        member = await given.member(partner)
        before = await everything()
        await contacts.update(by=member, contact_id=contact.id, name=contact.name, title="CTO", purposes=[])
        assert await everything() == before

    async def test_0_9_the_vendor_records_what_a_client_asked_for_by_mail(self) -> None:
        client = await given.client()
        contact = await given.contact(client)
        vendor = await given.admin()
        await contacts.update(by=vendor, contact_id=contact.id, title="CEO", on_behalf_of="Clara@Harbour.example")
        await contacts.update(by=vendor, contact_id=contact.id, title="CTO")
        events = await models.Event.filter(topic="contact.updated").order_by("version")
        assert [(event.actor_id, event.on_behalf_of) for event in events] == [
            (vendor.user_id, "clara@harbour.example"),
            (vendor.user_id, client.id),
        ]

    async def test_0_9_only_the_vendor_says_on_whose_behalf(self) -> None:
        partner = await given.partner()
        contact, member = await given.contact(partner), await given.member(partner)
        async with refused(UserErrorCode.FORBIDDEN, "onBehalfOf"):
            await contacts.update(by=member, contact_id=contact.id, title="CEO", on_behalf_of="a@b.example")

    async def test_a_contact_that_is_lent_is_not_the_borrowers_to_change(self) -> None:
        partner, client = await given.partner(), await given.client()
        partnership = await given.partnership(partner, client)
        contact = await given.contact(partner)
        await given.lent_contact(partnership, contact, await given.offer(partnership))
        owner = await given.staff(await given.account(client))
        async with refused(UserErrorCode.FORBIDDEN):
            await contacts.update(by=owner, contact_id=contact.id, title="CEO")

    async def test_a_foreign_contact_is_not_found(self) -> None:
        contact = await given.contact(await given.partner())
        member = await given.member(await given.partner("Southwind"))
        async with refused(UserErrorCode.NOT_FOUND, "contactId"):
            await contacts.update(by=member, contact_id=contact.id, title="CEO")

    async def test_0_10_an_erased_contact_stays_erased(self, clock: ModuleType) -> None:
        partner = await given.partner()
        contact, member = await given.contact(partner, erased_at=clock.now()), await given.member(partner)
        async with refused(UserErrorCode.WRONG_STATE, "contactId"):
            await contacts.update(by=member, contact_id=contact.id, title="CEO")


PERSON = "Grace Brewster Hopper"
# Everything by which she was ever known here.
STRINGS = [PERSON, "Grace Murray", "grace@northwind.example", "+47 5555 1234", "+47 999 88 777", "Rear Admiral"]


@dataclass
class Market:
    """A partner whose contact Grace is lent, asked for and told of wherever that is possible."""

    partner: models.Partner
    client: models.Client
    admin: Seat
    owner: Seat
    grace: str
    other: str
    partnership: str


@pytest.fixture
async def market(database: None, clock: ModuleType) -> Market:
    partner, client = await given.partner(), await given.client()
    admin = await given.member(partner, PartnerMemberRole.ADMIN)
    owner = await given.staff(await given.account(client))
    grace = await contacts.create(
        by=admin,
        organisation_id=partner.id,
        name="Grace Murray",
        title="Rear Admiral",
        email="grace@northwind.example",
        phone="+47 5555 1234",
        mobile="+47 999 88 777",
    )
    await contacts.update(by=admin, contact_id=grace, name=PERSON)
    other = await contacts.create(by=admin, organisation_id=partner.id, name="Olga Other")
    partnership = await partnerships.offer(
        by=admin,
        partner_id=partner.id,
        client_id=client.id,
        terms={"title": "Shop care"},
        contact_ids=[grace],
        message=f"{PERSON.upper()} looks after you.",
    )
    offer = await models.Proposal.get(partnership_id=partnership)
    accounts = [account.id for account in await models.Account.all()]
    await proposals.accept(offer.id, by=owner, account_ids=accounts, comment="We know Grace Murray.")
    return Market(partner, client, admin, owner, grace, other, partnership)


async def drafted(market: Market, *, by: Seat, **wanted: Any) -> str:
    draft_id = await modifications.draft(by=by, partnership_id=market.partnership, **wanted)
    assert draft_id is not None
    return draft_id


async def items(proposal_id: str) -> list[tuple[str, str | None, bool | None]]:
    rows = await models.ProposalItem.filter(proposal_id=proposal_id).order_by("id")
    return [(row.kind, row.contact_id, row.accepted) for row in rows]


def hits(rows: dict[str, list[dict[str, object]]]) -> list[tuple[str, str, str]]:
    """Look for the person's strings in every column of every row: table, column, string."""
    return [
        (table, column, string)
        for table, every in rows.items()
        for row in every
        for column, value in row.items()
        for string in STRINGS
        if string.casefold() in str(value).casefold()
    ]


class TestErase:
    async def test_0_10_of_the_person_nothing_is_left_and_what_happened_stays(
        self, market: Market, clock: ModuleType
    ) -> None:
        await managers.add(by=market.admin, partnership_id=market.partnership, contact_ids=[market.grace, market.other])
        submitted = await drafted(market, by=market.owner, release_contacts=[market.grace])
        await modifications.submit(submitted, by=market.owner, message=f"Without {PERSON}, please.")
        await contacts.update(
            by=await given.admin(), contact_id=market.other, title="CTO", on_behalf_of="grace@northwind.example"
        )
        before = await models.Event.all().order_by("id")
        assert {string for *_, string in hits(await everything())} == set(STRINGS)
        clock.advance(timedelta(hours=1))

        await contacts.erase(by=market.admin, contact_id=market.grace)

        assert hits(await everything()) == []
        kept = {event.id: event for event in await models.Event.all()}
        told = [
            (kept[event.id].topic, kept[event.id].erased_at is not None, kept[event.id].salt is None)
            for event in before
        ]
        assert told == [
            ("contact.created", True, True),
            ("contact.updated", True, True),
            ("contact.created", False, False),
            ("partnership.offered", True, True),
            ("partnership.accepted", True, True),
            ("grant.connected", False, False),
            ("managers.added", True, True),
            ("partnership.team_changed", False, False),
            ("partnership.modification.drafted", True, True),
            ("partnership.modification.submitted", True, True),
            ("contact.updated", True, True),
        ]
        for event in before:
            after = kept[event.id]
            facts = ("stream", "version", "topic", "subject", "actor_id", "side", "at", "commitment", "digest")
            assert [getattr(after, fact) for fact in facts] == [getattr(event, fact) for fact in facts]
        for stream in await models.Stream.all():
            assert chain_breaks_at(await history(stream.id)) is None

    async def test_0_10_the_row_is_emptied_and_the_erasure_is_told(self, market: Market, clock: ModuleType) -> None:
        was = await models.Contact.get(id=market.grace)
        clock.advance(timedelta(hours=1))
        assert await contacts.erase(by=market.admin, contact_id=market.grace) == market.grace
        assert columns(await models.Contact.get(id=market.grace)) == {
            "id": market.grace,
            "partner_id": market.partner.id,
            "client_id": None,
            "name": "",
            "name_key": "",
            "title": None,
            "email": None,
            "phone": None,
            "mobile": None,
            "purposes": [],
            "created_at": was.created_at,
            "updated_at": clock.now(),
            "erased_at": clock.now(),
        }
        event = await models.Event.get(topic="contact.erased")
        assert (event.stream, event.subject, event.partner_id, event.changes, event.visible_to) == (
            market.partner.id,
            market.grace,
            market.partner.id,
            [],
            Audience.BOTH,
        )

    async def test_0_10_what_is_lent_is_released_and_a_place_on_a_team_is_left(
        self, market: Market, clock: ModuleType
    ) -> None:
        await managers.add(by=market.admin, partnership_id=market.partnership, contact_ids=[market.grace, market.other])
        clock.advance(timedelta(hours=1))
        await contacts.erase(by=market.admin, contact_id=market.grace)
        assert (await models.AssignedContact.get(contact_id=market.grace)).released_at == clock.now()
        team = await models.PartnershipManager.all().order_by("contact_id")
        assert {manager.contact_id: manager.removed_at for manager in team} == {
            market.grace: clock.now(),
            market.other: None,
        }

    async def test_0_10_an_open_modification_loses_the_item_alone(self, market: Market) -> None:
        third = await contacts.create(by=market.admin, organisation_id=market.partner.id, name="Theo Third")
        pending = await drafted(market, by=market.admin, add_contacts=[market.other, third])
        await modifications.submit(pending, by=market.admin, message="Two more.")
        version = (await models.Proposal.get(id=pending)).version
        await contacts.erase(by=market.admin, contact_id=market.other)
        proposal = await models.Proposal.get(id=pending)
        assert (proposal.status, proposal.version) == (ProposalStatus.PENDING, version + 1)
        assert await items(pending) == [("ADD_CONTACT", market.other, False), ("ADD_CONTACT", third, None)]
        await proposals.accept(pending, by=market.owner)
        assert await items(pending) == [("ADD_CONTACT", market.other, False), ("ADD_CONTACT", third, True)]
        lent = await models.AssignedContact.filter(partnership_id=market.partnership, released_at__isnull=True)
        assert {row.contact_id for row in lent if row.assigned_at} == {market.grace, third}

    async def test_0_10_a_draft_loses_it_too(self, market: Market) -> None:
        third = await contacts.create(by=market.admin, organisation_id=market.partner.id, name="Theo Third")
        draft = await drafted(market, by=market.admin, add_contacts=[market.other, third])
        await contacts.erase(by=market.admin, contact_id=market.other)
        assert await items(draft) == [("ADD_CONTACT", third, None)]
        assert (await models.Proposal.get(id=draft)).version == 2

    async def test_0_10_what_was_decided_stays_decided(self, market: Market) -> None:
        accepted = await drafted(market, by=market.admin, add_contacts=[market.other])
        await modifications.submit(accepted, by=market.admin, message="One more.")
        await proposals.accept(accepted, by=market.owner)
        await contacts.erase(by=market.admin, contact_id=market.other)
        assert await items(accepted) == [("ADD_CONTACT", market.other, True)]

    async def test_0_10_a_name_that_is_part_of_a_word_is_another(self, market: Market) -> None:
        short = await contacts.create(by=market.admin, organisation_id=market.partner.id, name="Al")
        draft = await drafted(market, by=market.admin, add_contacts=[short])
        await modifications.submit(draft, by=market.admin, message="Also in the fall.")
        await contacts.erase(by=market.admin, contact_id=short)
        assert (await models.Proposal.get(id=draft)).message == "Also in the fall."

    async def test_0_10_an_erased_contact_is_not_erased_lent_changed_or_put_on_a_team(self, market: Market) -> None:
        await contacts.erase(by=market.admin, contact_id=market.other)
        async with refused(UserErrorCode.WRONG_STATE, "contactId"):
            await contacts.erase(by=market.admin, contact_id=market.other)
        async with refused(UserErrorCode.WRONG_STATE, "contactId"):
            await contacts.update(by=market.admin, contact_id=market.other, title="CEO")
        async with refused(UserErrorCode.INVALID, "addContacts"):
            await drafted(market, by=market.admin, add_contacts=[market.other])
        async with refused(UserErrorCode.INVALID, "contactIds"):
            await managers.add(by=market.admin, partnership_id=market.partnership, contact_ids=[market.other])

    async def test_0_10_only_those_in_charge_of_its_own_company_and_the_vendor_erase(self, market: Market) -> None:
        theirs = await contacts.create(by=market.admin, organisation_id=market.client.id, name="Clara")
        member = await given.member(market.partner)
        async with refused(UserErrorCode.FORBIDDEN):
            await contacts.erase(by=member, contact_id=market.grace)
        async with refused(UserErrorCode.FORBIDDEN):
            await contacts.erase(by=market.admin, contact_id=theirs)
        async with refused(UserErrorCode.FORBIDDEN):
            await contacts.erase(by=market.owner, contact_id=market.grace)
        stranger = await given.member(await given.partner("Southwind"), PartnerMemberRole.ADMIN)
        async with refused(UserErrorCode.NOT_FOUND, "contactId"):
            await contacts.erase(by=stranger, contact_id=market.grace)
        await contacts.erase(by=market.owner, contact_id=theirs)
        vendor = await given.admin()
        await contacts.erase(by=vendor, contact_id=market.grace)
        events = await models.Event.filter(topic="contact.erased").order_by("id")
        assert [(event.actor_id, event.on_behalf_of) for event in events] == [
            (market.owner.user_id, None),
            (vendor.user_id, market.partner.id),
        ]
