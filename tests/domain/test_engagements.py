"""Client partners in the customers' projects: four ways in over one rule, and the ways out (mission 3.2 to 3.6)."""

from datetime import timedelta
from types import ModuleType

import pytest

import models
from domain import (
    engagements,
    invites,
    managers,
    modifications,
    partnerships,
    policy,
    proposals,
    seats,
    tokens,
    workspaces,
)
from domain.engagements import Invited
from domain.errors import Refusal
from domain.seats import Seat
from models.enums import (
    AccountStatus,
    InviteKind,
    PartnerMemberRole,
    PartnershipKind,
    PartnershipStatus,
    ProposalKind,
    ProposalStatus,
    Role,
    SecurityRole,
    Side,
    UserErrorCode,
)
from models.proposal import new_proposal_id
from tests import given
from tests.domain.refusals import columns, everything, refused
from tests.domain.shared import Shared, companies, member, people, place, shared, told, topics
from tests.domain.test_ending import preview

DAY = timedelta(days=1)
NEW = "nora@harrow.example"

pytestmark = pytest.mark.usefixtures("database", "clock", "quick_passwords")


async def invited(s: Shared, by: Seat, project: models.Project, email: str = NEW) -> models.Proposal:
    """Invite somebody who is no member; return the invite."""
    found = await engagements.invite(by=by, project_id=project.id, email=email)
    assert found.member_id is None
    return await models.Proposal.get(id=found.invite_id)


async def accept(invite: models.Proposal, clock: ModuleType) -> Seat:
    return await follow(await models.Link.get(proposal_id=invite.id, used_at=None, replaced_at=None), clock)


async def follow(link: models.Link, clock: ModuleType) -> Seat:
    accepted = await invites.accept(
        tokens.of_link(link),
        tokens.challenge(link, clock.now()),
        by=None,
        name="Nora New",
        password="correct horse battery",
        client_name=None,
        account_name=None,
        ip=None,
        user_agent=None,
    )
    return accepted.signed_in.seat


async def sees(seat: Seat) -> set[str]:
    """Name the projects that a seat sees."""
    seen = set()
    for project in await models.Project.all():
        try:
            await policy.find(models.Project, project.id, by=seat)
        except Refusal:
            continue
        seen.add(project.name)
    return seen


async def remove(by: Seat, project: models.Project, seat: Seat) -> None:
    await engagements.remove_member(by=by, member_id=(await place(project, seat)).id)


async def remove_partner(s: Shared, by: Seat, project: models.Project) -> None:
    await engagements.remove_partner(by=by, project_id=project.id, partner_id=s.harrow.id)


# ── the settings of a project ──


