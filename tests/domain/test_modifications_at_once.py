"""Two who modify, answer or end at the same moment: one counts, nobody locks another out (architecture 3)."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from datetime import timedelta

import pytest

import models
from domain import clock, contacts, managers, modifications, partnerships, proposals
from domain.errors import Refusal
from models.enums import PartnershipStatus, ProposalStatus
from tests.domain.test_ending import end, preview
from tests.domain.together import Together, together

ROUNDS = 8
DAY = timedelta(days=1)

pytestmark = pytest.mark.usefixtures("committed")


async def at_once(*attempts: Awaitable[object]) -> list[str]:
    """Start all, wait for all; tell of each whether it was done, or the refusal's code."""
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert all(isinstance(outcome, (Refusal, str, int)) for outcome in outcomes), outcomes
    return [outcome.code.value if isinstance(outcome, Refusal) else "done" for outcome in outcomes]


async def is_whole(t: Together) -> bool:
    """Hold what is true of every partnership, whatever has happened in it; tell whether it is still ACTIVE."""
    partnership = await t.now()
    waiting = await models.Proposal.filter(partnership_id=t.partnership.id, status__in=["DRAFT", "PENDING"])
    assert max(Counter((each.proposed_by_side, each.status) for each in waiting).values(), default=0) <= 1
    lent = await models.AssignedContact.filter(partnership_id=t.partnership.id, released_at=None)
    open_ones = {each.id for each in waiting}
    assert all(row.assigned_at or row.proposal_id in open_ones for row in lent)
    versions = [event.version for event in await models.Event.filter(stream=t.partnership.id).order_by("version")]
    assert versions == list(range(1, len(versions) + 1))
    if partnership.status is PartnershipStatus.ACTIVE:
        return True
    assert (waiting, lent) == ([], [])
    assert await models.AccessGrant.filter(partnership_id=t.partnership.id).exclude(status="DISCONNECTED").count() == 0
    return False


async def test_of_every_answer_at_once_one_counts() -> None:
    for _ in range(ROUNDS):
        t = await together()
        sent = await t.submit(t.paula, add_contacts=[t.ada.id], release_contacts=[t.otto.id])
        outcomes = await at_once(
            proposals.accept(sent.id, by=t.owner),
            proposals.accept(sent.id, by=t.sam),
            proposals.decline(sent.id, by=t.sam, comment="No."),
            proposals.withdraw(sent.id, by=t.admin),
            modifications.counter(sent.id, by=t.owner, message="So.", terms={"title": "Half care"}),
        )
        assert Counter(outcomes) == {"done": 1, "WRONG_STATE": 4}
        assert len(await t.topics()) == 3
        assert await is_whole(t)


async def test_an_end_meets_every_answer() -> None:
    for number in range(ROUNDS):
        t = await together()
        sent = await t.submit(t.paula, add_contacts=[t.ada.id])
        confirmation = await preview(t.partnership.id)
        answer = (
            proposals.accept(sent.id, by=t.owner)
            if number % 2
            else modifications.counter(sent.id, by=t.owner, message="So.", terms={"title": "Half care"})
        )
        answered, ended = await at_once(answer, end(t, t.admin, confirmation=confirmation))
        assert (answered, ended) in {("done", "STALE_CONFIRMATION"), ("WRONG_STATE", "done")}
        assert await is_whole(t) is (ended != "done")


async def test_an_end_meets_every_edit() -> None:
    for _ in range(ROUNDS):
        t = await together()
        draft = await t.draft(t.paula, add_contacts=[t.ada.id])
        confirmation = await preview(t.partnership.id)
        outcomes = await at_once(
            t.draft(t.owner, add_contacts=[t.uma.id]),
            managers.add(by=t.owner, partnership_id=t.partnership.id, contact_ids=[t.uma.id]),
            proposals.submit(draft, by=t.paula, message="We grow."),
            end(t, t.admin, confirmation=confirmation),
        )
        assert set(outcomes) <= {"done", "WRONG_STATE", "STALE_CONFIRMATION"}
        # What was submitted before is a consequence that nobody has seen.
        assert (outcomes[2] == "done") is (outcomes[3] == "STALE_CONFIRMATION")
        assert await is_whole(t) is (outcomes[3] != "done")


