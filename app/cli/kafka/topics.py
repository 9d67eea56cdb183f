"""`meta-ai topics`: list, create and describe the topics, export and import what they hold."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from app.brokers.topics import ensure_topics
from app.cli.event_loop import run
from app.cli.kafka.exports import export_
from app.cli.kafka.imports import import_
from app.cli.options import ConfigOption, JsonOption, ServersOption
from app.cli.output import Output, write
from app.cli.target import find
from app.client.client import connect
from app.configuration import load
from app.settings import Settings
from topics import ALL
from topics.asyncapi import document
from topics.base import Topic

app = typer.Typer(no_args_is_help=True, add_completion=False)
app.command("export")(export_)
app.command("import")(import_)


@app.callback()
def topics() -> None:
    """List, create and describe the topics; export and import what they hold."""


@app.command("list")
def list_(*, config: ConfigOption = None, bootstrap_servers: ServersOption = None, as_json: JsonOption = False) -> None:
    """List the topics and their contents."""
    output = Output(programs=as_json)
    rows = run(_rows(find(config, bootstrap_servers)))
    if as_json:
        for row in rows:
            output.emit(row)
    else:
        columns = ("topic", "partitions", "events", "key", "what")
        output.table(columns, [tuple(row.values()) for row in rows], prose=("key", "what"))


@app.command()
def create(
    *, config: ConfigOption = None, bootstrap_servers: ServersOption = None, as_json: JsonOption = False
) -> None:
    """Create missing topics; existing ones are checked and left as they are."""
    settings = find(config, bootstrap_servers)
    run(_create(settings))
    if as_json:
        Output(programs=True).emit({"topics": len(ALL), "partitions": settings.topics.partitions})
        return
    Output().say(f"all {len(ALL)} topics exist, each with {settings.topics.partitions} partitions")


@app.command()
def asyncapi(
    *,
    out: Annotated[Path | None, typer.Option(help="A file to write; by default standard output.")] = None,
    config: ConfigOption = None,
) -> None:
    """Describe topics and events as an AsyncAPI 3 document."""
    settings = load(config, os.environ)
    described = document(
        prefix=settings.topics.prefix,
        server=(settings.broker.bootstrap_servers or "127.0.0.1:9092").split(",")[0],
        protocol="kafka-secure" if "SSL" in settings.broker.security.protocol else "kafka",
        partitions=settings.topics.partitions,
        replicas=settings.topics.replication,
    )
    text = json.dumps(described, ensure_ascii=False, indent=2) + "\n"
    if out is None:
        sys.stdout.write(text)
    else:
        write(out, text)


async def _create(settings: Settings) -> None:
    async with connect(settings) as client:
        await ensure_topics(client.connection, settings.topics)


async def _rows(settings: Settings) -> list[dict[str, Any]]:
    async with connect(settings) as client:
        known = await client.partitions()
        ranges = await client.bounds([topic for topic in ALL if client.full_name(topic) in known])
    events = Counter[str]()
    for place, span in ranges.items():
        events[place.topic] += span.end - span.begin
    return [_row(settings.topics.prefix + topic.name, topic, known, events) for topic in ALL]


def _row(name: str, topic: Topic[Any], known: Mapping[str, int], events: Mapping[str, int]) -> dict[str, Any]:
    # On a compacted topic, replaced events are counted until the broker has compacted them.
    return {
        "topic": name,
        "partitions": known.get(name, 0),
        "events": events.get(name, 0),
        "key": topic.key,
        "what": topic.summary,
    }
