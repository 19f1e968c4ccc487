"""GET /account-sessions/{jti}: 204 while the proof holds, 410 for all else, and not a word more (mission 1.9)."""

import asyncio
import base64
from datetime import timedelta
from types import ModuleType

import httpx2
import orjson
import pytest
from structlog.testing import capture_logs

import models
from domain import opening, tokens
from domain.rate_limits import RULES, Rule
from models.enums import AccessStatus
from tests.domain.together import Together, together
from tests.server.serving import ready

NOT_A_WORD = ("cache-control", "content-length", "content-type", "retry-after")


@pytest.fixture
async def opened(served: httpx2.AsyncClient, clock: ModuleType) -> Together:
    return await together()


async def jti_of(t: Together) -> str:
    """Open the account as the partner; the secret that the product asks by."""
    body = (await opening.open_account(t.account.id, by=t.paula)).token.split(".")[1]
    return str(orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["jti"])


async def asked(client: httpx2.AsyncClient, jti: str, method: str = "GET") -> tuple[int, bytes, dict[str, str]]:
    answer = await client.request(method, f"/account-sessions/{jti}")
    headers = {name: answer.headers[name] for name in NOT_A_WORD if name in answer.headers}
    return answer.status_code, answer.content, headers


HOLDS = (204, b"", {"cache-control": "no-store"})
GONE = (410, b"", {"cache-control": "no-store", "content-length": "0"})


async def test_1_9_it_holds_until_the_access_ends(served: httpx2.AsyncClient, opened: Together) -> None:
    jti = await jti_of(opened)
    for method in ("GET", "HEAD"):
        assert await asked(served, jti, method) == HOLDS
    await models.AccessGrant.filter(id=opened.grant.id).update(status=AccessStatus.DISABLED)
    for method in ("GET", "HEAD"):
        assert await asked(served, jti, method) == GONE


async def test_1_9_it_holds_for_five_minutes(served: httpx2.AsyncClient, opened: Together, clock: ModuleType) -> None:
    jti = await jti_of(opened)
    clock.advance(timedelta(seconds=299))
    assert await asked(served, jti) == HOLDS
    clock.advance(timedelta(seconds=1))
    assert await asked(served, jti) == GONE
    await opening.forget_sessions(clock.now())
    assert await asked(served, jti) == GONE


async def test_what_never_was_is_answered_like_what_has_ended(served: httpx2.AsyncClient, opened: Together) -> None:
    await jti_of(opened)
    [row] = await models.AccountSession.all()
    for guess in (tokens.new(), row.id, row.jti_hash, "x", "%00", "%F0%9F%91%80", "a" * 5000):
        for method in ("GET", "HEAD"):
            assert await asked(served, guess, method) == GONE, guess


async def test_any_other_method_is_405(served: httpx2.AsyncClient) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = await served.request(method, "/account-sessions/x")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
        assert answer.json()["errors"][0]["extensions"] == {"code": "INVALID"}


async def test_5_5_whoever_guesses_is_stopped_and_whoever_holds_a_proof_is_not(
    served: httpx2.AsyncClient, opened: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    jti = await jti_of(opened)
    assert RULES[Rule.ACCOUNT_SESSION_BY_IP].count == 600
    guesses = [await asyncio.gather(*[asked(served, tokens.new()) for _ in range(60)]) for _ in range(10)]
    assert [answer for some in guesses for answer in some] == [GONE] * 600
    too_many = (429, b"", {"cache-control": "no-store", "content-length": "0", "retry-after": "60"})
    assert await asked(served, tokens.new()) == too_many
    assert await asked(served, jti) == HOLDS


async def test_while_the_database_is_away_it_is_503(
    served: httpx2.AsyncClient, opened: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    jti = await jti_of(opened)

    async def gone() -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("models.database.ping", gone)
    await ready(served, 503)
    answer = await served.get(f"/account-sessions/{jti}")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


async def test_its_secret_is_in_no_log(served: httpx2.AsyncClient, opened: Together) -> None:
    jti = await jti_of(opened)
    with capture_logs() as lines:
        await asked(served, jti)
    assert [(line["path"], line["status"]) for line in lines] == [("/account-sessions/{jti}", 204)]
    assert jti not in str(lines)
