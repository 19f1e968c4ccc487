"""Who asks, from where, when: what a request brings to a plan and to a verb."""

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import settings
from domain.seats import Seat
from models.enums import Role, Side
from models.sql import ADAPT, Dialect

NOBODY = frozenset({Role.PUBLIC})


class Caller(NamedTuple):
    """A request's sender. `seat` is null where nobody is signed in."""

    seat: Seat | None
    now: dt.datetime
    ip: str | None
    user_agent: str | None
    request_id: str
    idempotency_key: str | None = None


class SeatChangedError(Exception):
    """Nothing was read: the session has ended, or the seat is not what it was when the plan was chosen."""


@dataclass(slots=True)
class Reader:
    """What a plan binds: the seat, if there is one, and the moment, as the database takes it."""

    seat: Seat | None
    now: object
    ip: str | None
    prove: Callable[["Reader"], Awaitable[None]]

    async def check(self) -> None:
        """See whether the seat is still what it was; called where nothing at all was found."""
        await self.prove(self)

    @property
    def side(self) -> Side | None:
        """Null where nobody is signed in."""
        return self.seat.side if self.seat else None

    @property
    def roles(self) -> frozenset[Role]:
        """What the seat counts as."""
        return self.seat.roles if self.seat else NOBODY

    @property
    def partner(self) -> str | None:
        """The partner company acted for."""
        return self.seat.partner_id if self.seat else None

    @property
    def client(self) -> str | None:
        """The client company acted for."""
        return self.seat.client_id if self.seat else None

    @property
    def vendor(self) -> str:
        """The name of the vendor's own seats."""
        return settings.load().vendor_name


def reader(caller: Caller, dialect: Dialect, prove: Callable[[Reader], Awaitable[None]]) -> Reader:
    """The caller as plans see it. `prove` raises SeatChangedError where the seat is not what it was any more."""
    return Reader(caller.seat, ADAPT[dialect](caller.now), caller.ip, prove)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verb did: ids by which the payload is read, secrets that are shown once and never kept, and a new seat."""

    ids: Mapping[str, str | None] = field(default_factory=dict)
    secrets: Mapping[str, object] = field(default_factory=dict)
    seat: Seat | None = None
