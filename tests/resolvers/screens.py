"""The portal's documents, and what each must be told to be run over the filled world."""

from pathlib import Path
from typing import Any, Final, cast

from graphql import (
    FieldNode,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    TypeInfo,
    TypeInfoVisitor,
    VariableNode,
    Visitor,
    get_named_type,
    parse,
    visit,
)
from graphql.language import NonNullTypeNode

from domain.seats import Seat
from resolvers import declarations
from tests.resolvers.oracle import Oracle

SCREENS: Final = sorted((Path(__file__).parents[1] / "screens").glob("*.graphql"))


def queries(text: str) -> list[OperationDefinitionNode]:
    definitions = [d for d in parse(text).definitions if isinstance(d, OperationDefinitionNode)]
    return [d for d in definitions if d.operation is OperationType.QUERY]


def variables(operation: OperationDefinitionNode, oracle: Oracle, seat: Seat | None, first: int) -> dict[str, Any]:
    """What a query cannot do without: a page's size, and ids of objects that the seat sees."""
    required = {
        definition.variable.name.value
        for definition in operation.variable_definitions or ()
        if isinstance(definition.type, NonNullTypeNode)
    }
    asked = _asked(operation, oracle.schema)
    return {name: _value(*asked[name], oracle, seat, first) for name in required}


def _asked(operation: OperationDefinitionNode, schema: GraphQLSchema) -> dict[str, tuple[str, Any]]:
    """Which argument each variable is, and of a field of which type."""
    found: dict[str, tuple[str, Any]] = {}
    info = TypeInfo(schema)

    class Look(Visitor):
        def enter_field(self, node: FieldNode, *_: object) -> None:
            for argument in node.arguments or ():
                if isinstance(argument.value, VariableNode):
                    named = get_named_type(cast("GraphQLObjectType", info.get_type()))
                    found[argument.value.name.value] = argument.name.value, named

    visit(operation, TypeInfoVisitor(info, Look()))
    return found


def _value(argument: str, of: Any, oracle: Oracle, seat: Seat | None, first: int) -> object:
    if argument == "first":
        return first
    ids = _ids(of, oracle, seat)
    return ids[0] if argument == "id" else ids[:first]


def _ids(of: Any, oracle: Oracle, seat: Seat | None) -> list[str]:
    """Ids that a seat sees, of a type or of every type that an interface may be; one of nothing besides."""
    types = [of] if isinstance(of, GraphQLObjectType) else oracle.schema.get_possible_types(of)
    tables = [table for type_ in types if (table := declarations.own_table_of(type_))]
    rows = [row for table in tables for row in oracle.visible(seat, table)[:5]]
    return [*(row["id"] for row in rows), "nothing_x"]
