"""What the owner of a partition knows of the sources in it: read back from their topics, and then kept in memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka.errors import KafkaError

from app.delivery.assignment.assignment import AssignmentEnded, Assignments, PartitionAssignment
from app.delivery.state.state_log import read_back
from app.settings import Settings
from app.syncs.session import Session
from topics import SOURCE_DOCUMENTS, SOURCES
from topics.base import Topic
from topics.source_documents import SourceDocument
from topics.sources import SourceState

#: Reads a partition of a topic from its beginning.
ReadTopic = Callable[[Topic[Any], int, Callable[[Any], None]], Awaitable[None]]

#: More seconds than any log is old.
_EVER = 1e10

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KnownItem:
    """An item as it was sent last: the hash of its content and access, and whose document it is."""

    version: str
    tenant: str = ""
    collection: str = "default"


@dataclass(slots=True)
class SourceProgress:
    """What is known of one source: its items, and the states of its last sync and its last dry run, by their key.

    `told` is the page after which this worker has sent what follows, and `sessions` are the syncs that it goes on with;
    both by the same key.
    """

    items: dict[str, KnownItem] = field(default_factory=dict)
    states: dict[str, SourceState] = field(default_factory=dict)
    told: dict[str, tuple[str, int]] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)

    def note(self, records: Sequence[SourceDocument]) -> None:
        """Take up what was sent, or is gone."""
        for one in records:
            if one.deleted:
                self.items.pop(one.item, None)
            else:
                self.items[one.item] = KnownItem(one.version, one.tenant, one.collection)


@dataclass(frozen=True, slots=True)
class _Owned:
    assignment: PartitionAssignment
    sources: dict[str, SourceProgress]


class Syncs:
    """Knows the sources of the partitions that this worker owns, each from its first request on."""

    def __init__(self, assignments: Assignments, read: ReadTopic) -> None:
        self._assignments = assignments
        self._read = read
        self._owned: dict[int, _Owned] = {}
        self._reading = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def of(self, source: str, partition: int) -> SourceProgress:
        """Return what is known of a source, whose events lie in this partition.

        Raises:
            AssignmentEnded: the partition is another worker's.
        """
        assignment = self._assignments.get(partition)
        if assignment is None:
            raise AssignmentEnded
        async with self._reading:
            owned = self._owned.get(partition)
            if owned is None or owned.assignment is not assignment:
                owned = _Owned(assignment, await self._restored(partition))
                self._owned[partition] = owned
                assignment.at_end(lambda: self._forget(owned))
        return owned.sources.setdefault(source, SourceProgress())

    async def close(self) -> None:
        """End the sessions."""
        for owned in list(self._owned.values()):
            self._forget(owned)
        await asyncio.gather(*self._closing)

    async def _restored(self, partition: int) -> dict[str, SourceProgress]:
        found: dict[str, SourceProgress] = {}

        def take_state(record: Any) -> None:
            state = SOURCES.event_in(record)
            if state is not None:
                found.setdefault(state.source, SourceProgress()).states[state.key] = state

        def take_document(record: Any) -> None:
            document = SOURCE_DOCUMENTS.event_in(record)
            if document is not None:
                found.setdefault(document.source, SourceProgress()).note([document])

        await self._read(SOURCES, partition, take_state)
        await self._read(SOURCE_DOCUMENTS, partition, take_document)
        return found

    def _forget(self, owned: _Owned) -> None:
        if self._owned.get(owned.assignment.partition) is owned:
            del self._owned[owned.assignment.partition]
        for progress in owned.sources.values():
            for session in progress.sessions.values():
                task = asyncio.ensure_future(session.close())
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)


def topic_reader(settings: Settings, options: Mapping[str, Any]) -> ReadTopic:
    """Return what reads a partition of a topic, for as long as it takes; `options` are those of any aiokafka client."""

    async def read(topic: Topic[Any], partition: int, take: Callable[[Any], None]) -> None:
        name = settings.topics.prefix + topic.name
        while True:
            try:
                await read_back(options, name, [partition], take, window=_EVER)
            except KafkaError as error:
                log.warning("reading %s back again after: %r", name, error)
                await asyncio.sleep(1.0)
            else:
                return

    return read
