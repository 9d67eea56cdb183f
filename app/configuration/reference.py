"""The configuration explained: its JSON schema, and a file with every key at its default."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app.configuration.keys import is_named, section_of
from app.settings import Settings

_HEADER = """\
# The configuration of the Meta AI Orchestrator, with every key at its default.
#
# A line that begins with # and a key shows an optional one: take the # away to set it.
# ${NAME} is the value of an environment variable, ${NAME:-default} has a stand-in, and $${ is a plain ${.
# Durations are written 250ms, 30s, 5m, 12h or 7d.
"""
#: What the examples of a mapping with free names are called.
_EXAMPLE_NAMES = {"overrides": "results"}
_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def schema() -> dict[str, Any]:
    """Return the JSON schema of the configuration file, for editors and validators."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Settings.model_json_schema()}


def template() -> str:
    """Return a commented configuration file that loads to exactly the defaults."""
    return "\n".join([_HEADER, *_section(Settings(), "", "")]).replace("\n\n\n", "\n\n") + "\n"


def _section(values: BaseModel, indent: str, mark: str) -> Iterator[str]:
    """Yield the lines of a section; `mark` is # where the whole section is an example."""
    for name, field in type(values).model_fields.items():
        if not indent:
            yield ""
        yield f"{indent}# {field.description}"
        yield from _setting(name, field, getattr(values, name), indent, mark)


def _setting(name: str, field: FieldInfo, value: Any, indent: str, mark: str) -> Iterator[str]:
    if is_named(field.annotation):
        yield from _named(name, field, value, indent, mark)
    elif isinstance(value, BaseModel):
        yield f"{indent}{mark}{name}:"
        yield from _section(value, indent + "  ", mark)
    elif value is None:
        yield f"{indent}#{name}: {_scalar(field.examples[0] if field.examples else None)}"
    else:
        yield f"{indent}{mark}{name}: {_scalar(value)}"


def _named(name: str, field: FieldInfo, values: dict[str, BaseModel], indent: str, mark: str) -> Iterator[str]:
    """Show a mapping with free names: its defaults, or an example when it is empty."""
    if not values and (section := section_of(field.annotation)):
        mark, values = "#", {_EXAMPLE_NAMES[name]: section()}
    yield f"{indent}{mark}{name}:"
    for inner, value in values.items():
        yield f"{indent}  {mark}{inner}:"
        yield from _section(value, indent + "    ", mark)


def _scalar(value: Any) -> str:
    if isinstance(value, float):
        return _duration(value)
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, str) and value and value.replace("-", "").replace(".", "").replace("/", "").isalnum():
        return value
    return json.dumps(value, ensure_ascii=False)


def _duration(seconds: float) -> str:
    for unit, length in _UNITS:
        if seconds >= length and seconds % length == 0:
            return f"{int(seconds // length)}{unit}"
    return f"{round(seconds * 1000)}ms"
