from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.connectors.service import Service


@pytest_asyncio.fixture
async def service() -> AsyncIterator[Service]:
    async with Service.start() as running:
        yield running
