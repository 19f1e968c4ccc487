"""What somebody on a project is asked to approve; it is answered like every proposal."""

import strawberry
from strawberry import ID

from domain import approvals
from domain.policy import Permission
from schema.errors import UserError
from schema.fields import given, given_row, plain, verb
from schema.proposals import ProjectApproval


@strawberry.input
class ApprovalRequestInput:
    project_id: ID
    title: str = strawberry.field(description="What is to be approved.")
    approver_id: ID = strawberry.field(description="A user who sees the project, and is not the one that asks.")
    file_id: ID | None = strawberry.field(
        default=strawberry.UNSET, description="A file of the project that shows it, READY."
    )


@plain
class ProjectApprovalPayload:
    """The approval as it is now."""

    approval: ProjectApproval | None = given_row()
    user_errors: list[UserError] = given()


@strawberry.type
class ApprovalsMutation:
    """The verbs of this slice."""

    approval_request: ProjectApprovalPayload = verb(
        approvals.request,
        {"input": ApprovalRequestInput},
        permission=Permission.APPROVAL_REQUEST,
        gives="approval",
        doc="Asks somebody on a project to approve something; open for 14 days. Answered by `proposalAccept` and "
        "`proposalDecline`. NOT_FOUND (also at `approverId` who does not see the project), FORBIDDEN, INVALID, "
        "WRONG_STATE (a cancelled account; at `fileId` one that is not READY), ACCESS_EXPIRED, ACCESS_DISABLED.",
    )
