from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import aiohttp
import pytest

from app.brokers.base import Connection
from app.client.client import Client, attach
from app.settings import GatewaySettings, Settings, TopicSettings
from tests.gateway.keys import in_force, new_key, serving


@pytest.fixture
def settings() -> Settings:
    topics = TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2)
    return Settings(topics=topics, gateway=GatewaySettings(port=0))


@pytest.fixture
async def http(embedded: Connection, settings: Settings) -> AsyncIterator[aiohttp.ClientSession]:
    """A gateway that has read its topics; nobody works on what it is given."""
    async with serving(settings, embedded) as session:
        yield session


@pytest.fixture
async def client(embedded: Connection, settings: Settings) -> AsyncIterator[Client]:
    """What a worker and other producers would send is sent with it."""
    async with attach(settings, embedded) as found:
        yield found


@pytest.fixture
async def admin(gateway: aiohttp.ClientSession, client: Client) -> str:
    """A key that may do all, and is in force at a `gateway` that asks for credentials."""
    key = await new_key(client)
    await in_force(gateway, key)
    return key
