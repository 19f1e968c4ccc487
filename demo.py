"""Demo data: what a few weeks of work between three partners, a client partner and five clients leave behind.

Everything is done by the people themselves, through the same verbs as in life, on a clock that is set to each day in
turn; their mails are in the Maildir. It is the same story every time, told up to now.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Final

import settings
from domain import (
    action_items,
    approvals,
    changes,
    clients,
    clock,
    contacts,
    conversations,
    directory,
    engagements,
    identity,
    invites,
    jobs,
    managers,
    modifications,
    partners,
    partnerships,
    payments,
    proposals,
    ratings,
    seats,
    staff,
    tokens,
    widgets,
    workspaces,
)
from domain.directory import Listing
from domain.partnerships import Terms
from models.account import Account
from models.enums import ActionItemStatus, ContactPurpose, ModificationKind, PartnerKind, ProjectStatus, SecurityRole
from models.link import Link
from models.partner import PartnerMember
from models.partnership import Partnership
from models.proposal import ProposalItem
from models.user import User
from outbox.worker import Worker

PASSWORD: Final = "a demo of countersign"  # noqa: S105  everybody's, and printed
STARTED: Final = 64
LEFT_ALONE: Final = "The database has data already: it was left alone.\n"


@dataclass(frozen=True, slots=True)
class Undertaking:
    """A project that began on a day, and what was said, done, asked and answered in it; people by name, or company."""

    day: int
    client: str
    name: str
    talk: str
    messages: tuple[tuple[str, str], ...]
    # Titles, for whom, and whether it is done.
    items: tuple[tuple[str, str, bool], ...]
    # What is still to be approved, by whom.
    approval: tuple[str, str]
    widget: tuple[str, str] | None
    # By whom, how well, and why.
    rated: tuple[str, int, str] | None


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    title: str
    email: str
    phone: str
    purposes: tuple[ContactPurpose, ...] = ()


@dataclass(frozen=True, slots=True)
class Company:
    """A partner or a client; the first of its people is its admin or owner, the others are contacts beside them."""

    name: str
    account: str
    people: tuple[Person, ...]
    details: Mapping[str, str]
    licences: int = 0

    @property
    def domain(self) -> str:
        return self.people[0].email.partition("@")[2]


class Outcome(Enum):
    """What became of what somebody asked for."""

    DRAFTED = "not submitted yet"
    OPEN = "open"
    ACCEPTED = "accepted"
    PARTLY = "accepted, but for its contacts"
    COUNTERED = "countered"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


# A partner and its client, by their names.
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer made on a day of the story, and what became of it how many days later."""

    day: int
    partner: str
    client: str
    title: str
    description: str
    region: str
    message: str
    outcome: Outcome
    after: int = 0
    comment: str | None = None

    @property
    def between(self) -> Pair:
        return self.partner, self.client


@dataclass(frozen=True, slots=True)
class Modification:
    """What one of a pair wanted to change of their partnership on a day, and what became of it how many days later."""

    day: int
    between: Pair
    by: str
    message: str = ""
    adds: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()
    terms: Terms | None = None
    outcome: Outcome = Outcome.OPEN
    after: int = 0
    comment: str | None = None
    # Whether it answers the one that the other side asked for last.
    counters: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What one of a pair did to their partnership on a day, asking nobody.

    A `team` of its own people, the end with a `reason`, or neither: it took the partnership off its home.
    """

    day: int
    between: Pair
    by: str
    team: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Hire:
    """Somebody whom a client, or a partner that works there, invited to its account's staff on a day."""

    day: int
    client: str
    by: str
    person: Person
    role: SecurityRole
    has_joined: bool = True


@dataclass(frozen=True, slots=True)
class SetUp:
    """An account that a partner set up for a new client on a day, and handed over a day later."""

    day: int
    partner: str
    client: str
    account: str
    plan: str
    owner: Person


ADMIN: Final = Person("Mara Lindqvist", "Partner programme", "mara@countersign.example", "+46 40 555 01 10")

