"""GET /.well-known/jwks.json: the public keys by which anybody verifies what this server signed."""

from typing import Final

import orjson
from starlette.types import Receive, Scope, Send

from domain import signing
from web import answers, backend, faults, guard
from web.guard import Refused

PATH: Final = "/.well-known/jwks.json"
# The key that signs next is among them already, so that a set that is kept for a while lacks none.
_HEADERS: Final = ((b"content-type", b"application/json"), (b"cache-control", b"public, max-age=300"))


class Keys:
    """Answers with the JWK set. Any program may keep it for five minutes."""

    def __init__(self, behind: backend.Backend) -> None:
        self._behind = behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI's three
        try:
            reply = await self._answered(scope["method"])
        except Refused as refused:
            reply = answers.refusal(refused, guard.JSON_MEDIA)
        await answers.send(send, reply)

    async def _answered(self, method: str) -> answers.Reply:
        if method not in {"GET", "HEAD"}:
            raise Refused(405, "INVALID", "The keys are read by GET.", ((b"allow", b"GET, HEAD"),))
        self._behind.ready()
        try:
            return answers.Reply(200, orjson.dumps(await signing.published()), _HEADERS)
        except Exception as fault:
            if faults.database_is_away(fault):
                raise backend.unavailable() from fault
            raise
