"""Random valid documents for a seat, steered to what earlier ones have not reached.

A generator of our own: hypothesis-graphql writes valid queries too, but with literals only, without named fragments,
directives and connections inside connections by intent, and it knows neither which ids exist for whom nor the cursors
of earlier answers. Here each choice is weighed by how seldom a field or argument was reached so far, and each document
seeks a few of those that were reached least, by one of the ways that lead to them, so that 1,050 documents cover the
whole query side.
"""

import itertools
import json
import random
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, cast

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLType,
    GraphQLUnionType,
    get_named_type,
    is_abstract_type,
    is_composite_type,
)

from domain import moves
from domain.seats import Seat
from models.enums import Role
from resolvers import declarations, sources
from resolvers.documents import page_bucket
from tests.resolvers.oracle import Oracle, Reached
from tests.resolvers.world import World, missing_ids

DEEPEST: Final = 12
ROWS: Final = 9_000
WANTED: Final = 13
ENOUGH: Final = 11
CONDITIONS: Final = 4
SOUGHT: Final = 2
ABSENT: Final = object()
PAGING: Final = frozenset({"first", "after", "last", "before", "orderBy"})
# What is searched for: nothing, what a LIKE would read as more, other spellings of names that are there, names.
PIECES: Final = (
    *("", " ", "%", "_", "\\", "100%", "Ö", "oL_w", "\\ s", "STRASSE", "日本", "istanbul  ç", "anne LODZ"),
    *("ﬁ", "👋", "harbour", "NORTH", "w", "o", "hopper", "grace  H", "Contact 2", "shop", "else", "@", "angstrom"),
)  # fmt: skip

Draw = Callable[[], Any]
Fields = GraphQLObjectType | GraphQLInterfaceType
Scope = dict[str, tuple[str, "Scope"]]
# A field, and one of its arguments or none.
Place = tuple[str, str | None]
# A field's name, whether it may be read, and then the types that it leads to.
Way = tuple[str, bool, Sequence[str]]


@dataclass(frozen=True)
class Run:
    """Who asks, with which variables, and whether a week later."""

    seat: str
    variables: dict[str, Any]
    later: bool = False


@dataclass(frozen=True)
class Request:
    """A document, the operation to run, and its runs, of which the later ones meet the plan that the first one made."""

    text: str
    name: str | None
    runs: tuple[Run, ...]


@dataclass
class Fragment:
    """A named fragment: where it may be spread and what that costs there."""

    name: str
    type: GraphQLNamedType
    scope: Scope
    depth: int
    rows: int
    text: str


@dataclass(frozen=True)
class Goal:
    """What a chain of selections must still come to: connections inside each other, and a depth."""

    pages: int = 0
    depth: int = 0


NO_GOAL: Final = Goal()


@dataclass(frozen=True)
class Sought:
    """A field that was seldom reached, with the argument that is to be given, and how far from it each type is."""

    type: str
    name: str
    argument: str | None
    far: Mapping[str, int]

    @property
    def place(self) -> Place:
        return f"{self.type}.{self.name}", self.argument


@dataclass(frozen=True)
class Spot:
    """Where selections stand: what is selected beside them, how deep, under how many rows, on the way to what."""

    scope: Scope
    depth: int = 0
    rows: int = 1
    goal: Goal = NO_GOAL
    sought: tuple[Sought, ...] = ()

    @property
    def by_the_way(self) -> "Spot":
        """The same, on the way to nothing."""
        return replace(self, goal=NO_GOAL, sought=())

    def to(self, sought: Sought) -> "Spot":
        """The same, on the way to this alone."""
        return replace(self, goal=NO_GOAL, sought=(sought,))

    @property
    def is_by_the_way(self) -> bool:
        return self.goal is NO_GOAL and not self.sought


class Choice(NamedTuple):
    """A field, whether more is selected below it, and whether it may be read."""

    name: str
    declared: GraphQLField
    is_deep: bool
    may: bool


