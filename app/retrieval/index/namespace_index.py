"""The index of one namespace, which grows with its changes instead of being built again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from app.retrieval.index.chunk_table import DocumentEntry
from app.retrieval.index.segment import Segment

#: A segment is merged with the one before it, unless that is so many times as large.
_RATIO = 3
#: With more segments than this, searches wait for them to be merged.
_MANY = 12


class NamespaceIndex:
    """Segments over the documents of a namespace, the largest first, as in a log-structured merge tree.

    `set` notes a change, and the next `segments` indexes all that was noted, and nothing else: so a search finds
    everything that was set before it began, and a change costs what the document costs. A document is in one segment
    only. Segments are merged in the background; each chunk takes part in few merges, as a segment is merged with one
    that is not much larger.
    """

    def __init__(self) -> None:
        self._segments: list[Segment] = []
        self._pending: dict[str, DocumentEntry | None] = {}
        #: What was taken out of segments while they are merged in the background.
        self._gone: set[str] = set()
        self._updating = asyncio.Lock()
        self._merging: asyncio.Task[None] | None = None

    def set(self, key: str, entry: DocumentEntry | None) -> None:
        """Note that the document is now `entry`, or none."""
        self._pending[key] = entry

    async def segments(self) -> Sequence[Segment]:
        """Return the segments with all that was set."""
        async with self._updating:  # who comes while it is updated waits for that, too
            if self._pending:
                await self._update()
            if len(self._segments) > _MANY and self._merging:
                await asyncio.wait([self._merging])
            return tuple(self._segments)

    async def close(self) -> None:
        """Wait for the merges in the background."""
        while self._merging:
            await asyncio.wait([self._merging])

    async def _update(self) -> None:
        changes, self._pending = self._pending, {}
        try:
            entries = [entry for key in sorted(changes) if (entry := changes[key]) and any(entry.rows())]
            added = [await asyncio.to_thread(Segment, entries)] if entries else []
        except BaseException:
            self._pending = changes | self._pending  # to be tried again by the next search
            raise
        self._gone |= changes.keys()
        left = (segment.without(changes.keys()) for segment in self._segments)
        self._segments = [segment for segment in left if segment.size] + added
        self._start_merge()

    def _start_merge(self) -> None:
        if self._merging is None and (count := _to_merge(self._segments)):
            self._gone = set()
            self._merging = asyncio.create_task(self._merge(self._segments[-count:]))

    async def _merge(self, chosen: Sequence[Segment]) -> None:
        """Replace segments by one; what was taken out in the meantime is taken out of that, too."""
        begin = len(self._segments) - len(chosen)
        try:
            merged = await asyncio.to_thread(Segment.merged, chosen)
            merged = merged.without(self._gone)
            after = [segment for segment in self._segments if segment.lexical not in {one.lexical for one in chosen}]
            self._segments = [*after[:begin], *([merged] if merged.size else []), *after[begin:]]
        finally:
            self._merging = None
        self._start_merge()


def _to_merge(segments: Sequence[Segment]) -> int:
    """Return how many of the last segments to merge: each with those after it, unless it is much larger."""
    count, size = 0, 0
    for number, segment in enumerate(reversed(segments), 1):
        if number > 1 and segment.size <= _RATIO * size:
            count = number
        size += segment.size
    return count
