"""What the fields of partnerships are in SQL."""

from domain import policy
from models.enums import Side
from resolvers.sources import Order

_MODIFICATION_IS_PENDING = (
    "exists (select 1 from proposal m_ where m_.partnership_id = {t}.id and m_.kind = 'MODIFICATION' and "
    + policy.PROPOSAL_IS_PENDING.replace("{t}", "m_")
    + ")"
)
LABEL = (
    "case when {t}.status = 'OFFERED' and {t}.expires_at <= :now then 'EXPIRED' when {t}.status = 'OFFERED' then 'OPEN'"
    f" when {{t}}.status = 'ACTIVE' and {_MODIFICATION_IS_PENDING} then 'MODIFIED' else {{t}}.status end"
)
CONTACT_LABEL = "case when {t}.assigned_at is null then 'OFFERED' else 'ASSIGNED' end"
ASSIGNED_CONTACTS = (
    "select count(*) from assigned_contact c_ where c_.partnership_id = {t}.id"
    " and c_.assigned_at is not null and c_.released_at is null"
)
CONNECTED_ACCOUNTS = (
    "select count(*) from access_grant g_ where g_.partnership_id = {t}.id and g_.status <> 'DISCONNECTED'"
)
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
