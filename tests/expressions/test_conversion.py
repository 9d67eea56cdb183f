from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.expressions.conversion import MAX_CHARACTERS, JsonConverter, select
from topics.retrieval_results import Chunk

CHUNK = Chunk(id="c", document_id="d", source="s", lines=(1, 2), text="t")


def test_that_only_what_is_named_is_taken() -> None:
    context = {"input": {"a": 1, "b": {"c": 2, "d": 3}}, "steps": {"x": {"chunks": (CHUNK,)}}}
    found = select(context, [("input", "b", "c"), ("steps", "x", "chunks")])
    assert found == {"input": {"b": {"c": 2}}, "steps": {"x": {"chunks": [{**CHUNK.model_dump(), "lines": [1, 2]}]}}}


def test_that_what_is_absent_stays_absent() -> None:
    assert select({"input": {}}, [("input", "a", "b"), ("metadata", "x")]) == {"input": {}}
    assert select({"item": CHUNK}, [("item", "text"), ("item", "model_dump")]) == {"item": {"text": "t"}}


def test_that_a_way_through_something_else_than_a_mapping_ends_there() -> None:
    assert select({"input": {"a": [1]}}, [("input", "a", "b")]) == {"input": {"a": [1]}}


@pytest.mark.parametrize(
    ("value", "json"),
    [
        ({"a": [1, 2.5, True, None, "x"]}, {"a": [1, 2.5, True, None, "x"]}),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00Z"),
        (timedelta(minutes=1.5), 90.0),
    ],
)
def test_that_values_become_json(value: object, json: object) -> None:
    assert JsonConverter().of(value) == json


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (float("nan"), "yields nan"),
        (b"x", "yields bytes"),
        ({1: 2}, "the key 1"),
        ("x" * (MAX_CHARACTERS + 1), "more than 1048576 characters"),
        ([["x" * 1000]] * 1100, "more than 1048576 characters"),
    ],
)
def test_that_what_is_not_json_is_refused(value: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        JsonConverter().of(value)


def test_that_parts_can_be_made_when_they_are_asked_for() -> None:
    class Steps:
        def __getitem__(self, name: str) -> dict[str, str]:
            if name == "absent":
                raise KeyError(name)
            return {"output": name}

    assert select({"steps": Steps()}, [("steps", "a", "output"), ("steps", "absent", "output")]) == {
        "steps": {"a": {"output": "a"}}
    }
