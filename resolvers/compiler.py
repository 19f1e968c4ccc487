"""Document and roles in, plan out: one statement for each list, and one generated function that builds the answer.

The function is plain Python, kept in `Plan.source` for whoever debugs. It runs the statements level by level (the lists
of one level side by side; on PostgreSQL a short list below a single row is one value of that row), and builds nested
dicts from the rows by comprehension: no object is made on the way. Its names: `Q` a statement's text, `K` the ids of
the rows above, `R` its rows, `G` those by the row above, `S` those that the page shows, `T` the counts, `E` by id what
builds an object and its row, `W` ids by type, `A` what a Python function answered, `C` constants.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Final, cast

import orjson
from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    SelectionSetNode,
    get_named_type,
    is_list_type,
    is_non_null_type,
)

from domain import policy
from models.enums import ErrorCode, Relation, Role, Side
from models.sql import Dialect, number
from resolvers import runtime, sources
from resolvers.declarations import (
    access_of,
    is_list,
    kinds_of,
    nullable,
    object_type,
    own_table_of,
    python_name,
    sets,
    snake,
    source_of,
    table_of,
)
from resolvers.documents import DEFAULT_PAGE, Operation, page_bucket, page_size, refused
from resolvers.selections import Argument, Selected, Selector, Shape
from resolvers.statements import Join, Statement, of_listed, over, probed

MAX_ROWS: Final = 10_000
MAX_ENTITIES: Final = 100
# What a subscription reads at once.
FEED_ROWS: Final = 50
# An object of fewer values is made sooner than found.
WORTH_SHARING: Final = 5
# A plan's function takes Python longer than its size says; and SQLite joins 64 tables at most.
MAX_STATEMENTS: Final = 500
MAX_JOINS: Final = 60
# A list of at most so many values is worth no statement of its own below a single row: more than that out of one value
# of the row cost what another round trip costs (measured). A whole list is short, or it would be paged.
FEW_VALUES: Final = 250
SHORT: Final = 10
MAX_LISTS: Final = 16
NO_ROW: Final = "false"

# The code that makes the value of a parameter which belongs to the seat.
SEAT_PARAMETERS: Final = {
    "partner": "s.seat.partner_id",
    "client": "s.seat.client_id",
    "user": "s.seat.user_id",
    "broker": "s.seat.broker",
    "for_company": "s.seat.for_company",
    "seat": "s.seat.id",
    "session": "s.seat.session_id",
    "token": "s.seat.token_hash",
    "seat_version": "s.seat.version",
    "now": "now",
    "active_since": "active_since",
    "vendor": "s.vendor",
}


# The moments, as the database takes them; the second only where it is asked for.
_NOW: Final = {Dialect.POSTGRES: "now = s.now", Dialect.SQLITE: "now = T(s.now)"}
_ACTIVE_SINCE: Final = {
    Dialect.POSTGRES: "active_since = s.active_since",
    Dialect.SQLITE: "active_since = T(s.active_since)",
}

Run = Callable[[object, object, Mapping[str, object], Mapping[str, object]], Awaitable[object]]


@dataclass(frozen=True, eq=False)
class Plan:
    """A compiled selection: `await run(reads, caller, variables, given)` answers the data.

    `given` is what a verb handed to its payload. `denies`: fields in it are denied, and to be settled. `binds`: the
    parameters of the seat on whose values the answer depends, besides its side and roles, for which the plan was made.
    `shares`: those of them in which seats must agree for whom a feed is read at once; the others go with each seat.
    `rows`: how many it reads at most. `snapshot`: its statements are to see the same moment.
    """

    run: Run
    source: str
    denies: bool
    binds: frozenset[str]
    shares: frozenset[str]
    rows: int
    snapshot: bool

    @property
    def size(self) -> int:
        """About how many bytes it keeps."""
        return 4 * len(self.source)


@dataclass(frozen=True)
class Place:
    """Where an object comes from: its statement, the alias and the code of its row, and whether it may be absent.

    `among`: the conditions that tell the rows of its kind, where several kinds share the list. `instead`: where the
    fields of an object embedded in the row come from, if not from where its type says.
    """

    statement: Statement
    alias: str
    row: str
    optional: bool = False
    among: tuple[str, ...] = ()
    instead: Mapping[str, sources.Source] = field(default_factory=dict)

    @property
    def rows(self) -> str:
        """The code that goes over the rows with such an object."""
        return f"for {self.row} in {self.statement.shown}" + "".join(f" if {condition}" for condition in self.among)

    def value(self, sql: str) -> str:
        """The code of an expression's value in the row."""
        return f"{self.row}[{self.statement.column(sql)}]"


@dataclass(frozen=True)
class Guard:
    """Whose row it must be: the condition in SQL, and the code that tells it from the row."""

    condition: str
    code: str


@dataclass(frozen=True)
class Spot:
    """One field to compile: its declaration, its nodes, the object that it belongs to, and whose that must be."""

    declared: GraphQLField
    nodes: list[FieldNode]
    parent: Place | None
    guard: Guard | None

    @property
    def place(self) -> Place:
        """The object's place; TypeError for a field of a root that comes from a row."""
        if self.parent is None:
            raise TypeError(f"{python_name(self.declared)} has no row to come from.")
        return self.parent

    @property
    def sets(self) -> list[SelectionSetNode]:
        """What is selected below the field."""
        return sets(self.nodes)


def compile_plan(  # noqa: PLR0913  the plan's key
    operation: Operation,
    root: GraphQLObjectType,
    selections: Sequence[SelectionSetNode],
    *,
    side: Side | None,
    roles: frozenset[Role],
    dialect: Dialect,
    shape: Shape,
) -> Plan:
    """Compile the selections on a root type (the query's, or a mutation's payload) for a seat's roles and a shape."""
    return _Compiler(operation, Selector(operation, shape), side, roles, dialect).plan(root, selections)


