"""What was declared beside the names of the schema, read off the schema itself."""

import functools
from collections.abc import Iterable, Mapping
from typing import Final, cast

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    SelectionSetNode,
    get_named_type,
    is_list_type,
    is_non_null_type,
)

from resolvers.sources import METADATA, Access, Column, Kinds, Source, Table

_COLUMN: Final = Column()


def source_of(field: GraphQLField) -> Source:
    """Where a field comes from; an undeclared one is a column with its name."""
    return field.extensions["strawberry-definition"].metadata.get(METADATA) or _COLUMN


def access_of(field: GraphQLField) -> Access | None:
    """Who may read a field; null: whoever sees the object."""
    access: Access | None = field.extensions["strawberry-definition"].metadata.get("access")
    return access


def python_name(field: GraphQLField) -> str:
    """A field's name on our side."""
    return str(field.extensions["strawberry-definition"].python_name)


def table_of(of: GraphQLNamedType) -> Table:
    """Where the rows of a type, or of an interface's kinds, live. TypeError for a type that has no rows."""
    table = own_table_of(of)
    if table is None:
        kinds = kinds_of(of)
        if kinds is None:
            raise TypeError(f"{of.name} has no rows.")
        table = kinds.table
    return table


@functools.cache
def own_table_of(of: GraphQLNamedType) -> Table | None:
    """Where the rows of an object type live; null for a type that has none of its own."""
    return cast("Table | None", _class_of(of).get("__table__"))


@functools.cache
def kinds_of(of: GraphQLNamedType) -> Kinds | None:
    """The kinds that share an interface's table; null for everything else."""
    return cast("Kinds | None", _class_of(of).get("__kinds__"))


def object_type(field: GraphQLField) -> GraphQLObjectType:
    """The object type of a field, whatever wraps it."""
    return cast("GraphQLObjectType", get_named_type(field.type))


def nullable(of: GraphQLOutputType) -> GraphQLOutputType:
    """A type without its exclamation mark."""
    return of.of_type if is_non_null_type(of) else of


def is_list(field: GraphQLField) -> bool:
    """Whether a field answers a list."""
    return bool(is_list_type(nullable(field.type)))


def sets(nodes: Iterable[FieldNode]) -> list[SelectionSetNode]:
    """The selection sets of the nodes that make up one field."""
    return [node.selection_set for node in nodes if node.selection_set]


def snake(name: str) -> str:
    """A GraphQL name in our spelling."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _class_of(of: GraphQLNamedType) -> Mapping[str, object]:
    definition = of.extensions.get("strawberry-definition")
    origin = getattr(definition, "origin", None)
    return {} if origin is None else vars(origin)
