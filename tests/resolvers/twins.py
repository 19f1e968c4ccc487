"""TABLE: what each SQL template of the declarations means, in Python. Keyed by the template; each must have its twin.

A twin is told the row (`t`), the id of the row above (`p`), the argument (`value`), who reads, when, and every row.
NULL is nobody's equal: `same` compares as SQL does. A template that is one bare column needs no twin.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import settings
from domain import files, moves, policy, shares, tokens
from domain import grants as grant_law
from domain import partnerships as law
from domain.seats import Seat
from models.base import text_key
from models.enums import LinkPurpose, ProjectStatus, Side
from models.link import Link
from models.sql import Dialect
from resolvers import (
    accounts,
    directory,
    earnings,
    events,
    grants,
    notices,
    partnerships,
    people,
    projects,
    proposals,
    sources,
    viewer,
    webhooks,
)

Row = Mapping[str, Any]


class Rows:
    """Every row of a database, by table."""

    def __init__(self, tables: Mapping[str, Sequence[Row]]) -> None:
        self._tables = tables
        self._by_id = {name: {row["id"]: row for row in rows} for name, rows in tables.items()}
        self._by_value: dict[tuple[str, str], dict[object, list[Row]]] = {}

    def __getitem__(self, table: str) -> Sequence[Row]:
        return self._tables[table]

    def row(self, table: str, row_id: object) -> Row | None:
        """The row of an id, if there is one."""
        return self._by_id[table].get(row_id)

    def with_value(self, table: str, column: str, value: object) -> Sequence[Row]:
        """The rows of a table with a value; none for a value that is NULL."""
        if (table, column) not in self._by_value:
            found: dict[object, list[Row]] = {}
            for row in self._tables[table]:
                found.setdefault(row[column], []).append(row)
            self._by_value[table, column] = found
        return () if value is None else self._by_value[table, column].get(value, ())


@dataclass(frozen=True)
class Of:
    """What a twin is told."""

    rows: Rows
    seat: Seat | None
    now: dt.datetime
    t: Row = field(default_factory=dict)
    p: str | None = None
    value: Any = None

    def all(self, table: str, **columns: object) -> Iterable[Row]:
        """The rows of a table with these values; none for a value that is NULL."""
        [(first, value), *others] = columns.items()
        found = self.rows.with_value(table, first, value)
        return (row for row in found if all(same(row[name], value) for name, value in others))

    def any(self, table: str, **columns: object) -> bool:
        """Whether there is such a row."""
        return any(True for _ in self.all(table, **columns))

    @property
    def partner(self) -> str | None:
        return self.seat.partner_id if self.seat else None

    @property
    def client(self) -> str | None:
        return self.seat.client_id if self.seat else None

    @property
    def user(self) -> str | None:
        return self.seat.user_id if self.seat else None

    @property
    def my_accounts(self) -> set[str]:
        mine = {p["account_id"] for p in self.all("staff_member", user_id=self.user) if p["removed_at"] is None}
        return {account["id"] for account in self.all("account", client_id=self.client) if account["id"] in mine}


Twin = Callable[[Of], Any]


def same(left: object, right: object) -> bool:
    """Equality as SQL has it."""
    return left is not None and left == right


def is_over(row: Row, now: dt.datetime) -> bool:
    """Whether time has ended what the row asks or gives."""
    return row["expires_at"] is not None and row["expires_at"] <= now


def ended_by_time(stored: str) -> Twin:
    return lambda x: "EXPIRED" if x.t["status"] == stored and is_over(x.t, x.now) else x.t["status"]


def is_open(grant: Row, now: dt.datetime) -> bool:
    """Whether a grant lets anybody in."""
    return grant["status"] == "ENABLED" and not is_over(grant, now)


def is_pending(row: Row, now: dt.datetime) -> bool:
    return row["status"] == "PENDING" and not is_over(row, now)


# ── who sees which row ──


def is_lent(row: Row, x: Of) -> bool:
    if row["released_at"] is not None:
        return False
    proposal = x.rows.row("proposal", row["proposal_id"])
    return row["assigned_at"] is not None or (proposal is not None and is_pending(proposal, x.now))


def is_lent_or_drafted(x: Of, side: Side) -> bool:
    """What a side sees of the contacts that are lent: those in its own draft besides."""
    by = _row(x, "proposal", x.t["proposal_id"])
    is_drafted = by["status"] == "DRAFT" and by["proposed_by_side"] == side
    return is_lent(x.t, x) or (x.t["released_at"] is None and is_drafted)


def manages_for(x: Of, side: Side) -> bool:
    return x.t["side"] == side and x.t["removed_at"] is None


def reads_for_the_company(x: Of) -> bool:
    """Whether the seat reads what concerns its company as a whole: of a client partner the admin alone."""
    company = x.rows.row("partner", x.partner)
    return company is not None and (company["kind"] == "PARTNER" or same(company["admin_id"], x.user))


def my_places(x: Of, **columns: object) -> list[Row]:
    """The seat's own rows on projects."""
    mine = x.all("project_member", user_id=x.user, partner_id=x.partner, **columns)
    return [place for place in mine if place["removed_at"] is None]


def partner_may_open(x: Of, account_id: str | None) -> bool:
    return any(is_open(grant, x.now) for grant in x.all("access_grant", account_id=account_id, partner_id=x.partner))


def sees_project(x: Of, side: Side, project: Row) -> bool:
    """A partner those of accounts that it may open, a client partner's people those that they are on."""
    if side is Side.PARTNER:
        return partner_may_open(x, project["account_id"]) or my_places(x, project_id=project["id"]) != []
    return side is Side.VENDOR or project["account_id"] in x.my_accounts


def is_in_project(x: Of, side: Side) -> bool:
    """Whoever sees a project sees what is in it."""
    project = x.rows.row("project", x.t["project_id"])
    return project is not None and sees_project(x, side, project)


def project_twin(side: Side) -> Twin:
    return lambda x: sees_project(x, side, x.t)


def in_project_twin(side: Side, gone: str | None = None) -> Twin:
    """`gone`: the column with the moment from which on a row is there no more."""
    return lambda x: (gone is None or x.t[gone] is None) and is_in_project(x, side)


