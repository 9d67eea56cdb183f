"""The reasoning that servers without a parser for it leave in the text of an answer."""

from __future__ import annotations

import re

_NAMES = "think|thinking|thought|reasoning"
_BEGIN = re.compile(rf"\s*(?:<({_NAMES})>|\[THINK\])")
_END = re.compile(rf"</(?:{_NAMES})>|\[/THINK\]")


def without_thoughts(text: str) -> str:
    """Return a text without the thoughts at its beginning."""
    end = 0
    while found := _BEGIN.match(text, end):
        closing = f"</{found[1]}>" if found[1] else "[/THINK]"
        at = text.find(closing, found.end())
        end = len(text) if at < 0 else at + len(closing)
    return text[end:]


def after_thoughts(text: str) -> str:
    """Return what follows the end of the last thoughts in a text; of some, only the end is marked."""
    return _END.split(text)[-1]
