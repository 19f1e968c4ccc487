"""What the database refuses, whoever asks it."""

from collections.abc import Coroutine
from types import ModuleType

import pytest
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

import models
from models import base
from models.enums import (
    AccessStatus,
    InviteKind,
    PartnerKind,
    PartnerMemberRole,
    PartnershipStatus,
    ProposalKind,
    ProposalStatus,
    SecurityRole,
    Side,
)
from models.proposal import new_proposal_id
from tests import given

pytestmark = pytest.mark.usefixtures("database", "clock")


async def refused(writing: Coroutine[None, None, object]) -> bool:
    """Tell whether the database refused, and leave the transaction as it was if so."""
    try:
        async with in_transaction():
            await writing
    except IntegrityError:
        return True
    return False


async def test_3_3_a_partner_has_one_admin_at_a_time(clock: ModuleType) -> None:
    partner = await given.partner()
    first = await given.member(partner, PartnerMemberRole.ADMIN)
    assert await refused(given.member(partner, PartnerMemberRole.ADMIN))
    assert not await refused(given.member(partner, PartnerMemberRole.COLLABORATOR))
    await models.PartnerMember.filter(user_id=first.user_id).update(removed_at=clock.now())
    assert not await refused(given.member(partner, PartnerMemberRole.ADMIN))


async def test_a_user_is_in_a_company_and_an_account_once_at_a_time(clock: ModuleType) -> None:
    ada, partner, account = await given.user(), await given.partner(), await given.account(await given.client())

    async def join_partner() -> None:
        await models.PartnerMember.create(
            partner=partner, user=ada, role=PartnerMemberRole.COLLABORATOR, joined_at=clock.now()
        )

    async def join_account() -> None:
        await models.StaffMember.create(account=account, user=ada, role=SecurityRole.STAFF, joined_at=clock.now())

    for table, join in ((models.PartnerMember, join_partner), (models.StaffMember, join_account)):
        await join()
        assert await refused(join())
        await table.all().update(removed_at=clock.now())
        assert not await refused(join())


async def test_a_user_has_one_seat_a_company_and_one_at_the_vendor() -> None:
    ada, partner, client = await given.user(), await given.partner(), await given.client()
    partner_admin = given.MEMBER_ROLES[PartnerKind.PARTNER, PartnerMemberRole.ADMIN]
    assert not await refused(given.seat(ada, partner_admin, partner=partner))
    assert await refused(given.seat(ada, partner_admin, partner=partner))
    assert not await refused(given.seat(ada, given.EVERYBODY, client=client))
    assert await refused(given.seat(ada, given.EVERYBODY, client=client))
    assert not await refused(given.seat(ada, given.EVERYBODY))
    assert await refused(given.seat(ada, given.EVERYBODY))


@pytest.mark.parametrize(
    ("side", "at_partner", "at_client"),
    [
        (Side.VENDOR, True, False),
        (Side.PARTNER, False, False),
        (Side.PARTNER, True, True),
        (Side.CLIENT, True, False),
        (Side.CLIENT, False, False),
    ],
)
async def test_a_seat_is_at_the_company_of_its_side(
    clock: ModuleType, side: Side, at_partner: bool, at_client: bool
) -> None:
    partner = await given.partner() if at_partner else None
    client = await given.client() if at_client else None
    seat = models.Seat.create(
        user=await given.user(), side=side, partner=partner, client=client, roles=[], created_at=clock.now()
    )
    assert await refused(seat)


async def test_two_companies_have_one_partnership_at_a_time() -> None:
    partner, client = await given.partner(), await given.client()
    await given.partnership(partner, client, PartnershipStatus.ENDED)
    await given.partnership(partner, client, PartnershipStatus.DECLINED)
    offered = await given.partnership(partner, client, PartnershipStatus.OFFERED)
    assert await refused(given.partnership(partner, client, PartnershipStatus.OFFERED))
    assert await refused(given.partnership(partner, client, PartnershipStatus.ACTIVE))
    await models.Partnership.filter(id=offered.id).update(status=PartnershipStatus.WITHDRAWN)
    assert not await refused(given.partnership(partner, client, PartnershipStatus.ACTIVE))


