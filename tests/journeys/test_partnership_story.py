"""A partnership, from the first mail to the history that both sides read; through HTTP and mailboxes alone."""

import hashlib
from datetime import timedelta
from types import ModuleType

from tests.journeys import judge
from tests.journeys import northwind as scenes
from tests.journeys.conftest import AtWork, Meets
from tests.journeys.northwind import MESSAGE, TERMS, Asked, Northwind, Partners
from tests.journeys.portal import PASSWORD, Json, Person

NOW = "2026-11-21T20:46:00.000000Z"
IN_A_WEEK = "2026-11-28T20:46:00.000000Z"
IN_30_DAYS = "2026-12-21T20:46:00.000000Z"
FROM = "Countersign <no-reply@countersign.example>"
OFFER_OPEN = timedelta(days=30)
A_SECOND = timedelta(seconds=1)

PARTNERSHIP = """
  id kind status label viewerHasHidden startedAt endedAt
  partner { name } client { name } previous { id } terms { title description region startsOn }
  counts { contacts accounts }
  contacts { totalCount nodes { side label assignedAt contact { id name title email phone mobile purposes } } }
  accessGrants { totalCount nodes { status connectedAt lastOpenedAt expiresAt partner { name } account { id name } } }
"""
OFFER = """
  id kind status version message clientName proposedBySide proposedAt expiresAt decidedAt comment viewerCan
  from { __typename ... on Partner { name } } proposedBy { name } decidedBy { name } accounts { id } contacts { name }
"""
READ = f"query Read($id: ID!) {{ partnership(id: $id) {{ {PARTNERSHIP} offer {{ {OFFER} }} }} }}"
STANDS = "query Stands($id: ID!) { partnership(id: $id) { status label offer { status viewerCan } } }"
HISTORY = """
query History($id: ID!) {
  partnership(id: $id) {
    history(first: 100) {
      totalCount
      nodes {
        version topic at side onBehalfOf summary hasDetails reason
        actor { name } subject { __typename } proposal { kind } account { name }
        changes { field before after } digest commitment
      }
    }
  }
}
"""
HOME = """
query Home {
  viewer {
    user { name email }
    seat { side name roles waiting }
    accounts { nodes { name status } }
    inbox { totalCount nodes { kind status message ... on PartnershipOffer { partnership { terms { title } } } } }
    partnerships {
      totalCount
      nodes { label partner { name } counts { contacts accounts } offer { message proposedBy { name } } }
    }
  }
}
"""
FOUND = """
query Found($label: [PartnershipLabel!], $search: String) {
  viewer {
    seat { waiting }
    inbox { totalCount }
    partnerships(label: $label, search: $search) { totalCount nodes { label status } }
  }
}
"""


# ── chapter 1: a partner ──


