"""The faulty provider in its own process, and models that call it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from testkit.process import MeasuredProcess, start
from testkit.provider.faulty import FaultyProviderUrls

#: The adapters, by their names in tables.
ADAPTERS: Mapping[str, Mapping[str, Any]] = {
    "chat": {"provider": "openai"},
    "responses": {"provider": "openai", "options": {"dialect": "responses"}},
    "messages": {"provider": "anthropic"},
}

#: Seconds; short, so that what hangs ends soon, and long enough for a busy machine.
SHORT_TIMEOUTS = {
    "connect_timeout": 1.0,
    "first_token_timeout": 1.0,
    "token_timeout": 0.6,
    "timeout": 1.5,
    "total_timeout": 6.0,
    "attempts": 2,
}


@asynccontextmanager
async def running_faulty_provider(*arguments: str) -> AsyncIterator[tuple[MeasuredProcess, FaultyProviderUrls]]:
    """Yield the process and its addresses."""
    subject = await start("testkit.provider.faulty", *arguments)
    try:
        places = FaultyProviderUrls(**json.loads(await subject.says("places")))
        await subject.says("ready")
        yield subject, places
    finally:
        await subject.stop()


def model_settings(adapter: str, root: str, **settings: Any) -> dict[str, Any]:
    """Return the settings of a model that calls the provider at `root` through this adapter."""
    base_url = root if ADAPTERS[adapter]["provider"] == "anthropic" else f"{root}/v1"
    return {
        **ADAPTERS[adapter],
        "model": "m",
        "base_url": base_url,
        "api_key": "bench-key",
        **SHORT_TIMEOUTS,
        **settings,
    }
