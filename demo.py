"""Demo data: what a few weeks of work between three partners and five clients leave behind.

Everything is done by the people themselves, through the same verbs as in life, on a clock that is set to each day in
turn; their mails are in the Maildir. It is the same story every time, told up to now.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final

import settings
from domain import clients, clock, contacts, identity, invites, partners, partnerships, proposals, seats, tokens
from models.account import Account
from models.enums import ContactPurpose, PartnerKind
from models.link import Link
from models.partnership import Partnership
from models.user import User
from outbox.worker import Worker

PASSWORD: Final = "a demo of countersign"  # noqa: S105  everybody's, and printed
STARTED: Final = 64
LEFT_ALONE: Final = "The database has data already: it was left alone.\n"


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
    """What became of an offer."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


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
BROUGHT_IN: Final = {"Alder & Sons Joinery": CLIENTS[4].people[0].email, "Pinecrest Gardens": NEWCOMER}


async def fill() -> str:
    """Tell the story in an empty database, and leave a filled one alone; return what to print: who can sign in."""
    if await User.exists(email=ADMIN.email):
        return _sign_ins()
    if await User.all().exists():
        return LEFT_ALONE
    story, worker = Story(), Worker(settings.load())
    first_morning = (clock.now() - timedelta(days=STARTED)).replace(hour=8, minute=40, second=0, microsecond=0)
    for day in range(STARTED):
        with clock.frozen_at(first_morning + timedelta(days=day)):
            await story.live(day)
            await worker.drain()
    return _sign_ins()


class Story:
    """Who has joined so far, and which companies and offers there are."""

    def __init__(self) -> None:
        self._seats: dict[str, seats.Seat] = {}
        self._ids: dict[str, str] = {}
        self._offers: dict[Offer, str] = {}

    async def live(self, day: int) -> None:
        """Do what people did on a day, a few minutes apart."""
        if day == 0:
            await self._found()
        if day == 1:
            await self._bring_clients()
        for offer in OFFERS:
            if day == offer.day:
                await self._offer(offer)
            if day == offer.day + offer.after:
                await self._answer(offer)

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
        clock.advance(timedelta(minutes=5))
        first = company.people[0]
        link = await Link.filter(email=first.email).order_by("-id").first()
        if link is None:
            raise LookupError(first.email)
        token = tokens.of_link(link)
        preview = await invites.preview(token, ip=None)
        accepted = await invites.accept(
            token,
            preview.challenge,
            by=None,
            name=first.name,
            password=PASSWORD,
            client_name=company.name,
            account_name=company.account,
            ip=None,
            user_agent=None,
        )
        self._seats[company.name] = accepted.signed_in.seat

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
        is_known = offer.client not in BROUGHT_IN
        partnership_id = await partnerships.offer(
            by=self._seats[offer.partner],
            partner_id=self._ids[offer.partner],
            client_id=self._ids[offer.client] if is_known else None,
            email=None if is_known else BROUGHT_IN[offer.client],
            client_name=None if is_known else offer.client,
            terms={"title": offer.title, "description": offer.description, "region": offer.region},
            contact_ids=[self._ids[person.name] for person in partner.people[:2]],
            message=offer.message,
        )
        self._offers[offer] = str((await Partnership.get(id=partnership_id)).offer_id)

    async def _answer(self, offer: Offer) -> None:
        clock.advance(timedelta(hours=3))
        match offer.outcome:
            case Outcome.ACCEPTED:
                await self._accept(offer)
            case Outcome.DECLINED:
                await proposals.decline(self._offers[offer], by=self._seats[offer.client], comment=offer.comment)
            case Outcome.WITHDRAWN:
                await proposals.withdraw(self._offers[offer], by=self._seats[offer.partner])
            case Outcome.OPEN | Outcome.EXPIRED:
                pass

    async def _accept(self, offer: Offer) -> None:
        company = next(company for company in CLIENTS if company.name == offer.client)
        if offer.client in BROUGHT_IN:
            await self._join(company)
            self._ids[company.name] = self._seats[company.name].client_id or ""
            await self._note_people(company)
        owned = await Account.filter(client_id=self._ids[company.name]).values_list("id", flat=True)
        await proposals.accept(
            self._offers[offer], by=self._seats[offer.client], account_ids=[str(each) for each in owned]
        )


def _sign_ins() -> str:
    rows = [
        ("the vendor", ADMIN),
        *((f"partner admin, {company.name}", company.people[0]) for company in PARTNERS),
        *((f"account owner, {company.name}", company.people[0]) for company in CLIENTS),
    ]
    lines = [f"  {person.email:<36} {person.name:<16} {place}" for place, person in rows]
    return "\n".join([f"Demo sign-ins, all with the password: {PASSWORD}", *lines, ""]) + "\n"
