"""How people sign in, and what they do about their sessions; nobody learns who has a sign-in (mission 5.5)."""

import asyncio
import json
from datetime import timedelta
from types import ModuleType

import httpx2

from tests.journeys import northwind as scenes
from tests.journeys.conftest import Meets
from tests.journeys.northwind import SIGN_IN_LINK, Asked, Northwind
from tests.journeys.portal import PASSWORD, Json, Person, mutation

A_SECOND = timedelta(seconds=1)
WINDOW = timedelta(minutes=15)
NEW_PASSWORD = "another, longer password"
SESSIONS = """
query Sessions {
  viewer { sessions { id via startedAt lastSeenAt expiresAt ip userAgent current seat { side name } } }
}
"""
WHO = "query Who { viewer { user { name } seat { id side name roles } seats { id side name } } }"


async def is_signed_out(person: Person) -> None:
    """Hold the person's token to be worth nothing: for what is read and for what is done."""
    for document in (WHO, 'query { node(id: "user_x") { id } }', mutation("signOut")):
        answer = await person.sends(document)
        assert answer.status_code == 401, document
        assert answer.headers["www-authenticate"] == "Bearer"
        assert list(answer.json()) == ["errors"]
        [error] = answer.json()["errors"]
        assert error["extensions"] == {"code": "UNAUTHENTICATED"}


async def follows(person: Person, token: str | None) -> Json:
    """Open a sign-in link's page: null where it leads nowhere."""
    page: Json = (await person.reads(SIGN_IN_LINK, token=token))["signInLink"]
    return page


# ── two ways in ──


async def test_5_5_somebody_signs_in_by_password(northwind: Northwind) -> None:
    paula = northwind.paula.elsewhere()
    begun = await paula.does(
        "signIn",
        "token expiresAt viewer { user { name email } seat { side name roles } }",
        email="Paula@Northwind.EXAMPLE",
        password=PASSWORD,
    )
    paula.token = begun.pop("token")
    assert begun == {
        "expiresAt": "2026-12-05T20:46:00.000000Z",
        "viewer": {
            "user": {"name": "Paula Partner", "email": paula.address},
            "seat": {"side": "PARTNER", "name": "Northwind", "roles": ["PARTNER", "PARTNER_ADMIN", "PUBLIC", "USER"]},
        },
    }
    assert (await paula.reads(WHO))["viewer"]["user"] == {"name": "Paula Partner"}


async def test_5_5_a_mailed_link_signs_in_once_within_15_minutes(northwind: Northwind, clock: ModuleType) -> None:
    paula = northwind.paula.elsewhere()
    await paula.does("signInLinkSend", email=paula.address)
    replaced = await paula.next_mail()
    assert (replaced.to, replaced.subject) == (
        "Paula Partner <paula@northwind.example>",
        "Your sign-in link for Countersign",
    )
    assert (await follows(paula, replaced.token))["email"] == paula.address
    clock.advance(timedelta(minutes=1))
    await paula.does("signInLinkSend", email=paula.address)
    mail = await paula.next_mail()
    assert await follows(paula, replaced.token) is None

    clock.advance(WINDOW - A_SECOND)
    page = await follows(paula, mail.token)
    assert (page["email"], page["expiresAt"]) == (paula.address, "2026-11-21T21:02:00.000000Z")
    answer = {"token": mail.token, "challenge": page["challenge"]}
    assert await paula.is_refused("signInWithLink", token=mail.token, challenge="") == ("INVALID", ["challenge"])
    begun = await paula.does("signInWithLink", "token viewer { sessions { via current } }", **answer)
    paula.token = begun["token"]
    assert begun["viewer"]["sessions"] == [{"via": "LINK", "current": True}, {"via": "INVITE", "current": False}]
    assert await follows(paula, mail.token) is None
    assert await paula.is_refused("signInWithLink", **answer) == ("WRONG_STATE", ["token"])

    await paula.does("signInLinkSend", email=paula.address)
    late = (await paula.next_mail()).token
    challenge = (await follows(paula, late))["challenge"]
    clock.advance(WINDOW)
    assert await follows(paula, late) is None
    assert await paula.is_refused("signInWithLink", token=late, challenge=challenge) == ("EXPIRED", ["token"])


# ── sessions ──


