"""The permission matrix (P9): what each kind of seat reads of its own, shared, foreign and former objects.

    python -m tests.promises.matrix          writes matrix.txt anew from the product's answers: read the difference

Rows are the fields of the schema, so a new field has a new row; columns are seats by objects. A type that is no object
of its own (the details of a company, a page's nodes) stands where it is shown, with a dot in its rows' names.
"""

import asyncio
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
)

from domain import clock
from models import database as databases
from resolvers import declarations, reads
from resolvers.engine import Engine
from schema import roots
from tests.conftest import MOMENT
from tests.promises import neighbours
from tests.promises.neighbours import GROUPS, SEATS, World
from tests.promises.paths import Walker, is_connection
from tests.resolvers import asking

EXPECTED: Final = Path(__file__).with_name("matrix.txt")
COMMAND: Final = "python -m tests.promises.matrix"
# Tables side by side.
ABREAST: Final = 4

# Whatever is in a project.
_IN_PROJECTS: Final = {
    "Harbour's Relaunch": "harbour-relaunch",
    "Intern, without Brokers": "harbour-intern",
    "Annex's": "harbour-annex-works",
    "Exchange's": "exchange-audit",
}

# TABLE: which objects of the world the matrix shows, by type: what they are to their readers.
SHOWN: Final[Mapping[str, Mapping[str, str]]] = {
    "AccessRequest": {"Rival's, for Main": "rival-harbour-asking", "Rival's, denied": "rival-harbour-denied"},
    "AccessGrant": {
        "Northwind's on Main": "northwind-harbour",
        "Rival's on Main, expired": "rival-harbour",
        "Former's, disconnected": "former-harbour",
        "Stranger's on Exchange's": "stranger-exchange",
    },
    "Account": {"Main": "main", "Annex": "annex", "Bakery's": "bakery's", "Exchange's": "exchange's"},
    "ActionItem": _IN_PROJECTS,
    "AssignedContact": {
        "Northwind's, lent Harbour": "northwind-harbour, partner's",
        "Harbour's, lent Northwind": "northwind-harbour, client's",
        "Former's, released": "former-harbour, partner's",
        "Asker's, only offered": "asker-harbour, partner's",
        "Northwind's, asked for": "northwind-harbour-asked",
        "in Northwind's draft": "northwind-plan",
        "in Harbour's draft": "harbour-plan",
        "Stranger's": "stranger-exchange, partner's",
    },
    "Client": {"Harbour": "harbour", "Bakery": "bakery", "Exchange": "exchange"},
    "Commission": {"Northwind's": "northwind-earned", "Stranger's": "stranger-earned"},
    "Contact": {
        "Northwind's, lent Harbour": "northwind-lent",
        "Northwind's, kept": "northwind-kept",
        "Former's, released": "former-lent",
        "Asker's, only offered": "asker-lent",
        "Harbour's, lent Northwind": "harbour-lent",
        "Harbour's, kept": "harbour-kept",
        "Harbour's, erased": "harbour-erased",
        "Exchange's, kept": "exchange-kept",
    },
    "Conversation": _IN_PROJECTS,
    "Event": {
        "for both": "northwind-harbour: both",
        "for partner and vendor": "northwind-harbour: partner",
        "for client and vendor": "northwind-harbour: client",
        "for the vendor": "northwind-harbour: vendor",
        "for the partner alone": "northwind-harbour: partner_alone",
        "for the client alone": "northwind-harbour: client_alone",
        "Stranger's, for both": "stranger-exchange: both",
        "of Harbour's contact": "harbour-kept: updated",
        "of Relaunch": "harbour-relaunch",
        "of Exchange's project": "exchange-audit",
    },
    "Invite": {
        "Northwind's of a member": "northwind-invite",
        "vendor's of its admin": "northwind's admin",
        "Harbour's, into Main": "harbour-invite",
        "Harbour's, into Relaunch": "harbour-relaunch-invite",
        "Exchange's, into its project": "exchange-audit-invite",
        "Asker's letter": "asker-letter",
        "Stranger's of a member": "stranger-invite",
    },
    "Message": _IN_PROJECTS,
    "Modification": {
        "Northwind's, open": "northwind-harbour-asked",
        "Northwind's draft": "northwind-plan",
        "Harbour's draft": "harbour-plan",
        "Harbour's, countered": "northwind-harbour-countered",
        "the counter, in part": "northwind-harbour-counter",
        "Stranger's, open": "stranger-exchange-asked",
    },
    "ModificationItem": {
        "lends Northwind's": "northwind-harbour-asked: ADD_CONTACT",
        "releases Harbour's": "northwind-harbour-asked: RELEASE_CONTACT",
        "would lend Northwind's": "northwind-plan: ADD_CONTACT",
        "would lend Harbour's": "harbour-plan: ADD_CONTACT",
        "connects Depot": "northwind-harbour-countered: ADD_ACCOUNT",
        "other terms, accepted": "northwind-harbour-counter: region",
        "Stranger's": "stranger-exchange-asked: ADD_CONTACT",
    },
    "Notice": {
        "P's": "northwind-admin: action",
        "p's": "northwind-member: action",
        "O's": "harbour-owner: action",
        "O's, for information": "harbour-owner: info",
        "X's": "harbour-annex-owner: action",
        "Sam's 2": "sam-annex: action",
        "E's": "exchange-owner: action",
    },
    "Partner": {"Northwind": "northwind", "Rival": "rival", "Former": "former", "Asker": "asker", "Brokers": "brokers"},
    "PartnerMember": {
        "Northwind's": "p northwind-member",
        "Rival's": "R rival-admin",
        "who left Northwind": "R left northwind",
        "Brokers'": "k brokers-member",
    },
    "Partnership": {
        "Northwind and Harbour": "northwind-harbour",
        "the same, ended before": "northwind-harbour-before",
        "Rival and Harbour": "rival-harbour",
        "Former and Harbour, ended": "former-harbour",
        "Asker and Harbour, offered": "asker-harbour",
        "Northwind and Bakery": "northwind-bakery",
        "Stranger and Exchange": "stranger-exchange",
        "Asker's letter": "asker-letter",
        "Brokers and Harbour": "brokers-harbour",
        "Brokers and Exchange": "brokers-exchange",
    },
    "PartnershipManager": {"Northwind's": "northwind's", "Harbour's": "harbour's", "Stranger's": "stranger's"},
    "PartnershipOffer": {
        "Northwind's, accepted": "northwind-harbour",
        "Former's, before the end": "former-harbour",
        "Asker's, open": "asker-harbour",
        "Asker's by letter": "asker-letter",
        "Stranger's": "stranger-exchange",
    },
    "Project": _IN_PROJECTS,
    "ProjectApproval": {**_IN_PROJECTS, "Relaunch's, declined": "harbour-relaunch: decided"},
    "ProjectFile": _IN_PROJECTS,
    "ProjectMember": {
        "k, on Relaunch": "k harbour-relaunch",
        "K, as admin": "K harbour-intern",
        "q, on Exchange's": "q exchange-audit",
        "who left Relaunch": "q left relaunch",
    },
    "Rating": _IN_PROJECTS,
    "Seat": {
        "P's": "P northwind-admin",
        "O's": "O harbour-owner",
        "G's, ended": "G harbour-gone",
        "Sam's 2": "2 sam-annex",
    },
    "StaffMember": {
        "owner of Main": "O harbour-owner",
        "owner of Annex": "X harbour-annex-owner",
        "who left Main": "X left main",
        "who is gone": "G harbour-gone",
        "Exchange's owner": "E exchange-owner",
    },
    "User": {
        "Northwind's admin": "northwind-admin",
        "owner of Main": "harbour-owner",
        "owner of Annex": "harbour-annex-owner",
        "who is gone": "harbour-gone",
        "Rival's admin": "rival-admin",
        "Former's admin": "former-admin",
        "Exchange's owner": "exchange-owner",
        "Sam": "sam",
        "Brokers' admin": "brokers-admin",
        "Brokers' collaborator": "brokers-member",
    },
    "WebhookDelivery": {
        "Northwind's": "northwind-hook: first",
        "Harbour's": "harbour-hook: first",
        "vendor's": "vendor-hook: first",
        "Stranger's": "stranger-hook: first",
    },
    "WebhookEndpoint": {
        "Northwind's": "northwind's",
        "Harbour's, disabled": "harbour's",
        "vendor's": "vendor's",
        "Stranger's": "stranger's",
    },
    "Widget": _IN_PROJECTS,
}

