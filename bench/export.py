"""How fast topics are exported, beside a bare consumer that writes as many bytes: `python -m bench.export`."""

from __future__ import annotations

import secrets
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

from aiokafka import TopicPartition

from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.cli.event_loop import run
from app.client.client import Client, attach
from app.exports import export, importing
from app.exports.export import Exporter
from app.exports.json_lines import write_line
from app.exports.parquet import ParquetSink
from app.exports.record import ExportedRecord
from app.exports.selection import Selection, find_ranges
from app.exports.sinks import FileSink, Sink
from app.settings import Settings, TopicSettings
from bench.support import broker
from bench.support.figures import table
from topics import MODEL_RESPONSES
from topics.model_responses import ModelResponse, Usage

_PARTITIONS = 8


async def fill(client: Client, count: int, size: int) -> None:
    """Put answers of `size` characters on the topic."""
    for number in range(count):
        task = f"t-{number}"
        event = ModelResponse(
            id=f"{task}/ask/m/1",
            task_id=task,
            step="ask",
            branch="m",
            model="m",
            text=secrets.token_hex(size // 2),
            usage=Usage(input_tokens=number, output_tokens=1),
        )
        sent = await client.send(MODEL_RESPONSES, task, event, id=f"{event.id}/response")
    await sent


async def bare(client: Client, out: Path) -> None:
    """Consume everything with aiokafka alone, and write as many bytes for each message as an export does."""
    topic = client.full_name(MODEL_RESPONSES)
    places = [TopicPartition(topic, number) for number in range(_PARTITIONS)]
    async with client.consumer() as consumer:
        consumer.assign(places)
        await consumer.seek_to_beginning()
        left = {place: end for place, end in (await consumer.end_offsets(places)).items() if end}
        with out.open("wb") as file:
            while left:
                for place, records in (await consumer.getmany(timeout_ms=100, max_records=500)).items():
                    padding = bytes(len(write_line(ExportedRecord.of(records[0]))) - len(records[0].value))
                    for record in records:
                        file.write(record.value + padding)
                    if records[-1].offset + 1 >= left.get(place, 0):
                        left.pop(place, None)


async def exported(client: Client, sink: Sink) -> None:
    """Export everything."""
    selection = Selection([client.full_name(MODEL_RESPONSES)])
    await Exporter(client, sink).run(export.begin(selection, await find_ranges(client, selection), None))
    sink.close()


async def timed(work: Awaitable[None]) -> float:
    """Return the seconds that it takes."""
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


async def measure(connection: Connection, options: Namespace) -> list[tuple[str, float, float]]:
    """Return a row for each way: messages per second, and that against the bare consumer, as medians."""
    prefix = f"export-{secrets.token_hex(3)}-"
    settings = Settings(topics=TopicSettings(prefix=prefix, partitions=_PARTITIONS))
    await ensure_topics(connection, settings.topics)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        async with attach(settings, connection) as client:
            await fill(client, options.messages, options.size)
            ways: dict[str, Callable[[], Awaitable[None]]] = {
                "bare consumer": lambda: bare(client, out / "bare"),
                "JSON lines": lambda: exported(client, FileSink(out / "lines.jsonl")),
                "JSON lines, gzip": lambda: exported(client, FileSink(out / "lines.jsonl.gz")),
                "Parquet": lambda: exported(client, ParquetSink(out / "parquet", MODEL_RESPONSES)),
            }
            seconds: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(options.repeats):
                for name, way in ways.items():
                    seconds[name].append(await timed(way()))
            count = sum(1 for _ in importing.read(out / "lines.jsonl"))
    floors = seconds["bare consumer"]
    return [
        (
            name,
            count / median(times),
            median(floor / took for floor, took in zip(floors, times, strict=True)),
        )
        for name, times in seconds.items()
    ]


async def main(options: Namespace) -> None:
    """Measure, and print."""
    async with broker.kafka(options.bootstrap) as connection:
        rows = await measure(connection, options)
    print(table(("export", "messages/s", "of the bare consumer's rate"), rows))


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    broker.add_option(parser)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=1000, help="characters of each answer's text")
    parser.add_argument("--repeats", type=int, default=5)
    run(main(parser.parse_args()))
