"""What a test starts from: rows written through the models, with everything that the test does not care about made up.

partner = await given.partner("Northwind")
ada = await given.member(partner, role=PartnerMemberRole.ADMIN)   # a seat, ready to be handed on as `by=`
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import TypeVar

from tortoise import Model

import models
from domain import clock, connections, seats, vault
from models import base
from models.enums import (
    AccountStatus,
    ModificationKind,
    PartnerKind,
    PartnerMemberRole,
    PartnershipKind,
    PartnershipStatus,
    ProposalKind,
    ProposalStatus,
    Role,
    SecurityRole,
    Side,
    SignInMethod,
)
from models.proposal import new_proposal_id

SESSION_LASTS = timedelta(days=14)
OFFER_LASTS = timedelta(days=30)
REQUEST_LASTS = timedelta(days=14)

EVERYBODY = frozenset({Role.PUBLIC, Role.USER})
MEMBER_ROLES = {
    (PartnerKind.PARTNER, PartnerMemberRole.ADMIN): EVERYBODY | {Role.PARTNER, Role.PARTNER_ADMIN},
    (PartnerKind.PARTNER, PartnerMemberRole.COLLABORATOR): EVERYBODY | {Role.PARTNER},
    (PartnerKind.CLIENT_PARTNER, PartnerMemberRole.ADMIN): EVERYBODY | {Role.CLIENT_PARTNER, Role.CLIENT_PARTNER_ADMIN},
    (PartnerKind.CLIENT_PARTNER, PartnerMemberRole.COLLABORATOR): EVERYBODY | {Role.CLIENT_PARTNER},
}
STAFF_ROLES = {
    SecurityRole.ACCOUNT_OWNER: EVERYBODY | {Role.CLIENT, Role.ACCOUNT_OWNER},
    SecurityRole.MANAGER: EVERYBODY | {Role.CLIENT},
    SecurityRole.STAFF: EVERYBODY | {Role.CLIENT},
}

_numbers = count(1)
ROW = TypeVar("ROW", bound=Model)

# ── people and companies ──


async def user(name: str = "Ada Lovelace", **columns: object) -> models.User:
    email = f"{name.split(maxsplit=1)[0].lower()}.{next(_numbers)}@example.com"
    return await _written(models.User, {"name": name, "email": email, "created_at": clock.now()}, columns)


async def partner(name: str = "Northwind", **columns: object) -> models.Partner:
    return await _written(
        models.Partner,
        {
            "name": name,
            "name_key": base.text_key(name),
            "domain": f"partner-{next(_numbers)}.example",
            "licences": 5,
            "created_at": clock.now(),
        },
        columns,
    )


async def client(name: str = "Harbour Foods", **columns: object) -> models.Client:
    return await _written(
        models.Client, {"name": name, "name_key": base.text_key(name), "created_at": clock.now()}, columns
    )


async def account(
    of: models.Client, name: str = "Main shop", jobs_created: int = 0, **columns: object
) -> models.Account:
    """Write an account; the clock of access has started where it has created 100 jobs."""
    return await _written(
        models.Account,
        {
            "client": of,
            "name": name,
            "name_key": base.text_key(name),
            "status": AccountStatus.ACTIVE,
            "created_at": clock.now(),
            "jobs_created": jobs_created,
            "activated_at": clock.now() if jobs_created >= 100 else None,
        },
        columns,
    )


async def contact(of: models.Partner | models.Client, name: str = "Grace Hopper", **columns: object) -> models.Contact:
    company = {"partner": of} if isinstance(of, models.Partner) else {"client": of}
    return await _written(
        models.Contact,
        {
            **company,
            "name": name,
            "name_key": base.text_key(name),
            "created_at": clock.now(),
            "updated_at": clock.now(),
        },
        columns,
    )


# ── seats ──


async def seat(
    of: models.User,
    roles: frozenset[Role],
    *,
    partner: models.Partner | None = None,
    client: models.Client | None = None,
) -> seats.Seat:
    """Sign the user in and seat it: at the company, or without one at the vendor."""
    side = Side.PARTNER if partner else Side.CLIENT if client else Side.VENDOR
    row = await models.Seat.create(
        user=of, side=side, partner=partner, client=client, roles=sorted(roles), created_at=clock.now()
    )
    return seats.of_session(await session(row))


async def session(of: models.Seat, token: str | None = None, **columns: object) -> models.Session:
    """Sign in to the seat. With a token, a request that carries it is that session's."""
    token_hash = hashlib.sha256((token or f"token {next(_numbers)}").encode()).hexdigest()
    created = await _written(
        models.Session,
        {
            "token_hash": token_hash,
            "user_id": of.user_id,
            "seat": of,
            "via": SignInMethod.PASSWORD,
            "started_at": clock.now(),
            "last_seen_at": clock.now(),
            "expires_at": clock.now() + SESSION_LASTS,
        },
        columns,
    )
    await created.fetch_related("seat")
    return created


