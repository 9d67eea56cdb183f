from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from app.fusion.base import Call
from app.fusion.conformance import fuse
from app.fusion.strategies.synthesize import Synthesize, SynthesizeOptions
from tests.fusion.panels import candidates, panel, says


def synthesize(**options: Any) -> Synthesize:
    return Synthesize(SynthesizeOptions(aggregator="big", **options))


LAYERS: dict[str, Any] = {"layers": 3, "proposers": ("p", "q")}


def test_one_answer_is_written_from_all() -> None:
    fused, calls = fuse(synthesize(temperature=0.5, max_tokens=9), panel("x", "y", "Y"), says("both"))
    assert (fused.text, fused.branch) == ("both", "")
    assert fused.agreement == pytest.approx(2 / 3)
    assert fused.reason == "big wrote it from 3 answers"
    assert [(call.label, call.temperature, call.max_tokens) for call in calls] == [("aggregate", 0.5, 9)]
    assert all(f">>>\n{text}\n<<<END" in calls[0].prompt for text in ("x", "y", "Y"))


def test_each_layer_sees_all_answers_of_the_layer_before() -> None:
    fused, calls = fuse(synthesize(**LAYERS), panel("x", "y"), lambda call: f"by {call.label}")
    assert [call.label for call in calls] == ["layer 2 p", "layer 2 q", "layer 3 p", "layer 3 q", "aggregate"]
    assert all(">>>\nx\n" in call.prompt and ">>>\ny\n" in call.prompt for call in calls[:2])
    assert all("by layer 2 p" in call.prompt and "by layer 2 q" in call.prompt for call in calls[2:4])
    assert "by layer 3 q" in calls[4].prompt
    assert "by layer 2" not in calls[4].prompt
    assert fused.reason == "big wrote it from 2 answers of layer 3"


def test_a_proposer_that_fails_is_gone_without_and_told() -> None:
    def model(call: Call) -> str | None:
        return None if call.model == "p" else call.label

    fused, calls = fuse(synthesize(**LAYERS), panel("x", "y"), model)
    assert (fused.text, fused.reason) == ("aggregate", "big wrote it from 1 answers of layer 3; 2 proposals failed")
    assert ">>>\nlayer 3 q\n" in calls[-1].prompt


def test_if_a_whole_layer_fails_the_answers_before_go_on() -> None:
    def model(call: Call) -> str | None:
        return None if call.model in "pq" else "new"

    fused, calls = fuse(synthesize(**LAYERS), panel("x", "y"), model)
    assert ">>>\nx\n" in calls[-1].prompt
    assert "4 proposals failed" in fused.reason


def test_if_the_aggregator_fails_the_most_frequent_answer_is_taken() -> None:
    fused, _ = fuse(synthesize(), panel("x", "y", "Y"), says(None))
    assert (fused.text, fused.branch) == ("y", "b")
    assert fused.reason == "big could not fuse, so answers were counted; 2 of 3 gave this answer"


def test_one_answer_needs_no_model() -> None:
    fused, calls = fuse(synthesize(**LAYERS), panel("x", "X."), None)
    assert (fused.text, calls) == ("x", [])


def test_all_models_are_named_for_the_check() -> None:
    assert synthesize(layers=2, proposers=("p", "big")).models == ("p", "big")


@pytest.mark.parametrize("options", [{"layers": 2}, {"proposers": ["p"]}, {"layers": 2, "proposers": ["p", "p"]}])
def test_layers_and_proposers_must_fit(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="proposers"):
        SynthesizeOptions.model_validate({"aggregator": "big", **options})


def test_all_answers_are_awaited() -> None:
    assert not synthesize().decided(candidates("x", "x"), 1)
    assert synthesize().decided(candidates("x"), 0)
