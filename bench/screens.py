"""What is asked: four of the portal's screens, with seeded variables and many viewers."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from bench import data

DOCUMENTS: Final = Path(__file__).parent.parent / "tests" / "screens"
SEED: Final = 20_261_121
REQUESTS: Final = 400

# Every partnership has a page of history and one event more.
SIZES: Final = data.Sizes(
    partners=200,
    clients=2_000,
    partnerships_each=100,
    partner_contacts_each=50,
    client_contacts_each=30,
    sessions=10_000,
    lively_partners=200,
    events_each=21,
    connected_partners=200,
    brokers=40,
)


@dataclass(frozen=True)
class People:
    """Whose seats ask: those after the first so many, of companies after the first so many, each with so many."""

    before: int
    count: int
    companies_before: int
    each: int

    def company_of(self, seat: int) -> int:
        """The number of the company that a seat acts for."""
        return self.companies_before + 1 + (seat - self.before - 1) // self.each


MEMBERS: Final = People(0, SIZES.members, 0, SIZES.members_each)
BROKERS: Final = People(SIZES.vendor, SIZES.users - SIZES.vendor, SIZES.partners, SIZES.broker_people_each)


@dataclass(frozen=True)
class Screen:
    """A screen, what may be asked of it for the member of a partner, and the goals against the limit."""

    name: str
    title: str
    variables: Callable[[random.Random, int], dict[str, Any]]
    cpu_goal: float
    rate_goal: float
    by: People = MEMBERS


@dataclass(frozen=True)
class Request:
    """One request for a screen, before a contestant puts it into its own words."""

    screen: str
    seat: int
    partner: int
    variables: dict[str, Any]


# How many requests ask for a contact of anybody's, and of the rest for one of the partner's own.
ANYBODYS, OWN = 0.02, 0.5


def _any_contact(chance: random.Random, partner: int) -> dict[str, Any]:
    """A contact of the partner's own, of one of its active clients, or (one in fifty) of anybody: mostly null then."""
    if chance.random() < ANYBODYS:
        return {"id": data.row_id("contact", chance.randint(1, SIZES.contacts))}
    if chance.random() < OWN:
        own = chance.randint(1, SIZES.partner_contacts_each)
        return {"id": data.row_id("contact", (partner - 1) * SIZES.partner_contacts_each + own)}
    place = chance.choice([place for place in range(SIZES.partnerships_each) if data.is_active(place)])
    client = data.client_of(SIZES, partner, place)
    first = SIZES.partner_contacts + (client - 1) * SIZES.client_contacts_each
    return {"id": data.row_id("contact", first + chance.randint(1, SIZES.client_contacts_each))}


def _active_partnership(chance: random.Random, partner: int) -> dict[str, Any]:
    """An active partnership of the partner's."""
    first = (partner - 1) * SIZES.partnerships_each + 1
    own = [number for number in range(first, first + SIZES.partnerships_each) if data.is_active(number)]
    return {"id": data.row_id("partnership", chance.choice(own))}


SCREENS: Final = (
    Screen("home", "tiles 50 by 10", lambda _chance, _partner: {"first": 50}, cpu_goal=1.25, rate_goal=0.9),
    Screen("work", "navigation 50 by 10", lambda _chance, _partner: {"first": 50}, 1.25, 0.9, by=BROKERS),
    Screen("partnership", "partnership detail", _active_partnership, cpu_goal=1.4, rate_goal=0.8),
    Screen("contact", "one contact", _any_contact, cpu_goal=1.4, rate_goal=0.85),
)


def named(name: str) -> Screen:
    """The screen with a name."""
    return next(screen for screen in SCREENS if screen.name == name)


def requests(screen: Screen) -> list[Request]:
    """What is asked of a screen, over and over: the same for every contestant and on every machine."""
    chance = random.Random(SEED)  # noqa: S311  it is to be the same each time
    seats = [screen.by.before + chance.randint(1, screen.by.count) for _ in range(REQUESTS)]
    return [
        Request(screen.name, seat, partner, screen.variables(chance, partner))
        for seat in seats
        for partner in [screen.by.company_of(seat)]
    ]


def to_product(request: Request) -> tuple[str, dict[str, str], bytes]:
    """Path, headers and body of a request as a portal sends it: the document in full, and a bearer token."""
    document = (DOCUMENTS / f"{request.screen}.graphql").read_text()
    body = orjson.dumps({"query": document, "variables": request.variables})
    return "/graphql", {"authorization": f"Bearer {data.token(request.seat)}"}, body


def to_limit(request: Request) -> tuple[str, dict[str, str], bytes]:
    """The same, as the limit takes it: the variables, and whom to believe it comes from."""
    role = "admin" if request.seat % SIZES.members_each == 1 else "member"
    who = role if request.seat <= SIZES.members else data.row_id("user", request.seat)
    from_whom = {"x-partner": f"{data.row_id('partner', request.partner)} {who}"}
    return f"/{request.screen}", from_whom, orjson.dumps(request.variables)


def to_proven(request: Request) -> tuple[str, dict[str, str], bytes]:
    """What the product takes, for the limit that believes nobody."""
    return "/proven", *to_product(request)[1:]


def same(answer: bytes, other: bytes) -> bool:
    """Whether two answers say the same. A cursor is opaque: there, or not."""
    return bool(_without_cursors(orjson.loads(answer)) == _without_cursors(orjson.loads(other)))


def _without_cursors(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: inner is not None if name in {"cursor", "startCursor", "endCursor"} else _without_cursors(inner)
            for name, inner in value.items()
        }
    return [_without_cursors(inner) for inner in value] if isinstance(value, list) else value
