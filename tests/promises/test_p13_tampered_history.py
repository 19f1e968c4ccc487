"""P13: a tampered history shows. Edited, deleted, inserted, moved, cut off, rewritten as a whole: each time found."""

import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import httpx2
import orjson
import pytest

import models
from domain import changes, histories, managers, verification
from domain.verification import BrokenError
from tests.domain.test_changes import history
from tests.server.conftest import chosen, served  # noqa: F401  fixtures
from tests.server.exporting import Sides, exported, lines, partnered, saved, saved_keys
from tests.server.test_commands import run

DAY = timedelta(days=1)
EDITED, DELETED, MOVED, CUT = 5, 3, 4, 2


# ── what somebody does who has the database ──


async def edit(stream: str) -> None:
    """Change what an event says."""
    await models.Event.filter(stream=stream, version=EDITED).update(reason="They never asked.")


async def delete(stream: str) -> None:
    """Take an event away."""
    await models.Event.filter(stream=stream, version=DELETED).delete()


async def insert(stream: str) -> None:
    """Put an event of one's own, well sealed, in the middle, and give all that follow their new places."""
    events = await history(stream)
    for event in reversed(events[MOVED - 1 :]):
        await models.Event.filter(id=event.id).update(version=event.version + 1)
    added = models.Event(
        stream=stream, version=MOVED, topic="partnership.declined", visible_to="BOTH", salt="ab" * 32, at=events[-1].at
    )
    added.client_id, added.partner_id = events[0].client_id, events[0].partner_id
    added.commitment = changes.commitment(added)
    added.digest = changes.digest_after(events[MOVED - 2].digest, added)
    await added.save(force_create=True)
    await models.Stream.filter(id=stream).update(version=len(events) + 1)


async def reorder(stream: str) -> None:
    """Let two events change places."""
    _, _, _, fourth, fifth, *_ = await history(stream)
    await models.Event.filter(id=fourth.id).update(version=1000)
    await models.Event.filter(id=fifth.id).update(version=fourth.version)
    await models.Event.filter(id=fourth.id).update(version=fifth.version)


async def cut_the_tail(stream: str) -> None:
    """Let it end earlier: as it really was then, so that chain and signature hold."""
    events = await history(stream)
    last = events[-1 - CUT]
    await models.Event.filter(stream=stream, version__gt=last.version).update(stream="elsewhere")
    await models.Stream.filter(id=stream).update(version=last.version, digest=last.digest)


async def rewrite(stream: str) -> None:
    """Change what an event says, and make chain and head anew behind it, so that they hold."""
    events = await history(stream)
    events[EDITED - 1].reason = "They never asked."
    digest = changes.NO_DIGEST
    for event in events:
        event.commitment = changes.commitment(event)
        event.digest = digest = changes.digest_after(digest, event)
        await event.save(update_fields=["reason", "commitment", "digest"])
    await models.Stream.filter(id=stream).update(digest=digest)


CASES: dict[Callable[[str], Awaitable[None]], str] = {
    edit: "Version 5 was changed: its payload is not what its commitment seals.",
    delete: "Version 3 is missing: version 4 comes after version 2.",
    insert: "Version 5 was changed: its payload is not what its commitment seals.",
    reorder: "Version 4 was changed: its payload is not what its commitment seals.",
    cut_the_tail: "The history ends at version 4, but version 6 was signed at {at}: its tail was cut off.",
    rewrite: "Version 6 is not what was signed at {at}: it was rewritten.",
}


@pytest.fixture
async def anchored(
    served: httpx2.AsyncClient,  # noqa: F811  a fixture
    clock: ModuleType,
) -> dict[str, Sides]:
    """Make a partnership for each case, whose heads were signed the day after."""
    every = {case.__name__: await partnered(case.__name__) for case in CASES}
    clock.advance(DAY)
    while await histories.sign_due(clock.now()):
        pass
    return every


async def test_p13_what_was_done_to_the_rows_is_found_in_the_export(
    served: httpx2.AsyncClient,  # noqa: F811  a fixture
    anchored: dict[str, Sides],
    clock: ModuleType,
    tmp_path: Path,
) -> None:
    keys, anchors = await saved_keys(served, tmp_path), tmp_path / "anchors"
    at = clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    found, unanchored = {}, {}
    for case in CASES:
        sides, name = anchored[case.__name__], case.__name__
        whole = await saved(served, sides.partnership, f"of the partner{name}", tmp_path)
        # The server's own worker may have signed the same head in the same moment.
        assert verification.verify(whole, keys, anchors).anchors in {1, 2}
        await case(sides.partnership)
        tampered = await saved(served, sides.partnership, f"of the partner{name}", tmp_path)
        found[case] = sentence(tampered, keys, anchors)
        unanchored[case] = sentence(tampered, keys, None)
    sys.stdout.write(f'{{"promise": "P13", "cases": {len(CASES)}, "found": {sum(map(bool, found.values()))}}}\n')
    assert found == {case: words.format(at=at) for case, words in CASES.items()}
    # Only what was signed before tells these two: what anchors are kept for.
    assert [case for case, words in unanchored.items() if words is None] == [cut_the_tail, rewrite]


def sentence(history: Path, keys: Path, anchors: Path | None) -> str | None:
    """Tell what is wrong; null: nothing."""
    try:
        verification.verify(history, keys, anchors)
    except BrokenError as broken:
        return str(broken)
    return None


