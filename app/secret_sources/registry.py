"""The registry of secret sources, by the word before the colon of a reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from app.entry_points import named
from app.errors import ConfigurationError, MissingDependency
from app.suggestions import did_you_mean

GROUP = "meta_ai_orchestrator.secrets"

SOURCES: Mapping[str, str] = {
    "file": "app.secret_sources.file:read",
    "vault": "app.secret_sources.vault:read",
}

#: Returns the secret that is named by what stands behind the colon. It may block, and is called again to see a change.
Read = Callable[[str], str]


class SecretMissing(Exception):
    """The source has no such secret; the text says how to mend that, and holds no secret."""


def source(scheme: str) -> Read:
    """Return the source of this name; nothing is read yet.

    Raises:
        SecretMissing: there is none, or it cannot be loaded.
    """
    known = named(SOURCES, GROUP)
    if scheme not in known:
        raise SecretMissing(f"there is no secret source {scheme!r}; {did_you_mean(scheme, ['env', *known])}")
    try:
        return cast("Read", known[scheme].load())
    except (ImportError, AttributeError) as error:
        raise SecretMissing(f"the secret source {scheme} cannot be loaded: {type(error).__name__}") from None


def read(scheme: str, name: str) -> str:
    """Return a secret.

    Raises:
        SecretMissing: there is none, or it cannot be read now.
    """
    found = source(scheme)
    try:
        return found(name)
    except (SecretMissing, ConfigurationError, MissingDependency) as error:
        raise SecretMissing(str(error)) from None
    except Exception as error:  # noqa: BLE001  # whatever a package raises; its text may hold a secret
        raise SecretMissing(f"the secret source {scheme} failed: {type(error).__name__}") from None
