"""How webhooks leave: claimed by one slot, signed, posted outside any transaction, marked; tried again for days.

After Standard Webhooks (https://www.standardwebhooks.com): the id is the event's on every attempt, the time is the
attempt's, and each live secret signs. At least once: who has an id already drops the repeat.
"""

import asyncio
import functools
import random
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson
import structlog
from tortoise.connection import get_connection
from tortoise.transactions import in_transaction

from domain import changes, clock, vault, webhooks
from domain.errors import Refusal
from models import sql
from models.enums import DeliveryStatus, EndpointStatus
from models.event import Event
from models.webhook import Attempt, WebhookDelivery, WebhookEndpoint

if TYPE_CHECKING:
    import httpcore2

    from outbox.ssrf import Guard

# Seconds for an attempt: name, connection, request and answer.
LONGEST_ATTEMPT: Final = 15.0
LEASE: Final = timedelta(seconds=60)
# Attempts side by side at one endpoint, of all processes together.
AT_ONCE: Final = 2

# How long after each failed attempt the next one follows, give or take; after the last one the delivery has failed.
RETRIES: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
JITTER: Final = 0.2
# What an endpoint may ask for in Retry-After; the plan waits no less.
LONGEST_WAIT: Final = timedelta(hours=24)

# Bytes of an answer that are read, and kept.
KEPT_BODY: Final = 1024
KEPT_ATTEMPTS: Final = 20

_IS_FREE: Final = (
    "d.status = 'PENDING' and d.next_attempt_at <= :now and (d.lease_until is null or d.lease_until <= :now)"
)
_HAS_ROOM: Final = (
    "(select count(*) from webhook_delivery b where b.endpoint_id = w.id and b.lease_until > :now) < :at_once"
)
_WAITS_SINCE: Final = (
    f"(select min(d.next_attempt_at) from webhook_delivery d where d.endpoint_id = w.id and {_IS_FREE})"  # noqa: S608  words of this table
)
# The endpoint whose delivery has waited longest; each that has one is looked up, however many it has. Who claims for it
# holds it, so that of two at once nobody counts past the other.
READY: Final = f"""
with recursive waiting (endpoint_id) as (
  select min(d.endpoint_id) from webhook_delivery d where d.status = 'PENDING'
  union all
  select (
    select min(d.endpoint_id) from webhook_delivery d where d.status = 'PENDING' and d.endpoint_id > waiting.endpoint_id
  ) from waiting where waiting.endpoint_id is not null
)
select w.id as id from waiting join webhook_endpoint w on w.id = waiting.endpoint_id
where w.status = 'ACTIVE' and w.deleted_at is null and {_HAS_ROOM} and {_WAITS_SINCE} is not null
order by {_WAITS_SINCE}, w.id limit 1
"""  # noqa: S608  as above
HOLDING: Final = {sql.Dialect.POSTGRES: " for no key update of w skip locked", sql.Dialect.SQLITE: ""}
CLAIM: Final = f"""
update webhook_delivery set lease_until = :lease_until, tries = tries + 1
where id = (
  select d.id from webhook_delivery d join webhook_endpoint w on w.id = d.endpoint_id
  where w.id = :endpoint and {_HAS_ROOM} and {_IS_FREE}
  order by d.next_attempt_at, d.id limit 1
)
returning id
"""  # noqa: S608  as above
# Asked again for every attempt: a right may have ended since the event was published (P5).
STILL_HEARD: Final = webhooks.heard("w.id = :endpoint and e.id = :event")

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that one slot has to itself until its lease ends, which tells its mark from a later claim's."""

    delivery: WebhookDelivery
    lease_until: datetime

    @property
    def endpoint(self) -> WebhookEndpoint:
        """Where it goes."""
        return self.delivery.endpoint

    @property
    def event(self) -> Event:
        """What it tells."""
        return self.delivery.event


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt. `status` is null where nobody answered; `error` says why, in the owner's words."""

    status: int | None = None
    body: str | None = None
    error: str | None = None
    retry_after: timedelta | None = None

    @property
    def is_success(self) -> bool:
        """Whether the whole answer came, and was a yes."""
        return self.error is None and self.status is not None and HTTPStatus(200) <= self.status < HTTPStatus(300)


