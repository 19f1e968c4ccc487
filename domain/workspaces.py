"""Workspaces: what becomes of an account: set up, handed over, paid for, given to another owner, cancelled (1.7, 1.8).

What changes an account meets on its row: of two at once the second finds what the first has done, its own right
included.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import settings
from domain import (
    accounts,
    approvals,
    changes,
    clients,
    companies,
    connections,
    errors,
    inputs,
    inviting,
    members,
    money,
    partnerships,
    policy,
    staff,
)
from domain.changes import Change
from domain.policy import Permission
from domain.seats import Seat
from models.access_grant import AccessGrant
from models.account import Account, StaffMember
from models.client import Client
from models.enums import (
    AccessStatus,
    AccountStatus,
    Audience,
    Capability,
    InviteKind,
    PartnerKind,
    PartnershipStatus,
    ProposalKind,
    ProposalStatus,
    SecurityRole,
    Side,
    UserErrorCode,
)
from models.event import Change as Difference
from models.partner import Partner
from models.partnership import Partnership
from models.proposal import Proposal

# ── set up and handed over ──


async def create(  # noqa: PLR0913  the input's fields
    *,
    by: Seat,
    partner_id: str,
    account_name: str,
    plan: str,
    client_id: str | None = None,
    client_name: str | None = None,
    details: Mapping[str, str | None] | None = None,
) -> str:
    """Set an account up for a client that a partner works for, or for a new one, the partner connected from the start.

    It is SETTING_UP until it was handed over. With a new client the partnership begins as well, without an offer: there
    is nobody yet to be asked. Refuses NOT_FOUND, FORBIDDEN, NOT_CONNECTED (the partnership is not active: it takes a
    new offer), INVALID: a client partner, not exactly one of client and name, a blank name or plan. Returns the
    account's id.
    """
    policy.require(Permission.ACCOUNT_CREATE, by=by)
    partner = await companies.find_partner(partner_id, "partnerId", by=by, kind=PartnerKind.PARTNER)
    name = inputs.required_line(account_name, "accountName")
    chosen = inputs.required_line(plan, "plan")
    company = await _client(client_id, client_name, details, by=by)
    async with changes.change(by=by, on_behalf_of=companies.acted_for(partner, by)) as c:
        if client_id is None:
            await clients.found(c, company)
            partnership = await partnerships.start(c, partner, company, name)
        else:
            partnership = await _active(partner, company)
        account = await accounts.create(c, company.id, name, plan=chosen)
        await connections.connect(c, partnership, [account], proposal_id=None)
    return account.id


async def hand_over(*, by: Seat, account_id: str, owner_email: str, owner_name: str) -> str:
    """Invite an account's owner by mail, for 7 days (INVITE_DAYS), who then takes it over; return the account's id.

    Refuses NOT_FOUND, FORBIDDEN (at `ownerEmail`: of a client that has owners, a partner names one of them), INVALID,
    WRONG_STATE (it has an owner, or was cancelled), ALREADY_PROPOSED (somebody is invited already), SELF_PARTNERSHIP
    (somebody of the partner itself, mission 1.1).
    """
    policy.require(Permission.ACCOUNT_HAND_OVER, by=by)
    account = await policy.find(Account, account_id, "accountId", by=by)
    address = inputs.required_address(owner_email, "ownerEmail")
    name = inputs.required_line(owner_name, "ownerName")
    await members.require_other(by.partner_id, address, "ownerEmail")
    async with changes.change(by=by) as c:
        await inviting.expire_stale(c, account_id=account.id)
        [account] = await connections.lock_accounts([account.id])
        if account.status is not AccountStatus.SETTING_UP:
            message = "The account has an owner already, or was cancelled."
            raise errors.Refusal(UserErrorCode.WRONG_STATE, message, "accountId")
        if by.side is Side.PARTNER:
            await _require_one_of_its_owners(account.client_id, address)
        await inviting.require_none_open(account.id, c.now, "accountId", invite_kind=InviteKind.ACCOUNT_OWNER)
        await inviting.send(
            c,
            InviteKind.ACCOUNT_OWNER,
            email=address,
            name=name,
            expires_at=c.now + settings.load().invite_open,
            from_partner_id=by.partner_id,
            account_id=account.id,
            role=SecurityRole.ACCOUNT_OWNER,
        )
    return account_id


async def _require_one_of_its_owners(client_id: str, address: str) -> None:
    """Refuse FORBIDDEN to bring somebody else into a client that has owners: an owner speaks for the whole client."""
    owners = StaffMember.filter(
        account__client_id=client_id, role=SecurityRole.ACCOUNT_OWNER, removed_at__isnull=True
    ).select_related("user")
    addresses = {place.user.email for place in await owners}
    if addresses and address not in addresses:
        message = "The client has owners already. Hand the account over to one of them."
        raise errors.Refusal(UserErrorCode.FORBIDDEN, message, "ownerEmail")


async def _client(
    client_id: str | None, client_name: str | None, details: Mapping[str, str | None] | None, *, by: Seat
) -> Client:
    """Return the client that an account is for; a new one is not written yet."""
    if (client_id is None) == (client_name is None):
        raise errors.invalid("Say either the client or the name of a new one.", "clientId")
    columns = inputs.details(details, "details")
    if client_id is None:
        return Client(name=inputs.required_line(client_name, "clientName"), **columns)
    if columns:
        raise errors.invalid("The client has its details already: it changes them itself.", "details")
    return await policy.find(Client, client_id, "clientId", by=by)


async def _active(partner: Partner, client: Client) -> Partnership:
    both = Partnership.filter(partner_id=partner.id, client_id=client.id, status=PartnershipStatus.ACTIVE)
    partnership = await both.select_for_update(no_key=True).first()
    if partnership is None:
        message = "The partner does not work for this client (any more). It takes an offer."
        raise errors.Refusal(UserErrorCode.NOT_CONNECTED, message, "clientId")
    return partnership


# ── the owner's ──


async def change_owner(*, by: Seat, account_id: str, staff_id: str) -> str:
    """Make somebody of an account's staff its owner; who was it stays as MANAGER. Returns the account's id.

    Nothing happens where it was so. Refuses NOT_FOUND, FORBIDDEN, CAPABILITY_DENIED, WRONG_STATE (cancelled).
    """
    policy.require(Permission.ACCOUNT_OWNER_CHANGE, by=by)
    await policy.find(Account, account_id, "accountId", by=by)
    async with changes.change(by=by) as c:
        account = await _locked(account_id, Capability.CHANGE_OWNER, by=by)
        places = StaffMember.filter(account_id=account.id, removed_at__isnull=True)
        new, old = await places.get_or_none(id=staff_id), await places.get_or_none(user_id=account.owner_id)
        if new is None:
            raise errors.not_found("staff member", "staffId")
        if old is not None and old.id != new.id:
            await Account.filter(id=account.id).update(owner_id=new.user_id)
            await StaffMember.filter(id=new.id).update(role=SecurityRole.ACCOUNT_OWNER)
            await StaffMember.filter(id=old.id).update(role=SecurityRole.MANAGER)
            # By their places' ids: a name would have to be erased here one day.
            moved = changes.differences({"owner": old.id}, {"owner": new.id})
            _record(c, "account.owner_changed", account, new.id, audience=Audience.CLIENT, moved=moved)
            await staff.refresh(c, account, old.user_id, new.user_id)
    return account_id


async def change_subscription(*, by: Seat, account_id: str, plan: str, price: Decimal, currency: str) -> str:
    """Change what an account is subscribed to, at once; return its id. Nothing happens where it was so.

    `price`: for each period, in the currency's units. The vendor's staff do it on the client's behalf. Refuses
    NOT_FOUND, FORBIDDEN, CAPABILITY_DENIED, WRONG_STATE (cancelled), and INVALID: a blank plan, a price below zero or
    finer than the currency, an unknown currency.
    """
    policy.require(Permission.ACCOUNT_SUBSCRIPTION_CHANGE, by=by)
    seen = await policy.find(Account, account_id, "accountId", by=by)
    await accounts.require(Capability.CHANGE_SUBSCRIPTION, seen, "accountId", by=by)
    given = _subscription(plan, price, currency)
    async with changes.change(by=by, on_behalf_of=seen.client_id if by.side is Side.VENDOR else None) as c:
        account = await _locked(account_id, Capability.CHANGE_SUBSCRIPTION, by=by)
        was = {column: getattr(account, column) for column in given}
        if was != given:
            await Account.filter(id=account.id).update(**given)
            moved = changes.differences(_told(was), _told(given))
            _record(c, "account.subscription_changed", account, account.id, audience=Audience.CLIENT, moved=moved)
    return account_id


async def cancel(*, by: Seat, account_id: str, reason: str) -> str:
    """Cancel an account for a reason, at once; return its id.

    Every partner is disconnected from it (a partner's last account of the client ends their partnership), and the
    invites, requests and approvals that are open in it are cancelled. Refuses NOT_FOUND, FORBIDDEN, CAPABILITY_DENIED,
    REASON_REQUIRED, WRONG_STATE (cancelled already), and CONFLICT where somebody was connected or invited meanwhile.
    """
    policy.require(Permission.ACCOUNT_CANCEL, by=by)
    seen = await policy.find(Account, account_id, "accountId", by=by)
    await accounts.require(Capability.CANCEL_ACCOUNT, seen, "accountId", by=by)
    why = inputs.text(reason, "reason")
    if why is None:
        raise errors.Refusal(UserErrorCode.REASON_REQUIRED, "Say why: whoever works there reads it.", "reason")
    connected = AccessGrant.filter(account_id=account_id).exclude(status=AccessStatus.DISCONNECTED)
    async with changes.change(by=by) as c:
        await inviting.cancel(c, account_id=account_id)
        at_work = Partnership.filter(id__in=[grant.partnership_id for grant in await connected])
        held = await at_work.order_by("id").select_for_update(no_key=True)
        account = await _locked(account_id, Capability.CANCEL_ACCOUNT, by=by)
        await _require_same(account, held)
        await Account.filter(id=account.id).update(
            status=AccountStatus.CANCELLED, cancelled_at=c.now, cancel_reason=why
        )
        _record(c, "account.cancelled", account, account.id, reason=why)
        await approvals.cancel(c, account.id)
        await partnerships.disconnect(c, held, connected, reason=why)
    return account_id


async def _require_same(account: Account, held: Sequence[Partnership]) -> None:
    """Refuse CONFLICT where somebody was connected or invited between the look at it and its lock."""
    connected = AccessGrant.filter(account_id=account.id).exclude(status=AccessStatus.DISCONNECTED)
    others = connected.exclude(partnership_id__in=[partnership.id for partnership in held])
    waiting = Proposal.filter(kind=ProposalKind.INVITE, account_id=account.id, status=ProposalStatus.PENDING)
    if await others.exists() or await waiting.exists():
        message = "Somebody was connected or invited in this moment. Look at the account again."
        raise errors.Refusal(UserErrorCode.CONFLICT, message, "accountId")


async def _locked(account_id: str, capability: Capability, *, by: Seat) -> Account:
    """Lock an account in which the seat may do this; refuses as `accounts.require`, and WRONG_STATE (cancelled)."""
    [account] = await connections.lock_accounts([account_id])
    await accounts.require(capability, account, "accountId", by=by)
    accounts.require_live([account], "accountId")
    return account


def _subscription(plan: str, price: Decimal, currency: str) -> dict[str, str | int]:
    code = money.currency(currency, "currency")
    minor = money.minor_units(price, code, "price")
    if minor < 0:
        raise errors.invalid("A price is not below zero.", "price")
    return {"plan": inputs.required_line(plan, "plan"), "price": minor, "currency": code}


def _told(columns: Mapping[str, str | int | None]) -> dict[str, str | int | None]:
    """Tell a subscription with its price as people write it."""
    minor, code = columns["price"], columns["currency"]
    price = money.decimal_of(minor, code) if isinstance(minor, int) and isinstance(code, str) else None
    return {**columns, "price": price}


def _record(  # noqa: PLR0913  an event's columns
    c: Change,
    topic: str,
    account: Account,
    subject: str,
    *,
    audience: Audience = Audience.BOTH,
    reason: str | None = None,
    moved: Sequence[Difference] = (),
) -> None:
    c.event(
        topic,
        stream=account.id,
        subject=subject,
        audience=audience,
        reason=reason,
        changes=moved,
        account_id=account.id,
        client_id=account.client_id,
    )
