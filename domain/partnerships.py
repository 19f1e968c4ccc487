"""Partnerships: a partner and a client who work together: begun by an offer, ended by one side (mission 1.1, 4.7)."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Required, TypedDict

from tortoise.connection import get_connection
from tortoise.exceptions import IntegrityError
from tortoise.expressions import F, Q
from tortoise.queryset import QuerySet

import settings
from domain import (
    changes,
    companies,
    connections,
    contacts,
    errors,
    inputs,
    inviting,
    members,
    moves,
    offers,
    policy,
    projects,
    shares,
    states,
)
from domain.changes import Change
from domain.policy import Permission
from domain.seats import Seat
from models import sql
from models.access_grant import AccessGrant
from models.account import Account
from models.base import text_key
from models.client import Client
from models.contact import Contact
from models.enums import (
    AccessStatus,
    InviteKind,
    ModificationKind,
    PartnershipKind,
    PartnershipStatus,
    ProposalKind,
    Side,
    UserErrorCode,
)
from models.partner import Partner, PartnerMember
from models.partnership import AssignedContact, Partnership
from models.proposal import Proposal, ProposalItem, new_proposal_id


class Terms(TypedDict, total=False):
    """What a partnership is about; its columns."""

    title: Required[str]
    description: str | None
    region: str | None
    starts_on: date | None


def checked(terms: Terms) -> Terms:
    """Return the terms as they are kept, all of them; refuses INVALID a blank title and what is not text."""
    return {
        "title": inputs.required_line(terms["title"], "terms", "title"),
        "description": inputs.text(terms.get("description"), "terms", "description"),
        "region": inputs.line(terms.get("region"), "terms", "region"),
        "starts_on": terms.get("starts_on"),
    }


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
    partner = await companies.find_partner(partner_id, "partnerId", by=by)
    asked = await _asked(partner, client_id, email, client_name)
    agreed = checked(terms)
    said = inputs.text(message, "message")
    wanted = inputs.ids(contact_ids, "contactIds")
    accounts = await _accounts_of(asked, account_ids, by=by)
    async with changes.change(by=by) as c:
        await states.lock_contacts(wanted)
        lent = await contacts.own(wanted, "contactIds", by=by, rule=contacts.EACH_ITS_OWN)
        previous_id = await offers.require_free(c, partner.id, client_id=asked.client_id, email=asked.email)
        try:
            partnership = await _begun(c, partner, asked, agreed, previous_id)
            proposal = await _proposed(c, partnership, asked, said)
        except IntegrityError:  # somebody else's, in the same moment
            raise offers.already_proposed(asked.email) from None
        await _lend(partnership, proposal, lent)
        await _ask_for_accounts(proposal, accounts)
        await states.announce(c, "offer", proposal, reason=said, differences=changes.differences({}, agreed))
        if asked.email is not None:
            await _invite(c, proposal, asked.email)
    return partnership.id


async def start(  # noqa: PLR0913  a partnership's columns
    c: Change,
    partner: Partner,
    client: Client,
    title: str,
    *,
    kind: PartnershipKind = PartnershipKind.DIRECT,
    previous_id: str | None = None,
) -> Partnership:
    """Begin a partnership without an offer, at once."""
    partnership = await Partnership.create(
        kind=kind,
        partner_id=partner.id,
        client_id=client.id,
        previous_id=previous_id,
        status=PartnershipStatus.ACTIVE,
        partner_key=partner.name_key,
        client_key=client.name_key,
        title=title,
        started_at=c.now,
        changed_at=c.now,
        created_at=c.now,
    )
    c.event("partnership.started", stream=partnership.id, subject=partnership.id, **changes.of_partnership(partnership))
    return partnership


async def of_client_partner(c: Change, company: Partner, client_id: str) -> Partnership:
    """Return the partnership of a client-partner company, which is locked, and a client, and lock it as well.

    It begins with the company's first project of that client (mission 3.2).
    """
    both = Partnership.filter(partner_id=company.id, client_id=client_id)
    active = await both.filter(status=PartnershipStatus.ACTIVE).select_for_update(no_key=True).first()
    if active is not None:
        return active
    ended = await both.filter(status=PartnershipStatus.ENDED).order_by("-ended_at", "-id").first()
    return await start(
        c,
        company,
        await Client.get(id=client_id),
        "Client partner",
        kind=PartnershipKind.INTERMEDIARY,
        previous_id=ended.id if ended else None,
    )


async def end(*, by: Seat, partnership_id: str, reason: str, confirmation: str) -> str:
    """End a partnership at once, for a reason; `confirmation` is its preview's. Returns its id.

    The contacts go home, the accounts are disconnected, a client partner's people are taken off the client's projects,
    and all that is open is cancelled (mission 4.7). It leaves the home of the side that ends it. Refuses NOT_FOUND,
    FORBIDDEN, REASON_REQUIRED, WRONG_STATE (not ACTIVE), STALE_CONFIRMATION where the consequences are not those of the
    preview any more, and CONFLICT where a client partner's people were invited meanwhile.
    """
    policy.require(Permission.PARTNERSHIP_END, by=by)
    found = await policy.find(Partnership, partnership_id, "partnershipId", by=by)
    why = inputs.text(reason, "reason")
    if why is None:
        raise errors.Refusal(UserErrorCode.REASON_REQUIRED, "Say why: the other side reads it.", "reason")
    async with changes.change(by=by) as c:
        if found.kind is PartnershipKind.INTERMEDIARY:
            await _lock_company(c, found)
        partnership = await states.lock_partnership(partnership_id, "end")
        if confirmation != await confirmation_of(partnership.id, c):
            message = "The consequences have changed. Look at them again."
            raise errors.Refusal(UserErrorCode.STALE_CONFIRMATION, message, "confirmation")
        await close(c, [partnership], reason=why)
    return partnership_id


async def _lock_company(c: Change, partnership: Partnership) -> None:
    """Cancel what invites a client partner's people into projects of the client, and lock the company after it."""
    accounts = await Account.filter(client_id=partnership.client_id).order_by("id")
    invited = {"partner_id": partnership.partner_id, "account_id__in": [account.id for account in accounts]}
    await inviting.cancel(c, **invited)
    await members.lock(partnership.partner_id)
    await inviting.require_none(c, "partnershipId", **invited)


