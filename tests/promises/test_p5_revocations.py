"""P5: access that ended is over. Readers race what ends it, over HTTP and over sockets; nobody reads what came after.

The short run, of a thousand reads, is part of the test command; `make promises` reads 10,000 times.
"""

import asyncio
import base64
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import httpx2
import websockets

import models
from domain import changes, clock, opening, seats, tokens
from models.enums import AccessStatus
from models.sql import Dialect
from outbox import relay
from tests import given
from tests.journeys.portal import Json, Person
from tests.promises import fault
from tests.server.conftest import SECRET_KEY, chosen  # noqa: F401  a fixture
from tests.server.listening import Pair, Socket, at_once, listening, pair, signed_in
from tests.server.serving import http

READS = int(os.environ.get("PROMISES_READS", "1000"))
READERS = 4
READS_A_RACE = 120
# Things that happen after the access has ended, which nobody may read.
AFTERWARDS = 4
PATIENCE = 20.0
# SQLite is one process; of two servers on PostgreSQL one ends the access, and either is asked.
SERVERS = {Dialect.SQLITE: 1, Dialect.POSTGRES: 2}

READ = "query ($id: ID!) { node(id: $id) { ... on Contact { name } } }"
STAFF = "query ($id: ID!) { account(id: $id) { staff { nodes { user { name } } } } }"
OPEN = "mutation ($id: ID!) { accountOpen(accountId: $id) { session { token } userErrors { code } } }"
PREVIEW_OF_GRANT = "query ($id: ID!) { node(id: $id) { ... on AccessGrant { disconnectPreview { confirmation } } } }"
PREVIEW = "query ($id: ID!) { partnership(id: $id) { endPreview { confirmation } } }"


@dataclass(frozen=True)
class Scene:
    """Paula of the partner reads of the client's contact and account, and listens; Clara is the client's.

    `jti`: of Paula's opening of the account, by which the vendor's product asks for her right.
    """

    two: Pair
    contact: models.Contact
    grant: models.AccessGrant
    jti: str
    paula: Person
    paula_elsewhere: Person
    clara: Person
    session_id: str

    async def happens(self, number: int) -> None:
        """Commit something that Paula would read, and hear, by its number."""
        two = self.two
        async with changes.change(by=two.clara) as c:
            await models.Contact.filter(id=self.contact.id).update(name=str(number))
            await models.User.filter(id=two.clara.user_id).update(name=str(number))
            for topic, about in (("partnership.accepted", two.partnership.id), ("grant.connected", two.account.id)):
                c.event(
                    topic,
                    stream=about,
                    subject=about,
                    reason=str(number),
                    partner_id=two.partner.id,
                    client_id=two.client.id,
                    partnership_id=two.partnership.id if about == two.partnership.id else None,
                    account_id=two.account.id if about == two.account.id else None,
                )
        await relay.publish(clock.now())


# ── TABLE: what ends access ──


async def end_session(scene: Scene) -> None:
    await scene.paula_elsewhere.does("sessionEnd", sessionId=scene.session_id)


async def end_membership(scene: Scene) -> None:
    async with changes.change(by=None) as c:
        await models.PartnerMember.filter(user_id=scene.two.paula.user_id).update(removed_at=c.now)
        await seats.refresh_roles(scene.two.paula.id, at=c.now)


async def end_partnership(scene: Scene) -> None:
    about = scene.two.partnership.id
    preview = (await scene.clara.reads(PREVIEW, id=about))["partnership"]["endPreview"]
    await scene.clara.does("partnershipEnd", partnershipId=about, reason="It is over.", **preview)


async def disable(scene: Scene) -> None:
    await scene.clara.does("grantDisable", "grant { id }", grantId=scene.grant.id)


async def disconnect(scene: Scene) -> None:
    preview = (await scene.clara.reads(PREVIEW_OF_GRANT, id=scene.grant.id))["node"]["disconnectPreview"]
    await scene.clara.does("grantDisconnect", "grant { id }", grantId=scene.grant.id, reason="It is over.", **preview)


# ── TABLE: what is asked meanwhile: null for nothing, the number of what was read, 0 for what has none ──


async def asked(client: httpx2.AsyncClient, document: str, about: str) -> Json:
    answer = await client.post("/graphql", json={"query": document, "variables": {"id": about}})
    assert answer.status_code in {200, 401}, answer.text
    return answer.json().get("data") or {}


async def read_contact(client: httpx2.AsyncClient, scene: Scene) -> int | None:
    found = (await asked(client, READ, scene.contact.id)).get("node")
    return int(found["name"]) if found else None


