"""What a document selects, once its fragments and conditions are resolved, and what is known of its arguments."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    InlineFragmentNode,
    ListValueNode,
    SelectionNode,
    SelectionSetNode,
    Undefined,
    VariableNode,
    get_named_type,
    value_from_ast,
)

from resolvers.declarations import object_type, sets, source_of
from resolvers.documents import Operation, has_variables, hold_text
from resolvers.sources import Many, Page, Reference

Shape = Mapping[tuple[str, str], object]
Selected = dict[str, list[FieldNode]]


@dataclass(frozen=True)
class RootField:
    """One mutation of a document: its response key, its nodes, what it calls, and its payload's type."""

    key: str
    nodes: list[FieldNode]
    declared: GraphQLField
    payload: GraphQLObjectType


@dataclass(frozen=True)
class Argument:
    """An argument, as far as it is known when a plan is made.

    `value` holds where the document itself says it; `variable` names the variable that says it; `node` is a literal
    with variables inside.
    """

    value: object = None
    variable: str = ""
    node: object = None
    declared: GraphQLArgument | None = None
    is_null: bool = False

    @property
    def known(self) -> bool:
        """Whether the value cannot differ from one request to the next."""
        return not self.variable and self.node is None


@dataclass(frozen=True)
class Selector:
    """Reads an operation's selections in one shape."""

    operation: Operation
    shape: Shape

    def selected(self, parent: GraphQLObjectType, sets: Iterable[SelectionSetNode]) -> Selected:
        """What is selected on an object type: response key to field nodes."""
        found: Selected = {}
        spread: set[str] = set()
        for selection_set in sets:
            self._collect(parent, selection_set.selections, found, spread)
        return found

    def root_fields(self, root: GraphQLObjectType) -> list[RootField | str]:
        """A mutation's fields in the order of the document; of a `__typename` the response key."""
        return [
            key
            if nodes[0].name.value == "__typename"
            else RootField(key, nodes, field := root.fields[nodes[0].name.value], object_type(field))
            for key, nodes in self.selected(root, [self.operation.node.selection_set]).items()
        ]

    def argument(self, field: GraphQLField, node: FieldNode, name: str) -> Argument:
        """What is known of an argument; null where the field has none of that name."""
        declared = field.args.get(name)
        if declared is None:
            return Argument(is_null=True)
        given = next((a.value for a in node.arguments or () if a.name.value == name), None)
        default = None if declared.default_value is Undefined else declared.default_value
        if given is None:
            return Argument(default, is_null=default is None)
        if isinstance(given, VariableNode):
            variable = given.name.value
            is_null = default is None and bool(self.shape.get(("null", variable), False))
            return Argument(default, variable=variable, declared=declared, is_null=is_null)
        if has_variables(given):
            return Argument(node=given, declared=declared)
        value = value_from_ast(given, declared.type)
        hold_text(value)
        return Argument(value, is_null=value is None)

    def width(self, of: GraphQLNamedType, selections: Sequence[SelectionSetNode]) -> int:
        """About how many values are selected of a row, besides those of its own lists."""
        if not isinstance(of, GraphQLObjectType):
            possible = self.operation.schema.get_possible_types(cast("GraphQLInterfaceType", of))
            return max(self.width(type_, selections) for type_ in possible)
        return sum(self._values(of, nodes) for nodes in self.selected(of, selections).values())

    def _values(self, parent: GraphQLObjectType, nodes: list[FieldNode]) -> int:
        declared = parent.fields.get(nodes[0].name.value)
        if declared is None or isinstance(source := source_of(declared), (Many, Page)):
            return 0
        below = [] if isinstance(source, Reference) else sets(nodes)
        return self.width(get_named_type(declared.type), below) if below else 1

    def length(self, argument: Argument) -> int:
        """How many values an argument that is a list brings at most."""
        if argument.variable:
            return cast("int", self.shape["ids", argument.variable])
        literal = cast("ListValueNode", argument.node).values if argument.node else argument.value
        return len(cast("Sequence[object]", literal))

    def _collect(
        self, parent: GraphQLObjectType, selections: Sequence[SelectionNode], found: Selected, spread: set[str]
    ) -> None:
        for selection in selections:
            if not self._is_included(selection):
                continue
            if isinstance(selection, FragmentSpreadNode):
                # Once is enough, and all that keeps a document of doubling fragments from doubling the work.
                if selection.name.value in spread:
                    continue
                spread.add(selection.name.value)
            if isinstance(selection, FieldNode):
                found.setdefault((selection.alias or selection.name).value, []).append(selection)
                continue
            condition, inner = self._fragment(selection)
            if condition is None or self._applies(condition, parent):
                self._collect(parent, inner.selections, found, spread)

    def _fragment(self, selection: SelectionNode) -> tuple[str | None, SelectionSetNode]:
        if isinstance(selection, FragmentSpreadNode):
            fragment = self.operation.fragments[selection.name.value]
            return fragment.type_condition.name.value, fragment.selection_set
        inline = cast("InlineFragmentNode", selection)
        return inline.type_condition.name.value if inline.type_condition else None, inline.selection_set

    def _applies(self, condition: str, parent: GraphQLObjectType) -> bool:
        if condition == parent.name:
            return True
        schema = self.operation.schema
        of = schema.type_map[condition]
        return isinstance(of, (GraphQLInterfaceType, GraphQLUnionType)) and schema.is_sub_type(of, parent)

    def _is_included(self, selection: SelectionNode) -> bool:
        for directive in selection.directives or ():
            name = directive.name.value
            if name not in {"skip", "include"} or not directive.arguments:
                continue
            value = directive.arguments[0].value
            holds = self.shape["if", value.name.value] if isinstance(value, VariableNode) else getattr(value, "value")  # noqa: B009  a Boolean literal
            if bool(holds) is (name == "skip"):
                return False
        return True
