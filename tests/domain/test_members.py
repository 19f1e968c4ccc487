"""Who belongs to a partner company: licences, one admin, invites and what they bring (mission 3.1, 3.2, 3.3)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType

import pytest

import models
from domain import changes, engagements, invites, members, partners, proposals, seats, tokens
from domain.seats import Seat
from models.enums import (
    AccountStatus,
    Audience,
    InviteKind,
    PartnerKind,
    PartnerMemberRole,
    ProposalStatus,
    Role,
    Side,
    UserErrorCode,
)
from tests import given
from tests.domain.refusals import everything, refused

pytestmark = pytest.mark.usefixtures("database", "clock", "quick_passwords")

INVITE_LASTS = timedelta(days=7)
DAY = timedelta(days=1)
PASSWORD = "correct horse battery"
DOMAIN = "harrow.example"
HANNA = f"hanna@{DOMAIN}"
MAX = f"max@{DOMAIN}"
ADMIN, COLLABORATOR = PartnerMemberRole
CLIENT_PARTNERS = frozenset({Role.PUBLIC, Role.USER, Role.CLIENT_PARTNER})
LOOK_ALIKES = [
    f"max@sub.{DOMAIN}",
    f"max@{DOMAIN}.org",
    f"max@not{DOMAIN}",
    "max@harr0w.example",
    "max@harr\u043ew.example",
    "max@xn--harrw-rta.example",
]


@dataclass
class Harrow:
    """A client partner that is on one project, with its admin and one collaborator who is assigned to it."""

    company: models.Partner
    vendor: Seat
    hanna: Seat
    max: Seat
    account: models.Account
    project: models.Project

    async def invite(self, email: str = f"neil@{DOMAIN}", *, by: Seat | None = None, **named: Collection[str]) -> str:
        return await partners.invite_member(
            by=by or self.hanna, partner_id=self.company.id, email=email, name="Neil New", **named
        )

    async def place(self, of: Seat) -> models.PartnerMember:
        return await models.PartnerMember.get(partner_id=self.company.id, user_id=of.user_id)

    async def licences(self, licences: int) -> None:
        await models.Partner.filter(id=self.company.id).update(licences=licences)


@pytest.fixture
async def harrow() -> Harrow:
    company = await given.client_partner(domain=DOMAIN)
    account = await given.account(await given.client("Acme"))
    project = await given.project(account)
    await given.engaged(project, company)
    hanna = await given.member(company, ADMIN, await given.user("Hanna Harrow", email=HANNA))
    max_ = await given.member(company, COLLABORATOR, await given.user("Max Member", email=MAX))
    await given.on_project(project, hanna, is_assigned=False)
    await given.on_project(project, max_)
    return Harrow(company, await given.admin(), hanna, max_, account, project)


async def create(by: Seat, **columns: object) -> models.Partner:
    """Have the vendor create a client partner; return it."""
    values: dict[str, object] = {
        "name": "Harrow Brokers",
        "kind": PartnerKind.CLIENT_PARTNER,
        "domain": DOMAIN,
        "licences": 2,
        "admin_email": HANNA,
        "admin_name": "Hanna Harrow",
    }
    return await models.Partner.get(id=await partners.create(by=by, **{**values, **columns}))  # type: ignore[arg-type]  # by name


async def bring_in(company: models.Partner, by: Seat) -> None:
    """Do what bringing a company into a project does for its admin."""
    async with changes.change(by=by) as c:
        await members.bring_admin_in(c, await members.lock(company.id), "partnerId")


async def invite_of(company: models.Partner) -> models.Proposal:
    return await models.Proposal.filter(partner_id=company.id).order_by("-id").get_or_none() or pytest.fail("none")


async def accept(invite_id: str, clock: ModuleType) -> Seat:
    """Let whoever holds an invite's link join; return their seat."""
    link = await models.Link.get(proposal_id=invite_id, used_at=None, replaced_at=None)
    answer = {"name": "Neil New", "password": PASSWORD, "client_name": None, "account_name": None}
    challenge = tokens.challenge(link, clock.now())
    joined = await invites.accept(tokens.of_link(link), challenge, by=None, ip=None, user_agent=None, **answer)
    return joined.signed_in.seat


