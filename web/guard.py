"""What is refused before GraphQL sees it: a request is JSON of a bounded size and depth, or it is answered with 4xx."""

import asyncio
import re
from collections.abc import Iterable
from functools import lru_cache
from types import NoneType
from urllib.parse import parse_qsl

import orjson
from starlette.types import Receive, Scope

from resolvers.engine import GraphQLRequest

BODY_LIMIT = 256 * 1024
BODY_SECONDS = 10
JSON_DEPTH = 32
JSON_MEDIA = b"application/json"
RESPONSE_MEDIA = b"application/graphql-response+json"
EVENT_MEDIA = b"text/event-stream"

_ALLOWED = ((b"allow", b"GET, POST"),)
_CLOSE = ((b"connection", b"close"),)
_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
_BEARER = re.compile(rb"bearer +([\x21-\x7e]{1,255}) *", re.IGNORECASE)
_SHA256 = re.compile(r"[0-9a-f]{64}")

Field = tuple[bytes, bytes]
Headers = dict[bytes, bytes]
Json = dict[str, object]


class Refused(Exception):  # noqa: N818  a refusal is an outcome, not a fault
    """The request ends here: a status and one error with its code."""

    def __init__(self, status: int, code: str, message: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers


async def requested(scope: Scope, headers: Headers, receive: Receive) -> GraphQLRequest:
    """Read what is asked, by POST or GET; refuses with 400, 405, 408, 413, 415."""
    if scope["method"] == "GET":
        return _queried(scope["query_string"])
    if scope["method"] != "POST":
        raise Refused(405, "INVALID", "GraphQL is spoken by POST, or by GET for queries.", _ALLOWED)
    if not _is_json(headers.get(b"content-type", b"")) or b"content-encoding" in headers:
        raise Refused(415, "INVALID", "Send the request as application/json in UTF-8, not compressed.")
    text = at_hand(scope)
    return request_of(json_object("body", await body(headers, receive) if text is None else text), read_only=False)


def _queried(query_string: bytes) -> GraphQLRequest:
    """Read an address, where `variables` and `extensions` are JSON text."""
    try:
        sent = dict(parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20))
    except ValueError:
        raise Refused(400, "INVALID", "The address's parameters must be valid UTF-8, twenty at most.") from None
    named: Json = {name: sent[name] for name in ("query", "operationName") if sent.get(name)}
    parsed: Json = {
        name: json_object(name, sent[name].encode()) for name in ("variables", "extensions") if sent.get(name)
    }
    return request_of(named | parsed, read_only=True)


async def body(headers: Headers, receive: Receive, *, limit: int = BODY_LIMIT) -> bytes:
    """Return the request's body; 413 above `limit` bytes, unread where that is announced; 408 after 10 seconds."""
    announced = headers.get(b"content-length")
    if announced is not None and int(announced) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _received(receive, limit)
    except TimeoutError:
        raise Refused(408, "INVALID", "The body did not arrive in time.", _CLOSE) from None


def at_hand(scope: Scope) -> bytes | None:
    """Return the body if it has come whole, without a timer and without waiting, which cost more than to read it."""
    wire = scope.get("wire")
    came: bytes | None = None if wire is None else wire.received(scope)
    if came is not None and len(came) > BODY_LIMIT:
        raise _too_large(BODY_LIMIT)
    return came


async def _received(receive: Receive, limit: int) -> bytes:
    message = await receive()
    read = bytearray(message.get("body", b""))
    while message.get("more_body") and len(read) <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "INVALID", "The body is incomplete.", _CLOSE)
        read += message.get("body", b"")
    if len(read) > limit:
        raise _too_large(limit)
    return bytes(read)


def _too_large(limit: int) -> Refused:
    return Refused(413, "LIMIT_EXCEEDED", f"The body may have {limit // 1024} KiB at most.", _CLOSE)


@lru_cache(maxsize=64)
def _is_json(content_type: bytes) -> bool:
    media, *parameters = (part.strip().lower() for part in content_type.split(b";"))
    charsets = [part.partition(b"=")[2].strip(b'"') for part in parameters if part.startswith(b"charset=")]
    return media == JSON_MEDIA and all(charset in {b"utf-8", b"utf8"} for charset in charsets)


