import itertools

import pytest

import models
from domain import changes, policy
from domain.errors import Refusal
from domain.policy import Permission
from domain.seats import Seat
from models.enums import Audience, Capability, PartnershipStatus, Role, SecurityRole, Side, UserErrorCode
from tests import given
from tests.domain.refusals import columns, refused

# The law, written down a second time: who changes it, changes both.
MATRIX = """
                      PUBLIC USER ADMIN PARTNER PARTNER_ADMIN CLIENT ACCOUNT_OWNER CLIENT_PARTNER CLIENT_PARTNER_ADMIN
SIGN_IN               x      .    .     .       .             .      .             .              .
SIGN_IN_LINK_SEND     x      .    .     .       .             .      .             .              .
SIGN_IN_WITH_LINK     x      .    .     .       .             .      .             .              .
SEAT_TAKE             .      x    .     .       .             .      .             .              .
SIGN_OUT              .      x    .     .       .             .      .             .              .
SESSION_END           .      x    .     .       .             .      .             .              .
PASSWORD_CHANGE       .      x    .     .       .             .      .             .              .
INVITE_ACCEPT         x      .    .     .       .             .      .             .              .
INVITE_DECLINE        x      .    .     .       .             .      .             .              .
INVITE_WITHDRAW       .      .    x     x       .             x      .             .              x
INVITE_REMIND         .      .    x     x       .             x      .             .              x
PROPOSAL_SUBMIT       .      .    .     x       .             x      .             .              .
PROPOSAL_ACCEPT       .      x    .     .       .             .      .             .              .
PROPOSAL_DECLINE      .      x    .     .       .             .      .             .              .
PROPOSAL_WITHDRAW     .      x    .     .       .             .      .             .              .
PROPOSAL_REMIND       .      x    .     .       .             .      .             .              .
PARTNERSHIP_OFFER     .      .    .     x       .             .      .             .              .
OFFER_ACCEPT          .      .    .     .       .             .      x             .              .
OFFER_DECLINE         .      .    .     .       .             .      x             .              .
OFFER_WITHDRAW        .      .    .     x       .             .      .             .              .
OFFER_REMIND          .      .    .     x       .             .      .             .              .
MODIFICATION_DRAFT    .      .    .     x       .             x      .             .              .
MODIFICATION_SUBMIT   .      .    .     x       .             x      .             .              .
MODIFICATION_ACCEPT   .      .    .     x       .             x      .             .              .
MODIFICATION_DECLINE  .      .    .     x       .             x      .             .              .
MODIFICATION_WITHDRAW .      .    .     x       .             x      .             .              .
MODIFICATION_COUNTER  .      .    .     x       .             x      .             .              .
MODIFICATION_REMIND   .      .    .     x       .             x      .             .              .
MANAGERS_ADD          .      .    .     x       .             x      .             .              .
MANAGER_REMOVE        .      .    .     x       .             x      .             .              .
PARTNERSHIP_END       .      .    x     .       x             .      x             .              .
PARTNERSHIP_HIDE      .      .    .     x       .             x      .             .              .
ACCOUNT_CREATE        .      .    x     x       .             .      .             .              .
ACCOUNT_HAND_OVER     .      .    x     x       .             .      .             .              .
ACCOUNT_OWNER_CHANGE  .      .    .     x       .             x      .             .              .
ACCOUNT_SUBSCRIPTION_CHANGE . .   x     x       .             x      .             .              .
ACCOUNT_CANCEL        .      .    .     x       .             x      .             .              .
STAFF_INVITE          .      .    .     x       .             x      .             .              .
STAFF_ROLE_SET        .      .    .     x       .             x      .             .              .
STAFF_REMOVE          .      .    .     x       .             x      .             .              .
JOBS_RECORD           .      .    x     .       .             .      .             .              .
PAYMENT_RECORD        .      .    x     .       .             .      .             .              .
ACCOUNT_OPEN          .      .    .     x       .             x      .             .              .
GRANT_REQUEST         .      .    .     x       .             .      .             .              .
GRANT_ENABLE          .      .    .     .       .             .      x             .              .
GRANT_DISABLE         .      .    .     .       .             .      x             .              .
GRANT_DISCONNECT      .      .    .     .       x             .      x             .              .
REQUEST_ACCEPT        .      .    .     .       .             .      x             .              .
REQUEST_DECLINE       .      .    .     .       .             .      x             .              .
REQUEST_WITHDRAW      .      .    .     x       .             .      .             .              .
REQUEST_REMIND        .      .    .     x       .             .      .             .              .
PARTNER_CREATE        .      .    x     .       .             .      .             .              .
PARTNER_REVENUE_SHARE_SET . .     x     .       .             .      .             .              .
PARTNER_LISTING_SET   .      .    x     .       x             .      .             .              .
PARTNER_MESSAGE_SEND  x      .    .     .       .             .      .             .              .
PARTNER_UPDATE        .      .    x     .       x             .      .             .              x
CLIENT_CREATE         .      .    x     .       .             .      .             .              .
CLIENT_UPDATE         .      .    x     .       .             .      x             .              .
CONTACT_CREATE        .      .    x     x       .             x      .             .              .
CONTACT_UPDATE        .      .    x     x       .             x      .             .              .
CONTACT_ERASE         .      .    x     .       x             .      x             .              .
NOTICE_MARK_READ      .      x    .     .       .             .      .             .              .
NOTICES_MARK_READ     .      x    .     .       .             .      .             .              .
NOTICE_ACKNOWLEDGE    .      x    .     .       .             .      .             .              .
NOTICE_PREFERENCE_SET .      x    .     .       .             .      .             .              .
WEBHOOK_CREATE        .      .    x     .       x             .      x             .              .
WEBHOOK_UPDATE        .      .    x     .       x             .      x             .              .
WEBHOOK_SECRET_ROTATE .      .    x     .       x             .      x             .              .
WEBHOOK_DELETE        .      .    x     .       x             .      x             .              .
WEBHOOK_TEST          .      .    x     .       x             .      x             .              .
WEBHOOK_REDELIVER     .      .    x     .       x             .      x             .              .
WEBHOOK_REPLAY        .      .    x     .       x             .      x             .              .
PARTNER_LICENCES_SET  .      .    x     .       .             .      .             .              .
MEMBER_INVITE         .      .    x     .       x             .      .             .              x
MEMBER_REMOVE         .      .    x     .       x             .      .             .              x
PARTNER_ADMIN_TRANSFER .     .    x     .       x             .      .             .              x
PROJECT_CREATE        .      .    x     x       .             x      .             .              .
PROJECT_UPDATE        .      .    x     x       .             x      .             .              .
PROJECT_PARTNER_ADD   .      .    x     .       .             .      .             .              .
PROJECT_INVITE        .      .    x     .       .             x      .             .              x
PROJECT_MEMBER_REMOVE .      .    x     .       .             .      x             .              x
PROJECT_PARTNER_REMOVE .     .    x     .       .             .      x             .              .
ACTION_ITEM_CREATE    .      .    x     x       .             x      .             x              .
ACTION_ITEM_STATUS_SET .     .    x     x       .             x      .             x              .
APPROVAL_REQUEST      .      .    x     x       .             x      .             x              .
APPROVAL_ACCEPT       .      .    x     x       .             x      .             x              .
APPROVAL_DECLINE      .      .    x     x       .             x      .             x              .
APPROVAL_WITHDRAW     .      .    x     x       .             x      .             x              .
APPROVAL_REMIND       .      .    x     x       .             x      .             x              .
CONVERSATION_START    .      .    x     x       .             x      .             x              .
MESSAGE_POST          .      .    x     x       .             x      .             x              .
CONVERSATION_MARK_READ .     .    x     x       .             x      .             x              .
FILE_UPLOAD           .      .    x     x       .             x      .             x              .
FILE_UPLOAD_FINISH    .      .    x     x       .             x      .             x              .
FILE_DELETE           .      .    x     x       .             x      .             x              .
WIDGET_ADD            .      .    x     .       .             .      .             .              .
RATING_REQUEST        .      .    x     .       .             .      .             .              .
RATING_GIVE           .      .    .     x       .             x      .             x              .
"""
HEAD, *ROWS = (line.split() for line in MATRIX.strip().splitlines())
EXPECTED = {row[0]: {role for role, mark in zip(HEAD, row[1:], strict=True) if mark == "x"} for row in ROWS}


