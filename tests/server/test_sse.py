"""Event streams: the protocol graphql-sse, one operation a connection."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

import models
from domain import clock
from resolvers import events
from tests.server.listening import LONGEST_WAIT, TO_PARTNERSHIP, at_once, bearer, pair
from web import sse

EVENTS = {"accept": "text/event-stream"}


class Stream:
    """What comes over an event stream."""

    def __init__(self, answer: httpx2.Response) -> None:
        self._lines = answer.aiter_lines()

    async def block(self) -> dict[str, str] | None:
        """The next event's fields, none of a comment; null at the end."""
        fields: list[tuple[str, str, str]] = []
        async with asyncio.timeout(LONGEST_WAIT):
            async for line in self._lines:
                if not line:
                    return {name: value.removeprefix(" ") for name, _, value in fields if name}
                fields.append(line.partition(":"))
        return None

    async def payload(self) -> Any:
        """What the next event brings."""
        while (block := await self.block()) == {}:
            pass
        assert block is not None
        assert block["event"] == "next", block
        return json.loads(block["data"])

    async def last(self) -> str:
        """Why the stream ends: the code of its last payload, which nothing follows but the end."""
        [error] = (await self.payload())["errors"]
        assert [await self.block(), await self.block()] == [{"event": "complete", "data": ""}, None]
        return str(error["extensions"]["code"])


@asynccontextmanager
async def streamed(client: httpx2.AsyncClient, method: str = "POST", **more: Any) -> AsyncIterator[Stream]:
    async with client.stream(method, "/graphql", **more) as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        yield Stream(answer)


async def test_a_query_is_a_stream_of_one_answer(served: httpx2.AsyncClient) -> None:
    answer = await served.post("/graphql", json={"query": "{ vendor { name } }"}, headers=EVENTS)
    refused = await served.post("/graphql", json={"query": "{ nothing }"}, headers=EVENTS)
    by_get = await served.get("/graphql", params={"query": "{ __typename }"}, headers=EVENTS)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.text == 'event: next\ndata: {"data":{"vendor":{"name":"Countersign"}}}\n\nevent: complete\ndata: \n\n'
    assert by_get.text == 'event: next\ndata: {"data":{"__typename":"Query"}}\n\nevent: complete\ndata: \n\n'
    data = refused.text.split("\n")[1].removeprefix("data: ")
    assert [error["extensions"]["code"] for error in json.loads(data)["errors"]] == ["INVALID"]
    assert refused.text.endswith("\n\nevent: complete\ndata: \n\n")


async def test_what_is_no_operation_is_no_stream(served: httpx2.AsyncClient) -> None:
    two = await pair()
    subscription = {"query": TO_PARTNERSHIP, "variables": {"id": two.partnership.id}}
    anonymous = await served.post("/graphql", json=subscription, headers=EVENTS)
    stranger = await served.post("/graphql", json=subscription, headers=EVENTS | bearer("nobody's"))
    no_json = await served.post("/graphql", content=b"x", headers=EVENTS | {"content-type": "application/json"})
    not_streamed = await served.post("/graphql", json=subscription, headers=bearer(two.tokens["paula"]))
    codes = [
        (each.status_code, each.headers["content-type"], each.json()["errors"][0]["extensions"]["code"])
        for each in (anonymous, stranger, no_json, not_streamed)
    ]
    json_is = "application/json; charset=utf-8"
    assert codes == [
        (401, json_is, "UNAUTHENTICATED"),
        (401, json_is, "UNAUTHENTICATED"),
        (400, json_is, "INVALID"),
        (200, json_is, "INVALID"),
    ]


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_p4_a_subscription_is_replayed_and_goes_on(served: httpx2.AsyncClient, method: str) -> None:
    two = await pair()
    await two.happens(times=60)
    variables = {"id": two.partnership.id, "after": events.cursor(0)}
    asked: dict[str, Any] = {"json": {"query": TO_PARTNERSHIP, "variables": variables}}
    if method == "GET":
        asked = {"params": {"query": TO_PARTNERSHIP, "variables": json.dumps(variables)}}
    async with streamed(served, method, headers=EVENTS | bearer(two.tokens["paula"]), **asked) as stream:
        versions = [(await stream.payload())["data"]["partnershipEvents"]["version"] for _ in range(60)]
        await two.happens()
        versions.append((await stream.payload())["data"]["partnershipEvents"]["version"])
    assert versions == list(range(1, 62))


async def test_p5_a_stream_ends_with_its_session_within_a_second(served: httpx2.AsyncClient) -> None:
    two = await pair()
    asked = {"query": TO_PARTNERSHIP, "variables": {"id": two.partnership.id, "after": events.cursor(0)}}
    async with streamed(served, headers=EVENTS | bearer(two.tokens["paula"]), json=asked) as stream:
        await two.happens()
        assert list(await stream.payload()) == ["data"]
        await models.Session.all().update(ended_at=clock.now())
        ended = time.monotonic()
        assert await stream.last() == "SESSION_ENDED"
        took = time.monotonic() - ended
    assert took < at_once()


async def test_what_refuses_a_subscription_ends_its_stream(served: httpx2.AsyncClient) -> None:
    two, others = await pair(), await pair()
    codes = []
    for variables in ({"id": others.partnership.id}, {"id": two.partnership.id, "after": events.cursor(9)}):
        asked = {"query": TO_PARTNERSHIP, "variables": variables}
        async with streamed(served, headers=EVENTS | bearer(two.tokens["paula"]), json=asked) as stream:
            codes.append(await stream.last())
    assert codes == ["ACCESS_ENDED", "RESYNC"]


async def test_a_quiet_stream_says_that_it_is_there(
    served: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "ALIVE_SECONDS", 0.05)
    two = await pair()
    asked = {"query": TO_PARTNERSHIP, "variables": {"id": two.partnership.id}}
    async with streamed(served, headers=EVENTS | bearer(two.tokens["paula"]), json=asked) as stream:
        assert [await stream.block() for _ in range(3)] == [{}] * 3