async def read_staff(client: httpx2.AsyncClient, scene: Scene) -> int | None:
    account = (await asked(client, STAFF, scene.two.account.id)).get("account")
    names = [member["user"]["name"] for member in account["staff"]["nodes"]] if account else []
    return int(names[0]) if names else None


async def open_account(client: httpx2.AsyncClient, scene: Scene) -> int | None:
    opened = (await asked(client, OPEN, scene.two.account.id)).get("accountOpen")
    return 0 if opened and opened["session"] else None


async def ask_for_session(client: httpx2.AsyncClient, scene: Scene) -> int | None:
    status = (await client.get(f"/account-sessions/{scene.jti}")).status_code
    assert status in {204, 410}
    return 0 if status == 204 else None


Ask = Callable[[httpx2.AsyncClient, Scene], Awaitable[int | None]]
OF_PARTNER: tuple[Ask, ...] = (read_contact,)
OF_ACCESS: tuple[Ask, ...] = (read_staff, ask_for_session, read_staff, open_account)


class Revocation(NamedTuple):
    """What ends Paula's access, and why her stream of the partnership's or the account's events then ends.

    `asks`: what she, or the vendor's product, asks meanwhile.
    """

    end: Callable[[Scene], Awaitable[None]]
    stream: str
    says: str
    asks: tuple[Ask, ...] = OF_PARTNER


TO = {
    "partnership": "subscription ($id: ID!) { partnershipEvents(partnershipId: $id) { reason } }",
    "account": "subscription ($id: ID!) { accountEvents(accountId: $id) { reason } }",
}
REVOCATIONS: Mapping[str, Revocation] = {
    "session ended": Revocation(end_session, "partnership", "SESSION_ENDED"),
    "member removed": Revocation(end_membership, "partnership", "SESSION_ENDED"),
    "partnership ended": Revocation(end_partnership, "account", "ACCESS_ENDED"),
    "access disabled": Revocation(disable, "account", "ACCESS_ENDED", OF_ACCESS),
    "account disconnected": Revocation(disconnect, "account", "ACCESS_ENDED", OF_ACCESS),
}


# ── a race ──


