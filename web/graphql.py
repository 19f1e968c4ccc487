"""GraphQL over HTTP: POST /graphql, and GET for queries."""

from collections.abc import Awaitable
from datetime import datetime

from starlette.types import Receive, Scope

from domain import clock
from domain.seats import Seat
from resolvers.context import Caller
from resolvers.engine import Answer, Engine, GraphQLRequest
from web import answers, backend, faults, guard, ide
from web.documents import Documents, NotKept
from web.guard import Headers, Parameters, Refused

_STATUS_HEADERS = {401: guard.BEARER, 405: ((b"allow", b"POST"),), 503: backend.RETRY_AFTER}
# The message is the one that Apollo's clients know, beside the code.
_NOT_KEPT = answers.error_body("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")


class GraphQL:
    """The endpoint. Anonymous and signed-in callers keep their persisted documents apart: neither drops the other's."""

    def __init__(self, behind: backend.Backend) -> None:
        self._behind = behind
        self._documents = {False: Documents(), True: Documents()}

    async def __call__(self, scope: Scope, headers: Headers, receive: Receive) -> answers.Reply:
        """Answer a request; what is a fault of ours is raised."""
        if ide.is_asked_for(scope, headers):
            return ide.page()
        media = guard.answers_as(headers.get(b"accept", b""))
        try:
            answer = await self._answered(scope, headers, receive)
        except Refused as refused:
            return answers.refusal(refused, media)
        except NotKept:
            answer = Answer(body=_NOT_KEPT, executed=False)
        status = _status(answer, media)
        return answers.json(status, answer.body, media, _STATUS_HEADERS.get(status, ()))

    async def _answered(self, scope: Scope, headers: Headers, receive: Receive) -> Answer:
        sent = await _parameters(scope, headers, receive)
        engine = self._behind.ready()
        try:
            now, token = clock.now(), guard.bearer(headers)
            seat = None if token is None else engine.seat_at_hand(token, now) or await _seat(engine, token, now)
            documents = self._documents[seat is not None]
            text = documents.text(sent)
            scope["state"]["asked"] = text, sent.operation_name
            request = GraphQLRequest(text, sent.variables, sent.operation_name, scope["method"] == "GET")
            answer = await engine.execute(request, _caller(scope, headers, seat, now))
        except Exception as fault:
            if faults.database_is_away(fault):
                raise backend.unavailable() from fault
            raise
        if answer.executed:
            documents.keep(sent)
        return answer


def _parameters(scope: Scope, headers: Headers, receive: Receive) -> Awaitable[Parameters]:
    match scope["method"]:
        case "POST":
            return guard.posted(headers, receive)
        case "GET":
            return guard.queried(scope["query_string"])
        case _:
            raise Refused(
                405, "INVALID", "GraphQL is spoken by POST, or by GET for queries.", ((b"allow", b"GET, POST"),)
            )


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
        request_id=scope["state"]["request_id"],
        idempotency_key=guard.idempotency_key(headers),
    )


def _status(answer: Answer, media: bytes) -> int:
    """Tell clients that read GraphQL's own media type of request errors by the status, others by the body alone."""
    if answer.unauthenticated:
        return 401
    if answer.status is not None:
        return answer.status
    return 200 if answer.executed or media == guard.JSON_MEDIA else 400
