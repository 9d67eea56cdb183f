"""Span attributes, by OpenTelemetry's semantic conventions for messaging on Kafka and generative AI."""

from __future__ import annotations

from typing import Literal

Values = dict[str, str | int | list[str]]


def receiving(topic: str, partition: int, offset: int, *, group: str, message_id: str, conversation: str) -> Values:
    """Describe the processing of one event; `conversation` is its correlation id, the task's."""
    return {
        **_messaging(topic, "process", message_id),
        "messaging.destination.partition.id": str(partition),
        "messaging.kafka.offset": offset,
        "messaging.consumer.group.name": group,
        "messaging.message.conversation_id": conversation,
    }


def sending(topic: str, *, key: str, message_id: str) -> Values:
    """Describe the sending of one event."""
    return {**_messaging(topic, "send", message_id), "messaging.kafka.message.key": key}


def model_call(provider: str, model: str, *, operation: Literal["chat", "embeddings"] = "chat") -> Values:
    """Describe a model call before it is made; `model` is the provider's name of the model."""
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
    }


def model_answer(*, input_tokens: int, output_tokens: int, finish_reason: str) -> Values:
    """Describe the answer of a model, for `Tracer.annotate`."""
    return {
        "gen_ai.usage.input_tokens": input_tokens,
        "gen_ai.usage.output_tokens": output_tokens,
        "gen_ai.response.finish_reasons": [finish_reason],
    }


def _messaging(topic: str, operation: str, message_id: str) -> Values:
    return {
        "messaging.system": "kafka",
        "messaging.operation.type": operation,
        "messaging.operation.name": operation,
        "messaging.destination.name": topic,
        "messaging.message.id": message_id,
    }
