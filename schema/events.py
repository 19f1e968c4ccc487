"""The log."""

from datetime import datetime

import strawberry

from models import enums
from models.enums import Role
from models.event import Event as EventRow
from resolvers import events
from resolvers.sources import DEFAULT, Filter, Function, Head, Order
from schema import names
from schema.fields import column, derived, documents, expression, node, one, page, plain, reference, root
from schema.paging import Node
from schema.people import User
from schema.scalars import Cursor


@plain
class Change:
    """What an event changed; null: there was or is nothing."""

    field: str = column()
    before: str | None = column()
    after: str | None = column()


@node(EventRow)
class Event(Node):
    """One fact in the log. History, notices, webhooks and e-mails are all read from it."""

    cursor: Cursor | None = derived(events.cursor, "pos", doc="Null for the moments before it is published.")
    version: int = column(doc="Its place in its stream, without gaps.")
    topic: str = column(doc="Dotted and stable, the webhook's `type` too: `partnership.offered`.")
    at: datetime = column()
    actor: User | None = one("actor_id")
    side: enums.Side | None = column(doc="The side that the actor acted for.")
    on_behalf_of: str | None = column(doc="The side or address for whom the vendor acted.")
    subject: Node | None = reference("subject", doc="What it is about: the offer, the contact, the grant …")
    proposal: names.Proposal | None = one("proposal_id")
    summary: str = derived(events.summary, "topic", "side", doc="The event in one sentence.")
    has_details: bool = expression(
        events.HAS_DETAILS, doc="Whether the row opens: there are changes or a reason to show."
    )
    reason: str | None = column()
    changes: list[Change] = documents("changes")
    partnership: names.Partnership | None = one("partnership_id")
    account: names.Account | None = one("account_id")
    project: names.Project | None = one("project_id")
    digest: str = column(
        doc="Chains this event to the one before it in its stream: SHA-256(previous digest ‖ stream ‖ NUL ‖ version ‖ "
        "NUL ‖ commitment)."
    )
    commitment: str = column(doc="SHA-256(salt, payload): what is erased keeps its place in the chain.")


@plain
class Topic:
    """Something that can happen: for webhook and notice settings."""

    name: str = column()
    description: str = column()
    mutable: bool = column(doc="False for access, consent and security.")


@strawberry.type
class EventsQuery:
    """The roots of this slice."""

    position: Cursor | None = root(
        Head("Event", events.cursor, events.HEADS),
        to=[Role.USER],
        doc="The head of the log in the same snapshot as the rest of the answer: subscribe after it, and there is no "
        "gap.",
    )
    topics: list[Topic] = root(Function(events.topics), to=[Role.PUBLIC], doc="Everything that can happen.")
    events: names.EventConnection | None = page(
        filters={"topic": (list[str] | None, Filter("{t}.topic {within}:value{end_within}"))},
        orders={DEFAULT: Order("{t}.id", descending=True)},
        to=[Role.ADMIN],
        doc="Newest first.",
    )
