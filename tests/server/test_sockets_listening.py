"""Subscriptions over sockets: what was missed, then what comes, once and in order, for as long as there is a right."""

import asyncio
import socket as system
import time
from datetime import UTC, datetime

import httpx2
import pytest
import websockets
from tortoise.transactions import in_transaction

import models
from domain import clock, partnerships, proposals, seats
from models.enums import AccessStatus, Audience, PartnerMemberRole
from resolvers import events
from tests import given
from tests.server.listening import (
    TO_ACCOUNT,
    TO_PARTNERSHIP,
    Socket,
    at_once,
    connected,
    listening,
    pair,
    refused,
    signed_in,
)
from tests.server.serving import until
from web import sockets, wires

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


async def reasons(socket: Socket, name: str, count: int) -> list[str]:
    return [(await socket.event(name))["reason"] for _ in range(count)]


# ── operations ──


async def test_queries_and_mutations_are_answered_over_a_socket(served: httpx2.AsyncClient) -> None:
    clara = await given.staff(await given.account(await given.client()))
    token = await signed_in(clara, "clara's")
    async with listening(served.base_url, token) as socket:
        query = await socket.ask("{ viewer { seat { id } } }")
        answered = await socket.data(query), await socket.of(query)
        mutation = await socket.ask(
            'mutation { contactUpdate(input: {contactId: "contact_1"}) { userErrors { code } } }'
        )
        done = await socket.data(mutation), await socket.of(mutation)
    assert answered == ({"viewer": {"seat": {"id": clara.id}}}, {"type": "complete"})
    assert done == ({"contactUpdate": {"userErrors": [{"code": "NOT_FOUND"}]}}, {"type": "complete"})


async def test_a_token_is_taken_from_the_handshake_too(served: httpx2.AsyncClient) -> None:
    clara = await given.staff(await given.account(await given.client()))
    token = await signed_in(clara, "clara's")
    async with connected(served.base_url, additional_headers={"authorization": f"Bearer {token}"}) as socket:
        await socket.send(type="connection_init")
        assert await socket.message() == {"type": "connection_ack"}
        assert await socket.data(await socket.ask("{ viewer { seat { id } } }")) == {
            "viewer": {"seat": {"id": clara.id}}
        }


async def test_sockets_that_have_not_signed_in_are_few_an_address(
    served: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "UNSEATED", 2)
    two = await pair()
    async with listening(served.base_url), connected(served.base_url) as later:
        assert await refused(served.base_url) == (429, "LIMIT_EXCEEDED")
        await later.send(type="connection_init", payload={"Authorization": f"Bearer {two.tokens['paula']}"})
        assert await later.message() == {"type": "connection_ack"}
        async with listening(served.base_url):
            assert await refused(served.base_url) == (429, "LIMIT_EXCEEDED")

    async def there_is_room_again() -> bool:
        try:
            async with connected(served.base_url), connected(served.base_url):
                return True
        except websockets.InvalidStatus:
            return False

    await until(there_is_room_again)


async def test_a_name_in_use_is_4409_and_free_again_afterwards(served: httpx2.AsyncClient) -> None:
    two = await pair()
    subscribe = {"query": TO_PARTNERSHIP, "variables": {"id": two.partnership.id}}
    async with listening(served.base_url, two.tokens["paula"]) as socket:
        await socket.send(id="a", type="subscribe", payload=subscribe)
        await socket.settled()
        await socket.send(id="a", type="complete")
        await socket.send(id="a", type="subscribe", payload=subscribe)
        await socket.settled()
        await socket.send(id="a", type="subscribe", payload=subscribe)
        assert await socket.closed() == (4409, "Subscriber for a already exists")


async def test_a_socket_has_twenty_operations_at_most(served: httpx2.AsyncClient) -> None:
    two = await pair()
    async with listening(served.base_url, two.tokens["paula"]) as socket:
        about = {"id": two.partnership.id, "after": events.cursor(0)}
        names = [await socket.ask(TO_PARTNERSHIP, about) for _ in range(20)]
        one_more = await socket.ask(TO_PARTNERSHIP, about)
        assert await socket.code(one_more) == "LIMIT_EXCEEDED"
        await socket.send(id=names.pop(), type="complete")
        await socket.settled()
        await two.happens()
        assert {(await socket.event(name))["topic"] for name in names} == {"partnership.accepted"}


