"""A document's text, measured: where its lines and its words are."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from functools import cache
from itertools import accumulate

from app.retrieval.scripts import UNSPACED, marks

_NEWLINE = re.compile(r"\r\n?|\n")
_ASCII_WORD = re.compile(r"\S{1,32}")


class DocumentText:
    """A text whose line ends are all line feeds, addressed by character offset or by line, both from 0.

    A word is one character of a script without spaces, or a run of at most 32 other visible characters, each with
    up to 8 marks: so a count of words bounds the length of anything, be it Chinese or a minified file.
    """

    def __init__(self, text: str) -> None:
        self.lines = _NEWLINE.split(text)
        self.text = "\n".join(self.lines)
        self._line_starts = list(accumulate((len(line) + 1 for line in self.lines), initial=0))
        self._word_starts = [match.start() for match in _word(self.text).finditer(self.text)]

    def offset(self, line: int) -> int:
        """Return where `line` starts; the line after the last starts past the end."""
        return self._line_starts[line]

    def line(self, offset: int) -> int:
        """Return the line that has the character at `offset`."""
        return bisect_right(self._line_starts, offset) - 1

    def words(self, start: int, end: int) -> int:
        """Return how many words are in [start, end), with the rest of one that began before."""
        return max(0, bisect_left(self._word_starts, end) - self._word_at(start))

    def word(self, start: int, ordinal: int) -> int:
        """Return where the word begins that comes `ordinal` words after the first that ends after `start`.

        Raises:
            IndexError: there is none.
        """
        return self._word_starts[self._word_at(start) + ordinal]

    def blank(self, line: int) -> bool:
        """Return whether `line` has nothing visible."""
        return not self.lines[line].strip()

    def _word_at(self, offset: int) -> int:
        """Return the number of the word that has the character at `offset`, or else of the next."""
        number = bisect_left(self._word_starts, offset)
        begins = number < len(self._word_starts) and self._word_starts[number] == offset
        inside = not begins and offset < len(self.text) and not self.text[offset].isspace()
        return number - 1 if inside else number


def _word(text: str) -> re.Pattern[str]:
    return _ASCII_WORD if text.isascii() else _any_word()


@cache
def _any_word() -> re.Pattern[str]:
    own = f"[{marks()}]{{0,8}}"
    return re.compile(rf"[{UNSPACED}]{own}|(?:[^\s{UNSPACED}]{own}){{1,32}}")
