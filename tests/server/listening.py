"""Who listens: a client of graphql-transport-ws, one of graphql-sse, and the rows that they listen to."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
import websockets

import models
from domain import changes
from domain.seats import Seat
from models.enums import Audience
from tests import given

LONGEST_WAIT = 30.0
PROTOCOL = "graphql-transport-ws"
TO_PARTNERSHIP = """
    subscription ($id: ID!, $after: Cursor) {
        partnershipEvents(partnershipId: $id, after: $after) { cursor topic version reason }
    }
"""
TO_ACCOUNT = "subscription ($id: ID!) { accountEvents(accountId: $id) { topic } }"


def at_once() -> float:
    """How many seconds "within a second" may take: one, where the machine has time; longer, where others work on it.

    Who waits for a turn among several may have to wait for two.
    """
    return max(1.0, 2 * os.getloadavg()[0] / (os.cpu_count() or 1))


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@dataclass
class Socket:
    """A socket of a client, and what came over it, by operation."""

    wire: websockets.ClientConnection
    names: int = 0
    kept: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    async def send(self, **message: object) -> None:
        await self.wire.send(json.dumps(message))

    async def message(self) -> dict[str, Any]:
        async with asyncio.timeout(LONGEST_WAIT):
            return dict(json.loads(await self.wire.recv()))

    async def ask(self, query: str, variables: Mapping[str, object] | None = None, **more: object) -> str:
        """Begin an operation; its name."""
        self.names += 1
        name = str(self.names)
        await self.send(id=name, type="subscribe", payload={"query": query, "variables": variables or {}, **more})
        return name

    async def of(self, name: str) -> dict[str, Any]:
        """The next message of an operation, without its name; those of others are kept."""
        while not self.kept.get(name):
            message = await self.message()
            self.kept.setdefault(message.pop("id"), []).append(message)
        return self.kept[name].pop(0)

    async def data(self, name: str) -> Any:
        """The next answer of an operation."""
        message = await self.of(name)
        assert (message["type"], list(message["payload"])) == ("next", ["data"]), message
        return message["payload"]["data"]

    async def event(self, name: str) -> Any:
        """The next event of a subscription."""
        [event] = (await self.data(name)).values()
        return event

    async def code(self, name: str) -> str:
        """Why an operation ended."""
        message = await self.of(name)
        assert message["type"] == "error", message
        [error] = message["payload"]
        return str(error["extensions"]["code"])

    async def settled(self) -> None:
        """Wait until everything that was sent has been taken up.

        A subscription begins where the log ends once it has asked the database. Three questions to it, one after the
        other, are answered behind that, also where several connections are asked at once.
        """
        for _ in range(3):
            name = await self.ask("{ viewer { seat { id } } }")
            await self.data(name)
            assert (await self.of(name))["type"] == "complete"

    async def _keep_all(self) -> None:
        while True:
            message = await self.message()
            self.kept.setdefault(message.pop("id", ""), []).append(message)

    async def closed(self) -> tuple[int, str]:
        """Wait for the end; its code and reason."""
        with pytest.raises(websockets.ConnectionClosed) as end:
            await self._keep_all()
        assert end.value.rcvd is not None, end.value
        return end.value.rcvd.code, end.value.rcvd.reason


@asynccontextmanager
async def connected(url: str | httpx2.URL, **more: Any) -> AsyncIterator[Socket]:
    """Connect, without a word."""
    address = str(url).rstrip("/").replace("http", "ws", 1) + "/graphql"
    async with websockets.connect(address, **{"subprotocols": [PROTOCOL], "compression": None, **more}) as wire:
        yield Socket(wire)


@asynccontextmanager
async def listening(url: str | httpx2.URL, token: str | None = None, **more: Any) -> AsyncIterator[Socket]:
    """Connect, and sign in with a token if there is one."""
    async with connected(url, **more) as socket:
        await socket.send(type="connection_init", payload=bearer(token) if token else {})
        assert await socket.message() == {"type": "connection_ack"}
        yield socket


async def refused(url: str | httpx2.URL, **more: Any) -> tuple[int, str]:
    """Connect in vain; status and code."""
    with pytest.raises(websockets.InvalidStatus) as refusal:
        async with connected(url, **more):
            pass
    response = refusal.value.response
    return response.status_code, json.loads(response.body)["errors"][0]["extensions"]["code"]


# ── what there is to listen to ──


@dataclass
class Pair:
    """A partner and a client who work together, and a person of each who is signed in."""

    partner: models.Partner
    client: models.Client
    account: models.Account
    partnership: models.Partnership
    paula: Seat
    clara: Seat
    tokens: dict[str, str]

    async def happens(self, *, audience: Audience = Audience.BOTH, times: int = 1, reason: str | None = None) -> None:
        """Record events of the partnership, in a transaction each."""
        for _ in range(times):
            async with changes.change(by=self.paula) as c:
                c.event(
                    "partnership.accepted",
                    stream=self.partnership.id,
                    subject=self.partnership.id,
                    audience=audience,
                    reason=reason,
                    partnership_id=self.partnership.id,
                    partner_id=self.partner.id,
                    client_id=self.client.id,
                )

    async def happens_to_account(self, partner: models.Partner) -> None:
        """Record an event of the account that a partner may read."""
        async with changes.change(by=self.clara) as c:
            c.event(
                "grant.connected",
                stream=self.account.id,
                subject=self.account.id,
                account_id=self.account.id,
                partner_id=partner.id,
                client_id=self.client.id,
            )


async def signed_in(seat: Seat, token: str) -> str:
    await given.session(await models.Seat.get(id=seat.id), token)
    return token


async def pair() -> Pair:
    partner, client = await given.partner(), await given.client()
    account = await given.account(client)
    paula, clara = await given.member(partner), await given.staff(account)
    tokens = {
        "paula": await signed_in(paula, f"paula's {partner.id}".replace(" ", "-")),
        "clara": await signed_in(clara, f"clara's {partner.id}".replace(" ", "-")),
    }
    return Pair(partner, client, account, await given.partnership(partner, client), paula, clara, tokens)
