"""Contacts: people at a partner or a client, and what their details may be used for (mission 0.1, 0.2)."""

from collections.abc import Collection, Mapping
from typing import Final, TypedDict, Unpack

from tortoise.expressions import F, Subquery

from domain import accounts, changes, companies, erasure, errors, inputs, policy
from domain.changes import Change
from domain.policy import Permission
from domain.seats import Seat
from models.base import text_key
from models.client import Client
from models.contact import Contact
from models.enums import (
    Audience,
    Capability,
    ContactPurpose,
    PartnershipKind,
    PartnershipStatus,
    ProposalStatus,
    Side,
    UserErrorCode,
)
from models.event import Change as Difference
from models.partner import Partner
from models.partnership import AssignedContact, Partnership, PartnershipManager
from models.proposal import Proposal, ProposalItem

# Read by looking them up for a purpose, never in passing (mission 0.3): an event says that they changed, not to what.
_NEVER_TOLD: Final = frozenset({"email", "phone", "mobile"})
# Of what is lent to a partnership (mission 4.4).
EACH_ITS_OWN: Final = "Each side lends only its own contacts."
# What is left of an erased contact.
_NOTHING: Final[Mapping[str, str | list[str] | None]] = {
    "name": "",
    "name_key": "",
    **dict.fromkeys(("title", "email", "phone", "mobile")),
    "purposes": [],
}


class Details(TypedDict, total=False):
    """How a contact is reached, and for what. What is left out stays; null clears."""

    title: str | None
    email: str | None
    phone: str | None
    mobile: str | None
    purposes: Collection[ContactPurpose] | None


async def create(*, by: Seat, organisation_id: str, name: str, **given: Unpack[Details]) -> str:
    """Add a contact to one's own company, or to a client with which one's partnership is ACTIVE; return its id.

    Refuses NOT_FOUND, FORBIDDEN, CAPABILITY_DENIED, INVALID.
    """
    policy.require(Permission.CONTACT_CREATE, by=by)
    model = Partner if organisation_id.startswith("partner_") else Client
    company: Partner | Client = await policy.find(model, organisation_id, "organisationId", by=by)
    await _require_charge(company, by=by)
    columns = {"name": inputs.required_line(name, "name"), **_checked(given)}
    contact = Contact(**_owner(company), **columns, name_key=text_key(name))
    async with changes.change(by=by, on_behalf_of=companies.acted_for(company, by)) as c:
        contact.created_at = contact.updated_at = c.now
        await contact.save(force_create=True)
        _record(c, "contact.created", contact, changes.differences({}, columns), by=by)
    return contact.id


async def update(
    *, by: Seat, contact_id: str, name: str | None = None, on_behalf_of: str | None = None, **given: Unpack[Details]
) -> str:
    """Change what is given of a contact of one's own company, or of a client with an ACTIVE partnership; return its id.

    `on_behalf_of`: the address that asked the vendor's staff for it, who alone may say so (mission 0.9). Refuses
    NOT_FOUND, FORBIDDEN, CAPABILITY_DENIED, WRONG_STATE (erased), INVALID.
    """
    policy.require(Permission.CONTACT_UPDATE, by=by)
    contact = await policy.find(Contact, contact_id, "contactId", by=by)
    company = await _company(contact)
    await _require_charge(company, by=by)
    columns = _checked(given)
    if name is not None:
        columns["name"] = inputs.required_line(name, "name")
    behalf = _behalf(company, on_behalf_of, by=by)
    async with changes.change(by=by, on_behalf_of=behalf) as c:
        rows = Contact.filter(id=contact_id, erased_at__isnull=True)
        held = await rows.select_for_update(no_key=True).get_or_none()
        if held is None:
            raise _erased()
        differences = changes.differences({column: getattr(held, column) for column in columns}, columns)
        if differences:
            key = {"name_key": text_key(name)} if name is not None else {}
            await rows.update(**columns, **key, updated_at=c.now)
            _record(c, "contact.updated", held, differences, by=by)
            await _tell_partners(c, held, differences, by=by)
    return contact_id


async def erase(*, by: Seat, contact_id: str) -> str:
    """Erase the personal data of a contact of one's own company, everywhere and for good; return its id.

    What happened stays told, not of whom (mission 0.10). What was lent is released, a place on a team is left; what an
    open modification asks of the contact is declined, and the rest of it stays. Refuses NOT_FOUND, FORBIDDEN (another
    company's), WRONG_STATE (erased).
    """
    policy.require(Permission.CONTACT_ERASE, by=by)
    contact = await policy.find(Contact, contact_id, "contactId", by=by)
    company = await _company(contact)
    if by.side is not Side.VENDOR and company.id not in {by.partner_id, by.client_id}:
        raise errors.Refusal(UserErrorCode.FORBIDDEN, "Only a contact's own company erases it.")
    async with changes.change(by=by, on_behalf_of=companies.acted_for(company, by)) as c:
        rows = Contact.filter(id=contact_id, erased_at__isnull=True)
        held = await rows.select_for_update(no_key=True).get_or_none()
        if held is None:
            raise _erased()
        await _take_back(contact_id, c)
        await erasure.forget(held, at=c.now)
        await rows.update(**_NOTHING, updated_at=c.now, erased_at=c.now)
        _record(c, "contact.erased", held, [], by=by)
    return contact_id


