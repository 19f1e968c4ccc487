"""Ratings: asked for by the vendor, given once by whom it asked (mission 3.5)."""

from datetime import timedelta
from types import ModuleType

import pytest

import models
from domain import ratings
from models.enums import AccountStatus, UserErrorCode
from tests import given
from tests.domain.inside import Inside, inside
from tests.domain.refusals import columns, refused

pytestmark = pytest.mark.usefixtures("database", "clock")


@pytest.fixture
async def t(database: None) -> Inside:
    return await inside()


# ── asking ──


async def test_3_5_the_vendor_asks_whoever_is_on_a_project(t: Inside, clock: ModuleType) -> None:
    asked = t.everybody[1:]
    made = [await ratings.request(by=t.vera, project_id=t.project.id, user_id=each.user_id) for each in asked]
    assert [columns(row) for row in await models.Rating.all().order_by("id")] == [
        {
            "id": rating_id,
            "project_id": t.project.id,
            "requested_from_id": each.user_id,
            "score": None,
            "comment": None,
            "requested_at": clock.now(),
            "given_at": None,
        }
        for rating_id, each in zip(made, asked, strict=True)
    ]
    assert await t.told() == [("rating.requested", rating_id, t.vera.user_id, []) for rating_id in made]
    assert await t.tallies() == {each.user_id: (0, 1, 0) for each in asked}


async def test_nobody_but_the_vendor_asks(t: Inside) -> None:
    for by in t.everybody[1:]:
        async with refused(UserErrorCode.FORBIDDEN):
            await ratings.request(by=by, project_id=t.project.id, user_id=t.owner.user_id)


async def test_3_3_whoever_does_not_see_the_project_is_not_asked(t: Inside) -> None:
    for stranger in (t.carl.user_id, t.olga.user_id, "user_none"):
        async with refused(UserErrorCode.NOT_FOUND, "userId"):
            await ratings.request(by=t.vera, project_id=t.project.id, user_id=stranger)
    async with refused(UserErrorCode.NOT_FOUND, "projectId"):
        await ratings.request(by=t.vera, project_id="project_none", user_id=t.owner.user_id)


async def test_the_vendors_own_staff_is_not_asked_unless_it_has_another_seat(t: Inside) -> None:
    colleague = await given.admin("Viktor Vendor")
    for own in (t.vera, colleague):
        async with refused(UserErrorCode.INVALID, "userId"):
            await ratings.request(by=t.vera, project_id=t.project.id, user_id=own.user_id)
    await given.staff(t.account, user=await models.User.get(id=colleague.user_id))
    await ratings.request(by=t.vera, project_id=t.project.id, user_id=colleague.user_id)


async def test_of_a_person_one_rating_waits_at_a_time(t: Inside) -> None:
    first = await ratings.request(by=t.vera, project_id=t.project.id, user_id=t.cleo.user_id)
    async with refused(UserErrorCode.ALREADY_PROPOSED, "userId"):
        await ratings.request(by=t.vera, project_id=t.project.id, user_id=t.cleo.user_id)
    await ratings.give(by=t.cleo, rating_id=first, score=3)
    second = await ratings.request(by=t.vera, project_id=t.project.id, user_id=t.cleo.user_id)
    await ratings.give(by=t.cleo, rating_id=second, score=4)
    scores = [rating.score for rating in await models.Rating.all().order_by("id")]
    assert (scores, await t.tallies()) == ([3, 4], {t.cleo.user_id: (0, 0, 0)})


# ── giving ──


async def test_3_5_whoever_was_asked_answers(t: Inside, clock: ModuleType) -> None:
    rating_id = await ratings.request(by=t.vera, project_id=t.project.id, user_id=t.cleo.user_id)
    asked = columns(await models.Rating.get(id=rating_id))
    clock.advance(timedelta(days=1))
    assert await ratings.give(by=t.cleo, rating_id=rating_id, score=5, comment=" Well\ndone. ") == rating_id
    assert columns(await models.Rating.get(id=rating_id)) == {
        **asked,
        "score": 5,
        "comment": "Well\ndone.",
        "given_at": clock.now(),
    }
    assert await t.tallies() == {t.cleo.user_id: (0, 0, 0)}
    # What is said about a score stays where it can be erased.
    scored = [{"field": "score", "before": None, "after": "5"}]
    assert (await t.told())[1:] == [("rating.given", rating_id, t.cleo.user_id, scored)]


async def test_a_rating_is_given_once(t: Inside) -> None:
    rating_id = await ratings.request(by=t.vera, project_id=t.project.id, user_id=t.cleo.user_id)
    await ratings.give(by=t.cleo, rating_id=rating_id, score=1)
    async with refused(UserErrorCode.WRONG_STATE, "ratingId"):
        await ratings.give(by=t.cleo, rating_id=rating_id, score=5)


async def test_nobody_answers_for_another(t: Inside) -> None:
    rating_id = await ratings.request(by=t.vera, project_id=t.project.id, user_id=t.cleo.user_id)
    async with refused(UserErrorCode.FORBIDDEN):
        await ratings.give(by=t.vera, rating_id=rating_id, score=5)
    for by in (t.owner, t.sam, t.paula, t.ada):
        async with refused(UserErrorCode.FORBIDDEN, "ratingId"):
            await ratings.give(by=by, rating_id=rating_id, score=5)
    for by in (t.carl, t.olga):
        async with refused(UserErrorCode.NOT_FOUND, "ratingId"):
            await ratings.give(by=by, rating_id=rating_id, score=5)


@pytest.mark.parametrize("score", [-1, 0, 6, 2**31 - 1])
async def test_a_score_is_from_1_to_5(t: Inside, score: int) -> None:
    rating_id = await ratings.request(by=t.vera, project_id=t.project.id, user_id=t.cleo.user_id)
    async with refused(UserErrorCode.INVALID, "score"):
        await ratings.give(by=t.cleo, rating_id=rating_id, score=score)


async def test_a_comment_is_text(t: Inside) -> None:
    rating_id = await ratings.request(by=t.vera, project_id=t.project.id, user_id=t.cleo.user_id)
    for comment in ("x" * 10_001, "nul\0"):
        async with refused(UserErrorCode.INVALID, "comment"):
            await ratings.give(by=t.cleo, rating_id=rating_id, score=5, comment=comment)


async def test_3_6_whoever_was_taken_off_is_not_heard(t: Inside) -> None:
    rating_id = await ratings.request(by=t.vera, project_id=t.project.id, user_id=t.cleo.user_id)
    await t.leave(t.cleo)
    async with refused(UserErrorCode.NOT_FOUND, "ratingId"):
        await ratings.give(by=t.cleo, rating_id=rating_id, score=5)


async def test_in_a_cancelled_account_nobody_is_asked_or_answers(t: Inside) -> None:
    rating_id = await ratings.request(by=t.vera, project_id=t.project.id, user_id=t.cleo.user_id)
    await models.Account.filter(id=t.account.id).update(status=AccountStatus.CANCELLED)
    async with refused(UserErrorCode.WRONG_STATE, "ratingId"):
        await ratings.give(by=t.cleo, rating_id=rating_id, score=5)
    async with refused(UserErrorCode.WRONG_STATE, "projectId"):
        await ratings.request(by=t.vera, project_id=t.project.id, user_id=t.owner.user_id)
