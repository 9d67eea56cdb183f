from __future__ import annotations

import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes, messaging_attributes

from app.telemetry.attributes import Values, model_answer, model_call, receiving, sending

NAMES = {
    value
    for module in (gen_ai_attributes, messaging_attributes)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str)
}
ALL = [
    receiving("tasks", 3, 17, group="meta-ai", message_id="m", conversation="t"),
    sending("results", key="t", message_id="m"),
    model_call("openai", "gpt-5-mini"),
    model_call("openai", "embed", operation="embeddings"),
    model_answer(input_tokens=1, output_tokens=2, finish_reason="stop"),
]


@pytest.mark.parametrize("values", ALL)
def test_every_name_is_one_of_the_conventions(values: Values) -> None:
    assert set(values) - NAMES == set()


def test_the_fixed_values_are_those_of_the_conventions() -> None:
    operations = {one.value for one in messaging_attributes.MessagingOperationTypeValues}
    assert {values["messaging.operation.type"] for values in ALL[:2]} <= operations
    assert ALL[0]["messaging.system"] == messaging_attributes.MessagingSystemValues.KAFKA.value
    assert {values["gen_ai.operation.name"] for values in ALL[2:4]} <= {
        one.value for one in gen_ai_attributes.GenAiOperationNameValues
    }


def test_the_place_of_an_event_is_told() -> None:
    assert ALL[0]["messaging.destination.partition.id"] == "3"
    assert ALL[0]["messaging.kafka.offset"] == 17
