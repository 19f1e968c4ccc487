"""One change: transaction, events with their chain, and Idempotency-Key (architecture 3 and 5)."""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from types import ModuleType

import asyncpg
import orjson
import pytest

import models
from domain import changes, errors, identity
from domain.changes import Outcome, Request
from domain.errors import Refusal
from models import database as databases
from models.enums import Audience, PartnerKind, Side, UserErrorCode
from models.sql import Dialect
from tests import given
from tests.domain.refusals import columns

ZERO = bytes(32)


async def said(topic: str, stream: str, reason: str | None = None) -> None:
    async with changes.change(by=None) as c:
        c.event(topic, stream=stream, reason=reason)


async def renamed_and_refused(partner_id: str) -> None:
    async with changes.change(by=None) as c:
        await models.Partner.filter(id=partner_id).update(name="Other")
        c.event("partner.updated", stream=partner_id)
        raise errors.invalid("no")


async def _count() -> int:
    return await models.Event.all().count()


async def history(stream: str) -> list[models.Event]:
    return await models.Event.filter(stream=stream).order_by("version")


def chain_breaks_at(events: list[models.Event]) -> int | None:
    """Verify as architecture 5 says it, with nothing of the code that wrote it; null: whole."""
    previous = ZERO
    for place, event in enumerate(events, start=1):
        if event.salt is not None:
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
            if event.project_id is not None:
                payload["project"] = event.project_id
            sealed = bytes.fromhex(event.salt) + orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)
            if hashlib.sha256(sealed).hexdigest() != event.commitment:
                return place
        digest = hashlib.sha256(
            previous + f"{event.stream}\0{place}\0".encode() + bytes.fromhex(event.commitment)
        ).digest()
        if digest.hex() != event.digest:
            return place
        previous = digest
    return None


