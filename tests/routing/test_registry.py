from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from app import entry_points
from app.errors import ConfigurationError, MissingDependency
from app.routing import registry
from app.routing.policies.fixed import Fixed
from app.routing.policies.weighted import Weighted

KNOWN = "capability, cascade, cost, fixed, healthy, latency, learned, round-robin, semantic, weighted"


@pytest.mark.parametrize(("name", "kind"), [("fixed", Fixed), ("weighted", Weighted)])
def test_a_policy_is_had_by_name(name: str, kind: type) -> None:
    assert type(registry.get(name)) is kind


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=f"^no routing policy is called oracle; there are {KNOWN}$"):
        registry.get("oracle")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("fixed", {"weights": {}}, "routing policy fixed: there is no option weights; there is none"),
        ("weighted", {"weights": {"a": -1}}, "routing policy weighted: weights.a: Input should be greater than"),
        ("cost", {"max": 1}, "there is no option max; there are expected_output_tokens, max_cost"),
        ("semantic", {}, "examples: Field required; it takes examples, threshold, default"),
        ("learned", {"weak": "a", "strong": "a"}, "weak and strong are the same model"),
    ],
)
def test_a_wrong_option_is_named_with_the_right_ones(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        registry.get(name, options)
    assert message in str(caught.value)


def test_every_policy_is_described_by_a_sentence_and_a_valid_schema() -> None:
    described = registry.describe()
    assert ", ".join(described) == KNOWN
    for one in described.values():
        assert one.summary.endswith(".")
        Draft202012Validator.check_schema(dict(one.options))
    assert described["cost"].options["properties"].keys() == {"expected_output_tokens", "max_cost"}


def test_an_installed_package_can_add_a_policy_but_not_take_over_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = [
        EntryPoint("mine", "app.routing.policies.round_robin:RoundRobin", registry.GROUP),
        EntryPoint("fixed", "app.routing.policies.round_robin:RoundRobin", registry.GROUP),
        EntryPoint("broken", "no.such.module:Thing", registry.GROUP),
    ]
    monkeypatch.setattr(entry_points, "entry_points", lambda group: mine if group == registry.GROUP else [])
    assert registry.get("mine").name == "round-robin"
    assert registry.get("fixed").name == "fixed"
    with pytest.raises(ConfigurationError, match="the routing policy broken cannot be imported"):
        registry.get("broken")


def test_options_without_files_are_left_as_they_are(tmp_path: Path) -> None:
    options = {"weights": {"a": 1.0}}
    assert registry.inline("weighted", options, tmp_path) is options


def test_a_policy_of_ours_that_lacks_a_package_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "app.routing.policies.learned", None)
    with pytest.raises(MissingDependency, match=r'^pip install "meta-ai-orchestrator\[server\]"$'):
        registry.describe()
