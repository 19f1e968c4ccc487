"""What must not happen to a partner's access: refused with its exact code at its input, and nothing has changed."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType

import pytest

import models
from models.enums import AccessStatus, SecurityRole
from tests import given
from tests.journeys import judge, market
from tests.journeys.market import Market
from tests.journeys.portal import Json, Person, mutation
from tests.journeys.test_negative_offers import again

DAY = timedelta(days=1)
A_SECOND = timedelta(seconds=1)
READ = """
query Read($id: ID!, $account: ID!) {
  node(id: $id) { ... on AccessGrant {
    status expiresAt viewerCan request { id status message viewerCan from { ... on Partner { name } } }
    disconnectPreview {
      accounts { name } contactsReleased pendingRequests endsPartnership confirmation
    }
    history { nodes { topic } }
  } }
  account(id: $account) { accessRequests { totalCount nodes { id } } }
  viewer { counts { accessRequests } inbox { nodes { id } } seat { waiting } }
}
"""


@dataclass(frozen=True, slots=True)
class Connection:
    """Rivals are connected to Harbour Foods' main shop, which Clara owns: their only account there."""

    market: Market
    grant: str

    async def read(self, person: Person) -> Json:
        """All that the person's portal shows of it."""
        return await person.reads(READ, id=self.grant, account=self.market.shop)

    async def access(self, person: Person) -> Json:
        found: Json = (await self.read(person))["node"]
        return found

    async def asked(self, person: Person, message: str | None = "Let us in.") -> str:
        """The request that waits after the person has asked."""
        answer = await person.does("grantRequest", "grant { request { id } }", grantId=self.grant, message=message)
        return str(answer["grant"]["request"]["id"])

    async def ends(self, person: Person) -> Json:
        """What the person sends to disconnect it."""
        confirmation = (await self.access(person))["disconnectPreview"]["confirmation"]
        return {"grantId": self.grant, "reason": "We part.", "confirmation": confirmation}


@pytest.fixture
async def connection(market: Market) -> Connection:
    return Connection(market, (await models.AccessGrant.get(partner_id=market.rivals)).id)


async def oscar(connection: Connection) -> Person:
    """Whoever owns another account of the client, as a manager of this one."""
    person = await models.User.get(email=connection.market.oscar.address)
    account = await models.Account.get(id=connection.market.shop)
    await models.StaffMember.create(
        account=account, user=person, role=SecurityRole.MANAGER, joined_at=account.created_at
    )
    return connection.market.oscar


# ── asking ──


async def test_who_has_access_asks_for_none_and_who_does_not_see_it_neither(connection: Connection) -> None:
    people = connection.market
    async with judge.nothing_changes():
        assert await people.rita.is_refused("grantRequest", grantId=connection.grant) == ("WRONG_STATE", ["grantId"])
        for person, code, field in (
            (people.clara, "FORBIDDEN", None),
            (people.vera, "FORBIDDEN", None),
            (people.paula, "NOT_FOUND", ["grantId"]),
        ):
            refused = await person.is_refused("grantRequest", grantId=connection.grant)
            assert refused == (code, field), person.address


async def test_1_6_one_request_waits_at_most_and_shows_as_a_banner(connection: Connection) -> None:
    people = connection.market
    await people.clara.does("grantDisable", grantId=connection.grant)
    request = await connection.asked(people.rita)
    async with judge.nothing_changes():
        for message in ("Again.", None):
            refused = await people.rita.is_refused("grantRequest", grantId=connection.grant, message=message)
            assert refused == ("ALREADY_PROPOSED", ["grantId"])
    banner = {"totalCount": 1, "nodes": [{"id": request}]}
    shown = {"id": request, "status": "PENDING", "message": "Let us in.", "from": {"name": "Rivals"}}
    for person, can, buttons, waits in (
        (people.clara, ["ENABLE", "DISCONNECT"], ["ACCEPT", "DECLINE"], 1),
        (people.stan, [], [], 0),
        (people.rita, ["DISCONNECT"], ["WITHDRAW", "REMIND"], 0),
        (people.vera, [], [], 0),
    ):
        read = await connection.read(person)
        assert read["account"]["accessRequests"] == banner, person.address
        assert read["node"]["viewerCan"] == can, person.address
        assert read["node"]["request"] == {**shown, "viewerCan": buttons}, person.address
        assert read["viewer"] == {
            "counts": {"accessRequests": waits},
            "inbox": {"nodes": [{"id": request}] * waits},
            "seat": {"waiting": waits},
        }, person.address


