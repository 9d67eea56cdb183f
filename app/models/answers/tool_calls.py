"""Collect tool calls, which servers send in fragments or whole, with or without ids."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from app.models.answers.characters import Characters, whole_characters
from topics.model_requests import ToolCall

#: The arguments of a call that has none.
_NONE = "{}"
_MARK = re.compile(r'\\.|["{}\[\]]', re.DOTALL)


@dataclass(slots=True)
class _OpenCall:
    index: object
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    otherwise: str = ""
    size: int = 0  # characters of the arguments
    complete: bool = False
    depth: int = 0
    quoted: bool = False
    escape: str = ""

    def is_again(self, identity: str, arguments: str) -> bool:
        """Whether a fragment is all of this call once more, as some servers send it at the end."""
        same = bool(identity) and identity == self.id and len(arguments) == self.size
        return same and self.complete and "".join(self.arguments) == arguments

    def is_named_in_parts(self, identity: str, name: str) -> bool:
        """Whether a name is the next part of this call's."""
        return bool(identity) and identity == self.id and name != self.name and not self.size

    def extend(self, arguments: str) -> None:
        """Add to the arguments, and see whether they are a complete object, without reading them again."""
        self.arguments.append(arguments)
        self.size += len(arguments)
        text = self.escape + arguments
        self.escape = "\\" if (len(text) - len(text.rstrip("\\"))) % 2 else ""
        for mark in _MARK.findall(text):
            if mark == '"':
                self.quoted = not self.quoted
            elif not self.quoted and len(mark) == 1:
                self.depth += 1 if mark in "{[" else -1
                self.complete = self.depth == 0


class ToolCalls:
    """The tool calls of one answer, in the order in which they began; `note` is told that something was repaired."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note
        self._open: list[_OpenCall] = []
        self._last: dict[object, _OpenCall] = {}  # the last one of each index
        self._by_id: dict[str, _OpenCall] = {}  # likewise of each id

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._open)

    def add(self, *, index: object = None, id: object = None, name: object = None, arguments: object = None) -> None:  # noqa: A002  # as it is called everywhere
        """Add a fragment of a call: the next one of the latest, unless its index, id or name says otherwise."""
        named, said = _word(name), self._arguments(arguments)
        identity = _word(id)
        if not (identity or named or said):
            return
        call = self._begun(index, identity, named, said)
        if call is None:
            call = self._last[_key(index)] = _OpenCall(_key(index))
            self._open.append(call)
        elif call.is_again(identity, said):
            self._note("calls")
            return
        call.id = call.id or identity
        if call.id:
            self._by_id[call.id] = call
        call.name = call.name + named if call.is_named_in_parts(identity, named) else call.name or named
        call.extend(said)

    def add_whole(self, *, id: object = None, name: object = None, arguments: object = None) -> None:  # noqa: A002  # likewise
        """Add a call that is complete."""
        if _word(name) or self._arguments(arguments):
            self.begin(id=id, name=name, otherwise=arguments)

    def begin(self, *, index: object = None, id: object = None, name: object = None, otherwise: object = None) -> None:  # noqa: A002  # likewise
        """Begin a call, whose arguments are `otherwise` if none follow."""
        said = self._arguments(otherwise)
        call = self._last[_key(index)] = _OpenCall(_key(index), _word(id), _word(name), otherwise=said)
        self._open.append(call)

    def made(self) -> tuple[ToolCall, ...]:
        """Return the calls, each with an id of its own; the name of one that does not say what it calls is empty."""
        taken: set[str] = set()
        return tuple(self._made(place, call, taken) for place, call in enumerate(self._open))

    def _made(self, place: int, call: _OpenCall, taken: set[str]) -> ToolCall:
        identity = whole_characters(call.id)
        if not identity or identity in taken:
            self._note("calls")
            identity = next(one for one in _names(place) if one not in taken)
        taken.add(identity)
        return ToolCall(id=identity, name=whole_characters(call.name), arguments=self._joined(call))

    def _joined(self, call: _OpenCall) -> str:
        characters = Characters()
        pieces = call.arguments if call.size else [call.otherwise or _NONE]
        written = "".join(map(characters.add, pieces)) + characters.close()
        if characters.repaired:
            self._note("characters")
        return written

    def _arguments(self, arguments: object) -> str:
        if isinstance(arguments, str):
            return arguments
        if arguments is None:
            return ""
        self._note("calls")
        return json.dumps(arguments, ensure_ascii=False)

    def _begun(self, index: object, identity: str, name: str, arguments: str) -> _OpenCall | None:
        """Return the call that a fragment continues."""
        latest = self._by_id.get(identity) or (self._open[-1] if self._open else None)
        call = latest if index is None else self._last.get(_key(index))
        return None if call is None or _is_another(call, index, identity, name, arguments) else call


def _is_another(call: _OpenCall, index: object, identity: str, name: str, arguments: str) -> bool:
    more = bool(arguments.strip())
    if identity and identity == call.id:
        return call.complete and more and not call.is_again(identity, arguments)
    if identity and call.id:  # some servers give each fragment an id of its own
        return bool(name) or call.complete
    if not name:
        return False
    if call.complete:  # what follows is not a part of it
        return more or name != call.name
    return index is None or (bool(call.name) and name != call.name)


def _key(index: object) -> object:
    return index if isinstance(index, int | str) else None


def _word(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None or isinstance(value, dict | list) else str(value)


def _names(place: int) -> Iterator[str]:
    yield f"call_{place}"
    yield from (f"call_{place}_{again}" for again in count(1))
