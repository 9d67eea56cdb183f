"""Ingestion beside its parts called alone: `python -m bench.ingestion`; half a minute, with the embedded broker.

Pages of HTML are read, cut and embedded by `minilm`: in this process one after the other, and by a worker to which they
are sent as documents.
"""

from __future__ import annotations

import asyncio
import time
from argparse import ArgumentParser, Namespace
from base64 import b64encode
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from app.admin.document_sending import Ingestion
from app.brokers.base import Connection
from app.cli.event_loop import run
from app.client.client import Client, connect
from app.retrieval.base import searchable
from app.retrieval.chunking.chunker import chunk_document
from app.retrieval.embedding.minilm import MiniLM
from app.retrieval.parsing.reading import ReadingLimits, read_document
from app.settings import RetrievalSettings, Settings
from bench.support import worker_settings
from bench.support.figures import table
from testkit.process import MeasuredProcess, start
from topics.audit import AuditEvent
from topics.documents import Document

_HTML = "text/html"
_SECTIONS = 4
_SETTINGS = RetrievalSettings()


class Figures(NamedTuple):
    """Chunks per second, and milliseconds of processor time for each."""

    rate: float
    cpu: float


def page(number: int, turn: int) -> bytes:
    """Return a page of four sections, each of about one chunk; those of another turn have other words."""
    sentence = "Station {number} of line {turn} was built in the year {year} and has {section} platforms. "
    sections = (
        f"<h2>Part {section}</h2><p>"
        + "".join(
            sentence.format(number=number, turn=turn, year=1900 + line + section, section=section) for line in range(9)
        )
        + "</p>"
        for section in range(_SECTIONS)
    )
    return f"<html><body><h1>Page {number}</h1>{''.join(sections)}</body></html>".encode()


async def alone(pages: Sequence[bytes]) -> Figures:
    """Return the figures of parser, chunker and embedder, called one after the other."""
    limits = _SETTINGS.parsing
    reading = ReadingLimits(pages=limits.pages, cells=limits.cells, characters=limits.characters)
    embedder = MiniLM()
    await embedder.warm()
    chunks, started, used = 0, time.perf_counter(), time.process_time()
    for number, data in enumerate(pages):
        found = chunk_document(
            Document(id=str(number)),
            await asyncio.to_thread(read_document, data, _HTML, reading),  # it has an event loop of its own
            words=_SETTINGS.chunk_tokens,
            overlap=_SETTINGS.chunk_overlap,
        )
        await embedder.embed([searchable(one) for one in found])
        chunks += len(found)
    seconds, used = time.perf_counter() - started, time.process_time() - used
    await embedder.close()
    return Figures(chunks / seconds, used * 1000 / chunks)


async def ingested(client: Client, worker: MeasuredProcess, pages: Sequence[bytes]) -> Figures:
    """Return the figures of a worker, with its parser and its broker."""
    chunks = 0

    def each(event: AuditEvent) -> None:
        nonlocal chunks
        chunks += int(str(event.details["chunks"]))

    documents = [
        Document(id=f"page-{number}", content_type=_HTML, data=b64encode(data).decode())
        for number, data in enumerate(pages)
    ]
    started, used = time.perf_counter(), worker.cpu + worker.children_cpu
    await Ingestion(each, lambda name, letter: print(name, letter.error)).run(client, documents, 300)
    seconds, used = time.perf_counter() - started, worker.cpu + worker.children_cpu - used
    return Figures(chunks / seconds, used * 1000 / chunks)


def _settings() -> Settings:
    found = worker_settings.settings(Connection("unused"), retrieval={"embedder": "minilm"})
    return Settings.model_validate({**found.model_dump(mode="json"), "broker": {"kind": "embedded"}})


async def main(options: Namespace) -> None:
    """Measure both in turn, and print."""
    settings = _settings()
    worker = await start("bench.support.worker_process", settings.model_dump_json())
    try:
        bootstrap = await worker.says("broker")
        await worker.says("ready")
        broker = settings.broker.model_copy(update={"kind": "cluster", "bootstrap_servers": bootstrap})
        found: dict[str, list[Figures]] = {"alone": [], "worker": []}
        async with connect(settings.model_copy(update={"broker": broker})) as client:
            await ingested(client, worker, [page(0, -1)])  # it starts the parser
            for turn in range(options.rounds):
                pages = [page(number, turn) for number in range(options.pages)]
                found["alone"].append(await alone(pages))
                found["worker"].append(await ingested(client, worker, pages))
    finally:
        await worker.stop()
    rows = [
        (name, median(one.rate for one in figures), median(one.cpu for one in figures))
        for name, figures in found.items()
    ]
    print(table(("", "chunks/s", "CPU ms a chunk"), rows))


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    run(main(parser.parse_args()))
