"""An account's staff: who invites, re-roles and removes whom (mission 1.7), and what a person loses by it (5.1)."""

from datetime import timedelta
from types import ModuleType

import pytest

import models
from domain import invites, proposals, seats, staff, tokens
from domain.seats import Seat
from models.enums import (
    AccessStatus,
    AccountStatus,
    InviteKind,
    PartnerMemberRole,
    ProposalKind,
    ProposalStatus,
    Role,
    SecurityRole,
    Side,
    UserErrorCode,
)
from tests import given
from tests.domain.refusals import columns, refused
from tests.domain.together import Together, together

pytestmark = pytest.mark.usefixtures("database", "quick_passwords")

OWNER, MANAGER, STAFF = SecurityRole
NEW = "nils@harbour.example"


async def _place(two: Together, of: Seat) -> models.StaffMember:
    return await models.StaffMember.get(account_id=two.account.id, user_id=of.user_id, removed_at=None)


async def _joined(two: Together, role: SecurityRole, name: str = "Max Manager") -> Seat:
    """Put one more person on the account's staff, without making an owner the account's."""
    person = await given.user(name)
    await models.StaffMember.create(account=two.account, user=person, role=role, joined_at=two.account.created_at)
    return await given.seat(person, given.STAFF_ROLES[role], client=two.client)


async def _link(invite_id: str) -> models.Link:
    return await models.Link.get(proposal_id=invite_id, used_at=None, replaced_at=None).select_related("proposal")


async def _accept(invite_id: str, clock: ModuleType, *, by: Seat | None = None) -> invites.InviteAccepted:
    link = await _link(invite_id)
    return await invites.accept(
        tokens.of_link(link),
        tokens.challenge(link, clock.now()),
        by=by,
        name="Nils New",
        password="correct horse battery",
        client_name=None,
        account_name=None,
        ip=None,
        user_agent=None,
    )


async def _told(two: Together) -> list[tuple[object, ...]]:
    events = await models.Event.filter(stream=two.account.id).order_by("version")
    return [(event.topic, event.subject, event.reason, event.changes) for event in events]


# ── invited ──


async def test_an_owner_invites_somebody_to_the_staff_for_seven_days(clock: ModuleType) -> None:
    two = await together()
    invite_id = await staff.invite(by=two.owner, account_id=two.account.id, email="Nils@Harbour.example", role=MANAGER)
    invite = await models.Proposal.get(id=invite_id)
    assert {name: value for name, value in columns(invite).items() if value not in (None, 0)} == {
        "id": invite_id,
        "kind": ProposalKind.INVITE,
        "status": ProposalStatus.PENDING,
        "invite_kind": InviteKind.STAFF,
        "email": NEW,
        "proposed_by_id": two.owner.user_id,
        "proposed_by_side": Side.CLIENT,
        "from_client_id": two.client.id,
        "account_id": two.account.id,
        "role": MANAGER,
        "version": 1,
        "proposed_at": clock.now(),
        "sent_at": clock.now(),
        "expires_at": clock.now() + timedelta(days=7),
        "created_at": clock.now(),
    }
    event = await models.Event.get(topic="invite.sent")
    assert (event.stream, event.subject, event.client_id, event.partner_id) == (
        two.account.id,
        invite_id,
        two.client.id,
        None,
    )


async def test_a_partner_with_access_invites_in_its_own_name(clock: ModuleType) -> None:
    two = await together()
    invite_id = await staff.invite(by=two.paula, account_id=two.account.id, email=NEW, role=STAFF)
    invite = await models.Proposal.get(id=invite_id)
    assert (invite.from_partner_id, invite.from_client_id) == (two.partner.id, None)
    preview = await invites.preview(tokens.of_link(await _link(invite_id)), ip=None)
    assert (preview.kind, preview.sender, preview.recipient, preview.title, preview.needs_password) == (
        InviteKind.STAFF,
        "Northwind",
        "Harbour Foods",
        "Staff of Main shop",
        True,
    )


