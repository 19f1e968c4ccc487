"""What must not happen to an offer: refused with its exact code at its exact input, and nothing has changed."""

import asyncio
from datetime import timedelta
from types import ModuleType

import pytest

import models
from models.enums import SecurityRole
from tests import given
from tests.journeys import judge
from tests.journeys import market as companies
from tests.journeys.market import Market
from tests.journeys.portal import Json, Person, mutation

OFFER_OPEN = timedelta(days=30)
A_SECOND = timedelta(seconds=1)
STATUS = "proposal { status version }"


# ── answering ──


async def test_a_second_answer_is_wrong_state_whatever_it_says(market: Market) -> None:
    offer = (await companies.offer(market))["offer"]["id"]
    await market.clara.does("proposalAccept", proposalId=offer)
    async with judge.nothing_changes():
        for person, verb in (
            (market.clara, "proposalAccept"),
            (market.clara, "proposalDecline"),
            (market.oscar, "proposalAccept"),
            (market.paula, "proposalWithdraw"),
            (market.paula, "proposalRemind"),
        ):
            assert await person.is_refused(verb, proposalId=offer) == ("WRONG_STATE", ["proposalId"])


async def test_an_offer_that_was_withdrawn_cannot_be_answered(market: Market) -> None:
    offer = (await companies.offer(market))["offer"]["id"]
    await market.pia.does("proposalWithdraw", proposalId=offer)
    async with judge.nothing_changes():
        assert await market.clara.is_refused("proposalAccept", proposalId=offer) == ("WRONG_STATE", ["proposalId"])
        assert await market.clara.is_refused("proposalDecline", proposalId=offer) == ("WRONG_STATE", ["proposalId"])
        assert await market.paula.is_refused("proposalWithdraw", proposalId=offer) == ("WRONG_STATE", ["proposalId"])


async def test_an_offer_is_accepted_a_second_before_its_time_is_over(market: Market, clock: ModuleType) -> None:
    offer = (await companies.offer(market))["offer"]["id"]
    clock.advance(OFFER_OPEN - A_SECOND)
    clara = await again(market.clara)
    accepted = await clara.does("proposalAccept", STATUS, proposalId=offer)
    assert accepted == {"proposal": {"status": "ACCEPTED", "version": 2}}


@pytest.mark.parametrize("late", [timedelta(0), A_SECOND])
async def test_an_offer_is_expired_for_every_verb_from_its_second_on(
    market: Market, clock: ModuleType, late: timedelta
) -> None:
    offer = (await companies.offer(market))["offer"]["id"]
    await judge.carry_on()
    clock.advance(OFFER_OPEN + late)
    clara, paula = await again(market.clara), await again(market.paula)
    before = await judge.rows()
    for person, verb in (
        (clara, "proposalAccept"),
        (clara, "proposalDecline"),
        (paula, "proposalWithdraw"),
        (paula, "proposalRemind"),
    ):
        assert await person.is_refused(verb, proposalId=offer) == ("EXPIRED", ["proposalId"])
    assert await judge.rows() == before


async def test_of_two_answers_at_once_one_counts(market: Market) -> None:
    made = await companies.offer(market, clientId=market.harbour)
    document = mutation("proposalAccept", STATUS)
    both = [
        person.sends(document, {"input": {"proposalId": made["offer"]["id"], "accountIds": [account]}})
        for person, account in ((market.clara, market.shop), (market.oscar, market.store))
    ]
    answers = [answer.json()["data"]["proposalAccept"] for answer in await asyncio.gather(*both)]
    codes = [[error["code"] for error in answer["userErrors"]] for answer in answers]
    assert sorted(codes) == [[], ["WRONG_STATE"]]
    [won] = [answer["proposal"] for answer in answers if not answer["userErrors"]]
    assert won == {"status": "ACCEPTED", "version": 2}
    read = "query Read($id: ID!) { partnership(id: $id) { accessGrants { totalCount } history { nodes { topic } } } }"
    assert (await market.paula.reads(read, id=made["id"]))["partnership"] == {
        "accessGrants": {"totalCount": 1},
        "history": {
            "nodes": [
                {"topic": "grant.connected"},
                {"topic": "partnership.accepted"},
                {"topic": "partnership.offered"},
            ]
        },
    }


async def test_1_1_only_an_account_owner_of_the_client_answers(market: Market) -> None:
    offer = (await companies.offer(market))["offer"]["id"]
    async with judge.nothing_changes():
        for verb in ("proposalAccept", "proposalDecline"):
            for person, code in (
                (market.paula, "FORBIDDEN"),
                (market.pia, "FORBIDDEN"),
                (market.vera, "FORBIDDEN"),
                (market.stan, "FORBIDDEN"),
                # Connected to the very account: the offer does not exist for another partner.
                (market.rita, "NOT_FOUND"),
                (market.dora, "NOT_FOUND"),
            ):
                assert await person.is_refused(verb, proposalId=offer) == (code, ["proposalId"]), (person.address, verb)


