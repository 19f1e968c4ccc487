"""What rows are made of: ids, sort keys, times, words."""

import datetime as dt
import sqlite3
import unicodedata
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, TypeVar, overload

import typeid
from tortoise import Model, fields

from models import sql, tortoise_patches

tortoise_patches.install()

# Tortoise registers an adapter that keeps a time's own offset, which SQLite would then compare as text. This one also
# serves raw statements, so that a time is written in one form whichever way it comes.
sqlite3.register_adapter(dt.datetime, sql.time_text)

TEXT = TypeVar("TEXT", str, str | None)
TIME = TypeVar("TIME", dt.datetime, dt.datetime | None)
WORD = TypeVar("WORD", bound=StrEnum)
MODEL = TypeVar("MODEL", bound=Model)

LONGEST_WORD = 40


class TextField(fields.Field[TEXT]):
    """Text of any length. Tortoise's own refuses indexes, which both databases have."""

    field_type = str
    SQL_TYPE = "TEXT"

    if TYPE_CHECKING:  # the options that rows here give; what a column holds follows from `null`

        @overload
        def __init__(
            self: "TextField[str]", *, null: Literal[False] = False, primary_key: bool = False, unique: bool = False
        ) -> None: ...
        @overload
        def __init__(self: "TextField[str | None]", *, null: Literal[True], unique: bool = False) -> None: ...
        def __init__(self, *, null: bool = False, primary_key: bool = False, unique: bool = False) -> None: ...


class KeyField(TextField[TEXT]):
    """What a list is sorted and searched by (see `text_key`), compared byte by byte on both databases."""

    class _db_postgres:  # noqa: N801  Tortoise looks it up by this name
        SQL_TYPE = 'TEXT COLLATE "C"'


class IdField(KeyField[TEXT]):
    """The TypeID of a row: a prefix that names the table, and a UUIDv7, so that ids sort by creation."""


class OwnIdField(IdField[str]):
    """A row's own id, made when the row is."""

    def __init__(self, prefix: str) -> None:
        super().__init__(primary_key=True)
        self.prefix = prefix
        self.default = _maker(prefix)

    def deconstruct(self) -> tuple[str, list[object], dict[str, object]]:
        """Name the prefix alone in migrations: what follows from it cannot be written down there."""
        path, _, _ = super().deconstruct()
        return path, [self.prefix], {}


class UtcDatetimeField(fields.DatetimeField[TIME]):
    """A moment. SQLite keeps it as `2026-11-21T20:46:00.000000Z`, so that its text may be compared and handed out."""

    class _db_sqlite:  # noqa: N801  Tortoise looks it up by this name
        SQL_TYPE = "TEXT"

    if TYPE_CHECKING:  # what a column holds follows from `null`

        @overload
        def __init__(self: "UtcDatetimeField[dt.datetime]", *, null: Literal[False] = False) -> None: ...
        @overload
        def __init__(self: "UtcDatetimeField[dt.datetime | None]", *, null: Literal[True]) -> None: ...
        def __init__(self, *, null: bool = False) -> None: ...

    def to_db_value(  # type: ignore[override]  # the base class also takes years and texts, for its date filters
        self,
        value: dt.datetime | None,
        instance: type[Model] | Model,  # noqa: ARG002  Tortoise hands it to every field
    ) -> dt.datetime | None:
        self.validate(value)
        return value and self._in_utc(value)

    def to_python_value(self, value: dt.datetime | str | None) -> dt.datetime | None:
        moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment and self._in_utc(moment)

    def _in_utc(self, moment: dt.datetime) -> dt.datetime:
        if moment.tzinfo is None:
            raise ValueError(f"{self.model_field_name}: a moment needs its offset, {moment.isoformat()} has none")
        return moment.astimezone(dt.UTC)


@overload
def word_field(words: type[WORD], *, default: WORD | None = None) -> fields.Field[WORD]: ...
@overload
def word_field(words: type[WORD], *, null: Literal[True]) -> "fields.Field[WORD | None]": ...
def word_field(
    words: type[WORD], *, default: WORD | None = None, null: bool = False
) -> "fields.Field[WORD] | fields.Field[WORD | None]":
    """Keep one of an enum's words. A longer word, added later, needs no migration."""
    return fields.CharEnumField(words, description="", max_length=LONGEST_WORD, default=default, null=null)


@overload
def reference(model: str) -> fields.ForeignKeyRelation[MODEL]: ...
@overload
def reference(model: str, *, null: Literal[True]) -> fields.ForeignKeyNullableRelation[MODEL]: ...
def reference(
    model: str, *, null: bool = False
) -> fields.ForeignKeyRelation[MODEL] | fields.ForeignKeyNullableRelation[MODEL]:
    """Point at another row, which then cannot be deleted. Its index is among those of the model's Meta."""
    related = f"models.{model}"
    if null:
        return fields.ForeignKeyField(related, related_name=False, on_delete=fields.RESTRICT, null=True)
    return fields.ForeignKeyField(related, related_name=False, on_delete=fields.RESTRICT)


def new_id(prefix: str) -> str:
    """Make an id that has not been before: `partner_01jd…`."""
    return str(typeid.TypeID(prefix))


def _maker(prefix: str) -> Callable[[], str]:
    def make() -> str:
        return new_id(prefix)

    # Tortoise compares defaults by their names.
    make.__name__ = f"new_{prefix}_id"
    return make


def text_key(text: str) -> str:
    """Make the key that a text is sorted and searched by: no case, no accents, single spaces."""
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return " ".join(unicodedata.normalize("NFKD", bare.casefold()).split())


class BusinessDetails(Model):
    """How a company is reached; the columns that partners and clients have in common (mission 4.8)."""

    street = TextField(null=True)
    city = TextField(null=True)
    state = TextField(null=True)
    postal_code = TextField(null=True)
    country = TextField(null=True)
    phone = TextField(null=True)
    fax = TextField(null=True)
    email = TextField(null=True)
    website = TextField(null=True)

    class Meta:
        abstract = True
