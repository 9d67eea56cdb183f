from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.fusion.base import Candidate
from app.fusion.extraction import ExtractionOptions, extractor


def read(text: str, **options: object) -> object:
    extracted = extractor(ExtractionOptions.model_validate(options))(Candidate("a", text))
    return extracted and extracted.text


def same(one: str, other: str, **options: object) -> bool:
    reads = extractor(ExtractionOptions.model_validate(options))
    first, second = reads(Candidate("a", one)), reads(Candidate("b", other))
    assert first
    assert second
    return first.key == second.key


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("3 plus 4 is 7.", "7"),
        ("It costs $1,234.50, and no more", "1,234.50"),
        ("between 10-20", "20"),
        ("minus: -5", "-5"),
        ("a value of \u22123.5 degrees", "\u22123.5"),
        ("1.5e3 metres", "1.5e3"),
        ("x2 is 1, 2", "2"),
        ("none at all", None),
    ],
)
def test_the_last_number_is_read(text: str, number: str | None) -> None:
    assert read(text, extract="number") == number


@pytest.mark.parametrize(
    ("one", "other"), [("1,000", "1000.0"), ("-5", "\u22125"), ("1.5e3", "1500"), ("0", "-0"), ("007", "7")]
)
def test_equal_numbers_are_one_answer(one: str, other: str) -> None:
    assert same(one, other, extract="number")


def test_large_numbers_are_compared_to_the_last_digit() -> None:
    assert not same("1" * 5000 + "1", "1" * 5000 + "2", extract="number")


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("The answer is (B), as C cannot be.", "B"),
        ("**Answer: C**", "C"),
        ("I think D", "D"),
        ("b.", "b"),
        ("(c)", "c"),
        ("I'm not sure, it's none", None),
        ("the answer is apparent", None),
    ],
)
def test_the_letter_is_read(text: str, letter: str | None) -> None:
    assert read(text, extract="letter") == letter


def test_letters_are_one_in_either_case() -> None:
    assert same("b", "The answer is B", extract="letter")


def test_a_letter_is_sought_in_time_in_proportion() -> None:
    assert read("answer" + " " * 200_000 + "is" + " " * 200_000, extract="letter") is None


@pytest.mark.parametrize(
    ("text", "pattern", "found"),
    [
        ("#### 4\n#### 5", r"#### (\d+)", "5"),
        ("yes, no", "yes|no", "no"),
        ("nothing", r"\d", None),
        ("empty", "x*", None),
        ("a1 b", r"([a-z])(\d)?", "b"),
    ],
)
def test_the_last_match_of_a_pattern_is_read(text: str, pattern: str, found: str | None) -> None:
    assert read(text, pattern=pattern) == found


def test_what_a_pattern_finds_is_normalised_unless_told_otherwise() -> None:
    assert same("it is Paris", "it is PARIS", pattern="it is (.+)")
    assert not same("it is Paris", "it is PARIS", pattern="it is (.+)", exact=True)


def test_without_either_the_whole_is_read() -> None:
    assert same("The Paris.", "paris")
    assert not same("Paris.", "paris", exact=True)


def test_data_is_read_before_text() -> None:
    reads = extractor(ExtractionOptions())
    one, other = (reads(Candidate("a", text, data={"a": 1})) for text in ('{"a": 1}', '{ "a": 1.0 }'))
    assert one
    assert other
    assert one.key == other.key
    assert one == reads(Candidate("a", '{"a": 1}'))
    assert one != reads(Candidate("a", "so: yes", data={"a": 2}))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"pattern": "("}, "is not a regular expression"),
        ({"pattern": "a", "extract": "number"}, "either extract or pattern"),
        ({"keep": "extract"}, "needs extract or pattern"),
        ({"extract": "word"}, "'number' or 'letter'"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        ExtractionOptions.model_validate(options)
