from __future__ import annotations

from math import asin, pi

import numpy as np
import pytest

from bench.quality.simulation.panel import DECOY, RIGHT, SimulatedModel, SimulatedPanel

N = 20_000


def right(*models: SimulatedModel, samples: int = 1) -> np.ndarray:
    return SimulatedPanel(models).draw(N, np.random.default_rng(1), samples=samples).right


@pytest.mark.parametrize("shared", [0.0, 0.5, 1.0])
def test_accuracy_is_as_said_whatever_the_correlation(shared: float) -> None:
    made = right(SimulatedModel("a", 0.7, shared=shared), SimulatedModel("b", 0.3, shared=shared))

    assert made.mean(axis=(0, 2)) == pytest.approx([0.7, 0.3], abs=0.015)


@pytest.mark.parametrize(("shared", "kin", "correlation"), [(0.0, 0.0, 0.0), (0.5, 0.0, 0.5), (0.2, 0.6, 0.8)])
def test_errors_correlate_as_said(shared: float, kin: float, correlation: float) -> None:
    made = right(*(SimulatedModel(name, 0.5, shared=shared, family="f", kin=kin) for name in "ab"))

    both = float((made[:, 0, 0] * made[:, 1, 0]).mean())
    # The quadrant probability of a bivariate normal (W. F. Sheppard, 1899).
    assert both == pytest.approx(1 / 4 + asin(correlation) / (2 * pi), abs=0.012)


def test_models_of_other_families_have_only_the_difficulty_in_common() -> None:
    made = right(
        SimulatedModel("a", 0.5, shared=0.0, family="f", kin=1.0),
        SimulatedModel("b", 0.5, shared=0.0, family="g", kin=1.0),
    )

    assert float((made[:, 0, 0] * made[:, 1, 0]).mean()) == pytest.approx(1 / 4, abs=0.012)


def test_samples_of_a_steady_model_are_equal_and_of_an_unsteady_one_are_not() -> None:
    made = right(
        SimulatedModel("a", 0.5, shared=0.0, steady=1.0), SimulatedModel("b", 0.5, shared=0.0, steady=0.0), samples=2
    )

    steady, unsteady = (float((made[:, place, 0] == made[:, place, 1]).mean()) for place in (0, 1))
    assert steady == 1.0
    assert unsteady == pytest.approx(0.5, abs=0.015)


def test_accuracies_go_by_topic() -> None:
    panel = SimulatedPanel((SimulatedModel("a", 0.5, accuracies={"law": 0.9}),), topics=("law", "art"))
    outcomes = panel.draw(N, np.random.default_rng(1))

    law = np.array([topic == "law" for topic in outcomes.topics])
    assert outcomes.right[law].mean() == pytest.approx(0.9, abs=0.01)
    assert outcomes.right[~law].mean() == pytest.approx(0.5, abs=0.02)


def test_wrong_answers_are_the_decoy_as_often_as_said_and_otherwise_scattered() -> None:
    said = SimulatedPanel((SimulatedModel("a", 0.0001),), options=6, decoy=0.4).draw(N, np.random.default_rng(1)).said

    shares = np.bincount(said[said != RIGHT], minlength=6) / N
    assert shares[DECOY] == pytest.approx(0.4, abs=0.015)
    assert shares[2:] == pytest.approx([0.15] * 4, abs=0.01)


def test_the_best_model_is_so_over_all_topics() -> None:
    specialist, allrounder = SimulatedModel("a", 0.2, accuracies={"law": 0.9}), SimulatedModel("b", 0.6)

    assert SimulatedPanel((specialist, allrounder), topics=("law", "art")).best == 1
    assert SimulatedPanel((specialist, allrounder), topics=("law",)).best == 0


def test_equal_seeds_give_equal_answers() -> None:
    panel = SimulatedPanel((SimulatedModel("a", 0.5),))
    one, same, other = (panel.draw(100, np.random.default_rng(seed)).said for seed in (1, 1, 2))

    assert (one == same).all()
    assert (one != other).any()
