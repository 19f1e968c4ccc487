"""GraphQL over HTTP: POST /graphql, and GET for queries."""

from datetime import datetime
from http import HTTPStatus
from typing import cast

from starlette.types import Receive, Scope

from domain import clock
from domain.seats import Seat
from resolvers.context import Caller
from resolvers.engine import Answer, Engine, Subscription
from web import answers, backend, faults, guard, ide, sse
from web.documents import Documents, NotKept
from web.guard import Headers, Refused

_STATUS_HEADERS = {401: guard.BEARER, 405: ((b"allow", b"POST"),), 503: backend.RETRY_AFTER}
# The message is the one that Apollo's clients know, beside the code.
_NOT_KEPT = answers.error_body("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")


class GraphQL:
    """The endpoint. Anonymous and signed-in callers keep their persisted documents apart: neither drops the other's."""

    def __init__(self, behind: backend.Backend) -> None:
        self._behind = behind
        self.documents = {False: Documents(), True: Documents()}

    async def __call__(self, scope: Scope, headers: Headers, receive: Receive) -> answers.Reply | sse.EventStream:
        """Answer a request; what is a fault of ours is raised."""
        if scope["method"] == "GET" and ide.is_asked_for(scope, headers):
            return ide.page()
        media = guard.answers_as(headers.get(b"accept", b""))
        try:
            request = await guard.requested(scope, headers, receive)
            engine, now, token = self._behind.ready(), clock.now(), guard.bearer(headers)
            seat = None if token is None else engine.seat_at_hand(token, now) or await _seat(engine, token, now)
            documents = self.documents[seat is not None]
            request = documents.completed(request)
            scope["state"]["asked"] = request
            caller = _caller(scope, headers, seat, now)
            asked = engine.subscription(request, caller) if media == guard.EVENT_MEDIA else None
            if isinstance(asked, Subscription):
                documents.keep(request)
                return sse.EventStream(self._behind.streaming(), asked, cast("Seat", seat), scope["wire"])
            answer = asked or await engine.execute(request, caller)
        except NotKept:
            return _reply(Answer(body=_NOT_KEPT, executed=False), media)
        except Exception as fault:  # noqa: BLE001  `_refused` raises what is none of its own
            return answers.refusal(_refused(fault), media)
        if answer.executed:
            documents.keep(request)
        return _reply(answer, media, to_post=not request.read_only)


async def _seat(engine: Engine, token: str, now: datetime) -> Seat:
    seat = await engine.seat(token, now)
    if seat is None:
        raise guard.unauthenticated()
    return seat


def _caller(scope: Scope, headers: Headers, seat: Seat | None, now: datetime) -> Caller:
    client, agent = scope["client"], headers.get(b"user-agent")
    return Caller(
        seat,
        now,
        ip=client[0] if client else None,
        user_agent=agent.decode("latin-1") if agent else None,
        idempotency_key=guard.idempotency_key(headers),
    )


def _refused(fault: Exception) -> Refused:
    """Return what a fault is to the caller; one of ours is raised."""
    if isinstance(fault, Refused):
        return fault
    if faults.database_is_away(fault):
        return backend.unavailable()
    raise fault


def _reply(answer: Answer, media: bytes, *, to_post: bool = False) -> answers.Reply:
    if media == guard.EVENT_MEDIA and _status(answer, guard.JSON_MEDIA) == HTTPStatus.OK:
        return sse.whole(answer)
    if answer.executed and to_post:
        return answers.to_post(answer.body, media)
    status = _status(answer, media)
    return answers.json(status, answer.body, media, *_STATUS_HEADERS.get(status, ()))


def _status(answer: Answer, media: bytes) -> int:
    """Tell clients that read GraphQL's own media type of request errors by the status, others by the body alone."""
    if answer.unauthenticated:
        return 401
    if answer.status is not None:
        return answer.status
    return 200 if answer.executed or media == guard.JSON_MEDIA else 400
