"""Inside a project: what is said, to be done, shown and asked, with its counts; and what is refused (mission 3.5)."""

from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType

import pytest

import models
from models.enums import AccessStatus, AccountStatus, PartnerMemberRole
from tests import given
from tests.journeys import judge
from tests.journeys.market import Market, signed_in
from tests.journeys.portal import Json, Person, mutation

COUNTS = "counts { openActionItems pendingRatings unreadMessages }"
INSIDE = f"""
query Inside($id: ID!) {{
  project(id: $id) {{
    progress {COUNTS} csat {{ average responses pending }}
    actionItems {{ nodes {{ title status dueOn completedAt assignee {{ name }} completedBy {{ name }} }} }}
    conversations {{ nodes {{ title unread messages {{ nodes {{ author {{ name }} body }} totalCount }} }} }}
    widgets {{ nodes {{ title url }} }}
    ratings {{ nodes {{ requestedFrom {{ name }} score comment givenAt }} }}
  }}
}}
"""
WAITS = f"""
query Waits($id: ID!) {{
  project(id: $id) {{ {COUNTS} viewerCan }}
  viewer {{ {COUNTS} accounts {{ nodes {{ {COUNTS} projects {{ nodes {{ {COUNTS} }} }} }} }} }}
}}
"""
ITEM = "actionItem { id title status dueOn project { progress } assignee { name } completedBy { name } completedAt }"
RATING = "rating { id score comment requestedFrom { name } requestedAt givenAt project { name } }"


@dataclass(frozen=True, slots=True)
class Site:
    """The relaunch of Clara's shop, where Stan works, and which Rita may open as a partner.

    Cleo of the client partner is assigned to it, Hanna there as her company's admin; Carl of theirs is not on it. Dora
    has a project in an account of hers.
    """

    market: Market
    project: str
    hanna: Person
    cleo: Person
    carl: Person
    ids: dict[str, str]

    @property
    def everybody(self) -> tuple[Person, ...]:
        """Those who see the project."""
        return self.market.vera, self.market.clara, self.market.stan, self.market.rita, self.hanna, self.cleo

    @property
    def strangers(self) -> tuple[Person, ...]:
        """Those who do not."""
        return self.carl, self.market.dora, self.market.oscar, self.market.paula

    async def waits(self, person: Person) -> tuple[int, int, int]:
        """What waits for a person: the same in the project, in its account and in all, as they have no other."""
        found = await person.reads(WAITS, id=self.project)
        [account] = [each for each in found["viewer"]["accounts"]["nodes"] if each["projects"]["nodes"]]
        [project] = account["projects"]["nodes"]
        counts = [found["project"], found["viewer"], account, project]
        assert [each["counts"] for each in counts] == [counts[0]["counts"]] * 4
        return tuple(counts[0]["counts"].values())

    async def inside(self, person: Person) -> Json:
        found: Json = (await person.reads(INSIDE, id=self.project))["project"]
        return found

    async def talk(self, title: str = "The design") -> str:
        """A conversation that Clara has started."""
        made = await self.market.clara.does(
            "conversationStart", "conversation { id }", projectId=self.project, title=title
        )
        return str(made["conversation"]["id"])

    async def item(self, assignee: str | None = "cleo") -> str:
        """Something that Clara wants done, by Cleo or somebody else."""
        given_to = {} if assignee is None else {"assigneeId": self.ids[assignee]}
        made = await self.market.clara.does(
            "actionItemCreate", "actionItem { id }", projectId=self.project, title="Send the logo", **given_to
        )
        return str(made["actionItem"]["id"])

    async def rating(self, person: str = "cleo") -> str:
        """A rating that Vera has asked for."""
        made = await self.market.vera.does(
            "ratingRequest", "rating { id }", projectId=self.project, userId=self.ids[person]
        )
        return str(made["rating"]["id"])


@pytest.fixture
async def site(market: Market) -> Site:
    shop, desk = [await models.Account.get(id=account) for account in (market.shop, market.desk)]
    project = await given.project(shop)
    await given.project(desk, "Elsewhere")
    broker = await given.client_partner()
    await given.engaged(project, broker)
    names = {"hanna": "Hanna Harrow", "cleo": "Cleo Collaborator", "carl": "Carl Collaborator"}
    users = {who: await given.user(name) for who, name in names.items()}
    hanna = await given.member(broker, PartnerMemberRole.ADMIN, users["hanna"])
    cleo, carl = [await given.member(broker, user=users[who]) for who in ("cleo", "carl")]
    await given.on_project(project, hanna, is_assigned=False)
    await given.on_project(project, cleo)
    known = {who: (await models.User.get(email=getattr(market, who).address)).id for who in ("vera", "clara", "dora")}
    browser = market.vera.browser
    return Site(
        market=market,
        project=project.id,
        hanna=await signed_in(browser, hanna),
        cleo=await signed_in(browser, cleo),
        carl=await signed_in(browser, carl),
        ids={**known, **{who: user.id for who, user in users.items()}},
    )


