"""The draft of a modification, whose payload reads the draft and its partnership."""

from typing import Unpack

from domain import modifications
from domain.modifications import Wanted
from resolvers.context import Caller, Outcome


async def draft(
    caller: Caller, *, partnership_id: str, expected_version: int | None = None, **wanted: Unpack[Wanted]
) -> Outcome:
    """Replace one's own side's draft."""
    drafted = await modifications.draft(
        by=caller.signed_in, partnership_id=partnership_id, expected_version=expected_version, **wanted
    )
    return Outcome({"modification": drafted, "partnership": partnership_id})
