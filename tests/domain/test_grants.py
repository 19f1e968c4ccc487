"""A partner's access, asked for, switched, ended and run out (mission 1.3 to 1.6, 1.12)."""

from datetime import timedelta
from types import ModuleType

import pytest
from tortoise.connection import get_connection

import models
import settings
from domain import changes, clock, connections, grants, partnerships, proposals
from domain.seats import Seat
from models import sql
from models.enums import (
    AccessStatus,
    Audience,
    PartnershipStatus,
    ProposalStatus,
    SecurityRole,
    Side,
    UserErrorCode,
)
from models.event import Event
from tests import given
from tests.domain.refusals import columns, everything, refused
from tests.domain.together import Together, together

pytestmark = pytest.mark.usefixtures("database", "clock")

DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
IDLE = 60 * DAY


async def connected(name: str = "Northwind", **grant: object) -> Together:
    """Both sides, with an account of 100 jobs that the partner has just opened."""
    t = await together(name)
    await models.Account.filter(id=t.account.id).update(jobs_created=100, activated_at=clock.now())
    until = clock.now() + IDLE
    changed = {"last_opened_at": clock.now(), "expires_at": until, "until_at": until, **grant}
    await models.AccessGrant.filter(id=t.grant.id).update(**changed)
    return t


async def access(t: Together) -> models.AccessGrant:
    return await models.AccessGrant.get(id=t.grant.id)


async def preview(grant_id: str) -> str:
    """Read a confirmation as a page that shows the consequences does."""
    statement, values = sql.bind(
        f"select {grants.CONSEQUENCES} as c from access_grant {{t}} where {{t}}.id = :id",
        {"id": grant_id, "now": clock.now()},
        changes.dialect(get_connection("default")),
        t="t0",
    )
    [row] = await get_connection("default").execute_query_dict(statement, values)
    return partnerships.confirmation(row["c"])


async def disconnect(t: Together, by: Seat, reason: str = "We part.", confirmation: str | None = None) -> str:
    confirmed = await preview(t.grant.id) if confirmation is None else confirmation
    return await grants.disconnect(by=by, grant_id=t.grant.id, reason=reason, confirmation=confirmed)


async def owner_elsewhere(t: Together) -> Seat:
    """Somebody who owns another account of the client, and works in this one."""
    user = await given.user("Olga Owner")
    seat = await given.staff(await given.account(t.client, "Annex"), user=user)
    await models.StaffMember.create(account=t.account, user=user, role=SecurityRole.MANAGER, joined_at=clock.now())
    return seat


class TestRequest:
    @pytest.mark.parametrize("status", [AccessStatus.EXPIRED, AccessStatus.DISABLED])
    async def test_1_6_whoever_is_shut_out_may_ask(self, status: AccessStatus) -> None:
        t = await connected(status=status)
        await grants.request(by=t.paula, grant_id=t.grant.id, message="Please.")
        assert (await access(t)).status is status
        assert await t.topics() == ["grant.requested"]

    async def test_5_1a_access_is_over_from_its_second_on(self, clock: ModuleType) -> None:
        t = await connected()
        clock.advance(IDLE - MOMENT)
        async with refused(UserErrorCode.WRONG_STATE, "grantId"):
            await grants.request(by=t.paula, grant_id=t.grant.id)
        clock.advance(MOMENT)
        await grants.request(by=t.paula, grant_id=t.grant.id)
        assert await t.topics() == ["grant.expired", "grant.requested"]
        expired = await t.event("grant.expired")
        assert (expired.actor_id, expired.side, expired.subject, expired.at) == (None, None, t.grant.id, clock.now())
        assert await grants.expire_due(clock.now()) == 0

    async def test_who_has_access_asks_for_none(self) -> None:
        t = await connected()
        async with refused(UserErrorCode.WRONG_STATE, "grantId"):
            await grants.request(by=t.paula, grant_id=t.grant.id)

    async def test_1_5_access_that_was_disconnected_is_not_asked_for(self) -> None:
        t = await connected()
        await disconnect(t, t.owner)
        async with refused(UserErrorCode.NOT_CONNECTED, "grantId"):
            await grants.request(by=t.paula, grant_id=t.grant.id)

    async def test_only_the_partner_asks(self) -> None:
        t, other = await connected(status=AccessStatus.DISABLED), await connected("Southwind")
        for by in (t.owner, t.sam, await given.admin()):
            async with refused(UserErrorCode.FORBIDDEN):
                await grants.request(by=by, grant_id=t.grant.id)
        async with refused(UserErrorCode.NOT_FOUND, "grantId"):
            await grants.request(by=other.paula, grant_id=t.grant.id)


