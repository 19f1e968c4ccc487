"""Conversations: what is said, and how far each has read (mission 3.5)."""

from datetime import timedelta
from types import ModuleType

import pytest

import models
from domain import conversations
from models.enums import AccessStatus, AccountStatus, UserErrorCode
from tests.domain.inside import Inside, inside
from tests.domain.refusals import columns, everything, refused

pytestmark = pytest.mark.usefixtures("database", "clock")

LONG = "x" * 10_001


@pytest.fixture
async def t(database: None) -> Inside:
    return await inside()


async def started(t: Inside, title: str = "The design") -> str:
    return await conversations.start(by=t.owner, project_id=t.project.id, title=title)


async def read_of(conversation_id: str) -> dict[str, int]:
    rows = await models.ConversationReading.filter(conversation_id=conversation_id)
    return {row.user_id: row.read_seq for row in rows}


async def seq_of(conversation_id: str) -> int:
    return (await models.Conversation.get(id=conversation_id)).last_seq


# ── starting ──


async def test_3_5_whoever_is_on_a_project_starts_a_conversation(t: Inside, clock: ModuleType) -> None:
    made = [await conversations.start(by=by, project_id=t.project.id, title=" The design ") for by in t.everybody]
    assert [columns(row) for row in await models.Conversation.all().order_by("id")] == [
        {
            "id": conversation_id,
            "project_id": t.project.id,
            "title": "The design",
            "last_seq": 0,
            "created_at": clock.now(),
        }
        for conversation_id in made
    ]
    assert await t.told() == [
        ("conversation.started", made_id, by.user_id, []) for made_id, by in zip(made, t.everybody, strict=True)
    ]
    assert await t.tallies() == {}


async def test_3_3_a_project_that_is_not_ones_own_does_not_exist(t: Inside) -> None:
    for by in (t.carl, t.olga):
        async with refused(UserErrorCode.NOT_FOUND, "projectId"):
            await conversations.start(by=by, project_id=t.project.id, title="The design")


@pytest.mark.parametrize("title", ["", " ", "x" * 201, "two\nlines", "nul\0"])
async def test_a_title_is_one_line(t: Inside, title: str) -> None:
    async with refused(UserErrorCode.INVALID, "title"):
        await started(t, title)


# ── posting ──


async def test_3_5_a_message_has_its_place_and_its_author_has_read_it(t: Inside, clock: ModuleType) -> None:
    design, texts = await started(t), await started(t, "Texts")
    clock.advance(timedelta(minutes=1))
    sent = [
        await conversations.post(by=t.cleo, conversation_id=design, body=" Two\nlines \n"),
        await conversations.post(by=t.sam, conversation_id=texts, body="One."),
        await conversations.post(by=t.vera, conversation_id=design, body="Good."),
    ]
    assert [columns(row) for row in await models.Message.all().order_by("id")] == [
        {
            "id": message_id,
            "conversation_id": conversation_id,
            "project_id": t.project.id,
            "seq": seq,
            "author_id": by.user_id,
            "body": body,
            "sent_at": clock.now(),
        }
        for message_id, conversation_id, seq, by, body in (
            (sent[0], design, 1, t.cleo, "Two\nlines"),
            (sent[1], texts, 1, t.sam, "One."),
            (sent[2], design, 2, t.vera, "Good."),
        )
    ]
    assert (await t.now()).messages == 3
    assert (await seq_of(design), await seq_of(texts)) == (2, 1)
    assert await read_of(design) == {t.cleo.user_id: 1, t.vera.user_id: 2}
    assert await read_of(texts) == {t.sam.user_id: 1}
    assert await t.tallies() == {t.cleo.user_id: (0, 0, 1), t.sam.user_id: (0, 0, 1), t.vera.user_id: (0, 0, 2)}


async def test_0_10_the_log_says_that_somebody_wrote_and_not_what(t: Inside) -> None:
    design = await started(t)
    message_id = await conversations.post(by=t.cleo, conversation_id=design, body="Something personal.")
    assert await t.told() == [
        ("conversation.started", design, t.owner.user_id, []),
        ("message.posted", message_id, t.cleo.user_id, []),
    ]


@pytest.mark.parametrize("body", ["", " \n ", LONG, "nul\0", "bell\a"])
async def test_a_body_is_text(t: Inside, body: str) -> None:
    design = await started(t)
    async with refused(UserErrorCode.INVALID, "body"):
        await conversations.post(by=t.cleo, conversation_id=design, body=body)


