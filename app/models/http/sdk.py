"""What the official SDKs of hosted providers share: the same generator made them, on the same HTTP library."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any, cast

import httpx2

from app.models.http.endpoint import Endpoint
from app.models.http.errors import BODY_BROKE_OFF, ErrorTranslator

#: How much longer a stream may be: each event wraps a word or two in some hundred bytes.
_STREAM_OVERHEAD = 64


def connect(
    sdk: ModuleType,
    client: type[Any],
    failure: type[Exception],
    *,
    provider: str,
    endpoint: Endpoint,
    connections: int,
) -> tuple[Any, ErrorTranslator]:
    """Return a `client` of `sdk` that does not retry, and the translator of its errors.

    `failure` is the base of the SDK's own errors; at most `connections` are open at once. Whatever its status, not
    more of an answer is read than the endpoint's `max_response_bytes`, and of a stream of events 64 times that.
    """
    made = client(
        api_key=endpoint.api_key,
        base_url=endpoint.base_url,
        # A few compressed bytes may expand to gigabytes: the limit needs them uncompressed.
        default_headers={"accept-encoding": "identity", **endpoint.headers},
        max_retries=0,
        http_client=sdk.DefaultAioHttpClient(
            limits=httpx2.Limits(max_connections=connections),
            follow_redirects=False,  # a redirect could carry the key to another host
            event_hooks={"response": [_size_limit(endpoint.max_response_bytes)]},
        ),
    )
    expected = (failure, httpx2.HTTPError, OSError, RuntimeError)  # the last: used after close
    return made, ErrorTranslator(provider, sdk, endpoint.secrets, expected)


def timeouts(endpoint: Endpoint, timeout: float) -> httpx2.Timeout:
    """Return the timeouts of one attempt: shorter for connecting, since an unreachable host does not answer."""
    return httpx2.Timeout(timeout, connect=min(timeout, endpoint.connect_timeout))


def _size_limit(most: int) -> Any:
    async def bound(response: httpx2.Response) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise httpx2.DecodingError(
                "the answer is compressed although that was not requested", request=response.request
            )
        wrapped = response.headers.get("content-type", "").lower().startswith("text/event-stream")
        stream = cast("httpx2.AsyncByteStream", response.stream)
        most_read = most * _STREAM_OVERHEAD if wrapped else most
        response.stream = _SizeLimitedStream(stream, most_read, answered=response.is_success)

    return bound


class _SizeLimitedStream(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, most: int, *, answered: bool) -> None:
        self._stream = stream
        self._most = most
        self._answered = answered

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        try:
            async for chunk in self._stream:
                read += len(chunk)
                if read > self._most:
                    raise httpx2.ReadError(f"the answer is longer than {self._most} bytes (options.max_response_bytes)")
                yield chunk
        except httpx2.HTTPError as problem:
            if self._answered:
                problem.add_note(BODY_BROKE_OFF)
            raise

    async def aclose(self) -> None:
        await self._stream.aclose()