async def used(company: models.Partner) -> int:
    async with changes.change(by=None) as c:
        return await members.licences_used(c, company.id)


async def told(stream: str) -> list[tuple[object, ...]]:
    """What has happened in a stream: which event, who did it, from where to where."""
    events = await models.Event.filter(stream=stream).order_by("version")
    return [(e.topic, e.side, e.on_behalf_of, [(d["before"], d["after"]) for d in e.changes]) for e in events]


# ── the company ──


async def test_3_1_a_client_partner_is_written_and_its_admin_named_without_a_link(clock: ModuleType) -> None:
    vendor = await given.admin()
    company = await create(vendor)
    [invite] = await models.Proposal.all()
    assert (invite.status, invite.invite_kind, invite.partner_id, invite.email, invite.name) == (
        ProposalStatus.DRAFT,
        InviteKind.PARTNER_ADMIN,
        company.id,
        HANNA,
        "Hanna Harrow",
    )
    assert (invite.proposed_at, invite.sent_at, invite.expires_at) == (clock.now(), None, None)
    assert await models.Link.all().count() == 0
    [event] = await models.Event.all()
    assert (event.topic, event.proposal_id, event.partner_id) == ("partner.created", invite.id, company.id)
    assert (company.kind, company.admin_id, await used(company)) == (PartnerKind.CLIENT_PARTNER, None, 1)


async def test_3_1_a_domain_is_one_client_partner_s() -> None:
    vendor = await given.admin()
    await create(vendor)
    async with refused(UserErrorCode.TAKEN, "domain"):
        await create(vendor, name="Others", domain=DOMAIN.upper())
    partner = await create(vendor, name="A partner", kind=PartnerKind.PARTNER)
    assert partner.domain == DOMAIN


@pytest.mark.parametrize("email", LOOK_ALIKES)
async def test_3_1_a_client_partner_s_admin_is_at_its_domain(email: str) -> None:
    vendor = await given.admin()
    async with refused(UserErrorCode.DOMAIN_MISMATCH, "adminEmail"):
        await create(vendor, admin_email=email)


async def test_3_1_nobody_of_it_is_invited_before_its_first_project() -> None:
    vendor = await given.admin()
    company = await create(vendor)
    async with refused(UserErrorCode.WRONG_STATE, "partnerId"):
        await partners.invite_member(by=vendor, partner_id=company.id, email=MAX)


async def test_3_1_what_is_prepared_is_neither_withdrawn_nor_sent_again() -> None:
    vendor = await given.admin()
    invite = await invite_of(await create(vendor))
    async with refused(UserErrorCode.WRONG_STATE, "proposalId"):
        await proposals.withdraw(invite.id, by=vendor)
    async with refused(UserErrorCode.WRONG_STATE, "proposalId"):
        await proposals.remind(invite.id, by=vendor)


# ── its admin, with the first project ──


async def test_3_1_with_the_first_project_the_admin_gets_a_link_and_joins(clock: ModuleType) -> None:
    vendor = await given.admin()
    company = await create(vendor)
    clock.advance(30 * DAY)
    await bring_in(company, vendor)
    invite = await invite_of(company)
    assert (invite.status, invite.proposed_at, invite.sent_at, invite.expires_at, invite.version) == (
        ProposalStatus.PENDING,
        clock.now(),
        clock.now(),
        clock.now() + INVITE_LASTS,
        2,
    )
    assert [event[0] for event in await told(company.id)] == ["partner.created", "invite.sent"]
    seat = await accept(invite.id, clock)
    assert (seat.side, seat.partner_id, seat.roles) == (
        Side.PARTNER,
        company.id,
        CLIENT_PARTNERS | {Role.CLIENT_PARTNER_ADMIN},
    )
    assert (await models.Partner.get(id=company.id)).admin_id == seat.user_id


