"""Answers as providers send them, whole and streamed, in all dialects: what was recorded, and what trackers report."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.models.answers.assembler import AnswerAssembler
from app.models.anthropic.message_answer import MessageAssembler
from app.models.http.errors import ErrorTranslator
from app.models.openai.chat_answer import ChatAssembler
from app.models.openai.responses_answer import ResponsesAssembler
from topics.model_requests import ToolCall
from topics.model_responses import Usage

Json = dict[str, Any]
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
COUNTED = Usage(input_tokens=10, output_tokens=4)
TWO = (
    ToolCall(id="a", name="find", arguments='{"n": 1}'),
    ToolCall(id="b", name="find", arguments='{"n": 2}'),
)


@dataclass(frozen=True)
class Shape:
    """One answer: as a body, as events, and what it says. A text event is sent as it is, others as JSON."""

    name: str
    make: Callable[[ErrorTranslator], AnswerAssembler]
    whole: object
    events: list[Json | str]
    text: str = "Hello there."
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()
    finish: str = "stop"
    usage: Usage = field(default=COUNTED)
    needs: frozenset[str] = frozenset()  # the fields without which the text is not known, besides the usual ones

    @property
    def body(self) -> bytes:
        return json.dumps(self.whole).encode()

    @property
    def stream(self) -> bytes:
        return b"".join(map(framed, self.events))


def framed(event: Json | str) -> bytes:
    name = f"event: {event['type']}\n" if isinstance(event, dict) and "type" in event else ""
    return f"{name}data: {event if isinstance(event, str) else json.dumps(event)}\n\n".encode()


def _chat(message: Json, deltas: list[Json], reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    last = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    counts = {**head, "choices": [], "usage": more.get("usage", USAGE)}
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    return {
        "make": ChatAssembler,
        "whole": {"id": "c", "object": "chat.completion", "choices": [choice], "usage": more.get("usage", USAGE)},
        "events": [*chunks, last, counts, "[DONE]"],
    }


def _fragment(index: int, arguments: object, **function: str) -> Json:
    name = function.pop("name", None)
    return {"tool_calls": [{"index": index, **function, "function": {"name": name, "arguments": arguments}}]}


def _call(identity: str, arguments: object) -> Json:
    return {"id": identity, "type": "function", "function": {"name": "find", "arguments": arguments}}


def _choice(index: int, content: str) -> Json:
    return {"index": index, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}


_HELLO = [{"role": "assistant", "content": "Hello "}, {"content": "there."}]
_CALLS_ONLY = {"tool_calls": [_call("a", '{"n": 1}'), _call("b", '{"n": 2}')]}
_CALLS = {"content": None, "tool_calls": [_call("a", '{"n": 1}'), _call("b", '{"n": 2}')]}

CHAT = [
    Shape("chat", **_chat({"content": "Hello there.", "refusal": None}, _HELLO)),
    Shape("chat, cut", **_chat({"content": "Hello there."}, _HELLO, "length"), finish="length"),
    Shape("chat, unknown reason", **_chat({"content": "Hello there."}, _HELLO, "abort"), finish="other"),
    Shape("chat, no reason", **_chat({"content": "Hello there."}, _HELLO, None), finish="other"),
    Shape("chat, gemini's reason", **_chat({"content": "Hello there."}, _HELLO, "MAX_TOKENS"), finish="length"),
    Shape(
        "chat, reasoning",
        **_chat(
            {"content": "Hello there.", "reasoning_content": "Hm."},
            [{"reasoning_content": "H"}, {"content": None, "reasoning_content": "m."}, *_HELLO],
        ),
        reasoning="Hm.",
    ),
    Shape(
        "chat, openrouter's reasoning",
        **_chat(
            {"content": "Hello there.", "reasoning": "Hm.", "reasoning_details": [{"type": "reasoning.text"}]},
            [{"content": "", "reasoning": "Hm."}, *_HELLO],
        ),
        reasoning="Hm.",
    ),
    Shape(
        "chat, mistral's parts",
        **_chat(
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
                    {"type": "text", "text": "Hello there."},
                ]
            },
            [{"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]}, *_HELLO],
        ),
        reasoning="Hm.",
    ),
    Shape(
        "chat, parts that are plain texts",
        **_chat({"content": ["Hello ", "there."]}, [{"content": ["Hello "]}, {"content": [{"text": "there."}]}]),
    ),
    Shape(
        "chat, calls",
        **_chat(
            _CALLS,
            [
                {"role": "assistant", "content": None, **_fragment(0, "", id="a", name="find")},
                _fragment(0, '{"n"'),
                _fragment(0, ": 1}"),
                _fragment(1, '{"n": 2}', id="b", name="find"),
            ],
            "tool_calls",
        ),
        text="",
        calls=TWO,
        finish="tool_calls",
    ),
    Shape(
        "chat, calls with objects for arguments",
        **_chat(
            {"content": "", "tool_calls": [_call("a", {"n": 1}), _call("b", {"n": 2})]},
            [{"tool_calls": [_call("a", {"n": 1}), _call("b", {"n": 2})]}],
        ),
        text="",
        calls=TWO,
        finish="tool_calls",
    ),
    Shape(
        "chat, nulls everywhere",
        **_chat(
            {"content": "Hello there.", "tool_calls": None, "reasoning_content": None, "function_call": None},
            [{"content": "Hello there.", "tool_calls": None, "reasoning": None, "role": None}],
        ),
    ),
    Shape(
        "chat, odd counts",
        **_chat(
            {"content": "Hello there."},
            _HELLO,
            usage={"prompt_tokens": 10.0, "completion_tokens": "4", "total_tokens": None, "cost": [1], "x": {"y": 2}},
        ),
    ),
    Shape("chat, no usage", **_chat({"content": "Hello there."}, _HELLO, usage=None), usage=Usage()),
    Shape(
        "chat, halves",
        **_chat({"content": "a \ud83d\ude00"}, [{"content": "a \ud83d"}, {"content": "\ude00"}]),
        text="a 😀",
    ),
    Shape("chat, half", **_chat({"content": "a \ud83d"}, [{"content": "a "}, {"content": "\ud83d"}]), text="a \ufffd"),
    Shape(
        "chat, thinking",
        **_chat({"content": "Hello there.", "thinking": "Hm."}, [{"thinking": "Hm."}, *_HELLO]),
        reasoning="Hm.",
    ),
    Shape(
        "chat, reasoning in details only",
        **_chat(
            {"content": "Hello there.", "reasoning": None, "reasoning_details": [{"text": "H"}, {"summary": "m."}]},
            [{"content": "", "reasoning_details": [{"text": "Hm."}]}, *_HELLO],
        ),
        reasoning="Hm.",
    ),
    Shape(
        "chat, parts of unknown kinds",
        **_chat(
            {
                "content": [
                    {"type": "image_url", "image_url": {"url": "x"}},
                    {"type": "text", "text": "Hello there."},
                    7,
                ]
            },
            [{"content": [None, {"type": "new", "data": 7}, {"type": "text", "text": "Hello there."}]}],
        ),
    ),
    Shape("chat, a number", **_chat({"content": 42}, [{"content": 4}, {"content": 2}]), text="42"),
    Shape(
        "chat, calls without arguments",
        **_chat(
            {"content": None, "tool_calls": [_call("a", None), _call("b", "")]},
            [_fragment(0, None, id="a", name="find"), _fragment(1, "", id="b", name="find"), _fragment(1, "")],
            "stop",
        ),
        text="",
        calls=tuple(ToolCall(id=call.id, name=call.name, arguments="{}") for call in TWO),
        finish="tool_calls",
    ),
    Shape(
        "chat, calls whose id and name come again in each piece, without an index",
        **_chat(
            _CALLS,
            [
                {"tool_calls": [{key: one[key] for key in ("id", "function")}]}
                for identity, n in (("a", 1), ("b", 2))
                for one in (_call(identity, '{"n"'), _call(identity, f": {n}}}"))
            ],
            "tool_calls",
        ),
        text="",
        calls=TWO,
        finish="tool_calls",
    ),
    Shape(
        "chat, several choices, the other one first",
        make=ChatAssembler,
        whole={"choices": [_choice(1, "Other."), _choice(0, "Hello there.")], "usage": USAGE},
        events=[
            *(
                {"choices": [{"index": index, "delta": {"content": said}, "finish_reason": reason}]}
                for index, said, reason in (
                    *((1, "Oth", None), (0, "Hello ", None), (1, "er.", "length")),
                    (0, "there.", "stop"),
                )
            ),
            {"choices": [], "usage": USAGE},
            "[DONE]",
        ],
        needs=frozenset({"index"}),
    ),
    Shape(
        "chat, a choice that is not the first",
        make=ChatAssembler,
        whole={"choices": [_choice(3, "Hello there.")], "usage": USAGE},
        events=[
            {"choices": [{"index": 3, "delta": {"content": "Hello "}}]},
            {"choices": [{"index": 3, "delta": {"content": "there."}, "finish_reason": "stop"}], "usage": USAGE},
            "[DONE]",
        ],
        needs=frozenset({"index"}),
    ),
    Shape(
        "chat, text and calls in choices of their own",
        make=ChatAssembler,
        whole={
            "choices": [
                {"finish_reason": "tool_calls", "message": {"role": "assistant", "content": "Hello there."}},
                {"finish_reason": "tool_calls", "message": {"role": "assistant", **_CALLS}},
            ],
            "usage": USAGE,
        },
        events=[
            {"choices": [{"delta": {"content": "Hello there."}}, {"delta": {"tool_calls": _CALLS["tool_calls"]}}]},
            {"choices": [{"finish_reason": "tool_calls", "delta": {}}], "usage": USAGE},
            "[DONE]",
        ],
        calls=TWO,
        finish="tool_calls",
        needs=frozenset({"name", "function"}),
    ),
    *(
        Shape(
            f"chat, usage of {host}",
            make=ChatAssembler,
            whole={"choices": [_choice(0, "Hello there.")], "usage": USAGE},
            events=[
                {"choices": [{"index": 0, "delta": {"content": "Hello there."}, "finish_reason": None}]},
                {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", **within}], **beside},
                "[DONE]",
            ],
        )
        for host, within, beside in (
            ("groq", {}, {"x_groq": {"id": "r", "usage": USAGE}}),
            ("moonshot", {"usage": USAGE}, {}),
            ("servers that send it at once", {}, {"usage": USAGE}),
        )
    ),
    Shape(
        "chat, all of it again at the end",
        make=ChatAssembler,
        whole={
            "choices": [{"message": {"content": "Hello there.", **_CALLS_ONLY}, "finish_reason": "tool_calls"}],
            "usage": USAGE,
        },
        events=[
            {"choices": [{"delta": {"content": "Hello ", **_CALLS_ONLY}}]},
            {"choices": [{"message": {"content": "Hello there.", **_CALLS_ONLY}, "finish_reason": "tool_calls"}]},
            {"choices": [], "usage": USAGE},
            "[DONE]",
        ],
        calls=TWO,
        finish="tool_calls",
        needs=frozenset({"name", "function"}),
    ),
]

_SAID = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Hello there.", "annotations": []}],
}
_THOUGHT = {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "Hm."}]}
_RESPONSE_CALLS = [
    {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments, "status": "completed"}
    for call in TWO
]
_RESPONSE_DELTAS = [
    {"type": "response.output_text.delta", "delta": "Hello ", "item_id": "m"},
    {"type": "response.output_text.delta", "delta": "there.", "item_id": "m"},
]


def _response(output: list[Any], deltas: list[Json], status: str = "completed", **more: Any) -> dict[str, Any]:
    whole = {
        "id": "r",
        "object": "response",
        "status": status,
        "error": None,
        "output": output,
        "usage": {
            "input_tokens": 10,
            "output_tokens": 4,
            "total_tokens": 14,
            "input_tokens_details": {"cached_tokens": 0},
        },
        **more,
    }
    begun = {"type": "response.created", "response": {**whole, "status": "in_progress", "output": [], "usage": None}}
    items = [{"type": "response.output_item.done", "output_index": at, "item": item} for at, item in enumerate(output)]
    return {
        "make": ResponsesAssembler,
        "whole": whole,
        "events": [begun, *deltas, *items, {"type": f"response.{status}", "response": whole}],
    }


RESPONSES = [
    Shape("responses", **_response([_SAID], _RESPONSE_DELTAS)),
    Shape("responses, without deltas", **_response([_SAID], [])),
    Shape(
        "responses, reasoning",
        **_response(
            [_THOUGHT, _SAID], [{"type": "response.reasoning_summary_text.delta", "delta": "Hm."}, *_RESPONSE_DELTAS]
        ),
        reasoning="Hm.",
    ),
    Shape(
        "responses, calls",
        **_response([_THOUGHT, *_RESPONSE_CALLS], []),
        text="",
        reasoning="Hm.",
        calls=TWO,
        finish="tool_calls",
    ),
    Shape(
        "responses, cut",
        **_response([_SAID], _RESPONSE_DELTAS, "incomplete", incomplete_details={"reason": "max_output_tokens"}),
        finish="length",
    ),
    Shape(
        "responses, content that is a plain text",
        **_response([{"type": "message", "content": "Hello there."}], _RESPONSE_DELTAS),
    ),
]


def _from_events(name: str, output: list[Any], *told: Json, **more: Any) -> Shape:
    """Return a response whose last event does not list its items."""
    parts = _response(output, [])
    end = {"type": "response.completed", "response": {**parts["whole"], "output": []}}
    return Shape(name, **{**parts, "events": [parts["events"][0], *told, end]}, **more)


_PLACE = {"output_index": 0, "item_id": "m"}
_CALL_BEGUN = {**_RESPONSE_CALLS[0], "id": "m", "arguments": "", "status": "in_progress"}
RESPONSES += [
    _from_events("responses, deltas only", [_SAID], *_RESPONSE_DELTAS),
    _from_events(
        "responses, texts that are done only",
        [_SAID],
        {"type": "response.output_text.done", "text": "Hello there.", **_PLACE, "content_index": 0},
    ),
    _from_events(
        "responses, parts that are done only",
        [_SAID],
        {"type": "response.content_part.done", "part": _SAID["content"][0], **_PLACE, "content_index": 0},
        needs=frozenset({"part"}),
    ),
    _from_events(
        "responses, items that are done only",
        [_SAID],
        {"type": "response.output_item.done", "item": _SAID, **_PLACE},
        needs=frozenset({"item"}),
    ),
    _from_events(
        "responses, arguments that are done only",
        _RESPONSE_CALLS[:1],
        {"type": "response.output_item.added", "item": _CALL_BEGUN, "output_index": 0},
        {"type": "response.function_call_arguments.done", "arguments": TWO[0].arguments, **_PLACE},
        text="",
        calls=TWO[:1],
        finish="tool_calls",
    ),
    _from_events(
        "responses, arguments in deltas only",
        _RESPONSE_CALLS[:1],
        {"type": "response.output_item.added", "item": _CALL_BEGUN, "output_index": 0},
        {"type": "response.function_call_arguments.delta", "delta": TWO[0].arguments[:3], **_PLACE},
        {"type": "response.function_call_arguments.delta", "delta": TWO[0].arguments[3:], **_PLACE},
        text="",
        calls=TWO[:1],
        finish="tool_calls",
    ),
    Shape(
        "responses, items of unknown kinds",
        **_response(
            [{"type": "web_search_call", "action": {"query": "q"}}, _SAID, {"type": "new", "content": "no"}, None, 7],
            [{"type": "response.new", "delta": "no"}, *_RESPONSE_DELTAS],
        ),
        needs=frozenset({"type"}),
    ),
]


def _message(content: object, events: list[Json], reason: str | None = "end_turn") -> dict[str, Any]:
    whole = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "cache_read_input_tokens": None, "output_tokens": 4},
    }
    start = {**whole, "content": [], "stop_reason": None, "usage": {"input_tokens": 10, "output_tokens": 1}}
    end = {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"input_tokens": 0, "output_tokens": 4}}
    return {
        "make": MessageAssembler,
        "whole": whole,
        "events": [
            {"type": "message_start", "message": start},
            {"type": "ping"},
            *events,
            end,
            {"type": "message_stop"},
        ],
    }


def _block(index: int, block: Json, *deltas: Json) -> list[Json]:
    return [
        {"type": "content_block_start", "index": index, "content_block": block},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


_TEXT = _block(
    0,
    {"type": "text", "text": ""},
    {"type": "text_delta", "text": "Hello "},
    {"type": "text_delta", "text": "there."},
)
_USES = [{"type": "tool_use", "id": call.id, "name": call.name, "input": json.loads(call.arguments)} for call in TWO]

MESSAGES = [
    Shape("messages", **_message([{"type": "text", "text": "Hello there.", "citations": None}], _TEXT)),
    Shape(
        "messages, cut", **_message([{"type": "text", "text": "Hello there."}], _TEXT, "max_tokens"), finish="length"
    ),
    Shape("messages, no reason", **_message([{"type": "text", "text": "Hello there."}], _TEXT, None), finish="other"),
    Shape(
        "messages, thinking",
        **_message(
            [{"type": "thinking", "thinking": "Hm.", "signature": "x"}, {"type": "text", "text": "Hello there."}],
            [
                *_block(0, {"type": "thinking", "thinking": ""}, {"type": "thinking_delta", "thinking": "Hm."}),
                *_block(1, {"type": "text", "text": "Hello "}, {"type": "text_delta", "text": "there."}),
            ],
        ),
        reasoning="Hm.",
    ),
    Shape(
        "messages, calls",
        **_message(
            _USES,
            [
                *_block(
                    0,
                    {**_USES[0], "input": {}},
                    {"type": "input_json_delta", "partial_json": '{"n"'},
                    {"type": "input_json_delta", "partial_json": ": 1}"},
                ),
                *_block(1, _USES[1]),
            ],
            "tool_use",
        ),
        text="",
        calls=TWO,
        finish="tool_calls",
    ),
    Shape("messages, content that is a plain text", **_message("Hello there.", _TEXT)),
    Shape(
        "messages, blocks of other kinds",
        **_message(
            [
                {"type": "redacted_thinking", "data": "no"},
                {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": "no"}},
                {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"type": "text", "text": "no"}]},
                {"type": "new", "text": "no"},
                {"type": "text", "text": "Hello there."},
            ],
            [
                *_block(0, {"type": "redacted_thinking", "data": "no"}),
                *_block(
                    1,
                    {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
                    {"type": "input_json_delta", "partial_json": '{"q": "no"}'},
                ),
                *_block(2, {"type": "new", "text": "no"}, {"type": "new_delta", "content": "no"}),
                *_block(3, {"type": "text", "text": "Hello there."}, {"type": "citations_delta", "citation": {}}),
            ],
        ),
        needs=frozenset({"type"}),
    ),
    Shape(
        "messages, input that is a text",
        **_message(
            [{**use, "input": json.dumps(use["input"])} for use in _USES],
            [event for at, use in enumerate(_USES) for event in _block(at, {**use, "input": json.dumps(use["input"])})],
            "tool_use",
        ),
        text="",
        calls=TWO,
        finish="tool_calls",
    ),
]

SHAPES = [*CHAT, *RESPONSES, *MESSAGES]
