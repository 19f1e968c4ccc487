"""What partner and client companies have in common: each changes its own description, and the other sides are told."""

from collections.abc import Mapping, Sequence
from typing import Final

from tortoise.queryset import QuerySet

from domain import changes, errors, inputs, policy
from domain.changes import Change
from domain.seats import Seat
from models.base import text_key
from models.client import Client
from models.directory import DirectoryListing
from models.enums import PartnerKind, PartnershipStatus, Side, UserErrorCode
from models.event import Change as Difference
from models.partner import Partner
from models.partnership import Partnership

_NOT_FOR: Final[Mapping[PartnerKind, str]] = {
    PartnerKind.PARTNER: "This company is no client partner: it works in no project.",
    PartnerKind.CLIENT_PARTNER: "This company is a client partner: it works in projects, and does no other business.",
}
# What the other side reads of a company.
_TOLD: Final = frozenset({"name", *inputs.DETAILS})


async def find_partner(partner_id: str, *path: str, by: Seat, kind: PartnerKind | None = None) -> Partner:
    """Return the partner company that a seat acts for: its own, or any that the vendor's staff name.

    Refuses at `path` NOT_FOUND; FORBIDDEN one that the seat merely sees, as it is in the same projects; and INVALID one
    of the other kind, where `kind` is given: a client partner does none of a partner's business (mission 3.0).
    """
    company = await policy.find(Partner, partner_id, *path, by=by)
    if by.side is not Side.VENDOR and company.id != by.partner_id:
        raise errors.Refusal(UserErrorCode.FORBIDDEN, "This is not your company.", *path)
    if kind is not None and company.kind is not kind:
        raise errors.invalid(_NOT_FOR[company.kind], *path)
    return company


async def describe(c: Change, company: Partner | Client, given: Mapping[str, str | None]) -> None:
    """Change the columns of a company that are given, and tell its own and the other sides what changed (mission 4.8).

    Nothing happens where all of it was so already. What the other sides' lists sort and search by follows the name.
    """
    rows = Partner.filter(id=company.id) if isinstance(company, Partner) else Client.filter(id=company.id)
    held = await rows.select_for_update(no_key=True).get()
    was = {column: getattr(held, column) for column in given}
    changed = {column: value for column, value in given.items() if was[column] != value}
    if not changed:
        return
    name = changed.get("name")
    key = None if name is None else text_key(name)
    await rows.update(**changed, **({} if key is None else {"name_key": key}))
    if key is not None:
        await _rename(company, key)
    await _tell(c, company, was, changed)


async def _rename(company: Partner | Client, key: str) -> None:
    """Let the other sides' lists follow; those of a partner whose offer is open do not know the client's name yet."""
    if isinstance(company, Partner):
        await _partnerships(company).update(partner_key=key)
        await DirectoryListing.filter(partner_id=company.id).update(name_key=key)
    else:
        known = _partnerships(company).filter(status__in=[PartnershipStatus.ACTIVE, PartnershipStatus.ENDED])
        await known.update(client_key=key)


def acted_for(company: Partner | Client, by: Seat) -> str | None:
    """Tell for whom the vendor's staff change a company's rows: for it, visibly (mission 5.4); null for others."""
    return company.id if by.side is Side.VENDOR else None


def _partnerships(company: Partner | Client) -> QuerySet[Partnership]:
    if isinstance(company, Partner):
        return Partnership.filter(partner_id=company.id)
    return Partnership.filter(client_id=company.id)


async def _tell(
    c: Change, company: Partner | Client, was: Mapping[str, object], changed: Mapping[str, str | None]
) -> None:
    is_partner = isinstance(company, Partner)
    c.event(
        "partner.updated" if is_partner else "client.updated",
        stream=company.id,
        subject=company.id,
        partner_id=company.id if is_partner else None,
        client_id=None if is_partner else company.id,
        changes=changes.differences(was, changed),
    )
    told = changes.differences(was, {column: value for column, value in changed.items() if column in _TOLD})
    if told:
        _tell_partnerships(c, company, await _partnerships(company).filter(status=PartnershipStatus.ACTIVE), told)


def _tell_partnerships(
    c: Change, company: Partner | Client, partnerships: Sequence[Partnership], told: Sequence[Difference]
) -> None:
    for partnership in partnerships:
        c.event(
            "partnership.company_updated",
            stream=partnership.id,
            subject=company.id,
            changes=told,
            **changes.of_partnership(partnership),
        )
