"""Widgets: pages that a project shows, over https only (mission 3.5)."""

from types import ModuleType

import pytest

import models
from domain import widgets
from models.enums import AccountStatus, UserErrorCode
from tests.domain.inside import Inside, inside
from tests.domain.refusals import columns, refused

pytestmark = pytest.mark.usefixtures("database", "clock")


@pytest.fixture
async def t(database: None) -> Inside:
    return await inside()


async def test_3_5_the_vendor_puts_a_page_into_a_project(t: Inside, clock: ModuleType) -> None:
    added = await widgets.add(
        by=t.vera, project_id=t.project.id, title=" Plan ", url=" HTTPS://Plan.Example:443/a?b#c "
    )
    assert added == t.project.id
    widget = await models.Widget.get()
    assert columns(widget) == {
        "id": widget.id,
        "project_id": t.project.id,
        "title": "Plan",
        "url": "https://plan.example/a?b#c",
        "added_at": clock.now(),
    }
    assert await t.told() == [("widget.added", widget.id, t.vera.user_id, [])]


async def test_nobody_but_the_vendor_does(t: Inside) -> None:
    for by in t.everybody[1:]:
        async with refused(UserErrorCode.FORBIDDEN):
            await widgets.add(by=by, project_id=t.project.id, title="Plan", url="https://plan.example/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "plan.example",
        "//plan.example/",
        "http://plan.example/",
        "javascript:alert(1)",
        "data:text/html,<p>",
        "ftp://plan.example/",
        "https://",
        "https://plan.example:99999/",
        "https://me@plan.example/",
        "https://me:secret@plan.example/",
        "https://plan.example/" + "x" * 2_063,
    ],
)
async def test_a_page_is_at_an_https_address(t: Inside, url: str) -> None:
    async with refused(UserErrorCode.INVALID, "url"):
        await widgets.add(by=t.vera, project_id=t.project.id, title="Plan", url=url)


async def test_a_long_address_is_kept_whole(t: Inside) -> None:
    url = "https://plan.example/" + "x" * 2_062
    await widgets.add(by=t.vera, project_id=t.project.id, title="Plan", url=url)
    assert (await models.Widget.get()).url == url


@pytest.mark.parametrize("title", ["", " ", "x" * 201, "two\nlines", "nul\0"])
async def test_a_title_is_one_line(t: Inside, title: str) -> None:
    async with refused(UserErrorCode.INVALID, "title"):
        await widgets.add(by=t.vera, project_id=t.project.id, title=title, url="https://plan.example/")


async def test_there_is_a_project_in_a_living_account(t: Inside) -> None:
    async with refused(UserErrorCode.NOT_FOUND, "projectId"):
        await widgets.add(by=t.vera, project_id="project_none", title="Plan", url="https://plan.example/")
    await models.Account.filter(id=t.account.id).update(status=AccountStatus.CANCELLED)
    async with refused(UserErrorCode.WRONG_STATE, "projectId"):
        await widgets.add(by=t.vera, project_id=t.project.id, title="Plan", url="https://plan.example/")
