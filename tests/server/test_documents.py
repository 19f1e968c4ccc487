"""Persisted documents: the text once, the hash from then on."""

import hashlib

import httpx2

from resolvers.engine import GraphQLRequest
from web.documents import Documents, NotKept

QUERY = "query Known { __typename }"


def sent(query: str | None, text: str = QUERY) -> dict[str, object]:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}} | (
        {"query": query} if query else {}
    )


async def test_a_document_is_sent_once_and_known_by_its_hash_from_then_on(served: httpx2.AsyncClient) -> None:
    unknown = await served.post("/graphql", json=sent(None))
    taught = await served.post("/graphql", json=sent(QUERY))
    known = await served.post("/graphql", json=sent(None))
    not_kept = {"message": "PersistedQueryNotFound", "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"}}
    assert (unknown.status_code, unknown.json()) == (200, {"errors": [not_kept]})
    assert taught.json() == known.json() == {"data": {"__typename": "Query"}}


async def test_an_unknown_hash_is_400_to_clients_that_read_graphqls_own_media_type(served: httpx2.AsyncClient) -> None:
    headers = {"accept": "application/graphql-response+json"}
    assert (await served.post("/graphql", json=sent(None), headers=headers)).status_code == 400


async def test_a_known_hash_is_answered_by_get_to_a_browser_too(served: httpx2.AsyncClient) -> None:
    await served.post("/graphql", json=sent(QUERY))
    digest = hashlib.sha256(QUERY.encode()).hexdigest()
    asked = {"extensions": f'{{"persistedQuery":{{"version":1,"sha256Hash":"{digest}"}}}}'}
    answer = await served.get("/graphql", params=asked, headers={"accept": "text/html"})
    assert answer.json() == {"data": {"__typename": "Query"}}


async def test_a_hash_of_another_text_is_invalid_and_teaches_nothing(served: httpx2.AsyncClient) -> None:
    wrong = await served.post("/graphql", json=sent("{ other: __typename }"))
    afterwards = await served.post("/graphql", json=sent(None))
    assert (wrong.status_code, wrong.json()["errors"][0]["extensions"]) == (400, {"code": "INVALID"})
    assert afterwards.json()["errors"][0]["extensions"] == {"code": "PERSISTED_QUERY_NOT_FOUND"}


async def test_a_document_that_cannot_be_run_is_not_kept(served: httpx2.AsyncClient) -> None:
    broken = "{ noSuchField }"
    await served.post("/graphql", json=sent(broken, broken))
    afterwards = await served.post("/graphql", json=sent(None, broken))
    assert afterwards.json()["errors"][0]["extensions"] == {"code": "PERSISTED_QUERY_NOT_FOUND"}


def test_the_documents_used_least_make_room() -> None:
    kept = Documents(limit=len(QUERY) * 2)
    first, second, third = [
        GraphQLRequest(text, document_hash=hashlib.sha256(text.encode()).hexdigest())
        for text in (QUERY, QUERY.replace("Known", "Other"), QUERY.replace("Known", "Third"))
    ]
    kept.keep(first)
    kept.keep(second)
    assert kept.completed(GraphQLRequest("", document_hash=first.document_hash)) == first
    kept.keep(third)
    assert [_is_kept(kept, each) for each in (first, second, third)] == [True, False, True]


def _is_kept(documents: Documents, document: GraphQLRequest) -> bool:
    try:
        documents.completed(GraphQLRequest("", document_hash=document.document_hash))
    except NotKept:
        return False
    return True