def partner_sees_partner(x: Of) -> bool:
    """Its own company, and the client partners in the projects that it sees."""
    brought = (e for e in x.all("project_partner", partner_id=x.t["id"]) if e["removed_at"] is None)
    projects_of = (_row(x, "project", engagement["project_id"]) for engagement in brought)
    return same(x.t["id"], x.partner) or any(sees_project(x, Side.PARTNER, project) for project in projects_of)


def partner_sees_client(x: Of) -> bool:
    """Those that it works or has worked with; a client partner's people those in whose projects they are."""
    both = x.all("partnership", partner_id=x.partner, client_id=x.t["id"])
    has_worked = any(partnership["status"] in {"ACTIVE", "ENDED"} for partnership in both)
    is_on = any(_account_of(replace(x, t=place))["client_id"] == x.t["id"] for place in my_places(x))
    return (has_worked and reads_for_the_company(x)) or is_on


def partner_sees_contact(x: Of) -> bool:
    both = x.all("partnership", partner_id=x.partner, client_id=x.t["client_id"], status="ACTIVE", kind="DIRECT")
    return same(x.t["partner_id"], x.partner) or any(True for _ in both)


def client_sees_partner(x: Of) -> bool:
    return x.any("partnership", client_id=x.client, partner_id=x.t["id"])


def partner_sees_account(x: Of) -> bool:
    grants = x.all("access_grant", partner_id=x.partner, account_id=x.t["id"])
    is_connected = any(grant["status"] != "DISCONNECTED" for grant in grants)
    return is_connected or my_places(x, account_id=x.t["id"]) != []


def partner_sees_staff(x: Of) -> bool:
    account = x.t["account_id"]
    return x.t["removed_at"] is None and (partner_may_open(x, account) or my_places(x, account_id=account) != [])


def client_sees_contact(x: Of) -> bool:
    if same(x.t["client_id"], x.client):
        return True
    lent = (row for row in x.all("assigned_contact", contact_id=x.t["id"]) if is_lent(row, x))
    return any(same(_row(x, "partnership", row["partnership_id"])["client_id"], x.client) for row in lent)


def partner_sees_proposal(x: Of) -> bool:
    if x.t["kind"] == "PROJECT_APPROVAL":
        return is_in_project(x, Side.PARTNER)
    if not reads_for_the_company(x):
        return False
    if same(x.t["from_partner_id"], x.partner):
        return True
    is_ours = same(x.t["to_partner_id"], x.partner) or same(x.t["partner_id"], x.partner)
    return is_ours and x.t["proposed_at"] is not None


def client_sees_proposal(x: Of) -> bool:
    if same(x.t["from_client_id"], x.client) and x.t["account_id"] is None:
        return True
    came_by_it = x.t["kind"] == "INVITE" and same(x.t["decided_by_id"], x.user)
    is_asked = same(x.t["to_client_id"], x.client) and x.t["kind"] != "ACCESS_REQUEST"
    is_ours = is_asked or came_by_it or x.t["account_id"] in x.my_accounts
    return is_ours and x.t["proposed_at"] is not None


def sees_item(sees: Twin) -> Twin:
    """Whoever sees a proposal sees its items."""
    return lambda x: sees(replace(x, t=_row(x, "proposal", x.t["proposal_id"])))


def partner_sees_event(x: Of) -> bool:
    is_told = x.t["visible_to"] in {"BOTH", "PARTNER", "PARTNER_ALONE"}
    if x.t["project_id"] is not None:
        return is_told and is_in_project(x, Side.PARTNER)
    return same(x.t["partner_id"], x.partner) and is_told and reads_for_the_company(x)


def client_sees_event(x: Of) -> bool:
    is_told = x.t["visible_to"] in {"BOTH", "CLIENT", "CLIENT_ALONE"}
    is_there = x.t["project_id"] is None or is_in_project(x, Side.CLIENT)
    return same(x.t["client_id"], x.client) and is_told and is_there


def partner_sees_user(x: Of) -> bool:
    members = x.all("partner_member", user_id=x.t["id"], partner_id=x.partner)
    return x.t["id"] == x.user or any(member["removed_at"] is None for member in members)


def client_sees_user(x: Of) -> bool:
    places = [place for place in x.all("staff_member", user_id=x.t["id"]) if place["removed_at"] is None]
    return x.t["id"] == x.user or any(place["account_id"] in x.my_accounts for place in places)


def _row(x: Of, table: str, row_id: object) -> Row:
    return x.rows.row(table, row_id) or {}


def _partnership_of(x: Of) -> Row:
    return _row(x, "partnership", x.t["partnership_id"])


def answers_for(x: Of, side: Side) -> bool:
    """Whether the seat answers for its company."""
    if side is Side.PARTNER:
        places = x.all("partner_member", user_id=x.user, partner_id=x.partner, role="ADMIN")
        return any(place["removed_at"] is None for place in places)
    return side is Side.VENDOR or owns_an_account(x, x.user, x.client)


def sees_endpoint(x: Of, side: Side, endpoint: Row) -> bool:
    own = {Side.PARTNER: ("partner_id", x.partner), Side.CLIENT: ("client_id", x.client)}.get(side)
    is_own = own is None or same(endpoint[own[0]], own[1])
    return is_own and endpoint["deleted_at"] is None and answers_for(x, side)


def endpoint_twin(side: Side) -> Twin:
    return lambda x: sees_endpoint(x, side, x.t)


def delivery_twin(side: Side) -> Twin:
    return lambda x: (
        sees_endpoint(x, side, _row(x, "webhook_endpoint", x.t["endpoint_id"]))
        and (side is not Side.VENDOR or is_no_side_s_alone(x))
    )


def is_no_side_s_alone(x: Of) -> bool:
    return not _row(x, "event", x.t["event_id"])["visible_to"].endswith("_ALONE")


