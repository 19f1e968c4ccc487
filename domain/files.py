"""Files of projects: bytes that one puts to a signed address, that are checked, and that others get from another one.

An address names its file, the session that it was made in and its end, and is signed. Whoever has it acts in that
session: once that has ended, or its seat has lost the project, the address is worth nothing.
"""

import hmac
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

from tortoise.connection import get_connection

import settings
from domain import changes, clock, errors, inputs, policy, projects, seats, sniffing, storage, vault
from domain.policy import Permission
from domain.seats import Seat
from models import sql
from models.account import StaffMember
from models.enums import FileStatus, Role, SecurityRole, UserErrorCode
from models.project import Project, ProjectFile
from models.seat import Session

LARGEST: Final = 2**31 - 1
MOST_LINKS: Final = 100
# How long an upload may take to begin, and, from the same moment, to be finished.
BEGIN_WITHIN: Final = timedelta(minutes=15)
FINISH_WITHIN: Final = timedelta(hours=1)
LINK_OPEN: Final = timedelta(minutes=5)
SWEEP: Final = 100

_PURPOSE: Final = b"countersign: files"
_UNUSABLE: Final = frozenset({".", ".."})


class Way(StrEnum):
    """Which way the bytes go at an address."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Link:
    """An address, and until when it is good."""

    url: str
    expires_at: datetime


# ── verbs ──


async def upload(*, by: Seat, project_id: str, name: str, content_type: str, size: int) -> str:
    """Announce a file to a project; return its id. Its bytes go to `upload_link`, within an hour of now.

    Refuses FORBIDDEN, INVALID (a name that is none or a path, a type that is none, fewer than 1 or more than
    2,147,483,647 bytes), and as `projects.find` NOT_FOUND, WRONG_STATE and what an account takes.
    """
    policy.require(Permission.FILE_UPLOAD, by=by)
    project = await projects.find(project_id, "projectId", by=by)
    named = _name(name)
    announced = sniffing.media_type(inputs.required_line(content_type, "contentType"))
    if announced is None:
        raise errors.invalid("This must be a media type such as application/pdf.", "contentType")
    if not 1 <= size <= LARGEST:
        raise errors.invalid(f"A file has 1 to {LARGEST:,} bytes.", "size")
    async with changes.change(by=by) as c:
        file = await ProjectFile.create(
            project_id=project.id,
            name=named,
            content_type=announced,
            size=size,
            uploaded_by_id=by.user_id,
            uploaded_at=c.now,
        )
    return file.id


async def finish(*, by: Seat, file_id: str) -> str:
    """Check what arrived of a file: READY if size and content are what was announced, else REFUSED, the bytes gone.

    Refuses NOT_FOUND, FORBIDDEN (somebody else's upload), WRONG_STATE (nothing has arrived; finished before; the
    account was cancelled), EXPIRED (an hour is over) and as `projects.find` what an account takes.
    """
    policy.require(Permission.FILE_UPLOAD_FINISH, by=by)
    file = await policy.find(ProjectFile, file_id, "fileId", by=by)
    project = await projects.find(file.project_id, "fileId", by=by)
    if file.uploaded_by_id != by.user_id:
        raise errors.Refusal(UserErrorCode.FORBIDDEN, "Whoever uploads a file finishes that.", "fileId")
    _require_unfinished(file, clock.now(), "fileId")
    is_ready = await _is_kept(file)
    async with changes.change(by=by) as c:
        unfinished = ProjectFile.filter(id=file.id, status=FileStatus.UPLOADING, deleted_at__isnull=True)
        # Only of what was checked: something else may have arrived meanwhile.
        taken = await unfinished.filter(digest=file.digest).update(
            status=FileStatus.READY if is_ready else FileStatus.REFUSED, digest=file.digest if is_ready else None
        )
        if taken and is_ready:
            added = changes.differences({}, {"name": file.name})
            c.event("file.uploaded", stream=project.id, subject=file.id, changes=added, **projects.about(project))
    await _tidied(file.id)
    if not taken:
        raise _meanwhile("fileId")
    return file.id


async def delete(*, by: Seat, file_id: str) -> str:
    """Take a file off its project; return the project's id. Its bytes are removed within seconds.

    Refuses NOT_FOUND, FORBIDDEN to whoever neither uploaded it nor owns the account nor is the vendor's, and as
    `projects.find` WRONG_STATE and what an account takes.
    """
    policy.require(Permission.FILE_DELETE, by=by)
    file = await policy.find(ProjectFile, file_id, "fileId", by=by)
    project = await projects.find(file.project_id, "fileId", by=by)
    if not await _may_delete(file, project, by=by):
        raise errors.Refusal(UserErrorCode.FORBIDDEN, "Somebody else uploaded this file.", "fileId")
    async with changes.change(by=by) as c:
        if not await ProjectFile.filter(id=file.id, deleted_at__isnull=True).update(deleted_at=c.now):
            raise errors.not_found("project file", "fileId")
        # Of what nobody heard that it came, nobody hears that it is gone.
        if (await ProjectFile.get(id=file.id)).status is FileStatus.READY:
            gone = changes.differences({"name": file.name}, {"name": None})
            c.event("file.deleted", stream=project.id, subject=file.id, changes=gone, **projects.about(project))
    return project.id


def _name(given: str) -> str:
    """Return a file's name; refuses INVALID at `name` what leads anywhere."""
    name = inputs.required_line(given, "name")
    if "/" in name or "\\" in name or name in _UNUSABLE:
        raise errors.invalid("This must be a name without a path.", "name")
    return name


