"""Seats: what a user acts as. A seat's roles follow from the rows that put the user there, never from a switch."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tortoise.expressions import F

from domain import tokens
from models.account import StaffMember
from models.enums import PartnerKind, PartnerMemberRole, Role, SecurityRole, Side
from models.partner import Partner, PartnerMember
from models.seat import Seat as SeatRow
from models.seat import Session
from models.user import User

EVERYBODY = frozenset({Role.PUBLIC, Role.USER})
# What a company's members count as, and its admin besides. A client partner's people are no partners (mission 3.0).
OF_COMPANY = {
    PartnerKind.PARTNER: (Role.PARTNER, Role.PARTNER_ADMIN),
    PartnerKind.CLIENT_PARTNER: (Role.CLIENT_PARTNER, Role.CLIENT_PARTNER_ADMIN),
}


@dataclass(frozen=True, slots=True)
class Seat:
    """Who acts, for which side, through which session.

    `roles` includes USER and PUBLIC. `partner_id` and `client_id`: the company acted for; both null for the vendor.
    `version` rises whenever the roles change, so that a cached seat can be told from today's.
    """

    id: str
    user_id: str
    side: Side
    roles: frozenset[Role]
    partner_id: str | None
    client_id: str | None
    version: int
    session_id: str
    token_hash: str

    @property
    def broker(self) -> str | None:
        """The user, if a client partner's, who sees the projects that they are on; null for everybody else."""
        return self.user_id if Role.CLIENT_PARTNER in self.roles else None

    @property
    def for_company(self) -> bool:
        """Whether the seat reads what concerns its company as a whole: of a client partner its admin alone (3.3)."""
        return Role.CLIENT_PARTNER not in self.roles or Role.CLIENT_PARTNER_ADMIN in self.roles

    @property
    def bound(self) -> Mapping[str, object]:
        """What a row predicate of `policy` binds of a seat, by its names there."""
        return {
            "partner": self.partner_id,
            "client": self.client_id,
            "user": self.user_id,
            "seat": self.id,
            "broker": self.broker,
            "for_company": self.for_company,
        }


async def of_token(token: str, at: datetime) -> Seat | None:
    """Return the seat that a bearer token stands for; null when no session has it, or session or seat have ended."""
    return await of_token_hash(tokens.digest(token), at)


async def of_token_hash(token_hash: str, at: datetime) -> Seat | None:
    """Return the same, by what is kept of the token."""
    live = Session.filter(ended_at__isnull=True, expires_at__gt=at, seat__ended_at__isnull=True)
    session = await live.filter(token_hash=token_hash).select_related("seat").first()
    return None if session is None else of_session(session)


def of_session(session: Session) -> Seat:
    """Return the seat of a session whose `seat` is loaded."""
    row = session.seat
    return Seat(
        id=row.id,
        user_id=row.user_id,
        side=row.side,
        roles=frozenset(Role(role) for role in row.roles) | EVERYBODY,
        partner_id=row.partner_id,
        client_id=row.client_id,
        version=row.version,
        session_id=session.id,
        token_hash=session.token_hash,
    )


async def grant(
    user_id: str, side: Side, *, at: datetime, partner_id: str | None = None, client_id: str | None = None
) -> str:
    """Give a user the seat of a company (or, without one, of the vendor), or the former one back; return its id.

    Inside the transaction that wrote the member or staff row: the roles are read from it.
    """
    seat = SeatRow(user_id=user_id, side=side, partner_id=partner_id, client_id=client_id, created_at=at)
    await SeatRow.bulk_create([seat], ignore_conflicts=True)
    kept = await SeatRow.get(user_id=user_id, side=side, partner_id=partner_id, client_id=client_id)
    await refresh_roles(kept.id, at=at)
    return kept.id


async def refresh_roles(seat_id: str, *, at: datetime) -> None:
    """Write a seat's roles anew from the user's rows and raise its version.

    A seat left without a role ends, and its sessions with it: their next requests find nobody, their streams end.
    The write comes first, so that of two at once the second reads what the first has committed.
    """
    await SeatRow.filter(id=seat_id).update(version=F("version") + 1)
    seat = await SeatRow.get(id=seat_id)
    own = await _ROLES[seat.side](seat)
    seat.roles = sorted(own | EVERYBODY)
    seat.ended_at = None if own else seat.ended_at or at
    await seat.save(update_fields=["roles", "ended_at"])
    if not own:
        await Session.filter(seat_id=seat_id, ended_at__isnull=True).update(ended_at=at)


async def _vendor_roles(seat: SeatRow) -> set[Role]:
    return {Role.ADMIN} if await User.exists(id=seat.user_id, is_vendor=True) else set()


async def _partner_roles(seat: SeatRow) -> set[Role]:
    member = await PartnerMember.get_or_none(user_id=seat.user_id, partner_id=seat.partner_id, removed_at__isnull=True)
    if member is None:
        return set()
    everybody, admin = OF_COMPANY[(await Partner.get(id=seat.partner_id)).kind]
    return {everybody, admin} if member.role is PartnerMemberRole.ADMIN else {everybody}


async def _client_roles(seat: SeatRow) -> set[Role]:
    places = await StaffMember.filter(user_id=seat.user_id, account__client_id=seat.client_id, removed_at__isnull=True)
    owns = any(place.role is SecurityRole.ACCOUNT_OWNER for place in places)
    return ({Role.CLIENT} if places else set()) | ({Role.ACCOUNT_OWNER} if owns else set())


_ROLES = {Side.VENDOR: _vendor_roles, Side.PARTNER: _partner_roles, Side.CLIENT: _client_roles}
