"""Partner companies: who they are, how they are reached, and how many members they may have."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, TypedDict, Unpack

import settings
from domain import changes, companies, errors, inputs, invites, money, policy
from domain.policy import Permission
from domain.seats import Seat
from models.base import text_key
from models.enums import Audience, InviteKind, PartnerKind, UserErrorCode
from models.partner import Partner, PartnerMember

MOST_LICENCES: Final = 1_000_000


async def create(  # noqa: PLR0913  the input's fields
    *,
    by: Seat,
    name: str,
    kind: PartnerKind,
    domain: str,
    licences: int,
    admin_email: str,
    admin_name: str,
    details: Mapping[str, str | None] | None = None,
    copy_address: str | None = None,
) -> str:
    """Create a partner company and invite its admin by mail, for 7 days (INVITE_DAYS); return the company's id.

    Refuses FORBIDDEN, DOMAIN_MISMATCH at `adminEmail` (the admin's address must be at the domain itself), and INVALID:
    no licence for the admin's own seat among them.
    """
    policy.require(Permission.PARTNER_CREATE, by=by)
    company = Partner(
        name=inputs.required_line(name, "name"),
        kind=kind,
        domain=inputs.domain(domain, "domain"),
        licences=_checked_licences(licences),
        copy_address=inputs.address(copy_address, "copyAddress"),
        **inputs.details(details, "details"),
    )
    company.name_key = text_key(company.name)
    admin = inputs.required_address(admin_email, "adminEmail")
    invited = inputs.required_line(admin_name, "adminName")
    require_at_domain(company, admin, "adminEmail")
    async with changes.change(by=by) as c:
        company.created_at = c.now
        await company.save(force_create=True)
        c.event(
            "partner.created",
            stream=company.id,
            subject=company.id,
            partner_id=company.id,
            changes=changes.differences({}, {"name": company.name, "domain": company.domain, "licences": licences}),
        )
        await invites.send(
            c,
            InviteKind.PARTNER_ADMIN,
            email=admin,
            name=invited,
            expires_at=c.now + settings.load().invite_open,
            partner_id=company.id,
        )
    return company.id


class Description(TypedDict, total=False):
    """What may change of a company. What is left out stays; null clears, except a name."""

    name: str | None
    details: Mapping[str, str | None] | None
    copy_address: str | None


async def update(*, by: Seat, partner_id: str, **given: Unpack[Description]) -> str:
    """Change what is given of a company's own description; the clients of its active partnerships are told (4.8).

    Refuses NOT_FOUND, FORBIDDEN, INVALID. Returns the company's id.
    """
    policy.require(Permission.PARTNER_UPDATE, by=by)
    company = await policy.find(Partner, partner_id, "partnerId", by=by)
    columns = inputs.details(given.get("details"), "details")
    if given.get("name") is not None:
        columns["name"] = inputs.required_line(given["name"], "name")
    if "copy_address" in given:
        columns["copy_address"] = inputs.address(given["copy_address"], "copyAddress")
    async with changes.change(by=by, on_behalf_of=companies.acted_for(company, by)) as c:
        await companies.describe(c, company, columns)
    return company.id


async def set_revenue_share(*, by: Seat, partner_id: str, rate: Decimal | None = None) -> str:
    """Set what a partner earns of each payment from now on, 0 to 1; null: nothing (mission 1.10). Returns its id.

    Nothing happens where it was so. Refuses NOT_FOUND, FORBIDDEN, INVALID: outside 0 to 1, more than 6 decimals.
    """
    policy.require(Permission.PARTNER_REVENUE_SHARE_SET, by=by)
    company = await policy.find(Partner, partner_id, "partnerId", by=by)
    agreed = None if rate is None else money.rate(rate, "rate")
    async with changes.change(by=by) as c:
        rows = Partner.filter(id=company.id)
        held = await rows.select_for_update(no_key=True).get()
        if held.revenue_share_ppm != agreed:
            await rows.update(revenue_share_ppm=agreed)
            before, after = ({"rate": money.rate_of(ppm)} for ppm in (held.revenue_share_ppm, agreed))
            c.event(
                "partner.revenue_share_set",
                stream=company.id,
                subject=company.id,
                audience=Audience.PARTNER,
                partner_id=company.id,
                changes=changes.differences(before, after),
            )
    return company.id


def require_at_domain(partner: Partner, address: str, *path: str) -> None:
    """Refuse DOMAIN_MISMATCH unless an address is at the partner's domain: no sub-domain, no look-alike (3.1)."""
    if inputs.domain_of(address) != partner.domain:
        message = f"The address must be at {partner.domain}."
        raise errors.Refusal(UserErrorCode.DOMAIN_MISMATCH, message, *path)


async def require_other(partner_id: str | None, address: str, *path: str) -> None:
    """Refuse SELF_PARTNERSHIP an address of the partner's own company, or of one of its members (mission 1.1)."""
    members = PartnerMember.filter(partner_id=partner_id, user__email=address, removed_at__isnull=True)
    at_home = Partner.filter(id=partner_id, domain=inputs.domain_of(address))
    if await at_home.exists() or await members.exists():
        message = "This address belongs to the partner's own company: what it asks for takes two."
        raise errors.Refusal(UserErrorCode.SELF_PARTNERSHIP, message, *path)


def _checked_licences(licences: int) -> int:
    if not 1 <= licences <= MOST_LICENCES:
        raise errors.invalid(f"Licences are 1 to {MOST_LICENCES}; the partner admin uses one.", "licences")
    return licences
