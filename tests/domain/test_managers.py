"""Management teams: each side's own, and never the other's to know (mission 4.5)."""

from datetime import timedelta
from types import ModuleType

import pytest

import models
from domain import clock, managers, policy
from models.enums import Audience, PartnershipStatus, Side, UserErrorCode
from tests import given
from tests.domain.refusals import columns, everything, refused
from tests.domain.together import Together, together

HOUR = timedelta(hours=1)


async def team(t: Together, side: Side) -> set[str]:
    rows = models.PartnershipManager.filter(partnership_id=t.partnership.id, side=side, removed_at=None)
    return {row.contact_id for row in await rows}


@pytest.mark.usefixtures("database", "clock")
class TestAdd:
    async def test_4_5_each_side_has_its_own_at_once(self, clock: ModuleType) -> None:
        t = await together()
        before = columns(await t.now())
        clock.advance(HOUR)
        added = await managers.add(
            by=t.paula, partnership_id=t.partnership.id, contact_ids=[t.grace.id, t.ada.id, t.ada.id]
        )
        assert added == t.partnership.id
        await managers.add(by=t.sam, partnership_id=t.partnership.id, contact_ids=[t.uma.id])
        assert (await team(t, Side.PARTNER), await team(t, Side.CLIENT)) == ({t.grace.id, t.ada.id}, {t.uma.id})
        assert {row.added_at for row in await models.PartnershipManager.all()} == {clock.now()}
        assert columns(await t.now()) == before

    async def test_4_5_its_own_side_is_told_who_and_the_other_side_that(self) -> None:
        t = await together()
        await managers.add(by=t.paula, partnership_id=t.partnership.id, contact_ids=[t.ada.id])
        own, other = await t.event("managers.added"), await t.event("partnership.team_changed")
        assert (own.visible_to, own.changes, own.actor_id) == (
            Audience.PARTNER_ALONE,
            [{"field": "manager", "before": None, "after": "Ada Lovelace"}],
            t.paula.user_id,
        )
        assert (other.visible_to, other.changes, other.reason, other.subject) == (
            Audience.CLIENT,
            [],
            None,
            t.partnership.id,
        )
        await managers.add(by=t.owner, partnership_id=t.partnership.id, contact_ids=[t.uma.id])
        audiences = [event.visible_to for event in await models.Event.all().order_by("version")]
        assert audiences == [Audience.PARTNER_ALONE, Audience.CLIENT, Audience.CLIENT_ALONE, Audience.PARTNER]

    async def test_4_5_nobody_of_the_other_side_nor_the_vendor_ever_sees_who(self) -> None:
        t = await together()
        await managers.add(by=t.paula, partnership_id=t.partnership.id, contact_ids=[t.ada.id])
        manager = await models.PartnershipManager.get()
        told = await t.event("managers.added")
        for by in (t.paula, t.admin):
            await policy.find(models.PartnershipManager, manager.id, by=by)
            await policy.find(models.Event, told.id, by=by)
        for by in (t.owner, t.sam, await given.admin(), (await together("Southwind")).admin):
            async with refused(UserErrorCode.NOT_FOUND):
                await policy.find(models.PartnershipManager, manager.id, by=by)
            async with refused(UserErrorCode.NOT_FOUND):
                await policy.find(models.Event, told.id, by=by)
            async with refused(
                UserErrorCode.FORBIDDEN if by.side is Side.VENDOR else UserErrorCode.NOT_FOUND,
                *([] if by.side is Side.VENDOR else ["managerId"]),
            ):
                await managers.remove(by=by, manager_id=manager.id)

    async def test_who_is_on_it_already_stays_and_nothing_is_told(self) -> None:
        t = await together()
        await managers.add(by=t.paula, partnership_id=t.partnership.id, contact_ids=[t.ada.id])
        before = await everything()
        for contact_ids in ([t.ada.id], []):
            await managers.add(by=t.admin, partnership_id=t.partnership.id, contact_ids=contact_ids)
        assert await everything() == before
        await managers.add(by=t.admin, partnership_id=t.partnership.id, contact_ids=[t.ada.id, t.grace.id])
        last = await models.Event.filter(topic="managers.added").order_by("-version").first()
        assert last is not None
        assert last.changes == [{"field": "manager", "before": None, "after": "Grace Hopper"}]

    async def test_a_team_is_ones_own_contacts(self) -> None:
        t, other = await together(), await together("Southwind")
        erased = await given.contact(t.partner, "Gone", erased_at=clock.now())
        for by, contact in ((t.paula, t.otto), (t.owner, t.grace), (t.paula, erased)):
            async with refused(UserErrorCode.INVALID, "contactIds"):
                await managers.add(by=by, partnership_id=t.partnership.id, contact_ids=[contact.id])
        async with refused(UserErrorCode.NOT_FOUND, "contactIds"):
            await managers.add(by=t.paula, partnership_id=t.partnership.id, contact_ids=[other.ada.id])

    @pytest.mark.parametrize("status", [status for status in PartnershipStatus if status != "ACTIVE"])
    async def test_only_an_active_partnership_has_one_to_change(self, status: PartnershipStatus) -> None:
        t = await together()
        await managers.add(by=t.paula, partnership_id=t.partnership.id, contact_ids=[t.ada.id])
        manager = await models.PartnershipManager.get()
        await models.Partnership.filter(id=t.partnership.id).update(status=status)
        async with refused(UserErrorCode.WRONG_STATE, "partnershipId"):
            await managers.add(by=t.paula, partnership_id=t.partnership.id, contact_ids=[t.grace.id])
        async with refused(UserErrorCode.WRONG_STATE, "partnershipId"):
            await managers.remove(by=t.paula, manager_id=manager.id)

    async def test_who_may_not(self) -> None:
        t, other = await together(), await together("Southwind")
        vendor = await given.admin()
        async with refused(UserErrorCode.FORBIDDEN):
            await managers.add(by=vendor, partnership_id=t.partnership.id, contact_ids=[t.ada.id])
        async with refused(UserErrorCode.NOT_FOUND, "partnershipId"):
            await managers.add(by=other.admin, partnership_id=t.partnership.id, contact_ids=[other.ada.id])


