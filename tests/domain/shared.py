"""A client partner between two customers: what most tests of who is on a project need."""

from dataclasses import dataclass

import models
from domain import engagements
from domain.seats import Seat
from models.enums import PartnerMemberRole, SecurityRole
from models.event import Change
from tests import given

DOMAIN = "harrow.example"


@dataclass
class Shared:
    """Harrow's admin is Ada, its others Cleo and Carl. Acme owns two projects in its shop and one in its store, Oscorp
    one. Nobody is on any project, and nothing has an event.
    """

    harrow: models.Partner
    acme: models.Client
    oscorp: models.Client
    shop: models.Account
    store: models.Account
    relaunch: models.Project
    audit: models.Project
    stocktake: models.Project
    rescue: models.Project
    vera: Seat
    owner: Seat
    sam: Seat
    olga: Seat
    ada: Seat
    cleo: Seat
    carl: Seat

    async def add(self, project: models.Project, *people: Seat) -> None:
        """Bring Harrow into a project, and people of it."""
        ids = [(await member(each)).id for each in people]
        await engagements.add_partner(by=self.vera, project_id=project.id, partner_id=self.harrow.id, member_ids=ids)

    async def partnership(self, client: models.Client) -> models.Partnership | None:
        """Read Harrow's latest partnership with a client; null: it never had one."""
        return await models.Partnership.filter(partner=self.harrow, client=client).order_by("-id").first()


async def shared() -> Shared:
    """Write them."""
    harrow = await given.client_partner(domain=DOMAIN, licences=10)
    acme, oscorp = await given.client("Acme"), await given.client("Oscorp")
    shop, store, lab = (
        await given.account(acme, "Shop"),
        await given.account(acme, "Store"),
        await given.account(oscorp),
    )
    owner = await given.staff(shop)
    await given.owned(store, owner)
    return Shared(
        harrow=harrow,
        acme=acme,
        oscorp=oscorp,
        shop=shop,
        store=store,
        relaunch=await given.project(shop, "Relaunch"),
        audit=await given.project(shop, "Audit"),
        stocktake=await given.project(store, "Stocktake"),
        rescue=await given.project(lab, "Rescue"),
        vera=await given.admin(),
        owner=owner,
        sam=await given.staff(shop, SecurityRole.STAFF, await given.user("Sam Staff")),
        olga=await given.staff(lab, user=await given.user("Olga Owner")),
        ada=await given.member(harrow, PartnerMemberRole.ADMIN, await person("Ada Admin")),
        cleo=await given.member(harrow, user=await person("Cleo Collaborator")),
        carl=await given.member(harrow, user=await person("Carl Collaborator")),
    )


async def person(name: str) -> models.User:
    """Write somebody with an address at Harrow."""
    return await given.user(name, email=f"{name.split(maxsplit=1)[0].lower()}@{DOMAIN}")


async def member(seat: Seat) -> models.PartnerMember:
    """Read the place of a seat in its company."""
    return await models.PartnerMember.get(partner_id=seat.partner_id, user_id=seat.user_id, removed_at=None)


async def people(project: models.Project) -> dict[str, bool]:
    """Tell who is on a project by a row, and whether they are assigned to it."""
    places = await models.ProjectMember.filter(project_id=project.id, removed_at=None)
    assert {place.account_id for place in places} <= {project.account_id}
    return {place.user_id: place.is_assigned for place in places}


async def place(project: models.Project, seat: Seat) -> models.ProjectMember:
    """Read the place of a seat on a project."""
    return await models.ProjectMember.get(project_id=project.id, user_id=seat.user_id, removed_at=None)


async def companies(project: models.Project) -> list[str]:
    """List the client partners on a project."""
    rows = await models.ProjectPartner.filter(project_id=project.id, removed_at=None)
    return sorted(row.partner_id for row in rows)


async def told(stream: str) -> list[tuple[str, str | None, list[Change]]]:
    """List what has happened in a stream: topic, subject, changes."""
    events = await models.Event.filter(stream=stream).order_by("version")
    return [(event.topic, event.subject, event.changes) for event in events]


async def topics(stream: str) -> list[str]:
    """List what has happened in a stream, by name."""
    return [topic for topic, _, _ in await told(stream)]
