"""Writers that do not give up before they are answered, and subscribers that come back after every cut."""

import asyncio
import json
import random
from dataclasses import dataclass, field
from typing import Any

import httpx2
import websockets

from tests.journeys.portal import mutation, variables
from tests.server.serving import http

# Seconds between two things that a writer does.
PACE = 0.1
AGAIN = 0.05
PATIENCE = 15.0
# One of so many requests is sent once more after it was answered.
REPEATED = 5

SUBSCRIPTION = """
subscription Events($id: ID!, $after: Cursor) { partnershipEvents(partnershipId: $id, after: $after) { id cursor } }
"""

# What a writer does in turn: the verb, what it reads of the payload, and what it sends under a key.
WRITES: dict[str, tuple[str, Any]] = {
    "contactCreate": ("contact { id }", lambda company, key: {"organisationId": company, "name": key}),
    "partnershipOffer": (
        "partnership { id }",
        lambda company, key: {
            "partnerId": company,
            "email": f"{key}@island.example",
            "clientName": key,
            "terms": {"title": key},
        },
    ),
    "partnerUpdate": ("partner { id }", lambda company, key: {"partnerId": company, "details": {"phone": key}}),
}


@dataclass
class Writer:
    """Does one thing after another, each under an Idempotency-Key of its own, until it is acknowledged.

    `done`: verb and key to the id that was answered. `doubts`: keys whose repeat was answered with something else.
    """

    name: str
    token: str
    company: str
    urls: list[str]
    done: dict[tuple[str, str], str] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)

    async def write(self, stop: asyncio.Event) -> None:
        chance = random.Random(self.name)  # noqa: S311  no secret
        number = 0
        async with http(timeout=PATIENCE) as client:
            while not stop.is_set():
                number += 1
                verb = list(WRITES)[number % len(WRITES)]
                key = f"{self.name}-{number}"
                self.done[verb, key] = answered = await self._until_answered(client, chance, verb, key)
                if (
                    chance.randrange(REPEATED) == 0
                    and await self._until_answered(client, chance, verb, key) != answered
                ):
                    self.doubts.append(key)
                await asyncio.sleep(PACE)

    async def _until_answered(self, client: httpx2.AsyncClient, chance: random.Random, verb: str, key: str) -> str:
        while True:
            try:
                answer = await self._send(client, chance.choice(self.urls), verb, key)
            except httpx2.TransportError:
                await asyncio.sleep(AGAIN)
                continue
            if answer.status_code in {409, 503}:
                await asyncio.sleep(AGAIN)
                continue
            assert answer.status_code == 200, answer.text
            payload = answer.json()["data"][verb]
            assert payload.pop("userErrors") == [], answer.text
            [found] = payload.values()
            return str(found["id"])

    async def _send(self, client: httpx2.AsyncClient, url: str, verb: str, key: str) -> httpx2.Response:
        selection, given = WRITES[verb]
        return await client.post(
            f"{url}/graphql",
            json={"query": mutation(verb, selection), "variables": variables(verb, given(self.company, key))},
            headers={"authorization": f"Bearer {self.token}", "idempotency-key": key},
        )


@dataclass
class Subscriber:
    """Listens to one partnership; after each cut it asks for what came after the last that it saw."""

    token: str
    partnership: str
    after: str
    urls: list[str]
    chance: random.Random
    seen: list[str] = field(default_factory=list)
    connections: int = 0

    async def listen(self) -> None:
        while True:
            try:
                await self._connected()
            except (OSError, websockets.WebSocketException, TimeoutError):
                await asyncio.sleep(AGAIN)

    async def _connected(self) -> None:
        url = self.chance.choice(self.urls).replace("http", "ws", 1) + "/graphql"
        async with websockets.connect(url, subprotocols=[websockets.Subprotocol("graphql-transport-ws")]) as socket:
            self.connections += 1
            await socket.send(_init(self.token))
            await socket.send(_subscribe(self.partnership, self.after))
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "next":
                    event = message["payload"]["data"]["partnershipEvents"]
                    self.seen.append(event["id"])
                    self.after = event["cursor"]
                else:
                    assert message["type"] == "connection_ack", message


def _init(token: str) -> str:
    return json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}})


def _subscribe(partnership: str, after: str) -> str:
    payload = {"query": SUBSCRIPTION, "variables": {"id": partnership, "after": after}}
    return json.dumps({"id": "1", "type": "subscribe", "payload": payload})