async def test_5_1a_a_request_is_over_from_its_second_on(connection: Connection, clock: ModuleType) -> None:
    people = connection.market
    await people.clara.does("grantDisable", grantId=connection.grant)
    request = await connection.asked(people.rita)
    await judge.carry_on()
    clock.advance(14 * DAY)
    clara, rita = await again(people.clara), await again(people.rita)
    before = await judge.rows()
    for person, verb in (
        (clara, "proposalAccept"),
        (clara, "proposalDecline"),
        (rita, "proposalWithdraw"),
        (rita, "proposalRemind"),
    ):
        assert await person.is_refused(verb, proposalId=request) == ("EXPIRED", ["proposalId"]), verb
    assert await judge.rows() == before
    read = await connection.read(clara)
    assert (read["node"]["request"], read["account"]["accessRequests"]["totalCount"]) == (None, 0)
    assert await connection.asked(rita) != request


# ── answering ──


async def test_1_6_only_the_owner_of_that_account_answers(connection: Connection) -> None:
    people = connection.market
    await people.clara.does("grantDisable", grantId=connection.grant)
    request = await connection.asked(people.rita)
    elsewhere = await oscar(connection)
    async with judge.nothing_changes():
        for verb in ("proposalAccept", "proposalDecline"):
            for person, code in (
                (people.rita, "FORBIDDEN"),
                (people.stan, "FORBIDDEN"),
                (people.vera, "FORBIDDEN"),
                (elsewhere, "CAPABILITY_DENIED"),
                (people.paula, "NOT_FOUND"),
                (people.dora, "NOT_FOUND"),
            ):
                refused = await person.is_refused(verb, proposalId=request)
                assert refused == (code, ["proposalId"]), (verb, person.address)
        for person, code in ((people.clara, "FORBIDDEN"), (people.dora, "NOT_FOUND")):
            assert await person.is_refused("proposalWithdraw", proposalId=request) == (code, ["proposalId"])
        code, field, message = await people.clara.is_told("proposalAccept", proposalId=request, expectedVersion=7)
        assert (code, field, "at version 1 now" in message) == ("CONFLICT", ["expectedVersion"], True)


async def test_final_is_final(connection: Connection) -> None:
    people = connection.market
    await people.clara.does("grantDisable", grantId=connection.grant)
    request = await connection.asked(people.rita)
    await people.clara.does("proposalDecline", proposalId=request, comment="Not now.")
    async with judge.nothing_changes():
        for person, verb in (
            (people.clara, "proposalAccept"),
            (people.clara, "proposalDecline"),
            (people.rita, "proposalWithdraw"),
            (people.rita, "proposalRemind"),
        ):
            assert await person.is_refused(verb, proposalId=request) == ("WRONG_STATE", ["proposalId"]), verb


async def test_of_two_answers_at_once_one_counts(connection: Connection) -> None:
    people = connection.market
    await people.clara.does("grantDisable", grantId=connection.grant)
    request = await connection.asked(people.rita)
    answers = await asyncio.gather(
        people.clara.sends(mutation("proposalAccept"), {"input": {"proposalId": request}}),
        people.rita.sends(mutation("proposalWithdraw"), {"proposalId": request}),
    )
    codes = [
        [error["code"] for payload in answer.json()["data"].values() for error in payload["userErrors"]]
        for answer in answers
    ]
    assert sorted(codes) == [[], ["WRONG_STATE"]]


# ── switching ──


async def test_1_4_only_the_owner_of_that_account_switches_access(connection: Connection) -> None:
    people, elsewhere = connection.market, await oscar(connection)
    async with judge.nothing_changes():
        for verb in ("grantEnable", "grantDisable"):
            for person, code, field in (
                (people.rita, "FORBIDDEN", None),
                (people.stan, "FORBIDDEN", None),
                (people.vera, "FORBIDDEN", None),
                (elsewhere, "CAPABILITY_DENIED", ["grantId"]),
                (people.dora, "NOT_FOUND", ["grantId"]),
            ):
                assert await person.is_refused(verb, grantId=connection.grant) == (code, field), person.address
        assert await people.clara.is_refused("grantEnable", grantId=connection.grant) == ("WRONG_STATE", ["grantId"])
    await people.clara.does("grantDisable", grantId=connection.grant)
    async with judge.nothing_changes():
        assert await people.clara.is_refused("grantDisable", grantId=connection.grant) == ("WRONG_STATE", ["grantId"])


