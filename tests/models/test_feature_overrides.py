from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from app.errors import ConfigurationError
from app.models.base import Features
from app.models.feature_overrides import FeatureOverride, default_sampling, with_overrides
from app.settings import ModelSettings
from topics.model_requests import Sampling

KNOWN: Features = frozenset({"seed", "tools"})


@pytest.mark.parametrize(
    ("changes", "features"),
    [
        ((), {"seed", "tools"}),
        (("schema",), {"seed", "tools", "schema"}),
        (("seed",), {"seed", "tools"}),
        (("-seed",), {"tools"}),
        (("-schema",), {"seed", "tools"}),
        (("schema", "-schema", "-seed"), {"tools"}),
    ],
)
def test_features_are_added_and_taken_away(changes: tuple[str, ...], features: set[str]) -> None:
    assert with_overrides(KNOWN, changes) == features


@pytest.mark.parametrize("change", ["colour", "-colour", "--seed", ""])
def test_a_change_names_a_feature(change: str) -> None:
    with pytest.raises(ValidationError, match="unknown feature"):
        TypeAdapter(FeatureOverride).validate_python(change)


def test_defaults_are_for_features_that_it_has() -> None:
    settings = ModelSettings(provider="x", sampling={"seed": 1})

    assert default_sampling("m", settings, KNOWN) == Sampling(seed=1)
    with pytest.raises(ConfigurationError, match=r"models\.m\.sampling\.seed: x does not support seed"):
        default_sampling("m", settings, frozenset())
