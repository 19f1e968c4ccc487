"""The mails and notices of partner companies and their people: to whom, saying what, leading where."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType

import pytest

import models
from domain import clients, engagements, partners, proposals, tokens
from domain.seats import Seat
from models.enums import MailStatus, NoticeUrgency, PartnerKind, PartnerMemberRole
from tests import given
from tests.outbox import scenes
from tests.outbox.scenes import headers, outline, text

pytestmark = pytest.mark.usefixtures("database", "data_dir", "clock")

HOME = "http://127.0.0.1:8000/"
HANNA = "Hanna Harrow <hanna@harrow.example>"
MAX = "Max Member <max@harrow.example>"
NEIL = "Neil New <neil@harrow.example>"
ADMIN, COLLABORATOR = PartnerMemberRole


@dataclass(frozen=True, slots=True)
class Brokers:
    """A client partner on no project yet, with or without people, and a customer's project."""

    vera: Seat
    company: models.Partner
    clara: Seat
    account: models.Account
    project: models.Project

    async def add(self, *members: models.PartnerMember, project: models.Project | None = None) -> None:
        """Let the vendor bring the company into a project."""
        ids = [member.id for member in members]
        project_id = (project or self.project).id
        await engagements.add_partner(by=self.vera, project_id=project_id, partner_id=self.company.id, member_ids=ids)

    async def hanna(self) -> Seat:
        return await self._member(ADMIN, "Hanna Harrow", "hanna@harrow.example")

    async def max(self) -> tuple[Seat, models.PartnerMember]:
        seat = await self._member(COLLABORATOR, "Max Member", "max@harrow.example")
        return seat, await models.PartnerMember.get(user_id=seat.user_id)

    async def _member(self, role: PartnerMemberRole, name: str, email: str) -> Seat:
        return await given.member(self.company, role, await given.user(name, email=email))


@pytest.fixture
async def brokers() -> Brokers:
    who = await scenes.companies()
    project = await given.project(who.account, "Relaunch")
    company = await given.client_partner("Harrow Brokers", domain="harrow.example")
    return Brokers(await given.admin(), company, who.clara, who.account, project)


async def _named(vera: Seat) -> models.Partner:
    """Let the vendor create a client partner, with Hanna as its admin."""
    company_id = await partners.create(
        by=vera,
        name="Harrow Brokers",
        kind=PartnerKind.CLIENT_PARTNER,
        domain="harrow.example",
        licences=3,
        admin_email="hanna@harrow.example",
        admin_name="Hanna Harrow",
    )
    return await models.Partner.get(id=company_id)


async def _noticed(topic: str) -> Mapping[str, NoticeUrgency]:
    """Tell who has a notice of a topic, by name."""
    notices = await models.Notice.filter(event__topic=topic).select_related("seat__user")
    return {notice.seat.user.name: notice.urgency for notice in notices}


async def _link() -> str:
    link = await models.Link.get(used_at=None, replaced_at=None)
    return f"{HOME}l/{tokens.of_link(link)}"


# ── created ──


async def test_3_1_whoever_is_named_as_the_admin_is_told_that_access_comes_with_the_first_project() -> None:
    await _named(await given.admin())
    [mail] = await scenes.drain()
    assert outline(mail) == headers(HANNA, "Harrow Brokers is a client partner on Countersign")
    assert (
        text(mail)
        == """\
Harrow Brokers is a client partner on Countersign

Hello Hanna Harrow,

Countersign has registered Harrow Brokers as a client partner, and named you as its partner admin.

There is nothing to open yet: you get access to the customer portal once Harrow Brokers is brought into its first \
project. We then write to you again, with a link to join by.

Nothing is needed from you until then.

-- You get this mail because hanna@harrow.example was named as the address of the company's partner admin. If you do \
not know the company, please tell us at the address below. Questions? Write to support@countersign.example. \
Countersign"""
    )
    assert HOME not in text(mail)


async def test_3_1_with_the_first_project_the_named_admin_gets_the_link_and_with_the_next_a_word(
    brokers: Brokers, clock: ModuleType
) -> None:
    await models.Partner.filter(id=brokers.company.id).delete()
    company = await _named(brokers.vera)
    await scenes.drain()
    at = {"by": brokers.vera, "partner_id": company.id, "member_ids": []}
    await engagements.add_partner(project_id=brokers.project.id, **at)  # type: ignore[arg-type]  # by name
    [mail] = await scenes.drain()
    assert outline(mail) == headers(HANNA, "Countersign invites you to join Harrow Brokers")
    assert "Vera Vendor of Countersign invites you to join Harrow Brokers on Countersign, as partner admin." in text(
        mail
    )
    assert f"See the invite: {await _link()}\n" in text(mail)

    clock.advance(timedelta(minutes=1))
    shop = await given.project(brokers.account, "Shop")
    await engagements.add_partner(project_id=shop.id, **at)  # type: ignore[arg-type]  # by name
    [mail] = await scenes.drain()
    assert mail["Subject"] == "Harrow Brokers is on the project “Shop” of Harbour Foods"
    assert str(mail["To"]) == HANNA
    assert "Once you have joined as its partner admin, by the link that we sent you, you see everything" in text(mail)
    assert "If you do not join, nobody of Harrow Brokers works on it." in text(mail)


