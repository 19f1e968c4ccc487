"""What must not happen in companies: refused with its exact code at its exact input, and nothing has changed."""

import asyncio

import pytest

import models
from domain import clock, tokens
from models.enums import PartnerMemberRole
from tests.journeys import harrow as brokers
from tests.journeys import judge
from tests.journeys.harrow import DOMAIN, Harrow
from tests.journeys.market import Market
from tests.journeys.portal import PASSWORD, Json, Person, mutation

LICENCES = "query Read($id: ID!) { partner(id: $id) { licences { granted used available } } }"
NEW = f"nora@{DOMAIN}"
LOOK_ALIKES = [
    f"nora@sub.{DOMAIN}",
    f"nora@{DOMAIN}.org",
    f"nora@not{DOMAIN}",
    "nora@harr0w.example",
    "nora@harr\u043ew.example",
    "nora@xn--harrw-rta.example",
]


@pytest.fixture
async def harrow(market: Market) -> Harrow:
    made = await brokers.opened(market)
    await made.add(made.relaunch)
    return made


def _company(**given_columns: object) -> Json:
    """What the vendor says of a client partner that is to be created."""
    return {
        "name": "Hill Brokers",
        "kind": "CLIENT_PARTNER",
        "domain": "hill.example",
        "licences": 2,
        "adminEmail": "hal@hill.example",
        "adminName": "Hal Hill",
        **given_columns,
    }


async def _created(market: Market) -> str:
    made = await market.vera.does("partnerCreate", "partner { id }", **_company())
    company: str = made["partner"]["id"]
    return company


async def _licences(harrow: Harrow) -> tuple[int, int, int]:
    read = (await harrow.hanna.reads(LICENCES, id=harrow.company))["partner"]["licences"]
    return read["granted"], read["used"], read["available"]


def _invite(harrow: Harrow, email: str = NEW, **more: object) -> Json:
    return {"partnerId": harrow.company, "email": email, **more}


# ── licences ──


async def test_3_2_nobody_is_invited_beyond_the_licences_and_open_invites_count(harrow: Harrow) -> None:
    market = harrow.market
    await market.vera.does("partnerLicencesSet", partnerId=harrow.company, licences=4)
    await harrow.hanna.does("memberInvite", **_invite(harrow))
    assert await _licences(harrow) == (4, 4, 0)
    async with judge.nothing_changes():
        for person in (harrow.hanna, market.vera):
            refused = await person.is_refused("memberInvite", **_invite(harrow, f"olaf@{DOMAIN}"))
            assert refused == ("LICENCES_USED_UP", ["partnerId"])
        by_project = {"projectId": harrow.relaunch, "email": f"olaf@{DOMAIN}"}
        assert await market.clara.is_refused("projectInvite", **by_project) == ("LICENCES_USED_UP", ["email"])


async def test_3_2_of_two_at_once_for_the_last_licence_one_wins(harrow: Harrow) -> None:
    market = harrow.market
    await market.vera.does("partnerLicencesSet", partnerId=harrow.company, licences=4)
    answers = await asyncio.gather(
        harrow.hanna.sends(mutation("memberInvite", "invite { status }"), _invite(harrow)),
        market.clara.sends(
            mutation("projectInvite", "invite { status }"),
            {"projectId": harrow.relaunch, "email": f"olaf@{DOMAIN}"},
        ),
    )
    payloads = [next(iter(answer.json()["data"].values())) for answer in answers]
    codes = sorted([error["code"] for error in payload["userErrors"]] for payload in payloads)
    assert codes == [[], ["LICENCES_USED_UP"]]
    assert [payload["invite"] for payload in payloads if not payload["userErrors"]] == [{"status": "PENDING"}]
    assert await _licences(harrow) == (4, 4, 0)


async def test_3_1_licences_are_not_set_below_those_in_use(harrow: Harrow) -> None:
    market = harrow.market
    await harrow.hanna.does("memberInvite", **_invite(harrow))
    async with judge.nothing_changes():
        for licences in (3, 0, -1):
            refused = await market.vera.is_refused("partnerLicencesSet", partnerId=harrow.company, licences=licences)
            assert refused == ("INVALID", ["licences"])
        for person in (harrow.hanna, market.clara, market.paula):
            assert await person.is_refused("partnerLicencesSet", partnerId=harrow.company, licences=9) == (
                "FORBIDDEN",
                None,
            )
    await market.vera.does("partnerLicencesSet", partnerId=harrow.company, licences=4)
    assert await _licences(harrow) == (4, 4, 0)


