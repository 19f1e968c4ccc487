"""Approvals, as people meet them: asked on a project, answered from the inbox (mission 3.5)."""

from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType

import pytest

import models
from domain import clock as the_clock
from models.enums import AccessStatus, AccountStatus, FileStatus, PartnerMemberRole, SecurityRole
from tests import given
from tests.journeys import judge
from tests.journeys.market import Market, signed_in
from tests.journeys.portal import Json, Person

DAY = timedelta(days=1)
APPROVAL = """
kind status title version proposedBySide comment viewerCan
from { __typename ... on Partner { name } ... on Client { name } }
project { name account { name } } file { name } approver { name } proposedBy { name } decidedBy { name }
"""
ASKED = "approval { id }"
INBOX = """
query Inbox($kind: [ProposalKind!]) {
  viewer {
    seat { waiting }
    inbox(kind: $kind) { totalCount nodes { id kind ... on ProjectApproval { title project { name } } } }
  }
}
"""
COUNTS = """
query Counts($id: ID!) {
  project(id: $id) { counts { pendingApprovals } account { counts { pendingApprovals } } }
  viewer { counts { pendingApprovals } }
}
"""
OF_PROJECT = """
query OfProject($id: ID!, $status: [ProposalStatus!]) {
  project(id: $id) { approvals(status: $status) { totalCount nodes { title status } } }
}
"""
NODE = f"query Node($id: ID!) {{ node(id: $id) {{ __typename ... on ProjectApproval {{ {APPROVAL} }} }} }}"
NOTICES = "{ viewer { unreadNotices notices { nodes { urgency dueAt event { topic summary } proposal { status } } } } }"


@dataclass(frozen=True, slots=True)
class Site:
    """The relaunch of Clara's shop, where Stan works, and which Rita may open as a partner.

    Cleo of the client partner is assigned to it, Hanna there as her company's admin; Carl of theirs is not on it. Dora
    has a project in an account of hers, at another client.
    """

    market: Market
    broker: models.Partner
    project: str
    doras: models.Project
    hanna: Person
    cleo: Person
    carl: Person
    ids: dict[str, str]

    @property
    def strangers(self) -> tuple[Person, ...]:
        """Those who do not see the project."""
        return self.carl, self.market.dora, self.market.oscar, self.market.paula


@pytest.fixture
async def site(market: Market) -> Site:
    shop, desk = [await models.Account.get(id=account) for account in (market.shop, market.desk)]
    project, broker = await given.project(shop), await given.client_partner()
    await given.engaged(project, broker)
    seats = {
        "hanna": await given.member(broker, PartnerMemberRole.ADMIN, await given.user("Hanna Harrow")),
        "cleo": await given.member(broker, user=await given.user("Cleo Collaborator")),
        "carl": await given.member(broker, user=await given.user("Carl Collaborator")),
    }
    await given.on_project(project, seats["hanna"], is_assigned=False)
    await given.on_project(project, seats["cleo"])
    known = {who: await models.User.get(email=getattr(market, who).address) for who in ("clara", "rita")}
    return Site(
        market=market,
        broker=broker,
        project=project.id,
        doras=await given.project(desk, "Elsewhere"),
        **{who: await signed_in(market.vera.browser, seat) for who, seat in seats.items()},
        ids={**{who: user.id for who, user in known.items()}, **{who: seat.user_id for who, seat in seats.items()}},
    )


async def ask(site: Site, by: Person, of: str, title: str = "The design", **more: str) -> str:
    made = await by.does("approvalRequest", ASKED, projectId=site.project, title=title, approverId=site.ids[of], **more)
    return str(made["approval"]["id"])


async def shown(person: Person, approval: str) -> Json:
    found: Json = (await person.reads(NODE, id=approval))["node"]
    return found


async def buttons(person: Person, approval: str) -> list[str]:
    return list((await shown(person, approval))["viewerCan"])


async def counts(person: Person, project: str) -> tuple[int, int, int]:
    """What waits for somebody: in the project, in its account, and in all."""
    found = await person.reads(COUNTS, id=project)
    inside, everywhere = found["project"], found["viewer"]["counts"]
    places = inside["counts"], inside["account"]["counts"], everywhere
    in_project, in_account, in_all = (int(each["pendingApprovals"]) for each in places)
    return in_project, in_account, in_all