# TABLE: what the roots with a required argument are asked for: rows of the world by the prefix of their ids and their
# names there, or a mailed link.
ASKED: Final[Mapping[str, Sequence[str]]] = {
    "account": ("account main", "account exchange's"),
    "client": ("client harbour", "client exchange"),
    "contact": ("contact northwind-lent", "contact exchange-kept"),
    "fileLinks": ("file harbour-relaunch", "file exchange-audit"),
    "invite": ("link invite of northwind-invite", "link sign-in of harbour-owner"),
    "node": ("partnership northwind-harbour", "partnership stranger-exchange"),
    "nodes": ("partnership northwind-harbour", "partnership stranger-exchange"),
    "partner": ("partner northwind", "partner stranger"),
    "partnership": ("partnership northwind-harbour", "partnership stranger-exchange"),
    "project": ("project harbour-relaunch", "project exchange-audit"),
    "signInLink": ("link sign-in of harbour-owner", "link invite of northwind-invite"),
}

LEGEND: Final = """\
V  reads it              1-9  a list of so many (9: or more)      F  FORBIDDEN, and null
-  null, no error        0    an empty list                       U  UNAUTHENTICATED
.  the object is not there
"""

Cells = dict[str, str]
"""A letter for each seat."""


class MissingError(Exception):
    """Something that the schema has and the matrix does not; the message says what to do."""