async def test_the_vendor_creates_a_partner_whose_admin_joins_from_the_mail(meet: Meets, admin_link: str) -> None:
    vera, paula = meet("vera@vendor.example"), meet("paula@northwind.example")
    page = await scenes.sign_in_by_link(vera, admin_link)
    assert (page["email"], page["expiresAt"]) == (vera.address, "2026-11-21T21:01:00.000000Z")

    partner = await scenes.create_partner(
        vera,
        """partner {
          name kind domain copyAddress admin { name } licences { granted used available } members { totalCount }
          invites { nodes { inviteKind status version email proposedAt expiresAt viewerCan proposedBy { name } } }
        }""",
    )
    assert partner == {
        "name": "Northwind",
        "kind": "PARTNER",
        "domain": "northwind.example",
        "copyAddress": "copies@northwind.example",
        "admin": None,
        "licences": {"granted": 3, "used": 1, "available": 2},
        "members": {"totalCount": 0},
        "invites": {
            "nodes": [
                {
                    "inviteKind": "PARTNER_ADMIN",
                    "status": "PENDING",
                    "version": 1,
                    "email": paula.address,
                    "proposedAt": NOW,
                    "expiresAt": IN_A_WEEK,
                    "viewerCan": ["WITHDRAW", "REMIND"],
                    "proposedBy": {"name": "Vera Vendor"},
                }
            ]
        },
    }

    mail = await paula.next_mail()
    assert (mail.sender, mail.to, mail.subject) == (
        FROM,
        "Paula Partner <paula@northwind.example>",
        "Countersign invites you to join Northwind",
    )
    page = await paula.opens(mail)
    assert page.pop("challenge")
    assert page == {
        "kind": "PARTNER_ADMIN",
        "status": "PENDING",
        "email": paula.address,
        "from": "Countersign",
        "to": "Northwind",
        "title": "Partner admin of Northwind",
        "expiresAt": IN_A_WEEK,
        "needsPassword": True,
    }

    joined = await paula.joins(
        mail,
        "invite { status version decidedAt decidedBy { name } }"
        " viewer { user { name email } seat { side name roles } }",
        name="Paula Partner",
        password=PASSWORD,
    )
    assert joined == {
        "invite": {"status": "ACCEPTED", "version": 2, "decidedAt": NOW, "decidedBy": {"name": "Paula Partner"}},
        "viewer": {
            "user": {"name": "Paula Partner", "email": paula.address},
            "seat": {"side": "PARTNER", "name": "Northwind", "roles": ["PARTNER", "PARTNER_ADMIN", "PUBLIC", "USER"]},
        },
    }
    assert (await vera.next_mail()).subject == "Paula Partner has joined Northwind"
    assert (await paula.reads("{ clients { totalCount } accounts { totalCount } contacts { totalCount } }")) == {
        "clients": {"totalCount": 0},
        "accounts": {"totalCount": 0},
        "contacts": {"totalCount": 0},
    }


# ── chapter 2: an offer ──


async def test_4_1_an_offer_to_an_address_arrives_as_a_mail_and_an_open_tile(northwind: Northwind, meet: Meets) -> None:
    paula, clara = northwind.paula, meet("clara@harbour.example")
    made = await scenes.offer(
        northwind, f"{PARTNERSHIP} offer {{ {OFFER} email }}", email=clara.address, clientName="Harbour Foods"
    )
    offer = made.pop("offer")
    assert made == an_offered_partnership(made["id"], northwind, client=None)
    assert offer == {**an_offer(offer["id"], can=["WITHDRAW", "REMIND"]), "email": clara.address}
    assert await paula.reads(READ, id=made["id"]) == {
        "partnership": {**made, "offer": an_offer(offer["id"], can=["WITHDRAW", "REMIND"])}
    }

    mail = await clara.next_mail()
    assert (mail.sender, mail.to, mail.subject) == (
        FROM,
        clara.address,
        "Northwind offers you a partnership: Shop care",
    )
    assert "> Shall we\n> look after your shop together?\n" in mail.text
    assert "* Open until: 21 December 2026, 20:46 UTC\n" in mail.text
    page = await clara.opens(mail)
    assert page.pop("challenge")
    assert page == {
        "kind": "PARTNERSHIP",
        "status": "PENDING",
        "email": clara.address,
        "from": "Northwind",
        "to": "Harbour Foods",
        "title": "Shop care",
        "expiresAt": IN_30_DAYS,
        "needsPassword": True,
    }

    names = {"name": "Clara Client", "clientName": "Harbour Foods", "accountName": "Main shop"}
    joined = await clara.joins(mail, "invite { inviteKind status }", **names, password=PASSWORD)
    assert joined == {"invite": {"inviteKind": "PARTNERSHIP", "status": "ACCEPTED"}}
    assert await clara.reads(HOME) == {
        "viewer": {
            "user": {"name": "Clara Client", "email": clara.address},
            "seat": {
                "side": "CLIENT",
                "name": "Harbour Foods",
                "roles": ["ACCOUNT_OWNER", "CLIENT", "PUBLIC", "USER"],
                "waiting": 1,
            },
            "accounts": {"nodes": [{"name": "Main shop", "status": "ACTIVE"}]},
            "inbox": {
                "totalCount": 1,
                "nodes": [
                    {
                        "kind": "PARTNERSHIP_OFFER",
                        "status": "PENDING",
                        "message": MESSAGE,
                        "partnership": {"terms": {"title": "Shop care"}},
                    }
                ],
            },
            "partnerships": {
                "totalCount": 1,
                "nodes": [
                    {
                        "label": "OPEN",
                        "partner": {"name": "Northwind"},
                        "counts": {"contacts": 0, "accounts": 0},
                        "offer": {"message": MESSAGE, "proposedBy": {"name": "Paula Partner"}},
                    }
                ],
            },
        }
    }
    assert await clara.reads(READ, id=made["id"]) == {
        "partnership": {
            **an_offered_partnership(made["id"], northwind, client="Harbour Foods"),
            "offer": an_offer(offer["id"], can=["ACCEPT", "DECLINE"]),
        }
    }
    # Who has joined is the partner's to know once the offer is accepted.
    assert (await paula.reads(READ, id=made["id"]))["partnership"]["client"] is None
    assert (paula.unread(), clara.unread()) == ([], [])


