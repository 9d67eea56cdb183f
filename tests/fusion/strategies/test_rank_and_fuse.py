from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.fusion.base import Call
from app.fusion.conformance import Model, fuse
from app.fusion.strategies.rank_and_fuse import RankAndFuse, RankAndFuseOptions
from tests.fusion.panels import candidates, panel, prefers

JUDGE = prefers("z", "x", "y")


def rank_and_fuse(**options: Any) -> RankAndFuse:
    return RankAndFuse(RankAndFuseOptions(judge="big", **options))


def blender(reply: str | None, judge: Model = JUDGE) -> Model:
    def model(call: Call) -> str | None:
        return reply if call.label == "fuse" else judge(call)

    return model


def test_one_answer_is_written_from_the_best() -> None:
    fused, calls = fuse(rank_and_fuse(fuser="writer", top_k=2), panel("x", "y", "z"), blender(" all of it "))
    assert (fused.text, fused.branch, fused.confidence) == ("all of it", "", 1.0)
    assert fused.reason == "writer wrote it from the 2 that big found best of 3 distinct answers"
    assert [call.model for call in calls] == ["big"] * 6 + ["writer"]
    assert calls[-1].prompt.index(">>>\nz\n") < calls[-1].prompt.index(">>>\nx\n")
    assert ">>>\ny\n" not in calls[-1].prompt


def test_if_that_fails_the_best_is_taken_as_it_is() -> None:
    fused, _ = fuse(rank_and_fuse(), panel("x", "y", "z"), blender(None))
    assert (fused.text, fused.branch) == ("z", "c")
    assert fused.reason.startswith("big could not fuse")


def test_what_is_written_must_fit_the_schema() -> None:
    given = replace(panel('{"n": 1}', '{"n": 2}'), schema={"required": ["n"]})
    judge = prefers('{"n": 2}', '{"n": 1}')
    fused, _ = fuse(rank_and_fuse(), given, blender('{"n": 3}', judge))
    assert (fused.data, fused.branch) == ({"n": 3}, "")
    fused, _ = fuse(rank_and_fuse(), given, blender("{}", judge))
    assert (fused.text, fused.branch) == ('{"n": 2}', "b")


def test_without_a_verdict_it_is_fused_in_order() -> None:
    fused, calls = fuse(rank_and_fuse(top_k=1), panel("x", "y", order="ba"), blender("new", lambda _: None))
    assert (fused.text, fused.confidence) == ("new", None)
    assert ">>>\ny\n" in calls[-1].prompt
    assert "2 of 2 verdicts failed" in fused.reason


def test_one_answer_needs_neither() -> None:
    fused, calls = fuse(rank_and_fuse(), panel("x", "X."), None)
    assert (fused.text, calls) == ("x", [])


def test_both_models_are_named_for_the_check() -> None:
    assert rank_and_fuse().models == ("big",)
    assert rank_and_fuse(fuser="writer").models == ("big", "writer")


def test_all_answers_are_awaited() -> None:
    assert not rank_and_fuse().decided(candidates("x", "x"), 1)
    assert rank_and_fuse().decided(candidates("x"), 0)
