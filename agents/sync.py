"""`sync`: brings the documents of a source in, page by page.

The documents of a page are on the broker before it is recorded that they were sent, and that before the state of the
sync. So a page that was begun when its worker was killed is taken over again, under the same ids, and nothing is left
out.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from agents.base import event_agent
from app.backoff import full_jitter
from app.delivery.envelope import Outgoing, Received
from app.delivery.home import way_home
from app.dependencies import Dependencies
from app.errors import OrchestratorError, SourceError
from app.sources.registry import ConfiguredSource
from app.suggestions import did_you_mean
from app.syncs.files import store_file
from app.syncs.page import Page, PageTaker, added, event_id
from app.syncs.progress import SourceProgress
from app.syncs.session import Session
from topics import AUDIT, DOCUMENTS, SOURCE_DOCUMENTS, SOURCES, SYNC_REQUESTS
from topics.audit import AuditEvent
from topics.base import Failure
from topics.documents import Document
from topics.files import StoredFile
from topics.source_documents import SourceDocument
from topics.sources import SourceState, state_key
from topics.sync_requests import SyncRequest

NAME = "sync"
#: After so many seconds without a page, a sync is taken for one that will never go on.
_STALLED = 900.0
_MOST_PROBLEMS = 20
_rng = random.Random()  # noqa: S311  # it spreads retries, and guards nothing


async def handle(received: Received[SyncRequest], deps: Dependencies) -> Sequence[Outgoing]:
    """Take over one page, and return what records it, with the request for the next page.

    Raises:
        SourceError: there is no such source.
    """
    request = received.event
    if moved := way_home(SYNC_REQUESTS, request.source, received, deps.settings.topics.partitions):
        return [moved]
    configured = deps.sources.get(request.source)
    if configured is None:
        raise SourceError(f"no source is called {request.source}; {did_you_mean(request.source, deps.sources)}")
    return await _Step(received, configured, await deps.syncs.of(request.source, received.partition), deps).run()


class _Step:
    """One request, in the light of what is known of its source."""

    def __init__(
        self,
        received: Received[SyncRequest],
        configured: ConfiguredSource,
        progress: SourceProgress,
        deps: Dependencies,
    ) -> None:
        self._received = received
        self._request = received.event
        self._key = state_key(self._request.source, dry_run=self._request.dry_run)
        self._configured = configured
        self._progress = progress
        self._deps = deps

    async def run(self) -> Sequence[Outgoing]:  # noqa: PLR0911  # each is a reason to do nothing, or not
        """Return what follows from the request; nothing if another one has had its effect already."""
        request, state = self._request, self._progress.states.get(self._key)
        if state and request.id == state.sync:
            if request.page < state.page:  # it is delivered again
                return self._again(state)
            return await self._take(state) if state.status == "running" else []
        if request.page:
            return []  # of a sync that was given up
        if state and state.status == "running" and time.time() - state.updated_at.timestamp() < _STALLED:
            if request.trigger == "schedule":
                return []
            return [self._recorded(state.model_copy(update={"pending": request.id}))]
        if state and request.slot is not None and state.slot is not None and request.slot <= state.slot:
            return []  # this period has had its sync
        return await self._take(self._begun(state))

    def _begun(self, last: SourceState | None) -> SourceState:
        request, now = self._request, datetime.now(UTC)
        real = self._progress.states.get(request.source)
        return SourceState(
            source=request.source,
            sync=request.id,
            trigger=request.trigger,
            dry_run=request.dry_run,
            full=request.full,
            actor=request.actor,
            position=real.position if real and not request.full else None,
            slot=last.slot if last and request.slot is None else request.slot,
            started_at=now,
            updated_at=now,
        )

    def _again(self, state: SourceState) -> Sequence[Outgoing]:
        """Send what follows the last recorded page, unless this worker has done so: another may have been killed."""
        first = self._request.page == state.page - 1 and self._progress.told.get(self._key) != (state.sync, state.page)
        return self._following(state) if first else []

    async def _take(self, state: SourceState) -> Sequence[Outgoing]:
        """Take over the next page of a sync, and tell how it went."""
        try:
            page = await self._with_retries(state)
        except OrchestratorError as error:
            await self._end_session()
            state = self._ended(state, "failed", error=Failure.of(error))
            return [self._recorded(state), *self._following(state)]
        if page.records and not state.dry_run:
            # Before the state, or a page could be recorded without what was sent in it.
            await self._publish([self._record(one) for one in page.records])
            self._progress.note(page.records)
        self._deps.metrics.source_items(state.source, page.counts.model_dump())
        state = self._after(state, page)
        if state.status != "running":
            await self._end_session()
        return [self._recorded(state), *self._following(state)]

    async def _with_retries(self, state: SourceState) -> Page:
        """Return the next page; from a source that is away, after another try or two.

        Raises:
            OrchestratorError: there is none.
        """
        settings = self._deps.settings.delivery
        for attempt in range(settings.retries):
            try:
                return await self._page(state)
            except OrchestratorError as error:
                await self._end_session()
                if not error.transient:
                    raise
            await asyncio.sleep(full_jitter(attempt, base=settings.backoff, cap=settings.max_backoff, rng=_rng))
        return await self._page(state)

    async def _page(self, state: SourceState) -> Page:
        session = await self._session(state)
        taker = PageTaker(
            name=state.source,
            settings=self._configured.settings,
            session=session,
            known=self._progress.items,
            residency=self._deps.residency,
            send=self._send,
            store=self._store,
            most_bytes=self._deps.settings.delivery.max_event_bytes,
            actor=state.actor or NAME,
            dry_run=state.dry_run,
        )
        if state.phase == "gone":
            return await taker.gone()
        page = await taker.items(state.position if session.source.incremental or state.page else None)
        if not state.dry_run:
            await session.done(page.done)
        return page

    async def _session(self, state: SourceState) -> Session:
        """Return the open source of a sync, opened anew where another worker has gone before."""
        session = self._progress.sessions.get(self._key)
        if session is None or session.sync != state.sync:
            await self._end_session()
            session = Session(state.sync, state.source, await self._configured.open())
            self._progress.sessions[self._key] = session
        return session

    async def _end_session(self) -> None:
        if session := self._progress.sessions.pop(self._key, None):
            await session.close()

    async def _send(self, documents: Sequence[Document]) -> None:
        await self._publish([Outgoing(DOCUMENTS, one.key, one, event_id(self._request.id, one)) for one in documents])

    async def _store(self, document: Document) -> StoredFile:
        outbox, partitions = self._deps.delivery.outbox, self._deps.settings.topics.partitions
        return await store_file(outbox, document, self._request.id, partitions, self._received)

    async def _publish(self, outgoing: Sequence[Outgoing]) -> None:
        await self._deps.delivery.outbox.publish(outgoing, self._received)

    def _after(self, state: SourceState, page: Page) -> SourceState:
        """Return the state of a sync after a page."""
        changes = {
            "page": state.page + 1,
            "counts": added(state.counts, page.counts),
            "problems": (*state.problems, *page.problems)[:_MOST_PROBLEMS],
            "documents": len(self._progress.items),
            "updated_at": datetime.now(UTC),
        }
        if state.phase == "items":
            changes |= {"position": page.position, "phase": "gone" if page.last else "items"}
        state = state.model_copy(update=changes)
        return self._ended(state, "succeeded") if page.last and "phase" not in changes else state

    def _ended(self, state: SourceState, status: str, error: Failure | None = None) -> SourceState:
        self._deps.metrics.sync_finished(state.source, status)
        now = datetime.now(UTC)
        ended = {"status": status, "error": error, "finished_at": now, "updated_at": now, "page": state.page}
        if error:  # the page was not taken over, but nothing follows from a second delivery of its request
            ended["page"] = state.page + 1
        return state.model_copy(update=ended)

    def _recorded(self, state: SourceState) -> Outgoing:
        """Return the record of a state, which is the one that counts from now on."""
        self._progress.states[self._key] = state
        return Outgoing(SOURCES, state.key, state, f"{state.sync}/{state.page}/state", self._received.partition)

    def _record(self, document: SourceDocument) -> Outgoing:
        event = f"{self._request.id}/{self._request.page}/{document.item}"
        return Outgoing(SOURCE_DOCUMENTS, document.key, document, event, self._received.partition)

    def _following(self, state: SourceState) -> Sequence[Outgoing]:
        """Return what follows from a recorded state: the next page, or what is told at the end."""
        self._progress.told[self._key] = state.sync, state.page
        if state.status == "running":
            return [self._request_for(self._request.model_copy(update={"page": state.page}))]
        pending = [] if state.pending is None else [self._request_for(_pending(state))]
        return [*pending, *([self._audit(state)] if _is_news(state) else [])]

    def _request_for(self, request: SyncRequest) -> Outgoing:
        return Outgoing(
            SYNC_REQUESTS, request.source, request, f"{request.id}/{request.page}", self._received.partition
        )

    def _audit(self, state: SourceState) -> Outgoing:
        details = {"sync": state.sync, "trigger": state.trigger, **state.counts.model_dump()}
        event = AuditEvent(
            id=f"{state.sync}/ended",
            at=state.finished_at or state.updated_at,
            actor=state.actor or NAME,
            action="source.synced" if state.status == "succeeded" else "source.sync_failed",
            subject=state.source,
            details={**details, **({"error": state.error.code} if state.error else {})},
        )
        return Outgoing(AUDIT, state.source, event, event.id, self._received.partition)


def _pending(state: SourceState) -> SyncRequest:
    return SyncRequest(id=state.pending or "", source=state.source, trigger="change", dry_run=state.dry_run)


def _is_news(state: SourceState) -> bool:
    """Whether the end of a sync belongs into the audit: it has changed something, has failed, or somebody wanted it."""
    counts = state.counts
    asked = state.trigger == "command"
    return not state.dry_run and bool(asked or counts.sent or counts.deleted or state.status == "failed")


#: The pages of one source are taken over in their order.
AGENT = event_agent(NAME, SYNC_REQUESTS, handle, identify=lambda received: received.event.source)
