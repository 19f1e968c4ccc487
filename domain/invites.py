"""Invites: an e-mailed link brings a person in. Whoever holds the link has proved the address, as with a sign-in link.

The link alone decides nothing: a page shows what it is about (`preview`), and a person sends its challenge back.
"""

import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from tortoise.exceptions import IntegrityError
from tortoise.expressions import Subquery
from tortoise.transactions import in_transaction

import settings
from domain import (
    accounts,
    changes,
    clock,
    connections,
    errors,
    identity,
    inputs,
    inviting,
    members,
    offers,
    passwords,
    projects,
    rate_limits,
    seats,
    states,
    tokens,
)
from domain.changes import Change
from domain.rate_limits import Rule
from domain.seats import Seat
from models.access_grant import AccessGrant
from models.account import Account, StaffMember
from models.base import text_key
from models.client import Client
from models.enums import (
    AccessStatus,
    AccountStatus,
    Audience,
    InviteKind,
    LinkPurpose,
    ProposalStatus,
    SecurityRole,
    Side,
    SignInMethod,
    UserErrorCode,
)
from models.link import Link
from models.partner import PartnerMember
from models.proposal import Proposal
from models.user import User

_ASK: Final = "Ask whoever invited you to invite you again."
_OVER: Final[Mapping[ProposalStatus, str]] = {
    ProposalStatus.ACCEPTED: "This invite was accepted already. Sign in instead.",
    ProposalStatus.DECLINED: f"This invite was declined already. {_ASK}",
    ProposalStatus.WITHDRAWN: f"This invite was taken back. {_ASK}",
    ProposalStatus.CANCELLED: "What this invite was about has ended meanwhile. There is nothing left to do.",
}
_NOT_FOR_CLIENTS: Final = "A member of a partner company cannot answer for a client what a partner asks of it."
# In an account, by the role that one would have.
_PARTS: Final[Mapping[SecurityRole, str]] = {
    SecurityRole.ACCOUNT_OWNER: "Account owner",
    SecurityRole.MANAGER: "Manager",
    SecurityRole.STAFF: "Staff",
}


@dataclasses.dataclass(frozen=True, slots=True)
class InvitePreview:
    """What the holder of an invite's link may know before acting on it.

    `status` tells whether there is anything left to answer: EXPIRED by time too, SUPERSEDED where a newer e-mail
    replaced the link. `sender`: the company that asks. `recipient`: what one would join, or whom the offer is for.
    """

    kind: InviteKind
    status: ProposalStatus
    email: str
    sender: str
    recipient: str
    title: str
    expires_at: datetime
    needs_password: bool
    challenge: str


@dataclasses.dataclass(frozen=True, slots=True)
class InviteAccepted:
    """The invite, and the session that it began for the person it brought in."""

    invite_id: str
    signed_in: identity.SignedIn


@dataclasses.dataclass(frozen=True, slots=True)
class _Holder:
    """A person who answers by a link, for a side, without a session yet."""

    user_id: str
    side: Side


@dataclasses.dataclass(frozen=True, slots=True)
class _Decliner:
    """The same for who says no; `user_id` is null where the address belongs to nobody yet."""

    user_id: str | None
    side: Side


@dataclasses.dataclass(frozen=True, slots=True)
class _Names:
    """What the person calls the company and the account; null: left open."""

    client: str | None
    account: str | None


# ── what its holder sees and does ──


async def preview(token: str, *, ip: str | None) -> InvitePreview:
    """Tell what an invite's link is about; changes nothing. Refuses what is none, NOT_FOUND, and RATE_LIMITED."""
    now = clock.now()
    link, invite = await _find(token, ip, now)
    await invite.fetch_related("from_partner", "from_client", "partner", "account__client", "partnership", "project")
    asks = invite.from_partner or invite.from_client
    return InvitePreview(
        kind=_kind(invite),
        status=_status(invite, link, now),
        email=link.email,
        sender=asks.name if asks else settings.load().vendor_name,
        recipient=_recipient(invite),
        title=_title(invite),
        expires_at=link.expires_at,
        needs_password=not await User.exists(email=link.email),
        challenge=tokens.challenge(link, now),
    )


