"""The environment variables that stand above the file; an empty one counts as not set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from app.errors import ConfigurationError
from app.settings import ModelSettings, Settings, header_secret
from app.source.syntax import Document

CREDENTIALS = "LLM_PROVIDER_CREDENTIALS"
#: Each variable, and the setting that it replaces.
VARIABLES: dict[str, tuple[str, str]] = {
    "ORCHESTRATOR_BIND_ADDRESS": ("server", "bind_address"),
    "ORCHESTRATOR_PORT": ("server", "port"),
    "ORCHESTRATOR_GATEWAY_PORT": ("gateway", "port"),
    "LOG_LEVEL": ("telemetry", "log_level"),
    "METRICS_ENABLED": ("telemetry", "metrics"),
    "TRACING_ENABLED": ("telemetry", "tracing"),
    "VECTOR_STORE_ENDPOINT": ("retrieval", "endpoint"),
    "KAFKA_BOOTSTRAP_SERVERS": ("broker", "bootstrap_servers"),
}


def override(document: Document, environ: Mapping[str, str]) -> None:
    """Put the variables of `VARIABLES` over the document's values."""
    for name, key in VARIABLES.items():
        if value := environ.get(name, "").strip():
            _put(document, key, value, name)
            if name == "KAFKA_BOOTSTRAP_SERVERS":
                _put(document, ("broker", "kind"), "cluster", name)


def _put(document: Document, key: tuple[str, str], value: str, variable: str) -> None:
    section = document.value.get(key[0])
    if section is None:
        section = document.value[key[0]] = {}
    if isinstance(section, dict):  # anything else is reported by the validation
        section[key[1]] = value
        document.places[key] = variable


def fill_credentials(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """Give each model without a key that of its provider in `LLM_PROVIDER_CREDENTIALS`.

    Raises:
        ConfigurationError: the variable is neither a JSON object of texts nor the path of a file with one.
    """
    keys = _credentials(environ.get(CREDENTIALS, ""))
    models = {name: _with_key(model, keys) for name, model in settings.models.items()}
    return settings.model_copy(update={"models": models}) if keys else settings


def _with_key(model: ModelSettings, keys: Mapping[str, str]) -> ModelSettings:
    own = model.api_key.get_secret_value() if model.api_key else ""
    key = keys.get(model.provider, "")
    return model if own or model.api_keys or not key else model.model_copy(update={"api_key": SecretStr(key)})


def _credentials(variable: str) -> dict[str, str]:
    """Read the variable; no error repeats any of it, nor of the file, for either may be a bare secret."""
    if not variable.strip():
        return {}
    found: Any
    try:
        text = variable if variable.lstrip().startswith("{") else Path(variable).read_text(encoding="utf-8")
        found = json.loads(text)
    except (OSError, ValueError, RecursionError):
        raise _malformed() from None
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found.values()):
        raise _malformed()
    try:
        return {provider: header_secret(key) for provider, key in found.items()}
    except ValueError as problem:
        raise ConfigurationError(f"{CREDENTIALS}: one of the keys {problem}") from None


def _malformed() -> ConfigurationError:
    return ConfigurationError(
        f"{CREDENTIALS}: must be a JSON object of provider and key, as in "
        '{"openai": "…"}, or the path of a readable file with such an object'
    )
