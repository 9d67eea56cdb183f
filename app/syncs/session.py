"""One sync while it runs in this worker: the open source, and what of it is left."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

from pydantic import JsonValue

from app.cancellation import as_failure, ends_task
from app.errors import OrchestratorError, SourceError
from app.sources.base import Content, Item, Source

log = logging.getLogger(__name__)


class Session:
    """An open source. What a component raises that it should not is a `SourceError`, without what it says."""

    def __init__(self, sync: str, name: str, source: Source) -> None:
        self.sync = sync
        self.source = source
        self._name = name
        self._items: AsyncIterator[Item] | None = None
        self._gone: Iterator[str] | None = None

    async def next_item(self, position: JsonValue) -> Item | None:
        """Return the next item, None at the end; `position` is where a session begins."""
        with self._guarded():
            if self._items is None:
                self._items = self.source.items(position)
            return await anext(self._items, None)

    async def read(self, item: Item) -> Content:
        """Return the content of an item."""
        with self._guarded():
            return item.content or await self.source.read(item)

    async def next_gone(self, known: Collection[str]) -> str | None:
        """Return the next of the `known` items that is gone; None when there is none left, or nobody can tell."""
        if self._gone is None:
            with self._guarded():
                self._gone = iter(await self._missing(known))
        return next(self._gone, None)

    async def done(self, items: Collection[Item]) -> None:
        """Tell a source that wants to know it that these items are documents now."""
        if items and hasattr(self.source, "done"):
            with self._guarded():
                await self.source.done(items)

    async def close(self) -> None:
        """Close the source; that it cannot be closed harms nothing."""
        try:
            if self._items is not None and hasattr(self._items, "aclose"):
                await self._items.aclose()
            await self.source.close()
        except Exception as error:  # noqa: BLE001  # see above
            log.warning("the source %s was not closed: %s", self._name, type(error).__name__)

    async def _missing(self, known: Collection[str]) -> list[str]:
        ids: Any = self.source.ids()
        if ids is None:
            return []
        missing = set(known)
        async with aclosing(ids) as found:
            async for one in found:
                missing.discard(one)
        return sorted(missing)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Have what a component should not raise be a failure of the source."""
        try:
            yield
        except BaseException as error:
            if isinstance(error, OrchestratorError) or ends_task(error):
                raise
            fault = as_failure(error)
            # The place helps to fix it; the exception's message may quote a secret, and stays out.
            place = "".join(traceback.format_tb(fault.__traceback__))
            log.error("the source %s raised %s\n%s", self._name, type(fault).__name__, place)  # noqa: TRY400  # likewise
            raise SourceError(f"{self._name} failed with {type(fault).__name__}; see the worker's log") from None
