import asyncio
import time
from collections import Counter
from collections.abc import Awaitable
from datetime import timedelta
from types import ModuleType
from typing import NamedTuple

import pytest

import models
from domain import identity, passwords, seats, tokens
from domain.errors import Refusal, Unauthenticated
from domain.identity import SignedIn
from domain.seats import Seat
from models.enums import Audience, Role, SecurityRole, Side, SignInMethod, UserErrorCode
from tests import given

PASSWORD = "correct horse battery"
NEW_PASSWORD = "staple in the stable"
NOT_RIGHT = (UserErrorCode.INVALID, "The e-mail address or the password is not right.", None)
ASK = "Ask for a new one on the sign-in page."


class Ada(NamedTuple):
    """A member of a partner company who signs in by password."""

    user: models.User
    seat: Seat


@pytest.fixture(autouse=True)
def _quick_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "BEAT", 0.001)


@pytest.fixture
async def password_hash(quick_passwords: None) -> str:
    return await passwords.hash_of(PASSWORD)


async def _ada(password_hash: str | None) -> Ada:
    user = await given.user("Ada Lovelace", email="ada@example.com", password_hash=password_hash)
    return Ada(user, await given.member(await given.partner(), user=user))


@pytest.fixture
async def ada(database: None, clock: ModuleType, password_hash: str) -> Ada:
    return await _ada(password_hash)


async def _sign_in(email: str = "ada@example.com", password: str = PASSWORD, ip: str | None = None) -> SignedIn:
    return await identity.sign_in(email=email, password=password, ip=ip, user_agent="Firefox")


async def _by_link(link: models.Link, clock: ModuleType) -> SignedIn:
    challenge = tokens.challenge(link, clock.now())
    return await identity.sign_in_with_link(tokens.of_link(link), challenge, ip=None, user_agent=None)


async def _link_sent(email: str = "ada@example.com") -> models.Link:
    await identity.sign_in_link_send(email=email, ip=None)
    return await models.Link.all().order_by("-id").first()  # type: ignore[return-value]  # there is one


async def _refusal(verb: Awaitable[object]) -> tuple[UserErrorCode, str, list[str] | None]:
    with pytest.raises(Refusal) as refusal:
        await verb
    return refusal.value.code, refusal.value.message, refusal.value.field


async def _is_live(token: str, clock: ModuleType) -> bool:
    return await seats.of_token(token, clock.now()) is not None


async def _events() -> list[tuple[str, str | None, str | None, str | None, Audience]]:
    rows = await models.Event.all().order_by("at", "id")
    return [(row.topic, row.stream, row.subject, row.actor_id, row.visible_to) for row in rows]


# ── addresses ──


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        ("ada+shop@example.com", "ada+shop@example.com"),
        ("ada@xn--bcher-kva.example", "ada@bücher.example"),
    ],
)
def test_an_address_is_kept_in_one_form(written: str, kept: str) -> None:
    assert identity.address(written) == kept


@pytest.mark.parametrize(
    "written", ["", "ada", "ada@", "a@b@c.example", "b@y>, <evil@z", "a@b.example\r\nBcc: x@y.example", "a\0@b.example"]
)
def test_what_is_no_address_is_invalid(written: str) -> None:
    with pytest.raises(Refusal) as refusal:
        identity.address(written, "email")
    assert (refusal.value.code, refusal.value.field) == (UserErrorCode.INVALID, ["email"])


# ── by password ──


async def test_5_5_a_password_begins_a_session(ada: Ada, clock: ModuleType) -> None:
    signed_in = await _sign_in(ip="192.0.2.7")
    [row] = await models.Session.filter(id=signed_in.seat.session_id).values()
    assert signed_in.seat == await seats.of_token(signed_in.token, clock.now())
    assert signed_in.seat.id == ada.seat.id
    assert signed_in.expires_at == clock.now() + timedelta(days=14)
    assert row == {
        "id": signed_in.seat.session_id,
        "token_hash": tokens.digest(signed_in.token),
        "user_id": ada.user.id,
        "seat_id": ada.seat.id,
        "via": SignInMethod.PASSWORD,
        "started_at": clock.now(),
        "last_seen_at": clock.now(),
        "expires_at": signed_in.expires_at,
        "ended_at": None,
        "ip": "192.0.2.7",
        "user_agent": "Firefox",
    }


