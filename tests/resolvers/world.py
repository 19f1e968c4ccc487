"""A filled world: what a portal looks like after a few years, in one committed database, and everybody who looks at it.

Four partners (two of one sort key, one with a single client), five clients (two of one name), accounts with several
staff, contacts on both sides, partnerships, proposals and grants in every status, those that only time has ended among
them, two client partners in the clients' projects, and events of every audience. Rows are consistent as the law leaves
them: an ended partnership has released what it lent.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

import pytest
from tortoise.transactions import in_transaction

import models
from domain import clock, moves, tokens
from domain.seats import Seat
from models import base
from models.enums import (
    AccessStatus,
    AccountStatus,
    Audience,
    ContactPurpose,
    DeliveryStatus,
    EndpointStatus,
    InviteKind,
    LinkPurpose,
    ModificationKind,
    NoticeUrgency,
    PartnerMemberRole,
    PartnershipStatus,
    ProposalKind,
    ProposalStatus,
    SecurityRole,
    Side,
)
from models.proposal import new_proposal_id
from tests import given
from tests.resolvers.cast import ODD_NAMES, Cast
from tests.resolvers.world_projects import Projects

Row = dict[str, Any]

DAY: Final = timedelta(days=1)
MOMENT: Final = timedelta(microseconds=1)
_SUBSCRIBED: Final[Mapping[str, Any]] = {
    "plan": "Business",
    "price": 4990,
    "currency": "EUR",
    "renews_on": date(2027, 1, 1),
}
UNKNOWN_IDS: Final = ("nowhere_01jd0000000000000000000000", "partner", "", "_", "müll_👀")


@dataclass
class World:
    """Every row by table, the seats that look, and what a caller may hold in its hand."""

    tables: dict[str, list[Row]] = field(default_factory=dict)
    seats: dict[str, Seat | None] = field(default_factory=dict)
    invite_tokens: list[str] = field(default_factory=list)
    sign_in_tokens: list[str] = field(default_factory=list)


async def filled() -> World:
    """Write the world into the connected database, which is empty, and read it back; with the same ids every time."""
    with pytest.MonkeyPatch.context() as patch:
        numbers = itertools.count(1)
        patch.setattr(base, "new_id", lambda prefix: f"{prefix}_{next(numbers):026d}")
        async with in_transaction():
            return await _filled()


async def _filled() -> World:
    world = World()
    people = await _people(world)
    works = _Works(world, people)
    await works.between_everybody()
    await works.projects.written()
    await works.invites()
    await works.log()
    await works.notices()
    await works.links()
    await works.webhooks()
    await works.earnings()
    await works.directory()
    await sessions(people)
    for model in models.TABLES:
        world.tables[model._meta.db_table] = await model.all().values()
    return world


async def sessions(people: Cast) -> None:
    """More sign-ins than one of a person: live, ended, over; and a seat that ended, its session with it."""
    [seat] = await models.Seat.filter(user_id=people.users[1].id)
    await given.session(seat, ip="192.0.2.7", user_agent="Browser")
    await given.session(seat, ended_at=clock.now())
    await given.session(seat, expires_at=clock.now())
    await models.Seat.filter(id=people.left_seat.id).update(ended_at=clock.now(), version=2)
    await models.Session.filter(seat_id=people.left_seat.id).update(ended_at=clock.now())


async def _people(world: World) -> Cast:
    partners = [
        await given.partner("Northwind", kind="PARTNER", **_details(1), copy_address="copies@northwind.example"),
        await given.partner("NORTHWIND", licences=2),
        await given.partner("Ångström & Söhne", revenue_share_ppm=150_000, **_details(2)),
        await given.partner("Gardens of the Odd"),
    ]
    clients = [
        await given.client("Harbour Foods", **_details(3)),
        await given.client("Harbour Foods"),
        await given.client(ODD_NAMES[0], **_details(4)),
        await given.client(ODD_NAMES[1]),
        await given.client(ODD_NAMES[2]),
    ]
    accounts = {
        clients[0].id: [
            await given.account(clients[0], "Main shop", jobs_created=100, last_job_at=clock.now() - DAY),
            await given.account(clients[0], "main  SHOP", last_job_at=clock.now() - 7 * DAY),
            await given.account(clients[0], ODD_NAMES[4], status=AccountStatus.CANCELLED, **_SUBSCRIBED),
        ],
        clients[1].id: [
            await given.account(clients[1], "Main shop", jobs_created=99, last_job_at=clock.now() - 7 * DAY + MOMENT)
        ],
        clients[2].id: [
            await given.account(clients[2], ODD_NAMES[3]),
            await given.account(clients[2], "B_%", plan=""),
        ],
        clients[3].id: [await given.account(clients[3], "Quay", status=AccountStatus.SETTING_UP, plan="Business")],
        clients[4].id: [],
    }
    companies: list[models.Partner | models.Client] = [*partners, *clients]
    contacts = {company.id: await _contacts(company) for company in companies}
    brokers = [await given.client_partner("Harrow Brokers", **_details(5)), await given.client_partner("Fenwick")]
    users, left = await _seated(world, [*partners, *brokers], clients, accounts)
    return Cast(partners, clients, brokers, accounts, contacts, users, left)


def _details(number: int) -> dict[str, str]:
    return {
        "street": f"{number} Quay Street",
        "city": "Zürich",
        "country": "CH",
        "phone": f"+41 44 000 00 0{number}",
        "email": f"office{number}@example.com",
        "website": "https://example.com/?a=1&b=\u2028",
    }


async def _contacts(company: models.Partner | models.Client) -> list[models.Contact]:
    purposes = sorted(ContactPurpose)
    made = [
        await given.contact(company, "Grace Hopper", email="grace@example.com", phone="1", purposes=purposes[:2]),
        await given.contact(company, "grace  hopper", title="Dr.", mobile="2", purposes=purposes),
        await given.contact(company, ODD_NAMES[3]),
        await given.contact(company, ODD_NAMES[0], purposes=[ContactPurpose.EMERGENCY]),
        await given.contact(company, "", erased_at=clock.now()),
    ]
    return made + [await given.contact(company, f"Contact {n}", purposes=purposes[n:]) for n in range(4)]


async def _seated(
    world: World,
    partners: list[models.Partner],
    clients: list[models.Client],
    accounts: Mapping[str, list[models.Account]],
) -> tuple[list[models.User], Seat]:
    """Seat everybody: each kind of seat once or more, and one person in several."""
    admin, collaborator = PartnerMemberRole.ADMIN, PartnerMemberRole.COLLABORATOR
    owner, manager, staff = SecurityRole.ACCOUNT_OWNER, SecurityRole.MANAGER, SecurityRole.STAFF
    first, second, third, _, harrow, fenwick = partners
    shop, annex, cancelled = accounts[clients[0].id]
    twin, odd = accounts[clients[1].id][0], accounts[clients[2].id][0]
    several = await given.user("Sam Several", locale="de")
    world.seats = {
        "anonymous": None,
        "vendor admin": await given.admin(),
        "partner admin": await given.member(first, admin),
        "partner member": await given.member(first, collaborator),
        "partner admin of another": await given.member(second, admin),
        "partner admin of a third": await given.member(third, admin, await given.user(ODD_NAMES[4], locale="ja")),
        "account owner": await given.staff(shop, owner),
        "client manager": await given.staff(shop, manager),
        "client staff": await given.staff(shop, staff),
        "account owner of the twin": await given.staff(twin, owner),
        "account owner of the odd": await given.staff(odd, owner),
        "account owner of the quay": await given.staff(accounts[clients[3].id][0], owner),
        "several: partner": await given.member(second, collaborator, several),
        "several: staff": await given.staff(annex, staff, several),
        "several: owner": await given.staff(accounts[clients[2].id][1], owner, several),
        "client partner admin": await given.member(harrow, admin),
        "client partner member": await given.member(harrow, collaborator),
        "client partner on one project": await given.member(harrow, collaborator),
        "client partner of another": await given.member(fenwick, admin),
    }
    users = [await models.User.get(id=seat.user_id) for seat in world.seats.values() if seat]
    # One person in two accounts of one client, with one seat; people who have left; a vendor without a company's seat.
    await models.StaffMember.create(account=cancelled, user=users[5], role=owner, joined_at=clock.now())
    left = await given.member(third, collaborator)
    await models.PartnerMember.filter(user_id=left.user_id).update(removed_at=clock.now())
    await models.StaffMember.create(
        account=shop, user=users[0], role=staff, joined_at=clock.now(), removed_at=clock.now()
    )
    erased = await given.user("Erased", email=None)
    await models.User.filter(id=erased.id).update(name="")
    await models.Partner.filter(id=second.id).update(copy_address="  ", admin_id=users[3].id)
    return [*users, erased], left


class _Works:
    """What the companies have done with each other."""

    def __init__(self, world: World, people: Cast) -> None:
        self.world = world
        self.people = people
        self.partnerships: list[models.Partnership] = []
        self.proposals: list[models.Proposal] = []
        self.grants: list[models.AccessGrant] = []
        self.managers: list[models.PartnershipManager] = []
        self.projects = Projects(people, world.seats)

    async def between_everybody(self) -> None:
        """Partnerships in every status, with all that hangs on them."""
        status, now = PartnershipStatus, clock.now()
        first, second, third, fourth = self.people.partners
        harbour, twin, odd, street, _ = self.people.clients
        ended = await self.partnership(first, harbour, status.ENDED)
        active = await self.partnership(first, harbour, status.ACTIVE, previous=ended)
        await self.partnership(second, harbour, status.ACTIVE, changed_at=active.changed_at)
        await self.partnership(third, harbour, status.OFFERED)
        await self.partnership(first, twin, status.ACTIVE, hidden_by_partner=True)
        await self.partnership(second, twin, status.OFFERED, expires_at=now)
        await self.partnership(third, twin, status.OFFERED, expires_at=now + MOMENT)
        await self.partnership(first, odd, status.DECLINED)
        await self.partnership(first, odd, status.OFFERED, expires_at=now - DAY)
        await self.partnership(second, odd, status.ENDED)
        await self.partnership(third, odd, status.ACTIVE, hidden_by_client=True)
        await self.partnership(fourth, odd, status.ACTIVE)
        await self.partnership(first, street, status.WITHDRAWN)
        await self.partnership(second, street, status.EXPIRED)
        await self.partnership(first, street, status.OFFERED)
        for partner, email in [
            (first, "new@elsewhere.example"),
            (first, "older@elsewhere.example"),
            (third, "x@y.example"),
        ]:
            late = now - DAY if "older" in email else now + 9 * DAY
            await self.partnership(partner, None, status.OFFERED, expires_at=late, client_key=email, email=email)
        await self.modifications()
        await self.requests()
        await self.teams()

    async def partnership(
        self,
        partner: models.Partner,
        client: models.Client | None,
        status: PartnershipStatus,
        *,
        email: str | None = None,
        **columns: object,
    ) -> models.Partnership:
        """Write one with its offer, what the offer lends and asks for, and the access that it gave."""
        number = len(self.partnerships)
        made = await given.partnership(
            partner,
            client,
            status,
            **{
                "title": ("Shop care", "Gartenpflege", "Shop care")[number % 3],
                "description": 'Watering\nand "pruning"' if number % 2 else None,
                "region": ODD_NAMES[number % 5] if number % 3 else None,
                "starts_on": date(2026, 2, 28) + number * DAY if number % 2 else None,
                "changed_at": clock.now() - (number // 2) * DAY - number % 2 * MOMENT,
                "ended_by": Side.CLIENT if status is PartnershipStatus.ENDED else None,
                "end_reason": "Closed the shop." if status is PartnershipStatus.ENDED else None,
                **columns,
            },
        )
        expires_at = made.expires_at
        offer = await given.offer(
            made,
            status=_OFFERS[status],
            version=1 + number % 3,
            message="Grüße 👋" if number % 2 else None,
            proposed_by=self.user_of("partner admin"),
            email=email,
            client_name="Elsewhere Ltd" if email and "new" in email else None,
            comment="No, thanks." if status is PartnershipStatus.DECLINED else None,
            decided_by=self.user_of("account owner") if _OFFERS[status] in _ANSWERED else None,
            decided_at=clock.now() if _OFFERS[status] in _ANSWERED else None,
            **({"expires_at": expires_at} if status is PartnershipStatus.OFFERED else {}),
        )
        await models.Partnership.filter(id=made.id).update(expires_at=offer.expires_at)
        self.partnerships.append(made)
        self.proposals.append(offer)
        await self.lent(made, offer)
        await self.asked_for(made, offer)
        return made

    async def lent(self, to: models.Partnership, by: models.Proposal) -> None:
        """Lend with the offer; what was lent is assigned while the partnership runs and released after it."""
        is_over = to.status is PartnershipStatus.ENDED
        accepted = clock.now() - DAY if to.status in {PartnershipStatus.ACTIVE, PartnershipStatus.ENDED} else None
        for contact in self.people.contacts[to.partner_id][:3]:
            released = clock.now() if is_over or (accepted and contact.title) else None
            await given.lent_contact(to, contact, by, assigned_at=accepted, released_at=released)
        if to.status is PartnershipStatus.ACTIVE and to.client_id:
            for contact in self.people.contacts[to.client_id][1:4]:
                await given.lent_contact(to, contact, by)

    async def asked_for(self, partnership: models.Partnership, offer: models.Proposal) -> None:
        """Ask for every account of the client, and connect them in every way an access can stand."""
        accounts = self.people.accounts.get(partnership.client_id or "", [])
        for account in accounts:
            await models.ProposalItem.create(proposal=offer, kind=ModificationKind.ADD_ACCOUNT, account=account)
        if partnership.status not in {PartnershipStatus.ACTIVE, PartnershipStatus.ENDED}:
            return
        for account in accounts:
            for columns in self.accesses(partnership):
                self.grants.append(await given.grant(partnership, account, **columns))

    def accesses(self, partnership: models.Partnership) -> Iterable[Mapping[str, object]]:
        """The states of an account's access, in turn; what was disconnected stays as a row of its own."""
        now = clock.now()
        over: dict[str, object] = {"status": AccessStatus.DISCONNECTED, "disconnected_at": now}
        if partnership.status is PartnershipStatus.ENDED:
            return [over]
        turns: list[Mapping[str, object]] = [
            {"expires_at": now + 60 * DAY, "last_opened_at": now - DAY},
            {"expires_at": now},
            {"status": AccessStatus.EXPIRED, "expires_at": now - DAY},
            {"status": AccessStatus.DISABLED},
            {},
        ]
        turn = turns[len(self.grants) % len(turns)]
        return [over, turn] if len(self.grants) % 3 == 0 else [turn]

    async def modifications(self) -> None:
        """In every state and from both sides, with what each adds, releases, connects and changes."""
        for number, partnership in enumerate(p for p in self.partnerships if p.status in _MODIFIED and p.client_id):
            is_over = partnership.status is PartnershipStatus.ENDED
            for by in (Side.PARTNER, Side.CLIENT):
                for status in _SETTLED:
                    await self.modification(partnership, by, status, number)
                if is_over:
                    # What was never sent ends with the partnership, and stays its own side's.
                    await self.modification(partnership, by, _STATUS.CANCELLED, number, proposed_at=None)
                elif number % 3 < 2:
                    await self.modification(partnership, by, _STATUS.DRAFT, number)
            if not is_over:
                await self.pending(partnership, number)

    async def requests(self) -> None:
        """For access, in every state; what waits is of those who are shut out, some no more since this moment."""
        now, of = clock.now(), {partnership.id: partnership for partnership in self.partnerships}
        shut = {AccessStatus.EXPIRED, AccessStatus.DISABLED}
        for number, grant in enumerate(self.grants):
            is_over = grant.status is AccessStatus.DISCONNECTED
            statuses = [*_ASKED[number % 2], *([_STATUS.CANCELLED] if is_over else [])]
            is_shut = grant.status in shut or grant.expires_at == now
            for status in [*statuses, *([_STATUS.PENDING] if is_shut else [])]:
                is_answered = status in _ANSWERED
                made = await given.request(
                    of[grant.partnership_id],
                    grant,
                    status=status,
                    version=1 + number % 3,
                    message="Grüße 👋 lasst uns ein" if number % 2 else None,
                    proposed_by=self.user_of("partner member"),
                    comment="Nein." if status is _STATUS.DECLINED else None,
                    decided_by=self.user_of("account owner") if is_answered else None,
                    decided_at=now if is_answered else None,
                    expires_at=[now + DAY, now + 9 * DAY, now][number % 3],
                )
                self.proposals.append(made)

    async def pending(self, partnership: models.Partnership, number: int) -> None:
        """What waits: of one side or of both, until tomorrow, for weeks, or no more since this moment; a counter."""
        now = clock.now()
        ends = [now + DAY, now, now + 20 * DAY, now + MOMENT][number % 4]
        countered = await self.modification(partnership, Side.PARTNER, _STATUS.SUPERSEDED, number)
        sides = [(Side.CLIENT,), (Side.PARTNER,), (Side.PARTNER, Side.CLIENT)][number % 3]
        for by in sides:
            answers = countered.id if by is Side.CLIENT else None
            await self.modification(partnership, by, _STATUS.PENDING, number, expires_at=ends, counters_id=answers)

    async def modification(
        self, of: models.Partnership, by: Side, status: ProposalStatus, number: int, **columns: object
    ) -> models.Proposal:
        """Write one with its items; an emptied draft has none."""
        is_decided = status in _ANSWERED
        made = await given.modification(
            of,
            by,
            status=status,
            version=2 + number % 3,
            message=None if status is _STATUS.DRAFT else "Grüße 👋 from us",
            proposed_by=self.user_of("partner admin" if by is Side.PARTNER else "client manager"),
            comment="As it should be." if is_decided else None,
            decided_by=self.user_of("account owner") if is_decided else None,
            decided_at=clock.now() if is_decided else None,
            **columns,
        )
        self.proposals.append(made)
        if status is not _STATUS.DRAFT or by is Side.PARTNER or number % 2:
            await self.items(made, of, number)
        return made

    async def items(self, of: models.Proposal, partnership: models.Partnership, number: int) -> None:
        """Add one of one's own, release one of each side, connect an account, change terms; as far as decided."""
        partners = self.people.contacts[partnership.partner_id]
        clients = self.people.contacts[str(partnership.client_id)]
        accounts = self.people.accounts[str(partnership.client_id)]
        added = (partners if of.proposed_by_side is Side.PARTNER else clients)[_ADDED.get(of.status, 8)]
        kind = ModificationKind
        items: list[dict[str, Any]] = [
            {"kind": kind.ADD_CONTACT, "contact": added},
            {"kind": kind.RELEASE_CONTACT, "contact": partners[2 * (number % 2)]},
            {"kind": kind.RELEASE_CONTACT, "contact": clients[1 + number % 3]},
            {"kind": kind.CHANGE_TERMS, "field": "region", "before": None, "after": ODD_NAMES[number % 5]},
            {"kind": kind.CHANGE_TERMS, "field": "startsOn", "before": "2026-02-28", "after": "2026-12-01"},
            *([{"kind": kind.ADD_ACCOUNT, "account": accounts[-1]}] if accounts else []),
        ]
        accepted = _ITEMS.get(of.status, (None, None))
        for place, item in enumerate(items):
            await models.ProposalItem.create(proposal=of, accepted=accepted[place % 2], **item)
        is_open = of.status in {_STATUS.DRAFT, _STATUS.PENDING}
        now = clock.now()
        is_there = partnership.status is PartnershipStatus.ACTIVE
        await given.lent_contact(
            partnership,
            added,
            of,
            assigned_at=now if accepted[0] else None,
            released_at=None if is_open or (accepted[0] and is_there) else now,
        )

    async def teams(self) -> None:
        """Both sides' people; one of each has left the team."""
        for partnership in self.partnerships:
            for company in (partnership.partner_id, partnership.client_id):
                if partnership.status in _MODIFIED and company is not None:
                    contacts = self.people.contacts[company]
                    self.managers.append(await given.manager(partnership, contacts[0]))
                    self.managers.append(await given.manager(partnership, contacts[5]))
                    await given.manager(partnership, contacts[6], removed_at=clock.now())

    async def proposal(self, kind: ProposalKind, status: ProposalStatus, **columns: object) -> models.Proposal:
        """Write one of a kind; PENDING ones end tomorrow."""
        row = models.Proposal(
            id=new_proposal_id(kind),
            kind=kind,
            status=status,
            created_at=clock.now(),
            **{"expires_at": clock.now() + DAY, "proposed_at": clock.now(), **columns},
        )
        await row.save(force_create=True)
        return row

    # ── invites ──

    async def invites(self) -> None:
        """Of every kind in every status: from the vendor, from partners, from clients."""
        first, second, *_ = self.people.partners
        harrow, _ = self.people.brokers
        account = self.people.accounts[self.people.clients[0].id][0]
        project, _, another, *_ = self.projects.projects
        addressed = next(p for p in self.partnerships if p.client_id is None)
        about: dict[InviteKind, Mapping[str, object]] = {
            InviteKind.PARTNERSHIP: {
                "from_partner": first,
                "partnership": addressed,
                "proposed_by_side": Side.PARTNER,
                "client_name": "Elsewhere Ltd",
            },
            InviteKind.PARTNER_ADMIN: {"partner": second, "proposed_by_side": Side.VENDOR},
            InviteKind.PARTNER_MEMBER: {"from_partner": first, "partner": first, "proposed_by_side": Side.PARTNER},
            InviteKind.PROJECT: {
                "from_client_id": account.client_id,
                "partner": harrow,
                "account": account,
                "project": project,
                "proposed_by_side": Side.CLIENT,
            },
            InviteKind.STAFF: {
                "from_client_id": account.client_id,
                "account": account,
                "proposed_by_side": Side.CLIENT,
                "role": SecurityRole.STAFF,
            },
            InviteKind.ACCOUNT_OWNER: {"account": account, "proposed_by_side": Side.VENDOR},
        }
        for kind, columns in about.items():
            for number, status in enumerate(ProposalStatus):
                await self.invite(kind, status, number, columns)
            await self.invite(kind, ProposalStatus.PENDING, 0, {**columns, "expires_at": clock.now()})
        of_brokers = {"from_partner": harrow, "partner": harrow, "proposed_by_side": Side.PARTNER}
        for number, status in enumerate(ProposalStatus):
            columns = {**of_brokers, "project_ids": [project.id, another.id] if number % 2 else None}
            await self.invite(InviteKind.PARTNER_MEMBER, status, number, columns)

    async def invite(
        self, kind: InviteKind, status: ProposalStatus, number: int, columns: Mapping[str, object]
    ) -> None:
        answered = status in _ANSWERED
        row = await self.proposal(
            ProposalKind.INVITE,
            status,
            invite_kind=kind,
            email=f"{kind.lower()}.{number}@example.com" if number % 4 else self.people.users[number].email,
            version=number + 1,
            proposed_by=self.user_of("partner member") if number % 2 else None,
            decided_by=self.user_of("client staff") if answered else None,
            decided_at=clock.now() if answered else None,
            comment=f"{status.title()} it is." if answered else None,
            **columns,
        )
        self.proposals.append(row)

    async def links(self) -> None:
        """E-mailed links: open, used, replaced, over."""
        now = clock.now()
        invites = [p for p in self.proposals if p.kind is ProposalKind.INVITE]
        for number, invite in enumerate(invites):
            link = await tokens.issue(
                LinkPurpose.INVITE,
                email=str(invite.email),
                at=now,
                expires_at=now if number % 5 == 4 else now + 7 * DAY,
                proposal_id=invite.id,
            )
            self.world.invite_tokens.append(tokens.of_link(link))
        await models.Link.filter(proposal_id__in=[invite.id for invite in invites[::3]]).update(replaced_at=now)
        turns: list[dict[str, object]] = [*[{}] * 5, {"used_at": now}, {"replaced_at": now}, {"expires_at": now}]
        for number, (user, changed) in enumerate(zip(self.people.users, turns, strict=False)):
            link = await tokens.issue_sign_in(user.id, f"{number}@example.com", at=now)
            self.world.sign_in_tokens.append(tokens.of_link(link))
            if changed:
                await models.Link.filter(id=link.id).update(**changed)

    # ── the log ──

    async def log(self) -> None:
        """Events of every audience about everything, published or not; one stream longer than a page."""
        topics = sorted(moves.TOPICS)
        for number, partnership in enumerate(self.partnerships):
            about = {
                "partnership_id": partnership.id,
                "partner_id": partnership.partner_id,
                "client_id": partnership.client_id,
            }
            subjects = self.subjects_of(partnership)
            proposals = [p.id for p in self.proposals if p.partnership_id == partnership.id]
            for version in range(1, 26 if number == 1 else 5):
                await self.event(
                    partnership.id,
                    version,
                    topics[(number + version) % len(topics)],
                    subject=subjects[version * 7 % len(subjects)],
                    proposal_id=proposals[version % len(proposals)] if version % 2 else None,
                    **about,
                )
        companies: list[models.Partner | models.Client] = [*self.people.partners, *self.people.clients]
        for number, company in enumerate(companies):
            side = "partner_id" if isinstance(company, models.Partner) else "client_id"
            contacts = self.people.contacts[company.id]
            for version in range(1, 4):
                subject = [company.id, contacts[0].id, "nowhere_01jd0000000000000000000000"][version - 1]
                await self.event(company.id, version, topics[number], subject=subject, **{side: company.id})
        for number, proposal in enumerate(p for p in self.proposals if p.kind is ProposalKind.INVITE):
            about = {"partner_id": proposal.partner_id or proposal.from_partner_id, "account_id": proposal.account_id}
            await self.event(proposal.id, 1, topics[number % 9], subject=proposal.id, proposal_id=proposal.id, **about)
        for number, told in enumerate(await self.projects.events()):
            await self.event(told.pop("stream"), told.pop("version"), topics[number % len(topics)], **told)
        for broker in self.people.brokers:
            for version in range(1, 4):
                await self.event(broker.id, version, topics[version], subject=broker.id, partner_id=broker.id)

    async def notices(self) -> None:
        """Of every seat: read or not, acknowledged or not, of its own company's events and of what it may not see."""
        published = [event for event in await models.Event.all().order_by("id") if event.pos is not None]
        rows = []
        for number, seat in enumerate(await models.Seat.all().order_by("id")):
            for place, event in enumerate(published[number::7]):
                rows.append(
                    models.Notice(
                        seat=seat,
                        event=event,
                        pos=event.pos,
                        urgency=list(NoticeUrgency)[place % 2],
                        proposal_id=event.proposal_id,
                        read_at=clock.now() if place % 3 else None,
                        acknowledged_at=clock.now() if place % 6 == 1 else None,
                        created_at=clock.now(),
                    )
                )
            for topic, portal in (("partnership.offered", number % 2 == 0), ("invite.sent", True)):
                await models.NoticePreference.create(seat=seat, topic=topic, portal=portal, email=number % 3 == 0)
        await models.Notice.bulk_create(rows)

    def subjects_of(self, partnership: models.Partnership) -> list[str | None]:
        """What a partnership's events can be about: each type of the log."""
        grants = [grant.id for grant in self.grants if grant.partnership_id == partnership.id]
        contacts = self.people.contacts[partnership.partner_id]
        people = [user.id for user in self.people.users[:3]]
        accounts = [account.id for account in self.people.accounts.get(partnership.client_id or "", [])]
        changed = [proposal.id for proposal in self.proposals if proposal.partnership_id == partnership.id]
        changed += [manager.id for manager in self.managers if manager.partnership_id == partnership.id]
        return [
            partnership.offer_id,
            *grants,
            contacts[0].id,
            *people,
            *accounts,
            partnership.client_id,
            None,
            *changed,
        ]

    async def event(self, stream: str, version: int, topic: str, **columns: Any) -> None:
        number = await models.Event.all().count()
        changes = [
            {"field": "title", "before": None, "after": 'Ünïcode "quoted"'},
            {"field": "x", "before": "1", "after": None},
        ]
        columns = {"visible_to": list(Audience)[(number // 2) % len(Audience)], **columns}
        await models.Event.create(
            pos=number if number % 7 else None,
            stream=stream,
            version=version,
            topic=topic,
            actor=self.people.users[number % len(self.people.users)] if number % 5 else None,
            on_behalf_of="CLIENT" if number % 11 == 0 else None,
            side=list(Side)[number % 3] if number % 4 else None,
            reason="Because." if number % 6 == 0 else None,
            changes=changes[: number % 3],
            salt=f"{number:064x}",
            commitment=f"{number + 1:064x}",
            digest=f"{number + 2:064x}",
            at=clock.now() - number * MOMENT,
            **columns,
        )

    # ── webhooks ──

    async def webhooks(self) -> None:
        """Endpoints of the vendor and of companies, in every status, with deliveries in every status."""
        first, second, *_ = self.people.partners
        harbour, twin, *_ = self.people.clients
        events = await models.Event.filter(pos__not_isnull=True).order_by("pos")
        owners: list[models.Partner | models.Client | None] = [None, None, first, first, second, harbour, harbour, twin]
        for number, owner in enumerate(owners):
            status = list(EndpointStatus)[number % 3]
            endpoint = await given.endpoint(
                owner,
                url=f"https://hooks.example.com/{number}",
                topics=sorted(moves.TOPICS)[: number % 4],
                status=status,
                disabled_reason="It answered 410." if status is EndpointStatus.DISABLED else None,
            )
            for place, event in enumerate(events[number :: len(events) // 7]):
                await self.delivery(endpoint, event, place)
        await self.delivery(await given.endpoint(first, deleted_at=clock.now()), events[0], 1)

    async def delivery(self, to: models.WebhookEndpoint, event: models.Event, number: int) -> None:
        status = list(DeliveryStatus)[number % 3]
        attempt = {
            "at": "2026-11-21T20:46:00.000000Z",
            "response_status": 500 if number % 2 else None,
            "response_body": "Ünïcode \N{REPLACEMENT CHARACTER}" if number % 2 else None,
            "error": None if number % 2 else "No connection.",
            "milliseconds": 15_000 + number,
        }
        await models.WebhookDelivery.create(
            endpoint=to,
            event=event,
            status=status,
            attempts=[attempt] * (number % 4),
            tries=number % 4,
            next_attempt_at=clock.now() + number * MOMENT if status is DeliveryStatus.PENDING else None,
            created_at=clock.now(),
        )

    # ── what it earns, and who is listed ──

    async def earnings(self) -> None:
        """Let connections earn, wait, be too late, come second, and have nothing agreed; and pay."""
        now, (_, second, _, fourth) = clock.now(), self.people.partners
        harbour, _, odd, *_ = self.people.clients
        _, annex, _ = self.people.accounts[harbour.id]
        await models.Account.filter(id=annex.id).update(jobs_created=100, activated_at=now - DAY)
        await models.Account.filter(id=self.people.accounts[odd.id][0].id).update(jobs_created=150, activated_at=now)
        await models.Partner.filter(id=second.id).update(revenue_share_ppm=1)
        for account in await models.Account.filter(activated_at=now).order_by("id"):
            connected = models.AccessGrant.filter(account_id=account.id).exclude(status=AccessStatus.DISCONNECTED)
            earliest = await connected.order_by("id").first()
            if earliest is not None:
                await models.AccessGrant.filter(id=earliest.id).update(is_earliest=True)
        for number, grant in enumerate(grant for grant in self.grants if grant.partner_id != fourth.id):
            amount, currency = [(123_450, "EUR"), (70, "JPY"), (1_005, "BHD")][number % 3]
            payment = await models.Payment.create(
                account_id=grant.account_id,
                reference=f"INV-{number}",
                amount=amount,
                currency=currency,
                paid_on=date(2026, 11, 1) + number * DAY,
                recorded_at=now,
            )
            await models.Commission.create(
                partner_id=grant.partner_id,
                account_id=grant.account_id,
                grant_id=grant.id,
                payment=payment,
                paid=amount,
                amount=amount // (2 + number),
                currency=currency,
                rate_ppm=[150_000, 1, 1_000_000][number % 3],
                earned_at=now - number * DAY,
            )

    async def directory(self) -> None:
        """List all partners but one."""
        first, second, _, fourth = self.people.partners
        services = [["Shop care", ODD_NAMES[1]], [], ["shop  CARE"]]
        for number, partner in enumerate((first, second, fourth)):
            region = ("Zürich", "Bergen", ODD_NAMES[4])[number]
            await models.DirectoryListing.create(
                partner=partner,
                name_key=partner.name_key,
                headline=ODD_NAMES[number],
                region=region,
                region_key=base.text_key(region),
                country=("CH", "NO", "NO")[number],
                services=services[number],
                service_keys=[base.text_key(service) for service in services[number]],
                listed_at=clock.now(),
            )

    def user_of(self, seat: str) -> models.User:
        held = self.world.seats[seat]
        return next(user for user in self.people.users if held and user.id == held.user_id)


_STATUS = ProposalStatus
_MODIFIED = frozenset({PartnershipStatus.ACTIVE, PartnershipStatus.ENDED})
# Whether the first, third … and the second, fourth … item of a modification was accepted.
_ITEMS = {
    _STATUS.ACCEPTED: (True, True),
    _STATUS.PARTIALLY_ACCEPTED: (False, True),
    _STATUS.DECLINED: (False, False),
}
# Which of a company's contacts a modification lends: what is open or accepted lends nobody twice.
_ADDED = {_STATUS.ACCEPTED: 5, _STATUS.DRAFT: 6, _STATUS.PENDING: 7}
_ASKED = ((_STATUS.ACCEPTED, _STATUS.WITHDRAWN), (_STATUS.DECLINED, _STATUS.EXPIRED))
_SETTLED = (*_ITEMS, _STATUS.WITHDRAWN, _STATUS.EXPIRED, _STATUS.CANCELLED)
_ANSWERED = frozenset({ProposalStatus.ACCEPTED, ProposalStatus.PARTIALLY_ACCEPTED, ProposalStatus.DECLINED})
_OFFERS = {
    PartnershipStatus.OFFERED: ProposalStatus.PENDING,
    PartnershipStatus.ACTIVE: ProposalStatus.ACCEPTED,
    PartnershipStatus.ENDED: ProposalStatus.ACCEPTED,
    PartnershipStatus.DECLINED: ProposalStatus.DECLINED,
    PartnershipStatus.WITHDRAWN: ProposalStatus.WITHDRAWN,
    PartnershipStatus.EXPIRED: ProposalStatus.EXPIRED,
}


def missing_ids() -> list[str]:
    """Ids that name nothing: of every type, and of none."""
    companies = ("user", "partner", "client", "account", "contact")
    works = ("partnership", "offer", "modification", "item", "request", "manager", "invite", "grant", "event")
    prefixes = (*companies, *works, "project", "approval", "message", "file", "tally")
    return [*(f"{prefix}_{0:026d}" for prefix in prefixes), *UNKNOWN_IDS]
