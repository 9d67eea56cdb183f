"""The tokenizer of lexical retrieval."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from app.normalization import compatible
from app.retrieval.scripts import UNSPACED, ZERO_WIDTH_SPACE, marks, simplified

_ASCII_TERM = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
#: Between the syllables of Tibetan; in the other scripts without spaces it does not occur.
_TSHEG = "\u0f0b"
#: In Persian, parts of a word are typed with a zero width non-joiner between them, with a space, or with nothing.
_PERSIAN_JOINT = re.compile("(?<=[\u0600-\u06ff])\u200c(?=[\u0600-\u06ff])")
#: Pages put a zero width space into long words and addresses.
_PAGE_JOINT = re.compile(rf"{ZERO_WIDTH_SPACE}(?=[^\W_{UNSPACED}])")
#: Letters that are other letters with a mark, for who cannot type them, but have no decomposition in Unicode.
_SPELLINGS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "ŧ": "t", "\u0131": "i"}
    | {
        "\u0649": "\u064a",
        "\u06cc": "\u064a",
        "\u0629": "\u0647",
        "\u06a9": "\u0643",
        "\u06c1": "\u0647",
        "\u0671": "\u0627",
    }
    | {"\u0901": "\u0902"}
)
#: For each script (as a class of a pattern), the marks without which a word may be typed.
_LOOSE_MARKS = (
    ("A-Za-z\u00c0-\u024f\u1e00-\u1eff\u0370-\u03ff\u1f00-\u1fff", "\u0300-\u036f"),
    ("\u0435", "\u0308"),
    ("\u0600-\u06ff", "\u0653-\u0655"),
    ("\u0900-\u097f", "\u093c"),
)


def tokenize(text: str) -> list[str]:
    """Return the terms of `text` in order: words of letters, marks and digits, case folded.

    `commit_interval` is two terms. Spellings that differ only in how they are typed are the same terms: composed or
    not, with or without vowel points, soft hyphens, joiners and the like. A word with an apostrophe is its parts, and
    the whole without it. In a script without spaces, a term is a character with its marks, and two of them in a row.
    """
    if text.isascii():
        words = _ASCII_TERM.findall(text.lower())
        return [term for word in words for term in (_parts(word) if "'" in word else (word,))]
    found = _pattern().finditer(_normal(text))
    return [term for one in found for term in (_grams(one[0]) if one.lastgroup == "run" else _parts(one[0]))]


def unmarked(term: str) -> str:
    """Return a term of `tokenize` as it is typed by who leaves out accents, hamzas and the like.

    Marks that make another letter or vowel stay, such as those of Cyrillic й, Japanese が and Hindi ी.
    """
    if term.isascii():
        return term
    decomposed = unicodedata.normalize("NFD", term)
    return unicodedata.normalize("NFC", _loose().sub(r"\1\2\3\4", decomposed)).translate(_SPELLINGS)


def _normal(text: str) -> str:
    joined = _PAGE_JOINT.sub("'", _PERSIAN_JOINT.sub("'", compatible(text)))  # marks are in order then
    folded = compatible(compatible(joined.translate(simplified())).casefold())
    return _stressed().sub(r"\1", folded.translate(simplified()))


def _parts(word: str) -> Iterator[str]:
    """Yield what apostrophes part, and the whole without them; the English 's is no part of it."""
    parts = word.split("'")
    yield from parts
    whole = parts[:-1] if parts[-1] == "s" else parts
    if len(whole) > 1:
        yield "".join(whole)


def _grams(run: str) -> Iterator[str]:
    before = ""
    for found in _cluster().findall(run):
        cluster = found[0] + "".join(sorted(found[1:]))  # people type the marks of a vowel in one order or another
        if before:
            yield before + cluster
        yield cluster
        before = cluster


@cache
def _pattern() -> re.Pattern[str]:
    letters = rf"[^\W_{UNSPACED}]+"
    word = rf"{letters}(?:[{marks()}]++(?:{letters})?)*"
    run = rf"(?:{_cluster().pattern}[{ZERO_WIDTH_SPACE}{_TSHEG}]?)+"
    return re.compile(rf"(?P<run>{run})|{word}(?:'{word})*")


@cache
def _cluster() -> re.Pattern[str]:
    """Return the pattern of a letter of a script without spaces, together with its marks."""
    return re.compile(rf"(?=[^\W_])[{UNSPACED}][{marks()}]*")


@cache
def _loose() -> re.Pattern[str]:
    return re.compile("|".join(f"([{letters}])[{loose}]+" for letters, loose in _LOOSE_MARKS))


@cache
def _stressed() -> re.Pattern[str]:
    """Return the pattern of a Cyrillic letter with a stress: й and the like are single characters here."""
    return re.compile("([\u0400-\u052f])[\u0300\u0301]+")
