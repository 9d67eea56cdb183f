"""How long a worker takes to know what was answered in the partitions it is given: `python -m bench.restoration`.

Answers of a few kilobytes are put on `model-responses`, as many in each second as in any other, with the checkpoints
that their owner writes; then a new owner reads them back, once from the answers alone, as if there were no checkpoints,
and once with these. What was answered in the last second is in none of them.
"""

from __future__ import annotations

import secrets
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from statistics import median
from typing import Any

from aiokafka import AIOKafkaProducer

from app.brokers.base import Connection
from app.brokers.topics import InternalTopic, ensure_topics
from app.cli.event_loop import run
from app.delivery.assignment.assignment import PartitionAssignment
from app.delivery.state.answered_requests import AnsweredRequests
from app.delivery.state.partition_state import PartitionState
from app.settings import Settings, TopicSettings
from app.worker.restoration import StateRestorer, new_partition_state, runs_topic
from bench.support import broker
from bench.support.figures import table
from topics import MODEL_RESPONSES
from topics.model_responses import ModelResponse

_PARTITIONS = 8


async def answer(options: Mapping[str, Any], settings: Settings, *, count: int, size: int, seconds: int) -> None:
    """Put so many answers of `size` bytes on the topic, as of the last `seconds`, with a checkpoint for each second."""
    topic, begin = settings.topics.prefix + MODEL_RESPONSES.name, time.time() - seconds
    owners = [AnsweredRequests(3600.0) for _ in range(_PARTITIONS)]
    async with AIOKafkaProducer(**options, acks="all", max_batch_size=512 * 1024, linger_ms=5) as producer:
        for second in range(seconds):
            at, numbers = begin + second, range(count * second // seconds, count * (second + 1) // seconds)
            sent = [(number, await _send(producer, topic, number, size, at)) for number in numbers]
            for number, future in sent:
                place = await future
                owners[place.partition].acknowledged(_id(number), topic, place.offset, at)
            if second < seconds - 1:
                for partition, answered in enumerate(owners):
                    await _write_down(producer, settings, partition, answered, at)
        await producer.flush()


async def _send(producer: AIOKafkaProducer, topic: str, number: int, size: int, at: float) -> Any:
    task, text = f"t-{number}", secrets.token_hex(size // 2)
    response = ModelResponse(id=f"{task}/ask/m/1", task_id=task, step="ask", branch="m", model="m", text=text)
    headers = [("ce_id", _id(number).encode())]
    return await producer.send(
        topic,
        response.to_json(),
        key=response.task_id.encode(),
        partition=number % _PARTITIONS,
        timestamp_ms=int(at * 1000),
        headers=headers,
    )


def _id(number: int) -> str:
    return f"t-{number}/ask/m/1/response"


async def _write_down(
    producer: AIOKafkaProducer, settings: Settings, partition: int, answered: AnsweredRequests, at: float
) -> None:
    if checkpoint := answered.checkpoint(at):
        for key, value in checkpoint.records(at):
            when = int(at * 1000)
            await producer.send(runs_topic(settings), value, key=key.encode(), partition=partition, timestamp_ms=when)
        answered.written(checkpoint, at)


async def restore(options: Mapping[str, Any], settings: Settings, *, checkpoints: bool) -> tuple[float, int]:
    """Return the seconds until a new owner of all partitions knows what was answered, and how many answers it knows."""
    own = settings if checkpoints else settings.model_copy(update={"app_id": f"{settings.app_id}-without"})
    partition_state = [new_partition_state(own, number) for number in range(_PARTITIONS)]
    started = time.perf_counter()
    await StateRestorer(own, options).read(
        [PartitionAssignment(number, held) for number, held in enumerate(partition_state)]
    )
    return time.perf_counter() - started, _known(partition_state)


def _known(partition_state: list[PartitionState]) -> int:
    return sum(len(held.answered) for held in partition_state)


async def measure(connection: Connection, options: Namespace) -> list[tuple[Any, ...]]:
    """Return a row for each number of answers."""
    rows: list[tuple[Any, ...]] = []
    for count in options.answers:
        prefix = f"restoration-{secrets.token_hex(3)}-"
        settings = Settings(app_id=f"{prefix}app", topics=TopicSettings(prefix=prefix, partitions=_PARTITIONS))
        internal = [
            InternalTopic(name, compacted=True) for name in (runs_topic(settings), f"{prefix}{prefix}app-without-runs")
        ]
        await ensure_topics(connection, settings.topics, internal)
        client = connection.options
        await answer(client, settings, count=count, size=options.size, seconds=options.seconds)
        found = {
            with_checkpoints: [
                await restore(client, settings, checkpoints=with_checkpoints) for _ in range(options.repeats)
            ]
            for with_checkpoints in (False, True)
        }
        seconds = [f"{median(took for took, _ in found[key]):.2f}" for key in (False, True)]
        rows.append((count, *seconds, min(known for key in found for _, known in found[key])))
    return rows


async def main(options: Namespace) -> None:
    """Measure, and print."""
    async with broker.kafka(options.bootstrap) as connection:
        rows = await measure(connection, options)
    print(table(("answers", "without checkpoints s", "with checkpoints s", "answers known"), rows))


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    broker.add_option(parser)
    parser.add_argument("--answers", type=int, nargs="+", default=[1000, 100_000])
    parser.add_argument("--size", type=int, default=4000, help="bytes of each answer's text")
    parser.add_argument("--seconds", type=int, default=500, help="for how long they were made")
    parser.add_argument("--repeats", type=int, default=3)
    run(main(parser.parse_args()))
