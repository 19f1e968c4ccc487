"""The world of P9: neighbours who must not hear each other, small enough to be kept in mind.

Partners: Northwind, which works for Harbour and Bakery. Rival, which works for Harbour too; its access has expired.
Former, whose partnership with Harbour has ended. Asker, which has offered Harbour one. Stranger, which works for
Exchange, and of whom none of the others knows. Clients: Harbour with two accounts, Main and Annex; Bakery; Exchange.
Brokers is a client partner that Harbour and Exchange share: it was brought into Harbour's project Relaunch and into
Exchange's Audit; Intern, in Main too, and Works, in Annex, are without it.

Every row and every text in it belongs to an owner and a sort, and says so: the id `contact_0042-zz-harbour-kept-zz` and
the e-mail address `zz-harbour-kept.reach-zz@example.com` are `harbour-kept contact` and `harbour-kept reach` wherever
they turn up. An event's owner is its stream's, its sort the audience: `northwind-harbour event-partner-alone`. What a
seat may ever read of them stands in `knowledge.py`.

A later issue adds what its types need in `_Story.told`, names what the matrix shows by `World.name`, and lets
`python -m tests.promises.matrix` say what is still missing.
"""

import base64
import functools
import itertools
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from tortoise import Model
from tortoise.queryset import QuerySet

import models
import settings
from domain import (
    changes,
    clients,
    clock,
    contacts,
    directory,
    grants,
    jobs,
    modifications,
    notices,
    opening,
    partners,
    partnerships,
    payments,
    proposals,
    tokens,
    webhooks,
)
from domain import managers as team
from domain.seats import Seat
from models import sql
from models.base import IdField, new_id
from models.enums import (
    AccessStatus,
    AccountStatus,
    ActionItemStatus,
    Audience,
    ContactPurpose,
    FileStatus,
    InviteKind,
    LinkPurpose,
    ModificationKind,
    NoticeChannel,
    PartnerKind,
    PartnerMemberRole,
    PartnershipKind,
    ProposalKind,
    ProposalStatus,
    Role,
    SecurityRole,
    Side,
)
from models.proposal import new_proposal_id
from outbox import relay
from tests import given

DAY: Final = timedelta(days=1)
PORTAL_URL: Final = "https://portal.example"
SECRET_KEY: Final = "of the permission matrix, thirty-two"

# Who looks, by the letter of their column; a space begins a group.
SEATS: Final[Mapping[str, str]] = {
    "n": "nobody who has signed in",
    "v": "one of the vendor's staff",
    "P": "Northwind's partner admin",
    "p": "Northwind's collaborator",
    "R": "Rival's admin, who was Northwind's collaborator before",
    "F": "Former's admin",
    "A": "Asker's admin",
    "S": "Stranger's admin",
    "K": "Brokers' admin",
    "k": "Brokers' collaborator on Harbour's project",
    "q": "Brokers' collaborator on Exchange's project; was on Harbour's before",
    "O": "owner of Harbour's account Main",
    "M": "manager of Main",
    "T": "staff of Main",
    "X": "owner of Harbour's other account, Annex; was staff of Main before",
    "B": "owner of Bakery's account",
    "E": "owner of Exchange's account",
    "G": "gone: was staff of Main, the seat has ended",
    "1": "Sam, in the seat of Stranger's collaborator",
    "2": "Sam again, in the seat of Annex's staff",
}
GROUPS: Final = ("n", "v", "Pp", "RFAS", "Kkq", "OMTX", "BE", "G", "12")

_TEXT = re.compile(r"zz-([a-z-]+)\.([a-z-]+)-zz")
_TOKEN = re.compile(r'"([A-Za-z0-9_-]{12,})"')
_ID = re.compile(r"\b([a-z]+)_\d{4}-zz-([a-z-]+)-zz")

Secret = str
"""An owner and a sort: `harbour-kept reach`."""


