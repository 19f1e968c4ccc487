"""Architecture 4: what is refused before a row is read, and that refusing costs next to nothing."""

import time
from collections.abc import Iterable

import pytest

from resolvers import cursors, people, runtime
from resolvers.engine import Engine
from tests.resolvers import asking
from tests.resolvers.conftest import Filled

MOST_CPU_SECONDS = 0.25
NUL = "\0"
INT_OVERFLOW = 2**31


def nested(depth: int) -> str:
    """A query with a field at that depth."""
    return (
        "{ viewer { seat { id } partnerships { nodes { "
        + "previous { " * (depth - 4)
        + "id"
        + " }" * (depth - 4)
        + " } } } }"
    )


def fields(count: int) -> str:
    """A query of that many fields, of which no more than 30 are selected side by side."""
    groups, rest = divmod(count - 1, 21)
    inner = [f"s{n}: seat {{ {aliases('id', 20)} }}" for n in range(groups)]
    parts = [" ".join(inner[n : n + 30]) for n in range(0, len(inner), 30)]
    fragments = " ".join(f"fragment F{n} on Viewer {{ {part} }}" for n, part in enumerate(parts))
    spreads = " ".join(f"...F{n}" for n in range(len(parts)))
    return f"{{ viewer {{ {spreads} {aliases('__typename', rest)} }} }} {fragments}"


def aliases(name: str, count: int) -> str:
    return " ".join(f"a{n}: {name}" for n in range(count))


def chain(length: int, body: str, last: str = "id") -> str:
    """Fragments that each spread the next one, as a body says: `NEXT` is its name."""
    parts = [f"fragment F{n} on Partnership {{ {body.replace('NEXT', f'F{n + 1}')} }}" for n in range(length)]
    return " ".join(['{ partnership(id: "x") { ...F0 } }', *parts, f"fragment F{length} on Partnership {{ {last} }}"])


def spread(count: int, body: str) -> str:
    """Fragments side by side."""
    parts = [f"fragment F{n} on Query {{ {body.replace('NUMBER', str(n))} }}" for n in range(count)]
    return " ".join([f"{{ {' '.join(f'...F{n}' for n in range(count))} }}", *parts])


def subjects(depth: int) -> str:
    """Two references in each of the objects that two references name, and so on."""
    return "id" if not depth else " ".join(f"{a}: subject {{ ... on Event {{ {subjects(depth - 1)} }} }}" for a in "ab")


def everybody(depth: int) -> str:
    """Objects of objects, all in one statement."""
    names = "from { ... on Partner { admin { name } } ... on Client { name } } proposedBy { name } decidedBy { name }"
    inner = everybody(depth - 1) if depth else "id"
    return f"offer {{ {names} partnership {{ partner {{ name }} client {{ name }} {inner} }} }} previous {{ {inner} }}"