class TestAddPartner:
    async def test_3_2_a_company_and_people_of_it_come_into_a_project(self) -> None:
        s = await shared()
        await s.add(s.relaunch, s.cleo)
        assert await companies(s.relaunch) == [s.harrow.id]
        assert await people(s.relaunch) == {s.ada.user_id: False, s.cleo.user_id: True}
        cleo = await place(s.relaunch, s.cleo)
        assert await told(s.relaunch.id) == [
            ("project.partner_added", s.harrow.id, []),
            ("project.member_added", cleo.id, []),
        ]
        event = await models.Event.get(topic="project.member_added")
        assert (event.project_id, event.client_id, event.account_id, event.partner_id) == (
            s.relaunch.id,
            s.acme.id,
            None,
            None,
        )
        assert {name: await sees(getattr(s, name)) for name in ("ada", "cleo", "carl")} == {
            "ada": {"Relaunch", "Audit"},
            "cleo": {"Relaunch"},
            "carl": set(),
        }

    async def test_who_is_on_it_stays_and_nothing_is_told_twice(self) -> None:
        s = await shared()
        await s.add(s.relaunch, s.cleo)
        before = await everything()
        await s.add(s.relaunch, s.cleo)
        await s.add(s.relaunch)
        assert await everything() == before
        await s.add(s.relaunch, s.cleo, s.carl)
        assert await people(s.relaunch) == {s.ada.user_id: False, s.cleo.user_id: True, s.carl.user_id: True}
        assert (await topics(s.relaunch.id))[2:] == ["project.member_added"]

    async def test_an_admin_who_is_assigned_keeps_one_place(self) -> None:
        s = await shared()
        await s.add(s.relaunch)
        admitted = await place(s.relaunch, s.ada)
        await s.add(s.relaunch, s.ada)
        assert await people(s.relaunch) == {s.ada.user_id: True}
        assert columns(await place(s.relaunch, s.ada)) == {**columns(admitted), "is_assigned": True}

    async def test_a_clients_second_project_is_of_the_same_partnership_and_another_clients_is_not(self) -> None:
        s = await shared()
        for project in (s.relaunch, s.stocktake, s.rescue):
            await s.add(project)
        rows = await models.ProjectPartner.all().order_by("id")
        acme, oscorp = await s.partnership(s.acme), await s.partnership(s.oscorp)
        assert acme is not None
        assert oscorp is not None
        assert [row.partnership_id for row in rows] == [acme.id, acme.id, oscorp.id]
        assert await models.Partnership.all().count() == 2
        assert await sees(s.ada) == {"Relaunch", "Audit", "Stocktake", "Rescue"}

    async def test_3_1_the_admin_is_sent_the_link_with_the_first_project(self) -> None:
        s = await shared()
        company = await given.client_partner("Quick", domain="quick.example")
        named = await models.Proposal.create(
            id=new_proposal_id(ProposalKind.INVITE),
            kind=ProposalKind.INVITE,
            status=ProposalStatus.DRAFT,
            invite_kind=InviteKind.PARTNER_ADMIN,
            email="quentin@quick.example",
            name="Quentin",
            partner=company,
            proposed_by_side=Side.VENDOR,
            proposed_at=s.relaunch.created_at,
            created_at=s.relaunch.created_at,
        )
        await engagements.add_partner(by=s.vera, project_id=s.relaunch.id, partner_id=company.id, member_ids=[])
        assert (await models.Proposal.get(id=named.id)).status is ProposalStatus.PENDING
        assert await models.Link.filter(proposal_id=named.id).count() == 1

    @pytest.mark.parametrize("who", ["owner", "sam", "ada", "cleo", "paula"])
    async def test_only_the_vendor_brings_a_company_in(self, who: str) -> None:
        s = await shared()
        await s.add(s.relaunch, s.cleo)
        by = await given.member(await given.partner()) if who == "paula" else getattr(s, who)
        async with refused(UserErrorCode.FORBIDDEN):
            await engagements.add_partner(by=by, project_id=s.relaunch.id, partner_id=s.harrow.id, member_ids=[])

    async def test_what_is_refused(self) -> None:
        s = await shared()
        direct, other = await given.partner(), await given.client_partner("Others")
        paula, otto = await member(await given.member(direct)), await member(await given.member(other))
        gone = await member(s.carl)
        await models.PartnerMember.filter(id=gone.id).update(removed_at=s.shop.created_at)
        project, company, many = s.relaunch.id, s.harrow.id, [f"member_{number}" for number in range(101)]
        for project_id, partner_id, people_of_it, code, field in (
            ("project_x", company, [], UserErrorCode.NOT_FOUND, "projectId"),
            (project, "partner_x", [], UserErrorCode.NOT_FOUND, "partnerId"),
            (project, direct.id, [paula.id], UserErrorCode.INVALID, "partnerId"),
            (project, company, [otto.id], UserErrorCode.NOT_FOUND, "memberIds"),
            (project, company, [gone.id], UserErrorCode.NOT_FOUND, "memberIds"),
            (project, company, many, UserErrorCode.INVALID, "memberIds"),
        ):
            async with refused(code, field):
                await engagements.add_partner(
                    by=s.vera, project_id=project_id, partner_id=partner_id, member_ids=people_of_it
                )
        await models.Account.filter(id=s.shop.id).update(status=AccountStatus.CANCELLED)
        async with refused(UserErrorCode.WRONG_STATE, "projectId"):
            await engagements.add_partner(by=s.vera, project_id=project, partner_id=company, member_ids=[])


# ── by e-mail address: the project's Invite, and the client's Share ──


