"""What the fields of webhooks are in SQL, and the verbs that hand out a secret or nothing."""

from collections.abc import Collection

from domain import webhooks
from resolvers.context import Caller, Outcome
from resolvers.sources import DEFAULT, Filter, Order

# A company's own; the vendor's own are those of no company.
OF_SEAT = "coalesce({t}.partner_id, {t}.client_id, '') = coalesce(:partner, :client, '')"
OF_STATUS = Filter("{t}.status {within}:value{end_within}")
NEWEST_FIRST = {DEFAULT: Order("{t}.id", descending=True)}


async def create(caller: Caller, *, url: str, topics: Collection[str], owner_id: str | None = None) -> Outcome:
    """Add an endpoint; its secret is shown this once."""
    return _issued(await webhooks.create(by=caller.signed_in, url=url, topics=topics, owner_id=owner_id))


async def rotate_secret(caller: Caller, *, endpoint_id: str) -> Outcome:
    """Give an endpoint a new secret, shown this once."""
    return _issued(await webhooks.rotate_secret(by=caller.signed_in, endpoint_id=endpoint_id))


async def delete(caller: Caller, *, endpoint_id: str) -> Outcome:
    """Remove an endpoint."""
    await webhooks.delete(by=caller.signed_in, endpoint_id=endpoint_id)
    return Outcome()


def _issued(issued: webhooks.Issued) -> Outcome:
    return Outcome({"endpoint": issued.endpoint_id}, {"secret": issued.secret})
