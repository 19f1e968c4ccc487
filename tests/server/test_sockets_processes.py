"""Sockets of servers as people run them: told to stop, killed, and several on one database."""

import asyncio
import signal
import socket as system
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

import models
from models.sql import Dialect
from tests.server.listening import TO_PARTNERSHIP, at_once, bearer, listening, pair
from tests.server.processes import Process, forked
from tests.server.serving import http, ready
from tests.server.test_sse import EVENTS, streamed

OFFER = """
    mutation ($partner: ID!, $client: ID!) {
        partnershipOffer(input: {partnerId: $partner, clientId: $client, terms: {title: "Shop care"}}) {
            userErrors { code }
        }
    }
"""


@asynccontextmanager
async def served_by(url: str, data_dir: Path) -> AsyncIterator[tuple[Process, httpx2.AsyncClient]]:
    """Serve in a process of its own, which is ended whatever happens."""
    with system.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await forked("serve", "--port", str(port), url=url, data_dir=data_dir)
    try:
        async with http(f"http://127.0.0.1:{port}") as client:
            await until_it_answers(client)
            yield process, client
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def until_it_answers(client: httpx2.AsyncClient) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await ready(client)
            except httpx2.TransportError:
                await asyncio.sleep(0.05)
            else:
                return


async def test_t16_a_server_that_is_told_to_stop_ends_its_streams_and_is_gone(committed: str, tmp_path: Path) -> None:
    two = await pair()
    asked = {"query": TO_PARTNERSHIP, "variables": {"id": two.partnership.id}}
    async with (
        served_by(committed, tmp_path) as (process, client),
        listening(client.base_url, two.tokens["clara"]) as clara,
        streamed(client, headers=EVENTS | bearer(two.tokens["paula"]), json=asked) as stream,
    ):
        await clara.ask(TO_PARTNERSHIP, {"id": two.partnership.id})
        await clara.settled()
        process.send_signal(signal.SIGTERM)
        told = time.monotonic()
        assert await clara.closed() == (1001, "The server stops")
        # Nothing says that the operation is over: the client connects anew.
        assert [block for block in [await stream.block(), await stream.block()] if block] == []
        _, complained = await process.communicate()
        took = time.monotonic() - told
    assert (process.returncode in {0, -signal.SIGTERM}, b"Traceback" in complained) == (True, False)
    assert took < 3


async def test_of_two_servers_each_hears_what_the_other_commits(
    committed: str, dialect: Dialect, tmp_path: Path
) -> None:
    if dialect is Dialect.SQLITE:
        pytest.skip("SQLite is one process's")
    two, others = await pair(), await pair()
    async with (
        served_by(committed, tmp_path) as (_, here),
        served_by(committed, tmp_path) as (_, there),
        listening(there.base_url, others.tokens["clara"]) as clara,
    ):
        name = await clara.ask("subscription { notices { urgency event { topic } } }")
        await clara.settled()
        offer = {"query": OFFER, "variables": {"partner": two.partner.id, "client": others.client.id}}
        answer = await here.post("/graphql", json=offer, headers=bearer(two.tokens["paula"]))
        answered = time.monotonic()
        notice = await clara.event(name)
        took = time.monotonic() - answered
        await here.post(
            "/graphql",
            json={"query": "mutation { signOut { userErrors { code } } }"},
            headers=bearer(others.tokens["clara"]),
        )
        signed_out = time.monotonic()
        closed = await clara.closed()
        ended = time.monotonic() - signed_out
    assert answer.json() == {"data": {"partnershipOffer": {"userErrors": []}}}
    assert notice == {"urgency": "ACTION", "event": {"topic": "partnership.offered"}}
    assert closed == (4403, "Forbidden")
    assert (took < at_once(), ended < at_once()) == (True, True)


async def test_when_a_server_is_killed_another_goes_on_within_seconds(
    committed: str, dialect: Dialect, tmp_path: Path
) -> None:
    if dialect is Dialect.SQLITE:
        pytest.skip("SQLite is one process's")
    two = await pair()
    async with (
        served_by(committed, tmp_path) as (killed, _),
        served_by(committed, tmp_path) as (_, there),
        listening(there.base_url, two.tokens["paula"]) as paula,
    ):
        name = await paula.ask(TO_PARTNERSHIP, {"id": two.partnership.id})
        await paula.settled()
        writing = asyncio.create_task(two.happens(times=60))
        heard = [(await paula.event(name))["version"] for _ in range(20)]
        killed.kill()
        heard += [(await paula.event(name))["version"] for _ in range(40)]
        await writing
    assert heard == list(range(1, 61))
    assert not await models.Event.exists(pos__isnull=True)