class TestInvite:
    @pytest.mark.parametrize("who", ["vera", "owner", "sam", "ada"])
    async def test_3_2_a_member_of_the_company_is_on_the_project_at_once(self, who: str) -> None:
        s = await shared()
        await s.add(s.relaunch)
        found = await engagements.invite(by=getattr(s, who), project_id=s.relaunch.id, email="Carl@Harrow.example")
        assert found == Invited(None, (await place(s.relaunch, s.carl)).id)
        assert await people(s.relaunch) == {s.ada.user_id: False, s.carl.user_id: True}
        assert (await topics(s.relaunch.id))[1:] == ["project.member_added"]
        assert await models.Proposal.all().count() == 0
        before = await everything()
        again = await engagements.invite(by=getattr(s, who), project_id=s.relaunch.id, email="carl@harrow.example")
        assert (again, await everything()) == (found, before)

    async def test_3_2_into_another_project_of_the_account_the_company_comes_as_well(self) -> None:
        s = await shared()
        await s.add(s.relaunch)
        await engagements.invite(by=s.ada, project_id=s.audit.id, email="cleo@harrow.example")
        assert await companies(s.audit) == [s.harrow.id]
        assert await topics(s.audit.id) == ["project.partner_added", "project.member_added"]

    @pytest.mark.parametrize("who", ["vera", "owner", "ada"])
    async def test_3_2_anybody_else_at_its_domain_is_invited_for_seven_days(self, clock: ModuleType, who: str) -> None:
        s = await shared()
        await s.add(s.relaunch)
        by = getattr(s, who)
        invite = await invited(s, by, s.relaunch)
        asks = {"owner": {"from_client_id": s.acme.id}, "ada": {"from_partner_id": s.harrow.id}}.get(who, {})
        assert {name: value for name, value in columns(invite).items() if value not in (None, 0)} == {
            "id": invite.id,
            "kind": ProposalKind.INVITE,
            "status": ProposalStatus.PENDING,
            "invite_kind": InviteKind.PROJECT,
            "email": NEW,
            "proposed_by_id": by.user_id,
            "proposed_by_side": by.side,
            **asks,
            "partner_id": s.harrow.id,
            "account_id": s.shop.id,
            "project_id": s.relaunch.id,
            "version": 1,
            "proposed_at": clock.now(),
            "sent_at": clock.now(),
            "expires_at": clock.now() + 7 * DAY,
            "created_at": clock.now(),
        }
        assert (await told(s.relaunch.id))[1:] == [("invite.sent", invite.id, [])]
        link = await models.Link.get(proposal_id=invite.id)
        shown = await invites.preview(tokens.of_link(link), ip=None)
        assert (shown.kind, shown.recipient, shown.title, shown.needs_password) == (
            InviteKind.PROJECT,
            "Harrow Brokers",
            "Work on Relaunch",
            True,
        )

    async def test_3_2_whoever_accepts_is_a_collaborator_on_the_project(self, clock: ModuleType) -> None:
        s = await shared()
        await s.add(s.relaunch)
        invite = await invited(s, s.owner, s.relaunch)
        nora = await accept(invite, clock)
        assert (nora.side, nora.partner_id, set(nora.roles)) == (
            Side.PARTNER,
            s.harrow.id,
            {Role.PUBLIC, Role.USER, Role.CLIENT_PARTNER},
        )
        assert await sees(nora) == {"Relaunch"}
        assert await people(s.relaunch) == {s.ada.user_id: False, nora.user_id: True}
        assert (await topics(s.relaunch.id))[1:] == ["invite.sent", "project.member_added", "invite.accepted"]
        actors = {event.actor_id for event in await models.Event.filter(topic="project.member_added")}
        assert actors == {nora.user_id}

    async def test_accepting_brings_the_company_onto_the_project_where_it_is_on_another(
        self, clock: ModuleType
    ) -> None:
        s = await shared()
        await s.add(s.relaunch)
        nora = await accept(await invited(s, s.owner, s.audit), clock)
        assert await companies(s.audit) == [s.harrow.id]
        assert await sees(nora) == {"Audit"}

    async def test_a_member_who_accepts_a_second_invite_is_on_both_projects(self, clock: ModuleType) -> None:
        s = await shared()
        await s.add(s.relaunch)
        await s.add(s.rescue)
        first, second = await invited(s, s.owner, s.relaunch), await invited(s, s.olga, s.rescue)
        await accept(first, clock)
        nora = await accept(second, clock)
        assert await sees(nora) == {"Relaunch", "Rescue"}
        assert await models.PartnerMember.filter(partner=s.harrow, user_id=nora.user_id).count() == 1

    async def test_an_invite_into_what_has_ended_brings_nobody_in(self, clock: ModuleType) -> None:
        s = await shared()
        await s.add(s.relaunch)
        invite = await invited(s, s.owner, s.relaunch)
        await models.ProjectPartner.all().update(removed_at=clock.now())
        async with refused(UserErrorCode.WRONG_STATE, "token"):
            await accept(invite, clock)

    @pytest.mark.parametrize("email", ["nora@harrow.example", "nora@sub.harrow.example", "x@nobody.example", "direct"])
    async def test_3_2_a_company_that_the_account_does_not_know_is_not_there(self, email: str) -> None:
        """In the same words, whether there is such a company, it works for another client, or it is of another kind."""
        s = await shared()
        await s.add(s.rescue, s.cleo)
        direct = await given.partner()
        address = f"pia@{direct.domain}" if email == "direct" else email
        for by, project in ((s.owner, s.relaunch), (s.vera, s.stocktake)):
            with pytest.raises(Refusal) as caught:
                await engagements.invite(by=by, project_id=project.id, email=address)
            assert (caught.value.code, caught.value.field, caught.value.message) == (
                UserErrorCode.COMPANY_NOT_INVITED,
                ["email"],
                "Nobody at this address can be invited: their company was not brought into this account.",
            )

    async def test_3_2_a_second_account_of_the_client_is_another_one(self) -> None:
        s = await shared()
        await s.add(s.relaunch)
        async with refused(UserErrorCode.COMPANY_NOT_INVITED, "email"):
            await engagements.invite(by=s.owner, project_id=s.stocktake.id, email="cleo@harrow.example")

    async def test_3_2_members_beyond_the_licences_are_refused_and_open_invites_count(self, clock: ModuleType) -> None:
        s = await shared()
        await s.add(s.relaunch)
        await models.Partner.filter(id=s.harrow.id).update(licences=4)
        await invited(s, s.owner, s.relaunch)
        async with refused(UserErrorCode.LICENCES_USED_UP, "email"):
            await engagements.invite(by=s.owner, project_id=s.relaunch.id, email="nils@harrow.example")
        # Who is a member already, takes none.
        await engagements.invite(by=s.owner, project_id=s.relaunch.id, email="carl@harrow.example")
        clock.advance(7 * DAY)
        await invited(s, s.owner, s.relaunch, "nils@harrow.example")

    async def test_3_2_who_is_invited_into_two_projects_takes_one_licence(self) -> None:
        s = await shared()
        await s.add(s.relaunch)
        await models.Partner.filter(id=s.harrow.id).update(licences=4)
        await invited(s, s.owner, s.relaunch, "nils@harrow.example")
        await invited(s, s.owner, s.audit, "nils@harrow.example")
        async with refused(UserErrorCode.LICENCES_USED_UP, "email"):
            await engagements.invite(by=s.owner, project_id=s.audit.id, email="nora@harrow.example")

    async def test_who_is_invited_into_the_project_waits_and_may_be_invited_anew_after_it(
        self, clock: ModuleType
    ) -> None:
        s = await shared()
        await s.add(s.relaunch)
        first = await invited(s, s.owner, s.relaunch)
        async with refused(UserErrorCode.ALREADY_PROPOSED, "email"):
            await engagements.invite(by=s.vera, project_id=s.relaunch.id, email=NEW)
        clock.advance(7 * DAY)
        second = await invited(s, s.owner, s.relaunch)
        assert (await models.Proposal.get(id=first.id)).status is ProposalStatus.EXPIRED
        assert (await topics(s.relaunch.id))[1:] == ["invite.sent", "invite.expired", "invite.sent"]
        assert second.id != first.id

    async def test_3_4_that_another_customer_has_invited_somebody_does_not_show(self) -> None:
        s = await shared()
        await s.add(s.relaunch)
        await s.add(s.rescue)
        await invited(s, s.olga, s.rescue)
        assert (await invited(s, s.owner, s.relaunch)).status is ProposalStatus.PENDING

    async def test_a_client_partners_admin_brings_in_its_own_people(self) -> None:
        s = await shared()
        await s.add(s.relaunch)
        other = await given.client_partner("Others", domain="others.example")
        await engagements.add_partner(by=s.vera, project_id=s.relaunch.id, partner_id=other.id, member_ids=[])
        for address in ("otto@others.example", "x@nobody.example"):
            async with refused(UserErrorCode.DOMAIN_MISMATCH, "email"):
                await engagements.invite(by=s.ada, project_id=s.relaunch.id, email=address)

    async def test_others_are_refused(self) -> None:
        s = await shared()
        await s.add(s.relaunch, s.cleo)
        northwind = await given.partner()
        paula = await given.member(northwind)
        await given.grant(await given.partnership(northwind, s.acme), s.shop)
        for by in (s.cleo, paula):
            async with refused(UserErrorCode.FORBIDDEN):
                await engagements.invite(by=by, project_id=s.relaunch.id, email=NEW)
        async with refused(UserErrorCode.NOT_FOUND, "projectId"):
            await engagements.invite(by=s.olga, project_id=s.relaunch.id, email=NEW)
        async with refused(UserErrorCode.NOT_FOUND, "projectId"):
            await engagements.invite(by=s.ada, project_id=s.stocktake.id, email=NEW)
        async with refused(UserErrorCode.INVALID, "email"):
            await engagements.invite(by=s.owner, project_id=s.relaunch.id, email="b@y>, <evil@z")
        await models.Account.filter(id=s.shop.id).update(status=AccountStatus.CANCELLED)
        for by in (s.owner, s.ada, s.vera):
            async with refused(UserErrorCode.WRONG_STATE, "projectId"):
                await engagements.invite(by=by, project_id=s.relaunch.id, email=NEW)


