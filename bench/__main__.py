"""The benchmark: the product beside the limit, on the same database, in one run. `python -m bench [--short]`.

Slices of load alternate in changing order, and what is compared are ratios within a round: whatever else runs on the
machine slows both. Ends with 1 where the CPU a request takes is over its goal; requests a second are shown with theirs,
but depend on how many cores server, database and load have between them.
"""

import argparse
import asyncio
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import metadata
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from bench import data, load, processes, screens
from models import database
from tests.reachable import obstacle, postgres_url

DATABASE: Final = "cs_bench"
LIBRARIES: Final = (
    "uvicorn",
    "uvloop",
    "httptools",
    "asyncpg",
    "orjson",
    "starlette",
    "graphql-core",
    "strawberry-graphql",
)
CHECKED: Final = 40
# The screen of which so little is the answer that who asks weighs.
PROVEN: Final = "contact"
START_GOAL: Final = 0.9
MEMORY_GOAL: Final = 60.0


@dataclass(frozen=True)
class Profile:
    """How long is measured."""

    rounds: int
    seconds: float
    warming: float


LONG, SHORT = Profile(rounds=5, seconds=4.0, warming=2.0), Profile(rounds=3, seconds=1.5, warming=0.7)


@dataclass
class Contestant:
    """Somebody who answers: how to ask, and as which application PostgreSQL knows it."""

    name: str
    server: processes.Server
    application: str
    asked: dict[str, list[bytes]]


@dataclass(frozen=True)
class Slice:
    """What one contestant did with one screen in one round. CPU in microseconds a request."""

    contestant: str
    screen: str
    rate: float
    cpu: float
    database_cpu: float
    load_cpu: float
    p50: float
    p99: float
    wrong: int


def main() -> int:
    """Measure and print; the exit code."""
    arguments = argparse.ArgumentParser(prog="python -m bench", description="Measure the product against the limit.")
    arguments.add_argument("--short", action="store_true", help="three rounds of short slices: a minute")
    profile = SHORT if arguments.parse_args().short else LONG
    if reason := asyncio.run(obstacle()):
        _print(f"There is no PostgreSQL to measure on: {reason}")
        return 2
    url = urlsplit(postgres_url())._replace(path=f"/{DATABASE}").geturl()
    _print(*_machine(), "")
    asyncio.run(_filled(url))
    with ExitStack() as opened:
        contestants = _started(url, opened)
        for screen in screens.SCREENS:
            _print(_checked(screen, contestants))
        slices = _measured(contestants, profile, url, opened)
        memories = {contestant.name: contestant.server.memory for contestant in contestants}
    verdicts = [_reported(screen, slices) for screen in screens.SCREENS]
    for contestant in contestants[:2]:
        _print(
            f"{contestant.name:8} first answer after {contestant.server.ready_after:.2f} s,"
            f" {memories[contestant.name]:.0f} MiB of its own after the load"
        )
    _print(f"goals    first answer after {START_GOAL} s, {MEMORY_GOAL:.0f} MiB", "", *_load_averages())
    asyncio.run(_dropped())
    return 0 if all(verdicts) else 1


# ── what is measured on ──


async def _filled(url: str) -> None:
    """Make the database anew, and fill it."""
    await _dropped()
    await _on_server(f"create database {DATABASE} template template0 encoding 'UTF8'")
    await database.migrate(url)
    await data.fill(url, screens.SIZES)


async def _dropped() -> None:
    await _on_server(f"drop database if exists {DATABASE} with (force)")


async def _on_server(statement: str) -> None:
    connection = await asyncpg.connect(database.dsn(postgres_url()))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _started(url: str, opened: ExitStack) -> list[Contestant]:
    """Start the product and the limit; both stay until the end. The third one is the limit, asked in other words."""
    data_dir = opened.enter_context(tempfile.TemporaryDirectory())
    product = _contestant(
        "product",
        "countersign reads",
        screens.to_product,
        lambda port: processes.product(url, data_dir, port),
        opened,
    )
    limit = _contestant("limit", "limit", screens.to_limit, lambda port: processes.limit(url, port), opened)
    proven = [load.http(*screens.to_proven(each)) for each in screens.requests(screens.named(PROVEN))]
    return [product, limit, Contestant("proven", limit.server, limit.application, {PROVEN: proven})]


def _contestant(
    name: str,
    application: str,
    words: Callable[[screens.Request], tuple[str, dict[str, str], bytes]],
    start: Callable[[int], tuple[list[str], dict[str, str]]],
    opened: ExitStack,
) -> Contestant:
    asked = {screen.name: [load.http(*words(each)) for each in screens.requests(screen)] for screen in screens.SCREENS}
    port = processes.free_port()
    server = opened.enter_context(processes.running(*start(port), port, asked["contact"][0]))
    return Contestant(name, server, application, asked)


def _checked(screen: screens.Screen, contestants: list[Contestant]) -> str:
    """Compare answers; whoever answers differently is not measured."""
    answers = [
        [processes.asked(each.server.port, each.asked[screen.name][n]) for each in _asked(screen, contestants)]
        for n in range(CHECKED)
    ]
    for n, (answer, *others) in enumerate(answers):
        for other in others:
            if not screens.same(answer, other):
                raise SystemExit(f"{screen.title}: the answers to request {n} differ.\n{answer!r}\n{other!r}")
    size = statistics.mean(len(answer) for answer, *_ in answers)
    return f"{screen.title}: {CHECKED} answers are equal, {size:,.0f} bytes on average."


