"""Approvals, as one of the kinds of proposals: who is asked in a project, who answers, and what answers do (3.5)."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import ModuleType

import pytest

import models
from domain import approvals, clock, policy, projects, proposals, workspaces
from domain.changes import About
from domain.errors import Refusal
from domain.seats import Seat
from models.enums import (
    AccessStatus,
    AccountStatus,
    Audience,
    FileStatus,
    PartnerMemberRole,
    ProposalStatus,
    SecurityRole,
    Side,
    UserErrorCode,
)
from models.event import Change
from resolvers import proposals as shown
from resolvers.context import Caller
from tests import given
from tests.domain.inside import Inside, inside
from tests.domain.refusals import columns, refused
from tests.domain.test_modifications_at_once import at_once

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
OPEN = 14 * DAY

Verb = Callable[..., Awaitable[str]]
ANSWERS: tuple[Verb, ...] = (proposals.accept, proposals.decline)
TAKING_BACK: tuple[Verb, ...] = (proposals.withdraw, proposals.remind)


async def asked(t: Inside, by: Seat, of: Seat, title: str = "The design") -> models.Proposal:
    """Ask for an approval; it may be asked again an hour later."""
    approval_id = await approvals.request(by=by, project_id=t.project.id, title=title, approver_id=of.user_id)
    await models.Proposal.filter(id=approval_id).update(sent_at=clock.now() - HOUR)
    return await models.Proposal.get(id=approval_id)


async def file(of: models.Project, by: Seat, status: FileStatus = FileStatus.READY) -> models.ProjectFile:
    return await models.ProjectFile.create(
        project=of,
        name="design.pdf",
        status=status,
        content_type="application/pdf",
        size=1,
        digest="0" * 64,
        uploaded_by_id=by.user_id,
        uploaded_at=clock.now(),
    )


async def told(t: Inside) -> list[tuple[str, str | None, str | None, list[Change]]]:
    """List what has happened in the project, each filed under its proposal, too: topic, subject, actor, changes."""
    events = await models.Event.filter(stream=t.project.id).order_by("version")
    filed = {"project_id": t.project.id, "client_id": t.account.client_id, "visible_to": Audience.BOTH}
    for event in events:
        about = {**dict.fromkeys(About.__annotations__), **filed, "proposal_id": event.subject}
        assert {name: getattr(event, name) for name in about} == about
    assert await models.Event.all().count() == len(events)
    return [(event.topic, event.subject, event.actor_id, event.changes) for event in events]


@pytest.mark.usefixtures("database", "clock")
class TestAsk:
    async def test_3_5_an_approval_is_a_proposal_to_one_person_for_14_days(self) -> None:
        t = await inside()
        shows = await file(t.project, t.vera)
        approval_id = await approvals.request(
            by=t.vera, project_id=t.project.id, title=" The design ", approver_id=t.cleo.user_id, file_id=shows.id
        )
        approval = await models.Proposal.get(id=approval_id)
        assert approval.id.startswith("approval_")
        assert {name: value for name, value in columns(approval).items() if value is not None} == {
            "id": approval.id,
            "kind": "PROJECT_APPROVAL",
            "status": ProposalStatus.PENDING,
            "version": 1,
            "proposed_by_id": t.vera.user_id,
            "proposed_by_side": Side.VENDOR,
            "account_id": t.account.id,
            "project_id": t.project.id,
            "title": "The design",
            "file_id": shows.id,
            "approver_id": t.cleo.user_id,
            "proposed_at": clock.now(),
            "sent_at": clock.now(),
            "expires_at": clock.now() + OPEN,
            "reminders": 0,
            "created_at": clock.now(),
        }
        title = {"field": "title", "before": None, "after": "The design"}
        assert await told(t) == [("approval.requested", approval.id, t.vera.user_id, [title])]
        event = await models.Event.get(stream=t.project.id)
        assert (event.proposal_id, event.side, event.reason) == (approval.id, Side.VENDOR, None)

    async def test_3_5_whoever_is_on_a_project_asks_whoever_else_is(self) -> None:
        t = await inside()
        await t.know(t.paula)
        for by in t.everybody:
            for of in t.everybody:
                if of is by:
                    async with refused(UserErrorCode.INVALID, "approverId"):
                        await asked(t, by, of)
                    continue
                approval = await asked(t, by, of)
                assert (approval.approver_id, approval.proposed_by_side, approval.proposed_by_id) == (
                    of.user_id,
                    by.side,
                    by.user_id,
                )
                assert (approval.from_partner_id, approval.from_client_id) == (by.partner_id, by.client_id)
                assert (approval.to_partner_id, approval.to_client_id, approval.partnership_id) == (None, None, None)

    async def test_3_4_whom_the_asker_does_not_know_is_not_asked_though_they_see_the_project(self) -> None:
        t = await inside()
        for by in (t.owner, t.cleo):
            async with refused(UserErrorCode.NOT_FOUND, "approverId"):
                await asked(t, by, t.paula)
        await asked(t, t.vera, t.paula)
        await t.know(t.paula)
        for by in (t.owner, t.cleo):
            await asked(t, by, t.paula)

    async def test_3_3_whoever_does_not_see_the_project_is_not_asked_and_does_not_ask(self) -> None:
        t = await inside()
        for stranger in (t.carl.user_id, t.olga.user_id, "user_none", ""):
            async with refused(UserErrorCode.NOT_FOUND, "approverId"):
                await approvals.request(by=t.vera, project_id=t.project.id, title="X", approver_id=stranger)
        for by in (t.carl, t.olga):
            async with refused(UserErrorCode.NOT_FOUND, "projectId"):
                await asked(t, by, t.cleo)
        async with refused(UserErrorCode.NOT_FOUND, "projectId"):
            await approvals.request(by=t.vera, project_id="project_none", title="X", approver_id=t.cleo.user_id)

    async def test_1_6_a_partner_that_is_shut_out_neither_asks_nor_is_asked(self, clock: ModuleType) -> None:
        t = await inside()
        shut: list[dict[str, object]] = [
            {"status": AccessStatus.DISABLED},
            {"status": AccessStatus.ENABLED, "expires_at": clock.now()},
        ]
        for how in shut:
            await models.AccessGrant.filter(id=t.grant.id).update(**how)
            async with refused(UserErrorCode.NOT_FOUND, "projectId"):
                await asked(t, t.paula, t.cleo)
            async with refused(UserErrorCode.NOT_FOUND, "approverId"):
                await asked(t, t.vera, t.paula)

    @pytest.mark.parametrize("title", ["", " \n", "two\nlines", "x" * 201])
    async def test_what_is_asked_for_is_one_line(self, title: str) -> None:
        t = await inside()
        async with refused(UserErrorCode.INVALID, "title"):
            await asked(t, t.vera, t.cleo, title)

    async def test_only_a_file_of_the_project_that_has_arrived_shows_it(self) -> None:
        t = await inside()
        deleted = await file(t.project, t.vera)
        await models.ProjectFile.filter(id=deleted.id).update(deleted_at=clock.now())
        files = {
            UserErrorCode.NOT_FOUND: [
                (await file(t.other, t.vera)).id,
                deleted.id,
                "file_none",
            ],
            UserErrorCode.WRONG_STATE: [
                (await file(t.project, t.vera, status)).id for status in (FileStatus.UPLOADING, FileStatus.REFUSED)
            ],
        }
        for code, file_ids in files.items():
            for file_id in file_ids:
                async with refused(code, "fileId"):
                    await approvals.request(
                        by=t.vera, project_id=t.project.id, title="X", approver_id=t.cleo.user_id, file_id=file_id
                    )

    async def test_nothing_is_asked_in_a_cancelled_account(self) -> None:
        t = await inside()
        await models.Account.filter(id=t.account.id).update(status=AccountStatus.CANCELLED)
        for by in t.everybody:
            async with refused(UserErrorCode.WRONG_STATE, "projectId"):
                await asked(t, by, t.owner if by is not t.owner else t.cleo)

    async def test_nothing_is_asked_where_the_account_is_cancelled_in_that_moment(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        t = await inside()
        find = projects.find

        async def found_before(project_id: str, *path: str, by: Seat) -> models.Project:
            project = await find(project_id, *path, by=by)
            await workspaces.cancel(by=t.owner, account_id=t.account.id, reason="We close.")
            return project

        monkeypatch.setattr(projects, "find", found_before)
        with pytest.raises(Refusal) as caught:
            await asked(t, t.cleo, t.owner)
        assert (caught.value.code, caught.value.field) == (UserErrorCode.WRONG_STATE, ["projectId"])
        assert await models.Proposal.filter(approver_id__not_isnull=True).count() == 0

    async def test_who_sees_it(self) -> None:
        """Whoever sees the project, the other customer's people never, however many projects their broker shares."""
        t = await inside()
        approval = await asked(t, t.owner, t.cleo)
        await given.engaged(t.other, t.broker)
        await given.on_project(t.other, t.carl)
        for by in t.everybody:
            assert (await policy.find(models.Proposal, approval.id, by=by)).id == approval.id
        for by in (t.carl, t.olga):
            async with refused(UserErrorCode.NOT_FOUND):
                await policy.find(models.Proposal, approval.id, by=by)


