"""How long a partner may open an account, what it earns meanwhile, and how that ends; clock moved, sweeper stopped."""

import base64
import json
import time
from datetime import datetime, timedelta
from types import ModuleType

import pytest

from outbox import due
from tests.journeys import northwind as scenes
from tests.journeys.northwind import Partners
from tests.journeys.portal import Json, Person
from tests.server.listening import Socket, at_once, listening

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)

GRANT = """
  status connectedAt lastOpenedAt expiresAt viewerCan
  request { status message viewerCan }
"""
READ_GRANT = f"query Grant($id: ID!) {{ node(id: $id) {{ ... on AccessGrant {{ {GRANT} }} }} }}"
OPENED = """
  session { token expiresAt capabilities }
  grant { lastOpenedAt expiresAt }
"""
CLIENT_LIST = """
{ viewer { accessGrants { totalCount nodes { status lastOpenedAt account { name usage viewerCapabilities } } } } }
"""
STAFF_LIST = """
query Staff($id: ID!) {
  account(id: $id) {
    staff { nodes { role user { name } } }
    partnerAccess { nodes { status lastOpenedAt expiresAt partner { name } } }
    accessRequests { nodes { message status viewerCan from { ... on Partner { name } } } }
  }
}
"""
BANNER = """
subscription Banner($id: ID!) {
  accountEvents(accountId: $id) { topic proposal { id status message } }
}
"""
EARNED = """
{ viewer { accessGrants { nodes { revenueShare { eligible reason } } } } }
"""
COMPANY = """
query Company($id: ID!) {
  partner(id: $id) {
    revenueShare statusCredits
    commissions { nodes { amount payment rate currency account { name } } }
  }
}
"""
PREVIEW = """
query Preview($id: ID!) {
  node(id: $id) {
    ... on AccessGrant {
      disconnectPreview {
        accounts { name } contactsReleased pendingRequests endsPartnership confirmation
      }
    }
  }
}
"""
COST = """
query Cost($id: ID!) {
  node(id: $id) { ... on AccessGrant { disconnectPreview { statusCreditsLost revenueShareStops } } }
}
"""
PARTNERSHIP = "query Partnership($id: ID!) { partnership(id: $id) { status endReason } }"
HISTORY = """
query History($id: ID!) { account(id: $id) { activityHistory(first: 50) { nodes { topic actor { name } } } } }
"""


@pytest.fixture
def _no_sweeper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be announced that time brings about."""

    async def rests(_now: datetime) -> int:
        return 0

    monkeypatch.setattr(due, "sweep", rests)


class Access:
    """Northwind's access to Harbour Foods' main shop, and everybody who has to do with it."""

    def __init__(self, partners: Partners, clock: ModuleType) -> None:
        asked = partners.asked
        self.vera, self.paula, self.clara = asked.northwind.vera, asked.northwind.paula, asked.clara
        self.northwind, self.account, self.grant = asked.northwind, asked.account, partners.grant
        self.partnership, self.client = asked.partnership, asked.client
        self.clock = clock

    async def passes(self, time_: timedelta) -> None:
        """Let time pass; whoever was signed in signs in again."""
        self.clock.advance(time_)
        for person in (self.paula, self.clara):
            await person.signs_in()
        self.vera.token = None
        await self.vera.does("signInLinkSend", email=self.vera.address)
        mail = await self.vera.next_mail()
        await scenes.sign_in_by_link(self.vera, mail.token)

    async def jobs(self, total: int) -> None:
        await self.vera.does("jobsRecord", "account { jobsCreated }", accountId=self.account, jobsCreated=total)

    async def pays(self, reference: str, amount: str) -> list[Json]:
        """Record a payment; the commissions that it brought."""
        paid = await self.vera.does(
            "paymentRecord",
            "commissions { amount payment rate currency }",
            accountId=self.account,
            amount=amount,
            currency="EUR",
            paidOn="2027-01-31",
            reference=reference,
        )
        commissions: list[Json] = paid["commissions"]
        return commissions

    async def read(self, person: Person, grant: str | None = None) -> Json:
        found: Json = (await person.reads(READ_GRANT, id=grant or self.grant))["node"]
        return found

    async def opens(self) -> Json:
        """Let Paula open the account."""
        return await self.paula.does("accountOpen", OPENED, accountId=self.account)

    async def session_status(self, token: str) -> int:
        """What the vendor's product is told of an opening."""
        jti = _claims(token)["jti"]
        answer = await self.paula.browser.get(f"/account-sessions/{jti}")
        return answer.status_code


