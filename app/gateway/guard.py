"""What every request must pass before it is looked at: who may ask, how much, how deep, and for how long."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.gateway.problems import Refusal

#: Pydantic, which reads events, refuses what is nested more than 200 deep; an event adds some of its own.
MAX_DEPTH = 100
_BODY_SECONDS = 30.0
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
#: A string that is not closed counts as one too: so nothing is looked at twice.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
#: Where a body may be YAML instead; no form of a web page can send that either.
_YAML = "application/yaml"
_YAML_PATHS = frozenset({"/v1/workflows", "/v1/workflows/diff", "/v1/workflows/validate"})
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Server": "meta-ai",
    "X-Content-Type-Options": "nosniff",
}
_OVER_TLS = {"Strict-Transport-Security": "max-age=31536000"}

_JSON = frozenset({"application/json"})

Refuse = Callable[[Refusal, Scope, Receive, Send], Awaitable[None]]
#: Media types, by path.
Streamed = Mapping[str, frozenset[str]]
#: Raises a Refusal if a request with these headers is not answered.
CheckSender = Callable[[Headers], None]
#: May add to the headers of the response.
Admit = Callable[[Scope, dict[str, str]], Awaitable[None]]


class Guard:
    """Gives each request an id, has its sender checked and admitted, and reads its body within the bounds.

    Only JSON is read: another thing that a web page can send without being asked for permission is not.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_bytes: int,
        refuse: Refuse,
        check_sender: CheckSender,
        admit: Admit,
        streamed: Streamed,
    ) -> None:
        """`streamed` are the paths whose bodies the routes read themselves, piece by piece, with their media types."""
        self._app = app
        self._max_bytes = max_bytes
        self._refuse = refuse
        self._admit = admit
        self._check_sender = check_sender
        self._streamed = streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_headers = Headers(scope=scope)
        scope.setdefault("state", {})["request_id"] = request_id = _request_id(request_headers)
        headers = {**_HEADERS, "X-Request-Id": request_id, **(_OVER_TLS if scope["scheme"] == "https" else {})}
        send = _with_headers(send, headers)
        try:
            self._check_sender(request_headers)
            await self._admit(scope, headers)
            receive = await self._body(scope, request_headers, receive)
        except Refusal as refusal:
            await self._refuse(refusal, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _body(self, scope: Scope, given: Headers, receive: Receive) -> Receive:
        """Return what gives the app the body: read and checked, or else piece by piece."""
        if scope["method"] in {"GET", "HEAD", "OPTIONS", "DELETE"}:
            return _replayed(b"", receive)
        streamed = self._streamed.get(scope["path"]) if scope["method"] == "POST" else None
        kinds = streamed or ({*_JSON, _YAML} if scope["path"] in _YAML_PATHS else _JSON)
        kind = given.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in kinds or given.get("content-encoding", "identity") != "identity":
            text = f"send the body with Content-Type: {' or '.join(sorted(kinds))}, and without compression"
            raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", text)
        return _paced(receive) if streamed else _replayed(await self._whole(kind, receive), receive)

    async def _whole(self, kind: str, receive: Receive) -> bytes:
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                body = await self._read(receive)
        except TimeoutError:
            raise _too_slow(f"the body did not arrive within {_BODY_SECONDS:g} s") from None
        if kind != _YAML and depth(body) > MAX_DEPTH:  # the reader of YAML has bounds of its own
            raise Refusal(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "too_deep",
                f"the body is nested more than {MAX_DEPTH} deep; flatten it",
            )
        return body

    async def _read(self, receive: Receive) -> bytes:
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _incomplete()
            part = message.get("body", b"")
            size += len(part)
            if size > self._max_bytes:
                text = f"the body is larger than delivery.max_event_bytes allows ({self._max_bytes}); send a reference"
                headers = {"Connection": "close"}
                raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", text, headers=headers)
            parts.append(part)
            if not message.get("more_body"):
                return b"".join(parts)


def depth(body: bytes) -> int:
    """Return how deep brackets are nested in what should be JSON, outside of its strings."""
    deepest = now = 0
    for token in _STRING_OR_BRACKET.finditer(body):
        match token[0]:
            case b"[" | b"{":
                now += 1
                deepest = max(deepest, now)
            case b"]" | b"}":
                now -= 1
    return deepest


def _request_id(given: Headers) -> str:
    wanted = given.get("x-request-id", "")
    return wanted if _REQUEST_ID.fullmatch(wanted) else uuid4().hex


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Give the app the body that was read, and after it what else comes, such as the end of the connection."""
    messages: Iterable[Any] = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replay() -> Message:
        first: Message | None = next(messages, None)  # type: ignore[call-overload]
        return first if first is not None else await receive()

    return replay


def _paced(receive: Receive) -> Receive:
    """Give the app the body as it comes, as long as it does come."""
    ended = False

    async def next_piece() -> Message:
        nonlocal ended
        if ended:
            return await receive()
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                message = await receive()
        except TimeoutError:
            raise _too_slow(f"nothing more of the body arrived within {_BODY_SECONDS:g} s") from None
        if message["type"] == "http.disconnect":
            raise _incomplete()
        ended = not message.get("more_body")
        return message

    return next_piece


def _too_slow(text: str) -> Refusal:
    return Refusal(HTTPStatus.REQUEST_TIMEOUT, "request_timeout", text, headers={"Connection": "close"})


def _incomplete() -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "incomplete_body", "the connection ended before the body did")


def _with_headers(send: Send, added: dict[str, str]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(raw=message.setdefault("headers", [])).update(added)
        await send(message)

    return sending
