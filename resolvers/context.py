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
    """What a plan binds: the seat's ids and the moment, as the database takes them."""

    side: Side | None
    roles: frozenset[Role]
    now: object
    ip: str | None
    check: Callable[[], Awaitable[None]]
    vendor: str
    partner: str | None = None
    client: str | None = None
    user: str | None = None
    seat: str | None = None
    session: str | None = None
    token: str | None = None
    seat_version: int | None = None


def reader(caller: Caller, dialect: Dialect, check: Callable[[], Awaitable[None]]) -> Reader:
    """The caller as plans see it."""
    now = ADAPT[dialect](caller.now)
    vendor = settings.load().vendor_name
    seat = caller.seat
    if seat is None:
        return Reader(None, NOBODY, now, caller.ip, check, vendor)
    return Reader(
        seat.side,
        seat.roles,
        now,
        caller.ip,
        check,
        vendor,
        partner=seat.partner_id,
        client=seat.client_id,
        user=seat.user_id,
        seat=seat.id,
        session=seat.session_id,
        token=seat.token_hash,
        seat_version=seat.version,
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verb did: ids by which the payload is read, secrets that are shown once and never kept, and a new seat."""

    ids: Mapping[str, str | None] = field(default_factory=dict)
    secrets: Mapping[str, object] = field(default_factory=dict)
    seat: Seat | None = None