@dataclass
class Table:
    """A type: for each of its fields, the cells below each object."""

    name: str
    objects: Sequence[str]
    rows: dict[str, list[Cells]] = field(default_factory=dict)

    def printed(self) -> Iterator[str]:
        """The table's text, so many objects abreast as a line holds."""
        margin = max(len(row) for row in [self.name, *self.rows]) + 2
        letters = " ".join(GROUPS)
        for start in range(0, len(self.objects), ABREAST):
            captions = self.objects[start : start + ABREAST]
            widths = [max(len(caption), len(letters)) for caption in captions]
            if any(captions):
                yield _line(self.name, captions, margin, widths)
            yield _line("" if any(captions) else self.name, [letters] * len(captions), margin, widths)
            for row, cells in self.rows.items():
                yield _line(row, [_grouped(c) for c in cells[start : start + ABREAST]], margin, widths)
            yield ""


def _line(head: str, parts: Iterable[str], margin: int, widths: Sequence[int]) -> str:
    padded = (part.ljust(width) for part, width in zip(parts, widths, strict=True))
    return f"{head.ljust(margin)}{'   '.join(padded)}".rstrip()


def _grouped(cells: Cells) -> str:
    return " ".join("".join(cells[seat] for seat in group) for group in GROUPS)


@dataclass
class Matrix:
    """Asks the product, and writes down what it answered."""

    schema: GraphQLSchema
    world: World
    engine: Engine
    answers: list[tuple[str, str, bytes]] = field(default_factory=list)
    """Every document with the seat that asked and what it was answered."""
    tables: list[Table] = field(default_factory=list)

    async def text(self) -> str:
        """The whole matrix; MissingError says what the world or a table of this module lacks."""
        self.tables = [await self._of_roots(), *[await self._of_type(of) for of in Walker(self.schema).nodes()]]
        _hold_to_values(self.tables)
        seats = [f"{letter}  {who}" for letter, who in SEATS.items()]
        head = [f"Written by `{COMMAND}`.", "", *seats, "", LEGEND]
        return "\n".join([*head, *(line for table in self.tables for line in table.printed())])

    # ── tables ──

    async def _of_type(self, of: GraphQLObjectType) -> Table:
        shown = SHOWN.get(of.name)
        if shown is None:
            message = f"No object of the type {of.name} is in the matrix: write rows of it in neighbours.py, name them"
            raise MissingError(f"{message} there by `World.name`, and choose in matrix.SHOWN which are shown.")
        rows = _rows(of, self.schema)
        ids = ", ".join(f'"{self._id(of, name)}"' for name in shown.values())
        text = f"{{ nodes(ids: [{ids}]) {{ ... on {of.name} {_selection(of, self.schema)} }} }}"
        table = Table(of.name, list(shown), {row: [{} for _ in shown] for row in rows})
        for seat in SEATS:
            answer = await self._answer(text, seat)
            for place in range(len(shown)):
                for row in rows:
                    table.rows[row][place][seat] = _letter(answer, ["nodes", place], row)
        return table

    def _id(self, of: GraphQLObjectType, name: str) -> str:
        prefix = declarations.table_of(of).prefix
        if name not in self.world.named.get(prefix, {}):
            raise MissingError(f"The world has no {prefix} that is named {name!r} by `World.name`; see matrix.SHOWN.")
        return self.world.named[prefix][name]

    async def _of_roots(self) -> Table:
        query = self.schema.query_type
        assert query is not None
        table = Table("Query", [""])
        for name, declared in query.fields.items():
            required = [a for a, d in declared.args.items() if str(d.type).endswith("!")]
            for asked in ASKED.get(name, ()) if required else ("",):
                text, head = name, name
                if required:
                    given = f'"{self._asked_for(asked)}"'
                    given = f"[{given}]" if str(declared.args[required[0]].type).startswith("[") else given
                    text = f"{name}({required[0]}: {given})"
                    head = f"{name}({required[0]}: {asked})"
                rows = _below(name, get_named_type(declared.type), self.schema)
                for row in rows:
                    table.rows[head + row.removeprefix(name)] = [{}]
                for seat in SEATS:
                    answer = await self._answer(f"{{ {text}{_asking(declared.type, self.schema)} }}", seat)
                    for row in rows:
                        table.rows[head + row.removeprefix(name)][0][seat] = _letter(answer, [], row)
            if required and name not in ASKED:
                raise MissingError(f"The root {name} takes {required}: say in matrix.ASKED what it is asked for.")
        return table

    def _asked_for(self, label: str) -> str:
        prefix, _, name = label.partition(" ")
        return self.world.links[name] if prefix == "link" else self.world.named[prefix][name]

    async def _answer(self, text: str, seat: str) -> Any:
        body = await asking.body(self.engine, text, self.world.seats[seat])
        self.answers.append((text, seat, body))
        answer = orjson.loads(body)
        codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
        if "data" not in answer and codes != {"UNAUTHENTICATED"}:
            raise MissingError(f"The product refused to answer {text}: {body.decode()}")
        return answer


