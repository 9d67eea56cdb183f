"""When two answers are the same answer."""

from __future__ import annotations

import re
import unicodedata

_STOPS = ".,;:!?\u2026\u3002\uff01\uff1f"
_WRAPPED = re.compile(r"(?s)([\"'`*\u2018\u201c\u00ab]+)(.+?)[\"'`*\u2019\u201d\u00bb]+")
_ARTICLE = re.compile(r"(?:a|an|the) (?=\w)")


def normalise(text: str) -> str:
    """Return `text` without what does not make it another answer.

    Compatible characters (NFKC) and cases are one, white space is one space, and gone are full stops and the
    like at the end, quotes or emphasis around the whole, and an English article at the start, unless nothing
    were left: "A" stays an answer. Normalising twice is normalising once.
    """
    while (simpler := _step(text)) != text:
        text = simpler
    return text


def _step(text: str) -> str:
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    text = " ".join(text.split())
    text = text.rstrip(_STOPS + " ") or text
    if wrapped := _WRAPPED.fullmatch(text):
        text = wrapped[2]
    return _ARTICLE.sub("", text, count=1) if _ARTICLE.match(text) else text
