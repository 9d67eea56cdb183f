"""The reasoning that servers without a parser for it leave in the text of an answer."""

from __future__ import annotations

import re

_NAMES = "think|thinking|thought|reasoning"
_BLOCKS = re.compile(
    rf"(?:\s*(?:<({_NAMES})>(?:(?!</\1>).)*+(?:</\1>|\Z)|\[THINK\](?:(?!\[/THINK\]).)*+(?:\[/THINK\]|\Z)))++", re.DOTALL
)
_END = re.compile(rf"</(?:{_NAMES})>|\[/THINK\]")


def without_thoughts(text: str) -> str:
    """Return a text without the thoughts at its beginning."""
    found = _BLOCKS.match(text)
    return text[found.end() :] if found else text


def after_thoughts(text: str) -> str:
    """Return what follows the end of the last thoughts in a text; of some, only the end is marked."""
    return _END.split(text)[-1]
