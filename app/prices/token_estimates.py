"""Estimate the tokens of a call from text lengths, if its provider reports no usage."""

from __future__ import annotations

from collections.abc import Iterable

from topics.model_requests import Message, ModelRequest, ToolCall

#: For English; text without spaces or Latin letters has fewer characters per token.
_CHARACTERS_PER_TOKEN = 4
#: About what vendors charge for an image of one megapixel.
_TOKENS_PER_IMAGE = 1000


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a text has: one for four characters, and at least one unless it is empty."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def estimate_request_tokens(request: ModelRequest) -> int:
    """Return about how many tokens a model reads for this request, including tools, schema and images."""
    texts = [*map(_message_text, request.messages), *(tool.model_dump_json() for tool in request.tools)]
    if request.output_schema is not None:
        texts.append(str(request.output_schema))
    images = sum(len(message.images) for message in request.messages)
    return estimate_tokens("".join(texts)) + images * _TOKENS_PER_IMAGE


def written_text(text: str, reasoning: str = "", calls: Iterable[ToolCall] = ()) -> str:
    """Return all that a model wrote for an answer."""
    return text + reasoning + "".join(call.name + call.arguments for call in calls)


def _message_text(message: Message) -> str:
    return written_text(message.content, calls=message.tool_calls)
