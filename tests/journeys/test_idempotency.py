"""An Idempotency-Key makes any mutation safe to send again: one effect and one outcome."""

import asyncio
import hashlib
from datetime import timedelta
from types import ModuleType

import httpx2
import orjson

from tests.journeys import judge
from tests.journeys import market as companies
from tests.journeys.market import Market
from tests.journeys.portal import Json, mutation, variables

OFFER = mutation(
    "partnershipOffer", "partnership { id status label counts { contacts accounts } offer { id version } }"
)
ACCEPT = mutation("proposalAccept", "proposal { id status version decidedBy { name } }")
MISMATCH = (200, {"code": "IDEMPOTENCY_MISMATCH"})


def refused(answer: httpx2.Response) -> tuple[int, Json]:
    """The status and the extensions of the one error of a request that was not executed."""
    assert list(answer.json()) == ["errors"], answer.text
    [error] = answer.json()["errors"]
    extensions: Json = error["extensions"]
    return answer.status_code, extensions


async def test_p3_an_offer_that_is_sent_twice_with_one_key_is_made_once(market: Market) -> None:
    sent = variables("partnershipOffer", companies.offered(market, email="jo@new.example"))
    first = await market.paula.sends(OFFER, sent, idempotency_key="k1")
    made = first.json()["data"]["partnershipOffer"]
    assert (made["userErrors"], made["partnership"]["label"]) == ([], "OPEN")
    async with judge.nothing_changes():
        for _ in range(3):
            again = await market.paula.sends(OFFER, sent, idempotency_key="k1")
            assert (again.status_code, again.content) == (200, first.content)
    other = await market.paula.sends(OFFER, sent, idempotency_key="k2")
    assert [error["code"] for error in other.json()["data"]["partnershipOffer"]["userErrors"]] == ["ALREADY_PROPOSED"]


async def test_p3_an_acceptance_that_is_sent_twice_counts_once(market: Market) -> None:
    offer = (await companies.offer(market))["offer"]["id"]
    sent = variables("proposalAccept", {"proposalId": offer, "accountIds": [market.shop]})
    first = await market.clara.sends(ACCEPT, sent, idempotency_key="yes")
    assert first.json()["data"]["proposalAccept"] == {
        "proposal": {"id": offer, "status": "ACCEPTED", "version": 2, "decidedBy": {"name": "Clara Client"}},
        "userErrors": [],
    }
    async with judge.nothing_changes():
        assert (await market.clara.sends(ACCEPT, sent, idempotency_key="yes")).content == first.content
    async with judge.nothing_changes("idempotency"):
        other = await market.clara.sends(ACCEPT, sent, idempotency_key="no")
        without = await market.clara.sends(ACCEPT, sent)
    assert other.content == without.content
    assert other.json()["data"]["proposalAccept"]["userErrors"] == [
        {"code": "WRONG_STATE", "field": ["proposalId"], "message": "It is not open any more: it was accepted."}
    ]


async def test_p3_of_several_at_once_with_one_key_one_acts_and_the_others_wait(market: Market) -> None:
    offer = (await companies.offer(market))["offer"]["id"]
    sent = variables("proposalAccept", {"proposalId": offer})
    answers = await asyncio.gather(*[market.clara.sends(ACCEPT, sent, idempotency_key="yes") for _ in range(4)])
    done = {answer.content for answer in answers if answer.status_code == 200}
    waiting = [refused(answer) for answer in answers if answer.status_code != 200]
    assert len(done) == 1
    assert waiting == [(409, {"code": "IDEMPOTENCY_MISMATCH"})] * len(waiting)
    again = await market.clara.sends(ACCEPT, sent, idempotency_key="yes")
    assert {again.content} == done
    assert [row["topic"] for row in (await judge.rows())["event"]].count("partnership.accepted") == 1


async def test_a_key_stands_for_one_request(market: Market) -> None:
    offer = (await companies.offer(market))["offer"]["id"]
    sent = variables("proposalDecline", {"proposalId": offer})
    await market.clara.sends(mutation("proposalDecline"), sent, idempotency_key="k")
    comment = {"input": {**sent["input"], "comment": "No."}}
    async with judge.nothing_changes():
        for document, others in (
            (mutation("proposalDecline"), comment),
            (mutation("proposalDecline", "proposal { id }"), sent),
            (ACCEPT, sent),
        ):
            assert refused(await market.clara.sends(document, others, idempotency_key="k")) == MISMATCH


