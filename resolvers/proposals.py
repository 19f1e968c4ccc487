"""What the fields of proposals are in SQL, and what a seat may do with one."""

from typing import TYPE_CHECKING

from domain import moves, policy
from models.enums import ProposalAction, ProposalKind, ProposalStatus, Side

if TYPE_CHECKING:
    from resolvers.context import Caller

ACCOUNTS = (
    "{t}.id {among}select i_.account_id from proposal_item i_"
    " where i_.proposal_id = {p} and i_.kind = 'ADD_ACCOUNT'{end}"
)
CONTACTS = "{t}.id {among}select l_.contact_id from assigned_contact l_ where l_.proposal_id = {p}{end}"

_I_OWN_AN_ACCOUNT = (
    "exists (select 1 from staff_member o_ join account a_ on a_.id = o_.account_id"
    " where o_.user_id = :user and o_.role = 'ACCOUNT_OWNER' and o_.removed_at is null and a_.client_id = :client)"
)
I_OWN_ITS_ACCOUNT = (
    "exists (select 1 from staff_member o_ where o_.account_id = {t}.account_id and o_.user_id = :user"
    " and o_.role = 'ACCOUNT_OWNER' and o_.removed_at is null)"
)
# What is asked of one person, whichever seat they have, and of nobody else.
ASKED_OF_ME = "({t}.approver_id = :user)"
WAITING = {
    Side.VENDOR: f"({ASKED_OF_ME} and {policy.PROPOSAL_IS_PENDING})",
    Side.PARTNER: f"(({{t}}.to_partner_id = :partner or {ASKED_OF_ME}) and {policy.PROPOSAL_IS_PENDING})",
    Side.CLIENT: (
        "(({t}.to_client_id = :client"
        f" and ({{t}}.kind <> 'PARTNERSHIP_OFFER' or {_I_OWN_AN_ACCOUNT})"
        f" and ({{t}}.kind <> 'ACCESS_REQUEST' or {I_OWN_ITS_ACCOUNT})"
        f" or {ASKED_OF_ME}) and {policy.PROPOSAL_IS_PENDING})"
    ),
}

# Others of the client see that access is asked for, and do not answer.
MAY_ANSWER = f"({{t}}.kind <> 'ACCESS_REQUEST' or {I_OWN_ITS_ACCOUNT})"
VIEWER_CAN_INPUTS = (
    "kind",
    f"({policy.PROPOSAL_STATUS})",
    "from_partner_id",
    "from_client_id",
    "partner_id",
    "to_partner_id",
    "to_client_id",
    MAY_ANSWER,
    ASKED_OF_ME,
)


def viewer_can(  # noqa: PLR0913, PLR0917  the row's columns, in the order of VIEWER_CAN_INPUTS
    seat: "Caller",
    kind: str,
    status: str,
    from_partner: str | None,
    from_client: str | None,
    into: str | None,
    to_partner: str | None,
    to_client: str | None,
    may_answer: object,
    asked_of_me: object,
) -> list[ProposalAction]:
    """What the seat may do with a proposal that it sees, by the table that the verbs use."""
    company = seat.partner or seat.client
    return moves.proposal_actions(
        ProposalKind(kind),
        ProposalStatus(status),
        is_own_side=moves.is_own_side(company, from_partner, from_client, into=into, roles=seat.roles),
        is_other_side=bool(asked_of_me) or (bool(may_answer) and moves.is_other_side(company, to_partner, to_client)),
        roles=seat.roles,
    )
