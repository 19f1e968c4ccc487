"""The keys that sign what others keep. Whoever has their public halves verifies without asking us.

They are derived from SECRET_KEY, one for each kind of what is signed, so that all processes sign alike and a copy of
the database signs nothing. Another SECRET_KEY makes other keys; the public halves of all that ever signed stay
published.
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, cast

import orjson

from domain import clock, vault
from models.event import SigningKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from joserfc.jwk import KeySet, OKPKey

Json = dict[str, object]


class Kind(StrEnum):
    """What is signed: its header `typ`, so that nothing signed for one use passes for another."""

    HEAD = "countersign-head"
    ACCOUNT_SESSION = "JWT"


# One signature has two names: RFC 9864's says the curve, RFC 8037's is the one that every JWT library knows.
_ALGORITHMS: Final[Mapping[Kind, str]] = {Kind.HEAD: "Ed25519", Kind.ACCOUNT_SESSION: "EdDSA"}
_PURPOSES: Final[Mapping[Kind, bytes]] = {
    Kind.HEAD: b"countersign: signatures",
    Kind.ACCOUNT_SESSION: b"countersign: account sessions",
}


class SignatureError(ValueError):
    """It is no signature of that kind, or of none of the keys."""


async def sign(kind: Kind, payloads: Iterable[Mapping[str, object]]) -> list[str]:
    """Sign each payload, as JWS in compact form. The key's public half is on record before anything is signed."""
    key = _key_of(kind)
    thumbprint = key.thumbprint()
    if not await SigningKey.exists(id=thumbprint):
        row = SigningKey(id=thumbprint, public=_public_half(kind), created_at=clock.now())
        await SigningKey.bulk_create([row], ignore_conflicts=True)
    header = _coded({"alg": _ALGORITHMS[kind], "kid": thumbprint, "typ": kind.value})
    return [_signed(f"{header}.{_coded(payload)}", key) for payload in payloads]


def opened(signature: str, kind: Kind, keys: "KeySet | None") -> Json:
    """Return what was signed. Raises SignatureError; without keys, whoever may have signed it is believed."""
    from joserfc import jws
    from joserfc.errors import JoseError

    try:
        if keys is None:
            signed = jws.extract_compact(signature.encode())
        else:
            signed = jws.deserialize_compact(signature, keys, algorithms=[_ALGORITHMS[kind]])
        payload: object = orjson.loads(signed.payload)
    except (JoseError, ValueError) as wrong:
        raise SignatureError from wrong
    if signed.headers().get("typ") != kind or not isinstance(payload, dict):
        raise SignatureError
    return payload


async def published() -> Json:
    """Return the public keys as a JWK set: of all that ever signed, and of those that sign next."""
    recorded = {row.id: row.public for row in await SigningKey.all().order_by("created_at", "id")}
    halves = recorded | {_key_of(kind).thumbprint(): _public_half(kind) for kind in Kind}
    return {"keys": [{**public, "kid": thumbprint, "use": "sig"} for thumbprint, public in halves.items()]}


def read_keys(text: bytes) -> "KeySet":
    """Read a JWK set. Raises ValueError for anything else, and for one without a key."""
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    try:
        return KeySet.import_key_set(orjson.loads(text))
    except (JoseError, LookupError, TypeError, AttributeError) as wrong:
        raise ValueError("no JWK set") from wrong


def _public_half(kind: Kind) -> dict[str, str]:
    """Return what is published. Only where a key's algorithm has one name for all does it say so: some go by it."""
    half = cast("dict[str, str]", _key_of(kind).as_dict(private=False))
    return {**half, "alg": _ALGORITHMS[kind]} if kind is Kind.ACCOUNT_SESSION else half


def _key_of(kind: Kind) -> "OKPKey":
    return _key_pair(vault.key_for(_PURPOSES[kind]))


@lru_cache(maxsize=4)
def _key_pair(seed: bytes) -> "OKPKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from joserfc.jwk import OKPKey

    return OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(seed))


def _signed(words: str, key: "OKPKey") -> str:
    private = cast("Ed25519PrivateKey", key.private_key)
    return f"{words}.{_text(private.sign(words.encode()))}"


def _coded(words: Mapping[str, object]) -> str:
    return _text(orjson.dumps(words))


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