class TestDisable:
    @pytest.mark.parametrize("status", [AccessStatus.ENABLED, AccessStatus.EXPIRED])
    async def test_1_4_the_owner_shuts_the_partner_out_which_stays_connected(self, status: AccessStatus) -> None:
        t = await connected(status=status, is_earliest=True)
        before = columns(await access(t))
        assert await grants.disable(by=t.owner, grant_id=t.grant.id, reason=" For now. ") == t.grant.id
        assert columns(await access(t)) == {
            **before,
            "status": AccessStatus.DISABLED,
            "expires_at": None,
            "until_at": connections.NEVER,
            "version": 2,
        }
        assert (await t.now()).status is PartnershipStatus.ACTIVE
        event = await t.event("grant.disabled")
        assert (event.subject, event.account_id, event.reason, event.actor_id, event.visible_to) == (
            t.grant.id,
            t.account.id,
            "For now.",
            t.owner.user_id,
            Audience.BOTH,
        )

    async def test_a_request_goes_on_waiting(self) -> None:
        t = await connected(status=AccessStatus.EXPIRED)
        await grants.request(by=t.paula, grant_id=t.grant.id)
        await grants.disable(by=t.owner, grant_id=t.grant.id)
        request = await models.Proposal.get(grant_id=t.grant.id)
        assert request.status is ProposalStatus.PENDING
        await proposals.accept(request.id, by=t.owner)
        assert (await access(t)).status is AccessStatus.ENABLED

    async def test_disabled_again_is_refused_and_nothing_changes(self) -> None:
        t = await connected()
        await grants.disable(by=t.owner, grant_id=t.grant.id)
        async with refused(UserErrorCode.WRONG_STATE, "grantId"):
            await grants.disable(by=t.owner, grant_id=t.grant.id)

    async def test_5_1a_what_was_over_by_then_has_expired(self, clock: ModuleType) -> None:
        t = await connected()
        clock.advance(IDLE)
        await grants.disable(by=t.owner, grant_id=t.grant.id)
        assert await t.topics() == ["grant.expired", "grant.disabled"]


