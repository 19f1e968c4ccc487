"""Offering a partnership (mission 1.1, 4.1, 5.1a)."""

import asyncio
from datetime import date, timedelta
from types import ModuleType

import pytest

import models
from domain import clients, clock, partnerships, proposals
from domain.errors import Refusal
from domain.seats import Seat
from models.base import text_key
from models.enums import (
    Audience,
    InviteKind,
    ModificationKind,
    PartnerMemberRole,
    PartnershipKind,
    PartnershipStatus,
    ProposalKind,
    ProposalStatus,
    Side,
    UserErrorCode,
)
from tests import given
from tests.domain.refusals import columns, refused

OFFER_LASTS = timedelta(days=30)
TERMS: partnerships.Terms = {"title": "Shop care"}


@pytest.mark.usefixtures("database", "clock")
class TestToAClient:
    async def test_1_1_an_offer_waits_with_its_terms_contacts_and_message(self, clock: ModuleType) -> None:
        partner, client = await given.partner("Éclair & Co"), await given.client()
        paula = await given.member(partner)
        contacts = [await given.contact(partner, name) for name in ("Grace", "Ada")]
        partnership_id = await partnerships.offer(
            by=paula,
            partner_id=partner.id,
            client_id=client.id,
            terms={
                "title": "  Shop care ",
                "description": "Two lines\r\nof text",
                "region": "West",
                "starts_on": date(2026, 12, 1),
            },
            contact_ids=[contacts[1].id, contacts[0].id, contacts[1].id],
            message="Shall we?",
        )
        [partnership] = await models.Partnership.all()
        [offer] = await models.Proposal.all()
        assert columns(partnership) == {
            "id": partnership_id,
            "kind": PartnershipKind.DIRECT,
            "partner_id": partner.id,
            "client_id": client.id,
            "offer_id": offer.id,
            "previous_id": None,
            "status": PartnershipStatus.OFFERED,
            "expires_at": clock.now() + OFFER_LASTS,
            "partner_key": text_key("Éclair & Co"),
            "client_key": "",
            "title": "Shop care",
            "description": "Two lines\nof text",
            "region": "West",
            "starts_on": date(2026, 12, 1),
            "version": 1,
            "started_at": None,
            "changed_at": clock.now(),
            "ended_at": None,
            "ended_by": None,
            "end_reason": None,
            "hidden_by_partner": False,
            "hidden_by_client": False,
            "created_at": clock.now(),
        }
        assert {column: value for column, value in columns(offer).items() if value not in (None, 0)} == {
            "id": offer.id,
            "kind": ProposalKind.PARTNERSHIP_OFFER,
            "status": ProposalStatus.PENDING,
            "version": 1,
            "message": "Shall we?",
            "proposed_by_id": paula.user_id,
            "proposed_by_side": Side.PARTNER,
            "from_partner_id": partner.id,
            "to_client_id": client.id,
            "proposed_at": clock.now(),
            "expires_at": clock.now() + OFFER_LASTS,
            "partnership_id": partnership_id,
            "sent_at": clock.now(),
            "created_at": clock.now(),
        }
        lent = await models.AssignedContact.all().order_by("contact_id")
        assert [(row.contact_id, row.side, row.proposal_id, row.assigned_at, row.released_at) for row in lent] == [
            (contact_id, Side.PARTNER, offer.id, None, None) for contact_id in sorted(c.id for c in contacts)
        ]
        assert await models.Link.all().count() == 0

    async def test_it_is_told_to_both_sides_with_its_terms(self) -> None:
        partner, client = await given.partner(), await given.client()
        partnership_id = await partnerships.offer(
            by=await given.member(partner), partner_id=partner.id, client_id=client.id, terms=TERMS, message="Shall we?"
        )
        [event] = await models.Event.all()
        assert (event.topic, event.stream, event.visible_to, event.partner_id, event.client_id) == (
            "partnership.offered",
            partnership_id,
            Audience.BOTH,
            partner.id,
            client.id,
        )
        assert (event.reason, event.changes) == (
            "Shall we?",
            [{"field": "title", "before": None, "after": "Shop care"}],
        )

    async def test_1_1_only_a_partner_offers(self) -> None:
        partner, client = await given.partner(), await given.client()
        owner, vendor = await given.staff(await given.account(client)), await given.admin()
        for by in (owner, vendor):
            async with refused(UserErrorCode.FORBIDDEN):
                await partnerships.offer(by=by, partner_id=partner.id, client_id=client.id, terms=TERMS)

    async def test_1_1_nobody_offers_for_another_partner(self) -> None:
        partner, client = await given.partner(), await given.client()
        stranger = await given.member(await given.partner("Southwind"), PartnerMemberRole.ADMIN)
        async with refused(UserErrorCode.NOT_FOUND, "partnerId"):
            await partnerships.offer(by=stranger, partner_id=partner.id, client_id=client.id, terms=TERMS)

    async def test_the_client_is_looked_up_without_visibility(self) -> None:
        partner = await given.partner()
        paula = await given.member(partner)
        async with refused(UserErrorCode.NOT_FOUND, "clientId"):
            await partnerships.offer(by=paula, partner_id=partner.id, client_id="client_none", terms=TERMS)

    async def test_an_offer_goes_to_a_client_or_to_an_address(self) -> None:
        partner, client = await given.partner(), await given.client()
        paula = await given.member(partner)
        async with refused(UserErrorCode.INVALID, "clientId"):
            await partnerships.offer(by=paula, partner_id=partner.id, terms=TERMS)
        async with refused(UserErrorCode.INVALID, "clientId"):
            await partnerships.offer(
                by=paula, partner_id=partner.id, client_id=client.id, email="a@b.example", terms=TERMS
            )

    async def test_each_side_lends_only_its_own_contacts(self) -> None:
        partner, client, friend = await given.partner(), await given.client(), await given.client("Hill Foods")
        await given.partnership(partner, friend)
        paula = await given.member(partner)
        of_a_client = await given.contact(friend)
        erased = await given.contact(partner, erased_at=clock.now())
        foreign = await given.contact(await given.partner("Southwind"))
        for contact, code in (
            (of_a_client, UserErrorCode.INVALID),
            (erased, UserErrorCode.INVALID),
            (foreign, UserErrorCode.NOT_FOUND),
        ):
            async with refused(code, "contactIds"):
                await partnerships.offer(
                    by=paula, partner_id=partner.id, client_id=client.id, terms=TERMS, contact_ids=[contact.id]
                )

    async def test_accounts_are_looked_up_among_those_that_the_partner_sees_and_must_be_the_clients(self) -> None:
        partner, client, friend = await given.partner(), await given.client(), await given.client("Hill Foods")
        paula = await given.member(partner)
        unseen, connected = await given.account(client), await given.account(friend)
        await given.grant(await given.partnership(partner, friend), connected)
        for account, code in ((unseen, UserErrorCode.NOT_FOUND), (connected, UserErrorCode.INVALID)):
            async with refused(code, "accountIds"):
                await partnerships.offer(
                    by=paula, partner_id=partner.id, client_id=client.id, terms=TERMS, account_ids=[account.id]
                )

    async def test_accounts_offered_are_kept_as_items(self) -> None:
        # Set up by the partner: connected before there is a partnership with this client (mission 1.8).
        partner, client = await given.partner(), await given.client()
        elsewhere = await given.partnership(partner, await given.client("Hill Foods"))
        account = await given.account(client)
        await given.grant(elsewhere, account)
        await partnerships.offer(
            by=await given.member(partner),
            partner_id=partner.id,
            client_id=client.id,
            terms=TERMS,
            account_ids=[account.id],
        )
        [item] = await models.ProposalItem.all()
        assert (item.kind, item.account_id, item.accepted) == (ModificationKind.ADD_ACCOUNT, account.id, None)

    @pytest.mark.parametrize(
        ("terms", "path"),
        [
            ({"title": " "}, ("terms", "title")),
            ({"title": "x" * 201}, ("terms", "title")),
            ({"title": "a\r\nBcc: all"}, ("terms", "title")),
            ({"title": "a", "region": "b\nc"}, ("terms", "region")),
            ({"title": "a", "description": "b\0"}, ("terms", "description")),
        ],
    )
    async def test_terms_are_checked(self, terms: partnerships.Terms, path: tuple[str, ...]) -> None:
        partner, client = await given.partner(), await given.client()
        paula = await given.member(partner)
        async with refused(UserErrorCode.INVALID, *path):
            await partnerships.offer(by=paula, partner_id=partner.id, client_id=client.id, terms=terms)

    async def test_at_most_a_hundred_contacts(self) -> None:
        partner, client = await given.partner(), await given.client()
        paula = await given.member(partner)
        async with refused(UserErrorCode.INVALID, "contactIds"):
            await partnerships.offer(
                by=paula,
                partner_id=partner.id,
                client_id=client.id,
                terms=TERMS,
                contact_ids=[f"contact_{n}" for n in range(101)],
            )


