"""Partner and client companies: created by the vendor, described by themselves (mission 3.1, 4.8, 5.4)."""

from datetime import timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

import models
from domain import clients, partners
from domain.seats import Seat
from models.base import text_key
from models.enums import (
    AccountStatus,
    Audience,
    InviteKind,
    LinkPurpose,
    PartnerKind,
    PartnerMemberRole,
    PartnershipStatus,
    ProposalKind,
    SecurityRole,
    Side,
    UserErrorCode,
)
from tests import given
from tests.domain.refusals import columns, everything, refused

INVITE_LASTS = timedelta(days=7)
NO_DETAILS = dict.fromkeys(["street", "city", "state", "postal_code", "country", "phone", "fax", "email", "website"])


async def create_partner(by: Seat, **given_columns: Any) -> str:
    return await partners.create(
        **{
            "by": by,
            "name": "Northwind",
            "kind": PartnerKind.PARTNER,
            "domain": "northwind.example",
            "licences": 5,
            "admin_email": "ada@northwind.example",
            "admin_name": "Ada",
            **given_columns,
        }
    )


async def create_client(by: Seat, **given_columns: Any) -> str:
    return await clients.create(
        **{
            "by": by,
            "name": "Harbour Foods",
            "owner_email": "clara@harbour.example",
            "owner_name": "Clara",
            "account_name": "Main shop",
            **given_columns,
        }
    )


async def told(topic: str) -> list[tuple[object, ...]]:
    events = await models.Event.filter(topic=topic).order_by("id")
    return [(event.stream, event.partner_id, event.client_id, event.changes) for event in events]


@pytest.mark.usefixtures("database", "clock")
class TestPartnerCreate:
    async def test_3_1_the_company_is_written_and_its_admin_invited(self, clock: ModuleType) -> None:
        vendor = await given.admin()
        partner_id = await create_partner(
            vendor,
            name=" Éclair  & Co ",
            domain="NORTHWIND.example",
            admin_email="Ada@Northwind.Example",
            copy_address="Copies@northwind.example",
            details={"city": " Bergen ", "postal_code": "5003", "street": " ", "website": "https://northwind.example"},
        )
        partner = await models.Partner.get(id=partner_id)
        assert columns(partner) == {
            **NO_DETAILS,
            "id": partner_id,
            "name": "Éclair  & Co",
            "name_key": "eclair & co",
            "kind": PartnerKind.PARTNER,
            "domain": "northwind.example",
            "licences": 5,
            "copy_address": "copies@northwind.example",
            "revenue_share_ppm": None,
            "admin_id": None,
            "city": "Bergen",
            "postal_code": "5003",
            "website": "https://northwind.example/",
            "created_at": clock.now(),
        }
        invite = await models.Proposal.get(kind=ProposalKind.INVITE)
        assert (invite.invite_kind, invite.partner_id, invite.email, invite.name, invite.expires_at) == (
            InviteKind.PARTNER_ADMIN,
            partner_id,
            "ada@northwind.example",
            "Ada",
            clock.now() + INVITE_LASTS,
        )
        link = await models.Link.get(proposal_id=invite.id)
        assert (link.purpose, link.email) == (LinkPurpose.INVITE, "ada@northwind.example")
        events = await models.Event.filter(stream=partner_id).order_by("version")
        assert [(event.topic, event.partner_id, event.side) for event in events] == [
            ("partner.created", partner_id, Side.VENDOR),
            ("invite.sent", partner_id, Side.VENDOR),
        ]

    async def test_only_the_vendor_creates_companies(self) -> None:
        member = await given.member(await given.partner(), PartnerMemberRole.ADMIN)
        owner = await given.staff(await given.account(await given.client()))
        for by in (member, owner):
            async with refused(UserErrorCode.FORBIDDEN):
                await create_partner(by)
            async with refused(UserErrorCode.FORBIDDEN):
                await create_client(by)

    @pytest.mark.parametrize(
        "email",
        [
            "ada@sub.northwind.example",
            "ada@northwind.example.org",
            "ada@notnorthwind.example",
            "ada@northw1nd.example",
            "ada@n\u043erthwind.example",
            "ada@xn--nrthwind-nbh.example",
        ],
    )
    async def test_3_1_the_admins_address_is_at_the_domain_itself(self, email: str) -> None:
        vendor = await given.admin()
        async with refused(UserErrorCode.DOMAIN_MISMATCH, "adminEmail"):
            await create_partner(vendor, admin_email=email)

    @pytest.mark.parametrize(
        ("column", "value", "path"),
        [
            ("name", " ", ("name",)),
            ("name", "a\r\nb", ("name",)),
            ("domain", "no domain", ("domain",)),
            ("domain", "a@b.example", ("domain",)),
            ("licences", 0, ("licences",)),
            ("licences", -1, ("licences",)),
            ("licences", 1_000_001, ("licences",)),
            ("admin_email", "ada", ("adminEmail",)),
            ("admin_name", "", ("adminName",)),
            ("copy_address", "b@y>, <evil@z", ("copyAddress",)),
            ("details", {"email": "nobody"}, ("details", "email")),
            ("details", {"website": "javascript:alert(1)"}, ("details", "website")),
            ("details", {"postal_code": "1\n2"}, ("details", "postalCode")),
        ],
    )
    async def test_what_is_typed_is_checked(self, column: str, value: object, path: tuple[str, ...]) -> None:
        vendor = await given.admin()
        async with refused(UserErrorCode.INVALID, *path):
            await create_partner(vendor, **{column: value})


