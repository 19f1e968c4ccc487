"""How a type says where its fields come from. The compiler reads it off the schema (see `resolvers.sources`)."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from tortoise import Model

from domain import policy
from models.base import OwnIdField
from models.enums import Relation, Role, Side
from resolvers import sources
from schema import access, scalars

TYPE = TypeVar("TYPE", bound=type)
# What stands where a class declares the field's own type; an annotation, as Strawberry takes it.
Field = Any  # type: ignore[explicit-any]
Annotation = Any  # type: ignore[explicit-any]
Arguments = Mapping[str, Annotation]

PAGING: Arguments = {"first": int | None, "after": str | None}
PAGING_FROM_THE_END: Arguments = {"last": int | None, "before": str | None}


def _field(  # noqa: PLR0913, PLR0917  what a field is declared with
    source: sources.Source,
    to: list[Role] | None = None,
    of: Relation = Relation.ANY,
    description: str | None = None,
    arguments: Arguments | None = None,
    defaults: Mapping[str, object] | None = None,
    name: str | None = None,
    holding: str | None = None,
) -> Field:
    """A field that nothing resolves: where it comes from stands in its metadata."""
    metadata: dict[str, object] = {sources.METADATA: source}
    if to is not None:
        metadata["access"] = sources.Access(frozenset(to), of, holding)
    field = strawberry.field(name=name, metadata=metadata, directives=access.directive(to, of), description=description)
    field.arguments = [
        StrawberryArgument(
            name, None, StrawberryAnnotation(annotation), default=(defaults or {}).get(name, strawberry.UNSET)
        )
        for name, annotation in (arguments or {}).items()
    ]
    return field


def column(
    name: str | None = None, *, to: list[Role] | None = None, of: Relation = Relation.ANY, doc: str | None = None
) -> Field:
    """A column of the row; by default the one with the field's name."""
    return _field(sources.Column(name), to, of, doc)


def expression(
    sql: sources.Sql | sources.Expression,
    *,
    to: list[Role] | None = None,
    of: Relation = Relation.ANY,
    doc: str | None = None,
) -> Field:
    """An SQL expression over the row `{t}`."""
    return _field(sql if isinstance(sql, sources.Expression) else sources.Expression(sql), to, of, doc)


def derived(
    function: sources.FunctionOf,
    *inputs: str,
    seat: bool = False,
    to: list[Role] | None = None,
    of: Relation = Relation.ANY,
    doc: str | None = None,
) -> Field:
    """A plain function of columns or expressions of the row."""
    return _field(sources.Derived(function, inputs, seat), to, of, doc)


def embedded(
    name: str | None = None,
    *,
    instead: Mapping[str, sources.Source] | None = None,
    to: list[Role] | None = None,
    of: Relation = Relation.ANY,
    doc: str | None = None,
) -> Field:
    """An object made of columns of the same row. `name`: the column without which there is none.

    `instead`: where its fields come from here, by name, if not from where its type says.
    """
    return _field(sources.Embedded(name, instead or {}), to, of, doc)


def documents(name: str, *, doc: str | None = None) -> Field:
    """A list of objects kept as JSON."""
    return _field(sources.Documents(name), description=doc)


def one(name: str, *, to: list[Role] | None = None, of: Relation = Relation.ANY, doc: str | None = None) -> Field:
    """The row that a foreign key names. Nullable: only if the seat sees it."""
    return _field(sources.One(name), to, of, doc)


def inverse(join: str, *, to: list[Role] | None = None, of: Relation = Relation.ANY, doc: str | None = None) -> Field:
    """The one row that names this one, if the seat sees it: `{t}` is it, `{p}` the id of this row."""
    return _field(sources.Inverse(join), to, of, doc)


def either(*, name: str | None = None, doc: str | None = None, **columns: str) -> Field:
    """A union of the rows that foreign keys name, by type."""
    return _field(sources.Either(columns), description=doc, name=name)


def reference(name: str, *, doc: str | None = None) -> Field:
    """Any object, by the id in a column."""
    return _field(sources.Reference(name), description=doc)


def many(
    join: str,
    *,
    order: sources.Order = sources.BY_ID,
    to: list[Role] | None = None,
    of: Relation = Relation.ANY,
    doc: str | None = None,
) -> Field:
    """A whole list: `{t}` is the child, `{p}` the id of the row above."""
    return _field(sources.Many(join, order), to, of, doc)


