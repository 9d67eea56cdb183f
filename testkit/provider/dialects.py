"""Correct responses in the three provider dialects, whole and streamed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

Json = Mapping[str, Any]

_INPUT_TOKENS = 7


class Dialect(Protocol):
    """The dialect of one API; an answer consists of `parts`, which together are its text."""

    def whole(self, model: str, parts: Sequence[str]) -> Json:
        """Return the body of a complete answer."""
        ...

    def frames(self, model: str, parts: Sequence[str]) -> Iterator[bytes]:
        """Yield a stream's events; one event for each part contains it, the others contain no text."""
        ...

    def failure(self, kind: str, message: str) -> Json:
        """Return the body of an error."""
        ...

    def broken(self, kind: str, message: str) -> bytes:
        """Return the event that ends a stream with an error."""
        ...


def _named(event: Json) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def _plain(event: Json) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()


class Chat:
    """OpenAI's chat completions."""

    def whole(self, model: str, parts: Sequence[str]) -> Json:
        """Return a completion."""
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "".join(parts)}}
        return {**self._head(model, "chat.completion"), "choices": [choice], "usage": self._usage(parts)}

    def frames(self, model: str, parts: Sequence[str]) -> Iterator[bytes]:
        """Yield chunks, the usage, and the end marker."""
        head = self._head(model, "chat.completion.chunk")
        yield _plain({**head, "choices": [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": None}]})
        for part in parts:
            yield _plain({**head, "choices": [{"index": 0, "delta": {"content": part}, "finish_reason": None}]})
        yield _plain({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        yield _plain({**head, "choices": [], "usage": self._usage(parts)})
        yield b"data: [DONE]\n\n"

    def failure(self, kind: str, message: str) -> Json:
        """Return an error in its envelope."""
        return {"error": {"type": kind, "code": kind, "message": message, "param": None}}

    def broken(self, kind: str, message: str) -> bytes:
        """Return the error as compatible servers send it among the chunks."""
        return _plain(self.failure(kind, message))

    def _head(self, model: str, kind: str) -> dict[str, Any]:
        return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": model}

    def _usage(self, parts: Sequence[str]) -> Json:
        total = _INPUT_TOKENS + len(parts)
        return {"prompt_tokens": _INPUT_TOKENS, "completion_tokens": len(parts), "total_tokens": total}


class Responses:
    """OpenAI's responses."""

    def whole(self, model: str, parts: Sequence[str]) -> Json:
        """Return a completed response."""
        return self._response(model, "completed", [self._item("".join(parts))], self._usage(parts))

    def frames(self, model: str, parts: Sequence[str]) -> Iterator[bytes]:
        """Yield the events of a response with one message."""
        for number, event in enumerate(self._events(model, parts)):
            yield _named({**event, "sequence_number": number})

    def failure(self, kind: str, message: str) -> Json:
        """Return an error in its envelope."""
        return {"error": {"type": kind, "code": kind, "message": message, "param": None}}

    def broken(self, kind: str, message: str) -> bytes:
        """Return the event of an error."""
        return _named({"type": "error", "code": kind, "message": message, "param": None, "sequence_number": 99})

    def _events(self, model: str, parts: Sequence[str]) -> Iterator[dict[str, Any]]:
        at = {"output_index": 0, "item_id": "msg_1"}
        place = {**at, "content_index": 0}
        empty = {"type": "output_text", "text": "", "annotations": []}
        text = "".join(parts)
        yield {"type": "response.created", "response": self._response(model, "in_progress", [], None)}
        yield {"type": "response.output_item.added", "output_index": 0, "item": {**self._item(""), "content": []}}
        yield {"type": "response.content_part.added", **place, "part": empty}
        for part in parts:
            yield {"type": "response.output_text.delta", **place, "delta": part, "logprobs": []}
        yield {"type": "response.output_text.done", **place, "text": text, "logprobs": []}
        yield {"type": "response.content_part.done", **place, "part": {**empty, "text": text}}
        yield {"type": "response.output_item.done", "output_index": 0, "item": self._item(text)}
        yield {"type": "response.completed", "response": self.whole(model, parts)}

    def _item(self, text: str) -> dict[str, Any]:
        content = [{"type": "output_text", "text": text, "annotations": []}]
        return {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": content}

    def _response(self, model: str, status: str, output: list[Any], usage: Json | None) -> Json:
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "model": model,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "output": output,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": usage,
        }

    def _usage(self, parts: Sequence[str]) -> Json:
        return {
            "input_tokens": _INPUT_TOKENS,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": len(parts),
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": _INPUT_TOKENS + len(parts),
        }


class Messages:
    """Anthropic's messages."""

    def whole(self, model: str, parts: Sequence[str]) -> Json:
        """Return a complete message."""
        content = [{"type": "text", "text": "".join(parts)}]
        return self._message(model, content, "end_turn", len(parts))

    def frames(self, model: str, parts: Sequence[str]) -> Iterator[bytes]:
        """Yield a message with one block."""
        yield _named({"type": "message_start", "message": self._message(model, [], None, 1)})
        yield _named({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
        for part in parts:
            delta = {"type": "text_delta", "text": part}
            yield _named({"type": "content_block_delta", "index": 0, "delta": delta})
        yield _named({"type": "content_block_stop", "index": 0})
        ending = {"stop_reason": "end_turn", "stop_sequence": None}
        yield _named({"type": "message_delta", "delta": ending, "usage": {"output_tokens": len(parts)}})
        yield _named({"type": "message_stop"})

    def failure(self, kind: str, message: str) -> Json:
        """Return an error in its envelope."""
        return {"type": "error", "error": {"type": kind, "message": message}}

    def broken(self, kind: str, message: str) -> bytes:
        """Return the event of an error."""
        return _named(self.failure(kind, message))

    def _message(self, model: str, content: list[Any], reason: str | None, tokens: int) -> Json:
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": content,
            "stop_reason": reason,
            "stop_sequence": None,
            "usage": {"input_tokens": _INPUT_TOKENS, "output_tokens": tokens},
        }


#: The dialects by the end of the path.
DIALECTS: Mapping[str, Dialect] = {"chat/completions": Chat(), "responses": Responses(), "messages": Messages()}