async def test_3_1_a_link_that_is_open_stays_with_the_next_project() -> None:
    vendor = await given.admin()
    company = await create(vendor)
    await bring_in(company, vendor)
    before = await everything()
    await bring_in(company, vendor)
    assert await everything() == before


@pytest.mark.parametrize("end", ["withdrawn", "expired"])
async def test_3_1_an_invite_that_has_ended_is_followed_by_another_with_the_next_project(
    end: str, clock: ModuleType
) -> None:
    vendor = await given.admin()
    company = await create(vendor)
    await bring_in(company, vendor)
    first = await invite_of(company)
    if end == "withdrawn":
        await proposals.withdraw(first.id, by=vendor)
    clock.advance(INVITE_LASTS)
    await bring_in(company, vendor)
    second = await models.Proposal.exclude(id=first.id).get()
    assert (await models.Proposal.get(id=first.id)).status is ProposalStatus(end.upper())
    assert (second.status, second.email, second.name, second.expires_at) == (
        ProposalStatus.PENDING,
        HANNA,
        "Hanna Harrow",
        clock.now() + INVITE_LASTS,
    )
    topics = [event[0] for event in await told(company.id)]
    assert topics == ["partner.created", "invite.sent", f"invite.{end}", "invite.sent"]


async def test_whoever_said_no_is_not_asked_again_by_itself(clock: ModuleType) -> None:
    vendor = await given.admin()
    company = await create(vendor)
    await bring_in(company, vendor)
    link = await models.Link.get()
    await invites.decline(tokens.of_link(link), tokens.challenge(link, clock.now()), comment="No time.", ip=None)
    before = await everything()
    await bring_in(company, vendor)
    assert await everything() == before


async def test_3_2_an_admin_who_is_asked_anew_takes_a_licence(harrow: Harrow) -> None:
    company = await create(harrow.vendor, domain="other.example", admin_email="ada@other.example", licences=1)
    await bring_in(company, harrow.vendor)
    await proposals.withdraw((await invite_of(company)).id, by=harrow.vendor)
    await given.member(company)
    async with refused(UserErrorCode.LICENCES_USED_UP, "partnerId"):
        await bring_in(company, harrow.vendor)


async def test_whoever_is_a_member_by_now_is_not_asked_to_be_one(clock: ModuleType) -> None:
    vendor = await given.admin()
    company = await create(vendor)
    await bring_in(company, vendor)
    clock.advance(INVITE_LASTS)
    await given.member(company, COLLABORATOR, await given.user("Hanna Harrow", email=HANNA))
    before = await everything()
    await bring_in(company, vendor)
    assert await everything() == before


async def test_an_admin_who_is_there_is_not_asked(harrow: Harrow) -> None:
    before = await everything()
    await bring_in(harrow.company, harrow.vendor)
    assert await everything() == before


# ── invited ──


async def test_3_2_a_member_is_invited_takes_a_licence_and_joins_as_a_collaborator(
    harrow: Harrow, clock: ModuleType
) -> None:
    invite_id = await harrow.invite("Neil@HARROW.example")
    invite = await models.Proposal.get(id=invite_id)
    assert (invite.invite_kind, invite.partner_id, invite.from_partner_id, invite.email, invite.name) == (
        InviteKind.PARTNER_MEMBER,
        harrow.company.id,
        harrow.company.id,
        f"neil@{DOMAIN}",
        "Neil New",
    )
    assert (invite.expires_at, invite.project_ids) == (clock.now() + INVITE_LASTS, None)
    assert await used(harrow.company) == 3
    seat = await accept(invite_id, clock)
    assert (seat.side, seat.partner_id, seat.roles) == (Side.PARTNER, harrow.company.id, CLIENT_PARTNERS)
    assert (await harrow.place(seat)).role is COLLABORATOR
    assert await used(harrow.company) == 3
    [sent, joined, accepted] = await models.Event.filter(stream=harrow.company.id).order_by("version")
    assert (sent.topic, sent.actor_id, sent.side) == ("invite.sent", harrow.hanna.user_id, Side.PARTNER)
    assert (joined.topic, joined.actor_id, joined.visible_to) == (
        "partner.member_joined",
        seat.user_id,
        Audience.PARTNER,
    )
    assert (accepted.topic, accepted.actor_id, accepted.proposal_id) == ("invite.accepted", seat.user_id, invite_id)


