"""The base of all objects that the API answers with: typed attributes, which also read as a mapping.

Plain objects instead of pydantic's, so that importing the client takes milliseconds, and what a newer gateway adds is
kept.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, NoReturn, Self, Union, get_args, get_origin, get_type_hints

from meta_ai_orchestrator._client.actions import Response
from meta_ai_orchestrator._client.errors import InvalidResponseError

#: The default of a field that is a list or an object: an empty one of its own.
EMPTY: Any = object()
_RESPONSE = "_response"


class Model(Mapping[str, Any]):
    """An object of the API: `result.answer` and `result["answer"]` are the same. It does not change."""

    #: Fields that `repr` hides.
    _secret: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, fields: Mapping[str, Any]) -> None:
        kind = type(self)
        if not isinstance(fields, Mapping):
            raise InvalidResponseError(f"{kind.__name__}: the answer must be a JSON object")
        hints, own = _hints(kind), self.__dict__
        for name, hint in hints.items():
            if name in fields:
                own[name] = _converted(fields[name], hint, f"{kind.__name__}.{name}")
            elif name not in kind.__dict__:
                raise InvalidResponseError(f"{kind.__name__}: the answer lacks {name}")
            else:
                default = kind.__dict__[name]
                own[name] = _empty(hint) if default is EMPTY else default
        # What a newer gateway adds can be read, as long as it hides nothing.
        own.update((name, value) for name, value in fields.items() if name not in hints and not hasattr(kind, name))

    @classmethod
    def of(cls, response: Response) -> Self:
        """Return what a response holds.

        Raises:
            InvalidResponseError: it holds something else.
        """
        made = cls(response.json())
        made.__dict__[_RESPONSE] = response
        return made

    @property
    def last_response(self) -> Response | None:
        """The raw response that this is the whole of: its status, headers and bytes; None of a part of one."""
        found: Response | None = self.__dict__.get(_RESPONSE)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as plain JSON values, but for times."""
        return {name: _plain(value) for name, value in self.items()}

    def __getitem__(self, name: str) -> Any:
        if name == _RESPONSE:
            raise KeyError(name)
        return self.__dict__[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.__dict__ if name != _RESPONSE)

    def __len__(self) -> int:
        return len(self.__dict__) - (_RESPONSE in self.__dict__)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} does not change")

    def __repr__(self) -> str:
        shown = (f"{name}={'***' if name in self._secret else repr(value)}" for name, value in self.items())
        return f"{type(self).__name__}({', '.join(shown)})"


@cache
def _hints(kind: type[Model]) -> Mapping[str, Any]:
    return {name: hint for name, hint in get_type_hints(kind).items() if not name.startswith("_")}


def _converted(value: Any, hint: Any, where: str) -> Any:
    """Return a JSON value as its annotation has it."""
    origin, of = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return None if value is None else _converted(value, of[0], where)
    if origin is list:
        if not isinstance(value, list):
            raise InvalidResponseError(f"{where}: must be a list")
        return [_converted(one, of[0], where) for one in value]
    if isinstance(hint, type) and issubclass(hint, Model):
        return hint(value)
    if hint is datetime:
        try:
            return datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise InvalidResponseError(f"{where}: must be a time") from None
    return value


def _empty(hint: Any) -> Any:
    kind = get_origin(hint) or hint
    return kind({}) if issubclass(kind, Model) else kind()


def _plain(value: Any) -> Any:
    if isinstance(value, Model):
        return value.to_dict()
    return [_plain(one) for one in value] if isinstance(value, list) else value
