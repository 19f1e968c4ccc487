"""What must not happen in projects: refused with its exact code at its exact input, and nothing has changed."""

from typing import TYPE_CHECKING

import pytest

import models
from domain import policy
from models.enums import Role, SecurityRole
from resolvers import events
from tests import given
from tests.journeys import harrow as brokers
from tests.journeys import judge
from tests.journeys.harrow import Harrow
from tests.journeys.market import Market
from tests.journeys.portal import Json
from tests.journeys.test_access import CURSOR, MUTATIONS
from tests.journeys.test_projects import navigation

if TYPE_CHECKING:
    from tests.journeys.portal import Person

PARTNERS = {Role.PARTNER, Role.PARTNER_ADMIN}
CLIENT_PARTNERS = {Role.CLIENT_PARTNER, Role.CLIENT_PARTNER_ADMIN, Role.USER, Role.PUBLIC}


@pytest.fixture
async def harrow(market: Market) -> Harrow:
    return await brokers.opened(market)


def _words(verb: str) -> str:
    """Name the permission of a mutation."""
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in verb)


def _sent(variables: Json) -> Json:
    """What a mutation is sent with; a cursor is encrypted by the key of whoever serves."""
    given_: Json = variables.get("input", variables)
    return {name: events.cursor(0) if value == CURSOR else value for name, value in given_.items()}


async def test_3_0_none_of_a_partner_s_business_verbs_is_theirs(harrow: Harrow) -> None:
    await harrow.add(harrow.relaunch, harrow.henry)
    permitted = {verb: policy.ALLOWED[policy.Permission[_words(verb)]] for verb in MUTATIONS}
    business = [verb for verb, roles in permitted.items() if roles & PARTNERS and not roles & CLIENT_PARTNERS]
    assert {"partnershipOffer", "accountCreate", "accountOpen", "contactCreate", "webhookCreate"} <= {*business}
    # A question that is not theirs to see is not there.
    counter = {"modificationCounter": ("NOT_FOUND", ["proposalId"])}
    async with judge.nothing_changes():
        for person in (harrow.hanna, harrow.henry):
            sent = {verb: _sent(MUTATIONS[verb]) for verb in business}
            assert {verb: await person.is_refused(verb, **sent[verb]) for verb in business} == {
                **dict.fromkeys(business, ("FORBIDDEN", None)),
                **counter,
            }


async def test_3_2_a_member_before_the_company_is_not_invited(harrow: Harrow) -> None:
    market = harrow.market
    await harrow.add(harrow.booking)
    addresses = ("henry@harrow.example", "x@nobody.example", "rita@rivals.example", "h@sub.harrow.example")
    async with judge.nothing_changes():
        told = [
            await market.clara.is_told("projectInvite", projectId=harrow.relaunch, email=email) for email in addresses
        ]
    assert told == [("COMPANY_NOT_INVITED", ["email"], told[0][2])] * len(addresses)


async def test_3_3_a_project_that_is_not_assigned_is_not_there_and_not_counted(harrow: Harrow) -> None:
    await harrow.add(harrow.relaunch, harrow.henry)
    assert await navigation(harrow.henry) == {"Main shop": ["Relaunch"]}
    counted = "query Counted($search: String) { projects(search: $search) { totalCount nodes { name } } }"
    assert (await harrow.henry.reads(counted, search="a"))["projects"]["nodes"] == [{"name": "Relaunch"}]
    async with judge.nothing_changes():
        for verb, given_ in (
            ("conversationStart", {"title": "X"}),
            ("actionItemCreate", {"title": "X"}),
        ):
            for project in (harrow.audit, harrow.booking, "project_x"):
                assert await harrow.henry.is_refused(verb, projectId=project, **given_) == ("NOT_FOUND", ["projectId"])


async def test_3_4_no_answer_of_one_customer_knows_of_the_other_s_company(harrow: Harrow) -> None:
    """Byte for byte, before and after Island Hotel has the company in its projects."""
    market = harrow.market
    asked: tuple[tuple[Person, str, Json], ...] = tuple(
        (person, verb, given_)
        for person in (market.clara, market.stan)
        for verb, given_ in (
            ("projectInvite", {"projectId": harrow.relaunch, "email": "henry@harrow.example"}),
            ("projectInvite", {"projectId": harrow.booking, "email": "henry@harrow.example"}),
        )
    )
    before = [await person.is_told(verb, **given_) for person, verb, given_ in asked]
    await harrow.add(harrow.booking, harrow.henry)
    assert [await person.is_told(verb, **given_) for person, verb, given_ in asked] == before
    hidden = await models.ProjectMember.get(project_id=harrow.booking, user__email=harrow.henry.address)
    async with judge.nothing_changes():
        for verb, given_, field in (
            ("projectUpdate", {"projectId": harrow.booking, "name": "Mine"}, "projectId"),
            ("projectMemberRemove", {"memberId": hidden.id}, "memberId"),
            ("projectPartnerRemove", {"projectId": harrow.booking, "partnerId": harrow.company}, "projectId"),
        ):
            assert await market.clara.is_refused(verb, **given_) == ("NOT_FOUND", [field])