async def test_3_2_a_new_member_is_put_on_the_projects_that_the_invite_names(harrow: Harrow, clock: ModuleType) -> None:
    other = await given.project(harrow.account, "Shop")
    await given.on_project(other, harrow.hanna, is_assigned=False)
    invite_id = await harrow.invite(project_ids=[other.id, harrow.project.id])
    assert (await models.Proposal.get(id=invite_id)).project_ids == sorted([other.id, harrow.project.id])
    seat = await accept(invite_id, clock)
    places = await models.ProjectMember.filter(user_id=seat.user_id)
    assert {(place.project_id, place.is_assigned) for place in places} == {(other.id, True), (harrow.project.id, True)}
    added = await models.Event.filter(topic="project.member_added")
    assert {(event.stream, event.actor_id) for event in added} == {
        (other.id, seat.user_id),
        (harrow.project.id, seat.user_id),
    }


async def test_3_3_who_is_invited_where_there_is_no_admin_and_none_is_asked_becomes_it(clock: ModuleType) -> None:
    vendor = await given.admin()
    partner = await given.partner(domain=DOMAIN)
    kinds = []
    for name in ("ada", "ben"):
        invite_id = await partners.invite_member(by=vendor, partner_id=partner.id, email=f"{name}@{DOMAIN}")
        kinds.append((await models.Proposal.get(id=invite_id)).invite_kind)
    assert kinds == [InviteKind.PARTNER_ADMIN, InviteKind.PARTNER_MEMBER]
    clock.advance(INVITE_LASTS)
    renewed = await partners.invite_member(by=vendor, partner_id=partner.id, email=f"cleo@{DOMAIN}")
    assert (await models.Proposal.get(id=renewed)).invite_kind is InviteKind.PARTNER_ADMIN
    seat = await accept(renewed, clock)
    assert seat.roles == {Role.PUBLIC, Role.USER, Role.PARTNER, Role.PARTNER_ADMIN}


async def test_3_3_there_is_no_second_admin(clock: ModuleType) -> None:
    company = await create(await given.admin())
    await bring_in(company, await given.admin())
    await given.member(company, ADMIN)
    async with refused(UserErrorCode.ADMIN_EXISTS, "token"):
        await accept((await invite_of(company)).id, clock)


@pytest.mark.parametrize("email", LOOK_ALIKES)
async def test_3_2_members_are_at_the_company_s_domain(harrow: Harrow, email: str) -> None:
    async with refused(UserErrorCode.DOMAIN_MISMATCH, "email"):
        await harrow.invite(email)


async def test_3_2_who_is_there_or_asked_already_is_not_invited(harrow: Harrow) -> None:
    async with refused(UserErrorCode.TAKEN, "email"):
        await harrow.invite(MAX.upper())
    await harrow.invite()
    async with refused(UserErrorCode.ALREADY_PROPOSED, "email"):
        await harrow.invite(by=harrow.vendor)


async def test_3_2_members_beyond_the_licences_are_refused_and_open_invites_count(harrow: Harrow) -> None:
    await harrow.licences(3)
    invite_id = await harrow.invite()
    async with refused(UserErrorCode.LICENCES_USED_UP, "partnerId"):
        await harrow.invite(f"olaf@{DOMAIN}")
    await proposals.withdraw(invite_id, by=harrow.hanna)
    await harrow.invite(f"olaf@{DOMAIN}")
    assert await used(harrow.company) == 3


