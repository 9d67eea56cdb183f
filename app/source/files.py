"""Read a file written by a person."""

from __future__ import annotations

import re
from pathlib import Path

from app.source.problems import Problem, problems_error
from app.source.syntax import Document, parse

_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
MAX_BYTES = 256 * 1024


def read(path: Path, *, what: str) -> Document:
    """Return the values of a YAML or JSON file; `what` is its purpose, as in "a configuration".

    Raises:
        ConfigurationError: it cannot be read, is larger than `MAX_BYTES`, or is neither YAML nor JSON.
    """
    return read_text(text(path, what=what), str(path), json=path.suffix == ".json")


def read_bytes(content: bytes, source: str, *, what: str, json: bool) -> Document:
    """Return the values of YAML, or of JSON, which errors call `source`; `what` is its purpose.

    Raises:
        ConfigurationError: it is larger than `MAX_BYTES`, or is neither YAML nor JSON.
    """
    return read_text(_decoded(content, source, what), source, json=json)


def read_text(content: str, source: str, *, json: bool) -> Document:
    """Return the values of YAML, or of JSON, which errors call `source`.

    Raises:
        ConfigurationError: it is neither YAML nor JSON.
    """
    return parse(_as_yaml(content) if json else content, source)


def _as_yaml(content: str) -> str:
    """Return JSON without what only YAML reads in another way.

    JSON may be indented with tabs, and has none in its strings; in those it may have characters that are line ends to
    YAML, or forbidden.
    """
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", content.replace("\t", " "))


def text(path: Path, *, what: str) -> str:
    """Return the text of a file.

    Raises:
        ConfigurationError: it cannot be read, is larger than `MAX_BYTES`, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise problems_error([Problem(str(path), (), f"cannot be read: {reason}")]) from None
    return _decoded(content, str(path), what)


def _decoded(content: bytes, source: str, what: str) -> str:
    if len(content) > MAX_BYTES:
        raise problems_error([Problem(source, (), f"is larger than {MAX_BYTES} bytes; is it {what}?")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise problems_error([Problem(f"{source}:{line}", (), "is not UTF-8; save it in that encoding")]) from None
