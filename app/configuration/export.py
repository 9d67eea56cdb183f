"""The configuration as it applies, for people to see: without anything that may be a secret."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import JsonValue

from app.settings import Settings

#: What stands in place of a secret, as pydantic writes it.
HIDDEN = "**********"


def export(settings: Settings) -> dict[str, JsonValue]:
    """Return the settings as plain JSON, in the form of the file.

    Secrets, and the user and the query of addresses, are hidden; so are all texts in `options`, as only the component
    knows what they are.
    """
    dumped: dict[str, Any] = settings.model_dump(mode="json", exclude_none=True)
    shown: dict[str, JsonValue] = _shown(dumped)
    return shown


def shown_url(text: str) -> str:
    """Return an address without what may be a secret in it; another text as it is."""
    if "://" not in text:
        return text
    with suppress(ValueError):
        parts = urlsplit(text)
        user, at, host = parts.netloc.rpartition("@")
        query = HIDDEN if parts.query else ""
        return urlunsplit((parts.scheme, f"{HIDDEN}@{host}" if user or at else host, parts.path, query, ""))
    return HIDDEN


def _shown(value: Any) -> Any:
    match value:
        case Mapping():
            return {name: _hidden(one) if name == "options" else _shown(one) for name, one in value.items()}
        case list():
            return [_shown(one) for one in value]
        case str():
            return shown_url(value)
    return value


def _hidden(value: Any) -> Any:
    match value:
        case Mapping():
            return {name: _hidden(one) for name, one in value.items()}
        case list():
            return [_hidden(one) for one in value]
        case str():
            return HIDDEN
    return value
