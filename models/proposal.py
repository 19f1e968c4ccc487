from typing import TYPE_CHECKING

from tortoise import Model, fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint

from models import base
from models.enums import InviteKind, ModificationKind, ProposalKind, ProposalStatus, SecurityRole, Side

if TYPE_CHECKING:
    from models.access_grant import AccessGrant
    from models.account import Account
    from models.client import Client
    from models.contact import Contact
    from models.partner import Partner
    from models.partnership import Partnership
    from models.project import Project, ProjectFile
    from models.user import User

PREFIXES = {
    ProposalKind.PARTNERSHIP_OFFER: "offer",
    ProposalKind.MODIFICATION: "modification",
    ProposalKind.ACCESS_REQUEST: "request",
    ProposalKind.INVITE: "invite",
    ProposalKind.PROJECT_APPROVAL: "approval",
}


def new_proposal_id(kind: ProposalKind) -> str:
    """Make an id whose prefix names the kind, as `node(id:)` reads it."""
    return base.new_id(PREFIXES[kind])


class Proposal(Model):
    """What one side asks and the other side countersigns."""

    # By `new_proposal_id`.
    id = base.IdField(primary_key=True)
    kind = base.word_field(ProposalKind)
    # As stored; PENDING is over once `expires_at` has passed.
    status = base.word_field(ProposalStatus, default=ProposalStatus.PENDING)
    version = fields.IntField(default=1)
    message = base.TextField(null=True)
    proposed_by: fields.ForeignKeyNullableRelation["User"] = base.reference("User", null=True)
    proposed_by_id: str | None
    proposed_by_side = base.word_field(Side)
    # Who asks; both null: the vendor.
    from_partner: fields.ForeignKeyNullableRelation["Partner"] = base.reference("Partner", null=True)
    from_partner_id: str | None
    from_client: fields.ForeignKeyNullableRelation["Client"] = base.reference("Client", null=True)
    from_client_id: str | None
    # Whose people may answer; both null while it goes to an address.
    to_partner: fields.ForeignKeyNullableRelation["Partner"] = base.reference("Partner", null=True)
    to_partner_id: str | None
    to_client: fields.ForeignKeyNullableRelation["Client"] = base.reference("Client", null=True)
    to_client_id: str | None
    proposed_at = base.UtcDatetimeField(null=True)
    expires_at = base.UtcDatetimeField(null=True)
    decided_by: fields.ForeignKeyNullableRelation["User"] = base.reference("User", null=True)
    decided_by_id: str | None
    decided_at = base.UtcDatetimeField(null=True)
    comment = base.TextField(null=True)
    partnership: fields.ForeignKeyNullableRelation["Partnership"] = base.reference("Partnership", null=True)
    partnership_id: str | None
    email = base.TextField(null=True)
    # The company's name as the proposer wrote it.
    client_name = base.TextField(null=True)
    invite_kind = base.word_field(InviteKind, null=True)
    # The company that an invite brings its person into.
    partner: fields.ForeignKeyNullableRelation["Partner"] = base.reference("Partner", null=True)
    partner_id: str | None
    account: fields.ForeignKeyNullableRelation["Account"] = base.reference("Account", null=True)
    account_id: str | None
    # The invited person's.
    name = base.TextField(null=True)
    role = base.word_field(SecurityRole, null=True)
    counters: fields.ForeignKeyNullableRelation["Proposal"] = base.reference("Proposal", null=True)
    counters_id: str | None
    # The access that is asked for.
    grant: fields.ForeignKeyNullableRelation["AccessGrant"] = base.reference("AccessGrant", null=True)
    grant_id: str | None
    # What a person is invited into, or asked to approve something of.
    project: fields.ForeignKeyNullableRelation["Project"] = base.reference("Project", null=True)
    project_id: str | None
    # Those that a new member is put on once they join; null: none, or another kind.
    project_ids: "fields.Field[list[str] | None]" = fields.JSONField(null=True)
    # Who is asked for an approval: nobody else may answer.
    approver: fields.ForeignKeyNullableRelation["User"] = base.reference("User", null=True)
    approver_id: str | None
    # What is to be approved, and the file that shows it, if any.
    title = base.TextField(null=True)
    file: fields.ForeignKeyNullableRelation["ProjectFile"] = base.reference("ProjectFile", null=True)
    file_id: str | None
    reminded_at = base.UtcDatetimeField(null=True)
    reminders = fields.IntField(default=0)
    # When the link was mailed last.
    sent_at = base.UtcDatetimeField(null=True)
    created_at = base.UtcDatetimeField()

    class Meta:
        table = "proposal"
        indexes = (
            Index(fields=("status", "expires_at"), name="proposal_due"),
            Index(fields=("partnership_id", "id"), name="proposal_partnership"),
            Index(fields=("from_partner_id", "id"), name="proposal_from_partner"),
            Index(fields=("from_client_id", "id"), name="proposal_from_client"),
            Index(fields=("to_partner_id", "id"), name="proposal_to_partner"),
            Index(fields=("to_client_id", "id"), name="proposal_to_client"),
            Index(fields=("partner_id", "id"), name="proposal_partner"),
            Index(fields=("account_id", "id"), name="proposal_account"),
            Index(fields=("email",), name="proposal_email"),
            Index(fields=("counters_id",), name="proposal_counters"),
            Index(fields=("grant_id", "id"), name="proposal_grant"),
            Index(fields=("project_id", "id"), name="proposal_project"),
            Index(fields=("approver_id", "project_id"), name="proposal_approver"),
            Index(fields=("file_id",), name="proposal_file"),
            Index(fields=("proposed_by_id",), name="proposal_proposed_by"),
            Index(fields=("decided_by_id",), name="proposal_decided_by"),
        )
        constraints = (
            # A pending one that never expires would be pending to no comparison with the time.
            CheckConstraint(name="proposal_expires", check="status <> 'PENDING' or expires_at is not null"),
            CheckConstraint(name="proposal_invite_kind", check="(kind = 'INVITE') = (invite_kind is not null)"),
            CheckConstraint(name="proposal_grant", check="(kind = 'ACCESS_REQUEST') = (grant_id is not null)"),
            CheckConstraint(
                name="proposal_approval",
                check="(kind = 'PROJECT_APPROVAL') = (approver_id is not null)"
                " and (approver_id is null or project_id is not null and title is not null)",
            ),
        )


class ProposalItem(Model):
    """One thing that a proposal asks for, and may be accepted by itself."""

    id = base.OwnIdField("item")
    proposal: fields.ForeignKeyRelation[Proposal] = base.reference("Proposal")
    proposal_id: str
    kind = base.word_field(ModificationKind)
    contact: fields.ForeignKeyNullableRelation["Contact"] = base.reference("Contact", null=True)
    contact_id: str | None
    account: fields.ForeignKeyNullableRelation["Account"] = base.reference("Account", null=True)
    account_id: str | None
    # The term that changes, with its values as text.
    field = base.TextField(null=True)
    before = base.TextField(null=True)
    after = base.TextField(null=True)
    # Null until decided.
    accepted: "fields.Field[bool | None]" = fields.BooleanField(null=True)

    class Meta:
        table = "proposal_item"
        indexes = (
            Index(fields=("proposal_id", "id"), name="proposal_item_proposal"),
            Index(fields=("contact_id",), name="proposal_item_contact"),
            Index(fields=("account_id",), name="proposal_item_account"),
        )
