"""When two answers are the same answer."""

from __future__ import annotations

import re
import unicodedata

_STOPS = ".,;:!?\u2026\u3002\uff01\uff1f "
_OPENING = "\"'`*\u2018\u201c\u00ab"
_CLOSING = "\"'`*\u2019\u201d\u00bb"
_ARTICLE = re.compile(r"(?:a|an|the) (?=\w)")


def normalize(text: str) -> str:
    """Return `text` without what does not make it another answer.

    Compatible characters (NFKC) and cases are one, white space is one space, and gone are full stops and the
    like at the end, quotes or emphasis around the whole, and an English article at the start, unless nothing
    were left: "A" stays an answer. Normalising twice is normalising once.
    """
    while (folded := _fold(text)) != text:
        text = folded
    # By places, not by slices: a model's answer may be long, and wrapped a thousand times.
    start, end = 0, len(text)
    while (inner := _article(text, *_unwrapped(text, *_trimmed(text, start, end)))) != (start, end):
        start, end = inner
    return text[start:end]


def _fold(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the piece without spaces around it, and without stops at its end if anything is left."""
    while start < end and text[start] == " ":
        start += 1
    while start < end and text[end - 1] == " ":
        end -= 1
    last = end
    while start < last and text[last - 1] in _STOPS:
        last -= 1
    return (start, last) if start < last else (start, end)


def _unwrapped(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the piece without quotes around it; one character is always left."""
    if end - start < 3 or text[start] not in _OPENING or text[end - 1] not in _CLOSING:  # noqa: PLR2004  # two and a rest
        return start, end
    while start < end - 2 and text[start] in _OPENING:
        start += 1
    while end > start + 1 and text[end - 1] in _CLOSING:
        end -= 1
    return start, end


def _article(text: str, start: int, end: int) -> tuple[int, int]:
    found = _ARTICLE.match(text, start, end)
    return (found.end(), end) if found else (start, end)