async def test_only_who_may_takes_people_and_companies_off(harrow: Harrow) -> None:
    market = harrow.market
    await harrow.add(harrow.relaunch, harrow.henry)
    henry = await harrow.place(harrow.henry, harrow.relaunch)
    hanna = await harrow.place(harrow.hanna, harrow.relaunch)
    company = {"projectId": harrow.relaunch, "partnerId": harrow.company}
    # Oscar owns the store, and is the shop's staff.
    shop, oscar = await models.Account.get(id=market.shop), await models.User.get(email=market.oscar.address)
    await models.StaffMember.create(account=shop, user=oscar, role=SecurityRole.STAFF, joined_at=shop.created_at)
    async with judge.nothing_changes():
        for person in (market.stan, market.rita, harrow.henry):
            assert await person.is_refused("projectMemberRemove", memberId=henry) == ("FORBIDDEN", None)
            assert await person.is_refused("projectPartnerRemove", **company) == ("FORBIDDEN", None)
        assert await harrow.hanna.is_refused("projectPartnerRemove", **company) == ("FORBIDDEN", None)
        refused = await market.oscar.is_refused("projectMemberRemove", memberId=henry)
        assert refused == ("CAPABILITY_DENIED", ["memberId"])
        refused = await market.oscar.is_refused("projectPartnerRemove", **company)
        assert refused == ("CAPABILITY_DENIED", ["projectId"])
        assert await market.dora.is_refused("projectMemberRemove", memberId=henry) == ("NOT_FOUND", ["memberId"])
        assert await market.clara.is_refused("projectMemberRemove", memberId=hanna) == ("WRONG_STATE", ["memberId"])
        refused = await market.clara.is_refused("projectPartnerRemove", **{**company, "projectId": harrow.audit})
        assert refused == ("NOT_FOUND", ["partnerId"])


async def test_only_the_vendor_brings_a_company_in_and_only_a_client_partner(harrow: Harrow) -> None:
    market = harrow.market
    henry = await harrow.member(harrow.henry)
    added = {"projectId": harrow.relaunch, "partnerId": harrow.company, "memberIds": [henry]}
    made = {"accountId": market.shop, "name": "Move", "partnerId": harrow.company, "partnerMemberIds": [henry]}
    stranger = await given.client_partner("Strangers")
    otto = await models.PartnerMember.get(user_id=(await given.member(stranger)).user_id)
    async with judge.nothing_changes():
        for person in (market.clara, market.stan, market.rita, harrow.hanna):
            assert await person.is_refused("projectPartnerAdd", **added) == ("FORBIDDEN", None)
        for person in (market.clara, market.stan, market.rita):
            assert await person.is_refused("projectCreate", **made) == ("FORBIDDEN", ["partnerId"])
        vera = market.vera
        assert await vera.is_refused("projectPartnerAdd", **{**added, "partnerId": market.rivals}) == (
            "INVALID",
            ["partnerId"],
        )
        assert await vera.is_refused("projectPartnerAdd", **{**added, "memberIds": [otto.id]}) == (
            "NOT_FOUND",
            ["memberIds"],
        )
        assert await vera.is_refused("projectCreate", **{**made, "partnerMemberIds": [otto.id]}) == (
            "NOT_FOUND",
            ["partnerMemberIds"],
        )


async def test_in_a_cancelled_account_projects_are_read_and_nothing_is_done(harrow: Harrow) -> None:
    market = harrow.market
    await harrow.add(harrow.relaunch, harrow.henry)
    henry = await harrow.place(harrow.henry, harrow.relaunch)
    await market.clara.does("accountCancel", accountId=market.shop, reason="We close.")
    company = {"projectId": harrow.relaunch, "partnerId": harrow.company}
    tried: tuple[tuple[Person, str, Json, str], ...] = (
        (market.clara, "projectCreate", {"accountId": market.shop, "name": "Move"}, "accountId"),
        (market.clara, "projectUpdate", {"projectId": harrow.relaunch, "name": "Move"}, "projectId"),
        (market.vera, "projectPartnerAdd", {**company, "memberIds": []}, "projectId"),
        (harrow.hanna, "projectInvite", {"projectId": harrow.relaunch, "email": "x@harrow.example"}, "projectId"),
        (market.vera, "projectMemberRemove", {"memberId": henry}, "memberId"),
        (market.clara, "projectPartnerRemove", company, "projectId"),
        (harrow.henry, "conversationStart", {"projectId": harrow.relaunch, "title": "X"}, "projectId"),
    )
    async with judge.nothing_changes():
        for person, verb, given_, field in tried:
            assert await person.is_refused(verb, **given_) == ("WRONG_STATE", [field]), verb
    assert await navigation(harrow.henry) == {"Main shop": ["Relaunch"]}
    may = "query ($id: ID!) { project(id: $id) { viewerCan } }"
    for person in (market.clara, market.vera, harrow.hanna, harrow.henry):
        assert await person.reads(may, id=harrow.relaunch) == {"project": {"viewerCan": []}}
