"""Parse answers of Chat Completions."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, ValidationError

from app.errors import ModelError, Overloaded
from app.models.base import Completion
from app.models.http.errors import ErrorTranslator
from app.models.openai.chat_usage import ChatUsage
from app.models.openai.logprobs import Token, logprobs
from topics.model_requests import ToolCall

_FINISH = {"stop": "stop", "length": "length", "tool_calls": "tool_calls", "function_call": "tool_calls"}


class ChatPart(BaseModel):
    """A part of a content that is a list: text, or the reasoning that some servers put there."""

    type: str
    text: str | None = None
    thinking: Any = None


class ChatFunction(BaseModel):
    """The function of a tool call, or a fragment of it."""

    name: str | None = None
    arguments: str | None = None


class ChatToolCall(BaseModel):
    """A tool call; in a stream, `index` says to which call a fragment belongs."""

    index: int | None = None
    id: str | None = None
    function: ChatFunction = ChatFunction()


class ChatMessage(BaseModel):
    """A message, or a delta of one."""

    content: str | tuple[ChatPart, ...] | None = None
    refusal: str | None = None
    reasoning: Any = None
    reasoning_content: Any = None
    tool_calls: tuple[ChatToolCall, ...] | None = None

    @property
    def text(self) -> str:
        """The text of the answer."""
        if isinstance(self.content, tuple):
            return "".join(part.text or "" for part in self.content if part.type == "text")
        return self.content or ""

    @property
    def reasoning_text(self) -> str:
        """The reasoning, whichever field the server puts it in."""
        for reasoning_text in (self.reasoning_content, self.reasoning):
            if isinstance(reasoning_text, str) and reasoning_text:
                return reasoning_text
        parts = self.content if isinstance(self.content, tuple) else ()
        return "".join(_reasoning_text(part.thinking) for part in parts if part.type == "thinking")


class Logprobs(BaseModel):
    """The log-probabilities of a message, or of a delta of one."""

    content: tuple[Token, ...] | None = None


class _Choice(BaseModel):
    message: ChatMessage
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class _Reply(BaseModel):
    choices: tuple[_Choice, ...] = Field(min_length=1)
    usage: ChatUsage | None = None


def parse_chat(body: bytes, errors: ErrorTranslator) -> Completion:
    """Parse a complete answer.

    Raises:
        ModelError: it does not have the documented format, or was withheld.
    """
    try:
        reply = _Reply.model_validate_json(body)
    except ValidationError:
        raise errors.malformed(body) from None
    choice, message = reply.choices[0], reply.choices[0].message
    if problem := content_filtered(choice.finish_reason, message.refusal, errors):
        raise problem
    calls = tuple(
        ToolCall(id=call.id or f"call_{place}", name=call.function.name or "", arguments=call.function.arguments or "")
        for place, call in enumerate(message.tool_calls or ())
    )
    reason = finish_reason_of(choice.finish_reason, calls)
    if message.content is None and reason not in {"length", "tool_calls"}:
        raise errors.malformed(body)
    return Completion(
        message.text,
        reason,
        (reply.usage or ChatUsage()).usage(),
        message.reasoning_text,
        calls,
        logprobs(choice.logprobs.content or ()) if choice.logprobs else None,
    )


def finish_reason_of(reason: str | None, calls: tuple[ToolCall, ...]) -> str:
    """Return our finish reason; some servers say `stop` even if tools are called."""
    ours = _FINISH.get(reason or "", "other")
    return "tool_calls" if calls and ours == "stop" else ours


def content_filtered(reason: str | None, refusal: str | None, errors: ErrorTranslator) -> ModelError | None:
    """Return the error that replaces an answer, if any."""
    if reason == "content_filter" or refusal:
        return errors.filtered(refusal or "the provider's content filter withheld the answer")
    if reason == "insufficient_system_resource":
        return Overloaded("the provider ran out of capacity during the answer", provider=errors.provider)
    return errors.broken("the provider reported an error during the answer") if reason == "error" else None


def _reasoning_text(thinking: object) -> str:
    if isinstance(thinking, str):
        return thinking
    parts = thinking if isinstance(thinking, list) else []
    return "".join(str(part.get("text") or "") for part in parts if isinstance(part, dict))
