"""The tokens of a CEL expression, by the lexis of its specification."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_QUOTES = ("'''", '"""', "'", '"')
_TEXT = "|".join(rf"{quote}(?:\\.|(?!{quote})[\s\S])*?{quote}" for quote in _QUOTES)
_RAW = "|".join(rf"{quote}[\s\S]*?{quote}" for quote in _QUOTES)
_TOKEN = re.compile(
    rf"""(?P<space>\s+|//[^\n]*)
    |(?P<text>[bB]?[rR](?:{_RAW})|[bB]?(?:{_TEXT}))
    |(?P<number>0[xX][0-9a-fA-F]+[uU]?|(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?[uU]?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<mark>['"][\s\S]*|[\s\S])""",  # a text that does not end takes the rest, else each quote in it would be tried
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word; `start` is its place in the source."""

    kind: Literal["text", "number", "name", "mark"]
    text: str
    start: int


def tokenize(source: str, start: int = 0) -> Iterator[Token]:
    """Yield the words of `source` from `start` on, without spaces and comments."""
    for found in _TOKEN.finditer(source, start):
        if found.lastgroup != "space":
            yield Token(found.lastgroup, found[0], found.start())  # type: ignore[arg-type]  # the groups are the kinds


def string_value(token: Token) -> str | None:
    """Return what a literal says when it says it without escapes; None for any other token."""
    found = re.fullmatch(r"""(['"])([^\\'"\n]*)\1""", token.text) if token.kind == "text" else None
    return found[2] if found else None
