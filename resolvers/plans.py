"""Documents and plans, kept: what is read often is parsed, validated and compiled once."""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Final, Generic, TypeVar

from graphql import GraphQLSchema

from models.enums import ErrorCode
from models.sql import Dialect
from resolvers import compiler, documents
from resolvers.compiler import Plan
from resolvers.context import Caller
from resolvers.declarations import sets
from resolvers.documents import Operation, refused
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
        try:
            self._values.move_to_end(key)
        except KeyError:
            return None
        return self._values[key][0]

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
        self._operations: Kept[Operation] = Kept(most)
        self._plans: Kept[Plan] = Kept(most)

    def operation(self, text: str, name: str | None) -> Operation:
        """The operation of a document that is asked for; GraphQLError or InvalidDocumentError for what is refused."""
        return self._operations.get((text, name)) or self._chosen(text, name)

    def of(
        self, operation: Operation, values: Mapping[str, object], caller: Caller, field: RootField | None = None
    ) -> Plan:
        """The plan of a query or subscription, or of what a mutation's field selects of its payload."""
        seat = caller.seat
        key = (operation, field and field.key, seat and seat.side, seat and seat.roles, operation.shape(values))
        return self._plans.get(key) or self._made(key, operation, values, caller, field)

    def _chosen(self, text: str, name: str | None) -> Operation:
        operations = documents.parsed(text).validated(self._schema)
        if name is None and len(operations) != 1:
            raise refused(ErrorCode.INVALID, "The document has several operations: say which by 'operationName'.")
        operation = next(iter(operations.values())) if name is None else operations.get(name)
        if operation is None:
            raise refused(ErrorCode.INVALID, f"The document has no operation '{name}'.")
        return self._operations.put((text, name), operation, _BYTES_PER_CHARACTER * len(text))

    def _made(
        self,
        key: Hashable,
        operation: Operation,
        values: Mapping[str, object],
        caller: Caller,
        field: RootField | None,
    ) -> Plan:
        root = field.payload if field else self._schema.get_root_type(operation.kind)
        if root is None:
            raise TypeError(f"The schema has no {operation.kind.value} type.")
        plan = compiler.compile_plan(
            operation,
            root,
            sets(field.nodes) if field else [operation.node.selection_set],
            side=caller.side,
            roles=caller.roles,
            dialect=self._dialect,
            shape=operation.shaped(values),
        )
        return self._plans.put(key, plan, plan.size)
