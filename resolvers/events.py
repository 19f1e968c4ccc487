"""What the fields of events are."""

import binascii
from base64 import urlsafe_b64encode

from domain import moves
from models.enums import Side

HAS_DETAILS = "({t}.reason is not null or {t}.changes <> '[]')"


def cursor(position: int | None) -> str | None:
    """A position in the log as clients hold it: opaque; null until the event is published."""
    if position is None:
        return None
    plain = position.to_bytes(8, "big")
    return urlsafe_b64encode(plain + binascii.crc32(plain).to_bytes(4, "big")).decode().rstrip("=")


def summary(topic: str, side: str | None) -> str:
    """One sentence that tells the event."""
    return moves.summary(topic, Side(side) if side else None)


async def topics(_reader: object) -> list[dict[str, object]]:
    """Every topic of the law."""
    return [
        {"name": name, "description": topic.description, "mutable": topic.mutable}
        for name, topic in moves.TOPICS.items()
    ]