# ── what was missed, then what comes ──


async def test_without_a_cursor_it_begins_now(served: httpx2.AsyncClient) -> None:
    two = await pair()
    await two.happens(times=3)
    await everything_is_published()
    async with listening(served.base_url, two.tokens["paula"]) as paula:
        name = await paula.ask(TO_PARTNERSHIP, {"id": two.partnership.id})
        await paula.settled()
        await two.happens(reason="new")
        assert await paula.event(name) == {
            "cursor": events.cursor(4),
            "topic": "partnership.accepted",
            "version": 4,
            "reason": "new",
        }


async def test_p4_a_cursor_brings_what_was_missed_and_then_what_comes(served: httpx2.AsyncClient) -> None:
    two, others = await pair(), await pair()
    for _ in range(60):
        await two.happens()
        await others.happens()
    await everything_is_published()
    async with listening(served.base_url, two.tokens["clara"]) as clara:
        name = await clara.ask(TO_PARTNERSHIP, {"id": two.partnership.id, "after": events.cursor(0)})
        first = [(await clara.event(name))["version"] for _ in range(60)]
        await two.happens()
        last = await clara.event(name)
    async with listening(served.base_url, two.tokens["clara"]) as again:
        after = await again.ask(TO_PARTNERSHIP, {"id": two.partnership.id, "after": last["cursor"]})
        await again.settled()
        await two.happens()
        assert (await again.event(after))["version"] == 62
    assert [*first, last["version"]] == list(range(1, 62))


async def test_the_head_of_the_log_leaves_no_gap_and_no_repetition(served: httpx2.AsyncClient) -> None:
    two = await pair()
    await two.happens(times=5)
    await everything_is_published()
    async with listening(served.base_url, two.tokens["paula"]) as paula:
        [position] = (await paula.data(await paula.ask("{ position }"))).values()
        await two.happens(reason="between")
        name = await paula.ask(TO_PARTNERSHIP, {"id": two.partnership.id, "after": position})
        await two.happens(reason="later")
        assert await reasons(paula, name, 2) == ["between", "later"]
    assert position == events.cursor(5)


async def test_a_cursor_ahead_of_the_log_is_resync_and_an_altered_one_invalid(served: httpx2.AsyncClient) -> None:
    two = await pair()
    await two.happens()
    await everything_is_published()
    changed = str(events.cursor(1))[:-1] + "A"
    async with listening(served.base_url, two.tokens["paula"]) as paula:
        ahead = await paula.ask(TO_PARTNERSHIP, {"id": two.partnership.id, "after": events.cursor(2)})
        altered = await paula.ask(TO_PARTNERSHIP, {"id": two.partnership.id, "after": changed})
        assert (await paula.code(ahead), await paula.code(altered)) == ("RESYNC", "INVALID")


async def test_p4_nothing_is_lost_or_repeated_under_sixteen_writers(served: httpx2.AsyncClient) -> None:
    two = await pair()
    got: list[int] = []
    after: str | None = events.cursor(0)

    async def listen_for(most: int) -> None:
        """Listen on from where it was, until so many have come, and break off without a word."""
        nonlocal after
        async with listening(served.base_url, two.tokens["paula"]) as paula:
            name = await paula.ask(TO_PARTNERSHIP, {"id": two.partnership.id, "after": after})
            for _ in range(most):
                event = await paula.event(name)
                got.append(event["version"])
                after = event["cursor"]
            paula.wire.transport.abort()

    async def write() -> None:
        for _ in range(20):
            await two.happens()

    async with asyncio.timeout(60), asyncio.TaskGroup() as writers:
        for _ in range(16):
            writers.create_task(write())
        for _ in range(10):
            await listen_for(32)
    assert got == list(range(1, 321))


