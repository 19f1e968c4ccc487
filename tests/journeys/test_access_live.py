"""What is heard live of an account: the banner of a request, and the end of a partner's access (mission 1.6, 5.1)."""

import time

from tests.journeys.northwind import Partners
from tests.journeys.portal import Json, Person
from tests.server.listening import Socket, at_once, listening

BANNER = """
subscription Banner($id: ID!) {
  accountEvents(accountId: $id) { topic proposal { status } account { accessRequests { totalCount } } }
}
"""
OF_PARTNERSHIP = "subscription Tile($id: ID!) { partnershipEvents(partnershipId: $id) { topic } }"
GRANT = "query Grant($id: ID!) { node(id: $id) { ... on AccessGrant { request { id } } } }"
PREVIEW = "query Preview($id: ID!) { node(id: $id) { ... on AccessGrant { disconnectPreview { confirmation } } } }"


async def asks(paula: Person, grant: str) -> str:
    """Request access; the request's id."""
    await paula.does("grantRequest", "grant { id }", grantId=grant, message="The season starts.")
    return str((await paula.reads(GRANT, id=grant))["node"]["request"]["id"])


def banner(topic: str, status: str | None, waiting: int) -> Json:
    return {
        "topic": topic,
        "proposal": None if status is None else {"status": status},
        "account": {"accessRequests": {"totalCount": waiting}},
    }


async def test_1_6_the_banner_comes_and_goes_live(partners: Partners) -> None:
    paula, clara, account = partners.asked.northwind.paula, partners.asked.clara, partners.asked.account
    async with listening(clara.browser.base_url, clara.token) as of_clara:
        name = await of_clara.ask(BANNER, {"id": account})
        await of_clara.settled()

        async def shows(topic: str, status: str | None, waiting: int) -> bool:
            since = time.monotonic()
            assert await of_clara.event(name) == banner(topic, status, waiting)
            return time.monotonic() - since < at_once()

        await clara.does("grantDisable", "grant { id }", grantId=partners.grant)
        assert await shows("grant.disabled", None, 0)
        request = await asks(paula, partners.grant)
        assert await shows("grant.requested", "PENDING", 1)
        await paula.does("proposalWithdraw", proposalId=request)
        assert await shows("grant.request.withdrawn", "WITHDRAWN", 0)
        request = await asks(paula, partners.grant)
        assert await shows("grant.requested", "PENDING", 1)
        await clara.does("proposalDecline", proposalId=request, comment="Not now.")
        assert await shows("grant.request.declined", "DECLINED", 0)
        request = await asks(paula, partners.grant)
        assert await shows("grant.requested", "PENDING", 1)
        await clara.does("proposalAccept", proposalId=request)
        assert await shows("grant.enabled", "ACCEPTED", 0)
        await paula.does("accountOpen", accountId=account)
        assert await shows("grant.opened", None, 0)


async def _ended(socket: Socket, name: str) -> tuple[list[str], bool]:
    """The codes by which a subscription ends, whatever came before; and whether it took no longer than a second."""
    since = time.monotonic()
    while (message := await socket.of(name))["type"] == "next":
        pass
    codes = [error["extensions"]["code"] for error in message["payload"]]
    return codes, time.monotonic() - since < at_once()


async def test_p5_the_partner_s_stream_ends_with_its_access_and_begins_anew_with_it(partners: Partners) -> None:
    paula, clara, account = partners.asked.northwind.paula, partners.asked.clara, partners.asked.account
    async with listening(paula.browser.base_url, paula.token) as of_paula:
        tile = await of_paula.ask(OF_PARTNERSHIP, {"id": partners.asked.partnership})
        live = await of_paula.ask(BANNER, {"id": account})
        await of_paula.settled()

        await clara.does("grantDisable", "grant { id }", grantId=partners.grant)
        assert await _ended(of_paula, live) == (["ACCESS_ENDED"], True)
        assert await of_paula.event(tile) == {"topic": "grant.disabled"}
        assert await _ended(of_paula, await of_paula.ask(BANNER, {"id": account})) == (["ACCESS_ENDED"], True)

        await clara.does("grantEnable", "grant { id }", grantId=partners.grant)
        assert await of_paula.event(tile) == {"topic": "grant.enabled"}
        live = await of_paula.ask(BANNER, {"id": account})
        await of_paula.settled()
        await paula.does("accountOpen", accountId=account)
        assert (await of_paula.event(live))["topic"] == "grant.opened"

        preview = (await clara.reads(PREVIEW, id=partners.grant))["node"]["disconnectPreview"]
        await clara.does("grantDisconnect", "grant { id }", grantId=partners.grant, reason="Moved on.", **preview)
        assert await _ended(of_paula, live) == (["ACCESS_ENDED"], True)
        assert await of_paula.event(tile) == {"topic": "grant.opened"}