async def test_5_1a_a_licence_is_free_again_from_the_second_on_in_which_an_invite_expires(
    harrow: Harrow, clock: ModuleType
) -> None:
    await harrow.licences(3)
    await harrow.invite()
    clock.advance(INVITE_LASTS - timedelta(seconds=1))
    async with refused(UserErrorCode.LICENCES_USED_UP, "partnerId"):
        await harrow.invite(f"olaf@{DOMAIN}")
    clock.advance(timedelta(seconds=1))
    await harrow.invite()
    topics = [event[0] for event in await told(harrow.company.id)]
    assert topics == ["invite.sent", "invite.expired", "invite.sent"]


async def test_3_2_projects_are_named_where_the_company_is_and_by_whom_they_are_seen(harrow: Harrow) -> None:
    elsewhere = await given.project(await given.account(await given.client("Oscorp")))
    async with refused(UserErrorCode.COMPANY_NOT_INVITED, "projectIds"):
        await harrow.invite(by=harrow.vendor, project_ids=[harrow.project.id, elsewhere.id])
    async with refused(UserErrorCode.NOT_FOUND, "projectIds"):
        await harrow.invite(project_ids=[elsewhere.id])
    await models.Account.filter(id=harrow.account.id).update(status=AccountStatus.CANCELLED)
    async with refused(UserErrorCode.WRONG_STATE, "projectIds"):
        await harrow.invite(project_ids=[harrow.project.id])


async def test_a_partner_s_people_are_put_on_no_projects(harrow: Harrow) -> None:
    partner = await given.partner(domain="northwind.example")
    async with refused(UserErrorCode.INVALID, "projectIds"):
        await partners.invite_member(
            by=harrow.vendor, partner_id=partner.id, email="a@northwind.example", project_ids=[harrow.project.id]
        )


async def test_who_may_invite_to_a_company(harrow: Harrow) -> None:
    others = await given.client_partner("Others")
    await given.engaged(harrow.project, others)
    olga = await given.member(others, ADMIN)
    await given.on_project(harrow.project, olga, is_assigned=False)
    owner, stranger = await given.staff(harrow.account), await given.member(await given.partner(), ADMIN)
    async with refused(UserErrorCode.FORBIDDEN, "partnerId"):  # seen, for it is on the same project
        await harrow.invite(by=olga)
    async with refused(UserErrorCode.FORBIDDEN):
        await harrow.invite(by=harrow.max)
    async with refused(UserErrorCode.FORBIDDEN):
        await harrow.invite(by=owner)
    async with refused(UserErrorCode.NOT_FOUND, "partnerId"):
        await harrow.invite(by=stranger)


async def test_what_is_typed_is_checked(harrow: Harrow) -> None:
    async with refused(UserErrorCode.INVALID, "email"):
        await harrow.invite("nobody")
    async with refused(UserErrorCode.INVALID, "name"):
        await partners.invite_member(by=harrow.hanna, partner_id=harrow.company.id, email=MAX, name="a\r\nb")


# ── who looks after an invite ──


async def test_3_2_the_vendor_and_the_admin_take_each_other_s_invites_back(harrow: Harrow, clock: ModuleType) -> None:
    theirs, ours = await harrow.invite(), await harrow.invite(f"olaf@{DOMAIN}", by=harrow.vendor)
    clock.advance(DAY)
    await proposals.remind(theirs, by=harrow.vendor)
    await proposals.withdraw(theirs, by=harrow.vendor)
    await proposals.remind(ours, by=harrow.hanna)
    await proposals.withdraw(ours, by=harrow.hanna)
    statuses = {invite.status for invite in await models.Proposal.all()}
    assert (statuses, await used(harrow.company)) == ({ProposalStatus.WITHDRAWN}, 2)
    assert await models.Link.filter(replaced_at=None).count() == 0


