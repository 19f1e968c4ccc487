"""Passwords: Argon2id, hashed beside the loop, and as slow for an address that nobody has as for any other."""

import asyncio
import base64
import os
import secrets
import unicodedata
from concurrent.futures import ThreadPoolExecutor

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from domain import errors

LEAST_CHARACTERS = 12
MOST_BYTES = 1024

# The second recommendation of RFC 9106.
PASSES = 3
MEMORY_KIB = 64 * 1024
LANES = 4

_argon2id = PasswordHash((Argon2Hasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES),))
# Its own threads, one a processor: each holds 64 MiB while it works, so a rush of sign-ins has to queue.
_threads = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="argon2id")


def _words(count: int) -> str:
    return base64.b64encode(secrets.token_bytes(count)).rstrip(b"=").decode()


# Looks like a hash and matches nothing; verifying against it takes what verifying against a real one takes.
_NOBODYS = f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${_words(16)}${_words(32)}"


def _bytes(password: str) -> bytes:
    # One password however the keyboard composes its letters (NIST SP 800-63B 3.1.1.2).
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def check_new(password: str, *, field: str) -> None:
    """Refuse a new password by its length, which is all that is asked (NIST SP 800-63B): INVALID at `field`."""
    if len(_bytes(password)) > MOST_BYTES:
        raise errors.invalid(f"A password has at most {MOST_BYTES} bytes.", field)
    if len(unicodedata.normalize("NFKC", password)) < LEAST_CHARACTERS:
        raise errors.invalid(f"Choose a password of at least {LEAST_CHARACTERS} characters.", field)


async def hash_of(password: str) -> str:
    """Return the Argon2id hash to keep; takes a tenth of a second of one processor, beside the loop."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _argon2id.hash, _bytes(password))


async def matches(password: str, kept: str | None) -> bool:
    """Say whether the password is the one kept, in the same time when none is kept (`null`) or it is far too long."""
    given = _bytes(password)
    too_long = len(given) > MOST_BYTES
    verified = await asyncio.get_running_loop().run_in_executor(
        _threads, _argon2id.verify, b"" if too_long else given, kept or _NOBODYS
    )
    return verified and kept is not None and not too_long
