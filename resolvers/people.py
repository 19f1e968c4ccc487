"""What the fields of users and companies are in SQL."""

from typing import Final

from domain import policy
from models.base import text_key
from models.enums import ErrorCode, Side
from models.sql import Dialect
from resolvers.documents import refused
from resolvers.sources import Filter

LONGEST_SEARCH: Final = 200

# The invite of a client partner's admin, who is asked with its first project, is a draft until then.
_OPEN_MEMBER_INVITES = (
    "i_.partner_id = {t}.id and i_.kind = 'INVITE' and (i_.status = 'DRAFT' or "
    + policy.PROPOSAL_IS_PENDING.replace("{t}", "i_")
    + ")"
)
# As `domain.members.licences_used` counts them, too: people, however many invites they have.
LICENCES_USED = (
    "(select count(*) from partner_member m_ where m_.partner_id = {t}.id and m_.removed_at is null)"
    f" + (select count(distinct i_.email) from proposal i_ where {_OPEN_MEMBER_INVITES} and not exists (select 1"
    " from partner_member m_ join app_user u_ on u_.id = m_.user_id where m_.partner_id = {t}.id"
    " and m_.removed_at is null and u_.email = i_.email))"
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
# Who shares a project: those whom a row puts on it, the staff of its account, and members of partners that may open it.
# Each asks for its own place, of which few are read: a client partner's people are on hundreds of projects.
_ME_ON_A_PROJECT = "m_.user_id = :user and m_.partner_id = :partner and m_.removed_at is null"
_ON_A_PROJECT = "w_.user_id = {t}.id and w_.removed_at is null"
_OPEN = policy.GRANT_IS_OPEN.replace("{t}", "g_")
_SHARES_A_PROJECT_WITH_PARTNER = (
    "(exists (select 1 from project_member w_ join access_grant g_ on g_.account_id = w_.account_id"
    f" where {_ON_A_PROJECT} and g_.partner_id = :partner and {_OPEN})"
    " or exists (select 1 from project_member w_ join project_member m_ on m_.project_id = w_.project_id"
    f" where {_ON_A_PROJECT} and {_ME_ON_A_PROJECT})"
    " or exists (select 1 from staff_member s_ join project_member m_ on m_.account_id = s_.account_id"
    f" where s_.user_id = {{t}}.id and s_.removed_at is null and {_ME_ON_A_PROJECT})"
    " or exists (select 1 from partner_member c_ join access_grant g_ on g_.partner_id = c_.partner_id"
    " join project_member m_ on m_.account_id = g_.account_id"
    f" where c_.user_id = {{t}}.id and c_.removed_at is null and {_OPEN} and {_ME_ON_A_PROJECT}))"
)
_SHARES_A_PROJECT_WITH_CLIENT = (
    "exists (select 1 from project_member w_ join staff_member m_ on m_.account_id = w_.account_id"
    " join account a_ on a_.id = m_.account_id"
    f" where {_ON_A_PROJECT} and m_.user_id = :user and m_.removed_at is null and a_.client_id = :client)"
)
EMAIL_FOR_PARTNER = (
    f"case when {policy.VISIBLE['User'][Side.PARTNER]} or {{t}}.id {_STAFF_OF_MY_ACCOUNTS}"
    f" or {_SHARES_A_PROJECT_WITH_PARTNER} then {{t}}.email end"
)
EMAIL_FOR_CLIENT = (
    f"case when {policy.VISIBLE['User'][Side.CLIENT]} or {{t}}.id {_MEMBERS_OF_MY_PARTNERS}"
    f" or {_SHARES_A_PROJECT_WITH_CLIENT} then {{t}}.email end"
)

PROJECTS_OF_MEMBER = (
    "{t}.id {among}select w_.project_id from project_member w_ join partner_member m_"
    " on m_.partner_id = w_.partner_id and m_.user_id = w_.user_id where m_.id = {p} and w_.removed_at is null{end}"
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
