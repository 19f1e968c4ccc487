"""Modifications: drafted by one side, countersigned by the other (mission 4.2 to 4.4, 5.1a, 5.3)."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from types import ModuleType

import pytest

import models
from domain import clock, modifications, partnerships, policy, proposals
from domain.errors import Refusal
from domain.seats import Seat
from models.enums import (
    AccessStatus,
    AccountStatus,
    Audience,
    ModificationKind,
    PartnershipStatus,
    ProposalAction,
    ProposalKind,
    ProposalStatus,
    SecurityRole,
    Side,
    UserErrorCode,
)
from tests import given
from tests.domain.refusals import columns, everything, refused
from tests.domain.together import items, together

MOMENT = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.mark.usefixtures("database", "clock")
class TestDraft:
    async def test_4_2_a_draft_holds_adds_releases_accounts_and_terms(self, clock: ModuleType) -> None:
        t = await together()
        second = await given.account(t.client, "Second shop")
        owner = await given.staff(second)
        clock.advance(HOUR)
        modification_id = await t.draft(
            owner,
            add_contacts=[t.uma.id, t.uma.id],
            release_contacts=[t.grace.id, t.otto.id],
            add_accounts=[second.id],
            terms={"title": "Shop care", "region": " East ", "starts_on": date(2027, 1, 1)},
        )
        drafted = await models.Proposal.get(id=modification_id)
        assert {name: value for name, value in columns(drafted).items() if value not in (None, 0)} == {
            "id": modification_id,
            "kind": ProposalKind.MODIFICATION,
            "status": ProposalStatus.DRAFT,
            "version": 1,
            "proposed_by_id": owner.user_id,
            "proposed_by_side": Side.CLIENT,
            "from_client_id": t.client.id,
            "to_partner_id": t.partner.id,
            "partnership_id": t.partnership.id,
            "created_at": clock.now(),
        }
        assert modification_id.startswith("modification_")
        assert sorted(await items(modification_id)) == sorted(
            [
                ("ADD_CONTACT", t.uma.id, None),
                ("RELEASE_CONTACT", t.grace.id, None),
                ("RELEASE_CONTACT", t.otto.id, None),
                ("ADD_ACCOUNT", second.id, None),
                ("CHANGE_TERMS", "region", None),
                ("CHANGE_TERMS", "startsOn", None),
            ]
        )
        terms = await models.ProposalItem.filter(kind=ModificationKind.CHANGE_TERMS).order_by("field")
        assert [(item.before, item.after) for item in terms] == [("West", "East"), (None, "2027-01-01")]
        lent = await models.AssignedContact.get(proposal_id=modification_id)
        assert (lent.contact_id, lent.side, lent.assigned_at, lent.released_at) == (t.uma.id, Side.CLIENT, None, None)

    async def test_a_partner_drafts_towards_its_client(self) -> None:
        t = await together()
        drafted = await models.Proposal.get(id=await t.draft(t.paula, add_contacts=[t.ada.id]))
        assert (drafted.from_partner_id, drafted.from_client_id, drafted.to_partner_id, drafted.to_client_id) == (
            t.partner.id,
            None,
            None,
            t.client.id,
        )
        assert (await models.AssignedContact.get(proposal_id=drafted.id)).side is Side.PARTNER

    async def test_4_2_a_draft_is_told_to_its_own_side_alone_and_moves_nothing(self, clock: ModuleType) -> None:
        t = await together()
        before = columns(await t.now())
        clock.advance(HOUR)
        modification_id = await t.draft(
            t.paula, add_contacts=[t.ada.id], release_contacts=[t.otto.id], terms={"title": "Full care"}
        )
        event = await t.event("partnership.modification.drafted")
        assert (event.visible_to, event.side, event.subject, event.proposal_id) == (
            Audience.PARTNER_ALONE,
            Side.PARTNER,
            modification_id,
            modification_id,
        )
        assert event.changes == [
            {"field": "addContact", "before": None, "after": "Ada Lovelace"},
            {"field": "releaseContact", "before": "Otto Hahn", "after": None},
            {"field": "title", "before": "Shop care", "after": "Full care"},
        ]
        assert columns(await t.now()) == before
        assert await t.assigned() == {t.grace.id, t.otto.id}

    async def test_4_2_a_draft_exists_for_its_own_side_alone(self) -> None:
        t = await together()
        modification_id = await t.draft(t.owner, add_contacts=[t.uma.id])
        [item] = await models.ProposalItem.filter(proposal_id=modification_id)
        lent = await models.AssignedContact.get(proposal_id=modification_id)
        rows = [(models.Proposal, modification_id), (models.ProposalItem, item.id), (models.AssignedContact, lent.id)]
        for model, row_id in rows:
            for own in (t.owner, t.sam):
                assert (await policy.find(model, row_id, by=own)).pk == row_id
            for other in (t.paula, t.admin, await given.admin()):
                async with refused(UserErrorCode.NOT_FOUND):
                    await policy.find(model, row_id, by=other)

    async def test_4_2_a_draft_is_replaced_by_exactly_what_is_wanted(self) -> None:
        t = await together()
        lena = await given.contact(t.partner, "Lena Meyer")
        first = await t.draft(t.paula, add_contacts=[t.ada.id, lena.id], terms={"title": "Full care", "region": None})
        kept = {row.field or row.contact_id: row.id for row in await models.ProposalItem.filter(proposal_id=first)}
        again = await t.draft(
            t.admin, add_contacts=[lena.id], release_contacts=[t.grace.id], terms={"title": "Full care"}
        )
        now = {row.field or row.contact_id: row.id for row in await models.ProposalItem.filter(proposal_id=first)}
        assert again == first
        assert set(now) == {lena.id, t.grace.id, "title"}
        assert {name: now[name] for name in (lena.id, "title")} == {name: kept[name] for name in (lena.id, "title")}
        assert [row.contact_id for row in await models.AssignedContact.filter(proposal_id=first)] == [lena.id]
        assert (await models.Proposal.get(id=first)).version == 2
        told = await models.Event.filter(topic="partnership.modification.drafted").order_by("-version").first()
        assert told is not None
        assert told.changes == [
            {"field": "releaseContact", "before": "Grace Hopper", "after": None},
            {"field": "addContact", "before": "Ada Lovelace", "after": None},
            {"field": "region", "before": None, "after": "West"},
        ]

    async def test_an_emptied_draft_keeps_its_row(self) -> None:
        t = await together()
        modification_id = await t.draft(t.paula, add_contacts=[t.ada.id], release_contacts=[t.grace.id])
        assert await t.draft(t.paula) == modification_id
        assert (await models.Proposal.get(id=modification_id)).status is ProposalStatus.DRAFT
        assert await items(modification_id) == []
        assert await models.AssignedContact.filter(proposal_id=modification_id).count() == 0

    async def test_where_there_is_nothing_to_draft_nothing_is_drafted(self) -> None:
        t = await together()
        before = await everything()
        assert await modifications.draft(by=t.paula, partnership_id=t.partnership.id) is None
        # What is so already is no change.
        terms: partnerships.Terms = {"title": " Shop care", "description": "All of it", "region": "West"}
        assert await modifications.draft(by=t.paula, partnership_id=t.partnership.id, terms=terms) is None
        assert await everything() == before

    async def test_the_same_draft_again_is_no_change(self) -> None:
        t = await together()
        await t.draft(t.paula, add_contacts=[t.ada.id], terms={"title": "Full care"})
        before = await everything()
        await t.draft(t.admin, add_contacts=[t.ada.id], terms={"title": "Full care"})
        assert await everything() == before

    async def test_terms_that_are_left_out_stay_and_null_clears(self) -> None:
        t = await together()
        await t.draft(t.paula, terms={"title": "Shop care", "description": None})
        [item] = await models.ProposalItem.filter(kind=ModificationKind.CHANGE_TERMS)
        assert (item.field, item.before, item.after) == ("description", "All of it", None)

    async def test_4_4_two_colleagues_edits_meet_in_the_version(self) -> None:
        t = await together()
        await t.draft(t.paula, add_contacts=[t.ada.id])
        await t.draft(t.admin, version=1, release_contacts=[t.grace.id])
        with pytest.raises(Refusal, match="it is at version 2 now") as caught:
            await t.draft(t.paula, version=1)
        assert (caught.value.code, caught.value.field) == (UserErrorCode.CONFLICT, ["expectedVersion"])
        async with refused(UserErrorCode.CONFLICT, "expectedVersion"):
            await t.draft(t.paula, version=3)
        await t.draft(t.paula, version=2)

    async def test_a_version_of_no_draft_is_a_conflict(self) -> None:
        t = await together()
        async with refused(UserErrorCode.CONFLICT, "expectedVersion"):
            await t.draft(t.paula, version=1, add_contacts=[t.ada.id])
        await t.draft(t.owner, add_contacts=[t.uma.id])
        async with refused(UserErrorCode.CONFLICT, "expectedVersion"):
            await t.draft(t.paula, version=1, add_contacts=[t.ada.id])

    @pytest.mark.parametrize("status", [status for status in PartnershipStatus if status != "ACTIVE"])
    async def test_4_2_only_an_active_partnership_is_modified(self, status: PartnershipStatus) -> None:
        t = await together()
        await models.Partnership.filter(id=t.partnership.id).update(status=status)
        for by in (t.paula, t.owner):
            async with refused(UserErrorCode.WRONG_STATE, "partnershipId"):
                await t.draft(by, terms={"title": "Full care"})

    async def test_both_sides_have_a_draft_each(self) -> None:
        t = await together()
        drafts = [await t.draft(by, terms={"title": "Full care"}) for by in (t.paula, t.owner, t.sam, t.admin)]
        assert drafts == [drafts[0], drafts[1], drafts[1], drafts[0]]
        assert len(set(drafts)) == 2


@pytest.mark.usefixtures("database", "clock")
class TestWhatADraftRefuses:
    async def test_4_4_each_side_lends_only_its_own_contacts(self) -> None:
        t = await together()
        erased = await given.contact(t.partner, "Gone", erased_at=clock.now())
        for by, contact in ((t.paula, t.uma), (t.owner, t.grace), (t.paula, erased)):
            async with refused(UserErrorCode.INVALID, "addContacts"):
                await t.draft(by, add_contacts=[contact.id])

    async def test_a_contact_is_lent_once(self) -> None:
        t = await together()
        async with refused(UserErrorCode.INVALID, "addContacts"):
            await t.draft(t.paula, add_contacts=[t.grace.id])
        await t.submit(t.paula, add_contacts=[t.ada.id])
        async with refused(UserErrorCode.INVALID, "addContacts"):
            await t.draft(t.paula, add_contacts=[t.ada.id])

    async def test_a_contact_of_another_partnership_can_be_lent_to_this_one(self) -> None:
        t = await together()
        elsewhere = await given.partnership(t.partner, await given.client("Hill Foods"))
        await given.lent_contact(elsewhere, t.ada, t.offer)
        await t.draft(t.paula, add_contacts=[t.ada.id])

    async def test_only_who_is_assigned_is_released_of_either_side(self) -> None:
        t = await together()
        await t.submit(t.paula, add_contacts=[t.ada.id])
        for by, contact in ((t.paula, t.ada), (t.owner, t.uma), (t.paula, t.uma)):
            async with refused(UserErrorCode.INVALID, "releaseContacts"):
                await t.draft(by, release_contacts=[contact.id])
        for by in (t.paula, t.owner):
            await t.draft(by, release_contacts=[t.grace.id, t.otto.id])

    async def test_what_is_not_seen_is_not_found(self) -> None:
        t, other = await together(), await together("Southwind")
        for by in (t.paula, t.owner):
            for contact_id in (other.ada.id, "contact_none"):
                async with refused(UserErrorCode.NOT_FOUND, "addContacts"):
                    await t.draft(by, add_contacts=[contact_id])
            async with refused(UserErrorCode.NOT_FOUND, "releaseContacts"):
                await t.draft(by, release_contacts=[other.otto.id])
            async with refused(UserErrorCode.NOT_FOUND, "addAccounts"):
                await t.draft(by, add_accounts=[other.account.id])

    async def test_an_account_is_the_clients_own_live_and_not_connected(self) -> None:
        t = await together()
        elsewhere = await given.account(await given.client("Hill Foods"))
        closed = await given.account(t.client, "Closed shop", status=AccountStatus.CANCELLED)
        cancelled = await given.owned(closed, t.owner)
        await given.grant(await given.partnership(t.partner, await models.Client.get(name="Hill Foods")), elsewhere)
        async with refused(UserErrorCode.INVALID, "addAccounts"):
            await t.draft(t.owner, add_accounts=[t.account.id])
        async with refused(UserErrorCode.INVALID, "addAccounts"):
            await t.draft(t.paula, add_accounts=[elsewhere.id])
        async with refused(UserErrorCode.WRONG_STATE, "addAccounts"):
            await t.draft(t.owner, add_accounts=[cancelled.id])

    async def test_1_2_a_client_adds_the_accounts_that_it_owns(self) -> None:
        t = await together()
        second = await given.account(t.client, "Second shop")
        manager = await given.staff(second, SecurityRole.MANAGER)
        owner = await given.staff(second)
        async with refused(UserErrorCode.CAPABILITY_DENIED, "addAccounts"):
            await t.draft(manager, add_accounts=[second.id])
        await t.draft(owner, add_accounts=[second.id])
        # What its owner has put in, a colleague who sees it may leave in.
        modification_id = await t.draft(manager, add_accounts=[second.id], release_contacts=[t.grace.id])
        async with refused(UserErrorCode.CAPABILITY_DENIED, "proposalId"):
            await proposals.submit(modification_id, by=manager, message="Please.")
        await proposals.submit(modification_id, by=owner, message="Please.")

    @pytest.mark.parametrize("terms", [{"title": " "}, {"title": "a\nb"}, {"title": "x", "region": "a\0"}])
    async def test_terms_are_text(self, terms: partnerships.Terms) -> None:
        t = await together()
        async with refused(UserErrorCode.INVALID, "terms", "region" if "region" in terms else "title"):
            await t.draft(t.paula, terms=terms)

    async def test_strangers_find_nothing_and_the_vendor_modifies_nothing(self) -> None:
        t, other = await together(), await together("Southwind")
        for stranger in (other.admin, other.owner):
            async with refused(UserErrorCode.NOT_FOUND, "partnershipId"):
                await t.draft(stranger, terms={"title": "Mine"})
        vendor = await given.admin()
        async with refused(UserErrorCode.FORBIDDEN):
            await t.draft(vendor, terms={"title": "Ours"})


@pytest.mark.usefixtures("database", "clock")
class TestSubmit:
    async def test_4_3_what_is_submitted_waits_for_the_other_side(self, clock: ModuleType) -> None:
        t = await together()
        modification_id = await t.draft(t.paula, add_contacts=[t.ada.id], terms={"title": "Full care"})
        clock.advance(HOUR)
        assert await proposals.submit(modification_id, by=t.admin, message=" We grow. ") == modification_id
        sent = await models.Proposal.get(id=modification_id)
        assert (sent.status, sent.version, sent.message, sent.proposed_by_id, sent.proposed_at, sent.sent_at) == (
            ProposalStatus.PENDING,
            2,
            "We grow.",
            t.admin.user_id,
            clock.now(),
            clock.now(),
        )
        assert sent.expires_at == clock.now() + 30 * DAY
        assert (await t.now()).changed_at == clock.now()
        assert await t.assigned() == {t.grace.id, t.otto.id}

    async def test_4_3_it_is_told_to_both_sides_with_its_reason(self) -> None:
        t = await together()
        sent = await t.submit(t.owner, add_contacts=[t.uma.id], release_contacts=[t.grace.id])
        event = await t.event("partnership.modification.submitted")
        told = [
            {"field": "addContact", "before": None, "after": "Uma Bose"},
            {"field": "releaseContact", "before": "Grace Hopper", "after": None},
        ]
        assert (event.visible_to, event.side, event.reason, event.subject, event.changes) == (
            Audience.BOTH,
            Side.CLIENT,
            "We grow.",
            sent.id,
            told,
        )
        assert (event.partner_id, event.client_id, event.partnership_id) == (
            t.partner.id,
            t.client.id,
            t.partnership.id,
        )

    async def test_4_3_the_other_side_and_the_vendor_see_it_from_now_on(self) -> None:
        t = await together()
        sent = await t.submit(t.paula, add_contacts=[t.ada.id])
        lent = await models.AssignedContact.get(proposal_id=sent.id)
        for by in (t.owner, t.sam, t.paula, await given.admin()):
            await policy.find(models.Proposal, sent.id, by=by)
            await policy.find(models.AssignedContact, lent.id, by=by)
        await policy.find(models.Contact, t.ada.id, by=t.owner)

    async def test_4_2_an_empty_draft_cannot_be_submitted(self) -> None:
        t = await together()
        modification_id = await t.draft(t.paula, add_contacts=[t.ada.id])
        await t.draft(t.paula)
        async with refused(UserErrorCode.NO_CHANGES, "proposalId"):
            await proposals.submit(modification_id, by=t.paula, message="We grow.")

    @pytest.mark.parametrize("message", [None, "", " \n "])
    async def test_4_2_nor_one_without_a_reason(self, message: str | None) -> None:
        t = await together()
        modification_id = await t.draft(t.paula, add_contacts=[t.ada.id])
        async with refused(UserErrorCode.REASON_REQUIRED, "message"):
            await proposals.submit(modification_id, by=t.paula, message=message)

    async def test_4_2_one_a_side_waits_at_most(self) -> None:
        t = await together()
        await t.submit(t.paula, add_contacts=[t.ada.id])
        second = await t.draft(t.paula, release_contacts=[t.grace.id])
        async with refused(UserErrorCode.ALREADY_PROPOSED, "proposalId"):
            await proposals.submit(second, by=t.admin, message="And more.")
        await t.submit(t.owner, release_contacts=[t.grace.id])

    async def test_terms_that_changed_since_they_were_drafted_are_a_conflict(self) -> None:
        t = await together()
        modification_id = await t.draft(t.paula, terms={"title": "Full care"})
        await models.Partnership.filter(id=t.partnership.id).update(title="Half care")
        async with refused(UserErrorCode.CONFLICT, "proposalId"):
            await proposals.submit(modification_id, by=t.paula, message="We grow.")
        await t.draft(t.paula, terms={"title": "Full care"})
        await proposals.submit(modification_id, by=t.paula, message="We grow.")

    async def test_old_versions_conflict(self) -> None:
        t = await together()
        modification_id = await t.draft(t.paula, add_contacts=[t.ada.id])
        await t.draft(t.admin, release_contacts=[t.grace.id])
        with pytest.raises(Refusal, match="it is at version 2 now"):
            await proposals.submit(modification_id, by=t.paula, message="We grow.", expected_version=1)
        await proposals.submit(modification_id, by=t.paula, message="We grow.", expected_version=2)

    @pytest.mark.parametrize("status", [status for status in ProposalStatus if status != "DRAFT"])
    async def test_only_a_draft_is_submitted(self, status: ProposalStatus) -> None:
        t = await together()
        modification_id = await t.draft(t.paula, add_contacts=[t.ada.id])
        times = {"proposed_at": clock.now(), "expires_at": clock.now() + DAY}
        await models.Proposal.filter(id=modification_id).update(status=status, **times)
        async with refused(UserErrorCode.WRONG_STATE, "proposalId"):
            await proposals.submit(modification_id, by=t.paula, message="We grow.")

    async def test_only_its_own_side_submits_a_draft(self) -> None:
        t = await together()
        modification_id = await t.draft(t.paula, add_contacts=[t.ada.id])
        stranger = await given.member(await given.partner("Southwind"))
        for by in (t.owner, stranger):
            async with refused(UserErrorCode.NOT_FOUND, "proposalId"):
                await proposals.submit(modification_id, by=by, message="We grow.")
        vendor = await given.admin()
        async with refused(UserErrorCode.FORBIDDEN):
            await proposals.submit(modification_id, by=vendor, message="We grow.")

    async def test_what_is_not_drafted_is_not_submitted(self) -> None:
        t = await together()
        async with refused(UserErrorCode.FORBIDDEN, "proposalId"):
            await proposals.submit(t.offer.id, by=t.paula, message="Again.")


async def _counter(modification_id: str, by: Seat) -> str:
    return await modifications.counter(modification_id, by=by, message="Rather so.", terms={"title": "Half care"})


VERBS: dict[str, Callable[[str, Seat], Awaitable[str]]] = {
    "accept": lambda modification_id, by: proposals.accept(modification_id, by=by),
    "decline": lambda modification_id, by: proposals.decline(modification_id, by=by, comment="No."),
    "counter": _counter,
    "withdraw": lambda modification_id, by: proposals.withdraw(modification_id, by=by),
    "remind": lambda modification_id, by: proposals.remind(modification_id, by=by),
}
ANSWERS = {"accept", "decline", "counter"}


@pytest.mark.usefixtures("database", "clock")
class TestWho:
    @pytest.mark.parametrize("side", [Side.PARTNER, Side.CLIENT])
    @pytest.mark.parametrize("verb", VERBS)
    async def test_4_4_the_other_side_answers_and_ones_own_takes_back(
        self, clock: ModuleType, verb: str, side: Side
    ) -> None:
        for number in range(6):
            t = await together()
            own, others = ([t.paula, t.admin], [t.owner, t.sam])
            if side is Side.CLIENT:
                own, others = others, own
            sent = await t.submit(own[0], terms={"title": "Full care"})
            clock.advance(HOUR)
            may, may_not = (others, own) if verb in ANSWERS else (own, others)
            by = [*may, *may_not, await given.admin(), (await together("Southwind")).owner][number]
            if number in {0, 1}:
                assert await VERBS[verb](sent.id, by)
            else:
                code = UserErrorCode.NOT_FOUND if number == 5 else UserErrorCode.FORBIDDEN
                async with refused(code, "proposalId"):
                    await VERBS[verb](sent.id, by)

    @pytest.mark.parametrize("side", [Side.PARTNER, Side.CLIENT])
    async def test_nobody_countersigns_for_the_other_side_what_ones_own_asks(self, side: Side) -> None:
        t = await together()
        both = await given.user("Berta Both")
        member = await given.member(t.partner, user=both)
        staff = await given.staff(t.account, SecurityRole.MANAGER, user=both)
        sent = await t.submit(t.paula if side is Side.PARTNER else t.owner, terms={"title": "Full care"})
        by = staff if side is Side.PARTNER else member
        async with refused(UserErrorCode.FORBIDDEN, "proposalId"):
            await proposals.accept(sent.id, by=by)
        await proposals.decline(sent.id, by=by, comment="Let a colleague answer.")


@pytest.mark.usefixtures("database", "clock")
class TestState:
    @pytest.mark.parametrize("verb", VERBS)
    @pytest.mark.parametrize("status", [status for status in ProposalStatus if status != "PENDING"])
    async def test_every_answer_starts_from_pending_alone(
        self, clock: ModuleType, verb: str, status: ProposalStatus
    ) -> None:
        t = await together()
        sent = await t.submit(t.paula, terms={"title": "Full care"})
        clock.advance(HOUR)
        is_draft = status is ProposalStatus.DRAFT
        drafted = {"proposed_at": None} if is_draft else {}
        await models.Proposal.filter(id=sent.id).update(status=status, **drafted)
        code = UserErrorCode.EXPIRED if status is ProposalStatus.EXPIRED else UserErrorCode.WRONG_STATE
        async with refused(UserErrorCode.NOT_FOUND if is_draft and verb in ANSWERS else code, "proposalId"):
            await VERBS[verb](sent.id, t.owner if verb in ANSWERS else t.paula)

    @pytest.mark.parametrize("verb", VERBS)
    async def test_5_1a_it_is_open_until_its_last_moment_and_expired_from_then_on(
        self, clock: ModuleType, verb: str
    ) -> None:
        late, in_time = await together(), await together("Southwind")
        of_late, of_in_time = [await t.submit(t.paula, terms={"title": "Full care"}) for t in (late, in_time)]
        clock.advance(30 * DAY - MOMENT)
        await VERBS[verb](of_in_time.id, in_time.owner if verb in ANSWERS else in_time.paula)
        clock.advance(MOMENT)
        async with refused(UserErrorCode.EXPIRED, "proposalId"):
            await VERBS[verb](of_late.id, late.owner if verb in ANSWERS else late.paula)

    @pytest.mark.parametrize("first", ["accept", "decline", "counter", "withdraw"])
    @pytest.mark.parametrize("second", VERBS)
    async def test_a_decision_is_final(self, clock: ModuleType, first: str, second: str) -> None:
        t = await together()
        sent = await t.submit(t.paula, release_contacts=[t.grace.id])
        clock.advance(HOUR)
        await VERBS[first](sent.id, t.owner if first in ANSWERS else t.paula)
        async with refused(UserErrorCode.WRONG_STATE, "proposalId"):
            await VERBS[second](sent.id, t.owner if second in ANSWERS else t.paula)

    async def test_old_versions_conflict_with_the_current_one(self) -> None:
        t = await together()
        sent = await t.submit(t.paula, terms={"title": "Full care"})
        verbs: list[Callable[[], Awaitable[str]]] = [
            lambda: proposals.accept(sent.id, by=t.owner, expected_version=1),
            lambda: proposals.decline(sent.id, by=t.owner, comment="No.", expected_version=1),
            lambda: modifications.counter(
                sent.id, by=t.owner, message="So.", release_contacts=[t.otto.id], expected_version=1
            ),
            lambda: proposals.withdraw(sent.id, by=t.paula, expected_version=1),
        ]
        for verb in verbs:
            with pytest.raises(Refusal, match="it is at version 2 now") as caught:
                await verb()
            assert (caught.value.code, caught.value.field) == (UserErrorCode.CONFLICT, ["expectedVersion"])
        await proposals.accept(sent.id, by=t.owner, expected_version=2)


@pytest.mark.usefixtures("database", "clock")
class TestAccept:
    async def test_4_4_accepted_whole_everything_takes_effect(self, clock: ModuleType) -> None:
        t = await together()
        second = await given.owned(await given.account(t.client, "Second shop", jobs_created=100), t.owner)
        sent = await t.submit(
            t.owner,
            add_contacts=[t.uma.id],
            release_contacts=[t.grace.id, t.otto.id],
            add_accounts=[second.id],
            terms={"title": "Full care", "description": None, "region": "East", "starts_on": date(2027, 1, 1)},
        )
        clock.advance(HOUR)
        assert await t.assigned() == {t.grace.id, t.otto.id}  # a released contact stays listed until accepted
        assert await proposals.accept(sent.id, by=t.paula, comment="Gladly.") == sent.id
        accepted, now = await models.Proposal.get(id=sent.id), await t.now()
        assert (accepted.status, accepted.version, accepted.decided_by_id, accepted.decided_at, accepted.comment) == (
            ProposalStatus.ACCEPTED,
            3,
            t.paula.user_id,
            clock.now(),
            "Gladly.",
        )
        assert (now.title, now.description, now.region, now.starts_on, now.version, now.changed_at) == (
            "Full care",
            None,
            "East",
            date(2027, 1, 1),
            2,
            clock.now(),
        )
        assert await t.assigned() == {t.uma.id}
        lent = await models.AssignedContact.get(contact_id=t.uma.id)
        assert (lent.assigned_at, lent.released_at) == (clock.now(), None)
        assert {row.released_at for row in await models.AssignedContact.exclude(contact_id=t.uma.id)} == {clock.now()}
        grant = await models.AccessGrant.get(account_id=second.id)
        assert (grant.status, grant.partner_id, grant.partnership_id, grant.connected_at, grant.expires_at) == (
            AccessStatus.ENABLED,
            t.partner.id,
            t.partnership.id,
            clock.now(),
            clock.now() + 60 * DAY,
        )
        assert {accepted for _, _, accepted in await items(sent.id)} == {True}
        assert await t.topics() == ["drafted", "submitted", "accepted", "grant.connected"]

    async def test_4_4_item_by_item_the_others_return_to_what_they_were(self, clock: ModuleType) -> None:
        t = await together()
        lena = await given.contact(t.partner, "Lena Meyer")
        sent = await t.submit(
            t.paula,
            add_contacts=[t.ada.id, lena.id],
            release_contacts=[t.grace.id, t.otto.id],
            terms={"title": "Full care"},
        )
        rows = await models.ProposalItem.filter(proposal_id=sent.id)
        chosen = [row.id for row in rows if row.contact_id in {t.ada.id, t.otto.id}]
        clock.advance(HOUR)
        await proposals.accept(sent.id, by=t.sam, item_ids=chosen)
        assert (await models.Proposal.get(id=sent.id)).status is ProposalStatus.PARTIALLY_ACCEPTED
        assert await t.assigned() == {t.grace.id, t.ada.id}
        assert (await t.now()).title == "Shop care"
        declined = await models.AssignedContact.get(contact_id=lena.id)
        assert (declined.assigned_at, declined.released_at) == (None, clock.now())
        assert {(name, accepted) for _, name, accepted in await items(sent.id)} == {
            (t.ada.id, True),
            (lena.id, False),
            (t.grace.id, False),
            (t.otto.id, True),
            ("title", False),
        }
        event = await t.event("partnership.modification.accepted")
        assert event.changes == [
            {"field": "addContact", "before": None, "after": "Ada Lovelace"},
            {"field": "releaseContact", "before": "Otto Hahn", "after": None},
        ]
        await t.draft(t.paula, add_contacts=[lena.id])

    async def test_naming_every_item_is_accepting_it_whole(self) -> None:
        t = await together()
        sent = await t.submit(t.paula, add_contacts=[t.ada.id], terms={"title": "Full care"})
        every = [row.id for row in await models.ProposalItem.filter(proposal_id=sent.id)]
        await proposals.accept(sent.id, by=t.owner, item_ids=every)
        assert (await models.Proposal.get(id=sent.id)).status is ProposalStatus.ACCEPTED

    async def test_items_are_the_modifications_own_and_at_least_one(self) -> None:
        t = await together()
        sent = await t.submit(t.paula, add_contacts=[t.ada.id])
        [own] = await models.ProposalItem.filter(proposal_id=sent.id)
        elsewhere = await t.draft(t.owner, release_contacts=[t.grace.id])
        [other] = await models.ProposalItem.filter(proposal_id=elsewhere)
        async with refused(UserErrorCode.INVALID, "itemIds"):
            await proposals.accept(sent.id, by=t.owner, item_ids=[])
        for foreign in (other.id, "item_none"):
            async with refused(UserErrorCode.NOT_FOUND, "itemIds"):
                await proposals.accept(sent.id, by=t.owner, item_ids=[own.id, foreign])
        async with refused(UserErrorCode.INVALID, "accountIds"):
            await proposals.accept(sent.id, by=t.owner, account_ids=[])

    async def test_4_4_terms_that_changed_meanwhile_conflict(self) -> None:
        t = await together()
        theirs = await t.submit(t.paula, add_contacts=[t.ada.id], terms={"title": "Full care"})
        ours = await t.submit(t.owner, terms={"title": "Half care"})
        await proposals.accept(ours.id, by=t.paula)
        async with refused(UserErrorCode.CONFLICT, "proposalId"):
            await proposals.accept(theirs.id, by=t.owner)
        [add] = await models.ProposalItem.filter(proposal_id=theirs.id, kind=ModificationKind.ADD_CONTACT)
        await proposals.accept(theirs.id, by=t.owner, item_ids=[add.id])
        assert (await t.now()).title == "Half care"

    async def test_both_sides_may_release_the_same_contact(self) -> None:
        t = await together()
        sent = [await t.submit(by, release_contacts=[t.grace.id]) for by in (t.paula, t.owner)]
        await proposals.accept(sent[0].id, by=t.owner)
        first = await models.AssignedContact.get(contact_id=t.grace.id)
        await proposals.accept(sent[1].id, by=t.paula)
        assert columns(await models.AssignedContact.get(contact_id=t.grace.id)) == columns(first)
        assert {row.status for row in await models.Proposal.filter(kind="MODIFICATION")} == {ProposalStatus.ACCEPTED}

    async def test_1_2_an_account_that_a_partner_asks_for_is_its_owners_to_give(self) -> None:
        t = await together()
        second = await given.account(t.client, "Second shop")
        manager, owner = await given.staff(second, SecurityRole.MANAGER), await given.staff(second)
        sent = await t.submit(t.paula, terms={"title": "Full care"})
        asked = await given.item(sent, ModificationKind.ADD_ACCOUNT, account=second)
        for by in (manager, t.owner):
            async with refused(UserErrorCode.CAPABILITY_DENIED, "itemIds"):
                await proposals.accept(sent.id, by=by, item_ids=[asked.id])
        await proposals.accept(sent.id, by=owner, item_ids=[asked.id])
        assert await models.AccessGrant.filter(account_id=second.id).count() == 1

    async def test_an_account_that_was_cancelled_meanwhile_is_refused_and_one_that_was_connected_stays(self) -> None:
        t = await together()
        accounts = [await given.account(t.client, name) for name in ("Second shop", "Third shop")]
        second, third = [await given.owned(account, t.owner) for account in accounts]
        sent = await t.submit(t.owner, add_accounts=[second.id, third.id])
        await models.Account.filter(id=second.id).update(status=AccountStatus.CANCELLED)
        async with refused(UserErrorCode.WRONG_STATE, "itemIds"):
            await proposals.accept(sent.id, by=t.paula)
        connected = await given.grant(t.partnership, third)
        [item] = await models.ProposalItem.filter(account_id=third.id)
        await proposals.accept(sent.id, by=t.paula, item_ids=[item.id])
        assert [row.id for row in await models.AccessGrant.filter(account_id=third.id)] == [connected.id]
        assert await t.topics() == ["drafted", "submitted", "accepted"]

    async def test_what_was_erased_of_it_is_declined_and_the_rest_may_be_accepted(self) -> None:
        t = await together()
        sent = await t.submit(t.paula, add_contacts=[t.ada.id], release_contacts=[t.grace.id])
        await models.ProposalItem.filter(contact_id=t.ada.id).update(accepted=False)
        await models.AssignedContact.filter(contact_id=t.ada.id).update(released_at=clock.now())
        await proposals.accept(sent.id, by=t.owner)
        assert (await models.Proposal.get(id=sent.id)).status is ProposalStatus.PARTIALLY_ACCEPTED
        assert sorted(await items(sent.id)) == [
            ("ADD_CONTACT", t.ada.id, False),
            ("RELEASE_CONTACT", t.grace.id, True),
        ]
        assert await t.assigned() == {t.otto.id}

    async def test_where_all_of_it_was_erased_nothing_is_left_to_accept(self) -> None:
        t = await together()
        sent = await t.submit(t.paula, add_contacts=[t.ada.id])
        await models.ProposalItem.filter(contact_id=t.ada.id).update(accepted=False)
        async with refused(UserErrorCode.NO_CHANGES, "proposalId"):
            await proposals.accept(sent.id, by=t.owner)


@pytest.mark.usefixtures("database", "clock")
class TestOtherEnds:
    @pytest.mark.parametrize("comment", [None, "", "  "])
    async def test_4_4_declining_needs_a_reason(self, comment: str | None) -> None:
        t = await together()
        sent = await t.submit(t.paula, add_contacts=[t.ada.id])
        async with refused(UserErrorCode.REASON_REQUIRED, "comment"):
            await proposals.decline(sent.id, by=t.owner, comment=comment)

    @pytest.mark.parametrize(
        ("verb", "status", "topic", "reason", "accepted"),
        [
            ("decline", ProposalStatus.DECLINED, "declined", "No.", False),
            ("withdraw", ProposalStatus.WITHDRAWN, "withdrawn", None, None),
        ],
    )
    async def test_4_4_everything_returns_to_what_it_was(
        self,
        clock: ModuleType,
        verb: str,
        status: ProposalStatus,
        topic: str,
        reason: str | None,
        *,
        accepted: bool | None,
    ) -> None:
        t = await together()
        wanted: modifications.Wanted = {
            "add_contacts": [t.ada.id],
            "release_contacts": [t.otto.id],
            "terms": {"title": "Full care"},
        }
        sent = await t.submit(t.paula, **wanted)
        before = columns(await t.now())
        clock.advance(HOUR)
        by = t.owner if verb == "decline" else t.admin
        await VERBS[verb](sent.id, by)
        ended = await models.Proposal.get(id=sent.id)
        assert (ended.status, ended.decided_by_id, ended.decided_at, ended.comment) == (
            status,
            by.user_id,
            clock.now(),
            reason,
        )
        assert columns(await t.now()) == {**before, "changed_at": clock.now()}
        assert await t.assigned() == {t.grace.id, t.otto.id}
        assert {answer for _, _, answer in await items(sent.id)} == {accepted}
        assert (await models.AssignedContact.get(contact_id=t.ada.id)).released_at == clock.now()
        event = await t.event(f"partnership.modification.{topic}")
        assert (event.visible_to, event.actor_id, event.reason) == (Audience.BOTH, by.user_id, reason)
        # It never blocks a new one.
        await t.submit(t.paula, **wanted)

    async def test_4_3_at_most_once_an_hour_the_other_side_is_asked_again(self, clock: ModuleType) -> None:
        t = await together()
        sent = await t.submit(t.paula, add_contacts=[t.ada.id])
        async with refused(UserErrorCode.RATE_LIMITED, "proposalId"):
            await proposals.remind(sent.id, by=t.paula)
        clock.advance(HOUR)
        await proposals.remind(sent.id, by=t.admin)
        assert await t.topics() == ["drafted", "submitted", "reminded"]


@pytest.mark.usefixtures("database", "clock")
class TestCounter:
    async def test_4_4_a_counter_takes_the_place_of_what_it_answers(self, clock: ModuleType) -> None:
        t = await together()
        theirs = await t.submit(t.paula, add_contacts=[t.ada.id], terms={"title": "Full care"})
        clock.advance(HOUR)
        ours_id = await modifications.counter(
            theirs.id,
            by=t.owner,
            message=" Rather so. ",
            expected_version=2,
            add_contacts=[t.uma.id],
            release_contacts=[t.grace.id],
            terms={"title": "Half care"},
        )
        countered, ours = await models.Proposal.get(id=theirs.id), await models.Proposal.get(id=ours_id)
        assert (countered.status, countered.version, countered.decided_by_id, countered.decided_at) == (
            ProposalStatus.SUPERSEDED,
            3,
            t.owner.user_id,
            clock.now(),
        )
        assert {name: value for name, value in columns(ours).items() if value not in (None, 0)} == {
            "id": ours_id,
            "kind": ProposalKind.MODIFICATION,
            "status": ProposalStatus.PENDING,
            "version": 1,
            "message": "Rather so.",
            "proposed_by_id": t.owner.user_id,
            "proposed_by_side": Side.CLIENT,
            "from_client_id": t.client.id,
            "to_partner_id": t.partner.id,
            "partnership_id": t.partnership.id,
            "counters_id": theirs.id,
            "proposed_at": clock.now(),
            "sent_at": clock.now(),
            "expires_at": clock.now() + 30 * DAY,
            "created_at": clock.now(),
        }
        assert sorted(await items(ours_id)) == sorted(
            [("ADD_CONTACT", t.uma.id, None), ("RELEASE_CONTACT", t.grace.id, None), ("CHANGE_TERMS", "title", None)]
        )
        assert (await models.AssignedContact.get(contact_id=t.ada.id)).released_at == clock.now()
        assert (await t.now()).changed_at == clock.now()
        event = await t.event("partnership.modification.countered")
        assert (event.visible_to, event.proposal_id, event.reason, len(event.changes)) == (
            Audience.BOTH,
            ours_id,
            "Rather so.",
            3,
        )
        assert await t.topics() == ["drafted", "submitted", "countered"]
        await proposals.accept(ours_id, by=t.paula)
        assert await t.assigned() == {t.otto.id, t.uma.id}

    async def test_a_counter_can_be_countered_in_turn(self) -> None:
        t = await together()
        first = await t.submit(t.paula, terms={"title": "Full care"})
        second = await _counter(first.id, t.owner)
        third = await modifications.counter(second, by=t.admin, message="Or so.", terms={"title": "Some care"})
        assert (await models.Proposal.get(id=third)).counters_id == second
        await proposals.accept(third, by=t.owner)
        assert (await t.now()).title == "Some care"

    async def test_it_needs_a_reason_and_something_that_changes(self) -> None:
        t = await together()
        sent = await t.submit(t.paula, terms={"title": "Full care"})
        async with refused(UserErrorCode.REASON_REQUIRED, "message"):
            await modifications.counter(sent.id, by=t.owner, message=" ", terms={"title": "Half care"})
        nothing: list[partnerships.Terms | None] = [None, {"title": "Shop care"}]
        for terms in nothing:
            async with refused(UserErrorCode.NO_CHANGES, "proposalId"):
                await modifications.counter(sent.id, by=t.owner, message="So.", terms=terms)

    async def test_4_2_one_a_side_waits_at_most(self) -> None:
        t = await together()
        theirs = await t.submit(t.paula, terms={"title": "Full care"})
        await t.submit(t.owner, release_contacts=[t.otto.id])
        async with refused(UserErrorCode.ALREADY_PROPOSED, "proposalId"):
            await _counter(theirs.id, t.sam)

    async def test_what_a_draft_refuses_a_counter_refuses(self) -> None:
        t = await together()
        sent = await t.submit(t.paula, add_contacts=[t.ada.id])
        await t.draft(t.owner, add_contacts=[t.uma.id])
        refusals: list[tuple[modifications.Wanted, UserErrorCode, str]] = [
            # What it answers is over once it is countered.
            ({"add_contacts": [t.ada.id]}, UserErrorCode.NOT_FOUND, "addContacts"),
            # It is in the draft, which stays.
            ({"add_contacts": [t.uma.id]}, UserErrorCode.INVALID, "addContacts"),
            ({"release_contacts": [t.uma.id]}, UserErrorCode.INVALID, "releaseContacts"),
            ({"add_accounts": [t.account.id]}, UserErrorCode.INVALID, "addAccounts"),
        ]
        for wanted, code, field in refusals:
            async with refused(code, field):
                await modifications.counter(sent.id, by=t.owner, message="So.", **wanted)

    async def test_a_draft_stays_beside_a_counter(self) -> None:
        t = await together()
        draft = await t.draft(t.owner, add_contacts=[t.uma.id])
        sent = await t.submit(t.paula, terms={"title": "Full care"})
        await _counter(sent.id, t.owner)
        assert (await models.Proposal.get(id=draft)).status is ProposalStatus.DRAFT


@pytest.mark.usefixtures("database", "clock")
class TestTime:
    async def test_5_1a_an_expired_modification_is_announced_once_and_lets_go(self, clock: ModuleType) -> None:
        t = await together()
        sent = await t.submit(t.paula, add_contacts=[t.ada.id], release_contacts=[t.otto.id])
        was = columns(await t.now())
        clock.advance(30 * DAY - MOMENT)
        assert await proposals.expire_due(clock.now()) == 0
        clock.advance(MOMENT)
        assert [await proposals.expire_due(clock.now()) for _ in range(2)] == [1, 0]
        expired = await models.Proposal.get(id=sent.id)
        assert (expired.status, expired.version, expired.decided_at) == (ProposalStatus.EXPIRED, sent.version, None)
        assert columns(await t.now()) == was
        assert (await models.AssignedContact.get(contact_id=t.ada.id)).released_at == clock.now()
        assert await t.assigned() == {t.grace.id, t.otto.id}
        event = await t.event("partnership.modification.expired")
        assert (event.actor_id, event.side, event.visible_to) == (None, None, Audience.BOTH)

    async def test_5_1a_a_stale_one_is_expired_first_and_never_blocks(self, clock: ModuleType) -> None:
        t = await together()
        stale = await t.submit(t.paula, add_contacts=[t.ada.id])
        clock.advance(30 * DAY)
        fresh = await t.submit(t.paula, add_contacts=[t.ada.id])
        assert (await models.Proposal.get(id=stale.id)).status is ProposalStatus.EXPIRED
        assert fresh.status is ProposalStatus.PENDING
        assert await t.topics() == ["drafted", "submitted", "expired", "drafted", "submitted"]
        event = await t.event("partnership.modification.expired")
        assert (event.actor_id, event.proposal_id) == (None, stale.id)

    async def test_5_1a_a_counter_is_not_blocked_by_ones_own_stale_one(self, clock: ModuleType) -> None:
        t = await together()
        stale = await t.submit(t.owner, release_contacts=[t.grace.id])
        clock.advance(DAY)
        sent = await t.submit(t.paula, terms={"title": "Full care"})
        clock.advance(29 * DAY)
        await _counter(sent.id, t.owner)
        assert (await models.Proposal.get(id=stale.id)).status is ProposalStatus.EXPIRED

    async def test_a_draft_does_not_expire(self, clock: ModuleType) -> None:
        t = await together()
        draft = await t.draft(t.paula, add_contacts=[t.ada.id])
        clock.advance(365 * DAY)
        assert await proposals.expire_due(clock.now()) + await proposals.remind_due(clock.now()) == 0
        await proposals.submit(draft, by=t.paula, message="At last.")

    async def test_5_3_whoever_has_not_answered_is_reminded_after_3_and_7_days_each_once(
        self, clock: ModuleType
    ) -> None:
        t = await together()
        await t.submit(t.paula, add_contacts=[t.ada.id])
        reminded = []
        for _ in range(30):
            clock.advance(DAY)
            reminded.append(await proposals.remind_due(clock.now()))
        assert [day for day, count in enumerate(reminded, start=1) if count] == [3, 7]
        assert await t.topics() == ["drafted", "submitted", "reminded", "reminded"]


def test_every_button_of_a_modification_is_a_verb() -> None:
    assert {ProposalAction(verb.upper()) for verb in VERBS} | {ProposalAction.SUBMIT} == set(ProposalAction)