async def test_1_1_who_belongs_to_a_partner_accepts_for_no_client(market: Market) -> None:
    offer = (await companies.offer(market))["offer"]["id"]
    clara, rivals = await models.User.get(email=market.clara.address), await models.Partner.get(id=market.rivals)
    await given.member(rivals, user=clara)
    async with judge.nothing_changes():
        assert await market.clara.is_refused("proposalAccept", proposalId=offer) == ("FORBIDDEN", ["proposalId"])


async def test_1_1_only_the_side_that_asks_takes_back_or_reminds(market: Market, clock: ModuleType) -> None:
    offer = (await companies.offer(market))["offer"]["id"]
    clock.advance(timedelta(hours=1))
    async with judge.nothing_changes("session"):
        for verb in ("proposalWithdraw", "proposalRemind"):
            for person, code in (
                (market.clara, "FORBIDDEN"),
                (market.vera, "FORBIDDEN"),
                (market.rita, "NOT_FOUND"),
                (market.dora, "NOT_FOUND"),
            ):
                assert await person.is_refused(verb, proposalId=offer) == (code, ["proposalId"]), (person.address, verb)


async def test_an_answer_to_another_version_is_a_conflict(market: Market) -> None:
    offer = (await companies.offer(market))["offer"]["id"]
    async with judge.nothing_changes():
        for person, verb in (
            (market.clara, "proposalAccept"),
            (market.clara, "proposalDecline"),
            (market.paula, "proposalWithdraw"),
        ):
            for version in (0, 2, -1, 2**31 - 1):
                refused = await person.is_refused(verb, proposalId=offer, expectedVersion=version)
                assert refused == ("CONFLICT", ["expectedVersion"])


async def test_1_2_the_acceptor_connects_accounts_that_are_its_own(market: Market, clock: ModuleType) -> None:
    offer = (await companies.offer(market))["offer"]["id"]
    clara = await models.User.get(email=market.clara.address)
    await models.StaffMember.create(
        account_id=market.store, user=clara, role=SecurityRole.MANAGER, joined_at=clock.now()
    )
    async with judge.nothing_changes():
        for account_ids, code in (
            ([market.shop, market.store], "CAPABILITY_DENIED"),
            ([market.desk], "NOT_FOUND"),
            ([market.shop, "account_nowhere"], "NOT_FOUND"),
            ([f"account_{number}" for number in range(101)], "INVALID"),
        ):
            refused = await market.clara.is_refused("proposalAccept", proposalId=offer, accountIds=account_ids)
            assert refused == (code, ["accountIds"])


async def test_an_offer_by_mail_is_accepted_with_an_account(market: Market) -> None:
    offer = (await companies.offer(market, email=market.dora.address))["offer"]["id"]
    await judge.carry_on()
    mail = await market.dora.next_mail()
    await market.dora.joins(mail)
    async with judge.nothing_changes():
        none: tuple[Json, ...] = ({}, {"accountIds": []}, {"accountIds": None})
        for chosen in none:
            refused = await market.dora.is_refused("proposalAccept", proposalId=offer, **chosen)
            assert refused == ("INVALID", ["accountIds"])
    accepted = await market.dora.does("proposalAccept", STATUS, proposalId=offer, accountIds=[market.desk])
    assert accepted == {"proposal": {"status": "ACCEPTED", "version": 2}}


async def test_what_is_no_proposal_is_not_found(market: Market) -> None:
    async with judge.nothing_changes():
        for proposal_id in ("", "offer_nowhere", "offer_" + "x" * 10_000, market.shop, "%", "'"):
            for verb in ("proposalAccept", "proposalDecline", "proposalWithdraw", "proposalRemind"):
                assert await market.clara.is_refused(verb, proposalId=proposal_id) == ("NOT_FOUND", ["proposalId"])


# ── offering ──


async def test_1_1_a_client_cannot_offer(market: Market) -> None:
    async with judge.nothing_changes():
        for person in (market.clara, market.stan, market.vera):
            refused = await person.is_refused("partnershipOffer", **companies.offered(market, email="jo@new.example"))
            assert refused == ("FORBIDDEN", None)


async def test_a_partner_offers_for_itself_with_its_own_contacts(market: Market) -> None:
    theirs = await given.contact(await models.Partner.get(id=market.rivals), "Rick Rival")
    clients = await given.contact(await models.Client.get(id=market.harbour), "Carl Client")
    async with judge.nothing_changes():
        for given_, field in (
            ({"partnerId": market.rivals}, "partnerId"),
            ({"partnerId": "partner_nowhere"}, "partnerId"),
            ({"contactIds": [market.contact, theirs.id]}, "contactIds"),
            ({"contactIds": [clients.id]}, "contactIds"),
            ({"accountIds": [market.shop]}, "accountIds"),
            ({"clientId": "client_nowhere"}, "clientId"),
        ):
            refused = await market.paula.is_refused(
                "partnershipOffer", **{**companies.offered(market, clientId=market.harbour), **given_}
            )
            assert refused == ("NOT_FOUND", [field])


