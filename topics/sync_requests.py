"""`sync-requests`: the steps of syncs, each of which takes over one page of a source."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from topics.base import Event, Topic
from topics.documents import LONGEST_ACTOR

SourceName = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[a-zA-Z0-9._-]+$")]
Trigger = Literal["schedule", "change", "command"]


class SyncRequest(Event):
    """Begin the sync `id` of a source, or, with a `page`, take over the next one.

    `slot` is the number of the period for which a schedule begins it: of one period, only the first request counts. A
    `dry_run` counts what would change, and changes nothing; a `full` sync begins at the start of a source that is
    otherwise read from where the last one has ended.
    """

    id: str = Field(min_length=1, max_length=200)
    source: SourceName
    page: int = Field(default=0, ge=0)
    trigger: Trigger = "command"
    slot: int | None = None
    dry_run: bool = False
    full: bool = False
    actor: str = Field(default="", max_length=LONGEST_ACTOR)


SYNC_REQUESTS = Topic(
    name="sync-requests",
    event=SyncRequest,
    type="meta_ai.sync_request",
    key="source",
    summary="Syncs of sources of documents, page by page.",
)
