"""What the fields of projects are in SQL, and what waits for a seat."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final

from domain import moves, policy
from models.enums import ProjectAction, Side
from resolvers import proposals
from resolvers.sources import Beside, Expression, Order, Source
from resolvers.statements import probed

if TYPE_CHECKING:
    from resolvers.context import Caller

PROGRESS: Final = "(case when {t}.items = 0 then 0 else 100 * {t}.items_done / {t}.items end)"
PARTNERS: Final = (
    "{t}.id {among}select k_.partner_id from project_partner k_"
    " where k_.project_id = {p} and k_.removed_at is null{end}"
)
OF_ACCOUNT: Final = "{t}.account_id = :value"
# Below an account that the seat sees: a partner probes for each of its few projects, and reads no set for all.
BELOW_ACCOUNT: Final[Mapping[Side, str]] = {
    Side.VENDOR: policy.EVERY_ROW,
    Side.PARTNER: probed(policy.VISIBLE["Project"][Side.PARTNER]),
    Side.CLIENT: policy.EVERY_ROW,
}
# Below a project that the seat sees: whoever sees it sees what is in it.
EVERY: Final = policy.EVERY_ROW
THERE: Final = "{t}.removed_at is null"
KEPT: Final = "{t}.deleted_at is null"
ASKED: Final = "{t}.proposed_at is not null"
NEWEST_FIRST: Final = Order("{t}.id", descending=True)
BY_SEQ: Final = Order("{t}.seq", kind="number")
READ_OF_CONVERSATION: Final = (
    "{t}.last_seq - coalesce((select r_.read_seq from conversation_reading r_"
    " where r_.conversation_id = {t}.id and r_.user_id = :user), 0)"
)

# ── satisfaction ──

_RATINGS: Final = "from rating r_ where r_.project_id = {t}.id and r_.given_at is"
SCORES: Final = f"(select sum(r_.score) {_RATINGS} not null)"
RESPONSES: Final = f"(select count(*) {_RATINGS} not null)"
RATINGS_PENDING: Final = f"(select count(*) {_RATINGS} null)"


def average(scores: int | None, responses: int) -> str | None:
    """The mean of scores, to one digit after the point, half away from zero; null where there is none."""
    return None if scores is None else str((Decimal(scores) / responses).quantize(Decimal("0.1"), ROUND_HALF_UP))


# ── what waits for the seat: in a project, in an account, in all that it sees ──

_PENDING: Final = policy.PROPOSAL_IS_PENDING.replace("{t}", "q_")
_TALLY: Final = Beside("project_tally", "{b}.project_id = {t}.id and {b}.user_id = :user")

# TABLE: what waits in a project.
IN_PROJECT: Final[Mapping[str, Expression]] = {
    "pending_approvals": Expression(
        f"select count(*) from proposal q_ where q_.approver_id = :user and q_.project_id = {{t}}.id and {_PENDING}"
    ),
    "open_action_items": Expression("coalesce({b}.open_action_items, 0)", _TALLY),
    "pending_ratings": Expression("coalesce({b}.pending_ratings, 0)", _TALLY),
    "unread_messages": Expression("{t}.messages - coalesce({b}.messages_read, 0)", _TALLY),
}

# All that was ever posted anywhere is not what waits for each of the vendor's staff: those in which one takes part.
_TAKES_PART: Final = (
    "v_.id {among}select p_.project_id from project_tally p_ where p_.user_id = :user union all"
    f" select q_.project_id from proposal q_ where q_.approver_id = :user and {_PENDING}{{end}}"
)
_OF_PROJECT: Final[Mapping[Side, str]] = {
    Side.VENDOR: _TAKES_PART,
    Side.PARTNER: policy.VISIBLE["Project"][Side.PARTNER].replace("{t}", "v_"),
    Side.CLIENT: policy.VISIBLE["Project"][Side.CLIENT].replace("{t}", "v_"),
}
_UNREAD: Final[Mapping[Side, str]] = {
    Side.VENDOR: "case when y_.id is null then 0 else v_.messages - y_.messages_read end",
    Side.PARTNER: "v_.messages - coalesce(y_.messages_read, 0)",
    Side.CLIENT: "v_.messages - coalesce(y_.messages_read, 0)",
}


def _summed(key: str, group: str) -> Mapping[Side, str]:
    """The same over the projects that a side sees: read once, not once for each count of each account."""
    return {
        side: f"(select {key}coalesce(sum(y_.open_action_items), 0) as open_action_items,"
        " coalesce(sum(y_.pending_ratings), 0) as pending_ratings,"
        f" coalesce(sum({_UNREAD[side]}), 0) as unread_messages,"
        " cast(coalesce(sum(w_.asked), 0) as bigint) as pending_approvals"
        " from project v_ left join project_tally y_ on y_.project_id = v_.id and y_.user_id = :user"
        " left join (select q_.project_id, count(*) as asked from proposal q_"
        f" where q_.approver_id = :user and {_PENDING} group by q_.project_id) w_ on w_.project_id = v_.id"
        f" where {seen}{group})"
        for side, seen in _OF_PROJECT.items()
    }


_OF_ACCOUNT: Final = Beside(_summed("v_.account_id, ", " group by v_.account_id"), "{b}.account_id = {t}.id")
_OF_ALL: Final = Beside(_summed("", ""), "true")


# TABLE: what waits in an account, and in all accounts.
IN_ACCOUNT: Final = {name: Expression(f"coalesce({{b}}.{name}, 0)", _OF_ACCOUNT) for name in IN_PROJECT}
IN_ALL: Final = {name: Expression(f"{{b}}.{name}", _OF_ALL) for name in IN_PROJECT}

# `ActionCounts`, of a project and of an account: offers and modifications are the partnership's, not theirs.
COUNTS: Final[Mapping[str, Source]] = {
    **IN_PROJECT,
    "access_requests": Expression("0"),
    "pending_modifications": Expression("0"),
}
REQUESTS_OF_ACCOUNT: Final = (
    "(select count(*) from proposal q_ where q_.kind = 'ACCESS_REQUEST' and q_.account_id = {t}.id"
    f" and {_PENDING} and {proposals.I_OWN_ITS_ACCOUNT.replace('{t}', 'q_')} and {{t}}.client_id = :client)"
)
COUNTS_OF_ACCOUNT: Final[Mapping[str, Source]] = {
    **IN_ACCOUNT,
    "access_requests": Expression(REQUESTS_OF_ACCOUNT),
    "pending_modifications": Expression("0"),
}

# ── what the seat may do ──

HAS_TO_RATE: Final = (
    "exists (select 1 from rating r_ where r_.project_id = {t}.id and r_.requested_from_id = :user"
    " and r_.given_at is null)"
)
OWNS: Final = (
    "exists (select 1 from staff_member o_ where o_.account_id = {t}.account_id and o_.user_id = :user"
    " and o_.role = 'ACCOUNT_OWNER' and o_.removed_at is null)"
)
IS_CLOSED: Final = "exists (select 1 from account a_ where a_.id = {t}.account_id and a_.status = 'CANCELLED')"
VIEWER_CAN_INPUTS: Final = (IS_CLOSED, OWNS, HAS_TO_RATE)


def viewer_can(seat: "Caller", is_closed: object, owns: object, has_to_rate: object) -> list[ProjectAction]:
    """What the seat may do in a project that it sees, by the table that the verbs use: none in a cancelled account."""
    if is_closed:
        return []
    return moves.project_actions(owns=bool(owns), has_to_rate=bool(has_to_rate), roles=seat.roles)