async def test_1_1_neither_the_partner_nor_the_vendor_answers_for_the_client(asked: Asked, worker: AtWork) -> None:
    await worker.stop()
    for person in (asked.northwind.paula, asked.northwind.vera):
        async with judge.nothing_changes():
            for verb in ("proposalAccept", "proposalDecline"):
                assert await person.is_refused(verb, proposalId=asked.offer) == ("FORBIDDEN", ["proposalId"])


# ── chapter 3: a yes ──


async def test_1_2_an_accepted_offer_connects_the_accounts_and_both_sides_read_the_same(
    asked: Asked, clock: ModuleType
) -> None:
    northwind, clara = asked.northwind, asked.clara
    clock.advance(timedelta(hours=1))
    accepted = await clara.does(
        "proposalAccept",
        f"proposal {{ {OFFER.replace('clientName', '').partition('accounts')[0]} ... on PartnershipOffer {{ id }} }}",
        proposalId=asked.offer,
        expectedVersion=1,
        accountIds=[asked.account],
        comment="Gladly.",
    )
    later = "2026-11-21T21:46:00.000000Z"
    decided = {
        "status": "ACCEPTED",
        "version": 2,
        "decidedBy": {"name": "Clara Client"},
        "decidedAt": later,
        "comment": "Gladly.",
    }
    offer = {**an_offer(asked.offer, can=[]), **decided}
    assert accepted["proposal"] == {name: offer[name] for name in accepted["proposal"]}

    partnership = {
        **an_offered_partnership(asked.partnership, northwind, client="Harbour Foods"),
        "status": "ACTIVE",
        "label": "ACTIVE",
        "startedAt": later,
        "counts": {"contacts": 2, "accounts": 1},
        "contacts": lent_contacts(northwind, label="ASSIGNED", assigned_at=later),
        "accessGrants": {
            "totalCount": 1,
            "nodes": [
                {
                    "status": "ENABLED",
                    "connectedAt": later,
                    "lastOpenedAt": None,
                    "expiresAt": None,
                    "partner": {"name": "Northwind"},
                    "account": {"id": asked.account, "name": "Main shop"},
                }
            ],
        },
        "offer": offer,
    }
    assert await clara.reads(READ, id=asked.partnership) == {"partnership": partnership}
    assert await northwind.paula.reads(READ, id=asked.partnership) == {"partnership": partnership}

    # The partner's own row, that its invite was taken, is the partner's alone.
    rows = [
        by_clara(4, "grant.connected", later, "The partner was connected to an account.")
        | {"subject": {"__typename": "AccessGrant"}, "account": {"name": "Main shop"}},
        by_clara(3, "partnership.accepted", later, "The client accepted the offer.")
        | {"hasDetails": True, "reason": "Gladly."},
        by_clara(2, "invite.accepted", NOW, "The invite was accepted.")
        | {"subject": {"__typename": "Invite"}, "proposal": {"kind": "INVITE"}},
        the_beginning(),
    ]
    assert await history(northwind.paula, asked.partnership) == rows
    assert await history(clara, asked.partnership, whole=False) == [rows[0], rows[1], rows[3]]

    told = await northwind.paula.next_mail()
    assert (told.to, told.subject, told.token) == (
        "Paula Partner <paula@northwind.example>",
        "Harbour Foods accepted your offer: Shop care",
        None,
    )
    assert "Clara Client of Harbour Foods accepted “Shop care”." in told.text
    for person in (clara, northwind.paula):
        assert await found(person, "ACTIVE", search="o") == (0, 0, one_tile("ACTIVE"))
    assert (northwind.vera.unread(), northwind.paula.unread(), clara.unread()) == ([], [], [])


