"""TABLE: what each SQL template of the declarations means, in Python. Keyed by the template; each must have its twin.

A twin is told the row (`t`), the id of the row above (`p`), the argument (`value`), who reads, when, and every row.
NULL is nobody's equal: `same` compares as SQL does. A template that is one bare column needs no twin.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import settings
from domain import moves, policy, tokens
from domain.seats import Seat
from models.base import text_key
from models.enums import LinkPurpose, Side
from models.link import Link
from models.sql import Dialect
from resolvers import events, partnerships, people, proposals, viewer

Row = Mapping[str, Any]


class Rows:
    """Every row of a database, by table."""

    def __init__(self, tables: Mapping[str, Sequence[Row]]) -> None:
        self._tables = tables
        self._by_id = {name: {row["id"]: row for row in rows} for name, rows in tables.items()}

    def __getitem__(self, table: str) -> Sequence[Row]:
        return self._tables[table]

    def row(self, table: str, row_id: object) -> Row | None:
        """The row of an id, if there is one."""
        return self._by_id[table].get(row_id)


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
        return (row for row in self.rows[table] if all(same(row[name], value) for name, value in columns.items()))

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


def is_pending(row: Row, now: dt.datetime) -> bool:
    return row["status"] == "PENDING" and not is_over(row, now)


# ── who sees which row ──


def is_lent(row: Row, x: Of) -> bool:
    if row["released_at"] is not None:
        return False
    proposal = x.rows.row("proposal", row["proposal_id"])
    return row["assigned_at"] is not None or (proposal is not None and is_pending(proposal, x.now))


def partner_sees_client(x: Of, client_id: str | None, *statuses: str) -> bool:
    return any(p["status"] in statuses for p in x.all("partnership", partner_id=x.partner, client_id=client_id))


def client_sees_partner(x: Of) -> bool:
    return x.any("partnership", client_id=x.client, partner_id=x.t["id"])


def partner_sees_account(x: Of) -> bool:
    grants = x.all("access_grant", partner_id=x.partner, account_id=x.t["id"])
    return any(grant["status"] != "DISCONNECTED" for grant in grants)


def partner_sees_staff(x: Of) -> bool:
    grants = x.all("access_grant", partner_id=x.partner, account_id=x.t["account_id"], status="ENABLED")
    return x.t["removed_at"] is None and any(not is_over(grant, x.now) for grant in grants)


def client_sees_contact(x: Of) -> bool:
    if same(x.t["client_id"], x.client):
        return True
    lent = (row for row in x.all("assigned_contact", contact_id=x.t["id"]) if is_lent(row, x))
    return any(same(_row(x, "partnership", row["partnership_id"])["client_id"], x.client) for row in lent)


def partner_sees_proposal(x: Of) -> bool:
    if same(x.t["from_partner_id"], x.partner):
        return True
    is_ours = same(x.t["to_partner_id"], x.partner) or same(x.t["partner_id"], x.partner)
    return is_ours and x.t["status"] != "DRAFT"


def client_sees_proposal(x: Of) -> bool:
    if same(x.t["from_client_id"], x.client):
        return True
    came_by_it = x.t["kind"] == "INVITE" and same(x.t["decided_by_id"], x.user)
    is_ours = same(x.t["to_client_id"], x.client) or came_by_it or x.t["account_id"] in x.my_accounts
    return is_ours and x.t["status"] != "DRAFT"


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


VISIBLE: Final[Mapping[tuple[str, Side], Twin]] = {
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
    ("AssignedContact", Side.PARTNER): lambda x: same(_partnership_of(x)["partner_id"], x.partner) and is_lent(x.t, x),
    ("AssignedContact", Side.CLIENT): lambda x: same(_partnership_of(x)["client_id"], x.client) and is_lent(x.t, x),
    ("Proposal", Side.VENDOR): lambda x: x.t["status"] != "DRAFT",
    ("Proposal", Side.PARTNER): partner_sees_proposal,
    ("Proposal", Side.CLIENT): client_sees_proposal,
    ("AccessGrant", Side.PARTNER): lambda x: same(x.t["partner_id"], x.partner),
    ("AccessGrant", Side.CLIENT): lambda x: x.t["account_id"] in x.my_accounts,
    ("Event", Side.PARTNER): lambda x: same(x.t["partner_id"], x.partner) and x.t["visible_to"] in {"BOTH", "PARTNER"},
    ("Event", Side.CLIENT): lambda x: same(x.t["client_id"], x.client) and x.t["visible_to"] in {"BOTH", "CLIENT"},
    ("User", Side.PARTNER): partner_sees_user,
    ("User", Side.CLIENT): client_sees_user,
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
    grants = (grant for grant in x.all("access_grant", partner_id=x.partner) if grant["status"] != "DISCONNECTED")
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
    modifications = x.all("proposal", partnership_id=x.t["id"], kind="MODIFICATION")
    if status == "ACTIVE" and any(is_pending(m, x.now) for m in modifications):
        return "MODIFIED"
    return str(status)


def owns_an_account(x: Of, user_id: str | None, client_id: str | None) -> bool:
    places = x.all("staff_member", user_id=user_id, role="ACCOUNT_OWNER")
    held = (_row(x, "account", place["account_id"]) for place in places if place["removed_at"] is None)
    return any(same(account["client_id"], client_id) for account in held)


def waits_for_client(x: Of) -> bool:
    is_asked = same(x.t["to_client_id"], x.client) and is_pending(x.t, x.now)
    return is_asked and (x.t["kind"] != "PARTNERSHIP_OFFER" or owns_an_account(x, x.user, x.client))


def waiting_for_seat(x: Of) -> int:
    """How many wait for a seat, which need not be the one that reads."""
    owner = owns_an_account(x, x.t["user_id"], x.t["client_id"])
    asked = (
        same(proposal["to_partner_id"], x.t["partner_id"])
        or (same(proposal["to_client_id"], x.t["client_id"]) and owner)
        for proposal in x.rows["proposal"]
        if is_pending(proposal, x.now)
    )
    return sum(asked)


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
    return "OFFERED" if x.t["assigned_at"] is None else "ASSIGNED"


def connected_accounts(x: Of) -> int:
    return sum(grant["status"] != "DISCONNECTED" for grant in x.all("access_grant", partnership_id=x.t["id"]))


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
    policy.PROPOSAL_STATUS: _PROPOSAL_STATUS,
    f"({policy.PROPOSAL_STATUS})": _PROPOSAL_STATUS,
    policy.GRANT_STATUS: ended_by_time("ENABLED"),
    partnerships.LABEL: label,
    partnerships.CONTACT_LABEL: contact_label,
    # values
    people.LICENCES_USED: licences_used,
    f"{{t}}.licences - ({people.LICENCES_USED})": lambda x: x.t["licences"] - licences_used(x),
    people.EMAIL_FOR_PARTNER: email_for_partner,
    people.EMAIL_FOR_CLIENT: email_for_client,
    partnerships.ASSIGNED_CONTACTS: assigned_contacts,
    partnerships.CONNECTED_ACCOUNTS: connected_accounts,
    events.HAS_DETAILS: lambda x: x.t["reason"] is not None or x.t["changes"] != [],
    viewer.SEAT_NAME: seat_name,
    viewer.WAITING: waiting_for_seat,
    # lists below a row
    "{t}.partner_id = {p}": of_partnership("partner_id"),
    "{t}.client_id = {p}": of_partnership("client_id"),
    "{t}.account_id = {p}": of_partnership("account_id"),
    "{t}.partnership_id = {p}": of_partnership("partnership_id"),
    "{t}.stream = {p}": of_partnership("stream"),
    "{t}.subject = {p}": of_partnership("subject"),
    "{t}.user_id = :user": lambda x: same(x.t["user_id"], x.user),
    proposals.ACCOUNTS: asked_for,
    proposals.CONTACTS: lambda x: x.any("assigned_contact", proposal_id=x.p, contact_id=x.t["id"]),
    # which of a list
    "{t}.status <> 'DISCONNECTED'": lambda x: x.t["status"] != "DISCONNECTED",
    "{t}.kind = 'PARTNERSHIP_OFFER'": lambda x: x.t["kind"] == "PARTNERSHIP_OFFER",
    "{t}.kind = 'INVITE'": lambda x: x.t["kind"] == "INVITE",
    partnerships.NOT_HIDDEN[Side.PARTNER]: lambda x: not x.t["hidden_by_partner"],
    partnerships.NOT_HIDDEN[Side.CLIENT]: lambda x: not x.t["hidden_by_client"],
    proposals.WAITING[Side.PARTNER]: lambda x: same(x.t["to_partner_id"], x.partner) and is_pending(x.t, x.now),
    proposals.WAITING[Side.CLIENT]: waits_for_client,
    # filters
    "{t}.kind = :value": lambda x: x.t["kind"] == x.value,
    "{t}.side = :value": lambda x: x.t["side"] == x.value,
    "{t}.kind" + _WITHIN: lambda x: x.t["kind"] in x.value,
    "{t}.topic" + _WITHIN: lambda x: x.t["topic"] in x.value,
    policy.PARTNERSHIP_STATUS + _WITHIN: lambda x: _PARTNERSHIP_STATUS(x) in x.value,
    policy.PROPOSAL_STATUS + _WITHIN: lambda x: _PROPOSAL_STATUS(x) in x.value,
    partnerships.LABEL + _WITHIN: lambda x: label(x) in x.value,
    partnerships.CONTACT_LABEL + _WITHIN: lambda x: contact_label(x) in x.value,
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
