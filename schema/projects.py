"""Projects, who is on them, and what they consist of."""

from datetime import date, datetime
from decimal import Decimal

import strawberry
from strawberry import ID

from domain import engagements as law
from domain import policy
from domain.policy import Permission
from models import enums
from models.enums import Role
from models.project import ActionItem as ActionItemRow
from models.project import Conversation as ConversationRow
from models.project import Message as MessageRow
from models.project import Project as ProjectRow
from models.project import ProjectFile as ProjectFileRow
from models.project import ProjectMember as ProjectMemberRow
from models.project import Rating as RatingRow
from models.project import Widget as WidgetRow
from resolvers import engagements, projects
from resolvers.sources import DEFAULT, Filter
from schema import names
from schema.errors import UserError
from schema.fields import column, derived, embedded, expression, given, given_row, lookup, node, one, page, plain, verb
from schema.paging import Node
from schema.people import BY_NAME, NEWEST_FIRST, SEARCH_NAME, STATUSES, User
from schema.proposals import Invite
from schema.scalars import URL, EmailAddress

SEARCH = {"search": SEARCH_NAME}
LATEST_FIRST = {DEFAULT: projects.NEWEST_FIRST}


@plain
class Csat:
    """Customer satisfaction: the ratings that were given."""

    average: Decimal | None = derived(
        projects.average, projects.SCORES, projects.RESPONSES, doc="1 to 5, one digit after the point; null: none yet."
    )
    responses: int = expression(projects.RESPONSES, doc="How many were given.")
    pending: int = expression(projects.RATINGS_PENDING, doc="How many were asked for and not given yet.")


@node(ProjectRow)
class Project(Node):
    """Work in an account, which the client's staff, partners with access and client partners share."""

    name: str = column()
    account: names.Account = one("account_id")
    status: enums.ProjectStatus = column()
    starts_on: date | None = column()
    due_on: date | None = column()
    progress: int = expression(projects.PROGRESS, doc="Done action items, percent; cancelled ones do not count.")
    members: names.ProjectMemberConnection = page(
        "{t}.project_id = {p}",
        below=projects.THERE,
        doc="The client partners' people on it. The client's staff and partners with access are on every project of "
        "their accounts.",
    )
    invites: names.InviteConnection | None = page(
        "{t}.project_id = {p} and {t}.kind = 'INVITE'",
        filters=STATUSES,
        to=[Role.ADMIN, Role.CLIENT, Role.CLIENT_PARTNER_ADMIN],
    )
    partners: names.PartnerConnection = page(
        projects.PARTNERS, below=projects.EVERY, orders=BY_NAME, doc="The client partners that were brought in."
    )
    action_items: names.ActionItemConnection = page(
        "{t}.project_id = {p}",
        filters={
            "status": (list[enums.ActionItemStatus] | None, Filter("{t}.status {within}:value{end_within}")),
        },
        orders=LATEST_FIRST,
        below=projects.EVERY,
        doc="Newest first.",
    )
    approvals: names.ProjectApprovalConnection = page(
        "{t}.project_id = {p}", filters=STATUSES, orders=LATEST_FIRST, below=projects.ASKED, doc="Newest first."
    )
    conversations: names.ConversationConnection = page(
        "{t}.project_id = {p}", below=projects.EVERY, doc="Oldest first."
    )
    files: names.ProjectFileConnection = page(
        "{t}.project_id = {p}", orders=LATEST_FIRST, below=projects.KEPT, doc="Newest first."
    )
    widgets: names.WidgetConnection = page("{t}.project_id = {p}", below=projects.EVERY, doc="Oldest first.")
    csat: Csat = embedded()
    ratings: names.RatingConnection = page(
        "{t}.project_id = {p}", orders=LATEST_FIRST, below=projects.EVERY, doc="Newest first."
    )
    counts: names.ActionCounts = embedded(instead=projects.COUNTS, doc="What waits for the viewer in it.")
    activity: names.EventConnection = page(
        "{t}.stream = {p}", orders=NEWEST_FIRST, below=policy.TOLD, doc="Newest first."
    )
    viewer_can: list[enums.ProjectAction] = derived(projects.viewer_can, *projects.VIEWER_CAN_INPUTS, seat=True)


@node(ProjectMemberRow)
class ProjectMember(Node):
    """A client partner's person on a project."""

    user: User = one("user_id")
    side: enums.Side = expression("'PARTNER'")
    partner: names.Partner | None = one("partner_id")
    is_assigned: bool = column(
        doc="False: there only as the company's admin, who sees every project of the accounts in which it works."
    )
    added_at: datetime = column()


@node(ActionItemRow)
class ActionItem(Node):
    """Something to be done in a project."""

    project: Project = one("project_id")
    title: str = column()
    assignee: User | None = one("assignee_id")
    due_on: date | None = column()
    status: enums.ActionItemStatus = column()
    completed_by: User | None = one("completed_by_id")
    completed_at: datetime | None = column()


@node(MessageRow)
class Message(Node):
    """What somebody wrote in a conversation."""

    author: User = one("author_id")
    body: str = column()
    sent_at: datetime = column()


@node(ConversationRow)
class Conversation(Node):
    """People of a project talk about something."""

    project: Project = one("project_id")
    title: str = column()
    messages: names.MessageConnection = page(
        "{t}.conversation_id = {p}",
        orders={DEFAULT: projects.BY_SEQ},
        below=projects.EVERY,
        from_the_end=True,
        doc="In the order in which they were posted; `last` asks for the newest ones, or those `before` a cursor.",
    )
    unread: int = expression(projects.READ_OF_CONVERSATION, doc="How many messages the viewer has not read.")


