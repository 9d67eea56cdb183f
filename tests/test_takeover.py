from __future__ import annotations

import secrets
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from app.brokers.base import Connection
from app.brokers.topics import InternalTopic, ensure_topics
from app.delivery.holdings import Holdings
from app.delivery.tenure import Tenure
from app.settings import ModelSettings, Settings, TopicSettings
from app.takeover import Takeover, answer_window, runs_topic
from app.workflows.run import Done, encode
from topics import MODEL_RESPONSES, RETRIEVAL_RESULTS

DONE = Done(digest="d", forget_at=2_000_000_000.0)


@pytest.fixture
def settings() -> Settings:
    return Settings(topics=TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2))


async def _write(options: dict[str, Any], topic: str, *records: dict[str, Any]) -> None:
    producer = AIOKafkaProducer(**options, acks="all")
    await producer.start()
    for record in records:
        await producer.send(topic, **record)
    await producer.stop()


async def test_that_a_new_owner_knows_the_runs_and_what_was_answered(embedded: Connection, settings: Settings) -> None:
    options = {"bootstrap_servers": embedded.bootstrap_servers, **embedded.client_options}
    await ensure_topics(embedded, settings.topics, [InternalTopic(runs_topic(settings), compacted=True)])
    await _write(
        options,
        runs_topic(settings),
        {"key": b"mine", "value": encode(DONE), "partition": 1},
        {"key": b"garbage", "value": b"{", "partition": 1},
        {"key": b"another's", "value": encode(DONE), "partition": 0},
    )
    for topic, event_id in ((MODEL_RESPONSES, b"a/response"), (RETRIEVAL_RESULTS, b"a/result")):
        name = settings.topics.prefix + topic.name
        await _write(options, name, {"value": b"any", "partition": 1, "headers": [("ce_id", event_id)]})
        await _write(options, name, {"value": b"any", "partition": 1, "headers": [("ce_id", None), ("x", b"\xff")]})
    holdings = Holdings(1, wake_at=lambda state: state.wake_at, window=answer_window(settings))

    await Takeover(settings, options).read([Tenure(1, holdings)])

    assert holdings.ready
    assert holdings.values.get("mine") == DONE
    assert holdings.values.get("garbage") is None
    assert holdings.values.get("another's") is None
    assert "a/response" in holdings.answered
    assert "a/result" in holdings.answered


def test_that_answers_are_remembered_for_longer_than_any_call_may_take() -> None:
    models = {
        "local": ModelSettings(provider="local", total_timeout=30),
        "slow": ModelSettings(provider="x", total_timeout=900),
    }
    settings = Settings(models=models)
    assert answer_window(settings) == settings.delivery.remember + 900