async def test_of_two_ends_at_once_one_counts() -> None:
    for _ in range(ROUNDS):
        t = await together()
        confirmation = await preview(t.partnership.id)
        outcomes = await at_once(*(end(t, by, confirmation=confirmation) for by in (t.admin, t.owner, t.admin)))
        assert Counter(outcomes) == {"done": 1, "WRONG_STATE": 2}
        assert await t.topics() == ["ended", "grant.disconnected"]
        assert not await is_whole(t)


async def test_4_4_of_two_edits_of_one_version_one_counts() -> None:
    for _ in range(ROUNDS):
        t = await together()
        drafted = await t.draft(t.paula, terms={"title": "Full care"})
        outcomes = await at_once(
            t.draft(t.paula, version=1, add_contacts=[t.ada.id]),
            t.draft(t.admin, version=1, release_contacts=[t.grace.id]),
            t.draft(t.admin, version=1),
        )
        assert Counter(outcomes) == {"done": 1, "CONFLICT": 2}
        assert (await models.Proposal.get(id=drafted)).version == 2
        assert await is_whole(t)


async def test_of_two_first_drafts_at_once_one_row_comes() -> None:
    for _ in range(ROUNDS):
        t = await together()
        outcomes = await at_once(t.draft(t.paula, add_contacts=[t.ada.id]), t.draft(t.admin, add_contacts=[t.ada.id]))
        assert outcomes == ["done", "done"]
        assert await models.Proposal.filter(partnership_id=t.partnership.id, status="DRAFT").count() == 1
        assert await t.topics() == ["drafted"]
        assert await is_whole(t)


async def test_4_2_of_a_submission_and_a_counter_at_once_one_waits() -> None:
    for _ in range(ROUNDS):
        t = await together()
        theirs = await t.submit(t.paula, terms={"title": "Full care"})
        ours = await t.draft(t.owner, release_contacts=[t.otto.id])
        outcomes = await at_once(
            proposals.submit(ours, by=t.sam, message="We shrink."),
            modifications.counter(theirs.id, by=t.owner, message="So.", terms={"title": "Half care"}),
        )
        assert sorted(outcomes) == ["ALREADY_PROPOSED", "done"]
        assert await is_whole(t)


async def test_of_two_submissions_at_once_one_counts() -> None:
    for _ in range(ROUNDS):
        t = await together()
        draft = await t.draft(t.paula, add_contacts=[t.ada.id])
        outcomes = await at_once(*(proposals.submit(draft, by=by, message="We grow.") for by in (t.paula, t.admin)))
        assert sorted(outcomes) == ["WRONG_STATE", "done"]
        assert await t.topics() == ["drafted", "submitted"]


async def test_an_edit_and_the_submission_of_a_draft_at_once_send_what_was_read() -> None:
    for _ in range(ROUNDS):
        t = await together()
        draft = await t.draft(t.paula, add_contacts=[t.ada.id])
        outcomes = await at_once(
            t.draft(t.admin, version=1, release_contacts=[t.grace.id]),
            proposals.submit(draft, by=t.paula, message="We grow.", expected_version=1),
        )
        assert sorted(outcomes) == ["CONFLICT", "done"]
        assert await is_whole(t)


async def test_what_both_sides_release_at_once_is_released_once() -> None:
    for _ in range(ROUNDS):
        t = await together()
        sent = [await t.submit(by, release_contacts=[t.grace.id, t.otto.id]) for by in (t.paula, t.owner)]
        outcomes = await at_once(proposals.accept(sent[0].id, by=t.owner), proposals.accept(sent[1].id, by=t.paula))
        assert outcomes == ["done", "done"]
        assert await t.assigned() == set()
        assert (await t.now()).version == 3
        assert await is_whole(t)


