"""Accounts: a client's workspaces, and whose they are."""

from collections.abc import Sequence

import settings
from domain import clock, errors, moves, policy
from domain.changes import Actor, Change
from domain.seats import Seat
from models.access_grant import AccessGrant
from models.account import Account, StaffMember
from models.base import text_key
from models.enums import AccessStatus, AccountStatus, Capability, SecurityRole, Side, UserErrorCode


async def create(c: Change, client_id: str, name: str, *, plan: str | None = None, by: Actor | None = None) -> Account:
    """Set an account up for a client: SETTING_UP until its owner has joined. `by` as of `Change.event`."""
    is_active = settings.load().activation_jobs == 0
    account = await Account.create(
        client_id=client_id,
        name=name,
        name_key=text_key(name),
        activated_at=c.now if is_active else None,
        plan=plan,
        created_at=c.now,
    )
    c.event("account.created", stream=account.id, subject=account.id, account_id=account.id, client_id=client_id, by=by)
    return account


async def require_owner(accounts: Sequence[Account], *path: str, by: Actor) -> None:
    """Refuse CAPABILITY_DENIED at `path` unless the seat's user owns every one of them (mission 1.2)."""
    ids = [account.id for account in accounts]
    owned = StaffMember.filter(
        account_id__in=ids, user_id=by.user_id, role=SecurityRole.ACCOUNT_OWNER, removed_at__isnull=True
    )
    if await owned.count() != len(ids):
        message = "Only the owner of an account decides which partner may open it."
        raise errors.Refusal(UserErrorCode.CAPABILITY_DENIED, message, *path)


async def require(capability: Capability, account: Account, *path: str, by: Seat) -> None:
    """Refuse at `path` what the seat may not do in an account (mission 1.7).

    CAPABILITY_DENIED where its role in the account does not come with it; of a partner also ACCESS_EXPIRED,
    ACCESS_DISABLED and NOT_CONNECTED. What the vendor may do is no matter of capabilities.
    """
    if by.side is Side.CLIENT:
        places = StaffMember.filter(account_id=account.id, user_id=by.user_id, removed_at__isnull=True)
        if not await places.filter(role__in=_roles_with(capability)).exists():
            raise _denied(*path)
    if by.side is Side.PARTNER:
        if capability not in policy.PARTNER_CAPABILITIES:
            raise _denied(*path)
        live = AccessGrant.filter(partner_id=by.partner_id, account_id=account.id)
        require_open(await live.exclude(status=AccessStatus.DISCONNECTED).get_or_none(), *path)


def require_open(grant: AccessGrant | None, *path: str) -> None:
    """Refuse at `path` what takes access, by what the grant is now; null: there is none that connects."""
    status = None if grant is None else moves.grant_status(grant.status, grant.expires_at, clock.now())
    match status:
        case AccessStatus.ENABLED:
            return
        case AccessStatus.EXPIRED:
            message = "Your access has expired. Ask the account's owner to let you in again."
            raise errors.Refusal(UserErrorCode.ACCESS_EXPIRED, message, *path)
        case AccessStatus.DISABLED:
            message = "The account's owner has switched your access off. You may ask to be let in again."
            raise errors.Refusal(UserErrorCode.ACCESS_DISABLED, message, *path)
        case _:
            message = "You are not connected to this account (any more). It takes a new offer."
            raise errors.Refusal(UserErrorCode.NOT_CONNECTED, message, *path)


def _roles_with(capability: Capability) -> list[SecurityRole]:
    return [role for role, capabilities in policy.CAPABILITIES.items() if capability in capabilities]


def _denied(*path: str) -> errors.Refusal:
    return errors.Refusal(UserErrorCode.CAPABILITY_DENIED, "Your role in the account does not allow this.", *path)


async def require_capability(client_id: str, capability: Capability, *, by: Seat) -> None:
    """Refuse CAPABILITY_DENIED whose place in none of a client's accounts comes with a capability (mission 1.7)."""
    enough = _roles_with(capability)
    if not await StaffMember.exists(
        account__client_id=client_id, user_id=by.user_id, role__in=enough, removed_at__isnull=True
    ):
        raise _denied()


def require_live(accounts: Sequence[Account], *path: str) -> None:
    """Refuse WRONG_STATE at `path` if one of them was cancelled."""
    if any(account.status is AccountStatus.CANCELLED for account in accounts):
        raise errors.Refusal(UserErrorCode.WRONG_STATE, "One of the accounts was cancelled.", *path)
