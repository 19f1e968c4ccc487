"""Each event's notices: to whose seats, and whether they ask for something (mission 5.1)."""

from datetime import timedelta
from types import ModuleType

import pytest

from domain import changes, contacts, managers, modifications, moves, notices, partners, proposals
from domain.seats import Seat
from models.contact import Contact
from models.enums import (
    InviteKind,
    NoticeChannel,
    NoticeUrgency,
    PartnerMemberRole,
    PartnershipStatus,
    ProposalStatus,
    SecurityRole,
    Side,
    UserErrorCode,
)
from models.event import Event
from models.notice import Notice
from models.partnership import Partnership
from models.proposal import Proposal
from models.seat import Seat as SeatRow
from models.user import User
from outbox import routes
from tests import given
from tests.domain.refusals import refused
from tests.outbox import scenes
from tests.outbox.scenes import CLARA, PAULA

pytestmark = pytest.mark.usefixtures("database", "data_dir", "clock")

INFO, ACTION = NoticeUrgency.INFO, NoticeUrgency.ACTION
MONTH = timedelta(days=31)


async def noticed() -> list[tuple[str, str, NoticeUrgency]]:
    """Publish what has happened; every notice so far by its person: who, of what, how urgent."""
    await scenes.drain()
    rows = await Notice.all().select_related("seat__user", "event").order_by("pos", "id")
    return sorted((row.seat.user.name, row.event.topic, row.urgency) for row in rows)


async def all_of(topic: str) -> list[Notice]:
    await scenes.drain()
    return await Notice.filter(event__topic=topic).order_by("id")


# ── the table is complete ──


def test_every_topic_has_its_row_and_every_rule_is_used() -> None:
    assert set(routes.NOTICES) == set(moves.TOPICS)
    assert {rule for row in routes.NOTICES.values() for _, rule in row} == set(routes.Addressees)
    assert set(routes._SEATS) == set(routes.Addressees)


# ── offers ──


async def test_4_1_an_offer_asks_the_owners_of_the_client_and_nobody_else() -> None:
    who = await scenes.companies()
    await given.staff(who.account, SecurityRole.STAFF, await given.user("Stan Staff"))
    offer_id = await scenes.offer_to_client(who)
    [notice] = await all_of("partnership.offered")
    assert (notice.seat_id, notice.urgency, notice.proposal_id) == (who.clara.id, ACTION, offer_id)
    assert (notice.read_at, notice.acknowledged_at) == (None, None)
    assert notice.pos == (await Event.get(id=notice.event_id)).pos


@pytest.mark.parametrize("verb", ["accept", "decline"])
async def test_5_3_the_proposer_is_told_of_the_answer(verb: str) -> None:
    who = await scenes.companies()
    offer_id = await scenes.offer_to_client(who)
    answer = {"accept": proposals.accept, "decline": proposals.decline}[verb]
    await answer(offer_id, by=who.clara)
    topic = {"accept": "partnership.accepted", "decline": "partnership.declined"}[verb]
    assert await noticed() == [
        ("Clara Client", "partnership.offered", ACTION),
        ("Paula Partner", topic, INFO),
    ]


async def test_5_3_the_proposer_is_told_that_nobody_answered(clock: ModuleType) -> None:
    who = await scenes.companies()
    await scenes.offer_to_client(who)
    clock.advance(MONTH)
    assert ("Paula Partner", "partnership.expired", INFO) in await noticed()


async def test_5_3_whoever_withdraws_is_told_nothing_and_those_who_were_asked_are() -> None:
    who = await scenes.companies()
    await proposals.withdraw(await scenes.offer_to_client(who), by=who.paula)
    assert await noticed() == [
        ("Clara Client", "partnership.offered", ACTION),
        ("Clara Client", "partnership.withdrawn", INFO),
    ]


async def test_5_3_the_proposer_is_told_of_what_a_colleague_withdrew() -> None:
    who = await scenes.companies()
    offer_id = await scenes.offer_to_client(who)
    await proposals.withdraw(offer_id, by=await given.member(who.partner, user=await given.user("Cole League")))
    assert ("Paula Partner", "partnership.withdrawn", INFO) in await noticed()


async def test_5_3_where_the_proposer_has_left_the_company_s_admin_is_told() -> None:
    who = await scenes.companies()
    cole = await given.member(who.partner, user=await given.user("Cole League"))
    offer_id = await scenes.offer_to_client(who)
    await Proposal.filter(id=offer_id).update(proposed_by_id=cole.user_id)
    await SeatRow.filter(id=cole.id).update(ended_at=scenes.START)
    await proposals.decline(offer_id, by=who.clara)
    assert ("Paula Partner", "partnership.declined", INFO) in await noticed()


