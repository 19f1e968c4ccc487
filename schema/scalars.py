"""Scalars of our own. Whether an address or a URL is a good one is the law's to say, as a user error with its field."""

import datetime as dt
import re
from decimal import Decimal as PythonDecimal
from typing import NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from domain import money
from models.enums import ErrorCode
from resolvers import events

Cursor = NewType("Cursor", str)
EmailAddress = NewType("EmailAddress", str)
URL = NewType("URL", str)
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def _bad(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": ErrorCode.INVALID.value})


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _bad("Text is expected.")
    return value


def _date(value: object) -> dt.date:
    try:
        return dt.date.fromisoformat(_text(value))
    except ValueError:
        raise _bad("A date is expected: 2026-11-21.") from None


def _time(value: object) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(_text(value))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _bad("A time with its offset is expected: 2026-11-21T20:46:00Z.")
    return moment.astimezone(dt.UTC)


def _decimal(value: object) -> PythonDecimal:
    # A number of JSON or of the document would have gone through binary floating point on its way, here or before.
    given = _text(value)
    if not _DECIMAL.fullmatch(given) or sum(map(str.isdigit, given)) > money.MOST_DIGITS:
        raise _bad(f'A decimal of at most {money.MOST_DIGITS} digits is expected, as a string: "12.50".')
    return PythonDecimal(given)


def _position(value: object) -> int:
    try:
        return events.position(_text(value))
    except ValueError:
        raise _bad("This is no cursor of an event: send one back as it was received.") from None


SCALARS: dict[object, ScalarDefinition] = {
    dt.datetime: strawberry.scalar(
        name="DateTime", parse_value=_time, description="A moment in UTC: `2026-11-21T20:46:00.000000Z`."
    ),
    dt.date: strawberry.scalar(name="Date", parse_value=_date, description="A day: `2026-11-21`."),
    PythonDecimal: strawberry.scalar(
        name="Decimal", parse_value=_decimal, description='An exact decimal, as a string: `"12.50"`.'
    ),
    EmailAddress: strawberry.scalar(
        name="EmailAddress", parse_value=_text, description="An e-mail address (RFC 5321), in lower case."
    ),
    URL: strawberry.scalar(name="URL", parse_value=_text, description="An http or https address (RFC 3986)."),
    Cursor: strawberry.scalar(
        name="Cursor",
        parse_value=_position,
        description="A position in the event log: opaque, valid for resuming a subscription.",
    ),
}