async def test_3_2_a_collaborator_looks_after_no_invite(harrow: Harrow) -> None:
    partner = await given.partner(domain="northwind.example")
    admin, paula = await given.member(partner, ADMIN), await given.member(partner)
    invite_id = await partners.invite_member(by=admin, partner_id=partner.id, email="a@northwind.example")
    hidden = await harrow.invite()
    for verb in (proposals.withdraw, proposals.remind):
        async with refused(UserErrorCode.FORBIDDEN, "proposalId"):
            await verb(invite_id, by=paula)
        async with refused(UserErrorCode.NOT_FOUND, "proposalId"):
            await verb(hidden, by=harrow.max)


@pytest.mark.parametrize("is_known", [False, True])
async def test_an_invite_s_page_says_what_one_joins(harrow: Harrow, clock: ModuleType, *, is_known: bool) -> None:
    if is_known:
        await given.user("Neil New", email=f"neil@{DOMAIN}")
    link = await models.Link.get(proposal_id=await harrow.invite())
    page = await invites.preview(tokens.of_link(link), ip=None)
    assert (page.kind, page.sender, page.recipient, page.title, page.expires_at, page.needs_password) == (
        InviteKind.PARTNER_MEMBER,
        "Harrow Brokers",
        "Harrow Brokers",
        "Member of Harrow Brokers",
        clock.now() + INVITE_LASTS,
        not is_known,
    )


# ── licences ──


async def test_3_1_the_vendor_sets_the_licences_down_to_those_in_use(harrow: Harrow) -> None:
    await harrow.invite()
    for licences in (9, 9, 3):
        assert await partners.set_licences(by=harrow.vendor, partner_id=harrow.company.id, licences=licences)
    moved = [event for event in await told(harrow.company.id) if event[0] == "partner.licences_set"]
    assert moved == [
        ("partner.licences_set", Side.VENDOR, None, [("5", "9")]),
        ("partner.licences_set", Side.VENDOR, None, [("9", "3")]),
    ]
    for licences in (2, 0, -1, 1_000_001):
        async with refused(UserErrorCode.INVALID, "licences"):
            await partners.set_licences(by=harrow.vendor, partner_id=harrow.company.id, licences=licences)
    async with refused(UserErrorCode.FORBIDDEN):
        await partners.set_licences(by=harrow.hanna, partner_id=harrow.company.id, licences=9)


async def test_3_2_what_is_only_prepared_is_in_use() -> None:
    vendor = await given.admin()
    company = await create(vendor)
    await given.member(company)
    async with refused(UserErrorCode.INVALID, "licences"):
        await partners.set_licences(by=vendor, partner_id=company.id, licences=1)


# ── leaving ──


async def test_3_3_a_member_who_is_removed_is_off_all_projects_and_signed_out(harrow: Harrow) -> None:
    await given.session(await models.Seat.get(id=harrow.max.id), "a token")
    place = await harrow.place(harrow.max)
    assert await partners.remove_member(by=harrow.hanna, member_id=place.id) == harrow.company.id
    assert await seats.of_token("a token", place.joined_at) is None
    seat = await models.Seat.get(id=harrow.max.id)
    on = await models.ProjectMember.get(user_id=harrow.max.user_id)
    assert (seat.ended_at, on.removed_at, (await harrow.place(harrow.max)).removed_at) == (place.joined_at,) * 3
    assert await used(harrow.company) == 1
    [event] = await models.Event.filter(stream=harrow.company.id)
    assert (event.topic, event.subject, event.visible_to, event.changes) == (
        "partner.member_removed",
        place.id,
        Audience.PARTNER,
        [{"field": "role", "before": "COLLABORATOR", "after": None}],
    )
    [left] = await models.Event.filter(stream=harrow.project.id)
    assert (left.topic, left.subject) == ("project.member_removed", on.id)


