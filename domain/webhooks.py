"""Webhooks: where a company's program, or the vendor's, hears of what happens (mission 5.2)."""

import base64
import ipaddress
import secrets
from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypedDict, Unpack

from pydantic import HttpUrl, TypeAdapter, ValidationError
from tortoise import connections

import settings
from domain import changes, clock, errors, moves, policy, vault
from domain.changes import Change
from domain.policy import Permission
from domain.seats import Seat
from models import sql
from models.client import Client
from models.enums import Audience, DeliveryStatus, EndpointStatus, Side, UserErrorCode
from models.event import Change as Difference
from models.partner import Partner
from models.webhook import WebhookDelivery, WebhookEndpoint

PORTS: Final = frozenset({443, 8443})
# Names that only mean something at home. What they lead to is looked at when something is sent.
HOME_DOMAINS: Final = frozenset({"localhost", "local", "internal"})

SECRET_PREFIX: Final = "whsec_"  # noqa: S105  the standard's
SECRET_BYTES: Final = 32
# Of the secret's last letters, so that its owner can tell which one it is.
HINT_LETTERS: Final = 4
# How long the secret before the last rotation still signs beside it.
OVERLAP: Final = timedelta(hours=24)

MOST_ENDPOINTS: Final = 20
MOST_REPLAYED: Final = 10_000
# After so long of nothing but failure an endpoint is switched off.
PATIENCE: Final = timedelta(days=5)
# How long deliveries are kept to look at.
KEPT: Final = timedelta(days=30)
BATCH: Final = 10_000

# The one topic that goes to the endpoint which it is about, whatever that chose, and to no other.
TEST: Final = "webhook.test"
# Says where data goes: told that it changed, not to what, as not everybody who reads the event reads the endpoint.
_NEVER_TOLD: Final = frozenset({"url"})

_url = TypeAdapter(HttpUrl)


# ── who hears what ──

_OWNERS: Final[Mapping[Side, str]] = {
    Side.PARTNER: "w.partner_id is not null",
    Side.CLIENT: "w.client_id is not null",
    Side.VENDOR: "coalesce(w.partner_id, w.client_id, '') = ''",
}
# Whether an endpoint chose an event's topic; goes into `heard` as `{chosen}`.
CHOSEN: Final[Mapping[sql.Dialect, str]] = {
    sql.Dialect.POSTGRES: "w.topics @> to_jsonb(e.topic)",
    sql.Dialect.SQLITE: "exists (select 1 from json_each(w.topics) c_ where c_.value = e.topic)",
}


def heard(which: str) -> str:
    """Return the template of what endpoints hear: rows of endpoint `w` and event `e` for which a condition holds.

    An endpoint hears what its owner may, at the moment `:now`, and has chosen. One that is not ACTIVE hears nothing.
    """
    # A company may be in an account by several of its projects: an event is heard once.
    return " union ".join(
        "select w.id as endpoint_id, e.id as event_id, e.pos as pos from webhook_endpoint w"  # noqa: S608  the law's own words
        f" join event e on {_as_owner(events)} where {owner}"
        " and w.status = 'ACTIVE' and w.deleted_at is null"
        f" and case when e.topic = '{TEST}' then e.subject = w.id else w.topics = '[]' or {{chosen}} end and {which}"
        for side, owner in _OWNERS.items()
        for events in policy.HEARD[side]
    )


def _as_owner(seen: str) -> str:
    return seen.replace("{t}", "e").replace(":partner", "w.partner_id").replace(":client", "w.client_id")


# ── verbs ──


@dataclass(frozen=True, slots=True)
class Issued:
    """An endpoint, and the secret that is shown this once."""

    endpoint_id: str
    secret: str


async def create(*, by: Seat, url: str, topics: Collection[str], owner_id: str | None = None) -> Issued:
    """Add an endpoint of one's own company; the vendor's staff add the vendor's, or any company's (`owner_id`).

    No topics: all that the owner may hear of. Refuses NOT_FOUND, FORBIDDEN, INVALID: a URL that is not https at port
    443 or 8443 of a name, an unknown topic, more than 20 endpoints.
    """
    policy.require(Permission.WEBHOOK_CREATE, by=by)
    secret = _new_secret()
    endpoint = WebhookEndpoint(
        **await _owner(owner_id, by=by),
        url=address(url, "url"),
        topics=_known(topics, "topics"),
        secret_hint=_hint(secret),
        created_by_id=by.user_id,
    )
    endpoint.secret = vault.sealed(secret, of=endpoint.id)
    async with _change(endpoint, by=by) as c:
        await _require_room(endpoint)
        endpoint.created_at = c.now
        await endpoint.save(force_create=True)
        chosen = {"url": endpoint.url, "topics": endpoint.topics}
        _record(c, "webhook.created", endpoint, changes.differences({}, chosen))
    return Issued(endpoint.id, secret)


