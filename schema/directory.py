"""The public directory of local partners."""

import strawberry
from strawberry import ID

from domain import directory as law
from domain.policy import Permission
from models.directory import DirectoryListing as DirectoryListingRow
from models.enums import Role
from resolvers import directory
from schema import names
from schema.errors import AcknowledgedPayload
from schema.fields import column, expression, node, page, verb
from schema.mutations import PartnerPayload
from schema.people import BY_NAME
from schema.scalars import EmailAddress


@node(DirectoryListingRow)
class DirectoryEntry:
    """What the public directory shows of a partner who agreed to be listed."""

    partner_id: ID = expression("{t}.partner_id")
    name: str = expression(directory.NAME)
    headline: str = column()
    region: str = column()
    country: str = column(doc="ISO 3166-1 alpha-2.")
    services: list[str] = column()


@node(DirectoryListingRow)
class DirectoryListing:
    """How a partner shows in the public directory."""

    headline: str = column()
    region: str = column()
    country: str = column(doc="ISO 3166-1 alpha-2.")
    services: list[str] = column()


@strawberry.type
class DirectoryQuery:
    """The roots of this slice."""

    directory: names.DirectoryEntryConnection = page(
        filters={
            "country": (str | None, directory.IN_COUNTRY),
            "region": (str | None, directory.IN_REGION),
            "service": (str | None, directory.OF_SERVICE),
        },
        orders=BY_NAME,
        to=[Role.PUBLIC],
        doc="Local partners, by name. `country`: ISO 3166-1 alpha-2; `region`, `service`: whole, however written.",
    )


@strawberry.input
class DirectoryListingInput:
    headline: str
    region: str
    country: str = strawberry.field(description="ISO 3166-1 alpha-2: NO.")
    services: list[str] = strawberry.field(description="20 at most.")


@strawberry.input
class PartnerMessageSendInput:
    partner_id: ID
    from_email: EmailAddress
    from_name: str
    message: str


@strawberry.type
class DirectoryMutation:
    """The verbs of this slice."""

    partner_listing_set: PartnerPayload = verb(
        law.set_listing,
        {"partner_id": ID, "listing": DirectoryListingInput | None},
        permission=Permission.PARTNER_LISTING_SET,
        gives="partner",
        doc="Puts a partner into the public directory, or, without a listing, takes it off. NOT_FOUND, FORBIDDEN, "
        "INVALID.",
    )
    partner_message_send: AcknowledgedPayload = verb(
        directory.send_message,
        {"input": PartnerMessageSendInput},
        permission=Permission.PARTNER_MESSAGE_SEND,
        sole=True,
        doc="Mails a listed partner's admin what a visitor writes; they answer to the visitor's own address. The same "
        "answer whether or not the partner is listed. INVALID, RATE_LIMITED.",
    )