# ── out ──


class TestRemoveMember:
    @pytest.mark.parametrize("who", ["vera", "owner", "ada"])
    async def test_3_6_with_the_last_project_the_account_is_closed_to_them(self, clock: ModuleType, who: str) -> None:
        s = await shared()
        await s.add(s.relaunch, s.cleo)
        await s.add(s.audit, s.cleo)
        was = await place(s.relaunch, s.cleo)
        await remove(getattr(s, who), s.relaunch, s.cleo)
        assert await sees(s.cleo) == {"Audit"}
        assert columns(await models.ProjectMember.get(id=was.id)) == {**columns(was), "removed_at": clock.now()}
        assert (await told(s.relaunch.id))[2:] == [("project.member_removed", was.id, [])]
        assert (await policy.find(models.Account, s.shop.id, by=s.cleo)).id == s.shop.id
        await remove(getattr(s, who), s.audit, s.cleo)
        assert await sees(s.cleo) == set()
        for row in (s.shop, s.acme, s.relaunch):
            with pytest.raises(Refusal):
                await policy.find(type(row), row.id, by=s.cleo)

    async def test_what_waits_there_waits_for_nobody(self, clock: ModuleType) -> None:
        s = await shared()
        await s.add(s.relaunch, s.cleo)
        waiting, elsewhere = await given.approval(s.relaunch, s.cleo), await given.approval(s.rescue, s.cleo)
        item = await models.ActionItem.create(
            project=s.relaunch, title="Do it", assignee_id=s.cleo.user_id, created_at=clock.now()
        )
        await remove(s.owner, s.relaunch, s.cleo)
        assert (await models.Proposal.get(id=waiting.id)).status is ProposalStatus.CANCELLED
        assert (await models.Proposal.get(id=elsewhere.id)).status is ProposalStatus.PENDING
        assert (await models.ActionItem.get(id=item.id)).assignee_id is None

    async def test_3_6_nobody_comes_back_by_an_invite_that_was_left(self, clock: ModuleType) -> None:
        s = await shared()
        await s.add(s.relaunch)
        left, elsewhere, other = [
            await invited(s, s.owner, project, email)
            for project, email in ((s.relaunch, NEW), (s.audit, NEW), (s.relaunch, "ned@harrow.example"))
        ]
        nora = await accept(elsewhere, clock)
        await engagements.invite(by=s.owner, project_id=s.relaunch.id, email=NEW)
        await remove(s.owner, s.relaunch, nora)
        async with refused(UserErrorCode.WRONG_STATE, "token"):
            await follow(await models.Link.get(proposal_id=left.id), clock)
        assert await sees(nora) == {"Audit"}
        assert (await models.Proposal.get(id=other.id)).status is ProposalStatus.PENDING

    async def test_3_3_a_companys_admin_goes_on_seeing_the_project(self) -> None:
        s = await shared()
        await s.add(s.relaunch, s.ada)
        waiting = await given.approval(s.relaunch, s.ada)
        await remove(s.owner, s.relaunch, s.ada)
        assert await people(s.relaunch) == {s.ada.user_id: False}
        assert (await topics(s.relaunch.id))[2:] == ["project.member_removed"]
        assert (await models.Proposal.get(id=waiting.id)).status is ProposalStatus.PENDING
        async with refused(UserErrorCode.WRONG_STATE, "memberId"):
            await remove(s.owner, s.relaunch, s.ada)

    async def test_others_are_refused(self) -> None:
        s = await shared()
        await s.add(s.relaunch, s.cleo)
        cleo = await place(s.relaunch, s.cleo)
        other = await given.client_partner("Others", domain="others.example")
        otto = await given.member(other, PartnerMemberRole.ADMIN)
        await engagements.add_partner(by=s.vera, project_id=s.relaunch.id, partner_id=other.id, member_ids=[])
        # Owns another account of the client, and is on this one's staff.
        stan = await given.staff(s.shop, SecurityRole.STAFF, await given.user("Stan"))
        await models.StaffMember.create(
            account=s.store, user_id=stan.user_id, role=SecurityRole.ACCOUNT_OWNER, joined_at=s.shop.created_at
        )
        await models.Seat.filter(id=stan.id).update(roles=["ACCOUNT_OWNER", "CLIENT", "PUBLIC", "USER"])
        stan = await _again(stan)
        for by, code, field in (
            (s.cleo, UserErrorCode.FORBIDDEN, []),
            (s.sam, UserErrorCode.FORBIDDEN, []),
            (stan, UserErrorCode.CAPABILITY_DENIED, ["memberId"]),
            (otto, UserErrorCode.FORBIDDEN, ["memberId"]),
            (s.olga, UserErrorCode.NOT_FOUND, ["memberId"]),
        ):
            async with refused(code, *field):
                await engagements.remove_member(by=by, member_id=cleo.id)
        await engagements.remove_member(by=s.vera, member_id=cleo.id)
        async with refused(UserErrorCode.NOT_FOUND, "memberId"):
            await engagements.remove_member(by=s.vera, member_id=cleo.id)


