"""Each event's mails: to whom, saying what, leading where."""

import dataclasses
import time
from collections import Counter
from datetime import timedelta
from email.message import EmailMessage
from types import ModuleType

import pytest
from tortoise import connections
from tortoise.expressions import F

import settings
from domain import changes, identity, managers, modifications, moves, partnerships, proposals, states, tokens
from mailer import letters, messages
from models import sql
from models.account import StaffMember
from models.contact import Contact
from models.enums import InviteKind, MailStatus, ProposalStatus, SecurityRole
from models.event import Event
from models.link import Link
from models.mail import Mail
from models.partner import Partner, PartnerMember
from models.partnership import Partnership
from models.proposal import Proposal, ProposalItem
from models.seat import Seat as SeatRow
from models.user import User
from outbox import routes
from tests import given
from tests.outbox import scenes
from tests.outbox.scenes import ADDRESS, CLARA, PAULA, headers, html, outline, text

pytestmark = pytest.mark.usefixtures("database", "data_dir", "clock")

HOME = "http://127.0.0.1:8000/"
LATER = timedelta(days=30)


def words_of(*mails: EmailMessage) -> str:
    return "\n".join(text(mail) for mail in mails)


async def link_of(invite_or_user_id: str) -> str:
    """The address that the newest link of an invite or a user opens."""
    found = Link.filter(replaced_at=None, used_at=None)
    key = "user_id" if invite_or_user_id.startswith("user_") else "proposal_id"
    return f"{HOME}l/{tokens.of_link(await found.get(**{key: invite_or_user_id}))}"


async def invite_of(offer_id: str) -> str:
    offer = await Proposal.get(id=offer_id)
    invite = await Proposal.get(partnership_id=offer.partnership_id, invite_kind=InviteKind.PARTNERSHIP)
    return invite.id


# ── the tables are complete ──


def test_every_topic_has_its_row() -> None:
    assert set(routes.TABLE) == set(moves.TOPICS)


def test_every_route_leads_to_a_message_and_every_message_has_a_template_and_a_route() -> None:
    routed = {template for route in routes.TABLE.values() for template, _ in route}
    assert routed == set(messages.MESSAGES)
    pages = {path.name.removesuffix(".j2") for path in letters.TEMPLATES.iterdir()}
    parts = {"layout.txt", "layout.mjml", "offer-facts", "offer-why", "invite-facts", "invite-why"}
    parts |= {"access-facts", "access-asked", "access-why", "access-both"}
    parts |= {"modification-facts", "modification-asked", "modification-why"}
    parts |= {"approval-facts", "project-why", "project-access"}
    assert pages - parts == routed


def test_every_rule_is_used_and_says_what_it_finds() -> None:
    assert {rule for route in routes.TABLE.values() for _, rule in route} == set(routes.Recipients)
    assert set(routes._ROWS) == set(routes.Recipients)


# ── offers to a client ──


async def test_4_1_an_offer_to_a_client_is_mailed_to_its_account_owner() -> None:
    who = await scenes.companies()
    offer_id = await scenes.offer_to_client(who)
    [mail] = await scenes.drain()
    assert outline(mail) == headers(CLARA, "Northwind offers you a partnership: Shop care")
    assert (
        text(mail)
        == f"""\
Northwind would like to work with you

Hello Clara Client,

Paula Partner of Northwind offers Harbour Foods a partnership. It takes effect only if you accept it: until then \
nothing is shared, and nobody gets access to anything of yours.

> Shall we?

* Offer: Shop care * Region: Vienna * Open until: 21 December 2026, 20:46 UTC

Read the offer: {HOME}graphql

If you do nothing, we remind you and the offer ends by itself on 21 December 2026, 20:46 UTC.

-- You get this mail because you own an account of Harbour Foods, and Northwind made the offer to Harbour Foods. \
Questions? Write to support@countersign.example. Countersign"""
    )
    row = await Mail.get()
    assert (row.status, row.attempts, row.link_id, row.cc) == (MailStatus.SENT, 1, None, [])
    assert (await Proposal.get(id=offer_id)).status is ProposalStatus.PENDING


