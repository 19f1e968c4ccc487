from typing import TYPE_CHECKING

from tortoise import Model, fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint

from models import base
from models.enums import Side, SignInMethod

if TYPE_CHECKING:
    from models.client import Client
    from models.partner import Partner
    from models.user import User


class Seat(Model):
    """What a user acts as: the vendor's staff, a member of one partner, or staff of one client."""

    id = base.OwnIdField("seat")
    user: fields.ForeignKeyRelation["User"] = base.reference("User")
    user_id: str
    side = base.word_field(Side)
    partner: fields.ForeignKeyNullableRelation["Partner"] = base.reference("Partner", null=True)
    partner_id: str | None
    client: fields.ForeignKeyNullableRelation["Client"] = base.reference("Client", null=True)
    client_id: str | None
    # Names of Role, sorted.
    roles = fields.JSONField[list[str]](default=list)
    # Rises whenever the roles change or the seat ends.
    version = fields.IntField(default=1)
    ended_at = base.UtcDatetimeField(null=True)
    created_at = base.UtcDatetimeField()

    class Meta:
        table = "seat"
        indexes = (
            Index(fields=("partner_id",), name="seat_partner"),
            Index(fields=("client_id",), name="seat_client"),
            Index(fields=("user_id", "id"), name="seat_user"),
        )
        constraints = (
            CheckConstraint(
                name="seat_company",
                check="(side = 'PARTNER') = (partner_id is not null) and (side = 'CLIENT') = (client_id is not null)",
            ),
        )


class Session(Model):
    """A sign-in. The token itself is not kept."""

    id = base.OwnIdField("session")
    # SHA-256 of the token, hexadecimal.
    token_hash = base.TextField(unique=True)
    user: fields.ForeignKeyRelation["User"] = base.reference("User")
    user_id: str
    seat: fields.ForeignKeyRelation[Seat] = base.reference("Seat")
    seat_id: str
    via = base.word_field(SignInMethod)
    started_at = base.UtcDatetimeField()
    last_seen_at = base.UtcDatetimeField()
    expires_at = base.UtcDatetimeField()
    ended_at = base.UtcDatetimeField(null=True)
    ip = base.TextField(null=True)
    user_agent = base.TextField(null=True)

    class Meta:
        table = "session"
        indexes = (
            Index(fields=("user_id", "id"), name="session_user"),
            Index(fields=("seat_id",), name="session_seat"),
        )
