"""Who asks, when a proxy in front asks for others."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from app.brokers.base import Connection
from app.client.client import Client
from app.settings import Settings
from tests.gateway.access.test_authentication import denials
from tests.gateway.keys import secured, serving

VISITOR, OTHER = "203.0.113.7", "203.0.113.8"
#: Wrong credentials that an address may send in a minute.
MOST = 3


@pytest.fixture
def trusted() -> tuple[str, ...]:
    return ("127.0.0.1", "10.0.0.0/8")


@pytest.fixture
async def gateway(
    embedded: Connection, settings: Settings, trusted: tuple[str, ...]
) -> AsyncIterator[aiohttp.ClientSession]:
    asking = secured(settings, failures_per_minute=MOST)
    proxied = asking.gateway.model_copy(update={"trusted_proxies": trusted})
    async with serving(asking.model_copy(update={"gateway": proxied}), embedded) as http:
        yield http


async def _status(http: aiohttp.ClientSession, *forwarded: str) -> int:
    headers = [("x-api-key", "mao_guess"), *(("x-forwarded-for", one) for one in forwarded)]
    async with http.get("/v1/tasks", headers=headers) as answer:
        return answer.status


async def test_that_a_proxys_visitors_are_slowed_down_each_by_itself(
    gateway: aiohttp.ClientSession, client: Client
) -> None:
    assert [await _status(gateway, VISITOR) for _ in range(MOST + 1)] == [*[401] * MOST, 429]
    assert await _status(gateway, OTHER) == 401
    noted = await denials(client, MOST + 1, "access.unauthenticated")
    assert {VISITOR, OTHER} <= {one.details["address"] for one in noted}


@pytest.mark.parametrize(
    "forwarded",
    [
        (f"{OTHER}, {VISITOR}",),
        (OTHER, VISITOR),
        (f"{OTHER},{VISITOR} , 10.1.2.3",),
        (f"{OTHER}, 127.0.0.1, {VISITOR}, 127.0.0.1",),
        (f"{VISITOR}:1234",),
    ],
)
async def test_that_what_the_visitor_says_of_itself_does_not_count(
    gateway: aiohttp.ClientSession, forwarded: tuple[str, ...]
) -> None:
    for _ in range(MOST):
        await _status(gateway, VISITOR)
    assert await _status(gateway, *forwarded) == 429


@pytest.mark.parametrize("forwarded", ["", ",", " , ,", "unknown", "[::1", "x" * 4000, ", ".join([OTHER] * 300)])
async def test_that_what_is_no_address_harms_nothing(gateway: aiohttp.ClientSession, forwarded: str) -> None:
    assert await _status(gateway, forwarded) == 401


@pytest.mark.parametrize("trusted", [(), ("10.0.0.0/8",)])
async def test_that_others_are_not_believed(
    gateway: aiohttp.ClientSession, client: Client, trusted: tuple[str, ...]
) -> None:
    statuses = [await _status(gateway, f"203.0.113.{number}") for number in range(MOST + 1)]
    assert statuses == [*[401] * MOST, 429], trusted
    noted = await denials(client, MOST, "access.unauthenticated")
    assert {one.details["address"] for one in noted[-MOST:]} == {"127.0.0.1"}