async def own(contact_ids: Collection[str], *path: str, by: Seat, rule: str) -> list[Contact]:
    """Return contacts of the seat's own company; refuses NOT_FOUND, and INVALID, by a rule, others and erased ones."""
    contacts = await policy.find_all(Contact, contact_ids, *path, by=by)
    company = (by.partner_id, by.client_id)
    if any((contact.partner_id, contact.client_id) != company or contact.erased_at for contact in contacts):
        raise errors.invalid(rule, *path)
    return contacts


async def _take_back(contact_id: str, c: Change) -> None:
    """Release a contact everywhere. Locks are taken in the order of answers: proposals, their items, what is lent."""
    items = ProposalItem.filter(contact_id=contact_id, accepted__isnull=True)
    asking = Proposal.filter(id__in=Subquery(items.values("proposal_id")))
    open_now = asking.filter(status__in=[ProposalStatus.DRAFT, ProposalStatus.PENDING])
    open_ids = [proposal.id for proposal in await open_now.order_by("id").select_for_update(no_key=True).only("id")]
    await Proposal.filter(id__in=open_ids).update(version=F("version") + 1)
    drafts = Proposal.filter(id__in=open_ids, status=ProposalStatus.DRAFT)
    await items.filter(proposal_id__in=Subquery(drafts.values("id"))).delete()
    await items.filter(proposal_id__in=open_ids).update(accepted=False)
    await AssignedContact.filter(contact_id=contact_id, released_at__isnull=True).update(released_at=c.now)
    await PartnershipManager.filter(contact_id=contact_id, removed_at__isnull=True).update(removed_at=c.now)


async def _company(contact: Contact) -> Partner | Client:
    if contact.partner_id is not None:
        return await Partner.get(id=contact.partner_id)
    return await Client.get(id=contact.client_id)


def _owner(company: Partner | Client) -> dict[str, str]:
    return {"partner_id": company.id} if isinstance(company, Partner) else {"client_id": company.id}


async def _require_charge(company: Partner | Client, *, by: Seat) -> None:
    """Refuse FORBIDDEN a company whose contacts are not the seat's to keep, as a partner's are never its client's."""
    if company.id == by.client_id:
        await accounts.require_capability(company.id, Capability.MANAGE_CONTACTS, by=by)
        return
    is_own = by.side is Side.VENDOR or company.id == by.partner_id
    if not is_own and not await _is_active_partner(company, by):
        raise errors.Refusal(UserErrorCode.FORBIDDEN, "The contacts of this company are not yours to keep.")


async def _is_active_partner(company: Partner | Client, by: Seat) -> bool:
    return by.partner_id is not None and await Partnership.exists(
        partner_id=by.partner_id, client_id=company.id, status=PartnershipStatus.ACTIVE
    )


def _erased() -> errors.Refusal:
    return errors.Refusal(UserErrorCode.WRONG_STATE, "This contact was erased.", "contactId")


def _checked(given: Details) -> dict[str, str | list[str] | None]:
    columns: dict[str, str | list[str] | None] = {
        column: inputs.line(given.get(column), column) for column in ("title", "phone", "mobile") if column in given
    }
    if "email" in given:
        columns["email"] = inputs.address(given["email"], "email")
    if "purposes" in given:
        columns["purposes"] = sorted({ContactPurpose(purpose).value for purpose in given["purposes"] or ()})
    return columns


def _behalf(company: Partner | Client, address: str | None, *, by: Seat) -> str | None:
    if address is None:
        return companies.acted_for(company, by)
    if by.side is not Side.VENDOR:
        raise errors.Refusal(UserErrorCode.FORBIDDEN, "Only the vendor's staff act on somebody's behalf.", "onBehalfOf")
    return inputs.required_address(address, "onBehalfOf")


def _record(c: Change, topic: str, contact: Contact, differences: list[Difference], *, by: Seat) -> None:
    c.event(
        topic,
        stream=contact.partner_id or contact.client_id or contact.id,
        subject=contact.id,
        partner_id=contact.partner_id or by.partner_id,
        client_id=contact.client_id,
        changes=[_told(difference) for difference in differences],
    )


async def _tell_partners(c: Change, contact: Contact, differences: list[Difference], *, by: Seat) -> None:
    """Tell each partner that works for the contact's client, but the one that made the change (mission 0.9)."""
    if contact.client_id is None:
        return
    # A client partner works with the client's projects, not with its contacts.
    active = Partnership.filter(
        client_id=contact.client_id, status=PartnershipStatus.ACTIVE, kind=PartnershipKind.DIRECT
    )
    for partnership in await (active.exclude(partner_id=by.partner_id) if by.partner_id else active):
        c.event(
            "contact.updated",
            stream=partnership.id,
            subject=contact.id,
            audience=Audience.PARTNER,
            changes=[_told(difference) for difference in differences],
            **changes.of_partnership(partnership),
        )


def _told(difference: Difference) -> Difference:
    if difference["field"] in _NEVER_TOLD:
        return {"field": difference["field"], "before": None, "after": None}
    return difference
