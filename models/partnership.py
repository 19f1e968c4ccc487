from typing import TYPE_CHECKING

from tortoise import Model, fields
from tortoise.indexes import Index

from models import base
from models.enums import PartnershipKind, PartnershipStatus, Side

if TYPE_CHECKING:
    from models.client import Client
    from models.contact import Contact
    from models.partner import Partner
    from models.proposal import Proposal


class Partnership(Model):
    """A partner and a client who work together, or might: it begins as an offer."""

    id = base.OwnIdField("partnership")
    kind = base.word_field(PartnershipKind, default=PartnershipKind.DIRECT)
    partner: fields.ForeignKeyRelation["Partner"] = base.reference("Partner")
    partner_id: str
    # Null while it is offered to an address whose owner has not joined.
    client: fields.ForeignKeyNullableRelation["Client"] = base.reference("Client", null=True)
    client_id: str | None
    offer: fields.ForeignKeyNullableRelation["Proposal"] = base.reference("Proposal", null=True)
    offer_id: str | None
    # The partnership of the same two companies that ended before this one began.
    previous: fields.ForeignKeyNullableRelation["Partnership"] = base.reference("Partnership", null=True)
    previous_id: str | None
    # As stored; OFFERED is over once `expires_at` has passed.
    status = base.word_field(PartnershipStatus, default=PartnershipStatus.OFFERED)
    # The offer's, while OFFERED.
    expires_at = base.UtcDatetimeField(null=True)
    # The companies' names as each other's lists sort and search them; for a client that has not joined, the name it
    # was offered under, else the address.
    partner_key = base.KeyField()
    client_key = base.KeyField()
    title = base.TextField()
    description = base.TextField(null=True)
    region = base.TextField(null=True)
    starts_on = fields.DateField(null=True)
    version = fields.IntField(default=1)
    started_at = base.UtcDatetimeField(null=True)
    changed_at = base.UtcDatetimeField()
    ended_at = base.UtcDatetimeField(null=True)
    ended_by = base.word_field(Side, null=True)
    end_reason = base.TextField(null=True)
    hidden_by_partner = fields.BooleanField(default=False)
    hidden_by_client = fields.BooleanField(default=False)
    created_at = base.UtcDatetimeField()

    class Meta:
        table = "partnership"
        indexes = (
            Index(fields=("partner_id", "client_key", "id"), name="partnership_partner_name"),
            Index(fields=("client_id", "partner_key", "id"), name="partnership_client_name"),
            Index(fields=("offer_id",), name="partnership_offer"),
            Index(fields=("previous_id",), name="partnership_previous"),
        )


class AssignedContact(Model):
    """A contact that one side lends to the other: offered, assigned once accepted, released in the end."""

    id = base.OwnIdField("assigned")
    partnership: fields.ForeignKeyRelation[Partnership] = base.reference("Partnership")
    partnership_id: str
    contact: fields.ForeignKeyRelation["Contact"] = base.reference("Contact")
    contact_id: str
    side = base.word_field(Side)
    # That adds it.
    proposal: fields.ForeignKeyRelation["Proposal"] = base.reference("Proposal")
    proposal_id: str
    # Null until accepted.
    assigned_at = base.UtcDatetimeField(null=True)
    released_at = base.UtcDatetimeField(null=True)

    class Meta:
        table = "assigned_contact"
        indexes = (
            Index(fields=("partnership_id", "id"), name="assigned_contact_partnership"),
            Index(fields=("contact_id",), name="assigned_contact_contact"),
            Index(fields=("proposal_id",), name="assigned_contact_proposal"),
        )


class PartnershipManager(Model):
    """A contact on the team that manages a partnership for its own side; the other side never learns who it is."""

    id = base.OwnIdField("manager")
    partnership: fields.ForeignKeyRelation[Partnership] = base.reference("Partnership")
    partnership_id: str
    contact: fields.ForeignKeyRelation["Contact"] = base.reference("Contact")
    contact_id: str
    side = base.word_field(Side)
    added_at = base.UtcDatetimeField()
    removed_at = base.UtcDatetimeField(null=True)

    class Meta:
        table = "partnership_manager"
        indexes = (
            Index(fields=("partnership_id", "id"), name="partnership_manager_partnership"),
            Index(fields=("contact_id",), name="partnership_manager_contact"),
        )