async def test_5_5_an_address_is_known_in_any_case(ada: Ada) -> None:
    assert (await _sign_in(email="ADA@Example.com")).seat.user_id == ada.user.id


async def test_5_5_a_wrong_password_and_an_unknown_address_get_the_same_answer(ada: Ada, password_hash: str) -> None:
    without = await given.user("Bob Link", email="bob@example.com")
    await given.member(await given.partner(), user=without)
    refusals = [
        await _refusal(_sign_in(password="wrong horse battery")),
        await _refusal(_sign_in(password="")),
        await _refusal(_sign_in(password="x" * 100_000)),
        await _refusal(_sign_in(email="eve@example.com")),
        await _refusal(_sign_in(email="bob@example.com")),
        await _refusal(_sign_in(password="\ud800\0")),
    ]
    assert refusals == [NOT_RIGHT] * 6
    assert await models.Session.filter(user_id=ada.user.id).count() == 1  # given.member's
    assert await _events() == []


async def test_5_5_a_wrong_password_and_an_unknown_address_take_the_same_time(
    database: None, clock: ModuleType
) -> None:
    await _ada(await passwords.hash_of(PASSWORD))
    spent = {"ada@example.com": 0.0, "eve@example.com": 0.0}
    for email in [*spent] * 4:
        started = time.process_time()
        await _refusal(_sign_in(email=email, password="wrong horse battery"))
        spent[email] += time.process_time() - started
    assert 0.5 < spent["eve@example.com"] / spent["ada@example.com"] < 2


