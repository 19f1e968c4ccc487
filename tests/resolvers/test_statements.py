"""One statement for each list of a document, however many rows (architecture 1.5)."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

import pytest
from graphql import (
    FieldNode,
    GraphQLAbstractType,
    GraphQLField,
    GraphQLObjectType,
    get_named_type,
    is_abstract_type,
    parse,
)

from domain import policy
from models.enums import Side
from models.sql import Dialect
from resolvers import declarations, sources
from resolvers.engine import Engine
from resolvers.reads import PostgresReads, Rows, SqliteReads
from resolvers.statements import probed
from schema import roots
from tests import conftest
from tests.resolvers import asking, screens
from tests.resolvers.conftest import Filled
from tests.resolvers.documents import Generator
from tests.resolvers.oracle import Oracle

SCHEMA: Final = roots.executable()


class Counted:
    """Reads that remember what was asked of them."""

    def __init__(self, reads: PostgresReads | SqliteReads) -> None:
        self._reads = reads
        self.dialect = reads.dialect
        self.statements: list[str] = []

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["Counted"]:
        async with self._reads.snapshot() as moment:
            within = Counted(cast("PostgresReads", moment))
            within.statements = self.statements
            yield within

    def fetch(self, query: str, *values: object) -> Any:
        self.statements.append(query)
        return self._reads.fetch(query, *values)

    async def finds(self, query: str, values: Sequence[object]) -> bool:
        return await self._reads.finds(query, values)

    async def fetch_all(self, *asked: tuple[object, ...] | None) -> Sequence[Rows]:
        self.statements += [str(one[0]) for one in asked if one]
        return await cast("PostgresReads", self._reads).fetch_all(*asked)


@pytest.fixture
def counted(filled: Filled) -> Counted:
    return Counted(filled.reads)


@pytest.fixture
def engine(counted: Counted) -> Engine:
    return Engine(SCHEMA, cast("SqliteReads", counted))


async def _count(engine: Engine, counted: Counted, text: str, seat: object, **variables: object) -> int:
    counted.statements.clear()
    answer = await asking.answer(engine, text, cast("Any", seat), **variables)
    assert "data" in answer, answer
    return len(counted.statements)


ROWS = """query ($tiles: Int!, $first: Int!) { viewer { partnerships(label: [ACTIVE, ENDED], first: $tiles) {
  totalCount nodes {
  partner { name admin { name email } } client { name accounts(first: $first) { nodes { name } } }
  contacts(first: $first) { nodes { contact { name organisation { ... on Partner { name } ... on Client { name } } } } }
  history(first: $first) { nodes { summary actor { name } proposal { status } } }
  accessGrants(first: $first) { nodes { account { name client { name } } status } }
  offer { viewerCan proposedBy { name } contacts { name } accounts { name } } } } } }"""


async def test_a_page_of_50_costs_the_statements_of_a_page_of_1(
    engine: Engine, counted: Counted, filled: Filled
) -> None:
    seat = filled.world.seats["partner admin"]
    sizes = [(1, 1), (1, 50), (20, 20), (50, 1), (50, 20)]
    costs = [await _count(engine, counted, ROWS, seat, tiles=tiles, first=first) for tiles, first in sizes]
    # The tiles; accounts, contacts, history and grants; the offers' contacts and accounts.
    assert costs == [7, 7, 7, 7, 7]


COSTS = {
    "{ vendor { name } topics { name } }": 0,
    "{ viewer { __typename } }": 0,
    "{ viewer { user { name } seat { name waiting } } }": 1,
    "{ viewer { partnerships { totalCount } } }": 1,
    "{ viewer { partnerships { totalCount pageInfo { hasNextPage endCursor } edges { cursor node { id } } } } }": 1,
    "{ viewer { partnerships { nodes { previous { offer { partnership { partner { admin { name } } } } } } } } }": 1,
    "{ viewer { a: accounts { totalCount } b: accounts(first: 3) { nodes { id } } } }": 2,
    '{ partner(id: "partner_x") { members { nodes { user { name } } } } }': 1,
    '{ node(id: "partner_x") { id } }': 1,
    '{ nodes(ids: ["partner_x", "partner_y", "client_x", "nowhere_x"]) { id } }': 2,
    '{ node(id: "partner_x") { ... on Event { subject { id } } } }': 1,
}


# Below a single row, PostgreSQL brings short lists with the row; what may be long is still a statement of its own.
BELOW_ONE = {
    "{ viewer { seats { id } sessions { id } inbox { totalCount } } }": 4,
    """{ partnership(id: "$partnership") { managers { id } offer { contacts { id } accounts { id } }
    pendingModifications { items { id } } contacts(first: 5) { totalCount nodes { id } } } }""": 7,
    """{ partnership(id: "$partnership") { managers { id } contacts(first: 100) { nodes { id contact { id name } } }
    history(first: 100) { nodes { id topic at } } } }""": 4,
}
BELOW_ONE_ON_POSTGRES = dict(zip(BELOW_ONE, [2, 1, 3], strict=True))


@pytest.mark.parametrize(("text", "statements"), COSTS.items(), ids=COSTS)
async def test_a_list_is_one_statement_and_what_is_not_asked_for_is_none(
    text: str, statements: int, engine: Engine, counted: Counted, filled: Filled
) -> None:
    assert await _count(engine, counted, text, filled.world.seats["partner admin"]) == statements


@pytest.mark.parametrize("side", Side)
def test_asked_of_few_rows_no_predicate_reads_a_set(side: Side) -> None:
    predicates = [by_side[side] for by_side in policy.VISIBLE.values()]
    assert [probed(each) for each in predicates if "{among}" not in each] == [
        each for each in predicates if "{among}" not in each
    ]
    assert [each for each in predicates if "{among}" in probed(each) or "{end}" in probed(each)] == []


@pytest.mark.parametrize("text", BELOW_ONE)
async def test_short_lists_below_one_row_come_with_it_on_postgres(
    text: str, dialect: Dialect, engine: Engine, counted: Counted, filled: Filled
) -> None:
    seat, tables = filled.world.seats["partner admin"], filled.world.tables
    modified = {row["partnership_id"] for row in tables["proposal"] if row["kind"] == "MODIFICATION" and _waits(row)}
    partner = seat.partner_id if seat else None
    own = [row["id"] for row in tables["partnership"] if row["partner_id"] == partner and row["offer_id"]]
    chosen = next(id_ for id_ in own if id_ in modified)
    statements = BELOW_ONE_ON_POSTGRES if dialect is Dialect.POSTGRES else BELOW_ONE
    assert await _count(engine, counted, text.replace("$partnership", chosen), seat) == statements[text]


def _waits(row: dict[str, Any]) -> bool:
    return bool(row["status"] == "PENDING" and row["expires_at"] > conftest.MOMENT)


async def test_who_is_not_signed_in_costs_no_statement(engine: Engine, counted: Counted) -> None:
    roots_ = 'viewer { user { name } } partner(id: "partner_x") { id } nodes(ids: ["user_x"]) { id }'
    text = f"{{ {roots_} accounts {{ totalCount }} }}"
    assert await _count(engine, counted, text, None) == 0


async def test_random_documents_cost_at_most_a_statement_a_list(
    engine: Engine, counted: Counted, filled: Filled
) -> None:
    oracle = Oracle(SCHEMA, filled.world.tables, conftest.MOMENT, filled.reads.dialect)
    generator = Generator(SCHEMA, oracle, filled.world, seed=7)
    seats = list(filled.world.seats)
    for number in range(200):
        request = generator.request(seats[number % len(seats)], deep=True)
        run = request.runs[0]
        counted.statements.clear()
        await asking.body(engine, request.text, filled.world.seats[run.seat], run.variables, name=request.name)
        assert len(counted.statements) <= lists_of(request.text, request.name), request.text


@pytest.mark.parametrize("screen", screens.SCREENS, ids=[screen.stem for screen in screens.SCREENS])
async def test_a_screen_costs_at_most_a_statement_a_list_however_many_rows(
    screen: Path, engine: Engine, counted: Counted, filled: Filled
) -> None:
    text = screen.read_text()
    oracle = Oracle(SCHEMA, filled.world.tables, conftest.MOMENT, filled.reads.dialect)
    for seat in filled.world.seats.values():
        for operation in screens.queries(text):
            name = operation.name.value if operation.name else None
            for first in (1, 50):
                counted.statements.clear()
                variables = screens.variables(operation, oracle, seat, first)
                assert b'"data"' in await asking.body(engine, text, seat, variables, name=name)
                assert len(counted.statements) <= lists_of(text, name)


# ── how many lists a document has ──


def lists_of(text: str, name: str | None) -> int:
    """The lists, look-ups and objects by id of an operation, each once for every type that it may stand on."""
    definitions = {d.name.value if getattr(d, "name", None) else None: d for d in parse(text).definitions}  # type: ignore[attr-defined]
    operation = definitions[name] if name in definitions else next(iter(definitions.values()))
    return _below(cast("Any", operation).selection_set, cast("GraphQLObjectType", SCHEMA.query_type), definitions)


def _below(selection_set: Any, parent: Any, definitions: dict[str | None, Any]) -> int:
    count = 0
    for selection in selection_set.selections if selection_set else ():
        if not isinstance(selection, FieldNode):
            fragment = definitions[selection.name.value] if hasattr(selection, "name") else selection
            on = SCHEMA.type_map[fragment.type_condition.name.value] if fragment.type_condition else parent
            count += _below(fragment.selection_set, on, definitions)
            continue
        if selection.name.value == "__typename":
            continue
        declared: GraphQLField = parent.fields[selection.name.value]
        named = get_named_type(declared.type)
        times = len(SCHEMA.get_possible_types(parent)) if is_abstract_type(parent) else 1
        count += times * (_own(declared, named) + _below(selection.selection_set, named, definitions))
    return count


def _own(declared: GraphQLField, named: Any) -> int:
    match declarations.source_of(declared):
        case sources.Page() | sources.Many() | sources.Lookup() | sources.Own() | sources.Head():
            return 1
        case sources.Entities() | sources.Reference():
            types = SCHEMA.get_possible_types(cast("GraphQLAbstractType", named))
            return sum(declarations.own_table_of(type_) is not None for type_ in types)
    return 0