@pytest.mark.usefixtures("database", "clock")
class TestClientCreate:
    async def test_the_company_its_account_and_its_owners_invite_are_written(self, clock: ModuleType) -> None:
        client_id = await create_client(await given.admin(), details={"city": "Oslo"})
        [account] = await models.Account.all()
        invite = await models.Proposal.get(kind=ProposalKind.INVITE)
        assert columns(await models.Client.get(id=client_id)) == {
            **NO_DETAILS,
            "id": client_id,
            "name": "Harbour Foods",
            "name_key": "harbour foods",
            "city": "Oslo",
            "created_at": clock.now(),
        }
        assert (account.client_id, account.name, account.name_key, account.status, account.owner_id) == (
            client_id,
            "Main shop",
            "main shop",
            AccountStatus.SETTING_UP,
            None,
        )
        assert (invite.invite_kind, invite.account_id, invite.email, invite.role, invite.expires_at) == (
            InviteKind.ACCOUNT_OWNER,
            account.id,
            "clara@harbour.example",
            SecurityRole.ACCOUNT_OWNER,
            clock.now() + INVITE_LASTS,
        )
        events = await models.Event.all().order_by("id")
        assert [(event.topic, event.stream, event.client_id, event.visible_to) for event in events] == [
            ("client.created", client_id, client_id, Audience.BOTH),
            ("account.created", account.id, client_id, Audience.BOTH),
            ("invite.sent", account.id, client_id, Audience.BOTH),
        ]

    @pytest.mark.parametrize(
        ("column", "value", "path"),
        [
            ("name", "", "name"),
            ("owner_email", "clara@", "ownerEmail"),
            ("owner_name", "\t", "ownerName"),
            ("account_name", "x" * 201, "accountName"),
        ],
    )
    async def test_what_is_typed_is_checked(self, column: str, value: str, path: str) -> None:
        vendor = await given.admin()
        async with refused(UserErrorCode.INVALID, path):
            await create_client(vendor, **{column: value})


