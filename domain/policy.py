"""TABLE: who may do what, and which rows exist for whom. Reads, verbs and streams use the same rows of it.

Row predicates are templates (see `models.sql`): `{t}` is the row, `:partner`, `:client`, `:user`, `:seat`, `:broker`
and `:for_company` are the seat's (see `Seat`), `:now` is the moment of the request. A row for which the predicate is
false does not exist for that seat: null, NOT_FOUND, absent from lists and counts.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum, auto
from typing import Final, TypeVar

from tortoise import Model
from tortoise.connection import get_connection

from domain import clock, errors
from domain.seats import Seat
from models import sql
from models.enums import Capability, Role, SecurityRole, Side, UserErrorCode

MODEL = TypeVar("MODEL", bound=Model)

EVERY_ROW: Final = "true"
NO_ROW: Final = "false"

# ── what time makes of a stored status: the one definition for reads, filters, counts and verbs (mission 5.1a) ──

PROPOSAL_STATUS: Final = (
    "case when {t}.status = 'PENDING' and {t}.expires_at <= :now then 'EXPIRED' else {t}.status end"
)
PROPOSAL_IS_PENDING: Final = "({t}.status = 'PENDING' and {t}.expires_at > :now)"
PARTNERSHIP_STATUS: Final = (
    "case when {t}.status = 'OFFERED' and {t}.expires_at <= :now then 'EXPIRED' else {t}.status end"
)
GRANT_STATUS: Final = "case when {t}.status = 'ENABLED' and {t}.expires_at <= :now then 'EXPIRED' else {t}.status end"
GRANT_IS_OPEN: Final = "({t}.status = 'ENABLED' and ({t}.expires_at is null or {t}.expires_at > :now))"

# ── whose places a seat has ──

# Of the seat's own client: the same person's places at another client belong to another seat.
_MY_ACCOUNTS: Final = (
    "{among}select p_.account_id from staff_member p_ join account a_ on a_.id = p_.account_id"
    " where p_.user_id = :user and p_.removed_at is null and a_.client_id = :client{end}"
)
# A client partner's person's places: on the projects that they see.
_MY_PLACES: Final = (
    "from project_member p_ where p_.user_id = :broker and p_.partner_id = :partner and p_.removed_at is null"
)
_AND_MY_ACCOUNTS: Final = f" union all select p_.account_id {_MY_PLACES}"
_CONNECTED_ACCOUNTS: Final = (
    "{among}select p_.account_id from access_grant p_"
    " where p_.partner_id = :partner and p_.status <> 'DISCONNECTED'"
    f"{_AND_MY_ACCOUNTS}{{end}}"
)
_MY_PROJECTS: Final = f"{{among}}select p_.project_id {_MY_PLACES}{{end}}"
# Who reads what concerns a partner company as a whole: of a client partner its admin alone, the others what they are
# assigned to (mission 3.3).
_FOR_THE_COMPANY: Final = ":for_company"
_OPEN: Final = "select p_.account_id from access_grant p_ where p_.partner_id = :partner and " + GRANT_IS_OPEN.replace(
    "{t}", "p_"
)
# Those that the partner may open now: what is inside shows there alone (mission, settled readings).
_OPEN_ACCOUNTS: Final = f"{{among}}{_OPEN}{{end}}"
# Those, and a client partner's people's.
_WORKED_IN: Final = f"{{among}}{_OPEN}{_AND_MY_ACCOUNTS}{{end}}"
_AND_MY_CLIENTS: Final = (
    " union all select a_.client_id from project_member p_ join account a_ on a_.id = p_.account_id"
    " where p_.user_id = :broker and p_.partner_id = :partner and p_.removed_at is null"
)
_CLIENTS_EVER: Final = (
    "{among}select p_.client_id from partnership p_"
    f" where p_.partner_id = :partner and p_.status in ('ACTIVE', 'ENDED') and {_FOR_THE_COMPANY}"
    f"{_AND_MY_CLIENTS}{{end}}"
)
# A client partner works with the client's projects, not with its contacts.
_CLIENTS_NOW: Final = (
    "{among}select p_.client_id from partnership p_"
    " where p_.partner_id = :partner and p_.status = 'ACTIVE' and p_.kind = 'DIRECT'{end}"
)
_PARTNERS_EVER: Final = "{among}select p_.partner_id from partnership p_ where p_.client_id = :client{end}"
# What is offered shows only while the question stands; what was accepted until it is released.
_IS_LENT: Final = (
    "{t}.released_at is null and ({t}.assigned_at is not null or exists (select 1 from proposal q_"
    " where q_.id = {t}.proposal_id and q_.status = 'PENDING' and q_.expires_at > :now))"
)
_LENT_TO_MY_CLIENT: Final = (
    "{among}select l_.contact_id from assigned_contact l_ join partnership p_ on p_.id = l_.partnership_id"
    " where p_.client_id = :client and " + _IS_LENT.replace("{t}", "l_") + "{end}"
)


def _is_lent_or_drafted(side: Side) -> str:
    """What a side sees of the contacts that are lent: those in its own draft besides."""
    return (
        "({t}.released_at is null and ({t}.assigned_at is not null or exists (select 1 from proposal q_"
        " where q_.id = {t}.proposal_id and (q_.status = 'PENDING' and q_.expires_at > :now"
        f" or q_.status = 'DRAFT' and q_.proposed_by_side = '{side}'))))"
    )


# What is left of a row predicate below a row that the seat sees, and that implies the rest: a partnership's contacts.
LENT_IN_A_VISIBLE_PARTNERSHIP: Final[Mapping[Side, str]] = {
    Side.VENDOR: "(" + _IS_LENT + ")",
    Side.PARTNER: _is_lent_or_drafted(Side.PARTNER),
    Side.CLIENT: _is_lent_or_drafted(Side.CLIENT),
}

_OF_MY_PARTNERSHIP: Final = {
    Side.PARTNER: "exists (select 1 from partnership p_ where p_.id = {t}.partnership_id and p_.partner_id = :partner)",
    Side.CLIENT: "exists (select 1 from partnership p_ where p_.id = {t}.partnership_id and p_.client_id = :client)",
}

_PROJECT: Final[Mapping[Side, str]] = {
    Side.VENDOR: EVERY_ROW,
    # Inside an account a partner sees what is there only while it may open it; a client partner's people see theirs.
    Side.PARTNER: f"({{t}}.account_id {_OPEN_ACCOUNTS} or {{t}}.id {_MY_PROJECTS})",
    Side.CLIENT: "{t}.account_id " + _MY_ACCOUNTS,
}
# Whoever sees a project sees what is in it.
_IN_A_PROJECT: Final[Mapping[Side, str]] = {
    side: EVERY_ROW
    if seen == EVERY_ROW
    else f"exists (select 1 from project j_ where j_.id = {{t}}.project_id and {seen.replace('{t}', 'j_')})"
    for side, seen in _PROJECT.items()
}


def _of_what_stays(side: Side, kept: str) -> str:
    """Of a project's rows those for which a condition holds."""
    return f"({kept} and {_IN_A_PROJECT[side]})"