async def test_only_owners_of_today_are_asked_and_each_once(clock: ModuleType) -> None:
    who = await scenes.companies()
    second = await given.account(who.client, "Second shop")
    await StaffMember.create(
        account=second, user_id=who.clara.user_id, role=SecurityRole.ACCOUNT_OWNER, joined_at=clock.now()
    )
    await given.staff(second, SecurityRole.ACCOUNT_OWNER, await given.user("Otto Owner", email="otto@harbour.example"))
    await given.staff(second, SecurityRole.MANAGER, await given.user("Mia Manager"))
    gone = await given.user("Greta Gone")
    await given.staff(second, SecurityRole.ACCOUNT_OWNER, gone)
    await StaffMember.filter(user_id=gone.id).update(removed_at=clock.now())
    erased = await given.user("Emil Erased", email=None)
    await given.staff(second, SecurityRole.ACCOUNT_OWNER, erased)
    stranger = await given.account(await given.client("Stranger"))
    await given.staff(stranger, SecurityRole.ACCOUNT_OWNER)
    await scenes.offer_to_client(who)
    assert [mail["To"] for mail in await scenes.drain()] == [CLARA, "Otto Owner <otto@harbour.example>"]


async def test_with_a_portal_a_mail_leads_to_the_partnership_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_PORTAL_URL", "https://portal.example/app/")
    settings.load.cache_clear()
    who = await scenes.companies()
    await scenes.offer_to_client(who)
    [mail] = await scenes.drain()
    partnership = await Partnership.get()
    assert f"Read the offer: https://portal.example/app/partnerships/{partnership.id}\n" in text(mail)


async def test_5_3_the_proposer_is_told_that_the_offer_was_accepted() -> None:
    who = await scenes.companies()
    offer_id = await scenes.offer_to_client(who)
    await scenes.drain()
    await proposals.accept(offer_id, by=who.clara, account_ids=[who.account.id])
    [mail] = await scenes.drain()
    assert outline(mail) == headers(PAULA, "Harbour Foods accepted your offer: Shop care")
    assert (
        "Clara Client of Harbour Foods accepted “Shop care”. You are partners from now on, and Northwind can open 1 "
        "account of theirs." in text(mail)
    )


async def test_5_3_the_proposer_is_told_that_the_offer_was_declined_and_why_but_not_by_whom() -> None:
    who = await scenes.companies()
    offer_id = await scenes.offer_to_client(who)
    await scenes.drain()
    await proposals.decline(offer_id, by=who.clara, comment="Not this year.\nSorry.")
    [mail] = await scenes.drain()
    assert outline(mail) == headers(PAULA, "Your offer was declined: Shop care")
    assert (
        "“Shop care” was declined. Nothing was shared, and nothing is connected.\n\nThey wrote:\n\n"
        "> Not this year. > Sorry." in text(mail)
    )
    assert "Harbour" not in mail.as_string()
    assert "Clara" not in mail.as_string()


async def test_5_3_the_proposer_is_told_that_nobody_answered(clock: ModuleType) -> None:
    who = await scenes.companies()
    await scenes.offer_to_client(who)
    await scenes.drain()
    clock.advance(LATER)
    told = [mail for mail in await scenes.drain() if mail["To"] == PAULA]
    assert [outline(mail) for mail in told] == [
        headers(PAULA, "Your offer has ended without an answer: Shop care", "Mon, 21 Dec 2026 20:46:00 +0000")
    ]
    assert "“Shop care” was open until 21 December 2026, 20:46 UTC. Nobody answered" in text(told[0])


async def test_5_3_the_other_side_is_told_of_a_withdrawal_and_who_withdrew_is_not() -> None:
    who = await scenes.companies()
    offer_id = await scenes.offer_to_client(who)
    await scenes.drain()
    await proposals.withdraw(offer_id, by=who.paula)
    [mail] = await scenes.drain()
    assert outline(mail) == headers(CLARA, "Northwind has withdrawn its offer: Shop care")
    assert "The partnership “Shop care” that Northwind offered Harbour Foods can no longer be accepted." in text(mail)


