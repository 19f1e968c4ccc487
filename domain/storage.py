"""Where the bytes of files are: a folder of DATA_DIR, or S3.

What arrives is in quarantine under its file's id, until it was checked. Then it is kept, under id and SHA-256, and
never changes: bytes that come later are in another place, whoever sends them.

An upload that is cut off by the end of the process leaves what had come: a folder's goes with the file's quarantine, a
bucket's with a lifecycle rule for unfinished uploads.
"""

import asyncio
import hashlib
import os
import secrets
import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

import settings

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

# What one upload holds in memory are two parts; S3 takes no smaller ones.
PART: Final = 5 * 1024 * 1024
PARTS_AT_ONCE: Final = 2
# What one download holds in memory.
PIECE: Final = 2 * 1024 * 1024
OWNER_ONLY: Final = 0o700
# A copy of the largest file takes a bucket minutes. One of one's own network may be without TLS.
ASKING: "Final[ClientConfig]" = {"timeout": timedelta(minutes=5), "allow_http": True}
# While it is away nobody waits for minutes, as with the library's own.
RETRIES: "Final[RetryConfig]" = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}
# What is raised while folder or bucket cannot be used.
FAULTS: Final = (BaseError, OSError)

_QUARANTINE: Final = "quarantine"
_KEPT: Final = "kept"


@dataclass(frozen=True, slots=True)
class Storage:
    """A store. `folder`: where it is on this machine; null: it is not."""

    store: LocalStore | S3Store
    folder: Path | None

    async def receive(self, file_id: str, chunks: AsyncIterator[bytes]) -> str:
        """Put what comes into a file's quarantine, however long, and return its SHA-256 in hexadecimal.

        What `chunks` raises is raised, and nothing of them is left. Not to be cancelled: that leaves what had come.
        """
        sha256 = hashlib.sha256()

        async def hashed() -> AsyncIterator[bytes]:
            async for chunk in chunks:
                sha256.update(chunk)
                yield chunk

        arriving = f"{_QUARANTINE}/{file_id}/{secrets.token_hex(16)}"
        await obstore.put_async(self.store, arriving, hashed(), chunk_size=PART, max_concurrency=PARTS_AT_ONCE)
        digest = sha256.hexdigest()
        await obstore.rename_async(self.store, arriving, _quarantined(file_id, digest))
        return digest

    async def beginning(self, file_id: str, digest: str, length: int) -> tuple[int, bytes]:
        """Return how long bytes are that arrived, and the first of them; raises FileNotFoundError."""
        for place in (_quarantined(file_id, digest), _kept(file_id, digest)):
            with suppress(FileNotFoundError):
                found = await obstore.get_async(self.store, place, options={"range": (0, length)})
                return found.meta["size"], bytes(await found.bytes_async())
        raise FileNotFoundError(file_id)

    async def keep(self, file_id: str, digest: str) -> None:
        """Take bytes out of quarantine: when this returns they are on the disk. Again, it changes nothing."""
        try:
            await obstore.rename_async(self.store, _quarantined(file_id, digest), _kept(file_id, digest))
        except FileNotFoundError:
            await obstore.head_async(self.store, _kept(file_id, digest))
        if self.folder is not None:
            await asyncio.to_thread(_synced, self.folder / _kept(file_id, digest))

    async def read(self, file_id: str, digest: str, start: int, end: int) -> AsyncGenerator[memoryview]:
        """Read bytes that are kept, from `start` up to `end`, piece by piece; raises FileNotFoundError."""
        for at in range(start, end, PIECE):
            upto = min(at + PIECE, end)
            yield memoryview(await obstore.get_range_async(self.store, _kept(file_id, digest), start=at, end=upto))

    async def release(self, file_id: str) -> None:
        """Empty a file's quarantine."""
        await self._remove(f"{_QUARANTINE}/{file_id}")

    async def discard(self, file_id: str) -> None:
        """Remove all bytes of a file, wherever they are."""
        await self.release(file_id)
        await self._remove(f"{_KEPT}/{file_id}")

    async def _remove(self, place: str) -> None:
        if self.folder is not None:
            # By hand: the library neither lists nor removes what an upload that was cut off has left.
            with suppress(FileNotFoundError):
                await asyncio.to_thread(shutil.rmtree, self.folder / place)
            return
        async for found in obstore.list(self.store, prefix=place):
            await obstore.delete_async(self.store, [each["path"] for each in found])


def opened() -> Storage:
    """Return the store that the settings name."""
    chosen = settings.load()
    return _opened(chosen.files_url, chosen.data_dir.resolve() / "files")


@lru_cache(maxsize=4)
def _opened(url: str | None, folder: Path) -> Storage:
    if url is not None:
        return Storage(S3Store.from_url(url, client_options=ASKING, retry_config=RETRIES), None)
    folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    return Storage(LocalStore(folder), folder)


def _quarantined(file_id: str, digest: str) -> str:
    return f"{_QUARANTINE}/{file_id}/{digest}"


def _kept(file_id: str, digest: str) -> str:
    return f"{_KEPT}/{file_id}/{digest}"


def _synced(path: Path) -> None:
    for each in (path, path.parent, path.parent.parent):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
