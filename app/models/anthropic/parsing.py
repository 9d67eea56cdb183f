"""Parse answers of Anthropic's Messages API, and the parts shared with its streams."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from app.models.base import Completion
from app.models.http.errors import ErrorTranslator
from topics.model_requests import ToolCall
from topics.model_responses import Usage

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
}


class Block(BaseModel):
    """A content block: text, thinking or tool use."""

    type: str
    text: str = ""
    thinking: str = ""
    id: str = ""
    name: str = ""
    input: Any = None


class _OutputDetails(BaseModel):
    thinking_tokens: int = 0


class TokenCounts(BaseModel):
    """The token counts; a stream reports them in several events."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None


class _Details(BaseModel):
    explanation: str | None = None


class StopInfo(BaseModel):
    """Why the model stopped."""

    stop_reason: str | None = None
    stop_details: _Details | None = None


class _Reply(StopInfo):
    content: tuple[Block, ...]
    usage: TokenCounts


def parse_message(body: bytes, errors: ErrorTranslator) -> Completion:
    """Return the completion in the body of an answer.

    Raises:
        ContentFiltered: the model refused to answer.
        Unavailable: the body does not have the documented format.
    """
    try:
        reply = _Reply.model_validate_json(body)
    except ValidationError:
        raise errors.malformed(body) from None
    return build_completion(
        text="".join(block.text for block in reply.content if block.type == "text"),
        reasoning="".join(block.thinking for block in reply.content if block.type == "thinking"),
        calls=[tool_call(block) for block in reply.content if block.type == "tool_use"],
        stop=reply,
        usage=reply.usage,
        errors=errors,
    )


def tool_call(block: Block, written: str = "") -> ToolCall:
    """Return the tool call in a block, with the arguments as `written` by the model, if known."""
    return ToolCall(id=block.id, name=block.name, arguments=written or json.dumps(block.input or {}))


def build_completion(
    *,
    text: str,
    reasoning: str,
    calls: Iterable[ToolCall],
    stop: StopInfo,
    usage: TokenCounts,
    errors: ErrorTranslator,
) -> Completion:
    """Build the completion from its parts.

    Raises:
        ContentFiltered: the model refused to answer.
    """
    if stop.stop_reason == "refusal":
        explained = stop.stop_details.explanation if stop.stop_details else None
        raise errors.filtered(explained or text or "the model refused to answer")
    reason = _FINISH.get(stop.stop_reason or "", "other")
    return Completion(text, reason, _usage(usage), reasoning, tuple(calls))


def _usage(usage: TokenCounts) -> Usage:
    # The API counts prompt cache reads and writes separately, but they are input too.
    cached = usage.cache_read_input_tokens or 0
    return Usage(
        input_tokens=(usage.input_tokens or 0) + (usage.cache_creation_input_tokens or 0) + cached,
        output_tokens=usage.output_tokens or 0,
        cached_input_tokens=cached,
        reasoning_tokens=usage.output_tokens_details.thinking_tokens if usage.output_tokens_details else 0,
    )
