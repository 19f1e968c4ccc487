"""The mails and notices of a partner's access to an account: to whom, saying what, leading where."""

from datetime import timedelta
from types import ModuleType

import pytest

import models
import settings
from domain import changes, clock, grants, partnerships, proposals
from domain.seats import Seat
from models.enums import NoticeUrgency, SecurityRole
from tests import given
from tests.outbox import scenes
from tests.outbox.scenes import CLARA, PAULA, Companies, headers, outline, text

pytestmark = pytest.mark.usefixtures("database", "data_dir", "clock")

HOME = "http://127.0.0.1:8000/"
DAY = timedelta(days=1)
COLE = "Cole League <cole@northwind.example>"
OTTO = "Otto Owner <otto@harbour.example>"
INFO, ACTION = NoticeUrgency.INFO, NoticeUrgency.ACTION
WHY_PARTNER = (
    "-- You get this mail, and cannot turn it off, because you answer for Northwind or asked for it, and it concerns "
    "access. Questions? Write to support@countersign.example. Countersign"
)


class Access:
    """Northwind works for Harbour Foods and is connected to two accounts. Cole is Paula's colleague, Otto co-owner."""

    who: Companies
    cole: Seat
    otto: Seat
    grant: models.AccessGrant

    async def request(self) -> models.Proposal:
        """Let Cole ask for access, after it was switched off, and everybody hear of both."""
        await grants.disable(by=self.who.clara, grant_id=self.grant.id)
        await grants.request(by=self.cole, grant_id=self.grant.id, message="Let us in.\nPlease.")
        return await models.Proposal.get(grant_id=self.grant.id, status="PENDING")

    async def requested(self) -> models.Proposal:
        request = await self.request()
        await scenes.drain()
        return request


@pytest.fixture
async def access(clock: ModuleType) -> Access:
    found = Access()
    found.who = await scenes.companies()
    found.cole = await given.member(
        found.who.partner, user=await given.user("Cole League", email="cole@northwind.example")
    )
    otto = await given.user("Otto Owner", email="otto@harbour.example")
    found.otto = await given.seat(otto, given.STAFF_ROLES[SecurityRole.ACCOUNT_OWNER], client=found.who.client)
    await models.StaffMember.create(
        account=found.who.account, user=otto, role=SecurityRole.ACCOUNT_OWNER, joined_at=clock.now()
    )
    await given.staff(found.who.account, SecurityRole.MANAGER, await given.user("Mia Manager"))
    partnership_id = await scenes.work_together(found.who)
    second = await given.account(found.who.client, "Second shop")
    await given.staff(second, SecurityRole.ACCOUNT_OWNER, await given.user("Sue Second"))
    partnership = await models.Partnership.get(id=partnership_id)
    await given.grant(partnership, second)
    await models.Account.filter(id=found.who.account.id).update(jobs_created=100, activated_at=clock.now())
    found.grant = await models.AccessGrant.get(account_id=found.who.account.id)
    return found


async def noticed(topic: str) -> dict[str, NoticeUrgency]:
    """Tell who has a notice of a topic, by name."""
    notices = await models.Notice.filter(event__topic=topic).select_related("seat__user")
    assert len(notices) == len({notice.seat_id for notice in notices})
    return {notice.seat.user.name: notice.urgency for notice in notices}


async def disconnect(access: Access, by: Seat) -> None:
    async with changes.change(by=by) as c:
        confirmation = await grants.confirmation_of(access.grant.id, c)
    await grants.disconnect(by=by, grant_id=access.grant.id, reason="We part.", confirmation=confirmation)


# ── requests ──


