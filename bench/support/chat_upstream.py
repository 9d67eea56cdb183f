"""A chat model that costs next to nothing: `python -m bench.support.chat_upstream PIECES INTERVAL`.

It prints `port N` and `ready`. It answers OpenAI's chat completions at once, or in a stream of PIECES pieces, one every
INTERVAL seconds; each piece says when it was sent, in nanoseconds of the machine's monotonic clock.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
import time
from typing import Any

from app.cli.event_loop import run
from testkit.provider.dialects import Chat
from testkit.provider.exchange import PARTS

_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_STREAM = re.compile(rb'"stream":\s*true')
_WHOLE = json.dumps(Chat().whole("m", PARTS)).encode()
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(_WHOLE), _WHOLE)
_BEGIN = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_MARK = b"SENT-AT"
_FIRST, _PIECE, *_ = Chat().frames("m", (_MARK.decode(),))


class Connection(asyncio.Protocol):
    """One connection of a client, which asks again when it is answered."""

    def __init__(self, pieces: int, interval: float) -> None:
        self._pieces = pieces
        self._last = b"".join([*Chat().frames("m", ("",) * pieces)][1 + pieces :])
        self._interval = interval
        self._received = b""
        self._streaming: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(self._received, 0, end)
            size = end + 4 + (int(found[1]) if found else 0)
            if len(self._received) < size:
                return
            body, self._received = self._received[end:size], self._received[size:]
            if _STREAM.search(body):
                self._streaming = asyncio.create_task(self._stream())
            else:
                self._transport.write(_ANSWER)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the stream."""
        del exc
        if self._streaming:
            self._streaming.cancel()

    async def _stream(self) -> None:
        self._transport.write(_BEGIN + _chunk(_FIRST))
        for number in range(self._pieces):
            sent_at = b"%d:%d " % (number, time.monotonic_ns())
            self._transport.write(_chunk(_PIECE.replace(_MARK, sent_at)))
            await asyncio.sleep(self._interval)
        self._transport.write(_chunk(self._last) + _chunk(b""))


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def main(pieces: int, interval: float) -> None:
    """Serve until told to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(lambda: Connection(pieces, interval), "127.0.0.1", 0, backlog=1024)
    print("port", server.sockets[0].getsockname()[1], flush=True)
    print("ready", flush=True)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    run(main(int(sys.argv[1]), float(sys.argv[2])))