async def test_a_subscription_brings_what_its_document_selects(served: httpx2.AsyncClient) -> None:
    two = await pair()
    document = """
        subscription ($id: ID!, $whole: Boolean!) {
            happened: partnershipEvents(partnershipId: $id) {
                ...Words
                partnership @include(if: $whole) { id partner { name } }
                subject { __typename id }
            }
        }
        fragment Words on Event { summary actor { name } }
    """
    async with listening(served.base_url, two.tokens["clara"]) as clara:
        whole = await clara.ask(document, {"id": two.partnership.id, "whole": True})
        part = await clara.ask(document, {"id": two.partnership.id, "whole": False})
        await clara.settled()
        await two.happens()
        brought = {
            "summary": "The client accepted the offer.",
            "actor": {"name": "Paula Partner"},
            "subject": {"__typename": "Partnership", "id": two.partnership.id},
        }
        partnership = {"id": two.partnership.id, "partner": {"name": "Northwind"}}
        answers = await clara.data(whole), await clara.data(part)
        brought["summary"] = answers[0]["happened"]["summary"]
    assert answers == ({"happened": brought | {"partnership": partnership}}, {"happened": brought})


async def test_notices_are_a_seat_s_own(served: httpx2.AsyncClient) -> None:
    two, others = await pair(), await pair()
    document = "subscription { notices { urgency event { topic } } }"
    async with (
        listening(served.base_url, two.tokens["paula"]) as paula,
        listening(served.base_url, others.tokens["clara"]) as clara,
    ):
        to_paula, to_clara = await paula.ask(document), await clara.ask(document)
        await paula.settled()
        await clara.settled()
        offered = await partnerships.offer(
            by=two.paula, partner_id=two.partner.id, terms={"title": "Shop care"}, client_id=others.client.id
        )
        asked = await clara.event(to_clara)
        await proposals.decline(str((await models.Partnership.get(id=offered)).offer_id), by=others.clara)
        told = await paula.event(to_paula)
    assert asked == {"urgency": "ACTION", "event": {"topic": "partnership.offered"}}
    assert told == {"urgency": "INFO", "event": {"topic": "partnership.declined"}}


# ── who hears what ──


async def test_p9_a_side_hears_what_it_may_read(served: httpx2.AsyncClient) -> None:
    two = await pair()
    admin = await signed_in(await given.admin(), "admin's")
    heard: dict[str, list[str]] = {}
    async with asyncio.timeout(20):
        for who, token in {**two.tokens, "admin": admin}.items():
            async with listening(served.base_url, token) as socket:
                name = await socket.ask(TO_PARTNERSHIP, {"id": two.partnership.id})
                await socket.settled()
                for audience in Audience:
                    await two.happens(audience=audience, reason=audience.value)
                await two.happens(reason="last")
                heard[who] = []
                while (reason := (await socket.event(name))["reason"]) != "last":
                    heard[who].append(reason)
    assert heard == {
        "paula": ["BOTH", "PARTNER", "PARTNER_ALONE"],
        "clara": ["BOTH", "CLIENT", "CLIENT_ALONE"],
        "admin": ["BOTH", "PARTNER", "CLIENT", "VENDOR"],
    }


async def test_p9_equal_roles_do_not_share_what_companies_keep_apart(served: httpx2.AsyncClient) -> None:
    two = await pair()
    rival = await given.partner("Rival")
    rita = await signed_in(await given.member(rival), "rita's")
    await given.grant(two.partnership, two.account, status=AccessStatus.ENABLED)
    await given.grant(await given.partnership(rival, two.client), two.account, status=AccessStatus.ENABLED)
    document = """
        subscription ($id: ID!) { accountEvents(accountId: $id) {
            account { partnerAccess { nodes { partner { name } } } }
        } }
    """
    async with listening(served.base_url, two.tokens["paula"]) as paula, listening(served.base_url, rita) as other:
        names = await paula.ask(document, {"id": two.account.id}), await other.ask(document, {"id": two.account.id})
        await paula.settled()
        await other.settled()
        for partner in (two.partner, rival):
            await two.happens_to_account(partner)
        got = [await paula.event(names[0]), await other.event(names[1])]
    assert [[n["partner"]["name"] for n in each["account"]["partnerAccess"]["nodes"]] for each in got] == [
        ["Northwind"],
        ["Rival"],
    ]


