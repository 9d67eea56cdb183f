"""Client packages, imported when a store is made, and settings that every kind reads in the same way."""

from __future__ import annotations

from importlib import import_module
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from app.errors import ConfigurationError, MissingDependency
from app.settings import RetrievalSettings

Options = TypeVar("Options", bound=BaseModel)


def client_package(module: str, extra: str) -> Any:
    """Return a module of an optional package.

    Raises:
        MissingDependency: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingDependency(f'pip install "meta-ai-orchestrator[{extra}]"') from error


def read_options(settings: RetrievalSettings, kind: type[Options]) -> Options:
    """Return the options of a store.

    Raises:
        ConfigurationError: one is unknown or has a wrong value.
    """
    try:
        return kind.model_validate(dict(settings.options))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        text = f"{settings.where}options.{where}: {first['msg']}; {settings.store} knows {', '.join(kind.model_fields)}"
        raise ConfigurationError(text) from None


def need_endpoint(settings: RetrievalSettings, example: str) -> str:
    """Return the endpoint of a store.

    Raises:
        ConfigurationError: there is none.
    """
    if not settings.endpoint:
        raise ConfigurationError(f"{settings.where}endpoint: {settings.store} needs it, as in {example}")
    return settings.endpoint
