"""What two partners change about their partnership, and how it ends; through HTTP and mailboxes alone."""

from datetime import timedelta
from types import ModuleType

import pytest

from tests.journeys import northwind as scenes
from tests.journeys.northwind import TERMS, Northwind, Partners
from tests.journeys.portal import Json, Person
from tests.journeys.test_partnership_story import history

NOW = "2026-11-21T20:46:00.000000Z"
HOUR = timedelta(hours=1)
IN_30_DAYS = "2026-12-21T20:46:00.000000Z"

ITEMS = "items { id kind contact { name } account { name } field before after accepted }"
MODIFICATION = f"""
  id kind status version message proposedBySide proposedAt expiresAt comment decidedAt viewerCan
  from {{ ... on Partner {{ name }} ... on Client {{ name }} }} proposedBy {{ name }} decidedBy {{ name }}
  {ITEMS} counters {{ id }} counteredBy {{ id }}
"""
SIDE = f"""
query Side($id: ID!) {{
  partnership(id: $id) {{
    label
    contacts {{ nodes {{ label contact {{ name }} }} }}
    draft {{ id version status proposedBySide viewerCan {ITEMS} }}
    offerable {{ nodes {{ name }} }}
    pendingModifications {{ id }}
    counts {{ contacts pendingModifications }}
    modifications {{ totalCount nodes {{ id }} }}
  }}
}}
"""
READ = f"query Read($id: ID!) {{ partnership(id: $id) {{ modifications {{ nodes {{ {MODIFICATION} }} }} }} }}"
WAITING = """
query Waiting {
  viewer {
    seat { waiting }
    counts { pendingModifications }
    inbox(kind: [MODIFICATION]) { nodes { id viewerCan ... on Modification { items { kind } } } }
  }
}
"""
TEAM = "query Team($id: ID!) { partnership(id: $id) { managers { id side addedAt contact { name } } } }"
END = """
query End($id: ID!) {
  partnership(id: $id) {
    viewerCan
    endPreview {
      accounts { name } contactsReleased pendingRequests endsPartnership confirmation
    }
  }
}
"""
ENDED = """
query Ended($id: ID!) {
  partnership(id: $id) {
    status label endedAt endedBy endReason viewerHasHidden viewerCan
    contacts { totalCount } accessGrants { nodes { status } } draft { id } pendingModifications { id }
    modifications { nodes { status } }
  }
}
"""
TILES = "{ viewer { partnerships(orderBy: CHANGED) { nodes { id label } } } }"


class Work:
    """Northwind and Harbour Foods work together; each has people whom it could lend besides."""

    def __init__(self, partners: Partners, pablo: str, carl: str, cora: str) -> None:
        self.northwind: Northwind = partners.asked.northwind
        self.vera, self.paula, self.clara = self.northwind.vera, self.northwind.paula, partners.asked.clara
        self.id, self.account, self.client = partners.asked.partnership, partners.asked.account, partners.asked.client
        self.pablo, self.carl, self.cora = pablo, carl, cora

    async def drafts(self, person: Person, selection: str = "modification { id version }", **wanted: object) -> Json:
        """Draft for the person's side."""
        return await person.does("modificationDraft", selection, partnershipId=self.id, **wanted)

    async def proposes(self, person: Person, message: str, **wanted: object) -> str:
        """Draft and submit; the modification's id."""
        drafted = (await self.drafts(person, "modification { id }", **wanted))["modification"]["id"]
        await person.does("proposalSubmit", proposalId=drafted, message=message)
        return str(drafted)

    async def side(self, person: Person) -> Json:
        """What the person's side has of the partnership."""
        found: Json = (await person.reads(SIDE, id=self.id))["partnership"]
        return found

    async def modification(self, person: Person, modification_id: str) -> Json:
        """One of the partnership's modifications, as the person reads it."""
        nodes = (await person.reads(READ, id=self.id))["partnership"]["modifications"]["nodes"]
        found: Json = next(node for node in nodes if node["id"] == modification_id)
        return found


@pytest.fixture
async def work(partners: Partners) -> Work:
    """Let both sides add the people whom they could lend."""
    asked = partners.asked
    pablo = await scenes.create_contact(asked.northwind.paula, asked.northwind.id, "Pablo Pear")
    carl = await scenes.create_contact(asked.clara, asked.client, "Carl Client", email="carl@harbour.example")
    cora = await scenes.create_contact(asked.clara, asked.client, "Cora Client")
    return Work(partners, pablo, carl, cora)


