from __future__ import annotations

from dataclasses import replace

from app.fusion.base import Call
from app.fusion.calls import missing
from tests.fusion.panels import panel


def test_a_call_that_failed_is_not_made_again() -> None:
    calls = [Call(label, "m", "?") for label in ("answered", "failed", "new")]
    given = replace(panel("x"), replies={"answered": "yes", "failed": None})
    assert missing(given, calls) == (calls[2],)
