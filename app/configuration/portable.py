"""A configuration to hand on: the text of the file, with references in place of the secrets that it has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from app.configuration.editing import replace_texts, texts
from app.configuration.keys import is_listed, is_named, section_of
from app.settings import Settings
from app.source.problems import Key
from app.source.syntax import parse

#: What a key of `options` is called if its value is a secret; only the component knows for sure.
_SECRET_NAME = re.compile(r"key|password|passwd|secret|token|credential|authorization|cookie", re.IGNORECASE)
_REFERENCE = re.compile(r"\$\{[^}]+\}")


def portable(text: str, source: str) -> tuple[str, Mapping[str, Key]]:
    """Return a configuration's text without secrets, and each new environment variable with the key that it is for.

    A text counts as a secret by its key, or if it is an address with a password. References stay as they are.

    Raises:
        ConfigurationError: the text is no configuration.
    """
    found = [key for key, value in texts(parse(text, source).value) if _is_secret(key, value)]
    variables = {_variable(key): key for key in found}
    return replace_texts(text, {key: f"${{{name}}}" for name, key in variables.items()}), variables


def _is_secret(key: Key, value: str) -> bool:
    if not value or _REFERENCE.fullmatch(value.strip()):
        return False
    return _holds_secret(key) or _has_password(value)


def _holds_secret(key: Key) -> bool:
    """Whether the settings keep the value of a key as a secret, or the name of an option says that it is one."""
    section: type[BaseModel] | None = Settings
    parts = list(key)
    while parts and section is not None:
        field = section.model_fields.get(str(parts.pop(0)))
        if field is None:
            break
        if _mentions_secret(field.annotation):
            return True
        if is_named(field.annotation) or is_listed(field.annotation):
            parts = parts[1:]
        section = section_of(field.annotation)
    return any(isinstance(part, str) and (part == "headers" or _SECRET_NAME.search(part)) for part in parts)


def _mentions_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(map(_mentions_secret, get_args(annotation)))


def _has_password(value: str) -> bool:
    try:
        password = urlsplit(value).password if "://" in value else None
    except ValueError:
        return True  # it is like an address, and nobody can say what is in it
    return bool(password) and not _REFERENCE.search(str(password))


def _variable(key: Sequence[object]) -> str:
    name = re.sub(r"[^A-Z0-9]+", "_", "_".join(map(str, key)).upper()).strip("_")
    return name if name[:1].isalpha() else f"_{name}"