async def accept(  # noqa: PLR0913  the mutation's input
    token: str,
    challenge: str,
    *,
    by: Seat | None,
    name: str | None,
    password: str | None,
    client_name: str | None,
    account_name: str | None,
    ip: str | None,
    user_agent: str | None,
) -> InviteAccepted:
    """Bring the holder of an invite's link in: a user if there is none, the place in the company, a seat, a session.

    `name` and `password` are needed, and used, only where the address has no sign-in yet (INVALID at either). For a
    partnership, `client_name` names a new company, or tells which of one's own is meant (null: the only one; else the
    name it was offered under); `account_name` names an account to make there (null: one's own; else the company's
    name). The offer itself stays PENDING, to be answered by `proposals.accept`. `by`: who is signed in, if anybody.

    Refuses a link that is none (NOT_FOUND); an invite that was answered, taken back or replaced (WRONG_STATE) or has
    expired (EXPIRED); INVALID at `challenge`; members of any partner company where a partner asks somebody of a client
    (FORBIDDEN, mission 1.1); ADMIN_EXISTS; ALREADY_PARTNERS; RATE_LIMITED.
    """
    now = clock.now()
    link, invite = await _find(token, ip, now)
    _require_open(invite, link, now)
    tokens.check_challenge(link, challenge, now)
    known = await User.get_or_none(email=link.email)
    person = known or await _newcomer(link.email, name, password, now)
    names = _Names(inputs.line(client_name, "clientName"), inputs.line(account_name, "accountName"))
    async with changes.change(by=None) as c:
        closed = await _close(c, link, ProposalStatus.ACCEPTED, None)
        await (_hold(person) if known else _write(person))
        await _refuse_partners(closed, [person.id] if by is None else [person.id, by.user_id])
        holder = _Holder(person.id, _SIDE[_kind(closed)])
        await Proposal.filter(id=closed.id).update(decided_by_id=person.id)
        seat_id = await _JOIN[_kind(closed)](c, closed, holder, names)
        signed_in = await identity.begin(
            c, person.id, seat_id=seat_id, via=SignInMethod.INVITE, ip=ip, user_agent=user_agent
        )
    return InviteAccepted(closed.id, signed_in)


async def decline(token: str, challenge: str, *, comment: str | None, ip: str | None) -> None:
    """Decline an invite by its link, and with it the partnership offer that it carries; both keep the comment.

    Refuses as `accept` does, as far as it concerns the link, and INVALID at `comment`.
    """
    now = clock.now()
    link, invite = await _find(token, ip, now)
    _require_open(invite, link, now)
    tokens.check_challenge(link, challenge, now)
    known = await User.get_or_none(email=link.email)
    holder = _Decliner(known.id if known else None, _SIDE[_kind(invite)])
    async with changes.change(by=holder) as c:
        closed = await _close(c, link, ProposalStatus.DECLINED, holder, comment)
        await inviting.end(c, closed, "decline")


# ── the link and its invite ──


async def _find(token: str, ip: str | None, now: datetime) -> tuple[Link, Proposal]:
    await rate_limits.take_from(Rule.LINK_OPEN_BY_IP, ip, now)
    link = await tokens.find(LinkPurpose.INVITE, token)
    return link, _invite(link)


def _invite(link: Link) -> Proposal:
    if link.proposal is None:
        raise LookupError(f"{link.id}: a link to no invite")
    return link.proposal


def _kind(invite: Proposal) -> InviteKind:
    if invite.invite_kind is None:
        raise LookupError(f"{invite.id}: no invite")
    return invite.invite_kind


def _status(invite: Proposal, link: Link, now: datetime) -> ProposalStatus:
    if invite.status is not ProposalStatus.PENDING:
        return invite.status
    if link.expires_at <= now:
        return ProposalStatus.EXPIRED
    return ProposalStatus.SUPERSEDED if link.replaced_at else ProposalStatus.PENDING


