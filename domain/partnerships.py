"""Partnerships: a partner and a client who work together; one begins as an offer (mission 1.1, 4.1)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Required, TypedDict

from tortoise.exceptions import IntegrityError

import settings
from domain import changes, errors, inputs, policy, proposals
from domain.changes import Change
from domain.policy import Permission
from domain.seats import Seat
from models.account import Account
from models.base import text_key
from models.client import Client
from models.contact import Contact
from models.enums import (
    InviteKind,
    ModificationKind,
    PartnershipStatus,
    ProposalKind,
    ProposalStatus,
    Side,
    UserErrorCode,
)
from models.event import Event
from models.partner import Partner, PartnerMember
from models.partnership import AssignedContact, Partnership
from models.proposal import Proposal, ProposalItem, new_proposal_id


class Terms(TypedDict, total=False):
    """What a partnership is about; its columns."""

    title: Required[str]
    description: str | None
    region: str | None
    starts_on: date | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who is asked: a client, or whoever an e-mail address belongs to."""

    client: Client | None
    email: str | None
    client_name: str | None

    @property
    def client_id(self) -> str | None:
        return self.client.id if self.client else None

    def key(self, previous_id: str | None) -> str:
        """What the partner's list sorts and searches it by: a client's name only if the partner knew it before."""
        if self.client is not None and previous_id is not None:
            return self.client.name_key
        return text_key(self.client_name or self.email or "")


async def offer(  # noqa: PLR0913  the input's fields
    *,
    by: Seat,
    partner_id: str,
    terms: Terms,
    client_id: str | None = None,
    email: str | None = None,
    client_name: str | None = None,
    contact_ids: Collection[str] | None = None,
    account_ids: Collection[str] | None = None,
    message: str | None = None,
) -> str:
    """Offer a partnership to a client or to an e-mail address, for 30 days (OFFER_DAYS); return the partnership's id.

    The partner's own contacts are lent, and the accounts connected, once it is accepted. Refuses NOT_FOUND, FORBIDDEN
    (only a partner offers), SELF_PARTNERSHIP, ALREADY_PARTNERS, ALREADY_PROPOSED (an offer is still open), and INVALID:
    not exactly one of client and address, a blank title, a contact that is not the partner's own, an account that is
    not the client's.
    """
    policy.require(Permission.PARTNERSHIP_OFFER, by=by)
    partner = await policy.find(Partner, partner_id, "partnerId", by=by)
    asked = await _asked(partner, client_id, email, client_name)
    agreed = _checked(terms)
    said = inputs.text(message, "message")
    contacts = await _own_contacts(partner, contact_ids, by=by)
    accounts = await _accounts_of(asked, account_ids, by=by)
    async with changes.change(by=by) as c:
        previous_id = await require_free(c, partner.id, client_id=asked.client_id, email=asked.email)
        try:
            partnership = await _begun(c, partner, asked, agreed, previous_id)
            proposal = await _proposed(c, partnership, asked, said)
        except IntegrityError:  # somebody else's, in the same moment
            raise _already_proposed(asked.email) from None
        await _lend(partnership, proposal, contacts)
        await _ask_for_accounts(proposal, accounts)
        await proposals.announce(c, "offer", proposal, reason=said, differences=changes.differences({}, agreed))
        if asked.email is not None:
            await _invite(c, proposal, asked.email)
    return partnership.id


async def require_free(
    c: Change, partner_id: str, *, client_id: str | None = None, email: str | None = None
) -> str | None:
    """Refuse ALREADY_PARTNERS or ALREADY_PROPOSED where a partner and a client, or an address, have something open.

    An offer whose time is over is not open: its end is announced first (mission 5.1a). Returns the partnership of the
    two companies that ended last; null: none did.
    """
    offers = Proposal.filter(kind=ProposalKind.PARTNERSHIP_OFFER, from_partner_id=partner_id)
    to_them = offers.filter(email=email) if client_id is None else offers.filter(to_client_id=client_id)
    await proposals.expire_stale(c, to_them)
    if await to_them.filter(status=ProposalStatus.PENDING).exists():
        raise _already_proposed(email)
    if client_id is None:
        return None
    both = Partnership.filter(partner_id=partner_id, client_id=client_id)
    if await both.filter(status=PartnershipStatus.ACTIVE).exists():
        raise errors.Refusal(UserErrorCode.ALREADY_PARTNERS, "You are partners already.", "clientId")
    ended = await both.filter(status=PartnershipStatus.ENDED).order_by("-ended_at", "-id").first()
    return ended.id if ended else None


async def bring_in(c: Change, partnership_id: str, client_id: str) -> None:
    """Make a client the one that an offer to an e-mail address asks, and show it what has happened so far.

    In the change that closes the offer's invite, after `proposals.close`. Refuses ALREADY_PARTNERS and
    ALREADY_PROPOSED where the two companies have something open already.
    """
    partnership = await Partnership.get(id=partnership_id)
    previous_id = await require_free(c, partnership.partner_id, client_id=client_id)
    try:
        await Partnership.filter(id=partnership_id).update(
            client_id=client_id, previous_id=previous_id, changed_at=c.now
        )
    except IntegrityError:
        raise _already_proposed(None) from None
    await Proposal.filter(id=partnership.offer_id).update(to_client_id=client_id)
    await Event.filter(partnership_id=partnership_id).update(client_id=client_id)


