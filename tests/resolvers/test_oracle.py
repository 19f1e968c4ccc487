"""Compiled answers against the oracle's: random documents, 2,100 on both databases, compared byte by byte."""

import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, cast

import orjson
import pytest
from graphql import (
    REMOVE,
    DocumentNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    Visitor,
    parse,
    print_ast,
    validate,
    visit,
)

from domain import clock
from models.enums import InviteKind, ProposalKind, Role
from models.sql import Dialect
from resolvers import declarations, sources
from schema import roots
from tests import conftest
from tests.resolvers import asking, counting, documents, oracle, screens, twins
from tests.resolvers.conftest import Filled
from tests.resolvers.counting import Counted, lists_of
from tests.resolvers.documents import Generator, Request, Run
from tests.resolvers.oracle import ClosureError, Reached

# A run is both databases, each with documents of its own: 2,100 together, and every place 20 times.
DOCUMENTS: Final = 1_050
SEEDS: Final = {Dialect.SQLITE: 20_261_122, Dialect.POSTGRES: 20_261_121}
LATER: Final = timedelta(days=8)
AT_LEAST: Final = 10
pytestmark = pytest.mark.usefixtures("uncollected")

SCHEMA: Final = roots.executable()
TYPES: Final = documents.readable_types(SCHEMA)


@pytest.fixture(scope="module", autouse=True)
def _functions_made_once() -> Iterator[None]:
    with asking.functions_made_once():
        yield


@pytest.fixture(autouse=True)
def _parse_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the engine walk the tree that the oracle walks: that both read is graphql-core's, and takes its time."""
    monkeypatch.setattr("resolvers.documents.parse", oracle.parsed)


class _Both:
    """The compiled reads, whose statements are counted, and the oracle, asked the same."""

    def __init__(self, filled: Filled) -> None:
        self.world = filled.world
        self.counted = Counted(filled.reads)
        self.engine = counting.engine(self.counted)
        self.moments = (conftest.MOMENT, conftest.MOMENT + LATER)
        self.oracles = (filled.oracle(), filled.oracle(LATER))

    async def compiled(self, text: str, name: str | None, run: Run) -> bytes:
        moment = self.moments[run.later]
        self.counted.statements.clear()
        with clock.frozen_at(moment):
            return await asking.body(
                self.engine, text, self.world.seats[run.seat], run.variables, name=name, now=moment
            )

    def expected(self, text: str, name: str | None, run: Run) -> tuple[bytes, Reached]:
        with clock.frozen_at(self.moments[run.later]):
            answer, reached = self.oracles[run.later].answer(text, run.variables, name, self.world.seats[run.seat])
        return orjson.dumps(answer), reached

    async def differ(self, text: str, name: str | None, run: Run) -> bool:
        try:
            return await self.compiled(text, name, run) != self.expected(text, name, run)[0]
        except ClosureError:
            return True


async def test_compiled_answers_are_the_oracles_and_reach_every_field_and_argument(
    filled: Filled, dialect: Dialect, capsys: pytest.CaptureFixture[str]
) -> None:
    """And cost a statement a list at most, however many rows (architecture 1.5)."""
    both = _Both(filled)
    generator = Generator(SCHEMA, both.oracles[0], filled.world, SEEDS[dialect])
    coverage = _Coverage()
    # Those who may read more ask more often.
    seats = [*filled.world.seats, *["vendor admin"] * 3, "partner admin", "account owner"]
    for number in range(DOCUMENTS):
        request = generator.request(seats[number % len(seats)], deep=number % 3 < 2)
        reached = [await _compared(both, request, run) for run in request.runs]
        for each in reached:
            generator.learn(each)
        coverage.add(request, reached)
    with capsys.disabled():
        print(f"\n{coverage.figures(generator)}")  # noqa: T201  the figures are what the test is asked for
    assert coverage.missing(generator) == {}


async def _compared(both: _Both, request: Request, run: Run) -> Reached:
    got = await both.compiled(request.text, request.name, run)
    assert len(both.counted.statements) <= lists_of(request.text, request.name), request.text
    try:
        want, reached = both.expected(request.text, request.name, run)
    except ClosureError as error:
        pytest.fail(await _reproduction(both, request, run, got, str(error)))
    if got != want:
        pytest.fail(await _reproduction(both, request, run, got, want.decode()))
    return reached


