from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.errors import ConfigurationError, InvalidRequest, ModelTimeout, Overloaded, Unauthorized, Unavailable
from app.models.anthropic.adapter import Anthropic
from app.models.base import Completion, Delta, Prompt
from app.settings import ModelSettings
from tests.models.upstream import Upstream, event
from topics.model_requests import Message, Sampling
from topics.model_responses import Usage

USER = Message(role="user", content="Hello?")
KEY = "sk-planted-1"


def anthropic(upstream: Upstream, **fields: object) -> Anthropic:
    given = {"provider": "anthropic", "model": "claude-x", "base_url": upstream.url, "api_key": KEY}
    return Anthropic.from_settings("m", ModelSettings.model_validate(given | fields))


def reply(*texts: str, **fields: object) -> dict[str, Any]:
    blocks = [{"type": "text", "text": text} for text in texts]
    usage = {"input_tokens": 11, "output_tokens": 3}
    return {"type": "message", "content": blocks, "stop_reason": "end_turn", "usage": usage} | fields


def events(*texts: str) -> list[bytes]:
    start: dict[str, Any] = {"type": "message_start", "message": {"usage": {"input_tokens": 11, "output_tokens": 1}}}
    pieces: list[dict[str, Any]] = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}} for text in texts
    ]
    end: dict[str, Any] = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}}
    block: dict[str, Any] = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    return [event(one, str(one["type"])) for one in (start, block, *pieces, end, {"type": "message_stop"})]


async def answer(model: Anthropic, prompt: Prompt | None = None, *, timeout: float = 5) -> Completion:
    try:
        return await model.complete(prompt or Prompt((USER,)), timeout=timeout)
    finally:
        await model.close()


async def streamed(model: Anthropic, *, timeout: float = 5) -> list[Delta | Completion]:
    try:
        return [piece async for piece in model.stream(Prompt((USER,)), timeout=timeout)]
    finally:
        await model.close()


async def collect(model: Anthropic, pieces: list[Delta | Completion]) -> None:
    async for piece in model.stream(Prompt((USER,)), timeout=5):
        pieces.append(piece)  # noqa: PERF401  # what comes before an error counts


async def test_a_whole_answer(upstream: Upstream) -> None:
    upstream.json(reply("Hi", "."))

    assert await answer(anthropic(upstream)) == Completion("Hi.", "stop", Usage(input_tokens=11, output_tokens=3))


async def test_an_answer_in_pieces(upstream: Upstream) -> None:
    upstream.stream(*events("Hi", "."))

    *pieces, completion = await streamed(anthropic(upstream))

    counts = [Delta(usage=Usage(input_tokens=11, output_tokens=written)) for written in (1, 3)]
    assert pieces == [counts[0], Delta("Hi"), Delta("."), counts[1]]
    assert completion == Completion("Hi.", "stop", Usage(input_tokens=11, output_tokens=3))
    assert upstream.bodies[0]["stream"] is True


async def test_what_is_sent(upstream: Upstream) -> None:
    upstream.json(reply("Hi."))
    options = {"body": {"metadata": {"user_id": "u"}, "thinking": {"type": "enabled", "budget_tokens": 2048}}}
    model = anthropic(upstream, options=options, sampling={"max_tokens": 4096, "top_p": 0.9})

    await answer(model, Prompt((Message(role="system", content="Be brief."), USER), Sampling(top_p=0.5, seed=3)))

    assert upstream.bodies == [
        {
            "model": "claude-x",
            "max_tokens": 4096,
            "system": "Be brief.",
            "messages": [{"role": "user", "content": "Hello?"}],
            "top_p": 0.5,
            "metadata": {"user_id": "u"},
            "thinking": {"type": "enabled", "budget_tokens": 2048},
        }
    ]
    sent = upstream.headers[0]  # which of the two it is, is the SDK's affair
    assert KEY in sent.get("x-api-key", "") + sent.get("authorization", "")
    assert sent["anthropic-version"]


