from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from app.errors import ContentFiltered, InvalidRequest, ModelError, Overloaded, RateLimited, Unauthorized, Unavailable
from app.models.base import Completion, Delta
from app.models.http.errors import ErrorTranslator
from app.models.openai.chat_answer import ChatAssembler
from tests.models.assemblers import anything, only_our_errors, told
from topics.model_requests import ToolCall
from topics.model_responses import Alternative, TokenLogprob, Usage

ERRORS = ErrorTranslator("host", None, ())


def chunk(reason: str | None = None, *, logprobs: object = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason, "logprobs": logprobs}]}


def call(arguments: str, **fields: Any) -> dict[str, Any]:
    name = {"name": fields.pop("name")} if "name" in fields else {}
    return {"function": {"arguments": arguments, **name}, **fields}


def test_an_answer_comes_together() -> None:
    assembly, deltas = told(
        ChatAssembler(ERRORS),
        chunk(role="assistant", content=""),
        chunk(reasoning_content="Hm."),
        chunk(content="H", logprobs={"content": [{"token": "H", "logprob": -1.0}]}),
        chunk(
            content="i.",
            logprobs={"content": [{"token": "i.", "logprob": -2.0, "top_logprobs": [{"token": "o", "logprob": -3.0}]}]},
        ),
        chunk("stop"),
        {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 3}},
        "[DONE]",
    )

    assert deltas == [Delta(reasoning="Hm."), Delta("H"), Delta("i.")]
    assert assembly.done
    assert assembly.completion() == Completion(
        "Hi.",
        "stop",
        Usage(input_tokens=5, output_tokens=3),
        "Hm.",
        logprobs=(
            TokenLogprob(token="H", logprob=-1.0),
            TokenLogprob(token="i.", logprob=-2.0, top=(Alternative(token="o", logprob=-3.0),)),
        ),
    )


def test_usage_may_come_with_every_chunk() -> None:
    assembly, _ = told(
        ChatAssembler(ERRORS),
        {**chunk(content="H"), "usage": {"prompt_tokens": 5, "completion_tokens": 1}},
        {**chunk("stop", content="i"), "usage": {"prompt_tokens": 5, "completion_tokens": 2}},
        {"choices": None, "usage": None},
    )

    assert assembly.completion().usage == Usage(input_tokens=5, output_tokens=2)


TWO = (ToolCall(id="a", name="x", arguments='{"n": 1}'), ToolCall(id="b", name="y", arguments="{}"))


@pytest.mark.parametrize(
    "pieces",
    [
        [  # as OpenAI sends them
            call("", index=0, id="a", name="x"),
            call('{"n"', index=0),
            call(": 1}", index=0),
            call("{}", index=1, id="b", name="y"),
        ],
        [  # pieces of two calls in turn, with the id in each
            call('{"n"', index=0, id="a", name="x"),
            call("{", index=1, id="b", name="y"),
            call(": 1}", index=0, id="a", name="x"),
            call("}", index=1, id="b"),
        ],
        [call('{"n": 1}', id="a", name="x"), call("{}", id="b", name="y")],  # without an index
        [call('{"n": 1}', index=0, id="a", name="x"), call("{}", index=0, id="b", name="y")],  # all at one index
    ],
)
def test_calls_of_tools_come_in_many_ways(pieces: list[dict[str, Any]]) -> None:
    assembly, deltas = told(
        ChatAssembler(ERRORS), *(chunk(tool_calls=[piece]) for piece in pieces), chunk("tool_calls")
    )

    assert deltas == []
    assert assembly.completion() == Completion("", "tool_calls", tool_calls=TWO)


def test_calls_without_ids_are_told_apart_by_their_names() -> None:
    assembly, _ = told(
        ChatAssembler(ERRORS),
        chunk(tool_calls=[call("{", name="x")]),
        chunk(tool_calls=[call("}")]),
        chunk("stop", tool_calls=[call("{}", name="y")]),
    )

    assert assembly.completion().tool_calls == (
        ToolCall(id="call_0", name="x", arguments="{}"),
        ToolCall(id="call_1", name="y", arguments="{}"),
    )
    assert assembly.completion().finish_reason == "tool_calls"