@pytest.mark.usefixtures("database", "clock")
class TestRemove:
    async def test_4_5_somebody_leaves_the_team_at_once(self, clock: ModuleType) -> None:
        t = await together()
        await managers.add(by=t.owner, partnership_id=t.partnership.id, contact_ids=[t.uma.id, t.otto.id])
        manager = await models.PartnershipManager.get(contact_id=t.uma.id)
        clock.advance(HOUR)
        assert await managers.remove(by=t.sam, manager_id=manager.id) == t.partnership.id
        assert (await models.PartnershipManager.get(id=manager.id)).removed_at == clock.now()
        assert await team(t, Side.CLIENT) == {t.otto.id}
        own = await t.event("manager.removed")
        assert (own.visible_to, own.subject, own.changes) == (
            Audience.CLIENT_ALONE,
            manager.id,
            [{"field": "manager", "before": "Uma Bose", "after": None}],
        )
        told = await models.Event.filter(topic="partnership.team_changed").order_by("version")
        assert [(event.visible_to, event.changes) for event in told] == [(Audience.PARTNER, [])] * 2

    async def test_who_is_off_it_is_not_found_and_may_come_back(self) -> None:
        t = await together()
        await managers.add(by=t.paula, partnership_id=t.partnership.id, contact_ids=[t.ada.id])
        manager = await models.PartnershipManager.get()
        await managers.remove(by=t.paula, manager_id=manager.id)
        for missing in (manager.id, "manager_none"):
            async with refused(UserErrorCode.NOT_FOUND, "managerId"):
                await managers.remove(by=t.paula, manager_id=missing)
        await managers.add(by=t.paula, partnership_id=t.partnership.id, contact_ids=[t.ada.id])
        assert await team(t, Side.PARTNER) == {t.ada.id}
