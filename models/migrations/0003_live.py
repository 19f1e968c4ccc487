from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.base import OwnIdField, TextField, UtcDatetimeField
from models.enums import DeliveryStatus, EndpointStatus, NoticeUrgency


class Migration(migrations.Migration):
    dependencies = [("models", "0002_partnerships")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Notice",
            fields=[
                ("id", OwnIdField("notice")),
                (
                    "seat",
                    fields.ForeignKeyField(
                        "models.Seat", source_field="seat_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                (
                    "event",
                    fields.ForeignKeyField(
                        "models.Event", source_field="event_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                ("pos", fields.BigIntField()),
                ("urgency", fields.CharEnumField(description="", enum_type=NoticeUrgency, max_length=40)),
                (
                    "proposal",
                    fields.ForeignKeyField(
                        "models.Proposal",
                        source_field="proposal_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("read_at", UtcDatetimeField(null=True)),
                ("acknowledged_at", UtcDatetimeField(null=True)),
                ("reminders", fields.IntField(default=0)),
                ("created_at", UtcDatetimeField()),
            ],
            options={
                "table": "notice",
                "unique_together": (("event", "seat"),),
                "indexes": [
                    Index(fields=["seat_id", "pos", "id"], name="notice_seat"),
                    Index(fields=["proposal_id"], name="notice_proposal"),
                ],
            },
        ),
        ops.CreateModel(
            name="NoticePreference",
            fields=[
                ("id", OwnIdField("preference")),
                (
                    "seat",
                    fields.ForeignKeyField(
                        "models.Seat", source_field="seat_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                ("topic", TextField()),
                ("portal", fields.BooleanField(default=True)),
                ("email", fields.BooleanField(default=True)),
            ],
            options={"table": "notice_preference", "unique_together": (("seat", "topic"),)},
        ),
        ops.CreateModel(
            name="WebhookEndpoint",
            fields=[
                ("id", OwnIdField("endpoint")),
                (
                    "partner",
                    fields.ForeignKeyField(
                        "models.Partner",
                        source_field="partner_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "client",
                    fields.ForeignKeyField(
                        "models.Client",
                        source_field="client_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("url", TextField()),
                ("topics", fields.JSONField(default=list)),
                (
                    "status",
                    fields.CharEnumField(
                        default=EndpointStatus.ACTIVE, description="", enum_type=EndpointStatus, max_length=40
                    ),
                ),
                ("disabled_reason", TextField(null=True)),
                ("secret", TextField()),
                ("secret_hint", TextField()),
                ("former_secret", TextField(null=True)),
                ("former_until", UtcDatetimeField(null=True)),
                ("failing_since", UtcDatetimeField(null=True)),
                (
                    "created_by",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="created_by_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("created_at", UtcDatetimeField()),
                ("deleted_at", UtcDatetimeField(null=True)),
            ],
            options={
                "table": "webhook_endpoint",
                "indexes": [
                    Index(fields=["partner_id", "id"], name="webhook_endpoint_partner"),
                    Index(fields=["client_id", "id"], name="webhook_endpoint_client"),
                    Index(fields=["created_by_id"], name="webhook_endpoint_created_by"),
                ],
            },
        ),
        ops.CreateModel(
            name="WebhookDelivery",
            fields=[
                ("id", OwnIdField("delivery")),
                (
                    "endpoint",
                    fields.ForeignKeyField(
                        "models.WebhookEndpoint",
                        source_field="endpoint_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "event",
                    fields.ForeignKeyField(
                        "models.Event", source_field="event_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                (
                    "status",
                    fields.CharEnumField(
                        default=DeliveryStatus.PENDING, description="", enum_type=DeliveryStatus, max_length=40
                    ),
                ),
                ("attempts", fields.JSONField(default=list)),
                ("tries", fields.IntField(default=0)),
                ("next_attempt_at", UtcDatetimeField(null=True)),
                ("lease_until", UtcDatetimeField(null=True)),
                ("created_at", UtcDatetimeField()),
            ],
            options={
                "table": "webhook_delivery",
                "unique_together": (("endpoint", "event"),),
                "indexes": [
                    Index(fields=["endpoint_id", "id"], name="webhook_delivery_endpoint"),
                    Index(fields=["endpoint_id", "status", "id"], name="webhook_delivery_status"),
                    Index(fields=["event_id"], name="webhook_delivery_event"),
                    Index(fields=["created_at"], name="webhook_delivery_created"),
                ],
            },
        ),
        # The head of what a company's people see of the log.
        ops.RemoveIndex(model_name="Event", name="event_partner"),
        ops.RemoveIndex(model_name="Event", name="event_client"),
        ops.AddIndex(model_name="Event", index=Index(fields=["partner_id", "pos"], name="event_partner_pos")),
        ops.AddIndex(model_name="Event", index=Index(fields=["client_id", "pos"], name="event_client_pos")),
        ops.RunSQL(
            sql="create index event_partnership_pos on event (partnership_id, pos) where partnership_id is not null and pos is not null",
            reverse_sql="drop index event_partnership_pos",
        ),
        ops.RunSQL(
            sql="create index event_account_pos on event (account_id, pos) where account_id is not null and pos is not null",
            reverse_sql="drop index event_account_pos",
        ),
        ops.RunSQL(
            sql="create index notice_unread on notice (seat_id) where read_at is null",
            reverse_sql="drop index notice_unread",
        ),
        ops.RunSQL(
            sql="create index notice_to_remind_of on notice (created_at) where urgency = 'ACTION' and proposal_id is null and acknowledged_at is null and reminders < 2",
            reverse_sql="drop index notice_to_remind_of",
        ),
        ops.RunSQL(
            sql="create index webhook_endpoint_owner on webhook_endpoint (coalesce(partner_id, client_id, ''), id)",
            reverse_sql="drop index webhook_endpoint_owner",
        ),
        ops.RunSQL(
            sql="create index webhook_delivery_due on webhook_delivery (endpoint_id, next_attempt_at, id) where status = 'PENDING'",
            reverse_sql="drop index webhook_delivery_due",
        ),
        ops.RunSQL(
            sql="create index webhook_delivery_leased on webhook_delivery (endpoint_id) where lease_until is not null",
            reverse_sql="drop index webhook_delivery_leased",
        ),
    ]
