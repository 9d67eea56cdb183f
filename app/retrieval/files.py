"""Read documents from files and folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Literal

from app.errors import ConfigurationError
from topics.documents import Document

FORMATS: Final[dict[str, Literal["markdown", "text"]]] = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
    ".rst": "text",
}
#: Leaves room for JSON's escapes below the default `delivery.max_event_bytes`.
MAX_FILE_BYTES = 768 * 1024


def read_documents(
    paths: Iterable[Path], root: Path | None = None, *, limit: int = MAX_FILE_BYTES
) -> Iterator[Document]:
    """Yield a document for each file of `paths`, and for each .md, .markdown, .txt and .rst file in its folders.

    Folders are walked recursively in alphabetical order, without following links to folders; names that
    start with a dot are left out. Id and source are the path relative to `root` (the working directory when
    absent), with forward slashes: so the same file keeps its id, whatever else is given. For a path outside
    an absent root, it is relative to that folder, or to the folder of that file. A file that is given twice
    is one document.

    Raises:
        ConfigurationError: a path does not exist, has another ending, is outside `root`, is not UTF-8, is
            larger than `limit` bytes or cannot be read, or two files would have the same id. It names the file.
    """
    seen: dict[str, Path] = {}
    for path in paths:
        base = _base(path, root)
        for file in _files(_absolute(path)):
            name = _name(file, base)
            if name not in seen:
                seen[name] = file
                yield Document(id=name, source=name, text=_text(file, limit), format=FORMATS[file.suffix.lower()])
            elif seen[name] != file:
                raise ConfigurationError(f"{file} and {seen[name]} would both have the id {name}: set a root above")


def _absolute(path: Path) -> Path:
    """Return `path` from the file system's root, without `..`, and with links left as they are."""
    return Path(os.path.normpath(path.absolute()))


def _base(path: Path, root: Path | None) -> Path:
    if root is not None:
        return _absolute(root)
    here, there = Path.cwd(), _absolute(path)
    if there.is_relative_to(here):
        return here
    return there if there.is_dir() else there.parent


def _name(file: Path, base: Path) -> str:
    if not file.is_relative_to(base):
        raise ConfigurationError(f"{file} is not inside the root {base}: set a root above it")
    return file.relative_to(base).as_posix()


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from _walk(path)
    elif not path.exists():
        raise ConfigurationError(f"{path} does not exist")
    elif path.suffix.lower() not in FORMATS:
        raise ConfigurationError(f"{path} is not a document: its name must end in {', '.join(FORMATS)}")
    else:
        yield path


def _walk(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be read: {error.strerror}") from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from _walk(entry)
        elif entry.suffix.lower() in FORMATS and not entry.is_dir():
            yield entry


def _text(file: Path, limit: int) -> str:
    """Return the text of `file`, without a byte order mark."""
    try:
        with file.open("rb") as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise ConfigurationError(f"{file} is larger than {limit} bytes: split it, or raise the limit")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file} is not UTF-8: {error.reason} at byte {error.start}") from error