class TestEnable:
    @pytest.mark.parametrize("status", [AccessStatus.DISABLED, AccessStatus.EXPIRED])
    async def test_1_4_the_owner_lets_the_partner_in_again_and_the_clock_restarts(
        self, clock: ModuleType, status: AccessStatus
    ) -> None:
        t = await connected(status=status, warned_days=7)
        before = columns(await access(t))
        clock.advance(70 * DAY)
        assert await grants.enable(by=t.owner, grant_id=t.grant.id) == t.grant.id
        assert columns(await access(t)) == {
            **before,
            "status": AccessStatus.ENABLED,
            "enabled_at": clock.now(),
            "expires_at": clock.now() + IDLE,
            "until_at": clock.now() + IDLE,
            "warned_days": None,
            "version": 2,
        }
        event = await t.event("grant.enabled")
        assert (event.subject, event.proposal_id, event.actor_id) == (t.grant.id, None, t.owner.user_id)

    async def test_1_3_under_100_jobs_there_is_no_end(self) -> None:
        t = await connected(status=AccessStatus.DISABLED)
        await models.Account.filter(id=t.account.id).update(activated_at=None)
        await grants.enable(by=t.owner, grant_id=t.grant.id)
        assert ((await access(t)).expires_at, (await access(t)).until_at) == (None, connections.NEVER)

    async def test_a_request_that_waits_is_approved_by_it_in_one_event(self) -> None:
        t = await connected(status=AccessStatus.DISABLED)
        await grants.request(by=t.paula, grant_id=t.grant.id)
        await grants.enable(by=t.owner, grant_id=t.grant.id)
        request = await models.Proposal.get(grant_id=t.grant.id)
        assert (request.status, request.decided_by_id) == (ProposalStatus.ACCEPTED, t.owner.user_id)
        assert await t.topics() == ["grant.requested", "grant.enabled"]
        assert (await t.event("grant.enabled")).proposal_id == request.id

    async def test_5_1a_a_stale_request_has_expired_and_is_not_approved(self, clock: ModuleType) -> None:
        t = await connected(status=AccessStatus.DISABLED)
        await grants.request(by=t.paula, grant_id=t.grant.id)
        clock.advance(14 * DAY)
        await grants.enable(by=t.owner, grant_id=t.grant.id)
        assert (await models.Proposal.get(grant_id=t.grant.id)).status is ProposalStatus.EXPIRED
        assert await t.topics() == ["grant.requested", "grant.request.expired", "grant.enabled"]

    async def test_5_1a_what_has_expired_unannounced_is_enabled_after_it_was_announced(self, clock: ModuleType) -> None:
        t = await connected()
        clock.advance(IDLE - MOMENT)
        async with refused(UserErrorCode.WRONG_STATE, "grantId"):
            await grants.enable(by=t.owner, grant_id=t.grant.id)
        clock.advance(MOMENT)
        await grants.enable(by=t.owner, grant_id=t.grant.id)
        assert await t.topics() == ["grant.expired", "grant.enabled"]
        assert (await access(t)).expires_at == clock.now() + IDLE

    async def test_1_5_what_was_disconnected_is_not_enabled(self) -> None:
        t = await connected()
        await disconnect(t, t.admin)
        for verb in (grants.enable, grants.disable):
            async with refused(UserErrorCode.NOT_CONNECTED, "grantId"):
                await verb(by=t.owner, grant_id=t.grant.id)

    async def test_who_may_switch_it(self) -> None:
        t, other = await connected(status=AccessStatus.EXPIRED), await connected("Southwind")
        stranger = await given.staff(await given.account(t.client, "Annex"))
        halfway = await owner_elsewhere(t)
        for verb in (grants.enable, grants.disable):
            for by in (t.sam, t.paula, t.admin, await given.admin()):
                async with refused(UserErrorCode.FORBIDDEN):
                    await verb(by=by, grant_id=t.grant.id)
            async with refused(UserErrorCode.CAPABILITY_DENIED, "grantId"):
                await verb(by=halfway, grant_id=t.grant.id)
            # An owner of another account of the same client, with no place in this one, does not see it.
            for by in (stranger, other.owner):
                async with refused(UserErrorCode.NOT_FOUND, "grantId"):
                    await verb(by=by, grant_id=t.grant.id)


