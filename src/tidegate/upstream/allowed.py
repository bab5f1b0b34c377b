"""Restrictions on fetching: allowed addresses, and the maximum size."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

__all__ = ["NOT_ALLOWED", "Address", "Budget", "NotFetched", "is_public"]

Address = IPv4Address | IPv6Address

NOT_ALLOWED = "not a public address, or an unknown host"
"""One message for both forbidden and unresolvable hosts: a difference would reveal which names exist in the
gateway's own network."""


class NotFetched(Exception):
    """A link was not fetched; the message is meant for the client."""


@dataclass(slots=True)
class Budget:
    """The number of bytes that may still be fetched."""

    left: int

    def spend(self, size: int) -> None:
        """Use up `size` bytes. Raises NotFetched if fewer are left."""
        self.left -= size
        if self.left < 0:
            raise NotFetched("it is larger than the gateway fetches for one request")


GLOBAL_6 = IPv6Network("2000::/3")
"""All of IPv6 that is routed publicly. Mapped IPv4 (::ffff:0:0/96), NAT64 (64:ff9b::/96 and
64:ff9b:1::/48), unique local, link-local and multicast addresses are outside it."""

FORBIDDEN_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, which holds IPv4 addresses, and others
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which holds IPv4 addresses
        "3fff::/20",  # documentation
    )
)

FORBIDDEN_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; includes Alibaba's metadata service
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # the Azure host of a virtual machine
        "169.254.0.0/16",  # link-local; includes most metadata services
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; includes Oracle's metadata service
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)

ISATAP = (0x0000_5EFE, 0x0200_5EFE)
"""The upper half of an interface identifier that holds an IPv4 address in its lower half."""


def is_public(address: Address) -> bool:
    """Whether an address is public: global, and not an encoding of another address."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in FORBIDDEN_4)
    if address not in GLOBAL_6 or any(address in network for network in FORBIDDEN_6):
        return False
    return (int(address) >> 32) & 0xFFFF_FFFF not in ISATAP
