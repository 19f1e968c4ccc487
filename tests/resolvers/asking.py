"""How tests ask: a document, as a seat, at a moment; the whole answer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from domain import clock
from domain.seats import Seat
from resolvers.context import Caller
from resolvers.engine import Engine, GraphQLRequest


async def body(
    engine: Engine,
    text: str,
    seat: Seat | None = None,
    variables: Mapping[str, object] | None = None,
    *,
    name: str | None = None,
    now: datetime | None = None,
) -> bytes:
    """The answer's text."""
    caller = Caller(seat, now or clock.now())
    return (await engine.execute(GraphQLRequest(text, variables, name), caller)).body


async def answer(engine: Engine, text: str, seat: Seat | None = None, **variables: object) -> Any:
    """The answer as plain data."""
    return orjson.loads(await body(engine, text, seat, variables))


async def refusal(engine: Engine, text: str, seat: Seat | None = None, **variables: object) -> list[str]:
    """The codes of an answer that has no data."""
    answered = await answer(engine, text, seat, **variables)
    assert "data" not in answered, answered
    return [error["extensions"]["code"] for error in answered["errors"]]
