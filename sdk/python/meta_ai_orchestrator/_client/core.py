"""What is done for a call: the request, its attempts, and what comes of its answer; all without I/O."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, TypeVar
from urllib.parse import urlsplit

from meta_ai_orchestrator import __version__
from meta_ai_orchestrator._client.actions import Close, Emit, Emits, Open, Read, Request, Response, Send, Sleep, Steps
from meta_ai_orchestrator._client.calls import Call, encoded
from meta_ai_orchestrator._client.errors import APIConnectionError, APIError, UsageError
from meta_ai_orchestrator._client.model import Model
from meta_ai_orchestrator._client.retries import retry_delay

T = TypeVar("T")
M = TypeVar("M", bound=Model)

DEFAULT_BASE_URL = "http://127.0.0.1:8089/v1"
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_MULTIPLE_CHOICES = 300

RequestHook = Callable[[Request], None]
ResponseHook = Callable[[Request, Response], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What a client is made with; see `Client`."""

    api_key: str | Callable[[], str] | None = field(default=None, repr=False)
    base_url: str | None = None
    timeout: float = 60.0
    max_retries: int = 2
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    on_request: RequestHook | None = None
    on_response: ResponseHook | None = None


class Core:
    """Describes requests, and tries them again, for clients with and without `await`."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._base = _base(options.base_url or os.environ.get("META_AI_BASE_URL") or DEFAULT_BASE_URL)
        self._key = options.api_key or os.environ.get("META_AI_API_KEY") or None
        if options.timeout <= 0 or options.max_retries < 0:
            raise UsageError("timeout must be more than 0 seconds, and max_retries 0 or more")

    def call(self, call: Call[T]) -> Steps[T]:
        """Send a request until it is answered, and return what its answer becomes."""
        return call.parse((yield from self.exchange(call)))

    def exchange(self, call: Call[Any]) -> Steps[Response]:
        """Send a request until it is answered, and return the answer."""
        for attempt in count():
            try:
                return (yield from self._attempt(call))
            except (APIError, APIConnectionError) as error:
                delay = retry_delay(error, attempt, repeatable=call.repeatable)
                if delay is None or attempt >= self.options.max_retries:
                    raise
            yield Sleep(delay)
        raise AssertionError  # pragma: no cover  # it counts forever

    def open(self, call: Call[Any]) -> Steps[Response]:
        """Send a request once, and return the head of its answer; `Read` brings the rest."""
        request = self.request(call)
        response: Response = yield Open(request)
        if response.status >= _MULTIPLE_CHOICES:
            parts = []
            while part := (yield Read()):
                parts.append(part)
            yield Close()
            response = replace(response, content=b"".join(parts))
        return self._answered(request, response)

    def pages(self, path: str, kind: type[M], query: Mapping[str, Any] | None = None) -> Emits[M]:
        """Hand out the `data` of a list, page by page: a page may be short or empty though there are more."""
        call = Call(Rows.of, "GET", path, query or {})
        while True:
            page = yield from self.call(call)
            for row in page.data:
                yield Emit(kind(row))
            if not page.next:
                return
            call = replace(call, query={**call.query, "cursor": page.next})

    def report(self, call: Call[M]) -> Steps[M]:
        """Return a list that is more than its rows, with the rows of all its pages."""
        first = response = yield from self.exchange(call)
        rows: list[dict[str, Any]] = []
        while True:
            page = Rows.of(response)
            rows += page.data
            if not page.next:
                return call.parse(replace(first, content=encoded({**first.json(), "data": rows, "next": None})))
            response = yield from self.exchange(replace(call, query={**call.query, "cursor": page.next}))

    def request(self, call: Call[Any]) -> Request:
        """Return the request of one attempt."""
        headers = {"accept": "application/json", "user-agent": f"meta-ai-orchestrator-python/{__version__}"}
        if call.content is not None:
            headers["content-type"] = call.content_type
        if call.wait:
            headers["prefer"] = f"wait={call.wait}"
        if key := self._key() if callable(self._key) else self._key:
            headers["authorization"] = f"Bearer {_checked(key)}"
        for name, value in {**call.headers, **self.options.headers}.items():
            headers[name.lower()] = value
        request = Request(
            call.method, self._base + call.target, self.options.timeout + call.wait, headers, call.content
        )
        if self.options.on_request:
            self.options.on_request(request)
        return request

    def _attempt(self, call: Call[Any]) -> Steps[Response]:
        request = self.request(call)
        response: Response = yield Send(request)
        return self._answered(request, response)

    def _answered(self, request: Request, response: Response) -> Response:
        if self.options.on_response:
            self.options.on_response(request, response)
        # Redirects are not followed, so that a key goes nowhere else.
        if response.status >= _MULTIPLE_CHOICES:
            raise APIError.of(response)
        return response


class Rows(Model):
    """A page of a list, with its rows as they are."""

    data: list[dict[str, Any]]
    next: str | None = None


def now() -> float:
    """Return the time by a clock that is never set."""
    return time.monotonic()


def _base(url: str) -> str:
    split = urlsplit(url)
    if (
        split.scheme not in {"http", "https"}
        or not split.hostname
        or split.query
        or split.fragment
        or "@" in split.netloc
    ):
        raise UsageError("base_url must be an address such as https://host/v1, without credentials")
    return url.rstrip("/").removesuffix("/v1")


def _checked(key: str) -> str:
    """Return the key: the errors of HTTP clients repeat headers that are not valid, so it must not get there."""
    if not _PRINTABLE.fullmatch(key):
        raise UsageError("api_key has characters that no key has, such as a line break")
    return key
