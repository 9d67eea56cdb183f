"""What a template may turn into text: data, and never the address of an object of the program.

Data are what JSON has, and the models of chunks. A method, a function, a macro, the items of a filter that are not made
yet, or a name that is not there has no text that belongs into a prompt, alone or inside a list.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, ValuesView
from collections.abc import Set as AbstractSet
from typing import Any

from jinja2 import Environment, Undefined, pass_environment
from jinja2.filters import make_attrgetter
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from pydantic import BaseModel

from app.errors import PromptError
from app.workflows.templates import limits

_SCALARS = (str, bytes, int, float, type(None), BaseModel, range)
_SEVERAL = (list, tuple, AbstractSet, ValuesView)
#: What filters get beside their operands.
_AROUND = (Context, Environment, EvalContext)
#: Filters whose text is one of their operands, not made of them.
_CHOOSING = frozenset({"attr", "d", "default", "first", "join", "last", "max", "min"})
#: The error of items that a filter makes one by one.
NOT_MADE = "inserts items one by one, not their text: end it with `| list` or `| join(', ')`"


class NotData(PromptError):
    """A template inserts what is not data."""


def written(value: Any) -> str:
    """Return the text of what is inserted.

    Raises:
        NotData: it is not data, or holds what is not.
        TooMuch: there are too many characters.
    """
    if not isinstance(value, str):
        refuse(value)
    text = str(value)
    limits.handle(len(text))
    return text


@pass_environment
def join(environment: Environment, items: Any, separator: Any = "", attribute: str | int | None = None) -> str:
    """Return the texts of `items`, or of an attribute of each, with `separator` between them: the filter `join`."""
    chosen = items if attribute is None else map(make_attrgetter(environment, attribute), items)
    return str(separator).join(one if isinstance(one, str) else written(one) for one in chosen)


def checked(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter or function of this name that makes text of data only."""

    @functools.wraps(call)
    def wrapper(*given: Any, **keywords: Any) -> Any:
        made = call(*given, **keywords)
        refuse_operands(name, made, (*given, *keywords.values()))
        return made

    return wrapper


def refuse_operands(name: str, made: Any, operands: Iterable[Any]) -> None:
    """Refuse what the filter or operator `name` has made text of, if it is not data.

    Raises:
        NotData: likewise.
    """
    if isinstance(made, str) and name not in _CHOOSING:
        for one in operands:
            if not isinstance(one, (str, *_AROUND)):
                refuse(one)


def refuse(value: Any) -> None:
    """Refuse what is not data, in its parts too.

    Raises:
        NotData: a part is not data.
        UndefinedError: a part is a name that is not there.
    """
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, _SCALARS):
            continue
        limits.handle(limits.size(one))
        if isinstance(one, Mapping):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, _SEVERAL):
            waiting += one
        elif isinstance(one, Undefined):
            str(one)  # raises its own error
        else:
            raise NotData(_sentence(one))


def _sentence(value: Any) -> str:
    if limits.is_lazy(value):
        return NOT_MADE
    name = getattr(value, "__name__", getattr(value, "name", None))
    if callable(value) and isinstance(name, str):
        return function_itself(name.lower() if isinstance(value, type) else name.removeprefix("safe_"))
    return f"inserts the template's own {type(value).__name__.lower()}, which is not data"


def function_itself(name: str) -> str:
    """Return the error of a function that is not called."""
    return f"inserts the function `{name}` itself, not what it gives: call it, as in `{name}(…)`"
