from __future__ import annotations

from app.source.problems import Key, Problem, dotted, place_of, problems_error


def test_a_problem_reads_place_key_text() -> None:
    assert str(Problem("f:1", ("a", 0, "b"), "is wrong")) == "f:1: a.0.b: is wrong"
    assert str(Problem("f", (), "is wrong")) == "f: is wrong"
    assert str(Problem("", ("a",), "is wrong")) == "a: is wrong"


def test_each_problem_is_one_line_and_said_once() -> None:
    one, two = Problem("f:1", ("a",), "x"), Problem("f:2", ("b",), "y")
    assert str(problems_error([one, two, one])) == "f:1: a: x\nf:2: b: y"


def test_a_key_cannot_break_the_line() -> None:
    assert str(Problem("f:1", ("a\nb\x1b[2J", "é"), "x")) == r"f:1: a\nb\x1b[2J.é: x"


def test_no_more_than_a_screenful_is_listed() -> None:
    lines = str(problems_error(Problem(f"f:{n}", (), "x") for n in range(70))).split("\n")
    assert (len(lines), lines[-1]) == (51, "and 20 more")


def test_what_is_absent_is_placed_at_its_section() -> None:
    places: dict[Key, str] = {(): "f", ("a",): "f:3"}
    assert place_of(("a", "b", "c"), places) == "f:3"
    assert place_of(("z",), places) == "f"
    assert place_of(("z",), {}) == ""


def test_keys_are_written_with_dots() -> None:
    assert dotted(("a", 0, "b")) == "a.0.b"
    assert dotted(()) == ""
