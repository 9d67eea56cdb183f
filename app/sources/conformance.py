"""What every source promises, as checks for any of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable

from app.conformance import Check, CheckFailed, require, run_checks
from app.errors import SourceError
from app.sources.base import Content, Item, Source

#: A position is in every event of a sync.
_MOST_POSITION = 10_000


async def probe_source(open_source: Callable[[], Source | Awaitable[Source]]) -> AsyncIterator[Check]:
    """Yield one check after the other.

    `open_source` returns the source anew for each of them; it needs two items or more, which nobody changes meanwhile.
    """
    async for check in run_checks(SourceChecks(open_source), SourceError):
        yield check


class SourceChecks:
    """One method for each promise."""

    def __init__(self, open_source: Callable[[], Source | Awaitable[Source]]) -> None:
        self._open = open_source

    async def items(self) -> None:
        """It has items, each with an id that no other has, and content."""
        source = await self._opened()
        found = [item async for item in source.items(None)]
        require(len(found) > 1, f"it has {len(found)} items, and the checks need two")
        require(all(item.id for item in found), "an item has no id")
        live = [item for item in found if not item.deleted]
        for item in live:
            content = item.content or await source.read(item)
            require(isinstance(content, Content), f"{item.id} has no content")
            require("/" in content.content_type, f"{item.id} has no content type, but {content.content_type!r}")
        await source.close()

    async def again(self) -> None:
        """It gives the same items again, in the same order, and in the same versions."""
        first, second = [await self._listed(None) for _ in range(2)]
        require([_face(one) for one in first] == [_face(one) for one in second], "it gives other items the second time")

    async def resume(self) -> None:
        """From the position of an item, which is small JSON, it gives the items after it."""
        found = await self._listed(None)
        for place, item in enumerate(found):
            written = json.dumps(item.position)
            require(len(written) <= _MOST_POSITION, f"the position of {item.id} has {len(written)} characters")
            require(item.position is not None, f"the position of {item.id} is null, which is the beginning")
            left = [one.id for one in await self._listed(json.loads(written))]
            wanted = [one.id for one in found[place + 1 :]]
            require(left == wanted, f"after {item.id} it gives {left[:3]}, not {wanted[:3]}")

    async def ids(self) -> str | None:
        """If it can tell what there is, those are the ids of its items."""
        source = await self._opened()
        found = source.ids()
        if found is None:
            return "it cannot tell what is gone"
        ids = {one async for one in found}
        await source.close()
        items = {one.id for one in await self._listed(None) if not one.deleted}
        require(ids >= items, f"among its ids is no {min(items - ids, default='')}")
        return None

    async def missing(self) -> None:
        """Of an item that there is not, it says so."""
        source = await self._opened()
        try:
            await source.read(Item("no-such-item", 1))
        except SourceError:
            return
        finally:
            await source.close()
        raise CheckFailed("it reads an item that there is not")

    async def close(self) -> None:
        """It can be closed twice, also before it is used."""
        source = await self._opened()
        await source.close()
        await source.close()

    async def _opened(self) -> Source:
        made = self._open()
        return await made if isinstance(made, Awaitable) else made

    async def _listed(self, position: object) -> list[Item]:
        source = await self._opened()
        found = [item async for item in source.items(position)]  # type: ignore[arg-type]  # it was JSON before
        await source.close()
        return found


def _face(item: Item) -> tuple[object, ...]:
    return item.id, item.position, item.version, item.deleted, dict(item.metadata), item.permissions