async def test_5_3_the_proposer_is_told_that_a_colleague_has_withdrawn_the_offer() -> None:
    who = await scenes.companies()
    colleague = await given.member(who.partner, user=await given.user("Carl Colleague"))
    offer_id = await scenes.offer_to_client(who)
    await scenes.drain()
    await proposals.withdraw(offer_id, by=colleague)
    clara, paula = await scenes.drain()
    assert outline(clara) == headers(CLARA, "Northwind has withdrawn its offer: Shop care")
    assert outline(paula) == headers(PAULA, "Your offer was withdrawn: Shop care")
    assert "Carl Colleague has withdrawn “Shop care” for Northwind. The other side has been told." in text(paula)


async def test_a_proposer_who_has_left_learns_nothing_and_the_partner_admin_is_told_instead(clock: ModuleType) -> None:
    who = await scenes.companies()
    leaver = await given.member(who.partner, user=await given.user("Lea Leaver"))
    offer_id = await scenes.offer_to_client(dataclasses.replace(who, paula=leaver))
    await scenes.drain()
    await PartnerMember.filter(user_id=leaver.user_id).update(removed_at=clock.now())
    await SeatRow.filter(id=leaver.id).update(ended_at=clock.now())
    await proposals.decline(offer_id, by=who.clara)
    assert [mail["To"] for mail in await scenes.drain()] == [PAULA]


async def test_5_3_an_offer_is_reminded_of_after_3_and_7_days_and_each_mail_says_so(clock: ModuleType) -> None:
    who = await scenes.companies()
    await scenes.offer_to_client(who)
    await scenes.drain()
    clock.advance(timedelta(days=3))
    [third] = await scenes.drain()
    clock.advance(timedelta(days=4))
    [seventh] = await scenes.drain()
    subject = "Still open: the partnership that Northwind offers you"
    assert outline(third) == headers(CLARA, subject, "Tue, 24 Nov 2026 20:46:00 +0000")
    assert outline(seventh) == headers(CLARA, subject, "Sat, 28 Nov 2026 20:46:00 +0000")
    assert "On 21 November 2026, 20:46 UTC, Paula Partner of Northwind offered Harbour Foods a partnership." in text(
        third
    )


# ── offers to an address ──


async def test_1_1_an_offer_to_an_address_is_mailed_there_with_a_link_that_nobody_else_gets() -> None:
    who = await scenes.companies()
    offer_id = await scenes.offer_to_address(who)
    [mail] = await scenes.drain()
    assert outline(mail) == headers(ADDRESS, "Northwind offers you a partnership: Shop care")
    link = await link_of(await invite_of(offer_id))
    assert f"Read the offer: {link}\n" in text(mail)
    assert html(mail).count(f'href="{link}"') == 2
    assert "Paula Partner of Northwind offers you a partnership." in text(mail)
    assert "made the offer to jo@island.example. If you do not know them" in text(mail)


async def test_5_3_a_reminder_of_an_offer_to_an_address_carries_the_link_that_is_open(clock: ModuleType) -> None:
    who = await scenes.companies()
    offer_id = await scenes.offer_to_address(who)
    await scenes.drain()
    old = await link_of(await invite_of(offer_id))
    clock.advance(timedelta(hours=2))
    await proposals.remind(offer_id, by=who.paula)
    new = await link_of(await invite_of(offer_id))
    [by_hand] = await scenes.drain()
    clock.advance(timedelta(days=3))
    [by_time] = await scenes.drain()
    assert outline(by_hand) == headers(
        ADDRESS, "Still open: the partnership that Northwind offers you", "Sat, 21 Nov 2026 22:46:00 +0000"
    )
    assert old != new
    assert [new in text(mail) for mail in (by_hand, by_time)] == [True, True]
    assert [old in text(mail) for mail in (by_hand, by_time)] == [False, False]


async def test_the_address_is_told_of_a_withdrawal_and_its_link_is_in_no_mail_any_more() -> None:
    who = await scenes.companies()
    offer_id = await scenes.offer_to_address(who)
    await scenes.drain()
    await proposals.withdraw(offer_id, by=who.paula)
    [mail] = await scenes.drain()
    assert outline(mail) == headers(ADDRESS, "Northwind has withdrawn its offer: Shop care")
    assert "that Northwind offered you can no longer be accepted." in text(mail)
    assert "/l/" not in text(mail) + html(mail)


