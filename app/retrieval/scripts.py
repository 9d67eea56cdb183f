"""Characters by what they are in their script: patterns of the tokenizer and of the chunker are made of these."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache

#: Scripts written without spaces between words, as a class of a pattern: kana, bopomofo, ideographs, hangul and its
#: jamo, Yi; Thai, Lao, Tibetan, Burmese, Khmer, Tai Le, New Tai Lue, Buginese, Tai Tham, Balinese, Batak, Javanese,
#: Cham, Tai Viet. Punctuation and marks are among them.
UNSPACED = (
    "\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff\uff66-\uff9f"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\ua000-\ua4cf"
    "\u1100-\u115f\ua960-\ua97f\uac00-\ud7a3"
    "\u0e00-\u0fff\u1000-\u109f\ua9e0-\ua9fe\uaa60-\uaa7f\u1780-\u17ff"
    "\u1950-\u19df\u1a00-\u1aaf\u1b00-\u1b7f\u1bc0-\u1bff\ua980-\ua9df\uaa00-\uaa5f\uaa80-\uaadf"
)
ZERO_WIDTH_SPACE = "\u200b"
#: Vowels and finals of hangul that is written as jamo: they belong to the consonant before them.
_JAMO = (*range(0x1160, 0x1200), *range(0xD7B0, 0xD7FC))
#: Marks that a writer may leave out, and letters that only stretch a word: Hebrew points, Arabic vowels and tatweel,
#: Syriac points, the inherent vowels of Khmer, the fillers of hangul, and variation selectors.
_OPTIONAL = (
    *(*range(0x0591, 0x05BE), 0x05BF, 0x05C1, 0x05C2, 0x05C4, 0x05C5, 0x05C7),
    *(*range(0x0610, 0x061B), 0x0640, *range(0x064B, 0x0653), *range(0x0656, 0x0660), 0x0670),
    *(*range(0x06D6, 0x06DD), *range(0x06DF, 0x06E5), 0x06E7, 0x06E8, *range(0x06EA, 0x06EE)),
    *(*range(0x0730, 0x074B), *range(0x08CA, 0x08E2), *range(0x08E3, 0x0900)),
    *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x180F), 0x3164),
    *(*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)),
)
#: Forms of the apostrophe, and the raised dot of Catalan: they join the parts of a word.
_APOSTROPHES = "\u2018\u2019\u201b\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u055a\u05f3\ua78b\ua78c\uff07\u00b7\u0387"
#: Letters of Malayalam and Bengali that older text writes as another letter with a virama.
_CHILLUS = {
    0x0D7A: "\u0d23\u0d4d",
    0x0D7B: "\u0d28\u0d4d",
    0x0D7C: "\u0d30\u0d4d",
    0x0D7D: "\u0d32\u0d4d",
    0x0D7E: "\u0d33\u0d4d",
    0x0D7F: "\u0d15\u0d4d",
    0x09CE: "\u09a4\u09cd",
}
_LAST_MARK = 0x1EA00


@cache
def marks() -> str:
    """Return all characters that belong to the one before them, as a class of a pattern.

    These are Unicode's marks (accents, vowel signs, variation selectors), jamo, and format characters such as joiners,
    but not the zero width space, which separates words.
    """
    found = (code for code in range(0x300, _LAST_MARK) if unicodedata.category(chr(code))[0] == "M")
    return _ranges({*found, *_JAMO, *_format(), *range(0xE0100, 0xE01F0)} - {ord(ZERO_WIDTH_SPACE)})


@cache
def simplified() -> dict[int, str | None]:
    """Return a table for `str.translate` that unites spellings of a word which differ only in how they are typed.

    It removes optional marks and format characters, and unites apostrophes and the digits of all scripts.
    """
    table: dict[int, str | None] = dict.fromkeys((*_format(), *_OPTIONAL))
    table.pop(ord(ZERO_WIDTH_SPACE), None)  # it separates words
    table |= {ord(one): "'" for one in _APOSTROPHES}
    decimals = (code for code in range(0x80, 0x1FC00) if unicodedata.category(chr(code)) == "Nd")
    return table | _CHILLUS | {code: str(unicodedata.decimal(chr(code))) for code in decimals}


@cache
def _format() -> tuple[int, ...]:
    """Return the characters that are not shown: the soft hyphen, joiners, directions, the byte order mark."""
    return tuple(code for code in range(0x80, 0x10000) if unicodedata.category(chr(code)) == "Cf")


def _ranges(codes: Iterable[int]) -> str:
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in _runs(sorted(set(codes))))


def _runs(codes: list[int]) -> Iterator[tuple[int, int]]:
    first = last = codes[0]
    for code in (*codes[1:], sys.maxunicode + 2):
        if code != last + 1:
            yield first, last
            first = code
        last = code
