"""Jobs: how many an account has created, by which the clock of partners' access starts (mission 1.3, 1.10)."""

from collections.abc import Sequence
from typing import Final

import settings
from domain import accounts, changes, connections, errors, policy
from domain.changes import Change
from domain.policy import Permission
from domain.seats import Seat
from models.access_grant import AccessGrant
from models.account import Account
from models.enums import AccessStatus, Audience, UserErrorCode
from models.event import Change as Difference

MOST_JOBS: Final = 2**31 - 1


async def record(*, by: Seat, account_id: str, jobs_created: int) -> str:
    """Record how many jobs an account has created so far; return its id. No more than before, nothing happens.

    Once they reach ACTIVATION_JOBS the account is activated: it is settled which partner is connected earliest, and
    everybody's access starts to expire. Refuses NOT_FOUND, FORBIDDEN, INVALID (no total), WRONG_STATE (fewer than
    before: the account was counted further meanwhile; or cancelled).
    """
    policy.require(Permission.JOBS_RECORD, by=by)
    await policy.find(Account, account_id, "accountId", by=by)
    if not 0 <= jobs_created <= MOST_JOBS:
        raise errors.invalid("Jobs are counted from 0.", "jobsCreated")
    async with changes.change(by=by) as c:
        [account] = await connections.lock_accounts([account_id])
        accounts.require_live([account], "accountId")
        if jobs_created < account.jobs_created:
            message = f"The account has created {account.jobs_created} jobs already. The total so far never falls."
            raise errors.Refusal(UserErrorCode.WRONG_STATE, message, "jobsCreated")
        if jobs_created > account.jobs_created:
            await _count(c, account, jobs_created)
    return account_id


async def _count(c: Change, account: Account, jobs_created: int) -> None:
    before, account.jobs_created, account.last_job_at = account.jobs_created, jobs_created, c.now
    is_reached = account.activated_at is None and jobs_created >= settings.load().activation_jobs
    if is_reached:
        account.activated_at = c.now
    await account.save(update_fields=["jobs_created", "last_job_at", "activated_at"])
    _record(
        c,
        "jobs.recorded",
        account,
        # Every report of the product: what it counts shows on the account, and would drown the client's history.
        audience=Audience.VENDOR,
        differences=changes.differences({"jobs_created": before}, {"jobs_created": jobs_created}),
    )
    if is_reached:
        await _activate(account)
        _record(c, "account.activated", account, audience=Audience.BOTH)


async def _activate(account: Account) -> None:
    """Settle who is connected earliest, and start the clock of those with access; nothing came after this moment."""
    connected = AccessGrant.filter(account_id=account.id).exclude(status=AccessStatus.DISCONNECTED)
    grants = await connected.order_by("id").select_for_update(no_key=True)
    if not grants:
        return
    earliest = min(grants, key=lambda grant: (grant.connected_at, grant.id))
    await AccessGrant.filter(id=earliest.id).update(is_earliest=True)
    until = connections.expires_at(account, enabled_at=earliest.enabled_at, last_opened_at=None)
    open_now = AccessGrant.filter(id__in=[grant.id for grant in grants], status=AccessStatus.ENABLED)
    await open_now.update(expires_at=until, until_at=until)


def _record(
    c: Change, topic: str, account: Account, *, audience: Audience, differences: Sequence[Difference] = ()
) -> None:
    c.event(
        topic,
        stream=account.id,
        subject=account.id,
        audience=audience,
        changes=differences,
        account_id=account.id,
        client_id=account.client_id,
    )
