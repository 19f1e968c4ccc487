"""What every request gets: an id, headers that keep browsers careful, a line in the log, an answer to any fault."""

import logging
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resolvers.engine import GraphQLRequest
from web import answers, guard
from web.sse import EventStream

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_OPERATION = re.compile(r"\s*(query|mutation|subscription)\b\s*([_A-Za-z][_0-9A-Za-z]{0,63})?")
_NOSNIFF = (b"x-content-type-options", b"nosniff")
_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,63}")
Direct = Callable[[Scope, guard.Headers, Receive], Awaitable[answers.Reply | EventStream]]


class Requests:
    """The outermost application. `direct`: paths that are answered without a router, since most requests are theirs."""

    def __init__(self, app: ASGIApp, direct: Mapping[str, Direct]) -> None:
        self._app = app
        self._direct = direct
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger("request").bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        headers: guard.Headers = dict(scope["headers"])
        request_id = _request_id(headers)
        scope.setdefault("state", {})["request_id"] = request_id.decode()
        named = (b"x-request-id", request_id)
        fault: Exception | None = None
        direct = self._direct.get(scope["path"])
        if direct is None:
            status, fault = await self._routed(scope, receive, send, named)
        else:
            try:
                reply = await direct(scope, headers, receive)
            except Exception as raised:  # noqa: BLE001  nothing above this can answer
                fault, reply = raised, _masked(scope)
            if isinstance(reply, answers.Reply):
                if not answers.sent_at_once(scope, reply, _NOSNIFF, named):
                    await answers.send(send, reply, _NOSNIFF, named)
            else:
                await reply.serve(receive, send, _NOSNIFF, named)
            status = reply.status
        if fault is not None or self._log.is_enabled_for(logging.INFO):
            self._write(scope, status, began, fault)

    async def _routed(
        self, scope: Scope, receive: Receive, send: Send, named: guard.Field
    ) -> tuple[int, Exception | None]:
        """Have the router answer; the status, and what was raised."""
        status = 0

        def careful_send(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *answers.OF_PAGES, _NOSNIFF, named]
            return send(message)

        try:
            await self._app(scope, receive, careful_send)
        except Exception as fault:  # noqa: BLE001  as above
            if status == 0:
                await answers.send(careful_send, _masked(scope))
            return status, fault
        return status, None

    def _write(self, scope: Scope, status: int, began: float, fault: Exception | None) -> None:
        """Write the request's line. Its path is the route's own: in an address itself there may be a token."""
        state, path = scope["state"], scope["path"]
        line = {
            "method": scope["method"],
            "path": path if path in self._direct else getattr(scope.get("route"), "path", None),
            "operation": _operation(state.get("asked")),
            "status": status,
            "ms": round((time.perf_counter() - began) * 1000, 1),
            "request_id": state["request_id"],
        }
        if fault is None:
            self._log.info("answered", **line)
        else:
            self._log.error("failed", exc_info=fault, **line)


def _request_id(headers: guard.Headers) -> bytes:
    given = headers.get(b"x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return b"%016x" % random.getrandbits(64)  # no secret


def _operation(asked: GraphQLRequest | None) -> str | None:
    """Return what the log may say of a document: the kind and name of the operation, as far as the document has it."""
    if asked is None:
        return None
    document, name = asked.query, asked.operation_name
    if name is None:
        begun = _OPERATION.match(document)
        return " ".join(filter(None, begun.groups())) if begun else None
    names = _NAME.fullmatch(name) and re.search(rf"\b(query|mutation|subscription)\s+{name}\b", document)
    return name if names else None


def _masked(scope: Scope) -> answers.Reply:
    request_id: str = scope["state"]["request_id"]
    body = answers.error_body("INTERNAL", "Something went wrong on our side.", requestId=request_id)
    return answers.json(500, body, guard.JSON_MEDIA)