# ── what is done, and what it counts ──


async def test_3_5_people_of_every_company_talk_and_each_has_read_their_own(site: Site) -> None:
    clara, cleo, rita = site.market.clara, site.cleo, site.market.rita
    started = await clara.does(
        "conversationStart", "conversation { id title unread project { id } }", projectId=site.project, title="Texts"
    )
    talk = started["conversation"].pop("id")
    assert started == {"conversation": {"title": "Texts", "unread": 0, "project": {"id": site.project}}}
    posted = await cleo.does(
        "messagePost", "message { body author { name } sentAt }", conversationId=talk, body="Here they are.\nAll."
    )
    assert posted["message"].pop("sentAt").startswith("2026-11-21T20:46")
    assert posted == {"message": {"body": "Here they are.\nAll.", "author": {"name": "Cleo Collaborator"}}}
    assert [await site.waits(person) for person in (clara, cleo, rita)] == [(0, 0, 1), (0, 0, 0), (0, 0, 1)]
    await rita.does("messagePost", "message { id }", conversationId=talk, body="Thanks.")
    assert [await site.waits(person) for person in (clara, cleo, rita)] == [(0, 0, 2), (0, 0, 1), (0, 0, 0)]
    read = await clara.does("conversationMarkRead", "conversation { unread }", conversationId=talk)
    assert read == {"conversation": {"unread": 0}}
    assert [await site.waits(person) for person in (clara, cleo, rita)] == [(0, 0, 0), (0, 0, 1), (0, 0, 0)]
    said = [
        {"author": {"name": "Cleo Collaborator"}, "body": "Here they are.\nAll."},
        {"author": {"name": "Rita Rival"}, "body": "Thanks."},
    ]
    for person, unread in ((site.market.vera, 2), (site.hanna, 2), (cleo, 1), (clara, 0)):
        shown = {"title": "Texts", "unread": unread, "messages": {"nodes": said, "totalCount": 2}}
        assert (await site.inside(person))["conversations"] == {"nodes": [shown]}


async def test_3_5_what_is_to_be_done_waits_for_its_assignee_until_somebody_does_it(
    site: Site, clock: ModuleType
) -> None:
    cleo, stan = site.cleo, site.market.stan
    made = await stan.does(
        "actionItemCreate",
        ITEM,
        projectId=site.project,
        title="Send the logo",
        assigneeId=site.ids["cleo"],
        dueOn="2026-12-01",
    )
    item = made["actionItem"].pop("id")
    fresh = {
        "title": "Send the logo",
        "status": "OPEN",
        "dueOn": "2026-12-01",
        "project": {"progress": 0},
        "assignee": {"name": "Cleo Collaborator"},
        "completedBy": None,
        "completedAt": None,
    }
    assert made == {"actionItem": fresh}
    await site.item(None)
    await site.item(None)
    assert [await site.waits(person) for person in (cleo, stan)] == [(1, 0, 0), (0, 0, 0)]
    clock.advance(timedelta(hours=1))
    done = await site.hanna.does("actionItemStatusSet", ITEM, actionItemId=item, status="DONE")
    by_hanna = {"completedBy": {"name": "Hanna Harrow"}, "completedAt": "2026-11-21T21:46:00.000000Z"}
    assert done == {"actionItem": {**fresh, "id": item, "status": "DONE", "project": {"progress": 33}, **by_hanna}}
    assert await site.waits(cleo) == (0, 0, 0)
    again = await stan.does("actionItemStatusSet", ITEM, actionItemId=item, status="OPEN")
    assert (again, await site.waits(cleo)) == ({"actionItem": {**fresh, "id": item}}, (1, 0, 0))
    await stan.does("actionItemStatusSet", ITEM, actionItemId=item, status="CANCELLED")
    assert await site.waits(cleo) == (0, 0, 0)


