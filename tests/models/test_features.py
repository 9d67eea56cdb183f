from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from app.errors import ConfigurationError
from app.models.base import Features
from app.models.features import Change, changed, defaults
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
    assert changed(KNOWN, changes) == features


@pytest.mark.parametrize("change", ["colour", "-colour", "--seed", ""])
def test_a_change_names_a_feature(change: str) -> None:
    with pytest.raises(ValidationError, match="there is no feature"):
        TypeAdapter(Change).validate_python(change)


def test_defaults_are_for_features_that_it_has() -> None:
    settings = ModelSettings(provider="x", sampling={"seed": 1})

    assert defaults("m", settings, KNOWN) == Sampling(seed=1)
    with pytest.raises(ConfigurationError, match=r"models\.m\.sampling\.seed: x has no seed"):
        defaults("m", settings, frozenset())
