"""GET /history/{id}.jsonl and the keys: each side's own rows whole, the others as commitments, the head at the end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import httpx2
import orjson
import pytest
from starlette.types import Message

import models
from domain import changes, signing, verification
from models.enums import Audience, SecurityRole
from resolvers import histories, reads
from resolvers.context import SeatChangedError
from tests import given
from tests.domain.test_changes import chain_breaks_at, history
from tests.server.exporting import Sides, exported, lines, partnered, saved, saved_keys
from tests.server.serving import http, ready, running
from web import history as endpoint

NOWHERE = {"errors": [{"message": "There is no such history.", "extensions": {"code": "NOT_FOUND"}}]}
NOT_SIGNED_IN = {
    "errors": [
        {
            "message": "The bearer token is not valid (any more). Sign in again.",
            "extensions": {"code": "UNAUTHENTICATED"},
        }
    ]
}


@pytest.fixture
async def sides(served: httpx2.AsyncClient, clock: ModuleType) -> Sides:
    return await partnered()


@pytest.fixture
async def opened_reads(committed: str) -> AsyncIterator[reads.PostgresReads | reads.SqliteReads]:
    async with reads.opened(committed) as there:
        yield there


async def said(stream: str, times: int) -> None:
    for _ in range(times):
        async with changes.change(by=None) as c:
            for _ in range(100):
                c.event("partner.updated", stream=stream)


# ── what it says ──


async def test_4_6_each_side_reads_its_own_rows_whole_and_the_others_as_commitments(
    served: httpx2.AsyncClient, sides: Sides, tmp_path: Path
) -> None:
    events = await history(sides.partnership)
    assert [(event.topic.removeprefix("partnership."), event.visible_to) for event in events] == [
        ("offered", Audience.BOTH),
        ("accepted", Audience.BOTH),
        ("grant.connected", Audience.BOTH),
        ("modification.drafted", Audience.PARTNER_ALONE),
        ("modification.submitted", Audience.BOTH),
        ("modification.accepted", Audience.BOTH),
    ]
    chain = [{"version": event.version, "commitment": event.commitment, "digest": event.digest} for event in events]
    whole = [
        line | {"salt": event.salt, "payload": sealed(event).decode()}
        for line, event in zip(chain, events, strict=True)
    ]
    draft = events[3].version - 1
    others = [*whole[:draft], chain[draft], *whole[draft + 1 :]]
    found = {token: lines(await exported(served, sides.partnership, token)) for token in sides.tokens}
    assert {token: rows[:-1] for token, rows in found.items()} == {
        "of the partner": whole,
        "of the client": others,
        "of the vendor": others,
    }
    keys = await saved_keys(served, tmp_path)
    for token, rows in found.items():
        path = await saved(served, sides.partnership, token, tmp_path)
        assert list(rows[-1]) == ["head"]
        verified = verification.verify(path, keys, None)
        assert (verified.head.version, verified.head.digest) == (6, events[-1].digest)
        assert verified.withheld == (0 if token == "of the partner" else 1)


def sealed(event: models.Event) -> bytes:
    """Write what was sealed, with nothing of the code that sealed it."""
    payload = {
        "account": event.account_id,
        "actor": event.actor_id,
        "at": event.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "changes": event.changes,
        "id": event.id,
        "onBehalfOf": event.on_behalf_of,
        "partnership": event.partnership_id,
        "proposal": event.proposal_id,
        "reason": event.reason,
        "side": event.side,
        "stream": event.stream,
        "subject": event.subject,
        "topic": event.topic,
        "version": event.version,
        "visibleTo": event.visible_to,
    }
    return orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)


async def test_4_6_the_head_is_signed_at_that_moment(
    served: httpx2.AsyncClient, sides: Sides, clock: ModuleType
) -> None:
    [*_, last] = await history(sides.partnership)
    clock.advance(timedelta(hours=3))
    [*_, row] = lines(await exported(served, sides.partnership, "of the client"))
    keys = signing.read_keys((await served.get("/.well-known/jwks.json")).content)
    assert signing.opened(row["head"], signing.Kind.HEAD, keys) == {
        "stream": sides.partnership,
        "version": 6,
        "digest": last.digest,
        "at": clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }


async def test_it_is_a_file_that_nobody_on_the_way_keeps(served: httpx2.AsyncClient, sides: Sides) -> None:
    answer = await exported(served, sides.partnership, "of the client")
    expected = {
        "content-type": "application/jsonl; charset=utf-8",
        "content-disposition": f'attachment; filename="{sides.partnership}.jsonl"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    assert {name: answer.headers[name] for name in expected} == expected
    asked = await served.head(f"/history/{sides.partnership}.jsonl", headers={"authorization": "Bearer of-the-client"})
    assert (asked.status_code, asked.content) == (200, b"")
    assert {name: asked.headers[name] for name in expected} == expected


async def test_a_partnership_in_which_nothing_has_happened_has_a_head_alone(
    served: httpx2.AsyncClient, sides: Sides, tmp_path: Path
) -> None:
    another = await given.partnership(sides.partner, await given.client("Hill Foods"))
    path = await saved(served, another.id, "of the partner", tmp_path)
    head = verification.verify(path, await saved_keys(served, tmp_path), None).head
    assert (head.stream, head.version, head.digest) == (another.id, 0, "0" * 64)


# ── whose it is ──


async def test_what_is_not_there_not_ones_own_or_no_id_is_one_and_the_same_404(
    served: httpx2.AsyncClient, sides: Sides
) -> None:
    stranger = await given.member(await given.partner("Southwind"))
    await given.session(await models.Seat.get(id=stranger.id), "of-a-stranger")
    asked = [
        (sides.partnership, "of a stranger"),
        ("partnership_01jd0000000000000000000000", "of the client"),
        ("user_01jd0000000000000000000000", "of the client"),
        (sides.admin.user_id, "of the partner"),
        (sides.contact, "of the partner"),
        ("partnership_", "of the client"),
        ("x", "of the client"),
        ("%00", "of the client"),
        ("partnership_01jd000000000000000000000%00", "of the client"),
        ("a" * 5000, "of the client"),
    ]
    for stream, token in asked:
        answer = await exported(served, stream, token)
        assert (answer.status_code, answer.json()) == (404, NOWHERE), stream


async def test_the_streams_of_an_account_and_a_company_are_their_owners_and_the_vendors(
    served: httpx2.AsyncClient, sides: Sides
) -> None:
    streams = [sides.partnership, sides.account.id, sides.partner.id, sides.client.id]
    statuses = {
        token: [(await exported(served, stream, token)).status_code for stream in streams] for token in sides.tokens
    }
    assert statuses == {
        "of the partner": [200, 404, 200, 404],
        "of the client": [200, 200, 404, 200],
        "of the vendor": [200, 200, 200, 200],
    }
    [created, _] = lines(await exported(served, sides.partner.id, "of the partner"))
    assert orjson.loads(created["payload"])["topic"] == "contact.created"


async def test_1_7_an_account_s_is_for_those_of_its_staff_whose_role_comes_with_it(
    served: httpx2.AsyncClient, sides: Sides
) -> None:
    statuses = {}
    for role in SecurityRole:
        seat = await given.staff(sides.account, role)
        await given.session(await models.Seat.get(id=seat.id), f"of-{role}")
        statuses[role] = (await exported(served, sides.account.id, f"of {role}")).status_code
    assert statuses == {SecurityRole.ACCOUNT_OWNER: 200, SecurityRole.MANAGER: 200, SecurityRole.STAFF: 404}


async def test_without_a_session_that_lasts_it_is_401(
    served: httpx2.AsyncClient, sides: Sides, clock: ModuleType
) -> None:
    async def refused(**headers: str) -> bool:
        answer = await served.get(f"/history/{sides.partnership}.jsonl", headers=headers)
        return (answer.status_code, answer.json(), answer.headers["www-authenticate"]) == (401, NOT_SIGNED_IN, "Bearer")

    assert await refused()
    assert await refused(authorization="Bearer unknown")
    assert await refused(authorization="Basic YTpi")
    await models.Session.filter(seat_id=sides.owner.id).update(ended_at=clock.now())
    assert await refused(authorization="Bearer of-the-client")
    clock.advance(timedelta(days=14))
    assert await refused(authorization="Bearer of-the-partner")


async def test_any_other_method_is_405(served: httpx2.AsyncClient) -> None:
    for path in ("/history/partnership_a.jsonl", "/.well-known/jwks.json"):
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            answer = await served.request(method, path)
            assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
            assert answer.json()["errors"][0]["extensions"] == {"code": "INVALID"}


# ── while it is read ──


async def test_what_happens_meanwhile_is_not_in_it_and_breaks_nothing(
    committed: str, opened_reads: reads.PostgresReads | reads.SqliteReads, tmp_path: Path
) -> None:
    sides = await partnered()
    await said(sides.partnership, 12)
    head = await models.Stream.get(id=sides.partnership)
    reading = await histories.opened(opened_reads, sides.partnership, by=sides.owner)
    assert reading is not None
    path, sizes = tmp_path / "export.jsonl", []
    with path.open("wb") as file:
        async for batch in reading.lines():
            file.write(batch)
            sizes.append(batch.count(b"\n"))
            await said(sides.partnership, 1)
    keys = tmp_path / "keys.json"
    keys.write_bytes(orjson.dumps(await signing.published()))
    verified = verification.verify(path, keys, None)
    assert sizes == [500, 500, 206, 1]
    assert (verified.head.version, verified.head.digest, verified.withheld) == (1206, head.digest, 1201)
    assert chain_breaks_at(await history(sides.partnership)) is None


async def session_ends(sides: Sides) -> None:
    await models.Session.filter(id=sides.owner.session_id).update(ended_at=sides.partner.created_at)


async def roles_change(sides: Sides) -> None:
    await models.Seat.filter(id=sides.owner.id).update(version=2)


async def place_is_lost(sides: Sides) -> None:
    await models.StaffMember.filter(user_id=sides.owner.user_id).update(removed_at=sides.partner.created_at)


@pytest.mark.parametrize("meanwhile", [session_ends, roles_change, place_is_lost])
async def test_p5_a_right_that_ends_meanwhile_ends_it_without_a_head(
    committed: str,
    opened_reads: reads.PostgresReads | reads.SqliteReads,
    meanwhile: Callable[[Sides], Awaitable[None]],
) -> None:
    sides = await partnered()
    await said(sides.account.id, 11)
    reading = await histories.opened(opened_reads, sides.account.id, by=sides.owner)
    assert reading is not None
    found = [await anext(batches := reading.lines())]
    await meanwhile(sides)
    with pytest.raises(SeatChangedError):
        found += [batch async for batch in batches]
    assert [batch.count(b"\n") for batch in found] == [500]
    assert b"head" not in found[0]


class Line:
    """The other end of a connection: what it was sent, and when it hangs up or stops to take anything."""

    def __init__(self, *, hangs_up: bool = False, takes: bool = True) -> None:
        self.sent: list[Message] = []
        self._hangs_up = hangs_up
        self._takes = takes

    async def receive(self) -> Message:
        if not self._hangs_up:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if not self._takes:
            await asyncio.Event().wait()
        self.sent.append(message)


@pytest.fixture
async def long_history(
    committed: str, opened_reads: reads.PostgresReads | reads.SqliteReads
) -> tuple[histories.History, Sides]:
    sides = await partnered()
    await said(sides.partnership, 12)
    reading = await histories.opened(opened_reads, sides.partnership, by=sides.owner)
    assert reading is not None
    return reading, sides


async def test_it_is_sent_batch_by_batch_and_the_last_chunk_ends_it(
    long_history: tuple[histories.History, Sides],
) -> None:
    line = Line()
    await endpoint._stream(long_history[0], line.receive, line.send)
    assert [message.get("body", b"").count(b"\n") for message in line.sent] == [500, 500, 206, 1, 0]
    assert [message.get("more_body", False) for message in line.sent] == [True] * 4 + [False]


async def test_p5_what_breaks_off_has_no_last_chunk(long_history: tuple[histories.History, Sides]) -> None:
    reading, sides = long_history
    line = Line()
    await session_ends(sides)
    await endpoint._stream(reading, line.receive, line.send)
    assert line.sent == []


async def test_p11_for_whoever_has_hung_up_nothing_more_is_read(
    long_history: tuple[histories.History, Sides],
) -> None:
    line = Line(hangs_up=True)
    await endpoint._stream(long_history[0], line.receive, line.send)
    assert len(line.sent) == 1


async def test_p11_whoever_takes_nothing_is_cut_off(
    long_history: tuple[histories.History, Sides], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "LONGEST_SEND", 0.05)
    line = Line(takes=False)
    with pytest.raises(TimeoutError):
        await endpoint._stream(long_history[0], line.receive, line.send)


# ── keys ──


async def test_the_public_keys_may_be_kept_for_five_minutes(served: httpx2.AsyncClient) -> None:
    answer = await served.get("/.well-known/jwks.json")
    expected = {"content-type": "application/json", "cache-control": "public, max-age=300"}
    assert {name: answer.headers[name] for name in expected} == expected
    assert answer.json() == await signing.published()
    # The one for heads, and the one for account sessions, which any JWT library verifies.
    assert [sorted(key) for key in answer.json()["keys"]] == [
        ["crv", "kid", "kty", "use", "x"],
        ["alg", "crv", "kid", "kty", "use", "x"],
    ]
    asked = await served.head("/.well-known/jwks.json")
    assert (asked.status_code, asked.content) == (200, b"")


async def test_a_server_that_is_not_ready_says_so(blank: str, chosen: Callable[..., None]) -> None:
    chosen(DATABASE_URL=blank)
    async with running() as url, http(url) as client:
        await ready(client, 503)
        for path in ("/history/partnership_01jd0000000000000000000000.jsonl", "/.well-known/jwks.json"):
            answer = await client.get(path, headers={"authorization": "Bearer x"})
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert answer.json()["errors"][0]["extensions"] == {"code": "INTERNAL"}
