"""Who reads what: what is not yours does not exist, for reads, verbs, counts, searches and cursors alike."""

import base64
from datetime import timedelta
from types import ModuleType

import models
from models.enums import PartnershipStatus
from resolvers import events
from tests import given
from tests.journeys import judge
from tests.journeys import market as companies
from tests.journeys.market import Market
from tests.journeys.portal import Json, mutation

EVERYWHERE = """
query Everywhere($id: ID!) {
  node(id: $id) { __typename id }
  nodes(ids: [$id]) { __typename id }
  partner(id: $id) { id }
  client(id: $id) { id }
  account(id: $id) { id }
  partnership(id: $id) { id }
  contact(id: $id) { id }
}
"""
NOTHING = dict.fromkeys(("node", "partner", "client", "account", "partnership", "contact")) | {"nodes": [None]}
# Made when it is sent: it is encrypted by the key of whoever serves.
CURSOR = "a cursor"
MUTATIONS: dict[str, Json] = {
    "seatTake": {"seatId": "seat_x"},
    "signOut": {},
    "sessionEnd": {"sessionId": "session_x"},
    "passwordChange": {"input": {"new": "a long enough password"}},
    "proposalSubmit": {"input": {"proposalId": "modification_x", "message": "X"}},
    "proposalAccept": {"input": {"proposalId": "offer_x"}},
    "proposalDecline": {"input": {"proposalId": "offer_x"}},
    "proposalWithdraw": {"proposalId": "offer_x"},
    "proposalRemind": {"proposalId": "offer_x"},
    "partnerCreate": {
        "input": {
            "name": "X",
            "kind": "PARTNER",
            "domain": "x.example",
            "licences": 1,
            "adminEmail": "x@x.example",
            "adminName": "X",
        }
    },
    "partnerUpdate": {"input": {"partnerId": "partner_x"}},
    "clientCreate": {"input": {"name": "X", "ownerEmail": "x@x.example", "ownerName": "X", "accountName": "X"}},
    "clientUpdate": {"input": {"clientId": "client_x"}},
    "contactCreate": {"input": {"organisationId": "client_x", "name": "X"}},
    "contactUpdate": {"input": {"contactId": "contact_x"}},
    "contactErase": {"contactId": "contact_x"},
    "partnershipOffer": {"input": {"partnerId": "partner_x", "terms": {"title": "X"}}},
    "modificationDraft": {"input": {"partnershipId": "partnership_x"}},
    "modificationCounter": {"input": {"proposalId": "modification_x", "message": "X"}},
    "managersAdd": {"partnershipId": "partnership_x", "contactIds": ["contact_x"]},
    "managerRemove": {"managerId": "manager_x"},
    "partnershipHide": {"partnershipId": "partnership_x"},
    "partnershipEnd": {"partnershipId": "partnership_x", "reason": "X", "confirmation": "X"},
    "accountOpen": {"accountId": "account_x"},
    "accountCreate": {"input": {"partnerId": "partner_x", "clientName": "X", "accountName": "X", "plan": "X"}},
    "grantRequest": {"grantId": "grant_x"},
    "grantEnable": {"grantId": "grant_x"},
    "grantDisable": {"grantId": "grant_x"},
    "grantDisconnect": {"grantId": "grant_x", "reason": "X", "confirmation": "X"},
    "accountHandOver": {"accountId": "account_x", "ownerEmail": "x@x.example", "ownerName": "X"},
    "accountOwnerChange": {"accountId": "account_x", "staffId": "staff_x"},
    "accountSubscriptionChange": {"input": {"accountId": "account_x", "plan": "X", "price": "1", "currency": "EUR"}},
    "accountCancel": {"accountId": "account_x", "reason": "X"},
    "staffInvite": {"accountId": "account_x", "email": "x@x.example", "role": "STAFF"},
    "staffRoleSet": {"staffId": "staff_x", "role": "STAFF"},
    "staffRemove": {"staffId": "staff_x"},
    "jobsRecord": {"accountId": "account_x", "jobsCreated": 1},
    "paymentRecord": {
        "input": {
            "accountId": "account_x",
            "amount": "1.00",
            "currency": "EUR",
            "paidOn": "2026-11-21",
            "reference": "X",
        }
    },
    "partnerLicencesSet": {"partnerId": "partner_x", "licences": 1},
    "memberInvite": {"partnerId": "partner_x", "email": "x@x.example"},
    "memberRemove": {"memberId": "member_x"},
    "partnerAdminTransfer": {"partnerId": "partner_x", "memberId": "member_x"},
    "partnerRevenueShareSet": {"partnerId": "partner_x", "rate": "0.1"},
    "partnerListingSet": {"partnerId": "partner_x"},
    "projectCreate": {"input": {"accountId": "account_x", "name": "X"}},
    "projectUpdate": {"input": {"projectId": "project_x", "name": "X"}},
    "projectPartnerAdd": {"projectId": "project_x", "partnerId": "partner_x", "memberIds": []},
    "projectInvite": {"projectId": "project_x", "email": "x@x.example"},
    "projectMemberRemove": {"memberId": "projectmember_x"},
    "projectPartnerRemove": {"projectId": "project_x", "partnerId": "partner_x"},
    "conversationStart": {"projectId": "project_x", "title": "X"},
    "messagePost": {"conversationId": "conversation_x", "body": "X"},
    "conversationMarkRead": {"conversationId": "conversation_x"},
    "approvalRequest": {"input": {"projectId": "project_x", "title": "X", "approverId": "user_x"}},
    "actionItemCreate": {"input": {"projectId": "project_x", "title": "X"}},
    "actionItemStatusSet": {"actionItemId": "actionitem_x", "status": "DONE"},
    "widgetAdd": {"projectId": "project_x", "title": "X", "url": "https://x.example/"},
    "ratingRequest": {"projectId": "project_x", "userId": "user_x"},
    "ratingGive": {"ratingId": "rating_x", "score": 5},
    "noticeMarkRead": {"noticeId": "notice_x"},
    "noticesMarkRead": {"upTo": CURSOR},
    "noticeAcknowledge": {"noticeId": "notice_x"},
    "noticePreferenceSet": {"topic": "partnership.offered", "channels": []},
    "webhookCreate": {"input": {"url": "https://hooks.example.com/", "topics": []}},
    "webhookUpdate": {"input": {"endpointId": "endpoint_x"}},
    "webhookSecretRotate": {"endpointId": "endpoint_x"},
    "webhookDelete": {"endpointId": "endpoint_x"},
    "webhookTest": {"endpointId": "endpoint_x"},
    "webhookRedeliver": {"deliveryId": "delivery_x"},
    "webhookReplay": {"endpointId": "endpoint_x", "after": CURSOR},
    "fileUpload": {"input": {"projectId": "project_x", "name": "X", "contentType": "text/plain", "size": 1}},
    "fileUploadFinish": {"fileId": "file_x"},
    "fileDelete": {"fileId": "file_x"},
}
LISTS = ("partners", "clients", "accounts", "contacts", "events")
PUBLIC = {"signIn", "signInLinkSend", "signInWithLink", "inviteAccept", "inviteDecline", "partnerMessageSend"}