async def test_p13_what_was_done_to_the_file_is_found(
    served: httpx2.AsyncClient,  # noqa: F811  a fixture
    tmp_path: Path,
    clock: ModuleType,
) -> None:
    sides = await partnered()
    keys = await saved_keys(served, tmp_path)
    *rows, head = (await exported(served, sides.partnership, "of the client")).content.splitlines(keepends=True)
    salted = orjson.loads(rows[1]) | {"salt": "ab" * 32}
    forged = orjson.dumps({**orjson.loads(rows[2]), "version": 4}) + b"\n"
    done = {
        "a byte changed": [rows[0].replace(b"Shop care", b"Shop cara"), *rows[1:], head],
        "a salt changed": [rows[0], orjson.dumps(salted) + b"\n", *rows[2:], head],
        "a commitment changed": [*rows[:3], rows[3].replace(b'"commitment":"', b'"commitment":"0')[:-1] + b"\n", head],
        "withheld after the fact": [*rows[:2], bare(rows[2], digest="0" * 64), *rows[3:], head],
        "first one gone": [*rows[1:], head],
        "one gone": [*rows[:2], *rows[3:], head],
        "one twice": [*rows[:3], *rows[2:], head],
        "one put in": [*rows[:3], forged, *rows[3:], head],
        "two swapped": [rows[1], rows[0], *rows[2:], head],
        "tail gone": [*rows[:-2], head],
        "tail and head gone": rows[:-2],
        "head altered": [*rows, head.replace(b"eyJ", b"eyA")],
    }
    file, found = tmp_path / "file.jsonl", {}
    for case, every in done.items():
        file.write_bytes(b"".join(every))
        found[case] = sentence(file, keys, None)
    assert found == {
        "a byte changed": "Version 1 was changed: its payload is not what its commitment seals.",
        "a salt changed": "Version 2 was changed: its payload is not what its commitment seals.",
        "a commitment changed": "Line 4 is no event of a history.",
        "withheld after the fact": "Version 3 does not follow from what stands before it: its digest is another.",
        "first one gone": "Version 1 is missing: version 2 comes at the beginning.",
        "one gone": "Version 3 is missing: version 4 comes after version 2.",
        "one twice": "Version 3 is out of its place: it comes after version 3.",
        "one put in": "Version 4 holds the payload of another event.",
        "two swapped": "Version 1 is missing: version 2 comes at the beginning.",
        "tail gone": "The events end at version 4, but the head was signed at version 6.",
        "tail and head gone": "It does not end with a signed head: it is no exported history, or its end is cut off.",
        "head altered": "The head at the end is not signed by any of the keys.",
    }


def bare(row: bytes, **more: str) -> bytes:
    whole = orjson.loads(row) | more
    return orjson.dumps({name: whole[name] for name in ("version", "commitment", "digest")}) + b"\n"


async def erased(client: httpx2.AsyncClient, contact_id: str) -> object:
    answer = await client.post(
        "/graphql",
        json={
            "query": "mutation ($id: ID!) { contactErase(contactId: $id) "
            "{ contact { id name title email } userErrors { code } } }",
            "variables": {"id": contact_id},
        },
        headers={"authorization": "Bearer of-the-partner"},
    )
    return answer.json()["data"]["contactErase"]


async def test_p13_what_was_erased_and_what_is_the_other_sides_verifies_from_the_command_line(
    served: httpx2.AsyncClient,  # noqa: F811  a fixture
    clock: ModuleType,
    tmp_path: Path,
) -> None:
    sides = await partnered()
    await managers.add(by=sides.admin, partnership_id=sides.partnership, contact_ids=[sides.contact])
    clock.advance(DAY)
    await histories.sign_due(clock.now())
    assert await erased(served, sides.contact) == {
        "contact": {"id": sides.contact, "name": "", "title": None, "email": None},
        "userErrors": [],
    }
    keys, anchors = await saved_keys(served, tmp_path), tmp_path / "anchors"
    history_file = await saved(served, sides.partnership, "of the client", tmp_path)
    assert b"Grace" not in history_file.read_bytes()
    rows = lines(await exported(served, sides.partnership, "of the client"))[:-1]
    assert [row["version"] for row in rows if "payload" not in row] == [4, 5, 6, 7]
    at = clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    whole, _ = await run(
        "history-verify", str(history_file), "--keys", str(keys), "--anchors", str(anchors), data_dir=tmp_path / "none"
    )
    *said, agreeing = whole.splitlines()
    assert said == [
        f"{sides.partnership} is whole: 8 events, 4 of them withheld, signed at {at}.",
        "The signature is by one of the keys.",
    ]
    # The server's own worker may have signed the same head in the same moment.
    assert agreeing in {"Anchors that it agrees with: 1.", "Anchors that it agrees with: 2."}
    assert not (tmp_path / "none").exists(), "it needs no data of a server"
    history_file.write_bytes(history_file.read_bytes().replace(b"Shop care", b"Shop cara"))
    printed, complained = await run(
        "history-verify", str(history_file), data_dir=tmp_path / "none", url="postgres://nowhere.invalid/x", status=1
    )
    assert (printed, complained) == ("", "Version 1 was changed: its payload is not what its commitment seals.\n")
    _, complained = await run("history-verify", str(tmp_path / "missing"), data_dir=tmp_path / "none", status=1)
    assert complained == f"{tmp_path / 'missing'} cannot be read: No such file or directory.\n"
