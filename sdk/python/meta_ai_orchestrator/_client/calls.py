"""Requests of the API as they are described, before an address, a key and time-outs are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode
from uuid import uuid4

from meta_ai_orchestrator._client.actions import Response
from meta_ai_orchestrator._client.errors import UsageError
from meta_ai_orchestrator._client.model import Model

T = TypeVar("T")
M = TypeVar("M", bound=Model)

JSON, JSON_LINES, YAML = "application/json", "application/x-ndjson", "application/yaml"


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, and what its response becomes.

    What is not `repeatable` is not sent again when it may have arrived. `wait` is for how many seconds the gateway is
    asked to wait for a result.
    """

    parse: Callable[[Response], T]
    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    content: bytes | None = None
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True
    wait: int = 0

    @property
    def target(self) -> str:
        """The path with its query."""
        found = [
            (name, _query_text(one))
            for name, value in self.query.items()
            for one in (value if isinstance(value, list | tuple) else [value])
            if one is not None
        ]
        return f"{self.path}?{urlencode(found)}" if found else self.path


def path(base: str, *parts: str | int) -> str:
    """Return a path whose parts are encoded: `path("/v1/tasks", task_id, "cancel")`.

    Raises:
        UsageError: a part would lead elsewhere.
    """
    for part in parts:
        if part in {"", ".", ".."}:
            raise UsageError(f"{part!r} cannot be part of a path; give the id")
    return "/".join([base, *(quote(str(part), safe="") for part in parts)])


def get(kind: type[M], path: str, **query: Any) -> Call[M]:
    """Return a request for an object."""
    return Call(kind.of, "GET", path, query)


def post(kind: type[M], path: str, body: Mapping[str, Any], **more: Any) -> Call[M]:
    """Return a request with a JSON body, of which what is None is left out."""
    return Call(kind.of, "POST", path, content=encoded(given(body)), **more)


def given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def encoded(value: Any) -> bytes:
    """Return a value as JSON.

    Raises:
        UsageError: JSON has no word for it.
    """
    try:
        return json.dumps(value, default=_other, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"cannot be sent as JSON: {error}") from None


def once(key: str | None) -> dict[str, str]:
    """Return the header by which all attempts at a request count once; the key is a new one if none is given."""
    return {"Idempotency-Key": key or uuid4().hex}


def _other(value: Any) -> Any:
    """Return models, times and pydantic's models as JSON."""
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, Mapping):
        return dict(value)
    for name in ("isoformat", "model_dump"):
        if method := getattr(value, name, None):
            return method()
    raise TypeError(f"{type(value).__name__} is not JSON")


def _query_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
