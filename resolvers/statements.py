"""One SQL statement for each list of a document: what a plan is made of. The databases' differences end here."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from models.sql import PARAMETER, Dialect, marks
from resolvers.sources import Order, Table

# A session that ended, or a seat that changed, reads nothing: each statement that starts an answer proves its right.
SESSION = (
    "exists (select 1 from session s_ join seat e_ on e_.id = s_.seat_id where s_.token_hash = :token"
    " and s_.ended_at is null and s_.expires_at > :now and e_.version = :seat_version and e_.ended_at is null)"
)

# Many seats, one JSON text: the place of each in the list, what it asks about, from which position on, and of what a
# predicate binds of it (`Seat.bound`) what the statement does. No template has an alias `u`.
LISTED: Final = {
    Dialect.POSTGRES: (
        "json_to_recordset(:listed::json)"
        ' u(id int, subject text, since bigint, partner text, client text, "user" text, broker text,'
        " for_company boolean, seat text)"
    ),
    Dialect.SQLITE: (
        "(select key as place, json_extract(value, '$.id') as id, json_extract(value, '$.subject') as subject,"
        " json_extract(value, '$.since') as since, json_extract(value, '$.partner') as partner,"
        " json_extract(value, '$.client') as client, json_extract(value, '$.user') as \"user\","
        " json_extract(value, '$.broker') as broker, json_extract(value, '$.for_company') as for_company,"
        " json_extract(value, '$.seat') as seat from json_each(:listed)) u"
    ),
}
_OF_LISTED: Final = frozenset({"partner", "client", "user", "broker", "for_company", "seat"})


def of_listed(statement: str) -> tuple[str, frozenset[str]]:
    """A statement over LISTED, the seat's parameters taken from the list; which they were."""
    names = _OF_LISTED.intersection(PARAMETER.findall(statement))
    return PARAMETER.sub(lambda name: f'u."{name[1]}"' if name[1] in names else name[0], statement), names


def over(template: str, dialect: Dialect, **aliases: str) -> str:
    """A template over the rows with these aliases."""
    return template.format(**marks(dialect, **aliases))


# A column that is the id of the row above; a set, as `{among}` puts it, in which there is no other one.
_IS_ABOVE: Final = re.compile(r"\{t\}\.(\w+) = \{p\}(?: and |$)")
_SET: Final = re.compile(r"([\w{}.]+) \{among\}((?:(?!\{among\}|\{end\}).)*)\{end\}")
# Of what a set is made up.
_MEMBER: Final = re.compile(r"select ([\w.]+) from (.*?) where (.*)")


def probed(template: str) -> str:
    """The same condition for few rows: each asks for its own place in a set, and no set is read.

    Where rows are many, or found by the set, reading it once is less.
    """
    while (found := _SET.sub(_probe, template)) != template:
        template = found
    return template


def _probe(found: re.Match[str]) -> str:
    """Whether a value has a place in one of those that make up a set."""
    value, members = found.groups()
    probes = [
        _MEMBER.sub(rf"exists (select 1 from \2 where \1 = {value} and (\3))", each)
        for each in members.split(" union all ")
    ]
    return probes[0] if len(probes) == 1 else f"({' or '.join(probes)})"


@dataclass(frozen=True)
class Join:
    """One row `{j}` beside each of a list's, for which a condition holds; `is_loose`: it may be absent."""

    table: str
    condition: str
    is_loose: bool


