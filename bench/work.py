"""The limit of `work.graphql`: a client partner's accounts with their projects, and what waits in each, by hand."""

from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

Row = Sequence[Any]
Fetch = Callable[..., Awaitable[list[Row]]]

PAGE, LIST = 50, 10

_MINE = """
    select m.project_id from project_member m where m.user_id = $1 and m.partner_id = $2 and m.removed_at is null
"""
_MY_ACCOUNTS = _MINE.replace("m.project_id", "m.account_id")
_ASKED = "a.approver_id = $1 and a.status = 'PENDING' and a.expires_at > now()"
# What waits is added up once for all accounts.
ACCOUNTS = f"""
    select n.total, q.* from (
      select count(*) as total from account x where x.id = any(array({_MY_ACCOUNTS}))
    ) n left join lateral (
      select t.id, t.name, c.id, c.name, w.approvals, w.items, w.ratings, w.messages, t.name_key
      from account t join client c on c.id = t.client_id
      left join (
        select p.account_id, coalesce(sum(y.open_action_items), 0) as items,
          coalesce(sum(y.pending_ratings), 0) as ratings,
          sum(p.messages - coalesce(y.messages_read, 0)) as messages, coalesce(sum(a.asked), 0)::bigint as approvals
        from project p left join project_tally y on y.project_id = p.id and y.user_id = $1
        left join (select a.project_id, count(*) as asked from proposal a where {_ASKED} group by a.project_id) a
          on a.project_id = p.id
        where p.id = any(array({_MINE})) group by p.account_id
      ) w on w.account_id = t.id
      where t.id = any(array(
        select x.id from account x where x.id = any(array({_MY_ACCOUNTS})) order by x.name_key, x.id limit {PAGE + 1}))
      order by t.name_key, t.id
    ) q on true
"""
# `is true` keeps the person's places, hashed, for the projects of all accounts.
PROJECTS = f"""
    select u.place, q.* from unnest($3::text[]) with ordinality u(id, place) cross join lateral (
      select p.id, p.name, p.status, (select count(*) from proposal a where a.project_id = p.id and {_ASKED}),
        coalesce(y.open_action_items, 0), coalesce(y.pending_ratings, 0), p.messages - coalesce(y.messages_read, 0),
        p.name_key
      from project p left join project_tally y on y.project_id = p.id and y.user_id = $1
      where p.account_id = u.id and (p.id in ({_MINE})) is true
      order by p.name_key, p.id limit {LIST + 1}
    ) q
"""


async def bar(fetch: Fetch, partner: str, user: str) -> dict[str, Any]:
    """The first page of accounts, each with the first of its projects."""
    rows = await fetch(ACCOUNTS, user, partner)
    total = rows[0][0]
    rows = [row for row in rows if row[1] is not None]
    page = rows[:PAGE]
    below: list[list[Row]] = [[] for _ in page]
    for row in await fetch(PROJECTS, user, partner, [row[1] for row in page]):
        below[row[0] - 1].append(row)
    return {
        "viewer": {
            "accounts": {
                "nodes": [
                    {
                        "id": row[1],
                        "name": row[2],
                        "client": {"id": row[3], "name": row[4]},
                        "counts": {
                            "pendingApprovals": row[5],
                            "openActionItems": row[6],
                            "pendingRatings": row[7],
                            "unreadMessages": row[8],
                        },
                        "projects": _projects(projects),
                    }
                    for row, projects in zip(page, below, strict=True)
                ],
                "pageInfo": {"hasNextPage": len(rows) > PAGE, "endCursor": _cursor(page, 9, 1)},
                "totalCount": total,
            }
        }
    }


def _projects(rows: list[Row]) -> dict[str, Any]:
    page = rows[:LIST]
    return {
        "nodes": [
            {
                "id": row[1],
                "name": row[2],
                "status": row[3],
                "counts": {
                    "pendingApprovals": row[4],
                    "openActionItems": row[5],
                    "pendingRatings": row[6],
                    "unreadMessages": row[7],
                },
            }
            for row in page
        ],
        "pageInfo": {"hasNextPage": len(rows) > LIST, "endCursor": _cursor(page, 8, 1)},
    }


def _cursor(page: Sequence[Row], *places: int) -> str | None:
    return urlsafe_b64encode("\0".join(page[-1][place] for place in places).encode()).decode() if page else None