async def test_1_6_a_request_asks_the_owners_of_that_account_and_nobody_else(access: Access) -> None:
    await grants.disable(by=access.who.clara, grant_id=access.grant.id)
    await scenes.drain()
    await grants.request(by=access.cole, grant_id=access.grant.id, message="Let us in.\nPlease.")
    clara, otto = await scenes.drain()
    subject = "Northwind asks for access to “Main shop”"
    assert [outline(clara), outline(otto)] == [headers(CLARA, subject), headers(OTTO, subject)]
    assert (
        text(clara)
        == f"""\
Northwind would like to be let in again

Hello Clara Client,

Cole League of Northwind asks to be let into the account “Main shop” of Harbour Foods again. It stays shut out unless \
an owner of the account approves. Approved, it can open the account at once; you can switch that off at any time.

Northwind writes:

> Let us in. > Please.

* Account: Main shop * Partner: Northwind * Open until: 5 December 2026, 20:46 UTC

Approve or deny: {HOME}graphql

If you do nothing, we remind you and the request ends by itself on 5 December 2026, 20:46 UTC. Northwind stays shut out.

-- You get this mail, and cannot turn it off, because you own the account “Main shop” of Harbour Foods and it concerns \
access. Questions? Write to support@countersign.example. Countersign"""
    )
    assert await noticed("grant.requested") == {"Clara Client": ACTION, "Otto Owner": ACTION}