@pytest.mark.parametrize("chunks", [[], [chunk(content="Half")], ["[DONE]"]])
def test_without_a_reason_to_finish_it_is_no_answer(chunks: list[object]) -> None:
    assembly, _ = told(ChatAssembler(ERRORS), *chunks)

    with pytest.raises(Unavailable, match="ended without a finish reason"):
        assembly.completion()


def test_an_end_without_a_reason_is_one() -> None:
    assembly, _ = told(ChatAssembler(ERRORS), chunk(content="Hi."), "[DONE]")
    assembly.close(framed=True)

    assert assembly.completion() == Completion("Hi.", "other", repaired=("finish",))


def test_with_a_reason_to_finish_it_needs_no_further_end() -> None:
    assembly, _ = told(ChatAssembler(ERRORS), chunk("length", content="Half"))

    assert assembly.completion() == Completion("Half", "length")


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk(content="Half"), chunk("content_filter")],
        [chunk(refusal="I must"), chunk("stop", refusal=" not.")],
        [chunk(refusal="I must not.")],
    ],
)
def test_a_withheld_answer_is_filtered(chunks: list[object]) -> None:
    assembly, _ = told(ChatAssembler(ERRORS), *chunks)

    with pytest.raises(ContentFiltered):
        assembly.completion()


@pytest.mark.parametrize("data", ["{", '{"choices": "none"}', "[DONE"])
def test_what_is_not_a_chunk_is_unavailable(data: str) -> None:
    with pytest.raises(Unavailable, match="unexpected response format"):
        told(ChatAssembler(ERRORS), chunk(content="Half"), data)


@pytest.mark.parametrize("data", ["", " ", "[]", "null", "{}", '{"choices": [{"delta": null}]}'])
def test_what_says_nothing_does_not_matter(data: str) -> None:
    assembly, deltas = told(ChatAssembler(ERRORS), chunk(content="Hi."), data, chunk("stop"))

    assert (assembly.completion(), deltas) == (Completion("Hi."), [Delta("Hi.")])


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "busy", "type": "overloaded_error"}, Overloaded),
        ({"message": "slow down", "code": "rate_limit_exceeded", "type": "requests"}, RateLimited),
        ({"message": "slow down", "code": 429}, RateLimited),
        ({"message": "down", "code": 502}, Unavailable),
        ({"message": "who?", "code": 401}, Unauthorized),
        ({"message": "who?", "code": "401"}, Unauthorized),
        ({"message": "slow down", "code": 8, "status": "RESOURCE_EXHAUSTED"}, RateLimited),
        ({"message": "what?", "type": "invalid_request_error", "code": None}, InvalidRequest),
        ({"message": "no", "code": "content_filter"}, ContentFiltered),
        ({"message": "broken", "type": "server_error"}, Unavailable),
        ("broken", Unavailable),
    ],
)
def test_an_error_during_the_stream(error: object, kind: type[ModelError]) -> None:
    with pytest.raises(ModelError) as raised:
        told(ChatAssembler(ERRORS), chunk(content="Half"), {"error": error})

    assert type(raised.value) is kind
    assert str(raised.value) == (error["message"] if isinstance(error, dict) else error)


def test_an_event_called_error_is_one() -> None:
    with pytest.raises(Unavailable, match=r"^the engine died$"):
        ChatAssembler(ERRORS).add("error", '{"message": "the engine died"}')


@given(
    anything(
        "choices",
        "delta",
        "message",
        "content",
        "tool_calls",
        "function",
        "usage",
        "error",
        "logprobs",
        "reasoning",
        "code",
    )
)
def test_nothing_that_is_sent_breaks_the_reading(data: object) -> None:
    only_our_errors(ChatAssembler, ERRORS, data)
