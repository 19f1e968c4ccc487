"""One SQL statement for each list of a document: what a plan is made of. The databases' differences end here."""

from collections.abc import Callable
from dataclasses import dataclass, field

from models.sql import Dialect, marks
from resolvers.sources import Order, Table

# A session that ended, or a seat that changed, reads nothing: each statement that starts an answer proves its right.
SESSION = (
    "exists (select 1 from session s_ join seat e_ on e_.id = s_.seat_id where s_.token_hash = :token"
    " and s_.ended_at is null and s_.expires_at > :now and e_.version = :seat_version and e_.ended_at is null)"
)


def over(template: str, dialect: Dialect, **aliases: str) -> str:
    """A template over the rows with these aliases."""
    return template.format(**marks(dialect, **aliases))


@dataclass
class Statement:
    """The rows of one list, one look-up or one set of entities, and where each value stands in a row.

    `conditions` and `keyset` are templates over `{t}`; `{p}` is the id of the row above. `keys`: the code that makes
    those ids; null for what starts an answer. `is_above`: others hang below its rows. `parameters`: the code of each
    parameter's value. `joins`: template, in which `{j}` is the joined row, to its alias.
    """

    number: int
    table: Table
    level: int
    dialect: Dialect
    keys: str | None = None
    conditions: list[str] = field(default_factory=list)
    keyset: str | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    by_id: bool = False
    total: bool = False
    rows: bool = True
    is_above: bool = False
    proves_session: bool = False
    parameters: dict[str, str] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    joins: dict[str, str] = field(default_factory=dict)

    @property
    def alias(self) -> str:
        """The alias of the list's own row."""
        return f"t{self.number}"

    @property
    def total_at(self) -> int:
        """Where in the row the count stands: after the id of the row above."""
        return 1 if self.keys else 0

    @property
    def first_at(self) -> int:
        """Where in the row the columns begin: after the id of the row above and the count."""
        return (1 if self.keys and not self.by_id else 0) + (1 if self.total else 0)

    def column(self, sql: str) -> int:
        """Select an expression, once; its place in the row."""
        if sql not in self.columns:
            self.columns.append(sql)
        return self.first_at + self.columns.index(sql)

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
            return self._whole_list() if self.keys else self._single()
        return _PAGES[self.dialect, self.keys is not None](self)

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
        return ", ".join(self.columns) or "1"

    @property
    def joined(self) -> str:
        """The to-one relations."""
        return "".join(" " + template.replace("{j}", alias) for template, alias in self.joins.items())

    @property
    def proof(self) -> str:
        """The session's condition, where the statement starts an answer."""
        return f"{SESSION} and " if self.proves_session else ""

    @property
    def ids(self) -> str:
        """The bound ids of the rows above, as a relation `u(id)`."""
        if self.dialect is Dialect.POSTGRES:
            return "unnest(:ids::text[]) u(id)"
        return "(select value as id, key as place from json_each(:ids)) u"

    # ── the four shapes ──

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
            f"select u.id, {self.selected} from {self.ids} join {self.table.name} {self.alias}"
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


def _postgres_nested(page: Statement) -> str:
    rows = (
        f"select {page.selected} from {page.table.name} {page.alias}{page.joined}"
        f" where {page.where(page.alias, 'u.id')}{page.order_by(page.alias)} limit {page.limit}"
    )
    counted = f" cross join lateral ({page.count('u.id')}) n" if page.total else ""
    if not page.rows:
        return f"select u.id, n.total from {page.ids}{counted}"
    if page.total:
        return f"select u.id, n.total, q.* from {page.ids}{counted} left join lateral ({rows}) q on true"
    return f"select u.id, q.* from {page.ids} cross join lateral ({rows}) q"


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
        return f"select u.id, {counted.removesuffix(', ')} from {page.ids}"
    join = "left join" if page.total else "join"
    return (
        f"select u.id, {counted}{page.selected} from {page.ids} {join} {page.table.name} {page.alias}"
        f" on {page.alias}.id in ({page.page_ids('u.id')}){page.joined}{page.order_by(page.alias, 'u.place')}"
    )


_PAGES: dict[tuple[Dialect, bool], Callable[[Statement], str]] = {
    (Dialect.POSTGRES, False): _postgres_start,
    (Dialect.POSTGRES, True): _postgres_nested,
    (Dialect.SQLITE, False): _sqlite_start,
    (Dialect.SQLITE, True): _sqlite_nested,
}
