"""What the fields of users and companies are in SQL."""

from typing import Final

from domain import policy
from models.base import text_key
from models.enums import ErrorCode, Side
from models.sql import Dialect
from resolvers.documents import refused
from resolvers.sources import Filter

LONGEST_SEARCH: Final = 200

_OPEN_MEMBER_INVITES = (
    "i_.partner_id = {t}.id and i_.kind = 'INVITE' and i_.invite_kind in ('PARTNER_ADMIN', 'PARTNER_MEMBER') and "
    + policy.PROPOSAL_IS_PENDING.replace("{t}", "i_")
)
LICENCES_USED = (
    "(select count(*) from partner_member m_ where m_.partner_id = {t}.id and m_.removed_at is null)"
    f" + (select count(*) from proposal i_ where {_OPEN_MEMBER_INVITES})"
)

_MEMBERS_OF_MY_PARTNERS = (
    "{among}select m_.user_id from partner_member m_ join access_grant g_ on g_.partner_id = m_.partner_id"
    " and g_.status <> 'DISCONNECTED' join staff_member s_ on s_.account_id = g_.account_id and s_.removed_at is null"
    " join account a_ on a_.id = s_.account_id and a_.client_id = :client"
    " where m_.removed_at is null and s_.user_id = :user{end}"
)
# As the staff itself, their addresses show to a partner only while it may open the account.
_STAFF_OF_MY_ACCOUNTS = (
    "{among}select s_.user_id from staff_member s_ join access_grant g_ on g_.account_id = s_.account_id"
    " where s_.removed_at is null and g_.partner_id = :partner and "
    + policy.GRANT_IS_OPEN.replace("{t}", "g_")
    + "{end}"
)
EMAIL_FOR_PARTNER = (
    f"case when {policy.VISIBLE['User'][Side.PARTNER]} or {{t}}.id {_STAFF_OF_MY_ACCOUNTS} then {{t}}.email end"
)
EMAIL_FOR_CLIENT = (
    f"case when {policy.VISIBLE['User'][Side.CLIENT]} or {{t}}.id {_MEMBERS_OF_MY_PARTNERS} then {{t}}.email end"
)

OF_PURPOSE = Filter(
    {
        Dialect.POSTGRES: "{t}.purposes @> to_jsonb(:value::text)",
        Dialect.SQLITE: "exists (select 1 from json_each({t}.purposes) where value = :value)",
    }
)


def search_pattern(text: object) -> str:
    """What a search looks for in a stored key: the text anywhere in it, however it is written.

    INVALID over 200 characters: no name is that long, and SQLite refuses long patterns.
    """
    if len(str(text)) > LONGEST_SEARCH:
        raise refused(ErrorCode.INVALID, f"'search' is at most {LONGEST_SEARCH} characters long.")
    escaped = text_key(str(text)).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
