"""`meta-ai documents`: add, delete and list the documents that answers are drawn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError

from app.admin import document_listing, document_state
from app.admin.document_listing import ListedDocument
from app.admin.document_state import DocumentState
from app.admin.publishing import current_user
from app.cli.documents import syncing, upkeep
from app.cli.documents.adding import Sending, fitting
from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, ServersOption, TimeoutOption
from app.cli.output import Output
from app.cli.target import find
from app.client.client import connect
from app.errors import ConfigurationError, OrchestratorError
from app.retrieval.files import read_documents
from app.retrieval.parsing.formats import ENDINGS
from app.settings import Settings
from app.suggestions import did_you_mean
from app.timestamps import format_time
from topics.documents import LONGEST_ACTOR, Document
from topics.metadata_filters import MetadataValue

app = typer.Typer(no_args_is_help=True, add_completion=False)
CollectionOption = Annotated[str, typer.Option(help="The collection that the documents belong to.")]
TenantOption = Annotated[str, typer.Option(help="Whose documents they are; without it, all tenants share them.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Wait until they are split and embedded.")]


_VALUE: TypeAdapter[MetadataValue] = TypeAdapter(MetadataValue)


app.command()(upkeep.status)
app.command()(upkeep.stats)
app.command()(upkeep.prune)
app.command()(syncing.sync)
app.command()(syncing.sources)


class NoSuchDocument(OrchestratorError):
    """There is no document of that id."""

    code = "unknown_document"


@app.callback()
def documents() -> None:
    """Add, delete, show and list the documents to answer from."""


@app.command()
def add(  # noqa: PLR0913  # one for each option
    paths: Annotated[
        list[Path], typer.Argument(help="Files, or folders of files, in any format of docs/documents.md.")
    ],
    *,
    collection: CollectionOption = "default",
    tenant: TenantOption = "",
    role: Annotated[
        list[str] | None, typer.Option(help="Only tasks with this role find them; repeat it for more roles.")
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="What searches can filter by; numbers, true and false are no texts."),
    ] = None,
    wait: WaitOption = False,
    timeout: TimeoutOption = 600.0,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Add documents; one whose id (its path) is known is replaced.

    Files that cannot be read are reported and the others sent; exits with 1 if there were any, or if one failed.
    """
    output = Output(programs=json)
    bad: list[ConfigurationError] = []
    settings = find(config, bootstrap_servers)
    owner = {**_owned(collection, tenant, role), "metadata": dict(_named_value(one) for one in metadata or ())}

    def note(error: ConfigurationError) -> None:
        bad.append(error)
        output.note(str(error))

    most = settings.retrieval.parsing.max_file_bytes
    read = fitting(read_documents(paths, limit=most, on_bad=note), settings)
    first = next(read, None)  # without one, no broker is needed
    sending = Sending(settings, output)
    if first:
        found = (document.model_copy(update=owner) for document in chain([first], read))
        run(sending.ingest(found, timeout) if wait else sending.send(found))
    if bad or sending.failed:
        failed = f", {sending.failed} failed" if wait else ""
        output.note(f"{sending.sent} sent, {len(bad)} bad{failed}")
        raise typer.Exit(1)
    if not first:
        output.note(f"no documents found: their names end in {ENDINGS}")
    elif not wait:
        output.note("follow with: meta-ai documents status")


