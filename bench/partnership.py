"""The limit's answer to `partnership.graphql`: eight statements side by side, since all of them know the id."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import orjson

Row = Sequence[Any]
Fetch = Callable[..., Awaitable[list[Row]]]

PAGE = 20

_IS_OPEN = "m.kind = 'MODIFICATION' and m.status = 'PENDING' and m.expires_at > now()"
_SEES_ACCOUNT = (
    "exists (select from access_grant v where v.partner_id = $2 and v.account_id = a.id and v.status <> 'DISCONNECTED')"
)
_SEES_CONTACT = """(c.partner_id = $2 or c.client_id = any(array(
  select v.client_id from partnership v where v.partner_id = $2 and v.status = 'ACTIVE')))"""
_REACH = ("street", "city", "state", "postal_code", "country", "phone", "fax", "email", "website")
_REACH_KEYS = ("street", "city", "state", "postalCode", "country", "phone", "fax", "email", "website")

PARTNERSHIP = f"""
    select t.id, t.kind, t.version, t.started_at, t.ended_at, t.ended_by, t.end_reason,
      case when t.status = 'OFFERED' and t.expires_at <= now() then 'EXPIRED' else t.status end,
      t.title, t.description, t.region, t.starts_on, lent.total, lent.ids, granted.total, granted.ids, open.total,
      (select string_agg(m.id, ',' order by m.id) from proposal m
       where m.partnership_id = t.id and m.status = 'PENDING' and m.expires_at > now()),
      v.id, case when v.status = 'OFFERED' and v.expires_at <= now() then 'EXPIRED' else v.status end, v.ended_at,
      o.id, o.version, case when o.status = 'PENDING' and o.expires_at <= now() then 'EXPIRED' else o.status end,
      o.message, o.proposed_at, o.expires_at, o.decided_at, o.comment, o.client_name,
      proposer.id, proposer.name, decider.id, decider.name, head.id, head.name, head.email,
      p.id, p.name, {", ".join(f"p.{name}" for name in _REACH)},
      c.id, c.name, {", ".join(f"c.{name}" for name in _REACH)}, granted.earning,
      (select string_agg(x.id, ',' order by x.id) from project_partner x
       where x.partnership_id = t.id and x.removed_at is null)
    from partnership t
    join partner p on p.id = t.partner_id
    left join app_user head on head.id = p.admin_id
    left join client c on c.id = t.client_id and t.status in ('ACTIVE', 'ENDED')
    left join partnership v on v.id = t.previous_id
    left join proposal o on o.id = t.offer_id
    left join app_user proposer on proposer.id = o.proposed_by_id
    left join app_user decider on decider.id = o.decided_by_id
    cross join lateral (select count(*) as total, string_agg(x.id, ',' order by x.id) as ids from assigned_contact x
      where x.partnership_id = t.id and x.assigned_at is not null and x.released_at is null) lent
    cross join lateral (select count(*) as total, string_agg(x.id, ',' order by x.id) as ids,
      string_agg(x.id, ',' order by x.id) filter (where x.is_earliest and p.revenue_share_ppm is not null) as earning
      from access_grant x where x.partnership_id = t.id and x.status <> 'DISCONNECTED') granted
    cross join lateral (select count(*) as total from proposal m where m.partnership_id = t.id and {_IS_OPEN}) open
    where t.id = $1 and t.partner_id = $2
"""
LENT = f"""
    select x.side, x.total, x.id,
      case
        when x.assigned_at is null then case when x.status = 'DRAFT' then 'TO_BE_ADDED' else 'OFFERED' end
        when x.contact_id = any(r.proposed) then 'RELEASED'
        when x.contact_id = any(r.drafted) then 'TO_BE_RELEASED'
        else 'ASSIGNED'
      end, x.assigned_at, c.id, c.name, c.title, c.purposes
    from (
      select l.*, m.status, count(*) over (partition by l.side) as total,
        row_number() over (partition by l.side order by l.id) as place
      from assigned_contact l join proposal m on m.id = l.proposal_id
      join partnership t on t.id = l.partnership_id and t.partner_id = $2
      where l.partnership_id = $1 and l.released_at is null and (l.assigned_at is not null
        or m.status = 'PENDING' and m.expires_at > now() or m.status = 'DRAFT' and m.proposed_by_side = 'PARTNER')
    ) x
    join contact c on c.id = x.contact_id
    cross join (select
      array(select i.contact_id from proposal m join proposal_item i on i.proposal_id = m.id
        where m.partnership_id = $1 and i.kind = 'RELEASE_CONTACT' and {_IS_OPEN}) as proposed,
      array(select i.contact_id from proposal m join proposal_item i on i.proposal_id = m.id
        where m.partnership_id = $1 and i.kind = 'RELEASE_CONTACT' and m.kind = 'MODIFICATION' and m.status = 'DRAFT'
        and m.proposed_by_side = 'PARTNER') as drafted
    ) r
    where x.place <= {PAGE + 1}
    order by x.side, x.id
