"""What must not happen to a partnership: refused with its exact code at its exact input, and nothing has changed."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType

import pytest

import models
from domain import clock
from models.enums import AccessStatus
from tests import given
from tests.journeys import judge
from tests.journeys.market import Market
from tests.journeys.portal import Json, Person, mutation
from tests.journeys.test_negative_offers import again

OPEN = timedelta(days=30)
A_SECOND = timedelta(seconds=1)
AN_HOUR = timedelta(hours=1)
READ = """
query Read($id: ID!) {
  partnership(id: $id) {
    contacts { nodes { label contact { name } } } managers { contact { name } }
    draft { id version items { id } } pendingModifications { id version items { id kind } } endPreview { confirmation }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """Rivals and Harbour Foods work together: Rick and Rolf are lent by the partner, Carl by the client.

    Ruth and Cora could be lent besides. Rick and Carl manage it, each for the own side.
    """

    market: Market
    id: str
    rick: str
    rolf: str
    carl: str
    ruth: str
    cora: str

    async def drafted(self, person: Person, **wanted: object) -> Json:
        """The person's side's draft, made anew."""
        document = "modification { id version items { id kind } }"
        made = await person.does("modificationDraft", document, partnershipId=self.id, **wanted)
        draft: Json = made["modification"]
        return draft

    async def asked(self, person: Person, **wanted: object) -> str:
        """A modification of the person's side that waits for its answer."""
        draft = await self.drafted(person, **wanted)
        await person.does("proposalSubmit", proposalId=draft["id"], message="Please.")
        return str(draft["id"])

    async def read(self, person: Person) -> Json:
        """The partnership, as the person reads it."""
        found: Json = (await person.reads(READ, id=self.id))["partnership"]
        return found


@pytest.fixture
async def pair(market: Market) -> Pair:
    """Let the two have lent each other somebody."""
    rivals, harbour = await models.Partner.get(id=market.rivals), await models.Client.get(id=market.harbour)
    partnership = await models.Partnership.get(partner_id=rivals.id)
    offer = await given.offer(
        partnership, status="ACCEPTED", proposed_by=await models.User.get(email=market.rita.address)
    )
    rick, rolf, ruth = [await given.contact(rivals, name) for name in ("Rick Rival", "Rolf Rival", "Ruth Rival")]
    carl, cora = [await given.contact(harbour, name) for name in ("Carl Client", "Cora Client")]
    for contact in (rick, rolf, carl):
        await given.lent_contact(partnership, contact, offer)
    for contact in (rick, carl):
        await given.manager(partnership, contact)
    return Pair(market, partnership.id, rick.id, rolf.id, carl.id, ruth.id, cora.id)


# ── drafting ──


async def test_4_4_each_side_lends_its_own_and_releases_who_is_assigned(pair: Pair) -> None:
    rita, clara = pair.market.rita, pair.market.clara
    erased = await given.contact(await models.Partner.get(id=pair.market.rivals), "", erased_at=clock.now())
    cases: tuple[tuple[Person, Json, str, str], ...] = (
        (rita, {"addContacts": [pair.cora]}, "INVALID", "addContacts"),
        (rita, {"addContacts": [pair.rick]}, "INVALID", "addContacts"),
        (rita, {"addContacts": [erased.id]}, "INVALID", "addContacts"),
        (rita, {"addContacts": [pair.market.contact]}, "NOT_FOUND", "addContacts"),
        (rita, {"addContacts": ["contact_nowhere"]}, "NOT_FOUND", "addContacts"),
        (rita, {"addContacts": [f"contact_{number}" for number in range(101)]}, "INVALID", "addContacts"),
        (clara, {"addContacts": [pair.ruth]}, "NOT_FOUND", "addContacts"),
        (clara, {"addContacts": [pair.rick]}, "INVALID", "addContacts"),
        (rita, {"releaseContacts": [pair.ruth]}, "INVALID", "releaseContacts"),
        (clara, {"releaseContacts": [pair.ruth]}, "NOT_FOUND", "releaseContacts"),
        (clara, {"releaseContacts": [pair.rick, pair.cora]}, "INVALID", "releaseContacts"),
        (rita, {"addAccounts": [pair.market.shop]}, "INVALID", "addAccounts"),
        (rita, {"addAccounts": [pair.market.store]}, "NOT_FOUND", "addAccounts"),
        (clara, {"addAccounts": [pair.market.desk]}, "NOT_FOUND", "addAccounts"),
        (rita, {"terms": {"title": " "}}, "INVALID", "terms"),
    )
    async with judge.nothing_changes():
        for person, wanted, code, field in cases:
            refused = await person.is_refused("modificationDraft", partnershipId=pair.id, **wanted)
            assert (refused[0], (refused[1] or [""])[0]) == (code, field), wanted


async def test_1_2_a_client_adds_accounts_that_it_owns(pair: Pair) -> None:
    stan = await models.User.get(email=pair.market.stan.address)
    store = await models.Account.get(id=pair.market.store)
    await models.StaffMember.create(account=store, user=stan, role="MANAGER", joined_at=store.created_at)
    async with judge.nothing_changes():
        refused = await pair.market.stan.is_refused(
            "modificationDraft", partnershipId=pair.id, addAccounts=[pair.market.store]
        )
        assert refused == ("CAPABILITY_DENIED", ["addAccounts"])


async def test_only_the_two_sides_draft(pair: Pair) -> None:
    market = pair.market
    async with judge.nothing_changes():
        for person, code in ((market.vera, "FORBIDDEN"), (market.paula, "NOT_FOUND"), (market.dora, "NOT_FOUND")):
            code_, _ = await person.is_refused("modificationDraft", partnershipId=pair.id, terms={"title": "Care"})
            assert code_ == code, person.address


async def test_a_draft_is_replaced_in_the_version_that_was_read(pair: Pair) -> None:
    rita = pair.market.rita
    async with judge.nothing_changes():
        refused = await rita.is_refused("modificationDraft", partnershipId=pair.id, expectedVersion=1)
        assert refused == ("CONFLICT", ["expectedVersion"])
    draft = await pair.drafted(rita, addContacts=[pair.ruth])
    async with judge.nothing_changes():
        for version in (draft["version"] - 1, draft["version"] + 1, -1, 2**31 - 1):
            code, field, message = await rita.is_told(
                "modificationDraft", partnershipId=pair.id, releaseContacts=[pair.rick], expectedVersion=version
            )
            assert (code, field) == ("CONFLICT", ["expectedVersion"])
            assert f"at version {draft['version']} now" in message
        # The same again is no change.
        same = await rita.does(
            "modificationDraft",
            "modification { id version }",
            partnershipId=pair.id,
            addContacts=[pair.ruth],
            expectedVersion=draft["version"],
        )
        assert same["modification"] == {"id": draft["id"], "version": draft["version"]}


# ── submitting ──


async def test_4_2_an_empty_draft_cannot_be_submitted_nor_one_without_a_reason(pair: Pair) -> None:
    rita = pair.market.rita
    draft = (await pair.drafted(rita, addContacts=[pair.ruth]))["id"]
    async with judge.nothing_changes():
        for reason in ({}, {"message": None}, {"message": ""}, {"message": " \n "}):
            refused = await rita.is_refused("proposalSubmit", proposalId=draft, **reason)
            assert refused == ("REASON_REQUIRED", ["message"])
        code, field, _ = await rita.is_told("proposalSubmit", proposalId=draft, message="Why.", expectedVersion=9)
        assert (code, field) == ("CONFLICT", ["expectedVersion"])
    assert (await pair.drafted(rita))["items"] == []
    async with judge.nothing_changes():
        assert await rita.is_refused("proposalSubmit", proposalId=draft, message="Why.") == (
            "NO_CHANGES",
            ["proposalId"],
        )


async def test_4_2_one_of_a_side_waits_at_most(pair: Pair) -> None:
    rita, clara = pair.market.rita, pair.market.clara
    first = await pair.asked(rita, addContacts=[pair.ruth])
    second = (await pair.drafted(rita, releaseContacts=[pair.rick]))["id"]
    async with judge.nothing_changes():
        refused = await rita.is_refused("proposalSubmit", proposalId=second, message="And more.")
        assert refused == ("ALREADY_PROPOSED", ["proposalId"])
        assert await rita.is_refused("proposalSubmit", proposalId=first, message="Again.") == (
            "WRONG_STATE",
            ["proposalId"],
        )
    # The other side's own may wait beside it; but nothing may take the place of what would then be two.
    await pair.asked(clara, addContacts=[pair.cora])
    async with judge.nothing_changes():
        refused = await clara.is_refused(
            "modificationCounter", proposalId=first, message="Rather this.", releaseContacts=[pair.rolf]
        )
        assert refused == ("ALREADY_PROPOSED", ["proposalId"])
    await rita.does("proposalWithdraw", proposalId=first)
    await rita.does("proposalSubmit", proposalId=second, message="Now.")


async def test_4_4_terms_that_changed_meanwhile_conflict(pair: Pair) -> None:
    rita, clara = pair.market.rita, pair.market.clara
    asked = await pair.asked(rita, terms={"title": "Garden care"}, addContacts=[pair.ruth])
    draft = (await pair.drafted(rita, terms={"title": "Roof care"}))["id"]
    [adds, changes] = (await pair.read(clara))["pendingModifications"][0]["items"]
    own = await pair.asked(clara, terms={"title": "Shop and shelf care"})
    await rita.does("proposalAccept", proposalId=own)
    async with judge.nothing_changes():
        for items in ({}, {"itemIds": [changes["id"]]}):
            refused = await clara.is_refused("proposalAccept", proposalId=asked, **items)
            assert refused == ("CONFLICT", ["proposalId"])
    await clara.does("proposalAccept", proposalId=asked, itemIds=[adds["id"]])
    async with judge.nothing_changes():
        refused = await rita.is_refused("proposalSubmit", proposalId=draft, message="The roof.")
        assert refused == ("CONFLICT", ["proposalId"])


# ── answering ──


async def test_whoever_asks_does_not_answer_and_whoever_is_asked_does_not_take_back(pair: Pair) -> None:
    market = pair.market
    asked = await pair.asked(market.rita, addContacts=[pair.ruth])
    counter = {"message": "Rather this.", "releaseContacts": [pair.rolf]}
    async with judge.nothing_changes():
        for person, code in (
            (market.rita, "FORBIDDEN"),
            (market.vera, "FORBIDDEN"),
            (market.paula, "NOT_FOUND"),
            (market.dora, "NOT_FOUND"),
        ):
            for verb, more in (
                ("proposalAccept", {}),
                ("proposalDecline", {"comment": "No."}),
                ("modificationCounter", counter),
            ):
                refused = await person.is_refused(verb, proposalId=asked, **more)
                assert refused[0] == code, (person.address, verb)
        for person, code in ((market.clara, "FORBIDDEN"), (market.vera, "FORBIDDEN"), (market.dora, "NOT_FOUND")):
            for verb in ("proposalWithdraw", "proposalRemind"):
                assert (await person.is_refused(verb, proposalId=asked))[0] == code, (person.address, verb)
        assert await market.clara.is_refused("proposalSubmit", proposalId=asked, message="Yes.") == (
            "FORBIDDEN",
            ["proposalId"],
        )


async def test_4_4_a_no_and_a_counter_say_why(pair: Pair) -> None:
    clara = pair.market.clara
    asked = await pair.asked(pair.market.rita, addContacts=[pair.ruth])
    async with judge.nothing_changes():
        for comment in ({}, {"comment": None}, {"comment": " "}):
            refused = await clara.is_refused("proposalDecline", proposalId=asked, **comment)
            assert refused == ("REASON_REQUIRED", ["comment"])
        counter: tuple[tuple[Json, str, list[str]], ...] = (
            ({"message": " ", "releaseContacts": [pair.rolf]}, "REASON_REQUIRED", ["message"]),
            ({"message": "Rather nothing."}, "NO_CHANGES", ["proposalId"]),
            ({"message": "Rather Cora.", "releaseContacts": [pair.cora]}, "INVALID", ["releaseContacts"]),
            ({"message": "Rather Rick.", "addContacts": [pair.rick]}, "INVALID", ["addContacts"]),
        )
        for given_, code, field in counter:
            assert await clara.is_refused("modificationCounter", proposalId=asked, **given_) == (code, field), given_


async def test_4_4_an_acceptance_names_items_that_are_there(pair: Pair) -> None:
    rita, clara = pair.market.rita, pair.market.clara
    asked = await pair.asked(rita, addContacts=[pair.ruth])
    other = (await pair.drafted(rita, releaseContacts=[pair.rick]))["items"][0]["id"]
    [item] = (await pair.read(clara))["pendingModifications"][0]["items"]
    async with judge.nothing_changes():
        for items, code in (
            ([], "INVALID"),
            ([item["id"], "item_nowhere"], "NOT_FOUND"),
            ([other], "NOT_FOUND"),
            ([f"item_{number}" for number in range(101)], "INVALID"),
        ):
            refused = await clara.is_refused("proposalAccept", proposalId=asked, itemIds=items)
            assert refused == (code, ["itemIds"]), items
        refused = await clara.is_refused("proposalAccept", proposalId=asked, accountIds=[pair.market.shop])
        assert refused == ("INVALID", ["accountIds"])


async def test_1_2_only_its_owner_lets_a_partner_into_an_account(pair: Pair) -> None:
    market = pair.market
    await models.AccessGrant.all().update(status=AccessStatus.DISCONNECTED)
    await given.grant(await models.Partnership.get(id=pair.id), await models.Account.get(id=market.store))
    asked = await pair.asked(market.clara, addAccounts=[market.shop])
    await market.rita.does("proposalAccept", proposalId=asked)
    again_ = await pair.asked(market.rita, releaseContacts=[pair.rick])
    await models.ProposalItem.filter(proposal_id=again_).update(
        kind="ADD_ACCOUNT", account_id=market.store, contact_id=None
    )
    async with judge.nothing_changes():
        for person in (market.clara, market.stan):
            refused = await person.is_refused("proposalAccept", proposalId=again_)
            assert refused == ("CAPABILITY_DENIED", ["itemIds"]), person.address


async def test_an_answer_to_another_version_is_a_conflict_that_names_the_current_one(pair: Pair) -> None:
    rita, clara = pair.market.rita, pair.market.clara
    asked = await pair.asked(rita, addContacts=[pair.ruth])
    [pending] = (await pair.read(clara))["pendingModifications"]
    async with judge.nothing_changes():
        for person, verb, more in (
            (clara, "proposalAccept", {}),
            (clara, "proposalDecline", {"comment": "No."}),
            (clara, "modificationCounter", {"message": "Rather this.", "releaseContacts": [pair.rolf]}),
            (rita, "proposalWithdraw", {}),
        ):
            code, field, message = await person.is_told(verb, proposalId=asked, expectedVersion=1, **more)
            assert (code, field) == ("CONFLICT", ["expectedVersion"]), verb
            assert f"at version {pending['version']} now" in message


async def test_5_1a_a_modification_is_over_from_its_second_on_for_every_verb(pair: Pair, clock: ModuleType) -> None:
    asked = await pair.asked(pair.market.rita, addContacts=[pair.ruth], releaseContacts=[pair.rick])
    await judge.carry_on()
    clock.advance(OPEN)
    rita, clara = await again(pair.market.rita), await again(pair.market.clara)
    before = await judge.rows()
    for person, verb, more in (
        (clara, "proposalAccept", {}),
        (clara, "proposalDecline", {"comment": "No."}),
        (clara, "modificationCounter", {"message": "Rather this.", "releaseContacts": [pair.rolf]}),
        (rita, "proposalWithdraw", {}),
        (rita, "proposalRemind", {}),
    ):
        assert await person.is_refused(verb, proposalId=asked, **more) == ("EXPIRED", ["proposalId"]), verb
    assert await judge.rows() == before
    read = await pair.read(clara)
    assert (read["contacts"], read["pendingModifications"]) == (labelled("Rick Rival", "Rolf Rival", "Carl Client"), [])


async def test_of_two_answers_at_once_one_counts(pair: Pair) -> None:
    market = pair.market
    asked = await pair.asked(market.rita, addContacts=[pair.ruth])
    answers = await asyncio.gather(
        market.clara.sends(mutation("proposalAccept"), {"input": {"proposalId": asked}}),
        market.stan.sends(mutation("proposalDecline"), {"input": {"proposalId": asked, "comment": "No."}}),
    )
    codes = [
        [error["code"] for payload in answer.json()["data"].values() for error in payload["userErrors"]]
        for answer in answers
    ]
    assert sorted(codes) == [[], ["WRONG_STATE"]]


async def test_an_idempotency_key_submits_once(pair: Pair) -> None:
    rita = pair.market.rita
    draft = (await pair.drafted(rita, addContacts=[pair.ruth]))["id"]
    document = mutation("proposalSubmit", "proposal { id status version }")
    given_ = {"input": {"proposalId": draft, "message": "Please."}}
    first = await rita.sends(document, given_, idempotency_key="once")
    async with judge.nothing_changes():
        assert (await rita.sends(document, given_, idempotency_key="once")).json() == first.json()
        assert await rita.is_refused("proposalSubmit", proposalId=draft, message="Please.") == (
            "WRONG_STATE",
            ["proposalId"],
        )


# ── what stays as it is ──


async def test_a_released_contact_stays_listed_until_the_other_side_accepts(pair: Pair) -> None:
    rita, clara = pair.market.rita, pair.market.clara
    asked = await pair.asked(rita, releaseContacts=[pair.rick])
    for person in (rita, clara):
        assert (await pair.read(person))["contacts"]["nodes"][0] == {
            "label": "RELEASED",
            "contact": {"name": "Rick Rival"},
        }
    await clara.does("proposalDecline", proposalId=asked, comment="He stays.")
    for person in (rita, clara):
        assert (await pair.read(person))["contacts"] == labelled("Rick Rival", "Rolf Rival", "Carl Client")
    asked = await pair.asked(rita, releaseContacts=[pair.rick])
    await clara.does("proposalAccept", proposalId=asked)
    for person in (rita, clara):
        assert (await pair.read(person))["contacts"] == labelled("Rolf Rival", "Carl Client")


async def test_4_5_the_other_sides_managers_are_in_no_answer(pair: Pair) -> None:
    market = pair.market
    assert (await pair.read(market.rita))["managers"] == [{"contact": {"name": "Rick Rival"}}]
    assert (await pair.read(market.clara))["managers"] == [{"contact": {"name": "Carl Client"}}]
    ids = [row.id for row in await models.PartnershipManager.all().order_by("id")]
    read = "query Node($ids: [ID!]!) { nodes(ids: $ids) { ... on PartnershipManager { contact { name } } } }"
    answers = {
        "rita": [{"contact": {"name": "Rick Rival"}}, None],
        "clara": [None, {"contact": {"name": "Carl Client"}}],
        "vera": [None, None],
        "paula": [None, None],
        "dora": [None, None],
    }
    for name, expected in answers.items():
        assert (await getattr(market, name).reads(read, ids=ids))["nodes"] == expected
    async with judge.nothing_changes():
        for person in (market.clara, market.paula, market.dora):
            assert await person.is_refused("managerRemove", managerId=ids[0]) == ("NOT_FOUND", ["managerId"])
        for person, contact, code in (
            (market.rita, pair.carl, "INVALID"),
            (market.clara, pair.rick, "INVALID"),
            (market.clara, pair.ruth, "NOT_FOUND"),
            (market.rita, "contact_nowhere", "NOT_FOUND"),
        ):
            refused = await person.is_refused("managersAdd", partnershipId=pair.id, contactIds=[contact])
            assert refused == (code, ["contactIds"]), (person.address, contact)
        for person, code in ((market.vera, "FORBIDDEN"), (market.paula, "NOT_FOUND"), (market.dora, "NOT_FOUND")):
            refused = await person.is_refused("managersAdd", partnershipId=pair.id, contactIds=[pair.ruth])
            assert refused[0] == code, person.address


# ── the end ──


async def test_4_7_an_end_is_for_who_answers_for_a_side_and_for_what_was_seen(pair: Pair) -> None:
    market = pair.market
    confirmation = (await pair.read(market.rita))["endPreview"]["confirmation"]
    ending = {"partnershipId": pair.id, "reason": "Enough.", "confirmation": confirmation}
    async with judge.nothing_changes():
        for person, code in ((market.stan, "FORBIDDEN"), (market.paula, "NOT_FOUND"), (market.dora, "NOT_FOUND")):
            assert (await person.is_refused("partnershipEnd", **ending))[0] == code, person.address
        for wrong, code, field in (
            ({"reason": " "}, "REASON_REQUIRED", "reason"),
            ({"confirmation": ""}, "STALE_CONFIRMATION", "confirmation"),
            ({"confirmation": confirmation[::-1]}, "STALE_CONFIRMATION", "confirmation"),
        ):
            assert await market.rita.is_refused("partnershipEnd", **{**ending, **wrong}) == (code, [field])
        assert await market.rita.is_refused("partnershipHide", partnershipId=pair.id) == (
            "WRONG_STATE",
            ["partnershipId"],
        )
    # Whatever would end with it, or no more, makes the confirmation stale; a draft, which nobody else sees, does not.
    await pair.drafted(market.clara, addContacts=[pair.cora])
    assert (await pair.read(market.rita))["endPreview"]["confirmation"] == confirmation
    asked = await pair.asked(market.rita, releaseContacts=[pair.rick])
    async with judge.nothing_changes():
        refused = await market.rita.is_refused("partnershipEnd", **ending)
        assert refused == ("STALE_CONFIRMATION", ["confirmation"])
    await market.rita.does("proposalWithdraw", proposalId=asked)
    await market.rita.does("partnershipEnd", **ending)
    async with judge.nothing_changes():
        assert await market.clara.is_refused("partnershipEnd", **ending) == ("WRONG_STATE", ["partnershipId"])
        assert await market.vera.is_refused("partnershipHide", partnershipId=pair.id) == ("FORBIDDEN", None)
        assert (await market.dora.is_refused("partnershipHide", partnershipId=pair.id))[0] == "NOT_FOUND"


def labelled(*names: str) -> Json:
    """Who is assigned."""
    return {"nodes": [{"label": "ASSIGNED", "contact": {"name": name}} for name in names]}
