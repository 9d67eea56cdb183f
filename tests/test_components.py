from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from app import components


def test_that_ours_win_and_the_others_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    added = [EntryPoint("ours", "their.module:Class", "g"), EntryPoint("theirs", "their.module:Other", "g")]
    asked: list[str] = []

    def installed(group: str) -> list[EntryPoint]:
        asked.append(group)
        return added

    monkeypatch.setattr(components, "entry_points", installed)
    found = components.named({"ours": "no.such.module:Class"}, "g")
    assert {name: point.value for name, point in found.items()} == {
        "ours": "no.such.module:Class",
        "theirs": "their.module:Other",
    }
    assert asked == ["g"]
