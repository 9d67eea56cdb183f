from __future__ import annotations

from typing import Any

import pytest

from app.errors import ConfigurationError, ContentFiltered, Unavailable
from app.models.base import Completion, Prompt
from app.models.openai import OpenAI
from app.settings import ModelSettings
from tests.models.upstream import Upstream
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
        options={"body": {"reasoning_effort": "low"}, "headers": {"x-team": "planted-header"}},
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
            "reasoning_effort": "low",
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
        ("eos", "other"),
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
        {"choices": [{"message": {"content": ["a"]}}]},
        {"choices": [{"finish_reason": "stop"}]},
        {"error": {"message": "no capacity"}},
        reply(None),
        [],
        None,
    ],
)
async def test_an_answer_without_a_usable_choice_is_never_a_success(body: object, upstream: Upstream) -> None:
    upstream.json(body)

    with pytest.raises(Unavailable, match="does not have the form"):
        await answer(openai(upstream))


def test_a_missing_key_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        OpenAI.from_settings("m", ModelSettings(provider="openai", model="gpt-x"))