@dataclass
class Statement:
    """The rows of one list, one look-up or one set of entities, and where each value stands in a row.

    `conditions` and `keyset` are templates over `{t}`; `{p}` is the id of the row above. `keys`: the code that makes
    those ids; null for what starts an answer. `is_listed`: it hangs below seats instead (LISTED). `hangs_on`: the id
    of the row above in SQL, where the list is one value of that row and no statement of its own; `lists`: those lists,
    by the name that stands for them among the columns. `is_above`: others hang below its rows. `is_single`: it has one
    row at most. `parameters`: the code of each parameter's value. `joins`: the alias of each joined row.
    """

    number: int
    table: Table
    level: int
    dialect: Dialect
    keys: str | None = None
    hangs_on: str | None = None
    conditions: list[str] = field(default_factory=list)
    keyset: str | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    by_id: bool = False
    is_listed: bool = False
    total: bool = False
    rows: bool = True
    is_above: bool = False
    is_single: bool = False
    proves_session: bool = False
    parameters: dict[str, str] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    joins: dict[Join, str] = field(default_factory=dict)
    lists: "dict[str, Statement]" = field(default_factory=dict)

    @property
    def alias(self) -> str:
        """The alias of the list's own row."""
        return f"t{self.number}"

    @property
    def total_at(self) -> int:
        """Where in the row the count stands: after the place of the row above."""
        return 1 if self.keys else 0

    @property
    def first_at(self) -> int:
        """Where in the row the columns begin: after the place of the row above and the count."""
        return (1 if self.keys and not self.by_id else 0) + (1 if self.total else 0)

    def column(self, sql: str) -> int:
        """Select an expression, once; its place in the row."""
        if sql not in self.columns:
            self.columns.append(sql)
        return self.first_at + self.columns.index(sql)

    def telling(self, places: Iterable[int]) -> list[int]:
        """Of some places those that tell the others: where a row's id stands, its own columns follow from that."""
        found = {place: self.columns[place - self.first_at].rpartition(".") for place in places}
        identified = {alias for alias, _, column in found.values() if column == "id"}
        return [place for place, (alias, _, column) in found.items() if column == "id" or alias not in identified]

    def bring(self, below: "Statement") -> int:
        """Select the rows of a list that hangs on this one's, as one value; its place in the row."""
        name = f"list {below.number}"
        self.lists[name] = below
        return self.column(name)

    @property
    def given(self) -> dict[str, str]:
        """The code of the values of its parameters, with those of its lists."""
        given = dict(self.parameters)
        for below in self.lists.values():
            given |= below.given
        return given

    @property
    def has_few(self) -> bool:
        """Whether its rows are few, or each is another seat's: no set is the same for two of them."""
        return self.is_single or self.is_listed or self.hangs_on is not None

    @property
    def hangs(self) -> bool:
        """Whether it reads what hangs below other rows."""
        return self.keys is not None or self.hangs_on is not None

    @property
    def shown(self) -> str:
        """The code of its rows, without those read only to see whether more follows."""
        return f"S{self.number}" if self.limit is not None else f"R{self.number}"

    @property
    def sql(self) -> str:
        """The statement, with named parameters."""
        if self.by_id:
            return self._entities()
        if self.limit is None and not self.total:
            return self._whole_list() if self.hangs else self._single()
        return _PAGES[self.dialect, self.hangs](self)

    # ── parts ──

    def where(self, alias: str, parent: str = "", *, keyset: bool = True) -> str:
        """The list's conditions over an alias."""
        conditions = [*self.conditions, *([self.keyset] if keyset and self.keyset else [])]
        return " and ".join(over(c, self.dialect, t=alias, p=parent) for c in conditions) or "true"

    def order_by(self, alias: str, before: str = "") -> str:
        """The list's order over an alias."""
        parts = [
            over(str(order.sql), self.dialect, t=alias) + (" desc" if order.descending else "") for order in self.order
        ]
        return " order by " + ", ".join(([before] if before else []) + parts)

    @property
    def selected(self) -> str:
        """The columns; a list that only counts selects nothing else."""
        return ", ".join(self._value(column) for column in self.columns) or "1"

    def _value(self, column: str) -> str:
        return f"array(select q from ({self.lists[column].sql}) q)" if column in self.lists else column

    @property
    def hoisted(self) -> str:
        """The same, where a column that is the id of the row above is read there.

        What depends on nothing else of the row is then worked out once for all rows below that one.
        """
        join = next(filter(None, map(_IS_ABOVE.match, self.conditions)), None)
        return re.sub(rf"\b{self.alias}\.{join[1]}\b", "u.id", self.selected) if join else self.selected

    @property
    def key(self) -> str:
        """The place of the row above among those bound, selected before anything else: it is shorter than its id."""
        if self.keys is None:
            return ""
        return "u.id, " if self.is_listed else "u.place, "

    @property
    def joined(self) -> str:
        """The to-one relations."""
        return "".join(" " + self._join(join).replace("{j}", alias) for join, alias in self.joins.items())

    def _join(self, join: Join) -> str:
        kind = "left join" if join.is_loose else "join"
        if self.is_listed and self.dialect is Dialect.POSTGRES:
            # By itself for each row, or kept from the row before: else a small table is read whole for every seat.
            return f"{kind} lateral (select * from {join.table} {{j}} where {join.condition} offset 0) {{j}} on true"
        return f"{kind} {join.table} {{j}} on {join.condition}"

    @property
    def proof(self) -> str:
        """The session's condition, where the statement starts an answer."""
        return f"{SESSION} and " if self.proves_session else ""

    @property
    def ids(self) -> str:
        """The bound ids of the rows above, as a relation `u(id, place)`, whose places begin with 1."""
        if self.hangs_on is not None:
            return f"(select {self.hangs_on} as id) u"
        if self.is_listed:
            return LISTED[self.dialect]
        if self.dialect is Dialect.POSTGRES:
            return "unnest(:ids::text[]) with ordinality u(id, place)"
        return "(select value as id, key + 1 as place from json_each(:ids)) u"

    # ── the shapes ──

    def _single(self) -> str:
        order = self.order_by(self.alias) if self.order else ""
        return (
            f"select {self.selected} from {self.table.name} {self.alias}{self.joined}"
            f" where {self.proof}{self.where(self.alias)}{order}"
        )

    def _entities(self) -> str:
        ids = over("{t}.id {within}:ids{end_within}", self.dialect, t=self.alias)
        return (
            f"select {self.selected} from {self.table.name} {self.alias}{self.joined}"
            f" where {self.proof}{ids} and {self.where(self.alias)}"
        )

    def _whole_list(self) -> str:
        return (
            f"select {self.key}{self.selected} from {self.ids} join {self.table.name} {self.alias}"
            f" on {self.where(self.alias, 'u.id')}{self.joined}{self.order_by(self.alias)}"
        )

    def page_ids(self, parent: str = "") -> str:
        """The ids of one page: found before anything else of the rows is read."""
        return (
            f"select x.id from {self.table.name} x where {self.where('x', parent)}"
            f"{self.order_by('x')} limit {self.limit}"
        )

    def count(self, parent: str = "") -> str:
        """How many rows the whole list has."""
        return f"select count(*) as total from {self.table.name} x where {self.where('x', parent, keyset=False)}"