@pytest.mark.usefixtures("database", "clock")
class TestWhatIsOpen:
    async def test_an_open_offer_blocks_a_second_and_an_active_partnership_any(self) -> None:
        partner, client = await given.partner(), await given.client()
        paula, owner = await given.member(partner), await given.staff(await given.account(client))
        first = await partnerships.offer(by=paula, partner_id=partner.id, client_id=client.id, terms=TERMS)
        async with refused(UserErrorCode.ALREADY_PROPOSED, "clientId"):
            await partnerships.offer(by=paula, partner_id=partner.id, client_id=client.id, terms=TERMS)
        offer_id = (await models.Partnership.get(id=first)).offer_id
        assert offer_id is not None
        await proposals.accept(offer_id, by=owner)
        async with refused(UserErrorCode.ALREADY_PARTNERS, "clientId"):
            await partnerships.offer(by=paula, partner_id=partner.id, client_id=client.id, terms=TERMS)

    async def test_another_partners_offer_blocks_nobody(self) -> None:
        client = await given.client()
        for name in ("Northwind", "Southwind"):
            partner = await given.partner(name)
            await partnerships.offer(
                by=await given.member(partner), partner_id=partner.id, client_id=client.id, terms=TERMS
            )
        assert await models.Partnership.all().count() == 2

    async def test_5_1a_an_expired_one_is_announced_first_and_never_blocks(self, clock: ModuleType) -> None:
        partner, client = await given.partner(), await given.client()
        paula = await given.member(partner)
        contact = await given.contact(partner)
        stale = await partnerships.offer(
            by=paula, partner_id=partner.id, client_id=client.id, terms=TERMS, contact_ids=[contact.id]
        )
        clock.advance(OFFER_LASTS - timedelta(microseconds=1))
        async with refused(UserErrorCode.ALREADY_PROPOSED, "clientId"):
            await partnerships.offer(by=paula, partner_id=partner.id, client_id=client.id, terms=TERMS)
        clock.advance(timedelta(microseconds=1))
        fresh = await partnerships.offer(
            by=paula, partner_id=partner.id, client_id=client.id, terms=TERMS, contact_ids=[contact.id]
        )
        statuses = {row.id: row.status for row in await models.Partnership.all()}
        assert statuses == {stale: PartnershipStatus.EXPIRED, fresh: PartnershipStatus.OFFERED}
        events = await models.Event.filter(stream=stale).order_by("version")
        assert [event.topic for event in events] == ["partnership.offered", "partnership.expired"]

    async def test_4_7_a_new_offer_is_linked_to_the_partnership_that_ended_last(self, clock: ModuleType) -> None:
        partner, client = await given.partner(), await given.client()
        await given.partnership(partner, client, PartnershipStatus.ENDED)
        clock.advance(timedelta(days=1))
        last = await given.partnership(partner, client, PartnershipStatus.ENDED)
        await given.partnership(partner, client, PartnershipStatus.DECLINED)
        await given.partnership(await given.partner("Southwind"), client, PartnershipStatus.ENDED)
        fresh = await partnerships.offer(
            by=await given.member(partner), partner_id=partner.id, client_id=client.id, terms=TERMS
        )
        assert (await models.Partnership.get(id=fresh)).previous_id == last.id


