"""`meta-ai stores`: list and check the stores, make an index anew, and prune what is old or orphaned."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from fnmatch import fnmatchcase
from functools import partial
from typing import Annotated, Any

import typer

from app.admin import document_listing, document_sending, reindexing
from app.admin.document_listing import ListedDocument
from app.admin.publishing import current_user
from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, ServersOption
from app.cli.output import Output
from app.cli.target import find
from app.client.client import connect
from app.configuration import load
from app.durations import parse_duration
from app.errors import ConfigurationError
from app.retrieval.base import RemoteStore
from app.retrieval.registry import build_embedder, build_stores
from app.retrieval.several import Stores
from app.security.residency import Residency
from app.settings import Settings
from app.suggestions import did_you_mean
from topics.documents import LONGEST_ACTOR, Document

app = typer.Typer(no_args_is_help=True, add_completion=False)
StoreArgument = Annotated[str, typer.Argument(metavar="NAME", help="The name of a store, as `list` shows it.")]


@app.callback()
def stores() -> None:
    """List and check the stores, make an index anew, and prune what is old or orphaned."""


@app.command("list")
def list_(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the stores of the configuration, the default one first, with the state of those that workers share."""
    output = Output(programs=json)
    rows = run(_rows(load(config, os.environ)))
    if json:
        for row in rows:
            output.emit(row)
    else:
        columns = ("name", "kind", "region", "index", "embedder", "chunks", "problem")
        output.table(columns, [["" if row.get(one) is None else row[one] for one in columns] for row in rows])


