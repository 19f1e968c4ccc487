"""The mails and notices of accounts and their staff: to whom, saying what, leading where."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from types import ModuleType

import pytest

import models
import settings
from domain import staff, tokens, workspaces
from domain.seats import Seat
from models.enums import NoticeUrgency, SecurityRole
from tests import given
from tests.outbox import scenes
from tests.outbox.scenes import ADDRESS, CLARA, PAULA, headers, outline, text

pytestmark = pytest.mark.usefixtures("database", "data_dir", "clock")

HOME = "http://127.0.0.1:8000/"
MAX = "Max Manager <max@harbour.example>"
OWNER, MANAGER, STAFF = SecurityRole


async def _max(who: scenes.Companies, role: SecurityRole = MANAGER) -> tuple[Seat, models.StaffMember]:
    """Put Max on the staff of Harbour Foods' account, without making him its owner."""
    person = await given.user("Max Manager", email="max@harbour.example")
    place = await models.StaffMember.create(
        account=who.account, user=person, role=role, joined_at=who.account.created_at
    )
    return await given.seat(person, given.STAFF_ROLES[role], client=who.client), place


async def _noticed(topic: str) -> Mapping[str, NoticeUrgency]:
    """Tell who has a notice of a topic, by name."""
    notices = await models.Notice.filter(event__topic=topic).select_related("seat__user")
    return {notice.seat.user.name: notice.urgency for notice in notices}


async def _link() -> str:
    link = await models.Link.get(used_at=None, replaced_at=None)
    return f"{HOME}l/{tokens.of_link(link)}"


# ── invited ──


async def test_a_staff_invite_names_the_account_and_the_part_in_it() -> None:
    who = await scenes.companies()
    await staff.invite(by=who.clara, account_id=who.account.id, email=ADDRESS, role=MANAGER)
    [mail] = await scenes.drain()
    assert outline(mail) == headers(ADDRESS, "Harbour Foods invites you to join Harbour Foods")
    assert (
        text(mail)
        == f"""\
You are invited to join Harbour Foods

Hello,

Clara Client of Harbour Foods invites you to join Harbour Foods on Countersign, as manager of the account “Main shop”.

Opening the page changes nothing. You see the invite there, choose a password if you have no sign-in yet, and join or \
decline.

* As: manager * Account: Main shop * Sign-in: jo@island.example * Open until: 28 November 2026, 20:46 UTC

See the invite: {await _link()}

If you do nothing, we remind you and the invite ends by itself on 28 November 2026, 20:46 UTC.

-- You get this mail because the invite was made out to jo@island.example. The link is for you alone: whoever has it \
can join in your place, so please do not forward it. If you do not know the sender, you can leave it unanswered. \
Questions? Write to support@countersign.example. Countersign"""
    )


async def test_1_8_a_hand_over_names_the_partner_and_the_account_and_says_what_happens() -> None:
    who = await scenes.companies()
    account_id = await workspaces.create(
        by=who.paula, partner_id=who.partner.id, client_name="Quay Traders", account_name="Web shop", plan="Business"
    )
    await workspaces.hand_over(by=who.paula, account_id=account_id, owner_email=ADDRESS, owner_name="Jo Island")
    [mail] = await scenes.drain()
    assert outline(mail) == headers(
        f"Jo Island <{ADDRESS}>", "Northwind hands the account “Web shop” of Quay Traders over to you"
    )
    assert (
        "Paula Partner of Northwind has set up the account “Web shop” for Quay Traders on Countersign, and hands it "
        "over to you.\n\nOnce you take it over you are its owner: you say who works in it, what is subscribed to, and "
        "which partners are let in. Northwind can open it from the start, until you switch that off or end it."
        in text(mail)
    )
    assert f"See the invite: {await _link()}\n" in text(mail)


