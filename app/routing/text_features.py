"""Features of a text that need no model: cheap signs of how hard a question is."""

from __future__ import annotations

import math
import re

#: Longer texts are judged by their beginning.
_MAX_CHARACTERS = 20_000
_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"[.!?\u3002\uff01\uff1f]+")
_SYMBOL = re.compile(r"[{}()\[\]<>=+*/\\^_|&%$#@~`]")
_DIGIT = re.compile(r"\d")

NAMES = ("words", "word_length", "sentences", "questions", "lines", "digits", "symbols")


def features(text: str) -> dict[str, float]:
    """Return a number for each of `NAMES`: logarithms of counts, the mean length of words, and shares of characters."""
    text = text[:_MAX_CHARACTERS]
    words, characters = _WORD.findall(text), max(len(text), 1)
    return {
        "words": math.log1p(len(words)),
        "word_length": sum(map(len, words)) / max(len(words), 1),
        "sentences": math.log1p(len(_SENTENCE.findall(text))),
        "questions": math.log1p(text.count("?")),
        "lines": math.log1p(text.count("\n")),
        "digits": len(_DIGIT.findall(text)) / characters,
        "symbols": len(_SYMBOL.findall(text)) / characters,
    }
