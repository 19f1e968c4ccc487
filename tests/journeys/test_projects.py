"""Projects through the portal: begun, changed, and client partners brought in and taken off (mission 3.2, 3.6)."""

import pytest

import models
from tests.journeys import harrow as brokers
from tests.journeys.harrow import Harrow
from tests.journeys.market import Market
from tests.journeys.portal import Json, Person

PROJECT = """
  name status startsOn dueOn account { name } viewerCan
  partners { nodes { name } totalCount }
  members { nodes { user { name } side partner { name } isAssigned } totalCount }
"""
READ = f"query Read($id: ID!) {{ project(id: $id) {{ {PROJECT} }} }}"
PARTNERSHIP = """
{
  viewer {
    partnerships {
      nodes {
        id kind status label terms { title } partner { name } client { name } previous { id } viewerCan
        counts { accounts activeProjects contacts }
        endPreview { projects accounts { name } endsPartnership confirmation }
      }
    }
  }
}
"""
NAVIGATION = "{ viewer { accounts { totalCount nodes { name projects { totalCount nodes { name } } } } } }"


@pytest.fixture
async def harrow(market: Market) -> Harrow:
    return await brokers.opened(market)


async def read(person: Person, project: str) -> Json:
    found: Json = (await person.reads(READ, id=project))["project"]
    return found


async def navigation(person: Person) -> dict[str, list[str]]:
    """Name the accounts in somebody's navigation bar, with their projects."""
    accounts = (await person.reads(NAVIGATION))["viewer"]["accounts"]
    assert accounts["totalCount"] == len(accounts["nodes"])
    assert all(each["projects"]["totalCount"] == len(each["projects"]["nodes"]) for each in accounts["nodes"])
    return {each["name"]: [project["name"] for project in each["projects"]["nodes"]] for each in accounts["nodes"]}


async def partnerships(person: Person) -> list[Json]:
    nodes: list[Json] = (await person.reads(PARTNERSHIP))["viewer"]["partnerships"]["nodes"]
    return nodes


async def test_3_2_the_vendor_begins_a_project_with_a_client_partner_and_people_of_it(harrow: Harrow) -> None:
    market = harrow.market
    made = await market.vera.does(
        "projectCreate",
        f"project {{ {PROJECT} }}",
        accountId=market.desk,
        name="Spa",
        partnerId=harrow.company,
        partnerMemberIds=[await harrow.member(harrow.henry)],
    )
    assert made["project"] == {
        "name": "Spa",
        "status": "PLANNED",
        "startsOn": None,
        "dueOn": None,
        "account": {"name": "Front desk"},
        "viewerCan": ["INVITE", "EDIT", "MANAGE_MEMBERS", "POST", "UPLOAD"],
        "partners": {"nodes": [{"name": "Harrow"}], "totalCount": 1},
        "members": {
            "nodes": [
                {"user": {"name": name}, "side": "PARTNER", "partner": {"name": "Harrow"}, "isAssigned": is_assigned}
                for name, is_assigned in (("Hanna Harrow", False), ("Henry Harrow", True))
            ],
            "totalCount": 2,
        },
    }
    assert await navigation(harrow.hanna) == {"Front desk": ["Booking", "Spa"]}
    assert await navigation(harrow.henry) == {"Front desk": ["Spa"]}
    assert await navigation(harrow.hugo) == {}


async def test_each_side_begins_and_changes_its_own(harrow: Harrow) -> None:
    market = harrow.market
    for person in (market.clara, market.stan, market.rita):
        made = await person.does("projectCreate", "project { id name }", accountId=market.shop, name="Move")
        assert made["project"]["name"] == "Move"
    changed = await market.rita.does(
        "projectUpdate",
        f"project {{ {PROJECT} }}",
        projectId=harrow.relaunch,
        status="ACTIVE",
        startsOn="2026-12-01",
        dueOn="2026-12-24",
    )
    assert (changed["project"]["status"], changed["project"]["startsOn"], changed["project"]["dueOn"]) == (
        "ACTIVE",
        "2026-12-01",
        "2026-12-24",
    )
    emptied = await market.stan.does("projectUpdate", f"project {{ {PROJECT} }}", projectId=harrow.relaunch, dueOn=None)
    assert (emptied["project"]["startsOn"], emptied["project"]["dueOn"]) == ("2026-12-01", None)
    assert changed["project"]["viewerCan"] == ["EDIT", "POST", "UPLOAD"]
    assert (await read(market.clara, harrow.relaunch))["viewerCan"] == [
        "SHARE",
        "EDIT",
        "MANAGE_MEMBERS",
        "POST",
        "UPLOAD",
    ]


