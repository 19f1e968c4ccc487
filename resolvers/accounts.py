"""What the fields of accounts are in SQL."""

from typing import Final

from domain import policy
from models.enums import Capability, SecurityRole

# A place in the account, which only a client's own seat has, and a partner's access.
_MY_PLACE: Final = (
    "from staff_member s_ where s_.account_id = {t}.id and s_.user_id = :user and {t}.client_id = :client"
    " and s_.removed_at is null"
)
MY_ROLE: Final = f"(select s_.role {_MY_PLACE})"
IS_OPEN: Final = (
    "(select count(*) from access_grant g_ where g_.account_id = {t}.id and g_.partner_id = :partner and "
    + policy.GRANT_IS_OPEN.replace("{t}", "g_")
    + ")"
)


def _come_with(capability: Capability) -> str:
    roles = (role for role, capabilities in policy.CAPABILITIES.items() if capability in capabilities)
    return ", ".join(f"'{role}'" for role in roles)


MAY_VIEW_HISTORY: Final = (
    f"exists (select 1 {_MY_PLACE} and s_.role in ({_come_with(Capability.VIEW_ACTIVITY_HISTORY)}))"
)
USAGE: Final = "case when {t}.last_job_at > :active_since then 'ACTIVE' else 'INACTIVE' end"


def viewer_capabilities(role: str | None, is_open: int) -> list[Capability]:
    """What the seat may do in the account, by the tables that the verbs use; nothing where it may not open it."""
    if role is None and not is_open:
        return []
    return policy.capabilities(SecurityRole(role) if role else None)
