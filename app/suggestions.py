"""What an unknown name was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

#: Comparing two names takes the product of their lengths.
_LONGEST_NAME = 200
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
    near = difflib.get_close_matches(_folded(name), folded, n=1)
    return folded[near[0]] if near else ""


def did_you_mean(name: str, known: Iterable[str], listed: str = "there are") -> str:
    """Return the hint for an unknown name: the closest of `known`, or else all of them, as far as they fit a line.

    `listed` is what stands before all of them.
    """
    names = sorted(set(known))
    if near := closest_match(name, names):
        return f"did you mean `{near}`?"
    if not names:
        return f"{listed} none" if listed.endswith(":") else "there is none"
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return f"{listed} {', '.join(names[:_MOST_LISTED])}{more}"


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")