TOO_MUCH = {
    "depth 13": nested(13),
    "1,001 fields": fields(1_001),
    "31 equal selections": f"{{ viewer {{ user {{ {aliases('name', 31)} }} }} }}",
    "101 ids": '{ nodes(ids: ["' + '", "'.join(["x"] * 101) + '"]) { id } }',
    "10,001 rows": (
        "{ contacts(first: 1) { nodes { id } } accounts(first: 100) { nodes { staff(first: 99) { nodes { id } } } } }"
    ),
    "10,001 rows below ids": (
        '{ nodes(ids: ["a", "b", "c"]) { ... on Client { contacts(first: 80) {'
        " nodes { history(first: 42) { totalCount } } } } } }"
    ),
    "7 conditions": (
        f"query ({' '.join(f'$v{n}: Boolean!' for n in range(7))}) "
        f"{{ vendor {{ {' '.join(f'a{n}: name @skip(if: $v{n})' for n in range(7))} }} }}"
    ),
    "8,001 tokens": "{ " + "__typename " * 8_001 + "}",
    "inline fragments 2,600 deep": "{ viewer { " + "... { " * 2_600 + "__typename" + " }" * 2_600 + " } }",
    "a list 3,000 deep": "{ partners(search: " + "[" * 3_000 + "]" * 3_000 + ") { totalCount } }",
    "fragments that double by aliases": chain(11, "a: previous { ...NEXT } b: previous { ...NEXT }"),
    "fragments that multiply by 30": chain(9, " ".join(f"a{n}: previous {{ ...NEXT }}" for n in range(30))),
    "fragments that double without a field": chain(40, "id ... on Node { ...NEXT } ... on Partnership { ...NEXT }"),
    "fragments that cross": chain(9, "a: previous { ...NEXT ...NEXT } b: previous { ...NEXT } c: previous { ...NEXT }"),
    "495 objects by id": spread(33, " ".join(f'a{n}xNUMBER: node(id: "x") {{ id }}' for n in range(15))),
    "references that double": f"{{ events(first: 1) {{ nodes {{ {subjects(7)} }} }} }}",
    "joins that double": f"{{ viewer {{ partnerships(first: 1) {{ nodes {{ {everybody(3)} }} }} }} }}",
}
TOO_STRANGE = {
    "a cycle": "{ viewer { user { ...A } } } fragment A on User { ...B } fragment B on User { ...A }",
    "30 conflicting fields": f"{{ {' '.join(f'x: {name} {{ __typename }}' for name in ['vendor', 'viewer'] * 15)} }}",
    "900 unknown fields": f"{{ {' '.join(f'x{n}' for n in range(900))} }}",
    "1,500 variables": f"query ({' '.join(f'$v{n}: Int' for n in range(1_500))}) {{ vendor {{ name }} }}",
    "1,000 directives": "{ vendor { name " + "@skip(if: false) " * 1_000 + "} }",
    "990 equal fields in fragments": (
        f"{{ viewer {{ user {{ {' '.join(f'...F{n}' for n in range(33))} }} }} }} "
        + " ".join(f"fragment F{n} on User {{ {'name ' * 30} }}" for n in range(33))
    ),
    "a number of 100,000 digits": f"{{ partners(first: {'9' * 100_000}) {{ totalCount }} }}",
    "no document": "",
    "no operation": "fragment F on User { name }",
}


async def _refused(engine: Engine, text: str, filled: Filled) -> set[str]:
    """The codes of a refusal that costs little: once in three at least, since a busy machine counts work twice."""
    spent = []
    codes: set[str] = set()
    for _ in range(3):
        begun = time.process_time()
        codes |= set(await asking.refusal(engine, text, filled.world.seats["vendor admin"]))
        spent.append(time.process_time() - begun)
    assert min(spent) < MOST_CPU_SECONDS
    return codes


@pytest.mark.parametrize("text", TOO_MUCH.values(), ids=TOO_MUCH)
async def test_what_asks_too_much_is_refused_and_costs_little(text: str, engine: Engine, filled: Filled) -> None:
    await asking.body(engine, "{ vendor { name } }")
    assert await _refused(engine, text, filled) == {"LIMIT_EXCEEDED"}


@pytest.mark.parametrize("text", TOO_STRANGE.values(), ids=TOO_STRANGE)
async def test_what_makes_no_sense_is_invalid_and_costs_little(text: str, engine: Engine, filled: Filled) -> None:
    await asking.body(engine, "{ vendor { name } }")
    assert await _refused(engine, text, filled) == {"INVALID"}


AS_MUCH_AS_ALLOWED = {
    "depth 12": nested(12),
    "1,000 fields": fields(1_000),
    "30 equal selections": f"{{ viewer {{ user {{ {aliases('name', 30)} }} }} }}",
    "100 ids": '{ nodes(ids: ["' + '", "'.join(["x"] * 100) + '"]) { id } }',
    "10,000 rows": "{ accounts(first: 100) { nodes { staff(first: 99) { nodes { id } } } } }",
    "fragments spread twice side by side": chain(60, "...NEXT ...NEXT"),
    "joins side by side": f"{{ viewer {{ partnerships(first: 1) {{ nodes {{ {everybody(1)} }} }} }} }}",
}


@pytest.mark.parametrize("text", AS_MUCH_AS_ALLOWED.values(), ids=AS_MUCH_AS_ALLOWED)
async def test_what_keeps_to_the_limits_is_answered(text: str, engine: Engine, filled: Filled) -> None:
    answer = await asking.answer(engine, text, filled.world.seats["vendor admin"])
    assert set(answer) == {"data"}