VISIBLE: Final[Mapping[tuple[str, Side], Twin]] = {
    **{("WebhookEndpoint", side): endpoint_twin(side) for side in Side},
    **{("WebhookDelivery", side): delivery_twin(side) for side in Side},
    **{("Project", side): project_twin(side) for side in Side},
    **{("ActionItem", side): in_project_twin(side) for side in Side},
    **{("ProjectMember", side): in_project_twin(side, "removed_at") for side in Side},
    **{("ProjectFile", side): in_project_twin(side, "deleted_at") for side in Side},
    ("Partner", Side.PARTNER): partner_sees_partner,
    ("Partner", Side.CLIENT): client_sees_partner,
    ("PartnerMember", Side.VENDOR): lambda x: x.t["removed_at"] is None,
    ("PartnerMember", Side.PARTNER): lambda x: same(x.t["partner_id"], x.partner) and x.t["removed_at"] is None,
    ("Client", Side.PARTNER): partner_sees_client,
    ("Client", Side.CLIENT): lambda x: same(x.t["id"], x.client),
    ("Account", Side.PARTNER): partner_sees_account,
    ("Account", Side.CLIENT): lambda x: x.t["id"] in x.my_accounts,
    ("StaffMember", Side.VENDOR): lambda x: x.t["removed_at"] is None,
    ("StaffMember", Side.PARTNER): partner_sees_staff,
    ("StaffMember", Side.CLIENT): lambda x: x.t["removed_at"] is None and x.t["account_id"] in x.my_accounts,
    ("Contact", Side.PARTNER): partner_sees_contact,
    ("Contact", Side.CLIENT): client_sees_contact,
    ("Partnership", Side.PARTNER): lambda x: same(x.t["partner_id"], x.partner) and reads_for_the_company(x),
    ("Partnership", Side.CLIENT): lambda x: same(x.t["client_id"], x.client),
    ("AssignedContact", Side.VENDOR): lambda x: is_lent(x.t, x),
    ("AssignedContact", Side.PARTNER): lambda x: (
        same(_partnership_of(x)["partner_id"], x.partner) and is_lent_or_drafted(x, Side.PARTNER)
    ),
    ("AssignedContact", Side.CLIENT): lambda x: (
        same(_partnership_of(x)["client_id"], x.client) and is_lent_or_drafted(x, Side.CLIENT)
    ),
    ("PartnershipManager", Side.PARTNER): lambda x: (
        same(_partnership_of(x)["partner_id"], x.partner) and manages_for(x, Side.PARTNER)
    ),
    ("PartnershipManager", Side.CLIENT): lambda x: (
        same(_partnership_of(x)["client_id"], x.client) and manages_for(x, Side.CLIENT)
    ),
    ("Proposal", Side.VENDOR): lambda x: x.t["proposed_at"] is not None,
    ("Proposal", Side.PARTNER): partner_sees_proposal,
    ("Proposal", Side.CLIENT): client_sees_proposal,
    ("ProposalItem", Side.VENDOR): sees_item(lambda x: x.t["proposed_at"] is not None),
    ("ProposalItem", Side.PARTNER): sees_item(partner_sees_proposal),
    ("ProposalItem", Side.CLIENT): sees_item(client_sees_proposal),
    ("AccessGrant", Side.PARTNER): lambda x: same(x.t["partner_id"], x.partner),
    ("AccessGrant", Side.CLIENT): lambda x: x.t["account_id"] in x.my_accounts,
    ("Event", Side.VENDOR): lambda x: not x.t["visible_to"].endswith("_ALONE"),
    ("Event", Side.PARTNER): partner_sees_event,
    ("Event", Side.CLIENT): client_sees_event,
    ("User", Side.PARTNER): partner_sees_user,
    ("User", Side.CLIENT): client_sees_user,
    ("Notice", Side.VENDOR): lambda x: x.seat is not None and x.t["seat_id"] == x.seat.id,
    ("Seat", Side.VENDOR): lambda x: same(x.t["user_id"], x.user) and x.t["ended_at"] is None,
    ("Session", Side.VENDOR): lambda x: (
        same(x.t["user_id"], x.user) and x.t["ended_at"] is None and not is_over(x.t, x.now)
    ),
}

# ── what fields are ──


def licences_used(x: Of) -> int:
    members = [m for m in x.all("partner_member", partner_id=x.t["id"]) if m["removed_at"] is None]
    known = {user["email"] for member in members for user in x.all("app_user", id=member["user_id"])}
    invited = {
        invite["email"]
        for invite in x.all("proposal", partner_id=x.t["id"], kind="INVITE")
        if invite["status"] == "DRAFT" or is_pending(invite, x.now)
    }
    return len(members) + len(invited - known)


def _of_user(x: Of, table: str) -> list[Row]:
    """The places that a user has: of staff, of a member, on a project."""
    return [place for place in x.all(table, user_id=x.t["id"]) if place["removed_at"] is None]


def email_for_partner(x: Of) -> str | None:
    """To colleagues, to those who have access to one of the user's accounts, and to those on one of its projects."""
    staffed = {place["account_id"] for place in _of_user(x, "staff_member")}
    on = _of_user(x, "project_member")
    grants = (grant for grant in x.all("access_grant", partner_id=x.partner) if is_open(grant, x.now))
    opened = {grant["account_id"] for grant in grants}
    mine = my_places(x)
    my_projects, their_accounts = ({place[column] for place in mine} for column in ("project_id", "account_id"))
    companies = {place["partner_id"] for place in _of_user(x, "partner_member")}
    let_in = {
        g["account_id"] for company in companies for g in x.all("access_grant", partner_id=company) if is_open(g, x.now)
    }
    shares = (
        opened & (staffed | {place["account_id"] for place in on}),
        my_projects & {place["project_id"] for place in on},
        their_accounts & (staffed | let_in),
    )
    return x.t["email"] if partner_sees_user(x) or any(shares) else None


def email_for_client(x: Of) -> str | None:
    """To colleagues, to the staff of accounts that the user's company has access to, and of those with its projects."""
    companies = {place["partner_id"] for place in _of_user(x, "partner_member")}
    grants = (grant for grant in x.rows["access_grant"] if grant["status"] != "DISCONNECTED")
    connected = {grant["account_id"] for grant in grants if grant["partner_id"] in companies}
    shares = x.my_accounts & (connected | {place["account_id"] for place in _of_user(x, "project_member")})
    return x.t["email"] if client_sees_user(x) or shares else None


def label(x: Of) -> str:
    status = x.t["status"]
    if status == "OFFERED":
        return "EXPIRED" if is_over(x.t, x.now) else "OPEN"
    return "MODIFIED" if status == "ACTIVE" and pending_modifications(x) else str(status)


def pending_modifications(x: Of) -> int:
    modifications = x.all("proposal", partnership_id=x.t["id"], kind="MODIFICATION")
    return sum(is_pending(modification, x.now) for modification in modifications)


def modifications_for_me(x: Of) -> int:
    mine = (
        m
        for m in x.all("proposal", kind="MODIFICATION")
        if same(m["to_partner_id"], x.partner) or same(m["to_client_id"], x.client)
    )
    return sum(is_pending(modification, x.now) for modification in mine)


