"""Read documents from files and folders."""

from __future__ import annotations

import os
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from stat import S_ISREG
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
#: As `topics.documents` allows.
MAX_ID = 500


def _raise(error: ConfigurationError) -> None:
    raise error


def read_documents(
    paths: Iterable[Path],
    root: Path | None = None,
    *,
    limit: int = MAX_FILE_BYTES,
    on_bad: Callable[[ConfigurationError], None] = _raise,
) -> Iterator[Document]:
    """Yield a document for each file of `paths`, and for each .md, .markdown, .txt and .rst file in its folders.

    Folders are walked recursively in alphabetical order, without following links to folders; names that
    start with a dot are left out. Id and source are the path relative to `root` (the working directory when
    absent), with forward slashes: so the same file keeps its id, whatever else is given. For a path outside
    an absent root, it is relative to that folder, or to the folder of that file. A file that is given twice
    is one document. What cannot be read goes to `on_bad`, with the name of the file, and the others are read.

    Raises:
        ConfigurationError: without `on_bad`: a path does not exist, has another ending, is outside `root`, is not
            UTF-8, is larger than `limit` bytes or cannot be read, or two files would have the same id.
    """
    seen: dict[str, Path] = {}
    for path in paths:
        base = _base(path, root)
        for file in _files(_absolute(path), on_bad):
            try:
                yield from _document(file, _name(file, base), seen, limit)
            except ConfigurationError as error:
                on_bad(error)


def _document(file: Path, name: str, seen: dict[str, Path], limit: int) -> Sequence[Document]:
    """Return the document in `file`, unless it was `seen`."""
    if seen.get(name, file) != file:
        raise ConfigurationError(f"{file} and {seen[name]} would both have the id {name}: set a root above")
    if name in seen:
        return ()
    text = _text(file, limit)
    seen[name] = file
    return (Document(id=name, source=name, text=text, format=FORMATS[file.suffix.lower()]),)


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
    name = file.relative_to(base).as_posix()
    if name != name.encode(errors="replace").decode():
        raise ConfigurationError(f"{name!a} has a name that is not UTF-8: rename it")
    if len(name) > MAX_ID:
        raise ConfigurationError(f"{name} is longer than {MAX_ID} characters, and so no id: set a root below")
    return name


def _files(path: Path, on_bad: Callable[[ConfigurationError], None]) -> Iterator[Path]:
    if path.is_dir():
        yield from _walk(path, on_bad)
    elif not path.exists():
        on_bad(ConfigurationError(f"{path} does not exist"))
    elif path.suffix.lower() not in FORMATS:
        on_bad(ConfigurationError(f"{path} is not a document: its name must end in {', '.join(FORMATS)}"))
    else:
        yield path


def _walk(folder: Path, on_bad: Callable[[ConfigurationError], None]) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        on_bad(ConfigurationError(f"{folder} cannot be read: {error.strerror}"))
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from _walk(entry, on_bad)
        elif entry.suffix.lower() in FORMATS and not entry.is_dir():
            yield entry


def _text(file: Path, limit: int) -> str:
    """Return the text of `file`, without a byte order mark."""
    try:
        if not S_ISREG(file.stat().st_mode):  # a pipe may never end
            raise ConfigurationError(f"{file} is not a regular file")
        with file.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise ConfigurationError(f"{file} is larger than {limit} bytes: split it, or raise the limit")
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) or b"\0" in data[:4]:
        raise ConfigurationError(f"{file} is not UTF-8, but seems to be UTF-16: save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{file} is not UTF-8: {error.reason} at byte {error.start}; save it as UTF-8"
        ) from error
    if "\0" in text:
        raise ConfigurationError(f"{file} is not text: it has a NUL at character {text.index(chr(0))}")
    return text