async def test_101_ids_in_a_variable_are_too_many(engine: Engine, filled: Filled) -> None:
    text, admin = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", filled.world.seats["vendor admin"]
    assert await asking.refusal(engine, text, admin, ids=["x"] * 101) == ["LIMIT_EXCEEDED"]
    assert await asking.answer(engine, text, admin, ids=["x"] * 100) == {"data": {"nodes": [None] * 100}}


async def test_rows_are_counted_below_the_ids_of_a_variable(engine: Engine, filled: Filled) -> None:
    text = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Client { contacts(first: 100) { nodes { id } } } } }"
    admin = filled.world.seats["vendor admin"]
    assert "data" in await asking.answer(engine, text, admin, ids=["x"] * 50)
    assert await asking.refusal(engine, text, admin, ids=["x"] * 51) == ["LIMIT_EXCEEDED"]


# ── pages ──


@pytest.mark.parametrize("first", [-1, 0, 101, INT_OVERFLOW, -INT_OVERFLOW - 1])
async def test_a_page_has_1_to_100_rows(first: int, engine: Engine, filled: Filled) -> None:
    admin = filled.world.seats["vendor admin"]
    by_literal = await asking.refusal(engine, f"{{ contacts(first: {first}) {{ totalCount }} }}", admin)
    by_variable = await asking.refusal(engine, "query ($n: Int) { contacts(first: $n) { totalCount } }", admin, n=first)
    by_default = await asking.refusal(
        engine, f"query ($n: Int = {first}) {{ contacts(first: $n) {{ totalCount }} }}", admin
    )
    assert by_literal == by_variable == by_default == ["INVALID"]


async def test_a_default_stands_where_its_variable_is_left_out(engine: Engine, filled: Filled) -> None:
    admin = filled.world.seats["vendor admin"]
    nodes = "nodes { id name @include(if: $named) }"
    text = f"query ($n: Int! = 2, $named: Boolean = false) {{ contacts(first: $n) {{ {nodes} }} }}"
    by_default = await asking.answer(engine, text, admin)
    one_named = await asking.answer(engine, text, admin, n=1, named=True)
    found = by_default["data"]["contacts"]["nodes"]
    assert [list(node) for node in found] == [["id"], ["id"]]
    assert [list(node) for node in one_named["data"]["contacts"]["nodes"]] == [["id", "name"]]
    assert one_named["data"]["contacts"]["nodes"][0]["id"] == found[0]["id"]
    assert await asking.refusal(engine, text, admin, named=None) == ["INVALID"]


@pytest.mark.parametrize("first", ["2", 2.5, True, [2], {"n": 2}])
async def test_a_page_size_is_a_whole_number(first: object, engine: Engine, filled: Filled) -> None:
    text = "query ($n: Int) { contacts(first: $n) { totalCount } }"
    assert await asking.refusal(engine, text, filled.world.seats["vendor admin"], n=first) == ["INVALID"]


async def test_an_altered_cursor_is_invalid(engine: Engine, filled: Filled) -> None:
    text = "query ($after: String) { contacts(first: 1, after: $after) { pageInfo { endCursor } } }"
    admin = filled.world.seats["vendor admin"]
    cursor = (await asking.answer(engine, text, admin))["data"]["contacts"]["pageInfo"]["endCursor"]
    for altered in altered_texts(cursor):
        assert await asking.refusal(engine, text, admin, after=altered) == ["INVALID"], altered
    assert "data" in await asking.answer(engine, text, admin, after=cursor)


def altered_texts(cursor: str) -> Iterable[str]:
    """One character changed, left out, added; and what was never a cursor."""
    for place in range(len(cursor)):
        yield cursor[:place] + ("B" if cursor[place] == "A" else "A") + cursor[place + 1 :]
        yield cursor[:place] + cursor[place + 1 :]
        yield cursor[:place] + "A" + cursor[place:]
    yield from ("", "A", "=", "é", "👋", "*" * 20, cursor + "=", cursor + " ", cursor * 2)


