from __future__ import annotations

import cel
import pytest
from cel.stdlib import STDLIB_FUNCTIONS

from app.expressions.functions import BUILT_IN, KNOWN, MAX_PARTS, extensions, join, split


def test_that_every_function_is_the_languages_own_or_one_of_its_extensions() -> None:
    assert STDLIB_FUNCTIONS.keys() >= KNOWN - BUILT_IN
    assert extensions(KNOWN).keys() == KNOWN - BUILT_IN


def test_that_none_of_them_knows_the_time_or_draws_lots() -> None:
    assert not KNOWN & {"now", "random", "uuid"}


def test_that_extensions_work_as_functions_and_as_methods() -> None:
    program = cel.compile("max([1, 3]) + ' A '.trim().size()")
    assert program.execute(cel.Context({}, extensions({"max", "trim"}))) == 4


@pytest.mark.parametrize(
    ("text", "separator", "parts"), [("a,b", ",", ["a", "b"]), ("ab", "", ["a", "b"]), ("", ",", [""])]
)
def test_that_a_text_is_split(text: str, separator: str, parts: list[str]) -> None:
    assert split(text, separator) == parts


@pytest.mark.parametrize(("text", "separator"), [("," * MAX_PARTS, ","), ("x" * (MAX_PARTS + 1), "")])
def test_that_a_text_is_not_split_into_dust(text: str, separator: str) -> None:
    with pytest.raises(ValueError, match="at most 1000 parts"):
        split(text, separator)


def test_that_joining_is_bounded() -> None:
    assert join(["a", "b"], "-") == "a-b"
    with pytest.raises(ValueError, match="more than 1048576"):
        join(["a"] * 2000, "x" * 1000)
    with pytest.raises(ValueError, match="only texts"):
        join([1], "-")  # type: ignore[list-item]  # what an expression may hand over
