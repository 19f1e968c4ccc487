"""Requests for access, as one of the kinds of proposals: who answers them, and what every answer does (mission 1.6)."""

from datetime import timedelta
from types import ModuleType

import pytest

import models
from domain import clock, grants, policy, proposals
from domain.seats import Seat
from models.enums import AccessStatus, Audience, ProposalStatus, SecurityRole, Side, UserErrorCode
from tests import given
from tests.domain.refusals import columns, everything, refused
from tests.domain.together import Together, together

pytestmark = pytest.mark.usefixtures("database", "clock")

DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
OPEN = 14 * DAY


async def shut_out(**grant: object) -> Together:
    """Both sides, with an account of 100 jobs that the partner may not open."""
    t = await together()
    await models.Account.filter(id=t.account.id).update(jobs_created=100, activated_at=clock.now())
    changed = {"status": AccessStatus.DISABLED, "last_opened_at": clock.now(), **grant}
    await models.AccessGrant.filter(id=t.grant.id).update(**changed)
    return t


async def asked(t: Together, by: Seat | None = None, message: str | None = "Let us in.") -> models.Proposal:
    """Ask for access."""
    await grants.request(by=by or t.paula, grant_id=t.grant.id, message=message)
    return await models.Proposal.get(grant_id=t.grant.id, status=ProposalStatus.PENDING)


async def access(t: Together) -> models.AccessGrant:
    return await models.AccessGrant.get(id=t.grant.id)


class TestAsk:
    async def test_1_6_a_request_is_a_proposal_to_the_client_for_14_days(self) -> None:
        t = await shut_out()
        assert await grants.request(by=t.paula, grant_id=t.grant.id, message=" Let us in. ") == t.grant.id
        request = await models.Proposal.get(grant_id=t.grant.id)
        assert request.id.startswith("request_")
        untouched = {
            name: None
            for name, value in columns(request).items()
            if value is None and name not in {"from_client_id", "to_partner_id", "decided_by_id"}
        }
        assert columns(request) == {
            **untouched,
            "id": request.id,
            "kind": "ACCESS_REQUEST",
            "status": ProposalStatus.PENDING,
            "version": 1,
            "message": "Let us in.",
            "proposed_by_id": t.paula.user_id,
            "proposed_by_side": Side.PARTNER,
            "from_partner_id": t.partner.id,
            "from_client_id": None,
            "to_partner_id": None,
            "to_client_id": t.client.id,
            "proposed_at": clock.now(),
            "expires_at": clock.now() + OPEN,
            "decided_by_id": None,
            "partnership_id": t.partnership.id,
            "account_id": t.account.id,
            "grant_id": t.grant.id,
            "reminders": 0,
            "sent_at": clock.now(),
            "created_at": clock.now(),
        }

    async def test_1_6_it_is_told_in_the_history_of_the_access(self) -> None:
        t = await shut_out()
        request = await asked(t)
        event = await t.event("grant.requested")
        assert (event.subject, event.proposal_id, event.account_id, event.partner_id, event.client_id) == (
            t.grant.id,
            request.id,
            t.account.id,
            t.partner.id,
            t.client.id,
        )
        assert (event.visible_to, event.actor_id, event.side, event.reason) == (
            Audience.BOTH,
            t.paula.user_id,
            Side.PARTNER,
            "Let us in.",
        )

    async def test_1_6_one_waits_at_most(self) -> None:
        t = await shut_out()
        await asked(t)
        for by in (t.paula, t.admin):
            async with refused(UserErrorCode.ALREADY_PROPOSED, "grantId"):
                await grants.request(by=by, grant_id=t.grant.id)

    async def test_5_1a_a_stale_one_is_expired_first_event_included(self, clock: ModuleType) -> None:
        t = await shut_out()
        stale = await asked(t)
        clock.advance(OPEN - MOMENT)
        async with refused(UserErrorCode.ALREADY_PROPOSED, "grantId"):
            await grants.request(by=t.paula, grant_id=t.grant.id)
        clock.advance(MOMENT)
        fresh = await asked(t, message=None)
        assert (await models.Proposal.get(id=stale.id)).status is ProposalStatus.EXPIRED
        assert await t.topics() == ["grant.requested", "grant.request.expired", "grant.requested"]
        told = await t.event("grant.request.expired")
        assert (told.proposal_id, told.subject, told.actor_id, told.side) == (stale.id, t.grant.id, None, None)
        assert fresh.message is None

    @pytest.mark.parametrize(
        "status", [ProposalStatus.DECLINED, ProposalStatus.WITHDRAWN, ProposalStatus.EXPIRED, ProposalStatus.CANCELLED]
    )
    async def test_what_ended_does_not_block_a_new_one(self, status: ProposalStatus) -> None:
        t = await shut_out()
        first = await asked(t)
        await models.Proposal.filter(id=first.id).update(status=status)
        assert (await asked(t)).id != first.id

    async def test_who_sees_it(self) -> None:
        """The partner, whoever has a place in the account, and the vendor; nobody else of the client."""
        t, other = await shut_out(), await together("Southwind")
        request = await asked(t)
        elsewhere = await given.staff(await given.account(t.client, "Annex"))
        for by in (t.admin, t.owner, t.sam, await given.admin()):
            assert (await policy.find(models.Proposal, request.id, by=by)).id == request.id
        for by in (elsewhere, other.admin, other.owner):
            async with refused(UserErrorCode.NOT_FOUND):
                await policy.find(models.Proposal, request.id, by=by)