async def test_an_address_has_one_pending_offer_of_a_partner() -> None:
    partner = await given.partner()
    offered = PartnershipStatus.OFFERED
    first, second, third = [await given.partnership(partner, None, offered) for _ in range(3)]
    offer = await given.offer(first, email="owner@example.com")
    assert await refused(given.offer(second, email="owner@example.com"))
    assert not await refused(given.offer(third, email="other@example.com"))
    await models.Proposal.filter(id=offer.id).update(status=ProposalStatus.EXPIRED)
    assert not await refused(given.offer(second, email="owner@example.com"))


async def test_a_pending_proposal_expires() -> None:
    partnership = await given.partnership(await given.partner(), None, PartnershipStatus.OFFERED)
    assert await refused(given.offer(partnership, expires_at=None))
    assert not await refused(given.offer(partnership, expires_at=None, status=ProposalStatus.DRAFT))


async def test_an_invite_and_nothing_else_says_into_what() -> None:
    partnership = await given.partnership(await given.partner(), None, PartnershipStatus.OFFERED)
    assert await refused(given.offer(partnership, kind=ProposalKind.INVITE))
    assert await refused(given.offer(partnership, invite_kind=InviteKind.PARTNERSHIP))
    assert not await refused(
        given.offer(
            partnership,
            id=new_proposal_id(ProposalKind.INVITE),
            kind=ProposalKind.INVITE,
            invite_kind=InviteKind.PARTNERSHIP,
        )
    )


async def test_a_contact_is_of_one_company(clock: ModuleType) -> None:
    partner, client = await given.partner(), await given.client()
    assert await refused(given.contact(partner, client=client))
    assert await refused(given.contact(partner, partner=None))
    assert not await refused(given.contact(partner))
    assert not await refused(given.contact(client))


async def test_a_contact_is_lent_to_a_partnership_once_at_a_time(clock: ModuleType) -> None:
    partnership = await given.partnership(await given.partner(), await given.client())
    offer = await given.offer(partnership)
    contact = await given.contact(await models.Partner.get())
    lent = await given.lent_contact(partnership, contact, offer)
    assert await refused(given.lent_contact(partnership, contact, offer, assigned_at=None))
    await models.AssignedContact.filter(id=lent.id).update(released_at=clock.now())
    assert not await refused(given.lent_contact(partnership, contact, offer))


async def test_a_partner_has_one_grant_on_an_account_at_a_time() -> None:
    client = await given.client()
    partnership = await given.partnership(await given.partner(), client)
    account = await given.account(client)
    grant = await given.grant(partnership, account)
    assert await refused(given.grant(partnership, account, status=AccessStatus.DISABLED))
    await models.AccessGrant.filter(id=grant.id).update(status=AccessStatus.DISCONNECTED)
    assert not await refused(given.grant(partnership, account))


async def test_numbers_stay_within_their_bounds() -> None:
    assert await refused(given.partner(licences=-1))
    assert not await refused(given.partner(licences=0))
    assert await refused(given.partner(revenue_share_ppm=-1))
    assert await refused(given.partner(revenue_share_ppm=1_000_001))
    assert not await refused(given.partner(revenue_share_ppm=1_000_000))
    assert await refused(given.account(await given.client(), jobs_created=-1))


async def test_what_another_row_points_at_is_not_deleted() -> None:
    client = await given.client()
    account = await given.account(client)
    assert await refused(client.delete())
    await account.delete()
    assert not await refused(client.delete())


async def test_an_id_names_its_table_and_sorts_by_its_making() -> None:
    ids = [base.new_id("partner") for _ in range(100)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 100
    partner = await given.partner()
    assert partner.id.partition("_")[0] == "partner"
    assert len(partner.id) == len("partner_") + 26
    prefixes = [new_proposal_id(kind).partition("_")[0] for kind in ProposalKind]
    assert prefixes == ["offer", "modification", "request", "invite", "approval"]
