from __future__ import annotations

import pytest
from pydantic import SecretStr

from app.models.configured_capabilities import configured_features
from app.models.scripted.adapter import Scripted
from app.settings import ModelSettings


def test_that_each_model_has_what_it_is_configured_to_have() -> None:
    models = {
        "plain": ModelSettings(provider="scripted", options={"lacks": ["tools"]}),
        "hosted": ModelSettings(
            provider="openai", model="m", api_key=SecretStr("k"), options={"features": ["-images"]}
        ),
    }
    found = configured_features(models)
    assert found["plain"] == Scripted.features - {"tools"}
    assert "tools" in found["hosted"]
    assert "images" not in found["hosted"]


def test_that_a_model_with_several_keys_is_like_one_with_the_first() -> None:
    keys = (SecretStr("a"), SecretStr("b"))
    one = ModelSettings(provider="anthropic", model="m", api_key=keys[0])
    several = ModelSettings(provider="anthropic", model="m", api_keys=keys)
    found = configured_features({"one": one, "several": several})
    assert found["one"] == found["several"] != frozenset()


def test_that_what_cannot_be_built_here_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.models.local.adapter.find_spec", lambda _: None)
    models = {
        "unpaid": ModelSettings(provider="openai", model="m"),
        "absent": ModelSettings(provider="local"),
        "plain": ModelSettings(provider="scripted"),
    }
    assert set(configured_features(models)) == {"plain"}