@pytest.mark.usefixtures("database", "clock")
class TestEvents:
    async def test_an_event_keeps_who_when_why_and_what(self, clock: ModuleType) -> None:
        partner = await given.partner()
        ada = await given.member(partner)
        async with changes.change(by=ada, on_behalf_of="clara@harbour.example") as c:
            c.event(
                "partner.updated",
                stream=partner.id,
                subject=partner.id,
                audience=Audience.PARTNER,
                reason="moved",
                changes=[{"field": "city", "before": None, "after": "Bergen"}],
                partner_id=partner.id,
            )
        [event] = await history(partner.id)
        kept = columns(event)
        unguessable = {kept.pop(column) for column in ("id", "salt", "commitment", "digest")}
        assert len(unguessable) == 4
        assert kept == {
            "pos": None,
            "stream": partner.id,
            "version": 1,
            "topic": "partner.updated",
            "subject": partner.id,
            "actor_id": ada.user_id,
            "on_behalf_of": "clara@harbour.example",
            "side": Side.PARTNER,
            "reason": "moved",
            "changes": [{"field": "city", "before": None, "after": "Bergen"}],
            "visible_to": Audience.PARTNER,
            "partnership_id": None,
            "account_id": None,
            "project_id": None,
            "proposal_id": None,
            "partner_id": partner.id,
            "client_id": None,
            "erased_at": None,
            "at": clock.now(),
        }

    async def test_a_chain_verifies_from_its_first_event(self) -> None:
        for reason in ("first", "second", "third — with ünicode"):
            await said("partner.updated", "partner_a", reason)
        async with changes.change(by=None) as c:
            c.event("partner.updated", stream="partner_a", changes=[{"field": "b", "before": "1", "after": None}])
            c.event("partner.updated", stream="partner_b")
            c.event("partner.updated", stream="partner_a")
        a, b = await history("partner_a"), await history("partner_b")
        assert [event.version for event in a] == [1, 2, 3, 4, 5]
        assert [event.version for event in b] == [1]
        assert (chain_breaks_at(a), chain_breaks_at(b)) == (None, None)
        heads = {stream.id: (stream.version, stream.digest) for stream in await models.Stream.all()}
        assert heads == {"partner_a": (5, a[-1].digest), "partner_b": (1, b[-1].digest)}

    async def test_p13_what_was_tampered_with_shows_where(self) -> None:
        for number in range(4):
            await said("partner.updated", "partner_a", f"reason {number}")
        whole = await history("partner_a")
        edited = await history("partner_a")
        edited[1].reason = "another"
        restamped = await history("partner_a")
        restamped[1].at += timedelta(microseconds=1)
        assert chain_breaks_at(edited) == 2
        assert chain_breaks_at(restamped) == 2
        assert chain_breaks_at([whole[0], *whole[2:]]) == 2
        assert chain_breaks_at([whole[0], whole[2], whole[1], whole[3]]) == 2

    async def test_an_erased_event_keeps_its_seal_and_the_chain(self) -> None:
        for number in range(3):
            await said("contact.updated", "partner_a", f"reason {number}")
        await models.Event.filter(stream="partner_a", version=2).update(salt=None, reason=None, changes=[])
        events = await history("partner_a")
        assert chain_breaks_at(events) is None
        with pytest.raises(ValueError, match="was erased"):
            changes.commitment(events[1])

    async def test_who_it_is_shown_to_is_not_sealed_so_that_a_client_may_come_in_later(self) -> None:
        client = await given.client()
        await said("partnership.offered", "partnership_a")
        await models.Event.filter(stream="partnership_a").update(client_id=client.id)
        assert chain_breaks_at(await history("partnership_a")) is None

    async def test_two_events_of_the_same_words_have_different_commitments(self) -> None:
        await said("partner.updated", "partner_a", "same")
        await said("partner.updated", "partner_b", "same")
        [a], [b] = await history("partner_a"), await history("partner_b")
        assert a.commitment != b.commitment

    async def test_a_topic_that_is_not_in_the_table_is_a_defect(self) -> None:
        async with changes.change(by=None) as c:
            with pytest.raises(LookupError, match=r"partner\.vanished"):
                c.event("partner.vanished", stream="partner_a")

    async def test_a_change_without_events_records_none(self) -> None:
        async with changes.change(by=None):
            await given.partner()
        assert (await models.Event.all().count(), await models.Stream.all().count()) == (0, 0)


def test_a_difference_tells_what_changed_in_the_names_that_clients_read() -> None:
    before = {"postal_code": "5003", "city": "Bergen", "purposes": ["SUPPORT"], "starts_on": None, "licences": 1}
    after = {
        "postal_code": None,
        "city": "Bergen",
        "purposes": ["EMERGENCY", "SUPPORT"],
        "starts_on": date(2026, 12, 1),
        "licences": 5,
        "kind": PartnerKind.PARTNER,
    }
    assert changes.differences(before, after) == [
        {"field": "postalCode", "before": "5003", "after": None},
        {"field": "purposes", "before": "SUPPORT", "after": "EMERGENCY, SUPPORT"},
        {"field": "startsOn", "before": None, "after": "2026-12-01"},
        {"field": "licences", "before": "1", "after": "5"},
        {"field": "kind", "before": None, "after": "PARTNER"},
    ]