@pytest.mark.parametrize("role", SecurityRole)
async def test_whoever_accepts_is_on_the_staff_in_the_role_of_the_invite(role: SecurityRole, clock: ModuleType) -> None:
    two = await together()
    invite_id = await staff.invite(by=two.owner, account_id=two.account.id, email=NEW, role=role)
    seat = (await _accept(invite_id, clock)).signed_in.seat
    place = await _place(two, seat)
    owns = {Role.ACCOUNT_OWNER} if role is OWNER else set()
    assert (place.role, seat.client_id, set(seat.roles)) == (
        role,
        two.client.id,
        {Role.PUBLIC, Role.USER, Role.CLIENT} | owns,
    )
    assert (await models.Account.get(id=two.account.id)).owner_id == two.owner.user_id
    assert await _told(two) == [
        ("invite.sent", invite_id, None, []),
        ("account.member_joined", place.id, None, []),
        ("invite.accepted", invite_id, None, []),
    ]


INVITING = [
    ("owner", OWNER, None, None),
    ("owner", STAFF, None, None),
    ("manager", MANAGER, None, None),
    ("manager", OWNER, UserErrorCode.CAPABILITY_DENIED, "role"),
    ("sam", STAFF, UserErrorCode.CAPABILITY_DENIED, "accountId"),
    ("paula", MANAGER, None, None),
    ("paula", OWNER, UserErrorCode.CAPABILITY_DENIED, "role"),
    ("admin", OWNER, UserErrorCode.CAPABILITY_DENIED, "role"),
    ("stranger", STAFF, UserErrorCode.NOT_FOUND, "accountId"),
    ("other client", STAFF, UserErrorCode.NOT_FOUND, "accountId"),
    ("former", STAFF, UserErrorCode.NOT_FOUND, "accountId"),
]


async def _seat(two: Together, who: str) -> Seat:
    match who:
        case "manager":
            return await _joined(two, MANAGER)
        case "stranger":
            return await given.member(await given.partner("Westwind"), PartnerMemberRole.ADMIN)
        case "other client":
            return await given.staff(await given.account(await given.client("Elsewhere")))
        case "former":
            seat = await _joined(two, OWNER, "Fred Former")
            await models.StaffMember.filter(user_id=seat.user_id).update(removed_at=two.account.created_at)
            return seat
        case "vendor":
            return await given.admin()
    found: Seat = getattr(two, who)
    return found


@pytest.mark.parametrize(("who", "role", "code", "at"), INVITING)
async def test_1_7_who_may_invite_whom(
    who: str, role: SecurityRole, code: UserErrorCode | None, at: str | None, clock: ModuleType
) -> None:
    two = await together()
    by = await _seat(two, who)
    if code is None or at is None:
        await staff.invite(by=by, account_id=two.account.id, email=NEW, role=role)
        return
    async with refused(code, at):
        await staff.invite(by=by, account_id=two.account.id, email=NEW, role=role)


async def test_the_vendor_invites_nobody_to_a_staff(clock: ModuleType) -> None:
    two, by = await together(), await given.admin()
    async with refused(UserErrorCode.FORBIDDEN):
        await staff.invite(by=by, account_id=two.account.id, email=NEW, role=STAFF)


@pytest.mark.parametrize(
    ("status", "code"),
    [(AccessStatus.EXPIRED, UserErrorCode.ACCESS_EXPIRED), (AccessStatus.DISABLED, UserErrorCode.ACCESS_DISABLED)],
)
async def test_a_partner_without_access_manages_no_staff(
    status: AccessStatus, code: UserErrorCode, clock: ModuleType
) -> None:
    two = await together()
    sent = await staff.invite(by=two.paula, account_id=two.account.id, email=NEW, role=STAFF)
    clock.advance(timedelta(hours=2))
    place = await _place(two, two.sam)
    await models.AccessGrant.filter(id=two.grant.id).update(status=status)
    async with refused(code, "accountId"):
        await staff.invite(by=two.paula, account_id=two.account.id, email="uwe@harbour.example", role=STAFF)
    async with refused(code, "proposalId"):
        await proposals.remind(sent, by=two.paula)
    async with refused(code, "proposalId"):
        await proposals.withdraw(sent, by=two.paula)
    # It does not see the staff any more.
    async with refused(UserErrorCode.NOT_FOUND, "staffId"):
        await staff.remove(by=two.paula, staff_id=place.id)
    async with refused(UserErrorCode.NOT_FOUND, "staffId"):
        await staff.set_role(by=two.paula, staff_id=place.id, role=MANAGER)