def owns_an_account(x: Of, user_id: str | None, client_id: str | None) -> bool:
    places = x.all("staff_member", user_id=user_id, role="ACCOUNT_OWNER")
    held = (_row(x, "account", place["account_id"]) for place in places if place["removed_at"] is None)
    return any(same(account["client_id"], client_id) for account in held)


def waits_for_client(x: Of) -> bool:
    is_asked = same(x.t["to_client_id"], x.client)
    may_answer = {
        "PARTNERSHIP_OFFER": owns_an_account(x, x.user, x.client),
        "ACCESS_REQUEST": owns(x, x.user, x.t["account_id"]),
    }
    waits = (is_asked and may_answer.get(x.t["kind"], True)) or same(x.t["approver_id"], x.user)
    return waits and is_pending(x.t, x.now)


def owns(x: Of, user_id: str | None, account_id: str | None) -> bool:
    places = x.all("staff_member", user_id=user_id, account_id=account_id, role="ACCOUNT_OWNER")
    return any(place["removed_at"] is None for place in places)


def requests_for_me(x: Of) -> int:
    requests = (p for p in x.all("proposal", to_client_id=x.client, kind="ACCESS_REQUEST") if is_pending(p, x.now))
    return sum(owns(x, x.user, request["account_id"]) for request in requests)


def sees_its_project(x: Of, proposal: Row) -> bool:
    """Whether the seat `t` sees what is asked about."""
    names = ("user_id", "partner_id", "client_id")
    own = replace(x.seat, **{name: x.t[name] for name in names}) if x.seat else None
    return is_in_project(replace(x, seat=own, t=proposal), Side(x.t["side"]))


def waiting_for_seat(x: Of) -> int:
    """How many wait for a seat, which need not be the one that reads."""
    is_owner = owns_an_account(x, x.t["user_id"], x.t["client_id"])
    asked = (
        same(proposal["to_partner_id"], x.t["partner_id"])
        or (
            same(proposal["to_client_id"], x.t["client_id"])
            and (is_owner or proposal["kind"] != "PARTNERSHIP_OFFER")
            and (proposal["kind"] != "ACCESS_REQUEST" or owns(x, x.t["user_id"], proposal["account_id"]))
        )
        or (same(proposal["approver_id"], x.t["user_id"]) and sees_its_project(x, proposal))
        for proposal in x.rows["proposal"]
        if is_pending(proposal, x.now)
    )
    return sum(asked)


def unread_notices(x: Of, seat_id: str | None) -> int:
    return sum(notice["read_at"] is None for notice in x.all("notice", seat_id=seat_id))


def due_at(x: Of) -> dt.datetime | None:
    proposal = x.rows.row("proposal", x.t["proposal_id"])
    asks = proposal is not None and proposal["status"] == "PENDING" and x.t["urgency"] == "ACTION"
    return proposal["expires_at"] if proposal and asks else None


def seat_name(x: Of) -> str:
    company = x.rows.row("partner", x.t["partner_id"]) or x.rows.row("client", x.t["client_id"])
    return str(company["name"]) if company else settings.load().vendor_name


def holds(column: str) -> Twin:
    """Whether what is searched for stands anywhere in a key, however it is written."""
    return lambda x: text_key(x.value) in x.t[column]


def of_partnership(column: str) -> Twin:
    return lambda x: same(x.t[column], x.p)


def asked_for(x: Of) -> bool:
    return x.any("proposal_item", proposal_id=x.p, kind="ADD_ACCOUNT", account_id=x.t["id"])


def contact_label(x: Of) -> str:
    """By whoever reads: what its own draft would do, and what either side has submitted."""
    if x.t["assigned_at"] is None:
        return "TO_BE_ADDED" if _row(x, "proposal", x.t["proposal_id"])["status"] == "DRAFT" else "OFFERED"
    releases = x.all("proposal_item", kind="RELEASE_CONTACT", contact_id=x.t["contact_id"])
    by = [_row(x, "proposal", item["proposal_id"]) for item in releases]
    here = [m for m in by if m["kind"] == "MODIFICATION" and m["partnership_id"] == x.t["partnership_id"]]
    if any(is_pending(m, x.now) for m in here):
        return "RELEASED"
    is_drafted = any(m["status"] == "DRAFT" and x.seat and m["proposed_by_side"] == x.seat.side for m in here)
    return "TO_BE_RELEASED" if is_drafted else "ASSIGNED"


def is_offerable(x: Of) -> bool:
    """Whoever is neither lent nor offered nor in the draft, which is one's own side's as the contact is."""
    lent = list(x.all("assigned_contact", partnership_id=x.p, contact_id=x.t["id"]))
    drafted = [row for row in lent if _row(x, "proposal", row["proposal_id"])["status"] == "DRAFT"]
    is_taken = any(is_lent(row, x) for row in lent) or any(row["released_at"] is None for row in drafted)
    return _row(x, "partnership", x.p)["status"] == "ACTIVE" and x.t["erased_at"] is None and not is_taken


def is_connected(x: Of) -> bool:
    grants = x.all("access_grant", partnership_id=x.p, account_id=x.t["id"])
    return any(grant["status"] != "DISCONNECTED" for grant in grants)


def consequences(x: Of) -> str:
    """What an end would undo, each by its ids."""
    grants, lent, asked, brought = (
        list(x.all(table, partnership_id=x.t["id"]))
        for table in ("access_grant", "assigned_contact", "proposal", "project_partner")
    )
    undone = (
        [grant for grant in grants if grant["status"] != "DISCONNECTED"],
        [grant for grant in grants if earns(replace(x, t=grant))],
        [row for row in lent if row["assigned_at"] is not None and row["released_at"] is None],
        [proposal for proposal in asked if is_pending(proposal, x.now)],
        [engagement for engagement in brought if engagement["removed_at"] is None],
    )
    ids = (",".join(sorted(row["id"] for row in rows)) for rows in undone)
    return ".".join([x.t["id"], str(x.t["version"]), *ids])


def my_role(x: Of) -> str | None:
    """The place that the seat has in an account of its own client."""
    places = x.all("staff_member", account_id=x.t["id"], user_id=x.user)
    found = [place["role"] for place in places if place["removed_at"] is None and same(x.t["client_id"], x.client)]
    return found[0] if found else None


