from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import aiohttp
import pytest

from app.brokers.base import Connection
from app.client.client import Client, attach
from app.gateway.server import serve_gateway
from app.settings import GatewaySettings, Settings, TopicSettings


@pytest.fixture
def settings() -> Settings:
    topics = TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2)
    return Settings(topics=topics, gateway=GatewaySettings(port=0))


@pytest.fixture
async def http(embedded: Connection, settings: Settings) -> AsyncIterator[aiohttp.ClientSession]:
    """A gateway that has read its topics; nobody works on what it is given."""
    async with (
        serve_gateway(settings, embedded) as address,
        aiohttp.ClientSession(f"http://{address}") as session,
    ):
        while True:
            async with session.get("/v1/health") as answer:
                if answer.status == 200:
                    break
                assert (await answer.json())["code"] == "starting"
        yield session


@pytest.fixture
async def client(embedded: Connection, settings: Settings) -> AsyncIterator[Client]:
    """What a worker and other producers would send is sent with it."""
    async with attach(settings, embedded) as found:
        yield found