def seat(*roles: Role) -> Seat:
    return Seat(
        id="seat_1",
        user_id="user_1",
        side=Side.VENDOR,
        roles=frozenset(roles),
        partner_id=None,
        client_id=None,
        version=1,
        session_id="session_1",
        token_hash="",
    )


def test_the_permissions_are_those_of_the_law() -> None:
    assert {permission.value: set(roles) for permission, roles in policy.ALLOWED.items()} == EXPECTED
    assert set(HEAD) == set(Role)
    assert set(policy.ALLOWED) == set(Permission)


@pytest.mark.parametrize(("permission", "role"), list(itertools.product(Permission, Role)))
def test_every_permission_is_required_of_every_role(permission: Permission, role: Role) -> None:
    if role in EXPECTED[permission]:
        policy.require(permission, by=seat(role))
        return
    with pytest.raises(Refusal) as caught:
        policy.require(permission, by=seat(role))
    assert caught.value.code is UserErrorCode.FORBIDDEN


def test_1_7_capabilities_are_those_of_the_law() -> None:
    four = {
        Capability.VIEW_ACCOUNT,
        Capability.MANAGE_PROJECTS,
        Capability.MANAGE_CONTACTS,
        Capability.MANAGE_STAFF,
    }
    expected = {
        SecurityRole.ACCOUNT_OWNER: four
        | {
            Capability.ACCEPT_PARTNER_INVITES,
            Capability.CHANGE_OWNER,
            Capability.VIEW_ACTIVITY_HISTORY,
            Capability.CHANGE_SUBSCRIPTION,
            Capability.CANCEL_ACCOUNT,
        },
        SecurityRole.MANAGER: four | {Capability.VIEW_ACTIVITY_HISTORY},
        SecurityRole.STAFF: {Capability.VIEW_ACCOUNT, Capability.MANAGE_PROJECTS},
    }
    assert dict(policy.CAPABILITIES) == expected
    assert set(policy.PARTNER_CAPABILITIES) == four


