"""Webhooks: where programs hear of what happens, and what became of each delivery."""

from datetime import datetime

import strawberry
from strawberry import ID

from domain import policy
from domain import webhooks as law
from domain.policy import Permission
from models import enums
from models.webhook import WebhookDelivery as WebhookDeliveryRow
from models.webhook import WebhookEndpoint as WebhookEndpointRow
from resolvers import webhooks
from schema import names
from schema.contacts import Organisation
from schema.errors import AcknowledgedPayload, UserError
from schema.fields import column, documents, either, given, given_row, node, one, page, plain, verb
from schema.paging import Node
from schema.scalars import URL, Cursor


@node(WebhookEndpointRow)
class WebhookEndpoint(Node):
    """Where a program hears of what happens: signed after Standard Webhooks, at least once, for days."""

    url: URL = column()
    topics: list[str] = column(doc="Empty: every topic that the owner may hear of.")
    owner: Organisation | None = either(
        doc="Null: the vendor, which hears everything but what is a side's alone. A partner or client hears what its "
        "side may read.",
        Partner="partner_id",
        Client="client_id",
    )
    status: enums.EndpointStatus = column(
        doc="What happens while it is not ACTIVE is not kept for it: `webhookReplay` sends that."
    )
    disabled_reason: str | None = column(doc="Why the server switched it off.")
    secret_hint: str = column(doc="How its secret ends.")
    deliveries: names.WebhookDeliveryConnection = page(
        "{t}.endpoint_id = {p}",
        filters={"status": (list[enums.DeliveryStatus] | None, webhooks.OF_STATUS)},
        orders=webhooks.NEWEST_FIRST,
        below=policy.DELIVERED_FROM_A_VISIBLE_ENDPOINT,
        doc="Those of the last 30 days, newest first.",
    )
    created_at: datetime = column()


@plain
class DeliveryAttempt:
    """One try, and what came of it."""

    at: datetime = column()
    response_status: int | None = column(doc="Null: nobody answered, or not in time.")
    response_body: str | None = column(doc="The first kilobyte.")
    error: str | None = column(doc="What went wrong, where it was not the status.")
    milliseconds: int = column()


@node(WebhookDeliveryRow)
class WebhookDelivery(Node):
    """One event on its way to one endpoint. `webhook-id` is the event's id, on every attempt and replay."""

    event: names.Event | None = one("event_id", doc="Null once the right to read it ended.")
    status: enums.DeliveryStatus = column()
    attempts: list[DeliveryAttempt] = documents("attempts", doc="The last 20, in order.")
    next_attempt_at: datetime | None = column(doc="Null: none follows. While the endpoint is not ACTIVE it waits.")


@plain
class WebhookEndpointPayload:
    """The endpoint as it is now."""

    endpoint: WebhookEndpoint | None = given_row()
    user_errors: list[UserError] = given()


@plain
class WebhookSecretPayload:
    """The endpoint, and its secret, which is shown once, here: a repeat with the same Idempotency-Key answers null."""

    endpoint: WebhookEndpoint | None = given_row()
    secret: str | None = given(doc="`whsec_…`, as every library of Standard Webhooks takes it.")
    user_errors: list[UserError] = given()


# ── inputs ──


@strawberry.input(description="`ownerId`: whose it is, where the vendor's staff adds it; null: one's own company's.")
class WebhookCreateInput:
    owner_id: ID | None = strawberry.UNSET
    url: URL = strawberry.field(description="https, port 443 or 8443, a name of the public internet.")
    topics: list[str] = strawberry.field(description="Of `topics`; empty: all that the owner may hear of.")


@strawberry.input(description="What is left out, or null, stays as it is.")
class WebhookUpdateInput:
    endpoint_id: ID
    url: URL | None = strawberry.UNSET
    topics: list[str] | None = strawberry.UNSET
    status: enums.EndpointStatus | None = strawberry.field(
        default=strawberry.UNSET, description="ACTIVE or PAUSED. DISABLED is the server's to say."
    )


# ── verbs ──


@strawberry.type
class WebhooksMutation:
    """The verbs of this slice."""

    webhook_create: WebhookSecretPayload = verb(
        webhooks.create,
        {"input": WebhookCreateInput},
        permission=Permission.WEBHOOK_CREATE,
        doc="Adds an endpoint; its secret is shown once. NOT_FOUND, FORBIDDEN, INVALID.",
    )
    webhook_update: WebhookEndpointPayload = verb(
        law.update,
        {"input": WebhookUpdateInput},
        permission=Permission.WEBHOOK_UPDATE,
        gives="endpoint",
        doc="Changes an endpoint, pauses it or lets it go on. NOT_FOUND, FORBIDDEN, INVALID.",
    )
    webhook_secret_rotate: WebhookSecretPayload = verb(
        webhooks.rotate_secret,
        {"endpoint_id": ID},
        permission=Permission.WEBHOOK_SECRET_ROTATE,
        doc="A new secret; the old one keeps signing beside it for 24 hours. NOT_FOUND, FORBIDDEN.",
    )
    webhook_delete: AcknowledgedPayload = verb(
        webhooks.delete,
        {"endpoint_id": ID},
        permission=Permission.WEBHOOK_DELETE,
        doc="Removes an endpoint: nothing is sent to it any more. NOT_FOUND, FORBIDDEN.",
    )
    webhook_test: WebhookEndpointPayload = verb(
        law.test,
        {"endpoint_id": ID},
        permission=Permission.WEBHOOK_TEST,
        gives="endpoint",
        doc="Sends `webhook.test` as everything is sent, whatever the endpoint chose. NOT_FOUND, FORBIDDEN, "
        "WRONG_STATE (not ACTIVE).",
    )
    webhook_redeliver: WebhookEndpointPayload = verb(
        law.redeliver,
        {"delivery_id": ID},
        permission=Permission.WEBHOOK_REDELIVER,
        gives="endpoint",
        doc="Makes one delivery again, with the same id. NOT_FOUND, FORBIDDEN, WRONG_STATE (not ACTIVE).",
    )
    webhook_replay: WebhookEndpointPayload = verb(
        law.replay,
        {"endpoint_id": ID, "after": Cursor},
        permission=Permission.WEBHOOK_REPLAY,
        gives="endpoint",
        doc="Sends again everything since `after` that this endpoint may hear of; same ids, so a receiver can drop "
        "what it has. NOT_FOUND, FORBIDDEN, WRONG_STATE (not ACTIVE), INVALID (more than 10,000 events).",
    )
