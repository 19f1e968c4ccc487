"""A partnership's end, and a side's home after it (mission 4.7)."""

from datetime import timedelta
from types import ModuleType

import pytest
from tortoise.connection import get_connection

import models
from domain import changes, clock, modifications, partnerships, policy, proposals
from domain.seats import Seat
from models import sql
from models.enums import (
    AccessStatus,
    Audience,
    ModificationKind,
    PartnershipStatus,
    ProposalStatus,
    SecurityRole,
    Side,
    UserErrorCode,
)
from tests import given
from tests.domain.refusals import columns, everything, refused
from tests.domain.together import Together, together

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def preview(partnership_id: str) -> str:
    """Read a confirmation as a page that shows the consequences does."""
    connection = get_connection("default")
    statement, values = sql.bind(
        f"select {partnerships.CONSEQUENCES} as c from partnership {{t}} where {{t}}.id = :id",
        {"id": partnership_id, "now": clock.now()},
        changes.dialect(connection),
        t="t0",
    )
    [row] = await connection.execute_query_dict(statement, values)
    return partnerships.confirmation(row["c"])


async def end(t: Together, by: Seat, reason: str = "We part.", confirmation: str | None = None) -> str:
    confirmed = await preview(t.partnership.id) if confirmation is None else confirmation
    return await partnerships.end(by=by, partnership_id=t.partnership.id, reason=reason, confirmation=confirmed)


@pytest.mark.usefixtures("database", "clock")
class TestEnd:
    @pytest.mark.parametrize("who", ["admin", "owner", "vendor"])
    async def test_4_7_either_side_or_the_vendor_ends_it_at_once(self, clock: ModuleType, who: str) -> None:
        t = await together()
        by = await given.admin() if who == "vendor" else {"admin": t.admin, "owner": t.owner}[who]
        clock.advance(HOUR)
        assert await end(t, by, " We part. ") == t.partnership.id
        ended = await t.now()
        assert (ended.status, ended.ended_at, ended.ended_by, ended.end_reason, ended.changed_at, ended.version) == (
            PartnershipStatus.ENDED,
            clock.now(),
            by.side,
            "We part.",
            clock.now(),
            2,
        )
        # Its tile leaves the home of the side that ended it; the other side keeps its own.
        assert (ended.hidden_by_partner, ended.hidden_by_client) == (who == "admin", who == "owner")
        assert await t.assigned() == set()
        assert {row.released_at for row in await models.AssignedContact.all()} == {clock.now()}
        grant = await models.AccessGrant.get(id=t.grant.id)
        assert (grant.status, grant.disconnected_at, grant.expires_at) == (
            AccessStatus.DISCONNECTED,
            clock.now(),
            None,
        )

    async def test_4_7_it_is_told_to_both_sides_with_its_reason(self) -> None:
        t = await together()
        await end(t, t.owner)
        assert await t.topics() == ["ended", "grant.disconnected"]
        ended, disconnected = await t.event("partnership.ended"), await t.event("grant.disconnected")
        for event in (ended, disconnected):
            assert (event.visible_to, event.actor_id, event.side, event.reason, event.partner_id, event.client_id) == (
                Audience.BOTH,
                t.owner.user_id,
                Side.CLIENT,
                "We part.",
                t.partner.id,
                t.client.id,
            )
        assert (ended.subject, disconnected.subject, disconnected.account_id) == (
            t.partnership.id,
            t.grant.id,
            t.account.id,
        )

    async def test_4_7_everything_open_is_cancelled_drafts_too(self, clock: ModuleType) -> None:
        t = await together()
        pending = [await t.submit(by, release_contacts=[t.grace.id]) for by in (t.paula, t.owner)]
        drafts = [await t.draft(t.paula, add_contacts=[t.ada.id]), await t.draft(t.owner, add_contacts=[t.uma.id])]
        decided = await models.Proposal.get(id=t.offer.id)
        clock.advance(HOUR)
        await end(t, t.admin)
        cancelled = await models.Proposal.filter(id__in=[*(each.id for each in pending), *drafts])
        assert {(row.status, row.decided_at, row.decided_by_id, row.comment) for row in cancelled} == {
            (ProposalStatus.CANCELLED, clock.now(), None, None)
        }
        assert {row.released_at for row in await models.AssignedContact.all()} == {clock.now()}
        assert columns(await models.Proposal.get(id=t.offer.id)) == columns(decided)
        assert (await t.topics())[-2:] == ["ended", "grant.disconnected"]
        for modification in pending:
            async with refused(UserErrorCode.WRONG_STATE, "proposalId"):
                await proposals.withdraw(modification.id, by=t.paula if modification.from_partner_id else t.owner)

    async def test_4_2_a_draft_stays_its_own_sides_when_it_is_cancelled(self) -> None:
        t = await together()
        draft = await t.draft(t.owner, add_contacts=[t.uma.id])
        [item] = await models.ProposalItem.filter(proposal_id=draft)
        await end(t, t.admin)
        assert (await policy.find(models.Proposal, draft, by=t.owner)).status is ProposalStatus.CANCELLED
        for by in (t.paula, await given.admin()):
            async with refused(UserErrorCode.NOT_FOUND):
                await policy.find(models.Proposal, draft, by=by)
            async with refused(UserErrorCode.NOT_FOUND):
                await policy.find(models.ProposalItem, item.id, by=by)

    async def test_5_1a_what_was_over_by_then_has_expired(self, clock: ModuleType) -> None:
        t = await together()
        stale = await t.submit(t.paula, release_contacts=[t.grace.id])
        clock.advance(30 * DAY)
        await end(t, t.owner)
        assert (await models.Proposal.get(id=stale.id)).status is ProposalStatus.EXPIRED
        assert await t.topics() == ["drafted", "submitted", "expired", "ended", "grant.disconnected"]

    async def test_other_partnerships_stay_as_they_are(self) -> None:
        t, other = await together(), await together("Southwind")
        await other.submit(other.paula, add_contacts=[other.ada.id])

        async def of_other() -> list[list[dict[str, object]]]:
            tables = (models.AssignedContact, models.AccessGrant, models.Proposal)
            rows = [await table.filter(partnership_id=other.partnership.id).order_by("id") for table in tables]
            return [[columns(row) for row in of_table] for of_table in rows]

        before = await of_other()
        await end(t, t.owner)
        assert await of_other() == before
        assert (await other.now()).status is PartnershipStatus.ACTIVE

    async def test_who_ends_it_gives_a_reason(self) -> None:
        t = await together()
        for reason in ("", " \n"):
            async with refused(UserErrorCode.REASON_REQUIRED, "reason"):
                await end(t, t.admin, reason)

    async def test_who_may_end_it(self) -> None:
        t, other = await together(), await together("Southwind")
        manager = await given.staff(t.account, SecurityRole.MANAGER)
        confirmation = await preview(t.partnership.id)
        for by in (t.paula, t.sam, manager):
            async with refused(UserErrorCode.FORBIDDEN):
                await end(t, by, confirmation=confirmation)
        for by in (other.admin, other.owner):
            async with refused(UserErrorCode.NOT_FOUND, "partnershipId"):
                await end(t, by, confirmation=confirmation)

    @pytest.mark.parametrize("status", [status for status in PartnershipStatus if status != "ACTIVE"])
    async def test_only_an_active_one_is_ended(self, status: PartnershipStatus) -> None:
        t = await together()
        await models.Partnership.filter(id=t.partnership.id).update(status=status)
        async with refused(UserErrorCode.WRONG_STATE, "partnershipId"):
            await end(t, t.admin)

    async def test_4_7_a_new_offer_starts_anew_linked_by_previous(self) -> None:
        t = await together()
        await end(t, t.admin)
        again = await partnerships.offer(
            by=t.paula,
            partner_id=t.partner.id,
            client_id=t.client.id,
            terms={"title": "Again"},
            contact_ids=[t.grace.id],
        )
        offered = await models.Partnership.get(id=again)
        assert (offered.status, offered.previous_id) == (PartnershipStatus.OFFERED, t.partnership.id)
        assert offered.offer_id is not None
        await proposals.accept(offered.offer_id, by=t.owner, account_ids=[t.account.id])
        assert await models.AccessGrant.filter(account_id=t.account.id).count() == 2