async def test_3_5_who_was_asked_rates_and_all_see_how_satisfied_people_are(site: Site, clock: ModuleType) -> None:
    asked = await site.market.vera.does("ratingRequest", RATING, projectId=site.project, userId=site.ids["cleo"])
    rating = asked["rating"].pop("id")
    fresh = {
        "score": None,
        "comment": None,
        "requestedFrom": {"name": "Cleo Collaborator"},
        "requestedAt": "2026-11-21T20:46:00.000000Z",
        "givenAt": None,
        "project": {"name": "Relaunch"},
    }
    assert asked == {"rating": fresh}
    of_clara = await site.rating("clara")
    for person, waiting, may_rate in ((site.cleo, 1, True), (site.market.clara, 1, True), (site.hanna, 0, False)):
        can = (await person.reads(WAITS, id=site.project))["project"]["viewerCan"]
        assert (await site.waits(person), "RATE" in can) == ((0, waiting, 0), may_rate)
    assert (await site.inside(site.hanna))["csat"] == {"average": None, "responses": 0, "pending": 2}
    clock.advance(timedelta(hours=1))
    given_now = await site.cleo.does("ratingGive", RATING, ratingId=rating, score=4, comment="Well done.")
    now = {"score": 4, "comment": "Well done.", "givenAt": "2026-11-21T21:46:00.000000Z"}
    assert given_now == {"rating": {**fresh, **now, "id": rating}}
    assert await site.waits(site.cleo) == (0, 0, 0)
    await site.market.clara.does("ratingGive", "rating { id }", ratingId=of_clara, score=5)
    assert (await site.inside(site.market.stan))["csat"] == {"average": "4.5", "responses": 2, "pending": 0}


async def test_3_5_the_vendor_shows_a_page_of_somebody_else_s(site: Site) -> None:
    added = await site.market.vera.does(
        "widgetAdd",
        "project { id widgets { nodes { title url } } }",
        projectId=site.project,
        title="Plan",
        url="https://plan.example/a?b=c",
    )
    page = {"title": "Plan", "url": "https://plan.example/a?b=c"}
    assert added == {"project": {"id": site.project, "widgets": {"nodes": [page]}}}
    for person in site.everybody:
        assert (await site.inside(person))["widgets"] == {"nodes": [page]}


async def test_everybody_who_sees_the_project_may_do_what_is_done_in_it(site: Site) -> None:
    talk, item = await site.talk(), await site.item()
    for person in site.everybody:
        await person.does("conversationStart", "conversation { id }", projectId=site.project, title="Texts")
        await person.does("messagePost", "message { id }", conversationId=talk, body="Hello.")
        await person.does("conversationMarkRead", "conversation { id }", conversationId=talk)
        await person.does("actionItemCreate", "actionItem { id }", projectId=site.project, title="Call back")
        await person.does("actionItemStatusSet", "actionItem { id }", actionItemId=item, status="DONE")


async def test_a_request_that_is_sent_again_counts_once(site: Site) -> None:
    talk = await site.talk()
    sent = {"conversationId": talk, "body": "Hello."}
    document = mutation("messagePost", "message { id }")
    answers = [(await site.cleo.sends(document, sent, idempotency_key="hello")).json() for _ in range(3)]
    assert answers == [answers[0]] * 3
    assert await site.waits(site.market.clara) == (0, 0, 1)


# ── what is refused ──


async def attempts(site: Site) -> dict[str, tuple[str, Json]]:
    """A mutation of each kind that somebody in the project may do: its object's argument, and all that it is sent."""
    talk, item, rating = await site.talk(), await site.item(), await site.rating()
    return {
        "conversationStart": ("projectId", {"projectId": site.project, "title": "Texts"}),
        "messagePost": ("conversationId", {"conversationId": talk, "body": "Hello."}),
        "conversationMarkRead": ("conversationId", {"conversationId": talk}),
        "actionItemCreate": ("projectId", {"projectId": site.project, "title": "Call back"}),
        "actionItemStatusSet": ("actionItemId", {"actionItemId": item, "status": "DONE"}),
        "ratingGive": ("ratingId", {"ratingId": rating, "score": 5}),
    }


async def test_3_3_a_project_not_assigned_in_the_same_account_is_not_there(site: Site) -> None:
    tried = await attempts(site)
    async with judge.nothing_changes():
        for person in site.strangers:
            for verb, (field, sent) in tried.items():
                assert await person.is_refused(verb, **sent) == ("NOT_FOUND", [field]), (verb, person.address)
            assert (await person.reads(INSIDE, id=site.project)) == {"project": None}
        # In the same words as what does not exist.
        missing = await site.carl.is_told("messagePost", conversationId="conversation_none", body="Hello.")
        hidden = await site.carl.is_told("messagePost", **tried["messagePost"][1])
        assert missing == hidden


async def test_what_nobody_but_the_vendor_does_is_forbidden(site: Site) -> None:
    async with judge.nothing_changes():
        for person in (*site.everybody[1:], *site.strangers):
            for verb, sent in (
                ("widgetAdd", {"title": "Plan", "url": "https://plan.example/"}),
                ("ratingRequest", {"userId": site.ids["cleo"]}),
            ):
                assert await person.is_refused(verb, projectId=site.project, **sent) == ("FORBIDDEN", None)


