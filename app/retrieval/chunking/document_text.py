"""A document's text, measured: where its lines and its words are."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from itertools import accumulate

#: Scripts written without spaces between words: kana, ideographs, hangul.
UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"

_NEWLINE = re.compile(r"\r\n?|\n")
_WORD = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]{{1,32}}")


class DocumentText:
    """A text whose line ends are all line feeds, addressed by character offset or by line, both from 0.

    A word is one character of a script without spaces, or a run of at most 32 other visible characters:
    so a count of words bounds the length of anything, be it Chinese or a minified file.
    """

    def __init__(self, text: str) -> None:
        self.lines = _NEWLINE.split(text)
        self.text = "\n".join(self.lines)
        self._line_starts = list(accumulate((len(line) + 1 for line in self.lines), initial=0))
        self._word_starts = [match.start() for match in _WORD.finditer(self.text)]

    def offset(self, line: int) -> int:
        """Return where `line` starts; the line after the last starts past the end."""
        return self._line_starts[line]

    def line(self, offset: int) -> int:
        """Return the line that has the character at `offset`."""
        return bisect_right(self._line_starts, offset) - 1

    def words(self, start: int, end: int) -> int:
        """Return how many words begin in [start, end)."""
        return bisect_left(self._word_starts, end) - bisect_left(self._word_starts, start)

    def word(self, start: int, ordinal: int) -> int:
        """Return where the word begins that comes `ordinal` words after the first at or after `start`.

        Raises:
            IndexError: there is none.
        """
        return self._word_starts[bisect_left(self._word_starts, start) + ordinal]

    def blank(self, line: int) -> bool:
        """Return whether `line` has nothing visible."""
        return not self.lines[line].strip()