@pytest.mark.usefixtures("database", "clock")
class TestConfirmation:
    async def test_it_is_the_same_as_long_as_the_consequences_are(self, clock: ModuleType) -> None:
        t = await together()
        before = await preview(t.partnership.id)
        clock.advance(HOUR)
        # What the other side drafts is nothing that it could learn by looking.
        await t.draft(t.owner, add_contacts=[t.uma.id])
        await models.Partner.filter(id=t.partner.id).update(name="Northwind & Sons")
        assert await preview(t.partnership.id) == before
        assert len(before) == 64
        assert await end(t, t.admin, confirmation=before)

    async def test_it_goes_stale_when_the_consequences_change(self, clock: ModuleType) -> None:
        t = await together()
        second = await given.account(t.client, "Second shop")
        seen = [await preview(t.partnership.id)]
        sent = await t.submit(t.paula, add_contacts=[t.ada.id])
        seen.append(await preview(t.partnership.id))
        await proposals.accept(sent.id, by=t.owner)
        seen.append(await preview(t.partnership.id))
        grant = await given.grant(t.partnership, second)
        seen.append(await preview(t.partnership.id))
        waiting = await t.submit(t.owner, terms={"title": "Full care"})
        seen.append(await preview(t.partnership.id))
        clock.advance(30 * DAY)
        seen.append(await preview(t.partnership.id))
        assert len(set(seen)) == 5
        assert seen[5] == seen[3], "an expired question is no consequence, whether or not it was announced"
        await proposals.expire_due(clock.now())
        assert await preview(t.partnership.id) == seen[5]
        assert waiting.id != grant.id
        for stale in [*seen[:3], seen[4], "", "nonsense"]:
            async with refused(UserErrorCode.STALE_CONFIRMATION, "confirmation"):
                await end(t, t.admin, confirmation=stale)
        await end(t, t.admin, confirmation=seen[5])

    async def test_1_10_it_goes_stale_when_a_connection_begins_to_earn(self) -> None:
        t = await together()
        before = await preview(t.partnership.id)
        await models.AccessGrant.filter(id=t.grant.id).update(is_earliest=True)
        assert await preview(t.partnership.id) == before
        await models.Partner.filter(id=t.partner.id).update(revenue_share_ppm=1)
        async with refused(UserErrorCode.STALE_CONFIRMATION, "confirmation"):
            await end(t, t.admin, confirmation=before)

    async def test_it_is_of_one_partnership_alone(self) -> None:
        one, other = await together(), await together("Southwind")
        async with refused(UserErrorCode.STALE_CONFIRMATION, "confirmation"):
            await end(one, one.admin, confirmation=await preview(other.partnership.id))

    async def test_rows_are_named_in_order(self) -> None:
        t = await together()
        for number in range(12):
            contact = await given.contact(t.partner, f"Contact {number}")
            await given.lent_contact(t.partnership, contact, t.offer)
        connection = get_connection("default")
        statement, values = sql.bind(
            f"select {partnerships.CONSEQUENCES} as c from partnership {{t}}",
            {"now": clock.now()},
            changes.dialect(connection),
            t="t0",
        )
        [row] = await connection.execute_query_dict(statement, values)
        lent = sorted([each.id for each in await models.AssignedContact.all()])
        assert row["c"] == f"{t.partnership.id}.1.{t.grant.id}..{','.join(lent)}.."