async def test_with_a_portal_a_mail_leads_to_the_account_there(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_PORTAL_URL", "https://portal.example/app/")
    settings.load.cache_clear()
    await access.request()
    mails = await scenes.drain()
    page = f"https://portal.example/app/accounts/{access.who.account.id}\n"
    assert [page in text(mail) for mail in mails] == [True] * 3


async def test_a_request_that_was_answered_meanwhile_asks_nobody(access: Access) -> None:
    request = await access.request()
    await proposals.withdraw(request.id, by=access.cole)
    subjects = {str(mail["Subject"]) for mail in await scenes.drain()}
    assert "Northwind asks for access to “Main shop”" not in subjects


async def test_5_3_it_is_reminded_of_after_3_and_7_days(access: Access, clock: ModuleType) -> None:
    await access.requested()
    for days in (3, 4):
        clock.advance(days * DAY)
        clara, otto = await scenes.drain()
        assert [clara["To"], otto["To"]] == [CLARA, OTTO]
        assert clara["Subject"] == "Still open: Northwind asks for access to “Main shop”"
        assert (
            "On 21 November 2026, 20:46 UTC, Cole League of Northwind asked to be let into the account “Main shop” of "
            "Harbour Foods again." in text(clara)
        )
        assert await noticed("grant.request.reminded") == {"Clara Client": ACTION, "Otto Owner": ACTION}
        await models.Notice.all().delete()


async def test_5_3_silence_is_told_to_who_asked(access: Access, clock: ModuleType) -> None:
    await access.requested()
    clock.advance(14 * DAY)
    [mail] = await scenes.drain()
    assert outline(mail) == headers(
        COLE, "Nobody answered your request for access to “Main shop”", "Sat, 05 Dec 2026 20:46:00 +0000"
    )
    assert (
        "The request of Northwind for access to the account “Main shop” of Harbour Foods was open until 5 December "
        "2026, 20:46 UTC. Nobody answered, so it has ended by itself: you stay connected, and shut out." in text(mail)
    )
    assert await noticed("grant.request.expired") == {"Cole League": INFO}


async def test_1_6_a_denial_is_told_to_the_partner_in_the_owners_words(access: Access) -> None:
    request = await access.requested()
    await proposals.decline(request.id, by=access.who.clara, comment="Not now.")
    cole, paula = await scenes.drain()
    subject = "Access to “Main shop” was denied"
    assert [outline(cole), outline(paula)] == [headers(COLE, subject), headers(PAULA, subject)]
    assert (
        text(cole)
        == f"""\
Harbour Foods did not let you in

Hello Cole League,

Clara Client of Harbour Foods denied Northwind access to the account “Main shop”. You stay connected, and shut out.

They wrote:

> Not now.

Open the account: {HOME}graphql

Nothing more is needed from you. You may ask again at any time.

{WHY_PARTNER}"""
    )
    assert await noticed("grant.request.declined") == {"Cole League": INFO, "Paula Partner": INFO}


async def test_1_6_an_approval_is_told_to_the_partner_once_each(access: Access) -> None:
    request = await access.requested()
    await proposals.accept(request.id, by=access.who.clara, comment="Welcome back.")
    cole, paula = await scenes.drain()
    subject = "Northwind has access to “Main shop” again"
    assert [outline(cole), outline(paula)] == [headers(COLE, subject), headers(PAULA, subject)]
    assert (
        "Clara Client of Harbour Foods approved the request of Northwind for access to the account “Main shop”. You "
        "can open it from now on.\n\nThey wrote:\n\n> Welcome back." in text(cole)
    )
    assert await noticed("grant.enabled") == {"Cole League": INFO, "Paula Partner": INFO}


async def test_5_3_a_withdrawal_is_told_to_those_who_were_asked_and_to_who_had_asked(access: Access) -> None:
    request = await access.requested()
    await proposals.withdraw(request.id, by=access.who.paula)
    clara, cole, otto = await scenes.drain()
    assert [outline(clara), outline(otto)] == [
        headers(to, "Northwind no longer asks for access to “Main shop”") for to in (CLARA, OTTO)
    ]
    assert outline(cole) == headers(COLE, "Your request for access to “Main shop” was withdrawn")
    assert "Paula Partner has withdrawn the request for access to the account “Main shop” of Harbour Foods" in text(
        cole
    )
    assert await noticed("grant.request.withdrawn") == {"Clara Client": INFO, "Otto Owner": INFO, "Cole League": INFO}


# ── switching ──


async def test_1_4_whom_the_owner_shuts_out_is_told_and_may_ask(access: Access) -> None:
    await grants.disable(by=access.who.clara, grant_id=access.grant.id, reason="Works are done.")
    [mail] = await scenes.drain()
    assert outline(mail) == headers(PAULA, "Northwind has no access to “Main shop” any more")
    assert (
        text(mail)
        == f"""\
Harbour Foods switched your access off

Hello Paula Partner,

Clara Client of Harbour Foods switched off the access of Northwind to the account “Main shop” on 21 November 2026, \
20:46 UTC. You stay connected: revenue share and status credits stay as they are.

They wrote:

> Works are done.

Ask for access: {HOME}graphql

If you do nothing, it stays switched off. You may ask to be let in again.

{WHY_PARTNER}"""
    )
    assert await noticed("grant.disabled") == {"Cole League": INFO, "Paula Partner": INFO}


async def test_1_4_whom_the_owner_lets_in_unasked_is_told(access: Access) -> None:
    await grants.disable(by=access.who.clara, grant_id=access.grant.id)
    await scenes.drain()
    await grants.enable(by=access.otto, grant_id=access.grant.id)
    [mail] = await scenes.drain()
    assert outline(mail) == headers(PAULA, "Northwind has access to “Main shop” again")
    assert "Otto Owner of Harbour Foods gave Northwind access to the account “Main shop”. You can open it" in text(mail)
    assert "They wrote" not in text(mail)


# ── the end ──


@pytest.mark.parametrize("who", ["partner", "client"])
async def test_1_5_a_disconnection_is_told_to_both_sides_but_to_who_made_it(access: Access, who: str) -> None:
    await access.requested()
    await disconnect(access, access.who.paula if who == "partner" else access.who.clara)
    told = await scenes.drain()
    assert [mail["To"] for mail in told] == ([CLARA, COLE, OTTO] if who == "partner" else [COLE, OTTO, PAULA])
    assert {str(mail["Subject"]) for mail in told} == {"Northwind was disconnected from “Main shop”"}
    by = "Paula Partner of Northwind" if who == "partner" else "Clara Client of Harbour Foods"
    assert (
        f"{by} disconnected Northwind from the account “Main shop” of Harbour Foods on 21 November 2026, 20:46 UTC. "
        "Northwind cannot open it any more, earns nothing from it, and cannot ask for access again.\n\n"
        f"{by.partition(' of ')[2]} writes:\n\n> We part." in text(told[0])
    )
    everybody = {"Clara Client", "Cole League", "Otto Owner", "Paula Partner"}
    assert set(await noticed("grant.disconnected")) == everybody - {by.partition(" of ")[0]}


async def test_1_5_where_the_partnership_ends_with_it_that_is_told_instead(access: Access) -> None:
    await models.AccessGrant.exclude(id=access.grant.id).update(status="DISCONNECTED")
    await access.requested()
    await disconnect(access, access.who.paula)
    assert {str(mail["Subject"]) for mail in await scenes.drain()} == {
        "The partnership of Northwind and Harbour Foods has ended: Shop care"
    }
    assert await noticed("grant.disconnected") == {}
    # Cole, whose request was cancelled by it, is told besides the other side.
    assert set(await noticed("partnership.ended")) == {
        "Clara Client",
        "Cole League",
        "Mia Manager",
        "Otto Owner",
        "Sue Second",
    }


async def test_4_7_who_asked_for_what_was_cancelled_before_is_not_told_of_the_end(
    access: Access, clock: ModuleType
) -> None:
    await access.requested()
    await disconnect(access, access.who.paula)
    clock.advance(DAY)
    partnership_id = access.grant.partnership_id
    async with changes.change(by=access.who.paula) as c:
        confirmation = await partnerships.confirmation_of(partnership_id, c)
    await partnerships.end(
        by=access.who.paula, partnership_id=partnership_id, reason="Done.", confirmation=confirmation
    )
    await scenes.drain()
    assert "Cole League" not in await noticed("partnership.ended")


# ── time ──


async def test_1_12_both_sides_are_warned_and_told_what_to_do(access: Access, clock: ModuleType) -> None:
    await models.AccessGrant.filter(id=access.grant.id).update(expires_at=clock.now() + 60 * DAY)
    clock.advance(53 * DAY)
    clara, otto, paula = await scenes.drain()
    assert [clara["To"], otto["To"], paula["To"]] == [CLARA, OTTO, PAULA]
    assert outline(paula) == headers(
        PAULA, "Access of Northwind to “Main shop” expires in 7 days", "Wed, 13 Jan 2027 20:46:00 +0000"
    )
    assert (
        text(paula)
        == f"""\
Access is about to expire

Hello Paula Partner,

Nobody of Northwind has opened the account “Main shop” of Harbour Foods for a while. Unless somebody does, its access \
expires on 20 January 2027, 20:46 UTC, in 7 days.

Open the account: {HOME}graphql

If you do nothing, access expires then. Northwind stays connected, and may ask to be let in again.

-- You get this mail, and cannot turn it off, because you answer for Northwind or own the account “Main shop” of \
Harbour Foods, and it concerns access. Questions? Write to support@countersign.example. Countersign"""
    )
    everybody = dict.fromkeys(("Clara Client", "Cole League", "Otto Owner", "Paula Partner"), INFO)
    assert await noticed("grant.expiring") == everybody
    clock.advance(6 * DAY)
    assert {str(mail["Subject"]) for mail in await scenes.drain()} == {
        "Access of Northwind to “Main shop” expires in 1 day"
    }
    clock.advance(DAY)
    told = await scenes.drain()
    assert [mail["To"] for mail in told] == [CLARA, OTTO, PAULA]
    assert {str(mail["Subject"]) for mail in told} == {"Access of Northwind to “Main shop” has expired"}
    assert await noticed("grant.expired") == everybody


@pytest.mark.parametrize("what", ["opened", "disabled", "disconnected"])
async def test_a_warning_that_is_not_true_any_more_reaches_nobody(access: Access, clock: ModuleType, what: str) -> None:
    grant = models.AccessGrant.filter(id=access.grant.id)
    await grant.update(expires_at=clock.now() + 30 * DAY)
    assert await grants.warn_due(clock.now()) == 1
    match what:
        case "opened":
            await grant.update(expires_at=clock.now() + 60 * DAY, warned_days=None)
        case "disabled":
            await grants.disable(by=access.who.clara, grant_id=access.grant.id)
        case _:
            await disconnect(access, access.who.clara)
    assert [mail for mail in await scenes.drain() if "expires in" in str(mail["Subject"])] == []


async def test_5_1_mails_about_access_cannot_be_muted(access: Access) -> None:
    seat = access.who.paula
    await models.NoticePreference.create(seat_id=seat.id, topic="grant.disabled", portal=True, email=False)
    await grants.disable(by=access.who.clara, grant_id=access.grant.id)
    assert [mail["To"] for mail in await scenes.drain()] == [PAULA]


async def test_who_has_left_the_partner_is_told_nothing(access: Access) -> None:
    request = await access.requested()
    await models.Seat.filter(id=access.cole.id).update(ended_at=clock.now())
    await proposals.decline(request.id, by=access.who.clara)
    assert [mail["To"] for mail in await scenes.drain()] == [PAULA]
    assert await noticed("grant.request.declined") == {"Paula Partner": INFO}