async def admin(name: str = "Vera Vendor") -> seats.Seat:
    """Seat one of the vendor's own staff."""
    return await seat(await user(name, is_vendor=True), EVERYBODY | {Role.ADMIN})


async def member(
    of: models.Partner,
    role: PartnerMemberRole = PartnerMemberRole.COLLABORATOR,
    user: models.User | None = None,
) -> seats.Seat:
    """Seat a user in a partner company; its ADMIN becomes the company's."""
    person = user or await _person("Paula Partner")
    await models.PartnerMember.create(partner=of, user=person, role=role, joined_at=clock.now())
    if role is PartnerMemberRole.ADMIN:
        await models.Partner.filter(id=of.id).update(admin=person)
    return await seat(person, MEMBER_ROLES[of.kind, role], partner=of)


async def staff(
    of: models.Account, role: SecurityRole = SecurityRole.ACCOUNT_OWNER, user: models.User | None = None
) -> seats.Seat:
    """Seat a user at an account's client; the ACCOUNT_OWNER becomes the account's."""
    person = user or await _person("Clara Client")
    await models.StaffMember.create(account=of, user=person, role=role, joined_at=clock.now())
    if role is SecurityRole.ACCOUNT_OWNER:
        await models.Account.filter(id=of.id).update(owner=person)
    return await seat(person, STAFF_ROLES[role], client=await models.Client.get(id=of.client_id))


async def owned(account: models.Account, by: seats.Seat) -> models.Account:
    """Give an account to somebody who has a seat at its client already."""
    await models.StaffMember.create(
        account=account, user_id=by.user_id, role=SecurityRole.ACCOUNT_OWNER, joined_at=clock.now()
    )
    await models.Account.filter(id=account.id).update(owner_id=by.user_id)
    return account


# ── partnerships ──


async def partnership(
    between: models.Partner,
    and_client: models.Client | None,
    status: PartnershipStatus = PartnershipStatus.ACTIVE,
    **columns: object,
) -> models.Partnership:
    """Write a partnership of two companies, without its offer."""
    started = status in {PartnershipStatus.ACTIVE, PartnershipStatus.ENDED}
    return await _written(
        models.Partnership,
        {
            "partner": between,
            "client": and_client,
            "status": status,
            "partner_key": between.name_key,
            "client_key": and_client.name_key if and_client else "",
            "title": "Shop care",
            "expires_at": clock.now() + OFFER_LASTS if status is PartnershipStatus.OFFERED else None,
            "started_at": clock.now() if started else None,
            "ended_at": clock.now() if status is PartnershipStatus.ENDED else None,
            "changed_at": clock.now(),
            "created_at": clock.now(),
        },
        columns,
    )


async def offer(of: models.Partnership, **columns: object) -> models.Proposal:
    """Write the offer of a partnership, from its partner to its client, and tie the two together."""
    kind = ProposalKind.PARTNERSHIP_OFFER
    proposal = await _written(
        models.Proposal,
        {
            "id": new_proposal_id(kind),
            "kind": kind,
            "status": ProposalStatus.PENDING,
            "proposed_by_side": Side.PARTNER,
            "from_partner_id": of.partner_id,
            "to_client_id": of.client_id,
            "partnership": of,
            "proposed_at": clock.now(),
            "expires_at": clock.now() + OFFER_LASTS,
            "created_at": clock.now(),
        },
        columns,
    )
    of.offer_id = proposal.id
    of.expires_at = proposal.expires_at
    await of.save(update_fields=["offer_id", "expires_at"])
    return proposal


async def modification(of: models.Partnership, by: Side = Side.PARTNER, **columns: object) -> models.Proposal:
    """Write a modification that one side proposes to the other; one in DRAFT was never sent."""
    kind, is_draft = ProposalKind.MODIFICATION, columns.get("status") is ProposalStatus.DRAFT
    partner, client = ("from_partner", "to_client") if by is Side.PARTNER else ("to_partner", "from_client")
    return await _written(
        models.Proposal,
        {
            "id": new_proposal_id(kind),
            "kind": kind,
            "status": ProposalStatus.PENDING,
            "proposed_by_side": by,
            f"{partner}_id": of.partner_id,
            f"{client}_id": of.client_id,
            "partnership": of,
            "message": None if is_draft else "Please.",
            "proposed_at": None if is_draft else clock.now(),
            "expires_at": None if is_draft else clock.now() + OFFER_LASTS,
            "created_at": clock.now(),
        },
        columns,
    )


async def manager(of: models.Partnership, contact: models.Contact, **columns: object) -> models.PartnershipManager:
    """Put a contact on its own side's team."""
    side = Side.PARTNER if contact.partner_id else Side.CLIENT
    return await _written(
        models.PartnershipManager,
        {"partnership": of, "contact": contact, "side": side, "added_at": clock.now()},
        columns,
    )


async def item(of: models.Proposal, kind: ModificationKind, **columns: object) -> models.ProposalItem:
    """Write one thing that a proposal asks for."""
    return await _written(models.ProposalItem, {"proposal": of, "kind": kind}, columns)


