from typing import TYPE_CHECKING

from tortoise import Model, fields
from tortoise.indexes import Index

from models import base

if TYPE_CHECKING:
    from models.partner import Partner


class DirectoryListing(Model):
    """What the public directory shows of a partner that agreed to be listed; taken off, there is no row."""

    id = base.OwnIdField("listing")
    partner: fields.OneToOneRelation["Partner"] = fields.OneToOneField(
        "models.Partner", related_name=False, on_delete=fields.RESTRICT
    )
    partner_id: str
    # The partner's, by which the directory is sorted.
    name_key = base.KeyField()
    headline = base.TextField()
    region = base.TextField()
    region_key = base.KeyField()
    # ISO 3166-1 alpha-2.
    country = base.KeyField()
    services = fields.JSONField[list[str]](default=list)
    # The same, as keys: a service is looked for however it is written.
    service_keys = fields.JSONField[list[str]](default=list)
    listed_at = base.UtcDatetimeField()

    class Meta:
        table = "directory_listing"
        indexes = (
            Index(fields=("name_key", "id"), name="directory_listing_name"),
            Index(fields=("country", "name_key", "id"), name="directory_listing_country"),
            Index(fields=("region_key", "name_key", "id"), name="directory_listing_region"),
        )


class PartnerMessage(Model):
    """What a visitor of the directory has written to a listed partner."""

    id = base.OwnIdField("partnermessage")
    partner: fields.ForeignKeyRelation["Partner"] = base.reference("Partner")
    partner_id: str
    from_email = base.TextField()
    from_name = base.TextField()
    message = base.TextField()
    sent_at = base.UtcDatetimeField()

    class Meta:
        table = "partner_message"
        indexes = (Index(fields=("partner_id", "id"), name="partner_message_partner"),)
