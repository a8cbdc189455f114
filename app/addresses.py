"""Where a request comes from."""

from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

from starlette.requests import HTTPConnection

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Whoever has one IPv6 address usually has all that share its first 64 bits (RFC 6177).
_IPV6_PREFIX: Final = 64
_KNOWN_MAX: Final = 1_000


def client_address(connection: HTTPConnection) -> Address | None:
    """Give the client's address, as the server or a trusted proxy tells it; None on a pipe."""
    return _address(connection.client.host) if connection.client else None


def _address(host: str) -> Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def network_of(connection: HTTPConnection) -> str:
    """Name the client by what it cannot change at will: its IPv4 address, or its IPv6 network."""
    return _network(connection.client.host) if connection.client else ""


@lru_cache(_KNOWN_MAX)
def _network(host: str) -> str:
    address = _address(host)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _IPV6_PREFIX), strict=False))
    return str(address or "")
