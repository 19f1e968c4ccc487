"""A partnership with a past, both sides of it signed in, and its history as each of them takes it along."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import orjson

import models
from domain import contacts, modifications, partnerships, proposals
from domain.seats import Seat
from models.enums import PartnerMemberRole
from tests import given

REASONS = ["One more for the weekends.", "Agreed."]


@dataclass(frozen=True)
class Sides:
    """Who may read the history of `partnership`, and by which token."""

    partnership: str
    partner: models.Partner
    client: models.Client
    account: models.Account
    admin: Seat
    owner: Seat
    vendor: Seat
    contact: str

    @property
    def tokens(self) -> dict[str, Seat]:
        return {"of the partner": self.admin, "of the client": self.owner, "of the vendor": self.vendor}


async def partnered(name: str = "") -> Sides:
    """Let a partner offer, draft and submit, and the client accept; sign everybody in. `name`: where there are more."""
    partner, client = await given.partner(), await given.client()
    account = await given.account(client)
    sides = Sides(
        partnership="",
        partner=partner,
        client=client,
        account=account,
        admin=await given.member(partner, PartnerMemberRole.ADMIN),
        owner=await given.staff(account),
        vendor=await given.admin(),
        contact="",
    )
    for token, seat in sides.tokens.items():
        await given.session(await models.Seat.get(id=seat.id), f"{token}{name}".replace(" ", "-"))
    contact = await contacts.create(by=sides.admin, organisation_id=partner.id, name="Grace Hopper")
    partnership = await partnerships.offer(
        by=sides.admin, partner_id=partner.id, client_id=client.id, terms={"title": "Shop care — ünicode"}
    )
    offer = await models.Proposal.get(partnership_id=partnership)
    await proposals.accept(offer.id, by=sides.owner, account_ids=[account.id])
    draft = await modifications.draft(by=sides.admin, partnership_id=partnership, add_contacts=[contact])
    assert draft is not None
    await modifications.submit(draft, by=sides.admin, message=REASONS[0])
    await proposals.accept(draft, by=sides.owner, comment=REASONS[1])
    return Sides(partnership, partner, client, account, sides.admin, sides.owner, sides.vendor, contact)


async def exported(client: httpx2.AsyncClient, stream: str, token: str) -> httpx2.Response:
    authorization = {"authorization": f"Bearer {token.replace(' ', '-')}"}
    return await client.get(f"/history/{stream}.jsonl", headers=authorization)


def lines(answer: httpx2.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.text.endswith("\n")
    return [orjson.loads(line) for line in answer.content.splitlines()]


async def saved(client: httpx2.AsyncClient, stream: str, token: str, folder: Path, name: str = "export") -> Path:
    """Save an export."""
    answer = await exported(client, stream, token)
    assert answer.status_code == 200, answer.text
    path = folder / f"{name}.jsonl"
    path.write_bytes(answer.content)
    return path


async def saved_keys(client: httpx2.AsyncClient, folder: Path) -> Path:
    path = folder / "keys.json"
    path.write_bytes((await client.get("/.well-known/jwks.json")).content)
    return path
