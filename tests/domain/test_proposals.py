"""Offers and invites: who may answer, in which state, and what an answer does (mission 1.1, 1.2, 4.1, 5.1a, 5.3)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType

import pytest
from tortoise.connection import get_connection

import models
from domain import changes, clock, inviting, moves, offers, partnerships, proposals, states, tokens
from domain.changes import Outcome, Request
from domain.errors import Refusal
from domain.seats import Seat
from models import sql
from models.enums import (
    AccessStatus,
    AccountStatus,
    Audience,
    InviteKind,
    LinkPurpose,
    PartnerMemberRole,
    PartnershipStatus,
    ProposalAction,
    ProposalKind,
    ProposalStatus,
    SecurityRole,
    Side,
    UserErrorCode,
)
from models.sql import Dialect
from tests import given
from tests.domain.refusals import columns, everything, refused

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass
class Scene:
    """A partner with an admin and a member, a client with an owner, and an offer between the two."""

    partner: models.Partner
    admin: Seat
    paula: Seat
    client: models.Client
    account: models.Account
    owner: Seat
    contact: models.Contact
    partnership_id: str
    offer_id: str

    async def offer(self) -> models.Proposal:
        return await models.Proposal.get(id=self.offer_id)

    async def partnership(self) -> models.Partnership:
        return await models.Partnership.get(id=self.partnership_id)

    async def topics(self) -> list[str]:
        events = await models.Event.filter(stream=self.partnership_id).order_by("version")
        return [event.topic for event in events]


async def scene(*, by_mail: bool = False) -> Scene:
    partner, client = await given.partner(), await given.client()
    admin, paula = await given.member(partner, PartnerMemberRole.ADMIN), await given.member(partner)
    account = await given.account(client)
    owner = await given.staff(account)
    contact = await given.contact(partner)
    to = {"email": "New.Owner@Customer.example", "client_name": "Customer"} if by_mail else {"client_id": client.id}
    partnership_id = await partnerships.offer(
        by=paula,
        partner_id=partner.id,
        terms={"title": "Shop care"},
        contact_ids=[contact.id],
        message="Shall we?",
        **to,
    )
    offer_id = (await models.Partnership.get(id=partnership_id)).offer_id
    assert offer_id is not None
    return Scene(partner, admin, paula, client, account, owner, contact, partnership_id, offer_id)


async def joined(s: Scene) -> str:
    """Have the invited client join: its invite is accepted, and the offer is then the client's to answer."""
    invite = await models.Proposal.get(partnership_id=s.partnership_id, kind=ProposalKind.INVITE)
    async with changes.change(by=None) as c:
        await states.close(c, invite.id, ProposalStatus.ACCEPTED, by_user=s.owner.user_id)
        await offers.bring_in(c, s.partnership_id, s.client.id)
    return invite.id


VERBS: dict[str, Callable[..., Awaitable[str]]] = {
    "accept": proposals.accept,
    "decline": proposals.decline,
    "withdraw": proposals.withdraw,
    "remind": proposals.remind,
}
ANSWERS = {"accept", "decline"}


