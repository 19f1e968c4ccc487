"""What the fields of partnerships are in SQL."""

from typing import TYPE_CHECKING

from domain import moves, policy
from models.enums import PartnershipAction, PartnershipKind, PartnershipStatus, Side
from resolvers.sources import Order

if TYPE_CHECKING:
    from resolvers.context import Caller

_IS_PENDING = "m_.kind = 'MODIFICATION' and " + policy.PROPOSAL_IS_PENDING.replace("{t}", "m_")
_PENDING = "from proposal m_ where m_.partnership_id = {t}.id and " + _IS_PENDING
PENDING_MODIFICATIONS = f"select count(*) {_PENDING}"
PENDING_PROPOSALS = (
    "select count(*) from proposal m_ where m_.partnership_id = {t}.id"
    " and m_.kind in ('MODIFICATION', 'ACCESS_REQUEST') and " + policy.PROPOSAL_IS_PENDING.replace("{t}", "m_")
)
LABEL = (
    "case when {t}.status = 'OFFERED' and {t}.expires_at <= :now then 'EXPIRED' when {t}.status = 'OFFERED' then 'OPEN'"
    f" when {{t}}.status = 'ACTIVE' and exists (select 1 {_PENDING}) then 'MODIFIED' else {{t}}.status end"
)


def _contact_label(*released: tuple[str, str]) -> str:
    """The label, by what tells the modifications that would release a contact, and its label then; the first counts.

    Who is released is asked of the partnership alone: below one, it is found once for all of its contacts.
    """
    return (
        "case when {t}.assigned_at is null then (select case when a_.status = 'DRAFT' then 'TO_BE_ADDED'"
        " else 'OFFERED' end from proposal a_ where a_.id = {t}.proposal_id)"
        + "".join(
            " when {t}.contact_id {among}select i_.contact_id from proposal m_ join proposal_item i_"
            " on i_.proposal_id = m_.id where m_.partnership_id = {t}.partnership_id and m_.kind = 'MODIFICATION'"
            f" and {which} and i_.kind = 'RELEASE_CONTACT'{{end}} then '{label}'"
            for which, label in released
        )
        + " else 'ASSIGNED' end"
    )


_SUBMITTED = (policy.PROPOSAL_IS_PENDING.replace("{t}", "m_"), "RELEASED")


def _drafted_by(side: Side) -> tuple[str, str]:
    return f"m_.status = 'DRAFT' and m_.proposed_by_side = '{side}'", "TO_BE_RELEASED"


# A draft's labels are for its own side; the vendor has none.
CONTACT_LABEL = {
    Side.PARTNER: _contact_label(_SUBMITTED, _drafted_by(Side.PARTNER)),
    Side.CLIENT: _contact_label(_SUBMITTED, _drafted_by(Side.CLIENT)),
    Side.VENDOR: _contact_label(_SUBMITTED),
}
OF_CONTACT_LABEL = {side: f"{label} {{within}}:value{{end_within}}" for side, label in CONTACT_LABEL.items()}
ASSIGNED_CONTACTS = (
    "select count(*) from assigned_contact c_ where c_.partnership_id = {t}.id"
    " and c_.assigned_at is not null and c_.released_at is null"
)
CONNECTED_ACCOUNTS = (
    "select count(*) from access_grant g_ where g_.partnership_id = {t}.id and g_.status <> 'DISCONNECTED'"
)


def _projects(status: str) -> dict[Side, str]:
    """Count the projects of connected accounts, and those that a client partner is on, as far as the viewer sees."""
    return {
        side: "((select count(*) from access_grant g_ join project v_ on v_.account_id = g_.account_id"
        f" where g_.partnership_id = {{t}}.id and g_.status <> 'DISCONNECTED' and {status} and {seen})"
        " + (select count(*) from project_partner k_ join project v_ on v_.id = k_.project_id"
        f" where k_.partnership_id = {{t}}.id and k_.removed_at is null and {status} and {seen}))"
        for side, seen in ((side, seen.replace("{t}", "v_")) for side, seen in policy.VISIBLE["Project"].items())
    }


ACTIVE_PROJECTS = _projects("v_.status = 'ACTIVE'")
PROJECTS_LOST = _projects("true")
SEARCH = {
    Side.PARTNER: "{t}.client_key like :value escape '\\'",
    Side.CLIENT: "{t}.partner_key like :value escape '\\'",
    Side.VENDOR: "({t}.client_key like :value escape '\\' or {t}.partner_key like :value escape '\\')",
}
NOT_HIDDEN = {
    Side.PARTNER: "not {t}.hidden_by_partner",
    Side.CLIENT: "not {t}.hidden_by_client",
    Side.VENDOR: "true",
}
BY_NAME = Order({Side.PARTNER: "{t}.client_key", Side.CLIENT: "{t}.partner_key", Side.VENDOR: "{t}.partner_key"})
BY_CHANGE = Order("{t}.changed_at", descending=True, kind="time")


# ── what one may still lend ──

# One's own people; what the other side has lent or drafted is not among them.
OWN_CONTACTS = {
    Side.PARTNER: "{t}.partner_id = :partner",
    Side.CLIENT: "{t}.client_id = :client",
    Side.VENDOR: "false",
}
OFFERABLE = (
    "{t}.erased_at is null and exists (select 1 from partnership o_ where o_.id = {p} and o_.status = 'ACTIVE')"
    " and not ({t}.id {among}select l_.contact_id from assigned_contact l_ join proposal m_ on m_.id = l_.proposal_id"
    " where l_.partnership_id = {p} and l_.released_at is null"
    f" and (l_.assigned_at is not null or m_.status = 'DRAFT' or {policy.PROPOSAL_IS_PENDING.replace('{t}', 'm_')})"
    "{end})"
)

# ── modifications ──

DRAFT = "{t}.partnership_id = {p} and {t}.kind = 'MODIFICATION' and {t}.status = 'DRAFT'"
PENDING = "{t}.partnership_id = {p} and " + policy.PROPOSAL_IS_PENDING
SENT = "{t}.proposed_at is not null"
NEWEST_FIRST = Order("{t}.id", descending=True)

# ── what the seat may do ──

VIEWER_CAN_INPUTS = ("kind", f"({policy.PARTNERSHIP_STATUS})", "hidden_by_partner", "hidden_by_client")


def viewer_can(
    seat: "Caller", kind: str, status: str, hidden_by_partner: object, hidden_by_client: object
) -> list[PartnershipAction]:
    """What the seat may do with a partnership that it sees, by the table that the verbs use."""
    is_hidden = hidden_by_client if seat.client else hidden_by_partner
    actions = moves.partnership_actions(PartnershipKind(kind), PartnershipStatus(status), roles=seat.roles)
    return [action for action in actions if action is not PartnershipAction.HIDE or not is_hidden]


# ── the end ──

ACCOUNTS_LOST = (
    "{t}.id {among}select g_.account_id from access_grant g_"
    " where g_.partnership_id = {p} and g_.status <> 'DISCONNECTED'{end}"
)
