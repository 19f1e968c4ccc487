"""P6: access never outlives its 60 days, whether or not anybody announces it. No worker runs; the clock jumps."""

import base64
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Any

import httpx2
import orjson
import pytest

import models
from domain import clock as the_clock
from domain.seats import Seat
from tests import given
from tests.journeys.conftest import watched
from tests.server.conftest import chosen  # noqa: F401  a fixture
from tests.server.listening import TO_ACCOUNT, at_once, bearer, listening
from tests.server.serving import ready, running

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
# Longer than all that a test lets pass: it is the access that ends, not the sign-in.
SIGNED_IN = 2000 * DAY
OPEN = """
  mutation ($id: ID!) { accountOpen(accountId: $id) { session { token } grant { expiresAt } userErrors { code } } }
"""
READ = """
  query ($id: ID!, $grant: ID!) {
    account(id: $id) { name usage viewerCapabilities staff { totalCount } owner: staff { nodes { user { email } } } }
    node(id: $grant) { ... on AccessGrant { status expiresAt } }
  }
"""


@dataclass
class Access:
    """A partner's access to an account whose clock has started, and who uses it."""

    http: httpx2.AsyncClient
    account: models.Account
    grant: models.AccessGrant
    tokens: dict[str, str]

    async def asks(self, who: str, document: str, **variables: str) -> Any:
        answer = await self.http.post(
            "/graphql",
            json={"query": document, "variables": {"id": self.account.id, **variables}},
            headers=bearer(self.tokens[who]),
        )
        assert list(answer.json()) == ["data"], answer.text
        return answer.json()["data"]

    async def opens(self, who: str = "paula") -> tuple[str, str | None]:
        """Try to open the account: the refusal's code, or the `jti` of the proof; and until when access lasts."""
        payload = (await self.asks(who, OPEN))["accountOpen"]
        if payload["userErrors"]:
            [error] = payload["userErrors"]
            return error["code"], None
        body = payload["session"]["token"].split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return claims["jti"], payload["grant"] and payload["grant"]["expiresAt"]

    async def reads(self) -> Any:
        return await self.asks("paula", READ, grant=self.grant.id)

    async def product_is_told(self, jti: str) -> int:
        return (await self.http.get(f"/account-sessions/{jti}")).status_code

    async def kept(self) -> dict[str, object]:
        return dict((await models.AccessGrant.filter(id=self.grant.id).values())[0])


@pytest.fixture
async def access(
    committed: str,
    chosen: Any,  # noqa: F811
    clock: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Access]:
    """Serve without a worker."""
    chosen(DATABASE_URL=committed)
    worker = watched(monkeypatch)
    async with running() as url, httpx2.AsyncClient(base_url=url) as http:
        await ready(http)
        await worker.stop()
        partner, client = await given.partner(), await given.client()
        account = await given.account(client, jobs_created=100)
        partnership = await given.partnership(partner, client)
        grant = await given.grant(partnership, account, expires_at=clock.now() + 60 * DAY)
        people = {"paula": await given.member(partner), "clara": await given.staff(account)}
        yield Access(http, account, grant, {name: await signed_in(seat, name) for name, seat in people.items()})


async def signed_in(seat: Seat, token: str) -> str:
    await given.session(await models.Seat.get(id=seat.id), token, expires_at=the_clock.now() + SIGNED_IN)
    return token


def in_60_days() -> str:
    return (the_clock.now() + 60 * DAY).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def test_p6_a_second_before_the_60_days_are_over_it_opens_and_moves_and_then_never(
    access: Access, clock: ModuleType
) -> None:
    allowed, refused = 0, Counter[str]()
    for _ in range(3):
        clock.advance(60 * DAY - SECOND)
        jti, until = await access.opens()
        assert until == in_60_days()
        assert await access.product_is_told(jti) == 204
        allowed += 1
    clock.advance(60 * DAY)
    before = await access.kept()
    for days in (0, 1, 29, 300):
        clock.advance(days * DAY)
        code, _ = await access.opens()
        refused[code] += 1
    assert await access.kept() == before
    topics = Counter([event.topic for event in await models.Event.all()])
    sys.stdout.write(f'{{"promise": "P6", "allowed": {allowed}, "refused": {dict(refused)}, "late": 0}}\n')
    assert refused == {"ACCESS_EXPIRED": 4}
    assert topics == {"grant.opened": 3}
    assert not await models.AccountSession.filter(opened_at__gte=before["expires_at"]).exists()


async def test_p6_with_the_second_the_next_read_the_stream_and_the_product_s_session_end(
    access: Access, clock: ModuleType
) -> None:
    clock.advance(60 * DAY - SECOND)
    open_grant = models.AccessGrant.filter(id=access.grant.id)
    jti, _ = await access.opens()
    # As if it had been opened 60 days ago but for a second, with a proof that is still good.
    await open_grant.update(expires_at=clock.now() + SECOND)
    seen = await access.reads()
    inside = {"totalCount": 1}
    [colleague] = seen["account"].pop("owner")["nodes"]
    assert (seen["account"], seen["node"]["status"]) == (
        {
            "name": "Main shop",
            "usage": "INACTIVE",
            "viewerCapabilities": ["VIEW_ACCOUNT", "MANAGE_PROJECTS", "MANAGE_CONTACTS", "MANAGE_STAFF"],
            "staff": inside,
        },
        "ENABLED",
    )
    assert colleague["user"]["email"] is not None
    async with listening(access.http.base_url, access.tokens["paula"]) as paula:
        name = await paula.ask(TO_ACCOUNT, {"id": access.account.id})
        await paula.settled()
        assert await access.product_is_told(jti) == 204
        clock.advance(SECOND)
        over = time.monotonic()
        assert await access.reads() == {
            "account": {
                "name": "Main shop",
                "usage": "INACTIVE",
                "viewerCapabilities": [],
                "staff": {"totalCount": 0},
                "owner": {"nodes": []},
            },
            "node": {"status": "EXPIRED", "expiresAt": clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")},
        }
        assert await access.product_is_told(jti) == 410
        assert await paula.code(name) == "ACCESS_ENDED"
        assert time.monotonic() - over < at_once()
        again = await paula.ask(TO_ACCOUNT, {"id": access.account.id})
        assert await paula.code(again) == "ACCESS_ENDED"
    assert not await models.Event.exists(topic="grant.expired")


async def test_p6_the_account_s_own_staff_opens_it_at_any_time(access: Access, clock: ModuleType) -> None:
    clock.advance(1000 * DAY)
    jti, until = await access.opens("clara")
    assert (await access.product_is_told(jti), until) == (204, None)
    assert (await access.opens())[0] == "ACCESS_EXPIRED"


async def test_p6_before_100_jobs_nothing_ends(access: Access, clock: ModuleType) -> None:
    await models.Account.filter(id=access.account.id).update(jobs_created=99, activated_at=None)
    await models.AccessGrant.filter(id=access.grant.id).update(expires_at=None)
    clock.advance(1000 * DAY)
    jti, until = await access.opens()
    assert (await access.product_is_told(jti), until) == (204, None)