@pytest.mark.usefixtures("database", "clock")
class TestAnswer:
    @pytest.mark.parametrize(("verb", "status"), [("accept", "ACCEPTED"), ("decline", "DECLINED")])
    async def test_3_5_the_answer_is_kept_with_who_when_and_why(
        self, clock: ModuleType, verb: str, status: str
    ) -> None:
        t = await inside()
        approval = await asked(t, t.owner, t.cleo)
        clock.advance(DAY)
        answer = {"accept": proposals.accept, "decline": proposals.decline}[verb]
        assert await answer(approval.id, by=t.cleo, comment=" Looks so. ") == approval.id
        after = await models.Proposal.get(id=approval.id)
        assert columns(after) == {
            **columns(approval),
            "status": ProposalStatus(status),
            "version": 2,
            "decided_by_id": t.cleo.user_id,
            "decided_at": clock.now(),
            "comment": "Looks so.",
        }
        assert (await told(t))[1:] == [(f"approval.{status.lower()}", approval.id, t.cleo.user_id, [])]
        event = await models.Event.get(topic=f"approval.{status.lower()}")
        assert (event.proposal_id, event.reason, event.side) == (approval.id, "Looks so.", Side.PARTNER)

    async def test_3_5_nobody_else_answers_not_even_the_vendor_or_a_colleague(self) -> None:
        t = await inside()
        await given.on_project(t.project, t.carl)
        approval = await asked(t, t.owner, t.cleo)
        for verb in ANSWERS:
            for by in (t.vera, t.owner, t.sam, t.paula, t.ada, t.carl):
                async with refused(UserErrorCode.FORBIDDEN, "proposalId"):
                    await verb(approval.id, by=by)
            async with refused(UserErrorCode.NOT_FOUND, "proposalId"):
                await verb(approval.id, by=t.olga)

    async def test_everybody_who_is_asked_may_answer(self) -> None:
        t = await inside()
        await t.know(t.paula)
        for of in t.everybody:
            approval = await asked(t, t.owner if of is not t.owner else t.sam, of)
            await proposals.accept(approval.id, by=of)

    async def test_who_is_asked_answers_in_each_seat_that_sees_the_project_and_in_no_other(self) -> None:
        t = await inside()
        cleo = await models.User.get(id=t.cleo.user_id)
        elsewhere = await given.staff(await models.Account.get(id=t.other.account_id), user=cleo)
        as_staff = await given.staff(t.account, SecurityRole.STAFF, cleo)
        approval = await asked(t, t.owner, t.cleo)
        async with refused(UserErrorCode.NOT_FOUND, "proposalId"):
            await proposals.accept(approval.id, by=elsewhere)
        await proposals.accept(approval.id, by=as_staff)

    async def test_3_6_whoever_is_off_the_project_neither_answers_nor_takes_back(self) -> None:
        t = await inside()
        of_cleo, by_cleo = await asked(t, t.owner, t.cleo), await asked(t, t.cleo, t.owner)
        await t.leave(t.cleo)
        for verb in ANSWERS:
            async with refused(UserErrorCode.NOT_FOUND, "proposalId"):
                await verb(of_cleo.id, by=t.cleo)
        for verb in TAKING_BACK:
            async with refused(UserErrorCode.NOT_FOUND, "proposalId"):
                await verb(by_cleo.id, by=t.cleo)
        await proposals.withdraw(by_cleo.id, by=t.ada)

    async def test_items_and_accounts_are_of_other_kinds(self) -> None:
        t = await inside()
        approval = await asked(t, t.owner, t.cleo)
        async with refused(UserErrorCode.INVALID, "itemIds"):
            await proposals.accept(approval.id, by=t.cleo, item_ids=[])
        async with refused(UserErrorCode.INVALID, "accountIds"):
            await proposals.accept(approval.id, by=t.cleo, account_ids=[t.account.id])

    async def test_nothing_is_answered_or_taken_back_in_a_cancelled_account(self) -> None:
        t = await inside()
        approval = await asked(t, t.owner, t.cleo)
        await models.Account.filter(id=t.account.id).update(status=AccountStatus.CANCELLED)
        for verb, by in [*((each, t.cleo) for each in ANSWERS), *((each, t.owner) for each in TAKING_BACK)]:
            async with refused(UserErrorCode.WRONG_STATE, "proposalId"):
                await verb(approval.id, by=by)

    async def test_with_its_account_cancelled_it_is_cancelled_and_one_in_another_is_not(self) -> None:
        t = await inside()
        waits, done = await asked(t, t.cleo, t.owner), await asked(t, t.cleo, t.owner)
        await proposals.decline(done.id, by=t.owner)
        elsewhere = await given.approval(t.other, t.olga)
        await workspaces.cancel(by=t.owner, account_id=t.account.id, reason="We close.")
        rows = {
            row.id: (row.status.value, row.decided_at)
            for row in await models.Proposal.filter(approver_id__not_isnull=True)
        }
        assert rows == {
            waits.id: ("CANCELLED", clock.now()),
            done.id: ("DECLINED", clock.now()),
            elsewhere.id: ("PENDING", None),
        }

    async def test_final_is_final_and_an_ended_one_blocks_no_new_one(self) -> None:
        t = await inside()
        approval = await asked(t, t.owner, t.cleo)
        async with refused(UserErrorCode.CONFLICT, "expectedVersion"):
            await proposals.accept(approval.id, by=t.cleo, expected_version=2)
        await proposals.decline(approval.id, by=t.cleo, expected_version=1)
        for verb, by in [*((each, t.cleo) for each in ANSWERS), *((each, t.owner) for each in TAKING_BACK)]:
            async with refused(UserErrorCode.WRONG_STATE, "proposalId"):
                await verb(approval.id, by=by)
        assert (await asked(t, t.owner, t.cleo)).id != approval.id

    @pytest.mark.parametrize("verb", ["accept", "decline", "withdraw", "remind"])
    @pytest.mark.parametrize("status", [each for each in ProposalStatus if each is not ProposalStatus.PENDING])
    async def test_every_verb_starts_from_pending_alone(self, verb: str, status: ProposalStatus) -> None:
        t = await inside()
        approval = await asked(t, t.owner, t.cleo)
        await models.Proposal.filter(id=approval.id).update(status=status)
        do, by = VERBS[verb]
        code = UserErrorCode.EXPIRED if status is ProposalStatus.EXPIRED else UserErrorCode.WRONG_STATE
        async with refused(code, "proposalId"):
            await do(approval.id, by=by(t))


