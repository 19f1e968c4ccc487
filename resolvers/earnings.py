"""What the fields of earnings are in SQL."""

from typing import Final

from domain import shares

STATUS_CREDITS: Final = (
    "select count(*) from access_grant g_ where g_.partner_id = {t}.id and g_.status <> 'DISCONNECTED'"
)
# Of a partnership: whether one of its connections earns.
STOPS_WITH_PARTNERSHIP: Final = (
    "exists (select 1 from access_grant g_ where g_.partnership_id = {t}.id and "
    + shares.EARNS.replace("{t}", "g_")
    + ")"
)