"""
OFFERED_CONTACTS = f"""
    select c.id, c.name from partnership t join assigned_contact l on l.proposal_id = t.offer_id
    join contact c on c.id = l.contact_id and {_SEES_CONTACT} where t.id = $1 order by c.id
"""
OFFERED_ACCOUNTS = f"""
    select a.id, a.name from partnership t
    join proposal_item i on i.proposal_id = t.offer_id and i.kind = 'ADD_ACCOUNT'
    join account a on a.id = i.account_id and {_SEES_ACCOUNT} where t.id = $1 order by a.id
"""
MODIFICATIONS = f"""
    select m.id, m.version, m.message, m.proposed_by_side, u.id, u.name, m.proposed_at, m.expires_at, k.id, k.message,
      i.id, i.kind, c.id, c.name, c.title, a.id, a.name, i.field, i.before, i.after, i.accepted
    from proposal m
    left join app_user u on u.id = m.proposed_by_id
    left join proposal k on k.id = m.counters_id
    left join proposal_item i on i.proposal_id = m.id
    left join contact c on c.id = i.contact_id and {_SEES_CONTACT}
    left join account a on a.id = i.account_id and {_SEES_ACCOUNT}
    where m.partnership_id = $1 and {_IS_OPEN}
    order by m.id, i.id
"""
GRANTS = f"""
    select g.id, case when g.status = 'ENABLED' and g.expires_at <= now() then 'EXPIRED' else g.status end,
      g.connected_at, g.last_opened_at, g.expires_at, a.id, a.name, a.jobs_created
    from access_grant g left join account a on a.id = g.account_id and {_SEES_ACCOUNT}
    where g.partnership_id = $1 and g.partner_id = $2
    order by g.id
"""
MANAGERS = """
    select m.id, m.added_at, c.id, c.name, c.title
    from partnership_manager m join partnership t on t.id = m.partnership_id and t.partner_id = $2
    join contact c on c.id = m.contact_id
    where m.partnership_id = $1 and m.side = 'PARTNER' and m.removed_at is null
    order by m.id
"""
_IS_TOLD = "e.stream = $1 and e.partner_id = $2 and e.visible_to in ('BOTH', 'PARTNER', 'PARTNER_ALONE')"
# The events that are measured are about proposals.
HISTORY = f"""
    select n.total, q.* from (select count(*) as total from event e where {_IS_TOLD}) n
    left join lateral (
      select e.id, e.version, e.topic, e.at, e.side, u.id as actor, u.name, e.reason, e.changes, o.id as subject, o.kind
      from event e
      left join app_user u on u.id = e.actor_id
      left join proposal o on o.id = e.subject and (o.from_partner_id = $2 or o.proposed_at is not null
        and (o.to_partner_id = $2 or o.partner_id = $2))
      where {_IS_TOLD} order by e.version desc, e.id desc limit {PAGE + 1}
    ) q on true
