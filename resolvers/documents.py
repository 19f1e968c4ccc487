"""A document, once: parsed, held to the limits, validated; its variables and the values that shape its plans.

Limits (architecture 4): depth 12, 1,000 fields (a fragment counts once), 30 selections of one field side by side. The
measuring is memoised by fragment, so that fragments which spread each other cost nothing twice.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLSyntaxError,
    NonNullTypeNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    TypeInfo,
    ValidationContext,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    get_variable_values,
    parse,
    type_from_ast,
    validate,
    value_from_ast,
)
from graphql.execution.values import VariableValues

from models.enums import ErrorCode

MAX_TOKENS: Final = 8_000
MAX_DEPTH: Final = 12
MAX_FIELDS: Final = 1_000
MAX_UNFOLDED: Final = 2_000
MAX_SELECTIONS_OF_A_FIELD: Final = 30
MAX_SPREADS: Final = 100
MAX_CONDITIONS: Final = 6
MAX_ERRORS: Final = 10
MAX_PAGE: Final = 100
PAGE_SIZES: Final = (1, 5, 10, 20, 50, 100)
DEFAULT_PAGE: Final = 20


def refused(code: ErrorCode, message: str, *nodes: FieldNode | OperationDefinitionNode) -> GraphQLError:
    """A request that is refused whole, with one of the contract's codes."""
    return GraphQLError(message, nodes=list(nodes) or None, extensions={"code": code.value})


def parsed(source: str) -> "Document":
    """A document within the limits; INVALID for a syntax error, LIMIT_EXCEEDED for one that is too large."""
    try:
        node = parse(source, max_tokens=MAX_TOKENS, no_location=False)
    except GraphQLSyntaxError as error:
        is_limit = "tokens" in error.message or "nested too deeply" in error.message
        code = ErrorCode.LIMIT_EXCEEDED if is_limit else ErrorCode.INVALID
        raise GraphQLError(
            error.message, source=error.source, positions=error.positions, extensions={"code": code.value}
        ) from None
    except RecursionError:
        raise refused(ErrorCode.LIMIT_EXCEEDED, "The document is nested too deeply.") from None
    operations = [d for d in node.definitions if isinstance(d, OperationDefinitionNode)]
    fragments = {d.name.value: d for d in node.definitions if isinstance(d, FragmentDefinitionNode)}
    measure = _Measure(fragments)
    for operation in operations:
        measure.hold(operation)
    return Document(node, operations, fragments, len(source))


@dataclass
class _Size:
    depth: int = 0
    fields: int = 0
    unfolded: int = 0