@pytest.mark.usefixtures("database", "clock")
class TestUpdate:
    async def test_4_8_a_partners_details_change_at_once_and_its_clients_are_told(self) -> None:
        partner = await given.partner("Northwind", city="Bergen", street="Strand 1")
        admin = await given.member(partner, PartnerMemberRole.ADMIN)
        active = await given.partnership(partner, await given.client())
        ended = await given.partnership(partner, await given.client("Hill Foods"), PartnershipStatus.ENDED)
        other = await given.partnership(await given.partner("Southwind"), await given.client("Lake Foods"))
        assert (
            await partners.update(
                by=admin,
                partner_id=partner.id,
                name="Éastwind",
                details={"city": "Oslo", "street": None, "state": None},
                copy_address="copies@northwind.example",
            )
            == partner.id
        )
        changed = await models.Partner.get(id=partner.id)
        assert (changed.name, changed.name_key, changed.city, changed.street, changed.copy_address) == (
            "Éastwind",
            "eastwind",
            "Oslo",
            None,
            "copies@northwind.example",
        )
        described = [
            {"field": "street", "before": "Strand 1", "after": None},
            {"field": "city", "before": "Bergen", "after": "Oslo"},
            {"field": "name", "before": "Northwind", "after": "Éastwind"},
        ]
        copied = {"field": "copyAddress", "before": None, "after": "copies@northwind.example"}
        [(stream, partner_id, client_id, own)] = await told("partner.updated")
        assert (stream, partner_id, client_id) == (partner.id, partner.id, None)
        assert own == [*described, copied]
        [(stream, partner_id, client_id, others)] = await told("partnership.company_updated")
        assert (stream, partner_id, client_id) == (active.id, partner.id, active.client_id)
        assert others == described
        keys = {row.id: row.partner_key for row in await models.Partnership.all()}
        assert keys == {active.id: "eastwind", ended.id: "eastwind", other.id: other.partner_key}

    async def test_4_8_a_clients_details_change_at_once_and_its_partners_are_told(self) -> None:
        client = await given.client()
        owner = await given.staff(await given.account(client))
        partnerships = [
            await given.partnership(await given.partner(name), client) for name in ("Northwind", "Southwind")
        ]
        await clients.update(by=owner, client_id=client.id, name="Hill Foods", details={"fax": "1"})
        assert {row[0] for row in await told("partnership.company_updated")} == {row.id for row in partnerships}
        assert {row.client_key for row in await models.Partnership.all()} == {text_key("Hill Foods")}
        [(stream, partner_id, client_id, _)] = await told("client.updated")
        assert (stream, partner_id, client_id) == (client.id, None, client.id)

    async def test_where_the_copies_go_is_nobody_elses_business(self) -> None:
        partner = await given.partner()
        await given.partnership(partner, await given.client())
        admin = await given.member(partner, PartnerMemberRole.ADMIN)
        await partners.update(by=admin, partner_id=partner.id, copy_address="copies@northwind.example")
        assert (len(await told("partner.updated")), len(await told("partnership.company_updated"))) == (1, 0)
        await partners.update(by=admin, partner_id=partner.id, copy_address=None)
        assert (await models.Partner.get(id=partner.id)).copy_address is None

    async def test_what_is_so_already_is_not_told(self) -> None:
        partner, client = await given.partner(city="Bergen"), await given.client(city="Oslo")
        admin = await given.member(partner, PartnerMemberRole.ADMIN)
        owner = await given.staff(await given.account(client))
        before = await everything()
        await partners.update(by=admin, partner_id=partner.id, name=partner.name, details={"city": "Bergen"})
        await partners.update(by=admin, partner_id=partner.id)
        await clients.update(by=owner, client_id=client.id, name=None, details={"city": "Oslo", "fax": ""})
        assert await everything() == before

    async def test_5_4_the_vendor_acts_for_a_company_visibly(self) -> None:
        partner, client, vendor = await given.partner(), await given.client(), await given.admin()
        await partners.update(by=vendor, partner_id=partner.id, details={"city": "Oslo"})
        await clients.update(by=vendor, client_id=client.id, details={"city": "Oslo"})
        events = await models.Event.all().order_by("id")
        assert [(event.actor_id, event.side, event.on_behalf_of) for event in events] == [
            (vendor.user_id, Side.VENDOR, partner.id),
            (vendor.user_id, Side.VENDOR, client.id),
        ]

    async def test_only_the_companys_own_leaders_describe_it(self) -> None:
        partner, client = await given.partner(), await given.client()
        await given.partnership(partner, client)
        account = await given.account(client)
        member, staff = await given.member(partner), await given.staff(account, SecurityRole.MANAGER)
        admin, owner = await given.member(partner, PartnerMemberRole.ADMIN), await given.staff(account)
        for by in (member, staff, owner):
            async with refused(UserErrorCode.FORBIDDEN):
                await partners.update(by=by, partner_id=partner.id, name="Other")
        for by in (member, staff, admin):
            async with refused(UserErrorCode.FORBIDDEN):
                await clients.update(by=by, client_id=client.id, name="Other")

    async def test_a_foreign_company_is_not_found(self) -> None:
        partner, client = await given.partner(), await given.client()
        admin = await given.member(await given.partner("Southwind"), PartnerMemberRole.ADMIN)
        owner = await given.staff(await given.account(await given.client("Hill Foods")))
        async with refused(UserErrorCode.NOT_FOUND, "partnerId"):
            await partners.update(by=admin, partner_id=partner.id, name="Other")
        async with refused(UserErrorCode.NOT_FOUND, "clientId"):
            await clients.update(by=owner, client_id=client.id, name="Other")

    async def test_what_is_typed_is_checked(self) -> None:
        partner, client = await given.partner(), await given.client()
        vendor = await given.admin()
        async with refused(UserErrorCode.INVALID, "name"):
            await partners.update(by=vendor, partner_id=partner.id, name=" ")
        async with refused(UserErrorCode.INVALID, "copyAddress"):
            await partners.update(by=vendor, partner_id=partner.id, copy_address="nobody")
        async with refused(UserErrorCode.INVALID, "details", "email"):
            await clients.update(by=vendor, client_id=client.id, details={"email": "nobody"})


