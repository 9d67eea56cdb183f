from __future__ import annotations

import numpy as np
import pytest

from app.retrieval.evaluation.measures import MRR, NDCG, RECALL, interval, measure, significance

JUDGMENTS = {"q2": {"a": 1, "b": 1}, "q1": {"a": 2, "b": 1, "c": 0}}


def test_each_query_is_measured_in_the_order_of_the_judgments() -> None:
    found = measure(JUDGMENTS, {"q1": ["c", "b", "a"], "q2": ["a", "b"]})
    assert found[NDCG] == pytest.approx([1, (1 / np.log2(3) + 2 / 2) / (2 + 1 / np.log2(3))])
    assert found[RECALL] == pytest.approx([1, 1])
    assert found[MRR] == pytest.approx([1, 1 / 2])


def test_a_query_that_found_nothing_counts_as_zero() -> None:
    nothing: list[dict[str, list[str]]] = [{}, {"q1": []}]
    for missing in nothing:
        found = measure(JUDGMENTS, {"q2": ["x", "a"], **missing})
        assert found[MRR] == pytest.approx([1 / 2, 0])
        assert found[RECALL] == pytest.approx([1 / 2, 0])


def test_an_interval_is_around_its_mean_and_narrower_with_more_queries() -> None:
    values = np.random.default_rng(3).random(400)
    few, many = interval(values[:40]), interval(values)
    assert few.low < few.mean < few.high
    assert many.high - many.low < few.high - few.low
    assert many.high - many.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_what_never_differs_has_no_spread() -> None:
    for values in (np.ones(5), np.ones(1)):
        assert interval(values) == interval(np.ones(9))
        assert significance(values, values) == 1


def test_a_difference_on_every_query_is_significant_and_one_by_chance_is_not() -> None:
    rng = np.random.default_rng(5)
    values = rng.random(60)
    assert significance(values + 0.05, values) < 0.001
    assert significance(values, values - 0.05) < 0.001
    assert significance(values + rng.normal(0, 0.1, 60), values) > 0.05
