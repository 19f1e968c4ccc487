"""P9: no byte of one company reaches another. See `neighbours` for the world, `knowledge` for what a seat may know."""

import functools
import re
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson
import pytest
from tortoise.context import TortoiseContext

import models
from domain import clock as the_clock
from domain import contacts, managers, modifications, notices, partnerships, proposals
from domain.seats import Seat
from models import database as databases
from resolvers import cursors, declarations
from resolvers.engine import Engine
from resolvers.plans import Plans
from schema import roots
from tests import conftest
from tests.conftest import Copied
from tests.promises import knowledge, matrix, neighbours, vanishing
from tests.promises.attempts import SEEN_ONCE, Attempt, Attempts
from tests.promises.matrix import Matrix
from tests.promises.neighbours import SEATS, Secret, World
from tests.promises.paths import Walker
from tests.promises.vanishing import VanishingPostgres, VanishingSqlite
from tests.resolvers import asking, documents

pytestmark = pytest.mark.usefixtures("uncollected")

SCHEMA: Final = roots.executable()
TYPES: Final = documents.readable_types(SCHEMA)
MOST_IDS: Final = 100
# More than they are.
PLANS_BYTES: Final = 2**30
# Relay's pages: every list is asked for all of it.
PLUMBING: Final = re.compile(r"(Connection|Edge|PageInfo)$")
# Pieces of names: everybody's, one company's, those of a sort; and what a LIKE would read as more.
SAID: Final = ("zz-", "exchange", "harbour", "northwind", "kept", "elsewhere", "%", "_")


class Question(NamedTuple):
    """A document, and the ids that it is asked for."""

    text: str
    ids: tuple[str, ...] = ()


@dataclass
class Neighbourhood:
    """The filled world, where it is, what reads it, and everything that its seats were told."""

    world: World
    reads: VanishingSqlite | VanishingPostgres
    context: TortoiseContext
    matrix: Matrix
    text: str = ""
    told: dict[str, dict[Question, bytes]] = field(default_factory=dict)

    async def ask(self, seat: str, question: Question) -> bytes:
        variables = {"ids": list(question.ids)} if question.ids else None
        return await asking.body(self.matrix.engine, question.text, self.world.seats[seat], variables)


# ── the world, once ──


@pytest.fixture(scope="module")
async def _neighbourhood(copied: Copied) -> AsyncIterator[Neighbourhood]:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(copied())
        context = await stack.enter_async_context(databases.connected(url))
        with the_clock.frozen_at(conftest.MOMENT), neighbours.surroundings():
            world = await neighbours.filled()
            reads = await stack.enter_async_context(vanishing.opened(url))
            stack.enter_context(asking.functions_made_once())
            there = Neighbourhood(world, reads, context, Matrix(SCHEMA, world, engine_of(reads)))
            there.text = await there.matrix.text()
            for text, seat, body in there.matrix.answers:
                there.told.setdefault(seat, {})[Question(text)] = body
            for question in of_everybody():
                for seat in SEATS:
                    there.told[seat][question] = await there.ask(seat, question)
            for question in of_the_signed_in(world):
                for seat in [seat for seat in SEATS if world.seats[seat]]:
                    there.told[seat][question] = await there.ask(seat, question)
        yield there


def engine_of(reads: VanishingSqlite | VanishingPostgres) -> Engine:
    """Keep every plan: all of them are asked for again with other rows."""
    engine = Engine(SCHEMA, reads)
    engine._plans = {signed_in: Plans(SCHEMA, reads.dialect, PLANS_BYTES) for signed_in in (True, False)}
    return engine


WALKER: Final = Walker(SCHEMA)


def of_everybody() -> Iterator[Question]:
    """What is asked besides the matrix: walks from the roots, and their lists by every argument."""
    yield from map(Question, WALKER.of_roots())
    yield from map(Question, WALKER.of_root_arguments(SAID))


def of_the_signed_in(world: World) -> Iterator[Question]:
    """Walks from what the matrix shows, its lists by every argument, and every row by its id."""
    for of in WALKER.nodes():
        prefix = declarations.table_of(of).prefix
        shown = [world.named[prefix][name] for name in matrix.SHOWN[of.name].values()]
        yield from map(Question, WALKER.of_ids(of.name, shown))
        yield from map(Question, WALKER.of_arguments(of.name, shown, SAID))
        every = [row_id for row_id in world.ids if row_id.startswith(f"{prefix}_")]
        for start in range(0, len(every), MOST_IDS):
            yield Question(WALKER.whole(of.name), tuple(every[start : start + MOST_IDS]))


@pytest.fixture
def there(_neighbourhood: Neighbourhood) -> Iterator[Neighbourhood]:
    with _neighbourhood.context, the_clock.frozen_at(conftest.MOMENT), neighbours.surroundings():
        yield _neighbourhood


# ── what a person has approved ──