async def test_a_cursor_of_another_order_is_invalid(engine: Engine, filled: Filled) -> None:
    text = """query ($by: PartnershipOrder, $after: String) {
      viewer { partnerships(orderBy: $by, after: $after, first: 1) { pageInfo { endCursor } } } }"""
    seat = filled.world.seats["partner admin"]
    found = {}
    for by in ("NAME", "CHANGED"):
        answer = await asking.answer(engine, text, seat, by=by)
        found[by] = answer["data"]["viewer"]["partnerships"]["pageInfo"]["endCursor"]
    assert await asking.refusal(engine, text, seat, by="NAME", after=found["CHANGED"]) == ["INVALID"]
    assert await asking.refusal(engine, text, seat, by="CHANGED", after=found["NAME"]) == ["INVALID"]
    assert "data" in await asking.answer(engine, text, seat, by="CHANGED", after=found["CHANGED"])


@pytest.mark.parametrize(
    ("order", "value", "text"),
    [
        ("{t}.version", 2**31, "history"),
        ("{t}.version", -(2**63), "history"),
        ("{t}.version", "1.5", "history"),
        ("{t}.version", "9" * 5_000, "history"),
    ],
)
async def test_a_cursor_that_somebody_made_up_is_invalid(
    order: str, value: object, text: str, engine: Engine, filled: Filled
) -> None:
    """Its checksum is no secret: what it holds is read with care."""
    made_up = cursors.cursor(runtime.checksum(order), value, "event_x")
    seat = filled.world.seats["vendor admin"]
    list_ = f"{text}(after: $after) {{ totalCount }}"
    asked = f"query ($after: String) {{ viewer {{ partnerships {{ nodes {{ {list_} }} }} }} }}"
    assert await asking.refusal(engine, asked, seat, after=made_up) == ["INVALID"]


async def test_a_time_in_a_cursor_that_somebody_made_up_breaks_nothing(engine: Engine, filled: Filled) -> None:
    text = "query ($after: String) { viewer { partnerships(orderBy: CHANGED, after: $after) { nodes { id } } } }"
    for value in ("2026-01-01T00:00:00", "yesterday", "", "0001-01-01T00:00:00+00:00"):
        made_up = cursors.cursor(runtime.checksum("{t}.changed_at"), value, "x")
        answer = await asking.answer(engine, text, filled.world.seats["partner admin"], after=made_up)
        assert "data" in answer or answer["errors"][0]["extensions"]["code"] == "INVALID", value


# ── text ──


@pytest.mark.parametrize(
    ("declared", "asked", "value"),
    [
        ("$v: String", "contacts(search: $v) { totalCount }", f"a{NUL}b"),
        ("$v: String", "contacts(after: $v) { totalCount }", NUL),
        ("$v: ID!", "partner(id: $v) { id }", f"partner_{NUL}"),
        ("$v: ID!", "node(id: $v) { id }", f"partner_{NUL}"),
        ("$v: [ID!]!", "nodes(ids: $v) { id }", ["x", NUL]),
        ("$v: [String!]", "events(topic: $v) { totalCount }", ["x", NUL]),
        ("$v: String!", "events(topic: [$v]) { totalCount }", NUL),
        ('$v: String = "x"', "contacts(search: $v) { totalCount }", NUL),
        ("$v: String!", "invite(token: $v) { kind }", NUL),
    ],
)
async def test_u_0000_in_a_variable_is_invalid(
    declared: str, asked: str, value: object, engine: Engine, filled: Filled
) -> None:
    text = f"query ({declared}) {{ {asked} }}"
    assert await asking.refusal(engine, text, filled.world.seats["vendor admin"], v=value) == ["INVALID"]


@pytest.mark.parametrize(
    "asked",
    [
        r'contacts(search: "a\u0000b") { totalCount }',
        r'contacts(search: "a\u{0}b") { totalCount }',
        f'contacts(search: "a{NUL}b") {{ totalCount }}',
        f'contacts(search: """a{NUL}b""") {{ totalCount }}',
        r'contacts(after: "\u0000") { totalCount }',
        r'partner(id: "\u0000") { id }',
        r'nodes(ids: ["x", "\u0000"]) { id }',
        r'nodes(ids: "\u0000") { id }',
        r'events(topic: ["\u0000"]) { totalCount }',
        r'invite(token: "\u0000") { kind }',
    ],
)
async def test_u_0000_in_a_literal_is_invalid(asked: str, engine: Engine, filled: Filled) -> None:
    assert await asking.refusal(engine, f"{{ {asked} }}", filled.world.seats["vendor admin"]) == ["INVALID"]


