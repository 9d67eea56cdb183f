"""The sources of documents: how far they are, and how a sync is begun and awaited."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing, suppress
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict

from app.client import topic_ranges
from app.client.client import Client
from app.durations import format_duration
from app.errors import DeadlineExceeded, SourceError
from app.partitioner import partition_of
from app.settings import SourceSettings
from app.suggestions import did_you_mean
from topics import SOURCES, SYNC_REQUESTS
from topics.sources import SourceState, state_key
from topics.sync_requests import SyncRequest


class ListedSource(BaseModel):
    """A configured source, with its last sync or the one under way; `schedule` is in seconds."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: str
    collection: str
    tenant: str = ""
    schedule: float | None = None
    documents: int = 0
    synced_at: AwareDatetime | None = None
    sync: SourceState | None = None


async def begin(
    client: Client, source: str, *, dry_run: bool = False, full: bool = False, actor: str = ""
) -> SyncRequest:
    """Ask the workers for a sync, and return the request when the broker has it."""
    request = SyncRequest(id=uuid4().hex, source=source, dry_run=dry_run, full=full, actor=actor)
    await (await client.send(SYNC_REQUESTS, source, request, id=f"{request.id}/0"))
    return request


async def read_all(client: Client, sources: Mapping[str, SourceSettings]) -> list[ListedSource]:
    """Return the configured sources, by name.

    Raises:
        BrokerError: the topic does not exist, or the broker fails.
    """
    states: dict[str, SourceState] = {}
    async with aclosing(topic_ranges.iterate(client, None, SOURCES)) as records:
        async for record in records:
            if state := SOURCES.event_in(record):
                states[state.key] = state
    return [_listed(name, settings, states.get(name)) for name, settings in sorted(sources.items())]


async def read_state(client: Client, source: str, *, dry_run: bool = False) -> SourceState | None:
    """Return the last sync of a source, or the one under way; None if there was none.

    Raises:
        BrokerError: the topic does not exist, or the broker fails.
    """
    key, found = state_key(source, dry_run=dry_run), None
    home = partition_of(source, client.settings.topics.partitions)
    async with aclosing(topic_ranges.iterate_partition(client, SOURCES, home)) as records:
        async for record in records:
            state = SOURCES.event_in(record)
            if state is not None and state.key == key:
                found = state
    return found


async def wait(client: Client, request: SyncRequest, timeout: float) -> SourceState:
    """Return the state of the requested sync at its end.

    Raises:
        DeadlineExceeded: it has not ended after `timeout` seconds.
    """
    key = state_key(request.source, dry_run=request.dry_run)
    with suppress(DeadlineExceeded):
        async with client.read(SOURCES, from_beginning=True) as reader:
            async for record in reader.coming(timeout):
                state = SOURCES.event_in(record)
                if state and (state.key, state.sync) == (key, request.id) and state.status != "running":
                    return state
    raise DeadlineExceeded(
        f"the sync of {request.source} has not ended within {format_duration(timeout)}: see meta-ai documents sources, "
        "and meta-ai orchestrator status"
    )


def require_known(source: str, sources: Mapping[str, SourceSettings]) -> SourceSettings:
    """Return the settings of a source.

    Raises:
        SourceError: there is none of this name.
    """
    if source not in sources:
        raise SourceError(f"no source is called {source}; {did_you_mean(source, sources)}")
    return sources[source]


def _listed(name: str, settings: SourceSettings, state: SourceState | None) -> ListedSource:
    return ListedSource(
        name=name,
        kind=settings.kind,
        collection=settings.collection,
        tenant=settings.tenant,
        schedule=settings.schedule,
        documents=state.documents if state else 0,
        synced_at=state.finished_at if state else None,
        sync=state,
    )