# ── what is offered, to whom ──


async def _asked(partner: Partner, client_id: str | None, email: str | None, client_name: str | None) -> _Asked:
    if (client_id is None) == (email is None):
        raise errors.invalid("Say either the client or the e-mail address to offer it to.", "clientId")
    if client_id is not None:
        client = await Client.get_or_none(id=client_id)
        if client is None:
            raise errors.not_found("client", "clientId")
        return _Asked(client, None, inputs.line(client_name, "clientName"))
    address = inputs.required_address(email, "email")
    if await _is_own(partner, address):
        message = "This address belongs to your own company: a partnership takes two."
        raise errors.Refusal(UserErrorCode.SELF_PARTNERSHIP, message, "email")
    return _Asked(None, address, inputs.line(client_name, "clientName"))


async def _is_own(partner: Partner, address: str) -> bool:
    return inputs.domain_of(address) == partner.domain or await PartnerMember.exists(
        partner_id=partner.id, user__email=address, removed_at__isnull=True
    )


def _checked(terms: Terms) -> Terms:
    return {
        "title": inputs.required_line(terms["title"], "terms", "title"),
        "description": inputs.text(terms.get("description"), "terms", "description"),
        "region": inputs.line(terms.get("region"), "terms", "region"),
        "starts_on": terms.get("starts_on"),
    }


async def _own_contacts(partner: Partner, contact_ids: Collection[str] | None, *, by: Seat) -> list[Contact]:
    contacts = await policy.find_all(Contact, inputs.ids(contact_ids, "contactIds"), "contactIds", by=by)
    if any(contact.partner_id != partner.id or contact.erased_at is not None for contact in contacts):
        raise errors.invalid("Each side lends only its own contacts.", "contactIds")
    return contacts


async def _accounts_of(asked: _Asked, account_ids: Collection[str] | None, *, by: Seat) -> list[Account]:
    accounts = await policy.find_all(Account, inputs.ids(account_ids, "accountIds"), "accountIds", by=by)
    if any(account.client_id != asked.client_id for account in accounts):
        raise errors.invalid("Only accounts of the client itself can be part of its offer.", "accountIds")
    return accounts


# ── its rows ──


async def _begun(c: Change, partner: Partner, asked: _Asked, terms: Terms, previous_id: str | None) -> Partnership:
    return await Partnership.create(
        partner_id=partner.id,
        client_id=asked.client_id,
        previous_id=previous_id,
        expires_at=_open_until(c),
        partner_key=partner.name_key,
        client_key=asked.key(previous_id),
        changed_at=c.now,
        created_at=c.now,
        **terms,
    )


async def _proposed(c: Change, partnership: Partnership, asked: _Asked, message: str | None) -> Proposal:
    proposal = await Proposal.create(
        id=new_proposal_id(ProposalKind.PARTNERSHIP_OFFER),
        kind=ProposalKind.PARTNERSHIP_OFFER,
        message=message,
        proposed_by_id=c.by and c.by.user_id,
        proposed_by_side=Side.PARTNER,
        from_partner_id=partnership.partner_id,
        to_client_id=asked.client_id,
        email=asked.email,
        client_name=asked.client_name,
        partnership_id=partnership.id,
        proposed_at=c.now,
        sent_at=c.now,
        expires_at=partnership.expires_at,
        created_at=c.now,
    )
    await Partnership.filter(id=partnership.id).update(offer_id=proposal.id)
    return proposal


async def _lend(partnership: Partnership, proposal: Proposal, contacts: Collection[Contact]) -> None:
    await AssignedContact.bulk_create(
        [
            AssignedContact(
                partnership_id=partnership.id, contact_id=contact.id, side=Side.PARTNER, proposal_id=proposal.id
            )
            for contact in contacts
        ]
    )


async def _ask_for_accounts(proposal: Proposal, accounts: Collection[Account]) -> None:
    await ProposalItem.bulk_create(
        [
            ProposalItem(proposal_id=proposal.id, kind=ModificationKind.ADD_ACCOUNT, account_id=account.id)
            for account in accounts
        ]
    )


async def _invite(c: Change, proposal: Proposal, email: str) -> None:
    await proposals.send_invite(
        c,
        InviteKind.PARTNERSHIP,
        email=email,
        name=None,
        expires_at=_open_until(c),
        message=proposal.message,
        client_name=proposal.client_name,
        from_partner_id=proposal.from_partner_id,
        partnership_id=proposal.partnership_id,
    )


def _open_until(c: Change) -> datetime:
    return c.now + settings.load().offer_open


def _already_proposed(email: str | None) -> errors.Refusal:
    message = "Your offer to them still waits for an answer."
    return errors.Refusal(UserErrorCode.ALREADY_PROPOSED, message, "clientId" if email is None else "email")
