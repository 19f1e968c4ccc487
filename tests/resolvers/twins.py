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
from domain import grants as grant_law
from domain import moves, policy, shares, tokens
from domain import partnerships as law
from domain.seats import Seat
from models.base import text_key
from models.enums import LinkPurpose, Side
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
    proposals,
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


def partner_sees_client(x: Of, client_id: str | None, *statuses: str) -> bool:
    return any(p["status"] in statuses for p in x.all("partnership", partner_id=x.partner, client_id=client_id))


def client_sees_partner(x: Of) -> bool:
    return x.any("partnership", client_id=x.client, partner_id=x.t["id"])


def partner_sees_account(x: Of) -> bool:
    grants = x.all("access_grant", partner_id=x.partner, account_id=x.t["id"])
    return any(grant["status"] != "DISCONNECTED" for grant in grants)


def partner_sees_staff(x: Of) -> bool:
    grants = x.all("access_grant", partner_id=x.partner, account_id=x.t["account_id"])
    return x.t["removed_at"] is None and any(is_open(grant, x.now) for grant in grants)


def client_sees_contact(x: Of) -> bool:
    if same(x.t["client_id"], x.client):
        return True
    lent = (row for row in x.all("assigned_contact", contact_id=x.t["id"]) if is_lent(row, x))
    return any(same(_row(x, "partnership", row["partnership_id"])["client_id"], x.client) for row in lent)


def partner_sees_proposal(x: Of) -> bool:
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
    ("Partner", Side.PARTNER): lambda x: same(x.t["id"], x.partner),
    ("Partner", Side.CLIENT): client_sees_partner,
    ("PartnerMember", Side.VENDOR): lambda x: x.t["removed_at"] is None,
    ("PartnerMember", Side.PARTNER): lambda x: same(x.t["partner_id"], x.partner) and x.t["removed_at"] is None,
    ("Client", Side.PARTNER): lambda x: partner_sees_client(x, x.t["id"], "ACTIVE", "ENDED"),
    ("Client", Side.CLIENT): lambda x: same(x.t["id"], x.client),
    ("Account", Side.PARTNER): partner_sees_account,
    ("Account", Side.CLIENT): lambda x: x.t["id"] in x.my_accounts,
    ("StaffMember", Side.VENDOR): lambda x: x.t["removed_at"] is None,
    ("StaffMember", Side.PARTNER): partner_sees_staff,
    ("StaffMember", Side.CLIENT): lambda x: x.t["removed_at"] is None and x.t["account_id"] in x.my_accounts,
    ("Contact", Side.PARTNER): lambda x: (
        same(x.t["partner_id"], x.partner) or partner_sees_client(x, x.t["client_id"], "ACTIVE")
    ),
    ("Contact", Side.CLIENT): client_sees_contact,
    ("Partnership", Side.PARTNER): lambda x: same(x.t["partner_id"], x.partner),
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
    ("Event", Side.PARTNER): lambda x: (
        same(x.t["partner_id"], x.partner) and x.t["visible_to"] in {"BOTH", "PARTNER", "PARTNER_ALONE"}
    ),
    ("Event", Side.CLIENT): lambda x: (
        same(x.t["client_id"], x.client) and x.t["visible_to"] in {"BOTH", "CLIENT", "CLIENT_ALONE"}
    ),
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
    invites = [
        invite
        for invite in x.all("proposal", partner_id=x.t["id"], kind="INVITE")
        if invite["invite_kind"] in {"PARTNER_ADMIN", "PARTNER_MEMBER"} and is_pending(invite, x.now)
    ]
    return len(members) + len(invites)


def email_for_partner(x: Of) -> str | None:
    """To colleagues, and to those who have access to one of the user's accounts."""
    accounts = {
        place["account_id"] for place in x.all("staff_member", user_id=x.t["id"]) if place["removed_at"] is None
    }
    grants = (grant for grant in x.all("access_grant", partner_id=x.partner) if is_open(grant, x.now))
    shares = any(grant["account_id"] in accounts for grant in grants)
    return x.t["email"] if partner_sees_user(x) or shares else None