def _claims(token: str) -> Json:
    """What a token says; who signed it is another test's."""
    body = token.split(".")[1]
    claims: Json = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


def at(clock: ModuleType) -> str:
    moment: datetime = clock.now()
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def in_60_days(clock: ModuleType) -> str:
    moment: datetime = clock.now() + 60 * DAY
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def next_of(socket: Socket, name: str, topic: str) -> Json:
    """The next event of that topic."""
    while True:
        event: Json = await socket.event(name)
        if event["topic"] == topic:
            return event


@pytest.mark.usefixtures("_no_sweeper")
async def test_1_3_to_1_10_access_lasts_60_days_from_the_last_opening_and_the_share_as_long_as_the_connection(
    partners: Partners, clock: ModuleType
) -> None:
    it = Access(partners, clock)
    await it.vera.does("partnerRevenueShareSet", "partner { id }", partnerId=it.northwind.id, rate="0.125")
    await connected_at_40_jobs_nothing_expires(it)
    await the_100th_job_starts_the_clock_and_the_share(it)
    await an_opening_begins_the_60_days_anew(it)
    await after_60_days_it_is_refused(it)
    await the_owner_sees_the_request_and_approves(it)
    await disabled_everything_of_it_ends(it)
    await what_is_disabled_still_earns(it)
    await the_client_disconnects(it)
    await what_was_disconnected_is_gone(it)
    await a_new_offer_connects_again(it)


async def connected_at_40_jobs_nothing_expires(it: Access) -> None:
    # Connected at 40 jobs: nothing expires.
    await it.jobs(40)
    connected = await it.read(it.paula)
    assert connected == {
        "status": "ENABLED",
        "connectedAt": connected["connectedAt"],
        "lastOpenedAt": None,
        "expiresAt": None,
        "viewerCan": ["OPEN", "DISCONNECT"],
        "request": None,
    }
    assert (await it.read(it.clara))["viewerCan"] == ["DISABLE", "DISCONNECT"]
    assert await it.paula.reads(EARNED) == {
        "viewer": {"accessGrants": {"nodes": [{"revenueShare": {"eligible": False, "reason": "WAITING_FOR_JOBS"}}]}}
    }
    assert await it.pays("before-100", "80.00") == []


async def the_100th_job_starts_the_clock_and_the_share(it: Access) -> None:
    # 100 jobs: the clock starts, and the share of the one that was connected first.
    await it.passes(10 * DAY)
    await it.jobs(100)
    assert (await it.read(it.paula))["expiresAt"] == in_60_days(it.clock)
    assert await it.paula.reads(EARNED) == {
        "viewer": {"accessGrants": {"nodes": [{"revenueShare": {"eligible": True, "reason": "ELIGIBLE"}}]}}
    }
    assert await it.pays("january", "99.90") == [
        {"amount": "12.49", "payment": "99.90", "rate": "0.125", "currency": "EUR"}
    ]


async def an_opening_begins_the_60_days_anew(it: Access) -> None:
    # 59 days later it is opened, and the 60 days begin anew.
    await it.passes(59 * DAY)
    opened = await it.opens()
    assert opened["grant"] == {"lastOpenedAt": at(it.clock), "expiresAt": in_60_days(it.clock)}
    assert opened["session"]["capabilities"] == ["VIEW_ACCOUNT", "MANAGE_PROJECTS", "MANAGE_CONTACTS", "MANAGE_STAFF"]
    assert await it.session_status(opened["session"]["token"]) == 204