async def test_a_partner_s_admin_gets_the_link_at_once() -> None:
    await partners.create(
        by=await given.admin(),
        name="Northwind",
        kind=PartnerKind.PARTNER,
        domain="northwind.example",
        licences=3,
        admin_email="nora@northwind.example",
        admin_name="Nora North",
    )
    [mail] = await scenes.drain()
    assert mail["Subject"] == "Countersign invites you to join Northwind"


# ── on projects ──


async def test_3_2_the_admin_is_mailed_when_the_company_is_brought_in_and_told_who_is_put_there(
    brokers: Brokers,
) -> None:
    await brokers.hanna()
    _, max_ = await brokers.max()
    await brokers.add(max_)
    to_hanna, to_max = await scenes.drain()
    assert outline(to_hanna) == headers(HANNA, "Harrow Brokers is on the project “Relaunch” of Harbour Foods")
    assert (
        text(to_hanna)
        == f"""\
Harrow Brokers was brought into a project

Hello Hanna Harrow,

Vera Vendor of Countersign brought Harrow Brokers into the project “Relaunch” in the account “Main shop” of Harbour \
Foods.

As its partner admin you see everything in it, and in the account's other projects, and can work on them from now on.

* Project: Relaunch * Account: Main shop of Harbour Foods * Put on it: Max Member

Open the project: {HOME}graphql

There is nothing to do. You may put more of your people on it at any time.

-- You get this mail, and cannot turn it off, because you are the partner admin of Harrow Brokers and it concerns \
access. Questions? Write to support@countersign.example. Countersign"""
    )
    assert outline(to_max) == headers(MAX, "You are on the project “Relaunch” of Harbour Foods")
    assert await _noticed("project.partner_added") == {"Hanna Harrow": NoticeUrgency.INFO}
    assert await _noticed("project.member_added") == {"Max Member": NoticeUrgency.INFO}


async def test_3_2_the_admin_is_mailed_when_somebody_is_put_on_a_project_where_the_company_was_before(
    brokers: Brokers, clock: ModuleType
) -> None:
    await brokers.hanna()
    await brokers.max()
    await brokers.add()
    await scenes.drain()
    clock.advance(timedelta(minutes=1))
    await engagements.invite(by=brokers.clara, project_id=brokers.project.id, email="max@harrow.example")
    to_hanna, to_max = await scenes.drain()
    assert (str(to_hanna["To"]), str(to_hanna["Subject"])) == (
        HANNA,
        "Max Member is on the project “Relaunch” of Harbour Foods",
    )
    assert "Clara Client put Max Member of Harrow Brokers on the project “Relaunch”" in text(to_hanna)
    assert str(to_max["To"]) == MAX
    assert await _noticed("project.member_added") == dict.fromkeys(["Max Member", "Hanna Harrow"], NoticeUrgency.INFO)


async def test_what_the_admin_does_is_not_told_to_the_admin(brokers: Brokers, clock: ModuleType) -> None:
    hanna = await brokers.hanna()
    await brokers.max()
    await brokers.add()
    await scenes.drain()
    clock.advance(timedelta(minutes=1))
    await engagements.invite(by=hanna, project_id=brokers.project.id, email="max@harrow.example")
    assert [str(mail["To"]) for mail in await scenes.drain()] == [MAX]


# ── invited ──


async def test_3_2_an_invite_to_a_project_names_it_and_the_admin_is_mailed(brokers: Brokers, clock: ModuleType) -> None:
    await brokers.hanna()
    await brokers.add()
    await scenes.drain()
    clock.advance(timedelta(minutes=1))
    await engagements.invite(by=brokers.clara, project_id=brokers.project.id, email="neil@harrow.example")
    to_hanna, to_neil = await scenes.drain()
    assert (str(to_hanna["To"]), str(to_hanna["Subject"])) == (
        HANNA,
        "neil@harrow.example is invited to join Harrow Brokers",
    )
    assert (
        "Clara Client invited neil@harrow.example to join Harrow Brokers and work on the project “Relaunch” of Harbour "
        "Foods. The invite takes one of your company's licences as long as it is open, and a member keeps it."
        in text(to_hanna)
    )
    assert str(to_neil["Subject"]) == "Harbour Foods invites you to join Harrow Brokers"
    assert (
        "Clara Client of Harbour Foods invites you to join Harrow Brokers on Countersign, as member, to work on the "
        "project “Relaunch” of Harbour Foods." in text(to_neil)
    )
    assert "* As: member * Project: Relaunch of Harbour Foods * Sign-in: neil@harrow.example" in text(to_neil)