class TestDisconnect:
    @pytest.mark.parametrize("who", ["admin", "owner"])
    async def test_1_5_either_side_ends_it_at_once_and_the_partnership_goes_on(
        self, clock: ModuleType, who: str
    ) -> None:
        t = await connected()
        await given.grant(t.partnership, await given.account(t.client, "Second shop"))
        before, partnership = columns(await access(t)), columns(await t.now())
        clock.advance(DAY)
        by = {"admin": t.admin, "owner": t.owner}[who]
        assert await disconnect(t, by, " We part. ") == t.grant.id
        assert columns(await access(t)) == {
            **before,
            "status": AccessStatus.DISCONNECTED,
            "disconnected_at": clock.now(),
            "expires_at": None,
            "until_at": connections.NEVER,
            "version": 2,
        }
        assert columns(await t.now()) == partnership
        assert await t.topics() == ["grant.disconnected"]
        event = await t.event("grant.disconnected")
        assert (event.subject, event.account_id, event.reason, event.actor_id, event.side, event.visible_to) == (
            t.grant.id,
            t.account.id,
            "We part.",
            by.user_id,
            by.side,
            Audience.BOTH,
        )

    async def test_1_5_with_the_last_account_the_partnership_ends(self, clock: ModuleType) -> None:
        t = await connected()
        sent = await t.submit(t.owner, release_contacts=[t.grace.id])
        clock.advance(DAY)
        await disconnect(t, t.admin)
        ended = await t.now()
        assert (ended.status, ended.ended_at, ended.ended_by, ended.end_reason, ended.hidden_by_partner) == (
            PartnershipStatus.ENDED,
            clock.now(),
            Side.PARTNER,
            "We part.",
            True,
        )
        assert not ended.hidden_by_client
        assert await t.assigned() == set()
        assert (await models.Proposal.get(id=sent.id)).status is ProposalStatus.CANCELLED
        assert (await t.topics())[-2:] == ["ended", "grant.disconnected"]

    async def test_1_5_a_request_that_waits_is_cancelled_and_no_other(self) -> None:
        t = await connected(status=AccessStatus.DISABLED)
        second = await given.grant(
            t.partnership, await given.account(t.client, "Second shop"), status=AccessStatus.DISABLED
        )
        for grant_id in (t.grant.id, second.id):
            await grants.request(by=t.paula, grant_id=grant_id)
        await disconnect(t, t.owner)
        found = {row.grant_id: row.status for row in await models.Proposal.filter(kind="ACCESS_REQUEST")}
        assert found == {t.grant.id: ProposalStatus.CANCELLED, second.id: ProposalStatus.PENDING}
        assert await t.topics() == ["grant.requested", "grant.requested", "grant.disconnected"]

    async def test_5_1a_what_was_over_by_then_has_expired(self, clock: ModuleType) -> None:
        t = await connected()
        clock.advance(IDLE)
        await grants.request(by=t.paula, grant_id=t.grant.id)
        clock.advance(14 * DAY)
        await disconnect(t, t.owner)
        assert (await models.Proposal.get(grant_id=t.grant.id)).status is ProposalStatus.EXPIRED
        assert await t.topics() == [
            "grant.expired",
            "grant.requested",
            "grant.request.expired",
            "ended",
            "grant.disconnected",
        ]

    async def test_1_5_a_new_offer_connects_again_and_the_former_access_stays_over(self) -> None:
        t = await connected()
        await disconnect(t, t.owner)
        again = await partnerships.offer(
            by=t.paula, partner_id=t.partner.id, client_id=t.client.id, terms={"title": "Again"}
        )
        offered = await models.Partnership.get(id=again)
        await proposals.accept(str(offered.offer_id), by=t.owner, account_ids=[t.account.id])
        found = await models.AccessGrant.filter(account_id=t.account.id).order_by("connected_at", "id")
        assert [grant.status for grant in found] == [AccessStatus.DISCONNECTED, AccessStatus.ENABLED]
        assert offered.previous_id == t.partnership.id

    async def test_other_accesses_to_the_account_stay_as_they_are(self) -> None:
        t, rival = await connected(), await given.partner("Rival")
        other = await given.grant(await given.partnership(rival, t.client), t.account)
        before = columns(await models.AccessGrant.get(id=other.id))
        await disconnect(t, t.owner)
        assert columns(await models.AccessGrant.get(id=other.id)) == before

    async def test_who_ends_it_gives_a_reason(self) -> None:
        t = await connected()
        for reason in ("", " \n"):
            async with refused(UserErrorCode.REASON_REQUIRED, "reason"):
                await disconnect(t, t.admin, reason)

    async def test_who_may_end_it(self) -> None:
        t, other = await connected(), await connected("Southwind")
        halfway = await owner_elsewhere(t)
        for by in (t.paula, t.sam, await given.admin()):
            async with refused(UserErrorCode.FORBIDDEN):
                await disconnect(t, by)
        async with refused(UserErrorCode.CAPABILITY_DENIED, "grantId"):
            await disconnect(t, halfway)
        for by in (other.admin, other.owner):
            async with refused(UserErrorCode.NOT_FOUND, "grantId"):
                await disconnect(t, by)

    async def test_ended_again_is_refused(self) -> None:
        t = await connected()
        confirmation = await preview(t.grant.id)
        await disconnect(t, t.admin)
        for confirmed in (confirmation, None):
            async with refused(UserErrorCode.NOT_CONNECTED, "grantId"):
                await disconnect(t, t.owner, confirmation=confirmed)