async def after_60_days_it_is_refused(it: Access) -> None:
    # A second before the 60 days are over it opens; that second later it does not, whoever has announced it or not.
    await it.passes(60 * DAY - SECOND)
    assert (await it.opens())["grant"]["expiresAt"] == in_60_days(it.clock)
    await it.passes(60 * DAY)
    assert await it.paula.is_refused("accountOpen", accountId=it.account) == ("ACCESS_EXPIRED", ["accountId"])
    expired = await it.read(it.paula)
    assert (expired["status"], expired["expiresAt"], expired["viewerCan"]) == (
        "EXPIRED",
        at(it.clock),
        ["REQUEST", "DISCONNECT"],
    )
    assert await it.paula.reads(CLIENT_LIST) == {
        "viewer": {
            "accessGrants": {
                "totalCount": 1,
                "nodes": [
                    {
                        "status": "EXPIRED",
                        "lastOpenedAt": expired["lastOpenedAt"],
                        "account": {"name": "Main shop", "usage": "INACTIVE", "viewerCapabilities": []},
                    }
                ],
            }
        }
    }


async def the_owner_sees_the_request_and_approves(it: Access) -> None:
    # Requested: the owner sees the banner at once, and approves.
    async with listening(it.clara.browser.base_url, it.clara.token) as of_clara:
        banner = await of_clara.ask(BANNER, {"id": it.account})
        await of_clara.settled()
        await it.paula.does("grantRequest", "grant { id }", grantId=it.grant, message="The season starts.")
        asked_at = time.monotonic()
        raised = await next_of(of_clara, banner, "grant.requested")
        assert time.monotonic() - asked_at < at_once()
        request = raised["proposal"].pop("id")
        assert raised["proposal"] == {"status": "PENDING", "message": "The season starts."}
        assert await it.paula.is_refused("grantRequest", grantId=it.grant, message="Again?") == (
            "ALREADY_PROPOSED",
            ["grantId"],
        )
        assert await it.paula.is_refused("proposalAccept", proposalId=request) == ("FORBIDDEN", ["proposalId"])
        listed = (await it.clara.reads(STAFF_LIST, id=it.account))["account"]
        assert listed["accessRequests"]["nodes"] == [
            {
                "message": "The season starts.",
                "status": "PENDING",
                "viewerCan": ["ACCEPT", "DECLINE"],
                "from": {"name": "Northwind"},
            }
        ]
        await it.clara.does("proposalAccept", proposalId=request)
        settled = await next_of(of_clara, banner, "grant.enabled")
        assert settled["proposal"]["status"] == "ACCEPTED"
    assert (await it.clara.reads(STAFF_LIST, id=it.account))["account"] == {
        "staff": {"nodes": [{"role": "ACCOUNT_OWNER", "user": {"name": "Clara Client"}}]},
        "partnerAccess": {
            "nodes": [
                {
                    "status": "ENABLED",
                    "lastOpenedAt": (await it.read(it.paula))["lastOpenedAt"],
                    "expiresAt": in_60_days(it.clock),
                    "partner": {"name": "Northwind"},
                }
            ]
        },
        "accessRequests": {"nodes": []},
    }


async def disabled_everything_of_it_ends(it: Access) -> None:
    # Disabled while a stream is open: it ends within a second, and so does the product's session.
    open_session = (await it.opens())["session"]["token"]
    async with listening(it.paula.browser.base_url, it.paula.token) as of_paula:
        live = await of_paula.ask(BANNER, {"id": it.account})
        await of_paula.settled()
        await it.clara.does("grantDisable", "grant { id }", grantId=it.grant, reason="Stocktaking.")
        disabled_at = time.monotonic()
        while (message := await of_paula.of(live))["type"] == "next":
            pass
        assert [error["extensions"]["code"] for error in message["payload"]] == ["ACCESS_ENDED"]
        assert time.monotonic() - disabled_at < at_once()
    assert await it.session_status(open_session) == 410
    assert await it.paula.is_refused("accountOpen", accountId=it.account) == ("ACCESS_DISABLED", ["accountId"])
    assert (await it.read(it.paula))["expiresAt"] is None