async def test_3_2_the_admin_is_mailed_of_the_vendor_s_invite_and_not_of_their_own(
    brokers: Brokers, clock: ModuleType
) -> None:
    hanna = await brokers.hanna()
    await brokers.add()
    await scenes.drain()
    clock.advance(timedelta(minutes=1))
    company = {"partner_id": brokers.company.id, "name": "Neil New"}
    invite_id = await partners.invite_member(by=brokers.vera, email="neil@harrow.example", **company)
    to_hanna, to_neil = await scenes.drain()
    assert (str(to_hanna["Subject"]), str(to_neil["To"])) == ("Neil New is invited to join Harrow Brokers", NEIL)
    assert "Vera Vendor of Countersign invited neil@harrow.example to join Harrow Brokers. The invite" in text(to_hanna)
    await proposals.withdraw(invite_id, by=hanna)
    await partners.invite_member(by=hanna, email="neil@harrow.example", **company)
    assert [str(mail["To"]) for mail in await scenes.drain()] == [NEIL]


async def test_what_was_taken_back_before_it_left_is_mailed_to_nobody(brokers: Brokers) -> None:
    await brokers.hanna()
    await brokers.add()
    await scenes.drain()
    invite_id = await partners.invite_member(
        by=brokers.vera, partner_id=brokers.company.id, email="neil@harrow.example"
    )
    await proposals.withdraw(invite_id, by=brokers.vera)
    assert await scenes.drain() == []
    assert (await models.Mail.get(template="colleague-invited")).status is MailStatus.CANCELLED


# ── members ──


async def test_3_3_whoever_is_removed_is_told_and_the_admin_noticed(brokers: Brokers) -> None:
    await brokers.hanna()
    _, max_ = await brokers.max()
    await partners.remove_member(by=brokers.vera, member_id=max_.id)
    [mail] = await scenes.drain()
    assert outline(mail) == headers(MAX, "You are not a member of Harrow Brokers any more")
    assert (
        "Vera Vendor of Countersign removed you from Harrow Brokers on 21 November 2026, 20:46 UTC. You cannot act for "
        "it any more, and are off all projects that you were on for it; what else you have a place in stays as it is."
        in text(mail)
    )
    assert await _noticed("partner.member_removed") == {"Hanna Harrow": NoticeUrgency.INFO}


async def test_3_3_both_admins_are_told_who_is_it_now(brokers: Brokers) -> None:
    hanna = await brokers.hanna()
    _, max_ = await brokers.max()
    await partners.transfer_admin(by=hanna, partner_id=brokers.company.id, member_id=max_.id)
    mails = await scenes.drain()
    subject = "Harrow Brokers has another partner admin"
    assert [outline(mail) for mail in mails] == [headers(HANNA, subject), headers(MAX, subject)]
    for mail in mails:
        assert (
            "Hanna Harrow made Max Member the partner admin of Harrow Brokers on 21 November 2026, 20:46 UTC. Hanna "
            "Harrow was its admin until then, and stays a member." in text(mail)
        )
    assert await _noticed("partner.admin_transferred") == {"Max Member": NoticeUrgency.INFO}


async def test_3_1_the_admin_hears_of_other_licences(brokers: Brokers) -> None:
    await brokers.hanna()
    await partners.set_licences(by=brokers.vera, partner_id=brokers.company.id, licences=9)
    assert await scenes.drain() == []
    assert await _noticed("partner.licences_set") == {"Hanna Harrow": NoticeUrgency.INFO}


async def test_3_4_a_customer_s_details_and_its_end_are_told_the_admin_alone_and_not_whoever_works_for_another(
    brokers: Brokers,
) -> None:
    await brokers.hanna()
    await brokers.max()
    both = await given.engaged(brokers.project, brokers.company)
    await clients.update(by=brokers.clara, client_id=brokers.account.client_id, details={"phone": "+43 1"})
    await scenes.end(brokers.vera, both.partnership_id)
    told = [mail for mail in await scenes.drain() if "The partnership of Harrow" in str(mail["Subject"])]
    assert [mail["To"] for mail in told] == ["Clara Client <clara@harbour.example>", HANNA]
    for mail in told:
        assert (
            "Harrow Brokers is on no project of Harbour Foods any more, and whatever was still open there for its "
            "people is cancelled.\n\nCountersign writes:" in text(mail)
        )
        assert "to work together again, Harrow Brokers is brought into a project again." in text(mail)
    for topic in ("partnership.company_updated", "partnership.ended"):
        assert "Max Member" not in await _noticed(topic)
        assert (await _noticed(topic))["Hanna Harrow"] is NoticeUrgency.INFO


async def test_3_3_what_a_former_admin_had_asked_for_the_company_is_told_the_admin_of_today(
    brokers: Brokers, clock: ModuleType
) -> None:
    hanna = await brokers.hanna()
    _, max_ = await brokers.max()
    await given.engaged(brokers.project, brokers.company)
    await partners.invite_member(by=hanna, partner_id=brokers.company.id, email="neil@harrow.example", name="Neil New")
    await partners.transfer_admin(by=hanna, partner_id=brokers.company.id, member_id=max_.id)
    await scenes.drain()
    clock.advance(timedelta(days=8))
    [mail] = await scenes.drain()
    assert outline(mail) == headers(MAX, str(mail["Subject"]), "Sun, 29 Nov 2026 20:46:00 +0000")
    assert await _noticed("invite.expired") == {"Max Member": NoticeUrgency.INFO}