async def test_5_5_the_eleventh_attempt_for_an_address_is_refused_before_any_check(
    ada: Ada, clock: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = Counter[str]()

    async def matches(password: str, kept: str | None) -> bool:
        checked[password] += 1
        return kept is not None and password == PASSWORD

    monkeypatch.setattr(passwords, "matches", matches)
    codes = {}
    for email in ("ada@example.com", "eve@example.com"):
        codes[email] = [(await _refusal(_sign_in(email=email, password="wrong")))[0] for _ in range(11)]
    expected = [UserErrorCode.INVALID] * 10 + [UserErrorCode.RATE_LIMITED]
    assert codes == {"ada@example.com": expected, "eve@example.com": expected}
    assert checked == {"wrong": 20}
    assert (await _refusal(_sign_in()))[0] is UserErrorCode.RATE_LIMITED
    clock.advance(timedelta(minutes=15))
    assert (await _sign_in()).seat.user_id == ada.user.id


async def test_5_5_the_101st_attempt_from_a_network_address_is_refused(
    ada: Ada, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def matches(password: str, kept: str | None) -> bool:
        return False

    monkeypatch.setattr(passwords, "matches", matches)
    tried = [await _refusal(_sign_in(email=f"no{n}@example.com", ip="192.0.2.7")) for n in range(101)]
    assert Counter(code for code, _, _ in tried) == {UserErrorCode.INVALID: 100, UserErrorCode.RATE_LIMITED: 1}
    assert (await _refusal(_sign_in(email="no1@example.com", ip="192.0.2.8")))[0] is UserErrorCode.INVALID


async def test_5_5_a_limit_holds_for_sign_ins_at_once(
    committed: str, clock: ModuleType, monkeypatch: pytest.MonkeyPatch, password_hash: str
) -> None:
    await _ada(password_hash)
    checked = 0

    async def matches(password: str, kept: str | None) -> bool:
        nonlocal checked
        checked += 1
        return False

    monkeypatch.setattr(passwords, "matches", matches)
    codes = Counter(code for code, _, _ in await asyncio.gather(*(_refusal(_sign_in()) for _ in range(40))))
    assert (codes, checked) == ({UserErrorCode.INVALID: 10, UserErrorCode.RATE_LIMITED: 30}, 10)


async def test_5_5_signing_in_takes_the_seat_that_was_used_last(ada: Ada, clock: ModuleType) -> None:
    other = await given.member(await given.partner(), user=ada.user)
    used_last = await _sign_in()
    await identity.seat_take(ada.seat.id, by=used_last.seat, ip=None, user_agent=None)
    assert [used_last.seat.id, (await _sign_in()).seat.id] == [other.id, ada.seat.id]
    await models.Seat.filter(id=ada.seat.id).update(ended_at=clock.now())
    assert (await _sign_in()).seat.id == other.id


async def test_5_5_the_first_sign_in_takes_the_first_seat(ada: Ada) -> None:
    await given.member(await given.partner(), user=ada.user)
    await models.Session.all().delete()
    assert (await _sign_in()).seat.id == ada.seat.id


async def test_5_5_whoever_has_no_seat_left_is_told_so_after_the_password_only(ada: Ada, clock: ModuleType) -> None:
    await models.Seat.all().update(ended_at=clock.now())
    answers = [await _refusal(_sign_in(password="wrong horse battery")), await _refusal(_sign_in())]
    assert answers == [
        NOT_RIGHT,
        (
            UserErrorCode.FORBIDDEN,
            "This sign-in belongs to no company any more. Ask whoever invited you to invite you again.",
            None,
        ),
    ]


async def test_5_6_a_session_of_the_vendor_s_staff_is_recorded(
    database: None, clock: ModuleType, password_hash: str
) -> None:
    user = await given.user(email="vera@example.com", is_vendor=True, password_hash=password_hash)
    await seats.grant(user.id, Side.VENDOR, at=clock.now())
    signed_in = await _sign_in(email="vera@example.com")
    assert signed_in.seat.roles == {Role.PUBLIC, Role.USER, Role.ADMIN}
    assert await _events() == [("session.started", user.id, signed_in.seat.session_id, user.id, Audience.VENDOR)]


# ── by link ──


async def test_5_5_a_link_is_sent_to_known_people_only_and_acknowledged_to_all(ada: Ada, clock: ModuleType) -> None:
    seatless = await given.user(email="carl@example.com")
    for email in ("Ada@Example.com", "eve@example.com", "carl@example.com"):
        await identity.sign_in_link_send(email=email, ip=None)
    [link] = await models.Link.all()
    assert (link.user_id, link.email, link.expires_at) == (
        ada.user.id,
        "ada@example.com",
        clock.now() + timedelta(minutes=15),
    )
    assert await _events() == [("sign_in.link_requested", ada.user.id, link.id, None, Audience.VENDOR)]
    assert seatless.id not in str(await models.Link.all().values())


async def test_5_5_sending_takes_the_same_time_for_known_and_unknown_addresses(
    ada: Ada, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "BEAT", 0.5)
    taken = {}
    for email in ("ada@example.com", "eve@example.com"):
        started = time.perf_counter()
        await identity.sign_in_link_send(email=email, ip=None)
        taken[email] = time.perf_counter() - started
    # The limits are counted first: a few milliseconds, for both.
    assert {email: int(seconds / 0.5) >= 1 and seconds % 0.5 < 0.25 for email, seconds in taken.items()} == {
        "ada@example.com": True,
        "eve@example.com": True,
    }


async def test_5_5_the_fourth_link_for_an_address_is_refused_known_or_not(ada: Ada) -> None:
    codes = {}
    for email in ("ada@example.com", "eve@example.com"):
        for _ in range(3):
            await identity.sign_in_link_send(email=email, ip=None)
        codes[email] = (await _refusal(identity.sign_in_link_send(email=email, ip=None)))[0]
    assert codes == dict.fromkeys(codes, UserErrorCode.RATE_LIMITED)
    assert await models.Link.all().count() == 3


async def test_5_5_the_31st_link_from_a_network_address_is_refused(ada: Ada) -> None:
    for n in range(30):
        await identity.sign_in_link_send(email=f"no{n}@example.com", ip="192.0.2.7")
    refused = await _refusal(identity.sign_in_link_send(email="ada@example.com", ip="192.0.2.7"))
    assert (refused[0], await models.Link.all().count()) == (UserErrorCode.RATE_LIMITED, 0)


async def test_5_5_a_link_signs_in(ada: Ada, clock: ModuleType) -> None:
    link = await _link_sent()
    preview = await identity.sign_in_link_preview(tokens.of_link(link), ip=None)
    assert (preview.email, preview.expires_at) == ("ada@example.com", clock.now() + timedelta(minutes=15))
    signed_in = await identity.sign_in_with_link(tokens.of_link(link), preview.challenge, ip=None, user_agent="x" * 999)
    session = await models.Session.get(id=signed_in.seat.session_id)
    assert (session.via, session.seat_id, session.user_agent) == (SignInMethod.LINK, ada.seat.id, "x" * 400)


async def test_5_5_looking_at_a_link_changes_nothing(ada: Ada) -> None:
    link = await _link_sent()
    before = [await table.all().values() for table in models.TABLES if table is not models.RateLimit]
    for _ in range(3):
        await identity.sign_in_link_preview(tokens.of_link(link), ip="192.0.2.7")
    assert before == [await table.all().values() for table in models.TABLES if table is not models.RateLimit]


async def test_5_5_a_link_signs_in_once(ada: Ada, clock: ModuleType) -> None:
    link = await _link_sent()
    await _by_link(link, clock)
    used = (UserErrorCode.WRONG_STATE, f"This link was used already. {ASK}", ["token"])
    assert await _refusal(_by_link(link, clock)) == used
    assert await _refusal(identity.sign_in_link_preview(tokens.of_link(link), ip=None)) == used


async def test_5_5_of_ten_sign_ins_by_one_link_at_once_one_counts(
    committed: str, clock: ModuleType, password_hash: str
) -> None:
    await _ada(password_hash)
    link = await _link_sent()

    async def attempt() -> str:
        try:
            await _by_link(link, clock)
        except Refusal as refusal:
            return refusal.code
        return "signed in"

    assert Counter(await asyncio.gather(*(attempt() for _ in range(10)))) == {"signed in": 1, "WRONG_STATE": 9}
    assert await models.Session.filter(via=SignInMethod.LINK).count() == 1


async def test_5_5_of_links_asked_for_at_once_one_is_open(
    committed: str, clock: ModuleType, password_hash: str
) -> None:
    await _ada(password_hash)
    await asyncio.gather(*(identity.sign_in_link_send(email="ada@example.com", ip=None) for _ in range(3)))
    links = await models.Link.all().order_by("version")
    assert [(link.version, link.replaced_at is None) for link in links] == [(1, False), (2, False), (3, True)]


async def test_5_5_the_newest_link_alone_signs_in(ada: Ada, clock: ModuleType) -> None:
    old, new = await _link_sent(), await _link_sent()
    assert await _refusal(_by_link(old, clock)) == (
        UserErrorCode.WRONG_STATE,
        f"A newer e-mail has replaced this link: open the link in the newest one. {ASK}",
        ["token"],
    )
    assert (await _by_link(new, clock)).seat.id == ada.seat.id


async def test_5_5_a_link_is_good_for_15_minutes(ada: Ada, clock: ModuleType) -> None:
    link = await _link_sent()
    clock.advance(timedelta(minutes=15))
    expired = (UserErrorCode.EXPIRED, f"This link has expired. {ASK}", ["token"])
    assert await _refusal(_by_link(link, clock)) == expired
    assert await _refusal(identity.sign_in_link_preview(tokens.of_link(link), ip=None)) == expired


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "x" * 10_240, "\0", "\ud800"])
async def test_5_5_what_is_no_link_is_not_found(ada: Ada, token: str) -> None:
    not_found = (
        UserErrorCode.NOT_FOUND,
        "This link is not valid. Open it exactly as it stands in the e-mail.",
        ["token"],
    )
    assert await _refusal(identity.sign_in_link_preview(token, ip=None)) == not_found
    assert await _refusal(identity.sign_in_with_link(token, "x", ip=None, user_agent=None)) == not_found


