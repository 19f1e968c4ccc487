"""Heads: signed once a day, kept in the database and in a file beside it, whoever dies in between."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType

import orjson
import pytest
from tortoise.transactions import in_transaction

import models
from domain import histories, signing
from domain.histories import Head
from tests.domain.test_changes import said

DAY = timedelta(days=1)


async def sign_due(clock: ModuleType) -> int:
    """Sign everything that is due now; return how many heads."""
    signed = 0
    while some := await histories.sign_due(clock.now()):
        signed += some
    return signed


async def die_before_the_commit(clock: ModuleType) -> None:
    async with in_transaction():
        await sign_due(clock)
        raise InterruptedError


def anchors(data_dir: Path) -> dict[str, list[str]]:
    """Read the signed heads in each of the anchors' files."""
    files = sorted((data_dir / "anchors").iterdir())
    return {file.name: [orjson.loads(line)["head"] for line in file.read_bytes().splitlines()] for file in files}


async def opened(signatures: list[str]) -> list[Head]:
    keys = signing.read_keys(orjson.dumps(await signing.published()))
    return [histories.head_of(signature, keys) for signature in signatures]


async def head(stream: str, at: datetime) -> Head:
    row = await models.Stream.get(id=stream)
    return Head(stream, row.version, row.digest, at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))


@pytest.mark.usefixtures("database", "data_dir")
class TestSignDue:
    async def test_4_6_what_moved_before_today_is_signed_into_the_database_and_the_days_file(
        self, clock: ModuleType, data_dir: Path
    ) -> None:
        await said("partner.updated", "partner_a")
        await said("partner.updated", "partner_a")
        await said("partner.updated", "partner_b")
        clock.advance(DAY)
        await said("partner.updated", "partner_b")
        assert await sign_due(clock) == 2
        rows = await models.SignedHead.all().order_by("stream")
        assert [(row.stream, row.version, row.signed_at) for row in rows] == [
            ("partner_a", 2, clock.now()),
            ("partner_b", 2, clock.now()),
        ]
        signatures = [row.signature for row in rows]
        heads = [await head("partner_a", clock.now()), await head("partner_b", clock.now())]
        assert await opened(signatures) == heads
        assert {name: sorted(lines) for name, lines in anchors(data_dir).items()} == {
            "2026-11-22.jsonl": sorted(signatures)
        }

    async def test_4_6_a_head_is_signed_once_a_day_and_only_if_it_moved(
        self, clock: ModuleType, data_dir: Path
    ) -> None:
        await said("partner.updated", "partner_a")
        await said("partner.updated", "partner_b")
        same_day = await sign_due(clock)
        clock.advance(DAY)
        next_day = await sign_due(clock)
        await said("partner.updated", "partner_a")
        again = await sign_due(clock)
        clock.advance(DAY)
        day_after = await sign_due(clock)
        clock.advance(10 * DAY)
        assert [same_day, next_day, again, day_after, await sign_due(clock)] == [0, 2, 0, 1, 0]
        assert {name: len(lines) for name, lines in anchors(data_dir).items()} == {
            "2026-11-22.jsonl": 2,
            "2026-11-23.jsonl": 1,
        }

    async def test_a_day_that_nobody_was_there_is_made_up_for(self, clock: ModuleType) -> None:
        await said("partner.updated", "partner_a")
        clock.advance(30 * DAY)
        assert await sign_due(clock) == 1

    async def test_a_sweep_signs_a_batch(self, clock: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(histories, "BATCH", 2)
        for number in range(5):
            await said("partner.updated", f"partner_{number}")
        clock.advance(DAY)
        assert [await histories.sign_due(clock.now()) for _ in range(4)] == [2, 2, 1, 0]

    async def test_p13_a_process_that_dies_before_its_commit_loses_no_head(
        self, clock: ModuleType, data_dir: Path
    ) -> None:
        await said("partner.updated", "partner_a")
        clock.advance(DAY)
        with pytest.raises(InterruptedError):
            await die_before_the_commit(clock)
        assert await models.SignedHead.all().count() == 0
        [kept] = anchors(data_dir)["2026-11-22.jsonl"]
        assert await sign_due(clock) == 1
        row = await models.SignedHead.get()
        assert anchors(data_dir)["2026-11-22.jsonl"] == [kept, row.signature]
        assert await opened([kept, row.signature]) == [await head("partner_a", clock.now())] * 2

    async def test_p13_a_torn_line_makes_room_for_the_next(self, clock: ModuleType, data_dir: Path) -> None:
        await said("partner.updated", "partner_a")
        await said("partner.updated", "partner_b")
        clock.advance(DAY)
        await sign_due(clock)
        file = data_dir / "anchors" / "2026-11-22.jsonl"
        whole = file.read_bytes()
        first = whole.splitlines(keepends=True)[0]
        for torn in (whole[:-1], first + b'{"he', b'{"he', b""):
            file.write_bytes(torn)
            await models.Stream.filter(id="partner_b").update(unsigned_since=clock.now() - DAY)
            await models.SignedHead.filter(stream="partner_b").delete()
            await sign_due(clock)
            row = await models.SignedHead.get(stream="partner_b")
            kept = [orjson.loads(first)["head"]] if first in torn else []
            assert anchors(data_dir)["2026-11-22.jsonl"] == [*kept, row.signature]

    async def test_p12_a_disk_that_takes_no_anchor_leaves_the_head_to_be_signed(
        self, clock: ModuleType, data_dir: Path
    ) -> None:
        await said("partner.updated", "partner_a")
        clock.advance(DAY)
        (data_dir / "anchors").write_text("in the way")
        with pytest.raises(FileExistsError):
            await sign_due(clock)
        assert await models.SignedHead.all().count() == 0
        (data_dir / "anchors").unlink()
        assert await sign_due(clock) == 1


@pytest.mark.usefixtures("committed")
async def test_4_6_of_several_at_once_each_head_is_signed_once(clock: ModuleType, data_dir: Path) -> None:
    for number in range(10):
        await said("partner.updated", f"partner_{number}")
    clock.advance(DAY)
    assert sum(await asyncio.gather(*[sign_due(clock) for _ in range(8)])) == 10
    rows = await models.SignedHead.all()
    assert sorted(row.stream for row in rows) == [f"partner_{number}" for number in range(10)]
    assert sorted(anchors(data_dir)["2026-11-22.jsonl"]) == sorted(row.signature for row in rows)


@pytest.mark.usefixtures("database", "clock")
async def test_a_stream_is_unsigned_from_its_first_event_that_no_head_covers(clock: ModuleType) -> None:
    began = clock.now()
    await said("partner.updated", "partner_a")
    clock.advance(DAY)
    await said("partner.updated", "partner_a")
    assert (await models.Stream.get()).unsigned_since == began
