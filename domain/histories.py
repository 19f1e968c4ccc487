"""Histories: the events of a stream as lines of JSON, and heads, signed, that say what a history was at a moment.

A line is an event, in the order of versions: `{"version", "commitment", "digest"}`, and for whoever may read it whole
`"salt"` and `"payload"`, the very text that the commitment seals (`domain/changes.py` says how). The last line is the
head: `{"head"}`, a JWS over `{"stream", "version", "digest", "at"}`. It ends an export, signed at that moment.

Once a UTC day the heads of all streams that moved are signed and appended to a file outside the database, an anchor:
whoever rewrites a history afterwards, its chain and its head included, cannot rewrite that.
"""

import asyncio
import fcntl
import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson
from pydantic import TypeAdapter, ValidationError
from tortoise.transactions import in_transaction

import settings
from domain import changes, signing
from models import sql
from models.event import SignedHead

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

ANCHORS: Final = "anchors"
# How many heads are signed in one transaction.
BATCH: Final = 200

_DUE = """
update stream set unsigned_since = null where id {among}
  select s_.id from stream s_ where s_.unsigned_since < :today order by s_.unsigned_since, s_.id limit :batch {skipping}
{end}
returning id, version, digest
"""


@dataclass(frozen=True, slots=True)
class Head:
    """A stream's newest version with its digest. `at`: when it was signed, as times are everywhere."""

    stream: str
    version: int
    digest: str
    at: str


_heads = TypeAdapter(Head)


# ── lines ──


def event_line(version: int, commitment: str, digest: str) -> bytes:
    """Write the line of an event that the reader may not read, or that was erased."""
    return orjson.dumps({"version": version, "commitment": commitment, "digest": digest}) + b"\n"


def whole_event_line(version: int, commitment: str, digest: str, *, salt: str, payload: bytes) -> bytes:
    """Write the line of an event with all that it says."""
    line = {"version": version, "commitment": commitment, "digest": digest, "salt": salt, "payload": payload.decode()}
    return orjson.dumps(line) + b"\n"


def head_line(signature: str) -> bytes:
    """Write the line of a signed head."""
    return orjson.dumps({"head": signature}) + b"\n"


async def sign(heads: Sequence[Head]) -> list[str]:
    """Sign heads."""
    return await signing.sign(
        signing.Kind.HEAD,
        [{"stream": head.stream, "version": head.version, "digest": head.digest, "at": head.at} for head in heads],
    )


def head_of(signature: str, keys: "KeySet | None") -> Head:
    """Return a head that was signed. Raises `signing.SignatureError`; without keys, the signature is not checked."""
    try:
        return _heads.validate_python(signing.opened(signature, signing.Kind.HEAD, keys))
    except ValidationError as wrong:
        raise signing.SignatureError from wrong


# ── what time does ──


async def sign_due(at: datetime) -> int:
    """Sign the heads of streams that have moved since they were signed, before today (UTC); return how many.

    At most a batch. A stream is signed once a day: what comes after its turn waits for the next day.

    The file is written before the transaction commits. Whoever dies in between leaves heads in the file that the
    database does not know; they are true, and are signed once more. None is in the database and not in the file.
    """
    today = at.replace(hour=0, minute=0, second=0, microsecond=0)
    async with in_transaction() as connection:
        due = sql.bind(_DUE, {"today": today, "batch": BATCH}, changes.dialect(connection))
        moved = await connection.execute_query_dict(*due)
        if not moved:
            return 0
        heads = [Head(row["id"], row["version"], row["digest"], sql.time_text(at)) for row in moved]
        signatures = await sign(heads)
        await SignedHead.bulk_create(
            [
                SignedHead(stream=head.stream, version=head.version, signature=signature, signed_at=at)
                for head, signature in zip(heads, signatures, strict=True)
            ]
        )
        await asyncio.to_thread(_anchor, settings.load().data_dir / ANCHORS / f"{at.date()}.jsonl", signatures)
    return len(moved)


def _anchor(path: Path, signatures: Sequence[str]) -> None:
    """Append heads to the day's file, for good: what is not on the disk when this returns was refused by it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if file.seek(0, os.SEEK_END) == 0:
            _sync_folder(path.parent)
        else:
            file.truncate(_end_of_whole_lines(file.fileno()))
        file.writelines(head_line(signature) for signature in signatures)
        file.flush()
        os.fsync(file.fileno())


def _end_of_whole_lines(file: int) -> int:
    """Find where the last whole line ends. What was torn behind it belongs to a transaction that did not commit."""
    with mmap.mmap(file, 0, access=mmap.ACCESS_READ) as content:
        return content.rfind(b"\n") + 1


def _sync_folder(folder: Path) -> None:
    """Keep a new file's name, too."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
