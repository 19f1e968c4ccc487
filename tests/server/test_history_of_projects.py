"""GET /history/{id}.jsonl of a project: whole for whoever sees the project; of a company: for its admin alone."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx2
import pytest

import models
from domain import changes, projects
from domain.seats import Seat
from models.enums import Audience, PartnerMemberRole
from tests import given
from tests.server.exporting import exported, lines


@dataclass(frozen=True)
class Work:
    """A project of a client, a client partner that is on it, another one that is not, and everybody's tokens."""

    project: models.Project
    company: models.Partner
    tokens: Mapping[str, Seat]


@pytest.fixture
async def work(served: httpx2.AsyncClient) -> Work:
    account = await given.account(await given.client())
    project, other = await given.project(account), await given.project(account, "Another")
    harrow, fenwick = await given.client_partner("Harrow"), await given.client_partner("Fenwick")
    for company in (harrow, fenwick):
        await given.engaged(project, company)
    tokens = {
        "admin": await given.member(harrow, PartnerMemberRole.ADMIN),
        "member": await given.member(harrow),
        "elsewhere": await given.member(harrow),
        "neighbour": await given.member(fenwick, PartnerMemberRole.ADMIN),
        "owner": await given.staff(account),
        "vendor": await given.admin(),
    }
    for who in ("admin", "member", "neighbour"):
        await given.on_project(project, tokens[who])
    await given.on_project(other, tokens["elsewhere"])
    for token, seat in tokens.items():
        await given.session(await models.Seat.get(id=seat.id), token)
    found = await models.Project.get(id=project.id).prefetch_related("account")
    async with changes.change(by=tokens["owner"]) as c:
        for topic in ("project.created", "message.posted"):
            c.event(topic, stream=project.id, audience=Audience.BOTH, **projects.about(found))
        c.event("partner.updated", stream=harrow.id, partner_id=harrow.id, audience=Audience.PARTNER)
    return Work(project, harrow, tokens)


async def shown(served: httpx2.AsyncClient, stream: str, token: str) -> int | str:
    """How many events are shown whole, or what is said instead."""
    answer = await exported(served, stream, token)
    if answer.status_code != 200:
        return str(answer.json()["errors"][0]["extensions"]["code"])
    return sum("payload" in line for line in lines(answer))


async def test_3_5_whoever_sees_a_project_takes_its_history_along(served: httpx2.AsyncClient, work: Work) -> None:
    assert {token: await shown(served, work.project.id, token) for token in work.tokens} == {
        "admin": 2,
        "member": 2,
        "elsewhere": "NOT_FOUND",
        "neighbour": 2,
        "owner": 2,
        "vendor": 2,
    }


async def test_3_3_a_client_partner_s_own_history_is_its_admin_s_and_the_vendor_s(
    served: httpx2.AsyncClient, work: Work
) -> None:
    assert {token: await shown(served, work.company.id, token) for token in work.tokens} == {
        "admin": 1,
        "member": "NOT_FOUND",
        "elsewhere": "NOT_FOUND",
        "neighbour": "NOT_FOUND",
        "owner": "NOT_FOUND",
        "vendor": 1,
    }