class Sender:
    """Sends what is due, one delivery a call; calls may run side by side."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private

    @functools.cached_property
    def _guard(self) -> "Guard":
        from outbox import ssrf

        return ssrf.Guard(allow_private=self._allow_private)

    async def send_one(self) -> bool:
        """Make the attempt that has waited longest, if any is due, and mark it; return whether there was one."""
        found = await _claim(clock.now())
        if found is None:
            return False
        if isinstance(found, Claim):
            await self._send(found)
        return True

    async def _send(self, claim: Claim) -> None:
        at, began = clock.now(), time.monotonic()
        if claim.endpoint.status is not EndpointStatus.ACTIVE or claim.endpoint.deleted_at is not None:
            await _release(claim)
            return
        if claim.delivery.tries > len(RETRIES) + 1:
            await _mark(claim, None, None)
            return
        if not await _is_still_heard(claim):
            error = "Not sent: the endpoint may not hear of this event any more, or has not chosen its topic."
            await _mark(claim, _attempt(at, Answer(error=error), began), None)
            return
        answer = await self._post(claim, at)
        await _tell_endpoint(claim, answer, clock.now())
        await _mark(claim, _attempt(at, answer, began), answer)

    async def _post(self, claim: Claim, at: datetime) -> Answer:
        """Post to the endpoint and read the answer's first kilobyte; no redirect is followed."""
        try:
            body = payload(claim.event)
            headers = {
                "Content-Type": "application/json",
                "User-Agent": "Countersign-Webhooks",
                "Accept-Encoding": "identity",
                "Connection": "close",
                **signed(claim.endpoint, claim.event.id, body, at),
            }
            async with asyncio.timeout(LONGEST_ATTEMPT):
                return await self._exchange(webhooks.address(claim.endpoint.url), [*headers.items()], body.encode())
        except TimeoutError:
            return Answer(error=f"No whole answer within {LONGEST_ATTEMPT:.0f} seconds.")
        except Exception as fault:  # noqa: BLE001  whatever it was, it is kept with the delivery, which is tried again
            return Answer(error=_words(fault))

    async def _exchange(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
        import httpcore2

        async with (
            httpcore2.AsyncConnectionPool(ssl_context=_authorities(), network_backend=self._guard) as pool,
            pool.stream("POST", url, headers=headers, content=body) as response,
        ):
            read = bytearray()
            async for part in response.aiter_stream():
                read += part
                if len(read) >= KEPT_BODY:
                    break
            return Answer(
                response.status,
                # No database keeps a NUL in JSON.
                bytes(read[:KEPT_BODY]).decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}"),
                "A redirect is not followed." if response.status in range(300, 400) else None,
                _retry_after(response, clock.now()),
            )


@functools.cache
def _authorities() -> ssl.SSLContext:
    """Whom the system believes: to read them takes longer than a request."""
    import httpcore2

    return httpcore2.default_ssl_context()


# ── what is sent ──


def payload(event: Event) -> str:
    """Write what an endpoint is told of an event: thin, the rest is read with one's own right."""
    data = {
        "eventId": event.id,
        "subjectId": event.subject,
        "partnershipId": event.partnership_id,
        "accountId": event.account_id,
        "projectId": event.project_id,
        "proposalId": event.proposal_id,
    }
    told = {name: row_id for name, row_id in data.items() if row_id is not None or name == "subjectId"}
    return orjson.dumps({"type": event.topic, "timestamp": sql.time_text(event.at), "data": told}).decode()


def signed(endpoint: WebhookEndpoint, event_id: str, body: str, at: datetime) -> dict[str, str]:
    """Return the standard's headers, with a signature by each secret that is live; raises vault.UnreadableError."""
    from standardwebhooks import Webhook

    kept = [endpoint.secret]
    if endpoint.former_secret is not None and endpoint.former_until is not None and endpoint.former_until > at:
        kept.append(endpoint.former_secret)
    secrets = [vault.opened(secret, of=endpoint.id) for secret in kept]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(event_id, at, body) for secret in secrets),
    }


# ── what came back ──


def _words(fault: Exception) -> str:  # noqa: PLR0911  one for each way it may fail
    """Tell the endpoint's owner what went wrong, and nothing of what stands behind a name at home."""
    import httpcore2

    from outbox import ssrf

    match fault:
        case ssrf.RefusedError():
            return str(fault)
        case Refusal():
            return fault.message
        case vault.UnreadableError():
            return "The server's secret key was changed: rotate the endpoint's secret."
        case httpcore2.ConnectError(args=[ssl.SSLCertVerificationError() as certificate]):
            return f"The certificate is not valid: {certificate.verify_message}"
        case httpcore2.ConnectError() | httpcore2.ConnectTimeout():
            return "No connection."
        case httpcore2.NetworkError():
            return "The connection broke."
        case httpcore2.RemoteProtocolError():
            return "The answer was not HTTP, or not whole."
    log.warning("webhook.fault", error=type(fault).__name__)
    return "An error of ours."


