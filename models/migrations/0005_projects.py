from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from models.base import KeyField, OwnIdField, TextField, UtcDatetimeField
from models.enums import ActionItemStatus, FileStatus, ProjectStatus


class Migration(migrations.Migration):
    dependencies = [("models", "0004_access")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Project",
            fields=[
                ("id", OwnIdField("project")),
                (
                    "account",
                    fields.ForeignKeyField(
                        "models.Account",
                        source_field="account_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("name", TextField()),
                ("name_key", KeyField()),
                (
                    "status",
                    fields.CharEnumField(
                        default=ProjectStatus.PLANNED, description="", enum_type=ProjectStatus, max_length=40
                    ),
                ),
                ("starts_on", fields.DateField(null=True)),
                ("due_on", fields.DateField(null=True)),
                ("messages", fields.IntField(default=0)),
                ("items", fields.IntField(default=0)),
                ("items_done", fields.IntField(default=0)),
                ("created_at", UtcDatetimeField()),
            ],
            options={
                "table": "project",
                "indexes": [Index(fields=["account_id", "name_key", "id"], name="project_account_name")],
            },
        ),
        ops.CreateModel(
            name="ActionItem",
            fields=[
                ("id", OwnIdField("actionitem")),
                (
                    "project",
                    fields.ForeignKeyField(
                        "models.Project",
                        source_field="project_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("title", TextField()),
                (
                    "assignee",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="assignee_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("due_on", fields.DateField(null=True)),
                (
                    "status",
                    fields.CharEnumField(
                        default=ActionItemStatus.OPEN, description="", enum_type=ActionItemStatus, max_length=40
                    ),
                ),
                (
                    "completed_by",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="completed_by_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("completed_at", UtcDatetimeField(null=True)),
                ("created_at", UtcDatetimeField()),
            ],
            options={
                "table": "action_item",
                "indexes": [
                    Index(fields=["project_id", "id"], name="action_item_project"),
                    Index(fields=["assignee_id"], name="action_item_assignee"),
                    Index(fields=["completed_by_id"], name="action_item_completed_by"),
                ],
            },
        ),
        ops.CreateModel(
            name="Conversation",
            fields=[
                ("id", OwnIdField("conversation")),
                (
                    "project",
                    fields.ForeignKeyField(
                        "models.Project",
                        source_field="project_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("title", TextField()),
                ("last_seq", fields.IntField(default=0)),
                ("created_at", UtcDatetimeField()),
            ],
            options={
                "table": "conversation",
                "indexes": [Index(fields=["project_id", "id"], name="conversation_project")],
            },
        ),
        ops.CreateModel(
            name="ConversationReading",
            fields=[
                ("id", OwnIdField("reading")),
                (
                    "conversation",
                    fields.ForeignKeyField(
                        "models.Conversation",
                        source_field="conversation_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="user_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("read_seq", fields.IntField()),
            ],
            options={
                "table": "conversation_reading",
                "unique_together": (("conversation_id", "user_id"),),
                "indexes": [Index(fields=["user_id"], name="conversation_reading_user")],
            },
        ),
        ops.CreateModel(
            name="Message",
            fields=[
                ("id", OwnIdField("message")),
                (
                    "conversation",
                    fields.ForeignKeyField(
                        "models.Conversation",
                        source_field="conversation_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "project",
                    fields.ForeignKeyField(
                        "models.Project",
                        source_field="project_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("seq", fields.IntField()),
                (
                    "author",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="author_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("body", TextField()),
                ("sent_at", UtcDatetimeField()),
            ],
            options={
                "table": "message",
                "unique_together": (("conversation_id", "seq"),),
                "indexes": [
                    Index(fields=["project_id"], name="message_project"),
                    Index(fields=["author_id"], name="message_author"),
                ],
            },
        ),
        ops.CreateModel(
            name="ProjectFile",
            fields=[
                ("id", OwnIdField("file")),
                (
                    "project",
                    fields.ForeignKeyField(
                        "models.Project",
                        source_field="project_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("name", TextField()),
                (
                    "status",
                    fields.CharEnumField(
                        default=FileStatus.UPLOADING, description="", enum_type=FileStatus, max_length=40
                    ),
                ),
                ("content_type", TextField()),
                ("size", fields.BigIntField()),
                ("digest", TextField(null=True)),
                (
                    "uploaded_by",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="uploaded_by_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("uploaded_at", UtcDatetimeField()),
                ("deleted_at", UtcDatetimeField(null=True)),
                ("emptied_at", UtcDatetimeField(null=True)),
            ],
            options={
                "table": "project_file",
                "indexes": [
                    Index(fields=["project_id", "id"], name="project_file_project"),
                    Index(fields=["uploaded_by_id"], name="project_file_uploaded_by"),
                ],
            },
        ),
        ops.CreateModel(
            name="ProjectMember",
            fields=[
                ("id", OwnIdField("projectmember")),
                (
                    "project",
                    fields.ForeignKeyField(
                        "models.Project",
                        source_field="project_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "account",
                    fields.ForeignKeyField(
                        "models.Account",
                        source_field="account_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "partner",
                    fields.ForeignKeyField(
                        "models.Partner",
                        source_field="partner_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="user_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("is_assigned", fields.BooleanField()),
                ("added_at", UtcDatetimeField()),
                ("removed_at", UtcDatetimeField(null=True)),
            ],
            options={
                "table": "project_member",
                "indexes": [
                    Index(fields=["project_id", "id"], name="project_member_project"),
                    Index(fields=["account_id"], name="project_member_account"),
                    Index(fields=["partner_id"], name="project_member_partner"),
                    Index(fields=["user_id", "partner_id", "account_id"], name="project_member_user"),
                ],
            },
        ),
        ops.CreateModel(
            name="ProjectPartner",
            fields=[
                ("id", OwnIdField("engagement")),
                (
                    "project",
                    fields.ForeignKeyField(
                        "models.Project",
                        source_field="project_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "account",
                    fields.ForeignKeyField(
                        "models.Account",
                        source_field="account_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "partner",
                    fields.ForeignKeyField(
                        "models.Partner",
                        source_field="partner_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "partnership",
                    fields.ForeignKeyField(
                        "models.Partnership",
                        source_field="partnership_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("added_at", UtcDatetimeField()),
                ("removed_at", UtcDatetimeField(null=True)),
            ],
            options={
                "table": "project_partner",
                "indexes": [
                    Index(fields=["project_id", "id"], name="project_partner_project"),
                    Index(fields=["account_id", "partner_id"], name="project_partner_account"),
                    Index(fields=["partner_id", "project_id"], name="project_partner_partner"),
                    Index(fields=["partnership_id"], name="project_partner_partnership"),
                ],
            },
        ),
        ops.CreateModel(
            name="ProjectTally",
            fields=[
                ("id", OwnIdField("tally")),
                (
                    "project",
                    fields.ForeignKeyField(
                        "models.Project",
                        source_field="project_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "account",
                    fields.ForeignKeyField(
                        "models.Account",
                        source_field="account_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="user_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("open_action_items", fields.IntField(default=0)),
                ("pending_ratings", fields.IntField(default=0)),
                ("messages_read", fields.IntField(default=0)),
            ],
            options={
                "table": "project_tally",
                "unique_together": (("project_id", "user_id"),),
                "indexes": [
                    Index(fields=["user_id", "account_id"], name="project_tally_user"),
                    Index(fields=["account_id"], name="project_tally_account"),
                ],
            },
        ),
        ops.CreateModel(
            name="Rating",
            fields=[
                ("id", OwnIdField("rating")),
                (
                    "project",
                    fields.ForeignKeyField(
                        "models.Project",
                        source_field="project_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "requested_from",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="requested_from_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("score", fields.IntField(null=True)),
                ("comment", TextField(null=True)),
                ("requested_at", UtcDatetimeField()),
                ("given_at", UtcDatetimeField(null=True)),
            ],
            options={
                "table": "rating",
                "indexes": [
                    Index(fields=["project_id", "id"], name="rating_project"),
                    Index(fields=["requested_from_id"], name="rating_requested_from"),
                ],
            },
        ),
        ops.CreateModel(
            name="Widget",
            fields=[
                ("id", OwnIdField("widget")),
                (
                    "project",
                    fields.ForeignKeyField(
                        "models.Project",
                        source_field="project_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("title", TextField()),
                ("url", TextField()),
                ("added_at", UtcDatetimeField()),
            ],
            options={
                "table": "widget",
                "indexes": [Index(fields=["project_id", "id"], name="widget_project")],
            },
        ),
        ops.AddField(
            model_name="Event",
            name="project",
            field=fields.ForeignKeyField(
                "models.Project",
                source_field="project_id",
                null=True,
                related_name=False,
                on_delete=fields.RESTRICT,
            ),
        ),
        ops.AddIndex(
            model_name="Event",
            index=Index(fields=["project_id", "version"], name="event_project"),
        ),
        ops.AddField(
            model_name="Proposal",
            name="approver",
            field=fields.ForeignKeyField(
                "models.User",
                source_field="approver_id",
                null=True,
                related_name=False,
                on_delete=fields.RESTRICT,
            ),
        ),
        ops.AddField(
            model_name="Proposal",
            name="file",
            field=fields.ForeignKeyField(
                "models.ProjectFile",
                source_field="file_id",
                null=True,
                related_name=False,
                on_delete=fields.RESTRICT,
            ),
        ),
        ops.AddField(
            model_name="Proposal",
            name="project",
            field=fields.ForeignKeyField(
                "models.Project",
                source_field="project_id",
                null=True,
                related_name=False,
                on_delete=fields.RESTRICT,
            ),
        ),
        ops.AddField(model_name="Proposal", name="project_ids", field=fields.JSONField(null=True)),
        ops.AddField(
            model_name="Proposal",
            name="title",
            field=TextField(null=True),
        ),
        ops.AddIndex(
            model_name="Proposal",
            index=Index(fields=["project_id", "id"], name="proposal_project"),
        ),
        ops.AddIndex(
            model_name="Proposal",
            index=Index(fields=["approver_id", "project_id"], name="proposal_approver"),
        ),
        ops.AddIndex(
            model_name="Proposal",
            index=Index(fields=["file_id"], name="proposal_file"),
        ),
        ops.AddConstraint(
            model_name="Proposal",
            constraint=CheckConstraint(
                check="(kind = 'PROJECT_APPROVAL') = (approver_id is not null) and (approver_id is null or project_id is not null and title is not null)",
                name="proposal_approval",
            ),
        ),
        ops.AddConstraint(
            model_name="Project",
            constraint=CheckConstraint(check="items_done between 0 and items and messages >= 0", name="project_items"),
        ),
        ops.AddConstraint(
            model_name="ProjectTally",
            constraint=CheckConstraint(
                check="open_action_items >= 0 and pending_ratings >= 0 and messages_read >= 0",
                name="project_tally_counts",
            ),
        ),
        ops.AddConstraint(
            model_name="ProjectFile",
            constraint=CheckConstraint(check="size between 1 and 2147483647", name="project_file_size"),
        ),
        ops.AddConstraint(
            model_name="ProjectFile",
            constraint=CheckConstraint(check="status <> 'READY' or digest is not null", name="project_file_ready"),
        ),
        ops.AddConstraint(
            model_name="Rating", constraint=CheckConstraint(check="score between 1 and 5", name="rating_score")
        ),
        ops.AddConstraint(
            model_name="Rating",
            constraint=CheckConstraint(check="(score is null) = (given_at is null)", name="rating_given"),
        ),
        ops.RunSQL(
            sql="create unique index project_partner_once on project_partner (project_id, partner_id) where removed_at is null",
            reverse_sql="drop index project_partner_once",
        ),
        ops.RunSQL(
            sql="create unique index project_member_once on project_member (project_id, partner_id, user_id) where removed_at is null",
            reverse_sql="drop index project_member_once",
        ),
        ops.RunSQL(
            sql="create unique index rating_one_open on rating (project_id, requested_from_id) where given_at is null",
            reverse_sql="drop index rating_one_open",
        ),
        ops.RunSQL(
            sql="create unique index partner_client_partner_domain on partner (domain) where kind = 'CLIENT_PARTNER'",
            reverse_sql="drop index partner_client_partner_domain",
        ),
        ops.RunSQL(
            sql="create index event_project_pos on event (project_id, pos) where project_id is not null and pos is not null",
            reverse_sql="drop index event_project_pos",
        ),
        ops.RunSQL(
            sql="create index project_file_to_empty on project_file (uploaded_at) where emptied_at is null and (deleted_at is not null or status <> 'READY')",
            reverse_sql="drop index project_file_to_empty",
        ),
    ]