# ── one admin ──


async def test_3_3_a_second_admin_does_not_join(harrow: Harrow) -> None:
    market = harrow.market
    await models.Partner.filter(id=harrow.company).update(admin_id=None)
    await models.PartnerMember.filter(partner_id=harrow.company).update(role=PartnerMemberRole.COLLABORATOR)
    made = await market.vera.does("memberInvite", "invite { id inviteKind }", **_invite(harrow))
    assert made["invite"]["inviteKind"] == "PARTNER_ADMIN"
    hanna = await models.User.get(email=harrow.hanna.address)
    await models.Partner.filter(id=harrow.company).update(admin_id=hanna.id)
    link = await models.Link.get(proposal_id=made["invite"]["id"])
    answer = {"token": tokens.of_link(link), "challenge": tokens.challenge(link, clock.now())}
    nora = Person(market.vera.browser, NEW)
    async with judge.nothing_changes():
        refused = await nora.is_refused("inviteAccept", name="Nora New", password=PASSWORD, **answer)
        assert refused == ("ADMIN_EXISTS", ["token"])


async def test_3_3_the_only_admin_is_not_removed(harrow: Harrow) -> None:
    place = await harrow.member(harrow.hanna)
    async with judge.nothing_changes():
        for person in (harrow.hanna, harrow.market.vera):
            assert await person.is_refused("memberRemove", memberId=place) == ("INVALID", ["memberId"])


async def test_3_3_who_is_the_admin_no_more_does_nothing_of_an_admin_s(harrow: Harrow) -> None:
    henry = await harrow.member(harrow.henry)
    await harrow.hanna.does("partnerAdminTransfer", partnerId=harrow.company, memberId=henry)
    async with judge.nothing_changes():
        for verb, given_ in (
            ("memberInvite", _invite(harrow)),
            ("memberRemove", {"memberId": await harrow.member(harrow.hugo)}),
            ("partnerAdminTransfer", {"partnerId": harrow.company, "memberId": henry}),
            ("partnerUpdate", {"partnerId": harrow.company, "name": "Mine"}),
        ):
            assert await harrow.hanna.is_refused(verb, **given_) == ("FORBIDDEN", None)
    await harrow.henry.does("memberInvite", **_invite(harrow))


# ── domains ──


@pytest.mark.parametrize("email", LOOK_ALIKES)
async def test_3_1_members_are_at_the_company_s_own_domain(harrow: Harrow, email: str) -> None:
    async with judge.nothing_changes():
        for person in (harrow.hanna, harrow.market.vera):
            refused = await person.is_refused("memberInvite", **_invite(harrow, email))
            assert refused == ("DOMAIN_MISMATCH", ["email"])
        new = _company(domain=DOMAIN.replace("harrow", "hill"), adminEmail=email)
        assert await harrow.market.vera.is_refused("partnerCreate", **new) == ("DOMAIN_MISMATCH", ["adminEmail"])


async def test_3_1_letter_case_is_no_other_domain(harrow: Harrow) -> None:
    made = await harrow.hanna.does("memberInvite", "invite { email }", **_invite(harrow, "Nora@HARROW.Example"))
    assert made == {"invite": {"email": NEW}}
    new = _company(domain="HILL.example", adminEmail="Hal@Hill.EXAMPLE")
    made = await harrow.market.vera.does("partnerCreate", "partner { domain }", **new)
    assert made == {"partner": {"domain": "hill.example"}}


async def test_3_1_two_client_partners_do_not_share_a_domain(harrow: Harrow) -> None:
    async with judge.nothing_changes():
        new = _company(domain=DOMAIN.upper(), adminEmail=f"hal@{DOMAIN}")
        assert await harrow.market.vera.is_refused("partnerCreate", **new) == ("TAKEN", ["domain"])


# ── before the first project ──