async def test_3_3_whoever_was_removed_does_not_come_back_by_an_invite_that_was_left(
    harrow: Harrow, clock: ModuleType
) -> None:
    other = await given.project(harrow.account, "Audit")
    first, left, others = [
        await engagements.invite(by=harrow.vendor, project_id=project.id, email=email)
        for project, email in (
            (harrow.project, f"neil@{DOMAIN}"),
            (other, f"neil@{DOMAIN}"),
            (other, f"nora@{DOMAIN}"),
        )
    ]
    seat = await accept(first.invite_id or "", clock)
    link = await models.Link.get(proposal_id=left.invite_id)
    await partners.remove_member(by=harrow.hanna, member_id=(await harrow.place(seat)).id)
    closed = await models.Proposal.get(id=left.invite_id)
    assert (closed.status, closed.decided_at, closed.version) == (ProposalStatus.CANCELLED, clock.now(), 2)
    assert (await models.Link.get(id=link.id)).replaced_at == clock.now()
    assert (await models.Proposal.get(id=others.invite_id)).status is ProposalStatus.PENDING
    assert await used(harrow.company) == 3


async def test_whoever_was_removed_may_be_invited_again(harrow: Harrow, clock: ModuleType) -> None:
    await partners.remove_member(by=harrow.hanna, member_id=(await harrow.place(harrow.max)).id)
    seat = await accept(await harrow.invite(MAX), clock)
    assert (seat.id, seat.roles) == (harrow.max.id, CLIENT_PARTNERS)


async def test_3_3_the_admin_is_not_removed_before_there_is_another(harrow: Harrow) -> None:
    place = await harrow.place(harrow.hanna)
    for by in (harrow.hanna, harrow.vendor):
        async with refused(UserErrorCode.INVALID, "memberId"):
            await partners.remove_member(by=by, member_id=place.id)
    new = await harrow.place(harrow.max)
    await partners.transfer_admin(by=harrow.hanna, partner_id=harrow.company.id, member_id=new.id)
    await partners.remove_member(by=harrow.vendor, member_id=place.id)
    assert [event[:3] for event in await told(harrow.company.id)] == [
        ("partner.admin_transferred", Side.PARTNER, None),
        ("partner.member_removed", Side.VENDOR, harrow.company.id),
    ]


async def test_who_may_remove_whom(harrow: Harrow) -> None:
    place = await harrow.place(harrow.max)
    owner, stranger = await given.staff(harrow.account), await given.member(await given.partner(), ADMIN)
    async with refused(UserErrorCode.FORBIDDEN):
        await partners.remove_member(by=owner, member_id=place.id)
    async with refused(UserErrorCode.FORBIDDEN):
        await partners.remove_member(by=harrow.max, member_id=place.id)
    async with refused(UserErrorCode.NOT_FOUND, "memberId"):
        await partners.remove_member(by=stranger, member_id=place.id)
    await partners.remove_member(by=harrow.hanna, member_id=place.id)
    async with refused(UserErrorCode.NOT_FOUND, "memberId"):
        await partners.remove_member(by=harrow.hanna, member_id=place.id)


# ── another admin ──


async def test_3_3_the_admin_s_part_passes_on_in_one_step(harrow: Harrow) -> None:
    other = await given.project(harrow.account, "Shop")
    await given.on_project(other, harrow.hanna, is_assigned=False)
    old, new = await harrow.place(harrow.hanna), await harrow.place(harrow.max)
    await partners.transfer_admin(by=harrow.hanna, partner_id=harrow.company.id, member_id=new.id)
    company = await models.Partner.get(id=harrow.company.id)
    roles = {place.id: place.role for place in await models.PartnerMember.filter(partner_id=company.id)}
    assert (company.admin_id, roles) == (harrow.max.user_id, {old.id: COLLABORATOR, new.id: ADMIN})
    held = {seat.id: set(seat.roles) for seat in await models.Seat.filter(partner_id=company.id)}
    assert held == {harrow.hanna.id: CLIENT_PARTNERS, harrow.max.id: CLIENT_PARTNERS | {Role.CLIENT_PARTNER_ADMIN}}
    [event] = await models.Event.filter(stream=company.id)
    assert (event.topic, event.subject, event.changes) == (
        "partner.admin_transferred",
        new.id,
        [{"field": "admin", "before": old.id, "after": new.id}],
    )
    live = await models.ProjectMember.filter(removed_at=None)
    assert {(place.user_id, place.project_id, place.is_assigned) for place in live} == {
        (harrow.max.user_id, harrow.project.id, True),
        (harrow.max.user_id, other.id, False),
    }


