"""How many statements a document costs, and how many lists it has."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from graphql import (
    FieldNode,
    GraphQLAbstractType,
    GraphQLField,
    GraphQLObjectType,
    get_named_type,
    is_abstract_type,
)

from resolvers import declarations, sources
from resolvers.engine import Engine
from resolvers.reads import PostgresReads, Rows, SqliteReads
from schema import roots
from tests.resolvers import oracle

SCHEMA: Final = roots.executable()


class Counted:
    """Reads that remember what was asked of them."""

    def __init__(self, reads: PostgresReads | SqliteReads) -> None:
        self._reads = reads
        self.dialect = reads.dialect
        self.statements: list[str] = []

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["Counted"]:
        async with self._reads.snapshot() as moment:
            within = Counted(cast("PostgresReads", moment))
            within.statements = self.statements
            yield within

    def fetch(self, query: str, *values: object) -> Any:
        self.statements.append(query)
        return self._reads.fetch(query, *values)

    async def finds(self, query: str, values: Sequence[object]) -> bool:
        return await self._reads.finds(query, values)

    async def fetch_all(self, *asked: tuple[object, ...] | None) -> Sequence[Rows]:
        self.statements += [str(one[0]) for one in asked if one]
        return await cast("PostgresReads", self._reads).fetch_all(*asked)


def engine(counted: Counted) -> Engine:
    """Answer, and have the statements counted."""
    return Engine(SCHEMA, cast("SqliteReads", counted))


def lists_of(text: str, name: str | None) -> int:
    """The lists, look-ups and objects by id of an operation, each once for every type that it may stand on."""
    definitions = {d.name.value if getattr(d, "name", None) else None: d for d in oracle.tree(text).definitions}  # type: ignore[attr-defined]
    operation = definitions[name] if name in definitions else next(iter(definitions.values()))
    return _below(cast("Any", operation).selection_set, cast("GraphQLObjectType", SCHEMA.query_type), definitions)


def _below(selection_set: Any, parent: Any, definitions: dict[str | None, Any]) -> int:
    count = 0
    for selection in selection_set.selections if selection_set else ():
        if not isinstance(selection, FieldNode):
            fragment = definitions[selection.name.value] if hasattr(selection, "name") else selection
            on = SCHEMA.type_map[fragment.type_condition.name.value] if fragment.type_condition else parent
            count += _below(fragment.selection_set, on, definitions)
            continue
        if selection.name.value == "__typename":
            continue
        declared: GraphQLField = parent.fields[selection.name.value]
        named = get_named_type(declared.type)
        times = len(SCHEMA.get_possible_types(parent)) if is_abstract_type(parent) else 1
        count += times * (_own(declared, named) + _below(selection.selection_set, named, definitions))
    return count


def _own(declared: GraphQLField, named: Any) -> int:
    match declarations.source_of(declared):
        case sources.Page() | sources.Many() | sources.Lookup() | sources.Own() | sources.Head():
            return 1
        case sources.Entities() | sources.Reference():
            types = SCHEMA.get_possible_types(cast("GraphQLAbstractType", named))
            return sum(declarations.own_table_of(type_) is not None for type_ in types)
    return 0
