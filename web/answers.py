"""Answers, and how they are put on the wire."""

import asyncio
from http import HTTPStatus
from typing import NamedTuple

import orjson
from starlette.types import Message, Receive, Scope, Send

from web.guard import Field, Refused

_NO_STORE = (b"cache-control", b"no-store")
# What keeps a browser careful with a page. Data need none of it: no cookie lets another site ask for them.
OF_PAGES = (
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_CONTENT_TYPES = {
    media: (b"content-type", media + b"; charset=utf-8")
    for media in (b"application/json", b"application/graphql-response+json")
}
# What is no stream although one was asked for.
_CONTENT_TYPES[b"text/event-stream"] = _CONTENT_TYPES[b"application/json"]


class Reply(NamedTuple):
    """A whole answer, without the headers that every one gets."""

    status: int
    body: bytes
    headers: tuple[Field, ...]


def json(status: int, body: bytes, media: bytes, *more: Field) -> Reply:
    """JSON of a media type; nobody on the way keeps it."""
    return Reply(status, body, (_CONTENT_TYPES[media], _NO_STORE, *more))


def to_post(body: bytes, media: bytes) -> Reply:
    """The data that a POST asked for, which nobody keeps anyway."""
    return Reply(200, body, (_CONTENT_TYPES[media],))


def refusal(refused: Refused, media: bytes) -> Reply:
    """A refusal as GraphQL clients read it: one error with its code."""
    return json(refused.status, error_body(refused.code, refused.message), media, *refused.headers)


def error_body(code: str, message: str, **extensions: str) -> bytes:
    """Return `{"errors": [one]}`, without `data`: nothing was executed."""
    return orjson.dumps({"errors": [{"message": message, "extensions": {"code": code} | extensions}]})


async def send(send: Send, reply: Reply, *more: Field) -> None:
    """Send a reply."""
    status, body, headers = reply
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers, *more]})
    await send({"type": "http.response.body", "body": body})


async def send_within(seconds: float, send: Send, message: Message) -> None:
    """Send a message; raises TimeoutError where whoever reads takes none of it for that long."""
    async with asyncio.timeout(seconds):
        await send(message)


async def gone(receive: Receive) -> None:
    """Wait until whoever asked is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def sent_at_once(scope: Scope, reply: Reply, *more: Field) -> bool:
    """Send a reply through the wire, if that can and the reply is an ordinary one; whether it did."""
    status, body, headers = reply
    wire = scope.get("wire")
    if wire is None or status != HTTPStatus.OK:
        return False
    done: bool = wire.answered(scope, ((b"content-length", b"%d" % len(body)), *headers, *more), body)
    return done
