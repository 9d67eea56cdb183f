"""`${NAME}` and `${NAME:-default}` in texts, from the environment; `$${` is a plain `${`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.source.problems import Key, Problem, place_of
from app.source.syntax import Document

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-[^}]*)?\}|\$\{")
#: Keys whose values are secrets, which usually stand in the environment.
_SECRETS = frozenset({"api_key", "api_keys", "password"})
#: What is written for `${NAME}` by mistake, as other tools have it.
_OTHER_REFERENCE = re.compile(r"\$[A-Z_][A-Z0-9_]*|%[A-Z_][A-Z0-9_]*%|\$?\{\{.*\}\}|\$\([A-Z_][A-Z0-9_]*\)")


class _Unresolved(Exception):
    """A reference that has no value; becomes a problem."""


def substitute(document: Document, environ: Mapping[str, str]) -> None:
    """Replace every reference in the document's values; what cannot be replaced becomes a problem."""
    document.value = {name: _walk(value, (name,), document, environ) for name, value in document.value.items()}


def _walk(value: Any, key: Key, document: Document, environ: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _walk(inner, (*key, name), document, environ) for name, inner in value.items()}
    if isinstance(value, list):
        return [_walk(inner, (*key, position), document, environ) for position, inner in enumerate(value)]
    if isinstance(value, str) and "${" in value:
        return _resolve(value, key, document, environ)
    if isinstance(value, str) and _SECRETS & {*key} and _OTHER_REFERENCE.fullmatch(value):
        text = "a reference to the environment is written ${NAME}"
        document.problems.append(Problem(place_of(key, document.places), key, text))
    return value


def _resolve(value: str, key: Key, document: Document, environ: Mapping[str, str]) -> str:
    try:
        return _REFERENCE.sub(lambda found: _replacement(found, environ), value)
    except _Unresolved as error:
        document.problems.append(Problem(place_of(key, document.places), key, str(error)))
        return value


def _replacement(found: re.Match[str], environ: Mapping[str, str]) -> str:
    name, default = found["name"], found["default"]
    if found[0] == "$${":
        return "${"
    if name is None:
        raise _Unresolved("`${` begins no reference; write ${NAME}, ${NAME:-default}, or $${ for a plain `${`")
    # As in a shell, `:-` also stands in for a variable that is set but empty.
    value = environ.get(name)
    if value is not None:
        value = value.rstrip("\r\n")  # a file that a variable was filled from ends with one; a shell drops it, too
    if default is not None:
        return value or str(default).removeprefix(":-")
    if value is None:
        raise _Unresolved(f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}")
    return value
