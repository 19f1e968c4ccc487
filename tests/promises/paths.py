"""Documents that walk from every root and every kind of object through all object fields, four objects deep.

Of each object on the way they read the id, which tells whose it is, and every field that is narrower than its object.
What else an object holds is read once, by its own id: see `matrix`. From every start each two fields follow each other;
further on they do so once.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeGuard

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
)

from resolvers import declarations

DEPTH: Final = 4
# Of a list on the way, and at most of all lists of a document: half of what the server allows.
PAGE: Final = 4
ROWS: Final = 2_500
FIELDS: Final = 500
STATEMENTS: Final = 250
IDS: Final = 6

ALIASES: Final = 25
PAGE_INFO: Final = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"

Object = GraphQLObjectType | GraphQLInterfaceType


class Step(NamedTuple):
    """A field and the type that it leads to."""

    parent: str
    field: str
    to: str


Path = tuple[Step, ...]


@dataclass
class Walker:
    """Reads the ways off the schema."""

    schema: GraphQLSchema
    seen: set[tuple[Step, Step]] = field(default_factory=set)

    def nodes(self) -> list[GraphQLObjectType]:
        """The types whose objects have ids."""
        interface = self.schema.type_map["Node"]
        assert isinstance(interface, GraphQLInterfaceType)
        rows = [of for of in self.schema.get_possible_types(interface) if declarations.own_table_of(of)]
        return sorted(rows, key=lambda of: of.name)

    def of_ids(self, of: str, ids: Iterable[str]) -> Iterator[str]:
        """Documents that begin at objects of a type."""
        wanted = list(ids)
        chunks = [wanted[start : start + IDS] for start in range(0, len(wanted), IDS)]
        for bundle in self._bundles(of, DEPTH, IDS):
            selection = self._selection(of, bundle)
            for chunk in chunks:
                asked = ", ".join(f'"{row_id}"' for row_id in chunk)
                yield f"{{ nodes(ids: [{asked}]) {{ ... on {of} {selection} }} }}"

    def of_roots(self) -> Iterator[str]:
        """Documents that begin at the roots that need no argument."""
        query = self.schema.query_type
        assert query is not None
        for bundle in self._bundles(query.name, DEPTH + 1, 1):
            yield self._selection(query.name, bundle)

    def of_arguments(self, of: str, ids: Iterable[str], said: Iterable[str]) -> Iterator[str]:
        """Documents that ask the lists of a type's objects by every value of every argument. `said`: what to search."""
        asked = ", ".join(f'"{row_id}"' for row_id in list(ids)[:IDS])
        for selection in self._varied(of, list(said)):
            yield f"{{ nodes(ids: [{asked}]) {{ ... on {of} {{ id {selection} }} }} }}"

    def of_root_arguments(self, said: Iterable[str]) -> Iterator[str]:
        """The same for the lists of the roots and of the viewer."""
        query = self.schema.query_type
        assert query is not None
        searched = list(said)
        for selection in self._varied(query.name, searched):
            yield f"{{ {selection} }}"
        for selection in self._varied("Viewer", searched):
            yield f"{{ viewer {{ {selection} }} }}"

    def _varied(self, of: str, said: list[str]) -> Iterator[str]:
        for name, declared in self._object(of).fields.items():
            if not is_connection(get_named_type(declared.type)):
                continue
            values = [
                f"{argument}: {value}"
                for argument, given in declared.args.items()
                if argument not in {"first", "after"}
                for value in _values(given.type, said)
            ]
            shown = f"{{ totalCount nodes {{ {self._key(declared)} }} edges {{ cursor }} {PAGE_INFO} }}"
            for start in range(0, len(values) + 1, ALIASES):
                chunk = ["", *values][start : start + ALIASES]
                yield " ".join(
                    f"{name}_{start + place}: {name}(first: 10{f', {value}' if value else ''}) {shown}"
                    for place, value in enumerate(chunk)
                )

    def _key(self, declared: GraphQLField) -> str:
        """What tells whose the objects of a list are: their ids; of those that have none, all that they hold."""
        kinds = [kind.fields for kind in self.targets(declared)]
        if all("id" in fields for fields in kinds):
            return "id"
        return " ".join(name for fields in kinds for name in fields)

    def whole(self, of: str) -> str:
        """A document that reads all of the objects with the ids `$ids` but their lists of other objects."""
        return f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {of} {self._whole(of)} }} }}"

    def _whole(self, of: str) -> str:
        parts = []
        for name, declared in self._object(of).fields.items():
            to = get_named_type(declared.type)
            if is_leaf_type(to):
                parts.append(name)
            elif isinstance(to, GraphQLUnionType):
                parts.append(f"{name} {{ __typename }}")
            elif "id" in self._object(to.name).fields:
                parts += [] if declarations.is_list(declared) else [f"{name} {{ id }}"]
            elif not is_connection(to):
                parts.append(f"{name} {self._whole(to.name)}")
        return f"{{ {' '.join(parts)} }}"

    # ── ways ──

    def steps(self, of: str) -> list[Step]:
        """Where the fields of a type lead that lead to objects."""
        return [
            Step(of, name, to.name)
            for name, declared in self._object(of).fields.items()
            if not any(argument.type.__class__.__name__ == "GraphQLNonNull" for argument in declared.args.values())
            for to in self.targets(declared)
        ]

    def targets(self, declared: GraphQLField) -> list[GraphQLObjectType]:
        """The types of a field's objects; of a connection, those of its nodes."""
        of = get_named_type(declared.type)
        if is_connection(of):
            of = get_named_type(of.fields["nodes"].type)
        if isinstance(of, GraphQLUnionType):
            return list(of.types)
        if isinstance(of, GraphQLInterfaceType):
            return [kind for kind in self.schema.get_possible_types(of) if declarations.own_table_of(kind)]
        return [of] if isinstance(of, GraphQLObjectType) else []

    def _bundles(self, of: str, depth: int, rows: int) -> Iterator[list[Path]]:
        """All ways from a type, in bundles that one document can hold."""
        bundle: list[Path] = []
        begun: dict[Path, _Size] = {}
        for path in self._paths(of, depth):
            ways = {path[:length]: self._size(path[:length], rows) for length in range(1, len(path) + 1)}
            if bundle and not _Size.total({**begun, **ways}.values()).fits():
                yield bundle
                bundle, begun = [], {}
            bundle.append(path)
            begun |= ways
        if bundle:
            yield bundle

    def _paths(self, of: str, depth: int) -> Iterator[Path]:
        """All ways that go no further, shorter ones first."""
        level: list[Path] = [()]
        for _ in range(depth):
            longer: list[Path] = []
            for path in level:
                steps = [step for step in self.steps(path[-1].to if path else of) if self._is_new(path, step)]
                longer += [(*path, step) for step in steps]
                if path and not steps:
                    yield path
            level = longer
        yield from level

    def _is_new(self, path: Path, step: Step) -> bool:
        """Whether a step stands near the start of its way, or follows the one before it for the first time."""
        if len(path) < 2:
            return True
        is_new = (path[-1], step) not in self.seen
        self.seen.add((path[-1], step))
        return is_new

    def _size(self, path: Path, rows: int) -> "_Size":
        """What the last step of a way adds to a document at most."""
        lists = [step for step in path if self._is_list(step)]
        step = path[-1]
        kinds = len(self.targets(self._object(step.parent).fields[step.field]))
        is_list = self._is_list(step)
        most = rows * PAGE ** len(lists) if is_list else 0
        return _Size(3 + len(self._read(step.to)), kinds if is_list or kinds > 1 else 0, most)

    def _is_list(self, step: Step) -> bool:
        declared = self._object(step.parent).fields[step.field]
        return is_connection(get_named_type(declared.type)) or declarations.is_list(declared)

    # ── text ──

    def _selection(self, of: str, bundle: Iterable[Path], alias: str = "") -> str:
        """What a type's object is asked for along some ways. `alias`: begins the names of its fields."""
        below: dict[str, dict[str, list[Path]]] = {}
        for path in bundle:
            if path:
                below.setdefault(path[0].field, {}).setdefault(path[0].to, []).append(path[1:])
        walked = [self._field(of, name, kinds) for name, kinds in below.items()]
        parts = [
            f"{alias}{part.partition(' ')[0].partition('(')[0]}: {part}" if alias else part
            for part in [*self._read(of), *walked]
        ]
        return f"{{ {' '.join(parts)} }}"

    def _field(self, of: str, name: str, kinds: Mapping[str, list[Path]]) -> str:
        named = get_named_type(self._object(of).fields[name].type)
        is_page = is_connection(named)
        node = get_named_type(named.fields["nodes"].type) if is_page else named
        if isinstance(node, GraphQLObjectType):
            selection = self._selection(node.name, kinds[node.name])
        else:
            # Fields of different types with one name need not be of one type: each kind has names of its own.
            parts = [f"... on {kind} {self._selection(kind, paths, f'{kind}_')}" for kind, paths in kinds.items()]
            selection = f"{{ __typename {' '.join(parts)} }}"
        return f"{name}(first: {PAGE}) {{ totalCount nodes {selection} }}" if is_page else f"{name} {selection}"

    def _read(self, of: str) -> list[str]:
        """The id, and what is narrower than the object and no object itself."""
        fields = self._object(of).fields
        narrow = [
            name
            for name, declared in fields.items()
            if declarations.access_of(declared) and is_leaf_type(get_named_type(declared.type)) and not declared.args
        ]
        if "id" not in fields and declarations.own_table_of(self._object(of)):
            return [name for name, declared in fields.items() if is_leaf_type(get_named_type(declared.type))]
        return [*(["id"] if "id" in fields else ["__typename"]), *narrow]

    def _object(self, of: str) -> Object:
        found = self.schema.type_map[of]
        assert isinstance(found, GraphQLObjectType | GraphQLInterfaceType)
        return found


def is_connection(of: object) -> TypeGuard[GraphQLObjectType]:
    """Whether a type is a page of a list."""
    return isinstance(of, GraphQLObjectType) and of.name.endswith("Connection")


@dataclass(frozen=True)
class _Size:
    fields: int = 0
    statements: int = 0
    rows: int = 0

    @classmethod
    def total(cls, sizes: Iterable["_Size"]) -> "_Size":
        parts = list(sizes)
        return cls(sum(p.fields for p in parts), sum(p.statements for p in parts), sum(p.rows for p in parts))

    def fits(self) -> bool:
        return self.fields <= FIELDS and self.statements <= STATEMENTS and self.rows <= ROWS


def _values(of: GraphQLInputType, said: list[str]) -> list[str]:
    """The literals that an argument of a list is given."""
    named = get_named_type(of)
    if isinstance(named, GraphQLEnumType):
        texts = list(named.values)
    elif named is GraphQLBoolean:
        texts = ["true", "false"]
    else:
        texts = [f'"{text}"' for text in said]
    return [f"[{text}]" if is_list_type(get_nullable_type(of)) else text for text in texts]
