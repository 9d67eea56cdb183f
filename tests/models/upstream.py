"""A model provider's HTTP server that misbehaves as told."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def event(data: object, name: str | None = None) -> bytes:
    """Encode one server-sent event; data that is no text is sent as JSON."""
    written = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {name}\n" if name else "").encode() + f"data: {written}\n\n".encode()


class Upstream:
    """Answers each request with the next prepared reply; the last one stays."""

    def __init__(self) -> None:
        self._runner: web.AppRunner | None = None
        self.url = ""
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        #: The client's end of the connection, of each request.
        self.peers: list[object] = []
        self._replies: deque[Handler] = deque()

    @classmethod
    @asynccontextmanager
    async def start(cls) -> AsyncIterator[Upstream]:
        upstream, app = cls(), web.Application()
        app.router.add_route("*", "/{path:.*}", upstream._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        upstream._runner = runner
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            upstream.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield upstream
        finally:
            await runner.cleanup()

    @property
    def connections(self) -> int:
        """How many connections to clients are open."""
        assert self._runner is not None
        assert self._runner.server is not None
        return len(self._runner.server.connections)

    async def idle(self) -> None:
        """Return when no connection is open; what waits for it bounds the time."""
        while self.connections:  # noqa: ASYNC110  # the server tells nobody
            await asyncio.sleep(0.005)

    def forget(self) -> None:
        """Drop the replies that are prepared."""
        self._replies.clear()

    def json(self, body: object, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._then(lambda: web.json_response(body, status=status, headers=headers))

    def raw(self, body: bytes, *, status: int = 200, kind: str = "application/json") -> None:
        self._then(lambda: web.Response(body=body, status=status, content_type=kind))

    def redirect(self, location: str) -> None:
        self._then(lambda: web.Response(status=307, headers={"location": location}))

    def cut(self, body: bytes) -> None:
        """Promise more bytes than are sent."""

        async def handle(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"content-type": "application/json", "content-length": "9999"})
            await response.prepare(request)
            await response.write(body)
            return _hang_up(request, response)

        self._replies.append(handle)

    def drop(self) -> None:
        """Close the connection instead of answering."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return _hang_up(request, web.Response())

        self._replies.append(handle)

    def trickle(self, seconds: float) -> None:
        """Send a byte at a time, `seconds` apart, and never an end."""

        async def handle(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"content-type": "application/json"})
            await response.prepare(request)
            while not _gone(request):
                await response.write(b" ")
                await asyncio.sleep(seconds)
            return response

        self._replies.append(handle)

    def stream(
        self,
        *parts: bytes | float,
        then: Literal["end", "cut", "silence"] = "end",
        kind: str = "text/event-stream",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Send `parts` one by one, numbers being seconds to wait; then end, hang up in the middle, or say no more."""

        async def handle(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"content-type": kind, **(headers or {})})
            await response.prepare(request)
            with suppress(ConnectionError):  # the client has had enough
                for part in parts:
                    await (response.write(part) if isinstance(part, bytes) else asyncio.sleep(part))
            while then == "silence" and not _gone(request):  # noqa: ASYNC110  # likewise
                await asyncio.sleep(0.01)
            return _hang_up(request, response) if then == "cut" else response

        self._replies.append(handle)

    def _then(self, response: Callable[[], web.Response]) -> None:
        async def handle(_: web.Request) -> web.StreamResponse:
            return response()

        self._replies.append(handle)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        self.headers.append(request.headers)
        self.peers.append(request.transport.get_extra_info("peername") if request.transport else None)
        handle = self._replies.popleft() if len(self._replies) > 1 else self._replies[0]
        return await handle(request)


def _hang_up(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.close()
    return response


def _gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()
