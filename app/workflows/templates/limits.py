"""Bounds on what a template does: how many turns its loops and calls take, and how many characters it handles.

A template is the workflow's, but what it goes through is anyone's: two loops over a task's list take the square of
its length. Turns are counted by a filter that is put into the body of whatever can run more than once, characters by
Jinja's own hooks for filters, calls and operators.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from jinja2 import nodes, pass_context

MOST_TURNS = 100_000
MOST_CHARACTERS = 8 * 1024 * 1024

#: No template can spell these.
TURN, SIZED, TEXT = "turn!", "sized!", "text!"
#: What makes more of a text than there was, by a number that it is given.
_WIDENING = frozenset({"center", "ljust", "rjust", "zfill", "expandtabs", "indent", "batch", "slice", "range"})
_INDENTING = frozenset({"indent", "json", "tojson", "expandtabs"})
_JOINING = frozenset({"join", "wordwrap"})
_NUMBER = re.compile(r"[0-9]+")


class TooMuch(Exception):
    """A template did more than it may."""


class _Left:
    __slots__ = ("characters", "turns")

    def __init__(self) -> None:
        self.turns = MOST_TURNS
        self.characters: float = MOST_CHARACTERS


_left: ContextVar[_Left | None] = ContextVar("template_limits", default=None)


@contextmanager
def bounded() -> Iterator[None]:
    """Count what is rendered or compiled inside."""
    token = _left.set(_Left())
    try:
        yield
    finally:
        _left.reset(token)


def turn(characters: float = 0) -> None:
    """Count one turn, in which so many characters are written.

    Raises:
        TooMuch: there were too many, as for `handle`.
    """
    if left := _left.get():
        left.turns -= 1
        if left.turns < 0:
            raise TooMuch(f"takes more than {MOST_TURNS} turns of its loops and calls; have a connector make the text")
    handle(characters)


def handle(characters: float) -> None:
    """Count characters, or items of a list, that are read or made.

    Raises:
        TooMuch: there were too many.
    """
    if left := _left.get():
        left.characters -= characters
        if left.characters < 0:
            raise TooMuch(f"handles more than {MOST_CHARACTERS} characters; have a connector make the text")


def counted(tree: nodes.Template) -> nodes.Template:
    """Return the template with its turns counted; it is changed."""
    for node in list(tree.find_all((nodes.For, nodes.Macro, nodes.CallBlock, nodes.Block))):
        written = sum(len(data.data) for data in node.find_all(nodes.TemplateData))
        node.body.insert(0, nodes.ExprStmt(_filter(nodes.Const(written), TURN)))  # type: ignore[attr-defined]  # all four have one
    for compare in list(tree.find_all(nodes.Compare)):
        for operand in compare.ops:
            operand.expr = _filter(operand.expr, SIZED)
    for joined in list(tree.find_all(nodes.Concat)):
        joined.nodes = [_filter(_filter(node, SIZED), TEXT) for node in joined.nodes]
    for found in list(tree.find_all(nodes.Getitem)):
        if isinstance(found.arg, nodes.Slice):
            found.node = _filter(found.node, SIZED)
    return tree


@pass_context
def count_turn(_context: Any, written: int) -> int:
    """Count a turn: the filter `TURN`. With the context, it is not taken for a constant."""
    turn(written)
    return written


def sized(value: Any) -> Any:
    """Return what is compared or put together: the filter `SIZED`, counted as all filters are."""
    return value


def guarded(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter or test of this name with its operands and its outcome counted."""

    @functools.wraps(call)
    def wrapper(*given: Any, **keywords: Any) -> Any:
        arguments = tuple(list(one) if is_lazy(one) else one for one in given)
        before(name, arguments, keywords)
        made = call(*arguments, **keywords)
        handle(size(made))
        return made

    return wrapper


def is_lazy(value: object) -> bool:
    """Whether these are items that are made one by one, as `map` and `reverse` yield them."""
    return isinstance(value, Iterator) and type(value).__module__ == "builtins"


def before(name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    """Count what a filter, method or function is about to read, and what it may make more of."""
    given = [*arguments, *keywords.values()]
    sizes = sum(map(size, given))
    handle(sizes)
    numbers = sum(abs(one) for one in given if isinstance(one, int))
    if name in _WIDENING:
        handle(numbers)
    if name in _INDENTING:
        handle(numbers * sizes)
    texts = [one for one in given if isinstance(one, str)]
    if name in _JOINING and texts:
        handle(sizes * len(texts[-1]))
    if name == "replace" and len(texts) > 2:  # noqa: PLR2004  # the text, what is sought, and what stands for it
        handle(texts[0].count(texts[1]) * len(texts[2]))
    if name.startswith("format"):
        handle(sum(_widths(text) for text in texts) + (numbers if any("*" in text for text in texts) else 0))


def operate(operator: str, left: Any, right: Any) -> None:
    """Count what `+`, `*`, `**` or `%` is about to make."""
    handle(size(left) + size(right))
    if operator == "*":
        for one, other in ((left, right), (right, left)):
            if isinstance(other, int) and not isinstance(one, int | float):
                handle(size(one) * abs(other))
    if operator in {"*", "**"} and isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length()
        handle(bits * abs(right) if operator == "**" else bits + right.bit_length())
    if operator == "%" and isinstance(left, str):
        before("format", (left, *(right if isinstance(right, tuple) else (right,))), {})


def size(value: Any) -> int:
    """Return the characters of a text, or the items of anything else that has such."""
    return len(value) if isinstance(value, str | bytes | list | tuple | dict | set | frozenset) else 1


def _widths(pattern: str) -> float:
    return sum(float(number) for number in _NUMBER.findall(pattern))


def _filter(node: nodes.Expr, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