async def test_the_proposer_reads_of_the_address_as_it_was_written(clock: ModuleType) -> None:
    who = await scenes.companies()
    await scenes.offer_to_address(who)
    await scenes.drain()
    clock.advance(LATER)
    told = [mail for mail in await scenes.drain() if mail["To"] == PAULA]
    assert "“Shop care”, offered to Island Hotel, was open until 21 December 2026, 20:46 UTC." in words_of(*told)


# ── modifications ──


async def test_4_3_a_partners_modification_is_mailed_to_the_clients_account_owner() -> None:
    who = await scenes.companies()
    partnership_id = await scenes.work_together(who)
    hired = [await given.contact(who.partner, name) for name in ("Grace Hopper", "Ann Other")]
    mine = await given.contact(who.client, "Max Mine")
    await lent(partnership_id, mine)
    await scenes.propose(
        who.paula,
        partnership_id,
        "Grace joins us.\nMax may rest.",
        add_contacts=[person.id for person in hired],
        release_contacts=[mine.id],
        terms={"title": "Shop care", "region": "Wien", "description": "More"},
    )
    [mail] = await scenes.drain()
    assert outline(mail) == headers(CLARA, "Northwind proposes changes to your partnership: Shop care")
    assert (
        text(mail)
        == f"""\
Northwind would like to change something

Hello Clara Client,

Paula Partner of Northwind proposes changes to the partnership “Shop care”. They take effect only if Harbour Foods \
accepts them, as a whole or one by one. You can also decline them, or propose others in their place.

Northwind writes:

> Grace joins us. > Max may rest.

* Partnership: Shop care * Between: Northwind and Harbour Foods * Contacts to add: 2 * Contacts to release: 1 \
* Terms to change: 2 * Open until: 21 December 2026, 20:46 UTC

See the changes: {HOME}graphql

If you do nothing, we remind you and the proposal ends by itself on 21 December 2026, 20:46 UTC. The partnership stays \
as it is.

-- You get this mail because you answer for Harbour Foods in its partnership with Northwind. Questions? Write to \
support@countersign.example. Countersign"""
    )
    assert [name in mail.as_string() for name in ("Ann Other", "Max Mine")] == [False, False]


async def lent(partnership_id: str, contact: Contact) -> None:
    partnership = await Partnership.get(id=partnership_id)
    await given.lent_contact(partnership, contact, await Proposal.get(id=partnership.offer_id))


async def test_4_3_a_clients_modification_is_mailed_to_the_partners_admin_and_to_who_made_the_offer(
    clock: ModuleType,
) -> None:
    who = await scenes.companies()
    offerer = await given.member(who.partner, user=await given.user("Olaf Offerer", email="olaf@northwind.example"))
    await given.member(who.partner, user=await given.user("Carl Colleague"))
    partnership_id = await scenes.work_together(dataclasses.replace(who, paula=offerer))
    second = await given.account(who.client, "Second shop")
    await StaffMember.create(
        account=second, user_id=who.clara.user_id, role=SecurityRole.ACCOUNT_OWNER, joined_at=clock.now()
    )
    await scenes.propose(who.clara, partnership_id, add_accounts=[second.id])
    olaf, paula = await scenes.drain()
    subject = "Harbour Foods proposes changes to your partnership: Shop care"
    assert outline(olaf) == headers("Olaf Offerer <olaf@northwind.example>", subject)
    assert outline(paula) == headers(PAULA, subject)
    assert "* Accounts to connect: 1 * Open until" in text(paula)
    assert "because you answer for Northwind in its partnership with Harbour Foods." in text(paula)


async def test_who_made_the_offer_and_has_left_is_not_asked_any_more(clock: ModuleType) -> None:
    who = await scenes.companies()
    leaver = await given.member(who.partner, user=await given.user("Lea Leaver"))
    partnership_id = await scenes.work_together(dataclasses.replace(who, paula=leaver))
    await SeatRow.filter(id=leaver.id).update(ended_at=clock.now())
    await scenes.propose(who.clara, partnership_id, terms={"title": "Shop care", "region": "Wien"})
    assert [mail["To"] for mail in await scenes.drain()] == [PAULA]


