"""What generated functions call: the few steps between rows and the answer."""

import datetime as dt
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar, cast

import orjson
from graphql import (
    DocumentNode,
    FieldNode,
    OperationDefinitionNode,
    SelectionSetNode,
    execute_sync,
    value_from_ast,
)

from models import sql
from models.enums import ErrorCode, Role
from resolvers.context import Caller, SeatChangedError
from resolvers.cursors import cursor, position
from resolvers.documents import Operation, hold_text, refused
from resolvers.statements import SESSION

if TYPE_CHECKING:
    from resolvers.reads import PostgresReads, SqliteReads

Row = Sequence[object]
VALUE = TypeVar("VALUE")
_PROOF: Final = f"select 1 where {SESSION}"


async def prove(reads: "PostgresReads | SqliteReads", caller: Caller) -> None:
    """Raise SeatChangedError if nothing at all was found because the session has ended, or the seat changed."""
    seat = caller.seat
    if seat is None:
        return
    given = {"token": seat.token_hash, "now": caller.now, "seat_version": seat.version}
    if not await reads.finds(*sql.bind(_PROOF, given, reads.dialect)):
        raise SeatChangedError


@dataclass(frozen=True)
class Denied:
    """Stands in the answer where the seat's role may never read, until `settle` makes it null and an error."""

    field: str
    signed_in: bool
    to: frozenset[Role]

    def error(self, path: list[str | int]) -> dict[str, object]:
        """The error of one place."""
        code = ErrorCode.FORBIDDEN if self.signed_in else ErrorCode.UNAUTHENTICATED
        readers = ", ".join(sorted(self.to))
        return {"message": f"{self.field} is for {readers}.", "path": path, "extensions": {"code": code.value}}


def settle(data: object, path: list[str | int], errors: list[dict[str, object]]) -> object:
    """Turn what is denied into null, with one error each at its exact path."""
    if isinstance(data, Denied):
        errors.append(data.error(path))
        return None
    if isinstance(data, dict):
        for key, value in data.items():
            if isinstance(value, (Denied, dict, list)):
                data[key] = settle(value, [*path, key], errors)
    elif isinstance(data, list):
        for place, value in enumerate(data):
            data[place] = settle(value, [*path, place], errors)
    return data


def time_text(moment: dt.datetime | None) -> str | None:
    """A driver's moment, which is in UTC, as the contract prints it."""
    return None if moment is None else moment.isoformat(timespec="microseconds")[:26] + "Z"


def plain(value: object) -> object:
    """A value of a Python function as the contract prints it."""
    return time_text(value.astimezone(dt.UTC)) if isinstance(value, dt.datetime) else value


def none_or(build: Callable[[VALUE], object], value: VALUE | None) -> object:
    """What is built of a value, if there is one."""
    return None if value is None else build(value)


def grouped(ids: Sequence[object], rows: Iterable[Row]) -> dict[object, list[Row]]:
    """Rows by the id of the row above, whose place among the ids (the first has 1) stands first."""
    groups: list[list[Row]] = [[] for _ in ids]
    for row in rows:
        groups[row[0] - 1].append(row)  # type: ignore[operator]  # a place; `cast` would be called for each row
    return dict(zip(ids, groups, strict=True))


def keys(ids: Iterable[object]) -> list[object]:
    """The ids of the rows above, each once."""
    return [key for key in dict.fromkeys(ids) if key is not None]


def by_prefix(ids: Iterable[str]) -> dict[str, list[str]]:
    """Ids by the prefix that tells their type, each once."""
    found: dict[str, list[str]] = {}
    for key in dict.fromkeys(ids):
        found.setdefault(key.rpartition("_")[0], []).append(key)
    return found


def nothing(_row: object) -> None:
    """Build what is not there."""


def unknown(kind: object) -> object:
    """LookupError: a row of a kind that the schema has no type for."""
    raise LookupError(kind)


def ids(values: Iterable[object]) -> str:
    """A bound list, as SQLite takes it."""
    return orjson.dumps(list(values)).decode()


def from_one_end(first: object) -> None:
    """Refuse a page that is asked for from both ends of its list."""
    if first is not None:
        raise refused(ErrorCode.INVALID, "A page is asked for by 'first' or by 'last', not by both.")


def at_most(limit: int, values: Sequence[object]) -> None:
    """Refuse a list that is too long."""
    if len(values) > limit:
        raise refused(ErrorCode.LIMIT_EXCEEDED, f"{len(values)} ids are asked for at once; {limit} is the limit.")


def from_ast(node: object, declared: object, variables: Mapping[str, object]) -> object:
    """A literal that holds variables."""
    value = value_from_ast(node, declared, cast("dict[str, object]", variables))  # type: ignore[arg-type]
    hold_text(value)
    return value


def checksum(text: str) -> int:
    """A number for a text, the same in every process."""
    return zlib.crc32(text.encode())


def introspection(
    operation: Operation, nodes: list[FieldNode]
) -> Callable[[object, dict[str, object]], Awaitable[object]]:
    """Answer an introspection field by graphql-core, alone and without a statement."""
    definition = OperationDefinitionNode(
        operation=operation.node.operation,
        variable_definitions=operation.node.variable_definitions,
        directives=(),
        selection_set=SelectionSetNode(selections=tuple(nodes)),
    )
    document = DocumentNode(definitions=(definition, *operation.fragments.values()))
    key = (nodes[0].alias or nodes[0].name).value

    async def answer(_reader: object, variables: dict[str, object]) -> object:
        result = execute_sync(operation.schema, document, variable_values=variables)
        if result.errors:
            raise result.errors[0]
        return cast("dict[str, object]", result.data)[key]

    return answer


# SQLite's; True and False are found by their equals.
BOOLEANS: Final = {None: None, 0: False, 1: True}

NAMES: Final[Mapping[str, object]] = {
    "T": time_text,
    "B": BOOLEANS,
    "J": orjson.loads,
    "NO_ENTITY": (nothing, None),
    "at_most": at_most,
    "by_prefix": by_prefix,
    "cursor": cursor,
    "from_ast": from_ast,
    "from_one_end": from_one_end,
    "grouped": grouped,
    "ids": ids,
    "keys": keys,
    "none_or": none_or,
    "plain": plain,
    "position": position,
    "prove": prove,
    "unknown": unknown,
}
