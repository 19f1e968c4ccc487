"""PUT and GET /files/{id}: bytes as announced or not at all, downloads that no browser opens, and to nobody else."""

import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

import models
from domain import files
from models.enums import FileStatus
from tests.domain.inside import Inside, inside
from tests.s3.serving import bucket, keys, s3, unfinished  # noqa: F401  fixtures
from tests.server.processes import Process
from tests.server.serving import http, ready, running, until
from tests.server.test_sockets_processes import served_by
from web import files as endpoint

MEBIBYTE = 1024 * 1024
Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]
PDF = b"%PDF-1.7 and what follows"
TAG = f'"{hashlib.sha256(PDF).hexdigest()}"'
UPLOAD = """
    mutation ($input: FileUploadInput!) {
        fileUpload(input: $input) {
            upload { file { id name status size contentType } uploadUrl expiresAt }
            userErrors { code field }
        }
    }
"""
FINISH = "mutation ($id: ID!) { fileUploadFinish(fileId: $id) { file { status } userErrors { code field } } }"
DELETE = "mutation ($id: ID!) { fileDelete(fileId: $id) { project { id } userErrors { code field } } }"
LINKS = "query ($ids: [ID!]!) { fileLinks(fileIds: $ids) { url expiresAt } }"


@dataclass
class Desk:
    """Cleo, who is on a project, at the server; everybody's token is `of-` and their name."""

    client: httpx2.AsyncClient
    t: Inside
    by: str = "of-cleo"
    headers: dict[str, str] = field(default_factory=dict)

    async def asks(self, query: str, by: str | None = None, **variables: object) -> Any:
        answer = await self.client.post(
            "/graphql",
            json={"query": query, "variables": variables},
            headers={"authorization": f"Bearer {by or self.by}", **self.headers},
        )
        body: dict[str, Any] = answer.json()
        assert "errors" not in body, body
        [data] = body["data"].values()
        return data

    async def announced(self, size: int, content_type: str = "application/pdf", name: str = "a.pdf") -> dict[str, Any]:
        given = {"projectId": self.t.project.id, "name": name, "contentType": content_type, "size": size}
        answer = await self.asks(UPLOAD, input=given)
        assert answer["userErrors"] == []
        upload: dict[str, Any] = answer["upload"]
        return upload

    async def puts(self, url: str, said: bytes | AsyncIterator[bytes], **headers: str) -> httpx2.Response:
        return await self.client.put(path(url), content=said, headers=headers)

    async def finishes(self, file_id: str) -> str:
        answer = await self.asks(FINISH, id=file_id)
        assert answer["userErrors"] == []
        status: str = answer["file"]["status"]
        return status

    async def ready(self, said: bytes = PDF, content_type: str = "application/pdf", name: str = "a.pdf") -> str:
        """Upload a file whole; its id."""
        upload = await self.announced(len(said), content_type, name)
        assert (await self.puts(upload["uploadUrl"], said)).status_code == 204
        assert await self.finishes(upload["file"]["id"]) == "READY"
        file_id: str = upload["file"]["id"]
        return file_id

    async def link(self, file_id: str, by: str | None = None) -> str:
        """Return where a file can be had, on this server."""
        [link] = await self.asks(LINKS, by, ids=[file_id])
        return path(link["url"])


def path(url: str) -> str:
    """Take from an address what comes after the server."""
    assert url.startswith("http://127.0.0.1:8000/files/file_")
    return url.removeprefix("http://127.0.0.1:8000")


async def chunks(said: Iterable[bytes]) -> AsyncIterator[bytes]:
    for each in said:
        yield each


async def at_the_desk(client: httpx2.AsyncClient) -> Desk:
    t = await inside()
    for name in ("vera", "owner", "sam", "paula", "ada", "cleo", "carl", "olga"):
        session_id = getattr(t, name).session_id
        await models.Session.filter(id=session_id).update(token_hash=hashed(f"of-{name}"))
    return Desk(client, t)


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@pytest.fixture
async def desk(served: httpx2.AsyncClient) -> Desk:
    return await at_the_desk(served)


