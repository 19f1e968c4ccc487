from typing import TYPE_CHECKING

from tortoise import Model, fields
from tortoise.indexes import Index

from models import base
from models.enums import LinkPurpose

if TYPE_CHECKING:
    from models.proposal import Proposal
    from models.user import User


class Link(Model):
    """An e-mailed link: single use, for one purpose, to one address. The token itself is not kept."""

    id = base.OwnIdField("link")
    purpose = base.word_field(LinkPurpose)
    # SHA-256 of the token, hexadecimal.
    token_hash = base.TextField(unique=True)
    version = fields.IntField(default=1)
    email = base.TextField()
    # Whom it signs in; null where the address may belong to nobody yet.
    user: fields.ForeignKeyNullableRelation["User"] = base.reference("User", null=True)
    user_id: str | None
    # The invite that it opens.
    proposal: fields.ForeignKeyNullableRelation["Proposal"] = base.reference("Proposal", null=True)
    proposal_id: str | None
    created_at = base.UtcDatetimeField()
    expires_at = base.UtcDatetimeField()
    used_at = base.UtcDatetimeField(null=True)
    # When a newer link took its place, or what it was about ended.
    replaced_at = base.UtcDatetimeField(null=True)

    class Meta:
        table = "link"
        indexes = (
            Index(fields=("user_id",), name="link_user"),
            Index(fields=("proposal_id",), name="link_proposal"),
        )
