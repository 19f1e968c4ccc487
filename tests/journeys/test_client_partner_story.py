"""Two customers share one client partner: four ways in, one navigation, and nothing of one that the other could see."""

import time
from dataclasses import dataclass

import pytest

from tests.journeys import northwind as scenes
from tests.journeys.conftest import Meets
from tests.journeys.portal import PASSWORD, Json, Person
from tests.server.listening import at_once, listening

COUNTS = "counts { pendingApprovals openActionItems pendingRatings unreadMessages }"
NOTHING = {"pendingApprovals": 0, "openActionItems": 0, "pendingRatings": 0, "unreadMessages": 0}
NAVIGATION = f"""
{{
  viewer {{
    seat {{ name roles }}
    {COUNTS}
    accounts {{ nodes {{ name {COUNTS} projects {{ nodes {{ name {COUNTS} }} }} }} totalCount }}
    projects {{ nodes {{ name account {{ name }} }} totalCount }}
  }}
}}
"""
COMPANY = """
query Company($id: ID!) {
  partner(id: $id) {
    admin { name }
    licences { granted used available }
    members { nodes { id user { name } role projects { nodes { name } } } }
  }
}
"""
PROJECT = """
query Project($id: ID!) {
  project(id: $id) {
    name progress viewerCan
    members { nodes { id isAssigned user { name } partner { name } } }
    partners { nodes { name } }
    csat { average responses pending }
    files { nodes { name status contentType size } }
    widgets { nodes { title url } }
    activity { nodes { topic } }
  }
}
"""
LIVE = "subscription Live($id: ID!) { projectEvents(projectId: $id) { topic subject { id } project { name } } }"
INBOX = """
{ viewer { inbox { nodes { id kind viewerCan ... on ProjectApproval { title project { name } approver { name } } } } } }
"""
PARTNERSHIPS = "{ viewer { partnerships { nodes { kind status client { name } partner { name } viewerCan } } } }"


@dataclass
class Brokers:
    """Hanna's company works for Acme, which is Carl's, and for Oscorp, which is Olga's. Vera is the vendor."""

    vera: Person
    carl: Person
    olga: Person
    hanna: Person
    henry: Person
    hugo: Person
    company: str = ""
    acme: str = ""
    oscorp: str = ""
    relaunch: str = ""
    shop: str = ""
    audit: str = ""

    async def project(self, account: str, name: str, **more: object) -> str:
        made = await self.vera.does("projectCreate", "project { id }", accountId=account, name=name, **more)
        return str(made["project"]["id"])

    async def member(self, name: str) -> str:
        """The id of a member of the company, as its admin reads it."""
        members = (await self.hanna.reads(COMPANY, id=self.company))["partner"]["members"]["nodes"]
        return next(str(member["id"]) for member in members if member["user"]["name"] == name)

    async def assigned(self, project: str, name: str) -> str:
        """The id of somebody's place on a project."""
        members = (await self.vera.reads(PROJECT, id=project))["project"]["members"]["nodes"]
        return next(str(member["id"]) for member in members if member["user"]["name"] == name)


@pytest.fixture
async def brokers(meet: Meets, admin_link: str) -> Brokers:
    """Bring both customers in, each with an owner and an account."""
    it = Brokers(
        meet("vera@vendor.example"),
        meet("carl@acme.example"),
        meet("olga@oscorp.example"),
        meet("hanna@harrow.example"),
        meet("henry@harrow.example"),
        meet("hugo@harrow.example"),
    )
    await scenes.sign_in_by_link(it.vera, admin_link)
    it.acme = await customer(it, it.carl, "Acme")
    it.oscorp = await customer(it, it.olga, "Oscorp")
    return it


async def customer(it: Brokers, owner: Person, name: str) -> str:
    await it.vera.does(
        "clientCreate", "client { id }", name=name, ownerEmail=owner.address, ownerName=name, accountName=f"{name} web"
    )
    joined = await owner.joins(
        await owner.next_mail(),
        "viewer { accounts { nodes { id } } }",
        name=f"{owner.address.partition('@')[0].title()} of {name}",
        password=PASSWORD,
    )
    [account] = joined["viewer"]["accounts"]["nodes"]
    return str(account["id"])


async def navigation(person: Person) -> Json:
    """What somebody's portal opens with: the accounts' names, each with its projects'."""
    viewer = (await person.reads(NAVIGATION))["viewer"]
    return {
        account["name"]: [project["name"] for project in account["projects"]["nodes"]]
        for account in viewer["accounts"]["nodes"]
    }