def test_p9_the_matrix_is_the_one_that_a_person_has_approved(there: Neighbourhood) -> None:
    expected = matrix.EXPECTED.read_text()
    hint = f"Run `{matrix.COMMAND}` and hold each line of the difference against mission.md"
    assert there.text.splitlines() == expected.splitlines(), hint


def test_p9_every_field_that_can_be_read_has_a_row(there: Neighbourhood) -> None:
    """In the table of its type; that of a plain object where it stands, behind a dot."""
    rows = {table.name: {re.sub(r"\(.*\)", "", row) for row in table.rows} for table in there.matrix.tables}
    behind_a_dot = {row.rpartition(".")[2] for names in rows.values() for row in names if "." in row}
    fields = {(of.name, name) for of in TYPES if not PLUMBING.search(of.name) for name in of.fields}
    assert {(of, name) for of, name in fields if name not in rows.get(of, behind_a_dot)} == set()


# ── what may be known ──


def test_p9_nobody_is_told_more_than_the_table_of_knowledge_allows(there: Neighbourhood) -> None:
    """Markers of every row and text in every answer, its errors and decoded cursors: exactly those of the table."""
    leaked, unheard = {}, {}
    for seat, answers in there.told.items():
        heard = {secret for question, body in answers.items() for secret in told_by(there.world, question, body)}
        leaked[seat] = sorted(secret for secret in heard if not knowledge.may_know(seat, secret))
        unheard[seat] = sorted(knowledge.named(seat) - heard)
    sys.stdout.write(f'{{"promise": "P9", "answers": {sum(map(len, there.told.values()))}, "leaked": {leaked}}}\n')
    assert {seat: secrets for seat, secrets in leaked.items() if secrets} == {}
    assert {seat: secrets for seat, secrets in unheard.items() if secrets} == {}


def told_by(world: World, question: Question, body: bytes) -> frozenset[Secret]:
    """What an answer tells, besides what the holder of a mailed link knows from the mail."""
    secrets = world.secrets_in(body.decode())
    return frozenset(secrets - knowledge.BY_LINK if "(token:" in question.text else secrets)


def test_p9_a_secret_is_found_wherever_it_is(there: Neighbourhood) -> None:
    kept = there.world.named["contact"]["exchange-kept"]
    mark = neighbours.mark("exchange-kept", "reach")
    assert there.world.secrets_in(f'{{"message": "No {kept}."}}') == {"exchange-kept contact"}
    assert there.world.secrets_in(f'{{"email": "{mark}@example.com"}}') == {"exchange-kept reach"}
    assert there.world.secrets_in(f'{{"endCursor": "{cursors.cursor(1, mark, kept)}"}}') == {
        "exchange-kept contact",
        "exchange-kept reach",
    }
    assert there.world.secrets_in('{"id": "contact_9999-zz-exchange-new-zz"}') == {
        "unknown contact_9999-zz-exchange-new-zz"
    }


# ── with and without hidden rows ──


@pytest.mark.parametrize("seat", [seat for seat in SEATS if seat not in "nG"])
async def test_p9_hidden_rows_change_no_byte(seat: str, there: Neighbourhood) -> None:
    """Whatever a seat asks, it is told the same where all that it may not know is not there at all."""
    secrets = {secret for secret in set(there.world.ids.values()) if not knowledge.may_feel(seat, secret)}
    hidden = {
        table: [row_id for row_id in ids if there.world.ids[row_id] in secrets]
        for table, ids in there.world.rows.items()
    }
    changed = {}
    async with there.reads.without(hidden):
        for question, before in there.told[seat].items():
            after = await there.ask(seat, question)
            if after != before:
                changed[question] = differences(before, after)
    assert changed == {}


def differences(before: bytes, after: bytes) -> list[str]:
    """Where two answers differ: the path, what was told, and what is told without the hidden rows."""
    return list(_differences(orjson.loads(before), orjson.loads(after), ""))


