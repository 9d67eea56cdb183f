from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.expressions.expression import Expression
from app.workflows.definition.references import Ref, cel
from app.workflows.templates.prompts import Prompt

INPUT = Ref("input")
CONTEXT = {"input": {"n": 7, "text": "some text", "tags": ["a", "b"], "yes": True}}


@pytest.mark.parametrize(
    ("reference", "source", "value"),
    [
        (INPUT.n, "input.n", 7),
        (INPUT["n"], 'input["n"]', 7),
        (INPUT.tags[1], "input.tags[1]", "b"),
        (INPUT.n == 7, "input.n == 7", True),
        (INPUT.n != 7, "input.n != 7", False),
        ((INPUT.n > 3) & (INPUT.n <= 7) & ~(INPUT.n < 1), None, True),
        ((INPUT.n >= 8) | INPUT.yes, "(input.n >= 8) || input.yes", True),
        ((INPUT.n + 1) * 2 - 4, "((input.n + 1) * 2) - 4", 12),
        (INPUT.n % 4 / 2, "(input.n % 4) / 2", 1),
        ("it is " + INPUT.text, '"it is " + input.text', "it is some text"),
        (INPUT.text.contains("text"), 'input.text.contains("text")', True),
        ((INPUT.text + "!").size(), '(input.text + "!").size()', 10),
        (~INPUT.yes, "!input.yes", False),
    ],
)
def test_that_operators_make_cel(reference: Ref, source: str | None, value: object) -> None:
    assert source in (None, cel(reference))
    assert Expression(cel(reference), where="w").evaluate(CONTEXT) == value


def test_that_a_reference_in_a_text_makes_a_template() -> None:
    assert f"Say {INPUT.text}" == "Say {{ input.text }}"
    assert Prompt(f"Say {INPUT.tags[0]}{INPUT['n']}", where="w").render(CONTEXT) == "Say a7"
    with pytest.raises(TypeError, match="compute it in a `transform` step"):
        str(INPUT.n + 1)


def test_that_python_cannot_take_a_reference_for_its_value() -> None:
    with pytest.raises(TypeError, match="combine conditions with &"):
        bool(INPUT.n == 7)
    with pytest.raises(TypeError, match="use a `map` step"):
        list(INPUT.tags)
    with pytest.raises(TypeError, match="unhashable"):
        hash(INPUT)
    with pytest.raises(AttributeError):
        INPUT._private  # noqa: B018  # that it is not there is the point


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_that_any_json_means_itself_in_cel(value: Any) -> None:
    assert Expression(cel(value), where="w").evaluate({}) == value


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}, b"x"])
def test_that_nothing_else_can_stand_there(value: object) -> None:
    with pytest.raises(TypeError, match="cannot stand in an expression"):
        cel(value)
