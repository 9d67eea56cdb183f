"""An AsyncAPI 3.0.0 document of all topics, generated from the models that the workers themselves use.

Payloads are JSON Schema draft 7, the dialect of AsyncAPI's own schema objects.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from topics import ALL
from topics.base import Topic
from topics.dead_letters import DEAD_LETTERS, PREFIX, DeadLetter

#: The version of the events' form: a field that is added raises the minor number.
VERSION = "1.5.0"
_JSON = "application/json"
_BINDING = "0.5.0"
#: What only clients send, and what only clients read; workers send tasks and signals too, to child runs.
_RECEIVED = {"documents", "definitions"}
_SENT = {"results", "feedback", "audit", "dead-letters"}
_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ce_specversion": ("CloudEvents version", {"const": "1.0"}),
    "ce_id": ("identifies this very event: sent again, it has the same id", {}),
    "ce_type": ("the event's kind", {}),
    "ce_source": ("the worker or producer", {}),
    "ce_time": ("when it was sent", {"format": "date-time"}),
    "ce_causationid": ("ce_id of the event that led to this one", {}),
    "ce_correlationid": ("the task to which it belongs", {}),
    "content-type": ("of the value", {"const": _JSON}),
    "traceparent": ("W3C trace context", {"pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"}),
}
_OPTIONAL_HEADERS = {"ce_causationid"}


class _Draft7(GenerateJsonSchema):
    """pydantic writes draft 2020-12; of what it uses for events, only tuples differ in draft 7."""

    def tuple_schema(self, schema: core_schema.TupleSchema) -> JsonSchemaValue:
        written = super().tuple_schema(schema)
        if "prefixItems" in written:
            written["items"] = written.pop("prefixItems")
        return written


def document(
    *,
    prefix: str = "",
    server: str = "127.0.0.1:9092",
    protocol: str = "kafka",
    partitions: int | None = None,
    replicas: int | None = None,
) -> dict[str, Any]:
    """Return the document, ready for `json.dumps`.

    `prefix` stands before every topic's name, `server` is host:port, `protocol` `kafka` or
    `kafka-secure`. `partitions` and `replicas` appear in the channels' bindings when given.
    """
    sizes = {"partitions": partitions, "replicas": replicas}
    return {
        "asyncapi": "3.0.0",
        "id": "urn:meta-ai-orchestrator:events",
        "info": _info(),
        "defaultContentType": _JSON,
        "servers": {"kafka": {"host": server, "protocol": protocol, "description": "The broker of the workers."}},
        "channels": {topic.name: _channel(topic, prefix, sizes) for topic in ALL},
        "operations": {name: operation for topic in ALL for name, operation in _operations(topic).items()},
        "components": {
            "messages": {_message_name(topic): _message(topic) for topic in ALL},
            "schemas": {**_payloads(), **_header_schemas()},
        },
    }


def _info() -> dict[str, Any]:
    return {
        "title": "Meta AI Orchestrator",
        "version": VERSION,
        "description": "Events of the orchestrator. Readers ignore unknown fields; fields are only ever added.",
        "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
    }


def _channel(topic: Topic[Any], prefix: str, sizes: dict[str, int | None]) -> dict[str, Any]:
    binding = {
        "topic": prefix + topic.name,
        "topicConfiguration": {"cleanup.policy": ["compact" if topic.compacted else "delete"]},
        "bindingVersion": _BINDING,
        **{name: size for name, size in sizes.items() if size is not None},
    }
    return {
        "address": prefix + topic.name,
        "summary": topic.summary,
        "messages": {_message_name(topic): _ref("messages", _message_name(topic))},
        "bindings": {"kafka": binding},
    }


def _operations(topic: Topic[Any]) -> dict[str, Any]:
    """Return what the orchestrator does with the topic: internal events it both sends and receives."""
    actions = [action for action, others in (("receive", _SENT), ("send", _RECEIVED)) if topic.name not in others]
    channel = f"#/channels/{topic.name}"
    return {
        f"{action}-{topic.name}": {
            "action": action,
            "channel": {"$ref": channel},
            "summary": topic.summary,
            "messages": [{"$ref": f"{channel}/messages/{_message_name(topic)}"}],
        }
        for action in actions
    }


def _message(topic: Topic[Any]) -> dict[str, Any]:
    name = _message_name(topic)
    message = {
        "name": topic.type,
        "title": name,
        "summary": topic.summary,
        "contentType": _JSON,
        "headers": _headers(topic),
        "payload": _ref("schemas", name),
        "bindings": {"kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": _BINDING}},
    }
    if topic is DEAD_LETTERS:
        message |= {"contentType": "application/octet-stream", "payload": {"description": "the original bytes"}}
    return message


def _headers(topic: Topic[Any]) -> dict[str, Any]:
    """Producers of tasks, signals and documents may leave all headers out; what we send ourselves has them."""
    if topic is DEAD_LETTERS:
        return _ref("schemas", "DeadLetterHeaders")
    schema: dict[str, Any] = {
        "type": "object",
        "allOf": [_ref("schemas", "EventHeaders")],
        "properties": {"ce_type": {"const": topic.type}},
    }
    if not topic.open:
        schema["required"] = [name for name in _HEADERS if name not in _OPTIONAL_HEADERS]
    return schema


def _header_schemas() -> dict[str, Any]:
    properties = {name: {"type": "string", "description": text, **more} for name, (text, more) in _HEADERS.items()}
    return {
        "EventHeaders": {
            "type": "object",
            "description": "CloudEvents 1.0 in Kafka's binary mode, and W3C trace context.",
            "properties": properties,
        },
        "DeadLetterHeaders": _dead_letter_headers(),
    }


def _dead_letter_headers() -> dict[str, Any]:
    """A dead letter is the original message with further headers, each the text of a `DeadLetter` field."""
    fields = DeadLetter.model_fields
    return {
        "type": "object",
        "description": "The original's headers, and where and why it could not be processed.",
        "properties": {PREFIX + name: {"type": "string"} for name in fields},
        "required": [PREFIX + name for name, field in fields.items() if field.is_required()],
    }


def _payloads() -> dict[str, Any]:
    _, schemas = models_json_schema(
        [(topic.event, "validation") for topic in ALL if topic is not DEAD_LETTERS],
        ref_template="#/components/schemas/{model}",
        schema_generator=_Draft7,
    )
    found: dict[str, Any] = schemas["$defs"]
    return found


def _message_name(topic: Topic[Any]) -> str:
    return topic.event.__name__


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