async def test_5_3_a_modification_is_reminded_of_after_3_and_7_days(clock: ModuleType) -> None:
    who = await scenes.companies()
    partnership_id = await scenes.work_together(who)
    await scenes.propose(who.clara, partnership_id, terms={"title": "Shop care", "region": "Wien"})
    await scenes.drain()
    clock.advance(timedelta(days=3))
    [third] = await scenes.drain()
    clock.advance(timedelta(days=4))
    [seventh] = await scenes.drain()
    subject = "Still open: the changes that Harbour Foods proposes to “Shop care”"
    assert outline(third) == headers(PAULA, subject, "Tue, 24 Nov 2026 20:46:00 +0000")
    assert outline(seventh) == headers(PAULA, subject, "Sat, 28 Nov 2026 20:46:00 +0000")
    assert "On 21 November 2026, 20:46 UTC, Clara Client of Harbour Foods proposed changes" in text(third)


async def of_three_changes(who: scenes.Companies) -> tuple[str, str]:
    """Let Clara propose three; returns the modification's id and the partnership's."""
    partnership_id = await scenes.work_together(who)
    people = [await given.contact(who.client, name) for name in ("Max Mine", "Mia Mine")]
    modification_id = await scenes.propose(
        who.clara,
        partnership_id,
        add_contacts=[person.id for person in people],
        terms={"title": "Shop care", "region": "Wien"},
    )
    await scenes.drain()
    return modification_id, partnership_id


async def test_5_3_the_proposer_is_told_that_the_modification_was_accepted_as_a_whole() -> None:
    who = await scenes.companies()
    modification_id, _ = await of_three_changes(who)
    await proposals.accept(modification_id, by=who.paula, comment="Gladly.")
    [mail] = await scenes.drain()
    assert outline(mail) == headers(CLARA, "Northwind accepted your changes: Shop care")
    assert (
        "Paula Partner of Northwind accepted the changes that Harbour Foods proposed to the partnership “Shop care”. "
        "What was accepted is in effect.\n\nThey wrote:\n\n> Gladly.\n" in text(mail)
    )


async def test_5_3_the_proposer_is_told_how_much_of_the_modification_was_accepted() -> None:
    who = await scenes.companies()
    modification_id, _ = await of_three_changes(who)
    first = await ProposalItem.filter(proposal_id=modification_id).order_by("id").first()
    assert first is not None
    await proposals.accept(modification_id, by=who.paula, item_ids=[first.id])
    [mail] = await scenes.drain()
    assert outline(mail) == headers(CLARA, "Northwind accepted 1 of your 3 changes: Shop care")
    assert "What was accepted is in effect; the rest stays as it was." in text(mail)
    assert "They wrote" not in text(mail)


async def test_5_3_the_proposer_is_told_that_the_modification_was_declined_and_why() -> None:
    who = await scenes.companies()
    modification_id, _ = await of_three_changes(who)
    await proposals.decline(modification_id, by=who.paula, comment="Not Mia.")
    [mail] = await scenes.drain()
    assert outline(mail) == headers(CLARA, "Northwind declined your changes: Shop care")
    assert "Everything stays as it was.\n\nThey wrote:\n\n> Not Mia.\n" in text(mail)


async def test_5_3_the_proposer_is_told_that_nobody_answered_the_modification(clock: ModuleType) -> None:
    who = await scenes.companies()
    await of_three_changes(who)
    clock.advance(LATER)
    told = [mail for mail in await scenes.drain() if mail["To"] == CLARA]
    assert [outline(mail) for mail in told] == [
        headers(CLARA, "Your changes have ended without an answer: Shop care", "Mon, 21 Dec 2026 20:46:00 +0000")
    ]
    assert "Northwind did not answer, so the proposal has ended by itself: everything stays as it was." in text(told[0])


