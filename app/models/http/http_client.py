"""An HTTP client for one endpoint, on an SDK's transport: whole responses and event streams, both unparsed.

Parsing answers into the SDKs' own models takes more time than the rest of a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, TypeVar

import httpx2

from app.errors import ModelError
from app.models.answers.assembler import AnswerAssembler, read_answer
from app.models.base import Completion, Delta
from app.models.http.endpoint import Endpoint
from app.models.http.errors import ErrorTranslator
from app.models.http.rate_limit_headers import parse_rate_limit_headers
from app.models.http.sdk import timeouts
from app.models.http.sse import MAX_EVENT_BYTES, Event, EventReader, events
from app.models.paid import cut_answer

T = TypeVar("T")

_EVENT_STREAM = "text/event-stream"

#: Seconds to wait for the end of the body after the last event; without it, the connection is not reused.
_DRAIN_SECONDS = 0.05

#: Seconds to wait for token counts and the end of the stream when the answer itself is complete.
_TAIL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class EventStream:
    """The headers of an answer, its events as name and data, and their reader."""

    headers: Mapping[str, str]
    events: AsyncIterator[Event]
    reader: EventReader

    def close(self, assembler: AnswerAssembler) -> Delta | None:
        """Take in the end of the stream; return the last delta."""
        if not self.reader.framed or self.reader.unframed or self.reader.marked:
            assembler.answer.note("framing")
        return assembler.close(framed=self.reader.framed)


class HttpClient:
    """An endpoint, called through a `client` of `sdk.connect`; `headers` override those that it sends itself."""

    def __init__(
        self,
        sdk: ModuleType,
        client: Any,
        errors: ErrorTranslator,
        endpoint: Endpoint,
        headers: Mapping[str, Any] | None = None,
    ) -> None:
        self._client = client
        self._headers = dict(headers or {})
        self._endpoint = endpoint
        self._errors = errors
        self._stream_class = sdk.AsyncStream

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def complete(
        self, path: str, body: dict[str, Any], assembler: AnswerAssembler, *, timeout: float
    ) -> Completion:
        """Return a whole answer, within `timeout` seconds.

        Raises:
            ModelError: one of its subclasses.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        response = await self._begin(path, body, timeout)
        answer = bytearray()
        broken: ModelError | None = None
        try:
            async with aclosing(self._chunks(response, deadline)) as chunks:
                async for chunk in chunks:
                    answer += chunk
        except ModelError as error:  # the answer may be complete all the same
            broken = error
            assembler.answer.note("framing")
        finally:
            await response.aclose()
        try:
            completion = read_answer(bytes(answer), assembler, response.charset_encoding)
        except ModelError:
            if broken:
                raise broken from None
            raise
        return replace(completion, allowance=parse_rate_limit_headers(response.headers, now=datetime.now(UTC)))

    async def assemble(
        self, path: str, body: dict[str, Any], assembler: AnswerAssembler, *, timeout: float
    ) -> AsyncGenerator[Delta | Completion]:
        """Yield the deltas of an answer in events, and last the completion, within `timeout` seconds.

        An answer longer than the endpoint's `max_response_bytes` is aborted. The client cannot tell text from the
        overhead of events, and allows more for a stream. The provider's counts are deltas of their own: who leaves the
        stream before its end has them.

        Raises:
            ModelError: one of its subclasses; it carries what came before it.
        """
        size, usage, counted = 0, assembler.usage, True
        try:
            async with (
                self.stream(path, body, timeout=timeout) as stream,
                aclosing(_deltas(stream.events, assembler)) as deltas,
            ):
                async for delta, length in deltas:
                    size += len(delta.text) + len(delta.reasoning) if delta else length
                    self._check_size(size)
                    reported = assembler.usage is not usage  # another object with each report
                    usage, counted = assembler.usage, reported or (counted and not delta)
                    if delta:
                        yield delta
                    if assembler.done:
                        break
                    if reported:
                        yield Delta(usage=usage)
            if last := stream.close(assembler):
                yield last
            completion = assembler.completion()
            if not counted:
                completion = cut_answer(completion, counted=False) or completion
        except ModelError as error:
            complete = assembler.done or assembler.finished
            error.answer = assembler.partial if complete else cut_answer(assembler.partial, counted=counted)
            raise
        yield replace(completion, allowance=parse_rate_limit_headers(stream.headers, now=datetime.now(UTC)))

    def _check_size(self, size: int) -> None:
        most = self._endpoint.max_response_bytes
        if size > most:
            raise self._errors.broken(f"the answer is longer than {most} bytes (options.max_response_bytes)")

    def whole(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body of a request with what the configuration adds to it."""
        return merge_body(body, self._endpoint.body)

    async def use(self, act: Callable[[Any, Mapping[str, Any]], Awaitable[T]], *, timeout: float) -> T:
        """Return the result of `act` with the SDK's client and these options, within `timeout` seconds.

        Raises:
            ModelError: one of its subclasses.
        """
        options = {"extra_headers": self._headers, "timeout": timeouts(self._endpoint, timeout)}
        try:
            async with asyncio.timeout(timeout):
                return await act(self._client, options)
        except self._errors.expected as problem:
            raise self._errors.translate(problem) from None

    @asynccontextmanager
    async def stream(self, path: str, body: dict[str, Any], *, timeout: float) -> AsyncIterator[EventStream]:
        """Return the headers and events of a streamed answer, all of them within `timeout` seconds.

        Leaving the block ends the answer. Its connection is reused if the body was complete, and closed otherwise.

        Raises:
            ModelError: one of its subclasses; iterating the events raises it, too.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        response = await self._begin(path, body, timeout)
        reader = self._reader(response)
        try:
            async with (
                aclosing(self._chunks(response, deadline)) as chunks,
                aclosing(events(chunks, reader)) as found,
            ):
                yield EventStream(response.headers, found, reader)
                await _drain(found)
        finally:
            await response.aclose()

    def _reader(self, response: httpx2.Response) -> EventReader:
        """Return the reader of a stream; one whose type does not say that it has events must begin as if it had."""
        kind, provider = response.headers.get("content-type") or "of unknown type", self._errors.provider
        charset = response.charset_encoding
        if kind.partition(";")[0].strip().lower() == _EVENT_STREAM:
            return EventReader(provider, MAX_EVENT_BYTES, charset=charset)
        return EventReader(provider, self._endpoint.max_response_bytes, instead=kind, charset=charset)

    def _request(self, body: dict[str, Any], timeout: float) -> dict[str, Any]:
        options = {"timeout": timeouts(self._endpoint, timeout), "headers": self._headers}
        return {"cast_to": httpx2.Response, "body": self.whole(body), "options": options}

    async def _begin(self, path: str, body: dict[str, Any], timeout: float) -> httpx2.Response:
        request = self._request(body, timeout)
        try:
            async with asyncio.timeout(timeout):
                answer: httpx2.Response = await self._client.post(
                    path, **request, stream=True, stream_cls=self._stream_class
                )
        except self._errors.expected as problem:
            raise self._errors.translate(problem) from None
        return answer

    async def _chunks(self, response: httpx2.Response, deadline: float) -> AsyncGenerator[bytes]:
        source = response.aiter_raw()
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    chunk = await anext(source, None)
            except self._errors.expected as problem:
                raise self._errors.translate(problem) from None
            if chunk is None:
                return
            yield chunk


async def _deltas(events: AsyncIterator[Event], assembler: AnswerAssembler) -> AsyncGenerator[tuple[Delta | None, int]]:
    """Yield the delta of each event, and how long its data is, until the answer is complete.

    What should follow its end may fail, or take too long.
    """
    while not assembler.done:
        try:
            if assembler.finished:
                async with asyncio.timeout(_TAIL_SECONDS):
                    event = await anext(events, None)
            else:
                event = await anext(events, None)
            delta = assembler.add(*event) if event else None
        except (TimeoutError, ModelError):
            if not assembler.finished:
                raise
            assembler.answer.note("framing")
            return
        if event is None:
            return
        yield delta, len(event[1])


def merge_body(body: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return `body` merged with the configured fields, also within objects: `reasoning` has more than one field."""
    both = {name: {**body[name], **extra[name]} for name in extra if _both_objects(body.get(name), extra[name])}
    return {**body, **extra, **both}


def _both_objects(one: object, other: object) -> bool:
    return isinstance(one, dict) and isinstance(other, dict)


async def _drain(events: AsyncIterator[object]) -> None:
    with suppress(TimeoutError, ModelError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in events:
                pass
