"""Conversations: what people say to each other in a project, and how far each of them has read (mission 3.5).

What changes a count holds the project's row. Words stay in their own rows, where they can be erased: an event says only
that somebody wrote.
"""

from tortoise.expressions import F

from domain import changes, inputs, policy, projects, tallies
from domain.policy import Permission
from domain.seats import Seat
from models.base import new_id
from models.project import Conversation, ConversationReading, Message, Project


async def start(*, by: Seat, project_id: str, title: str) -> str:
    """Start a conversation in a project; return its id.

    Refuses FORBIDDEN, INVALID, and as `projects.find` NOT_FOUND, WRONG_STATE and what an account takes.
    """
    policy.require(Permission.CONVERSATION_START, by=by)
    project = await projects.find(project_id, "projectId", by=by)
    named = inputs.required_line(title, "title")
    async with changes.change(by=by) as c:
        started = await Conversation.create(project_id=project.id, title=named, created_at=c.now)
        c.event("conversation.started", stream=project.id, subject=started.id, **projects.about(project))
    return started.id


async def post(*, by: Seat, conversation_id: str, body: str) -> str:
    """Say something in a conversation; return the message's id. Whoever writes has read what was there.

    Refuses FORBIDDEN, INVALID, and as `projects.find` NOT_FOUND, WRONG_STATE and what an account takes.
    """
    policy.require(Permission.MESSAGE_POST, by=by)
    conversation = await policy.find(Conversation, conversation_id, "conversationId", by=by)
    project = await projects.find(conversation.project_id, "conversationId", by=by)
    said = inputs.required_text(body, "body")
    message_id = new_id("message")
    async with changes.change(by=by) as c:
        await Project.filter(id=project.id).update(messages=F("messages") + 1)
        await Conversation.filter(id=conversation_id).update(last_seq=F("last_seq") + 1)
        posted = await Conversation.get(id=conversation_id)
        await Message.create(
            id=message_id,
            conversation_id=conversation_id,
            project_id=project.id,
            seq=posted.last_seq,
            author_id=by.user_id,
            body=said,
            sent_at=c.now,
        )
        await _read_to_the_end(project, posted, by.user_id)
        c.event("message.posted", stream=project.id, subject=message_id, **projects.about(project))
    return message_id


async def mark_read(*, by: Seat, conversation_id: str) -> str:
    """Note that somebody has read a conversation to its end; return its id. Nothing else happens: no event.

    Also in a cancelled account, where it can still be read. Refuses NOT_FOUND, FORBIDDEN.
    """
    policy.require(Permission.CONVERSATION_MARK_READ, by=by)
    conversation = await policy.find(Conversation, conversation_id, "conversationId", by=by)
    if await _unread(conversation, by.user_id):
        async with changes.change(by=by):
            project = await Project.filter(id=conversation.project_id).select_for_update(no_key=True).get()
            await _read_to_the_end(project, await Conversation.get(id=conversation_id), by.user_id)
    return conversation_id


async def _unread(conversation: Conversation, user_id: str) -> int:
    reading = await ConversationReading.get_or_none(conversation_id=conversation.id, user_id=user_id)
    return conversation.last_seq - (reading.read_seq if reading else 0)


async def _read_to_the_end(project: Project, conversation: Conversation, user_id: str) -> None:
    """Move somebody's reading of a conversation, and with it what they have read of the locked project."""
    unread = await _unread(conversation, user_id)
    if unread:
        reading = ConversationReading(conversation_id=conversation.id, user_id=user_id, read_seq=conversation.last_seq)
        keys = ["conversation_id", "user_id"]
        await ConversationReading.bulk_create([reading], on_conflict=keys, update_fields=["read_seq"])
        await tallies.add(project, user_id, messages_read=unread)
