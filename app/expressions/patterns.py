"""What it takes to compile the pattern of `matches`, which the library does at each call."""

from __future__ import annotations

import re

from app.patterns import hint

_PIECE = re.compile(r"\\[\s\S]|\{[^{}]*\}|[\s\S]")
#: Units for what stands for many characters: letters of all scripts, and other classes.
_LETTERS, _CLASS, _CHARACTER = 5_000, 600, 3
_START = 50
#: A pattern that takes more units to compile is not tried beforehand.
_TRIED = 5_000_000


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


def wrong_pattern(literal: str) -> str:
    """Return what is wrong with a pattern that is written as `literal`; nothing when it can be used."""
    import cel  # noqa: PLC0415  # part of the server's extra

    if compiling(literal) > _TRIED:
        return ""
    try:
        cel.evaluate(f"''.matches({literal})")
    except (ValueError, RuntimeError):
        return f"{literal} is not a pattern that `matches` can use; {hint(literal)}"
    return ""


def _units(piece: str) -> float:
    if piece == ")":
        return 0
    if piece[0] == "\\":
        return _CHARACTER if not piece[1].isalnum() else _CLASS if piece[1] in "dDsS" else _LETTERS
    return _CLASS if piece in ".[" else _CHARACTER
