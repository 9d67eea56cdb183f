"""Read answers of the Responses API, whole or in events: the last event has the same response as a whole answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from typing_extensions import override

from app.models.answers.assembler import AnswerAssembler, joined
from app.models.answers.finish_reasons import finish_reason
from app.models.answers.json_data import mapping, objects, text
from app.models.base import Completion, Delta
from app.models.http.errors import ErrorTranslator
from app.models.openai.response_items import ResponseItems

#: The parts of a summary are paragraphs without blank lines at their ends.
REASONING_SEPARATOR = "\n\n"

_TEXT_EVENT = "response.output_text.delta"
_REASONING_EVENTS = frozenset({"response.reasoning_summary_text.delta", "response.reasoning_text.delta"})
_NEXT_REASONING_PART = "response.reasoning_summary_part.added"
_ENDED = frozenset({"completed", "incomplete", "failed", "cancelled"})
_UNNAMED = frozenset({"", "message"})


class ResponsesAssembler(AnswerAssembler):
    """Assembles an answer from its events, until one says how the response ended."""

    def __init__(self, errors: ErrorTranslator) -> None:
        super().__init__(errors)
        self._items = ResponseItems()
        self._listed = False
        self._failure: object = None

    @override
    def close(self, *, framed: bool) -> Delta | None:
        rest = self._take_items(self._items) if self.finished and not self._listed else None
        return joined([rest, super().close(framed=framed)])

    @override
    def completion(self) -> Completion:
        if self._failure is not None:
            raise self.answer.failed(self.answer.errors.reported(self._failure))
        return super().completion()

    @override
    def _take(self, name: str, event: dict[str, Any]) -> Delta | None:
        kind, response = self._kind(name, event), mapping(event.get("response"))
        how = kind.removeprefix("response.") if kind not in _UNNAMED else text(response.get("status"))
        if response and (how in _ENDED or text(response.get("status")) in _ENDED):
            self.done = True
            return self._take_response(response, how)
        if "output" in event or event.get("object") == "response" or text(event.get("status")) in _ENDED:
            self._whole = True
            return self._take_response(event, "")
        if kind == _NEXT_REASONING_PART and self.answer.thought:
            return self.answer.show(reasoning=REASONING_SEPARATOR)
        if kind == _TEXT_EVENT or kind in _REASONING_EVENTS:
            return self._take_delta(kind, event)
        self._items.add(kind, event)
        return None

    def _take_delta(self, kind: str, event: Mapping[str, Any]) -> Delta | None:
        piece = event.get("delta")
        if not isinstance(piece, str):
            self.answer.note("fields")
            piece = text(mapping(piece).get("text"))
        return self.answer.show(piece) if kind == _TEXT_EVENT else self.answer.show(reasoning=piece)

    def _take_response(self, response: Mapping[str, Any], how: str) -> Delta | None:
        """Take in a response that ended as its status says, or else as the event's name does."""
        self.answer.reports.add(response.get("usage"))
        status = text(response.get("status")) or how
        if status == "completed":
            self.reason = "stop"
        elif status == "incomplete":
            self.reason = finish_reason(mapping(response.get("incomplete_details")).get("reason")) or "other"
        elif status:
            self.reason = "error"
            self._failure = response.get("error") or f"the response is {status}"
        items = list(objects(response.get("output")))
        if not items and (said := text(response.get("output_text"))):
            items = [{"content": said}]
        self._listed = bool(items)
        return self._take_items(items)

    def _take_items(self, items: Iterable[Mapping[str, Any]]) -> Delta | None:
        """Take in the items of a response; return what was not shown before."""
        said: list[str] = []
        thoughts: list[str] = []
        for item in items:
            kind = text(item.get("type"))
            if kind == "reasoning":
                thoughts += [_text(part) for name in ("summary", "content") for part in _parts(item.get(name))]
            elif kind == "function_call" or (not kind and "arguments" in item):
                self._take_call(item)
            elif kind in {"", "message"}:
                said += [part for part in map(self._take_part, _parts(item.get("content"))) if part]
        return self.answer.show_rest("".join(said), REASONING_SEPARATOR.join(thoughts))

    def _take_call(self, item: Mapping[str, Any]) -> None:
        identity = item.get("call_id") or item.get("id")
        self.answer.calls.add_whole(id=identity, name=item.get("name"), arguments=item.get("arguments"))

    def _take_part(self, part: object) -> str:
        """Return the text of a part of a message."""
        if not isinstance(part, Mapping):
            return text(part)
        self.answer.refuse(text(part.get("refusal")))
        if part.get("type", "output_text") not in {"output_text", "text", None}:
            return ""
        self.answer.add_logprobs(part.get("logprobs"))
        return _text(part)


def _parts(content: object) -> list[object]:
    return content if isinstance(content, list) else [] if content is None else [content]


def _text(part: object) -> str:
    return text(part.get("text")) if isinstance(part, Mapping) else text(part)
