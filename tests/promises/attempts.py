"""Mutations, each with each of the ids that it takes; everything else that it needs is there and right."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_list_type,
    is_required_argument,
    is_required_input_field,
)

from resolvers import events
from tests.promises.matrix import MissingError

# TABLE: the prefixes of the ids that an argument takes.
TAKES: Final[Mapping[str, Sequence[str]]] = {
    "accountId": ("account",),
    "actionItemId": ("actionitem",),
    "approverId": ("user",),
    "assigneeId": ("user",),
    "conversationId": ("conversation",),
    "fileId": ("file",),
    "memberId": ("member", "projectmember"),
    "memberIds": ("member",),
    "partnerMemberIds": ("member",),
    "projectId": ("project",),
    "projectIds": ("project",),
    "ratingId": ("rating",),
    "userId": ("user",),
    "accountIds": ("account",),
    "addAccounts": ("account",),
    "addContacts": ("contact",),
    "clientId": ("client",),
    "contactId": ("contact",),
    "contactIds": ("contact",),
    "deliveryId": ("delivery",),
    "endpointId": ("endpoint",),
    "grantId": ("grant",),
    "itemIds": ("item",),
    "managerId": ("manager",),
    "noticeId": ("notice",),
    "organisationId": ("partner", "client"),
    "ownerId": ("partner", "client"),
    "partnerId": ("partner",),
    "partnershipId": ("partnership",),
    "proposalId": ("offer", "modification", "request", "invite", "approval"),
    "releaseContacts": ("contact",),
    "seatId": ("seat",),
    "sessionId": ("session",),
    "staffId": ("staff",),
}
# A partner offers to a client that it does not see yet (mission, settled readings). Anybody writes to whoever is
# listed: that the answer does not tell who is, and how many are written, is held by tests of its own.
SEEN_BY_ALL: Final = frozenset({("partnershipOffer", "clientId"), ("partnerMessageSend", "partnerId")})
# Whoever was connected to an account is told that it is not any more (as above): who, by which mutation, of what.
SEEN_ONCE: Final = frozenset({("F", "accountOpen", "harbour account")})

_WORDS: Final[Mapping[str, object]] = {
    "Boolean": True,
    "Date": "2027-01-01",
    "Decimal": "12.50",
    "EmailAddress": "somebody@example.com",
    "Int": 1,
    "String": "Words",
    "URL": "https://hooks.example.com/",
}

Chosen = Callable[[str], str]
"""The id of a row that the seat sees, by its prefix; one of nothing where it sees none."""


class Attempt(NamedTuple):
    """A mutation, where it takes an id, and of what."""

    mutation: str
    place: tuple[str, ...]
    prefix: str


@dataclass(frozen=True)
class Attempts:
    """Reads the mutations off the schema."""

    schema: GraphQLSchema

    def all(self) -> Iterator[Attempt]:
        """Every mutation with every id that it takes."""
        for name, declared in self._mutations().items():
            for argument, given in declared.args.items():
                for place in _ids((argument,), given.type):
                    if place[-1] not in TAKES:
                        message = f"{name} takes an id as {place[-1]}: say in attempts.TAKES of which rows"
                        raise MissingError(message)
                    if (name, place[-1]) not in SEEN_BY_ALL:
                        yield from (Attempt(name, place, prefix) for prefix in TAKES[place[-1]])

    def asked(self, attempt: Attempt, row_ids: Sequence[str], seen: Chosen) -> tuple[str, dict[str, Any]]:
        """A document that makes the attempt on each of some rows, in their order, and its variables."""
        declared = self._mutations()[attempt.mutation]
        variables: dict[str, Any] = {}
        heads, fields = [], []
        for number, row_id in enumerate(row_ids):
            given = []
            for name, argument in declared.args.items():
                at = attempt.place[1:] if attempt.place[0] == name else None
                if at is not None or is_required_argument(argument):
                    variables[f"{name}_{number}"] = _value(name, argument.type, seen, at, row_id)
                    heads.append(f"${name}_{number}: {argument.type}")
                    given.append(f"{name}: ${name}_{number}")
            called = f"{attempt.mutation}({', '.join(given)})"
            fields.append(f"on_{number}: {called} {{ userErrors {{ code message field }} }}")
        return f"mutation ({', '.join(heads)}) {{ {' '.join(fields)} }}", variables

    def _mutations(self) -> Mapping[str, GraphQLField]:
        mutation = self.schema.mutation_type
        assert mutation is not None
        fields: Mapping[str, GraphQLField] = mutation.fields
        return fields


def _ids(place: tuple[str, ...], of: GraphQLInputType) -> Iterator[tuple[str, ...]]:
    named = get_named_type(of)
    if named.name == "ID":
        yield place
    elif isinstance(named, GraphQLInputObjectType):
        for name, declared in named.fields.items():
            yield from _ids((*place, name), declared.type)


def _value(name: str, of: GraphQLInputType, seen: Chosen, at: tuple[str, ...] | None, row_id: str) -> Any:
    """What an argument is given. `at`: the rest of the way to the id; null: it is elsewhere."""
    named = get_named_type(of)
    value: Any
    if isinstance(named, GraphQLInputObjectType):
        value = {
            field: _value(field, declared.type, seen, at[1:] if at and at[0] == field else None, row_id)
            for field, declared in named.fields.items()
            if is_required_input_field(declared) or (at and at[0] == field)
        }
    elif named.name == "ID":
        value = row_id if at is not None else seen(TAKES[name][0])
    else:
        # A cursor is encrypted by the key of whoever made it: now.
        words = {**_WORDS, "Cursor": events.cursor(1)}
        value = next(iter(named.values)) if isinstance(named, GraphQLEnumType) else words[named.name]
    return [value] if is_list_type(get_nullable_type(of)) else value
