"""The consumer group of the workers: its members, what they own, and their progress."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from app.client.client import Client, OffsetRange
from topics import CONSUMED


@dataclass(frozen=True, slots=True)
class TopicProgress:
    """The progress on one topic: the events received, finished, and waiting or in progress."""

    topic: str
    events: int
    finished: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Worker:
    """A member of the group: the host that it connects from, and the partitions that it owns of each topic."""

    member: str
    host: str
    partitions: Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class ConsumerGroup:
    """The group with the ids of its members."""

    id: str
    state: str
    members: tuple[str, ...]
    workers: tuple[Worker, ...]
    topics: tuple[TopicProgress, ...]


async def inspect(client: Client) -> ConsumerGroup:
    """Return the group as the broker reports it."""
    admin = await client.admin()
    name = client.settings.app_id
    described = (await admin.describe_consumer_groups([name]))[0].groups[0]
    # By the protocol: error, group, state, protocol type, protocol, members (each: id, client id, host, …).
    state, members = described[2], described[5]
    bounds = await client.bounds(CONSUMED)
    workers = sorted(map(_worker, members), key=lambda worker: worker.member)
    if len(workers) == 1 and not members[0][4]:
        workers = [_only_worker(client, workers[0], bounds)]
    return ConsumerGroup(
        id=name,
        state=str(state),
        members=tuple(worker.member for worker in workers),
        workers=tuple(workers),
        topics=await progress(client),
    )


async def progress(client: Client) -> tuple[TopicProgress, ...]:
    """Return how far the workers are on each topic that they read, whether they run or not.

    Raises:
        BrokerError: the topics do not exist, or the broker fails.
    """
    bounds = await client.bounds(CONSUMED)
    committed = await client.committed(client.settings.app_id, bounds)
    return tuple(_progress(client.full_name(topic), bounds, committed) for topic in CONSUMED)


def ranges(partitions: Iterable[int]) -> str:
    """Return numbers in short, as in `0-3, 7`."""
    runs = [
        [number for _, number in run] for _, run in groupby(enumerate(sorted(partitions)), lambda one: one[1] - one[0])
    ]
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _worker(member: Sequence[Any]) -> Worker:
    owned: dict[str, tuple[int, ...]] = {}
    for topic, partitions in _assignment(member[4]):
        owned[topic] = tuple(sorted(partitions))
    # Java's brokers write a host as InetAddress does, with a slash before the address.
    return Worker(str(member[0]), str(member[2]).lstrip("/"), dict(sorted(owned.items())))


def _only_worker(client: Client, worker: Worker, places: Iterable[Any]) -> Worker:
    """Return the worker of an embedded broker, which says nothing of its one member: it is beside it, and owns all."""
    owned: dict[str, list[int]] = {}
    for place in sorted(places):
        owned.setdefault(place.topic, []).append(place.partition)
    return Worker(worker.member, client.connection.bootstrap_servers.partition(":")[0], owned)


def _assignment(data: bytes) -> Iterator[tuple[str, Sequence[int]]]:
    """Yield what a member owns; nothing while the group is being rebalanced."""
    if data:
        yield from ConsumerProtocolMemberAssignment.decode(data).assignment


def _progress(topic: str, bounds: Mapping[Any, OffsetRange], committed: Mapping[Any, int]) -> TopicProgress:
    own = {place: span for place, span in bounds.items() if place.topic == topic}
    events = sum(span.end - span.begin for span in own.values())
    finished = sum(max(committed.get(place, 0), span.begin) - span.begin for place, span in own.items())
    return TopicProgress(topic, events, finished, events - finished)
