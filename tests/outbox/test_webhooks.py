"""How webhooks leave: to real servers, well-behaved and not; signed, tried again, given up, and seen."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import ModuleType
from typing import Any

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError
from structlog.testing import capture_logs
from tortoise.transactions import in_transaction

import models
import settings
from domain import changes, vault
from domain import webhooks as law
from models.enums import Audience, DeliveryStatus, EndpointStatus, PartnerMemberRole, Role, SecurityRole
from models.event import Event
from models.mail import Mail
from models.notice import Notice
from models.webhook import WebhookDelivery, WebhookEndpoint
from outbox import relay, webhooks, worker
from outbox.worker import Worker
from tests import conftest, given
from tests.outbox import receivers, scenes
from tests.outbox.receivers import Behaviour, Receiver, answers

OLD_SECRET = "whsec_" + "b2xk" * 11
SECONDS, DAY = timedelta(seconds=1), timedelta(days=1)


@pytest.fixture
def private(data_dir: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let webhooks go to this machine, where the tests' receivers are."""
    monkeypatch.setenv("COUNTERSIGN_WEBHOOK_ALLOW_PRIVATE", "true")
    settings.load.cache_clear()
    yield
    settings.load.cache_clear()


@asynccontextmanager
async def heard_by(
    *behaves: Behaviour, of: models.Partner | models.Client | None = None, **columns: object
) -> AsyncIterator[tuple[WebhookEndpoint, Receiver]]:
    """Open a receiver, and make it an endpoint of a company's, or of the vendor's."""
    async with receivers.opened(*behaves) as receiver:
        yield await given.endpoint(of, url=receiver.url, **columns), receiver


async def the_delivery() -> WebhookDelivery:
    return await WebhookDelivery.get().select_related("endpoint")


async def attempts() -> list[tuple[int | None, str | None]]:
    """Status and error of each attempt of the only delivery."""
    return [(each["response_status"], each["error"]) for each in (await the_delivery()).attempts]


async def until_given_up(clock: ModuleType) -> list[timedelta]:
    """Carry on until the only delivery waits for nothing; how long it waited each time."""
    waits: list[timedelta] = []
    while (next_attempt_at := (await the_delivery()).next_attempt_at) is not None:
        waits.append(next_attempt_at - clock.now())
        clock.advance(waits[-1])
        await scenes.drain()
    return waits


# ── what is sent ──