async def test_nobody_is_invited_twice_or_where_they_are_already(clock: ModuleType) -> None:
    two = await together()
    sam = await models.User.get(id=two.sam.user_id)
    await staff.invite(by=two.owner, account_id=two.account.id, email=NEW, role=STAFF)
    async with refused(UserErrorCode.ALREADY_PROPOSED, "email"):
        await staff.invite(by=two.paula, account_id=two.account.id, email=NEW.upper(), role=MANAGER)
    async with refused(UserErrorCode.TAKEN, "email"):
        await staff.invite(by=two.owner, account_id=two.account.id, email=sam.email or "", role=MANAGER)
    async with refused(UserErrorCode.INVALID, "email"):
        await staff.invite(by=two.owner, account_id=two.account.id, email="nils@", role=MANAGER)


async def test_an_invite_whose_time_is_over_makes_room_and_is_told_of(clock: ModuleType) -> None:
    two = await together()
    first = await staff.invite(by=two.owner, account_id=two.account.id, email=NEW, role=STAFF)
    clock.advance(timedelta(days=7))
    second = await staff.invite(by=two.owner, account_id=two.account.id, email=NEW, role=STAFF)
    assert [told[:2] for told in await _told(two)] == [
        ("invite.sent", first),
        ("invite.expired", first),
        ("invite.sent", second),
    ]


async def test_nobody_is_invited_to_a_cancelled_account(clock: ModuleType) -> None:
    two = await together()
    waiting = await staff.invite(by=two.owner, account_id=two.account.id, email=NEW, role=STAFF)
    await models.Account.filter(id=two.account.id).update(status=AccountStatus.CANCELLED)
    async with refused(UserErrorCode.WRONG_STATE, "accountId"):
        await staff.invite(by=two.owner, account_id=two.account.id, email="uwe@harbour.example", role=STAFF)
    async with refused(UserErrorCode.WRONG_STATE, "token"):
        await _accept(waiting, clock)


async def test_1_1_a_partner_puts_none_of_its_own_people_on_the_staff(clock: ModuleType) -> None:
    two = await together()
    paula = await models.User.get(id=two.paula.user_id)
    for address in (f"anybody@{two.partner.domain}", paula.email or ""):
        async with refused(UserErrorCode.SELF_PARTNERSHIP, "email"):
            await staff.invite(by=two.admin, account_id=two.account.id, email=address, role=STAFF)
    # Nor another partner's: staff keep their access whatever becomes of a partner's.
    mole = await given.user("Mo Mole", email="mo@mole.example")
    await given.member(await given.partner("Westwind"), user=mole)
    asked_by_partner = await staff.invite(by=two.paula, account_id=two.account.id, email="mo@mole.example", role=STAFF)
    async with refused(UserErrorCode.FORBIDDEN):
        await _accept(asked_by_partner, clock)
    nils = await staff.invite(by=two.paula, account_id=two.account.id, email=NEW, role=STAFF)
    async with refused(UserErrorCode.FORBIDDEN):
        await _accept(nils, clock, by=two.paula)


async def test_the_client_itself_may_hire_a_member_of_a_partner(clock: ModuleType) -> None:
    two = await together()
    paula = await models.User.get(id=two.paula.user_id)
    invite_id = await staff.invite(by=two.owner, account_id=two.account.id, email=paula.email or "", role=STAFF)
    seat = (await _accept(invite_id, clock)).signed_in.seat
    assert (seat.user_id, seat.side) == (two.paula.user_id, Side.CLIENT)


async def test_what_a_partner_asked_ends_with_its_connection(clock: ModuleType) -> None:
    two = await together()
    invite_id = await staff.invite(by=two.paula, account_id=two.account.id, email=NEW, role=STAFF)
    await models.AccessGrant.filter(id=two.grant.id).update(status=AccessStatus.DISCONNECTED)
    async with refused(UserErrorCode.WRONG_STATE, "token"):
        await _accept(invite_id, clock)


async def test_an_older_invite_takes_nothing_from_whoever_has_joined_meanwhile(clock: ModuleType) -> None:
    two = await together()
    invite_id = await staff.invite(by=two.owner, account_id=two.account.id, email=NEW, role=STAFF)
    nils = await given.user("Nils New", email=NEW)
    await models.StaffMember.create(account=two.account, user=nils, role=OWNER, joined_at=clock.now())
    async with refused(UserErrorCode.WRONG_STATE, "token"):
        await _accept(invite_id, clock)


