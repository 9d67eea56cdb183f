from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.configuration.editing import add_entry, replace_texts, texts
from app.errors import ConfigurationError
from app.source.syntax import parse

ENTRY = {"provider": "openai", "model": "gpt-5-mini", "api_key": "${OPENAI_API_KEY}"}


def _added(text: str) -> str:
    return add_entry(text, "models", "openai", ENTRY, "x.yaml")


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        ("", "", ""),
        ("app_id: x", "app_id: x\n\n", ""),
        ("# all\napp_id: x  # mine\n", "# all\napp_id: x  # mine\n\n", ""),
        (
            "models:  # those\n  a: {provider: scripted}  # first\n  # b: none\n\n# next\nask: {}\n",
            "models:  # those\n  a: {provider: scripted}  # first\n  # b: none\n",
            "\n# next\nask: {}\n",
        ),
        ("models:\n    a:\n        provider: scripted", "models:\n    a:\n        provider: scripted\n", ""),
        ("models:\n  # none yet\nask: {}\n", "models:\n  # none yet\n", "ask: {}\n"),
        (
            "models:\n  a:\n    options:\n      default: |\n        two\n        lines\n\nask: {}\n",
            "models:\n  a:\n    options:\n      default: |\n        two\n        lines\n",
            "\nask: {}\n",
        ),
    ],
)
def test_an_entry_is_added_and_all_else_stays_as_it_is(text: str, before: str, after: str) -> None:
    changed = _added(text)
    assert changed.startswith(before)
    assert changed.endswith(after)
    assert parse(changed, "x").value["models"]["openai"] == ENTRY
    assert list(parse(changed, "x").value["models"])[-1] == "openai"


@pytest.mark.parametrize("text", ["models: {}\n", "models: {a: {provider: scripted}}  # one\n", "models: {a: {},\n}\n"])
def test_an_entry_is_added_to_a_section_on_one_line(text: str) -> None:
    changed = parse(_added(text), "x").value["models"]
    assert changed == {**parse(text, "x").value["models"], "openai": ENTRY}


def test_what_is_there_already_is_not_replaced() -> None:
    with pytest.raises(ConfigurationError, match=r"models\.openai is there already"):
        _added("models: {openai: {provider: openai}}\n")


def test_a_form_that_cannot_be_added_to_is_refused_with_what_to_write() -> None:
    with pytest.raises(ConfigurationError, match="add there:\nmodels:\n  openai:"):
        _added("a: &a {x: {provider: scripted}}\nmodels: *a\n")


@given(st.dictionaries(st.text("abc-", min_size=1), st.text("abc #:\n", max_size=9), max_size=4))
def test_whatever_is_written_before_stays_the_same(others: dict[str, str]) -> None:
    text = "".join(f"x{name}: {value!r}\n" for name, value in others.items() if "'" not in value)
    before = parse(text, "x").value
    assert parse(_added(text), "x").value == {**before, "models": {"openai": ENTRY}}


def test_texts_are_replaced_in_their_places() -> None:
    text = "a: {b: 'one'}  # first\nc:\n  - two\n  - |\n    three\n  - 4\n"
    found = dict(texts(parse(text, "x").value))
    assert found == {("a", "b"): "one", ("c", 0): "two", ("c", 1): "three\n"}
    changed = replace_texts(text, {("a", "b"): 'ONE "1"', ("c", 1): "THREE"})
    assert changed == 'a: {b: "ONE \\"1\\""}  # first\nc:\n  - two\n  - "THREE"\n  - 4\n'
