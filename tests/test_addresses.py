from __future__ import annotations

import socket
from typing import Any

import pytest
from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver

from app.addresses import Addresses, CheckedResolver, ForbiddenAddress

PRIVATE = [
    *("127.0.0.1", "127.8.8.8", "0.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254"),
    *("192.0.0.8", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "fe80::1", "fe80::1%lo", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1"),
    "2001:0:7f00:1:0:0:f5ff:fffe",  # Teredo, of the server 127.0.0.1
]


@pytest.mark.parametrize("host", PRIVATE)
def test_that_private_addresses_are_refused(host: str) -> None:
    with pytest.raises(ForbiddenAddress, match="allow_networks"):
        Addresses([]).check(host)


@pytest.mark.parametrize("host", ["2130706433", "0177.0.0.1", "127.1", "127.0.0.01", "1.2.3.4.5", "1:2"])
def test_that_an_address_in_an_unusual_form_is_refused(host: str) -> None:
    with pytest.raises(ForbiddenAddress):
        Addresses(["0.0.0.0/0"]).check(host)


@pytest.mark.parametrize("host", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"])
def test_that_public_addresses_are_not(host: str) -> None:
    Addresses([]).check(host)


def test_that_networks_can_be_allowed() -> None:
    allowed = Addresses(["10.1.0.0/16", "fd00::/8"])
    for host in ("10.1.2.3", "fd00::1", "::ffff:10.1.2.3", "93.184.216.34"):
        allowed.check(host)
    for host in ("10.2.0.1", "127.0.0.1", "fc00::1"):
        with pytest.raises(ForbiddenAddress):
            allowed.check(host)


class Resolver(AbstractResolver):
    """Gives one name another address each time."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[Any]:
        return [{"hostname": host, "host": one, "port": port, "family": family} for one in self._addresses]

    async def close(self) -> None:
        """Hold nothing."""


@pytest.mark.parametrize("name", ["localhost", "0x7f000001", "0x7f.1"])
async def test_that_a_name_that_leads_here_is_refused(name: str) -> None:
    with pytest.raises(ForbiddenAddress):
        await CheckedResolver(Addresses([]), ThreadedResolver()).resolve(name, 80)


async def test_that_all_that_a_name_leads_to_is_looked_at() -> None:
    addresses = Addresses([])
    found = await CheckedResolver(addresses, Resolver("93.184.216.34", "93.184.216.35")).resolve("a", 443)
    assert [one["host"] for one in found] == ["93.184.216.34", "93.184.216.35"]
    with pytest.raises(ForbiddenAddress):
        await CheckedResolver(addresses, Resolver("93.184.216.34", "10.0.0.1")).resolve("a", 443)
