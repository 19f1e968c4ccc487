"""Statements that are written once and run on both databases.

A template names its parameters (`:partner`) and marks the few places where the databases differ:

- `{among}select ...{end}`: membership in a set that is read once: `= any(array(select ...))` on PostgreSQL, which
  plans it 4 times better than `in (select ...)`; `in (select ...)` on SQLite.
- `{joined}x{end_joined}`: the texts of all rows, separated by commas, in the order of the rows that are given.
- `{within}:values{end_within}`: membership in a bound list.
- `{skipping}`: rows that somebody else works on are left out; on SQLite the write comes first, and there is nobody.
- `{t}`: the alias of the row that the template is about.
"""

import datetime as dt
import enum
import functools
import re
from collections.abc import Callable, Mapping, Sequence

import orjson

PARAMETER = re.compile(r"(?<!:):([a-z_][a-z0-9_]*)")


class Dialect(enum.StrEnum):
    """The two databases."""

    POSTGRES = "postgres"
    SQLITE = "sqlite"


_MARKS: Mapping[Dialect, Mapping[str, str]] = {
    Dialect.POSTGRES: {
        "among": "= any(array(",
        "end": "))",
        "joined": "string_agg(",
        "end_joined": ", ',')",
        "skipping": "for update skip locked",
        "within": "= any(",
        "end_within": ")",
    },
    Dialect.SQLITE: {
        "among": "in (",
        "end": ")",
        "joined": "group_concat(",
        "end_joined": ", ',')",
        "skipping": "",
        "within": "in (select value from json_each(",
        "end_within": "))",
    },
}


def marks(dialect: Dialect, **aliases: str) -> dict[str, str]:
    """What to `format` a template with: the dialect's marks and the aliases of its rows."""
    return {**_MARKS[dialect], **aliases}


@functools.lru_cache(maxsize=256)
def number(statement: str, dialect: Dialect) -> tuple[str, Sequence[str]]:
    """Replace `:name` by the driver's numbered placeholders; the names come back in the order of their numbers."""
    names: list[str] = []

    def placeholder(match: re.Match[str]) -> str:
        name = match[1]
        if name not in names:
            names.append(name)
        return f"{'$' if dialect is Dialect.POSTGRES else '?'}{names.index(name) + 1}"

    return PARAMETER.sub(placeholder, statement), tuple(names)


def bind(template: str, values: Mapping[str, object], dialect: Dialect, **aliases: str) -> tuple[str, list[object]]:
    """A statement and its values, ready for the driver of that dialect."""
    statement, names = number(template.format(**marks(dialect, **aliases)), dialect)
    adapt = ADAPT[dialect]
    return statement, [adapt(values[name]) for name in names]


def time_text(moment: dt.datetime) -> str:
    """UTC with microseconds and fixed width, so that text compares as time: `2026-11-21T20:46:00.000000Z`."""
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")[:26] + "Z"


def _sqlite_value(value: object) -> object:
    if isinstance(value, dt.datetime):
        return time_text(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, (list, tuple, set, frozenset)):
        return orjson.dumps(list(value)).decode()
    return value


def _postgres_value(value: object) -> object:
    return list(value) if isinstance(value, (set, frozenset, tuple)) else value


ADAPT: Mapping[Dialect, Callable[[object], object]] = {
    Dialect.POSTGRES: _postgres_value,
    Dialect.SQLITE: _sqlite_value,
}
