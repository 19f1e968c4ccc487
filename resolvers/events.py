"""What the fields of events are."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from domain import moves, policy, vault
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


# TABLE: the newest event that a side sees, by the ways in which it sees events: what concerns it, and its projects'.
_IN_PROJECTS: Final = (
    "select max((select max(h_.pos) from event h_ where h_.project_id = v_.id and h_.pos is not null"
    " and {told})) as pos from project v_ where {seen}"
)


def _newest(side: Side, own: str) -> tuple[str, ...]:
    told = policy.TOLD[side].replace("{t}", "h_")
    seen = policy.VISIBLE["Project"][side].replace("{t}", "v_")
    return (
        f"select max(h_.pos) as pos from event h_ where h_.project_id is null and {own} and {told}",
        _IN_PROJECTS.replace("{told}", told).replace("{seen}", seen),
    )


HEADS: Final[Mapping[Side, tuple[str, ...]]] = {
    Side.VENDOR: (
        f"select max(h_.pos) as pos from event h_ where {policy.VISIBLE['Event'][Side.VENDOR].replace('{t}', 'h_')}",
    ),
    Side.PARTNER: _newest(Side.PARTNER, "h_.partner_id = :partner and :for_company"),
    Side.CLIENT: _newest(Side.CLIENT, "h_.client_id = :client"),
}


async def topics(_reader: object) -> list[dict[str, object]]:
    """Every topic of the law."""
    return [
        {"name": name, "description": topic.description, "mutable": topic.mutable}
        for name, topic in moves.TOPICS.items()
    ]
