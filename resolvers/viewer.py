"""What the fields of the viewer are."""

from enum import StrEnum

import settings
from domain import policy
from models.enums import Side

SEAT_NAME = (
    "coalesce((select n_.name from partner n_ where n_.id = {t}.partner_id),"
    " (select n_.name from client n_ where n_.id = {t}.client_id), :vendor)"
)
WAITING = (
    "select count(*) from proposal w_ where (w_.to_partner_id = {t}.partner_id or w_.to_client_id = {t}.client_id"
    " and (w_.kind <> 'PARTNERSHIP_OFFER' or exists (select 1 from staff_member o_ join account a_"
    " on a_.id = o_.account_id where o_.user_id = {t}.user_id and o_.role = 'ACCOUNT_OWNER' and o_.removed_at is null"
    " and a_.client_id = {t}.client_id))) and " + policy.PROPOSAL_IS_PENDING.replace("{t}", "w_")
)
_MODIFICATIONS = "select count(*) from proposal w_ where w_.kind = 'MODIFICATION' and " + (
    policy.PROPOSAL_IS_PENDING.replace("{t}", "w_")
)
PENDING_MODIFICATIONS = {
    Side.PARTNER: f"{_MODIFICATIONS} and w_.to_partner_id = :partner",
    Side.CLIENT: f"{_MODIFICATIONS} and w_.to_client_id = :client",
    Side.VENDOR: "0",
}


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