async def test_5_5_without_the_page_s_challenge_a_link_does_nothing(ada: Ada) -> None:
    link = await _link_sent()
    refused = await _refusal(identity.sign_in_with_link(tokens.of_link(link), "made up", ip=None, user_agent=None))
    assert (refused[0], refused[2]) == (UserErrorCode.INVALID, ["challenge"])
    assert (await models.Link.get(id=link.id)).used_at is None


async def test_5_5_the_101st_look_at_links_from_a_network_address_is_refused(ada: Ada) -> None:
    codes = [(await _refusal(identity.sign_in_link_preview("x", ip="192.0.2.7")))[0] for _ in range(101)]
    assert Counter(codes) == {UserErrorCode.NOT_FOUND: 100, UserErrorCode.RATE_LIMITED: 1}


# ── seats and sessions ──


async def test_5_5_taking_another_seat_begins_a_session_beside_the_one_that_asks(ada: Ada, clock: ModuleType) -> None:
    client = await given.client()
    other = await given.staff(await given.account(client), SecurityRole.MANAGER, user=ada.user)
    signed_in = await _by_link(await _link_sent(), clock)
    clock.advance(timedelta(days=3))
    taken = await identity.seat_take(ada.seat.id, by=signed_in.seat, ip="192.0.2.7", user_agent="Firefox")
    session = await models.Session.get(id=taken.seat.session_id)
    assert await seats.of_token(taken.token, clock.now()) == taken.seat
    assert await seats.of_token(signed_in.token, clock.now()) == signed_in.seat
    assert (signed_in.seat.id, taken.seat.id) == (other.id, ada.seat.id)
    assert (session.via, session.started_at, session.last_seen_at, session.expires_at) == (
        SignInMethod.LINK,
        clock.now() - timedelta(days=3),
        clock.now(),
        signed_in.expires_at,
    )


