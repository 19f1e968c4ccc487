"""What can be done about action items, widgets and ratings."""

from datetime import date

import strawberry
from strawberry import ID

from domain import action_items, ratings, widgets
from domain.policy import Permission
from models import enums
from schema.errors import UserError
from schema.fields import given, given_row, plain, verb
from schema.projects import ActionItem, ProjectPayload, Rating
from schema.scalars import URL


@strawberry.input
class ActionItemCreateInput:
    project_id: ID
    title: str
    assignee_id: ID | None = strawberry.field(
        default=strawberry.UNSET, description="A user who sees the project; without one, anybody may do it."
    )
    due_on: date | None = strawberry.UNSET


@plain
class ActionItemPayload:
    """The action item as it is now."""

    action_item: ActionItem | None = given_row()
    user_errors: list[UserError] = given()


@plain
class RatingPayload:
    """The rating as it is now."""

    rating: Rating | None = given_row()
    user_errors: list[UserError] = given()


@strawberry.type
class ActionItemsMutation:
    """The verbs of this slice."""

    action_item_create: ActionItemPayload = verb(
        action_items.create,
        {"input": ActionItemCreateInput},
        permission=Permission.ACTION_ITEM_CREATE,
        gives="action_item",
        doc="Puts something to be done into a project. NOT_FOUND (at `assigneeId`: somebody who does not see the "
        "project), FORBIDDEN, INVALID, WRONG_STATE (the account was cancelled).",
    )
    action_item_status_set: ActionItemPayload = verb(
        action_items.set_status,
        {"action_item_id": ID, "status": enums.ActionItemStatus},
        permission=Permission.ACTION_ITEM_STATUS_SET,
        gives="action_item",
        doc="Does, cancels or reopens what is to be done. NOT_FOUND, FORBIDDEN, WRONG_STATE (the account was "
        "cancelled).",
    )
    widget_add: ProjectPayload = verb(
        widgets.add,
        {"project_id": ID, "title": str, "url": URL},
        permission=Permission.WIDGET_ADD,
        gives="project",
        doc="Shows a page in a project. NOT_FOUND, FORBIDDEN, INVALID (not https, or with a user in it), WRONG_STATE "
        "(the account was cancelled).",
    )
    rating_request: RatingPayload = verb(
        ratings.request,
        {"project_id": ID, "user_id": ID},
        permission=Permission.RATING_REQUEST,
        gives="rating",
        doc="Asks somebody on a project how satisfied they are. NOT_FOUND (at `userId`: somebody who does not see the "
        "project), FORBIDDEN, INVALID (the vendor's own staff), ALREADY_PROPOSED (asked, and not answered yet), "
        "WRONG_STATE (the account was cancelled).",
    )
    rating_give: RatingPayload = verb(
        ratings.give,
        {"rating_id": ID, "score": int, "comment": str | None},
        permission=Permission.RATING_GIVE,
        gives="rating",
        doc="Answers, once. NOT_FOUND, FORBIDDEN (also who was not asked), INVALID (1 to 5), WRONG_STATE (given, or "
        "the account was cancelled).",
    )