def open_grants(x: Of) -> int:
    grants = x.all("access_grant", account_id=x.t["id"], partner_id=x.partner)
    return sum(is_open(grant, x.now) for grant in grants)


def usage(x: Of) -> str:
    last = x.t["last_job_at"]
    return "ACTIVE" if last is not None and last > x.now - dt.timedelta(days=7) else "INACTIVE"


def _connections_of(x: Of, **columns: object) -> list[Row]:
    return [grant for grant in x.all("access_grant", **columns) if grant["status"] != "DISCONNECTED"]


def _account_of(x: Of) -> Row:
    return _row(x, "account", x.t["account_id"])


def share_reason(x: Of) -> str:
    """Who was there first, then whether there is anything agreed, then whether it is time."""
    if x.t["status"] == "DISCONNECTED":
        return "DISCONNECTED"
    activated_at = _account_of(x)["activated_at"]
    if activated_at is not None and not x.t["is_earliest"]:
        return "CONNECTED_TOO_LATE" if x.t["connected_at"] > activated_at else "ANOTHER_PARTNER_FIRST"
    if _row(x, "partner", x.t["partner_id"])["revenue_share_ppm"] is None:
        return "NO_SHARE_AGREED"
    return "WAITING_FOR_JOBS" if activated_at is None else "ELIGIBLE"


def earns(x: Of) -> bool:
    return share_reason(x) == "ELIGIBLE"


def opened_last(x: Of) -> dt.datetime:
    """When the partner has opened an account, or was connected to it; when its person came to a project there."""
    moment: dt.datetime
    connections = _connections_of(x, account_id=x.t["id"], partner_id=x.partner)
    if connections:
        [grant] = connections
        moment = grant["last_opened_at"] or grant["connected_at"]
    else:
        moment = min(place["added_at"] for place in my_places(x, account_id=x.t["id"]))
    return moment


# ── what waits in projects ──


def tally_of(x: Of, project_id: str, column: str) -> int:
    """What is counted for the seat's person in a project; nothing where there is no row."""
    return sum(tally[column] for tally in x.all("project_tally", project_id=project_id, user_id=x.user))


def waits_in_project(x: Of, project: Row, what: str) -> int:
    if what == "pending_approvals":
        asked = x.all("proposal", project_id=project["id"], approver_id=x.user)
        return sum(is_pending(proposal, x.now) for proposal in asked)
    if what == "unread_messages":
        return int(project["messages"]) - tally_of(x, project["id"], "messages_read")
    return tally_of(x, project["id"], what)


def in_project(what: str) -> Twin:
    return lambda x: waits_in_project(x, x.t, what)


def in_projects(what: str, side: Side, *, everywhere: bool) -> Twin:
    """The same of an account's projects, or of all: those that the seat sees.

    Of the vendor's staff, who see all, unread messages count in those in which they take part.
    """

    def count(x: Of) -> int:
        found = x.rows["project"] if everywhere else x.all("project", account_id=x.t["id"])
        seen = [project for project in found if sees_project(x, side, project)]
        if side is Side.VENDOR and what == "unread_messages":
            seen = [project for project in seen if x.any("project_tally", project_id=project["id"], user_id=x.user)]
        return sum(waits_in_project(x, project, what) for project in seen)

    return count


def unread_of_conversation(x: Of) -> int:
    readings = x.all("conversation_reading", conversation_id=x.t["id"], user_id=x.user)
    return int(x.t["last_seq"]) - sum(int(reading["read_seq"]) for reading in readings)


def requests_of_account(x: Of) -> int:
    """The requests to be let into an account, to those who own it."""
    if not (same(x.t["client_id"], x.client) and owns(x, x.user, x.t["id"])):
        return 0
    return sum(is_pending(p, x.now) for p in x.all("proposal", kind="ACCESS_REQUEST", account_id=x.t["id"]))


def given_ratings(x: Of) -> list[Row]:
    return [rating for rating in x.all("rating", project_id=x.t["id"]) if rating["given_at"] is not None]


def pending_ratings(x: Of) -> list[Row]:
    return [rating for rating in x.all("rating", project_id=x.t["id"]) if rating["given_at"] is None]


def is_brought_in(x: Of) -> bool:
    return any(e["removed_at"] is None for e in x.all("project_partner", project_id=x.p, partner_id=x.t["id"]))


def is_on_project(x: Of) -> bool:
    """Whether a member of a client partner is on a project."""
    member = _row(x, "partner_member", x.p)
    places = x.all("project_member", project_id=x.t["id"], user_id=member["user_id"], partner_id=member["partner_id"])
    return any(place["removed_at"] is None for place in places)


def is_client_or_account(x: Of) -> bool:
    client = _row(x, "client", _account_of(x)["client_id"])
    return text_key(x.value) in x.t["account_key"] or text_key(x.value) in client["name_key"]


_OF_SERVICE: Twin = lambda x: text_key(x.value) in [text_key(each) for each in x.t["services"]]  # noqa: E731  a row of the table under two keys


def connected_accounts(x: Of) -> int:
    return sum(grant["status"] != "DISCONNECTED" for grant in x.all("access_grant", partnership_id=x.t["id"]))


def projects_of_partnership(side: Side, statuses: Sequence[str] = tuple(ProjectStatus)) -> Twin:
    """How many projects the seat sees that the partner works on: those of its accounts, or those that it is on."""

    def count(x: Of) -> int:
        grants_of_it, brought = (
            x.all(table, partnership_id=x.t["id"]) for table in ("access_grant", "project_partner")
        )
        connected = {grant["account_id"] for grant in grants_of_it if grant["status"] != "DISCONNECTED"}
        of = {engagement["project_id"] for engagement in brought if engagement["removed_at"] is None}
        return sum(
            project["status"] in statuses and sees_project(x, side, project)
            for project in x.rows["project"]
            if project["account_id"] in connected or project["id"] in of
        )

    return count


def projects_of_grant(side: Side) -> Twin:
    def count(x: Of) -> int:
        there = x.all("project", account_id=x.t["account_id"]) if x.t["status"] != "DISCONNECTED" else []
        return sum(sees_project(x, side, project) for project in there)

    return count


def is_last(x: Of) -> bool:
    """Whether a grant is the only one that connects its partner with the client."""
    connected = x.all("access_grant", partnership_id=x.t["partnership_id"])
    return [grant["id"] for grant in connected if grant["status"] != "DISCONNECTED"] == [x.t["id"]]