# ── chapter 1: a draft ──


async def test_4_2_a_draft_is_its_own_sides_until_it_is_submitted(work: Work) -> None:
    nothing_yet: Json = {
        "label": "ACTIVE",
        "contacts": labelled(("ASSIGNED", "Peter Peach"), ("ASSIGNED", "Petra Plum")),
        "draft": None,
        "offerable": {"nodes": [{"name": "Pablo Pear"}]},
        "pendingModifications": [],
        "counts": {"contacts": 2, "pendingModifications": 0},
        "modifications": {"totalCount": 0, "nodes": []},
    }
    assert await work.side(work.paula) == nothing_yet
    of_clara = {**nothing_yet, "offerable": {"nodes": [{"name": "Carl Client"}, {"name": "Cora Client"}]}}
    assert await work.side(work.clara) == of_clara

    drafted = await work.drafts(
        work.paula,
        f"modification {{ id version {ITEMS} }} partnership {{ label draft {{ id }} }}",
        addContacts=[work.pablo],
        releaseContacts=[work.northwind.petra],
        terms={**TERMS, "region": "Graz"},
    )
    draft = drafted["modification"]
    assert drafted["partnership"] == {"label": "ACTIVE", "draft": {"id": draft["id"]}}
    adds, releases, changes = draft["items"]
    assert [adds, releases, changes] == [
        an_item(adds["id"], "ADD_CONTACT", contact={"name": "Pablo Pear"}),
        an_item(releases["id"], "RELEASE_CONTACT", contact={"name": "Petra Plum"}),
        an_item(changes["id"], "CHANGE_TERMS", field="region", before="Vienna", after="Graz"),
    ]
    of_paula: Json = {
        **nothing_yet,
        "contacts": labelled(
            ("ASSIGNED", "Peter Peach"), ("TO_BE_RELEASED", "Petra Plum"), ("TO_BE_ADDED", "Pablo Pear")
        ),
        "draft": {**draft, "status": "DRAFT", "proposedBySide": "PARTNER", "viewerCan": ["SUBMIT"]},
        "offerable": {"nodes": []},
    }
    assert await work.side(work.paula) == of_paula
    # Nothing of it is the other side's to know.
    assert await work.side(work.clara) == of_clara
    for stranger in (work.clara, work.vera):
        node = "query Node($ids: [ID!]!) { nodes(ids: $ids) { id } }"
        ids = [draft["id"], adds["id"], work.id]
        assert await stranger.reads(node, ids=ids) == {"nodes": [None, None, {"id": work.id}]}
        assert await stranger.is_refused("proposalSubmit", proposalId=draft["id"], message="Now.") in (
            ("NOT_FOUND", ["proposalId"]),
            ("FORBIDDEN", None),
        )
    seen_by_vera = await work.vera.sends("query D($id: ID!) { partnership(id: $id) { draft { id } } }", {"id": work.id})
    [denied] = seen_by_vera.json()["errors"]
    assert (denied["path"], denied["extensions"]) == (["partnership", "draft"], {"code": "FORBIDDEN"})
    assert [row["topic"] for row in await history(work.clara, work.id, whole=False)][:1] == ["grant.connected"]
    [row, *_] = await history(work.paula, work.id)
    assert (row["topic"], row["side"]) == ("partnership.modification.drafted", "PARTNER")
    # Taking everything out undoes it; the draft that is empty stays.
    again = await work.drafts(work.paula, f"modification {{ id version {ITEMS} }}", releaseContacts=[])
    assert again["modification"] == {"id": draft["id"], "version": draft["version"] + 1, "items": []}
    assert await work.side(work.paula) == {**nothing_yet, "draft": {**of_paula["draft"], **again["modification"]}}


