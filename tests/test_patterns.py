from __future__ import annotations

import pytest

from app.patterns import LOOKED_AT, Pattern


def test_that_a_pattern_is_found_whatever_the_case_if_so_wanted() -> None:
    assert Pattern("not sure", ignore_case=True).found_in("I am NOT SURE")
    assert not Pattern("not sure").found_in("I am NOT SURE")


@pytest.mark.parametrize(
    ("source", "text", "last"),
    [
        (r"#### (\S+)", "#### 4\n#### größer", "größer"),
        ("yes|no", "yes, no", "no"),
        ("(a)?b", "ab b", "a"),
        ("x*", "xx", "xx"),
        ("z", "xx", None),
        (r"\pL+", "é ß", "ß"),
        (".", "a\ud800", "?"),
    ],
)
def test_that_the_last_match_counts(source: str, text: str, last: str | None) -> None:
    assert Pattern(source).last(text) == last


def test_that_the_last_match_is_looked_for_near_the_end() -> None:
    assert Pattern("a").last("a" + "b" * LOOKED_AT) is None
    assert Pattern("a").found_in("a" + "b" * LOOKED_AT)


@pytest.mark.parametrize("source", ["(?=a)b", "(?<!a)b", r"(a)\1"])
def test_that_what_has_no_bound_is_refused_with_the_reason(source: str) -> None:
    with pytest.raises(ValueError, match="look-ahead, look-behind and back-references are not supported"):
        Pattern(source)


@pytest.mark.parametrize("source", ["(", "[", "a{2,1}", "(a{900}){900}", "\ud800"])
def test_that_what_is_malformed_or_too_large_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="is not a regular expression that can be used: "):
        Pattern(source)