# A draft is its own side's for ever, however it ended; the others see what was sent. What is to be approved in a
# project is for whoever sees the project.
_PROPOSAL: Final[Mapping[Side, str]] = {
    Side.VENDOR: "{t}.proposed_at is not null",
    Side.PARTNER: (
        f"({{t}}.kind <> 'PROJECT_APPROVAL' and {_FOR_THE_COMPANY} and ({{t}}.from_partner_id = :partner"
        " or {t}.proposed_at is not null and ({t}.to_partner_id = :partner or {t}.partner_id = :partner))"
        f" or {{t}}.kind = 'PROJECT_APPROVAL' and {_IN_A_PROJECT[Side.PARTNER]})"
    ),
    Side.CLIENT: (
        "({t}.from_client_id = :client and {t}.account_id is null or {t}.proposed_at is not null and"
        " ({t}.to_client_id = :client and {t}.kind <> 'ACCESS_REQUEST'"
        " or {t}.kind = 'INVITE' and {t}.decided_by_id = :user or {t}.account_id " + _MY_ACCOUNTS + "))"
    ),
}

# Which events a side is told of among those that concern it: what another side did for itself is not there.
TOLD: Final[Mapping[Side, str]] = {
    Side.VENDOR: "{t}.visible_to not in ('PARTNER_ALONE', 'CLIENT_ALONE')",
    Side.PARTNER: "{t}.visible_to in ('BOTH', 'PARTNER', 'PARTNER_ALONE')",
    Side.CLIENT: "{t}.visible_to in ('BOTH', 'CLIENT', 'CLIENT_ALONE')",
}

# What is left below an endpoint that the seat sees: to the vendor not even that a side did something for itself.
DELIVERED_FROM_A_VISIBLE_ENDPOINT: Final[Mapping[Side, str]] = {
    Side.VENDOR: (
        "exists (select 1 from event v_ where v_.id = {t}.event_id"
        " and v_.visible_to not in ('PARTNER_ALONE', 'CLIENT_ALONE'))"
    ),
    Side.PARTNER: EVERY_ROW,
    Side.CLIENT: EVERY_ROW,
}