async def test_5_3_where_the_proposer_has_left_the_client_s_account_owners_are_told() -> None:
    who = await scenes.companies()
    stan = await given.staff(who.account, SecurityRole.STAFF, await given.user("Stan Staff"))
    partnership_id = await scenes.work_together(who)
    asked = await scenes.propose(stan, partnership_id, terms={"title": "Shop and garden care"})
    await noticed()
    await SeatRow.filter(id=stan.id).update(ended_at=scenes.START)
    await proposals.decline(asked, by=who.paula, comment="Not this year.")
    assert [row for row in await noticed() if row[1] == "partnership.modification.declined"] == [
        ("Clara Client", "partnership.modification.declined", INFO)
    ]


async def test_4_7_who_asked_is_told_of_the_end_that_a_colleague_put_to_it() -> None:
    who = await scenes.companies()
    cole = await given.member(who.partner, user=await given.user("Cole League"))
    await given.member(who.partner, user=await given.user("Pia Partner"))
    partnership_id = await scenes.work_together(who)
    await scenes.propose(cole, partnership_id, terms={"title": "Shop and garden care"})
    await scenes.end(who.paula, partnership_id)
    assert [row for row in await noticed() if row[1] == "partnership.ended"] == [
        ("Clara Client", "partnership.ended", INFO),
        ("Cole League", "partnership.ended", INFO),
    ]


async def test_a_reminder_asks_anew(clock: ModuleType) -> None:
    who = await scenes.companies()
    await scenes.offer_to_client(who)
    clock.advance(timedelta(days=3))
    assert ("Clara Client", "partnership.reminded", ACTION) in await noticed()


# ── partnerships ──


async def of_the_partnership() -> list[tuple[str, str, NoticeUrgency]]:
    """What all are told of a partnership since it began."""
    began = {"partnership.offered", "partnership.accepted"}
    return [row for row in await noticed() if row[1] not in began]


async def at_work() -> tuple[scenes.Companies, str]:
    """Let Northwind, where Cole works too, and Harbour Foods, where Stan does, work together: they, and where."""
    who = await scenes.companies()
    await given.member(who.partner, user=await given.user("Cole League"))
    await given.staff(who.account, SecurityRole.STAFF, await given.user("Stan Staff"))
    return who, await scenes.work_together(who)


async def test_4_3_a_modification_asks_everybody_of_the_other_side() -> None:
    who, partnership_id = await at_work()
    asked = await scenes.propose(who.paula, partnership_id, terms={"title": "Shop and garden care"})
    topic = "partnership.modification.submitted"
    assert await of_the_partnership() == [("Clara Client", topic, ACTION), ("Stan Staff", topic, ACTION)]
    assert {notice.proposal_id for notice in await all_of(topic)} == {asked}


async def test_4_4_a_counter_asks_everybody_of_the_side_that_had_asked() -> None:
    who, partnership_id = await at_work()
    asked = await scenes.propose(who.clara, partnership_id, terms={"title": "Shop and garden care"})
    counter = await modifications.counter(asked, by=who.paula, message="Rather so.", terms={"title": "Garden care"})
    topic = "partnership.modification.countered"
    assert [row for row in await of_the_partnership() if row[1] == topic] == [
        ("Clara Client", topic, ACTION),
        ("Stan Staff", topic, ACTION),
    ]
    assert {notice.proposal_id for notice in await all_of(topic)} == {counter}


async def test_4_5_the_other_side_is_told_that_a_team_changed_and_one_s_own_nothing() -> None:
    who, partnership_id = await at_work()
    contact = await given.contact(who.client)
    await managers.add(by=who.clara, partnership_id=partnership_id, contact_ids=[contact.id])
    topic = "partnership.team_changed"
    assert await of_the_partnership() == [("Cole League", topic, INFO), ("Paula Partner", topic, INFO)]
    [event] = await Event.filter(topic=topic)
    assert (event.subject, event.changes) == (partnership_id, [])


async def test_4_8_the_other_side_is_told_of_a_company_s_new_details() -> None:
    who, _ = await at_work()
    await partners.update(by=who.paula, partner_id=who.partner.id, details={"phone": "+43 1"})
    topic = "partnership.company_updated"
    assert await of_the_partnership() == [("Clara Client", topic, INFO), ("Stan Staff", topic, INFO)]


