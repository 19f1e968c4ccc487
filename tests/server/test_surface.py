"""The surface that anybody can reach: each abuse has its code, changes nothing and costs little."""

import json
import time

import httpx2
import pytest

from tests.server.serving import codes_of, errors_of

LONGEST = 0.25


def nested(levels: int) -> str:
    """A query of so many levels, or a few more."""
    turns = levels // 3
    return "{ viewer { " + "partnerships { nodes { partner { " * turns + "id" + " } } }" * turns + " } }"


def doubling(levels: int) -> str:
    """Fragments that unfold to twice the fields of the one below, level by level."""
    doubled = [f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(levels)]
    return " ".join(["{ ...f0 }", *doubled, f"fragment f{levels} on Query {{ viewer {{ user {{ id }} }} }}"])


def unfolding(levels: int, times: int) -> str:
    """Fragments that each select the one below under so many names: the answer would hold `times ** levels` of them."""
    types = [("Partnership", "offer"), ("PartnershipOffer", "partnership")] * levels
    one = [
        f"fragment f{n} on {of} {{ " + " ".join(f"a{k}: {by} {{ ...f{n + 1} }}" for k in range(times)) + " }"
        for n, (of, by) in enumerate(types[:levels])
    ]
    last = f"fragment f{levels} on {types[levels][0]} {{ id }}"
    return " ".join(["{ viewer { partnerships { nodes { ...f0 } } } }", *one, last])


OVER_A_LIMIT = {
    "101 aliases": "{ " + " ".join(f"a{n}: __typename" for n in range(101)) + " }",
    "5,000 equal fields": "{ " + "__typename " * 5_000 + "}",
    "10,000 directives": "{ __typename " + "@skip(if: false) " * 10_000 + "}",
    "over 1,000 fields": "{ viewer { "
    + " ".join("user { " + "id " * 30 + "}" for _ in range(30))
    + " } "
    + " ".join("vendor { " + "name " * 30 + "}" for _ in range(10))
    + " }",
    "10 names on 6 levels": unfolding(6, 10),
    "30 names on 8 levels": unfolding(8, 30),
    "13 levels": nested(13),
    "10,000 levels": "{ a" * 10_000 + " }" * 10_000,
    "a list 10,000 deep": "{ nodes(ids: " + "[" * 10_000 + "]" * 10_000 + ") { id } }",
    "3,900 levels": "{a" * 3_900 + "}" * 3_900,
    "a list 3,900 deep": "{nodes(ids:" + "[" * 3_900 + "]" * 3_900 + "){id}}",
}


@pytest.mark.parametrize("abuse", OVER_A_LIMIT)
async def test_a_document_over_a_limit_is_limit_exceeded_at_once(asked: httpx2.AsyncClient, abuse: str) -> None:
    spent = []
    for _ in range(3):  # on a busy machine the same work is counted up to twice
        began = time.process_time()
        assert await codes_of(asked, OVER_A_LIMIT[abuse]) == {"LIMIT_EXCEEDED"}
        spent.append(time.process_time() - began)
    assert min(spent) < LONGEST


async def test_fragments_cost_what_they_are_and_not_what_they_unfold_to(asked: httpx2.AsyncClient) -> None:
    spent = []
    for n in range(3):
        began = time.process_time()
        answer = await asked.post("/graphql", json={"query": doubling(25) + f" # {n}"})
        assert answer.json() == {"data": {"viewer": None}}
        spent.append(time.process_time() - began)
    assert min(spent) < LONGEST


async def test_fragments_that_spread_each_other_are_invalid(asked: httpx2.AsyncClient) -> None:
    query = "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }"
    assert await codes_of(asked, query) == {"INVALID"}


async def test_an_unknown_input_field_is_invalid_and_nothing_is_suggested(asked: httpx2.AsyncClient) -> None:
    query = 'mutation { signIn(input: {emial: "ada@example.com", password: "x"}) { tokn } }'
    variables = {"input": {"emial": "ada@example.com", "password": "x"}}
    literal = await errors_of(asked, query)
    variable = await errors_of(
        asked, "mutation ($input: SignInInput!) { signIn(input: $input) { token } }", variables=variables
    )
    assert {code for code, _ in literal + variable} == {"INVALID"}
    assert "Did you mean" not in json.dumps(literal + variable)