VERBS: dict[str, tuple[Verb, Callable[[Inside], Seat]]] = {
    "accept": (proposals.accept, lambda t: t.cleo),
    "decline": (proposals.decline, lambda t: t.cleo),
    "withdraw": (proposals.withdraw, lambda t: t.owner),
    "remind": (proposals.remind, lambda t: t.owner),
}


@pytest.mark.usefixtures("database", "clock")
class TestTakeBack:
    async def test_the_company_that_asks_takes_it_back_and_asks_again_and_nobody_else_does(self) -> None:
        t = await inside()
        await t.know(t.paula)
        await given.on_project(t.project, t.carl)
        vic = await given.admin("Vic Vendor")
        colleagues = [(t.owner, t.sam), (t.cleo, t.carl), (t.cleo, t.ada), (t.vera, vic)]
        for by, colleague in colleagues:
            of = t.paula
            others = [
                each for each in t.everybody if (each.partner_id, each.client_id) != (by.partner_id, by.client_id)
            ]
            approval = await asked(t, by, of)
            for verb in TAKING_BACK:
                for other in others:
                    async with refused(UserErrorCode.FORBIDDEN, "proposalId"):
                        await verb(approval.id, by=other)
            assert await proposals.remind(approval.id, by=colleague) == approval.id
            assert await proposals.withdraw(approval.id, by=colleague) == approval.id
            withdrawn = await models.Proposal.get(id=approval.id)
            assert (withdrawn.status, withdrawn.decided_by_id) == (ProposalStatus.WITHDRAWN, colleague.user_id)
        topics = [topic for topic, *_ in await told(t)]
        assert topics == ["approval.requested", "approval.reminded", "approval.withdrawn"] * len(colleagues)

    async def test_it_is_sent_again_once_an_hour_at_most(self, clock: ModuleType) -> None:
        t = await inside()
        approval_id = await approvals.request(
            by=t.owner, project_id=t.project.id, title="The design", approver_id=t.cleo.user_id
        )
        clock.advance(HOUR - MOMENT)
        async with refused(UserErrorCode.RATE_LIMITED, "proposalId"):
            await proposals.remind(approval_id, by=t.sam)
        clock.advance(MOMENT)
        await proposals.remind(approval_id, by=t.sam)
        async with refused(UserErrorCode.RATE_LIMITED, "proposalId"):
            await proposals.remind(approval_id, by=t.owner)