async def test_5_5_only_one_s_own_live_seats_are_taken(ada: Ada, clock: ModuleType) -> None:
    foreign = await given.member(await given.partner())
    ended = await given.member(await given.partner(), user=ada.user)
    await models.Seat.filter(id=ended.id).update(ended_at=clock.now())
    not_found = (UserErrorCode.NOT_FOUND, "There is no such seat.", ["seatId"])
    for seat_id in (foreign.id, ended.id, "seat_nowhere", ""):
        assert await _refusal(identity.seat_take(seat_id, by=ada.seat, ip=None, user_agent=None)) == not_found


async def test_5_5_a_session_that_has_ended_takes_no_seat(ada: Ada) -> None:
    await identity.sign_out(by=ada.seat)
    with pytest.raises(Unauthenticated):
        await identity.seat_take(ada.seat.id, by=ada.seat, ip=None, user_agent=None)


async def test_5_5_signing_out_ends_the_session_that_asks_alone(ada: Ada, clock: ModuleType) -> None:
    here, there = await _sign_in(), await _sign_in()
    for _ in range(2):
        await identity.sign_out(by=here.seat)
    assert [await _is_live(signed_in.token, clock) for signed_in in (here, there)] == [False, True]


async def test_5_5_one_s_other_sessions_can_be_ended(ada: Ada, clock: ModuleType) -> None:
    here, there = await _sign_in(), await _sign_in()
    await identity.session_end(there.seat.session_id, by=here.seat)
    assert [await _is_live(signed_in.token, clock) for signed_in in (here, there)] == [True, False]


async def test_5_5_a_session_that_is_not_one_s_own_or_has_ended_is_not_found(ada: Ada, clock: ModuleType) -> None:
    foreign = await given.member(await given.partner())
    ended, expired = await _sign_in(), await _sign_in()
    await identity.sign_out(by=ended.seat)
    await models.Session.filter(id=expired.seat.session_id).update(expires_at=clock.now())
    not_found = (UserErrorCode.NOT_FOUND, "There is no such session.", ["sessionId"])
    for session_id in (foreign.session_id, ended.seat.session_id, expired.seat.session_id, "session_nowhere"):
        assert await _refusal(identity.session_end(session_id, by=ada.seat)) == not_found
    assert (await models.Session.get(id=foreign.session_id)).ended_at is None