async def _again(seat: Seat) -> Seat:
    """Sign a seat in as it is now."""
    return seats.of_session(await models.Session.get(id=seat.session_id).select_related("seat"))


class TestRemovePartner:
    @pytest.mark.parametrize("who", ["vera", "owner"])
    async def test_3_6_all_of_its_people_leave_the_project(self, who: str) -> None:
        s = await shared()
        await s.add(s.relaunch, s.cleo, s.carl)
        await s.add(s.audit, s.carl, s.ada)
        await remove_partner(s, getattr(s, who), s.relaunch)
        assert await companies(s.relaunch) == []
        # It is in the account by another project, so its admin sees all of them.
        assert await people(s.relaunch) == {s.ada.user_id: False}
        assert await people(s.audit) == {s.ada.user_id: True, s.carl.user_id: True}
        assert (await sees(s.cleo), await sees(s.carl), await sees(s.ada)) == (set(), {"Audit"}, {"Relaunch", "Audit"})
        assert (await told(s.relaunch.id))[3:] == [("project.partner_removed", s.harrow.id, [])]
        partnership = await s.partnership(s.acme)
        assert partnership is not None
        assert partnership.status is PartnershipStatus.ACTIVE

    async def test_3_6_with_the_last_project_of_an_account_that_is_closed_to_all(self) -> None:
        s = await shared()
        await s.add(s.relaunch, s.ada, s.cleo)
        await s.add(s.stocktake)
        await remove_partner(s, s.owner, s.relaunch)
        assert await people(s.relaunch) == await people(s.audit) == {}
        assert await sees(s.ada) == {"Stocktake"}
        partnership = await s.partnership(s.acme)
        assert partnership is not None
        assert partnership.status is PartnershipStatus.ACTIVE

    async def test_3_2_with_the_last_project_of_a_client_their_partnership_ends(self, clock: ModuleType) -> None:
        s = await shared()
        await s.add(s.relaunch, s.cleo)
        await s.add(s.rescue, s.cleo)
        await remove_partner(s, s.owner, s.relaunch)
        ended = await s.partnership(s.acme)
        assert ended is not None
        assert (ended.status, ended.ended_by, ended.end_reason, ended.ended_at) == (
            PartnershipStatus.ENDED,
            Side.CLIENT,
            "Taken off the last project.",
            clock.now(),
        )
        assert await topics(ended.id) == ["partnership.started", "partnership.ended"]
        assert await sees(s.cleo) == {"Rescue"}
        # Begun anew it remembers.
        await s.add(s.audit)
        begun = await s.partnership(s.acme)
        assert begun is not None
        assert (begun.kind, begun.status, begun.previous_id) == (
            PartnershipKind.INTERMEDIARY,
            PartnershipStatus.ACTIVE,
            ended.id,
        )

    async def test_what_leads_there_is_cancelled_and_what_leads_elsewhere_is_not(self) -> None:
        s = await shared()
        for project in (s.relaunch, s.stocktake, s.rescue):
            await s.add(project)
        into = {
            project.name: await invited(s, by, project)
            for by, project in ((s.owner, s.relaunch), (s.owner, s.audit), (s.owner, s.stocktake), (s.olga, s.rescue))
        }
        await s.add(s.audit)
        await remove_partner(s, s.owner, s.relaunch)
        assert await _statuses(into) == {
            "Relaunch": "CANCELLED",
            "Audit": "PENDING",
            "Stocktake": "PENDING",
            "Rescue": "PENDING",
        }
        await remove_partner(s, s.owner, s.audit)
        again = await invited(s, s.owner, s.stocktake, "nils@harrow.example")
        assert await _statuses({**into, "Again": again}) == {
            "Relaunch": "CANCELLED",
            "Audit": "CANCELLED",
            "Stocktake": "PENDING",
            "Rescue": "PENDING",
            "Again": "PENDING",
        }
        cancelled = await models.Link.get(proposal_id=into["Relaunch"].id)
        assert cancelled.replaced_at is not None

    async def test_others_are_refused(self) -> None:
        s = await shared()
        await s.add(s.relaunch, s.cleo)
        for by in (s.ada, s.cleo, s.sam):
            async with refused(UserErrorCode.FORBIDDEN):
                await remove_partner(s, by, s.relaunch)
        async with refused(UserErrorCode.NOT_FOUND, "projectId"):
            await remove_partner(s, s.olga, s.relaunch)
        for by in (s.owner, s.vera):
            async with refused(UserErrorCode.NOT_FOUND, "partnerId"):
                await remove_partner(s, by, s.audit)
        await models.Account.filter(id=s.shop.id).update(status=AccountStatus.CANCELLED)
        async with refused(UserErrorCode.WRONG_STATE, "projectId"):
            await remove_partner(s, s.owner, s.relaunch)


