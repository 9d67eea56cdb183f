"""What routing is meant to do, on panels where it is known what can be done. Seeded; margins are 95 % intervals."""

from __future__ import annotations

import numpy as np
import pytest

from bench.quality import routing_settings
from bench.quality.intervals import estimate, gain
from bench.quality.report import Setting

KEPT, SPENT = 0.95, 0.40


@pytest.fixture(scope="module")
def priced() -> list[Setting]:
    """Three panels, each with a router that is fitted on questions of its own."""
    return [routing_settings.priced(1000, seed) for seed in (1, 3, 4)]


def spent(priced: list[Setting], policy: str) -> float:
    return float(np.mean([setting.cost(policy) for setting in priced]))


@pytest.mark.parametrize("policy", ["cascade, 2 of 3 agree", "cascade, checked"])
def test_a_cascade_keeps_the_accuracy_for_a_fraction_of_the_cost(priced: list[Setting], policy: str) -> None:
    assert spent(priced, policy) <= SPENT
    for setting in priced:
        assert estimate(setting.trials[policy].right - KEPT * setting.best.right).low > 0


def test_a_learned_router_keeps_what_it_was_fitted_to_keep_for_a_fraction_of_the_cost(priced: list[Setting]) -> None:
    assert spent(priced, "learned") <= SPENT
    kept = np.concatenate([setting.trials["learned"].right - KEPT * setting.best.right for setting in priced])
    assert estimate(kept).high >= 0


def test_a_learned_router_beats_lots_of_the_same_cost(priced: list[Setting]) -> None:
    lots = "weighted, 7 in 10 small"
    learned, drawn = (np.concatenate([setting.trials[name].right for setting in priced]) for name in ("learned", lots))

    assert spent(priced, "learned") < spent(priced, lots) + 0.07
    assert gain(learned, drawn).low > 0


def test_weights_are_kept(priced: list[Setting]) -> None:
    assert spent(priced, "weighted, 7 in 10 small") == pytest.approx(0.7 / 25 + 0.3, abs=0.03)


def test_cost_takes_the_cheapest(priced: list[Setting]) -> None:
    assert spent(priced, "cost") == pytest.approx(1 / 25)


def test_semantic_finds_who_is_good_at_a_topic() -> None:
    found = routing_settings.specialised(600, 1)

    assert found.against_best("semantic").low > 0.05
    assert gain(found.trials["semantic"].right, found.trials["round-robin"].right).low > 0.05
    assert found.cost("semantic") == 1


def test_capability_keeps_long_texts_from_who_cannot_take_them() -> None:
    found = routing_settings.contexts(600, 1)

    assert found.against_best("cost").high < 0
    assert found.against_best("capability, cost").high >= 0
    assert found.cost("capability, cost") == pytest.approx((1 + 5) / 2 / 5, abs=0.05)
