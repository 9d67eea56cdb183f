"""The formats of documents, by media type and by how a file's name ends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Final, Literal

#: How the bytes of a format are read: as text as it is, as a table, or by the library for documents.
Reading = Literal["markdown", "text", "code", "csv", "sheets", "library"]

_OFFICE = "application/vnd.openxmlformats-officedocument"
_LIBRARY: Final = {
    ".pdf": "application/pdf",
    ".docx": f"{_OFFICE}.wordprocessingml.document",
    ".pptx": f"{_OFFICE}.presentationml.presentation",
    ".html": "text/html",
    ".htm": "text/html",
    ".epub": "application/epub+zip",
    ".eml": "message/rfc822",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
}
_SHEETS: Final = {
    ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    ".xls": "application/vnd.ms-excel",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
}
_DELIMITED: Final = {".csv": "text/csv", ".tsv": "text/tab-separated-values"}
_TEXT: Final = {".txt": "text/plain", ".rst": "text/x-rst"}
_MARKDOWN: Final = {".md": "text/markdown", ".markdown": "text/markdown"}
_CODE: Final = {
    f".{ending}": f"text/x-{language}"
    for language, endings in {
        "python": "py pyi",
        "javascript": "js mjs jsx",
        "typescript": "ts tsx",
        "java": "java",
        "kotlin": "kt",
        "go": "go",
        "rust": "rs",
        "c": "c h",
        "c++": "cpp cc hpp",
        "csharp": "cs",
        "ruby": "rb",
        "php": "php",
        "swift": "swift",
        "scala": "scala",
        "sh": "sh",
        "sql": "sql",
    }.items()
    for ending in endings.split()
}

#: The media type of each ending.
MEDIA_TYPES: Final[Mapping[str, str]] = {**_MARKDOWN, **_TEXT, **_LIBRARY, **_SHEETS, **_DELIMITED, **_CODE}
_READINGS: Final[Mapping[str, Reading]] = {
    **dict.fromkeys(_MARKDOWN.values(), "markdown"),
    **dict.fromkeys(_TEXT.values(), "text"),
    **dict.fromkeys(_LIBRARY.values(), "library"),
    **dict.fromkeys(_SHEETS.values(), "sheets"),
    **dict.fromkeys(_DELIMITED.values(), "csv"),
    **dict.fromkeys(_CODE.values(), "code"),
}
#: Source code, and JSON, which is mostly for programs, are read only if their files are named.
FOUND_IN_FOLDERS: Final = frozenset(MEDIA_TYPES) - frozenset(_CODE) - {".json", ".jsonl", ".ndjson"}
#: The endings, as errors name them.
ENDINGS: Final = ", ".join(MEDIA_TYPES)


def media_type_of(name: str) -> str | None:
    """Return the media type of a file by its name, or None if its format is not known."""
    return MEDIA_TYPES.get(PurePath(name).suffix.lower())


def reading_of(media_type: str) -> Reading | None:
    """Return how a media type is read, whatever its parameters; None of an unknown one, but any text is text."""
    plain = media_type.partition(";")[0].strip().lower()
    return _READINGS.get(plain) or ("text" if plain.startswith("text/") else None)
