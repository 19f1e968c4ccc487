"""How tests ask: a document, as a seat, at a moment; the whole answer."""

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import orjson
import pytest

from domain import clock
from domain.seats import Seat
from resolvers import compiler
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


@contextmanager
def functions_made_once() -> Iterator[None]:
    """Let Python compile a plan's function once, whosever it is: most roles have the same, with other statements."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "compile", functools.cache(compile), raising=False)
        yield
