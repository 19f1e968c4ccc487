"""The limit: the same answers without GraphQL, sessions or anything else that is not bytes in, rows, bytes out.

A bare ASGI app; statements written by hand, as good as we know how; rows put together by hand; orjson. Who asks is
believed: the header `x-partner` names the company, and the role or the person behind it. Cursors are plain.

One path more, `/proven`, is `/contact` for whoever does not believe: the request is the product's own, the statement
proves the session as the product's does, and the answer has the product's headers. What is left between it and the
product is GraphQL; what is between it and `/contact` nobody gets around.
"""

import asyncio
import gc
import os
import random
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, cast

import asyncpg
import orjson

from bench import partnership, work

Message = MutableMapping[str, Any]
Row = Sequence[Any]

CONNECTIONS = 8
PAGE, LIST = 50, 10

TILES = f"""
    select n.total, q.* from (
      select count(*) as total from partnership x where x.partner_id = $1 and not x.hidden_by_partner
    ) n left join lateral (
      select t.id,
        case
          when t.status = 'OFFERED' then case when t.expires_at <= now() then 'EXPIRED' else 'OPEN' end
          when t.status = 'ACTIVE' and exists (
            select from proposal m where m.partnership_id = t.id and m.kind = 'MODIFICATION' and m.status = 'PENDING'
            and m.expires_at > now()) then 'MODIFIED'
          else t.status
        end,
        t.title, p.id, p.name, case when t.status in ('ACTIVE', 'ENDED') then c.id end, c.name,
        (select count(*) from assigned_contact a
         where a.partnership_id = t.id and a.assigned_at is not null and a.released_at is null),
        (select count(*) from access_grant g where g.partnership_id = t.id and g.status <> 'DISCONNECTED'),
        t.client_key
      from partnership t join partner p on p.id = t.partner_id left join client c on c.id = t.client_id
      where t.id = any(array(
        select x.id from partnership x where x.partner_id = $1 and not x.hidden_by_partner
        order by x.client_key, x.id limit {PAGE + 1}))
      order by t.client_key, t.id
    ) q on true
"""
_IS_LENT = """
    x.partnership_id = u.id and x.released_at is null and (x.assigned_at is not null or exists (
      select from proposal o where o.id = x.proposal_id and (o.status = 'PENDING' and o.expires_at > now()
      or o.status = 'DRAFT' and o.proposed_by_side = 'PARTNER')))
"""
_RELEASES = """
    select i.contact_id from proposal m join proposal_item i on i.proposal_id = m.id
    where m.partnership_id = u.id and m.kind = 'MODIFICATION' and i.kind = 'RELEASE_CONTACT'
"""
LENT = f"""
    select u.id, n.total, q.* from unnest($1::text[]) u(id)
    cross join lateral (select count(*) as total from assigned_contact x where {_IS_LENT}) n
    cross join lateral (select
      array({_RELEASES} and m.status = 'PENDING' and m.expires_at > now()) as proposed,
      array({_RELEASES} and m.status = 'DRAFT' and m.proposed_by_side = 'PARTNER') as drafted
    ) r
    left join lateral (
      select x.id,
        case
          when x.assigned_at is null then
            (select case when o.status = 'DRAFT' then 'TO_BE_ADDED' else 'OFFERED' end from proposal o
             where o.id = x.proposal_id)
          when x.contact_id = any(r.proposed) then 'RELEASED'
          when x.contact_id = any(r.drafted) then 'TO_BE_RELEASED'
          else 'ASSIGNED'
        end, c.id, c.name
      from assigned_contact x join contact c on c.id = x.contact_id where {_IS_LENT} order by x.id limit {LIST + 1}
    ) q on true
"""
CONTACT = """
    select c.id, c.name, c.title, c.email, c.phone, c.mobile, c.purposes, c.updated_at from contact c
    where c.id = $1 and (c.partner_id = $2 or c.client_id = any(array(
      select p.client_id from partnership p where p.partner_id = $2 and p.status = 'ACTIVE')))
"""
PROVEN = f"""{CONTACT} and exists (
    select from session s join seat e on e.id = s.seat_id where s.token_hash = $3 and s.ended_at is null
    and s.expires_at > $4 and e.version = $5 and e.ended_at is null)
"""
SEAT = """
    select e.partner_id, s.token_hash, e.version from session s join seat e on e.id = s.seat_id where s.token_hash = $1
"""