@dataclass
class _Measure:
    """Reads each selection set once, however often it is spread; `unfolded` is what the answer would hold of it."""

    fragments: Mapping[str, FragmentDefinitionNode]
    sizes: dict[str, _Size] = field(default_factory=dict)

    def hold(self, operation: OperationDefinitionNode) -> None:
        """Refuse an operation that is over a limit."""
        try:
            own = self._of(operation.selection_set)
        except RecursionError:
            raise refused(ErrorCode.LIMIT_EXCEEDED, "The document is nested too deeply.", operation) from None
        if own.depth > MAX_DEPTH:
            message = f"The operation is {own.depth} fields deep; {MAX_DEPTH} is the limit."
            raise refused(ErrorCode.LIMIT_EXCEEDED, message, operation)
        total = own.fields + sum(size.fields for size in self.sizes.values())
        if total > MAX_FIELDS:
            message = f"The operation selects {total} fields; {MAX_FIELDS} is the limit."
            raise refused(ErrorCode.LIMIT_EXCEEDED, message, operation)
        if own.unfolded > MAX_UNFOLDED:
            message = f"The operation's fragments unfold to over {MAX_UNFOLDED} fields."
            raise refused(ErrorCode.LIMIT_EXCEEDED, message, operation)

    def _of(self, selection_set: SelectionSetNode) -> _Size:
        size = _Size()
        same: dict[str, int] = {}
        spread: set[str] = set()
        spreads = 0
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                name = selection.name.value
                same[name] = same.get(name, 0) + 1
                if same[name] > MAX_SELECTIONS_OF_A_FIELD:
                    message = f"'{name}' is selected over {MAX_SELECTIONS_OF_A_FIELD} times side by side."
                    raise refused(ErrorCode.LIMIT_EXCEEDED, message, selection)
                inner = self._of(selection.selection_set) if selection.selection_set else _Size()
                # Introspection is deep by nature and answered without a statement.
                deep = 0 if name.startswith("__") else 1 + inner.depth
                size = _Size(max(size.depth, deep), size.fields + 1 + inner.fields, size.unfolded + 1 + inner.unfolded)
            elif isinstance(selection, FragmentSpreadNode):
                spreads += 1
                name = selection.name.value
                inner = self._fragment(name)
                size.depth = max(size.depth, inner.depth)
                # A second spread beside the first one selects nothing more.
                size.unfolded += 0 if name in spread else inner.unfolded
                spread.add(name)
            else:
                inner = self._of(cast("SelectionSetNode", getattr(selection, "selection_set")))  # noqa: B009
                size = _Size(max(size.depth, inner.depth), size.fields + inner.fields, size.unfolded + inner.unfolded)
        if spreads > MAX_SPREADS:
            message = f"A selection spreads {spreads} fragments; {MAX_SPREADS} is the limit."
            raise refused(ErrorCode.LIMIT_EXCEEDED, message)
        return size

    def _fragment(self, name: str) -> _Size:
        """The size of a fragment; one that spreads itself counts nothing here and is refused by validation."""
        if name not in self.sizes and name in self.fragments:
            self.sizes[name] = _Size()
            self.sizes[name] = self._of(self.fragments[name].selection_set)
        return self.sizes.get(name, _Size())


@dataclass
class Document:
    """A parsed document; `validated` makes its operations."""

    node: DocumentNode
    nodes: list[OperationDefinitionNode]
    fragments: Mapping[str, FragmentDefinitionNode]
    size: int

    def validated(self, schema: GraphQLSchema) -> "dict[str | None, Operation]":
        """The operations by name; raises the first of the validation's errors, the others are its `errors`."""
        errors = validate(schema, self.node, max_errors=MAX_ERRORS, hide_suggestions=True)
        if errors:
            raise InvalidDocumentError(errors)
        return {node.name.value if node.name else None: Operation(schema, node, self) for node in self.nodes}


class InvalidDocumentError(Exception):
    """What validation found."""

    def __init__(self, errors: Iterable[GraphQLError]) -> None:
        super().__init__()
        self.errors = [
            GraphQLError(e.message, nodes=e.nodes, extensions={"code": ErrorCode.INVALID.value}) for e in errors
        ]


Coerced = dict[str, object]


