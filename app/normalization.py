"""When two answers are the same answer."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import cache

from pydantic import JsonValue

from app.json_text import strict
from app.thoughts import without_thoughts

_STOPS = ".,;:!?\u2026\u3002\uff01\uff1f "
_OPENING = "\"'`*\u2018\u201c\u00ab"
_CLOSING = "\"'`*\u2019\u201d\u00bb"
_ARTICLE = re.compile(r"(?:a|an|the) (?=\w)")
#: What NFKC would make other numbers of: powers, and fractions after a whole number.
_RAISED = re.compile("[\u00b2\u00b3\u00b9\u2070\u2071\u2074-\u207f]+")
_FRACTION = re.compile("([0-9])([\u00bc-\u00be\u2150-\u215e\u2189])")
#: Where the rarer of the characters are that are combined with one before them: old scripts, of which all count.
_RARE = "\U00010000-\U0001efff"


def answer_form(text: str, data: JsonValue = None, *, exact: bool = False) -> str:
    """Return the form that answers which say the same have in common; thoughts before an answer are no part of it.

    JSON (`data`, or a text that is a JSON object or array) has that of `canonical`, other text is normalised. With
    `exact`, a text counts letter by letter.
    """
    text = text if exact else without_thoughts(text)
    if data is None and not exact and text.lstrip()[:1] in {"{", "["}:
        try:
            data = strict(text)
        except ValueError:
            return normalize(text)
    if data is not None:
        return canonical(data, exact=exact)
    return text if exact else normalize(text)


def canonical(value: JsonValue, *, exact: bool = False) -> str:
    """Return one text for all JSON that says the same, whatever the order of keys or the form of numbers.

    Texts in it are normalised, as answers are, unless `exact`.
    """
    return json.dumps(_plain(value, exact=exact), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def normalize(text: str) -> str:
    """Return `text` without what does not make it another answer.

    Compatible characters (NFKC) and cases are one, but 10² is 10^2 and not 102. White space is one space. Gone are full
    stops and the like at the end, quotes or emphasis around the whole, and an English article at the start, unless
    nothing were left: "A" stays an answer. Normalising twice is normalising once.
    """
    while (folded := _fold(text)) != text:
        text = folded
    # By places, not by slices: a model's answer may be long, and wrapped a thousand times.
    start, end = 0, len(text)
    while (inner := _article(text, *_unwrapped(text, *_trimmed(text, start, end)))) != (start, end):
        start, end = inner
    return text[start:end]


def compatible(text: str) -> str:
    """Return `text` in the normal form NFKC, in a time in proportion to its length.

    Python puts combining characters in order by exchanging neighbours, which takes the square of a run's length. So
    a long run is parted first, as Unicode's stream-safe format does (UAX #15, section 13): by a joiner that is not
    shown, after 30 characters. No language has so many.
    """
    if text.isascii() or unicodedata.is_normalized("NFKC", text):  # which puts nothing in order
        return text
    return unicodedata.normalize("NFKC", _long_run().sub("\\g<0>\u034f", text))


@cache
def _long_run() -> re.Pattern[str]:
    common = "".join(c for c in map(chr, range(0x300, 0xD800)) if _combines(c))
    combining = f"{common}\ufb1e\ufe20-\ufe2f\uff9e\uff9f{_RARE}"
    # One character first: that is what a search can skip to.
    return re.compile(f"[{combining}][{combining}]{{29}}(?=[{combining}])")


def _combines(character: str) -> bool:
    if unicodedata.combining(character):
        return True
    made_of = unicodedata.decomposition(character)
    return bool(made_of) and unicodedata.combining(unicodedata.normalize("NFKD", character)[0]) > 0


def _plain(value: JsonValue, *, exact: bool) -> JsonValue:
    if isinstance(value, dict):
        return {key: _plain(part, exact=exact) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part, exact=exact) for part in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return normalize(value) if isinstance(value, str) and not exact else value


def _fold(text: str) -> str:
    if not text.isascii():
        text = _FRACTION.sub(r"\1 \2", _RAISED.sub(r"^\g<0>", text))
    return " ".join(compatible(compatible(text).casefold()).split())


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