async def test_each_side_lends_only_its_own_contacts(market: Market) -> None:
    harbour = await models.Client.get(id=market.harbour)
    carl = await given.contact(harbour, "Carl Client")
    shop = await models.Account.get(id=market.shop)
    async with judge.nothing_changes():
        # Rivals works with Harbour Foods: it sees Carl and the shop, and may put neither into an offer to another.
        for given_, field in (({"contactIds": [carl.id]}, "contactIds"), ({"accountIds": [shop.id]}, "accountIds")):
            refused = await market.rita.is_refused(
                "partnershipOffer", partnerId=market.rivals, clientId=market.island, terms={"title": "Care"}, **given_
            )
            assert refused == ("INVALID", [field])


async def test_an_offer_goes_to_one_other_company(market: Market) -> None:
    cases: tuple[tuple[Json, str, str], ...] = (
        ({}, "INVALID", "clientId"),
        ({"clientId": None, "email": None}, "INVALID", "clientId"),
        ({"clientId": market.harbour, "email": "jo@new.example"}, "INVALID", "clientId"),
        ({"email": market.paula.address}, "SELF_PARTNERSHIP", "email"),
        ({"email": "Nobody@NORTHWIND.example"}, "SELF_PARTNERSHIP", "email"),
    )
    async with judge.nothing_changes():
        for to, code, field in cases:
            refused = await market.paula.is_refused("partnershipOffer", **companies.offered(market, **to))
            assert refused == (code, [field]), to


async def test_what_an_offer_says_is_of_a_bounded_form(market: Market) -> None:
    cases: tuple[tuple[Json, list[str]], ...] = (
        ({"terms": {"title": " "}}, ["terms", "title"]),
        ({"terms": {"title": "x" * 201}}, ["terms", "title"]),
        ({"terms": {"title": "Care\r\nBcc: eve@evil.example"}}, ["terms", "title"]),
        ({"terms": {"title": "Care", "region": "Vienna\nGraz"}}, ["terms", "region"]),
        ({"terms": {"title": "Care", "description": "x" * 10_001}}, ["terms", "description"]),
        ({"message": "\x07"}, ["message"]),
        ({"message": "x" * 10_001}, ["message"]),
        ({"clientName": "Isle\nHotel"}, ["clientName"]),
        ({"contactIds": [f"contact_{number}" for number in range(101)]}, ["contactIds"]),
    )
    async with judge.nothing_changes():
        for given_, field in cases:
            offered = {**companies.offered(market, email="jo@new.example"), **given_}
            assert await market.paula.is_refused("partnershipOffer", **offered) == ("INVALID", field), field


async def test_one_offer_is_open_between_two_companies(market: Market) -> None:
    made = await companies.offer(market, clientId=market.harbour)
    await companies.offer(market, email="jo@new.example")
    async with judge.nothing_changes():
        for person in (market.paula, market.pia):
            refused = await person.is_refused("partnershipOffer", **companies.offered(market, clientId=market.harbour))
            assert refused == ("ALREADY_PROPOSED", ["clientId"])
            refused = await person.is_refused("partnershipOffer", **companies.offered(market, email="JO@new.example"))
            assert refused == ("ALREADY_PROPOSED", ["email"])
    await market.clara.does("proposalAccept", proposalId=made["offer"]["id"])
    async with judge.nothing_changes():
        offered = companies.offered(market, clientId=market.harbour)
        refused = await market.paula.is_refused("partnershipOffer", **offered)
        assert refused == ("ALREADY_PARTNERS", ["clientId"])


async def test_of_two_offers_at_once_to_one_address_one_is_made(market: Market) -> None:
    document = mutation("partnershipOffer", "partnership { status }")
    given_ = {"input": companies.offered(market, email="jo@new.example")}
    answers = await asyncio.gather(*[person.sends(document, given_) for person in (market.paula, market.pia)])
    made = [answer.json()["data"]["partnershipOffer"] for answer in answers]
    assert sorted([error["code"] for error in each["userErrors"]] for each in made) == [[], ["ALREADY_PROPOSED"]]
    assert [await judge.count(table) for table in ("proposal", "link")] == [2, 1]


# ── behind it ──


async def again(person: Person) -> Person:
    """The same person, whose session was over and has begun anew."""
    seat = await models.Seat.get(user__email=person.address)
    token = f"{person.token}-again"
    await given.session(seat, token)
    return person.elsewhere(token)
