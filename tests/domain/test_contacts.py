"""Contacts: each company keeps its own; a partner also its clients' (mission 0.1, 0.2, 0.3, 0.9)."""

from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

import models
from domain import contacts
from domain.seats import Seat
from models.enums import ContactPurpose, PartnershipStatus, SecurityRole, Side, UserErrorCode
from tests import given
from tests.domain.refusals import columns, everything, refused


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