@dataclass(eq=False)
class World:
    """Who looks, every id by table and by its secret, what has a name by the prefix of its id, and mailed links."""

    seats: dict[str, Seat | None] = field(default_factory=dict)
    rows: dict[str, list[str]] = field(default_factory=dict)
    ids: dict[str, Secret] = field(default_factory=dict)
    named: dict[str, dict[str, str]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def name(self, caption: str, row: Model | str) -> None:
        """Show a row in the matrix of its type, under a caption."""
        row_id = row if isinstance(row, str) else str(row.pk)
        self.named.setdefault(row_id.partition("_")[0], {})[caption] = row_id

    def secrets_in(self, text: str) -> frozenset[Secret]:
        """Whose what an answer holds, its cursors read; an id that no row has is a secret of its own."""
        return _said(text, self.ids) | {secret for token in set(_TOKEN.findall(text)) for secret in self._inside(token)}

    @functools.cache  # noqa: B019  one world, as long as its tests
    def _inside(self, token: str) -> frozenset[Secret]:
        try:
            plain = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return frozenset()
        return _said(plain.decode(errors="replace"), self.ids)


def _said(text: str, ids: Mapping[str, Secret]) -> frozenset[Secret]:
    by_id = {ids.get(found[0], f"unknown {found[0]}") for found in _ID.finditer(text)}
    return frozenset(by_id | {f"{owner} {sort}" for owner, sort in _TEXT.findall(text)})


def mark(owner: str, sort: str) -> str:
    """A text that says whose what it is, fit for names, addresses and URLs."""
    return f"zz-{owner}.{sort}-zz"


async def filled() -> World:
    """Write the world into the connected database, which is empty, three days before the stopped clock's moment."""
    now, world = clock.now(), World()
    with own_ids(), clock.frozen_at(now - 3 * DAY):
        await _Story(world, now).told()
    await _registered(world)
    return world


@contextmanager
def own_ids() -> Iterator[None]:
    """Let new ids say whose they are."""
    with pytest.MonkeyPatch.context() as patch:
        for module in [module for module in sys.modules.values() if getattr(module, "new_id", None) is new_id]:
            patch.setattr(module, "new_id", _new_id)
        yield


@contextmanager
def surroundings() -> Iterator[None]:
    """The settings that the world is read with: everything that a field can show is set."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTERSIGN_PORTAL_URL", PORTAL_URL)
        patch.setenv("COUNTERSIGN_SECRET_KEY", SECRET_KEY)
        settings.load.cache_clear()
        yield
    settings.load.cache_clear()


# ── whose what a new row is ──

_numbers = itertools.count(1)
_owners: list[str] = []


def _new_id(prefix: str) -> str:
    """Number ids across owners, so that hidden rows stand between visible ones."""
    if not _owners:
        message = f"Whose is this {prefix}? Write it inside of `with of(...)`."
        raise LookupError(message)
    return f"{prefix}_{next(_numbers) % 10_000:04d}-zz-{_owners[-1]}-zz"


@contextmanager
def of(owner: str) -> Iterator[None]:
    """Let every row that is written meanwhile be an owner's."""
    _owners.append(owner)
    try:
        yield
    finally:
        _owners.pop()


async def _registered(world: World) -> None:
    """Note whose what every row is: by its id; an event by its audience, too."""
    for model in models.TABLES:
        if "id" not in model._meta.fields_map or not isinstance(model._meta.fields_map["id"], IdField):
            continue
        if model is models.SigningKey:
            # Everybody's: they are published.
            continue
        for row in await model.all():
            row_id = str(row.pk)
            found = _ID.fullmatch(row_id)
            if found is None:
                raise LookupError(row_id)
            world.rows.setdefault(model._meta.db_table, []).append(row_id)
            secret = _of_event(row) if isinstance(row, models.Event) else f"{found[2]} {found[1]}"
            world.ids.setdefault(row_id, secret)


def _of_event(event: models.Event) -> Secret:
    """An event is its stream's, for an audience; in a company's stream besides for the other company that is told."""
    stream, *told = (
        found[2]
        for row_id in (event.stream, event.partner_id, event.client_id)
        if (found := _ID.fullmatch(row_id or ""))
    )
    others = [company for company in told if company not in stream.split("-")]
    return " ".join([stream, "-".join(["event", *event.visible_to.lower().split("_"), *others])])


# ── the story ──


class _Story:
    def __init__(self, world: World, now: Any) -> None:
        self.world = world
        self.now = now
        self.vendor: Seat
        self.partners: dict[str, models.Partner] = {}
        self.clients: dict[str, models.Client] = {}
        self.accounts: dict[str, models.Account] = {}
        self.users: dict[str, models.User] = {}
        self.contacts: dict[str, models.Contact] = {}
        self.partnerships: dict[str, models.Partnership] = {}
        self.projects: dict[str, models.Project] = {}

    async def told(self) -> None:
        """Everything that happened, in order."""
        self.world.seats["n"] = None
        await self.people_of_the_vendor()
        for name in ("northwind", "rival", "former", "asker", "stranger"):
            await self.partner(name)
        await self.partner("brokers", PartnerKind.CLIENT_PARTNER)
        for name in ("harbour", "bakery", "exchange"):
            await self.client(name)
        await self.people()
        await self.lists_of_contacts()
        await self.works()
        await self.modifications("northwind-harbour", "P", "O")
        await self.modifications("stranger-exchange", "S", "E")
        await self.erase("harbour-erased", "O")
        await self.webhooks()
        await self.earnings()
        await self.directory()
        await self.invites()
        await self.brokered()
        await self.log()
        await self.published()
        await self.sessions()

    # ── people and companies ──

    async def user(self, owner: str, **columns: object) -> models.User:
        with of(owner):
            name, email = f"Ada {mark(owner, 'user')}", f"{mark(owner, 'mail')}@example.com"
            self.users[owner] = await given.user(name, email=email, locale="en", **columns)
        self.world.name(owner, self.users[owner])
        return self.users[owner]

    async def people_of_the_vendor(self) -> None:
        user = await self.user("vendor", is_vendor=True)
        with of("vendor"):
            self.vendor = await given.seat(user, given.EVERYBODY | {Role.ADMIN})
        self.world.seats["v"] = self.vendor

    async def partner(self, name: str, kind: PartnerKind = PartnerKind.PARTNER) -> None:
        domain = f"{mark(name, 'inside')}.example"
        with of(name):
            partner_id = await partners.create(
                by=self.vendor,
                name=f"Partner {mark(name, 'company')}",
                kind=kind,
                domain=domain,
                licences=9,
                admin_email=f"{mark(name, 'invited')}@{domain}",
                admin_name=f"Invited {mark(name, 'invited')}",
                details=_details(name),
                copy_address=f"{mark(name, 'inside')}@example.com",
            )
        self.partners[name] = await models.Partner.get(id=partner_id)
        self.world.name(name, partner_id)
        self.world.name(f"{name}'s admin", (await models.Proposal.get(partner_id=partner_id)).id)

    async def client(self, name: str) -> None:
        with of(name):
            client_id = await clients.create(
                by=self.vendor,
                name=f"Client {mark(name, 'company')}",
                owner_email=f"{mark(name, 'invited')}@example.com",
                owner_name=f"Invited {mark(name, 'invited')}",
                account_name=f"Account {mark(name, 'called')}",
                details=_details(name),
            )
        self.clients[name] = await models.Client.get(id=client_id)
        await models.Account.filter(client_id=client_id).update(
            status=AccountStatus.ACTIVE,
            jobs_created=250,
            activated_at=clock.now(),
            plan=f"Plan {mark(name, 'plan')}",
            price=4990,
            currency="EUR",
            renews_on=date(2027, 1, 1),
        )
        self.accounts[name] = await models.Account.get(client_id=client_id)
        self.world.name(name, client_id)
        self.world.name("main" if name == "harbour" else f"{name}'s", self.accounts[name])
        self.world.name(f"{name}'s owner", (await models.Proposal.get(account_id=self.accounts[name].id)).id)

    async def people(self) -> None:
        """Who works where, and who did."""
        admin, collaborator = PartnerMemberRole.ADMIN, PartnerMemberRole.COLLABORATOR
        owner, manager, staff = SecurityRole.ACCOUNT_OWNER, SecurityRole.MANAGER, SecurityRole.STAFF
        with of("harbour-annex"):
            annex = f"Account {mark('harbour-annex', 'called')}"
            self.accounts["annex"] = await given.account(self.clients["harbour"], annex, jobs_created=3)
        self.world.name("annex", self.accounts["annex"])
        await self.member("P", "northwind", admin, "northwind-admin")
        await self.member("p", "northwind", collaborator, "northwind-member")
        for letter, name in zip("RFAS", ("rival", "former", "asker", "stranger"), strict=True):
            await self.member(letter, name, admin, f"{name}-admin")
        await self.member("K", "brokers", admin, "brokers-admin")
        await self.member("k", "brokers", collaborator, "brokers-member")
        await self.member("q", "brokers", collaborator, "brokers-other")
        await self.staff("O", "harbour", owner, "harbour-owner")
        await self.staff("M", "harbour", manager, "harbour-manager")
        await self.staff("T", "harbour", staff, "harbour-staff")
        await self.staff("X", "annex", owner, "harbour-annex-owner")
        await self.staff("B", "bakery", owner, "bakery-owner")
        await self.staff("E", "exchange", owner, "exchange-owner")
        await self.staff("G", "harbour", staff, "harbour-gone")
        await self.member("1", "stranger", collaborator, "sam")
        await self.staff("2", "annex", staff, "sam-annex", person="sam")
        for name in self.partners:
            await self.joined(name, models.Proposal.filter(partner=self.partners[name]), f"{name}-admin")
        for name in self.clients:
            await self.joined(name, models.Proposal.filter(account=self.accounts[name]), f"{name}-owner")
        await self.leave()

    async def joined(self, name: str, invite: QuerySet[models.Proposal], user: str) -> None:
        """Answer a company's first invite."""
        await invite.update(
            status=ProposalStatus.ACCEPTED,
            decided_by_id=self.users[user].id,
            decided_at=clock.now(),
            comment=f"Here {mark(name, 'invited')}",
        )

    async def member(self, letter: str, name: str, role: PartnerMemberRole, owner: str) -> None:
        user = await self.user(owner)
        with of(owner):
            seat = self.world.seats[letter] = await given.member(self.partners[name], role, user)
        self.world.name(f"{letter} {owner}", await models.PartnerMember.get(user=user, partner=self.partners[name]))
        self.world.name(f"{letter} {owner}", seat.id)

    async def staff(
        self, letter: str, account: str, role: SecurityRole, owner: str, *, person: str | None = None
    ) -> None:
        user = self.users[person] if person else await self.user(owner)
        with of(owner):
            seat = self.world.seats[letter] = await given.staff(self.accounts[account], role, user)
        self.world.name(f"{letter} {owner}", await models.StaffMember.get(user=user, account=self.accounts[account]))
        self.world.name(f"{letter} {owner}", seat.id)

    async def leave(self) -> None:
        """Rival's admin has left Northwind, Annex's owner has left Main, and one is gone altogether."""
        now = clock.now()
        with of("rival-admin-before"):
            left = await models.PartnerMember.create(
                partner=self.partners["northwind"],
                user=self.users["rival-admin"],
                role=PartnerMemberRole.COLLABORATOR,
                joined_at=now,
                removed_at=now,
            )
        with of("harbour-annex-owner-before"):
            moved = await models.StaffMember.create(
                account=self.accounts["harbour"],
                user=self.users["harbour-annex-owner"],
                role=SecurityRole.STAFF,
                joined_at=now,
                removed_at=now,
            )
        self.world.name("R left northwind", left)
        self.world.name("X left main", moved)
        gone = self.users["harbour-gone"].id
        await models.StaffMember.filter(user_id=gone).update(removed_at=now)
        await models.Seat.filter(user_id=gone).update(ended_at=now, version=2)
        await models.Session.filter(user_id=gone).update(ended_at=now)

    # ── contacts ──

    async def lists_of_contacts(self) -> None:
        """Of each company one that is lent and one that is kept, written by its own people."""
        for name, letter in _SPEAKERS.items():
            for owner in (f"{name}-lent", f"{name}-kept"):
                await self.contact(owner, name, letter)
        for name in ("northwind", "harbour", "stranger", "exchange"):
            for sort in ("asked", "planned", "teammate"):
                await self.contact(f"{name}-{sort}", name, _SPEAKERS[name])
        await self.contact("harbour-erased", "harbour", "O")

    async def contact(self, owner: str, company: str, letter: str) -> None:
        row = self.partners.get(company) or self.clients[company]
        reach = mark(owner, "reach")
        with of(owner):
            contact_id = await contacts.create(
                by=self.seat(letter),
                organisation_id=row.id,
                name=f"Grace {mark(owner, 'name')}",
                title=f"Head {mark(owner, 'name')}",
                email=f"{reach}@example.com",
                phone=f"1 {reach}",
                mobile=f"2 {reach}",
                purposes=[ContactPurpose.SUPPORT],
            )
        self.contacts[owner] = await models.Contact.get(id=contact_id)
        self.world.name(owner, contact_id)

    # ── what the companies do with each other ──

    async def works(self) -> None:
        """Who works for whom, who has, and who would like to."""
        await self.work("northwind-harbour-before", "P", "O", lent="northwind-lent")
        await self.end("northwind-harbour-before")
        await self.work("northwind-harbour", "P", "O", lent="northwind-lent")
        await self.work("northwind-bakery", "P", "B")
        await self.work("rival-harbour", "R", "O", lent="rival-lent")
        await self.work("former-harbour", "F", "O", lent="former-lent")
        await self.end("former-harbour")
        await self.offer("asker-harbour", "A", lent="asker-lent")
        await self.work("stranger-exchange", "S", "E", lent="stranger-lent")
        await self.letter("asker-letter", "A")
        await self.lend_back("northwind-harbour", "harbour-lent")
        await self.lend_back("stranger-exchange", "exchange-lent")
        await self.access()
        await self.openings()
        await self.contact("harbour-by-northwind", "harbour", "P")
        await self.news()

    async def offer(self, owner: str, letter: str, *, lent: str | None = None) -> str:
        """Offer, and return the offer's id."""
        partner, client = owner.split("-")[:2]
        with of(owner):
            partnership_id = await partnerships.offer(
                by=self.seat(letter),
                partner_id=self.partners[partner].id,
                client_id=self.clients[client].id,
                terms=_terms(owner),
                contact_ids=[self.contacts[lent].id] if lent else None,
                message=f"Hello {mark(owner, 'words')}",
            )
        return await self.begun(owner, partnership_id)

    async def letter(self, owner: str, letter: str) -> None:
        """Offer to somebody who is nobody's client yet, by e-mail."""
        with of(owner):
            partnership_id = await partnerships.offer(
                by=self.seat(letter),
                partner_id=self.partners["asker"].id,
                email=f"{mark(owner, 'mail')}@elsewhere.example",
                client_name=f"Elsewhere {mark(owner, 'words')}",
                terms=_terms(owner),
                message=f"Hello {mark(owner, 'words')}",
            )
        await self.begun(owner, partnership_id)
        self.world.name(owner, (await models.Proposal.get(partnership_id=partnership_id, kind=ProposalKind.INVITE)).id)

    async def begun(self, owner: str, partnership_id: str) -> str:
        partnership = self.partnerships[owner] = await models.Partnership.get(id=partnership_id)
        assert partnership.offer_id is not None
        self.world.name(owner, partnership)
        self.world.name(owner, partnership.offer_id)
        for assigned in await models.AssignedContact.filter(partnership_id=partnership_id):
            self.world.name(f"{owner}, partner's", assigned)
        return partnership.offer_id

    async def work(self, owner: str, letter: str, answers: str, *, lent: str | None = None) -> None:
        """Offer, and accept with the client's first account."""
        offer_id = await self.offer(owner, letter, lent=lent)
        account = self.accounts[owner.split("-")[1]]
        with of(owner):
            await models.ProposalItem.create(proposal_id=offer_id, kind=ModificationKind.ADD_ACCOUNT, account=account)
            await proposals.accept(
                offer_id, by=self.seat(answers), account_ids=[account.id], comment=f"Yes {mark(owner, 'words')}"
            )
        self.world.name(owner, await models.AccessGrant.get(partnership_id=self.partnerships[owner].id))

    async def end(self, owner: str) -> None:
        """Let the owner of Main end a partnership."""
        partnership_id = self.partnerships[owner].id
        async with changes.change(by=None) as c:
            confirmation = await partnerships.confirmation_of(partnership_id, c)
        with of(owner):
            await partnerships.end(
                by=self.seat("O"),
                partnership_id=partnership_id,
                reason=f"Bye {mark(owner, 'words')}",
                confirmation=confirmation,
            )

    async def lend_back(self, owner: str, lent: str) -> None:
        partnership = self.partnerships[owner]
        offer = await models.Proposal.get(id=partnership.offer_id)
        with of(owner):
            row = await given.lent_contact(partnership, self.contacts[lent], offer)
        self.world.name(f"{owner}, client's", row)

    async def access(self) -> None:
        """All are opened now and then, but by Rival, whose time is over."""
        now = clock.now()
        live = models.AccessGrant.filter(status=AccessStatus.ENABLED)
        await live.update(last_opened_at=now, expires_at=now + 60 * DAY)
        await live.filter(partner=self.partners["rival"]).update(expires_at=now)
        denied = await self.ask("rival-harbour-denied")
        with of("rival-harbour-denied"):
            await proposals.decline(denied, by=self.seat("O"), comment=f"No {mark('rival-harbour', 'words')}")
        await self.ask("rival-harbour-asking")

    async def ask(self, owner: str) -> str:
        """Let Rival ask to be let into Main again; return the request's id."""
        grant = await models.AccessGrant.get(partner=self.partners["rival"])
        with of(owner):
            message = f"Please {mark('rival-harbour', 'words')}"
            await grants.request(by=self.seat("R"), grant_id=grant.id, message=message)
        request = await models.Proposal.get(grant_id=grant.id, status=ProposalStatus.PENDING)
        self.world.name(owner, request)
        return request.id

    async def openings(self) -> None:
        """Northwind and the owner open Main."""
        main = self.accounts["harbour"].id
        for owner, letter in (("northwind-harbour", "P"), ("harbour", "O")):
            with of(owner):
                await opening.open_account(main, by=self.seat(letter))

    async def news(self) -> None:
        """Each company changes what it says of itself, and the vendor changes a contact for a client."""
        for name, letter in _SPEAKERS.items():
            with of(name):
                street = {"street": f"2 {mark(name, 'company')}"}
                if row := self.partners.get(name):
                    address = f"2-{mark(name, 'inside')}@example.com"
                    by = self.seat(letter)
                    await partners.update(by=by, partner_id=row.id, details=street, copy_address=address)
                else:
                    await clients.update(by=self.seat(letter), client_id=self.clients[name].id, details=street)
        with of("harbour-kept"):
            await contacts.update(
                by=self.vendor,
                contact_id=self.contacts["harbour-kept"].id,
                on_behalf_of=f"{mark('harbour-kept', 'behalf')}@example.com",
                title=f"Boss {mark('harbour-kept', 'name')}",
                phone=f"3 {mark('harbour-kept', 'reach')}",
            )
        about = models.Event.filter(subject=self.contacts["harbour-kept"].id, topic="contact.updated")
        self.world.name("harbour-kept: updated", (await about.order_by("version"))[0])

    # ── what it earns, and who is listed ──

    async def earnings(self) -> None:
        """Northwind earns at Harbour's and Stranger at Exchange's; Rival has a share agreed, and comes second."""
        for number, owner in enumerate(("northwind-harbour", "stranger-exchange", "rival-harbour")):
            partner, client = owner.split("-")
            with of(partner):
                share = Decimal(number + 1) / 10
                await partners.set_revenue_share(by=self.vendor, partner_id=self.partners[partner].id, rate=share)
            if partner == "rival":
                continue
            connected = models.AccessGrant.filter(partnership=self.partnerships[owner])
            await connected.update(is_earliest=True)
            earned = f"{partner}-earned"
            with of(earned):
                await payments.record(
                    by=self.vendor,
                    account_id=self.accounts[client].id,
                    amount=Decimal("99.90"),
                    currency="EUR",
                    paid_on=date(2026, 11, 20),
                    reference=f"Invoice {mark(earned, 'paid')}",
                )
            self.world.name(earned, await models.Commission.get(partner=self.partners[partner]))
        with of("harbour"):
            await jobs.record(by=self.vendor, account_id=self.accounts["harbour"].id, jobs_created=251)

    async def directory(self) -> None:
        """Asker is listed, and a visitor has written to it."""
        shown = mark("asker", "listed")
        with of("asker"):
            await directory.set_listing(
                by=self.seat("A"),
                partner_id=self.partners["asker"].id,
                listing={"headline": f"Help {shown}", "region": shown, "country": "NO", "services": [f"Care {shown}"]},
            )
            await directory.send_message(
                partner_id=self.partners["asker"].id,
                from_email=f"{mark('asker-visitor', 'mail')}@example.com",
                from_name=f"Vic {mark('asker-visitor', 'words')}",
                message=f"Hello {mark('asker-visitor', 'words')}",
                ip=None,
            )

    # ── what both sides change ──

    async def modifications(self, owner: str, asks: str, answers: str) -> None:
        """One that was countered, its counter accepted in part, one that is open, and on each side a draft and a team.

        `asks`: who speaks for the partner, `answers`: for the client.
        """
        partner, client = owner.split("-")
        with of(f"{client}-depot"):
            depot = self.accounts[f"{client}-depot"] = await given.account(
                self.clients[client], f"Account {mark(f'{client}-depot', 'called')}"
            )
            user = self.users[f"{client}-owner"]
            await models.StaffMember.create(
                account=depot, user=user, role=SecurityRole.ACCOUNT_OWNER, joined_at=clock.now()
            )
        countered = await self.draft(f"{owner}-countered", answers, add_accounts=[depot.id])
        await self.submit(f"{owner}-countered", answers, countered)
        counter = f"{owner}-counter"
        with of(counter):
            counter_id = await modifications.counter(
                countered,
                by=self.seat(asks),
                message=f"Rather {mark(counter, 'words')}",
                add_contacts=[self.contacts[f"{partner}-kept"].id],
                terms={**_terms(owner), "region": f"Region {mark(counter, 'words')}"},
            )
            items = await models.ProposalItem.filter(proposal_id=counter_id, field="region")
            await proposals.accept(
                counter_id,
                by=self.seat(answers),
                item_ids=[item.id for item in items],
                comment=f"Some {mark(counter, 'words')}",
            )
        await self.shown(counter, counter_id)
        asked = await self.draft(
            f"{owner}-asked",
            asks,
            add_contacts=[self.contacts[f"{partner}-asked"].id],
            release_contacts=[self.contacts[f"{client}-lent"].id],
        )
        await self.submit(f"{owner}-asked", asks, asked)
        for name, letter in ((partner, asks), (client, answers)):
            await self.draft(f"{name}-plan", letter, owner, add_contacts=[self.contacts[f"{name}-planned"].id])
            with of(f"{name}-team"):
                managers = [self.contacts[f"{name}-teammate"].id]
                partnership_id = self.partnerships[owner].id
                await team.add(by=self.seat(letter), partnership_id=partnership_id, contact_ids=managers)
            self.world.name(f"{name}'s", await models.PartnershipManager.get(contact_id=managers[0]))

    async def draft(self, owner: str, letter: str, partnership: str | None = None, **wanted: Any) -> str:
        """Draft, with other terms, and return the draft's id."""
        of_both = await models.Partnership.get(id=self.partnerships[partnership or owner.rpartition("-")[0]].id)
        terms: partnerships.Terms = {**_kept(of_both), "description": f"Description {mark(owner, 'words')}"}
        with of(owner):
            drafted = await modifications.draft(by=self.seat(letter), partnership_id=of_both.id, terms=terms, **wanted)
        assert drafted is not None
        await self.shown(owner, drafted)
        return drafted

    async def submit(self, owner: str, letter: str, drafted: str) -> None:
        with of(owner):
            await proposals.submit(drafted, by=self.seat(letter), message=f"Please {mark(owner, 'words')}")

    async def shown(self, owner: str, modification_id: str) -> None:
        self.world.name(owner, modification_id)
        for item in await models.ProposalItem.filter(proposal_id=modification_id):
            self.world.name(f"{owner}: {item.field or item.kind}", item)
        for assigned in await models.AssignedContact.filter(proposal_id=modification_id):
            self.world.name(owner, assigned)

    async def erase(self, owner: str, letter: str) -> None:
        """Erase a contact."""
        with of(owner):
            await contacts.erase(by=self.seat(letter), contact_id=self.contacts[owner].id)

    # ── invites, the log, sign-ins ──

    async def invites(self) -> None:
        """Into a partner company by its admin, into an account by its owner."""
        for name, letter in (("northwind", "P"), ("stranger", "S")):
            partner = self.partners[name]
            about: dict[str, Any] = {"from_partner": partner, "partner": partner, "proposed_by_side": Side.PARTNER}
            await self.invite(f"{name}-invite", letter, InviteKind.PARTNER_MEMBER, partner_id=partner.id, **about)
        for name, letter in (("harbour", "O"), ("exchange", "E")):
            account = self.accounts[name]
            about = {"from_client_id": account.client_id, "account": account, "proposed_by_side": Side.CLIENT}
            await self.invite(f"{name}-invite", letter, InviteKind.STAFF, client_id=account.client_id, **about)

    async def invite(  # what its row and its event hold
        self,
        owner: str,
        letter: str,
        kind: InviteKind,
        *,
        partner_id: str | None = None,
        client_id: str | None = None,
        **about: Any,
    ) -> None:
        by, email, expires_at = self.seat(letter), f"{mark(owner, 'mail')}@example.com", clock.now() + 7 * DAY
        with of(owner):
            row = models.Proposal(
                id=new_proposal_id(ProposalKind.INVITE),
                kind=ProposalKind.INVITE,
                status=ProposalStatus.PENDING,
                invite_kind=kind,
                email=email,
                name=f"Invited {mark(owner, 'words')}",
                message=f"Come {mark(owner, 'words')}",
                proposed_by_id=by.user_id,
                proposed_at=clock.now(),
                expires_at=expires_at,
                created_at=clock.now(),
                **about,
            )
            await row.save(force_create=True)
            link = await tokens.issue(
                LinkPurpose.INVITE, email=email, at=clock.now(), expires_at=expires_at, proposal_id=row.id
            )
            async with changes.change(by=by) as c:
                c.event(
                    "invite.sent",
                    stream=partner_id or row.project_id or row.account_id or row.id,
                    subject=row.id,
                    proposal_id=row.id,
                    account_id=row.account_id,
                    project_id=row.project_id,
                    partner_id=partner_id,
                    client_id=client_id,
                )
        self.world.name(owner, row)
        self.world.links[f"invite of {owner}"] = tokens.of_link(link)

    # ── projects ──

    async def brokered(self) -> None:
        """Harbour and Exchange share Brokers in a project of each; two others of Harbour's are without it."""
        for client in ("harbour", "exchange"):
            owner = f"brokers-{client}"
            with of(owner):
                self.partnerships[owner] = await given.partnership(
                    self.partners["brokers"],
                    self.clients[client],
                    kind=PartnershipKind.INTERMEDIARY,
                    title=f"Title {mark(owner, 'words')}",
                )
            self.world.name(owner, self.partnerships[owner])
        for owner, account, on_it in (
            ("harbour-relaunch", "harbour", "Kk"),
            ("harbour-intern", "harbour", "K"),
            ("harbour-annex-works", "annex", ""),
            ("exchange-audit", "exchange", "Kq"),
        ):
            await self.project(owner, account, on_it)
        for owner, speaker in (("harbour-relaunch", "O"), ("exchange-audit", "E")):
            project, company = self.projects[owner], self.partners["brokers"]
            about: dict[str, Any] = {"project": project, "account_id": project.account_id, "partner": company}
            client_id = self.seat(speaker).client_id
            await self.invite(
                f"{owner}-invite",
                speaker,
                InviteKind.PROJECT,
                client_id=client_id,
                from_client_id=client_id,
                proposed_by_side=Side.CLIENT,
                **about,
            )
        with of("harbour-relaunch-before"):
            left = await given.on_project(self.projects["harbour-relaunch"], self.seat("q"), removed_at=clock.now())
        self.world.name("q left relaunch", left)

    async def project(self, owner: str, account: str, on_it: str) -> None:
        """A project with everything that can be in one. `on_it`: who of Brokers is on it, its admin anyhow."""
        words, speaker = mark(owner, "words"), {"harbour": "O", "annex": "X", "exchange": "E"}[account]
        by = self.seat(speaker)
        asked = self.seat(on_it[-1]) if on_it else by
        with of(owner):
            project = self.projects[owner] = await given.project(
                self.accounts[account],
                f"Project {words}",
                messages=1,
                items=1,
                items_done=1,
                starts_on=date(2027, 1, 1),
                due_on=date(2027, 3, 31),
            )
            if len(on_it) > 1:
                await given.engaged(project, self.partners["brokers"])
            for letter in on_it:
                member = await given.on_project(project, self.seat(letter), is_assigned=letter != "K")
                self.world.name(f"{letter} {owner}", member)
            conversation = await models.Conversation.create(
                project=project, title=f"Talk {words}", last_seq=1, created_at=clock.now()
            )
            rows: list[Model] = [
                project,
                conversation,
                await models.Message.create(
                    conversation=conversation,
                    project=project,
                    seq=1,
                    author_id=by.user_id,
                    body=f"Hello {words}",
                    sent_at=clock.now(),
                ),
                await models.ActionItem.create(
                    project=project,
                    title=f"Do {words}",
                    assignee_id=asked.user_id,
                    due_on=date(2027, 2, 1),
                    status=ActionItemStatus.DONE,
                    completed_by_id=by.user_id,
                    completed_at=clock.now(),
                    created_at=clock.now(),
                ),
                file := await models.ProjectFile.create(
                    project=project,
                    name=f"{words}.txt",
                    status=FileStatus.READY,
                    content_type="text/plain",
                    size=5,
                    digest="00" * 32,
                    uploaded_by_id=by.user_id,
                    uploaded_at=clock.now(),
                ),
                await models.Widget.create(
                    project=project, title=f"Page {words}", url=f"https://example.com/{words}", added_at=clock.now()
                ),
                await models.Rating.create(
                    project=project,
                    requested_from_id=asked.user_id,
                    score=4,
                    comment=f"Good {words}",
                    requested_at=clock.now(),
                    given_at=clock.now(),
                ),
                await given.approval(
                    project, asked, title=f"Plan {words}", message=f"Well {words}", proposed_by_id=self.vendor.user_id
                ),
            ]
            decided = await given.approval(
                project,
                asked,
                title=f"Text {words}",
                file=file,
                from_client_id=self.accounts[account].client_id,
                proposed_by_id=by.user_id,
                proposed_by_side=Side.CLIENT,
                status=ProposalStatus.DECLINED,
                decided_by_id=asked.user_id,
                decided_at=clock.now(),
                comment=f"No {words}",
            )
            async with changes.change(by=by) as c:
                for topic in ("project.created", "message.posted"):
                    c.event(
                        topic,
                        stream=project.id,
                        subject=project.id,
                        reason=f"Since {words}",
                        project_id=project.id,
                        client_id=self.accounts[account].client_id,
                    )
            tallies = [
                await models.ProjectTally.create(
                    project=project, account_id=project.account_id, user_id=seat.user_id, messages_read=1
                )
                for seat in (asked, *([by] if asked is not by else []))
            ]
            reading = await models.ConversationReading.create(conversation=conversation, user_id=by.user_id, read_seq=1)
        for row in rows:
            self.world.name(owner, row)
        self.world.name(f"{owner}: decided", decided)
        event = await models.Event.filter(stream=project.id).order_by("version").first()
        assert event is not None
        self.world.name(owner, event)
        for tally in tallies:
            self.addressed(tally, tally.user_id, owner)
        self.addressed(reading, reading.user_id, owner)

    async def log(self) -> None:
        """In two partnerships something that each audience hears of."""
        for owner, letter in (("northwind-harbour", "P"), ("stranger-exchange", "S")):
            partnership = self.partnerships[owner]
            for audience in Audience:
                with of(owner):
                    async with changes.change(by=self.seat(letter)) as c:
                        c.event(
                            "partnership.reminded",
                            stream=partnership.id,
                            subject=partnership.id,
                            audience=audience,
                            reason=f"Said {mark(owner, f'event-{audience.lower()}'.replace('_', '-'))}",
                            partnership_id=partnership.id,
                            account_id=self.accounts[owner.split("-")[1]].id,
                            proposal_id=partnership.offer_id,
                            partner_id=partnership.partner_id,
                            client_id=partnership.client_id,
                        )
                newest = await models.Event.filter(stream=partnership.id).order_by("-version").first()
                assert newest is not None
                self.world.name(f"{owner}: {audience.lower()}", newest)

    async def webhooks(self) -> None:
        """Programs of both sides, of the vendor and of Stranger hear of drafts and of what was accepted."""
        for letter, owner in {"v": "vendor", "P": "northwind", "O": "harbour", "S": "stranger"}.items():
            with of(f"{owner}-hook"):
                url = f"https://{mark(f'{owner}-hook', 'url')}.example.com/"
                topics = ["partnership.accepted", "partnership.modification.drafted"]
                made = await webhooks.create(by=self.seat(letter), url=url, topics=topics)
            self.world.name(f"{owner}'s", made.endpoint_id)

    async def published(self) -> None:
        """Let the relay send notices and deliveries. Some are read, and some have failed."""
        with of("relay"):
            await relay.publish(clock.now())
            for letter in "PO":
                await notices.set_preference("partnership.offered", [NoticeChannel.PORTAL], by=self.seat(letter))
        sent: list[models.Notice] = await models.Notice.all().order_by("event_id", "seat_id")
        for notice in sent:
            self.addressed(notice, notice.seat_id, notice.urgency.lower())
        read = models.Notice.filter(id__in=[notice.id for notice in sent[::2]])
        await read.update(read_at=clock.now(), acknowledged_at=clock.now())
        for preference in await models.NoticePreference.all():
            self.addressed(preference, preference.seat_id, preference.topic)
        for delivery in await models.WebhookDelivery.all().order_by("event_id", "endpoint_id"):
            owner = self.addressed(delivery, delivery.endpoint_id, "first")
            delivery.attempts = [
                {
                    "at": sql.time_text(clock.now()),
                    "response_status": 500,
                    "response_body": f"No {mark(owner, 'url')}",
                    "error": "HTTP 500",
                    "milliseconds": 7,
                }
            ]
            await delivery.save()
        with of("harbour-hook"):
            hook = self.world.named["endpoint"]["harbour's"]
            await webhooks.disable(hook, f"Gone {mark('harbour-hook', 'reason')}")

    def addressed(self, row: Model, to: str, what: str) -> str:
        """What the relay writes belongs to whom it is addressed to."""
        owner = _ID.fullmatch(to)
        assert owner is not None
        self.world.ids[str(row.pk)] = f"{owner[2]} {row._meta.db_table.rpartition('_')[2]}"
        self.world.name(f"{owner[2]}: {what}", row)
        return owner[2]

    async def sessions(self) -> None:
        """Browsers say whose they are; one asks for a link to sign in by."""
        for session in await models.Session.all():
            owner = _ID.fullmatch(session.id)
            assert owner is not None
            browser = f"Browser {mark(owner[2], 'session')}"
            await models.Session.filter(id=session.id).update(ip="192.0.2.7", user_agent=browser)
        owner_of_main = self.users["harbour-owner"]
        with of("harbour-owner"):
            link = await tokens.issue_sign_in(owner_of_main.id, str(owner_of_main.email), at=self.now)
        self.world.links["sign-in of harbour-owner"] = tokens.of_link(link)

    def seat(self, letter: str) -> Seat:
        seat = self.world.seats[letter]
        assert seat is not None
        return seat


# Who speaks for each company.
_SPEAKERS: Final = {
    "northwind": "P",
    "rival": "R",
    "former": "F",
    "asker": "A",
    "stranger": "S",
    "harbour": "O",
    "bakery": "B",
    "exchange": "E",
}


def _details(owner: str) -> dict[str, str | None]:
    said = mark(owner, "company")
    lines = ("street", "city", "state", "postal_code", "country", "phone", "fax")
    return {
        **{column: f"{column} {said}" for column in lines},
        "email": f"{said}@example.com",
        "website": f"https://example.com/{said}",
    }


def _kept(partnership: models.Partnership) -> partnerships.Terms:
    """A partnership's terms as they are."""
    return {
        "title": partnership.title,
        "description": partnership.description,
        "region": partnership.region,
        "starts_on": partnership.starts_on,
    }


def _terms(owner: str) -> partnerships.Terms:
    said = mark(owner, "words")
    return {
        "title": f"Title {said}",
        "description": f"Description {said}",
        "region": f"Region {said}",
        "starts_on": date(2027, 1, 1),
    }
