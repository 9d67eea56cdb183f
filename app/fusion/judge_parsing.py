"""What a judge replied: strictly as it was told to, or leniently where its meaning is plain.

Strict is one JSON object and nothing else. Lenient is the same object within other text, and the forms that judges
are used to: `[[A]]`, `Winner: A`, a lone `A`; `Score: 7`, `7/10`, a lone `7`. A reply that says two things says
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from app.json_text import strict

#: No verdict is longer, and the forms below are looked for one after the other.
_LOOKED_AT = 20_000

Winner: TypeAlias = Literal["A", "B", "tie"]

_NAMES: Mapping[str, Winner] = {"a": "A", "b": "B", "tie": "tie"}

_WINNERS = (
    re.compile(r"(?i:\b(?:winner|verdict)\b)\W{0,8}?(?:(?:[Ii]s|[Aa]nswer|a)\W+)*([AB](?!\W+tie)|(?i:tie))\b"),
    re.compile(r"\[\[(A|B|(?i:tie))\]\]"),
    re.compile(r"\A\W*(?:(?i:answer)\s+)?(A|B|(?i:tie))\W*\Z"),
)
_NUMBER = r"(\d{1,4}(?:\.\d{1,4})?)(?![\d.]*\d)"
_SCORES = (
    re.compile(rf"(?i:\bscore\b)[^\w-]{{0,8}}(?:(?i:is|of)\s+)*{_NUMBER}"),
    re.compile(rf"(?<![\d.]){_NUMBER}\s*/\s*\d"),
    re.compile(rf"\A\W*{_NUMBER}\W*\Z"),
)


def winner(reply: str | None) -> Winner | None:
    """Return which of two answers a reply prefers; None when it failed or cannot be read."""
    if reply is None:
        return None
    said = _strict(reply, "winner")
    found = said if isinstance(said, str) else _only(_WINNERS, reply)
    return _NAMES.get(found.strip().lower()) if found else None


def score(reply: str | None, *, top: int) -> float | None:
    """Return the score from 1 to `top` in a reply; None when it failed, cannot be read, or is out of range."""
    if reply is None:
        return None
    said = _strict(reply, "score")
    if isinstance(said, bool) or not isinstance(said, (int, float)):
        found = _only(_SCORES, reply)
        said = float(found) if found else None
    return float(said) if said is not None and 1 <= said <= top else None


def _strict(reply: str, field: str) -> object:
    try:
        said = strict(reply)
    except ValueError:
        return None
    return said.get(field) if isinstance(said, dict) else None


def _only(patterns: Iterable[re.Pattern[str]], reply: str) -> str | None:
    """Return what the first pattern that is found says; None when it says different things."""
    found = next((matches for pattern in patterns if (matches := pattern.findall(reply[:_LOOKED_AT]))), [])
    return str(found[0]) if len(set(found)) == 1 else None
