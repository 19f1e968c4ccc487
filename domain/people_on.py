"""Who sees a project: whom things there can be asked of, and what goes with those who see it no more (mission 3.3)."""

from collections.abc import Collection, Mapping
from typing import Final

from tortoise.connection import get_connection

from domain import changes, clock, errors, policy
from domain.seats import Seat
from models import sql
from models.enums import Side
from models.project import Project

# Of a seat `s_` that somebody has: whether it sees the project `v_`.
_SEES: Final = policy.seen_by("s_", "Project", "v_")
_SIDES: Final = f"""
select distinct s_.side from seat s_ join project v_ on v_.id = :project
where s_.user_id = :person and s_.ended_at is null and ({_SEES})
"""  # noqa: S608  predicates, no values

# Whom a company's seat may name: whoever it can read of where people are listed or what they did in the project shows,
# and its own colleagues.
_KNOWN: Final = """
select 1 as known where exists (select 1 from app_user where id = :person and is_vendor)
or exists (select 1 from staff_member where account_id = :account and user_id = :person and removed_at is null)
or exists (select 1 from project_member where project_id = :project and user_id = :person and removed_at is null)
or exists (select 1 from partner_member where partner_id = :partner and user_id = :person and removed_at is null)
or exists (select 1 from message where project_id = :project and author_id = :person)
or exists (select 1 from project_file where project_id = :project and uploaded_by_id = :person)
or exists (select 1 from proposal where project_id = :project and :person in (proposed_by_id, approver_id))
or exists (select 1 from action_item where project_id = :project and :person in (assignee_id, completed_by_id))
or exists (select 1 from rating where project_id = :project and requested_from_id = :person)
or exists (
  select 1 from partner k_ join access_grant g_ on g_.partner_id = k_.id
  where k_.admin_id = :person and g_.account_id = :account and g_.status <> 'DISCONNECTED'
  and exists (select 1 from account a_ where a_.id = g_.account_id and a_.client_id = :client)
)
"""


def _of_those_gone(project: str, person: str) -> str:
    return (
        f"{project} {{within}}:projects{{end_within}} and {person} {{within}}:people{{end_within}}"  # noqa: S608  as above
        f" and not exists (select 1 from seat s_ join project v_ on v_.id = {project}"
        f" where s_.user_id = {person} and s_.ended_at is null and ({_SEES}))"
    )


# TABLE: what waited for whoever is gone waits for nobody; what they did and read stays.
_LET_GO: Final = (
    "update action_item set assignee_id = null where status = 'OPEN' and "  # noqa: S608  predicates, no values
    + _of_those_gone("action_item.project_id", "action_item.assignee_id"),
    "delete from rating where given_at is null and "  # noqa: S608  predicates, no values
    + _of_those_gone("rating.project_id", "rating.requested_from_id"),
    "update project_tally set open_action_items = 0, pending_ratings = 0 where "  # noqa: S608  predicates, no values
    + _of_those_gone("project_tally.project_id", "project_tally.user_id"),
)

_WAITED_IN: Final = """
select project_id as id from action_item where assignee_id = :person and status = 'OPEN'
union select project_id from rating where requested_from_id = :person and given_at is null
union select project_id from proposal where kind = 'PROJECT_APPROVAL' and approver_id = :person and status = 'PENDING'
"""

_UNANSWERABLE: Final = (
    "select proposal.id from proposal where kind = 'PROJECT_APPROVAL' and status = 'PENDING' and "  # noqa: S608  as above
    + _of_those_gone("proposal.project_id", "proposal.approver_id")
    + " order by proposal.id"
)


async def require(project: Project, user_id: str, *path: str, by: Seat) -> frozenset[Side]:
    """Return the sides on which somebody sees a project whom the seat may name there.

    Refuses NOT_FOUND at `path` who does not see it, and of whom the seat does not know that they do: of a partner's
    people the client knows the admin, and everybody who has written, uploaded or asked something there, or was asked.
    Of a locked project the answer holds until the transaction ends, as far as client partners' people go.
    """
    sides = await sides_of(project, user_id)
    if not sides or not await _is_known(project, user_id, by=by):
        raise errors.not_found("user", *path)
    return sides


async def _is_known(project: Project, user_id: str, *, by: Seat) -> bool:
    values = {
        "project": project.id,
        "account": project.account_id,
        "person": user_id,
        "partner": by.partner_id,
        "client": by.client_id,
    }
    return by.side is Side.VENDOR or bool(await _run(_KNOWN, values))


async def sides_of(project: Project, user_id: str) -> frozenset[Side]:
    """Return the sides on which somebody sees a project: those of their seats; none, whoever does not see it."""
    rows = await _run(_SIDES, {"project": project.id, "person": user_id, "now": clock.now()})
    return frozenset(Side(str(row["side"])) for row in rows)


async def let_go(project_ids: Collection[str], user_ids: Collection[str]) -> None:
    """Take from people what waits for them in locked projects that they do not see any more.

    Their open action items are for anybody then, and a rating that they did not give is not asked for. Whoever still
    sees a project, in another seat or as the company's admin, keeps what waits there.
    """
    values = {"projects": sorted(project_ids), "people": sorted(user_ids), "now": clock.now()}
    for statement in _LET_GO:
        await _run(statement, values)


async def waited_in(user_id: str) -> list[str]:
    """List the projects, locked or not, in which something waits for somebody."""
    return [str(row["id"]) for row in await _run(_WAITED_IN, {"person": user_id})]


async def unanswerable(project_ids: Collection[str], user_ids: Collection[str]) -> list[str]:
    """List the approvals that wait for people in locked projects that they do not see any more, as `let_go` does."""
    values = {"projects": sorted(project_ids), "people": sorted(user_ids), "now": clock.now()}
    return [str(row["id"]) for row in await _run(_UNANSWERABLE, values)]


async def _run(template: str, values: Mapping[str, object]) -> list[dict[str, object]]:
    connection = get_connection("default")
    return await connection.execute_query_dict(*sql.bind(template, values, changes.dialect(connection)))
