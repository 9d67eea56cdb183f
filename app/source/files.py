"""Read a file written by a person."""

from __future__ import annotations

from pathlib import Path

from app.source.problems import Problem, problems_error
from app.source.syntax import Document, parse

MAX_BYTES = 256 * 1024


def read(path: Path, *, what: str) -> Document:
    """Return the values of a YAML or JSON file; `what` is its purpose, as in "a configuration".

    Raises:
        ConfigurationError: it cannot be read, is larger than `MAX_BYTES`, or is neither YAML nor JSON.
    """
    content = text(path, what=what)
    # JSON may be indented with tabs, YAML may not; inside a JSON string there can be no tab.
    return parse(content.replace("\t", " ") if path.suffix == ".json" else content, str(path))


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
    if len(content) > MAX_BYTES:
        raise problems_error([Problem(str(path), (), f"is larger than {MAX_BYTES} bytes; is it {what}?")])
    return _decoded(content, path)


def _decoded(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise problems_error([Problem(f"{path}:{line}", (), "is not UTF-8; save it in that encoding")]) from None
