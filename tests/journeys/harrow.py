"""A client partner among the companies of the market, as rows: for tests about one answer of its projects."""

from dataclasses import dataclass

import models
from models.enums import PartnerMemberRole
from tests import given
from tests.journeys import market as companies
from tests.journeys.market import Market
from tests.journeys.portal import Person

DOMAIN = "harrow.example"


@dataclass(frozen=True, slots=True)
class Harrow:
    """Hanna leads it, Henry and Hugo work there. It is on no project yet.

    Harbour Foods' main shop has two projects, Relaunch and Audit, and its store has Stocktake; Island Hotel's front
    desk has Booking.
    """

    market: Market
    hanna: Person
    henry: Person
    hugo: Person
    company: str
    relaunch: str
    audit: str
    stocktake: str
    booking: str

    async def add(self, project: str, *people: Person) -> None:
        """Bring it into a project, and people of it, by the project's settings."""
        ids = [await self.member(each) for each in people]
        await self.market.vera.does("projectPartnerAdd", projectId=project, partnerId=self.company, memberIds=ids)

    async def member(self, person: Person) -> str:
        """Find somebody's place in the company."""
        member = await models.PartnerMember.get(user__email=person.address, partner_id=self.company, removed_at=None)
        return member.id

    async def place(self, person: Person, project: str) -> str:
        """Find somebody's place on a project."""
        place = await models.ProjectMember.get(user__email=person.address, project_id=project, removed_at=None)
        return place.id


async def opened(market: Market) -> Harrow:
    """Write it."""
    company = await given.client_partner("Harrow", domain=DOMAIN)
    shop, store, desk = [await models.Account.get(id=row) for row in (market.shop, market.store, market.desk)]
    projects = {
        name.lower(): (await given.project(account, name)).id
        for name, account in (("Relaunch", shop), ("Audit", shop), ("Stocktake", store), ("Booking", desk))
    }
    return Harrow(
        market=market,
        hanna=await _member(market, company, "Hanna Harrow", PartnerMemberRole.ADMIN),
        henry=await _member(market, company, "Henry Harrow"),
        hugo=await _member(market, company, "Hugo Harrow"),
        company=company.id,
        **projects,
    )


async def _member(
    market: Market,
    of: models.Partner,
    name: str,
    role: PartnerMemberRole = PartnerMemberRole.COLLABORATOR,
) -> Person:
    user = await given.user(name, email=f"{name.split(maxsplit=1)[0].lower()}@{DOMAIN}")
    return await companies.signed_in(market.vera.browser, await given.member(of, role, user))
