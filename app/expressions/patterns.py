"""What it takes to compile the pattern of `matches`, which the library does at each call."""

from __future__ import annotations

import re

_PIECE = re.compile(r"\\[\s\S]|\{[^{}]*\}|[\s\S]")
#: Units for what stands for many characters: letters of all scripts, and other classes.
_LETTERS, _CLASS, _CHARACTER = 5_000, 600, 3
_START = 50


def compiling(literal: str | None) -> float:
    """Return the units for a pattern that is written as `literal`.

    Raises:
        ValueError: it is not a literal: a pattern that comes with the data could take any time.
    """
    if literal is None:
        raise ValueError("`matches` needs its pattern written out, between quotes")
    total, last = float(_START), 0.0
    for piece in _PIECE.findall(literal.replace("\\\\", "\\")):
        if piece[0] == "{":
            times = max(map(int, re.findall(r"[0-9]{1,6}", piece)), default=1)
            # After a group, as if all before it were in the group.
            total += (total if last == 0 else last) * times
        else:
            last = _units(piece)
            total += last
    return total


def _units(piece: str) -> float:
    if piece == ")":
        return 0
    if piece[0] == "\\":
        return _CHARACTER if not piece[1].isalnum() else _CLASS if piece[1] in "dDsS" else _LETTERS
    return _CLASS if piece in ".[" else _CHARACTER