async def lent_contact(
    to: models.Partnership, contact: models.Contact, by: models.Proposal, **columns: object
) -> models.AssignedContact:
    """Lend a contact to a partnership, assigned by a proposal; `assigned_at=None` while that is pending."""
    return await _written(
        models.AssignedContact,
        {
            "partnership": to,
            "contact": contact,
            "side": Side.PARTNER if contact.partner_id else Side.CLIENT,
            "proposal": by,
            "assigned_at": clock.now(),
        },
        columns,
    )


async def grant(of: models.Partnership, on: models.Account, **columns: object) -> models.AccessGrant:
    """Connect a partnership's partner to an account."""
    return await _written(
        models.AccessGrant,
        {
            "partnership": of,
            "partner_id": of.partner_id,
            "account": on,
            "account_key": on.name_key,
            "connected_at": clock.now(),
            "enabled_at": columns.get("connected_at", clock.now()),
            "used_at": columns.get("last_opened_at") or columns.get("connected_at", clock.now()),
            "until_at": columns.get("expires_at") or connections.NEVER,
        },
        columns,
    )


async def request(of: models.Partnership, on: models.AccessGrant, **columns: object) -> models.Proposal:
    """Write a partner's request to be let into an account again."""
    kind = ProposalKind.ACCESS_REQUEST
    return await _written(
        models.Proposal,
        {
            "id": new_proposal_id(kind),
            "kind": kind,
            "status": ProposalStatus.PENDING,
            "message": "Let us in.",
            "proposed_by_side": Side.PARTNER,
            "from_partner_id": of.partner_id,
            "to_client_id": of.client_id,
            "partnership": of,
            "account_id": on.account_id,
            "grant": on,
            "proposed_at": clock.now(),
            "expires_at": clock.now() + REQUEST_LASTS,
            "created_at": clock.now(),
        },
        columns,
    )


# ── projects ──


async def client_partner(name: str = "Harrow Brokers", **columns: object) -> models.Partner:
    """Write a client-partner company."""
    return await partner(name, kind=PartnerKind.CLIENT_PARTNER, **columns)


async def project(of: models.Account, name: str = "Relaunch", **columns: object) -> models.Project:
    return await _written(
        models.Project,
        {"account": of, "name": name, "name_key": base.text_key(name), "created_at": clock.now()},
        columns,
    )


async def engaged(on: models.Project, partner: models.Partner) -> models.ProjectPartner:
    """Bring a client partner into a project; the partnership with the client begins with the first one."""
    account = await models.Account.get(id=on.account_id)
    client = await models.Client.get(id=account.client_id)
    begun = models.Partnership.filter(partner=partner, client=client, kind=PartnershipKind.INTERMEDIARY)
    both = await begun.first() or await partnership(partner, client, kind=PartnershipKind.INTERMEDIARY)
    return await _written(
        models.ProjectPartner,
        {"project": on, "account": account, "partner": partner, "partnership": both, "added_at": clock.now()},
        {},
    )


async def on_project(on: models.Project, who: seats.Seat, **columns: object) -> models.ProjectMember:
    """Assign a client partner's person to a project."""
    return await _written(
        models.ProjectMember,
        {
            "project": on,
            "account_id": on.account_id,
            "partner_id": who.partner_id,
            "user_id": who.user_id,
            "is_assigned": True,
            "added_at": clock.now(),
        },
        columns,
    )


async def approval(of: models.Project, approver: seats.Seat, **columns: object) -> models.Proposal:
    """Write a question of the vendor's to somebody on a project."""
    kind = ProposalKind.PROJECT_APPROVAL
    return await _written(
        models.Proposal,
        {
            "id": new_proposal_id(kind),
            "kind": kind,
            "status": ProposalStatus.PENDING,
            "title": "The design",
            "proposed_by_side": Side.VENDOR,
            "project": of,
            "account_id": of.account_id,
            "approver_id": approver.user_id,
            "proposed_at": clock.now(),
            "expires_at": clock.now() + REQUEST_LASTS,
            "created_at": clock.now(),
        },
        columns,
    )


async def _written(model: type[ROW], made_up: Mapping[str, object], given: Mapping[str, object]) -> ROW:
    row = model(**{**made_up, **given})
    await row.save(force_create=True)
    return row


async def _person(name: str) -> models.User:
    return await user(name)


# ── webhooks ──

WEBHOOK_SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


async def endpoint(of: models.Partner | models.Client | None = None, **columns: object) -> models.WebhookEndpoint:
    """Write a webhook endpoint of a company, or the vendor's; its secret is WEBHOOK_SECRET."""
    row_id = base.new_id("endpoint")
    owner = {"partner": of} if isinstance(of, models.Partner) else {"client": of} if of else {}
    return await _written(
        models.WebhookEndpoint,
        {
            **owner,
            "id": row_id,
            "url": "https://hooks.example.com/in",
            "secret": vault.sealed(WEBHOOK_SECRET, of=row_id),
            "secret_hint": "…8=",
            "created_at": clock.now(),
        },
        columns,
    )