async def test_4_7_both_sides_are_told_of_an_end_by_the_vendor() -> None:
    _, partnership_id = await at_work()
    await scenes.end(await given.admin(), partnership_id)
    everybody = ["Clara Client", "Cole League", "Paula Partner", "Stan Staff"]
    assert await of_the_partnership() == [(name, "partnership.ended", INFO) for name in everybody]


# ── invites ──


async def test_5_3_whoever_invited_is_told_of_the_outcome(clock: ModuleType) -> None:
    who = await scenes.companies()
    vera = await given.admin()
    await scenes.invite(vera, who.partner)
    clock.advance(MONTH)
    assert await noticed() == [("Vera Vendor", "invite.expired", INFO)]


async def test_5_3_whoever_invited_is_told_of_what_a_colleague_withdrew() -> None:
    who = await scenes.companies()
    invite_id = await scenes.invite(await given.admin(), who.partner)
    await proposals.withdraw(invite_id, by=await given.admin("Vic Vendor"))
    assert await noticed() == [("Vera Vendor", "invite.withdrawn", INFO)]


async def test_5_3_where_the_inviter_has_left_the_company_s_admin_is_told(clock: ModuleType) -> None:
    who = await scenes.companies()
    cole = await given.member(who.partner, user=await given.user("Cole League"))
    invite_id = await scenes.invite(cole, who.partner)
    await Proposal.filter(id=invite_id).update(from_partner_id=who.partner.id)
    await SeatRow.filter(id=cole.id).update(ended_at=scenes.START)
    clock.advance(MONTH)
    assert await noticed() == [("Paula Partner", "invite.expired", INFO)]


async def test_an_offer_s_own_invite_is_told_of_by_the_offer(clock: ModuleType) -> None:
    who = await scenes.companies()
    await scenes.offer_to_address(who)
    assert await Proposal.exists(invite_kind=InviteKind.PARTNERSHIP)
    clock.advance(MONTH)
    assert await noticed() == [("Paula Partner", "partnership.expired", INFO)]


# ── what is muted ──


async def test_5_1_a_muted_topic_makes_no_notice_in_the_portal_and_still_a_mail() -> None:
    who = await scenes.companies()
    await notices.set_preference("partnership.offered", [NoticeChannel.EMAIL], by=who.clara)
    await scenes.offer_to_client(who)
    assert [str(mail["To"]) for mail in await scenes.drain()] == [CLARA]
    assert await noticed() == []


async def test_5_1_a_topic_muted_by_mail_still_makes_its_notice() -> None:
    who = await scenes.companies()
    await notices.set_preference("partnership.offered", [NoticeChannel.PORTAL], by=who.clara)
    offer_id = await scenes.offer_to_client(who)
    assert await scenes.drain() == []
    await proposals.decline(offer_id, by=who.clara)
    assert [str(mail["To"]) for mail in await scenes.drain()] == [PAULA]
    assert await noticed() == [
        ("Clara Client", "partnership.offered", ACTION),
        ("Paula Partner", "partnership.declined", INFO),
    ]


async def test_5_1_what_one_mutes_for_one_company_is_heard_for_another() -> None:
    who = await scenes.companies()
    other = await given.client("Island Hotel")
    elsewhere = await given.staff(
        await given.account(other), SecurityRole.ACCOUNT_OWNER, await User.get(id=who.clara.user_id)
    )
    await notices.set_preference("partnership.offered", [], by=elsewhere)
    await scenes.offer_to_client(who)
    assert [str(mail["To"]) for mail in await scenes.drain()] == [CLARA]
    assert await noticed() == [("Clara Client", "partnership.offered", ACTION)]


# ── security ──


async def test_5_1_whoever_changes_a_password_is_told_in_every_seat() -> None:
    user = await given.user("Clara Client")
    for _ in range(2):
        await given.staff(await given.account(await given.client()), SecurityRole.ACCOUNT_OWNER, user)
    seats = await SeatRow.filter(user_id=user.id)
    async with changes.change(by=scenes.Person(user.id, Side.CLIENT)) as c:
        c.event("password.changed", stream=user.id)
    assert sorted(notice.seat_id for notice in await all_of("password.changed")) == sorted(seat.id for seat in seats)


async def test_a_seat_that_has_ended_gets_no_notice() -> None:
    who = await scenes.companies()
    await SeatRow.filter(id=who.clara.id).update(ended_at=scenes.START)
    await scenes.offer_to_client(who)
    assert await noticed() == []


