"""What the fields of accesses and of requests for them are in SQL, and what a seat may do with an access."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from domain import grants as law
from domain import moves, policy, shares
from domain import partnerships as ending
from models.enums import AccessStatus, GrantAction, Side
from resolvers import partnerships, proposals
from resolvers.sources import Derived, Expression, Many, Source

if TYPE_CHECKING:
    from resolvers.context import Caller

# ── requests ──

_IS_PENDING: Final = policy.PROPOSAL_IS_PENDING.replace("{t}", "q_")
REQUEST: Final = "{t}.grant_id = {p} and " + policy.PROPOSAL_IS_PENDING
IS_REQUESTED: Final = f"(exists (select 1 from proposal q_ where q_.grant_id = {{t}}.id and {_IS_PENDING}))"

# ── what the seat may do ──

OWNS: Final = f"({proposals.I_OWN_ITS_ACCOUNT})"
VIEWER_CAN_INPUTS: Final = (f"({policy.GRANT_STATUS})", OWNS, IS_REQUESTED)


def viewer_can(seat: "Caller", status: str, owns: object, is_requested: object) -> list[GrantAction]:
    """What the seat may do with an access that it sees, by the table that the verbs use."""
    actions = moves.grant_actions(
        AccessStatus(status),
        is_partner=seat.partner is not None,
        is_owner=seat.client is not None and bool(owns),
        roles=seat.roles,
    )
    return [action for action in actions if action is not GrantAction.REQUEST or not is_requested]


# ── what disconnecting costs ──

ACCOUNT_LOST: Final = (
    "{t}.id {among}select g_.account_id from access_grant g_ where g_.id = {p} and g_.status <> 'DISCONNECTED'{end}"
)


def _of_partnership(count: str) -> str:
    return count.replace("{t}.id", "{t}.partnership_id")


CONTACTS_RELEASED: Final = (
    f"case when {law.IS_LAST} then ({_of_partnership(partnerships.ASSIGNED_CONTACTS)}) else 0 end"
)
REQUESTS_CANCELLED: Final = (
    f"case when {law.IS_LAST} then ({_of_partnership(partnerships.PENDING_PROPOSALS)})"
    f" else (select count(*) from proposal q_ where q_.grant_id = {{t}}.id and {_IS_PENDING}) end"
)
PROJECTS_LOST: Final[Mapping[Side, str]] = {
    side: "(select count(*) from project v_ where v_.account_id = {t}.account_id and {t}.status <> 'DISCONNECTED'"
    f" and {seen.replace('{t}', 'v_')})"
    for side, seen in policy.VISIBLE["Project"].items()
}
CREDITS_LOST: Final = "case when {t}.status = 'DISCONNECTED' then 0 else 1 end"

# `EndPreview`, of an access instead of a partnership.
DISCONNECT_PREVIEW: Final[Mapping[str, Source]] = {
    "accounts": Many(ACCOUNT_LOST),
    "projects": Expression(PROJECTS_LOST),
    "contacts_released": Expression(CONTACTS_RELEASED),
    "pending_requests": Expression(REQUESTS_CANCELLED),
    "ends_partnership": Expression(law.IS_LAST),
    "status_credits_lost": Expression(CREDITS_LOST),
    "revenue_share_stops": Expression(shares.EARNS),
    "confirmation": Derived(ending.confirmation, (law.CONSEQUENCES,)),
}
