"""What an unknown name was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

#: Comparing two names takes the product of their lengths.
_LONGEST_NAME = 200
#: How alike two names must be, from 0 to 1: two letters of three in order are, "magic" and "semantic" are not.
_CLOSE = 0.65
#: So many names fit into a line that people read.
_MOST_LISTED = 20


def closest_match(name: str, known: Iterable[str]) -> str:
    """Return the one of `known` that was probably meant by `name`, or an empty string if none is like it.

    Case does not count, and `-`, `_` and spaces are the same.
    """
    if len(name) > _LONGEST_NAME:
        return ""
    folded: dict[str, str] = {}
    for one in known:
        folded.setdefault(_folded(one[: _LONGEST_NAME + 1]), one)
    near = difflib.get_close_matches(_folded(name), folded, n=1, cutoff=_CLOSE)
    return folded[near[0]] if near else ""


def did_you_mean(name: str, known: Iterable[str], listed: str = "") -> str:
    """Return the hint for an unknown name: the closest of `known`, or else all of them, as far as they fit a line.

    `listed` is what stands before all of them.
    """
    names = sorted(set(known))
    if near := closest_match(name, names):
        return f"did you mean `{near}`?"
    if not names:
        return f"{listed or 'there is'} none"
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    listed = listed or ("there is" if len(names) == 1 else "there are")
    return f"{listed} {', '.join(names[:_MOST_LISTED])}{more}"


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")