def email_for_client(x: Of) -> str | None:
    """To colleagues, and to the staff of accounts that the user's company has access to."""
    companies = {m["partner_id"] for m in x.all("partner_member", user_id=x.t["id"]) if m["removed_at"] is None}
    grants = (grant for grant in x.rows["access_grant"] if grant["status"] != "DISCONNECTED")
    shares = any(grant["partner_id"] in companies and grant["account_id"] in x.my_accounts for grant in grants)
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
    is_asked = same(x.t["to_client_id"], x.client) and is_pending(x.t, x.now)
    may_answer = {
        "PARTNERSHIP_OFFER": owns_an_account(x, x.user, x.client),
        "ACCESS_REQUEST": owns(x, x.user, x.t["account_id"]),
    }
    return is_asked and may_answer.get(x.t["kind"], True)


def owns(x: Of, user_id: str | None, account_id: str | None) -> bool:
    places = x.all("staff_member", user_id=user_id, account_id=account_id, role="ACCOUNT_OWNER")
    return any(place["removed_at"] is None for place in places)


def requests_for_me(x: Of) -> int:
    requests = (p for p in x.all("proposal", to_client_id=x.client, kind="ACCESS_REQUEST") if is_pending(p, x.now))
    return sum(owns(x, x.user, request["account_id"]) for request in requests)


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
    grants, lent, asked = (
        list(x.all(table, partnership_id=x.t["id"])) for table in ("access_grant", "assigned_contact", "proposal")
    )
    undone = (
        [grant for grant in grants if grant["status"] != "DISCONNECTED"],
        [grant for grant in grants if earns(replace(x, t=grant))],
        [row for row in lent if row["assigned_at"] is not None and row["released_at"] is None],
        [proposal for proposal in asked if is_pending(proposal, x.now)],
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
    """When the partner has opened an account, or was connected to it."""
    [grant] = _connections_of(x, account_id=x.t["id"], partner_id=x.partner)
    moment: dt.datetime = grant["last_opened_at"] or grant["connected_at"]
    return moment


def is_client_or_account(x: Of) -> bool:
    client = _row(x, "client", _account_of(x)["client_id"])
    return text_key(x.value) in x.t["account_key"] or text_key(x.value) in client["name_key"]


_OF_SERVICE: Twin = lambda x: text_key(x.value) in [text_key(each) for each in x.t["services"]]  # noqa: E731  a row of the table under two keys


def connected_accounts(x: Of) -> int:
    return sum(grant["status"] != "DISCONNECTED" for grant in x.all("access_grant", partnership_id=x.t["id"]))


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
    law.CONSEQUENCES: consequences,
    grant_law.CONSEQUENCES: disconnection,
    grant_law.IS_LAST: is_last,
    grants.CONTACTS_RELEASED: with_its_end(assigned_contacts, lambda _: 0),
    grants.REQUESTS_CANCELLED: with_its_end(pending_proposals, lambda x: len(requests_of_grant(x))),
    grants.CREDITS_LOST: lambda x: int(x.t["status"] != "DISCONNECTED"),
    grants.OWNS: lambda x: owns(x, x.user, x.t["account_id"]),
    grants.IS_REQUESTED: lambda x: requests_of_grant(x) != [],
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
    # which of a list
    partnerships.OWN_CONTACTS[Side.CLIENT]: lambda x: same(x.t["client_id"], x.client),
    "{t}.kind = 'MODIFICATION'": lambda x: x.t["kind"] == "MODIFICATION",
    "{t}.status <> 'DISCONNECTED'": lambda x: x.t["status"] != "DISCONNECTED",
    "{t}.kind = 'PARTNERSHIP_OFFER'": lambda x: x.t["kind"] == "PARTNERSHIP_OFFER",
    "{t}.kind = 'ACCESS_REQUEST'": lambda x: x.t["kind"] == "ACCESS_REQUEST",
    policy.PROPOSAL_IS_PENDING: lambda x: is_pending(x.t, x.now),
    "{t}.kind = 'INVITE'": lambda x: x.t["kind"] == "INVITE",
    partnerships.NOT_HIDDEN[Side.PARTNER]: lambda x: not x.t["hidden_by_partner"],
    partnerships.NOT_HIDDEN[Side.CLIENT]: lambda x: not x.t["hidden_by_client"],
    proposals.WAITING[Side.PARTNER]: lambda x: same(x.t["to_partner_id"], x.partner) and is_pending(x.t, x.now),
    proposals.WAITING[Side.CLIENT]: waits_for_client,
    # filters
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


FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "Query.invite": invite,
    "Query.signInLink": sign_in_link,
    "Query.topics": topics,
    "Query.vendor": vendor,
}
