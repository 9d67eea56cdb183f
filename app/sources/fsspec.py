"""`fsspec`: the objects below a URL of object storage, such as `s3://bucket/folder`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar, Self

from pydantic import Field, JsonValue

from app.errors import SourceError, SourceUnavailable
from app.object_storage import ObjectStore
from app.settings import SourceSettings
from app.sources.base import Content, Item, Options, from_thread, in_thread, parse_options, required_url
from app.sources.content_types import content_type_of, is_wanted


class FsspecOptions(Options):
    """Which objects, as for `files`; `storage` is what fsspec's file system is made with."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_bytes: int = Field(default=20 * 1024 * 1024, ge=1)
    storage: dict[str, Any] = Field(default_factory=dict)


class FsspecSource:
    """The objects below a URL; ids are their names from there."""

    incremental: ClassVar[bool] = False

    def __init__(self, store: ObjectStore, url: str, options: FsspecOptions, timeout: float) -> None:
        self._store = store
        self._url = url.rstrip("/")
        self._options = options
        self._timeout = timeout

    @classmethod
    def from_settings(cls, name: str, settings: SourceSettings) -> Self:
        """Return the objects of the settings; `credentials` are among what the file system is made with.

        Raises:
            ConfigurationError: the URL or an option is not valid.
            MissingDependency: its file system needs a package that is not installed.
        """
        url = required_url(name, settings, "s3://bucket/folder")
        options = parse_options(name, settings.model_copy(update={"credentials": {}}), FsspecOptions)
        secrets = {key: value.get_secret_value() for key, value in settings.credentials.items()}
        store = ObjectStore(url, f"sources.{name}.url", {**options.storage, **secrets})
        return cls(store, url, options, settings.timeout)

    async def items(self, position: JsonValue) -> AsyncIterator[Item]:
        """Yield the objects, in the order of their names; the position is the name."""
        async for name, version in from_thread(self._wanted(), self._timeout, self._url):
            if position is None or name > str(position):
                yield Item(id=name, position=name, version=version, address=f"{self._url}/{name}")

    async def read(self, item: Item) -> Content:
        """Return the bytes of an object.

        Raises:
            SourceError: it is gone, or too large.
        """
        limit = self._options.max_bytes
        data = await in_thread(lambda: self._read(item.id, limit + 1), self._timeout, item.id)
        if len(data) > limit:
            raise SourceError(f"{item.id} is larger than {limit} bytes: raise options.max_bytes, or leave it out")
        return Content(data, content_type_of(item.id))

    async def ids(self) -> AsyncIterator[str]:
        """Yield the names of all objects."""
        async for name, _ in from_thread(self._wanted(), self._timeout, self._url):
            yield name

    async def close(self) -> None:
        """Release the connections."""
        self._store.close()

    def _wanted(self) -> Iterator[tuple[str, str | None]]:
        try:
            for name, version in self._store.list():
                if is_wanted(name, self._options.include, self._options.exclude):
                    yield name, version
        except Exception as error:  # noqa: BLE001  # each storage has errors of its own, which may quote an address
            raise SourceUnavailable(f"{self._url} cannot be listed: {type(error).__name__}") from None

    def _read(self, name: str, limit: int) -> bytes:
        try:
            return self._store.read(name, limit)
        except (FileNotFoundError, PermissionError, ValueError) as error:
            raise SourceError(f"{name} cannot be read: {type(error).__name__}") from None
        except Exception as error:  # noqa: BLE001  # likewise
            raise SourceUnavailable(f"{name} cannot be read: {type(error).__name__}") from None
