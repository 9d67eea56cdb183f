"""A source in memory, and workers that sync it: what they send is kept, and read back by the next one."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar

from pydantic import JsonValue

from agents.sync import handle
from app.delivery.envelope import Outgoing
from app.dependencies import Dependencies
from app.partitioner import partition_of
from app.settings import Settings, SourceSettings
from app.sources.base import Content, Item, Permissions
from app.sources.registry import ConfiguredSource
from app.syncs.progress import Syncs
from tests.agents.deps import assemble, received
from tests.delivery.fakes import Harness
from topics import AUDIT, DOCUMENTS, SOURCE_DOCUMENTS, SOURCES, SYNC_REQUESTS
from topics.base import Event, Topic
from topics.documents import Document
from topics.source_documents import SourceDocument
from topics.sources import SourceState
from topics.sync_requests import SyncRequest

HOME = partition_of("kb", Settings().topics.partitions)


@dataclass
class Kept:
    """Texts by id; `fail` is asked before each item and each reading."""

    incremental: ClassVar[bool] = False

    texts: dict[str, str] = field(default_factory=dict)
    permissions: dict[str, Permissions] = field(default_factory=dict)
    versions: bool = True
    fail: Callable[[str], Exception | None] = lambda _what: None
    read_ids: list[str] = field(default_factory=list)
    lists: bool = True
    closed: int = 0

    async def items(self, position: JsonValue) -> AsyncIterator[Item]:
        for name, text in sorted(self.texts.items()):
            if position is None or name > str(position):
                if error := self.fail(f"list {name}"):
                    raise error
                version = str(hash(text)) if self.versions else None
                yield Item(name, name, version, permissions=self.permissions.get(name))

    async def read(self, item: Item) -> Content:
        if error := self.fail(f"read {item.id}"):
            raise error
        self.read_ids.append(item.id)
        return Content(self.texts[item.id].encode(), "text/plain")

    def ids(self) -> AsyncIterator[str] | None:
        return self._ids() if self.lists else None

    async def _ids(self) -> AsyncIterator[str]:
        if error := self.fail("ids"):
            raise error
        for name in self.texts:
            yield name

    async def close(self) -> None:
        self.closed += 1


class Feed(Kept):
    """Tells only what comes after a position, and forgets what is a document."""

    incremental: ClassVar[bool] = True

    def __init__(self, *items: Item) -> None:
        super().__init__()
        self.found = list(items)
        self.forgotten: list[str] = []

    async def items(self, position: JsonValue) -> AsyncIterator[Item]:
        after = -1 if position is None else int(str(position))
        for item in self.found:
            if int(str(item.position)) > after:
                yield item

    def ids(self) -> None:
        return None

    async def done(self, items: Collection[Item]) -> None:
        self.forgotten += [item.id for item in items]


@dataclass(frozen=True)
class Opened(ConfiguredSource):
    """A configured source that is always the same one."""

    source: Any = None

    async def open(self) -> Any:
        return self.source


class Office:
    """Workers, one after the other, that sync the source `kb`; `log` is what they have recorded."""

    def __init__(self, source: Any, **settings: Any) -> None:
        self.source = source
        self.settings = settings
        self.log: dict[Topic[Any], dict[str, Event]] = {SOURCES: {}, SOURCE_DOCUMENTS: {}}
        self.requests: list[SyncRequest] = []
        self.documents: list[Document] = []
        self.audit: list[Any] = []
        self.replace_worker()

    def replace_worker(self) -> None:
        """Have another worker go on, which knows what is recorded."""
        self.harness = Harness()
        self.harness.own(SYNC_REQUESTS.name, HOME)
        described = SourceSettings.model_validate({"kind": "kept", **self.settings})
        self.deps: Dependencies = assemble(
            self.harness,
            sources={"kb": Opened("kb", described, source=self.source)},
            syncs=Syncs(self.harness.assignments, self._read),
        )

    async def _read(self, topic: Topic[Any], partition: int, take: Callable[[Any], None]) -> None:
        assert partition == HOME
        for event in self.log[topic].values():
            take(SimpleNamespace(value=event.to_json()))

    async def handle(self, request: SyncRequest) -> list[Outgoing]:
        """Have a request handled, and return what follows, of which nothing is recorded yet."""
        sent = len(self.harness.producer.on(DOCUMENTS))
        outgoing = await handle(received(request, partition=HOME), self.deps)
        records = self.harness.producer.on(DOCUMENTS)[sent:]
        self.documents += [Document.model_validate_json(record.value or b"") for record in records]
        for record in self.harness.producer.on(SOURCE_DOCUMENTS):
            document = SourceDocument.model_validate_json(record.value or b"")
            self.log[SOURCE_DOCUMENTS][document.key] = document
        return list(outgoing)

    def record(self, outgoing: list[Outgoing]) -> None:
        """Do as the broker does."""
        for one in outgoing:
            assert one.partition == HOME
            if one.topic is SYNC_REQUESTS:
                assert isinstance(one.event, SyncRequest)
                self.requests.append(one.event)
            elif one.topic is AUDIT:
                self.audit.append(one.event)
            else:
                self.log[one.topic][one.key] = one.event

    async def run(self) -> None:
        """Handle all that is requested."""
        while self.requests:
            self.record(await self.handle(self.requests.pop(0)))

    async def sync(self, **request: Any) -> SourceState:
        """Sync the source, and return how that went."""
        asked = SyncRequest(id=secrets.token_hex(4), source="kb", **request)
        self.requests.append(asked)
        await self.run()
        state = self.log[SOURCES]["kb/dry-run" if asked.dry_run else "kb"]
        assert isinstance(state, SourceState)
        return state

    def taken(self) -> list[tuple[str, str | None]]:
        """Return the documents that were sent since the last time: their ids with their texts, None of one deleted."""
        taken = [(one.id, None if one.deleted else one.text) for one in self.documents]
        self.documents = []
        return taken
