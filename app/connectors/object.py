"""`object`: one object of a bucket or another file system, read for a step."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.connectors.base import Arguments, parse_arguments, parse_options
from app.decoding import NotJson, NotText, decode, parse_json
from app.errors import ConfigurationError, ConnectorError, ConnectorUnavailable
from app.object_storage import ObjectStore
from app.settings import ConnectorSettings


class ObjectConnectorOptions(BaseModel):
    """How large an object may be, and what fsspec's file system is made with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: int = Field(default=512 * 1024, ge=1)
    storage: dict[str, Any] = Field(default_factory=dict)


class ObjectArguments(Arguments):
    """The `name` of an object below the URL, and what it is read `as_`: text, JSON, or base64 of its bytes."""

    name: str = Field(min_length=1, max_length=2000)
    as_: str = Field(default="text", alias="as", pattern="^(text|json|base64)$")


class ObjectConnector:
    """Reads objects; nothing outside of the URL."""

    def __init__(self, store: ObjectStore, max_bytes: int) -> None:
        self._store = store
        self._max_bytes = max_bytes

    @classmethod
    def from_settings(cls, name: str, settings: ConnectorSettings) -> Self:
        """Return the objects below the URL that the configuration calls `name`.

        Raises:
            ConfigurationError: the URL or an option is not valid.
            MissingDependency: its file system needs a package that is not installed.
        """
        if not settings.url:
            raise ConfigurationError(f"connectors.{name}.url: is missing; give one such as s3://bucket/folder")
        options = parse_options(name, settings, ObjectConnectorOptions)
        return cls(ObjectStore(settings.url, f"connectors.{name}.url", options.storage), options.max_bytes)

    async def run(self, arguments: Mapping[str, JsonValue], *, timeout: float) -> JsonValue:  # noqa: ARG002  # enforced by the caller
        """Return the content of an object.

        Raises:
            ConnectorError: there is none of this name, it is too large, or is not what it is read as.
        """
        given = parse_arguments(arguments, ObjectArguments)
        try:
            data = await asyncio.to_thread(self._store.read, given.name, self._max_bytes + 1)
        except FileNotFoundError:
            raise ConnectorError("arguments.name: there is no such object", status=404) from None
        except (PermissionError, ValueError) as error:
            raise ConnectorError(f"arguments.name: it cannot be read: {type(error).__name__}") from None
        except Exception as error:  # noqa: BLE001  # each storage has errors of its own, which may quote an address
            raise ConnectorUnavailable(f"it cannot be read: {type(error).__name__}") from None
        if len(data) > self._max_bytes:
            raise ConnectorError(f"the object is larger than {self._max_bytes} bytes: raise options.max_bytes")
        return _content(data, given.as_)

    async def close(self) -> None:
        """Release the connections."""
        self._store.close()


def _content(data: bytes, form: str) -> JsonValue:
    if form == "base64":
        return b64encode(data).decode()
    try:
        return decode(data) if form == "text" else parse_json(data).value
    except (NotText, NotJson) as problem:
        raise ConnectorError(f"the object is not {form}: {problem}") from None
