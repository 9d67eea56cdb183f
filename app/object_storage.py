"""Object storage and other file systems, by any URL of fsspec: `s3://bucket/folder`, `gs://…`, `abfs://…`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from app.errors import ConfigurationError, MissingDependency

try:
    import fsspec
    from fsspec.core import split_protocol
except ImportError:  # this module is only imported where one is configured
    raise MissingDependency('pip install "meta-ai-orchestrator[objects]"') from None

#: What is on this machine, is made of another one, or runs commands there: the kind `files` is for folders.
_REFUSED = frozenset(
    {"file", "local", "cached", "blockcache", "filecache", "simplecache", "dir", "sftp", "ssh", "reference"}
)
#: What tells that an object has changed, in the words of different storages.
_VERSIONS = (
    *("ETag", "etag", "content_md5", "md5Hash", "checksum"),
    *("LastModified", "last_modified", "updated", "mtime", "created"),
)


class ObjectStore:
    """The objects below a URL; names are their paths from there. `setting` is what errors call it."""

    def __init__(self, url: str, setting: str, options: Mapping[str, Any]) -> None:
        """Take the URL; nothing is connected yet.

        Raises:
            ConfigurationError: it is not one, or leads to a file system that is not supported.
            MissingDependency: its file system needs a package that is not installed.
        """
        protocol, _ = split_protocol(url)
        if not protocol or "::" in url:
            raise ConfigurationError(f"{setting}: is not a URL such as s3://bucket/folder")
        if protocol in _REFUSED or protocol.startswith("http"):
            raise ConfigurationError(f"{setting}: {protocol} is not supported here: see docs/sources.md")
        try:
            kind = fsspec.get_filesystem_class(protocol)
        except ImportError as problem:
            raise MissingDependency(f"{setting}: {problem}") from None
        except ValueError:
            raise ConfigurationError(f"{setting}: no file system is called {protocol}") from None
        self.root = str(kind._strip_protocol(url)).rstrip("/")  # noqa: SLF001  # fsspec's own way to say it
        self._kind, self._options = kind, dict(options)
        self._system: Any = None

    def list(self) -> Iterator[tuple[str, str | None]]:
        """Yield the name and the version of every object, in the order of their names."""
        system = self._opened()
        system.invalidate_cache()
        found: Mapping[str, Mapping[str, Any]] = system.find(self.root, detail=True)
        for path, details in sorted(found.items()):
            name = path.removeprefix(self.root).lstrip("/")
            if name and details.get("type") == "file":
                yield name, _version(details)

    def read(self, name: str, limit: int) -> bytes:
        """Return the first bytes of an object, up to `limit`.

        Raises:
            ValueError: the name leads out of the root.
            OSError: it is not there, or cannot be read.
        """
        if {"", ".", ".."} & {*name.split("/")} or "\\" in name or not name.isprintable():
            raise ValueError("it is not the name of an object")
        with self._opened().open(f"{self.root}/{name}", "rb") as file:
            data: bytes = file.read(limit)
        return data

    def close(self) -> None:
        """Forget what was listed, and the connections."""
        if self._system is not None:
            self._system.invalidate_cache()
            self._system = None

    def _opened(self) -> Any:
        if self._system is None:
            # Not fsspec's shared one: it outlives its credentials.
            self._system = self._kind(**self._options, skip_instance_cache=True)
        return self._system


def _version(details: Mapping[str, Any]) -> str | None:
    for name in _VERSIONS:
        if value := details.get(name):
            told = value.isoformat() if isinstance(value, datetime) else str(value)
            return f"{told}-{details.get('size')}"
    return None
