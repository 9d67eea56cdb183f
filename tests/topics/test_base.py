from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidEvent
from tests.topics.samples import any_event
from topics import ALL
from topics.base import Event, Topic
from topics.tasks import TASKS

LIMIT = 1024 * 1024
REASONS = {"null_value", "too_large", "not_utf8", "not_json", "invalid"}
Sample = tuple[Topic[Any], Event]


@given(any_event())
def test_every_event_is_read_back_as_it_was_written(sample: Sample) -> None:
    topic, event = sample
    assert topic.parse(event.to_json(), max_bytes=LIMIT) == event


@given(any_event(), st.dictionaries(st.text(max_size=5).map("x-".__add__), st.integers(), min_size=1))
def test_unknown_fields_are_ignored(sample: Sample, unknown: dict[str, int]) -> None:
    topic, event = sample
    later = json.dumps({**json.loads(event.to_json()), **unknown}).encode()
    assert topic.parse(later, max_bytes=LIMIT) == event


@given(any_event())
def test_absent_fields_are_not_written(sample: Sample) -> None:
    _, event = sample
    written = json.loads(event.to_json())
    assert set(written) == {name for name in type(event).model_fields if getattr(event, name) is not None}


@pytest.mark.parametrize(
    ("value", "reason", "words"),
    [
        (None, "null_value", "an event on tasks needs a JSON object"),
        (b"x" * 65, "too_large", "65 bytes are more than delivery.max_event_bytes allows (64)"),
        (b'{"input": {"a": "\xff"}}', "not_utf8", "invalid start byte at byte 17"),
        (b"{", "not_json", "Invalid JSON"),
        (b"", "not_json", "Invalid JSON"),
        (b"null", "invalid", "value: "),
        (b"[]", "invalid", "value: "),
        (b"{}", "invalid", "input: Field required"),
        (b'{"input": {}, "metadata": {"a": 1}}', "invalid", "metadata.a: "),
        (b'{"input": {}, "id": ""}', "invalid", "id: "),
    ],
)
def test_bad_bytes_have_a_reason_and_a_sentence(value: bytes | None, reason: str, words: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        TASKS.parse(value, max_bytes=64)
    assert caught.value.reason == reason
    assert words in str(caught.value)


def test_the_reason_never_repeats_the_value() -> None:
    with pytest.raises(InvalidEvent) as caught:
        TASKS.parse(b'{"input": {}, "metadata": {"a": ["sk-secret"]}}', max_bytes=LIMIT)
    assert "sk-secret" not in str(caught.value)


@given(st.sampled_from(ALL), st.binary() | st.text().map(str.encode) | st.from_regex(rb'\{"input": ?.{1,9}\}'))
def test_any_bytes_are_an_event_or_invalid(topic: Topic[Any], value: bytes) -> None:
    try:
        assert isinstance(topic.parse(value, max_bytes=50), topic.event)
    except InvalidEvent as error:
        assert error.reason in REASONS  # noqa: PT017  # either outcome is right


def test_deep_nesting_is_invalid_and_nothing_worse() -> None:
    with pytest.raises(InvalidEvent):
        TASKS.parse(b'{"input": {"a": ' + b"[" * 100_000, max_bytes=LIMIT)


def test_topics_and_kinds_are_named_once() -> None:
    assert len({topic.name for topic in ALL}) == len({topic.type for topic in ALL}) == len(ALL)
