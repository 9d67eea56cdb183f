"""`sources`: how far the sync of each source of documents has come."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue

from topics.base import Event, Failure, Topic
from topics.sync_requests import SourceName, Trigger


class SyncCounts(Event):
    """What a sync has met: `found` are all items; each is `sent`, `unchanged`, `deleted` or `failed`."""

    found: int = 0
    sent: int = 0
    unchanged: int = 0
    deleted: int = 0
    failed: int = 0


class SyncProblem(Event):
    """Why an item could not be taken over; it is tried again by the next sync."""

    item: str
    error: Failure


class SourceState(Event):
    """The last sync of a source, or the one under way.

    `page` is the last one that was taken over, and `position` where the next begins, in the source's own form; the
    next sync of a source that only tells what is new begins there too. When all items were seen, those that are `gone`
    are deleted. `slot` is the period of the last scheduled sync.
    `problems` are the first of those that have `failed`. `pending` is the id of a sync that begins when this one ends.
    """

    source: SourceName
    sync: str
    status: Literal["running", "succeeded", "failed"] = "running"
    trigger: Trigger = "command"
    dry_run: bool = False
    full: bool = False
    actor: str = ""
    page: int = 0
    phase: Literal["items", "gone"] = "items"
    position: JsonValue = None
    slot: int | None = None
    counts: SyncCounts = SyncCounts()
    problems: tuple[SyncProblem, ...] = ()
    documents: int = Field(default=0, description="how many documents of the source there are")
    error: Failure | None = None
    started_at: AwareDatetime
    updated_at: AwareDatetime
    finished_at: AwareDatetime | None = None
    pending: str | None = None

    @property
    def key(self) -> str:
        """The key of its events: a dry run leaves the state of real ones as it is."""
        return state_key(self.source, dry_run=self.dry_run)


def state_key(source: str, *, dry_run: bool = False) -> str:
    """Return the key under which the state of a source is kept."""
    return f"{source}/dry-run" if dry_run else source


SOURCES = Topic(
    name="sources",
    event=SourceState,
    type="meta_ai.source",
    key="source; of dry runs, the source and /dry-run",
    summary="How far the sync of each source of documents has come.",
    compacted=True,
    bounded=False,
)
