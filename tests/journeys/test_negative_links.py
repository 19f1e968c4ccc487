"""What must not happen by an e-mailed link: only a person who has opened its page decides, once, in time."""

import asyncio
import json
from datetime import timedelta
from types import ModuleType

import models
from models.enums import SecurityRole
from tests import given
from tests.journeys import judge
from tests.journeys import market as companies
from tests.journeys.market import Market
from tests.journeys.northwind import SIGN_IN_LINK
from tests.journeys.portal import PASSWORD, PREVIEW, Json, Mail, Person, mutation

A_SECOND = timedelta(seconds=1)
CHALLENGE_OPEN = timedelta(minutes=10)
OFFER_OPEN = timedelta(days=30)
JO = {"name": "Jo New", "password": PASSWORD, "clientName": "New Ltd"}
DECISIONS = (("inviteAccept", JO), ("inviteDecline", {"comment": "No."}))


async def offered_by_mail(market: Market) -> tuple[Person, Mail]:
    """Northwind offers Jo, whom nobody knows, a partnership: Jo, and the mail that has come."""
    await companies.offer(market, email="jo@new.example")
    await judge.carry_on()
    jo = Person(market.paula.browser, "jo@new.example")
    return jo, await jo.next_mail()


# ── opening ──


async def test_2_2_opening_a_link_changes_nothing_however_often_and_by_whom(market: Market) -> None:
    jo, mail = await offered_by_mail(market)
    asked = {"query": PREVIEW, "variables": f'{{"token": "{mail.token}"}}'}
    async with judge.nothing_changes():
        pages = [await jo.opens(mail) for _ in range(3)]
        for _ in range(3):
            pages.append((await jo.browser.get("/graphql", params=asked)).json()["data"]["invite"])
            for method in ("HEAD", "OPTIONS"):
                assert (await jo.browser.request(method, "/graphql", params=asked)).status_code == 405
            for method in ("GET", "HEAD", "OPTIONS"):
                await jo.browser.request(method, f"/l/{mail.token}", follow_redirects=True)
    assert pages == [pages[0]] * 6
    assert pages[0]["status"] == "PENDING"


async def test_a_link_decides_nothing_by_get(market: Market) -> None:
    jo, mail = await offered_by_mail(market)
    page = await jo.opens(mail)
    async with judge.nothing_changes():
        for verb, given_ in DECISIONS:
            sent = {"input": {"token": mail.token, "challenge": page["challenge"], **given_}}
            asked = {"query": mutation(verb), "variables": json.dumps(sent)}
            answer = await jo.browser.get("/graphql", params=asked)
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


# ── the challenge ──


async def test_2_2_a_decision_without_the_pages_challenge_is_refused(market: Market, clock: ModuleType) -> None:
    jo, mail = await offered_by_mail(market)
    challenge = (await jo.opens(mail))["challenge"]
    until, _, signature = challenge.partition(".")
    await companies.offer(market, email="jim@new.example")
    await judge.carry_on()
    jim = Person(jo.browser, "jim@new.example")
    others = (await jim.opens(await jim.next_mail()))["challenge"]
    extended = f"{int(until) + 600}.{signature}"
    forged = ("", ".", challenge[:-1], challenge + "A", signature, extended, others, "x" * 10_000)
    async with judge.nothing_changes():
        for verb, given_ in DECISIONS:
            for wrong in forged:
                refused = await jo.is_refused(verb, token=mail.token, challenge=wrong, **given_)
                assert refused == ("INVALID", ["challenge"]), wrong
    clock.advance(CHALLENGE_OPEN)
    async with judge.nothing_changes():
        for verb, given_ in DECISIONS:
            refused = await jo.is_refused(verb, token=mail.token, challenge=challenge, **given_)
            assert refused == ("INVALID", ["challenge"])


async def test_2_2_a_challenge_is_good_for_ten_minutes(market: Market, clock: ModuleType) -> None:
    jo, mail = await offered_by_mail(market)
    challenge = (await jo.opens(mail))["challenge"]
    clock.advance(CHALLENGE_OPEN - A_SECOND)
    await jo.does("inviteDecline", token=mail.token, challenge=challenge)


# ── twice ──


