"""Documents and plans, kept: what is read often is parsed, validated and compiled once."""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Final, Generic, TypeVar

from graphql import GraphQLSchema

from models.sql import Dialect
from resolvers import compiler, documents
from resolvers.compiler import Plan
from resolvers.context import Reader
from resolvers.declarations import sets
from resolvers.documents import Operation
from resolvers.selections import RootField

VALUE = TypeVar("VALUE")

SIGNED_IN_BYTES: Final = 32 * 2**20
# Anonymous callers have a place of their own, so that nobody flushes the others' plans.
ANONYMOUS_BYTES: Final = 2 * 2**20
_BYTES_PER_CHARACTER: Final = 40  # a parsed document takes about this much more than its text (measured)


class Kept(Generic[VALUE]):
    """The values used last, up to so many bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = 0
        self._values: OrderedDict[Hashable, tuple[VALUE, int]] = OrderedDict()

    def get(self, key: Hashable) -> VALUE | None:
        """A value, which thereby is used last."""
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, value: VALUE, size: int) -> VALUE:
        """Keep a value; those used longest ago make room."""
        if key in self._values:
            self._bytes -= self._values.pop(key)[1]
        self._values[key] = value, size
        self._bytes += size
        while self._bytes > self._most and len(self._values) > 1:
            _, (_, freed) = self._values.popitem(last=False)
            self._bytes -= freed
        return value


class Plans:
    """What one kind of caller asked for."""

    def __init__(self, schema: GraphQLSchema, dialect: Dialect, most: int) -> None:
        self._schema = schema
        self._dialect = dialect
        self._documents: Kept[dict[str | None, Operation]] = Kept(most)
        self._plans: Kept[Plan] = Kept(most)

    def operations(self, text: str) -> dict[str | None, Operation]:
        """A document's operations; raises GraphQLError or InvalidDocumentError for one that is refused."""
        found = self._documents.get(text)
        if found is None:
            found = documents.parsed(text).validated(self._schema)
            self._documents.put(text, found, _BYTES_PER_CHARACTER * len(text))
        return found

    def of(
        self, operation: Operation, values: Mapping[str, object], reader: Reader, field: RootField | None = None
    ) -> Plan:
        """The plan of a query, or of what a mutation's field selects of its payload."""
        key = (operation, field and field.key, reader.side, reader.roles, operation.shape(values))
        return self._plans.get(key) or self._made(key, operation, values, reader, field)

    def _made(
        self,
        key: Hashable,
        operation: Operation,
        values: Mapping[str, object],
        reader: Reader,
        field: RootField | None,
    ) -> Plan:
        root = field.payload if field else self._schema.query_type
        if root is None:
            raise TypeError("The schema has no query type.")
        plan = compiler.compile_plan(
            operation,
            root,
            sets(field.nodes) if field else [operation.node.selection_set],
            side=reader.side,
            roles=reader.roles,
            dialect=self._dialect,
            shape=operation.shaped(values),
        )
        return self._plans.put(key, plan, plan.size)