def _require_unfinished(file: ProjectFile, at: datetime, *path: str) -> None:
    if file.status is not FileStatus.UPLOADING:
        raise errors.Refusal(UserErrorCode.WRONG_STATE, "This upload was finished already.", *path)
    if file.uploaded_at + FINISH_WITHIN <= at:
        raise errors.Refusal(UserErrorCode.EXPIRED, "An upload is finished within an hour. Begin anew.", *path)


async def _is_kept(file: ProjectFile) -> bool:
    """Take a file's bytes out of quarantine if size and content are what was announced; whether they are.

    Refuses WRONG_STATE while nothing has arrived.
    """
    if file.digest is None:
        raise _nothing_arrived()
    store = storage.opened()
    try:
        size, beginning = await store.beginning(file.id, file.digest, sniffing.BEGINNING)
        is_as_announced = size == file.size and sniffing.is_as_announced(file.content_type, beginning)
        if is_as_announced:
            await store.keep(file.id, file.digest)
    except FileNotFoundError:
        raise _nothing_arrived() from None
    return is_as_announced


def _nothing_arrived() -> errors.Refusal:
    message = "Its bytes have not arrived. Put them to the address that `fileUpload` gave."
    return errors.Refusal(UserErrorCode.WRONG_STATE, message, "fileId")


async def _may_delete(file: ProjectFile, project: Project, *, by: Seat) -> bool:
    if file.uploaded_by_id == by.user_id or Role.ADMIN in by.roles:
        return True
    owners = StaffMember.filter(account_id=project.account_id, role=SecurityRole.ACCOUNT_OWNER, removed_at__isnull=True)
    return Role.CLIENT in by.roles and await owners.filter(user_id=by.user_id).exists()


def _meanwhile(*path: str) -> errors.Refusal:
    return errors.Refusal(UserErrorCode.WRONG_STATE, "Meanwhile the file was finished or taken off.", *path)


async def _tidied(file_id: str) -> None:
    """Remove what no row speaks of: all of a file that is not READY, what else arrived of one that is."""
    store = storage.opened()
    row = await ProjectFile.get(id=file_id)
    if row.status is FileStatus.READY and row.deleted_at is None:
        await store.release(file_id)
    elif row.status is not FileStatus.UPLOADING or row.deleted_at is not None:
        await store.discard(file_id)


# ── addresses ──


def upload_link(file_id: str, announced_at: datetime, session_id: str) -> Link:
    """Return where the bytes of a file that was announced go; always the same."""
    return _link(Way.UP, file_id, session_id, announced_at + BEGIN_WITHIN)


async def links(file_ids: Collection[str], at: datetime, *, by: Seat) -> dict[str, Link]:
    """Return where the bytes of files are, good for five minutes, of those that the seat sees and that are READY."""
    seen = await policy.seen(ProjectFile, file_ids, by=by)
    until = at + LINK_OPEN
    ready = [file.id for file in seen if file.status is FileStatus.READY]
    return {file_id: _link(Way.DOWN, file_id, by.session_id, until) for file_id in ready}


@dataclass(frozen=True, slots=True)
class Signed:
    """What an address carries besides the file's id."""

    session_id: str
    until: str
    signature: str


def _link(way: Way, file_id: str, session_id: str, until: datetime) -> Link:
    # Whole seconds: what is said of the address is what is signed.
    seconds = int(until.timestamp())
    query = {"session": session_id, "until": seconds, "signature": _signature(way, file_id, session_id, str(seconds))}
    url = f"{settings.load().public_url}/files/{file_id}?{urlencode(query)}"
    return Link(url, datetime.fromtimestamp(seconds, UTC))