async def test_nobody_rates_for_another_or_twice_or_beyond_5(site: Site) -> None:
    rating = await site.rating()
    async with judge.nothing_changes():
        assert await site.market.vera.is_refused("ratingGive", ratingId=rating, score=5) == ("FORBIDDEN", None)
        for person in (site.market.clara, site.market.stan, site.market.rita, site.hanna):
            assert await person.is_refused("ratingGive", ratingId=rating, score=5) == ("FORBIDDEN", ["ratingId"])
        for score in (-1, 0, 6):
            assert await site.cleo.is_refused("ratingGive", ratingId=rating, score=score) == ("INVALID", ["score"])
    await site.cleo.does("ratingGive", "rating { id }", ratingId=rating, score=5)
    async with judge.nothing_changes():
        assert await site.cleo.is_refused("ratingGive", ratingId=rating, score=4) == ("WRONG_STATE", ["ratingId"])


async def test_of_whoever_does_not_see_the_project_nothing_is_asked(site: Site) -> None:
    vera = site.market.vera
    await site.rating()
    async with judge.nothing_changes():
        for who in ("carl", "dora"):
            sent = {"projectId": site.project, "title": "Call back", "assigneeId": site.ids[who]}
            for person in site.everybody:
                assert await person.is_refused("actionItemCreate", **sent) == ("NOT_FOUND", ["assigneeId"])
            refused = await vera.is_refused("ratingRequest", projectId=site.project, userId=site.ids[who])
            assert refused == ("NOT_FOUND", ["userId"])
        for who, code in (("vera", "INVALID"), ("cleo", "ALREADY_PROPOSED")):
            refused = await vera.is_refused("ratingRequest", projectId=site.project, userId=site.ids[who])
            assert refused == (code, ["userId"])


@pytest.mark.parametrize("said", ["", " \n ", "x" * 10_001, "bell\a"])
async def test_what_is_no_text_is_not_said(site: Site, said: str) -> None:
    talk, rating = await site.talk(), await site.rating()
    async with judge.nothing_changes():
        refused = await site.cleo.is_refused("messagePost", conversationId=talk, body=said)
        assert refused == ("INVALID", ["body"])
        if said.strip():
            refused = await site.cleo.is_refused("ratingGive", ratingId=rating, score=5, comment=said)
            assert refused == ("INVALID", ["comment"])


@pytest.mark.parametrize("title", ["", " ", "x" * 201, "two\nlines"])
async def test_what_is_no_title_names_nothing(site: Site, title: str) -> None:
    async with judge.nothing_changes():
        for person, verb, more in (
            (site.cleo, "conversationStart", {}),
            (site.cleo, "actionItemCreate", {}),
            (site.market.vera, "widgetAdd", {"url": "https://plan.example/"}),
        ):
            refused = await person.is_refused(verb, projectId=site.project, title=title, **more)
            assert refused == ("INVALID", ["title"])


@pytest.mark.parametrize("url", ["http://plan.example/", "javascript:alert(1)", "https://me:x@plan.example/", "plan"])
async def test_a_page_is_at_an_https_address(site: Site, url: str) -> None:
    async with judge.nothing_changes():
        refused = await site.market.vera.is_refused("widgetAdd", projectId=site.project, title="Plan", url=url)
        assert refused == ("INVALID", ["url"])


async def test_in_a_cancelled_account_all_is_read_and_nothing_done_but_reading(site: Site) -> None:
    tried = await attempts(site)
    vendors = {
        "widgetAdd": ("projectId", {"projectId": site.project, "title": "Plan", "url": "https://plan.example/"}),
        "ratingRequest": ("projectId", {"projectId": site.project, "userId": site.ids["clara"]}),
    }
    await site.cleo.does("messagePost", "message { id }", **tried["messagePost"][1])
    before = await site.inside(site.market.clara)
    await models.Account.filter(id=site.market.shop).update(status=AccountStatus.CANCELLED)
    _, of_talk = tried.pop("conversationMarkRead")
    async with judge.nothing_changes():
        for person, verbs in ((site.cleo, tried), (site.market.vera, vendors)):
            for verb, (field, sent) in verbs.items():
                assert await person.is_refused(verb, **sent) == ("WRONG_STATE", [field]), verb
        assert await site.inside(site.market.clara) == before
    await site.market.clara.does("conversationMarkRead", "conversation { id }", **of_talk)
    assert (await site.inside(site.market.clara))["counts"]["unreadMessages"] == 0


async def test_1_3_a_partner_whose_access_is_over_does_nothing_inside(site: Site, clock: ModuleType) -> None:
    tried, rita = await attempts(site), site.market.rita
    grant = models.AccessGrant.filter(partner_id=site.market.rivals)
    for over in ({"expires_at": clock.now()}, {"expires_at": None, "status": AccessStatus.DISABLED}):
        await grant.update(**over)
        async with judge.nothing_changes("access_grant", "event", "stream", "notice", "mail"):
            for verb, (field, sent) in tried.items():
                assert await rita.is_refused(verb, **sent) == ("NOT_FOUND", [field]), verb