# Where programs hear of what happens is for those who answer for a company.
_ENDPOINT: Final[Mapping[Side, str]] = {
    Side.VENDOR: "{t}.deleted_at is null",
    Side.PARTNER: (
        "({t}.partner_id = :partner and {t}.deleted_at is null and exists (select 1 from partner_member p_"
        " where p_.partner_id = {t}.partner_id and p_.user_id = :user and p_.role = 'ADMIN' and p_.removed_at is null))"
    ),
    Side.CLIENT: (
        "({t}.client_id = :client and {t}.deleted_at is null and exists (select 1 from staff_member p_"
        " join account a_ on a_.id = p_.account_id where a_.client_id = {t}.client_id and p_.user_id = :user"
        " and p_.role = 'ACCOUNT_OWNER' and p_.removed_at is null))"
    ),
}

# ── TABLE: which rows of a table a side sees ──

VISIBLE: Final[Mapping[str, Mapping[Side, str]]] = {
    "Partner": {
        Side.VENDOR: EVERY_ROW,
        # And the companies that are in the same projects.
        Side.PARTNER: (
            "({t}.id = :partner or exists (select 1 from project_partner k_ join project j_ on j_.id = k_.project_id"
            f" where k_.partner_id = {{t}}.id and k_.removed_at is null"
            f" and {_PROJECT[Side.PARTNER].replace('{t}', 'j_')}))"
        ),
        Side.CLIENT: "{t}.id " + _PARTNERS_EVER,
    },
    "PartnerMember": {
        Side.VENDOR: "{t}.removed_at is null",
        Side.PARTNER: "({t}.partner_id = :partner and {t}.removed_at is null)",
        Side.CLIENT: NO_ROW,
    },
    # A partner that has only offered learns nothing of the client: who it is shows when the client has accepted.
    "Client": {
        Side.VENDOR: EVERY_ROW,
        Side.PARTNER: "{t}.id " + _CLIENTS_EVER,
        Side.CLIENT: "{t}.id = :client",
    },
    "Account": {
        Side.VENDOR: EVERY_ROW,
        Side.PARTNER: "{t}.id " + _CONNECTED_ACCOUNTS,
        Side.CLIENT: "{t}.id " + _MY_ACCOUNTS,
    },
    "StaffMember": {
        Side.VENDOR: "{t}.removed_at is null",
        # Whoever works in an account knows who of the client does.
        Side.PARTNER: "({t}.removed_at is null and {t}.account_id " + _WORKED_IN + ")",
        Side.CLIENT: "({t}.removed_at is null and {t}.account_id " + _MY_ACCOUNTS + ")",
    },
    "Contact": {
        Side.VENDOR: EVERY_ROW,
        Side.PARTNER: "({t}.partner_id = :partner or {t}.client_id " + _CLIENTS_NOW + ")",
        Side.CLIENT: "({t}.client_id = :client or {t}.id " + _LENT_TO_MY_CLIENT + ")",
    },
    "Partnership": {
        Side.VENDOR: EVERY_ROW,
        Side.PARTNER: f"({{t}}.partner_id = :partner and {_FOR_THE_COMPANY})",
        Side.CLIENT: "{t}.client_id = :client",
    },
    "AssignedContact": {
        Side.VENDOR: LENT_IN_A_VISIBLE_PARTNERSHIP[Side.VENDOR],
        Side.PARTNER: f"({_OF_MY_PARTNERSHIP[Side.PARTNER]} and {LENT_IN_A_VISIBLE_PARTNERSHIP[Side.PARTNER]})",
        Side.CLIENT: f"({_OF_MY_PARTNERSHIP[Side.CLIENT]} and {LENT_IN_A_VISIBLE_PARTNERSHIP[Side.CLIENT]})",
    },
    # Who manages a partnership is for the manager's own side alone, not even for the vendor (mission 4.5).
    "PartnershipManager": {
        Side.VENDOR: NO_ROW,
        Side.PARTNER: f"({{t}}.side = 'PARTNER' and {{t}}.removed_at is null and {_OF_MY_PARTNERSHIP[Side.PARTNER]})",
        Side.CLIENT: f"({{t}}.side = 'CLIENT' and {{t}}.removed_at is null and {_OF_MY_PARTNERSHIP[Side.CLIENT]})",
    },
    "Proposal": _PROPOSAL,
    # Whoever sees what is asked sees what it consists of.
    "ProposalItem": {
        side: f"exists (select 1 from proposal i_ where i_.id = {{t}}.proposal_id and {seen.replace('{t}', 'i_')})"
        for side, seen in _PROPOSAL.items()
    },
    "AccessGrant": {
        Side.VENDOR: EVERY_ROW,
        Side.PARTNER: "{t}.partner_id = :partner",
        Side.CLIENT: "{t}.account_id " + _MY_ACCOUNTS,
    },
    # What a partner earns is not its clients' business.
    "Commission": {
        Side.VENDOR: EVERY_ROW,
        Side.PARTNER: "{t}.partner_id = :partner",
        Side.CLIENT: NO_ROW,
    },
    "DirectoryListing": dict.fromkeys(Side, EVERY_ROW),
    "Event": {
        Side.VENDOR: TOLD[Side.VENDOR],
        # What happens in a project is for whoever sees the project.
        Side.PARTNER: (
            f"({TOLD[Side.PARTNER]} and ({{t}}.project_id is null"
            f" and {{t}}.partner_id = :partner and {_FOR_THE_COMPANY}"
            f" or {{t}}.project_id is not null and {_IN_A_PROJECT[Side.PARTNER]}))"
        ),
        Side.CLIENT: (
            f"({{t}}.client_id = :client and {TOLD[Side.CLIENT]}"
            f" and ({{t}}.project_id is null or {_IN_A_PROJECT[Side.CLIENT]}))"
        ),
    },
    "Project": _PROJECT,
    "ProjectMember": {side: _of_what_stays(side, "{t}.removed_at is null") for side in Side},
    "ActionItem": _IN_A_PROJECT,
    "Conversation": _IN_A_PROJECT,
    "Message": _IN_A_PROJECT,
    "ProjectFile": {side: _of_what_stays(side, "{t}.deleted_at is null") for side in Side},
    "Widget": _IN_A_PROJECT,
    "Rating": _IN_A_PROJECT,
    "WebhookEndpoint": _ENDPOINT,
    "WebhookDelivery": {
        side: "(exists (select 1 from webhook_endpoint e_ where e_.id = {t}.endpoint_id"
        f" and {seen.replace('{t}', 'e_')}) and {DELIVERED_FROM_A_VISIBLE_ENDPOINT[side]})"
        for side, seen in _ENDPOINT.items()
    },
    # Asked for by id. On the rows that name them, users show without a predicate: whoever sees a row sees its people.
    "User": {
        Side.VENDOR: EVERY_ROW,
        Side.PARTNER: (
            "({t}.id = :user or {t}.id {among}select p_.user_id from partner_member p_"
            " where p_.partner_id = :partner and p_.removed_at is null{end})"
        ),
        Side.CLIENT: (
            "({t}.id = :user or {t}.id {among}select q_.user_id from staff_member q_"
            " where q_.removed_at is null and q_.account_id " + _MY_ACCOUNTS + "{end})"
        ),
    },
    # What is addressed to a person's seat is that seat's, not the company's.
    "Notice": dict.fromkeys(Side, "{t}.seat_id = :seat"),
    "NoticePreference": dict.fromkeys(Side, "{t}.seat_id = :seat"),
    "Seat": dict.fromkeys(Side, "({t}.user_id = :user and {t}.ended_at is null)"),
    "Session": dict.fromkeys(Side, "({t}.user_id = :user and {t}.ended_at is null and {t}.expires_at > :now)"),
}

