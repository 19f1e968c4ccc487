"""What never reaches GraphQL: each refusal has its status, its one error and its code."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx2
import pytest

from web import guard

JSON = {"content-type": "application/json"}


def error_of(answer: httpx2.Response) -> tuple[int, str]:
    body = answer.json()
    assert list(body) == ["errors"]
    assert len(body["errors"]) == 1
    assert sorted(body["errors"][0]) == ["extensions", "message"]
    return answer.status_code, body["errors"][0]["extensions"]["code"]


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"5", b"null", b"true", b'[{"query":"{__typename}"}]'])
async def test_array_and_scalar_bodies_are_400(asked: httpx2.AsyncClient, body: bytes) -> None:
    assert error_of(await asked.post("/graphql", content=body, headers=JSON)) == (400, "INVALID")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"query": "{__typename}", }',
        b'{"query": "\xff"}',
        b'{"query": "{__typename}", "variables": {"x": "\\ud800"}}',
        b'{"query": NaN}',
    ],
    ids=["empty", "unfinished", "trailing comma", "not UTF-8", "lone surrogate", "NaN"],
)
async def test_bodies_that_are_not_json_in_utf_8_are_400(asked: httpx2.AsyncClient, body: bytes) -> None:
    assert error_of(await asked.post("/graphql", content=body, headers=JSON)) == (400, "INVALID")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": None},
        {"query": 1},
        {"query": "{__typename}", "variables": []},
        {"query": "{__typename}", "variables": "{}"},
        {"query": "{__typename}", "operationName": 1},
        {"query": "{__typename}", "extensions": []},
        {"extensions": {"persistedQuery": {"version": 1}}},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "A" * 64}}},
        {"extensions": {"persistedQuery": 1}},
    ],
    ids=json.dumps,
)
async def test_parameters_of_another_type_are_400(asked: httpx2.AsyncClient, body: dict[str, object]) -> None:
    assert error_of(await asked.post("/graphql", json=body)) == (400, "INVALID")


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=latin-1",
        "application/jsonp",
    ],
)
async def test_any_other_content_type_is_415(asked: httpx2.AsyncClient, content_type: str | None) -> None:
    headers = {"content-type": content_type} if content_type else {}
    answer = await asked.post("/graphql", content=b'{"query":"{__typename}"}', headers=headers)
    assert error_of(answer) == (415, "INVALID")


async def test_a_compressed_body_is_415(asked: httpx2.AsyncClient) -> None:
    headers = JSON | {"content-encoding": "gzip"}
    assert error_of(await asked.post("/graphql", content=b"{}", headers=headers)) == (415, "INVALID")


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; Charset=UTF-8", 'application/json;charset="utf-8"']
)
async def test_json_in_utf_8_is_taken_however_it_is_spelled(asked: httpx2.AsyncClient, content_type: str) -> None:
    answer = await asked.post("/graphql", content=b'{"query":"{__typename}"}', headers={"content-type": content_type})
    assert (answer.status_code, answer.json()) == (200, {"data": {"__typename": "Query"}})


async def test_a_body_over_256_kib_is_413_whether_or_not_its_length_is_announced(asked: httpx2.AsyncClient) -> None:
    long = json.dumps({"query": "{__typename}", "variables": {"x": "x" * 256 * 1024}}).encode()

    async def in_chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(long), 10_000):
            yield long[start : start + 10_000]

    assert error_of(await asked.post("/graphql", content=long, headers=JSON)) == (413, "LIMIT_EXCEEDED")
    assert error_of(await asked.post("/graphql", content=in_chunks(), headers=JSON)) == (413, "LIMIT_EXCEEDED")


async def _sent_slowly(asked: httpx2.AsyncClient, *parts: bytes) -> bytes:
    """What the server answers to a body that comes bit by bit, up to where it closes the connection."""
    reader, writer = await asyncio.open_connection(asked.base_url.host, asked.base_url.port)
    head = b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 26\r\n"
    for part in (head + b"connection: close\r\n\r\n", *parts):
        writer.write(part)
        await asyncio.sleep(0.1)
    answer = await reader.read()
    writer.close()
    return answer


async def test_a_body_that_comes_bit_by_bit_is_taken(asked: httpx2.AsyncClient) -> None:
    answer = await _sent_slowly(asked, b'{"query": "{__t', b"ypename", b'}" }')
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b'{"data":{"__typename":"Query"}}')


@pytest.mark.parametrize("parts", [[], [b'{"query": ']])
async def test_a_body_that_does_not_come_in_time_is_408(
    asked: httpx2.AsyncClient, parts: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.3)
    assert (await _sent_slowly(asked, *parts)).startswith(b"HTTP/1.1 408")


async def test_a_body_of_256_kib_is_taken(asked: httpx2.AsyncClient) -> None:
    frame = '{"query":"{__typename}","extensions":{"x":""}}'
    body = frame.replace('""', '"' + "x" * (256 * 1024 - len(frame)) + '"')
    answer = await asked.post("/graphql", content=body.encode(), headers=JSON)
    assert (len(body), answer.status_code) == (256 * 1024, 200)


@pytest.mark.parametrize(("levels", "status"), [(31, 200), (32, 400), (900, 400), (100_000, 400)])
async def test_json_is_nested_32_levels_deep_at_most(asked: httpx2.AsyncClient, levels: int, status: int) -> None:
    deep = "[" * (levels - 1) + "]" * (levels - 1)
    body = f'{{"query":"{{__typename}}","extensions":{{"x":{deep}}}}}'
    assert (await asked.post("/graphql", content=body.encode(), headers=JSON)).status_code == status


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE"])
async def test_other_methods_are_405_and_are_told_which_are_allowed(asked: httpx2.AsyncClient, method: str) -> None:
    answer = await asked.request(method, "/graphql", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


async def test_a_mutation_by_get_is_405_and_told_to_use_post(asked: httpx2.AsyncClient) -> None:
    answer = await asked.get("/graphql", params={"query": "mutation { signOut { userErrors { code } } }"})
    assert (*error_of(answer), answer.headers["allow"]) == (405, "INVALID", "POST")


async def test_a_query_by_get_is_answered(asked: httpx2.AsyncClient) -> None:
    sent = {
        "query": "query A { __typename } query B($x: Boolean!) { b: __typename @include(if: $x) }",
        "operationName": "B",
        "variables": '{"x": true}',
    }
    answer = await asked.get("/graphql", params=sent)
    assert (answer.status_code, answer.json()) == (200, {"data": {"b": "Query"}})


@pytest.mark.parametrize("query_string", ["", "query=", "query=%ff", "query=%7B__typename%7D&variables=%5B%5D"])
async def test_a_bad_address_is_400(asked: httpx2.AsyncClient, query_string: str) -> None:
    assert error_of(await asked.get(f"/graphql?{query_string}")) == (400, "INVALID")


# ── who asks ──


@pytest.mark.parametrize("authorization", ["Bearer nobody-has-this-token", "Bearer", "Basic YTpi", "Bearer a b", "x"])
async def test_a_token_that_is_none_is_401(asked: httpx2.AsyncClient, authorization: str) -> None:
    answer = await asked.post("/graphql", json={"query": "{__typename}"}, headers={"authorization": authorization})
    assert (*error_of(answer), answer.headers["www-authenticate"]) == (401, "UNAUTHENTICATED", "Bearer")


@pytest.mark.parametrize("key", [b"", b"x" * 256, b"a b", b"\xc3\xa9"])
async def test_an_idempotency_key_is_up_to_255_visible_ascii_characters(asked: httpx2.AsyncClient, key: bytes) -> None:
    answer = await asked.post(
        "/graphql",
        content=b'{"query":"{__typename}"}',
        headers=[(b"content-type", b"application/json"), (b"idempotency-key", key)],
    )
    assert error_of(answer) == (400, "INVALID")


# ── answers ──

JSON_ANSWER = "application/json; charset=utf-8"
GRAPHQL_ANSWER = "application/graphql-response+json; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, JSON_ANSWER),
        ("", JSON_ANSWER),
        ("*/*", JSON_ANSWER),
        ("image/png", JSON_ANSWER),
        ("application/json", JSON_ANSWER),
        ("application/graphql-response+json", GRAPHQL_ANSWER),
        ("Application/GraphQL-Response+JSON; charset=utf-8", GRAPHQL_ANSWER),
        ("application/graphql-response+json, application/json;q=0.9", GRAPHQL_ANSWER),
        ("application/json, application/graphql-response+json", JSON_ANSWER),
        ("application/json;q=0.5, application/graphql-response+json", GRAPHQL_ANSWER),
        ("application/graphql-response+json;q=0, application/json", JSON_ANSWER),
        ("application/graphql-response+json;q=x", JSON_ANSWER),
    ],
)
async def test_the_media_type_that_is_preferred_is_answered(
    asked: httpx2.AsyncClient, accept: str | None, media: str
) -> None:
    del asked.headers["accept"]
    headers = {} if accept is None else {"accept": accept}
    answer = await asked.post("/graphql", json={"query": "{__typename}"}, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media)


@pytest.mark.parametrize("query", ["{", "{ noSuchField }", "query A { __typename } query B { __typename }"])
async def test_a_request_error_is_400_to_clients_that_read_graphqls_own_media_type(
    asked: httpx2.AsyncClient, query: str
) -> None:
    as_json = await asked.post("/graphql", json={"query": query}, headers={"accept": "application/json"})
    as_graphql = await asked.post(
        "/graphql", json={"query": query}, headers={"accept": "application/graphql-response+json"}
    )
    assert (as_json.status_code, as_graphql.status_code) == (200, 400)
    assert "data" not in as_json.json()
    assert as_json.json()["errors"][0]["extensions"]["code"] == "INVALID"


async def test_a_request_keeps_its_id_or_gets_one(asked: httpx2.AsyncClient) -> None:
    kept = await asked.get("/health/live", headers={"x-request-id": "abc.DEF-1_2"})
    replaced = await asked.get("/health/live", headers={"x-request-id": "a b"})
    given = await asked.get("/health/live")
    assert kept.headers["x-request-id"] == "abc.DEF-1_2"
    assert len({replaced.headers["x-request-id"], given.headers["x-request-id"], "a b"}) == 3


async def test_every_answer_keeps_browsers_careful(asked: httpx2.AsyncClient) -> None:
    pages = [
        await asked.get(path, headers={"accept": "text/html"})
        for path in ("/graphql", "/health/live", "/health/ready", "/l", "/nowhere", "/graphiql/start.js")
    ]
    data = [
        await asked.get("/graphql?query={__typename}"),
        await asked.post("/graphql", json={"query": "{__typename}"}),
    ]
    assert {answer.headers.get("x-content-type-options") for answer in pages + data} == {"nosniff"}
    of_pages = ("referrer-policy", "cross-origin-opener-policy", "cross-origin-resource-policy")
    assert {tuple(answer.headers.get(name) for name in of_pages) for answer in pages} == {
        ("no-referrer", "same-origin", "same-origin")
    }
    assert not any("access-control-allow-origin" in answer.headers for answer in pages + data)


async def test_nobody_on_the_way_keeps_what_was_asked_for_by_get(asked: httpx2.AsyncClient) -> None:
    """What a POST is answered is kept by nobody anyway (RFC 9111)."""
    answers = [await asked.get("/graphql", params={"query": query}) for query in ("{__typename}", "{")]
    assert [answer.headers.get("cache-control") for answer in answers] == ["no-store", "no-store"]