async def test_3_3_a_partner_s_admin_changes_in_the_same_way() -> None:
    partner = await given.partner()
    admin, paula = await given.member(partner, ADMIN), await given.member(partner)
    place = await models.PartnerMember.get(user_id=paula.user_id)
    await partners.transfer_admin(by=admin, partner_id=partner.id, member_id=place.id)
    held = {seat.id: set(seat.roles) for seat in await models.Seat.all()}
    everybody = {Role.PUBLIC, Role.USER, Role.PARTNER}
    assert held == {admin.id: everybody, paula.id: everybody | {Role.PARTNER_ADMIN}}


async def test_where_it_is_so_already_nothing_happens(harrow: Harrow) -> None:
    place = await harrow.place(harrow.hanna)
    before = await everything()
    await partners.transfer_admin(by=harrow.hanna, partner_id=harrow.company.id, member_id=place.id)
    assert await everything() == before


async def test_3_3_a_company_without_an_admin_gets_one_unless_somebody_is_asked(clock: ModuleType) -> None:
    vendor, partner = await given.admin(), await given.partner(domain=DOMAIN)
    paula = await given.member(partner)
    place = await models.PartnerMember.get(user_id=paula.user_id)
    await partners.invite_member(by=vendor, partner_id=partner.id, email=MAX)
    async with refused(UserErrorCode.WRONG_STATE, "memberId"):
        await partners.transfer_admin(by=vendor, partner_id=partner.id, member_id=place.id)
    clock.advance(INVITE_LASTS)
    await partners.transfer_admin(by=vendor, partner_id=partner.id, member_id=place.id)
    assert (await models.Partner.get(id=partner.id)).admin_id == paula.user_id


async def test_who_may_pass_the_admin_s_part_on_and_to_whom(harrow: Harrow) -> None:
    place = await harrow.place(harrow.max)
    stranger = await given.member(await given.partner(), ADMIN)
    elsewhere = await models.PartnerMember.get(user_id=stranger.user_id)
    async with refused(UserErrorCode.FORBIDDEN):
        await partners.transfer_admin(by=harrow.max, partner_id=harrow.company.id, member_id=place.id)
    async with refused(UserErrorCode.NOT_FOUND, "partnerId"):
        await partners.transfer_admin(by=stranger, partner_id=harrow.company.id, member_id=place.id)
    async with refused(UserErrorCode.NOT_FOUND, "memberId"):
        await partners.transfer_admin(by=harrow.hanna, partner_id=harrow.company.id, member_id=elsewhere.id)


# ── its own description, and none of a partner's business ──


async def test_4_8_a_client_partner_s_admin_describes_it(harrow: Harrow) -> None:
    await partners.update(by=harrow.hanna, partner_id=harrow.company.id, details={"city": "Oslo"})
    assert (await models.Partner.get(id=harrow.company.id)).city == "Oslo"
    async with refused(UserErrorCode.FORBIDDEN):
        await partners.update(by=harrow.max, partner_id=harrow.company.id, details={"city": "Bergen"})


async def test_a_company_that_is_merely_seen_is_not_described(harrow: Harrow) -> None:
    northwind = await given.partner()
    paula = await given.member(northwind, ADMIN)
    partnership = await given.partnership(northwind, await models.Client.get(id=harrow.account.client_id))
    await given.grant(partnership, harrow.account)
    async with refused(UserErrorCode.FORBIDDEN, "partnerId"):
        await partners.update(by=paula, partner_id=harrow.company.id, details={"city": "Bergen"})
