"""Verifying an exported history, line by line: every sentence that it may say, and nothing but sentences."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from domain import histories, signing, verification
from domain.histories import Head
from domain.verification import BrokenError, Verified

STREAM = "partnership_a"
AT = "2026-11-21T20:46:00.000000Z"
EARLIER = "2026-11-20T00:00:05.000000Z"

pytestmark = pytest.mark.usefixtures("database", "data_dir", "clock")

Lines = list[dict[str, object]]


def chain(*reasons: str | None, stream: str = STREAM) -> tuple[Lines, list[str]]:
    """Write the lines of a history, and its digest after each; a reason of null is of a row that is withheld."""
    lines: Lines = []
    digest, digests = bytes(32), ["0" * 64]
    for version, reason in enumerate(reasons, start=1):
        payload = orjson.dumps({"reason": reason, "stream": stream, "version": version})
        salt = hashlib.sha256(b"%d" % version).digest()
        commitment = hashlib.sha256(salt + payload).digest()
        digest = hashlib.sha256(digest + f"{stream}\0{version}\0".encode() + commitment).digest()
        digests.append(digest.hex())
        line: dict[str, object] = {"version": version, "commitment": commitment.hex(), "digest": digest.hex()}
        lines.append(line if reason is None else line | {"salt": salt.hex(), "payload": payload.decode()})
    return lines, digests


async def head_line(version: int, digest: str, *, stream: str = STREAM, at: str = AT) -> dict[str, object]:
    [signature] = await histories.sign([Head(stream, version, digest, at)])
    return {"head": signature}


async def export(*reasons: str | None) -> Lines:
    lines, digests = chain(*reasons)
    return [*lines, await head_line(len(lines), digests[-1])]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write lines of JSON into a file; return where."""

    def written(lines: Lines, name: str = "history.jsonl") -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
        return path

    return written