def _require_open(invite: Proposal, link: Link, now: datetime) -> None:
    status = _status(invite, link, now)
    if status is ProposalStatus.EXPIRED:
        raise errors.Refusal(UserErrorCode.EXPIRED, f"This invite has expired. {_ASK}", "token")
    if status in _OVER:
        raise errors.Refusal(UserErrorCode.WRONG_STATE, _OVER[status], "token")
    tokens.require_open(link, now)


async def _close(
    c: Change, link: Link, status: ProposalStatus, holder: "_Holder | _Decliner | None", comment: str | None = None
) -> Proposal:
    """Decide the invite and use its link up, by compare-and-set on both; return the invite as it is now."""
    invite = _invite(link)
    try:
        closed = await states.close(
            c, invite.id, status, by_user=None if holder is None else holder.user_id, comment=comment
        )
    except errors.Refusal:
        _require_open(await Proposal.get(id=invite.id), await Link.get(id=link.id), c.now)
        raise
    await tokens.use(link, c.now)
    return closed


def _recipient(invite: Proposal) -> str:
    if invite.partner:
        return invite.partner.name
    if invite.account:
        return invite.account.client.name
    return invite.client_name or invite.email or ""


def _title(invite: Proposal) -> str:
    match _kind(invite):
        case InviteKind.PARTNERSHIP if invite.partnership:
            return invite.partnership.title
        case InviteKind.ACCOUNT_OWNER if invite.account:
            return f"Account owner of {invite.account.name}"
        case InviteKind.STAFF if invite.account:
            return f"{_PARTS[invite.role or SecurityRole.STAFF]} of {invite.account.name}"
        case InviteKind.PARTNER_MEMBER:
            return f"Member of {_recipient(invite)}"
        case InviteKind.PROJECT if invite.project:
            return f"Work on {invite.project.name}"
        case _:
            return f"Partner admin of {_recipient(invite)}"


# ── the person ──


async def _refuse_partners(invite: Proposal, user_ids: list[str]) -> None:
    """Refuse whoever is a member of any partner company where a partner asks somebody of a client (mission 1.1).

    Staff keep their access whatever becomes of a partner's: no partner puts its own people there.
    """
    members = PartnerMember.filter(user_id__in=user_ids, removed_at__isnull=True)
    if _SIDE[_kind(invite)] is Side.CLIENT and invite.from_partner_id is not None and await members.exists():
        raise errors.Refusal(UserErrorCode.FORBIDDEN, _NOT_FOR_CLIENTS)


async def _newcomer(email: str, name: str | None, password: str | None, now: datetime) -> User:
    known_as = inputs.required_line(name, "name")
    passwords.check_new(password or "", field="password")
    return User(name=known_as, email=email, password_hash=await passwords.hash_of(password or ""), created_at=now)


async def _write(newcomer: User) -> None:
    try:
        async with in_transaction():
            await newcomer.save(force_create=True)
    except IntegrityError:
        message = "Somebody with this address has just joined by another invite. Open the link again."
        raise errors.Refusal(UserErrorCode.CONFLICT, message, "token") from None


async def _hold(known: User) -> None:
    # Of two invites that one person accepts at once, the second sees the company that the first has made.
    await User.filter(id=known.id).select_for_update(no_key=True).get()


# ── what a kind of invite brings about ──


async def _join_as_admin(c: Change, invite: Proposal, holder: _Holder, _names: _Names) -> str:
    """Make the person the company's one admin; refuse ADMIN_EXISTS where there is one."""
    partner_id = _required(invite.partner_id)
    await members.join_as_admin(c, partner_id, holder, "token")
    await projects.admin_joined(dataclasses.replace(c, by=holder), partner_id, holder.user_id)
    return await _be_member(c, invite, holder)


async def _join_as_member(c: Change, invite: Proposal, holder: _Holder, _names: _Names) -> str:
    """Make the person a collaborator of the company."""
    await members.join(c, _required(invite.partner_id), holder)
    return await _be_member(c, invite, holder)


