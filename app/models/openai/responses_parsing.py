"""Parse answers of the Responses API."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from app.models.base import Completion
from app.models.http.errors import ErrorTranslator
from app.models.openai.logprobs import Token, logprobs
from topics.model_requests import ToolCall
from topics.model_responses import Usage

#: The parts of a summary are paragraphs without blank lines at their ends.
REASONING_SEPARATOR = "\n\n"


class _Part(BaseModel):
    type: str
    text: str = ""
    refusal: str = ""
    logprobs: tuple[Token, ...] | None = None


class _Item(BaseModel):
    type: str
    content: tuple[_Part, ...] | None = None
    summary: tuple[_Part, ...] | None = None
    call_id: str = ""
    name: str = ""
    arguments: str = ""


class _Details(BaseModel):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Usage(BaseModel):
    input_tokens: int = 0
    output_tokens: int = 0
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None

    def usage(self) -> Usage:
        read, wrote = self.input_tokens_details or _Details(), self.output_tokens_details or _Details()
        return Usage(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cached_input_tokens=read.cached_tokens or 0,
            reasoning_tokens=wrote.reasoning_tokens or 0,
        )


class _IncompleteDetails(BaseModel):
    reason: str | None = None


class Reply(BaseModel):
    """A response, complete or partial."""

    status: str
    output: tuple[_Item, ...]
    usage: _Usage | None = None
    error: Any = None
    incomplete_details: _IncompleteDetails | None = None

    def parts(self, kind: str) -> list[_Part]:
        """Return the parts of this kind of all messages."""
        return [
            part for item in self.output if item.type == "message" for part in item.content or () if part.type == kind
        ]

    @property
    def why(self) -> str:
        """Why it is incomplete."""
        return (self.incomplete_details.reason if self.incomplete_details else None) or ""


def parse_response(body: bytes, errors: ErrorTranslator) -> Completion:
    """Parse a complete answer.

    Raises:
        ModelError: it does not have the documented format, or was withheld.
    """
    try:
        reply = Reply.model_validate_json(body)
    except ValidationError:
        raise errors.malformed(body) from None
    return completion(reply, errors)


def completion(reply: Reply, errors: ErrorTranslator, *, shown: str = "") -> Completion:
    """Return the answer in a response; `shown` is the text that was streamed already.

    Raises:
        ModelError: it has no answer, or that was withheld.
    """
    refusals = reply.parts("refusal")
    if refusals or reply.why == "content_filter":
        refused = "".join(part.refusal for part in refusals)
        raise errors.filtered(refused or "the provider's content filter withheld the answer")
    if reply.status not in {"completed", "incomplete"}:
        raise errors.reported(reply.error or f"the response is {reply.status}")
    texts = reply.parts("output_text")
    calls = _calls(reply)
    if reply.status == "completed" and not (texts or calls or shown):
        raise errors.broken("the response has neither text nor a tool call")
    return Completion(
        "".join(part.text for part in texts),
        _finish(reply, calls),
        (reply.usage or _Usage()).usage(),
        reasoning_text(reply),
        calls,
        logprobs(token for part in texts for token in part.logprobs or ()),
    )


def reasoning_text(reply: Reply) -> str:
    """Return the reasoning summary."""
    items = [item for item in reply.output if item.type == "reasoning"]
    return REASONING_SEPARATOR.join(
        part.text for item in items for part in (*(item.summary or ()), *(item.content or ()))
    )


def _calls(reply: Reply) -> tuple[ToolCall, ...]:
    return tuple(
        ToolCall(id=item.call_id, name=item.name, arguments=item.arguments)
        for item in reply.output
        if item.type == "function_call"
    )


def _finish(reply: Reply, calls: tuple[ToolCall, ...]) -> str:
    if reply.status == "incomplete":
        return "length" if reply.why == "max_output_tokens" else "other"
    return "tool_calls" if calls else "stop"