@pytest.mark.parametrize(
    "text",
    [
        r'query ($v: String = "\u0000") { contacts(search: $v) { totalCount } }',
        r'query ($v: [String!] = ["\u0000"]) { events(topic: $v) { totalCount } }',
        r'query ($v: String = "a") { events(topic: ["\u0000", $v]) { totalCount } }',
    ],
)
async def test_u_0000_in_a_default_or_beside_a_variable_is_invalid(text: str, engine: Engine, filled: Filled) -> None:
    assert await asking.refusal(engine, text, filled.world.seats["vendor admin"]) == ["INVALID"]


@pytest.mark.parametrize("asked", [r'contacts(search: "\ud800") { totalCount }', r'partner(id: "\udfff") { id }'])
async def test_a_lone_surrogate_is_invalid(asked: str, engine: Engine, filled: Filled) -> None:
    assert await asking.refusal(engine, f"{{ {asked} }}", filled.world.seats["vendor admin"]) == ["INVALID"]


async def test_a_search_is_no_longer_than_a_name(engine: Engine, filled: Filled) -> None:
    text, admin = "query ($s: String) { contacts(search: $s) { totalCount } }", filled.world.seats["vendor admin"]
    for letter in ("x", "%", "\ufdfa"):
        longest = letter * people.LONGEST_SEARCH
        assert await asking.answer(engine, text, admin, s=longest) == {"data": {"contacts": {"totalCount": 0}}}
        assert await asking.refusal(engine, text, admin, s=longest + letter) == ["INVALID"]


# ── null where none is taken ──


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('query ($v: ID = "x") { node(id: $v) { id } }', None),
        ('query ($v: ID = "x") { partner(id: $v) { id } }', None),
        ('query ($v: [ID!] = ["x"]) { nodes(ids: $v) { id } }', None),
        ('query ($v: ID = "x") { nodes(ids: [$v]) { id } }', None),
        ("query ($v: Boolean = true) { vendor { name @include(if: $v) } }", None),
        ('query ($v: String = "x") { invite(token: $v) { kind } }', None),
        ("query ($v: ID!) { node(id: $v) { id } }", None),
        ("query ($v: [ID!]!) { nodes(ids: $v) { id } }", ["x", None]),
    ],
)
async def test_null_where_no_null_may_stand_is_invalid(
    text: str, value: object, engine: Engine, filled: Filled
) -> None:
    assert await asking.refusal(engine, text, filled.world.seats["vendor admin"], v=value) == ["INVALID"]


# ── what is wrong is named, and nothing else ──


@pytest.mark.parametrize(
    "text",
    [
        'mutation { signIn(input: { email: "a@example.com", pasword: "x" }) { token } }',
        'mutation { signIn(inptu: { email: "a@example.com", password: "x" }) { token } }',
        "{ viewr { user { name } } }",
        "{ viewer { usr { name } } }",
        "{ contacts(frist: 1) { totalCount } }",
        "{ viewer { inbox(kind: INVITED) { totalCount } } }",
        "{ node(id: 1) { ... on Partnre { name } } }",
        "query ($v: Strin) { contacts(search: $v) { totalCount } }",
        "{ vendor { name @skp(if: true) } }",
    ],
)
async def test_an_unknown_name_is_invalid_and_no_other_is_suggested(text: str, engine: Engine, filled: Filled) -> None:
    answer = await asking.answer(engine, text, filled.world.seats["vendor admin"])
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"INVALID"}
    assert not any("Did you mean" in error["message"] for error in answer["errors"])


async def test_an_unknown_input_field_in_a_variable_is_invalid_and_no_other_is_suggested(engine: Engine) -> None:
    text = "mutation ($input: SignInInput!) { signIn(input: $input) { token } }"
    sent = {"email": "a@example.com", "password": "x", "pasword": "x"}
    answer = await asking.answer(engine, text, input=sent)
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["INVALID"]
    assert "pasword" in answer["errors"][0]["message"]
    assert "Did you mean" not in answer["errors"][0]["message"]