async def test_2_4_a_second_answer_is_refused_and_the_first_one_stays(market: Market) -> None:
    jo, mail = await offered_by_mail(market)
    page = await jo.opens(mail)
    answer = {"token": mail.token, "challenge": page["challenge"]}
    await jo.does("inviteAccept", **answer, **JO)
    async with judge.nothing_changes():
        for verb, given_ in DECISIONS:
            assert await jo.is_refused(verb, **answer, **given_) == ("WRONG_STATE", ["token"])
        assert (await jo.opens(mail))["status"] == "ACCEPTED"
    assert await _topics() == ["invite.accepted", "partnership.offered"]


async def test_2_4_of_two_answers_at_once_one_counts(market: Market) -> None:
    jo, mail = await offered_by_mail(market)
    answer = {"token": mail.token, "challenge": (await jo.opens(mail))["challenge"]}
    sent = [jo.sends(mutation(verb), {"input": {**answer, **given_}}) for verb, given_ in (*DECISIONS, *DECISIONS)]
    payloads = [next(iter(answered.json()["data"].values())) for answered in await asyncio.gather(*sent)]
    codes = sorted([error["code"] for error in payload["userErrors"]] for payload in payloads)
    assert codes == [[], ["WRONG_STATE"], ["WRONG_STATE"], ["WRONG_STATE"]]
    assert await _topics() in (
        ["invite.accepted", "partnership.offered"],
        ["partnership.declined", "partnership.offered"],
    )


async def test_a_document_answers_one_link_once(market: Market) -> None:
    jo, mail = await offered_by_mail(market)
    page = await jo.opens(mail)
    given_ = {"token": mail.token, "challenge": page["challenge"]}
    document = """mutation Twice($input: InviteDeclineInput!) {
      once: inviteDecline(input: $input) { userErrors { code } }
      twice: inviteDecline(input: $input) { userErrors { code } }
    }"""
    async with judge.nothing_changes():
        answer = (await jo.sends(document, {"input": given_})).json()
        assert (list(answer), answer["errors"][0]["extensions"]) == (["errors"], {"code": "LIMIT_EXCEEDED"})


# ── what is no link of this kind ──


async def test_what_is_no_invites_link_is_answered_alike(market: Market) -> None:
    jo, mail = await offered_by_mail(market)
    assert mail.token is not None
    sign_in = await _sign_in_token(market.clara)
    challenge = (await jo.opens(mail))["challenge"]
    altered = (mail.token[:-1], mail.token[:-1] + "_", mail.token.swapcase())
    wrong = ("", *altered, "x" * 10_000, sign_in, market.clara.token)
    answers = set()
    async with judge.nothing_changes():
        for token in wrong:
            assert await jo.previews(token) is None
            for verb, given_ in DECISIONS:
                sent = {"input": {"token": token, "challenge": challenge, **given_}}
                answers.add((verb, (await jo.sends(mutation(verb), sent)).text))
                assert await jo.is_refused(verb, **sent["input"]) == ("NOT_FOUND", ["token"])
    assert len(answers) == len(DECISIONS)


async def test_what_is_no_sign_in_link_is_answered_alike(market: Market) -> None:
    jo, mail = await offered_by_mail(market)
    sign_in = await _sign_in_token(market.clara)
    page = (await jo.reads(SIGN_IN_LINK, token=sign_in))["signInLink"]
    wrong = ("", sign_in[:-1], sign_in.swapcase(), "x" * 10_000, mail.token, market.clara.token)
    answers = set()
    async with judge.nothing_changes():
        for token in wrong:
            assert await jo.reads(SIGN_IN_LINK, token=token) == {"signInLink": None}
            sent = {"input": {"token": token, "challenge": page["challenge"]}}
            answers.add((await jo.sends(mutation("signInWithLink"), sent)).text)
            assert await jo.is_refused("signInWithLink", **sent["input"]) == ("NOT_FOUND", ["token"])
    assert len(answers) == 1


