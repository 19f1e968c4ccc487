"""Accounts: a client's workspaces, whose they are, and how long a partner's access to one lasts."""

from collections.abc import Sequence
from datetime import datetime

import settings
from domain import errors, policy
from domain.changes import Actor, Change
from domain.seats import Seat
from models.account import Account, StaffMember
from models.base import text_key
from models.enums import AccountStatus, Capability, SecurityRole, UserErrorCode


async def create(c: Change, client_id: str, name: str, *, by: Actor | None = None) -> Account:
    """Set an account up for a client: SETTING_UP until its owner has joined. `by` as of `Change.event`."""
    account = await Account.create(client_id=client_id, name=name, name_key=text_key(name), created_at=c.now)
    c.event("account.created", stream=account.id, subject=account.id, account_id=account.id, client_id=client_id, by=by)
    return account


async def require_owner(accounts: Sequence[Account], *path: str, by: Seat) -> None:
    """Refuse CAPABILITY_DENIED at `path` unless the seat's user owns every one of them (mission 1.2)."""
    ids = [account.id for account in accounts]
    owned = StaffMember.filter(
        account_id__in=ids, user_id=by.user_id, role=SecurityRole.ACCOUNT_OWNER, removed_at__isnull=True
    )
    if await owned.count() != len(ids):
        message = "Only the owner of an account can connect a partner to it."
        raise errors.Refusal(UserErrorCode.CAPABILITY_DENIED, message, *path)


async def require_capability(client_id: str, capability: Capability, *, by: Seat) -> None:
    """Refuse CAPABILITY_DENIED whose place in none of a client's accounts comes with a capability (mission 1.7)."""
    enough = [role for role, capabilities in policy.CAPABILITIES.items() if capability in capabilities]
    if not await StaffMember.exists(
        account__client_id=client_id, user_id=by.user_id, role__in=enough, removed_at__isnull=True
    ):
        raise errors.Refusal(UserErrorCode.CAPABILITY_DENIED, "Your role in the account does not allow this.")


def require_live(accounts: Sequence[Account], *path: str) -> None:
    """Refuse WRONG_STATE at `path` if one of them was cancelled."""
    if any(account.status is AccountStatus.CANCELLED for account in accounts):
        raise errors.Refusal(UserErrorCode.WRONG_STATE, "One of the accounts was cancelled.", *path)


def access_expires_at(account: Account, *, connected_at: datetime) -> datetime | None:
    """Tell until when a partner that was just connected may open an account; null below the threshold of jobs (1.3)."""
    chosen = settings.load()
    return connected_at + chosen.access_idle if account.jobs_created >= chosen.activation_jobs else None