@app.command()
def check(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this store.")] = None,
    *,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Compare the stores that workers share with the topic of chunks; exits with 1 if one cannot be used.

    A document that is missing is in no index yet, or was left out: its dead letters say why, and `reindex` adds it.
    """
    output = Output(programs=json)
    settings = find(config, bootstrap_servers)
    rows = run(_compare(settings, name))
    for row in rows:
        if json:
            output.emit(row)
        elif row["problem"]:
            output.say(f"{row['name']}: {row['problem']}")
        else:
            output.say(
                "{name}: {chunks} chunks in {index}, {missing} documents missing, {orphans} orphans".format(**row)
            )
    if not rows and not json:
        output.say("no store is outside of the workers: there is nothing to compare")
    if any(row["problem"] or row["missing"] for row in rows):
        raise typer.Exit(1)


@app.command()
def reindex(
    name: StoreArgument,
    *,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Make the index of a store anew from the topic of chunks, and switch to it; the old one serves until then.

    With another embedder in the configuration, all is embedded again; restart the workers right after the switch.
    """
    output = Output(programs=json)
    started = time.monotonic()
    index, parts = run(_reindex(find(config, bootstrap_servers), name, output))
    row = {"name": name, "index": index, "parts": parts, "seconds": round(time.monotonic() - started, 1)}
    if json:
        output.emit(row)
    else:
        output.say("{name}: {parts} parts of documents in {index}, which is searched now ({seconds} s)".format(**row))


@app.command()
def prune(  # one for each option
    *,
    older_than: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Delete documents that were ingested before this: 30d.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Delete only documents with such a source: 'wiki/*'.")
    ] = None,
    orphans: Annotated[
        bool, typer.Option("--orphans", help="Remove chunks of no document from the stores that workers share.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be deleted.")] = False,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Delete documents by age or source, from all stores, or chunks that belong to no document any more."""
    output = Output(programs=json)
    if not (older_than or source or orphans):
        raise typer.BadParameter("say what to prune: --older-than, --source or --orphans")
    settings = find(config, bootstrap_servers)
    if older_than or source:
        gone = run(_prune_documents(settings, _age(older_than), source, dry_run=dry_run))
        for one in gone:
            output.emit({"id": one.id, "tenant": one.tenant}) if json else output.say(one.id)
        output.note(f"{len(gone)} documents {'would be' if dry_run else 'are'} deleted")
    if orphans:
        for name, count in run(_prune_orphans(settings, dry_run=dry_run)).items():
            row = {"name": name, "orphans": count}
            output.emit(row) if json else output.say("{name}: {orphans} orphans".format(**row))


def _age(text: str | None) -> float | None:
    try:
        return parse_duration(text) if text else None
    except ValueError as error:
        raise typer.BadParameter(f"--older-than: {error}") from None


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Stores]:
    embedder = build_embedder(settings.retrieval)
    stores = build_stores(settings.retrieval, embedder)
    try:
        yield stores
    finally:
        await stores.close()
        await embedder.close()


async def _rows(settings: Settings) -> list[dict[str, Any]]:
    each = settings.retrieval.each_store()
    async with _opened(settings) as stores:
        found = {name: asdict(await store.status()) for name, store in stores.remote.items()}
    return [
        {"name": name, "kind": chosen.store, "region": chosen.region, **found.get(name, {})}
        for name, chosen in each.items()
    ]


def _remote(stores: Stores, name: str) -> RemoteStore:
    if name in stores.remote:
        return stores.remote[name]
    if name in stores.local:
        raise ConfigurationError(f"the store {name} is in each worker, which makes its index from chunks at its start")
    raise ConfigurationError(f"no store is called {name}; {did_you_mean(name, {**stores.local, **stores.remote})}")


async def _compare(settings: Settings, name: str | None) -> list[dict[str, Any]]:
    async with _opened(settings) as stores, connect(settings) as client:
        chosen = stores.remote if name is None else {name: _remote(stores, name)}
        rows = []
        for one, store in chosen.items():
            row = {"name": one, **asdict(await store.status()), "missing": 0, "orphans": 0}
            if not row["problem"]:
                held = await store.revisions()
                expected = await reindexing.revisions(client)
                row["missing"] = sum(current not in held.get(key, ()) for key, current in expected.items())
                orphaned = _orphaned(held, expected)
                row["orphans"] = sum(held[key][one] for key, revisions in orphaned.items() for one in revisions)
            rows.append(row)
        return rows


async def _reindex(settings: Settings, name: str, output: Output) -> tuple[str, int]:
    parts = 0

    def applied(count: int) -> None:
        nonlocal parts
        parts += count
        if not output.programs:
            output.note(f"{parts} parts of documents written")

    admits = partial(Residency(settings).is_allowed_store, name)
    async with _opened(settings) as stores, connect(settings) as client:
        return await reindexing.reindex(client, _remote(stores, name), applied, admits), parts


async def _prune_documents(
    settings: Settings, age: float | None, source: str | None, *, dry_run: bool
) -> Sequence[ListedDocument]:
    async with connect(settings) as client:
        before = time.time() - age if age is not None else None
        gone = list(_chosen(await document_listing.read(client), before, source))
        if not dry_run:
            actor = current_user()[:LONGEST_ACTOR]
            deleted = [
                Document(id=one.id, tenant=one.tenant, collection=one.collection, deleted=True, actor=actor)
                for one in gone
            ]
            await document_sending.send(client, deleted)
        return gone


def _chosen(documents: Iterable[ListedDocument], before: float | None, source: str | None) -> Iterable[ListedDocument]:
    return (
        one
        for one in documents
        if (before is None or one.ingested_at.timestamp() < before)
        and (source is None or fnmatchcase(one.source, source))
    )


async def _prune_orphans(settings: Settings, *, dry_run: bool) -> dict[str, int]:
    if dry_run:
        return {row["name"]: row["orphans"] for row in await _compare(settings, None)}
    async with _opened(settings) as stores, connect(settings) as client:
        found = {}
        for name, store in stores.remote.items():
            held = await store.revisions()  # before the topic, so that what is written meanwhile is no orphan
            orphaned = _orphaned(held, await reindexing.revisions(client))
            await store.remove_revisions(orphaned)
            found[name] = sum(held[key][one] for key, revisions in orphaned.items() for one in revisions)
        return found


def _orphaned(held: Mapping[str, Mapping[str, int]], current: Mapping[str, str]) -> dict[str, list[str]]:
    """Return for the key of each document the revisions in a store that are not the current one of the topic."""
    found = {key: [one for one in counts if one != current.get(key)] for key, counts in held.items()}
    return {key: revisions for key, revisions in found.items() if revisions}
