"""Results as Messages has them, whole and streamed; and errors in Anthropic's form."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from app.gateway.answers.answer_writer import AnswerWriter, event
from app.gateway.answers.chat_tasks import ChatTask
from app.gateway.answers.reading import content, extension, is_cut, model_name
from app.gateway.anthropic.message_request import MessageRequest
from app.gateway.problems import Refusal
from app.json_text import strict
from topics.model_requests import ToolCall
from topics.model_responses import Usage
from topics.results import Result

Json = dict[str, Any]

#: The paths of this API.
PATHS = ("/v1/messages",)
#: The status by which its SDKs know that too much is asked of a server.
OVERLOADED = 529
_SERVER = 500
_TYPES = {
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.GATEWAY_TIMEOUT: "timeout_error",
    HTTPStatus.NOT_FOUND: "not_found_error",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request_too_large",
    HTTPStatus.SERVICE_UNAVAILABLE: "overloaded_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
    HTTPStatus.UNAUTHORIZED: "authentication_error",
}


def message(chat: ChatTask, result: Result) -> Json:
    """Return a whole answer."""
    text = content(result)
    blocks: list[Json] = [{"type": "text", "text": text}] if text or not result.tool_calls else []
    blocks += [{**_tool_use(call), "input": _arguments(call)} for call in result.tool_calls or ()]
    known = {"content": blocks, "stop_reason": _stop_reason(result), "usage": _usage(result.usage)}
    return {**_frame(chat, model_name(chat, result)), **known, "meta_ai": extension(chat, result)}


def anthropic_error(refusal: Refusal, request_id: str = "") -> Json:
    """Return the body of an error; the code is in front of its sentence, as this form has no other place for it."""
    kind = _TYPES.get(refusal.status, "api_error" if refusal.status >= _SERVER else "invalid_request_error")
    error = {"type": kind, "message": f"{refusal.code}: {refusal.detail}"}
    return {"type": "error", "error": error, **({"request_id": request_id} if request_id else {})}


class MessageStream(AnswerWriter):
    """Writes the events of one answer: its text is the first block, each call of a tool a further one."""

    def __init__(self, chat: ChatTask, asked: MessageRequest) -> None:
        super().__init__(chat)
        self._model = asked.model
        self._blocks = 0

    def begin(self) -> Iterator[bytes]:
        """Return that the answer is being made."""
        yield _event("message_start", message=_frame(self.chat, self._model) | {"usage": _usage(Usage())})

    def text(self, new: str) -> Iterator[bytes]:
        """Return more of the text."""
        if not self._blocks:
            self._blocks = 1
            yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": new})

    def reasoning(self, new: str) -> Iterator[bytes]:  # noqa: ARG002  # the port's signature
        """Return nothing: a block of it needs a signature, which only Anthropic can give."""
        return iter(())

    def end(self, result: Result) -> Iterator[bytes]:
        """Return the calls of tools, why it ends, and what it took."""
        if self._blocks:
            yield _event("content_block_stop", index=0)
        for index, call in enumerate(result.tool_calls or (), self._blocks):
            yield _event("content_block_start", index=index, content_block={**_tool_use(call), "input": {}})
            delta = {"type": "input_json_delta", "partial_json": call.arguments}
            yield _event("content_block_delta", index=index, delta=delta)
            yield _event("content_block_stop", index=index)
        ending = {"stop_reason": _stop_reason(result), "stop_sequence": None}
        more = {"usage": _usage(result.usage), "meta_ai": extension(self.chat, result)}
        yield _event("message_delta", delta=ending, **more)
        yield _event("message_stop")

    def error(self, refusal: Refusal) -> bytes:
        """Return the error in place of what should come."""
        return event(anthropic_error(refusal), "error")


def _event(kind: str, **fields: Any) -> bytes:
    return event({"type": kind, **fields}, kind)


def _frame(chat: ChatTask, model: str) -> Json:
    head = {"id": f"msg_{chat.id}", "type": "message", "role": "assistant", "model": model}
    return {**head, "content": [], "stop_reason": None, "stop_sequence": None}


def _tool_use(call: ToolCall) -> Json:
    return {"type": "tool_use", "id": call.id, "name": call.name}


def _arguments(call: ToolCall) -> Json:
    """Return the arguments; what a model wrote that is no JSON object is not lost."""
    try:
        arguments = strict(call.arguments) if call.arguments.strip() else {}
    except ValueError:
        arguments = None
    return arguments if isinstance(arguments, dict) else {"invalid_json": call.arguments}


def _stop_reason(result: Result) -> str:
    if result.tool_calls:
        return "tool_use"
    return "max_tokens" if is_cut(result) else "end_turn"


def _usage(used: Usage) -> Json:
    """Return the tokens of all models that the run has asked; cached ones are counted apart."""
    cached, written = used.cached_input_tokens, used.cache_write_tokens
    return {
        "input_tokens": max(0, used.input_tokens - cached - written),
        "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": written,
        "output_tokens": used.output_tokens,
    }