async def test_a_refusal_is_the_outcome_too(market: Market) -> None:
    offer = (await companies.offer(market))["offer"]["id"]
    sent = variables("proposalAccept", {"proposalId": offer, "accountIds": [market.desk]})
    first = await market.clara.sends(ACCEPT, sent, idempotency_key="k")
    assert [error["code"] for error in first.json()["data"]["proposalAccept"]["userErrors"]] == ["NOT_FOUND"]
    await market.clara.does("proposalDecline", proposalId=offer)
    async with judge.nothing_changes():
        assert (await market.clara.sends(ACCEPT, sent, idempotency_key="k")).content == first.content


async def test_a_repeat_reads_the_outcome_as_it_is_now(market: Market) -> None:
    sent = variables("partnershipOffer", companies.offered(market, clientId=market.harbour))
    first = await market.paula.sends(OFFER, sent, idempotency_key="k")
    offer = first.json()["data"]["partnershipOffer"]["partnership"]["offer"]["id"]
    await market.clara.does("proposalAccept", proposalId=offer, accountIds=[market.shop])
    async with judge.nothing_changes():
        again = (await market.paula.sends(OFFER, sent, idempotency_key="k")).json()["data"]["partnershipOffer"]
    assert again["partnership"] == {
        "id": again["partnership"]["id"],
        "status": "ACTIVE",
        "label": "ACTIVE",
        "counts": {"contacts": 1, "accounts": 1},
        "offer": {"id": offer, "version": 2},
    }


async def test_a_key_is_its_sessions_own_and_is_kept_for_a_day(market: Market, clock: ModuleType) -> None:
    sent = variables("partnershipOffer", companies.offered(market, email="jo@new.example"))
    first = await market.paula.sends(OFFER, sent, idempotency_key="k")
    others = await market.pia.sends(OFFER, sent, idempotency_key="k")
    assert [error["code"] for error in others.json()["data"]["partnershipOffer"]["userErrors"]] == ["ALREADY_PROPOSED"]
    clock.advance(timedelta(days=1) - timedelta(seconds=1))
    assert (await market.paula.sends(OFFER, sent, idempotency_key="k")).content == first.content
    clock.advance(timedelta(seconds=1))
    late = await market.paula.sends(OFFER, sent, idempotency_key="k")
    assert [error["code"] for error in late.json()["data"]["partnershipOffer"]["userErrors"]] == ["ALREADY_PROPOSED"]


async def test_a_key_of_another_form_is_400(market: Market) -> None:
    sent = variables("partnershipOffer", companies.offered(market, email="jo@new.example"))
    async with judge.nothing_changes():
        for key in ("", "k" * 256, "two words"):
            answer = await market.paula.sends(OFFER, sent, idempotency_key=key)
            assert refused(answer) == (400, {"code": "INVALID"})


async def test_secrets_are_shown_once(market: Market) -> None:
    await market.clara.does("signInLinkSend", email=market.clara.address)
    await judge.carry_on()
    token = (await market.clara.next_mail()).token
    clara = market.clara.elsewhere()
    page = (await clara.reads("query Page($t: String!) { signInLink(token: $t) { challenge } }", t=token))["signInLink"]
    document = mutation("signInWithLink", "token viewer { user { name } }")
    sent = variables("signInWithLink", {"token": token, "challenge": page["challenge"]})
    first = (await clara.sends(document, sent, idempotency_key="k")).json()["data"]["signInWithLink"]
    assert (first["token"] is not None, first["viewer"]) == (True, {"user": {"name": "Clara Client"}})
    async with judge.nothing_changes():
        again = (await clara.sends(document, sent, idempotency_key="k")).json()["data"]["signInWithLink"]
    assert (again["token"], again["viewer"]) == (None, None)


async def test_a_key_opens_no_way_around_the_limit_of_attempts(market: Market) -> None:
    document = mutation("signIn", "token")
    sent = variables("signIn", {"email": "nobody@new.example", "password": "not the password"})
    codes = []
    for number in range(12):
        answer = await market.clara.elsewhere().sends(document, sent, idempotency_key=f"k{number}")
        codes.append(answer.json()["data"]["signIn"]["userErrors"][0]["code"])
    assert codes == ["INVALID"] * 10 + ["RATE_LIMITED"] * 2


async def test_what_is_kept_of_a_request_is_no_hash_to_try_passwords_on(market: Market) -> None:
    document = mutation("passwordChange")
    sent = variables("passwordChange", {"new": "a new and long password", "current": "guess me"})
    await market.clara.sends(document, sent, idempotency_key="k")
    [kept] = (await judge.rows())["idempotency"]
    guess = orjson.dumps([document, None, sent], option=orjson.OPT_SORT_KEYS)
    assert kept["request_hash"] not in {digest(guess).hexdigest() for digest in (hashlib.sha256, hashlib.sha512)}
    assert "guess me" not in str(kept)