class Choices(TypedDict, total=False):
    """What may change of an endpoint. What is left out, or null, stays."""

    url: str | None
    topics: Collection[str] | None
    status: EndpointStatus | None


async def update(*, by: Seat, endpoint_id: str, **given: Unpack[Choices]) -> str:
    """Change what is given of an endpoint, pause it or let it go on; return its id.

    What happens while it is not ACTIVE is not kept for it: a replay sends that. Refuses NOT_FOUND, FORBIDDEN, INVALID:
    as `create`, and DISABLED, which is the server's to say.
    """
    policy.require(Permission.WEBHOOK_UPDATE, by=by)
    endpoint = await policy.find(WebhookEndpoint, endpoint_id, "endpointId", by=by)
    columns = _checked(given)
    async with _change(endpoint, by=by) as c:
        held = await _hold(endpoint_id)
        differences = changes.differences({name: getattr(held, name) for name in columns}, columns)
        if not differences:
            return endpoint_id
        if columns.get("status", held.status) is not held.status:
            columns |= {"disabled_reason": None, "failing_since": None}
        await WebhookEndpoint.filter(id=endpoint_id).update(**columns)
        _record(c, "webhook.updated", held, differences)
    return endpoint_id


async def rotate_secret(*, by: Seat, endpoint_id: str) -> Issued:
    """Give an endpoint a new secret; the one before signs beside it for 24 hours. Refuses NOT_FOUND, FORBIDDEN."""
    policy.require(Permission.WEBHOOK_SECRET_ROTATE, by=by)
    endpoint = await policy.find(WebhookEndpoint, endpoint_id, "endpointId", by=by)
    secret = _new_secret()
    async with _change(endpoint, by=by) as c:
        held = await _hold(endpoint_id)
        await WebhookEndpoint.filter(id=endpoint_id).update(
            secret=vault.sealed(secret, of=endpoint_id),
            secret_hint=_hint(secret),
            former_secret=held.secret,
            former_until=c.now + OVERLAP,
        )
        _record(c, "webhook.secret_rotated", held)
    return Issued(endpoint_id, secret)


async def delete(*, by: Seat, endpoint_id: str) -> None:
    """Remove an endpoint with its secrets; nothing is sent to it any more. Refuses NOT_FOUND, FORBIDDEN."""
    policy.require(Permission.WEBHOOK_DELETE, by=by)
    endpoint = await policy.find(WebhookEndpoint, endpoint_id, "endpointId", by=by)
    async with _change(endpoint, by=by) as c:
        held = await _hold(endpoint_id)
        await WebhookEndpoint.filter(id=endpoint_id).update(deleted_at=c.now, secret="", former_secret=None)
        _record(c, "webhook.deleted", held)


async def test(*, by: Seat, endpoint_id: str) -> str:
    """Send an endpoint a `webhook.test`, as everything is sent; return its id.

    Refuses NOT_FOUND, FORBIDDEN, WRONG_STATE (it is not ACTIVE).
    """
    policy.require(Permission.WEBHOOK_TEST, by=by)
    endpoint = await policy.find(WebhookEndpoint, endpoint_id, "endpointId", by=by)
    async with _change(endpoint, by=by) as c:
        _record(c, TEST, await _hold_active(endpoint_id))
    return endpoint_id


async def redeliver(*, by: Seat, delivery_id: str) -> str:
    """Make one delivery again, with the same id and all its attempts anew; return the endpoint's id.

    Refuses NOT_FOUND, FORBIDDEN, WRONG_STATE (the endpoint is not ACTIVE).
    """
    policy.require(Permission.WEBHOOK_REDELIVER, by=by)
    delivery = await policy.find(WebhookDelivery, delivery_id, "deliveryId", by=by)
    endpoint = await WebhookEndpoint.get(id=delivery.endpoint_id)
    async with _change(endpoint, by=by) as c:
        held = await _hold_active(endpoint.id, "deliveryId")
        again = WebhookDelivery.filter(id=delivery_id)
        await again.update(status=DeliveryStatus.PENDING, tries=0, next_attempt_at=c.now)
        _record(c, "webhook.redelivered", held, subject=delivery_id)
    return endpoint.id


