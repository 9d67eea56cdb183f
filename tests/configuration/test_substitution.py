from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.configuration.substitution import SecretReader, substitute
from app.source.syntax import Document, parse

ENVIRON = {"HOST": "kafka", "EMPTY": "", "TRICK": "${HOST}", "LINE": "kafka\r\n", "LINES": "a\nb\n\n", "BLANK": "\n"}


def substituted(value: Any) -> tuple[Any, list[str]]:
    document = Document({"key": value}, {(): "file"})
    substitute(document, SecretReader(ENVIRON))
    return document.value["key"], [str(problem) for problem in document.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${HOST}", "kafka"),
        ("${HOST}:9092,${HOST}-2:9092", "kafka:9092,kafka-2:9092"),
        ("${NOPE:-there}", "there"),
        ("${NOPE:-}", ""),
        ("${EMPTY}", ""),
        ("${EMPTY:-full}", "full"),
        ("$${HOST}", "${HOST}"),
        ("$$HOST and $5", "$$HOST and $5"),
        ("${TRICK}", "${HOST}"),
        ("${LINE}:9092", "kafka:9092"),  # as in a shell, the last line ends are dropped
        ("${LINES}", "a\nb"),
        ("${BLANK:-full}", "full"),
        ("${env:HOST}:9092", "kafka:9092"),
        ("${env:LINE}", "kafka"),
        ("${env:NOPE:-there}", "there"),
        ("$${env:HOST}", "${env:HOST}"),
        ("${file:/none/there:-there}", "there"),
    ],
)
def test_references_are_replaced_once(text: str, expected: str) -> None:
    assert substituted(text) == (expected, [])


def test_lists_and_mappings_are_searched_and_other_values_left() -> None:
    assert substituted({"a": ["${HOST}", 5, None], "b": True}) == ({"a": ["kafka", 5, None], "b": True}, [])


@pytest.mark.parametrize("text", ["${", "${}", "${1}", "${A B}", "${HOST", "${HOST:default}", "${file:}", "${file:/x"])
def test_a_broken_reference_is_a_problem(text: str) -> None:
    (problem,) = substituted(text)[1]
    assert problem.startswith("file: key: `${` begins no reference")


def test_an_unset_variable_is_named_with_its_line() -> None:
    document = parse("a: 1\nb:\n  - x\n  - ${NOPE}\n", "file")
    substitute(document, SecretReader({}))
    assert [str(problem) for problem in document.problems] == [
        "file:4: b.1: the environment variable NOPE is not set; set it, or write ${NOPE:-default}"
    ]


def test_a_reference_to_no_source_or_no_secret_is_a_problem() -> None:
    assert substituted("${fil:/x}")[1] == ["file: key: there is no secret source 'fil'; did you mean `file`?"]
    assert substituted("${env:NOPE}")[1] == [
        "file: key: the environment variable NOPE is not set; set it, or write ${env:NOPE:-default}"
    ]
    assert substituted("${file:/none/there}")[1] == ["file: key: /none/there cannot be read: No such file or directory"]


@given(st.text())
def test_an_escaped_text_is_what_it_was(text: str) -> None:
    if "$${" not in text:
        assert substituted(text.replace("${", "$${")) == (text, [])


@pytest.mark.parametrize(
    "text", ["$OPENAI_API_KEY", "%OPENAI_API_KEY%", "{{ OPENAI_API_KEY }}", "${{ secrets.KEY }}", "$(OPENAI_API_KEY)"]
)
def test_a_secret_that_refers_to_the_environment_in_another_way_is_a_problem(text: str) -> None:
    for key, value in (("api_key", text), ("password", text), ("api_keys", [text])):
        _, problems = substituted({key: value})
        assert len(problems) == 1
        assert text not in problems[0]
    assert "a reference to the environment is written ${NAME}" in substituted({"api_key": "$OPENAI_API_KEY"})[1][0]


@pytest.mark.parametrize("text", ["sk-$1", "$ecret", "a$OPENAI", "$$", "p%W%"])
def test_a_secret_with_a_dollar_in_it_is_taken_as_it_is(text: str) -> None:
    assert substituted({"api_key": text, "description": "$NAME"}) == ({"api_key": text, "description": "$NAME"}, [])
