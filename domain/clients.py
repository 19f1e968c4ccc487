"""Client companies: who they are and how they are reached."""

from collections.abc import Mapping
from typing import TypedDict, Unpack

import settings
from domain import accounts, changes, companies, inputs, inviting, policy
from domain.changes import Change
from domain.policy import Permission
from domain.seats import Seat
from models.base import text_key
from models.client import Client
from models.enums import InviteKind, SecurityRole


class Description(TypedDict, total=False):
    """What may change of a company. What is left out stays; null clears, except a name."""

    name: str | None
    details: Mapping[str, str | None] | None


async def create(  # noqa: PLR0913  the input's fields
    *,
    by: Seat,
    name: str,
    owner_email: str,
    owner_name: str,
    account_name: str,
    details: Mapping[str, str | None] | None = None,
) -> str:
    """Create a client company with its first account, and invite the account's owner by mail, for 7 days (INVITE_DAYS).

    The account is SETTING_UP until its owner has joined. Refuses FORBIDDEN, INVALID. Returns the company's id.
    """
    policy.require(Permission.CLIENT_CREATE, by=by)
    company = Client(name=inputs.required_line(name, "name"), **inputs.details(details, "details"))
    owner = inputs.required_address(owner_email, "ownerEmail")
    invited = inputs.required_line(owner_name, "ownerName")
    workspace = inputs.required_line(account_name, "accountName")
    async with changes.change(by=by) as c:
        await found(c, company)
        account = await accounts.create(c, company.id, workspace)
        await inviting.send(
            c,
            InviteKind.ACCOUNT_OWNER,
            email=owner,
            name=invited,
            expires_at=c.now + settings.load().invite_open,
            account_id=account.id,
            role=SecurityRole.ACCOUNT_OWNER,
        )
    return company.id


async def found(c: Change, company: Client) -> None:
    """Write a new client company, with the columns that it has, and record it."""
    company.name_key = text_key(company.name)
    company.created_at = c.now
    await company.save(force_create=True)
    c.event(
        "client.created",
        stream=company.id,
        subject=company.id,
        client_id=company.id,
        changes=changes.differences({}, {"name": company.name}),
    )


async def update(*, by: Seat, client_id: str, **given: Unpack[Description]) -> str:
    """Change what is given of a company's own description; the partners of its active partnerships are told (4.8).

    Refuses NOT_FOUND, FORBIDDEN, INVALID. Returns the company's id.
    """
    policy.require(Permission.CLIENT_UPDATE, by=by)
    company = await policy.find(Client, client_id, "clientId", by=by)
    columns = inputs.details(given.get("details"), "details")
    if given.get("name") is not None:
        columns["name"] = inputs.required_line(given["name"], "name")
    async with changes.change(by=by, on_behalf_of=companies.acted_for(company, by)) as c:
        await companies.describe(c, company, columns)
    return company.id
