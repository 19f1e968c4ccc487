"""Whoever's session ended, or whose seat changed, reads nothing of what was kept: each statement proves the right."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from types import ModuleType
from typing import Final

import orjson
import pytest

import models
from domain import seats, tokens
from domain.seats import Seat
from models.enums import PartnerMemberRole, PartnershipStatus, SecurityRole
from resolvers import reads
from resolvers.context import Caller
from resolvers.engine import Answer, Engine, GraphQLRequest
from schema import roots
from tests import given

TOKEN: Final = "the token of the one who asks"
# Each kind of a start: page, count, look-up, ids, references, the seat's own row, nothing but names, a denied field.
QUERIES: Final = {
    "page": "{ contacts { nodes { name } } }",
    "count": "{ contacts { totalCount } }",
    "count and page": "{ contacts { totalCount nodes { name } } }",
    "page of names": "{ contacts { __typename } }",
    "look-up": '{ partner(id: "PARTNER") { name } }',
    "id": '{ node(id: "PARTNER") { id } }',
    "ids": '{ nodes(ids: ["PARTNER", "CONTACT"]) { id ... on Contact { history { totalCount } } } }',
    "own": "{ viewer { user { name } seat { name roles } sessions { id } } }",
    "own lists": "{ viewer { partnerships { nodes { status } } inbox { totalCount } } }",
    "names": "{ viewer { __typename } }",
    "public and own": "{ vendor { name } viewer { __typename } }",
    "several": '{ a: contacts { totalCount } b: partner(id: "none") { id } viewer { seat { name } } }',
    "denied": "{ events { totalCount } }",
}


@pytest.fixture
async def engine(committed: str) -> AsyncIterator[Engine]:
    """Read what the test commits."""
    async with reads.opened(committed) as opened:
        yield Engine(roots.executable(), opened)


@pytest.fixture
async def seat(engine: Engine, clock: ModuleType) -> Seat:
    """Seat a partner admin, whose seat and session the engine keeps from now on."""
    partner = await given.partner()
    held = await given.member(partner, PartnerMemberRole.ADMIN)
    await models.Session.filter(id=held.session_id).update(token_hash=tokens.digest(TOKEN))
    await given.contact(partner)
    await given.partnership(partner, await given.client(), PartnershipStatus.ACTIVE)
    kept = await engine.seat(TOKEN, clock.now())
    assert kept is not None
    return kept


async def _asked(engine: Engine, text: str, clock: ModuleType) -> Answer:
    """Ask with what the engine takes the token for."""
    seat = await engine.seat(TOKEN, clock.now())
    return await engine.execute(GraphQLRequest(text, {}, None), Caller(seat, clock.now()))


async def _text(query: str, seat: Seat) -> str:
    contact = await models.Contact.filter(partner_id=seat.partner_id).first()
    return query.replace("PARTNER", seat.partner_id or "").replace("CONTACT", contact.id if contact else "")


async def _revoke(seat: Seat, clock: ModuleType) -> None:
    await models.Session.filter(id=seat.session_id).update(ended_at=clock.now())


async def _expire(seat: Seat, clock: ModuleType) -> None:
    clock.advance(timedelta(days=15))


async def _end_seat(seat: Seat, clock: ModuleType) -> None:
    await models.PartnerMember.filter(user_id=seat.user_id).update(removed_at=clock.now())
    await seats.refresh_roles(seat.id, at=clock.now())


ENDS: Final[dict[str, Callable[[Seat, ModuleType], Awaitable[None]]]] = {
    "revoked": _revoke,
    "expired": _expire,
    "seat ended": _end_seat,
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
async def test_a_session_that_ended_reads_nothing(
    query: str, end: Callable[[Seat, ModuleType], Awaitable[None]], engine: Engine, seat: Seat, clock: ModuleType
) -> None:
    text = await _text(query, seat)
    before = await _asked(engine, text, clock)
    assert before.executed
    await end(seat, clock)
    after = await _asked(engine, text, clock)
    assert (after.executed, orjson.loads(after.body).get("data")) == (False, None)
    assert [error["extensions"]["code"] for error in orjson.loads(after.body)["errors"]] == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
async def test_a_request_under_way_reads_nothing_once_its_session_has_ended(
    end: Callable[[Seat, ModuleType], Awaitable[None]], engine: Engine, seat: Seat, clock: ModuleType
) -> None:
    """With the seat in its hand, as it was looked up before."""
    await end(seat, clock)
    for query in QUERIES.values():
        caller = Caller(seat, clock.now())
        answer = await engine.execute(GraphQLRequest(await _text(query, seat), {}, None), caller)
        assert answer.unauthenticated, query


async def test_a_seat_whose_roles_changed_reads_by_todays(engine: Engine, seat: Seat, clock: ModuleType) -> None:
    text = await _text('{ partner(id: "PARTNER") { history { totalCount } } viewer { seat { roles } } }', seat)
    as_admin = orjson.loads((await _asked(engine, text, clock)).body)
    await models.PartnerMember.filter(user_id=seat.user_id).update(role=PartnerMemberRole.COLLABORATOR)
    await seats.refresh_roles(seat.id, at=clock.now())
    as_member = orjson.loads((await _asked(engine, text, clock)).body)
    assert as_admin == {
        "data": {
            "partner": {"history": {"totalCount": 0}},
            "viewer": {"seat": {"roles": ["PARTNER", "PARTNER_ADMIN", "PUBLIC", "USER"]}},
        }
    }
    denied = {
        "message": "Partner.history is for ADMIN, CLIENT_PARTNER_ADMIN, PARTNER_ADMIN.",
        "path": ["partner", "history"],
        "extensions": {"code": "FORBIDDEN"},
    }
    assert as_member == {
        "errors": [denied],
        "data": {"partner": {"history": None}, "viewer": {"seat": {"roles": ["PARTNER", "PUBLIC", "USER"]}}},
    }


async def test_a_seat_that_was_given_more_reads_it_at_once(engine: Engine, seat: Seat, clock: ModuleType) -> None:
    await models.PartnerMember.filter(user_id=seat.user_id).update(role=PartnerMemberRole.COLLABORATOR)
    await seats.refresh_roles(seat.id, at=clock.now())
    text = await _text('{ node(id: "PARTNER") { ... on Partner { history { totalCount } } } }', seat)
    assert "errors" in orjson.loads((await _asked(engine, text, clock)).body)
    await models.PartnerMember.filter(user_id=seat.user_id).update(role=PartnerMemberRole.ADMIN)
    await seats.refresh_roles(seat.id, at=clock.now())
    answer = orjson.loads((await _asked(engine, text, clock)).body)
    assert answer == {"data": {"node": {"history": {"totalCount": 0}}}}


async def test_an_unknown_token_has_no_seat(engine: Engine, seat: Seat, clock: ModuleType) -> None:
    assert await engine.seat(TOKEN + "x", clock.now()) is None


async def test_the_same_plan_reads_for_each_seat_its_own_rows(engine: Engine, clock: ModuleType) -> None:
    """Two companies share roles, a document and so a plan; never a row."""
    answers = []
    for name in ("Harbour Foods", "Quay Café"):
        account = await given.account(await given.client(name), f"Shop of {name}")
        held = await given.staff(account, SecurityRole.ACCOUNT_OWNER)
        text = "{ viewer { accounts { nodes { name client { name } } } } accounts { totalCount } }"
        caller = Caller(held, clock.now())
        answers.append(orjson.loads((await engine.execute(GraphQLRequest(text, {}, None), caller)).body))
    assert answers == [
        {
            "data": {
                "viewer": {"accounts": {"nodes": [{"name": f"Shop of {name}", "client": {"name": name}}]}},
                "accounts": {"totalCount": 1},
            }
        }
        for name in ("Harbour Foods", "Quay Café")
    ]
