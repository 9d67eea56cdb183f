from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.normalization import answer_form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Paris", " paris. "),
        ("**Paris**", "\u201cParis!\u201d"),
        ("New\n  York", "new york"),
        ("<think>Rome?</think>\nParis", "Paris"),
        ('<think>{"a": 2}</think>{"a": 1}', '{"a": 1.0}'),
        ("\uff11\uff12", "12"),
        ('{"b": 1, "a": [1, 2]}', ' {"a":[1,2],"b":1}'),
    ],
)
def test_what_says_the_same_has_one_form(one: str, other: str) -> None:
    assert answer_form(one) == answer_form(other)


@pytest.mark.parametrize(("one", "other"), [("Paris", "Rome"), ("1.5", "15"), ('{"a": 1}', '{"a": 2}'), ("!", "?")])
def test_what_says_something_else_has_another(one: str, other: str) -> None:
    assert answer_form(one) != answer_form(other)


def test_data_is_the_same_as_the_text_that_holds_it() -> None:
    assert answer_form("so: yes", {"b": None, "a": 1}) == answer_form('{"a": 1, "b": null}')
    assert answer_form("{not json}") == "{not json}"
    assert answer_form("[" * 100_000)


@given(st.text())
def test_the_form_of_a_form_is_itself_or_shorter(text: str) -> None:
    once = answer_form(text)
    assert len(answer_form(once)) <= len(once)