async def test_what_is_not_there_for_a_seat_and_what_is_nowhere_end_alike(served: httpx2.AsyncClient) -> None:
    two, others = await pair(), await pair()
    async with listening(served.base_url, two.tokens["paula"]) as paula:
        refusals = [
            await paula.of(await paula.ask(TO_PARTNERSHIP, {"id": wanted}))
            for wanted in (others.partnership.id, "partnership_1", two.account.id, "")
        ]
        account = await paula.code(await paula.ask(TO_ACCOUNT, {"id": two.account.id}))
    assert [each == refusals[0] for each in refusals] == [True] * 4
    assert (refusals[0]["payload"][0]["extensions"]["code"], account) == ("ACCESS_ENDED", "ACCESS_ENDED")


# ── until the right ends ──


async def test_p5_a_socket_whose_session_ends_is_closed_within_a_second(served: httpx2.AsyncClient) -> None:
    two = await pair()
    async with (
        listening(served.base_url, two.tokens["paula"]) as busy,
        listening(served.base_url, two.tokens["clara"]) as idle,
    ):
        name = await busy.ask(TO_PARTNERSHIP, {"id": two.partnership.id})
        await busy.settled()
        await models.Session.all().update(ended_at=clock.now())
        ended = time.monotonic()
        closed = await busy.closed(), await idle.closed()
        took = time.monotonic() - ended
    assert closed == ((4403, "Forbidden"), (4403, "Forbidden"))
    assert await busy.code(name) == "SESSION_ENDED"
    assert took < at_once()


async def test_p5_signing_out_ends_the_socket_it_was_said_on(served: httpx2.AsyncClient) -> None:
    two = await pair()
    async with listening(served.base_url, two.tokens["paula"]) as paula:
        name = await paula.ask("mutation { signOut { userErrors { code } } }")
        assert await paula.data(name) == {"signOut": {"userErrors": []}}
        assert await paula.closed() == (4403, "Forbidden")


async def test_p5_a_stream_ends_with_the_access_and_the_socket_stays(served: httpx2.AsyncClient) -> None:
    two = await pair()
    grant = await given.grant(two.partnership, two.account, status=AccessStatus.ENABLED)
    async with listening(served.base_url, two.tokens["paula"]) as paula:
        to_account = await paula.ask(TO_ACCOUNT, {"id": two.account.id})
        to_partnership = await paula.ask(TO_PARTNERSHIP, {"id": two.partnership.id})
        await paula.settled()
        await two.happens_to_account(two.partner)
        assert await paula.event(to_account) == {"topic": "grant.connected"}
        await models.AccessGrant.filter(id=grant.id).update(status=AccessStatus.DISCONNECTED)
        await two.happens_to_account(two.partner)
        ended = time.monotonic()
        code = await paula.code(to_account)
        took = time.monotonic() - ended
        await two.happens()
        assert (await paula.event(to_partnership))["topic"] == "partnership.accepted"
    assert (code, took < at_once()) == ("ACCESS_ENDED", True)


@pytest.mark.parametrize(
    "columns",
    [
        {"status": AccessStatus.DISABLED},
        {"status": AccessStatus.EXPIRED},
        {"status": AccessStatus.DISCONNECTED},
        {"expires_at": LONG_AGO},
    ],
)
async def test_p5_a_partner_listens_to_an_account_as_long_as_it_may_open_it(
    served: httpx2.AsyncClient, columns: dict[str, object]
) -> None:
    """By itself: nothing happens that would tell of the end."""
    two = await pair()
    grant = await given.grant(two.partnership, two.account)
    async with (
        listening(served.base_url, two.tokens["paula"]) as paula,
        listening(served.base_url, two.tokens["clara"]) as clara,
    ):
        names = [await each.ask(TO_ACCOUNT, {"id": two.account.id}) for each in (paula, clara)]
        await paula.settled()
        await clara.settled()
        await models.AccessGrant.filter(id=grant.id).update(**columns)
        ended = time.monotonic()
        code = await paula.code(names[0])
        took = time.monotonic() - ended
        again = await paula.code(await paula.ask(TO_ACCOUNT, {"id": two.account.id}))
        await two.happens_to_account(two.partner)
        heard = await clara.event(names[1])
    assert (code, again, took < at_once()) == ("ACCESS_ENDED", "ACCESS_ENDED", True)
    assert heard == {"topic": "grant.connected"}


