"""A plain, slow interpreter of the schema's declarations: what every query must answer, worked out row by row.

It shares nothing with the compiler but the declarations themselves: no plan, no SQL, no join. It walks a document as
the GraphQL specification says, looks each object up among all rows, and asks the twins what a template means. A null
where the schema promises a value is an error of the declarations, not an answer: `ClosureError`.
"""

import datetime as dt
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLAbstractType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    get_argument_values,
    get_directive_values,
    get_named_type,
    get_variable_values,
    parse,
)
from graphql.execution.values import VariableValues
from graphql.type import GraphQLIncludeDirective, GraphQLSkipDirective

from domain.seats import Seat
from models import sql
from models.enums import Relation, Role, Side
from models.sql import Dialect
from resolvers import cursors, declarations, runtime, sources
from resolvers.context import Caller
from resolvers.documents import MAX_TOKENS
from tests.resolvers import twins
from tests.resolvers.twins import Of, Row, Rows

ANYBODY: Final = frozenset({Role.PUBLIC})
DEFAULT_PAGE: Final = 20
Places = list[tuple[tuple[Any, str], Row]]
parsed: Final = functools.lru_cache(maxsize=8)(parse)


class ClosureError(AssertionError):
    """A promise of the schema was broken: a non-null field has no value, or one that its reader does not see."""


class Cursor(str):
    """A cursor, and the order that it belongs to."""

    __slots__ = ("order",)
    order: str


@dataclass(frozen=True)
class Object:
    """A row as an object of a type."""

    type: GraphQLObjectType
    row: Row
    instead: Mapping[str, sources.Source] = field(default_factory=dict)


class At(NamedTuple):
    """Where in the answer a value stands: below how many connections, and below how many fields."""

    path: tuple[str | int, ...] = ()
    pages: int = 0
    depth: int = 0

    def field(self, key: str) -> "At":
        return At((*self.path, key), self.pages, self.depth + 1)

    def item(self, number: int) -> "At":
        return At((*self.path, number), self.pages, self.depth)


@dataclass
class Reached:
    """What of the declarations a document really came to: rows were there, and the right to read them."""

    fields: set[tuple[str, str | None]] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)
    cursors: list[Cursor] = field(default_factory=list)
    depth: int = 0
    is_deep: bool = False


class Oracle:
    """Answers queries over rows, for a moment."""

    def __init__(
        self, schema: GraphQLSchema, tables: Mapping[str, Sequence[Row]], now: dt.datetime, dialect: Dialect
    ) -> None:
        self.schema = schema
        self.rows = Rows(tables)
        self.now = now
        self.dialect = dialect
        self._seen: dict[tuple[str | None, str, str], bool] = {}
        self._visible: dict[tuple[str | None, str, str], list[Row]] = {}

    def answer(
        self, text: str, variables: Mapping[str, object], name: str | None, seat: Seat | None
    ) -> tuple[dict[str, object], Reached]:
        """The whole answer, and what was reached on the way."""
        definitions = tree(text).definitions
        operations = [d for d in definitions if isinstance(d, OperationDefinitionNode)]
        operation = next(o for o in operations if name is None or (o.name and o.name.value == name))
        values = get_variable_values(self.schema, operation.variable_definitions or (), dict(variables))
        assert isinstance(values, VariableValues), values
        fragments = {d.name.value: d for d in definitions if isinstance(d, FragmentDefinitionNode)}
        run = _Run(self, seat, values, fragments)
        root = cast("GraphQLObjectType", self.schema.query_type)
        data = run.selected_on(Object(root, {}), root, [operation.selection_set], At())
        return ({"errors": run.errors, "data": data} if run.errors else {"data": data}), run.reached

    def sees(self, seat: Seat | None, table: sources.Table, row: Row) -> bool:
        """Whether a row exists for a seat."""
        if seat is None:
            return table.public is not None and bool(twins.of(table.public)(Of(self.rows, None, self.now, row)))
        key = (seat.id, table.visible[seat.side], row["id"])
        if key not in self._seen:
            self._seen[key] = bool(twins.of(table.visible[seat.side])(Of(self.rows, seat, self.now, row)))
        return self._seen[key]

    def visible(self, seat: Seat | None, table: sources.Table) -> list[Row]:
        """The rows of a table that exist for a seat."""
        key = (seat.id if seat else None, table.name, table.prefix)
        if key not in self._visible:
            self._visible[key] = [row for row in self.of_type(table) if self.sees(seat, table, row)]
        return self._visible[key]

    def of_type(self, table: sources.Table) -> list[Row]:
        """The rows of a table that are objects of its type."""
        only = twins.of(table.only) if table.only else lambda _: True
        return [row for row in self.rows[table.name] if only(Of(self.rows, None, self.now, row))]


