"""The key that signs: derived from SECRET_KEY, its public half on record, and nothing else passes for it."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import ModuleType
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc.jwk import KeySet

import models
import settings
from domain import signing
from domain.signing import Kind, SignatureError

SECRET = "not a secret but long enough for a test"
ANOTHER = "another secret, long enough for a test, too"
SESSIONS = b"countersign: account sessions"
PAYLOAD = {"stream": "partnership_a", "version": 3}

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Choose the SECRET_KEY; it is SECRET to begin with."""

    def choose(text: str) -> None:
        monkeypatch.setenv("COUNTERSIGN_SECRET_KEY", text)
        settings.load.cache_clear()

    choose(SECRET)
    yield choose
    monkeypatch.undo()
    settings.load.cache_clear()


async def signed(payload: Any = PAYLOAD) -> str:
    [signature] = await signing.sign(Kind.HEAD, [payload])
    return signature


async def keys() -> KeySet:
    return signing.read_keys(orjson.dumps(await signing.published()))


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def private_half(text: str, purpose: bytes = b"countersign: signatures") -> Ed25519PrivateKey:
    """Derive the key with nothing of the code that signs: HKDF-SHA256 of RFC 5869, one block."""
    extracted = hmac.digest(bytes(32), text.encode(), "sha256")
    return Ed25519PrivateKey.from_private_bytes(hmac.digest(extracted, purpose + b"\x01", "sha256"))


def half(public: Ed25519PublicKey) -> dict[str, str]:
    """Write a public key as RFC 8037 says."""
    return {"kty": "OKP", "crv": "Ed25519", "x": encoded(public.public_bytes_raw())}


def thumbprint(public: Ed25519PublicKey) -> str:
    """Name a key as RFC 7638 says."""
    canonical = f'{{"crv":"Ed25519","kty":"OKP","x":"{encoded(public.public_bytes_raw())}"}}'
    return encoded(hashlib.sha256(canonical.encode()).digest())


@pytest.mark.usefixtures("database", "secret")
class TestSign:
    async def test_a_signature_is_a_jws_that_anybody_verifies_by_the_published_key(self) -> None:
        signature = await signed()
        head, payload, seal = signature.split(".")
        public, sessions = private_half(SECRET).public_key(), private_half(SECRET, SESSIONS).public_key()
        public.verify(decoded(seal), f"{head}.{payload}".encode())
        assert orjson.loads(decoded(head)) == {"alg": "Ed25519", "kid": thumbprint(public), "typ": "countersign-head"}
        assert orjson.loads(decoded(payload)) == PAYLOAD
        assert await signing.published() == {
            "keys": [
                {**half(public), "kid": thumbprint(public), "use": "sig"},
                {**half(sessions), "alg": "EdDSA", "kid": thumbprint(sessions), "use": "sig"},
            ]
        }

    async def test_1_9_an_account_session_s_key_is_another_and_its_algorithm_is_named_as_jwt_libraries_name_it(
        self,
    ) -> None:
        [token] = await signing.sign(Kind.ACCOUNT_SESSION, [PAYLOAD])
        head, payload, seal = token.split(".")
        public = private_half(SECRET, SESSIONS).public_key()
        public.verify(decoded(seal), f"{head}.{payload}".encode())
        assert orjson.loads(decoded(head)) == {"alg": "EdDSA", "kid": thumbprint(public), "typ": "JWT"}
        [row] = await models.SigningKey.all()
        assert (row.id, row.public) == (thumbprint(public), {**half(public), "alg": "EdDSA"})

    async def test_the_public_half_alone_is_recorded_once(self, clock: ModuleType) -> None:
        for _ in range(2):
            await signed()
        public = private_half(SECRET).public_key()
        [row] = await models.SigningKey.all()
        assert (row.id, row.public, row.created_at) == (
            thumbprint(public),
            half(public),
            clock.now(),
        )

    async def test_another_secret_makes_another_key_and_the_old_one_stays_published(
        self, secret: Callable[[str], None], clock: ModuleType
    ) -> None:
        before = await signed()
        secret(ANOTHER)
        clock.advance(timedelta(days=1))
        signers = [(SECRET, {}), (ANOTHER, {}), (ANOTHER, {"purpose": SESSIONS})]
        ids = [thumbprint(private_half(text, **of).public_key()) for text, of in signers]
        unused = await signing.published()
        after = await signed()
        assert [key.kid for key in (await keys()).keys] == ids
        assert unused == await signing.published(), "the key that signs next is published before it does"
        for signature in (before, after):
            assert signing.opened(signature, Kind.HEAD, await keys()) == PAYLOAD

    async def test_several_payloads_are_signed_in_their_order(self) -> None:
        signatures = await signing.sign(Kind.HEAD, [{"version": version} for version in range(3)])
        found = [signing.opened(signature, Kind.HEAD, await keys()) for signature in signatures]
        assert found == [{"version": 0}, {"version": 1}, {"version": 2}]


@pytest.mark.usefixtures("database", "secret")
class TestOpened:
    async def test_what_was_altered_or_made_otherwise_is_no_signature(self, secret: Callable[[str], None]) -> None:
        genuine, ring = await signed(), await keys()
        head, payload, seal = genuine.split(".")
        secret(ANOTHER)
        stranger = await signed()
        none = encoded(b'{"alg":"none","typ":"countersign-head"}')
        symmetric = encoded(b'{"alg":"HS256","typ":"countersign-head"}')
        public = private_half(SECRET).public_key().public_bytes_raw()
        by_public_half = encoded(hmac.digest(public, f"{symmetric}.{payload}".encode(), "sha256"))
        forged = [
            f"{head}.{encoded(b'{}')}.{seal}",
            f"{head}.{payload}.{seal[:-3]}AAA",
            f"{none}.{payload}.",
            f"{symmetric}.{payload}.{by_public_half}",
            stranger,
            "",
            "..",
            "é",
            "a" * 100,
            genuine + ".x",
        ]
        for signature in forged:
            with pytest.raises(SignatureError):
                signing.opened(signature, Kind.HEAD, ring)

    async def test_what_was_signed_for_another_use_is_no_head(self) -> None:
        key = private_half(SECRET)
        head = encoded(b'{"alg":"Ed25519","typ":"JWT"}')
        parts = f"{head}.{encoded(orjson.dumps(PAYLOAD))}"
        other = f"{parts}.{encoded(key.sign(parts.encode()))}"
        for ring in (await keys(), None):
            with pytest.raises(SignatureError):
                signing.opened(other, Kind.HEAD, ring)

    async def test_without_keys_the_words_are_read_and_nobody_is_believed_to_have_signed_them(self) -> None:
        head, payload, _ = (await signed()).split(".")
        assert signing.opened(f"{head}.{payload}.{encoded(bytes(64))}", Kind.HEAD, None) == PAYLOAD
        for broken in ("", "..", "a.b.c", f"{head}.{encoded(b'[]')}.x"):
            with pytest.raises(SignatureError):
                signing.opened(broken, Kind.HEAD, None)


@pytest.mark.parametrize("text", [b"", b"x", b"[]", b"{}", b'{"keys":[]}', b'{"keys":[{"kty":"OKP"}]}', b'{"keys":1}'])
def test_what_is_no_set_of_keys_is_not_read_as_one(text: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        signing.read_keys(text)


@pytest.mark.usefixtures("committed", "secret")
async def test_processes_that_sign_at_once_record_the_key_once() -> None:
    await asyncio.gather(*[signed() for _ in range(8)])
    assert await models.SigningKey.all().count() == 1
