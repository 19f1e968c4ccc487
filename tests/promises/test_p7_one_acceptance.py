"""P7: no second acceptance. 8 processes, 100 offers or requests, each process tries to accept each."""

import asyncio
import sys
from collections import Counter

import models
from domain import changes, grants, partnerships
from domain.seats import Seat
from models.enums import AccessStatus, PartnershipStatus, ProposalStatus
from tests import given
from tests.promises.accepting import PATIENCE, Task, accept_all
from tests.promises.forks import FORKS

PROCESSES = 8
OFFERS = 100


async def offered(owner: Seat, client: models.Client) -> list[str]:
    """Make one client the asked one of a hundred offers, each by a partner of its own."""
    partners = [await given.partner(f"Partner {number}") for number in range(OFFERS)]
    for partner in partners:
        await partnerships.offer(
            by=await given.member(partner), partner_id=partner.id, client_id=client.id, terms={"title": "Shop care"}
        )
    return [offer.id for offer in await models.Proposal.filter(to_client_id=owner.client_id).order_by("id")]


async def test_p7_of_800_acceptances_of_100_offers_exactly_100_count(committed: str) -> None:
    client = await given.client()
    account = await given.account(client)
    owner = await given.staff(account)
    offer_ids = await offered(owner, client)

    outcomes = await asyncio.to_thread(at_once, Task(committed, offer_ids, owner, [account.id]))

    statuses = Counter(offer.status for offer in await models.Proposal.all())
    partnerships_now = Counter(partnership.status for partnership in await models.Partnership.all())
    access = Counter((grant.partner_id, grant.status) for grant in await models.AccessGrant.all())
    accepted = Counter(event.proposal_id for event in await models.Event.filter(topic="partnership.accepted"))
    connected = Counter(event.proposal_id for event in await models.Event.filter(topic="grant.connected"))
    sys.stdout.write(f'{{"promise": "P7", "outcomes": {dict(outcomes)}, "accepted": {len(accepted)}}}\n')
    assert outcomes == {"accepted": OFFERS, "WRONG_STATE": (PROCESSES - 1) * OFFERS}
    assert statuses == {ProposalStatus.ACCEPTED: OFFERS}
    assert partnerships_now == {PartnershipStatus.ACTIVE: OFFERS}
    assert set(access.values()) == {1}
    assert {status for _, status in access} == {AccessStatus.ENABLED}
    assert len(access) == OFFERS
    assert accepted == connected == Counter(offer_ids)
    assert await whole_chains(3) == OFFERS


async def requested(client: models.Client, account: models.Account) -> list[str]:
    """Let a hundred partners ask for the access to one account that was switched off."""
    for number in range(OFFERS):
        partner = await given.partner(f"Partner {number}")
        grant = await given.grant(await given.partnership(partner, client), account, status=AccessStatus.DISABLED)
        await grants.request(by=await given.member(partner), grant_id=grant.id, message="The season starts.")
    return [request.id for request in await models.Proposal.all().order_by("id")]


async def test_p7_of_800_approvals_of_100_requests_for_access_exactly_100_count(committed: str) -> None:
    client = await given.client()
    account = await given.account(client, jobs_created=100)
    owner = await given.staff(account)
    request_ids = await requested(client, account)

    outcomes = await asyncio.to_thread(at_once, Task(committed, request_ids, owner))

    statuses = Counter(request.status for request in await models.Proposal.all())
    access = Counter((grant.status, grant.version) for grant in await models.AccessGrant.all())
    enabled = Counter(event.proposal_id for event in await models.Event.filter(topic="grant.enabled"))
    sys.stdout.write(f'{{"promise": "P7", "outcomes": {dict(outcomes)}, "approved": {len(enabled)}}}\n')
    assert outcomes == {"accepted": OFFERS, "WRONG_STATE": (PROCESSES - 1) * OFFERS}
    assert statuses == {ProposalStatus.ACCEPTED: OFFERS}
    assert access == {(AccessStatus.ENABLED, 2): OFFERS}
    assert enabled == Counter(request_ids)
    assert await whole_chains(2) == OFFERS


def at_once(task: Task) -> Counter[str]:
    """Start the processes, wait for their ends, and add up what they were answered."""
    ready, answers = FORKS.Barrier(PROCESSES), FORKS.Queue()
    processes = [FORKS.Process(target=accept_all, args=(task, ready, answers)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    try:
        return sum((answers.get(timeout=PATIENCE * 3) for _ in processes), Counter())
    finally:
        for process in processes:
            process.join(PATIENCE)
            process.kill()


async def whole_chains(length: int) -> int:
    """Count the partnerships that have so many events, without a gap, and whose digests hold."""
    whole = 0
    for stream in await models.Stream.filter(id__startswith="partnership_"):
        previous = changes.NO_DIGEST
        events = await models.Event.filter(stream=stream.id).order_by("version")
        for event in events:
            assert event.commitment == changes.commitment(event)
            previous = changes.digest_after(previous, event)
        whole += (stream.version, stream.digest) == (len(events), previous) == (length, events[-1].digest)
    return whole
