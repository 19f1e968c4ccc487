"""Accounts, their staff, and partners' access to them."""

from datetime import date, datetime
from decimal import Decimal

import strawberry
from strawberry import ID

from domain import money, policy, staff, workspaces
from domain.policy import Permission
from models import enums
from models.access_grant import AccessGrant as AccessGrantRow
from models.account import Account as AccountRow
from models.account import StaffMember as StaffMemberRow
from models.enums import Relation, Role
from resolvers import accounts, grants
from resolvers.projects import BELOW_ACCOUNT, COUNTS_OF_ACCOUNT
from resolvers.sources import DEFAULT, Filter, Order
from schema import names
from schema.errors import UserError
from schema.fields import (
    column,
    derived,
    embedded,
    expression,
    given,
    given_row,
    inverse,
    lookup,
    node,
    one,
    page,
    plain,
    verb,
)
from schema.paging import Node
from schema.people import BY_NAME, SEARCH_NAME, STATUSES, BusinessDetailsInput, User
from schema.proposals import Invite
from schema.scalars import EmailAddress

LATEST_FIRST = {DEFAULT: Order("{t}.id", descending=True)}


@plain
class AccountSubscription:
    """What an account is subscribed to."""

    plan: str = column()
    price: Decimal | None = derived(
        money.decimal_of, "price", "currency", doc="For each period; null while only the plan was chosen."
    )
    currency: str | None = column(doc="After ISO 4217; null while there is no price.")
    renews_on: date | None = column(doc="When the next period begins; null while that is not known.")


@node(AccountRow)
class Account(Node):
    """A client's workspace."""

    name: str = column()
    client: names.Client = one("client_id")
    status: enums.AccountStatus = column()
    usage: enums.UsageStatus = expression(accounts.USAGE)
    jobs_created: int = column(
        doc="Jobs created so far. Idle expiry of partner access starts only once this reaches 100."
    )
    owner: User | None = one("owner_id", to=[Role.ADMIN, Role.CLIENT])
    subscription: AccountSubscription | None = embedded(
        "plan", to=[Role.ADMIN, Role.CLIENT], doc="Null where no plan was chosen yet."
    )
    projects: names.ProjectConnection = page(
        "{t}.account_id = {p}",
        filters={
            "search": SEARCH_NAME,
            "status": (list[enums.ProjectStatus] | None, Filter("{t}.status {within}:value{end_within}")),
        },
        orders=BY_NAME,
        below=BELOW_ACCOUNT,
    )
    counts: names.ActionCounts = embedded(
        instead=COUNTS_OF_ACCOUNT, doc="What waits for the viewer in it, in all of its projects."
    )
    staff: names.StaffMemberConnection = page("{t}.account_id = {p}")
    partner_access: names.AccessGrantConnection = page(
        "{t}.account_id = {p}",
        where="{t}.status <> 'DISCONNECTED'",
        doc="The staff list's partner rows: every connected partner with its access. A partner sees its own row only.",
    )
    access_requests: names.AccessRequestConnection = page(
        "{t}.account_id = {p}",
        where=policy.PROPOSAL_IS_PENDING,
        doc="Pending access requests, shown as a banner inside the account. A partner sees its own only.",
    )
    invites: names.InviteConnection | None = page(
        "{t}.account_id = {p}", filters=STATUSES, to=[Role.ADMIN, Role.CLIENT]
    )
    activity_history: names.EventConnection | None = page(
        "{t}.account_id = {p}",
        orders=LATEST_FIRST,
        to=[Role.ADMIN, Role.CLIENT],
        holding=accounts.MAY_VIEW_HISTORY,
        doc="Who opened the account, who got access and who lost it, newest first. Of the client's staff for those "
        "with VIEW_ACTIVITY_HISTORY: null for the others.",
    )
    viewer_capabilities: list[enums.Capability] = derived(
        accounts.viewer_capabilities,
        accounts.MY_ROLE,
        accounts.IS_OPEN,
        doc="What the viewer may do in this account; nothing without access.",
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
        doc="When access expires if nobody opens the account; null while the account has under 100 jobs or access is "
        "off."
    )
    request: names.AccessRequest | None = inverse(grants.REQUEST, doc="The pending request, if any.")
    revenue_share: names.RevenueShareEligibility | None = embedded(
        to=[Role.ADMIN, Role.PARTNER],
        of=Relation.OWN_COMPANY,
        doc="Whether this connection earns revenue share, and why not: only the partner connected earliest when the "
        "account reaches 100 jobs, with a share agreed, does.",
    )
    history: names.EventConnection = page("{t}.subject = {p}", orders=LATEST_FIRST, doc="Newest first.")
    disconnect_preview: names.EndPreview | None = embedded(
        instead=grants.DISCONNECT_PREVIEW,
        to=[Role.ADMIN, Role.PARTNER, Role.CLIENT],
        doc="What disconnecting would cost.",
    )
    viewer_can: list[enums.GrantAction] = derived(grants.viewer_can, *grants.VIEWER_CAN_INPUTS, seat=True)


