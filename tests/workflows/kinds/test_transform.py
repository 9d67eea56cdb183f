from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.kinds.run_helpers import begun, outcome, transform
from topics import RESULTS, TASKS

NUMBERS = (
    st.integers()
    | st.integers(min_value=-(2**65), max_value=2**65)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 2**53 + 1, -0.0, 1e308, 5e-324, 1.0])
)


def _answer(value: str, **given: Any) -> str:
    """Return the answer of a task that came as bytes, as its result's bytes have it; or its error."""
    task = TASKS.parse(json.dumps({"workflow": "w", "input": given}).encode(), max_bytes=1_000_000)
    result = outcome(begun({"s": transform(value)}, task={"input": task.input}))
    written = json.loads(RESULTS.parse(result.model_dump_json().encode(), max_bytes=1_000_000).model_dump_json())
    return json.dumps(written["answer"]) if result.error is None else f"error: {result.error.message}"


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("input.n", "123456789012345678901234567890"),
        ("input", '{"n": 123456789012345678901234567890, "rows": [{"id": -18446744073709551617}, {"id": 0.1}]}'),
        ("input.rows[0].id", "-18446744073709551617"),
        ("input['rows'][1]['id']", "0.1"),
    ],
)
def test_that_a_number_that_is_handed_on_stays_itself(value: str, answer: str) -> None:
    assert _answer(value, n=123456789012345678901234567890, rows=[{"id": -(2**64) - 1}, {"id": 0.1}]) == answer


@pytest.mark.parametrize(
    "value",
    [
        "input.n + 1",
        "[input.n]",
        "{'a': input.n}",
        "string(input.n)",
        "[1].map(x, input.n)",
        "-input.n",
        "input.n > 1",
        "sum([input.n])",
    ],
)
def test_that_a_number_that_cannot_be_computed_with_is_an_error(value: str) -> None:
    said = "a number in the data has more than 64 bits; name it alone, as in `input.number`, or send it as a text"
    assert _answer(value, n=123456789012345678901234567890).endswith(said)


@pytest.mark.parametrize(
    ("value", "n"),
    [
        ("input.n + 1", 2**63 - 1),
        ("input.n * 2", 2**62),
        ("-input.n", -(2**63)),
        ("-(-9223372036854775808)", 0),
        ("input.n - 1", -(2**63)),
        ("sum([input.n, input.n])", 2**64 - 1),
        ("input.n / -1", -(2**63)),
    ],
)
def test_that_a_result_of_more_than_64_bits_is_an_error(value: str, n: int) -> None:
    assert _answer(value, n=n).endswith("the result has more than 64 bits; convert with double(x) first")


@given(NUMBERS)
def test_that_no_number_changes_in_silence(number: float) -> None:
    for value in ("input.n", "input", "[input.n][0]", "{'a': input.n}.a", "[input.n].map(x, x)[0]", "min([input.n])"):
        answer = _answer(value, n=number)
        if answer.startswith("error"):
            assert isinstance(number, int) and abs(number) > 2**63 - 1  # noqa: PT018  # neither is known to fail alone
            continue
        found = json.loads(answer)
        found = found["n"] if value == "input" else found
        assert (repr(found), type(found)) == (repr(number), type(number))


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1), st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_that_what_is_computed_is_right_or_an_error(one: int, other: int) -> None:
    for value, right in (
        ("input.a + input.b", one + other),
        ("input.a - input.b", one - other),
        ("input.a * input.b", one * other),
        ("-input.a", -one),
        ("sum([input.a, input.b])", one + other),
    ):
        answer = _answer(value, a=one, b=other)
        assert answer == str(right) or (answer.startswith("error") and abs(right) >= 2**63)


@pytest.mark.parametrize("number", ["1e400", "-1e400"])
def test_that_a_number_beyond_measure_is_never_another(number: str) -> None:
    try:
        task = TASKS.parse(f'{{"workflow": "w", "input": {{"n": {number}}}}}'.encode(), max_bytes=1000)
    except Exception:  # noqa: BLE001  # refused at the door
        return
    error = outcome(begun({"s": transform("input.n")}, task={"input": task.input})).error
    assert error is not None
    assert "which JSON cannot represent" in error.message