# ── chapter 4: noes ──


async def test_an_offer_is_declined_from_the_mail_alone_and_the_comment_reaches_the_partner(
    partners: Partners, meet: Meets
) -> None:
    northwind, dora = partners.asked.northwind, meet("dora@island.example")
    made = await scenes.offer(northwind, email=dora.address, clientName="Island Hotel")
    mail = await dora.next_mail()
    page = await dora.opens(mail)
    await dora.does("inviteDecline", token=mail.token, challenge=page["challenge"], comment="Not this\nyear.")

    stands = (await northwind.paula.reads(READ, id=made["id"]))["partnership"]
    assert (stands["status"], stands["label"], stands["client"]) == ("DECLINED", "DECLINED", None)
    assert stands["contacts"] == {"totalCount": 0, "nodes": []}
    assert stands["offer"] == {
        **an_offer(made["offer"]["id"], can=[]),
        "clientName": "Island Hotel",
        "status": "DECLINED",
        "version": 2,
        "decidedAt": NOW,
        "comment": "Not this\nyear.",
    }
    [declined, begun] = await history(northwind.paula, made["id"])
    assert begun == the_beginning()
    assert declined == {
        **an_event(2, "partnership.declined", NOW, "The client declined the offer."),
        "side": "CLIENT",
        "hasDetails": True,
        "reason": "Not this\nyear.",
    }
    told = await northwind.paula.next_mail()
    assert told.subject == "Your offer was declined: Shop care"
    assert "“Shop care”, offered to Island Hotel, was declined." in told.text
    assert "> Not this\n> year.\n" in told.text

    assert (await dora.opens(mail))["status"] == "DECLINED"
    answer = {"token": mail.token, "challenge": page["challenge"]}
    assert await dora.is_refused("inviteAccept", **answer) == ("WRONG_STATE", ["token"])
    assert (northwind.paula.unread(), dora.unread()) == ([], [])


async def test_a_client_that_exists_is_asked_in_its_inbox_and_declines_there(northwind: Northwind, meet: Meets) -> None:
    paula, dora = northwind.paula, meet("dora@island.example")
    created = await northwind.vera.does(
        "clientCreate",
        "client { id accounts { nodes { name status } } }",
        name="Island Hotel",
        ownerEmail=dora.address,
        ownerName="Dora Duke",
        accountName="Front desk",
    )
    assert created["client"]["accounts"] == {"nodes": [{"name": "Front desk", "status": "SETTING_UP"}]}
    await dora.joins(await dora.next_mail(), name="Dora Duke", password=PASSWORD)
    assert (await northwind.vera.next_mail()).subject == "Dora Duke has joined Island Hotel"

    made = await scenes.offer(northwind, clientId=created["client"]["id"])
    mail = await dora.next_mail()
    assert (mail.to, mail.subject, mail.token) == (
        "Dora Duke <dora@island.example>",
        "Northwind offers you a partnership: Shop care",
        None,
    )
    assert (await dora.reads(FOUND, label=["OPEN"]))["viewer"] == {
        "seat": {"waiting": 1},
        "inbox": {"totalCount": 1},
        "partnerships": {"totalCount": 1, "nodes": [{"label": "OPEN", "status": "OFFERED"}]},
    }
    declined = await dora.does(
        "proposalDecline",
        "proposal { status version comment decidedBy { name } viewerCan }",
        proposalId=made["offer"]["id"],
        expectedVersion=1,
        comment="No, thank you.",
    )
    assert declined["proposal"] == {
        "status": "DECLINED",
        "version": 2,
        "comment": "No, thank you.",
        "decidedBy": {"name": "Dora Duke"},
        "viewerCan": [],
    }
    for person in (dora, paula):
        assert (await person.reads(FOUND))["viewer"] == {
            "seat": {"waiting": 0},
            "inbox": {"totalCount": 0},
            "partnerships": one_tile("DECLINED"),
        }
    assert (await paula.reads(READ, id=made["id"]))["partnership"]["client"] is None
    told = await paula.next_mail()
    assert told.subject == "Your offer was declined: Shop care"
    assert "“Shop care” was declined." in told.text
    assert "> No, thank you.\n" in told.text