@pytest.mark.usefixtures("committed", "clock")
class TestTransaction:
    async def test_p1_a_refusal_leaves_neither_state_nor_event(self) -> None:
        partner = await given.partner()
        with pytest.raises(errors.Refusal):
            await renamed_and_refused(partner.id)
        assert (await models.Partner.get(id=partner.id)).name == "Northwind"
        assert (await models.Event.all().count(), await models.Stream.all().count()) == (0, 0)

    async def test_changes_at_once_to_the_same_streams_leave_no_gap_and_no_deadlock(self) -> None:
        async def both(first: str, second: str) -> None:
            async with changes.change(by=None) as c:
                c.event("partner.updated", stream=first)
                c.event("partner.updated", stream=second)

        pairs = [("partner_a", "partner_b"), ("partner_b", "partner_a")] * 15
        await asyncio.gather(*(both(*pair) for pair in pairs))
        for stream in ("partner_a", "partner_b"):
            events = await history(stream)
            assert [event.version for event in events] == list(range(1, 31))
            assert chain_breaks_at(events) is None

    async def test_whoever_waits_is_woken_after_the_commit_and_finds_the_event(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        woken: list[asyncio.Task[int]] = []

        def wake() -> None:
            woken.append(asyncio.ensure_future(_count()))

        monkeypatch.setattr(changes, "on_commit", [wake])
        await said("partner.updated", "partner_a")
        with pytest.raises(errors.Refusal):
            await renamed_and_refused("partner_a")
        async with changes.change(by=None):
            pass
        assert await asyncio.gather(*woken) == [1]


# ── once ──


@contextmanager
def requested(key: str = "key", request_hash: str = "hash", scope: str = "session_a") -> Iterator[None]:
    token = changes.idempotency.set(Request(scope, key, request_hash))
    try:
        yield
    finally:
        changes.idempotency.reset(token)


class Verb:
    """Records an event each time it runs; refuses, or fails, where it was told to."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault
        self.runs = 0

    async def __call__(self) -> Outcome:
        self.runs += 1
        async with changes.change(by=None) as c:
            c.event("partner.updated", stream="partner_a")
            if self.fault is not None:
                raise self.fault
        return {"id": f"partner_{self.runs}", "other": None}


@pytest.mark.usefixtures("database", "clock")
class TestOnce:
    async def test_p3_the_same_key_has_one_effect_and_one_outcome(self) -> None:
        verb = Verb()
        with requested():
            outcomes = [await changes.once("partnerUpdate", verb) for _ in range(3)]
        assert outcomes == [{"id": "partner_1", "other": None}] * 3
        assert (verb.runs, await models.Event.all().count()) == (1, 1)

    async def test_without_a_key_every_request_has_its_own_effect(self) -> None:
        verb = Verb()
        assert await changes.once("partnerUpdate", verb) == {"id": "partner_1", "other": None}
        assert await changes.once("partnerUpdate", verb) == {"id": "partner_2", "other": None}
        assert await models.Idempotency.all().count() == 0

    async def test_a_refusal_is_kept_like_an_answer_and_leaves_no_effect(self) -> None:
        refusal = errors.Refusal(UserErrorCode.ALREADY_PROPOSED, "It waits.", "terms", "title")
        verb = Verb(refusal)
        for _ in range(2):
            with requested(), pytest.raises(errors.Refusal) as caught:
                await changes.once("partnerUpdate", verb)
            assert (caught.value.args, caught.value.field) == (refusal.args, ["terms", "title"])
        assert (verb.runs, await models.Event.all().count()) == (1, 0)

    async def test_what_is_no_refusal_is_not_kept_and_may_be_tried_again(self) -> None:
        with requested():
            with pytest.raises(RuntimeError, match="disk"):
                await changes.once("partnerUpdate", Verb(RuntimeError("disk")))
            assert await changes.once("partnerUpdate", Verb()) == {"id": "partner_1", "other": None}
        assert await models.Event.all().count() == 1

    async def test_another_request_with_the_same_key_is_a_mismatch(self) -> None:
        verb = Verb()
        with requested():
            await changes.once("partnerUpdate", verb)
        for response_key in ("partnerUpdate", "another"):
            with requested(request_hash="another"), pytest.raises(errors.IdempotencyMismatch):
                await changes.once(response_key, verb)
        assert verb.runs == 1

    async def test_another_sessions_key_is_another_key(self) -> None:
        verb = Verb()
        for scope in ("session_a", "session_b", "public"):
            with requested(scope=scope, request_hash=scope):
                await changes.once("partnerUpdate", verb)
        assert verb.runs == 3

    async def test_a_document_with_several_mutations_keeps_an_outcome_of_each(self) -> None:
        first, second = Verb(), Verb(errors.invalid("no"))
        for _ in range(2):
            with requested():
                assert await changes.once("a", first) == {"id": "partner_1", "other": None}
                with pytest.raises(errors.Refusal):
                    await changes.once("b", second)
        assert (first.runs, second.runs) == (1, 1)

    async def test_a_key_is_kept_for_24_hours(self, clock: ModuleType) -> None:
        verb = Verb()
        with requested():
            await changes.once("partnerUpdate", verb)
            clock.advance(timedelta(hours=24) - timedelta(microseconds=1))
            await changes.once("partnerUpdate", verb)
            assert (verb.runs, await changes.forget_requests(clock.now())) == (1, 0)
            clock.advance(timedelta(microseconds=1))
            await changes.once("partnerUpdate", verb)
            assert verb.runs == 2
            clock.advance(timedelta(hours=24))
            assert await changes.forget_requests(clock.now()) == 1
        with requested(request_hash="another"):
            await changes.once("partnerUpdate", verb)
        assert verb.runs == 3

    async def test_the_row_keeps_ids_and_no_more(self) -> None:
        with requested():
            await changes.once("partnerUpdate", Verb())
        [row] = await models.Idempotency.all()
        assert row.outcome == {
            "partnerUpdate": {"ids": {"id": "partner_1", "other": None}, "code": None, "message": "", "path": []}
        }


@pytest.mark.usefixtures("committed")
class TestOnceAtOnce:
    async def test_a_request_in_flight_is_told_so_and_its_repeat_has_the_outcome(self) -> None:
        verb, began, go_on = Verb(), asyncio.Event(), asyncio.Event()

        async def slow() -> Outcome:
            began.set()
            await go_on.wait()
            return await verb()

        with requested():
            first = asyncio.ensure_future(changes.once("partnerUpdate", slow))
            await began.wait()
            with pytest.raises(errors.IdempotencyInFlight):
                await changes.once("partnerUpdate", verb)
            go_on.set()
            assert await first == await changes.once("partnerUpdate", verb) == {"id": "partner_1", "other": None}
        assert (verb.runs, await models.Event.all().count()) == (1, 1)

    async def test_a_request_in_flight_in_another_server_is_told_so(self, committed: str, dialect: Dialect) -> None:
        if dialect is Dialect.SQLITE:
            pytest.skip("beside SQLite there is one server")
        verb = Verb()
        other = await asyncpg.connect(databases.dsn(committed))
        try:
            async with other.transaction():
                await other.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", "session_a\nkey")
                with requested(), pytest.raises(errors.IdempotencyInFlight):
                    await changes.once("partnerUpdate", verb)
        finally:
            await other.close()
        with requested():
            assert await changes.once("partnerUpdate", verb) == {"id": "partner_1", "other": None}

    async def test_whoever_waits_is_woken_after_the_outer_commit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        woken: list[asyncio.Task[int]] = []

        def wake() -> None:
            woken.append(asyncio.ensure_future(_count()))

        monkeypatch.setattr(changes, "on_commit", [wake])
        with requested():
            await changes.once("partnerUpdate", Verb())
        assert await asyncio.gather(*woken) == [1]


async def test_5_5_a_key_of_its_own_for_each_try_does_not_lift_a_limit(
    database: None, clock: ModuleType, quick_passwords: None
) -> None:
    async def wrong_password() -> Outcome:
        await identity.sign_in(email="ada@example.com", password="a wrong one", ip=None, user_agent=None)
        return {}

    codes = []
    for n in range(11):
        with requested(f"key {n}"), pytest.raises(Refusal) as refused:
            await changes.once("signIn", wrong_password)
        codes.append(refused.value.code)
    assert codes == [UserErrorCode.INVALID] * 10 + [UserErrorCode.RATE_LIMITED]
