"""The address and credentials of a hosted model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import Field

from app import redaction
from app.errors import ConfigurationError
from app.settings import HeaderSecret, ModelSettings, Section, header_secret

#: SDKs insist on a key; a local server does not.
_NO_KEY = "unused"
_REGION = "{region}"
#: Headers, one per line, that the SDKs send with every request unasked.
_CUSTOM_HEADER_VARIABLES = ("ANTHROPIC_CUSTOM_HEADERS", "OPENAI_CUSTOM_HEADERS")


class HostedOptions(Section):
    """The options of every hosted provider: extra headers, extra body fields, and a size limit."""

    headers: dict[str, HeaderSecret] = Field(default_factory=dict, description="sent with each request")
    body: dict[str, Any] = Field(default_factory=dict, description="fields added to each request")
    max_response_bytes: int = Field(
        default=16 * 1024 * 1024, ge=1024, description="responses longer than this are aborted"
    )


@dataclass(frozen=True, slots=True)
class ProviderDefaults:
    """A provider's default address, and the environment variables of its key and of another address.

    Without an `address`, it is that of the SDK, unless `example` shows that everyone must set their own.
    `{region}` in the address stands for AWS_REGION. One that is `open` needs no key.
    """

    key: str | None = None
    url: str | None = None
    address: str | None = None
    example: str = ""
    open: bool = False

    def url_override(self) -> str | None:
        """Return the address that the environment sets instead of the provider's."""
        return (os.environ.get(self.url, "").strip() if self.url else "") or None

    def environment_key(self) -> str:
        """Return the key in the environment; empty without one.

        Raises:
            ConfigurationError: no HTTP header can carry it.
        """
        return environment_secret(self.key) if self.key else ""

    def own(self, name: str) -> str | None:
        """Return the provider's default address.

        Raises:
            ConfigurationError: there is no default, and models.`name` does not set one.
        """
        if self.example:
            raise ConfigurationError(f"models.{name}.base_url: set it, as in {self.example}")
        if self.address and _REGION in self.address:
            return self.address.replace(_REGION, _region(name))
        return self.address

    def missing_key_error(self, name: str) -> ConfigurationError:
        """Return the error of a missing key."""
        variable = f", or the environment variable {self.key}" if self.key else ""
        hint = f"set it{variable}; or set base_url to a server that needs no key"
        return ConfigurationError(f"models.{name}.api_key: {hint}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address, the model behind it, and the credentials, which are hidden from repr."""

    model: str
    base_url: str | None = field(repr=False)
    api_key: str = field(repr=False)
    headers: dict[str, str] = field(repr=False, default_factory=dict)
    body: dict[str, Any] = field(repr=False, default_factory=dict)
    connect_timeout: float = 5.0
    max_response_bytes: int = 16 * 1024 * 1024

    @classmethod
    def from_settings(
        cls,
        name: str,
        settings: ModelSettings,
        chosen: HostedOptions,
        *,
        vendor: str = "",
        provider_defaults: ProviderDefaults | None = None,
    ) -> Self:
        """Return the endpoint of the model `name`, at `provider_defaults`; or that of a `vendor` whose SDK has it.

        The key from the environment is sent to the vendor's own address, or to the address in the environment, and
        never to a `base_url` of the settings, which needs its own `api_key`.

        Raises:
            ConfigurationError: the model or the key for the vendor's own address is missing, or the address is
                invalid or contains a password.
        """
        provider_defaults = provider_defaults or ProviderDefaults(key=f"{vendor}_API_KEY", url=f"{vendor}_BASE_URL")
        if not settings.model:
            raise ConfigurationError(f"models.{name}.model: is required: the provider's name of the model")
        url_override = settings.base_url or provider_defaults.url_override()
        if "@" in urlsplit(url_override or "").netloc:
            raise ConfigurationError(
                f"models.{name}.base_url: must not contain a user or password; for a proxy that needs them, set "
                "options.headers.authorization"
            )
        if url_override and not url_override.lower().startswith(("http://", "https://")):
            raise ConfigurationError(f"models.{name}.base_url: must begin with http:// or https://")
        base_url = url_override or provider_defaults.own(name)
        key = "" if settings.base_url or settings.api_key else provider_defaults.environment_key()
        if settings.api_key is not None:
            key = settings.api_key.get_secret_value()
        if not key and not url_override and not provider_defaults.open:
            raise provider_defaults.missing_key_error(name)
        return cls(
            settings.model,
            base_url,
            key or _NO_KEY,
            {header: value.get_secret_value() for header, value in chosen.headers.items()},
            chosen.body,
            connect_timeout=settings.connect_timeout,
            max_response_bytes=chosen.max_response_bytes,
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything that must not appear in an error message."""
        return (self.api_key, *self.headers.values(), *ambient_secrets(os.environ))


def environment_secret(variable: str) -> str:
    """Return the key in an environment variable, which is to be sent in a header; empty if it is not set.

    Raises:
        ConfigurationError: no HTTP header can carry it.
    """
    try:
        return header_secret(os.environ.get(variable, ""))
    except ValueError as problem:
        raise ConfigurationError(f"the environment variable {variable} {problem}") from None


def ambient_secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the secrets in the headers that the SDKs take from the environment.

    That is each value, and also the credentials alone if a word such as `Bearer` precedes them.
    """
    lines = "\n".join(environ.get(name, "") for name in _CUSTOM_HEADER_VARIABLES).split("\n")
    values = [value.strip() for _, colon, value in (line.partition(":") for line in lines) if colon]
    found = [*values, *(value.split()[-1] for value in values if value)]
    return tuple(dict.fromkeys(one for one in found if len(one) >= redaction.SHORTEST))


def _region(name: str) -> str:
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise ConfigurationError(f"models.{name}.base_url: set it, or the environment variable AWS_REGION")
    return region