def _signature(way: Way, *words: str) -> str:
    # An address may hold anything, until it is known to be ours.
    signed = "\0".join((way, *words)).encode("utf-8", "surrogatepass")
    return hmac.new(vault.key_for(_PURPOSE), signed, sha256).hexdigest()


# ── what goes through them ──


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that may begin, and when it has to have ended."""

    file: ProjectFile
    until: datetime


async def begun(file_id: str, signed: Signed, at: datetime) -> Upload:
    """Return the upload that an address is for.

    Refuses NOT_FOUND what nobody signed, or whose session, seat or project is over for it; EXPIRED what is too late;
    WRONG_STATE what is finished; and as `projects.find`.
    """
    by = await _signer(Way.UP, file_id, signed, at)
    file = await policy.find(ProjectFile, file_id, by=by)
    await projects.find(file.project_id, by=by)
    _require_unfinished(file, at)
    return Upload(file, file.uploaded_at + FINISH_WITHIN)


async def receive(upload: Upload, chunks: AsyncIterator[bytes]) -> None:
    """Put what comes into quarantine; nothing of it is left where `chunks` raises. What came before, makes room.

    Refuses WRONG_STATE where the upload was finished or taken off meanwhile.
    """
    file_id = upload.file.id
    digest = await storage.opened().receive(file_id, chunks)
    unfinished = ProjectFile.filter(id=file_id, status=FileStatus.UPLOADING, deleted_at__isnull=True)
    if not await unfinished.update(digest=digest):
        await _tidied(file_id)
        raise _meanwhile()


@dataclass(frozen=True, slots=True)
class Download:
    """A file that may be had now, by whom."""

    file: ProjectFile
    digest: str
    by: Seat

    async def holds(self) -> bool:
        """Whether it still may: the session, the seat's right and the file may end meanwhile."""
        by = await seats.of_token_hash(self.by.token_hash, clock.now())
        return by is not None and bool(await policy.seen(ProjectFile, [self.file.id], by=by))

    def bytes(self, start: int, end: int) -> AsyncGenerator[memoryview]:
        """Read from `start` up to `end`, piece by piece."""
        return storage.opened().read(self.file.id, self.digest, start, end)


async def opened(file_id: str, signed: Signed, at: datetime) -> Download:
    """Return the file that an address is for.

    Refuses NOT_FOUND what nobody signed, whose session, seat or project is over for it, and what is not READY; EXPIRED
    what is too late.
    """
    by = await _signer(Way.DOWN, file_id, signed, at)
    file = await policy.find(ProjectFile, file_id, by=by)
    if file.status is not FileStatus.READY or file.digest is None:
        raise errors.not_found("project file")
    return Download(file, file.digest, by)


async def _signer(way: Way, file_id: str, signed: Signed, at: datetime) -> Seat:
    """Return the seat in whose session an address was made. Without the signature nothing is looked up."""
    expected = _signature(way, file_id, signed.session_id, signed.until)
    if not hmac.compare_digest(expected.encode(), signed.signature.encode("utf-8", "surrogatepass")):
        raise errors.not_found("file")
    if int(signed.until) <= at.timestamp():
        raise errors.Refusal(UserErrorCode.EXPIRED, "This address is not good any more. Ask for a new one.")
    session = await Session.get_or_none(id=signed.session_id)
    by = None if session is None else await seats.of_token_hash(session.token_hash, at)
    if by is None:
        raise errors.not_found("file")
    return by


# ── in time ──


async def empty_due(at: datetime) -> int:
    """Take uploads off that nobody finished within an hour, and remove the bytes of what was taken off or refused.

    At most a batch; returns how many. Nothing depends on it but room: none of those has an address that is good.
    """
    connection = get_connection("default")
    statement, values = sql.bind(
        "select id from project_file where emptied_at is null and (deleted_at is not null or status <> 'READY')"
        " and (deleted_at is not null or status = 'REFUSED' or uploaded_at <= :before)"
        " order by uploaded_at limit :batch",
        {"before": at - FINISH_WITHIN, "batch": SWEEP},
        changes.dialect(connection),
    )
    due = [row["id"] for row in await connection.execute_query_dict(statement, values)]
    if due:
        unfinished = ProjectFile.filter(id__in=due, status=FileStatus.UPLOADING, deleted_at__isnull=True)
        await unfinished.update(deleted_at=at)
        # Not what was finished meanwhile.
        kept = await ProjectFile.filter(id__in=due, status=FileStatus.READY, deleted_at__isnull=True)
        due = sorted(set(due) - {file.id for file in kept})
        for file_id in due:
            await storage.opened().discard(file_id)
        await ProjectFile.filter(id__in=due).update(emptied_at=at)
    return len(due)
