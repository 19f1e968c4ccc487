from typing import TYPE_CHECKING

from tortoise import Model, fields
from tortoise.indexes import Index

from models import base
from models.enums import AccessStatus

if TYPE_CHECKING:
    from models.account import Account
    from models.partner import Partner
    from models.partnership import Partnership


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
    connected_at = base.UtcDatetimeField()
    last_opened_at = base.UtcDatetimeField(null=True)
    # Null: does not expire by time.
    expires_at = base.UtcDatetimeField(null=True)
    disconnected_at = base.UtcDatetimeField(null=True)

    class Meta:
        table = "access_grant"
        indexes = (
            Index(fields=("account_id", "id"), name="access_grant_account"),
            Index(fields=("partner_id", "id"), name="access_grant_partner"),
            Index(fields=("partnership_id", "id"), name="access_grant_partnership"),
        )
