"""Reads of projects by example: pages from the end, who reads whose address, and what waits, added up."""

from typing import Any, Final

import pytest

import models
from models.enums import Side
from resolvers import projects
from resolvers.engine import Engine
from tests.resolvers import asking
from tests.resolvers.conftest import Filled

PAGE: Final = """
query ($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
  node(id: $id) {
    ... on Conversation {
      messages(first: $first, after: $after, last: $last, before: $before) {
        edges { cursor node { body } }
        pageInfo { hasPreviousPage hasNextPage startCursor endCursor }
        totalCount
      }
    }
  }
}
"""


async def page(engine: Engine, filled: Filled, **arguments: object) -> Any:
    """A page of the longest conversation: the places of its messages, and what is said of the page."""
    longest = await models.Conversation.all().order_by("-last_seq").first()
    assert longest is not None
    variables = {"id": longest.id, **arguments}
    answer = await asking.answer(engine, PAGE, filled.world.seats["client partner admin"], **variables)
    if "errors" in answer:
        return [error["message"] for error in answer["errors"]]
    found = answer["data"]["node"]["messages"]
    info = found["pageInfo"]
    if found["edges"]:
        assert [info["startCursor"], info["endCursor"]] == [found["edges"][n]["cursor"] for n in (0, -1)]
    assert found["totalCount"] == 24
    return {
        "seqs": [int(edge["node"]["body"].partition(":")[0]) for edge in found["edges"]],
        "earlier": info["hasPreviousPage"],
        "later": info["hasNextPage"],
        "start": info["startCursor"],
        "end": info["endCursor"],
    }


def told(found: dict[str, Any]) -> tuple[list[int], bool, bool]:
    return found["seqs"], found["earlier"], found["later"]


async def test_3_5_a_conversation_is_read_from_its_end(engine: Engine, filled: Filled) -> None:
    newest = await page(engine, filled, last=10)
    before = await page(engine, filled, last=10, before=newest["start"])
    first = await page(engine, filled, last=10, before=before["start"])
    assert [told(each) for each in (newest, before, first)] == [
        (list(range(15, 25)), True, False),
        (list(range(5, 15)), True, True),
        (list(range(1, 5)), False, True),
    ]
    assert told(await page(engine, filled, last=10, before=first["start"])) == ([], False, True)


async def test_a_page_lies_between_two_cursors_from_either_end(engine: Engine, filled: Filled) -> None:
    whole = await page(engine, filled, first=100)
    some = await page(engine, filled, first=3)
    between = {"after": some["end"], "before": whole["end"]}
    assert told(whole) == (list(range(1, 25)), False, False)
    assert told(await page(engine, filled, first=5, **between)) == ([4, 5, 6, 7, 8], True, True)
    assert told(await page(engine, filled, last=5, **between)) == ([19, 20, 21, 22, 23], True, True)
    assert told(await page(engine, filled, before=some["end"])) == ([1, 2], False, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"first": 1, "last": 1}, "A page is asked for by 'first' or by 'last', not by both."),
        ({"last": 0}, "'last' must be between 1 and 100."),
        ({"last": 101}, "'last' must be between 1 and 100."),
        ({"last": 1, "before": "nonsense"}, "'before' is not a cursor of this list."),
        ({"before": ""}, "'before' is not a cursor of this list."),
    ],
)
async def test_a_page_that_is_none_is_refused(
    engine: Engine, filled: Filled, arguments: dict[str, object], message: str
) -> None:
    assert await page(engine, filled, **arguments) == [message]


# ── whose address shows ──


async def test_an_address_shows_to_those_who_share_a_project_and_no_longer(engine: Engine, filled: Filled) -> None:
    project, members = await relaunch(filled)
    text = "query ($id: ID!) { project(id: $id) { members { nodes { user { id email } } } } }"

    async def seen(seat: str) -> set[str] | None:
        found = (await asking.answer(engine, text, filled.world.seats[seat], id=project))["data"]["project"]
        return found and {node["user"]["id"] for node in found["members"]["nodes"] if node["user"]["email"]}

    everybody = {member.user_id for member in members}
    sharing = ("client partner admin", "client partner member", "client partner of another", "client staff")
    assert {seat: await seen(seat) for seat in (*sharing, "vendor admin")} == dict.fromkeys(
        (*sharing, "vendor admin"), everybody
    )
    others = ("client partner on one project", "account owner of the odd", "partner admin of another")
    assert {seat: await seen(seat) for seat in others} == dict.fromkeys(others)


async def relaunch(filled: Filled) -> tuple[str, list[models.ProjectMember]]:
    """The first project, and who is on it."""
    project = filled.world.tables["project"][0]["id"]
    return project, await models.ProjectMember.filter(project_id=project, removed_at=None)


# ── what waits ──


async def test_3_4_what_waits_is_told_in_each_project_and_account_and_in_all_alike(
    engine: Engine, filled: Filled
) -> None:
    counts = "counts { pendingApprovals openActionItems pendingRatings unreadMessages }"
    text = f"""{{
      viewer {{
        {counts}
        accounts {{ nodes {{ {counts} projects {{ nodes {{ {counts} }} }} }} }}
        projects {{ nodes {{ {counts} }} }}
      }}
    }}"""

    def added(rows: list[dict[str, Any]]) -> dict[str, int]:
        names = ("pendingApprovals", "openActionItems", "pendingRatings", "unreadMessages")
        return {name: sum(row["counts"][name] for row in rows) for name in names}

    waiting = set()
    for name, seat in filled.world.seats.items():
        # The vendor's staff are told of those in which they take part.
        if seat is None or seat.side is Side.VENDOR:
            continue
        viewer = (await asking.answer(engine, text, seat))["data"]["viewer"]
        accounts = viewer["accounts"]["nodes"]
        for account in accounts:
            assert account["counts"] == added(account["projects"]["nodes"])
        assert viewer["counts"] == added(accounts) == added(viewer["projects"]["nodes"])
        waiting |= {name for count in viewer["counts"].values() if count}
    assert waiting >= {"client partner admin", "client partner member", "account owner", "several: partner"}, waiting


async def test_a_client_partner_s_accounts_are_sorted_by_when_it_came_to_them(engine: Engine, filled: Filled) -> None:
    text = "{ viewer { accounts(orderBy: LAST_OPENED, first: 1) { nodes { id } pageInfo { endCursor } } } }"
    more = "query ($after: String) { viewer { accounts(orderBy: LAST_OPENED, after: $after) { nodes { id } } } }"
    seat = filled.world.seats["client partner member"]
    assert seat is not None
    first = (await asking.answer(engine, text, seat))["data"]["viewer"]["accounts"]
    after = first["pageInfo"]["endCursor"]
    rest = (await asking.answer(engine, more, seat, after=after))["data"]["viewer"]["accounts"]
    places = await models.ProjectMember.filter(user_id=seat.user_id, removed_at=None)
    came = {place.account_id: place.added_at for place in places}
    assert len(came) == 2
    accounts = sorted(came, key=lambda account: (came[account], account), reverse=True)
    assert [node["id"] for node in (*first["nodes"], *rest["nodes"])] == accounts


@pytest.mark.parametrize(
    ("scores", "mean"), [([], None), ([5], "5.0"), ([4, 5], "4.5"), ([1, 2, 2], "1.7"), ([4, 4, 5, 4], "4.3")]
)
def test_3_5_satisfaction_is_the_mean_to_one_digit(scores: list[int], mean: str | None) -> None:
    assert projects.average(sum(scores) or None, len(scores)) == mean
