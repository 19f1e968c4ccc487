from typing import TYPE_CHECKING

from tortoise import Model, fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint

from models import base
from models.enums import ActionItemStatus, FileStatus, ProjectStatus

if TYPE_CHECKING:
    from datetime import date

    from models.account import Account
    from models.partner import Partner
    from models.partnership import Partnership
    from models.user import User


class Project(Model):
    """Work in an account: its staff, the partners that may open it, and the client partners that were brought in."""

    id = base.OwnIdField("project")
    account: fields.ForeignKeyRelation["Account"] = base.reference("Account")
    account_id: str
    name = base.TextField()
    name_key = base.KeyField()
    status = base.word_field(ProjectStatus, default=ProjectStatus.PLANNED)
    starts_on: "fields.Field[date | None]" = fields.DateField(null=True)
    due_on: "fields.Field[date | None]" = fields.DateField(null=True)
    # Counted by the verbs that change them: messages of all its conversations; action items, cancelled ones left out.
    messages = fields.IntField(default=0)
    items = fields.IntField(default=0)
    items_done = fields.IntField(default=0)
    created_at = base.UtcDatetimeField()

    class Meta:
        table = "project"
        indexes = (Index(fields=("account_id", "name_key", "id"), name="project_account_name"),)
        constraints = (CheckConstraint(name="project_items", check="items_done between 0 and items and messages >= 0"),)


class ProjectPartner(Model):
    """A client-partner company that was brought into a project."""

    id = base.OwnIdField("engagement")
    project: fields.ForeignKeyRelation[Project] = base.reference("Project")
    project_id: str
    # The project's.
    account: fields.ForeignKeyRelation["Account"] = base.reference("Account")
    account_id: str
    partner: fields.ForeignKeyRelation["Partner"] = base.reference("Partner")
    partner_id: str
    # Of the company and the account's client.
    partnership: fields.ForeignKeyRelation["Partnership"] = base.reference("Partnership")
    partnership_id: str
    added_at = base.UtcDatetimeField()
    removed_at = base.UtcDatetimeField(null=True)

    class Meta:
        table = "project_partner"
        indexes = (
            Index(fields=("project_id", "id"), name="project_partner_project"),
            Index(fields=("account_id", "partner_id"), name="project_partner_account"),
            Index(fields=("partner_id", "project_id"), name="project_partner_partner"),
            Index(fields=("partnership_id",), name="project_partner_partnership"),
        )


class ProjectMember(Model):
    """A client partner's person on a project: assigned to it, or there as the admin of a company in its account."""

    id = base.OwnIdField("projectmember")
    project: fields.ForeignKeyRelation[Project] = base.reference("Project")
    project_id: str
    # The project's.
    account: fields.ForeignKeyRelation["Account"] = base.reference("Account")
    account_id: str
    partner: fields.ForeignKeyRelation["Partner"] = base.reference("Partner")
    partner_id: str
    user: fields.ForeignKeyRelation["User"] = base.reference("User")
    user_id: str
    # False: there only as the company's admin, who sees every project of the accounts in which it is (mission 3.3).
    is_assigned = fields.BooleanField()
    added_at = base.UtcDatetimeField()
    removed_at = base.UtcDatetimeField(null=True)

    class Meta:
        table = "project_member"
        indexes = (
            Index(fields=("project_id", "id"), name="project_member_project"),
            Index(fields=("account_id",), name="project_member_account"),
            Index(fields=("partner_id",), name="project_member_partner"),
            Index(fields=("user_id", "partner_id", "account_id"), name="project_member_user"),
        )


class ProjectTally(Model):
    """What waits for one person in a project, as far as only verbs change it; no row: nothing."""

    id = base.OwnIdField("tally")
    project: fields.ForeignKeyRelation[Project] = base.reference("Project")
    project_id: str
    # The project's.
    account: fields.ForeignKeyRelation["Account"] = base.reference("Account")
    account_id: str
    user: fields.ForeignKeyRelation["User"] = base.reference("User")
    user_id: str
    open_action_items = fields.IntField(default=0)
    pending_ratings = fields.IntField(default=0)
    # Of the project's `messages`.
    messages_read = fields.IntField(default=0)

    class Meta:
        table = "project_tally"
        unique_together = (("project_id", "user_id"),)
        indexes = (
            Index(fields=("user_id", "account_id"), name="project_tally_user"),
            Index(fields=("account_id",), name="project_tally_account"),
        )
        constraints = (
            CheckConstraint(
                name="project_tally_counts",
                check="open_action_items >= 0 and pending_ratings >= 0 and messages_read >= 0",
            ),
        )


