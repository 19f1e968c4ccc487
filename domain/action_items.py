"""Action items: what is to be done in a project, by whom and until when (mission 3.5).

What changes a count holds the project's row.
"""

from datetime import date
from typing import Final

from tortoise.expressions import F

from domain import changes, inputs, people_on, policy, projects, tallies
from domain.policy import Permission
from domain.seats import Seat
from models.enums import ActionItemStatus
from models.project import ActionItem, Project

_OPEN: Final = ActionItemStatus.OPEN
_DONE: Final = ActionItemStatus.DONE
_CANCELLED: Final = ActionItemStatus.CANCELLED


async def create(
    *, by: Seat, project_id: str, title: str, assignee_id: str | None = None, due_on: date | None = None
) -> str:
    """Put something to be done into a project; return its id. No assignee: anybody may do it.

    Refuses FORBIDDEN, INVALID, at `assigneeId` NOT_FOUND (somebody who does not see the project), and as
    `projects.find` NOT_FOUND, WRONG_STATE and what an account takes.
    """
    policy.require(Permission.ACTION_ITEM_CREATE, by=by)
    project = await projects.find(project_id, "projectId", by=by)
    named = inputs.required_line(title, "title")
    async with changes.change(by=by) as c:
        await _count(project, items=1)
        if assignee_id is not None:
            await people_on.require(project, assignee_id, "assigneeId", by=by)
            await tallies.add(project, assignee_id, open_action_items=1)
        created = await ActionItem.create(
            project_id=project.id, title=named, assignee_id=assignee_id, due_on=due_on, created_at=c.now
        )
        c.event("action_item.created", stream=project.id, subject=created.id, **projects.about(project))
    return created.id


async def set_status(*, by: Seat, action_item_id: str, status: ActionItemStatus) -> str:
    """Do, cancel or reopen what is to be done; return its id. Nothing happens where it was so.

    Anybody on the project may. What is opened again after its assignee has left is for anybody. Refuses FORBIDDEN, and
    as `projects.find` NOT_FOUND, WRONG_STATE and what an account takes.
    """
    policy.require(Permission.ACTION_ITEM_STATUS_SET, by=by)
    found = await policy.find(ActionItem, action_item_id, "actionItemId", by=by)
    project = await projects.find(found.project_id, "actionItemId", by=by)
    async with changes.change(by=by) as c:
        project = await projects.lock(project)
        item = await ActionItem.get(id=action_item_id)
        if item.status is not status:
            before, item.status = item.status, status
            if status is _OPEN and item.assignee_id and not await people_on.sides_of(project, item.assignee_id):
                item.assignee_id = None
            is_done = status is _DONE
            item.completed_by_id, item.completed_at = (by.user_id, c.now) if is_done else (None, None)
            await item.save(update_fields=["status", "assignee_id", "completed_by_id", "completed_at"])
            await _count(
                project,
                items=(status is not _CANCELLED) - (before is not _CANCELLED),
                items_done=is_done - (before is _DONE),
            )
            if item.assignee_id:
                more = (status is _OPEN) - (before is _OPEN)
                await tallies.add(project, item.assignee_id, open_action_items=more)
            c.event(
                "action_item.status_set",
                stream=project.id,
                subject=item.id,
                changes=changes.differences({"status": before}, {"status": status}),
                **projects.about(project),
            )
    return action_item_id


async def _count(project: Project, **more: int) -> None:
    """Add to what a project counts of its items; the row is held from here on."""
    counted = {name: F(name) + count for name, count in more.items()}
    await Project.filter(id=project.id).update(**counted)
