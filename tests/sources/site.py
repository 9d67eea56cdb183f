"""A web site of the tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Site:
    """Pages by path: their status, and their body or where they redirect to; `asked` is what was asked for."""

    address: str = ""
    pages: dict[str, tuple[int, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def put(self, path: str, body: str, status: int = 200) -> None:
        self.pages[path] = status, body

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        status, body = self.pages.get(request.path, (404, ""))
        if status in {301, 302}:
            return web.Response(status=status, headers={"location": body})
        return web.Response(status=status, text=body, content_type="text/plain")


@asynccontextmanager
async def serving() -> AsyncIterator[Site]:
    site = Site()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", site.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    site.address = f"http://{host}:{port}"
    yield site
    await runner.cleanup()
