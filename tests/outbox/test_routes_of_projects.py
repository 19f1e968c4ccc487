"""What is heard of projects: the mails and notices of approvals, ratings, action items, messages and places there."""

from collections.abc import Callable
from datetime import date, timedelta
from email.message import EmailMessage
from types import ModuleType

import orjson
import pytest

import models
import settings
from domain import action_items, approvals, clock, conversations, engagements, notices, proposals, ratings
from domain import webhooks as law
from domain.seats import Seat
from models.enums import (
    AccessStatus,
    ActionItemStatus,
    FileStatus,
    NoticeChannel,
    NoticeUrgency,
    PartnerMemberRole,
    ProjectStatus,
    SecurityRole,
)
from outbox import relay, webhooks
from tests import given
from tests.domain.inside import Inside, inside
from tests.outbox import scenes
from tests.outbox.scenes import headers, outline, text

pytestmark = pytest.mark.usefixtures("database", "data_dir", "clock")

HOME = "http://127.0.0.1:8000/"
DAY = timedelta(days=1)
INFO, ACTION = NoticeUrgency.INFO, NoticeUrgency.ACTION
CLEO = "Cleo Collaborator <cleo@harrow.example>"
ON_IT = (
    "-- You get this mail because you work on the project “Relaunch” of Harbour Foods. Questions? Write to "
    "support@countersign.example. Countersign"
)


@pytest.fixture
async def t(database: None) -> Inside:
    found = await inside()
    await models.User.filter(id=found.cleo.user_id).update(email="cleo@harrow.example")
    return found


async def ask(t: Inside, by: Seat, of: Seat, file_id: str | None = None) -> str:
    return await approvals.request(
        by=by, project_id=t.project.id, title="The design", approver_id=of.user_id, file_id=file_id
    )


def receivers(mails: list[EmailMessage], subject: str) -> list[str]:
    """Tell who got a mail with a subject, by name."""
    return sorted(mail["To"].addresses[0].display_name for mail in mails if mail["Subject"] == subject)


async def noticed(topic: str) -> dict[str, NoticeUrgency]:
    """Publish what has happened, and tell who has a notice of a topic, by name."""
    await scenes.drain()
    found = await models.Notice.filter(event__topic=topic).select_related("seat__user")
    assert len(found) == len({notice.seat_id for notice in found})
    return {notice.seat.user.name: notice.urgency for notice in found}


# ── approvals ──


async def test_3_5_who_is_asked_for_an_approval_hears_of_it_and_nobody_else(t: Inside) -> None:
    shows = await models.ProjectFile.create(
        project=t.project,
        name="design.pdf",
        status=FileStatus.READY,
        content_type="application/pdf",
        size=1,
        digest="0" * 64,
        uploaded_by_id=t.vera.user_id,
        uploaded_at=t.project.created_at,
    )
    approval_id = await ask(t, t.vera, t.cleo, shows.id)
    [mail] = await scenes.drain()
    assert outline(mail) == headers(CLEO, "Countersign asks for your approval: The design")
    assert (
        text(mail)
        == f"""\
“The design” waits for your approval

Hello Cleo Collaborator,

Vera Vendor of Countersign asks you to approve “The design” in the project “Relaunch” of Harbour Foods. Nobody else \
can answer for you.

* Project: Relaunch * Account: Main shop of Harbour Foods * File: design.pdf * Open until: 5 December 2026, 20:46 UTC

Approve or decline: {HOME}graphql

If you do nothing, we remind you and the question ends by itself on 5 December 2026, 20:46 UTC. Silence is no approval.

{ON_IT}"""
    )
    assert await noticed("approval.requested") == {"Cleo Collaborator": ACTION}
    notice = await models.Notice.get(seat_id=t.cleo.id)
    assert notice.proposal_id == approval_id