def with_its_end(of_partnership: Twin, of_grant: Twin) -> Twin:
    """What a disconnection costs: of the partnership, if that ends with it."""
    return lambda x: of_partnership(replace(x, t=_partnership_of(x))) if is_last(x) else of_grant(x)


def requests_of_grant(x: Of) -> list[str]:
    return [proposal["id"] for proposal in x.all("proposal", grant_id=x.t["id"]) if is_pending(proposal, x.now)]


def pending_proposals(x: Of) -> int:
    asked = x.all("proposal", partnership_id=x.t["id"])
    return sum(p["kind"] in {"MODIFICATION", "ACCESS_REQUEST"} and is_pending(p, x.now) for p in asked)


def disconnection(x: Of) -> str:
    """What a disconnection would undo, each by its ids."""
    ended = consequences(replace(x, t=_partnership_of(x))) if is_last(x) else ""
    return ".".join([x.t["id"], *(requests_of_grant(x) or [""]), "earns" if earns(x) else "", ended])


def assigned_contacts(x: Of) -> int:
    lent = x.all("assigned_contact", partnership_id=x.t["id"])
    return sum(row["assigned_at"] is not None and row["released_at"] is None for row in lent)


def beside(template: str, of: str | None) -> str:
    """The key of an expression over what is beside a row."""
    return template if of is None else f"{template} beside {of}"


_PARTNERSHIP_STATUS: Final = ended_by_time("OFFERED")
_PROPOSAL_STATUS: Final = ended_by_time("PENDING")
_OF_PURPOSE: Final[Twin] = lambda x: x.value in x.t["purposes"]  # noqa: E731  a row of the table under two keys
_WITHIN: Final = " {within}:value{end_within}"

