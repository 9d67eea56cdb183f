"""The key of a context: kept in the system's keyring, or referred to in the environment or a file."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

from app.errors import ConfigurationError, MissingDependency

KEYRING = "keyring"
_SERVICE = "meta-ai"


def read(name: str, reference: str) -> str | None:
    """Return the key of the context `name`; None if it has none.

    Raises:
        ConfigurationError: it is not where the context says.
        MissingDependency: the keyring needs a package.
    """
    kind, _, place = reference.partition(":")
    if not reference:
        return None
    if kind == "env":
        found = os.environ.get(place)
    elif kind == "file":
        try:
            found = Path(place).expanduser().read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise ConfigurationError(f"context {name}: {place} cannot be read: {reason}") from None
    else:
        found = _call(name, "get_password", _SERVICE, name)
    key = (found or "").strip()
    if not key:
        where = f"the environment variable {place}" if kind == "env" else place or "the keyring"
        raise ConfigurationError(f"context {name}: its key is not in {where}; put it there, or add the context again")
    return key


def store(name: str, key: str) -> None:
    """Put the key of a context into the system's keyring.

    Raises:
        ConfigurationError: this system has none that can be used.
        MissingDependency: the package is not installed.
    """
    _call(name, "set_password", _SERVICE, name, key)


def forget(name: str) -> None:
    """Take the key of a context out of the keyring.

    Raises:
        ConfigurationError: this system has none that can be used.
        MissingDependency: the package is not installed.
    """
    if _call(name, "get_password", _SERVICE, name) is not None:
        _call(name, "delete_password", _SERVICE, name)


def _call(context: str, what: str, *arguments: str) -> str | None:
    keyring = _keyring()
    try:
        result: str | None = getattr(keyring, what)(*arguments)
    except keyring.errors.KeyringError as error:
        hint = "use --key-env or --key-file"
        raise ConfigurationError(
            f"context {context}: no keyring can be used ({type(error).__name__}); {hint}"
        ) from None
    return result


def _keyring() -> ModuleType:
    try:
        import keyring  # noqa: PLC0415  # optional
        import keyring.errors  # noqa: PLC0415  # optional
    except ImportError as error:
        raise MissingDependency(
            'pip install "meta-ai-orchestrator[keyring]", or use --key-env or --key-file'
        ) from error
    return keyring
