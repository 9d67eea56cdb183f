"""What kind of content a file has, by its name, and which kinds can be documents."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Final, Literal

#: The formats of documents, by content type.
FORMATS: Final[Mapping[str, Literal["markdown", "text"]]] = {
    "text/markdown": "markdown",
    "text/x-markdown": "markdown",
    "text/plain": "text",
    "text/x-rst": "text",
}
#: Endings that systems do not agree about, or do not know.
_ENDINGS = {".md": "text/markdown", ".markdown": "text/markdown", ".rst": "text/x-rst", ".txt": "text/plain"}


def content_type_of(name: str) -> str:
    """Return the content type that a file's name says; bytes of an unknown kind if it says none."""
    ending = PurePosixPath(name).suffix.lower()
    return _ENDINGS.get(ending) or mimetypes.guess_type(name, strict=False)[0] or "application/octet-stream"


def media_type(content_type: str) -> str:
    """Return a content type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def is_wanted(path: str, include: tuple[str, ...], exclude: tuple[str, ...]) -> bool:
    """Whether a path is like one of `include`, or else of a kind that can be a document, and like none of `exclude`.

    In a pattern `*` stands for any characters, slashes too, and `**/` for any folders, or none. Names that start with a
    dot are never wanted.
    """
    if any(part.startswith(".") for part in path.split("/")) or matches(path, exclude):
        return False
    return matches(path, include) if include else content_type_of(path) in FORMATS


def matches(path: str, patterns: tuple[str, ...]) -> bool:
    """Whether a path is like one of the patterns: see `is_wanted`."""
    return any(
        fnmatchcase(path, pattern) or (pattern.startswith("**/") and fnmatchcase(path, pattern[3:]))
        for pattern in patterns
    )
