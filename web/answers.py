"""How an answer is put on the wire."""

from collections.abc import Awaitable, Iterable

import orjson
from starlette.types import Send

from web.guard import Refused

_NO_STORE = ((b"cache-control", b"no-store"),)
_CONTENT_TYPES = {
    media: (b"content-type", media + b"; charset=utf-8")
    for media in (b"application/json", b"application/graphql-response+json")
}


async def send(send: Send, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Send a whole answer."""
    sized = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": sized})
    await send({"type": "http.response.body", "body": body})


def send_json(
    to: Send, status: int, body: bytes, media: bytes, more: Iterable[tuple[bytes, bytes]] = ()
) -> Awaitable[None]:
    """Send JSON of a media type; nobody on the way keeps it."""
    return send(to, status, body, (_CONTENT_TYPES[media], *_NO_STORE, *more))


async def send_refusal(to: Send, refused: Refused, media: bytes) -> None:
    """Send a refusal as GraphQL clients read it: one error with its code."""
    await send_json(to, refused.status, error_body(refused.code, refused.message), media, refused.headers)


def error_body(code: str, message: str, **extensions: str) -> bytes:
    """Return `{"errors": [one]}`, without `data`: nothing was executed."""
    return orjson.dumps({"errors": [{"message": message, "extensions": {"code": code} | extensions}]})
