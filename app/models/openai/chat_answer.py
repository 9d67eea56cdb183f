"""Read answers of Chat Completions, whole or in chunks: a whole answer has a `message` where a chunk has a `delta`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from app.models.answers.assembler import AnswerAssembler
from app.models.answers.finish_reasons import finish_reason
from app.models.answers.json_data import mapping, objects, text
from app.models.base import Delta

#: The fields that servers put reasoning into, and the types of parts that are reasoning.
_REASONING = ("reasoning_content", "reasoning")
_THOUGHTS = ("thinking", "reasoning")
#: The fields of a part that have its text.
_TEXTS = ("text", *_THOUGHTS)


class ChatAssembler(AnswerAssembler):
    """Assembles an answer from its chunks, until `[DONE]`."""

    def _take(self, name: str, event: dict[str, Any]) -> Delta | None:  # noqa: ARG002  # chunks have no names
        self.answer.reports.add(event.get("usage"))
        choices = event.get("choices")
        choice = next(objects(choices), None)
        if choice is None:
            if choices:
                raise self.malformed(event)
            return None
        self.reason = finish_reason(choice.get("finish_reason")) or self.reason
        self.answer.add_logprobs(mapping(choice.get("logprobs")).get("content"))
        return self._message(choice)

    def _message(self, choice: Mapping[str, Any]) -> Delta | None:
        """Take in the message of a choice, or a part of it."""
        told = choice.get("delta") or choice.get("message") or choice.get("text")
        message = self._object(told)
        whole = not choice.get("delta") and isinstance(choice.get("message"), Mapping)
        self._whole = self._whole or whole
        for call in self._calls(message):
            function = mapping(call.get("function")) or call
            called = {"id": call.get("id"), **{name: function.get(name) for name in ("name", "arguments")}}
            if whole:
                self.answer.calls.add_whole(**called)
            else:
                self.answer.calls.add(index=call.get("index"), **called)
        self.answer.refuse(self._text(message.get("refusal")))
        said, thoughts = self._content(message.get("content"))
        reasoning = next((found for field in _REASONING if (found := self._text(message.get(field)))), thoughts)
        if whole and self.answer.text and said.startswith(self.answer.text):
            return self.answer.show_rest(said, reasoning)
        return self.answer.show(said, reasoning)

    def _object(self, told: object) -> Mapping[str, Any]:
        if isinstance(told, Mapping):
            return told
        if told and not isinstance(told, str):
            raise self.malformed(told)
        return {"content": told}

    def _text(self, value: object) -> str:
        if value is not None and not isinstance(value, str):
            self.answer.note("fields")
        return text(value)

    def _calls(self, message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        calls = message.get("tool_calls")
        if calls and not isinstance(calls, list | Mapping):
            raise self.malformed(message)
        yield from objects(calls)
        if isinstance(old := message.get("function_call"), Mapping):  # of servers that know only one call
            yield old

    def _content(self, content: object) -> tuple[str, str]:
        """Return the text and the reasoning in a content: a text, or parts of it."""
        if content is None or isinstance(content, str):
            return content or "", ""
        if not isinstance(content, list | Mapping):
            raise self.malformed(content)
        if isinstance(content, Mapping) and not content.keys() & {"type", *_TEXTS}:
            self.answer.note("fields")
            return json.dumps(content, ensure_ascii=False), ""  # data that was asked for
        said: list[str] = []
        thoughts: list[str] = []
        for part in content if isinstance(content, list) else [content]:
            (thoughts if _is_thought(part) else said).append(_part_text(part))
        return "".join(said), "".join(thoughts)


def _is_thought(part: object) -> bool:
    if not isinstance(part, Mapping):
        return False
    return part.get("type") in _THOUGHTS or ("text" not in part and any(field in part for field in _THOUGHTS))


def _part_text(part: object) -> str:
    """Return the text of a part; one of an image, a reference or the like has none."""
    if isinstance(part, str):
        return part
    values = [part[field] for field in _TEXTS if part.get(field)] if isinstance(part, Mapping) else []
    match values[:1]:
        case [str(value)]:
            return value
        case [list(inner)]:
            return "".join(text(one.get("text")) for one in objects(inner))
        case [{"value": str(value)}]:
            return value
    return ""
