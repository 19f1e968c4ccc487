"""PUT and GET /files/{id}: the bytes of a project's file, at the addresses that `domain/files.py` signs.

Neither way needs more memory for a larger file. What is sent out is a download wherever it is opened: no browser shows
it, runs it or guesses what it is.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from datetime import datetime
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, quote

import structlog
from starlette.types import Message, Receive, Scope, Send

from domain import clock, errors, files, storage
from domain.files import Download, Signed, Upload
from models.enums import UserErrorCode
from web import answers, backend, faults, guard
from web.guard import Field, Headers, Refused

PATH: Final = "/files/{file}"
# Whoever sends, or takes, nothing for that long is cut off.
LONGEST_WAIT: Final = 30.0
# How much is handed over at once: whoever takes that much in LONGEST_WAIT, is not too slow.
SLICE: Final = 128 * 1024
# How often it is asked whether a download may go on.
RECHECK: Final = 1.0

_ALLOWED: Final = ((b"allow", b"GET, HEAD, PUT"),)
_CLOSE: Final = ((b"connection", b"close"),)
_NO_STORE: Final = (b"cache-control", b"no-store")
_EMPTY: Final = (b"content-length", b"0")
# Of what nobody may keep for another, and what is to be no page of ours.
_CAREFUL: Final = (
    (b"cache-control", b"private, no-cache"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"accept-ranges", b"bytes"),
)
_RANGE: Final = re.compile(rb"bytes=(\d{0,18})-(\d{0,18})")
_TAG: Final = re.compile(rb'(?:W/)?("[^"]*")')
# What a refusal is in HTTP, where it is no matter of rights.
_STATUSES: Final = {UserErrorCode.NOT_FOUND: 404, UserErrorCode.EXPIRED: 410, UserErrorCode.WRONG_STATE: 410}
_FORBIDDEN: Final = 403


class Part(NamedTuple):
    """Which bytes are asked for, up to `end`, and the answer's status."""

    status: int
    start: int
    end: int