# ── nobody ──


async def test_whoever_is_not_signed_in_does_nothing_that_needs_a_seat(market: Market) -> None:
    nobody = market.clara.elsewhere()
    listed = await nobody.reads("{ __schema { mutationType { fields { name } } } }")
    assert {field["name"] for field in listed["__schema"]["mutationType"]["fields"]} == MUTATIONS.keys() | PUBLIC
    async with judge.nothing_changes():
        for verb, variables in MUTATIONS.items():
            given = {name: events.cursor(0) if value == CURSOR else value for name, value in variables.items()}
            answer = await nobody.sends(mutation(verb), given)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), verb
            [error] = answer.json().pop("errors")
            assert error["extensions"] == {"code": "UNAUTHENTICATED"}


async def test_whoever_is_not_signed_in_reads_null(market: Market) -> None:
    nobody, made = market.clara.elsewhere(), await companies.offer(market)
    assert await nobody.reads("{ viewer { user { name } } vendor { name } }") == {
        "viewer": None,
        "vendor": {"name": "Countersign"},
    }
    for row in (market.northwind, market.harbour, market.shop, market.contact, made["id"], made["offer"]["id"], ""):
        assert await nobody.reads(EVERYWHERE, id=row) == NOTHING


async def test_lists_are_for_roles_and_each_denial_has_its_path(market: Market) -> None:
    for person, denied, code in (
        (market.clara.elsewhere(), LISTS, "UNAUTHENTICATED"),
        (market.clara, ("partners", "clients", "events"), "FORBIDDEN"),
        (market.paula, ("partners", "events"), "FORBIDDEN"),
        (market.vera, (), ""),
    ):
        answer = await person.sends(f"{{ {' '.join(f'{name} {{ totalCount }}' for name in LISTS)} }}")
        assert answer.status_code == 200
        found = [(error["path"], error["extensions"]) for error in answer.json().get("errors", [])]
        assert found == [([name], {"code": code}) for name in denied]
        assert [name for name, value in answer.json()["data"].items() if value is None] == list(denied)