# ── TABLE: which events a company's program hears: what joins an event `{t}` to it, each by itself to be looked up ──

_OF_COMPANY: Final = f"{{t}}.project_id is null and {{t}}.partner_id = :partner and {TOLD[Side.PARTNER]}"
_IN_PROJECTS: Final = (
    "{t}.project_id is not null join project j_ on j_.id = {t}.project_id"
    " join {of} p_ on p_.account_id = j_.account_id and p_.partner_id = :partner and {lasts}"
)
HEARD: Final[Mapping[Side, tuple[str, ...]]] = {
    Side.VENDOR: (VISIBLE["Event"][Side.VENDOR],),
    Side.PARTNER: (
        _OF_COMPANY,
        # In the projects of accounts that it may open, and as a client partner of those in which it is.
        _IN_PROJECTS.format(of="access_grant", lasts=GRANT_IS_OPEN.replace("{t}", "p_"), t="{t}"),
        _IN_PROJECTS.format(of="project_partner", lasts="p_.removed_at is null", t="{t}"),
    ),
    Side.CLIENT: (f"{{t}}.client_id = :client and {TOLD[Side.CLIENT]}",),
}


_OR_MY_PROJECTS: Final = re.compile(rf" or [\w{{}}]+\.id {re.escape(_MY_PROJECTS)}")


def without_brokers(predicate: str) -> str:
    """Return what is left of a row predicate for seats that are no client partner's: of theirs, nothing is found."""
    for of_brokers in (_AND_MY_ACCOUNTS, _AND_MY_CLIENTS):
        predicate = predicate.replace(of_brokers, "")
    return _OR_MY_PROJECTS.sub("", predicate).replace(_FOR_THE_COMPANY, EVERY_ROW)


