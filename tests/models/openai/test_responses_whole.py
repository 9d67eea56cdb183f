from __future__ import annotations

from typing import Any

import pytest

from app.errors import ContentFiltered, ModelError, RateLimited, Unavailable
from app.models.base import Completion
from app.models.http.errors import ErrorTranslator
from app.models.openai.responses_answer import ResponsesAssembler
from tests.models.assemblers import read
from topics.model_requests import ToolCall
from topics.model_responses import Alternative, TokenLogprob, Usage

ERRORS = ErrorTranslator("openai", None, ())
THOUGHTS = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "weather", "arguments": "{}"}


def message(*texts: str, **fields: Any) -> dict[str, Any]:
    parts = [{"type": "output_text", "text": text, "annotations": [], **fields} for text in texts]
    return {"type": "message", "role": "assistant", "content": parts}


def reply(*output: dict[str, Any], status: str = "completed", **fields: Any) -> dict[str, Any]:
    return {"id": "resp_1", "object": "response", "status": status, "output": list(output), **fields}


def answer(*output: dict[str, Any], **fields: Any) -> Completion:
    return read(ResponsesAssembler, reply(*output, **fields), ERRORS)


def test_an_answer_with_its_reasoning_and_usage() -> None:
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 8,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 18,
    }

    assert answer(THOUGHTS, message("H", "i."), usage=usage) == Completion(
        "Hi.",
        "stop",
        Usage(input_tokens=10, output_tokens=8, cached_input_tokens=4, reasoning_tokens=5),
        "Hm.",
    )


def test_reasoning_of_open_models_is_content() -> None:
    open_thoughts = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]}

    assert answer(open_thoughts, message("Hi.")).reasoning == "Hm."


def test_calls_of_tools() -> None:
    call = ToolCall(id="c1", name="weather", arguments="{}")

    assert answer(CALL) == Completion("", "tool_calls", tool_calls=(call,))
    assert answer(message("I look."), CALL) == Completion("I look.", "tool_calls", tool_calls=(call,))


def test_logprobs() -> None:
    token = {"token": "Hi", "logprob": -0.1, "top_logprobs": [{"token": "Ho", "logprob": -2.5}]}

    assert answer(message("Hi", logprobs=[token])).logprobs == (
        TokenLogprob(token="Hi", logprob=-0.1, top=(Alternative(token="Ho", logprob=-2.5),)),
    )
    assert answer(message("Hi", logprobs=[])).logprobs is None


@pytest.mark.parametrize(
    ("why", "reason"), [("max_output_tokens", "length"), ("other_reason", "other"), (None, "other")]
)
def test_an_answer_may_be_incomplete(why: str | None, reason: str) -> None:
    details = {"reason": why} if why else None

    assert answer(status="incomplete", incomplete_details=details) == Completion("", reason)
    assert answer(message("Half"), status="incomplete", incomplete_details=details) == Completion("Half", reason)


def refusal(words: str) -> dict[str, Any]:
    return {"type": "message", "content": [{"type": "refusal", "refusal": words}]}


@pytest.mark.parametrize(
    ("body", "kind", "why"),
    [
        (reply(refusal("I must not.")), ContentFiltered, "I must not."),
        (
            reply(message("H"), status="incomplete", incomplete_details={"reason": "content_filter"}),
            ContentFiltered,
            "withheld",
        ),
        (reply(status="failed", error={"code": "server_error", "message": "broken"}), Unavailable, "broken"),
        (reply(status="failed", error={"code": "rate_limit_exceeded", "message": "slow"}), RateLimited, "slow"),
        (reply(status="failed", error=None), Unavailable, "the response is failed"),
        (reply(message("Half"), status="cancelled"), Unavailable, "the response is cancelled"),
        (reply(status="in_progress"), Unavailable, "the response is in_progress"),
        ({"id": "resp_1"}, Unavailable, "unexpected response format"),
        ({"error": {"message": "no"}}, Unavailable, "no"),
        ([], Unavailable, "unexpected response format"),
    ],
)
def test_what_is_not_an_answer_is_an_error(body: object, kind: type[ModelError], why: str) -> None:
    with pytest.raises(ModelError, match=why) as raised:
        read(ResponsesAssembler, body, ERRORS)

    assert type(raised.value) is kind
    assert raised.value.provider == "openai"
