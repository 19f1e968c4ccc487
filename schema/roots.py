"""Joins the slices into one schema, and prints it."""

import functools
from pathlib import Path

import strawberry
from graphql import GraphQLSchema
from strawberry import ID
from strawberry.schema.config import StrawberryConfig

from resolvers.sources import Entities
from schema import enums as enums  # noqa: PLC0414  describes the words that the types use
from schema.accounts import AccountsQuery, StaffMember
from schema.contacts import ContactsQuery
from schema.events import EventsQuery
from schema.fields import root
from schema.mutations import LinksQuery, Mutation
from schema.paging import Node
from schema.partnerships import AssignedContact, PartnershipsQuery
from schema.people import PartnerMember, PeopleQuery
from schema.proposals import Invite, PartnershipOffer
from schema.scalars import SCALARS
from schema.viewer import Seat, ViewerQuery


@strawberry.type(description="What can be read. What the viewer may not see does not exist for them.")
class Query(ViewerQuery, PeopleQuery, AccountsQuery, PartnershipsQuery, ContactsQuery, EventsQuery, LinksQuery):
    """Every root."""

    node: Node | None = root(Entities("id"), arguments={"id": ID}, doc="Any object by its id.")
    nodes: list[Node | None] = root(
        Entities("ids"), arguments={"ids": list[ID]}, doc="Up to 100 objects, in the order of their ids."
    )


@functools.cache
def build() -> strawberry.Schema:
    """The schema; made once."""
    return strawberry.Schema(
        query=Query,
        mutation=Mutation,
        types=[Seat, StaffMember, AssignedContact, PartnerMember, PartnershipOffer, Invite],
        config=StrawberryConfig(scalar_map=SCALARS),
    )


def executable() -> GraphQLSchema:
    """The schema as the compiler reads it."""
    return build()._schema  # noqa: SLF001  Strawberry has no public name for it


def sdl() -> str:
    """The schema as clients read it."""
    return build().as_str() + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("schema.graphql").write_text(sdl())
