"""The signed-in person and everything that person's portal opens with."""

from datetime import datetime

import strawberry

from domain import policy
from models import enums
from models.enums import Role
from models.seat import Seat as SeatRow
from models.seat import Session as SessionRow
from resolvers import notices, partnerships, people, projects, proposals, viewer, webhooks
from resolvers.sources import DEFAULT, Filter, Function, Order, Own
from schema import names
from schema.fields import column, embedded, expression, many, node, one, page, plain, root
from schema.paging import Node
from schema.people import BY_NAME, SEARCH_NAME, User
from schema.scalars import URL, EmailAddress

OWN_SESSION = Own("{t}.id = :session")


PartnershipOrder = strawberry.enum(
    viewer.PartnershipOrder, description="What the tiles of the home page are sorted by: CHANGED, latest first."
)


AccountOrder = strawberry.enum(
    viewer.AccountOrder,
    description="What the navigation bar is sorted by. LAST_OPENED: for a partner by when it has opened them, latest "
    "first; for an account's staff by the last job, for the vendor by their age, newest first.",
)
AccessGrantOrder = strawberry.enum(
    viewer.AccessGrantOrder,
    description="What the client list is sorted by. LAST_OPENED: latest first, those never opened by when they were "
    "connected. EXPIRES: soonest first, those that do not expire by time last.",
)


@node(SeatRow)
class Seat(Node):
    """One role of one person: the vendor's staff, a member of one partner company, or staff of one client."""

    side: enums.Side = column()
    roles: list[enums.Role] = column()
    name: str = expression(viewer.SEAT_NAME, doc="The company's, or the vendor's.")
    unread_notices: int = expression(notices.UNREAD, doc="How many of the seat's notices were not read.")
    waiting: int = expression(viewer.WAITING, doc="How many proposals wait for this seat's answer.")


@node(SessionRow)
class Session:
    """A sign-in of the viewer's."""

    id: strawberry.ID = column()
    seat: Seat = one("seat_id")
    via: enums.SignInMethod = column(doc="How it began.")
    started_at: datetime = column()
    last_seen_at: datetime = column(doc="To the minute.")
    expires_at: datetime = column()
    ip: str | None = column()
    user_agent: str | None = column()
    current: bool = expression("{t}.id = :session", doc="Whether it is the one that asks.")


@plain
class ActionCounts:
    """What waits for the viewer."""

    pending_approvals: int = expression(projects.IN_ALL["pending_approvals"], doc="That the viewer is asked for.")
    open_action_items: int = expression(projects.IN_ALL["open_action_items"], doc="That the viewer is to do.")
    pending_ratings: int = expression(projects.IN_ALL["pending_ratings"], doc="That the viewer is asked for.")
    unread_messages: int = expression(
        projects.IN_ALL["unread_messages"],
        doc="In conversations of projects; to the vendor's staff, of those in which they take part.",
    )
    access_requests: int = expression(
        viewer.ACCESS_REQUESTS, doc="Partners that ask to be let into accounts that the viewer owns."
    )
    pending_modifications: int = expression(viewer.PENDING_MODIFICATIONS, doc="The other sides', unanswered.")


