"""Accounts, their staff, and partners' access to them."""

from datetime import datetime

import strawberry

from domain import policy
from models import enums
from models.access_grant import AccessGrant as AccessGrantRow
from models.account import Account as AccountRow
from models.account import StaffMember as StaffMemberRow
from models.enums import Relation, Role
from resolvers.sources import DEFAULT, Order
from schema import names
from schema.fields import column, expression, lookup, node, one, page
from schema.paging import Node
from schema.people import BY_NAME, SEARCH_NAME, STATUSES, User


@node(AccountRow)
class Account(Node):
    """A client's workspace."""

    name: str = column()
    client: names.Client = one("client_id")
    status: enums.AccountStatus = column()
    jobs_created: int = column(
        doc="Jobs created so far. Idle expiry of partner access starts only once this reaches 100."
    )
    owner: User | None = one("owner_id", to=[Role.ADMIN, Role.CLIENT])
    staff: names.StaffMemberConnection = page("{t}.account_id = {p}")
    partner_access: names.AccessGrantConnection = page(
        "{t}.account_id = {p}",
        where="{t}.status <> 'DISCONNECTED'",
        doc="The staff list's partner rows: every connected partner with its access. A partner sees its own row only.",
    )
    invites: names.InviteConnection | None = page(
        "{t}.account_id = {p}", filters=STATUSES, to=[Role.ADMIN, Role.CLIENT]
    )


@node(StaffMemberRow)
class StaffMember(Node):
    """Staff always have access, by their security role; only the owner's side invites them."""

    user: User = one("user_id")
    role: enums.SecurityRole = column()
    joined_at: datetime = column()


@node(AccessGrantRow, own={Relation.OWN_COMPANY: "{t}.partner_id = :partner"})
class AccessGrant(Node):
    """A partner's access to one account of a client."""

    partnership: names.Partnership | None = one("partnership_id")
    partner: names.Partner = one("partner_id")
    account: Account | None = one("account_id")
    status: enums.AccessStatus = expression(
        policy.GRANT_STATUS,
        doc="EXPIRED from the moment `expiresAt` has passed, whether or not anything announced it.",
    )
    connected_at: datetime = column()
    last_opened_at: datetime | None = column()
    expires_at: datetime | None = column(
        doc="When access expires if nobody opens the account; null while the account has under 100 jobs."
    )
    history: names.EventConnection = page(
        "{t}.subject = {p}", orders={DEFAULT: Order("{t}.id", descending=True)}, doc="Newest first."
    )


@strawberry.type
class AccountsQuery:
    """The roots of this slice."""

    account: Account | None = lookup()
    accounts: names.AccountConnection | None = page(filters={"search": SEARCH_NAME}, orders=BY_NAME, to=[Role.USER])
