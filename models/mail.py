from typing import TYPE_CHECKING

from tortoise import Model, fields
from tortoise.indexes import Index

from models import base
from models.enums import MailStatus

if TYPE_CHECKING:
    from models.event import Event
    from models.link import Link


class Mail(Model):
    """A mail to one person, waiting for the worker or done. Rendered when it is sent."""

    id = base.OwnIdField("mail")
    event: fields.ForeignKeyNullableRelation["Event"] = base.reference("Event", null=True)
    event_id: str | None
    template = base.TextField()
    to_email = base.TextField()
    to_name = base.TextField(null=True)
    cc = fields.JSONField[list[str]](default=list)
    locale = base.TextField(null=True)
    link: fields.ForeignKeyNullableRelation["Link"] = base.reference("Link", null=True)
    link_id: str | None
    status = base.word_field(MailStatus, default=MailStatus.QUEUED)
    due_at = base.UtcDatetimeField()
    # Until when a worker has it to itself.
    lease_until = base.UtcDatetimeField(null=True)
    attempts = fields.IntField(default=0)
    last_error = base.TextField(null=True)
    sent_at = base.UtcDatetimeField(null=True)
    created_at = base.UtcDatetimeField()

    class Meta:
        table = "mail"
        unique_together = (("event", "template", "to_email"),)
        indexes = (
            Index(fields=("status", "due_at"), name="mail_due"),
            Index(fields=("link_id",), name="mail_link"),
        )
