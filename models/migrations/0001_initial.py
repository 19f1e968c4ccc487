from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from models.base import IdField, KeyField, OwnIdField, TextField, UtcDatetimeField
from models.enums import (
    AccessStatus,
    AccountStatus,
    Audience,
    InviteKind,
    LinkPurpose,
    MailStatus,
    ModificationKind,
    PartnerKind,
    PartnerMemberRole,
    PartnershipKind,
    PartnershipStatus,
    ProposalKind,
    ProposalStatus,
    SecurityRole,
    Side,
    SignInMethod,
)


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name="User",
            fields=[
                ("id", OwnIdField("user")),
                ("name", TextField()),
                ("email", TextField(null=True, unique=True)),
                ("locale", TextField(null=True)),
                ("password_hash", TextField(null=True)),
                ("is_vendor", fields.BooleanField(default=False)),
                ("created_at", UtcDatetimeField()),
            ],
            options={"table": "app_user"},
        ),
        ops.CreateModel(
            name="Client",
            fields=[
                ("street", TextField(null=True)),
                ("city", TextField(null=True)),
                ("state", TextField(null=True)),
                ("postal_code", TextField(null=True)),
                ("country", TextField(null=True)),
                ("phone", TextField(null=True)),
                ("fax", TextField(null=True)),
                ("email", TextField(null=True)),
                ("website", TextField(null=True)),
                ("id", OwnIdField("client")),
                ("name", TextField()),
                ("name_key", KeyField()),
                ("created_at", UtcDatetimeField()),
            ],
            options={"table": "client", "indexes": [Index(fields=["name_key", "id"], name="client_name")]},
        ),
        ops.CreateModel(
            name="Partner",
            fields=[
                ("street", TextField(null=True)),
                ("city", TextField(null=True)),
                ("state", TextField(null=True)),
                ("postal_code", TextField(null=True)),
                ("country", TextField(null=True)),
                ("phone", TextField(null=True)),
                ("fax", TextField(null=True)),
                ("email", TextField(null=True)),
                ("website", TextField(null=True)),
                ("id", OwnIdField("partner")),
                ("name", TextField()),
                ("name_key", KeyField()),
                (
                    "kind",
                    fields.CharEnumField(
                        description="", default=PartnerKind.PARTNER, enum_type=PartnerKind, max_length=40
                    ),
                ),
                ("domain", TextField()),
                ("licences", fields.IntField()),
                ("copy_address", TextField(null=True)),
                ("revenue_share_ppm", fields.IntField(null=True)),
                (
                    "admin",
                    fields.ForeignKeyField(
                        "models.User", source_field="admin_id", null=True, related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                ("created_at", UtcDatetimeField()),
            ],
            options={
                "table": "partner",
                "indexes": [
                    Index(fields=["name_key", "id"], name="partner_name"),
                    Index(fields=["admin_id"], name="partner_admin"),
                ],
            },
        ),
        ops.CreateModel(
            name="PartnerMember",
            fields=[
                ("id", OwnIdField("member")),
                (
                    "partner",
                    fields.ForeignKeyField(
                        "models.Partner", source_field="partner_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User", source_field="user_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                ("role", fields.CharEnumField(description="", enum_type=PartnerMemberRole, max_length=40)),
                ("joined_at", UtcDatetimeField()),
                ("removed_at", UtcDatetimeField(null=True)),
            ],
            options={
                "table": "partner_member",
                "indexes": [
                    Index(fields=["partner_id", "id"], name="partner_member_partner"),
                    Index(fields=["user_id"], name="partner_member_user"),
                ],
            },
        ),
        ops.CreateModel(
            name="Account",
            fields=[
                ("id", OwnIdField("account")),
                (
                    "client",
                    fields.ForeignKeyField(
                        "models.Client", source_field="client_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                ("name", TextField()),
                ("name_key", KeyField()),
                (
                    "status",
                    fields.CharEnumField(
                        description="", default=AccountStatus.SETTING_UP, enum_type=AccountStatus, max_length=40
                    ),
                ),
                ("jobs_created", fields.IntField(default=0)),
                ("last_job_at", UtcDatetimeField(null=True)),
                (
                    "owner",
                    fields.ForeignKeyField(
                        "models.User", source_field="owner_id", null=True, related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                ("created_at", UtcDatetimeField()),
            ],
            options={
                "table": "account",
                "indexes": [
                    Index(fields=["client_id", "name_key", "id"], name="account_client_name"),
                    Index(fields=["name_key", "id"], name="account_name"),
                    Index(fields=["owner_id"], name="account_owner"),
                ],
            },
        ),
        ops.CreateModel(
            name="StaffMember",
            fields=[
                ("id", OwnIdField("staff")),
                (
                    "account",
                    fields.ForeignKeyField(
                        "models.Account", source_field="account_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User", source_field="user_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                ("role", fields.CharEnumField(description="", enum_type=SecurityRole, max_length=40)),
                ("joined_at", UtcDatetimeField()),
                ("removed_at", UtcDatetimeField(null=True)),
            ],
            options={
                "table": "staff_member",
                "indexes": [
                    Index(fields=["account_id", "id"], name="staff_member_account"),
                    Index(fields=["user_id"], name="staff_member_user"),
                ],
            },
        ),
        ops.CreateModel(
            name="Contact",
            fields=[
                ("id", OwnIdField("contact")),
                (
                    "partner",
                    fields.ForeignKeyField(
                        "models.Partner",
                        source_field="partner_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "client",
                    fields.ForeignKeyField(
                        "models.Client",
                        source_field="client_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("name", TextField()),
                ("name_key", KeyField()),
                ("title", TextField(null=True)),
                ("email", TextField(null=True)),
                ("phone", TextField(null=True)),
                ("mobile", TextField(null=True)),
                ("purposes", fields.JSONField(default=list)),
                ("created_at", UtcDatetimeField()),
                ("updated_at", UtcDatetimeField()),
                ("erased_at", UtcDatetimeField(null=True)),
            ],
            options={
                "table": "contact",
                "indexes": [
                    Index(fields=["partner_id", "name_key", "id"], name="contact_partner_name"),
                    Index(fields=["client_id", "name_key", "id"], name="contact_client_name"),
                    Index(fields=["name_key", "id"], name="contact_name"),
                ],
            },
        ),
        ops.CreateModel(
            name="Seat",
            fields=[
                ("id", OwnIdField("seat")),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User", source_field="user_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                ("side", fields.CharEnumField(description="", enum_type=Side, max_length=40)),
                (
                    "partner",
                    fields.ForeignKeyField(
                        "models.Partner",
                        source_field="partner_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "client",
                    fields.ForeignKeyField(
                        "models.Client",
                        source_field="client_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("roles", fields.JSONField(default=list)),
                ("version", fields.IntField(default=1)),
                ("ended_at", UtcDatetimeField(null=True)),
                ("created_at", UtcDatetimeField()),
            ],
            options={
                "table": "seat",
                "indexes": [
                    Index(fields=["partner_id"], name="seat_partner"),
                    Index(fields=["client_id"], name="seat_client"),
                    Index(fields=["user_id", "id"], name="seat_user"),
                ],
            },
        ),
        ops.CreateModel(
            name="Session",
            fields=[
                ("id", OwnIdField("session")),
                ("token_hash", TextField(unique=True)),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User", source_field="user_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                (
                    "seat",
                    fields.ForeignKeyField(
                        "models.Seat", source_field="seat_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                ("via", fields.CharEnumField(description="", enum_type=SignInMethod, max_length=40)),
                ("started_at", UtcDatetimeField()),
                ("last_seen_at", UtcDatetimeField()),
                ("expires_at", UtcDatetimeField()),
                ("ended_at", UtcDatetimeField(null=True)),
                ("ip", TextField(null=True)),
                ("user_agent", TextField(null=True)),
            ],
            options={
                "table": "session",
                "indexes": [
                    Index(fields=["user_id", "id"], name="session_user"),
                    Index(fields=["seat_id"], name="session_seat"),
                ],
            },
        ),
        ops.CreateModel(
            name="Partnership",
            fields=[
                ("id", OwnIdField("partnership")),
                (
                    "kind",
                    fields.CharEnumField(
                        description="", default=PartnershipKind.DIRECT, enum_type=PartnershipKind, max_length=40
                    ),
                ),
                (
                    "partner",
                    fields.ForeignKeyField(
                        "models.Partner", source_field="partner_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                (
                    "client",
                    fields.ForeignKeyField(
                        "models.Client",
                        source_field="client_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "previous",
                    fields.ForeignKeyField(
                        "models.Partnership",
                        source_field="previous_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "status",
                    fields.CharEnumField(
                        description="", default=PartnershipStatus.OFFERED, enum_type=PartnershipStatus, max_length=40
                    ),
                ),
                ("expires_at", UtcDatetimeField(null=True)),
                ("partner_key", KeyField()),
                ("client_key", KeyField()),
                ("title", TextField()),
                ("description", TextField(null=True)),
                ("region", TextField(null=True)),
                ("starts_on", fields.DateField(null=True)),
                ("version", fields.IntField(default=1)),
                ("started_at", UtcDatetimeField(null=True)),
                ("changed_at", UtcDatetimeField()),
                ("ended_at", UtcDatetimeField(null=True)),
                ("ended_by", fields.CharEnumField(description="", null=True, enum_type=Side, max_length=40)),
                ("end_reason", TextField(null=True)),
                ("hidden_by_partner", fields.BooleanField(default=False)),
                ("hidden_by_client", fields.BooleanField(default=False)),
                ("created_at", UtcDatetimeField()),
            ],
            options={
                "table": "partnership",
                "indexes": [
                    Index(fields=["partner_id", "client_key", "id"], name="partnership_partner_name"),
                    Index(fields=["client_id", "partner_key", "id"], name="partnership_client_name"),
                    Index(fields=["previous_id"], name="partnership_previous"),
                ],
            },
        ),
        ops.CreateModel(
            name="Proposal",
            fields=[
                ("id", IdField(primary_key=True)),
                ("kind", fields.CharEnumField(description="", enum_type=ProposalKind, max_length=40)),
                (
                    "status",
                    fields.CharEnumField(
                        description="", default=ProposalStatus.PENDING, enum_type=ProposalStatus, max_length=40
                    ),
                ),
                ("version", fields.IntField(default=1)),
                ("message", TextField(null=True)),
                (
                    "proposed_by",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="proposed_by_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("proposed_by_side", fields.CharEnumField(description="", enum_type=Side, max_length=40)),
                (
                    "from_partner",
                    fields.ForeignKeyField(
                        "models.Partner",
                        source_field="from_partner_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "from_client",
                    fields.ForeignKeyField(
                        "models.Client",
                        source_field="from_client_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "to_partner",
                    fields.ForeignKeyField(
                        "models.Partner",
                        source_field="to_partner_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "to_client",
                    fields.ForeignKeyField(
                        "models.Client",
                        source_field="to_client_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("proposed_at", UtcDatetimeField(null=True)),
                ("expires_at", UtcDatetimeField(null=True)),
                (
                    "decided_by",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="decided_by_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("decided_at", UtcDatetimeField(null=True)),
                ("comment", TextField(null=True)),
                (
                    "partnership",
                    fields.ForeignKeyField(
                        "models.Partnership",
                        source_field="partnership_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("email", TextField(null=True)),
                ("client_name", TextField(null=True)),
                ("invite_kind", fields.CharEnumField(description="", null=True, enum_type=InviteKind, max_length=40)),
                (
                    "partner",
                    fields.ForeignKeyField(
                        "models.Partner",
                        source_field="partner_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "account",
                    fields.ForeignKeyField(
                        "models.Account",
                        source_field="account_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("name", TextField(null=True)),
                ("role", fields.CharEnumField(description="", null=True, enum_type=SecurityRole, max_length=40)),
                (
                    "counters",
                    fields.ForeignKeyField(
                        "models.Proposal",
                        source_field="counters_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("reminded_at", UtcDatetimeField(null=True)),
                ("reminders", fields.IntField(default=0)),
                ("sent_at", UtcDatetimeField(null=True)),
                ("created_at", UtcDatetimeField()),
            ],
            options={
                "table": "proposal",
                "indexes": [
                    Index(fields=["status", "expires_at"], name="proposal_due"),
                    Index(fields=["partnership_id", "id"], name="proposal_partnership"),
                    Index(fields=["from_partner_id", "id"], name="proposal_from_partner"),
                    Index(fields=["from_client_id", "id"], name="proposal_from_client"),
                    Index(fields=["to_partner_id", "id"], name="proposal_to_partner"),
                    Index(fields=["to_client_id", "id"], name="proposal_to_client"),
                    Index(fields=["partner_id", "id"], name="proposal_partner"),
                    Index(fields=["account_id", "id"], name="proposal_account"),
                    Index(fields=["email"], name="proposal_email"),
                    Index(fields=["counters_id"], name="proposal_counters"),
                    Index(fields=["proposed_by_id"], name="proposal_proposed_by"),
                    Index(fields=["decided_by_id"], name="proposal_decided_by"),
                ],
            },
        ),
        ops.AddField(
            model_name="Partnership",
            name="offer",
            field=fields.ForeignKeyField(
                "models.Proposal", source_field="offer_id", null=True, related_name=False, on_delete=fields.RESTRICT
            ),
        ),
        ops.AddIndex(
            model_name="Partnership",
            index=Index(fields=["offer_id"], name="partnership_offer"),
        ),
        ops.CreateModel(
            name="ProposalItem",
            fields=[
                ("id", OwnIdField("item")),
                (
                    "proposal",
                    fields.ForeignKeyField(
                        "models.Proposal", source_field="proposal_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                ("kind", fields.CharEnumField(description="", enum_type=ModificationKind, max_length=40)),
                (
                    "contact",
                    fields.ForeignKeyField(
                        "models.Contact",
                        source_field="contact_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "account",
                    fields.ForeignKeyField(
                        "models.Account",
                        source_field="account_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("field", TextField(null=True)),
                ("before", TextField(null=True)),
                ("after", TextField(null=True)),
                ("accepted", fields.BooleanField(null=True)),
            ],
            options={
                "table": "proposal_item",
                "indexes": [
                    Index(fields=["proposal_id", "id"], name="proposal_item_proposal"),
                    Index(fields=["contact_id"], name="proposal_item_contact"),
                    Index(fields=["account_id"], name="proposal_item_account"),
                ],
            },
        ),
        ops.CreateModel(
            name="AssignedContact",
            fields=[
                ("id", OwnIdField("assigned")),
                (
                    "partnership",
                    fields.ForeignKeyField(
                        "models.Partnership",
                        source_field="partnership_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "contact",
                    fields.ForeignKeyField(
                        "models.Contact", source_field="contact_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                ("side", fields.CharEnumField(description="", enum_type=Side, max_length=40)),
                (
                    "proposal",
                    fields.ForeignKeyField(
                        "models.Proposal", source_field="proposal_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                ("assigned_at", UtcDatetimeField(null=True)),
                ("released_at", UtcDatetimeField(null=True)),
            ],
            options={
                "table": "assigned_contact",
                "indexes": [
                    Index(fields=["partnership_id", "id"], name="assigned_contact_partnership"),
                    Index(fields=["contact_id"], name="assigned_contact_contact"),
                    Index(fields=["proposal_id"], name="assigned_contact_proposal"),
                ],
            },
        ),
        ops.CreateModel(
            name="AccessGrant",
            fields=[
                ("id", OwnIdField("grant")),
                (
                    "partnership",
                    fields.ForeignKeyField(
                        "models.Partnership",
                        source_field="partnership_id",
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "partner",
                    fields.ForeignKeyField(
                        "models.Partner", source_field="partner_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                (
                    "account",
                    fields.ForeignKeyField(
                        "models.Account", source_field="account_id", related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                (
                    "status",
                    fields.CharEnumField(
                        description="", default=AccessStatus.ENABLED, enum_type=AccessStatus, max_length=40
                    ),
                ),
                ("connected_at", UtcDatetimeField()),
                ("last_opened_at", UtcDatetimeField(null=True)),
                ("expires_at", UtcDatetimeField(null=True)),
                ("disconnected_at", UtcDatetimeField(null=True)),
            ],
            options={
                "table": "access_grant",
                "indexes": [
                    Index(fields=["account_id", "id"], name="access_grant_account"),
                    Index(fields=["partner_id", "id"], name="access_grant_partner"),
                    Index(fields=["partnership_id", "id"], name="access_grant_partnership"),
                ],
            },
        ),
        ops.CreateModel(
            name="Stream",
            fields=[
                ("id", IdField(primary_key=True)),
                ("version", fields.IntField()),
                ("digest", TextField()),
            ],
            options={"table": "stream"},
        ),
        ops.CreateModel(
            name="Event",
            fields=[
                ("id", OwnIdField("event")),
                ("pos", fields.BigIntField(null=True, unique=True)),
                ("stream", IdField()),
                ("version", fields.IntField()),
                ("topic", TextField()),
                ("subject", IdField(null=True)),
                (
                    "actor",
                    fields.ForeignKeyField(
                        "models.User", source_field="actor_id", null=True, related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                ("on_behalf_of", TextField(null=True)),
                ("side", fields.CharEnumField(description="", null=True, enum_type=Side, max_length=40)),
                ("reason", TextField(null=True)),
                ("changes", fields.JSONField(default=list)),
                ("visible_to", fields.CharEnumField(description="", enum_type=Audience, max_length=40)),
                (
                    "partnership",
                    fields.ForeignKeyField(
                        "models.Partnership",
                        source_field="partnership_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "account",
                    fields.ForeignKeyField(
                        "models.Account",
                        source_field="account_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "proposal",
                    fields.ForeignKeyField(
                        "models.Proposal",
                        source_field="proposal_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "partner",
                    fields.ForeignKeyField(
                        "models.Partner",
                        source_field="partner_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                (
                    "client",
                    fields.ForeignKeyField(
                        "models.Client",
                        source_field="client_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("salt", TextField(null=True)),
                ("commitment", TextField()),
                ("digest", TextField()),
                ("erased_at", UtcDatetimeField(null=True)),
                ("at", UtcDatetimeField()),
            ],
            options={
                "table": "event",
                "unique_together": (("stream", "version"),),
                "indexes": [
                    Index(fields=["partnership_id", "version"], name="event_partnership"),
                    Index(fields=["account_id", "id"], name="event_account"),
                    Index(fields=["proposal_id"], name="event_proposal"),
                    Index(fields=["partner_id", "id"], name="event_partner"),
                    Index(fields=["client_id", "id"], name="event_client"),
                    Index(fields=["actor_id"], name="event_actor"),
                    Index(fields=["subject"], name="event_subject"),
                ],
            },
        ),
        ops.CreateModel(
            name="Link",
            fields=[
                ("id", OwnIdField("link")),
                ("purpose", fields.CharEnumField(description="", enum_type=LinkPurpose, max_length=40)),
                ("token_hash", TextField(unique=True)),
                ("version", fields.IntField(default=1)),
                ("email", TextField()),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User", source_field="user_id", null=True, related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                (
                    "proposal",
                    fields.ForeignKeyField(
                        "models.Proposal",
                        source_field="proposal_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("created_at", UtcDatetimeField()),
                ("expires_at", UtcDatetimeField()),
                ("used_at", UtcDatetimeField(null=True)),
                ("replaced_at", UtcDatetimeField(null=True)),
            ],
            options={
                "table": "link",
                "indexes": [
                    Index(fields=["user_id"], name="link_user"),
                    Index(fields=["proposal_id"], name="link_proposal"),
                ],
            },
        ),
        ops.CreateModel(
            name="Mail",
            fields=[
                ("id", OwnIdField("mail")),
                (
                    "event",
                    fields.ForeignKeyField(
                        "models.Event",
                        source_field="event_id",
                        null=True,
                        related_name=False,
                        on_delete=fields.RESTRICT,
                    ),
                ),
                ("template", TextField()),
                ("to_email", TextField()),
                ("to_name", TextField(null=True)),
                ("cc", fields.JSONField(default=list)),
                ("locale", TextField(null=True)),
                (
                    "link",
                    fields.ForeignKeyField(
                        "models.Link", source_field="link_id", null=True, related_name=False, on_delete=fields.RESTRICT
                    ),
                ),
                (
                    "status",
                    fields.CharEnumField(
                        description="", default=MailStatus.QUEUED, enum_type=MailStatus, max_length=40
                    ),
                ),
                ("due_at", UtcDatetimeField()),
                ("lease_until", UtcDatetimeField(null=True)),
                ("attempts", fields.IntField(default=0)),
                ("last_error", TextField(null=True)),
                ("sent_at", UtcDatetimeField(null=True)),
                ("created_at", UtcDatetimeField()),
            ],
            options={
                "table": "mail",
                "unique_together": (("event", "template", "to_email"),),
                "indexes": [
                    Index(fields=["status", "due_at"], name="mail_due"),
                    Index(fields=["link_id"], name="mail_link"),
                ],
            },
        ),
        ops.CreateModel(
            name="Idempotency",
            fields=[
                ("id", OwnIdField("idempotency")),
                ("scope", TextField()),
                ("key", TextField()),
                ("request_hash", TextField()),
                ("outcome", fields.JSONField(null=True)),
                ("created_at", UtcDatetimeField()),
            ],
            options={
                "table": "idempotency",
                "unique_together": (("scope", "key"),),
                "indexes": [Index(fields=["created_at"], name="idempotency_created")],
            },
        ),
        ops.CreateModel(
            name="RateLimit",
            fields=[
                ("id", OwnIdField("limit")),
                ("rule", TextField()),
                ("subject", TextField()),
                ("window_start", UtcDatetimeField()),
                ("count", fields.IntField()),
            ],
            options={
                "table": "rate_limit",
                "unique_together": (("rule", "subject", "window_start"),),
                "indexes": [Index(fields=["window_start"], name="rate_limit_window")],
            },
        ),
        ops.AddConstraint(
            model_name="Partner",
            constraint=CheckConstraint(check="licences >= 0", name="partner_licences"),
        ),
        ops.AddConstraint(
            model_name="Partner",
            constraint=CheckConstraint(check="revenue_share_ppm between 0 and 1000000", name="partner_revenue_share"),
        ),
        ops.AddConstraint(
            model_name="Account",
            constraint=CheckConstraint(check="jobs_created >= 0", name="account_jobs_created"),
        ),
        ops.AddConstraint(
            model_name="Contact",
            constraint=CheckConstraint(check="(partner_id is null) <> (client_id is null)", name="contact_one_company"),
        ),
        ops.AddConstraint(
            model_name="Seat",
            constraint=CheckConstraint(
                check="(side = 'PARTNER') = (partner_id is not null) and (side = 'CLIENT') = (client_id is not null)",
                name="seat_company",
            ),
        ),
        ops.AddConstraint(
            model_name="Proposal",
            constraint=CheckConstraint(check="status <> 'PENDING' or expires_at is not null", name="proposal_expires"),
        ),
        ops.AddConstraint(
            model_name="Proposal",
            constraint=CheckConstraint(
                check="(kind = 'INVITE') = (invite_kind is not null)", name="proposal_invite_kind"
            ),
        ),
        # Partial unique indexes and descending ones: the same text on both databases, which Tortoise's own operations
        # cannot write (its UniqueConstraint refuses a condition on SQLite, its AddIndex forgets UNIQUE).
        ops.RunSQL(
            sql="create unique index partner_member_once on partner_member (partner_id, user_id) where removed_at is null",
            reverse_sql="drop index partner_member_once",
        ),
        ops.RunSQL(
            sql="create unique index partner_member_one_admin on partner_member (partner_id) where role = 'ADMIN' and removed_at is null",
            reverse_sql="drop index partner_member_one_admin",
        ),
        ops.RunSQL(
            sql="create unique index staff_member_once on staff_member (account_id, user_id) where removed_at is null",
            reverse_sql="drop index staff_member_once",
        ),
        ops.RunSQL(
            sql="create unique index seat_once_in_partner on seat (user_id, partner_id) where partner_id is not null",
            reverse_sql="drop index seat_once_in_partner",
        ),
        ops.RunSQL(
            sql="create unique index seat_once_in_client on seat (user_id, client_id) where client_id is not null",
            reverse_sql="drop index seat_once_in_client",
        ),
        ops.RunSQL(
            sql="create unique index seat_once_at_vendor on seat (user_id) where side = 'VENDOR'",
            reverse_sql="drop index seat_once_at_vendor",
        ),
        ops.RunSQL(
            sql="create unique index partnership_once on partnership (partner_id, client_id) where status in ('OFFERED', 'ACTIVE')",
            reverse_sql="drop index partnership_once",
        ),
        ops.RunSQL(
            sql="create index partnership_partner_changed on partnership (partner_id, changed_at desc, id desc)",
            reverse_sql="drop index partnership_partner_changed",
        ),
        ops.RunSQL(
            sql="create index partnership_client_changed on partnership (client_id, changed_at desc, id desc)",
            reverse_sql="drop index partnership_client_changed",
        ),
        ops.RunSQL(
            sql="create unique index proposal_offered_once on proposal (from_partner_id, email) where kind = 'PARTNERSHIP_OFFER' and status = 'PENDING'",
            reverse_sql="drop index proposal_offered_once",
        ),
        ops.RunSQL(
            sql="create unique index assigned_contact_once on assigned_contact (partnership_id, contact_id) where released_at is null",
            reverse_sql="drop index assigned_contact_once",
        ),
        ops.RunSQL(
            sql="create unique index access_grant_once on access_grant (partner_id, account_id) where status <> 'DISCONNECTED'",
            reverse_sql="drop index access_grant_once",
        ),
        ops.RunSQL(
            sql="create index event_unpublished on event (id) where pos is null",
            reverse_sql="drop index event_unpublished",
        ),
    ]
