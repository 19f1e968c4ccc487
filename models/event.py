from typing import TYPE_CHECKING, TypedDict

from tortoise import Model, fields
from tortoise.indexes import Index

from models import base
from models.enums import Audience, Side

if TYPE_CHECKING:
    from models.account import Account
    from models.client import Client
    from models.partner import Partner
    from models.partnership import Partnership
    from models.project import Project
    from models.proposal import Proposal
    from models.user import User


class Change(TypedDict):
    """What an event changed; null: there was or is nothing."""

    field: str
    before: str | None
    after: str | None


class Event(Model):
    """One fact in the log, written in the transaction of the change."""

    id = base.OwnIdField("event")
    # Its place in the log across streams; null until the relay has published it.
    pos: "fields.Field[int | None]" = fields.BigIntField(null=True, unique=True)
    # The id of what the stream is about.
    stream = base.IdField()
    # Its place in its stream, without gaps.
    version = fields.IntField()
    topic = base.TextField()
    # The id of what it is about: an offer, a contact, a grant …
    subject = base.IdField(null=True)
    actor: fields.ForeignKeyNullableRelation["User"] = base.reference("User", null=True)
    actor_id: str | None
    # The side or address for whom the vendor acted.
    on_behalf_of = base.TextField(null=True)
    side = base.word_field(Side, null=True)
    reason = base.TextField(null=True)
    changes = fields.JSONField[list[Change]](default=list)
    visible_to = base.word_field(Audience)
    partnership: fields.ForeignKeyNullableRelation["Partnership"] = base.reference("Partnership", null=True)
    partnership_id: str | None
    account: fields.ForeignKeyNullableRelation["Account"] = base.reference("Account", null=True)
    account_id: str | None
    project: fields.ForeignKeyNullableRelation["Project"] = base.reference("Project", null=True)
    project_id: str | None
    proposal: fields.ForeignKeyNullableRelation["Proposal"] = base.reference("Proposal", null=True)
    proposal_id: str | None
    partner: fields.ForeignKeyNullableRelation["Partner"] = base.reference("Partner", null=True)
    partner_id: str | None
    client: fields.ForeignKeyNullableRelation["Client"] = base.reference("Client", null=True)
    client_id: str | None
    # Hexadecimal, as are the next two; null once erased.
    salt = base.TextField(null=True)
    commitment = base.TextField()
    digest = base.TextField()
    erased_at = base.UtcDatetimeField(null=True)
    at = base.UtcDatetimeField()

    class Meta:
        table = "event"
        unique_together = (("stream", "version"),)
        indexes = (
            Index(fields=("partnership_id", "version"), name="event_partnership"),
            Index(fields=("account_id", "id"), name="event_account"),
            Index(fields=("project_id", "version"), name="event_project"),
            Index(fields=("proposal_id",), name="event_proposal"),
            Index(fields=("partner_id", "pos"), name="event_partner_pos"),
            Index(fields=("client_id", "pos"), name="event_client_pos"),
            Index(fields=("actor_id",), name="event_actor"),
            Index(fields=("subject",), name="event_subject"),
        )


class Stream(Model):
    """The head of one chain of events; locked first, so that its events have an order."""

    # The id of what the stream is about.
    id = base.IdField(primary_key=True)
    version = fields.IntField()
    digest = base.TextField()
    # When the first event came that no signed head covers yet; null: the head is signed.
    unsigned_since = base.UtcDatetimeField(null=True)

    class Meta:
        table = "stream"


class SignedHead(Model):
    """A stream's head as it was signed one day: whoever holds it finds a history that was rewritten since."""

    id = base.OwnIdField("head")
    stream = base.IdField()
    version = fields.IntField()
    # A JWS in compact form over stream, version, digest and time; its header names the key.
    signature = base.TextField()
    signed_at = base.UtcDatetimeField()

    class Meta:
        table = "signed_head"
        unique_together = (("stream", "version"),)


class SigningKey(Model):
    """The public half of a key that signed; published for as long as anything it signed may be verified."""

    # The key's RFC 7638 thumbprint.
    id = base.IdField(primary_key=True)
    public = fields.JSONField[dict[str, str]]()
    created_at = base.UtcDatetimeField()

    class Meta:
        table = "signing_key"