@dataclass
class Race:
    """One after the other: things happen, access ends, things happen. `last`: the last before; `ended_at`: the end's.

    `reads`: when each began and what it read, null for nothing.
    """

    last: int = 0
    ended_at: float = 0.0
    reads: list[tuple[float, int | None]] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)
    closed: list[tuple[float, str]] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, scene: Scene, url: str, ask: Ask) -> None:
        """Ask again and again, as Paula."""
        headers = {"authorization": f"Bearer {scene.paula.token}"}
        async with http(url) as client:
            client.headers.update(headers)
            while not self.over.is_set():
                began = time.perf_counter()
                self.reads.append((began, await ask(client, scene)))

    async def hear(self, socket: Socket, name: str) -> None:
        """Listen until that ends."""
        try:
            while (message := await socket.of(name))["type"] == "next":
                [event] = message["payload"]["data"].values()
                # Her own opening of the account has no number.
                if (event["reason"] or "").isdecimal():
                    self.heard.append(int(event["reason"]))
            self.closed.append((time.perf_counter(), message["payload"][0]["extensions"]["code"]))
        except (websockets.ConnectionClosed, TimeoutError) as end:
            self.closed.append((time.perf_counter(), type(end).__name__))

    async def run(self, scene: Scene, revocation: Revocation, chance: random.Random) -> None:
        """Have it all happen while others read."""
        number = 0
        for _ in range(chance.randint(2, 6)):
            number += 1
            await scene.happens(number)
            await self.have_read(READS_A_RACE // 12)
        await self.have_heard()
        self.last = number
        await revocation.end(scene)
        self.ended_at = time.perf_counter()
        for _ in range(AFTERWARDS):
            number += 1
            await scene.happens(number)
            await self.have_read(READS_A_RACE // 12)
        await self.have_read(READS_A_RACE - len(self.reads))
        self.over.set()

    async def have_read(self, more: int) -> None:
        """Wait for so many more reads."""
        until = len(self.reads) + more
        while len(self.reads) < until:  # noqa: ASYNC110  other tasks bring it about
            await asyncio.sleep(0.002)

    async def have_heard(self) -> None:
        """Wait until something was heard: on a busy machine the reads may be ahead of the stream."""
        while not self.heard:  # noqa: ASYNC110  other tasks bring it about
            await asyncio.sleep(0.002)

    def judged(self, revocation: Revocation) -> Counter[str]:
        """Count what was promised never to happen, and what must have for the race to be one."""
        before = [read for began, read in self.reads if began < self.ended_at]
        return Counter(
            {
                "races": 1,
                "reads": len(self.reads),
                "reads before the end": len([read for read in before if read is not None]),
                "events heard before the end": len([heard for heard in self.heard if heard <= self.last]),
                "reads of what was committed after it": len([r for _, r in self.reads if r and r > self.last]),
                "requests answered after it": len(
                    [read for began, read in self.reads if began > self.ended_at and read is not None]
                ),
                "events heard of after it": len([heard for heard in self.heard if heard > self.last]),
                "streams that went on": len([at for at, _ in self.closed if at - self.ended_at > at_once()]),
                "streams that ended otherwise": len([says for _, says in self.closed if says != revocation.says]),
            }
        )


NEVER = (
    "reads of what was committed after it",
    "requests answered after it",
    "events heard of after it",
    "streams that went on",
    "streams that ended otherwise",
)
ALWAYS = ("reads before the end", "events heard before the end")


async def begun(urls: list[str], opened: AsyncExitStack) -> Scene:
    """Bring in two companies of their own, and sign Paula in twice."""
    two = await pair()
    grant = await given.grant(two.partnership, two.account, status=AccessStatus.ENABLED)
    await models.User.filter(id=two.clara.user_id).update(name="0")
    opened_by_paula = await opening.open_account(two.account.id, by=two.paula)
    browser = await opened.enter_async_context(http(urls[0], timeout=PATIENCE))
    elsewhere = await signed_in(two.paula, f"elsewhere-{two.paula.id}")
    return Scene(
        two,
        await given.contact(two.client, name="0"),
        grant,
        claims_of(opened_by_paula.token)["jti"],
        Person(browser, "paula", two.tokens["paula"]),
        Person(browser, "paula", elsewhere),
        Person(browser, "clara", two.tokens["clara"]),
        (await models.Session.get(token_hash=tokens.digest(two.tokens["paula"]))).id,
    )


def claims_of(token: str) -> Json:
    """What a JWT says; who signed it is another test's."""
    body = token.split(".")[1]
    claims: Json = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


async def raced(revocation: Revocation, urls: list[str], chance: random.Random) -> Counter[str]:
    """Run one race; what the judge counts."""
    race = Race()
    async with AsyncExitStack() as opened, asyncio.timeout(PATIENCE * 3):
        scene = await begun(urls, opened)
        about = scene.two.partnership.id if revocation.stream == "partnership" else scene.two.account.id
        ears = []
        for url in urls:
            socket = await opened.enter_async_context(listening(url, scene.paula.token))
            name = await socket.ask(TO[revocation.stream], {"id": about})
            await socket.settled()
            ears.append((socket, name))
        async with asyncio.TaskGroup() as group:
            for number in range(READERS):
                ask = revocation.asks[number % len(revocation.asks)]
                group.create_task(race.read(scene, urls[number % len(urls)], ask))
            for socket, name in ears:
                group.create_task(race.hear(socket, name))
            group.create_task(race.run(scene, revocation, chance))
    return race.judged(revocation)


async def test_p5_nobody_reads_what_was_committed_after_the_access_ended(
    committed: str,
    chosen: Callable[..., None],  # noqa: F811
    dialect: Dialect,
    tmp_path: Path,
) -> None:
    environment = {
        "DATABASE_URL": committed,
        "DATA_DIR": str(tmp_path),
        "SECRET_KEY": SECRET_KEY,
        "LOG_LEVEL": "warning",
    }
    chosen(**environment)
    settings_of_all = {f"COUNTERSIGN_{name}": value for name, value in environment.items()}
    product = fault.fleet(SERVERS[dialect], 0, settings_of_all, fault.Fork)
    chance = random.Random(5)  # noqa: S311  no secret
    found = {ends: Counter[str]() for ends in REVOCATIONS}
    try:
        await product.start()
        while sum(counts["reads"] for counts in found.values()) < READS:
            for ends, revocation in REVOCATIONS.items():
                found[ends] += await raced(revocation, product.urls, chance)
    finally:
        await product.stop()
    verdict = {ends: {name: counts[name] for name in NEVER} for ends, counts in found.items()}
    figures = {ends: dict(counts) for ends, counts in found.items()}
    sys.stdout.write(json.dumps({"promise": "P5", "figures": figures, "never": verdict}) + "\n")
    assert not any(count for counts in verdict.values() for count in counts.values()), verdict
    assert all(counts[name] for counts in found.values() for name in ALWAYS), figures