@pytest.mark.usefixtures("database", "private")
class TestSent:
    async def test_5_2_a_webhook_is_thin_and_signed_after_the_standard(self) -> None:
        who = await scenes.companies()
        async with heard_by(topics=["partnership.offered"]) as (_, receiver):
            offer_id = await scenes.offer_to_client(who)
            await scenes.drain()
        event = await Event.get(topic="partnership.offered")
        [received] = receiver.received
        told = Webhook(given.WEBHOOK_SECRET).verify(received.body, dict(received.headers))
        assert told == {
            "type": "partnership.offered",
            "timestamp": event.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "data": {
                "eventId": event.id,
                "subjectId": event.subject,
                "partnershipId": event.partnership_id,
                "proposalId": offer_id,
            },
        }
        assert received.line == "POST /in?key=1 HTTP/1.1"
        assert dict(received.headers) == {
            "host": f"127.0.0.1:{receiver.port}",
            "content-type": "application/json",
            "user-agent": "Countersign-Webhooks",
            "accept-encoding": "identity",
            "connection": "close",
            "webhook-id": event.id,
            "webhook-timestamp": received.headers["webhook-timestamp"],
            "webhook-signature": received.signed_by(given.WEBHOOK_SECRET),
            "content-length": str(len(received.body)),
        }

    async def test_5_2_a_signature_is_no_other_bodys_ids_or_secrets(self) -> None:
        async with heard_by() as (endpoint, receiver):
            await scenes.test_webhook(endpoint)
            await scenes.drain()
        [received] = receiver.received
        verify = Webhook(given.WEBHOOK_SECRET).verify
        for body, headers in [
            (received.body + b" ", dict(received.headers)),
            (received.body, {**received.headers, "webhook-id": "event_other"}),
            (received.body, {**received.headers, "webhook-timestamp": str(int(received.at.timestamp()) - 1)}),
        ]:
            with pytest.raises(WebhookVerificationError):
                verify(body, headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(OLD_SECRET).verify(received.body, dict(received.headers))

    async def test_5_2_while_two_secrets_live_both_sign(self, clock: ModuleType) -> None:
        async with heard_by() as (endpoint, receiver):
            former = {
                "former_secret": vault.sealed(OLD_SECRET, of=endpoint.id),
                "former_until": clock.now() + DAY,
            }
            await WebhookEndpoint.filter(id=endpoint.id).update(**former)
            for wait in (timedelta(0), DAY - SECONDS, SECONDS):
                clock.advance(wait)
                await scenes.test_webhook(endpoint)
                await scenes.drain()
        both, still_both, one = receiver.received
        for received in (both, still_both):
            assert received.headers["webhook-signature"] == received.signed_by(given.WEBHOOK_SECRET, OLD_SECRET)
        assert one.headers["webhook-signature"] == one.signed_by(given.WEBHOOK_SECRET)

    @pytest.mark.usefixtures("clock")
    async def test_a_delivery_keeps_its_attempt_and_the_first_kilobyte_of_the_answer(self) -> None:
        async with heard_by(answers(201, "\0é".encode() + b"x" * 2000)) as (endpoint, _):
            await scenes.test_webhook(endpoint)
            await scenes.drain()
        delivery = await the_delivery()
        [attempt] = delivery.attempts
        assert attempt == {
            "at": "2026-11-21T20:46:00.000000Z",
            "response_status": 201,
            "response_body": "\N{REPLACEMENT CHARACTER}é" + "x" * 1021,
            "error": None,
            "milliseconds": attempt["milliseconds"],
        }
        assert (delivery.status, delivery.next_attempt_at, delivery.lease_until, delivery.tries) == (
            DeliveryStatus.DELIVERED,
            None,
            None,
            1,
        )

    async def test_the_log_names_no_url_and_no_secret(self) -> None:
        async with heard_by(answers(500, b"no such customer")) as (endpoint, receiver):
            await scenes.test_webhook(endpoint)
            with capture_logs() as logs:
                await scenes.drain()
        delivery = await the_delivery()
        assert logs == [
            {
                "event": "webhook.attempted",
                "log_level": "info",
                "delivery": delivery.id,
                "endpoint": endpoint.id,
                "topic": "webhook.test",
                "attempt": 1,
                "status": DeliveryStatus.PENDING,
                "answer": 500,
            }
        ]
        assert receiver.connections == 1

    async def test_a_secret_that_the_installation_cannot_read_any_more_is_said_to_its_owner(self) -> None:
        async with heard_by(secret=vault.sealed(given.WEBHOOK_SECRET, of="endpoint_other")) as (endpoint, receiver):
            await scenes.test_webhook(endpoint)
            await scenes.drain()
        assert receiver.connections == 0
        assert await attempts() == [(None, "The server's secret key was changed: rotate the endpoint's secret.")]


# ── who hears what ──


@pytest.mark.usefixtures("database", "private")
class TestHeard:
    async def test_5_2_each_owner_hears_what_its_side_may_read_and_nothing_else(self) -> None:
        partner, client = await given.partner(), await given.client()
        rivals = await given.partner("Rivals")
        async with (
            receivers.opened() as vendors,
            receivers.opened() as partners,
            receivers.opened() as clients,
            receivers.opened() as others,
        ):
            for owner, receiver in [(None, vendors), (partner, partners), (client, clients), (rivals, others)]:
                await given.endpoint(owner, url=receiver.url)
            async with changes.change(by=None) as c:
                for audience in Audience:
                    c.event(
                        "contact.updated",
                        stream="s",
                        subject=audience,
                        audience=audience,
                        partner_id=partner.id,
                        client_id=client.id,
                    )
            await scenes.drain()
        heard = {
            name: sorted(each.told["data"]["subjectId"] for each in receiver.received)  # type: ignore[index]
            for name, receiver in {"vendor": vendors, "partner": partners, "client": clients, "rival": others}.items()
        }
        assert heard == {
            "vendor": ["BOTH", "CLIENT", "PARTNER", "VENDOR"],
            "partner": ["BOTH", "PARTNER", "PARTNER_ALONE"],
            "client": ["BOTH", "CLIENT", "CLIENT_ALONE"],
            "rival": [],
        }

    async def test_5_2_an_endpoint_hears_the_topics_that_it_chose_and_without_a_choice_all(self) -> None:
        async with receivers.opened() as chosen, receivers.opened() as every:
            await given.endpoint(url=chosen.url, topics=["contact.updated", "partner.updated"])
            await given.endpoint(url=every.url)
            await scenes.record("contact.created", "contact.updated", "client.updated", "partner.updated")
            await scenes.drain()
        assert sorted(chosen.topics) == ["contact.updated", "partner.updated"]
        assert sorted(every.topics) == ["client.updated", "contact.created", "contact.updated", "partner.updated"]

    async def test_5_2_a_test_goes_to_the_endpoint_that_it_is_of_whatever_that_chose_and_to_no_other(self) -> None:
        partner = await given.partner()
        async with receivers.opened() as tested, receivers.opened() as other:
            endpoint = await given.endpoint(partner, url=tested.url, topics=["contact.updated"])
            await given.endpoint(partner, url=other.url)
            await given.endpoint(url=other.url)
            await scenes.test_webhook(endpoint)
            await scenes.drain()
        assert (tested.topics, other.topics) == (["webhook.test"], [])

    @pytest.mark.parametrize(
        "columns", [{"status": EndpointStatus.PAUSED}, {"status": EndpointStatus.DISABLED}, {"deleted_at": "now"}]
    )
    async def test_an_endpoint_that_is_not_active_hears_nothing_of_what_happens_meanwhile(
        self, columns: dict[str, Any], clock: ModuleType
    ) -> None:
        async with heard_by() as (endpoint, receiver):
            now = {name: clock.now() if value == "now" else value for name, value in columns.items()}
            await WebhookEndpoint.filter(id=endpoint.id).update(**now)
            await scenes.record()
            await scenes.drain()
        assert (receiver.connections, await WebhookDelivery.all().count()) == (0, 0)

    async def test_p5_a_waiting_webhook_is_not_sent_once_the_right_to_it_has_ended(self, clock: ModuleType) -> None:
        partner = await given.partner()
        async with heard_by(answers(500), answers(204), of=partner) as (_, receiver):
            async with changes.change(by=None) as c:
                c.event("contact.updated", stream="s", partner_id=partner.id)
            await scenes.drain()
            assert receiver.connections == 1
            await Event.all().update(visible_to=Audience.CLIENT)
            clock.advance(timedelta(minutes=1))
            await scenes.drain()
            assert receiver.connections == 1
        delivery = await the_delivery()
        assert (delivery.status, delivery.next_attempt_at) == (DeliveryStatus.FAILED, None)
        assert await attempts() == [
            (500, None),
            (None, "Not sent: the endpoint may not hear of this event any more, or has not chosen its topic."),
        ]

    async def test_a_waiting_webhook_is_not_sent_once_its_topic_is_chosen_no_more_or_its_endpoint_is_deleted(
        self, clock: ModuleType
    ) -> None:
        for columns in ({"topics": ["contact.created"]}, {"deleted_at": clock.now(), "secret": ""}):
            async with heard_by(answers(500), answers(204), topics=["contact.updated"]) as (endpoint, receiver):
                await scenes.record("contact.updated")
                await scenes.drain()
                await WebhookEndpoint.filter(id=endpoint.id).update(**columns)
                clock.advance(timedelta(minutes=1))
                await scenes.drain()
                assert receiver.connections == 1

    async def test_what_waits_for_an_endpoint_that_is_paused_is_sent_when_it_goes_on(self, clock: ModuleType) -> None:
        async with heard_by(answers(500), answers(204)) as (endpoint, receiver):
            await scenes.record()
            await scenes.drain()
            await WebhookEndpoint.filter(id=endpoint.id).update(status=EndpointStatus.PAUSED)
            clock.advance(DAY)
            await scenes.drain()
            assert receiver.connections == 1
            await WebhookEndpoint.filter(id=endpoint.id).update(status=EndpointStatus.ACTIVE)
            await scenes.drain()
        delivery = await the_delivery()
        assert (delivery.status, delivery.tries) == (DeliveryStatus.DELIVERED, 2)
        first, second = receiver.received
        assert (first.id, first.body) == (second.id, second.body)

    async def test_a_pause_between_claim_and_attempt_uses_up_no_attempt(self, clock: ModuleType) -> None:
        async with heard_by() as (_, receiver):
            await scenes.record()
            await relay.publish(clock.now())
            claim = await webhooks._claim(clock.now())
            assert isinstance(claim, webhooks.Claim)
            claim.endpoint.status = EndpointStatus.PAUSED
            await webhooks.Sender(allow_private=True)._send(claim)
        delivery = await the_delivery()
        assert (receiver.connections, delivery.status, delivery.tries, delivery.lease_until, delivery.attempts) == (
            0,
            DeliveryStatus.PENDING,
            0,
            None,
            [],
        )


# ── what receivers do ──


@pytest.mark.usefixtures("database", "private", "clock")
class TestReceivers:
    @pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
    async def test_5_2_a_2xx_is_a_yes(self, status: int) -> None:
        async with heard_by(answers(status)):
            await scenes.record()
            await scenes.drain()
        assert (await the_delivery()).status is DeliveryStatus.DELIVERED

    @pytest.mark.parametrize("status", [400, 401, 404, 500, 502, 504])
    async def test_5_2_anything_else_is_tried_again(self, status: int) -> None:
        async with heard_by(answers(status)):
            await scenes.record()
            await scenes.drain()
        assert await attempts() == [(status, None)]
        assert (await the_delivery()).status is DeliveryStatus.PENDING

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_a_redirect_is_a_failure_and_is_not_followed(self, status: int) -> None:
        async with receivers.opened() as elsewhere, heard_by(answers(status, Location=elsewhere.url)) as (_, receiver):
            await scenes.record()
            await scenes.drain()
            assert (receiver.connections, elsewhere.connections) == (1, 0)
        assert await attempts() == [(status, "A redirect is not followed.")]
        assert (await the_delivery()).status is DeliveryStatus.PENDING

    @pytest.mark.parametrize(
        ("behaviour", "error"),
        [
            (receivers.hangs, "No whole answer within 1 seconds."),
            (receivers.drips_its_head, "No whole answer within 1 seconds."),
            (receivers.drips_its_body, "No whole answer within 1 seconds."),
            (receivers.resets, "The connection broke."),
            (receivers.talks_nonsense, "The answer was not HTTP, or not whole."),
            (receivers.breaks_off, "The answer was not HTTP, or not whole."),
        ],
        ids=lambda value: getattr(value, "__name__", None),
    )
    async def test_an_answer_that_does_not_come_whole_and_in_time_is_a_failure(
        self, behaviour: Behaviour, error: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(webhooks, "LONGEST_ATTEMPT", 1.0)
        async with asyncio.timeout(10), heard_by(behaviour) as (_, receiver):
            await scenes.record()
            await scenes.drain()
            assert receiver.connections == 1
        assert await attempts() == [(None, error)]
        assert (await the_delivery()).status is DeliveryStatus.PENDING

    async def test_nobody_there_is_a_failure(self) -> None:
        async with receivers.opened() as gone:
            await given.endpoint(url=gone.url)
        await scenes.record()
        await scenes.drain()
        assert await attempts() == [(None, "No connection.")]

    async def test_of_a_gigabyte_a_kilobyte_is_read(self) -> None:
        flood = receivers.Flood()
        async with asyncio.timeout(10), heard_by(flood):
            await scenes.record()
            tracemalloc.start()
            await scenes.drain()
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        delivery = await the_delivery()
        assert (delivery.status, delivery.attempts[0]["response_body"]) == (DeliveryStatus.DELIVERED, "b" * 1024)
        assert flood.sent < 2**26
        assert most < 2**24

    async def test_5_2_a_410_switches_the_endpoint_off_and_its_owner_is_told(self, clock: ModuleType) -> None:
        partner = await given.partner("Northwind")
        user = await given.user("Paula Partner", email="paula@northwind.example")
        paula = await given.member(partner, PartnerMemberRole.ADMIN, user)
        await given.member(partner)
        async with heard_by(answers(410), of=partner) as (endpoint, receiver):
            await scenes.test_webhook(endpoint)
            [mail] = await scenes.drain()
            await scenes.record()
            clock.advance(30 * DAY)
            await scenes.drain()
            assert receiver.connections == 1
        found = await WebhookEndpoint.get(id=endpoint.id)
        assert (found.status, found.disabled_reason) == (
            EndpointStatus.DISABLED,
            "It answered 410: it wants to hear no more.",
        )
        assert await WebhookDelivery.all().values_list("status", "next_attempt_at") in (
            [(DeliveryStatus.FAILED, None)],
            [],
        )
        event = await Event.get(topic="webhook.disabled")
        assert (event.stream, event.subject, event.actor_id, event.reason, event.visible_to, event.partner_id) == (
            endpoint.id,
            endpoint.id,
            None,
            "It answered 410: it wants to hear no more.",
            Audience.PARTNER,
            partner.id,
        )
        assert await Notice.all().values_list("event_id", "seat_id") == [(event.id, paula.id)]
        assert scenes.outline(mail) == scenes.headers(scenes.PAULA, "A webhook of Northwind was switched off")
        assert "key=1" not in mail.as_string()
        assert scenes.text(mail).startswith(
            f"""\
A webhook was switched off

Hello Paula Partner,

On 21 November 2026, 20:46 UTC we switched off the webhook at 127.0.0.1, and send it nothing any more.

Once it works again, set its status to ACTIVE, and replay what it has missed.

* Webhook: {endpoint.id} * Why: It answered 410: it wants to hear no more.

-- You get this mail because you answer for Northwind, to which the webhook belongs."""
        )

    async def test_who_is_told_of_a_clients_and_of_the_vendors_endpoint(self) -> None:
        client = await given.client()
        account = await given.account(client)
        owner = await given.user("Clara Client", email="clara@harbour.example")
        clara = await given.staff(account, SecurityRole.ACCOUNT_OWNER, owner)
        await given.staff(account, SecurityRole.MANAGER)
        vendor = await given.user("Vera Vendor", email="vera@vendor.example", is_vendor=True)
        vera = await given.seat(vendor, given.EVERYBODY | {Role.ADMIN})
        async with heard_by(answers(410)) as (vendors, receiver):
            clients = await given.endpoint(client, url=receiver.url)
            await scenes.test_webhook(vendors)
            await scenes.test_webhook(clients)
            mails = await scenes.drain()
        assert [(str(mail["To"]), str(mail["Subject"])) for mail in mails] == [
            (scenes.CLARA, "A webhook of Harbour Foods was switched off"),
            ("Vera Vendor <vera@vendor.example>", "A webhook of Countersign was switched off"),
        ]
        assert sorted(notice.seat_id for notice in await Notice.all()) == sorted([clara.id, vera.id])


# ── when it is tried again ──


@pytest.mark.usefixtures("database", "private")
class TestRetries:
    async def test_5_2_the_plan_is_kept_give_or_take_a_fifth_and_then_the_delivery_has_failed(
        self, clock: ModuleType
    ) -> None:
        async with heard_by(answers(500)) as (_, receiver):
            await scenes.record()
            await scenes.drain()
            waits = await until_given_up(clock)
        planned = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
        assert len(waits) == len(planned)
        for wait, seconds in zip(waits, planned, strict=True):
            assert 0.8 * seconds <= wait.total_seconds() <= 1.2 * seconds
        assert len({wait.total_seconds() / seconds for wait, seconds in zip(waits, planned, strict=True)}) > 1
        delivery = await the_delivery()
        assert (delivery.status, delivery.tries, len(delivery.attempts)) == (DeliveryStatus.FAILED, 10, 10)
        assert len({each.id for each in receiver.received}) == 1
        assert len({each.body for each in receiver.received}) == 1
        assert len({each.at for each in receiver.received}) == 10
        assert all(
            each.headers["webhook-signature"] == each.signed_by(given.WEBHOOK_SECRET) for each in receiver.received
        )

    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize(
        ("asked", "seconds"),
        [("120", 120), ("0", None), ("-5", None), ("soon", None), ("", None), ("9" * 30, 86_400), ("9" * 5000, None)],
    )
    async def test_5_2_an_endpoint_is_left_alone_for_as_long_as_it_asks_within_a_day(
        self, status: int, asked: str, seconds: int | None, clock: ModuleType
    ) -> None:
        async with heard_by(answers(status, Retry_After=asked)):
            await scenes.record()
            await scenes.drain()
        next_attempt_at = (await the_delivery()).next_attempt_at
        assert next_attempt_at is not None
        waits = (next_attempt_at - clock.now()).total_seconds()
        assert waits == seconds if seconds is not None else 4 <= waits <= 6

    async def test_5_2_it_may_ask_by_a_date(self, clock: ModuleType) -> None:
        until = clock.now() + timedelta(hours=1)
        async with heard_by(answers(503, Retry_After=format_datetime(until, usegmt=True))):
            await scenes.record()
            await scenes.drain()
        assert (await the_delivery()).next_attempt_at == until

    async def test_only_429_and_503_may_ask(self, clock: ModuleType) -> None:
        async with heard_by(answers(500, Retry_After="3600")):
            await scenes.record()
            await scenes.drain()
        assert ((await the_delivery()).next_attempt_at or clock.now()) < clock.now() + timedelta(minutes=1)

    async def test_5_2_after_five_days_of_nothing_but_failure_the_endpoint_is_switched_off(
        self, clock: ModuleType
    ) -> None:
        start = clock.now()
        async with heard_by(answers(500)) as (endpoint, _):
            for hours in (0, 60, 119, 120):
                clock.advance(start + timedelta(hours=hours) - clock.now())
                await scenes.test_webhook(endpoint)
                await scenes.drain()
                found = await WebhookEndpoint.get(id=endpoint.id)
                is_over = hours == 120
                assert (found.failing_since, found.status, found.disabled_reason) == (
                    start,
                    EndpointStatus.DISABLED if is_over else EndpointStatus.ACTIVE,
                    "Nothing has arrived there for 5 days." if is_over else None,
                )
        assert await Event.filter(topic="webhook.disabled").count() == 1

    async def test_5_2_one_success_begins_the_five_days_anew(self, clock: ModuleType) -> None:
        async with heard_by(answers(500), answers(204), answers(500)) as (endpoint, _):
            for _ in range(3):
                await scenes.test_webhook(endpoint)
                await scenes.drain()
                clock.advance(3 * DAY)
            found = await WebhookEndpoint.get(id=endpoint.id)
        assert (found.status, found.failing_since) == (EndpointStatus.ACTIVE, conftest.MOMENT + 3 * DAY)


# ── side by side ──


@pytest.fixture
def installation(committed: str, private: None, monkeypatch: pytest.MonkeyPatch) -> settings.Settings:
    """Point the settings to the test's own database."""
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", committed.partition("?")[0])
    monkeypatch.setenv("COUNTERSIGN_SECRET_KEY", "the same in every process of one installation")
    settings.load.cache_clear()
    return settings.load()


async def nothing_waits() -> bool:
    return await scenes.all_events_have_positions() and not await WebhookDelivery.exists(status="PENDING")


def unhurried(seconds: float = 0.05) -> Behaviour:
    """Answer after a while."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        await answers(204)(writer)

    return answer


@pytest.mark.usefixtures("installation")
class TestSideBySide:
    async def test_workers_share_the_work_send_each_once_and_two_at_a_time_to_an_endpoint(
        self, installation: settings.Settings
    ) -> None:
        async with heard_by(unhurried()) as (_, slow), heard_by(unhurried(0.01)) as (_, quick):
            workers = [Worker(installation), Worker(installation)]
            for each in workers:
                await each.start()
            await scenes.record(*["contact.created"] * 20)
            await scenes.eventually(nothing_waits, within=30)
            for each in workers:
                await each.stop()
        events = sorted(event.id for event in await Event.all())
        for receiver in (slow, quick):
            assert sorted(each.id for each in receiver.received) == events
            assert receiver.most_at_once == 2
        assert set(await WebhookDelivery.all().values_list("status", "tries", "lease_until")) == {
            (DeliveryStatus.DELIVERED, 1, None)
        }

    async def test_an_endpoint_that_hangs_holds_up_no_other(
        self, installation: settings.Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with heard_by(receivers.hangs) as (_, hung), heard_by() as (_, quick):
            worker_ = Worker(installation)
            await worker_.start()
            await scenes.record(*["contact.created"] * 30)

            async def quick_has_all() -> bool:
                return len(quick.received) == 30

            await scenes.eventually(quick_has_all)
            assert hung.connections == 2
            monkeypatch.setattr(worker, "GRACE", 0.1)
            await worker_.stop()

    async def test_claims_at_once_take_each_delivery_once_and_never_three_of_an_endpoint(
        self, clock: ModuleType
    ) -> None:
        endpoints = [await given.endpoint() for _ in range(3)]
        await scenes.record(*["contact.created"] * 5)
        await relay.publish(clock.now())
        found = await asyncio.gather(*[webhooks._claim(clock.now()) for _ in range(12)])
        claims = [claim for claim in found if isinstance(claim, webhooks.Claim)]
        while (more := await webhooks._claim(clock.now())) is not None:
            claims += [more] if isinstance(more, webhooks.Claim) else []
        taken = [claim.delivery.id for claim in claims]
        assert len(taken) == len(set(taken)) == 6
        assert {e.id: sum(claim.endpoint.id == e.id for claim in claims) for e in endpoints} == dict.fromkeys(
            [e.id for e in endpoints], 2
        )
        assert not (await worker._waiting(clock.now()))["webhooks"]
        clock.advance(webhooks.LEASE)
        assert (await worker._waiting(clock.now()))["webhooks"]

    async def test_p2_what_died_with_its_worker_is_sent_again_as_the_same(self, clock: ModuleType) -> None:
        async with heard_by() as (_, receiver):
            await scenes.record()
            await relay.publish(clock.now())
            dead = await webhooks._claim(clock.now())
            assert isinstance(dead, webhooks.Claim)
            await webhooks.Sender(allow_private=True)._post(dead, clock.now())
            await scenes.drain()
            assert len(receiver.received) == 1
            clock.advance(webhooks.LEASE)
            await scenes.drain()
            # The dead one comes to life: the delivery is not its own any more.
            await webhooks._mark(dead, None, None)
        first, second = receiver.received
        assert (first.id, first.body) == (second.id, second.body)
        delivery = await the_delivery()
        assert (delivery.status, delivery.tries, len(delivery.attempts)) == (DeliveryStatus.DELIVERED, 2, 1)

    async def test_a_delivery_that_kills_whoever_makes_it_is_given_up(self, clock: ModuleType) -> None:
        async with heard_by() as (_, receiver):
            await scenes.record()
            await relay.publish(clock.now())
            for _ in range(len(webhooks.RETRIES) + 1):
                assert await webhooks._claim(clock.now())
                clock.advance(webhooks.LEASE)
            await scenes.drain()
        assert (receiver.connections, (await the_delivery()).status) == (0, DeliveryStatus.FAILED)

    async def test_no_transaction_is_open_while_a_webhook_is_posted(self) -> None:
        free: list[bool] = []

        async def look(writer: asyncio.StreamWriter) -> None:
            # Another task writes: on SQLite it would wait for an open transaction until the test's time is over.
            async with asyncio.timeout(5), in_transaction():
                await given.user("Somebody else")
            free.append(True)
            await answers(204)(writer)

        async with heard_by(look):
            await scenes.record()
            await scenes.drain()
        assert free == [True]

    async def test_the_deliveries_of_an_event_are_made_in_the_transaction_that_gives_it_its_position(
        self, monkeypatch: pytest.MonkeyPatch, clock: ModuleType
    ) -> None:
        await given.endpoint()
        await scenes.record()

        async def fail(*_: object) -> None:
            raise RuntimeError("the disk is full")

        with monkeypatch.context() as broken:
            broken.setattr(relay, "_make_deliveries", fail)
            with pytest.raises(RuntimeError, match="the disk is full"):
                await relay.publish(clock.now())
        assert (await Event.filter(pos__not_isnull=True).count(), await WebhookDelivery.all().count()) == (0, 0)
        await relay.publish(clock.now())
        assert await WebhookDelivery.all().count() == 1

    async def test_a_commit_wakes_the_sender_and_nobody_waits_for_a_poll(
        self, installation: settings.Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(worker, "POLL", 3600.0)
        async with heard_by() as (_, receiver):
            worker_ = Worker(installation)
            await worker_.start()
            await scenes.eventually(scenes.all_events_have_positions)
            await scenes.record()
            await scenes.eventually(nothing_waits, within=5)
            await worker_.stop()
        assert receiver.connections == 1


# ── what is kept ──


@pytest.mark.usefixtures("database", "private")
async def test_5_2_deliveries_are_kept_for_30_days_and_as_long_as_they_wait(clock: ModuleType) -> None:
    async with heard_by(answers(500), answers(204)) as (endpoint, _):
        await scenes.record()
        await scenes.drain()
        clock.advance(29 * DAY)
        await scenes.record()
        await scenes.drain()
        first, second = await WebhookDelivery.all().order_by("id")
        await WebhookDelivery.filter(id=first.id).update(
            status=DeliveryStatus.PENDING, next_attempt_at=clock.now() + DAY
        )
        clock.advance(timedelta(hours=23))
        assert await law.forget_deliveries(clock.now() + timedelta(hours=1)) == 0
        await WebhookDelivery.filter(id=first.id).update(status=DeliveryStatus.FAILED, next_attempt_at=None)
        assert [await law.forget_deliveries(clock.now() + timedelta(hours=after)) for after in (1, 2, 2)] == [0, 1, 0]
    assert [row.id for row in await WebhookDelivery.all()] == [second.id]
    assert endpoint.created_at == datetime(2026, 11, 21, 20, 46, tzinfo=UTC)
    assert await Mail.all().count() == 0
    assert await models.Event.all().count() == 2
