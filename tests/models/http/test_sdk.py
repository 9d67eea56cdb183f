from __future__ import annotations

import gzip
from types import ModuleType
from typing import Any

import anthropic
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


@pytest.mark.parametrize(("module", "client", "failure"), SDKS)
async def test_what_is_compressed_is_not_unpacked(
    module: ModuleType, client: Any, failure: type[Exception], upstream: Upstream
) -> None:
    packed = gzip.compress(b" " * 1_000_000)
    upstream.stream(packed, kind="application/json", headers={"content-encoding": "gzip"})
    endpoint = Endpoint("m", upstream.url, "k")
    made, errors = sdk.connect(module, client, failure, provider="host", endpoint=endpoint, connections=1)

    with pytest.raises(errors.expected) as raised:
        await made.post("/path", cast_to=object, body={})

    await made.close()
    error = errors.translate(raised.value)
    assert isinstance(error, Unavailable)
    assert "compressed" in str(error)


def test_the_connection_has_no_more_time_than_the_attempt() -> None:
    endpoint = Endpoint("m", None, "k", connect_timeout=5.0)

    assert sdk.timeouts(endpoint, 60.0).as_dict() == {"connect": 5.0, "read": 60.0, "write": 60.0, "pool": 60.0}
    assert sdk.timeouts(endpoint, 2.0).connect == 2.0
