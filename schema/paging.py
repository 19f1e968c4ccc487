"""Relay's connections: https://relay.dev/graphql/connections.htm."""

from typing import Generic, TypeVar

import strawberry

NODE = TypeVar("NODE")


@strawberry.interface(description="Anything that has an id of its own.")
class Node:
    """Relay's global object identification."""

    id: strawberry.ID = strawberry.field(
        description="A TypeID: typed, sortable by time, readable in logs (`partnership_01h455vb4pex5vsknk084sn02q`)."
    )


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """Relay's page info."""

    has_next_page: bool = strawberry.field(
        description="Whether more follows; of the `last` rows, whether they were asked for `before` something."
    )
    has_previous_page: bool = strawberry.field(
        description="Whether the page was asked for `after` something; of the `last` rows, whether more comes before."
    )
    start_cursor: str | None = strawberry.field(description="The first row's cursor; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="The last row's cursor: the next page's `after`.")


@strawberry.type(description="A row and its place in the list.")
class Edge(Generic[NODE]):
    """Relay's edge."""

    cursor: str = strawberry.field(description="Its place in this list, in this order: opaque.")
    node: NODE = strawberry.field(description="The row.")


@strawberry.type(description="A page of a list. It counts only what the viewer may see; `first` is 1 to 100, else 20.")
class Connection(Generic[NODE]):
    """Relay's connection."""

    edges: list[Edge[NODE]] = strawberry.field(description="The page's rows with their cursors.")
    nodes: list[NODE] = strawberry.field(description="The page's rows.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")
    total_count: int = strawberry.field(description="How many rows the whole list has.")
