"""A company's program hears of what happens: added, tested, failing, replayed, switched off; and nobody else's."""

from collections.abc import Iterator
from datetime import timedelta
from types import ModuleType

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

import settings
from tests.journeys import judge
from tests.journeys import market as companies
from tests.journeys.market import Market
from tests.journeys.portal import Json, Person, mutation, variables
from tests.outbox import receivers
from tests.outbox.receivers import Receiver, answers

ENDPOINT = "endpoint { id url topics owner { ... on Partner { name } ... on Client { name } } status secretHint }"
DELIVERIES = """
query Deliveries($id: ID!, $status: [DeliveryStatus!]) {
  node(id: $id) { ... on WebhookEndpoint {
    status disabledReason
    deliveries(status: $status) { totalCount nodes {
      id status nextAttemptAt event { id topic cursor }
      attempts { at responseStatus responseBody error }
    } }
  } }
}
"""
MINE = "{ viewer { webhookEndpoints { id url } } }"
ROTATE = "endpoint { id } secret"


@pytest.fixture(autouse=True)
def _private(market: Market, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let webhooks go to this machine, where the receivers are."""
    monkeypatch.setenv("COUNTERSIGN_WEBHOOK_ALLOW_PRIVATE", "true")
    settings.load.cache_clear()
    yield
    monkeypatch.delenv("COUNTERSIGN_WEBHOOK_ALLOW_PRIVATE")
    settings.load.cache_clear()


async def added(by: Person, receiver: Receiver, *topics: str, **given: object) -> Json:
    """Add an endpoint: it and its secret."""
    return await by.does("webhookCreate", f"{ENDPOINT} secret", url=receiver.url, topics=list(topics), **given)


async def deliveries(of: Person, endpoint: Json, *status: str) -> list[Json]:
    read = await of.reads(DELIVERIES, id=endpoint["id"], status=list(status) or None)
    page: Json = read["node"]["deliveries"]
    assert page["totalCount"] == len(page["nodes"])
    nodes: list[Json] = page["nodes"]
    return nodes


async def test_5_2_a_partners_program_hears_of_its_partnership_and_the_clients_of_its_own(market: Market) -> None:
    async with receivers.opened() as northwinds, receivers.opened() as harbours, receivers.opened() as rivals:
        made = await added(market.paula, northwinds)
        assert made["endpoint"] == {
            "id": made["endpoint"]["id"],
            "url": northwinds.url,
            "topics": [],
            "owner": {"name": "Northwind"},
            "status": "ACTIVE",
            "secretHint": f"…{made['secret'][-4:]}",
        }
        clients = await added(market.clara, harbours, "partnership.offered", "partnership.accepted")
        await added(market.rita, rivals, "partnership.offered", "partnership.accepted")
        offer = (await companies.offer(market))["offer"]["id"]
        await judge.carry_on()
        await market.clara.does("proposalAccept", proposalId=offer, accountIds=[market.shop])
        await judge.carry_on()
    assert [topic for topic in northwinds.topics if topic.startswith(("partnership.", "grant."))] == [
        "partnership.offered",
        "partnership.accepted",
        "grant.connected",
    ]
    assert harbours.topics == ["partnership.offered", "partnership.accepted"]
    assert rivals.topics == []
    for receiver, secret in ((northwinds, made["secret"]), (harbours, clients["secret"])):
        for received in receiver.received:
            assert received.headers["webhook-signature"] == received.signed_by(secret)
    assert {each.id for each in harbours.received} < {each.id for each in northwinds.received}


async def test_5_2_a_secret_is_shown_once(market: Market) -> None:
    document = mutation("webhookCreate", f"{ENDPOINT} secret")
    async with receivers.opened() as receiver:
        sent = variables("webhookCreate", {"url": receiver.url, "topics": []})
        first = (await market.paula.sends(document, sent, idempotency_key="k")).json()["data"]["webhookCreate"]
        assert first["secret"].startswith("whsec_")
        async with judge.nothing_changes():
            again = (await market.paula.sends(document, sent, idempotency_key="k")).json()["data"]["webhookCreate"]
        assert again == {**first, "secret": None}
        rotated = await market.paula.does("webhookSecretRotate", ROTATE, endpointId=first["endpoint"]["id"])
        assert rotated["endpoint"]["id"] == first["endpoint"]["id"]
        await market.paula.does("webhookTest", endpointId=first["endpoint"]["id"])
        await judge.carry_on()
    before, *after = receiver.received
    assert before.headers["webhook-signature"] == before.signed_by(first["secret"])
    assert [each.topic for each in after] == ["webhook.secret_rotated", "webhook.test"]
    for received in after:
        assert received.headers["webhook-signature"] == received.signed_by(rotated["secret"], first["secret"])
    assert not [table for table, rows in (await judge.rows()).items() if first["secret"] in repr(rows)]


async def test_5_2_what_failed_is_seen_tried_again_replayed_and_redelivered_under_the_same_id(
    market: Market, clock: ModuleType
) -> None:
    async with receivers.opened(answers(500, b"out of order"), answers(204)) as receiver:
        endpoint = (await added(market.paula, receiver, "partnership.offered"))["endpoint"]
        await judge.carry_on()
        await companies.offer(market)
        await judge.carry_on()
        [failed] = await deliveries(market.paula, endpoint, "PENDING")
        assert failed["attempts"] == [
            {
                "at": "2026-11-21T20:46:00.000000Z",
                "responseStatus": 500,
                "responseBody": "out of order",
                "error": None,
            }
        ]
        assert failed["event"]["topic"] == "partnership.offered"
        assert failed["nextAttemptAt"] > "2026-11-21T20:46:03"
        clock.advance(timedelta(seconds=7))
        await judge.carry_on()
        [delivered] = await deliveries(market.paula, endpoint, "DELIVERED")
        assert (delivered["id"], delivered["nextAttemptAt"], len(delivered["attempts"])) == (failed["id"], None, 2)
        clock.advance(timedelta(hours=1))
        await market.paula.does("webhookRedeliver", "endpoint { id }", deliveryId=delivered["id"])
        await judge.carry_on()
        clock.advance(timedelta(hours=1))
        # Everything since the start of the log: the one event that it has chosen.
        start = await _start_of_the_log(market)
        await market.paula.does("webhookReplay", "endpoint { id }", endpointId=endpoint["id"], after=start)
        await judge.carry_on()
    assert {each.id for each in receiver.received} == {failed["event"]["id"]}
    assert [each.at.strftime("%d %H:%M:%S") for each in receiver.received] == [
        "21 20:46:00",
        "21 20:46:07",
        "21 21:46:07",
        "21 22:46:07",
    ]


async def _start_of_the_log(market: Market) -> str:
    """The cursor of an event before the offer: the endpoint's own making."""
    log = await market.vera.reads('{ events(topic: ["webhook.created"]) { nodes { cursor } } }')
    return str(log["events"]["nodes"][0]["cursor"])


async def test_5_2_a_program_that_is_gone_is_left_alone_until_its_owner_says_so(market: Market) -> None:
    async with receivers.opened(answers(410), answers(204)) as receiver:
        endpoint = (await added(market.clara, receiver))["endpoint"]
        await market.clara.does("webhookTest", endpointId=endpoint["id"])
        await judge.carry_on()
        seen = (await market.clara.reads(DELIVERIES, id=endpoint["id"]))["node"]
        assert (seen["status"], seen["disabledReason"]) == ("DISABLED", "It answered 410: it wants to hear no more.")
        assert market.clara.unread() == ["A webhook of Harbour Foods was switched off"]
        assert await market.clara.is_refused("webhookTest", endpointId=endpoint["id"]) == (
            "WRONG_STATE",
            ["endpointId"],
        )
        heard = receiver.connections
        await companies.offer(market)
        await judge.carry_on()
        assert receiver.connections == heard
        await market.clara.does("webhookUpdate", "endpoint { status }", endpointId=endpoint["id"], status="ACTIVE")
        await market.clara.does("webhookTest", endpointId=endpoint["id"])
        await judge.carry_on()
        assert receiver.topics[-1] == "webhook.test"
        await market.clara.does("webhookDelete", endpointId=endpoint["id"])
        heard = receiver.connections
        await market.paula.does("contactUpdate", contactId=market.contact, title="Dr.")
        await judge.carry_on()
        assert receiver.connections == heard
    assert (await market.clara.reads(DELIVERIES, id=endpoint["id"])) == {"node": None}


async def test_5_2_an_endpoint_shows_to_those_alone_who_answer_for_its_company(market: Market) -> None:
    async with receivers.opened() as receiver:
        endpoint = (await added(market.paula, receiver))["endpoint"]
        await market.paula.does("webhookTest", endpointId=endpoint["id"])
        await judge.carry_on()
        [delivery] = [
            each for each in await deliveries(market.paula, endpoint) if each["event"]["topic"] == "webhook.test"
        ]
        assert await market.paula.reads(MINE) == {
            "viewer": {"webhookEndpoints": [{"id": endpoint["id"], "url": receiver.url}]}
        }
        # The vendor's staff see it by its id; their own list is the vendor's own.
        assert (await market.vera.reads(MINE)) == {"viewer": {"webhookEndpoints": []}}
        assert (await market.vera.reads(DELIVERIES, id=endpoint["id"]))["node"] is not None
        async with judge.nothing_changes():
            for person, code in [(market.pia, "FORBIDDEN"), (market.rita, "NOT_FOUND"), (market.clara, "NOT_FOUND")]:
                for row_id in (endpoint["id"], delivery["id"]):
                    assert await person.reads("query($id: ID!) { node(id: $id) { id } }", id=row_id) == {"node": None}
                for verb in ("webhookTest", "webhookDelete", "webhookSecretRotate"):
                    assert (await person.is_refused(verb, endpointId=endpoint["id"]))[0] == code
                assert (await person.is_refused("webhookRedeliver", deliveryId=delivery["id"]))[0] == code
                assert (await person.is_refused("webhookUpdate", endpointId=endpoint["id"], topics=[]))[0] == code
    answer = (await market.pia.sends(MINE)).json()
    assert answer["data"] == {"viewer": {"webhookEndpoints": None}}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]