class TestAccept:
    async def test_1_6_approving_restarts_the_clock(self, clock: ModuleType) -> None:
        t = await shut_out(status=AccessStatus.EXPIRED, expires_at=clock.now(), warned_days=1)
        request = await asked(t)
        clock.advance(DAY)
        assert await proposals.accept(request.id, by=t.owner, comment="Welcome back.") == request.id
        grant = await access(t)
        assert (grant.status, grant.enabled_at, grant.expires_at, grant.until_at, grant.warned_days, grant.version) == (
            AccessStatus.ENABLED,
            clock.now(),
            clock.now() + 60 * DAY,
            clock.now() + 60 * DAY,
            None,
            2,
        )
        closed = await models.Proposal.get(id=request.id)
        assert (closed.status, closed.decided_by_id, closed.decided_at, closed.comment, closed.version) == (
            ProposalStatus.ACCEPTED,
            t.owner.user_id,
            clock.now(),
            "Welcome back.",
            2,
        )

    async def test_one_event_tells_it_the_accesss_own(self) -> None:
        t = await shut_out()
        request = await asked(t)
        await proposals.accept(request.id, by=t.owner, comment="Welcome back.")
        assert await t.topics() == ["grant.requested", "grant.enabled"]
        event = await t.event("grant.enabled")
        assert (event.subject, event.proposal_id, event.account_id, event.reason, event.actor_id) == (
            t.grant.id,
            request.id,
            t.account.id,
            "Welcome back.",
            t.owner.user_id,
        )

    async def test_under_100_jobs_access_does_not_expire(self) -> None:
        t = await shut_out()
        await models.Account.filter(id=t.account.id).update(jobs_created=99, activated_at=None)
        await proposals.accept((await asked(t)).id, by=t.owner)
        assert (await access(t)).expires_at is None

    async def test_1_6_the_owner_of_that_account_answers_and_nobody_else(self) -> None:
        t, other = await shut_out(), await together("Southwind")
        manager = await given.staff(t.account, SecurityRole.MANAGER)
        request = await asked(t)
        for verb in (proposals.accept, proposals.decline):
            # Approving one's own is for nobody, and the vendor approves nothing for a client.
            for by in (t.paula, t.admin, t.sam, manager, await given.admin()):
                async with refused(UserErrorCode.FORBIDDEN, "proposalId"):
                    await verb(request.id, by=by)
            for by in (other.admin, other.owner):
                async with refused(UserErrorCode.NOT_FOUND, "proposalId"):
                    await verb(request.id, by=by)

    async def test_1_7_who_owns_another_account_of_the_client_lacks_the_capability(self) -> None:
        t = await shut_out()
        user = await given.user("Olga Owner")
        elsewhere = await given.staff(await given.account(t.client, "Annex"), user=user)
        await models.StaffMember.create(account=t.account, user=user, role=SecurityRole.MANAGER, joined_at=clock.now())
        request = await asked(t)
        for verb in (proposals.accept, proposals.decline):
            async with refused(UserErrorCode.CAPABILITY_DENIED, "proposalId"):
                await verb(request.id, by=elsewhere)

    async def test_1_1_who_belongs_to_the_partner_as_well_lets_nobody_in(self) -> None:
        t = await shut_out()
        request = await asked(t)
        await given.member(t.partner, user=await models.User.get(id=t.owner.user_id))
        async with refused(UserErrorCode.FORBIDDEN, "proposalId"):
            await proposals.accept(request.id, by=t.owner)
        async with refused(UserErrorCode.FORBIDDEN, "grantId"):
            await grants.enable(by=t.owner, grant_id=t.grant.id)

    async def test_items_and_accounts_are_of_other_kinds(self) -> None:
        t = await shut_out()
        request = await asked(t)
        async with refused(UserErrorCode.INVALID, "itemIds"):
            await proposals.accept(request.id, by=t.owner, item_ids=[])
        async with refused(UserErrorCode.INVALID, "accountIds"):
            await proposals.accept(request.id, by=t.owner, account_ids=[t.account.id])

    async def test_final_is_final(self, clock: ModuleType) -> None:
        t = await shut_out()
        request = await asked(t)
        async with refused(UserErrorCode.CONFLICT, "expectedVersion"):
            await proposals.accept(request.id, by=t.owner, expected_version=2)
        await proposals.accept(request.id, by=t.owner, expected_version=1)
        for verb in (proposals.accept, proposals.decline):
            async with refused(UserErrorCode.WRONG_STATE, "proposalId"):
                await verb(request.id, by=t.owner)
        async with refused(UserErrorCode.WRONG_STATE, "proposalId"):
            await proposals.withdraw(request.id, by=t.paula)
        clock.advance(OPEN)
        assert await proposals.expire_due(clock.now()) == 0

    async def test_5_1a_a_moment_before_its_time_is_over_and_at_it(self, clock: ModuleType) -> None:
        t, late = await shut_out(), await together("Southwind")
        await models.AccessGrant.filter(id=late.grant.id).update(status=AccessStatus.DISABLED)
        in_time, too_late = await asked(t), await asked(late)
        clock.advance(OPEN - MOMENT)
        await proposals.accept(in_time.id, by=t.owner)
        clock.advance(MOMENT)
        for verb in (proposals.accept, proposals.decline):
            async with refused(UserErrorCode.EXPIRED, "proposalId"):
                await verb(too_late.id, by=late.owner)
        for take_back in (proposals.withdraw, proposals.remind):
            async with refused(UserErrorCode.EXPIRED, "proposalId"):
                await take_back(too_late.id, by=late.paula)


