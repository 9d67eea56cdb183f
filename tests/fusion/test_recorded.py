from __future__ import annotations

import pytest

from app.errors import ConfigurationError
from app.fusion.recorded import fuse_recorded
from topics.base import Failure
from topics.results import Candidate

RECORDED = [
    Candidate(branch="a", model="big", text="Lyon", chosen=True),
    Candidate(branch="b", model="small", text="Paris."),
    Candidate(branch="c", model="tiny", error=Failure(code="timeout", message="too slow")),
    Candidate(branch="d", model="tiny", text="paris"),
]


def test_recorded_answers_are_fused_with_another_strategy() -> None:
    fused = fuse_recorded(RECORDED, "vote")
    assert (fused.text, fused.branch, fused.groups) == ("Paris.", "b", (("b", "d"), ("a",)))


def test_options_and_models_count() -> None:
    assert fuse_recorded(RECORDED, "weighted", {"weights": {"big": 5}}).branch == "a"


def test_consensus_goes_by_equal_text_and_says_so() -> None:
    fused = fuse_recorded(RECORDED, "consensus")
    assert fused.branch == "b"
    assert "embeddings are missing" in fused.reason


def test_json_is_compared_as_json() -> None:
    texts = ['{"a": 1, "b": 2}', '{"a": 3}', '{"b": 2.0, "a": 1.0}']
    recorded = [Candidate(branch=str(place), model="m", text=text) for place, text in enumerate(texts)]
    fused = fuse_recorded(recorded, "vote")
    assert (fused.branch, fused.data, fused.groups) == ("0", {"a": 1, "b": 2}, (("0", "2"), ("1",)))


def test_a_number_stays_a_text() -> None:
    assert fuse_recorded([Candidate(branch="a", model="m", text="7")], "vote").data is None


def test_a_strategy_that_needs_a_model_is_refused_and_the_others_named() -> None:
    with pytest.raises(ConfigurationError) as raised:
        fuse_recorded(RECORDED, "best-of-n", {"judge": "big"})
    assert str(raised.value) == (
        "best-of-n needs a model, which recorded answers are fused without; "
        "these need none: concat, consensus, first, json-merge, vote, weighted"
    )


def test_where_its_model_is_not_needed_it_is_not_refused() -> None:
    assert fuse_recorded(RECORDED[1:], "best-of-n", {"judge": "big"}).branch == "b"


def test_nothing_cannot_be_fused() -> None:
    with pytest.raises(ConfigurationError, match="no recorded candidate has an answer"):
        fuse_recorded(RECORDED[2:3], "vote")
