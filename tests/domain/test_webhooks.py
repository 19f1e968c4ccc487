"""Webhook endpoints: whose they are, where they may lead, and what becomes of them (mission 5.2)."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

import models
import settings
from domain import clock as the_clock
from domain import errors, moves, vault, webhooks
from domain.seats import Seat
from models.enums import (
    Audience,
    DeliveryStatus,
    EndpointStatus,
    PartnerMemberRole,
    SecurityRole,
    Side,
    UserErrorCode,
)
from models.webhook import WebhookDelivery, WebhookEndpoint
from tests import given
from tests.domain.refusals import columns, everything, refused

URL = "https://hooks.example.com/in"
DAY = timedelta(days=1)


async def in_charge(of: models.Partner) -> Seat:
    return await given.member(of, PartnerMemberRole.ADMIN)


async def told() -> list[tuple[str, str, list[tuple[str, str | None, str | None]]]]:
    """Topic, audience and changes of every event of an endpoint."""
    found = await models.Event.filter(topic__startswith="webhook.").order_by("version")
    return [
        (event.topic, event.visible_to, [(c["field"], c["before"], c["after"]) for c in event.changes])
        for event in found
    ]


async def event(pos: int | None, **about: Any) -> models.Event:
    """Write an event as the relay leaves it."""
    number = await models.Event.all().count() + 1
    row = models.Event(
        **{
            "stream": "s",
            "version": number,
            "topic": "contact.updated",
            "visible_to": Audience.BOTH,
            "commitment": "",
            "digest": "",
            "at": the_clock.now(),
            "pos": pos,
            **about,
        }
    )
    await row.save(force_create=True)
    return row


async def delivery(of: WebhookEndpoint, told_of: models.Event, **given_columns: Any) -> WebhookDelivery:
    """Write a delivery that is done."""
    row = webhooks.new_delivery(of.id, told_of.id, the_clock.now())
    row.update_from_dict({"status": DeliveryStatus.DELIVERED, "next_attempt_at": None, "tries": 3, **given_columns})
    await row.save(force_create=True)
    return row


# ── who ──


@pytest.mark.usefixtures("database", "clock", "data_dir")
class TestWho:
    async def test_5_2_a_partner_admin_an_account_owner_and_the_vendor_add_their_own(self, clock: ModuleType) -> None:
        partner, client = await given.partner(), await given.client()
        for by, owner, audience in [
            (await in_charge(partner), (partner.id, None), Audience.PARTNER),
            (await given.staff(await given.account(client)), (None, client.id), Audience.CLIENT),
            (await given.admin(), (None, None), Audience.VENDOR),
        ]:
            issued = await webhooks.create(by=by, url=URL, topics=["partner.updated", "contact.updated"])
            row = await WebhookEndpoint.get(id=issued.endpoint_id)
            assert columns(row) == {
                "id": issued.endpoint_id,
                "partner_id": owner[0],
                "client_id": owner[1],
                "url": URL,
                "topics": ["contact.updated", "partner.updated"],
                "status": EndpointStatus.ACTIVE,
                "disabled_reason": None,
                "secret": row.secret,
                "secret_hint": f"…{issued.secret[-4:]}",
                "former_secret": None,
                "former_until": None,
                "failing_since": None,
                "created_by_id": by.user_id,
                "created_at": clock.now(),
                "deleted_at": None,
            }
            made = await models.Event.get(topic="webhook.created", stream=row.id)
            assert (made.subject, made.visible_to, made.partner_id, made.client_id, made.on_behalf_of) == (
                row.id,
                audience,
                *owner,
                None,
            )
            assert made.changes == [
                {"field": "url", "before": None, "after": None},
                {"field": "topics", "before": None, "after": "contact.updated, partner.updated"},
            ]

    async def test_5_4_the_vendor_adds_a_companys_visibly(self) -> None:
        partner, client, admin = await given.partner(), await given.client(), await given.admin()
        for company in (partner, client):
            issued = await webhooks.create(by=admin, url=URL, topics=[], owner_id=company.id)
            row = await WebhookEndpoint.get(id=issued.endpoint_id)
            assert company.id in {row.partner_id, row.client_id}
            made = await models.Event.get(topic="webhook.created", stream=row.id)
            assert (made.side, made.on_behalf_of) == (Side.VENDOR, company.id)

    async def test_nobody_else_names_another_owner(self) -> None:
        partner, client = await given.partner(), await given.client()
        await given.partnership(partner, client)
        by = await in_charge(partner)
        async with refused(UserErrorCode.FORBIDDEN, "ownerId"):
            await webhooks.create(by=by, url=URL, topics=[], owner_id=client.id)
        stranger = await given.partner("Southwind")
        for owner_id in (stranger.id, "partner_none", "nonsense", ""):
            async with refused(UserErrorCode.NOT_FOUND, "ownerId"):
                await webhooks.create(by=by, url=URL, topics=[], owner_id=owner_id)
        await webhooks.create(by=by, url=URL, topics=[], owner_id=partner.id)

    async def test_no_verb_is_for_those_who_do_not_answer_for_their_company(self) -> None:
        partner, client = await given.partner(), await given.client()
        account = await given.account(client)
        of_partner, of_client = await given.endpoint(partner), await given.endpoint(client)
        for by, endpoint in [
            (await given.member(partner), of_partner),
            (await given.staff(account, SecurityRole.MANAGER), of_client),
            (await given.staff(account, SecurityRole.STAFF), of_client),
        ]:
            for verb in await verbs(endpoint):
                async with refused(UserErrorCode.FORBIDDEN):
                    await verb(by)

    async def test_a_foreign_a_missing_and_a_deleted_endpoint_are_not_found(self, clock: ModuleType) -> None:
        partner, client = await given.partner(), await given.client()
        admin, owner = await in_charge(partner), await given.staff(await given.account(client))
        foreign = [
            (admin, await given.endpoint()),
            (admin, await given.endpoint(client)),
            (admin, await given.endpoint(await given.partner("Southwind"))),
            (admin, await given.endpoint(partner, deleted_at=clock.now())),
            (owner, await given.endpoint(partner)),
            (await given.admin(), await given.endpoint(deleted_at=clock.now())),
        ]
        for by, endpoint in foreign:
            _, *others, redeliver = await verbs(endpoint)
            for verb in others:
                async with refused(UserErrorCode.NOT_FOUND, "endpointId"):
                    await verb(by)
            async with refused(UserErrorCode.NOT_FOUND, "deliveryId"):
                await redeliver(by)


async def verbs(of: WebhookEndpoint) -> list[Callable[[Seat], Awaitable[object]]]:
    """Every verb, about an endpoint: the first one adds, the last one is about its delivery."""
    its = await delivery(of, await event(None))
    return [
        lambda by: webhooks.create(by=by, url=URL, topics=[]),
        lambda by: webhooks.update(by=by, endpoint_id=of.id, topics=["contact.updated"]),
        lambda by: webhooks.rotate_secret(by=by, endpoint_id=of.id),
        lambda by: webhooks.delete(by=by, endpoint_id=of.id),
        lambda by: webhooks.test(by=by, endpoint_id=of.id),
        lambda by: webhooks.replay(by=by, endpoint_id=of.id, after=0),
        lambda by: webhooks.redeliver(by=by, delivery_id=its.id),
    ]


# ── where ──

GOOD = {
    "https://hooks.example.com": "https://hooks.example.com/",
    "https://hooks.example.com:443/a?b=c": "https://hooks.example.com/a?b=c",
    "https://hooks.example.com:8443/a": "https://hooks.example.com:8443/a",
    "HTTPS://Hooks.Example.COM/A": "https://hooks.example.com/A",
    "https://münchen.example/ä": "https://xn--mnchen-3ya.example/%C3%A4",
    "https://hooks.example.com\\@127.0.0.1/": "https://hooks.example.com/@127.0.0.1/",
}
BAD = [
    "http://hooks.example.com/",
    "ftp://hooks.example.com/",
    "wss://hooks.example.com/",
    "file:///etc/passwd",
    "hooks.example.com",
    "",
    "\0",
    # names of home
    "https://localhost/",
    "https://LOCALHOST./",
    "https://%6cocalhost/",
    "https://\N{SOFT HYPHEN}localhost/",
    "https://api.localhost/",
    "https://printer.local/",
    "https://metadata.google.internal/",
    "https://intranet/",
    # literals in every notation
    "https://127.0.0.1/",
    "https://127.0.0.1./",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://8.8.8.8/",
    "https://１２７.０.０.１/",  # noqa: RUF001
    "https://①②⑦.0.0.1/",
    "https://127。0。0。1/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[2606:4700:4700::1111]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[fe80::1%25eth0]/",
    "https://1.2.3.4.5/",
    # users
    "https://user@hooks.example.com/",
    "https://user:password@hooks.example.com/",
    "https://:password@hooks.example.com/",
    "https://hooks.example.com@127.0.0.1/",
    # ports
    "https://hooks.example.com:80/",
    "https://hooks.example.com:22/",
    "https://hooks.example.com:0/",
    "https://hooks.example.com:8444/",
    "https://hooks.example.com:65536/",
]


@pytest.mark.usefixtures("database", "clock", "data_dir")
class TestWhere:
    @pytest.mark.parametrize(("given_url", "kept"), GOOD.items())
    async def test_5_2_a_url_is_kept_in_its_one_notation(self, given_url: str, kept: str) -> None:
        issued = await webhooks.create(by=await given.admin(), url=given_url, topics=[])
        assert (await WebhookEndpoint.get(id=issued.endpoint_id)).url == kept

    @pytest.mark.parametrize("url", BAD)
    async def test_5_2_what_is_no_https_url_of_a_public_name_is_invalid_at_save(self, url: str) -> None:
        by = await given.admin()
        endpoint = await given.endpoint()
        async with refused(UserErrorCode.INVALID, "url"):
            await webhooks.create(by=by, url=url, topics=[])
        async with refused(UserErrorCode.INVALID, "url"):
            await webhooks.update(by=by, endpoint_id=endpoint.id, url=url)

    @pytest.mark.parametrize("url", ["http://127.0.0.1:9000/in", "http://localhost:80/", "https://user@intranet:1/"])
    async def test_for_development_any_http_url_may_be_allowed(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COUNTERSIGN_WEBHOOK_ALLOW_PRIVATE", "true")
        settings.load.cache_clear()
        by = await given.admin()
        await webhooks.create(by=by, url=url, topics=[])
        async with refused(UserErrorCode.INVALID, "url"):
            await webhooks.create(by=by, url="ftp://hooks.example.com", topics=[])


# ── what ──


@pytest.mark.usefixtures("database", "clock", "data_dir")
class TestWhat:
    async def test_an_unknown_topic_is_invalid_and_one_that_is_named_twice_is_kept_once(self) -> None:
        by = await given.admin()
        async with refused(UserErrorCode.INVALID, "topics"):
            await webhooks.create(by=by, url=URL, topics=["contact.updated", "contact.*"])
        issued = await webhooks.create(by=by, url=URL, topics=["contact.updated"] * 3)
        assert (await WebhookEndpoint.get(id=issued.endpoint_id)).topics == ["contact.updated"]
        await webhooks.create(by=by, url=URL, topics=list(moves.TOPICS))

    async def test_a_company_has_20_endpoints_at_most_and_the_others_do_not_count(self, clock: ModuleType) -> None:
        partner, rivals = await given.partner(), await given.partner("Rivals")
        by = await in_charge(partner)
        for _ in range(20):
            await given.endpoint(rivals)
            await given.endpoint()
        for _ in range(19):
            await given.endpoint(partner)
        await given.endpoint(partner, deleted_at=clock.now())
        await webhooks.create(by=by, url=URL, topics=[])
        async with refused(UserErrorCode.INVALID):
            await webhooks.create(by=by, url=URL, topics=[])

    async def test_what_is_given_changes_and_the_rest_stays(self) -> None:
        by = await given.admin()
        endpoint = await given.endpoint(topics=["contact.updated"])
        await webhooks.update(by=by, endpoint_id=endpoint.id, url="https://other.example.com/", topics=None)
        await webhooks.update(by=by, endpoint_id=endpoint.id, status=EndpointStatus.PAUSED, topics=[])
        row = await WebhookEndpoint.get(id=endpoint.id)
        assert columns(row) == {
            **columns(endpoint),
            "url": "https://other.example.com/",
            "status": EndpointStatus.PAUSED,
            "topics": [],
        }
        assert await told() == [
            # Who reads the event need not read the endpoint, whose address may hold a key.
            ("webhook.updated", "VENDOR", [("url", None, None)]),
            ("webhook.updated", "VENDOR", [("topics", "contact.updated", ""), ("status", "ACTIVE", "PAUSED")]),
        ]

    async def test_what_is_so_already_is_not_told(self) -> None:
        by, endpoint = await given.admin(), await given.endpoint()
        before = await everything()
        await webhooks.update(by=by, endpoint_id=endpoint.id, url=URL, topics=[], status=EndpointStatus.ACTIVE)
        assert await everything() == before

    async def test_only_the_server_disables_and_its_owner_lets_it_go_on(self, clock: ModuleType) -> None:
        by = await given.admin()
        endpoint = await given.endpoint(
            status=EndpointStatus.DISABLED, disabled_reason="It answered 410.", failing_since=clock.now()
        )
        async with refused(UserErrorCode.INVALID, "status"):
            await webhooks.update(by=by, endpoint_id=endpoint.id, status=EndpointStatus.DISABLED)
        await webhooks.update(by=by, endpoint_id=endpoint.id, status=EndpointStatus.ACTIVE)
        row = await WebhookEndpoint.get(id=endpoint.id)
        assert (row.status, row.disabled_reason, row.failing_since) == (EndpointStatus.ACTIVE, None, None)

    async def test_nothing_is_sent_on_demand_to_an_endpoint_that_is_not_active(self) -> None:
        by = await given.admin()
        for status in (EndpointStatus.PAUSED, EndpointStatus.DISABLED):
            endpoint = await given.endpoint(status=status)
            *_, test, replay, redeliver = await verbs(endpoint)
            for verb, place in [(test, "endpointId"), (replay, "endpointId"), (redeliver, "deliveryId")]:
                async with refused(UserErrorCode.WRONG_STATE, place):
                    await verb(by)

    async def test_a_deleted_endpoint_keeps_no_secret(self, clock: ModuleType) -> None:
        endpoint = await given.endpoint(former_secret="kept")
        await webhooks.delete(by=await given.admin(), endpoint_id=endpoint.id)
        row = await WebhookEndpoint.get(id=endpoint.id)
        assert (row.deleted_at, row.secret, row.former_secret) == (clock.now(), "", None)
        assert await told() == [("webhook.deleted", "VENDOR", [])]


# ── secrets ──


@pytest.mark.usefixtures("database", "clock", "data_dir")
class TestSecrets:
    async def test_5_2_a_secret_is_32_random_bytes_after_the_standard_and_is_kept_encrypted(self) -> None:
        by = await given.admin()
        issued = [await webhooks.create(by=by, url=URL, topics=[]) for _ in range(2)]
        assert issued[0].secret != issued[1].secret
        for each in issued:
            prefix, _, coded = each.secret.partition("_")
            assert (prefix, len(base64.b64decode(coded, validate=True))) == ("whsec", 32)
            row = await WebhookEndpoint.get(id=each.endpoint_id)
            assert vault.opened(row.secret, of=row.id) == each.secret
            assert coded not in str(await everything())

    async def test_5_2_a_rotated_secret_signs_for_24_hours_more_and_only_the_one_before(
        self, clock: ModuleType
    ) -> None:
        by = await given.admin()
        first = await webhooks.create(by=by, url=URL, topics=[])
        second = await webhooks.rotate_secret(by=by, endpoint_id=first.endpoint_id)
        row = await WebhookEndpoint.get(id=first.endpoint_id)
        assert (vault.opened(row.secret, of=row.id), vault.opened(row.former_secret or "", of=row.id)) == (
            second.secret,
            first.secret,
        )
        assert (row.former_until, row.secret_hint) == (clock.now() + DAY, f"…{second.secret[-4:]}")
        third = await webhooks.rotate_secret(by=by, endpoint_id=first.endpoint_id)
        row = await WebhookEndpoint.get(id=first.endpoint_id)
        assert (vault.opened(row.secret, of=row.id), vault.opened(row.former_secret or "", of=row.id)) == (
            third.secret,
            second.secret,
        )
        assert [topic for topic, _, _ in await told()] == [
            "webhook.created",
            "webhook.secret_rotated",
            "webhook.secret_rotated",
        ]


# ── again ──


@pytest.mark.usefixtures("database", "clock", "data_dir")
class TestAgain:
    async def test_5_2_a_delivery_is_made_again_with_all_its_attempts(self, clock: ModuleType) -> None:
        endpoint = await given.endpoint()
        again = await delivery(endpoint, await event(1), status=DeliveryStatus.FAILED)
        other = await delivery(endpoint, await event(2))
        assert await webhooks.redeliver(by=await given.admin(), delivery_id=again.id) == endpoint.id
        assert columns(await WebhookDelivery.get(id=again.id)) == {
            **columns(again),
            "status": DeliveryStatus.PENDING,
            "tries": 0,
            "next_attempt_at": clock.now(),
        }
        assert columns(await WebhookDelivery.get(id=other.id)) == columns(other)
        told_of = await models.Event.get(topic="webhook.redelivered")
        assert (told_of.stream, told_of.subject) == (endpoint.id, again.id)

    async def test_5_2_a_replay_sends_all_that_the_endpoint_may_hear_since_a_position(self, clock: ModuleType) -> None:
        partner = await given.partner()
        endpoint = await given.endpoint(partner, topics=["contact.updated", "contact.created"])
        before, done, missed, unchosen, foreign, hidden, unpublished = [
            await event(1, partner_id=partner.id),
            await event(2, partner_id=partner.id),
            await event(3, partner_id=partner.id, topic="contact.created"),
            await event(4, partner_id=partner.id, topic="partner.updated"),
            await event(5, partner_id=(await given.partner("Rivals")).id),
            await event(6, partner_id=partner.id, visible_to=Audience.CLIENT),
            await event(None, partner_id=partner.id),
        ]
        kept = await delivery(endpoint, done)
        first = await delivery(endpoint, before)
        clock.advance(DAY)
        await webhooks.replay(by=await in_charge(partner), endpoint_id=endpoint.id, after=1)
        rows = {row.event_id: row for row in await WebhookDelivery.all()}
        assert set(rows) == {before.id, done.id, missed.id}
        assert not {unchosen.id, foreign.id, hidden.id, unpublished.id} & set(rows)
        assert columns(rows[before.id]) == columns(first)
        assert columns(rows[done.id]) == {
            **columns(kept),
            "status": DeliveryStatus.PENDING,
            "tries": 0,
            "next_attempt_at": clock.now(),
        }
        assert (rows[missed.id].status, rows[missed.id].next_attempt_at) == (DeliveryStatus.PENDING, clock.now())
        assert await told() == [("webhook.replayed", "PARTNER", [("deliveries", None, "2")])]

    async def test_a_replay_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(webhooks, "MOST_REPLAYED", 3)
        by, endpoint = await given.admin(), await given.endpoint()
        for pos in range(1, 5):
            await event(pos)
        async with refused(UserErrorCode.INVALID, "after"):
            await webhooks.replay(by=by, endpoint_id=endpoint.id, after=0)
        await webhooks.replay(by=by, endpoint_id=endpoint.id, after=1)
        assert await WebhookDelivery.all().count() == 3

    async def test_a_position_ahead_of_the_log_replays_nothing(self) -> None:
        endpoint = await given.endpoint()
        await event(1)
        await webhooks.replay(by=await given.admin(), endpoint_id=endpoint.id, after=2**63 - 1)
        assert await WebhookDelivery.all().count() == 0


# ── at once ──


@pytest.mark.usefixtures("committed", "data_dir")
class TestAtOnce:
    async def test_of_several_for_the_last_place_one_gets_it(self) -> None:
        partner = await given.partner()
        by = await in_charge(partner)
        for _ in range(19):
            await given.endpoint(partner)
        found = await asyncio.gather(
            *[webhooks.create(by=by, url=URL, topics=[]) for _ in range(6)], return_exceptions=True
        )
        codes = sorted(type(each).__name__ for each in found)
        assert codes == ["Issued", *["Refusal"] * 5]
        assert {each.code for each in found if isinstance(each, errors.Refusal)} == {UserErrorCode.INVALID}
        assert await WebhookEndpoint.all().count() == 20

    async def test_an_endpoint_is_switched_off_and_told_of_once(self) -> None:
        endpoint = await given.endpoint()
        await asyncio.gather(*[webhooks.disable(endpoint.id, "It answered 410.") for _ in range(6)])
        found = await models.Event.filter(topic="webhook.disabled")
        assert [(each.actor_id, each.reason, each.subject) for each in found] == [
            (None, "It answered 410.", endpoint.id)
        ]