# ── others ──


async def test_p9_what_is_anothers_is_answered_like_what_is_not_there(market: Market) -> None:
    made = await companies.offer(market)
    await market.clara.does("proposalAccept", proposalId=made["offer"]["id"], accountIds=[market.shop])
    grant = await models.AccessGrant.get(partnership_id=made["id"])
    lent = await models.AssignedContact.get(partnership_id=made["id"])
    events = [event.id for event in await models.Event.filter(partnership_id=made["id"])]
    between = [made["id"], made["offer"]["id"], grant.id, lent.id, *events]
    for person, rows in (
        (market.dora, [market.northwind, market.harbour, market.shop, market.contact, *between]),
        (market.rita, [market.northwind, market.contact, market.store, market.desk, market.island, *between]),
        (market.stan, [market.store, market.desk, market.island]),
        (market.paula, [market.rivals, market.store, market.desk, market.island]),
    ):
        for row in rows:
            assert await person.reads(EVERYWHERE, id=row) == NOTHING, (person.address, row)
            there = (await person.sends(EVERYWHERE, {"id": row})).content
            nowhere = (await person.sends(EVERYWHERE, {"id": f"{row.rpartition('_')[0]}_{'0' * 26}"})).content
            assert there == nowhere


async def test_p9_verbs_on_what_is_anothers_answer_not_found(market: Market) -> None:
    contact = await given.contact(await models.Client.get(id=market.harbour), "Carl Client")
    async with judge.nothing_changes():
        for person, verb, field, row in (
            (market.rita, "partnerUpdate", "partnerId", market.northwind),
            (market.dora, "clientUpdate", "clientId", market.harbour),
            (market.dora, "contactUpdate", "contactId", contact.id),
            (market.paula, "contactUpdate", "contactId", contact.id),
            (market.rita, "contactUpdate", "contactId", market.contact),
        ):
            refused = await person.is_refused(verb, **{field: row, "name": "Mine"})
            assert refused == ("NOT_FOUND", [field]), (person.address, verb)
            assert refused == await person.is_refused(verb, **{field: f"{row}x", "name": "Mine"})
        theirs = ((market.paula, market.harbour), (market.dora, market.harbour), (market.rita, market.northwind))
        for person, row in theirs:
            refused = await person.is_refused("contactCreate", organisationId=row, name="Mine")
            assert refused == ("NOT_FOUND", ["organisationId"])


async def test_what_a_role_does_not_allow_is_forbidden(market: Market) -> None:
    create_partner, create_client = MUTATIONS["partnerCreate"]["input"], MUTATIONS["clientCreate"]["input"]
    async with judge.nothing_changes():
        for person, verb, input_ in (
            (market.paula, "partnerCreate", create_partner),
            (market.clara, "partnerCreate", create_partner),
            (market.paula, "clientCreate", create_client),
            (market.clara, "clientCreate", create_client),
            (market.pia, "partnerUpdate", {"partnerId": market.northwind, "name": "Southwind"}),
            (market.stan, "clientUpdate", {"clientId": market.harbour, "name": "Harbour Drinks"}),
            (market.paula, "clientUpdate", {"clientId": market.harbour, "name": "Harbour Drinks"}),
        ):
            assert await person.is_refused(verb, **input_) == ("FORBIDDEN", None), (person.address, verb)
        # Its contacts are seen by Rivals' client, and are not the client's to keep.
        refused = await market.clara.is_refused("contactCreate", organisationId=market.rivals, name="X")
        assert refused == ("FORBIDDEN", None)
        # Staff of an account works in it, and keeps no contacts (1.7).
        refused = await market.stan.is_refused("contactCreate", organisationId=market.harbour, name="X")
        assert refused == ("CAPABILITY_DENIED", None)


