"""One connection: uvicorn's HTTP, with bounds for what it leaves unbounded.

uvicorn waits for ever for the head of a request, its parser collects headers and trailers of any size, and both read on
while requests of the same connection wait. What goes beyond a bound is answered with a problem, and the connection is
closed; the server goes on answering others.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.api.problem import problem_response
from app.gateway.problems import Refusal

log = logging.getLogger(__name__)

#: Bytes of the request line and the headers together, and of trailers: as nginx has them, and some more.
MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 200
#: Within so many seconds a head must have come, from the first byte or the connection on.
_HEAD_SECONDS = 10.0
#: So long a client may read nothing of an answer that is more than the buffers hold.
_STALLED_SECONDS = 60.0
#: Requests of one connection that wait for the one before them.
_MOST_PIPELINED = 16


class BoundedProtocol(HttpToolsProtocol):
    """A connection with bounds in size and time; there may be `most_connections`."""

    most_connections = 1000

    _refusal: Refusal | None = None
    _head_timer: asyncio.TimerHandle | None = None
    _stalled_timer: asyncio.TimerHandle | None = None
    _progress = 0
    _unparsed = 0
    _in_head = True
    #: Whether nothing more is read: the answers that are under way are the last ones.
    _deaf = False

    def connection_made(self, transport: Any) -> None:
        """Take a new connection, unless there are too many."""
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > self.most_connections:
            log.warning("more than gateway.max_connections (%d): a new connection is closed", self.most_connections)
            text = "the gateway has too many connections; try again later"
            self._refuse(Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too_many_connections", text))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was waited for."""
        self._head_came()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, as long as that leads anywhere."""
        if self._deaf or self.transport.is_closing():
            return
        if self._in_head:
            self._await_head()
        before = self._progress
        super().data_received(data)
        self._unparsed = 0 if self._progress != before else self._unparsed + len(data)
        if self._unparsed > MAX_HEAD_BYTES:
            self._refuse(_HEAD_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin to read a head; it may follow a request in the same packet."""
        self._await_head()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; trailers, which come after the body, are left out: nobody has checked them."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to process a request, unless its head is too large, or too many wait already."""
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._refusal = _HEAD_TOO_LARGE
        elif len(self.pipeline) >= _MOST_PIPELINED:
            self._refusal = _TOO_MANY_PIPELINED
        if self._refusal:
            raise ValueError("refused")  # the parser stops, and calls `send_400_response`
        super().on_headers_complete()
        self._progress += 1
        self._head_came()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._progress += 1
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request; what follows is the head of another one."""
        self._progress += 1
        self._in_head = True
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Give a client that does not read what it asked for some time."""
        super().pause_writing()
        if self._stalled_timer is None:
            self._stalled_timer = self.loop.call_later(_STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on when it reads."""
        if self._stalled_timer is not None:
            self._stalled_timer.cancel()
            self._stalled_timer = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # the base class says no more than that it is invalid
        """Refuse what is no HTTP, or what `on_headers_complete` has refused."""
        self._refuse(self._refusal or _NOT_HTTP)

    def _unsupported_upgrade_warning(self) -> None:
        """Answer a request for another protocol as if it asked for none; what follows would be of that protocol."""
        self._end_after_answers()

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(_HEAD_SECONDS, self._head_too_slow)

    def _head_came(self) -> None:
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_too_slow(self) -> None:
        text = f"the head of the request did not arrive within {_HEAD_SECONDS:g} s"
        self._refuse(Refusal(HTTPStatus.REQUEST_TIMEOUT, "request_timeout", text))

    def _refuse(self, refusal: Refusal) -> None:
        """Answer the request that is being read with a problem, and close."""
        if self._deaf or self.transport.is_closing():
            return
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if self._in_head or self.pipeline or cycle.response_started:
                self._end_after_answers()  # another answer in between would be taken for that of an earlier request
                return
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.write(_answer(refusal))
        self.transport.close()

    def _end_after_answers(self) -> None:
        self._deaf = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        else:
            self.transport.close()


def _answer(refusal: Refusal) -> bytes:
    status = refusal.status
    problem = problem_response(status, refusal.detail, code=refusal.code)
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"content-type: {problem.content_type}",
        f"content-length: {len(problem.body)}",
        "cache-control: no-store",
        "server: meta-ai",
        "x-content-type-options: nosniff",
        "connection: close",
    )
    return "\r\n".join([*head, "", ""]).encode() + problem.body


_HEAD_TOO_LARGE = Refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "head_too_large",
    f"the request line and the headers take more than {MAX_HEAD_BYTES // 1024} KiB, or are more than {MAX_HEADERS}",
)
_TOO_MANY_PIPELINED = Refusal(
    HTTPStatus.TOO_MANY_REQUESTS,
    "too_many_pipelined",
    f"more than {_MOST_PIPELINED} requests of one connection wait for an answer; open another one",
)
_NOT_HTTP = Refusal(HTTPStatus.BAD_REQUEST, "invalid_http", "this is not valid HTTP/1.1")


def bounded(most_connections: int) -> type[BoundedProtocol]:
    """Return the protocol of a server that has at most so many connections."""
    return type("BoundedProtocol", (BoundedProtocol,), {"most_connections": most_connections})
