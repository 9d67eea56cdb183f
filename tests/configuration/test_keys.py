from __future__ import annotations

from app.configuration.keys import is_duration, known_keys, section_keys
from app.settings import ModelSettings, PriceSettings, TelemetrySettings
from app.source.problems import dotted


def test_known_keys_reach_into_sections_and_mappings() -> None:
    found = [dotted(key) for key in known_keys()]
    assert {
        "app_id",
        "broker.security.password",
        "models.*.api_key",
        "topics.overrides.*.compact",
        "budgets.*.limit",
    } <= set(found)
    assert len(found) == len(set(found))


def test_an_optional_section_is_no_mapping() -> None:
    found = [dotted(key) for key in known_keys()]
    assert "models.*.price.input" in found
    rates = ["input", "output", "cached_input", "cache_write", "reasoning", "batch"]
    assert section_keys(("models", "whatever", "price")) == rates


def test_durations_are_told_from_other_numbers() -> None:
    assert is_duration(ModelSettings.model_fields["timeout"])
    assert not is_duration(ModelSettings.model_fields["attempts"])
    assert not is_duration(PriceSettings.model_fields["input"])
    assert not is_duration(TelemetrySettings.model_fields["log_level"])


def test_the_keys_of_a_section_are_found_under_any_name() -> None:
    assert section_keys(("server",)) == ["bind_address", "port"]
    assert "api_key" in section_keys(("models", "whatever"))
    assert section_keys(("server", "port", "deeper")) == []
