from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from app.brokers.base import Connection
from app.client.client import Client
from app.settings import Settings
from tests.gateway.keys import in_force, new_key, secured, serving


@pytest.fixture
async def gateway(embedded: Connection, settings: Settings) -> AsyncIterator[aiohttp.ClientSession]:
    """A gateway that asks for credentials."""
    async with serving(secured(settings, roles={"watcher": ("tasks:read", "keys:manage")}), embedded) as session:
        yield session


@pytest.fixture
async def admin(gateway: aiohttp.ClientSession, client: Client) -> str:
    """A key that may do all, and is in force."""
    key = await new_key(client)
    await in_force(gateway, key)
    return key
