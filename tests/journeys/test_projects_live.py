"""What is heard live of a project: by everybody on it, without loss or repeat, as long as they are (3.6, 5.1)."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

import models
from tests.journeys import harrow as scenes
from tests.journeys.conftest import Meets
from tests.journeys.harrow import Harrow
from tests.journeys.market import opened
from tests.journeys.portal import Json, Person
from tests.server.listening import Socket, at_once, listening

LIVE = """
subscription Live($id: ID!, $after: Cursor) {
  projectEvents(projectId: $id, after: $after) {
    cursor
    topic
    project { counts { unreadMessages } }
    subject { ... on Message { body author { name email } } }
  }
}
"""
PROJECT = """
query Project($id: ID!, $account: ID!) {
  project(id: $id) { name }
  account(id: $account) { name }
  viewer { accounts { totalCount } counts { unreadMessages } }
}
"""


@pytest.fixture
async def harrow(meet: Meets) -> Harrow:
    """Open a market with projects, and a client partner that is on none yet."""
    return await scenes.opened(await opened(meet("nobody@example.com").browser))


@asynccontextmanager
async def heard(by: Person, project: str, after: str | None = None) -> AsyncIterator[tuple[Socket, str]]:
    """Listen to a project: the socket, and the operation's name."""
    async with listening(by.browser.base_url, by.token) as socket:
        # Without a cursor it begins now: what happened before is to be in the log by then.
        while await models.Event.filter(pos__isnull=True).exists():  # noqa: ASYNC110  the relay brings it about
            await asyncio.sleep(0.01)
        name = await socket.ask(LIVE, {"id": project, "after": after})
        await socket.settled()
        yield socket, name


async def talk(by: Person, project: str) -> str:
    """Start a conversation; its id."""
    started = await by.does("conversationStart", "conversation { id }", projectId=project, title="The menu")
    return str(started["conversation"]["id"])


async def say(by: Person, conversation: str, body: str) -> None:
    await by.does("messagePost", "message { id }", conversationId=conversation, body=body)


async def said(socket: Socket, name: str) -> tuple[Json, str]:
    """The next message that is heard, and where to resume after it."""
    event = await socket.event(name)
    return {key: value for key, value in event.items() if key != "cursor"}, event["cursor"]


def message(body: str, unread: int) -> Json:
    author = {"name": "Clara Client", "email": "clara@harbour.example"}
    return {
        "topic": "message.posted",
        "project": {"counts": {"unreadMessages": unread}},
        "subject": {"body": body, "author": author},
    }


async def _ended(socket: Socket, name: str) -> list[str]:
    """The codes by which a subscription ends, whatever came before."""
    while (last := await socket.of(name))["type"] == "next":
        pass
    return [error["extensions"]["code"] for error in last["payload"]]


async def test_5_1_a_project_is_heard_live_and_resumed_without_loss_or_repeat(harrow: Harrow) -> None:
    clara, henry = harrow.market.clara, harrow.henry
    await models.User.filter(email=clara.address).update(email="clara@harbour.example")
    await harrow.add(harrow.relaunch, henry)
    conversation = await talk(clara, harrow.relaunch)
    async with heard(henry, harrow.relaunch) as (socket, name):
        since = time.monotonic()
        await say(clara, conversation, "one")
        first, cursor = await said(socket, name)
        assert time.monotonic() - since < at_once()
    await say(clara, conversation, "two")
    await say(clara, conversation, "three")
    async with heard(henry, harrow.relaunch, cursor) as (socket, name):
        missed = [(await said(socket, name))[0] for _ in range(2)]
        await say(clara, conversation, "four")
        assert [first, *missed, (await said(socket, name))[0]] == [
            message("one", 1),
            message("two", 3),
            message("three", 3),
            message("four", 4),
        ]


async def test_3_6_a_stream_ends_with_the_place_on_the_project_and_others_go_on(harrow: Harrow) -> None:
    market, henry, hanna = harrow.market, harrow.henry, harrow.hanna
    await harrow.add(harrow.relaunch, henry)
    await harrow.add(harrow.booking, henry)
    conversation, booking = await talk(market.clara, harrow.relaunch), await talk(market.dora, harrow.booking)
    async with (
        heard(henry, harrow.relaunch) as (of_henry, ending),
        heard(henry, harrow.booking) as (at_the_hotel, staying),
        heard(hanna, harrow.relaunch) as (of_hanna, going_on),
    ):
        since = time.monotonic()
        await market.vera.does(
            "projectMemberRemove", "project { id }", memberId=await harrow.place(henry, harrow.relaunch)
        )
        assert await _ended(of_henry, ending) == ["ACCESS_ENDED"]
        assert time.monotonic() - since < at_once()
        # What is said from now on is for those who stayed.
        await say(market.clara, conversation, "Henry has left.")
        await say(market.dora, booking, "Welcome.")
        assert (await at_the_hotel.event(staying))["subject"]["body"] == "Welcome."
        heard_by_hanna = [await of_hanna.event(going_on) for _ in range(2)]
        assert [event["topic"] for event in heard_by_hanna] == ["project.member_removed", "message.posted"]

        refused = await of_henry.ask(LIVE, {"id": harrow.relaunch})
        assert await _ended(of_henry, refused) == ["ACCESS_ENDED"]
        nothing = {
            "project": None,
            "account": None,
            "viewer": {"accounts": {"totalCount": 1}, "counts": {"unreadMessages": 1}},
        }
        assert await henry.reads(PROJECT, id=harrow.relaunch, account=market.shop) == nothing


async def test_3_6_every_stream_of_a_company_ends_when_it_is_taken_off_the_project(harrow: Harrow) -> None:
    market, henry, hanna = harrow.market, harrow.henry, harrow.hanna
    await harrow.add(harrow.relaunch, henry)
    async with (
        heard(henry, harrow.relaunch) as (of_henry, his),
        heard(hanna, harrow.relaunch) as (of_hanna, hers),
        heard(market.stan, harrow.relaunch) as (of_stan, staying),
    ):
        since = time.monotonic()
        await market.clara.does(
            "projectPartnerRemove", "project { id }", projectId=harrow.relaunch, partnerId=harrow.company
        )
        assert [await _ended(of_henry, his), await _ended(of_hanna, hers)] == [["ACCESS_ENDED"], ["ACCESS_ENDED"]]
        assert time.monotonic() - since < at_once()
        assert (await of_stan.event(staying))["topic"] == "project.partner_removed"


async def test_3_0_a_direct_partner_hears_a_project_while_it_may_open_the_account(harrow: Harrow) -> None:
    market = harrow.market
    grant = await models.AccessGrant.get(account_id=market.shop)
    conversation = await talk(market.clara, harrow.relaunch)
    async with heard(market.rita, harrow.relaunch) as (of_rita, hers):
        await say(market.clara, conversation, "Good morning.")
        assert (await of_rita.event(hers))["subject"]["body"] == "Good morning."
        since = time.monotonic()
        await market.clara.does("grantDisable", "grant { id }", grantId=grant.id)
        assert await _ended(of_rita, hers) == ["ACCESS_ENDED"]
        assert time.monotonic() - since < at_once()
