"""Where a request comes from: the peer, or whom a trusted proxy names.

Anybody can send `X-Forwarded-For`. Each proxy appends the address that it was called from, so the list is
read from its end: as long as an address is that of a trusted proxy, the one before it is believed.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from .request import Request

__all__ = ["is_within", "make_address_reader", "network_of"]

Address: TypeAlias = IPv4Address | IPv6Address

FORWARDED = b"x-forwarded-for"
UNIX = "unix"
"""Stands for whoever connects over a unix socket."""
MOST_HOPS = 20
"""Addresses that are read of a header, from its end."""
MOST_KEPT = 4096

AddressReader = Callable[[Request], str]


def make_address_reader(proxies: Sequence[str]) -> AddressReader:
    """A function that finds the client's address: a text, empty for a unix socket that is not trusted. It
    trusts these networks (and `unix`).
    """
    if not proxies:
        return _peer_of
    trusted = tuple(name for name in proxies if name != UNIX)
    over_unix = UNIX in proxies

    def read(request: Request) -> str:
        peer = request.peer
        if not (is_within(peer, trusted) if peer else over_unix):
            return peer
        for name in reversed(_forwarded(request)):
            address = _parse(name)
            if address is None:
                break
            peer = str(address)
            if not is_within(peer, trusted):
                break
        return peer

    return read


def _peer_of(request: Request) -> str:
    return request.peer


def _forwarded(request: Request) -> list[str]:
    """The addresses in all headers of this name, in order."""
    values = [value for name, value in request.headers if name == FORWARDED]
    return b",".join(values).decode("latin-1").split(",")[-MOST_HOPS:] if values else []


def _parse(text: str) -> Address | None:
    """An address, without the port that some proxies add."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return _plain(ip_address(text.partition("%")[0]))
    except ValueError:
        return None


def _plain(address: Address) -> Address:
    """An IPv4 address in the clothes of IPv6 is one of IPv4."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped if mapped is not None else address


@lru_cache(MOST_KEPT)
def is_within(address: str, networks: tuple[str, ...]) -> bool:
    """Whether an address is in one of these networks."""
    parsed = _parse(address)
    if parsed is None:
        return False
    return any(parsed in ip_network(network, strict=False) for network in networks)


def network_of(address: str) -> str:
    """What counts as one client: an IPv4 address, or the 64 bits of IPv6 that one household has."""
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((int(parsed) >> 64 << 64, 64)))
    return address if parsed is None else str(parsed)
