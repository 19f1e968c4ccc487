"""A partner and a client that work together, with people and contacts on both sides: what most tests of part 4 need."""

from dataclasses import dataclass
from typing import Unpack

import models
from domain import modifications, proposals
from domain.modifications import Wanted
from domain.seats import Seat
from models.enums import PartnerMemberRole, ProposalStatus, SecurityRole
from tests import given


@dataclass
class Together:
    """Of each side's contacts, the first is assigned to the partnership; the second is at home."""

    partner: models.Partner
    client: models.Client
    partnership: models.Partnership
    offer: models.Proposal
    account: models.Account
    grant: models.AccessGrant
    admin: Seat
    paula: Seat
    owner: Seat
    sam: Seat
    grace: models.Contact
    ada: models.Contact
    otto: models.Contact
    uma: models.Contact

    async def now(self) -> models.Partnership:
        """Read the partnership as it is."""
        return await models.Partnership.get(id=self.partnership.id)

    async def topics(self) -> list[str]:
        """List what has happened in the partnership, without where it happened."""
        events = await models.Event.filter(stream=self.partnership.id).order_by("version")
        return [event.topic.removeprefix("partnership.").removeprefix("modification.") for event in events]

    async def event(self, topic: str) -> models.Event:
        """Read the one event of a topic."""
        return await models.Event.get(stream=self.partnership.id, topic=topic)

    async def assigned(self) -> set[str]:
        """Name the contacts that are assigned to the partnership."""
        rows = models.AssignedContact.filter(partnership_id=self.partnership.id, released_at=None)
        return {row.contact_id for row in await rows.filter(assigned_at__not_isnull=True)}

    async def draft(self, by: Seat, version: int | None = None, **wanted: Unpack[Wanted]) -> str:
        """Draft for the seat's side; return the modification's id."""
        modification_id = await modifications.draft(
            by=by, partnership_id=self.partnership.id, expected_version=version, **wanted
        )
        assert modification_id is not None
        return modification_id

    async def submit(self, by: Seat, **wanted: Unpack[Wanted]) -> models.Proposal:
        """Draft and submit for the seat's side; return the modification."""
        modification_id = await self.draft(by, **wanted)
        await proposals.submit(modification_id, by=by, message="We grow.")
        return await models.Proposal.get(id=modification_id)


async def together(name: str = "Northwind") -> Together:
    """Write a partnership that is ACTIVE; nothing of it has an event."""
    partner, client = await given.partner(name), await given.client()
    account = await given.account(client)
    partnership = await given.partnership(partner, client, description="All of it", region="West")
    offer = await given.offer(partnership, status=ProposalStatus.ACCEPTED)
    grace, ada = [await given.contact(partner, name) for name in ("Grace Hopper", "Ada Lovelace")]
    otto, uma = [await given.contact(client, name) for name in ("Otto Hahn", "Uma Bose")]
    for contact in (grace, otto):
        await given.lent_contact(partnership, contact, offer)
    return Together(
        partner=partner,
        client=client,
        partnership=partnership,
        offer=offer,
        account=account,
        grant=await given.grant(partnership, account),
        admin=await given.member(partner, PartnerMemberRole.ADMIN),
        paula=await given.member(partner),
        owner=await given.staff(account),
        sam=await given.staff(account, SecurityRole.STAFF),
        grace=grace,
        ada=ada,
        otto=otto,
        uma=uma,
    )


async def items(modification_id: str) -> list[tuple[object, ...]]:
    """Read a modification's items, in the order in which they were put in."""
    rows = await models.ProposalItem.filter(proposal_id=modification_id).order_by("id")
    return [(row.kind.value, row.contact_id or row.account_id or row.field, row.accepted) for row in rows]