def seen_by(seat: str, model: str, row: str) -> str:
    """Say in SQL that a seat sees a row, both by their aliases: `VISIBLE` of whichever side the seat is on."""

    def of_seat(name: re.Match[str]) -> str:
        return OF_SEAT[name[1]].replace("{s}", seat)

    sides = {side: seen.replace("{t}", row) for side, seen in VISIBLE[model].items()}
    return " or ".join(f"{seat}.side = '{side}' and {_SEATS.sub(of_seat, seen)}" for side, seen in sides.items())


# What a predicate binds of a seat, of a row `{s}` of seats.
OF_SEAT: Final[Mapping[str, str]] = {
    "partner": "{s}.partner_id",
    "client": "{s}.client_id",
    "user": "{s}.user_id",
    "seat": "{s}.id",
    "broker": "{s}.user_id",
    "for_company": "exists (select 1 from partner k_ where k_.id = {s}.partner_id"
    " and (k_.kind = 'PARTNER' or k_.admin_id = {s}.user_id))",
}
_SEATS: Final = re.compile(rf":({'|'.join(OF_SEAT)})\b")


# Of which accounts a side hears live: a partner of those that it may open now.
OPENED: Final[Mapping[Side, str]] = {**VISIBLE["Account"], Side.PARTNER: "{t}.id " + _OPEN_ACCOUNTS}

# ── TABLE: which rows of a table those see who are not signed in; of the others none ──

PUBLIC: Final[Mapping[str, str]] = {"DirectoryListing": EVERY_ROW}

# ── TABLE: which roles may do what ──