# ── a contact's changes (mission 0.9) ──


async def changed_contact(who: scenes.Companies) -> Contact:
    """Let Clara change a contact of Harbour Foods, for which Northwind works."""
    await given.partnership(who.partner, who.client, PartnershipStatus.ACTIVE)
    contact = await given.contact(who.client)
    await contacts.update(by=who.clara, contact_id=contact.id, phone="+43 1")
    return contact


async def test_0_9_a_contact_that_its_client_changed_asks_the_partner_to_take_note() -> None:
    who = await scenes.companies()
    contact = await changed_contact(who)
    [notice] = await all_of("contact.updated")
    event = await Event.get(id=notice.event_id)
    assert (notice.seat_id, notice.urgency, notice.proposal_id) == (who.paula.id, ACTION, None)
    assert event.subject == contact.id
    assert event.changes == [{"field": "phone", "before": None, "after": None}]


async def test_0_9_a_contact_that_a_partner_changed_asks_the_client_s_other_partners() -> None:
    who = await scenes.companies()
    other = await given.partner("Southwind")
    oscar = await given.member(other, user=await given.user("Oscar Other"))
    contact = await given.contact(who.client)
    for partner in (who.partner, other):
        await given.partnership(partner, who.client, PartnershipStatus.ACTIVE)
    await contacts.update(by=oscar, contact_id=contact.id, phone="+43 1")
    assert await noticed() == [("Paula Partner", "contact.updated", ACTION)]


async def test_0_9_a_former_partner_is_not_told() -> None:
    who = await scenes.companies()
    await changed_contact(who)
    await noticed()
    await Partnership.all().update(status=PartnershipStatus.ENDED)
    contact = await Contact.get()
    await contacts.update(by=who.clara, contact_id=contact.id, phone="+43 2")
    assert await noticed() == [("Paula Partner", "contact.updated", ACTION)]


async def test_3_0_a_client_partner_learns_nothing_of_a_customer_s_contacts() -> None:
    who = await scenes.companies()
    broker = await given.client_partner("Harrow Brokers")
    await given.member(broker, PartnerMemberRole.ADMIN, await given.user("Hanna Harrow"))
    await given.engaged(await given.project(who.account), broker)
    contact = await given.contact(who.client)
    await contacts.update(by=who.clara, contact_id=contact.id, name="Nora New")
    assert await noticed() == []
    assert [event.partner_id for event in await Event.all()] == [None]


async def test_0_9_what_nobody_acknowledges_is_reminded_of_after_3_and_after_7_days_and_never_again(
    clock: ModuleType,
) -> None:
    who = await scenes.companies()
    await given.member(who.partner, user=await given.user("Cole League"))
    await changed_contact(who)
    reminders = []
    await noticed()
    for days in (2, 1, 1, 3, 30):
        clock.advance(timedelta(days=days))
        reminders.append([row for row in await noticed() if row[1] == "notice.reminded"])
    both = [("Cole League", "notice.reminded", INFO), ("Paula Partner", "notice.reminded", INFO)]
    assert reminders == [[], both, both, sorted(both * 2), sorted(both * 2)]


async def test_0_9_two_reminders_that_are_due_at_once_are_one(clock: ModuleType) -> None:
    who = await scenes.companies()
    await changed_contact(who)
    await noticed()
    clock.advance(timedelta(days=8))
    assert [row for row in await noticed() if row[1] == "notice.reminded"] == [
        ("Paula Partner", "notice.reminded", INFO)
    ]


async def test_0_9_what_was_acknowledged_is_not_reminded_of(clock: ModuleType) -> None:
    who = await scenes.companies()
    await changed_contact(who)
    [notice] = await all_of("contact.updated")
    await notices.acknowledge(notice.id, by=who.paula)
    clock.advance(timedelta(days=8))
    assert [row for row in await noticed() if row[1] == "notice.reminded"] == []


# ── verbs ──


async def two_notices() -> tuple[Seat, Seat, Notice, Notice]:
    """An ACTION notice of Paula's about a change, and one of Clara's about an offer."""
    who = await scenes.companies()
    await scenes.offer_to_client(who)
    await proposals.accept((await Proposal.get()).id, by=who.clara)
    contact = await given.contact(who.client)
    await contacts.update(by=who.clara, contact_id=contact.id, phone="+43 1")
    [change], [offer] = await all_of("contact.updated"), await all_of("partnership.offered")
    return who.paula, who.clara, change, offer


