"""Requests for access: a partner that was shut out asks an account's owner to be let in again (mission 1.6).

Whoever asks, answers or lets in meets on the partnership's row, so that of one grant one request waits at most.
"""

from typing import Final

import settings
from domain import accounts, connections, errors, states
from domain.changes import Change
from domain.states import Answer
from models.access_grant import AccessGrant
from models.account import Account
from models.enums import ProposalKind, ProposalStatus, Side, UserErrorCode
from models.partnership import Partnership
from models.proposal import Proposal, new_proposal_id

_KIND: Final = ProposalKind.ACCESS_REQUEST

# ── asking ──


async def ask(c: Change, partnership: Partnership, grant: AccessGrant, message: str | None) -> None:
    """Ask for access, for 14 days (REQUEST_DAYS). Refuses ALREADY_PROPOSED; after `expire_stale`."""
    if await Proposal.exists(grant_id=grant.id, status=ProposalStatus.PENDING):
        refusal = "Your company's last request still waits for an answer."
        raise errors.Refusal(UserErrorCode.ALREADY_PROPOSED, refusal, "grantId")
    asked = await Proposal.create(
        id=new_proposal_id(_KIND),
        kind=_KIND,
        message=message,
        proposed_by_id=c.by and c.by.user_id,
        proposed_by_side=Side.PARTNER,
        from_partner_id=grant.partner_id,
        to_client_id=partnership.client_id,
        partnership_id=partnership.id,
        account_id=grant.account_id,
        grant_id=grant.id,
        proposed_at=c.now,
        sent_at=c.now,
        expires_at=c.now + settings.load().request_open,
        created_at=c.now,
    )
    await states.announce(c, "request", asked, reason=message)


async def expire_stale(c: Change, grant_id: str) -> None:
    """Announce that a request has expired, so that it does not block a new one (mission 5.1a)."""
    await states.announce_expiry(c, await states.expire(c, Proposal.filter(grant_id=grant_id), skip_locked=False))


# ── what answers do ──


async def accepted(c: Change, request: Proposal, answer: Answer) -> None:
    """Let the partner in again, and restart the clock of its access.

    Refuses FORBIDDEN (who belongs to the partner as well), CAPABILITY_DENIED (who does not own this account), and
    INVALID at `itemIds` and `accountIds`.
    """
    if answer.item_ids is not None:
        raise errors.invalid("Only a modification is accepted item by item.", "itemIds")
    if answer.account_ids is not None:
        raise errors.invalid("A request is for one account.", "accountIds")
    partnership = await Partnership.get(id=request.partnership_id)
    await states.require_another_person(partnership, "proposalId", by=answer.by)
    [account] = await connections.lock_accounts([str(request.account_id)])
    await accounts.require_owner([account], "proposalId", by=answer.by)
    grant = await AccessGrant.filter(id=request.grant_id).select_for_update(no_key=True).get()
    await connections.enable(c, partnership, account, grant, proposal_id=request.id, reason=request.comment)


async def declined(c: Change, request: Proposal) -> None:
    """Leave the partner shut out. Refuses CAPABILITY_DENIED (who does not own this account)."""
    if c.by is not None:
        await accounts.require_owner([await Account.get(id=request.account_id)], "proposalId", by=c.by)
    await states.announce(c, "decline", request, reason=request.comment)


async def withdrawn(c: Change, request: Proposal) -> None:
    """Leave everything as it is."""
    await states.announce(c, "withdraw", request)


async def reminded(c: Change, request: Proposal) -> None:
    """Ask the account's owners again."""
    await states.announce(c, "remind", request)


async def answered(c: Change, grant_id: str) -> str | None:
    """Close what waits, if anything does, as accepted by who lets the partner in; return its id. Nothing is announced.

    After `expire_stale`.
    """
    waiting = await Proposal.get_or_none(grant_id=grant_id, status=ProposalStatus.PENDING)
    if waiting is None:
        return None
    closed = await states.close(c, waiting.id, ProposalStatus.ACCEPTED, by_user=c.by.user_id if c.by else None)
    return closed.id
