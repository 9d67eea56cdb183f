"""Read answers of Anthropic's Messages API, whole or in events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from app.models.answers.assembler import AnswerAssembler, joined
from app.models.answers.finish_reasons import finish_reason
from app.models.answers.json_data import mapping, objects, text
from app.models.base import Completion, Delta
from app.models.http.errors import ErrorTranslator

#: The types of blocks that have something to show.
_SHOWN = (None, "text", "thinking")


class MessageAssembler(AnswerAssembler):
    """Assembles an answer from its events, until `message_stop`."""

    def __init__(self, errors: ErrorTranslator) -> None:
        super().__init__(errors)
        self._uses: set[object] = set()  # the indices of the blocks that are tool calls
        self._explanation = ""

    @override
    def completion(self) -> Completion:
        if self.reason == "filtered":
            self.answer.refuse(self._explanation or self.answer.text or "the model refused to answer")
        return super().completion()

    @override
    def _take(self, name: str, event: dict[str, Any]) -> Delta | None:
        kind, message, delta = self._kind(name, event), mapping(event.get("message")), self._delta(event)
        for counted in (message, event):
            self.answer.reports.add(counted.get("usage"))
        for told in (message, event, delta):
            self._stop(told)
        self._whole = self._whole or "content" in event
        block = mapping(event.get("content_block"))
        deltas = [
            *self._content(message.get("content")),
            *self._content(event.get("content")),
            self._begin(event.get("index"), block) if block else None,
            self._continue(event.get("index"), delta),
        ]
        if kind == "message_stop":
            self.done = True
        return joined(deltas)

    def _delta(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        delta = event.get("delta")
        if delta is not None and not isinstance(delta, Mapping):
            raise self.malformed(event)
        return delta or {}

    def _stop(self, told: Mapping[str, Any]) -> None:
        self.reason = finish_reason(told.get("stop_reason")) or self.reason
        self._explanation = text(mapping(told.get("stop_details")).get("explanation")) or self._explanation

    def _content(self, content: object) -> list[Delta | None]:
        """Take in the blocks of a whole message."""
        if isinstance(content, str):
            return [self.answer.show(content)]
        return [self._begin(place, block) for place, block in enumerate(objects(content))]

    def _begin(self, index: object, block: Mapping[str, Any]) -> Delta | None:
        """Take in a block, or the beginning of one."""
        if block.get("type") == "tool_use":
            self._uses.add(_key(index))
            self.answer.calls.begin(
                index=index, id=block.get("id"), name=block.get("name"), otherwise=block.get("input")
            )
        if block.get("type") not in _SHOWN:
            return None
        return self.answer.show(text(block.get("text")), text(block.get("thinking")))

    def _continue(self, index: object, delta: Mapping[str, Any]) -> Delta | None:
        if (arguments := text(delta.get("partial_json"))) and _key(index) in self._uses:
            self.answer.calls.add(index=index, arguments=arguments)
        return self.answer.show(text(delta.get("text")), text(delta.get("thinking")))


def _key(index: object) -> object:
    return index if isinstance(index, int) else None