class ActionItem(Model):
    id = base.OwnIdField("actionitem")
    project: fields.ForeignKeyRelation[Project] = base.reference("Project")
    project_id: str
    title = base.TextField()
    assignee: fields.ForeignKeyNullableRelation["User"] = base.reference("User", null=True)
    assignee_id: str | None
    due_on: "fields.Field[date | None]" = fields.DateField(null=True)
    status = base.word_field(ActionItemStatus, default=ActionItemStatus.OPEN)
    completed_by: fields.ForeignKeyNullableRelation["User"] = base.reference("User", null=True)
    completed_by_id: str | None
    completed_at = base.UtcDatetimeField(null=True)
    created_at = base.UtcDatetimeField()

    class Meta:
        table = "action_item"
        indexes = (
            Index(fields=("project_id", "id"), name="action_item_project"),
            Index(fields=("assignee_id",), name="action_item_assignee"),
            Index(fields=("completed_by_id",), name="action_item_completed_by"),
        )


class Conversation(Model):
    id = base.OwnIdField("conversation")
    project: fields.ForeignKeyRelation[Project] = base.reference("Project")
    project_id: str
    title = base.TextField()
    # The `seq` of its last message.
    last_seq = fields.IntField(default=0)
    created_at = base.UtcDatetimeField()

    class Meta:
        table = "conversation"
        indexes = (Index(fields=("project_id", "id"), name="conversation_project"),)


class Message(Model):
    id = base.OwnIdField("message")
    conversation: fields.ForeignKeyRelation[Conversation] = base.reference("Conversation")
    conversation_id: str
    # The conversation's.
    project: fields.ForeignKeyRelation[Project] = base.reference("Project")
    project_id: str
    # Its place in its conversation, from 1, without gaps.
    seq = fields.IntField()
    author: fields.ForeignKeyRelation["User"] = base.reference("User")
    author_id: str
    body = base.TextField()
    sent_at = base.UtcDatetimeField()

    class Meta:
        table = "message"
        unique_together = (("conversation_id", "seq"),)
        indexes = (
            Index(fields=("project_id",), name="message_project"),
            Index(fields=("author_id",), name="message_author"),
        )


class ConversationReading(Model):
    """How far somebody has read a conversation; no row: nothing of it."""

    id = base.OwnIdField("reading")
    conversation: fields.ForeignKeyRelation[Conversation] = base.reference("Conversation")
    conversation_id: str
    user: fields.ForeignKeyRelation["User"] = base.reference("User")
    user_id: str
    # The `seq` of the last message that was read.
    read_seq = fields.IntField()

    class Meta:
        table = "conversation_reading"
        unique_together = (("conversation_id", "user_id"),)
        indexes = (Index(fields=("user_id",), name="conversation_reading_user"),)


class ProjectFile(Model):
    """A file of a project. Its bytes are in FILES_URL, under its id: in quarantine until they were checked."""

    id = base.OwnIdField("file")
    project: fields.ForeignKeyRelation[Project] = base.reference("Project")
    project_id: str
    name = base.TextField()
    status = base.word_field(FileStatus, default=FileStatus.UPLOADING)
    # As announced. Of what is READY content and size were seen to be so.
    content_type = base.TextField()
    size = fields.BigIntField()
    # SHA-256 of the bytes, hexadecimal; null until some have arrived, and of what was refused.
    digest = base.TextField(null=True)
    uploaded_by: fields.ForeignKeyRelation["User"] = base.reference("User")
    uploaded_by_id: str
    uploaded_at = base.UtcDatetimeField()
    deleted_at = base.UtcDatetimeField(null=True)
    # When the bytes of what was deleted, refused or never finished were removed.
    emptied_at = base.UtcDatetimeField(null=True)

    class Meta:
        table = "project_file"
        indexes = (
            Index(fields=("project_id", "id"), name="project_file_project"),
            Index(fields=("uploaded_by_id",), name="project_file_uploaded_by"),
        )
        constraints = (
            CheckConstraint(name="project_file_size", check="size between 1 and 2147483647"),
            CheckConstraint(name="project_file_ready", check="status <> 'READY' or digest is not null"),
        )


class Widget(Model):
    """A page of somebody else's that a project shows."""

    id = base.OwnIdField("widget")
    project: fields.ForeignKeyRelation[Project] = base.reference("Project")
    project_id: str
    title = base.TextField()
    url = base.TextField()
    added_at = base.UtcDatetimeField()

    class Meta:
        table = "widget"
        indexes = (Index(fields=("project_id", "id"), name="widget_project"),)


class Rating(Model):
    """How satisfied somebody is with a project, once they were asked."""

    id = base.OwnIdField("rating")
    project: fields.ForeignKeyRelation[Project] = base.reference("Project")
    project_id: str
    requested_from: fields.ForeignKeyRelation["User"] = base.reference("User")
    requested_from_id: str
    # 1 to 5; null until given.
    score: "fields.Field[int | None]" = fields.IntField(null=True)
    comment = base.TextField(null=True)
    requested_at = base.UtcDatetimeField()
    given_at = base.UtcDatetimeField(null=True)

    class Meta:
        table = "rating"
        indexes = (
            Index(fields=("project_id", "id"), name="rating_project"),
            Index(fields=("requested_from_id",), name="rating_requested_from"),
        )
        constraints = (
            CheckConstraint(name="rating_score", check="score between 1 and 5"),
            CheckConstraint(name="rating_given", check="(score is null) = (given_at is null)"),
        )
