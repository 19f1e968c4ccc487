"""What two partners hear of each other while their sockets are open: at once, once, and for as long as they may."""

import asyncio
import time

from tortoise.expressions import F

from domain import clock
from models.seat import Seat
from tests.journeys.northwind import TERMS
from tests.journeys.portal import Json, Person
from tests.journeys.test_modification_story import (  # noqa: F401  a fixture
    END,
    IN_30_DAYS,
    Work,
    work,
)
from tests.server.listening import Socket, at_once, listening

MODIFIED, DECLINED, WITHDRAWN, ACCEPTED = (
    f"partnership.modification.{what}" for what in ("submitted", "declined", "withdrawn", "accepted")
)

NOTICE = "id urgency readAt acknowledgedAt dueAt event { topic summary cursor } proposal { id status }"
NOTICES = f"subscription Live($after: Cursor) {{ notices(after: $after) {{ {NOTICE} }} }}"
BELL = f"{{ viewer {{ notices(first: 100) {{ totalCount nodes {{ {NOTICE} }} }} }} }}"
PREFERENCES = "{ viewer { noticePreferences { topic channels } } }"
HISTORY = """
subscription History($id: ID!, $after: Cursor) {
  partnershipEvents(partnershipId: $id, after: $after) { cursor topic reason partnership { status } }
}
"""
ACCOUNT = "subscription Account($id: ID!) { accountEvents(accountId: $id) { topic } }"
SESSIONS = "{ viewer { sessions { id current } } }"


async def position(of: Person) -> str:
    """The head of the log."""
    return str((await of.reads("{ position }"))["position"])


async def bell(of: Person) -> list[Json]:
    """All notices of a person, oldest first."""
    page = (await of.reads(BELL))["viewer"]["notices"]
    assert page["totalCount"] == len(page["nodes"])
    return list(reversed(page["nodes"]))


async def hears(socket: Socket, document: str, **variables: object) -> str:
    """Listen from now on; the subscription's name."""
    name = await socket.ask(document, variables)
    await socket.settled()
    return name


def told(notice: Json) -> Json:
    """A notice without what differs from run to run."""
    assert notice["id"].startswith("notice_")
    assert notice["event"]["cursor"] is not None
    event = {name: value for name, value in notice["event"].items() if name != "cursor"}
    return {**{name: value for name, value in notice.items() if name != "id"}, "event": event}


def expected(urgency: str, topic: str, summary: str, proposal: Json | None, due: str | None = None) -> Json:
    """An unread notice."""
    return {
        "urgency": urgency,
        "readAt": None,
        "acknowledgedAt": None,
        "dueAt": due,
        "event": {"topic": topic, "summary": summary},
        "proposal": proposal,
    }


async def test_4_3_the_client_hears_of_a_modification_and_the_partner_of_its_answer_within_a_second(
    work: Work,  # noqa: F811
) -> None:
    url, took = work.clara.browser.base_url, []
    async with listening(url, work.clara.token) as of_clara, listening(url, work.paula.token) as of_paula:
        to_clara, to_paula = await hears(of_clara, NOTICES), await hears(of_paula, NOTICES)
        for title in ("Garden care", "Window care", "Roof care"):
            asked = await work.proposes(work.paula, "The season changes.", terms={**TERMS, "title": title})
            answered = time.monotonic()
            notice = await of_clara.event(to_clara)
            took.append(time.monotonic() - answered)
            assert told(notice) == expected(
                "ACTION",
                MODIFIED,
                "The partner proposed a modification.",
                {"id": asked, "status": "PENDING"},
                due=IN_30_DAYS,
            )
            await work.clara.does("proposalDecline", proposalId=asked, comment="Not this year.")
            assert told(await of_paula.event(to_paula)) == expected(
                "INFO", DECLINED, "The client declined the modification.", {"id": asked, "status": "DECLINED"}
            )
    assert min(took) < at_once()
    # What was answered asks for nothing any more.
    assert [(each["urgency"], each["dueAt"], each["proposal"]["status"]) for each in await bell(work.clara)] == [
        ("ACTION", None, "DECLINED")
    ] * 3


async def test_p4_a_socket_that_is_killed_in_the_middle_loses_nothing_and_repeats_nothing(
    work: Work,  # noqa: F811
) -> None:
    url, heard = work.clara.browser.base_url, []
    after = await position(work.clara)

    async def paula_is_undecided() -> None:
        for number in range(8):
            asked = await work.proposes(work.paula, "Now?", terms={**TERMS, "title": f"Care {number}"})
            await work.paula.does("proposalWithdraw", proposalId=asked)

    async with asyncio.timeout(60), asyncio.TaskGroup() as everything:
        everything.create_task(paula_is_undecided())
        for _ in range(4):
            async with listening(url, work.clara.token) as of_clara:
                name = await of_clara.ask(NOTICES, {"after": after})
                for _ in range(4):
                    notice = await of_clara.event(name)
                    heard.append(notice)
                    after = notice["event"]["cursor"]
                of_clara.wire.transport.abort()
    assert [each["event"]["topic"] for each in heard] == [MODIFIED, WITHDRAWN] * 8
    assert [each["id"] for each in heard] == [each["id"] for each in await bell(work.clara)]
    # Nor is there anything left to hear but what comes next.
    async with listening(url, work.clara.token) as of_clara:
        name = await of_clara.ask(NOTICES, {"after": after})
        asked = await work.proposes(work.paula, "Once more.", terms={**TERMS, "title": "Care"})
        assert (await of_clara.event(name))["proposal"]["id"] == asked


