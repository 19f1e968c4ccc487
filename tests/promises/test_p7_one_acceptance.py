"""P7: no second acceptance, no member above the licences, no second admin. 8 processes, 100 of each, all at once."""

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import models
from domain import changes, engagements, grants, partners, partnerships, proposals
from domain.seats import Seat
from models.enums import AccessStatus, PartnerKind, PartnerMemberRole, PartnershipStatus, ProposalStatus, Role
from tests import given
from tests.promises.accepting import PATIENCE, Task, do_all
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

    calls = [{"proposal_id": offer_id, "by": owner, "account_ids": [account.id]} for offer_id in offer_ids]
    outcomes = await asyncio.to_thread(at_once, [Task(committed, proposals.accept, calls)] * PROCESSES)

    statuses = Counter(offer.status for offer in await models.Proposal.all())
    partnerships_now = Counter(partnership.status for partnership in await models.Partnership.all())
    access = Counter((grant.partner_id, grant.status) for grant in await models.AccessGrant.all())
    accepted = Counter(event.proposal_id for event in await models.Event.filter(topic="partnership.accepted"))
    connected = Counter(event.proposal_id for event in await models.Event.filter(topic="grant.connected"))
    sys.stdout.write(f'{{"promise": "P7", "outcomes": {dict(outcomes)}, "accepted": {len(accepted)}}}\n')
    assert outcomes == {"done": OFFERS, "WRONG_STATE": (PROCESSES - 1) * OFFERS}
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

    calls = [{"proposal_id": request_id, "by": owner} for request_id in request_ids]
    outcomes = await asyncio.to_thread(at_once, [Task(committed, proposals.accept, calls)] * PROCESSES)

    statuses = Counter(request.status for request in await models.Proposal.all())
    access = Counter((grant.status, grant.version) for grant in await models.AccessGrant.all())
    enabled = Counter(event.proposal_id for event in await models.Event.filter(topic="grant.enabled"))
    sys.stdout.write(f'{{"promise": "P7", "outcomes": {dict(outcomes)}, "approved": {len(enabled)}}}\n')
    assert outcomes == {"done": OFFERS, "WRONG_STATE": (PROCESSES - 1) * OFFERS}
    assert statuses == {ProposalStatus.ACCEPTED: OFFERS}
    assert access == {(AccessStatus.ENABLED, 2): OFFERS}
    assert enabled == Counter(request_ids)
    assert await whole_chains(2) == OFFERS


async def companies(members: int, **columns: object) -> list[models.Partner]:
    """Write a hundred companies with so many members, the first of whom is the admin."""
    made = [await given.partner(f"Partner {n}", domain=f"n{n}.example", **columns) for n in range(OFFERS)]
    for company in made:
        await given.member(company, PartnerMemberRole.ADMIN)
        for _ in range(members - 1):
            await given.member(company)
    return made


async def test_p7_of_800_invites_for_100_last_licences_exactly_100_are_sent(committed: str) -> None:
    vendor, made = await given.admin(), await companies(members=1, licences=2, kind=PartnerKind.CLIENT_PARTNER)
    project = await given.project(await given.account(await given.client()))
    for company in made:
        await given.engaged(project, company)
    # Half of them to the company, half to the project.
    ways: list[tuple[Callable[..., Awaitable[object]], str]]
    ways = [(partners.invite_member, "partner_id"), (engagements.invite, "project_id")] * (PROCESSES // 2)
    tasks = [
        Task(
            committed,
            verb,
            [
                {"by": vendor, "email": f"p{n}@{company.domain}"}
                | {into: company.id if into == "partner_id" else project.id}
                for company in made
            ],
        )
        for n, (verb, into) in enumerate(ways)
    ]

    outcomes = await asyncio.to_thread(at_once, tasks)

    invited = Counter(invite.partner_id for invite in await models.Proposal.all())
    sent = await models.Event.filter(topic="invite.sent")
    sys.stdout.write(f'{{"promise": "P7", "outcomes": {dict(outcomes)}, "invited": {len(invited)}}}\n')
    assert outcomes == {"done": OFFERS, "LICENCES_USED_UP": (PROCESSES - 1) * OFFERS}
    assert invited == dict.fromkeys((company.id for company in made), 1)
    assert len({event.proposal_id for event in sent}) == len(sent) == OFFERS


async def test_p7_however_often_the_admin_s_part_passes_on_at_once_there_is_one_admin(committed: str) -> None:
    vendor, made = await given.admin(), await companies(members=1 + PROCESSES, licences=9)
    places = [
        await models.PartnerMember.filter(partner_id=company.id, role=PartnerMemberRole.COLLABORATOR).order_by("id")
        for company in made
    ]
    tasks = [
        Task(
            committed,
            partners.transfer_admin,
            [
                {"by": vendor, "partner_id": company.id, "member_id": of_company[n].id}
                for company, of_company in zip(made, places, strict=True)
            ],
        )
        for n in range(PROCESSES)
    ]

    outcomes = await asyncio.to_thread(at_once, tasks)

    admins = {company.id: company.admin_id for company in await models.Partner.all()}
    leading = await models.PartnerMember.filter(role=PartnerMemberRole.ADMIN)
    seated = [seat for seat in await models.Seat.all() if Role.PARTNER_ADMIN in seat.roles]
    sys.stdout.write(f'{{"promise": "P7", "outcomes": {dict(outcomes)}, "admins": {len(leading)}}}\n')
    assert outcomes == {"done": PROCESSES * OFFERS}
    assert len(leading) == len(seated) == OFFERS
    assert {place.partner_id: place.user_id for place in leading} == admins
    assert {seat.partner_id: seat.user_id for seat in seated} == admins


def at_once(tasks: Sequence[Task]) -> Counter[str]:
    """Start a process for each task, wait for their ends, and add up what they were answered."""
    ready, answers = FORKS.Barrier(len(tasks)), FORKS.Queue()
    processes = [FORKS.Process(target=do_all, args=(task, ready, answers)) for task in tasks]
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
