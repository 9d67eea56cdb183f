"""What the official SDKs of hosted providers share: the same generator made them, on the same HTTP library."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any, cast

import httpx2

from app.models.http.endpoint import Endpoint
from app.models.http.errors import BODY_BROKE_OFF, ErrorTranslator

#: How much longer a stream may be: each event wraps a word or two in some hundred bytes.
_STREAM_OVERHEAD = 64
#: What is unpacked: both have a beginning that JSON and events do not have. And what cannot be.
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_BEGINNINGS = (b"\x1f", b"\x78")
_UNKNOWN = frozenset({"br", "zstd", "compress"})
_ANY_WRAPPER = 32 + zlib.MAX_WBITS


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
        # What is not compressed is shown as it arrives, and is as long as it says.
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
        wrapped = response.headers.get("content-type", "").lower().startswith("text/event-stream")
        stream = cast("httpx2.AsyncByteStream", response.stream)
        most_read = most * _STREAM_OVERHEAD if wrapped else most
        # Some servers and proxies compress although that was not requested.
        encoding = response.headers.pop("content-encoding", "").strip().lower()
        response.stream = _SizeLimitedStream(stream, most_read, encoding, answered=response.is_success)

    return bound


class Unpacker:
    """Unpacks a body of this content encoding piece by piece; it may be another than the body has."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._begun = encoding not in _PACKED
        self._stream: Any = None

    def __call__(self, piece: bytes, most: int) -> bytes:
        """Return what a piece unpacks to, as far as its first `most` bytes.

        Raises:
            DecodingError: it is packed in a way that is not known here, or damaged.
        """
        if self._encoding in _UNKNOWN:
            raise httpx2.DecodingError(f"the answer is compressed with {self._encoding}, which was not requested")
        if not self._begun and piece:
            self._begun = True
            self._stream = zlib.decompressobj(_ANY_WRAPPER) if piece.startswith(_BEGINNINGS) else None
        if self._stream is None:
            return piece
        try:
            unpacked: bytes = self._stream.decompress(piece, most)
        except zlib.error as problem:
            raise httpx2.DecodingError(f"the answer is damaged: {problem}") from None
        return unpacked


class _SizeLimitedStream(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, most: int, encoding: str, *, answered: bool) -> None:
        self._stream = stream
        self._most = most
        self._encoding = encoding
        self._answered = answered

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left, unpack = self._most, Unpacker(self._encoding)
        try:
            async for chunk in self._stream:
                # A few compressed bytes may expand to gigabytes.
                found = unpack(chunk, left + 1)
                left -= len(found)
                if left < 0:
                    raise httpx2.ReadError(f"the answer is longer than {self._most} bytes (options.max_response_bytes)")
                yield found
        except httpx2.HTTPError as problem:
            if self._answered:
                problem.add_note(BODY_BROKE_OFF)
            raise

    async def aclose(self) -> None:
        await self._stream.aclose()