@pytest.mark.usefixtures("database", "clock")
class TestToAnAddress:
    async def offer(self, by: Seat, email: str, client_name: str | None = None) -> models.Partnership:
        assert by.partner_id is not None
        partnership_id = await partnerships.offer(
            by=by, partner_id=by.partner_id, email=email, client_name=client_name, terms=TERMS, message="Shall we?"
        )
        return await models.Partnership.get(id=partnership_id)

    async def test_an_invite_is_sent_that_stays_open_as_long_as_the_offer(self) -> None:
        partner = await given.partner()
        paula = await given.member(partner)
        partnership = await self.offer(paula, "Owner@Customer.EXAMPLE", "Customer Ltd")
        offer = await models.Proposal.get(id=partnership.offer_id)
        invite = await models.Proposal.get(kind=ProposalKind.INVITE)
        [link] = await models.Link.all()
        assert (partnership.client_id, partnership.client_key) == (None, "customer ltd")
        assert (offer.email, offer.client_name, offer.to_client_id) == (
            "owner@customer.example",
            "Customer Ltd",
            None,
        )
        assert (invite.invite_kind, invite.partnership_id, invite.from_partner_id, invite.partner_id) == (
            InviteKind.PARTNERSHIP,
            partnership.id,
            partner.id,
            None,
        )
        assert (invite.email, invite.client_name, invite.message, invite.expires_at, invite.status) == (
            offer.email,
            offer.client_name,
            "Shall we?",
            offer.expires_at,
            ProposalStatus.PENDING,
        )
        assert (link.proposal_id, link.email, link.expires_at) == (invite.id, offer.email, offer.expires_at)
        assert [event.topic for event in await models.Event.all()] == ["partnership.offered"]

    async def test_without_a_name_the_address_is_what_the_list_sorts_by(self) -> None:
        partnership = await self.offer(await given.member(await given.partner()), "Owner@Customer.example")
        assert partnership.client_key == "owner@customer.example"

    @pytest.mark.parametrize("email", ["b@y>, <evil@z", "a@b\r\nBcc: c@d.example", "nobody", "", "a@localhost"])
    async def test_what_is_no_address_is_invalid(self, email: str) -> None:
        paula = await given.member(await given.partner())
        async with refused(UserErrorCode.INVALID, "email"):
            await self.offer(paula, email)

    async def test_a_partner_does_not_offer_to_its_own_people_or_domain(self) -> None:
        partner = await given.partner(domain="northwind.example")
        paula = await given.member(partner)
        colleague = await given.user(email="carl@private.example")
        await given.member(partner, user=colleague)
        for email in ("carl@private.example", "Carl@Private.Example", "anybody@NORTHWIND.example"):
            async with refused(UserErrorCode.SELF_PARTNERSHIP, "email"):
                await self.offer(paula, email)
        for email in ("anybody@sub.northwind.example", "carl@northwind.example.org"):
            await self.offer(paula, email)

    async def test_a_former_member_may_be_asked(self) -> None:
        partner = await given.partner()
        paula = await given.member(partner)
        former = await given.user(email="carl@private.example")
        await given.member(partner, user=former)
        await models.PartnerMember.filter(user_id=former.id).update(removed_at=clock.now())
        await self.offer(paula, "carl@private.example")

    async def test_an_address_that_is_asked_already_is_not_asked_again_by_the_same_partner(
        self, clock: ModuleType
    ) -> None:
        partner = await given.partner()
        paula = await given.member(partner)
        await self.offer(paula, "owner@customer.example")
        async with refused(UserErrorCode.ALREADY_PROPOSED, "email"):
            await self.offer(paula, "OWNER@customer.example")
        await self.offer(await given.member(await given.partner("Southwind")), "owner@customer.example")
        clock.advance(OFFER_LASTS)
        await self.offer(paula, "owner@customer.example")
        assert await models.Event.filter(topic="partnership.expired").count() == 1


