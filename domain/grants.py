"""Access grants: a partner's connection to each account of a partnership (mission 1.2, 1.5)."""

from collections.abc import Sequence

from domain import accounts
from domain.changes import Change
from models.access_grant import AccessGrant
from models.account import Account
from models.enums import AccessStatus
from models.partnership import Partnership


async def connect(c: Change, partnership: Partnership, chosen: Sequence[Account], *, proposal_id: str) -> None:
    """Connect a partnership's partner to accounts, with access enabled, because a proposal was accepted."""
    grants = [
        AccessGrant(
            partnership_id=partnership.id,
            partner_id=partnership.partner_id,
            account_id=account.id,
            connected_at=c.now,
            expires_at=accounts.access_expires_at(account, connected_at=c.now),
        )
        for account in chosen
    ]
    await AccessGrant.bulk_create(grants)
    for grant in grants:
        _record(c, "grant.connected", partnership, grant, proposal_id=proposal_id)


async def disconnect(c: Change, partnership: Partnership, *, reason: str) -> None:
    """Disconnect a partnership's partner from every account, for a reason; the former grants are kept."""
    connected = AccessGrant.filter(partnership_id=partnership.id).exclude(status=AccessStatus.DISCONNECTED)
    grants = await connected.order_by("id").select_for_update(no_key=True)
    await connected.update(status=AccessStatus.DISCONNECTED, disconnected_at=c.now, expires_at=None)
    for grant in grants:
        _record(c, "grant.disconnected", partnership, grant, reason=reason)


def _record(  # noqa: PLR0913  an event's columns
    c: Change,
    topic: str,
    partnership: Partnership,
    grant: AccessGrant,
    *,
    proposal_id: str | None = None,
    reason: str | None = None,
) -> None:
    c.event(
        topic,
        stream=partnership.id,
        subject=grant.id,
        reason=reason,
        partnership_id=partnership.id,
        account_id=grant.account_id,
        proposal_id=proposal_id,
        partner_id=grant.partner_id,
        client_id=partnership.client_id,
    )
