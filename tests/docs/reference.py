"""The tables of docs/configuration.md, one for each section of the settings.

python -m tests.docs.reference   writes them anew
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app.configuration.keys import is_duration, is_listed, is_named, section_of
from app.settings import Settings
from tests.docs.pages import ROOT

PAGE = "docs/configuration.md"
MARK = "<!-- reference: written by python -m tests.docs.reference -->\n"
_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def page(source: str) -> str:
    """Return the page with tables that fit the settings."""
    return source[: source.index(MARK)] + MARK + "\n" + "\n\n".join(_sections(Settings, "")) + "\n"


def _sections(section: type[BaseModel], above: str) -> Iterator[str]:
    yield "\n".join(_table(section, above))
    for name, field in section.model_fields.items():
        if inner := section_of(field.annotation):
            many = is_named(field.annotation) or is_listed(field.annotation)
            yield from _sections(inner, f"{above}{name}.*." if many else f"{above}{name}.")


def _table(section: type[BaseModel], above: str) -> Iterator[str]:
    if above:
        yield f"### {above.removesuffix('.')}\n"
    yield "| key | default | what it is |"
    yield "|---|---|---|"
    for name, field in section.model_fields.items():
        yield f"| `{above}{name}` | {_default(field)} | {field.description} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return ""
    if section_of(field.annotation):
        return _inner(value)
    return f"`{_duration(value) if is_duration(field) else _written(value)}`"


def _inner(value: Any) -> str:
    """Say of a section that it has a table of its own, and of named ones which are there."""
    if not isinstance(value, dict):
        return "see below"
    return ", ".join(f"`{name}`" for name in value)


def _duration(seconds: float) -> str:
    whole = (f"{seconds / size:g}{unit}" for unit, size in _UNITS if seconds >= size and seconds % size == 0)
    return next(whole, f"{seconds * 1000:g}ms")


def _written(value: Any) -> str:
    if isinstance(value, str | Path):
        return str(value) or '""'
    return json.dumps(value)


if __name__ == "__main__":
    path = ROOT / PAGE
    path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")
