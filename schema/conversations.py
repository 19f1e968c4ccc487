"""What can be done about conversations."""

import strawberry
from strawberry import ID

from domain import conversations
from domain.policy import Permission
from schema.errors import UserError
from schema.fields import given, given_row, plain, verb
from schema.projects import Conversation, Message


@plain
class ConversationPayload:
    """The conversation as it is now."""

    conversation: Conversation | None = given_row()
    user_errors: list[UserError] = given()


@plain
class MessagePayload:
    """The message that was posted."""

    message: Message | None = given_row()
    user_errors: list[UserError] = given()


@strawberry.type
class ConversationsMutation:
    """The verbs of this slice."""

    conversation_start: ConversationPayload = verb(
        conversations.start,
        {"project_id": ID, "title": str},
        permission=Permission.CONVERSATION_START,
        gives="conversation",
        doc="Starts a conversation in a project. NOT_FOUND, FORBIDDEN, INVALID, WRONG_STATE (the account was "
        "cancelled).",
    )
    message_post: MessagePayload = verb(
        conversations.post,
        {"conversation_id": ID, "body": str},
        permission=Permission.MESSAGE_POST,
        gives="message",
        doc="Says something in a conversation; whoever writes has read what was there. NOT_FOUND, FORBIDDEN, INVALID, "
        "WRONG_STATE (the account was cancelled).",
    )
    conversation_mark_read: ConversationPayload = verb(
        conversations.mark_read,
        {"conversation_id": ID},
        permission=Permission.CONVERSATION_MARK_READ,
        gives="conversation",
        doc="Notes that the viewer has read all that is there. NOT_FOUND, FORBIDDEN.",
    )
