from typing import TYPE_CHECKING

from tortoise import Model, fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint

from models import base
from models.enums import PartnerKind, PartnerMemberRole

if TYPE_CHECKING:
    from models.user import User


class Partner(base.BusinessDetails):
    id = base.OwnIdField("partner")
    name = base.TextField()
    name_key = base.KeyField()
    kind = base.word_field(PartnerKind, default=PartnerKind.PARTNER)
    # Its people's addresses end in it.
    domain = base.TextField()
    licences = fields.IntField()
    # In Cc of mails to its clients' contacts; null: its admin's address.
    copy_address = base.TextField(null=True)
    # Parts per million of what a client pays; null: no share agreed.
    revenue_share_ppm = fields.IntField(null=True)
    # Null until the partner admin has joined.
    admin: fields.ForeignKeyNullableRelation["User"] = base.reference("User", null=True)
    admin_id: str | None
    created_at = base.UtcDatetimeField()

    class Meta:
        table = "partner"
        indexes = (
            Index(fields=("name_key", "id"), name="partner_name"),
            Index(fields=("admin_id",), name="partner_admin"),
        )
        constraints = (
            CheckConstraint(name="partner_licences", check="licences >= 0"),
            CheckConstraint(name="partner_revenue_share", check="revenue_share_ppm between 0 and 1000000"),
        )


class PartnerMember(Model):
    """A user in a partner company. At most one ADMIN at a time (mission 3.3)."""

    id = base.OwnIdField("member")
    partner: fields.ForeignKeyRelation[Partner] = base.reference("Partner")
    partner_id: str
    user: fields.ForeignKeyRelation["User"] = base.reference("User")
    user_id: str
    role = base.word_field(PartnerMemberRole)
    joined_at = base.UtcDatetimeField()
    removed_at = base.UtcDatetimeField(null=True)

    class Meta:
        table = "partner_member"
        indexes = (
            Index(fields=("partner_id", "id"), name="partner_member_partner"),
            Index(fields=("user_id",), name="partner_member_user"),
        )