class Generator:
    """Makes documents, and learns from what their answers reached."""

    def __init__(self, schema: GraphQLSchema, oracle: Oracle, world: World, seed: int) -> None:
        self.schema = schema
        self.oracle = oracle
        self.world = world
        self.random = random.Random(seed)  # noqa: S311  documents, no secrets
        self.reached: Counter[Place] = Counter()
        self.denied: Counter[str] = Counter()
        self.cursors: defaultdict[str, list[str]] = defaultdict(list)
        self.missing = missing_ids()
        self.types = readable_types(schema)
        self.node_types = [
            type_ for type_ in self.possible(schema.type_map["Node"]) if declarations.own_table_of(type_)
        ]
        self.ids = {t.name: [row["id"] for row in oracle.of_type(declarations.table_of(t))] for t in self.node_types}
        self.asked: Counter[frozenset[Role]] = Counter()
        self._hungers: dict[frozenset[Role], dict[str, float]] = {}
        self._visible: dict[tuple[str, str], list[str]] = {}
        self._ways: dict[frozenset[Role], Mapping[str, Sequence[Way]]] = {}
        self._leading: dict[frozenset[Role], defaultdict[str, set[str]]] = {}
        self._far: dict[tuple[frozenset[Role], str], dict[str, int]] = {}
        self._choices: dict[tuple[str, frozenset[Role]], list[Choice]] = {}
        self._places: dict[tuple[str, str], list[Place]] = {}
        # What is wanted still, and by seat how often it was sought and how often found.
        self.wanted = list(places(self.types))
        self.tried: Counter[tuple[str, Place]] = Counter()
        self.found: Counter[tuple[str, Place]] = Counter()
        self._last: tuple[str, tuple[Sought, ...]] = "", ()

    def request(self, seat: str, *, deep: bool) -> Request:
        """A document for a seat. `deep`: with connections inside connections."""
        writer = _Writer(self, seat, self.world.seats[seat])
        self._last = seat, self.seldom(seat, writer.roles)
        return writer.request(self._last[1], deep=deep)

    def learn(self, reached: Reached) -> None:
        """Take note of what a document reached, and of the cursors that its answer held."""
        self.reached.update(reached.fields)
        seat, sought = self._last
        self.found.update((seat, each.place) for each in sought if each.place in reached.fields)
        self.denied.update(reached.denied)
        for cursor in reached.cursors:
            known = self.cursors[cursor.order]
            if len(known) < 200:
                known.append(str(cursor))
            else:
                known[self.random.randrange(200)] = str(cursor)

    def visible_ids(self, type_: GraphQLObjectType, name: str) -> list[str]:
        """The ids of a type that a seat sees."""
        key = type_.name, name
        if key not in self._visible:
            rows = self.oracle.visible(self.world.seats[name], declarations.table_of(type_))
            self._visible[key] = [row["id"] for row in rows]
        return self._visible[key]

    def hunger(self, roles: frozenset[Role]) -> dict[str, float]:
        """How much there is still to reach below a type, for whoever has these roles; looked at anew now and then."""
        self.asked[roles] += 1
        if roles not in self._hungers or self.asked[roles] % 5 == 0:
            self._hungers[roles] = self.hunger_now(roles)
        return self._hungers[roles]

    def hunger_now(self, roles: frozenset[Role]) -> dict[str, float]:
        hunger = {type_.name: 0.0 for type_ in self.types}
        own = {
            type_.name: [
                (self.need(type_, name) if may else 2.0 * (not self.denied[f"{type_.name}.{name}"]), below)
                for name, may, below in self.ways(roles)[type_.name]
            ]
            for type_ in self.types
        }
        for _ in range(4):
            for type_name, fields in own.items():
                hunger[type_name] = max(
                    need + 0.7 * max([hunger[name] for name in below], default=0.0) for need, below in fields
                )
        return hunger

    def ways(self, roles: frozenset[Role]) -> Mapping[str, Sequence[Way]]:
        """The fields of each type, for whoever has these roles."""
        if roles not in self._ways:
            self._ways[roles] = {
                type_.name: [
                    (name, may, [to.name for to in self.leads_to(declared)] if may else [])
                    for name, declared in type_.fields.items()
                    for may in [may_read(declared, roles)]
                ]
                for type_ in self.types
            }
        return self._ways[roles]

    # ── what is sought ──

    def seldom(self, seat: str, roles: frozenset[Role]) -> tuple[Sought, ...]:
        """A few of the places that were reached least, among those that the seat may read and sees a row for."""
        self.wanted = [each for each in self.wanted if self.reached[each[2]] < WANTED]
        come_to = {type_.name for type_ in self.types if self.comes_to(type_, seat, roles)}
        seldom = [
            (type_.name, name, place)
            for type_, name, place in self.wanted
            if type_.name in come_to and may_read(type_.fields[name], roles)
        ]
        luck = [(1 + self.found[seat, place]) / (1 + self.tried[seat, place]) for _, _, place in seldom]
        weights = [(self.need_of(*place) * each) ** 2 for (_, _, place), each in zip(seldom, luck, strict=True)]
        chosen = dict.fromkeys(self.random.choices(seldom, weights, k=SOUGHT)) if seldom else ()
        self.tried.update((seat, place) for _, _, place in chosen)
        return tuple(Sought(type_, name, place[1], self.far(type_, roles)) for type_, name, place in chosen)

    def a_cursor(self, roles: frozenset[Role]) -> Sought:
        """What must be read before a page after it can be."""
        return Sought("PageInfo", "endCursor", None, self.far("PageInfo", roles))

    def comes_to(self, type_: GraphQLObjectType, seat: str, roles: frozenset[Role]) -> bool:
        has_rows = declarations.own_table_of(type_) is not None
        return "Query" in self.far(type_.name, roles) and (not has_rows or bool(self.visible_ids(type_, seat)))

    def far(self, to: str, roles: frozenset[Role]) -> Mapping[str, int]:
        """How many fields lead to a type from each from which whoever has these roles comes to it at all."""
        if (roles, to) not in self._far:
            leading = self.leading(roles)
            far = self._far[roles, to] = {to: 0}
            waiting = deque([to])
            while waiting:
                nearer = waiting.popleft()
                for from_ in leading[nearer] - far.keys():
                    far[from_] = far[nearer] + 1
                    waiting.append(from_)
        return self._far[roles, to]

    def leading(self, roles: frozenset[Role]) -> Mapping[str, set[str]]:
        """The types with a field that leads to a type, for each."""
        if roles not in self._leading:
            leading = self._leading[roles] = defaultdict(set)
            for from_, fields in self.ways(roles).items():
                for _, _, below in fields:
                    for each in below:
                        leading[each].add(from_)
        return self._leading[roles]

    def leads_to(self, field_: GraphQLField) -> list[GraphQLObjectType]:
        named = get_named_type(field_.type)
        return self.possible(named) if is_composite_type(named) else []

    def nearest(self, types: Sequence[GraphQLObjectType], sought: Sought) -> list[GraphQLObjectType]:
        """Those of some types from which it is least far; none where no way leads there."""
        least = min((sought.far.get(type_.name, DEEPEST) for type_ in types), default=DEEPEST)
        return [type_ for type_ in types if sought.far.get(type_.name) == least]

    def below(self, field_: GraphQLField, hunger: Mapping[str, float]) -> float:
        named = get_named_type(field_.type)
        if isinstance(named, (GraphQLUnionType, GraphQLInterfaceType)):
            return max(hunger[type_.name] for type_ in self.possible(named))
        return hunger.get(named.name, 0.0)

    def possible(self, type_: GraphQLNamedType) -> list[GraphQLObjectType]:
        """The types that an object of a type may have."""
        if isinstance(type_, GraphQLObjectType):
            return [type_]
        return list(self.schema.get_possible_types(cast("GraphQLInterfaceType", type_)))

    def times(self, type_: Fields) -> int:
        """How many times a selection on a type is read: once for each type that its objects may have."""
        return len(self.possible(type_))

    def choices(self, type_: Fields, roles: frozenset[Role]) -> Sequence[Choice]:
        """The fields of a type, for whoever has these roles."""
        if (type_.name, roles) not in self._choices:
            self._choices[type_.name, roles] = [
                Choice(name, declared, is_composite_type(get_named_type(declared.type)), may_read(declared, roles))
                for name, declared in type_.fields.items()
            ]
        return self._choices[type_.name, roles]

    def need(self, type_: GraphQLNamedType, name: str) -> float:
        """Between 0, reached often, and 2, never: of a field or the least reached of its arguments."""
        if (type_.name, name) not in self._places:
            self._places[type_.name, name] = [
                place
                for each in self.possible(type_)
                for _, _, place in places([each])
                if place[0] == f"{each.name}.{name}"
            ]
        return _needed(min(map(self.reached.__getitem__, self._places[type_.name, name])))

    def need_of(self, place: str, argument: str | None) -> float:
        return _needed(self.reached[place, argument])