async def test_managers_of_the_staff_remind_of_an_invite_and_take_it_back(clock: ModuleType) -> None:
    two = await together()
    manager, admin = await _joined(two, MANAGER), await given.admin()
    invite_id = await staff.invite(by=two.owner, account_id=two.account.id, email=NEW, role=STAFF)
    owners = await staff.invite(by=two.owner, account_id=two.account.id, email="uwe@harbour.example", role=OWNER)
    clock.advance(timedelta(hours=2))
    for verb in (proposals.remind, proposals.withdraw):
        async with refused(UserErrorCode.CAPABILITY_DENIED, "proposalId"):
            await verb(invite_id, by=two.sam)
        async with refused(UserErrorCode.CAPABILITY_DENIED, "proposalId"):
            await verb(owners, by=manager)
        async with refused(UserErrorCode.FORBIDDEN, "proposalId"):
            await verb(invite_id, by=admin)
        async with refused(UserErrorCode.NOT_FOUND, "proposalId"):
            await verb(invite_id, by=two.paula)
        await verb(invite_id, by=manager)
    assert (await models.Proposal.get(id=invite_id)).status is ProposalStatus.WITHDRAWN


async def test_an_invite_shows_to_those_alone_who_have_a_place_in_its_account(clock: ModuleType) -> None:
    two = await together()
    elsewhere = await given.staff(await given.account(two.client, "Annex"))
    invite_id = await staff.invite(by=two.owner, account_id=two.account.id, email=NEW, role=STAFF)
    async with refused(UserErrorCode.NOT_FOUND, "proposalId"):
        await proposals.withdraw(invite_id, by=elsewhere)


# ── re-roled and removed ──


RE_ROLING = [
    ("owner", STAFF, OWNER, None),
    ("owner", OWNER, STAFF, None),
    ("manager", STAFF, MANAGER, None),
    ("manager", STAFF, OWNER, "role"),
    ("manager", OWNER, MANAGER, "staffId"),
    ("paula", MANAGER, STAFF, None),
    ("paula", STAFF, OWNER, "role"),
    ("admin", OWNER, STAFF, "staffId"),
    ("sam", MANAGER, STAFF, "staffId"),
]


@pytest.mark.parametrize(("who", "was", "becomes", "denied_at"), RE_ROLING)
async def test_1_7_only_an_owner_makes_an_owner_or_unmakes_one(
    who: str, was: SecurityRole, becomes: SecurityRole, denied_at: str | None, clock: ModuleType
) -> None:
    two = await together()
    by, kim = await _seat(two, who), await _joined(two, was, "Kim Keeper")
    place = await _place(two, kim)
    if denied_at is not None:
        async with refused(UserErrorCode.CAPABILITY_DENIED, denied_at):
            await staff.set_role(by=by, staff_id=place.id, role=becomes)
        return
    assert await staff.set_role(by=by, staff_id=place.id, role=becomes) == two.account.id
    assert (await _place(two, kim)).role is becomes
    assert await _told(two) == [
        ("staff.role_set", place.id, None, [{"field": "role", "before": was.value, "after": becomes.value}])
    ]
    seat = await models.Seat.get(id=kim.id)
    assert (set(seat.roles), seat.version) == (set(given.STAFF_ROLES[becomes]), kim.version + 1)


async def test_a_role_that_somebody_has_already_is_no_change(clock: ModuleType) -> None:
    two = await together()
    place = await _place(two, two.sam)
    before = columns(place)
    await staff.set_role(by=two.owner, staff_id=place.id, role=STAFF)
    assert columns(await _place(two, two.sam)) == before
    assert await _told(two) == []


@pytest.mark.parametrize("who", ["stranger", "other client", "former"])
async def test_staff_that_one_does_not_see_does_not_exist(who: str, clock: ModuleType) -> None:
    two = await together()
    by, place = await _seat(two, who), await _place(two, two.sam)
    async with refused(UserErrorCode.NOT_FOUND, "staffId"):
        await staff.set_role(by=by, staff_id=place.id, role=MANAGER)
    async with refused(UserErrorCode.NOT_FOUND, "staffId"):
        await staff.remove(by=by, staff_id=place.id)


async def test_the_vendor_changes_nobody_s_staff(clock: ModuleType) -> None:
    two, by = await together(), await given.admin()
    place = await _place(two, two.sam)
    async with refused(UserErrorCode.FORBIDDEN):
        await staff.set_role(by=by, staff_id=place.id, role=MANAGER)
    async with refused(UserErrorCode.FORBIDDEN):
        await staff.remove(by=by, staff_id=place.id)


