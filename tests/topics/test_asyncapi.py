from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given

from app.delivery.envelope import Outgoing, headers
from tests.topics.samples import any_event
from topics import ALL
from topics.asyncapi import document
from topics.base import Event, Topic
from topics.dead_letters import DEAD_LETTERS, DeadLetter

OFFICIAL: dict[str, Any] = json.loads(Path(__file__).with_name("data").joinpath("asyncapi-3.0.0.json").read_text())
DOCUMENT = document(prefix="prod.", server="kafka:9092", partitions=8)
NAMES = [topic.name for topic in ALL]


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(inner)


def resolve(ref: str) -> Any:
    found: Any = DOCUMENT
    for part in ref.removeprefix("#/").split("/"):
        found = found[part]
    return found


def validator(schema: dict[str, Any]) -> jsonschema.Draft7Validator:
    """Return a validator of a schema in the document, whose components it may refer to."""
    return jsonschema.Draft7Validator({"components": DOCUMENT["components"], **schema})


@pytest.mark.parametrize("value", [DOCUMENT, document(), document(protocol="kafka-secure", replicas=3)])
def test_the_document_is_asyncapi_3(value: dict[str, Any]) -> None:
    jsonschema.Draft7Validator(OFFICIAL).validate(json.loads(json.dumps(value)))


def test_the_official_schema_refuses_what_is_wrong() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(OFFICIAL).validate({**DOCUMENT, "channels": {"a": {"address": 5}}})


def test_every_reference_leads_somewhere() -> None:
    refs = [node["$ref"] for node in nodes(DOCUMENT) if "$ref" in node]
    assert len(refs) > len(ALL)
    assert all(resolve(ref) is not None for ref in refs)


def test_nothing_is_left_of_a_later_draft() -> None:
    assert re.findall(r'"(\$defs|prefixItems|dependentRequired|unevaluatedProperties)"', json.dumps(DOCUMENT)) == []


@pytest.mark.parametrize("name", list(DOCUMENT["components"]["schemas"]))
def test_every_schema_is_a_schema(name: str) -> None:
    jsonschema.Draft7Validator.check_schema(DOCUMENT["components"]["schemas"][name])


@given(any_event())
def test_every_event_fits_its_payload(sample: tuple[Topic[Any], Event]) -> None:
    topic, event = sample
    payload = DOCUMENT["components"]["messages"][topic.event.__name__]["payload"]
    validator(payload).validate(json.loads(event.to_json()))


@pytest.mark.parametrize("topic", [topic for topic in ALL if topic is not DEAD_LETTERS], ids=lambda topic: topic.name)
def test_a_payload_without_its_required_fields_does_not_fit(topic: Topic[Any]) -> None:
    payload = DOCUMENT["components"]["messages"][topic.event.__name__]["payload"]
    assert not validator(payload).is_valid({})


@pytest.mark.parametrize("topic", ALL, ids=lambda topic: topic.name)
def test_the_headers_that_are_sent_fit(topic: Topic[Any]) -> None:
    outgoing = Outgoing(topic, key="t", event=Event(), id="e1")
    sent = headers(outgoing, source="meta-ai", cause=None, traceparent=f"00-{'1' * 32}-{'2' * 16}-01")
    if topic is DEAD_LETTERS:
        sent = DeadLetter(topic="tasks", partition=0, offset=1, reason="r", error="e", agent="a").headers()
    schema = validator(DOCUMENT["components"]["messages"][topic.event.__name__]["headers"])
    schema.validate({name: value.decode() for name, value in sent})
    assert not schema.is_valid({"ce_type": "other"})


@pytest.mark.parametrize("topic", ALL, ids=lambda topic: topic.name)
def test_only_producers_of_tasks_signals_and_documents_may_leave_headers_out(topic: Topic[Any]) -> None:
    headers_schema = DOCUMENT["components"]["messages"][topic.event.__name__]["headers"]
    assert validator(headers_schema).is_valid({}) == (topic.name in {"tasks", "signals", "documents"})


def test_every_topic_has_a_channel_with_the_prefix() -> None:
    channels = DOCUMENT["channels"]
    assert list(channels) == NAMES
    for name, channel in channels.items():
        assert channel["address"] == channel["bindings"]["kafka"]["topic"] == f"prod.{name}"
        assert channel["bindings"]["kafka"]["partitions"] == 8


def test_compacted_topics_say_so() -> None:
    policies = {
        name: channel["bindings"]["kafka"]["topicConfiguration"]["cleanup.policy"]
        for name, channel in DOCUMENT["channels"].items()
    }
    compacted = {"api-keys", "documents", "chunks", "definitions", "model-health"} | {"sources", "source-documents"}
    assert {name for name, policy in policies.items() if policy == ["compact"]} == compacted


def test_workers_receive_work_and_send_results() -> None:
    operations = {(one["action"], one["channel"]["$ref"].rsplit("/", 1)[1]) for one in DOCUMENT["operations"].values()}
    outside = {
        "documents": {"receive"},
        "definitions": {"receive"},
        "results": {"send"},
        "feedback": {"send"},
        "audit": {"send"},
        "dead-letters": {"send"},
    }
    for name in NAMES:
        assert {action for action, channel in operations if channel == name} == outside.get(name, {"send", "receive"})


def test_messages_are_keyed() -> None:
    assert resolve("#/components/messages/Result")["bindings"]["kafka"]["key"] == {
        "type": "string",
        "description": "task id",
    }
