"""Histories as files: a stream's events in batches, for whoever sees what the stream is about."""

from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

import orjson

from domain import changes, clock, histories
from domain.histories import Head
from domain.policy import NO_ROW, VISIBLE
from domain.seats import Seat
from models import sql
from models.enums import Side
from resolvers import accounts
from resolvers.context import SeatChangedError
from resolvers.reads import PostgresReads, Rows, SqliteReads
from resolvers.statements import SESSION

BATCH: Final = 500

# TABLE: what has a history to take along, by the prefix of its id, which is its table; and who sees it. A partnership's
# is both sides'. Of a company's own, even how many events it has is nobody else's to know.
STREAMS: Final[Mapping[str, Mapping[Side, str]]] = {
    "partnership": VISIBLE["Partnership"],
    # As its `activityHistory`: of the client's staff for those whose role comes with it (mission 1.7).
    "account": {
        **VISIBLE["Account"],
        Side.PARTNER: NO_ROW,
        Side.CLIENT: f"({VISIBLE['Account'][Side.CLIENT]} and {accounts.MAY_VIEW_HISTORY})",
    },
    # As its `history`: a partner sees the client partners of its projects, too, and of a client partner its people do.
    "partner": {
        **VISIBLE["Partner"],
        Side.PARTNER: "({t}.id = :partner and ({t}.kind = 'PARTNER' or {t}.admin_id = :user))",
        Side.CLIENT: NO_ROW,
    },
    "client": {**VISIBLE["Client"], Side.PARTNER: NO_ROW},
    "project": VISIBLE["Project"],
}

_SEALED: Final = ", ".join(f"e.{column}" for column in changes.SEALED.values())


@dataclass(frozen=True, slots=True)
class History:
    """A stream as a seat may read it, up to the version that was its newest when the reading began."""

    reads: PostgresReads | SqliteReads
    seat: Seat
    stream: str
    version: int
    digest: str

    async def lines(self) -> AsyncGenerator[bytes]:
        """Read batch by batch; the last is the head, signed then. Raises SeatChangedError where the right has ended."""
        after = 0
        while rows := await self._rows(after):
            yield b"".join(_line(row) for row in rows)
            after = cast("int", rows[-1][0])
        if await opened(self.reads, self.stream, by=self.seat) is None:
            raise SeatChangedError
        head = Head(self.stream, self.version, self.digest, sql.time_text(clock.now()))
        [signature] = await histories.sign([head])
        yield histories.head_line(signature)

    async def _rows(self, after: int) -> Rows:
        whole = VISIBLE["Event"][self.seat.side].replace("{t}", "e")
        statement = (
            f"select e.version, e.commitment, e.digest, case when {whole} then e.salt end, {_SEALED} from event e"
            " where e.stream = :stream and e.version > :after and e.version <= :until"
            f" and {_right(self.stream, self.seat.side)} order by e.version limit {BATCH}"
        )
        return await _fetched(self.reads, statement, self.stream, self.seat, after=after, until=self.version)


async def opened(reads: PostgresReads | SqliteReads, stream: str, *, by: Seat) -> History | None:
    """Begin to read a history; null where the seat sees nothing that has it, or its session has ended."""
    if _prefix(stream) not in STREAMS:
        return None
    statement = (
        "select s.version, s.digest from (select 1) o left join stream s on s.id = :stream"
        f" where {_right(stream, by.side)}"
    )
    rows = await _fetched(reads, statement, stream, by)
    if not rows:
        return None
    version, digest = rows[0] if rows[0][0] is not None else (0, changes.NO_DIGEST)
    return History(reads, by, stream, cast("int", version), cast("str", digest))


def _right(stream: str, side: Side) -> str:
    """What every statement asks anew: whether the session goes on, and whether the seat sees what the stream is about.

    A history is read for as long as its reader takes.
    """
    prefix = _prefix(stream)
    seen = STREAMS[prefix][side].replace("{t}", "o_")
    return f"{SESSION} and exists (select 1 from {prefix} o_ where o_.id = :stream and {seen})"


def _prefix(stream: str) -> str:
    return stream.partition("_")[0]


async def _fetched(reads: PostgresReads | SqliteReads, statement: str, stream: str, seat: Seat, **more: object) -> Rows:
    values = {
        "stream": stream,
        "token": seat.token_hash,
        "seat_version": seat.version,
        **seat.bound,
        "now": clock.now(),
        **more,
    }
    numbered, bound = sql.bind(statement, values, reads.dialect)
    found = reads.fetch(numbered, *bound)
    return await found if isinstance(found, Awaitable) else found


def _line(row: Sequence[object]) -> bytes:
    version, commitment, digest, salt, *values = row
    place = cast("int", version), cast("str", commitment), cast("str", digest)
    if salt is None:
        return histories.event_line(*place)
    sealed = dict(zip(changes.SEALED, values, strict=True))
    sealed["changes"] = orjson.loads(cast("str", sealed["changes"]))
    return histories.whole_event_line(*place, salt=cast("str", salt), payload=changes.payload(sealed))