async def test_3_5_an_approval_is_asked_answered_and_kept(site: Site) -> None:
    vera, clara, cleo = site.market.vera, site.market.clara, site.cleo
    shows = await models.ProjectFile.create(
        project_id=site.project,
        name="design.pdf",
        status=FileStatus.READY,
        content_type="application/pdf",
        size=1,
        digest="0" * 64,
        uploaded_by_id=site.ids["cleo"],
        uploaded_at=the_clock.now(),
    )
    approval = await ask(site, clara, "cleo", fileId=shows.id)
    asked = {
        "__typename": "ProjectApproval",
        "kind": "PROJECT_APPROVAL",
        "status": "PENDING",
        "title": "The design",
        "version": 1,
        "proposedBySide": "CLIENT",
        "comment": None,
        "viewerCan": ["ACCEPT", "DECLINE"],
        "from": {"__typename": "Client", "name": "Harbour Foods"},
        "project": {"name": "Relaunch", "account": {"name": "Main shop"}},
        "file": {"name": "design.pdf"},
        "approver": {"name": "Cleo Collaborator"},
        "proposedBy": {"name": "Clara Client"},
        "decidedBy": None,
    }
    assert await shown(cleo, approval) == asked
    of_company = ["WITHDRAW", "REMIND"]
    can = {"vera": [], "clara": of_company, "stan": of_company, "rita": [], "hanna": []}
    people = {"vera": vera, "clara": clara, "stan": site.market.stan, "rita": site.market.rita, "hanna": site.hanna}
    assert {name: await buttons(person, approval) for name, person in people.items()} == can
    for stranger in site.strangers:
        assert await stranger.reads(NODE, id=approval) == {"node": None}

    waits = {"id": approval, "kind": "PROJECT_APPROVAL", "title": "The design", "project": {"name": "Relaunch"}}
    one = {"viewer": {"seat": {"waiting": 1}, "inbox": {"totalCount": 1, "nodes": [waits]}}}
    none = {"viewer": {"seat": {"waiting": 0}, "inbox": {"totalCount": 0, "nodes": []}}}
    assert await cleo.reads(INBOX) == one
    assert await cleo.reads(INBOX, kind=["PROJECT_APPROVAL"]) == one
    assert (await cleo.reads(INBOX, kind=["MODIFICATION"]))["viewer"]["inbox"] == none["viewer"]["inbox"]
    assert await counts(cleo, site.project) == (1, 1, 1)
    for other in people.values():
        assert await other.reads(INBOX) == none
        assert await counts(other, site.project) == (0, 0, 0)

    done = await cleo.does(
        "proposalAccept", f"proposal {{ ... on ProjectApproval {{ {APPROVAL} }} }}", proposalId=approval, comment="Yes."
    )
    accepted = {"status": "ACCEPTED", "version": 2, "comment": "Yes.", "viewerCan": []}
    decided = {**asked, **accepted, "decidedBy": {"name": "Cleo Collaborator"}}
    assert {"__typename": "ProjectApproval", **done["proposal"]} == decided
    assert await shown(clara, approval) == decided
    assert await cleo.reads(INBOX) == none
    assert await counts(cleo, site.project) == (0, 0, 0)
    kept = {"totalCount": 1, "nodes": [{"title": "The design", "status": "ACCEPTED"}]}
    assert (await vera.reads(OF_PROJECT, id=site.project, status=["ACCEPTED"]))["project"]["approvals"] == kept
    empty = {"totalCount": 0, "nodes": []}
    assert (await vera.reads(OF_PROJECT, id=site.project, status=["PENDING"]))["project"]["approvals"] == empty


