from typing import TYPE_CHECKING

from tortoise import Model, fields
from tortoise.indexes import Index

from models import base
from models.enums import NoticeUrgency

if TYPE_CHECKING:
    from models.event import Event
    from models.proposal import Proposal
    from models.seat import Seat


class Notice(Model):
    """An event addressed to a person, as that person acts for one company."""

    id = base.OwnIdField("notice")
    seat: fields.ForeignKeyRelation["Seat"] = base.reference("Seat")
    seat_id: str
    event: fields.ForeignKeyRelation["Event"] = base.reference("Event")
    event_id: str
    # The event's: a seat's notices are read and resumed in its order.
    pos = fields.BigIntField()
    urgency = base.word_field(NoticeUrgency)
    # Whose answer closes an ACTION notice; null: an acknowledgement does.
    proposal: fields.ForeignKeyNullableRelation["Proposal"] = base.reference("Proposal", null=True)
    proposal_id: str | None
    read_at = base.UtcDatetimeField(null=True)
    acknowledged_at = base.UtcDatetimeField(null=True)
    reminders = fields.IntField(default=0)
    created_at = base.UtcDatetimeField()

    class Meta:
        table = "notice"
        unique_together = (("event", "seat"),)
        indexes = (
            Index(fields=("seat_id", "pos", "id"), name="notice_seat"),
            Index(fields=("proposal_id",), name="notice_proposal"),
        )


class NoticePreference(Model):
    """How a seat wants to hear of one topic, where it is not the way that everybody hears of it."""

    id = base.OwnIdField("preference")
    seat: fields.ForeignKeyRelation["Seat"] = base.reference("Seat")
    seat_id: str
    topic = base.TextField()
    portal = fields.BooleanField(default=True)
    email = fields.BooleanField(default=True)

    class Meta:
        table = "notice_preference"
        unique_together = (("seat", "topic"),)