async def test_5_5_sessions_are_listed_and_one_that_was_ended_is_refused_at_once(
    northwind: Northwind, clock: ModuleType
) -> None:
    desk, phone = northwind.paula, northwind.paula.elsewhere()
    clock.advance(timedelta(hours=1))
    await phone.signs_in()
    assert (await phone.reads(WHO))["viewer"]["user"] == {"name": "Paula Partner"}
    clock.advance(timedelta(seconds=90))
    listed = (await desk.reads(SESSIONS))["viewer"]["sessions"]
    on_phone, at_desk = [session.pop("id") for session in listed]
    same = {"ip": "127.0.0.1", "userAgent": f"python-httpx2/{httpx2.__version__}"}
    seat = {"side": "PARTNER", "name": "Northwind"}
    assert listed == [
        {
            **same,
            "via": "PASSWORD",
            "startedAt": "2026-11-21T21:46:00.000000Z",
            "lastSeenAt": "2026-11-21T21:46:00.000000Z",
            "expiresAt": "2026-12-05T21:46:00.000000Z",
            "current": False,
            "seat": seat,
        },
        {
            **same,
            "via": "INVITE",
            "startedAt": "2026-11-21T20:46:00.000000Z",
            "lastSeenAt": "2026-11-21T21:47:30.000000Z",
            "expiresAt": "2026-12-05T20:46:00.000000Z",
            "current": True,
            "seat": seat,
        },
    ]

    await desk.does("sessionEnd", sessionId=on_phone)
    await is_signed_out(phone)
    assert await desk.is_refused("sessionEnd", sessionId=on_phone) == ("NOT_FOUND", ["sessionId"])
    assert await northwind.vera.is_refused("sessionEnd", sessionId=at_desk) == ("NOT_FOUND", ["sessionId"])
    assert [session["id"] for session in (await desk.reads(SESSIONS))["viewer"]["sessions"]] == [at_desk]
    await desk.does("signOut")
    await is_signed_out(desk)


async def test_5_5_a_session_is_over_after_14_days(northwind: Northwind, clock: ModuleType) -> None:
    clock.advance(timedelta(days=14) - A_SECOND)
    assert (await northwind.paula.reads(WHO))["viewer"]["user"] == {"name": "Paula Partner"}
    clock.advance(A_SECOND)
    await is_signed_out(northwind.paula)


async def test_a_token_that_never_was_is_refused(northwind: Northwind, meet: Meets) -> None:
    for token in ("x", northwind.id, f"{northwind.paula.token}x", "two words"):
        answer = await meet("jo@new.example").elsewhere(token).sends(WHO)
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]) == (401, {"code": "UNAUTHENTICATED"})


async def test_a_person_with_two_seats_takes_the_other_without_signing_in_again(
    northwind: Northwind, clock: ModuleType
) -> None:
    """Paula's company is a client of somebody's, too: she owns its account."""
    vera, paula = northwind.vera, northwind.paula
    created = await vera.does(
        "clientCreate",
        "client { id }",
        name="Northwind's Shop",
        ownerEmail=paula.address,
        ownerName="Paula Partner",
        accountName="Shop",
    )
    as_partner = paula.elsewhere(paula.token)
    mail = await paula.next_mail()
    assert (await paula.opens(mail))["needsPassword"] is False
    clock.advance(timedelta(days=1))
    await paula.joins(mail)
    who = (await paula.reads(WHO))["viewer"]
    partner, client = who.pop("seats")
    assert who == {
        "user": {"name": "Paula Partner"},
        "seat": {**client, "roles": ["ACCOUNT_OWNER", "CLIENT", "PUBLIC", "USER"]},
    }
    assert (partner.pop("id") != client["id"], partner) == (True, {"side": "PARTNER", "name": "Northwind"})
    assert (await as_partner.reads(WHO))["viewer"]["seat"]["name"] == "Northwind"

    companies = """query Mine($partner: ID!, $client: ID!) {
      partner(id: $partner) { copyAddress } client(id: $client) { name }
    }"""
    ids = {"partner": northwind.id, "client": created["client"]["id"]}
    assert await paula.reads(companies, **ids) == {"partner": None, "client": {"name": "Northwind's Shop"}}
    assert await as_partner.reads(companies, **ids) == {
        "partner": {"copyAddress": "copies@northwind.example"},
        "client": None,
    }

    taken = await as_partner.does("seatTake", "token expiresAt viewer { seat { name } }", seatId=client["id"])
    switched = paula.elsewhere(taken.pop("token"))
    # Switching makes no session last longer: it ends when the sign-in that it continues would have.
    assert taken == {"expiresAt": "2026-12-05T20:46:00.000000Z", "viewer": {"seat": {"name": "Northwind's Shop"}}}
    assert await switched.reads(companies, **ids) == {"partner": None, "client": {"name": "Northwind's Shop"}}
    assert (await as_partner.reads(WHO))["viewer"]["seat"]["name"] == "Northwind"
    [of_vera] = (await vera.reads(WHO))["viewer"]["seats"]
    for seat in (of_vera["id"], "seat_nowhere", northwind.id):
        assert await paula.is_refused("seatTake", seatId=seat) == ("NOT_FOUND", ["seatId"])


# ── passwords ──