async def test_a_body_is_at_most_10000_characters(t: Inside) -> None:
    design = await started(t)
    await conversations.post(by=t.cleo, conversation_id=design, body=LONG[1:])
    assert (await models.Message.get()).body == LONG[1:]


async def test_3_3_a_conversation_of_another_project_does_not_exist(t: Inside) -> None:
    design = await started(t)
    for by in (t.carl, t.olga):
        async with refused(UserErrorCode.NOT_FOUND, "conversationId"):
            await conversations.post(by=by, conversation_id=design, body="Hello.")
        async with refused(UserErrorCode.NOT_FOUND, "conversationId"):
            await conversations.mark_read(by=by, conversation_id=design)


async def test_3_6_whoever_was_taken_off_says_nothing_more(t: Inside) -> None:
    design = await started(t)
    await conversations.post(by=t.cleo, conversation_id=design, body="Hello.")
    await t.leave(t.cleo)
    async with refused(UserErrorCode.NOT_FOUND, "conversationId"):
        await conversations.post(by=t.cleo, conversation_id=design, body="Hello?")


async def test_1_3_a_partner_says_nothing_without_access(t: Inside, clock: ModuleType) -> None:
    design = await started(t)
    await models.AccessGrant.filter(id=t.grant.id).update(expires_at=clock.now() + timedelta(seconds=1))
    await conversations.post(by=t.paula, conversation_id=design, body="Hello.")
    clock.advance(timedelta(seconds=1))
    async with refused(UserErrorCode.NOT_FOUND, "conversationId"):
        await conversations.post(by=t.paula, conversation_id=design, body="Hello?")
    await models.AccessGrant.filter(id=t.grant.id).update(expires_at=None, status=AccessStatus.DISABLED)
    async with refused(UserErrorCode.NOT_FOUND, "projectId"):
        await conversations.start(by=t.paula, project_id=t.project.id, title="Hello?")


async def test_in_a_cancelled_account_nothing_more_is_said_and_what_was_said_is_read(t: Inside) -> None:
    design = await started(t)
    await conversations.post(by=t.cleo, conversation_id=design, body="Hello.")
    await models.Account.filter(id=t.account.id).update(status=AccountStatus.CANCELLED)
    async with refused(UserErrorCode.WRONG_STATE, "conversationId"):
        await conversations.post(by=t.cleo, conversation_id=design, body="Hello?")
    async with refused(UserErrorCode.WRONG_STATE, "projectId"):
        await conversations.start(by=t.cleo, project_id=t.project.id, title="Hello?")
    await conversations.mark_read(by=t.owner, conversation_id=design)
    assert await read_of(design) == {t.cleo.user_id: 1, t.owner.user_id: 1}


# ── reading ──


async def test_3_5_reading_counts_for_the_reader_alone_and_is_no_event(t: Inside) -> None:
    design, texts = await started(t), await started(t, "Texts")
    for conversation_id in (design, design, texts):
        await conversations.post(by=t.cleo, conversation_id=conversation_id, body="Hello.")
    told = await t.told()
    assert await conversations.mark_read(by=t.owner, conversation_id=design) == design
    assert await t.tallies() == {t.cleo.user_id: (0, 0, 3), t.owner.user_id: (0, 0, 2)}
    await conversations.post(by=t.sam, conversation_id=design, body="Hello.")
    await conversations.mark_read(by=t.owner, conversation_id=design)
    await conversations.mark_read(by=t.owner, conversation_id=texts)
    assert await t.tallies() == {
        t.cleo.user_id: (0, 0, 3),
        t.owner.user_id: (0, 0, 4),
        t.sam.user_id: (0, 0, 3),
    }
    assert (await t.told())[len(told) :] == [("message.posted", (await _last()).id, t.sam.user_id, [])]


async def _last() -> models.Message:
    return await models.Message.all().order_by("-id").first()  # type: ignore[return-value]  # there is one


async def test_what_is_read_to_its_end_is_read_again_without_a_trace(t: Inside) -> None:
    design = await started(t)
    await conversations.mark_read(by=t.owner, conversation_id=design)
    await conversations.post(by=t.cleo, conversation_id=design, body="Hello.")
    await conversations.mark_read(by=t.owner, conversation_id=design)
    before = await everything()
    await conversations.mark_read(by=t.owner, conversation_id=design)
    await conversations.mark_read(by=t.cleo, conversation_id=design)
    assert await everything() == before
