"""`meta-ai documents`: the documents that answers are drawn from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer

from app.cli.event_loop import run
from app.cli.kafka.client import Client, connect
from app.cli.kafka.pending_keys import PendingKeys
from app.cli.options import ConfigOption, JsonOption, ServersOption, TimeoutOption
from app.cli.output import Output
from app.cli.target import find
from app.errors import DeadlineExceeded, InvalidEvent
from app.retrieval.files import read_documents
from app.settings import Settings
from topics import AUDIT, DOCUMENTS
from topics.audit import AuditEvent
from topics.documents import Document

app = typer.Typer(no_args_is_help=True, add_completion=False)
CollectionOption = Annotated[str, typer.Option(help="The collection that the documents belong to.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Wait until they are split and embedded.")]


@app.callback()
def documents() -> None:
    """Add documents to answer from, or delete them."""


@app.command()
def add(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders with .md, .markdown, .txt and .rst files.")],
    *,
    collection: CollectionOption = "default",
    wait: WaitOption = False,
    timeout: TimeoutOption = 600.0,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Add documents; one whose id (its path) is known is replaced."""
    found = (document.model_copy(update={"collection": collection}) for document in read_documents(paths))
    settings = find(config, bootstrap_servers)
    run(_work(found, settings, Output(programs=json), timeout if wait else None))


@app.command()
def delete(
    ids: Annotated[list[str], typer.Argument(help="Ids of documents, as `add` printed them.")],
    *,
    collection: CollectionOption = "default",
    wait: WaitOption = False,
    timeout: TimeoutOption = 600.0,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Delete documents by id."""
    gone = (Document(id=one, collection=collection, deleted=True) for one in ids)
    settings = find(config, bootstrap_servers)
    run(_work(gone, settings, Output(programs=json), timeout if wait else None))


async def _work(found: Iterable[Document], settings: Settings, output: Output, timeout: float | None) -> None:
    async with connect(settings) as client:
        if timeout is None:
            for document in await send(client, list(found)):
                _print(output, {"id": document.id})
        else:
            await ingest(client, list(found), timeout, lambda event: _print(output, _summary(event)))


async def send(client: Client, documents: Sequence[Document]) -> Sequence[Document]:
    """Send the documents, and return them when the broker has all of them."""
    pending = [await client.send(DOCUMENTS, one.id, one, id=uuid4().hex) for one in documents]
    await asyncio.gather(*pending)
    return documents


async def ingest(
    client: Client, documents: Sequence[Document], timeout: float, each: Callable[[AuditEvent], None]
) -> None:
    """Send documents, and return when the audit has recorded all of them as ingested or deleted.

    Raises:
        DeadlineExceeded: some are not after `timeout` seconds.
    """
    waiting = PendingKeys(_ingested, lambda _, record: each(_audit_event(record)))
    async with client.read(AUDIT) as reader, waiting.follow(reader):
        for document in documents:
            waiting.expect(document.id)
        await send(client, documents)
        if not await waiting.settled(timeout):
            missing = ", ".join(sorted(waiting.left)[:5])
            raise DeadlineExceeded(
                f"{len(waiting.left)} of {len(documents)} not ingested within {timeout:g} s, among them {missing}: "
                "see meta-ai dead-letters list, and meta-ai orchestrator status"
            )


def _ingested(record: Any) -> str | None:
    try:
        event = _audit_event(record)
    except InvalidEvent:
        return None
    return event.subject if event.action in {"document.ingested", "document.deleted"} else None


def _audit_event(record: Any) -> AuditEvent:
    return AUDIT.parse(record.value, max_bytes=len(record.value or b""))


def _summary(event: AuditEvent) -> dict[str, Any]:
    return {"id": event.subject, "action": event.action.removeprefix("document."), **event.details}


def _print(output: Output, fields: dict[str, Any]) -> None:
    if output.programs:
        output.emit(fields)
    else:
        output.say("  ".join(str(value) if name == "id" else f"{name}={value}" for name, value in fields.items()))
