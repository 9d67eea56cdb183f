"""The consumer group of the workers: its members and their progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.cli.kafka.client import Client, OffsetRange
from topics import CONSUMED


@dataclass(frozen=True, slots=True)
class TopicProgress:
    """The progress on one topic: the events received, finished, and waiting or in progress."""

    topic: str
    events: int
    finished: int
    waiting: int


@dataclass(frozen=True, slots=True)
class ConsumerGroup:
    """The group with the ids of its members."""

    id: str
    state: str
    members: tuple[str, ...]
    topics: tuple[TopicProgress, ...]


async def inspect(client: Client) -> ConsumerGroup:
    """Return the group as the broker reports it."""
    admin = await client.admin()
    name = client.settings.app_id
    described = (await admin.describe_consumer_groups([name]))[0].groups[0]
    # By the protocol: error, group, state, protocol type, protocol, members (each: id, client id, host, …).
    state, members = described[2], described[5]
    bounds = await client.bounds(CONSUMED)
    committed = await client.committed(name, bounds)
    return ConsumerGroup(
        id=name,
        state=str(state),
        members=tuple(sorted(str(member[0]) for member in members)),
        topics=tuple(_progress(client.full_name(topic), bounds, committed) for topic in CONSUMED),
    )


def _progress(topic: str, bounds: Mapping[Any, OffsetRange], committed: Mapping[Any, int]) -> TopicProgress:
    own = {place: span for place, span in bounds.items() if place.topic == topic}
    events = sum(span.end - span.begin for span in own.values())
    finished = sum(max(committed.get(place, 0), span.begin) - span.begin for place, span in own.items())
    return TopicProgress(topic, events, finished, events - finished)