@pytest.mark.usefixtures("database", "clock")
class TestHide:
    @pytest.mark.parametrize("status", PartnershipStatus)
    @pytest.mark.parametrize("who", ["paula", "sam"])
    async def test_4_7_what_is_over_leaves_ones_own_home(self, status: PartnershipStatus, who: str) -> None:
        t = await together()
        await models.Partnership.filter(id=t.partnership.id).update(status=status, expires_at=clock.now() + DAY)
        by = {"paula": t.paula, "sam": t.sam}[who]
        if status in {PartnershipStatus.OFFERED, PartnershipStatus.ACTIVE}:
            async with refused(UserErrorCode.WRONG_STATE, "partnershipId"):
                await partnerships.hide(by=by, partnership_id=t.partnership.id)
            return
        before = columns(await t.now())
        assert await partnerships.hide(by=by, partnership_id=t.partnership.id) == t.partnership.id
        own = "hidden_by_partner" if who == "paula" else "hidden_by_client"
        assert columns(await t.now()) == {**before, own: True}
        event = await t.event("partnership.hidden")
        assert event.visible_to == (Audience.PARTNER_ALONE if who == "paula" else Audience.CLIENT_ALONE)

    async def test_5_1a_an_offer_whose_time_is_over_can_be_hidden(self, clock: ModuleType) -> None:
        t = await together()
        over = {"status": PartnershipStatus.OFFERED, "expires_at": clock.now() + DAY}
        await models.Partnership.filter(id=t.partnership.id).update(**over)
        clock.advance(DAY)
        await partnerships.hide(by=t.paula, partnership_id=t.partnership.id)
        assert (await t.now()).hidden_by_partner

    async def test_hiding_again_changes_nothing_and_the_other_side_keeps_its_own(self) -> None:
        t = await together()
        await end(t, t.admin)
        before = await everything()
        await partnerships.hide(by=t.paula, partnership_id=t.partnership.id)
        assert await everything() == before
        await partnerships.hide(by=t.owner, partnership_id=t.partnership.id)
        assert ((await t.now()).hidden_by_partner, (await t.now()).hidden_by_client) == (True, True)

    async def test_who_may_not(self) -> None:
        t, other = await together(), await together("Southwind")
        await models.Partnership.all().update(status=PartnershipStatus.ENDED)
        vendor = await given.admin()
        async with refused(UserErrorCode.FORBIDDEN):
            await partnerships.hide(by=vendor, partnership_id=t.partnership.id)
        async with refused(UserErrorCode.NOT_FOUND, "partnershipId"):
            await partnerships.hide(by=other.admin, partnership_id=t.partnership.id)


@pytest.mark.usefixtures("database", "clock")
async def test_nothing_of_an_ended_partnership_is_modified() -> None:
    t = await together()
    draft = await t.draft(t.paula, add_contacts=[t.ada.id])
    item = await models.ProposalItem.get(proposal_id=draft, kind=ModificationKind.ADD_CONTACT)
    await end(t, t.owner)
    assert (await models.ProposalItem.get(id=item.id)).accepted is None
    async with refused(UserErrorCode.WRONG_STATE, "partnershipId"):
        await modifications.draft(by=t.paula, partnership_id=t.partnership.id, terms={"title": "Still"})
    async with refused(UserErrorCode.WRONG_STATE, "proposalId"):
        await proposals.submit(draft, by=t.paula, message="Still.")