async def counts(person: Person) -> tuple[Json, Json, Json]:
    """What waits for somebody: in all, by account, and by project."""
    viewer = (await person.reads(NAVIGATION))["viewer"]
    accounts = viewer["accounts"]["nodes"]
    return (
        viewer["counts"],
        {account["name"]: account["counts"] for account in accounts},
        {project["name"]: project["counts"] for account in accounts for project in account["projects"]["nodes"]},
    )


async def waits(person: Person, project: str, account: str, **what: int) -> None:
    """Hold somebody's counts to be these, in a project, its account and in total, and nothing anywhere else."""
    expected = {**NOTHING, **what}
    in_all, by_account, by_project = await counts(person)
    assert in_all == expected
    assert {name: found for name, found in by_account.items() if found != NOTHING} == (
        {account: expected} if what else {}
    )
    assert {name: found for name, found in by_project.items() if found != NOTHING} == (
        {project: expected} if what else {}
    )


async def test_3_1_to_3_6_two_customers_share_one_client_partner(brokers: Brokers) -> None:
    await the_company_is_created_and_nobody_can_sign_in(brokers)
    await the_first_way_the_creation_of_a_project_lets_its_admin_in(brokers)
    await the_second_way_the_settings_of_a_project(brokers)
    await the_third_way_the_invite_of_a_project(brokers)
    await the_fourth_way_the_customers_share(brokers)
    await a_conversation_is_heard_live_and_counted(brokers)
    await what_is_to_be_done_approved_and_rated_is_counted(brokers)
    await a_file_goes_up_and_down(brokers)
    await none_of_a_partners_business_verbs_is_theirs(brokers)
    await nothing_of_oscorp_is_there_for_acme(brokers)
    await who_loses_the_last_assignment_loses_the_account(brokers)
    await the_company_is_taken_off(brokers)


async def the_company_is_created_and_nobody_can_sign_in(it: Brokers) -> None:
    created = await it.vera.does(
        "partnerCreate",
        "partner { id kind admin { name } licences { granted used available } }",
        name="Harrow Brokers",
        kind="CLIENT_PARTNER",
        domain="harrow.example",
        licences=3,
        adminEmail=it.hanna.address,
        adminName="Hanna Harrow",
    )
    it.company = created["partner"].pop("id")
    assert created["partner"] == {
        "kind": "CLIENT_PARTNER",
        "admin": None,
        "licences": {"granted": 3, "used": 1, "available": 2},
    }
    told = await it.hanna.next_mail()
    assert told.token is None
    assert "first project" in told.text
    await it.hanna.does("signInLinkSend", email=it.hanna.address)
    assert await it.vera.is_refused("memberInvite", partnerId=it.company, email=it.henry.address) == (
        "WRONG_STATE",
        ["partnerId"],
    )
    assert it.hanna.unread() == []


async def the_first_way_the_creation_of_a_project_lets_its_admin_in(it: Brokers) -> None:
    it.relaunch = await it.project(it.acme, "Relaunch", partnerId=it.company)
    with_link = await it.hanna.next_mail()
    assert (await it.hanna.opens(with_link))["needsPassword"] is True
    await it.hanna.joins(with_link, name="Hanna Harrow", password=PASSWORD)
    seat = (await it.hanna.reads(NAVIGATION))["viewer"]["seat"]
    assert (seat["name"], sorted(seat["roles"])) == (
        "Harrow Brokers",
        ["CLIENT_PARTNER", "CLIENT_PARTNER_ADMIN", "PUBLIC", "USER"],
    )
    assert await navigation(it.hanna) == {"Acme web": ["Relaunch"]}
    # The admin sees every project of the account, also one that the company was not brought into.
    it.shop = await it.project(it.acme, "Shop")
    assert await navigation(it.hanna) == {"Acme web": ["Relaunch", "Shop"]}
    assert await it.hanna.reads(PARTNERSHIPS) == {
        "viewer": {
            "partnerships": {
                "nodes": [
                    {
                        "kind": "INTERMEDIARY",
                        "status": "ACTIVE",
                        "client": {"name": "Acme"},
                        "partner": {"name": "Harrow Brokers"},
                        "viewerCan": [],
                    }
                ]
            }
        }
    }