async def test_3_4_one_inbox_holds_what_is_asked_in_all_customers_projects(site: Site) -> None:
    """Of the seat that reads; the same person's other seat shows the same question only where it sees the project."""
    doras = site.doras
    await given.engaged(doras, site.broker)
    cleo = await models.PartnerMember.get(user_id=site.ids["cleo"])
    await models.ProjectMember.create(
        project=doras,
        account_id=doras.account_id,
        partner=site.broker,
        user_id=cleo.user_id,
        is_assigned=True,
        added_at=the_clock.now(),
    )
    of_harbour = await ask(site, site.market.clara, "cleo")
    made = await site.market.dora.does(
        "approvalRequest", ASKED, projectId=site.doras.id, title="The budget", approverId=site.ids["cleo"]
    )
    found = (await site.cleo.reads(INBOX))["viewer"]
    assert [(each["title"], each["project"]["name"]) for each in found["inbox"]["nodes"]] == [
        ("The design", "Relaunch"),
        ("The budget", "Elsewhere"),
    ]
    assert found["seat"] == {"waiting": 2}
    assert await counts(site.cleo, site.project) == (1, 1, 2)

    front_desk = await given.staff(
        await models.Account.get(id=doras.account_id), SecurityRole.STAFF, await models.User.get(id=cleo.user_id)
    )
    at_desk = await signed_in(site.cleo.browser, front_desk)
    found = (await at_desk.reads(INBOX))["viewer"]
    assert ([each["title"] for each in found["inbox"]["nodes"]], found["seat"]) == (["The budget"], {"waiting": 1})
    both = (await at_desk.reads("{ viewer { seats { name waiting } } }"))["viewer"]["seats"]
    assert {seat["name"]: seat["waiting"] for seat in both} == {"Harrow Brokers": 2, "Island Hotel": 1}
    assert await at_desk.is_refused("proposalAccept", proposalId=of_harbour) == ("NOT_FOUND", ["proposalId"])
    await at_desk.does("proposalAccept", proposalId=made["approval"]["id"])
    assert (await site.cleo.reads(INBOX))["viewer"]["seat"] == {"waiting": 1}


async def test_5_1a_time_takes_it_off_every_count_whether_or_not_anything_announced_it(
    site: Site, clock: ModuleType
) -> None:
    approval = await ask(site, site.market.vera, "clara")
    await models.Session.all().update(expires_at=clock.now() + 20 * DAY)
    clock.advance(14 * DAY - timedelta(seconds=1))
    assert await counts(site.market.clara, site.project) == (1, 1, 1)
    clock.advance(timedelta(seconds=1))
    assert await counts(site.market.clara, site.project) == (0, 0, 0)
    assert (await site.market.clara.reads(INBOX))["viewer"]["seat"] == {"waiting": 0}
    found = await shown(site.market.clara, approval)
    assert (found["status"], found["viewerCan"]) == ("EXPIRED", [])
    assert await site.market.clara.is_refused("proposalAccept", proposalId=approval) == ("EXPIRED", ["proposalId"])


async def test_5_3_notices_tell_who_is_asked_and_who_asked(site: Site, clock: ModuleType) -> None:
    approval = await ask(site, site.market.vera, "cleo")
    await judge.carry_on()
    due = (clock.now() + 14 * DAY).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    told = (await site.cleo.reads(NOTICES))["viewer"]
    asked = {"topic": "approval.requested", "summary": "The vendor asked for an approval."}
    assert told == {
        "unreadNotices": 1,
        "notices": {"nodes": [{"urgency": "ACTION", "dueAt": due, "event": asked, "proposal": {"status": "PENDING"}}]},
    }
    await site.cleo.does("proposalDecline", proposalId=approval, comment="Not yet.")
    await judge.carry_on()
    answered = (await site.market.vera.reads(NOTICES))["viewer"]["notices"]["nodes"]
    declined = {"topic": "approval.declined", "summary": "It was not approved."}
    assert answered == [{"urgency": "INFO", "dueAt": None, "event": declined, "proposal": {"status": "DECLINED"}}]


async def test_3_6_a_notice_of_a_project_that_one_is_taken_off_tells_nothing_of_it_any_more(site: Site) -> None:
    await ask(site, site.market.vera, "cleo")
    await judge.carry_on()
    place = await models.ProjectMember.get(user_id=site.ids["cleo"])
    await site.market.clara.does("projectMemberRemove", memberId=place.id)
    [notice] = (await site.cleo.reads(NOTICES))["viewer"]["notices"]["nodes"]
    assert (notice["event"], notice["proposal"]) == (None, None)


