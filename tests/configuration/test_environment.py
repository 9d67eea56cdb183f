from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.configuration import load
from app.configuration.environment import VARIABLES, fill_credentials
from app.configuration.keys import known_keys
from app.errors import ConfigurationError
from app.settings import Settings

MODELS = """\
models:
  a: {provider: openai}
  b: {provider: openai, api_key: own}
  c: {provider: anthropic, api_key: "${UNSET:-}"}
  local: {provider: local}
"""
KEYS = {"openai": "key-o", "anthropic": "key-a", "unused": "key-u"}


def keys(settings: Settings) -> dict[str, str | None]:
    return {
        name: model.api_key.get_secret_value() if model.api_key else None for name, model in settings.models.items()
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "meta-ai.yaml"
    path.write_text(MODELS)
    return path


def test_credentials_fill_in_the_keys_that_are_missing(path: Path) -> None:
    found = load(path, {"LLM_PROVIDER_CREDENTIALS": json.dumps(KEYS)})
    assert keys(found) == {"a": "key-o", "b": "own", "c": "key-a", "local": None}
    assert "key-o" not in repr(found)


def test_a_model_with_several_keys_of_its_own_is_given_no_other(tmp_path: Path) -> None:
    path = tmp_path / "several.yaml"
    path.write_text("models:\n  local: {provider: openai, api_keys: [one, two]}\n")
    assert keys(load(path, {"LLM_PROVIDER_CREDENTIALS": json.dumps(KEYS)})) == {"local": None}


def test_credentials_may_be_in_a_file(path: Path, tmp_path: Path) -> None:
    secret = tmp_path / "credentials.json"
    secret.write_text(json.dumps(KEYS))
    assert keys(load(path, {"LLM_PROVIDER_CREDENTIALS": str(secret)}))["a"] == "key-o"


def test_white_space_around_keys_is_dropped(path: Path, tmp_path: Path) -> None:
    secret = tmp_path / "credentials.json"
    secret.write_text(json.dumps({"openai": "\ufeffkey-o\r\n", "anthropic": " key-a\t"}) + "\n")
    found = load(path, {"LLM_PROVIDER_CREDENTIALS": str(secret)})
    assert keys(found) == {"a": "key-o", "b": "own", "c": "key-a", "local": None}


@pytest.mark.parametrize(("key", "said"), [("sk-\nsecret", "line end"), ("sk-\u2013secret", "not ASCII")])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(key: str, said: str, path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"LLM_PROVIDER_CREDENTIALS: one of the keys.*{said}") as caught:
        load(path, {"LLM_PROVIDER_CREDENTIALS": json.dumps({"openai": key})})
    assert "secret" not in str(caught.value)
    path.write_text(f"models:\n  a: {{provider: openai, api_key: {json.dumps(key)}}}\n")
    with pytest.raises(ConfigurationError, match=rf"models\.a\.api_key: .*{said}") as caught:
        load(path, {})
    assert "secret" not in str(caught.value)


def test_the_line_end_of_a_block_in_the_file_is_no_part_of_a_key(path: Path) -> None:
    path.write_text("models:\n  local:\n    provider: openai\n    api_key: |\n      sk-secret\n")
    assert keys(load(path, {})) == {"local": "sk-secret"}


@pytest.mark.parametrize(
    "value", ["sk-secret", '{"openai": sk-secret}', '{"sk-secret": 5}', "sk-secret\0", "sk-secret" * 999]
)
def test_what_is_not_credentials_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(ConfigurationError, match="must be a JSON object") as caught:
        fill_credentials(Settings(), {"LLM_PROVIDER_CREDENTIALS": value})
    assert "sk-secret" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("variable", [*VARIABLES, "LLM_PROVIDER_CREDENTIALS"])
def test_an_empty_variable_counts_as_not_set(path: Path, variable: str) -> None:
    assert load(path, {variable: ""}) == load(path, {})


def test_every_variable_stands_for_a_setting() -> None:
    assert set(VARIABLES.values()) <= set(known_keys())


def test_a_variable_does_not_hide_that_its_section_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("server: 5\n")
    with pytest.raises(ConfigurationError, match=r"wrong\.yaml:1: server: must be a mapping"):
        load(path, {"ORCHESTRATOR_PORT": "1"})