async def test_what_is_left_of_the_limits_comes_with_the_answer(upstream: Upstream) -> None:
    reset = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    headers = {
        "anthropic-ratelimit-requests-remaining": "7",
        "anthropic-ratelimit-tokens-remaining": "900",
        "anthropic-ratelimit-tokens-reset": reset,
    }
    upstream.json(reply("Hi."), headers=headers)
    upstream.stream(*events("Hi."), headers=headers)

    whole = await answer(anthropic(upstream))
    completion = (await streamed(anthropic(upstream)))[-1]

    for answered in (whole, completion):
        assert isinstance(answered, Completion)
        assert answered.allowance is not None
        assert (answered.allowance.requests, answered.allowance.tokens) == (7, 900)
        assert 0 < (answered.allowance.tokens_reset or 0) <= 3600


async def test_too_high_a_temperature_is_refused_before_anything_is_sent(upstream: Upstream) -> None:
    with pytest.raises(InvalidRequest, match=r"temperature 1\.5"):
        await answer(anthropic(upstream), Prompt((USER,), Sampling(temperature=1.5)))

    assert upstream.bodies == []


@pytest.mark.parametrize("body", [{}, {"usage": {}}, {"delta": "Hi."}, {"choices": []}, [], None])
async def test_an_answer_of_another_form_is_never_a_success(body: object, upstream: Upstream) -> None:
    upstream.json(body)

    with pytest.raises(Unavailable, match="unexpected response format"):
        await answer(anthropic(upstream))


async def test_a_stream_that_nothing_closes_has_its_answer_all_the_same(upstream: Upstream) -> None:
    upstream.stream(*events("Hi."), then="silence")

    completion = (await streamed(anthropic(upstream)))[-1]

    assert isinstance(completion, Completion)
    assert completion.text == "Hi."


async def test_a_stream_that_falls_silent_ends_in_time(upstream: Upstream) -> None:
    upstream.stream(*events("Hi.")[:3], then="silence")

    with pytest.raises(ModelTimeout):
        await streamed(anthropic(upstream), timeout=0.2)


async def test_an_error_during_a_stream_ends_it(upstream: Upstream) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": f"Too busy for {KEY}."}}
    upstream.stream(*events("Hi.")[:3], event(error, "error"), then="silence")
    model = anthropic(upstream)
    pieces: list[Delta | Completion] = []

    with pytest.raises(Overloaded, match=r"Too busy for \[redacted\]\."):
        await collect(model, pieces)

    assert pieces == [Delta(usage=Usage(input_tokens=11, output_tokens=1)), Delta("Hi.")]
    async with asyncio.timeout(5):
        await upstream.idle()
    await model.close()


async def test_an_error_before_a_stream_is_that_of_its_status(upstream: Upstream) -> None:
    upstream.json({"type": "error", "error": {"type": "overloaded_error", "message": "Busy."}}, status=529)

    with pytest.raises(Overloaded, match=r"Busy\."):
        await streamed(anthropic(upstream))


def test_a_missing_key_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigurationError, match="ANTHROPIC_API_KEY"):
        Anthropic.from_settings("m", ModelSettings(provider="anthropic", model="claude-x"))


async def test_an_older_model_is_not_sent_what_it_lacks(upstream: Upstream) -> None:
    upstream.json(reply("Hi."))
    model = anthropic(upstream, options={"features": ["-schema", "-reasoning_effort", "seed"]})
    schema: dict[str, Any] = {"type": "object", "properties": {"x": {"type": "integer"}}}

    await answer(model, Prompt((USER,), schema=schema))

    assert model.features == Anthropic.features - {"schema", "reasoning_effort"}
    assert "output_config" not in upstream.bodies[0]


def test_a_default_that_the_api_does_not_know_is_a_matter_of_configuration(upstream: Upstream) -> None:
    with pytest.raises(ConfigurationError, match="anthropic does not support seed"):
        anthropic(upstream, sampling={"seed": 1})


async def test_headers_of_the_environment_are_in_no_error(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-gateway: planted-gateway")
    upstream.json({"error": {"type": "api_error", "message": "planted-gateway is unknown"}}, status=401)

    with pytest.raises(Unauthorized, match=r"^\[redacted\] is unknown$"):
        await answer(anthropic(upstream))

    assert upstream.headers[0]["x-gateway"] == "planted-gateway"
