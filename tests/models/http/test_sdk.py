from __future__ import annotations

import gzip
import zlib
from types import ModuleType
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from app.errors import Unavailable
from app.models.http import sdk
from app.models.http.endpoint import Endpoint
from tests.models.upstream import Upstream

SDKS = [
    (openai, openai.AsyncOpenAI, openai.OpenAIError),
    (anthropic, anthropic.AsyncAnthropic, anthropic.AnthropicError),
]


ANSWER = b'{"a": 1}'


async def reply(upstream: Upstream, module: ModuleType, client: Any, failure: type[Exception]) -> httpx2.Response:
    endpoint = Endpoint("m", upstream.url, "k", max_response_bytes=100_000)
    made, errors = sdk.connect(module, client, failure, provider="host", endpoint=endpoint, connections=1)
    try:
        found: httpx2.Response = await made.post("/path", cast_to=httpx2.Response, body={})
    except errors.expected as raised:
        raise errors.translate(raised) from None
    finally:
        await made.close()
    return found


@pytest.mark.parametrize(("module", "client", "failure"), SDKS)
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(ANSWER, mtime=0)),
        ("X-GZIP", gzip.compress(ANSWER, mtime=0)),
        ("deflate", zlib.compress(ANSWER)),
        ("gzip", ANSWER),  # a proxy has unpacked it
        ("none", ANSWER),
        ("utf-8", ANSWER),
    ],
)
async def test_what_is_compressed_unasked_is_read(  # two lists of parameters
    module: ModuleType, client: Any, failure: type[Exception], encoding: str, body: bytes, upstream: Upstream
) -> None:
    upstream.stream(body[:5], body[5:], kind="application/json", headers={"content-encoding": encoding})

    assert (await reply(upstream, module, client, failure)).content == ANSWER


@pytest.mark.parametrize(("module", "client", "failure"), SDKS)
@pytest.mark.parametrize(
    ("encoding", "body", "why"),
    [
        ("gzip", gzip.compress(b" " * 1_000_000, mtime=0), "longer than 100000 bytes"),
        ("gzip", gzip.compress(ANSWER, mtime=0)[:10] + b"odd" * 9, "damaged"),
        ("br", b"\x0b\x02\x80", "compressed with br"),
    ],
)
async def test_what_cannot_be_unpacked_or_is_too_long_is_unavailable(  # noqa: PLR0917  # likewise
    module: ModuleType,
    client: Any,
    failure: type[Exception],
    encoding: str,
    body: bytes,
    why: str,
    upstream: Upstream,
) -> None:
    upstream.stream(body, kind="application/json", headers={"content-encoding": encoding})

    with pytest.raises(Unavailable, match=why):
        await reply(upstream, module, client, failure)


def test_the_connection_has_no_more_time_than_the_attempt() -> None:
    endpoint = Endpoint("m", None, "k", connect_timeout=5.0)

    assert sdk.timeouts(endpoint, 60.0).as_dict() == {"connect": 5.0, "read": 60.0, "write": 60.0, "pool": 60.0}
    assert sdk.timeouts(endpoint, 2.0).connect == 2.0
