"""`meta-ai documents status`, `stats` and `prune`: what there is, what is on its way, and what is to go."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Any

import typer

from app.admin import document_overview
from app.admin.document_overview import DocumentSummary
from app.admin.publishing import current_user
from app.cli.documents.adding import Sending
from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, ServersOption, TimeoutOption
from app.cli.output import Output
from app.cli.target import find
from app.cli.times import parse_duration
from app.client.client import connect
from app.settings import Settings
from app.timestamps import format_time
from topics.documents import LONGEST_ACTOR, Document

CollectionFilter = Annotated[str | None, typer.Option(help="Only those of this collection.")]
TenantFilter = Annotated[str | None, typer.Option(help="Only those of this tenant; '': only those that all share.")]
MatchFilter = Annotated[
    str | None, typer.Option(metavar="PATTERN", help="Only those whose id or source is like this: 'docs/*.md'.")
]


def status(
    *,
    collection: CollectionFilter = None,
    tenant: TenantFilter = None,
    match: MatchFilter = None,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Show how many documents are searchable, and which are on their way or failed."""
    output = Output(programs=json)
    found = _chosen(find(config, bootstrap_servers), collection, tenant, match)
    unsettled = [one for one in found if one.status in {"pending", "failed"}]
    if json:
        for one in found:
            output.emit(one.model_copy(update={"content": ""}))
        return
    counts = document_overview.count(found)
    output.say(", ".join(f"{counts[name]} {name}" for name in ("searchable", "empty", "pending", "failed")))
    if unsettled:
        rows = [
            (one.id, one.status, format_time(one.sent_at), one.error.message if one.error else "") for one in unsettled
        ]
        output.table(("id", "status", "sent", "error"), rows, prose={"error"})


def stats(
    *,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Count the documents, chunks and characters of each collection and tenant, and name their embedder."""
    output = Output(programs=json)
    rows = list(_counted(_chosen(find(config, bootstrap_servers), None, None, None)))
    if json:
        for row in rows:
            output.emit(row)
    elif rows:
        output.table(tuple(rows[0]), [tuple(row.values()) for row in rows])
    else:
        output.say("no documents")


def prune(  # noqa: PLR0913  # one for each option
    *,
    older_than: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Those that were sent longer ago, as in 90d.")
    ] = None,
    duplicates: Annotated[
        bool,
        typer.Option("--duplicates", help="Those that say the same as an older one of their collection and tenant."),
    ] = False,
    failed: Annotated[
        bool, typer.Option("--failed", help="Those that could not be ingested, or have no text.")
    ] = False,
    collection: CollectionFilter = None,
    tenant: TenantFilter = None,
    match: MatchFilter = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete them; without it, they are only listed.")] = False,
    timeout: TimeoutOption = 600.0,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Delete documents by age, or that repeat others, or failed; several conditions must all be met."""
    output = Output(programs=json)
    if older_than is None and not duplicates and not failed:
        raise typer.BadParameter("say what is to go: --older-than, --duplicates or --failed")
    settings = find(config, bootstrap_servers)
    found = _chosen(settings, collection, tenant, match)
    if older_than is not None:
        before = time.time() - parse_duration(older_than)
        found = [one for one in found if one.sent_at.timestamp() < before]
    if duplicates:
        repeated = {(one.id, one.tenant) for one in document_overview.duplicates(_chosen(settings, None, None, None))}
        found = [one for one in found if (one.id, one.tenant) in repeated]
    if failed:
        found = [one for one in found if one.status in {"failed", "empty"}]
    if not yes:
        _list(output, found)
        return
    gone = [
        Document(
            id=one.id, tenant=one.tenant, collection=one.collection, deleted=True, actor=current_user()[:LONGEST_ACTOR]
        )
        for one in found
    ]
    sending = Sending(settings, output)
    run(sending.ingest(gone, timeout))
    if sending.failed:
        raise typer.Exit(1)


def _list(output: Output, found: Sequence[DocumentSummary]) -> None:
    for one in found:
        if output.programs:
            output.emit({"id": one.id, "tenant": one.tenant, "status": one.status})
        else:
            output.say(one.id)
    output.note(f"{len(found)} documents would be deleted: repeat the command with --yes")


def _chosen(settings: Settings, collection: str | None, tenant: str | None, match: str | None) -> list[DocumentSummary]:
    return [
        one
        for one in run(_read(settings))
        if collection in {None, one.collection}
        and tenant in {None, one.tenant}
        and (match is None or fnmatchcase(one.id, match) or fnmatchcase(one.source, match))
    ]


async def _read(settings: Settings) -> list[DocumentSummary]:
    async with connect(settings) as client:
        return await document_overview.read(client)


def _counted(found: Sequence[DocumentSummary]) -> Iterator[dict[str, Any]]:
    groups: dict[tuple[str, str], list[DocumentSummary]] = defaultdict(list)
    for one in found:
        groups[one.collection, one.tenant].append(one)
    for (collection, tenant), members in sorted(groups.items()):
        counts = document_overview.count(members)
        yield {
            "collection": collection,
            "tenant": tenant,
            "embedder": ", ".join(sorted({one.embedder for one in members if one.embedder})),
            "documents": len(members),
            "chunks": sum(one.chunks for one in members),
            "characters": sum(one.characters for one in members),
            "pending": counts["pending"],
            "failed": counts["failed"],
        }
