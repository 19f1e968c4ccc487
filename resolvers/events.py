"""What the fields of events are."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import cache, lru_cache
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from domain import moves, vault
from models.enums import Side

# A position and as many zeros, by which what nobody encrypted is told from what we did, fill one block.
_BYTES: Final = 8
_PURPOSE: Final = b"countersign: cursors of the log"
HAS_DETAILS = "({t}.reason is not null or {t}.changes <> '[]')"


def cursor(position: int | None) -> str | None:
    """A position in the log as clients hold it; null until the event is published.

    Encrypted: how much happens in the house is nobody's to count.
    """
    if position is None:
        return None
    return _encrypted(position, vault.key_for(_PURPOSE))


def position(text: str) -> int:
    """The place in the log that a cursor stands for; ValueError for what `cursor` has not made."""
    block = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    if len(block) != 2 * _BYTES:
        raise ValueError(text)
    plain = _cipher(vault.key_for(_PURPOSE)).decryptor().update(block)
    found = int.from_bytes(plain[:_BYTES], "big")
    if any(plain[_BYTES:]) or cursor(found) != text:
        raise ValueError(text)
    return found


# One event is told to many, and read again and again while it is new.
@lru_cache(maxsize=1024)
def _encrypted(position: int, key: bytes) -> str:
    block = position.to_bytes(_BYTES, "big") + bytes(_BYTES)
    return urlsafe_b64encode(_cipher(key).encryptor().update(block)).decode().rstrip("=")


@lru_cache(maxsize=2)
def _cipher(key: bytes) -> Cipher[ECB]:
    return Cipher(AES(key), ECB())  # noqa: S305  one block: there is no pattern to see


@cache
def summary(topic: str, side: str | None) -> str:
    """One sentence that tells the event."""
    return moves.summary(topic, Side(side) if side else None)


async def topics(_reader: object) -> list[dict[str, object]]:
    """Every topic of the law."""
    return [
        {"name": name, "description": topic.description, "mutable": topic.mutable}
        for name, topic in moves.TOPICS.items()
    ]
