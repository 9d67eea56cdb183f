from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.models.upstream import Upstream


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream.start() as server:
        yield server
