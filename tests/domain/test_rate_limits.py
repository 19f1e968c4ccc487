import asyncio
from collections import Counter
from datetime import timedelta
from types import ModuleType

import pytest

import models
from domain import rate_limits
from domain.errors import Refusal
from domain.rate_limits import Limit, Rule
from models import database as databases
from models.enums import UserErrorCode

MINUTES_15 = timedelta(minutes=15)


async def _attempt(rule: Rule, subject: str, clock: ModuleType) -> str:
    try:
        await rate_limits.take(rule, subject, clock.now())
    except Refusal as refusal:
        return refusal.code
    return "passed"


async def _attempts_from(rule: Rule, ips: list[str | None], clock: ModuleType) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    for ip in ips:
        try:
            await rate_limits.take_from(rule, ip, clock.now())
        except Refusal as refusal:
            outcomes[refusal.code] += 1
        else:
            outcomes["passed"] += 1
    return outcomes


def test_5_5_every_public_operation_has_its_limit() -> None:
    assert dict(rate_limits.RULES) == {
        Rule.SIGN_IN_BY_ADDRESS: Limit(10, MINUTES_15),
        Rule.SIGN_IN_BY_IP: Limit(100, MINUTES_15),
        Rule.LINK_SEND_BY_ADDRESS: Limit(3, MINUTES_15),
        Rule.LINK_SEND_BY_IP: Limit(30, MINUTES_15),
        Rule.LINK_OPEN_BY_IP: Limit(100, MINUTES_15),
        Rule.PASSWORD_CHANGE_BY_USER: Limit(10, MINUTES_15),
        Rule.ACCOUNT_SESSION_BY_IP: Limit(600, timedelta(minutes=1)),
        Rule.PARTNER_MESSAGE_BY_SENDER: Limit(5, timedelta(hours=1)),
        Rule.PARTNER_MESSAGE_BY_IP: Limit(20, timedelta(hours=1)),
    }
    assert set(rate_limits.RULES) == set(Rule)


async def test_5_5_attempts_beyond_the_count_are_refused_until_the_window_ends(
    database: None, clock: ModuleType
) -> None:
    first = [await _attempt(Rule.LINK_SEND_BY_ADDRESS, "ada@example.com", clock) for _ in range(5)]
    clock.advance(timedelta(minutes=14) - timedelta(microseconds=1))  # 20:46 is a minute into its window
    still = await _attempt(Rule.LINK_SEND_BY_ADDRESS, "ada@example.com", clock)
    clock.advance(timedelta(microseconds=1))
    again = await _attempt(Rule.LINK_SEND_BY_ADDRESS, "ada@example.com", clock)
    assert [*first, still, again] == [*["passed"] * 3, *["RATE_LIMITED"] * 3, "passed"]


async def test_5_5_the_refusal_says_when_to_try_again(database: None, clock: ModuleType) -> None:
    for _ in range(3):
        await rate_limits.take(Rule.LINK_SEND_BY_ADDRESS, "ada@example.com", clock.now())
    clock.advance(timedelta(seconds=30))
    with pytest.raises(Refusal) as refusal:
        await rate_limits.take(Rule.LINK_SEND_BY_ADDRESS, "ada@example.com", clock.now())
    assert (refusal.value.code, refusal.value.message, refusal.value.field) == (
        UserErrorCode.RATE_LIMITED,
        "Too many attempts. Try again in 14 minutes.",
        None,
    )


async def test_5_5_subjects_and_rules_are_counted_apart(database: None, clock: ModuleType) -> None:
    for _ in range(3):
        await rate_limits.take(Rule.LINK_SEND_BY_ADDRESS, "ada@example.com", clock.now())
    outcomes = [
        await _attempt(Rule.LINK_SEND_BY_ADDRESS, "ada@example.com", clock),
        await _attempt(Rule.LINK_SEND_BY_ADDRESS, "eve@example.com", clock),
        await _attempt(Rule.SIGN_IN_BY_ADDRESS, "ada@example.com", clock),
    ]
    assert outcomes == ["RATE_LIMITED", "passed", "passed"]


async def test_5_5_a_limit_holds_for_forty_attempts_at_once_on_connections_of_their_own(
    committed: str, clock: ModuleType
) -> None:
    async def ten() -> list[str]:
        async with databases.connected(committed):
            return await asyncio.gather(
                *(_attempt(Rule.SIGN_IN_BY_ADDRESS, "ada@example.com", clock) for _ in range(10))
            )

    outcomes = Counter(outcome for some in await asyncio.gather(*(ten() for _ in range(4))) for outcome in some)
    assert outcomes == {"passed": 10, "RATE_LIMITED": 30}
    [row] = await models.RateLimit.all()
    assert (row.rule, row.count) == (Rule.SIGN_IN_BY_ADDRESS, 40)


async def test_5_5_whoever_has_one_ipv6_address_has_its_network(database: None, clock: ModuleType) -> None:
    network = [f"2001:db8:1:2::{n:x}" for n in range(31)]
    assert await _attempts_from(Rule.LINK_SEND_BY_IP, [*network], clock) == {"passed": 30, "RATE_LIMITED": 1}
    assert await _attempts_from(Rule.LINK_SEND_BY_IP, ["2001:db8:1:3::1"], clock) == {"passed": 1}


async def test_5_5_an_ipv4_address_is_the_same_written_as_ipv6(database: None, clock: ModuleType) -> None:
    ips = ["192.0.2.7", "::ffff:192.0.2.7"] * 16
    assert await _attempts_from(Rule.LINK_SEND_BY_IP, [*ips], clock) == {"passed": 30, "RATE_LIMITED": 2}
    assert await _attempts_from(Rule.LINK_SEND_BY_IP, ["::ffff:192.0.2.8"], clock) == {"passed": 1}


async def test_without_a_network_between_nothing_is_counted(database: None, clock: ModuleType) -> None:
    assert await _attempts_from(Rule.LINK_SEND_BY_IP, [None] * 40, clock) == {"passed": 40}
    assert await models.RateLimit.all().count() == 0


async def test_who_tried_is_not_kept(database: None, clock: ModuleType) -> None:
    await rate_limits.take(Rule.SIGN_IN_BY_ADDRESS, "ada@example.com", clock.now())
    await rate_limits.take_from(Rule.SIGN_IN_BY_IP, "192.0.2.7", clock.now())
    kept = str(await models.RateLimit.all().values())
    assert [text in kept for text in ("ada@", "example", "192.0.2")] == [False] * 3


async def test_counts_are_forgotten_after_a_day(database: None, clock: ModuleType) -> None:
    await rate_limits.take(Rule.SIGN_IN_BY_ADDRESS, "ada@example.com", clock.now())
    clock.advance(timedelta(hours=23))
    await rate_limits.take(Rule.SIGN_IN_BY_ADDRESS, "eve@example.com", clock.now())
    await rate_limits.forget(clock.now())
    kept = await models.RateLimit.all().count()
    clock.advance(timedelta(hours=2))
    await rate_limits.forget(clock.now())
    assert [kept, await models.RateLimit.all().count()] == [2, 1]
