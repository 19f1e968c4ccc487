"""Where a webhook may go: to public addresses only. A name is looked up once, and what was found is connected to.

Python's own `is_global` is no guard: on 3.11 it lets pass what leads home by another notation (64:ff9b::/96, 2002::/16,
::127.0.0.1), and multicast.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from typing import Final

import httpcore2
from httpcore2 import AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream

# Seconds for one address: the next one may answer.
LONGEST_CONNECT: Final = 5.0

# IANA's special-purpose registry, and multicast.
NOT_PUBLIC_V4: Final = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# All that is given out to networks is in here,
PUBLIC_V6: Final = ipaddress.IPv6Network("2000::/3")
# but for protocols, tunnels to IPv4, and documentation.
NOT_PUBLIC_V6: Final = tuple(
    ipaddress.IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


class RefusedError(Exception):
    """A webhook may not go there. Its words are for the endpoint's owner, and do not tell what the name leads to."""


def is_public(address: str) -> bool:
    """Whether an address, as a lookup writes it, is one of the public internet's."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv4Address):
        return not any(found in network for network in NOT_PUBLIC_V4)
    return found in PUBLIC_V6 and not any(found in network for network in NOT_PUBLIC_V6)


class Guard(AsyncNetworkBackend):
    """Connects for httpcore, which checks certificates against the name and puts it in the request as ever."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._network = AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109  httpcore's own: the caller has a deadline for all
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Connect to the first address of a name that answers; RefusedError where any of them is not public."""
        addresses = await _looked_up(host, port)
        if not self._allow_private and not all(is_public(address) for address in addresses):
            raise RefusedError("The name leads to an address that is not public.")
        *others, last = addresses
        for address in others:
            try:
                return await self._network.connect_tcp(address, port, LONGEST_CONNECT, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await self._network.connect_tcp(last, port, LONGEST_CONNECT, local_address, socket_options)


async def _looked_up(host: str, port: int) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise RefusedError("The name was not found.") from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