@node(SessionRow)
class Viewer:
    """The signed-in person and everything that person's portal opens with."""

    user: User = one("user_id")
    seat: Seat = one("seat_id", doc="What the viewer acts as now.")
    seats: list[Seat] = many(
        "{t}.user_id = :user",
        doc="Everything that this person could act as; `seatTake` switches without signing in again.",
    )
    sessions: list[Session] = many("{t}.user_id = :user", order=Order("{t}.id", descending=True), doc="Latest first.")
    accounts: names.AccountConnection = page(
        filters={"search": SEARCH_NAME},
        orders={
            **BY_NAME,
            "NAME": BY_NAME[DEFAULT],
            "LAST_OPENED": Order(viewer.OPENED_LAST, descending=True, kind="time"),
        },
        order_by=(AccountOrder, viewer.AccountOrder.NAME),
        doc="The navigation bar: the accounts that the seat sees.",
    )
    projects: names.ProjectConnection = page(
        filters={"account_id": (strawberry.ID | None, Filter(projects.OF_ACCOUNT)), "search": SEARCH_NAME},
        orders=BY_NAME,
        doc="The project picker: those that the seat sees, across accounts.",
    )
    access_grants: names.AccessGrantConnection | None = page(
        where="{t}.status <> 'DISCONNECTED'",
        filters={
            "search": (str | None, Filter(viewer.SEARCH_GRANTS, people.search_pattern)),
            "status": (
                list[enums.AccessStatus] | None,
                Filter(f"{policy.GRANT_STATUS} {{within}}:value{{end_within}}"),
            ),
            "usage": (enums.UsageStatus | None, Filter(f"{viewer.USAGE_OF_GRANT} = :value")),
        },
        orders={
            DEFAULT: viewer.GRANT_OPENED_LAST,
            "NAME": Order("{t}.account_key"),
            "LAST_OPENED": viewer.GRANT_OPENED_LAST,
            "EXPIRES": Order("{t}.until_at", kind="time"),
        },
        order_by=(AccessGrantOrder, viewer.AccessGrantOrder.LAST_OPENED),
        to=[Role.PARTNER],
        doc="A partner's client list: every account that it is connected to, with its access. `search`: the names of "
        "account and client.",
    )
    inbox: names.ProposalConnection = page(
        where=proposals.WAITING,
        filters={"kind": (list[enums.ProposalKind] | None, Filter("{t}.kind {within}:value{end_within}"))},
        doc="Everything that waits for this seat's countersignature, across all companies, oldest first.",
    )
    partnerships: names.PartnershipConnection = page(
        where=partnerships.NOT_HIDDEN,
        filters={
            "label": (
                list[enums.PartnershipLabel] | None,
                Filter(f"{partnerships.LABEL} {{within}}:value{{end_within}}"),
            ),
            "search": (str | None, Filter(partnerships.SEARCH, people.search_pattern)),
        },
        orders={
            DEFAULT: partnerships.BY_NAME,
            "NAME": partnerships.BY_NAME,
            "CHANGED": partnerships.BY_CHANGE,
        },
        order_by=(PartnershipOrder, viewer.PartnershipOrder.NAME),
        doc="The tiles of the home page.",
    )
    counts: ActionCounts = embedded()
    unread_notices: int = expression(notices.UNREAD_OF_VIEWER)
    webhook_endpoints: list[names.WebhookEndpoint] | None = many(
        webhooks.OF_SEAT,
        to=[Role.ADMIN, Role.PARTNER_ADMIN, Role.ACCOUNT_OWNER],
        doc="The company's own; the vendor's, for its staff.",
    )
    notice_preferences: list[names.NoticePreference] = many(
        "{t}.seat_id = :seat",
        order=Order("{t}.topic"),
        doc="How this seat hears of the topics for which it has chosen; of all others by every channel.",
    )
    notices: names.NoticeConnection = page(
        filters={
            "unread": (bool | None, Filter(notices.IS_UNREAD)),
            "urgency": (enums.NoticeUrgency | None, Filter("{t}.urgency = :value")),
        },
        orders={DEFAULT: notices.NEWEST_FIRST},
        doc="What is addressed to this seat, newest first.",
    )


@plain
class Vendor:
    """Who runs this portal."""

    name: str = column()
    support_address: EmailAddress | None = column()
    locales: list[str] = column()
    portal_url: URL | None = column()


@strawberry.type
class ViewerQuery:
    """The roots of this slice."""

    vendor: Vendor = root(Function(viewer.vendor), to=[Role.PUBLIC])
    viewer: Viewer | None = root(OWN_SESSION, doc="Null when nobody is signed in.")
