"""Programs of others are held to nothing here: we are, by the official clients and audits of what we speak."""

import asyncio
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from schema import roots
from tests.conformance.conftest import script
from tests.journeys.northwind import Partners
from tests.journeys.portal import Person
from tests.outbox import receivers
from tests.server.serving import until

SCREENS = Path(__file__).parents[1] / "screens"
EVENTS = """
subscription Events($id: ID!, $after: Cursor) {
  partnershipEvents(partnershipId: $id, after: $after) { id topic changes { field after } }
}
"""
PAGE = "query Page($id: ID!) { partnership(id: $id) { id status partner { id name details { phone } } } }"


async def position(of: Person) -> str:
    return str((await of.reads("{ position }"))["position"])


async def calls_from(partners: Partners, phone: str) -> None:
    """Let Northwind change its number, which Harbour Foods hears of."""
    northwind = partners.asked.northwind
    await northwind.paula.does("partnerUpdate", partnerId=northwind.id, details={"phone": phone})


def told(result: Any) -> list[tuple[str, str]]:
    """What a subscription's result tells: the topic, with each new value."""
    event = result["data"]["partnershipEvents"]
    return [(event["topic"], change["after"]) for change in event["changes"]]


def calling(phone: str) -> list[tuple[str, str]]:
    """What is told of a new number."""
    return [("partnership.company_updated", phone)]


def address(partners: Partners, scheme: str = "http") -> str:
    """Where GraphQL is spoken."""
    return str(partners.asked.clara.browser.base_url).replace("http", scheme, 1).rstrip("/") + "/graphql"


async def test_graphql_http_finds_nothing_in_any_of_its_61_audits(node: Path, partners: Partners) -> None:
    async with script("audit.mjs", address(partners)) as audit:
        results = await audit.rest()
    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == 61


@pytest.mark.parametrize(("client", "scheme"), [("graphql_ws.mjs", "ws"), ("graphql_sse.mjs", "http")])
async def test_the_official_subscribers_hear_what_was_missed_and_then_what_happens(
    client: str, scheme: str, node: Path, partners: Partners
) -> None:
    clara = partners.asked.clara
    variables = json.dumps({"id": partners.asked.partnership, "after": await position(clara)})
    await calls_from(partners, "+43 1")
    async with script(client, address(partners, scheme), str(clara.token), EVENTS, variables, "3") as listener:
        assert await listener.hears() == "listening"
        assert told(await listener.hears()) == calling("+43 1")
        await calls_from(partners, "+43 2")
        assert told(await listener.hears()) == calling("+43 2")
        await calls_from(partners, "+43 3")
        [last] = await listener.rest()
    assert told(last) == calling("+43 3")


async def test_apollo_client_asks_by_hash_caches_and_hears(node: Path, partners: Partners) -> None:
    clara, northwind = partners.asked.clara, partners.asked.northwind
    variables = json.dumps({"id": partners.asked.partnership, "after": await position(clara)})
    addresses = (address(partners), address(partners, "ws"))
    async with script("apollo.mjs", *addresses, str(clara.token), PAGE, EVENTS, variables) as apollo:
        pages = [await apollo.hears() for _ in range(3)]
        assert await apollo.hears() == "listening"
        await calls_from(partners, "+43 1")
        [event] = await apollo.rest()
    partner = {"__typename": "Partner", "id": northwind.id, "name": "Northwind"}
    details = {"__typename": "BusinessDetails", "phone": None}
    page = {"__typename": "Partnership", "id": partners.asked.partnership, "status": "ACTIVE"}
    assert pages == [{"partnership": {**page, "partner": {**partner, "details": details}}}] * 3
    assert told(event) == calling("+43 1")


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server, which starts afterwards, post webhooks to this machine."""
    monkeypatch.setenv("COUNTERSIGN_WEBHOOK_ALLOW_PRIVATE", "true")


async def test_a_webhook_verifies_by_the_standards_libraries_unless_a_byte_was_changed(
    node: Path, private: None, partners: Partners, clock: ModuleType
) -> None:
    paula = partners.asked.northwind.paula
    # The libraries take nothing that was signed long ago, by the machine's own clock.
    clock.advance(datetime.now(UTC) - clock.now())

    async def is_told() -> bool:
        return bool(receiver.received)

    async with receivers.opened() as receiver:
        topics = ["partnership.company_updated"]
        secret = (await paula.does("webhookCreate", "secret", url=receiver.url, topics=topics))["secret"]
        await calls_from(partners, "+43 1")
        await until(is_told)
    [hook] = receiver.received
    headers = {name: hook.headers[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
    assert hook.topic == "partnership.company_updated"
    assert Webhook(secret).verify(hook.body, headers) == hook.told
    assert await verified(secret, headers, hook.body) == (0, hook.told)
    changed = hook.body.replace(b"partnership", b"Partnership", 1)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(changed, headers)
    assert await verified(secret, headers, changed) == (1, None)


async def verified(secret: str, headers: dict[str, str], body: bytes) -> tuple[int | None, Any]:
    """How the library in JavaScript ends, and the payload that it accepts."""
    async with script("webhook.mjs") as webhook:
        given = json.dumps({"secret": secret, "headers": headers, "body": body.decode()})
        status, printed = await webhook.told(given)
    return status, json.loads(printed) if printed else None


async def test_relay_compiles_every_screen_against_the_printed_schema(node: Path, tmp_path: Path) -> None:
    (tmp_path / "schema.graphql").write_text(roots.sdl())
    source = tmp_path / "src"
    (source / "__generated__").mkdir(parents=True)
    screens = sorted(SCREENS.glob("*.graphql"))
    for screen in screens:
        (source / f"{module(screen)}.js").write_text(f"graphql`\n{in_relay_s_names(screen)}`;\n")
    config = {"src": "src", "schema": "schema.graphql", "language": "javascript", "eagerEsModules": True}
    (tmp_path / "relay.config.json").write_text(json.dumps(config))
    compiler = await asyncio.create_subprocess_exec(
        str(node / "relay-compiler"),
        "relay.config.json",
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await compiler.communicate()
    assert compiler.returncode == 0, said.decode()
    made = {path.name for path in source.rglob("*Query.graphql.js")}
    assert made == {f"{module(screen)}Query.graphql.js" for screen in screens}


def module(screen: Path) -> str:
    return "".join(word.capitalize() for word in screen.stem.split("_"))


def in_relay_s_names(screen: Path) -> str:
    """Name the screen's query and fragments after their module, as Relay wants it."""
    text = re.sub(r"^query \w+", f"query {module(screen)}Query", screen.read_text(), flags=re.MULTILINE)
    return re.sub(r"(fragment |\.\.\. ?)(?!on\b)(\w+)", rf"\g<1>{module(screen)}_\g<2>", text)
