"""Files of projects (mission 3.5): announced, put, checked, READY or REFUSED; whoever loses the project gets none."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from tortoise.connection import get_connection

import models
from domain import errors, files, storage
from domain.files import Link, Signed
from domain.seats import Seat
from models.enums import AccessStatus, AccountStatus, FileStatus, UserErrorCode
from tests.domain.inside import Inside, inside
from tests.domain.refusals import columns, refused

pytestmark = pytest.mark.usefixtures("clock", "data_dir")

PDF = b"%PDF-1.7 and what follows"
DIGEST = hashlib.sha256(PDF).hexdigest()
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@pytest.fixture
async def t(database: None) -> Inside:
    return await inside()


async def announced(t: Inside, by: Seat | None = None, said: bytes = PDF, content_type: str = "application/pdf") -> str:
    return await files.upload(
        by=by or t.cleo, project_id=t.project.id, name="Offer.pdf", content_type=content_type, size=len(said)
    )


async def put(file_id: str, by: Seat, said: bytes = PDF) -> None:
    row = await models.ProjectFile.get(id=file_id)
    link = files.upload_link(file_id, row.uploaded_at, by.session_id)
    await files.receive(await files.begun(*opened_at(link), row.uploaded_at), chunks(said))


async def chunks(said: bytes) -> AsyncIterator[bytes]:
    yield said


async def ready(t: Inside, by: Seat | None = None, said: bytes = PDF) -> str:
    file_id = await announced(t, by, said)
    await put(file_id, by or t.cleo, said)
    return await files.finish(by=by or t.cleo, file_id=file_id)


def opened_at(link: Link) -> tuple[str, Signed]:
    """Take an address apart, as the server does."""
    address = urlsplit(link.url)
    query = {name: value for name, [value] in parse_qs(address.query).items()}
    return address.path.removeprefix("/files/"), Signed(query["session"], query["until"], query["signature"])


async def link_of(file_id: str, by: Seat, clock: ModuleType) -> Link:
    return (await files.links([file_id], clock.now(), by=by))[file_id]


def left(data_dir: Path) -> list[str]:
    folder = data_dir / "files"
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


# ── announced ──


async def test_3_5_whoever_is_on_a_project_announces_a_file(t: Inside, clock: ModuleType) -> None:
    for by in t.everybody:
        file_id = await files.upload(
            by=by, project_id=t.project.id, name=" Große Pläne.pdf ", content_type="Application/PDF", size=1
        )
        assert columns(await models.ProjectFile.get(id=file_id)) == {
            "id": file_id,
            "project_id": t.project.id,
            "name": "Große Pläne.pdf",
            "status": FileStatus.UPLOADING,
            "content_type": "application/pdf",
            "size": 1,
            "digest": None,
            "uploaded_by_id": by.user_id,
            "uploaded_at": clock.now(),
            "deleted_at": None,
            "emptied_at": None,
        }
    assert await t.told() == []


async def test_nobody_else_does(t: Inside) -> None:
    for by in (t.carl, t.olga):
        async with refused(UserErrorCode.NOT_FOUND, "projectId"):
            await announced(t, by)
    await models.AccessGrant.filter(id=t.grant.id).update(status=AccessStatus.DISABLED)
    async with refused(UserErrorCode.NOT_FOUND, "projectId"):
        await announced(t, t.paula)
    await models.Account.filter(id=t.account.id).update(status=AccountStatus.CANCELLED)
    async with refused(UserErrorCode.WRONG_STATE, "projectId"):
        await announced(t)


@pytest.mark.parametrize("size", [-1, 0, 2**31])
async def test_3_5_a_file_has_a_byte_at_least_and_not_two_gibibytes(t: Inside, size: int) -> None:
    async with refused(UserErrorCode.INVALID, "size"):
        await files.upload(by=t.cleo, project_id=t.project.id, name="a", content_type="text/plain", size=size)


async def test_the_largest_file_is_announced(t: Inside) -> None:
    await files.upload(by=t.cleo, project_id=t.project.id, name="a", content_type="text/plain", size=2**31 - 1)


@pytest.mark.parametrize("name", ["", " ", ".", "..", "a/b", "/etc/passwd", "..\\a", "C:\\a", "a\nb", "a\0", "x" * 201])
async def test_3_5_a_name_leads_nowhere(t: Inside, name: str) -> None:
    async with refused(UserErrorCode.INVALID, "name"):
        await files.upload(by=t.cleo, project_id=t.project.id, name=name, content_type="text/plain", size=1)


@pytest.mark.parametrize("content_type", ["", "pdf", "text/", "text/plain\r\nx: y", "a/" + "b" * 200])
async def test_a_content_type_is_a_media_type(t: Inside, content_type: str) -> None:
    async with refused(UserErrorCode.INVALID, "contentType"):
        await files.upload(by=t.cleo, project_id=t.project.id, name="a", content_type=content_type, size=1)


# ── checked ──


async def test_3_5_what_is_as_announced_is_ready_out_of_quarantine_and_told(t: Inside, data_dir: Path) -> None:
    file_id = await announced(t)
    await put(file_id, t.cleo)
    assert left(data_dir) == [f"quarantine/{file_id}/{DIGEST}"]
    assert (await models.ProjectFile.get()).status is FileStatus.UPLOADING
    assert await files.finish(by=t.cleo, file_id=file_id) == file_id
    file = await models.ProjectFile.get()
    assert (file.status, file.digest, file.content_type, file.size) == (
        FileStatus.READY,
        DIGEST,
        "application/pdf",
        len(PDF),
    )
    assert left(data_dir) == [f"kept/{file_id}/{DIGEST}"]
    added = [{"field": "name", "before": None, "after": "Offer.pdf"}]
    assert await t.told() == [("file.uploaded", file_id, t.cleo.user_id, added)]


async def test_3_5_what_shows_that_it_is_something_else_is_refused_and_gone(t: Inside, data_dir: Path) -> None:
    file_id = await announced(t, content_type="image/png")
    await put(file_id, t.cleo)
    assert await files.finish(by=t.cleo, file_id=file_id) == file_id
    file = await models.ProjectFile.get()
    assert (file.status, file.digest) == (FileStatus.REFUSED, None)
    assert (left(data_dir), await t.told()) == ([], [])


async def test_3_5_what_is_longer_or_shorter_than_announced_is_refused_and_gone(t: Inside, data_dir: Path) -> None:
    for said in (PDF[:-1], PDF + b"!"):
        file_id = await announced(t)
        await put(file_id, t.cleo, said)
        await files.finish(by=t.cleo, file_id=file_id)
        assert (await models.ProjectFile.get(id=file_id)).status is FileStatus.REFUSED
    assert (left(data_dir), await t.told()) == ([], [])


async def test_what_has_not_arrived_is_waited_for(t: Inside) -> None:
    file_id = await announced(t)
    async with refused(UserErrorCode.WRONG_STATE, "fileId"):
        await files.finish(by=t.cleo, file_id=file_id)
    await put(file_id, t.cleo)
    await storage.opened().discard(file_id)
    async with refused(UserErrorCode.WRONG_STATE, "fileId"):
        await files.finish(by=t.cleo, file_id=file_id)


async def test_what_is_put_again_replaces_what_came_first(t: Inside, data_dir: Path) -> None:
    file_id = await announced(t)
    await put(file_id, t.cleo, b"x" * len(PDF))
    await put(file_id, t.cleo)
    await files.finish(by=t.cleo, file_id=file_id)
    assert ((await models.ProjectFile.get()).digest, left(data_dir)) == (DIGEST, [f"kept/{file_id}/{DIGEST}"])


async def test_whoever_uploads_finishes_once(t: Inside) -> None:
    file_id = await announced(t)
    await put(file_id, t.cleo)
    for by in (t.vera, t.owner, t.sam, t.paula, t.ada):
        async with refused(UserErrorCode.FORBIDDEN, "fileId"):
            await files.finish(by=by, file_id=file_id)
    for by in (t.carl, t.olga):
        async with refused(UserErrorCode.NOT_FOUND, "fileId"):
            await files.finish(by=by, file_id=file_id)
    await files.finish(by=t.cleo, file_id=file_id)
    async with refused(UserErrorCode.WRONG_STATE, "fileId"):
        await files.finish(by=t.cleo, file_id=file_id)


async def test_what_arrives_while_it_is_checked_is_not_taken_for_what_was_checked(
    t: Inside, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = await announced(t)
    await put(file_id, t.cleo)
    keep = storage.Storage.keep

    async def meanwhile(store: storage.Storage, kept: str, digest: str) -> None:
        await keep(store, kept, digest)
        await put(file_id, t.cleo, b"MZ" + PDF[2:])

    monkeypatch.setattr(storage.Storage, "keep", meanwhile)
    with pytest.raises(errors.Refusal) as caught:
        await files.finish(by=t.cleo, file_id=file_id)
    assert (caught.value.code, caught.value.field) == (UserErrorCode.WRONG_STATE, ["fileId"])
    monkeypatch.undo()
    await files.finish(by=t.cleo, file_id=file_id)
    assert (await models.ProjectFile.get()).status is FileStatus.REFUSED
    assert (left(data_dir), await t.told()) == ([], [])


async def test_p7_of_two_who_finish_an_upload_at_once_one_does(committed: str) -> None:
    t = await inside()
    file_id = await announced(t)
    await put(file_id, t.cleo)
    outcomes = await asyncio.gather(
        *(files.finish(by=t.cleo, file_id=file_id) for _ in range(4)), return_exceptions=True
    )
    assert [each for each in outcomes if isinstance(each, str)] == [file_id]
    codes = [each.code for each in outcomes if isinstance(each, errors.Refusal)]
    assert codes == [UserErrorCode.WRONG_STATE] * 3
    assert ((await models.ProjectFile.get()).status, len(await t.told())) == (FileStatus.READY, 1)


async def test_what_was_kept_before_its_process_died_is_finished_by_asking_again(t: Inside, data_dir: Path) -> None:
    file_id = await announced(t)
    await put(file_id, t.cleo)
    await storage.opened().keep(file_id, DIGEST)
    await files.finish(by=t.cleo, file_id=file_id)
    assert ((await models.ProjectFile.get()).status, left(data_dir)) == (FileStatus.READY, [f"kept/{file_id}/{DIGEST}"])


async def test_of_what_arrives_too_late_nothing_is_left(t: Inside, data_dir: Path, clock: ModuleType) -> None:
    finished, deleted = await announced(t), await announced(t)
    late = [await files.begun(*opened_at(await up(file_id, t.cleo)), clock.now()) for file_id in (finished, deleted)]
    await put(finished, t.cleo)
    await files.finish(by=t.cleo, file_id=finished)
    await files.delete(by=t.cleo, file_id=deleted)
    for upload in late:
        async with refused(UserErrorCode.WRONG_STATE):
            await files.receive(upload, chunks(b"MZ" + PDF[2:]))
    assert left(data_dir) == [f"kept/{finished}/{DIGEST}"]


async def up(file_id: str, by: Seat) -> Link:
    row = await models.ProjectFile.get(id=file_id)
    return files.upload_link(file_id, row.uploaded_at, by.session_id)


# ── taken off ──


async def test_the_uploader_the_vendor_and_the_owner_delete_a_file(
    t: Inside, data_dir: Path, clock: ModuleType
) -> None:
    for by in (t.cleo, t.vera, t.owner):
        file_id = await ready(t)
        assert await files.delete(by=by, file_id=file_id) == t.project.id
        assert (await models.ProjectFile.get(id=file_id)).deleted_at == clock.now()
        gone = [{"field": "name", "before": "Offer.pdf", "after": None}]
        assert (await t.told())[-1] == ("file.deleted", file_id, by.user_id, gone)
        async with refused(UserErrorCode.NOT_FOUND, "fileId"):
            await files.delete(by=by, file_id=file_id)
    assert await files.empty_due(clock.now()) == 3
    assert left(data_dir) == []


async def test_nobody_else_deletes_it(t: Inside) -> None:
    file_id = await ready(t)
    for by in (t.sam, t.paula, t.ada):
        async with refused(UserErrorCode.FORBIDDEN, "fileId"):
            await files.delete(by=by, file_id=file_id)
    for by in (t.carl, t.olga):
        async with refused(UserErrorCode.NOT_FOUND, "fileId"):
            await files.delete(by=by, file_id=file_id)
    await models.Account.filter(id=t.account.id).update(status=AccountStatus.CANCELLED)
    async with refused(UserErrorCode.WRONG_STATE, "fileId"):
        await files.delete(by=t.cleo, file_id=file_id)


async def test_of_what_nobody_heard_that_it_came_nobody_hears_that_it_is_gone(t: Inside) -> None:
    await files.delete(by=t.cleo, file_id=await announced(t))
    assert await t.told() == []


# ── in time ──


async def test_3_5_an_upload_that_nobody_finished_within_an_hour_vanishes(
    t: Inside, data_dir: Path, clock: ModuleType
) -> None:
    arrived, never = await announced(t), await announced(t)
    await put(arrived, t.cleo)
    clock.advance(HOUR - SECOND)
    assert await files.empty_due(clock.now()) == 0
    clock.advance(SECOND)
    for file_id in (arrived, never):
        async with refused(UserErrorCode.EXPIRED, "fileId"):
            await files.finish(by=t.cleo, file_id=file_id)
    assert await files.empty_due(clock.now()) == 2
    rows = await models.ProjectFile.all()
    assert {(row.status, row.deleted_at, row.emptied_at) for row in rows} == {
        (FileStatus.UPLOADING, clock.now(), clock.now())
    }
    for file_id in (arrived, never):
        async with refused(UserErrorCode.NOT_FOUND, "fileId"):
            await files.finish(by=t.cleo, file_id=file_id)
    assert (left(data_dir), await t.told()) == ([], [])
    assert await files.empty_due(clock.now()) == 0


async def test_the_bytes_of_what_is_ready_stay(t: Inside, data_dir: Path, clock: ModuleType) -> None:
    file_id = await ready(t)
    clock.advance(400 * 24 * HOUR)
    assert await files.empty_due(clock.now()) == 0
    assert left(data_dir) == [f"kept/{file_id}/{DIGEST}"]


async def test_what_is_finished_in_its_last_moment_while_a_sweep_goes_on_stays(
    t: Inside, data_dir: Path, clock: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = await announced(t)
    await put(file_id, t.cleo)
    connection = get_connection("default")

    async def found(statement: str, values: list[object]) -> list[dict[str, object]]:
        rows = await connection.execute_query_dict(statement, values)
        await files.finish(by=t.cleo, file_id=file_id)
        return rows

    between = SimpleNamespace(capabilities=connection.capabilities, execute_query_dict=found)
    monkeypatch.setattr(files, "get_connection", lambda _: between)
    assert await files.empty_due(clock.now() + HOUR) == 0
    file = await models.ProjectFile.get()
    assert (file.status, file.deleted_at, file.emptied_at) == (FileStatus.READY, None, None)
    assert left(data_dir) == [f"kept/{file_id}/{DIGEST}"]


async def test_whatever_a_refusal_left_goes(t: Inside, data_dir: Path, clock: ModuleType) -> None:
    file_id = await announced(t, content_type="image/png")
    await put(file_id, t.cleo)
    await models.ProjectFile.filter(id=file_id).update(status=FileStatus.REFUSED)
    assert left(data_dir) != []
    assert (await files.empty_due(clock.now()), left(data_dir)) == (1, [])
    assert (await models.ProjectFile.get()).deleted_at is None


# ── addresses ──


async def test_3_5_an_address_to_put_to_is_good_for_fifteen_minutes(t: Inside, clock: ModuleType) -> None:
    file_id = await announced(t)
    link = await up(file_id, t.cleo)
    assert link.url.startswith(f"http://127.0.0.1:8000/files/{file_id}?")
    assert link.expires_at == clock.now() + 15 * MINUTE
    clock.advance(15 * MINUTE - SECOND)
    upload = await files.begun(*opened_at(link), clock.now())
    assert (upload.file.id, upload.until) == (file_id, upload.file.uploaded_at + HOUR)
    clock.advance(SECOND)
    async with refused(UserErrorCode.EXPIRED):
        await files.begun(*opened_at(link), clock.now())


async def test_3_5_an_address_to_get_from_is_good_for_five_minutes(t: Inside, clock: ModuleType) -> None:
    file_id = await ready(t)
    link = await link_of(file_id, t.sam, clock)
    assert link.expires_at == clock.now() + 5 * MINUTE
    clock.advance(5 * MINUTE - SECOND)
    download = await files.opened(*opened_at(link), clock.now())
    assert (download.file.id, download.digest, download.by) == (file_id, DIGEST, t.sam)
    assert b"".join([bytes(piece) async for piece in download.bytes(1, 5)]) == PDF[1:5]
    clock.advance(SECOND)
    async with refused(UserErrorCode.EXPIRED):
        await files.opened(*opened_at(link), clock.now())


async def test_3_5_a_link_is_given_to_whoever_sees_the_file_and_of_what_is_ready(t: Inside, clock: ModuleType) -> None:
    file_id, unfinished, refused_one = await ready(t), await announced(t), await announced(t, content_type="image/png")
    await put(refused_one, t.cleo)
    await files.finish(by=t.cleo, file_id=refused_one)
    wanted = [file_id, unfinished, refused_one, "file_none"]
    for by in t.everybody:
        assert [*await files.links(wanted, clock.now(), by=by)] == [file_id]
    for by in (t.carl, t.olga):
        assert await files.links(wanted, clock.now(), by=by) == {}
    await files.delete(by=t.cleo, file_id=file_id)
    assert await files.links(wanted, clock.now(), by=t.vera) == {}


async def test_3_5_an_address_is_for_its_file_its_way_its_session_and_its_end(t: Inside, clock: ModuleType) -> None:
    file_id, other, uploading = await ready(t), await ready(t), await announced(t)
    _, down = opened_at(await link_of(file_id, t.cleo, clock))
    _, upward = opened_at(await up(uploading, t.cleo))
    forged = [
        (other, down),
        (file_id, Signed(t.vera.session_id, down.until, down.signature)),
        (file_id, Signed(down.session_id, str(int(down.until) + 1), down.signature)),
        (file_id, Signed(down.session_id, down.until, down.signature[:-1] + "x")),
        (file_id, Signed(down.session_id, down.until, down.signature.upper())),
        (file_id, Signed(down.session_id, down.until, "")),
        (file_id, Signed("", "", "")),
        (file_id, Signed("\ud800", "\ud800", "\ud800")),
        (uploading, upward),
    ]
    for wanted, signed in forged:
        async with refused(UserErrorCode.NOT_FOUND):
            await files.opened(wanted, signed, clock.now())
    for wanted, signed in ((file_id, down), (other, upward), (uploading, down)):
        async with refused(UserErrorCode.NOT_FOUND):
            await files.begun(wanted, signed, clock.now())


async def test_3_6_an_address_is_worth_nothing_once_its_holder_has_lost_the_project(
    t: Inside, clock: ModuleType
) -> None:
    file_id, uploading = await ready(t), await announced(t)
    down, upward = await link_of(file_id, t.cleo, clock), await up(uploading, t.cleo)
    download = await files.opened(*opened_at(down), clock.now())
    assert await download.holds()
    await t.leave(t.cleo)
    assert not await download.holds()
    async with refused(UserErrorCode.NOT_FOUND):
        await files.opened(*opened_at(down), clock.now())
    async with refused(UserErrorCode.NOT_FOUND):
        await files.begun(*opened_at(upward), clock.now())


async def test_5_5_an_address_is_worth_nothing_once_its_session_has_ended(t: Inside, clock: ModuleType) -> None:
    down = await link_of(await ready(t), t.sam, clock)
    download = await files.opened(*opened_at(down), clock.now())
    await models.Session.filter(id=t.sam.session_id).update(ended_at=clock.now())
    assert not await download.holds()
    async with refused(UserErrorCode.NOT_FOUND):
        await files.opened(*opened_at(down), clock.now())


async def test_an_address_is_worth_nothing_once_the_file_is_gone(t: Inside, clock: ModuleType) -> None:
    file_id = await ready(t)
    down = await link_of(file_id, t.vera, clock)
    await files.delete(by=t.cleo, file_id=file_id)
    async with refused(UserErrorCode.NOT_FOUND):
        await files.opened(*opened_at(down), clock.now())


async def test_what_is_finished_is_not_put_to_again(t: Inside, clock: ModuleType) -> None:
    file_id = await ready(t)
    async with refused(UserErrorCode.WRONG_STATE):
        await files.begun(*opened_at(await up(file_id, t.cleo)), clock.now())


async def test_a_copy_of_the_database_signs_nothing(
    t: Inside, clock: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = await link_of(await ready(t), t.cleo, clock)
    monkeypatch.setattr("domain.vault.key_for", lambda _: bytes(32))
    async with refused(UserErrorCode.NOT_FOUND):
        await files.opened(*opened_at(down), clock.now())