async def disconnect(
    c: Change, partnerships: Sequence[Partnership], going: QuerySet[AccessGrant], *, reason: str
) -> None:
    """Disconnect some of the grants of partnerships, for a reason; their requests are cancelled (mission 1.5).

    The partnerships are ACTIVE and locked. One whose partner loses its last account of the client by it, ends.
    """
    connected = AccessGrant.filter(partnership_id__in=[partnership.id for partnership in partnerships])
    live = await connected.exclude(status=AccessStatus.DISCONNECTED)
    gone = [grant.id for grant in await going.filter(id__in=[grant.id for grant in live])]
    left = {grant.partnership_id for grant in live if grant.id not in gone}
    await states.cancel(c, Proposal.filter(grant_id__in=gone))
    going_on = [partnership for partnership in partnerships if partnership.id in left]
    await _disconnect(c, going_on, AccessGrant.filter(id__in=gone), reason=reason)
    if ended := [partnership for partnership in partnerships if partnership.id not in left]:
        await close(c, ended, reason=reason)


async def close(c: Change, partnerships: Sequence[Partnership], *, reason: str) -> None:
    """End partnerships that are ACTIVE and locked, for a reason, as whoever makes the change."""
    ids = [partnership.id for partnership in partnerships]
    side = c.by.side if c.by else Side.VENDOR
    hidden = {_HIDDEN[side]: True} if side in _HIDDEN else {}
    await Partnership.filter(id__in=ids).update(
        status=moves.partnership_move("end").target,
        ended_at=c.now,
        ended_by=side,
        end_reason=reason,
        changed_at=c.now,
        version=F("version") + 1,
        **hidden,
    )
    await states.cancel(c, Proposal.filter(partnership_id__in=ids))
    await AssignedContact.filter(partnership_id__in=ids, released_at__isnull=True).update(released_at=c.now)
    for partnership in partnerships:
        c.event(
            "partnership.ended",
            stream=partnership.id,
            subject=partnership.id,
            reason=reason,
            **changes.of_partnership(partnership),
        )
    await _disconnect(c, partnerships, AccessGrant.all(), reason=reason)
    for partnership in partnerships:
        if partnership.kind is PartnershipKind.INTERMEDIARY:  # one at a time: its company is locked
            engaged = await projects.engagements(partnership_id=partnership.id).order_by("id")
            if engaged:
                await projects.disengage(c, partnership.partner_id, engaged)


