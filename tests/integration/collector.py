"""A receiver of OTLP over HTTP that keeps what it was sent."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


class Collector:
    """`received` are the spans as protobuf wrote them, where texts stand as they are."""

    def __init__(self) -> None:
        self.url = ""
        self.received = bytearray()

    @classmethod
    @asynccontextmanager
    async def start(cls) -> AsyncIterator[Collector]:
        collector, app = cls(), web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/v1/traces", collector._take)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield collector
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()  # aiohttp has undone a content-encoding that it knows
        self.received += gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
        self.received += b"\n" + repr(dict(request.headers)).encode()
        return web.Response(content_type="application/x-protobuf")