# ── chapter 5: taken back ──


async def test_an_offer_that_is_withdrawn_is_over_and_its_link_says_so(northwind: Northwind, meet: Meets) -> None:
    paula, dora = northwind.paula, meet("dora@island.example")
    made = await scenes.offer(northwind, email=dora.address, clientName="Island Hotel")
    mail = await dora.next_mail()
    page = await dora.opens(mail)
    withdrawn = await paula.does(
        "proposalWithdraw",
        "proposal { status version viewerCan decidedBy { name } }",
        proposalId=made["offer"]["id"],
        expectedVersion=1,
    )
    assert withdrawn["proposal"] == {
        "status": "WITHDRAWN",
        "version": 2,
        "viewerCan": [],
        "decidedBy": {"name": "Paula Partner"},
    }
    assert (await paula.reads(STANDS, id=made["id"]))["partnership"] == {
        "status": "WITHDRAWN",
        "label": "WITHDRAWN",
        "offer": {"status": "WITHDRAWN", "viewerCan": []},
    }
    told = await dora.next_mail()
    assert (told.to, told.subject, told.token) == (dora.address, "Northwind has withdrawn its offer: Shop care", None)

    assert (await dora.opens(mail))["status"] == "CANCELLED"
    answer = {"token": mail.token, "challenge": page["challenge"]}
    assert await dora.is_refused("inviteAccept", **answer) == ("WRONG_STATE", ["token"])
    assert await dora.is_refused("inviteDecline", **answer) == ("WRONG_STATE", ["token"])
    gone = await dora.browser.get(f"/l/{mail.token}", follow_redirects=True)
    assert gone.status_code == 410
    assert "There is nothing left to answer" in gone.text
    # What was withdrawn blocks nothing.
    again = await scenes.offer(northwind, "status", email=dora.address, clientName="Island Hotel")
    assert again == {"status": "OFFERED"}
    assert (await dora.opens(await dora.next_mail()))["status"] == "PENDING"
    assert paula.unread() == []


# ── chapter 6: silence ──


async def test_5_1a_an_offer_is_expired_from_its_second_on_though_nobody_announced_it(
    asked: Asked, worker: AtWork, clock: ModuleType
) -> None:
    paula, clara = asked.northwind.paula, asked.clara
    await worker.stop()
    clock.advance(OFFER_OPEN - A_SECOND)
    await paula.signs_in()
    await clara.signs_in()
    open_ = {"status": "OFFERED", "label": "OPEN", "offer": {"status": "PENDING", "viewerCan": ["ACCEPT", "DECLINE"]}}
    assert (await clara.reads(STANDS, id=asked.partnership))["partnership"] == open_
    assert await found(clara, "OPEN") == (1, 1, one_tile("OPEN", "OFFERED"))
    assert await found(clara, "EXPIRED") == (1, 1, no_tile())

    clock.advance(A_SECOND)
    over = {"status": "EXPIRED", "label": "EXPIRED", "offer": {"status": "EXPIRED", "viewerCan": []}}
    for person in (clara, paula):
        assert (await person.reads(STANDS, id=asked.partnership))["partnership"] == over
        assert await found(person, "OPEN") == (0, 0, no_tile())
        assert await found(person, "EXPIRED") == (0, 0, one_tile("EXPIRED"))
    by_status = """query ByStatus($id: ID!, $status: [PartnershipStatus!]) {
      partner(id: $id) { partnerships(status: $status) { totalCount } }
    }"""
    of_status = [
        (await paula.reads(by_status, id=asked.northwind.id, status=[status]))["partner"]["partnerships"]["totalCount"]
        for status in ("OFFERED", "EXPIRED")
    ]
    assert of_status == [0, 1]
    assert await clara.is_refused("proposalAccept", proposalId=asked.offer, accountIds=[asked.account]) == (
        "EXPIRED",
        ["proposalId"],
    )
    assert await clara.is_refused("proposalDecline", proposalId=asked.offer) == ("EXPIRED", ["proposalId"])
    assert await paula.is_refused("proposalWithdraw", proposalId=asked.offer) == ("EXPIRED", ["proposalId"])
    assert await paula.is_refused("proposalRemind", proposalId=asked.offer) == ("EXPIRED", ["proposalId"])
    so_far = ["invite.accepted", "partnership.offered"]
    assert [row["topic"] for row in await history(paula, asked.partnership)] == so_far

    again = await scenes.offer(asked.northwind, "id status label previous { id }", email=clara.address)
    assert again == {"id": again["id"], "status": "OFFERED", "label": "OPEN", "previous": None}
    expired, *before = await history(paula, asked.partnership)
    assert expired == an_event(3, "partnership.expired", IN_30_DAYS, "The offer expired without an answer.")
    assert [row["topic"] for row in before] == so_far

    await judge.carry_on()
    assert paula.unread() == ["Your offer has ended without an answer: Shop care"]
    assert clara.unread() == ["Northwind offers you a partnership: Shop care"]
    await judge.carry_on()
    assert len(await history(paula, asked.partnership)) == 3


