"""Whether the process lives, and whether it can do its work."""

import orjson
from starlette.types import Receive, Scope, Send

from web import answers, guard
from web.backend import RETRY_AFTER, Backend

_ALIVE = orjson.dumps({"status": "alive"})
_READY = orjson.dumps({"status": "ready"})


class Live:
    """200 while the process answers at all."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI's three
        await answers.send(send, answers.json(200, _ALIVE, guard.JSON_MEDIA))


class Ready:
    """200 while requests can be served, else 503 with the problem's sentence."""

    def __init__(self, behind: Backend) -> None:
        self._behind = behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI's three
        problem = self._behind.problem
        if problem is None:
            await answers.send(send, answers.json(200, _READY, guard.JSON_MEDIA))
            return
        body = orjson.dumps({"status": "not ready", "problem": problem})
        await answers.send(send, answers.json(503, body, guard.JSON_MEDIA, *RETRY_AFTER))