async def test_5_2_an_altered_cursor_is_invalid_and_changes_nothing(market: Market) -> None:
    async with receivers.opened() as receiver:
        endpoint = (await added(market.paula, receiver))["endpoint"]
        async with judge.nothing_changes():
            document = mutation("webhookReplay", "endpoint { id }")
            answer = await market.paula.sends(document, {"endpointId": endpoint["id"], "after": "AAAAAAAAAAEAAAAA"})
    assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["INVALID"]


async def test_5_4_the_vendor_keeps_a_companys_endpoint_visibly(market: Market) -> None:
    async with receivers.opened() as receiver:
        made = await added(market.vera, receiver, ownerId=market.northwind)
        await judge.carry_on()
    assert made["endpoint"]["owner"] == {"name": "Northwind"}
    [received] = receiver.received
    assert (received.topic, received.told["data"]["subjectId"]) == ("webhook.created", made["endpoint"]["id"])  # type: ignore[index]
    log = await market.vera.reads('{ events(topic: ["webhook.created"]) { nodes { side onBehalfOf } } }')
    assert log["events"]["nodes"] == [{"side": "VENDOR", "onBehalfOf": market.northwind}]
    with pytest.raises(WebhookVerificationError):
        Webhook(made["secret"]).verify(received.body + b" ", dict(received.headers))
