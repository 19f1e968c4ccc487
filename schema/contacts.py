"""Contacts: people at a partner or a client."""

from datetime import datetime
from typing import Annotated

import strawberry

from models import enums
from models.contact import Contact as ContactRow
from models.enums import Role
from resolvers import people as people_sql
from resolvers.sources import DEFAULT, Order
from schema import names
from schema.fields import column, either, lookup, node, page
from schema.paging import Node
from schema.people import BY_NAME, SEARCH_NAME, Client, Partner
from schema.scalars import EmailAddress

Organisation = Annotated[Partner | Client, strawberry.union("Organisation", description="A company.")]
READERS = [Role.PARTNER, Role.CLIENT]


@node(ContactRow)
class Contact(Node):
    """A person at a partner or a client, and what their details may be used for."""

    name: str = column()
    title: str | None = column()
    email: EmailAddress | None = column(
        to=READERS, doc="The vendor's staff do not see these in passing: every use of them is recorded."
    )
    phone: str | None = column(to=READERS)
    mobile: str | None = column(to=READERS)
    organisation: Organisation = either(Partner="partner_id", Client="client_id")
    purposes: list[enums.ContactPurpose] = column()
    history: names.EventConnection = page(
        "{t}.subject = {p}", orders={DEFAULT: Order("{t}.id", descending=True)}, doc="Newest first."
    )
    updated_at: datetime = column()


@strawberry.type
class ContactsQuery:
    """The roots of this slice."""

    contact: Contact | None = lookup()
    contacts: names.ContactConnection | None = page(
        filters={"search": SEARCH_NAME, "purpose": (enums.ContactPurpose | None, people_sql.OF_PURPOSE)},
        orders=BY_NAME,
        to=[Role.USER],
    )
