"""TABLE: how often somebody may try. Counted in the database, so that all processes together hold the limit.

One atomic statement counts an attempt and says which it was; it stands outside the verb's transaction, so that a
refused attempt counts too. Windows are fixed (they begin at multiples of their length since 1970): at worst twice the
count passes around the seam of two windows.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum, auto

from tortoise import connections

from domain import changes, errors, tokens
from models import sql
from models.base import new_id
from models.enums import UserErrorCode
from models.rate_limit import RateLimit

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KEPT = timedelta(days=1)
IPV6_HOUSEHOLD = 64


class Rule(StrEnum):
    """What is counted, and by whom."""

    SIGN_IN_BY_ADDRESS = auto()
    SIGN_IN_BY_IP = auto()
    LINK_SEND_BY_ADDRESS = auto()
    LINK_SEND_BY_IP = auto()
    LINK_OPEN_BY_IP = auto()
    PASSWORD_CHANGE_BY_USER = auto()
    ACCOUNT_SESSION_BY_IP = auto()
    PARTNER_MESSAGE_BY_SENDER = auto()
    PARTNER_MESSAGE_BY_IP = auto()


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` attempts in each window."""

    count: int
    window: timedelta


RULES: Mapping[Rule, Limit] = {
    Rule.SIGN_IN_BY_ADDRESS: Limit(10, timedelta(minutes=15)),
    # An office shares one address.
    Rule.SIGN_IN_BY_IP: Limit(100, timedelta(minutes=15)),
    Rule.LINK_SEND_BY_ADDRESS: Limit(3, timedelta(minutes=15)),
    Rule.LINK_SEND_BY_IP: Limit(30, timedelta(minutes=15)),
    # Previews, answers and sign-ins by e-mailed links together.
    Rule.LINK_OPEN_BY_IP: Limit(100, timedelta(minutes=15)),
    Rule.PASSWORD_CHANGE_BY_USER: Limit(10, timedelta(minutes=15)),
    # Those that do not hold: the vendor's product asks for all its users, and each ends once.
    Rule.ACCOUNT_SESSION_BY_IP: Limit(600, timedelta(minutes=1)),
    Rule.PARTNER_MESSAGE_BY_SENDER: Limit(5, timedelta(hours=1)),
    Rule.PARTNER_MESSAGE_BY_IP: Limit(20, timedelta(hours=1)),
}

_COUNTED = """
insert into rate_limit (id, rule, subject, window_start, count) values (:id, :rule, :subject, :window_start, 1)
on conflict (rule, subject, window_start) do update set count = rate_limit.count + 1
returning count
"""


async def take(rule: Rule, subject: str, at: datetime) -> None:
    """Count an attempt of a subject (an address, a user's id); refuse RATE_LIMITED beyond the rule's count.

    Outside any transaction: what a refusal undoes would not have been counted.
    """
    limit = RULES[rule]
    window_start = at - (at - EPOCH) % limit.window
    if await _counted(rule, tokens.fingerprint(subject), window_start) > limit.count:
        minutes = -((at - window_start - limit.window) // timedelta(minutes=1))
        raise errors.Refusal(UserErrorCode.RATE_LIMITED, f"Too many attempts. Try again in {minutes} minutes.")


async def take_from(rule: Rule, ip: str | None, at: datetime) -> None:
    """Count an attempt from a network address, as `take` does; null: no network between, nothing counts."""
    if ip is not None:
        await take(rule, _household(ip), at)


async def forget(at: datetime) -> int:
    """Delete the counts of windows that began more than a day ago; return how many."""
    return await RateLimit.filter(window_start__lt=at - KEPT).delete()


def _household(ip: str) -> str:
    try:
        address = ipaddress.IPv6Address(ip)
    except ValueError:
        return ip
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    # Whoever has one IPv6 address has 2^64 of them.
    return str(ipaddress.IPv6Network((address, IPV6_HOUSEHOLD), strict=False))


async def _counted(rule: Rule, subject: str, window_start: datetime) -> int:
    connection = connections.get("default")
    statement, values = sql.bind(
        _COUNTED,
        {"id": new_id("limit"), "rule": rule, "subject": subject, "window_start": window_start},
        changes.dialect(connection),
    )
    [row] = await connection.execute_query_dict(statement, values)
    return int(row["count"])