async def test_5_1_each_mutes_a_topic_where_it_is_too_much(work: Work) -> None:  # noqa: F811
    url = work.clara.browser.base_url
    await work.clara.does("noticePreferenceSet", topic=MODIFIED, channels=["EMAIL"])
    await work.paula.does("noticePreferenceSet", topic=DECLINED, channels=["PORTAL"])
    for person, topic, channel in ((work.clara, MODIFIED, "EMAIL"), (work.paula, DECLINED, "PORTAL")):
        assert await person.reads(PREFERENCES) == {
            "viewer": {"noticePreferences": [{"topic": topic, "channels": [channel]}]}
        }
    async with listening(url, work.clara.token) as of_clara, listening(url, work.paula.token) as of_paula:
        to_clara, to_paula = await hears(of_clara, NOTICES), await hears(of_paula, NOTICES)
        asked = await work.proposes(work.paula, "Now?", terms={**TERMS, "title": "Garden care"})
        subject = "Northwind proposes changes to your partnership: Shop care"
        assert (await work.clara.next_mail()).subject == subject
        await work.clara.does("proposalDecline", proposalId=asked, comment="Not this year.")
        assert (await of_paula.event(to_paula))["event"]["topic"] == DECLINED

        again = await work.proposes(work.paula, "Next year?", terms={**TERMS, "title": "Window care"})
        assert (await work.clara.next_mail()).subject == subject
        await work.paula.does("proposalWithdraw", proposalId=again)
        assert (await of_clara.event(to_clara))["event"]["topic"] == WITHDRAWN
        assert (await work.clara.next_mail()).subject.startswith("Northwind has withdrawn its changes")

        last = await work.proposes(work.paula, "Then?", terms={**TERMS, "title": "Roof care"})
        await work.clara.does("proposalAccept", proposalId=last)
        assert (await of_paula.event(to_paula))["event"]["topic"] == ACCEPTED
        assert (await work.paula.next_mail()).subject.startswith("Harbour Foods accepted your changes")
    assert [each["event"]["topic"] for each in await bell(work.clara)] == [WITHDRAWN]
    assert work.paula.unread() == []


async def test_p5_a_stream_ends_within_a_second_when_its_session_is_ended_elsewhere(
    work: Work,  # noqa: F811
) -> None:
    phone = work.clara.elsewhere()
    await phone.signs_in()
    [at_desk] = [each["id"] for each in (await work.clara.reads(SESSIONS))["viewer"]["sessions"] if each["current"]]
    async with (
        listening(work.clara.browser.base_url, work.clara.token) as of_desk,
        listening(work.clara.browser.base_url, phone.token) as of_phone,
    ):
        at_desk_heard, on_phone = await hears(of_desk, NOTICES), await hears(of_phone, NOTICES)
        await phone.does("sessionEnd", sessionId=at_desk)
        ended = time.monotonic()
        assert await of_desk.code(at_desk_heard) == "SESSION_ENDED"
        assert await of_desk.closed() == (4403, "Forbidden")
        assert time.monotonic() - ended < at_once()
        await work.proposes(work.paula, "Now?", terms={**TERMS, "title": "Garden care"})
        assert (await of_phone.event(on_phone))["event"]["topic"] == MODIFIED


async def test_p5_a_stream_ends_within_a_second_when_its_seat_has_ended(work: Work) -> None:  # noqa: F811
    async with listening(work.clara.browser.base_url, work.clara.token) as of_clara:
        name = await hears(of_clara, NOTICES)
        # No verb takes a person's seat away yet.
        await Seat.filter(client_id=work.client).update(ended_at=clock.now(), version=F("version") + 1)
        ended = time.monotonic()
        assert await of_clara.code(name) == "SESSION_ENDED"
        assert await of_clara.closed() == (4403, "Forbidden")
        assert time.monotonic() - ended < at_once()


async def test_4_7_the_end_is_heard_ends_what_was_lent_and_leaves_the_history_to_both(
    work: Work,  # noqa: F811
) -> None:
    url = work.clara.browser.base_url
    preview = (await work.clara.reads(END, id=work.id))["partnership"]["endPreview"]
    before = await position(work.clara)
    end = {"topic": "partnership.ended", "reason": "We close the shop.", "partnership": {"status": "ENDED"}}
    async with listening(url, work.paula.token) as of_paula, listening(url, work.clara.token) as of_clara:
        to_account = await hears(of_paula, ACCOUNT, id=work.account)
        to_notices = await hears(of_paula, NOTICES)
        histories = [(each, await hears(each, HISTORY, id=work.id)) for each in (of_paula, of_clara)]
        await work.clara.does(
            "partnershipEnd", partnershipId=work.id, reason=end["reason"], confirmation=preview["confirmation"]
        )
        ended = time.monotonic()
        assert await of_paula.code(to_account) == "ACCESS_ENDED"
        assert time.monotonic() - ended < at_once()
        for socket, name in histories:
            event = await socket.event(name)
            assert event.pop("cursor") not in {None, before}
            assert event == end
            assert (await socket.event(name))["topic"] == "grant.disconnected"
        assert told(await of_paula.event(to_notices)) == expected(
            "INFO", "partnership.ended", "The client ended the partnership.", proposal=None
        )
        assert await of_paula.code(await of_paula.ask(ACCOUNT, {"id": work.account})) == "ACCESS_ENDED"
    # It is over, and its history stays: it is heard again from before the end by whoever comes back.
    for person in (work.paula, work.clara):
        async with listening(url, person.token) as socket:
            name = await socket.ask(HISTORY, {"id": work.id, "after": before})
            topics = [(await socket.event(name))["topic"] for _ in range(2)]
            await socket.settled()
        assert (topics, socket.kept.get(name, [])) == (["partnership.ended", "grant.disconnected"], [])