async def replay(*, by: Seat, endpoint_id: str, after: int) -> str:
    """Send an endpoint again all it may hear of what followed a position in the log; return its id.

    With the same ids, so that a receiver can drop what it has. Refuses NOT_FOUND, FORBIDDEN, WRONG_STATE (it is not
    ACTIVE), INVALID at `after`: more than 10,000 events.
    """
    policy.require(Permission.WEBHOOK_REPLAY, by=by)
    endpoint = await policy.find(WebhookEndpoint, endpoint_id, "endpointId", by=by)
    async with _change(endpoint, by=by) as c:
        held = await _hold_active(endpoint_id)
        events = await _heard_since(endpoint_id, after)
        if len(events) > MOST_REPLAYED:
            raise errors.invalid(f"More than {MOST_REPLAYED} events follow. Replay from a later one.", "after")
        await WebhookDelivery.bulk_create(
            [new_delivery(endpoint_id, event_id, c.now) for event_id in events],
            on_conflict=["endpoint_id", "event_id"],
            update_fields=["status", "tries", "next_attempt_at"],
        )
        count: Difference = {"field": "deliveries", "before": None, "after": str(len(events))}
        _record(c, "webhook.replayed", held, [count])
    return endpoint_id


def new_delivery(endpoint_id: str, event_id: str, at: datetime) -> WebhookDelivery:
    """Make the row of an event that is to go to an endpoint, now."""
    return WebhookDelivery(endpoint_id=endpoint_id, event_id=event_id, next_attempt_at=at, created_at=at)


async def _heard_since(endpoint_id: str, after: int) -> list[str]:
    connection = connections.get("default")
    statement, values = sql.bind(
        f"{heard('w.id = :endpoint and e.pos > :after')} order by pos limit :most",
        {"endpoint": endpoint_id, "after": after, "now": clock.now(), "most": MOST_REPLAYED + 1},
        changes.dialect(connection),
        chosen=CHOSEN[changes.dialect(connection)],
    )
    return [row["event_id"] for row in await connection.execute_query_dict(statement, values)]


# ── what becomes of an endpoint ──


async def disable(endpoint_id: str, reason: str) -> None:
    """Switch off an endpoint that wants, or is, no more, and tell its owner; one that is not ACTIVE stays as it is."""
    async with changes.change(by=None) as c:
        working = WebhookEndpoint.filter(id=endpoint_id, status=EndpointStatus.ACTIVE, deleted_at__isnull=True)
        if await working.update(status=EndpointStatus.DISABLED, disabled_reason=reason):
            _record(c, "webhook.disabled", await WebhookEndpoint.get(id=endpoint_id), reason=reason)


async def note_success(endpoint_id: str) -> None:
    """Forget since when an endpoint has failed."""
    await WebhookEndpoint.filter(id=endpoint_id, failing_since__isnull=False).update(failing_since=None)


async def note_failure(endpoint_id: str, at: datetime) -> None:
    """Note since when an endpoint has failed; after five days of nothing else it is disabled."""
    if await WebhookEndpoint.filter(id=endpoint_id, failing_since__isnull=True).update(failing_since=at):
        return
    if await WebhookEndpoint.exists(id=endpoint_id, failing_since__lte=at - PATIENCE):
        await disable(endpoint_id, f"Nothing has arrived there for {PATIENCE.days} days.")


async def forget_deliveries(at: datetime) -> int:
    """Delete a batch of deliveries that are older than 30 days and wait for nothing since; return how many."""
    connection = connections.get("default")
    statement, values = sql.bind(
        "delete from webhook_delivery where id {among}select d.id from webhook_delivery d where d.created_at < :before"
        " and (d.next_attempt_at is null or d.next_attempt_at < :before) limit :batch{end} returning id",
        {"before": at - KEPT, "batch": BATCH},
        changes.dialect(connection),
    )
    return len(await connection.execute_query_dict(statement, values))


# ── what endpoints are made of ──


def address(given: str, *path: str) -> str:
    """Return a URL as it is kept: the one notation that it has. Refuses INVALID where a webhook may not go.

    https alone, at port 443 or 8443, to a name: no address in whatever notation, no name of a home network, no user.
    With WEBHOOK_ALLOW_PRIVATE, for development, any http or https URL.
    """
    try:
        url = _url.validate_python(given)
    except ValidationError:
        raise errors.invalid("This must be an address that begins with https://.", *path) from None
    if not settings.load().webhook_allow_private:
        _require_public(url, *path)
    return str(url)


