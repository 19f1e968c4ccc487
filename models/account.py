from typing import TYPE_CHECKING

from tortoise import Model, fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint

from models import base
from models.enums import AccountStatus, SecurityRole

if TYPE_CHECKING:
    from models.client import Client
    from models.user import User


class Account(Model):
    """A client's workspace in the vendor's product."""

    id = base.OwnIdField("account")
    client: fields.ForeignKeyRelation["Client"] = base.reference("Client")
    client_id: str
    name = base.TextField()
    name_key = base.KeyField()
    status = base.word_field(AccountStatus, default=AccountStatus.SETTING_UP)
    jobs_created = fields.IntField(default=0)
    last_job_at = base.UtcDatetimeField(null=True)
    # When it reached the jobs that start the clock of access (ACTIVATION_JOBS); null: it has not.
    activated_at = base.UtcDatetimeField(null=True)
    # What is subscribed to. All null: nothing; the price in the currency's minor units.
    plan = base.TextField(null=True)
    price = fields.BigIntField(null=True)
    currency = base.TextField(null=True)
    renews_on = fields.DateField(null=True)
    # Null until the owner has joined.
    owner: fields.ForeignKeyNullableRelation["User"] = base.reference("User", null=True)
    owner_id: str | None
    cancelled_at = base.UtcDatetimeField(null=True)
    cancel_reason = base.TextField(null=True)
    created_at = base.UtcDatetimeField()

    class Meta:
        table = "account"
        indexes = (
            Index(fields=("client_id", "name_key", "id"), name="account_client_name"),
            Index(fields=("name_key", "id"), name="account_name"),
            Index(fields=("owner_id",), name="account_owner"),
        )
        constraints = (
            CheckConstraint(name="account_jobs_created", check="jobs_created >= 0"),
            CheckConstraint(name="account_price", check="(price is null) = (currency is null) and price >= 0"),
        )


class StaffMember(Model):
    """A client's user in one of its accounts."""

    id = base.OwnIdField("staff")
    account: fields.ForeignKeyRelation[Account] = base.reference("Account")
    account_id: str
    user: fields.ForeignKeyRelation["User"] = base.reference("User")
    user_id: str
    role = base.word_field(SecurityRole)
    joined_at = base.UtcDatetimeField()
    removed_at = base.UtcDatetimeField(null=True)

    class Meta:
        table = "staff_member"
        indexes = (
            Index(fields=("account_id", "id"), name="staff_member_account"),
            Index(fields=("user_id",), name="staff_member_user"),
        )
