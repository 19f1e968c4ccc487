"""What is left in projects of an erased contact: that people wrote, did and rated, and not of whom (mission 0.10)."""

from types import ModuleType
from typing import Final

import pytest

import models
from domain import action_items, contacts, conversations, ratings, widgets
from models.enums import FileStatus
from tests import given
from tests.domain.inside import Inside, inside
from tests.domain.refusals import columns, everything
from tests.domain.test_changes import chain_breaks_at, history

pytestmark = pytest.mark.usefixtures("database", "clock")

NAME: Final = "Grace Hopper"
# Where something is written, and what is left of what names the person.
WRITTEN: Final = (
    (models.Message, "body", ""),
    (models.Conversation, "title", ""),
    (models.ActionItem, "title", ""),
    (models.Widget, "title", ""),
    (models.ProjectFile, "name", ""),
    (models.Rating, "comment", None),
    (models.Proposal, "title", ""),
    (models.Proposal, "message", None),
    (models.Proposal, "comment", None),
)


@pytest.fixture
async def t(database: None) -> Inside:
    return await inside()


async def written(t: Inside, project: models.Project, said: str) -> None:
    """Write it wherever people write in a project."""
    talk = await conversations.start(by=t.vera, project_id=project.id, title=said)
    await conversations.post(by=t.vera, conversation_id=talk, body=f"Dear {said},\ngood morning.")
    await action_items.create(by=t.vera, project_id=project.id, title=f"Call {said.lower()}.")
    await widgets.add(by=t.vera, project_id=project.id, title=f"{said}'s plan", url="https://plan.example/")
    rater = await given.staff(await models.Account.get(id=project.account_id), user=await given.user("Rita Rater"))
    rating = await ratings.request(by=t.vera, project_id=project.id, user_id=rater.user_id)
    await ratings.give(by=rater, rating_id=rating, score=5, comment=f"{said.upper()}!")
    await models.ProjectFile.create(
        project=project,
        name=f"{said}.pdf",
        status=FileStatus.READY,
        content_type="application/pdf",
        size=1,
        digest="00",
        uploaded_by_id=rater.user_id,
        uploaded_at=project.created_at,
    )
    await given.approval(project, rater, title=f"A desk for {said}", message=f"{said} asks.", comment=f"No, {said}.")


async def all_written(project: models.Project) -> list[dict[str, object]]:
    rows = []
    for model in dict.fromkeys(model for model, *_ in WRITTEN):
        rows += [columns(row) for row in await model.filter(project_id=project.id).order_by("id")]
    return rows


async def emptied(project: models.Project) -> list[dict[str, object]]:
    """What is to be left of all that was written in a project."""
    rows = []
    for model in dict.fromkeys(model for model, *_ in WRITTEN):
        left = {column: left for each, column, left in WRITTEN if each is model}
        rows += [{**columns(row), **left} for row in await model.filter(project_id=project.id).order_by("id")]
    return rows


@pytest.mark.parametrize("of_client", [True, False], ids=["the client's", "the client partner's"])
async def test_0_10_what_names_the_person_goes_and_counts_stay(
    t: Inside, clock: ModuleType, *, of_client: bool
) -> None:
    company = await models.Client.get(id=t.account.client_id) if of_client else t.broker
    grace = await given.contact(company, NAME)
    await written(t, t.project, NAME)
    left, tallies, project = await emptied(t.project), await t.tallies(), columns(await t.now())
    told = [(event.topic, event.subject) for event in await models.Event.all().order_by("version")]
    await contacts.erase(by=t.vera, contact_id=grace.id)
    assert await all_written(t.project) == left
    assert (await t.tallies(), columns(await t.now())) == (tallies, project)
    events = await models.Event.filter(stream=t.project.id).order_by("version")
    assert [(event.topic, event.subject) for event in events] == told
    assert chain_breaks_at(await history(t.project.id)) is None
    named = [row for rows in (await everything()).values() for row in rows if NAME.casefold() in str(row).casefold()]
    assert named == []


async def test_0_10_what_names_nobody_or_another_stays(t: Inside) -> None:
    grace = await given.contact(await models.Client.get(id=t.account.client_id), NAME)
    await written(t, t.project, "Graceful Hopperson")
    before = await all_written(t.project)
    await contacts.erase(by=t.vera, contact_id=grace.id)
    assert await all_written(t.project) == before


async def test_0_10_of_another_client_nothing_is_looked_through(t: Inside) -> None:
    grace = await given.contact(t.broker, NAME)
    await written(t, t.other, NAME)
    before = await all_written(t.other)
    await contacts.erase(by=t.vera, contact_id=grace.id)
    assert await all_written(t.other) == before


async def test_0_10_what_an_event_of_a_project_says_of_the_person_goes(t: Inside, clock: ModuleType) -> None:
    grace = await given.contact(await models.Client.get(id=t.account.client_id), NAME)
    await conversations.start(by=t.vera, project_id=t.project.id, title="The desk")
    event = await models.Event.get()
    await models.Event.filter(id=event.id).update(
        reason=f"{NAME} wants it.", changes=[{"field": "title", "before": None, "after": f"For {NAME}"}]
    )
    await contacts.erase(by=t.vera, contact_id=grace.id)
    kept = {**columns(event), "reason": None, "changes": [], "salt": None, "erased_at": clock.now()}
    assert columns(await models.Event.get(id=event.id)) == kept
