"""Partnerships: a partner and a client who work together."""

from datetime import date, datetime

import strawberry

from domain import policy
from models import enums
from models.enums import Relation
from models.partnership import AssignedContact as AssignedContactRow
from models.partnership import Partnership as PartnershipRow
from resolvers import partnerships
from resolvers.sources import Filter
from schema import names
from schema.fields import by_side, column, embedded, expression, lookup, node, one, page, plain
from schema.paging import Node
from schema.people import NEWEST_FIRST


@plain
class PartnershipTerms:
    """What a partnership is about."""

    title: str = column()
    description: str | None = column()
    region: str | None = column()
    starts_on: date | None = column()


@plain
class PartnershipCounts:
    """An offer starts at 0 contacts on the client's tile."""

    contacts: int = expression(partnerships.ASSIGNED_CONTACTS, doc="Assigned ones, of both sides.")
    accounts: int = expression(partnerships.CONNECTED_ACCOUNTS, doc="Accounts that the partner is connected to.")


@node(AssignedContactRow)
class AssignedContact(Node):
    """A contact that one side lends to the other."""

    contact: names.Contact = one("contact_id")
    side: enums.Side = column(doc="Whose contact it is.")
    label: enums.ContactLabel = expression(partnerships.CONTACT_LABEL)
    assigned_at: datetime | None = column(doc="Null until the other side has accepted.")


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
                Filter(f"{partnerships.CONTACT_LABEL} {{within}}:value{{end_within}}"),
            ),
        },
        below=policy.LENT_IN_A_VISIBLE_PARTNERSHIP,
        doc="Contacts that each side lends to the other.",
    )
    access_grants: names.AccessGrantConnection = page("{t}.partnership_id = {p}")
    history: names.EventConnection = page("{t}.stream = {p}", orders=NEWEST_FIRST, doc="Newest first.")
    viewer_has_hidden: bool = expression(by_side("{t}.hidden_by_partner", "{t}.hidden_by_client", "false"))
    started_at: datetime | None = column()
    ended_at: datetime | None = column()
    ended_by: enums.Side | None = column()
    end_reason: str | None = column()
    counts: PartnershipCounts = embedded()


@strawberry.type
class PartnershipsQuery:
    """The roots of this slice."""

    partnership: Partnership | None = lookup()
