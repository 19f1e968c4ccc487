from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.base import IdField, OwnIdField, TextField, UtcDatetimeField
from models.enums import Side


class Migration(migrations.Migration):
    dependencies = [("models", "0001_initial")]

    initial = False

    operations = [
        ops.CreateModel(
            name="PartnershipManager",
            fields=[
                ("id", OwnIdField("manager")),
                (
                    "partnership",
                    fields.ForeignKeyField(
                        "models.Partnership",
                        source_field="partnership_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "contact",
                    fields.ForeignKeyField(
                        "models.Contact", source_field="contact_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                ("side", fields.CharEnumField(description="", enum_type=Side, max_length=40)),
                ("added_at", UtcDatetimeField()),
                ("removed_at", UtcDatetimeField(null=True)),
            ],
            options={
                "table": "partnership_manager",
                "indexes": [
                    Index(fields=["partnership_id", "id"], name="partnership_manager_partnership"),
                    Index(fields=["contact_id"], name="partnership_manager_contact"),
                ],
            },
        ),
        ops.CreateModel(
            name="SignedHead",
            fields=[
                ("id", OwnIdField("head")),
                ("stream", IdField()),
                ("version", fields.IntField()),
                ("signature", TextField()),
                ("signed_at", UtcDatetimeField()),
            ],
            options={"table": "signed_head", "unique_together": (("stream", "version"),)},
        ),
        ops.CreateModel(
            name="SigningKey",
            fields=[
                ("id", IdField(primary_key=True)),
                ("public", fields.JSONField()),
                ("created_at", UtcDatetimeField()),
            ],
            options={"table": "signing_key"},
        ),
        ops.AddField(model_name="Stream", name="unsigned_since", field=UtcDatetimeField(null=True)),
        # What was written before heads were signed is signed like what comes.
        ops.RunSQL(
            sql="update stream set unsigned_since = (select e.at from event e where e.stream = stream.id and e.version = 1)",
            reverse_sql=ops.RunSQL.noop,
        ),
        ops.RunSQL(
            sql="create index proposal_open_modification on proposal (partnership_id) where kind = 'MODIFICATION' and status in ('DRAFT', 'PENDING')",
            reverse_sql="drop index proposal_open_modification",
        ),
        ops.RunSQL(
            sql="create unique index proposal_one_draft_a_side on proposal (partnership_id, proposed_by_side) where kind = 'MODIFICATION' and status = 'DRAFT'",
            reverse_sql="drop index proposal_one_draft_a_side",
        ),
        ops.RunSQL(
            sql="create unique index proposal_one_pending_a_side on proposal (partnership_id, proposed_by_side) where kind = 'MODIFICATION' and status = 'PENDING'",
            reverse_sql="drop index proposal_one_pending_a_side",
        ),
        ops.RunSQL(
            sql="create unique index partnership_manager_once on partnership_manager (partnership_id, contact_id) where removed_at is null",
            reverse_sql="drop index partnership_manager_once",
        ),
        ops.RunSQL(
            sql="create index stream_unsigned on stream (unsigned_since, id) where unsigned_since is not null",
            reverse_sql="drop index stream_unsigned",
        ),
        ops.RunSQL(
            sql="create index event_on_behalf_of on event (on_behalf_of) where on_behalf_of is not null",
            reverse_sql="drop index event_on_behalf_of",
        ),
        ops.RunSQL(
            sql="create index proposal_to_remind_of on proposal (reminders, proposed_at) where status = 'PENDING' and (kind <> 'INVITE' or partnership_id is null)",
            reverse_sql="drop index proposal_to_remind_of",
        ),
    ]
