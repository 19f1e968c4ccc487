"""Answers, and how they are put on the wire."""

from collections.abc import Iterable
from typing import NamedTuple

import orjson
from starlette.types import Send

from web.guard import Field, Refused

_NO_STORE = (b"cache-control", b"no-store")
_CONTENT_TYPES = {
    media: (b"content-type", media + b"; charset=utf-8")
    for media in (b"application/json", b"application/graphql-response+json")
}


class Reply(NamedTuple):
    """A whole answer, without the headers that every one gets."""

    status: int
    body: bytes
    headers: tuple[Field, ...]


def json(status: int, body: bytes, media: bytes, more: Iterable[Field] = ()) -> Reply:
    """JSON of a media type; nobody on the way keeps it."""
    return Reply(status, body, (_CONTENT_TYPES[media], _NO_STORE, *more))


def refusal(refused: Refused, media: bytes) -> Reply:
    """A refusal as GraphQL clients read it: one error with its code."""
    return json(refused.status, error_body(refused.code, refused.message), media, refused.headers)


def error_body(code: str, message: str, **extensions: str) -> bytes:
    """Return `{"errors": [one]}`, without `data`: nothing was executed."""
    return orjson.dumps({"errors": [{"message": message, "extensions": {"code": code} | extensions}]})


async def send(send: Send, reply: Reply, more: Iterable[Field] = ()) -> None:
    """Send a reply."""
    headers = [(b"content-length", b"%d" % len(reply.body)), *reply.headers, *more]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
