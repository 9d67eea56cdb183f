from __future__ import annotations

from typing import Any

from app.fusion.base import Candidate, Fused, Panel
from app.fusion.strategies.concat import Concat, ConcatOptions
from tests.fusion.panels import panel


def concat(given: Panel, **options: Any) -> Fused:
    return Concat(ConcatOptions(**options)).fuse(given)


def test_all_answers_stand_under_their_branches_in_order() -> None:
    fused = concat(panel("Lyon", "Paris", order=["b", "a"]))
    assert fused.text == "## b\n\nParis\n\n## a\n\nLyon"
    assert (fused.branch, fused.data, fused.agreement) == ("", None, 0.5)
    assert fused.reason == "all 2 answers"


def test_a_separator_alone() -> None:
    assert concat(panel("x", "y"), heading="", separator="\n---\n").text == "x\n---\ny"


def test_one_bare_answer_is_still_its_branch_s() -> None:
    assert concat(panel("x"), heading="").branch == "a"
    assert concat(panel("x")).branch == ""


def test_equal_answers_can_stand_once() -> None:
    fused = concat(panel("x", "y", "x", "x."), distinct=True, heading="{number}. {branch}:")
    assert fused.text == "1. a, c:\n\nx\n\n2. b:\n\ny\n\n3. d:\n\nx."
    assert fused.groups == (("a", "c", "d"), ("b",))
    assert fused.reason == "all 4 answers, 3 of them distinct"


def test_a_heading_is_no_format_string() -> None:
    pool = [Candidate("{model}", "x", model="m")]
    assert concat(Panel(pool), heading="{branch.__class__} {model} {branch}").text.startswith(
        "{branch.__class__} m {model}"
    )


def test_data_is_listed_when_all_have_it() -> None:
    pool = [Candidate("a", "[1]", data=[1]), Candidate("b", "{}", data={})]
    assert concat(Panel(pool, "ba")).data == [{}, [1]]
    assert concat(Panel([*pool, Candidate("c", "no")])).data is None


def test_all_answers_are_awaited() -> None:
    strategy = Concat(ConcatOptions())
    assert not strategy.decided([Candidate("a", "x")], 1)
    assert strategy.decided([Candidate("a", "x")], 0)
