from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from app.errors import ConfigurationError, ContentFiltered, Unavailable
from app.models.answers.verdict import empty_answer
from app.models.base import Completion, Delta, Prompt, RateLimitHeaders
from app.models.capabilities import adapt_prompt
from app.models.openai.adapter import OpenAI
from app.settings import ModelSettings
from tests.models.upstream import Upstream, event
from topics.model_requests import Message, Sampling
from topics.model_responses import Usage

PROMPT = Prompt((Message(role="system", content="Be brief."), Message(role="user", content="Hello?")))


def openai(upstream: Upstream, **fields: object) -> OpenAI:
    given = {"provider": "openai", "model": "gpt-x", "base_url": upstream.url + "/v1", "api_key": "sk-planted-1"}
    return OpenAI.from_settings("m", ModelSettings.model_validate(given | fields))


def reply(text: str | None = "Hi.", reason: str | None = "stop", **message: object) -> dict[str, Any]:
    return {
        "choices": [{"message": {"role": "assistant", "content": text, **message}, "finish_reason": reason}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 3},
    }


async def answer(model: OpenAI, prompt: Prompt = PROMPT) -> Completion:
    try:
        return await model.complete(prompt, timeout=5)
    finally:
        await model.close()


async def test_the_answer_comes_with_its_usage(upstream: Upstream) -> None:
    upstream.json(reply())

    assert await answer(openai(upstream)) == Completion("Hi.", "stop", Usage(input_tokens=11, output_tokens=3))


async def test_what_is_sent(upstream: Upstream) -> None:
    upstream.json(reply())
    model = openai(
        upstream,
        sampling={"temperature": 0.5, "max_tokens": 9},
        options={"body": {"service_tier": "flex"}, "headers": {"x-team": "planted-header"}},
    )

    await answer(model, Prompt(PROMPT.messages, Sampling(max_tokens=4, seed=1, stop=("END",))))

    assert upstream.bodies == [
        {
            "model": "gpt-x",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}],
            "temperature": 0.5,
            "max_tokens": 4,
            "seed": 1,
            "stop": ["END"],
            "service_tier": "flex",
        }
    ]
    assert upstream.headers[0]["Authorization"] == "Bearer sk-planted-1"
    assert upstream.headers[0]["x-team"] == "planted-header"


async def test_the_newer_name_of_max_tokens_can_be_chosen(upstream: Upstream) -> None:
    upstream.json(reply())

    await answer(openai(upstream, sampling={"max_tokens": 9}, options={"max_tokens_field": "max_completion_tokens"}))

    assert upstream.bodies[0]["max_completion_tokens"] == 9
    assert "max_tokens" not in upstream.bodies[0]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("eos", "stop"),
        (None, "other"),
    ],
)
async def test_the_reason_to_finish_is_normalised(theirs: str | None, ours: str, upstream: Upstream) -> None:
    upstream.json(reply(reason=theirs))

    assert (await answer(openai(upstream))).finish_reason == ours


@pytest.mark.parametrize("reason", ["length", "tool_calls"])
async def test_an_answer_may_be_cut_before_its_first_word(reason: str, upstream: Upstream) -> None:
    upstream.json(reply(None, reason))

    assert (await answer(openai(upstream))).text == ""


@pytest.mark.parametrize("body", [reply(reason="content_filter"), reply(None, refusal="I must not.")])
async def test_a_withheld_answer_is_filtered(body: dict[str, Any], upstream: Upstream) -> None:
    upstream.json(body)

    with pytest.raises(ContentFiltered):
        await answer(openai(upstream))


@pytest.mark.parametrize(
    "body",
    [
        {"choices": []},
        {"choices": None},
        {"choices": [{}]},
        {"choices": "none"},
        [],
        None,
    ],
)
async def test_an_answer_without_a_usable_choice_is_never_a_success(body: object, upstream: Upstream) -> None:
    upstream.json(body)

    with pytest.raises(Unavailable, match="unexpected response format"):
        await answer(openai(upstream))


