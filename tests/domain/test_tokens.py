import asyncio
from datetime import timedelta
from types import ModuleType

import pytest
from tortoise.transactions import in_transaction

import models
import settings
from domain import tokens
from domain.errors import Refusal
from models.enums import LinkPurpose, ProposalStatus, UserErrorCode
from tests import given

ASK = "Ask for a new one on the sign-in page."


async def _link(clock: ModuleType, user: models.User | None = None) -> models.Link:
    to = user or await given.user()
    return await tokens.issue_sign_in(to.id, to.email or "", at=clock.now())


async def _refused(link: models.Link, clock: ModuleType) -> tuple[UserErrorCode, str] | None:
    try:
        tokens.require_open(await models.Link.get(id=link.id), clock.now())
    except Refusal as refusal:
        return refusal.code, refusal.message
    return None


def test_5_5_a_session_token_is_256_random_bits() -> None:
    made = {tokens.new() for _ in range(100)}
    assert {len(token) for token in made} == {43}
    assert len(made) == 100


def test_5_5_only_a_hash_of_a_token_is_kept() -> None:
    assert tokens.digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


async def test_a_link_s_token_is_derived_and_not_kept(database: None, clock: ModuleType) -> None:
    link = await _link(clock)
    token = tokens.of_link(link)
    kept = await models.Link.get(id=link.id)
    assert tokens.of_link(kept) == token
    assert len(token) == 43
    assert kept.token_hash == tokens.digest(token)
    assert token not in str(await models.Link.all().values())


async def test_a_link_s_token_is_bound_to_purpose_recipient_and_version(database: None, clock: ModuleType) -> None:
    link = await _link(clock)
    made = {tokens.of_link(link)}
    for column, value in {"purpose": LinkPurpose.INVITE, "email": "eve@example.com", "version": 2, "id": "x"}.items():
        changed = await models.Link.get(id=link.id)
        setattr(changed, column, value)
        made.add(tokens.of_link(changed))
    assert len(made) == 5