@node(ProjectFileRow)
class ProjectFile(Node):
    """Downloadable when READY: its bytes arrived, and size and content are what was announced."""

    project: Project = one("project_id")
    name: str = column()
    status: enums.FileStatus = column()
    content_type: str = column()
    size: int = column(doc="Bytes; at most 2,147,483,647.")
    uploaded_by: User = one("uploaded_by_id")
    uploaded_at: datetime = column()


@node(WidgetRow)
class Widget(Node):
    """A page of somebody else's, shown in a project."""

    title: str = column()
    url: URL = column(doc="https.")


@node(RatingRow)
class Rating(Node):
    """How satisfied somebody is with a project, once they were asked."""

    project: Project = one("project_id")
    requested_from: User = one("requested_from_id")
    score: int | None = column(doc="1 to 5; null until given.")
    comment: str | None = column()
    requested_at: datetime = column()
    given_at: datetime | None = column()


@plain
class ProjectPayload:
    """The project as it is now."""

    project: Project | None = given_row()
    user_errors: list[UserError] = given()


@plain
class ProjectInvitePayload:
    """Exactly one of both: who is a member of the company is on the project at once."""

    invite: Invite | None = given_row()
    member: ProjectMember | None = given_row()
    user_errors: list[UserError] = given()


@strawberry.input(description="`partnerId`, `partnerMemberIds`: the vendor's staff bring a client partner in.")
class ProjectCreateInput:
    account_id: ID
    name: str
    partner_id: ID | None = strawberry.UNSET
    partner_member_ids: list[ID] | None = strawberry.UNSET


@strawberry.input(description="What is left out stays as it is; null empties a date.")
class ProjectUpdateInput:
    project_id: ID
    name: str | None = strawberry.UNSET
    status: enums.ProjectStatus | None = strawberry.UNSET
    starts_on: date | None = strawberry.UNSET
    due_on: date | None = strawberry.UNSET


@strawberry.type
class ProjectsQuery:
    """The roots of this slice."""

    project: Project | None = lookup()
    projects: names.ProjectConnection | None = page(
        filters=SEARCH, orders=BY_NAME, to=[Role.USER], doc="Those that the viewer sees, by name."
    )


@strawberry.type
class ProjectsMutation:
    """The verbs of this slice."""

    project_create: ProjectPayload = verb(
        law.create,
        {"input": ProjectCreateInput},
        permission=Permission.PROJECT_CREATE,
        gives="project",
        doc="Begins a project in an account, with a client partner and people of it if the vendor's staff do. "
        "NOT_FOUND, FORBIDDEN (at `partnerId`: all but the vendor's staff), CAPABILITY_DENIED, ACCESS_EXPIRED, "
        "ACCESS_DISABLED, NOT_CONNECTED, WRONG_STATE (the account was cancelled), LICENCES_USED_UP (for the company's "
        "admin), INVALID.",
    )
    project_update: ProjectPayload = verb(
        law.update,
        {"input": ProjectUpdateInput},
        permission=Permission.PROJECT_UPDATE,
        gives="project",
        doc="Changes a project's name, status and dates. NOT_FOUND, FORBIDDEN, CAPABILITY_DENIED, ACCESS_EXPIRED, "
        "ACCESS_DISABLED, NOT_CONNECTED, WRONG_STATE (the account was cancelled), INVALID.",
    )
    project_partner_add: ProjectPayload = verb(
        law.add_partner,
        {"project_id": ID, "partner_id": ID, "member_ids": list[ID]},
        permission=Permission.PROJECT_PARTNER_ADD,
        gives="project",
        doc="Project settings > Add partners: brings a client partner in, and people of it; its admin is mailed. With "
        "the client's first project their partnership begins. NOT_FOUND, FORBIDDEN, WRONG_STATE (the account was "
        "cancelled), LICENCES_USED_UP (for the company's admin), INVALID (no client partner).",
    )
    project_invite: ProjectInvitePayload = verb(
        engagements.invite,
        {"project_id": ID, "email": EmailAddress},
        permission=Permission.PROJECT_INVITE,
        doc="Project > Invite, and the customer portal's Share button: by e-mail address, whose company must have been "
        "brought into the account before (COMPANY_NOT_INVITED). A member of it is on the project at once, anybody else "
        "by the invite, for which it takes a licence (LICENCES_USED_UP). NOT_FOUND, FORBIDDEN, CAPABILITY_DENIED, "
        "WRONG_STATE (the account was cancelled), INVALID, DOMAIN_MISMATCH (a client partner's admin brings in its own "
        "people), ALREADY_PROPOSED.",
    )
    project_member_remove: ProjectPayload = verb(
        law.remove_member,
        {"member_id": ID},
        permission=Permission.PROJECT_MEMBER_REMOVE,
        gives="project",
        doc="Takes somebody of a client partner off a project, at once; with the last one of an account that is closed "
        "to them. NOT_FOUND, FORBIDDEN (another company's member), CAPABILITY_DENIED (who does not own the account), "
        "WRONG_STATE (there as the company's admin alone; the account was cancelled).",
    )
    project_partner_remove: ProjectPayload = verb(
        law.remove_partner,
        {"project_id": ID, "partner_id": ID},
        permission=Permission.PROJECT_PARTNER_REMOVE,
        gives="project",
        doc="Takes a client partner off a project, at once, all of its people with it; with the last one of a client "
        "their partnership ends. NOT_FOUND, FORBIDDEN, CAPABILITY_DENIED (who does not own the account), WRONG_STATE "
        "(the account was cancelled), CONFLICT.",
    )