async def test_1_3_access_that_has_run_out_reads_and_acts_as_expired_with_no_sweep(
    connection: Connection, clock: ModuleType
) -> None:
    await models.AccessGrant.filter(id=connection.grant).update(expires_at=clock.now() + 60 * DAY)
    await judge.carry_on()
    clock.advance(60 * DAY - A_SECOND)
    clara, rita = await again(connection.market.clara), await again(connection.market.rita)
    assert (await connection.access(rita))["status"] == "ENABLED"
    assert await rita.is_refused("grantRequest", grantId=connection.grant) == ("WRONG_STATE", ["grantId"])
    clock.advance(A_SECOND)
    assert (await models.AccessGrant.get(id=connection.grant)).status is AccessStatus.ENABLED
    for person, can in ((clara, ["ENABLE", "DISABLE", "DISCONNECT"]), (rita, ["REQUEST", "DISCONNECT"])):
        read = await connection.access(person)
        assert (read["status"], read["viewerCan"]) == ("EXPIRED", can), person.address
    await connection.asked(rita)
    topics = [node["topic"] for node in (await connection.access(rita))["history"]["nodes"]]
    assert topics == ["grant.requested", "grant.expired"]


# ── the end ──


async def test_1_5_an_end_is_for_who_answers_for_a_side_and_for_what_was_seen(connection: Connection) -> None:
    people, elsewhere = connection.market, await oscar(connection)
    rita = await models.Partner.get(id=people.rivals)
    colleague = await market.signed_in(people.rita.browser, await given.member(rita))
    ending = await connection.ends(people.rita)
    async with judge.nothing_changes():
        for person, code, field in (
            (colleague, "FORBIDDEN", None),
            (people.stan, "FORBIDDEN", None),
            (people.vera, "FORBIDDEN", None),
            (elsewhere, "CAPABILITY_DENIED", ["grantId"]),
            (people.paula, "NOT_FOUND", ["grantId"]),
            (people.dora, "NOT_FOUND", ["grantId"]),
        ):
            assert await person.is_refused("grantDisconnect", **ending) == (code, field), person.address
        for wrong, code, at in (
            ({"reason": " "}, "REASON_REQUIRED", "reason"),
            ({"confirmation": ""}, "STALE_CONFIRMATION", "confirmation"),
            ({"confirmation": ending["confirmation"][::-1]}, "STALE_CONFIRMATION", "confirmation"),
        ):
            assert await people.rita.is_refused("grantDisconnect", **{**ending, **wrong}) == (code, [at])
    await people.clara.does("grantDisable", grantId=connection.grant)
    await connection.asked(people.rita)
    async with judge.nothing_changes():
        refused = await people.rita.is_refused("grantDisconnect", **ending)
        assert refused == ("STALE_CONFIRMATION", ["confirmation"])
    preview = (await connection.access(people.clara))["disconnectPreview"]
    preview.pop("confirmation")
    assert preview == {
        "accounts": [{"name": "Main shop"}],
        "contactsReleased": 0,
        "pendingRequests": 1,
        "endsPartnership": True,
    }


async def test_1_5_after_the_end_nothing_brings_it_back_but_a_new_offer(connection: Connection) -> None:
    people = connection.market
    await people.clara.does("grantDisable", grantId=connection.grant)
    request = await connection.asked(people.rita)
    ending = await connection.ends(people.clara)
    ended = await people.clara.does("grantDisconnect", "grant { status viewerCan partnership { status } }", **ending)
    assert ended["grant"] == {"status": "DISCONNECTED", "viewerCan": [], "partnership": {"status": "ENDED"}}
    async with judge.nothing_changes():
        assert await people.rita.is_refused("grantRequest", grantId=connection.grant) == ("NOT_CONNECTED", ["grantId"])
        for verb in ("grantEnable", "grantDisable"):
            refused = await people.clara.is_refused(verb, grantId=connection.grant)
            assert refused == ("NOT_CONNECTED", ["grantId"]), verb
        assert await people.clara.is_refused("grantDisconnect", **ending) == ("NOT_CONNECTED", ["grantId"])
        assert await people.clara.is_refused("proposalAccept", proposalId=request) == ("WRONG_STATE", ["proposalId"])


async def test_an_idempotency_key_asks_once(connection: Connection) -> None:
    people = connection.market
    await people.clara.does("grantDisable", grantId=connection.grant)
    document, given_ = mutation("grantRequest", "grant { request { id version } }"), {"grantId": connection.grant}
    first = await people.rita.sends(document, given_, idempotency_key="once")
    async with judge.nothing_changes():
        assert (await people.rita.sends(document, given_, idempotency_key="once")).json() == first.json()
        assert await people.rita.is_refused("grantRequest", **given_) == ("ALREADY_PROPOSED", ["grantId"])