async def test_5_3_those_who_were_asked_are_told_of_a_withdrawal_and_the_proposer_of_a_colleagues() -> None:
    who = await scenes.companies()
    modification_id, _ = await of_three_changes(who)
    otto = await given.staff(
        await given.account(who.client, "Second shop"),
        user=await given.user("Otto Owner", email="otto@harbour.example"),
    )
    await proposals.withdraw(modification_id, by=otto)
    clara, paula = await scenes.drain()
    assert outline(clara) == headers(CLARA, "Your changes were withdrawn: Shop care")
    assert "Otto Owner has withdrawn the changes to the partnership “Shop care” for Harbour Foods." in text(clara)
    assert outline(paula) == headers(PAULA, "Harbour Foods has withdrawn its changes: Shop care")
    assert "proposed to the partnership “Shop care” can no longer be accepted." in text(paula)


async def test_5_3_who_is_countered_is_told_by_being_asked_and_once() -> None:
    who = await scenes.companies()
    manager = await given.staff(
        who.account, SecurityRole.MANAGER, await given.user("Mia Manager", email="mia@h.example")
    )
    modification_id, _ = await of_three_changes(who)
    await Proposal.filter(id=modification_id).update(proposed_by_id=manager.user_id)
    await modifications.counter(
        modification_id, by=who.paula, message="Rather Tyrol.", terms={"title": "Shop care", "region": "Tyrol"}
    )
    clara, mia = await scenes.drain()
    subject = "Northwind proposes other changes in place of yours: Shop care"
    assert [outline(clara), outline(mia)] == [headers(CLARA, subject), headers("Mia Manager <mia@h.example>", subject)]
    assert (
        "Paula Partner of Northwind did not take the changes that Harbour Foods proposed to the partnership "
        "“Shop care”, and proposes others in their place. They take effect only if Harbour Foods accepts them.\n\n"
        "Northwind writes:\n\n> Rather Tyrol.\n\n* Partnership: Shop care" in text(clara)
    )


async def test_a_client_who_proposed_and_has_left_learns_nothing_and_the_owners_are_told_instead(
    clock: ModuleType,
) -> None:
    who = await scenes.companies()
    otto = await given.staff(
        await given.account(who.client, "Second shop"),
        user=await given.user("Otto Owner", email="otto@harbour.example"),
    )
    partnership_id = await scenes.work_together(who)
    modification_id = await scenes.propose(otto, partnership_id, terms={"title": "Shop care", "region": "Wien"})
    await scenes.drain()
    await StaffMember.filter(user_id=otto.user_id).update(removed_at=clock.now())
    await SeatRow.filter(id=otto.id).update(ended_at=clock.now())
    await proposals.decline(modification_id, by=who.paula, comment="No.")
    assert [mail["To"] for mail in await scenes.drain()] == [CLARA]


async def test_drafts_teams_and_hiding_mail_nobody() -> None:
    who = await scenes.companies()
    partnership_id = await scenes.work_together(who)
    person = await given.contact(who.client, "Max Mine")
    await modifications.draft(by=who.clara, partnership_id=partnership_id, add_contacts=[person.id])
    await managers.add(by=who.clara, partnership_id=partnership_id, contact_ids=[person.id])
    assert await scenes.drain() == []
    await scenes.end(who.clara, partnership_id)
    await scenes.drain()
    await partnerships.hide(by=who.paula, partnership_id=partnership_id)
    assert await scenes.drain() == []


@pytest.mark.parametrize("meanwhile", ["withdrawn", "ended"])
async def test_nobody_is_asked_what_is_no_longer_open(meanwhile: str) -> None:
    who = await scenes.companies()
    partnership_id = await scenes.work_together(who)
    modification_id = await scenes.propose(who.paula, partnership_id, terms={"title": "Shop care", "region": "Wien"})
    if meanwhile == "withdrawn":
        await proposals.withdraw(modification_id, by=who.paula)
    else:
        await scenes.end(who.paula, partnership_id)
    await scenes.drain()
    assert (await Mail.get(template="modification-submitted")).status is MailStatus.CANCELLED


# ── the end of a partnership ──