@pytest.mark.usefixtures("database", "clock")
class TestRevenueShare:
    async def test_1_10_the_vendor_sets_it_and_the_partner_alone_is_told(self) -> None:
        partner, vendor = await given.partner(), await given.admin()
        await given.partnership(partner, await given.client())
        for rate in (Decimal("0.15"), Decimal("0.150"), None):
            await partners.set_revenue_share(by=vendor, partner_id=partner.id, rate=rate)
        assert (await models.Partner.get(id=partner.id)).revenue_share_ppm is None
        events = await models.Event.filter(topic="partner.revenue_share_set").order_by("version")
        assert [(event.partner_id, event.client_id, event.visible_to, event.changes) for event in events] == [
            (partner.id, None, Audience.PARTNER, [{"field": "rate", "before": None, "after": "0.15"}]),
            (partner.id, None, Audience.PARTNER, [{"field": "rate", "before": "0.15", "after": None}]),
        ]
        assert await models.Event.all().count() == 2

    async def test_1_10_a_partner_says_nothing_of_it(self) -> None:
        partner = await given.partner()
        paula = await given.member(partner, PartnerMemberRole.ADMIN)
        async with refused(UserErrorCode.FORBIDDEN):
            await partners.set_revenue_share(by=paula, partner_id=partner.id, rate=Decimal("0.9"))

    @pytest.mark.parametrize("rate", ["-0.1", "1.1", "0.0000001"])
    async def test_what_is_no_share_is_invalid(self, rate: str) -> None:
        partner, vendor = await given.partner(), await given.admin()
        async with refused(UserErrorCode.INVALID, "rate"):
            await partners.set_revenue_share(by=vendor, partner_id=partner.id, rate=Decimal(rate))
