"""What waits in projects for people who do not see them any more waits for nobody (mission 3.6)."""

import pytest

import models
from domain import changes, grants, partners, partnerships, staff
from domain.seats import Seat
from models.enums import PartnerMemberRole, ProposalStatus
from tests import given
from tests.domain.inside import Inside, inside

pytestmark = pytest.mark.usefixtures("database", "clock")

WAITS, IS_OVER = (True, True, ProposalStatus.PENDING, (1, 1)), (False, False, ProposalStatus.CANCELLED, (0, 0))


@pytest.fixture
async def t(database: None) -> Inside:
    return await inside()


class Waiting:
    """An action item, a rating and an approval that wait for somebody."""

    async def begin(self, t: Inside, whom: Seat) -> "Waiting":
        self.whom = whom.user_id
        at = t.project.created_at
        self.item = await models.ActionItem.create(
            project=t.project, title="Do it", assignee_id=self.whom, created_at=at
        )
        self.rating = await models.Rating.create(project=t.project, requested_from_id=self.whom, requested_at=at)
        self.approval = await given.approval(t.project, whom)
        self.tally = await models.ProjectTally.create(
            project=t.project, account=t.account, user_id=self.whom, open_action_items=1, pending_ratings=1
        )
        return self

    async def now(self) -> tuple[bool, bool, ProposalStatus, tuple[int, int]]:
        item = await models.ActionItem.get(id=self.item.id)
        tally = await models.ProjectTally.get(project_id=self.item.project_id, user_id=self.whom)
        return (
            item.assignee_id == self.whom,
            await models.Rating.exists(id=self.rating.id),
            (await models.Proposal.get(id=self.approval.id)).status,
            (tally.open_action_items, tally.pending_ratings),
        )


async def waiting(t: Inside, *people: Seat) -> list[Waiting]:
    return [await Waiting().begin(t, each) for each in people]


async def place(t: Inside, seat: Seat) -> str:
    return (await models.StaffMember.get(account_id=t.account.id, user_id=seat.user_id)).id


async def test_3_6_who_is_taken_off_an_accounts_staff_is_asked_for_nothing_there(t: Inside) -> None:
    sams, owners = await waiting(t, t.sam, t.owner)
    await staff.remove(by=t.owner, staff_id=await place(t, t.sam))
    assert (await sams.now(), await owners.now()) == (IS_OVER, WAITS)


async def test_3_6_who_stays_in_the_project_as_somebody_else_is_asked_as_before(t: Inside) -> None:
    [sams] = await waiting(t, t.sam)
    broker = await given.member(t.broker, user=await models.User.get(id=t.sam.user_id))
    await given.on_project(t.project, broker)
    await staff.remove(by=t.owner, staff_id=await place(t, t.sam))
    assert await sams.now() == WAITS


async def test_3_6_who_is_removed_from_a_partner_is_asked_for_nothing_in_its_accounts(t: Inside) -> None:
    northwind = await models.Partner.get(id=t.paula.partner_id)
    admin = await given.member(northwind, PartnerMemberRole.ADMIN, await given.user("Nora Admin"))
    paulas, noras = await waiting(t, t.paula, admin)
    member = await models.PartnerMember.get(partner_id=northwind.id, user_id=t.paula.user_id)
    await partners.remove_member(by=admin, member_id=member.id)
    assert (await paulas.now(), await noras.now()) == (IS_OVER, WAITS)


async def test_3_6_whose_partner_is_disconnected_is_asked_for_nothing_in_that_account(t: Inside) -> None:
    paulas, sams = await waiting(t, t.paula, t.sam)
    client = await models.Client.get(id=t.account.client_id)
    going_on = await models.Partnership.get(id=t.grant.partnership_id)
    await given.grant(going_on, await given.account(client, "Second shop"))
    async with changes.change(by=None) as c:
        seen = await grants.confirmation_of(t.grant.id, c)
    await grants.disconnect(by=t.owner, grant_id=t.grant.id, reason="It is done.", confirmation=seen)
    assert (await paulas.now(), await sams.now()) == (IS_OVER, WAITS)


async def test_3_6_with_a_partnership_ends_what_the_partners_people_were_asked_for(t: Inside) -> None:
    paulas, sams = await waiting(t, t.paula, t.sam)
    partnership_id = t.grant.partnership_id
    async with changes.change(by=None) as c:
        seen = await partnerships.confirmation_of(partnership_id, c)
    await partnerships.end(by=t.owner, partnership_id=partnership_id, reason="It is done.", confirmation=seen)
    assert (await paulas.now(), await sams.now()) == (IS_OVER, WAITS)


async def test_1_5_what_waits_in_an_account_whose_access_is_disabled_waits_for_its_return(t: Inside) -> None:
    [paulas] = await waiting(t, t.paula)
    await grants.disable(by=t.owner, grant_id=t.grant.id, reason="For the holidays.")
    assert await paulas.now() == WAITS
