"""Joins the slices into one schema, and prints it."""

import functools
from pathlib import Path

import strawberry
from graphql import GraphQLSchema
from strawberry import ID
from strawberry.schema.config import StrawberryConfig

from resolvers.sources import Entities
from schema import enums as enums  # noqa: PLC0414  describes the words that the types use
from schema.accounts import AccountsMutation, AccountsQuery, StaffMember
from schema.action_items import ActionItemsMutation
from schema.approvals import ApprovalsMutation
from schema.contacts import ContactsQuery
from schema.conversations import ConversationsMutation
from schema.directory import DirectoryMutation, DirectoryQuery
from schema.earnings import EarningsMutation
from schema.events import EventsQuery
from schema.fields import root
from schema.files import FilesMutation, FilesQuery
from schema.grants import GrantsMutation
from schema.members import MembersMutation
from schema.mutations import LinksQuery, MainMutation
from schema.notices import NoticesMutation
from schema.opening import OpeningMutation
from schema.paging import Node
from schema.partnerships import AssignedContact, PartnershipManager, PartnershipsQuery
from schema.people import PartnerMember, PeopleQuery
from schema.projects import (
    ActionItem,
    Conversation,
    Message,
    ProjectFile,
    ProjectMember,
    ProjectsMutation,
    ProjectsQuery,
    Rating,
    Widget,
)
from schema.proposals import AccessRequest, Invite, Modification, ModificationItem, PartnershipOffer, ProjectApproval
from schema.scalars import SCALARS
from schema.subscriptions import Subscription
from schema.viewer import Seat, ViewerQuery
from schema.webhooks import WebhooksMutation


@strawberry.type(description="What can be read. What the viewer may not see does not exist for them.")
class Query(
    ViewerQuery,
    PeopleQuery,
    AccountsQuery,
    PartnershipsQuery,
    ContactsQuery,
    EventsQuery,
    ProjectsQuery,
    FilesQuery,
    DirectoryQuery,
    LinksQuery,
):
    """Every root."""

    node: Node | None = root(Entities("id"), arguments={"id": ID}, doc="Any object by its id.")
    nodes: list[Node | None] = root(
        Entities("ids"), arguments={"ids": list[ID]}, doc="Up to 100 objects, in the order of their ids."
    )


@strawberry.type(description="What can be done. An `Idempotency-Key` header makes any mutation safe to send again.")
class Mutation(
    MainMutation,
    NoticesMutation,
    WebhooksMutation,
    OpeningMutation,
    AccountsMutation,
    GrantsMutation,
    EarningsMutation,
    DirectoryMutation,
    ProjectsMutation,
    MembersMutation,
    ConversationsMutation,
    ActionItemsMutation,
    ApprovalsMutation,
    FilesMutation,
):
    """Every verb."""


@functools.cache
def build() -> strawberry.Schema:
    """The schema; made once."""
    return strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[
            Seat,
            StaffMember,
            AssignedContact,
            PartnershipManager,
            PartnerMember,
            PartnershipOffer,
            Modification,
            ModificationItem,
            AccessRequest,
            Invite,
            ProjectApproval,
            ProjectMember,
            ActionItem,
            Conversation,
            Message,
            ProjectFile,
            Widget,
            Rating,
        ],
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
