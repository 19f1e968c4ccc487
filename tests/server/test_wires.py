"""What a connection does with answers that go out in one piece, and with requests that come in pieces."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

LONGEST_WAIT = 30
BODY = b'{"query": "{ __typename }"}'
ANSWER = b'{"data":{"__typename":"Query"}}'


def _request(request_id: str, *lines: str, version: str = "1.1", body: bytes = BODY) -> bytes:
    head = [f"POST /graphql HTTP/{version}", "host: x", "content-type: application/json", f"x-request-id: {request_id}"]
    return "\r\n".join([*head, f"content-length: {len(body)}", *lines]).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def _connected(asked: httpx2.AsyncClient) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(asked.base_url.host, asked.base_url.port)
    try:
        async with asyncio.timeout(LONGEST_WAIT):
            yield reader, writer
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    """One answer: its first line, its headers, its body."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert len(headers) == len(lines), lines
    return first, headers, await reader.readexactly(int(headers["content-length"]))


async def test_a_connection_answers_one_request_after_the_other(asked: httpx2.AsyncClient) -> None:
    async with _connected(asked) as (reader, writer):
        for request_id in ("first", "second"):
            writer.write(_request(request_id))
            first, headers, body = await _answer(reader)
            assert (first, body) == ("HTTP/1.1 200 OK", ANSWER)
            assert {name: value for name, value in headers.items() if name not in {"date", "server"}} == {
                "content-length": str(len(ANSWER)),
                "content-type": "application/json; charset=utf-8",
                "x-content-type-options": "nosniff",
                "x-request-id": request_id,
            }
            assert "date" in headers


async def test_requests_that_are_sent_before_the_answers_are_answered_in_turn(asked: httpx2.AsyncClient) -> None:
    names = [f"number-{n}" for n in range(20)]
    async with _connected(asked) as (reader, writer):
        writer.write(b"".join(_request(name) for name in names))
        answers = [await _answer(reader) for _ in names]
    assert [(first, headers["x-request-id"], body) for first, headers, body in answers] == [
        ("HTTP/1.1 200 OK", name, ANSWER) for name in names
    ]


async def test_who_asks_to_close_is_answered_and_let_go(asked: httpx2.AsyncClient) -> None:
    for request in (_request("last", "connection: close"), _request("last", version="1.0")):
        async with _connected(asked) as (reader, writer):
            writer.write(request)
            first, headers, body = await _answer(reader)
            assert (first, headers["connection"], body) == ("HTTP/1.1 200 OK", "close", ANSWER)
            assert await reader.read() == b""


async def test_who_waits_for_leave_to_send_the_body_gets_it(asked: httpx2.AsyncClient) -> None:
    head, _, body = _request("patient", "expect: 100-continue").partition(b"\r\n\r\n")
    async with _connected(asked) as (reader, writer):
        writer.write(head + b"\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await _answer(reader))[2] == ANSWER


async def test_a_body_over_64_kib_leaves_the_connection_usable(asked: httpx2.AsyncClient) -> None:
    """uvicorn stops reading there, until somebody takes what came."""
    long = json.dumps({"query": "{ __typename }", "extensions": {"x": "x" * 200_000}}).encode()
    async with _connected(asked) as (reader, writer):
        for body in (long, BODY, long):
            writer.write(_request("long", body=body))
            assert (await _answer(reader))[2] == ANSWER