@pytest.mark.usefixtures("database")
class TestRows:
    async def test_own_rows_are_found(self) -> None:
        partner = await given.partner()
        found = await policy.find(models.Partner, partner.id, by=await given.member(partner))
        assert columns(found) == columns(await models.Partner.get(id=partner.id))

    async def test_a_foreign_row_and_a_missing_one_are_not_found_in_the_same_words(self) -> None:
        member = await given.member(await given.partner())
        foreign = await given.partner("Southwind")
        with pytest.raises(Refusal) as of_foreign:
            await policy.find(models.Partner, foreign.id, "partnerId", by=member)
        with pytest.raises(Refusal) as of_missing:
            await policy.find(models.Partner, "partner_none", "partnerId", by=member)
        assert of_foreign.value.args == of_missing.value.args
        assert of_foreign.value.args == (UserErrorCode.NOT_FOUND, "There is no such partner.", "partnerId")

    async def test_several_rows_come_in_the_order_of_their_ids_each_once(self) -> None:
        partner = await given.partner()
        contacts = [await given.contact(partner, name) for name in ("Grace", "Ada", "Edsger")]
        ids = sorted(contact.id for contact in contacts)
        found = await policy.find_all(models.Contact, [*reversed(ids), ids[0]], by=await given.member(partner))
        assert [contact.id for contact in found] == ids

    async def test_of_several_rows_one_that_is_foreign_is_enough_for_none(self) -> None:
        partner = await given.partner()
        own, foreign = await given.contact(partner), await given.contact(await given.partner("Southwind"))
        by = await given.member(partner)
        async with refused(UserErrorCode.NOT_FOUND, "contactIds"):
            await policy.find_all(models.Contact, [own.id, foreign.id], "contactIds", by=by)

    async def test_a_former_partner_no_longer_finds_the_clients_contacts(self) -> None:
        partner, client = await given.partner(), await given.client()
        contact = await given.contact(client)
        await given.partnership(partner, client, PartnershipStatus.ENDED)
        by = await given.member(partner)
        async with refused(UserErrorCode.NOT_FOUND):
            await policy.find(models.Contact, contact.id, by=by)

    @pytest.mark.parametrize(
        ("audience", "sides"),
        [
            (Audience.BOTH, {Side.PARTNER, Side.CLIENT, Side.VENDOR}),
            (Audience.PARTNER, {Side.PARTNER, Side.VENDOR}),
            (Audience.CLIENT, {Side.CLIENT, Side.VENDOR}),
            (Audience.VENDOR, {Side.VENDOR}),
            (Audience.PARTNER_ALONE, {Side.PARTNER}),
            (Audience.CLIENT_ALONE, {Side.CLIENT}),
        ],
    )
    async def test_4_6_an_event_exists_for_its_audience(self, audience: Audience, sides: set[Side]) -> None:
        partner, client = await given.partner(), await given.client()
        partnership = await given.partnership(partner, client)
        by = [await given.member(partner), await given.staff(await given.account(client)), await given.admin()]
        async with changes.change(by=by[0]) as c:
            about: changes.About = {"partner_id": partner.id, "client_id": client.id}
            c.event("partnership.ended", stream=partnership.id, audience=audience, **about)
        event = await models.Event.get()
        for seat in by:
            if seat.side in sides:
                assert (await policy.find(models.Event, event.id, by=seat)).id == event.id
                continue
            async with refused(UserErrorCode.NOT_FOUND):
                await policy.find(models.Event, event.id, by=seat)
