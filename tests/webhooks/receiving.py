"""A receiver of webhooks on loopback, which does as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Receiving:
    """What was received, and how it is answered: by the next of `answers`, or else by `status`."""

    url: str = ""
    status: int = 204
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    delay: float = 0.0

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        Webhook(KEY).verify(body, dict(request.headers))  # as the official library has it
        self.bodies.append(json.loads(body))
        self.ids.append(request.headers["webhook-id"])
        await asyncio.sleep(self.delay)
        status, headers = self.answers.pop(0) if self.answers else (self.status, {})
        return web.Response(status=status, headers=headers)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiving]:
    """Receive while the context lasts."""
    found = Receiving()
    app = web.Application()
    app.router.add_post("/hook", found.take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        found.url = f"http://127.0.0.1:{port}/hook"
        yield found
    finally:
        await runner.cleanup()
