"""Secrets that have to be known again, not only recognized: kept encrypted, so that a copy of the database holds none.

Keys are derived from the secret key, one for each purpose. AES-256-GCM seals what it encrypts: what was altered, or
belongs to another row, does not open.
"""

import base64
import secrets
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

import settings

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_PURPOSE: Final = b"countersign: secrets at rest"


class UnreadableError(Exception):
    """What is kept was encrypted by another secret key, for another row, or was altered."""


def key_for(purpose: bytes) -> bytes:
    """Return the 32 bytes that the secret key stands for, for one purpose (HKDF, RFC 5869)."""
    return _derived(settings.load().secret_key.get_secret_value(), purpose)


@lru_cache(maxsize=16)
def _derived(secret_key: str, purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=purpose).derive(secret_key.encode())


def sealed(secret: str, *, of: str) -> str:
    """Return what the database keeps of a row's secret."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return base64.b64encode(nonce + _cipher().encrypt(nonce, secret.encode(), of.encode())).decode()


def opened(kept: str, *, of: str) -> str:
    """Return the secret that was sealed for a row; raises UnreadableError."""
    data = base64.b64decode(kept)
    try:
        return _cipher().decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], of.encode()).decode()
    except (InvalidTag, ValueError):
        raise UnreadableError from None


def _cipher() -> AESGCM:
    return AESGCM(key_for(_PURPOSE))