async def test_with_a_portal_a_mail_leads_to_the_project_there(t: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_PORTAL_URL", "https://portal.example/app/")
    settings.load.cache_clear()
    await ask(t, t.vera, t.cleo)
    [mail] = await scenes.drain()
    assert f"https://portal.example/app/projects/{t.project.id}\n" in text(mail)


async def test_an_approval_that_is_not_asked_for_any_more_asks_nobody(t: Inside) -> None:
    await proposals.withdraw(await ask(t, t.vera, t.cleo), by=t.vera)
    [mail] = await scenes.drain()
    assert outline(mail) == headers(CLEO, "Countersign no longer asks for your approval: The design")
    assert "It can no longer be answered." in text(mail)
    assert await noticed("approval.withdrawn") == {"Cleo Collaborator": INFO}


async def test_5_3_it_is_reminded_of_after_3_and_7_days(t: Inside, clock: ModuleType) -> None:
    await ask(t, t.owner, t.cleo)
    await scenes.drain()
    for days in (3, 4):
        clock.advance(days * DAY)
        [mail] = await scenes.drain()
        assert (mail["To"], mail["Subject"]) == (CLEO, "Still open: Harbour Foods asks for your approval: The design")
        assert (
            "On 21 November 2026, 20:46 UTC, Clara Client of Harbour Foods asked you to approve “The design” in the "
            "project “Relaunch” of Harbour Foods." in text(mail)
        )
        assert await noticed("approval.reminded") == {"Cleo Collaborator": ACTION}
        await models.Notice.all().delete()


@pytest.mark.parametrize(
    ("verb", "topic", "subject", "says"),
    [
        (
            proposals.accept,
            "approval.accepted",
            "Cleo Collaborator approved: The design",
            "Cleo Collaborator approved “The design”",
        ),
        (
            proposals.decline,
            "approval.declined",
            "Cleo Collaborator did not approve: The design",
            "Cleo Collaborator declined to approve “The design”",
        ),
    ],
)
async def test_5_3_who_asked_is_told_of_the_answer(
    t: Inside, verb: Callable[..., object], topic: str, subject: str, says: str
) -> None:
    approval_id = await ask(t, t.sam, t.cleo)
    await scenes.drain()
    await verb(approval_id, by=t.cleo, comment="As you wish.\nReally.")  # type: ignore[misc]  # a verb
    [mail] = await scenes.drain()
    assert (mail["To"].addresses[0].display_name, mail["Subject"]) == ("Sam Staff", subject)
    asked = "which Harbour Foods had asked for in the project “Relaunch” of Harbour Foods."
    assert f"{says}, {asked}\n\nThey wrote:\n\n> As you wish. > Really." in text(mail)
    assert await noticed(topic) == {"Sam Staff": INFO}


async def test_5_3_who_asked_is_told_that_nobody_answered(t: Inside, clock: ModuleType) -> None:
    await ask(t, t.vera, t.cleo)
    clock.advance(14 * DAY)
    mails = await scenes.drain()
    subject = "Nobody answered whether it is approved: The design"
    assert receivers(mails, subject) == ["Vera Vendor"]
    [mail] = [mail for mail in mails if mail["Subject"] == subject]
    assert (
        "Cleo Collaborator was asked to approve “The design” in the project “Relaunch” of Harbour Foods until "
        "5 December 2026, 20:46 UTC, and did not answer." in text(mail)
    )
    assert await noticed("approval.expired") == {"Vera Vendor": INFO}


async def test_5_3_who_asked_is_told_of_what_a_colleague_withdrew(t: Inside) -> None:
    approval_id = await ask(t, t.sam, t.cleo)
    await scenes.drain()
    await proposals.withdraw(approval_id, by=t.owner)
    mails = await scenes.drain()
    assert receivers(mails, "Your question was withdrawn: The design") == ["Sam Staff"]
    [told] = [mail for mail in mails if mail["Subject"] == "Your question was withdrawn: The design"]
    assert "Clara Client has withdrawn for Harbour Foods what you had asked of Cleo Collaborator" in text(told)
    assert await noticed("approval.withdrawn") == {"Cleo Collaborator": INFO, "Sam Staff": INFO}


async def test_5_3_where_who_asked_sees_the_project_no_more_their_company_is_told_and_nobody_else(t: Inside) -> None:
    """A client's owners of that account, a partner's admin who may open it, a client partner's admin."""
    boss = await given.user("Bo Boss")
    await given.member(await models.Partner.get(id=t.paula.partner_id), PartnerMemberRole.ADMIN, boss)
    annex = await given.staff(await given.account(await models.Client.get(id=t.account.client_id), "Annex"))
    await models.User.filter(id=annex.user_id).update(name="Anna Annex")
    asked = [(await ask(t, by, t.vera), by) for by in (t.sam, t.paula, t.cleo)]
    await t.leave(t.cleo)
    await models.StaffMember.filter(user_id=t.sam.user_id).update(removed_at=t.project.created_at)
    await models.Seat.filter(id__in=[t.sam.id, t.paula.id]).update(ended_at=t.project.created_at)
    await scenes.drain()
    for approval_id, _ in asked:
        await proposals.decline(approval_id, by=t.vera)
    assert await noticed("approval.declined") == {"Clara Client": INFO, "Bo Boss": INFO, "Ada Admin": INFO}
    subject = "Vera Vendor did not approve: The design"
    assert receivers(scenes.arrived(), subject) == ["Ada Admin", "Bo Boss", "Clara Client"]


async def test_1_6_a_partner_that_is_shut_out_hears_nothing_of_what_it_had_asked(t: Inside) -> None:
    approval_id = await ask(t, t.paula, t.vera)
    await models.AccessGrant.filter(id=t.grant.id).update(status=AccessStatus.DISABLED)
    await proposals.decline(approval_id, by=t.vera)
    assert await noticed("approval.declined") == {}


async def test_who_is_asked_hears_of_it_in_each_seat_that_sees_the_project(t: Inside) -> None:
    cleo = await models.User.get(id=t.cleo.user_id)
    as_staff = await given.staff(t.account, SecurityRole.STAFF, cleo)
    await given.staff(await models.Account.get(id=t.other.account_id), SecurityRole.STAFF, cleo)
    await ask(t, t.vera, t.cleo)
    assert [mail["To"] for mail in await scenes.drain()] == [CLEO]
    heard = await models.Notice.all()
    assert {notice.seat_id for notice in heard} == {t.cleo.id, as_staff.id}


# ── muting ──


async def test_5_1_a_muted_topic_makes_no_notice_and_no_mail_in_that_seat(t: Inside) -> None:
    await notices.set_preference("approval.requested", [NoticeChannel.EMAIL], by=t.cleo)
    await notices.set_preference("approval.requested", [NoticeChannel.PORTAL], by=t.sam)
    await notices.set_preference("approval.requested", [NoticeChannel.PORTAL], by=t.paula)
    await notices.set_preference("approval.requested", [], by=t.owner)
    for of in (t.cleo, t.sam, t.paula, t.owner):
        await ask(t, t.vera, of)
    assert [mail["To"] for mail in await scenes.drain()] == [CLEO]
    assert await noticed("approval.requested") == {"Sam Staff": ACTION, "Paula Partner": ACTION}


async def test_5_1_what_one_mutes_for_one_company_is_heard_for_another(t: Inside) -> None:
    elsewhere = await given.staff(
        await models.Account.get(id=t.other.account_id), user=await models.User.get(id=t.cleo.user_id)
    )
    await notices.set_preference("approval.requested", [], by=elsewhere)
    await ask(t, t.vera, t.cleo)
    assert [mail["To"] for mail in await scenes.drain()] == [CLEO]
    assert await noticed("approval.requested") == {"Cleo Collaborator": ACTION}


# ── ratings and action items ──


async def test_3_5_who_is_asked_for_a_rating_hears_of_it_and_who_asked_of_the_rating(t: Inside) -> None:
    rating_id = await ratings.request(by=t.vera, project_id=t.project.id, user_id=t.cleo.user_id)
    [mail] = await scenes.drain()
    assert outline(mail) == headers(CLEO, "How satisfied are you with “Relaunch”?")
    assert (
        text(mail)
        == f"""\
How satisfied are you with “Relaunch”?

Hello Cleo Collaborator,

Vera Vendor of Countersign would like to know how satisfied you are with the project “Relaunch” of Harbour Foods, from \
1 to 5. Everybody on the project can read your rating, and what you add to it.

Give a rating: {HOME}graphql

If you do nothing, no rating is given.

{ON_IT}"""
    )
    assert await noticed("rating.requested") == {"Cleo Collaborator": INFO}
    await ratings.give(by=t.cleo, rating_id=rating_id, score=4)
    assert await scenes.drain() == []
    assert await noticed("rating.given") == {"Vera Vendor": INFO}


async def test_a_rating_that_was_given_meanwhile_is_asked_of_nobody(t: Inside) -> None:
    rating_id = await ratings.request(by=t.vera, project_id=t.project.id, user_id=t.cleo.user_id)
    await ratings.give(by=t.cleo, rating_id=rating_id, score=4)
    assert await scenes.drain() == []


async def assigned(t: Inside, by: Seat, to: Seat | None, due_on: date | None = None) -> str:
    return await action_items.create(
        by=by,
        project_id=t.project.id,
        title="Send the logo",
        assignee_id=to.user_id if to else None,
        due_on=due_on,
    )


async def test_3_5_who_is_to_do_something_hears_of_it(t: Inside) -> None:
    await assigned(t, t.owner, t.cleo, date(2026, 12, 1))
    [mail] = await scenes.drain()
    assert outline(mail) == headers(CLEO, "For you to do: Send the logo")
    assert (
        text(mail)
        == f"""\
“Send the logo” is yours to do

Hello Cleo Collaborator,

Clara Client assigned you an action item in the project “Relaunch” of Harbour Foods: “Send the logo”.

* Project: Relaunch * Account: Main shop of Harbour Foods * Due: 1 December 2026

Open the project: {HOME}graphql

It stays open until somebody on the project marks it as done, or cancels it.

{ON_IT}"""
    )
    assert await noticed("action_item.created") == {"Cleo Collaborator": INFO}


async def test_what_is_for_anybody_or_for_oneself_is_told_nobody(t: Inside) -> None:
    await assigned(t, t.owner, None)
    await assigned(t, t.owner, t.owner)
    assert await scenes.drain() == []
    assert await noticed("action_item.created") == {}


async def test_what_was_done_meanwhile_is_asked_of_nobody_and_told_who_asked(t: Inside) -> None:
    item_id = await assigned(t, t.owner, t.cleo)
    await action_items.set_status(by=t.sam, action_item_id=item_id, status=ActionItemStatus.DONE)
    assert await scenes.drain() == []
    assert await noticed("action_item.status_set") == {"Clara Client": INFO, "Cleo Collaborator": INFO}


# ── conversations, and what goes on ──


async def test_3_5_a_message_is_told_those_who_take_part_and_those_who_are_assigned(t: Inside) -> None:
    conversation_id = await conversations.start(by=t.vera, project_id=t.project.id, title="Colours")
    assert await noticed("conversation.started") == {}
    await conversations.post(by=t.owner, conversation_id=conversation_id, body="Blue?")
    assert await noticed("message.posted") == {"Cleo Collaborator": INFO}
    await conversations.mark_read(by=t.paula, conversation_id=conversation_id)
    await models.Notice.all().delete()
    await conversations.post(by=t.cleo, conversation_id=conversation_id, body="Green.")
    assert await noticed("message.posted") == {"Clara Client": INFO, "Paula Partner": INFO}
    assert scenes.arrived() == []


async def test_3_6_whoever_sees_the_project_no_more_hears_no_message(t: Inside) -> None:
    conversation_id = await conversations.start(by=t.vera, project_id=t.project.id, title="Colours")
    for by in (t.paula, t.cleo, t.sam):
        await conversations.mark_read(by=by, conversation_id=conversation_id)
    await t.leave(t.cleo)
    await models.AccessGrant.filter(id=t.grant.id).update(expires_at=t.project.created_at)
    await models.StaffMember.filter(user_id=t.sam.user_id).update(removed_at=t.project.created_at)
    await conversations.post(by=t.owner, conversation_id=conversation_id, body="Blue?")
    assert await noticed("message.posted") == {}


async def test_the_projects_progress_is_told_the_client_partners_who_are_assigned(t: Inside) -> None:
    await engagements.update(by=t.owner, project_id=t.project.id, status=ProjectStatus.ACTIVE)
    assert await noticed("project.updated") == {"Cleo Collaborator": INFO}


# ── places ──


async def put_on(t: Inside, who: Seat) -> str:
    member = await models.PartnerMember.get(user_id=who.user_id, partner_id=t.broker.id)
    await engagements.add_partner(by=t.vera, project_id=t.project.id, partner_id=t.broker.id, member_ids=[member.id])
    return (await models.ProjectMember.get(project=t.project, user_id=who.user_id, removed_at=None)).id


async def test_3_2_whoever_is_put_on_a_project_is_told(t: Inside) -> None:
    await put_on(t, t.carl)
    mails = await scenes.drain()
    subject = "You are on the project “Relaunch” of Harbour Foods"
    assert receivers(mails, subject) == ["Carl Collaborator"]
    [mail] = [mail for mail in mails if mail["Subject"] == subject]
    assert (
        "Vera Vendor of Countersign put you on the project “Relaunch” in the account “Main shop” of Harbour Foods for "
        "Harrow Brokers." in text(mail)
    )
    assert "You get this mail, and cannot turn it off" in text(mail)
    assert (await noticed("project.member_added"))["Carl Collaborator"] is INFO


async def test_3_6_whoever_is_taken_off_is_told_by_mail_and_who_asked_them_by_notice(t: Inside) -> None:
    await ask(t, t.sam, t.cleo)
    await scenes.drain()
    place = await models.ProjectMember.get(project=t.project, user_id=t.cleo.user_id)
    await engagements.remove_member(by=t.owner, member_id=place.id)
    [mail] = await scenes.drain()
    assert outline(mail) == headers(CLEO, "You are no longer on the project “Relaunch” of Harbour Foods")
    assert "Clara Client took you off the project “Relaunch” of Harbour Foods on 21 November 2026" in text(mail)
    assert await noticed("project.member_removed") == {"Sam Staff": INFO}


async def test_whoever_was_put_on_and_taken_off_at_once_hears_of_the_end_alone(t: Inside) -> None:
    place_id = await put_on(t, t.carl)
    await engagements.remove_member(by=t.vera, member_id=place_id)
    mails = [str(mail["Subject"]) for mail in await scenes.drain() if "Carl" in str(mail["To"])]
    assert mails == ["You are no longer on the project “Relaunch” of Harbour Foods"]


async def test_3_3_a_companys_admin_who_goes_on_seeing_a_project_is_not_told_otherwise(t: Inside) -> None:
    place_id = await put_on(t, t.ada)
    await scenes.drain()
    await engagements.remove_member(by=t.vera, member_id=place_id)
    assert await scenes.drain() == []


async def test_3_6_a_company_that_is_taken_off_is_told_with_all_its_people(t: Inside) -> None:
    await ask(t, t.sam, t.cleo)
    await scenes.drain()
    await engagements.remove_partner(by=t.owner, project_id=t.project.id, partner_id=t.broker.id)
    mails = await scenes.drain()
    subject = "Harrow Brokers is no longer on the project “Relaunch” of Harbour Foods"
    assert receivers(mails, subject) == ["Ada Admin", "Cleo Collaborator"]
    assert not any("goes on seeing" in text(mail) for mail in mails)
    assert await noticed("project.partner_removed") == {"Sam Staff": INFO}


async def test_3_3_a_company_that_stays_on_another_project_of_the_account_is_told_that_its_admin_goes_on(
    t: Inside,
) -> None:
    stays = "Its partner admin goes on seeing it, with all projects of the account, as long as the company is on"
    await given.engaged(await given.project(t.account, "Shop"), t.broker)
    await engagements.remove_partner(by=t.owner, project_id=t.project.id, partner_id=t.broker.id)
    to_ada, to_cleo = await scenes.drain()
    assert [stays in text(mail) for mail in (to_ada, to_cleo)] == [True, True]
    assert "Ada Admin" in str(to_ada["To"])


# ── what one customer's projects are to another's people ──


async def test_3_4_nothing_of_one_customers_project_reaches_another_through_a_shared_client_partner(t: Inside) -> None:
    await given.engaged(t.other, t.broker)
    await given.on_project(t.other, t.carl)
    await given.on_project(t.other, t.ada, is_assigned=False)
    for of in (t.cleo, t.ada, t.sam):
        await ask(t, t.vera, of)
    await ratings.request(by=t.vera, project_id=t.project.id, user_id=t.cleo.user_id)
    conversation_id = await conversations.start(by=t.vera, project_id=t.project.id, title="Colours")
    await conversations.post(by=t.owner, conversation_id=conversation_id, body="Blue?")
    await engagements.update(by=t.owner, project_id=t.project.id, status=ProjectStatus.ACTIVE)
    await scenes.drain()
    heard = await models.Notice.all().select_related("seat__user")
    assert {notice.seat.user.name for notice in heard} == {"Cleo Collaborator", "Ada Admin", "Sam Staff"}
    assert "Oscorp" not in "".join(mail.as_string() for mail in scenes.arrived())


# ── webhooks ──


async def endpoints(t: Inside) -> dict[str, models.WebhookEndpoint]:
    """Give everybody who could hear of the project a webhook, and some who could not."""
    northwind = await models.Partner.get(id=t.paula.partner_id)
    idle = await given.client_partner("Idle Brokers")
    await given.engaged(t.other, idle)
    owners = {
        "vendor": None,
        "client": await models.Client.get(id=t.account.client_id),
        "another client": await models.Client.get(id=t.olga.client_id),
        "partner": northwind,
        "another partner": await given.partner("Southwind"),
        "client partner": t.broker,
        "another client partner": idle,
    }
    # Where nothing is ever sent to.
    return {name: await given.endpoint(of, url="https://127.0.0.1/") for name, of in owners.items()}


async def hear(who: dict[str, models.WebhookEndpoint], topic: str) -> set[str]:
    """Publish what has happened; tell who is to get the last event of a topic."""
    await relay.publish(clock.now())
    event = await models.Event.filter(topic=topic).order_by("-pos").first()
    assert event is not None
    found = {delivery.endpoint_id for delivery in await models.WebhookDelivery.filter(event_id=event.id)}
    return {name for name, endpoint in who.items() if endpoint.id in found}


async def test_5_2_a_projects_events_go_to_the_programs_of_those_who_are_in_it(t: Inside) -> None:
    who = await endpoints(t)
    approval_id = await ask(t, t.vera, t.cleo)
    assert await hear(who, "approval.requested") == {"vendor", "client", "partner", "client partner"}
    event = await models.Event.get(topic="approval.requested")
    assert orjson.loads(webhooks.payload(event)) == {
        "type": "approval.requested",
        "timestamp": "2026-11-21T20:46:00.000000Z",
        "data": {
            "eventId": event.id,
            "subjectId": approval_id,
            "projectId": t.project.id,
            "proposalId": approval_id,
        },
    }


async def test_1_6_a_partner_hears_of_projects_only_while_it_may_open_the_account(t: Inside) -> None:
    who = await endpoints(t)
    for shut in ({"status": AccessStatus.DISABLED}, {"status": AccessStatus.ENABLED, "expires_at": clock.now()}):
        await models.AccessGrant.filter(id=t.grant.id).update(**shut)
        await ask(t, t.vera, t.cleo)
        assert await hear(who, "approval.requested") == {"vendor", "client", "client partner"}


async def test_3_3_a_client_partner_hears_of_all_projects_of_accounts_in_which_it_is_and_of_no_others(
    t: Inside,
) -> None:
    who = await endpoints(t)
    sibling = await given.project(t.account, "Another")
    await action_items.create(by=t.vera, project_id=sibling.id, title="X")
    assert await hear(who, "action_item.created") == {"vendor", "client", "partner", "client partner"}
    await models.ProjectPartner.filter(partner_id=t.broker.id).update(removed_at=clock.now())
    await action_items.create(by=t.vera, project_id=sibling.id, title="X")
    assert await hear(who, "action_item.created") == {"vendor", "client", "partner"}


async def test_5_2_what_was_queued_is_not_sent_once_the_right_is_gone_nor_replayed(t: Inside) -> None:
    who = await endpoints(t)
    await ask(t, t.vera, t.cleo)
    await hear(who, "approval.requested")
    await models.AccessGrant.filter(id=t.grant.id).update(status=AccessStatus.DISABLED)
    await scenes.drain()
    delivery = await models.WebhookDelivery.get(endpoint_id=who["partner"].id)
    assert [each["error"] for each in delivery.attempts] == [
        "Not sent: the endpoint may not hear of this event any more, or has not chosen its topic."
    ]
    boss = await given.member(await models.Partner.get(id=t.paula.partner_id), PartnerMemberRole.ADMIN)
    await law.replay(by=boss, endpoint_id=who["partner"].id, after=0)
    replayed = await models.Event.get(topic="webhook.replayed")
    assert replayed.changes == [{"field": "deliveries", "before": None, "after": "0"}]


async def test_5_2_a_replay_sends_an_event_once_though_a_company_is_in_several_projects(t: Inside) -> None:
    who = await endpoints(t)
    await given.engaged(await given.project(t.account, "Another"), t.broker)
    for _ in range(3):
        await ask(t, t.vera, t.cleo)
    await relay.publish(clock.now())
    by = t.vera
    for name, count in {"partner": 3, "client": 3, "client partner": 3, "another client": 0}.items():
        await models.Event.filter(topic="webhook.replayed").delete()
        await law.replay(by=by, endpoint_id=who[name].id, after=0)
        replayed = await models.Event.get(topic="webhook.replayed")
        assert (name, replayed.changes[0]["after"]) == (name, str(count))