@pytest.fixture
def left(tmp_path: Path) -> Callable[[], list[str]]:
    """List what is on the disk, whole or not."""
    folder = tmp_path / "files"
    return lambda: sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


def code(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["extensions"]["code"]


# ── up and down ──


async def test_3_5_a_file_goes_up_and_comes_down_as_an_attachment(
    desk: Desk, clock: ModuleType, left: Callable[[], list[str]]
) -> None:
    upload = await desk.announced(len(PDF), name='Große "Pläne".pdf')
    file_id = upload["file"]["id"]
    assert upload == {
        "file": {
            "id": file_id,
            "name": 'Große "Pläne".pdf',
            "status": "UPLOADING",
            "size": len(PDF),
            "contentType": "application/pdf",
        },
        "uploadUrl": upload["uploadUrl"],
        "expiresAt": "2026-11-21T21:01:00.000000Z",
    }
    put = await desk.puts(upload["uploadUrl"], PDF)
    assert (put.status_code, put.content) == (204, b"")
    assert await desk.finishes(file_id) == "READY"
    assert left() == [f"kept/{file_id}/{hashlib.sha256(PDF).hexdigest()}"]
    [link] = await desk.asks(LINKS, "of-owner", ids=[file_id])
    assert link["expiresAt"] == "2026-11-21T20:51:00.000000Z"
    got = await desk.client.get(path(link["url"]))
    assert (got.status_code, got.content) == (200, PDF)
    expected = {
        "content-type": "application/pdf",
        "content-length": str(len(PDF)),
        "content-disposition": 'attachment; filename="Gro_e _Pl_ne_.pdf"; '
        "filename*=UTF-8''Gro%C3%9Fe%20%22Pl%C3%A4ne%22.pdf",
        "etag": TAG,
        "accept-ranges": "bytes",
        "cache-control": "private, no-cache",
        "content-security-policy": "default-src 'none'; sandbox",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
    }
    assert {name: got.headers[name] for name in expected} == expected
    asked = await desk.client.head(path(link["url"]))
    assert (asked.status_code, asked.content) == (200, b"")
    assert {name: asked.headers[name] for name in expected} == expected
    assert (await desk.asks(DELETE, id=file_id))["project"] == {"id": desk.t.project.id}
    assert code(await desk.client.get(path(link["url"]))) == (404, "NOT_FOUND")
    # The server's own worker sweeps, too.
    assert (await files.empty_due(clock.now()) <= 1, left()) == (True, [])


@pytest.mark.parametrize(
    ("headers", "status", "content_range", "part"),
    [
        ({"range": "bytes=0-0"}, 206, "bytes 0-0/25", PDF[:1]),
        ({"range": "bytes=5-"}, 206, "bytes 5-24/25", PDF[5:]),
        ({"range": "bytes=5-9"}, 206, "bytes 5-9/25", PDF[5:10]),
        ({"range": "bytes=5-9999"}, 206, "bytes 5-24/25", PDF[5:]),
        ({"range": "bytes=-4"}, 206, "bytes 21-24/25", PDF[-4:]),
        ({"range": "bytes=-9999"}, 206, "bytes 0-24/25", PDF),
        ({"range": "bytes=5-9", "if-range": TAG}, 206, "bytes 5-9/25", PDF[5:10]),
        ({"range": "bytes=5-9", "if-range": '"another"'}, 200, None, PDF),
        ({"range": "bytes=0-0,2-3"}, 200, None, PDF),
        ({"range": "bytes=9-5"}, 200, None, PDF),
        ({"range": "bytes=-"}, 200, None, PDF),
        ({"range": "lines=0-5"}, 200, None, PDF),
        ({"range": "bytes=" + "9" * 500 + "-"}, 200, None, PDF),
        ({"range": "bytes=25-"}, 416, "bytes */25", None),
        ({"range": "bytes=-0"}, 416, "bytes */25", None),
        ({"if-none-match": TAG}, 304, None, b""),
        ({"if-none-match": f'"another", W/{TAG}'}, 304, None, b""),
        ({"if-none-match": '"another"'}, 200, None, PDF),
    ],
)
async def test_a_part_is_had_and_what_is_there_already_is_not_sent_again(
    desk: Desk, headers: dict[str, str], status: int, content_range: str | None, part: bytes | None
) -> None:
    link = await desk.link(await desk.ready())
    got = await desk.client.get(link, headers=headers)
    assert (got.status_code, got.headers.get("content-range")) == (status, content_range)
    if part is None:
        assert code(got) == (416, "INVALID")
    else:
        assert (got.content, got.headers["etag"]) == (part, TAG)


async def test_links_are_in_the_order_of_the_ids_and_null_for_what_is_not_to_be_had(desk: Desk) -> None:
    first, second = await desk.ready(), await desk.ready()
    upload = await desk.announced(1)
    asked = [second, "file_none", first, upload["file"]["id"], second]
    links = await desk.asks(LINKS, "of-sam", ids=asked)
    assert [urlsplit(link["url"]).path if link else None for link in links] == [
        f"/files/{second}",
        None,
        f"/files/{first}",
        None,
        f"/files/{second}",
    ]
    for nobody in ("of-carl", "of-olga"):
        assert await desk.asks(LINKS, nobody, ids=asked) == [None] * 5


async def test_a_hundred_links_at_most_and_none_for_whoever_is_not_signed_in(desk: Desk) -> None:
    sent = {"query": LINKS, "variables": {"ids": ["file_x"] * 101}}
    answer = await desk.client.post("/graphql", json=sent, headers={"authorization": "Bearer of-cleo"})
    assert [each["extensions"]["code"] for each in answer.json()["errors"]] == ["LIMIT_EXCEEDED"]
    assert await desk.asks(LINKS, ids=["file_x"] * 100) == [None] * 100
    answer = await desk.client.post("/graphql", json={"query": LINKS, "variables": {"ids": ["file_x"]}})
    assert answer.json()["data"] == {"fileLinks": None}


async def test_an_upload_that_is_announced_again_with_its_key_is_the_same(desk: Desk) -> None:
    desk.headers = {"idempotency-key": "once"}
    first = await desk.announced(len(PDF))
    assert await desk.announced(len(PDF)) == first
    assert await models.ProjectFile.all().count() == 1


# ── what is not taken ──


async def test_3_5_more_or_less_than_announced_is_not_taken_and_leaves_nothing(
    desk: Desk, left: Callable[[], list[str]]
) -> None:
    upload = await desk.announced(len(PDF))
    for said in (PDF + b"!", PDF[:-1], b""):
        assert code(await desk.puts(upload["uploadUrl"], said)) == (400, "INVALID")
        assert code(await desk.puts(upload["uploadUrl"], chunks([said]))) == (400, "INVALID")
    assert left() == []
    assert (await desk.asks(FINISH, id=upload["file"]["id"]))["userErrors"] == [
        {"code": "WRONG_STATE", "field": ["fileId"]}
    ]
    assert (await desk.puts(upload["uploadUrl"], chunks([PDF[:3], PDF[3:]]))).status_code == 204
    assert await desk.finishes(upload["file"]["id"]) == "READY"


async def test_3_5_a_stream_that_does_not_end_is_cut_off_at_the_size_that_was_announced(
    desk: Desk, left: Callable[[], list[str]]
) -> None:
    upload, sent = await desk.announced(12 * MEBIBYTE, "application/octet-stream"), 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += MEBIBYTE
            yield bytes(MEBIBYTE)

    try:
        answer = await desk.puts(upload["uploadUrl"], endless())
    except httpx2.TransportError:
        pass
    else:
        assert code(answer) == (400, "INVALID")
    assert sent < 24 * MEBIBYTE
    await until_none(left)


@asynccontextmanager
async def by_hand(desk: Desk, method: str, address: str, *headers: str) -> AsyncIterator[Wire]:
    """Begin a request, for the length of a block, whose bytes come and go as the test likes."""
    at = desk.client.base_url
    reader, writer = await asyncio.open_connection(at.host, at.port)
    try:
        writer.write("\r\n".join([f"{method} {address} HTTP/1.1", "host: x", *headers, "", ""]).encode())
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def putting(desk: Desk, upload: dict[str, Any]) -> AbstractAsyncContextManager[Wire]:
    """Begin to put."""
    return by_hand(desk, "PUT", path(upload["uploadUrl"]), f"content-length: {upload['file']['size']}")


async def until_some(left: Callable[[], list[str]]) -> None:
    async def some() -> bool:
        return left() != []

    await until(some)


async def until_none(left: Callable[[], list[str]]) -> None:
    async def none() -> bool:
        return left() == []

    await until(none)


async def test_3_5_an_upload_that_breaks_off_leaves_nothing(desk: Desk, left: Callable[[], list[str]]) -> None:
    upload = await desk.announced(8 * MEBIBYTE, "application/octet-stream")
    async with putting(desk, upload) as (_, writer):
        writer.write(bytes(7 * MEBIBYTE))
        await until_some(left)
    await until_none(left)
    assert (await models.ProjectFile.get()).digest is None


async def test_3_5_what_is_mislabelled_is_refused_and_gone(desk: Desk, left: Callable[[], list[str]]) -> None:
    upload = await desk.announced(len(PDF), "image/png")
    assert (await desk.puts(upload["uploadUrl"], PDF)).status_code == 204
    assert left() != []
    assert await desk.finishes(upload["file"]["id"]) == "REFUSED"
    assert left() == []
    assert await desk.asks(LINKS, ids=[upload["file"]["id"]]) == [None]
    assert code(await desk.puts(upload["uploadUrl"], PDF)) == (410, "WRONG_STATE")


async def test_what_is_compressed_is_not_taken(desk: Desk) -> None:
    upload = await desk.announced(len(PDF))
    answer = await desk.puts(upload["uploadUrl"], PDF, **{"content-encoding": "gzip"})
    assert code(answer) == (415, "INVALID")


async def test_whoever_sends_nothing_for_long_is_cut_off(
    desk: Desk, left: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "LONGEST_WAIT", 0.1)
    async with putting(desk, await desk.announced(len(PDF))) as (reader, writer):
        writer.write(PDF[:3])
        assert (await reader.readexactly(12), left()) == (b"HTTP/1.1 408", [])


async def test_an_upload_ends_with_its_hour(desk: Desk, clock: ModuleType, left: Callable[[], list[str]]) -> None:
    async with putting(desk, await desk.announced(8 * MEBIBYTE, "application/octet-stream")) as (reader, writer):
        writer.write(bytes(7 * MEBIBYTE))
        await until_some(left)
        clock.advance(timedelta(hours=1))
        writer.write(b"!")
        assert (await reader.readexactly(12), left()) == (b"HTTP/1.1 408", [])


# ── to nobody else ──


async def test_3_5_what_is_forged_or_another_s_is_404_and_what_is_late_410(desk: Desk, clock: ModuleType) -> None:
    file_id, other = await desk.ready(), await desk.ready()
    upload = await desk.announced(len(PDF))
    down, upward = await desk.link(file_id), path(upload["uploadUrl"])
    session = desk.t.vera.session_id
    forged = [
        down.replace(file_id, other),
        down.replace(file_id, "file_none"),
        down.replace(file_id, "%00"),
        down.replace(desk.t.cleo.session_id, session),
        down.replace("until=1", "until=2"),
        down[:-1] + ("0" if down[-1] != "0" else "1"),
        f"/files/{file_id}",
        f"/files/{file_id}?session=%FF&until=x&signature=%00",
        upward,
    ]
    for address in forged:
        for method in ("GET", "HEAD"):
            assert (await desk.client.request(method, address)).status_code == 404, address
    for address in (down, upward.replace(upload["file"]["id"], file_id), f"/files/{file_id}"):
        assert code(await desk.client.put(address, content=PDF)) == (404, "NOT_FOUND")
    clock.advance(timedelta(minutes=5))
    assert code(await desk.client.get(down)) == (410, "EXPIRED")
    clock.advance(timedelta(minutes=10))
    assert code(await desk.client.put(upward, content=PDF)) == (410, "EXPIRED")


async def test_3_6_whoever_lost_the_project_gets_nothing_through_an_address_made_before(desk: Desk) -> None:
    file_id, upload = await desk.ready(), await desk.announced(len(PDF))
    down = await desk.link(file_id)
    assert (await desk.client.get(down)).status_code == 200
    await desk.t.leave(desk.t.cleo)
    assert code(await desk.client.get(down)) == (404, "NOT_FOUND")
    assert code(await desk.puts(upload["uploadUrl"], PDF)) == (404, "NOT_FOUND")


async def test_5_5_signing_out_ends_the_addresses_of_the_session(desk: Desk) -> None:
    down = await desk.link(await desk.ready())
    await desk.asks("mutation { signOut { userErrors { code } } }")
    assert code(await desk.client.get(down)) == (404, "NOT_FOUND")


async def test_5_1_a_download_breaks_off_once_the_right_to_it_has_ended(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "RECHECK", 0.0)
    said = bytes(48 * MEBIBYTE)
    down = await desk.link(await desk.ready(said, "application/octet-stream"))
    got = 0

    async def reading() -> None:
        nonlocal got
        async with desk.client.stream("GET", down) as answer:
            async for piece in answer.aiter_raw(MEBIBYTE):
                if got == 0:
                    await desk.t.leave(desk.t.cleo)
                got += len(piece)

    with pytest.raises(httpx2.RemoteProtocolError):
        await reading()
    assert got < len(said)


async def test_whoever_takes_nothing_for_long_is_cut_off(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    down = await desk.link(await desk.ready(bytes(48 * MEBIBYTE), "application/octet-stream"))
    monkeypatch.setattr(endpoint, "LONGEST_WAIT", 0.2)
    got = 0
    async with by_hand(desk, "GET", down) as (reader, _):
        await asyncio.sleep(1)
        with suppress(ConnectionError):
            got = len(await reader.read())
    assert got < 48 * MEBIBYTE


async def test_any_other_method_is_405(desk: Desk) -> None:
    for method in ("POST", "PATCH", "DELETE", "OPTIONS"):
        answer = await desk.client.request(method, "/files/file_x")
        assert (code(answer), answer.headers["allow"]) == ((405, "INVALID"), "GET, HEAD, PUT")


async def test_p12_while_the_folder_cannot_be_used_it_is_said_so_and_recovers_alone(desk: Desk, tmp_path: Path) -> None:
    upload = await desk.announced(len(PDF))
    folder = tmp_path / "files"
    if folder.exists():
        for empty in (*folder.iterdir(), folder):
            empty.rmdir()
    folder.write_text("in the way")
    answer = await desk.puts(upload["uploadUrl"], PDF)
    assert (code(answer), answer.headers["retry-after"]) == ((503, "INTERNAL"), "2")
    folder.unlink()
    assert (await desk.puts(upload["uploadUrl"], PDF)).status_code == 204
    assert await desk.finishes(upload["file"]["id"]) == "READY"


# ── elsewhere ──


@pytest.fixture
def swept_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the worker look more often than every 5 seconds what is to go."""
    monkeypatch.setattr("outbox.worker.SWEEP", 0.2)


@pytest.mark.usefixtures("swept_soon")
async def test_3_5_files_are_in_a_bucket_where_one_is_named(
    committed: str,
    chosen: Callable[..., None],
    s3: str,  # noqa: F811
    bucket: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    chosen(DATABASE_URL=committed, FILES_URL=bucket)
    said = os.urandom(12 * MEBIBYTE)
    async with running() as url, http(url) as client:
        await ready(client)
        desk = await at_the_desk(client)
        file_id = await desk.ready(said, "application/octet-stream")
        assert await keys(s3, bucket) == [f"countersign/kept/{file_id}/{hashlib.sha256(said).hexdigest()}"]
        down = await desk.link(file_id)
        assert (await client.get(down)).content == said
        part = await client.get(down, headers={"range": "bytes=6000000-6000009"})
        assert (part.status_code, part.content) == (206, said[6_000_000:6_000_010])
        upload = await desk.announced(len(said), "application/octet-stream")
        assert code(await desk.puts(upload["uploadUrl"], chunks([said[:MEBIBYTE]] * 11))) == (400, "INVALID")
        assert (len(await keys(s3, bucket)), await unfinished(s3, bucket)) == (1, 0)
        mislabelled = await desk.announced(len(PDF), "image/png")
        await desk.puts(mislabelled["uploadUrl"], PDF)
        assert await desk.finishes(mislabelled["file"]["id"]) == "REFUSED"
        await desk.asks(DELETE, id=file_id)

        async def gone() -> bool:
            return await keys(s3, bucket) == []

        await until(gone)
    assert not (tmp_path / "files").exists()


# ── a server as people run it ──


def peak(process: Process) -> int:
    """Tell the most memory that a process ever held, in bytes."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="what a process holds is read where Linux says it")
async def test_3_5_a_hundred_megabytes_go_up_and_come_down_in_constant_memory(committed: str, tmp_path: Path) -> None:
    piece = os.urandom(MEBIBYTE)
    async with served_by(committed, tmp_path) as (process, client):
        desk = await at_the_desk(client)
        warm = await desk.ready(piece * 12, "application/octet-stream")
        assert (await client.get(await desk.link(warm))).status_code == 200
        before = peak(process)
        upload = await desk.announced(100 * MEBIBYTE, "application/octet-stream")
        put = await desk.puts(upload["uploadUrl"], chunks([piece] * 100), **{"content-length": str(100 * MEBIBYTE)})
        assert put.status_code == 204
        assert await desk.finishes(upload["file"]["id"]) == "READY"
        up = peak(process)
        got = hashlib.sha256()
        async with client.stream("GET", await desk.link(upload["file"]["id"])) as answer:
            async for each in answer.aiter_raw():
                got.update(each)
        down = peak(process)
    assert got.hexdigest() == (await models.ProjectFile.get(id=upload["file"]["id"])).digest
    grown = {"up": (up - before) / MEBIBYTE, "down": (down - up) / MEBIBYTE}
    sys.stdout.write(f"MiB by which the server grew: {grown}\n")
    assert max(grown.values()) < 24


async def test_3_5_what_a_killed_server_had_of_an_upload_goes_with_its_hour(
    committed: str, chosen: Callable[..., None], tmp_path: Path, left: Callable[[], list[str]]
) -> None:
    chosen(DATABASE_URL=committed)
    async with served_by(committed, tmp_path) as (process, client):
        desk = await at_the_desk(client)
        upload = await desk.announced(64 * MEBIBYTE, "application/octet-stream")

        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield bytes(MEBIBYTE)
                if left():
                    process.send_signal(signal.SIGKILL)

        with pytest.raises(httpx2.TransportError):
            await desk.puts(upload["uploadUrl"], endless(), **{"content-length": str(64 * MEBIBYTE)})
        await process.wait()
    assert left() != []
    file = await models.ProjectFile.get()
    assert (file.status, file.digest) == (FileStatus.UPLOADING, None)
    assert await files.empty_due(file.uploaded_at + timedelta(hours=1)) == 1
    assert left() == []
