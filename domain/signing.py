"""The key that signs what others keep: heads of histories. Whoever has its public half verifies without asking us.

It is derived from SECRET_KEY, so that all processes sign alike and a copy of the database signs nothing. Another
SECRET_KEY makes another key; the public halves of all that ever signed stay published.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Final

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from domain import clock, vault
from models.event import SigningKey

ALGORITHM: Final = "Ed25519"
_PURPOSE: Final = b"countersign: signatures"

Json = dict[str, object]


class Kind(StrEnum):
    """What is signed: its header `typ`, so that nothing signed for one use passes for another."""

    HEAD = "countersign-head"


class SignatureError(ValueError):
    """It is no signature of that kind, or of none of the keys."""


async def sign(kind: Kind, payloads: Iterable[Mapping[str, object]]) -> list[str]:
    """Sign each payload, as JWS in compact form. The key's public half is on record before anything is signed."""
    key = _key_pair(vault.key_for(_PURPOSE))
    thumbprint = key.thumbprint()
    if not await SigningKey.exists(id=thumbprint):
        row = SigningKey(id=thumbprint, public=key.as_dict(private=False), created_at=clock.now())
        await SigningKey.bulk_create([row], ignore_conflicts=True)
    header = {"alg": ALGORITHM, "kid": thumbprint, "typ": kind.value}
    return [jws.serialize_compact(header, orjson.dumps(payload), key, algorithms=[ALGORITHM]) for payload in payloads]


def opened(signature: str, kind: Kind, keys: KeySet | None) -> Json:
    """Return what was signed. Raises SignatureError; without keys, whoever may have signed it is believed."""
    try:
        if keys is None:
            signed = jws.extract_compact(signature.encode())
        else:
            signed = jws.deserialize_compact(signature, keys, algorithms=[ALGORITHM])
        payload: object = orjson.loads(signed.payload)
    except (JoseError, ValueError) as wrong:
        raise SignatureError from wrong
    if signed.headers().get("typ") != kind or not isinstance(payload, dict):
        raise SignatureError
    return payload


async def published() -> Json:
    """Return the public keys as a JWK set: of all that ever signed, and of the one that signs next."""
    key = _key_pair(vault.key_for(_PURPOSE))
    recorded = {row.id: row.public for row in await SigningKey.all().order_by("created_at", "id")}
    halves = recorded | {key.thumbprint(): key.as_dict(private=False)}
    return {"keys": [{**public, "kid": thumbprint, "use": "sig"} for thumbprint, public in halves.items()]}


def read_keys(text: bytes) -> KeySet:
    """Read a JWK set. Raises ValueError for anything else, and for one without a key."""
    try:
        return KeySet.import_key_set(orjson.loads(text))
    except (JoseError, LookupError, TypeError, AttributeError) as wrong:
        raise ValueError("no JWK set") from wrong


@lru_cache(maxsize=2)
def _key_pair(seed: bytes) -> OKPKey:
    return OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(seed))