async def test_a_token_with_nul_is_no_text(market: Market) -> None:
    unsayable = "a\0b"
    sent: list[tuple[str, Json]] = [
        (PREVIEW, {"token": unsayable}),
        (SIGN_IN_LINK, {"token": unsayable}),
        (mutation("inviteAccept"), {"input": {"token": unsayable, "challenge": "x"}}),
        (mutation("inviteDecline"), {"input": {"token": "x", "challenge": unsayable}}),
        (mutation("signInWithLink"), {"input": {"token": unsayable, "challenge": "x"}}),
    ]
    async with judge.nothing_changes():
        for document, variables in sent:
            answer = await market.clara.sends(document, variables)
            [error] = answer.json()["errors"]
            assert (answer.status_code, error["extensions"]) == (200, {"code": "INVALID"}), document


# ── too late ──


async def test_2_4_an_expired_link_says_so_and_decides_nothing(market: Market, clock: ModuleType) -> None:
    jo, mail = await offered_by_mail(market)
    clock.advance(OFFER_OPEN - A_SECOND)
    page = await jo.opens(mail)
    assert page["status"] == "PENDING"
    clock.advance(A_SECOND)
    before = await judge.rows()
    late = await jo.opens(mail)
    assert late["status"] == "EXPIRED"
    for challenge in (page["challenge"], late["challenge"]):
        for verb, given_ in DECISIONS:
            refused = await jo.is_refused(verb, token=mail.token, challenge=challenge, **given_)
            assert refused == ("EXPIRED", ["token"])
    assert await judge.rows() == before
    await judge.carry_on()
    assert (await jo.opens(mail))["status"] == "EXPIRED"
    assert await jo.is_refused("inviteAccept", token=mail.token, challenge=late["challenge"], **JO) == (
        "EXPIRED",
        ["token"],
    )


async def test_a_link_that_a_newer_mail_has_replaced_says_so(market: Market, clock: ModuleType) -> None:
    made = await companies.offer(market, email="jo@new.example")
    await judge.carry_on()
    jo = Person(market.paula.browser, "jo@new.example")
    old = await jo.next_mail()
    clock.advance(timedelta(hours=1))
    await market.paula.does("proposalRemind", proposalId=made["offer"]["id"])
    async with judge.nothing_changes("session"):
        page = await jo.opens(old)
        assert page["status"] == "SUPERSEDED"
        assert await _is_told(jo, old, page) == (
            "A newer e-mail has replaced this link: open the link in the newest one."
            " Ask whoever invited you to send the invite again."
        )


async def test_a_link_of_what_was_withdrawn_says_so(market: Market) -> None:
    made = await companies.offer(market, email="jo@new.example")
    await judge.carry_on()
    jo = Person(market.paula.browser, "jo@new.example")
    mail = await jo.next_mail()
    await market.paula.does("proposalWithdraw", proposalId=made["offer"]["id"])
    async with judge.nothing_changes():
        page = await jo.opens(mail)
        assert page["status"] == "CANCELLED"
        assert await _is_told(jo, mail, page) == (
            "What this invite was about has ended meanwhile. There is nothing left to do."
        )


async def test_an_invite_that_the_vendor_took_back_says_so(market: Market) -> None:
    created = await market.vera.does(
        "clientCreate",
        "client { accounts { nodes { invites { nodes { id status viewerCan } } } } }",
        name="New Ltd",
        ownerEmail="jo@new.example",
        ownerName="Jo New",
        accountName="Shop",
    )
    [account] = created["client"]["accounts"]["nodes"]
    [invite] = account["invites"]["nodes"]
    assert (invite["status"], invite["viewerCan"]) == ("PENDING", ["WITHDRAW", "REMIND"])
    await judge.carry_on()
    jo = Person(market.vera.browser, "jo@new.example")
    mail = await jo.next_mail()
    async with judge.nothing_changes():
        for person, code in ((market.paula, "NOT_FOUND"), (market.clara, "NOT_FOUND")):
            refused = await person.is_refused("proposalWithdraw", proposalId=invite["id"])
            assert refused == (code, ["proposalId"])
        assert await market.vera.is_refused("proposalAccept", proposalId=invite["id"]) == ("FORBIDDEN", ["proposalId"])
    await market.vera.does("proposalWithdraw", proposalId=invite["id"])
    async with judge.nothing_changes():
        page = await jo.opens(mail)
        assert page["status"] == "WITHDRAWN"
        assert await _is_told(jo, mail, page) == (
            "This invite was taken back. Ask whoever invited you to invite you again."
        )