"""
_STATEMENTS = (PARTNERSHIP, LENT, OFFERED_CONTACTS, OFFERED_ACCOUNTS, MANAGERS, MODIFICATIONS, GRANTS, HISTORY)

_SUMMARIES = {
    "partnership.offered": "The partner offered to work together.",
    "partnership.reminded": "The offer was sent again as a reminder.",
}
_TYPES = {"PARTNERSHIP_OFFER": "PartnershipOffer", "MODIFICATION": "Modification", "INVITE": "Invite"}


async def page(fetch: Fetch, partner: str, variables: dict[str, Any], *, is_admin: bool) -> dict[str, Any]:
    """The whole answer. `is_admin`: whoever asks may end the partnership, too."""
    found, lent, contacts, accounts, managers, modifications, grants, history = await asyncio.gather(
        *(fetch(statement, variables["id"], partner) for statement in _STATEMENTS)
    )
    if not found:
        return {"partnership": None}
    row = found[0]
    is_active = row[7] == "ACTIVE"
    return {
        "partnership": {
            "id": row[0],
            "kind": row[1],
            "status": row[7],
            "label": "OPEN" if row[7] == "OFFERED" else "MODIFIED" if is_active and row[16] else row[7],
            "startedAt": _time(row[3]),
            "endedAt": _time(row[4]),
            "endedBy": row[5],
            "endReason": row[6],
            "terms": {"title": row[8], "description": row[9], "region": row[10], "startsOn": row[11]},
            "counts": {"contacts": row[12], "accounts": row[14], "pendingModifications": row[16]},
            "viewerCan": (["EDIT", "MANAGE_TEAM", "END"] if is_admin else ["EDIT", "MANAGE_TEAM"]) if is_active else [],
            "partner": {**_company(row[37:48]), "admin": _named(row[34:37], "email")},
            "client": None if row[48] is None else _company(row[48:59]),
            "previous": None if row[18] is None else {"id": row[18], "status": row[19], "endedAt": _time(row[20])},
            "offer": {
                "id": row[21],
                "version": row[22],
                "status": row[23],
                "message": row[24],
                "proposedBy": _named(row[30:32]),
                "proposedAt": _time(row[25]),
                "expiresAt": _time(row[26]),
                "decidedBy": _named(row[32:34]),
                "decidedAt": _time(row[27]),
                "comment": row[28],
                "viewerCan": ["WITHDRAW", "REMIND"] if row[23] == "PENDING" else [],
                "clientName": row[29],
                "accounts": [{"id": each[0], "name": each[1]} for each in accounts],
                "contacts": [{"id": each[0], "name": each[1]} for each in contacts],
            },
            "partners": _lent([each for each in lent if each[0] == "PARTNER"]),
            "clients": _lent([each for each in lent if each[0] == "CLIENT"]),
            "managers": [
                {"id": each[0], "addedAt": _time(each[1]), "contact": _named(each[2:5], "title")} for each in managers
            ],
            "pendingModifications": _modifications(modifications),
            "endPreview": {
                "accounts": sorted(
                    (
                        {"id": each[5], "name": each[6]}
                        for each in grants
                        if each[1] != "DISCONNECTED" and each[5] is not None
                    ),
                    key=lambda account: account["id"],
                ),
                "contactsReleased": row[12],
                "pendingRequests": row[16],
                "endsPartnership": True,
                "confirmation": hashlib.sha256(
                    ".".join([row[0], str(row[2]), *(row[n] or "" for n in (15, 59, 13, 17, 60))]).encode()
                ).hexdigest(),
            },
            "accessGrants": {"nodes": [_grant(each) for each in grants[:PAGE]], "totalCount": len(grants)},
            "history": _history(history),
        }
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="microseconds")[:26] + "Z"


def _named(row: Row, *more: str) -> dict[str, Any] | None:
    return None if row[0] is None else dict(zip(("id", "name", *more), row, strict=True))


def _company(row: Row) -> dict[str, Any]:
    return {"id": row[0], "name": row[1], "details": dict(zip(_REACH_KEYS, row[2:], strict=True))}


def _lent(rows: list[Row]) -> dict[str, Any]:
    return {
        "edges": [
            {
                "node": {
                    "id": row[2],
                    "label": row[3],
                    "assignedAt": _time(row[4]),
                    "contact": {"id": row[5], "name": row[6], "title": row[7], "purposes": orjson.loads(row[8])},
                }
            }
            for row in rows[:PAGE]
        ],
        "pageInfo": {"hasNextPage": len(rows) > PAGE, "endCursor": rows[:PAGE][-1][2] if rows else None},
        "totalCount": rows[0][1] if rows else 0,
    }


def _modifications(rows: list[Row]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row[0] not in found:
            is_own = row[3] == "PARTNER"
            found[row[0]] = {
                "id": row[0],
                "version": row[1],
                "status": "PENDING",
                "message": row[2],
                "proposedBySide": row[3],
                "proposedBy": _named(row[4:6]),
                "proposedAt": _time(row[6]),
                "expiresAt": _time(row[7]),
                "viewerCan": ["WITHDRAW", "REMIND"] if is_own else ["ACCEPT", "DECLINE", "COUNTER"],
                "items": [],
                "counters": None if row[8] is None else {"id": row[8], "message": row[9]},
            }
        if row[10] is not None:
            found[row[0]]["items"].append(
                {
                    "id": row[10],
                    "kind": row[11],
                    "contact": _named(row[12:15], "title"),
                    "account": _named(row[15:17]),
                    "field": row[17],
                    "before": row[18],
                    "after": row[19],
                    "accepted": row[20],
                }
            )
    return list(found.values())


def _grant(row: Row) -> dict[str, Any]:
    return {
        "id": row[0],
        "status": row[1],
        "connectedAt": _time(row[2]),
        "lastOpenedAt": _time(row[3]),
        "expiresAt": _time(row[4]),
        "account": None if row[5] is None else {"id": row[5], "name": row[6], "jobsCreated": row[7]},
    }


def _history(rows: list[Row]) -> dict[str, Any]:
    told = [row for row in rows if row[1] is not None]
    edges = [{"cursor": f"{row[2]} {row[1]}", "node": _event(row)} for row in told[:PAGE]]
    return {
        "edges": edges,
        "pageInfo": {"hasNextPage": len(told) > PAGE, "endCursor": edges[-1]["cursor"] if edges else None},
        "totalCount": rows[0][0],
    }


def _event(row: Row) -> dict[str, Any]:
    changes = orjson.loads(row[9])
    return {
        "id": row[1],
        "version": row[2],
        "topic": row[3],
        "summary": _SUMMARIES[row[3]],
        "at": _time(row[4]),
        "side": row[5],
        "actor": _named(row[6:8]),
        "hasDetails": row[8] is not None or bool(changes),
        "reason": row[8],
        "changes": [{name: change[name] for name in ("field", "before", "after")} for change in changes],
        "subject": None if row[10] is None else {"__typename": _TYPES[row[11]], "id": row[10]},
    }