async def test_everything_that_is_refused_says_why_and_changes_nothing(site: Site) -> None:
    vera, clara, cleo, dora = site.market.vera, site.market.clara, site.cleo, site.market.dora
    approval = await ask(site, clara, "cleo")
    foreign = await models.ProjectFile.create(
        project=site.doras,
        name="x.pdf",
        content_type="application/pdf",
        size=1,
        uploaded_by_id=site.ids["cleo"],
        uploaded_at=the_clock.now(),
    )
    asking = {"projectId": site.project, "title": "X", "approverId": site.ids["cleo"]}
    async with judge.nothing_changes("session"):
        for person, given_more, refusal in [
            (vera, {"title": " "}, ("INVALID", ["title"])),
            (cleo, {}, ("INVALID", ["approverId"])),
            (vera, {"approverId": site.ids["carl"]}, ("NOT_FOUND", ["approverId"])),
            (vera, {"approverId": "user_x"}, ("NOT_FOUND", ["approverId"])),
            (vera, {"projectId": "project_x"}, ("NOT_FOUND", ["projectId"])),
            (vera, {"fileId": foreign.id}, ("NOT_FOUND", ["fileId"])),
            *((stranger, {}, ("NOT_FOUND", ["projectId"])) for stranger in site.strangers),
        ]:
            assert await person.is_refused("approvalRequest", **{**asking, **given_more}) == refusal
        for verb in ("proposalAccept", "proposalDecline"):
            for person in (vera, clara, site.market.stan, site.market.rita, site.hanna):
                assert await person.is_refused(verb, proposalId=approval) == ("FORBIDDEN", ["proposalId"])
            assert await dora.is_refused(verb, proposalId=approval) == ("NOT_FOUND", ["proposalId"])
        for verb in ("proposalWithdraw", "proposalRemind"):
            for person in (vera, cleo, site.market.rita, site.hanna):
                assert await person.is_refused(verb, proposalId=approval) == ("FORBIDDEN", ["proposalId"])
            assert await dora.is_refused(verb, proposalId=approval) == ("NOT_FOUND", ["proposalId"])
        assert await clara.is_refused("proposalRemind", proposalId=approval) == ("RATE_LIMITED", ["proposalId"])
        assert await cleo.is_refused("proposalAccept", proposalId=approval, expectedVersion=2) == (
            "CONFLICT",
            ["expectedVersion"],
        )
        assert await cleo.is_refused("proposalSubmit", proposalId=approval) == ("FORBIDDEN", None)


async def test_1_6_a_partner_that_is_shut_out_has_nothing_waiting(site: Site) -> None:
    rita = site.market.rita
    approval = await ask(site, site.market.vera, "rita")
    assert await counts(rita, site.project) == (1, 1, 1)
    await models.AccessGrant.all().update(status=AccessStatus.DISABLED)
    found = (await rita.reads("{ viewer { counts { pendingApprovals } seat { waiting } inbox { totalCount } } }"))[
        "viewer"
    ]
    assert found == {"counts": {"pendingApprovals": 0}, "seat": {"waiting": 0}, "inbox": {"totalCount": 0}}
    assert await rita.is_refused("proposalAccept", proposalId=approval) == ("NOT_FOUND", ["proposalId"])


@pytest.mark.parametrize("verb", ["proposalAccept", "proposalWithdraw", "proposalRemind", "approvalRequest"])
async def test_in_a_cancelled_account_approvals_are_read_and_no_more(site: Site, verb: str) -> None:
    approval = await ask(site, site.market.clara, "cleo")
    await models.Account.filter(id=site.market.shop).update(status=AccountStatus.CANCELLED)
    by = site.cleo if verb == "proposalAccept" else site.market.clara
    given_input: Json = {"proposalId": approval}
    if verb == "approvalRequest":
        given_input = {"projectId": site.project, "title": "X", "approverId": site.ids["cleo"]}
    if verb == "proposalRemind":
        await models.Proposal.filter(id=approval).update(sent_at=None)
    assert await by.is_refused(verb, **given_input) == ("WRONG_STATE", [next(iter(given_input))])
    assert (await shown(by, approval))["title"] == "The design"