def _postgres_start(page: Statement) -> str:
    rows = (
        f"select {page.selected} from {page.table.name} {page.alias}{page.joined}"
        f" where {{proof}}{page.alias}.id = any(array({page.page_ids()})){page.order_by(page.alias)}"
    )
    if not page.total:
        return rows.replace("{proof}", page.proof)
    if not page.rows:
        return f"select n.total from ({page.count()}) n where {page.proof}true"
    return (
        f"select n.total, q.* from ({page.count()}) n left join lateral ({rows.replace('{proof}', '')}) q on true"
        f" where {page.proof}true"
    )


def _postgres_listed(page: Statement) -> str:
    """The rows of all seats first, and then what is joined to them, which many of them have in common."""
    rows = (
        f"select * from {page.table.name} {page.alias} where {page.where(page.alias, 'u.id')}"
        f"{page.order_by(page.alias)} limit {page.limit}"
    )
    return (
        f"select {page.key}{page.selected} from {page.ids} cross join lateral ({rows}) {page.alias}"
        f"{page.joined}{page.order_by(page.alias)}"
    )


def _postgres_nested(page: Statement) -> str:
    if page.is_listed:
        return _postgres_listed(page)
    rows = (
        f"select {page.hoisted} from {page.table.name} {page.alias}{page.joined}"
        f" where {page.where(page.alias, 'u.id')}{page.order_by(page.alias)} limit {page.limit}"
    )
    counted = f" cross join lateral ({page.count('u.id')}) n" if page.total else ""
    if not page.rows:
        return f"select {page.key}n.total from {page.ids}{counted}"
    if page.total:
        return f"select {page.key}n.total, q.* from {page.ids}{counted} left join lateral ({rows}) q on true"
    return f"select {page.key}q.* from {page.ids} cross join lateral ({rows}) q"


def _sqlite_start(page: Statement) -> str:
    found = f"{page.alias}.id in ({page.page_ids()})"
    if not page.total:
        return (
            f"select {page.selected} from {page.table.name} {page.alias}{page.joined}"
            f" where {page.proof}{found}{page.order_by(page.alias)}"
        )
    if not page.rows:
        return f"select n.total from ({page.count()}) n where {page.proof}true"
    return (
        f"select n.total, {page.selected} from ({page.count()}) n left join {page.table.name} {page.alias} on {found}"
        f"{page.joined} where {page.proof}true{page.order_by(page.alias)}"
    )


def _sqlite_nested(page: Statement) -> str:
    counted = f"({page.count('u.id')}), " if page.total else ""
    if not page.rows:
        return f"select {page.key}{counted.removesuffix(', ')} from {page.ids}"
    join = "left join" if page.total else "join"
    return (
        f"select {page.key}{counted}{page.selected} from {page.ids} {join} {page.table.name} {page.alias}"
        f" on {page.alias}.id in ({page.page_ids('u.id')}){page.joined}{page.order_by(page.alias, 'u.place')}"
    )


_PAGES: dict[tuple[Dialect, bool], Callable[[Statement], str]] = {
    (Dialect.POSTGRES, False): _postgres_start,
    (Dialect.POSTGRES, True): _postgres_nested,
    (Dialect.SQLITE, False): _sqlite_start,
    (Dialect.SQLITE, True): _sqlite_nested,
}
