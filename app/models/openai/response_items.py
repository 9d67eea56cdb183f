"""The items of a response as its events tell of them, should the last event not list them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from app.models.answers.json_data import mapping, text

#: The events that have a part of a message whole, and those that have it in pieces, by the field of the part.
_TEXTS = {"response.output_text.done": "text", "response.refusal.done": "refusal"}
_PIECES = {"response.refusal.delta": "refusal"}
_PART = "response.content_part.done"
_ARGUMENTS, _ARGUMENTS_PIECE = "response.function_call_arguments.done", "response.function_call_arguments.delta"
_ITEM, _BEGUN = "response.output_item.done", "response.output_item.added"


class ResponseItems:
    """Collects the items of a response, by their place or id; text that comes in pieces is not among them."""

    def __init__(self) -> None:
        self._items: dict[object, dict[str, Any]] = {}
        self._complete: set[object] = set()
        self._parts: defaultdict[object, dict[object, dict[str, Any]]] = defaultdict(dict)
        self._arguments: defaultdict[object, list[str]] = defaultdict(list)

    def add(self, kind: str, event: Mapping[str, Any]) -> None:
        """Add what an event tells of an item, if it does."""
        key = _key(event, "output_index", "item_id") or mapping(event.get("item")).get("id") or len(self._items)
        place = _key(event, "content_index")
        if kind in {_ITEM, _BEGUN}:
            self._items[key] = mapping(event.get("item"))
            if kind == _ITEM:
                self._complete.add(key)
        elif kind == _PART:
            self._parts[key][place] = mapping(event.get("part"))
        elif field := _TEXTS.get(kind):
            self._parts[key][place] = {field: event.get(field)}
        elif field := _PIECES.get(kind):
            part = self._parts[key].setdefault(place, {field: ""})
            part[field] = text(part.get(field)) + text(event.get("delta"))
        elif kind == _ARGUMENTS:
            self._arguments[key] = [text(event.get("arguments"))]
        elif kind == _ARGUMENTS_PIECE:
            self._arguments[key].append(text(event.get("delta")))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the items in the order in which they began."""
        for key in dict.fromkeys((*self._items, *self._parts)):
            item = self._items.get(key, {})
            if key in self._complete:
                yield item
            elif self._arguments[key]:
                yield {**item, "arguments": "".join(self._arguments[key])}
            else:
                yield {**item, "content": list(self._parts[key].values()) or item.get("content")}


def _key(event: Mapping[str, Any], *names: str) -> object:
    """Return the first of these that tells an item from others; as text, since 0 is a place, too."""
    return next((str(event[name]) for name in names if isinstance(event.get(name), int | str)), None)