@pytest.mark.parametrize("screen", screens.SCREENS, ids=[screen.stem for screen in screens.SCREENS])
async def test_a_screens_compiled_answers_are_the_oracles(screen: Path, filled: Filled) -> None:
    both, text = _Both(filled), screen.read_text()
    for seat_name, seat in filled.world.seats.items():
        for operation in screens.queries(text):
            for first in (1, 20):
                variables = screens.variables(operation, both.oracles[0], seat, first)
                name = operation.name.value if operation.name else None
                await _compared(both, Request(text, name, ()), Run(seat_name, variables))


# ── coverage ──


class _Coverage:
    """What the documents of a run came to."""

    def __init__(self) -> None:
        self.seats: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.denied: Counter[str] = Counter()
        self.deep = 0
        self.deepest = 0
        self.documents = 0
        self.runs = 0
        self.started = time.monotonic()

    def add(self, request: Request, reached: list[Reached]) -> None:
        self.documents += 1
        self.runs += len(reached)
        self.deep += any(each.is_deep for each in reached)
        self.seats[request.runs[0].seat] += 1
        for each in reached:
            self.deepest = max(self.deepest, each.depth)
            self.kinds.update(each.kinds)
            self.denied.update(each.denied)

    def missing(self, generator: Generator) -> dict[str, object]:
        """What was not reached often enough."""
        seldom = {
            f"{place}({argument or ''})": generator.reached[place, argument]
            for place, argument in _places()
            if generator.reached[place, argument] < AT_LEAST
        }
        never_denied = _denied_to_some(generator) - set(self.denied)
        absent = _kinds() - set(self.kinds)
        unseated = set(generator.world.seats) - {seat for seat, count in self.seats.items() if count >= AT_LEAST}
        shallow = {} if self.deep >= self.documents / 5 else {"deep": self.deep}
        groups = {"seldom": seldom, "never denied": never_denied, "kinds": absent, "seats": unseated, **shallow}
        return {name: group for name, group in groups.items() if group}

    def figures(self, generator: Generator) -> str:
        counts = sorted(generator.reached[place] for place in _places())
        middle = counts[len(counts) // 2]
        seconds = time.monotonic() - self.started
        return (
            f"{self.documents} documents, {self.runs} runs in {seconds:.0f} s; {len(counts)} fields and arguments, each"
            f" reached {counts[0]} times or more, {middle} in the middle; {len(self.denied)} denied fields;"
            f" two connections inside each other at depth 6 or more in {self.deep / self.documents:.0%};"
            f" deepest {self.deepest}; {len(self.seats)} seats; kinds {', '.join(sorted(_kinds()))}"
        )


def _places() -> list[documents.Place]:
    """Every field of the query side, alone and with each of its arguments."""
    return [place for _, _, place in documents.places(TYPES)]


def _kinds() -> set[str]:
    others = {f"{kind} None" for kind in ProposalKind if kind is not ProposalKind.INVITE}
    return others | {f"{ProposalKind.INVITE} {kind}" for kind in InviteKind}


def _denied_to_some(generator: Generator) -> set[str]:
    """The fields that some seat which comes to their type may not read."""
    return {
        f"{type_.name}.{name}"
        for type_ in TYPES
        for name, declared in type_.fields.items()
        if (access := declarations.access_of(declared)) and not all(access.to & r for r in _roles_at(type_, generator))
    }


def _roles_at(type_: GraphQLObjectType, generator: Generator) -> set[frozenset[Role]]:
    """The roles of the seats that come to a type: those of all to the root, else of those that see a row of it."""
    seats = generator.world.seats
    if type_ is SCHEMA.query_type:
        return {seat.roles if seat else frozenset({Role.PUBLIC}) for seat in seats.values()}
    has_rows = declarations.own_table_of(type_) is not None
    return {s.roles for name, s in seats.items() if s and (not has_rows or generator.visible_ids(type_, name))}


# ── the smallest reproduction ──


async def _reproduction(both: _Both, request: Request, run: Run, got: bytes, want: str) -> str:
    async def is_wrong(text: str) -> bool:
        return await both.differ(text, request.name, run)

    text = await _smallest(request.text, is_wrong)
    used = {name: value for name, value in run.variables.items() if f"${name}" in text}
    run = Run(run.seat, used, run.later)
    try:
        want = both.expected(text, request.name, run)[0].decode()
    except ClosureError as error:
        want = str(error)
    got = await both.compiled(text, request.name, run)
    lines = [f"As {run.seat}{', later' if run.later else ''}, with {used}:", text, "compiled:", got.decode()]
    return "\n".join([*lines, "oracle:", want])


async def _smallest(text: str, is_wrong: Callable[[str], Awaitable[bool]]) -> str:
    """The document without every selection that can be left out while the answer stays wrong."""
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for candidate in _without_one(parse(text)):
            if not validate(SCHEMA, parse(candidate)) and await is_wrong(candidate):
                text, is_smaller = candidate, True
                break
    return text


def _without_one(document: DocumentNode) -> Iterator[str]:
    selections: list[Node] = []

    class Collect(Visitor):
        def enter_selection_set(self, node: SelectionSetNode, *_: object) -> None:
            if len(node.selections) > 1:
                selections.extend(node.selections)

    visit(document, Collect())
    for selection in selections:
        yield print_ast(_pruned(_removed(document, selection)))


def _removed(document: DocumentNode, unwanted: Node) -> DocumentNode:
    class Remove(Visitor):
        def enter(self, node: Node, *_: object) -> Any:
            return REMOVE if node is unwanted else None

    return cast("DocumentNode", visit(document, Remove()))


def _pruned(document: DocumentNode) -> DocumentNode:
    """Without the fragments and variables that nothing uses any more."""
    while True:
        spreads: set[str] = set()
        used: Counter[str] = Counter()

        class Collect(Visitor):
            def enter_fragment_spread(self, node: FragmentSpreadNode, *_: object) -> None:
                spreads.add(node.name.value)  # noqa: B023  read before the next turn

            def enter_variable(self, node: VariableNode, *_: object) -> None:
                used[node.name.value] += 1  # noqa: B023  as above

        visit(document, Collect())
        unwanted = [
            definition
            for definition in document.definitions
            if not isinstance(definition, OperationDefinitionNode) and definition.name.value not in spreads  # type: ignore[attr-defined]
        ]
        unwanted += [
            variable
            for definition in document.definitions
            for variable in getattr(definition, "variable_definitions", None) or ()
            if used[variable.variable.name.value] == 1
        ]
        if not unwanted:
            return document
        for node in unwanted:
            document = _removed(document, node)


# ── twins ──


def test_every_expression_has_a_twin() -> None:
    assert {template for template in _templates() if not twins.has(template)} == set()


def test_every_twin_is_of_an_expression() -> None:
    assert set(twins.TWINS) - set(_templates()) == set()


def test_every_function_of_the_query_side_has_a_twin() -> None:
    functions = {
        f"{type_.name}.{name}"
        for type_ in TYPES
        for name, declared in type_.fields.items()
        if isinstance(declarations.source_of(declared), sources.Function)
    }
    assert functions == set(twins.FUNCTIONS)


def _templates() -> Iterator[str]:
    """Every SQL template that the declarations of the query side hold."""
    for type_ in TYPES:
        table = declarations.own_table_of(type_)
        if table is not None:
            yield from _of_table(table)
        for declared in type_.fields.values():
            yield from _of_source(declarations.source_of(declared))
            access = declarations.access_of(declared)
            if access is not None and access.holding is not None:
                yield access.holding


def _of_table(table: sources.Table) -> Iterator[str]:
    yield from table.visible.values()
    yield from table.own.values()
    if table.public is not None:
        yield table.public
    if table.only is not None:
        yield table.only


def _of_source(source: sources.Source) -> Iterator[str]:  # noqa: C901  one case a source
    match source:
        case sources.Embedded(_, instead):
            yield from itertools.chain.from_iterable(_of_source(each) for each in instead.values())
        case sources.Expression(sql, None):
            yield from _sides(sql)
        case sources.Expression(sql, sources.Beside() as beside):
            yield from (twins.beside(template, of) for template in _sides(sql) for of in _sides(beside.of))
        case sources.Derived(_, inputs, _):
            yield from (template for template in inputs if "{" in template)
        case sources.Own(where):
            yield where
        case sources.Inverse(join):
            yield join
        case sources.Many(join, order):
            yield join
            yield from _sides(order.sql)
        case sources.Page(join, where, filters, orders):
            yield from [join] if join else []
            yield from _sides(where or ())
            for order in orders.values():
                yield from _sides(order.sql)
            for condition in filters.values():
                yield from _sides(condition.sql)


def _sides(sql: Any) -> Iterator[str]:
    return iter([sql] if isinstance(sql, str) else dict(sql).values())
