"""Who asks, from where, when: what a request brings to a plan and to a verb."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import settings
from domain.seats import Seat
from models.enums import Role, Side

NOBODY = frozenset({Role.PUBLIC})
# An account with a job that recent is in use (mission 1.11).
ACTIVE_FOR = dt.timedelta(days=7)


class Caller(NamedTuple):
    """A request's sender. `seat` is null where nobody is signed in."""

    seat: Seat | None
    now: dt.datetime
    ip: str | None = None
    user_agent: str | None = None
    idempotency_key: str | None = None

    @property
    def signed_in(self) -> Seat:
        """The seat, where the engine lets nobody in without one."""
        if self.seat is None:
            raise TypeError("Nobody is signed in.")
        return self.seat

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
    def active_since(self) -> dt.datetime:
        """The moment after which an account's last job was, if the account is in use."""
        return self.now - ACTIVE_FOR

    @property
    def vendor(self) -> str:
        """The name of the vendor's own seats."""
        return settings.load().vendor_name


class SeatChangedError(Exception):
    """Nothing was read: the session has ended, or the seat is not what it was when the plan was chosen."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verb did: ids by which the payload is read, secrets that are shown once and never kept, and a new seat."""

    ids: Mapping[str, str | None] = field(default_factory=dict)
    secrets: Mapping[str, object] = field(default_factory=dict)
    seat: Seat | None = None
