from typing import TYPE_CHECKING, TypedDict

from tortoise import Model, fields
from tortoise.indexes import Index

from models import base
from models.enums import DeliveryStatus, EndpointStatus

if TYPE_CHECKING:
    from models.client import Client
    from models.event import Event
    from models.partner import Partner
    from models.user import User


class Attempt(TypedDict):
    """One try of a delivery."""

    at: str
    response_status: int | None
    # The first kilobyte.
    response_body: str | None
    error: str | None
    milliseconds: int


class WebhookEndpoint(Model):
    """Where a company's program, or the vendor's, hears of what happens."""

    id = base.OwnIdField("endpoint")
    # Whose it is; both null: the vendor's.
    partner: fields.ForeignKeyNullableRelation["Partner"] = base.reference("Partner", null=True)
    partner_id: str | None
    client: fields.ForeignKeyNullableRelation["Client"] = base.reference("Client", null=True)
    client_id: str | None
    url = base.TextField()
    # Empty: every topic that the owner may hear of.
    topics = fields.JSONField[list[str]](default=list)
    status = base.word_field(EndpointStatus, default=EndpointStatus.ACTIVE)
    disabled_reason = base.TextField(null=True)
    # Encrypted: signing needs the secret itself. The one before the last rotation signs beside it for a day.
    secret = base.TextField()
    secret_hint = base.TextField()
    former_secret = base.TextField(null=True)
    former_until = base.UtcDatetimeField(null=True)
    # Since when nothing has succeeded; null: the last attempt did, or none was made.
    failing_since = base.UtcDatetimeField(null=True)
    created_by: fields.ForeignKeyNullableRelation["User"] = base.reference("User", null=True)
    created_by_id: str | None
    created_at = base.UtcDatetimeField()
    deleted_at = base.UtcDatetimeField(null=True)

    class Meta:
        table = "webhook_endpoint"
        indexes = (
            Index(fields=("partner_id", "id"), name="webhook_endpoint_partner"),
            Index(fields=("client_id", "id"), name="webhook_endpoint_client"),
            Index(fields=("created_by_id",), name="webhook_endpoint_created_by"),
        )


class WebhookDelivery(Model):
    """One event on its way to one endpoint."""

    id = base.OwnIdField("delivery")
    endpoint: fields.ForeignKeyRelation[WebhookEndpoint] = base.reference("WebhookEndpoint")
    endpoint_id: str
    event: fields.ForeignKeyRelation["Event"] = base.reference("Event")
    event_id: str
    status = base.word_field(DeliveryStatus, default=DeliveryStatus.PENDING)
    attempts = fields.JSONField[list[Attempt]](default=list)
    # How many of the retry plan were used; a replay begins anew.
    tries = fields.IntField(default=0)
    # Null: no attempt follows.
    next_attempt_at = base.UtcDatetimeField(null=True)
    # Until when a worker has it to itself.
    lease_until = base.UtcDatetimeField(null=True)
    created_at = base.UtcDatetimeField()

    class Meta:
        table = "webhook_delivery"
        unique_together = (("endpoint", "event"),)
        indexes = (
            Index(fields=("endpoint_id", "id"), name="webhook_delivery_endpoint"),
            Index(fields=("endpoint_id", "status", "id"), name="webhook_delivery_status"),
            Index(fields=("event_id",), name="webhook_delivery_event"),
            Index(fields=("created_at",), name="webhook_delivery_created"),
        )