@dataclass
class _Run:
    """One operation for one seat."""

    oracle: Oracle
    seat: Seat | None
    variables: VariableValues
    fragments: Mapping[str, FragmentDefinitionNode]
    errors: list[dict[str, object]] = field(default_factory=list)
    reached: Reached = field(default_factory=Reached)
    _collected: dict[tuple[object, ...], dict[str, list[FieldNode]]] = field(default_factory=dict)

    # ── selections, as the specification collects them ──

    def selected_on(
        self, of: Object | Row, type_: GraphQLObjectType, sets: Sequence[SelectionSetNode], at: At
    ) -> dict[str, object]:
        """What is selected on an object, or on plain data that a type describes."""
        return {
            key: self.answered(type_, of, nodes, at.field(key)) for key, nodes in self.collected(type_, sets).items()
        }

    def collected(self, type_: GraphQLObjectType, sets: Iterable[SelectionSetNode]) -> dict[str, list[FieldNode]]:
        """What is selected on a type: the same for every row of a list."""
        key = (type_, *map(id, sets))
        if key not in self._collected:
            found = self._collected[key] = {}
            visited: set[str] = set()
            for selection_set in sets:
                self.collect(type_, selection_set.selections, found, visited)
        return self._collected[key]

    def collect(
        self,
        type_: GraphQLObjectType,
        selections: Iterable[SelectionNode],
        found: dict[str, list[FieldNode]],
        visited: set[str],
    ) -> None:
        for selection in selections:
            if not self.is_included(selection):
                continue
            if isinstance(selection, FieldNode):
                found.setdefault((selection.alias or selection.name).value, []).append(selection)
                continue
            fragment: FragmentDefinitionNode | InlineFragmentNode = cast("InlineFragmentNode", selection)
            if isinstance(selection, FragmentSpreadNode):
                if selection.name.value in visited:
                    continue
                visited.add(selection.name.value)
                fragment = self.fragments[selection.name.value]
            if self.applies(fragment, type_):
                self.collect(type_, fragment.selection_set.selections, found, visited)

    def applies(self, fragment: FragmentDefinitionNode | InlineFragmentNode, type_: GraphQLObjectType) -> bool:
        if fragment.type_condition is None:
            return True
        condition = self.oracle.schema.type_map[fragment.type_condition.name.value]
        if isinstance(condition, (GraphQLInterfaceType, GraphQLUnionType)):
            return self.oracle.schema.is_sub_type(condition, type_)
        return condition is type_

    def is_included(self, node: SelectionNode) -> bool:
        if not node.directives:
            return True
        skip = get_directive_values(GraphQLSkipDirective, node, self.variables)
        include = get_directive_values(GraphQLIncludeDirective, node, self.variables)
        return not (skip and skip["if"]) and not (include and not include["if"])

    # ── fields ──

    def answered(self, type_: GraphQLObjectType, of: Object | Row, nodes: list[FieldNode], at: At) -> object:
        name = nodes[0].name.value
        if name == "__typename":
            return type_.name
        declared = type_.fields[name]
        access = declarations.access_of(declared)
        place = f"{type_.name}.{name}"
        if access is not None and not access.to & (self.seat.roles if self.seat else ANYBODY):
            self.deny(place, access, at)
            return self.completed(declared.type, None, nodes, at)
        self.reach(place, declared, nodes[0], at)
        if isinstance(of, Object) and access is not None and not self.is_own(of, access):
            return self.completed(declared.type, None, nodes, at)
        return self.completed(declared.type, self.value(of, declared, nodes[0], place), nodes, at)

    def deny(self, place: str, access: sources.Access, at: At) -> None:
        code = "FORBIDDEN" if self.seat else "UNAUTHENTICATED"
        message = f"{place} is for {', '.join(sorted(access.to))}."
        self.errors.append({"message": message, "path": list(at.path), "extensions": {"code": code}})
        self.reached.denied.add(place)

    def reach(self, place: str, declared: GraphQLField, node: FieldNode, at: At) -> None:
        self.reached.fields.add((place, None))
        for name, value in self.arguments(declared, node, with_defaults=False).items():
            if value is not None:
                self.reached.fields.add((place, name))
        self.reached.depth = max(self.reached.depth, at.depth)
        self.reached.is_deep = self.reached.is_deep or (at.depth >= 6 and at.pages >= 2)

    def is_own(self, of: Object, access: sources.Access) -> bool:
        """Whether a row is one of those that a narrower field shows on; the vendor's staff act for every company."""
        if self.seat is None or self.seat.side is Side.VENDOR:
            return True
        own = None if access.of is Relation.ANY else declarations.table_of(of.type).own[access.of]
        return all(twins.of(template)(self.of(of.row)) for template in (own, access.holding) if template is not None)

    def arguments(self, declared: GraphQLField, node: FieldNode, *, with_defaults: bool = True) -> dict[str, Any]:
        if not declared.args:
            return {}
        values = get_argument_values(declared, node, self.variables)
        given = {argument.name.value for argument in node.arguments or ()}
        return {name: value for name, value in values.items() if with_defaults or name in given}

    def of(self, row: Row, parent: str | None = None, value: object = None) -> Of:
        return Of(self.oracle.rows, self.seat, self.oracle.now, row, parent, value)

    def template_of(self, source: sources.Expression) -> str:
        beside = source.beside
        return twins.beside(self.sided(source.sql), self.sided(beside.of) if beside else None)

    def sided(self, template: sources.Sql) -> str:
        return template if isinstance(template, str) else template[cast("Seat", self.seat).side]

    # ── values ──

    def value(  # noqa: C901, PLR0911, PLR0912  one line a source
        self, of: Object | Row, declared: GraphQLField, node: FieldNode, place: str
    ) -> Any:
        """The value of a field before it is completed: a leaf, an Object, plain data, or a list of these."""
        if not isinstance(of, Object):
            return of[declarations.python_name(declared)]
        source = of.instead.get(declarations.python_name(declared)) or declarations.source_of(declared)
        match source:
            case sources.Column():
                return of.row[source.name or declarations.python_name(declared)]
            case sources.Expression():
                return twins.of(self.template_of(source))(self.of(of.row))
            case sources.Derived():
                inputs = [twins.of(i)(self.of(of.row)) if "{" in i else of.row[i] for i in source.inputs]
                return source.function(*([self.reader()] if source.seat else []), *inputs)
            case sources.Embedded(column, instead):
                if column is not None and of.row[column] is None:
                    return None
                return Object(declarations.object_type(declared), of.row, instead)
            case sources.Documents():
                return of.row[source.name]
            case sources.One():
                return self.one(declared, get_named_type(declared.type), of.row[source.column])
            case sources.Inverse():
                return self.inverse(source, declared, of.row["id"])
            case sources.Either():
                return self.either(source, declared, of.row)
            case sources.Reference():
                return self.entity(of.row[source.column])
            case sources.Many():
                return self.many(source, declared, of.row)
            case sources.Page():
                return self.page(source, declared, node, of.row.get("id"))
            case sources.Head():
                table = declarations.table_of(self.oracle.schema.type_map[source.of])
                seen = self.oracle.visible(self.seat, table)
                return source.convert(max((row["pos"] or 0 for row in seen), default=0))
            case sources.Lookup():
                return self.lookup(declared, self.arguments(declared, node)["id"])
            case sources.Own():
                return self.own(source, declared)
            case sources.Entities():
                asked = self.arguments(declared, node)[source.argument]
                return self.entity(asked) if isinstance(asked, str) else [self.entity(row_id) for row_id in asked]
            case sources.Function():
                asked = self.arguments(declared, node)
                return twins.FUNCTIONS[place](self.of({}), **{declarations.snake(k): v for k, v in asked.items()})
        raise TypeError(f"{place}: {source} is nothing that a query reads.")

    def reader(self) -> Caller:
        return Caller(self.seat, self.oracle.now)

    def as_object(self, declared: object, row: Row) -> Object:
        """A row as the object that it is: of the type itself, or of one of an interface's kinds."""
        type_ = cast("GraphQLObjectType", declared)
        kinds = declarations.kinds_of(type_)
        if kinds is not None:
            type_ = cast("GraphQLObjectType", self.oracle.schema.type_map[kinds.types[row[kinds.column]]])
        return Object(type_, row)

    def one(self, declared: GraphQLField, named: object, row_id: str | None) -> Object | None:
        table = declarations.table_of(cast("GraphQLObjectType", named))
        row = self.oracle.rows.row(table.name, row_id)
        if row is None:
            return None
        if not table.on_rows and not self.oracle.sees(self.seat, table, row):
            if isinstance(declared.type, GraphQLNonNull):
                raise ClosureError(f"{row_id} shows on a row, but {self.seat} does not see it")
            return None
        return self.as_object(named, row)

    def inverse(self, source: sources.Inverse, declared: GraphQLField, above: str) -> Object | None:
        type_ = declarations.object_type(declared)
        table = declarations.table_of(type_)
        rows = self.oracle.visible(self.seat, table)
        found = [row for row in rows if twins.of(source.join)(self.of(row, above))]
        if len(found) > 1:
            raise ClosureError(f"{above} is named by more than one row of {table.name}")
        return Object(type_, found[0]) if found else None

    def either(self, source: sources.Either, declared: GraphQLField, row: Row) -> Object | None:
        for name, column in source.columns.items():
            if row[column] is not None:
                return self.one(declared, self.oracle.schema.type_map[name], row[column])
        return None

    def entity(self, row_id: str | None) -> Object | None:
        """Any object by its id, if the seat sees it."""
        node = cast("GraphQLAbstractType", self.oracle.schema.type_map["Node"])
        for type_ in self.oracle.schema.get_possible_types(node):
            table = declarations.own_table_of(type_)
            if table is not None and row_id is not None and row_id.rpartition("_")[0] == table.prefix:
                found = [row for row in self.oracle.visible(self.seat, table) if row["id"] == row_id]
                return Object(type_, found[0]) if found else None
        return None

    def lookup(self, declared: GraphQLField, row_id: str) -> Object | None:
        type_ = declarations.object_type(declared)
        rows = self.oracle.visible(self.seat, declarations.table_of(type_))
        return next((Object(type_, row) for row in rows if row["id"] == row_id), None)

    def own(self, source: sources.Own, declared: GraphQLField) -> Object | None:
        type_ = declarations.object_type(declared)
        rows = self.oracle.rows[declarations.table_of(type_).name]
        return next((Object(type_, row) for row in rows if twins.of(source.where)(self.of(row))), None)

    def many(self, source: sources.Many, declared: GraphQLField, above: Row) -> list[Object]:
        type_ = declarations.object_type(declared)
        rows = self.oracle.visible(self.seat, declarations.table_of(type_))
        joined = [row for row in rows if twins.of(source.join)(self.of(row, above["id"]))]
        return [Object(type_, row) for _, row in self.ordered(joined, source.order)]

    def ordered(self, rows: Iterable[Row], order: sources.Order) -> Places:
        """Rows with their places: by the order's value, then by id, in one direction."""
        twin = twins.of(self.sided(order.sql))
        places = (((twin(self.of(row)), row["id"]), row) for row in rows)
        return sorted(places, key=lambda pair: pair[0], reverse=order.descending)

    # ── pages ──

    def page(self, source: sources.Page, declared: GraphQLField, node: FieldNode, above: str | None) -> Row:
        connection = declarations.object_type(declared)
        type_ = get_named_type(connection.fields["nodes"].type)
        arguments = self.arguments(declared, node)
        order = source.orders[arguments.get("orderBy") or sources.DEFAULT]
        whole = self.ordered(self.listed(source, type_, arguments, above), order)
        after, before, last = (arguments.get(name) for name in ("after", "before", "last"))
        rest = whole if after is None else self.rest(whole, order, after)
        rest = rest if before is None else self.rest(rest, replace(order, descending=not order.descending), before)
        rows = rest[: arguments.get("first") or DEFAULT_PAGE] if last is None else rest[-last:]
        has_more = len(rest) > len(rows)
        places = [self.cursor(order, place) for place, _ in rows]
        objects = [self.as_object(type_, row) for _, row in rows]
        return {
            "edges": [{"cursor": c, "node": o} for c, o in zip(places, objects, strict=True)],
            "nodes": objects,
            "page_info": {
                "has_next_page": before is not None or (last is None and has_more),
                "has_previous_page": after is not None or (last is not None and has_more),
                "start_cursor": places[0] if places else None,
                "end_cursor": places[-1] if places else None,
            },
            "total_count": len(whole),
        }

    def listed(self, source: sources.Page, type_: object, arguments: Mapping[str, Any], above: str | None) -> list[Row]:
        """The rows of a list: those below the row above, seen, of the list, and let through by every filter."""
        table = declarations.table_of(cast("GraphQLObjectType", type_))
        conditions = [(self.sided(template), None) for template in (source.join, source.where) if template is not None]
        for name, condition in source.filters.items():
            if arguments.get(name) is not None:
                template = condition.template(self.seat.side if self.seat else None, self.oracle.dialect)
                conditions.append((template, arguments[name]))
        return [
            row
            for row in self.oracle.visible(self.seat, table)
            if all(twins.of(t)(self.of(row, above, value)) for t, value in conditions)
        ]

    def cursor(self, order: sources.Order, place: tuple[Any, str]) -> Cursor:
        value, row_id = place
        template = self.sided(order.sql)
        made = Cursor(cursors.cursor(runtime.checksum(template), sql.ADAPT[self.oracle.dialect](value), row_id))
        made.order = template
        return made

    def rest(self, whole: Places, order: sources.Order, after: str) -> Places:
        """What follows a cursor."""
        template = self.sided(order.sql)
        kind = "text" if template == sources.BY_ID.sql else order.kind
        place = cursors.position(runtime.checksum(template), after, kind)
        if order.descending:
            return [pair for pair in whole if pair[0] < place]
        return [pair for pair in whole if pair[0] > place]

    # ── completion ──

    def completed(self, declared: GraphQLOutputType, value: object, nodes: list[FieldNode], at: At) -> object:
        if isinstance(declared, GraphQLNonNull):
            if value is None:
                raise ClosureError(f"{at.path} is null, and the schema promises {declared}")
            declared = declared.of_type
        if value is None:
            return None
        if isinstance(declared, GraphQLList):
            items = cast("Sequence[object]", value)
            return [self.completed(declared.of_type, item, nodes, at.item(n)) for n, item in enumerate(items)]
        sets = [node.selection_set for node in nodes if node.selection_set]
        if not sets:
            return self.leaf(value)
        if isinstance(value, Object):
            self.reached.kinds.add(f"{value.row.get('kind')} {value.row.get('invite_kind')}")
            return self.selected_on(value, value.type, sets, at)
        type_ = cast("GraphQLObjectType", get_named_type(declared))
        pages = at.pages + type_.name.endswith("Connection")
        return self.selected_on(cast("Row", value), type_, sets, at._replace(pages=pages))

    def leaf(self, value: object) -> object:
        if isinstance(value, Cursor):
            self.reached.cursors.append(value)
        if isinstance(value, dt.datetime):
            return sql.time_text(value)
        return value.isoformat() if isinstance(value, dt.date) else value


def tree(text: str) -> DocumentNode:
    """A document as the engine has it parsed; where that is given `parsed`, the same one."""
    return parsed(text, max_tokens=MAX_TOKENS, no_location=False)
