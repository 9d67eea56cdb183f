from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from app import components
from app.errors import ConfigurationError
from app.fusion import registry
from app.fusion.vote import Vote


@pytest.mark.parametrize("name", registry.STRATEGIES)
def test_every_strategy_has_the_name_it_is_listed_by(name: str) -> None:
    assert registry.get(name).name == name


def test_only_consensus_needs_embeddings() -> None:
    assert {name for name in registry.STRATEGIES if registry.get(name).needs_embeddings} == {"consensus"}


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(ConfigurationError, match="no fusion strategy is called best; there are consensus, first, vote"):
        registry.get("best")


def test_an_installed_package_can_add_one_but_not_replace_one(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint(name, "app.fusion.vote:Vote", registry.GROUP) for name in ("mine", "first")]
    monkeypatch.setattr(components, "entry_points", lambda group: [point for point in points if point.group == group])
    assert isinstance(registry.get("mine"), Vote)
    assert registry.get("first").name == "first"


def test_one_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("broken", "app.fusion.vote:NoSuchClass", registry.GROUP)
    monkeypatch.setattr(components, "entry_points", lambda group: [point] if point.group == group else [])
    with pytest.raises(ConfigurationError, match="broken cannot be imported"):
        registry.get("broken")
