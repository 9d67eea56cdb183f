"""The port of a source of documents, and what all of them share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from app.errors import ConfigurationError, SourceUnavailable
from app.settings import SourceSettings
from app.source.problems import dotted, unknown_key
from app.validation_messages import in_our_words
from topics.metadata_filters import MetadataValue

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

#: Items that a thread makes before the event loop goes on with them.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Permissions:
    """Who may find an item, as the source itself says; None of `allowed_roles` is everybody, no role is nobody.

    Where the source should say it and does not, it is nobody.
    """

    allowed_roles: tuple[str, ...] | None = ()
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """Something that becomes a document.

    `id` is stable, and `position` is from where `items` goes on after it. `version` changes whenever the content does;
    without it, only the content tells. `address` is what citations name. Without `permissions`, those of the settings
    apply. `content` is there if the source has read it already, and `handle` is the source's own.
    """

    id: str
    position: JsonValue = None
    version: str | None = None
    deleted: bool = False
    address: str | None = None
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
    permissions: Permissions | None = None
    content: Content | None = None
    handle: Any = None


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of an item, and their type, such as `text/markdown`; `charset` is what was declared."""

    data: bytes
    content_type: str
    charset: str | None = None


class Source(Protocol):
    """One sync of a source: it is made for it, and closed after it.

    A source may have further methods. `done(items)` is awaited when these items are documents on the broker, `skipped`
    ones too: a queue forgets them then. `changes()` yields whenever something may have changed, for `watch`.
    """

    #: Whether a sync goes on where the last one has ended; or else it begins at the start, each time.
    incremental: ClassVar[bool]

    def items(self, position: JsonValue) -> AsyncIterator[Item]:
        """Yield the items after `position`, or all after None, in an order in which every position can be resumed.

        Raises:
            SourceError: it cannot be read; a `SourceUnavailable` is tried again.
        """
        ...

    async def read(self, item: Item) -> Content:
        """Return the content of an item that has none yet.

        Raises:
            SourceError: this item cannot be read; a `SourceUnavailable` is tried again.
        """
        ...

    def ids(self) -> AsyncIterator[str] | None:
        """Yield the ids of all that there is now: what is not among them is gone. None if the source cannot tell.

        Raises:
            SourceError: they cannot all be read; then nothing is taken for gone.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


class Options(BaseModel):
    """The base of a kind's options: frozen, and an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def parse_options(name: str, settings: SourceSettings, form: type[M]) -> M:
    """Return the options and the credentials of a source.

    Raises:
        ConfigurationError: a key is unknown, or a value is not valid.
    """
    given = {**settings.options, **{key: value.get_secret_value() for key, value in settings.credentials.items()}}
    try:
        return form.model_validate(given)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_context=False, include_input=False)[0]
        keys = [one.alias or key for key, one in form.model_fields.items()]
        if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
            said = unknown_key(str(first["loc"][0]), keys)
        else:
            said = f"{dotted(first['loc'])}: {in_our_words(first['type'], first['msg'])}"
        raise ConfigurationError(f"sources.{name}.options.{said}") from None


def required_url(name: str, settings: SourceSettings, example: str) -> str:
    """Return the URL of a source.

    Raises:
        ConfigurationError: it has none.
    """
    if not settings.url:
        raise ConfigurationError(f"sources.{name}.url: is missing; for {settings.kind}, give one such as {example}")
    return settings.url


async def in_thread(work: Callable[[], T], timeout: float, what: str) -> T:
    """Return what a blocking call returns, made in a thread.

    Raises:
        SourceUnavailable: it takes longer than `timeout` seconds.
    """
    try:
        async with asyncio.timeout(timeout):
            return await asyncio.to_thread(work)
    except TimeoutError:
        raise SourceUnavailable(f"{what}: no answer within {timeout:g} s") from None


async def from_thread(items: Iterator[T], timeout: float, what: str) -> AsyncIterator[T]:
    """Yield what a blocking iterator yields, some at a time, from a thread.

    Raises:
        SourceUnavailable: some take longer than `timeout` seconds.
    """
    try:
        while found := await in_thread(lambda: list(islice(items, _AT_ONCE)), timeout, what):
            for one in found:
                yield one
    finally:
        if hasattr(items, "close"):
            with suppress(ValueError):  # a thread that takes too long is still in it
                items.close()
