from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing.normalization import normalized


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Paris", " paris. "),
        ("**Paris**", "\u201cParis!\u201d"),
        ("New\n  York", "new york"),
        ("\uff11\uff12", "12"),
        ('{"b": 1, "a": [1, 2]}', ' {"a":[1,2],"b":1}'),
    ],
)
def test_what_says_the_same_has_one_form(one: str, other: str) -> None:
    assert normalized(one) == normalized(other)


@pytest.mark.parametrize(("one", "other"), [("Paris", "Rome"), ("1.5", "15"), ('{"a": 1}', '{"a": 2}'), ("!", "?")])
def test_what_says_something_else_has_another(one: str, other: str) -> None:
    assert normalized(one) != normalized(other)


def test_data_is_the_same_as_the_text_that_holds_it() -> None:
    assert normalized("so: yes", {"b": None, "a": 1}) == normalized('{"a": 1, "b": null}')
    assert normalized("{not json}") == "{not json}"
    assert normalized("[" * 100_000)


@given(st.text())
def test_the_form_of_a_form_is_itself_or_shorter(text: str) -> None:
    once = normalized(text)
    assert len(normalized(once)) <= len(once)
