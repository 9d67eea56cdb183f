"""Create the topics before anyone subscribes: Faust never picks up a topic that is created later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from app.brokers.base import Connection
from app.errors import BrokerError
from app.settings import TopicOverride, TopicSettings
from topics import ALL, DEAD_LETTERS
from topics.base import Topic

# The headers in which a dead letter describes its error, beside the original message.
_DEAD_LETTER_HEADERS = 1024 * 1024
_LEADER_SECONDS = 30.0


@dataclass(frozen=True)
class InternalTopic:
    """A topic without an event model; `name` is its full name, including the prefix."""

    name: str
    compacted: bool = False
    config: Mapping[str, str] = field(default_factory=dict)


def topic_name(settings: TopicSettings, topic: Topic[Any]) -> str:
    """Return the topic's name on the broker."""
    return settings.prefix + topic.name


async def ensure_topics(connection: Connection, settings: TopicSettings, extra: Sequence[InternalTopic] = ()) -> None:
    """Create missing topics of the public ones and `extra`, and return when each partition has a leader.

    Several workers may do this concurrently. The configuration of an existing topic is left as its operator set it.

    Raises:
        BrokerError: the broker refuses, or a topic exists with another number of partitions.
    """
    wanted = [*expected_topics(settings), *(_internal(settings, topic) for topic in extra)]
    try:
        async with _admin(connection) as admin:
            # Created before any request about them: one about an absent topic makes Tansu create it its own way.
            await _create(admin, wanted)
            await _await_leaders(admin, {topic.name for topic in wanted}, settings)
    except KafkaError as error:
        raise BrokerError(f"cannot create the topics at {connection.bootstrap_servers}: {error!r}") from None


def expected_topics(settings: TopicSettings) -> list[NewTopic]:
    """Return the public topics as they are created with these settings."""
    return [_public(settings, topic) for topic in ALL]


@asynccontextmanager
async def _admin(connection: Connection) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**connection.options)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


def _public(settings: TopicSettings, topic: Topic[Any]) -> NewTopic:
    own = settings.overrides.get(topic.name, TopicOverride())
    compacted = topic.compacted if own.compact is None else own.compact
    config = {"max.message.bytes": str(_max_bytes(settings, topic)), **_cleanup(settings, own, compacted=compacted)}
    return _new(settings, topic_name(settings, topic), config)


def _max_bytes(settings: TopicSettings, topic: Topic[Any]) -> int:
    if topic is not DEAD_LETTERS:
        return settings.max_bytes_of(topic.name)
    return max(settings.max_bytes_of(other.name) for other in ALL) + _DEAD_LETTER_HEADERS


def _cleanup(settings: TopicSettings, own: TopicOverride, *, compacted: bool) -> dict[str, str]:
    """Return the cleanup configuration; a compacted topic also deletes by age only when told so."""
    if compacted and own.retention is None:
        return {"cleanup.policy": "compact"}
    retention = settings.retention if own.retention is None else own.retention
    policy = "compact,delete" if compacted else "delete"
    return {"cleanup.policy": policy, "retention.ms": str(round(retention * 1000))}


def _internal(settings: TopicSettings, topic: InternalTopic) -> NewTopic:
    config = {
        "max.message.bytes": str(settings.max_message_bytes),
        **_cleanup(settings, TopicOverride(), compacted=topic.compacted),
        **topic.config,
    }
    return _new(settings, topic.name, config)


def _new(settings: TopicSettings, name: str, config: dict[str, str]) -> NewTopic:
    return NewTopic(name, settings.partitions, settings.replication, topic_configs=config)


async def _create(admin: AIOKafkaAdminClient, wanted: Iterable[NewTopic]) -> None:
    response = await admin.create_topics(list(wanted))
    for name, code, message in response.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            reason = message or for_code(code).__name__
            raise BrokerError(f"the broker refuses to create the topic {name}: {reason}")


async def _await_leaders(admin: AIOKafkaAdminClient, names: set[str], settings: TopicSettings) -> None:
    try:
        async with asyncio.timeout(_LEADER_SECONDS):
            while missing := _without_leader(await admin.describe_topics(sorted(names)), settings):  # noqa: ASYNC110  # the broker sends no notification
                await asyncio.sleep(0.05)
    except TimeoutError:
        problem = f"no leader elected for these topics within {_LEADER_SECONDS:g} s: {', '.join(missing)}"
        raise BrokerError(problem) from None


def _without_leader(described: Iterable[Mapping[str, Any]], settings: TopicSettings) -> list[str]:
    without = []
    for topic in described:
        partitions = topic["partitions"]
        if topic["error_code"] or any(part["error_code"] or part["leader"] < 0 for part in partitions):
            without.append(topic["topic"])
        elif len(partitions) != settings.partitions:
            raise BrokerError(
                f"the topic {topic['topic']} has {len(partitions)} partitions, but topics.partitions is "
                f"{settings.partitions}; set it to {len(partitions)}, or choose another topics.prefix"
            )
    return without