@dataclass
class _Compiler:
    operation: Operation
    selector: Selector
    side: Side | None
    roles: frozenset[Role]
    dialect: Dialect
    statements: list[Statement] = field(default_factory=list)
    preludes: list[str] = field(default_factory=list)
    before: dict[int, list[str]] = field(default_factory=dict)
    after: dict[int, list[str]] = field(default_factory=dict)
    builders: list[str] = field(default_factory=list)
    names: dict[str, object] = field(default_factory=dict)
    estimates: dict[int, int] = field(default_factory=dict)
    rows: int = 0
    denies: bool = False
    binds: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    snapshot: bool = False
    needs_session: bool = False
    is_shared: bool = False
    lists: int = 0
    count: int = 0

    # ── the function ──

    def plan(self, root: GraphQLObjectType, selections: Sequence[SelectionSetNode]) -> Plan:
        """The generated function, made."""
        answer = self.dict_of(root, self.selector.selected(root, selections), None)
        if self.rows > MAX_ROWS:
            message = f"The operation asks for up to {self.rows} rows; {MAX_ROWS} is the limit."
            raise refused(ErrorCode.LIMIT_EXCEEDED, message, self.operation.node)
        fetches = self.fetches()
        moments = [_NOW[self.dialect], *([_ACTIVE_SINCE[self.dialect]] if "active_since" in self.binds else [])]
        lines = ["async def run(db, s, v, g):", *moments, *self.preludes, *fetches, *self.builders]
        source = "\n    ".join([*lines, f"return {answer}"]) + "\n"
        names = {**runtime.NAMES, **self.names, "once": once}
        # What callers wrote stands in it as literals only: response keys, which are names, by `repr`.
        exec(compile(source, f"<plan of {self.operation.name or 'a nameless operation'}>", "exec"), names)  # noqa: S102
        shares = frozenset(self.binds)
        binds = shares | self.listed
        return Plan(cast("Run", names["run"]), source, self.denies, binds, shares, self.rows, self.snapshot)

    def fetches(self) -> list[str]:
        """The statements by level, those of a level side by side; behind each level what the next one needs."""
        lines: list[str] = []
        for level in sorted({statement.level for statement in self.statements}):
            here = [statement for statement in self.statements if statement.level == level]
            lines += self.before.get(level, [])
            lines += [f"K{s.number} = {s.keys}" for s in here if s.keys]
            asked = [statement for statement in here if statement.hangs_on is None]
            lines += self.fetch(asked)
            if level == 0:
                lines += self.check(asked)
            lines += [line for statement in here for line in self.after.get(statement.number, [])]
        if not self.statements and self.needs_session:
            lines += ["await prove(db, s)"]
        return lines

    def fetch(self, statements: list[Statement]) -> list[str]:
        """Run the statements of one level; those whose rows above are none do not run."""
        asked = []
        for statement in statements:
            template, listed = of_listed(statement.sql) if statement.is_listed else (statement.sql, frozenset[str]())
            self.listed |= listed
            text, parameters = number(template, self.dialect)
            self.names[f"Q{statement.number}"] = text
            given = statement.given
            codes = [given.get(p) or SEAT_PARAMETERS[p] for p in parameters]
            self.binds.update(set(parameters) - set(given))
            asked.append((f"R{statement.number}", ", ".join([f"Q{statement.number}", *codes]), _keys(statement)))
        if self.dialect is Dialect.SQLITE:
            return [f"{rows} = db.fetch({call}){_unless(keys, '()')}" for rows, call, keys in asked]
        if len(asked) == 1:
            return [f"{rows} = await db.fetch({call}){_unless(keys, '()')}" for rows, call, keys in asked]
        calls = ", ".join(f"({call},){_unless(keys, 'None')}" for _, call, keys in asked)
        return [f"{', '.join(rows for rows, _, _ in asked)} = await db.fetch_all({calls})"]

    def check(self, starting: list[Statement]) -> list[str]:
        """No row at all may mean that the session ended: then the seat is looked up again."""
        if not any(statement.proves_session for statement in starting):
            return []
        return [f"if not ({' or '.join(f'R{s.number}' for s in starting)}): await prove(db, s)"]

    # ── objects ──

    def dict_of(self, parent: GraphQLObjectType, selected: Selected, place: Place | None) -> str:
        """The code of a dict for one object."""
        return _braces(
            (key, repr(parent.name) if nodes[0].name.value == "__typename" else self.value(parent, nodes, place))
            for key, nodes in selected.items()
        )

    def value(self, parent: GraphQLObjectType, nodes: list[FieldNode], place: Place | None) -> str:
        """The code of one field's value, its right decided."""
        name = nodes[0].name.value
        if name in {"__schema", "__type"}:
            return self.called(runtime.introspection(self.operation, nodes), "v")
        declared = parent.fields[name]
        access = access_of(declared)
        if access is not None and not access.to & self.roles:
            self.denies = self.needs_session = True
            return self.constant(runtime.Denied(f"{parent.name}.{name}", self.side is not None, access.to))
        spot = Spot(declared, nodes, place, self.guard(parent, access, place))
        instead = place.instead.get(python_name(declared)) if place else None
        code = self.sourced(instead or source_of(declared), spot)
        return f"({code} if {spot.guard.code} else None)" if spot.guard else code

    def embedded(self, source: sources.Embedded, spot: Spot) -> str:
        """An object of the same row, if there is one."""
        inner = object_type(spot.declared)
        place = spot.parent and replace(spot.parent, instead=source.instead)
        code = self.dict_of(inner, self.selector.selected(inner, spot.sets), place)
        if source.column is None:
            return code
        return f"({code} if {spot.place.value(f'{spot.place.alias}.{source.column}')} is not None else None)"

    def guard(self, parent: GraphQLObjectType, access: sources.Access | None, place: Place | None) -> Guard | None:
        """Whose row it must be, and what must hold of it: a condition. The vendor's staff act for every company."""
        if access is None or self.side is Side.VENDOR or place is None:
            return None
        own = None if access.of is Relation.ANY else table_of(parent).own[access.of]
        conditions = [template for template in (own, access.holding) if template is not None]
        if not conditions:
            return None
        condition = over(" and ".join(f"({c})" for c in conditions), self.dialect, t=place.alias)
        return Guard(condition, place.value(condition))

    def sourced(self, source: sources.Source, spot: Spot) -> str:  # noqa: C901, PLR0911, PLR0912  one line a source
        """The code of a value by what it comes from."""
        match source:
            case sources.Column():
                return self.column(source, spot)
            case sources.Expression():
                return self.expression(source, spot)
            case sources.Derived():
                return self.derived(source, spot)
            case sources.Embedded():
                return self.embedded(source, spot)
            case sources.Documents():
                code = f"J({spot.place.value(f'{spot.place.alias}.{source.name}')})"
                return self.projected(spot.declared.type, spot.sets, code)
            case sources.One():
                return self.one(source, spot)
            case sources.Inverse():
                return self.inverse(source, spot)
            case sources.Either():
                return self.either(source, spot)
            case sources.Reference():
                return self.reference(source, spot)
            case sources.Many():
                return self.many(source, spot)
            case sources.Page():
                return _PageCompiler(self, source, spot).code()
            case sources.Lookup():
                return self.starting_row(spot, self.code_of(self.selector.argument(spot.declared, spot.nodes[0], "id")))
            case sources.Own():
                return self.own(source, spot)
            case sources.Entities():
                return self.entities(source, spot)
            case sources.Function():
                return self.function(source, spot)
            case sources.Given():
                return self.projected(spot.declared.type, spot.sets, f"g.get({python_name(spot.declared)!r})")
            case sources.GivenRow():
                return self.starting_row(spot, f"g.get({python_name(spot.declared)!r})")
            case sources.GivenRows():
                return self.given_rows(source, spot)
            case sources.Head():
                return self.head(source)
            case sources.Feed():
                return self.feed(source, spot)
            case sources.Verb():
                raise TypeError("A mutation is called, not read.")

    def constant(self, value: object) -> str:
        """The name under which the generated function finds a value."""
        name = f"C{self.next()}"
        self.names[name] = value
        return name

    def next(self) -> int:
        """A number that no other name has."""
        self.count += 1
        return self.count

    # ── values of the row ──

    def column(self, source: sources.Column, spot: Spot) -> str:
        """A column of the row."""
        sql = f"{spot.place.alias}.{source.name or python_name(spot.declared)}"
        return self.converted(spot.declared, spot.place.value(sql))

    def expression(self, source: sources.Expression, spot: Spot) -> str:
        """An SQL expression over the row."""
        aliases = {"t": spot.place.alias}
        if source.beside is not None:
            aliases["b"] = self.beside(source.beside, spot.place)
        sql = over(self.sided(source.sql), self.dialect, **aliases)
        return self.converted(spot.declared, spot.place.value(f"({sql})"))

    def beside(self, beside: sources.Beside, place: Place) -> str:
        """Join what is beside the row; its alias."""
        of = over(self.sided(beside.of), self.dialect)
        on = over(beside.on, self.dialect, t=place.alias, b="{j}")
        return self.joined(place, Join(of, on, is_loose=True))

    def derived(self, source: sources.Derived, spot: Spot) -> str:
        """A plain function of the row's own values."""
        place = spot.place
        inputs = [
            place.value(over(i, self.dialect, t=place.alias) if "{" in i else f"{place.alias}.{i}")
            for i in source.inputs
        ]
        if source.seat:
            is_listed = place.statement.is_listed
            (self.listed if is_listed else self.binds).add("seat")
            inputs.insert(0, f"g['caller']({place.row}[0])" if is_listed else "s")
        return f"{self.constant(source.function)}({', '.join(inputs)})"

    def converted(self, declared: GraphQLField, code: str) -> str:
        """A driver's value as the answer's: by type and database."""
        if is_list(declared):
            return f"J({code})"
        convert = _CONVERSIONS.get((self.dialect, get_named_type(declared.type).name))
        return convert.format(code) if convert else code

    def sided(self, sql: sources.Sql) -> str:
        """The template that this side reads; nobody reads nothing."""
        if self.side is None and not isinstance(sql, str):
            return NO_ROW
        return sources.for_side(sql, cast("Side", self.side))

    def visible(self, table: sources.Table, *, few: bool = False) -> str:
        """Which rows of a table exist for this side; `few`: as it is asked of few rows."""
        visible = (table.public or NO_ROW) if self.side is None else table.visible[self.side]
        if Role.CLIENT_PARTNER not in self.roles:
            visible = policy.without_brokers(visible)
        return probed(visible) if few else visible

    def projected(self, of: GraphQLOutputType, selections: Sequence[SelectionSetNode], code: str) -> str:
        """What is selected of a value that is plain data already: dicts, lists and leaves."""
        inner = nullable(of)
        name = f"x{self.next()}"
        if is_list_type(inner):
            item = self.projected(inner.of_type, selections, name)
            return f"none_or(lambda {name}s: [{item} for {name} in {name}s], {code})"
        if not isinstance(inner, GraphQLObjectType):
            return f"plain({code})"
        items = []
        for key, nodes in self.selector.selected(inner, selections).items():
            if nodes[0].name.value == "__typename":
                items.append((key, repr(inner.name)))
                continue
            declared = inner.fields[nodes[0].name.value]
            items.append((key, self.projected(declared.type, sets(nodes), f"{name}[{python_name(declared)!r}]")))
        return f"none_or(lambda {name}: {_braces(items)}, {code})"

    # ── one other row ──

    def one(self, source: sources.One, spot: Spot) -> str:
        """The row that a foreign key names, joined; null where it is not there for this seat."""
        of, place = get_named_type(spot.declared.type), spot.place
        table = table_of(of)
        required = bool(is_non_null_type(spot.declared.type))
        loose = not required or place.optional or place.statement.total
        seen = None if required or table.on_rows else self.visible(table, few=place.statement.has_few)
        joined = self.join(place, table, f"{{t}}.id = {place.alias}.{source.column}", seen, loose=loose)
        if place.statement.is_listed and not self.is_shared:
            return self.shared(of, spot.nodes, joined, required=required)
        code = self.row_of(of, spot.nodes, joined)
        return code if required else self.if_there(joined, code)

    def shared(self, of: GraphQLNamedType, nodes: list[FieldNode], joined: Place, *, required: bool) -> str:
        """The code of a joined row's object, made once for all rows that agree in everything it is made of.

        What is told to many is one event. Where a field is denied, each has to be its own: they are settled one by one.
        """
        denied, self.denies, self.is_shared = self.denies, False, True
        code = self.row_of(of, nodes, joined)
        if not required:
            code = self.if_there(joined, code)
        is_own, self.denies, self.is_shared = self.denies, self.denies or denied, False
        places = sorted({int(place) for place in re.findall(rf"\b{joined.row}\[(\d+)\]", code)})
        if is_own or len(places) < WORTH_SHARING:
            return code
        name = f"shared{self.next()}"
        self.builders.append(f"{name} = once({joined.statement.telling(places)}, lambda {joined.row}: {code})")
        return f"{name}({joined.row})"

    def inverse(self, source: sources.Inverse, spot: Spot) -> str:
        """The row that names this one, joined; null where it is not there for this seat."""
        of, place = get_named_type(spot.declared.type), spot.place
        table = table_of(of)
        on = source.join.replace("{p}", f"{place.alias}.id")
        joined = self.join(place, table, on, self.visible(table, few=place.statement.has_few), loose=True)
        return self.if_there(joined, self.row_of(of, spot.nodes, joined))

    def if_there(self, joined: Place, code: str) -> str:
        """The code of a joined row's object; null where there is no such row."""
        return f"(None if {joined.value(f'{joined.alias}.id')} is None else {code})"

    def join(self, place: Place, table: sources.Table, on: str, seen: str | None, *, loose: bool) -> Place:
        """Join the one row `{t}` for which a condition holds, if it is seen. The same row met again is joined once."""
        conditions = [over(condition, self.dialect, t="{j}") for condition in (on, seen) if condition]
        alias = self.joined(place, Join(table.name, " and ".join(conditions), loose))
        return Place(place.statement, alias, place.row, optional=loose, among=place.among)

    def joined(self, place: Place, join: Join) -> str:
        """The alias of what is joined to the rows."""
        alias = place.statement.joins.setdefault(join, f"j{self.next()}")
        if len(place.statement.joins) > MAX_JOINS:
            message = f"The operation reads over {MAX_JOINS} different objects beside those of one list."
            raise refused(ErrorCode.LIMIT_EXCEEDED, message, self.operation.node)
        return alias

    def row_of(self, of: GraphQLNamedType, nodes: list[FieldNode], place: Place) -> str:
        """The object of a row: of a type, or of one of the kinds that share the table."""
        kinds = kinds_of(of)
        if kinds is None:
            inner = cast("GraphQLObjectType", of)
            return self.dict_of(inner, self.selector.selected(inner, sets(nodes)), place)
        column = place.value(f"{place.alias}.{kinds.column}")
        branches: dict[str, list[str]] = {}
        for value, type_name in kinds.types.items():
            of_kind = Place(
                place.statement, place.alias, place.row, optional=True, among=(*place.among, f"{column} == {value!r}")
            )
            code = self.row_of(self.operation.schema.type_map[type_name], nodes, of_kind)
            branches.setdefault(code, []).append(value)
        chain = "".join(f"{code} if {column} in {tuple(values)!r} else " for code, values in branches.items())
        return f"({chain}unknown({column}))"

    def either(self, source: sources.Either, spot: Spot) -> str:
        """A union: the first of the foreign keys that names a row."""
        code, place = "None", spot.place
        for type_name, column in reversed(list(source.columns.items())):
            of = self.operation.schema.type_map[type_name]
            table = table_of(of)
            required = bool(is_non_null_type(spot.declared.type))
            seen = None if required else self.visible(table, few=place.statement.has_few)
            joined = self.join(place, table, f"{{t}}.id = {place.alias}.{column}", seen, loose=True)
            inner = self.row_of(of, spot.nodes, joined)
            code = f"({inner} if {joined.value(f'{joined.alias}.id')} is not None else {code})"
        return code

    # ── lists ──

    def many(self, source: sources.Many, spot: Spot) -> str:
        """A whole list of the row above."""
        of = get_named_type(spot.declared.type)
        statement = self.below(of, spot, SHORT * self.selector.width(of, spot.sets))
        statement.conditions += [source.join, self.visible(statement.table, few=statement.has_few)]
        statement.order = (source.order,)
        self.estimate(statement, DEFAULT_PAGE, spot.parent)
        n, row = statement.number, f"r{statement.number}"
        item = self.row_of(of, spot.nodes, Place(statement, statement.alias, row))
        if statement.hangs_on is None:
            self.after[n] = [f"G{n} = grouped(K{n}, R{n})"]
            return f"[{item} for {row} in G{n}.get({self.key(spot)}, ())]"
        rows = self.value_of(statement, spot)
        if statement.is_above:
            self.after[n] = [f"R{n} = [{row} {spot.place.rows} for {row} in {rows}]"]
        return f"[{item} for {row} in {rows}]"

    def below(self, of: GraphQLNamedType, spot: Spot, values: int) -> Statement:
        """A new statement for the rows below those of a field's object; `values`: how many it may well bring.

        On PostgreSQL a list of few below a single row is one value of that row, and so are the lists below it.
        """
        place, above = spot.place, spot.place.statement
        is_value = values <= FEW_VALUES and above.has_few and above.limit is None and not place.among
        if is_value and self.dialect is Dialect.POSTGRES and self.lists < MAX_LISTS:
            self.lists += 1
            statement = self.statement(of, above.level)
            statement.hangs_on = self.id_above(spot)
            return statement
        above.is_above = True
        statement = self.statement(of, above.level + 1)
        self.bind_keys(statement, f"keys({self.key(spot)} {place.rows})")
        return statement

    def value_of(self, statement: Statement, spot: Spot) -> str:
        """The code of the rows of a list that is a value of the row above."""
        above = spot.place.statement
        above.is_above = above.is_above or statement.is_above
        return f"{spot.place.row}[{above.bring(statement)}]"

    def bind_keys(self, statement: Statement, code: str) -> None:
        """Hang a statement below the ids that a code makes."""
        statement.keys = code
        keys = f"K{statement.number}"
        statement.parameters["ids"] = f"ids({keys})" if self.dialect is Dialect.SQLITE else keys

    def statement(self, of: GraphQLNamedType, level: int) -> Statement:
        """A new statement over a type's table."""
        if len(self.statements) == MAX_STATEMENTS:
            message = f"The operation reads over {MAX_STATEMENTS} lists and objects by id."
            raise refused(ErrorCode.LIMIT_EXCEEDED, message, self.operation.node)
        table = table_of(of)
        statement = Statement(self.next(), table, level, self.dialect)
        if table.only:
            statement.conditions.append(table.only)
        self.statements.append(statement)
        return statement

    def key(self, spot: Spot) -> str:
        """The code of the id below which a list hangs; null where the list is not there for this seat."""
        return spot.place.value(self.id_above(spot))

    def id_above(self, spot: Spot) -> str:
        """The same in SQL."""
        column = f"{spot.place.alias}.id"
        return f"case when {spot.guard.condition} then {column} end" if spot.guard else column

    def estimate(self, statement: Statement, size: int, above: Place | None) -> None:
        """Note how many rows a list may bring at most."""
        rows_above = self.estimates.get(above.statement.number, 1) if above else 1
        self.estimates[statement.number] = rows_above * size
        self.rows += rows_above * size

    # ── what starts an answer ──

    def starting(self, of: GraphQLNamedType) -> Statement:
        """A statement that starts an answer, and so proves the session's right."""
        statement = self.statement(of, 0)
        statement.proves_session = self.side is not None
        return statement

    def starting_row(self, spot: Spot, code: str) -> str:
        """One row by the id that a code makes; nobody who is not signed in has one."""
        if self.side is None:
            return "None"
        of = get_named_type(spot.declared.type)
        statement = self.starting(of)
        statement.is_single = True
        statement.conditions += ["{t}.id = :wanted", self.visible(statement.table, few=True)]
        statement.parameters["wanted"] = code
        row = f"r{statement.number}"
        item = self.row_of(of, spot.nodes, Place(statement, statement.alias, row))
        return self.first(statement, item)

    def given_rows(self, source: sources.GivenRows, spot: Spot) -> str:
        """The rows that hang on the id which a verb handed over; null where it handed none."""
        if self.side is None:
            return "None"
        of = get_named_type(spot.declared.type)
        statement = self.starting(of)
        statement.conditions += [f"{{t}}.{source.column} = :wanted", self.visible(statement.table)]
        statement.order = (sources.BY_ID,)
        statement.parameters["wanted"] = wanted = f"g.get({python_name(spot.declared)!r})"
        n, row = statement.number, f"r{statement.number}"
        self.after[n] = [f"S{n} = R{n}"]
        item = self.row_of(of, spot.nodes, Place(statement, statement.alias, row))
        return f"([{item} for {row} in R{n}] if {wanted} else None)"

    def own(self, source: sources.Own, spot: Spot) -> str:
        """The seat's own row. Where nothing of the row itself is asked for, it costs no statement."""
        if self.side is None:
            return "None"
        self.needs_session = True
        of = object_type(spot.declared)
        statement = self.starting(of)
        statement.is_single = True
        statement.conditions.append(source.where)
        row = f"r{statement.number}"
        code = self.row_of(of, spot.nodes, Place(statement, statement.alias, row))
        if not statement.columns:
            self.statements.remove(statement)
            return code
        return self.first(statement, code)

    def first(self, statement: Statement, code: str) -> str:
        """The code of what a statement's only row makes; null where it has none."""
        n = statement.number
        self.after[n] = [f"r{n} = R{n}[0] if R{n} else None"]
        return f"(None if r{n} is None else {code})"

    def head(self, source: sources.Head) -> str:
        """The head of what the seat sees of the log: how much else happens is not told.

        Nobody misses what comes between it and what else is read: there is nothing between.
        """
        self.snapshot = True
        statement = self.starting(self.operation.schema.type_map[source.of])
        parts = " union all ".join(source.parts[self.side]) if self.side else "select null"
        statement.conditions.append(f"{{t}}.pos = (select max(x_.pos) from ({parts}) x_)")
        row, convert = f"r{statement.number}", self.constant(source.convert)
        position = Place(statement, statement.alias, row).value(f"{statement.alias}.pos")
        return f"{convert}(next(({position} for {row} in R{statement.number}), 0))"

    def feed(self, source: sources.Feed, spot: Spot) -> str:
        """The rows beyond the positions of those listed: of each whose it is, its position and its object; in order."""
        of = get_named_type(spot.declared.type)
        statement = self.statement(of, 0)
        statement.is_listed = True
        statement.keys = statement.parameters["listed"] = "g['listed']"
        statement.conditions += [
            f"{{t}}.{source.key} = u.subject",
            "{t}.pos > u.since",
            self.visible(statement.table),
        ]
        statement.order = (sources.Order("{t}.pos"),)
        statement.limit = FEED_ROWS
        self.estimate(statement, FEED_ROWS, None)
        n, row = statement.number, f"r{statement.number}"
        self.after[n] = [f"S{n} = R{n}"]
        place = Place(statement, statement.alias, row)
        item = self.row_of(of, spot.nodes, place)
        return f"(({row}[0], {place.value(f'{statement.alias}.pos')}, {item}) for {row} in R{n})"

    def entities(self, source: sources.Entities, spot: Spot) -> str:
        """Any objects by their ids; each type's visibility holds, whatever is selected."""
        argument = self.selector.argument(spot.declared, spot.nodes[0], source.argument)
        ids = self.code_of(argument)
        of = get_named_type(spot.declared.type)
        if not is_list(spot.declared):
            if self.side is None:
                return "None"
            return f"{self.entity(of, spot.nodes, f'({ids},)', level=0, most=1)}({ids})"
        most = self.selector.length(argument)
        self.preludes.append(f"at_most({MAX_ENTITIES}, {ids})")
        self.rows += most
        if self.side is None:
            return f"[None] * len({ids})"
        return f"[{self.entity(of, spot.nodes, ids, level=0, most=most)}(id) for id in {ids}]"

    def reference(self, source: sources.Reference, spot: Spot) -> str:
        """Any object, by the id in a column."""
        place = spot.place
        key = place.value(f"{place.alias}.{source.column}")
        place.statement.is_above = True
        ids = f"keys({key} {place.rows})"
        most = self.estimates.get(place.statement.number, 1)
        level = place.statement.level + 1
        entity = self.entity(get_named_type(spot.declared.type), spot.nodes, ids, level=level, most=most)
        return f"{entity}({key})"

    def entity(self, of: GraphQLNamedType, nodes: list[FieldNode], ids: str, *, level: int, most: int) -> str:
        """Define the function from an id to its object; its name. One statement a type, run where it is asked for."""
        n = self.next()
        self.before.setdefault(level, []).extend([f"W{n} = by_prefix({ids})", f"E{n} = {{}}"])
        for type_ in self.types_with_rows(of):
            statement = self.statement(type_, level)
            statement.by_id = True
            self.estimates[statement.number] = most
            statement.proves_session = level == 0
            statement.is_single = level == 0 and most == 1
            statement.conditions.append(self.visible(statement.table, few=statement.has_few))
            self.bind_keys(statement, f"W{n}.get({statement.table.prefix!r}, ())")
            rows, row, build = f"R{statement.number}", f"r{statement.number}", f"build{statement.number}"
            place = Place(statement, statement.alias, row)
            code = self.row_of(type_, nodes, place)
            key = place.value(f"{statement.alias}.id")
            self.after[statement.number] = [
                f"if {rows}:",
                f"    def {build}({row}): return {code}",
                f"    E{n}.update({{{key}: ({build}, {row}) for {row} in {rows}}})",
            ]
        self.builders += [f"def entity{n}(id):", f"    build, row = E{n}.get(id, NO_ENTITY)", "    return build(row)"]
        return f"entity{n}"

    def types_with_rows(self, of: GraphQLNamedType) -> list[GraphQLObjectType]:
        """The types with rows that a type may be."""
        if isinstance(of, GraphQLObjectType):
            return [of]
        possible = self.operation.schema.get_possible_types(cast("GraphQLInterfaceType", of))
        return [type_ for type_ in possible if own_table_of(type_) is not None]

    def function(self, source: sources.Function, spot: Spot) -> str:
        """A Python function beside the statements."""
        arguments = [
            f"{snake(name)}={self.code_of(argument)}"
            for name in spot.declared.args
            if not (argument := self.selector.argument(spot.declared, spot.nodes[0], name)).is_null
        ]
        return self.projected(spot.declared.type, spot.sets, self.called(source.call, ", ".join(arguments)))

    def called(self, function: object, arguments: str) -> str:
        """Call a function before anything is read; the name of its answer."""
        name = self.constant(function)
        self.binds.add("session")
        self.preludes.append(f"A{name} = await {name}(s, {arguments})")
        return f"A{name}"

    # ── arguments ──

    def code_of(self, argument: Argument) -> str:
        """The code of an argument's value."""
        if argument.known:
            return self.constant(argument.value)
        if argument.node is not None:
            of = argument.declared.type if argument.declared else None
            return f"from_ast({self.constant(argument.node)}, {self.constant(of)}, v)"
        default = f", {self.constant(argument.value)}" if argument.value is not None else ""
        return f"v.get({argument.variable!r}{default})"


