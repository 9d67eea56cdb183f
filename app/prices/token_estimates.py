"""How many tokens a call has used, where its provider did not count: by the length of what was said."""

from __future__ import annotations

from collections.abc import Iterable

from topics.model_requests import Message, ModelRequest, ToolCall

#: Of English; what has no spaces or no Latin letters takes more tokens for fewer characters.
_CHARACTERS_PER_TOKEN = 4
#: About what vendors take for a picture of a million pixels.
_TOKENS_PER_IMAGE = 1000


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a text has: one for four characters, and one at least if there is any."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def estimate_request_tokens(request: ModelRequest) -> int:
    """Return about how many tokens a model reads for this request, with its tools, its schema and its pictures."""
    texts = [*map(_message_text, request.messages), *(tool.model_dump_json() for tool in request.tools)]
    if request.output_schema is not None:
        texts.append(str(request.output_schema))
    images = sum(len(message.images) for message in request.messages)
    return estimate_tokens("".join(texts)) + images * _TOKENS_PER_IMAGE


def tool_call_text(calls: Iterable[ToolCall]) -> str:
    """Return what a model wrote to ask for these calls."""
    return "".join(call.name + call.arguments for call in calls)


def _message_text(message: Message) -> str:
    return message.content + tool_call_text(message.tool_calls)
