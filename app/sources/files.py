"""`files`: a folder on this machine, or on a share that all workers have in the same place.

Nothing outside of the folder is ever read: links are left out, and a path is opened folder by folder, so that none of
them can become a link meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from stat import S_ISREG
from typing import ClassVar, Self

from pydantic import Field, JsonValue

from app.errors import MissingDependency, SourceError, SourceUnavailable
from app.settings import SourceSettings
from app.sources.base import Content, Item, Options, from_thread, in_thread, parse_options, required_url
from app.sources.content_types import content_type_of, is_wanted

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = os.O_RDONLY | _NO_LINK | getattr(os, "O_DIRECTORY", 0)
_FILE = os.O_RDONLY | _NO_LINK | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_STEPWISE = os.open in os.supports_dir_fd


class FilesOptions(Options):
    """Which files: those like a pattern of `include`, or else all whose kind is known; none like one of `exclude`."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_bytes: int = Field(default=20 * 1024 * 1024, ge=1)


class FilesSource:
    """The files in a folder and the folders in it; ids are their paths from there, with forward slashes."""

    incremental: ClassVar[bool] = False

    def __init__(self, root: Path, options: FilesOptions, timeout: float) -> None:
        self._root = root
        self._options = options
        self._timeout = timeout

    @classmethod
    def from_settings(cls, name: str, settings: SourceSettings) -> Self:
        """Return the folder that the settings name.

        Raises:
            ConfigurationError: they name none, or have an unknown option.
        """
        root = Path(required_url(name, settings, "/srv/handbook").removeprefix("file://"))
        return cls(root.absolute(), parse_options(name, settings, FilesOptions), settings.timeout)

    async def items(self, position: JsonValue) -> AsyncIterator[Item]:
        """Yield the files, in the order of their paths; the position is the path."""
        found = await self._list()
        left = (path for path in found if position is None or path > str(position))
        async for item in from_thread(self._described(left), self._timeout, str(self._root)):
            yield item

    async def read(self, item: Item) -> Content:
        """Return the bytes of a file.

        Raises:
            SourceError: it cannot be read, is too large, or is not a file any more.
        """
        data = await in_thread(partial(_read, self._root, item.id, self._options.max_bytes), self._timeout, item.id)
        return Content(data, content_type_of(item.id))

    async def ids(self) -> AsyncIterator[str]:
        """Yield the paths of all files."""
        for path in await self._list():
            yield path

    async def changes(self) -> AsyncIterator[None]:
        """Yield whenever something in the folder has changed."""
        try:
            from watchfiles import awatch  # noqa: PLC0415  # an optional package
        except ImportError:
            raise MissingDependency('pip install "meta-ai-orchestrator[files]"') from None
        async for _ in awatch(self._root, recursive=True):
            yield

    async def close(self) -> None:
        """Hold nothing."""

    async def _list(self) -> list[str]:
        return await in_thread(lambda: sorted(self._walk(self._root, "")), self._timeout, str(self._root))

    def _walk(self, folder: Path, prefix: str) -> Iterator[str]:
        """Yield the paths of the files below a folder.

        Raises:
            SourceUnavailable: it cannot be read: then nobody knows what is in it.
        """
        try:
            with os.scandir(folder) as entries:
                found = [(entry.name, entry.is_dir(follow_symlinks=False), entry.is_symlink()) for entry in entries]
        except OSError as error:
            raise SourceUnavailable(f"{folder} cannot be read: {error.strerror}") from None
        for name, is_folder, is_link in found:
            path = prefix + name
            if is_link or name.startswith(".") or path != path.encode(errors="replace").decode():
                continue
            if is_folder:
                yield from self._walk(folder / name, f"{path}/")
            elif is_wanted(path, self._options.include, self._options.exclude):
                yield path

    def _described(self, paths: Iterator[str]) -> Iterator[Item]:
        for path in paths:
            try:
                stat = (self._root / path).lstat()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise SourceUnavailable(f"{path} cannot be read: {error.strerror}") from None
            if S_ISREG(stat.st_mode):  # a pipe may never end
                version = f"{stat.st_size}-{stat.st_mtime_ns}-{stat.st_ino}"
                yield Item(id=path, position=path, version=version, address=path)


def _read(root: Path, path: str, limit: int) -> bytes:
    try:
        with open(_open(root, path), "rb") as file:  # a descriptor
            if not S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SourceError(f"{path} is not a regular file")
            data = file.read(limit + 1)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > limit:
        raise SourceError(f"{path} is larger than {limit} bytes: raise options.max_bytes, or leave it out")
    return data


def _open(root: Path, path: str) -> int:
    """Return the descriptor of a file below `root`, to which no link leads.

    Raises:
        SourceError: a link does.
        OSError: it cannot be opened.
    """
    *folders, name = path.split("/")
    if not _STEPWISE:
        found = root.joinpath(*folders, name)
        if found.resolve() != root.resolve().joinpath(*folders, name):
            raise SourceError(f"{path} is a link, or in one: links are not followed")
        return os.open(found, _FILE)
    if {"", ".", ".."} & {*folders, name}:
        raise SourceError(f"{path} is not a path below the folder")
    with closing(_Descriptor(os.open(root, os.O_RDONLY))) as at:
        for folder in folders:
            at.move(os.open(folder, _FOLDER, dir_fd=at.number))
        return os.open(name, _FILE, dir_fd=at.number)


class _Descriptor:
    """The folder that is open."""

    def __init__(self, number: int) -> None:
        self.number = number

    def move(self, number: int) -> None:
        os.close(self.number)
        self.number = number

    def close(self) -> None:
        os.close(self.number)
