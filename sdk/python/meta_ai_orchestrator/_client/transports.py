"""Carry out what the core asks for, with and without `await`: the only I/O of the clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from meta_ai_orchestrator._client.actions import (
    Action,
    Close,
    Open,
    Read,
    Request,
    Response,
    Send,
    Sleep,
)
from meta_ai_orchestrator._client.errors import APIConnectionError, APITimeoutError, MetaAIError, UsageError

if TYPE_CHECKING:
    import httpx2

A = TypeVar("A")
_CONNECT_SECONDS = 5.0


class Connection:
    """Sends requests one after another, as `Sync` and `Async` have them done; it holds at most one open stream."""

    def __init__(self, http: httpx2.Client) -> None:
        self._http = http
        self._parts: Iterator[bytes] = iter(())
        self._opened: httpx2.Response | None = None

    def perform(self, action: Action) -> Any:
        """Carry an action out, and return what it gives back; an error of the connection is one, too."""
        try:
            match action:
                case Sleep(seconds):
                    return time.sleep(seconds)
                case Close():
                    return self.close()
                case Read():
                    return next(self._parts, b"")
                case Send(request):
                    return _response(self._send(request, stream=False), whole=True)
                case Open(request):
                    self._opened = self._send(request, stream=True)
                    self._parts = self._opened.iter_bytes()
                    return _response(self._opened, whole=False)
        except _errors() as error:
            return explained(error)

    def close(self) -> None:
        """Close the stream that is open."""
        if self._opened is not None:
            self._opened.close()

    def __del__(self) -> None:
        with suppress(Exception):  # the interpreter may be ending
            self.close()  # of a stream that a program has left, without a `with` block

    def _send(self, request: Request, *, stream: bool) -> httpx2.Response:
        return self._http.send(built(self._http, request), stream=stream, follow_redirects=False)


class AsyncConnection:
    """The twin of `Connection`."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http
        self._parts: AsyncIterator[bytes] | None = None
        self._opened: httpx2.Response | None = None

    async def perform(self, action: Action) -> Any:
        """Carry an action out, and return what it gives back; an error of the connection is one, too."""
        try:
            match action:
                case Sleep(seconds):
                    return await asyncio.sleep(seconds)
                case Close():
                    return await self.close()
                case Read():
                    return await anext(self._parts, b"") if self._parts else b""
                case Send(request):
                    return _response(await self._send(request, stream=False), whole=True)
                case Open(request):
                    self._opened = await self._send(request, stream=True)
                    self._parts = self._opened.aiter_bytes()
                    return _response(self._opened, whole=False)
        except _errors() as error:
            return explained(error)

    async def close(self) -> None:
        """Close the stream that is open."""
        if self._opened is not None:
            await self._opened.aclose()

    async def _send(self, request: Request, *, stream: bool) -> httpx2.Response:
        return await self._http.send(built(self._http, request), stream=stream, follow_redirects=False)


def advance(steps: Generator[A, Any, Any], reply: Any) -> A:
    """Return the next action after the reply to the last one."""
    return steps.throw(reply) if isinstance(reply, MetaAIError) else steps.send(reply)


def built(http: httpx2.Client | httpx2.AsyncClient, request: Request) -> httpx2.Request:
    """Return a request as the HTTP client has it."""
    import httpx2  # noqa: PLC0415  # it takes a tenth of a second to load

    timeout = httpx2.Timeout(request.timeout, connect=min(request.timeout, _CONNECT_SECONDS))
    return http.build_request(
        request.method, request.url, headers=request.headers, content=request.content, timeout=timeout
    )


def explained(error: Exception) -> MetaAIError:
    """Return an error of the HTTP client as one of ours."""
    import httpx2  # noqa: PLC0415  # see above

    sent = not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
    if isinstance(error, httpx2.TimeoutException):
        return APITimeoutError("the gateway did not answer in time", sent=sent)
    if isinstance(error, httpx2.UnsupportedProtocol | httpx2.InvalidURL):
        return UsageError(f"base_url: {error}")
    what = "the connection broke off" if sent else "the gateway cannot be reached: is base_url right, and does it run?"
    return APIConnectionError(f"{what} ({type(error).__name__}: {error})", sent=sent)


def _errors() -> tuple[type[Exception], ...]:
    import httpx2  # noqa: PLC0415  # see above

    return httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError


def _response(response: httpx2.Response, *, whole: bool) -> Response:
    return Response(response.status_code, dict(response.headers), response.content if whole else b"")
