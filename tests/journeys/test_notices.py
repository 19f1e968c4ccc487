"""What is addressed to people: counted, read, acknowledged, muted; each one's own, and nobody else's to touch."""

from datetime import timedelta
from types import ModuleType

import pytest

from tests.journeys import judge
from tests.journeys import market as companies
from tests.journeys.market import Market
from tests.journeys.portal import Json, Person, mutation

BELL = """
query Bell($unread: Boolean, $urgency: NoticeUrgency) {
  viewer {
    unreadNotices
    seat { unreadNotices waiting }
    notices(unread: $unread, urgency: $urgency, first: 100) {
      totalCount
      nodes { id urgency readAt acknowledgedAt dueAt event { topic cursor } proposal { id } }
    }
  }
}
"""
NODE = "query Node($id: ID!) { node(id: $id) { id ... on Notice { readAt } } }"
COUNT = "unreadNotices"
NOW = "2026-11-21T20:46:00.000000Z"
LATER = "2026-11-21T21:46:00.000000Z"
IN_30_DAYS = "2026-12-21T20:46:00.000000Z"


async def bell(of: Person, **which: object) -> Json:
    """What is addressed to a person, with its counts; newest first."""
    viewer: Json = (await of.reads(BELL, **which))["viewer"]
    assert viewer["seat"]["unreadNotices"] == viewer["unreadNotices"]
    assert viewer["notices"]["totalCount"] == len(viewer["notices"]["nodes"])
    return viewer


async def notices(of: Person, topic: str | None = None) -> list[Json]:
    """A person's notices, of one topic or of all, newest first."""
    nodes: list[Json] = (await bell(of))["notices"]["nodes"]
    return [node for node in nodes if topic in {None, node["event"]["topic"]}]


async def a_notice(of: Person, topic: str) -> Json:
    """The only notice of a topic."""
    [notice] = await notices(of, topic)
    return notice


async def offer(market: Market) -> str:
    """Let Northwind offer Harbour Foods a partnership, and everybody concerned hear of it; the offer's id."""
    made = await companies.offer(market)
    await judge.carry_on()
    return str(made["offer"]["id"])


async def agree(market: Market) -> None:
    """Let Northwind, where Paula and Pia are, and Harbour Foods work together."""
    await market.clara.does("proposalAccept", proposalId=await offer(market), accountIds=[market.shop])
    await judge.carry_on()


async def change_of_contact(market: Market) -> str:
    """Let Harbour Foods, which Rivals work for too, change a contact of its own; its id."""
    made = await market.clara.does("contactCreate", "contact { id }", organisationId=market.harbour, name="Carl Client")
    contact = str(made["contact"]["id"])
    await market.clara.does("contactUpdate", contactId=contact, title="Dr.")
    await judge.carry_on()
    return contact


# ── read ──


async def test_5_1_what_is_read_leaves_the_counts(market: Market, clock: ModuleType) -> None:
    offers = [await offer(market)]
    await market.paula.does("proposalWithdraw", proposalId=offers[0])
    offers.append(await offer(market))
    again, withdrawn, first = await notices(market.clara)
    assert [(each["event"]["topic"], each["urgency"], each["dueAt"]) for each in (again, withdrawn, first)] == [
        ("partnership.offered", "ACTION", IN_30_DAYS),
        ("partnership.withdrawn", "INFO", None),
        ("partnership.offered", "ACTION", None),
    ]
    assert [each["proposal"]["id"] for each in (again, withdrawn, first)] == [offers[1], offers[0], offers[0]]
    viewer = await bell(market.clara)
    assert (viewer["unreadNotices"], viewer["seat"]["waiting"]) == (3, 1)
    # Oscar owns the client's other account.
    assert (await bell(market.oscar))["unreadNotices"] == 3
    for person in (market.stan, market.rita, market.pia, market.dora, market.vera):
        assert (await bell(person))["notices"]["nodes"] == []

    assert await market.clara.does("noticeMarkRead", COUNT, noticeId=withdrawn["id"]) == {COUNT: 2}
    clock.advance(timedelta(hours=1))
    assert await market.clara.does("noticeMarkRead", COUNT, noticeId=withdrawn["id"]) == {COUNT: 2}
    assert await market.clara.reads(NODE, id=withdrawn["id"]) == {"node": {"id": withdrawn["id"], "readAt": NOW}}
    assert await market.clara.does("noticesMarkRead", COUNT, upTo=first["event"]["cursor"]) == {COUNT: 1}
    left = await bell(market.clara, unread=True)
    assert [each["id"] for each in left["notices"]["nodes"]] == [again["id"]]
    read = await bell(market.clara, unread=False)
    assert [(each["id"], each["readAt"]) for each in read["notices"]["nodes"]] == [
        (withdrawn["id"], NOW),
        (first["id"], LATER),
    ]
    assert [each["id"] for each in (await bell(market.clara, urgency="INFO"))["notices"]["nodes"]] == [withdrawn["id"]]
    assert await market.clara.does("noticesMarkRead", COUNT, upTo=again["event"]["cursor"]) == {COUNT: 0}
    # What was read still waits for its answer.
    assert (await bell(market.clara))["seat"]["waiting"] == 1


async def test_5_3_whoever_asked_hears_of_the_outcome_and_not_their_colleagues(market: Market) -> None:
    await agree(market)
    told = await a_notice(market.paula, "partnership.accepted")
    assert (told["urgency"], told["readAt"], told["dueAt"]) == ("INFO", None, None)
    assert await notices(market.pia) == []