@pytest.mark.parametrize(
    ("ender", "told", "sentence"),
    [
        ("paula", [CLARA], "Paula Partner of Northwind ended the partnership of Northwind and Harbour Foods on "),
        ("clara", [PAULA], "Clara Client of Harbour Foods ended the partnership of Northwind and Harbour Foods on "),
        ("vera", [CLARA, PAULA], "Vera Vendor of Countersign ended the partnership of Northwind and Harbour Foods on "),
    ],
)
async def test_4_7_the_end_of_a_partnership_is_told_to_the_side_that_did_not_end_it(
    ender: str, told: list[str], sentence: str
) -> None:
    who = await scenes.companies()
    partnership_id = await scenes.work_together(who)
    await scenes.propose(who.paula, partnership_id, terms={"title": "Shop care", "region": "Wien"})
    await scenes.drain()
    by = {"paula": who.paula, "clara": who.clara, "vera": await given.admin()}[ender]
    await scenes.end(by, partnership_id, "We have\ngrown out of it.")
    mails = await scenes.drain()
    subject = "The partnership of Northwind and Harbour Foods has ended: Shop care"
    assert [outline(mail) for mail in mails] == [headers(person, subject) for person in told]
    assert sentence + "21 November 2026, 20:46 UTC." in text(mails[0])
    assert "writes:\n\n> We have > grown out of it.\n" in text(mails[0])


# ── one statement ──


async def test_a_thousand_events_become_their_mails_in_one_statement_and_quickly() -> None:
    who = await scenes.companies()
    partnership_id = await scenes.work_together(who)
    modification_id = await scenes.propose(who.paula, partnership_id, terms={"title": "Shop care", "region": "Wien"})
    await scenes.drain()
    topics = ["partnership.modification.submitted", "partnership.modification.reminded", "partnership.ended"]
    async with changes.change(by=who.paula) as c:
        for number in range(1_000):
            c.event(
                topics[number % 3],
                stream=partnership_id,
                partnership_id=partnership_id,
                proposal_id=modification_id,
                partner_id=who.partner.id,
                client_id=who.client.id,
            )
    last = (await Event.filter(pos__isnull=False).order_by("-pos").first().values("pos"))["pos"]
    connection = connections.get("default")
    await Event.filter(pos__isnull=True).update(pos=F("version") + last)
    statement = routes.statement(routes.MAILS, topics)
    bound = sql.bind(statement, {"first": last + 1, "last": last + 10_000}, changes.dialect(connection))
    began = time.perf_counter()
    found = await connection.execute_query_dict(*bound)
    took = time.perf_counter() - began
    assert Counter(row["template"] for row in found) == {
        "modification-submitted": 334,
        "modification-reminded": 333,
        "partnership-ended": 333,
    }
    assert took < 1, took


# ── invites ──


async def test_an_invited_partner_admin_gets_the_link() -> None:
    admin = await given.admin()
    partner = await given.partner("Northwind")
    invite_id = await scenes.invite(admin, partner)
    [mail] = await scenes.drain()
    assert outline(mail) == headers(f"Jo Island <{ADDRESS}>", "Countersign invites you to join Northwind")
    assert (
        text(mail)
        == f"""\
You are invited to join Northwind

Hello Jo Island,

Vera Vendor of Countersign invites you to join Northwind on Countersign, as partner admin.

Opening the page changes nothing. You see the invite there, choose a password if you have no sign-in yet, and join or \
decline.

* As: partner admin * Sign-in: jo@island.example * Open until: 28 November 2026, 20:46 UTC

See the invite: {await link_of(invite_id)}

If you do nothing, we remind you and the invite ends by itself on 28 November 2026, 20:46 UTC.

-- You get this mail because the invite was made out to jo@island.example. The link is for you alone: whoever has it \
can join in your place, so please do not forward it. If you do not know the sender, you can leave it unanswered. \
Questions? Write to support@countersign.example. Countersign"""
    )


async def test_an_invited_account_owner_gets_the_link() -> None:
    admin = await given.admin()
    account = await given.account(await given.client("Island Hotel"), "Rooms")
    invite_id = await scenes.invite(admin, account, name=None)
    [mail] = await scenes.drain()
    assert outline(mail) == headers(ADDRESS, "Countersign invites you to join Island Hotel")
    assert (
        "Hello,\n\nVera Vendor of Countersign invites you to join Island Hotel on Countersign, as account owner of the "
        "account “Rooms”." in text(mail)
    )
    assert await link_of(invite_id) in text(mail)


