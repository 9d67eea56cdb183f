"""The configuration explained: its JSON schema, and a file with every key at its default."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from typing_extensions import override

from app.configuration.keys import is_duration, is_listed, is_named, section_of
from app.durations import format_duration
from app.settings import Settings

_HEADER = """\
# The configuration of the Meta AI Orchestrator, with every key at its default.
#
# A line that begins with # and a key shows an optional one: take the # away to set it.
# ${NAME} is the value of an environment variable, ${NAME:-default} has a stand-in, and $${ is a plain ${.
# ${file:/run/secrets/key} is the text of a file, and ${vault:secret/openai#api_key} a field in Vault.
# Durations are written 250ms, 30s, 5m, 12h, 7d or 1h30m; a plain number is seconds.
"""
#: What the examples of a mapping with free names are called.
_EXAMPLE_NAMES = {
    "overrides": "results",
    "connectors": "tickets",
    "endpoints": "crm",
    "sources": "handbook",
    "stores": "docs",
}
_REFERENCE = {"type": "string", "pattern": r"\$\{([a-z][a-z0-9_-]*:[^}]+|[A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?\}"}


class _WithReferences(GenerateJsonSchema):
    """What is no free text may also be a reference to the environment, which is replaced before it is checked."""

    @override
    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        return _or_reference(super().int_schema(schema))

    @override
    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        return _or_reference(super().float_schema(schema))

    @override
    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchemaValue:
        return _or_reference(super().bool_schema(schema))

    @override
    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        return _or_reference(super().literal_schema(schema))


def _or_reference(written: JsonSchemaValue) -> JsonSchemaValue:
    return {"anyOf": [written, _REFERENCE]}


def schema() -> dict[str, Any]:
    """Return the JSON schema of the configuration file, for editors and validators."""
    found = Settings.model_json_schema(schema_generator=_WithReferences)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def template() -> str:
    """Return a commented configuration file that loads to exactly the defaults."""
    return "\n".join([_HEADER, *_section(Settings(), "", "")]).replace("\n\n\n", "\n\n") + "\n"


def _section(values: BaseModel, indent: str, mark: str) -> Iterator[str]:
    """Yield the lines of a section; `mark` is # where the whole section is an example."""
    for name, field in type(values).model_fields.items():
        if not indent:
            yield ""
        yield f"{indent}# {field.description}"
        yield from _setting(name, field, getattr(values, name, None), indent, mark)


def _setting(name: str, field: FieldInfo, value: Any, indent: str, mark: str) -> Iterator[str]:
    if is_named(field.annotation):
        yield from _named(name, field, value, indent, mark)
        return
    if is_listed(field.annotation):
        yield from _listed(name, field, value, indent, mark)
        return
    if field.examples and not value:
        mark, value = "#", _example(field)
    if isinstance(value, BaseModel):
        lines = list(_section(value, indent + "  ", mark))
        if all(line.lstrip().startswith("#") for line in lines):  # an empty section is an error
            mark = "#"
        yield f"{indent}{mark}{name}:"
        yield from lines
    else:
        yield f"{indent}{mark}{name}: {_written(field, value)}"


def _example(field: FieldInfo) -> Any:
    """Return the example of an optional setting, as a section where it is one."""
    example = (field.examples or [None])[0]
    section = section_of(field.annotation)
    return section.model_validate(example) if section else example


def _named(name: str, field: FieldInfo, values: dict[str, BaseModel], indent: str, mark: str) -> Iterator[str]:
    """Show a mapping with free names: its defaults, or an example when it is empty."""
    if not values and (section := section_of(field.annotation)):
        examples = field.examples[0] if field.examples else {_EXAMPLE_NAMES[name]: None}
        # What is required has an example of its own.
        shown = {
            inner: section.model_validate(one) if one else section.model_construct() for inner, one in examples.items()
        }
        mark, values = "#", shown
    yield f"{indent}{mark}{name}:"
    for inner, value in values.items():
        yield f"{indent}  {mark}{inner}:"
        yield from _section(value, indent + "    ", mark)


def _listed(name: str, field: FieldInfo, values: Sequence[BaseModel], indent: str, mark: str) -> Iterator[str]:
    """Show a list of sections: its items, or the example when it is empty."""
    if not values and (section := section_of(field.annotation)):
        mark, values = "#", [section.model_validate(one) for one in (field.examples or [[]])[0]]
    yield f"{indent}{mark}{name}:"
    for value in values:
        yield f"{indent}  {mark}-"
        yield from _section(value, indent + "    ", mark)


def _written(field: FieldInfo, value: Any) -> str:
    return format_duration(value) if is_duration(field) else _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, str) and value and value.replace("-", "").replace(".", "").replace("/", "").isalnum():
        return value
    return json.dumps(value, ensure_ascii=False)