# ── acknowledged ──


async def test_0_9_a_client_s_change_asks_its_partner_to_take_note_once_for_the_company(
    market: Market, clock: ModuleType
) -> None:
    await agree(market)
    await change_of_contact(market)
    of_paula, of_pia = await a_notice(market.paula, "contact.updated"), await a_notice(market.pia, "contact.updated")
    of_rita = await a_notice(market.rita, "contact.updated")
    for notice in (of_paula, of_pia, of_rita):
        assert (notice["urgency"], notice["acknowledgedAt"], notice["dueAt"], notice["proposal"]) == (
            "ACTION",
            None,
            None,
            None,
        )
    assert await market.pia.does("noticeAcknowledge", COUNT, noticeId=of_pia["id"]) == {COUNT: 0}
    await judge.carry_on()
    clock.advance(timedelta(hours=1))
    # But for when she was seen last.
    async with judge.nothing_changes("session"):
        await market.paula.does("noticeAcknowledge", noticeId=of_paula["id"])
    for person in (market.paula, market.pia):
        assert (await a_notice(person, "contact.updated"))["acknowledgedAt"] == NOW
    # Whom a colleague spared the answer has not read it yet; another partner is another company.
    assert [(each["event"]["topic"], each["readAt"]) for each in await notices(market.paula)] == [
        ("contact.updated", None),
        ("partnership.accepted", None),
    ]
    assert (await a_notice(market.rita, "contact.updated"))["acknowledgedAt"] is None


async def test_0_9_what_nobody_acknowledges_is_reminded_of_after_3_and_7_days(
    market: Market, clock: ModuleType
) -> None:
    await agree(market)
    await change_of_contact(market)
    await market.rita.does("noticeAcknowledge", noticeId=(await a_notice(market.rita, "contact.updated"))["id"])
    counts = []
    for days in (2, 1, 3, 1, 6):
        clock.advance(timedelta(days=days))
        await judge.carry_on()
        counts.append([len(await notices(person, "notice.reminded")) for person in (market.paula, market.rita)])
    assert counts == [[0, 0], [1, 0], [1, 0], [2, 0], [2, 0]]


# ── whose ──


async def test_5_1_a_notice_of_another_seat_does_not_exist(market: Market) -> None:
    await agree(market)
    await change_of_contact(market)
    mine = await a_notice(market.pia, "contact.updated")
    async with judge.nothing_changes():
        for person in (market.paula, market.rita, market.clara, market.vera):
            assert await person.reads(NODE, id=mine["id"]) == {"node": None}
            for verb in ("noticeMarkRead", "noticeAcknowledge"):
                assert await person.is_refused(verb, noticeId=mine["id"]) == ("NOT_FOUND", ["noticeId"])


async def test_5_1_what_asks_for_nothing_or_for_an_answer_is_not_acknowledged(market: Market) -> None:
    await agree(market)
    told = await a_notice(market.paula, "partnership.accepted")
    asked = await a_notice(market.clara, "partnership.offered")
    async with judge.nothing_changes():
        for person, notice, message in (
            (market.paula, told, "It asks for nothing."),
            (market.clara, asked, "It is closed by answering the proposal."),
        ):
            assert await person.is_told("noticeAcknowledge", noticeId=notice["id"]) == (
                "WRONG_STATE",
                ["noticeId"],
                message,
            )


async def test_5_1_an_altered_cursor_is_invalid_and_reads_nothing(market: Market) -> None:
    await offer(market)
    cursor = (await a_notice(market.clara, "partnership.offered"))["event"]["cursor"]
    altered = cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BA")
    async with judge.nothing_changes():
        for wrong in (altered, "", "AAAAAAAAAAEAAAAA", "1"):
            answer = await market.clara.sends(mutation("noticesMarkRead", COUNT), {"upTo": wrong})
            assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["INVALID"], wrong
    assert (await bell(market.clara))["unreadNotices"] == 1


@pytest.mark.parametrize(
    "topic", ["partnership.unheard_of", "", "password.changed", "grant.connected", "partnership.ended"]
)
async def test_5_1_what_is_unknown_or_about_access_consent_or_security_is_not_muted(market: Market, topic: str) -> None:
    async with judge.nothing_changes():
        assert await market.paula.is_refused("noticePreferenceSet", topic=topic, channels=[]) == ("INVALID", ["topic"])


async def test_5_1_what_may_be_muted_is_what_topics_says(market: Market) -> None:
    topics = (await market.paula.reads("{ topics { name mutable } }"))["topics"]
    for topic in topics:
        payload = (await market.paula.reads(mutation("noticePreferenceSet"), topic=topic["name"], channels=["PORTAL"]))[
            "noticePreferenceSet"
        ]
        assert (payload["userErrors"] == []) is topic["mutable"], topic
    chosen = (await market.paula.reads("{ viewer { noticePreferences { topic channels } } }"))["viewer"]
    assert chosen["noticePreferences"] == [
        {"topic": topic["name"], "channels": ["PORTAL"]}
        for topic in sorted(topics, key=lambda topic: topic["name"])
        if topic["mutable"]
    ]
    # A preference is its seat's.
    assert (await market.pia.reads("{ viewer { noticePreferences { topic } } }"))["viewer"]["noticePreferences"] == []