async def test_5_3_whoever_has_not_answered_is_reminded_after_3_and_7_days_by_the_same_link(
    northwind: Northwind, meet: Meets, worker: AtWork, clock: ModuleType
) -> None:
    paula, dora = northwind.paula, meet("dora@island.example")
    made = await scenes.offer(northwind, email=dora.address, clientName="Island Hotel")
    first = await dora.next_mail()
    await worker.stop()
    arrived = {}
    for day in range(1, 10):
        clock.advance(timedelta(days=1))
        await judge.carry_on()
        await judge.carry_on()
        arrived[day] = [await dora.next_mail() for _ in dora.unread()]
    assert {day: [mail.subject for mail in mails] for day, mails in arrived.items() if mails} == {
        3: ["Still open: the partnership that Northwind offers you"],
        7: ["Still open: the partnership that Northwind offers you"],
    }
    assert [arrived[day][0].token for day in (3, 7)] == [first.token] * 2
    assert "On 21 November 2026, 20:46 UTC, Paula Partner of Northwind offered you a" in arrived[3][0].text
    assert (await dora.opens(first))["status"] == "PENDING"
    reminded, reminded_before, _ = await history(paula, made["id"])
    assert reminded_before == an_event(
        2, "partnership.reminded", "2026-11-24T20:46:00.000000Z", "The offer was sent again as a reminder."
    )
    assert reminded == {**reminded_before, "version": 3, "at": IN_A_WEEK}
    assert paula.unread() == []


async def test_the_partner_reminds_at_most_once_an_hour_and_the_old_link_stops_working(
    northwind: Northwind, meet: Meets, clock: ModuleType
) -> None:
    paula, dora = northwind.paula, meet("dora@island.example")
    made = await scenes.offer(northwind, email=dora.address, clientName="Island Hotel")
    first = await dora.next_mail()
    old = await dora.opens(first)
    clock.advance(timedelta(hours=1) - A_SECOND)
    assert await paula.is_refused("proposalRemind", proposalId=made["offer"]["id"]) == ("RATE_LIMITED", ["proposalId"])
    clock.advance(A_SECOND)
    reminded = await paula.does("proposalRemind", "proposal { status version }", proposalId=made["offer"]["id"])
    assert reminded["proposal"] == {"status": "PENDING", "version": 1}
    second = await dora.next_mail()
    assert second.subject == "Still open: the partnership that Northwind offers you"
    assert second.token != first.token
    assert (await dora.opens(first))["status"] == "SUPERSEDED"
    answer = {"token": first.token, "challenge": old["challenge"]}
    assert await dora.is_refused("inviteDecline", **answer) == ("WRONG_STATE", ["token"])
    assert (await dora.opens(second))["status"] == "PENDING"
    names = {"name": "Dora Duke", "clientName": "Island Hotel"}
    await dora.joins(second, **names, password=PASSWORD)
    assert (await found(dora, "OPEN"))[:2] == (1, 1)