TWINS: Final[Mapping[str, Twin]] = {
    **{policy.VISIBLE[name][side]: twin for (name, side), twin in VISIBLE.items()},
    policy.EVERY_ROW: lambda _: True,
    policy.NO_ROW: lambda _: False,
    # whose row it is
    "{t}.id = :partner": lambda x: same(x.t["id"], x.partner),
    "{t}.partner_id = :partner": lambda x: same(x.t["partner_id"], x.partner),
    "{t}.id = :client": lambda x: same(x.t["id"], x.client),
    "{t}.id = :user": lambda x: same(x.t["id"], x.user),
    "{t}.id = :session": lambda x: x.seat is not None and x.t["id"] == x.seat.session_id,
    # statuses
    policy.PARTNERSHIP_STATUS: _PARTNERSHIP_STATUS,
    f"({policy.PARTNERSHIP_STATUS})": _PARTNERSHIP_STATUS,
    policy.PROPOSAL_STATUS: _PROPOSAL_STATUS,
    f"({policy.PROPOSAL_STATUS})": _PROPOSAL_STATUS,
    policy.GRANT_STATUS: ended_by_time("ENABLED"),
    f"({policy.GRANT_STATUS})": ended_by_time("ENABLED"),
    partnerships.LABEL: label,
    **dict.fromkeys(partnerships.CONTACT_LABEL.values(), contact_label),
    # values
    "0": lambda _: 0,
    "'PARTNER'": lambda _: "PARTNER",
    projects.PROGRESS: lambda x: 100 * x.t["items_done"] // x.t["items"] if x.t["items"] else 0,
    projects.SCORES: lambda x: sum(rating["score"] for rating in given_ratings(x)) or None,
    projects.RESPONSES: lambda x: len(given_ratings(x)),
    projects.RATINGS_PENDING: lambda x: len(pending_ratings(x)),
    projects.IS_CLOSED: lambda x: _account_of(x)["status"] == "CANCELLED",
    projects.OWNS: lambda x: owns(x, x.user, x.t["account_id"]),
    projects.HAS_TO_RATE: lambda x: any(same(each["requested_from_id"], x.user) for each in pending_ratings(x)),
    projects.READ_OF_CONVERSATION: unread_of_conversation,
    **{
        beside(str(source.sql), str(source.beside.of) if source.beside else None): in_project(what)
        for what, source in projects.IN_PROJECT.items()
    },
    **{
        beside(str(source.sql), sources.for_side(source.beside.of, side)): in_projects(
            what, side, everywhere=everywhere
        )
        for everywhere, counts in ((False, projects.IN_ACCOUNT), (True, projects.IN_ALL))
        for what, source in counts.items()
        if source.beside is not None
        for side in Side
    },
    projects.REQUESTS_OF_ACCOUNT: requests_of_account,
    law.CONSEQUENCES: consequences,
    grant_law.CONSEQUENCES: disconnection,
    grant_law.IS_LAST: is_last,
    grants.CONTACTS_RELEASED: with_its_end(assigned_contacts, lambda _: 0),
    grants.REQUESTS_CANCELLED: with_its_end(pending_proposals, lambda x: len(requests_of_grant(x))),
    grants.CREDITS_LOST: lambda x: int(x.t["status"] != "DISCONNECTED"),
    grants.OWNS: lambda x: owns(x, x.user, x.t["account_id"]),
    grants.IS_REQUESTED: lambda x: requests_of_grant(x) != [],
    proposals.ASKED_OF_ME: lambda x: same(x.t["approver_id"], x.user),
    proposals.MAY_ANSWER: lambda x: x.t["kind"] != "ACCESS_REQUEST" or owns(x, x.user, x.t["account_id"]),
    viewer.ACCESS_REQUESTS[Side.CLIENT]: requests_for_me,
    partnerships.PENDING_PROPOSALS: pending_proposals,
    partnerships.PENDING_MODIFICATIONS: pending_modifications,
    viewer.PENDING_MODIFICATIONS[Side.PARTNER]: modifications_for_me,
    viewer.PENDING_MODIFICATIONS[Side.CLIENT]: modifications_for_me,
    people.LICENCES_USED: licences_used,
    f"{{t}}.licences - ({people.LICENCES_USED})": lambda x: x.t["licences"] - licences_used(x),
    people.EMAIL_FOR_PARTNER: email_for_partner,
    people.EMAIL_FOR_CLIENT: email_for_client,
    partnerships.ASSIGNED_CONTACTS: assigned_contacts,
    partnerships.CONNECTED_ACCOUNTS: connected_accounts,
    **{template: projects_of_partnership(side, ["ACTIVE"]) for side, template in partnerships.ACTIVE_PROJECTS.items()},
    **{template: projects_of_partnership(side) for side, template in partnerships.PROJECTS_LOST.items()},
    **{template: projects_of_grant(side) for side, template in grants.PROJECTS_LOST.items()},
    shares.REASON: share_reason,
    shares.EARNS: earns,
    earnings.STATUS_CREDITS: lambda x: len(_connections_of(x, partner_id=x.t["id"])),
    earnings.STOPS_WITH_PARTNERSHIP: lambda x: any(
        earns(replace(x, t=grant)) for grant in x.all("access_grant", partnership_id=x.t["id"])
    ),
    directory.NAME: lambda x: _row(x, "partner", x.t["partner_id"])["name"],
    viewer.OPENED_LAST[Side.PARTNER]: opened_last,
    viewer.OPENED_LAST[Side.CLIENT]: lambda x: x.t["last_job_at"] or x.t["created_at"],
    accounts.MY_ROLE: my_role,
    accounts.IS_OPEN: open_grants,
    accounts.MAY_VIEW_HISTORY: lambda x: my_role(x) in {"ACCOUNT_OWNER", "MANAGER"},
    accounts.USAGE: usage,
    events.HAS_DETAILS: lambda x: x.t["reason"] is not None or x.t["changes"] != [],
    viewer.SEAT_NAME: seat_name,
    notices.UNREAD: lambda x: unread_notices(x, x.t["id"]),
    notices.UNREAD_OF_VIEWER: lambda x: unread_notices(x, x.seat.id if x.seat else None),
    notices.DUE_AT: due_at,
    viewer.WAITING: waiting_for_seat,
    # lists below a row
    "{t}.partner_id = {p}": of_partnership("partner_id"),
    "{t}.client_id = {p}": of_partnership("client_id"),
    "{t}.account_id = {p}": of_partnership("account_id"),
    "{t}.partnership_id = {p}": of_partnership("partnership_id"),
    "{t}.stream = {p}": of_partnership("stream"),
    "{t}.subject = {p}": of_partnership("subject"),
    "{t}.endpoint_id = {p}": of_partnership("endpoint_id"),
    webhooks.OF_SEAT: lambda x: (x.t["partner_id"] or x.t["client_id"]) == (x.partner or x.client),
    "{t}.user_id = :user": lambda x: same(x.t["user_id"], x.user),
    proposals.ACCOUNTS: asked_for,
    proposals.CONTACTS: lambda x: x.any("assigned_contact", proposal_id=x.p, contact_id=x.t["id"]),
    "{t}.proposal_id = {p}": of_partnership("proposal_id"),
    "{t}.counters_id = {p}": of_partnership("counters_id"),
    partnerships.DRAFT: lambda x: (
        same(x.t["partnership_id"], x.p) and x.t["kind"] == "MODIFICATION" and x.t["status"] == "DRAFT"
    ),
    partnerships.PENDING: lambda x: same(x.t["partnership_id"], x.p) and is_pending(x.t, x.now),
    partnerships.OFFERABLE: is_offerable,
    partnerships.ACCOUNTS_LOST: is_connected,
    grants.REQUEST: lambda x: same(x.t["grant_id"], x.p) and is_pending(x.t, x.now),
    grants.ACCOUNT_LOST: lambda x: any(
        grant["account_id"] == x.t["id"] and grant["status"] != "DISCONNECTED"
        for grant in x.all("access_grant", id=x.p)
    ),
    "{t}.project_id = {p}": of_partnership("project_id"),
    "{t}.project_id = {p} and {t}.kind = 'INVITE'": lambda x: same(x.t["project_id"], x.p) and x.t["kind"] == "INVITE",
    "{t}.conversation_id = {p}": of_partnership("conversation_id"),
    projects.PARTNERS: is_brought_in,
    people.PROJECTS_OF_MEMBER: is_on_project,
    # which of a list
    "{t}.kind = 'PROJECT_APPROVAL'": lambda x: x.t["kind"] == "PROJECT_APPROVAL",
    partnerships.OWN_CONTACTS[Side.CLIENT]: lambda x: same(x.t["client_id"], x.client),
    "{t}.kind = 'MODIFICATION'": lambda x: x.t["kind"] == "MODIFICATION",
    "{t}.status <> 'DISCONNECTED'": lambda x: x.t["status"] != "DISCONNECTED",
    "{t}.kind = 'PARTNERSHIP_OFFER'": lambda x: x.t["kind"] == "PARTNERSHIP_OFFER",
    "{t}.kind = 'ACCESS_REQUEST'": lambda x: x.t["kind"] == "ACCESS_REQUEST",
    policy.PROPOSAL_IS_PENDING: lambda x: is_pending(x.t, x.now),
    "{t}.kind = 'INVITE'": lambda x: x.t["kind"] == "INVITE",
    partnerships.NOT_HIDDEN[Side.PARTNER]: lambda x: not x.t["hidden_by_partner"],
    partnerships.NOT_HIDDEN[Side.CLIENT]: lambda x: not x.t["hidden_by_client"],
    proposals.WAITING[Side.PARTNER]: lambda x: (
        (same(x.t["to_partner_id"], x.partner) or same(x.t["approver_id"], x.user)) and is_pending(x.t, x.now)
    ),
    proposals.WAITING[Side.VENDOR]: lambda x: same(x.t["approver_id"], x.user) and is_pending(x.t, x.now),
    proposals.WAITING[Side.CLIENT]: waits_for_client,
    # filters
    projects.OF_ACCOUNT: lambda x: x.t["account_id"] == x.value,
    notices.IS_UNREAD: lambda x: (x.t["read_at"] is None) is x.value,
    "{t}.urgency = :value": lambda x: x.t["urgency"] == x.value,
    "{t}.kind = :value": lambda x: x.t["kind"] == x.value,
    "{t}.side = :value": lambda x: x.t["side"] == x.value,
    "{t}.status" + _WITHIN: lambda x: x.t["status"] in x.value,
    "{t}.kind" + _WITHIN: lambda x: x.t["kind"] in x.value,
    "{t}.topic" + _WITHIN: lambda x: x.t["topic"] in x.value,
    policy.PARTNERSHIP_STATUS + _WITHIN: lambda x: _PARTNERSHIP_STATUS(x) in x.value,
    policy.GRANT_STATUS + _WITHIN: lambda x: ended_by_time("ENABLED")(x) in x.value,
    viewer.SEARCH_GRANTS: is_client_or_account,
    viewer.USAGE_OF_GRANT + " = :value": lambda x: usage(replace(x, t=_account_of(x))) == x.value,
    "{t}.country = :value": lambda x: x.t["country"] == x.value.strip().upper(),
    "{t}.region_key = :value": lambda x: text_key(x.t["region"]) == text_key(x.value),
    directory.OF_SERVICE.sql[Dialect.POSTGRES]: _OF_SERVICE,  # type: ignore[index]  # a mapping by dialect
    directory.OF_SERVICE.sql[Dialect.SQLITE]: _OF_SERVICE,  # type: ignore[index]  # as above
    policy.PROPOSAL_STATUS + _WITHIN: lambda x: _PROPOSAL_STATUS(x) in x.value,
    partnerships.LABEL + _WITHIN: lambda x: label(x) in x.value,
    **dict.fromkeys(partnerships.OF_CONTACT_LABEL.values(), lambda x: contact_label(x) in x.value),
    people.OF_PURPOSE.sql[Dialect.POSTGRES]: _OF_PURPOSE,  # type: ignore[index]  # a mapping by dialect
    people.OF_PURPOSE.sql[Dialect.SQLITE]: _OF_PURPOSE,  # type: ignore[index]  # as above
    "{t}.name_key like :value escape '\\'": holds("name_key"),
    partnerships.SEARCH[Side.PARTNER]: holds("client_key"),
    partnerships.SEARCH[Side.CLIENT]: holds("partner_key"),
    partnerships.SEARCH[Side.VENDOR]: lambda x: holds("client_key")(x) or holds("partner_key")(x),
}

