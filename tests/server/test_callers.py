"""Whoever signs in, and is signed in: bad input is INVALID, and nobody goes on without a seat."""

import httpx2
import pytest

import models
from models.enums import PartnerMemberRole
from tests import given
from tests.server.serving import codes_of

TOKEN = "a-session-of-a-test"


async def sign_in(client: httpx2.AsyncClient) -> None:
    """Let the client be a partner's admin."""
    seat = await given.member(await given.partner(), PartnerMemberRole.ADMIN)
    await given.session(await models.Seat.get(id=seat.id), TOKEN)
    client.headers["authorization"] = f"Bearer {TOKEN}"


@pytest.mark.parametrize("first", [-1, 0, 101, 2**31])
async def test_a_page_has_1_to_100_rows(served: httpx2.AsyncClient, first: int) -> None:
    await sign_in(served)
    assert await codes_of(served, f"{{ contacts(first: {first}) {{ totalCount }} }}") == {"INVALID"}
    query = "query ($first: Int) { contacts(first: $first) { totalCount } }"
    assert await codes_of(served, query, variables={"first": first}) == {"INVALID"}


async def test_an_altered_cursor_is_invalid(served: httpx2.AsyncClient) -> None:
    await sign_in(served)
    partner = await models.Partner.get()
    await given.contact(partner, "Grace Hopper")
    await given.contact(partner, "Ada Lovelace")
    page = "query ($after: String) { contacts(first: 1, after: $after) { nodes { name } pageInfo { endCursor } } }"
    read = (await served.post("/graphql", json={"query": page})).json()["data"]["contacts"]
    cursor = read["pageInfo"]["endCursor"]
    onward = await served.post("/graphql", json={"query": page, "variables": {"after": cursor}})
    assert (read["nodes"], onward.json()["data"]["contacts"]["nodes"]) == (
        [{"name": "Ada Lovelace"}],
        [{"name": "Grace Hopper"}],
    )
    altered = ["", "x", cursor[:-2], cursor + "A", "!" + cursor[1:], cursor * 100, cursor + "\0", "é"]
    codes = [await codes_of(served, page, variables={"after": each}) for each in altered]
    assert codes == [{"INVALID"}] * len(altered)


SIGN_IN = 'signIn(input: {email: "ada@example.com", password: "correct horse battery"}) { token }'


@pytest.mark.parametrize("times", [2, 30, 100])
async def test_a_document_signs_in_once(served: httpx2.AsyncClient, times: int) -> None:
    many = "mutation { " + " ".join(f"a{n}: {SIGN_IN}" for n in range(times)) + " }"
    assert await codes_of(served, many) == {"LIMIT_EXCEEDED"}
    assert not await models.RateLimit.exists(), "a password was checked"


@pytest.mark.parametrize("text", ["\0", "a\0b", "\x00" * 100])
async def test_text_that_no_database_keeps_is_invalid(served: httpx2.AsyncClient, text: str) -> None:
    await sign_in(served)
    query = "query ($search: String) { contacts(search: $search) { totalCount } }"
    assert await codes_of(served, query, variables={"search": text}) == {"INVALID"}


@pytest.mark.parametrize("search", ["%", "_", "\\", "'", '"; drop table contact; --', "é" * 200])
async def test_a_search_is_text_and_never_a_pattern(served: httpx2.AsyncClient, search: str) -> None:
    await sign_in(served)
    await given.contact(await models.Partner.get())
    query = "query ($search: String) { contacts(search: $search) { totalCount } }"
    answer = await served.post("/graphql", json={"query": query, "variables": {"search": search}})
    assert answer.json() == {"data": {"contacts": {"totalCount": 0}}}


async def test_a_mutation_without_a_seat_is_401(served: httpx2.AsyncClient) -> None:
    query = "mutation { signOut { userErrors { code } } }"
    answer = await served.post("/graphql", json={"query": query})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}


async def test_a_session_that_ended_is_401_on_the_next_request(served: httpx2.AsyncClient) -> None:
    await sign_in(served)
    query = {"query": "{ viewer { user { name } } }"}
    before = await served.post("/graphql", json=query)
    ended = await served.post("/graphql", json={"query": "mutation { signOut { userErrors { code } } }"})
    after = await served.post("/graphql", json=query)
    assert before.json() == {"data": {"viewer": {"user": {"name": "Paula Partner"}}}}
    assert ended.json() == {"data": {"signOut": {"userErrors": []}}}
    assert (after.status_code, after.json()["errors"][0]["extensions"]) == (401, {"code": "UNAUTHENTICATED"})
