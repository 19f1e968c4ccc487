"""What the public directory is in SQL, and how a visitor writes to a listed partner."""

from typing import Final

from domain import directory
from models.base import text_key
from models.sql import Dialect
from resolvers.context import Caller, Outcome
from resolvers.sources import Filter

NAME: Final = "(select n_.name from partner n_ where n_.id = {t}.partner_id)"
LISTING: Final = "{t}.partner_id = {p}"


def _key(text: object) -> str:
    return text_key(str(text))


IN_COUNTRY: Final = Filter("{t}.country = :value", lambda code: str(code).strip().upper())
IN_REGION: Final = Filter("{t}.region_key = :value", _key)
OF_SERVICE: Final = Filter(
    {
        Dialect.POSTGRES: "{t}.service_keys @> to_jsonb(:value::text)",
        Dialect.SQLITE: "exists (select 1 from json_each({t}.service_keys) where value = :value)",
    },
    _key,
)


async def send_message(caller: Caller, *, partner_id: str, from_email: str, from_name: str, message: str) -> Outcome:
    """Write to a listed partner."""
    await directory.send_message(
        partner_id=partner_id, from_email=from_email, from_name=from_name, message=message, ip=caller.ip
    )
    return Outcome()
