from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from app import errors
from app.models.base import Completion, Delta
from app.models.copilot.reply import CopilotReply
from app.models.http.errors import ErrorTranslator
from topics.model_responses import Usage


def told(kind: str, **fields: Any) -> Any:
    return type(kind, (SimpleNamespace,), {})(**fields)


def used(**fields: Any) -> Any:
    nothing = dict.fromkeys(
        ("finish_reason", "input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens"), None
    )
    return told("AssistantUsageData", **nothing | fields)


def answer() -> CopilotReply:
    return CopilotReply(ErrorTranslator("copilot", None, ("sk-planted",)))


def test_pieces_reasoning_and_counts_make_the_answer() -> None:
    subject = answer()
    events = [
        told("AssistantTurnStartData"),
        told("AssistantReasoningDeltaData", delta_content="hm"),
        told("AssistantMessageDeltaData", delta_content="Hel"),
        used(finish_reason="stop", input_tokens=9, output_tokens=3, cache_read_tokens=4, reasoning_tokens=1),
        told("AssistantMessageData", content="Hello"),
    ]

    assert [subject.take(event) for event in events] == [
        None,
        Delta(reasoning="hm"),
        Delta("Hel"),
        Delta(usage=Usage(input_tokens=9, output_tokens=3, cached_input_tokens=4, reasoning_tokens=1)),
        Delta("lo"),
    ]
    before = subject.ended
    subject.take(told("AssistantTurnEndData"))
    assert (before, subject.ended) == (False, True)
    usage = Usage(input_tokens=9, output_tokens=3, cached_input_tokens=4, reasoning_tokens=1)
    assert subject.completion() == Completion("Hello", "stop", usage, reasoning="hm")


def test_an_answer_that_is_not_told_as_a_whole_is_its_pieces() -> None:
    subject = answer()
    for event in (told("AssistantMessageDeltaData", delta_content="Hel"), used(finish_reason="length")):
        subject.take(event)

    assert (subject.completion().text, subject.completion().finish_reason) == ("Hel", "length")


def test_no_answer_is_an_error() -> None:
    subject = answer()
    subject.take(told("SessionIdleData"))

    assert subject.ended
    with pytest.raises(errors.Unavailable, match="without an answer"):
        subject.completion()


@pytest.mark.parametrize(
    ("event", "kind", "message"),
    [
        (
            told("ModelCallFailureData", status_code=429, error_message='{"message": "slow", "type": "x"}'),
            errors.RateLimited,
            "slow",
        ),
        (
            told("ModelCallFailureData", status_code=None, error_message="reset sk-planted"),
            errors.Unavailable,
            "reset .redacted.",
        ),
        (
            told("SessionErrorData", status_code=None, error_type="authentication", message="who?"),
            errors.Unauthorized,
            "who",
        ),
        (
            told("SessionErrorData", status_code=None, error_type="query", message="[1]"),
            errors.Unavailable,
            "1",
        ),
        (told("ModelCallFailureData", status_code=503, error_message=None), errors.Overloaded, "without a message"),
    ],
)
def test_a_failure_is_named(event: Any, kind: type[errors.ModelError], message: str) -> None:
    with pytest.raises(kind, match=message):
        answer().take(event)
