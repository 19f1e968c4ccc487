"""What a field of the schema can come from. Data only: the compiler reads it off the schema that it is given.

SQL in a source is a template (see `models.sql`): `{t}` is the row that the field belongs to, or the row of the list
that the source describes. Where sides read different things, it is a mapping from side to template.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

from models.enums import Relation, Role, Side
from models.sql import Dialect

Sql = str | Mapping[Side, str]
METADATA = "countersign"
# Of whatever columns, or with whatever arguments, the field names.
FunctionOf = Callable[..., object]  # type: ignore[explicit-any]
VerbOf = Callable[..., Awaitable[object]]  # type: ignore[explicit-any]


@dataclass(frozen=True)
class Access:
    """Who may read a field (`to`) and whose row it must be (`of`); the vendor's staff act for every company.

    `holding`: what else must hold of the row, for a seat of a company.
    """

    to: frozenset[Role]
    of: Relation = Relation.ANY
    holding: str | None = None


@dataclass(frozen=True)
class Table:
    """Where the rows of a type live.

    `visible` is the row predicate by side, `public` that of those who are not signed in (null: no row). `only` tells
    the rows of one type of a shared table. `own` says for which rows a relation of `@access` holds. `on_rows`: whoever
    sees a row that names this one, sees it too (users).
    """

    name: str
    prefix: str
    visible: Mapping[Side, str]
    public: str | None = None
    only: str | None = None
    own: Mapping[Relation, str] = field(default_factory=dict)
    on_rows: bool = False


@dataclass(frozen=True)
class Kinds:
    """An interface whose types share one table: which value of `column` is which type."""

    table: Table
    column: str
    types: Mapping[str, str]


@dataclass(frozen=True)
class Column:
    """A column of the row; by default the one with the field's name."""

    name: str | None = None


@dataclass(frozen=True)
class Beside:
    """One row `{b}` at most beside each of a type's, found once whatever is selected of it.

    `of`: a table, or a query in parentheses. `on`: which row of it.
    """

    of: Sql
    on: str


@dataclass(frozen=True)
class Expression:
    """An SQL expression over the row, and over what is beside it."""

    sql: Sql
    beside: Beside | None = None


@dataclass(frozen=True)
class Derived:
    """A plain function of the row's own columns or expressions; with `seat`, of the seat before them."""

    function: FunctionOf
    inputs: tuple[str, ...]
    seat: bool = False


@dataclass(frozen=True)
class Embedded:
    """An object made of columns of the same row; null where the row has nothing in `column`.

    `instead`: where its fields come from here, by name, if not from where its type says.
    """

    column: str | None = None
    instead: "Mapping[str, Source]" = field(default_factory=dict)


@dataclass(frozen=True)
class Documents:
    """A list of objects kept as JSON in a column of the row."""

    name: str


@dataclass(frozen=True)
class One:
    """The row that a foreign key of this row names."""

    column: str


@dataclass(frozen=True)
class Inverse:
    """The row for which `join` holds, of which there is one at most: `{t}` is it, `{p}` the id of this row."""

    join: str


@dataclass(frozen=True)
class Either:
    """A union: one of several foreign keys of this row is set; type by column."""

    columns: Mapping[str, str]


@dataclass(frozen=True)
class Reference:
    """Any object, by the id in a column; the id's prefix tells its type."""

    column: str


@dataclass(frozen=True)
class Filter:
    """A condition with `:value`, left out when the argument is null; `adapt` makes the value of the argument."""

    sql: Sql | Mapping[Dialect, str]
    adapt: Callable[[object], object] | None = None

    def template(self, side: Side | None, dialect: Dialect) -> str:
        """The template for a side and a database."""
        if isinstance(self.sql, str):
            return self.sql
        by_any = cast("Mapping[object, str]", self.sql)
        return by_any.get(dialect) or by_any.get(side) or "false"


@dataclass(frozen=True)
class Order:
    """What a list is sorted by; the id follows in the same direction. The expression is never null.

    `kind` of its value, for cursors: `text`, `number` or `time`.
    """

    sql: Sql
    descending: bool = False
    kind: str = "text"


BY_ID = Order("{t}.id")
Orders = Mapping[str, Order]
DEFAULT = ""


@dataclass(frozen=True)
class Many:
    """A whole list, of the rows for which `join` holds: `{t}` is the child, `{p}` the row above."""

    join: str
    order: Order = BY_ID


@dataclass(frozen=True)
class Page:
    """A connection. `join` as in `Many`; null where the list does not belong to the row above but to the seat.

    `below`: the row predicate where the row above is visible, and implies what the type's own would ask again.

    `orders`: by the value of the argument `orderBy`; the entry DEFAULT is what null means.
    """

    join: str | None
    where: Sql | None = None
    filters: Mapping[str, Filter] = field(default_factory=dict)
    orders: Orders = field(default_factory=lambda: {DEFAULT: BY_ID})
    below: Sql | None = None


@dataclass(frozen=True)
class Lookup:
    """The row whose id is the argument `id`."""


@dataclass(frozen=True)
class Own:
    """The row that the seat itself holds; it exists for whoever is signed in."""

    where: str


@dataclass(frozen=True)
class Entities:
    """Any objects, by the ids in an argument: `id` for one, `ids` for a list."""

    argument: str


@dataclass(frozen=True)
class Function:
    """A Python function beside the statements: `async (caller, **arguments)`, answers plain dicts and lists."""

    call: FunctionOf


@dataclass(frozen=True)
class Given:
    """A value that a verb handed to its payload."""


@dataclass(frozen=True)
class GivenRow:
    """The row whose id a verb handed to its payload, read with the seat's own right."""


@dataclass(frozen=True)
class GivenRows:
    """The rows that have in `column` the id that a verb handed to its payload; null where it handed none."""

    column: str


@dataclass(frozen=True)
class Head:
    """The greatest `pos` of the rows that the seat sees, in one snapshot with all that is read beside it; 0: none.

    `convert` makes the answer of it. `parts`: by side, queries for the greatest of a part of those rows each, so that
    each finds it by an index.
    """

    of: str
    convert: FunctionOf
    parts: Mapping[Side, tuple[str, ...]]


@dataclass(frozen=True)
class Feed:
    """A subscription: the rows of a type beyond a position (the column `pos`), in that order.

    `key`: the rows' column that names what is listened to. `argument`: the one that brings its id; null: it is the seat
    itself. `about`: the table whose row it is, and to which the right is held; null: the session's right is enough.
    `heard`: for which of its rows there is a right to listen, by side; null: for all that are visible. `event`: the
    rows' column that names their event.
    """

    key: str
    argument: str | None = None
    about: Table | None = None
    heard: Mapping[Side, str] | None = None
    event: str = "id"


@dataclass(frozen=True)
class Verb:
    """A mutation: what to call.

    `gives`: the payload's field that reads the row whose id the call returns; null where the call answers an `Outcome`
    of its own. `sole`: at most once in a document.
    """

    call: VerbOf
    gives: str | None = None
    sole: bool = False


Source = (
    Column
    | Expression
    | Derived
    | Embedded
    | Documents
    | One
    | Inverse
    | Either
    | Reference
    | Many
    | Page
    | Lookup
    | Own
    | Entities
    | Function
    | Given
    | GivenRow
    | GivenRows
    | Head
    | Feed
    | Verb
)


def for_side(sql: Sql, side: Side) -> str:
    """The template that a side reads."""
    return sql if isinstance(sql, str) else sql[side]