class Limit:
    """Answers a path for each screen, whose body is the document's variables."""

    def __init__(self) -> None:
        self._free: asyncio.LifoQueue[asyncpg.Connection] = asyncio.LifoQueue()
        self._seats: dict[bytes, Row] = {}

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        message = await receive()
        body = message["body"]
        while message["more_body"]:
            message = await receive()
            body += message["body"]
        if scope["path"] == "/proven":
            await self._prove(dict(scope["headers"]), orjson.loads(body), send)
            return
        company, _, role = next(value for name, value in scope["headers"] if name == b"x-partner").partition(b" ")
        answer = await _ANSWERS[scope["path"]](self, company.decode(), role, orjson.loads(body))
        text = orjson.dumps({"data": answer})
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(text))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    async def _prove(
        self, headers: dict[bytes, bytes], asked: dict[str, Any], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        token = headers[b"authorization"]
        if token not in self._seats:
            [seat] = await self.fetch(SEAT, sha256(token.removeprefix(b"Bearer ")).hexdigest())
            self._seats[token] = seat
        partner, token_hash, version = self._seats[token]
        rows = await self.fetch(PROVEN, asked["variables"]["id"], partner, token_hash, datetime.now(UTC), version)
        text = orjson.dumps({"data": {"contact": _card(rows[0]) if rows else None}})
        more = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", b"%d" % len(text)),
            (b"x-content-type-options", b"nosniff"),
            (b"x-request-id", b"%016x" % random.getrandbits(64)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": more})
        await send({"type": "http.response.body", "body": text})

    async def _live(
        self, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        await receive()
        settings = {"jit": "off", "plan_cache_mode": "force_generic_plan", "application_name": "limit"}
        for _ in range(CONNECTIONS):
            self._free.put_nowait(await asyncpg.connect(os.environ["LIMIT_DSN"], server_settings=settings))
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def fetch(self, query: str, *values: object) -> list[Row]:
        """The rows of one statement."""
        connection = await self._free.get()
        try:
            return cast("list[Row]", await connection.fetch(query, *values))
        finally:
            self._free.put_nowait(connection)

    async def home(self, partner: str, _role: bytes, _variables: dict[str, Any]) -> dict[str, Any]:
        """The tiles of `home.graphql`, each with its contacts."""
        rows = await self.fetch(TILES, partner)
        total = rows[0][0]
        tiles = [row for row in rows if row[1] is not None]
        page = tiles[:PAGE]
        totals: dict[str, int] = {}
        lent: dict[str, list[Row]] = {row[1]: [] for row in page}
        for row in await self.fetch(LENT, list(lent)):
            totals[row[0]] = row[1]
            if row[2] is not None:
                lent[row[0]].append(row)
        return {
            "viewer": {
                "partnerships": {
                    "edges": [
                        {
                            "node": {
                                "id": row[1],
                                "label": row[2],
                                "terms": {"title": row[3]},
                                "partner": {"id": row[4], "name": row[5]},
                                "client": None if row[6] is None else {"id": row[6], "name": row[7]},
                                "counts": {"contacts": row[8], "accounts": row[9]},
                                "contacts": _contacts(lent[row[1]], totals[row[1]]),
                            }
                        }
                        for row in page
                    ],
                    "pageInfo": {"hasNextPage": len(tiles) > PAGE, "endCursor": _cursor(page, 10, 1)},
                    "totalCount": total,
                }
            }
        }

    async def partnership(self, partner: str, role: bytes, variables: dict[str, Any]) -> dict[str, Any]:
        """The page of `partnership.graphql`."""
        return await partnership.page(self.fetch, partner, variables, is_admin=role == b"admin")

    async def work(self, partner: str, user: bytes, _variables: dict[str, Any]) -> dict[str, Any]:
        """The bar of `work.graphql`."""
        return await work.bar(self.fetch, partner, user.decode())

    async def contact(self, partner: str, _role: bytes, variables: dict[str, Any]) -> dict[str, Any]:
        """The card of `contact.graphql`."""
        rows = await self.fetch(CONTACT, variables["id"], partner)
        return {"contact": _card(rows[0]) if rows else None}


def _contacts(rows: list[Row], total: int) -> dict[str, Any]:
    page = rows[:LIST]
    return {
        "edges": [{"node": {"id": row[2], "label": row[3], "contact": {"id": row[4], "name": row[5]}}} for row in page],
        "pageInfo": {"hasNextPage": len(rows) > LIST, "endCursor": _cursor(page, 2)},
        "totalCount": total,
    }


def _card(row: Row) -> dict[str, Any]:
    return {
        "id": row[0],
        "name": row[1],
        "title": row[2],
        "email": row[3],
        "phone": row[4],
        "mobile": row[5],
        "purposes": orjson.loads(row[6]),
        "updatedAt": row[7].isoformat(timespec="microseconds")[:26] + "Z",
    }


def _cursor(page: Sequence[Row], *places: int) -> str | None:
    return urlsafe_b64encode("\0".join(page[-1][place] for place in places).encode()).decode() if page else None


_ANSWERS: dict[str, Callable[[Limit, str, bytes, dict[str, Any]], Awaitable[dict[str, Any]]]] = {
    "/home": Limit.home,
    "/partnership": Limit.partnership,
    "/work": Limit.work,
    "/contact": Limit.contact,
}

app = Limit()