async def test_5_5_a_new_password_ends_all_other_sessions_and_links(northwind: Northwind, clock: ModuleType) -> None:
    desk, phone, thief = northwind.paula, northwind.paula.elsewhere(), northwind.paula.elsewhere()
    clock.advance(timedelta(minutes=11))
    await phone.signs_in()
    await thief.signs_in()
    await phone.does("signInLinkSend", email=phone.address)
    link = (await phone.next_mail()).token
    for wrong, field in (
        ({"new": NEW_PASSWORD}, "current"),
        ({"new": NEW_PASSWORD, "current": "not the password"}, "current"),
        ({"new": NEW_PASSWORD, "current": None}, "current"),
        ({"new": "too short", "current": PASSWORD}, "new"),
        ({"new": "x" * 1025, "current": PASSWORD}, "new"),
    ):
        assert await phone.is_refused("passwordChange", **wrong) == ("INVALID", [field])
    assert (await thief.reads(WHO))["viewer"]["user"] == {"name": "Paula Partner"}

    await phone.does("passwordChange", new=NEW_PASSWORD, current=PASSWORD)
    assert (await phone.reads(WHO))["viewer"]["user"] == {"name": "Paula Partner"}
    await is_signed_out(desk)
    await is_signed_out(thief)
    assert await follows(phone, link) is None
    told = await phone.next_mail()
    assert (told.to, told.subject) == (
        "Paula Partner <paula@northwind.example>",
        "Your password for Countersign was changed",
    )
    again = phone.elsewhere()
    assert await again.is_refused("signIn", email=again.address, password=PASSWORD) == ("INVALID", None)
    await again.signs_in(NEW_PASSWORD)


async def test_5_5_who_came_by_link_sets_a_password_within_ten_minutes_without_the_old_one(
    meet: Meets, admin_link: str, clock: ModuleType
) -> None:
    vera = meet("vera@vendor.example")
    await scenes.sign_in_by_link(vera, admin_link)
    clock.advance(timedelta(minutes=10))
    await vera.does("passwordChange", new=PASSWORD)
    clock.advance(A_SECOND)
    assert await vera.is_refused("passwordChange", new=NEW_PASSWORD) == ("INVALID", ["current"])
    await vera.signs_in()


# ── what nobody learns ──


async def test_5_5_no_answer_tells_whether_an_address_is_known(asked: Asked, meet: Meets) -> None:
    known, unknown, jo = asked.clara.address, "nobody@harbour.example", meet("jo@new.example")
    for verb, sent in (
        ("signIn", [{"input": {"email": address, "password": "not the password"}} for address in (known, unknown)]),
        ("signInLinkSend", [{"email": address} for address in (known, unknown)]),
    ):
        of_known, of_unknown = [await jo.sends(mutation(verb), variables) for variables in sent]
        assert of_known.content == of_unknown.content
        assert _headers(of_known) == _headers(of_unknown)
    assert (await asked.clara.next_mail()).subject == "Your sign-in link for Countersign"


async def test_5_5_too_many_attempts_are_refused_for_known_and_unknown_addresses_alike(
    asked: Asked, meet: Meets, clock: ModuleType
) -> None:
    known, unknown, jo = asked.clara.address, "nobody@harbour.example", meet("jo@new.example")
    for verb, limit, sent in (
        ("signIn", 10, [{"input": {"email": each, "password": "not the password"}} for each in (known, unknown)]),
        ("signInLinkSend", 3, [{"email": each} for each in (known, unknown)]),
    ):
        answers = [await _attempts(jo, verb, variables, limit + 2) for variables in sent]
        assert answers[0] == answers[1]
        codes = [_codes(verb, answer) for answer in answers[0]]
        assert codes == [[] if verb == "signInLinkSend" else ["INVALID"]] * limit + [["RATE_LIMITED"]] * 2
    # The right password does not help either, until the time is over.
    told = await jo.is_told("signIn", email=known, password=PASSWORD)
    assert told == ("RATE_LIMITED", None, "Too many attempts. Try again in 14 minutes.")
    clock.advance(timedelta(minutes=14))
    await meet(known).signs_in()


async def test_5_5_links_are_tried_a_hundred_times_from_one_address_at_most(northwind: Northwind, meet: Meets) -> None:
    jo = meet("jo@new.example")
    preview = "query Try($token: String!) { invite(token: $token) { kind } signInLink(token: $token) { email } }"
    answers = [await jo.sends(preview, {"token": f"guess {number}"}) for number in range(55)]
    codes = [answer.json().get("errors", [{"extensions": None}])[0]["extensions"] for answer in answers]
    assert codes[0] is None
    assert codes[-1] == {"code": "LIMIT_EXCEEDED"}
    refused = await jo.is_refused("inviteAccept", token="guess", challenge="x")
    assert refused == ("RATE_LIMITED", None)


# ── behind it ──


async def _attempts(person: Person, verb: str, variables: Json, count: int) -> list[bytes]:
    """The answers to that many attempts, of which the last two are made after all others."""
    first = await asyncio.gather(*[person.sends(mutation(verb), variables) for _ in range(count - 2)])
    return [answer.content for answer in [*first, *[await person.sends(mutation(verb), variables) for _ in range(2)]]]


def _codes(verb: str, answer: bytes) -> list[str]:
    return [error["code"] for error in json.loads(answer)["data"][verb]["userErrors"]]


def _headers(answer: httpx2.Response) -> list[tuple[str, str]]:
    return [(name, value) for name, value in answer.headers.items() if name not in {"date", "x-request-id"}]
