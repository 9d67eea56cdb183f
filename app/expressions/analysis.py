"""What an expression reads, without evaluating it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from app.expressions.cost import MACROS
from app.expressions.lexer import Token, string_value, tokenize

#: A way into the context, as in `input.order.total`.
Path = tuple[str, ...]

#: The names of types, as in `type(input.x) == int`.
_TYPES = frozenset(
    {"bool", "bytes", "double", "duration", "int", "list", "map", "null_type", "string", "timestamp", "type", "uint"}
)


@dataclass(frozen=True, slots=True)
class ExpressionAnalysis:
    """What is read: `paths` into the context, and `bound`, the names that macros give to items."""

    paths: frozenset[Path]
    bound: frozenset[str]


def shortest_paths(paths: Collection[Path]) -> tuple[Path, ...]:
    """Return the paths that do not lead on from the end of another."""
    return tuple(path for path in sorted(paths) if not any(path[:end] in paths for end in range(1, len(path))))


def analyze(source: str, variables: Collection[str]) -> ExpressionAnalysis:
    """Return what `source`, a well-formed expression with these free and bound variables, reads."""
    words = list(tokenize(source))
    calls = [place for place in range(len(words)) if _is_macro(words, place)]
    bound = frozenset(words[place + 2].text for place in calls)
    found = {_path(words, place) for place in range(len(words)) if _is_root(words, place)}
    free = frozenset(variables) - bound - _TYPES
    return ExpressionAnalysis(
        paths=frozenset(path for path in found if path[0] in free) | {(name,) for name in free - {p[0] for p in found}},
        bound=bound,
    )


def _text(words: Sequence[Token], place: int) -> str:
    return words[place].text if 0 <= place < len(words) else ""


def _is_macro(words: Sequence[Token], place: int) -> bool:
    return (
        words[place].text in MACROS
        and [_text(words, place + step) for step in (-1, 1, 3)] == [".", "(", ","]
        and words[place + 2].kind == "name"
    )


def _is_root(words: Sequence[Token], place: int) -> bool:
    return words[place].kind == "name" and _text(words, place - 1) != "." and _text(words, place + 1) != "("


def _path(words: Sequence[Token], place: int) -> Path:
    """Follow `.name` and `['name']` from a root; a method's name is no part of what is read."""
    path = [words[place].text]
    while (step := _step(words, place + 1)) is not None:
        name, length = step
        path.append(name)
        place += length
    return tuple(path)


def _step(words: Sequence[Token], place: int) -> tuple[str, int] | None:
    if _text(words, place) == "." and _text(words, place + 2) != "(":
        return words[place + 1].text, 2
    if _text(words, place) == "[" and _text(words, place + 2) == "]":
        name = string_value(words[place + 1])
        return None if name is None else (name, 3)
    return None