async def test_5_5_a_session_in_use_is_noted_once_a_minute(ada: Ada, clock: ModuleType) -> None:
    signed_in = await _sign_in()
    seen = []
    for seconds in (0, 59, 1, 30, 90):
        clock.advance(timedelta(seconds=seconds))
        await identity.touch(signed_in.seat.session_id, clock.now())
        seen.append((await models.Session.get(id=signed_in.seat.session_id)).last_seen_at - signed_in.expires_at)
    begun = -timedelta(days=14)
    minute = timedelta(minutes=1)
    assert seen == [begun, begun, begun + minute, begun + minute, begun + 3 * minute]


# ── passwords ──


async def _change(by: Seat, current: str | None, new: str = NEW_PASSWORD) -> None:
    await identity.password_change(current=current, new=new, by=by)


async def test_5_5_changing_the_password_ends_all_other_sessions_and_open_links(ada: Ada, clock: ModuleType) -> None:
    here, there, link = await _sign_in(), await _sign_in(), await _link_sent()
    await _change(here.seat, PASSWORD)
    assert [await _is_live(signed_in.token, clock) for signed_in in (here, there)] == [True, False]
    assert (await models.Session.get(id=ada.seat.session_id)).ended_at == clock.now()
    assert (await _refusal(_by_link(link, clock)))[0] is UserErrorCode.WRONG_STATE
    assert await _refusal(_sign_in()) == NOT_RIGHT
    assert (await _sign_in(password=NEW_PASSWORD)).seat.user_id == ada.user.id
    assert (await _events())[-1] == ("password.changed", ada.user.id, ada.user.id, ada.user.id, Audience.VENDOR)


async def test_5_5_a_wrong_or_missing_current_password_changes_nothing(ada: Ada, password_hash: str) -> None:
    here = await _sign_in()
    message = "This is not your current password. Or sign in by link, and set one at once."
    for current in ("wrong horse battery", "", None):
        assert await _refusal(_change(here.seat, current)) == (UserErrorCode.INVALID, message, ["current"])
    assert (await models.User.get(id=ada.user.id)).password_hash == password_hash
    assert await _events() == []


async def test_5_5_a_short_new_password_is_refused_before_the_current_is_looked_at(ada: Ada) -> None:
    assert await _refusal(_change(ada.seat, "wrong", new="elevenchars")) == (
        UserErrorCode.INVALID,
        "Choose a password of at least 12 characters.",
        ["new"],
    )


async def test_5_5_the_current_password_is_not_asked_within_ten_minutes_of_signing_in_by_link(
    ada: Ada, clock: ModuleType
) -> None:
    signed_in = await _by_link(await _link_sent(), clock)
    clock.advance(timedelta(minutes=10))
    await _change(signed_in.seat, None)
    clock.advance(timedelta(microseconds=1))
    assert (await _refusal(_change(signed_in.seat, None, new=PASSWORD)))[0] is UserErrorCode.INVALID


async def test_5_5_taking_a_seat_does_not_make_a_sign_in_by_link_fresh_again(ada: Ada, clock: ModuleType) -> None:
    signed_in = await _by_link(await _link_sent(), clock)
    clock.advance(timedelta(minutes=11))
    taken = await identity.seat_take(ada.seat.id, by=signed_in.seat, ip=None, user_agent=None)
    assert (await _refusal(_change(taken.seat, None)))[0] is UserErrorCode.INVALID