def _needed(reached: int) -> float:
    return (WANTED - reached) / WANTED + (reached < ENOUGH) if reached < WANTED else 0.0


def readable_types(schema: GraphQLSchema) -> list[GraphQLObjectType]:
    """The object types that a query can come to."""
    found: dict[str, GraphQLObjectType] = {}
    waiting: list[GraphQLNamedType] = [cast("GraphQLNamedType", schema.query_type)]
    while waiting:
        type_ = waiting.pop()
        if isinstance(type_, (GraphQLInterfaceType, GraphQLUnionType)):
            waiting += schema.get_possible_types(type_)
        elif isinstance(type_, GraphQLObjectType) and type_.name not in found:
            found[type_.name] = type_
            waiting += [get_named_type(declared.type) for declared in type_.fields.values()]
    return list(found.values())


def places(types: Iterable[GraphQLObjectType]) -> Iterator[tuple[GraphQLObjectType, str, Place]]:
    """Every field of some types, alone and with each of its arguments."""
    for type_ in types:
        for name, declared in type_.fields.items():
            for argument in (None, *declared.args):
                yield type_, name, (f"{type_.name}.{name}", argument)


def _plan_of(seat: Seat | None) -> object:
    return seat and (seat.side, seat.roles)


def may_read(declared: GraphQLField, roles: frozenset[Role]) -> bool:
    access = declarations.access_of(declared)
    return access is None or bool(access.to & roles)