class Operation:
    """One operation: how its variables are read, and which of their values shape the plan."""

    def __init__(self, schema: GraphQLSchema, node: OperationDefinitionNode, document: Document) -> None:
        """Prepare what does not depend on a request."""
        self.schema = schema
        self.node = node
        self.fragments = document.fragments
        self.kind: OperationType = node.operation
        self.name = node.name.value if node.name else None
        self.size = document.size
        self._definitions = tuple(node.variable_definitions or ())
        self._readers = [_reader(schema, definition) for definition in self._definitions]
        self._document = document
        self._shapers = self._find_shapers()

    def coerced(self, variables: Mapping[str, object]) -> Coerced:
        """The variables' values; INVALID with the path of what is wrong. Absent ones without a default stay absent."""
        values: Coerced = {}
        for read in self._readers:
            if not read(variables, values):
                return dict(self.coerced_slowly(variables).coerced)
        return values

    def coerced_slowly(  # type: ignore[explicit-any]  # graphql-core's own
        self, variables: Mapping[str, object]
    ) -> VariableValues:
        """The variables' values by graphql-core: for input objects and our own scalars, and to name what is wrong."""
        values = get_variable_values(
            self.schema, self._definitions, dict(variables), max_errors=MAX_ERRORS, hide_suggestions=True
        )
        if isinstance(values, list):
            raise InvalidDocumentError(values)
        # Those of the document itself, too: a default is a literal.
        hold_text(values.coerced)
        for name in self._never_null:
            if values.coerced.get(name) is None:
                raise refused(ErrorCode.INVALID, f"Variable '${name}' must not be null where it is used.", self.node)
        return values

    @cached_property
    def _never_null(self) -> tuple[str, ...]:
        """The variables that may be null, but stand where null is no value: their default lets validation accept them.

        Found when graphql-core first reads the values, as one that is null makes it do.
        """
        if not any(d.default_value and not isinstance(d.type, NonNullTypeNode) for d in self._definitions):
            return ()
        context = ValidationContext(self.schema, self._document.node, TypeInfo(self.schema), lambda _: None)
        usages = context.get_recursive_variable_usages(self.node)
        return tuple({u.node.name.value for u in usages if isinstance(u.type, GraphQLNonNull) and not u.default_value})

    def shape(self, values: Mapping[str, object]) -> tuple[object, ...]:
        """What of the values decides which statements the plan has; two requests of one shape share a plan."""
        return tuple([shaper(values) for shaper in self._shapers.values()]) if self._shapers else ()

    def shaped(self, values: Mapping[str, object]) -> "dict[tuple[str, str], object]":
        """The same, by kind of decision and name of variable: for the compiler."""
        return {key: shaper(values) for key, shaper in self._shapers.items()}

    def _find_shapers(self) -> "dict[tuple[str, str], Callable[[Mapping[str, object]], object]]":
        found: dict[tuple[str, str], Callable[[Mapping[str, object]], object]] = {}
        nullable = {
            definition.variable.name.value
            for definition in self._definitions
            if not isinstance(definition.type, NonNullTypeNode)
        }
        for selection in self._all_selections():
            for directive in selection.directives or ():
                for argument in directive.arguments or ():
                    if isinstance(argument.value, VariableNode):
                        name = argument.value.name.value
                        found["if", name] = _plain(name)
            for argument in getattr(selection, "arguments", ()) or ():
                if isinstance(argument.value, VariableNode):
                    name, kind = argument.value.name.value, argument.name.value
                    shaper = _SHAPERS.get(kind)
                    if shaper is None:
                        if name in nullable:
                            found["null", name] = _is_null(name)
                    else:
                        found[kind, name] = shaper(name)
        if sum(kind == "if" for kind, _ in found) > MAX_CONDITIONS:
            message = f"More than {MAX_CONDITIONS} variables decide on @skip and @include."
            raise refused(ErrorCode.LIMIT_EXCEEDED, message, self.node)
        return found

    def _all_selections(self) -> Iterator[FieldNode]:
        """Every selection of the operation, each fragment once."""
        waiting: list[SelectionSetNode] = [self.node.selection_set]
        seen: set[str] = set()
        while waiting:
            for selection in waiting.pop().selections:
                yield cast("FieldNode", selection)
                if isinstance(selection, FragmentSpreadNode):
                    name = selection.name.value
                    if name not in seen:
                        seen.add(name)
                        waiting.append(self.fragments[name].selection_set)
                elif inner := getattr(selection, "selection_set", None):
                    waiting.append(inner)


# ── what shapes a plan ──


def _plain(name: str) -> Callable[[Mapping[str, object]], object]:
    return lambda values: values.get(name)


def _is_null(name: str) -> Callable[[Mapping[str, object]], object]:
    return lambda values: values.get(name) is None


def _size_of(name: str) -> Callable[[Mapping[str, object]], object]:
    return lambda values: page_bucket(values.get(name))