async def the_second_way_the_settings_of_a_project(it: Brokers) -> None:
    await it.hanna.does("memberInvite", "invite { id }", partnerId=it.company, email=it.henry.address, name="Henry")
    await it.henry.joins(await it.henry.next_mail(), name="Henry Hill", password=PASSWORD)
    assert await navigation(it.henry) == {}
    it.audit = await it.project(it.oscorp, "Audit")
    assert await navigation(it.hanna) == {"Acme web": ["Relaunch", "Shop"]}
    await it.vera.does(
        "projectPartnerAdd",
        "project { id }",
        projectId=it.audit,
        partnerId=it.company,
        memberIds=[await it.member("Henry Hill")],
    )
    # Nobody signs in again to go from one customer to the other.
    assert await navigation(it.hanna) == {"Acme web": ["Relaunch", "Shop"], "Oscorp web": ["Audit"]}
    assert await navigation(it.henry) == {"Oscorp web": ["Audit"]}
    assert await it.henry.reads("query P($id: ID!) { project(id: $id) { name } }", id=it.relaunch) == {"project": None}


async def the_third_way_the_invite_of_a_project(it: Brokers) -> None:
    invited = await it.vera.does(
        "projectInvite", "member { id } invite { status email }", projectId=it.shop, email=it.hugo.address
    )
    assert invited == {"member": None, "invite": {"status": "PENDING", "email": it.hugo.address}}
    licences = (await it.hanna.reads(COMPANY, id=it.company))["partner"]["licences"]
    assert licences == {"granted": 3, "used": 3, "available": 0}
    refused = await it.vera.is_refused("projectInvite", projectId=it.shop, email="hilda@harrow.example")
    assert refused == ("LICENCES_USED_UP", ["email"])
    await it.hugo.joins(await it.hugo.next_mail(), name="Hugo Hale", password=PASSWORD)
    assert await navigation(it.hugo) == {"Acme web": ["Shop"]}


async def the_fourth_way_the_customers_share(it: Brokers) -> None:
    assert (await it.carl.reads(PROJECT, id=it.relaunch))["project"]["viewerCan"] == [
        "SHARE",
        "EDIT",
        "MANAGE_MEMBERS",
        "POST",
        "UPLOAD",
    ]
    shared = await it.carl.does(
        "projectInvite", "invite { id } member { user { name } }", projectId=it.relaunch, email=it.henry.address
    )
    assert shared == {"invite": None, "member": {"user": {"name": "Henry Hill"}}}
    assert await navigation(it.henry) == {"Acme web": ["Relaunch"], "Oscorp web": ["Audit"]}
    for stranger in ("sam@unknown.example", "paula@northwind.example"):
        refused = await it.carl.is_refused("projectInvite", projectId=it.relaunch, email=stranger)
        assert refused == ("COMPANY_NOT_INVITED", ["email"])


async def a_conversation_is_heard_live_and_counted(it: Brokers) -> None:
    begun = await it.carl.does(
        "conversationStart", "conversation { id unread }", projectId=it.relaunch, title="Colours"
    )
    conversation = begun["conversation"]["id"]
    async with listening(it.henry.browser.base_url, it.henry.token) as of_henry:
        live = await of_henry.ask(LIVE, {"id": it.relaunch})
        await of_henry.settled()
        posted = await it.carl.does("messagePost", "message { id }", conversationId=conversation, body="Blue, or red?")
        posted_at = time.monotonic()
        # What happened just before is published, at times, once he listens.
        while (heard := await of_henry.event(live))["topic"] != "message.posted":
            assert heard["topic"] == "conversation.started"
        assert time.monotonic() - posted_at < at_once()
        assert heard == {
            "topic": "message.posted",
            "subject": {"id": posted["message"]["id"]},
            "project": {"name": "Relaunch"},
        }
    await waits(it.henry, "Relaunch", "Acme web", unreadMessages=1)
    await waits(it.hanna, "Relaunch", "Acme web", unreadMessages=1)
    for nobody in (it.hugo, it.olga, it.carl):
        assert (await counts(nobody))[0] == NOTHING
    read = await it.henry.does("conversationMarkRead", "conversation { unread }", conversationId=conversation)
    assert read == {"conversation": {"unread": 0}}
    await waits(it.henry, "Relaunch", "Acme web")
    await it.henry.does("messagePost", "message { body author { name } }", conversationId=conversation, body="Blue.")
    await waits(it.henry, "Relaunch", "Acme web")
    await waits(it.carl, "Relaunch", "Acme web", unreadMessages=1)
    await waits(it.hanna, "Relaunch", "Acme web", unreadMessages=2)
    for person in (it.carl, it.hanna):
        await person.does("conversationMarkRead", conversationId=conversation)
        await waits(person, "Relaunch", "Acme web")