@dataclass
class _Variable:
    name: str
    type: str
    draw: Draw
    default: str | None = None


@dataclass
class _Writer:
    """Writes one document."""

    made: Generator
    seat_name: str
    seat: Seat | None
    variables: list[_Variable] = field(default_factory=list)
    fragments: list[Fragment] = field(default_factory=list)
    room: int = 0
    rows_left: int = ROWS
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.random = self.made.random
        self.roles = self.seat.roles if self.seat else frozenset({Role.PUBLIC})
        self.hunger = self.made.hunger(self.roles)
        self.room = self.random.choice((6, 12, 24, 48))

    def request(self, sought: tuple[Sought, ...], *, deep: bool) -> Request:
        root = cast("GraphQLObjectType", self.made.schema.query_type)
        goal = Goal(2, 6) if deep and self.seat else NO_GOAL
        selections = self.selections(root, Spot({}, goal=goal, sought=sought))
        declared = ", ".join(f"${v.name}: {v.type}" + (f" = {v.default}" if v.default else "") for v in self.variables)
        name = "Main" if declared or self.chance(0.5) else None
        head = f"query {name}" + (f" ({declared})" if declared else "") if name else ""
        parts = [f"{head} {{ {selections} }}", *(fragment.text for fragment in self.fragments)]
        if name and self.chance(0.1):
            parts.append("query Other { vendor { name } __typename }")
        self.random.shuffle(parts)
        return Request("\n".join(parts), name, tuple(self.runs()))

    def runs(self) -> Iterable[Run]:
        """The first run; sometimes one with other values, by somebody of the same roles, at another time."""
        yield Run(self.seat_name, self.values())
        if self.chance(0.35):
            alike = [name for name, seat in self.made.world.seats.items() if _plan_of(seat) == _plan_of(self.seat)]
            yield Run(self.random.choice(alike), self.values(), later=self.chance(0.5))

    def values(self) -> dict[str, Any]:
        drawn = {variable.name: variable.draw() for variable in self.variables}
        return {name: value for name, value in drawn.items() if value is not ABSENT}

    def chance(self, of: float) -> bool:
        return self.random.random() < of

    # ── selections ──

    def selections(self, type_: GraphQLNamedType, spot: Spot, wanted: Iterable[str] = ()) -> str:
        """What is selected on a type. `wanted`: names of types that objects are known to have."""
        parts: list[str] = []
        carrier = None
        if isinstance(type_, GraphQLObjectType):
            for each in spot.sought:
                parts += self.step(type_, spot, each)
            # The way there is narrow, so that it leaves room for what is chosen otherwise.
            if parts and spot.depth and self.chance(0.8):
                return " ".join(parts)
            spot = replace(spot, sought=())
        if isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType)):
            carrier = self.carrier(type_, spot)
            if carrier:
                parts += self.field(type_, carrier, spot)
            for name in self.chosen(type_, spot.depth):
                if name != carrier or self.chance(0.2):
                    parts += self.field(type_, name, spot.by_the_way)
        if self.chance(0.15):
            parts.append(self.typename(spot.scope))
        parts += self.narrowed(type_, spot if carrier is None else spot.by_the_way, wanted)
        if self.chance(0.2):
            parts += self.spread_again(type_, spot)
        self.random.shuffle(parts)
        return " ".join(parts) or self.typename(spot.scope)

    def typename(self, scope: Scope) -> str:
        key = "__typename" if self.chance(0.7) else f"a{next(self.numbers)}"
        scope[key] = ("__typename", {})
        return key if key == "__typename" else f"{key}: __typename"

    def chosen(self, type_: Fields, depth: int) -> list[str]:
        """Fields of a type: the seldom reached first, composite ones only while there is room."""
        names, weights, hungry = [], [], 0.0
        for name, declared, is_deep, may in self.made.choices(type_, self.roles):
            if is_deep and (self.room <= 0 or depth > DEEPEST - 3):
                continue
            if not may:
                weight = 0.1 if self.made.denied[f"{type_.name}.{name}"] else 100.0
            else:
                need = self.made.need(type_, name)
                hungry += need
                weight = 0.1 + (2 * need + (self.made.below(declared, self.hunger) if is_deep else 0.0)) ** 2
            names.append(name)
            weights.append(weight)
        if not names:
            return []
        most = self.random.choice((0, 1, 2, 3, 5)) + min(6, int(hungry)) if depth else self.random.choice((1, 2, 2, 3))
        return list(dict.fromkeys(self.random.choices(names, weights, k=most)))

    def carrier(self, type_: Fields, spot: Spot) -> str | None:
        """The field that leads to the goal."""
        if (spot.goal.pages <= 0 and spot.depth >= spot.goal.depth) or spot.depth > DEEPEST - 5:
            return None
        names, weights = [], []
        for name, declared, is_deep, may in self.made.choices(type_, self.roles):
            if not is_deep or not may:
                continue
            source = declarations.source_of(declared)
            weight = _CARRIES.get(type(source), 0.0)
            if type_.name.endswith(("Connection", "Edge")):
                weight = {"nodes": 2.0, "edges": 1.0, "node": 1.0}.get(name, 0.0)
            if weight and (spot.goal.pages > 0 or not isinstance(source, sources.Page)):
                names.append(name)
                weights.append(weight * (0.3 + self.made.need(type_, name) + self.made.below(declared, self.hunger)))
        return self.random.choices(names, weights)[0] if names else None

    def step(self, type_: Fields, spot: Spot, sought: Sought) -> list[str]:
        """The field that is sought, or one that leads there, mostly by a short way."""
        if type_.name == sought.type:
            return self.field(type_, sought.name, spot.to(sought), sought)
        names, weights = [], []
        for name, declared, is_deep, may in self.made.choices(type_, self.roles):
            nearest = self.made.nearest(self.made.leads_to(declared), sought) if is_deep and may else None
            if nearest:
                far = sought.far[nearest[0].name]
                if spot.depth + far < DEEPEST - 3:
                    names.append(name)
                    # What may be of any type is wide, and leads everywhere.
                    weights.append(0.25**far * (0.1 if is_abstract_type(get_named_type(declared.type)) else 1))
        return self.field(type_, self.random.choices(names, weights)[0], spot.to(sought)) if names else []

    def field(self, type_: Fields, name: str, spot: Spot, sought: Sought | None = None) -> list[str]:
        """One field, or nothing where it would cost more than is left. `sought`: it is the one that is sought."""
        declared = type_.fields[name]
        arguments = _Arguments(self, type_, name, spot, sought)
        written = arguments.written()
        if written is None:
            return []
        self.room -= 1
        key, below = self.key(name, f"{name}{written}:{declared.type}", spot.scope)
        text = (name if key == name else f"{key}: {name}") + written
        text += self.condition(0.04 if spot.is_by_the_way else 0)
        named = get_named_type(declared.type)
        if not is_composite_type(named):
            return [text]
        if sought:
            spot = replace(spot, sought=(self.made.a_cursor(self.roles),) if arguments.lacks_cursor else ())
        inner = self.selections(named, self.spot_below(type_, declared, spot, below, arguments.size), arguments.wanted)
        again = [f"{text} {{ {self.typename(below)} }}"] if self.chance(0.03) else []
        return [f"{text} {{ {inner} }}", *again]

    def key(self, name: str, signature: str, scope: Scope) -> tuple[str, Scope]:
        """A response key that means nothing else here, and what is selected below it."""
        key = name if self.chance(0.85) else f"a{next(self.numbers)}"
        if key in scope and scope[key][0] != signature:
            key = f"a{next(self.numbers)}"
        return key, scope.setdefault(key, (signature, {}))[1]

    def spot_below(self, type_: Fields, declared: GraphQLField, spot: Spot, scope: Scope, size: int) -> Spot:
        goal = spot.goal
        if goal is not NO_GOAL:
            goal = Goal(goal.pages - isinstance(declarations.source_of(declared), sources.Page), goal.depth)
        return Spot(scope, spot.depth + 1, spot.rows * size * self.made.times(type_), goal, spot.sought)

    # ── fragments ──

    def narrowed(self, type_: GraphQLNamedType, spot: Spot, wanted: Iterable[str]) -> list[str]:
        """Fragments, inline or named: on the types of an abstract one, on its interfaces, on itself."""
        if spot.depth >= DEEPEST - 1:
            return []
        if isinstance(type_, GraphQLObjectType):
            conditions = [*type_.interfaces, type_, None]
            return self.fragment(type_, self.random.choice(conditions), spot.by_the_way) if self.chance(0.1) else []
        possible = self.made.possible(type_)
        named = [each for each in possible if each.name in set(wanted)]
        parts: list[str] = []
        for sought in spot.sought:
            if nearest := self.made.nearest(named, sought) or self.made.nearest(possible, sought):
                parts += self.fragment(type_, self.random.choice(nearest), spot.to(sought))
        spot = replace(spot, sought=())
        weights = [0.1 + self.hunger[each.name] for each in possible]
        named += self.random.choices(possible, weights, k=self.random.choice((1, 2, 3)))
        for each in dict.fromkeys(named):
            if self.room > 0 or not parts:
                parts += self.fragment(type_, each, spot)
        if self.chance(0.2):
            interfaces = list(dict.fromkeys(interface for each in possible for interface in each.interfaces))
            parts += self.fragment(type_, self.random.choice(interfaces), spot.by_the_way)
        return parts

    def fragment(self, parent: GraphQLNamedType, on: GraphQLNamedType | None, spot: Spot) -> list[str]:
        if on is not None and self.chance(0.35):
            return self.named_fragment(on, spot)
        inner = self.selections(on or parent, spot)
        condition = f" on {on.name}" if on else ""
        return [f"...{condition}{self.condition(0.15 if spot.is_by_the_way else 0)} {{ {inner} }}"]

    def named_fragment(self, on: GraphQLNamedType, spot: Spot) -> list[str]:
        """A fragment with keys of its own, so that it can be spread elsewhere too."""
        own: Scope = {}
        before, variables, fragments = self.rows_left, len(self.variables), len(self.fragments)
        inner = self.selections(on, replace(spot, scope=own))
        if not fits(spot.scope, own):
            del self.variables[variables:], self.fragments[fragments:]
            return [self.typename(spot.scope)]
        name = f"F{next(self.numbers)}"
        text = f"fragment {name} on {on.name} {{ {inner} }}"
        cost = (before - self.rows_left) // spot.rows + 1
        self.fragments.append(Fragment(name, on, own, DEEPEST - spot.depth, cost, text))
        merge(spot.scope, own)
        return [f"...{name}{self.condition(0.15 if spot.is_by_the_way else 0)}"]

    def spread_again(self, type_: GraphQLNamedType, spot: Spot) -> list[str]:
        """A fragment that was written for another place."""
        for fragment in self.fragments:
            overlaps = fragment.type is type_ or fragment.type in getattr(type_, "interfaces", ())
            is_shallow = spot.depth <= DEEPEST - fragment.depth
            cost = fragment.rows * spot.rows
            if overlaps and is_shallow and fits(spot.scope, fragment.scope) and cost <= self.rows_left:
                self.rows_left -= cost
                merge(spot.scope, fragment.scope)
                return [f"...{fragment.name}"]
        return []

    def condition(self, chance: float) -> str:
        """A @skip or @include, by a literal or by one of a few variables."""
        if not self.chance(chance):
            return ""
        name = self.random.choice(("skip", "include"))
        if self.chance(0.3):
            return f" @{name}(if: {self.random.choice(('true', 'false'))})"
        asked = [v for v in self.variables if v.name.startswith("if")]
        if len(asked) < CONDITIONS:
            asked = [self.asked_whether()]
        both = f" @{'include' if name == 'skip' else 'skip'}(if: {'true' if name == 'skip' else 'false'})"
        return f" @{name}(if: ${self.random.choice(asked).name})" + (both if self.chance(0.2) else "")

    def asked_whether(self) -> _Variable:
        default = self.random.choice((None, "true", "false"))
        absent = [ABSENT] if default else []
        variable = _Variable(
            f"if{next(self.numbers)}",
            "Boolean" if default else "Boolean!",
            lambda: self.random.choice([True, False, *absent]),
            default,
        )
        self.variables.append(variable)
        return variable


