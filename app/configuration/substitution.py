"""`${NAME}` and `${NAME:-default}` in texts, from the environment; `${file:/path}` and the like, from secret sources.

`$${` is a plain `${`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from app.secret_sources import registry
from app.secret_sources.registry import SecretMissing
from app.source.problems import Key, Problem, place_of
from app.source.syntax import Document

_REFERENCE = re.compile(
    r"\$\$\{"
    r"|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-[^}]*)?\}"
    r"|\$\{(?P<scheme>[a-z][a-z0-9_-]*):(?!-)(?P<place>(?:(?!:-)[^{}])+)(?P<stand_in>:-[^{}]*)?\}"
    r"|\$\{"
)
#: Keys whose values are secrets, which usually stand in the environment.
_SECRETS = frozenset({"api_key", "api_keys", "password"})
#: What is written for `${NAME}` by mistake, as other tools have it.
_OTHER_REFERENCE = re.compile(r"\$[A-Z_][A-Z0-9_]*|%[A-Z_][A-Z0-9_]*%|\$?\{\{.*\}\}|\$\([A-Z_][A-Z0-9_]*\)")

log = logging.getLogger(__name__)


class SecretReader:
    """Reads what references name, and again when it may have changed.

    `places` are the keys of the document whose values refer to what may change while the process runs.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.places: set[Key] = set()
        self._known: dict[tuple[str, str], str | None] = {}

    def read(self, scheme: str, name: str, key: Key) -> str:
        """Return a secret, once read.

        Raises:
            SecretMissing: there is none.
        """
        if scheme == "env":
            return self.variable(name, f"env:{name}")
        self.places.add(key)
        if (scheme, name) not in self._known:
            self._known[scheme, name] = None
            self._known[scheme, name] = registry.read(scheme, name)
        value = self._known[scheme, name]
        if value is None:
            raise SecretMissing(f"the secret {scheme}:{name} is not there")
        return value

    def variable(self, name: str, written: str) -> str:
        """Return an environment variable without line ends at its end, as a shell does.

        Raises:
            SecretMissing: it is not set.
        """
        value = self.environ.get(name)
        if value is None:
            text = f"the environment variable {name} is not set; set it, or write ${{{written}:-default}}"
            raise SecretMissing(text)
        return value.rstrip("\r\n")

    def reread(self) -> bool:
        """Read all secrets again, and return whether one has changed; one that cannot be read stays as it was."""
        changed = False
        for (scheme, name), before in list(self._known.items()):
            try:
                value = registry.read(scheme, name)
            except SecretMissing as error:
                if before is not None:
                    log.warning("a secret cannot be read again, and stays as it is: %s", error)
                continue
            self._known[scheme, name] = value
            changed = changed or value != before
        return changed


def substitute(document: Document, reader: SecretReader) -> None:
    """Replace every reference in the document's values; what cannot be replaced becomes a problem."""
    document.value = {name: _walk(value, (name,), document, reader) for name, value in document.value.items()}


def _walk(value: Any, key: Key, document: Document, reader: SecretReader) -> Any:
    if isinstance(value, dict):
        return {name: _walk(inner, (*key, name), document, reader) for name, inner in value.items()}
    if isinstance(value, list):
        return [_walk(inner, (*key, position), document, reader) for position, inner in enumerate(value)]
    if isinstance(value, str) and "${" in value:
        return _resolve(value, key, document, reader)
    if isinstance(value, str) and _SECRETS & {*key} and _OTHER_REFERENCE.fullmatch(value):
        text = "a reference to the environment is written ${NAME}"
        document.problems.append(Problem(place_of(key, document.places), key, text))
    return value


def _resolve(value: str, key: Key, document: Document, reader: SecretReader) -> str:
    try:
        return _REFERENCE.sub(lambda found: _replacement(found, key, reader), value)
    except SecretMissing as error:
        document.problems.append(Problem(place_of(key, document.places), key, str(error)))
        return value


def _replacement(found: re.Match[str], key: Key, reader: SecretReader) -> str:
    if found[0] == "$${":
        return "${"
    name, scheme, default = found["name"], found["scheme"], found["default"] or found["stand_in"]
    if name is None and scheme is None:
        text = "`${` begins no reference; write ${NAME}, ${NAME:-default}, ${file:/path}, or $${ for a plain `${`"
        raise SecretMissing(text)
    try:
        value = reader.variable(name, name) if name else reader.read(scheme, found["place"], key)
    except SecretMissing:
        if default is None:
            raise
        value = ""
    # As in a shell, `:-` also stands in for a variable that is set but empty.
    return value if value or default is None else str(default).removeprefix(":-")
