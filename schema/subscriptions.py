"""What can be listened to. A row of this table is all that a subscription is made of (see `resolvers.stream`)."""

import strawberry

from domain import policy
from models.account import Account
from models.enums import Role
from models.partnership import Partnership
from models.project import Project
from resolvers.sources import Feed
from schema.events import Event
from schema.fields import feed, table
from schema.notices import Notice


@strawberry.type(
    description="What can be listened to: over a websocket (graphql-transport-ws) or as an event stream (graphql-sse). "
    "`after` is the cursor of the last event that was seen: first what was missed comes, then what happens, in one "
    "order, nothing twice, nothing lost; without it what happens from now on. RESYNC: the cursor is ahead of the log, "
    "read anew. A stream whose right ends says so: ACCESS_ENDED, SESSION_ENDED."
)
class Subscription:
    """Every root."""

    notices: Notice = feed(
        Feed("seat_id", event="event_id"), to=[Role.USER], doc="Everything addressed to the viewer's seat."
    )
    partnership_events: Event = feed(
        Feed("partnership_id", "partnership_id", table(Partnership)),
        to=[Role.ADMIN, Role.PARTNER, Role.CLIENT],
        doc="Every event of one partnership: offers, modifications, access, end.",
    )
    account_events: Event = feed(
        Feed("account_id", "account_id", table(Account), policy.OPENED),
        to=[Role.ADMIN, Role.PARTNER, Role.CLIENT],
        doc="Every event of one account: who got access, who lost it. A partner's ends with its access.",
    )
    project_events: Event = feed(
        Feed("project_id", "project_id", table(Project)),
        to=[Role.ADMIN, Role.PARTNER, Role.CLIENT, Role.CLIENT_PARTNER],
        doc="Messages, files, approvals, action items and ratings of one project.",
    )
