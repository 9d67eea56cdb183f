"""An OpenAI-compatible server on loopback that counts what it is asked."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from aiohttp import web


class Upstream:
    """Serves while its block runs; `calls` has the times (epoch seconds) at which each (question, model) was asked.

    Every call is answered differently, by its number, so that a result tells which calls it was made of.
    `delay` returns the seconds that an answer takes.
    """

    def __init__(self, delay: Callable[[], float]) -> None:
        self.calls: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        self.delay = delay
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        # What hangs on purpose must not hold up the end of the test.
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The base URL for the model's settings."""
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}/v1"

    @property
    def total(self) -> int:
        """How many calls came."""
        return sum(len(times) for times in self.calls.values())

    @property
    def repeated(self) -> int:
        """How many calls had been made before."""
        return self.total - len(self.calls)

    async def _chat(self, request: web.Request) -> web.Response:
        body: dict[str, Any] = await request.json()
        question = body["messages"][-1]["content"].rpartition("Question: ")[2].strip()
        times = self.calls[question, body["model"]]
        times.append(time.time())
        text = f"{question} by {body['model']}, call {len(times)}"
        await asyncio.sleep(self.delay())
        return web.json_response(_completion(body["model"], text))


def _completion(model: str, text: str) -> dict[str, Any]:
    return {
        "id": "completion",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
    }