async def test_4_4_two_colleagues_edits_of_one_draft_meet_in_its_version(work: Work) -> None:
    drafted = (await work.drafts(work.paula, addContacts=[work.pablo]))["modification"]
    mine = {"partnershipId": work.id, "addContacts": [work.pablo], "releaseContacts": [work.northwind.petra]}
    theirs = {"partnershipId": work.id, "releaseContacts": [work.northwind.peter]}
    first = await work.paula.does(
        "modificationDraft", f"modification {{ version {ITEMS} }}", **mine, expectedVersion=drafted["version"]
    )
    assert first["modification"]["version"] == drafted["version"] + 1
    code, field, message = await work.paula.is_told("modificationDraft", **theirs, expectedVersion=drafted["version"])
    assert (code, field) == ("CONFLICT", ["expectedVersion"])
    assert f"at version {first['modification']['version']} now" in message
    stands = (await work.side(work.paula))["draft"]
    assert stands["items"] == first["modification"]["items"]
    # The draft is the side's: whoever of it submits says which version was read.
    assert await work.paula.is_refused(
        "proposalSubmit", proposalId=drafted["id"], message="Winter.", expectedVersion=drafted["version"]
    ) == ("CONFLICT", ["expectedVersion"])


# ── chapter 2: countersigned in part ──


async def test_4_4_an_addition_and_a_release_are_proposed_and_accepted_in_part(work: Work, clock: ModuleType) -> None:
    draft = (await work.drafts(work.paula, addContacts=[work.pablo], releaseContacts=[work.northwind.petra]))[
        "modification"
    ]["id"]
    submitted = await work.paula.does(
        "proposalSubmit",
        "proposal { status message proposedAt expiresAt viewerCan ... on Modification { partnership { label } } }",
        proposalId=draft,
        message="Winter\nis coming.",
        expectedVersion=1,
    )
    assert submitted["proposal"] == {
        "status": "PENDING",
        "message": "Winter\nis coming.",
        "proposedAt": NOW,
        "expiresAt": IN_30_DAYS,
        "viewerCan": ["WITHDRAW", "REMIND"],
        "partnership": {"label": "MODIFIED"},
    }
    both_read = {
        "label": "MODIFIED",
        "contacts": labelled(("ASSIGNED", "Peter Peach"), ("RELEASED", "Petra Plum"), ("OFFERED", "Pablo Pear")),
        "draft": None,
        "pendingModifications": [{"id": draft}],
        "counts": {"contacts": 2, "pendingModifications": 1},
        "modifications": {"totalCount": 1, "nodes": [{"id": draft}]},
    }
    assert await work.side(work.paula) == {**both_read, "offerable": {"nodes": []}}
    own = {"nodes": [{"name": "Carl Client"}, {"name": "Cora Client"}]}
    assert await work.side(work.clara) == {**both_read, "offerable": own}
    mail = await work.clara.next_mail()
    assert mail.subject == "Northwind proposes changes to your partnership: Shop care"
    assert "> Winter\n> is coming.\n" in mail.text
    assert await work.clara.reads(WAITING) == {
        "viewer": {
            "seat": {"waiting": 1},
            "counts": {"pendingModifications": 1},
            "inbox": {
                "nodes": [
                    {
                        "id": draft,
                        "viewerCan": ["ACCEPT", "DECLINE", "COUNTER"],
                        "items": [{"kind": "ADD_CONTACT"}, {"kind": "RELEASE_CONTACT"}],
                    }
                ]
            },
        }
    }
    for person in (work.paula, work.vera):
        assert (await person.reads(WAITING))["viewer"]["seat"] == {"waiting": 0}

    read = await work.modification(work.clara, draft)
    adds, releases = read["items"]
    clock.advance(HOUR)
    accepted = await work.clara.does(
        "proposalAccept", "proposal { id }", proposalId=draft, itemIds=[adds["id"]], expectedVersion=read["version"]
    )
    assert accepted["proposal"] == {"id": draft}
    settled = {
        **a_modification(draft),
        "status": "PARTIALLY_ACCEPTED",
        "version": read["version"] + 1,
        "message": "Winter\nis coming.",
        "decidedAt": "2026-11-21T21:46:00.000000Z",
        "decidedBy": {"name": "Clara Client"},
        "items": [
            an_item(adds["id"], "ADD_CONTACT", contact={"name": "Pablo Pear"}, accepted=True),
            an_item(releases["id"], "RELEASE_CONTACT", contact={"name": "Petra Plum"}, accepted=False),
        ],
    }
    for person in (work.paula, work.clara, work.vera):
        assert await work.modification(person, draft) == settled
    of_all = labelled(("ASSIGNED", "Peter Peach"), ("ASSIGNED", "Petra Plum"), ("ASSIGNED", "Pablo Pear"))
    for person in (work.paula, work.clara):
        stands = await work.side(person)
        assert (stands["label"], stands["contacts"], stands["counts"]["contacts"]) == ("ACTIVE", of_all, 3)
    told = await work.paula.next_mail()
    assert told.subject == "Harbour Foods accepted 1 of your 2 changes: Shop care"

    # Both sides read what was asked and what was answered, with its details; the draft is the partner's alone.
    rows = await history(work.paula, work.id)
    assert [(row["topic"], row["side"], row["hasDetails"], row["reason"]) for row in rows[:3]] == [
        ("partnership.modification.accepted", "CLIENT", True, None),
        ("partnership.modification.submitted", "PARTNER", True, "Winter\nis coming."),
        ("partnership.modification.drafted", "PARTNER", True, None),
    ]
    added = {"field": "addContact", "before": None, "after": "Pablo Pear"}
    assert rows[0]["changes"] == [added]
    assert rows[1]["changes"] == [added, {"field": "releaseContact", "before": "Petra Plum", "after": None}]
    assert await history(work.clara, work.id, whole=False) == [
        row for row in rows if row["topic"] not in {"partnership.modification.drafted", "invite.accepted"}
    ]