@strawberry.type
class AccountsQuery:
    """The roots of this slice."""

    account: Account | None = lookup()
    accounts: names.AccountConnection | None = page(filters={"search": SEARCH_NAME}, orders=BY_NAME, to=[Role.USER])


# ── verbs ──


@strawberry.input(
    description="For a client that the partner works for (`clientId`) or for a new one (`clientName`, and its "
    "`details`): exactly one of them."
)
class AccountCreateInput:
    partner_id: ID
    account_name: str
    plan: str
    client_id: ID | None = strawberry.UNSET
    client_name: str | None = strawberry.UNSET
    details: BusinessDetailsInput | None = strawberry.UNSET


@strawberry.input
class AccountSubscriptionChangeInput:
    account_id: ID
    plan: str
    price: Decimal = strawberry.field(description="For each period.")
    currency: str = strawberry.field(description="After ISO 4217: EUR.")


@plain
class AccountPayload:
    """The account as it is now."""

    account: Account | None = given_row()
    user_errors: list[UserError] = given()


@plain
class InvitePayload:
    """The invite as it is now."""

    invite: Invite | None = given_row()
    user_errors: list[UserError] = given()


@strawberry.type
class AccountsMutation:
    """The verbs of this slice."""

    account_create: AccountPayload = verb(
        workspaces.create,
        {"input": AccountCreateInput},
        permission=Permission.ACCOUNT_CREATE,
        gives="account",
        doc="Sets an account up for a client, the partner connected from the start; SETTING_UP until its owner has "
        "taken it over (`accountHandOver`). NOT_FOUND, FORBIDDEN, NOT_CONNECTED (the partner does not work for the "
        "client any more: it takes an offer), INVALID.",
    )
    account_hand_over: AccountPayload = verb(
        workspaces.hand_over,
        {"account_id": ID, "owner_email": EmailAddress, "owner_name": str},
        permission=Permission.ACCOUNT_HAND_OVER,
        gives="account",
        doc="Mails the customer an invite to take the account over, as its owner, with a password of their own. "
        "NOT_FOUND, FORBIDDEN (at `ownerEmail`: of a client that has owners, a partner names one of them), INVALID, "
        "WRONG_STATE (it has an owner), ALREADY_PROPOSED, SELF_PARTNERSHIP.",
    )
    staff_invite: InvitePayload = verb(
        staff.invite,
        {"account_id": ID, "email": EmailAddress, "role": enums.SecurityRole},
        permission=Permission.STAFF_INVITE,
        gives="invite",
        doc="Mails somebody an invite to an account's staff. NOT_FOUND, FORBIDDEN, CAPABILITY_DENIED (only an owner "
        "makes an owner), ACCESS_EXPIRED, ACCESS_DISABLED, WRONG_STATE (cancelled), INVALID, TAKEN (on it already), "
        "ALREADY_PROPOSED, SELF_PARTNERSHIP.",
    )
    staff_role_set: AccountPayload = verb(
        staff.set_role,
        {"staff_id": ID, "role": enums.SecurityRole},
        permission=Permission.STAFF_ROLE_SET,
        gives="account",
        doc="Gives a member of the staff another role, at once. NOT_FOUND, FORBIDDEN, CAPABILITY_DENIED, "
        "ACCESS_EXPIRED, ACCESS_DISABLED, WRONG_STATE (the account's owner; a cancelled account).",
    )
    staff_remove: AccountPayload = verb(
        staff.remove,
        {"staff_id": ID},
        permission=Permission.STAFF_REMOVE,
        gives="account",
        doc="Takes somebody off the staff, at once; whoever has no other place at the client is signed out. NOT_FOUND, "
        "FORBIDDEN, CAPABILITY_DENIED, ACCESS_EXPIRED, ACCESS_DISABLED, WRONG_STATE (the account's owner).",
    )
    account_owner_change: AccountPayload = verb(
        workspaces.change_owner,
        {"account_id": ID, "staff_id": ID},
        permission=Permission.ACCOUNT_OWNER_CHANGE,
        gives="account",
        doc="Makes somebody of the staff the owner, at once; who was it stays as MANAGER. NOT_FOUND, FORBIDDEN, "
        "CAPABILITY_DENIED, WRONG_STATE (cancelled).",
    )
    account_subscription_change: AccountPayload = verb(
        workspaces.change_subscription,
        {"input": AccountSubscriptionChangeInput},
        permission=Permission.ACCOUNT_SUBSCRIPTION_CHANGE,
        gives="account",
        doc="Changes plan and price, at once. NOT_FOUND, FORBIDDEN, CAPABILITY_DENIED, WRONG_STATE (cancelled), "
        "INVALID.",
    )
    account_cancel: AccountPayload = verb(
        workspaces.cancel,
        {"account_id": ID, "reason": str},
        permission=Permission.ACCOUNT_CANCEL,
        gives="account",
        doc="Cancels an account, at once: every partner is disconnected, and what was open in it is cancelled. "
        "NOT_FOUND, FORBIDDEN, CAPABILITY_DENIED, REASON_REQUIRED, WRONG_STATE (cancelled), CONFLICT.",
    )
