import asyncio
from datetime import timedelta
from types import ModuleType

import pytest
from tortoise.transactions import in_transaction

import models
from domain import seats
from domain.seats import Seat
from models.enums import PartnerMemberRole, Role, SecurityRole, Side
from tests import given

EVERYBODY = {Role.PUBLIC, Role.USER}


async def _live(token: str, clock: ModuleType) -> bool:
    return await seats.of_token(token, clock.now()) is not None


async def test_5_5_a_token_stands_for_the_seat_of_its_session(database: None, clock: ModuleType) -> None:
    member = await given.member(partner := await given.partner(), PartnerMemberRole.ADMIN)
    row = await models.Seat.get(id=member.id)
    session = await given.session(row, "the token")
    assert await seats.of_token("the token", clock.now()) == Seat(
        id=row.id,
        user_id=row.user_id,
        side=Side.PARTNER,
        roles=frozenset(EVERYBODY | {Role.PARTNER, Role.PARTNER_ADMIN}),
        partner_id=partner.id,
        client_id=None,
        version=1,
        session_id=session.id,
        token_hash=session.token_hash,
    )


@pytest.mark.parametrize("token", ["", "another token", "the token ", "the token\0", "\ud800", "x" * 10_240])
async def test_5_5_any_other_token_stands_for_nobody(database: None, clock: ModuleType, token: str) -> None:
    member = await given.member(await given.partner())
    await given.session(await models.Seat.get(id=member.id), "the token")
    assert await seats.of_token(token, clock.now()) is None


async def test_5_5_a_token_ends_with_its_session_its_time_or_its_seat(database: None, clock: ModuleType) -> None:
    member = await given.member(await given.partner())
    row = await models.Seat.get(id=member.id)
    await given.session(row, "ended", ended_at=clock.now())
    await given.session(row, "short", expires_at=clock.now() + timedelta(seconds=1))
    await given.session(row, "long")
    first = [await _live(token, clock) for token in ("ended", "short", "long")]
    clock.advance(timedelta(seconds=1))
    second = [await _live(token, clock) for token in ("short", "long")]
    await models.Seat.filter(id=row.id).update(ended_at=clock.now())
    assert [first, second, await _live("long", clock)] == [[False, True, True], [False, True], False]


async def _roles(seat_id: str) -> tuple[list[str], int, bool]:
    row = await models.Seat.get(id=seat_id)
    return row.roles, row.version, row.ended_at is not None


async def test_roles_follow_from_the_vendor_s_mark(database: None, clock: ModuleType) -> None:
    user = await given.user(is_vendor=True)
    seat_id = await seats.grant(user.id, Side.VENDOR, at=clock.now())
    assert await _roles(seat_id) == (["ADMIN", "PUBLIC", "USER"], 2, False)


async def test_roles_follow_from_the_place_in_the_partner_company(database: None, clock: ModuleType) -> None:
    user, partner = await given.user(), await given.partner()
    place = await models.PartnerMember.create(
        partner=partner, user=user, role=PartnerMemberRole.COLLABORATOR, joined_at=clock.now()
    )
    seat_id = await seats.grant(user.id, Side.PARTNER, partner_id=partner.id, at=clock.now())
    collaborator = await _roles(seat_id)
    await models.PartnerMember.filter(id=place.id).update(role=PartnerMemberRole.ADMIN)
    await seats.refresh_roles(seat_id, at=clock.now())
    assert [collaborator, await _roles(seat_id)] == [
        (["PARTNER", "PUBLIC", "USER"], 2, False),
        (["PARTNER", "PARTNER_ADMIN", "PUBLIC", "USER"], 3, False),
    ]


@pytest.mark.parametrize(
    ("places", "roles"),
    [
        ([SecurityRole.STAFF], ["CLIENT", "PUBLIC", "USER"]),
        ([SecurityRole.MANAGER], ["CLIENT", "PUBLIC", "USER"]),
        ([SecurityRole.ACCOUNT_OWNER], ["ACCOUNT_OWNER", "CLIENT", "PUBLIC", "USER"]),
        ([SecurityRole.STAFF, SecurityRole.ACCOUNT_OWNER], ["ACCOUNT_OWNER", "CLIENT", "PUBLIC", "USER"]),
    ],
)
async def test_roles_follow_from_all_places_in_the_client_s_accounts(
    database: None, clock: ModuleType, places: list[SecurityRole], roles: list[str]
) -> None:
    user, client = await given.user(), await given.client()
    for role in places:
        account = await given.account(client)
        await models.StaffMember.create(account=account, user=user, role=role, joined_at=clock.now())
    elsewhere = await given.account(await given.client())
    await models.StaffMember.create(
        account=elsewhere, user=user, role=SecurityRole.ACCOUNT_OWNER, joined_at=clock.now()
    )
    seat_id = await seats.grant(user.id, Side.CLIENT, client_id=client.id, at=clock.now())
    assert await _roles(seat_id) == (roles, 2, False)


async def test_a_seat_without_a_place_ends_and_comes_back_with_one(database: None, clock: ModuleType) -> None:
    user, partner = await given.user(), await given.partner()
    place = models.PartnerMember(partner=partner, user=user, role=PartnerMemberRole.COLLABORATOR, joined_at=clock.now())
    await place.save()
    seat_id = await seats.grant(user.id, Side.PARTNER, partner_id=partner.id, at=clock.now())
    await models.PartnerMember.filter(id=place.id).update(removed_at=clock.now())
    await seats.refresh_roles(seat_id, at=clock.now())
    left = await _roles(seat_id)
    await models.PartnerMember.create(
        partner=partner, user=user, role=PartnerMemberRole.COLLABORATOR, joined_at=clock.now()
    )
    again = await seats.grant(user.id, Side.PARTNER, partner_id=partner.id, at=clock.now())
    assert left == (["PUBLIC", "USER"], 3, True)
    assert (again, await _roles(again)) == (seat_id, (["PARTNER", "PUBLIC", "USER"], 4, False))


async def test_of_ten_grants_at_once_one_seat_comes(committed: str, clock: ModuleType) -> None:
    user = await given.user(is_vendor=True)

    async def grant() -> str:
        async with in_transaction():
            return await seats.grant(user.id, Side.VENDOR, at=clock.now())

    granted = set(await asyncio.gather(*(grant() for _ in range(10))))
    assert granted == {(await models.Seat.get()).id}
