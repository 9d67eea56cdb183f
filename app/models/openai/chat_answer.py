"""Read answers of Chat Completions, whole or in chunks: a whole answer has a `message` where a chunk has a `delta`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from typing_extensions import override

from app.models.answers.assembler import AnswerAssembler, joined
from app.models.answers.finish_reasons import finish_reason
from app.models.answers.json_data import mapping, objects, text
from app.models.base import Delta
from app.models.http.errors import ErrorTranslator

#: The fields that servers put reasoning into, and the types of parts that are reasoning.
_REASONING = ("reasoning_content", "reasoning", "thinking")
_THOUGHTS = ("thinking", "reasoning")
#: The fields of a part that have its text.
_TEXTS = ("text", *_THOUGHTS)


class ChatAssembler(AnswerAssembler):
    """Assembles an answer from its chunks, until `[DONE]`.

    Of several choices the one with the index 0 is the answer, or else the first; what has no index belongs to it.
    """

    def __init__(self, errors: ErrorTranslator) -> None:
        super().__init__(errors)
        self._chosen = False  # whether there is a choice with the index 0, or without one
        self._others: list[dict[str, Any]] = []
        self._begun = False  # whether there was something before the latest event

    @override
    def close(self, *, framed: bool) -> Delta | None:
        others, self._others = self._others, []
        rest = [self._take_choice(one) for one in others if one["index"] == others[0]["index"]]
        return joined([*rest, super().close(framed=framed)])

    @override
    def _take(self, name: str, event: dict[str, Any]) -> Delta | None:
        self._begun = self.answer.begun
        self.answer.reports.add(event.get("usage"))
        self.answer.reports.add(mapping(event.get("x_groq")).get("usage"))
        choices = event.get("choices")
        if choices and not isinstance(choices, list | Mapping):
            raise self.malformed(event)
        return joined([self._choose(choice) for choice in objects(choices)])

    def _choose(self, choice: dict[str, Any]) -> Delta | None:
        """Take in a choice, or a part of it, if it belongs to the answer."""
        self.answer.reports.add(choice.get("usage"))
        if not choice.get("index"):
            self._chosen, self._others = True, []
            return self._take_choice(choice)
        self.answer.note("fields")
        if not self._chosen:
            self._others.append(choice)
        return None

    def _take_choice(self, choice: Mapping[str, Any]) -> Delta | None:
        self.reason = finish_reason(choice.get("finish_reason")) or self.reason
        self.answer.add_logprobs(mapping(choice.get("logprobs")).get("content"))
        return self._message(choice)

    def _message(self, choice: Mapping[str, Any]) -> Delta | None:
        """Take in the message of a choice, or a part of it."""
        told = choice.get("delta") or choice.get("message") or choice.get("text")
        message = self._object(told)
        whole = not choice.get("delta") and isinstance(choice.get("message"), Mapping)
        again = whole and self._begun  # what was sent before, in pieces or whole
        self._whole = self._whole or whole
        for call in () if again and self.answer.calls else self._calls(message):
            function = mapping(call.get("function")) or call
            called = {"id": call.get("id"), **{name: function.get(name) for name in ("name", "arguments")}}
            if whole:
                self.answer.calls.add_whole(**called)
            else:
                self.answer.calls.add(index=call.get("index"), **called)
        self.answer.refuse(self._text(message.get("refusal")))
        said, thoughts = self._content(message.get("content"))
        reasoning = next((found for field in _REASONING if (found := self._text(message.get(field)))), thoughts)
        reasoning = reasoning or _details(message.get("reasoning_details"))
        if again and self.answer.text and said.startswith(self.answer.text):
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
        old = message.get("function_call")  # of servers that know only one call
        yield from objects(calls or old)

    def _content(self, content: object) -> tuple[str, str]:
        """Return the text and the reasoning in a content: a text, or parts of it."""
        if content is None or isinstance(content, str):
            return content or "", ""
        if not isinstance(content, list) and not (isinstance(content, Mapping) and content.keys() & {"type", *_TEXTS}):
            self.answer.note("fields")
            return json.dumps(content, ensure_ascii=False), ""  # data that was asked for
        said: list[str] = []
        thoughts: list[str] = []
        for part in content if isinstance(content, list) else [content]:
            self.answer.refuse(text(mapping(part).get("refusal")))
            (thoughts if _is_thought(part) else said).append(_part_text(part))
        return "".join(said), "".join(thoughts)


def _details(details: object) -> str:
    """Return the reasoning in the details that routers send."""
    return "".join(text(one.get("text")) or text(one.get("summary")) for one in objects(details))


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
