"""Panels to fuse, and models to answer the calls that a strategy makes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from app.fusion.base import Call, Candidate, Panel
from app.fusion.conformance import Model

_SHOWN = re.compile(r"<<<ANSWER ([AB]) \w+>>>\n(.*?)\n<<<END", re.DOTALL)


def candidates(*texts: str) -> list[Candidate]:
    """Return one candidate of each text, of branches and models named a, b, c and so on."""
    return [Candidate(name, text, model=name) for name, text in zip("abcdefghij", texts, strict=False)]


def panel(*texts: str, order: Sequence[str] = "abcdefghij") -> Panel:
    return Panel(candidates(*texts), order, prompt="Which one?", key="run/step")


def shown(call: Call) -> dict[str, str]:
    """Return the two answers that a call compares, by the letter that they are shown as."""
    return dict(_SHOWN.findall(call.prompt))


def prefers(*best_first: str) -> Model:
    """Return a judge that prefers the text that comes first here, wherever it is shown."""

    def judge(call: Call) -> str:
        found = shown(call)
        return json.dumps({"winner": min(found, key=lambda letter: best_first.index(found[letter]))})

    return judge


def says(reply: str | None) -> Model:
    """Return a model that replies the same to everything."""
    return lambda _: reply