# ── chapter 7: afterwards ──


async def test_4_8_each_side_changes_its_own_details_and_the_other_side_reads_it_in_the_history(
    partners: Partners,
) -> None:
    asked, northwind = partners.asked, partners.asked.northwind
    paula, clara, vera = northwind.paula, asked.clara, northwind.vera
    details = "details { street city state postalCode country phone fax email website }"
    nothing = dict.fromkeys(("street", "city", "state", "postalCode", "country", "phone", "fax", "email", "website"))
    changed = await clara.does(
        "clientUpdate",
        f"client {{ name {details} }}",
        clientId=asked.client,
        name="Harbour Foods Ltd",
        details={"street": "Quay 1", "city": "Trieste", "website": "https://harbour.example"},
    )
    assert changed["client"] == {
        "name": "Harbour Foods Ltd",
        "details": {**nothing, "street": "Quay 1", "city": "Trieste", "website": "https://harbour.example/"},
    }
    await paula.does(
        "partnerUpdate", partnerId=northwind.id, details={"phone": "+43 1 555"}, copyAddress="new@northwind.example"
    )
    await vera.does("partnerUpdate", partnerId=northwind.id, details={"phone": None, "fax": "+43 1 556"})

    updated = an_event(0, "partnership.company_updated", NOW, "") | {"proposal": None, "hasDetails": True}
    expected = [
        {
            **updated,
            "version": 7,
            "side": "VENDOR",
            "actor": {"name": "Vera Vendor"},
            "onBehalfOf": northwind.id,
            "subject": {"__typename": "Partner"},
            "summary": "The vendor changed its company's details.",
            "changes": [
                {"field": "phone", "before": "+43 1 555", "after": None},
                {"field": "fax", "before": None, "after": "+43 1 556"},
            ],
        },
        {
            **updated,
            "version": 6,
            "side": "PARTNER",
            "actor": {"name": "Paula Partner"},
            "subject": {"__typename": "Partner"},
            "summary": "The partner changed its company's details.",
            "changes": [{"field": "phone", "before": None, "after": "+43 1 555"}],
        },
        {
            **updated,
            "version": 5,
            "side": "CLIENT",
            "actor": {"name": "Clara Client"},
            "subject": {"__typename": "Client"},
            "summary": "The client changed its company's details.",
            "changes": [
                {"field": "street", "before": None, "after": "Quay 1"},
                {"field": "city", "before": None, "after": "Trieste"},
                {"field": "website", "before": None, "after": "https://harbour.example/"},
                {"field": "name", "before": "Harbour Foods", "after": "Harbour Foods Ltd"},
            ],
        },
    ]
    assert (await history(paula, asked.partnership))[:3] == expected
    assert (await history(clara, asked.partnership, whole=False))[:3] == expected
    read = f"query Read($id: ID!) {{ partnership(id: $id) {{ client {{ name }} partner {{ {details} }} }} }}"
    companies = {"client": {"name": "Harbour Foods Ltd"}, "partner": {"details": {**nothing, "fax": "+43 1 556"}}}
    for person in (paula, clara):
        assert (await person.reads(read, id=asked.partnership))["partnership"] == companies
    assert await found(paula, "ACTIVE", search="foods LTD") == (0, 0, one_tile("ACTIVE"))


# ── what is expected ──


def an_offered_partnership(partnership_id: str, northwind: Northwind, *, client: str | None) -> Json:
    """The partnership as it is read while the question stands."""
    return {
        "id": partnership_id,
        "kind": "DIRECT",
        "status": "OFFERED",
        "label": "OPEN",
        "viewerHasHidden": False,
        "startedAt": None,
        "endedAt": None,
        "partner": {"name": "Northwind"},
        "client": client and {"name": client},
        "previous": None,
        "terms": TERMS,
        "counts": {"contacts": 0, "accounts": 0},
        "contacts": lent_contacts(northwind, label="OFFERED", assigned_at=None),
        "accessGrants": {"totalCount": 0, "nodes": []},
    }