# ── chapter 3: the client's own, and a counter ──


async def test_4_4_the_clients_modification_is_countered_and_the_counter_accepted(work: Work) -> None:
    asked = await work.proposes(
        work.clara,
        "Carl knows the shop.",
        addContacts=[work.carl],
        releaseContacts=[work.northwind.peter],
        terms={"title": "Shop and garden care"},
    )
    assert (await work.paula.next_mail()).subject == "Harbour Foods proposes changes to your partnership: Shop care"
    countered = await work.paula.does(
        "modificationCounter",
        "proposal { id status viewerCan ... on Modification { counters { id status counteredBy { id } } } }",
        proposalId=asked,
        message="Peter stays; Petra goes.",
        releaseContacts=[work.northwind.petra],
        terms={"title": "Garden care"},
        expectedVersion=2,
    )
    counter = countered["proposal"]["id"]
    assert countered["proposal"] == {
        "id": counter,
        "status": "PENDING",
        "viewerCan": ["WITHDRAW", "REMIND"],
        "counters": {"id": asked, "status": "SUPERSEDED", "counteredBy": {"id": counter}},
    }
    # What was superseded asks for nothing any more.
    assert (await work.side(work.clara))["contacts"] == labelled(
        ("ASSIGNED", "Peter Peach"), ("RELEASED", "Petra Plum")
    )
    assert (await work.clara.next_mail()).subject == "Northwind proposes other changes in place of yours: Shop care"
    assert await work.clara.is_refused("proposalWithdraw", proposalId=asked) == ("WRONG_STATE", ["proposalId"])
    assert await work.paula.is_refused("proposalAccept", proposalId=asked) == ("WRONG_STATE", ["proposalId"])

    await work.clara.does("proposalAccept", proposalId=counter, comment="Agreed.")
    assert (await work.paula.next_mail()).subject == "Harbour Foods accepted your changes: Garden care"
    stands = await work.side(work.clara)
    assert (stands["label"], stands["contacts"]) == ("ACTIVE", labelled(("ASSIGNED", "Peter Peach")))
    [second, first] = (await work.clara.reads(READ, id=work.id))["partnership"]["modifications"]["nodes"]
    assert [(each["id"], each["status"], each["counters"], each["counteredBy"]) for each in (second, first)] == [
        (counter, "ACCEPTED", {"id": asked}, None),
        (asked, "SUPERSEDED", None, {"id": counter}),
    ]
    terms = "query Terms($id: ID!) { partnership(id: $id) { terms { title description region startsOn } } }"
    agreed = {"partnership": {"terms": {**TERMS, "title": "Garden care"}}}
    for person in (work.paula, work.clara):
        assert await person.reads(terms, id=work.id) == agreed


# ── chapter 4: teams ──