class Files:
    """Takes and gives the bytes of files, without a sign-in: the address is the secret."""

    def __init__(self, behind: backend.Backend) -> None:
        self._behind = behind
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger("files").bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._answer(scope, receive, send)
        except Refused as refused:
            await answers.send(send, answers.refusal(refused, guard.JSON_MEDIA))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._behind.ready()
        file_id: str = scope["path_params"]["file"]
        signed, headers = _signed(scope["query_string"]), dict(scope["headers"])
        match scope["method"]:
            case "PUT":
                await self._take(file_id, signed, headers, receive)
                await send({"type": "http.response.start", "status": 204, "headers": [_NO_STORE]})
                await send({"type": "http.response.body"})
            case "GET" | "HEAD":
                await self._give(file_id, signed, scope, receive, send)
            case _:
                raise Refused(405, "INVALID", "A file is put and got.", _ALLOWED)

    async def _take(self, file_id: str, signed: Signed, headers: Headers, receive: Receive) -> None:
        with self._refusing():
            upload = await files.begun(file_id, signed, clock.now())
            _require_size(headers, upload.file.size)
            await files.receive(upload, _body(receive, upload))

    async def _give(self, file_id: str, signed: Signed, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = dict(scope["headers"])
        with self._refusing():
            download = await files.opened(file_id, signed, clock.now())
        tag = b'"%s"' % download.digest.encode()
        if tag in _TAG.findall(headers.get(b"if-none-match", b"")):
            await send({"type": "http.response.start", "status": 304, "headers": [(b"etag", tag), *_CAREFUL]})
            await send({"type": "http.response.body"})
            return
        part = _part(scope["method"], headers, tag, download.file.size)
        await answers.send_within(LONGEST_WAIT, send, _start(download, part, tag))
        if scope["method"] == "HEAD":
            await answers.send_within(LONGEST_WAIT, send, {"type": "http.response.body"})
            return
        try:
            await _stream(download, part, receive, send)
        except storage.FAULTS as fault:
            # It breaks off, as its length shows to whoever reads it.
            self._log.warning("a download broke off", file=file_id, error=repr(fault))

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Have refusals, and what is away, answered as HTTP has it."""
        try:
            yield
        except Refused:
            raise
        except errors.Refusal as refusal:
            status = _STATUSES.get(refusal.code, _FORBIDDEN)
            raise Refused(status, refusal.code.value, refusal.message, _CLOSE) from refusal
        except Exception as fault:
            if not (isinstance(fault, storage.FAULTS) or faults.database_is_away(fault)):
                raise
            self._log.warning("a file could not be read or written", error=repr(fault))
            raise backend.unavailable() from fault


def _signed(query_string: bytes) -> Signed:
    """Read what an address carries; what is missing is empty, and signed by nobody."""
    sent = dict(parse_qsl(query_string.decode("latin-1")))
    return Signed(*(sent.get(name, "") for name in ("session", "until", "signature")))


# ── up ──


def _require_size(headers: Headers, size: int) -> None:
    if b"content-encoding" in headers:
        raise Refused(415, "INVALID", "Send the bytes as they are, not compressed.", _CLOSE)
    announced = headers.get(b"content-length")
    if announced is not None and int(announced) != size:
        raise _wrong_size(size)


async def _body(receive: Receive, upload: Upload) -> AsyncIterator[bytes]:
    """Hand on what comes; refuses what is more or less than was announced, too slow or too late."""
    came, size = 0, upload.file.size
    more = True
    while more:
        message = await _next(receive, upload.until)
        chunk: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        came += len(chunk)
        if came > size or message["type"] == "http.disconnect":
            raise _wrong_size(size)
        if chunk:
            yield chunk
    if came < size:
        raise _wrong_size(size)


async def _next(receive: Receive, until: datetime) -> Message:
    left = (until - clock.now()).total_seconds()
    try:
        async with asyncio.timeout(min(LONGEST_WAIT, left)):
            return await receive()
    except TimeoutError:
        raise Refused(408, "INVALID", "The bytes did not arrive in time.", _CLOSE) from None


def _wrong_size(size: int) -> Refused:
    return Refused(400, "INVALID", f"The body must have the {size} bytes that were announced.", _CLOSE)


# ── down ──


def _part(method: str, headers: Headers, tag: bytes, size: int) -> Part:
    """Tell what of a file is asked for (RFC 9110, 14). Several ranges, or of another version, are all of it.

    Refuses, with 416, what is beyond its end.
    """
    asked = _RANGE.fullmatch(headers.get(b"range", b""))
    if asked is None or method == "HEAD" or headers.get(b"if-range", tag) != tag:
        return Part(200, 0, size)
    first, last = asked.groups()
    if first:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < int(first):
            return Part(200, 0, size)
    elif last:
        start, end = max(size - int(last), 0), size
    else:
        return Part(200, 0, size)
    if start >= end:
        beyond = (b"content-range", b"bytes */%d" % size)
        raise Refused(416, "INVALID", f"The file has {size} bytes.", (beyond,))
    return Part(206, start, end)


def _start(download: Download, part: Part, tag: bytes) -> Message:
    file = download.file
    headers: list[Field] = [
        (b"content-type", file.content_type.encode()),
        (b"content-length", b"%d" % (part.end - part.start)),
        (b"content-disposition", _disposition(file.name)),
        (b"etag", tag),
        *_CAREFUL,
    ]
    if part.status == 206:  # noqa: PLR2004  Partial Content
        headers.append((b"content-range", b"bytes %d-%d/%d" % (part.start, part.end - 1, file.size)))
    return {"type": "http.response.start", "status": part.status, "headers": headers}


def _disposition(name: str) -> bytes:
    """Say under which name it is saved (RFC 6266), with a plain name for whoever reads no other."""
    plain = "".join(letter if letter.isascii() and letter not in '"\\%' else "_" for letter in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}".encode()


async def _stream(download: Download, part: Part, receive: Receive, send: Send) -> None:
    """Send bytes. Where the right to them ends meanwhile, or whoever reads them is gone, the answer breaks off."""
    now = asyncio.get_running_loop().time
    gone = asyncio.ensure_future(answers.gone(receive))
    checked = now()
    try:
        async with aclosing(download.bytes(part.start, part.end)) as pieces:
            async for piece in pieces:
                for at in range(0, len(piece), SLICE):
                    if now() - checked > RECHECK:
                        if not await download.holds():
                            return
                        checked = now()
                    body = bytes(piece[at : at + SLICE])
                    message = {"type": "http.response.body", "body": body, "more_body": True}
                    await answers.send_within(LONGEST_WAIT, send, message)
                    if gone.done():
                        return
    finally:
        gone.cancel()
    await answers.send_within(LONGEST_WAIT, send, {"type": "http.response.body"})