async def test_0_1_a_partner_keeps_the_contacts_of_the_clients_that_it_works_for(market: Market) -> None:
    made = await market.rita.does(
        "contactCreate", "contact { id name organisation { __typename } }", organisationId=market.harbour, name="Carl"
    )
    assert made["contact"] == {"id": made["contact"]["id"], "name": "Carl", "organisation": {"__typename": "Client"}}
    await models.Partnership.filter(partner_id=market.rivals).update(status=PartnershipStatus.ENDED)
    async with judge.nothing_changes():
        refused = await market.rita.is_refused("contactUpdate", contactId=made["contact"]["id"], name="Karl")
        assert refused == ("NOT_FOUND", ["contactId"])
        refused = await market.rita.is_refused("contactCreate", organisationId=market.harbour, name="Cora")
        assert refused == ("FORBIDDEN", None)


async def test_p9_counts_searches_and_cursors_know_only_what_one_sees(market: Market) -> None:
    """While an offer stands, the partner has said whom it asks, and learns nothing more."""
    await companies.offer(market)
    tiles = """query Tiles($search: String) {
      viewer { partnerships(search: $search) { totalCount edges { cursor node { client { name } } } } }
    }"""
    found = (await market.paula.reads(tiles, search=None))["viewer"]["partnerships"]
    [edge] = found["edges"]
    assert (found["totalCount"], edge["node"]) == (1, {"client": None})
    plain = base64.urlsafe_b64decode(edge["cursor"] + "=" * (-len(edge["cursor"]) % 4))
    assert b"harbour" not in plain.lower()
    for search in ("h", "harbour", "foods"):
        assert (await market.paula.reads(tiles, search=search))["viewer"]["partnerships"]["totalCount"] == 0
    counts = "{ clients { totalCount } accounts { totalCount } contacts { totalCount } }"
    assert await market.paula.reads(counts) == {
        "clients": {"totalCount": 0},
        "accounts": {"totalCount": 0},
        "contacts": {"totalCount": 1},
    }
    assert await market.rita.reads(counts) == {
        "clients": {"totalCount": 1},
        "accounts": {"totalCount": 1},
        "contacts": {"totalCount": 0},
    }


async def test_4_1_what_was_offered_is_seen_as_long_as_the_question_stands(market: Market, clock: ModuleType) -> None:
    made = await companies.offer(market)
    read = """query Read($id: ID!, $contact: ID!) {
      contact(id: $contact) { name email }
      partnership(id: $id) { contacts { totalCount } offer { contacts { name } } }
    }"""
    ids = {"id": made["id"], "contact": market.contact}
    assert await market.clara.reads(read, **ids) == {
        "contact": {"name": "Peter Peach", "email": None},
        "partnership": {"contacts": {"totalCount": 1}, "offer": {"contacts": [{"name": "Peter Peach"}]}},
    }
    clock.advance(timedelta(days=30))
    seat = await models.Seat.get(user__email=market.clara.address)
    await given.session(seat, "later")
    assert await market.clara.elsewhere("later").reads(read, **ids) == {
        "contact": None,
        "partnership": {"contacts": {"totalCount": 0}, "offer": {"contacts": []}},
    }


