"""What a verb answers when it does not do what was asked. Anything else that is raised is a defect, and is masked."""

from models.enums import UserErrorCode


class Refusal(Exception):  # noqa: N818  a refusal is an answer, not an error
    """An expected no: becomes one entry of `userErrors`; the transaction it is raised in leaves nothing behind.

    `message` is a sentence for the person who asked. `field` is the path of the input it concerns, in GraphQL's names
    (`("terms", "title")`); null where no single one does.
    """

    def __init__(self, code: UserErrorCode, message: str, *field: str) -> None:
        super().__init__(code, message, *field)
        self.code = code
        self.message = message
        self.field = list(field) or None


class Unauthenticated(Exception):  # noqa: N818  as Refusal
    """Nobody is signed in where somebody has to be: a top-level error, HTTP 401."""


class IdempotencyMismatch(Exception):  # noqa: N818  as Refusal
    """The Idempotency-Key was used for another request: a top-level error, IDEMPOTENCY_MISMATCH."""


class IdempotencyInFlight(Exception):  # noqa: N818  as Refusal
    """The first request with this Idempotency-Key is not finished yet: HTTP 409, ask again."""


def not_found(what: str, *field: str) -> Refusal:
    """NOT_FOUND, in the same words whether the object does not exist or is not the asker's to see."""
    return Refusal(UserErrorCode.NOT_FOUND, f"There is no such {what}.", *field)


def invalid(message: str, *field: str) -> Refusal:
    """INVALID: an input that no state of the world would make right."""
    return Refusal(UserErrorCode.INVALID, message, *field)
