"""The contract: printed as it is, every part of it described, and every field placed."""

from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    is_non_null_type,
)

from domain import policy
from resolvers import declarations
from resolvers.sources import Column, Embedded, Function, Given, GivenRow, GivenRows, Own, Verb
from schema import roots

SCHEMA = roots.executable()
PRINTED = Path(roots.__file__).with_name("schema.graphql")
TYPES = {
    name: of
    for name, of in SCHEMA.type_map.items()
    if isinstance(of, (GraphQLObjectType, GraphQLInterfaceType)) and not name.startswith("__")
}
FIELDS = [(name, field_name, field) for name, of in TYPES.items() for field_name, field in of.fields.items()]


def test_the_printed_schema_is_current() -> None:
    assert PRINTED.read_text() == roots.sdl(), "run `python -m schema.roots` to print it anew"


def test_every_type_is_described() -> None:
    described = (GraphQLObjectType, GraphQLInterfaceType, GraphQLEnumType)
    bare = [
        name
        for name, of in SCHEMA.type_map.items()
        if isinstance(of, described) and not name.startswith("__") and not of.description
    ]
    assert bare == []


def test_every_mutation_says_what_it_refuses() -> None:
    mutation = TYPES["Mutation"]
    assert [name for name, field in mutation.fields.items() if not field.description] == []


@pytest.mark.parametrize(("parent", "name", "field"), FIELDS, ids=[f"{parent}.{name}" for parent, name, _ in FIELDS])
def test_every_field_is_placed(parent: str, name: str, field: GraphQLField) -> None:
    """A field that nothing was declared for is a column with its name: the row has one, or it is plain data."""
    source = declarations.source_of(field)
    table = declarations.own_table_of(TYPES[parent])
    if parent == "Mutation":
        assert isinstance(source, Verb)
    elif parent.endswith("Payload"):
        assert isinstance(source, (Given, GivenRow, GivenRows, Own, Function))
    elif isinstance(source, Column) and table is not None:
        assert (source.name or declarations.python_name(field)) in _columns(table.name)


def test_what_is_embedded_from_elsewhere_has_all_of_its_fields_from_there() -> None:
    for _, _, field in FIELDS:
        source = declarations.source_of(field)
        if isinstance(source, Embedded) and source.instead:
            declared = declarations.object_type(field).fields.values()
            assert [*source.instead] == [declarations.python_name(each) for each in declared]


def test_a_field_that_some_may_not_read_is_nullable() -> None:
    strict = [
        f"{parent}.{name}"
        for parent, name, field in FIELDS
        if parent not in {"Query", "Mutation", "Subscription"}
        and declarations.access_of(field) is not None
        and is_non_null_type(field.type)
    ]
    assert strict == []


def test_a_root_that_not_everybody_may_read_is_nullable() -> None:
    public = [
        name
        for name, field in TYPES["Query"].fields.items()
        if (access := declarations.access_of(field)) and "PUBLIC" not in access.to and is_non_null_type(field.type)
    ]
    assert public == []


def test_mutations_are_for_whom_the_policy_names() -> None:
    shown = {
        name: access.to if (access := declarations.access_of(field)) else None
        for name, field in TYPES["Mutation"].fields.items()
    }
    assert shown == {
        name: policy.ALLOWED[policy.Permission[declarations.snake(name).upper()]] for name in TYPES["Mutation"].fields
    }


def test_every_page_takes_first_and_after() -> None:
    connections = [(p, n, f) for p, n, f in FIELDS if declarations.object_type(f).name.endswith("Connection")]
    assert [(p, n) for p, n, f in connections if not {"first", "after"} <= set(f.args)] == []
    assert len(connections) > 20


def test_inputs_are_named_after_their_mutation() -> None:
    inputs = {
        argument.type.of_type.name
        for field in TYPES["Mutation"].fields.values()
        for argument in field.args.values()
        if isinstance(getattr(argument.type, "of_type", None), GraphQLInputObjectType)
    }
    expected = {
        f"{name[0].upper()}{name[1:]}Input" for name, field in TYPES["Mutation"].fields.items() if "input" in field.args
    }
    assert inputs == expected


def _columns(table: str) -> set[str]:
    import models

    model = next(m for m in models.TABLES if m._meta.db_table == table)
    return set(model._meta.fields_db_projection.values())