async def test_what_is_a_companys_own_is_null_for_the_other_side(market: Market) -> None:
    own = """query Own($id: ID!) {
      partner(id: $id) {
        name details { city } admin { name } domain copyAddress licences { granted } members { totalCount }
        contacts { totalCount } partnerships { totalCount } invites { totalCount } history { totalCount }
      }
    }"""
    closed = ["domain", "copyAddress", "licences", "members", "contacts", "partnerships", "invites", "history"]
    answer = (await market.clara.sends(own, {"id": market.rivals})).json()
    assert answer["data"]["partner"] == {
        "name": "Rivals",
        "details": {"city": None},
        "admin": {"name": "Rita Rival"},
        **dict.fromkeys(closed),
    }
    assert _denied(answer) == [(["partner", name], "FORBIDDEN") for name in closed]
    answer = (await market.pia.sends(own, {"id": market.northwind})).json()
    assert _denied(answer) == [(["partner", name], "FORBIDDEN") for name in ("invites", "history")]
    assert (answer["data"]["partner"]["domain"], answer["data"]["partner"]["contacts"]) == (
        "northwind.example",
        {"totalCount": 1},
    )


# ── the vendor ──


async def test_0_3_an_admin_reads_no_contacts_address_in_passing(market: Market) -> None:
    await market.paula.does(
        "contactUpdate", contactId=market.contact, email="peter@northwind.example", phone="+43 1 2", mobile="+43 6 3"
    )
    made = await companies.offer(market)
    await market.clara.does("proposalAccept", proposalId=made["offer"]["id"], accountIds=[market.shop])
    read = """query Read($contact: ID!, $partnership: ID!) {
      contact(id: $contact) { name email phone mobile purposes }
      contacts { totalCount nodes { ...Reached } }
      partnership(id: $partnership) { contacts { edges { node { label contact { ...Reached } } } } }
      node(id: $contact) { ... on Contact { address: email } }
    }
    fragment Reached on Contact { name email }"""
    ids = {"contact": market.contact, "partnership": made["id"]}
    answer = (await market.vera.sends(read, ids)).json()
    peter = {"name": "Peter Peach", "email": None}
    assert answer["data"] == {
        "contact": {**peter, "phone": None, "mobile": None, "purposes": []},
        "contacts": {"totalCount": 1, "nodes": [peter]},
        "partnership": {"contacts": {"edges": [{"node": {"label": "ASSIGNED", "contact": peter}}]}},
        "node": {"address": None},
    }
    assert _denied(answer) == [
        (["contact", "email"], "FORBIDDEN"),
        (["contact", "phone"], "FORBIDDEN"),
        (["contact", "mobile"], "FORBIDDEN"),
        (["contacts", "nodes", 0, "email"], "FORBIDDEN"),
        (["partnership", "contacts", "edges", 0, "node", "contact", "email"], "FORBIDDEN"),
        (["node", "address"], "FORBIDDEN"),
    ]
    for person in (market.paula, market.clara):
        seen = await person.reads(read, **ids)
        assert (seen["contact"]["email"], seen["node"]) == (
            "peter@northwind.example",
            {"address": "peter@northwind.example"},
        )
    # Nor by what is told of a change: it says that an address changed, not to what.
    history = "query Read($id: ID!) { contact(id: $id) { history { nodes { topic changes { field before after } } } } }"
    [changed] = (await market.vera.reads(history, id=market.contact))["contact"]["history"]["nodes"]
    assert changed == {
        "topic": "contact.updated",
        "changes": [{"field": field, "before": None, "after": None} for field in ("phone", "mobile", "email")],
    }


async def test_5_4_the_vendor_acts_for_a_company_visibly(market: Market) -> None:
    made = await market.vera.does(
        "contactCreate",
        "contact { history { nodes { topic side onBehalfOf actor { name } } } }",
        organisationId=market.harbour,
        name="Carl Client",
    )
    assert made["contact"]["history"]["nodes"] == [
        {"topic": "contact.created", "side": "VENDOR", "onBehalfOf": market.harbour, "actor": {"name": "Vera Vendor"}}
    ]


# ── pages ──


async def test_a_page_has_1_to_100_rows(market: Market) -> None:
    document = "query Page($first: Int) { contacts(first: $first) { totalCount } }"
    for first in (-1, 0, 101, 2**31 - 1):
        answer = (await market.paula.sends(document, {"first": first})).json()
        assert (list(answer), answer["errors"][0]["extensions"]) == (["errors"], {"code": "INVALID"})


def _denied(answer: Json) -> list[tuple[list[str | int], str]]:
    return [(error["path"], error["extensions"]["code"]) for error in answer["errors"]]