def lent_contacts(northwind: Northwind, *, label: str, assigned_at: str | None) -> Json:
    peter = {"id": northwind.peter, "name": "Peter Peach", "title": "Technician", "email": "peter@northwind.example"}
    petra = {"id": northwind.petra, "name": "Petra Plum", "title": None, "email": None}
    contacts = [
        {**peter, "phone": None, "mobile": None, "purposes": []},
        {**petra, "phone": "+43 1 234", "mobile": None, "purposes": ["SUPPORT"]},
    ]
    lent = {"side": "PARTNER", "label": label, "assignedAt": assigned_at}
    return {"totalCount": 2, "nodes": [{**lent, "contact": contact} for contact in contacts]}


def an_offer(offer_id: str, *, can: list[str]) -> Json:
    """The offer as it is read while the question stands."""
    return {
        "id": offer_id,
        "kind": "PARTNERSHIP_OFFER",
        "status": "PENDING",
        "version": 1,
        "message": MESSAGE,
        "clientName": "Harbour Foods",
        "proposedBySide": "PARTNER",
        "proposedAt": NOW,
        "expiresAt": IN_30_DAYS,
        "decidedAt": None,
        "comment": None,
        "viewerCan": can,
        "from": {"__typename": "Partner", "name": "Northwind"},
        "proposedBy": {"name": "Paula Partner"},
        "decidedBy": None,
        "accounts": [],
        "contacts": [{"name": "Peter Peach"}, {"name": "Petra Plum"}],
    }


def one_tile(label: str, status: str | None = None) -> Json:
    return {"totalCount": 1, "nodes": [{"label": label, "status": status or label}]}


def no_tile() -> Json:
    return {"totalCount": 0, "nodes": []}


def an_event(version: int, topic: str, at: str, summary: str) -> Json:
    """An event of nobody's that concerns the offer and has no details."""
    return {
        "version": version,
        "topic": topic,
        "at": at,
        "side": None,
        "onBehalfOf": None,
        "summary": summary,
        "hasDetails": False,
        "reason": None,
        "actor": None,
        "subject": {"__typename": "PartnershipOffer"},
        "proposal": {"kind": "PARTNERSHIP_OFFER"},
        "account": None,
        "changes": [],
    }


def by_clara(version: int, topic: str, at: str, summary: str) -> Json:
    return an_event(version, topic, at, summary) | {"side": "CLIENT", "actor": {"name": "Clara Client"}}


def the_beginning() -> Json:
    """The first row of every history."""
    return {
        **an_event(1, "partnership.offered", NOW, "The partner offered a partnership."),
        "side": "PARTNER",
        "actor": {"name": "Paula Partner"},
        "hasDetails": True,
        "reason": MESSAGE,
        "changes": [{"field": field, "before": None, "after": after} for field, after in TERMS.items()],
    }


# ── what is read ──


async def found(person: Person, label: str, search: str | None = None) -> tuple[int, int, Json]:
    """What waits for the person's seat, how long its inbox is, and the tiles of a label."""
    viewer = (await person.reads(FOUND, label=[label], search=search))["viewer"]
    return viewer["seat"]["waiting"], viewer["inbox"]["totalCount"], viewer["partnerships"]


async def history(person: Person, partnership_id: str, *, whole: bool = True) -> list[Json]:
    """A partnership's history, newest first; of a `whole` one the chain must hold."""
    read = (await person.reads(HISTORY, id=partnership_id))["partnership"]["history"]
    rows: list[Json] = read["nodes"]
    assert read["totalCount"] == len(rows)
    seals = [(row.pop("digest"), row.pop("commitment"), row["version"]) for row in rows]
    if whole:
        assert [version for _, _, version in seals] == list(range(len(rows), 0, -1))
        assert [digest for digest, _, _ in reversed(seals)] == chained(
            partnership_id, [commitment for _, commitment, _ in reversed(seals)]
        )
    return rows


def chained(stream: str, commitments: list[str]) -> list[str]:
    """The digests of a stream's events, oldest first, worked out as whoever doubts them would."""
    digest, digests = bytes(32), []
    for version, commitment in enumerate(commitments, start=1):
        digest = hashlib.sha256(digest + f"{stream}\0{version}\0".encode() + bytes.fromhex(commitment)).digest()
        digests.append(digest.hex())
    return digests
