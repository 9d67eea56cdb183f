"""JSON Schemas: what a value must look like, and what is wrong with one that does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.errors import ConfigurationError, MissingDependency

_MOST_CHARACTERS = 300


class Schema:
    """One compiled JSON Schema, of draft 2020-12 unless its `$schema` names an older one."""

    def __init__(self, schema: Mapping[str, Any], *, where: str) -> None:
        """Compile `schema`; `where` names it in errors. Nothing is ever fetched.

        Raises:
            ConfigurationError: it is not a valid schema, or refers to one elsewhere.
        """
        try:
            import jsonschema_rs  # noqa: PLC0415  # part of the server's extra
        except ImportError:
            raise MissingDependency('pip install "meta-ai-orchestrator[server]"') from None
        try:
            # This engine of patterns takes a time that grows with the text and no faster; `offline` forbids to fetch.
            self._validator = jsonschema_rs.validator_for(
                dict(schema), offline=True, validate_formats=True, pattern_options=jsonschema_rs.RegexOptions()
            )
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            raise ConfigurationError(f"{where}: is not a JSON Schema: {_reason(error)}") from None

    def complaint(self, value: Any) -> str | None:
        """Return the first problem as "path: what is wrong", None when `value` fits."""
        try:
            problem = next(self._validator.iter_errors(value), None)
        except ValueError as error:  # it holds what is not JSON
            return _short(str(error))
        if problem is None:
            return None
        path = ".".join(map(str, problem.instance_path))
        return _short(f"{path}: {problem.message}" if path else problem.message)


def _reason(error: Exception) -> str:
    path = ".".join(map(str, getattr(error, "instance_path", ())))
    said = str(getattr(error, "message", error)).splitlines()[0]
    if "Retrieval is disabled" in said:
        said = "it refers to another file or address; write what it refers to under `$defs`"
    return _short(f"{path}: {said}" if path else said)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MOST_CHARACTERS else line[: _MOST_CHARACTERS - 1] + "…"
