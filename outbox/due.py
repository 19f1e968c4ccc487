"""TABLE: what time brings about by itself. Rows with a due time, not timers: a sweep also makes what was missed.

Nothing depends on a sweep but that people are told: what has expired is expired from its second on (mission 5.1a).
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from domain import changes, files, grants, histories, notices, opening, proposals, rate_limits, webhooks

# Each takes the moment, does a batch of what is due at it, each once however many sweep, and returns how many it did.
DUE: Final[tuple[Callable[[datetime], Awaitable[int]], ...]] = (
    proposals.expire_due,
    proposals.remind_due,
    grants.expire_due,
    grants.warn_due,
    notices.remind_due,
    changes.forget_requests,
    rate_limits.forget,
    webhooks.forget_deliveries,
    opening.forget_sessions,
    histories.sign_due,
    # Last, since it waits for folder or bucket.
    files.empty_due,
)


async def sweep(now: datetime) -> int:
    """Do a batch of everything that is due; return how many. Nothing left returns 0."""
    return sum([await announce(now) for announce in DUE])
