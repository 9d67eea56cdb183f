"""One page of a sync: what the next items of a source become."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice

from pydantic import JsonValue

from app.errors import OrchestratorError, ResidencyError, SourceError
from app.security.residency import Residency
from app.settings import SourceSettings
from app.sources.base import Content, Item
from app.syncs.documents import access, document_id, document_of, version_of
from app.syncs.progress import KnownItem
from app.syncs.session import Session
from topics.base import Failure
from topics.documents import Document
from topics.files import StoredFile
from topics.source_documents import SourceDocument
from topics.sources import SyncCounts, SyncProblem

#: A page ends after so many items that have changed, so many that were looked at, or so many seconds.
_CHANGED, _LOOKED_AT, _SECONDS = 100, 5000, 5.0
#: How many items that are gone are deleted in one page.
_GONE = 500
#: Characters of an error in the state of a sync.
_LONGEST = 500

#: More than this much data, in base64, goes to the topic of files, and the document names it.
INLINE_CHARACTERS = 350_000

#: Sends documents; returns when the broker has them.
Send = Callable[[Sequence[Document]], Awaitable[None]]
#: Puts the data of a document into a file.
Store = Callable[[Document], Awaitable[StoredFile]]


@dataclass(slots=True)
class Page:
    """What came of a page: the `records` of what was sent, the items that are `done`, and where the next one begins.

    `last` says that nothing comes after it.
    """

    position: JsonValue = None
    records: list[SourceDocument] = field(default_factory=list)
    done: list[Item] = field(default_factory=list)
    problems: list[SyncProblem] = field(default_factory=list)
    counts: SyncCounts = field(default_factory=SyncCounts)
    last: bool = False

    def latest(self, item: str, known: Mapping[str, KnownItem]) -> KnownItem | None:
        """Return an item as it was sent last, in this page or before; None if it was not, or is gone."""
        for one in reversed(self.records):
            if one.item == item:
                return None if one.deleted else KnownItem(one.version, one.tenant, one.collection)
        return known.get(item)

    def count(self, **more: int) -> None:
        """Add to the counts."""
        self.counts = added(self.counts, SyncCounts(**more))


def added(one: SyncCounts, other: SyncCounts) -> SyncCounts:
    """Return the sum of two counts."""
    return SyncCounts(**{name: getattr(one, name) + getattr(other, name) for name in SyncCounts.model_fields})


@dataclass(frozen=True, slots=True)
class PageTaker:
    """Takes over pages of one source.

    `known` are its items as they were sent last, and `most_bytes` how large the event of a document may be. A `dry_run`
    sends nothing.
    """

    name: str
    settings: SourceSettings
    session: Session
    known: dict[str, KnownItem]
    residency: Residency
    send: Send
    store: Store
    most_bytes: int
    actor: str = ""
    dry_run: bool = False

    async def items(self, position: JsonValue) -> Page:
        """Take over the items after `position`, until the page is full or the source is at its end.

        Raises:
            SourceError: the source cannot be read.
        """
        page, changed, ids = Page(position), list[Item](), set[str]()
        until, looked_at = time.monotonic() + _SECONDS, 0
        while len(changed) < _CHANGED and looked_at < _LOOKED_AT and time.monotonic() < until:
            item = await self.session.next_item(position)
            if item is None:
                page.last = True
                break
            looked_at += 1
            page.position = item.position
            if item.id not in ids and self._is_known(item):
                page.count(found=1, unchanged=1)
                page.done.append(item)
            else:
                changed.append(item)
                ids.add(item.id)
        remaining = iter(changed)
        while some := list(islice(remaining, self.settings.max_concurrency)):  # so few contents are in memory
            await self._take(some, page)
        return page

    async def gone(self) -> Page:
        """Delete the documents of items that are gone, until the page is full or there is none left.

        Raises:
            SourceError: the source cannot be read.
        """
        page, deleted = Page(), list[Document]()
        while len(deleted) < _GONE:
            item = await self.session.next_gone(self.known)
            if item is None:
                page.last = True
                break
            deleted += self._deleted(item, page)
        await self._send(deleted)
        return page

    def _is_known(self, item: Item) -> bool:
        known = self.known.get(item.id)
        if item.deleted:
            return known is None
        return known is not None and known.version == version_of(item, self.settings, item.content)

    async def _take(self, items: Sequence[Item], page: Page) -> None:
        """Send those of `items` that have changed; of one id, in their order."""
        read = await asyncio.gather(*(self._content(item) for item in items))
        documents: list[Document] = []
        for item, content in zip(items, read, strict=True):
            page.count(found=1)
            try:
                documents += self._changed(item, content, page)
            except (SourceError, ResidencyError) as error:
                failure = Failure(code=error.code, message=str(error)[:_LONGEST])
                page.problems.append(SyncProblem(item=item.id, error=failure))
                page.count(failed=1)
            else:
                page.done.append(item)
        if not self.dry_run:
            documents = [await self._stored(one) for one in documents]
        await self._send(documents)

    async def _stored(self, document: Document) -> Document:
        """Return a document whose data is in a file, if there is too much of it for an event."""
        if document.data is None or len(document.data) <= INLINE_CHARACTERS:
            return document
        return document.model_copy(update={"data": None, "file": await self.store(document)})

    async def _content(self, item: Item) -> Content | OrchestratorError | None:
        """Return the content of an item, or why there is none; None of one whose content does not matter."""
        if item.deleted or (self.dry_run and item.version is not None):
            return None
        try:
            self.residency.check_source(access(item, self.settings)["tenant"], self.name)
            return await self.session.read(item)
        except (SourceError, ResidencyError) as error:
            if error.transient:
                raise
            return error

    def _changed(self, item: Item, content: Content | OrchestratorError | None, page: Page) -> list[Document]:
        """Return what is to be sent of an item.

        Raises:
            OrchestratorError: it cannot be a document.
        """
        if isinstance(content, OrchestratorError):
            raise content
        if item.deleted:
            return self._deleted(item.id, page)
        version, before = version_of(item, self.settings, content) or "", page.latest(item.id, self.known)
        if before and before.version == version:
            page.count(unchanged=1)
            return []
        documents = [] if content is None else [self._document(item, content)]
        tenant = access(item, self.settings)["tenant"]
        page.count(sent=1)
        page.records.append(
            SourceDocument(
                source=self.name, item=item.id, version=version, tenant=tenant, collection=self.settings.collection
            )
        )
        if before and before.tenant != tenant:  # it is another document
            documents.insert(0, self._gone_document(item.id, before))
        return documents

    def _document(self, item: Item, content: Content) -> Document:
        document = document_of(self.name, item, content, self.settings, self.actor)
        if document.data and len(document.data) > INLINE_CHARACTERS:
            return document
        if (size := len(document.to_json())) > self.most_bytes:
            raise SourceError(f"it makes an event of {size} bytes, and delivery.max_event_bytes is {self.most_bytes}")
        return document

    def _deleted(self, item: str, page: Page) -> list[Document]:
        before = page.latest(item, self.known)
        if before is None:
            page.count(unchanged=1)
            return []
        page.count(deleted=1)
        page.records.append(SourceDocument(source=self.name, item=item, tenant=before.tenant, deleted=True))
        return [self._gone_document(item, before)]

    def _gone_document(self, item: str, before: KnownItem) -> Document:
        name = document_id(self.name, item)
        return Document(id=name, tenant=before.tenant, collection=before.collection, deleted=True, actor=self.actor)

    async def _send(self, documents: Sequence[Document]) -> None:
        if documents and not self.dry_run:
            await self.send(documents)


def event_id(sync: str, document: Document) -> str:
    """Return the id of the event of a document: the same when its page is taken over again."""
    file = document.file.id if document.file else ""  # of which the places differ each time
    named = document.model_copy(update={"file": None}).to_json() + file.encode()
    return f"{sync}/{blake2b(named, digest_size=16).hexdigest()}"
