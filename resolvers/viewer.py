"""What the fields of the viewer are."""

from enum import StrEnum

import settings
from domain import policy
from models.enums import Side
from resolvers import accounts, proposals
from resolvers.sources import Order

SEAT_NAME = (
    "coalesce((select n_.name from partner n_ where n_.id = {t}.partner_id),"
    " (select n_.name from client n_ where n_.id = {t}.client_id), :vendor)"
)
# As a value: an `exists` beside an `or` would be answered by reading every project there is.
_SEES_ITS_PROJECT = f"(select {policy.seen_by('{t}', 'Project', 'v_')} from project v_ where v_.id = w_.project_id)"
WAITING = (
    "select count(*) from proposal w_ where (w_.to_partner_id = {t}.partner_id or w_.to_client_id = {t}.client_id"
    " and (w_.kind <> 'PARTNERSHIP_OFFER' or exists (select 1 from staff_member o_ join account a_"
    " on a_.id = o_.account_id where o_.user_id = {t}.user_id and o_.role = 'ACCOUNT_OWNER' and o_.removed_at is null"
    " and a_.client_id = {t}.client_id)) and (w_.kind <> 'ACCESS_REQUEST' or exists (select 1 from staff_member o_"
    " where o_.account_id = w_.account_id and o_.user_id = {t}.user_id and o_.role = 'ACCOUNT_OWNER'"
    " and o_.removed_at is null)) or w_.approver_id = {t}.user_id and "
    + _SEES_ITS_PROJECT
    + ") and "
    + policy.PROPOSAL_IS_PENDING.replace("{t}", "w_")
)
_MODIFICATIONS = "select count(*) from proposal w_ where w_.kind = 'MODIFICATION' and " + (
    policy.PROPOSAL_IS_PENDING.replace("{t}", "w_")
)
PENDING_MODIFICATIONS = {
    Side.PARTNER: f"{_MODIFICATIONS} and w_.to_partner_id = :partner",
    Side.CLIENT: f"{_MODIFICATIONS} and w_.to_client_id = :client",
    Side.VENDOR: "0",
}
# Those of the accounts that the viewer owns.
ACCESS_REQUESTS = {
    Side.PARTNER: "0",
    Side.CLIENT: (
        "select count(*) from proposal w_ where w_.kind = 'ACCESS_REQUEST' and "
        + policy.PROPOSAL_IS_PENDING.replace("{t}", "w_")
        + " and w_.to_client_id = :client and "
        + proposals.I_OWN_ITS_ACCOUNT.replace("{t}", "w_")
    ),
    Side.VENDOR: "0",
}


# A partner has one connection to each account that it sees, which was opened last, or at least made, at some moment; a
# client partner's people were put on a first project of it. The accounts' own staff read theirs by what happens in
# them, the vendor by their age.
OPENED_LAST = {
    Side.PARTNER: (
        "coalesce((select g_.used_at from access_grant g_ where g_.account_id = {t}.id and g_.partner_id = :partner"
        " and g_.status <> 'DISCONNECTED'), (select min(w_.added_at) from project_member w_"
        " where w_.account_id = {t}.id and w_.user_id = :user and w_.partner_id = :partner and w_.removed_at is null))"
    ),
    Side.CLIENT: "coalesce({t}.last_job_at, {t}.created_at)",
    Side.VENDOR: "{t}.id",
}


# ── a partner's client list, over its access grants ──

# The client's name as a value: an `exists` beside an `or` would be answered by reading every account there is.
SEARCH_GRANTS = (
    "({t}.account_key like :value escape '\\' or (select c_.name_key from account a_"
    " join client c_ on c_.id = a_.client_id where a_.id = {t}.account_id) like :value escape '\\')"
)
USAGE_OF_GRANT = f"(select {accounts.USAGE.replace('{t}', 'a_')} from account a_ where a_.id = {{t}}.account_id)"
GRANT_OPENED_LAST = Order("{t}.used_at", descending=True, kind="time")


class AccountOrder(StrEnum):
    """What the navigation bar is sorted by."""

    NAME = "NAME"
    LAST_OPENED = "LAST_OPENED"


class AccessGrantOrder(StrEnum):
    """What a partner's client list is sorted by."""

    NAME = "NAME"
    LAST_OPENED = "LAST_OPENED"
    EXPIRES = "EXPIRES"


class PartnershipOrder(StrEnum):
    """What the tiles are sorted by."""

    NAME = "NAME"
    CHANGED = "CHANGED"


async def vendor(_reader: object) -> dict[str, object]:
    """Who runs this portal, from the settings."""
    chosen = settings.load()
    return {
        "name": chosen.vendor_name,
        "support_address": chosen.support_address,
        "locales": ["en"],
        "portal_url": chosen.portal_url,
    }
