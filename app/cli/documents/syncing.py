"""`meta-ai documents sync` and `sources`: bring documents in from where they are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from app.admin import source_sync
from app.admin.publishing import current_user
from app.admin.source_sync import ListedSource
from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, ServersOption, TimeoutOption
from app.cli.output import Output
from app.cli.target import find
from app.client.client import connect
from app.durations import format_duration
from app.settings import Settings
from app.timestamps import format_time
from topics.documents import LONGEST_ACTOR
from topics.sources import SourceState


def sync(  # one for each option
    name: Annotated[str, typer.Argument(help="A source of the configuration.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be sent and deleted.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Begin at the start, not where the last sync ended.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until the source is read, and tell what was found.")
    ] = True,
    timeout: TimeoutOption = 600.0,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Take over what has changed in a source: what is new is added, what has changed replaced, what is gone deleted.

    Exits with 1 if the source could not be read, or some of it not.
    """
    output, settings = Output(programs=json), find(config, bootstrap_servers)
    source_sync.require_known(name, settings.sources)
    state = run(_sync(settings, name, dry_run=dry_run, full=full, timeout=timeout if wait else None))
    if isinstance(state, str):
        output.emit({"source": name, "sync": state}) if json else output.say(f"{name}: the sync {state} is requested")
        return
    if json:
        output.emit(state)
    else:
        for line in _summary(state):
            output.say(line)
    if state.status == "failed" or state.counts.failed:
        raise typer.Exit(1)


def sources(*, config: ConfigOption = None, bootstrap_servers: ServersOption = None, json: JsonOption = False) -> None:
    """List the sources of the configuration, and when each was synced."""
    output, settings = Output(programs=json), find(config, bootstrap_servers)
    found = run(_sources(settings))
    if json:
        for one in found:
            output.emit(one)
    elif found:
        heads = ("name", "kind", "collection", "tenant", "schedule", "documents", "synced", "status")
        output.table(heads, map(_row, found))
    else:
        output.say("no sources: see docs/sources.md")


async def _sync(
    settings: Settings, name: str, *, dry_run: bool, full: bool, timeout: float | None
) -> SourceState | str:
    async with connect(settings) as client:
        actor = current_user()[:LONGEST_ACTOR]
        request = await source_sync.begin(client, name, dry_run=dry_run, full=full, actor=actor)
        return request.id if timeout is None else await source_sync.wait(client, request, timeout)


async def _sources(settings: Settings) -> list[ListedSource]:
    async with connect(settings) as client:
        return await source_sync.read_all(client, settings.sources)


def _summary(state: SourceState) -> Iterator[str]:
    counts = "  ".join(f"{name}={count}" for name, count in state.counts.model_dump().items())
    yield f"{state.source}: {'dry run ' if state.dry_run else ''}{state.status}  {counts}"
    for problem in state.problems:
        yield f"{problem.item}: {problem.error.code}: {problem.error.message}"
    if (hidden := state.counts.failed - len(state.problems)) > 0:
        yield f"and {hidden} more"
    if state.error:
        yield f"{state.error.code}: {state.error.message}"


def _row(source: ListedSource) -> tuple[object, ...]:
    schedule = format_duration(source.schedule) if source.schedule else ""
    status = source.sync.status if source.sync else ""
    synced = format_time(source.synced_at)
    return source.name, source.kind, source.collection, source.tenant, schedule, source.documents, synced, status
