from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from app.brokers.base import Connection
from app.settings import Settings
from tests.gateway.keys import secured, serving


@pytest.fixture
async def gateway(embedded: Connection, settings: Settings) -> AsyncIterator[aiohttp.ClientSession]:
    """A gateway that asks for credentials."""
    async with serving(secured(settings, roles={"watcher": ("tasks:read", "keys:manage")}), embedded) as session:
        yield session