# ── the fields of a type ──


def _rows(of: GraphQLObjectType, schema: GraphQLSchema) -> list[str]:
    """The fields of a type; those of a plain object within it by their path."""
    return [row for name, declared in of.fields.items() for row in _below(name, get_named_type(declared.type), schema)]


def _below(path: str, of: object, schema: GraphQLSchema) -> list[str]:
    if is_connection(of) and (entry := _plain_entry(of, schema)):
        return [path, *(f"{path}.nodes.{row}" for row in _rows(entry, schema))]
    if isinstance(of, GraphQLObjectType) and _is_plain(of, schema):
        return [path, *(f"{path}.{row}" for row in _rows(of, schema))]
    return [path]


def _plain_entry(of: GraphQLObjectType, schema: GraphQLSchema) -> GraphQLObjectType | None:
    """What a list's objects are, if they have no id; null if they have."""
    entry = get_named_type(of.fields["nodes"].type)
    return entry if isinstance(entry, GraphQLObjectType) and _is_plain(entry, schema) else None


def _is_plain(of: GraphQLObjectType, schema: GraphQLSchema) -> bool:
    """Whether a type's objects have no id to be asked for by, and so are shown where they stand."""
    return not is_connection(of) and schema.type_map["Node"] not in of.interfaces


def _selection(of: GraphQLObjectType, schema: GraphQLSchema) -> str:
    """Everything that an object holds, down to the next ones."""
    fields = (f"{name}{_asking(declared.type, schema)}" for name, declared in of.fields.items())
    return f"{{ {' '.join(fields)} }}"