async def test_3_1_before_the_first_project_nobody_signs_in(market: Market) -> None:
    company = await _created(market)
    await judge.carry_on()
    hal = Person(market.vera.browser, "hal@hill.example")
    told = await hal.next_mail()
    assert (told.subject, told.token) == ("Hill Brokers is a client partner on Countersign", None)
    async with judge.nothing_changes():
        await hal.does("signInLinkSend", email=hal.address)
        assert await hal.is_refused("signIn", email=hal.address, password=PASSWORD) == ("INVALID", None)
        refused = await market.vera.is_refused("memberInvite", partnerId=company, email="ida@hill.example")
        assert refused == ("WRONG_STATE", ["partnerId"])
    assert hal.unread() == []
    read = await market.vera.reads(
        "query Read($id: ID!) { partner(id: $id) { admin { id } licences { used }"
        " invites { nodes { status inviteKind email expiresAt viewerCan } } } }",
        id=company,
    )
    assert read["partner"] == {
        "admin": None,
        "licences": {"used": 1},
        "invites": {
            "nodes": [
                {
                    "status": "DRAFT",
                    "inviteKind": "PARTNER_ADMIN",
                    "email": hal.address,
                    "expiresAt": None,
                    "viewerCan": [],
                }
            ]
        },
    }


# ── whose it is ──


async def test_who_is_there_or_asked_already_is_not_invited(harrow: Harrow) -> None:
    await harrow.market.vera.does("memberInvite", **_invite(harrow))
    async with judge.nothing_changes():
        assert await harrow.hanna.is_refused("memberInvite", **_invite(harrow)) == ("ALREADY_PROPOSED", ["email"])
        taken = await harrow.hanna.is_refused("memberInvite", **_invite(harrow, harrow.henry.address))
        assert taken == ("TAKEN", ["email"])


async def test_another_company_s_people_are_not_one_s_own(harrow: Harrow) -> None:
    market = harrow.market
    henry = await harrow.member(harrow.henry)
    verbs: tuple[tuple[str, Json, list[str]], ...] = (
        ("memberInvite", _invite(harrow), ["partnerId"]),
        ("memberRemove", {"memberId": henry}, ["memberId"]),
        ("partnerAdminTransfer", {"partnerId": harrow.company, "memberId": henry}, ["partnerId"]),
        ("partnerUpdate", {"partnerId": harrow.company, "name": "Ours"}, ["partnerId"]),
    )
    async with judge.nothing_changes():
        for verb, given_, path in verbs:
            for person in (harrow.henry, market.clara, market.pia):
                assert await person.is_refused(verb, **given_) == ("FORBIDDEN", None), verb
            assert await market.paula.is_refused(verb, **given_) == ("NOT_FOUND", path), verb
            # In the same account, it is seen, and is not hers all the same; its members are not seen.
            code = "NOT_FOUND" if verb == "memberRemove" else "FORBIDDEN"
            assert await market.rita.is_refused(verb, **given_) == (code, path), verb


async def test_3_2_a_new_member_is_put_on_no_project_that_the_company_is_not_near(harrow: Harrow) -> None:
    async with judge.nothing_changes():
        vera = await harrow.market.vera.is_refused("memberInvite", **_invite(harrow, projectIds=[harrow.booking]))
        assert vera == ("COMPANY_NOT_INVITED", ["projectIds"])
        hanna = await harrow.hanna.is_refused("memberInvite", **_invite(harrow, projectIds=[harrow.booking]))
        assert hanna == ("NOT_FOUND", ["projectIds"])


async def test_3_3_whoever_was_removed_is_signed_out_at_once(harrow: Harrow) -> None:
    await harrow.add(harrow.relaunch, harrow.henry)
    read = "{ viewer { projects { nodes { name } } } }"
    assert await harrow.henry.reads(read) == {"viewer": {"projects": {"nodes": [{"name": "Relaunch"}]}}}
    await harrow.hanna.does("memberRemove", memberId=await harrow.member(harrow.henry))
    async with judge.nothing_changes():
        for document, variables in ((read, None), (mutation("memberInvite"), _invite(harrow))):
            answer = await harrow.henry.sends(document, variables)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_3_0_no_account_and_no_listing_is_a_client_partner_s(harrow: Harrow) -> None:
    vera = harrow.market.vera
    listing = {"headline": "Brokers", "region": "West", "country": "NO", "services": ["Care"]}
    new = {"partnerId": harrow.company, "clientName": "X", "accountName": "X", "plan": "X"}
    async with judge.nothing_changes():
        assert await vera.is_refused("accountCreate", **new) == ("INVALID", ["partnerId"])
        refused = await vera.is_refused("partnerListingSet", partnerId=harrow.company, listing=listing)
        assert refused == ("INVALID", ["partnerId"])
