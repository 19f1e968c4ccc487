"""GraphiQL: served to browsers from files of our own, under a policy that lets nothing else in."""

import hashlib
import re

import httpx2
import pytest

from web import ide

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def test_a_browser_is_shown_graphiql_under_a_strict_policy(asked: httpx2.AsyncClient) -> None:
    page = await asked.get("/graphql", headers=BROWSER)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src data:; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


async def test_all_that_the_page_loads_is_ours_and_there(asked: httpx2.AsyncClient) -> None:
    page = await asked.get("/graphql", headers=BROWSER)
    loaded = [each for each in re.findall(r'(?:src|href)="([^"]+)"', page.text) if each != "data:,"]
    answers = [await asked.get(each) for each in loaded]
    assert len(loaded) == 6
    assert all(each.startswith("/graphiql/") for each in loaded)
    assert {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize("query_string", ["query={__typename}", "query=%7B__typename%7D&operationName="])
async def test_a_browser_that_sends_a_query_is_answered(asked: httpx2.AsyncClient, query_string: str) -> None:
    answer = await asked.get(f"/graphql?{query_string}", headers=BROWSER)
    assert answer.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    "path", ["/graphiql/../server.py", "/graphiql/%2e%2e/settings.py", "/graphiql/", "/graphiql/x"]
)
async def test_nothing_else_is_served_from_there(asked: httpx2.AsyncClient, path: str) -> None:
    assert (await asked.get(path)).status_code == 404


def test_the_files_are_the_published_ones_that_the_note_names() -> None:
    noted = re.findall(r"^\| (\S+) \|.*\| ([0-9a-f]{64}) \|$", (ide.FILES / "README.md").read_text(), re.MULTILINE)
    kept = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in ide.FILES.glob("*.min.*")}
    assert dict(noted) == kept