async def test_5_1_a_notice_is_read_once(clock: ModuleType) -> None:
    paula, _, change, _ = await two_notices()
    assert await notices.unread(paula) == 2
    await notices.mark_read(change.id, by=paula)
    clock.advance(timedelta(hours=1))
    await notices.mark_read(change.id, by=paula)
    assert (await Notice.get(id=change.id)).read_at == scenes.START
    assert await notices.unread(paula) == 1


async def test_5_1_all_up_to_a_position_are_read_and_no_later_and_nobody_else_s() -> None:
    paula, clara, change, _ = await two_notices()
    await notices.mark_all_read(change.pos - 1, by=paula)
    assert await notices.unread(paula) == 1
    await notices.mark_all_read(change.pos, by=paula)
    assert (await notices.unread(paula), await notices.unread(clara)) == (0, 1)


async def test_5_1_acknowledging_closes_it_for_the_company_once(clock: ModuleType) -> None:
    who = await scenes.companies()
    cole = await given.member(who.partner, user=await given.user("Cole League"))
    await changed_contact(who)
    mine, theirs = sorted(await all_of("contact.updated"), key=lambda notice: notice.seat_id != cole.id)
    await notices.acknowledge(mine.id, by=cole)
    clock.advance(timedelta(hours=1))
    await notices.acknowledge(theirs.id, by=who.paula)
    assert [row.acknowledged_at for row in await all_of("contact.updated")] == [scenes.START] * 2
    [event] = await Event.filter(topic="notice.acknowledged")
    assert (event.actor_id, event.subject, event.visible_to) == (cole.user_id, (await Contact.get()).id, "PARTNER")


async def test_5_1_what_a_proposal_asks_is_closed_by_its_answer_alone() -> None:
    _, clara, _, offer = await two_notices()
    async with refused(UserErrorCode.WRONG_STATE, "noticeId"):
        await notices.acknowledge(offer.id, by=clara)
    assert (await Proposal.get()).status is ProposalStatus.ACCEPTED


async def test_5_1_what_asks_for_nothing_is_not_acknowledged() -> None:
    paula, _, _, _ = await two_notices()
    [told] = await all_of("partnership.accepted")
    async with refused(UserErrorCode.WRONG_STATE, "noticeId"):
        await notices.acknowledge(told.id, by=paula)


@pytest.mark.parametrize("verb", [notices.mark_read, notices.acknowledge])
async def test_a_notice_of_another_seat_does_not_exist(verb: object) -> None:
    paula, clara, change, offer = await two_notices()
    for notice, seat in ((change, clara), (offer, paula)):
        async with refused(UserErrorCode.NOT_FOUND, "noticeId"):
            await verb(notice.id, by=seat)  # type: ignore[operator]  # either verb


@pytest.mark.parametrize("topic", ["partnership.unheard_of", "password.changed", "grant.connected"])
async def test_5_1_what_is_unknown_or_about_access_or_security_is_not_muted(topic: str) -> None:
    who = await scenes.companies()
    async with refused(UserErrorCode.INVALID, "topic"):
        await notices.set_preference(topic, [], by=who.paula)


async def test_5_1_the_last_preference_counts() -> None:
    who = await scenes.companies()
    for channels in ([], [NoticeChannel.EMAIL], list(NoticeChannel)):
        await notices.set_preference("partnership.offered", channels, by=who.clara)
    await scenes.offer_to_client(who)
    assert await noticed() == [("Clara Client", "partnership.offered", ACTION)]


# ── webhooks ──


@pytest.mark.parametrize("owner", ["partner", "client", "vendor"])
async def test_5_2_those_who_answer_for_a_company_are_told_that_its_webhook_was_disabled(owner: str) -> None:
    who = await scenes.companies()
    await given.member(who.partner, user=await given.user("Cole League"))
    await given.staff(who.account, SecurityRole.STAFF, await given.user("Stan Staff"))
    await given.admin()
    about: changes.About = {
        "partner": changes.About(partner_id=who.partner.id),
        "client": changes.About(client_id=who.client.id),
        "vendor": changes.About(),
    }[owner]
    async with changes.change(by=None) as c:
        c.event("webhook.disabled", stream="endpoint_1", **about)
    name = {"partner": "Paula Partner", "client": "Clara Client", "vendor": "Vera Vendor"}[owner]
    assert await noticed() == [(name, "webhook.disabled", INFO)]