async def test_3_2_by_e_mail_a_member_is_on_it_at_once_and_anybody_else_invited(harrow: Harrow) -> None:
    market = harrow.market
    await harrow.add(harrow.relaunch)
    shared = (
        "invite { inviteKind email status project { name } partner { name } from { __typename } }"
        " member { user { name } isAssigned }"
    )
    henry = await market.clara.does("projectInvite", shared, projectId=harrow.relaunch, email="HENRY@harrow.example")
    assert henry == {"invite": None, "member": {"user": {"name": "Henry Harrow"}, "isAssigned": True}}
    nora = await market.clara.does("projectInvite", shared, projectId=harrow.relaunch, email="nora@harrow.example")
    assert nora == {
        "invite": {
            "inviteKind": "PROJECT",
            "email": "nora@harrow.example",
            "status": "PENDING",
            "project": {"name": "Relaunch"},
            "partner": {"name": "Harrow"},
            "from": {"__typename": "Client"},
        },
        "member": None,
    }
    waiting = "query Waiting($id: ID!) { project(id: $id) { invites { nodes { email status } } } }"
    for person in (market.vera, market.clara, market.stan, harrow.hanna):
        assert (await person.reads(waiting, id=harrow.relaunch))["project"]["invites"]["nodes"] == [
            {"email": "nora@harrow.example", "status": "PENDING"}
        ]
    answer = (await harrow.henry.sends(waiting, {"id": harrow.relaunch})).json()
    assert answer["data"] == {"project": {"invites": None}}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]


async def test_3_2_the_first_project_of_a_client_begins_a_partnership_and_the_last_ends_it(harrow: Harrow) -> None:
    market = harrow.market
    await harrow.add(harrow.relaunch, harrow.henry)
    await market.clara.does("projectUpdate", projectId=harrow.relaunch, status="ACTIVE")
    [begun] = [each for each in await partnerships(market.clara) if each["partner"]["name"] == "Harrow"]
    assert begun.pop("endPreview").keys() == {"projects", "accounts", "endsPartnership", "confirmation"}
    assert begun == {
        "id": begun["id"],
        "kind": "INTERMEDIARY",
        "status": "ACTIVE",
        "label": "ACTIVE",
        "terms": {"title": "Client partner"},
        "partner": {"name": "Harrow"},
        "client": {"name": "Harbour Foods"},
        "previous": None,
        "viewerCan": ["END"],
        "counts": {"accounts": 0, "activeProjects": 1, "contacts": 0},
    }
    taken = await market.clara.does(
        "projectPartnerRemove", f"project {{ {PROJECT} }}", projectId=harrow.relaunch, partnerId=harrow.company
    )
    assert (taken["project"]["partners"]["totalCount"], taken["project"]["members"]["totalCount"]) == (0, 0)
    assert await navigation(harrow.hanna) == await navigation(harrow.henry) == {}
    await harrow.add(harrow.audit)
    [again] = [
        each
        for each in await partnerships(market.clara)
        if (each["partner"]["name"], each["status"]) == ("Harrow", "ACTIVE")
    ]
    assert again["previous"] == {"id": begun["id"]}


async def test_4_7_its_end_shows_what_it_costs_and_takes_the_company_off_every_project(harrow: Harrow) -> None:
    market = harrow.market
    await harrow.add(harrow.relaunch, harrow.henry)
    await harrow.add(harrow.audit)
    await harrow.add(harrow.booking, harrow.henry)
    [tile] = [each for each in await partnerships(market.clara) if each["partner"]["name"] == "Harrow"]
    preview = tile["endPreview"]
    assert (preview["projects"], preview["accounts"], preview["endsPartnership"]) == (2, [], True)
    await market.clara.does(
        "partnershipEnd", partnershipId=tile["id"], reason="We part.", confirmation=preview["confirmation"]
    )
    assert await navigation(harrow.hanna) == await navigation(harrow.henry) == {"Front desk": ["Booking"]}


async def test_3_6_whoever_is_taken_off_reads_nothing_of_it_any_more(harrow: Harrow) -> None:
    market = harrow.market
    await harrow.add(harrow.relaunch, harrow.henry)
    await harrow.add(harrow.audit, harrow.henry)
    for project, left in ((harrow.relaunch, {"Main shop": ["Audit"]}), (harrow.audit, {})):
        await market.clara.does("projectMemberRemove", memberId=await harrow.place(harrow.henry, project))
        assert await navigation(harrow.henry) == left
    nothing = "query Nothing($shop: ID!, $project: ID!) { account(id: $shop) { id } project(id: $project) { id } }"
    assert await harrow.henry.reads(nothing, shop=market.shop, project=harrow.audit) == {
        "account": None,
        "project": None,
    }
    assert await navigation(harrow.hanna) == {"Main shop": ["Audit", "Relaunch"]}


async def test_1_5_a_disconnection_shows_the_projects_that_it_closes(harrow: Harrow) -> None:
    market = harrow.market
    grant = await models.AccessGrant.get(account_id=market.shop)
    shown = "query Shown($id: ID!) { node(id: $id) { ... on AccessGrant { disconnectPreview { projects } } } }"
    for person in (market.clara, market.rita, market.vera):
        assert (await person.reads(shown, id=grant.id))["node"] == {"disconnectPreview": {"projects": 2}}
    [rivals] = await partnerships(market.rita)
    assert (rivals["endPreview"]["projects"], rivals["counts"]["activeProjects"]) == (2, 0)