def _size_from_the_end(name: str) -> Callable[[Mapping[str, object]], object]:
    """The size as `last` says it; null: the page is not asked for from the end."""
    return lambda values: None if values.get(name) is None else page_bucket(values.get(name), "last")


def page_size(wanted: object, argument: str = "first") -> int:
    """The rows of a page; INVALID outside 1 to 100, 20 when left out."""
    if wanted is None:
        return DEFAULT_PAGE
    if not isinstance(wanted, int) or not 1 <= wanted <= MAX_PAGE:
        raise refused(ErrorCode.INVALID, f"'{argument}' must be between 1 and {MAX_PAGE}.")
    return wanted


def page_bucket(wanted: object, argument: str = "first") -> int:
    """The page size that a plan is made for: the next of `PAGE_SIZES`."""
    size = page_size(wanted, argument)
    return next(bucket for bucket in PAGE_SIZES if bucket >= size)


def _length_of(name: str) -> Callable[[Mapping[str, object]], object]:
    return lambda values: page_bucket(min(max(len(cast("Sequence[object]", values.get(name) or ())), 1), MAX_PAGE))


_SHAPERS: Final = {"first": _size_of, "last": _size_from_the_end, "ids": _length_of, "orderBy": _plain}

# ── variables, read without graphql-core where their types are plain ──

Read = Callable[[Mapping[str, object], Coerced], bool]


def _reader(schema: GraphQLSchema, definition: VariableDefinitionNode) -> Read:
    """Read one variable into the values, false for what is not right or graphql-core must read."""
    declared = cast("GraphQLInputType | None", type_from_ast(schema, definition.type))
    check = _checker(declared) if declared else None
    if declared is None or check is None:
        return lambda _variables, _values: False
    name, required = definition.variable.name.value, isinstance(declared, GraphQLNonNull)
    default = value_from_ast(definition.default_value, declared) if definition.default_value else None

    def read(variables: Mapping[str, object], values: Coerced) -> bool:
        value = variables.get(name)
        if value is None and name not in variables:
            value = default
        if value is None:
            if name in variables:
                values[name] = None
            return not required and definition.default_value is None
        values[name] = value
        return check(value)

    return read


def _checker(declared: GraphQLInputType) -> Callable[[object], bool] | None:
    if isinstance(declared, GraphQLNonNull):
        return _checker(declared.of_type)
    if isinstance(declared, GraphQLList):
        inner = _checker(declared.of_type)
        return inner and (lambda value: type(value) is list and all(item is not None and inner(item) for item in value))
    if isinstance(declared, GraphQLEnumType):
        names = declared.values
        return lambda value: type(value) is str and value in names
    return _CHECKS.get(declared.name)


def _is_text(value: object) -> bool:
    return type(value) is str and "\0" not in value


_MAX_INT: Final = 2**31

_CHECKS: Final[Mapping[str, Callable[[object], bool]]] = {
    "ID": _is_text,
    "String": _is_text,
    "Boolean": lambda value: type(value) is bool,
    "Int": lambda value: type(value) is int and -_MAX_INT <= value < _MAX_INT,
}


def hold_text(value: object) -> None:
    """Refuse U+0000, which no text column takes (lone surrogates do not pass the JSON reader)."""
    if isinstance(value, str):
        if "\0" in value:
            raise refused(ErrorCode.INVALID, "Text must not hold the character U+0000.")
    elif isinstance(value, dict):
        for item in value.values():
            hold_text(item)
    elif isinstance(value, list):
        for item in value:
            hold_text(item)


def has_variables(node: ValueNode) -> bool:
    """Whether a value can differ from one request to the next."""
    if isinstance(node, VariableNode):
        return True
    inner = getattr(node, "values", None) or [f.value for f in getattr(node, "fields", None) or ()]
    return any(has_variables(item) for item in inner)
