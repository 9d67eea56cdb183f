"""Estimate the tokens of a call from text lengths, if its provider reports no usage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from topics.model_requests import Message, ModelRequest, Tool, ToolCall

#: For English; text without spaces or Latin letters has fewer characters per token.
_CHARACTERS_PER_TOKEN = 4
#: About what vendors charge for an image of one megapixel.
_TOKENS_PER_IMAGE = 1000


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a text has: one for four characters, and at least one unless it is empty."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def estimate_request_tokens(request: ModelRequest) -> int:
    """Return about how many tokens a model reads for this request, including tools, schema and images."""
    return estimate_input_tokens(request.messages, request.tools, request.output_schema)


def estimate_input_tokens(
    messages: Iterable[Message], tools: Iterable[Tool] = (), schema: Mapping[str, JsonValue] | None = None
) -> int:
    """Return about how many tokens a model reads for a conversation, including tools, schema and images."""
    turns = tuple(messages)
    texts = [*map(_message_text, turns), *(tool.model_dump_json() for tool in tools)]
    if schema is not None:
        texts.append(str(schema))
    images = sum(len(turn.images) for turn in turns)
    return estimate_tokens("".join(texts)) + images * _TOKENS_PER_IMAGE


def written_text(text: str, reasoning: str = "", calls: Iterable[ToolCall] = ()) -> str:
    """Return all that a model wrote for an answer."""
    return text + reasoning + "".join(call.name + call.arguments for call in calls)


def _message_text(message: Message) -> str:
    return written_text(message.content, calls=message.tool_calls)
