"""What the schema promises never to be null is there for whoever sees the row; what may be denied may be null."""

from datetime import timedelta
from typing import Final, cast

import pytest
from graphql import GraphQLNonNull, GraphQLObjectType, get_named_type

from resolvers import declarations, sources
from schema import roots
from tests.resolvers import documents
from tests.resolvers.conftest import Filled

SCHEMA: Final = roots.executable()
TYPES: Final = documents.readable_types(SCHEMA)


def _promised() -> list[tuple[GraphQLObjectType, str, str, GraphQLObjectType]]:
    """Every non-null to-one field: of which type, its name, its foreign key, and the type that it leads to."""
    found = []
    for type_ in TYPES:
        for name, declared in type_.fields.items():
            if not isinstance(declared.type, GraphQLNonNull):
                continue
            match declarations.source_of(declared):
                case sources.One(column):
                    found.append((type_, name, column, cast("GraphQLObjectType", get_named_type(declared.type))))
                case sources.Either(columns):
                    found += [
                        (type_, name, c, cast("GraphQLObjectType", SCHEMA.type_map[t])) for t, c in columns.items()
                    ]
    return found


@pytest.mark.parametrize("days", [0, 8])
def test_whoever_sees_a_row_sees_every_row_that_it_promises(days: int, filled: Filled) -> None:
    oracle = filled.oracle(timedelta(days))
    broken, checked = set(), set()
    for seat_name, seat in filled.world.seats.items():
        for type_, name, column, to in _promised():
            table = declarations.table_of(to)
            for row in oracle.visible(seat, declarations.table_of(type_)):
                child = oracle.rows.row(table.name, row[column])
                checked.add(f"{type_.name}.{name}")
                if child and not (table.on_rows or oracle.sees(seat, table, child)):
                    broken.add((seat_name, f"{type_.name}.{name}", row["id"], row[column]))
    assert broken == set()
    assert checked == {f"{type_.name}.{name}" for type_, name, _, _ in _promised()}


def test_every_row_has_what_its_type_promises(filled: Filled) -> None:
    """The keys of non-null fields: of a union one, of a relation always."""
    oracle = filled.oracle()
    keys: dict[tuple[str, str], set[str]] = {}
    for type_, name, column, _ in _promised():
        keys.setdefault((type_.name, name), set()).add(column)
    for (type_name, name), columns in keys.items():
        for row in oracle.of_type(declarations.table_of(SCHEMA.type_map[type_name])):
            assert [row[column] for column in sorted(columns)].count(None) == len(columns) - 1, (name, row)


def test_a_field_that_may_be_denied_may_be_null() -> None:
    denied_to_somebody = {
        f"{type_.name}.{name}": declared.type
        for type_ in TYPES
        for name, declared in type_.fields.items()
        if (access := declarations.access_of(declared)) and "PUBLIC" not in access.to
    }
    assert {place for place, type_ in denied_to_somebody.items() if isinstance(type_, GraphQLNonNull)} == set()
    assert denied_to_somebody
