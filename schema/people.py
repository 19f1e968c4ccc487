"""Users, and the companies of the portal."""

from datetime import datetime
from decimal import Decimal

import strawberry

from domain import money, policy
from models import enums
from models.client import Client as ClientRow
from models.enums import Relation, Role
from models.partner import Partner as PartnerRow
from models.partner import PartnerMember as PartnerMemberRow
from models.user import User as UserRow
from resolvers import directory, earnings, people
from resolvers.sources import DEFAULT, Filter, Order
from schema import names
from schema.fields import by_side, column, derived, embedded, expression, inverse, lookup, node, one, page, plain
from schema.paging import Node
from schema.scalars import URL, EmailAddress

OWN = Relation.OWN_COMPANY
MEMBERS = [Role.ADMIN, Role.PARTNER, Role.CLIENT_PARTNER]
ADMINS = [Role.ADMIN, Role.PARTNER_ADMIN, Role.CLIENT_PARTNER_ADMIN]
NEWEST_FIRST = {DEFAULT: Order("{t}.version", descending=True, kind="number")}
BY_NAME = {DEFAULT: Order("{t}.name_key")}
SEARCH_NAME = (str | None, Filter("{t}.name_key like :value escape '\\'", people.search_pattern))
OF_PARTNERSHIP_STATUS = Filter(f"{policy.PARTNERSHIP_STATUS} {{within}}:value{{end_within}}")
OF_PROPOSAL_STATUS = Filter(f"{policy.PROPOSAL_STATUS} {{within}}:value{{end_within}}")
STATUSES = {"status": (list[enums.ProposalStatus] | None, OF_PROPOSAL_STATUS)}


@node(UserRow, own={Relation.SELF: "{t}.id = :user"})
class User(Node):
    """A person who signs in. Users are never deleted, only emptied; whoever sees a row sees the names on it."""

    name: str = column()
    locale: str | None = column()
    email: EmailAddress | None = expression(
        by_side(people.EMAIL_FOR_PARTNER, people.EMAIL_FOR_CLIENT, "{t}.email"),
        to=[Role.ADMIN, Role.PARTNER, Role.CLIENT, Role.CLIENT_PARTNER],
        doc="Shown to people who share a company, account or project with this user.",
    )


@plain
class BusinessDetails:
    """Address and ways to reach a company: 'business partner details'."""

    street: str | None = column()
    city: str | None = column()
    state: str | None = column()
    postal_code: str | None = column()
    country: str | None = column()
    phone: str | None = column()
    fax: str | None = column()
    email: EmailAddress | None = column()
    website: URL | None = column()


@strawberry.input
class BusinessDetailsInput:
    """What is left out stays as it is; null empties it."""

    street: str | None = strawberry.UNSET
    city: str | None = strawberry.UNSET
    state: str | None = strawberry.UNSET
    postal_code: str | None = strawberry.UNSET
    country: str | None = strawberry.UNSET
    phone: str | None = strawberry.UNSET
    fax: str | None = strawberry.UNSET
    email: EmailAddress | None = strawberry.UNSET
    website: URL | None = strawberry.UNSET


@plain
class Licences:
    """How many members a partner company may have, and how many it has (open invites count)."""

    granted: int = column("licences")
    used: int = expression(people.LICENCES_USED, doc="Members and open invites.")
    available: int = expression(f"{{t}}.licences - ({people.LICENCES_USED})", doc="How many more may be invited.")


