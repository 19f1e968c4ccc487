"""Who may read a field or run a mutation, as clients see it."""

import strawberry
from strawberry.schema_directive import Location

from models.enums import Relation, Role


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="access",
    description="Who may read this field or run this mutation. Without it: whoever may see the object.",
)
class Access:
    """`to` these roles; `of` narrows it to rows that are the viewer's own: on others the field is null."""

    to: list[Role]
    of: Relation = Relation.ANY


def directive(to: list[Role] | None, of: Relation) -> list[object]:
    """The directive as a field prints it; none where nobody is kept out."""
    if to is None:
        return []
    return [Access(to=to) if of is Relation.ANY else Access(to=to, of=of)]
