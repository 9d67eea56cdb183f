"""`/mcp`: the streamable HTTP transport of the Model Context Protocol."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.types import Receive, Scope, Send

from app.gateway.parts import Parts
from app.gateway.problems import Refusal

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

PATH = "/mcp"
_INSTALL = 'pip install "meta-ai-orchestrator[mcp]"'


class McpEndpoint:
    """An ASGI application without sessions, so that any gateway answers any request.

    The protocol's package is loaded by the first request, since that takes most of a second.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._starting = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._manager: StreamableHTTPSessionManager | None = None
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, as ASGI has it.

        Raises:
            Refusal: the protocol's package is not installed.
        """
        async with self._starting:
            manager = self._manager or await self._start()
        await manager.handle_request(scope, receive, send)

    async def close(self) -> None:
        """End what is being answered."""
        self._stopping.set()
        if self._running:
            await self._running

    async def _start(self) -> StreamableHTTPSessionManager:
        try:
            from mcp.server.streamable_http_manager import StreamableHTTPSessionManager  # noqa: PLC0415  # see above

            from app.gateway.mcp.tools import server  # noqa: PLC0415  # likewise
        except ImportError:
            raise Refusal(HTTPStatus.NOT_IMPLEMENTED, "not_installed", f"install MCP: {_INSTALL}") from None
        most = self._parts.settings.delivery.max_event_bytes  # the guard has read the body already
        manager = StreamableHTTPSessionManager(server(self._parts), stateless=True, max_request_body_size=most)
        started = asyncio.Event()
        self._running = asyncio.create_task(self._run(manager, started))
        await started.wait()
        self._manager = manager
        return manager

    async def _run(self, manager: StreamableHTTPSessionManager, started: asyncio.Event) -> None:
        # A task group of its own, which must be left by the task that has entered it.
        async with manager.run():
            started.set()
            await self._stopping.wait()
