"""What kind of content a file has, by its name, and which kinds can be documents."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Final

_OFFICE = "application/vnd.openxmlformats-officedocument"
#: The content types of what can be a document without being named, by the ending of its name.
DOCUMENTS: Final[Mapping[str, str]] = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".txt": "text/plain",
    ".rst": "text/x-rst",
    ".pdf": "application/pdf",
    ".docx": f"{_OFFICE}.wordprocessingml.document",
    ".pptx": f"{_OFFICE}.presentationml.presentation",
    ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    ".xls": "application/vnd.ms-excel",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".html": "text/html",
    ".htm": "text/html",
    ".epub": "application/epub+zip",
    ".eml": "message/rfc822",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
}


def content_type_of(name: str) -> str:
    """Return the content type that a file's name says; bytes of an unknown kind if it says none."""
    ending = PurePosixPath(name).suffix.lower()
    return DOCUMENTS.get(ending) or mimetypes.guess_type(name, strict=False)[0] or "application/octet-stream"


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
    return matches(path, include) if include else PurePosixPath(path).suffix.lower() in DOCUMENTS


def matches(path: str, patterns: tuple[str, ...]) -> bool:
    """Whether a path is like one of the patterns: see `is_wanted`."""
    return any(
        fnmatchcase(path, pattern) or (pattern.startswith("**/") and fnmatchcase(path, pattern[3:]))
        for pattern in patterns
    )