async def _join_project(c: Change, invite: Proposal, holder: _Holder, _names: _Names) -> str:
    """Make the person a collaborator of the company, and put them on the project.

    Refuses WRONG_STATE where the company is not engaged in its account any more, or that was cancelled.
    """
    partner_id, project_id = _required(invite.partner_id), _required(invite.project_id)
    await members.join(c, partner_id, holder)
    as_member = dataclasses.replace(c, by=holder)
    if not await projects.assign_possible(as_member, partner_id, holder.user_id, [project_id]):
        raise errors.Refusal(UserErrorCode.WRONG_STATE, _OVER[ProposalStatus.CANCELLED], "token")
    return await _be_member(c, invite, holder)


async def _be_member(c: Change, invite: Proposal, holder: _Holder) -> str:
    """Put a new member on the projects that the invite names, where it is still possible, and give them their seat."""
    partner_id = _required(invite.partner_id)
    if invite.project_ids:
        as_member = dataclasses.replace(c, by=holder)
        await projects.assign_possible(as_member, partner_id, holder.user_id, invite.project_ids)
    await states.announce(c, "accept", invite, by=holder)
    return await seats.grant(holder.user_id, Side.PARTNER, partner_id=partner_id, at=c.now)


async def _join_account(c: Change, invite: Proposal, holder: _Holder, _names: _Names) -> str:
    """Make the person the account's owner; refuse WRONG_STATE where it has one or was cancelled."""
    account = await Account.get(id=_required(invite.account_id))
    await _own(c, account, holder)
    await states.announce(c, "accept", invite, by=holder)
    return await seats.grant(holder.user_id, Side.CLIENT, client_id=account.client_id, at=c.now)


async def _join_staff(c: Change, invite: Proposal, holder: _Holder, _names: _Names) -> str:
    """Put the person on the account's staff, in the role that the invite names.

    Refuses WRONG_STATE who is on it already, and where it was cancelled, or the partner that invites was disconnected.
    """
    [account] = await connections.lock_accounts([_required(invite.account_id)])
    accounts.require_live([account], "token")
    if await _was_disconnected(invite):
        raise errors.Refusal(UserErrorCode.WRONG_STATE, _OVER[ProposalStatus.CANCELLED], "token")
    place = StaffMember.filter(account_id=account.id, user_id=holder.user_id, removed_at__isnull=True)
    if await place.exists():
        raise errors.Refusal(UserErrorCode.WRONG_STATE, "You are on the account's staff already.", "token")
    await _take_place(c, account, invite.role or SecurityRole.STAFF, holder)
    await states.announce(c, "accept", invite, by=holder)
    return await seats.grant(holder.user_id, Side.CLIENT, client_id=account.client_id, at=c.now)


async def _was_disconnected(invite: Proposal) -> bool:
    """Tell whether the partner that invites does not work in the account any more."""
    grants = AccessGrant.filter(account_id=invite.account_id, partner_id=invite.from_partner_id)
    live = grants.exclude(status=AccessStatus.DISCONNECTED)
    return invite.from_partner_id is not None and not await live.exists()


async def _join_partnership(c: Change, invite: Proposal, holder: _Holder, names: _Names) -> str:
    """Bring the person's company, a new one or the person's own, to the offer, which it may then answer."""
    own = await _own_accounts(holder)
    client = _own_client(own, names) or await _new_client(c, invite, holder, names)
    if _needs_account(own, client, names):
        await _own(c, await accounts.create(c, client.id, names.account or client.name, by=holder), holder)
    await _bring_in(c, _required(invite.partnership_id), client.id)
    await states.announce(c, "accept", invite, by=holder)
    return await seats.grant(holder.user_id, Side.CLIENT, client_id=client.id, at=c.now)