EVERY_USE: Final = (ContactPurpose.CARE_PLAN_REPORT, ContactPurpose.EMERGENCY, ContactPurpose.SUPPORT)
PARTNERS: Final = (
    Company(
        "Northlight Consulting",
        "",
        (
            Person("Ines Albrecht", "Managing director", "ines.albrecht@northlight.example", "+49 341 555 0120"),
            Person("Tobias Renner", "Implementation lead", "tobias.renner@northlight.example", "+49 341 555 0121"),
            Person("Sofia Marques", "Support", "sofia.marques@northlight.example", "+49 341 555 0122"),
        ),
        {
            "street": "Karl-Heine-Straße 54",
            "city": "Leipzig",
            "postal_code": "04229",
            "country": "Germany",
            "phone": "+49 341 555 0100",
            "email": "hello@northlight.example",
            "website": "https://northlight.example",
        },
        licences=8,
    ),
    Company(
        "Kestrel & Finch",
        "",
        (
            Person("Oliver Finch", "Partner", "oliver@kestrelfinch.example", "+44 117 496 0140"),
            Person("Priya Nair", "Onboarding", "priya@kestrelfinch.example", "+44 117 496 0141"),
        ),
        {
            "street": "12 Redcliffe Parade",
            "city": "Bristol",
            "postal_code": "BS1 6SP",
            "country": "United Kingdom",
            "phone": "+44 117 496 0100",
            "email": "studio@kestrelfinch.example",
            "website": "https://kestrelfinch.example",
        },
        licences=5,
    ),
    Company(
        "Atelier Numérique",
        "",
        (
            Person("Camille Durand", "Fondatrice", "camille@atelier-numerique.example", "+33 4 65 71 01 60"),
            Person("Hugo Petit", "Chef de projet", "hugo@atelier-numerique.example", "+33 4 65 71 01 61"),
        ),
        {
            "street": "8 quai Saint-Vincent",
            "city": "Lyon",
            "postal_code": "69001",
            "country": "France",
            "phone": "+33 4 65 71 01 00",
            "email": "bonjour@atelier-numerique.example",
            "website": "https://atelier-numerique.example",
        },
        licences=3,
    ),
)
CLIENTS: Final = (
    Company(
        "Harbour Foods",
        "Harbour Foods Hamburg",
        (
            Person("Jonas Petersen", "Owner", "jonas@harbourfoods.example", "+49 40 555 0170", EVERY_USE),
            Person("Leyla Demir", "Operations", "leyla@harbourfoods.example", "+49 40 555 0171", EVERY_USE[:1]),
        ),
        {"street": "Große Elbstraße 210", "city": "Hamburg", "postal_code": "22767", "country": "Germany"},
    ),
    Company(
        "Brightwater Plumbing",
        "Brightwater",
        (
            Person("Grace Okafor", "Owner", "grace@brightwater.example", "+44 117 496 0180", EVERY_USE),
            Person("Daniel Hughes", "Dispatch", "daniel@brightwater.example", "+44 117 496 0181", EVERY_USE[1:]),
        ),
        {"street": "3 Feeder Road", "city": "Bristol", "postal_code": "BS2 0SB", "country": "United Kingdom"},
    ),
    Company(
        "Lindgren Elektro",
        "Lindgren Elektro",
        (
            Person("Erik Lindgren", "Owner", "erik@lindgren-elektro.example", "+46 40 555 01 90", EVERY_USE),
            Person("Sara Holm", "Office", "sara@lindgren-elektro.example", "+46 40 555 01 91"),
        ),
        {"street": "Industrigatan 17", "city": "Malmö", "postal_code": "212 14", "country": "Sweden"},
    ),
    Company(
        "Maison Verte",
        "Maison Verte Lyon",
        (
            Person("Amélie Roux", "Gérante", "amelie@maisonverte.example", "+33 4 65 71 02 00", EVERY_USE),
            Person("Karim Benali", "Équipes", "karim@maisonverte.example", "+33 4 65 71 02 01", EVERY_USE[:1]),
        ),
        {"street": "41 rue Mercière", "city": "Lyon", "postal_code": "69002", "country": "France"},
    ),
    Company(
        "Alder & Sons Joinery",
        "Alder & Sons",
        (
            Person("Tom Alder", "Owner", "tom@alderandsons.example", "+44 1904 555 210", EVERY_USE),
            Person("Ruth Alder", "Accounts", "ruth@alderandsons.example", "+44 1904 555 211"),
        ),
        {"street": "5 Walmgate", "city": "York", "postal_code": "YO1 9TX", "country": "United Kingdom"},
    ),
)
NEWCOMER: Final = "office@pinecrestgardens.example"
OFFERS: Final = (
    Offer(
        day=6,
        partner="Northlight Consulting",
        client="Harbour Foods",
        title="Set-up and monthly care",
        description="We move your job sheets over, train the drivers, and look after the account from then on.",
        region="Hamburg",
        message="Jonas, as discussed at the trade fair: this is what we would take off your hands.",
        outcome=Outcome.ACCEPTED,
        after=2,
    ),
    Offer(
        day=8,
        partner="Kestrel & Finch",
        client="Brightwater Plumbing",
        title="Onboarding of the dispatch team",
        description="Two on-site days, then six weeks by telephone.",
        region="South West England",
        message="Grace, Priya would start in the first week of the month.",
        outcome=Outcome.ACCEPTED,
        after=1,
    ),
    Offer(
        day=12,
        partner="Kestrel & Finch",
        client="Alder & Sons Joinery",
        title="From paper to job sheets",
        description="We set everything up with you, workshop by workshop.",
        region="Yorkshire",
        message="Tom, you would only need this e-mail to begin: it lets you in and shows you the whole offer.",
        outcome=Outcome.ACCEPTED,
        after=3,
    ),
    Offer(
        day=20,
        partner="Northlight Consulting",
        client="Brightwater Plumbing",
        title="Reporting package",
        description="Monthly figures for every crew.",
        region="United Kingdom",
        message="Would numbers like these help you?",
        outcome=Outcome.EXPIRED,
    ),
    Offer(
        day=38,
        partner="Atelier Numérique",
        client="Harbour Foods",
        title="Website and booking form",
        description="A booking form that writes straight into your calendar.",
        region="Hamburg",
        message="Bonjour Jonas, we build these for caterers all over France.",
        outcome=Outcome.DECLINED,
        after=4,
        comment="We are busy with one partner until spring. Please ask again then.",
    ),
    Offer(
        day=45,
        partner="Kestrel & Finch",
        client="Lindgren Elektro",
        title="Onboarding, remote",
        description="Six weeks by video call.",
        region="Skåne",
        message="Erik, we could start next month.",
        outcome=Outcome.WITHDRAWN,
        after=2,
    ),
    Offer(
        day=52,
        partner="Kestrel & Finch",
        client="Alder & Sons Joinery",
        title="The second workshop",
        description="Job sheets for the new workshop, set up within a fortnight.",
        region="Yorkshire",
        message="Tom, we heard about the new workshop. Shall we do it the same way again?",
        outcome=Outcome.ACCEPTED,
        after=2,
    ),
    Offer(
        day=56,
        partner="Northlight Consulting",
        client="Lindgren Elektro",
        title="Set-up and monthly care",
        description="The package that Harbour Foods has, in Swedish.",
        region="Skåne",
        message="Erik, Tobias speaks Swedish and has time from the first.",
        outcome=Outcome.OPEN,
    ),
    Offer(
        day=60,
        partner="Atelier Numérique",
        client="Maison Verte",
        title="Booking form and care",
        description="Your garden visits, booked online, planned by themselves.",
        region="Lyon",
        message="Amélie, comme convenu : voici notre proposition.",
        outcome=Outcome.OPEN,
    ),
    Offer(
        day=62,
        partner="Kestrel & Finch",
        client="Pinecrest Gardens",
        title="A gentle start",
        description="One crew, one month, no obligation.",
        region="South West England",
        message="Everything you need to know is behind the link.",
        outcome=Outcome.OPEN,
    ),
)
CARE: Final = ("Northlight Consulting", "Harbour Foods")
ONBOARDING: Final = ("Kestrel & Finch", "Brightwater Plumbing")
JOB_SHEETS: Final = ("Kestrel & Finch", "Alder & Sons Joinery")
MODIFICATIONS: Final = (
    Modification(
        day=13,
        between=ONBOARDING,
        by="Brightwater Plumbing",
        message="Daniel plans the crews. He should hear of everything.",
        adds=("Daniel Hughes",),
        outcome=Outcome.EXPIRED,
    ),
    Modification(
        day=14,
        between=CARE,
        by="Northlight Consulting",
        message="The depot in Bremen belongs to it as well, and Sofia would take your calls.",
        adds=("Sofia Marques",),
        terms={
            "title": "Set-up and monthly care",
            "description": "We move your job sheets over, train the drivers, and look after the account from then on.",
            "region": "Hamburg and Bremen",
        },
        outcome=Outcome.PARTLY,
        after=2,
        comment="Bremen, gladly. For calls we would like to keep to Tobias.",
    ),
    Modification(
        day=24,
        between=CARE,
        by="Harbour Foods",
        message="Ines has handed us over to Tobias completely by now.",
        releases=("Ines Albrecht",),
        outcome=Outcome.DECLINED,
        after=1,
        comment="She stays responsible for your contract, and you may need her.",
    ),
    Modification(
        day=34,
        between=CARE,
        by="Harbour Foods",
        message="We would like the evening shift trained, too.",
        adds=("Leyla Demir",),
        terms={"title": "Set-up, care and training", "description": "Twice a month.", "region": "Hamburg and Bremen"},
        outcome=Outcome.COUNTERED,
    ),
    Modification(
        day=36,
        between=CARE,
        by="Northlight Consulting",
        message="We can do once a month until spring, and more from then on.",
        terms={
            "title": "Set-up, care and training",
            "description": "Set-up, monthly care, and an evening of training once a month.",
            "region": "Hamburg and Bremen",
        },
        outcome=Outcome.ACCEPTED,
        after=1,
        comment="That will do.",
        counters=True,
    ),
    Modification(
        day=48,
        between=ONBOARDING,
        by="Kestrel & Finch",
        message="Your people are quicker than we thought.",
        terms={
            "title": "Onboarding of the dispatch team",
            "description": "Two on-site days, then three weeks by telephone.",
            "region": "South West England",
        },
        outcome=Outcome.ACCEPTED,
        after=1,
    ),
    Modification(
        day=58,
        between=ONBOARDING,
        by="Brightwater Plumbing",
        message="Daniel plans the crews. He should hear of everything.",
        adds=("Daniel Hughes",),
        outcome=Outcome.WITHDRAWN,
        after=1,
    ),
    Modification(day=61, between=ONBOARDING, by="Kestrel & Finch", releases=("Priya Nair",), outcome=Outcome.DRAFTED),
    Modification(
        day=62,
        between=CARE,
        by="Northlight Consulting",
        message="Tobias is on parental leave from January on. Sofia takes over, and Kiel comes in.",
        adds=("Sofia Marques",),
        releases=("Tobias Renner",),
        terms={
            "title": "Set-up, care and training",
            "description": "Set-up, monthly care, and an evening of training once a month.",
            "region": "Hamburg, Bremen and Kiel",
        },
    ),
    Modification(
        day=63,
        between=CARE,
        by="Northlight Consulting",
        terms={"title": "Care and training", "region": "Hamburg and Bremen"},
        outcome=Outcome.DRAFTED,
    ),
    Modification(
        day=63,
        between=CARE,
        by="Harbour Foods",
        adds=("Leyla Demir",),
        releases=("Ines Albrecht",),
        outcome=Outcome.DRAFTED,
    ),
)
STEPS: Final = (
    Step(9, CARE, by="Northlight Consulting", team=("Ines Albrecht", "Tobias Renner")),
    Step(10, CARE, by="Harbour Foods", team=("Leyla Demir",)),
    Step(11, ONBOARDING, by="Kestrel & Finch", team=("Priya Nair",)),
    Step(
        33, JOB_SHEETS, by="Alder & Sons Joinery", reason="Everything runs by itself now. Thank you for the patience!"
    ),
    Step(51, ("Northlight Consulting", "Brightwater Plumbing"), by="Northlight Consulting"),
)
LEYLA, DRIVER = CLIENTS[0].people[1], Person("Malte Brandt", "Driver", "malte@harbourfoods.example", "+49 40 555 0172")
HIRES: Final = (
    Hire(14, "Harbour Foods", by="Harbour Foods", person=LEYLA, role=SecurityRole.MANAGER),
    Hire(15, "Harbour Foods", by="Northlight Consulting", person=DRIVER, role=SecurityRole.STAFF),
    Hire(
        61,
        "Brightwater Plumbing",
        by="Brightwater Plumbing",
        person=CLIENTS[1].people[1],
        role=SecurityRole.MANAGER,
        has_joined=False,
    ),
)
# What each partner earns of its clients' payments, and how it shows in the directory.
LISTINGS: Final[Mapping[str, tuple[str, Listing]]] = {
    "Northlight Consulting": (
        "0.15",
        Listing(
            headline="Job sheets that crews really use",
            region="Leipzig",
            country="DE",
            services=["Set-up", "Training", "Monthly care"],
        ),
    ),
    "Kestrel & Finch": (
        "0.125",
        Listing(
            headline="From paper to telephone in six weeks",
            region="Bristol",
            country="GB",
            services=["Onboarding", "Training"],
        ),
    ),
}
# A client's first account: the jobs that it had created by a day, and what was paid for it then, in euros.
BUSINESS: Final = (
    (20, "Harbour Foods", 64, None),
    (24, "Brightwater Plumbing", 41, None),
    (31, "Harbour Foods", 131, "89.00"),
    (61, "Harbour Foods", 298, "89.00"),
    (61, "Brightwater Plumbing", 97, "49.00"),
)

