"""How many tokens a call has used, where its provider did not count: by the length of what was said."""

from __future__ import annotations

from collections.abc import Iterable

from topics.model_requests import Message, ModelRequest, ToolCall

#: Of English; what has no spaces or no Latin letters takes more tokens for fewer characters.
_CHARACTERS = 4
#: About what vendors take for a picture of a million pixels.
_IMAGE = 1000


def tokens(text: str) -> int:
    """Return about how many tokens a text has: one for four characters, and one at least if there is any."""
    return -(-len(text) // _CHARACTERS)


def asked(request: ModelRequest) -> int:
    """Return about how many tokens a model reads for this request, with its tools, its schema and its pictures."""
    texts = [*map(_said, request.messages), *(tool.model_dump_json() for tool in request.tools)]
    if request.output_schema is not None:
        texts.append(str(request.output_schema))
    images = sum(len(message.images) for message in request.messages)
    return tokens("".join(texts)) + images * _IMAGE


def called(calls: Iterable[ToolCall]) -> str:
    """Return what a model wrote to ask for these calls."""
    return "".join(call.name + call.arguments for call in calls)


def _said(message: Message) -> str:
    return message.content + called(message.tool_calls)
