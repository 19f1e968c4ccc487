"""The one source of time: SQL never asks the database what time it is, and no other module asks the system."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(slots=True)
class _Hands:
    """Where the clock was stopped; null while it runs."""

    stopped_at: datetime | None = None


# Of the process, not a ContextVar: a worker's task that started before the clock was stopped has to see it too.
_hands = _Hands()


def now() -> datetime:
    """Return the moment in UTC, to the microsecond."""
    return _hands.stopped_at or datetime.now(UTC)


@contextlib.contextmanager
def frozen_at(moment: datetime) -> Iterator[None]:
    """Stop the clock at an aware moment for the whole process; it runs again (or stands where it stood) afterwards."""
    before = _hands.stopped_at
    _hands.stopped_at = moment.astimezone(UTC)
    try:
        yield
    finally:
        _hands.stopped_at = before


def advance(by: timedelta) -> None:
    """Move a stopped clock; a running one cannot be moved."""
    if _hands.stopped_at is None:
        message = "only a clock stopped by frozen_at can be moved"
        raise RuntimeError(message)
    _hands.stopped_at += by
