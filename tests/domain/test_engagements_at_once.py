"""Two who bring in, invite, accept or take off at the same moment: what is true of every project stays true."""

import asyncio
from collections import Counter
from types import ModuleType

import pytest

import models
from domain import changes, clock, engagements, members, partnerships, projects
from models.enums import InviteKind, PartnershipKind, PartnershipStatus, ProposalStatus
from tests.domain.shared import Shared, place, shared
from tests.domain.test_ending import preview
from tests.domain.test_engagements import accept, invited
from tests.domain.test_modifications_at_once import at_once

ROUNDS = 6

pytestmark = pytest.mark.usefixtures("committed", "clock", "quick_passwords")


async def hold(s: Shared) -> None:
    """Hold what is true of Harrow, whatever has happened."""
    admin = (await models.Partner.get(id=s.harrow.id)).admin_id
    engaged = await models.ProjectPartner.filter(partner=s.harrow, removed_at=None).select_related("partnership")
    accounts = {each.account_id for each in engaged}
    # A partnership is active as long as there is a project.
    assert {each.partnership.status for each in engaged} <= {PartnershipStatus.ACTIVE}
    active = await models.Partnership.filter(partner=s.harrow, status=PartnershipStatus.ACTIVE)
    assert {each.kind for each in active} <= {PartnershipKind.INTERMEDIARY}
    assert {each.id for each in active} == {each.partnership_id for each in engaged}
    places = await models.ProjectMember.filter(partner=s.harrow, removed_at=None)
    assert {each.project_id for each in places if each.is_assigned} <= {each.project_id for each in engaged}
    assert {each.user_id for each in places if not each.is_assigned} <= {admin}
    # The admin is on every project of the accounts, and nobody twice on one.
    there = await models.Project.filter(account_id__in=[*accounts, ""])
    assert {each.project_id for each in places if each.user_id == admin} == {each.id for each in there}
    assert max(Counter((each.project_id, each.user_id) for each in places).values(), default=1) == 1
    # Open invites lead where the company is.
    waiting = models.Proposal.filter(invite_kind=InviteKind.PROJECT, status=ProposalStatus.PENDING)
    assert {each.account_id for each in await waiting.filter(partner=s.harrow)} <= accounts


async def new_project(s: Shared) -> str:
    return await engagements.create(by=s.owner, account_id=s.shop.id, name="Move")


async def off(s: Shared, project: models.Project) -> str:
    return await engagements.remove_partner(by=s.owner, project_id=project.id, partner_id=s.harrow.id)


async def test_3_3_a_new_project_meets_the_company_that_comes_into_the_account() -> None:
    for _ in range(ROUNDS):
        s = await shared()
        outcomes = await asyncio.gather(new_project(s), s.add(s.relaunch, s.cleo), new_project(s))
        assert len(outcomes) == 3
        await hold(s)
        await _forget(s)


async def test_3_3_a_new_project_meets_another_admin() -> None:
    for _ in range(ROUNDS):
        s = await shared()
        await s.add(s.relaunch)

        async def transfer(s: Shared = s) -> None:
            async with changes.change(by=s.vera) as c:
                await members.lock(s.harrow.id)
                await models.Partner.filter(id=s.harrow.id).update(admin_id=s.carl.user_id)
                await projects.admin_changed(c, s.harrow.id, s.ada.user_id, s.carl.user_id)

        await asyncio.gather(new_project(s), transfer(), new_project(s))
        await hold(s)
        await _forget(s)


async def test_of_the_last_two_projects_at_once_one_ends_the_partnership() -> None:
    for _ in range(ROUNDS):
        s = await shared()
        await s.add(s.relaunch, s.cleo)
        await s.add(s.stocktake, s.cleo, s.ada)
        assert await at_once(off(s, s.relaunch), off(s, s.stocktake), off(s, s.relaunch)) in (
            ["done", "done", "NOT_FOUND"],
            ["NOT_FOUND", "done", "done"],
        )
        await hold(s)
        assert await models.Event.filter(topic="partnership.ended").count() == 1
        await _forget(s)


async def test_taking_off_meets_bringing_in() -> None:
    for _ in range(ROUNDS):
        s = await shared()
        await s.add(s.relaunch, s.cleo)
        await asyncio.gather(off(s, s.relaunch), s.add(s.audit, s.carl), s.add(s.stocktake))
        await hold(s)
        await _forget(s)


async def test_an_end_of_the_partnership_meets_a_project_more() -> None:
    for _ in range(ROUNDS):
        s = await shared()
        await s.add(s.relaunch, s.cleo)
        both = await s.partnership(s.acme)
        assert both is not None
        seen = await preview(both.id)

        async def add(s: Shared = s) -> int:
            await s.add(s.stocktake, s.carl)
            return 0

        ended, added = await at_once(
            partnerships.end(by=s.owner, partnership_id=both.id, reason="We part.", confirmation=seen), add()
        )
        assert (ended, added) in {("done", "done"), ("STALE_CONFIRMATION", "done")}
        await hold(s)
        await _forget(s)


async def test_taking_off_meets_inviting() -> None:
    for _ in range(ROUNDS):
        s = await shared()
        await s.add(s.relaunch)

        async def invite(s: Shared = s) -> int:
            await engagements.invite(by=s.sam, project_id=s.relaunch.id, email="nora@harrow.example")
            return 0

        taken, asked = await at_once(off(s, s.relaunch), invite())
        assert (taken, asked) in {("done", "COMPANY_NOT_INVITED"), ("CONFLICT", "done"), ("done", "done")}
        await hold(s)
        await _forget(s)


async def test_taking_off_meets_accepting() -> None:
    for _ in range(ROUNDS):
        s = await shared()
        await s.add(s.relaunch)
        invite = await invited(s, s.owner, s.relaunch)

        async def join(invite: models.Proposal = invite) -> int:
            await accept(invite, clock)
            return 0

        outcomes = await at_once(off(s, s.relaunch), join())
        assert outcomes in (["done", "WRONG_STATE"], ["done", "done"])
        await hold(s)
        await _forget(s)


async def test_one_member_is_put_on_and_taken_off_at_once(clock: ModuleType) -> None:
    for _ in range(ROUNDS):
        s = await shared()
        await s.add(s.relaunch, s.cleo)
        there = await place(s.relaunch, s.cleo)
        await asyncio.gather(
            engagements.remove_member(by=s.owner, member_id=there.id),
            engagements.invite(by=s.sam, project_id=s.relaunch.id, email="cleo@harrow.example"),
            s.add(s.relaunch, s.cleo),
        )
        await hold(s)
        await _forget(s)


async def _forget(s: Shared) -> None:
    """Let the next round's people have the same addresses, and its company the same domain."""
    await models.Partner.filter(id=s.harrow.id).update(domain=f"{s.harrow.id}.example")
    for user in await models.User.filter(email__endswith="@harrow.example"):
        await models.User.filter(id=user.id).update(email=f"{user.id}@gone.example")
    await models.Event.filter(topic="partnership.ended").delete()
