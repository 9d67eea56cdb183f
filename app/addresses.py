"""Which addresses may be called: public ones, and those of networks that the settings allow.

A name is resolved once for each connection, all that it leads to must be allowed, and the connection goes to what was
checked: so a name that leads elsewhere a moment later (DNS rebinding) leads nowhere.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override

Address = IPv4Address | IPv6Address

#: Where addresses of IPv4 lie in those of IPv6, for networks that have only these (RFC 6052).
_NAT64 = ip_network("64:ff9b::/96")
#: Of special purpose, though versions of Python differ about parts of it (RFC 6890).
_SPECIAL = ip_network("192.0.0.0/24")


class ForbiddenAddress(OSError):
    """It is neither public nor allowed by the settings."""


class Addresses:
    """Knows which addresses may be called: public ones, and those in the `allowed` networks, which `setting` names."""

    def __init__(self, allowed: Iterable[str], setting: str = "webhooks.allow_networks") -> None:
        self._setting = setting
        self._allowed = [ip_network(network) for network in allowed]

    def check(self, host: str) -> None:
        """Return if `host`, an address, may be called; any other host is resolved later, and its addresses checked.

        Raises:
            ForbiddenAddress: it may not, or is an address in a form that is not usual.
        """
        if not (":" in host or host.replace(".", "").isdigit()):
            return  # this is how aiohttp tells a name, which it resolves, from an address
        try:
            found = ip_address(host)
        except ValueError:
            raise ForbiddenAddress(f"{host} is not an address in its usual form") from None
        if not self._permits(found):
            raise ForbiddenAddress(f"{host} is not a public address; see {self._setting}")

    def _permits(self, address: Address) -> bool:
        if isinstance(address, IPv6Address) and (inner := _embedded(address)):
            return all(self._permits(one) for one in inner)
        if any(address in network for network in self._allowed if network.version == address.version):
            return True
        local = address in _SPECIAL or (isinstance(address, IPv6Address) and address.is_site_local)
        return address.is_global and not (address.is_multicast or address.is_reserved or local)


def _embedded(address: IPv6Address) -> list[Address]:
    """Return the addresses of IPv4 to which one of IPv6 leads by translation or in a tunnel."""
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address.sixtofour:
        return [address.sixtofour]
    if address.teredo:
        return [*address.teredo]
    return [IPv4Address(int(address) & 0xFFFFFFFF)] if address in _NAT64 else []


class CheckedResolver(AbstractResolver):
    """Resolves names with another resolver, and refuses those with an address that may not be called."""

    def __init__(self, addresses: Addresses, resolver: AbstractResolver) -> None:
        self._addresses = addresses
        self._resolver = resolver

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        for one in found:
            self._addresses.check(one["host"])
        return found

    @override
    async def close(self) -> None:
        await self._resolver.close()
