from typing import TYPE_CHECKING

from tortoise import Model, fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint

from models import base

if TYPE_CHECKING:
    from models.client import Client
    from models.partner import Partner


class Contact(Model):
    """A person at one company, and what their details may be used for."""

    id = base.OwnIdField("contact")
    partner: fields.ForeignKeyNullableRelation["Partner"] = base.reference("Partner", null=True)
    partner_id: str | None
    client: fields.ForeignKeyNullableRelation["Client"] = base.reference("Client", null=True)
    client_id: str | None
    name = base.TextField()
    name_key = base.KeyField()
    title = base.TextField(null=True)
    email = base.TextField(null=True)
    phone = base.TextField(null=True)
    mobile = base.TextField(null=True)
    # Names of ContactPurpose, sorted.
    purposes = fields.JSONField[list[str]](default=list)
    created_at = base.UtcDatetimeField()
    updated_at = base.UtcDatetimeField()
    erased_at = base.UtcDatetimeField(null=True)

    class Meta:
        table = "contact"
        indexes = (
            Index(fields=("partner_id", "name_key", "id"), name="contact_partner_name"),
            Index(fields=("client_id", "name_key", "id"), name="contact_client_name"),
            Index(fields=("name_key", "id"), name="contact_name"),
        )
        constraints = (
            CheckConstraint(name="contact_one_company", check="(partner_id is null) <> (client_id is null)"),
        )