@pytest.mark.usefixtures("database", "clock")
class TestTime:
    @pytest.mark.parametrize("verb", VERBS)
    async def test_5_1a_a_moment_before_its_time_is_over_and_at_it(self, clock: ModuleType, verb: str) -> None:
        t = await inside()
        in_time, too_late = await asked(t, t.owner, t.cleo), await asked(t, t.owner, t.cleo)
        do, by = VERBS[verb]
        clock.advance(OPEN - MOMENT)
        await do(in_time.id, by=by(t))
        clock.advance(MOMENT)
        async with refused(UserErrorCode.EXPIRED, "proposalId"):
            await do(too_late.id, by=by(t))

    async def test_5_3_it_is_reminded_of_after_3_and_7_days_and_expires_after_14(self, clock: ModuleType) -> None:
        t = await inside()
        approval = await asked(t, t.owner, t.cleo)
        done: list[tuple[int, int]] = []
        for _ in range(15):
            done.append((await proposals.remind_due(clock.now()), await proposals.expire_due(clock.now())))
            clock.advance(DAY)
        assert {day: counts for day, counts in enumerate(done) if counts != (0, 0)} == {
            3: (1, 0),
            7: (1, 0),
            14: (0, 1),
        }
        assert [told[:3] for told in (await told(t))[1:]] == [
            ("approval.reminded", approval.id, None),
            ("approval.reminded", approval.id, None),
            ("approval.expired", approval.id, None),
        ]
        assert (await models.Proposal.get(id=approval.id)).status is ProposalStatus.EXPIRED