def _retry_after(response: "httpcore2.Response", now: datetime) -> timedelta | None:
    """Read for how long an endpoint that is overburdened wants to be left alone: seconds, or until a date."""
    if response.status not in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        return None
    given = next((value for name, value in response.headers if name.lower() == b"retry-after"), b"").decode("latin-1")
    try:
        asked = int(given) if given.isdecimal() else (parsedate_to_datetime(given) - now).total_seconds()
    except (ValueError, TypeError):
        return None
    return timedelta(seconds=min(asked, LONGEST_WAIT.total_seconds()))


def _attempt(at: datetime, answer: Answer, began: float) -> Attempt:
    return {
        "at": sql.time_text(at),
        "response_status": answer.status,
        "response_body": answer.body,
        "error": answer.error,
        "milliseconds": round((time.monotonic() - began) * 1000),
    }


def _outcome(tries: int, answer: Answer | None, now: datetime) -> tuple[DeliveryStatus, datetime | None]:
    """Tell what a delivery is after an attempt, and when the next one follows. No answer: nothing was sent."""
    if answer is None or answer.status == HTTPStatus.GONE or (not answer.is_success and tries > len(RETRIES)):
        return DeliveryStatus.FAILED, None
    if answer.is_success:
        return DeliveryStatus.DELIVERED, None
    planned = RETRIES[tries - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  spreads load, keeps no secret
    return DeliveryStatus.PENDING, now + max(planned, answer.retry_after or planned)


# ── claim and mark ──


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Somebody else took what there was to claim: look again."""


async def _claim(now: datetime) -> Claim | Overtaken | None:
    lease_until = now + LEASE
    async with in_transaction() as connection:
        dialect = changes.dialect(connection)
        values: dict[str, object] = {"now": now, "at_once": AT_ONCE, "lease_until": lease_until}
        ready = await connection.execute_query_dict(*sql.bind(READY + HOLDING[dialect], values, dialect))
        if not ready:
            return None
        values["endpoint"] = ready[0]["id"]
        claimed = await connection.execute_query_dict(*sql.bind(CLAIM, values, dialect))
        if not claimed:
            return Overtaken()
        delivery = await WebhookDelivery.get(id=claimed[0]["id"]).select_related("endpoint", "event")
    return Claim(delivery, lease_until)


async def _is_still_heard(claim: Claim) -> bool:
    connection = get_connection("default")
    dialect = changes.dialect(connection)
    values = {"endpoint": claim.endpoint.id, "event": claim.event.id, "now": clock.now()}
    return bool(
        await connection.execute_query_dict(*sql.bind(STILL_HEARD, values, dialect, chosen=webhooks.CHOSEN[dialect]))
    )


async def _release(claim: Claim) -> None:
    """Let a delivery wait until its endpoint is ACTIVE again; no attempt was made."""
    held = WebhookDelivery.filter(id=claim.delivery.id, lease_until=claim.lease_until)
    await held.update(lease_until=None, tries=claim.delivery.tries - 1)


async def _tell_endpoint(claim: Claim, answer: Answer, now: datetime) -> None:
    if answer.is_success:
        if claim.endpoint.failing_since is not None:
            await webhooks.note_success(claim.endpoint.id)
    elif answer.status == HTTPStatus.GONE:
        await webhooks.disable(claim.endpoint.id, "It answered 410: it wants to hear no more.")
    else:
        await webhooks.note_failure(claim.endpoint.id, now)


async def _mark(claim: Claim, attempt: Attempt | None, answer: Answer | None) -> None:
    """Write what came of an attempt, unless the lease ran out and the delivery is somebody else's by now."""
    status, next_attempt_at = _outcome(claim.delivery.tries, answer, clock.now())
    made = [*claim.delivery.attempts, *([attempt] if attempt else [])]
    held = WebhookDelivery.filter(id=claim.delivery.id, lease_until=claim.lease_until)
    marked = await held.update(
        status=status, attempts=made[-KEPT_ATTEMPTS:], next_attempt_at=next_attempt_at, lease_until=None
    )
    # The answer's words stay in the row.
    log.info(
        "webhook.attempted",
        delivery=claim.delivery.id,
        endpoint=claim.endpoint.id,
        topic=claim.event.topic,
        attempt=claim.delivery.tries,
        status=status if marked else "TAKEN_OVER",
        answer=answer and answer.status,
    )
