"""Everything that waits for somebody's yes."""

from datetime import datetime

import strawberry

from domain import policy
from models import enums
from models.enums import Role
from models.proposal import Proposal as ProposalRow
from models.proposal import ProposalItem as ProposalItemRow
from resolvers import proposals
from resolvers.sources import Kinds
from schema import names
from schema.contacts import Organisation
from schema.fields import column, derived, either, expression, inverse, many, node, one, table
from schema.paging import Node
from schema.people import User
from schema.scalars import EmailAddress


@strawberry.interface(
    description="Something one side asks and the other side countersigns. Every final status is final and keeps who "
    "decided, when and why."
)
class Proposal(Node):
    """The kinds share a table."""

    kind: enums.ProposalKind = column()
    status: enums.ProposalStatus = expression(
        policy.PROPOSAL_STATUS,
        doc="EXPIRED from the moment `expiresAt` has passed, whether or not anything announced it.",
    )
    from_: Organisation | None = either(
        name="from", doc="The company that asks; null: the vendor.", Partner="from_partner_id", Client="from_client_id"
    )
    version: int = column(
        doc="Rises with every change; send it back as `expectedVersion` to decide on exactly what was read."
    )
    message: str | None = column()
    proposed_by: User | None = one("proposed_by_id")
    proposed_by_side: enums.Side = column()
    proposed_at: datetime | None = column()
    expires_at: datetime | None = column()
    decided_by: User | None = one("decided_by_id")
    decided_at: datetime | None = column()
    comment: str | None = column(doc="The decider's comment or reason.")
    viewer_can: list[enums.ProposalAction] = derived(proposals.viewer_can, *proposals.VIEWER_CAN_INPUTS, seat=True)


@node(ProposalRow, prefix="offer", only="{t}.kind = 'PARTNERSHIP_OFFER'")
class PartnershipOffer(Proposal):
    """A partner asks a client, or somebody who may become one, to work together."""

    partnership: names.Partnership = one("partnership_id")
    email: EmailAddress | None = column(
        to=[Role.ADMIN, Role.PARTNER], doc="Set when the offer went to an address rather than to a client."
    )
    client_name: str | None = column(doc="The company's name as the partner wrote it.")
    accounts: list[names.Account] = many(
        proposals.ACCOUNTS, doc="Those that the partner asked for and the viewer sees."
    )
    contacts: list[names.Contact] = many(proposals.CONTACTS, doc="Those lent with it, as far as the viewer sees them.")


@node(ProposalItemRow)
class ModificationItem(Node):
    """One thing that a modification would change."""

    kind: enums.ModificationKind = column()
    contact: names.Contact | None = one("contact_id", doc="Whom it adds or releases, as far as the viewer sees them.")
    account: names.Account | None = one("account_id", doc="What it connects, if the viewer sees it.")
    field: str | None = column(doc="The term that changes: `title`, `startsOn` …")
    before: str | None = column(doc="The term as it was when this was drafted.")
    after: str | None = column(doc="The term as it would be.")
    accepted: bool | None = column(doc="Null until decided.")


@node(ProposalRow, prefix="modification", only="{t}.kind = 'MODIFICATION'")
class Modification(Proposal):
    """What one side wants to change; nothing of it takes effect until the other side accepts it, whole or in part."""

    partnership: names.Partnership = one("partnership_id")
    items: list[ModificationItem] = many("{t}.proposal_id = {p}")
    counters: names.Modification | None = one("counters_id", doc="The modification that this one answers.")
    countered_by: names.Modification | None = inverse(
        "{t}.counters_id = {p}", doc="The modification that answers this one."
    )


@node(ProposalRow, prefix="request", only="{t}.kind = 'ACCESS_REQUEST'")
class AccessRequest(Proposal):
    """The partner asks to be let in again; the account shows it as a banner until approved or denied."""

    grant: names.AccessGrant = one("grant_id")


@node(ProposalRow, prefix="invite", only="{t}.kind = 'INVITE'")
class Invite(Proposal):
    """An e-mailed, single-use, expiring link. The server keeps only a hash of its token."""

    invite_kind: enums.InviteKind = column()
    email: EmailAddress = column()
    partnership: names.Partnership | None = one("partnership_id")
    project: names.Project | None = one("project_id")
    account: names.Account | None = one("account_id")
    partner: names.Partner | None = one("partner_id")


@node(ProposalRow, prefix="approval", only="{t}.kind = 'PROJECT_APPROVAL'")
class ProjectApproval(Proposal):
    """Somebody on a project is asked to approve something."""

    project: names.Project = one("project_id")
    title: str = column(doc="What is to be approved.")
    file: names.ProjectFile | None = one("file_id", doc="What shows it; null where there is none, or none any more.")
    approver: User = one("approver_id", doc="Who is asked: nobody else may answer.")


Proposal.__kinds__ = Kinds(  # type: ignore[attr-defined]  # read by the compiler
    table(ProposalRow, prefix="proposal"),
    "kind",
    {
        "PARTNERSHIP_OFFER": "PartnershipOffer",
        "MODIFICATION": "Modification",
        "ACCESS_REQUEST": "AccessRequest",
        "INVITE": "Invite",
        "PROJECT_APPROVAL": "ProjectApproval",
    },
)