@pytest.mark.parametrize("body", [reply(None), reply(""), {"choices": [{"finish_reason": "stop"}]}])
async def test_an_answer_without_a_text_is_empty(body: object, upstream: Upstream) -> None:
    upstream.json(body)

    assert empty_answer(await answer(openai(upstream)), "host")


def test_a_missing_key_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        OpenAI.from_settings("m", ModelSettings(provider="openai", model="gpt-x"))


def chunk(reason: str | None = None, **delta: object) -> bytes:
    return event({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})


DONE = event("[DONE]")
RESPONSE: dict[str, Any] = {
    "status": "completed",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi."}]}],
    "usage": {"input_tokens": 11, "output_tokens": 3},
}


def responses(upstream: Upstream, **options: object) -> OpenAI:
    return openai(upstream, options={"dialect": "responses", **options})


async def streamed(model: OpenAI, prompt: Prompt = PROMPT) -> list[Delta | Completion]:
    try:
        return [piece async for piece in model.stream(prompt, timeout=5)]
    finally:
        await model.close()


async def test_a_streamed_answer(upstream: Upstream) -> None:
    usage = event({"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 3}})
    upstream.stream(chunk(content="H"), chunk(content="i."), chunk("stop"), usage, DONE)

    assert await streamed(openai(upstream)) == [
        Delta("H"),
        Delta("i."),
        Delta(usage=Usage(input_tokens=11, output_tokens=3)),
        Completion("Hi.", "stop", Usage(input_tokens=11, output_tokens=3)),
    ]
    assert upstream.bodies[0]["stream"] is True
    assert upstream.bodies[0]["stream_options"] == {"include_usage": True}


async def test_an_answer_in_responses(upstream: Upstream) -> None:
    upstream.json(RESPONSE)

    completion = await answer(responses(upstream))

    assert completion == Completion("Hi.", "stop", Usage(input_tokens=11, output_tokens=3))
    assert upstream.bodies[0]["input"][1] == {"role": "user", "content": "Hello?"}


async def test_a_streamed_answer_in_responses(upstream: Upstream) -> None:
    upstream.stream(
        event({"type": "response.output_text.delta", "delta": "H"}, "response.output_text.delta"),
        event({"type": "response.output_text.delta", "delta": "i."}, "response.output_text.delta"),
        event({"type": "response.completed", "response": RESPONSE}, "response.completed"),
    )

    assert await streamed(responses(upstream)) == [
        Delta("H"),
        Delta("i."),
        Completion("Hi.", "stop", Usage(input_tokens=11, output_tokens=3)),
    ]


async def test_what_is_left_of_the_limits_is_told(upstream: Upstream) -> None:
    left = {"x-ratelimit-remaining-requests": "7", "x-ratelimit-reset-requests": "1s"}
    upstream.json(reply(), headers=left)
    upstream.stream(chunk("stop", content="Hi."), DONE, headers=left)
    expected = RateLimitHeaders(requests=7, requests_reset=1.0)

    assert (await answer(openai(upstream))).allowance == expected
    last = (await streamed(openai(upstream)))[-1]
    assert isinstance(last, Completion)
    assert last.allowance == expected


@pytest.mark.parametrize("make", [openai, responses])
@pytest.mark.parametrize("parts", [[], [chunk(content="Half")], [event({"type": "x"})], [event("{")]])
async def test_a_stream_that_ends_too_early_is_unavailable(
    parts: list[bytes], make: Callable[[Upstream], OpenAI], upstream: Upstream
) -> None:
    upstream.stream(*parts)

    with pytest.raises(Unavailable):
        await streamed(make(upstream))


async def test_closing_a_stream_closes_its_connection_and_the_next_call_works(upstream: Upstream) -> None:
    upstream.stream(chunk(content="H"), then="silence")
    upstream.json(reply())
    model = openai(upstream)
    pieces = model.stream(PROMPT, timeout=30)

    assert await anext(pieces) == Delta("H")
    assert upstream.connections == 1
    await pieces.aclose()

    async with asyncio.timeout(5):
        await upstream.idle()
    assert (await answer(model)).text == "Hi."


def test_features_are_those_of_the_row_and_the_wire(upstream: Upstream) -> None:
    assert {"seed", "stop", "logprobs", "schema", "images", "streaming"} <= openai(upstream).features
    assert openai(upstream).features - responses(upstream).features == {"seed", "stop"}
    assert "seed" not in responses(upstream, features=["seed"]).features


def test_features_can_be_added_and_taken_away(upstream: Upstream) -> None:
    changed = openai(upstream, provider="deepseek", options={"features": ["seed", "-stop"]}).features
    known = openai(upstream, provider="deepseek").features

    assert changed - known == {"seed"}
    assert known - changed == {"stop"}


def test_an_unknown_feature_is_answered_with_the_known_ones(upstream: Upstream) -> None:
    with pytest.raises(ConfigurationError, match=r"models\.m\.options\.features.*'telepathy'.*images, logprobs"):
        openai(upstream, options={"features": ["telepathy"]})


def test_a_default_that_the_provider_has_not_is_refused(upstream: Upstream) -> None:
    with pytest.raises(ConfigurationError, match=r"models\.m\.sampling\.seed: deepseek does not support seed"):
        openai(upstream, provider="deepseek", sampling={"seed": 1})


async def test_what_was_left_out_is_not_sent(upstream: Upstream) -> None:
    upstream.json(RESPONSE)
    model = responses(upstream)
    prompt, downgraded = adapt_prompt(Prompt(PROMPT.messages, Sampling(seed=1, stop=("END",))), model, ("seed", "stop"))

    await answer(model, prompt)

    assert downgraded == ("seed", "stop")
    assert not {"seed", "stop"} & upstream.bodies[0].keys()


@pytest.mark.parametrize(("provider", "sent"), [("openai", True), ("deepseek", False)])
async def test_a_schema_goes_to_who_can_keep_to_it(provider: str, sent: bool, upstream: Upstream) -> None:  # noqa: FBT001  # a parameter of a test
    upstream.json(reply())

    await answer(openai(upstream, provider=provider), Prompt(PROMPT.messages, schema={"type": "object"}))

    assert ("response_format" in upstream.bodies[0]) is sent


async def test_more_of_reasoning_can_be_asked_for(upstream: Upstream) -> None:
    upstream.json(RESPONSE)
    model = responses(upstream, body={"reasoning": {"summary": "auto"}})

    await answer(model, Prompt(PROMPT.messages, Sampling(reasoning_effort="low")))

    assert upstream.bodies[0]["reasoning"] == {"effort": "low", "summary": "auto"}


async def test_an_answer_that_is_too_long_is_unavailable(upstream: Upstream) -> None:
    upstream.json(reply("x" * 2000))

    with pytest.raises(Unavailable, match="longer than 1024 bytes"):
        await answer(openai(upstream, options={"max_response_bytes": 1024}))


@pytest.mark.parametrize(
    "piece", [chunk(content="x" * 10), chunk(tool_calls=[{"index": 0, "function": {"arguments": "x" * 10}}])]
)
async def test_a_streamed_answer_that_is_too_long_is_unavailable(piece: bytes, upstream: Upstream) -> None:
    upstream.stream(*[piece] * 200, chunk("stop"), DONE)

    with pytest.raises(Unavailable, match="longer than 1024 bytes"):
        await streamed(openai(upstream, options={"max_response_bytes": 1024}))


async def test_what_wraps_the_pieces_of_an_answer_does_not_count(upstream: Upstream) -> None:
    upstream.stream(*[chunk(content="x")] * 200, chunk("stop"), DONE)

    *_, last = await streamed(openai(upstream, options={"max_response_bytes": 1024}))

    assert isinstance(last, Completion)
    assert last.text == "x" * 200