async def test_4_5_each_side_has_a_team_that_the_other_never_sees(work: Work) -> None:
    added = await work.paula.does(
        "managersAdd",
        "partnership { managers { id side addedAt contact { name } } }",
        partnershipId=work.id,
        contactIds=[work.northwind.peter, work.pablo],
    )
    peter, pablo = added["partnership"]["managers"]
    assert [peter, pablo] == [
        {"id": peter["id"], "side": "PARTNER", "addedAt": NOW, "contact": {"name": "Peter Peach"}},
        {"id": pablo["id"], "side": "PARTNER", "addedAt": NOW, "contact": {"name": "Pablo Pear"}},
    ]
    await work.clara.does("managersAdd", partnershipId=work.id, contactIds=[work.cora])
    assert (await work.paula.reads(TEAM, id=work.id))["partnership"]["managers"] == [peter, pablo]
    [cora] = (await work.clara.reads(TEAM, id=work.id))["partnership"]["managers"]
    assert cora == {"id": cora["id"], "side": "CLIENT", "addedAt": NOW, "contact": {"name": "Cora Client"}}

    node = "query Node($id: ID!) { node(id: $id) { id } }"
    for person, manager in ((work.clara, peter), (work.paula, cora), (work.vera, peter)):
        assert await person.reads(node, id=manager["id"]) == {"node": None}
        refused = await person.is_refused("managerRemove", managerId=manager["id"])
        assert refused == (("FORBIDDEN", None) if person is work.vera else ("NOT_FOUND", ["managerId"]))
    for person, contact in ((work.clara, work.northwind.peter), (work.paula, work.cora)):
        refused = await person.is_refused("managersAdd", partnershipId=work.id, contactIds=[contact])
        assert refused == ("INVALID", ["contactIds"])
    of_vera = await work.vera.sends(TEAM, {"id": work.id})
    assert [error["extensions"]["code"] for error in of_vera.json()["errors"]] == ["FORBIDDEN"]

    await work.paula.does("managerRemove", managerId=pablo["id"])
    assert (await work.paula.reads(TEAM, id=work.id))["partnership"]["managers"] == [peter]
    assert await work.paula.is_refused("managerRemove", managerId=pablo["id"]) == ("NOT_FOUND", ["managerId"])
    of_paula = await history(work.paula, work.id, whole=False)
    of_clara = await history(work.clara, work.id, whole=False)
    assert [(row["topic"], row["changes"]) for row in of_paula if "manager" in row["topic"]] == [
        ("manager.removed", [{"field": "manager", "before": "Pablo Pear", "after": None}]),
        (
            "managers.added",
            [
                {"field": "manager", "before": None, "after": "Peter Peach"},
                {"field": "manager", "before": None, "after": "Pablo Pear"},
            ],
        ),
    ]
    told = [row for row in of_clara if row["topic"] == "partnership.team_changed"]
    assert [(row["side"], row["hasDetails"], row["changes"]) for row in told] == [("PARTNER", False, [])] * 2
    for name in ("Peter Peach", "Pablo Pear"):
        assert name not in str([row for row in of_clara if "manager" in row["topic"] or "team" in row["topic"]])
    # The vendor hears of teams nothing at all.
    of_vera_rows = await history(work.vera, work.id, whole=False)
    assert [row["topic"] for row in of_vera_rows if "manager" in row["topic"]] == []


# ── chapter 5: the end, and a new beginning ──


