"""What waits for one person in a project, counted by the verbs that change it, so that nobody has to count it to read.

Whoever counts holds the project's row (`projects.lock`): of two at once the second adds to what the first has written.
"""

from typing import TypedDict, Unpack

from tortoise.expressions import F

from models.project import Project, ProjectTally


class Counts(TypedDict, total=False):
    """How much more or less there is."""

    open_action_items: int
    pending_ratings: int
    messages_read: int


async def add(project: Project, user_id: str, **more: Unpack[Counts]) -> None:
    """Add to what waits for somebody in a locked project; less is negative."""
    own = ProjectTally.filter(project_id=project.id, user_id=user_id)
    if not await own.update(**{name: F(name) + count for name, count in more.items()}):
        await ProjectTally.create(project_id=project.id, account_id=project.account_id, user_id=user_id, **more)