class Permission(StrEnum):
    """What a seat may be allowed to do: one word with the verb, the mutation and the event."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[str]) -> str:  # noqa: ARG004
        return name

    SIGN_IN = auto()
    SIGN_IN_LINK_SEND = auto()
    SIGN_IN_WITH_LINK = auto()
    SEAT_TAKE = auto()
    SIGN_OUT = auto()
    SESSION_END = auto()
    PASSWORD_CHANGE = auto()

    INVITE_ACCEPT = auto()
    INVITE_DECLINE = auto()
    INVITE_WITHDRAW = auto()
    INVITE_REMIND = auto()

    # Of any kind; the kind's own permission follows.
    PROPOSAL_SUBMIT = auto()
    PROPOSAL_ACCEPT = auto()
    PROPOSAL_DECLINE = auto()
    PROPOSAL_WITHDRAW = auto()
    PROPOSAL_REMIND = auto()

    PARTNERSHIP_OFFER = auto()
    OFFER_ACCEPT = auto()
    OFFER_DECLINE = auto()
    OFFER_WITHDRAW = auto()
    OFFER_REMIND = auto()

    MODIFICATION_DRAFT = auto()
    MODIFICATION_SUBMIT = auto()
    MODIFICATION_ACCEPT = auto()
    MODIFICATION_DECLINE = auto()
    MODIFICATION_WITHDRAW = auto()
    MODIFICATION_COUNTER = auto()
    MODIFICATION_REMIND = auto()
    MANAGERS_ADD = auto()
    MANAGER_REMOVE = auto()
    PARTNERSHIP_END = auto()
    PARTNERSHIP_HIDE = auto()

    ACCOUNT_CREATE = auto()
    ACCOUNT_HAND_OVER = auto()
    ACCOUNT_OWNER_CHANGE = auto()
    ACCOUNT_SUBSCRIPTION_CHANGE = auto()
    ACCOUNT_CANCEL = auto()
    STAFF_INVITE = auto()
    STAFF_ROLE_SET = auto()
    STAFF_REMOVE = auto()
    JOBS_RECORD = auto()
    PAYMENT_RECORD = auto()

    ACCOUNT_OPEN = auto()
    GRANT_REQUEST = auto()
    GRANT_ENABLE = auto()
    GRANT_DISABLE = auto()
    GRANT_DISCONNECT = auto()
    REQUEST_ACCEPT = auto()
    REQUEST_DECLINE = auto()
    REQUEST_WITHDRAW = auto()
    REQUEST_REMIND = auto()

    PARTNER_CREATE = auto()
    PARTNER_UPDATE = auto()
    PARTNER_LICENCES_SET = auto()
    MEMBER_INVITE = auto()
    MEMBER_REMOVE = auto()
    PARTNER_ADMIN_TRANSFER = auto()
    PARTNER_REVENUE_SHARE_SET = auto()
    PARTNER_LISTING_SET = auto()
    PARTNER_MESSAGE_SEND = auto()
    CLIENT_CREATE = auto()
    CLIENT_UPDATE = auto()
    CONTACT_CREATE = auto()
    CONTACT_UPDATE = auto()
    CONTACT_ERASE = auto()

    PROJECT_CREATE = auto()
    PROJECT_UPDATE = auto()
    PROJECT_PARTNER_ADD = auto()
    PROJECT_INVITE = auto()
    PROJECT_MEMBER_REMOVE = auto()
    PROJECT_PARTNER_REMOVE = auto()
    ACTION_ITEM_CREATE = auto()
    ACTION_ITEM_STATUS_SET = auto()
    APPROVAL_REQUEST = auto()
    APPROVAL_ACCEPT = auto()
    APPROVAL_DECLINE = auto()
    APPROVAL_WITHDRAW = auto()
    APPROVAL_REMIND = auto()
    CONVERSATION_START = auto()
    MESSAGE_POST = auto()
    CONVERSATION_MARK_READ = auto()
    FILE_UPLOAD = auto()
    FILE_UPLOAD_FINISH = auto()
    FILE_DELETE = auto()
    WIDGET_ADD = auto()
    RATING_REQUEST = auto()
    RATING_GIVE = auto()

    NOTICE_MARK_READ = auto()
    NOTICES_MARK_READ = auto()
    NOTICE_ACKNOWLEDGE = auto()
    NOTICE_PREFERENCE_SET = auto()

    WEBHOOK_CREATE = auto()
    WEBHOOK_UPDATE = auto()
    WEBHOOK_SECRET_ROTATE = auto()
    WEBHOOK_DELETE = auto()
    WEBHOOK_TEST = auto()
    WEBHOOK_REDELIVER = auto()
    WEBHOOK_REPLAY = auto()


_ANYBODY: Final = frozenset({Role.PUBLIC})
_SIGNED_IN: Final = frozenset({Role.USER})
_VENDOR: Final = frozenset({Role.ADMIN})
_PARTNERS: Final = frozenset({Role.PARTNER})
_OWNERS: Final = frozenset({Role.ACCOUNT_OWNER})
_EITHER_SIDE: Final = frozenset({Role.PARTNER, Role.CLIENT})
_IN_CHARGE: Final = frozenset({Role.ADMIN, Role.PARTNER_ADMIN, Role.ACCOUNT_OWNER})
_OF_A_COMPANY: Final = frozenset({Role.ADMIN, Role.PARTNER_ADMIN, Role.CLIENT_PARTNER_ADMIN})
# A client partner's people work in the projects that they are on; a partner's business is not theirs (mission 3.0).
_AT_WORK: Final = _EITHER_SIDE | {Role.CLIENT_PARTNER}
_ON_A_PROJECT: Final = _AT_WORK | _VENDOR

ALLOWED: Final[Mapping[Permission, frozenset[Role]]] = {
    Permission.SIGN_IN: _ANYBODY,
    Permission.SIGN_IN_LINK_SEND: _ANYBODY,
    Permission.SIGN_IN_WITH_LINK: _ANYBODY,
    Permission.SEAT_TAKE: _SIGNED_IN,
    Permission.SIGN_OUT: _SIGNED_IN,
    Permission.SESSION_END: _SIGNED_IN,
    Permission.PASSWORD_CHANGE: _SIGNED_IN,
    # By the e-mailed link alone: whoever it was sent to may have no seat yet.
    Permission.INVITE_ACCEPT: _ANYBODY,
    Permission.INVITE_DECLINE: _ANYBODY,
    Permission.INVITE_WITHDRAW: _VENDOR | _EITHER_SIDE | {Role.CLIENT_PARTNER_ADMIN},
    Permission.INVITE_REMIND: _VENDOR | _EITHER_SIDE | {Role.CLIENT_PARTNER_ADMIN},
    Permission.PROPOSAL_SUBMIT: _EITHER_SIDE,
    Permission.PROPOSAL_ACCEPT: _SIGNED_IN,
    Permission.PROPOSAL_DECLINE: _SIGNED_IN,
    Permission.PROPOSAL_WITHDRAW: _SIGNED_IN,
    Permission.PROPOSAL_REMIND: _SIGNED_IN,
    # Only a partner offers, and only an account's owner answers: never the vendor for either (mission 1.1).
    Permission.PARTNERSHIP_OFFER: _PARTNERS,
    Permission.OFFER_ACCEPT: _OWNERS,
    Permission.OFFER_DECLINE: _OWNERS,
    Permission.OFFER_WITHDRAW: _PARTNERS,
    Permission.OFFER_REMIND: _PARTNERS,
    Permission.MODIFICATION_DRAFT: _EITHER_SIDE,
    Permission.MODIFICATION_SUBMIT: _EITHER_SIDE,
    Permission.MODIFICATION_ACCEPT: _EITHER_SIDE,
    Permission.MODIFICATION_DECLINE: _EITHER_SIDE,
    Permission.MODIFICATION_WITHDRAW: _EITHER_SIDE,
    Permission.MODIFICATION_COUNTER: _EITHER_SIDE,
    Permission.MODIFICATION_REMIND: _EITHER_SIDE,
    Permission.MANAGERS_ADD: _EITHER_SIDE,
    Permission.MANAGER_REMOVE: _EITHER_SIDE,
    # Adding needs two signatures, leaving needs one.
    Permission.PARTNERSHIP_END: _IN_CHARGE,
    Permission.PARTNERSHIP_HIDE: _EITHER_SIDE,
    Permission.ACCOUNT_CREATE: _VENDOR | _PARTNERS,
    Permission.ACCOUNT_HAND_OVER: _VENDOR | _PARTNERS,
    # A partner is denied them by its capabilities, not by its role (mission 1.7).
    Permission.ACCOUNT_OWNER_CHANGE: _EITHER_SIDE,
    Permission.ACCOUNT_SUBSCRIPTION_CHANGE: _EITHER_SIDE | _VENDOR,
    Permission.ACCOUNT_CANCEL: _EITHER_SIDE,
    Permission.STAFF_INVITE: _EITHER_SIDE,
    Permission.STAFF_ROLE_SET: _EITHER_SIDE,
    Permission.STAFF_REMOVE: _EITHER_SIDE,
    Permission.JOBS_RECORD: _VENDOR,
    Permission.PAYMENT_RECORD: _VENDOR,
    Permission.ACCOUNT_OPEN: _EITHER_SIDE,
    Permission.GRANT_REQUEST: _PARTNERS,
    Permission.GRANT_ENABLE: _OWNERS,
    Permission.GRANT_DISABLE: _OWNERS,
    Permission.GRANT_DISCONNECT: _OWNERS | {Role.PARTNER_ADMIN},
    Permission.REQUEST_ACCEPT: _OWNERS,
    Permission.REQUEST_DECLINE: _OWNERS,
    Permission.REQUEST_WITHDRAW: _PARTNERS,
    Permission.REQUEST_REMIND: _PARTNERS,
    Permission.PARTNER_CREATE: _VENDOR,
    Permission.PARTNER_UPDATE: _OF_A_COMPANY,
    Permission.PARTNER_LICENCES_SET: _VENDOR,
    Permission.MEMBER_INVITE: _OF_A_COMPANY,
    Permission.MEMBER_REMOVE: _OF_A_COMPANY,
    Permission.PARTNER_ADMIN_TRANSFER: _OF_A_COMPANY,
    Permission.PARTNER_REVENUE_SHARE_SET: _VENDOR,
    Permission.PARTNER_LISTING_SET: _VENDOR | {Role.PARTNER_ADMIN},
    Permission.PARTNER_MESSAGE_SEND: _ANYBODY,
    Permission.CLIENT_CREATE: _VENDOR,
    Permission.CLIENT_UPDATE: _VENDOR | _OWNERS,
    Permission.CONTACT_CREATE: _VENDOR | _PARTNERS | {Role.CLIENT},
    Permission.CONTACT_UPDATE: _VENDOR | _PARTNERS | {Role.CLIENT},
    Permission.CONTACT_ERASE: _IN_CHARGE,
    Permission.PROJECT_CREATE: _VENDOR | _EITHER_SIDE,
    Permission.PROJECT_UPDATE: _VENDOR | _EITHER_SIDE,
    Permission.PROJECT_PARTNER_ADD: _VENDOR,
    Permission.PROJECT_INVITE: frozenset({Role.ADMIN, Role.CLIENT, Role.CLIENT_PARTNER_ADMIN}),
    Permission.PROJECT_MEMBER_REMOVE: frozenset({Role.ADMIN, Role.ACCOUNT_OWNER, Role.CLIENT_PARTNER_ADMIN}),
    Permission.PROJECT_PARTNER_REMOVE: _VENDOR | _OWNERS,
    Permission.ACTION_ITEM_CREATE: _ON_A_PROJECT,
    Permission.ACTION_ITEM_STATUS_SET: _ON_A_PROJECT,
    Permission.APPROVAL_REQUEST: _ON_A_PROJECT,
    Permission.APPROVAL_ACCEPT: _ON_A_PROJECT,
    Permission.APPROVAL_DECLINE: _ON_A_PROJECT,
    Permission.APPROVAL_WITHDRAW: _ON_A_PROJECT,
    Permission.APPROVAL_REMIND: _ON_A_PROJECT,
    Permission.CONVERSATION_START: _ON_A_PROJECT,
    Permission.MESSAGE_POST: _ON_A_PROJECT,
    Permission.CONVERSATION_MARK_READ: _ON_A_PROJECT,
    Permission.FILE_UPLOAD: _ON_A_PROJECT,
    Permission.FILE_UPLOAD_FINISH: _ON_A_PROJECT,
    Permission.FILE_DELETE: _ON_A_PROJECT,
    Permission.WIDGET_ADD: _VENDOR,
    Permission.RATING_REQUEST: _VENDOR,
    Permission.RATING_GIVE: _AT_WORK,
    Permission.NOTICE_MARK_READ: _SIGNED_IN,
    Permission.NOTICES_MARK_READ: _SIGNED_IN,
    Permission.NOTICE_ACKNOWLEDGE: _SIGNED_IN,
    Permission.NOTICE_PREFERENCE_SET: _SIGNED_IN,
    Permission.WEBHOOK_CREATE: _IN_CHARGE,
    Permission.WEBHOOK_UPDATE: _IN_CHARGE,
    Permission.WEBHOOK_SECRET_ROTATE: _IN_CHARGE,
    Permission.WEBHOOK_DELETE: _IN_CHARGE,
    Permission.WEBHOOK_TEST: _IN_CHARGE,
    Permission.WEBHOOK_REDELIVER: _IN_CHARGE,
    Permission.WEBHOOK_REPLAY: _IN_CHARGE,
}


# ── TABLE: what somebody may do in an account (mission 1.7) ──

_FOUR: Final = frozenset(
    {
        Capability.VIEW_ACCOUNT,
        Capability.MANAGE_PROJECTS,
        Capability.MANAGE_CONTACTS,
        Capability.MANAGE_STAFF,
    }
)

CAPABILITIES: Final[Mapping[SecurityRole, frozenset[Capability]]] = {
    SecurityRole.ACCOUNT_OWNER: frozenset(Capability),
    SecurityRole.MANAGER: _FOUR | {Capability.VIEW_ACTIVITY_HISTORY},
    SecurityRole.STAFF: frozenset({Capability.VIEW_ACCOUNT, Capability.MANAGE_PROJECTS}),
}
PARTNER_CAPABILITIES: Final = _FOUR


def capabilities(place: SecurityRole | None) -> list[Capability]:
    """List what somebody may do who has this place in an account; null: access to it, as a partner."""
    held = PARTNER_CAPABILITIES if place is None else CAPABILITIES[place]
    return [each for each in Capability if each in held]


def require(permission: Permission, *, by: Seat) -> None:
    """Refuse FORBIDDEN what none of the seat's roles is allowed to do."""
    if by.roles.isdisjoint(ALLOWED[permission]):
        raise errors.Refusal(UserErrorCode.FORBIDDEN, "Your role does not allow this.")


