"""The sides of the call comparison: each makes one call in its own way, in this process."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import product
from typing import Any

import aiohttp

from app.models.base import Prompt
from app.models.calling.call import call
from app.models.limits.factory import build_limiter
from app.models.outcome import Piece
from app.models.registry import build
from app.routing.health_recorder import HealthRecorder
from app.settings import ModelSettings
from testkit.provider.exchange import ANSWER
from testkit.provider.faulty import FaultyProviderUrls
from testkit.provider.upstream import ADAPTERS, model_settings
from topics.model_requests import Message

QUESTION = "What does every good answer have?"
BARE = "bare aiohttp post"

Call = Callable[[], Awaitable[str]]


@asynccontextmanager
async def call_variants(places: FaultyProviderUrls) -> AsyncIterator[Mapping[str, Call]]:
    """Yield each side's name and its call, which returns the answer."""
    async with AsyncExitStack() as stack:
        root = places.root("healthy")
        found: dict[str, Call] = {BARE: await stack.enter_async_context(_bare(root))}
        for adapter, mode in product(ADAPTERS, ("whole", "stream")):
            found[f"{adapter}, {mode}"] = await stack.enter_async_context(_ours(adapter, mode, root))
        yield found


@asynccontextmanager
async def _bare(root: str) -> AsyncIterator[Call]:
    body = {"model": "m", "messages": [{"role": "user", "content": QUESTION}]}
    async with aiohttp.ClientSession() as session:

        async def ask() -> str:
            async with session.post(f"{root}/v1/chat/completions", json=body) as response:
                answer: dict[str, Any] = json.loads(await response.read())
            return str(answer["choices"][0]["message"]["content"])

        yield ask


@asynccontextmanager
async def _ours(adapter: str, mode: str, root: str) -> AsyncIterator[Call]:
    settings = ModelSettings.model_validate({**model_settings(adapter, root), "timeout": 60.0, "attempts": 1})
    component = build(adapter, settings)
    limiter = build_limiter("m", component, settings, HealthRecorder("bench").circuit("m"))  # as a worker has it
    prompt = Prompt((Message(role="user", content=QUESTION),))

    async def take(_: Piece) -> None:
        """Ignore a piece: streaming is measured elsewhere."""

    async def ask() -> str:
        outcome = await call(limiter, prompt, settings=settings, sink=take if mode == "stream" else None)
        if outcome.completion is None:
            raise RuntimeError(f"{adapter}, {mode}: {outcome.error}")
        return outcome.completion.text

    try:
        yield ask
    finally:
        await component.close()


async def cpu_seconds(ask: Call, calls: int) -> list[float]:
    """Return the milliseconds of processor time that each of so many calls took, one after the other.

    Raises:
        RuntimeError: an answer is wrong.
    """
    took = []
    for _ in range(calls):
        before = time.process_time()
        answer = await ask()
        took.append((time.process_time() - before) * 1000)
        if answer != ANSWER:
            raise RuntimeError(f"the answer is wrong: {answer!r}")
    return took