@pytest.fixture
async def keys(database: None, data_dir: Path, tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    path.write_bytes(orjson.dumps(await signing.published()))
    return path


def broken(history: Path, keys: Path | None = None, anchors: Path | None = None) -> str:
    with pytest.raises(BrokenError) as caught:
        verification.verify(history, keys, anchors)
    return str(caught.value)


class TestWhole:
    async def test_a_whole_history_is_summed_up(self, write: Callable[..., Path], keys: Path) -> None:
        lines, digests = chain("first", None, "third — with ünicode")
        history = write([*lines, await head_line(3, digests[3])])
        anchors = write([await head_line(1, digests[1], at=EARLIER), await head_line(3, digests[3])], "anchors.jsonl")
        verified = verification.verify(history, keys, anchors)
        assert verified == Verified(Head(STREAM, 3, digests[3], AT), withheld=1, is_signed=True, anchors=2)
        assert verification.summary(verified) == (
            f"{STREAM} is whole: 3 events, 1 of them withheld, signed at {AT}.\n"
            "The signature is by one of the keys.\n"
            "Anchors that it agrees with: 2."
        )

    async def test_what_was_not_checked_is_said(self, write: Callable[..., Path]) -> None:
        verified = verification.verify(write(await export("first")), None, None)
        assert verification.summary(verified) == (
            f"{STREAM} is whole: 1 event, 0 of them withheld, signed at {AT}.\n"
            "No keys were given: who signed it was NOT checked.\n"
            "It was compared with NO anchor: had all of it been rewritten before it was signed, it would look so."
        )

    async def test_a_history_in_which_nothing_has_happened_is_whole(
        self, write: Callable[..., Path], keys: Path
    ) -> None:
        assert verification.verify(write(await export()), keys, None).head == Head(STREAM, 0, "0" * 64, AT)

    async def test_anchors_of_other_streams_are_passed_over_and_an_earlier_export_is_one(
        self, write: Callable[..., Path], keys: Path
    ) -> None:
        history = write(await export("first", "second"))
        other = await head_line(9, "f" * 64, stream="partnership_b")
        write([other], "anchors/2026-11-20.jsonl")
        write(await export("first"), "anchors/2026-11-21.jsonl")
        write([{"head": "ignored: not of this name"}], "anchors/notes.txt")
        assert verification.verify(history, keys, history.parent / "anchors").anchors == 1


class TestBroken:
    async def test_a_payload_without_its_salt_proves_nothing(self, write: Callable[..., Path], keys: Path) -> None:
        lines = await export("first", "second")
        del lines[1]["salt"]
        assert broken(write(lines), keys) == "Version 2 has a payload without its salt, or a salt without its payload."

    async def test_the_payload_of_another_stream_is_no_event_of_this_one(
        self, write: Callable[..., Path], keys: Path
    ) -> None:
        ours, _ = chain("first")
        theirs, _ = chain("first", "second", stream="partnership_b")
        digest = hashlib.sha256(
            bytes.fromhex(str(ours[0]["digest"]))
            + f"{STREAM}\0{2}\0".encode()
            + bytes.fromhex(str(theirs[1]["commitment"]))
        ).hexdigest()
        lines = [*ours, theirs[1] | {"digest": digest}, await head_line(2, digest)]
        assert broken(write(lines), keys) == "Version 2 holds the payload of another event."

    async def test_a_head_over_other_digests_is_found(self, write: Callable[..., Path], keys: Path) -> None:
        lines, _ = chain("first", "second")
        _, others = chain("first", "other")
        assert broken(write([*lines, await head_line(2, others[2])]), keys) == (
            "The head was signed over another history: its digest at version 2 is another."
        )

    async def test_a_head_that_nobody_signed_is_found_if_there_are_keys(
        self, write: Callable[..., Path], keys: Path
    ) -> None:
        lines = await export("first")
        head, payload, _ = str(lines[1]["head"]).split(".")
        forged = write([lines[0], {"head": f"{head}.{payload}.{'A' * 86}"}])
        assert broken(forged, keys) == "The head at the end is not signed by any of the keys."
        assert not verification.verify(forged, None, None).is_signed

    async def test_a_forged_anchor_is_found(self, write: Callable[..., Path], keys: Path) -> None:
        lines = await export("first")
        head, payload, _ = str(lines[1]["head"]).split(".")
        anchors = write([{"head": f"{head}.{payload}.{'A' * 86}"}], "anchors.jsonl")
        assert (
            broken(write(lines), keys, anchors)
            == f"The anchor in line 1 of {anchors} is not signed by any of the keys."
        )

    async def test_two_anchors_of_one_version_have_to_agree(self, write: Callable[..., Path], keys: Path) -> None:
        lines, digests = chain("first")
        anchors = write([await head_line(1, digests[1]), await head_line(1, "f" * 64)], "anchors.jsonl")
        history = write([*lines, await head_line(1, digests[1])])
        assert broken(history, keys, anchors) == "Version 1 was signed with two digests: the history was rewritten."

    @pytest.mark.parametrize(
        "line",
        [
            b"",
            b"{}",
            b"[]",
            b"null",
            b"\xff\xfe",
            b'{"version": 0, "commitment": "", "digest": ""}',
            b'{"version": "1", "commitment": "%s", "digest": "%s"}' % (b"a" * 64, b"a" * 64),
            b'{"version": 1, "commitment": "%s", "digest": "%s", "extra": 1}' % (b"a" * 64, b"a" * 64),
            b'{"version": 1, "commitment": "%s", "digest": "%s"}' % (b"A" * 64, b"a" * 64),
            b"[" * 100_000,
        ],
    )
    async def test_a_line_that_is_no_event_is_named(self, write: Callable[..., Path], line: bytes) -> None:
        history = write(await export("first"))
        whole = history.read_bytes().splitlines()
        history.write_bytes(b"\n".join([whole[0], line, whole[1], b""]))
        assert broken(history) == "Line 2 is no event of a history."

    @pytest.mark.parametrize("content", [b"", b"\n", b"x", b"\0" * 100, b"{}", b'{"head": 1}', b'{"version": 1}\n' * 9])
    async def test_a_file_without_a_head_at_its_end_is_none(self, tmp_path: Path, content: bytes) -> None:
        file = tmp_path / "file"
        file.write_bytes(content)
        assert broken(file) == ("It does not end with a signed head: it is no exported history, or its end is cut off.")

    @pytest.mark.parametrize("head", ["", "x", "a.b.c", "é", "eyJ0eXAiOiJjb3VudGVyc2lnbi1oZWFkIn0.e30.AA"])
    async def test_a_head_that_is_none_is_found_with_and_without_keys(
        self, write: Callable[..., Path], keys: Path, head: str
    ) -> None:
        file = write([{"head": head}])
        assert broken(file) == broken(file, keys) == "The head at the end is not signed by any of the keys."

    async def test_files_that_are_not_there_are_named(self, write: Callable[..., Path], tmp_path: Path) -> None:
        missing, history = tmp_path / "missing", write(await export("first"))
        said = f"{missing} cannot be read: No such file or directory."
        assert (broken(missing), broken(history, missing), broken(history, None, missing)) == (said, said, said)
        assert broken(tmp_path) == f"{tmp_path} cannot be read: Is a directory."

    async def test_what_holds_no_keys_or_anchors_is_named(self, write: Callable[..., Path], tmp_path: Path) -> None:
        history, other = write(await export("first")), tmp_path / "other"
        other.write_text("neither\n")
        assert broken(history, other) == f"{other} holds no public keys: save what /.well-known/jwks.json answers."
        assert broken(history, None, other) == f"Line 1 of {other} is no anchor."