async def test_the_vendor_s_own_invite_of_an_owner_hands_nothing_over() -> None:
    who = await scenes.companies()
    await scenes.invite(await given.admin(), who.account)
    [mail] = await scenes.drain()
    assert mail["Subject"] == "Countersign invites you to join Harbour Foods"
    assert "as account owner of the account “Main shop”." in text(mail)


async def test_1_8_the_partner_is_told_that_the_owner_has_taken_the_account_over(clock: ModuleType) -> None:
    who = await scenes.companies()
    account_id = await workspaces.create(
        by=who.paula, partner_id=who.partner.id, client_name="Quay Traders", account_name="Web shop", plan="Business"
    )
    jo = await given.user("Jo Island", email=ADDRESS)
    await workspaces.hand_over(by=who.paula, account_id=account_id, owner_email=ADDRESS, owner_name="Jo Island")
    await scenes.drain()
    await scenes.join(clock)
    [mail] = await scenes.drain()
    assert outline(mail) == headers(PAULA, "Jo Island has joined Quay Traders")
    assert "Jo Island is account owner of the account “Web shop” of Quay Traders now, and can sign in." in text(mail)
    assert await _noticed("invite.accepted") == {"Paula Partner": NoticeUrgency.INFO}
    assert (await models.Account.get(id=account_id)).owner_id == jo.id


async def test_5_3_an_invite_to_the_staff_is_reminded_of_and_its_end_told_to_who_sent_it(clock: ModuleType) -> None:
    who = await scenes.companies()
    await staff.invite(by=who.clara, account_id=who.account.id, email=ADDRESS, role=STAFF)
    await scenes.drain()
    clock.advance(timedelta(days=3))
    [third] = await scenes.drain()
    assert third["Subject"] == "Still open: your invite to join Harbour Foods"
    assert "as staff of the account “Main shop”. You can still join, or decline." in text(third)
    clock.advance(timedelta(days=4))
    told = [mail for mail in await scenes.drain() if mail["To"] == CLARA]
    assert [mail["Subject"] for mail in told] == ["Your invite to join Harbour Foods has ended without an answer"]


# ── the account ──


async def test_both_owners_are_told_of_the_change_who_made_it_included() -> None:
    who = await scenes.companies()
    _, place = await _max(who)
    await workspaces.change_owner(by=who.clara, account_id=who.account.id, staff_id=place.id)
    clara, max_ = await scenes.drain()
    subject = "The account “Main shop” of Harbour Foods has another owner"
    assert [outline(clara), outline(max_)] == [headers(CLARA, subject), headers(MAX, subject)]
    said = (
        "Clara Client made Max Manager the owner of the account “Main shop” of Harbour Foods on 21 November 2026, "
        "20:46 UTC. Clara Client was its owner until then, and stays on its staff as manager."
    )
    assert [said in text(mail) for mail in (clara, max_)] == [True, True]
    assert "You get this mail, and cannot turn it off," in text(max_)
    assert await _noticed("account.owner_changed") == {"Max Manager": NoticeUrgency.INFO}


async def test_a_former_owner_who_did_not_do_it_is_told_as_well() -> None:
    who = await scenes.companies()
    second, _ = await _max(who, OWNER)
    third = await given.user("Tea Third", email="tea@harbour.example")
    place = await models.StaffMember.create(
        account=who.account, user=third, role=STAFF, joined_at=who.account.created_at
    )
    await given.seat(third, given.STAFF_ROLES[STAFF], client=who.client)
    await workspaces.change_owner(by=second, account_id=who.account.id, staff_id=place.id)
    assert [mail["To"] for mail in await scenes.drain()] == [CLARA, "Tea Third <tea@harbour.example>"]
    assert set(await _noticed("account.owner_changed")) == {"Clara Client", "Tea Third"}


