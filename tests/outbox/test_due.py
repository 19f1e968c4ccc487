"""What time brings about is told once, whoever looks how often, and also when nobody looked for long."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from domain import clock as the_clock
from models.enums import ProposalKind, ProposalStatus
from models.event import Event
from models.proposal import Proposal
from outbox import due
from tests import given
from tests.outbox import scenes

DAY = timedelta(days=1)


async def told() -> Counter[str]:
    """How often each topic that time brings about was announced."""
    topics = await Event.filter(actor_id=None).values_list("topic", flat=True)
    return Counter(str(topic) for topic in topics)


async def at(days: float) -> int:
    """Sweep so many days after the start, until nothing is left. How much was told."""
    before = await told()
    with the_clock.frozen_at(scenes.START + days * DAY):
        while await due.sweep(the_clock.now()):
            pass
    return (await told() - before).total()


@pytest.fixture
async def asked(database: None) -> None:
    """Two offers and an invite, all asked at the start."""
    with the_clock.frozen_at(scenes.START):
        who = await scenes.companies()
        await scenes.offer_to_client(who)
        await scenes.offer_to_address(who)
        await scenes.invite(await given.admin(), await given.partner("Southwind"))


@pytest.mark.usefixtures("asked")
async def test_5_3_reminders_follow_after_3_and_7_days_and_each_is_sent_once() -> None:
    assert [await at(days) for days in (0, 2.99, 3, 3, 6.9, 7, 7, 29.9)] == [0, 0, 3, 0, 0, 3, 0, 0]
    assert await told() == {"partnership.reminded": 4, "invite.reminded": 1, "invite.expired": 1}


@pytest.mark.usefixtures("asked")
async def test_5_3_what_was_missed_is_made_up_for_once() -> None:
    assert [await at(10), await at(10)] == [3, 0]
    assert await told() == {"partnership.reminded": 2, "invite.expired": 1}


@pytest.mark.usefixtures("asked")
async def test_5_3_an_expiry_is_announced_once_although_swept_twice() -> None:
    await at(29)
    before = await told()
    assert [await at(30 - 1 / 86400), await at(30), await at(30), await at(31)] == [0, 2, 0, 0]
    assert await told() - before == {"partnership.expired": 2}
    offers = await Proposal.filter(kind=ProposalKind.PARTNERSHIP_OFFER)
    assert [offer.status for offer in offers] == [ProposalStatus.EXPIRED] * 2


@pytest.mark.usefixtures("asked")
async def test_who_has_answered_is_not_reminded() -> None:
    with the_clock.frozen_at(scenes.START + DAY):
        await Proposal.all().update(status=ProposalStatus.DECLINED)
    assert [await at(3), await at(7), await at(40)] == [0, 0, 0]


@pytest.mark.usefixtures("committed")
async def test_sweeps_at_once_tell_everything_once() -> None:
    with the_clock.frozen_at(scenes.START):
        who = await scenes.companies()
        for number in range(5):
            await scenes.offer_to_address(who, f"jo{number}@island.example")
    with the_clock.frozen_at(scenes.START + 3 * DAY):
        await asyncio.gather(*[due.sweep(the_clock.now()) for _ in range(8)])
        assert await told() == {"partnership.reminded": 5}
    with the_clock.frozen_at(scenes.START + 30 * DAY):
        await asyncio.gather(*[due.sweep(the_clock.now()) for _ in range(8)])
        assert await told() == {"partnership.reminded": 5, "partnership.expired": 5}
