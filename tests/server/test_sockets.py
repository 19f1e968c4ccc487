"""Sockets: the protocol graphql-transport-ws, its limits, and what is refused."""

import httpx2
import pytest

from tests.server.listening import TO_PARTNERSHIP, connected, listening, refused
from web import sockets

VENDOR = "{ vendor { name } }"
VENDOR_IS = {"vendor": {"name": "Countersign"}}


async def test_t15_what_refuses_one_operation_leaves_the_others(asked: httpx2.AsyncClient) -> None:
    async with listening(asked.base_url) as socket:
        codes = [
            await socket.code(await socket.ask("{ vendor {")),
            await socket.code(await socket.ask("{ nothing }")),
            await socket.code(await socket.ask("query A { __typename } query B { __typename }")),
            await socket.code(await socket.ask("mutation { signOut { userErrors { code } } }")),
            await socket.code(await socket.ask(TO_PARTNERSHIP, {"id": "partnership_1"})),
            await socket.code(await socket.ask("", extensions={"persistedQuery": {"sha256Hash": "0" * 64}})),
            await socket.code(await socket.ask(VENDOR, extensions={"persistedQuery": {"sha256Hash": "0" * 64}})),
        ]
        assert await socket.data(await socket.ask(VENDOR)) == VENDOR_IS
    assert codes == [
        "INVALID",
        "INVALID",
        "INVALID",
        "UNAUTHENTICATED",
        "UNAUTHENTICATED",
        "PERSISTED_QUERY_NOT_FOUND",
        "INVALID",
    ]


async def test_a_ping_is_answered_at_any_time(asked: httpx2.AsyncClient) -> None:
    async with connected(asked.base_url) as socket:
        await socket.send(type="ping")
        await socket.send(type="ping", payload={"at": 1})
        await socket.send(type="pong")
        await socket.send(type="connection_init")
        answers = [await socket.message() for _ in range(3)]
    assert answers == [{"type": "pong"}, {"type": "pong", "payload": {"at": 1}}, {"type": "connection_ack"}]


# ── the handshake ──


@pytest.mark.parametrize("protocols", [None, ["graphql-ws"], ["something"]])
async def test_the_legacy_protocol_is_refused(asked: httpx2.AsyncClient, protocols: list[str] | None) -> None:
    assert await refused(asked.base_url, subprotocols=protocols) == (400, "INVALID")


async def test_a_foreign_origin_is_403(asked: httpx2.AsyncClient) -> None:
    own = str(asked.base_url).rstrip("/")
    assert await refused(own, origin="https://evil.example") == (403, "FORBIDDEN")
    assert await refused(own, origin="null") == (403, "FORBIDDEN")
    assert await refused(own, origin="http://[") == (403, "FORBIDDEN")
    for origin in (own, "http://127.0.0.1:8000"):
        async with listening(own, origin=origin) as socket:
            assert await socket.data(await socket.ask(VENDOR)) == VENDOR_IS


# ── what ends a socket ──


async def test_no_init_in_time_is_4408(asked: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sockets.INIT_SECONDS == 5
    monkeypatch.setattr(sockets, "INIT_SECONDS", 0.1)
    async with connected(asked.base_url) as silent, listening(asked.base_url) as prompt:
        assert await silent.closed() == (4408, "Connection initialisation timeout")
        assert await prompt.data(await prompt.ask(VENDOR)) == VENDOR_IS


async def test_subscribe_before_init_is_4401(asked: httpx2.AsyncClient) -> None:
    async with connected(asked.base_url) as socket:
        await socket.ask(VENDOR)
        assert await socket.closed() == (4401, "Unauthorized")


async def test_a_token_of_nobody_is_4403(asked: httpx2.AsyncClient) -> None:
    for payload in ({"authorization": "Bearer nobody's"}, {"authorization": "Basic eDp5"}, {"authorization": 5}):
        async with connected(asked.base_url) as socket:
            await socket.send(type="connection_init", payload=payload)
            assert await socket.closed() == (4403, "Forbidden")


async def test_a_second_init_is_4429(asked: httpx2.AsyncClient) -> None:
    async with listening(asked.base_url) as socket:
        await socket.send(type="connection_init")
        assert await socket.closed() == (4429, "Too many initialisation requests")


@pytest.mark.parametrize(
    "message",
    [
        b"{}",
        "",
        "{",
        "[]",
        '"x"',
        "5",
        "null",
        "{}",
        '{"type": "start", "id": "1"}',
        '{"type": "subscribe", "payload": {"query": "{ __typename }"}}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{ __typename }"}}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{ __typename }"}}',
        '{"type": "subscribe", "id": "' + "x" * 201 + '", "payload": {"query": "{ __typename }"}}',
        '{"type": "subscribe", "id": "1", "payload": "{ __typename }"}',
        '{"type": "complete"}',
        '{"type": "ping", "payload": ' + "[" * 40 + "]" * 40 + "}",
    ],
)
async def test_what_is_no_message_is_4400(asked: httpx2.AsyncClient, message: bytes | str) -> None:
    async with listening(asked.base_url) as socket:
        await socket.wire.send(message)
        assert await socket.closed() == (4400, "Invalid message received")


async def test_a_message_is_as_long_as_a_body_may_be(asked: httpx2.AsyncClient) -> None:
    async with listening(asked.base_url) as socket:
        await socket.send(id="a", type="subscribe", payload={"query": VENDOR, "variables": {"x": "y" * 250 * 1024}})
        assert await socket.data("a") == VENDOR_IS
        await socket.wire.send("x" * (256 * 1024 + 1))
        assert (await socket.closed())[0] == 1009