async def test_4_7_the_end_takes_the_right_confirmation_and_a_new_offer_begins_anew(
    work: Work, clock: ModuleType
) -> None:
    await work.drafts(work.clara, addContacts=[work.carl])
    preview = (await work.clara.reads(END, id=work.id))["partnership"]
    stale = preview["endPreview"].pop("confirmation")
    assert preview == {
        "viewerCan": ["EDIT", "MANAGE_TEAM", "END"],
        "endPreview": {
            "accounts": [{"name": "Main shop"}],
            "contactsReleased": 2,
            "pendingRequests": 0,
            "endsPartnership": True,
        },
    }
    asked = await work.proposes(work.paula, "One more.", addContacts=[work.pablo])
    assert (await work.clara.next_mail()).subject == "Northwind proposes changes to your partnership: Shop care"
    why = "We close\nthe shop."
    ending = {"partnershipId": work.id, "reason": why}
    # The consequences are others than those that were read.
    assert await work.clara.is_refused("partnershipEnd", **ending, confirmation=stale) == (
        "STALE_CONFIRMATION",
        ["confirmation"],
    )
    preview = (await work.clara.reads(END, id=work.id))["partnership"]["endPreview"]
    assert (preview["pendingRequests"], preview["confirmation"] == stale) == (1, False)
    cost = "query C($id: ID!) { partnership(id: $id) { endPreview { statusCreditsLost confirmation } } }"
    assert (await work.paula.reads(cost, id=work.id))["partnership"]["endPreview"] == {
        "statusCreditsLost": 1,
        "confirmation": preview["confirmation"],
    }
    refused = await work.clara.is_refused("partnershipEnd", **{**ending, "reason": " "}, confirmation=stale)
    assert refused == ("REASON_REQUIRED", ["reason"])

    clock.advance(HOUR)
    ended = await work.clara.does(
        "partnershipEnd", "partnership { status viewerCan }", **ending, confirmation=preview["confirmation"]
    )
    assert ended["partnership"] == {"status": "ENDED", "viewerCan": []}
    later = "2026-11-21T21:46:00.000000Z"
    of_paula = {
        "status": "ENDED",
        "label": "ENDED",
        "endedAt": later,
        "endedBy": "CLIENT",
        "endReason": why,
        "viewerHasHidden": False,
        "viewerCan": ["HIDE"],
        "contacts": {"totalCount": 0},
        "accessGrants": {"nodes": [{"status": "DISCONNECTED"}]},
        "draft": None,
        "pendingModifications": [],
        "modifications": {"nodes": [{"status": "CANCELLED"}]},
    }
    assert (await work.paula.reads(ENDED, id=work.id))["partnership"] == of_paula
    assert (await work.clara.reads(ENDED, id=work.id))["partnership"] == {
        **of_paula,
        "viewerHasHidden": True,
        "viewerCan": [],
    }
    told = await work.paula.next_mail()
    assert told.subject == "The partnership of Northwind and Harbour Foods has ended: Shop care"
    assert "> We close\n> the shop.\n" in told.text
    assert await tiles(work.clara) == []
    assert await tiles(work.paula) == [{"id": work.id, "label": "ENDED"}]
    for person, verb, given in (
        (work.clara, "proposalAccept", {"proposalId": asked}),
        (work.paula, "modificationDraft", {"partnershipId": work.id, "addContacts": [work.pablo]}),
        (work.paula, "managersAdd", {"partnershipId": work.id, "contactIds": [work.pablo]}),
        (work.paula, "partnershipEnd", {**ending, "confirmation": preview["confirmation"]}),
    ):
        assert (await person.is_refused(verb, **given))[0] == "WRONG_STATE", verb
    topics = [row["topic"] for row in await history(work.paula, work.id, whole=False)]
    assert topics[:2] == ["grant.disconnected", "partnership.ended"]

    hidden = await work.paula.does(
        "partnershipHide", "partnership { viewerHasHidden viewerCan }", partnershipId=work.id
    )
    assert hidden["partnership"] == {"viewerHasHidden": True, "viewerCan": []}
    assert await tiles(work.paula) == []
    anew = await scenes.offer(work.northwind, "id status previous { id status endReason }", clientId=work.client)
    assert anew == {
        "id": anew["id"],
        "status": "OFFERED",
        "previous": {"id": work.id, "status": "ENDED", "endReason": why},
    }
    for person in (work.paula, work.clara):
        assert await tiles(person) == [{"id": anew["id"], "label": "OPEN"}]
    assert (await work.clara.next_mail()).subject == "Northwind offers you a partnership: Shop care"
    assert (work.paula.unread(), work.clara.unread()) == ([], [])


# ── what is expected ──


def labelled(*contacts: tuple[str, str]) -> Json:
    return {"nodes": [{"label": label, "contact": {"name": name}} for label, name in contacts]}


def an_item(item_id: str, kind: str, **values: object) -> Json:
    return {
        "id": item_id,
        "kind": kind,
        **dict.fromkeys(("contact", "account", "field", "before", "after", "accepted")),
        **values,
    }


def a_modification(modification_id: str) -> Json:
    """The partner's, as everybody reads it once it is decided."""
    return {
        "id": modification_id,
        "kind": "MODIFICATION",
        "proposedBySide": "PARTNER",
        "proposedAt": NOW,
        "expiresAt": IN_30_DAYS,
        "comment": None,
        "viewerCan": [],
        "from": {"name": "Northwind"},
        "proposedBy": {"name": "Paula Partner"},
        "counters": None,
        "counteredBy": None,
    }


async def tiles(person: Person) -> list[Json]:
    found: list[Json] = (await person.reads(TILES))["viewer"]["partnerships"]["nodes"]
    return found
