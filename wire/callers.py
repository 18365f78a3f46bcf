"""Who is calling, as far as an address tells."""

from ipaddress import IPv6Address, IPv6Network, ip_address

#: What a provider of access gives to one customer.
IPV6_CUSTOMER_BITS = 64


def caller_of(address: str) -> str:
    """Of IPv6 the network, in which one caller has all addresses; what is no address stands for itself."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address or "unknown"
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Network((int(parsed), IPV6_CUSTOMER_BITS), strict=False))
    return str(parsed)