@pytest.mark.usefixtures("database", "clock")
class TestWho:
    """Every verb, every kind of seat."""

    @pytest.mark.parametrize(
        ("who", "codes"),
        [
            ("admin", ("FORBIDDEN", "FORBIDDEN", "", "")),
            ("paula", ("FORBIDDEN", "FORBIDDEN", "", "")),
            ("owner", ("", "", "FORBIDDEN", "FORBIDDEN")),
            ("owner of another account of the client", ("", "", "FORBIDDEN", "FORBIDDEN")),
            ("manager", ("FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "FORBIDDEN")),
            ("staff", ("FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "FORBIDDEN")),
            ("owner of another client", ("NOT_FOUND", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND")),
            ("another partner", ("NOT_FOUND", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND")),
            ("another partner inside the account", ("NOT_FOUND", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND")),
            ("vendor", ("FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "FORBIDDEN")),
        ],
    )
    async def test_1_1_only_the_clients_owner_answers_and_only_the_partner_takes_back(
        self, clock: ModuleType, who: str, codes: tuple[str, ...]
    ) -> None:
        s = await scene()
        clock.advance(HOUR)
        seat = await SEATS[who](s)
        for verb, code in zip(VERBS, codes, strict=True):
            if code:
                async with refused(UserErrorCode(code), "proposalId"):
                    await VERBS[verb](s.offer_id, by=seat)
        for verb, code in zip(VERBS, codes, strict=True):
            if not code:
                fresh = await scene()
                clock.advance(HOUR)
                assert await VERBS[verb](fresh.offer_id, by=await SEATS[who](fresh)) == fresh.offer_id

    async def test_an_offer_that_does_not_exist_is_not_found(self) -> None:
        s = await scene()
        for verb in VERBS.values():
            for missing in ("offer_none", "nonsense", ""):
                async with refused(UserErrorCode.NOT_FOUND, "proposalId"):
                    await verb(missing, by=s.owner)

    async def test_1_1_a_member_of_a_partner_never_accepts_for_a_client_whichever_seat_is_taken(self) -> None:
        s = await scene()
        for company in (s.partner, await given.partner("Southwind")):
            both = await given.user("Berta Both")
            await given.member(company, user=both)
            seat = await given.staff(s.account, user=both)
            async with refused(UserErrorCode.FORBIDDEN, "proposalId"):
                await proposals.accept(s.offer_id, by=seat, account_ids=[])
        former = await given.user("Former Member")
        await given.member(s.partner, user=former)
        await models.PartnerMember.filter(user_id=former.id).update(removed_at=clock.now())
        await proposals.accept(s.offer_id, by=await given.staff(s.account, user=former))

    async def test_a_button_is_there_exactly_where_the_verb_is_allowed(self, clock: ModuleType) -> None:
        for who in ("admin", "paula", "owner", "manager", "staff", "vendor"):
            s = await scene()
            clock.advance(HOUR)
            seat, offer = await SEATS[who](s), await s.offer()
            company = seat.partner_id or seat.client_id
            buttons = moves.proposal_actions(
                offer.kind,
                offer.status,
                is_own_side=moves.is_own_side(company, offer.from_partner_id, offer.from_client_id),
                is_other_side=moves.is_other_side(company, offer.to_partner_id, offer.to_client_id),
                roles=seat.roles,
            )
            for name, verb in VERBS.items():
                fresh = await scene()
                clock.advance(HOUR)
                assert await done(verb(fresh.offer_id, by=await SEATS[who](fresh))) == (
                    ProposalAction(name.upper()) in buttons
                )


async def done(answer: Awaitable[str]) -> bool:
    """Tell whether it was done, or forbidden."""
    [outcome] = await asyncio.gather(answer, return_exceptions=True)
    if isinstance(outcome, Refusal) and outcome.code is UserErrorCode.FORBIDDEN:
        return False
    assert isinstance(outcome, str), outcome
    return True


async def _another_owner(s: Scene) -> Seat:
    return await given.staff(await given.account(s.client, "Second shop"))


async def _foreign_owner(_: Scene) -> Seat:
    return await given.staff(await given.account(await given.client("Hill Foods")))


async def _partner_inside(s: Scene) -> Seat:
    other = await given.partner("Eastwind")
    await given.grant(await given.partnership(other, s.client), s.account)
    return await given.member(other, PartnerMemberRole.ADMIN)


async def _foreign_partner(_: Scene) -> Seat:
    return await given.member(await given.partner("Southwind"))


async def _itself(seat: Seat) -> Seat:
    return seat


SEATS: dict[str, Callable[[Scene], Awaitable[Seat]]] = {
    "admin": lambda s: _itself(s.admin),
    "paula": lambda s: _itself(s.paula),
    "owner": lambda s: _itself(s.owner),
    "owner of another account of the client": _another_owner,
    "manager": lambda s: given.staff(s.account, SecurityRole.MANAGER),
    "staff": lambda s: given.staff(s.account, SecurityRole.STAFF),
    "owner of another client": _foreign_owner,
    "another partner": _foreign_partner,
    "another partner inside the account": _partner_inside,
    "vendor": lambda _: given.admin(),
}


@pytest.mark.usefixtures("database", "clock")
class TestState:
    """Every verb, every state."""

    @pytest.mark.parametrize("verb", VERBS)
    @pytest.mark.parametrize("status", [status for status in ProposalStatus if status is not ProposalStatus.PENDING])
    async def test_every_verb_starts_from_pending_alone(
        self, clock: ModuleType, verb: str, status: ProposalStatus
    ) -> None:
        s = await scene()
        clock.advance(HOUR)
        is_draft = status is ProposalStatus.DRAFT
        sent = {"proposed_at": None} if is_draft else {}
        await models.Proposal.filter(id=s.offer_id).update(status=status, **sent)
        code = UserErrorCode.EXPIRED if status is ProposalStatus.EXPIRED else UserErrorCode.WRONG_STATE
        # A draft does not exist for the other side.
        expected = UserErrorCode.NOT_FOUND if is_draft and verb in ANSWERS else code
        async with refused(expected, "proposalId"):
            await VERBS[verb](s.offer_id, by=s.owner if verb in ANSWERS else s.paula)

    @pytest.mark.parametrize("verb", VERBS)
    async def test_5_1a_an_offer_is_open_until_its_last_moment_and_expired_from_then_on(
        self, clock: ModuleType, verb: str
    ) -> None:
        late, in_time = await scene(), await scene()
        clock.advance(30 * DAY - timedelta(microseconds=1))
        await VERBS[verb](in_time.offer_id, by=in_time.owner if verb in ANSWERS else in_time.paula)
        clock.advance(timedelta(microseconds=1))
        async with refused(UserErrorCode.EXPIRED, "proposalId"):
            await VERBS[verb](late.offer_id, by=late.owner if verb in ANSWERS else late.paula)

    @pytest.mark.parametrize("first", ["accept", "decline", "withdraw"])
    @pytest.mark.parametrize("second", VERBS)
    async def test_a_decision_is_final(self, clock: ModuleType, first: str, second: str) -> None:
        s = await scene()
        clock.advance(HOUR)
        await VERBS[first](s.offer_id, by=s.owner if first in ANSWERS else s.paula)
        async with refused(UserErrorCode.WRONG_STATE, "proposalId"):
            await VERBS[second](s.offer_id, by=s.owner if second in ANSWERS else s.paula)

    @pytest.mark.parametrize("verb", ["accept", "decline", "withdraw"])
    async def test_a_version_that_was_not_read_is_a_conflict(self, verb: str) -> None:
        s = await scene()
        by = s.owner if verb in ANSWERS else s.paula
        for version in (0, 2):
            async with refused(UserErrorCode.CONFLICT, "expectedVersion"):
                await VERBS[verb](s.offer_id, by=by, expected_version=version)
        assert await VERBS[verb](s.offer_id, by=by, expected_version=1) == s.offer_id
        assert (await s.offer()).version == 2

    async def test_a_conflict_tells_the_present_version(self) -> None:
        s = await scene()
        with pytest.raises(Refusal, match="it is at version 1 now"):
            await proposals.accept(s.offer_id, by=s.owner, expected_version=7)


@pytest.mark.usefixtures("database", "clock")
class TestAccept:
    async def test_1_2_accepting_begins_the_partnership_and_keeps_who_when_and_why(self, clock: ModuleType) -> None:
        s = await scene()
        clock.advance(HOUR)
        await proposals.accept(s.offer_id, by=s.owner, comment=" Gladly.\r\n ")
        offer, partnership = await s.offer(), await s.partnership()
        assert (offer.status, offer.version, offer.decided_by_id, offer.decided_at, offer.comment) == (
            ProposalStatus.ACCEPTED,
            2,
            s.owner.user_id,
            clock.now(),
            "Gladly.",
        )
        assert (partnership.status, partnership.started_at, partnership.changed_at, partnership.version) == (
            PartnershipStatus.ACTIVE,
            clock.now(),
            clock.now(),
            2,
        )

    async def test_1_2_each_account_chosen_is_connected_with_access_enabled(self, clock: ModuleType) -> None:
        s = await scene()
        second = await given.account(s.client, "Second shop")
        await models.StaffMember.create(
            account=second, user_id=s.owner.user_id, role=SecurityRole.ACCOUNT_OWNER, joined_at=clock.now()
        )
        await proposals.accept(s.offer_id, by=s.owner, account_ids=[second.id, s.account.id, second.id])
        grants = await models.AccessGrant.all().order_by("account_id")
        assert [
            (grant.account_id, grant.partner_id, grant.partnership_id, grant.status, grant.connected_at)
            for grant in grants
        ] == [
            (account_id, s.partner.id, s.partnership_id, AccessStatus.ENABLED, clock.now())
            for account_id in sorted([s.account.id, second.id])
        ]
        connected = await models.Event.filter(topic="grant.connected").order_by("version")
        assert [(e.subject, e.account_id, e.partner_id, e.client_id, e.visible_to) for e in connected] == [
            (grant.id, grant.account_id, s.partner.id, s.client.id, Audience.BOTH) for grant in grants
        ]

    async def test_1_2_those_offered_are_connected_when_none_are_chosen(self) -> None:
        s = await scene()
        await models.ProposalItem.create(proposal_id=s.offer_id, kind="ADD_ACCOUNT", account=s.account)
        await proposals.accept(s.offer_id, by=s.owner)
        [grant] = await models.AccessGrant.all()
        [item] = await models.ProposalItem.all()
        assert (grant.account_id, item.accepted) == (s.account.id, True)

    async def test_1_2_the_acceptors_choice_takes_the_place_of_those_offered(self) -> None:
        s = await scene()
        await models.ProposalItem.create(proposal_id=s.offer_id, kind="ADD_ACCOUNT", account=s.account)
        await proposals.accept(s.offer_id, by=s.owner, account_ids=[])
        [item] = await models.ProposalItem.all()
        assert (await models.AccessGrant.all().count(), item.accepted) == (0, False)

    @pytest.mark.parametrize("chosen", [True, False])
    async def test_1_2_the_acceptor_must_own_each_account(self, *, chosen: bool) -> None:
        s = await scene()
        other = await given.account(s.client, "Second shop")
        await models.StaffMember.create(
            account=other, user_id=s.owner.user_id, role=SecurityRole.MANAGER, joined_at=clock.now()
        )
        if not chosen:
            await models.ProposalItem.create(proposal_id=s.offer_id, kind="ADD_ACCOUNT", account=other)
        async with refused(UserErrorCode.CAPABILITY_DENIED, "accountIds"):
            await proposals.accept(s.offer_id, by=s.owner, account_ids=[s.account.id, other.id] if chosen else None)

    async def test_an_account_that_is_not_visible_is_not_found(self) -> None:
        s = await scene()
        of_a_colleague = await given.account(s.client, "Second shop")
        foreign = await given.account(await given.client("Hill Foods"))
        for account_id in (of_a_colleague.id, foreign.id, "account_none"):
            async with refused(UserErrorCode.NOT_FOUND, "accountIds"):
                await proposals.accept(s.offer_id, by=s.owner, account_ids=[s.account.id, account_id])

    async def test_a_cancelled_account_cannot_be_connected(self) -> None:
        s = await scene()
        await models.Account.filter(id=s.account.id).update(status=AccountStatus.CANCELLED)
        async with refused(UserErrorCode.WRONG_STATE, "accountIds"):
            await proposals.accept(s.offer_id, by=s.owner, account_ids=[s.account.id])

    async def test_an_offer_is_not_accepted_item_by_item(self) -> None:
        s = await scene()
        async with refused(UserErrorCode.INVALID, "itemIds"):
            await proposals.accept(s.offer_id, by=s.owner, item_ids=[])

    async def test_1_3_access_to_a_busy_account_expires_after_60_days(self, clock: ModuleType) -> None:
        s = await scene()
        await models.Account.filter(id=s.account.id).update(jobs_created=100, activated_at=clock.now())
        await proposals.accept(s.offer_id, by=s.owner, account_ids=[s.account.id])
        [grant] = await models.AccessGrant.all()
        assert grant.expires_at == clock.now() + 60 * DAY

    async def test_1_3_the_clock_does_not_run_under_100_jobs(self) -> None:
        s = await scene()
        await models.Account.filter(id=s.account.id).update(jobs_created=99)
        await proposals.accept(s.offer_id, by=s.owner, account_ids=[s.account.id])
        [grant] = await models.AccessGrant.all()
        assert grant.expires_at is None

    async def test_the_contacts_offered_are_assigned(self, clock: ModuleType) -> None:
        s = await scene()
        [lent] = await models.AssignedContact.all()
        assert (lent.contact_id, lent.side, lent.assigned_at, lent.released_at) == (
            s.contact.id,
            Side.PARTNER,
            None,
            None,
        )
        await proposals.accept(s.offer_id, by=s.owner)
        [lent] = await models.AssignedContact.all()
        assert (lent.assigned_at, lent.released_at) == (clock.now(), None)

    async def test_it_is_told_to_both_sides(self) -> None:
        s = await scene()
        await proposals.accept(s.offer_id, by=s.owner, comment="Gladly.")
        accepted = await models.Event.get(topic="partnership.accepted")
        assert (accepted.actor_id, accepted.side, accepted.reason, accepted.visible_to, accepted.proposal_id) == (
            s.owner.user_id,
            Side.CLIENT,
            "Gladly.",
            Audience.BOTH,
            s.offer_id,
        )
        assert await s.topics() == ["partnership.offered", "partnership.accepted"]


@pytest.mark.usefixtures("database", "clock")
class TestEnds:
    @pytest.mark.parametrize(
        ("verb", "status", "partnership_status"),
        [
            ("decline", ProposalStatus.DECLINED, PartnershipStatus.DECLINED),
            ("withdraw", ProposalStatus.WITHDRAWN, PartnershipStatus.WITHDRAWN),
        ],
    )
    async def test_what_an_offer_held_open_goes_with_it(
        self, clock: ModuleType, verb: str, status: ProposalStatus, partnership_status: PartnershipStatus
    ) -> None:
        s = await scene()
        by = s.owner if verb == "decline" else s.paula
        await VERBS[verb](s.offer_id, by=by)
        offer, partnership = await s.offer(), await s.partnership()
        [lent] = await models.AssignedContact.all()
        assert (offer.status, offer.decided_by_id, offer.decided_at) == (status, by.user_id, clock.now())
        assert (partnership.status, partnership.changed_at) == (partnership_status, clock.now())
        assert (lent.assigned_at, lent.released_at) == (None, clock.now())
        assert await s.topics() == ["partnership.offered", f"partnership.{partnership_status.lower()}"]
        assert await models.AccessGrant.all().count() == 0

    async def test_declining_keeps_the_reason_for_whoever_asked(self) -> None:
        s = await scene()
        await proposals.decline(s.offer_id, by=s.owner, comment="Not this year.")
        declined = await models.Event.get(topic="partnership.declined")
        assert ((await s.offer()).comment, declined.reason) == ("Not this year.", "Not this year.")

    async def test_a_comment_that_cannot_be_shown_is_refused(self) -> None:
        s = await scene()
        for comment in ("a\0b", "x" * 10_001):
            async with refused(UserErrorCode.INVALID, "comment"):
                await proposals.decline(s.offer_id, by=s.owner, comment=comment)

    @pytest.mark.parametrize("verb", ["decline", "withdraw"])
    async def test_the_open_invite_is_cancelled_and_its_link_stops_working(self, clock: ModuleType, verb: str) -> None:
        s = await scene(by_mail=True)
        invite = await models.Proposal.get(kind=ProposalKind.INVITE)
        if verb == "withdraw":
            await proposals.withdraw(s.offer_id, by=s.paula)
        else:
            async with changes.change(by=None) as c:
                closed = await states.close(c, s.offer_id, ProposalStatus.DECLINED, by_user=None)
                await offers.end(c, closed, "decline")
        invite = await models.Proposal.get(id=invite.id)
        link = await models.Link.get(proposal_id=invite.id)
        assert (invite.status, invite.decided_at, invite.decided_by_id) == (ProposalStatus.CANCELLED, clock.now(), None)
        assert link.replaced_at == clock.now()

    async def test_an_ended_offer_never_blocks_a_new_one(self) -> None:
        s = await scene()
        await proposals.decline(s.offer_id, by=s.owner)
        again = await partnerships.offer(
            by=s.paula,
            partner_id=s.partner.id,
            client_id=s.client.id,
            terms={"title": "Again"},
            contact_ids=[s.contact.id],
        )
        assert (await models.Partnership.get(id=again)).status is PartnershipStatus.OFFERED


@pytest.mark.usefixtures("database", "clock")
class TestByMail:
    async def test_nobody_answers_an_offer_before_its_client_has_joined(self) -> None:
        s = await scene(by_mail=True)
        for verb in ("accept", "decline"):
            async with refused(UserErrorCode.NOT_FOUND, "proposalId"):
                await VERBS[verb](s.offer_id, by=s.owner)

    async def test_the_client_that_joins_is_asked_and_sees_what_has_happened(self) -> None:
        s = await scene(by_mail=True)
        await joined(s)
        offer, partnership = await s.offer(), await s.partnership()
        assert (offer.status, offer.to_client_id, offer.email) == (
            ProposalStatus.PENDING,
            s.client.id,
            "new.owner@customer.example",
        )
        assert partnership.client_id == s.client.id
        offered = await models.Event.get(topic="partnership.offered")
        assert offered.client_id == s.client.id

    async def test_1_2_an_offer_by_mail_needs_an_account_to_be_chosen(self) -> None:
        s = await scene(by_mail=True)
        await joined(s)
        nothing: list[list[str] | None] = [None, []]
        for account_ids in nothing:
            async with refused(UserErrorCode.INVALID, "accountIds"):
                await proposals.accept(s.offer_id, by=s.owner, account_ids=account_ids)
        await proposals.accept(s.offer_id, by=s.owner, account_ids=[s.account.id])
        assert await models.AccessGrant.all().count() == 1

    async def test_a_client_that_is_a_partner_already_is_not_brought_in(self) -> None:
        s = await scene(by_mail=True)
        await given.partnership(s.partner, s.client)
        async with refused(UserErrorCode.ALREADY_PARTNERS, "clientId"):
            await joined(s)

    async def test_a_client_with_another_open_offer_is_not_brought_in(self) -> None:
        s = await scene(by_mail=True)
        await partnerships.offer(by=s.paula, partner_id=s.partner.id, client_id=s.client.id, terms={"title": "Other"})
        async with refused(UserErrorCode.ALREADY_PROPOSED, "clientId"):
            await joined(s)

    async def test_a_client_whose_other_offer_is_over_is_brought_in_and_that_one_announced(
        self, clock: ModuleType
    ) -> None:
        first = await scene()
        clock.advance(30 * DAY)
        later = await scene(by_mail=True)
        invite = await models.Proposal.get(kind=ProposalKind.INVITE)
        await models.Proposal.filter(id=later.offer_id).update(from_partner_id=first.partner.id)
        await models.Partnership.filter(id=later.partnership_id).update(partner_id=first.partner.id)
        async with changes.change(by=None) as c:
            await states.close(c, invite.id, ProposalStatus.ACCEPTED, by_user=None)
            await offers.bring_in(c, later.partnership_id, first.client.id)
        assert await first.topics() == ["partnership.offered", "partnership.expired"]

    async def test_the_former_partnership_is_remembered(self) -> None:
        s = await scene(by_mail=True)
        former = await given.partnership(s.partner, s.client, PartnershipStatus.ENDED)
        await joined(s)
        assert (await s.partnership()).previous_id == former.id

    @pytest.mark.parametrize(
        ("verb", "status", "topic"),
        [
            ("decline", ProposalStatus.DECLINED, "partnership.declined"),
            ("withdraw", ProposalStatus.WITHDRAWN, "partnership.withdrawn"),
        ],
    )
    async def test_ending_the_invite_takes_the_offer_with_it_comment_kept(
        self, verb: str, status: ProposalStatus, topic: str
    ) -> None:
        s = await scene(by_mail=True)
        invite = await models.Proposal.get(kind=ProposalKind.INVITE)
        async with changes.change(by=None) as c:
            closed = await states.close(c, invite.id, status, by_user=None, comment="No.")
            await inviting.end(c, closed, verb)
        offer, invite = await s.offer(), await models.Proposal.get(id=invite.id)
        assert (offer.status, offer.comment, invite.status, invite.comment) == (status, "No.", status, "No.")
        assert await s.topics() == ["partnership.offered", topic]
        assert (await models.Event.get(topic=topic)).reason == "No."

    async def test_withdrawing_the_invite_withdraws_the_offer(self) -> None:
        s = await scene(by_mail=True)
        invite = await models.Proposal.get(kind=ProposalKind.INVITE)
        assert await proposals.withdraw(invite.id, by=s.paula) == invite.id
        assert (await s.offer()).status is ProposalStatus.WITHDRAWN
        assert (await s.partnership()).status is PartnershipStatus.WITHDRAWN


@pytest.mark.usefixtures("database", "clock")
class TestInvites:
    """Those into a company: asked by the vendor, answered by link."""

    async def invite(self, by: Seat, partner: models.Partner) -> str:
        async with changes.change(by=by) as c:
            return await inviting.send(
                c,
                InviteKind.PARTNER_ADMIN,
                email="ada@northwind.example",
                name="Ada",
                expires_at=c.now + 7 * DAY,
                partner_id=partner.id,
            )

    async def test_an_invite_is_written_with_its_link_and_event(self, clock: ModuleType) -> None:
        partner, vendor = await given.partner(), await given.admin()
        invite = await models.Proposal.get(id=await self.invite(vendor, partner))
        assert {column: value for column, value in columns(invite).items() if value not in (None, 0)} == {
            "id": invite.id,
            "kind": ProposalKind.INVITE,
            "status": ProposalStatus.PENDING,
            "version": 1,
            "proposed_by_id": vendor.user_id,
            "proposed_by_side": Side.VENDOR,
            "proposed_at": clock.now(),
            "expires_at": clock.now() + 7 * DAY,
            "email": "ada@northwind.example",
            "invite_kind": InviteKind.PARTNER_ADMIN,
            "partner_id": partner.id,
            "name": "Ada",
            "sent_at": clock.now(),
            "created_at": clock.now(),
        }
        link = await models.Link.get(proposal_id=invite.id)
        assert (link.purpose, link.email, link.expires_at) == (LinkPurpose.INVITE, invite.email, invite.expires_at)
        event = await models.Event.get(topic="invite.sent")
        assert (event.stream, event.proposal_id, event.partner_id, event.client_id, event.visible_to) == (
            partner.id,
            invite.id,
            partner.id,
            None,
            Audience.BOTH,
        )

    async def test_an_invite_is_answered_by_its_link_alone(self) -> None:
        partner, vendor = await given.partner(), await given.admin()
        invite_id = await self.invite(vendor, partner)
        member = await given.member(partner, PartnerMemberRole.ADMIN)
        for by in (vendor, member):
            for verb in ("accept", "decline"):
                async with refused(UserErrorCode.FORBIDDEN, "proposalId"):
                    await VERBS[verb](invite_id, by=by)

    async def test_only_who_asked_and_the_company_s_admin_take_an_invite_back(self) -> None:
        partner, vendor = await given.partner(), await given.admin()
        invite_id = await self.invite(vendor, partner)
        member = await given.member(partner)
        foreign = await given.member(await given.partner("Southwind"), PartnerMemberRole.ADMIN)
        for verb in ("withdraw", "remind"):
            async with refused(UserErrorCode.FORBIDDEN, "proposalId"):
                await VERBS[verb](invite_id, by=member)
            async with refused(UserErrorCode.NOT_FOUND, "proposalId"):
                await VERBS[verb](invite_id, by=foreign)
        await proposals.withdraw(invite_id, by=vendor)
        assert (await models.Proposal.get(id=invite_id)).status is ProposalStatus.WITHDRAWN
        assert (await models.Link.get(proposal_id=invite_id)).replaced_at == clock.now()
        assert (await models.Event.get(topic="invite.withdrawn")).proposal_id == invite_id

    async def test_an_owners_invite_is_told_to_the_client(self) -> None:
        account = await given.account(await given.client())
        async with changes.change(by=await given.admin()) as c:
            await inviting.send(
                c,
                InviteKind.ACCOUNT_OWNER,
                email="clara@harbour.example",
                name="Clara",
                expires_at=c.now + 7 * DAY,
                account_id=account.id,
                role=SecurityRole.ACCOUNT_OWNER,
            )
        event = await models.Event.get(topic="invite.sent")
        assert (event.stream, event.account_id, event.client_id, event.partner_id) == (
            account.id,
            account.id,
            account.client_id,
            None,
        )


@pytest.mark.usefixtures("database", "clock")
class TestRemind:
    async def test_at_most_once_an_hour(self, clock: ModuleType) -> None:
        s = await scene()
        clock.advance(HOUR - timedelta(microseconds=1))
        async with refused(UserErrorCode.RATE_LIMITED, "proposalId"):
            await proposals.remind(s.offer_id, by=s.paula)
        clock.advance(timedelta(microseconds=1))
        await proposals.remind(s.offer_id, by=s.paula)
        async with refused(UserErrorCode.RATE_LIMITED, "proposalId"):
            await proposals.remind(s.offer_id, by=s.admin)
        assert await s.topics() == ["partnership.offered", "partnership.reminded"]

    async def test_it_changes_nothing_that_the_other_side_decides_on(self, clock: ModuleType) -> None:
        s = await scene()
        clock.advance(HOUR)
        await proposals.remind(s.offer_id, by=s.paula)
        await proposals.accept(s.offer_id, by=s.owner, expected_version=1)

    @pytest.mark.parametrize("of", ["offer", "invite"])
    async def test_the_link_is_new_and_the_old_one_stops_working(self, clock: ModuleType, of: str) -> None:
        s = await scene(by_mail=True)
        invite = await models.Proposal.get(kind=ProposalKind.INVITE)
        before = await models.Link.get(proposal_id=invite.id)
        clock.advance(HOUR)
        await proposals.remind(s.offer_id if of == "offer" else invite.id, by=s.paula)
        old, new = await models.Link.filter(proposal_id=invite.id).order_by("version")
        assert (old.id, old.replaced_at, new.replaced_at, new.version) == (before.id, clock.now(), None, 2)
        assert (new.email, new.expires_at) == (before.email, before.expires_at)
        assert tokens.of_link(new) != tokens.of_link(old)
        # The offer and its invite are one mail.
        for other in (s.offer_id, invite.id):
            async with refused(UserErrorCode.RATE_LIMITED, "proposalId"):
                await proposals.remind(other, by=s.paula)
        assert await s.topics() == ["partnership.offered", "partnership.reminded"]

    async def test_whoever_has_joined_is_reminded_without_a_link(self, clock: ModuleType) -> None:
        s = await scene(by_mail=True)
        await joined(s)
        clock.advance(HOUR)
        links = await models.Link.all().count()
        await proposals.remind(s.offer_id, by=s.paula)
        assert await models.Link.all().count() == links


@pytest.mark.usefixtures("database", "clock")
class TestTime:
    async def test_5_1a_an_expired_offer_is_announced_once_and_lets_go(self, clock: ModuleType) -> None:
        s = await scene(by_mail=True)
        clock.advance(30 * DAY - timedelta(microseconds=1))
        before = await everything()
        assert await proposals.expire_due(clock.now()) == 0
        assert await everything() == before
        clock.advance(timedelta(microseconds=1))
        assert await proposals.expire_due(clock.now()) == 1
        assert await proposals.expire_due(clock.now()) == 0
        offer, partnership = await s.offer(), await s.partnership()
        invite = await models.Proposal.get(kind=ProposalKind.INVITE)
        [lent] = await models.AssignedContact.all()
        assert (offer.status, partnership.status, invite.status) == (
            ProposalStatus.EXPIRED,
            PartnershipStatus.EXPIRED,
            ProposalStatus.EXPIRED,
        )
        assert lent.released_at == clock.now()
        assert await s.topics() == ["partnership.offered", "partnership.expired"]
        expired = await models.Event.get(topic="partnership.expired")
        assert (expired.actor_id, expired.side, expired.at) == (None, None, clock.now())

    async def test_5_1a_announcing_changes_nothing_that_is_read(self, clock: ModuleType) -> None:
        s = await scene()
        clock.advance(31 * DAY)
        silent, was = await s.offer(), await s.partnership()
        await proposals.expire_due(clock.now())
        announced, now = await s.offer(), await s.partnership()
        assert (announced.version, announced.decided_at, announced.comment) == (silent.version, None, None)
        assert (now.version, now.changed_at, now.expires_at) == (was.version, was.changed_at, was.expires_at)
        for verb in ("accept", "decline"):
            async with refused(UserErrorCode.EXPIRED, "proposalId"):
                await VERBS[verb](s.offer_id, by=s.owner)

    async def test_an_expired_invite_is_announced_and_its_link_stops_working(self, clock: ModuleType) -> None:
        partner, vendor = await given.partner(), await given.admin()
        invite_id = await TestInvites().invite(vendor, partner)
        clock.advance(7 * DAY)
        assert await proposals.expire_due(clock.now()) == 1
        assert (await models.Proposal.get(id=invite_id)).status is ProposalStatus.EXPIRED
        assert (await models.Event.get(topic="invite.expired")).proposal_id == invite_id
        assert (await models.Link.get(proposal_id=invite_id)).replaced_at is None

    async def test_a_batch_is_settled_at_a_time(self, clock: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(proposals, "SWEEP", 2)
        for _ in range(3):
            await scene()
        clock.advance(31 * DAY)
        assert [await proposals.expire_due(clock.now()) for _ in range(3)] == [2, 1, 0]
        assert await models.Event.filter(topic="partnership.expired").count() == 3

    async def test_5_3_whoever_has_not_answered_is_reminded_after_3_and_7_days_each_once(
        self, clock: ModuleType
    ) -> None:
        s = await scene()
        reminded = []
        for _ in range(30):
            clock.advance(DAY)
            reminded.append(await proposals.remind_due(clock.now()) + await proposals.remind_due(clock.now()))
        assert [day for day, count in enumerate(reminded, start=1) if count] == [3, 7]
        assert sum(reminded) == 2
        assert await s.topics() == ["partnership.offered", "partnership.reminded", "partnership.reminded"]

    async def test_5_3_two_reminders_that_are_due_at_once_are_one(self, clock: ModuleType) -> None:
        await scene()
        clock.advance(8 * DAY)
        assert [await proposals.remind_due(clock.now()) for _ in range(2)] == [1, 0]

    async def test_5_3_a_sweep_reads_what_is_due_and_not_all_that_waits(self, dialect: Dialect) -> None:
        connection = get_connection("default")
        since = {f"since_{reminded}": clock.now() for reminded in range(len(proposals.REMINDERS))}
        statement, values = sql.bind(proposals._WAITING, {"at": clock.now(), "batch": 1, **since}, dialect)
        explain = "explain query plan" if dialect is Dialect.SQLITE else "explain"
        if dialect is Dialect.POSTGRES:  # which would rather read the whole of an empty table
            await connection.execute_script("set local enable_seqscan = off")
        plan = str(await connection.execute_query_dict(f"{explain} {statement}", values))
        assert plan.count("proposal_to_remind_of") == len(proposals.REMINDERS)

    async def test_5_3_an_offer_by_mail_is_reminded_of_once_with_the_link_it_has(self, clock: ModuleType) -> None:
        await scene(by_mail=True)
        clock.advance(3 * DAY)
        assert await proposals.remind_due(clock.now()) == 1
        [link] = await models.Link.all()
        assert link.replaced_at is None

    @pytest.mark.parametrize("verb", ["accept", "decline", "withdraw"])
    async def test_5_3_nobody_is_reminded_of_what_is_decided(self, clock: ModuleType, verb: str) -> None:
        s = await scene()
        await VERBS[verb](s.offer_id, by=s.owner if verb in ANSWERS else s.paula)
        clock.advance(8 * DAY)
        assert await proposals.remind_due(clock.now()) == 0


@pytest.mark.usefixtures("database", "clock")
class TestOnce:
    async def accepted(self, s: Scene, key: str) -> Outcome:
        async def verb() -> Outcome:
            return {"id": await proposals.accept(s.offer_id, by=s.owner)}

        token = changes.idempotency.set(Request(s.owner.session_id, key, "hash"))
        try:
            return await changes.once("proposalAccept", verb)
        finally:
            changes.idempotency.reset(token)

    async def test_p3_accepting_twice_with_one_key_is_one_answer_and_no_second_event(self) -> None:
        s = await scene()
        answers = [await self.accepted(s, "one key") for _ in range(2)]
        assert answers == [{"id": s.offer_id}] * 2
        assert await s.topics() == ["partnership.offered", "partnership.accepted"]

    async def test_accepting_again_with_another_key_is_the_wrong_state(self) -> None:
        s = await scene()
        await self.accepted(s, "one key")
        with pytest.raises(Refusal) as caught:
            await self.accepted(s, "another key")
        assert caught.value.code is UserErrorCode.WRONG_STATE
        assert await s.topics() == ["partnership.offered", "partnership.accepted"]


@pytest.mark.usefixtures("committed")
class TestAtOnce:
    async def test_of_two_answers_at_once_one_counts(self) -> None:
        s = await scene()
        answers = await asyncio.gather(
            *(proposals.accept(s.offer_id, by=s.owner, account_ids=[s.account.id]) for _ in range(4)),
            *(proposals.decline(s.offer_id, by=s.owner) for _ in range(4)),
            *(proposals.withdraw(s.offer_id, by=s.paula) for _ in range(4)),
            return_exceptions=True,
        )
        assert [answer for answer in answers if not isinstance(answer, Refusal)] == [s.offer_id]
        codes = {answer.code for answer in answers if isinstance(answer, Refusal)}
        assert codes == {UserErrorCode.WRONG_STATE}
        assert len(await s.topics()) == 2 + await models.AccessGrant.all().count()

    async def test_an_invite_and_its_offer_answered_at_once_do_not_lock_each_other_out(self) -> None:
        for _ in range(10):
            s = await scene(by_mail=True)
            invite = await models.Proposal.get(partnership_id=s.partnership_id, kind=ProposalKind.INVITE)
            answers = await asyncio.gather(
                proposals.withdraw(invite.id, by=s.paula),
                proposals.withdraw(s.offer_id, by=s.paula),
                proposals.remind(s.offer_id, by=s.paula),
                joined(s),
                return_exceptions=True,
            )
            assert all(isinstance(answer, (str, Refusal)) for answer in answers), answers
            assert sum(isinstance(answer, str) for answer in answers) in {1, 2}
            assert len(await s.topics()) == 2

    async def test_of_two_reminders_at_once_one_is_sent(self) -> None:
        s = await scene(by_mail=True)
        await models.Proposal.all().update(sent_at=None)
        answers = await asyncio.gather(
            *(proposals.remind(s.offer_id, by=s.paula) for _ in range(5)), return_exceptions=True
        )
        assert sum(answer == s.offer_id for answer in answers) == 1
        assert await models.Link.filter(replaced_at=None).count() == 1

    async def test_of_two_sweeps_at_once_each_expiry_is_announced_by_one(self) -> None:
        for _ in range(5):
            await scene()
        late = clock.now() + 31 * DAY
        with clock.frozen_at(late):
            counts = await asyncio.gather(*(proposals.expire_due(late) for _ in range(4)))
        assert sum(counts) == 5
        assert await models.Event.filter(topic="partnership.expired").count() == 5
