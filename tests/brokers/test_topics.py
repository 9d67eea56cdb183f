from __future__ import annotations

import pytest

from app.brokers import topics as creation
from app.brokers.base import Connection
from app.brokers.ports import LOOPBACK, free_port
from app.brokers.topics import InternalTopic, ensure_topics, topic_name
from app.errors import BrokerError
from app.settings import TopicOverride, TopicSettings
from topics import DEAD_LETTERS, DOCUMENTS, TASKS


def test_the_prefix_is_part_of_the_name() -> None:
    assert topic_name(TopicSettings(prefix="eu."), DEAD_LETTERS) == "eu.dead-letters"


def test_what_is_compacted_does_not_go_by_age() -> None:
    assert creation._public(TopicSettings(), DOCUMENTS).topic_configs["cleanup.policy"] == "compact"
    assert "retention.ms" not in creation._public(TopicSettings(), DOCUMENTS).topic_configs


def test_retention_is_in_milliseconds() -> None:
    made = creation._public(TopicSettings(retention=90.5), TASKS)
    assert made.topic_configs["cleanup.policy"] == "delete"
    assert made.topic_configs["retention.ms"] == "90500"


def test_a_dead_letter_holds_the_largest_message_and_its_headers() -> None:
    large = TopicOverride(max_message_bytes=18_000_000)
    settings = TopicSettings(max_message_bytes=2048, overrides={"documents": large})
    assert creation._max_bytes(settings, TASKS) == 2048
    assert creation._max_bytes(settings, DOCUMENTS) == 18_000_000
    assert creation._max_bytes(settings, DEAD_LETTERS) == 18_000_000 + 1024 * 1024


def test_an_internal_topics_own_configuration_wins() -> None:
    topic = InternalTopic("eu.runs", compacted=True, config={"segment.ms": "1", "max.message.bytes": "5"})
    made = creation._internal(TopicSettings(prefix="eu.", partitions=4), topic)
    assert (made.name, made.num_partitions) == ("eu.runs", 4)
    assert made.topic_configs == {"cleanup.policy": "compact", "segment.ms": "1", "max.message.bytes": "5"}


async def test_no_broker_is_a_broker_error() -> None:
    with pytest.raises(BrokerError, match="cannot create the topics at"):
        await ensure_topics(Connection(f"{LOOPBACK}:{free_port()}"), TopicSettings())
