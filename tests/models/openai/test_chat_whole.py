from __future__ import annotations

from typing import Any

import pytest

from app.errors import ContentFiltered, ModelError, Overloaded, Unavailable
from app.models.base import Completion
from app.models.http.errors import ErrorTranslator
from app.models.openai.chat_answer import ChatAssembler
from tests.models.assemblers import read
from topics.model_requests import ToolCall
from topics.model_responses import Alternative, TokenLogprob

ERRORS = ErrorTranslator("host", None, ())


def reply(message: dict[str, Any], reason: str | None = "stop", **more: Any) -> Completion:
    choice = {"message": message, "finish_reason": reason, **{k: more.pop(k) for k in ("logprobs",) if k in more}}
    return read(ChatAssembler, {"choices": [choice], **more}, ERRORS)


def call(name: str = "weather", **fields: Any) -> dict[str, Any]:
    return {"id": "c1", "type": "function", "function": {"name": name, "arguments": "{}"}, **fields}


@pytest.mark.parametrize("reason", ["tool_calls", "stop"])
def test_calls_of_tools(reason: str) -> None:
    completion = reply({"content": None, "tool_calls": [call(), call("time", id=None)]}, reason)

    assert completion == Completion(
        "",
        "tool_calls",
        tool_calls=(
            ToolCall(id="c1", name="weather", arguments="{}"),
            ToolCall(id="call_1", name="time", arguments="{}"),
        ),
        repaired=("calls",),
    )


def test_calls_of_an_answer_that_is_too_long_do_not_hide_it() -> None:
    assert reply({"content": None, "tool_calls": [call()]}, "length").finish_reason == "length"


@pytest.mark.parametrize(
    "message",
    [
        {"content": "Hi.", "reasoning_content": "Hm."},
        {"content": "Hi.", "reasoning": "Hm."},
        {"content": "Hi.", "reasoning": "Hm.", "reasoning_content": ""},
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}, {"type": "text", "text": "."}]},
                {"type": "text", "text": "H"},
                {"type": "reference", "reference_ids": [1]},
                {"type": "text", "text": "i."},
            ]
        },
        {"content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Hi."}]},
    ],
)
def test_reasoning_is_kept_apart(message: dict[str, Any]) -> None:
    assert reply(message) == Completion("Hi.", reasoning="Hm.")


def test_reasoning_of_an_unknown_form_is_no_reason_to_fail() -> None:
    assert reply({"content": "Hi.", "reasoning": {"effort": "low"}}) == Completion("Hi.", repaired=("fields",))


def test_logprobs() -> None:
    token = {"token": "Hi", "logprob": -0.1, "bytes": [72], "top_logprobs": [{"token": "Ho", "logprob": -2.5}]}

    assert reply({"content": "Hi"}, logprobs={"content": [token]}).logprobs == (
        TokenLogprob(token="Hi", logprob=-0.1, top=(Alternative(token="Ho", logprob=-2.5),)),
    )
    assert reply({"content": "Hi"}, logprobs={"content": None}).logprobs is None
    assert reply({"content": "Hi"}, logprobs=None).logprobs is None


@pytest.mark.parametrize(
    ("message", "reason", "kind"),
    [
        ({"content": None, "refusal": "I must not."}, "stop", ContentFiltered),
        ({"content": "Half"}, "content_filter", ContentFiltered),
        ({"content": "Half"}, "insufficient_system_resource", Overloaded),
        ({"content": "Half"}, "error", Unavailable),
        ({"content": None, "tool_calls": [{"function": {"arguments": "{}"}}]}, "stop", Unavailable),
    ],
)
def test_what_is_not_an_answer_is_an_error(message: dict[str, Any], reason: str, kind: type[ModelError]) -> None:
    with pytest.raises(ModelError) as raised:
        reply(message, reason)

    assert type(raised.value) is kind
    assert raised.value.provider == "host"