async def _disconnect(
    c: Change, partnerships: Sequence[Partnership], connected: QuerySet[AccessGrant], *, reason: str
) -> None:
    """Disconnect the partners from accounts; what waited for their people in the projects there waits for nobody."""
    account_ids = await connections.disconnect(c, partnerships, connected, reason=reason)
    if account_ids:
        partner_ids = [partnership.partner_id for partnership in partnerships]
        people = await PartnerMember.filter(partner_id__in=partner_ids, removed_at__isnull=True)
        await projects.lost(c, [member.user_id for member in people], account_id__in=account_ids)


async def hide(*, by: Seat, partnership_id: str) -> str:
    """Take a partnership that is over off one's own side's home; return its id. Hidden already, nothing happens.

    Refuses NOT_FOUND, FORBIDDEN, WRONG_STATE (OFFERED or ACTIVE).
    """
    policy.require(Permission.PARTNERSHIP_HIDE, by=by)
    partnership = await policy.find(Partnership, partnership_id, "partnershipId", by=by)
    async with changes.change(by=by) as c:
        is_over = Q(status__in=_OVER) | Q(status=PartnershipStatus.OFFERED, expires_at__lte=c.now)
        rows = Partnership.filter(is_over, id=partnership_id)
        if await rows.filter(**{_HIDDEN[by.side]: False}).update(**{_HIDDEN[by.side]: True}):
            c.event(
                "partnership.hidden",
                stream=partnership_id,
                subject=partnership_id,
                audience=states.ALONE[by.side],
                **changes.of_partnership(partnership),
            )
        elif not await rows.exists():
            message = "Only a partnership that is over can be hidden."
            raise errors.Refusal(UserErrorCode.WRONG_STATE, message, "partnershipId")
    return partnership_id


_OVER: Final = [status for move in moves.PARTNERSHIP if move.verb == "hide" for status in move.sources]
_HIDDEN: Final[Mapping[Side, str]] = {Side.PARTNER: "hidden_by_partner", Side.CLIENT: "hidden_by_client"}


# ── what ending costs ──


def _ids(table: str, condition: str) -> str:
    """Name a partnership's rows of a table for which a condition holds."""
    of_it = f"from {table} r_ where r_.partnership_id = {{t}}.id and {condition.replace('{t}', 'r_')}"
    return f"coalesce((select {{joined}}x_.id{{end_joined}} from (select r_.id {of_it} order by r_.id) x_), '')"  # noqa: S608  words of this file


# All that an end would undo, in one text: whoever confirms it has seen exactly this. `{t}` is the partnership.
CONSEQUENCES: Final = " || '.' || ".join(
    [
        "{t}.id",
        "{t}.version",
        _ids("access_grant", "{t}.status <> 'DISCONNECTED'"),
        _ids("access_grant", shares.EARNS),
        _ids("assigned_contact", "{t}.assigned_at is not null and {t}.released_at is null"),
        _ids("proposal", policy.PROPOSAL_IS_PENDING),
        _ids("project_partner", "{t}.removed_at is null"),
    ]
)


def confirmation(consequences: str) -> str:
    """Return what has to be sent back with an ending or a disconnection, by the text of its consequences."""
    return hashlib.sha256(consequences.encode()).hexdigest()


async def confirmation_of(partnership_id: str, c: Change) -> str:
    """Return what has to be sent back to end a partnership now, as its preview shows it."""
    connection = get_connection("default")
    [row] = await connection.execute_query_dict(
        *sql.bind(
            f"select {CONSEQUENCES} as consequences from partnership {{t}} where {{t}}.id = :id",  # noqa: S608  no values
            {"id": partnership_id, "now": c.now},
            changes.dialect(connection),
            t="o_",
        )
    )
    return confirmation(row["consequences"])


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
    await members.require_other(partner.id, address, "email")
    return _Asked(None, address, inputs.line(client_name, "clientName"))


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
    await inviting.send(
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