_BARE_COLUMN: Final = re.compile(r"\{t\}\.(\w+)")


def of(template: str) -> Twin:
    """The twin of a template; LookupError where it has none."""
    if bare := _BARE_COLUMN.fullmatch(template):
        column = bare[1]
        return lambda x: x.t[column]
    return TWINS[template]


def has(template: str) -> bool:
    """Whether a template has a twin."""
    return template in TWINS or _BARE_COLUMN.fullmatch(template) is not None


# ── fields that are Python functions ──


def invite(x: Of, *, token: str) -> Row | None:
    """What the link of an invite is about."""
    link = _link(x, LinkPurpose.INVITE, token)
    if link is None:
        return None
    about = _row(x, "proposal", link["proposal_id"])
    sender = x.rows.row("partner", about["from_partner_id"]) or x.rows.row("client", about["from_client_id"])
    return {
        "kind": about["invite_kind"],
        "status": _invite_status(about, link, x.now),
        "email": link["email"],
        "from_": sender["name"] if sender else settings.load().vendor_name,
        "to": _recipient(x, about),
        "title": _title(x, about),
        "expires_at": link["expires_at"],
        "needs_password": not x.any("app_user", email=link["email"]),
        "challenge": tokens.challenge(Link(**link), x.now),
    }


def _invite_status(about: Row, link: Row, now: dt.datetime) -> str:
    if about["status"] != "PENDING":
        return str(about["status"])
    if is_over(link, now):
        return "EXPIRED"
    return "SUPERSEDED" if link["replaced_at"] else "PENDING"


def _recipient(x: Of, about: Row) -> str:
    company = x.rows.row("partner", about["partner_id"])
    account = x.rows.row("account", about["account_id"])
    if account and not company:
        company = x.rows.row("client", account["client_id"])
    return str(company["name"] if company else about["client_name"] or about["email"])


def _title(x: Of, about: Row) -> str:
    if about["invite_kind"] == "PARTNERSHIP":
        return str(_partnership_of(Of(x.rows, x.seat, x.now, about))["title"])
    if about["invite_kind"] == "ACCOUNT_OWNER":
        return f"Account owner of {_row(x, 'account', about['account_id'])['name']}"
    if about["invite_kind"] == "STAFF":
        part = {"ACCOUNT_OWNER": "Account owner", "MANAGER": "Manager", "STAFF": "Staff"}[about["role"]]
        return f"{part} of {_row(x, 'account', about['account_id'])['name']}"
    if about["invite_kind"] == "PARTNER_MEMBER":
        return f"Member of {_recipient(x, about)}"
    if about["invite_kind"] == "PROJECT":
        return f"Work on {_row(x, 'project', about['project_id'])['name']}"
    return f"Partner admin of {_recipient(x, about)}"


def sign_in_link(x: Of, *, token: str) -> Row | None:
    """Whom an open sign-in link signs in."""
    link = _link(x, LinkPurpose.SIGN_IN, token)
    if link is None or link["used_at"] or link["replaced_at"] or is_over(link, x.now):
        return None
    challenge = tokens.challenge(Link(**link), x.now)
    return {"email": link["email"], "expires_at": link["expires_at"], "challenge": challenge}


def _link(x: Of, purpose: LinkPurpose, token: str) -> Row | None:
    return next(iter(x.all("link", purpose=purpose, token_hash=tokens.digest(token))), None)


def vendor(x: Of) -> Row:
    chosen = settings.load()
    return {
        "name": chosen.vendor_name,
        "support_address": chosen.support_address,
        "locales": ["en"],
        "portal_url": chosen.portal_url,
    }


def topics(x: Of) -> list[Row]:
    return [{"name": n, "description": t.description, "mutable": t.mutable} for n, t in moves.TOPICS.items()]


def file_links(x: Of, *, file_ids: Sequence[str]) -> list[Row | None]:
    """Where those of the files that the seat sees, and that arrived whole, can be had."""
    return [_file_link(x, x.rows.row("project_file", file_id)) for file_id in file_ids]


def _file_link(x: Of, file: Row | None) -> Row | None:
    if file is None or x.seat is None or file["status"] != "READY":
        return None
    if not VISIBLE["ProjectFile", x.seat.side](replace(x, t=file)):
        return None
    # Which files, not how an address is signed, is what the twin says again.
    link = files._link(files.Way.DOWN, file["id"], x.seat.session_id, x.now + files.LINK_OPEN)
    return {"url": link.url, "expires_at": link.expires_at}


FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "Query.fileLinks": file_links,
    "Query.invite": invite,
    "Query.signInLink": sign_in_link,
    "Query.topics": topics,
    "Query.vendor": vendor,
}
