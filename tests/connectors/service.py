"""An HTTP service on the loopback that keeps what it was asked, and answers as told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as it came: `path` is still encoded."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes


class Service:
    """Answers with what `answer` makes; keeps all that was `asked`."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self.answer: Handler = _empty

    @classmethod
    @asynccontextmanager
    async def start(cls) -> AsyncIterator[Service]:
        service, app = cls(), web.Application()
        app.router.add_route("*", "/{path:.*}", service._handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield service
        finally:
            await runner.cleanup()

    def gives(self, **response: Any) -> None:
        """Answer each request so; the keywords are those of `web.Response`."""

        async def handle(_: web.Request) -> web.StreamResponse:
            return web.Response(**response)

        self.answer = handle

    def cuts(self) -> None:
        """Promise more than is sent."""

        async def handle(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"content-length": "9999"})
            await response.prepare(request)
            await response.write(b"{")
            if request.transport is not None:
                request.transport.close()
            return response

        self.answer = handle

    def never_ends(self) -> None:
        """Send without an end, slowly."""

        async def handle(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            while request.transport is not None and not request.transport.is_closing():
                await response.write(b"x")
                await asyncio.sleep(0.01)
            return response

        self.answer = handle

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        path = request.raw_path.partition("?")[0]
        self.asked.append(Asked(request.method, path, [*request.query.items()], headers, await request.read()))
        return await self.answer(request)


async def _empty(_: web.Request) -> web.StreamResponse:
    return web.Response(status=204)