# ── the wrong person ──


async def test_1_1_no_partner_answers_an_offer_on_a_clients_behalf(market: Market) -> None:
    jo, mail = await offered_by_mail(market)
    challenge = (await jo.opens(mail))["challenge"]
    async with judge.nothing_changes():
        for partner in (market.paula, market.pia, market.rita):
            refused = await partner.is_refused("inviteAccept", token=mail.token, challenge=challenge, **JO)
            assert refused == ("FORBIDDEN", None)


async def test_1_1_an_offer_to_another_partners_people_is_not_theirs_to_take(market: Market) -> None:
    await companies.offer(market, email=market.rita.address, clientName="Rivals as a client")
    await judge.carry_on()
    mail = await market.rita.next_mail()
    page = await market.rita.opens(mail)
    assert page["needsPassword"] is False
    async with judge.nothing_changes():
        for person in (market.rita, market.rita.elsewhere()):
            refused = await person.is_refused("inviteAccept", token=mail.token, challenge=page["challenge"])
            assert refused == ("FORBIDDEN", None)


async def test_joining_takes_a_name_and_a_password_where_there_is_no_sign_in_yet(market: Market) -> None:
    jo, mail = await offered_by_mail(market)
    answer = {"token": mail.token, "challenge": (await jo.opens(mail))["challenge"]}
    async with judge.nothing_changes():
        for given_, field in (
            ({}, "name"),
            ({**JO, "name": " "}, "name"),
            ({**JO, "name": "Jo\nNew"}, "name"),
            ({**JO, "password": None}, "password"),
            ({**JO, "password": "too short"}, "password"),
            ({**JO, "password": "x" * 1025}, "password"),
            ({**JO, "clientName": None}, "clientName"),
            ({**JO, "clientName": "x" * 201}, "clientName"),
            ({**JO, "accountName": "Shop\x1b"}, "accountName"),
        ):
            assert await jo.is_refused("inviteAccept", **answer, **given_) == ("INVALID", [field]), given_


async def test_who_owns_two_companies_says_which_one_answers(market: Market) -> None:
    """And a company that has a partnership, or another offer, of this partner answers no second one."""
    clara = await models.User.get(email=market.clara.address)
    other = await given.client("Clara's Other")
    second = await given.account(other, "Second shop")
    await models.StaffMember.create(
        account=second, user=clara, role=SecurityRole.ACCOUNT_OWNER, joined_at=second.created_at
    )
    await companies.offer(market, clientId=market.harbour)
    await companies.offer(market, email=market.clara.address)
    await judge.carry_on()
    mails = {bool(mail.token): mail for mail in [await market.clara.next_mail(), await market.clara.next_mail()]}
    mail = mails[True]
    assert mails[False].subject == "Northwind offers you a partnership: Shop care"
    page = await market.clara.opens(mail)
    answer = {"token": mail.token, "challenge": page["challenge"]}
    async with judge.nothing_changes():
        assert await market.clara.is_refused("inviteAccept", **answer) == ("INVALID", ["clientName"])
        refused = await market.clara.is_refused("inviteAccept", **answer, clientName="harbour  FOODS")
        assert refused == ("ALREADY_PROPOSED", ["clientName"])
    joined = await market.clara.joins(mail, "viewer { seat { name } inbox { totalCount } }", clientName="Clara's Other")
    assert joined == {"viewer": {"seat": {"name": "Clara's Other"}, "inbox": {"totalCount": 1}}}


# ── behind it ──


async def _is_told(jo: Person, mail: Mail, page: Json) -> str:
    """What somebody reads who answers a link that is over, either way."""
    told = [
        await jo.is_told(verb, token=mail.token, challenge=page["challenge"], **given_) for verb, given_ in DECISIONS
    ]
    words = told[0][2]
    assert told == [("WRONG_STATE", ["token"], words)] * len(DECISIONS)
    return words


async def _sign_in_token(of: Person) -> str:
    await of.does("signInLinkSend", email=of.address)
    await judge.carry_on()
    token = (await of.next_mail()).token
    assert token is not None
    return token


async def _topics() -> list[str]:
    found = await judge.rows()
    return sorted(str(row["topic"]) for row in found["event"] if row["partnership_id"])
