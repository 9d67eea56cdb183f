"""Read documents from files and folders."""

from __future__ import annotations

import os
from base64 import b64encode
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from stat import S_ISREG

from app.errors import ConfigurationError
from app.retrieval.parsing.formats import ENDINGS, FOUND_IN_FOLDERS, MEDIA_TYPES, reading_of
from topics.documents import Document

#: Of a text in an event: leaves room for JSON's escapes below the default `delivery.max_event_bytes`.
MAX_TEXT_BYTES = 512 * 1024
#: As `retrieval.parsing.max_file_bytes` is by default.
MAX_FILE_BYTES = 32 * 1024 * 1024
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
    """Yield a document for each file of `paths`, and for those in its folders that end in one of `FOUND_IN_FOLDERS`.

    What is text in UTF-8 is the text of its document. Other formats and encodings, and long texts, are its `data`: they
    are read where documents are ingested. Folders are walked recursively in alphabetical order, without following links
    to folders; names that start with a dot are left out.

    Id and source are the path relative to `root` (the working directory when absent), with forward slashes: so the same
    file keeps its id, whatever else is given. For a path outside an absent root, it is relative to that folder, or to
    the folder of that file. A file that is given twice is one document. What cannot be read goes to `on_bad`, with the
    name of the file, and the others are read.

    Raises:
        ConfigurationError: without `on_bad`: a path does not exist, has another ending, is outside `root`, is not of
            the format of its ending, is larger than `limit` bytes or cannot be read, or two would have the same id.
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
    data, media_type = _data(file, limit), MEDIA_TYPES[file.suffix.lower()]
    seen[name] = file
    reading = reading_of(media_type)
    if reading not in {"markdown", "text", "code"}:
        return (_binary(name, data, media_type),)
    if (text := _text(file, data)) is None or len(data) > MAX_TEXT_BYTES:
        return (_binary(name, data, media_type),)
    if reading == "code":
        return (Document(id=name, source=name, text=text, format="text", content_type=media_type),)
    return (Document(id=name, source=name, text=text, format="markdown" if reading == "markdown" else "text"),)


def _binary(name: str, data: bytes, media_type: str) -> Document:
    return Document(id=name, source=name, content_type=media_type, data=b64encode(data).decode())


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
    elif path.suffix.lower() not in MEDIA_TYPES:
        on_bad(ConfigurationError(f"{path} is not a document: its name must end in {ENDINGS}"))
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
        elif entry.suffix.lower() in FOUND_IN_FOLDERS and not entry.is_dir():
            yield entry


def _data(file: Path, limit: int) -> bytes:
    try:
        if not S_ISREG(file.stat().st_mode):  # a pipe may never end
            raise ConfigurationError(f"{file} is not a regular file")
        with file.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise ConfigurationError(f"{file} is larger than {limit} bytes: split it, or raise the limit")
    return data


def _text(file: Path, data: bytes) -> str | None:
    """Return a text without its byte order mark, or None of one that is not UTF-8."""
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return None
    if b"\0" in data[:4]:
        raise ConfigurationError(f"{file} seems to be UTF-16 without a byte order mark: save it as UTF-8")
    if b"\0" in data:
        raise ConfigurationError(f"{file} is not text: it has a NUL at byte {data.index(0)}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