@pytest.mark.usefixtures("database", "clock")
class TestButtons:
    async def test_a_button_is_there_exactly_where_the_verb_is_allowed(self) -> None:
        t = await inside()
        await given.on_project(t.project, t.carl)
        for by in (*t.everybody, t.carl):
            for name, (verb, _) in VERBS.items():
                approval = await asked(t, t.ada, t.carl)
                buttons = shown.viewer_can(
                    Caller(by, clock.now()),
                    approval.kind,
                    approval.status,
                    approval.from_partner_id,
                    approval.from_client_id,
                    approval.partner_id,
                    approval.to_partner_id,
                    approval.to_client_id,
                    may_answer=True,
                    asked_of_me=approval.approver_id == by.user_id,
                )
                if name.upper() in buttons:
                    await verb(approval.id, by=by)
                else:
                    async with refused(UserErrorCode.FORBIDDEN, "proposalId"):
                        await verb(approval.id, by=by)


# ── at once ──

ROUNDS = 6


@pytest.mark.usefixtures("committed", "clock")
async def test_of_every_answer_at_once_one_counts() -> None:
    for _ in range(ROUNDS):
        t = await inside()
        approval = await asked(t, t.owner, t.cleo)
        outcomes = await at_once(
            proposals.accept(approval.id, by=t.cleo),
            proposals.decline(approval.id, by=t.cleo),
            proposals.withdraw(approval.id, by=t.sam),
        )
        assert Counter(outcomes) == {"done": 1, "WRONG_STATE": 2}
        assert await models.Event.filter(stream=t.project.id).count() == 2


@pytest.mark.usefixtures("committed", "clock")
async def test_any_number_are_asked_at_once_in_one_project() -> None:
    t = await inside()
    await t.know(t.paula)
    outcomes = await at_once(*(approvals_of(t, by, of) for by in t.everybody for of in t.everybody if of is not by))
    assert Counter(outcomes) == {"done": 30}
    assert [event.version for event in await models.Event.filter(stream=t.project.id).order_by("version")] == [
        *range(1, 31)
    ]


async def approvals_of(t: Inside, by: Seat, of: Seat) -> str:
    return await approvals.request(by=by, project_id=t.project.id, title="The design", approver_id=of.user_id)


async def test_a_partners_admin_has_no_say_in_what_a_member_is_asked(database: None, clock: ModuleType) -> None:
    t = await inside()
    await t.know(t.paula)
    boss = await given.member(await models.Partner.get(id=t.paula.partner_id), PartnerMemberRole.ADMIN)
    approval = await asked(t, t.owner, t.paula)
    async with refused(UserErrorCode.FORBIDDEN, "proposalId"):
        await proposals.accept(approval.id, by=boss)
