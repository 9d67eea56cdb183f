from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import jsonschema
import pytest

from app import entry_points
from app.errors import ConfigurationError
from app.fusion import registry
from app.fusion.strategies.vote import Vote

NEEDED: dict[str, dict[str, Any]] = {
    "best-of-n": {"judge": "big"},
    "rank-and-fuse": {"judge": "big"},
    "synthesize": {"aggregator": "big"},
    "weighted": {"weights": {"big": 2}},
}


@pytest.mark.parametrize("name", registry.STRATEGIES)
def test_every_strategy_has_the_name_it_is_listed_by(name: str) -> None:
    assert registry.get(name, NEEDED.get(name, {})).name == name


def test_only_consensus_needs_embeddings() -> None:
    needing = {name for name in registry.STRATEGIES if registry.get(name, NEEDED.get(name, {})).needs_embeddings}
    assert needing == {"consensus"}


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(ConfigurationError, match="no fusion strategy is called best; did you mean `best-of-n`"):
        registry.get("best")


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("vote", {"patern": "x"}, "fusion strategy vote: there is no option patern; did you mean `pattern`?"),
        ("consensus", {"judge": "x"}, "fusion strategy consensus: there is no option judge; there are same"),
        ("first", {"judge": "x"}, "fusion strategy first: there is no option judge; there is none"),
        ("best-of-n", {}, "fusion strategy best-of-n needs the option judge: the model that judges"),
        ("best-of-n", {"judge": "x", "mode": "fast"}, "fusion strategy best-of-n: mode: should be 'pairwise'"),
        (
            "weighted",
            {"weights": {"a": -1}},
            "fusion strategy weighted: weights.a: should be greater than or equal to 0",
        ),
        ("weighted", {}, "fusion strategy weighted: give weights or accuracies"),
        ("vote", {"pattern": "("}, "fusion strategy vote: pattern: '(' is not a regular expression"),
    ],
)
def test_an_option_that_does_not_fit_is_named_with_its_fix(name: str, options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        registry.get(name, options)
    assert str(raised.value).startswith(complaint)


def test_options_reach_the_strategy() -> None:
    assert registry.get("synthesize", {"aggregator": "big"}).models == ("big",)


@pytest.mark.parametrize("name", registry.STRATEGIES)
def test_every_strategy_is_described(name: str) -> None:
    described = registry.describe()[name]
    assert described.summary.endswith(".")
    jsonschema.Draft202012Validator.check_schema(described.options)
    assert described.options["additionalProperties"] is False
    assert all("description" in option for option in described.options.get("properties", {}).values())
    jsonschema.validate(NEEDED.get(name, {}), described.options)


def installed(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    monkeypatch.setattr(entry_points, "entry_points", lambda group: [point for point in points if point.group == group])


def test_an_installed_package_can_add_one_but_not_replace_one(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(
        monkeypatch,
        *(EntryPoint(name, "app.fusion.strategies.vote:Vote", registry.GROUP) for name in ("mine", "first")),
    )
    assert isinstance(registry.get("mine"), Vote)
    assert registry.get("first").name == "first"
    assert registry.describe()["mine"] == registry.describe()["vote"]


def test_one_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, EntryPoint("broken", "app.fusion.strategies.vote:NoSuchClass", registry.GROUP))
    with pytest.raises(ConfigurationError, match="broken cannot be imported"):
        registry.get("broken")