_JOIN: Final[Mapping[InviteKind, Callable[[Change, Proposal, _Holder, _Names], Awaitable[str]]]] = {
    InviteKind.PARTNER_ADMIN: _join_as_admin,
    InviteKind.PARTNER_MEMBER: _join_as_member,
    InviteKind.PROJECT: _join_project,
    InviteKind.ACCOUNT_OWNER: _join_account,
    InviteKind.STAFF: _join_staff,
    InviteKind.PARTNERSHIP: _join_partnership,
}
_SIDE: Final[Mapping[InviteKind, Side]] = {
    InviteKind.PARTNER_ADMIN: Side.PARTNER,
    InviteKind.PARTNER_MEMBER: Side.PARTNER,
    InviteKind.PROJECT: Side.PARTNER,
    InviteKind.ACCOUNT_OWNER: Side.CLIENT,
    InviteKind.STAFF: Side.CLIENT,
    InviteKind.PARTNERSHIP: Side.CLIENT,
}


async def _own(c: Change, account: Account, holder: _Holder) -> None:
    """Give an account its first owner, which makes it ACTIVE."""
    waiting = Account.filter(id=account.id, owner_id__isnull=True).exclude(status=AccountStatus.CANCELLED)
    if not await waiting.update(owner_id=holder.user_id, status=AccountStatus.ACTIVE):
        message = "The account has an owner already, or was cancelled."
        raise errors.Refusal(UserErrorCode.WRONG_STATE, message, "token")
    await _take_place(c, account, SecurityRole.ACCOUNT_OWNER, holder)


async def _take_place(c: Change, account: Account, role: SecurityRole, holder: _Holder) -> None:
    place = StaffMember.filter(account_id=account.id, user_id=holder.user_id, removed_at__isnull=True)
    if not await place.update(role=role):
        await StaffMember.create(account_id=account.id, user_id=holder.user_id, role=role, joined_at=c.now)
    c.event(
        "account.member_joined",
        stream=account.id,
        subject=(await place.get()).id,
        audience=Audience.CLIENT,
        account_id=account.id,
        client_id=account.client_id,
        by=holder,
    )


async def _own_accounts(holder: _Holder) -> list[Account]:
    places = StaffMember.filter(user_id=holder.user_id, role=SecurityRole.ACCOUNT_OWNER, removed_at__isnull=True)
    accounts_of = Account.filter(id__in=Subquery(places.values("account_id"))).exclude(status=AccountStatus.CANCELLED)
    return await accounts_of.order_by("id").select_related("client")


def _own_client(own: Sequence[Account], names: _Names) -> Client | None:
    """Tell which of the person's companies is meant: the one of that name, or the only one; null: a new one."""
    clients = {account.client_id: account.client for account in own}.values()
    if names.client is not None:
        return next((client for client in clients if client.name_key == text_key(names.client)), None)
    if len(clients) > 1:
        named = ", ".join(sorted(client.name for client in clients))
        raise errors.invalid(f"Say for which of your companies you answer ({named}), or name a new one.", "clientName")
    return next(iter(clients), None)


async def _new_client(c: Change, invite: Proposal, holder: _Holder, names: _Names) -> Client:
    name = inputs.required_line(names.client or invite.client_name, "clientName")
    client = await Client.create(name=name, name_key=text_key(name), created_at=c.now)
    c.event(
        "client.created",
        stream=client.id,
        subject=client.id,
        audience=Audience.CLIENT,
        client_id=client.id,
        changes=changes.differences({}, {"name": name}),
        by=holder,
    )
    return client


def _needs_account(own: Sequence[Account], client: Client, names: _Names) -> bool:
    """Tell whether the company lacks the account that is named; where none is, whether it has none of the person's."""
    here = {account.name_key for account in own if account.client_id == client.id}
    return not here if names.account is None else text_key(names.account) not in here


async def _bring_in(c: Change, partnership_id: str, client_id: str) -> None:
    try:
        await offers.bring_in(c, partnership_id, client_id)
    except errors.Refusal as refusal:  # in the words of the side that is asked
        message = "Your company has a partnership, or another open offer, of this partner already."
        raise errors.Refusal(refusal.code, message, "clientName") from None


def _required(row_id: str | None) -> str:
    if row_id is None:
        raise LookupError("an invite that leads nowhere")
    return row_id
