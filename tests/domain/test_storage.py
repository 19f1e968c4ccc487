"""Where the bytes of files are: in a folder and, the same, in a bucket of a server that speaks S3."""

import asyncio
import hashlib
import resource
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

import settings
from domain import storage
from domain.storage import Storage
from tests.s3.serving import bucket, keys, s3, unfinished  # noqa: F401  fixtures

MEBIBYTE = 1024 * 1024
Left = Callable[[], Awaitable[list[str]]]


class StoppedError(Exception):
    """Whoever sent does not go on."""


async def sent(*chunks: bytes, stops: bool = False) -> AsyncIterator[bytes]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk
    if stops:
        raise StoppedError


async def read(store: Storage, file_id: str, digest: str, start: int, end: int) -> bytes:
    return b"".join([bytes(piece) async for piece in store.read(file_id, digest, start, end)])


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Storage:
    """Give the test an empty store."""
    if request.param == "bucket":
        monkeypatch.setenv("COUNTERSIGN_FILES_URL", request.getfixturevalue("bucket"))
        settings.load.cache_clear()
    return storage.opened()


@pytest.fixture
def left(request: pytest.FixtureRequest, store: Storage) -> Left:
    """List what is there, whatever made it."""
    folder = store.folder
    if folder is None:
        where, at = request.getfixturevalue("bucket"), request.getfixturevalue("s3")

        async def in_bucket() -> list[str]:
            assert await unfinished(at, where) == 0
            return [each.removeprefix("countersign/") for each in await keys(at, where)]

        return in_bucket

    async def in_folder() -> list[str]:
        return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())

    return in_folder


async def test_what_arrives_is_in_quarantine_until_it_is_kept(store: Storage, left: Left) -> None:
    said = b"Dear " * 2_000_000
    digest = await store.receive("file_a", sent(*(said[at : at + 65_536] for at in range(0, len(said), 65_536))))
    assert digest == hashlib.sha256(said).hexdigest()
    assert await left() == [f"quarantine/file_a/{digest}"]
    assert await store.beginning("file_a", digest, 12) == (10_000_000, b"Dear Dear De")
    await store.keep("file_a", digest)
    assert await left() == [f"kept/file_a/{digest}"]
    assert await store.beginning("file_a", digest, 12) == (10_000_000, b"Dear Dear De")
    for start, end in ((0, 10_000_000), (3, 4), (storage.PIECE - 2, storage.PIECE + 3), (9_999_999, 10_000_000)):
        assert await read(store, "file_a", digest, start, end) == said[start:end]
    await store.discard("file_a")
    assert await left() == []


async def test_one_byte_is_enough(store: Storage, left: Left) -> None:
    digest = await store.receive("file_a", sent(b"x"))
    await store.keep("file_a", digest)
    assert await read(store, "file_a", digest, 0, 1) == b"x"


@pytest.mark.parametrize("size", [1, 11 * MEBIBYTE])
async def test_of_what_was_cut_off_nothing_is_left(store: Storage, left: Left, size: int) -> None:
    with pytest.raises(StoppedError):
        await store.receive("file_a", sent(*[b"x" * min(size, 65_536)] * (size // 65_536 or 1), stops=True))
    assert await left() == []


async def test_what_was_kept_does_not_change_whatever_arrives_later(store: Storage, left: Left) -> None:
    first, second = await store.receive("file_a", sent(b"one")), await store.receive("file_a", sent(b"two"))
    await store.keep("file_a", first)
    assert await left() == sorted([f"kept/file_a/{first}", f"quarantine/file_a/{second}"])
    await store.keep("file_a", second)
    assert await read(store, "file_a", first, 0, 3) == b"one"


async def test_keeping_again_what_is_kept_changes_nothing_and_what_never_arrived_is_not_there(store: Storage) -> None:
    digest = await store.receive("file_a", sent(b"one"))
    await store.keep("file_a", digest)
    await store.keep("file_a", digest)
    assert await store.beginning("file_a", digest, 10) == (3, b"one")
    for absent in (store.keep("file_b", digest), store.beginning("file_b", digest, 10)):
        with pytest.raises(FileNotFoundError):
            await absent
    with pytest.raises(FileNotFoundError):
        await read(store, "file_b", digest, 0, 3)


async def test_a_file_s_bytes_go_and_no_other_s(store: Storage, left: Left) -> None:
    digests = {}
    for file_id in ("file_a", "file_ab"):
        digests[file_id] = await store.receive(file_id, sent(b"kept"))
        await store.keep(file_id, digests[file_id])
        await store.receive(file_id, sent(b"not yet"))
    await store.release("file_a")
    other = hashlib.sha256(b"not yet").hexdigest()
    of_the_other = [f"kept/file_ab/{digests['file_ab']}", f"quarantine/file_ab/{other}"]
    assert await left() == sorted([f"kept/file_a/{digests['file_a']}", *of_the_other])
    await store.discard("file_a")
    assert await left() == of_the_other
    await store.discard("file_a")


async def test_a_large_upload_needs_no_more_memory_than_a_small_one(store: Storage) -> None:
    await store.receive("file_a", sent(*[bytes(65_536)] * 400))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    digest = await store.receive("file_b", sent(*[bytes(65_536)] * 1_600))
    await store.keep("file_b", digest)
    async for _ in store.read("file_b", digest, 0, 1_600 * 65_536):
        pass
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 24


async def test_the_folder_is_for_its_owner_alone_and_whatever_a_dead_process_left_in_it_goes_too(
    data_dir: Path,
) -> None:
    store = storage.opened()
    folder = data_dir / "files"
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IRWXU
    await store.receive("file_a", sent(b"one"))
    # The library's own name for what has not come whole.
    (folder / "quarantine" / "file_a" / "something#1").write_bytes(b"x")
    await store.discard("file_a")
    assert [*folder.rglob("file_a*")] == []
