"""The public directory of local partners, and what its visitors write to them (mission 1.13)."""

from collections.abc import Sequence
from typing import Final, TypedDict

from domain import changes, clock, companies, errors, inputs, policy, rate_limits
from domain.policy import Permission
from domain.rate_limits import Rule
from domain.seats import Seat
from models.base import text_key
from models.directory import DirectoryListing, PartnerMessage
from models.enums import Audience, PartnerKind
from models.partner import Partner

MOST_SERVICES: Final = 20


class Listing(TypedDict):
    """What the directory shows of a partner beside its name."""

    headline: str
    region: str
    country: str
    services: Sequence[str]


async def set_listing(*, by: Seat, partner_id: str, listing: Listing | None = None) -> str:
    """Put a partner into the directory as described, or take it off; return its id. As it was, nothing happens.

    Refuses NOT_FOUND, FORBIDDEN, INVALID.
    """
    policy.require(Permission.PARTNER_LISTING_SET, by=by)
    company = await companies.find_partner(partner_id, "partnerId", by=by, kind=PartnerKind.PARTNER)
    wanted = None if listing is None else _checked(listing)
    async with changes.change(by=by, on_behalf_of=companies.acted_for(company, by)) as c:
        # Whoever renames the company waits, or has renamed it.
        held = await Partner.filter(id=company.id).select_for_update(no_key=True).get()
        rows = DirectoryListing.filter(partner_id=company.id)
        listed = await rows.get_or_none()
        before = {} if listed is None else _shown(listed)
        if before == (wanted or {}):
            return company.id
        if wanted is None:
            await rows.delete()
        elif listed is None:
            new = DirectoryListing(partner_id=company.id, name_key=held.name_key, listed_at=c.now)
            await new.update_from_dict({**wanted, **_keys(wanted)}).save(force_create=True)
        else:
            await rows.update(**wanted, **_keys(wanted))
        c.event(
            "partner.listing_set",
            stream=company.id,
            subject=company.id,
            partner_id=company.id,
            changes=changes.differences(before, wanted or dict.fromkeys(before)),
        )
    return company.id


async def send_message(*, partner_id: str, from_email: str, from_name: str, message: str, ip: str | None) -> None:
    """Mail a listed partner's admin what a visitor writes. Nothing tells whether there is such a partner.

    Refuses INVALID; RATE_LIMITED by the visitor's own address and by the network's.
    """
    address = inputs.required_address(from_email, "fromEmail")
    name = inputs.required_line(from_name, "fromName")
    said = inputs.text(message, "message")
    if said is None:
        raise errors.invalid("This must not be empty.", "message")
    at = clock.now()
    await rate_limits.take_from(Rule.PARTNER_MESSAGE_BY_IP, ip, at)
    await rate_limits.take(Rule.PARTNER_MESSAGE_BY_SENDER, address, at)
    if not await DirectoryListing.exists(partner_id=partner_id):
        return
    async with changes.change(by=None) as c:
        sent = await PartnerMessage.create(
            partner_id=partner_id, from_email=address, from_name=name, message=said, sent_at=c.now
        )
        # The words stay where they can be erased: the log says only that somebody wrote.
        c.event(
            "partner.message_sent",
            stream=partner_id,
            subject=sent.id,
            audience=Audience.PARTNER,
            partner_id=partner_id,
        )


def country(given: str, *path: str) -> str:
    """Return a country's code as it is kept, after ISO 3166-1 alpha-2; refuses INVALID what is none."""
    from iso3166 import countries_by_alpha2  # noqa: PLC0415  the standard's table: a server starts without it

    code = given.strip().upper()
    if code not in countries_by_alpha2:
        raise errors.invalid("This must be a country's two letters of ISO 3166-1: NO.", *path)
    return code


def _checked(listing: Listing) -> dict[str, str | list[str]]:
    services = {
        text_key(service): service
        for service in (inputs.required_line(given, "listing", "services") for given in listing["services"])
    }
    if len(services) > MOST_SERVICES:
        raise errors.invalid(f"At most {MOST_SERVICES} services.", "listing", "services")
    return {
        "headline": inputs.required_line(listing["headline"], "listing", "headline"),
        "region": inputs.required_line(listing["region"], "listing", "region"),
        "country": country(listing["country"], "listing", "country"),
        "services": list(services.values()),
    }


def _keys(listing: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
    return {
        "region_key": text_key(str(listing["region"])),
        "service_keys": [text_key(service) for service in listing["services"]],
    }


def _shown(listing: DirectoryListing) -> dict[str, str | list[str]]:
    return {
        "headline": listing.headline,
        "region": listing.region,
        "country": listing.country,
        "services": listing.services,
    }