@pytest.mark.usefixtures("committed")
class TestAtOnce:
    @pytest.mark.parametrize("to", ["client", "address"])
    async def test_of_two_offers_at_once_one_is_made(self, to: str) -> None:
        partner, client = await given.partner(), await given.client()
        paula = await given.member(partner)
        whom = {"client_id": client.id} if to == "client" else {"email": "owner@customer.example"}
        answers = await asyncio.gather(
            *(partnerships.offer(by=paula, partner_id=partner.id, terms=TERMS, **whom) for _ in range(6)),
            return_exceptions=True,
        )
        codes = [answer.code for answer in answers if isinstance(answer, Refusal)]
        assert codes == [UserErrorCode.ALREADY_PROPOSED] * 5
        assert await models.Partnership.all().count() == 1
        assert await models.Event.all().count() == 1

    async def test_of_two_offers_at_once_that_find_an_expired_one_one_is_made_and_the_end_announced_once(self) -> None:
        partner, client = await given.partner(), await given.client()
        paula = await given.member(partner)
        await partnerships.offer(by=paula, partner_id=partner.id, client_id=client.id, terms=TERMS)
        with clock.frozen_at(clock.now() + OFFER_LASTS):
            answers = await asyncio.gather(
                *(
                    partnerships.offer(by=paula, partner_id=partner.id, client_id=client.id, terms=TERMS)
                    for _ in range(6)
                ),
                proposals.expire_due(clock.now()),
                return_exceptions=True,
            )
        assert sum(isinstance(answer, str) for answer in answers) == 1, answers
        assert all(isinstance(answer, (str, int, Refusal)) for answer in answers), answers
        assert await models.Event.filter(topic="partnership.expired").count() == 1


async def test_3_4_who_was_asked_by_id_shows_in_the_partners_list_from_the_acceptance_on(
    database: None, clock: ModuleType
) -> None:
    client, partner = await given.client("Harbour Foods"), await given.partner()
    owner = await given.staff(await given.account(client))
    partnership_id = await partnerships.offer(
        by=await given.member(partner), partner_id=partner.id, client_id=client.id, terms={"title": "Shop care"}
    )
    await clients.update(by=owner, client_id=client.id, name="Hill Foods")
    before = await models.Partnership.get(id=partnership_id)
    await proposals.accept(str(before.offer_id), by=owner, account_ids=[])
    after = await models.Partnership.get(id=partnership_id)
    assert (before.client_key, after.client_key) == ("", "hill foods")