async def test_p5_what_is_said_after_the_access_has_ended_is_not_heard(served: httpx2.AsyncClient) -> None:
    two = await pair()
    grant = await given.grant(two.partnership, two.account)
    async with listening(served.base_url, two.tokens["paula"]) as paula:
        name = await paula.ask(TO_ACCOUNT, {"id": two.account.id})
        await paula.settled()
        await two.happens_to_account(two.partner)
        assert await paula.event(name) == {"topic": "grant.connected"}
        async with in_transaction():
            await models.AccessGrant.filter(id=grant.id).update(status=AccessStatus.DISABLED)
            await two.happens_to_account(two.partner)
        assert await paula.code(name) == "ACCESS_ENDED"


async def test_a_seat_whose_roles_change_listens_on_as_what_it_is_now(served: httpx2.AsyncClient) -> None:
    two = await pair()
    document = """
        subscription ($id: ID!) { partnershipEvents(partnershipId: $id) {
            reason partnership { partner { invites { totalCount } } }
        } }
    """
    async with listening(served.base_url, two.tokens["paula"]) as paula:
        name = await paula.ask(document, {"id": two.partnership.id})
        await paula.settled()
        await two.happens(reason="as a collaborator")
        before = await paula.of(name)
        await models.PartnerMember.filter(user_id=two.paula.user_id).update(role=PartnerMemberRole.ADMIN)
        await seats.refresh_roles(two.paula.id, at=clock.now())
        await two.happens(reason="as the admin")
        after = await paula.of(name)
    assert [error["extensions"]["code"] for error in before["payload"]["errors"]] == ["FORBIDDEN"]
    assert after["payload"] == {
        "data": {
            "partnershipEvents": {
                "reason": "as the admin",
                "partnership": {"partner": {"invites": {"totalCount": 0}}},
            }
        }
    }


# ── readers who are slow ──

LONG = "x" * 100_000


async def test_a_reader_who_is_slow_for_a_while_misses_nothing(served: httpx2.AsyncClient) -> None:
    two = await pair()
    async with (
        listening(served.base_url, two.tokens["paula"], sock=narrow(served.base_url), max_queue=1) as slow,
        listening(served.base_url, two.tokens["clara"]) as quick,
    ):
        names = [await each.ask(TO_PARTNERSHIP, {"id": two.partnership.id}) for each in (slow, quick)]
        await slow.settled()
        await quick.settled()
        for number in range(120):
            await two.happens(reason=f"{number} {LONG}")
        # All has come to the one while the other has read nothing.
        read = [[reason.split()[0] for reason in await reasons(quick, names[1], 120)]]
        read += [[reason.split()[0] for reason in await reasons(slow, names[0], 120)]]
    assert read == [[f"{number}" for number in range(120)]] * 2


async def test_p11_a_reader_who_reads_nothing_is_cut_off(
    served: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wires.SEND_SECONDS == 10
    monkeypatch.setattr(wires, "SEND_SECONDS", 0.5)
    two = await pair()
    wire = narrow(served.base_url)
    async with listening(served.base_url, two.tokens["paula"], sock=wire, max_queue=1) as slow:
        await slow.ask(TO_PARTNERSHIP, {"id": two.partnership.id})
        await slow.settled()
        for _ in range(120):
            await two.happens(reason=LONG)

        async def is_cut_off() -> bool:
            return wire.getsockopt(system.IPPROTO_TCP, system.TCP_INFO, 1)[0] == CLOSED

        await until(is_cut_off)
        slow.wire.transport.abort()


CLOSED = 7  # Linux's TCP_CLOSE


def narrow(url: httpx2.URL) -> system.socket:
    """A connection on which the system keeps little for a reader who does not read."""
    wire = system.socket()
    wire.setsockopt(system.SOL_SOCKET, system.SO_RCVBUF, 4096)
    wire.connect((url.host, url.port))
    wire.setblocking(False)
    return wire


# ── small things ──


async def everything_is_published() -> None:
    async def none_waits() -> bool:
        return not await models.Event.exists(pos__isnull=True)

    await until(none_waits)
