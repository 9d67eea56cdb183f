from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.schemas import Schema
from app.workflows.structured_output import NotJson, complaint, demand, read

ANY = Schema({}, where="w")
OBJECT: dict[str, Any] = {
    "type": "object",
    "required": ["kind"],
    "properties": {"kind": {"enum": ["refund", "question"]}},
}
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
BRACKETED = st.lists(VALUES, max_size=3) | st.dictionaries(st.text(max_size=5), VALUES, max_size=3)


@given(VALUES)
def test_that_json_is_read(value: Any) -> None:
    assert read(json.dumps(value), ANY) == value


@given(VALUES, st.sampled_from(["```json\n", "```\n", "Here you are:\n```JSON\n"]))
def test_that_json_in_a_fence_is_read(value: Any, fence: str) -> None:
    assert read(f"{fence}{json.dumps(value, indent=1)}\n```\nDone.", ANY) == value


@given(BRACKETED)
def test_that_json_within_words_is_read(value: Any) -> None:
    assert read(f"The answer is {json.dumps(value)}, as you asked.", ANY) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", "I do not know.", '{"kind": ', "{kind: refund}", "][", "NaN"),
        # What Python reads, and nobody can write again.
        *('{"kind": Infinity}', '{"kind": 1e400}'),
    ],
)
def test_that_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(NotJson, match="it is not valid JSON"):
        read(text, ANY)


def test_that_depth_without_end_is_refused() -> None:
    with pytest.raises(NotJson):
        read("[" * 100_000, ANY)


def test_that_what_does_not_fit_is_told_in_words_for_the_model() -> None:
    with pytest.raises(NotJson, match=r"kind: .*refund") as caught:
        read('{"kind": "joke"}', Schema(OBJECT, where="w"))
    message = complaint(str(caught.value))
    assert str(caught.value) in message
    assert message.startswith("That answer cannot be used: ")


def test_that_the_demand_holds_the_schema_whole_and_always_in_the_same_order() -> None:
    text = demand({**OBJECT, "description": "größer"})
    assert json.loads(text.partition("\n")[2]) == {**OBJECT, "description": "größer"}
    assert text == demand(dict(reversed([*OBJECT.items(), ("description", "größer")])))
    assert "größer" in text
