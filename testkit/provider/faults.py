"""The faults of a provider: each takes one exchange and answers it wrongly."""

from __future__ import annotations

import asyncio
import gzip
import random
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable, Mapping
from functools import cache

from aiohttp import web

from testkit.provider.exchange import Exchange

_SLOW_SECONDS = 30.0
_DRIP_SECONDS = 0.3
_HUGE_BYTES = 24 * 2**20
_BOMB_BYTES = 64 * 2**20
_PAGE = "<html><body>Please log in to the network.</body></html>"
_RESET = struct.pack("ii", 1, 0)


Fault = Callable[[Exchange], Awaitable[web.StreamResponse]]


async def healthy(exchange: Exchange) -> web.StreamResponse:
    """Answer."""
    if exchange.stream:
        return await exchange.begin(exchange.frames)
    return web.Response(body=exchange.whole, content_type="application/json")


def refusal(status: int, kind: str, headers: Mapping[str, str] | None = None) -> Fault:
    """Return a fault that answers with this status."""

    async def refuse(exchange: Exchange) -> web.StreamResponse:
        return web.json_response(
            exchange.dialect.failure(kind, exchange.complaint), status=status, headers=dict(headers or {})
        )

    return refuse


async def reset(exchange: Exchange) -> web.StreamResponse:
    """Reset the connection, as the system of a crashed server does."""
    transport = exchange.request.transport
    if transport is not None:
        # Closing a socket with a linger time of 0 sends RST instead of FIN.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
    return web.Response()


async def slow(exchange: Exchange) -> web.StreamResponse:
    """Send nothing for a long time."""
    await asyncio.sleep(_SLOW_SECONDS)
    return await healthy(exchange)


async def error_event(exchange: Exchange) -> web.StreamResponse:
    """Fail during a stream; without a stream, put the error into an answer of status 200."""
    if not exchange.stream:
        return web.json_response(exchange.dialect.failure("server_error", exchange.complaint))
    return await exchange.begin([*exchange.begun, exchange.dialect.broken("server_error", exchange.complaint)])


async def _half(exchange: Exchange) -> web.StreamResponse:
    """Send half the answer, with headers that promise all of it."""
    if exchange.stream:
        return await exchange.begin(exchange.begun)
    response = await exchange.head(exchange.promise)
    await response.write(exchange.whole[: len(exchange.whole) // 2])
    return response


async def cut(exchange: Exchange) -> web.StreamResponse:
    """Close the connection during the answer."""
    response = await _half(exchange)
    if exchange.request.transport is not None:
        exchange.request.transport.close()
    return response


async def ended_early(exchange: Exchange) -> web.StreamResponse:
    """End half an answer as if it were complete."""
    if exchange.stream:
        return await exchange.begin(exchange.begun)
    return web.Response(body=exchange.whole[: len(exchange.whole) // 2], content_type="application/json")


async def silence(exchange: Exchange) -> web.StreamResponse:
    """Fall silent during the answer, and keep the connection open."""
    response = await _half(exchange)
    await asyncio.sleep(_SLOW_SECONDS)
    return response


async def drip(exchange: Exchange) -> web.StreamResponse:
    """Send a little at short intervals, without ever ending."""
    if exchange.stream:
        response, pieces = await exchange.begin(()), exchange.frames
    else:
        response = await exchange.head(exchange.promise)
        pieces = [bytes([byte]) for byte in exchange.whole]
    for piece in pieces:
        await response.write(piece)
        await asyncio.sleep(_DRIP_SECONDS)
    return response


async def malformed(exchange: Exchange) -> web.StreamResponse:
    """Answer with invalid JSON that repeats the credentials."""
    broken = f'{{"choices": [{{"{exchange.complaint}'.encode()
    if exchange.stream:
        return await exchange.begin([*exchange.begun, b"data: " + broken + b"\n\n"])
    return web.Response(body=broken, content_type="application/json")


async def page(exchange: Exchange) -> web.StreamResponse:  # noqa: ARG001  # the same for all
    """Answer with a web page, as a captive portal does."""
    return web.Response(text=_PAGE, content_type="text/html")


async def huge(exchange: Exchange) -> web.StreamResponse:
    """Answer with a huge body; in a stream, it is one line."""
    response = await exchange.head(exchange.kind)
    await response.write(b'data: {"text": "' if exchange.stream else b'{"text": "')
    for _ in range(_HUGE_BYTES >> 16):
        await response.write(b"x" * (1 << 16))
    await response.write(b'"}\n\n')
    return response


async def bomb(exchange: Exchange) -> web.StreamResponse:
    """Answer with a small body that decompresses to a huge one."""
    return web.Response(body=_bomb(), headers={**exchange.kind, "content-encoding": "gzip"})


@cache
def _bomb() -> bytes:
    packer, block = zlib.compressobj(1, zlib.DEFLATED, 31), b" " * 2**20
    return b"".join(packer.compress(block) for _ in range(_BOMB_BYTES // len(block))) + packer.flush()


async def garbled(exchange: Exchange) -> web.StreamResponse:
    """Answer with a compressed body that is damaged behind its beginning."""
    damaged = gzip.compress(exchange.whole)[:10] + bytes(range(256))
    return web.Response(body=damaged, headers={**exchange.kind, "content-encoding": "gzip"})


async def empty(exchange: Exchange) -> web.StreamResponse:
    """Answer with an empty body."""
    return web.Response(headers=exchange.kind)


async def redirect(exchange: Exchange) -> web.StreamResponse:
    """Redirect the caller, and so its key, to another host."""
    path = exchange.request.path.replace("/redirect/", "/healthy/")
    return web.Response(status=307, headers={"location": path})


FAULTS: Mapping[str, Fault] = {
    "healthy": healthy,
    "reset": reset,
    "slow": slow,
    "429-retry-after": refusal(429, "rate_limit_error", {"retry-after": "1"}),
    "429": refusal(429, "rate_limit_error"),
    "401": refusal(401, "authentication_error"),
    "500": refusal(500, "server_error"),
    "529": refusal(529, "overloaded_error"),
    "error-event": error_event,
    "cut": cut,
    "ended-early": ended_early,
    "silence": silence,
    "drip": drip,
    "malformed": malformed,
    "page": page,
    "empty": empty,
    "garbled": garbled,
    "huge": huge,
    "bomb": bomb,
    "redirect": redirect,
}


class Mixed:
    """Fails a random share of the calls, in one of several ways."""

    def __init__(self, share: float, names: tuple[str, ...] = ("500", "429", "cut", "reset", "slow")) -> None:
        self._share = share
        self._faults = [FAULTS[name] for name in names]
        self._lot = random.Random(7)  # noqa: S311  # repeatable on purpose

    async def __call__(self, exchange: Exchange) -> web.StreamResponse:
        """Answer, or fail."""
        return await self.pick()(exchange)

    def pick(self) -> Fault:
        """Return the fault of the next call."""
        return self._lot.choice(self._faults) if self._lot.random() < self._share else healthy