async def what_is_to_be_done_approved_and_rated_is_counted(it: Brokers) -> None:
    henry = (await it.henry.reads("{ viewer { user { id } } }"))["viewer"]["user"]["id"]
    hanna = (await it.hanna.reads("{ viewer { user { id } } }"))["viewer"]["user"]["id"]
    item = await it.carl.does(
        "actionItemCreate", "actionItem { id status }", projectId=it.relaunch, title="Choose blue", assigneeId=henry
    )
    await waits(it.henry, "Relaunch", "Acme web", openActionItems=1)
    await it.henry.does("actionItemStatusSet", actionItemId=item["actionItem"]["id"], status="DONE")
    await waits(it.henry, "Relaunch", "Acme web")
    assert (await it.carl.reads(PROJECT, id=it.relaunch))["project"]["progress"] == 100

    for project, name in ((it.relaunch, "Relaunch"), (it.audit, "Audit")):
        await it.vera.does("approvalRequest", "approval { id }", projectId=project, title=name, approverId=hanna)
    inbox = (await it.hanna.reads(INBOX))["viewer"]["inbox"]["nodes"]
    assert [(found["title"], found["project"]["name"], found["viewerCan"]) for found in inbox] == [
        ("Relaunch", "Relaunch", ["ACCEPT", "DECLINE"]),
        ("Audit", "Audit", ["ACCEPT", "DECLINE"]),
    ]
    assert (await counts(it.hanna))[0] == {**NOTHING, "pendingApprovals": 2}
    assert await it.carl.is_refused("proposalAccept", proposalId=inbox[0]["id"]) == ("FORBIDDEN", ["proposalId"])
    assert await it.carl.is_refused("proposalAccept", proposalId=inbox[1]["id"]) == ("NOT_FOUND", ["proposalId"])
    await it.hanna.does("proposalAccept", "proposal { status }", proposalId=inbox[0]["id"])
    await waits(it.hanna, "Audit", "Oscorp web", pendingApprovals=1)
    await it.hanna.does("proposalDecline", "proposal { status }", proposalId=inbox[1]["id"], comment="Not yet.")
    await waits(it.hanna, "Audit", "Oscorp web")

    asked = await it.vera.does("ratingRequest", "rating { id }", projectId=it.relaunch, userId=henry)
    await waits(it.henry, "Relaunch", "Acme web", pendingRatings=1)
    rating = asked["rating"]["id"]
    assert await it.henry.is_refused("ratingGive", ratingId=rating, score=6) == ("INVALID", ["score"])
    await it.henry.does("ratingGive", "rating { score comment }", ratingId=rating, score=4, comment="Good.")
    await waits(it.henry, "Relaunch", "Acme web")
    found = (await it.carl.reads(PROJECT, id=it.relaunch))["project"]
    assert found["csat"] == {"average": "4.0", "responses": 1, "pending": 0}


async def a_file_goes_up_and_down(it: Brokers) -> None:
    pdf = b"%PDF-1.7\n1 0 obj\n<< >>\nendobj\ntrailer\n<< >>\n%%EOF\n"
    announced = {"projectId": it.relaunch, "name": "offer.pdf", "contentType": "application/pdf", "size": len(pdf)}
    upload = (await it.henry.does("fileUpload", "upload { uploadUrl file { id status } }", **announced))["upload"]
    answer = await it.henry.browser.put(_path(it, upload["uploadUrl"]), content=pdf)
    assert answer.status_code in {200, 201, 204}, answer.text
    finished = await it.henry.does("fileUploadFinish", "file { status size contentType }", fileId=upload["file"]["id"])
    assert finished["file"] == {"status": "READY", "size": len(pdf), "contentType": "application/pdf"}
    links = "query Links($ids: [ID!]!) { fileLinks(fileIds: $ids) { url } }"
    [link] = (await it.carl.reads(links, ids=[upload["file"]["id"]]))["fileLinks"]
    down = await it.carl.browser.get(_path(it, link["url"]))
    assert (down.status_code, down.content) == (200, pdf)
    assert down.headers["content-disposition"].startswith("attachment")
    assert await it.olga.reads(links, ids=[upload["file"]["id"]]) == {"fileLinks": [None]}
    assert (await it.hanna.reads(PROJECT, id=it.relaunch))["project"]["files"]["nodes"] == [
        {"name": "offer.pdf", "status": "READY", "contentType": "application/pdf", "size": len(pdf)}
    ]


def _path(it: Brokers, url: str) -> str:
    """Where a signed address is at the server of the test."""
    return str(it.vera.browser.base_url.join("/" + url.split("/", 3)[3]))


