"""What is heard live of an approval, by who is asked and by everybody on the project (mission 3.5, 5.1)."""

import time

import models
from tests import given
from tests.journeys.conftest import Meets
from tests.journeys.market import opened, signed_in
from tests.server.listening import at_once, listening

LIVE = """
subscription Live { notices { urgency event { topic project { name } } proposal { ... on ProjectApproval { title } } } }
"""
IN_PROJECT = "subscription Live($id: ID!) { projectEvents(projectId: $id) { topic proposal { status } } }"


async def test_5_1_it_is_heard_live_by_who_is_asked_and_by_everybody_in_the_project(meet: Meets) -> None:
    browser = meet("nobody@example.com").browser
    market = await opened(browser)
    project = await given.project(await models.Account.get(id=market.shop))
    broker = await given.client_partner()
    await given.engaged(project, broker)
    seat = await given.member(broker)
    await given.on_project(project, seat)
    cleo = await signed_in(browser, seat)
    url = browser.base_url
    async with listening(url, cleo.token) as of_cleo, listening(url, market.stan.token) as of_stan:
        mine, ours = await of_cleo.ask(LIVE, {}), await of_stan.ask(IN_PROJECT, {"id": project.id})
        await of_cleo.settled()
        await of_stan.settled()
        since = time.monotonic()
        asked = {"projectId": project.id, "title": "The design", "approverId": seat.user_id}
        approval = (await market.vera.does("approvalRequest", "approval { id }", **asked))["approval"]["id"]
        assert await of_cleo.event(mine) == {
            "urgency": "ACTION",
            "event": {"topic": "approval.requested", "project": {"name": "Relaunch"}},
            "proposal": {"title": "The design"},
        }
        assert await of_stan.event(ours) == {"topic": "approval.requested", "proposal": {"status": "PENDING"}}
        await cleo.does("proposalAccept", proposalId=approval)
        assert await of_stan.event(ours) == {"topic": "approval.accepted", "proposal": {"status": "ACCEPTED"}}
        assert time.monotonic() - since < 2 * at_once()
