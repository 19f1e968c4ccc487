"""Two who ask, let in, shut out or end at the same moment: one counts, nobody locks another out (architecture 3)."""

from collections import Counter
from datetime import timedelta
from types import ModuleType

import pytest

import models
from domain import grants, partnerships, proposals
from domain.seats import Seat
from models.enums import AccessStatus, PartnershipStatus
from tests import given
from tests.domain.test_ending import preview as end_preview
from tests.domain.test_grants import connected, disconnect, preview
from tests.domain.test_modifications_at_once import at_once, is_whole

ROUNDS = 6

pytestmark = pytest.mark.usefixtures("committed", "clock")


async def test_of_two_requests_at_once_one_waits() -> None:
    for _ in range(ROUNDS):
        t = await connected(status=AccessStatus.DISABLED)
        outcomes = await at_once(*(grants.request(by=by, grant_id=t.grant.id) for by in (t.paula, t.admin)))
        assert sorted(outcomes) == ["ALREADY_PROPOSED", "done"]
        assert await models.Proposal.filter(grant_id=t.grant.id).count() == 1
        assert await t.topics() == ["grant.requested"]


async def test_of_every_answer_at_once_one_counts() -> None:
    for _ in range(ROUNDS):
        t = await connected(status=AccessStatus.DISABLED)
        await grants.request(by=t.paula, grant_id=t.grant.id)
        request = await models.Proposal.get(grant_id=t.grant.id)
        outcomes = await at_once(
            proposals.accept(request.id, by=t.owner),
            proposals.decline(request.id, by=t.owner),
            proposals.withdraw(request.id, by=t.admin),
        )
        assert Counter(outcomes) == {"done": 1, "WRONG_STATE": 2}
        assert len(await t.topics()) == 2


async def test_an_answer_and_an_enabling_let_in_once() -> None:
    for _ in range(ROUNDS):
        t = await connected(status=AccessStatus.DISABLED)
        await grants.request(by=t.paula, grant_id=t.grant.id)
        request = await models.Proposal.get(grant_id=t.grant.id)
        outcomes = await at_once(
            proposals.accept(request.id, by=t.owner), grants.enable(by=t.owner, grant_id=t.grant.id)
        )
        assert sorted(outcomes) == ["WRONG_STATE", "done"]
        assert await t.topics() == ["grant.requested", "grant.enabled"]


async def test_of_two_ends_at_once_one_counts() -> None:
    for _ in range(ROUNDS):
        t = await connected()
        confirmation = await preview(t.grant.id)
        outcomes = await at_once(*(disconnect(t, by, confirmation=confirmation) for by in (t.admin, t.owner)))
        assert sorted(outcomes) == ["NOT_CONNECTED", "done"]
        assert await t.topics() == ["ended", "grant.disconnected"]
        assert not await is_whole(t)


async def test_of_the_last_two_accounts_at_once_the_second_is_shown_that_the_partnership_would_end() -> None:
    for _ in range(ROUNDS):
        t = await connected()
        second = await given.grant(t.partnership, await given.owned(await given.account(t.client, "Second"), t.owner))
        seen = {grant.id: await preview(grant.id) for grant in (t.grant, second)}

        async def end(grant_id: str, by: Seat, seen: dict[str, str] = seen) -> str:
            return await grants.disconnect(by=by, grant_id=grant_id, reason="We part.", confirmation=seen[grant_id])

        outcomes = await at_once(end(t.grant.id, t.admin), end(second.id, t.owner))
        assert sorted(outcomes) == ["STALE_CONFIRMATION", "done"]
        assert (await t.now()).status is PartnershipStatus.ACTIVE


async def test_an_end_of_the_partnership_meets_an_end_of_its_last_access() -> None:
    for _ in range(ROUNDS):
        t = await connected()
        whole, one = await end_preview(t.partnership.id), await preview(t.grant.id)
        outcomes = await at_once(
            partnerships.end(by=t.admin, partnership_id=t.partnership.id, reason="We part.", confirmation=whole),
            disconnect(t, t.owner, confirmation=one),
        )
        assert Counter(outcomes)["done"] == 1
        assert set(outcomes) <= {"done", "NOT_CONNECTED", "WRONG_STATE"}
        assert await t.topics() == ["ended", "grant.disconnected"]


async def test_whatever_is_switched_at_once_one_state_is_left_and_each_change_is_told() -> None:
    for _ in range(ROUNDS):
        t = await connected(status=AccessStatus.EXPIRED)
        outcomes = await at_once(
            grants.enable(by=t.owner, grant_id=t.grant.id),
            grants.disable(by=t.owner, grant_id=t.grant.id),
            grants.request(by=t.paula, grant_id=t.grant.id),
        )
        assert set(outcomes) <= {"done", "WRONG_STATE"}
        assert len(await t.topics()) == outcomes.count("done")
        found = await models.AccessGrant.get(id=t.grant.id)
        asked = await models.Proposal.filter(grant_id=t.grant.id, status="PENDING").count()
        assert (found.status, asked) != (AccessStatus.ENABLED, 1)


async def test_of_two_sweeps_at_once_each_is_told_of_by_one(clock: ModuleType) -> None:
    over, later = await connected(expires_at=clock.now()), await connected("Southwind")
    clock.advance(timedelta(days=30))
    for sweep, t, topic in (
        (grants.expire_due, over, "grant.expired"),
        (grants.warn_due, later, "grant.expiring"),
    ):
        await at_once(*(sweep(clock.now()) for _ in range(4)))
        assert await t.topics() == [topic]