@app.command()
def delete(
    ids: Annotated[list[str], typer.Argument(help="Ids of documents, as `add` printed them.")],
    *,
    collection: CollectionOption = "default",
    tenant: TenantOption = "",
    wait: WaitOption = False,
    timeout: TimeoutOption = 600.0,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Delete documents by id."""
    owner = _owned(collection, tenant)
    gone = [Document(id=one, deleted=True).model_copy(update=owner) for one in ids]
    settings = find(config, bootstrap_servers)
    sending = Sending(settings, Output(programs=json))
    run(sending.ingest(gone, timeout) if wait else sending.send(gone))
    if sending.failed:
        raise typer.Exit(1)


@app.command()
def show(
    document_id: Annotated[str, typer.Argument(metavar="ID", help="The id of a document, as `add` printed it.")],
    *,
    tenant: TenantOption = "",
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Show whether a document is searchable, who may find it, and its chunks."""
    output = Output(programs=json)
    state = run(_state(find(config, bootstrap_servers), document_id, tenant))
    if state is None:
        whose = f" of the tenant {tenant}" if tenant else ""
        raise NoSuchDocument(f"there is no document {document_id}{whose}; meta-ai documents list shows all")
    if json:
        output.emit(state)
        return
    for line in _shown(state):
        output.say(line)
    if state.chunks:
        output.table(("heading", "lines"), [(one.heading, "{}-{}".format(*one.lines)) for one in state.chunks])


@app.command("list")
def list_(
    *,
    collection: Annotated[str | None, typer.Option(help="Only those of this collection.")] = None,
    tenant: Annotated[
        str | None, typer.Option(help="Only those of this tenant; '': only those that all share.")
    ] = None,
    match: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Only those whose id or source is like this: 'docs/*.md'.")
    ] = None,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """List the documents that can be found, by id."""
    output = Output(programs=json)
    everything = run(_list(find(config, bootstrap_servers)))
    found = [
        one
        for one in everything
        if collection in {None, one.collection} and tenant in {None, one.tenant} and _matches(one, match)
    ]
    if json:
        for one in found:
            output.emit(one)
    elif found:
        output.table(("id", "title", "collection", "tenant", "chunks", "ingested"), map(_row, found))
    else:
        output.say(nothing(everything, collection))


def nothing(documents: Sequence[ListedDocument], collection: str | None) -> str:
    """Return what to say when no document is listed."""
    collections = {one.collection for one in documents}
    if collection is None or not collections or collection in collections:
        return "no documents"
    return f"no documents in the collection {collection}; {did_you_mean(collection, collections)}"


def _named_value(given: str) -> tuple[str, MetadataValue]:
    """Return a name and a value that are given as `name=value`."""
    name, separator, text = given.partition("=")
    if not (name and separator):
        raise typer.BadParameter(f"--metadata: {given} is not of the form name=value")
    try:
        return name, _VALUE.validate_json(text)
    except ValidationError:
        return name, text


async def _state(settings: Settings, document_id: str, tenant: str) -> DocumentState | None:
    async with connect(settings) as client:
        return await document_state.read(client, document_id, tenant)


async def _list(settings: Settings) -> list[ListedDocument]:
    async with connect(settings) as client:
        return await document_listing.read(client)


def _matches(document: ListedDocument, pattern: str | None) -> bool:
    return pattern is None or fnmatchcase(document.id, pattern) or fnmatchcase(document.source, pattern)


def _row(document: ListedDocument) -> tuple[object, ...]:
    ingested = format_time(document.ingested_at)
    return document.id, document.title, document.collection, document.tenant, document.chunks, ingested


def _shown(state: DocumentState) -> Iterator[str]:
    """Yield what is told of a document, line by line."""
    yield f"{state.id}: {state.status}, in the collection {state.collection}"
    if state.tenant:
        yield f"tenant    {state.tenant}"
    if state.allowed_roles is not None:
        yield f"roles     {', '.join(state.allowed_roles) or 'none: nobody finds it'}"
    if state.ingested_at:
        yield f"ingested  {format_time(state.ingested_at)}"
    if state.error:
        yield f"error     {state.error.code}: {state.error.message}"


def _owned(collection: str, tenant: str, roles: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the fields that say where documents belong, who may find them, and who sends them."""
    fields = {"collection": collection, "tenant": tenant, "allowed_roles": tuple(roles) if roles else None}
    try:
        Document.model_validate({"id": "a", **fields})
    except ValidationError as error:
        option = "--tenant" if error.errors()[0]["loc"][0] == "tenant" else "--role"
        raise typer.BadParameter(f"{option}: at most 100 characters, and no control characters") from None
    return {**fields, "actor": current_user()[:LONGEST_ACTOR]}