def _require_public(url: HttpUrl, *path: str) -> None:
    host = (url.host or "").removesuffix(".")
    if url.scheme != "https":
        raise errors.invalid("This must be an address that begins with https://.", *path)
    if url.port not in PORTS:
        raise errors.invalid("The port must be 443 or 8443.", *path)
    if url.username is not None or url.password is not None:
        raise errors.invalid("The address must not hold a user or a password.", *path)
    if _is_literal(host) or "." not in host or host.rpartition(".")[2] in HOME_DOMAINS:
        raise errors.invalid("The address must name a host of the public internet.", *path)


def _is_literal(host: str) -> bool:
    """Whether a host is an address; the parser has brought every notation of one to the usual."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _known(topics: Collection[str], *path: str) -> list[str]:
    unknown = set(topics) - set(moves.TOPICS)
    if unknown:
        raise errors.invalid("There is no such topic: `topics` lists them.", *path)
    return sorted(set(topics))


def _checked(given: Choices) -> dict[str, object]:
    columns: dict[str, object] = {}
    if (url := given.get("url")) is not None:
        columns["url"] = address(url, "url")
    if (topics := given.get("topics")) is not None:
        columns["topics"] = _known(topics, "topics")
    if (status := given.get("status")) is not None:
        columns["status"] = EndpointStatus(status)
        if status is EndpointStatus.DISABLED:
            raise errors.invalid("Only the server disables an endpoint. Pause it.", "status")
    return columns


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _hint(secret: str) -> str:
    return f"…{secret[-HINT_LETTERS:]}"


async def _owner(owner_id: str | None, *, by: Seat) -> dict[str, str | None]:
    if owner_id is None:
        return {"partner_id": by.partner_id, "client_id": by.client_id}
    model = Partner if owner_id.startswith("partner_") else Client
    company: Partner | Client = await policy.find(model, owner_id, "ownerId", by=by)
    if by.side is not Side.VENDOR and company.id not in {by.partner_id, by.client_id}:
        raise errors.Refusal(UserErrorCode.FORBIDDEN, "The webhooks of this company are not yours to keep.", "ownerId")
    return {"partner_id": company.id} if isinstance(company, Partner) else {"client_id": company.id}


async def _require_room(endpoint: WebhookEndpoint) -> None:
    """Refuse one endpoint too many. Who adds one holds those that are there: of two at once, one sees the other's."""
    others = WebhookEndpoint.filter(
        partner_id=endpoint.partner_id, client_id=endpoint.client_id, deleted_at__isnull=True
    )
    await others.select_for_update(no_key=True)
    if await others.count() >= MOST_ENDPOINTS:
        raise errors.invalid(f"There are {MOST_ENDPOINTS} already. Delete one first.")


async def _hold(endpoint_id: str) -> WebhookEndpoint:
    rows = WebhookEndpoint.filter(id=endpoint_id, deleted_at__isnull=True)
    held = await rows.select_for_update(no_key=True).get_or_none()
    if held is None:
        raise errors.not_found("webhook endpoint", "endpointId")
    return held


async def _hold_active(endpoint_id: str, *path: str) -> WebhookEndpoint:
    held = await _hold(endpoint_id)
    if held.status is not EndpointStatus.ACTIVE:
        message = "Nothing is sent to this endpoint: set its status to ACTIVE first."
        raise errors.Refusal(UserErrorCode.WRONG_STATE, message, *(path or ("endpointId",)))
    return held


def _change(endpoint: WebhookEndpoint, *, by: Seat) -> AbstractAsyncContextManager[Change]:
    """Open a change of an endpoint; the vendor's staff act for its company, visibly (mission 5.4)."""
    return changes.change(by=by, on_behalf_of=_company(endpoint) if by.side is Side.VENDOR else None)


def _company(endpoint: WebhookEndpoint) -> str | None:
    return endpoint.partner_id or endpoint.client_id


def _record(  # noqa: PLR0913  an event's columns
    c: Change,
    topic: str,
    endpoint: WebhookEndpoint,
    differences: Collection[Difference] = (),
    *,
    subject: str | None = None,
    reason: str | None = None,
) -> None:
    """Tell its own side, and the vendor, in the endpoint's own stream."""
    audience = Audience.PARTNER if endpoint.partner_id else Audience.CLIENT if endpoint.client_id else Audience.VENDOR
    c.event(
        topic,
        stream=endpoint.id,
        subject=subject or endpoint.id,
        audience=audience,
        reason=reason,
        partner_id=endpoint.partner_id,
        client_id=endpoint.client_id,
        changes=[_told(difference) for difference in differences],
    )


def _told(difference: Difference) -> Difference:
    if difference["field"] in _NEVER_TOLD:
        return {"field": difference["field"], "before": None, "after": None}
    return difference
