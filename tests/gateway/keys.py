"""Gateways that ask for API keys, and keys for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp

from app.brokers.base import Connection
from app.client import api_keys
from app.client.client import Client
from app.gateway.server import serve_gateway
from app.settings import GatewaySecurity, GatewaySettings, Settings
from topics.api_keys import ApiKey


def secured(settings: Settings, **security: Any) -> Settings:
    """Return the settings of a gateway that asks for credentials."""
    gateway = GatewaySettings(port=0, security=GatewaySecurity(enabled=True, **security))
    return settings.model_copy(update={"gateway": gateway})


@asynccontextmanager
async def serving(settings: Settings, embedded: Connection) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a session with a gateway that has read its topics."""
    async with (
        serve_gateway(settings, embedded) as address,
        aiohttp.ClientSession(f"http://{address}") as session,
    ):
        while True:
            async with session.get("/v1/health") as answer:
                if answer.status == 200:
                    break
                assert (await answer.json())["code"] == "starting"
            await asyncio.sleep(0.05)
        yield session


def granting(role: str = "admin", **fields: Any) -> ApiKey:
    """Return what a key allows."""
    known = {"owner": "tests", "roles": (role,), "created_at": datetime.now(UTC), "created_by": "tests"}
    return ApiKey.model_validate({**known, "secrets": (), **fields})


async def new_key(client: Client, role: str = "admin", **fields: Any) -> str:
    """Return a new key."""
    _, key = await api_keys.create(client, granting(role, **fields), "tests")
    return key


async def in_force(http: aiohttp.ClientSession, key: str, *, accepted: bool = True) -> None:
    """Return when a gateway accepts a key, or does not any more."""
    async with asyncio.timeout(20):
        while True:
            async with http.get("/v1/models", headers={"x-api-key": key}) as answer:
                if (answer.status not in {401, 429}) is accepted:
                    return
            await asyncio.sleep(0.2)  # too many failures in a minute would be refused