class TestConfirmation:
    async def test_it_is_the_same_as_long_as_the_consequences_are(self, clock: ModuleType) -> None:
        t = await connected()
        before = await preview(t.grant.id)
        await grants.disable(by=t.owner, grant_id=t.grant.id)
        clock.advance(DAY)
        await t.draft(t.owner, add_contacts=[t.uma.id])
        assert await preview(t.grant.id) == before
        await disconnect(t, t.admin, confirmation=before)

    async def test_it_goes_stale_when_the_consequences_change(self, clock: ModuleType) -> None:
        t = await connected(status=AccessStatus.DISABLED)
        seen = [await preview(t.grant.id)]
        await grants.request(by=t.paula, grant_id=t.grant.id)
        seen.append(await preview(t.grant.id))
        await t.submit(t.paula, add_contacts=[t.ada.id])
        seen.append(await preview(t.grant.id))
        second = await given.grant(t.partnership, await given.account(t.client, "Second shop"))
        seen.append(await preview(t.grant.id))
        clock.advance(14 * DAY)
        seen.append(await preview(t.grant.id))
        assert len(set(seen)) == 5
        for stale in [*seen[:4], "", "nonsense", await preview(second.id)]:
            async with refused(UserErrorCode.STALE_CONFIRMATION, "confirmation"):
                await disconnect(t, t.admin, confirmation=stale)
        await disconnect(t, t.admin, confirmation=seen[4])

    async def test_while_others_go_on_what_else_is_open_is_no_consequence(self) -> None:
        t = await connected()
        await given.grant(t.partnership, await given.account(t.client, "Second shop"))
        before = await preview(t.grant.id)
        await t.submit(t.paula, add_contacts=[t.ada.id])
        assert await preview(t.grant.id) == before


class TestExpiry:
    async def test_5_1a_each_is_announced_once_and_not_a_moment_early(self, clock: ModuleType) -> None:
        t, later = await connected(), await connected("Southwind", expires_at=clock.now() + IDLE + MOMENT)
        clock.advance(IDLE - MOMENT)
        assert await grants.expire_due(clock.now()) == 0
        clock.advance(MOMENT)
        before = columns(await access(t))
        assert [await grants.expire_due(clock.now()) for _ in range(2)] == [1, 0]
        assert columns(await access(t)) == {**before, "status": AccessStatus.EXPIRED}
        assert (await access(later)).status is AccessStatus.ENABLED
        event = await t.event("grant.expired")
        assert (event.subject, event.account_id, event.visible_to, event.actor_id, event.side) == (
            t.grant.id,
            t.account.id,
            Audience.BOTH,
            None,
            None,
        )

    @pytest.mark.parametrize("status", [AccessStatus.DISABLED, AccessStatus.DISCONNECTED, AccessStatus.EXPIRED])
    async def test_what_is_not_enabled_does_not_expire(self, status: AccessStatus) -> None:
        await connected(status=status, expires_at=clock.now())
        assert await grants.expire_due(clock.now()) == 0

    async def test_what_has_no_end_does_not_expire(self, clock: ModuleType) -> None:
        await connected(expires_at=None)
        clock.advance(1_000 * DAY)
        assert await grants.expire_due(clock.now()) == 0

    async def test_a_sweep_does_a_batch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        t = await connected(expires_at=clock.now())
        for name in ("Second", "Third"):
            account = await given.account(t.client, name)
            await given.grant(t.partnership, account, expires_at=clock.now() - DAY)
        monkeypatch.setattr(grants, "SWEEP", 2)
        assert [await grants.expire_due(clock.now()) for _ in range(3)] == [2, 1, 0]
        assert await Event.filter(topic="grant.expired").count() == 3