def page(  # noqa: PLR0913  what a connection is declared with
    join: str | None = None,
    *,
    where: sources.Sql | None = None,
    filters: Mapping[str, tuple[Annotation, sources.Filter]] | None = None,
    orders: sources.Orders | None = None,
    order_by: tuple[Annotation, object] | None = None,
    below: sources.Sql | None = None,
    from_the_end: bool = False,
    to: list[Role] | None = None,
    of: Relation = Relation.ANY,
    holding: str | None = None,
    doc: str | None = None,
) -> Field:
    """A connection. `filters`: argument to its type and condition. `order_by`: the argument's enum and its default.

    `holding`: what must hold of the row above; else null, without an error. `from_the_end`: it can be read backwards.
    """
    arguments = {name: annotation for name, (annotation, _) in (filters or {}).items()}
    if order_by:
        arguments["order_by"] = order_by[0] | None
    source = sources.Page(
        join,
        where,
        {_camel(name): condition for name, (_, condition) in (filters or {}).items()},
        orders or {sources.DEFAULT: sources.BY_ID},
        below,
    )
    defaults = {"order_by": order_by[1]} if order_by else {}
    paging = {**PAGING, **(PAGING_FROM_THE_END if from_the_end else {})}
    return _field(source, to, of, doc, {**arguments, **paging}, defaults, holding=holding)


def root(
    source: sources.Source, *, arguments: Arguments | None = None, to: list[Role] | None = None, doc: str | None = None
) -> Field:
    """A field that starts an answer."""
    return _field(source, to, Relation.ANY, doc, arguments)


def feed(source: sources.Feed, *, to: list[Role], doc: str) -> Field:
    """A subscription: what is beyond the cursor `after`, and then what comes."""
    arguments: dict[str, Annotation] = {source.argument: strawberry.ID} if source.argument else {}
    return _field(source, to, Relation.ANY, doc, {**arguments, "after": scalars.Cursor | None})


def lookup(*, doc: str | None = None) -> Field:
    """The object with the id, if the seat sees it."""
    return root(sources.Lookup(), arguments={"id": strawberry.ID}, doc=doc)


def given(*, doc: str | None = None) -> Field:
    """A value that a verb handed to its payload."""
    return _field(sources.Given(), description=doc)


def given_row(*, doc: str | None = None) -> Field:
    """The object that a verb was about, read with today's right."""
    return _field(sources.GivenRow(), description=doc)


def given_rows(name: str, *, doc: str | None = None) -> Field:
    """The objects that have in a column the id that a verb handed over, read with today's right."""
    return _field(sources.GivenRows(name), description=doc)


def verb(  # noqa: PLR0913  what a mutation is declared with
    call: sources.VerbOf,
    arguments: Arguments | None = None,
    *,
    permission: policy.Permission,
    gives: str | None = None,
    sole: bool = False,
    doc: str | None = None,
) -> Field:
    """A mutation that calls one verb of the law, for whom `policy.ALLOWED` names.

    `gives`: the payload's field that reads the object whose id the verb returns. Without it, `call` is one of
    `resolvers` that takes the caller and answers an `Outcome`. `sole`: at most once in a document.
    """
    to = sorted(policy.ALLOWED[permission])
    return _field(sources.Verb(call, gives, sole), to, Relation.ANY, doc, arguments)


# ── types ──


def node(
    model: type[Model], *, prefix: str | None = None, only: str | None = None, own: Mapping[Relation, str] | None = None
) -> Callable[[TYPE], TYPE]:
    """A type whose objects are rows of a model. `prefix` of its ids, where the model has several."""

    def decorate(cls: TYPE) -> TYPE:
        setattr(cls, "__table__", table(model, prefix=prefix, only=only, own=own))  # noqa: B010  read by `declarations`
        return strawberry.type(cls, description=inspect.getdoc(cls))

    return decorate


def table(
    model: type[Model], *, prefix: str | None = None, only: str | None = None, own: Mapping[Relation, str] | None = None
) -> sources.Table:
    """Where the rows of a model are, and who sees which."""
    key = model._meta.pk
    name = model.__name__
    return sources.Table(
        name=model._meta.db_table,
        prefix=prefix or (key.prefix if isinstance(key, OwnIdField) else ""),
        visible=policy.VISIBLE[name],
        public=policy.PUBLIC.get(name),
        only=only,
        own=own or {},
        on_rows=name == "User",
    )


def plain(cls: TYPE) -> TYPE:
    """A type whose objects are no rows of their own."""
    return strawberry.type(cls, description=inspect.getdoc(cls))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def by_side(partner: str, client: str, vendor: str) -> Mapping[Side, str]:
    """A template for each side."""
    return {Side.PARTNER: partner, Side.CLIENT: client, Side.VENDOR: vendor}
