"""GET /account-sessions/{jti}: whether somebody who was let into an account may still be there.

Whoever asks holds the JWT: its `jti` is the secret. An answer has no body, and one is like the other: 204, or 410 for
what has ended and what never was.
"""

from typing import Final

from starlette.types import Receive, Scope, Send

from domain import clock, errors, rate_limits
from domain.rate_limits import Rule
from resolvers import opening
from web import answers, backend, faults, guard
from web.guard import Field, Refused

PATH: Final = "/account-sessions/{jti}"

_METHODS: Final = {"GET", "HEAD"}
_NO_STORE: Final = (b"cache-control", b"no-store")
_EMPTY: Final = (b"content-length", b"0")
_HOLDS, _GONE, _TOO_MANY = 204, 410, 429
_HEADERS: Final[dict[int, tuple[Field, ...]]] = {
    _HOLDS: (_NO_STORE,),
    _GONE: (_NO_STORE, _EMPTY),
    _TOO_MANY: (_NO_STORE, _EMPTY, (b"retry-after", b"60")),
}


class AccountSessions:
    """Answers for the vendor's product, without a sign-in."""

    def __init__(self, behind: backend.Backend) -> None:
        self._behind = behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI's three
        try:
            status = await self._status(scope)
        except Refused as refused:
            await answers.send(send, answers.refusal(refused, guard.JSON_MEDIA))
            return
        await send({"type": "http.response.start", "status": status, "headers": [*_HEADERS[status]]})
        await send({"type": "http.response.body"})

    async def _status(self, scope: Scope) -> int:
        if scope["method"] not in _METHODS:
            raise Refused(405, "INVALID", "An account session is asked for by GET.", ((b"allow", b"GET, HEAD"),))
        reads = self._behind.ready().reads
        try:
            if await opening.holds(reads, scope["path_params"]["jti"]):
                return _HOLDS
            client = scope["client"]
            await rate_limits.take_from(Rule.ACCOUNT_SESSION_BY_IP, client[0] if client else None, clock.now())
        except errors.Refusal:
            return _TOO_MANY
        except Exception as fault:
            if faults.database_is_away(fault):
                raise backend.unavailable() from fault
            raise
        return _GONE