async def test_5_5_the_eleventh_change_in_a_quarter_of_an_hour_is_refused(
    ada: Ada, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def matches(password: str, kept: str | None) -> bool:
        return False

    monkeypatch.setattr(passwords, "matches", matches)
    codes = [(await _refusal(_change(ada.seat, "guessed password")))[0] for _ in range(11)]
    assert Counter(codes) == {UserErrorCode.INVALID: 10, UserErrorCode.RATE_LIMITED: 1}


async def test_5_5_of_two_changes_at_once_one_counts(
    committed: str, clock: ModuleType, password_hash: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _ada(password_hash)
    here, there = await _sign_in(), await _sign_in()
    both_have_checked, real = asyncio.Barrier(2), passwords.matches

    async def matches(password: str, kept: str | None) -> bool:
        answer = await real(password, kept)
        await both_have_checked.wait()
        return answer

    monkeypatch.setattr(passwords, "matches", matches)

    async def attempt(by: Seat, new: str) -> str:
        try:
            await _change(by, PASSWORD, new=new)
        except Refusal as refusal:
            return refusal.code
        return "changed"

    outcomes = await asyncio.gather(attempt(here.seat, NEW_PASSWORD), attempt(there.seat, NEW_PASSWORD + "!"))
    assert sorted(outcomes) == ["CONFLICT", "changed"]


async def test_5_5_a_sign_in_with_the_old_password_does_not_outlive_its_change(
    committed: str, clock: ModuleType, password_hash: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _ada(password_hash)
    here = await _sign_in()
    checked, changed = asyncio.Event(), asyncio.Event()
    real = passwords.matches

    async def slowly(password: str, kept: str | None) -> bool:
        answer = await real(password, kept)
        checked.set()
        await changed.wait()
        return answer

    monkeypatch.setattr(passwords, "matches", slowly)
    late = asyncio.create_task(_refusal(_sign_in()))
    await checked.wait()
    monkeypatch.setattr(passwords, "matches", real)
    await _change(here.seat, PASSWORD)
    changed.set()
    assert await late == NOT_RIGHT


# ── the vendor's staff ──


async def test_an_admin_is_created_with_a_password(database: None, clock: ModuleType, quick_passwords: None) -> None:
    created = await identity.create_admin(email="Vera@Example.com", name=" Vera Vendor ", password=PASSWORD)
    signed_in = await _sign_in(email="vera@example.com")
    user = await models.User.get(id=created.user_id)
    assert (user.name, user.email, user.is_vendor) == ("Vera Vendor", "vera@example.com", True)
    assert (created.token, signed_in.seat.side, signed_in.seat.roles) == (
        None,
        Side.VENDOR,
        frozenset({Role.PUBLIC, Role.USER, Role.ADMIN}),
    )
    assert (await _events())[0] == ("admin.created", user.id, user.id, None, Audience.VENDOR)


async def test_an_admin_without_a_password_signs_in_by_the_link_that_is_returned(
    database: None, clock: ModuleType
) -> None:
    created = await identity.create_admin(email="vera@example.com", name="Vera Vendor", password=None)
    preview = await identity.sign_in_link_preview(created.token or "", ip=None)
    signed_in = await identity.sign_in_with_link(created.token or "", preview.challenge, ip=None, user_agent=None)
    assert signed_in.seat.user_id == created.user_id


async def test_an_admin_created_again_keeps_seat_name_and_password_and_gets_a_new_link(
    database: None, clock: ModuleType, quick_passwords: None
) -> None:
    first = await identity.create_admin(email="vera@example.com", name="Vera Vendor", password=PASSWORD)
    again = await identity.create_admin(email="vera@example.com", name="Somebody", password=None)
    assert (again.user_id, await models.Seat.all().count()) == (first.user_id, 1)
    assert (await models.User.get(id=first.user_id)).name == "Vera Vendor"
    assert (await _sign_in(email="vera@example.com")).seat.side is Side.VENDOR
    assert (await identity.sign_in_link_preview(again.token or "", ip=None)).email == "vera@example.com"


async def test_a_partner_s_member_may_become_an_admin_and_keeps_the_other_seat(ada: Ada) -> None:
    created = await identity.create_admin(email="ada@example.com", name="Ada", password=None)
    rows = await models.Seat.filter(user_id=ada.user.id).order_by("id")
    assert created.user_id == ada.user.id
    assert [(row.side, row.ended_at) for row in rows] == [(Side.PARTNER, None), (Side.VENDOR, None)]


@pytest.mark.parametrize(
    ("email", "name", "password", "field"),
    [
        ("vera", "Vera", PASSWORD, "email"),
        ("vera@example.com", "  ", PASSWORD, "name"),
        ("vera@example.com", "Vera", "elevenchars", "password"),
    ],
)
async def test_an_admin_needs_an_address_a_name_and_a_good_password(
    database: None, email: str, name: str, password: str, field: str
) -> None:
    refused = await _refusal(identity.create_admin(email=email, name=name, password=password))
    assert (refused[0], refused[2]) == (UserErrorCode.INVALID, [field])
    assert await models.User.all().count() == 0