async def test_5_3_an_invite_is_reminded_of_and_its_sender_told_when_it_expires(clock: ModuleType) -> None:
    admin = await given.admin()
    vera = f"Vera Vendor <{(await User.get(id=admin.user_id)).email}>"
    invite_id = await scenes.invite(admin, await given.partner("Northwind"))
    link = await link_of(invite_id)
    await scenes.drain()
    clock.advance(timedelta(days=3))
    [reminder] = await scenes.drain()
    clock.advance(timedelta(days=4))
    [outcome] = await scenes.drain()
    assert outline(reminder) == headers(
        f"Jo Island <{ADDRESS}>", "Still open: your invite to join Northwind", "Tue, 24 Nov 2026 20:46:00 +0000"
    )
    assert link in text(reminder)
    assert outline(outcome) == headers(
        vera, "Your invite to join Northwind has ended without an answer", "Sat, 28 Nov 2026 20:46:00 +0000"
    )
    assert "sent to jo@island.example, was open until 28 November 2026, 20:46 UTC." in text(outcome)


@pytest.mark.parametrize(
    ("status", "subject", "sentence"),
    [
        (ProposalStatus.ACCEPTED, "Jo Island has joined Northwind", "Jo Island is partner admin of Northwind now"),
        (ProposalStatus.DECLINED, "Jo Island declined the invite to join Northwind", "They wrote:\n\n> No time."),
    ],
)
async def test_5_3_who_invited_is_told_of_the_answer(status: ProposalStatus, subject: str, sentence: str) -> None:
    admin = await given.admin()
    vera = f"Vera Vendor <{(await User.get(id=admin.user_id)).email}>"
    invite_id = await scenes.invite(admin, await given.partner("Northwind"))
    await scenes.drain()
    async with changes.change(by=None) as c:
        invite = await states.close(c, invite_id, status, by_user=None, comment="No time.")
        await states.announce(c, "accept" if status is ProposalStatus.ACCEPTED else "decline", invite)
    [mail] = await scenes.drain()
    assert outline(mail) == headers(vera, subject)
    assert sentence in text(mail)


async def test_who_sent_the_invite_and_has_left_is_not_told() -> None:
    admin = await given.admin()
    invite_id = await scenes.invite(admin, await given.partner("Northwind"))
    await scenes.drain()
    await SeatRow.filter(id=admin.id).update(ended_at=(await Proposal.get(id=invite_id)).created_at)
    async with changes.change(by=None) as c:
        invite = await states.close(c, invite_id, ProposalStatus.DECLINED, by_user=None)
        await states.announce(c, "decline", invite)
    assert await scenes.drain() == []


# ── signing in ──


async def test_5_5_a_sign_in_link_is_mailed_to_its_user_alone() -> None:
    who = await scenes.companies()
    await identity.sign_in_link_send(email="clara@harbour.example", ip=None)
    [mail] = await scenes.drain()
    assert outline(mail) == headers(CLARA, "Your sign-in link for Countersign")
    assert f"Sign in: {await link_of(who.clara.user_id)}\n" in text(mail)
    assert "It works once, until 21 November 2026, 21:01 UTC" in text(mail)


async def test_5_5_an_unknown_address_gets_no_mail() -> None:
    await identity.sign_in_link_send(email="nobody@example.com", ip=None)
    assert await scenes.drain() == []


async def test_5_1_a_changed_password_is_told_to_its_owner() -> None:
    who = await scenes.companies()
    async with changes.change(by=who.clara) as c:
        c.event("password.changed", stream=who.clara.user_id, subject=who.clara.user_id)
    [mail] = await scenes.drain()
    assert outline(mail) == headers(CLARA, "Your password for Countersign was changed")
    assert "The password of your sign-in clara@harbour.example was changed on 21 November 2026, 20:46 UTC." in text(
        mail
    )


async def test_no_mail_with_a_link_is_copied_to_anybody() -> None:
    who = await scenes.companies()
    await Partner.filter(id=who.partner.id).update(copy_address="copy@northwind.example")
    await scenes.offer_to_address(who)
    [mail] = await scenes.drain()
    assert [mail["To"], mail["Cc"]] == [ADDRESS, None]
