"""Where a webhook may go: the list, and what is connected to when a name leads there."""

import asyncio
import socket
import ssl
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import httpcore2
import pytest
import trustme

import settings
from models.enums import DeliveryStatus
from models.webhook import WebhookDelivery
from outbox import ssrf
from tests import given
from tests.outbox import receivers, scenes

# As lookups write them: IANA's special-purpose registries, both ends of what is not public, and every way home.
NOT_PUBLIC = """
0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 127.255.255.255 169.254.169.254
172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.8 192.0.0.170 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1
192.168.255.255 192.175.48.1 198.18.0.0 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1
255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1 100::1 100:0:0:1::1
2001:: 2001:0:7f00:1::1 2001:1::1 2001:2::1 2001:10::1 2001:20::1 2001:1ff:ffff::1 2001:db8::1 2002:7f00:1::1
2002:808:808::1 2620:4f:8000::1 3fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%2 fec0::1 ff02::1
"""
PUBLIC = """
1.0.0.0 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255
169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0
223.255.255.255
2000::1 2001:200::1 2001:4860:4860::8888 2003::1 2606:4700:4700::1111 2a00:1450:4001::1 3ffe:ffff::1
"""


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_an_address_that_leads_home_is_not_public(address: str) -> None:
    assert ssrf.is_public(address) is False


@pytest.mark.parametrize("address", PUBLIC.split())
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert ssrf.is_public(address) is True


# ── names ──

# Nobody else listens there.
HOME = "127.83.17.5"
PUBLIC_ADDRESS = "93.184.215.14"


def leads_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Let every name lead to these addresses; returns the names that were looked up."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, *_: object, **__: object) -> list[object]:
        asked.append(host)
        family = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(family[":" in address], socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


async def tried(url: str) -> WebhookDelivery:
    """Test an endpoint, and carry everything on; the delivery."""
    endpoint = await given.endpoint(url=url)
    await scenes.test_webhook(endpoint)
    await scenes.drain()
    return await WebhookDelivery.get(endpoint_id=endpoint.id)


@pytest.mark.usefixtures("database", "data_dir", "clock")
class TestNames:
    @pytest.mark.parametrize(
        "addresses", [[HOME], [PUBLIC_ADDRESS, HOME], ["::1"], [PUBLIC_ADDRESS, "64:ff9b::7f00:1"]]
    )
    async def test_a_name_that_leads_home_is_not_connected_to_whatever_else_it_leads_to(
        self, addresses: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connected: list[object] = []
        monkeypatch.setattr(socket.socket, "connect", lambda *to: connected.append(to))
        async with receivers.opened(host=HOME, port=8443) as receiver:
            asked = leads_to(monkeypatch, *addresses)
            delivery = await tried("https://hooks.example.com:8443/in")
        assert (asked, receiver.connections, connected) == (["hooks.example.com"], 0, [])
        assert delivery.status is DeliveryStatus.PENDING
        assert [(each["response_status"], each["error"]) for each in delivery.attempts] == [
            (None, "The name leads to an address that is not public.")
        ]

    async def test_a_name_is_looked_up_anew_for_every_attempt(
        self, monkeypatch: pytest.MonkeyPatch, clock: ModuleType
    ) -> None:
        asked = leads_to(monkeypatch, HOME)
        await tried("https://hooks.example.com:8443/in")
        clock.advance(timedelta(seconds=7))
        await scenes.drain()
        assert asked == ["hooks.example.com"] * 2

    async def test_a_name_that_is_not_found_is_a_failure(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def unknown(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        assert [each["error"] for each in (await tried("https://hooks.example.com/in")).attempts] == [
            "The name was not found."
        ]

    async def test_a_url_that_was_kept_while_private_ones_were_allowed_is_refused_once_they_are_not(self) -> None:
        async with receivers.opened() as receiver:
            delivery = await tried(receiver.url)
        assert receiver.connections == 0
        assert [each["error"] for each in delivery.attempts] == ["This must be an address that begins with https://."]


@pytest.mark.usefixtures("database", "data_dir")
class TestConnections:
    @pytest.fixture(autouse=True)
    def _private(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COUNTERSIGN_WEBHOOK_ALLOW_PRIVATE", "true")
        settings.load.cache_clear()

    async def test_the_certificate_and_the_request_are_for_the_name_and_not_for_the_address(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        authority, asked_for = _authority(monkeypatch, tmp_path), list[str | None]()
        context = _certified(authority, "hooks.example.com")
        context.sni_callback = lambda _, name, __: asked_for.append(name)
        async with receivers.opened(tls=context) as receiver:
            leads_to(monkeypatch, "127.0.0.1")
            delivery = await tried(f"https://hooks.example.com:{receiver.port}/in")
        assert delivery.status is DeliveryStatus.DELIVERED
        assert asked_for == ["hooks.example.com"]
        assert receiver.received[0].headers["host"] == f"hooks.example.com:{receiver.port}"

    async def test_a_certificate_of_another_name_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        context = _certified(_authority(monkeypatch, tmp_path), "other.example.com")
        async with receivers.opened(tls=context) as receiver:
            leads_to(monkeypatch, "127.0.0.1")
            delivery = await tried(f"https://hooks.example.com:{receiver.port}/in")
        assert receiver.received == []
        [attempt] = delivery.attempts
        assert str(attempt["error"]).startswith("The certificate is not valid: Hostname mismatch")

    async def test_where_one_of_several_addresses_does_not_answer_the_next_one_may(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with receivers.opened() as receiver:
            leads_to(monkeypatch, HOME, "127.0.0.1")
            delivery = await tried(f"http://hooks.example.com:{receiver.port}/in")
        assert delivery.status is DeliveryStatus.DELIVERED

    async def test_a_lookup_that_takes_too_long_ends_with_the_attempt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def never(*_: object, **__: object) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr("outbox.webhooks.LONGEST_ATTEMPT", 0.2)
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
        [attempt] = (await tried("http://hooks.example.com/in")).attempts
        assert attempt["error"] == "No whole answer within 0 seconds."


def _authority(monkeypatch: pytest.MonkeyPatch, folder: Path) -> trustme.CA:
    """Make an authority that the system believes."""
    authority, file = trustme.CA(), folder / "authorities.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setattr("outbox.webhooks._authorities", httpcore2.default_ssl_context)
    return authority


def _certified(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context
