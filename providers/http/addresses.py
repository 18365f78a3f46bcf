"""Where in the network a provider's link may lead: to the public internet, and to where the provider itself is.

A link is a provider's word and may name our own machine, our neighbours or the cloud's metadata service. What is
checked is the address that is then connected to, never the name alone: a name may lead elsewhere a moment later.
"""

import socket
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

#: Of one name, more are not tried.
MAX_ADDRESSES = 3

_PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
#: A translator's addresses for IPv4 (RFC 6052); they end with the address that is meant.
_NAT64 = ip_network("64:ff9b::/96")
#: A cloud's own services at addresses that look public (Azure, Oracle) or like a neighbour's (AWS, Google). The others
#: are at link-local addresses, which are refused as such.
_METADATA = ("168.63.129.16", "192.0.0.0/24", "fd00:ec2::/32", "fd20:ce::/32")
#: Of the registries of special addresses (https://www.iana.org/assignments/iana-ipv4-special-registry and
#: iana-ipv6-special-registry) what Python calls global, in one version or in all: the relays of 6to4, sinks of AS 112,
#: AMT; what protocols were given, with names of hosts that are no addresses (2001:20::/28, 2001:30::/28); examples.
_SPECIAL = (
    *("192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24"),
    *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
)
_NOT_FOR_LINKS = tuple(map(ip_network, (*_METADATA, *_SPECIAL)))
#: All that IPv6 has for the public internet (https://www.iana.org/assignments/ipv6-address-space). Beyond it: local
#: translators (64:ff9b:1::/48), IPv4 in old disguises (::/96, ::ffff:0:0:0/96), sites (fec0::/10), segments (5f00::).
_PUBLIC_IPV6 = ip_network("2000::/3")
#: The middle of an address that ends with one of IPv4, to which a router takes it apart (ISATAP, RFC 5214, 6.1).
_ISATAP = 0x0000_5EFE
_ISATAP_MASK = 0xFDFF_FFFF


class Reach(Enum):
    """Who can be at an address. ``NOWHERE``: nobody that a link may lead to, such as link-local or multicast."""

    PUBLIC = "public"
    PRIVATE = "private"
    THIS_MACHINE = "this machine"
    NOWHERE = "nowhere"


class ForbiddenAddress(Exception):
    """A link leads to where no link of this provider may lead."""


def reach_of(address: IPv4Address | IPv6Address) -> Reach:
    """Who can be at ``address``, for an IPv6 address that carries an IPv4 one too."""
    if isinstance(address, IPv6Address) and (address.ipv4_mapped or address in _NAT64):
        return reach_of(IPv4Address(int(address) & 0xFFFFFFFF))
    if any(address in network for network in _NOT_FOR_LINKS) or address.is_multicast or _is_isatap(address):
        return Reach.NOWHERE
    if address.is_loopback:
        return Reach.THIS_MACHINE
    if any(address in network for network in _PRIVATE):
        return Reach.PRIVATE
    return Reach.PUBLIC if address.is_global and _is_given_out(address) else Reach.NOWHERE


def _is_given_out(address: IPv4Address | IPv6Address) -> bool:
    return isinstance(address, IPv4Address) or address in _PUBLIC_IPV6


def _is_isatap(address: IPv4Address | IPv6Address) -> bool:
    return isinstance(address, IPv6Address) and (int(address) >> 32) & _ISATAP_MASK == _ISATAP


class Guard:
    """Lets links through to the public internet over TLS, and to the network of ``base_url`` if that is none of it.

    A base URL on this machine opens this machine, over plain HTTP too; one in a private network opens such networks.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def addresses_of(self, host: str, port: int, *, over_tls: bool) -> list[str]:
        """The addresses of ``host`` to connect to, checked. Asks the name service.

        Raises ``ForbiddenAddress`` if one of them is out of bounds; ``socket.gaierror`` or ``UnicodeError`` if there
        are none.
        """
        found = _look_up(host, port)
        reaches = {reach_of(address) for address in found}
        if not reaches <= ({Reach.PUBLIC} if over_tls else set()):
            of_base = self._reaches_of_base()
            allowed = {Reach.PUBLIC} | of_base if over_tls else of_base & {Reach.THIS_MACHINE}
            if not reaches <= allowed - {Reach.NOWHERE}:
                raise ForbiddenAddress
        return [str(address) for address in found[:MAX_ADDRESSES]]

    def _reaches_of_base(self) -> set[Reach]:
        try:
            base = urlsplit(self._base_url)
            return {reach_of(address) for address in _look_up(base.hostname or "", base.port or 443)}
        except (OSError, ValueError):
            return set()


def _look_up(host: str, port: int) -> list[IPv4Address | IPv6Address]:
    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(str(row[4][0])) for row in rows))
