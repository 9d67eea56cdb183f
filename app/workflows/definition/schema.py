"""The JSON Schema of a workflow file, for editors: it knows every kind of step, policy and strategy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from app.fusion import registry as fusion
from app.routing import registry as routing
from app.workflows.definition.spec import Workflow

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_FILE = {
    "type": "object",
    "description": "A file with the text, relative to the workflow's.",
    "properties": {"file": {"type": "string"}},
    "required": ["file"],
    "additionalProperties": False,
}


class _Description(Protocol):
    @property
    def summary(self) -> str: ...
    @property
    def options(self) -> Mapping[str, Any]: ...


def schema() -> dict[str, Any]:
    """Return the schema.

    An editor with the YAML language server uses it when a file begins with a line such as this:

    `# yaml-language-server: $schema=workflow.schema.json`

    Raises:
        ConfigurationError: a policy or strategy that a package registers cannot be imported.
    """
    found = Workflow.model_json_schema()
    parts = found["$defs"]
    _with_options(parts, "Routing", "policy", routing.describe())
    _with_options(parts, "Fusion", "strategy", fusion.describe())
    for name in ("AskStep", "RetrieveStep"):
        _or_file(parts[name]["properties"])
    stages = parts["AskStep"]["properties"]["routing"]
    parts["AskStep"]["properties"]["routing"] = {"anyOf": [{"$ref": "#/$defs/Routing"}, stages]}
    return {"$schema": _DIALECT, **found}


def _with_options(parts: dict[str, Any], name: str, by: str, components: Mapping[str, _Description]) -> None:
    """Let the further keys of a part depend on which component it names."""
    part = parts[name]
    own = part["properties"]
    default = own[by]["default"]
    own[by] |= {"anyOf": [{"const": one, "description": components[one].summary} for one in components]}
    part["allOf"] = [
        {"if": _names(by, one, default), "then": _options(parts, f"{name}_{one}", components[one].options, own)}
        for one in components
    ]


def _names(by: str, component: str, default: str) -> dict[str, Any]:
    """Return the schema of what names this component, or none when it is the default."""
    condition: dict[str, Any] = {"properties": {by: {"const": component}}}
    return condition if component == default else {**condition, "required": [by]}


def _options(parts: dict[str, Any], name: str, options: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options' schema, with the part's own keys allowed beside them, and its definitions moved to ours."""
    inner = _moved(options, f"#/$defs/{name}_")
    for definition, value in inner.pop("$defs", {}).items():
        parts[f"{name}_{definition}"] = value
    properties = {**dict.fromkeys(own, True), **inner.get("properties", {})}
    return {**inner, "properties": properties, "additionalProperties": False}


def _moved(value: Any, prefix: str) -> Any:
    """Return the schema with its references led to `prefix`."""
    if isinstance(value, Mapping):
        return {
            name: prefix + inner.removeprefix("#/$defs/")
            if name == "$ref" and isinstance(inner, str)
            else _moved(inner, prefix)
            for name, inner in value.items()
        }
    return [_moved(inner, prefix) for inner in value] if isinstance(value, list) else value


def _or_file(properties: dict[str, Any]) -> None:
    for name in ("prompt", "system", "query"):
        if name in properties:
            properties[name] = {"anyOf": [properties[name], _FILE]}
