"""Parse a component's own settings, checked before the first call."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from app.errors import ConfigurationError
from app.models.base import Prompt
from app.settings import ModelSettings
from app.source.problems import dotted, error_text, pydantic_errors, unknown_key
from app.suggestions import closest_match
from topics.model_requests import Sampling

O = TypeVar("O", bound=BaseModel)  # noqa: E741  # O for options


def parse(name: str, settings: ModelSettings, options: type[O]) -> O:
    """Return `settings.options` as the component's own section.

    Raises:
        ConfigurationError: a key is unknown or a value is invalid.
    """
    try:
        return options.model_validate(settings.options)
    except ValidationError as problem:
        raise _explain(f"models.{name}.options", problem, options) from None


def sampling(name: str, settings: ModelSettings, **fallback: Any) -> Sampling:
    """Return the default sampling of a model: `settings.sampling` over `fallback`.

    Raises:
        ConfigurationError: a key is unknown or a value is invalid.
    """
    unknown = sorted(settings.sampling.keys() - Sampling.model_fields.keys())
    if unknown:
        raise ConfigurationError(f"models.{name}.sampling.{unknown_key(unknown[0], Sampling.model_fields)}")
    try:
        return Sampling.model_validate(fallback | settings.sampling)
    except ValidationError as problem:
        raise _explain(f"models.{name}.sampling", problem, Sampling) from None


def fill(asked: Sampling, defaults: Sampling) -> Sampling:
    """Return `asked`, with unset fields taken from `defaults`."""
    return defaults.model_copy(update=asked.model_dump(exclude_defaults=True))


def turns(prompt: Prompt) -> list[dict[str, str]]:
    """Return the messages of a prompt with their texts as most APIs expect them."""
    return [{"role": message.role, "content": message.content} for message in prompt.messages]


def _explain(section: str, problem: ValidationError, fields: type[BaseModel]) -> ConfigurationError:
    first = pydantic_errors(problem)[0]
    near = closest_match(str(first["loc"][-1]), fields.model_fields) if first["loc"] else ""
    known = f"{section} accepts {', '.join(fields.model_fields)}"
    text = error_text(first, lambda: f"did you mean `{near}`? {known}" if near else known)
    return ConfigurationError(f"{dotted((section, *first['loc']))}: {text}")
