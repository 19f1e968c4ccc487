"""Whether an exported history is whole: offline, with no more than the file, the public keys and the anchors.

The chain alone shows an edited, missing, added or moved event; the head's signature, a cut tail; heads that were signed
before, which is what anchors are, a history that was rewritten as a whole. An earlier export serves as an anchor, too.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import orjson
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from domain import changes, histories, signing
from domain.histories import Head

_LAST_BYTES: Final = 64 * 1024
_NOT_SIGNED: Final = "No keys were given: who signed it was NOT checked."
_NOT_ANCHORED: Final = (
    "It was compared with NO anchor: had all of it been rewritten before it was signed, it would look so."
)

Hash = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class BrokenError(Exception):
    """What is wrong, and where, in one sentence."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _EventLine(_Line):
    version: int = Field(ge=1)
    commitment: Hash
    digest: Hash
    salt: Hash | None = None
    payload: str | None = None


class _HeadLine(_Line):
    head: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A history that is whole.

    `withheld`: events shown by their commitments alone. `is_signed`: whether its signatures were checked. `anchors`:
    how many earlier heads it agrees with.
    """

    head: Head
    withheld: int
    is_signed: bool
    anchors: int


def verify(history: Path, keys: Path | None, anchors: Path | None) -> Verified:
    """Verify an exported history. Raises BrokenError.

    `keys`: a JWK set; null: signatures are not checked. `anchors`: a file with signed heads, or a folder of such files.
    """
    known = None if keys is None else _keys(keys)
    head = _head(history, known)
    anchored = [] if anchors is None else list(_anchors(anchors, head.stream, known))
    withheld = _follow(history, head, _by_version(anchored, head))
    return Verified(head, withheld, known is not None, len(anchored))


def summary(verified: Verified) -> str:
    """Say what was found whole, and what nobody has checked."""
    head = verified.head
    events = f"{head.version} event{'s' * (head.version != 1)}, {verified.withheld} of them withheld"
    found = f"{head.stream} is whole: {events}, signed at {head.at}."
    signature = "The signature is by one of the keys." if verified.is_signed else _NOT_SIGNED
    agreed = f"Anchors that it agrees with: {verified.anchors}." if verified.anchors else _NOT_ANCHORED
    return f"{found}\n{signature}\n{agreed}"


# ── the chain ──


def _follow(history: Path, head: Head, anchored: Mapping[int, Head]) -> int:
    """Recompute the chain from its first event to its head; return how many events are withheld."""
    version, digest, withheld = 0, changes.NO_DIGEST, 0
    for event in _events(history):
        _hold_in_place(event, version)
        _hold_to_payload(event, head.stream)
        version, digest = event.version, changes.chained(digest, head.stream, event.version, event.commitment)
        if event.digest != digest:
            raise BrokenError(f"Version {version} does not follow from what stands before it: its digest is another.")
        if version in anchored and anchored[version].digest != digest:
            raise BrokenError(f"Version {version} is not what was signed at {anchored[version].at}: it was rewritten.")
        withheld += event.payload is None
    if version != head.version:
        raise BrokenError(f"The events end at version {version}, but the head was signed at version {head.version}.")
    if digest != head.digest:
        raise BrokenError(f"The head was signed over another history: its digest at version {version} is another.")
    return withheld


def _hold_in_place(event: _EventLine, before: int) -> None:
    if event.version == before + 1:
        return
    after = f"after version {before}" if before else "at the beginning"
    raise BrokenError(
        f"Version {before + 1} is missing: version {event.version} comes {after}."
        if event.version > before
        else f"Version {event.version} is out of its place: it comes {after}."
    )


def _hold_to_payload(event: _EventLine, stream: str) -> None:
    """Compare an event that is shown whole with its seal, and with the place that it has."""
    if event.payload is None or event.salt is None:
        if event.payload is not event.salt:
            raise BrokenError(f"Version {event.version} has a payload without its salt, or a salt without its payload.")
        return
    payload = event.payload.encode()
    if changes.sealed(event.salt, payload) != event.commitment:
        raise BrokenError(f"Version {event.version} was changed: its payload is not what its commitment seals.")
    said = _parsed(payload)
    if not isinstance(said, dict) or (said.get("stream"), said.get("version")) != (stream, event.version):
        raise BrokenError(f"Version {event.version} holds the payload of another event.")


# ── what is read ──


def _events(history: Path) -> Iterator[_EventLine]:
    """Read a history's events; its last line, the head, is left out."""
    with history.open("rb") as file:
        before: bytes | None = None
        for number, line in enumerate(file):
            if before is not None:
                yield _event(before, number)
            before = line


def _event(line: bytes, number: int) -> _EventLine:
    try:
        return _EventLine.model_validate_json(line)
    except ValidationError:
        raise BrokenError(f"Line {number} is no event of a history.") from None


def _head(history: Path, keys: KeySet | None) -> Head:
    last = _last_line(history)
    try:
        signature = _HeadLine.model_validate_json(last).head
    except ValidationError:
        raise BrokenError(
            "It does not end with a signed head: it is no exported history, or its end is cut off."
        ) from None
    try:
        return histories.head_of(signature, keys)
    except signing.SignatureError:
        raise BrokenError("The head at the end is not signed by any of the keys.") from None


def _last_line(history: Path) -> bytes:
    try:
        with history.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(0, end - _LAST_BYTES))
            lines = file.read().splitlines()
    except OSError as wrong:
        raise BrokenError(f"{history} cannot be read: {wrong.strerror}.") from None
    return lines[-1] if lines else b""


def _keys(path: Path) -> KeySet:
    try:
        return signing.read_keys(path.read_bytes())
    except OSError as wrong:
        raise BrokenError(f"{path} cannot be read: {wrong.strerror}.") from None
    except ValueError:
        raise BrokenError(f"{path} holds no public keys: save what /.well-known/jwks.json answers.") from None


# ── anchors ──


def _by_version(anchored: Iterable[Head], head: Head) -> dict[int, Head]:
    """Arrange anchors by their versions; of one version all have to say the same, and none is newer than the head."""
    arranged: dict[int, Head] = {}
    for anchor in anchored:
        if anchor.version > head.version:
            raise BrokenError(
                f"The history ends at version {head.version}, but version {anchor.version} was signed at {anchor.at}:"
                " its tail was cut off."
            )
        if arranged.setdefault(anchor.version, anchor).digest != anchor.digest:
            raise BrokenError(f"Version {anchor.version} was signed with two digests: the history was rewritten.")
    return arranged


def _anchors(path: Path, stream: str, keys: KeySet | None) -> Iterator[Head]:
    """Find a stream's heads among the anchors; only its own signatures are checked."""
    for file in sorted(path.glob("*.jsonl")) if path.is_dir() else [path]:
        for number, signature in _signatures(file):
            try:
                if histories.head_of(signature, None).stream == stream:
                    yield histories.head_of(signature, keys)
            except signing.SignatureError:
                raise BrokenError(f"The anchor in line {number} of {file} is not signed by any of the keys.") from None


def _signatures(file: Path) -> Iterator[tuple[int, str]]:
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                said = _parsed(line)
                if not isinstance(said, dict):
                    raise BrokenError(f"Line {number} of {file} is no anchor.")
                if isinstance(said.get("head"), str):
                    yield number, said["head"]
    except OSError as wrong:
        raise BrokenError(f"{file} cannot be read: {wrong.strerror}.") from None


def _parsed(text: bytes) -> object:
    try:
        parsed: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return parsed