def _asking(of: GraphQLOutputType, schema: GraphQLSchema) -> str:
    named = get_named_type(of)
    if is_connection(named):
        entry = _plain_entry(named, schema)
        nodes = _selection(entry, schema) if entry else "{ id }"
        return f" {{ totalCount nodes {nodes} edges {{ cursor }} pageInfo {{ hasNextPage startCursor endCursor }} }}"
    if isinstance(named, GraphQLObjectType) and _is_plain(named, schema):
        return f" {_selection(named, schema)}"
    if isinstance(named, GraphQLUnionType):
        return f" {{ {' '.join(f'... on {kind.name} {{ id }}' for kind in named.types)} }}"
    return " { id }" if isinstance(named, GraphQLObjectType | GraphQLInterfaceType) else ""


# ── cells ──


def _letter(answer: Any, above: Sequence[str | int], row: str) -> str:
    """What a seat got where a row stands, in one letter."""
    if "data" not in answer:
        return "U"
    value: Any = answer["data"]
    for step in above:
        value = value[step]
    if value is None:
        return "."
    steps = row.split(".")
    for step in steps:
        value = _inside(value, step)
    if value is None or value == []:
        refused = [e["extensions"]["code"] for e in answer.get("errors", ()) if _is_at(e["path"], above, steps)]
        return refused[0][0] if refused else "-" if value is None else "0"
    if isinstance(value, dict) and "totalCount" in value:
        return str(min(value["totalCount"], 9))
    return str(min(len(value), 9)) if isinstance(value, list) else "V"


def _inside(value: Any, step: str) -> Any:
    """A field of an object; of a list of plain objects, the first value that one of them holds."""
    if isinstance(value, list):
        return next((item[step] for item in value if item is not None and item[step] is not None), None)
    return None if value is None else value[step]


def _is_at(path: Sequence[str | int], above: Sequence[str | int], steps: Sequence[str]) -> bool:
    """Whether an error stands at a row or above it."""
    names = [step for step in path[len(above) :] if isinstance(step, str)]
    return list(path[: len(above)]) == list(above) and names == list(steps[: len(names)])


def _hold_to_values(tables: Iterable[Table]) -> None:
    """Raise MissingError where nobody reads a value: a null could be the world's, and hide a leak."""
    read: dict[str, set[str]] = {}
    for table in tables:
        for row, blocks in table.rows.items():
            letters = read.setdefault(f"{table.name}.{_asked.sub('', row)}", set())
            letters |= {letter for cells in blocks for letter in cells.values()}
    if unread := [row for row, letters in read.items() if letters.isdisjoint("V123456789")]:
        message = "Nobody reads a value of these. Give one to an object of the world (neighbours.py), and show it"
        raise MissingError(f"{message} (matrix.SHOWN, matrix.ASKED): {', '.join(unread)}")


_asked = re.compile(r"\(.*\)")


# ── the command ──


async def of_a_new_world() -> str:
    """The matrix of a world that is made for it, on SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite://{folder}/matrix.sqlite3?synchronous=OFF"
        await databases.migrate(url)
        async with databases.connected(url), reads.opened(url) as own_reads:
            schema = roots.executable()
            return await Matrix(schema, await neighbours.filled(), Engine(schema, own_reads)).text()


def main() -> None:
    """Write the matrix anew, or say what is missing."""
    with neighbours.surroundings(), clock.frozen_at(MOMENT):
        try:
            EXPECTED.write_text(asyncio.run(of_a_new_world()))
        except MissingError as missing:
            sys.exit(str(missing))


if __name__ == "__main__":
    main()
