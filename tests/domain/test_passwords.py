import asyncio
import time

import pytest

from domain import passwords
from domain.errors import Refusal
from models.enums import UserErrorCode

PASSWORD = "correct horse battery"


async def test_5_5_a_password_is_kept_as_argon2id_with_a_salt_of_its_own() -> None:
    first, second = await passwords.hash_of(PASSWORD), await passwords.hash_of(PASSWORD)
    assert first != second
    assert {kept.rsplit("$", 2)[0] for kept in (first, second)} == {"$argon2id$v=19$m=65536,t=3,p=4"}


async def test_5_5_only_the_same_password_matches(quick_passwords: None) -> None:
    kept = await passwords.hash_of(PASSWORD)
    given = [PASSWORD, PASSWORD.upper(), PASSWORD + " ", "", PASSWORD[:-1]]
    assert [await passwords.matches(password, kept) for password in given] == [True, False, False, False, False]


async def test_5_5_a_password_is_the_same_however_its_letters_are_composed(quick_passwords: None) -> None:
    kept = await passwords.hash_of("crème brûlée twice")
    assert await passwords.matches("cre\u0300me bru\u0302le\u0301e twice", kept)


async def test_5_5_whoever_has_no_password_signs_in_with_none(quick_passwords: None) -> None:
    assert [await passwords.matches(password, None) for password in ("", PASSWORD)] == [False, False]


async def test_5_5_an_unknown_address_takes_as_long_as_a_known_one() -> None:
    kept = await passwords.hash_of(PASSWORD)
    spent = {True: 0.0, False: 0.0}
    for known in [True, False] * 4:
        started = time.process_time()
        await passwords.matches("not this one at all", kept if known else None)
        spent[known] += time.process_time() - started
    assert 0.5 < spent[False] / spent[True] < 2


async def test_5_5_a_password_of_more_than_1024_bytes_matches_nothing_and_takes_as_long(quick_passwords: None) -> None:
    longest = "é" * 512
    assert await passwords.matches(longest, await passwords.hash_of(longest))
    assert [await passwords.matches(longest + "é", await passwords.hash_of(kept)) for kept in (longest, "")] == [
        False
    ] * 2
    assert not await passwords.matches("x" * 10_000_000, None)


async def test_5_5_text_that_is_no_unicode_is_a_wrong_password_and_no_fault(quick_passwords: None) -> None:
    assert not await passwords.matches("\ud800\0", await passwords.hash_of(PASSWORD))


async def test_5_5_the_loop_goes_on_while_passwords_are_hashed() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.005)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await asyncio.gather(*(passwords.hash_of(PASSWORD) for _ in range(4)))
    ticking.cancel()
    assert ticks >= 5


@pytest.mark.parametrize("password", ["", "elevenchars", "e\u0301levenchars", "x" * 1025, "é" * 513])
def test_5_5_a_new_password_has_12_characters_and_at_most_1024_bytes(password: str) -> None:
    with pytest.raises(Refusal) as refusal:
        passwords.check_new(password, field="new")
    assert (refusal.value.code, refusal.value.field) == (UserErrorCode.INVALID, ["new"])


@pytest.mark.parametrize("password", ["twelve chars", "x" * 1024, "пароль пароль"])
def test_5_5_any_characters_will_do(password: str) -> None:
    passwords.check_new(password, field="new")