class TestDecline:
    async def test_1_6_denied_the_partner_stays_shut_out_and_may_ask_again(self) -> None:
        t = await shut_out()
        request, before = await asked(t), columns(await access(t))
        await proposals.decline(request.id, by=t.owner, comment="Not now.")
        assert columns(await access(t)) == before
        event = await t.event("grant.request.declined")
        assert (event.subject, event.proposal_id, event.reason, event.actor_id) == (
            t.grant.id,
            request.id,
            "Not now.",
            t.owner.user_id,
        )
        assert (await asked(t)).id != request.id

    async def test_a_no_needs_no_reason(self) -> None:
        t = await shut_out()
        await proposals.decline((await asked(t)).id, by=t.owner)
        assert (await t.event("grant.request.declined")).reason is None


class TestWithdraw:
    async def test_any_of_the_partner_takes_it_back(self) -> None:
        t = await shut_out()
        request, before = await asked(t), columns(await access(t))
        for by in (t.owner, t.sam):
            async with refused(UserErrorCode.FORBIDDEN, "proposalId"):
                await proposals.withdraw(request.id, by=by)
        await proposals.withdraw(request.id, by=t.admin)
        assert columns(await access(t)) == before
        assert await t.topics() == ["grant.requested", "grant.request.withdrawn"]


class TestTime:
    async def test_5_3_it_is_reminded_of_after_3_and_7_days_and_by_hand_once_an_hour(self, clock: ModuleType) -> None:
        t = await shut_out()
        request = await asked(t)
        async with refused(UserErrorCode.RATE_LIMITED, "proposalId"):
            await proposals.remind(request.id, by=t.paula)
        clock.advance(timedelta(hours=1))
        await proposals.remind(request.id, by=t.paula)
        clock.advance(3 * DAY)
        assert [await proposals.remind_due(clock.now()) for _ in range(2)] == [1, 0]
        clock.advance(4 * DAY)
        assert [await proposals.remind_due(clock.now()) for _ in range(2)] == [1, 0]
        assert await t.topics() == ["grant.requested", *["grant.request.reminded"] * 3]

    async def test_5_3_silence_ends_it_and_is_no_yes(self, clock: ModuleType) -> None:
        t = await shut_out()
        await asked(t)
        before = columns(await access(t))
        clock.advance(OPEN - MOMENT)
        assert await proposals.expire_due(clock.now()) == 0
        clock.advance(MOMENT)
        assert [await proposals.expire_due(clock.now()) for _ in range(2)] == [1, 0]
        assert await t.topics() == ["grant.requested", "grant.request.expired"]
        assert columns(await access(t)) == before
        unchanged = await everything()
        assert await proposals.expire_due(clock.now()) == 0
        assert await everything() == unchanged
