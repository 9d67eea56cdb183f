from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from app import entry_points


def test_that_ours_win_and_the_others_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    added = [EntryPoint("ours", "their.module:Class", "g"), EntryPoint("theirs", "their.module:Other", "g")]
    asked: list[str] = []

    def installed(group: str) -> list[EntryPoint]:
        asked.append(group)
        return added

    monkeypatch.setattr(entry_points, "entry_points", installed)
    found = entry_points.named({"ours": "no.such.module:Class"}, "g")
    assert {name: point.value for name, point in found.items()} == {
        "ours": "no.such.module:Class",
        "theirs": "their.module:Other",
    }
    assert asked == ["g"]


def test_that_the_installed_packages_are_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searches: list[str] = []

    def search(group: str) -> list[EntryPoint]:
        searches.append(group)
        return [EntryPoint("theirs", "their.module:Other", group)]

    monkeypatch.setattr(entry_points, "entry_points", search)
    assert entry_points.named({}, "g") == entry_points.named({}, "g")
    assert "theirs" in entry_points.named({}, "h")
    assert searches == ["g", "h"]


def test_that_what_was_found_cannot_be_changed_by_one_who_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry_points, "entry_points", lambda group: [EntryPoint("theirs", "a:B", group)])
    entry_points.named({}, "g").clear()
    assert set(entry_points.named({}, "g")) == {"theirs"}
