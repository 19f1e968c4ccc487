"""What is addressed to the viewer."""

from datetime import datetime

import strawberry
from strawberry import ID

from domain.policy import Permission
from models import enums
from models.notice import Notice as NoticeRow
from models.notice import NoticePreference as NoticePreferenceRow
from resolvers import notices
from resolvers.sources import Function
from schema import names
from schema.errors import UserError
from schema.fields import column, derived, expression, given, node, one, plain, root, verb
from schema.paging import Node
from schema.scalars import Cursor


@node(NoticeRow)
class Notice(Node):
    """An event addressed to the viewer."""

    event: names.Event | None = one("event_id", doc="Null once the right to see it ended.")
    urgency: enums.NoticeUrgency = column(
        doc="ACTION stays open until the proposal is decided, or the change acknowledged; reminded of after 3 and "
        "7 days."
    )
    proposal: names.Proposal | None = one("proposal_id", doc="The one that the event is about.")
    read_at: datetime | None = column()
    acknowledged_at: datetime | None = column(doc="Null where that is not asked, or nobody of the company has.")
    due_at: datetime | None = expression(
        notices.DUE_AT, doc="Until when an answer is asked for; null: none is, or at any time."
    )


@node(NoticePreferenceRow)
class NoticePreference:
    """How the seat hears of a topic, where it has chosen."""

    topic: str = column()
    channels: list[enums.NoticeChannel] = derived(notices.channels, "portal", "email", doc="None: not at all.")


@plain
class NoticesPayload:
    """What is left to read."""

    unread_notices: int | None = root(Function(notices.unread), doc="Null where nobody is signed in any more.")
    user_errors: list[UserError] = given()


@strawberry.type
class NoticesMutation:
    """The verbs of this slice."""

    notice_mark_read: NoticesPayload = verb(
        notices.mark_read,
        {"notice_id": ID},
        permission=Permission.NOTICE_MARK_READ,
        doc="Takes a notice off the unread ones. NOT_FOUND.",
    )
    notices_mark_read: NoticesPayload = verb(
        notices.mark_all_read,
        {"up_to": Cursor},
        permission=Permission.NOTICES_MARK_READ,
        doc="Takes everything up to an event's cursor off the unread ones.",
    )
    notice_acknowledge: NoticesPayload = verb(
        notices.acknowledge,
        {"notice_id": ID},
        permission=Permission.NOTICE_ACKNOWLEDGE,
        doc="Closes an ACTION notice about a change that was made already, such as a client's contact details, for the "
        "whole company. NOT_FOUND, WRONG_STATE (it asks for nothing, or for an answer to its proposal).",
    )
    notice_preference_set: NoticesPayload = verb(
        notices.set_preference,
        {"topic": str, "channels": list[enums.NoticeChannel]},
        permission=Permission.NOTICE_PREFERENCE_SET,
        doc="Chooses how this seat hears of a topic from now on; no channel: not at all. INVALID: an unknown topic, or "
        "one about access, consent or security.",
    )