@node(PartnerRow, own={Relation.OWN_COMPANY: "{t}.id = :partner"})
class Partner(Node):
    """A partner company."""

    name: str = column()
    kind: enums.PartnerKind = column()
    domain: str | None = column(to=MEMBERS, of=OWN, doc="Members' e-mail addresses must be at this domain.")
    details: BusinessDetails = embedded()
    invites: names.InviteConnection | None = page(
        "{t}.partner_id = {p}",
        filters=STATUSES,
        to=ADMINS,
        of=OWN,
        doc="Open and past invites; open ones use a licence.",
    )
    admin: User | None = one("admin_id", doc="Exactly one partner admin; null only until the first one accepts.")
    members: names.PartnerMemberConnection | None = page("{t}.partner_id = {p}", to=MEMBERS, of=OWN)
    licences: Licences | None = embedded(
        to=MEMBERS, of=OWN, doc="How many members the company may have, and how many it has (open invites count)."
    )
    copy_address: EmailAddress | None = column(
        to=MEMBERS, of=OWN, doc="Copied on every e-mail sent to the contacts of this partner's clients."
    )
    status_credits: int | None = expression(
        earnings.STATUS_CREDITS,
        to=MEMBERS,
        of=OWN,
        doc="Credits for the accounts that this partner is connected to now.",
    )
    revenue_share: Decimal | None = derived(
        money.rate_of,
        "revenue_share_ppm",
        to=MEMBERS,
        of=OWN,
        doc="Share of each payment, 0 to 1; null where none is agreed.",
    )
    commissions: names.CommissionConnection | None = page(
        "{t}.partner_id = {p}",
        orders={DEFAULT: Order("{t}.id", descending=True)},
        to=MEMBERS,
        of=OWN,
        doc="Newest first.",
    )
    listing: names.DirectoryListing | None = inverse(
        directory.LISTING, to=MEMBERS, of=OWN, doc="Shown in the public directory of local partners."
    )
    partnerships: names.PartnershipConnection | None = page(
        "{t}.partner_id = {p}",
        filters={"status": (list[enums.PartnershipStatus] | None, OF_PARTNERSHIP_STATUS)},
        orders={DEFAULT: Order("{t}.client_key")},
        to=MEMBERS,
        of=OWN,
    )
    contacts: names.ContactConnection | None = page(
        "{t}.partner_id = {p}", filters={"search": SEARCH_NAME}, orders=BY_NAME, to=MEMBERS, of=OWN
    )
    history: names.EventConnection | None = page(
        "{t}.stream = {p}", orders=NEWEST_FIRST, to=ADMINS, of=OWN, doc="Newest first."
    )


@node(PartnerMemberRow)
class PartnerMember(Node):
    """A person's place in a partner company."""

    user: User = one("user_id")
    role: enums.PartnerMemberRole = column()
    joined_at: datetime = column()
    projects: names.ProjectConnection = page(
        people.PROJECTS_OF_MEMBER, orders=BY_NAME, doc="Those that a client partner's person is on and the viewer sees."
    )


@node(ClientRow, own={Relation.OWN_COMPANY: "{t}.id = :client"})
class Client(Node):
    """A customer company."""

    name: str = column()
    details: BusinessDetails = embedded()
    accounts: names.AccountConnection = page("{t}.client_id = {p}", orders=BY_NAME)
    contacts: names.ContactConnection = page(
        "{t}.client_id = {p}",
        filters={"search": SEARCH_NAME, "purpose": (enums.ContactPurpose | None, people.OF_PURPOSE)},
        orders=BY_NAME,
    )
    partnerships: names.PartnershipConnection | None = page(
        "{t}.client_id = {p}",
        filters={"status": (list[enums.PartnershipStatus] | None, OF_PARTNERSHIP_STATUS)},
        orders={DEFAULT: Order("{t}.partner_key")},
        to=[Role.ADMIN, Role.CLIENT],
    )


@strawberry.type
class PeopleQuery:
    """The roots of this slice."""

    partner: Partner | None = lookup()
    client: Client | None = lookup()
    partners: names.PartnerConnection | None = page(
        filters={"search": SEARCH_NAME, "kind": (enums.PartnerKind | None, Filter("{t}.kind = :value"))},
        orders=BY_NAME,
        to=[Role.ADMIN],
    )
    clients: names.ClientConnection | None = page(
        filters={"search": SEARCH_NAME}, orders=BY_NAME, to=[Role.ADMIN, Role.PARTNER]
    )
