"""Approvals: somebody on a project is asked to say yes to something in it, and nobody else may answer (mission 3.5).

Whoever asks, answers, or takes somebody off the project meets on the project's row; who asks and who cancels its
account, on the account's.
"""

from typing import Final

import settings
from domain import accounts, changes, errors, inputs, people_on, policy, projects, states
from domain.changes import Change
from domain.policy import Permission
from domain.seats import Seat
from domain.states import Answer
from models.enums import AccountStatus, FileStatus, ProposalKind, UserErrorCode
from models.project import Project, ProjectFile
from models.proposal import Proposal, new_proposal_id

_KIND: Final = ProposalKind.PROJECT_APPROVAL

# ── asking ──


async def request(*, by: Seat, project_id: str, title: str, approver_id: str, file_id: str | None = None) -> str:
    """Ask somebody to approve something of a project, for 14 days (APPROVAL_DAYS); return the approval's id.

    `file_id`: what shows it. Refuses FORBIDDEN, at `projectId` what `projects.find` does, INVALID a blank title and
    asking oneself, NOT_FOUND at `approverId` who does not see the project and at `fileId` what is no file of it, and
    WRONG_STATE at `fileId` unless the file is READY.
    """
    policy.require(Permission.APPROVAL_REQUEST, by=by)
    project = await projects.find(project_id, "projectId", by=by)
    asked_for = inputs.required_line(title, "title")
    if approver_id == by.user_id:
        raise errors.invalid("Nobody approves what they ask for themselves. Ask somebody else.", "approverId")
    file = None if file_id is None else await _file(project, file_id, by=by)
    async with changes.change(by=by) as c:
        [project] = await projects.lock_all([project.id])
        accounts.require_live([project.account], "projectId")
        await people_on.require(project, approver_id, "approverId", by=by)
        approval = await Proposal.create(
            id=new_proposal_id(_KIND),
            kind=_KIND,
            proposed_by_id=by.user_id,
            proposed_by_side=by.side,
            from_partner_id=by.partner_id,
            from_client_id=by.client_id,
            account_id=project.account_id,
            project_id=project.id,
            title=asked_for,
            file_id=file and file.id,
            approver_id=approver_id,
            proposed_at=c.now,
            sent_at=c.now,
            expires_at=c.now + settings.load().approval_open,
            created_at=c.now,
        )
        await states.announce(c, "request", approval, differences=changes.differences({}, {"title": asked_for}))
    return approval.id


async def _file(project: Project, file_id: str, *, by: Seat) -> ProjectFile:
    file = await policy.find(ProjectFile, file_id, "fileId", by=by)
    if file.project_id != project.id:
        raise errors.not_found("project file", "fileId")
    if file.status is not FileStatus.READY:
        raise errors.Refusal(UserErrorCode.WRONG_STATE, "The file has not arrived, or was refused.", "fileId")
    return file


# ── what answers do ──


async def accepted(c: Change, approval: Proposal, answer: Answer) -> None:
    """Tell that it was approved. Refuses INVALID at `itemIds` and `accountIds`, WRONG_STATE (a cancelled account)."""
    if answer.item_ids is not None:
        raise errors.invalid("Only a modification is accepted item by item.", "itemIds")
    if answer.account_ids is not None:
        raise errors.invalid("An approval connects no accounts.", "accountIds")
    await _announce(c, "accept", approval)


async def declined(c: Change, approval: Proposal) -> None:
    """Tell that it was not approved, and why. Refuses WRONG_STATE (a cancelled account)."""
    await _announce(c, "decline", approval)


async def withdrawn(c: Change, approval: Proposal) -> None:
    """Tell that nothing is asked any more. Refuses WRONG_STATE (a cancelled account)."""
    await _announce(c, "withdraw", approval)


async def reminded(c: Change, approval: Proposal) -> None:
    """Ask again. Refuses WRONG_STATE (a cancelled account)."""
    await _announce(c, "remind", approval)


async def cancel(c: Change, account_id: str) -> None:
    """Cancel what is asked in the projects of an account, which is locked: its end tells it."""
    await states.cancel(c, Proposal.filter(kind=_KIND, account_id=account_id))


async def _announce(c: Change, verb: str, approval: Proposal) -> None:
    project = await Project.get(id=approval.project_id).select_related("account")
    if project.account.status is AccountStatus.CANCELLED:
        raise errors.Refusal(UserErrorCode.WRONG_STATE, "The account was cancelled.", "proposalId")
    await states.announce(c, verb, approval, reason=approval.comment)