async def test_the_owners_are_told_of_another_subscription(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_PORTAL_URL", "https://portal.example/app/")
    settings.load.cache_clear()
    who = await scenes.companies()
    await _max(who)
    await workspaces.change_subscription(
        by=await given.admin(), account_id=who.account.id, plan="Agency", price=Decimal("49.9"), currency="EUR"
    )
    [mail] = await scenes.drain()
    assert outline(mail) == headers(CLARA, "The subscription of “Main shop” has changed")
    assert "Vera Vendor of Countersign changed what the account “Main shop” of Harbour Foods is subscribed to" in text(
        mail
    )
    assert "* Plan: Agency * Price: 49.90 EUR" in text(mail)
    assert f"See the account: https://portal.example/app/accounts/{who.account.id}\n" in text(mail)
    assert await _noticed("account.subscription_changed") == {"Clara Client": NoticeUrgency.INFO}


async def test_the_staff_is_told_that_an_account_was_cancelled_and_why() -> None:
    who = await scenes.companies()
    await scenes.work_together(who)
    await _max(who)
    await workspaces.cancel(by=who.clara, account_id=who.account.id, reason="We close the shop.\nThank you.")
    mails = await scenes.drain()
    [mail] = [mail for mail in mails if mail["To"] == MAX]
    assert outline(mail) == headers(MAX, "The account “Main shop” of Harbour Foods was cancelled")
    assert "Clara Client writes:\n\n> We close the shop. > Thank you." in text(mail)
    # The partner is told by the end of its access, in the same words.
    to_paula = [text(mail) for mail in mails if mail["To"] == PAULA]
    assert to_paula
    assert all("We close the shop." in said for said in to_paula)
    assert CLARA not in {mail["To"] for mail in mails}
    assert await _noticed("account.cancelled") == {"Max Manager": NoticeUrgency.INFO}


# ── its staff ──


async def test_whoever_gets_another_role_is_told_what_it_allows() -> None:
    who = await scenes.companies()
    _, place = await _max(who, STAFF)
    await staff.set_role(by=who.clara, staff_id=place.id, role=MANAGER)
    [mail] = await scenes.drain()
    assert outline(mail) == headers(MAX, "You are manager of “Main shop” now")
    assert (
        "Clara Client changed your role in the account “Main shop” of Harbour Foods on 21 November 2026, 20:46 UTC: "
        "you are manager now. You can work in it, look after its contacts and staff, and read who did what."
        in text(mail)
    )
    assert await _noticed("staff.role_set") == {"Max Manager": NoticeUrgency.INFO}


async def test_whoever_is_removed_is_told_by_mail_and_where_a_seat_is_left_by_notice() -> None:
    who = await scenes.companies()
    _, place = await _max(who)
    await staff.remove(by=who.clara, staff_id=place.id)
    [mail] = await scenes.drain()
    assert outline(mail) == headers(MAX, "You are not on the staff of “Main shop” any more")
    assert "Clara Client took you off the staff of the account “Main shop” of Harbour Foods" in text(mail)
    assert await _noticed("staff.removed") == {}


async def test_who_leaves_by_themselves_gets_no_mail_about_it() -> None:
    who = await scenes.companies()
    max_, place = await _max(who)
    await staff.remove(by=max_, staff_id=place.id)
    assert await scenes.drain() == []


# ── a partnership that began without an offer ──


async def test_1_8_its_partner_hears_of_it_like_any_other(clock: ModuleType) -> None:
    who = await scenes.companies()
    admin = await given.admin()
    account_id = await workspaces.create(
        by=admin, partner_id=who.partner.id, client_name="Quay Traders", account_name="Web shop", plan="Business"
    )
    await scenes.drain()
    assert await _noticed("partnership.started") == {"Paula Partner": NoticeUrgency.INFO}
    partnership = await models.Partnership.get(client__name="Quay Traders")
    await scenes.end(admin, partnership.id)
    [mail] = await scenes.drain()
    assert outline(mail) == headers(PAULA, "The partnership of Northwind and Quay Traders has ended: Web shop")
    assert (await models.AccessGrant.get(account_id=account_id)).disconnected_at == clock.now()