async def none_of_a_partners_business_verbs_is_theirs(it: Brokers) -> None:
    for person in (it.hanna, it.henry):
        refused: dict[str, Json] = {
            "partnershipOffer": {"partnerId": it.company, "terms": scenes.TERMS, "email": "sam@unknown.example"},
            "accountCreate": {"partnerId": it.company, "clientName": "X", "accountName": "X", "plan": "X"},
            "accountOpen": {"accountId": it.acme},
            "projectCreate": {"accountId": it.acme, "name": "Mine"},
            "contactCreate": {"organisationId": it.company, "name": "Somebody"},
            "modificationDraft": {"partnershipId": it.company},
        }
        for verb, given in refused.items():
            assert await person.is_refused(verb, **given) == ("FORBIDDEN", None), verb


async def nothing_of_oscorp_is_there_for_acme(it: Brokers) -> None:
    shared = [it.audit, it.oscorp, await it.assigned(it.audit, "Henry Hill")]
    everywhere = """
    query Everywhere($word: String!, $ids: [ID!]!) {
      nodes(ids: $ids) { id }
      accounts(search: $word) { totalCount nodes { name } }
      projects(search: $word) { totalCount nodes { name } }
      contacts(search: $word) { totalCount }
      viewer { partnerships(search: $word) { totalCount } inbox { totalCount } }
    }
    """
    for word in ("Oscorp", "Audit"):
        found = await it.carl.sends(everywhere, {"word": word, "ids": shared})
        assert found.json() == {
            "data": {
                "nodes": [None] * len(shared),
                "accounts": {"totalCount": 0, "nodes": []},
                "projects": {"totalCount": 0, "nodes": []},
                "contacts": {"totalCount": 0},
                "viewer": {"partnerships": {"totalCount": 0}, "inbox": {"totalCount": 0}},
            }
        }
    of_broker = """
    query Broker($id: ID!, $project: ID!) {
      partner(id: $id) { name kind admin { name } members { totalCount } partnerships { totalCount } }
      project(id: $project) {
        members { nodes { user { name email } } }
        partners { nodes { name members { totalCount } } }
      }
    }
    """
    answer = await it.carl.sends(of_broker, {"id": it.company, "project": it.relaunch})
    assert answer.json()["data"]["partner"] == {
        "name": "Harrow Brokers",
        "kind": "CLIENT_PARTNER",
        "admin": {"name": "Hanna Harrow"},
        "members": None,
        "partnerships": None,
    }
    assert "Oscorp" not in answer.text
    missing = "project_01h455vb4pex5vsknk084sn02q"
    tried: dict[str, Json] = {
        "projectInvite": {"email": it.henry.address},
        "projectUpdate": {"name": "Mine"},
        "conversationStart": {"title": "Mine"},
    }
    for verb, given in tried.items():
        told = [await it.carl.is_told(verb, projectId=project, **given) for project in (it.audit, missing)]
        assert told[0] == told[1]
        assert told[0][0] == "NOT_FOUND"


async def who_loses_the_last_assignment_loses_the_account(it: Brokers) -> None:
    async with listening(it.henry.browser.base_url, it.henry.token) as of_henry:
        live = await of_henry.ask(LIVE, {"id": it.relaunch})
        await of_henry.settled()
        place = await it.assigned(it.relaunch, "Henry Hill")
        await it.carl.does("projectMemberRemove", "project { id }", memberId=place)
        removed_at = time.monotonic()
        while (message := await of_henry.of(live))["type"] == "next":
            pass
        assert [error["extensions"]["code"] for error in message["payload"]] == ["ACCESS_ENDED"]
        assert time.monotonic() - removed_at < at_once()
    assert await navigation(it.henry) == {"Oscorp web": ["Audit"]}
    assert await navigation(it.hanna) == {"Acme web": ["Relaunch", "Shop"], "Oscorp web": ["Audit"]}
    assert (await counts(it.henry))[0] == NOTHING


async def the_company_is_taken_off(it: Brokers) -> None:
    await it.olga.does("projectPartnerRemove", "project { id }", projectId=it.audit, partnerId=it.company)
    assert await navigation(it.hanna) == {"Acme web": ["Relaunch", "Shop"]}
    assert await navigation(it.henry) == {}
    ended = (await it.hanna.reads(PARTNERSHIPS))["viewer"]["partnerships"]["nodes"]
    assert [(found["status"], found["client"]["name"]) for found in ended] == [("ACTIVE", "Acme"), ("ENDED", "Oscorp")]
    refused = await it.olga.is_refused("projectInvite", projectId=it.audit, email=it.henry.address)
    assert refused == ("COMPANY_NOT_INVITED", ["email"])
    topics = [event["topic"] for event in (await it.olga.reads(PROJECT, id=it.audit))["project"]["activity"]["nodes"]]
    assert topics[0] == "project.partner_removed"
    assert topics[-1] == "project.created"
