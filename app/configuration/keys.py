"""The keys that a configuration may have, read off the models in `app.settings`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from app.settings import Settings
from app.source.problems import Key


def section_of(annotation: Any) -> type[BaseModel] | None:
    """Return the section that a field holds: itself, or none in its place, or by name in a mapping."""
    candidates = (annotation, *get_args(annotation))
    return next((one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel)), None)


def is_named(annotation: Any) -> bool:
    """Whether the field maps names that the user chooses to sections."""
    return get_origin(annotation) is dict and section_of(annotation) is not None


def is_listed(annotation: Any) -> bool:
    """Whether the field is a list of sections."""
    return get_origin(annotation) is tuple and section_of(annotation) is not None


def is_duration(field: FieldInfo) -> bool:
    """Whether the field is a number of seconds that may be written with a unit; a plain number reads none."""
    return field.annotation is float and any(isinstance(one, BeforeValidator) for one in field.metadata)


def known_keys(section: type[BaseModel] = Settings, above: Key = ()) -> Iterator[Key]:
    """Yield every key of every section, in order; `*` stands for a name that the user chooses, or a place."""
    for name, field in section.model_fields.items():
        key = (*above, name)
        yield key
        if inner := section_of(field.annotation):
            many = is_named(field.annotation) or is_listed(field.annotation)
            yield from known_keys(inner, (*key, "*") if many else key)


def section_keys(key: Key) -> list[str]:
    """Return the keys that the section at `key` may have."""
    return [str(known[-1]) for known in known_keys() if len(known) == len(key) + 1 and _fits(known, key)]


def _fits(known: Key, key: Key) -> bool:
    return all(pattern in ("*", part) for pattern, part in zip(known, key, strict=False))
