"""Where a hosted model is, and what it takes to be let in."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from app.errors import ConfigurationError
from app.models import options
from app.settings import ModelSettings, Section

#: SDKs insist on a key; a server on one's own machine does not.
_NO_KEY = "unused"


class HostedOptions(Section):
    """What every hosted provider understands: extra headers, and extra fields of the request's body."""

    headers: dict[str, SecretStr] = Field(default_factory=dict)
    body: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address, a model behind it, and the credentials, which no repr shows."""

    model: str
    base_url: str | None = field(repr=False)
    api_key: str = field(repr=False)
    headers: dict[str, str] = field(repr=False, default_factory=dict)
    body: dict[str, Any] = field(repr=False, default_factory=dict)

    @classmethod
    def from_settings(cls, name: str, settings: ModelSettings, chosen: HostedOptions, *, vendor: str) -> Self:
        """Return the endpoint of the model called `name`.

        The environment's `<vendor>_API_KEY` goes to the vendor's own address, or to where the environment's
        `<vendor>_BASE_URL` points, and never to a `base_url` of the settings, which has an `api_key` of its own.

        Raises:
            ConfigurationError: no model is named, or there is no key for the vendor's own address.
        """
        if not settings.model:
            raise ConfigurationError(f"models.{name}.model: say which of the provider's models is meant")
        base_url = settings.base_url or os.environ.get(f"{vendor}_BASE_URL") or None
        key = None if settings.base_url else os.environ.get(f"{vendor}_API_KEY")
        if settings.api_key is not None:
            key = settings.api_key.get_secret_value()
        if not key and not base_url:
            raise ConfigurationError(
                f"models.{name}.api_key: set it, or the environment variable {vendor}_API_KEY; "
                "or set base_url to a server that needs no key",
            )
        headers = {header: value.get_secret_value() for header, value in chosen.headers.items()}
        return cls(settings.model, base_url, key or _NO_KEY, headers, chosen.body)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything that must not occur in an error message."""
        password = urlsplit(self.base_url or "").password
        return (self.api_key, *self.headers.values(), *([password] if password else []))


def hosted_options(name: str, settings: ModelSettings) -> HostedOptions:
    """Return the options of a provider that has none of its own.

    Raises:
        ConfigurationError: a key is unknown or a value does not fit.
    """
    return options.parse(name, settings, HostedOptions)