@dataclass
class _PageCompiler:
    """One connection: its statement, and the function that builds it from a list of rows."""

    compiler: _Compiler
    source: sources.Page
    spot: Spot

    def code(self) -> str:
        """The code of the connection."""
        self.connection = object_type(self.spot.declared)
        self.of = get_named_type(self.connection.fields["nodes"].type)
        self.selected = self.compiler.selector.selected(self.connection, self.spot.sets)
        self.after, self.before, self.last = self.argument("after"), self.argument("before"), self.argument("last")
        self.is_from_end = self.is_asked_from_end()
        hangs = self.source.join is not None and self.spot.parent is not None
        self.statement = self.below() if hangs else self.compiler.starting(self.of)
        self.order = self.order_asked_for()
        self.describe(hangs=hangs)
        self.size(hangs=hangs)
        builder = self.builder()
        return self.hung(builder) if hangs else self.started(builder)

    # ── the statement ──

    def below(self) -> Statement:
        """The statement below the row above."""
        values = self.compiler.selector.width(self.connection, self.spot.sets)
        return self.compiler.below(self.of, self.spot, self.at_most()[0] * values)

    def argument(self, name: str) -> Argument:
        """One of the connection's arguments."""
        return self.compiler.selector.argument(self.spot.declared, self.spot.nodes[0], name)

    def describe(self, *, hangs: bool) -> None:
        """The conditions, the order and the keyset."""
        statement, compiler = self.statement, self.compiler
        if hangs and self.source.join is not None:
            statement.conditions.append(self.source.join)
        below = self.source.below if hangs else None
        visible = compiler.visible(statement.table, few=statement.has_few)
        statement.conditions.append(compiler.sided(below) if below else visible)
        if self.source.where is not None:
            statement.conditions.append(compiler.sided(self.source.where))
        for name, condition in self.source.filters.items():
            argument = self.argument(name)
            if not argument.is_null:
                self.filter(condition, argument)
        descending = self.order.descending is not self.is_from_end
        by_id = sources.Order("{t}.id", descending=descending)
        sql = compiler.sided(self.order.sql)
        statement.order = (by_id,) if sql == by_id.sql else (sources.Order(sql, descending=descending), by_id)
        beyond = [("after", self.after, not self.order.descending), ("before", self.before, self.order.descending)]
        keysets = [self.keyset(sql, *each) for each in beyond if not each[1].is_null]
        statement.keyset = " and ".join(keysets) or None

    def filter(self, condition: sources.Filter, argument: Argument) -> None:
        """A condition of the caller's."""
        statement, compiler = self.statement, self.compiler
        template = condition.template(compiler.side, compiler.dialect)
        name = f"x{statement.number}_{len(statement.parameters)}"
        statement.conditions.append(template.replace(":value", f":{name}"))
        code = compiler.code_of(argument)
        if condition.adapt is not None:
            code = f"{compiler.constant(condition.adapt)}({code})"
        is_bound_list = compiler.dialect is Dialect.SQLITE and "{within}" in template
        statement.parameters[name] = f"ids({code})" if is_bound_list else code

    def order_asked_for(self) -> sources.Order:
        """The order asked for, or the list's own."""
        asked = self.argument("orderBy")
        value = self.compiler.selector.shape["orderBy", asked.variable] if asked.variable else asked.value
        return self.source.orders[sources.DEFAULT if value is None else str(value)]

    def is_asked_from_end(self) -> bool:
        """Whether the page is the last rows of what it is asked for between."""
        if self.last.is_null or (
            self.last.variable and self.compiler.selector.shape["last", self.last.variable] is None
        ):
            return False
        first = self.argument("first")
        if not first.is_null:
            self.compiler.preludes.append(f"from_one_end({self.compiler.code_of(first)})")
        return True

    def keyset(self, sql: str, name: str, cursor: Argument, is_greater: bool) -> str:  # noqa: FBT001  a sign
        """Only what lies beyond a cursor."""
        statement, sign = self.statement, ">" if is_greater else "<"
        decoded = f"{name}{statement.number}"
        # A side whose list is sorted by id alone has text in its cursors, whatever the others have.
        is_time = self.order.kind == "time"
        is_text = is_time and (self.compiler.dialect is Dialect.SQLITE or len(statement.order) == 1)
        kind = "text" if is_text else self.order.kind
        text = self.compiler.code_of(cursor)
        self.compiler.preludes.append(f"{decoded} = position({runtime.checksum(sql)}, {text}, {kind!r}, {name!r})")
        statement.parameters[f"{decoded}_id"] = f"{decoded}[1]"
        if len(statement.order) == 1:
            return f"{{t}}.id {sign} :{decoded}_id"
        statement.parameters[f"{decoded}_value"] = f"{decoded}[0]"
        return f"({sql}, {{t}}.id) {sign} (:{decoded}_value, :{decoded}_id)"

    def size(self, *, hangs: bool) -> None:
        """How many rows are read: those of the page, and one more where it is asked whether more follows."""
        statement, compiler = self.statement, self.compiler
        size, self.wanted = self.at_most()
        compiler.estimate(statement, size, self.spot.parent if hangs else None)
        chosen = {node.name.value for nodes in self.selected.values() for node in nodes}
        statement.total = "totalCount" in chosen
        statement.rows = not statement.total or not chosen <= {"totalCount", "__typename"}
        more = ("hasPreviousPage" if self.is_from_end else "hasNextPage") in self.names_in_page_info()
        statement.limit = size + more
        self.cut = f"[:{self.wanted}]" if more or self.size_asked_for().variable else ""

    def at_most(self) -> tuple[int, str]:
        """The rows of the page: how many the statement is made for, and the code of how many are asked for."""
        name, asked = ("last", self.last) if self.is_from_end else ("first", self.argument("first"))
        if asked.variable:
            size = page_bucket(self.compiler.selector.shape[name, asked.variable], name)
            return size, f"(v.get({asked.variable!r}) or {DEFAULT_PAGE})"
        size = page_size(asked.value, name)
        return size, str(size)

    def size_asked_for(self) -> Argument:
        """The argument that says how many rows are asked for."""
        return self.last if self.is_from_end else self.argument("first")

    def names_in_page_info(self) -> set[str]:
        """What is asked of the page itself."""
        info = object_type(self.connection.fields["pageInfo"])
        return {
            inner[0].name.value
            for nodes in self.selected.values()
            if nodes[0].name.value == "pageInfo"
            for inner in self.compiler.selector.selected(info, sets(nodes)).values()
        }

    # ── the function ──

    def builder(self) -> str:
        """Define the function that makes a connection of its rows and their count; its name."""
        parts = {
            "__typename": lambda _: repr(self.connection.name),
            "totalCount": lambda _: "total",
            "pageInfo": self.page_info,
            "edges": self.edges,
            "nodes": self.nodes,
        }
        body = _braces((key, parts[nodes[0].name.value](nodes)) for key, nodes in self.selected.items())
        name, statement = f"page{self.statement.number}", self.statement
        lines = [f"def {name}(rows):"]
        if statement.total:
            lines.append(f"    total = rows[0][{statement.total_at}] if rows else 0")
        if statement.total and statement.rows:
            lines.append(f"    if rows and rows[0][{self.id_at}] is None: rows = ()")
        turned = "[::-1]" if self.is_from_end else ""
        self.compiler.builders += [*lines, f"    page = rows{self.cut}{turned}", f"    return {body}"]
        return name

    @property
    def row(self) -> str:
        """The code of one row."""
        return f"r{self.statement.number}"

    def nodes(self, nodes: list[FieldNode]) -> str:
        """The page's objects."""
        return f"[{self.item(nodes)} for {self.row} in page]"

    def item(self, nodes: list[FieldNode]) -> str:
        """One object."""
        return self.compiler.row_of(self.of, nodes, Place(self.statement, self.statement.alias, self.row))

    def edges(self, nodes: list[FieldNode]) -> str:
        """The page's objects with their cursors."""
        edge = object_type(self.connection.fields["edges"])
        parts = {
            "__typename": lambda _: repr(edge.name),
            "cursor": lambda _: self.cursor(self.row),
            "node": self.item,
        }
        selected = self.compiler.selector.selected(edge, sets(nodes))
        item = _braces((key, parts[inner[0].name.value](inner)) for key, inner in selected.items())
        return f"[{item} for {self.row} in page]"

    def page_info(self, nodes: list[FieldNode]) -> str:
        """Where the page stands in its list."""
        info = object_type(self.connection.fields["pageInfo"])
        more = f"len(rows) > {self.wanted}"
        follows, precedes = not self.before.is_null, not self.after.is_null
        parts = {
            "__typename": lambda: repr(info.name),
            "hasNextPage": lambda: str(follows) if follows or self.is_from_end else more,
            "hasPreviousPage": lambda: more if self.is_from_end and not precedes else str(precedes),
            "startCursor": lambda: f"({self.cursor('page[0]')} if page else None)",
            "endCursor": lambda: f"({self.cursor('page[-1]')} if page else None)",
        }
        selected = self.compiler.selector.selected(info, sets(nodes))
        return _braces((key, parts[inner[0].name.value]()) for key, inner in selected.items())

    def cursor(self, row: str) -> str:
        """The code of a row's cursor."""
        sql = self.compiler.sided(self.order.sql)
        place = Place(self.statement, self.statement.alias, row)
        value = place.value(over(sql, self.compiler.dialect, t=place.alias))
        return f"cursor({runtime.checksum(sql)}, {value}, {place.value(f'{place.alias}.id')})"

    # ── where it stands in the answer ──

    def started(self, builder: str) -> str:
        """The code of a connection that starts an answer, and what the lists below it need to know of its rows."""
        n = self.statement.number
        if self.statement.is_above:
            self.compiler.after[n] = [f"S{n} = R{n}{self.cut}"]
        return f"{builder}(R{n})"

    def hung(self, builder: str) -> str:
        """The same for a connection of the row above."""
        n = self.statement.number
        if self.statement.hangs_on is not None:
            rows = self.compiler.value_of(self.statement, self.spot)
            if self.statement.is_above:
                self.compiler.after[n] = [f"S{n} = [r {self.spot.place.rows} for r in {rows}{self.cut}]"]
            return f"{builder}({rows})"
        self.compiler.after[n] = [f"G{n} = grouped(K{n}, R{n})"]
        if self.statement.is_above:
            self.compiler.after[n].append(f"S{n} = [r for rows in G{n}.values() for r in rows{self.cut}]")
        return f"{builder}(G{n}.get({self.compiler.key(self.spot)}, ()))"

    @property
    def id_at(self) -> int:
        """Where in the row its id stands: null in a row that only carries the count of an empty list."""
        return self.statement.column(f"{self.statement.alias}.id")


def _braces(items: Iterable[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{key!r}: {code}" for key, code in items) + "}"


def once(places: Sequence[int], build: Callable[[Sequence[object]], object]) -> Callable[[Sequence[object]], object]:
    """What is built of a row, as JSON, once for all rows that agree at some places."""
    key_of, built = itemgetter(*places), dict[object, orjson.Fragment]()

    def of(row: Sequence[object]) -> object:
        key = key_of(row)
        found = built.get(key)
        if found is None:
            found = built[key] = orjson.Fragment(orjson.dumps(build(row)))
        return found

    return of


def _keys(statement: Statement) -> str | None:
    return f"K{statement.number}" if statement.keys else None


def _unless(keys: str | None, otherwise: str) -> str:
    return f" if {keys} else {otherwise}" if keys else ""


_CONVERSIONS: Final[Mapping[tuple[Dialect, str], str]] = {
    (Dialect.POSTGRES, "DateTime"): "T({})",
    (Dialect.SQLITE, "Boolean"): "B[{}]",
}
