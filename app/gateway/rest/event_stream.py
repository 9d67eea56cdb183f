"""Responses that are streams of server-sent events."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import ExitStack

from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.types import Receive, Scope, Send

KEEP_ALIVE = format_sse_event(comment="keep-alive")


class EventStream(StreamingResponse):
    """A stream of events; when it is over in whatever way, also when the client has gone, `closing` is closed."""

    media_type = "text/event-stream"

    def __init__(
        self, events: AsyncGenerator[bytes], closing: ExitStack, headers: dict[str, str] | None = None
    ) -> None:
        # A proxy is told not to collect events.
        super().__init__(events, headers={"X-Accel-Buffering": "no", **(headers or {})})
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, as ASGI has it."""
        with self._closing:
            await super().__call__(scope, receive, send)