HANDED_OVER: Final = SetUp(
    day=60,
    partner="Atelier Numérique",
    client="Clos des Érables",
    account="Clos des Érables",
    plan="Business",
    owner=Person("Lucie Perrin", "Gérante", "lucie@clos-erables.example", "+33 4 65 71 03 00"),
)
# Brokers who work in two customers' projects: Harbour Foods shares one with them, the vendor brings them into another.
BROKERS: Final = Company(
    name="Meridian Brokers",
    account="",
    people=(
        Person("Hanna Voss", "Managing broker", "hanna.voss@meridian-brokers.example", "+49 40 555 0190"),
        Person("Jonas Weiler", "Broker", "jonas.weiler@meridian-brokers.example", "+49 40 555 0191"),
    ),
    details={"city": "Hamburg", "country": "DE"},
    licences=4,
)
FLEET: Final = Undertaking(
    day=18,
    client="Harbour Foods",
    name="Fleet insurance 2027",
    talk="Which vans go in?",
    messages=(
        ("Harbour Foods", "All of the nine that drive for the depot, I should think."),
        ("Jonas Weiler", "Then I need the mileage of each. The two from Kiel are on another policy until June."),
        ("Hanna Voss", "Let us ask for both offers, with and without Kiel."),
    ),
    items=(("List the vans with their mileage", "Harbour Foods", True), ("Ask for two offers", "Jonas Weiler", False)),
    approval=("The offer of the Hanseatic, without Kiel", "Harbour Foods"),
    widget=("Status of the claims", "https://claims.meridian-brokers.example/harbour-foods"),
    rated=("Harbour Foods", 5, "Quick, and they ask the right questions."),
)
VANS: Final = Undertaking(
    day=40,
    client="Brightwater Plumbing",
    name="Van tracking",
    talk="Kick-off",
    messages=(
        ("Brightwater Plumbing", "Welcome! Daniel will send the list of the vans tomorrow."),
        ("Jonas Weiler", "Thank you. I shall be there on Monday."),
    ),
    items=(("Fit the first three trackers", "Brightwater Plumbing", False),),
    approval=("Trackers in all vans", "Hanna Voss"),
    widget=None,
    rated=None,
)
BROUGHT_IN: Final = {"Alder & Sons Joinery": CLIENTS[4].people[0].email, "Pinecrest Gardens": NEWCOMER}