def _differences(before: Any, after: Any, path: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        for key in before:
            yield from _differences(before[key], after[key], f"{path}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _differences(one, other, f"{path}.{place}")
    elif before != after:
        yield f"{path}: {before} without them: {after}"


# ── mutations ──

NOWHERE: Final = "0000-zz-nowhere-zz"


@pytest.mark.parametrize("seat", SEATS)
async def test_p9_a_mutation_takes_hidden_rows_for_none_at_all(seat: str, there: Neighbourhood) -> None:
    """The same refusal, byte for byte, for a row that the seat may not know and for one that is not there."""
    before = await everything()
    told, calls, seen = {}, Attempts(SCHEMA), Seen(there.world, seat)
    for attempt in calls.all():
        hidden = seen.hidden(attempt.prefix)
        nothing, *others = await refusals(there, seen, calls, attempt, [f"{attempt.prefix}_{NOWHERE}", *hidden])
        for row_id, refused in zip(hidden, others, strict=True):
            if refused != nothing and (seat, attempt.mutation, there.world.ids[row_id]) not in SEEN_ONCE:
                told[attempt, row_id] = refused, nothing
    assert told == {}
    assert await everything() == before


@dataclass(frozen=True)
class Seen:
    """Which rows a seat may know, and which not."""

    world: World
    seat: str

    def hidden(self, prefix: str) -> list[str]:
        """Two that it may not: of companies that have nothing to do with each other, if there are."""
        rows = [
            row_id
            for row_id, secret in with_prefix(self.world, prefix).items()
            if not knowledge.may_know(self.seat, secret)
        ]
        return [rows[0], rows[-1]] if rows else []

    def one(self, prefix: str) -> str:
        """One that it may."""
        rows = (
            row_id
            for row_id, secret in with_prefix(self.world, prefix).items()
            if knowledge.may_know(self.seat, secret)
        )
        return next(rows, f"{prefix}_{NOWHERE}")


@functools.cache
def with_prefix(world: World, prefix: str) -> dict[str, Secret]:
    """Rows of the world by the prefix of their ids, and whose they are."""
    return {row_id: secret for row_id, secret in world.ids.items() if row_id.startswith(f"{prefix}_")}


async def refusals(
    there: Neighbourhood, seen: Seen, calls: Attempts, attempt: Attempt, row_ids: Sequence[str]
) -> list[bytes]:
    """What a seat is answered that attempts one thing on each of some rows: by one document, as it sits down once."""
    text, variables = calls.asked(attempt, row_ids, seen.one)
    body = await asking.body(there.matrix.engine, text, there.world.seats[seen.seat], variables)
    if b'"errors"' in body:
        assert b"UNAUTHENTICATED" in body, (text, variables, body)
        return [body.replace(row_id.encode(), b"ID") for row_id in row_ids]
    answers = orjson.loads(body)["data"].values()
    return [
        orjson.dumps(answer).replace(row_id.encode(), b"ID") for row_id, answer in zip(row_ids, answers, strict=True)
    ]


async def everything() -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, but how often something was tried."""
    kept = [model for model in models.TABLES if model is not models.RateLimit]
    return {model._meta.db_table: sorted(await model.all().values(), key=repr) for model in kept}


# ── what others do unseen ──


async def test_p9_what_others_do_unseen_changes_no_byte(there: Neighbourhood) -> None:
    """Drafts, hiding and reading are a side's own; strangers concern nobody else. It is the last: the world changes."""
    harbours, northwinds = "OMTX2", "Ppv"
    before = {seat: there.told[seat] for seat in f"{harbours}RAB"}
    await deeds_of_northwind(there.world)
    await deeds_of_strangers(there.world)
    assert await changed_since(there, before) == {}
    before = {seat: {question: await there.ask(seat, question) for question in there.told[seat]} for seat in northwinds}
    await deeds_of_harbour(there.world)
    assert await changed_since(there, before) == {}


async def deeds_of_northwind(world: World) -> None:
    with neighbours.of("northwind-unseen"), neighbours.own_ids():
        await redrafted(world, "P", "northwind-kept")
        await notices.mark_all_read(10_000, by=seated(world, "P"))


async def deeds_of_harbour(world: World) -> None:
    with neighbours.of("harbour-unseen"), neighbours.own_ids():
        await redrafted(world, "O", "harbour-asked")
        await notices.mark_all_read(10_000, by=seated(world, "O"))


async def deeds_of_strangers(world: World) -> None:
    """Stranger and Exchange go on working; Former takes what has ended off its home."""
    stranger, exchange = seated(world, "S"), seated(world, "E")
    with neighbours.of("stranger-unseen"), neighbours.own_ids():
        contact_id = await contacts.create(by=stranger, organisation_id=str(stranger.partner_id), name="Aaron")
        partnership_id = world.named["partnership"]["stranger-exchange"]
        await managers.add(by=stranger, partnership_id=partnership_id, contact_ids=[contact_id])
        await proposals.accept(world.named["modification"]["stranger-exchange-asked"], by=exchange)
        await partnerships.hide(by=seated(world, "F"), partnership_id=world.named["partnership"]["former-harbour"])


async def redrafted(world: World, letter: str, contact: str) -> None:
    """Put another contact into the side's draft."""
    await modifications.draft(
        by=seated(world, letter),
        partnership_id=world.named["partnership"]["northwind-harbour"],
        add_contacts=[world.named["contact"][contact]],
    )


def seated(world: World, letter: str) -> Seat:
    seat = world.seats[letter]
    assert seat is not None
    return seat


async def changed_since(
    there: Neighbourhood, before: Mapping[str, Mapping[Question, bytes]]
) -> dict[tuple[str, Question], list[str]]:
    """What a seat is told otherwise than before."""
    return {
        (seat, question): differences(before[seat][question], after)
        for question in dict.fromkeys(question for answers in before.values() for question in answers)
        for seat in before
        if question in before[seat] and (after := await there.ask(seat, question)) != before[seat][question]
    }