# ── measuring ──


def _measured(contestants: list[Contestant], profile: Profile, url: str, opened: ExitStack) -> list[Slice]:
    """Slice after slice, in another order each round; the first, to warm up, is not counted."""
    generator = processes.Load()
    opened.callback(generator.stop)
    for screen in screens.SCREENS:
        for contestant in _asked(screen, contestants):
            _slice(contestant, screen, profile.warming, generator, url)
    return [
        _slice(contestant, screen, profile.seconds, generator, url)
        for turn in range(profile.rounds)
        for screen in screens.SCREENS
        for contestant in _turned(_asked(screen, contestants), turn)
    ]


def _asked(screen: screens.Screen, contestants: list[Contestant]) -> list[Contestant]:
    return [contestant for contestant in contestants if screen.name in contestant.asked]


def _turned(contestants: list[Contestant], turn: int) -> Iterator[Contestant]:
    first = turn % len(contestants)
    yield from contestants[first:]
    yield from contestants[:first]


def _slice(
    contestant: Contestant, screen: screens.Screen, seconds: float, generator: processes.Load, url: str
) -> Slice:
    texts = [request.decode() for request in contestant.asked[screen.name]]

    def taken() -> tuple[float, float, float]:
        spent = asyncio.run(processes.database_cpu(url, contestant.application))
        return contestant.server.cpu, generator.cpu, float("nan") if spent is None else spent

    before = taken()
    outcome = generator.put(load.Order(contestant.server.port, seconds, texts))
    server, own, postgres = ((now - then) * 1e6 / outcome.answers for now, then in zip(taken(), before, strict=True))
    return Slice(
        contestant=contestant.name,
        screen=screen.name,
        rate=outcome.answers / outcome.seconds,
        cpu=server,
        database_cpu=postgres,
        load_cpu=own,
        p50=outcome.p50,
        p99=outcome.p99,
        wrong=outcome.wrong,
    )


# ── reporting ──


def _reported(screen: screens.Screen, slices: list[Slice]) -> bool:
    """Print a screen's figures; whether the product's CPU is within its goal and every answer was right."""
    of: dict[str, list[Slice]] = {}
    for each in slices:
        if each.screen == screen.name:
            of.setdefault(each.contestant, []).append(each)
    _print(
        "",
        screen.title,
        f"{'':8} {'req/s':>14} {'CPU µs':>14} {'PostgreSQL µs':>14} {'p50 ms':>8} {'p99 ms':>8} {'load µs':>8}",
    )
    for name, measured in of.items():
        _print(
            f"{name:8} {_spread([s.rate for s in measured])} {_spread([s.cpu for s in measured])}"
            f" {_spread([s.database_cpu for s in measured])} {_middle([s.p50 for s in measured]):8.1f}"
            f" {_middle([s.p99 for s in measured]):8.1f} {_middle([s.load_cpu for s in measured]):8.0f}"
        )
    ours = _Ratios(of["product"], of["limit"])
    wrong = sum(s.wrong for measured in of.values() for s in measured)
    within = _middle(ours.cpu) <= screen.cpu_goal
    _print(
        f"÷ limit: CPU {_ratio(ours.cpu)}, goal ≤ {screen.cpu_goal}: {'met' if within else 'MISSED'};"
        f" req/s {_ratio(ours.rate)}, goal ≥ {screen.rate_goal}:"
        f" {'met' if _middle(ours.rate) >= screen.rate_goal else 'missed'};"
        f" PostgreSQL {_ratio(ours.database)}" + (f"; {wrong} WRONG ANSWERS" if wrong else "")
    )
    if "proven" in of:
        least, left = _Ratios(of["proven"], of["limit"]), _Ratios(of["product"], of["proven"])
        _print(
            f"of which to prove the session, with the product's request and headers: CPU {_ratio(least.cpu)},"
            f" req/s {_ratio(least.rate)}, PostgreSQL {_ratio(least.database)}",
            f"÷ the limit that does: CPU {_ratio(left.cpu)}, req/s {_ratio(left.rate)},"
            f" PostgreSQL {_ratio(left.database)}",
        )
    return within and not wrong


class _Ratios:
    """One contestant's figures by another's, round by round."""

    def __init__(self, ones: list[Slice], others: list[Slice]) -> None:
        pairs = list(zip(ones, others, strict=True))
        self.cpu = [one.cpu / other.cpu for one, other in pairs]
        self.rate = [one.rate / other.rate for one, other in pairs]
        self.database = [one.database_cpu / other.database_cpu for one, other in pairs]


def _middle(values: list[float]) -> float:
    return statistics.median(values)


def _spread(values: list[float]) -> str:
    return f"{_middle(values):6.0f} {f'{min(values):.0f}-{max(values):.0f}':>9}"[:18]


def _ratio(values: list[float]) -> str:
    return f"{_middle(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def _machine() -> Iterator[str]:
    yield f"Python {platform.python_version()}, " + ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)
    yield asyncio.run(_postgres_version()) + f"; {os.cpu_count()} cores, {platform.machine()}"
    yield from _load_averages()


def _load_averages() -> Iterator[str]:
    yield "load average " + " ".join(f"{each:.2f}" for each in os.getloadavg())


async def _postgres_version() -> str:
    connection = await asyncpg.connect(database.dsn(postgres_url()))
    try:
        version: str = await connection.fetchval("select version()")
    finally:
        await connection.close()
    return version.partition(" on ")[0]


def _print(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