async def test_a_link_s_token_depends_on_the_secret_key(
    database: None, clock: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = await _link(clock)
    token = tokens.of_link(link)
    monkeypatch.setenv("COUNTERSIGN_SECRET_KEY", "another key that is long enough for this")
    settings.load.cache_clear()
    try:
        assert tokens.of_link(link) != token
    finally:
        monkeypatch.undo()
        settings.load.cache_clear()


async def test_a_link_is_found_by_its_token(database: None, clock: ModuleType) -> None:
    link = await _link(clock)
    found = await tokens.find(LinkPurpose.SIGN_IN, tokens.of_link(link))
    assert (found.id, found.user and found.user.id, found.proposal) == (link.id, link.user_id, None)


async def test_altered_empty_10_kb_nul_and_another_purpose_s_tokens_get_one_and_the_same_not_found(
    database: None, clock: ModuleType
) -> None:
    token = tokens.of_link(await _link(clock))
    unknown = [token[:-1], token + "A", token.swapcase(), "", "x" * 10_240, "\0", f"{token}\0", "\ud800", " " + token]
    refusals = []
    for purpose, wrong in [(LinkPurpose.SIGN_IN, wrong) for wrong in unknown] + [(LinkPurpose.INVITE, token)]:
        with pytest.raises(Refusal) as refusal:
            await tokens.find(purpose, wrong)
        refusals.append((refusal.value.code, refusal.value.message, refusal.value.field))
    one = (UserErrorCode.NOT_FOUND, "This link is not valid. Open it exactly as it stands in the e-mail.", ["token"])
    assert refusals == [one] * 10


async def test_a_new_link_replaces_the_open_one(database: None, clock: ModuleType) -> None:
    user = await given.user()
    first, second, other = await _link(clock, user), await _link(clock, user), await _link(clock)
    assert await _refused(first, clock) == (
        UserErrorCode.WRONG_STATE,
        f"A newer e-mail has replaced this link: open the link in the newest one. {ASK}",
    )
    assert [await _refused(link, clock) for link in (second, other)] == [None, None]
    assert [link.version for link in (first, second, other)] == [1, 2, 1]


async def test_a_link_is_open_until_its_second_and_not_in_it(database: None, clock: ModuleType) -> None:
    link = await _link(clock)
    clock.advance(timedelta(minutes=15) - timedelta(microseconds=1))
    before = await _refused(link, clock)
    clock.advance(timedelta(microseconds=1))
    assert [before, await _refused(link, clock)] == [None, (UserErrorCode.EXPIRED, f"This link has expired. {ASK}")]
    with pytest.raises(Refusal, match="has expired"):
        await tokens.use(link, clock.now())


async def test_a_link_is_used_once(database: None, clock: ModuleType) -> None:
    link = await _link(clock)
    await tokens.use(link, clock.now())
    with pytest.raises(Refusal) as refusal:
        await tokens.use(link, clock.now())
    used = (UserErrorCode.WRONG_STATE, f"This link was used already. {ASK}")
    assert (refusal.value.code, refusal.value.message) == await _refused(link, clock) == used


async def test_a_used_link_stays_used_when_a_new_one_is_sent(database: None, clock: ModuleType) -> None:
    link = await _link(clock, user := await given.user())
    await tokens.use(link, clock.now())
    await _link(clock, user)
    kept = await models.Link.get(id=link.id)
    assert (kept.used_at, kept.replaced_at) == (clock.now(), None)


async def test_of_twenty_uses_at_once_one_counts(committed: str, clock: ModuleType) -> None:
    link = await _link(clock)

    async def use() -> str:
        try:
            async with in_transaction():
                await tokens.use(link, clock.now())
        except Refusal as refusal:
            return refusal.code
        return "used"

    assert sorted(await asyncio.gather(*(use() for _ in range(20)))) == ["WRONG_STATE"] * 19 + ["used"]


async def test_an_ended_proposal_s_link_stops(database: None, clock: ModuleType) -> None:
    partnership = await given.partnership(await given.partner(), None, models.enums.PartnershipStatus.OFFERED)
    invite = await given.offer(partnership, status=ProposalStatus.WITHDRAWN)
    link = await tokens.issue(
        LinkPurpose.INVITE,
        email="ida@example.com",
        at=clock.now(),
        expires_at=clock.now() + timedelta(days=7),
        proposal_id=invite.id,
    )
    await tokens.revoke(invite.id, at=clock.now())
    assert (await models.Link.get(id=link.id)).replaced_at == clock.now()


async def test_a_link_s_page_carries_a_challenge_for_ten_minutes(database: None, clock: ModuleType) -> None:
    link = await _link(clock)
    challenge = tokens.challenge(link, clock.now())
    clock.advance(timedelta(minutes=10, seconds=-1))
    tokens.check_challenge(link, challenge, clock.now())
    clock.advance(timedelta(seconds=1))
    with pytest.raises(Refusal) as refusal:
        tokens.check_challenge(link, challenge, clock.now())
    assert (refusal.value.code, refusal.value.field) == (UserErrorCode.INVALID, ["challenge"])


async def test_a_challenge_is_bound_to_its_link_and_cannot_be_made_up(database: None, clock: ModuleType) -> None:
    link, other = await _link(clock), await _link(clock)
    challenge = tokens.challenge(link, clock.now())
    until, _, signature = challenge.partition(".")
    made_up = [
        tokens.challenge(other, clock.now()),
        f"{int(until) + 1}.{signature}",
        f"{until}.{signature[:-1]}",
        f"{until}.",
        f".{signature}",
        "",
        ".",
        "\ud800.é",
        "x" * 10_240,
        tokens.of_link(link),
    ]
    refused = []
    for wrong in made_up:
        with pytest.raises(Refusal) as refusal:
            tokens.check_challenge(link, wrong, clock.now())
        refused.append((refusal.value.code, refusal.value.field))
    assert refused == [(UserErrorCode.INVALID, ["challenge"])] * 10


async def test_an_address_leaves_no_trace_in_its_fingerprint() -> None:
    assert tokens.fingerprint("ada@example.com") == tokens.fingerprint("ada@example.com")
    assert tokens.fingerprint("ada@example.com") != tokens.fingerprint("eve@example.com")
    assert tokens.fingerprint("ada@example.com") != tokens.digest("ada@example.com")
