"""Partnerships: a partner and a client who work together."""

from datetime import date, datetime

import strawberry

from domain import partnerships as law
from domain import policy
from models import enums
from models.enums import Relation, Role
from models.partnership import AssignedContact as AssignedContactRow
from models.partnership import Partnership as PartnershipRow
from models.partnership import PartnershipManager as PartnershipManagerRow
from resolvers import earnings, partnerships
from resolvers.sources import DEFAULT, Filter
from schema import names
from schema.fields import (
    by_side,
    column,
    derived,
    embedded,
    expression,
    inverse,
    lookup,
    many,
    node,
    one,
    page,
    plain,
)
from schema.paging import Node
from schema.people import BY_NAME, NEWEST_FIRST, SEARCH_NAME


@plain
class PartnershipTerms:
    """What a partnership is about."""

    title: str = column()
    description: str | None = column()
    region: str | None = column()
    starts_on: date | None = column()


@plain
class PartnershipCounts:
    """An offer starts at 0 contacts and 0 projects on the client's tile."""

    contacts: int = expression(partnerships.ASSIGNED_CONTACTS, doc="Assigned ones, of both sides.")
    accounts: int = expression(partnerships.CONNECTED_ACCOUNTS, doc="Accounts that the partner is connected to.")
    active_projects: int = expression(
        partnerships.ACTIVE_PROJECTS, doc="ACTIVE ones that the partner works on, as far as the viewer sees them."
    )
    pending_modifications: int = expression(
        partnerships.PENDING_MODIFICATIONS, doc="One a side at most waits for an answer."
    )


@plain
class EndPreview:
    """What ending it would cost."""

    accounts: list[names.Account] = many(
        partnerships.ACCOUNTS_LOST, doc="Those that the partner would be disconnected from, as far as the viewer sees."
    )
    projects: int = expression(
        partnerships.PROJECTS_LOST, doc="Those that are closed to the partner then, as far as the viewer sees them."
    )
    contacts_released: int = expression(partnerships.ASSIGNED_CONTACTS, doc="Assigned ones, of both sides.")
    pending_requests: int = expression(partnerships.PENDING_PROPOSALS, doc="What would be cancelled unanswered.")
    ends_partnership: bool = expression(policy.EVERY_ROW, doc="Whether the partnership ends with it.")
    status_credits_lost: int | None = expression(
        partnerships.CONNECTED_ACCOUNTS, to=[Role.ADMIN, Role.PARTNER], doc="One for each connected account."
    )
    revenue_share_stops: bool | None = expression(
        earnings.STOPS_WITH_PARTNERSHIP,
        to=[Role.ADMIN, Role.PARTNER],
        doc="Whether a connection that ends has earned until then.",
    )
    confirmation: str = derived(
        law.confirmation,
        law.CONSEQUENCES,
        doc="Must be sent back with the ending: it goes stale when the consequences change.",
    )


@node(AssignedContactRow)
class AssignedContact(Node):
    """A contact that one side lends to the other."""

    contact: names.Contact = one("contact_id")
    side: enums.Side = column(doc="Whose contact it is.")
    label: enums.ContactLabel = expression(partnerships.CONTACT_LABEL)
    assigned_at: datetime | None = column(doc="Null until the other side has accepted.")


@node(PartnershipManagerRow)
class PartnershipManager(Node):
    """A contact on the viewer's own side's team; the other side learns that the team changed, never who is on it."""

    contact: names.Contact = one("contact_id")
    side: enums.Side = column()
    added_at: datetime = column()


@node(PartnershipRow, own={Relation.OWN_SIDE: "true"})
class Partnership(Node):
    """A partner and a client who work together. Every change is countersigned by the other side."""

    kind: enums.PartnershipKind = column()
    partner: names.Partner = one("partner_id")
    client: names.Client | None = one(
        "client_id", doc="Null until the client has joined; for the partner, until it has accepted."
    )
    offer: names.PartnershipOffer | None = one("offer_id")
    status: enums.PartnershipStatus = expression(policy.PARTNERSHIP_STATUS)
    label: enums.PartnershipLabel = expression(partnerships.LABEL)
    previous: names.Partnership | None = one(
        "previous_id", doc="The partnership of the same two companies that ended before this one began."
    )
    terms: PartnershipTerms = embedded()
    contacts: names.AssignedContactConnection = page(
        "{t}.partnership_id = {p}",
        filters={
            "side": (enums.Side | None, Filter("{t}.side = :value")),
            "label": (
                list[enums.ContactLabel] | None,
                Filter(partnerships.OF_CONTACT_LABEL),
            ),
        },
        below=policy.LENT_IN_A_VISIBLE_PARTNERSHIP,
        doc="Contacts that each side lends to the other.",
    )
    managers: list[names.PartnershipManager] | None = many(
        "{t}.partnership_id = {p}",
        to=[Role.PARTNER, Role.CLIENT],
        doc="The viewer's own side's team, for its own management.",
    )
    offerable: names.ContactConnection | None = page(
        partnerships.OFFERABLE,
        where=partnerships.OWN_CONTACTS,
        filters={"search": SEARCH_NAME},
        orders=BY_NAME,
        below=policy.EVERY_ROW,
        to=[Role.PARTNER, Role.CLIENT],
        doc="Own contacts that could be added: those not assigned, offered or in the draft.",
    )
    access_grants: names.AccessGrantConnection = page("{t}.partnership_id = {p}")
    pending_modifications: list[names.Modification] = many(
        partnerships.PENDING, doc="Waiting for the other side: one a side at most."
    )
    draft: names.Modification | None = inverse(
        partnerships.DRAFT, to=[Role.PARTNER, Role.CLIENT], doc="The viewer's own side's draft."
    )
    modifications: names.ModificationConnection = page(
        "{t}.partnership_id = {p}",
        where=partnerships.SENT,
        orders={DEFAULT: partnerships.NEWEST_FIRST},
        below=policy.EVERY_ROW,
        doc="Newest first, without drafts.",
    )
    history: names.EventConnection = page(
        "{t}.stream = {p}", orders=NEWEST_FIRST, below=policy.TOLD, doc="Newest first."
    )
    end_preview: EndPreview | None = embedded(
        to=[Role.ADMIN, Role.PARTNER, Role.CLIENT], doc="What ending it would cost, for the disconnection wizard."
    )
    viewer_has_hidden: bool = expression(by_side("{t}.hidden_by_partner", "{t}.hidden_by_client", "false"))
    started_at: datetime | None = column()
    ended_at: datetime | None = column()
    ended_by: enums.Side | None = column()
    end_reason: str | None = column()
    counts: PartnershipCounts = embedded()
    viewer_can: list[enums.PartnershipAction] = derived(
        partnerships.viewer_can, *partnerships.VIEWER_CAN_INPUTS, seat=True
    )


@strawberry.type
class PartnershipsQuery:
    """The roots of this slice."""

    partnership: Partnership | None = lookup()