# ── rows among those that a seat sees ──


async def find(model: type[MODEL], row_id: str, *path: str, by: Seat) -> MODEL:
    """Return the row; NOT_FOUND at `path` where there is none or the seat does not see it."""
    [row] = await find_all(model, [row_id], *path, by=by)
    return row


async def find_all(model: type[MODEL], row_ids: Iterable[str], *path: str, by: Seat) -> list[MODEL]:
    """Return the rows in the order of their ids, each once; NOT_FOUND at `path` unless the seat sees all of them."""
    wanted = set(row_ids)
    rows = await seen(model, wanted, by=by)
    if len(rows) != len(wanted):
        raise errors.not_found(_words(model), *path)
    return rows


async def seen(model: type[MODEL], row_ids: Iterable[str], *, by: Seat) -> list[MODEL]:
    """Return the rows that the seat sees, in the order of their ids, each once."""
    wanted = sorted(set(row_ids))
    if not wanted:
        return []
    connection = get_connection("default")
    statement, values = sql.bind(
        f"select {{t}}.* from {model._meta.db_table} {{t}} where {{t}}.id {{within}}:ids{{end_within}}"
        f" and {VISIBLE[model.__name__][by.side]} order by {{t}}.id",
        {
            "ids": wanted,
            **by.bound,
            "now": clock.now(),
        },
        sql.Dialect(connection.capabilities.dialect),
        t="o_",
    )
    rows: list[MODEL] = await connection.executor_class(model=model, db=connection).execute_select(statement, values)
    return rows


def _words(model: type[Model]) -> str:
    return re.sub(r"(?<!^)([A-Z])", r" \1", model.__name__).lower()