# A field that leads deeper, by what it comes from: connections first.
_CARRIES: Final[Mapping[type, float]] = {
    sources.Page: 3.0,
    sources.Own: 1.5,
    sources.One: 1.0,
    sources.Inverse: 1.0,
    sources.Lookup: 1.0,
    sources.Either: 0.5,
    sources.Many: 0.7,
    sources.Entities: 0.5,
    sources.Reference: 0.5,
}


def fits(scope: Scope, other: Scope) -> bool:
    """Whether two selections of one object can be merged."""
    return all(
        key not in scope or (scope[key][0] == signature and fits(scope[key][1], below))
        for key, (signature, below) in other.items()
    )


def merge(scope: Scope, other: Scope) -> None:
    for key, (signature, below) in other.items():
        merge(scope.setdefault(key, (signature, {}))[1], below)


class _Arguments:
    """The arguments of one field: what they say, and how many rows that may bring (`size`)."""

    def __init__(self, writer: _Writer, type_: Fields, name: str, spot: Spot, sought: Sought | None) -> None:
        self.writer = writer
        self.random = writer.random
        self.made = writer.made
        self.on_way = spot.sought
        self.sought = sought and sought.argument
        self.place = f"{type_.name}.{name}"
        self.declared = declared = type_.fields[name]
        self.source = declarations.source_of(declared)
        self.rows = spot.rows
        self.lacks_cursor = False
        self.size = 20 if isinstance(self.source, sources.Many) else 1
        self.wanted: list[str] = []

    def written(self) -> str | None:
        """`(first: 3, after: $v2)`; null where the rows would be too many."""
        values: dict[str, tuple[Draw, bool]] = {}
        if isinstance(self.source, sources.Page) and not self.paged(self.source, values):
            return None
        for name in self.declared.args:
            if name not in PAGING and (self.is_required(name) or self.is_asked(name)):
                values[name] = self.drawn(name), True
        if self.size > 1 and not isinstance(self.source, sources.Page):
            self.writer.rows_left -= self.rows * self.size
            if self.writer.rows_left < 0:
                self.writer.rows_left += self.rows * self.size
                return None
        items = list(values.items())
        self.random.shuffle(items)
        parts = [f"{name}: {self.value(name, draw, free=free)}" for name, (draw, free) in items]
        return f"({', '.join(parts)})" if parts else ""

    def is_required(self, name: str) -> bool:
        return isinstance(self.declared.args[name].type, GraphQLNonNull)

    def is_asked(self, name: str) -> bool:
        # On the way to what is sought nothing else is asked: it would leave fewer rows to find it on.
        if self.on_way:
            return name == self.sought
        return self.writer.chance(0.15 + 0.4 * self.made.need_of(self.place, name))

    # ── pages ──

    def paged(self, source: sources.Page, values: dict[str, tuple[Draw, bool]]) -> bool:
        """The size, the order and the cursor of a page; false where there is no room for it."""
        most = self.writer.rows_left // self.rows
        sizes = [size for size in (1, 2, 3, 4, 5, 7, 10, 20, 33, 50, 100) if page_bucket(size) <= most]
        if not sizes:
            return False
        weights = [4.0 if size <= 5 else 1.0 if size <= 20 else 0.4 / self.rows for size in sizes]
        first = self.random.choices(sizes, weights)[0]
        if most < 20 or self.sought in {"first", "last"} or self.writer.chance(0.7):
            limit = page_bucket(first)
            end = "last" if "last" in self.declared.args and self.is_asked("last") else "first"
            values[end] = (lambda: self.random.choice([first, first, limit, max(1, first - 1)])), most >= 20
            self.size = max(limit, 20 if most >= 20 else 0)
        else:
            self.size = 20
        self.writer.rows_left -= self.rows * self.size
        order = self.ordered(source, values)
        known = self.made.cursors[order] if order else []
        for name in ("after", "before"):
            if known and name in self.declared.args and self.is_asked(name):
                values[name] = (lambda: self.random.choice(known)), True
        self.lacks_cursor = self.sought in {"after", "before"} and not known
        return True

    def ordered(self, source: sources.Page, values: dict[str, tuple[Draw, bool]]) -> str | None:
        """Choose the order; the template that its cursors belong to."""
        if self.writer.seat is None:
            return None
        asked = sources.DEFAULT
        if "orderBy" in self.declared.args:
            # Without `orderBy` the argument's default is asked for.
            asked = str(self.declared.args["orderBy"].default_value)
            if self.is_asked("orderBy"):
                chosen = asked = self.random.choice([key for key in source.orders if key])
                values["orderBy"] = (lambda: chosen), False
        return sources.for_side(source.orders[asked].sql, self.writer.seat.side)

    # ── values ──

    def drawn(self, name: str) -> Draw:
        """What makes values of an argument."""
        makers: Mapping[str, Callable[[], Draw]] = {
            "id": self.one_id,
            "accountId": lambda: self.ids_of("Account", several=False),
            "fileIds": lambda: self.ids_of("ProjectFile", several=True),
            "ids": self.several_ids,
            "search": lambda: lambda: self.random.choice(PIECES),
            "token": self.tokens,
            "unread": lambda: lambda: self.random.choice((True, False)),
            "country": lambda: lambda: self.random.choice(("NO", "ch", " de ", "XX", "")),
            "region": lambda: lambda: self.random.choice(("Zürich", "ZÜRICH", "bergen", *PIECES)),
            "service": lambda: lambda: self.random.choice(("Shop care", "strasse", "SHOP CARE", *PIECES)),
            "topic": lambda: lambda: [*self.random.sample(sorted(moves.TOPICS), 5), "no.topic"],
        }
        return makers[name]() if name in makers else self.words_of(name)

    def words_of(self, name: str) -> Draw:
        type_ = self.declared.args[name].type
        words = list(cast("GraphQLEnumType", get_named_type(type_)).values)
        if is_list(type_):
            return lambda: self.random.sample(words, self.random.randint(0, min(4, len(words))))
        return lambda: self.random.choice(words)

    def tokens(self) -> Draw:
        world = self.made.world
        known = world.invite_tokens if self.place == "Query.invite" else world.sign_in_tokens
        return lambda: self.random.choice([*known, "no token", ""])

    def one_id(self) -> Draw:
        named = get_named_type(self.declared.type)
        types = self.node_types() if isinstance(named, GraphQLInterfaceType) else [cast("GraphQLObjectType", named)]
        type_ = self.random.choices(types, [0.2 + self.writer.hunger[t.name] for t in types])[0]
        self.wanted = [type_.name]
        return lambda: self.an_id(type_)

    def ids_of(self, name: str, *, several: bool) -> Draw:
        type_ = next(type_ for type_ in self.made.node_types if type_.name == name)
        return lambda: [self.an_id(type_) for _ in range(self.random.randint(0, 5))] if several else self.an_id(type_)

    def several_ids(self) -> Draw:
        possible = self.node_types()
        types = self.random.choices(possible, [0.2 + self.writer.hunger[t.name] for t in possible], k=3)
        self.wanted = [type_.name for type_ in types]
        most = self.random.choice(
            [n for n in (1, 3, 5, 10, 50, 100) if n * self.rows <= max(1, self.writer.rows_left // 2)]
        )
        self.size = page_bucket(most)
        return lambda: [self.an_id(self.random.choice(types)) for _ in range(self.random.choice((most, most, 1, 0)))]

    def node_types(self) -> Sequence[GraphQLObjectType]:
        """What any object may be; on the way to what is sought, what that is nearest to."""
        types = self.made.node_types
        return self.made.nearest(types, self.on_way[0]) or types if self.on_way else types

    def an_id(self, type_: GraphQLObjectType) -> str:
        """Mostly of what the seat sees; else of what it does not, or of nothing."""
        visible = self.made.visible_ids(type_, self.writer.seat_name)
        every = self.made.ids[type_.name]
        lot = self.random.random()
        if visible and lot < 0.75:
            return str(self.random.choice(visible))
        return str(self.random.choice(every if every and lot < 0.9 else self.made.missing))

    # ── how a value is written ──

    def value(self, name: str, draw: Draw, *, free: bool) -> str:
        """A literal, null, a variable, or a list with variables in it. `free`: null and nothing may stand for it."""
        declared = self.declared.args[name].type
        may_be_null = free and not self.is_required(name)
        lot = self.random.random()
        if lot < 0.45:
            return self.literal(draw(), declared)
        if lot < 0.5 and may_be_null:
            return "null"
        if lot < 0.6 and is_list(declared) and (items := draw()):
            inner = cast("GraphQLList[Any]", nullable(declared)).of_type
            [_, *rest] = items
            variable = self.variable(str(inner), lambda: self.random.choice(items))
            return f"[{', '.join([variable, *(self.literal(item, inner) for item in rest)])}]"
        return self.argument_by_variable(declared, draw, may_be_null=may_be_null)

    def argument_by_variable(self, declared: GraphQLType, draw: Draw, *, may_be_null: bool) -> str:
        if not may_be_null:
            if self.writer.chance(0.3):
                default = self.literal(draw(), declared)
                return self.variable(
                    str(nullable(declared)), lambda: ABSENT if self.writer.chance(0.5) else draw(), default
                )
            required = isinstance(declared, GraphQLNonNull) or self.writer.chance(0.5)
            return self.variable(f"{nullable(declared)}{'!' if required else ''}", draw)
        if self.writer.chance(0.3):
            default = self.literal(draw(), declared)
            return self.variable(str(declared), lambda: self.random.choice([ABSENT, None, draw(), draw()]), default)
        return self.variable(str(declared), lambda: self.random.choice([ABSENT, None, draw(), draw(), draw(), draw()]))

    def variable(self, type_: str, draw: Draw, default: str | None = None) -> str:
        variable = _Variable(f"v{next(self.writer.numbers)}", type_, draw, default)
        self.writer.variables.append(variable)
        return f"${variable.name}"

    def literal(self, value: object, declared: GraphQLType) -> str:
        if isinstance(value, list):
            inner = cast("GraphQLList[Any]", nullable(declared)).of_type
            if len(value) == 1 and self.writer.chance(0.3):
                return self.literal(value[0], inner)
            return f"[{', '.join(self.literal(item, inner) for item in value)}]"
        if isinstance(value, str) and not isinstance(get_named_type(declared), GraphQLEnumType):
            return json.dumps(value, ensure_ascii=self.writer.chance(0.3))
        return str(value).lower() if isinstance(value, bool) else str(value)


def nullable(declared: GraphQLType) -> GraphQLType:
    return declared.of_type if isinstance(declared, GraphQLNonNull) else declared


def is_list(declared: GraphQLType) -> bool:
    return isinstance(nullable(declared), GraphQLList)