async def test_the_account_s_owner_is_neither_re_roled_nor_removed(clock: ModuleType) -> None:
    two = await together()
    second, place = await _joined(two, OWNER), await _place(two, two.owner)
    for by in (two.owner, second):
        async with refused(UserErrorCode.WRONG_STATE, "staffId"):
            await staff.set_role(by=by, staff_id=place.id, role=STAFF)
        async with refused(UserErrorCode.WRONG_STATE, "staffId"):
            await staff.remove(by=by, staff_id=place.id)


async def test_a_cancelled_account_s_roles_stay_and_its_people_may_leave(clock: ModuleType) -> None:
    two = await together()
    await models.Account.filter(id=two.account.id).update(status=AccountStatus.CANCELLED)
    place = await _place(two, two.sam)
    async with refused(UserErrorCode.WRONG_STATE, "staffId"):
        await staff.set_role(by=two.owner, staff_id=place.id, role=MANAGER)
    await staff.remove(by=two.owner, staff_id=place.id)


REMOVING = [
    ("owner", MANAGER, True),
    ("owner", OWNER, True),
    ("manager", STAFF, True),
    ("manager", OWNER, False),
    ("paula", MANAGER, True),
    ("paula", OWNER, False),
    ("sam", STAFF, False),
]


@pytest.mark.parametrize(("who", "role", "may"), REMOVING)
async def test_1_7_who_may_remove_whom(who: str, role: SecurityRole, may: bool, clock: ModuleType) -> None:
    two = await together()
    by, kim = await _seat(two, who), await _joined(two, role, "Kim Keeper")
    place = await _place(two, kim)
    if not may:
        async with refused(UserErrorCode.CAPABILITY_DENIED, "staffId"):
            await staff.remove(by=by, staff_id=place.id)
        return
    assert await staff.remove(by=by, staff_id=place.id) == two.account.id
    removed = await models.StaffMember.get(id=place.id)
    assert (removed.removed_at, removed.role) == (clock.now(), role)
    assert await _told(two) == [
        ("staff.removed", place.id, None, [{"field": "role", "before": role.value, "after": None}])
    ]
    async with refused(UserErrorCode.NOT_FOUND, "staffId"):
        await staff.remove(by=two.owner, staff_id=place.id)


async def test_5_1_whoever_loses_the_last_place_loses_the_seat_and_its_sessions(clock: ModuleType) -> None:
    two = await together()
    at_home = await given.member(two.partner, user=await models.User.get(id=two.sam.user_id))
    await staff.remove(by=two.owner, staff_id=(await _place(two, two.sam)).id)
    seat, session = await models.Seat.get(id=two.sam.id), await models.Session.get(id=two.sam.session_id)
    assert (seat.ended_at, session.ended_at) == (clock.now(), clock.now())
    assert await seats.of_token_hash(two.sam.token_hash, clock.now()) is None
    assert await seats.of_token_hash(at_home.token_hash, clock.now()) == at_home


async def test_whoever_has_another_place_keeps_the_seat(clock: ModuleType) -> None:
    two = await together()
    annex = await given.account(two.client, "Annex")
    await models.StaffMember.create(account=annex, user_id=two.sam.user_id, role=MANAGER, joined_at=clock.now())
    await staff.remove(by=two.owner, staff_id=(await _place(two, two.sam)).id)
    seat, session = await models.Seat.get(id=two.sam.id), await models.Session.get(id=two.sam.session_id)
    assert (seat.ended_at, session.ended_at) == (None, None)


async def test_who_was_removed_may_be_invited_again_and_signs_in_anew(clock: ModuleType) -> None:
    two = await together()
    sam = await models.User.get(id=two.sam.user_id)
    await staff.remove(by=two.owner, staff_id=(await _place(two, two.sam)).id)
    invite_id = await staff.invite(by=two.owner, account_id=two.account.id, email=sam.email or "", role=MANAGER)
    again = (await _accept(invite_id, clock)).signed_in.seat
    old = await models.Session.get(id=two.sam.session_id)
    assert (again.id, again.session_id != two.sam.session_id, old.ended_at) == (two.sam.id, True, clock.now())
