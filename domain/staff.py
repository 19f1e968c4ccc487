"""Staff: the people of a client in an account, who have access by their security role (mission 1.7).

What changes an account's staff meets on the account's row: of two at once the second finds what the first has done,
its own right included.
"""

import settings
from domain import accounts, changes, connections, errors, inputs, inviting, members, policy, projects, seats
from domain.changes import Change
from domain.policy import Permission
from domain.seats import Seat
from models.account import Account, StaffMember
from models.enums import Audience, InviteKind, SecurityRole, Side, UserErrorCode
from models.seat import Seat as SeatRow


async def invite(*, by: Seat, account_id: str, email: str, role: SecurityRole) -> str:
    """Invite somebody to an account's staff by mail, for 7 days (INVITE_DAYS); return the invite's id.

    Refuses NOT_FOUND, FORBIDDEN, CAPABILITY_DENIED (at `role`: only an owner makes an owner), of a partner
    ACCESS_EXPIRED and ACCESS_DISABLED; WRONG_STATE (cancelled), INVALID, and at `email` TAKEN (somebody of the staff),
    ALREADY_PROPOSED (invited already) and SELF_PARTNERSHIP (somebody of the partner that invites).
    """
    policy.require(Permission.STAFF_INVITE, by=by)
    account = await policy.find(Account, account_id, "accountId", by=by)
    address = inputs.required_address(email, "email")
    async with changes.change(by=by) as c:
        await inviting.expire_stale(c, account_id=account.id)
        [account] = await connections.lock_accounts([account.id])
        await inviting.require_manager(account, None, "accountId", by=by)
        await inviting.require_manager(account, role, "role", by=by)
        accounts.require_live([account], "accountId")
        await members.require_other(by.partner_id, address, "email")
        if await StaffMember.exists(account_id=account.id, user__email=address, removed_at__isnull=True):
            raise errors.Refusal(UserErrorCode.TAKEN, "This person is on the account's staff already.", "email")
        await inviting.require_none_open(account.id, c.now, "email", email=address)
        return await inviting.send(
            c,
            InviteKind.STAFF,
            email=address,
            name=None,
            expires_at=c.now + settings.load().invite_open,
            from_partner_id=by.partner_id,
            from_client_id=by.client_id,
            account_id=account.id,
            role=role,
        )


async def set_role(*, by: Seat, staff_id: str, role: SecurityRole) -> str:
    """Give a member of an account's staff another role; return the account's id. Nothing happens where it was so.

    Refuses NOT_FOUND, FORBIDDEN, CAPABILITY_DENIED (at `role`: only an owner makes an owner, or takes it from one), of
    a partner ACCESS_EXPIRED and ACCESS_DISABLED; WRONG_STATE (the account's owner; a cancelled account).
    """
    policy.require(Permission.STAFF_ROLE_SET, by=by)
    account_id = (await policy.find(StaffMember, staff_id, "staffId", by=by)).account_id
    async with changes.change(by=by) as c:
        [account] = await connections.lock_accounts([account_id])
        member = await _locked_in(account, staff_id, by=by)
        await inviting.require_manager(account, role, "role", by=by)
        accounts.require_live([account], "staffId")
        if member.role is not role:
            await StaffMember.filter(id=member.id).update(role=role)
            _record(c, "staff.role_set", account, member, role)
            await refresh(c, account, member.user_id)
    return account_id


async def remove(*, by: Seat, staff_id: str) -> str:
    """Take somebody off an account's staff; return the account's id.

    Whoever has no place at the client any more loses the seat: its sessions and streams end at once. What waited for
    them in the account's projects waits for nobody, unless they see these as somebody else. Refuses NOT_FOUND,
    FORBIDDEN, CAPABILITY_DENIED (an owner is removed by an owner), of a partner ACCESS_EXPIRED and ACCESS_DISABLED;
    WRONG_STATE (the account's owner: another has to be first).
    """
    policy.require(Permission.STAFF_REMOVE, by=by)
    account_id = (await policy.find(StaffMember, staff_id, "staffId", by=by)).account_id
    async with changes.change(by=by) as c:
        [account] = await connections.lock_accounts([account_id])
        member = await _locked_in(account, staff_id, by=by)
        await StaffMember.filter(id=member.id).update(removed_at=c.now)
        _record(c, "staff.removed", account, member, None)
        await refresh(c, account, member.user_id)
        await projects.lost(c, [member.user_id], account_id=account.id)
    return account_id


async def refresh(c: Change, account: Account, *user_ids: str) -> None:
    """Let the seats of people follow what has become of their places in an account."""
    theirs = SeatRow.filter(user_id__in=user_ids, side=Side.CLIENT, client_id=account.client_id)
    for seat in await theirs.order_by("id"):  # two at most
        await seats.refresh_roles(seat.id, at=c.now)


async def _locked_in(account: Account, staff_id: str, *, by: Seat) -> StaffMember:
    """Return a member of a locked account's staff whom the seat may re-role or remove; refuses as `remove` does."""
    member = await StaffMember.get_or_none(id=staff_id, account_id=account.id, removed_at__isnull=True)
    if member is None:
        raise errors.not_found("staff member", "staffId")
    await inviting.require_manager(account, member.role, "staffId", by=by)
    if member.user_id == account.owner_id:
        message = "This is the account's owner. Make somebody else its owner first."
        raise errors.Refusal(UserErrorCode.WRONG_STATE, message, "staffId")
    return member


def _record(c: Change, topic: str, account: Account, member: StaffMember, role: SecurityRole | None) -> None:
    c.event(
        topic,
        stream=account.id,
        subject=member.id,
        audience=Audience.CLIENT,
        account_id=account.id,
        client_id=account.client_id,
        changes=changes.differences({"role": member.role}, {"role": role}),
    )
