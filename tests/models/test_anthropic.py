from __future__ import annotations

from typing import Any

import pytest

from app.errors import ConfigurationError, ContentFiltered, InvalidRequest, Unavailable
from app.models.anthropic import Anthropic
from app.models.base import Completion, Prompt
from app.settings import ModelSettings
from tests.models.upstream import Upstream
from topics.model_requests import Message, Sampling
from topics.model_responses import Usage

USER = Message(role="user", content="Hello?")


def anthropic(upstream: Upstream, **fields: object) -> Anthropic:
    given = {"provider": "anthropic", "model": "claude-x", "base_url": upstream.url, "api_key": "sk-planted-1"}
    return Anthropic.from_settings("m", ModelSettings.model_validate(given | fields))


def reply(*texts: str, reason: str | None = "end_turn", **usage: int) -> dict[str, Any]:
    blocks = [{"type": "text", "text": text} for text in texts]
    counted = {"input_tokens": 11, "output_tokens": 3, "cache_read_input_tokens": None, **usage}
    return {"type": "message", "content": blocks, "stop_reason": reason, "usage": counted}


async def answer(model: Anthropic, prompt: Prompt | None = None) -> Completion:
    try:
        return await model.complete(prompt or Prompt((USER,)), timeout=5)
    finally:
        await model.close()


async def test_the_answer_is_all_its_text_with_its_usage(upstream: Upstream) -> None:
    body = reply("Hi", ".", cache_creation_input_tokens=4, cache_read_input_tokens=2)
    body["content"].insert(0, {"type": "thinking", "thinking": "hm"})
    upstream.json(body)

    assert await answer(anthropic(upstream)) == Completion("Hi.", "stop", Usage(input_tokens=17, output_tokens=3))


async def test_what_is_sent(upstream: Upstream) -> None:
    upstream.json(reply("Hi."))
    turns = (
        Message(role="system", content="Be brief."),
        USER,
        Message(role="assistant", content="Yes?"),
        Message(role="system", content="Be kind."),
        Message(role="user", content="Bye."),
    )
    model = anthropic(upstream, options={"body": {"metadata": {"user_id": "u"}}})

    await answer(model, Prompt(turns, Sampling(temperature=1.0, top_p=0.5, seed=3, stop=("END",))))

    assert upstream.bodies == [
        {
            "model": "claude-x",
            "max_tokens": 1024,
            "system": "Be brief.\n\nBe kind.",
            "messages": [
                {"role": "user", "content": "Hello?"},
                {"role": "assistant", "content": "Yes?"},
                {"role": "user", "content": "Bye."},
            ],
            "temperature": 1.0,
            "top_p": 0.5,
            "stop_sequences": ["END"],
            "metadata": {"user_id": "u"},
        }
    ]
    sent = upstream.headers[0]  # which of the two it is, is the SDK's affair
    assert "sk-planted-1" in sent.get("x-api-key", "") + sent.get("authorization", "")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("pause_turn", "other"),
        (None, "other"),
    ],
)
async def test_the_reason_to_finish_is_normalised(theirs: str | None, ours: str, upstream: Upstream) -> None:
    upstream.json(reply("Hi.", reason=theirs))

    assert (await answer(anthropic(upstream))).finish_reason == ours


async def test_too_high_a_temperature_is_refused_before_anything_is_sent(upstream: Upstream) -> None:
    with pytest.raises(InvalidRequest, match=r"temperature 1\.5"):
        await answer(anthropic(upstream), Prompt((USER,), Sampling(temperature=1.5)))

    assert upstream.bodies == []


async def test_a_refusal_is_filtered(upstream: Upstream) -> None:
    upstream.json(reply(reason="refusal"))

    with pytest.raises(ContentFiltered, match="refused"):
        await answer(anthropic(upstream))


@pytest.mark.parametrize("body", [{}, {"content": []}, {"content": "Hi.", "usage": {}}, {"choices": []}, [], None])
async def test_an_answer_of_another_form_is_never_a_success(body: object, upstream: Upstream) -> None:
    upstream.json(body)

    with pytest.raises(Unavailable, match="does not have the form"):
        await answer(anthropic(upstream))


def test_a_missing_key_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigurationError, match="ANTHROPIC_API_KEY"):
        Anthropic.from_settings("m", ModelSettings(provider="anthropic", model="claude-x"))