class TestWarnings:
    async def warned(self, t: Together) -> list[str | None]:
        events = await Event.filter(stream=t.partnership.id, topic="grant.expiring").order_by("version")
        assert {(event.subject, event.account_id, event.visible_to) for event in events} <= {
            (t.grant.id, t.account.id, Audience.BOTH)
        }
        return [event.changes[0]["after"] for event in events]

    async def test_1_12_both_sides_are_warned_30_7_and_1_days_before_each_once(self, clock: ModuleType) -> None:
        t = await connected()
        for days in (30, 23, 6):
            clock.advance(days * DAY - MOMENT)
            assert await grants.warn_due(clock.now()) == 0
            clock.advance(MOMENT)
            assert [await grants.warn_due(clock.now()) for _ in range(2)] == [1, 0]
        assert await self.warned(t) == ["30", "7", "1"]
        assert (await access(t)).warned_days == 1
        clock.advance(DAY)
        assert await grants.warn_due(clock.now()) == 0

    @pytest.mark.parametrize(("passed", "expected"), [(52, ["30"]), (53, ["7"]), (59, ["1"]), (60, [])])
    async def test_1_12_of_two_that_one_jump_of_time_passed_the_later_is_given(
        self, clock: ModuleType, passed: int, expected: list[str]
    ) -> None:
        t = await connected()
        clock.advance(passed * DAY)
        await grants.warn_due(clock.now())
        assert await self.warned(t) == expected

    async def test_1_12_whoever_was_let_in_again_is_warned_anew(self, clock: ModuleType) -> None:
        t = await connected()
        clock.advance(30 * DAY)
        await grants.warn_due(clock.now())
        await grants.disable(by=t.owner, grant_id=t.grant.id)
        clock.advance(30 * DAY)
        assert await grants.warn_due(clock.now()) == 0
        await grants.enable(by=t.owner, grant_id=t.grant.id)
        clock.advance(30 * DAY)
        await grants.warn_due(clock.now())
        assert await self.warned(t) == ["30", "30"]

    @pytest.mark.usefixtures("data_dir")
    async def test_nobody_is_warned_from_the_day_of_the_opening_on(
        self, clock: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COUNTERSIGN_ACCESS_IDLE_DAYS", "30")
        settings.load.cache_clear()
        t = await connected(expires_at=clock.now() + 30 * DAY)
        assert await grants.warn_due(clock.now()) == 0
        clock.advance(23 * DAY)
        assert await grants.warn_due(clock.now()) == 1
        assert await self.warned(t) == ["7"]
        monkeypatch.setenv("COUNTERSIGN_ACCESS_IDLE_DAYS", "1")
        settings.load.cache_clear()
        assert await grants.warn_due(clock.now()) == 0

    async def test_a_sweep_does_a_batch(self, clock: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        t = await connected()
        for name, warned in (("Second", 30), ("Third", 7)):
            await given.grant(
                t.partnership,
                await given.account(t.client, name),
                expires_at=clock.now() + 31 * DAY if warned == 7 else clock.now() + 37 * DAY,
                warned_days=warned,
            )
        clock.advance(30 * DAY)
        monkeypatch.setattr(grants, "SWEEP", 2)
        assert [await grants.warn_due(clock.now()) for _ in range(3)] == [2, 1, 0]
        found = await Event.filter(topic="grant.expiring")
        assert sorted(str(event.changes[0]["after"]) for event in found) == ["1", "30", "7"]


async def test_a_refused_verb_announces_nothing_that_time_has_done(clock: ModuleType) -> None:
    t = await connected()
    clock.advance(IDLE)
    before = await everything()
    async with refused(UserErrorCode.STALE_CONFIRMATION, "confirmation"):
        await disconnect(t, t.admin, confirmation="an old one")
    assert await everything() == before
