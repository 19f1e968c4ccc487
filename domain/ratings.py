"""Ratings: how satisfied somebody is with a project, from 1 to 5, once the vendor asks (mission 3.5).

What changes a count holds the project's row.
"""

from typing import Final

from domain import changes, errors, inputs, people_on, policy, projects, tallies
from domain.policy import Permission
from domain.seats import Seat
from models.enums import Side, UserErrorCode
from models.project import Rating

_SCORES: Final = range(1, 6)


async def request(*, by: Seat, project_id: str, user_id: str) -> str:
    """Ask somebody on a project how satisfied they are; return the rating's id.

    Refuses FORBIDDEN; at `userId` NOT_FOUND (somebody who does not see the project), INVALID (the vendor's own staff)
    and ALREADY_PROPOSED (asked, and not answered yet); and as `projects.find` NOT_FOUND and WRONG_STATE.
    """
    policy.require(Permission.RATING_REQUEST, by=by)
    project = await projects.find(project_id, "projectId", by=by)
    async with changes.change(by=by) as c:
        project = await projects.lock(project)
        if await people_on.require(project, user_id, "userId", by=by) == {Side.VENDOR}:
            raise errors.invalid("Whoever works for the vendor is not asked.", "userId")
        if await Rating.exists(project_id=project.id, requested_from_id=user_id, given_at=None):
            message = "This person was asked already, and has not answered yet."
            raise errors.Refusal(UserErrorCode.ALREADY_PROPOSED, message, "userId")
        asked = await Rating.create(project_id=project.id, requested_from_id=user_id, requested_at=c.now)
        await tallies.add(project, user_id, pending_ratings=1)
        c.event("rating.requested", stream=project.id, subject=asked.id, **projects.about(project))
    return asked.id


async def give(*, by: Seat, rating_id: str, score: int, comment: str | None = None) -> str:
    """Say how satisfied one is, once; return the rating's id.

    Refuses FORBIDDEN (also who was not asked), INVALID, WRONG_STATE (given), and as `projects.find` NOT_FOUND,
    WRONG_STATE and what an account takes.
    """
    policy.require(Permission.RATING_GIVE, by=by)
    asked = await policy.find(Rating, rating_id, "ratingId", by=by)
    project = await projects.find(asked.project_id, "ratingId", by=by)
    if asked.requested_from_id != by.user_id:
        raise errors.Refusal(UserErrorCode.FORBIDDEN, "Only the person who was asked gives a rating.", "ratingId")
    if score not in _SCORES:
        raise errors.invalid("A score is from 1 to 5.", "score")
    said = inputs.text(comment, "comment")
    async with changes.change(by=by) as c:
        project = await projects.lock(project)
        given = Rating.filter(id=rating_id, given_at=None).update(score=score, comment=said, given_at=c.now)
        if not await given:
            message = "This rating was given already, or is not asked for any more."
            raise errors.Refusal(UserErrorCode.WRONG_STATE, message, "ratingId")
        await tallies.add(project, by.user_id, pending_ratings=-1)
        c.event(
            "rating.given",
            stream=project.id,
            subject=rating_id,
            changes=changes.differences({"score": None}, {"score": score}),
            **projects.about(project),
        )
    return rating_id