async def fill() -> str:
    """Tell the story in an empty database, and leave a filled one alone; return what to print: who can sign in."""
    if await User.exists(email=ADMIN.email):
        return _sign_ins()
    if await User.all().exists():
        return LEFT_ALONE
    # To the Maildir, whatever is set: nobody is to get a mail of people who do not exist.
    story, worker = Story(), Worker(settings.load().model_copy(update={"smtp_url": None}))
    first_morning = (clock.now() - timedelta(days=STARTED)).replace(hour=8, minute=40, second=0, microsecond=0)
    for day in range(STARTED):
        with clock.frozen_at(first_morning + timedelta(days=day)):
            await story.live(day)
            await worker.drain()
    return _sign_ins()


class Story:
    """Who has joined so far, which companies and partnerships there are, and what was asked."""

    def __init__(self) -> None:
        self._seats: dict[str, seats.Seat] = {}
        self._ids: dict[str, str] = {}
        # Of each pair, the one that began last.
        self._partnerships: dict[Pair, str] = {}
        # Of each side, what it asked for last.
        self._modifications: dict[tuple[Pair, str], str] = {}

        self._agenda: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (0, self._found),
            (1, self._bring_clients),
            *((offer.day, partial(self._offer, offer)) for offer in OFFERS),
            *((offer.day + offer.after, partial(self._answer, offer)) for offer in OFFERS),
            *((each.day, partial(self._propose, each)) for each in MODIFICATIONS),
            *((each.day + each.after, partial(self._settle, each)) for each in MODIFICATIONS),
            *((step.day, partial(self._step, step)) for step in STEPS),
            *((hire.day, partial(self._hire, hire)) for hire in HIRES),
            (3, self._list_partners),
            *((day, partial(self._count, client, total, paid)) for day, client, total, paid in BUSINESS),
            (16, self._bring_brokers),
            *((each.day, partial(self._undertake, each)) for each in (FLEET, VANS)),
            (FLEET.day, self._share),
            (VANS.day, self._add_brokers),
            *((each.day + 1, partial(self._work, each)) for each in (FLEET, VANS)),
            (HANDED_OVER.day, self._set_up),
            (HANDED_OVER.day + 1, self._hand_over),
        ]

    async def live(self, today: int) -> None:
        """Do what people did on a day, a few minutes apart."""
        for day, act in self._agenda:
            if day == today:
                await act()

    async def _found(self) -> None:
        await identity.create_admin(email=ADMIN.email, name=ADMIN.name, password=PASSWORD)
        signed_in = await identity.sign_in(email=ADMIN.email, password=PASSWORD, ip=None, user_agent=None)
        self._seats[ADMIN.name] = signed_in.seat
        for company in PARTNERS:
            clock.advance(timedelta(minutes=11))
            first = company.people[0]
            self._ids[company.name] = await partners.create(
                by=signed_in.seat,
                name=company.name,
                kind=PartnerKind.PARTNER,
                domain=company.domain,
                licences=company.licences,
                admin_email=first.email,
                admin_name=first.name,
                details=company.details,
                copy_address=company.details["email"],
            )
            await self._join(company)
            await self._note_people(company)

    async def _bring_clients(self) -> None:
        for company in CLIENTS:
            if company.name in BROUGHT_IN:
                continue
            clock.advance(timedelta(minutes=17))
            first = company.people[0]
            self._ids[company.name] = await clients.create(
                by=self._seats[ADMIN.name],
                name=company.name,
                owner_email=first.email,
                owner_name=first.name,
                account_name=company.account,
                details=company.details,
            )
            await self._join(company)
            await self._note_people(company)

    async def _join(self, company: Company) -> None:
        """Let the first of a company's people accept the invite that was mailed last."""
        self._seats[company.name] = await self._accept_invite(company.people[0], company.name, company.account)

    async def _accept_invite(
        self, person: Person, client_name: str | None = None, account_name: str | None = None
    ) -> seats.Seat:
        clock.advance(timedelta(minutes=5))
        link = await Link.filter(email=person.email).order_by("-id").first()
        if link is None:
            raise LookupError(person.email)
        token = tokens.of_link(link)
        preview = await invites.preview(token, ip=None)
        accepted = await invites.accept(
            token,
            preview.challenge,
            by=None,
            name=person.name,
            password=PASSWORD,
            client_name=client_name,
            account_name=account_name,
            ip=None,
            user_agent=None,
        )
        return accepted.signed_in.seat

    async def _list_partners(self) -> None:
        for name, (share, listing) in LISTINGS.items():
            clock.advance(timedelta(minutes=40))
            await partners.set_revenue_share(
                by=self._seats[ADMIN.name], partner_id=self._ids[name], rate=Decimal(share)
            )
            await directory.set_listing(by=self._seats[name], partner_id=self._ids[name], listing=listing)

    async def _count(self, client: str, jobs_created: int, paid: str | None) -> None:
        clock.advance(timedelta(hours=5))
        admin = self._seats[ADMIN.name]
        account = await Account.filter(client_id=self._ids[client]).order_by("id").first()
        if account is None:
            raise LookupError(client)
        await jobs.record(by=admin, account_id=account.id, jobs_created=jobs_created)
        if paid is not None:
            await payments.record(
                by=admin,
                account_id=account.id,
                amount=Decimal(paid),
                currency="EUR",
                paid_on=clock.now().date(),
                reference=f"{client}, {clock.now().date():%B %Y}",
            )

    async def _hire(self, hire: Hire) -> None:
        clock.advance(timedelta(minutes=25))
        account = await Account.get(client_id=self._ids[hire.client])
        await staff.invite(by=self._seats[hire.by], account_id=account.id, email=hire.person.email, role=hire.role)
        if hire.has_joined:
            await self._accept_invite(hire.person)

    async def _bring_brokers(self) -> None:
        """Create the client partner: nobody of it can sign in before its first project."""
        clock.advance(timedelta(minutes=50))
        admin = BROKERS.people[0]
        self._ids[BROKERS.name] = await partners.create(
            by=self._seats[ADMIN.name],
            name=BROKERS.name,
            kind=PartnerKind.CLIENT_PARTNER,
            domain=BROKERS.domain,
            licences=BROKERS.licences,
            admin_email=admin.email,
            admin_name=admin.name,
            details=BROKERS.details,
        )

    async def _undertake(self, work: Undertaking) -> None:
        clock.advance(timedelta(minutes=30))
        account = await Account.filter(client_id=self._ids[work.client]).order_by("id").first()
        if account is None:
            raise LookupError(work.client)
        self._ids[work.name] = await engagements.create(
            by=self._seats[ADMIN.name],
            account_id=account.id,
            name=work.name,
            partner_id=self._ids[BROKERS.name] if work is FLEET else None,
        )
        await engagements.update(
            by=self._seats[work.client],
            project_id=self._ids[work.name],
            status=ProjectStatus.ACTIVE,
            due_on=clock.now().date() + timedelta(days=90),
        )

    async def _share(self) -> None:
        """Let the brokers' admin in, and the customer share the project with one of her people."""
        hanna, jonas = BROKERS.people
        self._seats[hanna.name] = await self._accept_invite(hanna)
        clock.advance(timedelta(minutes=15))
        await engagements.invite(by=self._seats[FLEET.client], project_id=self._ids[FLEET.name], email=jonas.email)
        self._seats[jonas.name] = await self._accept_invite(jonas)

    async def _add_brokers(self) -> None:
        jonas = self._seats[BROKERS.people[1].name]
        member = await PartnerMember.get(user_id=jonas.user_id, partner_id=self._ids[BROKERS.name])
        await engagements.add_partner(
            by=self._seats[ADMIN.name],
            project_id=self._ids[VANS.name],
            partner_id=self._ids[BROKERS.name],
            member_ids=[member.id],
        )

    async def _work(self, work: Undertaking) -> None:
        """Do what is done in a project on the day after it began."""
        vendor, client, project = self._seats[ADMIN.name], self._seats[work.client], self._ids[work.name]
        talk = await conversations.start(by=client, project_id=project, title=work.talk)
        for name, body in work.messages:
            clock.advance(timedelta(minutes=20))
            await conversations.post(by=self._seats[name], conversation_id=talk, body=body)
        for title, name, is_done in work.items:
            clock.advance(timedelta(minutes=5))
            by = self._seats[name]
            item = await action_items.create(
                by=client, project_id=project, title=title, assignee_id=by.user_id, due_on=clock.now().date()
            )
            if is_done:
                await action_items.set_status(by=by, action_item_id=item, status=ActionItemStatus.DONE)
        title, name = work.approval
        await approvals.request(by=vendor, project_id=project, title=title, approver_id=self._seats[name].user_id)
        if work.widget is not None:
            await widgets.add(by=vendor, project_id=project, title=work.widget[0], url=work.widget[1])
        if work.rated is not None:
            name, score, comment = work.rated
            rating = await ratings.request(by=vendor, project_id=project, user_id=self._seats[name].user_id)
            await ratings.give(by=self._seats[name], rating_id=rating, score=score, comment=comment)

    async def _set_up(self) -> None:
        clock.advance(timedelta(hours=1))
        self._ids[HANDED_OVER.account] = await workspaces.create(
            by=self._seats[HANDED_OVER.partner],
            partner_id=self._ids[HANDED_OVER.partner],
            client_name=HANDED_OVER.client,
            account_name=HANDED_OVER.account,
            plan=HANDED_OVER.plan,
        )

    async def _hand_over(self) -> None:
        clock.advance(timedelta(hours=2))
        await workspaces.hand_over(
            by=self._seats[HANDED_OVER.partner],
            account_id=self._ids[HANDED_OVER.account],
            owner_email=HANDED_OVER.owner.email,
            owner_name=HANDED_OVER.owner.name,
        )

    async def _note_people(self, company: Company) -> None:
        for person in company.people:
            clock.advance(timedelta(minutes=2))
            self._ids[person.name] = await contacts.create(
                by=self._seats[company.name],
                organisation_id=self._ids[company.name],
                name=person.name,
                title=person.title,
                email=person.email,
                phone=person.phone,
                purposes=person.purposes,
            )

    async def _offer(self, offer: Offer) -> None:
        partner = next(company for company in PARTNERS if company.name == offer.partner)
        is_known = offer.client in self._ids
        self._partnerships[offer.between] = await partnerships.offer(
            by=self._seats[offer.partner],
            partner_id=self._ids[offer.partner],
            client_id=self._ids[offer.client] if is_known else None,
            email=None if is_known else BROUGHT_IN[offer.client],
            client_name=None if is_known else offer.client,
            terms={"title": offer.title, "description": offer.description, "region": offer.region},
            contact_ids=[self._ids[person.name] for person in partner.people[:2]],
            message=offer.message,
        )

    async def _answer(self, offer: Offer) -> None:
        clock.advance(timedelta(hours=3))
        offer_id = str((await Partnership.get(id=self._partnerships[offer.between])).offer_id)
        match offer.outcome:
            case Outcome.ACCEPTED:
                await self._accept(offer, offer_id)
            case Outcome.DECLINED:
                await proposals.decline(offer_id, by=self._seats[offer.client], comment=offer.comment)
            case Outcome.WITHDRAWN:
                await proposals.withdraw(offer_id, by=self._seats[offer.partner])

    async def _accept(self, offer: Offer, offer_id: str) -> None:
        company = next(company for company in CLIENTS if company.name == offer.client)
        if company.name not in self._ids:
            await self._join(company)
            self._ids[company.name] = self._seats[company.name].client_id or ""
            await self._note_people(company)
        owned = await Account.filter(client_id=self._ids[company.name]).values_list("id", flat=True)
        await proposals.accept(offer_id, by=self._seats[offer.client], account_ids=[str(each) for each in owned])

    async def _propose(self, modification: Modification) -> None:
        clock.advance(timedelta(minutes=40))
        between, by, message = modification.between, self._seats[modification.by], modification.message
        wanted: modifications.Wanted = {
            "add_contacts": [self._ids[name] for name in modification.adds],
            "release_contacts": [self._ids[name] for name in modification.releases],
            "terms": modification.terms,
        }
        if modification.counters:
            countered = self._modifications[between, _other(modification)]
            asked = await modifications.counter(countered, by=by, message=message, **wanted)
        else:
            asked = str(await modifications.draft(by=by, partnership_id=self._partnerships[between], **wanted))
            if modification.outcome is not Outcome.DRAFTED:
                await proposals.submit(asked, by=by, message=message)
        self._modifications[between, modification.by] = asked

    async def _settle(self, modification: Modification) -> None:
        clock.advance(timedelta(hours=2))
        asked = self._modifications[modification.between, modification.by]
        other, comment = self._seats[_other(modification)], modification.comment
        match modification.outcome:
            case Outcome.ACCEPTED:
                await proposals.accept(asked, by=other, comment=comment)
            case Outcome.PARTLY:
                terms = ProposalItem.filter(proposal_id=asked, kind=ModificationKind.CHANGE_TERMS)
                await proposals.accept(asked, by=other, comment=comment, item_ids=[item.id for item in await terms])
            case Outcome.DECLINED:
                await proposals.decline(asked, by=other, comment=comment)
            case Outcome.WITHDRAWN:
                await proposals.withdraw(asked, by=self._seats[modification.by])

    async def _step(self, step: Step) -> None:
        clock.advance(timedelta(minutes=30))
        by, partnership_id = self._seats[step.by], self._partnerships[step.between]
        if step.team:
            people = [self._ids[name] for name in step.team]
            await managers.add(by=by, partnership_id=partnership_id, contact_ids=people)
        elif step.reason:
            async with changes.change(by=by) as c:
                confirmation = await partnerships.confirmation_of(partnership_id, c)
            await partnerships.end(by=by, partnership_id=partnership_id, reason=step.reason, confirmation=confirmation)
        else:
            await partnerships.hide(by=by, partnership_id=partnership_id)


def _other(modification: Modification) -> str:
    partner, client = modification.between
    return client if modification.by == partner else partner


def _sign_ins() -> str:
    rows = [
        ("the vendor", ADMIN),
        *((f"partner admin, {company.name}", company.people[0]) for company in PARTNERS),
        *((f"account owner, {company.name}", company.people[0]) for company in CLIENTS),
        *((f"{hire.role.lower()}, {hire.client}", hire.person) for hire in HIRES if hire.has_joined),
        *((f"client partner, {BROKERS.name}", person) for person in BROKERS.people),
    ]
    lines = [f"  {person.email:<38} {person.name:<16} {place}" for place, person in rows]
    return "\n".join([f"Demo sign-ins, all with the password: {PASSWORD}", *lines, ""]) + "\n"