async def _statuses(into: dict[str, models.Proposal]) -> dict[str, str]:
    return {name: (await models.Proposal.get(id=invite.id)).status.value for name, invite in into.items()}


# ── the partnership of a client partner ──


class TestPartnership:
    async def test_4_7_its_end_takes_the_company_off_all_projects_of_the_client(self) -> None:
        s = await shared()
        for project in (s.relaunch, s.stocktake, s.rescue):
            await s.add(project, s.cleo)
        invite, other = await invited(s, s.owner, s.audit), await invited(s, s.olga, s.rescue)
        both = await s.partnership(s.acme)
        assert both is not None
        await partnerships.end(
            by=s.owner, partnership_id=both.id, reason="We part.", confirmation=await preview(both.id)
        )
        assert await people(s.relaunch) == await people(s.audit) == await people(s.stocktake) == {}
        assert await sees(s.ada) == await sees(s.cleo) == {"Rescue"}
        assert (await topics(s.relaunch.id))[-1] == (await topics(s.stocktake.id))[-1] == "project.partner_removed"
        assert await _statuses({"Acme": invite, "Oscorp": other}) == {"Acme": "CANCELLED", "Oscorp": "PENDING"}
        ended = await s.partnership(s.acme)
        assert ended is not None
        assert (ended.status, ended.end_reason, ended.hidden_by_client) == (PartnershipStatus.ENDED, "We part.", True)

    async def test_4_7_the_confirmation_goes_stale_when_it_is_on_another_project(self) -> None:
        s = await shared()
        await s.add(s.relaunch)
        both = await s.partnership(s.acme)
        assert both is not None
        seen = await preview(both.id)
        await s.add(s.stocktake)
        async with refused(UserErrorCode.STALE_CONFIRMATION, "confirmation"):
            await partnerships.end(by=s.owner, partnership_id=both.id, reason="We part.", confirmation=seen)

    async def test_3_0_it_has_no_terms_contacts_teams_and_accounts(self) -> None:
        s = await shared()
        await s.add(s.relaunch, s.cleo)
        both = await s.partnership(s.acme)
        assert both is not None
        otto = await given.contact(s.acme, "Otto Hahn")
        async with refused(UserErrorCode.WRONG_STATE, "partnershipId"):
            await modifications.draft(by=s.owner, partnership_id=both.id, add_contacts=[otto.id])
        async with refused(UserErrorCode.WRONG_STATE, "partnershipId"):
            await managers.add(by=s.owner, partnership_id=both.id, contact_ids=[otto.id])
        async with refused(UserErrorCode.INVALID, "partnerId"):
            await workspaces.create(
                by=s.vera, partner_id=s.harrow.id, client_id=s.acme.id, account_name="Third", plan="Large"
            )
        for by in (s.ada, s.cleo):
            async with refused(UserErrorCode.FORBIDDEN):
                await partnerships.end(by=by, partnership_id=both.id, reason="We part.", confirmation="")

    async def test_a_cancelled_account_s_projects_stay_readable_and_nobody_is_invited_there_any_more(self) -> None:
        s = await shared()
        await s.add(s.relaunch, s.cleo)
        invite = await invited(s, s.owner, s.relaunch)
        await workspaces.cancel(by=s.owner, account_id=s.shop.id, reason="We close.")
        assert (await models.Proposal.get(id=invite.id)).status is ProposalStatus.CANCELLED
        assert await sees(s.cleo) == {"Relaunch"}
        assert await sees(s.ada) == await sees(s.sam) == {"Relaunch", "Audit"}
        async with refused(UserErrorCode.WRONG_STATE, "projectId"):
            await s.add(s.audit)
        async with refused(UserErrorCode.WRONG_STATE, "memberId"):
            await remove(s.owner, s.relaunch, s.cleo)


async def test_a_project_invite_is_sent_again_and_withdrawn_by_the_side_that_asked(clock: ModuleType) -> None:
    s = await shared()
    await s.add(s.relaunch)
    invite = await invited(s, s.owner, s.relaunch)
    clock.advance(DAY)
    await proposals.remind(invite.id, by=s.owner)
    async with refused(UserErrorCode.NOT_FOUND, "proposalId"):
        await proposals.withdraw(invite.id, by=s.olga)
    await proposals.withdraw(invite.id, by=s.sam)
    assert (await topics(s.relaunch.id))[1:] == ["invite.sent", "invite.reminded", "invite.withdrawn"]
