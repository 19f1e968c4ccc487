from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from models.base import KeyField, OwnIdField, TextField, UtcDatetimeField


class Migration(migrations.Migration):
    dependencies = [("models", "0003_live")]

    initial = False

    operations = [
        ops.CreateModel(
            name="AccountSession",
            fields=[
                ("id", OwnIdField("accountsession")),
                ("jti_hash", TextField(unique=True)),
                (
                    "account",
                    fields.ForeignKeyField(
                        "models.Account", source_field="account_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                (
                    "grant",
                    fields.ForeignKeyField(
                        "models.AccessGrant",
                        source_field="grant_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User", source_field="user_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                ("opened_at", UtcDatetimeField()),
                ("expires_at", UtcDatetimeField()),
            ],
            options={
                "table": "account_session",
                "indexes": [
                    Index(fields=["account_id"], name="account_session_account"),
                    Index(fields=["grant_id"], name="account_session_grant"),
                    Index(fields=["user_id"], name="account_session_user"),
                    Index(fields=["expires_at"], name="account_session_expires"),
                ],
            },
        ),
        ops.CreateModel(
            name="DirectoryListing",
            fields=[
                ("id", OwnIdField("listing")),
                (
                    "partner",
                    fields.OneToOneField(
                        "models.Partner", source_field="partner_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                ("name_key", KeyField()),
                ("headline", TextField()),
                ("region", TextField()),
                ("region_key", KeyField()),
                ("country", KeyField()),
                ("services", fields.JSONField(default=list)),
                ("service_keys", fields.JSONField(default=list)),
                ("listed_at", UtcDatetimeField()),
            ],
            options={
                "table": "directory_listing",
                "indexes": [
                    Index(fields=["name_key", "id"], name="directory_listing_name"),
                    Index(fields=["country", "name_key", "id"], name="directory_listing_country"),
                    Index(fields=["region_key", "name_key", "id"], name="directory_listing_region"),
                ],
            },
        ),
        ops.CreateModel(
            name="PartnerMessage",
            fields=[
                ("id", OwnIdField("partnermessage")),
                (
                    "partner",
                    fields.ForeignKeyField(
                        "models.Partner", source_field="partner_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                ("from_email", TextField()),
                ("from_name", TextField()),
                ("message", TextField()),
                ("sent_at", UtcDatetimeField()),
            ],
            options={
                "table": "partner_message",
                "indexes": [Index(fields=["partner_id", "id"], name="partner_message_partner")],
            },
        ),
        ops.CreateModel(
            name="Payment",
            fields=[
                ("id", OwnIdField("payment")),
                (
                    "account",
                    fields.ForeignKeyField(
                        "models.Account", source_field="account_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                ("reference", TextField(unique=True)),
                ("amount", fields.BigIntField()),
                ("currency", TextField()),
                ("paid_on", fields.DateField()),
                ("recorded_at", UtcDatetimeField()),
            ],
            options={"table": "payment", "indexes": [Index(fields=["account_id", "id"], name="payment_account")]},
        ),
        ops.CreateModel(
            name="Commission",
            fields=[
                ("id", OwnIdField("commission")),
                (
                    "partner",
                    fields.ForeignKeyField(
                        "models.Partner", source_field="partner_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                (
                    "account",
                    fields.ForeignKeyField(
                        "models.Account", source_field="account_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                (
                    "grant",
                    fields.ForeignKeyField(
                        "models.AccessGrant", source_field="grant_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                (
                    "payment",
                    fields.OneToOneField(
                        "models.Payment", source_field="payment_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                ("paid", fields.BigIntField()),
                ("amount", fields.BigIntField()),
                ("currency", TextField()),
                ("rate_ppm", fields.IntField()),
                ("earned_at", UtcDatetimeField()),
            ],
            options={
                "table": "commission",
                "indexes": [
                    Index(fields=["partner_id", "id"], name="commission_partner"),
                    Index(fields=["account_id"], name="commission_account"),
                    Index(fields=["grant_id"], name="commission_grant"),
                ],
            },
        ),
        ops.AddField(
            model_name="AccessGrant",
            name="account_key",
            field=KeyField(null=True),
        ),
        ops.AddField(
            model_name="AccessGrant",
            name="enabled_at",
            field=UtcDatetimeField(null=True),
        ),
        ops.AddField(
            model_name="AccessGrant",
            name="is_earliest",
            field=fields.BooleanField(null=True),
        ),
        ops.AddField(
            model_name="AccessGrant",
            name="until_at",
            field=UtcDatetimeField(null=True),
        ),
        ops.AddField(
            model_name="AccessGrant",
            name="used_at",
            field=UtcDatetimeField(null=True),
        ),
        ops.AddField(
            model_name="AccessGrant",
            name="version",
            field=fields.IntField(null=True),
        ),
        ops.AddField(
            model_name="AccessGrant",
            name="warned_days",
            field=fields.IntField(null=True),
        ),
        # What was there is filled before the columns are closed.
        ops.RunSQL(
            sql="update access_grant set version = 1, is_earliest = false, enabled_at = connected_at, used_at = coalesce(last_opened_at, connected_at), until_at = coalesce(expires_at, '9999-12-31T00:00:00.000000Z'), account_key = (select a.name_key from account a where a.id = access_grant.account_id)",
            reverse_sql=ops.RunSQL.noop,
        ),
        ops.AlterField(model_name="AccessGrant", name="account_key", field=KeyField()),
        ops.AlterField(model_name="AccessGrant", name="enabled_at", field=UtcDatetimeField()),
        ops.AlterField(model_name="AccessGrant", name="is_earliest", field=fields.BooleanField(default=False)),
        ops.AlterField(model_name="AccessGrant", name="until_at", field=UtcDatetimeField()),
        ops.AlterField(model_name="AccessGrant", name="used_at", field=UtcDatetimeField()),
        ops.AlterField(model_name="AccessGrant", name="version", field=fields.IntField(default=1)),
        ops.AddIndex(
            model_name="AccessGrant",
            index=Index(fields=["partner_id", "account_key", "id"], name="access_grant_name"),
        ),
        ops.AddIndex(
            model_name="AccessGrant",
            index=Index(fields=["partner_id", "until_at", "id"], name="access_grant_until"),
        ),
        ops.AddField(
            model_name="Account",
            name="activated_at",
            field=UtcDatetimeField(null=True),
        ),
        ops.AddField(
            model_name="Account",
            name="cancel_reason",
            field=TextField(null=True),
        ),
        ops.AddField(
            model_name="Account",
            name="cancelled_at",
            field=UtcDatetimeField(null=True),
        ),
        ops.AddField(
            model_name="Account",
            name="currency",
            field=TextField(null=True),
        ),
        ops.AddField(
            model_name="Account",
            name="plan",
            field=TextField(null=True),
        ),
        ops.AddField(
            model_name="Account",
            name="price",
            field=fields.BigIntField(null=True),
        ),
        ops.AddField(
            model_name="Account",
            name="renews_on",
            field=fields.DateField(null=True),
        ),
        ops.AddConstraint(
            model_name="Account",
            constraint=CheckConstraint(
                check="(price is null) = (currency is null) and price >= 0", name="account_price"
            ),
        ),
        ops.AddField(
            model_name="Proposal",
            name="grant",
            field=fields.ForeignKeyField(
                "models.AccessGrant", source_field="grant_id", null=True, related_name=False, on_delete=fields.RESTRICT
            ),
        ),
        ops.AddIndex(
            model_name="Proposal",
            index=Index(fields=["grant_id", "id"], name="proposal_grant"),
        ),
        ops.AddConstraint(
            model_name="Proposal",
            constraint=CheckConstraint(
                check="(kind = 'ACCESS_REQUEST') = (grant_id is not null)", name="proposal_grant"
            ),
        ),
        ops.AddConstraint(model_name="Payment", constraint=CheckConstraint(check="amount > 0", name="payment_amount")),
        # Who had reached the jobs before that was kept, reached them no later than with the last of them.
        ops.RunSQL(
            sql="update account set activated_at = coalesce(last_job_at, created_at) where jobs_created >= 100",
            reverse_sql=ops.RunSQL.noop,
        ),
        ops.RunSQL(
            sql="update access_grant set is_earliest = true where id = (select g.id from access_grant g join account a on a.id = g.account_id where g.account_id = access_grant.account_id and a.activated_at is not null and g.connected_at <= a.activated_at and (g.disconnected_at is null or g.disconnected_at > a.activated_at) order by g.connected_at, g.id limit 1)",
            reverse_sql=ops.RunSQL.noop,
        ),
        ops.RunSQL(
            sql="create unique index access_grant_one_earliest on access_grant (account_id) where is_earliest",
            reverse_sql="drop index access_grant_one_earliest",
        ),
        ops.RunSQL(
            sql="create index access_grant_used on access_grant (partner_id, used_at desc, id desc)",
            reverse_sql="drop index access_grant_used",
        ),
        ops.RunSQL(
            sql="create index access_grant_due on access_grant (expires_at) where status = 'ENABLED' and expires_at is not null",
            reverse_sql="drop index access_grant_due",
        ),
        ops.RunSQL(
            sql="create index access_grant_warned on access_grant (warned_days, expires_at) where status = 'ENABLED' and expires_at is not null",
            reverse_sql="drop index access_grant_warned",
        ),
        ops.RunSQL(
            sql="create unique index proposal_one_request on proposal (grant_id) where kind = 'ACCESS_REQUEST' and status = 'PENDING'",
            reverse_sql="drop index proposal_one_request",
        ),
    ]
