"""What stands behind the HTTP side: the engine while the database is there, and otherwise the reason why it is not."""

from dataclasses import dataclass

from resolvers.engine import Engine
from resolvers.stream import Streams
from web.guard import Refused

RETRY_AFTER = ((b"retry-after", b"2"),)


@dataclass(slots=True)
class Backend:
    """`problem` is null while the server is ready; `engine` and `streams` are null until it was for the first time."""

    engine: Engine | None = None
    streams: Streams | None = None
    problem: str | None = "The server is starting."

    def ready(self) -> Engine:
        """Return the engine; 503 at once while the database is away, rather than when its connections time out."""
        if self.engine is None or self.problem is not None:
            raise unavailable()
        return self.engine

    def streaming(self) -> Streams:
        """Return the subscriptions; 503 as above."""
        if self.streams is None or self.problem is not None:
            raise unavailable()
        return self.streams


def unavailable() -> Refused:
    """503: the database is away; the same request may be sent again."""
    return Refused(503, "INTERNAL", "The service is not available at the moment. Try again.", RETRY_AFTER)
