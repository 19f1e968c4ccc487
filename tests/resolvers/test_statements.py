"""One statement for each list of a document, however many rows (architecture 1.5); random documents: test_oracle.py."""

from pathlib import Path
from typing import Any, cast

import pytest

from domain import policy
from models.enums import Side
from models.sql import Dialect
from resolvers.engine import Engine
from resolvers.statements import probed
from tests import conftest
from tests.resolvers import asking, counting, screens
from tests.resolvers.conftest import Filled
from tests.resolvers.counting import Counted, lists_of


@pytest.fixture
def counted(filled: Filled) -> Counted:
    return Counted(filled.reads)


@pytest.fixture
def engine(counted: Counted) -> Engine:
    return counting.engine(counted)


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


@pytest.mark.parametrize("screen", screens.SCREENS, ids=[screen.stem for screen in screens.SCREENS])
async def test_a_screen_costs_at_most_a_statement_a_list_however_many_rows(
    screen: Path, engine: Engine, counted: Counted, filled: Filled
) -> None:
    text = screen.read_text()
    oracle = filled.oracle()
    for seat in filled.world.seats.values():
        for operation in screens.queries(text):
            name = operation.name.value if operation.name else None
            for first in (1, 50):
                counted.statements.clear()
                variables = screens.variables(operation, oracle, seat, first)
                assert b'"data"' in await asking.body(engine, text, seat, variables, name=name)
                assert len(counted.statements) <= lists_of(text, name)
