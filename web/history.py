"""GET /history/{id}.jsonl: a history to take along, in constant memory however long it is."""

import asyncio
import re
from contextlib import aclosing
from typing import Final

from starlette.types import Message, Receive, Scope, Send

from domain import clock, identity, seats
from domain.seats import Seat
from resolvers import histories
from resolvers.context import SeatChangedError
from resolvers.histories import History
from web import answers, backend, faults, guard
from web.guard import Refused

PATH: Final = "/history/{stream}.jsonl"
# Whoever takes none of it for that long is cut off.
LONGEST_SEND: Final = 30.0

_STREAM: Final = re.compile(r"[a-z]+_[0-9a-z]{26}")
_METHODS: Final = {"GET", "HEAD"}


class Histories:
    """Answers with the events of a partnership, an account or a company, for whoever sees it: `domain/histories.py`."""

    def __init__(self, behind: backend.Backend) -> None:
        self._behind = behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            history = await self._opened(scope)
        except Refused as refused:
            await answers.send(send, answers.refusal(refused, guard.JSON_MEDIA))
            return
        await answers.send_within(LONGEST_SEND, send, _start(history))
        if scope["method"] == "GET":
            await _stream(history, receive, send)
        else:
            await answers.send_within(LONGEST_SEND, send, {"type": "http.response.body"})

    async def _opened(self, scope: Scope) -> History:
        if scope["method"] not in _METHODS:
            raise Refused(405, "INVALID", "A history is read by GET.", ((b"allow", b"GET, HEAD"),))
        token = guard.bearer(dict(scope["headers"]))
        if token is None:
            raise guard.unauthenticated()
        reads = self._behind.ready().reads
        stream: str = scope["path_params"]["stream"]
        try:
            seat = await _seat(token)
            history = await histories.opened(reads, stream, by=seat) if _STREAM.fullmatch(stream) else None
        except Exception as fault:
            if faults.database_is_away(fault):
                raise backend.unavailable() from fault
            raise
        if history is None:
            raise Refused(404, "NOT_FOUND", "There is no such history.")
        return history


async def _seat(token: str) -> Seat:
    """Return the seat as it is now: none is taken from memory, for a history is asked for rarely and read for long."""
    seat = await seats.of_token(token, clock.now())
    if seat is None:
        raise guard.unauthenticated()
    await identity.touch(seat.session_id, clock.now())
    return seat


def _start(history: History) -> Message:
    headers = [
        (b"content-type", b"application/jsonl; charset=utf-8"),
        (b"content-disposition", b'attachment; filename="%s.jsonl"' % history.stream.encode()),
        (b"cache-control", b"no-store"),
    ]
    return {"type": "http.response.start", "status": 200, "headers": headers}


async def _stream(history: History, receive: Receive, send: Send) -> None:
    """Send the lines. Where the right to them ends meanwhile the answer breaks off, without head and last chunk."""
    gone = asyncio.ensure_future(answers.gone(receive))
    try:
        async with aclosing(history.lines()) as batches:
            async for lines in batches:
                await answers.send_within(
                    LONGEST_SEND, send, {"type": "http.response.body", "body": lines, "more_body": True}
                )
                # Others have their turn, also where neither the database nor the socket had to be waited for.
                await asyncio.sleep(0)
                if gone.done():
                    return
    except SeatChangedError:
        return
    finally:
        gone.cancel()
    await answers.send_within(LONGEST_SEND, send, {"type": "http.response.body"})
