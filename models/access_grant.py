from typing import TYPE_CHECKING

from tortoise import Model, fields
from tortoise.indexes import Index

from models import base
from models.enums import AccessStatus

if TYPE_CHECKING:
    from models.account import Account
    from models.partner import Partner
    from models.partnership import Partnership
    from models.user import User


class AccessGrant(Model):
    """A partner's access to one account."""

    id = base.OwnIdField("grant")
    partnership: fields.ForeignKeyRelation["Partnership"] = base.reference("Partnership")
    partnership_id: str
    partner: fields.ForeignKeyRelation["Partner"] = base.reference("Partner")
    partner_id: str
    account: fields.ForeignKeyRelation["Account"] = base.reference("Account")
    account_id: str
    # As stored; ENABLED is over once `expires_at` has passed.
    status = base.word_field(AccessStatus, default=AccessStatus.ENABLED)
    version = fields.IntField(default=1)
    # Connected earliest when the account reached the jobs that start the clock: who earns, if a share is agreed.
    is_earliest = fields.BooleanField(default=False)
    connected_at = base.UtcDatetimeField()
    # Connected, or enabled again.
    enabled_at = base.UtcDatetimeField()
    last_opened_at = base.UtcDatetimeField(null=True)
    # Null: does not expire by time.
    expires_at = base.UtcDatetimeField(null=True)
    # How many days before `expires_at` both sides were warned last; null: not yet.
    warned_days = fields.IntField(null=True)
    disconnected_at = base.UtcDatetimeField(null=True)
    # What the partner's list is sorted by: the account's `name_key`; opened last, else connected; expiry, else never.
    account_key = base.KeyField()
    used_at = base.UtcDatetimeField()
    until_at = base.UtcDatetimeField()

    class Meta:
        table = "access_grant"
        indexes = (
            Index(fields=("account_id", "id"), name="access_grant_account"),
            Index(fields=("partner_id", "id"), name="access_grant_partner"),
            Index(fields=("partnership_id", "id"), name="access_grant_partnership"),
            Index(fields=("partner_id", "account_key", "id"), name="access_grant_name"),
            Index(fields=("partner_id", "until_at", "id"), name="access_grant_until"),
        )


class AccountSession(Model):
    """Proof for the vendor's product that a user may act in an account, for five minutes; its secret is not kept."""

    id = base.OwnIdField("accountsession")
    # SHA-256 of the JWT's `jti`, hexadecimal.
    jti_hash = base.TextField(unique=True)
    account: fields.ForeignKeyRelation["Account"] = base.reference("Account")
    account_id: str
    # Null for the account's own staff.
    grant: fields.ForeignKeyNullableRelation[AccessGrant] = base.reference("AccessGrant", null=True)
    grant_id: str | None
    user: fields.ForeignKeyRelation["User"] = base.reference("User")
    user_id: str
    opened_at = base.UtcDatetimeField()
    expires_at = base.UtcDatetimeField()

    class Meta:
        table = "account_session"
        indexes = (
            Index(fields=("account_id",), name="account_session_account"),
            Index(fields=("grant_id",), name="account_session_grant"),
            Index(fields=("user_id",), name="account_session_user"),
            Index(fields=("expires_at",), name="account_session_expires"),
        )