async def what_is_disabled_still_earns(it: Access) -> None:
    # Access is off, the connection stands: commission is earned, and the credit kept.
    assert await it.pays("may", "100.00") == [
        {"amount": "12.50", "payment": "100.00", "rate": "0.125", "currency": "EUR"}
    ]
    assert await it.pays("may", "100.00") == [
        {"amount": "12.50", "payment": "100.00", "rate": "0.125", "currency": "EUR"}
    ]
    company = (await it.paula.reads(COMPANY, id=it.northwind.id))["partner"]
    assert (company["revenueShare"], company["statusCredits"], len(company["commissions"]["nodes"])) == ("0.125", 1, 2)


async def the_client_disconnects(it: Access) -> None:
    # Disconnected by the client through the preview, which goes stale when the consequences change.
    stale = (await it.clara.reads(PREVIEW, id=it.grant))["node"]["disconnectPreview"]["confirmation"]
    await it.paula.does("grantRequest", "grant { id }", grantId=it.grant, message=None)
    refused = await it.clara.is_refused("grantDisconnect", grantId=it.grant, reason="Moved on.", confirmation=stale)
    assert refused == ("STALE_CONFIRMATION", ["confirmation"])
    preview = (await it.clara.reads(PREVIEW, id=it.grant))["node"]["disconnectPreview"]
    confirmation = preview.pop("confirmation")
    assert preview == {
        "accounts": [{"name": "Main shop"}],
        "contactsReleased": 2,
        "pendingRequests": 1,
        "endsPartnership": True,
    }
    assert await it.paula.reads(COST, id=it.grant) == {
        "node": {"disconnectPreview": {"statusCreditsLost": 1, "revenueShareStops": True}}
    }
    await it.clara.does(
        "grantDisconnect", "grant { status }", grantId=it.grant, reason="Moved on.", confirmation=confirmation
    )


async def what_was_disconnected_is_gone(it: Access) -> None:
    # It is on no list, earns nothing, and cannot be asked for.
    assert (await it.paula.reads(CLIENT_LIST))["viewer"]["accessGrants"] == {"totalCount": 0, "nodes": []}
    assert (await it.clara.reads(STAFF_LIST, id=it.account))["account"]["partnerAccess"] == {"nodes": []}
    assert await it.pays("june", "100.00") == []
    assert (await it.paula.reads(COMPANY, id=it.northwind.id))["partner"]["statusCredits"] == 0
    assert await it.paula.is_refused("grantRequest", grantId=it.grant, message=None) == ("NOT_CONNECTED", ["grantId"])
    assert await it.clara.is_refused("grantEnable", grantId=it.grant) == ("NOT_CONNECTED", ["grantId"])
    assert await it.paula.is_refused("accountOpen", accountId=it.account) == ("NOT_CONNECTED", ["accountId"])
    ended = (await it.paula.reads(PARTNERSHIP, id=it.partnership))["partnership"]
    assert ended == {"status": "ENDED", "endReason": "Moved on."}
    topics = [
        event["topic"]
        for event in (await it.clara.reads(HISTORY, id=it.account))["account"]["activityHistory"]["nodes"]
    ]
    assert topics.count("grant.opened") == 3


async def a_new_offer_connects_again(it: Access) -> None:
    # A new offer connects again: too late for the share.
    again = await scenes.offer(it.northwind, clientId=it.client)
    accepted = await it.clara.does(
        "proposalAccept",
        "proposal { ... on PartnershipOffer { partnership { accessGrants { nodes { id status expiresAt } } } } }",
        proposalId=again["offer"]["id"],
        accountIds=[it.account],
    )
    [grant] = accepted["proposal"]["partnership"]["accessGrants"]["nodes"]
    assert grant == {"id": grant["id"], "status": "ENABLED", "expiresAt": in_60_days(it.clock)}
    assert grant["id"] != it.grant
    assert await it.paula.reads(EARNED) == {
        "viewer": {"accessGrants": {"nodes": [{"revenueShare": {"eligible": False, "reason": "CONNECTED_TOO_LATE"}}]}}
    }
    assert (await it.opens())["grant"]["expiresAt"] == in_60_days(it.clock)