async def test_of_two_changes_of_one_term_at_once_one_takes_effect() -> None:
    for _ in range(ROUNDS):
        t = await together()
        theirs = await t.submit(t.paula, terms={"title": "Full care"})
        ours = await t.submit(t.owner, terms={"title": "Half care"})
        outcomes = await at_once(proposals.accept(theirs.id, by=t.owner), proposals.accept(ours.id, by=t.paula))
        assert sorted(outcomes) == ["CONFLICT", "done"]
        title = (await t.now()).title
        assert title == ("Full care" if outcomes[0] == "done" else "Half care")


async def test_somebody_is_put_on_a_team_once() -> None:
    for _ in range(ROUNDS):
        t = await together()
        outcomes = await at_once(
            *(
                managers.add(by=by, partnership_id=t.partnership.id, contact_ids=[t.ada.id])
                for by in (t.paula, t.admin, t.paula)
            )
        )
        assert outcomes == ["done"] * 3
        assert await models.PartnershipManager.filter(partnership_id=t.partnership.id).count() == 1
        assert await t.topics() == ["managers.added", "team_changed"]


async def test_5_1a_a_stale_one_is_announced_once_whoever_comes_by() -> None:
    for _ in range(ROUNDS):
        t = await together()
        stale = await t.submit(t.paula, add_contacts=[t.ada.id])
        late = clock.now() + 31 * DAY
        with clock.frozen_at(late):
            confirmation = await preview(t.partnership.id)
            outcomes = await at_once(
                proposals.expire_due(late),
                t.draft(t.paula, add_contacts=[t.ada.id]),
                partnerships.end(
                    by=t.owner, partnership_id=t.partnership.id, reason="We part.", confirmation=confirmation
                ),
                proposals.expire_due(late),
            )
        assert set(outcomes) <= {"done", "WRONG_STATE"}
        assert (await models.Proposal.get(id=stale.id)).status is ProposalStatus.EXPIRED
        assert (await t.topics()).count("expired") == 1
        assert not await is_whole(t)


async def test_0_10_whoever_is_erased_at_the_same_moment_is_named_by_nothing_afterwards() -> None:
    for number in range(ROUNDS):
        t = await together()
        sent = await t.submit(t.owner, terms={"title": "Half care"})
        named = (
            t.draft(t.paula, add_contacts=[t.ada.id], release_contacts=[t.grace.id]),
            modifications.counter(
                sent.id, by=t.paula, message="So.", add_contacts=[t.ada.id], release_contacts=[t.grace.id]
            ),
            managers.add(by=t.paula, partnership_id=t.partnership.id, contact_ids=[t.ada.id, t.grace.id]),
            partnerships.offer(
                by=t.paula,
                partner_id=t.partner.id,
                terms={"title": "Care"},
                email=f"{number}@newcomer.example",
                contact_ids=[t.ada.id, t.grace.id],
            ),
        )
        outcomes = await at_once(
            *named, *(contacts.erase(by=t.admin, contact_id=contact.id) for contact in (t.grace, t.ada))
        )
        assert outcomes[4:] == ["done", "done"]
        assert set(outcomes) <= {"done", "INVALID"}
        erased = {"contact_id__in": [t.ada.id, t.grace.id]}
        assert await models.AssignedContact.filter(**erased, released_at=None).count() == 0
        assert await models.PartnershipManager.filter(**erased, removed_at=None).count() == 0
        assert await models.ProposalItem.filter(**erased, accepted=None).count() == 0
        told = [str(event.changes) for event in await models.Event.filter(stream=t.partnership.id)]
        assert [text for text in told if t.ada.name in text or t.grace.name in text] == []
        assert await is_whole(t)