def json_object(name: str, text: bytes) -> Json:
    """Read a JSON object of a bounded depth; refuses with 400."""
    try:
        parsed: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Refused(400, "INVALID", f"The {name} must be valid JSON in UTF-8.") from None
    if not isinstance(parsed, dict):
        raise Refused(400, "INVALID", f"The {name} must be a JSON object.")
    if text.count(b"{") + text.count(b"[") > JSON_DEPTH and _deeper_than(JSON_DEPTH, parsed):
        raise Refused(400, "LIMIT_EXCEEDED", f"The {name} may be nested {JSON_DEPTH} levels deep at most.")
    return parsed


def _deeper_than(limit: int, parsed: Json) -> bool:
    level: list[Json | list[object]] = [parsed]
    for _ in range(limit):
        level = [inner for outer in level for inner in _values(outer) if isinstance(inner, (dict, list))]
        if not level:
            return False
    return True


def _values(outer: Json | list[object]) -> Iterable[object]:
    return outer.values() if isinstance(outer, dict) else outer


_TEXT = (str, NoneType)
_OBJECT = (dict, NoneType)


def request_of(sent: Json, *, read_only: bool) -> GraphQLRequest:
    """Read a request's parameters; refuses with 400."""
    query, operation_name = sent.get("query"), sent.get("operationName")
    variables, extensions = sent.get("variables"), sent.get("extensions")
    if not isinstance(query, _TEXT):
        raise _must_be("query", "a string")
    if not isinstance(operation_name, _TEXT):
        raise _must_be("operationName", "a string")
    if not isinstance(variables, _OBJECT):
        raise _must_be("variables", "an object")
    if not isinstance(extensions, _OBJECT):
        raise _must_be("extensions", "an object")
    document_hash = _hash(extensions.get("persistedQuery")) if extensions else None
    if not query and document_hash is None:
        raise Refused(400, "INVALID", "The request has no query.")
    return GraphQLRequest(query or "", variables, operation_name or None, read_only, document_hash)


def _must_be(name: str, what: str) -> Refused:
    return Refused(400, "INVALID", f"The parameter {name} must be {what}.")


def _hash(persisted: object) -> str | None:
    if persisted is None:
        return None
    document_hash = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    if isinstance(document_hash, str) and _SHA256.fullmatch(document_hash):
        return document_hash
    raise Refused(400, "INVALID", "extensions.persistedQuery.sha256Hash must be a SHA-256 in lower-case hex.")


def bearer(headers: Headers) -> str | None:
    """Return the bearer token, null where none was sent; any other scheme is 401."""
    authorization = headers.get(b"authorization")
    return None if authorization is None else _token(authorization)


@lru_cache(maxsize=4096)
def _token(authorization: bytes) -> str:
    sent = _BEARER.fullmatch(authorization)
    if sent is None:
        raise unauthenticated()
    return str(sent[1], "ascii")


def unauthenticated() -> Refused:
    """401: the token is none of ours, or its session has ended."""
    return Refused(401, "UNAUTHENTICATED", "The bearer token is not valid (any more). Sign in again.", BEARER)


BEARER = ((b"www-authenticate", b"Bearer"),)


def idempotency_key(headers: Headers) -> str | None:
    """Return the Idempotency-Key; one that is not 1 to 255 visible ASCII characters is 400."""
    key = headers.get(b"idempotency-key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise Refused(400, "INVALID", "An Idempotency-Key has 1 to 255 visible ASCII characters.")
    return key.decode("ascii")


@lru_cache(maxsize=256)
def answers_as(accept: bytes) -> bytes:
    """Choose the answer's media type: whichever of the three is preferred, the first one where both are liked alike.

    Anything else, and nothing at all, is answered as `application/json`; nobody is refused with 406.
    """
    liked = [(_quality(parameters), media) for media, *parameters in map(_split, accept.split(b",")) if media in _MEDIA]
    best = max(liked, key=lambda entry: entry[0], default=(0.0, JSON_MEDIA))
    return best[1] if best[0] > 0 else JSON_MEDIA


_MEDIA = {JSON_MEDIA, RESPONSE_MEDIA, EVENT_MEDIA}


def _split(entry: bytes) -> list[bytes]:
    return [part.strip().lower() for part in entry.split(b";")]


def _quality(parameters: list[bytes]) -> float:
    given = [part[2:] for part in parameters if part.startswith(b"q=")]
    try:
        return float(given[0]) if given else 1.0
    except ValueError:
        return 0.0
